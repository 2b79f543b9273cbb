/* The last step of every NAME_create(): realize, or free and return NULL. */
#ifndef HW_CREATE_H
#define HW_CREATE_H

#include "core/device/device.h"

static inline struct device *device_realize_or_free(struct device *dev, struct vemu_error **errp)
{
    if (device_realize(dev, errp))
        return dev;
    device_free(dev);
    return NULL;
}

#endif
