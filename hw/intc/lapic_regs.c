/*
 * The local APIC's registers: as memory (xAPIC) and as MSRs (x2APIC).
 *
 * Specification: Intel SDM vol. 3, chapter "Advanced Programmable Interrupt Controller (APIC)":
 * register address map, extended xAPIC (x2APIC), and the state transitions of IA32_APIC_BASE.
 */
#include "core/util/range.h"
#include "hw/intc/lapic_internal.h"

enum { VERSION = 0x14, MAX_LVT_SHIFT = 16 };
enum {
    MSR_APIC_BASE = 0x1b,
    MSR_TSC_DEADLINE = 0x6e0,
    MSR_X2APIC = 0x800,
    MSR_X2APIC_LAST = 0x8ff
};
#define ICR_LOW_WRITABLE UINT32_C(0x000ccfff)
#define ICR_LOW_X2APIC_ALLOWED UINT32_C(0x000cdfff) /* delivery status is ignored, not reserved */
#define DIVIDE_WRITABLE UINT32_C(0x0b)

/* Bits that software may write; delivery status and remote IRR are the APIC's. */
static const uint32_t lvt_writable[LVTS] = {
    [LVT_TIMER] = 0x700ff, [LVT_THERMAL] = 0x107ff, [LVT_PERF] = 0x107ff,
    [LVT_LINT0] = 0x1a7ff, [LVT_LINT1] = 0x1a7ff,   [LVT_ERROR] = 0x100ff,
};
enum { LVT_READ_ONLY = 0x5000 };

static uint32_t x2apic_ldr(const struct lapic *l)
{
    uint32_t id = l->cpu->apic_id;
    return (id & ~15u) << 12 | 1u << (id & 15);
}

/* False: there is no such register, or it is write-only. */
bool lapic_read_register(struct lapic *l, unsigned reg, uint32_t *value)
{
    switch (reg) {
    case LAPIC_REG_ID:
        *value = lapic_x2apic(l) ? l->cpu->apic_id : l->cpu->apic_id << 24;
        return true;
    case LAPIC_REG_VERSION:
        *value = (LVTS - 1) << MAX_LVT_SHIFT | VERSION;
        return true;
    case LAPIC_REG_TPR:
        *value = l->tpr;
        return true;
    case LAPIC_REG_PPR:
        *value = lapic_ppr(l);
        return true;
    case LAPIC_REG_APR:
    case LAPIC_REG_RRD:
        *value = 0;
        return !lapic_x2apic(l);
    case LAPIC_REG_EOI:
        *value = 0;
        return !lapic_x2apic(l);
    case LAPIC_REG_LDR:
        *value = lapic_x2apic(l) ? x2apic_ldr(l) : l->ldr;
        return true;
    case LAPIC_REG_DFR:
        *value = l->dfr;
        return !lapic_x2apic(l);
    case LAPIC_REG_SVR:
        *value = l->svr;
        return true;
    case LAPIC_REG_ESR:
        *value = l->esr;
        return true;
    case LAPIC_REG_ICR_LOW:
        *value = l->icr_low;
        return true;
    case LAPIC_REG_ICR_HIGH:
        *value = l->icr_high;
        return !lapic_x2apic(l);
    case LAPIC_REG_INITIAL_COUNT:
        *value = l->initial_count;
        return true;
    case LAPIC_REG_CURRENT_COUNT:
        *value = lapic_timer_current(l);
        return true;
    case LAPIC_REG_DIVIDE:
        *value = l->divide;
        return true;
    }
    if (reg >= LAPIC_REG_LVT && reg < LAPIC_REG_LVT + LVTS)
        *value = l->lvt[reg - LAPIC_REG_LVT];
    else if (reg >= LAPIC_REG_ISR && reg < LAPIC_REG_ISR + VECTOR_WORDS)
        *value = l->isr[reg - LAPIC_REG_ISR];
    else if (reg >= LAPIC_REG_TMR && reg < LAPIC_REG_TMR + VECTOR_WORDS)
        *value = l->tmr[reg - LAPIC_REG_TMR];
    else if (reg >= LAPIC_REG_IRR && reg < LAPIC_REG_IRR + VECTOR_WORDS)
        *value = l->irr[reg - LAPIC_REG_IRR];
    else
        return false;
    return true;
}

