/*
 * Network back ends, and the link between one and a network device.
 *
 * A back end (user, tap, stream) is named and belongs to the machine; a device attaches to it as
 * its front end, one per back end. Frames go both ways without waiting: what cannot go now is told,
 * and a callback says when it can. The link completes checksums and cuts segments for a side that
 * does not do so itself (packet.h).
 *
 * Thread contract: everything with the machine lock held. receive, room and link_changed are called
 * on the main loop's thread, never from within netdev_send.
 */
#ifndef CORE_NET_NET_H
#define CORE_NET_NET_H

#include <stdbool.h>
#include <stdint.h>
#include "core/net/packet.h"

struct vemu_machine;
struct vemu_error;
struct netdev;

struct net_frontend {
    /* May the device have a buffer for a frame? */
    bool (*can_receive)(void *opaque);
    /* The data is the link's and gone afterwards. False: there is no room for this frame, which
     * waits until netdev_accept. */
    bool (*receive)(void *opaque, const struct net_packet *packet);
    /* netdev_send takes frames again. */
    void (*room)(void *opaque);
    void (*link_changed)(void *opaque, bool up); /* may be NULL */
};

/*
 * Creates a back end from the well-known option text. id may be NULL (the text's id=, or one is
 * made). Listed in m->netdevs. Back ends and their items:
 *
 * - user[,net=ADDR/BITS][,host=ADDR][,dns=ADDR][,dhcpstart=ADDR][,hostname=NAME][,domainname=NAME]
 *   [,dnssearch=NAME][,tftp=DIR][,bootfile=FILE][,tftp-server-name=NAME][,restrict=on|off]
 *   [,ipv4=on|off][,ipv6=on|off][,ipv6-net=PREFIX/BITS][,ipv6-host=ADDR][,ipv6-dns=ADDR]
 *   [,hostfwd=[tcp|udp]:[HOSTADDR]:HOSTPORT-[GUESTADDR]:GUESTPORT]...
 *   [,guestfwd=[tcp]:ADDR:PORT-CHARDEV|cmd:COMMAND]...: a network of its own behind the host's
 *   sockets (libslirp, opened when first used)
 * - tap[,ifname=NAME][,br=BRIDGE][,fd=N][,vnet_hdr=on|off]: an interface of the host
 * - stream,addr.type=unix|inet|fd,addr.path=PATH|addr.host=HOST,addr.port=PORT|addr.str=FD
 *   [,server=on|off] and socket,listen=|connect=|fd=: frames over a stream, each behind its length
 *   as four bytes, big-endian
 */
struct netdev *netdev_new(struct vemu_machine *m, const char *id, const char *spec,
                          struct vemu_error **errp);
struct netdev *netdev_find(struct vemu_machine *m, const char *id);
const char *netdev_id(const struct netdev *nd);
/* Has no front end any more. */
void netdev_free(struct netdev *nd);
void netdev_free_all(struct vemu_machine *m);

/* Fails when it has a front end. takes: what of NET_* packets may leave to the device. */
bool netdev_attach(struct netdev *nd, const struct net_frontend *fe, void *opaque,
                   struct vemu_error **errp);
void netdev_detach(struct netdev *nd);
/* Has it a front end? */
bool netdev_in_use(const struct netdev *nd);
/* What the driver negotiated; none at first. */
void netdev_set_offloads(struct netdev *nd, unsigned takes);
/* False: not now, nothing was taken, and `room` will be called. Frames that are too long or empty
 * count as taken, and so does everything while the link is down. */
bool netdev_send(struct netdev *nd, const struct net_packet *packet);
/* The device can receive again. */
void netdev_accept(struct netdev *nd);
/* Frames that wait to be received are dropped: the device was reset. */
void netdev_purge(struct netdev *nd);
/* While vCPUs are paused devices receive nothing: frames wait. For whoever pauses and resumes them.
 */
void netdev_pause_all(struct vemu_machine *m, bool paused);
bool netdev_link(const struct netdev *nd);
/* Pulls or plugs the cable. */
void netdev_set_link(struct netdev *nd, bool up);

/* Writes every frame of both directions to a pcap file (libpcap's savefile format 2.4), the first
 * snap_len bytes of it, until netdev_free. One per back end. */
bool netdev_capture(struct netdev *nd, const char *path, uint32_t snap_len,
                    struct vemu_error **errp);

struct net_counters {
    uint64_t sent, sent_bytes;         /* by the device */
    uint64_t received, received_bytes; /* by the device */
    uint64_t dropped;                  /* of both */
};
const struct net_counters *netdev_counters(const struct netdev *nd);

/* An Ethernet address as text: "52:54:00:12:34:56". False: it is none. */
bool net_address_parse(const char *text, uint8_t address[NET_ADDRESS_SIZE]);
/* An address that is all zeros becomes the next of the machine's own: 52:54:00:12:34:56 and on. */
void net_address_default(struct vemu_machine *m, uint8_t address[NET_ADDRESS_SIZE]);

#endif
