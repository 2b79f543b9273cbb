/* Commands about disk images: nodes that come and go, what there is, and what was done with it. */
#include "libvemu/qmp/commands.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/block/drive.h"
#include "core/block/medium.h"
#include "core/util/error.h"
#include "libvemu/disks.h"
#include "libvemu/machine.h"

/* ---- nodes that come and go ------------------------------------------------------------------ */

QMP_COMMAND(qmp_blockdev_add)
{
    struct vemu_error *error = NULL;
    char *text = json_dumps(args, 0);
    bool ok = text ? disks_add_blockdev(opaque, text, &error)
                   : error_set(&error, VEMU_ERROR_NO_MEMORY, "out of memory");

    free(text);
    return ok ? json_object() : qmp_fail_with(err, QMP_GENERIC_ERROR, error);
}

QMP_COMMAND(qmp_blockdev_del)
{
    const char *name = json_string_value(json_object_get(args, "node-name"));
    struct vemu_error *error = NULL;

    return disks_remove_blockdev(opaque, name, &error)
               ? json_object()
               : qmp_fail_with(err, QMP_GENERIC_ERROR, error);
}

/* ---- finding --------------------------------------------------------------------------------- */

/* By node-name, or by device: the name of a -drive. Machine lock held. */
static struct drive *find_drive(struct lib_machine *lm, const json_t *args, struct qmp_error *err)
{
    const char *node = json_string_value(json_object_get(args, "node-name"));
    const char *device = json_string_value(json_object_get(args, "device"));
    struct drive *d = node || device ? drive_find(&lm->m, node ? node : device) : NULL;

    if (!node == !device)
        return qmp_fail(err, QMP_GENERIC_ERROR, "give one of node-name and device");
    if (d && (node || !d->is_node))
        return d;
    if (device)
        return qmp_fail(err, QMP_DEVICE_NOT_FOUND, "there is no drive '%.80s'", device);
    return qmp_fail(err, QMP_GENERIC_ERROR, "there is no block node '%.80s'", node);
}

QMP_COMMAND(qmp_block_resize)
{
    json_int_t size = json_integer_value(json_object_get(args, "size"));
    struct lib_machine *lm = opaque;
    struct vemu_error *error = NULL;
    bool ok = false;

    if (size < 0)
        return qmp_fail(err, QMP_GENERIC_ERROR, "argument 'size' must not be negative");
    machine_lock(&lm->m);
    struct drive *d = find_drive(lm, args, err);
    if (d) {
        ok = drive_resize(d, (uint64_t)size, &error);
        if (!ok)
            qmp_fail_with(err, QMP_GENERIC_ERROR, error);
    }
    machine_unlock(&lm->m);
    return ok ? json_object() : NULL;
}

/* ---- what there is --------------------------------------------------------------------------- */

static void set_text(json_t *object, const char *key, const char *text)
{
    if (text)
        json_object_set_new(object, key, qmp_string(text));
}

static json_t *qcow2_details(const struct vemu_block_info *info)
{
    return json_pack("{s:s,s:{s:s,s:s,s:b,s:i,s:b,s:b}}", "type", "qcow2", "data", "compat",
                     info->version < 3 ? "0.10" : "1.1", "compression-type",
                     info->compressed_zstd ? "zstd" : "zlib", "lazy-refcounts",
                     info->lazy_refcounts, "refcount-bits", (int)info->refcount_bits, "corrupt",
                     info->corrupt, "extended-l2", 0);
}

/* The image, and with `deep` those below it. */
static json_t *image_value(struct vemu_block *block, const char *format, bool deep)
{
    struct vemu_block_info info;
    struct vemu_block *below = vemu_block_backing(block);
    json_t *image;

    vemu_block_info(block, &info);
    image = json_pack("{s:o,s:s,s:b,s:I,s:I}", "filename", qmp_string(info.filename), "format",
                      format ? format : info.format, "dirty-flag", info.dirty, "actual-size",
                      (json_int_t)info.disk_size, "virtual-size", (json_int_t)info.virtual_size);
    if (info.cluster_size)
        json_object_set_new(image, "cluster-size", json_integer(info.cluster_size));
    set_text(image, "backing-filename", info.backing_filename);
    set_text(image, "full-backing-filename", info.full_backing_filename);
    set_text(image, "backing-filename-format", info.backing_format);
    if (strcmp(info.format, "qcow2") == 0)
        json_object_set_new(image, "format-specific", qcow2_details(&info));
    if (deep && below)
        json_object_set_new(image, "backing-image", image_value(below, NULL, true));
    return image;
}