static void write_lvt(struct lapic *l, enum lapic_lvt which, uint32_t value)
{
    uint32_t old = l->lvt[which], writable = lvt_writable[which];

    if (which == LVT_TIMER) {
        lapic_timer_poll(l);
        if (!lapic_has_feature(l, FEATURE_TSC_DEADLINE))
            writable &= ~(uint32_t)LVT_TIMER_TSC_DEADLINE;
    }
    if (!(l->svr & SVR_ENABLE))
        value |= LVT_MASKED;
    l->lvt[which] = (old & ~writable & LVT_REMOTE_IRR) | (value & writable);
    if (which == LVT_TIMER)
        lapic_timer_mode_changed(l, old);
    else if (which == LVT_LINT0 || which == LVT_LINT1)
        lapic_pins_changed(l);
}

static void write_svr(struct lapic *l, uint32_t value)
{
    l->svr = value & SVR_WRITABLE;
    if (!(value & SVR_ENABLE)) {
        /* Software-disabled: every LVT entry is masked and cannot be unmasked. */
        lapic_timer_poll(l);
        for (unsigned i = 0; i < LVTS; i++)
            l->lvt[i] |= LVT_MASKED;
        lapic_timer_arm(l);
    }
    lapic_update(l);
}

/* False: there is no such register, or it is read-only. */
static bool write_register(struct lapic *l, unsigned reg, uint32_t value)
{
    switch (reg) {
    case LAPIC_REG_ID: /* fixed by the machine's topology, as on every recent processor */
        return !lapic_x2apic(l);
    case LAPIC_REG_TPR:
        l->tpr = (uint8_t)value;
        lapic_update(l);
        return true;
    case LAPIC_REG_EOI:
        lapic_eoi(l);
        return true;
    case LAPIC_REG_LDR:
        if (lapic_x2apic(l))
            return false;
        l->ldr = value & 0xff000000;
        return true;
    case LAPIC_REG_DFR:
        if (lapic_x2apic(l))
            return false;
        l->dfr = value | 0x0fffffff;
        return true;
    case LAPIC_REG_SVR:
        write_svr(l, value);
        return true;
    case LAPIC_REG_ESR:
        l->esr = l->esr_pending;
        l->esr_pending = 0;
        return true;
    case LAPIC_REG_ICR_LOW:
        l->icr_low = value & ICR_LOW_WRITABLE;
        lapic_send_ipi(l, l->icr_low, lapic_x2apic(l) ? l->icr_high : l->icr_high >> 24);
        return true;
    case LAPIC_REG_ICR_HIGH:
        if (lapic_x2apic(l))
            return false;
        l->icr_high = value & 0xff000000;
        return true;
    case LAPIC_REG_INITIAL_COUNT:
        lapic_timer_set_initial(l, value);
        return true;
    case LAPIC_REG_DIVIDE:
        lapic_timer_set_divide(l, value & DIVIDE_WRITABLE);
        return true;
    case LAPIC_REG_SELF_IPI:
        if (!lapic_x2apic(l))
            return false;
        /* As an ICR write with the self shorthand, fixed, edge. */
        if ((value & 0xff) < APIC_FIRST_VECTOR)
            lapic_error(l, ESR_SEND_ILLEGAL);
        lapic_request(l, (uint8_t)value, false);
        return true;
    }
    if (reg >= LAPIC_REG_LVT && reg < LAPIC_REG_LVT + LVTS) {
        write_lvt(l, reg - LAPIC_REG_LVT, value);
        return true;
    }
    return false;
}

/* ---- as memory ------------------------------------------------------------------------------- */

static bool mapped_at(const struct lapic *l, uint64_t base)
{
    return lapic_enabled(l) && !lapic_x2apic(l) && (l->base & ~(uint64_t)APIC_BASE_FLAGS) == base;
}

bool lapic_mmio_read(struct lapic *l, uint64_t base, uint32_t offset, uint32_t *value)
{
    if (!mapped_at(l, base))
        return false;
    *value = 0;
    /* Registers are 32 bits in 128; the rest of the 128 is undefined. */
    if (!(offset & 15) && !lapic_read_register(l, offset >> 4, value))
        lapic_error(l, ESR_ILLEGAL_REGISTER);
    return true;
}

