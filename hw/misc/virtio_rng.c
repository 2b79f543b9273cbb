/*
 * virtio-rng: see virtio_rng.h. An element that there are no bytes for stays in the queue, so that
 * nothing is under way between calls: its source, or the next period, has the queue looked at
 * again.
 */
#include "hw/misc/virtio_rng.h"

#include "core/clock/clock.h"
#include "core/device/machine.h"
#include "core/device/rng.h"
#include "core/util/range.h"

enum { QUEUE_SIZE = 8, CHUNK = 4096, CLASS_OTHERS = 0x00ff00 };
enum { ELEMENT_MAX = 64 << 10 /* bytes; who wants more asks again */ };

struct virtio_rng {
    struct virtio v;
    /* properties */
    char *rng_name;
    uint64_t max_bytes;
    uint32_t period; /* ms */

    struct rng *rng; /* NULL: the host's generator */
    uint64_t quota;  /* bytes that may be given in this period */
    struct timer timer;
    struct timer resume; /* looks at the queue after a load */
};

static struct virtio_rng *from_virtio(struct virtio *v)
{
    return container_of(v, struct virtio_rng, v);
}

static bool is_limited(const struct virtio_rng *s)
{
    return s->max_bytes < INT64_MAX;
}

/* What there is of `want` bytes, into the buffers. */
static uint32_t fill(struct virtio_rng *s, const struct virtq_element *e, uint32_t want)
{
    uint8_t bytes[CHUNK];
    uint32_t done = 0;

    while (done < want) {
        uint32_t n = MIN(want - done, CHUNK);
        uint32_t got = (uint32_t)rng_read(s->rng, bytes, n);
        virtq_scatter(&s->v, e->buffers + e->out, e->in, done, bytes, got);
        done += got;
        if (got < n)
            break;
    }
    return done;
}

static void serve(struct virtio_rng *s)
{
    struct virtq *q = &s->v.queues[0];
    struct virtq_element e;

    while (s->quota && virtq_pop_or_ask(q, &e) == VIRTQ_POPPED) {
        uint32_t want = (uint32_t)MIN(MIN(e.in_bytes, s->quota), ELEMENT_MAX);
        uint32_t got = fill(s, &e, want);
        if (want && !got) { /* when the source has more */
            virtq_unpop(q, 1);
            break;
        }
        s->quota -= got;
        virtq_push(q, e.head, got);
        virtq_signal(q);
    }
}

static void start_period(struct virtio_rng *s)
{
    s->quota = s->max_bytes;
    if (is_limited(s))
        timer_set(&s->timer, clock_now(device_clocks(s->v.dev), VCLOCK_VIRTUAL) +
                                 (int64_t)s->period * 1000000);
}

/* The period begins with the first request in it. */
static void queue_notified(struct virtio *v, struct virtq *q)
{
    struct virtio_rng *s = from_virtio(v);

    (void)q;
    if (!timer_pending(&s->timer))
        start_period(s);
    serve(s);
}

static void period_over(void *opaque)
{
    struct virtio_rng *s = opaque;

    s->quota = s->max_bytes;
    if (virtq_is_empty(&s->v.queues[0]))
        return;
    start_period(s);
    serve(s);
}

static void source_ready(void *opaque)
{
    serve(opaque);
}

static void reset(struct virtio *v)
{
    struct virtio_rng *s = from_virtio(v);

    timer_cancel(&s->timer);
    timer_cancel(&s->resume);
    s->quota = s->max_bytes;
}

static const struct virtio_class rng_virtio_class = {
    .id = VIRTIO_ID_ENTROPY,
    .queue_notified = queue_notified,
    .reset = reset,
};

