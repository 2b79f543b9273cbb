/* -object: see objects.h. */
#include "libvemu/objects.h"

#include <string.h>

#include "core/device/rng.h"
#include "core/util/error.h"
#include "core/util/opts.h"
#include "core/util/range.h"
#include "core/util/size.h"
#include "libvemu/config.h"
#include "libvemu/credentials.h"
#include "libvemu/machine.h"

enum { QUOTE_MAX = 80 };

bool objects_is(const struct config_node *node, const char *type)
{
    const char *own = config_child_value(node, "qom-type");

    return own && strcmp(own, type) == 0;
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

static bool add_rng(struct lib_machine *lm, const struct config_node *node,
                    struct vemu_error **errp)
{
    const char *filename = config_child_value(node, "filename");
    bool ok;

    if (objects_is(node, "rng-random") && !filename)
        filename = "/dev/urandom";
    machine_lock(&lm->m);
    ok = rng_new(&lm->m, config_child_value(node, "id"), filename, errp) != NULL;
    machine_unlock(&lm->m);
    if (!ok)
        error_prefix(errp, "%s: ", node->origin);
    return ok;
}

static bool remove_rng(struct lib_machine *lm, const struct config_node *node,
                       struct vemu_error **errp)
{
    const char *id = config_child_value(node, "id");
    bool ok;

    machine_lock(&lm->m);
    ok = rng_remove(&lm->m, id);
    machine_unlock(&lm->m);
    return ok ||
           error_set(errp, VEMU_ERROR_STATE, "object '%.*s' is in use by a device", QUOTE_MAX, id);
}

/* Memory is the machine's own from its start on. */
static bool add_nothing(struct lib_machine *lm, const struct config_node *node,
                        struct vemu_error **errp)
{
    (void)lm, (void)node, (void)errp;
    return true;
}

static bool remove_memory(struct lib_machine *lm, const struct config_node *node,
                          struct vemu_error **errp)
{
    const char *used = config_value(lm->config, "machine.memory-backend", NULL),
               *id = config_child_value(node, "id");

    return !used || strcmp(used, id) != 0 ||
           error_set(errp, VEMU_ERROR_STATE, "object '%.*s' is the machine's memory", QUOTE_MAX,
                     id);
}

typedef bool object_fn(struct lib_machine *lm, const struct config_node *node,
                       struct vemu_error **errp);

static const struct object_type {
    const char *type;
    bool (*check)(const struct config_node *node, struct vemu_error **errp);
    object_fn *add, *remove; /* NULL: somebody else makes it, and it stays */
} types[] = {
    {"filter-dump", NULL, NULL, NULL}, /* networks.c */
    {"secret", credentials_check_secret, credentials_add_secret, credentials_remove},
    {"tls-creds-anon", credentials_check_tls, credentials_add_tls, credentials_remove},
    {"tls-creds-x509", credentials_check_tls, credentials_add_tls, credentials_remove},
    {"memory-backend-ram", check_memory, add_nothing, remove_memory},
    {"memory-backend-memfd", check_memory, add_nothing, remove_memory},
    {"rng-random", check_rng, add_rng, remove_rng},
    {"rng-builtin", check_rng, add_rng, remove_rng},
};

static const struct object_type *type_of(const struct config_node *node)
{
    for (unsigned i = 0; i < ARRAY_SIZE(types); i++) {
        if (objects_is(node, types[i].type))
            return &types[i];
    }
    return NULL;
}

static bool check_object(const struct config_node *node, struct vemu_error **errp)
{
    const char *name = config_child_value(node, "qom-type");
    const struct object_type *type = type_of(node);

    if (!type)
        return error_set(errp, VEMU_ERROR_UNSUPPORTED,
                         "%s: '%.*s' is not known; there are filter-dump, memory-backend-ram, "
                         "memory-backend-memfd, rng-random, rng-builtin, secret, tls-creds-anon "
                         "and tls-creds-x509",
                         node->origin, QUOTE_MAX, name ? name : "");
    if (!type->check)
        return true;
    if (!config_child_value(node, "id"))
        return error_set(errp, VEMU_ERROR_INVALID,
                         "%s: '%s' has no id; add ,id=NAME so that others can name it",
                         node->origin, name);
    return type->check(node, errp);
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
        const struct object_type *type = type_of(node);
        if (type->add && !type->add(lm, node, errp))
            return false;
    }
    return true;
}

/* ---- while the machine runs ------------------------------------------------------------------ */

static const struct config_node *find(struct lib_machine *lm, const char *id,
                                      const struct config_node *but)
{
    config_for_each(node, lm->config, "object")
    {
        const char *own = config_child_value(node, "id");
        if (node != but && own && id && strcmp(own, id) == 0)
            return node;
    }
    return NULL;
}

bool objects_has(struct lib_machine *lm, const char *id)
{
    return find(lm, id, NULL) != NULL;
}

bool objects_add(struct lib_machine *lm, const char *text, struct vemu_error **errp)
{
    const struct config_node *node = config_add(lm->config, "object", text, "object-add", errp);
    const struct object_type *type = node ? type_of(node) : NULL;
    const char *id = config_child_value(node, "id");
    bool ok = node != NULL;

    if (ok && find(lm, id, node))
        ok = error_set(errp, VEMU_ERROR_STATE, "object-add: the id '%.*s' is taken", QUOTE_MAX, id);
    else if (ok && type && !type->add)
        ok = error_set(errp, VEMU_ERROR_UNSUPPORTED,
                       "object-add: '%s' cannot be added to a machine that runs", type->type);
    ok = ok && check_object(node, errp) && type->add(lm, node, errp);
    if (node && !ok)
        config_remove(lm->config, node);
    return ok;
}

bool objects_remove(struct lib_machine *lm, const char *id, struct vemu_error **errp)
{
    const struct config_node *node = find(lm, id, NULL);
    const struct object_type *type = node ? type_of(node) : NULL;

    if (!type || !type->remove)
        return error_set(errp, type ? VEMU_ERROR_UNSUPPORTED : VEMU_ERROR_NOT_FOUND,
                         type ? "object '%.*s' stays as long as the machine"
                              : "there is no object '%.*s'",
                         QUOTE_MAX, id);
    if (!type->remove(lm, node, errp))
        return false;
    config_remove(lm->config, node);
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
