/* PIRQ routing; see pirq.h. Intel 82371SB (PIIX3) data sheet, PIRQRC registers. */
#include "hw/pci/pirq.h"

/* ISA interrupts 0, 1, 2, 8 and 13 belong to the board and cannot be routed to. */
#define PIRQ_ROUTABLE 0xdef8u

static uint16_t compute(const struct pirq_router *r)
{
    uint16_t mask = 0;
    for (unsigned i = 0; i < PCI_IRQ_LINES; i++)
        if (r->bus->line_level[i] && !(r->reg[i] & PIRQ_DISABLED))
            mask |= (uint16_t)(1u << (r->reg[i] & PIRQ_IRQ_MASK));
    return mask & PIRQ_ROUTABLE;
}

static void update_isa(struct pirq_router *r)
{
    uint16_t now = compute(r), changed = now ^ r->asserted;
    r->asserted = now;
    for (unsigned i = 0; i < 16; i++)
        if (changed >> i & 1)
            irq_set(&r->isa[i], now >> i & 1);
}

void pirq_set_line(struct pirq_router *r, unsigned line, int level)
{
    irq_set(&r->direct[line], level);
    update_isa(r);
}

void pirq_set_route(struct pirq_router *r, unsigned line, uint8_t reg)
{
    r->reg[line] = reg & PIRQ_REG_MASK;
    update_isa(r);
}

void pirq_post_load(struct pirq_router *r)
{
    r->asserted = compute(r);
}
