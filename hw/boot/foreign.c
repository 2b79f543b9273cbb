/* See foreign.h. */
#include "hw/boot/foreign.h"

#include <string.h>
#include "core/util/endian.h"
#include "core/util/range.h"
#include "hw/arm/boot.h"
#include "hw/boot/elf.h"
#include "hw/boot/image.h"
#include "hw/x86/boot/boot.h"

enum { ELF_MACHINE = 18, ELF_HEADER = 52 };

/* ELF: e_machine of what there are machines for. */
static const struct {
    uint16_t machine;
    const char *arch;
} elf_archs[] = {{3, "i386"}, {40, "arm"}, {62, "x86_64"}, {183, "aarch64"}};

/* NULL: it cannot be told. */
static const char *arch_of_kernel(const uint8_t *data, size_t len)
{
    unsigned arm = arm_kernel_bits(data, len);

    if (bzimage_is(data, len))
        return "x86_64";
    if (arm)
        return arm == 64 ? "aarch64" : "arm";
    for (size_t n = 0; elf_is(data, len) && len >= ELF_HEADER && n < ARRAY_SIZE(elf_archs); n++) {
        if (load_le16(data + ELF_MACHINE) == elf_archs[n].machine)
            return elf_archs[n].arch;
    }
    return NULL;
}

bool boot_kernel_is_foreign(const struct boot_image *image, const char *const own[2],
                            struct vemu_error **errp)
{
    const char *arch = arch_of_kernel(image->kernel, image->kernel_len);

    if (!arch || strcmp(arch, own[0]) == 0 || strcmp(arch, own[1]) == 0)
        return false;
    error_set(errp, VEMU_ERROR_INVALID,
              "-kernel %s is a kernel for %s, and this machine is for %s; use --arch %s "
              "(vemu-system-%s)",
              image->kernel_path, arch, own[0], arch, arch);
    return true;
}
