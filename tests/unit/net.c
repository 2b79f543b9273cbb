/* core/net: checksums, segments, the link, and back ends with what is at their other end. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config.h"
#include "core/device/machine.h"
#include "core/net/backend.h"
#include "core/net/net.h"
#include "core/util/endian.h"
#include "core/util/error.h"
#include "core/util/range.h"

enum { ETH = NET_ETH_HEADER, IP4 = 20, IP6 = 40, TCP = 20, FRAMES = 64 };

/* ---- frames ---------------------------------------------------------------------------------- */

/* The sum of RFC 1071 the slow way: 16 bits at a time, in network order. */
static uint16_t slow_sum(const uint8_t *p, size_t len, uint32_t sum)
{
    for (size_t i = 0; i < len; i++)
        sum += i & 1 ? p[i] : (uint32_t)p[i] << 8;
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)sum;
}

static uint32_t pseudo_sum(const uint8_t *frame, bool v4, uint32_t tcp_len)
{
    const uint8_t *ip = frame + ETH;
    return (uint32_t)slow_sum(v4 ? ip + 12 : ip + 8, v4 ? 8 : 32, 0) + tcp_len + 6;
}

/* A TCP frame as a driver hands it over for segmentation: lengths and checksums are garbage. */
static uint32_t make_tcp(uint8_t *f, bool v4, uint32_t payload, uint8_t flags)
{
    uint32_t ip = v4 ? IP4 : IP6, at = ETH + ip;

    memset(f, 0, ETH + ip + TCP);
    memcpy(f, "\x52\x54\0\1\2\3\x52\x54\0\4\5\6", 12);
    store_be16(f + 12, v4 ? 0x0800 : 0x86dd);
    if (v4) {
        f[ETH] = 0x45;
        store_be16(f + ETH + 2, 0xdead);
        store_be16(f + ETH + 4, 0xfffe); /* wraps */
        f[ETH + 8] = 64;
        f[ETH + 9] = 6;
        store_be16(f + ETH + 10, 0xbeef);
        memcpy(f + ETH + 12, "\x0a\0\2\x0f\x0a\0\2\2", 8);
    } else {
        f[ETH] = 0x60;
        f[ETH + 6] = 6;
        for (unsigned i = 0; i < 32; i++)
            f[ETH + 8 + i] = (uint8_t)(i * 7);
    }
    store_be16(f + at, 1234);
    store_be32(f + at + 4, 0xffffff00); /* wraps */
    f[at + 12] = 5 << 4;
    f[at + 13] = flags;
    store_be16(f + at + 16, 0x5555);
    for (uint32_t i = 0; i < payload; i++)
        f[at + TCP + i] = (uint8_t)(i * 31 + (i >> 8));
    return at + TCP + payload;
}

static void assert_tcp_is_right(const uint8_t *f, uint32_t len, bool v4)
{
    uint32_t at = ETH + (v4 ? IP4 : IP6);

    if (v4) {
        cr_assert_eq(load_be16(f + ETH + 2), len - ETH);
        cr_assert_eq(slow_sum(f + ETH, IP4, 0), 0xffff, "IP header checksum");
    } else {
        cr_assert_eq(load_be16(f + ETH + 4), len - at);
    }
    cr_assert_eq(slow_sum(f + at, len - at, pseudo_sum(f, v4, len - at)), 0xffff, "TCP checksum");
}

struct collected {
    unsigned count;
    uint32_t len[FRAMES];
    uint8_t *data[FRAMES];
};

static void collect(void *opaque, const uint8_t *frame, uint32_t len)
{
    struct collected *c = opaque;

    cr_assert_lt(c->count, FRAMES);
    c->data[c->count] = memcpy(malloc(len), frame, len);
    c->len[c->count++] = len;
}

static void collect_free(struct collected *c)
{
    for (unsigned i = 0; i < c->count; i++)
        free(c->data[i]);
    c->count = 0;
}

