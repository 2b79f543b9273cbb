/*
 * Between core/net/net.c, which knows front ends, and the back ends, one a file, which know the
 * outside. Private to core/net. Everything runs with the machine lock held, or before the machine
 * runs.
 */
#ifndef CORE_NET_BACKEND_H
#define CORE_NET_BACKEND_H

#include "core/clock/clock.h"
#include "core/net/net.h"
#include "core/util/error.h"
#include "core/util/list.h"
#include "core/util/opts.h"

struct pcap;

struct netdev_backend {
    const char *name;
    unsigned takes;       /* NET_* bits that `send` takes as they are */
    uint32_t payload_max; /* of the pieces that a TCP segment is cut into when `takes` lacks it; 0:
                             what the packet says */
    /* Makes nd->priv and opens. what: for error sentences ("netdev user"). On failure close is not
     * called. */
    bool (*open)(struct netdev *nd, struct opts *opts, const char *what, struct vemu_error **errp);
    void (*close)(struct netdev *nd);
    /* Takes the packet in any case; called only while not netdev_busy. */
    void (*send)(struct netdev *nd, const struct net_packet *packet);
    /* A queue that was full has room, or a front end came or went. May be NULL. */
    void (*input_changed)(struct netdev *nd);
    /* What the front end takes from now on. May be NULL. */
    void (*set_offloads)(struct netdev *nd, unsigned takes);
};

enum { NET_QUEUE_BYTES = 4 << 20 };

struct netdev {
    struct list node;
    struct vemu_machine *machine;
    char *id;
    const struct netdev_backend *backend;
    void *priv;
    unsigned takes; /* backend->takes, less what this one turned out not to do */

    const struct net_frontend *fe;
    void *fe_opaque;
    unsigned fe_takes;

    struct list queue; /* struct queued: came in, not yet received */
    size_t queued;     /* bytes */
    bool queue_full;   /* input_changed is owed */
    struct list out;   /* struct queued: the last of several frames that one packet became, after
                          the back end got busy in the middle */
    bool busy;         /* the back end takes nothing now */
    bool room_owed;    /* a front end was refused since */
    bool link_down, link_told_down;
    bool paused;
    bool delivering;
    bool refused;       /* by the device, since the packet that is delivered was begun */
    struct list *place; /* where frames of that packet go that wait: before this node */
    struct timer kick;  /* "as soon as possible": has the loop's thread call the front end */

    struct pcap *capture;
    struct net_counters counters;
    uint8_t *scratch; /* NET_FRAME_MAX: frames being completed; made when first needed */
};

extern const struct netdev_backend netdev_user, netdev_tap, netdev_stream, netdev_socket;

/* A frame from outside. direct: called on the loop's thread and not from within `send`, so that the
 * front end can have it at once. Dropped when the queue is full. */
void netdev_input(struct netdev *nd, const struct net_packet *packet, bool direct);
/* False: read no more from outside until input_changed. */
bool netdev_input_room(struct netdev *nd);
/* From now on `send` may, or may not, be called. */
void netdev_set_busy(struct netdev *nd, bool busy);
/* A line for the user, after the back end's name. */
void netdev_warn(struct netdev *nd, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* ---- pcap.c ---------------------------------------------------------------------------------- */

struct pcap *pcap_open(const char *path, uint32_t snap_len, struct vemu_error **errp);
/* ns: since the Unix epoch. False: the file cannot be written any more. */
bool pcap_write(struct pcap *p, const uint8_t *frame, uint32_t len, int64_t ns);
/* False: what was written did not reach the file. */
bool pcap_close(struct pcap *p);

#endif
