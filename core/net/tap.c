/*
 * An interface of the host (Linux's tap, Documentation/networking/tuntap.rst): one that is made
 * here, one that exists, or a descriptor from somebody with the right to open one. No scripts are
 * run; br= puts the interface into a bridge.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <linux/sockios.h>
#include <linux/virtio_net.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>
#include "core/device/machine.h"
#include "core/net/backend.h"
#include "core/util/range.h"
#include "core/util/size.h"

enum { FRAMES_AT_ONCE = 64 };

struct tap {
    struct netdev *nd;
    int fd;
    bool header;      /* frames come and go with a struct virtio_net_hdr */
    unsigned watched; /* LOOP_* */
    uint8_t in[sizeof(struct virtio_net_hdr) + NET_FRAME_MAX];
    uint8_t held[sizeof(struct virtio_net_hdr) + NET_FRAME_MAX]; /* a frame to write later */
    size_t held_len;
};

static void tap_ready(void *opaque, int fd, unsigned events);

static void watch(struct tap *t, unsigned events)
{
    struct vemu_error *err = NULL;

    if (t->watched == events)
        return;
    if (!loop_fd_set(t->nd->machine->loop, t->fd, events, tap_ready, t, &err)) {
        netdev_warn(t->nd, "%s", vemu_error_message(err));
        vemu_error_free(err);
        return;
    }
    t->watched = events;
}

static void update(struct tap *t)
{
    watch(t, (t->nd->fe && netdev_input_room(t->nd) ? LOOP_READ : 0u) |
                 (t->held_len ? LOOP_WRITE : 0u));
}

/* ---- in -------------------------------------------------------------------------------------- */

/* What the kernel says of a frame; false: it is to be dropped. */
static bool from_header(const struct virtio_net_hdr *h, struct net_packet *p)
{
    p->needs_csum = h->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM;
    p->csum_valid = h->flags & VIRTIO_NET_HDR_F_DATA_VALID;
    p->csum_start = h->csum_start;
    p->csum_offset = h->csum_offset;
    p->gso_size = h->gso_size;
    p->ecn = h->gso_type & VIRTIO_NET_HDR_GSO_ECN;
    switch (h->gso_type & ~VIRTIO_NET_HDR_GSO_ECN) {
    case VIRTIO_NET_HDR_GSO_NONE:
        return true;
    case VIRTIO_NET_HDR_GSO_TCPV4:
        p->gso = NET_GSO_TCP4;
        return true;
    case VIRTIO_NET_HDR_GSO_TCPV6:
        p->gso = NET_GSO_TCP6;
        return true;
    default:
        return false;
    }
}

/* False: nothing was there. */
static bool read_frame(struct tap *t)
{
    struct virtio_net_hdr h = {0};
    size_t header = t->header ? sizeof h : 0;
    ssize_t n = read(t->fd, t->in, sizeof t->in);
    struct net_packet p = {0};

    if (n < 0)
        return errno == EINTR;
    if ((size_t)n <= header)
        return n > 0;
    memcpy(&h, t->in, header);
    p.data = t->in + header;
    p.len = (uint32_t)((size_t)n - header);
    if (from_header(&h, &p))
        netdev_input(t->nd, &p, true);
    return true;
}

/* ---- out ------------------------------------------------------------------------------------- */

static void tap_send(struct netdev *nd, const struct net_packet *p)
{
    struct tap *t = nd->priv;
    struct virtio_net_hdr h = {0};
    struct iovec iov[2] = {{&h, t->header ? sizeof h : 0}, {(void *)(uintptr_t)p->data, p->len}};
    ssize_t n;

    if (p->needs_csum) {
        h.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
        h.csum_start = p->csum_start;
        h.csum_offset = p->csum_offset;
    }
    if (p->gso != NET_GSO_NONE) {
        h.gso_type = p->gso == NET_GSO_TCP4 ? VIRTIO_NET_HDR_GSO_TCPV4 : VIRTIO_NET_HDR_GSO_TCPV6;
        h.gso_type |= p->ecn ? VIRTIO_NET_HDR_GSO_ECN : 0;
        h.gso_size = p->gso_size;
    }
    do {
        n = writev(t->fd, iov, 2);
    } while (n < 0 && errno == EINTR);
    if (n >= 0 || errno != EAGAIN) /* what the kernel refuses is lost, as on a wire */
        return;
    memcpy(t->held, &h, iov[0].iov_len);
    memcpy(t->held + iov[0].iov_len, p->data, p->len);
    t->held_len = iov[0].iov_len + p->len;
    netdev_set_busy(nd, true);
    update(t);
}

