/*
 * virtio-net: features, configuration space, queues, life. See virtio_net.h.
 *
 * The pairs of queues are one card to the network: a frame comes in on the pair that its flow was
 * last sent from. Nothing is under way between two calls: a frame that cannot be delivered waits in
 * the link, one that cannot be sent in the driver's ring.
 */
#include "hw/net/virtio_net.h"

#include <string.h>
#include "core/device/machine.h"
#include "core/state/state.h"
#include "core/util/endian.h"
#include "core/util/range.h"
#include "hw/net/virtio_net_internal.h"
#include "hw/pci/pci_boot.h"
#include "hw/virtio/virtio_device.h"

enum { CONTROL_QUEUE_SIZE = 64, CONTROL_WITHOUT_MQ = 2 };
#define BOOT_ROM "efi-virtio.rom"

/* A feature, and the one that it makes no sense without (itself: none). */
static const struct {
    uint8_t feature, needs;
} offers[OFFERS] = {
    [OFFER_CSUM] = {NET_F_CSUM, NET_F_CSUM},
    [OFFER_GUEST_CSUM] = {NET_F_GUEST_CSUM, NET_F_GUEST_CSUM},
    [OFFER_GUEST_TSO4] = {NET_F_GUEST_TSO4, NET_F_GUEST_CSUM},
    [OFFER_GUEST_TSO6] = {NET_F_GUEST_TSO6, NET_F_GUEST_CSUM},
    [OFFER_GUEST_ECN] = {NET_F_GUEST_ECN, NET_F_GUEST_CSUM},
    [OFFER_HOST_TSO4] = {NET_F_HOST_TSO4, NET_F_CSUM},
    [OFFER_HOST_TSO6] = {NET_F_HOST_TSO6, NET_F_CSUM},
    [OFFER_HOST_ECN] = {NET_F_HOST_ECN, NET_F_CSUM},
    [OFFER_MRG_RXBUF] = {NET_F_MRG_RXBUF, NET_F_MRG_RXBUF},
    [OFFER_STATUS] = {NET_F_STATUS, NET_F_STATUS},
    [OFFER_CTRL_VQ] = {NET_F_CTRL_VQ, NET_F_CTRL_VQ},
    [OFFER_CTRL_RX] = {NET_F_CTRL_RX, NET_F_CTRL_VQ},
    [OFFER_CTRL_RX_EXTRA] = {NET_F_CTRL_RX_EXTRA, NET_F_CTRL_VQ},
    [OFFER_CTRL_VLAN] = {NET_F_CTRL_VLAN, NET_F_CTRL_VQ},
    [OFFER_CTRL_MAC_ADDR] = {NET_F_CTRL_MAC_ADDR, NET_F_CTRL_VQ},
    [OFFER_CTRL_GUEST_OFFLOADS] = {NET_F_CTRL_GUEST_OFFLOADS, NET_F_CTRL_VQ},
    [OFFER_GUEST_ANNOUNCE] = {NET_F_GUEST_ANNOUNCE, NET_F_CTRL_VQ},
};

static struct virtio_net *from_virtio(struct virtio *v)
{
    return container_of(v, struct virtio_net, v);
}

/* ---- what depends on what the driver set ----------------------------------------------------- */

void virtio_net_fill_config(struct virtio_net *s)
{
    uint8_t *config = s->v.config;
    bool status = s->v.host_features & VIRTIO_BIT(NET_F_STATUS);

    memcpy(config + CONFIG_MAC, s->mac, sizeof s->mac);
    store_le16(config + CONFIG_STATUS, (uint16_t)(status ? (s->link_up ? STATUS_LINK_UP : 0) |
                                                               (s->announce ? STATUS_ANNOUNCE : 0)
                                                         : 0));
    store_le16(config + CONFIG_MAX_PAIRS, s->max_pairs);
    store_le16(config + CONFIG_MTU, s->props.host_mtu);
    store_le32(config + CONFIG_SPEED, s->props.speed);
    config[CONFIG_DUPLEX] = (uint8_t)s->props.duplex;
}

