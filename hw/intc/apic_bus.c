/*
 * The APIC bus: routes interrupt messages to local APICs, decodes the 0xfeexxxxx window.
 *
 * Specification: Intel SDM vol. 3, chapter "Advanced Programmable Interrupt Controller (APIC)",
 * sections on interrupt message routing and message-signalled interrupts.
 */
#include "hw/intc/apic_bus.h"

#include "core/cpu/cpu.h"
#include "core/device/machine.h"
#include "core/state/state.h"
#include "core/util/range.h"
#include "hw/create.h"
#include "hw/intc/apic_internal.h"

enum { WINDOW_SIZE = 0x100000, PAGE_SIZE = 0x1000 };
/* MSI address bits below the destination (19-12), and data bits. */
enum {
    MSI_ADDR_LOGICAL = 1 << 2,
    MSI_ADDR_REDIRECTION_HINT = 1 << 3,
    MSI_ADDR_DEST_SHIFT = 12,
    MSI_DATA_MODE_SHIFT = 8,
    MSI_DATA_ASSERT = 1 << 14,
    MSI_DATA_LEVEL = 1 << 15,
};
/* The local APIC's page has no register at offset 0: writes there are messages to APIC ID 0. */
enum { FIRST_REGISTER = 0x10 };

static bool in_kernel(const struct apic_bus *bus)
{
    return bus->dev.machine->irqchip != IRQCHIP_OFF;
}

/* ---- delivery -------------------------------------------------------------------------------- */

static bool deliver_lowest(struct apic_bus *bus, const struct apic_message *msg)
{
    struct lapic *best = NULL;
    unsigned best_index = 0;

    for (unsigned i = 0; i < bus->lapic_count; i++) {
        unsigned index = (bus->arbitration + i) % bus->lapic_count;
        struct lapic *l = bus->lapics[index];
        if (!lapic_accepts_vectors(l) || !lapic_matches(l, msg))
            continue;
        if (!best || lapic_priority(l) < lapic_priority(best)) {
            best = l;
            best_index = index;
        }
    }
    if (!best)
        return false;
    bus->arbitration = (best_index + 1) % bus->lapic_count;
    lapic_accept(best, msg);
    return true;
}

void apic_bus_as_msi(const struct apic_bus *bus, const struct apic_message *msg, uint64_t *addr,
                     uint32_t *data)
{
    *addr = bus->cfg.base | (msg->dest & 0xff) << MSI_ADDR_DEST_SHIFT |
            (msg->logical ? MSI_ADDR_LOGICAL : 0) |
            (msg->mode == APIC_LOWEST ? MSI_ADDR_REDIRECTION_HINT : 0);
    *data = msg->vector | (uint32_t)msg->mode << MSI_DATA_MODE_SHIFT | MSI_DATA_ASSERT |
            (msg->level ? MSI_DATA_LEVEL : 0);
}

bool apic_bus_deliver(struct apic_bus *bus, const struct apic_message *msg)
{
    const struct vemu_machine *m = bus->dev.machine;
    bool accepted = false;

    if (in_kernel(bus)) {
        uint64_t addr;
        uint32_t data;
        apic_bus_as_msi(bus, msg, &addr, &data);
        return m->accel->irqchip->send_msi(bus->dev.machine, addr, data);
    }
    if (msg->mode == APIC_LOWEST)
        return deliver_lowest(bus, msg);
    for (unsigned i = 0; i < bus->lapic_count; i++) {
        struct lapic *l = bus->lapics[i];
        if (!lapic_matches(l, msg) || (msg->mode == APIC_FIXED && !lapic_accepts_vectors(l)))
            continue;
        lapic_accept(l, msg);
        accepted = true;
    }
    return accepted;
}

void apic_bus_eoi(struct apic_bus *bus, uint8_t vector)
{
    for (unsigned i = 0; i < bus->ioapic_count; i++)
        ioapic_eoi(bus->ioapics[i], vector);
}

static void deliver_msi(struct apic_bus *bus, uint64_t addr, uint32_t data)
{
    struct vemu_machine *m = bus->dev.machine;
    struct apic_message msg = {
        .dest = (uint32_t)(addr >> MSI_ADDR_DEST_SHIFT) & 0xff,
        .logical = addr & MSI_ADDR_LOGICAL,
        .level = data & MSI_DATA_LEVEL,
        .mode = data >> MSI_DATA_MODE_SHIFT & 7,
        .vector = (uint8_t)data,
    };
    if (msg.level && !(data & MSI_DATA_ASSERT))
        return;
    if (in_kernel(bus)) {
        m->accel->irqchip->send_msi(m, addr, data);
        return;
    }
    if (addr & MSI_ADDR_REDIRECTION_HINT && msg.mode == APIC_FIXED)
        msg.mode = APIC_LOWEST;
    apic_bus_deliver(bus, &msg);
}

