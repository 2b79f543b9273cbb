/* Choosing the loader of a direct boot by content. */
#include <stdlib.h>
#include <string.h>
#include "hw/x86/boot/boot.h"

static bool load_kernel(struct x86_boot *boot, struct vemu_error **errp)
{
    const uint8_t *data = boot->kernel;
    size_t len = boot->kernel_len;
    uint32_t entry;

    if (bzimage_is(data, len))
        return bzimage_load(boot, errp);
    /* An image may carry several headers: the richer protocol goes first. */
    if (multiboot2_is(data, len))
        return multiboot2_load(boot, errp);
    if (multiboot_is(data, len))
        return multiboot_load(boot, errp);
    if (elf_is(data, len)) {
        if (elf_find_pvh(data, len, &entry))
            return pvh_load(boot, errp);
        return error_set(errp, VEMU_ERROR_FORMAT,
                         "-kernel %s is an ELF file without a PVH entry note or multiboot header; "
                         "a bzImage or a kernel built with CONFIG_PVH is expected",
                         boot->kernel_path);
    }
    return error_set(errp, VEMU_ERROR_FORMAT,
                     "-kernel %s is not a kernel: neither a bzImage nor an ELF file with a PVH "
                     "note nor a multiboot image",
                     boot->kernel_path);
}

bool x86_boot_load(struct x86_boot *boot, const char *kernel, const char *initrd,
                   const char *append, struct vemu_error **errp)
{
    /* What fits at most: memory above 1 MiB. */
    uint64_t limit = boot->low_top - BOOT_HIGH_START;
    boot->kernel_path = kernel;
    boot->initrd_path = initrd;
    boot->cmdline = strdup(append ? append : "");
    if (!boot->cmdline)
        return error_set(errp, VEMU_ERROR_NO_MEMORY, "no memory for the command line");
    const struct boot_file *file = boot_file_open(boot, "-kernel", kernel, limit, errp);
    boot->kernel = file ? file->data : NULL;
    boot->kernel_len = file ? file->len : 0;
    bool ok = file && load_kernel(boot, errp);
    boot->kernel_path = boot->initrd_path = NULL;
    boot->kernel = NULL;
    return ok;
}
