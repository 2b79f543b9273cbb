/*
 * Endpoints and their transfers. xHCI 1.1, sections "Endpoint" (states) and "Transfer Rings".
 *
 * A transfer descriptor is read as a whole, then moved packet by packet. One that a device does not
 * take or give now stays where it is, with a count of what was moved.
 */
#include <string.h>
#include "core/device/machine.h"
#include "core/util/endian.h"
#include "core/util/range.h"
#include "hw/usb/xhci_internal.h"

enum {
    TRB_LENGTH = (1 << 17) - 1,
    TARGET_SHIFT = 22,
    EVENT_LENGTH = (1 << 24) - 1,
    /* What an endpoint may do before others, and the processor, have their turn. */
    PACKETS_MAX = 4096,
    TDS_MAX = 256,
};

/* What is to be done after a look at the endpoint's next transfer. */
enum progress { PROGRESS_DONE, PROGRESS_WAITS, PROGRESS_LATER };

struct transfer {
    struct xhci *s;
    struct xhci_slot *slot;
    struct xhci_endpoint *ep;
    unsigned index;
    /* in s->td */
    unsigned count;
    unsigned events;         /* that it has, at most */
    uint32_t total;          /* bytes */
    struct xhci_ring behind; /* where the next one is */
};

static unsigned endpoint_address(unsigned index)
{
    unsigned dci = index + 1;

    return dci / 2 | (dci & 1 ? USB_DIR_IN : 0);
}

void xhci_endpoint_set_state(struct xhci *s, struct xhci_slot *slot, unsigned index,
                             enum xhci_endpoint_state state)
{
    struct xhci_endpoint *ep = &slot->endpoints[index];

    ep->state = (uint8_t)state;
    if (state != ENDPOINT_RUNNING) {
        slot->pending &= ~(UINT32_C(1) << index);
        slot->later &= ~(UINT32_C(1) << index);
    }
    xhci_endpoint_write_context(s, slot, index);
}

/* ---- reading a transfer descriptor ----------------------------------------------------------- */

static bool has_data(const struct xhci_trb *trb)
{
    enum xhci_trb_type type = xhci_trb_type(trb);

    return type == TRB_NORMAL || type == TRB_DATA;
}

static uint32_t data_length(const struct xhci_trb *trb)
{
    return has_data(trb) ? trb->status & TRB_LENGTH : 0;
}

static bool is_allowed(const struct transfer *t, const struct xhci_trb *trb, bool first)
{
    switch (xhci_trb_type(trb)) {
    case TRB_NORMAL:
        return t->index ? true : !first;
    case TRB_SETUP:
    case TRB_STATUS:
    case TRB_DATA:
        return t->index == 0 && first;
    case TRB_EVENT_DATA:
    case TRB_NO_OP:
        return true;
    default:
        return false;
    }
}

/* The whole of it, or what it lacks. */
static enum xhci_fetch read_td(struct transfer *t)
{
    struct xhci *s = t->s;
    struct xhci_ring ring = t->ep->ring;

    t->count = t->events = 0;
    t->total = 0;
    for (;;) {
        struct xhci_trb *trb = &s->td[t->count];
        enum xhci_fetch fetch = xhci_ring_peek(s, &ring, trb);
        bool first = t->count == 0;
        if (first)
            t->ep->ring = ring; /* links before it are behind us */
        if (fetch != RING_TRB)
            return fetch;
        if (!is_allowed(t, trb, first)) {
            guest_error(&s->pci, "xhci: slot %u endpoint 0x%x: a TRB of type %u",
                        xhci_slot_id(s, t->slot), endpoint_address(t->index), xhci_trb_type(trb));
            return RING_BAD;
        }
        xhci_ring_next(&ring);
        t->count++;
        t->total += data_length(trb);
        t->events += (trb->control & TRB_IOC) != 0;
        if (!(trb->control & TRB_CHAIN))
            break;
        if (t->count == XHCI_TD_TRBS_MAX) {
            guest_error(&s->pci, "xhci: a transfer of more than %u TRBs", t->count);
            return RING_BAD;
        }
    }
    t->events++; /* an error, or a packet that was short */
    t->behind = ring;
    return RING_TRB;
}

/* ---- events ---------------------------------------------------------------------------------- */

