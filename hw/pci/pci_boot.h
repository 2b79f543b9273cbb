/*
 * PCI functions that firmware can boot from: their place as an Open Firmware device path. IEEE Std
 * 1275 with its PCI bus binding, in the form that SeaBIOS and OVMF look for. Machine lock held.
 */
#ifndef HW_PCI_PCI_BOOT_H
#define HW_PCI_PCI_BOOT_H

#include "core/device/boot_target.h"
#include "hw/pci/pci.h"

/* Only in realize, after pci_device_init. unit: what is below the function, "" or like
 * "/disk@0,0". dev: who owns t, the function itself or a device behind it. */
bool pci_boot_target_add(struct boot_target *t, struct device *dev, const struct pci_device *pci,
                         enum boot_medium kind, const char *unit, struct vemu_error **errp);

#endif
