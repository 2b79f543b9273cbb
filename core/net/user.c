/*
 * The user network: a network of the machine's own behind the host's sockets, by libslirp.
 *
 * libslirp wants its descriptors polled, which ones and for what changing with every packet. They
 * are watched by an epoll descriptor of their own, which is itself one descriptor of the main loop,
 * so that only changes cost a system call. Everything libslirp does happens with the machine lock
 * held: in `send`, on whatever thread, and on the loop's thread.
 */
#include "core/net/user.h"
#include "core/net/backend.h"

#if CONFIG_SLIRP
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>
#include "core/chardev/chardev.h"
#include "core/device/machine.h"
#include "core/util/range.h"

enum { EVENTS_AT_ONCE = 64, GUEST_FORWARDS_MAX = 16, NS_PER_MS = 1000000 };

struct watch {
    int events;  /* SLIRP_POLL_* asked for in the fill that is current */
    int watched; /* what the epoll descriptor was told */
    int came;    /* happened since */
};

struct slirp_timer {
    struct timer timer;
    struct user *user;
    SlirpTimerId id;
    void *cb_opaque;
};

struct guest_forward {
    struct user *user;
    struct in_addr addr;
    int port;
    struct chardev *chr;
};

struct user {
    struct netdev *nd;
    struct slirp_library lib;
    Slirp *slirp;
    int epoll_fd;
    struct watch *watches; /* by descriptor */
    unsigned watch_count;
    int *polled; /* descriptors of the current fill, in its order, then of the one before */
    unsigned polled_count, polled_room;
    int *previous;
    unsigned previous_count, previous_room;
    struct timer refill;  /* as soon as possible: what is to be polled may have changed */
    struct timer timeout; /* libslirp's own */
    bool sending;         /* within `send` */
    struct guest_forward forwards[GUEST_FORWARDS_MAX];
    unsigned forward_count;
    SlirpCb callbacks;
};

/* ---- what libslirp asks for ------------------------------------------------------------------ */

static ssize_t send_packet(const void *buf, size_t len, void *opaque)
{
    struct user *u = opaque;
    struct net_packet p = {.data = buf, .len = (uint32_t)len};

    netdev_input(u->nd, &p, !u->sending);
    return (ssize_t)len;
}

static void report_guest_error(const char *msg, void *opaque)
{
    struct user *u = opaque;

    log_msg(&u->nd->machine->log, LOG_GUEST_ERROR, "network '%s': %s", u->nd->id, msg);
}

static int64_t clock_get_ns(void *opaque)
{
    struct user *u = opaque;

    return clock_now(u->nd->machine->clocks, VCLOCK_VIRTUAL);
}

static void slirp_timer_expired(void *opaque)
{
    struct slirp_timer *t = opaque;

    t->user->lib.handle_timer(t->user->slirp, t->id, t->cb_opaque);
    timer_set(&t->user->refill, 0);
}

static void *timer_new(SlirpTimerId id, void *cb_opaque, void *opaque)
{
    struct user *u = opaque;
    struct slirp_timer *t = calloc(1, sizeof *t);

    if (t) {
        t->user = u;
        t->id = id;
        t->cb_opaque = cb_opaque;
        timer_init(&t->timer, u->nd->machine->clocks, VCLOCK_VIRTUAL, slirp_timer_expired, t);
    }
    return t;
}

static void timer_free(void *timer, void *opaque)
{
    struct slirp_timer *t = timer;

    (void)opaque;
    if (t)
        timer_cancel(&t->timer);
    free(t);
}

static void timer_mod(void *timer, int64_t expire_ms, void *opaque)
{
    struct slirp_timer *t = timer;

    (void)opaque;
    if (t)
        timer_set(&t->timer, expire_ms * NS_PER_MS);
}

static void register_poll_fd(int fd, void *opaque)
{
    struct user *u = opaque;

    (void)fd;
    timer_set(&u->refill, 0);
}

/* It is about to be closed, which takes it out of the epoll descriptor; the number may come again.
 */