static void transfer_event(const struct transfer *t, const struct xhci_trb *trb,
                           enum xhci_completion code, uint32_t length, bool is_data)
{
    xhci_event(t->s, trb->status >> TARGET_SHIFT, is_data ? trb->parameter : trb->addr,
               length | (uint32_t)code << 24,
               xhci_slot_id(t->s, t->slot) << 24 | (t->index + 1) << 16 |
                   TRB_TRANSFER_EVENT << TRB_TYPE_SHIFT | (is_data ? TRB_EVENT_IS_DATA : 0u),
               !(trb->control & TRB_BEI));
}

/* Has its events sent: ep->done bytes were moved. An error belongs to the TRB that it came at, and
 * ends them. */
static void report(const struct transfer *t, enum xhci_completion code)
{
    uint32_t left = t->ep->done, moved_in_all = 0;
    bool is_short = false, told = false;

    for (unsigned n = 0; n < t->count; n++) {
        const struct xhci_trb *trb = &t->s->td[n];
        uint32_t length = data_length(trb), moved = MIN(length, left);
        left -= moved;
        moved_in_all += moved;
        is_short |= moved < length;
        if (code != CC_SUCCESS) {
            if (is_short || n + 1 == t->count) {
                transfer_event(t, trb, code, length - moved, false);
                return;
            }
        } else if (xhci_trb_type(trb) == TRB_EVENT_DATA) {
            if (trb->control & TRB_IOC)
                transfer_event(t, trb, is_short ? CC_SHORT_PACKET : CC_SUCCESS,
                               moved_in_all & EVENT_LENGTH, true);
            moved_in_all = 0;
        } else if (!told &&
                   ((trb->control & TRB_IOC) || (moved < length && (trb->control & TRB_ISP)))) {
            transfer_event(t, trb, is_short ? CC_SHORT_PACKET : CC_SUCCESS, length - moved, false);
            told = is_short;
        }
    }
}

static enum progress finish(struct transfer *t)
{
    report(t, CC_SUCCESS);
    t->ep->ring = t->behind;
    t->ep->done = 0;
    return PROGRESS_DONE;
}

static enum progress halt(struct transfer *t, enum xhci_completion code)
{
    report(t, code);
    t->ep->done = 0;
    if (t->index == 0)
        t->slot->stage = STAGE_SETUP;
    xhci_endpoint_set_state(t->s, t->slot, t->index, ENDPOINT_HALTED);
    return PROGRESS_WAITS;
}

static enum progress answer_to(struct transfer *t, int answer)
{
    if (answer == USB_NAK)
        return PROGRESS_WAITS;
    return halt(t, answer == USB_BABBLE ? CC_BABBLE : CC_STALL);
}

/* The TRBs make no sense: the driver has to set the dequeue pointer. */
static void ring_error(struct transfer *t)
{
    struct xhci *s = t->s;
    struct xhci_trb at = {.addr = t->ep->ring.dequeue};

    if (!xhci_running(s))
        return;
    transfer_event(t, &at, CC_TRB_ERROR, 0, false);
    t->ep->done = 0;
    if (t->index == 0)
        t->slot->stage = STAGE_SETUP;
    xhci_endpoint_set_state(s, t->slot, t->index, ENDPOINT_ERROR);
}

/* ---- data ------------------------------------------------------------------------------------ */

/* Moves bytes of the transfer, from `at` on, between its TRBs and buf. False: DMA failed. */
static bool copy(const struct transfer *t, uint32_t at, uint8_t *buf, uint32_t size, bool in)
{
    for (unsigned n = 0; n < t->count && size; n++) {
        const struct xhci_trb *trb = &t->s->td[n];
        uint32_t length = data_length(trb), here;
        if (at >= length) {
            at -= length;
            continue;
        }
        here = MIN(length - at, size);
        if (trb->control & TRB_IDT) { /* the address is the data */
            uint8_t immediate[8];
            if (in || !range_fits(at, here, sizeof immediate)) {
                guest_error(&t->s->pci, "xhci: %u bytes of immediate data", length);
                memset(buf, 0, here);
            } else {
                store_le64(immediate, trb->parameter);
                memcpy(buf, immediate + at, here);
            }
        } else if (in ? !xhci_write(t->s, trb->parameter + at, buf, here)
                      : !xhci_read(t->s, trb->parameter + at, buf, here)) {
            return false;
        }
        at = 0;
        buf += here;
        size -= here;
    }
    return true;
}

