/* Disks of the configuration: see disks.h. */
#include "libvemu/disks.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/block/drive.h"
#include "core/util/error.h"
#include "core/util/opts.h"
#include "core/util/range.h"
#include "hw/board.h"
#include "libvemu/config.h"
#include "libvemu/drive_kind.h"
#include "libvemu/flash.h"
#include "libvemu/machine.h"

enum { QUOTE_MAX = 80, ID_MAX = 64 };

const char *const disks_drive_props[] = {
    "file",      "if",        "id",     "format", "cache", "discard", "readonly", "read-only",
    "snapshot",  "aio",       "rerror", "werror", "media", "index",   "serial",   "detect-zeroes",
    "node-name", "bootindex", "unit",   "bus",    NULL};
const char *const disks_disk_props[] = {"file",      "size",     "format",   "cache",
                                        "discard",   "readonly", "snapshot", "serial",
                                        "bootindex", "backing",  NULL};

/* ---- what the text alone can have wrong ------------------------------------------------------ */

struct choice {
    const char *key;
    const char *const *values; /* ended by NULL */
    const char *const *later;  /* known, but not there yet; may be NULL */
};

static const char *const on_off[] = {"on", "off", "yes", "no", "true", "false", "1", "0", NULL};
static const char *const caches[] = {"writeback",  "writethrough", "none",
                                     "directsync", "unsafe",       NULL};
static const char *const discards[] = {"ignore", "off", "unmap", "on", NULL};
static const char *const formats[] = {"raw", "qcow2", NULL};
static const char *const aios[] = {"threads", "native", "io_uring", NULL};
static const char *const interfaces[] = {"ide", "virtio", "none", "pflash", NULL};
static const char *const later_interfaces[] = {"scsi", "floppy", "sd", "mtd", "xen", NULL};
static const char *const medias[] = {"disk", "cdrom", NULL};
static const char *const only_off[] = {"off", NULL};
static const char *const read_errors[] = {"report", "ignore", "stop", NULL};
static const char *const write_errors[] = {"enospc", "report", "ignore", "stop", NULL};

static const struct choice choices[] = {
    {"cache", caches, NULL},
    {"discard", discards, NULL},
    {"format", formats, NULL},
    {"aio", aios, NULL},
    {"if", interfaces, later_interfaces},
    {"media", medias, NULL},
    {"detect-zeroes", only_off, NULL},
    {"rerror", read_errors, NULL},
    {"werror", write_errors, NULL},
    {"readonly", on_off, NULL},
    {"read-only", on_off, NULL},
    {"snapshot", on_off, NULL},
    {"auto-read-only", on_off, NULL},
    {"cache.direct", on_off, NULL},
    {"cache.no-flush", on_off, NULL},
};

static bool is_one_of(const char *value, const char *const *list)
{
    for (; list && *list; list++) {
        if (strcmp(value, *list) == 0)
            return true;
    }
    return false;
}

static bool check_choice(const char *origin, const struct choice *c, const char *value,
                         struct vemu_error **errp)
{
    char list[160] = "";
    size_t used = 0;

    if (is_one_of(value, c->values))
        return true;
    for (const char *const *v = c->values; *v && used < sizeof list; v++)
        used += (size_t)snprintf(list + used, sizeof list - used, "%s%s", used ? ", " : "", *v);
    if (is_one_of(value, c->later))
        return error_set(errp, VEMU_ERROR_UNSUPPORTED, "%s: %s=%s is not available yet; use %s",
                         origin, c->key, value, list);
    return error_set(errp, VEMU_ERROR_INVALID, "%s: %s is '%.*s', but must be one of %s", origin,
                     c->key, QUOTE_MAX, value, list);
}

static bool check_choices(const char *origin, struct opts *props, struct vemu_error **errp)
{
    for (unsigned i = 0; i < ARRAY_SIZE(choices); i++) {
        const char *value = opts_get(props, choices[i].key);
        if (value && !check_choice(origin, &choices[i], value, errp))
            return false;
    }
    return true;
}

