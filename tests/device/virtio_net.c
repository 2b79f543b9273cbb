/* virtio-net over PCI, without a vCPU: both directions, offloads, filters, the control queue,
 * pairs of queues, hostile rings. The network is a stream whose other end is the test. */
#define _GNU_SOURCE
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "core/net/backend.h"
#include "core/util/endian.h"
#include "core/util/range.h"
#include "hw/net/virtio_net.h"
#include "hw/virtio/virtio.h"
#include "tests/device/virtio_driver.h"

#define V1 VIRTIO_BIT(VIRTIO_F_VERSION_1)
#define INDIRECT VIRTIO_BIT(VIRTIO_F_INDIRECT_DESC)
#define EVENT VIRTIO_BIT(VIRTIO_F_EVENT_IDX)
#define CSUM VIRTIO_BIT(0)
#define GUEST_CSUM VIRTIO_BIT(1)
#define GUEST_OFFLOADS VIRTIO_BIT(2)
#define GUEST_TSO4 VIRTIO_BIT(7)
#define GUEST_TSO6 VIRTIO_BIT(8)
#define GUEST_ECN VIRTIO_BIT(9)
#define HOST_TSO4 VIRTIO_BIT(11)
#define MRG VIRTIO_BIT(15)
#define STATUS VIRTIO_BIT(16)
#define CTRL_VQ VIRTIO_BIT(17)
#define CTRL_RX VIRTIO_BIT(18)
#define CTRL_VLAN VIRTIO_BIT(19)
#define CTRL_RX_EXTRA VIRTIO_BIT(20)
#define ANNOUNCE VIRTIO_BIT(21)
#define MQ VIRTIO_BIT(22)
#define CTRL_MAC VIRTIO_BIT(23)
enum {
    RX,
    TX,
    CTRL,
    HDR = 12,
    HEADER = VT_BUFFERS,
    COMMAND = VT_BUFFERS + 0x100,
    ANSWER = VT_BUFFERS + 0x200,
    TABLE = VT_BUFFERS + 0x400,
    DATA = VT_BUFFERS + 0x10000,
    RX_DATA = VT_BUFFERS + 0x100000,
    RX_SIZE = 2048,
    ETH = NET_ETH_HEADER,
};

/* Two for what is loaded elsewhere; t is the one in use. */
static struct vt rigs[2], *t = &rigs[0];
static int peers[2], peer;
static const uint8_t own[] = {0x52, 0x54, 0, 0x12, 0x34, 0x56};

/* ---- the network's end ----------------------------------------------------------------------- */

static int make_netdev(struct vemu_machine *m)
{
    struct vemu_error *err = NULL;
    char spec[64];
    int fds[2];

    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    snprintf(spec, sizeof spec, "stream,id=n0,addr.type=fd,addr.str=%d", fds[0]);
    machine_lock(m);
    cr_assert(netdev_new(m, NULL, spec, &err), "%s", err ? vemu_error_message(err) : "");
    machine_unlock(m);
    close(fds[0]);
    return fds[1];
}

static void run(struct vemu_machine *m)
{
    for (unsigned i = 0; i < 10; i++)
        loop_iterate(m->loop, 0);
}

static void set_up(const struct device_class *cls, const char *props)
{
    char text[200] = "netdev=n0";

    vt_machine(t, NULL, 0);
    peer = make_netdev(&t->m);
    if (*props)
        snprintf(text, sizeof text, "netdev=n0,%s", props);
    vt_plug(t, cls, text);
    run(&t->m);
}

static void tear_down(void)
{
    vt_free(t);
    close(peer);
}

/* A frame to the device's address, or another. */
static uint32_t frame(uint8_t *f, const uint8_t *to, uint32_t len, uint8_t seed)
{
    memcpy(f, to, 6);
    memcpy(f + 6, "\x52\x55\x0a\0\2\2", 6);
    store_be16(f + 12, 0x88b5);
    for (uint32_t i = ETH; i < len; i++)
        f[i] = (uint8_t)(i * 7 + seed);
    return len;
}

static void peer_sends(const uint8_t *f, uint32_t len)
{
    uint8_t out[4 + 20000];

    store_be32(out, len);
    memcpy(out + 4, f, len);
    cr_assert_eq(send(peer, out, 4 + len, 0), (ssize_t)(4 + len));
    run(&t->m);
}

/* 0: there is none. */
static uint32_t peer_gets(uint8_t *f)
{
    uint8_t head[4];

    for (unsigned i = 0; i < 3; i++) {
        ssize_t n = recv(peer, head, 4, MSG_DONTWAIT);
        if (n == 4) {
            uint32_t len = load_be32(head), at = 0;
            while (at < len) {
                n = recv(peer, f + at, len - at, MSG_DONTWAIT);
                at += n > 0 ? (uint32_t)n : 0;
                if (n <= 0)
                    run(&t->m);
            }
            return len;
        }
        run(&t->m);
    }
    return 0;
}

/* ---- the driver's end ------------------------------------------------------------------------ */

static void put(uint64_t at, const void *data, uint32_t len)
{
    const uint8_t *p = data;

    for (uint32_t i = 0; i < len; i++)
        write8(&t->m, at + i, p[i]);
}
static void get(uint64_t at, void *data, uint32_t len)
{
    uint8_t *p = data;

    for (uint32_t i = 0; i < len; i++)
        p[i] = read8(&t->m, at + i);
}

struct hdr {
    uint8_t flags, gso_type;
    uint16_t hdr_len, gso_size, csum_start, csum_offset, num_buffers;
};

static struct hdr header_at(uint64_t at)
{
    struct hdr h;

    get(at, &h, sizeof h);
    return h;
}

static void make_frame_available(unsigned queue, const struct hdr *h, const uint8_t *f,
                                 uint32_t len)
{
    put(HEADER, h, HDR);
    put(DATA, f, len);
    vt_desc(t, queue, 0, HEADER, HDR, VT_NEXT, 1);
    vt_desc(t, queue, 1, DATA, len, 0, 0);
    vt_avail(t, queue, 0);
}

static void send_frame(const struct hdr *h, const uint8_t *f, uint32_t len)
{
    make_frame_available(TX, h, f, len);
    vt_kick(t, TX);
}

