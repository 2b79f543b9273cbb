/* Multiboot Specification version 0.6.96: OS image format, machine state, boot information format.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "core/util/endian.h"
#include "core/util/range.h"
#include "hw/x86/boot/boot.h"

#define HEADER_MAGIC 0x1badb002u
#define BOOT_MAGIC 0x2badb002u
enum { HEADER_SEARCH = 8192 };
enum {
    H_FLAGS = 4,
    H_HEADER_ADDR = 12,
    H_LOAD_ADDR = 16,
    H_LOAD_END = 20,
    H_BSS_END = 24,
    H_ENTRY = 28,
    H_SIZE = 32, /* with the address fields */
};
/* Bits 0-15 are requirements: page-aligned modules, memory information, video mode (which text mode
 * satisfies). */
enum { FLAGS_REQUIRED = 0xffff, FLAGS_KNOWN = 7, FLAG_ADDRESSES = 1 << 16 };
enum {
    I_FLAGS = 0,
    I_MEM_LOWER = 4,
    I_MEM_UPPER = 8,
    I_CMDLINE = 16,
    I_MODS_COUNT = 20,
    I_MODS_ADDR = 24,
    I_MMAP_LENGTH = 44,
    I_MMAP_ADDR = 48,
    I_LOADER_NAME = 64,
    I_SIZE = 120,
    INFO_MEM = 1 << 0,
    INFO_CMDLINE = 1 << 2,
    INFO_MODS = 1 << 3,
    INFO_MMAP = 1 << 6,
    INFO_LOADER_NAME = 1 << 9,
    MMAP_ENTRY = 24,
    MODULE_ENTRY = 16,
};

/* Offset of the header, or -1. */
static long find_header(const uint8_t *data, size_t len)
{
    for (size_t i = 0; i + 12 <= MIN(len, (size_t)HEADER_SEARCH); i += 4) {
        if (load_le32(data + i) == HEADER_MAGIC &&
            !(uint32_t)(HEADER_MAGIC + load_le32(data + i + H_FLAGS) + load_le32(data + i + 8)))
            return (long)i;
    }
    return -1;
}

bool multiboot_is(const uint8_t *data, size_t len)
{
    return find_header(data, len) >= 0;
}

bool multiboot_place(struct x86_boot *boot, const struct multiboot_addresses *a, size_t at,
                     struct elf_image *image, struct vemu_error **errp)
{
    char subject[512];
    if (a->load > a->header || a->header - a->load > at)
        return error_set(errp, VEMU_ERROR_FORMAT,
                         "-kernel %s: %s load address 0x%llx does not agree with the header's "
                         "address 0x%llx at file offset 0x%zx",
                         boot->image.kernel_path, a->kind, (unsigned long long)a->load,
                         (unsigned long long)a->header, at);
    uint64_t offset = at - (a->header - a->load);
    uint64_t filesz = a->load_end ? a->load_end - a->load : boot->image.kernel_len - offset;
    if ((a->load_end && a->load_end < a->load) ||
        !range_fits(offset, filesz, boot->image.kernel_len))
        return error_set(errp, VEMU_ERROR_FORMAT,
                         "-kernel %s is truncated: its %s header loads up to 0x%llx, the file has "
                         "%zu bytes",
                         boot->image.kernel_path, a->kind, (unsigned long long)a->load_end,
                         boot->image.kernel_len);
    uint64_t memsz = a->bss_end > a->load + filesz ? a->bss_end - a->load : filesz;
    snprintf(subject, sizeof subject, "-kernel %s", boot->image.kernel_path);
    image->low = a->load;
    image->high = a->load + memsz;
    return boot_add(&boot->image, subject, "kernel", a->load, memsz, boot->image.kernel + offset,
                    (size_t)filesz, NULL, errp);
}

static bool load_addresses(struct x86_boot *boot, size_t at, struct elf_image *image,
                           struct vemu_error **errp)
{
    const uint8_t *h = boot->image.kernel + at;
    if (!range_fits(at, H_SIZE, boot->image.kernel_len))
        return error_set(errp, VEMU_ERROR_FORMAT,
                         "-kernel %s is truncated inside its multiboot header",
                         boot->image.kernel_path);
    const struct multiboot_addresses a = {.kind = "multiboot",
                                          .header = load_le32(h + H_HEADER_ADDR),
                                          .load = load_le32(h + H_LOAD_ADDR),
                                          .load_end = load_le32(h + H_LOAD_END),
                                          .bss_end = load_le32(h + H_BSS_END)};
    *image = (struct elf_image){.entry = load_le32(h + H_ENTRY)};
    return multiboot_place(boot, &a, at, image, errp);
}

