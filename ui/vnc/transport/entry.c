/* How a connection becomes one that speaks RFB: see entry.h. */
#include "ui/vnc/transport/entry.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "core/util/error.h"
#include "core/util/range.h"
#include "ui/vnc/transport/http.h"
#include "ui/vnc/transport/stream.h"
#include "ui/vnc/transport/tls.h"
#include "ui/vnc/transport/web.h"
#include "ui/vnc/transport/websocket.h"

#define MS INT64_C(1000000)
#define SECONDS (1000 * MS)
/* How long a peer may take in each state. */
static const int64_t speak_first = 50 * MS, speak_latest = 1 * SECONDS,
                     handshake_time = 10 * SECONDS, request_time = 10 * SECONDS,
                     idle_time = 30 * SECONDS, write_time = 30 * SECONDS;
enum { REQUESTS_MAX = 500, TLS_HANDSHAKE_RECORD = 22 };

enum state { LISTEN, HANDSHAKE, REQUEST, ANSWER, UPGRADED, VIEWER, OVER };

struct vnc_entry {
    struct vnc_stream *s; /* the topmost */
    const struct vnc_web *web;
    bool browsers_only, secure;
    enum state state;
    int64_t came, deadline;
    unsigned requests;
    char input[HTTP_REQUEST_MAX];
    size_t input_len;
    struct web_answer answer;
    size_t sent; /* of head and body together */
    bool problem;
    char reason[192]; /* empty: none */
};

static void enter(struct vnc_entry *e, enum state state, int64_t deadline)
{
    e->state = state;
    e->deadline = deadline;
}

static void over(struct vnc_entry *e, const char *reason)
{
    snprintf(e->reason, sizeof e->reason, "%s", reason ? reason : "");
    enter(e, OVER, INT64_MAX);
}

/* ---- states ---------------------------------------------------------------------------------- */

static void start_tls(struct vnc_entry *e, int64_t now)
{
    const struct vnc_tls_creds *creds = vnc_web_creds(e->web);
    struct vemu_error *err = NULL;
    struct vnc_stream *tls;

    if (!creds) {
        over(e, "a peer wants TLS, for which this server has no certificate");
        return;
    }
    tls = vnc_tls_new(e->s, creds, &err);
    if (!tls) {
        over(e, vemu_error_message(err));
        vemu_error_free(err);
        return;
    }
    e->s = tls;
    e->secure = true;
    enter(e, HANDSHAKE, now + handshake_time);
}

/* Who speaks first? The byte stays where it is. */
static bool listen_step(struct vnc_entry *e, int64_t now)
{
    unsigned char first;
    ssize_t n = recv(vnc_stream_fd(e->s), &first, 1, MSG_PEEK | MSG_DONTWAIT);

    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)) {
        over(e, NULL);
        return true;
    }
    if (n < 0)
        return false;
    if (first == TLS_HANDSHAKE_RECORD)
        start_tls(e, now);
    else if (e->browsers_only || vnc_entry_is_browsers_byte(first))
        enter(e, REQUEST, now + request_time);
    else /* "RFB ", or something that RFB will not like */
        enter(e, VIEWER, INT64_MAX);
    return true;
}

static bool handshake_step(struct vnc_entry *e, int64_t now)
{
    vnc_stream_flush(e->s);
    if (!vnc_tls_is_established(e->s))
        return false;
    enter(e, REQUEST, now + request_time);
    return true;
}

static void answer_request(struct vnc_entry *e, int len, int64_t now)
{
    struct http_request r;

    http_parse(e->input, e->input_len, &r);
    vnc_web_answer(e->web, &r, len < 0 ? -len : 0, e->secure, &e->answer);
    if (++e->requests >= REQUESTS_MAX)
        e->answer.keep_alive = false;
    e->problem = e->answer.problem[0] != 0;
    if (len > 0) { /* what is behind it is the next one, or WebSocket's */
        e->input_len -= (size_t)len;
        memmove(e->input, e->input + len, e->input_len);
    }
    e->sent = 0;
    enter(e, ANSWER, now + write_time);
}

static bool request_step(struct vnc_entry *e, int64_t now)
{
    struct http_request r;
    int len = e->input_len ? http_parse(e->input, e->input_len, &r) : 0;

    if (len == 0) {
        ssize_t n = vnc_stream_read(e->s, e->input + e->input_len, sizeof e->input - e->input_len);
        if (n <= 0)
            return false;
        if (!e->input_len)
            e->deadline = now + request_time;
        e->input_len += (size_t)n;
        return true;
    }
    answer_request(e, len, now);
    return true;
}

static void answered(struct vnc_entry *e, int64_t now)
{
    if (e->answer.upgrade) {
        struct vemu_error *err = NULL;
        struct vnc_stream *w = vnc_websocket_new(e->s, e->input, e->input_len, &err);
        if (!w) {
            over(e, vemu_error_message(err));
            vemu_error_free(err);
            return;
        }
        e->s = w;
        enter(e, UPGRADED, INT64_MAX);
    } else if (e->answer.keep_alive) {
        enter(e, REQUEST, now + idle_time);
    } else {
        over(e, NULL);
    }
}

