/*
 * Reception: filters, the queue of a flow, the header, and as many buffers as a frame takes. A
 * frame for which there are too few goes back to the link, which offers it again when the driver
 * has rung the doorbell; nothing of it is shown to the driver before all of it is there.
 */
#include <string.h>
#include "core/util/endian.h"
#include "core/util/log.h"
#include "core/util/range.h"
#include "hw/net/virtio_net_internal.h"

/* ---- filters --------------------------------------------------------------------------------- */

static bool in_table(const struct net_addresses *t, const uint8_t *address)
{
    for (unsigned i = 0; i < t->count; i++) {
        if (memcmp(t->address[i], address, NET_ADDRESS_SIZE) == 0)
            return true;
    }
    return t->all;
}

static bool address_passes(const struct virtio_net *s, const uint8_t *address)
{
    static const uint8_t broadcast[NET_ADDRESS_SIZE] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

    if (s->promisc)
        return true;
    if (memcmp(address, broadcast, sizeof broadcast) == 0)
        return !s->nobcast;
    if (address[0] & 1)
        return !s->nomulti && (s->allmulti || in_table(&s->addresses[MULTICAST], address));
    return !s->nouni && (s->alluni || memcmp(address, s->mac, sizeof s->mac) == 0 ||
                         in_table(&s->addresses[UNICAST], address));
}

static bool vlan_passes(const struct virtio_net *s, const struct net_packet *p)
{
    if (!virtio_has(&s->v, NET_F_CTRL_VLAN) || p->len < NET_ETH_HEADER + VLAN_TAG ||
        load_be16(p->data + VLAN_AT) != 0x8100)
        return true;
    return bitmap_test(s->vlans, load_be16(p->data + VLAN_AT + 2) & (VLANS - 1));
}

/* ---- the header ------------------------------------------------------------------------------ */

/* Bytes up to the end of the TCP header, a hint. */
static uint16_t headers_length(const struct net_packet *p)
{
    uint32_t at = p->csum_start + 12u; /* TCP's data offset */

    return (uint16_t)(at < p->len ? p->csum_start + 4u * (p->data[at] >> 4) : p->len);
}

static void make_header(const struct virtio_net *s, const struct net_packet *p, uint8_t *h)
{
    memset(h, 0, HDR_SIZE);
    if (p->needs_csum) {
        h[HDR_FLAGS] = HDR_NEEDS_CSUM;
        store_le16(h + HDR_CSUM_START, p->csum_start);
        store_le16(h + HDR_CSUM_OFFSET, p->csum_offset);
    } else if (p->csum_valid && virtio_has(&s->v, NET_F_GUEST_CSUM)) {
        h[HDR_FLAGS] = HDR_DATA_VALID;
    }
    if (p->gso != NET_GSO_NONE) {
        h[HDR_GSO_TYPE] = (uint8_t)((p->gso == NET_GSO_TCP4 ? HDR_GSO_TCP4 : HDR_GSO_TCP6) |
                                    (p->ecn ? HDR_GSO_ECN : 0));
        store_le16(h + HDR_GSO_SIZE, p->gso_size);
        store_le16(h + HDR_LEN, headers_length(p));
    }
    store_le16(h + HDR_NUM_BUFFERS, 1);
}

/* ---- buffers --------------------------------------------------------------------------------- */

/* A frame with its header, and where it goes. */
struct delivery {
    struct virtio_net *s;
    struct virtq *q;
    const struct net_packet *p;
    uint8_t header[HDR_SIZE];
    uint32_t header_size, total, done;
    unsigned count, most;         /* elements */
    uint64_t num_buffers_addr[2]; /* of its bytes */
    struct virtq_used used[VIRTQ_SIZE_MAX];
};

