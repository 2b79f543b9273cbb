/* Choosing the loader of a direct boot by content. */
#include "hw/x86/boot/boot.h"

#include "hw/boot/foreign.h"

static bool load_kernel(struct x86_boot *boot, struct vemu_error **errp)
{
    static const char *const own[2] = {"x86_64", "i386"};
    const uint8_t *data = boot->image.kernel;
    size_t len = boot->image.kernel_len;
    uint32_t entry;

    if (bzimage_is(data, len))
        return bzimage_load(boot, errp);
    /* An image may carry several headers: the richer protocol goes first. */
    if (multiboot2_is(data, len))
        return multiboot2_load(boot, errp);
    if (multiboot_is(data, len))
        return multiboot_load(boot, errp);
    if (boot_kernel_is_foreign(&boot->image, own, errp))
        return false;
    if (elf_is(data, len)) {
        if (elf_find_pvh(data, len, &entry))
            return pvh_load(boot, errp);
        return error_set(errp, VEMU_ERROR_FORMAT,
                         "-kernel %s is an ELF file without a PVH entry note or multiboot header; "
                         "a bzImage or a kernel built with CONFIG_PVH is expected",
                         boot->image.kernel_path);
    }
    return error_set(errp, VEMU_ERROR_FORMAT,
                     "-kernel %s is not a kernel: neither a bzImage nor an ELF file with a PVH "
                     "note nor a multiboot image",
                     boot->image.kernel_path);
}

bool x86_boot_load(struct x86_boot *boot, const char *kernel, const char *initrd,
                   const char *append, struct vemu_error **errp)
{
    struct boot_image *image = &boot->image;
    image->ram[0] = (struct boot_range){0, BOOT_EBDA};
    image->ram[1] = (struct boot_range){BOOT_HIGH_START, boot->low_top - BOOT_HIGH_START};
    image->ram[2] = (struct boot_range){BOOT_4G, boot->above_size};
    image->ram_ranges = 3;
    /* What fits at most: memory above 1 MiB. */
    bool ok = boot_image_begin(image, kernel, initrd, append, image->ram[1].size, errp) &&
              load_kernel(boot, errp);
    boot_image_end(image);
    return ok;
}
