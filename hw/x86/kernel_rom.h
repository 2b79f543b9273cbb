/*
 * Option ROM for -kernel under a BIOS, as the fw_cfg file that SeaBIOS looks for. OVMF ignores it
 * and takes the kernel from fw_cfg itself. It is assembled where the library is built for an x86
 * host.
 */
#ifndef HW_X86_KERNEL_ROM_H
#define HW_X86_KERNEL_ROM_H

#include <stdbool.h>

struct device;
struct vemu_error;

/* Its place in the boot order. */
#define KERNEL_ROM_PATH "/rom@genroms/linuxboot.bin"

/* Bytes of a kernel's setup code that it has room for. */
enum { KERNEL_ROM_SETUP_MAX = 0x8000 };

bool kernel_rom_publish(struct device *fw_cfg, struct vemu_error **errp);

#endif