/* Bulk and interrupt. */
static enum progress run_data(struct transfer *t, unsigned *packets)
{
    unsigned address = endpoint_address(t->index);
    uint32_t max_packet = xhci_endpoint_max_packet(t->ep);
    bool in = address & USB_DIR_IN;
    uint8_t buf[XHCI_MAX_PACKET];

    for (;;) {
        uint32_t size = MIN(t->total - t->ep->done, max_packet);
        if (!*packets)
            return PROGRESS_LATER;
        --*packets;
        if (!in && !copy(t, t->ep->done, buf, size, false))
            return PROGRESS_WAITS;
        int n = usb_transfer(t->slot->dev, address, buf, size);
        if (n < 0)
            return answer_to(t, n);
        if (in && !copy(t, t->ep->done, buf, (uint32_t)n, true))
            return PROGRESS_WAITS;
        t->ep->done += in ? (uint32_t)n : size;
        if (t->ep->done == t->total || (in && (uint32_t)n < max_packet))
            return finish(t);
    }
}

/* ---- control transfers ----------------------------------------------------------------------- */

static enum progress run_setup(struct transfer *t)
{
    const struct xhci_trb *trb = &t->s->td[0];

    if (!(trb->control & TRB_IDT) || (trb->status & TRB_LENGTH) != USB_SETUP_SIZE) {
        ring_error(t);
        return PROGRESS_WAITS;
    }
    store_le64(t->slot->setup, trb->parameter);
    t->slot->stage = STAGE_DATA;
    return finish(t);
}

/* The request is made with its data; what follows only asks how it went. */
static enum progress run_request(struct transfer *t)
{
    struct usb_setup setup = usb_setup_parse(t->slot->setup);
    struct xhci *s = t->s;
    bool in = setup.type & USB_DIR_IN;
    int n;

    if (!in) {
        setup.length = (uint16_t)MIN(setup.length, t->total);
        if (!copy(t, 0, s->data, setup.length, false))
            return PROGRESS_WAITS;
    }
    n = usb_control(t->slot->dev, &setup, s->data);
    if (n < 0)
        return answer_to(t, n);
    if (!in) {
        t->ep->done = t->total;
    } else {
        t->ep->done = MIN((uint32_t)n, t->total);
        if (!copy(t, 0, s->data, t->ep->done, true))
            return PROGRESS_WAITS;
        if ((uint32_t)n > t->total)
            return halt(t, CC_BABBLE);
    }
    t->slot->stage = STAGE_STATUS;
    return finish(t);
}

static enum progress run_control(struct transfer *t)
{
    enum progress progress;

    switch (xhci_trb_type(&t->s->td[0])) {
    case TRB_SETUP:
        return run_setup(t);
    case TRB_DATA:
        if (t->slot->stage != STAGE_DATA ||
            !(t->s->td[0].control & TRB_DIR_IN) != !(t->slot->setup[0] & USB_DIR_IN))
            break;
        return run_request(t);
    case TRB_STATUS:
        if (t->slot->stage == STAGE_SETUP)
            break;
        progress = t->slot->stage == STAGE_DATA ? run_request(t) : finish(t);
        if (progress == PROGRESS_DONE)
            t->slot->stage = STAGE_SETUP;
        return progress;
    default: /* events alone */
        return finish(t);
    }
    guest_error(&t->s->pci, "xhci: slot %u: a stage of a control transfer that is not its turn",
                xhci_slot_id(t->s, t->slot));
    ring_error(t);
    return PROGRESS_WAITS;
}

/* ---- endpoints ------------------------------------------------------------------------------- */

static enum progress run_td(struct transfer *t, unsigned *packets)
{
    if (xhci_trb_type(&t->s->td[0]) == TRB_NO_OP)
        return finish(t);
    if (!t->slot->dev) /* nobody answers */
        return halt(t, CC_TRANSACTION_ERROR);
    return t->index ? run_data(t, packets) : run_control(t);
}