static void segments(bool v4, uint32_t payload, uint32_t each)
{
    static uint8_t f[NET_FRAME_MAX], buf[NET_FRAME_MAX];
    uint32_t headers = ETH + (v4 ? IP4 : IP6) + TCP;
    struct net_packet p = {.data = f,
                           .len = make_tcp(f, v4, payload, 0x80 | 0x18 | 1),
                           .gso = v4 ? NET_GSO_TCP4 : NET_GSO_TCP6};
    struct collected c = {0};
    uint32_t done = 0;

    cr_assert(net_segment(&p, each, buf, collect, &c));
    cr_assert_eq(c.count, (payload + each - 1) / each);
    for (unsigned i = 0; i < c.count; i++) {
        const uint8_t *tcp = c.data[i] + headers - TCP;
        uint32_t n = c.len[i] - headers;
        bool last = i + 1 == c.count;
        assert_tcp_is_right(c.data[i], c.len[i], v4);
        cr_assert_eq(load_be32(tcp + 4), 0xffffff00 + done);
        cr_assert_eq(tcp[13], (i ? 0 : 0x80) | 0x10 | (last ? 9 : 0), "flags of segment %u", i);
        if (v4)
            cr_assert_eq(load_be16(c.data[i] + ETH + 4), (uint16_t)(0xfffe + i));
        cr_assert_eq(memcmp(c.data[i] + headers, f + headers + done, n), 0);
        done += n;
    }
    cr_assert_eq(done, payload);
    collect_free(&c);
}

Test(net_packet, tcp_segments_have_right_headers_and_all_of_the_data)
{
    segments(true, 1460, 1460);
    segments(true, 1461, 1460);
    segments(true, 60000, 1460);
    segments(true, 7, 1);
    segments(false, 40000, 1440);
    segments(false, 1, 1440);
}

Test(net_packet, a_segment_taken_whole_has_the_largest_length_an_ip_packet_can_have)
{
    segments(true, 65535 - IP4 - TCP, 65535 - IP4 - TCP);
    static uint8_t f[NET_FRAME_MAX], buf[NET_FRAME_MAX];
    struct net_packet p = {.data = f, .len = make_tcp(f, true, 65480, 0x10), .gso = NET_GSO_TCP4};
    struct collected c = {0};

    cr_assert(net_segment(&p, NET_PAYLOAD_LARGEST, buf, collect, &c));
    cr_expect_eq(c.count, 1);
    assert_tcp_is_right(c.data[0], c.len[0], true);
    collect_free(&c);
}

Test(net_packet, what_is_no_tcp_frame_of_its_kind_is_not_cut)
{
    static uint8_t good[4096], f[4096], buf[NET_FRAME_MAX];
    uint32_t len = make_tcp(good, true, 2000, 0x10);
    struct collected c = {0};
    struct net_packet p = {.data = f, .len = len, .gso = NET_GSO_TCP4};
    const struct {
        uint32_t at;
        uint8_t value;
    } damage[] = {{12, 0x86},
                  {ETH, 0x44},
                  {ETH, 0x65},

                  {ETH + 9, 17},
                  {ETH + IP4 + 12, 0x40},
                  {ETH + IP4 + 12, 0xf0}};

    for (unsigned i = 0; i < ARRAY_SIZE(damage); i++) {
        memcpy(f, good, len);
        f[damage[i].at] = damage[i].value;
        p.len = damage[i].value == 0xf0 ? ETH + IP4 + 60 : len;
        cr_expect(!net_segment(&p, 1460, buf, collect, &c), "byte %u", damage[i].at);
    }
    memcpy(f, good, len);
    for (uint32_t n = 0; n <= ETH + IP4 + TCP; n++) {
        p.len = n;
        cr_expect(!net_segment(&p, 1460, buf, collect, &c), "%u bytes", n);
    }
    p.len = len;
    p.gso = NET_GSO_TCP6;
    cr_expect(!net_segment(&p, 1460, buf, collect, &c));
    cr_expect_eq(c.count, 0);
}

