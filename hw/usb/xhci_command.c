/* The command ring, and commands about slots and endpoints. xHCI 1.1, section "Command Interface".
 */
#include <string.h>
#include "core/device/machine.h"
#include "core/util/endian.h"
#include "core/util/range.h"
#include "hw/usb/xhci_internal.h"

enum { STATE_SHIFT = 27, PORT_BANDWIDTH_PERCENT = 90 };

/* ---- what is in guest memory ----------------------------------------------------------------- */

bool xhci_slot_write_context(struct xhci *s, const struct xhci_slot *slot)
{
    uint8_t context[XHCI_CONTEXT_SIZE] = {0};
    unsigned address = slot->state >= SLOT_ADDRESSED ? xhci_slot_id(s, slot) : 0;

    for (unsigned n = 0; n < ARRAY_SIZE(slot->words); n++)
        store_le32(context + 4 * n, slot->words[n]);
    store_le32(context + 12, address | (uint32_t)slot->state << STATE_SHIFT);
    return xhci_write(s, slot->context, context, sizeof context);
}

bool xhci_endpoint_write_context(struct xhci *s, const struct xhci_slot *slot, unsigned index)
{
    const struct xhci_endpoint *ep = &slot->endpoints[index];
    uint8_t context[XHCI_TRB_SIZE];

    store_le32(context, ep->words[0] | ep->state);
    store_le32(context + 4, ep->words[1]);
    store_le64(context + 8, ep->ring.dequeue | ep->ring.cycle);
    return xhci_write(s, slot->context + (uint64_t)XHCI_CONTEXT_SIZE * (index + 1), context,
                      sizeof context);
}

/* ---- slots ----------------------------------------------------------------------------------- */

static enum xhci_completion enable_slot(struct xhci *s, unsigned *id)
{
    unsigned most = MIN(s->config, s->slot_count);

    for (unsigned n = 0; n < most; n++) {
        if (s->slots[n].enabled)
            continue;
        memset(&s->slots[n], 0, sizeof s->slots[n]);
        s->slots[n].enabled = true;
        *id = n + 1;
        return CC_SUCCESS;
    }
    return CC_NO_SLOTS;
}

static enum xhci_completion disable_slot(struct xhci *s, struct xhci_slot *slot)
{
    if (slot->context && slot->state != SLOT_ENABLED) {
        slot->state = SLOT_ENABLED; /* as a context has "disabled" */
        xhci_slot_write_context(s, slot);
    }
    memset(slot, 0, sizeof *slot);
    return CC_SUCCESS;
}

static enum xhci_completion reset_device(struct xhci *s, struct xhci_slot *slot)
{
    if (slot->state < SLOT_ADDRESSED)
        return CC_CONTEXT_STATE_ERROR;
    xhci_disable_endpoints(slot);
    slot->state = SLOT_DEFAULT;
    slot->stage = STAGE_SETUP;
    slot->words[0] = (slot->words[0] & mask_bits(27)) | 1u << 27; /* one context entry */
    for (unsigned n = 1; n < XHCI_ENDPOINTS; n++)
        xhci_endpoint_write_context(s, slot, n);
    xhci_slot_write_context(s, slot);
    return CC_SUCCESS;
}

void xhci_slots_reset(struct xhci *s)
{
    memset(s->slots, 0, sizeof s->slots);
    s->wanted = false;
}

/* ---- endpoints ------------------------------------------------------------------------------- */

static enum xhci_completion reset_endpoint(struct xhci *s, struct xhci_slot *slot, unsigned index)
{
    if (slot->endpoints[index].state != ENDPOINT_HALTED)
        return CC_CONTEXT_STATE_ERROR;
    if (index == 0)
        slot->stage = STAGE_SETUP;
    xhci_endpoint_set_state(s, slot, index, ENDPOINT_STOPPED);
    return CC_SUCCESS;
}

static enum xhci_completion stop_endpoint(struct xhci *s, struct xhci_slot *slot, unsigned index)
{
    if (slot->endpoints[index].state != ENDPOINT_RUNNING)
        return CC_CONTEXT_STATE_ERROR;
    xhci_endpoint_stopped(s, slot, index);
    xhci_endpoint_set_state(s, slot, index, ENDPOINT_STOPPED);
    return CC_SUCCESS;
}

static enum xhci_completion set_tr_dequeue(struct xhci *s, struct xhci_slot *slot, unsigned index,
                                           const struct xhci_trb *trb)
{
    struct xhci_endpoint *ep = &slot->endpoints[index];

    if (ep->state != ENDPOINT_STOPPED && ep->state != ENDPOINT_ERROR)
        return CC_CONTEXT_STATE_ERROR;
    if (trb->status >> 16) /* a stream */
        return CC_TRB_ERROR;
    ep->ring.dequeue = trb->parameter & ~UINT64_C(15);
    ep->ring.cycle = trb->parameter & 1;
    ep->done = 0;
    if (index == 0)
        slot->stage = STAGE_SETUP;
    xhci_endpoint_set_state(s, slot, index, ENDPOINT_STOPPED);
    return CC_SUCCESS;
}

