/* vCPUs as an Arm interrupt controller has them: an output, a security state, system registers. */
#ifndef TESTS_DEVICE_GIC_CPUS_H
#define TESTS_DEVICE_GIC_CPUS_H

#include "core/cpu/arm.h"
#include "core/cpu/cpu.h"

enum { GIC_TEST_CPUS = 64 };
struct gic_cpus {
    struct vcpu *cpu[GIC_TEST_CPUS];
    uint64_t affinity[GIC_TEST_CPUS]; /* sixteen to a cluster */
    struct vcpu vcpu[GIC_TEST_CPUS];
    struct arm_regs regs[GIC_TEST_CPUS];
};
void gic_cpus_init(struct gic_cpus *c, struct vemu_machine *m);
/* This thread is that vCPU, in the given security state, from now on. */
void gic_as(struct gic_cpus *c, unsigned cpu, bool secure);
/* Is the condition up? */
bool gic_asks(const struct gic_cpus *c, unsigned cpu, uint32_t condition);
/* MSR and MRS at EL1 (of one security state, or non-secure) on a vCPU; what is not there fails the
 * test. */
uint64_t gic_mrs(struct gic_cpus *c, unsigned cpu, uint32_t reg);
void gic_msr(struct gic_cpus *c, unsigned cpu, uint32_t reg, uint64_t value);

#endif
