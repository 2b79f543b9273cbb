/*
 * A hostile driver, and a hostile other end, against one of the small virtio devices, by the first
 * byte: virtio-serial (a console and a named channel), virtio-rng (a source that is sometimes
 * empty, and a limit) or virtio-balloon (with everything that it can).
 */
#define _GNU_SOURCE
#include <sys/socket.h>
#include <unistd.h>
#include "core/chardev/chardev.h"
#include "hw/char/virtio_serial.h"
#include "hw/misc/virtio_rng.h"
#include "hw/virtio/virtio_balloon.h"
#include "tests/fuzz/virtio.h"

enum { SERIAL_QUEUES = 6, CONTROL = 3 };

struct target {
    struct fuzz_virtio v;
    int peer;
};

static void plug_port(struct target *t, const struct device_class *cls, const char *chardev,
                      const char *name)
{
    struct device *dev = device_new(&t->v.f.m, cls, NULL, NULL);

    if (!dev || !device_set_prop(dev, "chardev", chardev, NULL) ||
        (name && !device_set_prop(dev, "name", name, NULL)) || !device_realize(dev, NULL))
        fuzz_fail("no port");
}

static void make_serial(struct target *t)
{
    static const char *const props[] = {"max_ports", "4", NULL};
    char spec[32];
    int fds[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds))
        fuzz_fail("no sockets");
    t->peer = fds[1];
    snprintf(spec, sizeof spec, "fd:%d", fds[0]);
    if (!chardev_new(&t->v.f.m, "c0", "ringbuf,size=4K", NULL) ||
        !chardev_new(&t->v.f.m, "c1", spec, NULL))
        fuzz_fail("no back ends");
    close(fds[0]);
    t->v.queues = SERIAL_QUEUES;
    t->v.dev = &fuzz_plug_with(&t->v.f, &virtio_serial_pci_class.device, props)->dev;
    plug_port(t, &virtconsole_class, "c0", NULL);
    plug_port(t, &virtserialport_class, "c1", "fuzz.port");
}

static void make_rng(struct target *t)
{
    static const char *const props[] = {"max-bytes", "1000", "period", "50", NULL};

    t->peer = -1;
    t->v.queues = 1;
    t->v.dev = &fuzz_plug_with(&t->v.f, &virtio_rng_pci_class.device, props)->dev;
}

static void make_balloon(struct target *t)
{
    static const char *const props[] = {"free-page-reporting",
                                        "on",
                                        "deflate-on-oom",
                                        "on",
                                        "guest-stats-polling-interval",
                                        "1",
                                        NULL};

    t->peer = -1;
    t->v.queues = 5;
    t->v.f.m.ram_size = FUZZ_RAM;
    t->v.dev = &fuzz_plug_with(&t->v.f, &virtio_balloon_pci_class.device, props)->dev;
}

/* Page numbers into the balloon, or statistics, or free pages; and what is wanted of it. */
static void use_balloon(struct target *t, struct virtio_balloon *balloon, struct fuzz_input *in,
                        unsigned q)
{
    unsigned count = (unsigned)fuzz_take(in, 1) % 32;
    uint64_t stats[BALLOON_STATS];

    for (unsigned n = 0; n < count; n++)
        fv_put(&t->v, FV_BUFFERS + 4 * n, fuzz_take(in, 2) & 0x1ff, 4);
    fv_desc(&t->v, q, 0, FV_BUFFERS, 4 * count, q > 2 ? 2 : 0, 0);
    fv_available(&t->v, q, 0);
    fv_kick(&t->v, q);
    machine_lock(&t->v.f.m);
    virtio_balloon_set_target(balloon, fuzz_take(in, 3));
    if (virtio_balloon_actual(balloon) > FUZZ_RAM || virtio_balloon_stats(balloon, stats) < 0)
        fuzz_fail("more memory than there is");
    machine_unlock(&t->v.f.m);
}

