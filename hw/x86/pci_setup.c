/* BAR assignment for boots without firmware; see pci_setup.h. */
#include "hw/x86/pci_setup.h"

#include "core/util/range.h"

struct window {
    uint64_t next, last;
};

/* A naturally aligned place, or 0 when the window is full (the BAR then stays unset). */
static uint64_t take(struct window *w, uint64_t size)
{
    uint64_t at = align_up(w->next, size);
    if (!w->next || at < w->next || at > w->last || w->last - at < size - 1)
        return 0;
    w->next = at + size;
    return at;
}

static void place_bars(struct pci_device *pci, struct window *io, struct window *mem,
                       struct window *mem64)
{
    uint16_t decode = 0;
    for (unsigned i = 0; i < PCI_BARS; i++) {
        const struct pci_bar *bar = &pci->bars[i];
        uint32_t reg = PCI_BASE_ADDRESS_0 + 4 * i;
        uint64_t at;
        if (!bar->region)
            continue;
        if (bar->flags & PCI_BAR_IO) {
            at = take(io, MAX(bar->size, 4u));
        } else {
            at = take(mem, MAX(bar->size, MEM_PAGE_SIZE));
            if (!at && (bar->flags & PCI_BAR_MEM64))
                at = take(mem64, bar->size);
        }
        if (!at)
            continue;
        pci_config_write(pci, reg, (uint32_t)at, 4);
        if (bar->flags & PCI_BAR_MEM64)
            pci_config_write(pci, reg + 4, (uint32_t)(at >> 32), 4);
        decode |= bar->flags & PCI_BAR_IO ? PCI_COMMAND_IO : PCI_COMMAND_MEMORY;
    }
    if (decode)
        pci_config_write(pci, PCI_COMMAND, pci_config_read(pci, PCI_COMMAND, 2) | decode, 2);
}

void pci_setup_bus(struct pci_bus *bus, const struct pci_setup_config *cfg)
{
    struct window io = {cfg->io_first, 0xffff}, mem = {cfg->mem_first, cfg->mem_last},
                  mem64 = {cfg->mem64_first, cfg->mem64_last};
    for (unsigned i = 0; i < ARRAY_SIZE(bus->functions); i++) {
        struct pci_device *pci = bus->functions[i];
        if (!pci)
            continue;
        place_bars(pci, &io, &mem, &mem64);
        unsigned pin = pci->config[PCI_INTERRUPT_PIN];
        /* A line that is set already (the power management function's) stays. */
        if (pin && !pci->config[PCI_INTERRUPT_LINE] && bus->ops)
            pci_config_write(
                pci, PCI_INTERRUPT_LINE,
                cfg->line_irq[bus->ops->map_irq(bus->opaque, pci, (pin - 1) & 3) % PCI_IRQ_LINES],
                1);
    }
}
