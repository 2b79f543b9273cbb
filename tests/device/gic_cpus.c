/* See gic_cpus.h. */
#include "tests/device/gic_cpus.h"

#include <criterion/criterion.h>
#include <stdatomic.h>
#include <string.h>

void gic_cpus_init(struct gic_cpus *c, struct vemu_machine *m)
{
    memset(c, 0, sizeof *c);
    for (unsigned i = 0; i < GIC_TEST_CPUS; i++) {
        struct vcpu *cpu = &c->vcpu[i];
        cpu->machine = m;
        cpu->index = i;
        cpu->arch = ARCH_ARM;
        cpu->regs = &c->regs[i];
        pthread_mutex_init(&cpu->run_lock, NULL);
        pthread_cond_init(&cpu->run_cond, NULL);
        c->cpu[i] = cpu;
        c->affinity[i] = UINT64_C(1) << 31 | i / 16 << 8 | i % 16;
    }
    vcpu_set_current(c->cpu[0]);
}

void gic_as(struct gic_cpus *c, unsigned cpu, bool secure)
{
    c->regs[cpu].secure = secure;
    vcpu_set_current(c->cpu[cpu]);
}

bool gic_asks(const struct gic_cpus *c, unsigned cpu, uint32_t condition)
{
    return atomic_load(&c->vcpu[cpu].interrupt) & condition;
}

static const struct arm_intc_access at_el1 = {.el = 1};

uint64_t gic_mrs(struct gic_cpus *c, unsigned cpu, uint32_t reg)
{
    uint64_t value = 0;
    cr_assert_eq(c->vcpu[cpu].arm_intc_ops->read(c->vcpu[cpu].intc, reg, &at_el1, &value),
                 ARM_INTC_OK);
    return value;
}

void gic_msr(struct gic_cpus *c, unsigned cpu, uint32_t reg, uint64_t value)
{
    cr_assert_eq(c->vcpu[cpu].arm_intc_ops->write(c->vcpu[cpu].intc, reg, &at_el1, value),
                 ARM_INTC_OK);
}
