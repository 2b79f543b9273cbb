/*
 * I/O APIC: 24 inputs to interrupt messages on the APIC bus. See apic_bus.h for locking.
 */
#ifndef HW_INTC_IOAPIC_H
#define HW_INTC_IOAPIC_H

#include <stdint.h>
#include "core/device/device.h"

enum { IOAPIC_PINS = 24 };

struct ioapic_config {
    uint64_t base;      /* 0xfec00000 */
    struct device *bus; /* apic_bus_create() */
    uint8_t id;         /* the APIC ID that firmware would set; reset value of IOAPICID */
};

extern const struct device_class ioapic_class;

struct device *ioapic_create(struct vemu_machine *m, const struct ioapic_config *cfg,
                             struct vemu_error **errp);
/* Input line 0-23 (active level 1 whatever the polarity bit says: lines carry "asserted"). Drive
 * with the machine lock held. */
struct irq ioapic_input(struct device *dev, unsigned pin);

#endif
