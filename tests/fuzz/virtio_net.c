/*
 * A hostile driver and a hostile network against virtio-net. The target's own operations are those
 * of a driver that knows what it does, in part: low nibble the kind, high nibble an argument.
 */
#define _GNU_SOURCE
#include "hw/net/virtio_net.h"
#include <sys/socket.h>
#include <unistd.h>
#include "core/net/backend.h"
#include "core/state/state.h"
#include "hw/virtio/virtio.h"
#include "tests/fuzz/device.h"

#define MODERN UINT64_C(0xe0004000)
#define MSIX UINT64_C(0xe0001000)
enum { LEGACY = 0xc000, QUEUES = 5, QUEUE_SIZE = 64, FRAME_MOST = 70000 };
/* Queue n at 0x1000 * (4 n + 4): descriptors, available ring, used ring. Buffers from 0x40000. */
enum { BUFFERS = 0x40000 };

struct target {
    struct fuzz_machine f;
    struct device *dev;
    uint16_t avail[QUEUES];
    int peer;
};

static void put(struct target *t, uint64_t addr, uint64_t value, unsigned size)
{
    mem_write(t->f.m.memory, addr, size, value);
}

static void place(struct target *t)
{
    machine_lock(&t->f.m);
    pci_config_write(t->f.pci, PCI_BASE_ADDRESS_0, LEGACY, 4);
    pci_config_write(t->f.pci, PCI_BASE_ADDRESS_0 + 4, (uint32_t)MSIX, 4);
    pci_config_write(t->f.pci, PCI_BASE_ADDRESS_0 + 16, (uint32_t)MODERN, 4);
    pci_config_write(t->f.pci, PCI_BASE_ADDRESS_0 + 20, 0, 4);
    pci_config_write(t->f.pci, PCI_COMMAND, 7, 2);
    machine_unlock(&t->f.m);
}

static void start(struct target *t, uint32_t features, unsigned kind)
{
    put(t, MODERN + 0x14, 0, 1);
    put(t, MODERN + 0x14, 3, 1);
    for (unsigned half = 0; half < 2; half++) {
        put(t, MODERN + 8, half, 4);
        put(t, MODERN + 0xc, half ? 1 : features, 4);
    }
    put(t, MODERN + 0x14, 11, 1);
    for (unsigned n = 0; n < QUEUES; n++) {
        uint32_t at = 0x1000 * (4 * n + 4);
        put(t, MODERN + 0x16, n, 2);
        put(t, MODERN + 0x18, kind & 1 ? 8 : QUEUE_SIZE, 2);
        put(t, MODERN + 0x1a, n, 2);
        for (unsigned i = 0; i < 3; i++)
            put(t, MODERN + 0x20 + 8 * i, at + 0x1000 * i, 4);
        put(t, MODERN + 0x1c, 1, 2);
        put(t, at + 0x1002, 0, 2);
        t->avail[n] = 0;
    }
    put(t, MODERN + 0x14, 15, 1);
}

/* Where a buffer of the input's choice is: mostly memory, sometimes registers or nowhere. */
static uint64_t address(struct fuzz_input *in)
{
    uint16_t v = (uint16_t)fuzz_take(in, 2);

    switch (v >> 12) {
    case 0:
        return MODERN + (v & 0xfff) * 4u;
    case 1:
        return MSIX + (v & 0xfff);
    case 2:
        return FUZZ_RAM - 0x800 + (v & 0xfff);
    case 3:
        return UINT64_MAX - (v & 0xfff);
    case 4:
        return 0x4000 + (v & 0xfff) * 8u; /* the rings */
    default:
        return BUFFERS + (v & 0xfff) * 32u;
    }
}

static void put_desc(struct target *t, unsigned q, unsigned n, uint64_t addr, uint32_t len,
                     unsigned flags, unsigned next)
{
    uint64_t at = 0x1000 * (4 * (uint64_t)q + 4) + 16 * (uint64_t)(n % QUEUE_SIZE);

    put(t, at, addr, 8);
    put(t, at + 8, len, 4);
    put(t, at + 12, flags, 2);
    put(t, at + 14, next, 2);
}

static void make_available(struct target *t, unsigned q, uint16_t head)
{
    uint64_t ring = 0x1000 * (4 * (uint64_t)q + 5);

    put(t, ring + 4 + 2 * (t->avail[q] % QUEUE_SIZE), head, 2);
    put(t, ring + 2, ++t->avail[q], 2);
}

static void kick(struct target *t, unsigned q)
{
    put(t, MODERN + 0x3000 + 4 * q, q, 2);
}

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
    uint64_t header = BUFFERS + 0x100 * q, data = kind & 0x80 ? address(in) : BUFFERS + 0x10000;

    put(t, header, fuzz_take(in, 1), 1);
    put(t, header + 1, fuzz_take(in, 1), 1);
    put(t, header + 4, fuzz_take(in, 2), 2);
    put(t, header + 6, fuzz_take(in, 1), 2);
    put(t, header + 8, fuzz_take(in, 1), 2);
    if (kind & 2)
        make_tcp(t->f.ram->host + BUFFERS + 0x10000, 128, kind);
    put_desc(t, q, 0, header, 12, 1, 1);
    put_desc(t, q, 1, data, kind & 4 ? len / 2 : len, kind & 4 ? 1 : 0, 2);
    put_desc(t, q, 2, data + len / 2, len - len / 2, 0, 0);
    make_available(t, q, 0);
    kick(t, q);
}

