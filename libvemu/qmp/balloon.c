/* Commands about the memory balloon, and its statistics as a property of the device. */
#include "libvemu/qmp/commands.h"

#include "core/device/machine.h"
#include "hw/virtio/virtio_balloon.h"
#include "libvemu/machine.h"

static struct virtio_balloon *find_balloon(struct lib_machine *lm, struct qmp_error *err)
{
    struct virtio_balloon *balloon = virtio_balloon_find(&lm->m);

    if (!balloon)
        qmp_fail(err, QMP_DEVICE_NOT_ACTIVE,
                 "the machine has no balloon; give it a -device virtio-balloon-pci");
    return balloon;
}

QMP_COMMAND(qmp_balloon)
{
    json_int_t value = json_integer_value(json_object_get(args, "value"));
    struct lib_machine *lm = opaque;
    struct virtio_balloon *balloon;

    if (value <= 0)
        return qmp_fail(err, QMP_GENERIC_ERROR, "argument 'value' must be a number of bytes");
    machine_lock(&lm->m);
    balloon = find_balloon(lm, err);
    if (balloon)
        virtio_balloon_set_target(balloon, (uint64_t)value);
    machine_unlock(&lm->m);
    return balloon ? json_object() : NULL;
}

QMP_COMMAND(qmp_query_balloon)
{
    struct lib_machine *lm = opaque;
    struct virtio_balloon *balloon;
    json_t *value = NULL;

    (void)args;
    machine_lock(&lm->m);
    balloon = find_balloon(lm, err);
    if (balloon)
        value = json_pack("{s:I}", "actual", (json_int_t)virtio_balloon_actual(balloon));
    machine_unlock(&lm->m);
    return value;
}

json_t *balloon_guest_stats(struct device *dev)
{
    const struct virtio_balloon *balloon = virtio_balloon_of(dev);
    uint64_t stats[BALLOON_STATS];
    json_t *values;
    int64_t when;

    if (!balloon)
        return NULL;
    values = json_object();
    when = virtio_balloon_stats(balloon, stats);
    /* What the guest did not tell is -1. */
    for (unsigned n = 0; n < BALLOON_STATS; n++)
        json_object_set_new(values, virtio_balloon_stat_names[n],
                            json_integer((json_int_t)stats[n]));
    return json_pack("{s:o,s:I}", "stats", values, "last-update", (json_int_t)when);
}