/* A control message to the device: port, event, value. */
static void control(struct target *t, struct fuzz_input *in)
{
    uint64_t at = FV_BUFFERS + 0x800;

    fv_put(&t->v, at, fuzz_take(in, 1), 4);
    fv_put(&t->v, at + 4, fuzz_take(in, 1) % 10, 2);
    fv_put(&t->v, at + 6, fuzz_take(in, 1), 2);
    fv_desc(&t->v, CONTROL, 0, at, (uint32_t)fuzz_take(in, 1) & 1 ? 3 : 8, 0, 0);
    fv_available(&t->v, CONTROL, 0);
    fv_kick(&t->v, CONTROL);
}

static void drain(const struct target *t)
{
    char buf[4096];

    while (t->peer >= 0 && read(t->peer, buf, sizeof buf) > 0)
        ;
}

static void own(struct fuzz_machine *f, struct fuzz_input *in)
{
    struct target *t = (struct target *)f;
    unsigned op = (unsigned)fuzz_take(in, 1), arg = op >> 4, q = arg % t->v.queues;
    uint8_t bytes[64];

    if (fv_own(&t->v, in, op & 15, q))
        return;
    switch (op & 15) {
    case 0:
    case 1:
        fv_start(&t->v, (uint32_t)fuzz_take(in, 4), arg);
        break;
    case 2:
    case 3: /* the device may write */
        for (unsigned n = 0; n < 4; n++) {
            fv_desc(&t->v, q, n, FV_BUFFERS + 0x20000 + 0x1000 * n, (uint32_t)fuzz_take(in, 1) * 8,
                    2, 0);
            fv_available(&t->v, q, (uint16_t)n);
        }
        fv_kick(&t->v, q);
        break;
    case 4:
    case 5: /* it may read */
        fv_desc(&t->v, q, 0, fv_address(in), (uint32_t)fuzz_take(in, 2), 1, 1);
        fv_desc(&t->v, q, 1, FV_BUFFERS + 0x10000, (uint32_t)fuzz_take(in, 1), 0, 0);
        fv_available(&t->v, q, 0);
        fv_kick(&t->v, q);
        break;
    case 6:
    case 7:
        if (virtio_balloon_of(t->v.dev))
            use_balloon(t, virtio_balloon_of(t->v.dev), in, q);
        else if (t->v.queues > CONTROL)
            control(t, in);
        break;
    case 8: /* the other end speaks */
        for (unsigned n = 0; n < sizeof bytes; n++)
            bytes[n] = (uint8_t)n;
        if (t->peer >= 0 && write(t->peer, bytes, 1 + arg * 4) < 0)
            drain(t);
        loop_iterate(f->m.loop, 0);
        break;
    case 9:
        if (arg == 15 && t->peer >= 0) { /* it goes away */
            close(t->peer);
            t->peer = -1;
        }
        drain(t);
        loop_iterate(f->m.loop, 0);
        break;
    case 13:
        machine_lock(&f->m);
        machine_reset(&f->m, NULL);
        machine_unlock(&f->m);
        fv_place(&t->v);
        break;
    default: /* emergency write, and the configuration's other fields */
        fv_put(&t->v, FV_MODERN + 0x2000 + (arg & 15), fuzz_take(in, 1), 1 + (arg & 1) * 3);
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input in = {data, size, 0};
    struct target t;

    memset(&t, 0, sizeof t);
    fuzz_machine_init(&t.v.f);
    machine_lock(&t.v.f.m);
    pci_bus_set_msi(t.v.f.bus, fv_swallow_msi, NULL);
    switch (fuzz_take(&in, 1) & 3) {
    case 1:
        make_rng(&t);
        break;
    case 3:
        make_balloon(&t);
        break;
    default:
        make_serial(&t);
    }
    machine_reset(&t.v.f.m, NULL);
    machine_unlock(&t.v.f.m);
    fv_place(&t.v);
    loop_iterate(t.v.f.m.loop, 0);
    t.v.f.windows = fv_windows;
    t.v.f.window_count = ARRAY_SIZE(fv_windows);
    t.v.f.own = own;
    fuzz_run(&t.v.f, &in);
    if (t.peer >= 0)
        close(t.peer);
    machine_destroy(&t.v.f.m);
    return 0;
}
