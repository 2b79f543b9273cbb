/*
 * Between the files of virtio-net. Names and numbers: VIRTIO 1.2, section "Network Device". Private
 * to hw/net/virtio_net*.c.
 */
#ifndef HW_NET_VIRTIO_NET_INTERNAL_H
#define HW_NET_VIRTIO_NET_INTERNAL_H

#include "core/clock/clock.h"
#include "core/device/boot_target.h"
#include "core/net/net.h"
#include "core/util/bitmap.h"
#include "hw/pci/rom.h"
#include "hw/virtio/virtio.h"

/* Feature bits. */
enum {
    NET_F_CSUM = 0,
    NET_F_GUEST_CSUM = 1,
    NET_F_CTRL_GUEST_OFFLOADS = 2,
    NET_F_MTU = 3,
    NET_F_MAC = 5,
    NET_F_GUEST_TSO4 = 7,
    NET_F_GUEST_TSO6 = 8,
    NET_F_GUEST_ECN = 9,
    NET_F_GUEST_UFO = 10,
    NET_F_HOST_TSO4 = 11,
    NET_F_HOST_TSO6 = 12,
    NET_F_HOST_ECN = 13,
    NET_F_MRG_RXBUF = 15,
    NET_F_STATUS = 16,
    NET_F_CTRL_VQ = 17,
    NET_F_CTRL_RX = 18,
    NET_F_CTRL_VLAN = 19,
    NET_F_CTRL_RX_EXTRA = 20,
    NET_F_GUEST_ANNOUNCE = 21,
    NET_F_MQ = 22,
    NET_F_CTRL_MAC_ADDR = 23,
    NET_F_SPEED_DUPLEX = 63,
};
/* struct virtio_net_config */
enum {
    CONFIG_MAC = 0,
    CONFIG_STATUS = 6,
    CONFIG_MAX_PAIRS = 8,
    CONFIG_MTU = 10,
    CONFIG_SPEED = 12,
    CONFIG_DUPLEX = 16,
    CONFIG_SIZE = 20,
};
enum { STATUS_LINK_UP = 1, STATUS_ANNOUNCE = 2 };
/* struct virtio_net_hdr */
enum {
    HDR_FLAGS = 0,
    HDR_GSO_TYPE = 1,
    HDR_LEN = 2,
    HDR_GSO_SIZE = 4,
    HDR_CSUM_START = 6,
    HDR_CSUM_OFFSET = 8,
    HDR_NUM_BUFFERS = 10,
    HDR_SIZE_LEGACY = 10, /* without num_buffers */
    HDR_SIZE = 12,
    HDR_NEEDS_CSUM = 1,
    HDR_DATA_VALID = 2,
    HDR_GSO_NONE = 0,
    HDR_GSO_TCP4 = 1,
    HDR_GSO_TCP6 = 4,
    HDR_GSO_ECN = 0x80,
};
enum {
    PAIRS_MAX = (VIRTIO_QUEUES_MAX - 1) / 2,
    MAC_TABLE_MAX = 64, /* addresses; of more all are let through */
    VLANS = 4096,
    STEERING = 256, /* entries, by a hash of a flow's addresses and ports */
    VLAN_TAG = 4,
    VLAN_AT = 2 * NET_ADDRESS_SIZE,
};

/* What a driver may be offered; in the order of `offers` in virtio_net.c. */
enum net_offer {
    OFFER_CSUM,
    OFFER_GUEST_CSUM,
    OFFER_GUEST_TSO4,
    OFFER_GUEST_TSO6,
    OFFER_GUEST_ECN,
    OFFER_HOST_TSO4,
    OFFER_HOST_TSO6,
    OFFER_HOST_ECN,
    OFFER_MRG_RXBUF,
    OFFER_STATUS,
    OFFER_CTRL_VQ,
    OFFER_CTRL_RX,
    OFFER_CTRL_RX_EXTRA,
    OFFER_CTRL_VLAN,
    OFFER_CTRL_MAC_ADDR,
    OFFER_CTRL_GUEST_OFFLOADS,
    OFFER_GUEST_ANNOUNCE,
    OFFERS,
};

struct net_props {
    struct netdev *nd; /* NULL: no cable */
    uint8_t mac[NET_ADDRESS_SIZE];
    bool mq;
    bool offer[OFFERS];
    uint16_t rx_queue_size, tx_queue_size, host_mtu;
    uint32_t speed;
    int duplex;
    struct boot_target boot;
    char *romfile; /* over PCI */
};

enum { UNICAST, MULTICAST };
struct net_addresses {
    uint8_t count; /* at most MAC_TABLE_MAX */
    uint8_t all;   /* there were more */
    uint8_t address[MAC_TABLE_MAX][NET_ADDRESS_SIZE];
};

struct virtio_net {
    struct virtio v;
    struct net_props props;
    uint16_t max_pairs;
    struct timer resume; /* as soon as possible: goes on with transmitting; after a load */
    bool transmitting;
    bool loaded;        /* the driver is to be told to announce itself */
    struct pci_rom rom; /* over PCI */

    /* What the driver set by the control queue; as at a reset until then. */
    uint8_t mac[NET_ADDRESS_SIZE];
    uint8_t promisc, allmulti, alluni, nomulti, nouni, nobcast;
    struct net_addresses addresses[2]; /* the MAC table: unicast, multicast */
    uint64_t vlans[VLANS / 64];
    uint16_t pairs;
    uint64_t guest_offloads; /* feature bits; those that were not negotiated do not count */

    uint8_t announce; /* the driver is to announce its addresses */
    uint8_t link_up;  /* what the driver was told */
    /* Receive queue pair of a flow: the one that the driver used to send to it. */
    uint8_t steering[STEERING];

    uint8_t tx_frame[NET_FRAME_MAX];
};

static inline uint32_t net_header_size(const struct virtio_net *s)
{
    return virtio_has(&s->v, VIRTIO_F_VERSION_1) || virtio_has(&s->v, NET_F_MRG_RXBUF)
               ? HDR_SIZE
               : HDR_SIZE_LEGACY;
}

/* Brings configuration space in line with what it shows of the device. */
void virtio_net_fill_config(struct virtio_net *s);
/* What the back end may leave to the driver, after features or offloads changed. */
void virtio_net_apply_offloads(struct virtio_net *s);
/* Entry of the steering table of a frame, the same for both directions. */
unsigned virtio_net_flow(const uint8_t *frame, uint32_t len);

/* ---- virtio_net_tx.c ------------------------------------------------------------------------- */

/* Sends what queue q has, as far as the back end takes it. */
void virtio_net_transmit(struct virtio_net *s, struct virtq *q);
/* The same for all queues. */
void virtio_net_transmit_all(struct virtio_net *s);

/* ---- virtio_net_rx.c ------------------------------------------------------------------------- */

bool virtio_net_can_receive(void *opaque);
bool virtio_net_receive(void *opaque, const struct net_packet *packet);

/* ---- virtio_net_ctrl.c: the control queue ---------------------------------------------------- */

void virtio_net_control(struct virtio_net *s, struct virtq *q);

#endif
