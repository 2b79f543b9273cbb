/* Checksums and segmentation in place of hardware that does them: see packet.h. */
#include "core/net/packet.h"

#include <string.h>
#include "core/util/endian.h"
#include "core/util/range.h"

enum {
    ETHERTYPE_AT = 12,
    ETHERTYPE_IPV4 = 0x0800,
    ETHERTYPE_VLAN = 0x8100,
    ETHERTYPE_IPV6 = 0x86dd,
    VLAN_TAG = 4,
    IPV4_HEADER = 20,
    IPV4_LENGTH_AT = 2,
    IPV4_ID_AT = 4,
    IPV4_PROTOCOL_AT = 9,
    IPV4_CHECKSUM_AT = 10,
    IPV4_SOURCE_AT = 12,
    IPV6_HEADER = 40,
    IPV6_LENGTH_AT = 4,
    IPV6_NEXT_AT = 6,
    IPV6_SOURCE_AT = 8,
    PROTOCOL_TCP = 6,
    TCP_HEADER = 20,
    TCP_SEQUENCE_AT = 4,
    TCP_OFFSET_AT = 12,
    TCP_FLAGS_AT = 13,
    TCP_CHECKSUM_AT = 16,
    TCP_FIN = 1,
    TCP_PSH = 8,
    TCP_CWR = 0x80,
};

unsigned net_packet_needs(const struct net_packet *p)
{
    unsigned needs = p->needs_csum ? NET_CSUM : 0;

    if (p->gso != NET_GSO_NONE)
        needs |= NET_CSUM | (p->gso == NET_GSO_TCP4 ? NET_TSO4 : NET_TSO6) | (p->ecn ? NET_ECN : 0);
    return needs;
}

/* The sum does not depend on the order of bytes, as long as it is stored in the order it was made
 * in: words of the host's order are added, 32 bits at a time. */
uint64_t net_sum(const void *data, size_t len, uint64_t sum)
{
    const uint8_t *p = data;

    for (; len >= 4; p += 4, len -= 4) {
        uint32_t word;
        memcpy(&word, p, sizeof word);
        sum += word;
    }
    if (len) {
        uint32_t word = 0;
        memcpy(&word, p, len);
        sum += word;
    }
    return sum;
}

uint16_t net_sum_finish(uint64_t sum)
{
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~sum;
}

static void put_sum(uint8_t *at, uint16_t sum)
{
    memcpy(at, &sum, sizeof sum);
}

bool net_finish_checksum(const struct net_packet *p, uint8_t *frame)
{
    uint32_t at = (uint32_t)p->csum_start + p->csum_offset;

    if (p->csum_start >= p->len || !range_fits(at, 2, p->len))
        return false;
    uint16_t sum = net_sum_finish(net_sum(frame + p->csum_start, p->len - p->csum_start, 0));
    /* UDP over IPv4 means "none" by 0; the other representation of 0 is right for all. */
    put_sum(frame + at, sum ? sum : 0xffff);
    return true;
}

/* ---- segments -------------------------------------------------------------------------------- */

struct tcp_frame {
    uint32_t ip, tcp, payload; /* where each begins */
    bool v4;
};

static bool parse(const struct net_packet *p, struct tcp_frame *f)
{
    const uint8_t *d = p->data;
    uint32_t at = NET_ETH_HEADER;

    if (p->len < NET_ETH_HEADER + IPV4_HEADER + TCP_HEADER || p->len > NET_FRAME_MAX)
        return false;
    uint16_t type = load_be16(d + ETHERTYPE_AT);
    if (type == ETHERTYPE_VLAN) {
        type = load_be16(d + ETHERTYPE_AT + VLAN_TAG);
        at += VLAN_TAG;
    }
    f->ip = at;
    f->v4 = type == ETHERTYPE_IPV4;
    if (f->v4) {
        uint32_t header = 4 * (d[at] & 15u);
        if (p->gso != NET_GSO_TCP4 || d[at] >> 4 != 4 || header < IPV4_HEADER ||
            d[at + IPV4_PROTOCOL_AT] != PROTOCOL_TCP)
            return false;
        at += header;
    } else {
        /* Drivers leave packets with extension headers to themselves. */
        if (p->gso != NET_GSO_TCP6 || type != ETHERTYPE_IPV6 ||
            !range_fits(at, IPV6_HEADER, p->len) || d[at] >> 4 != 6 ||
            d[at + IPV6_NEXT_AT] != PROTOCOL_TCP)
            return false;
        at += IPV6_HEADER;
    }
    f->tcp = at;
    if (!range_fits(at, TCP_HEADER, p->len))
        return false;
    uint32_t header = 4 * (uint32_t)(d[at + TCP_OFFSET_AT] >> 4);
    f->payload = at + header;
    return header >= TCP_HEADER && f->payload < p->len;
}

/* Lengths and checksums of a frame of len bytes. */
static void finish(const struct tcp_frame *f, uint8_t *frame, uint32_t len)
{
    uint8_t *ip = frame + f->ip, *tcp = frame + f->tcp;
    uint32_t tcp_len = len - f->tcp;
    uint8_t pseudo[8] = {0};
    uint64_t sum;

    if (f->v4) {
        store_be16(ip + IPV4_LENGTH_AT, (uint16_t)(len - f->ip));
        store_be16(ip + IPV4_CHECKSUM_AT, 0);
        put_sum(ip + IPV4_CHECKSUM_AT, net_sum_finish(net_sum(ip, f->tcp - f->ip, 0)));
        sum = net_sum(ip + IPV4_SOURCE_AT, 8, 0);
    } else {
        store_be16(ip + IPV6_LENGTH_AT, (uint16_t)tcp_len);
        sum = net_sum(ip + IPV6_SOURCE_AT, 32, 0);
    }
    store_be32(pseudo, tcp_len);
    pseudo[7] = PROTOCOL_TCP;
    sum = net_sum(pseudo, sizeof pseudo, sum);
    store_be16(tcp + TCP_CHECKSUM_AT, 0);
    put_sum(tcp + TCP_CHECKSUM_AT, net_sum_finish(net_sum(tcp, tcp_len, sum)));
}

bool net_segment(const struct net_packet *p, uint32_t payload_max, uint8_t *buf, net_frame_fn fn,
                 void *opaque)
{
    struct tcp_frame f;

    if (!parse(p, &f))
        return false;
    /* An IP packet has at most 65535 bytes, in IPv4 with its own header. */
    uint32_t largest = 65535 - (f.payload - (f.v4 ? f.ip : f.tcp));
    payload_max = MIN(MAX(payload_max, 1u), largest);

    uint32_t sequence = load_be32(p->data + f.tcp + TCP_SEQUENCE_AT);
    uint16_t id = load_be16(p->data + f.ip + IPV4_ID_AT);
    for (uint32_t at = f.payload; at < p->len;) {
        uint32_t n = MIN(payload_max, p->len - at);
        memcpy(buf, p->data, f.payload);
        memcpy(buf + f.payload, p->data + at, n);
        store_be32(buf + f.tcp + TCP_SEQUENCE_AT, sequence + (at - f.payload));
        if (at != f.payload)
            buf[f.tcp + TCP_FLAGS_AT] &= (uint8_t)~TCP_CWR;
        if (f.v4)
            store_be16(buf + f.ip + IPV4_ID_AT, id++);
        at += n;
        if (at < p->len)
            buf[f.tcp + TCP_FLAGS_AT] &= (uint8_t) ~(TCP_FIN | TCP_PSH);
        finish(&f, buf, f.payload + n);
        fn(opaque, buf, f.payload + n);
    }
    return true;
}