static enum xhci_completion endpoint_command(struct xhci *s, struct xhci_slot *slot,
                                             const struct xhci_trb *trb)
{
    unsigned dci = trb->control >> 16 & 31, index = dci - 1;

    if (!dci)
        return CC_TRB_ERROR;
    if (slot->endpoints[index].state == ENDPOINT_DISABLED)
        return CC_ENDPOINT_NOT_ENABLED;
    switch (xhci_trb_type(trb)) {
    case TRB_RESET_ENDPOINT:
        return reset_endpoint(s, slot, index);
    case TRB_STOP_ENDPOINT:
        return stop_endpoint(s, slot, index);
    default:
        return set_tr_dequeue(s, slot, index, trb);
    }
}

/* ---- the command ring ------------------------------------------------------------------------ */

/* All ports have the same to give. */
static enum xhci_completion port_bandwidth(struct xhci *s, const struct xhci_trb *trb)
{
    uint8_t context[XHCI_PORTS_MAX + 1] = {0};

    memset(context + 1, PORT_BANDWIDTH_PERCENT, s->port_count);
    xhci_write(s, trb->parameter & ~UINT64_C(15), context, (uint32_t)s->port_count + 1);
    return CC_SUCCESS;
}

static enum xhci_completion slot_command(struct xhci *s, const struct xhci_trb *trb)
{
    struct xhci_slot *slot = xhci_slot(s, trb->control >> 24);

    if (!slot)
        return CC_SLOT_NOT_ENABLED;
    switch (xhci_trb_type(trb)) {
    case TRB_DISABLE_SLOT:
        return disable_slot(s, slot);
    case TRB_ADDRESS_DEVICE:
        return xhci_address_device(s, slot, trb);
    case TRB_CONFIGURE_ENDPOINT:
        return xhci_configure_endpoints(s, slot, trb);
    case TRB_EVALUATE_CONTEXT:
        return xhci_evaluate_context(s, slot, trb);
    case TRB_RESET_DEVICE:
        return reset_device(s, slot);
    default:
        return endpoint_command(s, slot, trb);
    }
}

static enum xhci_completion execute(struct xhci *s, const struct xhci_trb *trb, unsigned *id)
{
    *id = trb->control >> 24;
    switch (xhci_trb_type(trb)) {
    case TRB_ENABLE_SLOT:
        *id = 0;
        return enable_slot(s, id);
    case TRB_DISABLE_SLOT:
    case TRB_ADDRESS_DEVICE:
    case TRB_CONFIGURE_ENDPOINT:
    case TRB_EVALUATE_CONTEXT:
    case TRB_RESET_ENDPOINT:
    case TRB_STOP_ENDPOINT:
    case TRB_SET_TR_DEQUEUE:
    case TRB_RESET_DEVICE:
        return slot_command(s, trb);
    case TRB_GET_PORT_BANDWIDTH:
        return port_bandwidth(s, trb);
    case TRB_NO_OP_COMMAND:
        return CC_SUCCESS;
    default: /* what is optional, and what is none */
        guest_error(&s->pci, "xhci: %u is not a command", xhci_trb_type(trb));
        return CC_TRB_ERROR;
    }
}

static void complete(struct xhci *s, uint64_t addr, enum xhci_completion code, unsigned slot)
{
    xhci_event(s, 0, addr, (uint32_t)code << 24,
               (uint32_t)slot << 24 | TRB_COMMAND_COMPLETION << TRB_TYPE_SHIFT, true);
}

void xhci_run_commands(struct xhci *s)
{
    struct xhci_trb trb;

    while (s->command_running && xhci_running(s)) {
        unsigned slot;
        /* Each command has an event, so that a ring without an end ends here; some have two. */
        if (!xhci_event_room(s, 0, 2))
            return;
        switch (xhci_ring_peek(s, &s->commands, &trb)) {
        case RING_EMPTY:
            return;
        case RING_BAD:
            xhci_fail(s, USBSTS_HCE, "the command ring cannot be read");
            return;
        case RING_TRB:
            break;
        }
        xhci_ring_next(&s->commands);
        enum xhci_completion code = execute(s, &trb, &slot);
        if (xhci_running(s))
            complete(s, trb.addr, code, slot);
        if (!s->interrupters[0].segment_count) /* nobody is told, or asked for room */
            return;
    }
}

void xhci_stop_commands(struct xhci *s)
{
    s->command_running = false;
    complete(s, s->commands.dequeue, CC_COMMAND_RING_STOPPED, 0);
}
