/*
 * A hostile driver and a hostile network against virtio-net. The target's own operations are those
 * of a driver that knows what it does, in part: low nibble the kind, high nibble an argument.
 */
#define _GNU_SOURCE
#include "hw/net/virtio_net.h"
#include <sys/socket.h>
#include <unistd.h>
#include "core/net/backend.h"
#include "tests/fuzz/virtio.h"

enum { QUEUES = 5, FRAME_MOST = 70000 };

struct target {
    struct fuzz_virtio v;
    int peer;
};

/* A TCP frame: the least that segmentation looks at. */
static void make_tcp(uint8_t *f, uint32_t len, unsigned kind)
{
    if (len < 64)
        return;
    memset(f, 0, 64);
    memcpy(f, "\x52\x54\0\x12\x34\x56", 6);
    store_be16(f + 12, kind & 1 ? 0x86dd : 0x0800);
    f[14] = kind & 1 ? 0x60 : 0x45;
    f[20] = 6;
    f[23] = 6;
    f[kind & 1 ? 66 : 46] = 5 << 4;
}

/* A frame to send: header, and data in one or two parts. */
static void transmit(struct target *t, struct fuzz_input *in, unsigned q)
{
    uint32_t len = (uint32_t)fuzz_take(in, 2), kind = (uint32_t)fuzz_take(in, 1);
    uint64_t header = FV_BUFFERS + 0x100 * q,
             data = kind & 0x80 ? fv_address(in) : FV_BUFFERS + 0x10000;

    fv_put(&t->v, header, fuzz_take(in, 1), 1);
    fv_put(&t->v, header + 1, fuzz_take(in, 1), 1);
    fv_put(&t->v, header + 4, fuzz_take(in, 2), 2);
    fv_put(&t->v, header + 6, fuzz_take(in, 1), 2);
    fv_put(&t->v, header + 8, fuzz_take(in, 1), 2);
    if (kind & 2)
        make_tcp(t->v.f.ram->host + FV_BUFFERS + 0x10000, 128, kind);
    fv_desc(&t->v, q, 0, header, 12, 1, 1);
    fv_desc(&t->v, q, 1, data, kind & 4 ? len / 2 : len, kind & 4 ? 1 : 0, 2);
    fv_desc(&t->v, q, 2, data + len / 2, len - len / 2, 0, 0);
    fv_available(&t->v, q, 0);
    fv_kick(&t->v, q);
}

static void command(struct target *t, struct fuzz_input *in, unsigned q)
{
    uint8_t *p = t->v.f.ram->host + FV_BUFFERS + 0x800;
    uint32_t len = (uint32_t)fuzz_take(in, 1) % 32;

    for (uint32_t i = 0; i < len + 2; i++)
        p[i] = (uint8_t)fuzz_take(in, 1);
    fv_desc(&t->v, q, 0, FV_BUFFERS + 0x800, 2 + len, 1, 1);
    fv_desc(&t->v, q, 1, FV_BUFFERS + 0x900, 1, 2, 0);
    fv_available(&t->v, q, 0);
    fv_kick(&t->v, q);
}

static void drain(int fd)
{
    static uint8_t buf[65536];
    while (recv(fd, buf, sizeof buf, MSG_DONTWAIT) > 0) {
    }
}

