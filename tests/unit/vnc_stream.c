/* ui/vnc/transport/stream: bytes both ways without waiting, ends, and the names of both ends. */
#include <criterion/criterion.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "ui/vnc/transport/stream.h"

static struct vnc_stream *s;
static int peer;

static void set_up(void)
{
    int fds[2];

    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    s = vnc_stream_new(fds[0], NULL);
    cr_assert_not_null(s);
    peer = fds[1];
}

static void tear_down(void)
{
    vnc_stream_close(s);
    close(peer);
}

TestSuite(vnc_stream, .init = set_up, .fini = tear_down);

Test(vnc_stream, reads_what_there_is_and_never_waits)
{
    char buf[8];

    cr_assert_eq(vnc_stream_read(s, buf, sizeof buf), VNC_STREAM_WAIT);
    cr_assert_eq(write(peer, "hello, world", 12), 12);
    cr_assert_eq(vnc_stream_read(s, buf, sizeof buf), 8);
    cr_assert_eq(memcmp(buf, "hello, w", 8), 0);
    cr_assert_not(vnc_stream_pending(s));
    cr_assert_eq(vnc_stream_read(s, buf, sizeof buf), 4);
    cr_assert_eq(vnc_stream_read(s, buf, sizeof buf), VNC_STREAM_WAIT);
}

Test(vnc_stream, writes_gather_and_stop_when_the_peer_does_not_read)
{
    struct iovec iov[2] = {{.iov_base = "abc", .iov_len = 3}, {.iov_base = "de", .iov_len = 2}};
    static char big[1 << 20];
    struct iovec more = {.iov_base = big, .iov_len = sizeof big};
    char buf[8];
    ssize_t n, total = 0;

    cr_assert_eq(vnc_stream_write(s, iov, 2), 5);
    cr_assert_eq(read(peer, buf, sizeof buf), 5);
    cr_assert_eq(memcmp(buf, "abcde", 5), 0);
    while ((n = vnc_stream_write(s, &more, 1)) > 0)
        total += n;
    cr_assert_eq(n, VNC_STREAM_WAIT);
    cr_assert_gt(total, 0);
    cr_assert(vnc_stream_flush(s)); /* a socket holds nothing */
}

Test(vnc_stream, asks_for_the_directions_that_are_wanted)
{
    cr_assert_eq(vnc_stream_events(s, 0), 0);
    cr_assert_eq(vnc_stream_events(s, VNC_STREAM_READ), POLLIN);
    cr_assert_eq(vnc_stream_events(s, VNC_STREAM_READ | VNC_STREAM_WRITE), POLLIN | POLLOUT);
}

Test(vnc_stream, an_end_by_the_peer_is_told_once_all_is_read)
{
    struct iovec iov = {.iov_base = "x", .iov_len = 1};
    char buf[8];

    cr_assert_eq(write(peer, "bye", 3), 3);
    shutdown(peer, SHUT_WR);
    cr_assert_eq(vnc_stream_read(s, buf, sizeof buf), 3);
    cr_assert_not(vnc_stream_is_over(s));
    cr_assert_eq(vnc_stream_read(s, buf, sizeof buf), VNC_STREAM_OVER);
    cr_assert(vnc_stream_is_over(s));
    cr_assert_str_eq(vnc_stream_reason(s), "the peer closed the connection");
    cr_assert_eq(vnc_stream_write(s, &iov, 1), VNC_STREAM_OVER);
    cr_assert_eq(vnc_stream_events(s, VNC_STREAM_READ | VNC_STREAM_WRITE), 0);
}

Test(vnc_stream, writing_to_a_peer_that_left_ends_without_a_signal)
{
    struct iovec iov = {.iov_base = "x", .iov_len = 1};

    close(peer);
    peer = -1;
    cr_assert_eq(vnc_stream_write(s, &iov, 1), VNC_STREAM_OVER);
    cr_assert(vnc_stream_is_over(s));
}

Test(vnc_stream, the_first_reason_stays)
{
    cr_assert_eq(vnc_stream_fail(s, "a frame of %d bytes is too long", 70000), VNC_STREAM_OVER);
    vnc_stream_fail(s, "something else");
    cr_assert_str_eq(vnc_stream_reason(s), "a frame of 70000 bytes is too long");
}

Test(vnc_stream, a_socket_without_a_name_is_local)
{
    cr_assert_str_eq(vnc_stream_peer(s)->family, "unix");
    cr_assert_str_eq(vnc_stream_peer(s)->host, "");
    cr_assert(vnc_stream_is_local(s));
}

/* Connects over TCP and returns the server's end. */
static struct vnc_stream *connect_tcp(int family, int *client, uint16_t *client_port)
{
    union {
        struct sockaddr sa;
        struct sockaddr_in in;
        struct sockaddr_in6 in6;
    } a = {.in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof a.in;
    int listening = socket(family, SOCK_STREAM, 0), fd;
    struct vnc_stream *t;

    if (family == AF_INET6) {
        memset(&a, 0, sizeof a);
        a.in6.sin6_family = AF_INET6;
        a.in6.sin6_addr = in6addr_loopback;
        len = sizeof a.in6;
    }
    if (listening < 0 || bind(listening, &a.sa, len) != 0) {
        close(listening);
        return NULL;
    }
    cr_assert_eq(listen(listening, 1), 0);
    cr_assert_eq(getsockname(listening, &a.sa, &len), 0);
    *client = socket(family, SOCK_STREAM, 0);
    cr_assert_eq(connect(*client, &a.sa, len), 0);
    fd = accept(listening, NULL, NULL);
    cr_assert_geq(fd, 0);
    cr_assert_eq(getsockname(*client, &a.sa, &len), 0);
    *client_port = ntohs(family == AF_INET6 ? a.in6.sin6_port : a.in.sin_port);
    close(listening);
    t = vnc_stream_new(fd, NULL);
    cr_assert_not_null(t);
    return t;
}

static void check_tcp(int family, const char *name, const char *host)
{
    uint16_t port;
    char text[8];
    int client;
    struct vnc_stream *t = connect_tcp(family, &client, &port);

    if (!t && family == AF_INET6)
        cr_skip_test("this host has no IPv6");
    cr_assert_not_null(t);
    snprintf(text, sizeof text, "%u", port);
    cr_assert_str_eq(vnc_stream_peer(t)->family, name);
    cr_assert_str_eq(vnc_stream_peer(t)->host, host);
    cr_assert_str_eq(vnc_stream_peer(t)->service, text);
    cr_assert_str_eq(vnc_stream_local(t)->host, host);
    cr_assert_str_neq(vnc_stream_local(t)->service, text);
    cr_assert(vnc_stream_is_local(t));
    close(client);
    vnc_stream_close(t);
}

Test(vnc_stream, both_ends_have_their_names_on_ipv4)
{
    check_tcp(AF_INET, "ipv4", "127.0.0.1");
}

Test(vnc_stream, both_ends_have_their_names_on_ipv6)
{
    check_tcp(AF_INET6, "ipv6", "::1");
}
