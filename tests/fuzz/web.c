/*
 * Hostile browsers: bytes to the port that viewers and browsers share, over HTTP into WebSocket.
 * The input's first byte says what the server is (bit 0: names do not matter; 1: it has a name; 2:
 * for browsers only) and whether the upgrade is done already (3). Then steps, each a byte that says
 * what and a byte of argument, with bytes behind it for what is sent. Every state has to end by its
 * deadline, what the peer gets has to be HTTP and then whole frames that carry what was written,
 * and nothing may crash or hang.
 */
#include <config.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/util/endian.h"
#include "core/util/range.h"
#include "tests/fuzz/fuzz.h"
#include "ui/vnc/transport/entry.h"
#include "ui/vnc/transport/stream.h"
#include "ui/vnc/transport/web.h"
#include "ui/vnc/transport/websocket.h"

enum { ANY_NAME = 1, NAMED = 2, BROWSERS_ONLY = 4, UPGRADED = 8 };
enum {
    SEND,      /* length */
    SEND_MANY, /* the next of that length, as often as the argument says */
    SEND_LINE, /* the next of that length, and the end of a line */
    READ,      /* what the peer has got; at most so many pages */
    WAIT,      /* so many times 100 ms */
    EXPECT,    /* a browser is here: silent ones may wait */
    WRITE,     /* so many bytes of RFB */
    HANG_UP,   /* the peer stops sending */
    STEP_COUNT
};
enum { STEPS_MAX = 200, MANY_MAX = 64, WRITE_UNIT = 700, TURNS_MAX = 100000 };
#define MS INT64_C(1000000)

/* What the server's end is, and what the other end has seen of it. */
struct port {
    struct vnc_entry *entry;
    struct vnc_stream *stream; /* RFB's, once it may start */
    bool websocket;
    int64_t now;
    int peer;
    /* The peer's reading of frames. */
    uint8_t header[4];
    unsigned header_len;
    uint32_t frame_left;
    uint8_t opcode;
    bool closed; /* the server has said goodbye */
    bool answers_seen;
    uint8_t next_written, next_seen; /* what is written counts up */
    uint64_t written, seen;
    /* The answer to the upgrade, until its empty line. */
    bool in_http;
    unsigned http_len, line_ends;
};

static uint8_t pattern(uint64_t at)
{
    return (uint8_t)(at * 7 + at / 251);
}

/* ---- the peer -------------------------------------------------------------------------------- */

static void check_frame_start(struct port *p)
{
    unsigned wanted = p->header_len >= 2 && (p->header[1] & 0x7f) == 126 ? 4 : 2;

    if (p->header_len < wanted)
        return;
    p->opcode = p->header[0] & 0x0f;
    p->frame_left = wanted == 4 ? load_be16(p->header + 2) : p->header[1];
    if ((p->header[0] & 0xf0) != 0x80 || (p->header[1] & 0x80))
        fuzz_fail("a frame of the server's is in pieces, masked, or has reserved bits");
    if (p->opcode != 2 && p->opcode != 8 && p->opcode != 10)
        fuzz_fail("the server sends a frame of a kind it has not");
    if (wanted == 4 && p->frame_left < 126)
        fuzz_fail("a length has not its shortest form");
    if (p->closed)
        fuzz_fail("a frame comes after the one that closes");
    p->closed = p->opcode == 8;
    p->header_len = 0;
}

static void see_frames(struct port *p, const uint8_t *data, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (p->frame_left) {
            p->frame_left--;
            if (p->opcode == 2 && data[i] != pattern(p->seen++))
                fuzz_fail("what was written is not what comes");
        } else {
            p->header[p->header_len++] = data[i];
            if (p->header_len >= 2)
                check_frame_start(p);
        }
    }
}

/* Answers of HTTP, whose bodies may be anything; what follows the one that upgrades is frames. */
static void see_http(struct port *p, const uint8_t *data, size_t len)
{
    static const char start[] = "HTTP/1.1 ";

    for (size_t i = 0; i < len && p->http_len < sizeof start - 1; i++, p->http_len++) {
        if (data[i] != (uint8_t)start[p->http_len])
            fuzz_fail("what a browser gets first is no answer of HTTP");
    }
}

/* Bytes of the upgrade's answer at the front of data. */
static size_t skip_answer(struct port *p, const uint8_t *data, size_t len)
{
    size_t i = 0;

    for (; i < len && p->in_http; i++) {
        p->line_ends = data[i] == (p->line_ends & 1 ? '\n' : '\r') ? p->line_ends + 1 : 0;
        p->in_http = p->line_ends < 4;
    }
    return i;
}

static void peer_read(struct port *p, unsigned pages)
{
    static uint8_t buf[4096];

    while (pages--) {
        ssize_t n = recv(p->peer, buf, sizeof buf, MSG_DONTWAIT);
        if (n <= 0)
            return;
        if (p->websocket) {
            size_t at = skip_answer(p, buf, (size_t)n);
            see_frames(p, buf + at, (size_t)n - at);
        } else if (!p->stream) {
            see_http(p, buf, (size_t)n);
        }
    }
}

/* ---- the server ------------------------------------------------------------------------------ */