Test(net_packet, a_begun_checksum_is_finished_where_it_says)
{
    uint8_t f[128];
    struct net_packet p = {.data = f, .len = make_tcp(f, true, 33, 0x10), .needs_csum = true};
    uint32_t at = ETH + IP4;

    p.csum_start = (uint16_t)at;
    p.csum_offset = 16;
    store_be16(f + at + 16, slow_sum(NULL, 0, pseudo_sum(f, true, p.len - at)));
    cr_assert(net_finish_checksum(&p, f));
    cr_expect_eq(slow_sum(f + at, p.len - at, pseudo_sum(f, true, p.len - at)), 0xffff);

    /* offsets outside of the frame change nothing */
    uint8_t before[128];
    memcpy(before, f, sizeof f);
    p.csum_start = (uint16_t)p.len;
    cr_expect(!net_finish_checksum(&p, f));
    p.csum_start = (uint16_t)(p.len - 1);
    p.csum_offset = 0;
    cr_expect(!net_finish_checksum(&p, f));
    p.csum_start = 0;
    p.csum_offset = UINT16_MAX;
    cr_expect(!net_finish_checksum(&p, f));
    cr_expect_eq(memcmp(before, f, sizeof f), 0);
}

Test(net_packet, addresses_are_six_bytes_of_two_digits)
{
    static const char *const bad[] = {"",
                                      "52:54:00:12:34",
                                      "52:54:00:12:34:5",
                                      "52:54:00:12:34:56:78",
                                      "52:54:00:12:34:5g",
                                      "525400123456",
                                      "52:54:00:12:34:\025\026",
                                      "52:54:0:12:34:56"};
    uint8_t a[NET_ADDRESS_SIZE];

    cr_assert(net_address_parse("52:54:00:aB:34:56", a));
    cr_expect_eq(memcmp(a, "\x52\x54\0\xab\x34\x56", 6), 0);
    cr_expect(net_address_parse("52-54-00-ab-34-56", a));
    for (unsigned i = 0; i < ARRAY_SIZE(bad); i++)
        cr_expect(!net_address_parse(bad[i], a), "'%s'", bad[i]);
}

/* ---- the link, over a stream whose other end is this test --------------------------------------
 */

struct nic {
    struct netdev *nd;
    struct collected got;
    struct net_packet last;
    unsigned buffers; /* frames it can take */
    uint32_t room;    /* bytes of each */
    unsigned rooms, ups, downs;
};

static bool nic_can_receive(void *opaque)
{
    return ((struct nic *)opaque)->buffers > 0;
}
static bool nic_receive(void *opaque, const struct net_packet *p)
{
    struct nic *n = opaque;
    if (p->len > n->room)
        return false;
    n->buffers--;
    n->last = *p;
    collect(&n->got, p->data, p->len);
    return true;
}
static void nic_room(void *opaque)
{
    ((struct nic *)opaque)->rooms++;
}
static void nic_link(void *opaque, bool up)
{
    struct nic *n = opaque;
    n->ups += up;
    n->downs += !up;
}
static const struct net_frontend nic_ops = {.can_receive = nic_can_receive,
                                            .receive = nic_receive,
                                            .room = nic_room,
                                            .link_changed = nic_link};

static struct vemu_machine m;
static struct nic nic;
static int peer;

static void run(void)
{
    for (unsigned i = 0; i < 20; i++)
        loop_iterate(m.loop, 0);
}

static struct netdev *netdev_made(const char *id, const char *spec)
{
    struct vemu_error *err = NULL;
    machine_lock(&m);
    struct netdev *nd = netdev_new(&m, id, spec, &err);
    machine_unlock(&m);
    cr_assert(nd, "%s: %s", spec, err ? vemu_error_message(err) : "");
    return nd;
}

