/*
 * The enhanced configuration access mechanism: a window in which every register of every function
 * has an address (PCI Express Base Specification, chapter 7). Machine lock held.
 */
#ifndef HW_PCI_ECAM_H
#define HW_PCI_ECAM_H

#include "core/memory/memory.h"
#include "hw/pci/pci.h"

#define PCI_ECAM_BUS_SIZE (UINT64_C(1) << 20)

/* A window of size bytes (1 MiB a bus) on root and what is behind it; the caller places it. */
void pci_ecam_init(struct mem_region *region, struct pci_bus *root, uint64_t size,
                   struct device *owner);

#endif
