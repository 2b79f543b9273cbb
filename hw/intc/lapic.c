/*
 * Local APIC: accepting, prioritising and acknowledging interrupts; pins; the device's life.
 *
 * Specification: Intel SDM vol. 3, chapter "Advanced Programmable Interrupt Controller (APIC)".
 * Presented as the APIC of a Pentium 4 or later: no APIC bus arbitration, ID not writable, no
 * suppression of EOI broadcasts.
 */
#include "hw/intc/lapic.h"

#include <stdatomic.h>
#include <string.h>
#include "core/device/machine.h"
#include "core/state/state.h"
#include "core/util/range.h"
#include "hw/create.h"
#include "hw/intc/lapic_internal.h"

enum { ICR_MODE_SHIFT = 8, ICR_LOGICAL = 1 << 11, ICR_ASSERT = 1 << 14, ICR_LEVEL = 1 << 15 };
enum {
    ICR_SHORTHAND_SHIFT = 18,
    SHORTHAND_NONE = 0,
    SHORTHAND_SELF,
    SHORTHAND_ALL,
    SHORTHAND_OTHERS
};
enum { PAGE_SIZE = 0x1000, DFR_SHIFT = 28, DFR_MODEL_FLAT = 15, DFR_MODEL_CLUSTER = 0 };

static void lock(struct lapic *l)
{
    pthread_mutex_lock(&l->bus->lock);
}
static void unlock(struct lapic *l)
{
    pthread_mutex_unlock(&l->bus->lock);
}

/* ---- vector sets ----------------------------------------------------------------------------- */

static void set_vector(uint32_t *words, uint8_t v)
{
    words[v / 32] |= 1u << v % 32;
}
static void clear_vector(uint32_t *words, uint8_t v)
{
    words[v / 32] &= ~(1u << v % 32);
}
static bool has_vector(const uint32_t *words, uint8_t v)
{
    return words[v / 32] >> v % 32 & 1;
}
static int highest_vector(const uint32_t *words)
{
    for (int i = VECTOR_WORDS - 1; i >= 0; i--)
        if (words[i])
            return i * 32 + 31 - __builtin_clz(words[i]);
    return -1;
}

/* ---- priority and the vCPU's interrupt line -------------------------------------------------- */

uint8_t lapic_ppr(const struct lapic *l)
{
    int in_service = highest_vector(l->isr);
    unsigned isr_class = in_service < 0 ? 0 : (unsigned)in_service & 0xf0;
    return (l->tpr & 0xf0u) >= isr_class ? l->tpr : (uint8_t)isr_class;
}

uint8_t lapic_priority(const struct lapic *l)
{
    return lapic_ppr(l);
}

/* The vector that may interrupt now, or -1. */
static int deliverable(const struct lapic *l)
{
    if (!lapic_accepts_vectors(l))
        return -1;
    int vector = highest_vector(l->irr);
    return vector >= 0 && (vector & 0xf0) > (lapic_ppr(l) & 0xf0) ? vector : -1;
}

/* Does a pin in ExtINT mode ask for the PIC's vector? Without an APIC, LINT0 is the INTR pin. */
static bool ext_line(const struct lapic *l)
{
    if (!lapic_enabled(l))
        return l->lint[0];
    for (unsigned pin = 0; pin < 2; pin++) {
        uint32_t lvt = l->lvt[LVT_LINT0 + pin];
        if (l->lint[pin] && !(lvt & LVT_MASKED) && (lvt >> LVT_MODE_SHIFT & 7) == APIC_EXTINT)
            return true;
    }
    return false;
}

void lapic_update(struct lapic *l)
{
    /* Of what the accelerator's APIC wants, only the 8259 in this process is not known to it. */
    bool pending = l->in_kernel ? l->lint[0] : deliverable(l) >= 0 || l->ext_message || ext_line(l);
    bool was = atomic_load(&l->cpu->interrupt) & CPU_INT_HARD;

    if (pending && !was)
        cpu_interrupt(l->cpu, CPU_INT_HARD);
    else if (!pending && was)
        cpu_clear_interrupt(l->cpu, CPU_INT_HARD);
}

