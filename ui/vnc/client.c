/* A viewer's connection: bytes in and out, its phases' deadlines, its end. See internal.h. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/device/event.h"
#include "core/util/range.h"
#include "ui/vnc/internal.h"
#include "ui/vnc/transport/entry.h"
#include "ui/vnc/transport/tls.h"

enum {
    READ_SIZE = 16 << 10,
    READ_ROUND = 256 << 10, /* of one client, before others have their turn */
    LEAVE_MS = 2000,
    CHUNK_SIZE = 16 << 10,
    LOG_LINES_SECOND = 16,
};

/* ---- what others learn ----------------------------------------------------------------------- */

/* Peers can cause these at will. */
static bool may_log(struct vnc_server *s)
{
    int64_t second = clock_now(s->clocks, VCLOCK_HOST) / 1000000000;

    if (second != s->logged_second) {
        s->logged_second = second;
        s->logged = 0;
    }
    return s->logged++ < LOG_LINES_SECOND;
}

void client_event(struct vnc_client *c, const char *name)
{
    static const struct vnc_address nowhere = {.family = "unknown"};
    const struct vnc_server *s = c->s;
    const struct vnc_address *server = s->listener_count ? &s->listeners[0].address : &nowhere,
                             *client = vnc_stream_peer(c->stream);
    const struct event_item items[] = {
        EVENT_TEXT("server.auth", handshake_auth_name(s)),
        EVENT_TEXT("server.family", server->family),
        EVENT_TEXT("server.service", server->service),
        EVENT_TEXT("server.host", server->host),
        EVENT_FLAG("server.websocket", c->websocket),
        EVENT_TEXT("client.family", client->family),
        EVENT_TEXT("client.service", client->service),
        EVENT_TEXT("client.host", client->host),
        EVENT_FLAG("client.websocket", c->websocket),
        EVENT_TEXT("client.x509_dname", c->x509_dname), /* the last: there may be none */
    };

    machine_event(s->m, name, items, ARRAY_SIZE(items) - !c->x509_dname[0]);
}

/* ---- the end --------------------------------------------------------------------------------- */

static void free_chunks(struct vnc_client *c)
{
    while (!list_empty(&c->out)) {
        struct vnc_chunk *chunk = list_entry(c->out.next, struct vnc_chunk, node);
        list_remove(&chunk->node);
        buffer_free(&chunk->buf);
        free(chunk);
    }
    c->out_len = c->control_len = 0;
}

void server_log(struct vnc_server *s, const struct vnc_stream *stream, const char *text,
                const char *end)
{
    const struct vnc_address *peer = stream ? vnc_stream_peer(stream) : NULL;

    if (!may_log(s))
        return;
    if (!peer)
        log_msg(&s->m->log, LOG_WARN, "VNC server %s: %s%s", s->id, text, end);
    else
        log_msg(&s->m->log, LOG_WARN, "VNC viewer %s%s%s: %s%s",
                peer->host[0] ? peer->host : "on a local socket", peer->service[0] ? ":" : "",
                peer->service, text, end);
}

static void log_about(struct vnc_client *c, const char *end, const char *what, va_list ap)
{
    char text[200];

    vsnprintf(text, sizeof text, what, ap);
    server_log(c->s, c->stream, text, end);
}

void client_log(struct vnc_client *c, const char *what, ...)
{
    va_list ap;

    va_start(ap, what);
    log_about(c, "", what, ap);
    va_end(ap);
}

void client_drop(struct vnc_client *c, const char *why, ...)
{
    struct vnc_server *s = c->s;
    va_list ap;

    if (c->dead)
        return;
    c->dead = true;
    if (why) {
        va_start(ap, why);
        log_about(c, "; its connection is closed", why, ap);
        va_end(ap);
    }
    client_event(c, "VNC_DISCONNECTED");
    keys_release(s->m, &c->keys);
    pointer_release(c);
    clip_client_gone(c);
    timer_cancel(&c->deadline);
    timer_cancel(&c->verdict);
    refine_forget(c);
    loop_fd_remove(s->loop, c->fd);
    vnc_auth_free(c->auth);
    c->auth = NULL;
    vnc_stream_close(c->stream);
    c->stream = NULL;
    if (c->stranger)
        s->stranger_count--;
    s->client_count--;
    free_chunks(c);
    buffer_free(&c->in);
    server_wake(s); /* for whoever takes its place, and to be freed */
}

static void client_free(struct vnc_client *c)
{
    list_remove(&c->node);
    vnc_encoder_free(c->encoder);
    refine_free(c);
    pixman_region32_fini(&c->job.lossy);
    pixman_region32_fini(&c->damage);
    pixman_region32_fini(&c->job.region);
    buffer_free(&c->job.out);
    free(c);
}

void clients_reap(struct vnc_server *s)
{
    list_for_each_safe(c, &s->clients, struct vnc_client, node)
    {
        if (c->dead && !c->working)
            client_free(c);
    }
}

