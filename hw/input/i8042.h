/*
 * 8042 keyboard controller with a PS/2 keyboard and mouse: ports 0x60 and 0x64. Everything here
 * with the machine lock held.
 */
#ifndef HW_INPUT_I8042_H
#define HW_INPUT_I8042_H

#include <stdint.h>
#include "core/device/device.h"

struct i8042_config {
    uint16_t data_port;      /* 0x60 */
    uint16_t command_port;   /* 0x64 */
    struct irq keyboard_irq; /* IRQ 1 */
    struct irq aux_irq;      /* IRQ 12 */
    bool board;     /* on a machine that starts without firmware, set up as that leaves it */
    struct irq a20; /* output port bit 1: level 1 = address line 20 works */
};

extern const struct device_class i8042_class;

struct device *i8042_create(struct vemu_machine *m, const struct i8042_config *cfg,
                            struct vemu_error **errp);

#endif
