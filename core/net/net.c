/* The list of back ends, and the link between one and its device: see net.h. */
#include "core/net/net.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "core/device/machine.h"
#include "core/net/backend.h"
#include "core/util/endian.h"
#include "core/util/hex.h"
#include "core/util/range.h"

static const struct netdev_backend *const backends[] = {&netdev_user, &netdev_tap, &netdev_stream,
                                                        &netdev_socket};

struct queued {
    struct list node;
    struct net_packet packet;
    uint8_t data[];
};

static void drop(struct netdev *nd)
{
    nd->counters.dropped++;
}

static void capture(struct netdev *nd, const uint8_t *frame, uint32_t len)
{
    if (nd->capture &&
        !pcap_write(nd->capture, frame, len, clock_now(nd->machine->clocks, VCLOCK_RTC))) {
        netdev_warn(nd, "the capture file cannot be written any more; it ends here");
        pcap_close(nd->capture);
        nd->capture = NULL;
    }
}

static struct queued *copy_packet(const struct net_packet *p)
{
    struct queued *q = malloc(sizeof *q + p->len);

    if (!q)
        return NULL;
    q->packet = *p;
    q->packet.data = q->data;
    memcpy(q->data, p->data, p->len);
    return q;
}

/* ---- completing what the other side does not do ---------------------------------------------- */

struct side {
    struct netdev *nd;
    void (*put)(struct netdev *nd, const struct net_packet *packet);
};

static void put_frame(void *opaque, const uint8_t *frame, uint32_t len)
{
    const struct side *side = opaque;
    struct net_packet p = {.data = frame, .len = len, .csum_valid = true};

    side->put(side->nd, &p);
}

/* Hands the packet to put, in a form that needs no more than `takes`. */
static void complete(struct netdev *nd, const struct net_packet *p, unsigned takes,
                     uint32_t payload_max,
                     void (*put)(struct netdev *nd, const struct net_packet *packet))
{
    struct side side = {nd, put};
    unsigned missing = net_packet_needs(p) & ~takes;

    if (!missing) {
        put(nd, p);
        return;
    }
    if (!nd->scratch)
        nd->scratch = malloc(NET_FRAME_MAX);
    if (!nd->scratch) {
        drop(nd);
        return;
    }
    if (p->gso != NET_GSO_NONE) {
        if (!net_segment(p, payload_max ? payload_max : p->gso_size, nd->scratch, put_frame, &side))
            drop(nd);
        return;
    }
    memcpy(nd->scratch, p->data, p->len);
    struct net_packet whole = *p;
    whole.data = nd->scratch;
    whole.needs_csum = false;
    if (net_finish_checksum(p, nd->scratch))
        put(nd, &whole);
    else
        drop(nd);
}

/* ---- from the device ------------------------------------------------------------------------- */

/* The device is done with the packet: what the back end does not take of it waits. */
static void put_backend(struct netdev *nd, const struct net_packet *p)
{
    if (nd->busy || !list_empty(&nd->out)) {
        struct queued *q = copy_packet(p);
        if (q)
            list_add_tail(&nd->out, &q->node);
        else
            drop(nd);
        return;
    }
    capture(nd, p->data, p->len);
    nd->backend->send(nd, p);
}

static void flush_out(struct netdev *nd)
{
    while (!nd->busy && !list_empty(&nd->out)) {
        struct queued *q = list_entry(nd->out.next, struct queued, node);
        list_remove(&q->node);
        capture(nd, q->packet.data, q->packet.len);
        nd->backend->send(nd, &q->packet);
        free(q);
    }
}

bool netdev_send(struct netdev *nd, const struct net_packet *p)
{
    if (nd->link_down || p->len < NET_ETH_HEADER || p->len > NET_FRAME_MAX) {
        drop(nd);
        return true;
    }
    if (nd->busy || !list_empty(&nd->out)) {
        nd->room_owed = true;
        return false;
    }
    nd->counters.sent++;
    nd->counters.sent_bytes += p->len;
    complete(nd, p, nd->takes, nd->backend->payload_max, put_backend);
    return true;
}

void netdev_set_busy(struct netdev *nd, bool busy)
{
    nd->busy = busy;
    if (!busy && (nd->room_owed || !list_empty(&nd->out)))
        timer_set(&nd->kick, 0);
}

/* ---- to the device --------------------------------------------------------------------------- */

static bool receives(struct netdev *nd)
{
    return nd->fe && !nd->link_down && !nd->paused && nd->fe->can_receive(nd->fe_opaque);
}

/* Keeps a frame in the queue, before the node. */
static void enqueue(struct netdev *nd, const struct net_packet *p, struct list *before)
{
    struct queued *q = nd->queued + p->len <= NET_QUEUE_BYTES ? copy_packet(p) : NULL;

    if (!q) {
        drop(nd);
        return;
    }
    nd->queued += p->len;
    list_add_tail(before, &q->node);
}