static void attach(struct netdev *nd)
{
    struct vemu_error *err = NULL;
    nic = (struct nic){.nd = nd, .buffers = FRAMES, .room = NET_FRAME_MAX};
    machine_lock(&m);
    cr_assert(netdev_attach(nd, &nic_ops, &nic, &err));
    machine_unlock(&m);
}

static void setup(void)
{
    cr_assert(machine_init(&m, NULL));
}

static void setup_stream(void)
{
    int fds[2];
    char spec[64];

    setup();
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    peer = fds[1];
    snprintf(spec, sizeof spec, "stream,id=n0,addr.type=fd,addr.str=%d", fds[0]);
    attach(netdev_made(NULL, spec));
    close(fds[0]);
    run();
}

static void teardown(void)
{
    collect_free(&nic.got);
    machine_lock(&m);
    if (nic.nd && nic.nd == netdev_find(&m, "n0"))
        netdev_detach(nic.nd);
    machine_unlock(&m);
    machine_destroy(&m);
}
TestSuite(net_link, .init = setup_stream, .fini = teardown);

static bool send_packet(const struct net_packet *p)
{
    machine_lock(&m);
    bool taken = netdev_send(nic.nd, p);
    machine_unlock(&m);
    return taken;
}

static void peer_writes(const uint8_t *frame, uint32_t len)
{
    uint8_t length[4];
    store_be32(length, len);
    cr_assert_eq(write(peer, length, 4), 4);
    cr_assert_eq(write(peer, frame, len), (ssize_t)len);
}

static uint32_t peer_reads(uint8_t *frame)
{
    uint8_t length[4];
    cr_assert_eq(recv(peer, length, 4, MSG_WAITALL), 4);
    uint32_t len = load_be32(length);
    cr_assert_leq(len, NET_FRAME_MAX);
    cr_assert_eq(recv(peer, frame, len, MSG_WAITALL), (ssize_t)len);
    return len;
}

Test(net_link, frames_go_both_ways_unchanged)
{
    static uint8_t f[200], got[NET_FRAME_MAX];
    uint32_t len = make_tcp(f, true, 100, 0x10);
    struct net_packet p = {.data = f, .len = len};

    cr_expect(send_packet(&p));
    cr_expect_eq(peer_reads(got), len);
    cr_expect_eq(memcmp(f, got, len), 0);
    peer_writes(f, len);
    peer_writes(f, len - 1);
    run();
    cr_assert_eq(nic.got.count, 2);
    cr_expect_eq(nic.got.len[0], len);
    cr_expect_eq(nic.got.len[1], len - 1);
    cr_expect_eq(memcmp(nic.got.data[0], f, len), 0);
    cr_expect_eq(netdev_counters(nic.nd)->sent, 1);
    cr_expect_eq(netdev_counters(nic.nd)->received, 2);
}

Test(net_link, a_side_without_offloads_gets_whole_frames)
{
    static uint8_t f[NET_FRAME_MAX], got[NET_FRAME_MAX];
    struct net_packet p = {.data = f,
                           .len = make_tcp(f, true, 5000, 0x10),
                           .gso = NET_GSO_TCP4,
                           .gso_size = 1460,
                           .needs_csum = true,
                           .csum_start = ETH + IP4,
                           .csum_offset = 16};

    cr_expect(send_packet(&p));
    for (unsigned i = 0; i < 4; i++) {
        uint32_t len = peer_reads(got);
        cr_expect_eq(len, ETH + IP4 + TCP + (i < 3 ? 1460u : 620u));
        assert_tcp_is_right(got, len, true);
    }
}

