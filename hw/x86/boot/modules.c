/* -initrd for multiboot kernels: FILE[ arguments][,FILE[ arguments]...], each a module. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "core/util/range.h"
#include "hw/x86/boot/boot.h"

static bool load_one(struct x86_boot *boot, const char *text, size_t text_len, uint64_t *start,
                     struct boot_module *mod, struct vemu_error **errp)
{
    char subject[512];
    const struct boot_file *file = NULL;

    mod->args = strndup(text, text_len);
    char *path = strndup(text, strcspn(text, ", "));
    if (!mod->args || !path) {
        free(path);
        return error_set(errp, VEMU_ERROR_NO_MEMORY, "no memory for the module list");
    }
    file = boot_file_open(&boot->image, "-initrd", path, boot->low_top, errp);
    bool ok = file != NULL;
    uint64_t at = ok ? boot_place_after(boot, file->len, 4096, *start) : 0;
    snprintf(subject, sizeof subject, "-initrd %s", path);
    if (ok && !at) {
        ok = error_set(errp, VEMU_ERROR_INVALID,
                       "%s of %zu bytes does not fit into the machine's memory beside the kernel "
                       "(see -m)",
                       subject, file->len);
    } else if (ok) {
        ok = boot_add(&boot->image, subject, "module", at, file->len, file->data, file->len, NULL,
                      errp);
        mod->start = (uint32_t)at;
        mod->end = (uint32_t)(at + file->len);
        *start = at + file->len;
    }
    free(path);
    return ok;
}

bool boot_modules_load(struct x86_boot *boot, uint64_t start, struct boot_modules *mods,
                       struct vemu_error **errp)
{
    const char *p = boot->image.initrd_path;
    mods->count = 0;
    while (p && *p) {
        size_t len = strcspn(p, ",");
        if (mods->count == BOOT_MAX_MODULES)
            return error_set(errp, VEMU_ERROR_INVALID, "-initrd lists more than %d modules",
                             BOOT_MAX_MODULES);
        mods->item[mods->count] = (struct boot_module){0};
        if (!load_one(boot, p, len, &start, &mods->item[mods->count++], errp))
            return false;
        p += len;
        p += *p == ',';
    }
    return true;
}

void boot_modules_free(struct boot_modules *mods)
{
    for (unsigned i = 0; i < mods->count; i++)
        free(mods->item[i].args);
    mods->count = 0;
}
