/*
 * Unix and TCP sockets, as server or client. A server serves one client at a time: the listening
 * socket is watched only while there is none, so the next one waits in the kernel's queue.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include "core/chardev/backend.h"
#include "core/device/machine.h"
#include "core/loop/loop.h"
#include "core/util/unix_listen.h"

enum { BACKLOG = 4 };

struct socket_config {
    const char *path;         /* unix; NULL: TCP */
    int fd;                   /* a listening socket of the caller's; -1: none */
    char host[256], port[32]; /* TCP */
    bool server, wait;
};

struct socket_backend {
    struct fdio io;
    struct unix_listener listener; /* also of TCP, without a name; fd -1: a client, or not open */
    bool listening;                /* watched */
};

/* ---- clients coming and going ---------------------------------------------------------------- */

static void connected(struct chardev *chr, int fd)
{
    struct socket_backend *b = chr->priv;
    int one = 1;
    /* Keystrokes go out as they come; fails, harmlessly, on a unix socket. */
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    fdio_attach(&b->io, fd, fd, false);
    chardev_set_opened(chr, true);
    fdio_update(&b->io);
}

static void client_waits(void *opaque, int fd, unsigned events)
{
    struct chardev *chr = opaque;
    struct socket_backend *b = chr->priv;
    (void)events;
    int client = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (client < 0)
        return;
    loop_fd_remove(chr->machine->loop, b->listener.fd);
    b->listening = false;
    connected(chr, client);
}

static void listen_for_client(struct chardev *chr)
{
    struct socket_backend *b = chr->priv;
    struct vemu_error *err = NULL;
    if (b->listener.fd < 0 || b->listening)
        return;
    b->listening =
        loop_fd_set(chr->machine->loop, b->listener.fd, LOOP_READ, client_waits, chr, &err);
    if (!b->listening) {
        chardev_warn(chr, "%s", vemu_error_message(err));
        vemu_error_free(err);
    }
}

static void socket_gone(struct chardev *chr, bool output, int err)
{
    struct socket_backend *b = chr->priv;
    (void)output, (void)err;
    fdio_detach(&b->io, true, true);
    chardev_set_opened(chr, false);
    listen_for_client(chr);
}

/* ---- option text ----------------------------------------------------------------------------- */

/* "HOST:PORT", "[v6::address]:PORT" or ":PORT". */
static bool split_address(struct socket_config *cfg, const char *address, const char *what,
                          struct vemu_error **errp)
{
    const char *host = address, *colon = strrchr(address, ':');
    size_t len = colon ? (size_t)(colon - address) : 0;
    if (len >= 2 && host[0] == '[' && host[len - 1] == ']') {
        host++;
        len -= 2;
    }
    if (!colon || !colon[1] || len >= sizeof cfg->host || strlen(colon + 1) >= sizeof cfg->port)
        return error_set(errp, VEMU_ERROR_INVALID, "%s: '%.80s' must be HOST:PORT", what, address);
    memcpy(cfg->host, host, len);
    cfg->host[len] = 0;
    strcpy(cfg->port, colon + 1);
    return true;
}

static bool read_config(struct socket_config *cfg, struct opts *opts, const char *what,
                        struct vemu_error **errp)
{
    const char *address = opts_get(opts, "address"), *host = opts_get(opts, "host");
    const char *port = opts_get(opts, "port");
    bool nowait = false;

    cfg->path = opts_get(opts, "path");
    cfg->wait = true;
    cfg->fd = -1;
    if (!opts_get_bool(opts, what, "server", &cfg->server, errp) ||
        !opts_get_bool(opts, what, "wait", &cfg->wait, errp) ||
        !opts_get_bool(opts, what, "nowait", &nowait, errp))
        return false;
    if ((opts_get(opts, "wait") || nowait) && !cfg->server)
        return error_set(errp, VEMU_ERROR_INVALID,
                         "%s: wait= and nowait are for a server; add server=on", what);
    cfg->wait = cfg->wait && !nowait;
    if (opts_get(opts, "fd")) {
        uint64_t fd;
        if (!opts_get_number(opts, what, "fd", 0, INT_MAX, &fd, errp))
            return false;
        if (!cfg->server || cfg->path || address || host || port)
            return error_set(errp, VEMU_ERROR_INVALID,
                             "%s: fd= is a listening socket: it needs server=on, and excludes "
                             "path=, host= and port=",
                             what);
        cfg->fd = (int)fd;
        return true;
    }
    if (cfg->path && (address || host || port))
        return error_set(errp, VEMU_ERROR_INVALID, "%s: path= excludes host= and port=", what);
    if (cfg->path)
        return true;
    if (address)
        return split_address(cfg, address, what, errp);
    if (!port || !*port)
        return error_set(errp, VEMU_ERROR_INVALID, "%s: path= (unix) or port= (TCP) is missing",
                         what);
    if (strlen(host ? host : "") >= sizeof cfg->host || strlen(port) >= sizeof cfg->port)
        return error_set(errp, VEMU_ERROR_INVALID, "%s: host= or port= is too long", what);
    strcpy(cfg->host, host ? host : "");
    strcpy(cfg->port, port);
    return true;
}