static void deadline_passed(void *opaque)
{
    struct vnc_client *c = opaque;

    if (c->leaving)
        client_drop(c, NULL);
    else
        client_drop(c, "it did not finish the handshake within %u ms", c->s->handshake_ms);
}

static void set_deadline(struct vnc_client *c, int64_t ms)
{
    timer_set(&c->deadline, clock_now(c->s->clocks, VCLOCK_HOST) + ms * 1000000);
}

/* ---- output ---------------------------------------------------------------------------------- */

static void client_ready(void *opaque, int fd, unsigned events);

static bool reading(const struct vnc_client *c)
{
    return !c->leaving && !c->blocked && !timer_pending(&c->verdict) &&
           c->control_len < VNC_CONTROL_PAUSE;
}

static void watch(struct vnc_client *c)
{
    unsigned wanted;

    if (c->dead)
        return;
    wanted = (reading(c) ? VNC_STREAM_READ : 0) | (c->out_len ? VNC_STREAM_WRITE : 0);
    if (c->auth && !timer_pending(&c->verdict))
        wanted |= vnc_auth_wants(c->auth);
    if (!loop_fd_set(c->s->loop, c->fd, loop_events(vnc_stream_events(c->stream, wanted)),
                     client_ready, c, NULL))
        client_drop(c, "it cannot be waited for");
}

/* Takes n sent bytes off the front. */
static void sent(struct vnc_client *c, size_t n)
{
    while (n) {
        struct vnc_chunk *chunk = list_entry(c->out.next, struct vnc_chunk, node);
        size_t part = MIN(n, chunk->buf.len - chunk->sent);
        chunk->sent += part;
        c->out_len -= part;
        if (chunk->control)
            c->control_len -= part;
        n -= part;
        if (chunk->sent == chunk->buf.len) {
            list_remove(&chunk->node);
            buffer_free(&chunk->buf);
            free(chunk);
        }
    }
}

void client_flush(struct vnc_client *c)
{
    while (!c->dead && c->out_len) {
        struct iovec iov[VNC_STREAM_IOV_MAX];
        unsigned n = 0;
        ssize_t done;
        list_for_each(chunk, &c->out, struct vnc_chunk, node)
        {
            if (n == VNC_STREAM_IOV_MAX)
                break;
            iov[n].iov_base = chunk->buf.data + chunk->sent;
            iov[n++].iov_len = chunk->buf.len - chunk->sent;
        }
        done = vnc_stream_write(c->stream, iov, n);
        if (done == VNC_STREAM_OVER)
            client_drop(c, NULL);
        if (done <= 0)
            break;
        sent(c, (size_t)done);
    }
    if (c->dead)
        return;
    /* Whoever gets updates without asking says nothing. */
    if (!c->out_len && c->continuous)
        update_answered(c);
    if (!c->out_len && c->leaving && vnc_stream_flush(c->stream))
        client_drop(c, NULL);
    watch(c);
}

static struct vnc_chunk *add_chunk(struct vnc_client *c, bool control)
{
    struct vnc_chunk *chunk = calloc(1, sizeof *chunk);

    if (!chunk) {
        client_drop(c, "out of memory");
        return NULL;
    }
    chunk->control = control;
    chunk->buf.limit = 4 * VNC_MESSAGE_MAX;
    list_add_tail(&c->out, &chunk->node);
    return chunk;
}

void client_send(struct vnc_client *c, const void *data, size_t len)
{
    struct vnc_chunk *chunk = NULL;

    if (c->dead || !len)
        return;
    if (!list_empty(&c->out)) {
        chunk = list_entry(c->out.prev, struct vnc_chunk, node);
        if (!chunk->control || chunk->buf.len >= CHUNK_SIZE)
            chunk = NULL;
    }
    if (!chunk && !(chunk = add_chunk(c, true)))
        return;
    if (!buffer_put(&chunk->buf, data, len)) {
        client_drop(c, "it does not take what it is sent");
        return;
    }
    c->out_len += len;
    c->control_len += len;
    watch(c);
}

void client_send_update(struct vnc_client *c, struct buffer *buf)
{
    struct vnc_chunk *chunk = c->dead || !buf->len ? NULL : add_chunk(c, false);

    if (!chunk)
        return;
    chunk->buf = *buf;
    c->out_len += buf->len;
    *buf = (struct buffer){.limit = buf->limit};
    client_flush(c);
}

void client_leave(struct vnc_client *c)
{
    if (c->dead)
        return;
    c->leaving = true;
    set_deadline(c, LEAVE_MS);
    client_flush(c);
}

/* ---- input ----------------------------------------------------------------------------------- */

/* Greeted as a viewer, it turns out to be a browser: its user will try again. */
static bool mistaken(struct vnc_client *c, uint8_t first)
{
    if (!c->s->web || c->phase != PHASE_VERSION || c->websocket ||
        !vnc_entry_is_browsers_byte(first))
        return false;
    arrival_was_browser(c->s, c->stream);
    return true;
}