static bool rng_init(struct virtio *v, struct device *dev, struct vemu_error **errp)
{
    struct virtio_rng *s = from_virtio(v);

    if (s->rng_name) {
        s->rng = rng_find(dev->machine, s->rng_name);
        if (!s->rng)
            return error_set(errp, VEMU_ERROR_NOT_FOUND,
                             "rng=%.80s must be the id of an -object rng-random or rng-builtin",
                             s->rng_name);
        if (!rng_attach(s->rng, source_ready, s, errp))
            return false;
    }
    timer_init(&s->timer, device_clocks(dev), VCLOCK_VIRTUAL, period_over, s);
    timer_init(&s->resume, device_clocks(dev), VCLOCK_VIRTUAL, source_ready, s);
    s->quota = s->max_bytes;
    if (virtio_init(v, &rng_virtio_class, dev, 1, QUEUE_SIZE, 0, errp))
        return true;
    if (s->rng)
        rng_detach(s->rng);
    return false;
}

static void rng_exit(struct virtio *v)
{
    struct virtio_rng *s = from_virtio(v);

    virtio_exit(v); /* cancels the timers, by the reset */
    if (s->rng)
        rng_detach(s->rng);
}

static bool rng_post_load(struct virtio *v, struct vemu_error **errp)
{
    struct virtio_rng *s = from_virtio(v);

    if (s->quota > s->max_bytes)
        return error_set(errp, VEMU_ERROR_FORMAT,
                         "saved state of %s: more than max-bytes are left of the period",
                         v->dev->cls->name);
    /* The source's call does not come with the state. */
    timer_set(&s->resume, 0);
    return true;
}

static const struct virtio_kind rng_kind = {
    .init = rng_init,
    .exit = rng_exit,
    .post_load = rng_post_load,
    .pci = {.legacy_device = 0x1005, .class_code = CLASS_OTHERS},
};

#define RNG_PROPS(type_)                                                                           \
    VIRTIO_PROPS(type_, rng.v),                                                                    \
        PROP(PROP_STRING, type_, rng.rng_name, "rng", NULL,                                        \
             "id of the -object the numbers come from; none: the host's generator"),               \
        PROP(PROP_U64, type_, rng.max_bytes, "max-bytes", "9223372036854775807",                   \
             "bytes in a period; 9223372036854775807: any number", .min = 1, .max = INT64_MAX),    \
        PROP(PROP_U32, type_, rng.period, "period", "65536", "ms for max-bytes", .min = 1,         \
             .max = UINT32_MAX)
#define RNG_STATE(type_)                                                                           \
    STATE_VIRTIO(type_, rng.v), STATE_INT(type_, rng.quota), STATE_DEADLINE(type_, rng.timer)

struct rng_pci {
    struct virtio_pci pci;
    struct virtio_rng rng;
};
static const struct prop_desc pci_props[] = {
    VIRTIO_PCI_PROPS(struct rng_pci, pci), RNG_PROPS(struct rng_pci), {0}};
static const struct state_field pci_state[] = {STATE_VIRTIO_PCI(struct rng_pci, pci),
                                               RNG_STATE(struct rng_pci), STATE_FIELDS_END};
const struct virtio_device_class virtio_rng_pci_class = {
    VIRTIO_PCI_DEVICE("virtio-rng-pci", "random numbers by virtio", struct rng_pci, rng, &rng_kind,
                      pci_props, pci_state)};
const struct virtio_device_class virtio_rng_pci_transitional_class = {
    VIRTIO_PCI_DEVICE_TRANSITIONAL("virtio-rng-pci", struct rng_pci, rng, &rng_kind, pci_props,
                                   pci_state)};
const struct virtio_device_class virtio_rng_pci_non_transitional_class = {
    VIRTIO_PCI_DEVICE_NON_TRANSITIONAL("virtio-rng-pci", struct rng_pci, rng, &rng_kind, pci_props,
                                       pci_state)};

struct rng_mmio {
    struct virtio_mmio mmio;
    struct virtio_rng rng;
};
static const struct prop_desc mmio_props[] = {RNG_PROPS(struct rng_mmio), {0}};
static const struct state_field mmio_state[] = {STATE_VIRTIO_MMIO(struct rng_mmio, mmio),
                                                RNG_STATE(struct rng_mmio), STATE_FIELDS_END};
const struct virtio_device_class virtio_rng_device_class = {
    VIRTIO_MMIO_DEVICE("virtio-rng-device", "random numbers by virtio, on a machine without PCI",
                       struct rng_mmio, rng, &rng_kind, mmio_props, mmio_state)};