/* Gives receive buffers first .. first + count - 1, of `size` bytes each. */
static void give(unsigned queue, unsigned first, unsigned count, uint32_t size)
{
    for (unsigned i = first; i < first + count; i++) {
        vt_desc(t, queue, i % VT_QUEUE_SIZE, RX_DATA + RX_SIZE * (i % VT_QUEUE_SIZE), size,
                VT_WRITE, 0);
        vt_avail(t, queue, (uint16_t)(i % VT_QUEUE_SIZE));
    }
    vt_kick(t, queue);
    run(&t->m);
}

static uint32_t used_length(unsigned queue, unsigned n)
{
    return read32(&t->m, VT_USED(queue) + 4 + 8 * (n % VT_QUEUE_SIZE) + 4);
}

/* Sends a command; returns the answer. */
static uint8_t command(unsigned cls, unsigned cmd, const void *data, uint32_t len)
{
    uint16_t used = vt_used_index(t, CTRL);

    write8(&t->m, COMMAND, (uint8_t)cls);
    write8(&t->m, COMMAND + 1, (uint8_t)cmd);
    put(COMMAND + 2, data, len);
    write8(&t->m, ANSWER, 0xee);
    vt_desc(t, CTRL, 0, COMMAND, 2 + len, VT_NEXT, 1);
    vt_desc(t, CTRL, 1, ANSWER, 1, VT_WRITE, 0);
    vt_avail(t, CTRL, 0);
    vt_kick(t, CTRL);
    cr_expect_eq(vt_used_index(t, CTRL), (uint16_t)(used + 1));
    return read8(&t->m, ANSWER);
}
static uint8_t command_byte(unsigned cls, unsigned cmd, uint8_t value)
{
    return command(cls, cmd, &value, 1);
}

static bool broken(void)
{
    return read8(&t->m, VT_COMMON + 0x14) & VIRTIO_STATUS_NEEDS_RESET;
}

/* ---- identity -------------------------------------------------------------------------------- */

Test(virtio_net, identity_is_the_one_that_drivers_know)
{
    static const struct {
        const struct device_class *cls;
        const char *props;
        uint32_t id, class_revision, subsystem;
    } kinds[] = {
        {&virtio_net_pci_class.device, "", 0x10001af4, 0x02000000, 0x00011af4},
        {&virtio_net_pci_class.device, "disable-legacy=on", 0x10411af4, 0x02000001, 0x11001af4},
        {&virtio_net_pci_transitional_class.device, "", 0x10001af4, 0x02000000, 0x00011af4},
        {&virtio_net_pci_non_transitional_class.device, "", 0x10411af4, 0x02000001, 0x11001af4},
    };
    for (unsigned i = 0; i < ARRAY_SIZE(kinds); i++) {
        set_up(kinds[i].cls, kinds[i].props);
        cr_expect_eq(vt_config_read(t, 0), kinds[i].id, "kind %u", i);
        cr_expect_eq(vt_config_read(t, 8), kinds[i].class_revision, "kind %u", i);
        cr_expect_eq(vt_config_read(t, 0x2c), kinds[i].subsystem, "kind %u", i);
        tear_down();
    }
}

Test(virtio_net, configuration_and_features_follow_the_properties)
{
    set_up(&virtio_net_pci_class.device, "mac=52:54:00:aa:bb:cc,host_mtu=9000,speed=10000");
    uint8_t mac[6];
    get(VT_CONFIG, mac, 6);
    cr_expect_arr_eq(mac, "\x52\x54\0\xaa\xbb\xcc", 6);
    cr_expect_eq(read16(&t->m, VT_CONFIG + 6), 1, "link");
    cr_expect_eq(read16(&t->m, VT_CONFIG + 8), 1, "pairs");
    cr_expect_eq(read16(&t->m, VT_CONFIG + 10), 9000);
    cr_expect_eq(read32(&t->m, VT_CONFIG + 12), 10000);
    cr_expect_eq(read8(&t->m, VT_CONFIG + 16), 1);
    cr_expect_eq(vt_features(t), V1 | INDIRECT | EVENT | VIRTIO_BIT(63) | 0xbfbbaf);
    tear_down();
    set_up(&virtio_net_pci_class.device,
           "ctrl_vq=off,csum=off,guest_csum=off,status=off,event_idx=off");
    cr_expect_eq(vt_features(t), V1 | INDIRECT | MRG | VIRTIO_BIT(5),
                 "what depends on others is not offered without them");
    tear_down();
}

/* ---- transmission ---------------------------------------------------------------------------- */

Test(virtio_net, a_frame_is_sent_and_the_driver_told)
{
    static uint8_t f[1514], got[2000];
    struct hdr h = {0};

    set_up(&virtio_net_pci_class.device, "");
    cr_assert(vt_start(t, V1, 3, true));
    frame(f, own, sizeof f, 1);
    send_frame(&h, f, sizeof f);
    cr_expect_eq(vt_used_index(t, TX), 1);
    cr_expect_eq(used_length(TX, 0), 0);
    cr_expect_eq(t->messages, 1);
    cr_expect_eq(t->last_data, 0x42);
    cr_assert_eq(peer_gets(got), sizeof f);
    cr_expect_arr_eq(got, f, sizeof f);
    tear_down();
}

Test(virtio_net, any_layout_of_a_frame_will_do)
{
    static uint8_t f[300], got[2000], whole[HDR + sizeof f];

    set_up(&virtio_net_pci_class.device, "");
    cr_assert(vt_start(t, V1 | INDIRECT, 3, true));
    frame(f, own, sizeof f, 2);
    memcpy(whole + HDR, f, sizeof f);
    /* All in one; in pieces that cut header and addresses; the same by a table. */
    put(DATA, whole, sizeof whole);
    vt_desc(t, TX, 0, DATA, sizeof whole, 0, 0);
    vt_avail(t, TX, 0);
    static const uint32_t cuts[] = {0, 5, 12, 15, 15, 200, sizeof whole};
    for (unsigned i = 0; i < 6; i++) {
        uint16_t flags = i < 5 ? VT_NEXT : 0;
        vt_desc(t, TX, 2 + i, DATA + cuts[i], cuts[i + 1] - cuts[i], flags, (uint16_t)(3 + i));
        uint64_t at = TABLE + 16 * i;
        write64(&t->m, at, DATA + cuts[i]);
        write32(&t->m, at + 8, cuts[i + 1] - cuts[i]);
        write32(&t->m, at + 12, flags | (i + 1) << 16);
    }
    vt_avail(t, TX, 2);
    vt_desc(t, TX, 10, TABLE, 96, VT_INDIRECT, 0);
    vt_avail(t, TX, 10);
    vt_kick(t, TX);
    for (unsigned i = 0; i < 3; i++) {
        cr_assert_eq(peer_gets(got), sizeof f, "layout %u", i);
        cr_expect_arr_eq(got, f, sizeof f);
    }
    cr_expect_eq(vt_used_index(t, TX), 3);
    tear_down();
}

