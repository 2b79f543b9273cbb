/*
 * PIRQ routing, shared by PIIX3 and ICH9: PCI interrupt lines to ISA interrupts by register, and
 * (ICH9) straight to I/O APIC inputs 16-23. Embedded in the ISA bridge; machine lock held.
 */
#ifndef HW_PCI_PIRQ_H
#define HW_PCI_PIRQ_H

#include <stdint.h>
#include "core/device/device.h"
#include "hw/pci/pci.h"

enum { PIRQ_DISABLED = 0x80, PIRQ_IRQ_MASK = 0x0f, PIRQ_REG_MASK = 0x8f };

struct pirq_router {
    const struct pci_bus *bus;        /* its line_level is the input */
    struct irq isa[16];               /* outputs: ISA interrupts */
    struct irq direct[PCI_IRQ_LINES]; /* outputs: I/O APIC inputs; unconnected on PIIX3 */
    uint8_t reg[PCI_IRQ_LINES];       /* routing registers */
    uint16_t asserted;                /* ISA outputs that are high */
};

/* Line `line` of the bus changed. */
void pirq_set_line(struct pirq_router *r, unsigned line, int level);
void pirq_set_route(struct pirq_router *r, unsigned line, uint8_t reg);
/* After a state load: the outputs are what the inputs make of them, and their receivers already
 * know. */
void pirq_post_load(struct pirq_router *r);

#endif