static void tap_ready(void *opaque, int fd, unsigned events)
{
    struct tap *t = opaque;

    if (events & LOOP_WRITE && t->held_len &&
        (write(fd, t->held, t->held_len) >= 0 || errno != EAGAIN)) {
        t->held_len = 0;
        netdev_set_busy(t->nd, false);
    }
    for (unsigned k = 0; events & LOOP_READ && k < FRAMES_AT_ONCE && netdev_input_room(t->nd);
         k++) {
        if (!read_frame(t))
            break;
    }
    if (events & LOOP_HUP && !(events & (LOOP_READ | LOOP_WRITE))) {
        netdev_warn(t->nd, "the interface is gone");
        loop_fd_remove(t->nd->machine->loop, fd);
        return;
    }
    update(t);
}

static void tap_input_changed(struct netdev *nd)
{
    update(nd->priv);
}

static void tap_set_offloads(struct netdev *nd, unsigned takes)
{
    struct tap *t = nd->priv;
    unsigned f = (takes & NET_TSO4 ? TUN_F_TSO4 : 0u) | (takes & NET_TSO6 ? TUN_F_TSO6 : 0u) |
                 (takes & NET_ECN ? TUN_F_TSO_ECN : 0u);

    if (t->header)
        ioctl(t->fd, TUNSETOFFLOAD, takes & NET_CSUM ? f | TUN_F_CSUM : 0ul);
}

/* ---- open and close -------------------------------------------------------------------------- */

static void tap_close(struct netdev *nd)
{
    struct tap *t = nd->priv;

    loop_fd_remove(nd->machine->loop, t->fd);
    close(t->fd);
    free(t);
}

static int open_passed(const char *text, struct ifreq *ifr, const char *what,
                       struct vemu_error **errp)
{
    uint64_t number;

    if (!number_parse(text, &number) || number > INT32_MAX) {
        error_set(errp, VEMU_ERROR_INVALID, "%s: fd='%.40s' must be the number of a descriptor",
                  what, text);
        return -1;
    }
    int fd = fcntl((int)number, F_DUPFD_CLOEXEC, 3);
    if (fd < 0 || ioctl(fd, TUNGETIFF, ifr)) {
        error_set(errp, VEMU_ERROR_INVALID, "%s: descriptor %s is not that of a tap interface: %s",
                  what, text, strerror(errno));
        if (fd >= 0)
            close(fd);
        return -1;
    }
    return fd;
}

static int open_new(const char *name, bool header, struct ifreq *ifr, const char *what,
                    struct vemu_error **errp)
{
    int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);

    if (fd < 0) {
        error_set(errp, VEMU_ERROR_IO,
                  "%s: /dev/net/tun: %s; it needs the kernel's tun module, and the right to use it",
                  what, strerror(errno));
        return -1;
    }
    memset(ifr, 0, sizeof *ifr);
    strncpy(ifr->ifr_name, name ? name : "tap%d", IFNAMSIZ - 1);
    ifr->ifr_flags = (short)(IFF_TAP | IFF_NO_PI | (header ? IFF_VNET_HDR : 0));
    if (ioctl(fd, TUNSETIFF, ifr)) {
        error_set(errp, VEMU_ERROR_IO, "%s: interface %s: %s%s", what, name ? name : "tap",
                  strerror(errno),
                  errno == EPERM ? "; that needs root, an interface of your own (ip tuntap add ... "
                                   "user ...) or fd="
                                 : "");
        close(fd);
        return -1;
    }
    return fd;
}

/* Up, and into the bridge if there is one. */
static bool set_up(struct ifreq *ifr, const char *bridge, const char *what,
                   struct vemu_error **errp)
{
    struct ifreq br = {0}, flags = *ifr;
    int sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    bool ok = sock >= 0;

