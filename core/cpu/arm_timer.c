/*
 * The generic timer as the register file has it (Arm ARM, chapter D12): a counter that is the
 * machine's virtual clock, and timers that compare it.
 */
#include "core/clock/clock.h"
#include "core/cpu/arm.h"
#include "core/cpu/cpu.h"
#include "core/device/machine.h"

#define NS_PER_SECOND UINT64_C(1000000000)

enum { CTL_ENABLE = 1, CTL_IMASK = 2 };

static uint64_t counter_at(const struct arm_cpu_model *model, int64_t ns)
{
    return muldiv64((uint64_t)ns, model->cntfrq, NS_PER_SECOND);
}

uint64_t arm_counter(const struct vcpu *cpu)
{
    return counter_at(cpu->model, clock_now(cpu->machine->clocks, VCLOCK_VIRTUAL));
}

/* The virtual timer runs behind by an offset. */
static uint64_t offset_of(const struct arm_regs *r, enum arm_timer which)
{
    return which == ARM_TIMER_VIRT ? __atomic_load_n(&r->cntvoff, __ATOMIC_RELAXED) : 0;
}

/* The first time, in ns, at which the counter has reached `ticks`. */
static int64_t time_of(const struct arm_cpu_model *model, uint64_t ticks)
{
    unsigned __int128 ns =
        ((unsigned __int128)ticks * NS_PER_SECOND + model->cntfrq - 1) / model->cntfrq;
    return ns > (uint64_t)INT64_MAX ? INT64_MAX : (int64_t)ns;
}

bool arm_timer_output(const struct vcpu *cpu, enum arm_timer which, int64_t *deadline)
{
    const struct arm_regs *r = cpu->regs;
    if (which == ARM_OUTPUT_PMU)
        return arm_pmu_output(cpu, deadline);
    const struct arm_timer_regs *t = &r->timer[which];
    const uint64_t ctl = __atomic_load_n(&t->ctl, __ATOMIC_RELAXED),
                   cval = __atomic_load_n(&t->cval, __ATOMIC_RELAXED);
    const uint64_t offset = offset_of(r, which), now = arm_counter(cpu);

    *deadline = INT64_MAX;
    if ((ctl & (CTL_ENABLE | CTL_IMASK)) != CTL_ENABLE)
        return false;
    if (now - offset >= cval)
        return true;
    /* The offset count may wrap before it gets there; what is left of it may not. */
    const uint64_t left = cval - (now - offset);
    if (left <= UINT64_MAX - now)
        *deadline = time_of(cpu->model, now + left);
    return false;
}
