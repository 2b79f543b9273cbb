/* Where a server listens: TCP addresses, a unix socket, a descriptor that somebody passed. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/util/error.h"
#include "core/util/range.h"
#include "ui/vnc/internal.h"

/* Whoever does not fit in the backlog waits for seconds, by TCP's timers. */
enum { BACKLOG = 128, DISPLAY_MAX = 65535 - VNC_PORT };
/* Unsent bytes that the kernel takes: what a viewer gets is news, not history. */
enum { UNSENT_MAX = 128 << 10 };

/* Where -vnc ...,websocket=on is: that many ports below the viewers'. */
enum { WEBSOCKET_PORT = 5700 };

/* Listeners in the making. */
struct opening {
    struct vnc_listener list[VNC_LISTENERS_MAX];
    unsigned count;
    unsigned long number;          /* the N of HOST:N that was free */
    bool taken[VNC_LISTENERS_MAX]; /* of the server's old ones: they are in the list */
};

static void close_listener(struct vnc_listener *l)
{
    if (l->path.fd >= 0)
        unix_unlisten(&l->path);
    else if (l->fd >= 0)
        close(l->fd);
}

/* The new ones from `first` on. */
static void close_new(struct opening *o, const struct vnc_server *s, unsigned first)
{
    while (o->count > first) {
        struct vnc_listener *l = &o->list[--o->count];
        bool old = false;
        for (unsigned i = 0; i < s->listener_count; i++) {
            if (s->listeners[i].fd == l->fd)
                old = true, o->taken[i] = false;
        }
        if (!old)
            close_listener(l);
    }
}

/* The server listens there already: it goes on. */
static bool take_old(struct opening *o, const struct vnc_server *s, const void *address,
                     socklen_t len)
{
    for (unsigned i = 0; i < s->listener_count; i++) {
        struct sockaddr_storage sa;
        socklen_t n = sizeof sa;
        if (o->taken[i] || s->listeners[i].websocket ||
            getsockname(s->listeners[i].fd, (struct sockaddr *)&sa, &n) < 0 || n != len ||
            memcmp(&sa, address, len) != 0)
            continue;
        o->taken[i] = true;
        o->list[o->count++] = s->listeners[i];
        return true;
    }
    return false;
}

/* Room for one more? */
static bool has_room(const struct vnc_server *s, const struct opening *o, struct vemu_error **errp)
{
    return o->count < VNC_LISTENERS_MAX ||
           error_set(errp, VEMU_ERROR_INVALID, "%s: a server listens at %d addresses at most",
                     s->origin, VNC_LISTENERS_MAX);
}

/* ---- who comes ------------------------------------------------------------------------------- */

static void set_options(int fd)
{
    int on = 1, unsent = UNSENT_MAX;

    /* All of them fail on a unix socket, which has nothing of the kind. */
    (void)!setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    (void)!setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent, sizeof unsent);
    (void)!setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
}

static struct vnc_stream *take_socket(struct vnc_server *s, int fd, struct vemu_error **errp)
{
    if (s->stranger_count >= VNC_STRANGERS_MAX) {
        error_set(errp, VEMU_ERROR_STATE,
                  "%u viewers that did not finish their handshake are connected already",
                  s->stranger_count);
        return NULL;
    }
    set_options(fd);
    return vnc_stream_new(fd, errp);
}

bool listen_take(struct vnc_server *s, int fd, bool skip_auth, struct vemu_error **errp)
{
    struct vnc_stream *stream = take_socket(s, fd, errp);

    /* The descriptor is the stream's from here on. */
    if (stream && !client_new(s, stream, skip_auth, false, false))
        vnc_stream_close(stream);
    return stream != NULL;
}

static void viewer_waits(void *opaque, int fd, unsigned events)
{
    struct vnc_listener *l = opaque;
    struct vemu_error *err = NULL;
    int client = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

    (void)events;
    if (client < 0)
        return;
    struct vnc_stream *stream = take_socket(l->s, client, &err);
    if (!stream) {
        server_log(l->s, NULL, vemu_error_message(err), "; one more is turned away");
        vemu_error_free(err);
        close(client);
    }
    if (stream && !arrival_new(l->s, stream, l->path.fd < 0, !l->websocket, NULL))
        vnc_stream_close(stream);
}

/* ---- addresses ------------------------------------------------------------------------------- */

