/*
 * I/O APIC.
 *
 * Specification: Intel 82093AA data sheet; version 0x20 with the EOI register as the ICH data
 * sheets describe it. All state is guarded by the APIC bus's lock.
 */
#include "hw/intc/ioapic.h"

#include "core/cpu/cpu.h"
#include "core/cpu/irqchip.h"
#include "core/device/irq_tap.h"
#include "core/device/machine.h"
#include "core/memory/memory.h"
#include "core/state/state.h"
#include "core/util/range.h"
#include "hw/create.h"
#include "hw/intc/apic_internal.h"

enum { REGION_SIZE = 0x1000, MMIO_SELECT = 0x00, MMIO_WINDOW = 0x10, MMIO_EOI = 0x40 };
enum {
    REG_ID = 0x00,
    REG_VERSION = 0x01,
    REG_ARBITRATION = 0x02,
    REG_ENTRY0 = 0x10,
    VERSION = 0x20,
    ID_SHIFT = 24,
    ID_MASK = 0x0f,
};
/* Redirection entry. */
enum {
    RTE_MODE_SHIFT = 8,
    RTE_LOGICAL = 1 << 11,
    RTE_REMOTE_IRR = 1 << 14,
    RTE_LEVEL = 1 << 15,
    RTE_MASKED = 1 << 16,
    RTE_LOW_WRITABLE = 0x1afff, /* not delivery status and remote IRR */
    RTE_DEST_SHIFT = 56,
};
#define RTE_WRITABLE (UINT64_C(0xff) << RTE_DEST_SHIFT | RTE_LOW_WRITABLE)

struct ioapic {
    struct device dev;
    struct ioapic_config cfg;
    struct apic_bus *bus;
    uint8_t select, id;
    uint32_t lines; /* levels of the inputs */
    uint64_t entry[IOAPIC_PINS];
    struct mem_region region;
};

static bool in_kernel(const struct ioapic *s)
{
    return s->dev.machine->irqchip == IRQCHIP_ON;
}
static const struct irqchip_ops *machine_irqchip(const struct ioapic *s)
{
    return s->dev.machine->accel->irqchip;
}

static bool sends_vector(uint64_t entry)
{
    unsigned mode = entry >> RTE_MODE_SHIFT & 7;
    return mode == APIC_FIXED || mode == APIC_LOWEST;
}
/* Only vectors are level triggered; the other modes are edges whatever the entry says. */
static bool is_level(uint64_t entry)
{
    return entry & RTE_LEVEL && sends_vector(entry);
}

static struct apic_message message(uint64_t entry)
{
    return (struct apic_message){
        .dest = (uint32_t)(entry >> RTE_DEST_SHIFT),
        .logical = entry & RTE_LOGICAL,
        .level = is_level(entry),
        .mode = entry >> RTE_MODE_SHIFT & 7,
        .vector = (uint8_t)entry,
    };
}

static void send(struct ioapic *s, unsigned pin)
{
    struct apic_message msg = message(s->entry[pin]);
    bool accepted = apic_bus_deliver(s->bus, &msg);
    if (accepted && msg.level)
        s->entry[pin] |= RTE_REMOTE_IRR;
}

/* A level-triggered input asks again whenever it is high, unmasked and not in service. */
static void service_level(struct ioapic *s, unsigned pin)
{
    uint64_t entry = s->entry[pin];
    if (is_level(entry) && s->lines >> pin & 1 && !(entry & (RTE_MASKED | RTE_REMOTE_IRR)))
        send(s, pin);
}

static void input(void *opaque, unsigned pin, int level)
{
    struct ioapic *s = opaque;
    uint32_t bit = 1u << pin;

    pthread_mutex_lock(&s->bus->lock);
    bool rose = level && !(s->lines & bit);
    bool moved = rose || (!level && s->lines & bit);
    s->lines = level ? s->lines | bit : s->lines & ~bit;
    if (in_kernel(s)) {
        if (moved)
            machine_irqchip(s)->set_line(s->dev.machine, IRQCHIP_GSI_IOAPIC + pin, level);
    } else if (is_level(s->entry[pin]))
        service_level(s, pin);
    else if (rose &&
             !(s->entry[pin] & RTE_MASKED)) /* masked edges are lost: data sheet, RTE bit 16 */
        send(s, pin);
    pthread_mutex_unlock(&s->bus->lock);
}

