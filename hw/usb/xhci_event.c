/*
 * Event rings, interrupts and their moderation. xHCI 1.1, sections "Event Ring Management" and
 * "Interrupters".
 */
#include <string.h>
#include "core/device/machine.h"
#include "core/util/endian.h"
#include "core/util/range.h"
#include "hw/usb/xhci_internal.h"

enum {
    REG_IMAN = 0x00,
    REG_IMOD = 0x04,
    REG_ERSTSZ = 0x08,
    REG_ERSTBA = 0x10,
    REG_ERDP = 0x18,
};
enum { ERST_ENTRY_SIZE = 16, SEGMENT_TRBS_MIN = 16, SEGMENT_TRBS_MAX = 4096 };
enum { IMOD_UNIT_NS = 250, IMOD_DEFAULT = 4000 };
enum { ERDP_FLAGS = 15 };

/* ---- interrupts ------------------------------------------------------------------------------ */

static int64_t now(struct xhci *s)
{
    return clock_now(device_clocks(&s->pci.dev), VCLOCK_VIRTUAL);
}

static bool asserted(const struct xhci *s, const struct xhci_interrupter *i)
{
    return (i->iman & IMAN_IP) && (i->iman & IMAN_IE) && (s->usbcmd & USBCMD_INTE);
}

/* A message takes the pending bit with it; without them the first interrupter drives the pin. */
static void deliver(struct xhci *s, struct xhci_interrupter *i)
{
    bool msix = pci_msix_enabled(&s->pci), message = msix || pci_msi_enabled(&s->pci);

    if (asserted(s, i) && message) {
        i->iman &= ~(uint32_t)IMAN_IP;
        if (msix)
            pci_msix_notify(&s->pci, i->number);
        else
            pci_msi_notify(&s->pci, i->number);
    }
    if (i->number == 0)
        pci_set_intx(&s->pci, !message && asserted(s, i));
}

void xhci_update_interrupts(struct xhci *s)
{
    for (unsigned n = 0; n < s->interrupter_count; n++)
        deliver(s, &s->interrupters[n]);
}

/* While the driver is at the events (EHB) it need not be told of more. */
static void raise_wanted(struct xhci_interrupter *i)
{
    struct xhci *s = i->s;

    if (!i->wanted || (i->erdp & ERDP_EHB))
        return;
    if ((uint64_t)now(s) < i->next_ns) {
        timer_set(&i->moderation, (int64_t)i->next_ns);
        return;
    }
    i->wanted = false;
    i->next_ns = (uint64_t)now(s) + (i->imod & 0xffff) * UINT64_C(250);
    i->iman |= IMAN_IP;
    i->erdp |= ERDP_EHB;
    s->usbsts |= USBSTS_EINT;
    deliver(s, i);
}

void xhci_moderated(void *opaque)
{
    raise_wanted(opaque);
}

/* ---- rings ----------------------------------------------------------------------------------- */

/* Places of all segments in a row. */
static uint32_t ring_size(const struct xhci_interrupter *i)
{
    uint32_t size = 0;

    for (unsigned n = 0; n < i->segment_count; n++)
        size += i->segments[n].size;
    return size;
}

static uint32_t enqueue_place(const struct xhci_interrupter *i)
{
    uint32_t place = i->index;

    for (unsigned n = 0; n < i->segment; n++)
        place += i->segments[n].size;
    return place;
}

/* False: the driver's pointer is in no segment. */
static bool dequeue_place(const struct xhci_interrupter *i, uint32_t *place)
{
    uint64_t addr = i->erdp & ~(uint64_t)ERDP_FLAGS;

    *place = 0;
    for (unsigned n = 0; n < i->segment_count; n++) {
        const struct xhci_segment *seg = &i->segments[n];
        if (range_contains(seg->base, (uint64_t)seg->size * XHCI_TRB_SIZE, addr)) {
            *place += (uint32_t)((addr - seg->base) / XHCI_TRB_SIZE);
            return true;
        }
        *place += seg->size;
    }
    return false;
}

