/*
 * What local APICs, I/O APICs and message-signalled interrupts share: the interrupt message, the
 * 0xfeexxxxx window, and the lock.
 *
 * The bus is a device of its own ("apic-bus"), created before the APICs that sit on it. All state
 * of the bus, its local APICs and its I/O APICs is guarded by the bus's lock, not by the machine
 * lock: local APIC accesses are the most frequent device accesses there are, and come from every
 * vCPU thread. Lock order: machine lock, bus lock, then the leaf locks of vCPUs and clocks; nothing
 * called under the bus lock takes the machine lock. Functions below may be called from any thread,
 * with or without the machine lock, unless they say otherwise.
 */
#ifndef HW_INTC_APIC_BUS_H
#define HW_INTC_APIC_BUS_H

#include <stdbool.h>
#include <stdint.h>
#include "core/device/device.h"

enum { APIC_BUS_MAX_LAPICS = 256, APIC_BUS_MAX_IOAPICS = 8 };
#define APIC_DEFAULT_BASE UINT64_C(0xfee00000)

struct apic_bus_config {
    uint64_t base; /* of the window; 0: APIC_DEFAULT_BASE */
};

extern const struct device_class apic_bus_class;

struct device *apic_bus_create(struct vemu_machine *m, const struct apic_bus_config *cfg,
                               struct vemu_error **errp);
/* Who answers the INTA cycle of an ExtINT (i8259_acknowledge). Called with the machine lock held
 * and the bus lock free. Before the machine runs. */
void apic_bus_set_extint(struct device *bus, int (*acknowledge)(void *opaque), void *opaque);
/* A message-signalled interrupt: a write of data to addr in 0xfeexxxxx by a device. Other addresses
 * are ignored (returns false). Bits 5-11 of addr extend the destination to 15 bits when 4 is set:
 * they are ignored as no guest is told of that. */
bool apic_bus_msi(struct device *bus, uint64_t addr, uint32_t data);

#endif
