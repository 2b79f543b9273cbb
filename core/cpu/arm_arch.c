/* Arm as an architecture of the core: see arch.h. */
#include <stdatomic.h>

#include "core/cpu/arch.h"
#include "core/cpu/arm.h"
#include "core/cpu/debug.h"
#include "core/device/machine.h"

static void timers_changed(struct vcpu *cpu)
{
    const struct arm_board_ops *ops = cpu->arm_board_ops;

    for (unsigned n = 0; ops && ops->timer_changed && n < ARM_OUTPUT_COUNT; n++)
        ops->timer_changed(cpu, (enum arm_timer)n, cpu->arm_board);
}

/* All but the first wait to be powered up by PSCI; a board where firmware starts them lets them
 * go. */
static void reset(struct vcpu *cpu)
{
    struct arm_regs *regs = cpu->regs;

    cpu->halted = cpu->wait_for_sipi = false;
    if (!regs || !cpu->model)
        return;
    arm_regs_reset(regs, cpu->model);
    regs->vmpidr = arm_mpidr(cpu->model, cpu->index);
    cpu->halted = cpu->index != 0;
    regs->powered_off = cpu->halted ? ARM_POWER_OFF : ARM_POWER_ON;
}

static void reset_done(struct vcpu *cpu)
{
    if (cpu->regs)
        timers_changed(cpu);
}

void arm_cpu_start(struct vcpu *cpu)
{
    struct arm_regs *regs = cpu->regs;
    const struct arm_cpu_model *model = cpu->model;

    arm_regs_reset(regs, model);
    regs->vmpidr = arm_mpidr(model, cpu->index);
    arm_regs_enter(regs, model, model->has_el2 ? 2 : 1);
    regs->pc = cpu->start.pc;
    regs->x[0] = cpu->start.arg;
    if (!arm_is_aarch64(regs)) {
        regs->pstate |= regs->pc & 1 ? ARM_T : 0;
        regs->pc &= UINT32_MAX & ~UINT64_C(1);
        regs->x[0] &= UINT32_MAX;
    }
    cpu->halted = false;
    timers_changed(cpu);
}

static uint64_t pc(struct vcpu *cpu)
{
    return ((const struct arm_regs *)cpu->regs)->pc;
}

static bool check(const struct vcpu *cpu, const void *regs, struct vemu_error **errp)
{
    return arm_regs_check(regs, cpu->model, errp);
}

/* Where a processor is to start is no part of what is saved: it starts now. */
static void before_save(struct vcpu *cpu)
{
    const struct accel *accel = cpu->machine->accel;

    if (!(atomic_fetch_and(&cpu->interrupt, ~(uint32_t)CPU_INT_START) & CPU_INT_START))
        return;
    arm_cpu_start(cpu);
    if (accel->put_state)
        accel->put_state(cpu);
}

const struct cpu_arch_ops arm_arch_ops = {
    .regs_size = sizeof(struct arm_regs),
    .regs_align = _Alignof(struct arm_regs),
    .reset = reset,
    .reset_done = reset_done,
    .registers = arm_registers,
    .pc_name = "pc",
    .register_read = arm_register_read,
    .register_write = arm_register_write,
    .translate = arm_debug_translate,
    .pc = pc,
    .state_name = "arm-regs",
    .state_version = 2,
    .state = arm_regs_state,
    .check = check,
    .before_save = before_save,
};
