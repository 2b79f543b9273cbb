/* Firmware files; see firmware.h. */
#include "core/util/firmware.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/util/error.h"
#include "core/util/range.h"

enum { QUOTE_MAX = 80 };

/* Debian's and Fedora's places. */
static const char *const places[] = {
    "/usr/share/seabios",
    "/usr/share/vgabios",
    "/usr/share/ovmf",
    "/usr/share/OVMF",
    "/usr/share/edk2/ovmf",
    "/usr/share/AAVMF",
    "/usr/share/qemu-efi-aarch64",
    "/usr/share/edk2/aarch64",
    "/usr/lib/ipxe/qemu",
    "/usr/share/ipxe/qemu",
    "/usr/share/qemu",
    NULL,
};

/* By how the names begin, or end. */
static const struct {
    const char *begins, *ends, *package;
} packages[] = {
    {"bios", ".bin", "seabios"},
    {"vgabios", ".bin", "seabios"},
    {"OVMF", ".fd", "ovmf"},
    {"pxe-", ".rom", "ipxe-qemu"},
    {"efi-", ".rom", "ipxe-qemu"},
    {"AAVMF", ".fd", "qemu-efi-aarch64"},
    {"QEMU_EFI", ".fd", "qemu-efi-aarch64"},
};

const char *firmware_package(const char *name)
{
    for (unsigned i = 0; i < ARRAY_SIZE(packages); i++) {
        size_t len = strlen(name), end = strlen(packages[i].ends);
        if (strncmp(name, packages[i].begins, strlen(packages[i].begins)) == 0 && len > end &&
            strcmp(name + len - end, packages[i].ends) == 0)
            return packages[i].package;
    }
    return NULL;
}

static char *look_in(const char *const *dirs, const char *name)
{
    for (; dirs && *dirs; dirs++) {
        char *path;
        if (asprintf(&path, "%s/%s", *dirs, name) < 0)
            return NULL;
        if (access(path, R_OK) == 0)
            return path;
        free(path);
    }
    return NULL;
}

char *firmware_find(const char *origin, const char *name, const char *const *dirs,
                    struct vemu_error **errp)
{
    bool is_path = strchr(name, '/') || access(name, R_OK) == 0;
    char *path = is_path ? strdup(name) : look_in(dirs, name);
    const char *package = firmware_package(name);

    if (!path && !is_path)
        path = look_in(places, name);
    if (path)
        return path;
    if (package)
        error_set(errp, VEMU_ERROR_NOT_FOUND,
                  "%s: the firmware file '%.*s' is not installed; it is in the package %s", origin,
                  QUOTE_MAX, name, package);
    else
        error_set(errp, VEMU_ERROR_NOT_FOUND,
                  "%s: the firmware file '%.*s' is neither here nor where firmware is installed; "
                  "give its path, or its directory with -L",
                  origin, QUOTE_MAX, name);
    return NULL;
}
