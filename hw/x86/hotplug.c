/* Devices that come and go while an x86 board runs: see hotplug.h. */
#include "hw/x86/hotplug.h"

#include <string.h>

#include "core/device/machine.h"
#include "hw/acpi/pci_hotplug.h"
#include "hw/pci/root_port.h"
#include "hw/usb/usb.h"
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

/* An empty slot for who did not say where. */
static struct pci_bus *find_free(struct x86_board *b, struct vemu_error **errp)
{
    if (b->hotplug.slots)
        return b->pci;
    list_for_each(dev, &b->m->devices, struct device, node)
    {
        struct pci_bus *bus =
            dev->cls == &pcie_root_port_class && dev->realized ? pcie_root_port_bus(dev) : NULL;
        if (bus && !bus->functions[0] && acpi_pci_hotplug_has_slot(b->pci_hotplug, bus, 0))
            return bus;
    }
    error_set(errp, VEMU_ERROR_STATE,
              "there is no free slot: what is plugged in later needs a root port, as in -device "
              "pcie-root-port,id=pci.1");
    return NULL;
}

/* ---- coming and going ------------------------------------------------------------------------ */

static bool is_pci(const struct device *dev)
{
    return dev->cls->bus && strcmp(dev->cls->bus, "pci") == 0;
}

static bool need_slot(struct x86_board *b, const struct pci_device *pci, struct vemu_error **errp)
{
    return acpi_pci_hotplug_has_slot(b->pci_hotplug, pci->bus, pci->devfn >> 3) ||
           error_set(errp, VEMU_ERROR_UNSUPPORTED,
                     "slot %x of bus '%s' stays as it is while the machine runs", pci->devfn >> 3,
                     pci->bus->name);
}

bool x86_hotplug(struct vemu_machine *m, struct device *dev, struct vemu_error **errp)
{
    struct x86_board *b = m->board;
    struct pci_device *pci = (struct pci_device *)dev;

    if (usb_is_device(dev))
        return usb_plug(m, dev, errp) && device_realize(dev, errp);
    if (!is_pci(dev))
        return error_set(errp, VEMU_ERROR_UNSUPPORTED,
                         "device '%s' cannot be added while the machine runs: only PCI devices "
                         "and USB devices can",
                         dev->cls->name);
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

bool x86_unplug(struct vemu_machine *m, struct device *dev, struct vemu_error **errp)
{
    struct x86_board *b = m->board;

    if (dev->unplugged)
        return error_set(errp, VEMU_ERROR_STATE, "device '%s' is being removed already",
                         dev->id ? dev->id : dev->cls->name);
    if (usb_is_device(dev)) { /* the guest is not asked */
        usb_unplug((struct usb_device *)dev);
        return true;
    }
    if (!is_pci(dev) || !b->pci_hotplug)
        return error_set(errp, VEMU_ERROR_UNSUPPORTED,
                         "device '%s' cannot be removed while the machine runs",
                         dev->id ? dev->id : dev->cls->name);
    if (!need_slot(b, (const struct pci_device *)dev, errp))
        return false;
    acpi_pci_hotplug_ask_for(b->pci_hotplug, (const struct pci_device *)dev);
    return true;
}
