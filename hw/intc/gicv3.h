/*
 * GICv3: a distributor, a redistributor for each of up to 64 vCPUs, the CPU interfaces by system
 * registers (struct arm_intc_ops), and what a hypervisor has of them: list registers and the
 * maintenance interrupt. Affinity routing is always on, system registers are the only interface to
 * a vCPU: there is no GICv2 in it. The ITS is gicv3_its.h.
 *
 * Locking: all state is guarded by the GIC's own lock, a leaf below the machine lock. System
 * registers are accessed on the vCPU's thread without the machine lock, since every interrupt is
 * acknowledged and ended by one. Inputs and the registers in memory have the machine lock, too: the
 * tables of LPIs are read from the guest's memory, which is never done under the GIC's lock.
 */
#ifndef HW_INTC_GICV3_H
#define HW_INTC_GICV3_H

#include <stdbool.h>
#include <stdint.h>
#include "core/device/device.h"

struct vcpu;

enum {
    GICV3_CPUS_MAX = 64,
    GICV3_SPIS_MAX = 988,
    GICV3_REGIONS_MAX = 4,
    GICV3_DIST_SIZE = 0x10000,
    GICV3_REDIST_SIZE = 0x20000, /* of each vCPU */
};

struct gicv3_config {
    /* In the order of their numbers, with the affinity as their MPIDR_EL1 has it; both arrays are
     * copied. arm_intc_ops and intc of each are set. */
    struct vcpu *const *cpus;
    const uint64_t *affinity;
    unsigned cpu_count;
    unsigned spis; /* from INTID 32 on; rounded up to 32 */
    uint64_t dist_base;
    /* Where redistributors are, one after the other, region by region. */
    struct gicv3_redist_region {
        uint64_t base;
        unsigned count;
    } redist[GICV3_REGIONS_MAX];
    bool security;        /* two security states */
    bool reset_nonsecure; /* with security, and no secure software that sets the controller up */
    bool virtualization;  /* the vCPUs have EL2 */
    bool lpis;            /* for an ITS */
    uint64_t its_base;    /* where that will be, for an accelerator that keeps both; 0: none */
    uint8_t maintenance;  /* with virtualization: the private INTID, 25 by custom; an output too */
};

extern const struct device_class gicv3_class;
struct device *gicv3_create(struct vemu_machine *m, const struct gicv3_config *cfg,
                            struct vemu_error **errp);
/* SPI n, from 0 (INTID 32) on. */
struct irq gicv3_spi(struct device *dev, unsigned n);
/* A vCPU's private input, by its INTID, 16-31. */
struct irq gicv3_ppi(struct device *dev, unsigned cpu, unsigned intid);

#endif