    if (bridge) {
        strncpy(br.ifr_name, bridge, IFNAMSIZ - 1);
        ok = ok && !ioctl(sock, SIOCGIFINDEX, ifr);
        br.ifr_ifindex = ifr->ifr_ifindex;
        ok = ok && (!ioctl(sock, SIOCBRADDIF, &br) || errno == EBUSY);
        if (!ok)
            error_set(errp, VEMU_ERROR_IO, "%s: %s cannot be put into bridge %s: %s", what,
                      ifr->ifr_name, bridge, strerror(errno));
    }
    /* Somebody else may have set up an interface that we may not touch. */
    if (ok && !ioctl(sock, SIOCGIFFLAGS, &flags) && !(flags.ifr_flags & IFF_UP)) {
        flags.ifr_flags |= IFF_UP;
        if (ioctl(sock, SIOCSIFFLAGS, &flags) && bridge)
            ok = error_set(errp, VEMU_ERROR_IO, "%s: %s cannot be set up: %s", what, ifr->ifr_name,
                           strerror(errno));
    }
    if (sock >= 0)
        close(sock);
    return ok;
}

static bool check_scripts(struct opts *opts, const char *what, struct vemu_error **errp)
{
    static const char *const keys[] = {"script", "downscript"};

    for (unsigned i = 0; i < ARRAY_SIZE(keys); i++) {
        const char *value = opts_get(opts, keys[i]);
        if (value && strcmp(value, "no") != 0)
            return error_set(errp, VEMU_ERROR_UNSUPPORTED,
                             "%s: %s='%.80s': no scripts are run; use %s=no, and br=BRIDGE to put "
                             "the interface into a bridge",
                             what, keys[i], value, keys[i]);
    }
    return true;
}

static bool tap_open(struct netdev *nd, struct opts *opts, const char *what,
                     struct vemu_error **errp)
{
    const char *name = opts_get(opts, "ifname"), *bridge = opts_get(opts, "br"),
               *passed = opts_get(opts, "fd");
    bool header = true;
    struct ifreq ifr;

    if (!opts_get_bool(opts, what, "vnet_hdr", &header, errp) || !check_scripts(opts, what, errp) ||
        !opts_check_used(opts, what, "ifname, br, fd, vnet_hdr, script=no and downscript=no", errp))
        return false;
    if ((name && strlen(name) >= IFNAMSIZ) || (bridge && strlen(bridge) >= IFNAMSIZ))
        return error_set(errp, VEMU_ERROR_INVALID,
                         "%s: the name of an interface has at most %d characters", what,
                         IFNAMSIZ - 1);
    struct tap *t = calloc(1, sizeof *t);
    if (!t)
        return error_set(errp, VEMU_ERROR_NO_MEMORY, "out of memory");
    t->nd = nd;
    t->fd =
        passed ? open_passed(passed, &ifr, what, errp) : open_new(name, header, &ifr, what, errp);
    if (t->fd < 0) {
        free(t);
        return false;
    }
    nd->priv = t;
    t->header = ifr.ifr_flags & IFF_VNET_HDR;
    nd->takes = t->header ? nd->takes : 0;
    int flags = fcntl(t->fd, F_GETFL);
    if (flags < 0 || fcntl(t->fd, F_SETFL, flags | O_NONBLOCK) ||
        (t->header && ioctl(t->fd, TUNSETVNETHDRSZ, &(int){sizeof(struct virtio_net_hdr)}))) {
        error_set(errp, VEMU_ERROR_IO, "%s: %s", what, strerror(errno));
        tap_close(nd);
        return false;
    }
    if (!passed && !set_up(&ifr, bridge, what, errp)) {
        tap_close(nd);
        return false;
    }
    return true;
}

const struct netdev_backend netdev_tap = {.name = "tap",
                                          .takes = NET_CSUM | NET_TSO4 | NET_TSO6 | NET_ECN,
                                          .open = tap_open,
                                          .close = tap_close,
                                          .send = tap_send,
                                          .input_changed = tap_input_changed,
                                          .set_offloads = tap_set_offloads};
