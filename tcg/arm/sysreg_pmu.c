/* The performance monitors' registers: what they hold is core/cpu/arm_pmu.c's. See sysreg.h; Arm
 * ARM, chapter D13. Of the events there are SW_INCR and CPU_CYCLES. */
#include "core/clock/clock.h"
#include "tcg/arm/sysreg.h"

#define READ(name) uint64_t arm_read_##name(struct tcg_cpu *tc, const struct arm_sysreg *s)
#define WRITE(name)                                                                                \
    void arm_write_##name(struct tcg_cpu *tc, const struct arm_sysreg *s, uint64_t value)
#define IGNORED ((void)s)

enum { PMCR_P = 2, PMCR_C = 4, PMCR_WRITABLE = 0x79 };
#define TYPER_WRITABLE UINT64_C(0xfe00ffff)
#define CCFILTR_WRITABLE UINT64_C(0xfc000000)

static int64_t now(struct tcg_cpu *tc)
{
    return clock_now(tc->vcpu->machine->clocks, VCLOCK_VIRTUAL);
}

/* Before a register changes. */
static struct arm_regs *collect(struct tcg_cpu *tc)
{
    struct arm_regs *r = arm_regs_of(tc);
    arm_pmu_collect(r, now(tc));
    return r;
}

/* After it did: the interrupt comes or goes, or its time is another. */
static void changed(struct tcg_cpu *tc)
{
    const struct arm_board_ops *ops = tc->vcpu->arm_board_ops;
    if (ops && ops->timer_changed)
        ops->timer_changed(tc->vcpu, ARM_OUTPUT_PMU, tc->vcpu->arm_board);
}

static uint64_t *bits_of(struct tcg_cpu *tc, const struct arm_sysreg *s)
{
    return (uint64_t *)((uint8_t *)tcg_env(tc) + s->offset);
}

READ(pmccntr)
{
    IGNORED;
    return arm_pmu_count(arm_regs_of(tc), ARM_PMU_CYCLES, now(tc));
}

WRITE(pmccntr)
{
    IGNORED;
    arm_store_shared(&collect(tc)->pmccntr, value);
    changed(tc);
}

READ(pmcr)
{
    const struct arm_cpu_model *m = arm_model_of(tc);
    IGNORED;
    return arm_regs_of(tc)->pmcr | (uint64_t)m->pmu_counters << 11;
}

WRITE(pmcr)
{
    struct arm_regs *r = collect(tc);
    IGNORED;
    arm_store_shared(&r->pmcr, value & PMCR_WRITABLE);
    if (value & PMCR_P)
        for (unsigned n = 0; n < ARM_PMU_COUNTERS; n++)
            arm_store_shared(&r->pmevcntr[n], 0);
    if (value & PMCR_C)
        arm_store_shared(&r->pmccntr, 0);
    changed(tc);
}

READ(pmovs)
{
    IGNORED;
    return arm_pmu_overflows(arm_regs_of(tc), now(tc));
}

WRITE(set)
{
    collect(tc);
    arm_store_shared(bits_of(tc, s), *bits_of(tc, s) | (value & s->mask));
    changed(tc);
}

WRITE(clear)
{
    collect(tc);
    arm_store_shared(bits_of(tc, s), *bits_of(tc, s) & ~(value & s->mask));
    changed(tc);
}

WRITE(pmswinc)
{
    struct arm_regs *r = collect(tc);
    IGNORED;
    for (unsigned n = 0; n < ARM_PMU_COUNTERS; n++) {
        const bool on = (r->pmcr & ARM_PMCR_E) && (r->pmcnten >> n & 1);
        if (!(value >> n & 1) || !on || (r->pmevtyper[n] & 0xffff) != ARM_PMU_EVENT_SW_INCR)
            continue;
        arm_store_shared(&r->pmevcntr[n], (uint32_t)(r->pmevcntr[n] + 1));
        if (!r->pmevcntr[n])
            arm_store_shared(&r->pmovs, r->pmovs | UINT64_C(1) << n);
    }
    changed(tc);
}

READ(pmceid)
{
    (void)tc;
    IGNORED;
    return UINT64_C(1) << ARM_PMU_EVENT_SW_INCR | UINT64_C(1) << ARM_PMU_EVENT_CYCLES;
}

/* ---- one counter: by the register's number, or by PMSELR ---------------------------------------
 */

static uint64_t count_of(struct tcg_cpu *tc, uint64_t n)
{
    return n < ARM_PMU_COUNTERS ? arm_pmu_count(arm_regs_of(tc), (unsigned)n, now(tc)) : 0;
}

static void set_count(struct tcg_cpu *tc, uint64_t n, uint64_t value)
{
    struct arm_regs *r = collect(tc);
    if (n < ARM_PMU_COUNTERS)
        arm_store_shared(&r->pmevcntr[n], (uint32_t)value);
    changed(tc);
}

static uint64_t type_of(struct tcg_cpu *tc, uint64_t n)
{
    const struct arm_regs *r = arm_regs_of(tc);
    return n == ARM_PMU_CYCLES ? r->pmccfiltr : n < ARM_PMU_COUNTERS ? r->pmevtyper[n] : 0;
}

static void set_type(struct tcg_cpu *tc, uint64_t n, uint64_t value)
{
    struct arm_regs *r = collect(tc);
    if (n == ARM_PMU_CYCLES)
        r->pmccfiltr = value & CCFILTR_WRITABLE;
    else if (n < ARM_PMU_COUNTERS)
        arm_store_shared(&r->pmevtyper[n], value & TYPER_WRITABLE);
    changed(tc);
}

READ(pmevcntr)
{
    return count_of(tc, s->value);
}

WRITE(pmevcntr)
{
    set_count(tc, s->value, value);
}

READ(pmevtyper)
{
    return type_of(tc, s->value);
}

WRITE(pmevtyper)
{
    set_type(tc, s->value, value);
}

READ(pmxevtyper)
{
    IGNORED;
    return type_of(tc, arm_regs_of(tc)->pmsel);
}

WRITE(pmxevtyper)
{
    IGNORED;
    set_type(tc, arm_regs_of(tc)->pmsel, value);
}

READ(pmxevcntr)
{
    IGNORED;
    return count_of(tc, arm_regs_of(tc)->pmsel);
}

WRITE(pmxevcntr)
{
    IGNORED;
    set_count(tc, arm_regs_of(tc)->pmsel, value);
}