void lapic_error(struct lapic *l, uint32_t esr_bit)
{
    bool is_new = !(l->esr_pending & esr_bit);
    uint32_t lvt = l->lvt[LVT_ERROR];

    l->esr_pending |= esr_bit;
    if (!is_new || lvt & LVT_MASKED)
        return;
    /* An error entry with an illegal vector cannot report itself. */
    if ((lvt & 0xff) < APIC_FIRST_VECTOR)
        l->esr_pending |= ESR_RECEIVE_ILLEGAL;
    else
        lapic_request(l, (uint8_t)lvt, false);
}

void lapic_request(struct lapic *l, uint8_t vector, bool level)
{
    if (vector < APIC_FIRST_VECTOR) {
        lapic_error(l, ESR_RECEIVE_ILLEGAL);
        return;
    }
    set_vector(l->irr, vector);
    if (level)
        set_vector(l->tmr, vector);
    else
        clear_vector(l->tmr, vector);
    lapic_update(l);
}

static void deliver_event(struct lapic *l, unsigned mode, uint8_t vector)
{
    switch (mode) {
    case APIC_SMI:
        cpu_interrupt(l->cpu, CPU_INT_SMI);
        break;
    case APIC_NMI:
        cpu_interrupt(l->cpu, CPU_INT_NMI);
        break;
    case APIC_INIT:
        /* A start-up message that came before this INIT is void; one that comes after it counts
         * even if the vCPU has not taken the INIT by then. */
        cpu_clear_interrupt(l->cpu, CPU_INT_SIPI);
        cpu_interrupt(l->cpu, CPU_INT_INIT);
        break;
    case APIC_STARTUP:
        l->cpu->sipi_vector = vector;
        cpu_interrupt(l->cpu, CPU_INT_SIPI);
        break;
    case APIC_EXTINT:
        l->ext_message = true;
        lapic_update(l);
        break;
    }
}

void lapic_accept(struct lapic *l, const struct apic_message *msg)
{
    if (msg->mode == APIC_FIXED || msg->mode == APIC_LOWEST)
        lapic_request(l, msg->vector, msg->level);
    else
        deliver_event(l, msg->mode, msg->vector);
}

void lapic_fire_lvt(struct lapic *l, enum lapic_lvt which)
{
    uint32_t lvt = l->lvt[which];
    if (!(lvt & LVT_MASKED))
        lapic_request(l, (uint8_t)lvt, false);
}

/* ---- message routing ------------------------------------------------------------------------- */

bool lapic_accepts_vectors(const struct lapic *l)
{
    return lapic_enabled(l) && l->svr & SVR_ENABLE;
}

static bool matches_logical(const struct lapic *l, const struct apic_message *msg)
{
    if (lapic_x2apic(l)) {
        uint32_t id = l->cpu->apic_id;
        return msg->dest >> 16 == id >> 4 && msg->dest & 1u << (id & 15);
    }
    uint8_t dest = (uint8_t)msg->dest, own = (uint8_t)(l->ldr >> 24);
    if (msg->wide && msg->dest > 0xff)
        return false;
    switch (l->dfr >> DFR_SHIFT) {
    case DFR_MODEL_FLAT:
        return dest & own;
    case DFR_MODEL_CLUSTER:
        return (dest >> 4 == own >> 4 || dest >> 4 == 15) && dest & own & 15;
    default:
        return false;
    }
}

bool lapic_matches(const struct lapic *l, const struct apic_message *msg)
{
    if (!lapic_enabled(l))
        return false;
    if (msg->dest == (msg->wide ? UINT32_MAX : 0xff))
        return true;
    return msg->logical ? matches_logical(l, msg) : msg->dest == l->cpu->apic_id;
}