/* Of several frames that one packet became, those from the first refused one on wait. */
static void put_frontend(struct netdev *nd, const struct net_packet *p)
{
    if (nd->refused || !receives(nd) || !nd->fe->receive(nd->fe_opaque, p)) {
        nd->refused = true;
        enqueue(nd, p, nd->place);
        return;
    }
    nd->counters.received++;
    nd->counters.received_bytes += p->len;
}

/* Frames that wait are put before `place`. */
static void give(struct netdev *nd, const struct net_packet *p, struct list *place)
{
    nd->delivering = true;
    nd->refused = false;
    nd->place = place;
    complete(nd, p, nd->fe_takes, 0, put_frontend);
    nd->delivering = false;
}

static void pop(struct netdev *nd, struct queued *q)
{
    nd->queued -= q->packet.len;
    list_remove(&q->node);
    free(q);
}

static void deliver(struct netdev *nd)
{
    while (!list_empty(&nd->queue) && receives(nd)) {
        struct queued *q = list_entry(nd->queue.next, struct queued, node);
        struct list *next = q->node.next;
        /* It is out of the queue already, and may come back into its place. */
        nd->queued -= q->packet.len;
        list_remove(&q->node);
        give(nd, &q->packet, next);
        free(q);
        if (nd->refused)
            break;
    }
    if (nd->queue_full && nd->queued < NET_QUEUE_BYTES / 2) {
        nd->queue_full = false;
        if (nd->backend->input_changed)
            nd->backend->input_changed(nd);
    }
}

void netdev_input(struct netdev *nd, const struct net_packet *p, bool direct)
{
    if (!nd->fe || nd->link_down || p->len < NET_ETH_HEADER || p->len > NET_FRAME_MAX) {
        drop(nd);
        return;
    }
    capture(nd, p->data, p->len);
    if (direct && list_empty(&nd->queue) && !nd->delivering && receives(nd)) {
        give(nd, p, &nd->queue);
        return;
    }
    enqueue(nd, p, &nd->queue);
    if (!direct)
        timer_set(&nd->kick, 0);
}

bool netdev_input_room(struct netdev *nd)
{
    bool room = nd->queued + NET_FRAME_MAX <= NET_QUEUE_BYTES;

    if (!room)
        nd->queue_full = true;
    return room;
}

void netdev_accept(struct netdev *nd)
{
    if (!list_empty(&nd->queue))
        timer_set(&nd->kick, 0);
}

void netdev_purge(struct netdev *nd)
{
    list_for_each_safe(q, &nd->queue, struct queued, node)
    {
        pop(nd, q);
        drop(nd);
    }
    nd->place = &nd->queue;
    nd->room_owed = false;
    if (nd->queue_full)
        timer_set(&nd->kick, 0);
}

static void kicked(void *opaque)
{
    struct netdev *nd = opaque;

    if (nd->fe && nd->link_told_down != nd->link_down) {
        nd->link_told_down = nd->link_down;
        if (nd->fe->link_changed)
            nd->fe->link_changed(nd->fe_opaque, !nd->link_down);
    }
    deliver(nd);
    flush_out(nd);
    if (nd->fe && nd->room_owed && !nd->busy) {
        nd->room_owed = false;
        nd->fe->room(nd->fe_opaque);
    }
}

bool netdev_in_use(const struct netdev *nd)
{
    return nd->fe != NULL;
}

void netdev_pause_all(struct vemu_machine *m, bool paused)
{
    list_for_each(nd, &m->netdevs, struct netdev, node)
    {
        nd->paused = paused;
        if (!paused)
            netdev_accept(nd);
    }
}

bool netdev_link(const struct netdev *nd)
{
    return !nd->link_down;
}

void netdev_set_link(struct netdev *nd, bool up)
{
    nd->link_down = !up;
    if (!up)
        netdev_purge(nd);
    timer_set(&nd->kick, 0);
}

/* ---- coming and going ------------------------------------------------------------------------ */

bool netdev_attach(struct netdev *nd, const struct net_frontend *fe, void *opaque,
                   struct vemu_error **errp)
{
    if (nd->fe)
        return error_set(errp, VEMU_ERROR_STATE,
                         "network back end '%s' is used by another device already", nd->id);
    nd->fe = fe;
    nd->fe_opaque = opaque;
    nd->link_told_down = nd->link_down;
    netdev_set_offloads(nd, 0);
    if (nd->backend->input_changed)
        nd->backend->input_changed(nd);
    return true;
}

void netdev_detach(struct netdev *nd)
{
    nd->fe = NULL;
    nd->fe_opaque = NULL;
    netdev_purge(nd);
    netdev_set_offloads(nd, 0);
    timer_cancel(&nd->kick);
}

void netdev_set_offloads(struct netdev *nd, unsigned takes)
{
    nd->fe_takes = takes;
    if (nd->backend->set_offloads)
        nd->backend->set_offloads(nd, takes);
}

