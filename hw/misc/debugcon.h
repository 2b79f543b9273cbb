/*
 * isa-debugcon: a port whose written bytes go to a chardev, and which reads as a known value so
 * that guests can probe for it. Properties iobase, readback and chardev.
 */
#ifndef HW_MISC_DEBUGCON_H
#define HW_MISC_DEBUGCON_H

#include <stdint.h>
#include "core/device/device.h"

struct chardev;

struct debugcon_config {
    uint16_t iobase; /* 0: the property's default, 0xe9 */
    struct chardev *chr;
};

extern const struct device_class debugcon_class;

struct device *debugcon_create(struct vemu_machine *m, const struct debugcon_config *cfg,
                               struct vemu_error **errp);

#endif