static bool need(const char *origin, struct opts *props, const char *key, const char *example,
                 struct vemu_error **errp)
{
    const char *value = opts_get(props, key);

    return (value && *value) ||
           error_set(errp, VEMU_ERROR_INVALID, "%s needs %s=, as in %s", origin, key, example);
}

bool disks_check_drive(const char *origin, const char *text, struct opts *props,
                       struct vemu_error **errp)
{
    const char *media = opts_get(props, "media");

    (void)text;
    if (!check_choices(origin, props, errp))
        return false;
    if (media && strcmp(media, "cdrom") == 0) /* the drive may be empty */
        return true;
    return need(origin, props, "file", "file=disk.qcow2,if=virtio", errp);
}

bool disks_check_disk(const char *origin, const char *text, struct opts *props,
                      struct vemu_error **errp)
{
    const char *size = opts_get(props, "size");
    uint64_t bytes;

    (void)text;
    if (size && (!vemu_block_size_parse(size, &bytes) || !bytes))
        return error_set(errp, VEMU_ERROR_INVALID,
                         "%s: size '%.*s' is not a size; use a number with K, M, G or T, such as "
                         "20G",
                         origin, QUOTE_MAX, size);
    return check_choices(origin, props, errp) &&
           need(origin, props, "file", "disk.qcow2,size=20G", errp);
}

bool disks_check_blockdev(const char *origin, const char *text, struct opts *props,
                          struct vemu_error **errp)
{
    static const char *const drivers[] = {"file", "host_device", "raw", "qcow2", NULL};
    static const struct choice driver = {"driver", drivers, NULL};
    const char *value = opts_get(props, "driver");

    (void)text;
    return need(origin, props, "driver", "driver=qcow2", errp) &&
           check_choice(origin, &driver, value, errp) && check_choices(origin, props, errp) &&
           need(origin, props, "node-name",
                "driver=qcow2,node-name=disk0,file.driver=file,file.filename=disk.qcow2", errp);
}

/* ---- reading the tree ------------------------------------------------------------------------ */

/* A node's property, or with a prefix ("file.") one of an inner node. */
static const char *get(const struct config_node *node, const char *prefix, const char *key)
{
    char name[ID_MAX];

    if (snprintf(name, sizeof name, "%s%s", prefix, key) >= (int)sizeof name)
        return NULL;
    return config_child_value(node, name);
}

static bool get_flag(const struct config_node *node, const char *prefix, const char *key)
{
    const char *value = get(node, prefix, key);
    bool on = false;

    return value && bool_parse(value, &on) && on;
}

static enum drive_on_error on_error(const char *name, enum drive_on_error fallback)
{
    for (int i = 0; name && drive_on_error_names[i]; i++) {
        if (strcmp(name, drive_on_error_names[i]) == 0)
            return (enum drive_on_error)i;
    }
    return fallback;
}

static bool is_on(const char *discard)
{
    return discard && (strcmp(discard, "unmap") == 0 || strcmp(discard, "on") == 0);
}

/* A format that was guessed may be guessed otherwise once the guest has written. */
static void warn_of_guess(struct lib_machine *lm, const struct drive_config *cfg,
                          const struct drive *d, const char *origin)
{
    struct vemu_block_info info;

    if (cfg->format || cfg->read_only || cfg->snapshot)
        return;
    vemu_block_info(d->block, &info);
    if (strcmp(info.format, "raw") == 0)
        log_msg(&lm->m.log, LOG_WARN,
                "%s: '%s' looks like a raw image; say format=raw, since a guest could make it look "
                "like something else",
                origin, cfg->filename);
}

static bool make_drive(struct lib_machine *lm, const struct drive_config *cfg, const char *origin,
                       struct vemu_error **errp)
{
    struct drive *d;