static void serve_stream(struct port *p)
{
    static uint8_t buf[8192];
    unsigned turns = 0;

    if (vnc_stream_is_over(p->stream))
        return;
    vnc_stream_flush(p->stream);
    while (vnc_stream_read(p->stream, buf, 1 + turns % sizeof buf) > 0) {
        if (turns++ > TURNS_MAX)
            fuzz_fail("bytes never end");
    }
    if (!vnc_stream_is_over(p->stream) && vnc_stream_pending(p->stream))
        fuzz_fail("bytes are left that a read did not give");
}

static void serve(struct port *p)
{
    enum vnc_entry_result result;

    if (p->stream) {
        serve_stream(p);
        return;
    }
    if (!p->entry)
        return;
    result = vnc_entry_step(p->entry, p->now);
    vnc_entry_take_problem(p->entry);
    if (result == VNC_ENTRY_READY) {
        bool secure;
        p->stream = vnc_entry_take(p->entry, &p->websocket, &secure);
        p->in_http = p->websocket;
        p->entry = NULL;
        serve_stream(p);
    } else if (result == VNC_ENTRY_OVER) {
        vnc_entry_reason(p->entry);
        vnc_entry_free(p->entry);
        p->entry = NULL;
    } else if (vnc_entry_deadline(p->entry) <= p->now) {
        fuzz_fail("a deadline is over and nothing came of it");
    }
}

static void server_write(struct port *p, size_t len)
{
    static uint8_t data[256 * WRITE_UNIT];
    size_t at = 0;

    if (!p->stream || !p->websocket)
        return;
    for (size_t i = 0; i < len; i++)
        data[i] = pattern(p->written + i);
    while (at < len) {
        struct iovec iov[2] = {{data + at, (len - at + 1) / 2},
                               {data + at + (len - at + 1) / 2, 0}};
        iov[1].iov_len = len - at - iov[0].iov_len;
        ssize_t n = vnc_stream_write(p->stream, iov, iov[1].iov_len ? 2 : 1);
        if (n <= 0)
            break;
        at += (size_t)n;
    }
    p->written += at;
}

/* ---- steps ----------------------------------------------------------------------------------- */

static void peer_send(struct port *p, const uint8_t *data, size_t len)
{
    (void)!send(p->peer, data, len, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void run(struct port *p, const uint8_t *data, size_t size)
{
    for (size_t at = 0, steps = 0; at + 1 < size && steps < STEPS_MAX; steps++) {
        unsigned step = data[at] % STEP_COUNT, n = data[at + 1], times = 1;
        at += 2;
        switch (step) {
        case SEND_MANY:
            times = n % MANY_MAX;
            n = at < size ? data[at++] : 0;
            /* fall through */
        case SEND_LINE:
        case SEND:
            n = (unsigned)MIN(n, size - at);
            for (; times; times--) {
                peer_send(p, data + at, n);
                serve(p);
            }
            at += n;
            if (step == SEND_LINE)
                peer_send(p, (const uint8_t *)"\r\n", 2);
            break;
        case READ:
            peer_read(p, n);
            break;
        case WAIT:
            p->now += n * 100 * MS;
            break;
        case EXPECT:
            if (p->entry)
                vnc_entry_expect_browser(p->entry, p->now + 1000 * MS);
            break;
        case WRITE:
            server_write(p, (size_t)n * WRITE_UNIT);
            break;
        case HANG_UP:
            shutdown(p->peer, SHUT_WR);
            break;
        }
        serve(p);
    }
}

/* Whatever came: within its deadlines the entry is a viewer's or over, and what a stream took gets
 * to a peer that reads. */
static void finish(struct port *p)
{
    for (unsigned turns = 0; p->entry; turns++) {
        if (turns > TURNS_MAX)
            fuzz_fail("a connection never becomes anything");
        peer_read(p, 16);
        p->now = vnc_entry_deadline(p->entry);
        serve(p);
    }
    for (unsigned turns = 0; p->stream && !vnc_stream_is_over(p->stream); turns++) {
        bool done = vnc_stream_flush(p->stream);
        peer_read(p, 64);
        serve_stream(p);
        if (done && !vnc_stream_is_over(p->stream)) {
            peer_read(p, UINT32_MAX);
            if (p->websocket && (p->seen != p->written || p->frame_left || p->header_len))
                fuzz_fail("not all that was written came");
            return;
        }
        if (turns > TURNS_MAX)
            fuzz_fail("what is held never goes out");
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char upgrade[] = "GET /rfb HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
                                  "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                                  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    unsigned how = size ? data[0] : 0;
    const struct vnc_web_config cfg = {.what = "-vnc",
                                       .name = how & NAMED ? "desk.example" : NULL,
                                       .any_name = (how & ANY_NAME) != 0};
    struct vnc_web *web = vnc_web_new(&cfg, NULL);
    struct port p = {0};
    int pair[2];

    if (!web) /* without the library */
        return 0;
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0)
        fuzz_fail("no sockets");
    p.peer = pair[1];
    p.entry =
        vnc_entry_new(vnc_stream_new(pair[0], NULL), web, (how & BROWSERS_ONLY) != 0, 0, NULL);
    if (how & UPGRADED) {
        peer_send(&p, (const uint8_t *)upgrade, sizeof upgrade - 1);
        serve(&p);
        if (!p.websocket)
            fuzz_fail("a browser's upgrade is refused");
    }
    if (size)
        run(&p, data + 1, size - 1);
    finish(&p);
    vnc_stream_close(p.stream);
    peer_read(&p, UINT32_MAX);
    close(p.peer);
    vnc_web_free(web);
    return 0;
}
