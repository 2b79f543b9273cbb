/* PCI hot plug by ACPI: see pci_hotplug.h. */
#include "hw/acpi/pci_hotplug.h"

#include <string.h>

#include "core/device/machine.h"
#include "core/state/state.h"
#include "core/util/range.h"
#include "hw/acpi/pm.h"
#include "hw/create.h"
#include "hw/pci/pci.h"

struct hotplug_bus {
    struct pci_bus *bus; /* NULL: nobody has this number */
    uint32_t slots;      /* that may be filled and emptied */
    uint32_t up, down;
};

struct acpi_pci_hotplug {
    struct device dev;
    struct acpi_pm *pm;
    uint16_t base;
    struct mem_region region;
    uint32_t select;
    struct hotplug_bus buses[ACPI_HOTPLUG_BUSES];
};

static struct acpi_pci_hotplug *from_dev(struct device *dev)
{
    return (struct acpi_pci_hotplug *)dev;
}

/* The one that the guest looks at; NULL: there is none of that number. */
static struct hotplug_bus *selected(struct acpi_pci_hotplug *s)
{
    struct hotplug_bus *b = s->select < ACPI_HOTPLUG_BUSES ? &s->buses[s->select] : NULL;

    return b && b->bus ? b : NULL;
}

/* ---- the guest's side ------------------------------------------------------------------------ */

static void eject_slot(struct hotplug_bus *b, unsigned slot)
{
    for (unsigned f = 0; f < 8; f++) {
        struct pci_device *pci = b->bus->functions[PCI_DEVFN(slot, f)];
        if (pci)
            pci_device_unplug(pci);
    }
    b->up &= ~(UINT32_C(1) << slot);
    b->down &= ~(UINT32_C(1) << slot);
}

static void eject(struct hotplug_bus *b, uint32_t slots)
{
    for (slots &= b->slots; slots; slots &= slots - 1)
        eject_slot(b, (unsigned)__builtin_ctz(slots));
}

static uint64_t hotplug_read(void *opaque, uint64_t offset, unsigned size)
{
    struct acpi_pci_hotplug *s = opaque;
    struct hotplug_bus *b = selected(s);
    uint32_t value = 0;

    (void)size;
    switch (offset) {
    case ACPI_HOTPLUG_UP:
        value = b ? b->up : 0;
        if (b)
            b->up = 0;
        break;
    case ACPI_HOTPLUG_DOWN:
        value = b ? b->down : 0;
        break;
    case ACPI_HOTPLUG_REMOVABLE:
        value = b ? b->slots : 0;
        break;
    case ACPI_HOTPLUG_SELECT:
        value = s->select;
        break;
    default: /* EJECT shows the optional features, of which there are none */
        break;
    }
    return value;
}

static void hotplug_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    struct acpi_pci_hotplug *s = opaque;
    struct hotplug_bus *b = selected(s);

    (void)size;
    if (offset == ACPI_HOTPLUG_EJECT && b)
        eject(b, (uint32_t)value);
    else if (offset == ACPI_HOTPLUG_SELECT)
        s->select = (uint32_t)value;
}

static const struct mem_ops ops = {
    .read = hotplug_read, .write = hotplug_write, .min_size = 4, .max_size = 4};

/* ---- the machine's side ---------------------------------------------------------------------- */

static struct hotplug_bus *find_bus(struct acpi_pci_hotplug *s, const struct pci_bus *bus)
{
    for (unsigned n = 0; n < ACPI_HOTPLUG_BUSES; n++) {
        if (s->buses[n].bus == bus)
            return &s->buses[n];
    }
    return NULL;
}

void acpi_pci_hotplug_add_bus(struct device *dev, struct pci_bus *bus, unsigned number,
                              uint32_t slots)
{
    from_dev(dev)->buses[number] = (struct hotplug_bus){.bus = bus, .slots = slots};
}

bool acpi_pci_hotplug_has_slot(struct device *dev, const struct pci_bus *bus, unsigned slot)
{
    const struct hotplug_bus *b = find_bus(from_dev(dev), bus);

    return b && slot < PCI_SLOTS && (b->slots >> slot & 1);
}

void acpi_pci_hotplug_plugged(struct device *dev, const struct pci_device *pci)
{
    struct acpi_pci_hotplug *s = from_dev(dev);
    struct hotplug_bus *b = find_bus(s, pci->bus);

    b->up |= UINT32_C(1) << (pci->devfn >> 3);
    acpi_pm_gpe(s->pm, ACPI_HOTPLUG_GPE);
}

void acpi_pci_hotplug_ask_for(struct device *dev, const struct pci_device *pci)
{
    struct acpi_pci_hotplug *s = from_dev(dev);
    struct hotplug_bus *b = find_bus(s, pci->bus);

    b->down |= UINT32_C(1) << (pci->devfn >> 3);
    acpi_pm_gpe(s->pm, ACPI_HOTPLUG_GPE);
}

/* ---- life ------------------------------------------------------------------------------------ */

static bool hotplug_realize(struct device *dev, struct vemu_error **errp)
{
    struct acpi_pci_hotplug *s = from_dev(dev);

    (void)errp;
    mem_region_init_io(&s->region, "acpi-pci-hotplug", ACPI_HOTPLUG_SIZE, &ops, s, dev);
    mem_region_add(mem_space_root(device_io(dev)), s->base, &s->region, 0);
    return true;
}

static void hotplug_unrealize(struct device *dev)
{
    mem_region_remove(&from_dev(dev)->region);
}

/* A guest that was asked for a function and never answered is gone: so is the function. What was
 * plugged meanwhile is found by the next one like everything else. */
static void hotplug_reset(struct device *dev)
{
    struct acpi_pci_hotplug *s = from_dev(dev);

    s->select = 0;
    for (unsigned n = 0; n < ACPI_HOTPLUG_BUSES; n++) {
        struct hotplug_bus *b = &s->buses[n];
        if (!b->bus)
            continue;
        eject(b, b->down);
        b->up = 0;
    }
}

static const struct state_field bus_state[] = {
    STATE_INT(struct hotplug_bus, up),
    STATE_INT(struct hotplug_bus, down),
    STATE_FIELDS_END,
};
static const struct state_field hotplug_state[] = {
    STATE_INT(struct acpi_pci_hotplug, select),
    STATE_ARRAY_OF(struct acpi_pci_hotplug, buses, bus_state),
    STATE_FIELDS_END,
};

const struct device_class acpi_pci_hotplug_class = {
    .name = "acpi-pci-hotplug",
    .help = "registers for hot plug of PCI functions by ACPI",
    .size = sizeof(struct acpi_pci_hotplug),
    .state = hotplug_state,
    .state_version = 1,
    .realize = hotplug_realize,
    .unrealize = hotplug_unrealize,
    .reset = hotplug_reset,
};

struct device *acpi_pci_hotplug_create(struct vemu_machine *m, uint16_t base, struct acpi_pm *pm,
                                       struct vemu_error **errp)
{
    struct device *dev = device_new(m, &acpi_pci_hotplug_class, NULL, errp);

    if (!dev)
        return NULL;
    from_dev(dev)->base = base;
    from_dev(dev)->pm = pm;
    return device_realize_or_free(dev, errp);
}
