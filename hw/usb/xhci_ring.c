/* Rings that the driver fills: see xhci_internal.h. */
#include "core/device/machine.h"
#include "core/util/endian.h"
#include "hw/usb/xhci_internal.h"

/* Links that lead to links: more than one in a row makes no sense, a circle of them no end. */
enum { LINKS_MAX = 8 };

enum xhci_fetch xhci_ring_peek(struct xhci *s, struct xhci_ring *ring, struct xhci_trb *trb)
{
    uint8_t buf[XHCI_TRB_SIZE];

    for (unsigned links = 0; links <= LINKS_MAX; links++) {
        if (!xhci_read(s, ring->dequeue, buf, sizeof buf))
            return RING_BAD;
        *trb = (struct xhci_trb){.parameter = load_le64(buf),
                                 .status = load_le32(buf + 8),
                                 .control = load_le32(buf + 12),
                                 .addr = ring->dequeue};
        if ((trb->control & TRB_CYCLE) != ring->cycle)
            return RING_EMPTY;
        if (xhci_trb_type(trb) != TRB_LINK)
            return RING_TRB;
        ring->dequeue = trb->parameter & ~UINT64_C(15);
        if (trb->control & TRB_TOGGLE_CYCLE)
            ring->cycle = !ring->cycle;
    }
    guest_error(&s->pci, "xhci: links that lead to nothing but links at 0x%llx",
                (unsigned long long)trb->addr);
    return RING_BAD;
}