/* How clients know the node; "#NAME" for a drive that is none of theirs (blockdev-change-medium
 * gives such names itself). */
static const char *node_name(const struct drive *d, char name[96])
{
    snprintf(name, 96, "%s%s", d->is_node || *d->id == '#' ? "" : "#", d->id);
    return name;
}

static json_t *node_value(struct lib_machine *lm, struct drive *d, bool deep)
{
    const char *driver = d->is_node ? disks_node_driver(lm, d->id) : NULL;
    enum vemu_block_cache cache = d->config.cache;
    struct vemu_block_info info;
    char name[96];
    unsigned depth = 0;
    json_t *value;

    for (struct vemu_block *b = vemu_block_backing(d->block); b; b = vemu_block_backing(b))
        depth++;
    vemu_block_info(d->block, &info);
    driver = driver ? driver : info.format;
    value = json_pack(
        "{s:o,s:s,s:b,s:s,s:i,s:b,s:s,s:i,s:i,s:i,s:i,s:i,s:i,s:i,s:{s:b,s:b,s:b},s:o}", "file",
        qmp_string(info.filename), "node-name", node_name(d, name), "ro",
        d->read_only || d->parked || d->above != NULL, "drv", driver, "backing_file_depth",
        (int)depth, "encrypted", 0, "detect_zeroes", "off", "bps", 0, "bps_rd", 0, "bps_wr", 0,
        "iops", 0, "iops_rd", 0, "iops_wr", 0, "write_threshold", 0, "cache", "writeback",
        d->write_cache, "direct", cache == VEMU_BLOCK_NONE || cache == VEMU_BLOCK_DIRECTSYNC,
        "no-flush", cache == VEMU_BLOCK_UNSAFE, "image", image_value(d->block, driver, deep));
    set_text(value, "backing_file", info.backing_filename);
    return value;
}

/* The place of the device that shows a drive; false: none does. */
static bool device_path(struct lib_machine *lm, const struct device *dev, char *path, size_t len)
{
    if (!dev)
        return false;
    qom_path(lm, dev, path, len);
    /* Clients know virtio disks by the part that is not the bus', and drives with trays by the id
     * that the commands for trays take. */
    if (strncmp(dev->cls->name, "virtio-", 7) == 0)
        strncat(path, "/virtio-backend", len - strlen(path) - 1);
    if (dev->cls->medium && dev->id)
        snprintf(path, len, "%s", dev->id);
    return true;
}

/* How clients know the drive, or the device that has it in its tray. */
static const char *device_name(const struct drive *d)
{
    struct medium_state state;

    if (!d->dev || !d->dev->cls->medium)
        return d->is_node ? "" : d->id;
    d->dev->cls->medium->get(d->dev, &state);
    return state.name;
}

static void set_tray(json_t *value, struct device *dev)
{
    struct medium_state state;

    dev->cls->medium->get(dev, &state);
    json_object_set_new(value, "removable", json_true());
    json_object_set_new(value, "locked", json_boolean(state.locked));
    json_object_set_new(value, "tray_open", json_boolean(state.open));
}

static json_t *block_value(struct lib_machine *lm, struct drive *d)
{
    static const char *const statuses[] = {
        [DRIVE_FINE] = "ok", [DRIVE_FAILED] = "failed", [DRIVE_NO_SPACE] = "nospace"};
    json_t *value = json_pack("{s:s,s:s,s:b,s:b}", "device", device_name(d), "type", "unknown",
                              "removable", 0, "locked", 0);
    char path[160];

    if (device_path(lm, d->dev, path, sizeof path)) {
        json_object_set_new(value, "qdev", json_string(path));
        json_object_set_new(value, "io-status", json_string(statuses[d->status]));
    }
    if (d->dev && d->dev->cls->medium)
        set_tray(value, d->dev);
    json_object_set_new(value, "inserted", node_value(lm, d, true));
    return value;
}