struct irq ioapic_input(struct device *dev, unsigned pin)
{
    struct ioapic *s = container_of(dev, struct ioapic, dev);
    return irq_input(dev, pin < IOAPIC_PINS ? input : NULL, s, pin);
}

void ioapic_eoi(struct ioapic *s, uint8_t vector)
{
    for (unsigned pin = 0; pin < IOAPIC_PINS; pin++) {
        if ((uint8_t)s->entry[pin] != vector || !(s->entry[pin] & RTE_REMOTE_IRR))
            continue;
        s->entry[pin] &= ~(uint64_t)RTE_REMOTE_IRR;
        service_level(s, pin);
    }
}

/* ---- registers ------------------------------------------------------------------------------- */

static uint32_t read_register(const struct ioapic *s)
{
    unsigned index = s->select;

    switch (index) {
    case REG_ID:
    case REG_ARBITRATION:
        return (uint32_t)s->id << ID_SHIFT;
    case REG_VERSION:
        return (IOAPIC_PINS - 1) << 16 | VERSION;
    }
    if (index >= REG_ENTRY0 && index < REG_ENTRY0 + 2 * IOAPIC_PINS)
        return (uint32_t)(s->entry[(index - REG_ENTRY0) / 2] >> (index & 1) * 32);
    return 0;
}

/* Local APICs in the kernel tell of the end of those vectors alone that a pin is known to send. A
 * masked pin's last vector may still be in service. */
static void tell_kernel(struct ioapic *s, unsigned pin)
{
    struct vemu_machine *m = s->dev.machine;
    struct apic_message msg = message(s->entry[pin]);
    uint64_t addr;
    uint32_t data;

    if (m->irqchip != IRQCHIP_SPLIT || s->entry[pin] & RTE_MASKED)
        return;
    apic_bus_as_msi(s->bus, &msg, &addr, &data);
    m->accel->irqchip->set_pin_message(m, pin, addr, data);
}

static void write_entry(struct ioapic *s, unsigned pin, bool high, uint32_t value)
{
    uint64_t entry = s->entry[pin];
    uint64_t wanted = high ? (entry & UINT32_MAX) | (uint64_t)value << 32
                           : (entry & ~(uint64_t)UINT32_MAX) | value;

    entry = (entry & ~RTE_WRITABLE) | (wanted & RTE_WRITABLE);
    /* Remote IRR means nothing for edges; software clears a stuck one by going through edge. */
    if (!is_level(entry))
        entry &= ~(uint64_t)RTE_REMOTE_IRR;
    s->entry[pin] = entry;
    tell_kernel(s, pin);
    service_level(s, pin);
}

static void write_register(struct ioapic *s, uint32_t value)
{
    unsigned index = s->select;

    if (index == REG_ID)
        s->id = value >> ID_SHIFT & ID_MASK;
    else if (index >= REG_ENTRY0 && index < REG_ENTRY0 + 2 * IOAPIC_PINS)
        write_entry(s, (index - REG_ENTRY0) / 2, index & 1, value);
}

static uint64_t ioapic_read(void *opaque, uint64_t offset, unsigned size)
{
    struct ioapic *s = opaque;
    uint32_t value = 0;
    (void)size;

    pthread_mutex_lock(&s->bus->lock);
    if (offset == MMIO_SELECT)
        value = s->select;
    else if (offset == MMIO_WINDOW)
        value = read_register(s);
    pthread_mutex_unlock(&s->bus->lock);
    return value;
}

static void ioapic_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    struct ioapic *s = opaque;
    (void)size;

    pthread_mutex_lock(&s->bus->lock);
    if (offset == MMIO_SELECT)
        s->select = (uint8_t)value;
    else if (offset == MMIO_WINDOW)
        write_register(s, (uint32_t)value);
    else if (offset == MMIO_EOI)
        ioapic_eoi(s, (uint8_t)value);
    pthread_mutex_unlock(&s->bus->lock);
}

/* Byte writes to the select register are common, so the smallest size is 1. */
static const struct mem_ops ioapic_ops = {
    .read = ioapic_read, .write = ioapic_write, .min_size = 1, .max_size = 4, .unlocked = true};

/* ---- in the kernel --------------------------------------------------------------------------- */

_Static_assert((int)IOAPIC_PINS == (int)IRQCHIP_IOAPIC_PINS, "one has as many as the other");

static void put_to_kernel(struct ioapic *s)
{
    struct irqchip_ioapic k = {.select = s->select, .id = s->id, .lines = s->lines};

    for (unsigned pin = 0; pin < IOAPIC_PINS; pin++) {
        k.entry[pin] = s->entry[pin];
        tell_kernel(s, pin);
    }
    if (in_kernel(s))
        machine_irqchip(s)->put_ioapic(s->dev.machine, &k);
}