static uint32_t memory_map(struct x86_boot *boot, struct vemu_error **errp)
{
    uint8_t map[E820_MAX * MMAP_ENTRY] = {0};
    for (unsigned i = 0; i < boot->e820_count; i++) {
        uint8_t *e = map + MMAP_ENTRY * i;
        store_le32(e, MMAP_ENTRY - 4);
        store_le64(e + 4, boot->e820[i].addr);
        store_le64(e + 12, boot->e820[i].size);
        store_le32(e + 20, boot->e820[i].type);
    }
    return (uint32_t)boot_add_low(boot, "memory map", map, boot->e820_count * MMAP_ENTRY, 8, errp);
}

static uint32_t add_string(struct x86_boot *boot, const char *name, const char *text,
                           struct vemu_error **errp)
{
    return (uint32_t)boot_add_low(boot, name, text, strlen(text) + 1, 4, errp);
}

static bool make_info(struct x86_boot *boot, const struct boot_modules *mods,
                      struct vemu_error **errp)
{
    uint8_t info[I_SIZE] = {0}, list[BOOT_MAX_MODULES * MODULE_ENTRY] = {0};
    uint32_t at;

    for (unsigned i = 0; i < mods->count; i++) {
        at = add_string(boot, "module arguments", mods->item[i].args, errp);
        if (!at)
            return false;
        store_le32(list + MODULE_ENTRY * i, mods->item[i].start);
        store_le32(list + MODULE_ENTRY * i + 4, mods->item[i].end);
        store_le32(list + MODULE_ENTRY * i + 8, at);
    }
    if (mods->count) {
        at = (uint32_t)boot_add_low(boot, "module list", list, mods->count * MODULE_ENTRY, 4, errp);
        if (!at)
            return false;
        store_le32(info + I_MODS_ADDR, at);
    }
    store_le32(info + I_MODS_COUNT, mods->count);

    /* The file name comes first, as boot loaders pass it. */
    size_t len = strlen(boot->image.kernel_path) + strlen(boot->image.cmdline) + 2;
    char *cmdline = malloc(len);
    if (!cmdline)
        return error_set(errp, VEMU_ERROR_NO_MEMORY, "no memory for the command line");
    snprintf(cmdline, len, "%s%s%s", boot->image.kernel_path, *boot->image.cmdline ? " " : "",
             boot->image.cmdline);
    at = add_string(boot, "command line", cmdline, errp);
    free(cmdline);
    if (!at)
        return false;
    store_le32(info + I_CMDLINE, at);

    uint32_t name = add_string(boot, "loader name", "vemu", errp);
    uint32_t map = name ? memory_map(boot, errp) : 0;
    if (!map)
        return false;
    store_le32(info + I_LOADER_NAME, name);
    store_le32(info + I_MMAP_ADDR, map);
    store_le32(info + I_MMAP_LENGTH, boot->e820_count * MMAP_ENTRY);
    store_le32(info + I_MEM_LOWER, BOOT_EBDA >> 10);
    store_le32(info + I_MEM_UPPER, (uint32_t)((boot->low_top - BOOT_HIGH_START) >> 10));
    store_le32(info + I_FLAGS, INFO_MEM | INFO_CMDLINE | INFO_MODS | INFO_MMAP | INFO_LOADER_NAME);
    boot->entry.rbx = boot_add_low(boot, "multiboot information", info, sizeof info, 8, errp);
    return boot->entry.rbx != 0;
}

bool multiboot_load(struct x86_boot *boot, struct vemu_error **errp)
{
    size_t at = (size_t)find_header(boot->image.kernel, boot->image.kernel_len);
    uint32_t flags = load_le32(boot->image.kernel + at + H_FLAGS);
    struct elf_image image = {0};
    struct boot_modules mods;

    if (flags & FLAGS_REQUIRED & ~FLAGS_KNOWN)
        return error_set(errp, VEMU_ERROR_UNSUPPORTED,
                         "-kernel %s: multiboot flags 0x%x require features this loader does not "
                         "know; only bits 0 to 2 are supported",
                         boot->image.kernel_path, flags);
    if (flags & FLAG_ADDRESSES) {
        if (!load_addresses(boot, at, &image, errp))
            return false;
    } else if (!elf_is(boot->image.kernel, boot->image.kernel_len)) {
        return error_set(errp, VEMU_ERROR_FORMAT,
                         "-kernel %s has a multiboot header without load addresses, but is no ELF "
                         "file",
                         boot->image.kernel_path);
    } else if (!elf_load(&boot->image, &x86_elf_wanted, &image, errp)) {
        return false;
    }

    bool ok = boot_modules_load(boot, image.high, &mods, errp) && make_info(boot, &mods, errp);
    boot_modules_free(&mods);
    boot->entry.kind = BOOT_FLAT32;
    boot->entry.rip = (uint32_t)image.entry;
    boot->entry.rax = BOOT_MAGIC;
    return ok && boot_make_tables(boot, errp);
}
