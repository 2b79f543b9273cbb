/*
 * Devices that come and go while an x86 board runs: PCI functions, on buses that the registers of
 * hw/acpi/pci_hotplug.h know. Machine lock held throughout.
 */
#ifndef HW_X86_HOTPLUG_H
#define HW_X86_HOTPLUG_H

#include "core/device/device.h"

struct pci_bus;
struct x86_board;

/* With ACPI: the registers, and the slots of the root bus that can be filled (q35: none). */
bool x86_create_hotplug(struct x86_board *b, uint16_t base, uint32_t slots,
                        struct vemu_error **errp);
/* The bus that bus= names, the root bus for NULL; NULL: there is no such bus. */
struct pci_bus *x86_find_pci_bus(struct x86_board *b, const char *name, struct vemu_error **errp);
/* A root port was added: the slot behind it is one. */
bool x86_add_root_port(struct x86_board *b, struct device *port, struct vemu_error **errp);

/* board_class.hotplug and unplug. */
bool x86_hotplug(struct vemu_machine *m, struct device *dev, struct vemu_error **errp);
bool x86_unplug(struct vemu_machine *m, struct device *dev, struct vemu_error **errp);

#endif
