/*
 * What firmware does to PCI functions before it starts a system: addresses into the BARs, decoding
 * on, interrupt lines. For boots without firmware; machine lock held, after device resets.
 */
#ifndef HW_X86_PCI_SETUP_H
#define HW_X86_PCI_SETUP_H

#include <stdint.h>
#include "hw/pci/pci.h"

struct pci_setup_config {
    uint64_t mem_first, mem_last;     /* window below 4 GiB, inclusive */
    uint64_t mem64_first, mem64_last; /* above; empty when first is 0 */
    uint16_t io_first;                /* up to 0xffff */
    /* ISA interrupt that a bus line is routed to, for the interrupt line register; 0: none. */
    uint8_t line_irq[PCI_IRQ_LINES];
};

void pci_setup_bus(struct pci_bus *bus, const struct pci_setup_config *cfg);

#endif