void lapic_send_ipi(struct lapic *l, uint32_t icr_low, uint32_t dest)
{
    struct apic_bus *bus = l->bus;
    struct apic_message msg = {
        .dest = dest,
        .logical = icr_low & ICR_LOGICAL,
        .wide = lapic_x2apic(l),
        .mode = icr_low >> ICR_MODE_SHIFT & 7,
        .vector = (uint8_t)icr_low,
    };
    unsigned shorthand = icr_low >> ICR_SHORTHAND_SHIFT & 3;

    if ((msg.mode == APIC_FIXED || msg.mode == APIC_LOWEST) && msg.vector < APIC_FIRST_VECTOR) {
        lapic_error(l, ESR_SEND_ILLEGAL);
        return;
    }
    /* INIT level de-assert only synchronises arbitration IDs, which no longer exist. */
    if (msg.mode == APIC_INIT && icr_low & ICR_LEVEL && !(icr_low & ICR_ASSERT))
        return;
    if (shorthand == SHORTHAND_NONE) {
        apic_bus_deliver(bus, &msg);
        return;
    }
    for (unsigned i = 0; i < bus->lapic_count; i++) {
        struct lapic *to = bus->lapics[i];
        bool vector = msg.mode == APIC_FIXED || msg.mode == APIC_LOWEST;
        if (shorthand == SHORTHAND_ALL || (shorthand == SHORTHAND_SELF) == (to == l))
            if (lapic_enabled(to) && (!vector || lapic_accepts_vectors(to)))
                lapic_accept(to, &msg);
    }
}

/* ---- EOI and pins ---------------------------------------------------------------------------- */

/* A level-triggered pin in fixed mode asks again when its line is still up. */
static void service_pin(struct lapic *l, unsigned pin)
{
    uint32_t *lvt = &l->lvt[LVT_LINT0 + pin];
    if (l->lint[pin] && *lvt & LVT_LEVEL && !(*lvt & (LVT_MASKED | LVT_REMOTE_IRR)) &&
        (*lvt >> LVT_MODE_SHIFT & 7) == APIC_FIXED && lapic_enabled(l)) {
        *lvt |= LVT_REMOTE_IRR;
        lapic_request(l, (uint8_t)*lvt, true);
    }
}

void lapic_eoi(struct lapic *l)
{
    int vector = highest_vector(l->isr);

    if (vector < 0)
        return;
    clear_vector(l->isr, (uint8_t)vector);
    if (has_vector(l->tmr, (uint8_t)vector)) {
        for (unsigned pin = 0; pin < 2; pin++)
            if ((l->lvt[LVT_LINT0 + pin] & 0xff) == (uint32_t)vector)
                l->lvt[LVT_LINT0 + pin] &= ~(uint32_t)LVT_REMOTE_IRR;
        apic_bus_eoi(l->bus, (uint8_t)vector);
        for (unsigned pin = 0; pin < 2; pin++)
            service_pin(l, pin);
    }
    lapic_update(l);
}

void lapic_pins_changed(struct lapic *l)
{
    for (unsigned pin = 0; pin < 2; pin++) {
        uint32_t *lvt = &l->lvt[LVT_LINT0 + pin];
        if (!(*lvt & LVT_LEVEL))
            *lvt &= ~(uint32_t)LVT_REMOTE_IRR;
        service_pin(l, pin);
    }
    lapic_update(l);
}

static void pin_input(void *opaque, unsigned pin, int level)
{
    struct lapic *l = opaque;

    lock(l);
    bool rose = level && !l->lint[pin];
    uint32_t lvt = l->lvt[LVT_LINT0 + pin];
    unsigned mode = lvt >> LVT_MODE_SHIFT & 7;
    l->lint[pin] = level != 0;
    if (l->in_kernel) {
        if (pin == 1 && rose)
            deliver_event(l, APIC_NMI, 0);
    } else if (!lapic_enabled(l)) {
        if (pin == 1 && rose)
            deliver_event(l, APIC_NMI, 0);
    } else if (!(lvt & LVT_MASKED)) {
        if (mode == APIC_FIXED && !(lvt & LVT_LEVEL)) {
            if (rose)
                lapic_fire_lvt(l, LVT_LINT0 + pin);
        } else if (mode == APIC_FIXED) {
            service_pin(l, pin);
        } else if (mode != APIC_EXTINT && rose) {
            deliver_event(l, mode, 0);
        }
    }
    lapic_update(l);
    unlock(l);
}