bool netdev_capture(struct netdev *nd, const char *path, uint32_t snap_len,
                    struct vemu_error **errp)
{
    if (nd->capture)
        return error_set(errp, VEMU_ERROR_STATE, "'%s' is captured already", nd->id);
    nd->capture = pcap_open(path, snap_len, errp);
    return nd->capture != NULL;
}

const struct net_counters *netdev_counters(const struct netdev *nd)
{
    return &nd->counters;
}

struct netdev *netdev_find(struct vemu_machine *m, const char *id)
{
    list_for_each(nd, &m->netdevs, struct netdev, node)
    {
        if (strcmp(nd->id, id) == 0)
            return nd;
    }
    return NULL;
}

const char *netdev_id(const struct netdev *nd)
{
    return nd->id;
}

static char *make_id(struct vemu_machine *m, const char *id)
{
    char text[32];

    if (id)
        return strdup(id);
    for (unsigned n = 0;; n++) {
        snprintf(text, sizeof text, "net%u", n);
        if (!netdev_find(m, text))
            return strdup(text);
    }
}

static const struct netdev_backend *find_backend(const char *name)
{
    for (unsigned i = 0; name && i < ARRAY_SIZE(backends); i++) {
        if (strcmp(backends[i]->name, name) == 0)
            return backends[i];
    }
    return NULL;
}

static struct netdev *new_from_opts(struct vemu_machine *m, const char *id, struct opts *opts,
                                    struct vemu_error **errp)
{
    const char *type = opts_get(opts, "type"), *own_id = opts_get(opts, "id");
    const struct netdev_backend *backend = find_backend(type);
    char what[32];

    id = id ? id : own_id;
    if (!backend) {
        error_set(errp, VEMU_ERROR_INVALID,
                  "'%.40s' is not a network back end; use user, tap, stream or socket",
                  type ? type : "");
        return NULL;
    }
    if (id && netdev_find(m, id)) {
        error_set(errp, VEMU_ERROR_STATE, "there is a network back end '%.80s' already", id);
        return NULL;
    }
    struct netdev *nd = calloc(1, sizeof *nd);
    if (!nd || !(nd->id = make_id(m, id))) {
        free(nd);
        error_set(errp, VEMU_ERROR_NO_MEMORY, "out of memory");
        return NULL;
    }
    nd->machine = m;
    nd->backend = backend;
    nd->takes = backend->takes;
    list_init(&nd->queue);
    list_init(&nd->out);
    timer_init(&nd->kick, m->clocks, VCLOCK_HOST, kicked, nd);
    snprintf(what, sizeof what, "netdev %s", backend->name);
    if (!backend->open(nd, opts, what, errp)) {
        free(nd->id);
        free(nd);
        return NULL;
    }
    list_add_tail(&m->netdevs, &nd->node);
    return nd;
}

struct netdev *netdev_new(struct vemu_machine *m, const char *id, const char *spec,
                          struct vemu_error **errp)
{
    struct opts opts;
    struct netdev *nd;

    if (!opts_parse(&opts, "netdev", "type", spec, errp))
        return NULL;
    nd = new_from_opts(m, id, &opts, errp);
    opts_free(&opts);
    return nd;
}

void netdev_free(struct netdev *nd)
{
    timer_cancel(&nd->kick);
    nd->fe = NULL;
    nd->backend->close(nd);
    netdev_purge(nd);
    list_for_each_safe(q, &nd->out, struct queued, node) free(q);
    timer_cancel(&nd->kick);
    if (nd->capture && !pcap_close(nd->capture))
        netdev_warn(nd, "the end of the capture could not be written");
    list_remove(&nd->node);
    free(nd->scratch);
    free(nd->id);
    free(nd);
}

void netdev_free_all(struct vemu_machine *m)
{
    list_for_each_safe(nd, &m->netdevs, struct netdev, node) netdev_free(nd);
}

void netdev_warn(struct netdev *nd, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    log_write_about(&nd->machine->log, LOG_WARN, "network", nd->id, fmt, ap);
    va_end(ap);
}

bool net_address_parse(const char *text, uint8_t address[NET_ADDRESS_SIZE])
{
    for (unsigned i = 0; i < NET_ADDRESS_SIZE; i++) {
        unsigned value = 0;
        for (unsigned k = 0; k < 2; k++, text++) {
            int digit = hex_digit(*text);
            if (digit < 0)
                return false;
            value = value << 4 | (unsigned)digit;
        }
        address[i] = (uint8_t)value;
        if (i + 1 < NET_ADDRESS_SIZE && *text != ':' && *text != '-')
            return false;
        text += i + 1 < NET_ADDRESS_SIZE;
    }
    return !*text;
}

void net_address_default(struct vemu_machine *m, uint8_t address[NET_ADDRESS_SIZE])
{
    static const uint8_t none[NET_ADDRESS_SIZE], first[] = {0x52, 0x54, 0x00, 0x12, 0x34, 0x56};

    if (memcmp(address, none, sizeof none) != 0)
        return;
    memcpy(address, first, sizeof first);
    store_be16(address + 4, (uint16_t)(load_be16(first + 4) + m->net_addresses++));
}