/* ---- unix ------------------------------------------------------------------------------------ */

static bool connect_unix(const struct socket_config *cfg, int *fd, const char *what,
                         struct vemu_error **errp)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};

    if (strlen(cfg->path) >= sizeof addr.sun_path || !*cfg->path)
        return error_set(errp, VEMU_ERROR_INVALID, "%s: path=%.120s must have 1 to %zu characters",
                         what, cfg->path, sizeof addr.sun_path - 1);
    strcpy(addr.sun_path, cfg->path);
    *fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (*fd >= 0 && connect(*fd, (struct sockaddr *)&addr, sizeof addr) == 0)
        return true;
    error_set_errno(errp, errno, "%s: path=%s: cannot connect to it", what, cfg->path);
    if (*fd >= 0)
        close(*fd);
    return false;
}

static bool open_unix(struct chardev *chr, const struct socket_config *cfg, int *fd,
                      const char *what, struct vemu_error **errp)
{
    struct socket_backend *b = chr->priv;
    char name[sizeof b->listener.bound.sun_path + 8];

    if (cfg->server ? !unix_listen(&b->listener, cfg->path, 0, BACKLOG, what, errp)
                    : !connect_unix(cfg, fd, what, errp))
        return false;
    snprintf(name, sizeof name, "unix:%s", cfg->path);
    chardev_set_path(chr, name);
    return true;
}

/* A socket that who started us made and listens on already. */
static bool take_listening(struct chardev *chr, const struct socket_config *cfg, const char *what,
                           struct vemu_error **errp)
{
    struct socket_backend *b = chr->priv;
    struct sockaddr_un addr;
    socklen_t len = sizeof addr, size = sizeof(int);
    char name[sizeof addr.sun_path + 8];
    int listening = 0;

    if (getsockopt(cfg->fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) < 0 || !listening)
        return error_set(errp, VEMU_ERROR_INVALID, "%s: fd=%d is not a listening socket", what,
                         cfg->fd);
    b->listener.fd = fcntl(cfg->fd, F_DUPFD_CLOEXEC, 3);
    if (b->listener.fd < 0)
        return error_set_errno(errp, errno, "%s: fd=%d", what, cfg->fd);
    memset(&addr, 0, sizeof addr);
    if (getsockname(cfg->fd, (struct sockaddr *)&addr, &len) == 0 && addr.sun_family == AF_UNIX) {
        snprintf(name, sizeof name, "unix:%.*s", (int)sizeof addr.sun_path, addr.sun_path);
        chardev_set_path(chr, name);
    }
    return true;
}

/* ---- TCP ------------------------------------------------------------------------------------- */

static void name_tcp(struct chardev *chr, int fd, bool server)
{
    struct sockaddr_storage addr;
    socklen_t len = sizeof addr;
    char host[64], port[16], name[96];
    int done = server ? getsockname(fd, (struct sockaddr *)&addr, &len)
                      : getpeername(fd, (struct sockaddr *)&addr, &len);
    if (done < 0 || getnameinfo((struct sockaddr *)&addr, len, host, sizeof host, port, sizeof port,
                                NI_NUMERICHOST | NI_NUMERICSERV))
        return;
    bool v6 = addr.ss_family == AF_INET6;
    snprintf(name, sizeof name, "tcp:%s%s%s:%s", v6 ? "[" : "", host, v6 ? "]" : "", port);
    chardev_set_path(chr, name);
}

