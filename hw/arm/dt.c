/* Device trees; see dt.h. */
#include "hw/arm/dt.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "config.h"
#include "core/util/endian.h"
#include "core/util/error.h"
#include "core/util/library.h"
#include "core/util/range.h"

#if CONFIG_FDT
#include <libfdt.h>

/* X(function) */
#define FUNCTIONS(X)                                                                               \
    X(fdt_create)                                                                                  \
    X(fdt_finish_reservemap)                                                                       \
    X(fdt_begin_node)                                                                              \
    X(fdt_property)                                                                                \
    X(fdt_end_node)                                                                                \
    X(fdt_finish)                                                                                  \
    X(fdt_check_full)                                                                              \
    X(fdt_open_into)                                                                               \
    X(fdt_path_offset)                                                                             \
    X(fdt_add_subnode)                                                                             \
    X(fdt_setprop)                                                                                 \
    X(fdt_setprop_inplace)                                                                         \
    X(fdt_getprop)                                                                                 \
    X(fdt_pack)                                                                                    \
    X(fdt_strerror)

struct library {
    void *handle;
#define X(name) __typeof__(&name) name;
    FUNCTIONS(X)
#undef X
};

struct dt {
    struct library lib;
    uint8_t *blob; /* DT_SIZE_MAX bytes */
    bool opened;   /* rather than made here */
    int error;     /* the first, of libfdt's; 0: none */
};