struct irq lapic_lint(struct device *dev, unsigned pin)
{
    struct lapic *l = container_of(dev, struct lapic, dev);
    return (struct irq){.fn = pin < 2 ? pin_input : NULL, .opaque = l, .n = pin};
}

/* ---- the vCPU's side ------------------------------------------------------------------------- */

static int acknowledge(void *opaque)
{
    struct lapic *l = opaque;
    struct apic_bus *bus = l->bus;
    int vector = -1;

    lock(l);
    bool external = l->in_kernel ? l->lint[0] : ext_line(l) || l->ext_message;
    external = external && bus->extint_acknowledge;
    l->ext_message = false;
    if (!external && !l->in_kernel) {
        vector = deliverable(l);
        if (vector >= 0) {
            clear_vector(l->irr, (uint8_t)vector);
            set_vector(l->isr, (uint8_t)vector);
        }
    }
    lapic_update(l);
    unlock(l);
    /* The PIC lowers its output in this call, which comes back through pin_input. */
    return external ? bus->extint_acknowledge(bus->extint_opaque) : vector;
}

static uint8_t get_tpr(void *opaque)
{
    struct lapic *l = opaque;
    lock(l);
    uint8_t tpr = l->tpr;
    unlock(l);
    return tpr;
}

static void set_tpr(void *opaque, uint8_t tpr)
{
    struct lapic *l = opaque;
    lock(l);
    l->tpr = tpr;
    lapic_update(l);
    unlock(l);
}

static uint64_t moved_read(void *opaque, uint64_t offset, unsigned size)
{
    struct lapic *owner = opaque;
    uint32_t value = UINT32_MAX;
    (void)size;
    lock(owner);
    struct lapic *l = lapic_current(owner->bus);
    lapic_mmio_read(l, owner->base & ~(uint64_t)APIC_BASE_FLAGS, (uint32_t)offset, &value);
    unlock(owner);
    return value;
}

static void moved_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    struct lapic *owner = opaque;
    (void)size;
    lock(owner);
    struct lapic *l = lapic_current(owner->bus);
    lapic_mmio_write(l, owner->base & ~(uint64_t)APIC_BASE_FLAGS, (uint32_t)offset,
                     (uint32_t)value);
    unlock(owner);
}

static const struct mem_ops moved_ops = {
    .read = moved_read, .write = moved_write, .min_size = 4, .max_size = 4, .unlocked = true};

/* Map the registers where IA32_APIC_BASE says, when that is not in the bus's window. Machine lock
 * held, bus lock free: publishing memory may wait for vCPUs. */
static void place(struct lapic *l)
{
    uint64_t base = l->base & ~(uint64_t)APIC_BASE_FLAGS;

    if (l->is_moved)
        mem_region_remove(&l->moved);
    l->is_moved = base != l->bus->cfg.base && !l->in_kernel;
    if (l->is_moved) {
        mem_region_init_io(&l->moved, "apic-moved", PAGE_SIZE, &moved_ops, l, &l->dev);
        mem_region_add(mem_space_root(device_memory(&l->dev)), base, &l->moved, 2);
    }
}

static bool write_base(struct lapic *l, uint64_t value)
{
    lock(l);
    bool allowed = lapic_base_allowed(l, value);
    bool moves = allowed && (value ^ l->base) & ~(uint64_t)APIC_BASE_FLAGS;
    if (allowed) {
        bool disabled = lapic_enabled(l) && !(value & APIC_BASE_ENABLE);
        l->base = value;
        if (disabled)
            lapic_clear(l);
        lapic_update(l);
    }
    unlock(l);
    if (moves) {
        machine_lock(l->dev.machine);
        place(l);
        machine_unlock(l->dev.machine);
    }
    return allowed;
}

static bool read_msr(void *opaque, uint32_t msr, uint64_t *value)
{
    struct lapic *l = opaque;
    lock(l);
    bool ok = lapic_msr_read(l, msr, value);
    unlock(l);
    return ok;
}