    machine_lock(&lm->m);
    d = drive_new(&lm->m, cfg, errp);
    machine_unlock(&lm->m);
    if (!d) {
        error_prefix(errp, "%s: ", origin);
        return false;
    }
    warn_of_guess(lm, cfg, d, origin);
    return true;
}

/* ---- -drive and --disk ----------------------------------------------------------------------- */

/* What a device will call it. */
static void drive_id(const struct config_node *node, unsigned n, char id[ID_MAX])
{
    const char *given = config_child_value(node, "id");

    if (!given)
        given = config_child_value(node, "node-name");
    if (given)
        snprintf(id, ID_MAX, "%s", given);
    else if (node->value) /* -hda, -cdrom */
        snprintf(id, ID_MAX, "%s", node->key);
    else
        snprintf(id, ID_MAX, "%s%u", node->key, n);
}

static void describe(const struct config_node *node, const char *id, struct drive_config *cfg)
{
    const char *cache = config_child_value(node, "cache");

    *cfg = (struct drive_config){
        .id = id,
        .filename = drive_kind_file(node),
        .format = config_child_value(node, "format"),
        .read_only = get_flag(node, "", "readonly") || get_flag(node, "", "read-only") ||
                     drive_kind_is_cd(node),
        .snapshot = get_flag(node, "", "snapshot"),
        .discard = is_on(config_child_value(node, "discard")),
        .rerror = on_error(config_child_value(node, "rerror"), DRIVE_REPORT),
        .werror = on_error(config_child_value(node, "werror"), DRIVE_ENOSPC),
        .aio = config_child_value(node, "aio"),
    };
    if (cache)
        vemu_block_cache_parse(cache, &cfg->cache);
}

static bool build_drive(struct lib_machine *lm, const struct config_node *node, unsigned n,
                        struct vemu_error **errp)
{
    struct drive_config cfg;
    char id[ID_MAX];

    if (flash_is_drive(node) || !drive_kind_file(node)) /* flash.c opens it; there is none */
        return true;

    drive_id(node, n, id);
    describe(node, id, &cfg);
    return make_drive(lm, &cfg, node->origin, errp);
}

/* A disk that is not there yet and has a size is made. */
static bool create_disk(struct lib_machine *lm, const struct config_node *node,
                        struct vemu_error **errp)
{
    const char *size = config_child_value(node, "size"), *file = config_child_value(node, "file"),
               *dot = strrchr(file, '.');
    struct vemu_block_create_options create = {
        .size = sizeof create,
        .format = config_child_value(node, "format"),
        .backing_filename = config_child_value(node, "backing"),
        .virtual_size = VEMU_BLOCK_SIZE_OF_BACKING,
    };
    struct vemu_block_context *ctx;
    struct stat st;
    bool ok;

    if ((!size && !create.backing_filename) || stat(file, &st) == 0)
        return true;
    if (size)
        vemu_block_size_parse(size, &create.virtual_size);
    if (!create.format)
        create.format = dot && (!strcmp(dot, ".raw") || !strcmp(dot, ".img")) ? "raw" : "qcow2";
    ctx = vemu_block_context_new(NULL, errp);
    ok = ctx && vemu_block_create(ctx, file, &create, errp);
    vemu_block_context_free(ctx);
    if (!ok)
        error_prefix(errp, "%s: ", node->origin);
    (void)lm;
    return ok;
}

static bool build_disk(struct lib_machine *lm, const struct config_node *node, unsigned n,
                       struct vemu_error **errp)
{
    struct drive_config cfg;
    char id[ID_MAX];

    if (!create_disk(lm, node, errp))
        return false;
    drive_id(node, n, id);
    describe(node, id, &cfg);
    /* What the guest gives up should not take space on the host. */
    cfg.discard = !config_child_value(node, "discard") || cfg.discard;
    return make_drive(lm, &cfg, node->origin, errp);
}

/* ---- -blockdev ------------------------------------------------------------------------------- */

static bool is_protocol(const char *driver)
{
    return driver && (strcmp(driver, "file") == 0 || strcmp(driver, "host_device") == 0);
}

