/* Streams, and the socket at the bottom of each: see stream.h. */
#include "ui/vnc/transport/stream.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/util/error.h"

struct socket_stream {
    struct vnc_stream s;
    int fd;
    bool loopback;
    struct vnc_address peer, local;
};

static const struct socket_stream *bottom(const struct vnc_stream *s)
{
    while (s->below)
        s = s->below;
    return (const struct socket_stream *)s;
}

/* ---- any stream ------------------------------------------------------------------------------ */

ssize_t vnc_stream_fail(struct vnc_stream *s, const char *reason, ...)
{
    va_list ap;

    if (s->over) /* the first reason is the one that tells something */
        return VNC_STREAM_OVER;
    s->over = true;
    if (reason) {
        va_start(ap, reason);
        vsnprintf(s->reason, sizeof s->reason, reason, ap);
        va_end(ap);
    }
    return VNC_STREAM_OVER;
}

ssize_t vnc_stream_read(struct vnc_stream *s, void *data, size_t len)
{
    return s->over ? VNC_STREAM_OVER : s->ops->read(s, data, len);
}

ssize_t vnc_stream_write(struct vnc_stream *s, const struct iovec *iov, unsigned count)
{
    return s->over ? VNC_STREAM_OVER : s->ops->write(s, iov, count);
}

bool vnc_stream_flush(struct vnc_stream *s)
{
    return !s->over && s->ops->flush(s);
}

unsigned vnc_stream_events(const struct vnc_stream *s, unsigned wanted)
{
    return s->over ? 0 : s->ops->events(s, wanted);
}

bool vnc_stream_pending(const struct vnc_stream *s)
{
    return !s->over && s->ops->pending(s);
}

bool vnc_stream_is_over(const struct vnc_stream *s)
{
    return s->over;
}

/* A layer that ended without a reason of its own has the one of the layer below. */
const char *vnc_stream_reason(const struct vnc_stream *s)
{
    for (; s; s = s->below) {
        if (s->reason[0])
            return s->reason;
    }
    return "the peer closed the connection";
}

int vnc_stream_fd(const struct vnc_stream *s)
{
    return bottom(s)->fd;
}

const struct vnc_address *vnc_stream_peer(const struct vnc_stream *s)
{
    return &bottom(s)->peer;
}

const struct vnc_address *vnc_stream_local(const struct vnc_stream *s)
{
    return &bottom(s)->local;
}

bool vnc_stream_is_local(const struct vnc_stream *s)
{
    return bottom(s)->loopback;
}

void vnc_stream_close(struct vnc_stream *s)
{
    while (s) {
        struct vnc_stream *below = s->below;
        s->ops->close(s);
        s = below;
    }
}

/* ---- sockets --------------------------------------------------------------------------------- */

static ssize_t failed(struct vnc_stream *s, const char *what)
{
    if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)
        return VNC_STREAM_WAIT;
    /* These are how a viewer leaves that does not shut down in order. */
    if (errno == ECONNRESET || errno == EPIPE)
        return vnc_stream_fail(s, NULL);
    return vnc_stream_fail(s, "%s: %s", what, strerror(errno));
}

static ssize_t socket_read(struct vnc_stream *s, void *data, size_t len)
{
    ssize_t n = recv(((struct socket_stream *)s)->fd, data, len, MSG_DONTWAIT);

    if (n < 0)
        return failed(s, "reading from the peer");
    return n ? n : vnc_stream_fail(s, NULL);
}

static ssize_t socket_write(struct vnc_stream *s, const struct iovec *iov, unsigned count)
{
    struct msghdr msg = {.msg_iov = (struct iovec *)iov, .msg_iovlen = count};
    ssize_t n = sendmsg(((struct socket_stream *)s)->fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);

    return n < 0 ? failed(s, "writing to the peer") : n;
}

static bool socket_flush(struct vnc_stream *s)
{
    (void)s;
    return true;
}

static unsigned socket_events(const struct vnc_stream *s, unsigned wanted)
{
    (void)s;
    return (wanted & VNC_STREAM_READ ? POLLIN : 0) | (wanted & VNC_STREAM_WRITE ? POLLOUT : 0);
}

static bool socket_pending(const struct vnc_stream *s)
{
    (void)s;
    return false;
}

static void socket_close(struct vnc_stream *s)
{
    struct socket_stream *b = (struct socket_stream *)s;

    close(b->fd);
    free(b);
}

static const struct vnc_stream_ops socket_ops = {
    .read = socket_read,
    .write = socket_write,
    .flush = socket_flush,
    .events = socket_events,
    .pending = socket_pending,
    .close = socket_close,
};

union address {
    struct sockaddr sa;
    struct sockaddr_in in;
    struct sockaddr_in6 in6;
    struct sockaddr_un un;
    struct sockaddr_storage any;
};

static void name_address(struct vnc_address *name, const union address *addr, socklen_t len)
{
    name->family = "unknown";
    if (len < sizeof addr->sa.sa_family)
        return;
    switch (addr->sa.sa_family) {
    case AF_INET:
        name->family = "ipv4";
        inet_ntop(AF_INET, &addr->in.sin_addr, name->host, sizeof name->host);
        snprintf(name->service, sizeof name->service, "%u", ntohs(addr->in.sin_port));
        break;
    case AF_INET6:
        name->family = "ipv6";
        inet_ntop(AF_INET6, &addr->in6.sin6_addr, name->host, sizeof name->host);
        snprintf(name->service, sizeof name->service, "%u", ntohs(addr->in6.sin6_port));
        break;
    case AF_UNIX:
        name->family = "unix";
        if (len > offsetof(struct sockaddr_un, sun_path))
            snprintf(name->host, sizeof name->host, "%.*s",
                     (int)(len - offsetof(struct sockaddr_un, sun_path)), addr->un.sun_path);
        break;
    }
}

static bool is_loopback(const union address *addr)
{
    if (addr->sa.sa_family == AF_INET)
        return ntohl(addr->in.sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
    if (addr->sa.sa_family == AF_INET6)
        return IN6_IS_ADDR_LOOPBACK(&addr->in6.sin6_addr) ||
               (IN6_IS_ADDR_V4MAPPED(&addr->in6.sin6_addr) &&
                addr->in6.sin6_addr.s6_addr[12] == IN_LOOPBACKNET);
    return addr->sa.sa_family == AF_UNIX;
}

struct vnc_stream *vnc_stream_new(int fd, struct vemu_error **errp)
{
    struct socket_stream *b = calloc(1, sizeof *b);
    union address addr;
    socklen_t len = sizeof addr;
    int one = 1;

    if (!b) {
        error_set(errp, VEMU_ERROR_NO_MEMORY, "out of memory for a connection");
        return NULL;
    }
    b->s.ops = &socket_ops;
    b->fd = fd;
    memset(&addr, 0, sizeof addr);
    if (getpeername(fd, &addr.sa, &len) != 0)
        len = 0;
    name_address(&b->peer, &addr, len);
    b->loopback = len && is_loopback(&addr);
    len = sizeof addr;
    memset(&addr, 0, sizeof addr);
    if (getsockname(fd, &addr.sa, &len) != 0)
        len = 0;
    name_address(&b->local, &addr, len);
    /* Updates go out as they come; fails, harmlessly, on a unix socket. */
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    return &b->s;
}