static bool write_msr(void *opaque, uint32_t msr, uint64_t value)
{
    enum { MSR_APIC_BASE = 0x1b };
    struct lapic *l = opaque;

    if (msr == MSR_APIC_BASE)
        return write_base(l, value);
    lock(l);
    bool ok = lapic_msr_write(l, msr, value);
    unlock(l);
    return ok;
}

static void init(void *opaque)
{
    struct lapic *l = opaque;
    lock(l);
    lapic_clear(l);
    lapic_update(l);
    unlock(l);
}

static void end_of_interrupt(void *opaque, uint8_t vector)
{
    struct lapic *l = opaque;
    lock(l);
    apic_bus_eoi(l->bus, vector);
    unlock(l);
}

static const struct cpu_intc_ops intc_ops = {
    .acknowledge = acknowledge,
    .get_tpr = get_tpr,
    .set_tpr = set_tpr,
    .read_msr = read_msr,
    .write_msr = write_msr,
    .init = init,
    .end_of_interrupt = end_of_interrupt,
};

struct lapic *lapic_current(struct apic_bus *bus)
{
    struct vcpu *cpu = vcpu_current();

    if (cpu && cpu->machine == bus->dev.machine && cpu->intc_ops == &intc_ops)
        return cpu->intc;
    return bus->lapic_count ? bus->lapics[0] : NULL;
}

/* ---- life ------------------------------------------------------------------------------------ */

void lapic_clear(struct lapic *l)
{
    memset(l->irr, 0, sizeof l->irr);
    memset(l->isr, 0, sizeof l->isr);
    memset(l->tmr, 0, sizeof l->tmr);
    for (unsigned i = 0; i < LVTS; i++)
        l->lvt[i] = LVT_MASKED;
    l->tpr = 0;
    l->ldr = l->icr_low = l->icr_high = l->divide = 0;
    l->dfr = DFR_FLAT;
    l->svr = SVR_VECTOR;
    l->esr = l->esr_pending = 0;
    l->ext_message = false;
    lapic_timer_stop(l);
}

static void lapic_reset(struct device *dev)
{
    struct lapic *l = container_of(dev, struct lapic, dev);

    lock(l);
    l->base = l->bus->cfg.base | APIC_BASE_ENABLE | (l->cpu->index == 0 ? APIC_BASE_BSP : 0);
    lapic_clear(l);
    lapic_update(l);
    unlock(l);
    place(l);
    if (l->in_kernel)
        lapic_put_to_kernel(l);
}

void lapic_enter_virtual_wire(struct device *dev)
{
    struct lapic *l = container_of(dev, struct lapic, dev);

    if (l->cpu->index != 0)
        return;
    lock(l);
    l->svr = SVR_ENABLE | SVR_VECTOR;
    l->lvt[LVT_LINT0] = APIC_EXTINT << LVT_MODE_SHIFT;
    l->lvt[LVT_LINT1] = APIC_NMI << LVT_MODE_SHIFT;
    lapic_update(l);
    unlock(l);
    if (l->in_kernel)
        lapic_put_to_kernel(l);
}

static void lapic_unrealize(struct device *dev)
{
    struct lapic *l = container_of(dev, struct lapic, dev);

    if (l->is_moved)
        mem_region_remove(&l->moved);
    lock(l);
    timer_cancel(&l->timer);
    for (unsigned i = 0; i < l->bus->lapic_count; i++)
        if (l->bus->lapics[i] == l)
            l->bus->lapics[i] = l->bus->lapics[--l->bus->lapic_count];
    unlock(l);
    if (l->cpu->intc == l) {
        l->cpu->intc_ops = NULL;
        l->cpu->intc = NULL;
    }
}

