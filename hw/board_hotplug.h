/*
 * Devices that come and go while a machine runs, as far as it is the same on every board: USB ones
 * whole, and what is said of those that cannot. Machine lock held throughout.
 */
#ifndef HW_BOARD_HOTPLUG_H
#define HW_BOARD_HOTPLUG_H

#include "core/device/device.h"

struct pci_bus;
struct pci_device;

/* What is the board's own of a PCI device: find its bus by bus_name, realize it and tell the guest;
 * or ask the guest to let it go. */
typedef bool board_pci_fn(struct vemu_machine *m, struct pci_device *pci, struct vemu_error **errp);

/* board_class.hotplug and unplug, for boards to call. */
bool board_hotplug(struct vemu_machine *m, struct device *dev, board_pci_fn *add,
                   struct vemu_error **errp);
bool board_unplug(struct vemu_machine *m, struct device *dev, board_pci_fn *ask,
                  struct vemu_error **errp);
/* Sets the error that the device stays. Returns false. */
bool board_keeps(const struct device *dev, struct vemu_error **errp);

/* The bus of an empty root port that `takes` accepts, for a device that does not say where; NULL
 * with the error set: there is none. */
struct pci_bus *board_free_slot(struct vemu_machine *m,
                                bool (*takes)(struct vemu_machine *m, struct pci_bus *bus),
                                struct vemu_error **errp);

#endif
