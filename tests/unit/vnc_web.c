/* ui/vnc/transport: HTTP's requests, what browsers are answered, WebSocket, and how a connection
 * comes in. */
#include <config.h>
#include <criterion/criterion.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <vemu/error.h>

#include "core/util/endian.h"
#include "ui/vnc/page/page.h"
#include "ui/vnc/transport/entry.h"
#include "ui/vnc/transport/http.h"
#include "ui/vnc/transport/stream.h"
#include "ui/vnc/transport/web.h"
#include "ui/vnc/transport/websocket.h"

#define MS INT64_C(1000000)

/* ---- requests -------------------------------------------------------------------------------- */

static struct http_request r;

static int parse(const char *text)
{
    return http_parse(text, strlen(text), &r);
}

#define UPGRADE                                                                                    \
    "GET /rfb HTTP/1.1\r\nHost: localhost:5900\r\nUpgrade: websocket\r\nConnection: keep-alive, "  \
    "Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"      \
    "Sec-WebSocket-Protocol: chat, binary\r\nOrigin: http://localhost:5900\r\n\r\n"

Test(http, a_request_is_whole_with_its_empty_line)
{
    static const char text[] = UPGRADE "more";

    for (size_t len = 0; len < sizeof text - 5; len++)
        cr_assert_eq(http_parse(text, len, &r), 0);
    cr_assert_eq(http_parse(text, sizeof text - 1, &r), (int)sizeof text - 5);
    cr_assert_eq(r.method, HTTP_GET);
    cr_assert_str_eq(r.path, "/rfb");
    cr_assert_str_eq(r.host, "localhost:5900");
    cr_assert_str_eq(r.origin, "http://localhost:5900");
    cr_assert_str_eq(r.key, "dGhlIHNhbXBsZSBub25jZQ==");
    cr_assert(r.keep_alive && r.upgrade && r.websocket && r.version_13 && r.binary && !r.gzip);
}

Test(http, paths_lose_their_query_and_their_host)
{
    cr_assert_gt(parse("HEAD /a/b.js?x=/../y HTTP/1.1\r\n\r\n"), 0);
    cr_assert_eq(r.method, HTTP_HEAD);
    cr_assert_str_eq(r.path, "/a/b.js");
    cr_assert_gt(parse("GET http://h:1/p HTTP/1.1\r\n\r\n"), 0);
    cr_assert_str_eq(r.path, "/p");
}

Test(http, keep_alive_is_what_1_1_means)
{
    parse("GET / HTTP/1.1\r\n\r\n");
    cr_assert(r.keep_alive);
    parse("GET / HTTP/1.1\r\nConnection: close\r\n\r\n");
    cr_assert_not(r.keep_alive);
    parse("GET / HTTP/1.0\r\n\r\n");
    cr_assert_not(r.keep_alive);
}

Test(http, encodings_are_taken_by_name_unless_their_weight_is_none)
{
    parse("GET / HTTP/1.1\r\nAccept-Encoding: br, GZIP;q=0.5\r\n\r\n");
    cr_assert(r.gzip);
    parse("GET / HTTP/1.1\r\nAccept-Encoding: gzip;q=0, br\r\n\r\n");
    cr_assert_not(r.gzip);
    parse("GET / HTTP/1.1\r\nAccept-Encoding: xgzip\r\n\r\n");
    cr_assert_not(r.gzip);
}

