/* PCI Express root ports: see root_port.h. */
#include "hw/pci/root_port.h"

#include <string.h>

#include "core/device/machine.h"
#include "core/util/endian.h"
#include "core/util/range.h"
#include "hw/pci/msi.h"

/* A bridge's header, behind what it shares with others. */
enum {
    BRIDGE_IO_BASE = 0x1c,
    BRIDGE_IO_LIMIT = 0x1d,
    BRIDGE_SEC_STATUS = 0x1e,
    BRIDGE_MEM_BASE = 0x20,
    BRIDGE_MEM_LIMIT = 0x22,
    BRIDGE_PREF_BASE = 0x24,
    BRIDGE_PREF_LIMIT = 0x26,
    BRIDGE_PREF_BASE_UPPER = 0x28,
    BRIDGE_PREF_LIMIT_UPPER = 0x2c,
    BRIDGE_CONTROL = 0x3e,
    BRIDGE_WINDOWS_END = 0x30,
    BRIDGE_PREF_64BIT = 1,
    CONTROL_RESET = 1 << 6,
    CONTROL_WRITABLE = 0x5f, /* parity, SERR, ISA, VGA enables, master abort, reset */
};
/* The capability of Express functions. */
enum {
    EXP_FLAGS = 0x02,
    EXP_LINK_CAP = 0x0c,
    EXP_LINK_CONTROL = 0x10,
    EXP_LINK_STATUS = 0x12,
    EXP_SLOT_CAP = 0x14,
    EXP_SLOT_CONTROL = 0x18,
    EXP_SLOT_STATUS = 0x1a,
    EXP_SIZE = 0x3c,
    EXP_FLAGS_ROOT_PORT = 2 | 4 << 4 | 1 << 8, /* version 2, root port, has a slot */
    LINK_CAP = 1 | 1 << 4 | 1 << 20,           /* 2.5 GT/s, one lane, reports its activity */
    LINK_STATUS = 1 | 1 << 4,
    LINK_STATUS_ACTIVE = 1 << 13,
    SLOT_CAP_BUTTON = 1 << 0,
    SLOT_CAP_POWER_LAMP = 1 << 4,
    SLOT_CAP_SURPRISE = 1 << 5,
    SLOT_CAP_HOTPLUG = 1 << 6,
    SLOT_CAP_NO_COMMAND_EVENT = 1 << 18,
    SLOT_CAP_NUMBER_SHIFT = 19,
    SLOT_STATUS_PRESENT = 1 << 6,
    SLOT_STATUS_LINK = 1 << 8,
    SLOT_STATUS_EVENTS = 0x11f,
    /* events, and in the control register whether they interrupt */
    SLOT_BUTTON = 1 << 0,
    SLOT_PRESENCE = 1 << 3,
    SLOT_CONTROL_INTERRUPT = 1 << 5,
    SLOT_CONTROL_LAMP = 3 << 8,
    SLOT_CONTROL_LAMP_ON = 1 << 8,
    SLOT_CONTROL_LAMP_BLINKS = 2 << 8,
    SLOT_CONTROL_LAMP_OFF = 3 << 8,
    SLOT_CONTROL_LINK = 1 << 12,
};

struct pcie_root_port {
    struct pci_device pci;
    struct pci_bus bus;
    struct mem_region mem, io;                            /* what is behind */
    struct mem_region mem_window, pref_window, io_window; /* of it, seen from above */
    uint8_t exp;                                          /* offset of the capability */
    uint8_t port, chassis;
    uint16_t slot;
    bool hotplug;
    bool native;      /* wiring */
    bool asked;       /* the system is to let go what is in it */
    uint16_t control; /* as the register was last */
};

static struct pcie_root_port *from_dev(struct device *dev)
{
    return (struct pcie_root_port *)dev;
}

/* ---- windows --------------------------------------------------------------------------------- */

static void show(struct mem_region *window, const char *name, struct mem_region *behind,
                 struct mem_region *above, bool enabled, uint64_t first, uint64_t last)
{
    bool open = enabled && first <= last;

    if (open && window->parent && window->addr == first && window->size == last - first + 1)
        return;
    mem_region_remove(window);
    if (!open)
        return;
    mem_region_init_alias(window, name, behind, first, last - first + 1);
    mem_region_add(above, first, window, 1);
}