static void command(struct target *t, struct fuzz_input *in, unsigned q)
{
    uint8_t *p = t->f.ram->host + BUFFERS + 0x800;
    uint32_t len = (uint32_t)fuzz_take(in, 1) % 32;

    for (uint32_t i = 0; i < len + 2; i++)
        p[i] = (uint8_t)fuzz_take(in, 1);
    put_desc(t, q, 0, BUFFERS + 0x800, 2 + len, 1, 1);
    put_desc(t, q, 1, BUFFERS + 0x900, 1, 2, 0);
    make_available(t, q, 0);
    kick(t, q);
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
    machine_lock(&t->f.m);
    netdev_input(netdev_find(&t->f.m, "n"), &p, true);
    machine_unlock(&t->f.m);
    drain(t->peer);
    loop_iterate(t->f.m.loop, 0);
}

/* The device's state, saved, damaged at some places, loaded. */
static void reload(struct target *t, struct fuzz_input *in)
{
    const struct device_class *cls = t->dev->cls;
    struct state_writer *w = state_writer_new();
    struct state_section section;
    struct state_reader *reader;
    const void *data;
    size_t len;

    machine_lock(&t->f.m);
    if (w && state_save_section(w, cls->name, 0, cls->state_version, cls->state, t->dev) &&
        state_writer_finish(w, &data, &len)) {
        reader = state_reader_new(data, len, NULL);
        if (reader && state_reader_next(reader, &section, NULL)) {
            uint8_t *copy = malloc(section.len);
            if (!copy)
                fuzz_fail("no memory");
            memcpy(copy, section.data, section.len);
            for (unsigned n = (unsigned)fuzz_take(in, 1) % 4; n; n--) {
                size_t at = fuzz_take(in, 2) % section.len;
                copy[at] = (uint8_t)fuzz_take(in, 1);
            }
            section.data = copy;
            if (!state_load_section(&section, cls->state_version, cls->state, t->dev, NULL) ||
                !cls->post_load(t->dev, NULL))
                machine_reset(&t->f.m, NULL);
            free(copy);
        }
        state_reader_free(reader);
    }
    state_writer_free(w);
    machine_unlock(&t->f.m);
    place(t);
}

static void own(struct fuzz_machine *f, struct fuzz_input *in)
{
    struct target *t = (struct target *)f;
    unsigned op = (unsigned)fuzz_take(in, 1), arg = op >> 4, q = arg % QUEUES;

    switch (op & 15) {
    case 0:
    case 1:
        start(t, (uint32_t)fuzz_take(in, 4), arg);
        break;
    case 2:
    case 3:
        transmit(t, in, (q & 2) | 1);
        break;
    case 4:
    case 5: /* receive buffers */
        for (unsigned n = 0; n <= arg; n++) {
            put_desc(t, 2 * (arg & 1), n, BUFFERS + 0x20000 + 0x1000 * n,
                     (uint32_t)fuzz_take(in, 1) * 16 + 8, 2, 0);
            make_available(t, 2 * (arg & 1), (uint16_t)n);
        }
        kick(t, 2 * (arg & 1));
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
    case 10:
        put_desc(t, q, (unsigned)fuzz_take(in, 1), address(in), (uint32_t)fuzz_take(in, 2),
                 (unsigned)fuzz_take(in, 1) & 7, (unsigned)fuzz_take(in, 1) % (QUEUE_SIZE + 2));
        break;
    case 11:
        make_available(t, q, (uint16_t)fuzz_take(in, 1) % (QUEUE_SIZE + 1));
        break;
    case 12:
        kick(t, q);
        break;
    case 13:
        machine_lock(&f->m);
        if (arg & 1)
            netdev_set_link(netdev_find(&f->m, "n"), arg & 2);
        else
            machine_reset(&f->m, NULL);
        machine_unlock(&f->m);
        place(t);
        loop_iterate(f->m.loop, 0);
        break;
    case 14:
        reload(t, in);
        break;
    case 15:
        drain(t->peer);
        loop_iterate(f->m.loop, 0);
        break;
    }
}

static bool swallow_msi(void *opaque, uint64_t addr, uint32_t data)
{
    (void)opaque;
    (void)data;
    return addr >> 20 == 0xfee;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct fuzz_window windows[] = {
        {false, MODERN, 0x4000}, {true, LEGACY, 64}, {false, MSIX, 0x1000}, {false, MODERN, 0x40}};
    struct fuzz_input in = {data, size, 0};
    struct target t;
    char spec[64];
    int fds[2];

    memset(&t, 0, sizeof t);
    fuzz_machine_init(&t.f);
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds))
        fuzz_fail("no sockets");
    t.peer = fds[1];
    snprintf(spec, sizeof spec, "stream,id=n,addr.type=fd,addr.str=%d", fds[0]);
    machine_lock(&t.f.m);
    if (!netdev_new(&t.f.m, NULL, spec, NULL))
        fuzz_fail("no network");
    close(fds[0]);
    pci_bus_set_msi(t.f.bus, swallow_msi, NULL);
    /* Two pairs of queues. */
    t.f.m.vcpu_count = 2;
    static const char *const props[] = {"netdev", "n", "mq", "on", NULL};
    t.dev = &fuzz_plug_with(&t.f, &virtio_net_pci_class, props)->dev;
    t.f.m.vcpu_count = 0;
    machine_reset(&t.f.m, NULL);
    machine_unlock(&t.f.m);
    place(&t);
    loop_iterate(t.f.m.loop, 0);
    t.f.windows = windows;
    t.f.window_count = ARRAY_SIZE(windows);
    t.f.own = own;
    fuzz_run(&t.f, &in);
    drain(t.peer);
    machine_destroy(&t.f.m);
    close(t.peer);
    return 0;
}
