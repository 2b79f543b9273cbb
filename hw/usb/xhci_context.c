/*
 * Commands that go by an input context: Address Device, Configure Endpoint, Evaluate Context. xHCI
 * 1.1, section "Device Context" and the commands' own. The context is copied first, checked as a
 * whole, then taken over.
 */
#include <string.h>
#include "core/util/endian.h"
#include "core/util/range.h"
#include "hw/usb/xhci_internal.h"

enum { INPUT_CONTEXTS = 2 + XHCI_ENDPOINTS };
enum { ADD_SLOT = 1 << 0, ADD_EP0 = 1 << 1 };
enum { MAX_STREAMS = 31 << 10, STATE_BITS = 7, MAX_PACKET_SHIFT = 16 };
enum { TARGET_SHIFT = 22 };

struct input {
    uint32_t drop, add;
    uint8_t contexts[INPUT_CONTEXTS][XHCI_CONTEXT_SIZE]; /* control, slot, endpoints */
};

static bool read_input(struct xhci *s, const struct xhci_trb *trb, struct input *in)
{
    if (!xhci_read(s, trb->parameter & ~UINT64_C(15), in->contexts, sizeof in->contexts))
        return false;
    in->drop = load_le32(in->contexts[0]);
    in->add = load_le32(in->contexts[0] + 4);
    return true;
}

static uint32_t slot_word(const struct input *in, unsigned n)
{
    return load_le32(in->contexts[1] + 4 * n);
}

/* ---- endpoints ------------------------------------------------------------------------------- */

/* index 0 is the control endpoint; then come OUT 1, IN 1, OUT 2 ... */
static enum xhci_completion check_endpoint(const struct input *in, unsigned index)
{
    const uint8_t *context = in->contexts[2 + index];
    unsigned type = load_le32(context + 4) >> 3 & 7;
    uint32_t max_packet = load_le32(context + 4) >> MAX_PACKET_SHIFT;
    bool is_in = !(index & 1);

    if ((load_le32(context) & MAX_STREAMS) || !max_packet || max_packet > XHCI_MAX_PACKET)
        return CC_PARAMETER_ERROR;
    if (index == 0)
        return type == ENDPOINT_CONTROL ? CC_SUCCESS : CC_PARAMETER_ERROR;
    if (!type || type == ENDPOINT_CONTROL || is_in != !!(type & ENDPOINT_TYPE_IN))
        return CC_PARAMETER_ERROR;
    /* There is no time set aside for these. */
    if (type == ENDPOINT_ISOCH_IN || type == ENDPOINT_ISOCH_OUT)
        return CC_BANDWIDTH_ERROR;
    return CC_SUCCESS;
}

static void enable_endpoint(struct xhci *s, struct xhci_slot *slot, const struct input *in,
                            unsigned index)
{
    struct xhci_endpoint *ep = &slot->endpoints[index];
    uint8_t context[XHCI_CONTEXT_SIZE];

    memcpy(context, in->contexts[2 + index], sizeof context);
    *ep = (struct xhci_endpoint){
        .state = ENDPOINT_RUNNING,
        .words = {load_le32(context) & ~(uint32_t)STATE_BITS, load_le32(context + 4)},
        .ring = {.dequeue = load_le64(context + 8) & ~UINT64_C(15), .cycle = context[8] & 1},
    };
    /* All of it, with what only the driver is interested in. */
    store_le32(context, ep->words[0] | ep->state);
    xhci_write(s, slot->context + (uint64_t)XHCI_CONTEXT_SIZE * (index + 1), context,
               sizeof context);
}

static void disable_endpoint(struct xhci_slot *slot, unsigned index)
{
    memset(&slot->endpoints[index], 0, sizeof slot->endpoints[index]);
    slot->pending &= ~(UINT32_C(1) << index);
    slot->later &= ~(UINT32_C(1) << index);
}

void xhci_disable_endpoints(struct xhci_slot *slot)
{
    for (unsigned n = 1; n < XHCI_ENDPOINTS; n++)
        disable_endpoint(slot, n);
}

/* ---- commands -------------------------------------------------------------------------------- */

static bool find_context(struct xhci *s, struct xhci_slot *slot)
{
    uint8_t entry[8];

    if (!xhci_read(s, s->dcbaap + 8 * (uint64_t)xhci_slot_id(s, slot), entry, sizeof entry))
        return false;
    slot->context = load_le64(entry) & ~UINT64_C(63);
    return true;
}

/* Only the controller sends this one. */
static bool send_address(struct xhci_slot *slot, unsigned address)
{
    const struct usb_setup setup = {.request = USB_REQ_SET_ADDRESS, .value = (uint16_t)address};

    return slot->dev && usb_control(slot->dev, &setup, NULL) == 0;
}