static bool answer_step(struct vnc_entry *e, int64_t now)
{
    const struct web_answer *a = &e->answer;
    size_t total = a->head_len + a->body_len;

    if (e->sent < total) {
        struct iovec iov[2];
        unsigned count = 0;
        ssize_t n;
        if (e->sent < a->head_len)
            iov[count++] = (struct iovec){(char *)a->head + e->sent, a->head_len - e->sent};
        if (a->body_len) {
            size_t done = e->sent > a->head_len ? e->sent - a->head_len : 0;
            iov[count++] = (struct iovec){(uint8_t *)a->body + done, a->body_len - done};
        }
        n = vnc_stream_write(e->s, iov, count);
        if (n <= 0)
            return false;
        e->sent += (size_t)n;
        e->deadline = now + write_time;
        return true;
    }
    if (!vnc_stream_flush(e->s))
        return false;
    answered(e, now);
    return true;
}

/* ---- stepping -------------------------------------------------------------------------------- */

static void out_of_time(struct vnc_entry *e)
{
    if (e->state == LISTEN && !e->browsers_only)
        enter(e, VIEWER, INT64_MAX);
    else if (e->state == REQUEST && !e->input_len && e->requests)
        over(e, NULL); /* a connection that a browser kept for later */
    else
        over(e, e->state == LISTEN      ? "the peer said nothing"
                : e->state == HANDSHAKE ? "the TLS handshake takes too long"
                : e->state == REQUEST   ? "a request of HTTP takes too long"
                                        : "the peer does not read its answer");
}

static bool step(struct vnc_entry *e, int64_t now)
{
    switch (e->state) {
    case LISTEN:
        return listen_step(e, now);
    case HANDSHAKE:
        return handshake_step(e, now);
    case REQUEST:
        return request_step(e, now);
    case ANSWER:
        return answer_step(e, now);
    default:
        return false;
    }
}

enum vnc_entry_result vnc_entry_step(struct vnc_entry *e, int64_t now)
{
    while (step(e, now)) {
    }
    if (e->state <= ANSWER && vnc_stream_is_over(e->s)) {
        /* A browser that goes away is no news; what TLS or the socket complains about is. */
        const char *reason = vnc_stream_reason(e->s);
        over(e, strcmp(reason, "the peer closed the connection") ? reason : NULL);
    }
    if (e->state <= ANSWER && now >= e->deadline)
        out_of_time(e);
    return e->state == OVER       ? VNC_ENTRY_OVER
           : e->state >= UPGRADED ? VNC_ENTRY_READY
                                  : VNC_ENTRY_WAIT;
}

bool vnc_entry_is_browser(const struct vnc_entry *e)
{
    return e->state > LISTEN && e->state < VIEWER;
}

void vnc_entry_expect_browser(struct vnc_entry *e, int64_t until)
{
    until = MIN(until, e->came + speak_latest);
    if (e->state == LISTEN && until > e->deadline)
        e->deadline = until;
}

bool vnc_entry_is_browsers_byte(uint8_t first)
{
    return first == TLS_HANDSHAKE_RECORD || (first >= 'A' && first <= 'Z' && first != 'R');
}

int vnc_entry_fd(const struct vnc_entry *e)
{
    return vnc_stream_fd(e->s);
}

unsigned vnc_entry_events(const struct vnc_entry *e)
{
    if (e->state == LISTEN)
        return POLLIN;
    return vnc_stream_events(e->s, e->state == ANSWER ? VNC_STREAM_WRITE : VNC_STREAM_READ);
}

int64_t vnc_entry_deadline(const struct vnc_entry *e)
{
    return e->deadline;
}

const char *vnc_entry_reason(const struct vnc_entry *e)
{
    return e->reason[0] ? e->reason : NULL;
}

const char *vnc_entry_take_problem(struct vnc_entry *e)
{
    bool problem = e->problem;

    e->problem = false;
    return problem ? e->answer.problem : NULL;
}

const struct vnc_stream *vnc_entry_stream(const struct vnc_entry *e)
{
    return e->s;
}

struct vnc_entry *vnc_entry_new(struct vnc_stream *socket, const struct vnc_web *web,
                                bool browsers_only, int64_t now, struct vemu_error **errp)
{
    struct vnc_entry *e = calloc(1, sizeof *e);

    if (!e) {
        error_set(errp, VEMU_ERROR_NO_MEMORY, "out of memory for a connection");
        return NULL;
    }
    e->s = socket;
    e->web = web;
    e->browsers_only = browsers_only;
    e->came = now;
    if (web)
        enter(e, LISTEN, now + (browsers_only ? request_time : speak_first));
    else
        enter(e, VIEWER, INT64_MAX);
    return e;
}

struct vnc_stream *vnc_entry_take(struct vnc_entry *e, bool *websocket, bool *secure)
{
    struct vnc_stream *s = e->s;

    *websocket = e->state == UPGRADED;
    *secure = e->secure;
    free(e);
    return s;
}

void vnc_entry_free(struct vnc_entry *e)
{
    if (!e)
        return;
    vnc_stream_close(e->s);
    free(e);
}
