/* Option ROM for -kernel under a BIOS; see kernel_rom.h. */
#include "hw/x86/kernel_rom.h"

#include <stdint.h>
#include <string.h>

#include "core/util/error.h"
#include "hw/firmware/fw_cfg.h"

#if defined(__x86_64__) || defined(__i386__)
enum { ROM_SIZE = 1024, PNP_POINTER = 0x1a, PNP_CHECKSUM = 9, PNP_SIZE = 32 };
extern const uint8_t x86_kernel_rom[ROM_SIZE];

bool kernel_rom_publish(struct device *fw_cfg, struct vemu_error **errp)
{
    uint8_t rom[ROM_SIZE], sum = 0;

    memcpy(rom, x86_kernel_rom, sizeof rom);
    /* The header's bytes add up to 0, and all of them do. */
    uint8_t *pnp = rom + rom[PNP_POINTER];
    for (unsigned i = 0; i < PNP_SIZE; i++)
        sum += pnp[i];
    pnp[PNP_CHECKSUM] = (uint8_t)-sum;
    sum = 0;
    for (unsigned i = 0; i < ROM_SIZE; i++)
        sum += rom[i];
    rom[ROM_SIZE - 1] = (uint8_t)-sum;
    return fw_cfg_add_file(fw_cfg, KERNEL_ROM_PATH + sizeof "/rom@" - 1, rom, ROM_SIZE, errp);
}
#else
bool kernel_rom_publish(struct device *fw_cfg, struct vemu_error **errp)
{
    (void)fw_cfg, (void)errp;
    return true; /* UEFI firmware starts the kernel, a BIOS does not */
}
#endif