static void run_endpoint(struct xhci *s, struct xhci_slot *slot, unsigned index)
{
    struct transfer t = {.s = s, .slot = slot, .ep = &slot->endpoints[index], .index = index};
    unsigned packets = PACKETS_MAX;

    for (unsigned tds = 0; xhci_running(s) && t.ep->state == ENDPOINT_RUNNING; tds++) {
        enum progress progress = PROGRESS_LATER;
        enum xhci_fetch fetch = tds < TDS_MAX ? read_td(&t) : RING_TRB;
        if (fetch == RING_EMPTY)
            return;
        if (fetch == RING_BAD) {
            ring_error(&t);
            return;
        }
        if (tds < TDS_MAX) {
            if (!xhci_event_room(s, s->td[0].status >> TARGET_SHIFT, t.events))
                return;
            progress = run_td(&t, &packets);
        }
        if (progress == PROGRESS_WAITS)
            return;
        if (progress == PROGRESS_LATER) {
            int64_t now = clock_now(device_clocks(&s->pci.dev), VCLOCK_VIRTUAL);
            slot->later |= UINT32_C(1) << index;
            timer_set(&s->microframe, now + XHCI_MICROFRAME_NS);
            return;
        }
    }
}

static void set_pending(struct xhci *s, struct xhci_slot *slot, unsigned index)
{
    if (slot->endpoints[index].state != ENDPOINT_RUNNING)
        return;
    slot->pending |= UINT32_C(1) << index;
    s->wanted = true;
}

void xhci_run_endpoints(struct xhci *s)
{
    /* A request to one endpoint may make another ready. */
    if (s->busy || !xhci_running(s))
        return;
    s->busy = true;
    while (s->wanted) {
        s->wanted = false;
        for (unsigned n = 0; n < s->slot_count; n++) {
            struct xhci_slot *slot = &s->slots[n];
            while (slot->pending) {
                unsigned index = (unsigned)__builtin_ctz(slot->pending);
                slot->pending &= slot->pending - 1;
                run_endpoint(s, slot, index);
            }
        }
    }
    s->busy = false;
}

void xhci_run_all_endpoints(struct xhci *s)
{
    for (unsigned n = 0; n < s->slot_count; n++) {
        for (unsigned index = 0; index < XHCI_ENDPOINTS && s->slots[n].enabled; index++)
            set_pending(s, &s->slots[n], index);
    }
    xhci_run_endpoints(s);
}

void xhci_next_microframe(void *opaque)
{
    struct xhci *s = opaque;

    for (unsigned n = 0; n < s->slot_count; n++) {
        s->slots[n].pending |= s->slots[n].later;
        s->slots[n].later = 0;
    }
    s->wanted = true;
    xhci_run_endpoints(s);
}

void xhci_endpoint_stopped(struct xhci *s, struct xhci_slot *slot, unsigned index)
{
    struct transfer t = {.s = s, .slot = slot, .ep = &slot->endpoints[index], .index = index};

    if (read_td(&t) == RING_TRB)
        report(&t, CC_STOPPED);
}

void xhci_doorbell(struct xhci *s, unsigned id, uint32_t value)
{
    struct xhci_slot *slot = xhci_slot(s, id);
    unsigned dci = value & 0xff;

    if (!xhci_running(s))
        return;
    if (!id && !dci) {
        s->command_running = true;
        xhci_run_commands(s);
    } else if (slot && dci >= 1 && dci <= XHCI_ENDPOINTS && !(value >> 16)) {
        if (slot->endpoints[dci - 1].state == ENDPOINT_STOPPED)
            xhci_endpoint_set_state(s, slot, dci - 1, ENDPOINT_RUNNING);
        set_pending(s, slot, dci - 1);
        xhci_run_endpoints(s);
    } else {
        guest_error(&s->pci, "xhci: doorbell %u was rung with 0x%x", id, value);
    }
}

/* ---- the bus --------------------------------------------------------------------------------- */

void xhci_bus_ready(struct usb_bus *bus, struct usb_device *dev, unsigned endpoint)
{
    struct xhci *s = container_of(bus, struct xhci, bus);
    unsigned dci = 2 * (endpoint & 15) + ((endpoint & USB_DIR_IN) || !(endpoint & 15) ? 1 : 0);

    for (unsigned n = 0; n < s->slot_count; n++) {
        if (s->slots[n].dev == dev)
            set_pending(s, &s->slots[n], dci - 1);
    }
    xhci_run_endpoints(s);
}

void xhci_bus_forget(struct usb_bus *bus, struct usb_device *dev)
{
    struct xhci *s = container_of(bus, struct xhci, bus);

    for (unsigned n = 0; n < s->slot_count; n++) {
        if (s->slots[n].dev == dev) {
            s->slots[n].dev = NULL;
            s->slots[n].has_device = false;
        }
    }
}
