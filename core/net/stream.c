/*
 * Frames over a stream: each behind its length, four bytes, big-endian. Two machines, or a switch,
 * at its other end. The socket is a character back end of its own (core/chardev), which also does
 * the listening, connecting and holding back.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "core/chardev/chardev.h"
#include "core/device/machine.h"
#include "core/net/backend.h"
#include "core/util/endian.h"
#include "core/util/range.h"

enum { LENGTH_SIZE = 4, SPEC_MAX = 512 };

struct stream {
    struct netdev *nd;
    struct chardev *chr;
    bool connected;
    uint8_t in[LENGTH_SIZE + NET_FRAME_MAX];
    uint32_t in_len;
    uint32_t skip; /* bytes of a frame that is too long, still to come */
    uint8_t out[LENGTH_SIZE + NET_FRAME_MAX];
    uint32_t out_at, out_len;
};

/* ---- out ------------------------------------------------------------------------------------- */

static void flush(struct stream *s)
{
    s->out_at += (uint32_t)chardev_write(s->chr, s->out + s->out_at, s->out_len - s->out_at);
    netdev_set_busy(s->nd, s->out_at < s->out_len);
}

static void stream_send(struct netdev *nd, const struct net_packet *p)
{
    struct stream *s = nd->priv;

    if (!s->connected)
        return;
    store_be32(s->out, p->len);
    memcpy(s->out + LENGTH_SIZE, p->data, p->len);
    s->out_at = 0;
    s->out_len = LENGTH_SIZE + p->len;
    flush(s);
}

static void stream_writable(void *opaque)
{
    flush(opaque);
}

/* ---- in -------------------------------------------------------------------------------------- */

/* How many bytes the frame in `in` has, with its length, as far as that is known. */
static uint32_t wanted(const struct stream *s)
{
    return s->in_len < LENGTH_SIZE ? LENGTH_SIZE : LENGTH_SIZE + load_be32(s->in);
}

static size_t stream_can_receive(void *opaque)
{
    struct stream *s = opaque;

    return netdev_input_room(s->nd) ? sizeof s->in : 0;
}

static void stream_receive(void *opaque, const uint8_t *data, size_t len)
{
    struct stream *s = opaque;

    while (len) {
        uint32_t n;
        if (s->skip) {
            n = (uint32_t)MIN(s->skip, len);
            s->skip -= n;
        } else {
            n = (uint32_t)MIN(wanted(s) - s->in_len, len);
            memcpy(s->in + s->in_len, data, n);
            s->in_len += n;
            if (s->in_len == LENGTH_SIZE && load_be32(s->in) > NET_FRAME_MAX) {
                s->skip = load_be32(s->in);
                s->in_len = 0;
                netdev_warn(s->nd, "a frame of %u bytes came in; the longest has %d", s->skip,
                            NET_FRAME_MAX);
            } else if (s->in_len >= LENGTH_SIZE && s->in_len == wanted(s)) {
                struct net_packet p = {.data = s->in + LENGTH_SIZE, .len = s->in_len - LENGTH_SIZE};
                s->in_len = 0;
                netdev_input(s->nd, &p, true);
            }
        }
        data += n;
        len -= n;
    }
}

static void stream_input_changed(struct netdev *nd)
{
    struct stream *s = nd->priv;

    chardev_accept_input(s->chr);
}

static void stream_event(void *opaque, enum chardev_event event)
{
    struct stream *s = opaque;

    if (event == CHARDEV_BREAK)
        return;
    /* What was begun with one peer does not go on with the next. */
    s->connected = event == CHARDEV_OPENED;
    s->in_len = s->skip = s->out_at = s->out_len = 0;
    netdev_set_busy(s->nd, false);
}

/* ---- open and close -------------------------------------------------------------------------- */

static void stream_close(struct netdev *nd)
{
    struct stream *s = nd->priv;

    if (s->chr) {
        chardev_attach(s->chr, NULL, NULL, NULL);
        chardev_free(s->chr);
    }
    free(s);
}