static void take_messages(struct vnc_client *c)
{
    size_t at = 0;

    while (!c->dead && !c->leaving && !c->blocked && at < c->in.len) {
        const uint8_t *data = c->in.data + at;
        size_t len = c->in.len - at;
        ssize_t used =
            c->phase == PHASE_RUNNING ? message_input(c, data, len) : handshake_input(c, data, len);
        if (used == INPUT_BLOCKED)
            c->blocked = true;
        if (used == INPUT_BAD && mistaken(c, data[0]))
            client_drop(c, "it is a browser that asked too late, and was taken for a viewer");
        else if (used == INPUT_BAD)
            client_drop(c, "it does not speak RFB");
        if (used <= 0)
            break;
        at += (size_t)used;
    }
    if (!c->dead)
        buffer_consume(&c->in, at);
}

static bool read_some(struct vnc_client *c)
{
    size_t room = MIN(c->in.limit - c->in.len, (size_t)READ_SIZE);
    if (c->phase < PHASE_RUNNING)
        room = handshake_room(c);
    uint8_t *to = room ? buffer_reserve(&c->in, room) : NULL;
    ssize_t n;

    if (!to) {
        client_drop(c, room ? "out of memory" : "its message is too long");
        return false;
    }
    n = vnc_stream_read(c->stream, to, room);
    if (n == VNC_STREAM_OVER) {
        const char *reason = vnc_stream_reason(c->stream);
        if (c->stream->reason[0])
            client_drop(c, "%s", reason);
        else
            client_drop(c, NULL);
        return false;
    }
    if (n <= 0)
        return false;
    buffer_add(&c->in, (size_t)n);
    take_messages(c);
    return !c->dead;
}

static void service(struct vnc_client *c)
{
    size_t budget = READ_ROUND / READ_SIZE;

    c->more = false;
    vnc_stream_flush(c->stream);
    client_flush(c);
    while (!c->dead && reading(c) && budget) {
        if (c->phase == PHASE_AUTH) {
            handshake_auth(c);
            if (c->dead || c->phase == PHASE_AUTH)
                break;
        } else if (!read_some(c)) {
            break;
        }
        budget--;
    }
    if (c->dead)
        return;
    if (!budget && reading(c))
        c->more = c->s->more = true;
    client_flush(c);
}

static void client_ready(void *opaque, int fd, unsigned events)
{
    struct vnc_client *c = opaque;

    (void)fd;
    if (c->dead)
        return;
    service(c);
    /* Both directions are closed, and there is nothing left to read. */
    if (!c->dead && events & LOOP_HUP && !c->more)
        client_drop(c, NULL);
}

void client_process(struct vnc_client *c)
{
    if (c->dead)
        return;
    c->blocked = false;
    take_messages(c);
    if (!c->dead)
        service(c);
}

static void verdict_due(void *opaque)
{
    struct vnc_client *c = opaque;

    handshake_tell(c);
    if (!c->dead)
        service(c);
}

/* ---- the beginning --------------------------------------------------------------------------- */

struct vnc_client *client_new(struct vnc_server *s, struct vnc_stream *stream, bool skip_auth,
                              bool websocket, bool secure)
{
    struct vnc_client *c = calloc(1, sizeof *c);

    if (!c)
        return NULL;
    c->encoder = vnc_encoder_new(s->libraries);
    if (!c->encoder) {
        free(c);
        return NULL;
    }
    if (s->lossless)
        vnc_encoder_forbid_jpeg(c->encoder);
    c->s = s;
    c->stream = stream;
    c->fd = vnc_stream_fd(stream);
    c->skip_auth = skip_auth;
    c->websocket = websocket;
    c->secure = secure;
    c->stranger = true;
    c->keys.pause_ns = s->key_pause_ns;
    c->in.limit = VNC_STRANGER_MESSAGE_MAX;
    c->format = vnc_pixel_format_native;
    c->job.c = c;
    list_init(&c->out);
    pixman_region32_init(&c->damage);
    pixman_region32_init(&c->job.region);
    pixman_region32_init(&c->job.lossy);
    vnc_encoder_track_lossy(c->encoder, &c->job.lossy);
    refine_init(c);
    timer_init(&c->deadline, s->clocks, VCLOCK_HOST, deadline_passed, c);
    timer_init(&c->verdict, s->clocks, VCLOCK_HOST, verdict_due, c);
    list_add_tail(&s->clients, &c->node);
    s->client_count++;
    s->stranger_count++;
    set_deadline(c, s->handshake_ms);
    client_event(c, "VNC_CONNECTED");
    handshake_greet(c);
    watch(c);
    return c;
}

void client_known(struct vnc_client *c)
{
    if (!vnc_tls_peer_name(c->stream, c->x509_dname, sizeof c->x509_dname))
        c->x509_dname[0] = 0;
    c->in.limit = VNC_MESSAGE_MAX;
    if (c->stranger)
        c->s->stranger_count--;
    c->stranger = false;
}
