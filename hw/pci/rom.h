/*
 * Expansion ROM of a PCI function, from a firmware file. PCI Local Bus Specification 3.0, section
 * 6.3. Machine lock held.
 */
#ifndef HW_PCI_ROM_H
#define HW_PCI_ROM_H

#include "hw/pci/pci.h"

struct pci_rom {
    struct ram_block *block;
    struct mem_region region;
};

/* Only in realize, after pci_device_init. name: a path, or a file where firmware is installed; NULL
 * or "": no ROM. */
bool pci_rom_add(struct pci_device *pci, struct pci_rom *rom, const char *name,
                 struct vemu_error **errp);
/* The same for a ROM that the function can do without: with name NULL it has `usual`, if the
 * machine starts firmware and that file is installed; it is told the function's IDs. *missing, if
 * it is not: its name for a sentence. */
bool pci_rom_add_usual(struct pci_device *pci, struct pci_rom *rom, const char *name,
                       const char *usual, const char **missing, struct vemu_error **errp);
/* After pci_device_exit. */
void pci_rom_free(struct pci_device *pci, struct pci_rom *rom);

#endif
