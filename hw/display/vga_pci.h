/*
 * "VGA": the standard VGA of PC machines as a PCI function: legacy ports and window, the display
 * interface's ports, its memory as BAR 0, registers as BAR 2, the VGA BIOS as expansion ROM.
 * Machine lock held.
 */
#ifndef HW_DISPLAY_VGA_PCI_H
#define HW_DISPLAY_VGA_PCI_H

#include "core/device/device.h"
#include "hw/display/vga.h"

extern const struct device_class vga_pci_class;

#endif
