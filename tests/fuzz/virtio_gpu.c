/* A hostile driver, and a viewer that resizes and looks, against virtio-gpu with three outputs. */
#include "core/display/display.h"
#include "hw/display/virtio_gpu.h"
#include "tests/fuzz/virtio.h"

enum { CONTROL, CURSOR, QUEUES };
enum { COMMAND = FV_BUFFERS, ENTRIES = FV_BUFFERS + 0x100, ANSWER = FV_BUFFERS + 0x1000 };
enum { HEADER = 24, ENTRIES_MOST = 200 };

struct target {
    struct fuzz_virtio v;
    struct display_watcher watcher;
};

static void ignore(struct display_watcher *w)
{
    (void)w;
}
static const struct display_watcher_ops watcher_ops = {.ready = ignore, .gone = ignore};

/* Mostly what a driver might say, sometimes anything. */
static uint32_t number(struct fuzz_input *in)
{
    uint32_t v = (uint32_t)fuzz_take(in, 1);

    if (v == 0xff)
        return (uint32_t)fuzz_take(in, 4);
    return v < 0xc0 ? v : (v & 0x3f) << 4;
}

static uint32_t id(struct fuzz_input *in)
{
    uint32_t v = (uint32_t)fuzz_take(in, 1);

    return v == 0xff ? (uint32_t)fuzz_take(in, 4) : v % 5;
}

static uint32_t format(struct fuzz_input *in)
{
    static const uint32_t formats[] = {1, 2, 3, 4, 67, 68, 121, 134};
    uint32_t v = (uint32_t)fuzz_take(in, 1);

    return v < 0xf0 ? formats[v % 8] : v;
}

static void words(struct target *t, uint32_t type, unsigned count, const uint32_t *w)
{
    fv_put(&t->v, COMMAND, type, 4);
    for (unsigned at = 4; at < HEADER; at += 4)
        fv_put(&t->v, COMMAND + at, at == 4 ? 1 : 0x1234, 4);
    for (unsigned i = 0; i < count; i++)
        fv_put(&t->v, COMMAND + HEADER + 4 * i, w[i], 4);
}

static void submit(struct target *t, unsigned q, uint32_t len, uint32_t more)
{
    fv_desc(&t->v, q, 0, COMMAND, len, 1, more ? 1 : 2);
    fv_desc(&t->v, q, 1, ENTRIES, more, 1, 2);
    fv_desc(&t->v, q, 2, ANSWER, 2048, 2, 0);
    fv_available(&t->v, q, 0);
    fv_kick(&t->v, q);
}

/* ---- operations ------------------------------------------------------------------------------ */

static void create(struct target *t, struct fuzz_input *in)
{
    uint32_t w[] = {id(in), format(in), number(in), number(in)};

    words(t, 0x101, 4, w);
    submit(t, CONTROL, HEADER + 16, 0);
}

static void attach(struct target *t, struct fuzz_input *in)
{
    uint32_t n = (uint32_t)fuzz_take(in, 1) % ENTRIES_MOST, spare = (uint32_t)fuzz_take(in, 1);
    uint32_t w[] = {id(in), spare == 0xff ? number(in) : n};

    for (uint32_t i = 0; i < n && in->at < in->size; i++) {
        fv_put(&t->v, ENTRIES + 16 * i, fv_address(in), 8);
        fv_put(&t->v, ENTRIES + 16 * i + 8, number(in) * 16 + (spare & 3), 8);
    }
    words(t, 0x106, 2, w);
    submit(t, CONTROL, HEADER + 8, 16 * n);
}

/* One large piece of memory: what most drivers do. */
static void attach_whole(struct target *t, struct fuzz_input *in)
{
    uint32_t w[] = {id(in), 1};

    fv_put(&t->v, ENTRIES, 0x8000, 8);
    fv_put(&t->v, ENTRIES + 8, FUZZ_RAM - 0x8000, 8);
    words(t, 0x106, 2, w);
    submit(t, CONTROL, HEADER + 8, 16);
}

static void scanout(struct target *t, struct fuzz_input *in)
{
    uint32_t w[] = {number(in), number(in), number(in), number(in), id(in), id(in)};

    words(t, 0x103, 6, w);
    submit(t, CONTROL, HEADER + 24, 0);
}

static void flush(struct target *t, struct fuzz_input *in)
{
    uint32_t w[] = {number(in), number(in), number(in), number(in), id(in), 0};

    words(t, 0x104, 6, w);
    submit(t, CONTROL, HEADER + 24, 0);
}