Test(net_link, frames_wait_until_the_device_has_a_buffer)
{
    static uint8_t f[200];
    uint32_t len = make_tcp(f, true, 100, 0x10);

    nic.buffers = 1;
    for (unsigned i = 0; i < 3; i++)
        peer_writes(f, len);
    run();
    cr_expect_eq(nic.got.count, 1);
    machine_lock(&m);
    nic.buffers = 1;
    netdev_accept(nic.nd);
    machine_unlock(&m);
    run();
    cr_expect_eq(nic.got.count, 2);
    machine_lock(&m);
    netdev_purge(nic.nd);
    nic.buffers = 5;
    netdev_accept(nic.nd);
    machine_unlock(&m);
    run();
    cr_expect_eq(nic.got.count, 2, "what waited at a reset is gone");
}

Test(net_link, what_a_device_refuses_waits_in_its_place)
{
    static uint8_t f[NET_FRAME_MAX];
    struct net_packet whole = {
        .data = f, .len = make_tcp(f, true, 3000, 0x10), .gso = NET_GSO_TCP4, .gso_size = 1000};

    /* The first segment of three is taken; then there is no room for long frames. */
    nic.buffers = 1;
    machine_lock(&m);
    netdev_input(nic.nd, &whole, true);
    machine_unlock(&m);
    uint32_t len = make_tcp(f, true, 7, 0x10);
    peer_writes(f, len);
    run();
    cr_expect_eq(nic.got.count, 1);
    nic.buffers = 10;
    nic.room = 200;
    machine_lock(&m);
    netdev_accept(nic.nd);
    machine_unlock(&m);
    run();
    cr_expect_eq(nic.got.count, 1);
    nic.room = NET_FRAME_MAX;
    machine_lock(&m);
    netdev_accept(nic.nd);
    machine_unlock(&m);
    run();
    cr_assert_eq(nic.got.count, 4);
    for (uint32_t i = 0; i < 3; i++)
        cr_expect_eq(load_be32(nic.got.data[i] + ETH + IP4 + 4), 0xffffff00 + 1000 * i);
    cr_expect_eq(nic.got.len[3], len);
    cr_expect_eq(netdev_counters(nic.nd)->dropped, 0);
}

Test(net_link, a_peer_that_does_not_read_holds_the_device_back_and_loses_nothing)
{
    static uint8_t f[2000], got[NET_FRAME_MAX];
    uint32_t len = make_tcp(f, true, 1400, 0x10);
    struct net_packet p = {.data = f, .len = len};
    unsigned sent = 0;

    while (sent < 100000 && send_packet(&p)) {
        sent++;
        store_be32(f + ETH + IP4 + 4, sent);
    }
    cr_assert_lt(sent, 100000);
    cr_expect_eq(nic.rooms, 0);
    store_be32(f + ETH + IP4 + 4, 0xffffff00);
    for (unsigned i = 0; i < sent; i++) {
        cr_assert_eq(peer_reads(got), len);
        if (i)
            cr_assert_eq(load_be32(got + ETH + IP4 + 4), i);
        loop_iterate(m.loop, 0);
    }
    run();
    cr_expect_eq(nic.rooms, 1);
    cr_expect(send_packet(&p));
}

Test(net_link, a_pulled_cable_drops_frames_and_tells_the_device)
{
    static uint8_t f[200];
    uint32_t len = make_tcp(f, true, 100, 0x10);
    struct net_packet p = {.data = f, .len = len};

    machine_lock(&m);
    netdev_set_link(nic.nd, false);
    machine_unlock(&m);
    cr_expect(send_packet(&p));
    peer_writes(f, len);
    run();
    cr_expect_eq(nic.got.count, 0);
    cr_expect_eq(nic.downs, 1);
    cr_expect_eq(netdev_counters(nic.nd)->dropped, 2);
    machine_lock(&m);
    netdev_set_link(nic.nd, true);
    machine_unlock(&m);
    run();
    cr_expect_eq(nic.ups, 1);
    peer_writes(f, len);
    run();
    cr_expect_eq(nic.got.count, 1);
}