enum xhci_completion xhci_address_device(struct xhci *s, struct xhci_slot *slot,
                                         const struct xhci_trb *trb)
{
    bool block = trb->control & TRB_BSR;
    enum xhci_completion code;
    struct xhci_slot next;
    struct input in;

    if (slot->state != SLOT_ENABLED && (block || slot->state != SLOT_DEFAULT))
        return CC_CONTEXT_STATE_ERROR;
    if (!read_input(s, trb, &in) || !find_context(s, slot))
        return CC_TRB_ERROR;
    if ((in.add & (ADD_SLOT | ADD_EP0)) != (ADD_SLOT | ADD_EP0) || in.drop)
        return CC_PARAMETER_ERROR;
    code = check_endpoint(&in, 0);
    if (code != CC_SUCCESS)
        return code;
    next = *slot;
    for (unsigned n = 0; n < ARRAY_SIZE(next.words); n++)
        next.words[n] = slot_word(&in, n);
    if (xhci_slot_root_port(&next) < 1 || xhci_slot_root_port(&next) > s->port_count)
        return CC_PARAMETER_ERROR;
    next.dev = xhci_find_device(s, &next);
    next.has_device = next.dev != NULL;
    if (!next.dev || (!block && !send_address(&next, xhci_slot_id(s, slot))))
        return CC_TRANSACTION_ERROR;
    next.state = block ? SLOT_DEFAULT : SLOT_ADDRESSED;
    next.stage = STAGE_SETUP;
    *slot = next;
    enable_endpoint(s, slot, &in, 0);
    xhci_slot_write_context(s, slot);
    return CC_SUCCESS;
}

static enum xhci_completion deconfigure(struct xhci *s, struct xhci_slot *slot)
{
    xhci_disable_endpoints(slot);
    for (unsigned n = 1; n < XHCI_ENDPOINTS; n++)
        xhci_endpoint_write_context(s, slot, n);
    slot->state = SLOT_ADDRESSED;
    xhci_slot_write_context(s, slot);
    return CC_SUCCESS;
}

enum xhci_completion xhci_configure_endpoints(struct xhci *s, struct xhci_slot *slot,
                                              const struct xhci_trb *trb)
{
    struct input in;

    if (slot->state < SLOT_ADDRESSED)
        return CC_CONTEXT_STATE_ERROR;
    if (trb->control & TRB_DECONFIGURE)
        return deconfigure(s, slot);
    if (!read_input(s, trb, &in))
        return CC_TRB_ERROR;
    /* Neither the slot nor the control endpoint can be dropped, nor the latter added. */
    if ((in.drop & (ADD_SLOT | ADD_EP0)) || (in.add & (ADD_SLOT | ADD_EP0)) != ADD_SLOT)
        return CC_PARAMETER_ERROR;
    for (unsigned n = 1; n < XHCI_ENDPOINTS; n++) {
        if (in.add >> (n + 1) & 1) {
            enum xhci_completion code = check_endpoint(&in, n);
            if (code != CC_SUCCESS)
                return code;
        }
    }
    for (unsigned n = 1; n < XHCI_ENDPOINTS; n++) {
        if (in.drop >> (n + 1) & 1) {
            disable_endpoint(slot, n);
            xhci_endpoint_write_context(s, slot, n);
        }
        if (in.add >> (n + 1) & 1)
            enable_endpoint(s, slot, &in, n);
    }
    slot->words[0] =
        (slot->words[0] & (uint32_t)mask_bits(20)) | (slot_word(&in, 0) & ~(uint32_t)mask_bits(20));
    slot->words[1] = (slot->words[1] & 0x00ff0000) | (slot_word(&in, 1) & 0xff00ffff);
    slot->state = SLOT_CONFIGURED;
    xhci_slot_write_context(s, slot);
    return CC_SUCCESS;
}

enum xhci_completion xhci_evaluate_context(struct xhci *s, struct xhci_slot *slot,
                                           const struct xhci_trb *trb)
{
    struct input in;

    if (slot->state == SLOT_ENABLED)
        return CC_CONTEXT_STATE_ERROR;
    if (!read_input(s, trb, &in))
        return CC_TRB_ERROR;
    if (in.drop || (in.add & ~(uint32_t)(ADD_SLOT | ADD_EP0)))
        return CC_PARAMETER_ERROR;
    if (in.add & ADD_EP0) {
        uint32_t word = load_le32(in.contexts[2] + 4);
        uint32_t max_packet = word >> MAX_PACKET_SHIFT;
        if (!max_packet || max_packet > XHCI_MAX_PACKET)
            return CC_PARAMETER_ERROR;
        slot->endpoints[0].words[1] =
            (slot->endpoints[0].words[1] & 0xffff) | max_packet << MAX_PACKET_SHIFT;
        xhci_endpoint_write_context(s, slot, 0);
    }
    if (in.add & ADD_SLOT) {
        /* The most latency of leaving power states, and who is told of events. */
        slot->words[1] = (slot->words[1] & 0xffff0000) | (slot_word(&in, 1) & 0xffff);
        slot->words[2] = (slot->words[2] & (uint32_t)mask_bits(TARGET_SHIFT)) |
                         (slot_word(&in, 2) & ~(uint32_t)mask_bits(TARGET_SHIFT));
        xhci_slot_write_context(s, slot);
    }
    return CC_SUCCESS;
}
