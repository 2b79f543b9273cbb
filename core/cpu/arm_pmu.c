/*
 * The performance monitors as the register file has them (Arm ARM, chapter D13): counters of
 * cycles, which are nanoseconds of the machine's virtual clock. What a counter shows follows from
 * its register, pmccntr_base, when the registers were last true, and the time; so an overflow's
 * time is known beforehand. Which exception levels are counted (PMCCFILTR, PMEVTYPER) makes no
 * difference.
 */
#include "core/clock/clock.h"
#include "core/cpu/arm.h"
#include "core/cpu/cpu.h"
#include "core/device/machine.h"

/* The vCPU's thread writes, the machine's looks for the output. */
static uint64_t look(const uint64_t *reg)
{
    return __atomic_load_n(reg, __ATOMIC_RELAXED);
}

static void put(uint64_t *reg, uint64_t v)
{
    __atomic_store_n(reg, v, __ATOMIC_RELAXED);
}

/* Is the counter on, and of cycles? */
static bool runs(const struct arm_regs *r, unsigned counter)
{
    if (!(look(&r->pmcr) & ARM_PMCR_E) || !(look(&r->pmcnten) >> counter & 1))
        return false;
    return counter == ARM_PMU_CYCLES ||
           (look(&r->pmevtyper[counter]) & 0xffff) == ARM_PMU_EVENT_CYCLES;
}

static uint64_t since(const struct arm_regs *r, int64_t now)
{
    const int64_t base = __atomic_load_n(&r->pmccntr_base, __ATOMIC_RELAXED);
    return now > base ? (uint64_t)now - (uint64_t)base : 0;
}

static uint64_t value(const struct arm_regs *r, unsigned counter)
{
    return look(counter == ARM_PMU_CYCLES ? &r->pmccntr : &r->pmevcntr[counter]);
}

/* Cycles until it overflows; 0: 2^64. */
static uint64_t left(const struct arm_regs *r, unsigned counter)
{
    if (counter == ARM_PMU_CYCLES && (look(&r->pmcr) & ARM_PMCR_LC))
        return -value(r, counter);
    return (UINT64_C(1) << 32) - (uint32_t)value(r, counter);
}

uint64_t arm_pmu_count(const struct arm_regs *r, unsigned counter, int64_t now)
{
    const uint64_t v = value(r, counter) + (runs(r, counter) ? since(r, now) : 0);
    return counter == ARM_PMU_CYCLES ? v : (uint32_t)v;
}

/* All of them: events' first. */
static unsigned counter_of(unsigned n)
{
    return n < ARM_PMU_COUNTERS ? n : (unsigned)ARM_PMU_CYCLES;
}

uint64_t arm_pmu_overflows(const struct arm_regs *r, int64_t now)
{
    const uint64_t passed = since(r, now);
    uint64_t overflows = look(&r->pmovs);
    for (unsigned n = 0; n <= ARM_PMU_COUNTERS; n++) {
        const unsigned counter = counter_of(n);
        const uint64_t cycles = left(r, counter);
        if (runs(r, counter) && cycles && passed >= cycles)
            overflows |= UINT64_C(1) << counter;
    }
    return overflows;
}

void arm_pmu_collect(struct arm_regs *r, int64_t now)
{
    const uint64_t overflows = arm_pmu_overflows(r, now);
    for (unsigned n = 0; n < ARM_PMU_COUNTERS; n++)
        put(&r->pmevcntr[n], arm_pmu_count(r, n, now));
    put(&r->pmccntr, arm_pmu_count(r, ARM_PMU_CYCLES, now));
    put(&r->pmovs, overflows);
    __atomic_store_n(&r->pmccntr_base, now, __ATOMIC_RELAXED);
}

bool arm_pmu_output(const struct vcpu *cpu, int64_t *deadline)
{
    const struct arm_regs *r = cpu->regs;
    const int64_t now = clock_now(cpu->machine->clocks, VCLOCK_VIRTUAL);
    const uint64_t enabled = look(&r->pminten);

    *deadline = INT64_MAX;
    if (!(look(&r->pmcr) & ARM_PMCR_E))
        return false;
    if (arm_pmu_overflows(r, now) & enabled)
        return true;
    for (unsigned n = 0; n <= ARM_PMU_COUNTERS; n++) {
        const unsigned counter = counter_of(n);
        const uint64_t cycles = left(r, counter), passed = since(r, now);
        if (!(enabled >> counter & 1) || !runs(r, counter) || cycles <= passed)
            continue;
        if (cycles - passed < (uint64_t)(INT64_MAX - now) &&
            now + (int64_t)(cycles - passed) < *deadline)
            *deadline = now + (int64_t)(cycles - passed);
    }
    return false;
}