Test(net_link, lengths_from_outside_are_not_believed)
{
    static uint8_t f[200];
    static uint8_t junk[70000];
    uint32_t len = make_tcp(f, true, 100, 0x10);
    uint8_t length[4];

    store_be32(length, sizeof junk);
    cr_assert_eq(write(peer, length, 4), 4);
    for (size_t at = 0; at < sizeof junk;) {
        ssize_t n = send(peer, junk + at, sizeof junk - at, MSG_DONTWAIT);
        at += n > 0 ? (size_t)n : 0;
        run();
    }
    peer_writes(f, 5); /* shorter than a header */
    peer_writes(f, 0);
    peer_writes(f, len);
    run();
    cr_assert_eq(nic.got.count, 1);
    cr_expect_eq(nic.got.len[0], len);
}

Test(net_link, a_capture_holds_the_frames_of_both_directions)
{
    static uint8_t f[200], got[NET_FRAME_MAX];
    char path[] = "/tmp/vemu-net-XXXXXX";
    int fd = mkstemp(path);
    uint32_t len = make_tcp(f, true, 100, 0x10);
    struct net_packet p = {.data = f, .len = len};
    struct stat st;
    uint32_t words[10];

    machine_lock(&m);
    cr_assert(netdev_capture(nic.nd, path, 60, NULL));
    cr_expect(!netdev_capture(nic.nd, path, 60, NULL));
    machine_unlock(&m);
    send_packet(&p);
    peer_reads(got);
    peer_writes(f, 50);
    run();
    machine_lock(&m);
    netdev_detach(nic.nd);
    netdev_free(nic.nd);
    nic.nd = NULL;
    machine_unlock(&m);
    cr_assert_eq(fstat(fd, &st), 0);
    cr_expect_eq(st.st_size, 24 + 16 + 60 + 16 + 50);
    cr_assert_eq(pread(fd, words, sizeof words, 0), (ssize_t)sizeof words);
    cr_expect_eq(words[0], 0xa1b23c4d);
    cr_expect_eq(words[5], 1, "Ethernet");
    cr_expect_eq(words[8], 60);
    cr_expect_eq(words[9], len);
    close(fd);
    unlink(path);
}

Test(net_link, a_back_end_serves_one_device)
{
    struct vemu_error *err = NULL;
    struct nic other = {0};

    machine_lock(&m);
    cr_expect(!netdev_attach(nic.nd, &nic_ops, &other, &err));
    cr_expect(strstr(vemu_error_message(err), "n0"));
    vemu_error_free(err);
    machine_unlock(&m);
}

/* ---- option text ----------------------------------------------------------------------------- */

TestSuite(net_options, .init = setup, .fini = teardown);

static void refused(const char *spec, const char *sentence)
{
    struct vemu_error *err = NULL;

    machine_lock(&m);
    cr_assert(!netdev_new(&m, "x", spec, &err), "%s", spec);
    machine_unlock(&m);
    cr_expect(strstr(vemu_error_message(err), sentence), "%s: %s", spec, vemu_error_message(err));
    cr_expect(!netdev_find(&m, "x"));
    vemu_error_free(err);
}

Test(net_options, mistakes_are_named)
{
    refused("userr", "use user, tap, stream or socket");
    refused("stream", "addr.type=unix,addr.path=PATH");
    refused("stream,addr.type=unix,addr.path=/a,colour=red", "colour");
    refused("stream,addr.type=fd,addr.str=nine", "nine");
    refused("socket", "listen=[HOST]:PORT");
    refused("socket,listen=:1,connect=:2", "use one of");
    refused("tap,script=/etc/ifup", "no scripts are run");
    refused("tap,ifname=an-interface-with-a-long-name", "at most 15");
    refused("tap,fd=x", "number of a descriptor");
    refused("tap,fd=0", "not that of a tap interface");
}

