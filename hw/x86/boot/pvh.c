/* PVH boot: an ELF kernel whose Xen note names a 32-bit entry point, started with a pointer to
 * struct hvm_start_info in EBX (Xen's "x86/HVM direct boot ABI", docs/misc/pvh; its public
 * elfnote.h names the note). */
#include <stdio.h>
#include <string.h>
#include "core/util/endian.h"
#include "core/util/range.h"
#include "hw/x86/boot/boot.h"

#define START_MAGIC 0x336ec578u
enum {
    START_VERSION = 4,
    START_NR_MODULES = 12,
    START_MODLIST = 16,
    START_CMDLINE = 24,
    START_RSDP = 32,
    START_MEMMAP = 40,
    START_MEMMAP_ENTRIES = 48,
    START_SIZE = 56,
    MODULE_SIZE = 32,
    MEMMAP_SIZE = 24,
};

enum { EM_386 = 3, EM_X86_64 = 62, XEN_ELFNOTE_PHYS32_ENTRY = 18 };

const struct elf_wanted x86_elf_wanted = {{EM_386, EM_X86_64}, "an x86 kernel"};

bool elf_find_pvh(const uint8_t *data, size_t len, uint32_t *entry)
{
    return elf_find_note(data, len, "Xen", XEN_ELFNOTE_PHYS32_ENTRY, entry);
}

bool pvh_load(struct x86_boot *boot, struct vemu_error **errp)
{
    struct elf_image image;
    uint32_t entry;
    uint8_t start[START_SIZE] = {0}, module[MODULE_SIZE] = {0}, map[E820_MAX * MEMMAP_SIZE] = {0};
    char subject[512];
    uint64_t at;

    if (!elf_load(&boot->image, &x86_elf_wanted, &image, errp))
        return false;
    if (!elf_find_pvh(boot->image.kernel, boot->image.kernel_len, &entry))
        return error_set(errp, VEMU_ERROR_FORMAT, "-kernel %s has no PVH entry note",
                         boot->image.kernel_path);
    store_le32(start, START_MAGIC);
    store_le32(start + START_VERSION, 1);
    store_le64(start + START_RSDP, boot->rsdp);

    if (boot->image.initrd_path) {
        const struct boot_file *file =
            boot_file_open(&boot->image, "-initrd", boot->image.initrd_path, boot->low_top, errp);
        if (!file)
            return false;
        at = boot_place_high(boot, file->len, 4096, boot->low_top);
        if (!at)
            return error_set(errp, VEMU_ERROR_INVALID,
                             "-initrd %s of %zu bytes does not fit into the machine's memory "
                             "beside the kernel (see -m)",
                             boot->image.initrd_path, file->len);
        snprintf(subject, sizeof subject, "-initrd %s", boot->image.initrd_path);
        if (!boot_add(&boot->image, subject, "initrd", at, file->len, file->data, file->len, NULL,
                      errp))
            return false;
        store_le64(module, at);
        store_le64(module + 8, file->len);
        at = boot_add_low(boot, "module list", module, sizeof module, 8, errp);
        if (!at)
            return false;
        store_le32(start + START_NR_MODULES, 1);
        store_le64(start + START_MODLIST, at);
    }

    at = boot_add_low(boot, "command line", boot->image.cmdline, strlen(boot->image.cmdline) + 1,
                      16, errp);
    if (!at)
        return false;
    store_le64(start + START_CMDLINE, at);

    for (unsigned i = 0; i < boot->e820_count; i++) {
        store_le64(map + MEMMAP_SIZE * i, boot->e820[i].addr);
        store_le64(map + MEMMAP_SIZE * i + 8, boot->e820[i].size);
        store_le32(map + MEMMAP_SIZE * i + 16, boot->e820[i].type);
    }
    at = boot_add_low(boot, "memory map", map, sizeof map, 8, errp);
    if (!at)
        return false;
    store_le64(start + START_MEMMAP, at);
    store_le32(start + START_MEMMAP_ENTRIES, boot->e820_count);

    at = boot_add_low(boot, "start info", start, sizeof start, 8, errp);
    if (!at)
        return false;
    boot->entry.kind = BOOT_FLAT32;
    boot->entry.rip = entry;
    boot->entry.rbx = at;
    return boot_make_tables(boot, errp);
}