static void update_windows(struct pcie_root_port *s)
{
    const uint8_t *c = s->pci.config;
    uint16_t command = load_le16(c + PCI_COMMAND);
    bool mem = command & PCI_COMMAND_MEMORY;
    uint64_t first, last;

    first = (uint64_t)(load_le16(c + BRIDGE_MEM_BASE) & 0xfff0) << 16;
    last = (uint64_t)(load_le16(c + BRIDGE_MEM_LIMIT) & 0xfff0) << 16 | 0xfffff;
    show(&s->mem_window, "bridge-memory", &s->mem, s->pci.bus->mem, mem, first, last);
    first = (uint64_t)(load_le16(c + BRIDGE_PREF_BASE) & 0xfff0) << 16 |
            (uint64_t)load_le32(c + BRIDGE_PREF_BASE_UPPER) << 32;
    last = (uint64_t)(load_le16(c + BRIDGE_PREF_LIMIT) & 0xfff0) << 16 | 0xfffff |
           (uint64_t)load_le32(c + BRIDGE_PREF_LIMIT_UPPER) << 32;
    /* What the bus above cannot address is not passed on. */
    show(&s->pref_window, "bridge-prefetch", &s->mem, s->pci.bus->mem,
         mem && last < s->pci.bus->mem->size, first, last);
    first = (uint64_t)(c[BRIDGE_IO_BASE] & 0xf0) << 8;
    last = (uint64_t)(c[BRIDGE_IO_LIMIT] & 0xf0) << 8 | 0xfff;
    show(&s->io_window, "bridge-io", &s->io, s->pci.bus->io, command & PCI_COMMAND_IO, first, last);
}

/* ---- registers ------------------------------------------------------------------------------- */

/* Software resets what is behind: its functions are as after power-on. */
static void reset_behind(struct pcie_root_port *s)
{
    for (unsigned i = 0; i < ARRAY_SIZE(s->bus.functions); i++) {
        struct pci_device *pci = s->bus.functions[i];
        if (pci && pci->dev.cls->reset)
            pci->dev.cls->reset(&pci->dev);
    }
}

/* ---- the slot -------------------------------------------------------------------------------- */

static bool is_filled(const struct pcie_root_port *s)
{
    return s->bus.functions[0] != NULL;
}

static uint16_t slot_control(const struct pcie_root_port *s)
{
    return load_le16(s->pci.config + s->exp + EXP_SLOT_CONTROL);
}

static void update_interrupt(struct pcie_root_port *s)
{
    uint16_t control = slot_control(s);
    uint16_t status = load_le16(s->pci.config + s->exp + EXP_SLOT_STATUS);
    bool event = (control & status & (SLOT_BUTTON | SLOT_PRESENCE)) ||
                 (control & SLOT_CONTROL_LINK && status & SLOT_STATUS_LINK);

    bool level = event && control & SLOT_CONTROL_INTERRUPT;

    if (!s->native)
        return;
    if (level && !s->pci.intx_level && pci_msi_enabled(&s->pci))
        pci_msi_notify(&s->pci, 0);
    pci_set_intx(&s->pci, level);
}

static void slot_event(struct pcie_root_port *s, uint16_t events)
{
    uint8_t *status = s->pci.config + s->exp + EXP_SLOT_STATUS;

    store_le16(status, load_le16(status) | events);
    update_interrupt(s);
}

static void let_go(struct pcie_root_port *s)
{
    s->asked = false;
    for (unsigned i = 0; i < ARRAY_SIZE(s->bus.functions); i++)
        if (s->bus.functions[i])
            pci_device_unplug(s->bus.functions[i]);
    slot_event(s, SLOT_PRESENCE | SLOT_STATUS_LINK);
}

static unsigned lamp(const struct pcie_root_port *s)
{
    return s->control & SLOT_CONTROL_LAMP;
}

/* A lamp that goes out says that the device may go; one that is lit again says no to who asked. */
static void slot_written(struct pcie_root_port *s)
{
    unsigned before = lamp(s);

    s->control = slot_control(s);
    if (lamp(s) == before)
        return;
    if (s->asked && lamp(s) == SLOT_CONTROL_LAMP_OFF)
        let_go(s);
    else if (lamp(s) == SLOT_CONTROL_LAMP_ON)
        s->asked = false;
}

void pcie_root_port_set_native(struct device *dev)
{
    from_dev(dev)->native = from_dev(dev)->hotplug;
}

static struct pcie_root_port *slot_of(const struct pci_bus *bus)
{
    struct pci_device *bridge = bus->bridge;

    return bridge && bridge->dev.cls == &pcie_root_port_class ? from_dev(&bridge->dev) : NULL;
}

bool pcie_slot_is_native(const struct pci_bus *bus)
{
    const struct pcie_root_port *s = slot_of(bus);

    return s && s->native;
}

void pcie_slot_filled(struct pci_bus *bus)
{
    struct pcie_root_port *s = slot_of(bus);

    s->asked = false;
    slot_event(s, SLOT_PRESENCE | SLOT_STATUS_LINK);
}

