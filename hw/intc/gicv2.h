/*
 * GICv2: the distributor and the CPU interfaces of up to eight vCPUs, all by memory accesses, and
 * the GICv2m frame that turns message-signalled interrupts into SPIs.
 *
 * Locking: a GIC's state is guarded by a lock of its own, which is a leaf below the machine lock:
 * nothing but cpu_interrupt() is called under it. Registers are accessed without the machine lock,
 * as every interrupt is acknowledged and ended by one. Inputs are driven with the machine lock
 * held, as all lines are.
 */
#ifndef HW_INTC_GICV2_H
#define HW_INTC_GICV2_H

#include <stdbool.h>
#include <stdint.h>
#include "core/device/device.h"

struct vcpu;

enum {
    GICV2_CPUS_MAX = 8,
    GICV2_SPIS_MAX = 988,
    GICV2_DIST_SIZE = 0x1000,
    GICV2_CPU_SIZE = 0x2000, /* also of the interface for guests */
    GICV2_HYP_SIZE = 0x1000,
    GICV2M_SIZE = 0x1000,
};

struct gicv2_config {
    struct vcpu *const *cpus; /* in the order of their numbers; the array is copied */
    unsigned cpu_count;
    unsigned spis; /* from INTID 32 on; rounded up to 32 */
    uint64_t dist_base, cpu_base;
    bool security; /* two security states */
    /* With security, and no secure software that would set the controller up: after reset all
     * interrupts are the non-secure group's. */
    bool reset_nonsecure;
    /* The vCPUs have EL2: GICH at hyp_base, GICV at guest_base; the private INTID of the
     * maintenance interrupt, 25 by custom. */
    bool virtualization;
    uint64_t hyp_base, guest_base;
    uint8_t maintenance;
};

extern const struct device_class gicv2_class;
struct device *gicv2_create(struct vemu_machine *m, const struct gicv2_config *cfg,
                            struct vemu_error **errp);
/* SPI n, from 0 (INTID 32) on. */
struct irq gicv2_spi(struct device *dev, unsigned n);
/* A vCPU's private input, by its INTID, 16-31. */
struct irq gicv2_ppi(struct device *dev, unsigned cpu, unsigned intid);

/* Writes of an SPI's INTID to offset 0x40 make that SPI pending, if it is one of the frame's. An
 * interrupt message needs nothing else: it is such a write. */
struct gicv2m_config {
    uint64_t base;
    struct device *gic;
    unsigned first_spi, spis; /* first_spi: from 0; edge-triggered inputs of nobody else */
};
extern const struct device_class gicv2m_class;
struct device *gicv2m_create(struct vemu_machine *m, const struct gicv2m_config *cfg,
                             struct vemu_error **errp);

#endif