static void unregister_poll_fd(int fd, void *opaque)
{
    struct user *u = opaque;

    if (fd >= 0 && (unsigned)fd < u->watch_count) {
        if (u->watches[fd].watched)
            epoll_ctl(u->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
        u->watches[fd] = (struct watch){0};
    }
    timer_set(&u->refill, 0);
}

static void notify(void *opaque)
{
    struct user *u = opaque;

    timer_set(&u->refill, 0);
}

/* ---- polling --------------------------------------------------------------------------------- */

static bool grow_watches(struct user *u, int fd)
{
    if ((unsigned)fd < u->watch_count)
        return true;
    unsigned count = MAX((unsigned)fd + 1, 2 * u->watch_count);
    struct watch *w = realloc(u->watches, count * sizeof *w);
    if (!w)
        return false;
    memset(w + u->watch_count, 0, (count - u->watch_count) * sizeof *w);
    u->watches = w;
    u->watch_count = count;
    return true;
}

static int add_poll(int fd, int events, void *opaque)
{
    struct user *u = opaque;

    if (fd < 0 || !grow_watches(u, fd))
        return -1;
    if (u->polled_count == u->polled_room) {
        unsigned room = u->polled_room ? 2 * u->polled_room : 32;
        int *p = realloc(u->polled, room * sizeof *p);
        if (!p)
            return -1;
        u->polled = p;
        u->polled_room = room;
    }
    u->watches[fd].events |= events;
    u->polled[u->polled_count] = fd;
    return (int)u->polled_count++;
}

static int get_revents(int idx, void *opaque)
{
    struct user *u = opaque;

    return idx >= 0 && (unsigned)idx < u->polled_count ? u->watches[u->polled[idx]].came : 0;
}

static uint32_t to_epoll(int events)
{
    return (events & SLIRP_POLL_IN ? EPOLLIN : 0u) | (events & SLIRP_POLL_OUT ? EPOLLOUT : 0u) |
           (events & SLIRP_POLL_PRI ? EPOLLPRI : 0u);
}

static int from_epoll(uint32_t events)
{
    return (events & EPOLLIN ? SLIRP_POLL_IN : 0) | (events & EPOLLOUT ? SLIRP_POLL_OUT : 0) |
           (events & EPOLLPRI ? SLIRP_POLL_PRI : 0) | (events & EPOLLERR ? SLIRP_POLL_ERR : 0) |
           (events & EPOLLHUP ? SLIRP_POLL_HUP : 0);
}

/* Brings the epoll descriptor in line with watches[fd].events. */
static void update_watch(struct user *u, int fd)
{
    struct watch *w = &u->watches[fd];
    struct epoll_event e = {.events = to_epoll(w->events), .data.fd = fd};

    if (w->events == w->watched)
        return;
    if (!w->events) {
        epoll_ctl(u->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
        w->watched = 0;
        return;
    }
    int op = w->watched ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
    /* A descriptor that was closed and made anew is not in there, whatever was noted. */
    if (epoll_ctl(u->epoll_fd, op, fd, &e) && errno == (w->watched ? ENOENT : EEXIST))
        epoll_ctl(u->epoll_fd, w->watched ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, fd, &e);
    w->watched = w->events;
}

static void fill(struct user *u)
{
    uint32_t timeout = UINT32_MAX;
    int *list = u->previous;
    unsigned room = u->previous_room;

    u->previous = u->polled;
    u->previous_room = u->polled_room;
    u->previous_count = u->polled_count;
    u->polled = list;
    u->polled_room = room;
    u->polled_count = 0;
    for (unsigned i = 0; i < u->previous_count; i++)
        u->watches[u->previous[i]].events = 0;
    u->lib.pollfds_fill(u->slirp, &timeout, add_poll, u);
    for (unsigned i = 0; i < u->previous_count; i++)
        update_watch(u, u->previous[i]);
    for (unsigned i = 0; i < u->polled_count; i++)
        update_watch(u, u->polled[i]);
    if (timeout == UINT32_MAX)
        timer_cancel(&u->timeout);
    else
        timer_set(&u->timeout,
                  clock_now(u->nd->machine->clocks, VCLOCK_HOST) + (int64_t)timeout * NS_PER_MS);
}

static void poll_and_fill(struct user *u)
{
    u->lib.pollfds_poll(u->slirp, 0, get_revents, u);
    for (unsigned i = 0; i < u->polled_count; i++)
        u->watches[u->polled[i]].came = 0;
    fill(u);
}

static void descriptors_ready(void *opaque, int fd, unsigned events)
{
    struct user *u = opaque;
    struct epoll_event e[EVENTS_AT_ONCE];
    int n = epoll_wait(fd, e, EVENTS_AT_ONCE, 0);

    (void)events;
    for (int i = 0; i < n; i++) {
        if ((unsigned)e[i].data.fd < u->watch_count)
            u->watches[e[i].data.fd].came |= from_epoll(e[i].events);
    }
    poll_and_fill(u);
}

static void refill(void *opaque)
{
    fill(opaque);
}

static void timed_out(void *opaque)
{
    poll_and_fill(opaque);
}

/* ---- the link -------------------------------------------------------------------------------- */

static void user_send(struct netdev *nd, const struct net_packet *p)
{
    struct user *u = nd->priv;

    u->sending = true;
    u->lib.input(u->slirp, p->data, (int)p->len);
    u->sending = false;
    timer_set(&u->refill, 0);
}

/* ---- guestfwd to a character back end -------------------------------------------------------- */

static size_t forward_can_receive(void *opaque)
{
    struct guest_forward *f = opaque;

    return f->user->lib.socket_can_recv(f->user->slirp, f->addr, f->port);
}

static void forward_receive(void *opaque, const uint8_t *data, size_t len)
{
    struct guest_forward *f = opaque;

    f->user->lib.socket_recv(f->user->slirp, f->addr, f->port, data, (int)len);
    timer_set(&f->user->refill, 0);
}

static void forward_writable(void *opaque)
{
    (void)opaque;
}

static ssize_t forward_write(const void *buf, size_t len, void *opaque)
{
    struct guest_forward *f = opaque;

    return (ssize_t)chardev_write(f->chr, buf, len);
}

static bool add_guest_forward(struct user *u, const char *text, const char *what,
                              struct vemu_error **errp)
{
    static const struct chardev_frontend fe = {.can_receive = forward_can_receive,
                                               .receive = forward_receive,
                                               .writable = forward_writable};
    struct user_guest_forward rule;
    struct guest_forward *f = &u->forwards[u->forward_count];
    int bad;

    if (u->forward_count == GUEST_FORWARDS_MAX)
        return error_set(errp, VEMU_ERROR_INVALID, "%s: guestfwd= more than %d times", what,
                         GUEST_FORWARDS_MAX);
    if (!user_parse_guestfwd(text, what, &rule, errp))
        return false;
    *f = (struct guest_forward){.user = u, .addr = rule.addr, .port = rule.port};
    if (strncmp(rule.target, "cmd:", 4) == 0) {
        bad = u->lib.add_exec(u->slirp, rule.target + 4, &f->addr, f->port);
    } else {
        const char *id = rule.target;
        id += strncmp(id, "chardev:", 8) == 0 ? 8 : 0;
        f->chr = chardev_find(u->nd->machine, id);
        if (!f->chr)
            return error_set(errp, VEMU_ERROR_NOT_FOUND,
                             "%s: guestfwd='%.80s' needs a -chardev with id=%.40s", what, text, id);
        f->chr = chardev_port(f->chr, NULL, errp);
        if (!f->chr || !chardev_attach(f->chr, &fe, f, errp))
            return false;
        u->forward_count++;
        bad = u->lib.add_guestfwd(u->slirp, forward_write, f, &f->addr, f->port);
    }
    return !bad || error_set(errp, VEMU_ERROR_INVALID,
                             "%s: guestfwd='%.80s' must name an address in the network that is not "
                             "the host's, and a free port",
                             what, text);
}

/* ---- open and close -------------------------------------------------------------------------- */

static bool add_forwards(struct user *u, struct opts *opts, const char *what, struct in_addr guest,
                         struct vemu_error **errp)
{
    for (unsigned i = 0; i < opts->count; i++) {
        struct opt *o = &opts->items[i];
        struct user_forward rule;
        if (strcmp(o->key, "guestfwd") == 0) {
            o->used = true;
            if (!add_guest_forward(u, o->value, what, errp))
                return false;
        }
        if (strcmp(o->key, "hostfwd") != 0)
            continue;
        o->used = true;
        if (!user_parse_hostfwd(o->value, what, guest, &rule, errp))
            return false;
        if (u->lib.add_hostxfwd(u->slirp, (struct sockaddr *)&rule.host, rule.host_len,
                                (struct sockaddr *)&rule.guest, rule.guest_len,
                                rule.udp ? SLIRP_HOSTFWD_UDP : 0))
            return error_set(errp, VEMU_ERROR_IO, "%s: hostfwd='%.80s' cannot be listened at: %s",
                             what, o->value, strerror(errno));
    }
    return true;
}

static void user_close(struct netdev *nd)
{
    struct user *u = nd->priv;

    for (unsigned i = 0; i < u->forward_count; i++) {
        if (u->forwards[i].chr)
            chardev_attach(u->forwards[i].chr, NULL, NULL, NULL);
    }
    if (u->slirp)
        u->lib.cleanup(u->slirp);
    timer_cancel(&u->refill);
    timer_cancel(&u->timeout);
    if (u->epoll_fd >= 0) {
        loop_fd_remove(nd->machine->loop, u->epoll_fd);
        close(u->epoll_fd);
    }
    if (u->lib.handle)
        slirp_library_close(&u->lib);
    free(u->polled);
    free(u->previous);
    free(u->watches);
    free(u);
}

static const char known_options[] =
    "net, host, dns, dhcpstart, hostname, domainname, dnssearch, tftp, bootfile, tftp-server-name, "
    "restrict, ipv4, ipv6, ipv6-net, ipv6-host, ipv6-dns, mtu, hostfwd and guestfwd";

static bool start(struct user *u, struct opts *opts, const char *what, struct vemu_error **errp)
{
    const char *search[USER_SEARCH_MAX + 1];
    SlirpConfig cfg;

    if (!user_parse_config(opts, what, &cfg, search, errp) ||
        !slirp_library_open(&u->lib, what, errp))
        return false;
    u->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (u->epoll_fd < 0)
        return error_set(errp, VEMU_ERROR_IO, "%s: %s", what, strerror(errno));
    if (!loop_fd_set(u->nd->machine->loop, u->epoll_fd, LOOP_READ, descriptors_ready, u, errp))
        return false;
    u->callbacks = (SlirpCb){.send_packet = send_packet,
                             .guest_error = report_guest_error,
                             .clock_get_ns = clock_get_ns,
                             .timer_new_opaque = timer_new,
                             .timer_free = timer_free,
                             .timer_mod = timer_mod,
                             .register_poll_fd = register_poll_fd,
                             .unregister_poll_fd = unregister_poll_fd,
                             .notify = notify};
    u->slirp = u->lib.new(&cfg, &u->callbacks, u);
    if (!u->slirp)
        return error_set(errp, VEMU_ERROR_INVALID, "%s: libslirp refuses this configuration", what);
    return add_forwards(u, opts, what, cfg.vdhcp_start, errp) &&
           opts_check_used(opts, what, known_options, errp);
}

static bool user_open(struct netdev *nd, struct opts *opts, const char *what,
                      struct vemu_error **errp)
{
    struct user *u = calloc(1, sizeof *u);

    if (!u)
        return error_set(errp, VEMU_ERROR_NO_MEMORY, "out of memory");
    nd->priv = u;
    u->nd = nd;
    u->epoll_fd = -1;
    timer_init(&u->refill, nd->machine->clocks, VCLOCK_HOST, refill, u);
    timer_init(&u->timeout, nd->machine->clocks, VCLOCK_HOST, timed_out, u);
    if (!start(u, opts, what, errp)) {
        user_close(nd);
        return false;
    }
    timer_set(&u->refill, 0);
    return true;
}

#else

static bool user_open(struct netdev *nd, struct opts *opts, const char *what,
                      struct vemu_error **errp)
{
    (void)nd, (void)opts;
    return error_set(errp, VEMU_ERROR_UNSUPPORTED,
                     "%s is not part of this build (configure found no libslirp-dev)", what);
}

static void user_close(struct netdev *nd)
{
    (void)nd;
}

static void user_send(struct netdev *nd, const struct net_packet *p)
{
    (void)nd, (void)p;
}
#endif

/* libslirp takes a TCP segment of any length as one frame, so that one is only given its checksum.
 */
const struct netdev_backend netdev_user = {.name = "user",
                                           .payload_max = NET_PAYLOAD_LARGEST,
                                           .open = user_open,
                                           .close = user_close,
                                           .send = user_send};
