/* Life of a device: see device.h. Property values are prop.c. */
#include "core/device/device.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "core/device/machine.h"
#include "core/device/prop.h"

static bool id_valid(const char *id)
{
    if (!isalpha((unsigned char)*id))
        return false;
    for (; *id; id++) {
        if (!isalnum((unsigned char)*id) && !strchr("-._", *id))
            return false;
    }
    return true;
}

static bool check_id(struct vemu_machine *m, const char *id, struct vemu_error **errp)
{
    if (!id_valid(id)) {
        return error_set(errp, VEMU_ERROR_INVALID,
                         "device id '%.80s' must start with a letter and go on with letters, "
                         "digits, '-', '.' or '_'",
                         id);
    }
    list_for_each(other, &m->devices, struct device, node)
    {
        if (other->id && strcmp(other->id, id) == 0)
            return error_set(errp, VEMU_ERROR_INVALID,
                             "device id '%s' is taken by another %s: ids must differ", id,
                             other->cls->name);
    }
    return true;
}

struct device *device_new(struct vemu_machine *m, const struct device_class *cls, const char *id,
                          struct vemu_error **errp)
{
    struct device *dev;

    if (id && !check_id(m, id, errp))
        return NULL;
    dev = calloc(1, cls->size);
    if (!dev || (id && !(dev->id = strdup(id)))) {
        free(dev);
        error_set(errp, VEMU_ERROR_NO_MEMORY, "no memory for device %s", cls->name);
        return NULL;
    }
    dev->cls = cls;
    dev->machine = m;
    list_for_each(other, &m->devices, struct device, node)
    {
        if (other->cls == cls && other->instance >= dev->instance)
            dev->instance = other->instance + 1;
    }
    list_add_tail(&m->devices, &dev->node);
    if (!prop_set_defaults(cls->props, m, cls->name, dev, errp)) {
        device_free(dev);
        return NULL;
    }
    return dev;
}

const struct prop_desc *device_class_prop(const struct device_class *cls, const char *name)
{
    return prop_find(cls->props, name);
}

bool device_set_prop(struct device *dev, const char *name, const char *value,
                     struct vemu_error **errp)
{
    const struct prop_desc *desc = device_class_prop(dev->cls, name);

    if (!desc)
        return prop_unknown(dev->cls->props, dev->cls->name, name, errp);
    if (dev->realized && !desc->live) {
        return error_set(errp, VEMU_ERROR_STATE,
                         "%s: property '%s' cannot be set to '%.80s' any more: the device is in "
                         "use",
                         dev->cls->name, name, value);
    }
    if (!prop_set(desc, dev->machine, dev->cls->name, dev, value, errp))
        return false;
    if (dev->realized && dev->cls->prop_changed)
        dev->cls->prop_changed(dev);
    return true;
}

bool device_get_prop(struct device *dev, const char *name, char *buf, size_t len,
                     struct vemu_error **errp)
{
    const struct prop_desc *desc = device_class_prop(dev->cls, name);

    if (!desc)
        return prop_unknown(dev->cls->props, dev->cls->name, name, errp);
    prop_get(desc, dev, buf, len);
    return true;
}

bool device_realize(struct device *dev, struct vemu_error **errp)
{
    struct vemu_error *err = NULL;

    if (dev->realized)
        return error_set(errp, VEMU_ERROR_STATE, "device %s is in use already", dev->cls->name);
    if (dev->cls->realize && !dev->cls->realize(dev, &err)) {
        if (!err)
            error_set(&err, VEMU_ERROR_INVALID, "it could not be set up");
        error_prefix(&err, "device %s%s%s%s: ", dev->cls->name, dev->id ? " '" : "",
                     dev->id ? dev->id : "", dev->id ? "'" : "");
        if (errp && !*errp)
            *errp = err;
        else
            vemu_error_free(err);
        return false;
    }
    dev->realized = true;
    return true;
}

void device_unplug(struct device *dev)
{
    dev->unplugged = true;
    device_request(dev, MACHINE_REQUEST_UNPLUG, 0);
}

void device_free(struct device *dev)
{
    if (!dev)
        return;
    if (dev->realized && dev->cls->unrealize)
        dev->cls->unrealize(dev);
    dev->realized = false;
    list_remove(&dev->node);
    prop_free_values(dev->cls->props, dev);
    free(dev->id);
    free(dev);
}
