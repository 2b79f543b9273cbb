/* Commands about media that can be changed: trays, and what is put into them. */
#include "libvemu/qmp/commands.h"

#include <stdio.h>
#include <string.h>

#include "core/block/drive.h"
#include "core/block/medium.h"
#include "core/util/error.h"
#include "libvemu/machine.h"

/* ---- finding --------------------------------------------------------------------------------- */

/* By id: the device's, or its path; or by device: the name of the -drive it was made with. Machine
 * lock held. */
static struct device *find_device(struct lib_machine *lm, const json_t *args, struct qmp_error *err)
{
    const char *id = json_string_value(json_object_get(args, "id"));
    const char *name = json_string_value(json_object_get(args, "device"));
    struct device *dev = id ? qom_find_device(lm, id) : NULL;
    struct medium_state state;

    if (!id == !name)
        return qmp_fail(err, QMP_GENERIC_ERROR, "give one of id and device");
    list_for_each(other, &lm->m.devices, struct device, node)
    {
        if (!name || !other->cls->medium)
            continue;
        other->cls->medium->get(other, &state);
        if (strcmp(state.name, name) == 0)
            dev = other;
    }
    if (!dev)
        return qmp_fail(err, QMP_DEVICE_NOT_FOUND, "there is no device '%.100s'", id ? id : name);
    if (!dev->cls->medium)
        return qmp_fail(err, QMP_GENERIC_ERROR, "device '%.100s' has no medium to be changed",
                        id ? id : name);
    return dev;
}

/* ---- steps ----------------------------------------------------------------------------------- */

static struct medium_state state_of(struct device *dev)
{
    struct medium_state state;

    dev->cls->medium->get(dev, &state);
    return state;
}

/* False: the guest has locked the tray, and is asked. */
static bool open_tray(struct device *dev, bool force)
{
    struct medium_state state = state_of(dev);

    if (state.open)
        return true;
    if (state.locked) {
        dev->cls->medium->ask(dev);
        if (!force)
            return false;
    }
    dev->cls->medium->move(dev, true);
    return true;
}

static bool open_or_fail(struct device *dev, const json_t *args, struct qmp_error *err)
{
    if (open_tray(dev, json_is_true(json_object_get(args, "force"))))
        return true;
    return qmp_fail(err, QMP_GENERIC_ERROR,
                    "the guest has locked the tray; it is asked to open it: wait for that, or use "
                    "force");
}

static bool need_open(struct device *dev, struct qmp_error *err)
{
    return state_of(dev).open ||
           qmp_fail(err, QMP_GENERIC_ERROR, "the tray is closed; open it first");
}

/* An image that is no node of the client's is closed with it. */
static bool take_out(struct device *dev, struct qmp_error *err)
{
    struct drive *drive = state_of(dev).drive;
    struct vemu_error *error = NULL;

    if (dev->cls->medium->put(dev, NULL, &error) &&
        (!drive || drive->is_node || drive_delete(drive, &error)))
        return true;
    return qmp_fail_with(err, QMP_GENERIC_ERROR, error);
}

static bool put_in(struct device *dev, struct drive *drive, struct qmp_error *err)
{
    struct vemu_error *error = NULL;

    if (dev->cls->medium->put(dev, drive, &error))
        return true;
    return qmp_fail_with(err, QMP_GENERIC_ERROR, error);
}

/* An image by its file, under a name that no client can give. */
static struct drive *open_image(struct lib_machine *lm, const json_t *args, struct qmp_error *err)
{
    const char *mode = json_string_value(json_object_get(args, "read-only-mode"));
    struct drive_config cfg = {
        .filename = json_string_value(json_object_get(args, "filename")),
        .format = json_string_value(json_object_get(args, "format")),
        .read_only = true, /* as all media are that there are drives for */
        .rerror = DRIVE_REPORT,
        .werror = DRIVE_ENOSPC,
    };
    struct vemu_error *error = NULL;
    struct drive *drive;
    char id[32];