/* Events that fit; *empty: the driver has taken all. */
static uint32_t ring_free(const struct xhci_interrupter *i, bool *empty)
{
    uint32_t size = ring_size(i), at = enqueue_place(i), taken;

    *empty = false;
    if (!size || !dequeue_place(i, &taken))
        return 0;
    *empty = at == taken;
    return (taken + size - at - 1) % size;
}

static struct xhci_interrupter *interrupter(struct xhci *s, unsigned n)
{
    return &s->interrupters[n < s->interrupter_count ? n : 0];
}

bool xhci_event_room(struct xhci *s, unsigned n, unsigned count)
{
    const struct xhci_interrupter *i = interrupter(s, n);
    bool empty;

    if (!i->segment_count || ring_free(i, &empty) >= count || empty)
        return true;
    s->starved = true;
    return false;
}

void xhci_event(struct xhci *s, unsigned n, uint64_t parameter, uint32_t status, uint32_t control,
                bool interrupt)
{
    struct xhci_interrupter *i = interrupter(s, n);
    uint8_t trb[XHCI_TRB_SIZE];
    uint64_t addr;
    bool empty;

    if (!ring_free(i, &empty)) {
        guest_error(&s->pci, "xhci: event ring %u has no room; an event is lost", i->number);
        return;
    }
    addr = i->segments[i->segment].base + (uint64_t)i->index * XHCI_TRB_SIZE;
    store_le64(trb, parameter);
    store_le32(trb + 8, status);
    store_le32(trb + 12, control | (i->cycle ? TRB_CYCLE : 0));
    /* The cycle bit is what the driver looks at: it comes last. */
    if (!xhci_write(s, addr, trb, 12))
        return;
    __atomic_thread_fence(__ATOMIC_RELEASE);
    if (!xhci_write(s, addr + 12, trb + 12, 4))
        return;
    if (++i->index == i->segments[i->segment].size) {
        i->index = 0;
        if (++i->segment == i->segment_count) {
            i->segment = 0;
            i->cycle = !i->cycle;
        }
    }
    if (interrupt) {
        i->wanted = true;
        raise_wanted(i);
    }
}

/* The table's address was written: the ring begins anew. */
static void read_table(struct xhci *s, struct xhci_interrupter *i)
{
    unsigned count = MIN(i->erstsz, (uint32_t)XHCI_SEGMENTS_MAX);
    uint8_t table[XHCI_SEGMENTS_MAX * ERST_ENTRY_SIZE];

    i->segment_count = i->segment = 0;
    i->index = 0;
    i->cycle = true;
    if (!count || !xhci_read(s, i->erstba, table, count * ERST_ENTRY_SIZE))
        return;
    for (unsigned n = 0; n < count; n++) {
        const uint8_t *entry = table + n * ERST_ENTRY_SIZE;
        struct xhci_segment seg = {load_le64(entry) & ~UINT64_C(63), load_le32(entry + 8) & 0xffff};
        if (seg.size < SEGMENT_TRBS_MIN || seg.size > SEGMENT_TRBS_MAX) {
            guest_error(&s->pci, "xhci: segment %u of event ring %u has %u TRBs", n, i->number,
                        seg.size);
            return;
        }
        i->segments[n] = seg;
    }
    i->segment_count = (uint8_t)count;
}

/* ---- registers ------------------------------------------------------------------------------- */

static uint32_t moderation_left(struct xhci_interrupter *i)
{
    uint64_t at = (uint64_t)now(i->s);

    return i->next_ns > at ? (uint32_t)MIN((i->next_ns - at) / IMOD_UNIT_NS, 0xffffu) : 0;
}

