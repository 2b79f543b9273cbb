/*
 * Transmission. A frame is copied out of guest memory before it is looked at. One that the back end
 * does not take now is not kept: its element goes back to the ring and is popped again later, so
 * that nothing of it is part of a saved state.
 */
#include "core/util/endian.h"
#include "core/util/log.h"
#include "core/util/range.h"
#include "hw/net/virtio_net_internal.h"

/* The doorbell returns after so many; the main loop does the rest, so that a driver that fills the
 * ring while it is emptied does not hold the machine. */
enum { FRAMES_AT_ONCE = 256 };

/* What the header leaves to do; false: it makes no sense. */
static bool parse_header(const uint8_t *h, struct net_packet *p)
{
    uint8_t type = h[HDR_GSO_TYPE];

    p->needs_csum = h[HDR_FLAGS] & HDR_NEEDS_CSUM;
    p->csum_start = load_le16(h + HDR_CSUM_START);
    p->csum_offset = load_le16(h + HDR_CSUM_OFFSET);
    p->gso_size = load_le16(h + HDR_GSO_SIZE);
    p->ecn = type & HDR_GSO_ECN;
    switch (type & ~HDR_GSO_ECN) {
    case HDR_GSO_NONE:
        return true;
    case HDR_GSO_TCP4:
        p->gso = NET_GSO_TCP4;
        return p->gso_size;
    case HDR_GSO_TCP6:
        p->gso = NET_GSO_TCP6;
        return p->gso_size;
    default:
        return false;
    }
}

enum sent { SENT, REFUSED, BROKEN };

static enum sent send_element(struct virtio_net *s, const struct virtq *q,
                              const struct virtq_element *e)
{
    uint32_t header = net_header_size(s);
    uint8_t h[HDR_SIZE];
    struct net_packet p = {.data = s->tx_frame};

    if (e->out_bytes < header) {
        virtio_break(&s->v, "queue %u: a frame without a header", q->index);
        return BROKEN;
    }
    if (e->out_bytes - header > sizeof s->tx_frame) {
        log_msg(device_log(s->v.dev), LOG_GUEST_ERROR, "%s: a frame of %llu bytes is dropped",
                s->v.dev->cls->name, (unsigned long long)(e->out_bytes - header));
        return SENT;
    }
    p.len = (uint32_t)(e->out_bytes - header);
    if (!virtq_gather(&s->v, e->buffers, e->out, 0, h, header) ||
        !virtq_gather(&s->v, e->buffers, e->out, header, s->tx_frame, p.len) ||
        !parse_header(h, &p)) {
        log_msg(device_log(s->v.dev), LOG_GUEST_ERROR,
                "%s: a frame that is not in memory, or with a header of no sense, is dropped",
                s->v.dev->cls->name);
        return SENT;
    }
    if (s->pairs > 1)
        s->steering[virtio_net_flow(p.data, p.len)] = (uint8_t)(q->index / 2);
    return !s->props.nd || netdev_send(s->props.nd, &p) ? SENT : REFUSED;
}

/* False: there is more, for later. */
static bool send_some(struct virtio_net *s, struct virtq *q)
{
    struct virtq_element e;

    for (unsigned n = 0; n < FRAMES_AT_ONCE; n++) {
        if (virtq_pop(q, &e) != VIRTQ_POPPED)
            return true;
        switch (send_element(s, q, &e)) {
        case SENT:
            virtq_push(q, e.head, 0);
            break;
        case REFUSED:
            virtq_unpop(q, 1);
            return false;
        case BROKEN:
            return true;
        }
    }
    timer_set(&s->resume, 0);
    return false;
}

void virtio_net_transmit(struct virtio_net *s, struct virtq *q)
{
    /* A transfer may reach the doorbell by way of another device. */
    if (s->transmitting)
        return;
    uint16_t before = q->next_used;
    s->transmitting = true;
    do {
        virtq_want_notify(q, false);
        if (!send_some(s, q))
            break;
        virtq_want_notify(q, true);
    } while (!s->v.broken && !virtq_is_empty(q));
    s->transmitting = false;
    if (q->next_used != before)
        virtq_signal(q);
}

void virtio_net_transmit_all(struct virtio_net *s)
{
    for (unsigned pair = 0; pair < s->pairs; pair++)
        virtio_net_transmit(s, &s->v.queues[2 * pair + 1]);
}