/* All but the lines, which are driven through here. */
static void ioapic_pre_save(struct device *dev)
{
    struct ioapic *s = container_of(dev, struct ioapic, dev);
    struct irqchip_ioapic k;

    if (!in_kernel(s) || !machine_irqchip(s)->get_ioapic(dev->machine, &k))
        return;
    s->select = k.select;
    s->id = k.id;
    for (unsigned pin = 0; pin < IOAPIC_PINS; pin++)
        s->entry[pin] = k.entry[pin] & (RTE_WRITABLE | RTE_REMOTE_IRR);
}

/* ---- life ------------------------------------------------------------------------------------ */

static void ioapic_reset(struct device *dev)
{
    struct ioapic *s = container_of(dev, struct ioapic, dev);

    pthread_mutex_lock(&s->bus->lock);
    s->select = 0;
    s->id = s->cfg.id & ID_MASK;
    for (unsigned pin = 0; pin < IOAPIC_PINS; pin++)
        s->entry[pin] = RTE_MASKED;
    pthread_mutex_unlock(&s->bus->lock);
    put_to_kernel(s);
}

static void ioapic_unrealize(struct device *dev)
{
    struct ioapic *s = container_of(dev, struct ioapic, dev);

    if (!in_kernel(s))
        mem_region_remove(&s->region);
    pthread_mutex_lock(&s->bus->lock);
    for (unsigned i = 0; i < s->bus->ioapic_count; i++)
        if (s->bus->ioapics[i] == s)
            s->bus->ioapics[i] = s->bus->ioapics[--s->bus->ioapic_count];
    pthread_mutex_unlock(&s->bus->lock);
}

static bool ioapic_realize(struct device *dev, struct vemu_error **errp)
{
    struct ioapic *s = container_of(dev, struct ioapic, dev);

    if (!s->cfg.bus)
        return error_set(errp, VEMU_ERROR_INVALID, "it needs an APIC bus");
    s->bus = apic_bus_from(s->cfg.bus);
    if (s->bus->ioapic_count == APIC_BUS_MAX_IOAPICS)
        return error_set(errp, VEMU_ERROR_INVALID, "the APIC bus has %d I/O APICs already",
                         APIC_BUS_MAX_IOAPICS);
    pthread_mutex_lock(&s->bus->lock);
    s->bus->ioapics[s->bus->ioapic_count++] = s;
    pthread_mutex_unlock(&s->bus->lock);
    ioapic_reset(dev);
    if (in_kernel(s))
        return true;
    mem_region_init_io(&s->region, "ioapic", REGION_SIZE, &ioapic_ops, s, dev);
    mem_region_add(mem_space_root(device_memory(dev)), s->cfg.base, &s->region, 1);
    return true;
}

static bool ioapic_post_load(struct device *dev, struct vemu_error **errp)
{
    struct ioapic *s = container_of(dev, struct ioapic, dev);
    (void)errp;
    for (unsigned pin = 0; pin < IOAPIC_PINS; pin++)
        s->entry[pin] &= RTE_WRITABLE | RTE_REMOTE_IRR;
    put_to_kernel(s);
    return true;
}

static const struct state_field ioapic_state[] = {
    STATE_INT(struct ioapic, select),
    STATE_INT(struct ioapic, id, .max = ID_MASK),
    STATE_INT(struct ioapic, lines, .max = (1u << IOAPIC_PINS) - 1),
    STATE_INT_ARRAY(struct ioapic, entry),
    STATE_FIELDS_END,
};

const struct device_class ioapic_class = {
    .name = "ioapic",
    .help = "I/O APIC with 24 inputs",
    .size = sizeof(struct ioapic),
    .state = ioapic_state,
    .state_version = 1,
    .realize = ioapic_realize,
    .unrealize = ioapic_unrealize,
    .reset = ioapic_reset,
    .post_load = ioapic_post_load,
    .pre_save = ioapic_pre_save,
};

struct device *ioapic_create(struct vemu_machine *m, const struct ioapic_config *cfg,
                             struct vemu_error **errp)
{
    struct device *dev = device_new(m, &ioapic_class, NULL, errp);
    if (!dev)
        return NULL;
    container_of(dev, struct ioapic, dev)->cfg = *cfg;
    return device_realize_or_free(dev, errp);
}