uint32_t xhci_interrupter_read(struct xhci *s, unsigned n, unsigned reg)
{
    struct xhci_interrupter *i = &s->interrupters[n];

    switch (reg) {
    case REG_IMAN:
        return i->iman;
    case REG_IMOD:
        return (i->imod & 0xffff) | moderation_left(i) << 16;
    case REG_ERSTSZ:
        return i->erstsz;
    case REG_ERSTBA:
        return (uint32_t)i->erstba;
    case REG_ERSTBA + 4:
        return i->erstba >> 32;
    case REG_ERDP:
        return (uint32_t)i->erdp;
    case REG_ERDP + 4:
        return i->erdp >> 32;
    default:
        return 0;
    }
}

/* The driver has taken events. */
static void ring_moved(struct xhci *s, struct xhci_interrupter *i)
{
    bool empty;

    ring_free(i, &empty);
    if (i->segment_count && !empty)
        i->wanted = true; /* some came while it was at them */
    else
        i->wanted = false;
    raise_wanted(i);
    if (!s->starved || !xhci_running(s))
        return;
    s->starved = false;
    xhci_ports_tell(s);
    xhci_run_commands(s);
    xhci_run_all_endpoints(s);
}

void xhci_interrupter_write(struct xhci *s, unsigned n, unsigned reg, uint32_t value)
{
    struct xhci_interrupter *i = &s->interrupters[n];

    switch (reg) {
    case REG_IMAN:
        i->iman = (i->iman & ~(value & IMAN_IP) & IMAN_IP) | (value & IMAN_IE);
        deliver(s, i);
        break;
    case REG_IMOD:
        i->imod = value & 0xffff;
        i->next_ns = (uint64_t)now(s) + (value >> 16) * UINT64_C(250);
        raise_wanted(i);
        break;
    case REG_ERSTSZ:
        i->erstsz = value & 0xffff;
        break;
    case REG_ERSTBA:
        i->erstba = (i->erstba & ~UINT64_C(0xffffffff)) | (value & ~UINT32_C(63));
        break;
    case REG_ERSTBA + 4:
        i->erstba = (uint32_t)i->erstba | (uint64_t)value << 32;
        read_table(s, i);
        break;
    case REG_ERDP: {
        uint64_t busy = i->erdp & ~(uint64_t)value & ERDP_EHB;
        i->erdp = (i->erdp & ~UINT64_C(0xffffffff)) | (value & ~(uint32_t)ERDP_EHB) | busy;
        ring_moved(s, i);
        break;
    }
    case REG_ERDP + 4:
        i->erdp = (uint32_t)i->erdp | (uint64_t)value << 32;
        ring_moved(s, i);
        break;
    }
}

void xhci_interrupters_reset(struct xhci *s)
{
    for (unsigned n = 0; n < XHCI_INTERRUPTERS_MAX; n++) {
        struct xhci_interrupter *i = &s->interrupters[n];
        timer_cancel(&i->moderation);
        i->iman = 0;
        i->imod = IMOD_DEFAULT;
        i->erstsz = 0;
        i->erstba = i->erdp = 0;
        memset(i->segments, 0, sizeof i->segments);
        i->segment_count = i->segment = 0;
        i->index = 0;
        i->cycle = true;
        i->wanted = false;
        i->next_ns = 0;
    }
    pci_set_intx(&s->pci, 0);
}

bool xhci_interrupters_check(const struct xhci *s)
{
    for (unsigned n = 0; n < XHCI_INTERRUPTERS_MAX; n++) {
        const struct xhci_interrupter *i = &s->interrupters[n];
        for (unsigned k = 0; k < i->segment_count; k++) {
            if (i->segments[k].size < SEGMENT_TRBS_MIN || i->segments[k].size > SEGMENT_TRBS_MAX)
                return false;
        }
        if (i->segment_count &&
            (i->segment >= i->segment_count || i->index >= i->segments[i->segment].size))
            return false;
        if (!i->segment_count && (i->segment || i->index))
            return false;
    }
    return true;
}
