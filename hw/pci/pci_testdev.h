/*
 * pci-testdev: the PCI function that bare-metal guests use to time memory and port writes. Made by
 * -device.
 */
#ifndef HW_PCI_PCI_TESTDEV_H
#define HW_PCI_PCI_TESTDEV_H

#include "core/device/device.h"

extern const struct device_class pci_testdev_class;

#endif