static void name_address(struct vnc_listener *l)
{
    struct sockaddr_storage sa;
    socklen_t len = sizeof sa;

    l->address = (struct vnc_address){.family = "unknown"};
    if (getsockname(l->fd, (struct sockaddr *)&sa, &len) < 0)
        return;
    if (sa.ss_family == AF_UNIX) {
        const struct sockaddr_un *un = (const void *)&sa;
        size_t room = len > offsetof(struct sockaddr_un, sun_path)
                          ? MIN(len - offsetof(struct sockaddr_un, sun_path), sizeof un->sun_path)
                          : 0;
        l->address.family = "unix";
        snprintf(l->address.host, sizeof l->address.host, "%.*s", (int)room, un->sun_path);
    } else if (sa.ss_family == AF_INET || sa.ss_family == AF_INET6) {
        l->address.family = sa.ss_family == AF_INET ? "ipv4" : "ipv6";
        getnameinfo((struct sockaddr *)&sa, len, l->address.host, sizeof l->address.host,
                    l->address.service, sizeof l->address.service, NI_NUMERICHOST | NI_NUMERICSERV);
    }
}

static int listen_on(const struct addrinfo *ai)
{
    int on = 1, fd = socket(ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), err;

    if (fd < 0)
        return -1;
    (void)!setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (ai->ai_family == AF_INET6)
        (void)!setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    if (bind(fd, ai->ai_addr, ai->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0)
        return fd;
    err = errno;
    close(fd);
    errno = err;
    return -1;
}

/* One port on all of a name's addresses; 0 or an errno value. An address family that this host does
 * not have is passed over. */
static int try_port(struct opening *o, const struct vnc_server *s, const struct addrinfo *all)
{
    unsigned first = o->count;
    int err = EADDRNOTAVAIL;

    for (const struct addrinfo *ai = all; ai && o->count < VNC_LISTENERS_MAX; ai = ai->ai_next) {
        if (take_old(o, s, ai->ai_addr, ai->ai_addrlen))
            continue;
        int fd = listen_on(ai);
        if (fd >= 0) {
            o->list[o->count++] = (struct vnc_listener){.fd = fd, .path = {.fd = -1}};
        } else {
            err = errno;
            if (err != EADDRNOTAVAIL && err != EAFNOSUPPORT) {
                close_new(o, s, first);
                return err;
            }
        }
    }
    return o->count > first ? 0 : err;
}

static bool bad_address(const struct vnc_server *s, const char *address, struct vemu_error **errp)
{
    return error_set(errp, VEMU_ERROR_INVALID,
                     "%s: '%.80s' is no address: want HOST:N for port 5900 + N (N 0 to %d), "
                     "unix:PATH, fd:N or none",
                     s->origin, address, DISPLAY_MAX);
}

/* base: what N is counted from. */
/* HOST:N of an address; name: empty for all of this host's. */
struct place {
    char name[256];
    unsigned long n;
};

static bool parse_tcp(const char *address, unsigned base, struct place *place)
{
    const char *colon = strrchr(address, ':'), *host = address;
    size_t len = colon ? (size_t)(colon - address) : 0;
    char *end;

    place->n =
        colon && colon[1] >= '0' && colon[1] <= '9' ? strtoul(colon + 1, &end, 10) : ULONG_MAX;
    if (place->n > 65535 - base || *end)
        return false;
    if (len >= 2 && host[0] == '[' && host[len - 1] == ']') {
        host++;
        len -= 2;
    }
    if (len >= sizeof place->name)
        return false;
    memcpy(place->name, host, len);
    place->name[len] = 0;
    return true;
}

static bool open_tcp(struct vnc_server *s, struct opening *o, const char *address, unsigned base,
                     struct vemu_error **errp)
{
    struct place place;
    char port[8];
    unsigned long n, last;
    int err = 0;

    if (!parse_tcp(address, base, &place))
        return bad_address(s, address, errp);
    n = place.n;
    last = base == VNC_PORT ? MAX(n, MIN((unsigned long)s->to, (unsigned long)DISPLAY_MAX)) : n;
    for (; n <= last; n++) {
        const struct addrinfo hints = {.ai_family = AF_UNSPEC,
                                       .ai_socktype = SOCK_STREAM,
                                       .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
        struct addrinfo *all;
        snprintf(port, sizeof port, "%lu", base + n);
        o->number = n;
        int failed = getaddrinfo(place.name[0] ? place.name : NULL, port, &hints, &all);
        if (failed)
            return error_set(errp, VEMU_ERROR_NOT_FOUND, "%s: host '%.80s': %s", s->origin,
                             place.name, gai_strerror(failed));
        err = try_port(o, s, all);
        freeaddrinfo(all);
        if (err != EADDRINUSE)
            break;
    }
    if (err == EADDRINUSE)
        return error_set(errp, VEMU_ERROR_IO, "%s: port %s is in use; take another%s", s->origin,
                         port, base == VNC_PORT ? " N, or a range with to=N" : "");
    return !err || error_set_errno(errp, err, "%s: cannot listen on '%.80s'", s->origin, address);
}

static bool open_fd(struct vnc_server *s, struct opening *o, const char *text,
                    struct vemu_error **errp)
{
    char *end;
    unsigned long n = strtoul(text, &end, 10);
    int listening = 0, type = 0;
    socklen_t len = sizeof listening, type_len = sizeof type;

    if (*text < '0' || *text > '9' || *end || n > INT32_MAX)
        return error_set(errp, VEMU_ERROR_INVALID, "%s: fd:%.20s is no descriptor's number",
                         s->origin, text);
    if (getsockopt((int)n, SOL_SOCKET, SO_ACCEPTCONN, &listening, &len) < 0 || !listening ||
        getsockopt((int)n, SOL_SOCKET, SO_TYPE, &type, &type_len) < 0 || type != SOCK_STREAM)
        return error_set(errp, VEMU_ERROR_INVALID,
                         "%s: descriptor %lu is not a stream socket that listens", s->origin, n);
    fcntl((int)n, F_SETFD, FD_CLOEXEC);
    fcntl((int)n, F_SETFL, fcntl((int)n, F_GETFL) | O_NONBLOCK);
    o->list[o->count++] = (struct vnc_listener){.fd = (int)n, .path = {.fd = -1}};
    return true;
}

static bool open_path(struct vnc_server *s, struct opening *o, const char *path,
                      struct vemu_error **errp)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    struct vnc_listener *l = &o->list[o->count];

    *l = (struct vnc_listener){.fd = -1, .path = {.fd = -1}};
    if (!*path)
        return bad_address(s, "unix:", errp);
    if (strlen(path) < sizeof un.sun_path) {
        strcpy(un.sun_path, path);
        if (take_old(o, s, &un,
                     (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path) + 1)))
            return true;
    }
    /* Connecting is being let in: the file is its owner's. */
    if (!unix_listen(&l->path, path, 0600, BACKLOG, s->origin, errp))
        return false;
    l->fd = l->path.fd;
    fcntl(l->fd, F_SETFL, fcntl(l->fd, F_GETFL) | O_NONBLOCK);
    o->count++;
    return true;
}