bool lapic_mmio_write(struct lapic *l, uint64_t base, uint32_t offset, uint32_t value)
{
    if (!mapped_at(l, base))
        return false;
    if (!(offset & 15) && !write_register(l, offset >> 4, value))
        lapic_error(l, ESR_ILLEGAL_REGISTER);
    return true;
}

/* ---- as MSRs --------------------------------------------------------------------------------- */

bool lapic_base_allowed(const struct lapic *l, uint64_t value)
{
    const struct x86_cpu_model *model = l->cpu->model;
    unsigned phys_bits = model && model->phys_bits ? model->phys_bits : 52;
    uint64_t allowed =
        (mask_bits(phys_bits) & ~(uint64_t)APIC_BASE_FLAGS) | APIC_BASE_BSP | APIC_BASE_ENABLE;
    if (lapic_has_feature(l, FEATURE_X2APIC))
        allowed |= APIC_BASE_X2APIC;

    bool enable = value & APIC_BASE_ENABLE, x2apic = value & APIC_BASE_X2APIC;
    if (value & ~allowed || (x2apic && !enable))
        return false;
    /* x2APIC mode is entered from xAPIC mode only, and left only by disabling. */
    if (x2apic && !lapic_enabled(l))
        return false;
    return !(lapic_x2apic(l) && enable && !x2apic);
}

/* Reserved bits of the x2APIC registers. */
static uint64_t x2apic_writable(unsigned reg)
{
    switch (reg) {
    case LAPIC_REG_TPR:
    case LAPIC_REG_SELF_IPI:
        return 0xff;
    case LAPIC_REG_EOI:
    case LAPIC_REG_ESR:
        return 0;
    case LAPIC_REG_SVR:
        return SVR_WRITABLE;
    case LAPIC_REG_ICR_LOW:
        return (uint64_t)UINT32_MAX << 32 | ICR_LOW_X2APIC_ALLOWED;
    case LAPIC_REG_DIVIDE:
        return DIVIDE_WRITABLE;
    }
    if (reg >= LAPIC_REG_LVT && reg < LAPIC_REG_LVT + LVTS)
        return lvt_writable[reg - LAPIC_REG_LVT] | LVT_READ_ONLY;
    return UINT32_MAX;
}

bool lapic_msr_read(struct lapic *l, uint32_t msr, uint64_t *value)
{
    uint32_t low;

    if (msr == MSR_APIC_BASE) {
        *value = l->base;
        return true;
    }
    if (msr == MSR_TSC_DEADLINE) {
        lapic_timer_poll(l);
        *value = l->tsc_deadline;
        return lapic_has_feature(l, FEATURE_TSC_DEADLINE);
    }
    if (msr < MSR_X2APIC || msr > MSR_X2APIC_LAST || !lapic_x2apic(l) ||
        !lapic_read_register(l, msr - MSR_X2APIC, &low))
        return false;
    *value = low;
    if (msr - MSR_X2APIC == LAPIC_REG_ICR_LOW)
        *value |= (uint64_t)l->icr_high << 32;
    return true;
}

bool lapic_msr_write(struct lapic *l, uint32_t msr, uint64_t value)
{
    unsigned reg = msr - MSR_X2APIC;

    if (msr == MSR_TSC_DEADLINE) {
        if (!lapic_has_feature(l, FEATURE_TSC_DEADLINE))
            return false;
        lapic_timer_set_deadline(l, value);
        return true;
    }
    if (msr < MSR_X2APIC || msr > MSR_X2APIC_LAST || !lapic_x2apic(l) ||
        value & ~x2apic_writable(reg))
        return false;
    if (reg == LAPIC_REG_LVT + LVT_TIMER && value & LVT_TIMER_TSC_DEADLINE &&
        !lapic_has_feature(l, FEATURE_TSC_DEADLINE))
        return false;
    if (reg == LAPIC_REG_ICR_LOW)
        l->icr_high = (uint32_t)(value >> 32);
    return write_register(l, reg, (uint32_t)value);
}
