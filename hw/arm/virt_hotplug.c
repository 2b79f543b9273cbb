/* Devices that come and go while a `virt` machine runs: PCI ones behind root ports, by the ports'
 * own registers, and USB ones. */
#include <string.h>

#include "core/device/machine.h"
#include "hw/arm/virt.h"
#include "hw/pci/root_port.h"
#include "hw/usb/usb.h"

/* An empty slot for who did not say where. */
static struct pci_bus *find_free(struct vemu_machine *m, struct vemu_error **errp)
{
    list_for_each(dev, &m->devices, struct device, node)
    {
        struct pci_bus *bus =
            dev->cls == &pcie_root_port_class && dev->realized ? pcie_root_port_bus(dev) : NULL;
        if (bus && !bus->functions[0] && pcie_slot_is_native(bus))
            return bus;
    }
    error_set(errp, VEMU_ERROR_STATE,
              "there is no free slot: what is plugged in later needs a root port, as in -device "
              "pcie-root-port,id=pci.1");
    return NULL;
}

static bool is_pci(const struct device *dev)
{
    return dev->cls->bus && strcmp(dev->cls->bus, "pci") == 0;
}

static bool need_slot(const struct pci_bus *bus, struct vemu_error **errp)
{
    return pcie_slot_is_native(bus) ||
           error_set(errp, VEMU_ERROR_UNSUPPORTED,
                     "bus '%s' stays as it is while the machine runs: use a root port's",
                     bus->name ? bus->name : "");
}

bool virt_hotplug(struct vemu_machine *m, struct device *dev, struct vemu_error **errp)
{
    struct virt_board *b = m->board;
    struct pci_device *pci = (struct pci_device *)dev;

    if (usb_is_device(dev))
        return usb_plug(m, dev, errp) && device_realize(dev, errp);
    if (!is_pci(dev))
        return error_set(errp, VEMU_ERROR_UNSUPPORTED,
                         "device '%s' cannot be added while the machine runs: only PCI devices "
                         "and USB devices can",
                         dev->cls->name);
    pci->bus = pci->bus_name ? pcie_find_bus(b->pci, pci->bus_name, errp) : find_free(m, errp);
    pci->devfn = PCI_DEVFN_ANY;
    if (!pci->bus || !need_slot(pci->bus, errp) || !device_realize(dev, errp))
        return false;
    if (dev->cls->reset)
        dev->cls->reset(dev);
    pcie_slot_filled(pci->bus);
    return true;
}

bool virt_unplug(struct vemu_machine *m, struct device *dev, struct vemu_error **errp)
{
    (void)m;
    if (dev->unplugged)
        return error_set(errp, VEMU_ERROR_STATE, "device '%s' is being removed already",
                         dev->id ? dev->id : dev->cls->name);
    if (usb_is_device(dev)) { /* the guest is not asked */
        usb_unplug((struct usb_device *)dev);
        return true;
    }
    if (!is_pci(dev))
        return error_set(errp, VEMU_ERROR_UNSUPPORTED,
                         "device '%s' cannot be removed while the machine runs",
                         dev->id ? dev->id : dev->cls->name);
    struct pci_bus *bus = ((struct pci_device *)dev)->bus;
    return need_slot(bus, errp) && pcie_slot_ask_for(bus, errp);
}