bool apic_bus_msi(struct device *dev, uint64_t addr, uint32_t data)
{
    struct apic_bus *bus = apic_bus_from(dev);

    if (!range_contains(bus->cfg.base, WINDOW_SIZE, addr))
        return false;
    pthread_mutex_lock(&bus->lock);
    deliver_msi(bus, addr, data);
    pthread_mutex_unlock(&bus->lock);
    return true;
}

void apic_bus_set_extint(struct device *dev, int (*acknowledge)(void *opaque), void *opaque)
{
    struct apic_bus *bus = apic_bus_from(dev);
    bus->extint_acknowledge = acknowledge;
    bus->extint_opaque = opaque;
}

/* ---- the window ------------------------------------------------------------------------------ */

static uint64_t window_read(void *opaque, uint64_t offset, unsigned size)
{
    struct apic_bus *bus = opaque;
    uint32_t value = UINT32_MAX;
    (void)size;

    if (offset >= FIRST_REGISTER && offset < PAGE_SIZE) {
        pthread_mutex_lock(&bus->lock);
        struct lapic *l = lapic_current(bus);
        /* The accelerator's answer by themselves, unless they are switched off. */
        if (l && !in_kernel(bus))
            lapic_mmio_read(l, bus->cfg.base, (uint32_t)offset, &value);
        pthread_mutex_unlock(&bus->lock);
    }
    return value;
}

static void window_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    struct apic_bus *bus = opaque;
    (void)size;

    pthread_mutex_lock(&bus->lock);
    if (offset >= FIRST_REGISTER && offset < PAGE_SIZE) {
        struct lapic *l = lapic_current(bus);
        if (l && !in_kernel(bus))
            lapic_mmio_write(l, bus->cfg.base, (uint32_t)offset, (uint32_t)value);
    } else {
        deliver_msi(bus, bus->cfg.base + offset, (uint32_t)value);
    }
    pthread_mutex_unlock(&bus->lock);
}

static const struct mem_ops window_ops = {
    .read = window_read, .write = window_write, .min_size = 4, .max_size = 4, .unlocked = true};

/* ---- life ------------------------------------------------------------------------------------ */

static void apic_bus_reset(struct device *dev)
{
    struct apic_bus *bus = apic_bus_from(dev);
    pthread_mutex_lock(&bus->lock);
    bus->arbitration = 0;
    pthread_mutex_unlock(&bus->lock);
}

static void apic_bus_unrealize(struct device *dev)
{
    struct apic_bus *bus = apic_bus_from(dev);
    mem_region_remove(&bus->window);
    pthread_mutex_destroy(&bus->lock);
}

static bool apic_bus_realize(struct device *dev, struct vemu_error **errp)
{
    struct apic_bus *bus = apic_bus_from(dev);
    int err = pthread_mutex_init(&bus->lock, NULL);

    if (err)
        return error_set_errno(errp, err, "no mutex");
    if (!bus->cfg.base)
        bus->cfg.base = APIC_DEFAULT_BASE;
    mem_region_init_io(&bus->window, "apic", WINDOW_SIZE, &window_ops, bus, dev);
    mem_region_add(mem_space_root(device_memory(dev)), bus->cfg.base, &bus->window, 1);
    return true;
}

static const struct state_field apic_bus_state[] = {
    STATE_INT(struct apic_bus, arbitration, .max = APIC_BUS_MAX_LAPICS),
    STATE_FIELDS_END,
};

const struct device_class apic_bus_class = {
    .name = "apic-bus",
    .help = "interrupt messages between APICs",
    .size = sizeof(struct apic_bus),
    .state = apic_bus_state,
    .state_version = 1,
    .realize = apic_bus_realize,
    .unrealize = apic_bus_unrealize,
    .reset = apic_bus_reset,
};

struct device *apic_bus_create(struct vemu_machine *m, const struct apic_bus_config *cfg,
                               struct vemu_error **errp)
{
    struct device *dev = device_new(m, &apic_bus_class, NULL, errp);
    if (!dev)
        return NULL;
    apic_bus_from(dev)->cfg = *cfg;
    return device_realize_or_free(dev, errp);
}