#if CONFIG_SLIRP
Test(net_options, mistakes_of_the_user_network_are_named)
{
    refused("user,net=10.0.2.0/33", "net='10.0.2.0/33'");
    refused("user,net=10.0.2.0/255.0.255.0", "8 to 29 bits");
    refused("user,net=ten", "such as 10.0.2.0/24");
    refused("user,host=10.0.3.2", "in the network");
    refused("user,dns=10.0.2.2", "same address");
    refused("user,ipv4=off,ipv6=off", "leave no network");
    refused("user,ipv6-net=fec0::/129", "ipv6-net");
    refused("user,ipv6-host=fec0:::2", "ipv6-host");
    refused("user,tftp=/no/such/dir", "a directory");
    refused("user,hostname=a-name-of-more-than-thirty-two-characters", "32");
    refused("user,restrict=maybe", "restrict");
    refused("user,mtu=100", "576");
    refused("user,colour=red", "colour");
    refused("user,hostfwd=tcp:2222-22", "hostfwd='tcp:2222-22'");
    refused("user,hostfwd=icmp::1-:2", "[tcp|udp]");
    refused("user,hostfwd=tcp::99999-:22", "such as");
    refused("user,hostfwd=tcp::1-:0", "such as");
    refused("user,hostfwd=tcp:1.2.3.4.5:1-:2", "such as");
    refused("user,guestfwd=udp:10.0.2.9:1-x", "guestfwd");
    refused("user,guestfwd=tcp:10.0.2.9:1-nobody", "id=nobody");
}

/* ---- the user network, with this test as the guest --------------------------------------------
 */

static void setup_user(void)
{
    setup();
    clock_set_running(m.clocks, true);
    attach(netdev_made("n0", "user,ipv6=off"));
}
TestSuite(net_user, .init = setup_user, .fini = teardown);

static const uint8_t own_address[] = {0x52, 0x54, 0, 0x12, 0x34, 0x56};

/* Waits for a frame for which `wanted` is true; everything else is dropped. */
static const uint8_t *wait_for(bool (*wanted)(const uint8_t *frame, uint32_t len), uint32_t *len)
{
    static uint8_t frame[NET_FRAME_MAX];

    for (unsigned rounds = 0; rounds < 500; rounds++) {
        for (unsigned i = 0; i < nic.got.count; i++) {
            if (!wanted(nic.got.data[i], nic.got.len[i]))
                continue;
            *len = nic.got.len[i];
            memcpy(frame, nic.got.data[i], *len);
            collect_free(&nic.got);
            return frame;
        }
        collect_free(&nic.got);
        nic.buffers = FRAMES;
        loop_iterate(m.loop, 10 * 1000 * 1000);
    }
    cr_assert_fail("no answer");
    return NULL;
}

static bool is_arp_reply(const uint8_t *f, uint32_t len)
{
    return len >= 42 && load_be16(f + 12) == 0x0806 && load_be16(f + 20) == 2;
}

Test(net_user, the_host_answers_arp)
{
    uint8_t f[42] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    struct net_packet p = {.data = f, .len = sizeof f};
    uint32_t len;

    memcpy(f + 6, own_address, 6);
    store_be16(f + 12, 0x0806);
    memcpy(f + 14, "\0\1\x08\0\6\4\0\1", 8);
    memcpy(f + 22, own_address, 6);
    memcpy(f + 28, "\x0a\0\2\x0f", 4);
    memcpy(f + 38, "\x0a\0\2\2", 4);
    cr_assert(send_packet(&p));
    cr_expect_eq(nic.got.count, 0, "never from within send");
    const uint8_t *reply = wait_for(is_arp_reply, &len);
    cr_expect_eq(memcmp(reply + 28, "\x0a\0\2\2", 4), 0);
    cr_expect_eq(memcmp(reply, own_address, 6), 0);
}

static bool is_bootp_reply(const uint8_t *f, uint32_t len)
{
    return len >= 282 && load_be16(f + 12) == 0x0800 && f[23] == 17 && load_be16(f + 36) == 68;
}

