/* The accelerator of device tests: nothing runs. See qtest.h. */
#include <stdlib.h>
#include <string.h>

#include "accel/qtest/qtest.h"
#include "core/cpu/arch.h"
#include "core/cpu/cpu.h"
#include "core/cpu/x86.h"
#include "core/device/irq_tap.h"
#include "core/device/machine.h"
#include "core/util/error.h"

static bool machine_init_qtest(struct vemu_machine *m, struct vemu_error **errp)
{
    m->irq_taps = irq_taps_new();
    if (!m->irq_taps)
        return error_set(errp, VEMU_ERROR_NO_MEMORY, "out of memory");
    clock_set_manual(m->clocks, true);
    return true;
}

static void machine_destroy_qtest(struct vemu_machine *m)
{
    irq_taps_free(m->irq_taps);
    m->irq_taps = NULL;
}

static void features(struct vemu_machine *m, uint32_t *words)
{
    (void)m;
    x86_features_translator(words);
}

static bool vcpu_init_qtest(struct vcpu *cpu, struct vemu_error **errp)
{
    const size_t size = cpu_arch_ops(cpu)->regs_size;
    cpu->regs = aligned_alloc(64, (size + 63) / 64 * 64);
    if (!cpu->regs)
        return error_set(errp, VEMU_ERROR_NO_MEMORY, "no memory for vCPU %u", cpu->index);
    memset(cpu->regs, 0, size);
    return true;
}

static void vcpu_destroy_qtest(struct vcpu *cpu)
{
    free(cpu->regs);
    cpu->regs = NULL;
}

/* It sleeps until something is raised, and then again: nothing is ever acknowledged. */
static enum vcpu_exit vcpu_run_qtest(struct vcpu *cpu)
{
    (void)cpu;
    return VCPU_EXIT_HALT;
}

static void vcpu_kick_qtest(struct vcpu *cpu)
{
    (void)cpu; /* it does not stay in vcpu_run */
}

static const struct accel qtest_accel_table = {
    .name = "qtest",
    .machine_init = machine_init_qtest,
    .machine_destroy = machine_destroy_qtest,
    .x86_features = features,
    .vcpu_init = vcpu_init_qtest,
    .vcpu_destroy = vcpu_destroy_qtest,
    .vcpu_run = vcpu_run_qtest,
    .vcpu_kick = vcpu_kick_qtest,
};

const struct accel *qtest_accel(void)
{
    return &qtest_accel_table;
}