Test(http, what_is_no_request_is_refused)
{
    static const struct {
        const char *text;
        int status;
    } cases[] = {
        {"GET /\r\n\r\n", -400},
        {"\r\n\r\n", -400},
        {"GET / HTTP/1.1\n\n", -400},
        {"GET / HTTP/1.1\r\nA\r\n\r\n", -400},
        {"GET / HTTP/1.1\r\nA : b\r\n\r\n", -400},
        {"GET / HTTP/1.1\r\n: b\r\n\r\n", -400},
        {"GET / HTTP/1.1\r\nA: b\r\n c\r\n\r\n", -400},
        {"GET / HTTP/1.1\r\nA: b\rc\r\n\r\n", -400},
        {"GET / HTTP/1.1\r\nA: \x01\r\n\r\n", -400},
        {"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", -400},
        {"GET / HTTP/1.1\r\nHost:\r\n\r\n", -400},
        {"GET / HTTP/1.1\r\nSec-WebSocket-Key: short\r\n\r\n", -400},
        {"GET nowhere HTTP/1.1\r\n\r\n", -400},
        {"GET http://host HTTP/1.1\r\n\r\n", -400},
        {"GET /#part HTTP/1.1\r\n\r\n", -400},
        {"GET / HTTP/1.1 \r\n\r\n", -400},
        {"G@T / HTTP/1.1\r\n\r\n", -400},
        {"GET / HTTP/2.0\r\n\r\n", -505},
        {"GET / SMTP/1.1\r\n\r\n", -400},
        {"POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello", -413},
        {"GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", -501},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        cr_assert_eq(parse(cases[i].text), cases[i].status, "%s: %d", cases[i].text,
                     parse(cases[i].text));
    cr_assert_eq(http_parse("GET / HTTP/1.1\r\nA: \0\r\n\r\n", 24, &r), -400);
}

Test(http, lengths_are_bounded)
{
    static char text[2 * HTTP_REQUEST_MAX];
    size_t n;

    memset(text, 'a', sizeof text);
    memcpy(text, "GET /", 5);
    cr_assert_eq(http_parse(text, HTTP_REQUEST_MAX - 1, &r), 0);
    cr_assert_eq(http_parse(text, HTTP_REQUEST_MAX, &r), -414);
    memcpy(text + 300, " HTTP/1.1\r\n\r\n", 13);
    cr_assert_eq(http_parse(text, 400, &r), -414);
    memset(text + 10, 'a', 400);
    memcpy(text + 10, " HTTP/1.1\r\nX: ", 14);
    cr_assert_eq(http_parse(text, HTTP_REQUEST_MAX, &r), -431);
    n = 21;
    for (int i = 0; i <= HTTP_FIELDS_MAX; i++)
        n += (size_t)sprintf(text + n, "A: b\r\n");
    cr_assert_eq(http_parse(text, n, &r), -431);
    n = 21 + (size_t)sprintf(text + 21, "Host: %0300d\r\n\r\n", 1);
    cr_assert_eq(http_parse(text, n, &r), -431);
}

/* ---- answers --------------------------------------------------------------------------------- */

#if CONFIG_NETTLE
static struct web_answer a;

static struct vnc_web *web(const char *name, bool any_name)
{
    struct vnc_web_config cfg = {.what = "-vnc", .name = name, .any_name = any_name};
    struct vnc_web *w = vnc_web_new(&cfg, NULL);

    cr_assert_not_null(w);
    return w;
}

static int ask(const struct vnc_web *w, const char *text)
{
    int status, len = parse(text);

    vnc_web_answer(w, &r, len < 0 ? -len : 0, false, &a);
    cr_assert_eq(sscanf(a.head, "HTTP/1.1 %d ", &status), 1);
    cr_assert_eq(strlen(a.head), a.head_len);
    cr_assert_str_eq(a.head + a.head_len - 4, "\r\n\r\n");
    cr_assert(a.upgrade || strstr(a.head, "Content-Security-Policy: default-src 'none'"));
    return status;
}

static int ask_host(const struct vnc_web *w, const char *host)
{
    char text[600];

    snprintf(text, sizeof text, "GET / HTTP/1.1\r\nHost: %s\r\n\r\n", host);
    return ask(w, text);
}

Test(web, the_page_is_served_with_its_length_and_type)
{
    struct vnc_web *w = web(NULL, false);
    const struct vnc_page_file *file = vnc_page_find("/index.html");
    char length[64];

    cr_assert_not_null(file);
    cr_assert_eq(ask(w, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"), 200);
    cr_assert_eq(a.body, file->data);
    cr_assert_eq(a.body_len, (size_t)(file->end - file->data));
    snprintf(length, sizeof length, "Content-Length: %zu\r\n", a.body_len);
    cr_assert_not_null(strstr(a.head, length));
    cr_assert_not_null(strstr(a.head, "Content-Type: text/html; charset=utf-8\r\n"));
    cr_assert(a.keep_alive);
    cr_assert_eq(ask(w, "HEAD / HTTP/1.1\r\nHost: localhost\r\n\r\n"), 200);
    cr_assert_not_null(strstr(a.head, length));
    cr_assert_eq(a.body_len, 0);
    vnc_web_free(w);
}

Test(web, scripts_are_compressed_and_said_to_be)
{
    struct vnc_web *w = web(NULL, false);

    cr_assert_eq(
        ask(w, "GET /page.js HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: gzip\r\n\r\n"), 200);
    cr_assert_not_null(strstr(a.head, "Content-Encoding: gzip\r\n"));
    cr_assert(a.body[0] == 0x1f && a.body[1] == 0x8b);
    cr_assert_eq(ask(w, "GET /page.js HTTP/1.1\r\nHost: localhost\r\n\r\n"), 406);
    vnc_web_free(w);
}

Test(web, a_file_that_the_browser_has_is_not_sent_again)
{
    struct vnc_web *w = web(NULL, false);
    char text[200];

    snprintf(text, sizeof text, "GET / HTTP/1.1\r\nHost: localhost\r\nIf-None-Match: %s\r\n\r\n",
             vnc_page_find("/index.html")->etag);
    cr_assert_eq(ask(w, text), 304);
    cr_assert_eq(a.body_len, 0);
    vnc_web_free(w);
}

Test(web, every_file_is_found_and_nothing_else)
{
    struct vnc_web *w = web(NULL, false);

    for (unsigned i = 0; i < vnc_page_file_count; i++)
        cr_assert_eq(vnc_page_find(vnc_page_files[i].path), &vnc_page_files[i]);
    cr_assert_eq(ask(w, "GET /../etc/passwd HTTP/1.1\r\nHost: localhost\r\n\r\n"), 404);
    cr_assert_eq(ask(w, "GET /viewer HTTP/1.1\r\nHost: localhost\r\n\r\n"), 404);
    cr_assert_eq(ask(w, "POST / HTTP/1.1\r\nHost: localhost\r\n\r\n"), 405);
    cr_assert_eq(ask(w, "GET / HTTP/1.1\r\n\r\n"), 400);
    cr_assert_not(a.keep_alive);
    vnc_web_free(w);
}

Test(web, names_that_strangers_can_have_are_not_answered)
{
    static const char *const good[] = {"localhost",     "LOCALHOST:5900", "127.0.0.1:5900",
                                       "[::1]:5900",    "10.1.2.3",       "a.localhost",
                                       "vnc.example:1", "localhost."};
    static const char *const bad[] = {"evil.example",
                                      "localhost.evil.example",
                                      "127.0.0.1.evil.com",
                                      "evillocalhost",
                                      "localhost:80:90",
                                      "localhost:x",
                                      "[::1",
                                      "[evil]",
                                      ":5900",
                                      "1.2.3"};
    struct vnc_web *w = web("vnc.example", false), *any = web(NULL, true);
    char own[300] = "";

    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        cr_assert_eq(ask_host(w, good[i]), 200, "%s", good[i]);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        cr_assert_eq(ask_host(w, bad[i]), 421, "%s", bad[i]);
        cr_assert_neq(a.problem[0], 0);
    }
    cr_assert_eq(ask_host(any, "evil.example"), 200);
    gethostname(own, sizeof own - 1);
    if (own[0])
        cr_assert_eq(ask_host(w, own), 200);
    vnc_web_free(w);
    vnc_web_free(any);
}

Test(web, an_upgrade_is_answered_as_the_rfc_says)
{
    struct vnc_web *w = web(NULL, false);

    cr_assert_eq(ask(w, UPGRADE), 101);
    /* The example of RFC 6455, section 1.3. */
    cr_assert_not_null(strstr(a.head, "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"));
    cr_assert_not_null(strstr(a.head, "Sec-WebSocket-Protocol: binary\r\n"));
    cr_assert(a.upgrade);
    vnc_web_free(w);
}

static int ask_origin(const struct vnc_web *w, const char *host, const char *origin)
{
    char text[600];

    snprintf(text, sizeof text,
             "GET /websockify HTTP/1.1\r\nHost: %s\r\n%s%s%sUpgrade: websocket\r\nConnection: "
             "upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: "
             "13\r\n\r\n",
             host, origin ? "Origin: " : "", origin ? origin : "", origin ? "\r\n" : "");
    return ask(w, text);
}

Test(web, pages_of_other_sites_may_not_connect)
{
    struct vnc_web *w = web(NULL, false);

    cr_assert_eq(ask_origin(w, "localhost:5900", "http://localhost:5900"), 101);
    cr_assert_eq(ask_origin(w, "localhost:5900", NULL), 101); /* no browser */
    cr_assert_eq(ask_origin(w, "127.0.0.1", "http://127.0.0.1:80"), 101);
    cr_assert_eq(ask_origin(w, "127.0.0.1:443", "https://127.0.0.1"), 101);
    cr_assert_eq(ask_origin(w, "localhost:5900", "http://evil.example"), 403);
    cr_assert_neq(a.problem[0], 0);
    cr_assert_eq(ask_origin(w, "localhost:5900", "http://localhost"), 403);
    cr_assert_eq(ask_origin(w, "localhost:5900", "http://localhost:5901"), 403);
    cr_assert_eq(ask_origin(w, "localhost:5900", "null"), 403);
    cr_assert_eq(ask_origin(w, "localhost:5900", "file://localhost:5900"), 403);
    vnc_web_free(w);
}

Test(web, an_upgrade_that_is_none_is_told_so)
{
    struct vnc_web *w = web(NULL, false);

    cr_assert_eq(ask(w, "GET /rfb HTTP/1.1\r\nHost: localhost\r\n\r\n"), 426);
    cr_assert_eq(ask(w, "GET /rfb HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: "
                        "upgrade\r\nSec-WebSocket-Version: 13\r\n\r\n"),
                 400);
    vnc_web_free(w);
}
#endif

/* ---- WebSocket ------------------------------------------------------------------------------- */

static struct vnc_stream *s;
static int peer;

static void set_up(void)
{
    int fds[2];

    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    s = vnc_stream_new(fds[0], NULL);
    peer = fds[1];
}

static void set_up_websocket(void)
{
    set_up();
    s = vnc_websocket_new(s, NULL, 0, NULL);
    cr_assert_not_null(s);
}

static void tear_down(void)
{
    vnc_stream_close(s);
    close(peer);
}

TestSuite(websocket, .init = set_up_websocket, .fini = tear_down);

/* A frame as a browser makes it; len in the form that `form` says: 0 the shortest. */
static size_t make_frame(uint8_t *out, uint8_t first, const void *data, size_t len)
{
    static const uint8_t mask[4] = {0x12, 0xab, 0x00, 0xff};
    size_t n = 2;

    out[0] = first;
    if (len < 126) {
        out[1] = (uint8_t)(0x80 | len);
    } else if (len < 65536) {
        out[1] = 0x80 | 126;
        store_be16(out + 2, (uint16_t)len);
        n += 2;
    } else {
        out[1] = 0x80 | 127;
        store_be64(out + 2, len);
        n += 8;
    }
    memcpy(out + n, mask, 4);
    n += 4;
    for (size_t i = 0; i < len; i++)
        out[n + i] = ((const uint8_t *)data)[i] ^ mask[i % 4];
    return n + len;
}

static void say_frame(uint8_t first, const void *data, size_t len)
{
    static uint8_t frame[100000];
    size_t n = make_frame(frame, first, data, len);

    cr_assert_eq(write(peer, frame, n), (ssize_t)n);
}

static void expect(const void *data, size_t len)
{
    uint8_t got[256];

    cr_assert_eq(read(peer, got, sizeof got), (ssize_t)len);
    cr_assert_eq(memcmp(got, data, len), 0);
}

static void expect_close(unsigned code)
{
    uint8_t frame[4] = {0x88, 2, (uint8_t)(code >> 8), (uint8_t)code};
    char buf[8];

    while (vnc_stream_read(s, buf, sizeof buf) >= 0) {
    }
    cr_assert(vnc_stream_is_over(s));
    vnc_stream_close(s);
    s = NULL;
    expect(frame, 4);
}

Test(websocket, frames_are_bytes_however_they_are_cut)
{
    char buf[64];

    say_frame(0x02, "he", 2);
    say_frame(0x00, "", 0);
    say_frame(0x89, "?", 1); /* a ping between the pieces of a message */
    say_frame(0x80, "llo", 3);
    say_frame(0x82, ", world", 7);
    cr_assert_eq(vnc_stream_read(s, buf, 1), 1);
    cr_assert(vnc_stream_pending(s));
    for (size_t n = 1; n < 12;) {
        ssize_t got = vnc_stream_read(s, buf + n, sizeof buf - n);
        cr_assert_gt(got, 0);
        n += (size_t)got;
    }
    cr_assert_eq(memcmp(buf, "hello, world", 12), 0);
    cr_assert_eq(vnc_stream_read(s, buf, sizeof buf), VNC_STREAM_WAIT);
    cr_assert_not(vnc_stream_pending(s));
    expect("\x8a\x01?", 3);
}

Test(websocket, a_frame_may_come_byte_by_byte)
{
    static char data[70000], got[70000];
    static uint8_t frame[70014];
    size_t len = 0, n;

    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (char)(i * 31 + i / 977);
    n = make_frame(frame, 0x82, data, sizeof data);
    for (size_t i = 0; i < n; i++) {
        ssize_t m;
        cr_assert_eq(write(peer, frame + i, 1), 1);
        m = vnc_stream_read(s, got + len, sizeof got - len ? sizeof got - len : 1);
        cr_assert_geq(m, 0);
        len += (size_t)m;
    }
    cr_assert_eq(len, sizeof data);
    cr_assert_eq(memcmp(data, got, len), 0);
}

Test(websocket, writes_become_frames_that_a_slow_peer_gets_whole)
{
    enum { TOTAL = 400000 };
    static uint8_t data[TOTAL], got[TOTAL + 1000];
    size_t taken = 0, len = 0, at = 0, bytes = 0;

    for (size_t i = 0; i < TOTAL; i++)
        data[i] = (uint8_t)(i * 13 + i / 509);
    while (taken < TOTAL || !vnc_stream_flush(s)) {
        size_t half = (TOTAL - taken) / 2;
        struct iovec iov[2] = {{data + taken, half}, {data + taken + half, TOTAL - taken - half}};
        ssize_t n = taken < TOTAL ? vnc_stream_write(s, iov, 2) : 0;
        cr_assert_geq(n, 0);
        taken += (size_t)n;
        n = read(peer, got + len, 3001);
        len += n > 0 ? (size_t)n : 0;
        cr_assert(taken < TOTAL || vnc_stream_events(s, 0) == POLLOUT || vnc_stream_flush(s));
    }
    for (ssize_t n; (n = read(peer, got + len, sizeof got - len)) > 0;)
        len += (size_t)n;
    while (at < len) {
        size_t n = got[at + 1], head = 2;
        cr_assert_eq(got[at], 0x82);
        cr_assert_lt(n, 127); /* not masked */
        if (n == 126) {
            n = load_be16(got + at + 2);
            head = 4;
        }
        cr_assert_eq(memcmp(got + at + head, data + bytes, n), 0);
        bytes += n;
        at += head + n;
    }
    cr_assert_eq(bytes, TOTAL);
}

Test(websocket, a_close_is_answered)
{
    say_frame(0x88, "\x03\xe9", 2);
    expect_close(1000);
}

Test(websocket, leaving_says_goodbye)
{
    vnc_stream_close(s);
    s = NULL;
    expect("\x88\x02\x03\xe8", 4);
}

static void check_refused(uint8_t first, size_t len, unsigned code)
{
    say_frame(
        first,
        "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234"
        "5678901234567890123456789012345678901234567890",
        len);
    expect_close(code);
}

Test(websocket, text_is_refused)
{
    check_refused(0x81, 3, 1003);
}
Test(websocket, reserved_bits_are_refused) /* compression, too, which was not agreed on */
{
    check_refused(0xc2, 3, 1002);
}
Test(websocket, unknown_opcodes_are_refused)
{
    check_refused(0x83, 3, 1002);
}
Test(websocket, control_frames_come_in_one_piece)
{
    check_refused(0x09, 3, 1002);
}
Test(websocket, long_control_frames_are_refused)
{
    check_refused(0x89, 126, 1002);
}
Test(websocket, a_close_of_one_byte_is_refused)
{
    check_refused(0x88, 1, 1002);
}
Test(websocket, a_message_goes_on_only_when_it_started)
{
    check_refused(0x80, 3, 1002);
}
Test(websocket, a_message_does_not_start_within_another)
{
    say_frame(0x02, "a", 1);
    check_refused(0x82, 1, 1002);
}

static void check_raw(const void *bytes, size_t len, unsigned code)
{
    cr_assert_eq(write(peer, bytes, len), (ssize_t)len);
    expect_close(code);
}

Test(websocket, frames_without_a_mask_are_refused)
{
    check_raw("\x82\x03"
              "abc",
              5, 1002);
}
Test(websocket, oversize_frames_are_refused_by_their_header)
{
    check_raw("\x82\xff\0\0\0\0\x01\0\0\x01"
              "mask",
              14, 1009);
}
Test(websocket, lengths_of_2_to_the_63_are_refused)
{
    check_raw("\x82\xff\x80\0\0\0\0\0\0\0"
              "mask",
              14, 1009);
}
Test(websocket, lengths_have_their_shortest_form)
{
    check_raw("\x82\xfe\0\x7dmask", 8, 1002);
}
Test(websocket, lengths_of_64_bits_have_their_shortest_form)
{
    check_raw("\x82\xff\0\0\0\0\0\0\xff\xff"
              "mask",
              14, 1002);
}

Test(websocket, a_flood_of_frames_without_data_ends)
{
    char buf[8];
    int sent = 0;

    while (!vnc_stream_is_over(s) && sent < 5000) {
        for (int i = 0; i < 20; i++, sent++)
            say_frame(0x82, "", 0);
        while (vnc_stream_read(s, buf, sizeof buf) > 0) {
        }
    }
    cr_assert_leq(sent, 1020);
    cr_assert_not_null(strstr(vnc_stream_reason(s), "without data"));
}

/* ---- how a connection comes in --------------------------------------------------------------- */

#if CONFIG_NETTLE
static struct vnc_web *w;
static struct vnc_entry *e;
static char got[16384];
static size_t got_len;

static void set_up_entry(void)
{
    set_up();
    w = web(NULL, false);
    e = vnc_entry_new(s, w, false, 0, NULL);
    cr_assert_not_null(e);
    s = NULL;
}

static void tear_down_entry(void)
{
    vnc_entry_free(e);
    vnc_stream_close(s);
    vnc_web_free(w);
    close(peer);
}

TestSuite(entry, .init = set_up_entry, .fini = tear_down_entry);

static void say(const char *text)
{
    cr_assert_eq(write(peer, text, strlen(text)), (ssize_t)strlen(text));
}

static void hear(void)
{
    ssize_t n = read(peer, got + got_len, sizeof got - 1 - got_len);

    got_len += n > 0 ? (size_t)n : 0;
    got[got_len] = 0;
}

static void take(bool websocket_wanted)
{
    bool websocket, secure;

    s = vnc_entry_take(e, &websocket, &secure);
    e = NULL;
    cr_assert_eq(websocket, websocket_wanted);
    cr_assert_not(secure);
}

Test(entry, who_says_nothing_for_50_ms_is_a_viewer)
{
    cr_assert_eq(vnc_entry_deadline(e), 50 * MS);
    cr_assert_eq(vnc_entry_step(e, 49 * MS), VNC_ENTRY_WAIT);
    cr_assert_eq(vnc_entry_events(e), POLLIN);
    cr_assert_eq(vnc_entry_step(e, 50 * MS), VNC_ENTRY_READY);
    take(false);
}

Test(entry, who_may_be_a_browser_gets_longer_but_no_more_than_a_second)
{
    vnc_entry_expect_browser(e, 300 * MS);
    cr_assert_eq(vnc_entry_step(e, 299 * MS), VNC_ENTRY_WAIT);
    vnc_entry_expect_browser(e, 200 * MS);
    cr_assert_eq(vnc_entry_deadline(e), 300 * MS, "never less");
    vnc_entry_expect_browser(e, 5000 * MS);
    cr_assert_eq(vnc_entry_step(e, 999 * MS), VNC_ENTRY_WAIT);
    cr_assert_eq(vnc_entry_step(e, 1000 * MS), VNC_ENTRY_READY);
    take(false);
}

Test(entry, a_viewer_that_speaks_first_keeps_its_bytes)
{
    char buf[16];

    say("RFB 003.008\n");
    cr_assert_eq(vnc_entry_step(e, 1), VNC_ENTRY_READY);
    take(false);
    cr_assert_eq(vnc_stream_read(s, buf, sizeof buf), 12);
    cr_assert_eq(memcmp(buf, "RFB 003.008\n", 12), 0);
}

Test(entry, without_browsers_nobody_waits)
{
    int fds[2];
    struct vnc_entry *other;
    bool websocket, secure;

    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    other = vnc_entry_new(vnc_stream_new(fds[0], NULL), NULL, false, 0, NULL);
    cr_assert_eq(vnc_entry_step(other, 0), VNC_ENTRY_READY);
    vnc_stream_close(vnc_entry_take(other, &websocket, &secure));
    close(fds[1]);
}

Test(entry, a_browser_gets_its_files_and_then_upgrades)
{
    char buf[16];
    uint8_t frame[32];
    size_t n = make_frame(frame, 0x82, "RFB 003.008\n", 12);

    say("GET /nothing HTTP/1.1\r\nHost: localhost\r\n\r\nGET /icon.svg HTTP/1.1\r\nHost: "
        "localhost\r\n\r\n"); /* in a row */
    cr_assert_eq(vnc_entry_step(e, 1), VNC_ENTRY_WAIT);
    hear();
    cr_assert_not_null(strstr(got, "HTTP/1.1 404 Not Found\r\n"));
    cr_assert_not_null(strstr(got, "HTTP/1.1 200 OK\r\n"));
    cr_assert_not_null(strstr(got, "</svg>"));
    say(UPGRADE);
    cr_assert_eq(write(peer, frame, n), (ssize_t)n); /* does not wait for the answer */
    cr_assert_eq(vnc_entry_step(e, 2), VNC_ENTRY_READY);
    take(true);
    cr_assert_eq(vnc_stream_read(s, buf, sizeof buf), 12);
    cr_assert_eq(memcmp(buf, "RFB 003.008\n", 12), 0);
    hear();
    cr_assert_not_null(strstr(got, "HTTP/1.1 101 Switching Protocols\r\n"));
}

Test(entry, a_large_file_goes_to_a_slow_reader_whole)
{
    size_t want = (size_t)(vnc_page_find("/page.js")->end - vnc_page_find("/page.js")->data);
    enum vnc_entry_result result = VNC_ENTRY_WAIT;
    int small = 2048;
    char *body;

    setsockopt(vnc_entry_fd(e), SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
    say("GET /page.js HTTP/1.0\r\nHost: localhost\r\nAccept-Encoding: gzip\r\n\r\n");
    for (int i = 0; i < 1000 && result == VNC_ENTRY_WAIT; i++) {
        result = vnc_entry_step(e, i);
        hear();
    }
    cr_assert_eq(result, VNC_ENTRY_OVER);
    cr_assert_null(vnc_entry_reason(e));
    body = memmem(got, got_len, "\r\n\r\n", 4);
    cr_assert_not_null(body);
    cr_assert_eq(got_len - (size_t)(body + 4 - got), want);
    cr_assert_eq(memcmp(body + 4, vnc_page_find("/page.js")->data, want), 0);
}

Test(entry, nonsense_is_answered_and_ends)
{
    say("GET / HTTP/1.1\nHost: localhost\n\n");
    cr_assert_eq(vnc_entry_step(e, 1), VNC_ENTRY_OVER);
    cr_assert_not_null(vnc_entry_take_problem(e));
    cr_assert_null(vnc_entry_take_problem(e));
    hear();
    cr_assert_not_null(strstr(got, "HTTP/1.1 400 Bad Request\r\n"));
    cr_assert_not_null(strstr(got, "Connection: close\r\n"));
}

Test(entry, a_request_that_never_ends_runs_out_of_time)
{
    int64_t now = 0;

    say("GET / HTTP/1.1\r\n");
    for (; now < 60000 * MS && vnc_entry_step(e, now) == VNC_ENTRY_WAIT; now += 1000 * MS)
        say("X: y\r\n");
    cr_assert_leq(now, 11000 * MS);
    cr_assert_str_eq(vnc_entry_reason(e), "a request of HTTP takes too long");
}

Test(entry, a_connection_that_is_kept_for_later_ends_in_silence)
{
    say("GET /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n");
    cr_assert_eq(vnc_entry_step(e, 1), VNC_ENTRY_WAIT);
    cr_assert_eq(vnc_entry_deadline(e), 1 + 30000 * MS);
    cr_assert_eq(vnc_entry_step(e, 1 + 30000 * MS), VNC_ENTRY_OVER);
    cr_assert_null(vnc_entry_reason(e));
}

Test(entry, a_reader_that_stops_runs_out_of_time)
{
    int small = 2048;

    setsockopt(vnc_entry_fd(e), SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
    for (int i = 0; i < 20; i++)
        say("GET /page.js HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: gzip\r\n\r\n");
    cr_assert_eq(vnc_entry_step(e, 1), VNC_ENTRY_WAIT);
    cr_assert_eq(vnc_entry_events(e), POLLOUT);
    cr_assert_eq(vnc_entry_step(e, 1 + 30000 * MS), VNC_ENTRY_OVER);
    cr_assert_str_eq(vnc_entry_reason(e), "the peer does not read its answer");
}

Test(entry, tls_without_a_certificate_is_named)
{
    cr_assert_eq(write(peer, "\x16\x03\x01", 3), 3);
    cr_assert_eq(vnc_entry_step(e, 1), VNC_ENTRY_OVER);
    cr_assert_not_null(strstr(vnc_entry_reason(e), "certificate"));
}

Test(entry, a_peer_that_leaves_at_once_is_no_news)
{
    shutdown(peer, SHUT_WR);
    cr_assert_eq(vnc_entry_step(e, 1), VNC_ENTRY_OVER);
    cr_assert_null(vnc_entry_reason(e));
}
#endif
