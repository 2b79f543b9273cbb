/*
 * A frame on its way between a network device and a back end, and what is left to do to it.
 *
 * The left-over work is described as virtio does (Virtual I/O Device 1.2, "Network Device", struct
 * virtio_net_hdr): a checksum that is only begun, a TCP segment larger than the link's frames.
 * Everything in a frame comes from a guest or a peer: lengths are checked where they are used, and
 * a frame that does not parse is passed on as it is or dropped. Pure functions, any thread.
 */
#ifndef CORE_NET_PACKET_H
#define CORE_NET_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    NET_ETH_HEADER = 14,
    NET_ADDRESS_SIZE = 6,
    /* The largest frame: a TCP segment of 64 KiB with its headers, and a VLAN tag. */
    NET_FRAME_MAX = 65535 + NET_ETH_HEADER + 4,
};

/* What a side can do by itself, or leaves to the other. */
enum net_offload_bits {
    NET_CSUM = 1 << 0, /* a checksum that is only begun */
    NET_TSO4 = 1 << 1, /* TCP segments over IPv4 larger than a frame */
    NET_TSO6 = 1 << 2,
    NET_ECN = 1 << 3, /* those with CWR set */
};
enum net_gso { NET_GSO_NONE, NET_GSO_TCP4, NET_GSO_TCP6 };

struct net_packet {
    const uint8_t *data; /* from the destination address on, without the frame check sequence */
    uint32_t len;        /* bytes */
    bool needs_csum;     /* the Internet checksum from csum_start on is to be put at csum_start +
                            csum_offset, where the pseudo header's sum stands */
    bool csum_valid;     /* somebody checked it already */
    bool ecn;            /* CWR is set: in the first segment only */
    enum net_gso gso;
    uint16_t gso_size; /* TCP payload bytes in each frame */
    uint16_t csum_start, csum_offset;
};

/* The bits of net_offload_bits that the packet leaves to the receiver. */
unsigned net_packet_needs(const struct net_packet *packet);

/* The Internet checksum (RFC 1071) of len bytes, on top of sum: not folded, not inverted. */
uint64_t net_sum(const void *data, size_t len, uint64_t sum);
/* Folded and inverted. */
uint16_t net_sum_finish(uint64_t sum);

/* Computes the checksum that packet->needs_csum asks for in frame, a writable copy of its data.
 * False: the offsets are outside of the frame, which is unchanged then. */
bool net_finish_checksum(const struct net_packet *packet, uint8_t *frame);

/*
 * Cuts a TCP segment (packet->gso) into frames with at most payload_max bytes of TCP payload each,
 * with complete headers and checksums (RFC 791, RFC 9293, RFC 8200), and hands each to fn. buf has
 * room for NET_FRAME_MAX bytes. Lengths and checksums that stand in the IP and TCP headers are not
 * looked at. False: this is no TCP frame of that kind, or there is no payload.
 */
typedef void (*net_frame_fn)(void *opaque, const uint8_t *frame, uint32_t len);
bool net_segment(const struct net_packet *packet, uint32_t payload_max, uint8_t *buf,
                 net_frame_fn fn, void *opaque);
/* The most payload of a frame whose IP packet is the largest there is; for net_segment. */
enum { NET_PAYLOAD_LARGEST = 65535 };

#endif