void virtio_net_apply_offloads(struct virtio_net *s)
{
    static const struct {
        uint8_t feature, bit;
    } bits[] = {{NET_F_GUEST_CSUM, NET_CSUM},
                {NET_F_GUEST_TSO4, NET_TSO4},
                {NET_F_GUEST_TSO6, NET_TSO6},
                {NET_F_GUEST_ECN, NET_ECN}};
    uint64_t on = s->guest_offloads & s->v.guest_features & s->v.host_features;
    unsigned takes = 0;

    for (unsigned i = 0; i < ARRAY_SIZE(bits); i++)
        takes |= on >> bits[i].feature & 1 ? bits[i].bit : 0u;
    /* Segments leave their checksum as well. */
    if (s->props.nd)
        netdev_set_offloads(s->props.nd, takes & NET_CSUM ? takes : 0);
}

unsigned virtio_net_flow(const uint8_t *frame, uint32_t len)
{
    uint32_t at = NET_ETH_HEADER, addresses = 0, hash = 0;
    uint16_t type = len >= at ? load_be16(frame + at - 2) : 0;

    if (type == 0x8100 && len >= at + VLAN_TAG) {
        at += VLAN_TAG;
        type = load_be16(frame + at - 2);
    }
    if (type == 0x0800 && range_fits(at, 24, len)) {
        addresses = at + 12;
        /* Fragments have no ports. */
        at = load_be16(frame + at + 6) & 0x3fff ? len : at + 4u * (frame[at] & 15);
    } else if (type == 0x86dd && range_fits(at, 44, len)) {
        addresses = at + 8;
        at += 40;
    } else {
        return 0;
    }
    /* Source and destination, in either order. */
    for (uint32_t i = addresses; i < addresses + (type == 0x0800 ? 8 : 32); i += 4)
        hash ^= load_le32(frame + i);
    if (range_fits(at, 4, len))
        hash ^= (uint32_t)load_le16(frame + at) ^ load_le16(frame + at + 2);
    hash *= 0x9e3779b1;
    return hash >> 24;
}

/* ---- queues ---------------------------------------------------------------------------------- */

static unsigned control_queue(const struct virtio_net *s)
{
    return virtio_has(&s->v, NET_F_MQ) ? 2u * s->max_pairs : CONTROL_WITHOUT_MQ;
}

static void queue_notified(struct virtio *v, struct virtq *q)
{
    struct virtio_net *s = from_virtio(v);

    if (q->index == control_queue(s)) {
        if (virtio_has(v, NET_F_CTRL_VQ))
            virtio_net_control(s, q);
    } else if (q->index / 2 >= s->pairs) {
        return; /* not in use */
    } else if (q->index & 1) {
        virtio_net_transmit(s, q);
    } else if (s->props.nd) {
        netdev_accept(s->props.nd);
    }
}

/* ---- the link -------------------------------------------------------------------------------- */

static void link_changed(void *opaque, bool up)
{
    struct virtio_net *s = opaque;

    if (s->link_up == up)
        return;
    s->link_up = up;
    virtio_net_fill_config(s);
    if (s->v.status & VIRTIO_STATUS_DRIVER_OK && virtio_has(&s->v, NET_F_STATUS))
        virtio_config_changed(&s->v);
}

static bool link_is_up(const struct virtio_net *s)
{
    return s->props.nd && netdev_link(s->props.nd);
}

static void room(void *opaque)
{
    virtio_net_transmit_all(opaque);
}

static const struct net_frontend frontend = {.can_receive = virtio_net_can_receive,
                                             .receive = virtio_net_receive,
                                             .room = room,
                                             .link_changed = link_changed};

static void resume(void *opaque)
{
    struct virtio_net *s = opaque;

    link_changed(s, link_is_up(s));
    if (s->loaded && virtio_has(&s->v, NET_F_GUEST_ANNOUNCE) &&
        s->v.status & VIRTIO_STATUS_DRIVER_OK) {
        s->announce = 1;
        virtio_net_fill_config(s);
        virtio_config_changed(&s->v);
    }
    s->loaded = false;
    virtio_net_transmit_all(s);
}

/* ---- the virtio side ------------------------------------------------------------------------- */

static void features_set(struct virtio *v)
{
    virtio_net_apply_offloads(from_virtio(v));
}

/* Drivers of old switch bytes of the address; later ones have a command for that. */
static void config_written(struct virtio *v, uint32_t offset, uint32_t value, unsigned size)
{
    struct virtio_net *s = from_virtio(v);

    if (!range_fits(offset, size, sizeof s->mac) || virtio_has(v, VIRTIO_F_VERSION_1) ||
        virtio_has(v, NET_F_CTRL_MAC_ADDR))
        return;
    store_le(s->mac + offset, value, size);
    virtio_net_fill_config(s);
}

