/*
 * The local APIC of one vCPU: xAPIC registers in the bus's window, x2APIC registers as MSRs, and
 * the vCPU's cpu_intc_ops. See apic_bus.h for locking.
 */
#ifndef HW_INTC_LAPIC_H
#define HW_INTC_LAPIC_H

#include "core/device/device.h"

struct vcpu;

struct lapic_config {
    struct device *bus; /* apic_bus_create() */
    struct vcpu *cpu;   /* its apic_id is the APIC ID; gets intc_ops and intc */
};

extern const struct device_class lapic_class;

struct device *lapic_create(struct vemu_machine *m, const struct lapic_config *cfg,
                            struct vemu_error **errp);
/* LINT0 (pin 0: INTR of the i8259 for the bootstrap processor) and LINT1 (pin 1: NMI). Drive them
 * with the machine lock held. */
struct irq lapic_lint(struct device *dev, unsigned pin);
/* What firmware leaves behind, for boots without one (call from board_reset): software-enabled,
 * LINT0 = ExtINT and LINT1 = NMI on the bootstrap processor. */
void lapic_enter_virtual_wire(struct device *dev);

#endif