static bool open_at(struct netdev *nd, const char *spec, const char *what, struct vemu_error **errp)
{
    static const struct chardev_frontend fe = {.can_receive = stream_can_receive,
                                               .receive = stream_receive,
                                               .writable = stream_writable,
                                               .event = stream_event};
    struct stream *s = calloc(1, sizeof *s);
    char id[80];

    if (!s)
        return error_set(errp, VEMU_ERROR_NO_MEMORY, "out of memory");
    s->nd = nd;
    nd->priv = s;
    snprintf(id, sizeof id, "netdev-%.60s", nd->id);
    s->chr = chardev_new(nd->machine, id, spec, errp);
    if (!s->chr) {
        error_prefix(errp, "%s: ", what);
        free(s);
        return false;
    }
    if (!chardev_attach(s->chr, &fe, s, errp)) {
        stream_close(nd);
        return false;
    }
    return true;
}

/* Commas in names are doubled in option text. False: too long. */
static bool put_value(char *spec, const char *key, const char *value)
{
    size_t used = strlen(spec), left = SPEC_MAX - used;
    int n = snprintf(spec + used, left, ",%s=", key);

    if (n < 0 || (size_t)n >= left)
        return false;
    used += (size_t)n;
    for (; *value; value++) {
        for (unsigned k = 0; k < (*value == ',' ? 2u : 1u); k++) {
            if (used + 1 >= SPEC_MAX)
                return false;
            spec[used++] = *value;
        }
    }
    spec[used] = 0;
    return true;
}

/* -netdev stream,addr.type=...: the address as QMP's SocketAddress has it. */
static bool stream_open(struct netdev *nd, struct opts *opts, const char *what,
                        struct vemu_error **errp)
{
    const char *type = opts_get(opts, "addr.type"), *path = opts_get(opts, "addr.path"),
               *host = opts_get(opts, "addr.host"), *port = opts_get(opts, "addr.port"),
               *fd = opts_get(opts, "addr.str");
    char spec[SPEC_MAX] = "socket";
    bool server = false, ok = true;

    if (!opts_get_bool(opts, what, "server", &server, errp) ||
        !opts_check_used(opts, what,
                         "addr.type, addr.path, addr.host, addr.port, addr.str and server", errp))
        return false;
    if (type && strcmp(type, "unix") == 0 && path)
        ok = put_value(spec, "path", path);
    else if (type && strcmp(type, "inet") == 0 && port)
        ok = put_value(spec, "host", host ? host : "") && put_value(spec, "port", port);
    else if (type && strcmp(type, "fd") == 0 && fd)
        snprintf(spec, sizeof spec, "fd:%.20s", fd);
    else
        return error_set(errp, VEMU_ERROR_INVALID,
                         "%s: the other end is missing; use addr.type=unix,addr.path=PATH, "
                         "addr.type=inet,addr.host=HOST,addr.port=PORT or "
                         "addr.type=fd,addr.str=NUMBER",
                         what);
    if (ok && server)
        ok = put_value(spec, "server", "on") && put_value(spec, "wait", "off");
    if (!ok)
        return error_set(errp, VEMU_ERROR_INVALID, "%s: the address is too long", what);
    return open_at(nd, spec, what, errp);
}

/* -netdev socket,listen=[HOST]:PORT, connect=HOST:PORT or fd=N: the older spelling. */
static bool socket_open(struct netdev *nd, struct opts *opts, const char *what,
                        struct vemu_error **errp)
{
    const char *listen = opts_get(opts, "listen"), *connect = opts_get(opts, "connect"),
               *fd = opts_get(opts, "fd");
    char spec[SPEC_MAX];
    int n;

    if (!opts_check_used(opts, what, "listen, connect and fd", errp))
        return false;
    if (!listen + !connect + !fd != 2)
        return error_set(errp, VEMU_ERROR_INVALID,
                         "%s: use one of listen=[HOST]:PORT, connect=HOST:PORT and fd=NUMBER",
                         what);
    if (fd)
        n = snprintf(spec, sizeof spec, "fd:%s", fd);
    else
        n = snprintf(spec, sizeof spec, "tcp:%s%s", listen ? listen : connect,
                     listen ? ",server=on,wait=off" : "");
    if (n < 0 || (size_t)n >= sizeof spec)
        return error_set(errp, VEMU_ERROR_INVALID, "%s: the address is too long", what);
    return open_at(nd, spec, what, errp);
}

const struct netdev_backend netdev_stream = {.name = "stream",
                                             .open = stream_open,
                                             .close = stream_close,
                                             .send = stream_send,
                                             .input_changed = stream_input_changed};

const struct netdev_backend netdev_socket = {.name = "socket",
                                             .open = socket_open,
                                             .close = stream_close,
                                             .send = stream_send,
                                             .input_changed = stream_input_changed};