static void reset_net(struct virtio *v)
{
    struct virtio_net *s = from_virtio(v);

    memcpy(s->mac, s->props.mac, sizeof s->mac);
    s->promisc = 1; /* what a driver that never says anything needs */
    s->allmulti = s->alluni = s->nomulti = s->nouni = s->nobcast = 0;
    memset(s->addresses, 0, sizeof s->addresses);
    memset(s->vlans, 0, sizeof s->vlans);
    memset(s->steering, 0, sizeof s->steering);
    s->pairs = 1;
    s->guest_offloads = UINT64_MAX;
    s->announce = 0;
    s->link_up = link_is_up(s);
    s->loaded = false;
    timer_cancel(&s->resume);
    virtio_net_fill_config(s);
    if (s->props.nd) {
        netdev_set_offloads(s->props.nd, 0);
        netdev_purge(s->props.nd);
    }
}

static const struct virtio_class net_virtio_class = {
    .id = VIRTIO_ID_NET,
    .queue_notified = queue_notified,
    .config_written = config_written,
    .features_set = features_set,
    .reset = reset_net,
};

/* ---- life ------------------------------------------------------------------------------------ */

static void offer_features(struct virtio_net *s)
{
    uint64_t *features = &s->v.host_features;

    *features |= VIRTIO_BIT(NET_F_MAC);
    for (unsigned i = 0; i < OFFERS; i++)
        *features |= s->props.offer[i] ? VIRTIO_BIT(offers[i].feature) : 0;
    if (s->max_pairs > 1)
        *features |= VIRTIO_BIT(NET_F_MQ);
    if (s->props.host_mtu)
        *features |= VIRTIO_BIT(NET_F_MTU);
    if (s->props.speed != UINT32_MAX)
        *features |= VIRTIO_BIT(NET_F_SPEED_DUPLEX);
    for (unsigned i = 0; i < OFFERS; i++)
        *features &= *features >> offers[i].needs & 1 ? UINT64_MAX : ~VIRTIO_BIT(offers[i].feature);
    if (!(*features & VIRTIO_BIT(NET_F_CTRL_VQ)))
        *features &= ~VIRTIO_BIT(NET_F_MQ);
}

static bool check_size(const char *name, uint16_t size, struct vemu_error **errp)
{
    return (size >= 64 && is_power_of_two(size)) ||
           error_set(errp, VEMU_ERROR_INVALID, "%s=%u must be a power of two from 64 to %d", name,
                     size, VIRTQ_SIZE_MAX);
}

static void set_queue_size(struct virtq *q, uint16_t size)
{
    q->size_max = size;
    virtq_reset(q);
}

static bool net_init(struct virtio_net *s, struct device *dev, struct vemu_error **errp)
{
    struct net_props *p = &s->props;

    if (!check_size("rx_queue_size", p->rx_queue_size, errp) ||
        !check_size("tx_queue_size", p->tx_queue_size, errp))
        return false;
    net_address_default(dev->machine, p->mac);
    /* A pair for each vCPU: each sends and receives on its own. */
    s->max_pairs = (uint16_t)(p->mq ? MIN(MAX(dev->machine->vcpu_count, 1u), PAIRS_MAX) : 1);
    timer_init(&s->resume, device_clocks(dev), VCLOCK_VIRTUAL, resume, s);
    if (p->nd && !netdev_attach(p->nd, &frontend, s, errp))
        return false;
    if (!virtio_init(&s->v, &net_virtio_class, dev, 2u * s->max_pairs + 1, p->rx_queue_size,
                     CONFIG_SIZE, errp)) {
        if (p->nd)
            netdev_detach(p->nd);
        return false;
    }
    for (unsigned pair = 0; pair < s->max_pairs; pair++)
        set_queue_size(&s->v.queues[2 * pair + 1], p->tx_queue_size);
    set_queue_size(&s->v.queues[2 * s->max_pairs], CONTROL_QUEUE_SIZE);
    offer_features(s);
    reset_net(&s->v);
    return true;
}

static void net_exit(struct virtio_net *s)
{
    virtio_exit(&s->v);
    timer_cancel(&s->resume);
    if (s->props.nd)
        netdev_detach(s->props.nd);
}

/* The driver tells the network where it is now, once the machine runs. */
static bool net_post_load(struct virtio_net *s, struct vemu_error **errp)
{
    if (!s->pairs || s->pairs > s->max_pairs)
        return error_set(errp, VEMU_ERROR_FORMAT,
                         "saved state of %s: %u pairs of queues are used, but there are %u",
                         s->v.dev->cls->name, s->pairs, s->max_pairs);
    virtio_net_fill_config(s);
    s->loaded = true;
    timer_set(&s->resume, 0);
    return true;
}