static bool lapic_realize(struct device *dev, struct vemu_error **errp)
{
    struct lapic *l = container_of(dev, struct lapic, dev);

    if (!l->cfg.bus || !l->cfg.cpu)
        return error_set(errp, VEMU_ERROR_INVALID, "it needs an APIC bus and a vCPU");
    l->bus = apic_bus_from(l->cfg.bus);
    l->cpu = l->cfg.cpu;
    if (l->bus->lapic_count == APIC_BUS_MAX_LAPICS)
        return error_set(errp, VEMU_ERROR_INVALID, "the APIC bus has %d local APICs already",
                         APIC_BUS_MAX_LAPICS);
    l->in_kernel = dev->machine->irqchip != IRQCHIP_OFF;
    timer_init(&l->timer, device_clocks(dev), VCLOCK_VIRTUAL, lapic_timer_expired, l);
    l->timer_due = -1;
    lapic_reset(dev);
    lock(l);
    l->bus->lapics[l->bus->lapic_count++] = l;
    unlock(l);
    l->cpu->intc_ops = &intc_ops;
    l->cpu->intc = l;
    return true;
}

static bool lapic_post_load(struct device *dev, struct vemu_error **errp)
{
    struct lapic *l = container_of(dev, struct lapic, dev);

    if (l->timer_start < 0 || l->timer_start > INT64_MAX / 2 || l->timer_due < -1 ||
        (l->base & (APIC_BASE_X2APIC | APIC_BASE_ENABLE)) == APIC_BASE_X2APIC)
        return error_set(errp, VEMU_ERROR_FORMAT,
                         "saved state of local APIC %u is not consistent: base 0x%llx, timer from "
                         "%lld to %lld",
                         l->cpu->apic_id, (unsigned long long)l->base, (long long)l->timer_start,
                         (long long)l->timer_due);
    lock(l);
    lapic_timer_arm(l);
    lapic_update(l);
    unlock(l);
    place(l);
    if (l->in_kernel)
        lapic_put_to_kernel(l);
    return true;
}

static void lapic_pre_save(struct device *dev)
{
    struct lapic *l = container_of(dev, struct lapic, dev);

    if (l->in_kernel)
        lapic_get_from_kernel(l);
}

static const struct state_field lapic_state[] = {
    STATE_INT(struct lapic, base, .max = (UINT64_C(1) << 52) - 1),
    STATE_INT(struct lapic, ldr),
    STATE_INT(struct lapic, dfr),
    STATE_INT(struct lapic, svr, .max = SVR_WRITABLE),
    STATE_INT(struct lapic, icr_high),
    STATE_INT(struct lapic, icr_low),
    STATE_INT(struct lapic, divide, .max = 0x0b),
    STATE_INT_ARRAY(struct lapic, lvt, .max = 0x7ffff),
    STATE_INT(struct lapic, tpr),
    STATE_INT(struct lapic, esr, .max = 0xff),
    STATE_INT(struct lapic, esr_pending, .max = 0xff),
    STATE_INT_ARRAY(struct lapic, irr),
    STATE_INT_ARRAY(struct lapic, isr),
    STATE_INT_ARRAY(struct lapic, tmr),
    STATE_INT_ARRAY(struct lapic, lint, .max = 1),
    STATE_FLAG(struct lapic, ext_message),
    STATE_INT(struct lapic, initial_count),
    STATE_INT(struct lapic, timer_start),
    STATE_INT(struct lapic, timer_due),
    STATE_INT(struct lapic, tsc_deadline),
    STATE_FIELDS_END,
};

const struct device_class lapic_class = {
    .name = "lapic",
    .help = "local APIC",
    .size = sizeof(struct lapic),
    .state = lapic_state,
    .state_version = 1,
    .realize = lapic_realize,
    .unrealize = lapic_unrealize,
    .reset = lapic_reset,
    .post_load = lapic_post_load,
    .pre_save = lapic_pre_save,
};

struct device *lapic_create(struct vemu_machine *m, const struct lapic_config *cfg,
                            struct vemu_error **errp)
{
    struct device *dev = device_new(m, &lapic_class, NULL, errp);
    if (!dev)
        return NULL;
    container_of(dev, struct lapic, dev)->cfg = *cfg;
    return device_realize_or_free(dev, errp);
}