    if (mode && strcmp(mode, "read-write") == 0)
        return qmp_fail(err, QMP_GENERIC_ERROR,
                        "the device does not write: use read-only or retain");
    for (unsigned n = 1;; n++) {
        snprintf(id, sizeof id, "#medium%u", n);
        if (!drive_find(&lm->m, id))
            break;
    }
    cfg.id = id;
    drive = drive_new(&lm->m, &cfg, &error);
    return drive ? drive : qmp_fail_with(err, QMP_GENERIC_ERROR, error);
}

/* The new image is opened first: if it cannot be, all stays as it is. */
static bool change(struct lib_machine *lm, struct device *dev, const json_t *args,
                   struct qmp_error *err)
{
    struct drive *drive = open_image(lm, args, err);

    if (!drive)
        return false;
    if (open_or_fail(dev, args, err) && take_out(dev, err) && put_in(dev, drive, err)) {
        dev->cls->medium->move(dev, false);
        return true;
    }
    drive_delete(drive, NULL);
    return false;
}

/* ---- commands -------------------------------------------------------------------------------- */

/* What is done to the device, with the machine lock held; false: the error is set. */
typedef bool (*medium_fn)(struct lib_machine *lm, struct device *dev, const json_t *args,
                          struct qmp_error *err);

static json_t *with_device(struct lib_machine *lm, const json_t *args, medium_fn fn,
                           struct qmp_error *err)
{
    bool ok;

    machine_lock(&lm->m);
    struct device *dev = find_device(lm, args, err);
    ok = dev && fn(lm, dev, args, err);
    machine_unlock(&lm->m);
    return ok ? json_object() : NULL;
}

static bool do_open(struct lib_machine *lm, struct device *dev, const json_t *args,
                    struct qmp_error *err)
{
    (void)lm, (void)err;
    /* A guest that is asked opens it later, or never. */
    open_tray(dev, json_is_true(json_object_get(args, "force")));
    return true;
}

static bool do_close(struct lib_machine *lm, struct device *dev, const json_t *args,
                     struct qmp_error *err)
{
    (void)lm, (void)args, (void)err;
    dev->cls->medium->move(dev, false);
    return true;
}

static bool do_remove(struct lib_machine *lm, struct device *dev, const json_t *args,
                      struct qmp_error *err)
{
    (void)lm, (void)args;
    return need_open(dev, err) && take_out(dev, err);
}

static bool do_insert(struct lib_machine *lm, struct device *dev, const json_t *args,
                      struct qmp_error *err)
{
    const char *name = json_string_value(json_object_get(args, "node-name"));
    struct drive *drive = drive_find(&lm->m, name);

    if (!need_open(dev, err))
        return false;
    if (!drive || !drive->is_node)
        return qmp_fail(err, QMP_GENERIC_ERROR, "there is no block node '%.80s'", name);
    return put_in(dev, drive, err);
}

static bool do_eject(struct lib_machine *lm, struct device *dev, const json_t *args,
                     struct qmp_error *err)
{
    (void)lm;
    return open_or_fail(dev, args, err) && take_out(dev, err);
}

QMP_COMMAND(qmp_blockdev_open_tray)
{
    return with_device(opaque, args, do_open, err);
}

QMP_COMMAND(qmp_blockdev_close_tray)
{
    return with_device(opaque, args, do_close, err);
}

QMP_COMMAND(qmp_blockdev_remove_medium)
{
    return with_device(opaque, args, do_remove, err);
}

QMP_COMMAND(qmp_blockdev_insert_medium)
{
    return with_device(opaque, args, do_insert, err);
}

QMP_COMMAND(qmp_blockdev_change_medium)
{
    return with_device(opaque, args, change, err);
}

QMP_COMMAND(qmp_eject)
{
    return with_device(opaque, args, do_eject, err);
}