/* A TCP frame over IPv4 as a driver hands it over: the checksum is the pseudo header's. */
static uint32_t tcp_frame(uint8_t *f, uint32_t payload)
{
    uint32_t len = ETH + 40 + payload, sum = 0;

    memset(f, 0, ETH + 40);
    memcpy(f, "\x52\x55\x0a\0\2\2", 6);
    memcpy(f + 6, own, 6);
    store_be16(f + 12, 0x0800);
    f[ETH] = 0x45;
    store_be16(f + ETH + 2, (uint16_t)(len - ETH));
    f[ETH + 8] = 64;
    f[ETH + 9] = 6;
    memcpy(f + ETH + 12, "\x0a\0\2\x0f\x0a\0\2\2", 8);
    f[ETH + 32] = 5 << 4;
    f[ETH + 33] = 0x18;
    for (uint32_t i = 0; i < 8; i += 2)
        sum += load_be16(f + ETH + 12 + i);
    sum += 6 + 20 + payload;
    store_be16(f + ETH + 36, (uint16_t)(sum + (sum >> 16)));
    for (uint32_t i = 0; i < payload; i++)
        f[ETH + 40 + i] = (uint8_t)(i * 13);
    return len;
}

static uint16_t tcp_sum(const uint8_t *f, uint32_t len)
{
    uint32_t sum = 6 + (len - ETH - 20);

    for (uint32_t i = ETH + 12; i < len; i++)
        sum += (i - ETH) & 1 ? f[i] : (uint32_t)f[i] << 8;
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)sum;
}

Test(virtio_net, checksums_and_segments_are_completed_for_a_back_end_that_does_not)
{
    static uint8_t f[9000], got[2000];
    struct hdr h = {.flags = 1, .csum_start = ETH + 20, .csum_offset = 16};
    uint32_t len = tcp_frame(f, 700);

    set_up(&virtio_net_pci_class.device, "");
    cr_assert(vt_start(t, V1 | CSUM | HOST_TSO4, 3, true));
    send_frame(&h, f, len);
    cr_assert_eq(peer_gets(got), len);
    cr_expect_eq(tcp_sum(got, len), 0xffff);

    len = tcp_frame(f, 4000);
    h.gso_type = 1 | 0x80;
    h.gso_size = 1460;
    send_frame(&h, f, len);
    uint32_t done = 0;
    for (unsigned i = 0; i < 3; i++) {
        uint32_t n = peer_gets(got);
        cr_assert_eq(n, ETH + 40 + (i < 2 ? 1460 : 1080));
        cr_expect_eq(tcp_sum(got, n), 0xffff, "segment %u", i);
        cr_expect_arr_eq(got + ETH + 40, f + ETH + 40 + done, n - ETH - 40);
        done += n - ETH - 40;
    }
    cr_expect_eq(vt_used_index(t, TX), 2);
    cr_expect_eq(peer_gets(got), 0);
    tear_down();
}

Test(virtio_net, headers_of_no_sense_drop_their_frame_only)
{
    static uint8_t f[200], got[2000];
    static const struct hdr bad[] = {{.gso_type = 3, .gso_size = 100},
                                     {.gso_type = 1, .gso_size = 0},
                                     {.gso_type = 4, .gso_size = 100},
                                     {.gso_type = 0x7f, .gso_size = 1},
                                     {.flags = 1, .csum_start = 65535, .csum_offset = 65535},
                                     {.flags = 1, .csum_start = 199, .csum_offset = 0}};

    set_up(&virtio_net_pci_class.device, "");
    cr_assert(vt_start(t, V1 | CSUM | HOST_TSO4, 3, true));
    frame(f, own, sizeof f, 3);
    for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
        send_frame(&bad[i], f, sizeof f);
        cr_expect_eq(vt_used_index(t, TX), i + 1);
        cr_expect_eq(peer_gets(got), 0, "header %u", i);
    }
    /* Too long, too short, nowhere. */
    struct hdr h = {0};
    put(HEADER, &h, HDR);
    static const struct {
        uint64_t at;
        uint32_t len;
    } data[] = {{DATA, 70000},
                {DATA, 0xffffffff},
                {DATA, 13},
                {UINT64_C(0xffffff00000), 100},
                {VT_COMMON, 100}};
    for (unsigned i = 0; i < ARRAY_SIZE(data); i++) {
        vt_desc(t, TX, 0, HEADER, HDR, VT_NEXT, 1);
        vt_desc(t, TX, 1, data[i].at, data[i].len, 0, 0);
        vt_avail(t, TX, 0);
        vt_kick(t, TX);
        cr_expect_eq(peer_gets(got), 0, "data %u", i);
    }
    cr_expect_not(broken());
    send_frame(&h, f, sizeof f);
    cr_expect_eq(peer_gets(got), sizeof f);
    tear_down();
}

Test(virtio_net, a_network_that_takes_nothing_holds_the_ring_and_loses_nothing)
{
    static uint8_t f[1514], got[2000];
    struct hdr h = {0};
    unsigned sent = 0, seen = 0;

    set_up(&virtio_net_pci_class.device, "");
    cr_assert(vt_start(t, V1 | EVENT, 3, true));
    frame(f, own, sizeof f, 0);
    /* One at a time, since they share their buffer, until one is left in the ring. */
    while (sent < 10000 && vt_used_index(t, TX) == (uint16_t)sent) {
        store_be32(f + ETH, sent++);
        send_frame(&h, f, sizeof f);
    }
    cr_assert_lt(sent, 10000);
    vt_kick(t, TX);
    cr_expect_eq(vt_used_index(t, TX), (uint16_t)(sent - 1));
    for (; seen < sent; seen++) {
        cr_assert_eq(peer_gets(got), sizeof f, "frame %u of %u", seen, sent);
        cr_assert_eq(load_be32(got + ETH), seen);
    }
    cr_expect_eq(vt_used_index(t, TX), (uint16_t)sent);
    tear_down();
}

