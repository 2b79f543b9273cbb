/*
 * The PC's pair of 8259A interrupt controllers (slave on the master's input 2) with the ELCR.
 * Everything here with the machine lock held.
 */
#ifndef HW_INTC_I8259_H
#define HW_INTC_I8259_H

#include <stdint.h>
#include "core/device/device.h"

struct i8259_config {
    uint16_t master_base; /* 0x20 */
    uint16_t slave_base;  /* 0xa0 */
    uint16_t elcr_base;   /* 0x4d0; 0: no ELCR, every input edge triggered */
    struct irq intr;      /* INTR output: LINT0 of the bootstrap processor's local APIC */
};

extern const struct device_class i8259_class;

struct device *i8259_create(struct vemu_machine *m, const struct i8259_config *cfg,
                            struct vemu_error **errp);
/* Input line 0-15; 2 is the cascade and not connected. */
struct irq i8259_input(struct device *dev, unsigned pin);
/* Which inputs are level triggered, as software sets it (bit n: line n). */
void i8259_set_elcr(struct device *dev, uint16_t lines);
/* The INTA cycle: acknowledges the highest pending request and returns its vector (that of input 7
 * or 15 when the request has gone: spurious). For apic_bus_set_extint(). opaque: the device. */
int i8259_acknowledge(void *opaque);

#endif