static int open_tcp(struct chardev *chr, const struct socket_config *cfg, const char *what,
                    struct vemu_error **errp)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
                             .ai_flags = cfg->server ? AI_PASSIVE : AI_ADDRCONFIG};
    struct addrinfo *list = NULL;
    int err = getaddrinfo(cfg->host[0] ? cfg->host : NULL, cfg->port, &hints, &list), fd = -1;
    if (err) {
        error_set(errp, VEMU_ERROR_INVALID, "%s: host=%s, port=%s: %s", what, cfg->host, cfg->port,
                  gai_strerror(err));
        return -1;
    }
    errno = EADDRNOTAVAIL;
    for (struct addrinfo *ai = list; ai && fd < 0; ai = ai->ai_next) {
        int one = 1;
        fd = socket(ai->ai_family, ai->ai_socktype | SOCK_CLOEXEC, ai->ai_protocol);
        if (fd < 0)
            continue;
        bool ok;
        if (cfg->server) {
            setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
            ok = bind(fd, ai->ai_addr, ai->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0;
        } else {
            ok = connect(fd, ai->ai_addr, ai->ai_addrlen) == 0;
        }
        if (!ok) {
            err = errno;
            close(fd);
            fd = -1;
            errno = err;
        }
    }
    err = errno;
    freeaddrinfo(list);
    if (fd < 0)
        error_set_errno(errp, err, "%s: host=%s, port=%s: cannot %s", what, cfg->host, cfg->port,
                        cfg->server ? "listen there" : "connect to it");
    else
        name_tcp(chr, fd, cfg->server);
    return fd;
}

/* ---- life ------------------------------------------------------------------------------------ */

/* wait=on: the machine is made when the client is there. A signal ends the wait, so that the
 * program can be. */
static bool wait_for_client(struct chardev *chr, const char *what, struct vemu_error **errp)
{
    struct socket_backend *b = chr->priv;
    chardev_warn(chr, "waiting for a connection to %s", chr->path ? chr->path : "the socket");
    for (;;) {
        struct pollfd p = {.fd = b->listener.fd, .events = POLLIN};
        if (poll(&p, 1, -1) < 0)
            break;
        int client = accept4(b->listener.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (client >= 0) {
            connected(chr, client);
            return true;
        }
        if (errno != EAGAIN && errno != ECONNABORTED)
            break;
    }
    return error_set_errno(errp, errno, "%s: waiting for a connection to %s", what,
                           chr->path ? chr->path : "the socket");
}

static void socket_close(struct chardev *chr)
{
    struct socket_backend *b = chr->priv;
    fdio_destroy(&b->io);
    if (b->listening)
        loop_fd_remove(chr->machine->loop, b->listener.fd);
    unix_unlisten(&b->listener);
    free(b);
    chr->priv = NULL;
}

static bool socket_open(struct chardev *chr, struct opts *opts, const char *what,
                        struct vemu_error **errp)
{
    struct socket_config cfg = {0};
    if (!read_config(&cfg, opts, what, errp))
        return false;
    struct socket_backend *b = calloc(1, sizeof *b);
    if (!b || !fdio_init(&b->io, chr, NULL)) {
        free(b);
        return error_set(errp, VEMU_ERROR_NO_MEMORY, "%s: out of memory", what);
    }
    b->io.gone = socket_gone;
    b->listener.fd = -1;
    chr->priv = b;

    int fd = -1;
    if (cfg.fd >= 0 ? !take_listening(chr, &cfg, what, errp)
        : cfg.path  ? !open_unix(chr, &cfg, &fd, what, errp)
                    : (fd = open_tcp(chr, &cfg, what, errp)) < 0) {
        socket_close(chr);
        return false;
    }
    if (!cfg.server) {
        connected(chr, fd);
        return true;
    }
    chr->server = true;
    if (b->listener.fd < 0)
        b->listener.fd = fd;
    /* A client may have gone again by the time it is accepted. */
    fcntl(b->listener.fd, F_SETFL, fcntl(b->listener.fd, F_GETFL) | O_NONBLOCK);
    if (cfg.wait && !wait_for_client(chr, what, errp)) {
        socket_close(chr);
        return false;
    }
    if (!cfg.wait)
        listen_for_client(chr);
    return true;
}

static size_t socket_write(struct chardev *chr, const uint8_t *data, size_t len)
{
    struct socket_backend *b = chr->priv;
    return fdio_write(&b->io, data, len);
}

static void socket_input_changed(struct chardev *chr)
{
    struct socket_backend *b = chr->priv;
    fdio_update(&b->io);
}

const struct chardev_backend chardev_socket = {
    .open = socket_open,
    .close = socket_close,
    .write = socket_write,
    .input_changed = socket_input_changed,
};
