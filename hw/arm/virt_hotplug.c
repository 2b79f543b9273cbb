/* Devices that come and go while a `virt` machine runs: PCI ones behind root ports, by the ports'
 * own registers, and USB ones. */
#include "core/device/machine.h"
#include "hw/arm/virt.h"
#include "hw/board_hotplug.h"
#include "hw/pci/root_port.h"

static bool takes(struct vemu_machine *m, struct pci_bus *bus)
{
    (void)m;
    return pcie_slot_is_native(bus);
}

static bool need_slot(const struct pci_bus *bus, struct vemu_error **errp)
{
    return pcie_slot_is_native(bus) ||
           error_set(errp, VEMU_ERROR_UNSUPPORTED,
                     "bus '%s' stays as it is while the machine runs: use a root port's",
                     bus->name ? bus->name : "");
}

static bool add(struct vemu_machine *m, struct pci_device *pci, struct vemu_error **errp)
{
    struct virt_board *b = m->board;
    struct device *dev = &pci->dev;

    pci->bus = pci->bus_name ? pcie_find_bus(b->pci, pci->bus_name, errp)
                             : board_free_slot(m, takes, errp);
    pci->devfn = PCI_DEVFN_ANY;
    if (!pci->bus || !need_slot(pci->bus, errp) || !device_realize(dev, errp))
        return false;
    if (dev->cls->reset)
        dev->cls->reset(dev);
    pcie_slot_filled(pci->bus);
    return true;
}

static bool ask(struct vemu_machine *m, struct pci_device *pci, struct vemu_error **errp)
{
    (void)m;
    return need_slot(pci->bus, errp) && pcie_slot_ask_for(pci->bus, errp);
}

bool virt_hotplug(struct vemu_machine *m, struct device *dev, struct vemu_error **errp)
{
    return board_hotplug(m, dev, add, errp);
}

bool virt_unplug(struct vemu_machine *m, struct device *dev, struct vemu_error **errp)
{
    return board_unplug(m, dev, ask, errp);
}
