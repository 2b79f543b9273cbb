/* -object: see objects.h. */
#include "libvemu/objects.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "core/device/rng.h"
#include "core/util/error.h"
#include "core/util/opts.h"
#include "core/util/range.h"
#include "core/util/size.h"
#include "libvemu/config.h"
#include "libvemu/machine.h"

enum { QUOTE_MAX = 80 };

bool objects_is(const struct config_node *node, const char *type)
{
    const char *own = config_child_value(node, "qom-type");

    return own && strcmp(own, type) == 0;
}

/* What a key or a password is kept in. Nothing needs one yet, but management programs give one to
 * every machine. */
static bool check_secret(const struct config_node *node, struct vemu_error **errp)
{
    const char *file = config_child_value(node, "file");

    if (!file && !config_child_value(node, "data"))
        return error_set(errp, VEMU_ERROR_INVALID, "%s: a secret needs file=FILE or data=TEXT",
                         node->origin);
    return !file || access(file, R_OK) == 0 ||
           error_set_errno(errp, errno, "%s: cannot read '%s'", node->origin, file);
}

/* Guest memory is what the host gives to a name that nobody has, so the two kinds are one. */
static bool check_memory(const struct config_node *node, struct vemu_error **errp)
{
    const char *size = config_child_value(node, "size"), *prealloc;
    uint64_t bytes;
    bool on = false;

    if (!size || !size_parse(size, 1, &bytes) || !bytes)
        return error_set(errp, VEMU_ERROR_INVALID,
                         "%s: size '%.*s' is not a size; use bytes, or a number with K, M, G or T",
                         node->origin, QUOTE_MAX, size ? size : "");
    prealloc = config_child_value(node, "prealloc");
    return !prealloc || (bool_parse(prealloc, &on) && !on) ||
           error_set(errp, VEMU_ERROR_UNSUPPORTED,
                     "%s: prealloc=%.*s is not available yet: memory is taken when it is touched",
                     node->origin, QUOTE_MAX, prealloc);
}

static bool check_rng(const struct config_node *node, struct vemu_error **errp)
{
    return objects_is(node, "rng-random") || !config_child_value(node, "filename") ||
           error_set(errp, VEMU_ERROR_INVALID,
                     "%s: rng-builtin reads no file; use rng-random for filename=", node->origin);
}

static const struct {
    const char *type;
    bool (*check)(const struct config_node *node, struct vemu_error **errp);
} types[] = {
    {"filter-dump", NULL}, /* networks.c */
    {"secret", check_secret},
    {"memory-backend-ram", check_memory},
    {"memory-backend-memfd", check_memory},
    {"rng-random", check_rng},
    {"rng-builtin", check_rng},
};

static bool check_object(const struct config_node *node, struct vemu_error **errp)
{
    const char *type = config_child_value(node, "qom-type");

    for (unsigned i = 0; i < ARRAY_SIZE(types); i++) {
        if (!objects_is(node, types[i].type))
            continue;
        if (!types[i].check)
            return true;
        if (config_child_value(node, "id"))
            return types[i].check(node, errp);
        return error_set(errp, VEMU_ERROR_INVALID,
                         "%s: '%s' has no id; add ,id=NAME so that others can name it",
                         node->origin, type);
    }
    return error_set(errp, VEMU_ERROR_UNSUPPORTED,
                     "%s: '%.*s' is not known; there are filter-dump, memory-backend-ram, "
                     "memory-backend-memfd, rng-random, rng-builtin and secret",
                     node->origin, QUOTE_MAX, type ? type : "");
}

bool objects_check(const struct vemu_config *cfg, struct vemu_error **errp)
{
    config_for_each(node, cfg, "object")
    {
        if (!check_object(node, errp))
            return false;
    }
    return true;
}

bool objects_build(struct lib_machine *lm, struct vemu_error **errp)
{
    config_for_each(node, lm->config, "object")
    {
        bool file = objects_is(node, "rng-random");
        const char *filename = config_child_value(node, "filename");
        if (!file && !objects_is(node, "rng-builtin"))
            continue;
        if (file && !filename)
            filename = "/dev/urandom";
        if (!rng_new(&lm->m, config_child_value(node, "id"), filename, errp)) {
            error_prefix(errp, "%s: ", node->origin);
            return false;
        }
    }
    return true;
}

bool objects_memory(const struct vemu_config *cfg, unsigned long long *bytes,
                    struct vemu_error **errp)
{
    const char *name = config_value(cfg, "machine.memory-backend", NULL);
    uint64_t size = 0;

    *bytes = 0;
    if (!name)
        return true;
    config_for_each(node, cfg, "object")
    {
        const char *id = config_child_value(node, "id"), *text = config_child_value(node, "size");
        if (id && strcmp(id, name) == 0 && text && size_parse(text, 1, &size)) {
            *bytes = size;
            return true;
        }
    }
    return error_set(errp, VEMU_ERROR_NOT_FOUND,
                     "%s: there is no -object memory-backend-ram with id=%.*s",
                     config_origin(cfg, "machine.memory-backend"), QUOTE_MAX, name);
}