static const char *const duplex_names[] = {"half", "full", NULL};

#define OFFER(type_, m_, which_, name_, help_)                                                     \
    PROP(PROP_BOOL, type_, m_.props.offer[which_], name_, "on", help_)
#define NET_PROPS(type_, m_)                                                                       \
    VIRTIO_PROPS(type_, m_.v),                                                                     \
        PROP(PROP_NETDEV, type_, m_.props.nd, "netdev", NULL,                                      \
             "network back end it is connected to"),                                               \
        PROP(PROP_MAC, type_, m_.props.mac, "mac", NULL, "Ethernet address"),                      \
        PROP(PROP_BOOL, type_, m_.props.mq, "mq", "off", "a pair of queues for each vCPU"),        \
        OFFER(type_, m_, OFFER_CSUM, "csum", "take frames without their checksum"),                \
        OFFER(type_, m_, OFFER_GUEST_CSUM, "guest_csum", "give frames without their checksum"),    \
        OFFER(type_, m_, OFFER_GUEST_TSO4, "guest_tso4", "give large TCP segments over IPv4"),     \
        OFFER(type_, m_, OFFER_GUEST_TSO6, "guest_tso6", "give large TCP segments over IPv6"),     \
        OFFER(type_, m_, OFFER_GUEST_ECN, "guest_ecn", "give large TCP segments with CWR"),        \
        OFFER(type_, m_, OFFER_HOST_TSO4, "host_tso4", "take large TCP segments over IPv4"),       \
        OFFER(type_, m_, OFFER_HOST_TSO6, "host_tso6", "take large TCP segments over IPv6"),       \
        OFFER(type_, m_, OFFER_HOST_ECN, "host_ecn", "take large TCP segments with CWR"),          \
        OFFER(type_, m_, OFFER_MRG_RXBUF, "mrg_rxbuf", "frames may take several buffers"),         \
        OFFER(type_, m_, OFFER_STATUS, "status", "tell whether the link is up"),                   \
        OFFER(type_, m_, OFFER_CTRL_VQ, "ctrl_vq", "a control queue"),                             \
        OFFER(type_, m_, OFFER_CTRL_RX, "ctrl_rx", "address filters"),                             \
        OFFER(type_, m_, OFFER_CTRL_RX_EXTRA, "ctrl_rx_extra", "more address filters"),            \
        OFFER(type_, m_, OFFER_CTRL_VLAN, "ctrl_vlan", "VLAN filter"),                             \
        OFFER(type_, m_, OFFER_CTRL_MAC_ADDR, "ctrl_mac_addr", "the address can be changed"),      \
        OFFER(type_, m_, OFFER_CTRL_GUEST_OFFLOADS, "ctrl_guest_offloads",                         \
              "what is left to the guest can be changed"),                                         \
        OFFER(type_, m_, OFFER_GUEST_ANNOUNCE, "guest_announce",                                   \
              "ask the guest to announce itself after a load"),                                    \
        PROP(PROP_U16, type_, m_.props.rx_queue_size, "rx_queue_size", "256",                      \
             "entries of a receive queue: a power of two", .min = 64, .max = VIRTQ_SIZE_MAX),      \
        PROP(PROP_U16, type_, m_.props.tx_queue_size, "tx_queue_size", "256",                      \
             "entries of a transmit queue: a power of two", .min = 64, .max = VIRTQ_SIZE_MAX),     \
        PROP(PROP_U16, type_, m_.props.host_mtu, "host_mtu", "0",                                  \
             "MTU that the driver is to use; 0: its own"),                                         \
        PROP(PROP_U32, type_, m_.props.speed, "speed", "4294967295",                               \
             "speed that is shown, Mb/s; 4294967295: none"),                                       \
        PROP(PROP_ENUM, type_, m_.props.duplex, "duplex", "full", "duplex that is shown",          \
             .enum_names = duplex_names),                                                          \
        BOOT_PROPS(type_, m_.props.boot)