Test(virtio_net, segments_of_one_frame_wait_as_well)
{
    static uint8_t f[60000], got[2000];
    struct hdr h = {
        .flags = 1, .csum_start = ETH + 20, .csum_offset = 16, .gso_type = 1, .gso_size = 1000};
    uint32_t len = tcp_frame(f, 50000), seen = 0;
    unsigned sent = 0;

    set_up(&virtio_net_pci_class.device, "");
    cr_assert(vt_start(t, V1 | CSUM | HOST_TSO4, 3, true));
    while (sent < 1000 && vt_used_index(t, TX) == (uint16_t)sent) {
        sent++;
        send_frame(&h, f, len);
    }
    cr_assert_lt(sent, 1000);
    for (uint32_t n; (n = peer_gets(got)) != 0; seen++) {
        cr_assert_eq(n, ETH + 40 + 1000);
        cr_assert_eq(tcp_sum(got, n), 0xffff);
        cr_assert_eq(load_be32(got + ETH + 24), seen % 50 * 1000);
    }
    cr_expect_eq(seen, sent * 50);
    tear_down();
}

/* ---- reception ------------------------------------------------------------------------------- */

Test(virtio_net, a_frame_comes_in_behind_its_header)
{
    static uint8_t f[1514], got[1514];

    set_up(&virtio_net_pci_class.device, "");
    cr_assert(vt_start(t, V1, 3, true));
    give(RX, 0, 4, RX_SIZE);
    frame(f, own, sizeof f, 5);
    peer_sends(f, sizeof f);
    cr_assert_eq(vt_used_index(t, RX), 1);
    cr_expect_eq(used_length(RX, 0), HDR + sizeof f);
    struct hdr h = header_at(RX_DATA);
    cr_expect_eq(h.num_buffers, 1);
    cr_expect_eq(h.flags | h.gso_type | h.gso_size, 0);
    get(RX_DATA + HDR, got, sizeof f);
    cr_expect_arr_eq(got, f, sizeof f);
    cr_expect_eq(t->messages, 1);
    cr_expect_eq(t->last_data, 0x41);
    tear_down();
}

Test(virtio_net, a_frame_takes_several_buffers_and_shows_them_together)
{
    static uint8_t f[1514], got[1514];
    uint32_t at = 0;

    set_up(&virtio_net_pci_class.device, "");
    cr_assert(vt_start(t, V1 | MRG, 3, true));
    frame(f, own, sizeof f, 6);
    peer_sends(f, sizeof f);
    /* 12 + 1514 bytes in buffers of 400. */
    give(RX, 0, 3, 400);
    cr_expect_eq(vt_used_index(t, RX), 0, "too few");
    cr_expect_eq(t->messages, 0);
    give(RX, 3, 2, 400);
    cr_assert_eq(vt_used_index(t, RX), 4);
    cr_expect_eq(header_at(RX_DATA).num_buffers, 4);
    for (unsigned i = 0; i < 4; i++) {
        uint32_t skip = i ? 0 : HDR, n = used_length(RX, i) - skip;
        cr_expect_eq(n + skip, i < 3 ? 400 : HDR + sizeof f - 1200);
        get(RX_DATA + RX_SIZE * i + skip, got + at, n);
        at += n;
    }
    cr_expect_arr_eq(got, f, sizeof f);
    cr_expect_eq(t->messages, 1);
    tear_down();
}

Test(virtio_net, the_number_of_buffers_may_be_anywhere)
{
    static uint8_t f[100];

    set_up(&virtio_net_pci_class.device, "");
    cr_assert(vt_start(t, V1 | MRG, 3, true));
    frame(f, own, sizeof f, 6);
    /* The header in two buffers of the first element, its last byte alone. */
    vt_desc(t, RX, 0, RX_DATA, 11, VT_WRITE | VT_NEXT, 1);
    vt_desc(t, RX, 1, RX_DATA + 100, 9, VT_WRITE, 0);
    vt_desc(t, RX, 2, RX_DATA + 200, 200, VT_WRITE, 0);
    write16(&t->m, RX_DATA + 10, 0xaaaa);
    write16(&t->m, RX_DATA + 100, 0xaaaa);
    vt_avail(t, RX, 0);
    vt_avail(t, RX, 2);
    vt_kick(t, RX);
    peer_sends(f, sizeof f);
    cr_assert_eq(vt_used_index(t, RX), 2);
    cr_expect_eq(read8(&t->m, RX_DATA + 10), 2);
    cr_expect_eq(read8(&t->m, RX_DATA + 100), 0);
    cr_expect_eq(used_length(RX, 0), 20);
    cr_expect_eq(used_length(RX, 1), HDR + sizeof f - 20);
    tear_down();
}

Test(virtio_net, what_never_fits_is_dropped_and_its_buffer_used_again)
{
    static uint8_t f[1514];

    set_up(&virtio_net_pci_class.device, "");
    cr_assert(vt_start(t, V1, 3, true));
    give(RX, 0, 1, 500);
    frame(f, own, sizeof f, 6);
    peer_sends(f, 1514);
    cr_expect_eq(vt_used_index(t, RX), 0);
    peer_sends(f, 400);
    cr_assert_eq(vt_used_index(t, RX), 1);
    cr_expect_eq(used_length(RX, 0), 412);
    /* Mergeable, and all that there can be. */
    cr_assert(vt_start(t, V1 | MRG, 3, true));
    give(RX, 0, VT_QUEUE_SIZE, 16);
    peer_sends(f, 1514);
    cr_expect_eq(vt_used_index(t, RX), 0);
    peer_sends(f, 60);
    cr_expect_eq(vt_used_index(t, RX), 5);
    tear_down();
}

