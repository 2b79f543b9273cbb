/*
 * Software of another architecture than the machine's: it is known by its headers, so that the
 * sentence that refuses it can say what would be right. The formats themselves are the business of
 * the loaders (hw/x86/boot, hw/arm/boot.c).
 */
#ifndef HW_BOOT_FOREIGN_H
#define HW_BOOT_FOREIGN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "core/util/error.h"

struct boot_image;

/* Is image->kernel of neither of the architectures, as --arch names them? Then an error says whose
 * it is. false: it is one of them, or cannot be told. */
bool boot_kernel_is_foreign(const struct boot_image *image, const char *const own[2],
                            struct vemu_error **errp);

#endif
