/*
 * PCI Express root ports: a PCI-to-PCI bridge on the root bus with one slot behind it. PCI-to-PCI
 * Bridge Architecture Specification 1.2, chapter 3; PCI Express Base Specification, chapter 7.
 *
 * What is behind it is placed in containers of its own, of which the windows that the guest
 * programs are shown on the bus above. The slot can be filled and emptied while the machine runs:
 * by ACPI (hw/acpi/pci_hotplug.h), where systems are not offered the port's own hot-plug registers;
 * or by these, where the board says so. Then the slot has a button, which asks the system to let
 * its device go, and a lamp, which the system puts out when it did.
 */
#ifndef HW_PCI_ROOT_PORT_H
#define HW_PCI_ROOT_PORT_H

#include "hw/pci/pci.h"

extern const struct device_class pcie_root_port_class;

/* The bus behind it. */
struct pci_bus *pcie_root_port_bus(struct device *dev);
/* The bus that bus=NAME means: NULL or the name of the root's, or a root port's id. NULL with the
 * error set: there is none. */
struct pci_bus *pcie_find_bus(struct pci_bus *root, const char *name, struct vemu_error **errp);
/* hotplug=on */
bool pcie_root_port_has_hotplug(const struct device *dev);

/* The slot has registers of its own for coming and going; before it is realized. */
void pcie_root_port_set_native(struct device *dev);
/* Is that the bus of such a slot? */
bool pcie_slot_is_native(const struct pci_bus *bus);
/* A device is in it now. */
void pcie_slot_filled(struct pci_bus *bus);
/* The button is pressed. Fails while an earlier request is being answered. */
bool pcie_slot_ask_for(struct pci_bus *bus, struct vemu_error **errp);

#endif
