/*
 * MSI-X vectors by descriptors: see msi.h. A vector's wire (core/cpu/irqchip.h) is connected while
 * the vector can be sent; a write while it is masked waits in the descriptor, and is a pending bit
 * as soon as somebody looks. Machine lock held.
 */
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "core/cpu/cpu.h"
#include "core/device/machine.h"
#include "core/util/endian.h"
#include "core/util/range.h"
#include "hw/pci/msi.h"
#include "hw/pci/pci.h"

static const struct irqchip_wire_ops *wire_ops(const struct pci_msix *s)
{
    return s->pci->dev.machine->accel->wires;
}

void pci_msix_use_wires(struct pci_msix *s)
{
    if (!s->pci->dev.machine->has_wires || s->wires)
        return;
    s->wires = calloc(s->vectors, sizeof *s->wires);
    for (unsigned n = 0; s->wires && n < s->vectors; n++)
        s->wires[n] = (struct irqchip_wire){.fd = -1, .resample_fd = -1};
}

int pci_msix_fd(struct pci_msix *s, unsigned vector)
{
    if (!s->wires || vector >= s->vectors)
        return -1;
    struct irqchip_wire *w = &s->wires[vector];
    if (w->fd < 0)
        w->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return w->fd;
}

void pci_msix_wires_free(struct pci_msix *s)
{
    for (unsigned n = 0; s->wires && n < s->vectors; n++) {
        wire_ops(s)->forget(s->pci->dev.machine, &s->wires[n]);
        if (s->wires[n].fd >= 0)
            close(s->wires[n].fd);
    }
    free(s->wires);
    s->wires = NULL;
}

bool pci_msix_wire_raise(struct pci_msix *s, unsigned vector)
{
    return s->wires && s->wires[vector].connected && eventfd_write(s->wires[vector].fd, 1) == 0;
}

bool pci_msix_wire_take(struct pci_msix *s, unsigned vector)
{
    struct irqchip_wire *w = s->wires ? &s->wires[vector] : NULL;
    eventfd_t times;

    return w && w->fd >= 0 && !w->connected && eventfd_read(w->fd, &times) == 0;
}

void pci_msix_wires_update(struct pci_msix *s, unsigned first, unsigned count)
{
    struct vemu_machine *m = s->pci->dev.machine;
    struct irqchip_wire *list[PCI_MSIX_VECTORS_MAX];
    unsigned ready = 0;

    if (!s->wires)
        return;
    bool enabled = pci_msix_enabled(s->pci);
    for (unsigned n = first; n < first + count; n++) {
        struct irqchip_wire *w = &s->wires[n];
        const uint8_t *entry = s->table + PCI_MSIX_ENTRY_SIZE * n;
        if (!enabled) {
            wire_ops(s)->forget(m, w);
        } else if (!pci_msix_can_send(s, n) || !pci_may_dma(s->pci)) {
            wire_ops(s)->disconnect(m, w);
        } else if (pci_msix_fd(s, n) >= 0) {
            w->addr = load_le64(entry + PCI_MSIX_ENTRY_ADDRESS);
            w->data = load_le32(entry + PCI_MSIX_ENTRY_DATA);
            w->requester = pci_requester(s->pci);
            list[ready++] = w;
        }
    }
    if (ready)
        wire_ops(s)->connect(m, list, ready);
}
