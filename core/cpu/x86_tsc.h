/*
 * The guest's time-stamp counter: the machine's virtual clock scaled to the model's frequency, plus
 * the vCPU's offset (SDM vol. 3, chapter "Debug, Branch Profile, TSC..."). One definition, because
 * RDTSC, IA32_TSC and the local APIC's TSC-deadline timer must agree to the tick.
 *
 * Thread contract: on the vCPU's own thread, or while it is paused; the local APIC's timer callback
 * reads the offset of a running vCPU, which is one aligned 64-bit load.
 */
#ifndef CORE_CPU_X86_TSC_H
#define CORE_CPU_X86_TSC_H

#include <stdint.h>
#include "core/clock/clock.h"
#include "core/cpu/cpu.h"
#include "core/cpu/x86.h"
#include "core/device/machine.h"

#define X86_NS_PER_SECOND UINT64_C(1000000000)
/* A model without a frequency ticks once a nanosecond, so that no guest value divides by zero. */
static inline uint64_t x86_tsc_hz(const struct vcpu *cpu)
{
    const struct x86_cpu_model *model = cpu->model;
    if (cpu->tsc_hz)
        return cpu->tsc_hz;
    return model && model->tsc_hz ? model->tsc_hz : X86_NS_PER_SECOND;
}
static inline int64_t x86_tsc_offset(const struct vcpu *cpu)
{
    const struct x86_regs *regs = cpu->regs;
    return regs ? __atomic_load_n(&regs->tsc_offset, __ATOMIC_RELAXED) : 0;
}
/* The counter's value when the virtual clock shows now_ns. */
static inline uint64_t x86_tsc_at(const struct vcpu *cpu, int64_t now_ns)
{
    uint64_t hz = x86_tsc_hz(cpu), offset = (uint64_t)x86_tsc_offset(cpu);
    if (hz % X86_NS_PER_SECOND == 0) /* whole GHz: no division of 128 bits in every RDTSC */
        return (uint64_t)now_ns * (hz / X86_NS_PER_SECOND) + offset;
    return muldiv64((uint64_t)now_ns, hz, X86_NS_PER_SECOND) + offset;
}
static inline uint64_t x86_tsc_now(const struct vcpu *cpu)
{
    return x86_tsc_at(cpu, clock_now(cpu->machine->clocks, VCLOCK_VIRTUAL));
}
/* The first virtual time, in ns, at which the counter has reached tsc; clamped to what a deadline
 * can hold. now_ns when it already has. */
static inline int64_t x86_tsc_deadline_ns(const struct vcpu *cpu, uint64_t tsc, int64_t now_ns)
{
    uint64_t hz = x86_tsc_hz(cpu), now = x86_tsc_at(cpu, now_ns);
    if (tsc <= now)
        return now_ns;
    unsigned __int128 ns =
        ((unsigned __int128)(tsc - (uint64_t)x86_tsc_offset(cpu)) * X86_NS_PER_SECOND + hz - 1) /
        hz;
    return ns > (uint64_t)INT64_MAX ? INT64_MAX : (int64_t)ns;
}

#endif
