/*
 * System control port A (0x92): fast A20 gate and fast reset. Everything here with the machine lock
 * held.
 */
#ifndef HW_MISC_PORT92_H
#define HW_MISC_PORT92_H

#include <stdint.h>
#include "core/device/device.h"

struct port92_config {
    uint16_t port;  /* 0x92 */
    struct irq a20; /* level 1 = address line 20 works. Shared with the i8042: the board decides how
                       the two combine */
};

extern const struct device_class port92_class;

struct device *port92_create(struct vemu_machine *m, const struct port92_config *cfg,
                             struct vemu_error **errp);

#endif