static bool open_address(struct vnc_server *s, struct opening *o, const char *address,
                         struct vemu_error **errp)
{
    if (strcmp(address, "none") == 0)
        return true;
    if (!has_room(s, o, errp))
        return false;
    if (strncmp(address, "unix:", 5) == 0)
        return open_path(s, o, address + 5, errp);
    if (strncmp(address, "fd:", 3) == 0)
        return open_fd(s, o, address + 3, errp);
    if (strncmp(address, "tcp:", 4) == 0)
        return open_tcp(s, o, address + 4, 0, errp);
    return open_tcp(s, o, address, VNC_PORT, errp);
}

/* For browsers alone; "on" is beside the address that viewers have. */
static bool open_websocket(struct vnc_server *s, struct opening *o, const char *address,
                           const char *websocket, struct vemu_error **errp)
{
    bool beside = strcmp(websocket, "on") == 0;
    const char *colon = strrchr(address, ':');
    unsigned first = o->count;
    char place[300];

    if (!beside)
        snprintf(place, sizeof place, "%s", websocket);
    else if (!first || o->list[0].path.fd >= 0 || strncmp(address, "fd:", 3) == 0 || !colon)
        return error_set(errp, VEMU_ERROR_INVALID,
                         "%s: websocket=on is port %d + N beside HOST:N; here give a port, or "
                         "HOST:PORT",
                         s->origin, WEBSOCKET_PORT);
    else
        snprintf(place, sizeof place, "tcp:%.*s:%lu", (int)MIN(colon - address, 256), address,
                 WEBSOCKET_PORT + o->number);
    if (!open_address(s, o, place, errp))
        return false;
    while (first < o->count)
        o->list[first++].websocket = true;
    return true;
}