bool pcie_slot_ask_for(struct pci_bus *bus, struct vemu_error **errp)
{
    struct pcie_root_port *s = slot_of(bus);

    if (lamp(s) == SLOT_CONTROL_LAMP_OFF) { /* nobody uses it any more */
        let_go(s);
        return true;
    }
    /* Pressed again it would mean that it may stay. */
    if (s->asked && lamp(s) == SLOT_CONTROL_LAMP_BLINKS)
        return error_set(errp, VEMU_ERROR_STATE,
                         "the device behind root port '%s' is being removed already",
                         s->pci.dev.id ? s->pci.dev.id : "");
    s->asked = true;
    slot_event(s, SLOT_BUTTON);
    return true;
}

/* ---- configuration space --------------------------------------------------------------------- */

static void config_written(struct pci_device *pci, uint32_t offset, uint32_t size)
{
    struct pcie_root_port *s = (struct pcie_root_port *)pci;

    if (range_overlaps(offset, size, PCI_COMMAND, 2) ||
        range_overlaps(offset, size, BRIDGE_IO_BASE, BRIDGE_WINDOWS_END - BRIDGE_IO_BASE))
        update_windows(s);
    /* A reset and a load come as one large write. */
    if (size > 4) {
        s->control = slot_control(s);
        update_interrupt(s);
        return;
    }
    if (range_overlaps(offset, size, BRIDGE_CONTROL, 1) &&
        (pci->config[BRIDGE_CONTROL] & CONTROL_RESET))
        reset_behind(s);
    if (range_overlaps(offset, size, s->exp + EXP_SLOT_CONTROL, 4)) {
        if (s->native)
            slot_written(s);
        update_interrupt(s);
    }
}

/* The slot shows what is in it. */
static void config_read(struct pci_device *pci, uint32_t offset, uint32_t size)
{
    struct pcie_root_port *s = (struct pcie_root_port *)pci;
    uint8_t *exp = pci->config + s->exp;
    bool filled = is_filled(s);

    if (!range_overlaps(offset, size, s->exp, EXP_SIZE))
        return;
    uint16_t status = load_le16(exp + EXP_SLOT_STATUS) & (uint16_t)~SLOT_STATUS_PRESENT;
    store_le16(exp + EXP_SLOT_STATUS, (uint16_t)(status | (filled ? SLOT_STATUS_PRESENT : 0)));
    store_le16(exp + EXP_LINK_STATUS, LINK_STATUS | (filled ? LINK_STATUS_ACTIVE : 0));
}

static bool add_express(struct pcie_root_port *s)
{
    s->exp = pci_add_capability(&s->pci, PCI_CAP_ID_EXP, EXP_SIZE);
    if (!s->exp)
        return false;
    uint8_t *exp = s->pci.config + s->exp, *wmask = s->pci.wmask + s->exp;
    uint32_t slot = (uint32_t)(s->slot ? s->slot : s->chassis) << SLOT_CAP_NUMBER_SHIFT;
    store_le16(exp + EXP_FLAGS, EXP_FLAGS_ROOT_PORT);
    store_le32(exp + EXP_LINK_CAP, LINK_CAP | (uint32_t)s->port << 24);
    if (s->hotplug)
        slot |= SLOT_CAP_SURPRISE | SLOT_CAP_HOTPLUG;
    if (s->native)
        slot |= SLOT_CAP_BUTTON | SLOT_CAP_POWER_LAMP | SLOT_CAP_NO_COMMAND_EVENT;
    store_le32(exp + EXP_SLOT_CAP, slot);
    store_le16(wmask + EXP_LINK_CONTROL, 0x0fff);
    store_le16(wmask + EXP_SLOT_CONTROL, 0x1fff);
    store_le16(s->pci.w1c + s->exp + EXP_SLOT_STATUS, SLOT_STATUS_EVENTS);
    return true;
}

static void init_header(struct pcie_root_port *s)
{
    uint8_t *config = s->pci.config, *wmask = s->pci.wmask;

    config[PCI_HEADER_TYPE] |= 1;
    store_le32(wmask + PCI_PRIMARY_BUS, 0xffffffff); /* and secondary, subordinate, latency */
    wmask[BRIDGE_IO_BASE] = wmask[BRIDGE_IO_LIMIT] = 0xf0;
    store_le16(s->pci.w1c + BRIDGE_SEC_STATUS, 0xf900);
    store_le16(wmask + BRIDGE_MEM_BASE, 0xfff0);
    store_le16(wmask + BRIDGE_MEM_LIMIT, 0xfff0);
    store_le16(wmask + BRIDGE_PREF_BASE, 0xfff0);
    store_le16(wmask + BRIDGE_PREF_LIMIT, 0xfff0);
    store_le16(config + BRIDGE_PREF_BASE, BRIDGE_PREF_64BIT);
    store_le16(config + BRIDGE_PREF_LIMIT, BRIDGE_PREF_64BIT);
    store_le32(wmask + BRIDGE_PREF_BASE_UPPER, 0xffffffff);
    store_le32(wmask + BRIDGE_PREF_LIMIT_UPPER, 0xffffffff);
    wmask[BRIDGE_CONTROL] = CONTROL_WRITABLE;
}

