/* The generic timer's registers. See sysreg.h; Arm ARM, chapter D12. */
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
    arm_store_shared(&arm_regs_of(tc)->timer[which].cval,
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
    arm_store_shared(&arm_regs_of(tc)->timer[s->value].ctl, value & 3);
    changed(tc, (enum arm_timer)s->value);
}

WRITE(cval)
{
    arm_store_shared(&arm_regs_of(tc)->timer[s->value].cval, value);
    changed(tc, (enum arm_timer)s->value);
}

WRITE(cntvoff)
{
    IGNORED;
    arm_store_shared(&arm_regs_of(tc)->cntvoff, value);
    changed(tc, ARM_TIMER_VIRT);
}
