#include "hw/board_hotplug.h"
#include "core/device/machine.h"
#include "hw/pci/root_port.h"
#include "hw/usb/usb.h"

bool board_hotplug(struct vemu_machine *m, struct device *dev, board_pci_fn *add,
                   struct vemu_error **errp)
{
    if (usb_is_device(dev))
        return usb_plug(m, dev, errp) && device_realize(dev, errp);
    if (!pci_is_device(dev))
        return error_set(errp, VEMU_ERROR_UNSUPPORTED,
                         "device '%s' cannot be added while the machine runs: only PCI devices "
                         "and USB devices can",
                         dev->cls->name);
    return add(m, (struct pci_device *)dev, errp);
}

bool board_keeps(const struct device *dev, struct vemu_error **errp)
{
    return error_set(errp, VEMU_ERROR_UNSUPPORTED,
                     "device '%s' cannot be removed while the machine runs",
                     dev->id ? dev->id : dev->cls->name);
}

bool board_unplug(struct vemu_machine *m, struct device *dev, board_pci_fn *ask,
                  struct vemu_error **errp)
{
    if (dev->unplugged)
        return error_set(errp, VEMU_ERROR_STATE, "device '%s' is being removed already",
                         dev->id ? dev->id : dev->cls->name);
    if (usb_is_device(dev)) { /* the guest is not asked */
        usb_unplug((struct usb_device *)dev);
        return true;
    }
    return pci_is_device(dev) ? ask(m, (struct pci_device *)dev, errp) : board_keeps(dev, errp);
}

struct pci_bus *board_free_slot(struct vemu_machine *m,
                                bool (*takes)(struct vemu_machine *m, struct pci_bus *bus),
                                struct vemu_error **errp)
{
    list_for_each(dev, &m->devices, struct device, node)
    {
        struct pci_bus *bus =
            dev->cls == &pcie_root_port_class && dev->realized ? pcie_root_port_bus(dev) : NULL;
        if (bus && !bus->functions[0] && takes(m, bus))
            return bus;
    }
    error_set(errp, VEMU_ERROR_STATE,
              "there is no free slot: what is plugged in later needs a root port, as in -device "
              "pcie-root-port,id=pci.1");
    return NULL;
}
