/* SMBus function of the ICH9 (1f.3), for the `q35` machine. Machine lock held. */
#ifndef HW_PCI_ICH9_SMBUS_H
#define HW_PCI_ICH9_SMBUS_H

#include <stdbool.h>
#include "core/device/device.h"
#include "hw/pci/pci.h"

extern const struct device_class ich9_smbus_class;

/* enabled: the host controller is on at reset, as firmware would leave it. */
struct device *ich9_smbus_create(struct vemu_machine *m, struct pci_bus *bus, bool enabled,
                                 struct vemu_error **errp);

#endif
