/*
 * "VGA": the standard VGA of PC machines as a PCI function: legacy ports and window, the display
 * interface's ports, its memory as BAR 0, registers as BAR 2, the VGA BIOS as expansion ROM.
 * Machine lock held.
 */
#ifndef HW_DISPLAY_VGA_PCI_H
#define HW_DISPLAY_VGA_PCI_H

#include "core/device/device.h"
#include "hw/display/vga.h"

struct pci_bus;

extern const struct device_class vga_pci_class;

struct device *vga_pci_create(struct vemu_machine *m, struct pci_bus *bus, uint16_t devfn,
                              struct vemu_error **errp);
struct vga *vga_pci_registers(struct device *dev);

#endif