/* Remembers where the number of buffers is to be written, in the first element. */
static void find_num_buffers(struct delivery *d, const struct virtq_buffer *b, unsigned count)
{
    uint64_t at = 0;

    for (unsigned i = 0; i < count; at += b[i++].len) {
        for (unsigned k = 0; k < 2; k++) {
            if (HDR_NUM_BUFFERS + k >= at && HDR_NUM_BUFFERS + k - at < b[i].len)
                d->num_buffers_addr[k] = b[i].addr + (HDR_NUM_BUFFERS + k - at);
        }
    }
}

/* What an element holds. False: the device is broken. */
static bool fill_element(struct delivery *d, const struct virtq_element *e)
{
    const struct virtq_buffer *b = e->buffers + e->out;
    uint32_t n = (uint32_t)MIN(e->in_bytes, d->total - d->done), at = 0;
    bool ok = true;

    if (!d->count) {
        if (e->in_bytes < d->header_size) {
            virtio_break(&d->s->v, "queue %u: a buffer smaller than the header", d->q->index);
            return false;
        }
        if (n < d->total)
            find_num_buffers(d, b, e->in);
        at = d->header_size;
        ok = virtq_scatter(&d->s->v, b, e->in, 0, d->header, at);
    }
    if (n > at)
        ok = virtq_scatter(&d->s->v, b, e->in, at, d->p->data + (d->done + at - d->header_size),
                           n - at) &&
             ok;
    if (!ok)
        log_msg(device_log(d->s->v.dev), LOG_GUEST_ERROR,
                "%s: queue %u: a receive buffer cannot be written", d->s->v.dev->cls->name,
                d->q->index);
    d->used[d->count++] = (struct virtq_used){e->head, n};
    d->done += n;
    return true;
}

/* The next element. A driver that is about to sleep is asked to ring first. */
static enum virtq_result next_element(struct virtq *q, struct virtq_element *e)
{
    enum virtq_result result = virtq_pop(q, e);

    if (result != VIRTQ_EMPTY)
        return result;
    virtq_want_notify(q, true);
    result = virtq_pop(q, e);
    if (result == VIRTQ_POPPED)
        virtq_want_notify(q, false);
    return result;
}

static void finish(struct delivery *d)
{
    uint8_t number[2];

    if (d->count > 1) {
        store_le16(number, (uint16_t)d->count);
        for (unsigned k = 0; k < 2; k++)
            virtio_dma_write(&d->s->v, d->num_buffers_addr[k], number + k, 1);
    }
    virtq_push_all(d->q, d->used, d->count);
    virtq_signal(d->q);
}

/* False: there are not enough buffers now. */
static bool deliver(struct delivery *d)
{
    struct virtq_element e;

    while (d->done < d->total) {
        if (d->count == d->most) {
            /* It will not fit later either. */
            virtq_unpop(d->q, d->count);
            return true;
        }
        switch (next_element(d->q, &e)) {
        case VIRTQ_EMPTY:
            virtq_unpop(d->q, d->count);
            return false;
        case VIRTQ_BROKEN:
            return true;
        case VIRTQ_POPPED:
            if (!fill_element(d, &e))
                return true;
        }
    }
    finish(d);
    return true;
}

bool virtio_net_can_receive(void *opaque)
{
    const struct virtio_net *s = opaque;

    return s->v.status & VIRTIO_STATUS_DRIVER_OK && !s->v.broken;
}

bool virtio_net_receive(void *opaque, const struct net_packet *p)
{
    struct virtio_net *s = opaque;
    unsigned pair = 0;
    struct delivery d;

    if (!address_passes(s, p->data) || !vlan_passes(s, p))
        return true;
    if (s->pairs > 1)
        pair = s->steering[virtio_net_flow(p->data, p->len)] % s->pairs;
    d.s = s;
    d.q = &s->v.queues[2 * pair];
    d.p = p;
    d.header_size = net_header_size(s);
    d.total = d.header_size + p->len;
    d.done = 0;
    d.count = 0;
    d.most = virtio_has(&s->v, NET_F_MRG_RXBUF) ? d.q->size : 1;
    make_header(s, p, d.header);
    return deliver(&d);
}