static void transfer(struct target *t, struct fuzz_input *in)
{
    uint32_t high = (uint32_t)fuzz_take(in, 1);
    uint32_t w[] = {number(in), number(in), number(in),
                    number(in), number(in), high > 0xf0 ? UINT32_MAX - high : 0,
                    id(in),     0};

    words(t, 0x105, 8, w);
    submit(t, CONTROL, HEADER + 32, 0);
}

static void simple(struct target *t, struct fuzz_input *in)
{
    static const uint16_t types[] = {0x100, 0x102, 0x107, 0x108, 0x109, 0x10a, 0x10b, 0x201};
    uint32_t type = types[fuzz_take(in, 1) % ARRAY_SIZE(types)];
    uint32_t w[] = {id(in), number(in)};

    words(t, type, 2, w);
    submit(t, CONTROL, HEADER + 8, 0);
}

static void cursor(struct target *t, struct fuzz_input *in)
{
    uint32_t kind = (uint32_t)fuzz_take(in, 1);
    uint32_t w[] = {id(in), number(in), number(in), 0, id(in), number(in), number(in), 0};

    words(t, 0x300 + (kind & 1), 8, w);
    submit(t, CURSOR, HEADER + 32, 0);
}

/* A resource that can be a pointer's shape. */
static void create_shape(struct target *t, struct fuzz_input *in)
{
    uint32_t w[] = {id(in), format(in), 64, 64};

    words(t, 0x101, 4, w);
    submit(t, CONTROL, HEADER + 16, 0);
}

static void view(struct target *t, struct fuzz_input *in)
{
    uint32_t what = (uint32_t)fuzz_take(in, 1), width = number(in), height = number(in);
    struct display *d;

    machine_lock(&t->v.f.m);
    d = display_nth(&t->v.f.m, what & 3);
    if (d && (what & 4))
        display_resize(d, width, height);
    if (d)
        display_refresh(d);
    if (d && (what & 8) && !t->watcher.display)
        display_watch(d, &t->watcher);
    if (what & 16)
        display_unwatch(&t->watcher);
    display_want(&t->watcher);
    machine_unlock(&t->v.f.m);
}

static void (*const operations[])(struct target *t, struct fuzz_input *in) = {
    create, attach, scanout, flush, transfer, simple, cursor, view, attach_whole, create_shape,
};

static void own(struct fuzz_machine *f, struct fuzz_input *in)
{
    struct target *t = (struct target *)f;
    unsigned op = (unsigned)fuzz_take(in, 1), arg = op >> 4;

    if (fv_own(&t->v, in, op & 15, arg % QUEUES))
        return;
    if ((op & 15) < ARRAY_SIZE(operations)) {
        operations[op & 15](t, in);
    } else if ((op & 15) == 13) {
        fv_start(&t->v, (uint32_t)fuzz_take(in, 1), arg);
    } else if (arg == 15) {
        machine_lock(&f->m);
        machine_reset(&f->m, NULL);
        machine_unlock(&f->m);
        fv_place(&t->v);
    } else {
        fv_put(&t->v, FV_MODERN + 0x2000 + (arg & 7), fuzz_take(in, 1), 1 + (arg & 8) / 8 * 3);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const props[] = {"max_outputs", "3", "max_hostmem", "8M", NULL};
    struct fuzz_input in = {data, size, 0};
    struct target t;

    memset(&t, 0, sizeof t);
    t.watcher.ops = &watcher_ops;
    fuzz_machine_init(&t.v.f);
    machine_lock(&t.v.f.m);
    pci_bus_set_msi(t.v.f.bus, fv_swallow_msi, NULL);
    t.v.queues = QUEUES;
    t.v.dev = &fuzz_plug_with(&t.v.f, &virtio_gpu_pci_class.device, props)->dev;
    machine_reset(&t.v.f.m, NULL);
    machine_unlock(&t.v.f.m);
    fv_place(&t.v);
    fv_start(&t.v, 2, 0);
    t.v.f.windows = fv_windows;
    t.v.f.window_count = ARRAY_SIZE(fv_windows);
    t.v.f.own = own;
    fuzz_run(&t.v.f, &in);
    machine_lock(&t.v.f.m);
    display_unwatch(&t.watcher);
    machine_unlock(&t.v.f.m);
    machine_destroy(&t.v.f.m);
    return 0;
}