static const struct config_node *find_blockdev(const struct lib_machine *lm, const char *name)
{
    config_for_each(node, lm->config, "blockdev")
    {
        const char *other = config_child_value(node, "node-name");
        if (other && strcmp(other, name) == 0)
            return node;
    }
    return NULL;
}

static enum vemu_block_cache blockdev_cache(const struct config_node *node, const char *prefix)
{
    if (get_flag(node, prefix, "cache.no-flush"))
        return VEMU_BLOCK_UNSAFE;
    return get_flag(node, prefix, "cache.direct") ? VEMU_BLOCK_NONE : VEMU_BLOCK_WRITEBACK;
}

static bool known_keys(const struct config_node *node, struct vemu_error **errp)
{
    static const char *const known[] = {
        "driver",         "node-name", "filename",       "file",
        "backing",        "read-only", "discard",        "cache.direct",
        "cache.no-flush", "aio",       "auto-read-only", "locking",
        "detect-zeroes",  NULL};

    list_for_each(opt, &node->children, struct config_node, sibling)
    {
        const char *key = opt->key;
        while (strncmp(key, "file.", 5) == 0 || strncmp(key, "backing.", 8) == 0)
            key += *key == 'f' ? 5 : 8;
        if (!is_one_of(key, known))
            return error_set(errp, VEMU_ERROR_INVALID,
                             "%s: '%.*s' is not one of the options of a block node", node->origin,
                             QUOTE_MAX, opt->key);
    }
    return true;
}

static bool build_node(struct lib_machine *lm, const struct config_node *node, const char *prefix,
                       const char *id, unsigned depth, struct vemu_error **errp);

/* The file of a format node: one that was named, or one written inside of it. */
static const char *node_filename(struct lib_machine *lm, const struct config_node *node,
                                 const char *prefix, struct drive_config *cfg,
                                 struct vemu_error **errp)
{
    const char *ref = get(node, prefix, "file"), *name;
    const struct config_node *file = node;
    char inner[ID_MAX];

    if (snprintf(inner, sizeof inner, "%sfile.", prefix) >= (int)sizeof inner)
        inner[0] = 0;
    if (ref) {
        file = find_blockdev(lm, ref);
        inner[0] = 0;
    }
    if (!file || !is_protocol(get(file, inner, "driver"))) {
        error_set(
            errp, VEMU_ERROR_NOT_FOUND,
            "%s: file '%s' must be the node name of a -blockdev driver=file, or be given with "
            "file.driver=file,file.filename=PATH",
            node->origin, ref ? ref : "");
        return NULL;
    }
    name = get(file, inner, "filename");
    if (!name)
        error_set(errp, VEMU_ERROR_INVALID, "%s: driver=file needs filename=PATH", file->origin);
    if (blockdev_cache(file, inner) != VEMU_BLOCK_WRITEBACK)
        cfg->cache = blockdev_cache(file, inner);
    if (!cfg->aio)
        cfg->aio = get(file, inner, "aio");
    return name;
}

/* The backing file of a format node. Inner nodes are made first, under a name that nobody can
 * write. */
static bool node_backing(struct lib_machine *lm, const struct config_node *node, const char *prefix,
                         const char *id, unsigned depth, struct drive_config *cfg,
                         char backing_id[ID_MAX], struct vemu_error **errp)
{
    const char *ref = get(node, prefix, "backing");
    char inner[ID_MAX];

    if (snprintf(inner, sizeof inner, "%sbacking.", prefix) >= (int)sizeof inner)
        return true;
    if (ref) {
        cfg->no_backing = !*ref;
        cfg->backing = *ref ? ref : NULL;
    } else if (get(node, inner, "driver")) {
        snprintf(backing_id, ID_MAX, "%.40s/backing", id);
        if (!build_node(lm, node, inner, backing_id, depth + 1, errp))
            return false;
        cfg->backing = backing_id;
    }
    return true;
}

