/*
 * The local APIC's state, shared by its three files: lapic.c (interrupts, life), lapic_regs.c
 * (registers as memory and as MSRs), lapic_timer.c. Guarded by the bus lock, which every function
 * here is called with.
 */
#ifndef HW_INTC_LAPIC_INTERNAL_H
#define HW_INTC_LAPIC_INTERNAL_H

#include "core/clock/clock.h"
#include "core/cpu/cpu.h"
#include "core/cpu/x86.h"
#include "hw/intc/apic_internal.h"
#include "hw/intc/lapic.h"

/* IA32_APIC_BASE. */
enum {
    APIC_BASE_BSP = 1 << 8,
    APIC_BASE_X2APIC = 1 << 10,
    APIC_BASE_ENABLE = 1 << 11,
    APIC_BASE_FLAGS = 0xfff,
};
/* The local vector table, in the order of its registers. */
enum lapic_lvt { LVT_TIMER, LVT_THERMAL, LVT_PERF, LVT_LINT0, LVT_LINT1, LVT_ERROR, LVTS };
enum {
    LVT_MODE_SHIFT = 8,
    LVT_REMOTE_IRR = 1 << 14,
    LVT_LEVEL = 1 << 15,
    LVT_MASKED = 1 << 16,
    LVT_TIMER_MODE = 3 << 17,
    LVT_TIMER_ONE_SHOT = 0,
    LVT_TIMER_PERIODIC = 1 << 17,
    LVT_TIMER_TSC_DEADLINE = 2 << 17,
};
enum { SVR_VECTOR = 0xff, SVR_ENABLE = 1 << 8, SVR_WRITABLE = 0x3ff };
enum {
    ESR_SEND_ILLEGAL = 1 << 5,
    ESR_RECEIVE_ILLEGAL = 1 << 6,
    ESR_ILLEGAL_REGISTER = 1 << 7,
};
#define DFR_FLAT UINT32_MAX
enum { VECTOR_WORDS = 8 };

struct lapic {
    struct device dev;
    struct lapic_config cfg;
    struct apic_bus *bus;
    struct vcpu *cpu;
    bool
        in_kernel; /* the accelerator runs it, and what is below is as it was put or fetched last */

    uint64_t base; /* IA32_APIC_BASE */
    uint32_t ldr, dfr, svr, icr_high, icr_low, divide;
    uint32_t lvt[LVTS];
    uint8_t tpr;
    uint32_t esr, esr_pending; /* read value; collected since the last write of ESR */
    uint32_t irr[VECTOR_WORDS], isr[VECTOR_WORDS], tmr[VECTOR_WORDS];
    uint8_t lint[2];  /* levels of the pins */
    bool ext_message; /* an ExtINT message came in: the next acknowledge asks the PIC */

    uint32_t initial_count;
    int64_t timer_start; /* virtual ns at which the count began */
    int64_t timer_due;   /* virtual ns of the next expiry, -1: none */
    uint64_t tsc_deadline;
    struct timer timer;

    struct mem_region moved; /* the registers at a base other than the window's */
    bool is_moved;
};

static inline bool lapic_enabled(const struct lapic *l)
{
    return l->base & APIC_BASE_ENABLE;
}
static inline bool lapic_x2apic(const struct lapic *l)
{
    return l->base & APIC_BASE_X2APIC;
}
/* Does the vCPU's model have this bit of CPUID.1:ECX? A vCPU without a model (tests) has all. */
static inline bool lapic_has_feature(const struct lapic *l, uint32_t bit)
{
    return !l->cpu->model || x86_has(l->cpu->model, X86_FEAT_1_ECX, bit);
}
enum { FEATURE_X2APIC = 1 << 21, FEATURE_TSC_DEADLINE = 1 << 24 };

/* Register numbers: the offset in the page divided by 16, and the MSR's distance from 0x800. */
enum lapic_register {
    LAPIC_REG_ID = 0x02,
    LAPIC_REG_VERSION = 0x03,
    LAPIC_REG_TPR = 0x08,
    LAPIC_REG_APR = 0x09,
    LAPIC_REG_PPR = 0x0a,
    LAPIC_REG_EOI = 0x0b,
    LAPIC_REG_RRD = 0x0c,
    LAPIC_REG_LDR = 0x0d,
    LAPIC_REG_DFR = 0x0e,
    LAPIC_REG_SVR = 0x0f,
    LAPIC_REG_ISR = 0x10,
    LAPIC_REG_TMR = 0x18,
    LAPIC_REG_IRR = 0x20,
    LAPIC_REG_ESR = 0x28,
    LAPIC_REG_ICR_LOW = 0x30,
    LAPIC_REG_ICR_HIGH = 0x31,
    LAPIC_REG_LVT = 0x32,
    LAPIC_REG_INITIAL_COUNT = 0x38,
    LAPIC_REG_CURRENT_COUNT = 0x39,
    LAPIC_REG_DIVIDE = 0x3e,
    LAPIC_REG_SELF_IPI = 0x3f,
};

/* lapic.c */
void lapic_update(struct lapic *l); /* raises or lowers the vCPU's CPU_INT_HARD */
void lapic_request(struct lapic *l, uint8_t vector, bool level);
void lapic_fire_lvt(struct lapic *l, enum lapic_lvt which);
void lapic_error(struct lapic *l, uint32_t esr_bit);
void lapic_eoi(struct lapic *l);
uint8_t lapic_ppr(const struct lapic *l);
void lapic_send_ipi(struct lapic *l, uint32_t icr_low, uint32_t dest);
void lapic_pins_changed(struct lapic *l); /* after a write to LVT LINT0 or LINT1 */
void lapic_clear(struct lapic *l);        /* the registers as after INIT; not base and ID */

/* lapic_kernel.c: the registers to the accelerator that runs them, and back. vCPUs paused; without
 * the bus lock. */
void lapic_put_to_kernel(struct lapic *l);
void lapic_get_from_kernel(struct lapic *l);

/* lapic_regs.c */
/* Where each is in the page, by its number: the offset divided by 16. False: there is none. */
bool lapic_read_register(struct lapic *l, unsigned reg, uint32_t *value);

bool lapic_msr_read(struct lapic *l, uint32_t msr, uint64_t *value);
bool lapic_msr_write(struct lapic *l, uint32_t msr, uint64_t value);
/* A new IA32_APIC_BASE is allowed after the present one: false is #GP. */
bool lapic_base_allowed(const struct lapic *l, uint64_t value);

/* lapic_timer.c */
uint32_t lapic_timer_current(struct lapic *l);
void lapic_timer_set_initial(struct lapic *l, uint32_t count);
void lapic_timer_set_divide(struct lapic *l, uint32_t divide);
void lapic_timer_set_deadline(struct lapic *l, uint64_t tsc);
/* Around a change of the timer's LVT entry. */
void lapic_timer_poll(struct lapic *l);
void lapic_timer_mode_changed(struct lapic *l, uint32_t old_lvt);
void lapic_timer_stop(struct lapic *l);
/* As if it had been counting: what it counts from, what it has come to, and the deadline. */
void lapic_timer_restore(struct lapic *l, uint32_t initial, uint32_t current, uint64_t deadline);
void lapic_timer_arm(struct lapic *l);
void lapic_timer_expired(void *opaque); /* the timer callback: takes the bus lock itself */

#endif
