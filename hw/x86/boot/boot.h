/*
 * Direct kernel boot without firmware: kernel, initrd and command line to a list of blobs to be
 * written into RAM, and the registers the first instruction finds.
 *
 * The list is made once, when the board is created, and applied on every machine reset, so a guest
 * that overwrote its kernel starts afresh. Files are hostile: every offset, size and address in
 * them is checked, and what is wrong with one is said in a sentence that names it. Used before the
 * machine runs and, x86_boot_apply, with the machine lock held and vCPUs paused.
 */
#ifndef HW_X86_BOOT_BOOT_H
#define HW_X86_BOOT_BOOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "core/util/error.h"
#include "hw/boot/elf.h"
#include "hw/boot/image.h"

struct vemu_machine;
struct vcpu;

enum { E820_RAM = 1, E820_RESERVED = 2, E820_ACPI = 3, E820_NVS = 4 };
enum { E820_MAX = 16 };
struct e820_entry {
    uint64_t addr, size;
    uint32_t type;
};

#define BOOT_LOW_END 0x9f000u  /* conventional memory that boot structures may use */
#define BOOT_LOW_START 0x1000u /* above the interrupt vectors and the BIOS data area */
#define BOOT_EBDA 0x9fc00u     /* conventional memory ends here for the guest */
#define BOOT_HIGH_START 0x100000u
#define BOOT_4G (UINT64_C(1) << 32)

enum boot_kind {
    BOOT_NONE,   /* the vCPU starts at its reset vector */
    BOOT_FLAT32, /* protected mode, flat segments, no paging */
    BOOT_LONG64, /* long mode, identity-mapped */
};

struct boot_entry {
    enum boot_kind kind;
    uint64_t rip, rax, rbx, rsi, rsp;
    uint64_t cr3, gdt;
};

struct x86_boot {
    struct boot_image image;
    uint64_t low_top;    /* end of RAM for the guest below 4 GiB: ACPI tables lie above */
    uint64_t above_size; /* RAM from 4 GiB on */
    struct e820_entry e820[E820_MAX];
    unsigned e820_count;
    uint64_t rsdp;            /* address, 0: no ACPI */
    const uint8_t *rsdp_copy; /* its 36 bytes, or NULL; valid while loading */
    bool long_mode;           /* the CPU model has it */

    struct boot_entry entry;
};

void x86_boot_init(struct x86_boot *boot);
void x86_boot_free(struct x86_boot *boot);
bool x86_boot_add_e820(struct x86_boot *boot, uint64_t addr, uint64_t size, uint32_t type);

/*
 * Load what -kernel, -initrd and -append name: a bzImage, an ELF file with a PVH note, or a
 * multiboot 1 or 2 image, told apart by content. low_top, above_size, e820, rsdp and long_mode are
 * set before.
 */
bool x86_boot_load(struct x86_boot *boot, const char *kernel, const char *initrd,
                   const char *append, struct vemu_error **errp);
/* Write the blobs to RAM and set the bootstrap processor's registers. false: a file is not what it
 * was when it was loaded, or can not be read again; nothing was written. */
bool x86_boot_apply(struct x86_boot *boot, struct vemu_machine *m, struct vemu_error **errp);

/* ---- for the loaders in this directory ------------------------------------------------------- */

/* First free place of size bytes in conventional memory; 0: none. */
uint64_t boot_place_low(const struct x86_boot *boot, uint64_t size, uint64_t align);
/* Highest free place of size bytes that ends at or below `end`, above 1 MiB and below 4 GiB; 0:
 * none. */
uint64_t boot_place_high(const struct x86_boot *boot, uint64_t size, uint64_t align, uint64_t end);
/* Lowest such place at or above start. */
uint64_t boot_place_after(const struct x86_boot *boot, uint64_t size, uint64_t align,
                          uint64_t start);
/* Copies data to conventional memory; returns where, or 0 with the error set. */
uint64_t boot_add_low(struct x86_boot *boot, const char *name, const void *data, size_t len,
                      uint64_t align, struct vemu_error **errp);
/* GDT (and page tables for long mode) for boot->entry. */
bool boot_make_tables(struct x86_boot *boot, struct vemu_error **errp);

/* The entry that the note for PVH names. Only looks; nothing is added. */
bool elf_find_pvh(const uint8_t *data, size_t len, uint32_t *entry);
extern const struct elf_wanted x86_elf_wanted;

/* An image whose multiboot header, at file offset `at`, itself says where it goes. */
struct multiboot_addresses {
    const char *kind; /* "multiboot", for errors */
    uint64_t header, load, load_end, bss_end;
};
bool multiboot_place(struct x86_boot *boot, const struct multiboot_addresses *a, size_t at,
                     struct elf_image *image, struct vemu_error **errp);

/* The loaders; boot->image.kernel is read, the rest of boot as for x86_boot_load. */
bool bzimage_is(const uint8_t *data, size_t len);
/* For setup code that firmware starts: what a boot loader makes of vga= in the command line. */
void bzimage_set_video_mode(uint8_t *setup, size_t len, const char *cmdline);
bool bzimage_load(struct x86_boot *boot, struct vemu_error **errp);
bool pvh_load(struct x86_boot *boot, struct vemu_error **errp);
bool multiboot_is(const uint8_t *data, size_t len);
bool multiboot_load(struct x86_boot *boot, struct vemu_error **errp);
bool multiboot2_is(const uint8_t *data, size_t len);
bool multiboot2_load(struct x86_boot *boot, struct vemu_error **errp);

/* modules.c: -initrd FILE[ args][,FILE...] for multiboot, placed from `start` on. */
enum { BOOT_MAX_MODULES = 64 };
struct boot_module {
    uint32_t start, end;
    char *args; /* file name and arguments */
};
struct boot_modules {
    struct boot_module item[BOOT_MAX_MODULES];
    unsigned count;
};
bool boot_modules_load(struct x86_boot *boot, uint64_t start, struct boot_modules *mods,
                       struct vemu_error **errp);
void boot_modules_free(struct boot_modules *mods);

#endif
