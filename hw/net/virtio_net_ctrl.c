/*
 * The control queue: what of the network the driver wants to see, its address, its queues, what
 * the device may leave to it. VIRTIO 1.2, section "Control Virtqueue". A command is done at once.
 */
#include <string.h>
#include "core/util/endian.h"
#include "core/util/range.h"
#include "hw/net/virtio_net_internal.h"

enum { ACK_OK = 0, ACK_ERROR = 1 };
enum {
    CTRL_RX = 0,
    RX_PROMISC = 0,
    RX_ALLMULTI = 1,
    RX_ALLUNI = 2,
    RX_NOMULTI = 3,
    RX_NOUNI = 4,
    RX_NOBCAST = 5,
    CTRL_MAC = 1,
    MAC_TABLE_SET = 0,
    MAC_ADDR_SET = 1,
    CTRL_VLAN = 2,
    VLAN_ADD = 0,
    VLAN_DEL = 1,
    CTRL_ANNOUNCE = 3,
    ANNOUNCE_ACK = 0,
    CTRL_MQ = 4,
    MQ_PAIRS_SET = 0,
    CTRL_GUEST_OFFLOADS = 5,
    GUEST_OFFLOADS_SET = 0,
    COMMAND_SIZE = 2, /* class, command */
};

struct command {
    struct virtio_net *s;
    const struct virtq_element *e;
    uint8_t cls, command;
    uint64_t len; /* bytes of data behind the two */
};

/* Data of the command from `at` on. */
static bool data(const struct command *c, uint64_t at, void *out, uint32_t len)
{
    return virtq_gather(&c->s->v, c->e->buffers, c->e->out, COMMAND_SIZE + at, out, len);
}

static bool rx_mode(const struct command *c)
{
    struct virtio_net *s = c->s;
    uint8_t *const modes[] = {
        [RX_PROMISC] = &s->promisc, [RX_ALLMULTI] = &s->allmulti, [RX_ALLUNI] = &s->alluni,
        [RX_NOMULTI] = &s->nomulti, [RX_NOUNI] = &s->nouni,       [RX_NOBCAST] = &s->nobcast};
    unsigned feature = c->command <= RX_ALLMULTI ? NET_F_CTRL_RX : NET_F_CTRL_RX_EXTRA;
    uint8_t on;

    if (c->command >= ARRAY_SIZE(modes) || !virtio_has(&s->v, feature) || c->len != 1 ||
        !data(c, 0, &on, 1))
        return false;
    *modes[c->command] = on != 0;
    return true;
}

/* A list of addresses behind their number, at *at, which it moves on. */
static bool take_addresses(const struct command *c, uint64_t *at, struct net_addresses *t)
{
    uint8_t raw[4];
    uint64_t count, bytes;

    memset(t, 0, sizeof *t);
    if (!data(c, *at, raw, sizeof raw))
        return false;
    count = load_le32(raw);
    bytes = count * NET_ADDRESS_SIZE;
    *at += sizeof raw;
    if (!range_fits(*at, bytes, c->len))
        return false;
    t->all = count > MAC_TABLE_MAX;
    t->count = (uint8_t)(t->all ? 0 : count);
    if (t->count && !data(c, *at, t->address, (uint32_t)bytes))
        return false;
    *at += bytes;
    return true;
}

static bool mac_table(const struct command *c)
{
    struct net_addresses t[2];
    uint64_t at = 0;

    if (!virtio_has(&c->s->v, NET_F_CTRL_RX) || !take_addresses(c, &at, &t[UNICAST]) ||
        !take_addresses(c, &at, &t[MULTICAST]) || at != c->len)
        return false;
    memcpy(c->s->addresses, t, sizeof t);
    return true;
}

static bool mac_address(const struct command *c)
{
    uint8_t mac[NET_ADDRESS_SIZE];

    if (!virtio_has(&c->s->v, NET_F_CTRL_MAC_ADDR) || c->len != sizeof mac ||
        !data(c, 0, mac, sizeof mac))
        return false;
    memcpy(c->s->mac, mac, sizeof mac);
    virtio_net_fill_config(c->s);
    return true;
}