/* The new ones take their places. */
static bool listen_to(struct vnc_server *s, struct opening *o, struct vemu_error **errp)
{
    for (unsigned i = 0; i < s->listener_count; i++) {
        if (o->taken[i])
            continue;
        loop_fd_remove(s->loop, s->listeners[i].fd);
        close_listener(&s->listeners[i]);
    }
    memcpy(s->listeners, o->list, sizeof o->list);
    s->listener_count = o->count;
    for (unsigned i = 0; i < o->count; i++) {
        struct vnc_listener *l = &s->listeners[i];
        l->s = s;
        name_address(l);
        if (!loop_fd_set(s->loop, l->fd, LOOP_READ, viewer_waits, l, errp))
            return false;
    }
    return true;
}

void listen_close(struct vnc_server *s)
{
    struct opening none = {.count = 0};

    listen_to(s, &none, NULL);
}

bool listen_open(struct vnc_server *s, const char *const *addresses, unsigned count,
                 const char *websocket, struct vemu_error **errp)
{
    struct opening o = {.count = 0};
    bool ok = true;

    for (unsigned i = 0; ok && i < count; i++)
        ok = open_address(s, &o, addresses[i], errp);
    if (ok && websocket)
        ok = open_websocket(s, &o, addresses[0], websocket, errp);
    for (unsigned i = 0; ok && !websocket && i < s->listener_count; i++) {
        if (s->listeners[i].websocket && (ok = has_room(s, &o, errp))) {
            o.taken[i] = true;
            o.list[o.count++] = s->listeners[i];
        }
    }
    if (ok)
        return listen_to(s, &o, errp);
    close_new(&o, s, 0);
    return false;
}

/* ---- the other way round --------------------------------------------------------------------- */

static int connect_to(const struct sockaddr *addr, socklen_t len)
{
    int fd = socket(addr->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0), err;

    if (fd < 0 || connect(fd, addr, len) == 0)
        return fd;
    err = errno;
    close(fd);
    errno = err;
    return -1;
}

/* The first of the name's addresses where somebody listens; -1 and errno, or the error if the name
 * is none. */
static int connect_tcp(const struct vnc_server *s, const char *address, struct vemu_error **errp)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    struct addrinfo *all;
    struct place place;
    char port[24];
    int fd = -1;

    if (!parse_tcp(address, 0, &place)) {
        error_set(errp, VEMU_ERROR_INVALID,
                  "%s: '%.80s' is no address of a viewer that listens: want HOST:PORT or unix:PATH",
                  s->origin, address);
        return -1;
    }
    snprintf(port, sizeof port, "%lu", place.n);
    int failed = getaddrinfo(place.name[0] ? place.name : NULL, port, &hints, &all);
    if (failed) {
        error_set(errp, VEMU_ERROR_NOT_FOUND, "%s: host '%.80s': %s", s->origin, place.name,
                  gai_strerror(failed));
        return -1;
    }
    for (const struct addrinfo *ai = all; ai && fd < 0; ai = ai->ai_next)
        fd = connect_to(ai->ai_addr, ai->ai_addrlen);
    if (fd < 0)
        error_set_errno(errp, errno, "%s: no viewer listens at '%.80s'", s->origin, address);
    freeaddrinfo(all);
    return fd;
}

static int connect_path(const struct vnc_server *s, const char *path, struct vemu_error **errp)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    int fd = -1;

    errno = ENAMETOOLONG;
    if (strlen(path) < sizeof un.sun_path) {
        strcpy(un.sun_path, path);
        fd = connect_to((const struct sockaddr *)&un, sizeof un);
    }
    if (fd < 0)
        error_set_errno(errp, errno, "%s: no viewer listens at '%.80s'", s->origin, path);
    return fd;
}

bool listen_reverse(struct vnc_server *s, const char *address, struct vemu_error **errp)
{
    int fd = strncmp(address, "unix:", 5) == 0 ? connect_path(s, address + 5, errp)
                                               : connect_tcp(s, address, errp);

    if (fd < 0)
        return false;
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    if (listen_take(s, fd, false, errp))
        return true;
    close(fd);
    return false;
}