/* An inner node whose outer one could not be made. */
static void drop_inner(struct lib_machine *lm, const char *id)
{
    machine_lock(&lm->m);
    struct drive *d = drive_find(&lm->m, id);
    if (d)
        drive_delete(d, NULL);
    machine_unlock(&lm->m);
}

static bool build_node(struct lib_machine *lm, const struct config_node *node, const char *prefix,
                       const char *id, unsigned depth, struct vemu_error **errp)
{
    enum { NODE_DEPTH_MAX = 4 };
    const char *driver = get(node, prefix, "driver");
    struct drive_config cfg = {.id = id,
                               .format = driver,
                               .cache = blockdev_cache(node, prefix),
                               .read_only = depth || get_flag(node, prefix, "read-only"),
                               .discard = is_on(get(node, prefix, "discard")),
                               .rerror = DRIVE_REPORT,
                               .werror = DRIVE_ENOSPC,
                               .aio = get(node, prefix, "aio"),
                               .node = true};
    char backing_id[ID_MAX];

    if (depth > NODE_DEPTH_MAX)
        return error_set(errp, VEMU_ERROR_INVALID,
                         "%s: nodes are written inside of one another too deeply; give them "
                         "-blockdev options of their own",
                         node->origin);
    if (is_protocol(driver)) {
        cfg.format = "raw";
        cfg.parked = true;
        cfg.filename = get(node, prefix, "filename");
        if (!cfg.filename)
            return error_set(errp, VEMU_ERROR_INVALID, "%s: driver=%s needs filename=PATH",
                             node->origin, driver);
    } else {
        cfg.filename = node_filename(lm, node, prefix, &cfg, errp);
        if (!cfg.filename || !node_backing(lm, node, prefix, id, depth, &cfg, backing_id, errp))
            return false;
    }
    if (make_drive(lm, &cfg, node->origin, errp))
        return true;
    if (cfg.backing == backing_id)
        drop_inner(lm, backing_id);
    return false;
}

static bool build_blockdev(struct lib_machine *lm, const struct config_node *node, unsigned n,
                           struct vemu_error **errp)
{
    const char *name = config_child_value(node, "node-name");

    (void)n;
    return known_keys(node, errp) && build_node(lm, node, "", name, 0, errp);
}

/* ---- nodes that come and go ------------------------------------------------------------------ */

bool disks_add_blockdev(struct lib_machine *lm, const char *text, struct vemu_error **errp)
{
    const struct config_node *node = config_add(lm->config, "blockdev", text, "blockdev-add", errp);

    if (!node)
        return false;
    if (build_blockdev(lm, node, 0, errp))
        return true;
    config_remove(lm->config, node);
    return false;
}

/* A node whose file or backing file this one is. */
static const struct config_node *find_user(const struct lib_machine *lm, const char *name)
{
    static const char *const ends[] = {"file", "backing"};

    config_for_each(node, lm->config, "blockdev")
    {
        list_for_each(opt, &node->children, struct config_node, sibling)
        {
            const char *dot = strrchr(opt->key, '.'), *end = dot ? dot + 1 : opt->key;
            for (unsigned i = 0; i < ARRAY_SIZE(ends); i++) {
                if (strcmp(end, ends[i]) == 0 && strcmp(opt->value, name) == 0)
                    return node;
            }
        }
    }
    return NULL;
}

bool disks_remove_blockdev(struct lib_machine *lm, const char *name, struct vemu_error **errp)
{
    const struct config_node *node = find_blockdev(lm, name), *user;
    bool ok;

    if (!node)
        return error_set(errp, VEMU_ERROR_NOT_FOUND, "there is no block node '%.*s'", QUOTE_MAX,
                         name);
    user = find_user(lm, name);
    if (user)
        return error_set(errp, VEMU_ERROR_STATE, "node '%s' is in use by node '%s'", name,
                         config_child_value(user, "node-name"));
    machine_lock(&lm->m);
    struct drive *d = drive_find(&lm->m, name);
    ok = !d || drive_delete(d, errp);
    machine_unlock(&lm->m);
    if (ok)
        config_remove(lm->config, node);
    return ok;
}