Test(net_user, dhcp_offers_the_first_address)
{
    uint8_t f[300] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    struct net_packet p = {.data = f, .len = sizeof f};
    uint8_t *ip = f + 14, *udp = f + 34, *bootp = f + 42;
    uint32_t len;

    memcpy(f + 6, own_address, 6);
    store_be16(f + 12, 0x0800);
    ip[0] = 0x45;
    store_be16(ip + 2, sizeof f - 14);
    ip[8] = 64;
    ip[9] = 17;
    memset(ip + 16, 0xff, 4);
    uint16_t sum = net_sum_finish(net_sum(ip, 20, 0));
    memcpy(ip + 10, &sum, 2);
    store_be16(udp, 68);
    store_be16(udp + 2, 67);
    store_be16(udp + 4, sizeof f - 34);
    bootp[0] = bootp[1] = 1;
    bootp[2] = 6;
    store_be32(bootp + 4, 0x1234);
    memcpy(bootp + 28, own_address, 6);
    memcpy(bootp + 236, "\x63\x82\x53\x63\x35\1\1\xff", 8); /* DHCPDISCOVER */
    cr_assert(send_packet(&p));
    const uint8_t *reply = wait_for(is_bootp_reply, &len);
    cr_expect_eq(load_be32(reply + 42 + 4), 0x1234);
    cr_expect_eq(memcmp(reply + 42 + 16, "\x0a\0\2\x0f", 4), 0);
}

static bool is_syn(const uint8_t *f, uint32_t len)
{
    return len >= 54 && load_be16(f + 12) == 0x0800 && f[23] == 6 && (f[47] & 0x12) == 2;
}

static uint16_t free_port(void)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof in;
    int s = socket(AF_INET, SOCK_STREAM, 0);

    cr_assert_eq(bind(s, (struct sockaddr *)&in, sizeof in), 0);
    getsockname(s, (struct sockaddr *)&in, &len);
    close(s);
    return ntohs(in.sin_port);
}

Test(net_options, a_forwarded_connection_reaches_the_guest)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    uint16_t port = free_port();
    char spec[80];
    uint32_t len;

    clock_set_running(m.clocks, true);
    snprintf(spec, sizeof spec, "user,hostfwd=tcp:127.0.0.1:%u-10.0.2.15:22", port);
    attach(netdev_made("n0", spec));
    /* the guest's address is known from its own frames: it announces it */
    uint8_t arp[42] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    struct net_packet p = {.data = arp, .len = sizeof arp};
    memcpy(arp + 6, own_address, 6);
    store_be16(arp + 12, 0x0806);
    memcpy(arp + 14, "\0\1\x08\0\6\4\0\1", 8);
    memcpy(arp + 22, own_address, 6);
    memcpy(arp + 28, "\x0a\0\2\x0f", 4);
    memcpy(arp + 38, "\x0a\0\2\x0f", 4);
    send_packet(&p);
    run();
    int s = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    in.sin_port = htons(port);
    connect(s, (struct sockaddr *)&in, sizeof in);
    const uint8_t *syn = wait_for(is_syn, &len);
    cr_expect_eq(load_be16(syn + 36), 22);
    cr_expect_eq(memcmp(syn + 30, "\x0a\0\2\x0f", 4), 0);
    close(s);
}

Test(net_options, a_port_that_is_taken_is_named)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof in;
    int s = socket(AF_INET, SOCK_STREAM, 0);
    char spec[80];

    cr_assert_eq(bind(s, (struct sockaddr *)&in, sizeof in), 0);
    cr_assert_eq(listen(s, 1), 0);
    getsockname(s, (struct sockaddr *)&in, &len);
    snprintf(spec, sizeof spec, "user,hostfwd=tcp:127.0.0.1:%u-:22", ntohs(in.sin_port));
    refused(spec, "cannot be listened at");
    close(s);
}
#endif