Test(virtio_net, frames_wait_for_buffers_and_none_is_lost)
{
    static uint8_t f[1000];
    unsigned got = 0;

    set_up(&virtio_net_pci_class.device, "");
    cr_assert(vt_start(t, V1 | MRG | EVENT, 3, true));
    for (unsigned i = 0; i < 100; i++) {
        frame(f, own, sizeof f, 0);
        store_be32(f + ETH, i);
        peer_sends(f, sizeof f);
    }
    for (unsigned given = 0; got < 100; given++) {
        cr_assert_lt(given, 101);
        give(RX, given, 1, RX_SIZE);
        while (got != vt_used_index(t, RX)) {
            uint64_t at = RX_DATA + RX_SIZE * (got % VT_QUEUE_SIZE);
            cr_assert_eq(__builtin_bswap32(read32(&t->m, at + HDR + ETH)), got);
            got++;
        }
    }
    tear_down();
}

Test(virtio_net, a_paused_machine_receives_nothing_until_it_goes_on)
{
    static uint8_t f[100];

    set_up(&virtio_net_pci_class.device, "");
    cr_assert(vt_start(t, V1, 3, true));
    give(RX, 0, 4, RX_SIZE);
    machine_lock(&t->m);
    netdev_pause_all(&t->m, true);
    machine_unlock(&t->m);
    peer_sends(f, frame(f, own, sizeof f, 0));
    cr_expect_eq(vt_used_index(t, RX), 0);
    machine_lock(&t->m);
    netdev_pause_all(&t->m, false);
    machine_unlock(&t->m);
    run(&t->m);
    cr_expect_eq(vt_used_index(t, RX), 1);
    tear_down();
}

static void host_sends(const struct net_packet *p)
{
    machine_lock(&t->m);
    netdev_input(netdev_find(&t->m, "n0"), p, true);
    machine_unlock(&t->m);
    run(&t->m);
}

Test(virtio_net, a_driver_that_takes_segments_gets_them_whole)
{
    static uint8_t f[9000];
    uint32_t len = tcp_frame(f, 8000);
    struct net_packet p = {.data = f,
                           .len = len,
                           .needs_csum = true,
                           .ecn = true,
                           .gso = NET_GSO_TCP4,
                           .gso_size = 1460,
                           .csum_start = ETH + 20,
                           .csum_offset = 16};

    set_up(&virtio_net_pci_class.device, "");
    cr_assert(vt_start(t, V1 | MRG | GUEST_CSUM | GUEST_TSO4 | GUEST_ECN | CTRL_VQ | GUEST_OFFLOADS,
                       3, true));
    give(RX, 0, 15, RX_SIZE);
    host_sends(&p);
    struct hdr h = header_at(RX_DATA);
    cr_expect_eq(vt_used_index(t, RX), 4);
    cr_expect_eq(h.num_buffers, 4);
    cr_expect_eq(h.flags, 1);
    cr_expect_eq(h.gso_type, 0x81);
    cr_expect_eq(h.gso_size, 1460);
    cr_expect_eq(h.csum_start, ETH + 20);
    cr_expect_eq(h.csum_offset, 16);
    cr_expect_eq(h.hdr_len, ETH + 40);
    /* Without segments: six frames, whose checksums were seen to. */
    uint64_t only_csum = 2, too_much = 0x802;
    cr_expect_eq(command(5, 0, &only_csum, 8), 0);
    cr_expect_eq(command(5, 0, &too_much, 8), 1);
    cr_expect_eq(command(5, 0, &only_csum, 4), 1);
    host_sends(&p);
    cr_expect_eq(vt_used_index(t, RX), 10);
    for (unsigned i = 4; i < 10; i++) {
        h = header_at(RX_DATA + RX_SIZE * i);
        cr_expect_eq(h.flags, 2, "valid");
        cr_expect_eq(h.gso_type, 0);
    }
    p = (struct net_packet){
        .data = f, .len = 1000, .needs_csum = true, .csum_start = ETH + 20, .csum_offset = 16};
    host_sends(&p);
    cr_expect_eq(header_at(RX_DATA + RX_SIZE * 10).flags, 1);
    tear_down();
}

/* ---- filters --------------------------------------------------------------------------------- */

static bool comes_in(const uint8_t *to, int vlan)
{
    static uint8_t f[100];
    uint16_t used = vt_used_index(t, RX);

    give(RX, t->avail[RX], 1, RX_SIZE);
    frame(f, to, sizeof f, 0);
    if (vlan >= 0) {
        store_be16(f + 12, 0x8100);
        store_be16(f + 14, (uint16_t)(0xa000 | vlan));
    }
    peer_sends(f, sizeof f);
    return vt_used_index(t, RX) != used;
}

