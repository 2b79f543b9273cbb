/* Devices that come and go while an x86 board runs: see hotplug.h. */
#include "hw/x86/hotplug.h"

#include "core/device/machine.h"
#include "hw/acpi/pci_hotplug.h"
#include "hw/board_hotplug.h"
#include "hw/pci/root_port.h"
#include "hw/x86/x86_common.h"

/* ---- buses ----------------------------------------------------------------------------------- */

bool x86_create_hotplug(struct x86_board *b, uint16_t base, uint32_t slots,
                        struct vemu_error **errp)
{
    b->pci_hotplug = acpi_pci_hotplug_create(b->m, base, b->pm, errp);
    if (!b->pci_hotplug)
        return false;
    b->hotplug.base = base;
    b->hotplug.slots = slots;
    if (slots)
        acpi_pci_hotplug_add_bus(b->pci_hotplug, b->pci, 0, slots);
    return true;
}

bool x86_add_root_port(struct x86_board *b, struct device *port, struct vemu_error **errp)
{
    struct acpi_hotplug *h = &b->hotplug;
    const struct pci_device *pci = (const struct pci_device *)port;

    if (!b->pci_hotplug || !pcie_root_port_has_hotplug(port))
        return true;
    if (h->port_count == ACPI_HOTPLUG_PORTS)
        return error_set(errp, VEMU_ERROR_INVALID, "%d root ports are the most",
                         ACPI_HOTPLUG_PORTS);
    h->ports[h->port_count++] = (uint8_t)pci->devfn;
    acpi_pci_hotplug_add_bus(b->pci_hotplug, pcie_root_port_bus(port), h->port_count, 1);
    return true;
}

struct pci_bus *x86_find_pci_bus(struct x86_board *b, const char *name, struct vemu_error **errp)
{
    return b->pci ? pcie_find_bus(b->pci, name, errp) : NULL;
}

static bool takes(struct vemu_machine *m, struct pci_bus *bus)
{
    struct x86_board *b = m->board;
    return acpi_pci_hotplug_has_slot(b->pci_hotplug, bus, 0);
}

/* ---- coming and going ------------------------------------------------------------------------ */

static bool need_slot(struct x86_board *b, const struct pci_device *pci, struct vemu_error **errp)
{
    return acpi_pci_hotplug_has_slot(b->pci_hotplug, pci->bus, pci->devfn >> 3) ||
           error_set(errp, VEMU_ERROR_UNSUPPORTED,
                     "slot %x of bus '%s' stays as it is while the machine runs", pci->devfn >> 3,
                     pci->bus->name);
}

/* An empty slot for who did not say where. */
static struct pci_bus *find_free(struct x86_board *b, struct vemu_error **errp)
{
    return b->hotplug.slots ? b->pci : board_free_slot(b->m, takes, errp);
}

static bool add(struct vemu_machine *m, struct pci_device *pci, struct vemu_error **errp)
{
    struct x86_board *b = m->board;
    struct device *dev = &pci->dev;

    if (!b->pci_hotplug)
        return error_set(errp, VEMU_ERROR_UNSUPPORTED,
                         "machine '%s' cannot take devices while it runs: that needs PCI and ACPI",
                         b->name);
    pci->bus = pci->bus_name ? x86_find_pci_bus(b, pci->bus_name, errp) : find_free(b, errp);
    pci->devfn = PCI_DEVFN_ANY;
    if (!pci->bus)
        return false;
    if (pci->bus == b->pci && !b->hotplug.slots)
        return error_set(errp, VEMU_ERROR_UNSUPPORTED,
                         "bus '%s' takes no devices while the machine runs: use a root port's",
                         pci->bus->name);
    if (!device_realize(dev, errp) || !need_slot(b, pci, errp))
        return false;
    if (dev->cls->reset)
        dev->cls->reset(dev);
    acpi_pci_hotplug_plugged(b->pci_hotplug, pci);
    return true;
}

static bool ask(struct vemu_machine *m, struct pci_device *pci, struct vemu_error **errp)
{
    struct x86_board *b = m->board;

    if (!b->pci_hotplug)
        return board_keeps(&pci->dev, errp);
    if (!need_slot(b, pci, errp))
        return false;
    acpi_pci_hotplug_ask_for(b->pci_hotplug, pci);
    return true;
}

bool x86_hotplug(struct vemu_machine *m, struct device *dev, struct vemu_error **errp)
{
    return board_hotplug(m, dev, add, errp);
}

bool x86_unplug(struct vemu_machine *m, struct device *dev, struct vemu_error **errp)
{
    return board_unplug(m, dev, ask, errp);
}
