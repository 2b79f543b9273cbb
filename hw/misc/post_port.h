/*
 * The POST diagnostic port (0x80): takes any byte and does nothing. Guests write it for its delay;
 * the last value is kept for debugging. Machine lock held.
 */
#ifndef HW_MISC_POST_PORT_H
#define HW_MISC_POST_PORT_H

#include <stdint.h>
#include "core/device/device.h"

struct post_port_config {
    uint16_t port; /* 0x80 */
};

extern const struct device_class post_port_class;

struct device *post_port_create(struct vemu_machine *m, const struct post_port_config *cfg,
                                struct vemu_error **errp);

#endif