/* ---- life ------------------------------------------------------------------------------------ */

static bool root_port_realize(struct device *dev, struct vemu_error **errp)
{
    static const struct pci_ident ident = {
        .vendor = PCI_VENDOR_REDHAT, .device = 0x000c, .class_code = 0x060400, .interrupt_pin = 1};
    struct pcie_root_port *s = from_dev(dev);

    if (s->pci.bus && (!s->pci.bus->express || s->pci.bus->bridge))
        return error_set(errp, VEMU_ERROR_INVALID,
                         "a root port must be on the root bus of a PCI Express machine: use "
                         "bus=pcie.0 on q35 or virt");
    if (!pci_device_init(&s->pci, &ident, errp))
        return false;
    init_header(s);
    /* What is behind shares the pin, and a driver of it may wait for the pin to be quiet: messages
     * keep the two apart. */
    if (!add_express(s) || (s->native && !pci_msi_add(&s->pci, 1, false))) {
        pci_device_exit(&s->pci);
        return error_set(errp, VEMU_ERROR_INVALID, "no room for its capabilities");
    }
    mem_region_init_container(&s->mem, "bridge-behind", s->pci.bus->mem->size);
    mem_region_init_container(&s->io, "bridge-io-behind", s->pci.bus->io->size);
    pci_bus_init_behind(&s->bus, &s->pci, dev->id, &s->mem, &s->io);
    s->pci.config_written = config_written;
    s->pci.config_read = config_read;
    return true;
}

/* What is behind came later, and so has gone. */
static void root_port_unrealize(struct device *dev)
{
    struct pcie_root_port *s = from_dev(dev);

    mem_region_remove(&s->mem_window);
    mem_region_remove(&s->pref_window);
    mem_region_remove(&s->io_window);
    pci_device_exit(&s->pci);
}

/* A system that was asked and never answered is gone: so is the device. */
static void root_port_reset(struct device *dev)
{
    struct pcie_root_port *s = from_dev(dev);

    if (s->asked)
        let_go(s);
    pci_device_reset(&s->pci);
}

static bool root_port_post_load(struct device *dev, struct vemu_error **errp)
{
    return pci_device_post_load(&from_dev(dev)->pci, errp);
}

static const struct prop_desc root_port_props[] = {
    PCI_PROPS(struct pcie_root_port, pci),
    PROP(PROP_U8, struct pcie_root_port, port, "port", "0", "number of the port"),
    PROP(PROP_U8, struct pcie_root_port, chassis, "chassis", "0", "number of the chassis"),
    PROP(PROP_U16, struct pcie_root_port, slot, "slot", "0",
         "number of the slot in the chassis; 0: the chassis'", .max = 8191),
    PROP(PROP_BOOL, struct pcie_root_port, hotplug, "hotplug", "on",
         "the slot may be filled and emptied while the machine runs"),
    {0},
};

static const struct state_field root_port_state[] = {
    STATE_PCI(struct pcie_root_port, pci),
    STATE_FLAG(struct pcie_root_port, asked),
    STATE_FIELDS_END,
};

const struct device_class pcie_root_port_class = {
    .name = "pcie-root-port",
    .help = "PCI Express root port, with a slot for one device",
    .size = sizeof(struct pcie_root_port),
    .user_creatable = true,
    .bus = "pci",
    .props = root_port_props,
    .state = root_port_state,
    .state_version = 2,
    .realize = root_port_realize,
    .unrealize = root_port_unrealize,
    .reset = root_port_reset,
    .post_load = root_port_post_load,
};

struct pci_bus *pcie_root_port_bus(struct device *dev)
{
    return &from_dev(dev)->bus;
}

struct pci_bus *pcie_find_bus(struct pci_bus *root, const char *name, struct vemu_error **errp)
{
    if (!name || strcmp(name, root->name) == 0)
        return root;
    list_for_each(dev, &root->machine->devices, struct device, node)
    {
        if (dev->cls == &pcie_root_port_class && dev->realized && dev->id &&
            strcmp(dev->id, name) == 0)
            return pcie_root_port_bus(dev);
    }
    error_set(errp, VEMU_ERROR_NOT_FOUND, "bus=%.80s: there is no such PCI bus; the root bus is %s",
              name, root->name);
    return NULL;
}

bool pcie_root_port_has_hotplug(const struct device *dev)
{
    return ((const struct pcie_root_port *)dev)->hotplug;
}
