/*
 * Hot plug of PCI functions by ACPI, as the systems of PC guests know it: I/O registers that say
 * which slots of a bus were filled or are to be emptied, general-purpose event 1 when that changes,
 * and methods in the DSDT (dsdt_hotplug.c) that read them and eject. The bus is chosen by a
 * selector: 0 is the root bus of `pc`; on `q35` each root port has its own number.
 *
 * A function that is plugged has been realized and reset. One that is to be unplugged stays until
 * the guest ejects its slot; then it is off the bus at once, and freed by the machine's owner
 * (device_unplug in core/device/device.h). Machine lock held throughout.
 */
#ifndef HW_ACPI_PCI_HOTPLUG_H
#define HW_ACPI_PCI_HOTPLUG_H

#include <stdbool.h>
#include <stdint.h>
#include "core/device/device.h"

struct acpi_pm;
struct pci_bus;
struct pci_device;

enum {
    ACPI_HOTPLUG_BASE_PC = 0xae00,
    ACPI_HOTPLUG_BASE_Q35 = 0xcc0,
    ACPI_HOTPLUG_SIZE = 0x14,
    ACPI_HOTPLUG_GPE = 1,
    ACPI_HOTPLUG_BUSES = 256,
};
/* Registers, 32 bits each; a bit a slot. */
enum {
    ACPI_HOTPLUG_UP = 0x0,   /* filled since it was read last */
    ACPI_HOTPLUG_DOWN = 0x4, /* to be emptied */
    ACPI_HOTPLUG_EJECT = 0x8,
    ACPI_HOTPLUG_REMOVABLE = 0xc,
    ACPI_HOTPLUG_SELECT = 0x10, /* the bus */
};

extern const struct device_class acpi_pci_hotplug_class;

struct device *acpi_pci_hotplug_create(struct vemu_machine *m, uint16_t base, struct acpi_pm *pm,
                                       struct vemu_error **errp);
/* Functions in these slots of the bus may come and go; `number` is its selector. */
void acpi_pci_hotplug_add_bus(struct device *dev, struct pci_bus *bus, unsigned number,
                              uint32_t slots);
/* Can something be plugged into, or taken from, that slot? */
bool acpi_pci_hotplug_has_slot(struct device *dev, const struct pci_bus *bus, unsigned slot);
/* The guest gets to know. */
void acpi_pci_hotplug_plugged(struct device *dev, const struct pci_device *pci);
void acpi_pci_hotplug_ask_for(struct device *dev, const struct pci_device *pci);

#endif