const char *disks_node_driver(const struct lib_machine *lm, const char *name)
{
    return config_child_value(find_blockdev(lm, name), "driver");
}

/* ---- all ------------------------------------------------------------------------------------- */

static bool build_each(struct lib_machine *lm, const char *key,
                       bool (*build)(struct lib_machine *lm, const struct config_node *node,
                                     unsigned n, struct vemu_error **errp),
                       struct vemu_error **errp)
{
    unsigned n = 0;

    config_for_each(node, lm->config, key)
    {
        if (!build(lm, node, n++, errp))
            return false;
    }
    return true;
}

bool disks_build(struct lib_machine *lm, struct vemu_error **errp)
{
    for (const char *const *key = drive_kind_short_keys; *key; key++) {
        if (!build_each(lm, *key, build_drive, errp))
            return false;
    }
    return build_each(lm, "blockdev", build_blockdev, errp) &&
           build_each(lm, "drive", build_drive, errp) && build_each(lm, "disk", build_disk, errp);
}

/* The device's class, and where it goes if that is to be said. */
static struct device *new_device(struct lib_machine *lm, const struct config_node *node,
                                 struct vemu_error **errp)
{
    char bus[DRIVE_PLACE_TEXT], unit[DRIVE_PLACE_TEXT];
    struct device *dev;

    if (strcmp(drive_kind_interface(lm, node), "ide") != 0)
        return build_new_device(lm, lm->board->virtio_blk, NULL, errp);
    if (!drive_kind_place(lm, node, bus, unit, errp))
        return NULL;
    dev = build_new_device(lm, drive_kind_is_cd(node) ? "ide-cd" : "ide-hd", NULL, errp);
    if (dev &&
        (!device_set_prop(dev, "bus", bus, errp) || !device_set_prop(dev, "unit", unit, errp))) {
        device_free(dev);
        dev = NULL;
    }
    return dev;
}

static bool build_device(struct lib_machine *lm, const struct config_node *node, unsigned n,
                         struct vemu_error **errp)
{
    static const char *const passed_on[] = {"serial", "bootindex"};
    struct device *dev;
    char id[ID_MAX];
    bool ok;

    drive_id(node, n, id);
    machine_lock(&lm->m);
    dev = new_device(lm, node, errp);
    ok = dev && (!drive_kind_file(node) || device_set_prop(dev, "drive", id, errp));
    for (unsigned i = 0; i < ARRAY_SIZE(passed_on); i++) {
        const char *value = config_child_value(node, passed_on[i]);
        ok = ok && (!value || device_set_prop(dev, passed_on[i], value, errp));
    }
    ok = ok && build_plug(lm, dev, errp);
    if (!ok)
        device_free(dev);
    machine_unlock(&lm->m);
    if (!ok)
        error_prefix(errp, "%s: ", node->origin);
    return ok;
}

static bool build_ide(struct lib_machine *lm, const struct config_node *node, unsigned n,
                      struct vemu_error **errp)
{
    return strcmp(drive_kind_interface(lm, node), "ide") != 0 || build_device(lm, node, n, errp);
}

static bool build_virtio(struct lib_machine *lm, const struct config_node *node, unsigned n,
                         struct vemu_error **errp)
{
    return strcmp(drive_kind_interface(lm, node), "virtio") != 0 || build_device(lm, node, n, errp);
}

bool disks_build_ide(struct lib_machine *lm, struct vemu_error **errp)
{
    for (const char *const *key = drive_kind_short_keys; *key; key++) {
        if (!build_each(lm, *key, build_ide, errp))
            return false;
    }
    return build_each(lm, "drive", build_ide, errp);
}

bool disks_build_devices(struct lib_machine *lm, struct vemu_error **errp)
{
    return build_each(lm, "disk", build_virtio, errp) &&
           build_each(lm, "drive", build_virtio, errp);
}