static bool vlan(const struct command *c)
{
    uint8_t raw[2];

    if (!virtio_has(&c->s->v, NET_F_CTRL_VLAN) || c->len != sizeof raw ||
        !data(c, 0, raw, sizeof raw))
        return false;
    unsigned id = load_le16(raw);
    if (id >= VLANS)
        return false;
    if (c->command == VLAN_ADD)
        bitmap_set(c->s->vlans, id);
    else
        bitmap_clear(c->s->vlans, id);
    return true;
}

static bool announced(const struct command *c)
{
    if (!virtio_has(&c->s->v, NET_F_GUEST_ANNOUNCE) || !c->s->announce)
        return false;
    c->s->announce = 0;
    virtio_net_fill_config(c->s);
    return true;
}

static bool queue_pairs(const struct command *c)
{
    uint8_t raw[2];

    if (!virtio_has(&c->s->v, NET_F_MQ) || c->len != sizeof raw || !data(c, 0, raw, sizeof raw))
        return false;
    uint16_t pairs = load_le16(raw);
    if (!pairs || pairs > c->s->max_pairs)
        return false;
    c->s->pairs = pairs;
    return true;
}

static bool guest_offloads(const struct command *c)
{
    const uint64_t possible = VIRTIO_BIT(NET_F_GUEST_CSUM) | VIRTIO_BIT(NET_F_GUEST_TSO4) |
                              VIRTIO_BIT(NET_F_GUEST_TSO6) | VIRTIO_BIT(NET_F_GUEST_ECN);
    uint8_t raw[8];

    if (!virtio_has(&c->s->v, NET_F_CTRL_GUEST_OFFLOADS) || c->len != sizeof raw ||
        !data(c, 0, raw, sizeof raw))
        return false;
    uint64_t offloads = load_le64(raw);
    if (offloads & ~(possible & c->s->v.guest_features))
        return false;
    c->s->guest_offloads = offloads;
    virtio_net_apply_offloads(c->s);
    return true;
}

static bool execute(const struct command *c)
{
    static const struct {
        uint8_t cls, first, last;
        bool (*run)(const struct command *c);
    } commands[] = {
        {CTRL_RX, RX_PROMISC, RX_NOBCAST, rx_mode},
        {CTRL_MAC, MAC_TABLE_SET, MAC_TABLE_SET, mac_table},
        {CTRL_MAC, MAC_ADDR_SET, MAC_ADDR_SET, mac_address},
        {CTRL_VLAN, VLAN_ADD, VLAN_DEL, vlan},
        {CTRL_ANNOUNCE, ANNOUNCE_ACK, ANNOUNCE_ACK, announced},
        {CTRL_MQ, MQ_PAIRS_SET, MQ_PAIRS_SET, queue_pairs},
        {CTRL_GUEST_OFFLOADS, GUEST_OFFLOADS_SET, GUEST_OFFLOADS_SET, guest_offloads},
    };

    for (unsigned i = 0; i < ARRAY_SIZE(commands); i++) {
        if (c->cls == commands[i].cls && c->command >= commands[i].first &&
            c->command <= commands[i].last)
            return commands[i].run(c);
    }
    return false;
}

/* False: the device is broken. */
static bool take_command(struct virtio_net *s, struct virtq *q, const struct virtq_element *e)
{
    struct command c = {.s = s, .e = e, .len = e->out_bytes - COMMAND_SIZE};
    uint8_t head[COMMAND_SIZE], ack = ACK_ERROR;

    if (e->out_bytes < COMMAND_SIZE || !e->in_bytes) {
        virtio_break(&s->v, "queue %u: a command without %s", q->index,
                     e->in_bytes ? "its two first bytes" : "a place for the answer");
        return false;
    }
    if (virtq_gather(&s->v, e->buffers, e->out, 0, head, sizeof head)) {
        c.cls = head[0];
        c.command = head[1];
        ack = execute(&c) ? ACK_OK : ACK_ERROR;
    }
    virtq_scatter(&s->v, e->buffers + e->out, e->in, 0, &ack, 1);
    virtq_push(q, e->head, 1);
    return true;
}

void virtio_net_control(struct virtio_net *s, struct virtq *q)
{
    uint16_t before = q->next_used;
    struct virtq_element e;

    do {
        while (virtq_pop(q, &e) == VIRTQ_POPPED) {
            if (!take_command(s, q, &e))
                return;
        }
        virtq_want_notify(q, true);
    } while (!virtq_is_empty(q));
    if (q->next_used != before)
        virtq_signal(q);
}