static const struct state_field addresses_state[] = {
    STATE_INT(struct net_addresses, count, .max = MAC_TABLE_MAX),
    STATE_INT(struct net_addresses, all, .max = 1),
    STATE_BUFFER(struct net_addresses, address),
    STATE_FIELDS_END,
};
#define NET_STATE(type_, m_)                                                                       \
    STATE_VIRTIO(type_, m_.v), STATE_BUFFER(type_, m_.mac),                                        \
        STATE_INT(type_, m_.promisc, .max = 1), STATE_INT(type_, m_.allmulti, .max = 1),           \
        STATE_INT(type_, m_.alluni, .max = 1), STATE_INT(type_, m_.nomulti, .max = 1),             \
        STATE_INT(type_, m_.nouni, .max = 1), STATE_INT(type_, m_.nobcast, .max = 1),              \
        STATE_ARRAY_OF(type_, m_.addresses, addresses_state), STATE_INT_ARRAY(type_, m_.vlans),    \
        STATE_INT(type_, m_.pairs, .max = PAIRS_MAX), STATE_INT(type_, m_.guest_offloads),         \
        STATE_INT(type_, m_.announce, .max = 1), STATE_INT(type_, m_.link_up, .max = 1),           \
        STATE_BUFFER(type_, m_.steering)

/* ---- as devices ------------------------------------------------------------------------------ */

static bool kind_init(struct virtio *v, struct device *dev, struct vemu_error **errp)
{
    return net_init(from_virtio(v), dev, errp);
}

static void kind_exit(struct virtio *v)
{
    net_exit(from_virtio(v));
}

static bool kind_post_load(struct virtio *v, struct vemu_error **errp)
{
    return net_post_load(from_virtio(v), errp);
}

static bool kind_pci_added(struct virtio *v, struct pci_device *pci, struct vemu_error **errp)
{
    struct virtio_net *s = from_virtio(v);
    struct boot_target *boot = &s->props.boot;

    return pci_rom_add_usual(pci, &s->rom, s->props.romfile, BOOT_ROM, &boot->missing, errp) &&
           pci_boot_target_add(boot, v->dev, pci, BOOT_NETWORK, "/ethernet-phy@0", errp);
}

static void kind_pci_removed(struct virtio *v, struct pci_device *pci)
{
    boot_target_remove(&from_virtio(v)->props.boot);
    pci_rom_free(pci, &from_virtio(v)->rom);
}

static const struct virtio_kind net_kind = {
    .init = kind_init,
    .exit = kind_exit,
    .post_load = kind_post_load,
    .pci = {.legacy_device = 0x1000, .class_code = 0x020000},
    .pci_added = kind_pci_added,
    .pci_removed = kind_pci_removed,
};

struct net_pci {
    struct virtio_pci pci;
    struct virtio_net net;
};
static const struct prop_desc pci_props[] = {
    VIRTIO_PCI_PROPS(struct net_pci, pci),
    NET_PROPS(struct net_pci, net),
    PROP(PROP_STRING, struct net_pci, net.props.romfile, "romfile", NULL,
         "boot ROM that firmware runs (" BOOT_ROM " if it is installed); empty: none"),
    {0}};
static const struct state_field pci_state[] = {STATE_VIRTIO_PCI(struct net_pci, pci),
                                               NET_STATE(struct net_pci, net), STATE_FIELDS_END};
const struct virtio_device_class virtio_net_pci_class = {
    VIRTIO_PCI_DEVICE("virtio-net-pci", "network card by virtio", struct net_pci, net, &net_kind,
                      pci_props, pci_state)};
const struct virtio_device_class virtio_net_pci_transitional_class = {
    VIRTIO_PCI_DEVICE_TRANSITIONAL("virtio-net-pci", struct net_pci, net, &net_kind, pci_props,
                                   pci_state)};
const struct virtio_device_class virtio_net_pci_non_transitional_class = {
    VIRTIO_PCI_DEVICE_NON_TRANSITIONAL("virtio-net-pci", struct net_pci, net, &net_kind, pci_props,
                                       pci_state)};

struct net_mmio {
    struct virtio_mmio mmio;
    struct virtio_net net;
};
static const struct prop_desc mmio_props[] = {NET_PROPS(struct net_mmio, net), {0}};
static const struct state_field mmio_state[] = {STATE_VIRTIO_MMIO(struct net_mmio, mmio),
                                                NET_STATE(struct net_mmio, net), STATE_FIELDS_END};
const struct virtio_device_class virtio_net_device_class = {
    VIRTIO_MMIO_DEVICE("virtio-net-device", "network card by virtio, on a machine without PCI",
                       struct net_mmio, net, &net_kind, mmio_props, mmio_state)};