/* A drive with nothing in it. */
static json_t *empty_value(struct lib_machine *lm, struct device *dev, const char *name)
{
    json_t *value = json_pack("{s:s,s:s}", "device", name, "type", "unknown");
    char path[160];

    if (device_path(lm, dev, path, sizeof path))
        json_object_set_new(value, "qdev", json_string(path));
    set_tray(value, dev);
    return value;
}

static void add_empty(struct lib_machine *lm, json_t *list)
{
    struct medium_state state;

    list_for_each(dev, &lm->m.devices, struct device, node)
    {
        if (!dev->cls->medium)
            continue;
        dev->cls->medium->get(dev, &state);
        if (!state.drive)
            json_array_append_new(list, empty_value(lm, dev, state.name));
    }
}

/* A node that nothing shows to the guest is not a disk of the machine. */
QMP_COMMAND(qmp_query_block)
{
    struct lib_machine *lm = opaque;
    json_t *list = json_array();

    (void)args, (void)err;
    machine_lock(&lm->m);
    list_for_each(d, &lm->m.drives, struct drive, node)
    {
        if (d->block && (d->dev || !d->is_node))
            json_array_append_new(list, block_value(lm, d));
    }
    add_empty(lm, list);
    machine_unlock(&lm->m);
    return list;
}

QMP_COMMAND(qmp_query_named_block_nodes)
{
    bool flat = json_is_true(json_object_get(args, "flat"));
    struct lib_machine *lm = opaque;
    json_t *list = json_array();

    (void)err;
    machine_lock(&lm->m);
    list_for_each(d, &lm->m.drives, struct drive, node)
    {
        if (d->block)
            json_array_append_new(list, node_value(lm, d, !flat));
    }
    machine_unlock(&lm->m);
    return list;
}

/* ---- what was done with it ------------------------------------------------------------------- */

static json_t *stats_value(const struct vemu_block *block)
{
    const struct vemu_block_stats *s = vemu_block_stats(block);
    const struct {
        const char *key;
        uint64_t value;
    } items[] = {
        {"rd_bytes", s->rd_bytes},
        {"wr_bytes", s->wr_bytes},
        {"unmap_bytes", s->unmap_bytes},
        {"rd_operations", s->rd_operations},
        {"wr_operations", s->wr_operations},
        {"flush_operations", s->flush_operations},
        {"unmap_operations", s->unmap_operations},
        {"failed_rd_operations", s->failed_rd_operations},
        {"failed_wr_operations", s->failed_wr_operations},
        {"failed_flush_operations", s->failed_flush_operations},
        {"failed_unmap_operations", s->failed_unmap_operations},
        {"wr_highest_offset", s->wr_highest_offset},
    };
    json_t *value = json_object();

    for (unsigned i = 0; i < sizeof items / sizeof items[0]; i++)
        json_object_set_new(value, items[i].key, json_integer((json_int_t)items[i].value));
    return value;
}

QMP_COMMAND(qmp_query_blockstats)
{
    bool nodes = json_is_true(json_object_get(args, "query-nodes"));
    struct lib_machine *lm = opaque;
    json_t *list = json_array();

    (void)err;
    machine_lock(&lm->m);
    list_for_each(d, &lm->m.drives, struct drive, node)
    {
        char name[96], path[160];
        json_t *value;

        if (!d->block || !(nodes || d->dev || !d->is_node))
            continue;
        value =
            json_pack("{s:s,s:o}", "node-name", node_name(d, name), "stats", stats_value(d->block));
        if (!nodes)
            json_object_set_new(value, "device", json_string(device_name(d)));
        if (!nodes && device_path(lm, d->dev, path, sizeof path))
            json_object_set_new(value, "qdev", json_string(path));
        json_array_append_new(list, value);
    }
    machine_unlock(&lm->m);
    return list;
}