static bool open_library(struct library *lib, struct vemu_error **errp)
{
    lib->handle = dlopen(CONFIG_FDT_SONAME, RTLD_NOW | RTLD_LOCAL);
    if (!lib->handle)
        return error_set(errp, VEMU_ERROR_UNSUPPORTED,
                         "a device tree needs the library " CONFIG_FDT_SONAME " (package libfdt1)");
#define X(name)                                                                                    \
    if (!library_symbol(lib->handle, #name, &lib->name)) {                                         \
        dlclose(lib->handle);                                                                      \
        lib->handle = NULL;                                                                        \
        return error_set(errp, VEMU_ERROR_UNSUPPORTED,                                             \
                         CONFIG_FDT_SONAME " has no function " #name);                             \
    }
    FUNCTIONS(X)
#undef X
    return true;
}

void dt_free(struct dt *dt)
{
    if (!dt)
        return;
    if (dt->lib.handle)
        dlclose(dt->lib.handle);
    free(dt->blob);
    free(dt);
}

static struct dt *new_dt(struct vemu_error **errp)
{
    struct dt *dt = calloc(1, sizeof *dt);
    if (dt)
        dt->blob = calloc(1, DT_SIZE_MAX);
    if (!dt || !dt->blob)
        error_set(errp, VEMU_ERROR_NO_MEMORY, "no memory for a device tree");
    else if (open_library(&dt->lib, errp))
        return dt;
    dt_free(dt);
    return NULL;
}

static void note(struct dt *dt, int result)
{
    if (result < 0 && !dt->error)
        dt->error = result;
}

struct dt *dt_new(struct vemu_error **errp)
{
    struct dt *dt = new_dt(errp);
    if (!dt)
        return NULL;
    note(dt, dt->lib.fdt_create(dt->blob, DT_SIZE_MAX));
    note(dt, dt->lib.fdt_finish_reservemap(dt->blob));
    return dt;
}

struct dt *dt_open(const char *subject, const void *data, size_t len, struct vemu_error **errp)
{
    struct dt *dt = new_dt(errp);
    if (!dt)
        return NULL;
    int error = dt->lib.fdt_check_full(data, len);
    if (!error)
        error = dt->lib.fdt_open_into(data, dt->blob, DT_SIZE_MAX);
    dt->opened = true;
    if (!error)
        return dt;
    error_set(errp, VEMU_ERROR_FORMAT, "%s is not a device tree: %s", subject,
              dt->lib.fdt_strerror(error));
    dt_free(dt);
    return NULL;
}

bool dt_finish(struct dt *dt, uint8_t **blob, uint32_t *len, struct vemu_error **errp)
{
    if (!dt->error && !dt->opened)
        note(dt, dt->lib.fdt_finish(dt->blob));
    if (!dt->error && dt->opened)
        note(dt, dt->lib.fdt_pack(dt->blob));
    bool ok = !dt->error;
    *blob = NULL;
    *len = fdt_totalsize(dt->blob);
    if (ok)
        *blob = malloc(*len);
    if (*blob)
        memcpy(*blob, dt->blob, *len);
    else if (ok)
        ok = error_set(errp, VEMU_ERROR_NO_MEMORY, "no memory for a device tree of %u bytes", *len);
    else
        error_set(errp, VEMU_ERROR_INVALID, "the device tree cannot be made: %s",
                  dt->lib.fdt_strerror(dt->error));
    dt_free(dt);
    return ok;
}

/* ---- filling --------------------------------------------------------------------------------- */

void dt_begin(struct dt *dt, const char *name)
{
    note(dt, dt->lib.fdt_begin_node(dt->blob, name));
}

void dt_end(struct dt *dt)
{
    note(dt, dt->lib.fdt_end_node(dt->blob));
}

void dt_bytes(struct dt *dt, const char *prop, const void *data, size_t len)
{
    note(dt, dt->lib.fdt_property(dt->blob, prop, data, (int)len));
}

/* ---- changing -------------------------------------------------------------------------------- */

static int find_or_add(struct dt *dt, const char *path)
{
    int node = dt->lib.fdt_path_offset(dt->blob, path);
    const char *slash = strrchr(path, '/');
    char parent[64];

    if (node != -FDT_ERR_NOTFOUND || !slash || (size_t)(slash - path) >= sizeof parent)
        return node;
    snprintf(parent, sizeof parent, "%.*s", (int)(slash - path), path);
    node = dt->lib.fdt_path_offset(dt->blob, *parent ? parent : "/");
    return node < 0 ? node : dt->lib.fdt_add_subnode(dt->blob, node, slash + 1);
}

void dt_set(struct dt *dt, const char *path, const char *prop, const void *data, size_t len)
{
    int node = find_or_add(dt, path);
    note(dt, node);
    if (node >= 0)
        note(dt, dt->lib.fdt_setprop(dt->blob, node, prop, data, (int)len));
}

bool dt_has(struct dt *dt, const char *path, const char *prop)
{
    int node = dt->lib.fdt_path_offset(dt->blob, path), len;
    return node >= 0 && dt->lib.fdt_getprop(dt->blob, node, prop, &len) != NULL;
}

bool dt_replace(void *blob, const char *path, const char *prop, const void *data, size_t len)
{
    struct library lib = {0};
    bool ok = false;
    if (!open_library(&lib, NULL))
        return false;
    int node = lib.fdt_path_offset(blob, path), have;
    if (node >= 0 && lib.fdt_getprop(blob, node, prop, &have) && (size_t)have == len)
        ok = lib.fdt_setprop_inplace(blob, node, prop, data, (int)len) == 0;
    dlclose(lib.handle);
    return ok;
}
#else
static const char missing[] =
    "a device tree: this build is without libfdt; install libfdt-dev and configure again";

struct dt *dt_new(struct vemu_error **errp)
{
    error_set(errp, VEMU_ERROR_UNSUPPORTED, "%s", missing);
    return NULL;
}

struct dt *dt_open(const char *subject, const void *data, size_t len, struct vemu_error **errp)
{
    (void)data, (void)len;
    error_set(errp, VEMU_ERROR_UNSUPPORTED, "%s: %s", subject, missing);
    return NULL;
}

void dt_free(struct dt *dt)
{
    (void)dt;
}

bool dt_finish(struct dt *dt, uint8_t **blob, uint32_t *len, struct vemu_error **errp)
{
    (void)dt, (void)blob, (void)len;
    return error_set(errp, VEMU_ERROR_UNSUPPORTED, "%s", missing);
}

/* Nobody has a tree to fill. */
void dt_begin(struct dt *dt, const char *name)
{
    (void)dt, (void)name;
}

void dt_end(struct dt *dt)
{
    (void)dt;
}

void dt_bytes(struct dt *dt, const char *prop, const void *data, size_t len)
{
    (void)dt, (void)prop, (void)data, (void)len;
}

void dt_set(struct dt *dt, const char *path, const char *prop, const void *data, size_t len)
{
    (void)dt, (void)path, (void)prop, (void)data, (void)len;
}

bool dt_has(struct dt *dt, const char *path, const char *prop)
{
    (void)dt, (void)path, (void)prop;
    return false;
}

bool dt_replace(void *blob, const char *path, const char *prop, const void *data, size_t len)
{
    (void)blob, (void)path, (void)prop, (void)data, (void)len;
    return false;
}
#endif

void dt_begin_at(struct dt *dt, const char *name, uint64_t address)
{
    char text[64];
    snprintf(text, sizeof text, "%s@%llx", name, (unsigned long long)address);
    dt_begin(dt, text);
}

void dt_empty(struct dt *dt, const char *prop)
{
    dt_bytes(dt, prop, "", 0);
}

void dt_string(struct dt *dt, const char *prop, const char *text)
{
    dt_bytes(dt, prop, text, strlen(text) + 1);
}

void dt_u32(struct dt *dt, const char *prop, uint32_t value)
{
    dt_cells(dt, prop, &value, 1);
}

void dt_cells(struct dt *dt, const char *prop, const uint32_t *cells, unsigned count)
{
    enum { CELLS_MAX = 512 };
    uint8_t bytes[CELLS_MAX * 4];
    count = MIN(count, (unsigned)CELLS_MAX);
    for (unsigned n = 0; n < count; n++)
        store_be32(bytes + 4 * n, cells[n]);
    dt_bytes(dt, prop, bytes, 4 * count);
}

void dt_reg(struct dt *dt, uint64_t base, uint64_t size)
{
    DT_CELLS(dt, "reg", DT_CELLS64(base), DT_CELLS64(size));
}
