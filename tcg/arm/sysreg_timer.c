/* The generic timer's and the performance monitors' registers. See sysreg.h; Arm ARM, chapters D12
 * and D13. */
#include "core/util/range.h"
#include "tcg/arm/sysreg.h"

#define READ(name) uint64_t arm_read_##name(struct tcg_cpu *tc, const struct arm_sysreg *s)
#define WRITE(name)                                                                                \
    void arm_write_##name(struct tcg_cpu *tc, const struct arm_sysreg *s, uint64_t value)
#define IGNORED ((void)s)

/* ---- counters -------------------------------------------------------------------------------- */

READ(cntpct)
{
    IGNORED;
    return arm_counter(tc->vcpu);
}

/* At EL2, and at EL0 under it, with E2H the virtual counter has no offset. */
READ(cntvct)
{
    const struct arm_regs *r = arm_regs_of(tc);
    const uint64_t hcr = arm_hcr_of(tc);
    const unsigned el = arm_el(r);
    const bool plain = (hcr & ARM_HCR_E2H) && (el == 2 || (el == 0 && (hcr & ARM_HCR_TGE)));
    IGNORED;
    return arm_counter(tc->vcpu) - (plain ? 0 : r->cntvoff);
}

/* ---- timers ---------------------------------------------------------------------------------- */

/* The timer device looks at them from the machine's thread. */
static void set(uint64_t *reg, uint64_t value)
{
    __atomic_store_n(reg, value, __ATOMIC_RELAXED);
}

static void changed(struct tcg_cpu *tc, enum arm_timer which)
{
    const struct arm_board_ops *ops = tc->vcpu->arm_board_ops;
    if (ops && ops->timer_changed)
        ops->timer_changed(tc->vcpu, which, tc->vcpu->arm_board);
}

static uint64_t count_for(struct tcg_cpu *tc, enum arm_timer which)
{
    return arm_counter(tc->vcpu) - (which == ARM_TIMER_VIRT ? arm_regs_of(tc)->cntvoff : 0);
}

READ(tval)
{
    const enum arm_timer which = (enum arm_timer)s->value;
    return (uint32_t)(arm_regs_of(tc)->timer[which].cval - count_for(tc, which));
}

WRITE(tval)
{
    const enum arm_timer which = (enum arm_timer)s->value;
    set(&arm_regs_of(tc)->timer[which].cval,
        count_for(tc, which) + (uint64_t)(int64_t)(int32_t)(uint32_t)value);
    changed(tc, which);
}

/* ISTATUS says whether the condition is met, masked or not. */
READ(ctl)
{
    const enum arm_timer which = (enum arm_timer)s->value;
    const struct arm_timer_regs *t = &arm_regs_of(tc)->timer[which];
    const bool met = (t->ctl & 1) && count_for(tc, which) >= t->cval;
    return t->ctl | (met ? 4 : 0);
}

WRITE(ctl)
{
    set(&arm_regs_of(tc)->timer[s->value].ctl, value & 3);
    changed(tc, (enum arm_timer)s->value);
}

WRITE(cval)
{
    set(&arm_regs_of(tc)->timer[s->value].cval, value);
    changed(tc, (enum arm_timer)s->value);
}

WRITE(cntvoff)
{
    IGNORED;
    set(&arm_regs_of(tc)->cntvoff, value);
    changed(tc, ARM_TIMER_VIRT);
}

/* ---- performance monitors ---------------------------------------------------------------------
 */

/*
 * The cycle counter counts nanoseconds of the virtual clock while it is on. Of the events there are
 * SW_INCR and CPU_CYCLES by name; their counters hold what software put there and added.
 */
enum { PMCR_E = 1, PMCR_P = 2, PMCR_C = 4, PMCR_WRITABLE = 0x79 };

static bool cycles_run(const struct arm_regs *r)
{
    return (r->pmcr & PMCR_E) && (r->pmcnten >> 31 & 1);
}

static int64_t now(struct tcg_cpu *tc)
{
    return clock_now(tc->vcpu->machine->clocks, VCLOCK_VIRTUAL);
}

/* The count so far goes into its register, from where it goes on. */
static void collect(struct tcg_cpu *tc)
{
    struct arm_regs *r = arm_regs_of(tc);
    const int64_t t = now(tc);
    if (cycles_run(r))
        r->pmccntr += (uint64_t)(t - r->pmccntr_base);
    r->pmccntr_base = t;
}

READ(pmccntr)
{
    IGNORED;
    collect(tc);
    return arm_regs_of(tc)->pmccntr;
}

WRITE(pmccntr)
{
    IGNORED;
    collect(tc);
    arm_regs_of(tc)->pmccntr = value;
}

READ(pmcr)
{
    const struct arm_cpu_model *m = arm_model_of(tc);
    IGNORED;
    return arm_regs_of(tc)->pmcr | (uint64_t)m->pmu_counters << 11;
}

WRITE(pmcr)
{
    struct arm_regs *r = arm_regs_of(tc);
    IGNORED;
    collect(tc);
    r->pmcr = value & PMCR_WRITABLE;
    if (value & PMCR_P)
        for (unsigned n = 0; n < ARM_PMU_COUNTERS; n++)
            r->pmevcntr[n] = 0;
    if (value & PMCR_C)
        r->pmccntr = 0;
}

static uint64_t *bits_of(struct tcg_cpu *tc, const struct arm_sysreg *s)
{
    return (uint64_t *)((uint8_t *)tcg_env(tc) + s->offset);
}

WRITE(set)
{
    collect(tc);
    *bits_of(tc, s) |= value & s->mask;
}

WRITE(clear)
{
    collect(tc);
    *bits_of(tc, s) &= ~(value & s->mask);
}

WRITE(pmswinc)
{
    struct arm_regs *r = arm_regs_of(tc);
    IGNORED;
    for (unsigned n = 0; n < ARM_PMU_COUNTERS; n++) {
        const bool on = (r->pmcr & PMCR_E) && (r->pmcnten >> n & 1);
        if (!(value >> n & 1) || !on || (r->pmevtyper[n] & 0xffff) != 0)
            continue;
        r->pmevcntr[n] = (uint32_t)(r->pmevcntr[n] + 1);
        if (!r->pmevcntr[n])
            r->pmovs |= UINT64_C(1) << n;
    }
}

/* SW_INCR (0) and CPU_CYCLES (0x11). */
READ(pmceid)
{
    (void)tc;
    IGNORED;
    return 1 | UINT64_C(1) << 0x11;
}

READ(pmxevtyper)
{
    const struct arm_regs *r = arm_regs_of(tc);
    IGNORED;
    if (r->pmsel == 31)
        return r->pmccfiltr;
    return r->pmsel < ARM_PMU_COUNTERS ? r->pmevtyper[r->pmsel] : 0;
}

WRITE(pmxevtyper)
{
    struct arm_regs *r = arm_regs_of(tc);
    IGNORED;
    if (r->pmsel == 31)
        r->pmccfiltr = value & 0xfc000000;
    else if (r->pmsel < ARM_PMU_COUNTERS)
        r->pmevtyper[r->pmsel] = value & 0xfe00ffff;
}

READ(pmxevcntr)
{
    const struct arm_regs *r = arm_regs_of(tc);
    IGNORED;
    return r->pmsel < ARM_PMU_COUNTERS ? r->pmevcntr[r->pmsel] : 0;
}

WRITE(pmxevcntr)
{
    struct arm_regs *r = arm_regs_of(tc);
    IGNORED;
    if (r->pmsel < ARM_PMU_COUNTERS)
        r->pmevcntr[r->pmsel] = (uint32_t)value;
}