/* One comes in, by the wire or as another device of this host would send it. */
static void frame_comes(struct target *t, struct fuzz_input *in, unsigned kind)
{
    static uint8_t out[FRAME_MOST];
    uint32_t len = (uint32_t)fuzz_take(in, 2);
    struct net_packet p = {.data = out, .len = len};

    for (uint32_t i = 0; i < len; i++)
        out[i] = (uint8_t)(i * kind);
    memcpy(out, kind & 1 ? "\xff\xff\xff\xff\xff\xff" : "\x52\x54\0\x12\x34\x56", 6);
    if (kind & 2)
        store_be16(out + 12, 0x8100);
    if (kind & 4)
        make_tcp(out, len, kind >> 3);
    if (kind & 8) {
        p.gso = kind & 4 ? NET_GSO_TCP4 : NET_GSO_NONE;
        p.needs_csum = true;
        p.ecn = kind & 2;
        p.gso_size = (uint16_t)fuzz_take(in, 2) | 64;
        p.csum_start = (uint16_t)fuzz_take(in, 1);
        p.csum_offset = (uint16_t)fuzz_take(in, 1);
    } else {
        p.csum_valid = true;
    }
    machine_lock(&t->v.f.m);
    netdev_input(netdev_find(&t->v.f.m, "n"), &p, true);
    machine_unlock(&t->v.f.m);
    drain(t->peer);
    loop_iterate(t->v.f.m.loop, 0);
}

static void own(struct fuzz_machine *f, struct fuzz_input *in)
{
    struct target *t = (struct target *)f;
    unsigned op = (unsigned)fuzz_take(in, 1), arg = op >> 4, q = arg % QUEUES;

    if (fv_own(&t->v, in, op & 15, q))
        return;
    switch (op & 15) {
    case 0:
    case 1:
        fv_start(&t->v, (uint32_t)fuzz_take(in, 4), arg);
        break;
    case 2:
    case 3:
        transmit(t, in, (q & 2) | 1);
        break;
    case 4:
    case 5: /* receive buffers */
        for (unsigned n = 0; n <= arg; n++) {
            fv_desc(&t->v, 2 * (arg & 1), n, FV_BUFFERS + 0x20000 + 0x1000 * n,
                    (uint32_t)fuzz_take(in, 1) * 16 + 8, 2, 0);
            fv_available(&t->v, 2 * (arg & 1), (uint16_t)n);
        }
        fv_kick(&t->v, 2 * (arg & 1));
        loop_iterate(f->m.loop, 0);
        break;
    case 6:
    case 7:
        frame_comes(t, in, arg);
        break;
    case 8:
    case 9:
        command(t, in, arg & 1 ? 4 : 2);
        break;
    case 13:
        machine_lock(&f->m);
        if (arg & 1)
            netdev_set_link(netdev_find(&f->m, "n"), arg & 2);
        else
            machine_reset(&f->m, NULL);
        machine_unlock(&f->m);
        fv_place(&t->v);
        loop_iterate(f->m.loop, 0);
        break;
    case 15:
        drain(t->peer);
        loop_iterate(f->m.loop, 0);
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input in = {data, size, 0};
    struct target t;
    char spec[64];
    int fds[2];

    memset(&t, 0, sizeof t);
    fuzz_machine_init(&t.v.f);
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds))
        fuzz_fail("no sockets");
    t.peer = fds[1];
    snprintf(spec, sizeof spec, "stream,id=n,addr.type=fd,addr.str=%d", fds[0]);
    machine_lock(&t.v.f.m);
    if (!netdev_new(&t.v.f.m, NULL, spec, NULL))
        fuzz_fail("no network");
    close(fds[0]);
    pci_bus_set_msi(t.v.f.bus, fv_swallow_msi, NULL);
    /* Two pairs of queues. */
    t.v.f.m.vcpu_count = 2;
    static const char *const props[] = {"netdev", "n", "mq", "on", NULL};
    t.v.queues = QUEUES;
    t.v.dev = &fuzz_plug_with(&t.v.f, &virtio_net_pci_class.device, props)->dev;
    t.v.f.m.vcpu_count = 0;
    machine_reset(&t.v.f.m, NULL);
    machine_unlock(&t.v.f.m);
    fv_place(&t.v);
    loop_iterate(t.v.f.m.loop, 0);
    t.v.f.windows = fv_windows;
    t.v.f.window_count = ARRAY_SIZE(fv_windows);
    t.v.f.own = own;
    fuzz_run(&t.v.f, &in);
    drain(t.peer);
    machine_destroy(&t.v.f.m);
    close(t.peer);
    return 0;
}