Test(virtio_net, addresses_are_filtered_as_the_driver_says)
{
    static const uint8_t broadcast[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
                         other[] = {0x52, 0, 0, 0, 0, 9}, group[] = {0x33, 0x33, 0, 0, 0, 1},
                         group2[] = {0x33, 0x33, 0, 0, 0, 2};
    static const uint8_t table[] = {1, 0, 0, 0, 0x52, 0,    0, 0, 0, 9,
                                    1, 0, 0, 0, 0x33, 0x33, 0, 0, 0, 1};

    set_up(&virtio_net_pci_class.device, "");
    cr_assert(vt_start(t, V1 | CTRL_VQ | CTRL_RX | CTRL_RX_EXTRA | CTRL_MAC, 3, true));
    cr_expect(comes_in(other, -1), "all at first");
    cr_expect_eq(command_byte(0, 0, 0), 0);
    cr_expect(comes_in(own, -1));
    cr_expect(comes_in(broadcast, -1));
    cr_expect_not(comes_in(other, -1));
    cr_expect_not(comes_in(group, -1));
    cr_expect_eq(command(1, 0, table, sizeof table), 0);
    cr_expect(comes_in(other, -1));
    cr_expect(comes_in(group, -1));
    cr_expect_not(comes_in(group2, -1));
    cr_expect_eq(command_byte(0, 1, 1), 0);
    cr_expect(comes_in(group2, -1), "all of the groups");
    cr_expect_eq(command_byte(0, 3, 1), 0);
    cr_expect_not(comes_in(group, -1), "no groups");
    cr_expect_eq(command_byte(0, 5, 1), 0);
    cr_expect_not(comes_in(broadcast, -1));
    cr_expect_eq(command_byte(0, 4, 1), 0);
    cr_expect_not(comes_in(own, -1));
    cr_expect_eq(command_byte(0, 4, 0), 0);
    cr_expect_eq(command_byte(0, 2, 1), 0);
    cr_expect(comes_in((const uint8_t *)"\x02\0\0\0\0\7", -1), "all of the single ones");
    cr_expect_eq(command_byte(0, 2, 0), 0);
    cr_expect_eq(command(1, 1, other, 6), 0);
    cr_expect(comes_in(other, -1));
    cr_expect_not(comes_in(own, -1));
    uint8_t mac[6];
    get(VT_CONFIG, mac, 6);
    cr_expect_arr_eq(mac, other, 6);
    tear_down();
}

Test(virtio_net, a_table_with_too_many_addresses_lets_all_of_their_kind_through)
{
    static uint8_t table[8 + 65 * 6] = {65};
    static const uint8_t other[] = {0x52, 0, 0, 0, 0, 9}, group[] = {0x33, 0x33, 0, 0, 0, 1};

    set_up(&virtio_net_pci_class.device, "");
    cr_assert(vt_start(t, V1 | CTRL_VQ | CTRL_RX, 3, true));
    cr_expect_eq(command_byte(0, 0, 0), 0);
    cr_expect_eq(command(1, 0, table, sizeof table), 0);
    cr_expect(comes_in(other, -1));
    cr_expect_not(comes_in(group, -1));
    tear_down();
}

Test(virtio_net, vlans_are_filtered_when_that_was_agreed_on)
{
    uint16_t id = 7, none = 4096;

    set_up(&virtio_net_pci_class.device, "");
    cr_assert(vt_start(t, V1, 3, true));
    cr_expect(comes_in(own, 7));
    cr_assert(vt_start(t, V1 | CTRL_VQ | CTRL_VLAN, 3, true));
    cr_expect_not(comes_in(own, 7));
    cr_expect(comes_in(own, -1));
    cr_expect_eq(command(2, 0, &id, 2), 0);
    cr_expect(comes_in(own, 7));
    cr_expect_not(comes_in(own, 8));
    cr_expect_eq(command(2, 1, &id, 2), 0);
    cr_expect_not(comes_in(own, 7));
    cr_expect_eq(command(2, 0, &none, 2), 1);
    tear_down();
}

/* ---- the control queue ----------------------------------------------------------------------- */

Test(virtio_net, commands_that_are_wrong_are_answered_so)
{
    static const uint8_t huge[] = {0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0};
    static const uint8_t short_table[] = {2, 0, 0, 0, 1, 2, 3, 4, 5, 6, 0, 0, 0, 0};
    uint16_t pairs = 1;

    set_up(&virtio_net_pci_class.device, "");
    cr_assert(vt_start(t, V1 | CTRL_VQ | CTRL_RX | EVENT, 3, true));
    cr_expect_eq(command_byte(0, 0, 1), 0);
    cr_expect_eq(command(0, 0, huge, 2), 1, "too long");
    cr_expect_eq(command(0, 0, huge, 0), 1, "too short");
    cr_expect_eq(command_byte(0, 2, 1), 1, "not agreed on");
    cr_expect_eq(command_byte(0, 6, 1), 1);
    cr_expect_eq(command(1, 0, huge, sizeof huge), 1);
    cr_expect_eq(command(1, 0, short_table, sizeof short_table), 1);
    cr_expect_eq(command(1, 0, short_table, 3), 1);
    cr_expect_eq(command(1, 1, own, 6), 1);
    cr_expect_eq(command(2, 0, &pairs, 2), 1);
    cr_expect_eq(command(3, 0, huge, 0), 1);
    cr_expect_eq(command(4, 0, &pairs, 2), 1);
    cr_expect_eq(command(5, 0, huge, 8), 1);
    cr_expect_eq(command(77, 0, huge, 8), 1);
    cr_expect_not(broken());
    /* Without its two bytes, or without a place for the answer. */
    vt_desc(t, CTRL, 0, COMMAND, 1, VT_NEXT, 1);
    vt_avail(t, CTRL, 0);
    vt_kick(t, CTRL);
    cr_expect(broken());
    cr_assert(vt_start(t, V1 | CTRL_VQ | CTRL_RX, 3, true));
    vt_desc(t, CTRL, 0, COMMAND, 3, 0, 0);
    vt_avail(t, CTRL, 0);
    vt_kick(t, CTRL);
    cr_expect(broken());
    tear_down();
}

Test(virtio_net, flows_come_in_where_they_were_sent_from)
{
    static uint8_t f[200], reply[200], got[2000];
    struct hdr h = {0};
    uint16_t two = 2, three = 3, none = 0;
    uint32_t len = tcp_frame(f, 100);
    struct test_cpu cpus[2];

    vt_machine(t, NULL, 0);
    peer = make_netdev(&t->m);
    test_cpu_init(&cpus[0], &t->m, 0);
    test_cpu_init(&cpus[1], &t->m, 1);
    struct vcpu *list[] = {&cpus[0].cpu, &cpus[1].cpu};
    t->m.vcpus = list;
    t->m.vcpu_count = 2;
    vt_plug(t, &virtio_net_pci_class.device, "netdev=n0,mq=on");
    run(&t->m);
    cr_expect(vt_features(t) & MQ);
    cr_expect_eq(read16(&t->m, VT_CONFIG + 8), 2);
    cr_expect_eq(read16(&t->m, VT_COMMON + 0x12), 5);
    cr_assert(vt_start(t, V1 | MQ | CTRL_VQ, 5, true));
    /* Queue 4 is the control queue now. */
    write8(&t->m, COMMAND, 4);
    write8(&t->m, COMMAND + 1, 0);
    static const uint8_t answers[] = {1, 1, 0};
    const uint16_t *const values[] = {&three, &none, &two};
    make_frame_available(3, &h, f, len);
    vt_kick(t, 3);
    cr_expect_eq(peer_gets(got), 0, "a pair that is not in use");
    for (unsigned i = 0; i < 3; i++) {
        put(COMMAND + 2, values[i], 2);
        vt_desc(t, 4, 0, COMMAND, 4, VT_NEXT, 1);
        vt_desc(t, 4, 1, ANSWER, 1, VT_WRITE, 0);
        vt_avail(t, 4, 0);
        vt_kick(t, 4);
        cr_expect_eq(read8(&t->m, ANSWER), answers[i], "%u", i);
    }
    give(0, 0, 2, RX_SIZE);
    give(2, 2, 2, RX_SIZE);
    vt_kick(t, 3);
    cr_expect_eq(peer_gets(got), len);
    memcpy(reply, f, len);
    memcpy(reply + ETH + 12, f + ETH + 16, 4);
    memcpy(reply + ETH + 16, f + ETH + 12, 4);
    peer_sends(reply, len);
    cr_expect_eq(vt_used_index(t, 2), 1, "the second pair");
    make_frame_available(TX, &h, f, len);
    vt_kick(t, TX);
    peer_sends(reply, len);
    cr_expect_eq(vt_used_index(t, 0), 1, "the first pair");
    t->m.vcpus = NULL;
    t->m.vcpu_count = 0;
    tear_down();
}

/* ---- the link -------------------------------------------------------------------------------- */

Test(virtio_net, a_pulled_cable_shows_in_status_and_interrupts)
{
    set_up(&virtio_net_pci_class.device, "");
    cr_assert(vt_start(t, V1 | STATUS, 3, true));
    for (unsigned up = 0; up < 2; up++) {
        unsigned generation = read8(&t->m, VT_COMMON + 0x15);
        cr_expect_eq(read8(&t->m, VT_ISR), 0);
        t->messages = 0;
        machine_lock(&t->m);
        netdev_set_link(netdev_find(&t->m, "n0"), up);
        machine_unlock(&t->m);
        run(&t->m);
        cr_expect_eq(read16(&t->m, VT_CONFIG + 6), up);
        cr_expect_eq(t->messages, 1);
        cr_expect_eq(t->last_data, 0x40);
        cr_expect_eq(read8(&t->m, VT_ISR), 2);
        cr_expect_neq(read8(&t->m, VT_COMMON + 0x15), generation);
    }
    tear_down();
}

Test(virtio_net, a_card_without_a_network_has_no_link_and_swallows_frames)
{
    static uint8_t f[100];
    struct hdr h = {0};

    vt_machine(t, NULL, 0);
    vt_plug(t, &virtio_net_pci_class.device, "");
    cr_expect_eq(read16(&t->m, VT_CONFIG + 6), 0);
    cr_assert(vt_start(t, V1, 3, true));
    give(RX, 0, 2, RX_SIZE);
    send_frame(&h, f, frame(f, own, sizeof f, 0));
    cr_expect_eq(vt_used_index(t, TX), 1);
    vt_free(t);
}

/* ---- the legacy interface -------------------------------------------------------------------- */

Test(virtio_net, old_drivers_have_a_short_header_and_write_the_address)
{
    static uint8_t f[300], got[2000];
    struct hdr h = {0};

    set_up(&virtio_net_pci_class.device, "vectors=0");
    out8(&t->m, VT_LEGACY + 18, 0);
    out8(&t->m, VT_LEGACY + 18, 3);
    out32(&t->m, VT_LEGACY + 4, 0);
    for (uint16_t i = 0; i < 6; i++)
        out8(&t->m, (uint16_t)(VT_LEGACY + 20 + i), (uint8_t)(2 + i));
    cr_expect_eq(in8(&t->m, VT_LEGACY + 25), 7);
    for (uint16_t q = 0; q < 2; q++) {
        out16(&t->m, VT_LEGACY + 14, q);
        cr_expect_eq(in16(&t->m, VT_LEGACY + 12), 256);
        out32(&t->m, VT_LEGACY + 8, 0x40 + 0x10u * q);
    }
    out8(&t->m, VT_LEGACY + 18, 7);
    /* Rings of 256: descriptors, available at 0x1000, used at 0x2000. */
    uint64_t tx = 0x50000, rx = 0x40000;
    put(HEADER, &h, 10);
    put(DATA, f, frame(f, own, sizeof f, 4));
    write64(&t->m, tx, HEADER);
    write32(&t->m, tx + 8, 10);
    write32(&t->m, tx + 12, 1 | 1 << 16);
    write64(&t->m, tx + 16, DATA);
    write32(&t->m, tx + 24, sizeof f);
    write16(&t->m, tx + 0x1002, 1);
    out16(&t->m, VT_LEGACY + 16, 1);
    cr_assert_eq(peer_gets(got), sizeof f);
    cr_expect_arr_eq(got, f, sizeof f);
    write64(&t->m, rx, RX_DATA);
    write32(&t->m, rx + 8, RX_SIZE);
    write32(&t->m, rx + 12, 2);
    write16(&t->m, rx + 0x1002, 1);
    out16(&t->m, VT_LEGACY + 16, 0);
    peer_sends(f, sizeof f);
    cr_expect_eq(read16(&t->m, rx + 0x2002), 1);
    cr_expect_eq(read32(&t->m, rx + 0x2008), 10 + sizeof f);
    cr_expect_eq(read8(&t->m, RX_DATA + 10), own[0]);
    cr_expect_eq(in8(&t->m, VT_LEGACY + 19), 1);
    tear_down();
}

/* ---- hostile drivers ------------------------------------------------------------------------- */

Test(virtio_net, broken_rings_break_the_device_until_its_reset)
{
    static uint8_t f[100], got[2000];
    struct hdr h = {0};

    set_up(&virtio_net_pci_class.device, "");
    frame(f, own, sizeof f, 0);
    for (unsigned i = 0; i < 6; i++) {
        unsigned q = i < 4 ? TX : RX;
        cr_assert(vt_start(t, V1 | MRG, 3, true));
        switch (i) {
        case 0: /* a loop */
            vt_desc(t, TX, 0, HEADER, HDR, VT_NEXT, 1);
            vt_desc(t, TX, 1, DATA, 100, VT_NEXT, 0);
            vt_avail(t, TX, 0);
            break;
        case 1: /* a head out of range */
            vt_avail(t, TX, VT_QUEUE_SIZE);
            break;
        case 2: /* a short header */
            vt_desc(t, TX, 0, HEADER, HDR - 1, 0, 0);
            vt_avail(t, TX, 0);
            break;
        case 3: /* an index that moved too far */
            write16(&t->m, VT_AVAIL(TX) + 2, VT_QUEUE_SIZE + 1);
            break;
        case 4: /* a buffer smaller than the header */
            vt_desc(t, RX, 0, RX_DATA, HDR - 1, VT_WRITE, 0);
            vt_avail(t, RX, 0);
            break;
        case 5: /* a second buffer out of range */
            vt_desc(t, RX, 0, RX_DATA, 20, VT_WRITE, 0);
            vt_avail(t, RX, 0);
            vt_avail(t, RX, 99);
            break;
        }
        vt_kick(t, q);
        if (q == RX)
            peer_sends(f, sizeof f);
        cr_expect(broken(), "case %u", i);
        cr_expect_eq(vt_used_index(t, q), 0, "case %u", i);
        vt_kick(t, q);
    }
    cr_assert(vt_start(t, V1, 3, true));
    send_frame(&h, f, sizeof f);
    cr_expect_eq(peer_gets(got), sizeof f, "usable again");
    tear_down();
}

Test(virtio_net, dma_to_the_own_registers_is_refused)
{
    static uint8_t f[1514];

    set_up(&virtio_net_pci_class.device, "");
    cr_assert(vt_start(t, V1 | MRG | CTRL_VQ | CTRL_RX, 3, true));
    static const uint64_t targets[] = {VT_COMMON, VT_NOTIFY, VT_MSIX, VT_COMMON + 0x14};
    frame(f, own, sizeof f, 0);
    for (unsigned i = 0; i < ARRAY_SIZE(targets); i++) {
        vt_desc(t, RX, i, targets[i], 2000, VT_WRITE, 0);
        vt_avail(t, RX, (uint16_t)i);
        vt_kick(t, RX);
        peer_sends(f, sizeof f);
        cr_expect_eq(read8(&t->m, VT_COMMON + 0x14), 15, "target %u", i);
        cr_expect_eq(vt_used_index(t, RX), i + 1);
    }
    cr_expect_eq(read32(&t->m, VT_MSIX + 8), 0x40);
    /* The answer to a command, onto the status register; the command from registers. */
    vt_desc(t, CTRL, 0, VT_COMMON, 3, VT_NEXT, 1);
    vt_desc(t, CTRL, 1, VT_COMMON + 0x14, 1, VT_WRITE, 0);
    vt_avail(t, CTRL, 0);
    vt_kick(t, CTRL);
    cr_expect_eq(read8(&t->m, VT_COMMON + 0x14), 15);
    cr_expect_eq(vt_used_index(t, CTRL), 1);
    tear_down();
}

Test(virtio_net, nothing_happens_while_bus_mastering_is_off)
{
    static uint8_t f[100], got[2000];
    struct hdr h = {0};

    set_up(&virtio_net_pci_class.device, "");
    cr_assert(vt_start(t, V1, 3, true));
    vt_config_write(t, PCI_COMMAND, PCI_COMMAND_IO | PCI_COMMAND_MEMORY);
    give(RX, 0, 2, RX_SIZE);
    frame(f, own, sizeof f, 0);
    send_frame(&h, f, sizeof f);
    peer_sends(f, sizeof f);
    cr_expect_eq(vt_used_index(t, TX) + vt_used_index(t, RX), 0);
    cr_expect_not(broken());
    vt_config_write(t, PCI_COMMAND, PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
    vt_kick(t, TX);
    vt_kick(t, RX);
    run(&t->m);
    cr_expect_eq(peer_gets(got), sizeof f);
    cr_expect_eq(vt_used_index(t, RX), 1);
    tear_down();
}

/* ---- saved state ----------------------------------------------------------------------------- */

static void poke(struct vemu_machine *m)
{
    static uint8_t f[100];
    struct net_packet p = {.data = f, .len = frame(f, own, sizeof f, 0)};

    for (unsigned q = 0; q < 3; q++)
        write16(m, VT_NOTIFY + 4 * q, (uint16_t)q);
    machine_lock(m);
    netdev_input(netdev_find(m, "n0"), &p, true);
    machine_unlock(m);
    step(m, 1000);
    for (unsigned i = 0; i < 3; i++)
        loop_iterate(m->loop, 0);
}

Test(virtio_net, state_survives_a_round_trip_and_the_guest_announces_itself)
{
    static const uint8_t table[] = {0, 0, 0, 0, 1, 0, 0, 0, 0x33, 0x33, 0, 0, 0, 1},
                         group[] = {0x33, 0x33, 0, 0, 0, 1}, other[] = {0x52, 0, 0, 0, 0, 9};
    uint64_t features = V1 | MRG | CTRL_VQ | CTRL_RX | CTRL_VLAN | STATUS | ANNOUNCE;
    uint16_t id = 100;

    set_up(&virtio_net_pci_class.device, "");
    cr_assert(vt_start(t, features, 3, true));
    cr_expect_eq(command_byte(0, 0, 0), 0);
    cr_expect_eq(command(1, 0, table, sizeof table), 0);
    cr_expect_eq(command(2, 0, &id, 2), 0);
    peers[0] = peer;
    t = &rigs[1];
    set_up(&virtio_net_pci_class.device, "");
    assert_round_trip(rigs[0].dev, rigs[1].dev);
    memcpy(t->ram.ram->host, rigs[0].ram.ram->host, VT_RAM);
    memcpy(t->avail, rigs[0].avail, sizeof t->avail);
    cr_expect(comes_in(group, 100));
    cr_expect_not(comes_in(group, 101));
    cr_expect_not(comes_in(other, -1));
    step(&t->m, 1);
    cr_expect_eq(read16(&t->m, VT_CONFIG + 6), 3);
    cr_expect_eq(command(3, 0, NULL, 0), 0);
    cr_expect_eq(read16(&t->m, VT_CONFIG + 6), 1);
    cr_expect_eq(command(3, 0, NULL, 0), 1, "nothing to acknowledge");
    tear_down();
    t = &rigs[0];
    peer = peers[0];
    tear_down();
}

Test(virtio_net, damaged_states_are_survived)
{
    set_up(&virtio_net_pci_class.device, "");
    cr_assert(vt_start(t, V1 | MRG | CTRL_VQ | CTRL_RX | EVENT | INDIRECT, 3, true));
    give(RX, 0, 3, RX_SIZE);
    peers[0] = peer;
    t = &rigs[1];
    set_up(&virtio_net_pci_class.device, "");
    fuzz_state(rigs[0].dev, rigs[1].dev, 300, poke);
    tear_down();
    t = &rigs[0];
    peer = peers[0];
    tear_down();
}
