/*
 * virtio-balloon: see virtio_balloon.h. Configuration space is the state: target, what the driver
 * has given, and what it fills free pages with. Nothing is under way between calls: the buffer that
 * the driver lends for its statistics stays in its queue.
 */
#include "hw/virtio/virtio_balloon.h"

#include <string.h>

#include "core/clock/clock.h"
#include "core/device/event.h"
#include "core/device/machine.h"
#include "core/util/endian.h"
#include "core/util/range.h"

enum {
    F_MUST_TELL_HOST = 0,
    F_STATS_VQ = 1,
    F_DEFLATE_ON_OOM = 2,
    F_PAGE_POISON = 4,
    F_PAGE_REPORTING = 5,
};
enum { CONFIG_NUM_PAGES = 0, CONFIG_ACTUAL = 4, CONFIG_POISON = 12, CONFIG_SIZE = 16 };
enum { QUEUE_INFLATE, QUEUE_DEFLATE, QUEUE_STATS, QUEUE_REPORTING };
enum {
    QUEUE_SIZE = 128,
    /* With reporting. The specification gives it number 4, behind a queue that is not offered here;
     * drivers count those that are there. Both numbers work. */
    QUEUES = 3,
    QUEUES_REPORTING = 5,
    CLASS_OTHERS = 0x00ff00,
};
enum { PAGE_BITS = 12 /* whatever the guest's pages are */ };
/* A statistic: its tag, and the value. */
enum { STAT_TAG = 0, STAT_VALUE = 2, STAT_SIZE = 10, STATS_MOST = 64 /* that are looked at */ };
enum {
    INFLATE_MAX = 1 << 20, /* bytes of page numbers in an element: no driver sends so many */
    CHUNK = 1024,          /* bytes of them that are looked at at a time */
};
#define REPORT_MAX (UINT64_C(1) << 30) /* bytes given back by an element, for the same reason */
#define SECOND INT64_C(1000000000)

struct virtio_balloon {
    struct virtio v;
    /* properties */
    bool must_tell_host, deflate_on_oom, page_poison, page_reporting;
    uint32_t stats_interval; /* s; 0: the guest is not asked */

    uint32_t told; /* pages given, as the last event said */
    uint64_t stats[BALLOON_STATS];
    int64_t stats_time;
    struct timer stats_timer, event_timer;
};

const char *const virtio_balloon_stat_names[BALLOON_STATS] = {
    "stat-swap-in",      "stat-swap-out",     "stat-major-faults",     "stat-minor-faults",
    "stat-free-memory",  "stat-total-memory", "stat-available-memory", "stat-disk-caches",
    "stat-htlb-pgalloc", "stat-htlb-pgfail"};

static struct virtio_balloon *from_virtio(struct virtio *v)
{
    return container_of(v, struct virtio_balloon, v);
}

static uint64_t ram_size(const struct virtio_balloon *s)
{
    return s->v.dev->machine->ram_size;
}

static uint32_t ram_pages(const struct virtio_balloon *s)
{
    return (uint32_t)MIN(ram_size(s) >> PAGE_BITS, UINT32_MAX);
}

/* ---- size ------------------------------------------------------------------------------------ */

/* The driver may say what it likes. */
static uint32_t pages_given(const struct virtio_balloon *s)
{
    return MIN(load_le32(s->v.config + CONFIG_ACTUAL), ram_pages(s));
}

uint64_t virtio_balloon_actual(const struct virtio_balloon *s)
{
    return ram_size(s) - ((uint64_t)pages_given(s) << PAGE_BITS);
}

void virtio_balloon_set_target(struct virtio_balloon *s, uint64_t bytes)
{
    uint64_t pages = (ram_size(s) - MIN(bytes, ram_size(s))) >> PAGE_BITS;

    store_le32(s->v.config + CONFIG_NUM_PAGES, (uint32_t)MIN(pages, UINT32_MAX));
    if (s->v.status & VIRTIO_STATUS_DRIVER_OK)
        virtio_config_changed(&s->v);
}

/* Tells management programs, once a second at most: drivers report each step of the way. */
static void tell_size(void *opaque)
{
    struct virtio_balloon *s = opaque;
    struct event_item actual = EVENT_NUMBER("actual", (int64_t)virtio_balloon_actual(s));

    if (pages_given(s) == s->told || timer_pending(&s->event_timer))
        return;
    s->told = pages_given(s);
    machine_event(s->v.dev->machine, "BALLOON_CHANGE", &actual, 1);
    timer_set(&s->event_timer, clock_now(device_clocks(s->v.dev), VCLOCK_VIRTUAL) + SECOND);
}

/* Legacy drivers write a field byte by byte: with its last byte it is complete. */
static void config_written(struct virtio *v, uint32_t offset, uint32_t value, unsigned size)
{
    struct virtio_balloon *s = from_virtio(v);

    for (unsigned i = 0; i < size; i++) {
        uint32_t field = (offset + i) & ~3u;
        if (field == CONFIG_ACTUAL || (field == CONFIG_POISON && virtio_has(v, F_PAGE_POISON)))
            v->config[offset + i] = (uint8_t)(value >> 8 * i);
    }
    if (offset + size == CONFIG_ACTUAL + 4)
        tell_size(s);
}

/* ---- pages ----------------------------------------------------------------------------------- */

/* A run of pages; neighbours are given back together. */
struct run {
    uint64_t first, count;
};

static void flush_run(struct virtio_balloon *s, struct run *r)
{
    if (r->count)
        dma_discard(device_memory(s->v.dev), r->first << PAGE_BITS, r->count << PAGE_BITS);
    r->count = 0;
}

static void add_page(struct virtio_balloon *s, struct run *r, uint64_t page)
{
    if (r->count && page == r->first + r->count) {
        r->count++;
    } else if (r->count && page + 1 == r->first) {
        r->first--;
        r->count++;
    } else {
        flush_run(s, r);
        *r = (struct run){page, 1};
    }
}

static void inflate(struct virtio_balloon *s, const struct virtq_element *e)
{
    uint32_t all = (uint32_t)MIN(e->out_bytes, INFLATE_MAX) & ~3u, n;
    uint8_t numbers[CHUNK];
    struct run run = {0};

    for (uint32_t at = 0; at < all; at += n) {
        n = MIN(all - at, CHUNK);
        if (!virtq_gather(&s->v, e->buffers, e->out, at, numbers, n))
            break;
        for (uint32_t i = 0; i < n; i += 4)
            add_page(s, &run, load_le32(numbers + i));
    }
    flush_run(s, &run);
}

/* The buffers are the pages themselves. */
static void take_report(struct virtio_balloon *s, const struct virtq_element *e)
{
    uint64_t left = REPORT_MAX;

    /* Drivers that look for what they filled free pages with must find it. */
    if (virtio_has(&s->v, F_PAGE_POISON) && load_le32(s->v.config + CONFIG_POISON))
        return;
    for (unsigned i = e->out; i < e->out + e->in && left; i++) {
        uint64_t n = MIN(e->buffers[i].len, left);
        dma_discard(device_memory(s->v.dev), e->buffers[i].addr, n);
        left -= n;
    }
}

/* ---- statistics ------------------------------------------------------------------------------ */

static void forget_stats(struct virtio_balloon *s)
{
    for (unsigned n = 0; n < BALLOON_STATS; n++)
        s->stats[n] = BALLOON_STAT_UNKNOWN;
    s->stats_time = 0;
}

int64_t virtio_balloon_stats(const struct virtio_balloon *s, uint64_t stats[BALLOON_STATS])
{
    memcpy(stats, s->stats, sizeof s->stats);
    return s->stats_time;
}

/* The buffer is looked at and stays where it is, until the next time that it is to be filled. */
static void stats_received(struct virtio_balloon *s, struct virtq *q)
{
    uint8_t stat[STAT_SIZE];
    struct virtq_element e;

    if (virtq_pop_or_ask(q, &e) != VIRTQ_POPPED)
        return;
    forget_stats(s);
    for (unsigned n = 0; n < STATS_MOST; n++) {
        if (!virtq_gather(&s->v, e.buffers, e.out, n * STAT_SIZE, stat, sizeof stat))
            break;
        uint16_t tag = load_le16(stat + STAT_TAG);
        if (tag < BALLOON_STATS)
            s->stats[tag] = load_le64(stat + STAT_VALUE);
    }
    s->stats_time = clock_now(device_clocks(s->v.dev), VCLOCK_RTC) / SECOND;
    virtq_unpop(q, 1);
}

static void set_stats_timer(struct virtio_balloon *s)
{
    if (s->stats_interval)
        timer_set(&s->stats_timer,
                  clock_now(device_clocks(s->v.dev), VCLOCK_VIRTUAL) + s->stats_interval * SECOND);
    else
        timer_cancel(&s->stats_timer);
}

/* The driver gets its buffer back, which asks it to fill it again. */
static void ask_for_stats(void *opaque)
{
    struct virtio_balloon *s = opaque;
    struct virtq *q = &s->v.queues[QUEUE_STATS];
    struct virtq_element e;

    set_stats_timer(s);
    if (!virtio_has(&s->v, F_STATS_VQ) || virtq_pop(q, &e) != VIRTQ_POPPED)
        return;
    virtq_push(q, e.head, 0);
    virtq_want_notify(q, true);
    virtq_signal(q);
}

/* ---- queues ---------------------------------------------------------------------------------- */

static unsigned purpose(const struct virtio_balloon *s, const struct virtq *q)
{
    if (q->index < QUEUE_STATS || (q->index == QUEUE_STATS && virtio_has(&s->v, F_STATS_VQ)))
        return q->index;
    return QUEUE_REPORTING;
}

static void queue_notified(struct virtio *v, struct virtq *q)
{
    struct virtio_balloon *s = from_virtio(v);
    unsigned what = purpose(s, q);
    struct virtq_element e;

    if (what == QUEUE_STATS) {
        stats_received(s, q);
        return;
    }
    if (what == QUEUE_REPORTING && !virtio_has(v, F_PAGE_REPORTING))
        return;
    while (virtq_pop_or_ask(q, &e) == VIRTQ_POPPED) {
        if (what == QUEUE_INFLATE)
            inflate(s, &e);
        else if (what == QUEUE_REPORTING)
            take_report(s, &e);
        /* Pages that are taken out of the balloon get memory when they are touched. */
        virtq_push(q, e.head, 0);
    }
    virtq_signal(q);
}

/* ---- life ------------------------------------------------------------------------------------ */

/* Without a driver there is no balloon; what the user wants stays. */
static void reset(struct virtio *v)
{
    struct virtio_balloon *s = from_virtio(v);

    store_le32(v->config + CONFIG_ACTUAL, 0);
    store_le32(v->config + CONFIG_POISON, 0);
    forget_stats(s);
    tell_size(s);
}

static const struct virtio_class balloon_virtio_class = {
    .id = VIRTIO_ID_BALLOON,
    .queue_notified = queue_notified,
    .config_written = config_written,
    .reset = reset,
};

struct virtio_balloon *virtio_balloon_of(struct device *dev)
{
    struct virtio *v = virtio_device_of(dev);

    return v && v->cls == &balloon_virtio_class ? from_virtio(v) : NULL;
}

struct virtio_balloon *virtio_balloon_find(struct vemu_machine *m)
{
    list_for_each(dev, &m->devices, struct device, node)
    {
        if (!dev->unplugged && virtio_balloon_of(dev))
            return virtio_balloon_of(dev);
    }
    return NULL;
}

static bool balloon_init(struct virtio *v, struct device *dev, struct vemu_error **errp)
{
    struct virtio_balloon *s = from_virtio(v);
    const struct {
        unsigned bit;
        bool offered;
    } features[] = {{F_STATS_VQ, true},
                    {F_MUST_TELL_HOST, s->must_tell_host},
                    {F_DEFLATE_ON_OOM, s->deflate_on_oom},
                    {F_PAGE_POISON, s->page_poison},
                    {F_PAGE_REPORTING, s->page_reporting}};

    if (virtio_balloon_find(dev->machine))
        return error_set(errp, VEMU_ERROR_STATE, "a machine has one balloon, and there is another");
    if (!virtio_init(v, &balloon_virtio_class, dev, s->page_reporting ? QUEUES_REPORTING : QUEUES,
                     QUEUE_SIZE, CONFIG_SIZE, errp))
        return false;
    for (unsigned i = 0; i < ARRAY_SIZE(features); i++) {
        if (features[i].offered)
            v->host_features |= VIRTIO_BIT(features[i].bit);
    }
    timer_init(&s->stats_timer, device_clocks(dev), VCLOCK_VIRTUAL, ask_for_stats, s);
    timer_init(&s->event_timer, device_clocks(dev), VCLOCK_VIRTUAL, tell_size, s);
    forget_stats(s);
    set_stats_timer(s);
    return true;
}

static void balloon_exit(struct virtio *v)
{
    struct virtio_balloon *s = from_virtio(v);

    virtio_exit(v);
    timer_cancel(&s->stats_timer);
    timer_cancel(&s->event_timer);
}

static bool balloon_post_load(struct virtio *v, struct vemu_error **errp)
{
    struct virtio_balloon *s = from_virtio(v);

    if (load_le32(v->config + CONFIG_NUM_PAGES) > ram_pages(s))
        return error_set(errp, VEMU_ERROR_FORMAT,
                         "saved state of %s: the balloon is to be larger than memory",
                         v->dev->cls->name);
    forget_stats(s);
    set_stats_timer(s);
    return true;
}

static void balloon_prop_changed(struct virtio *v)
{
    set_stats_timer(from_virtio(v));
}

static const struct virtio_kind balloon_kind = {
    .init = balloon_init,
    .exit = balloon_exit,
    .post_load = balloon_post_load,
    .prop_changed = balloon_prop_changed,
    .pci = {.legacy_device = 0x1002, .class_code = CLASS_OTHERS},
};

#define BALLOON_PROPS(type_)                                                                       \
    VIRTIO_PROPS(type_, balloon.v),                                                                \
        PROP(PROP_BOOL, type_, balloon.must_tell_host, "must-tell-host", "off",                    \
             "the driver must tell before it uses pages of the balloon again"),                    \
        PROP(PROP_BOOL, type_, balloon.deflate_on_oom, "deflate-on-oom", "off",                    \
             "the driver may take pages back when it is out of memory"),                           \
        PROP(PROP_BOOL, type_, balloon.page_poison, "page-poison", "on",                           \
             "the driver may tell what it fills free pages with"),                                 \
        PROP(PROP_BOOL, type_, balloon.page_reporting, "free-page-reporting", "off",               \
             "the driver tells of free pages, whose memory goes back to the host"),                \
        PROP(PROP_U32, type_, balloon.stats_interval, "guest-stats-polling-interval", "0",         \
             "seconds between two questions for statistics; 0: none", .live = true)
#define BALLOON_STATE(type_)                                                                       \
    STATE_VIRTIO(type_, balloon.v),                                                                \
        {.name = "config",                                                                         \
         .kind = STATE_BYTES,                                                                      \
         .offset = offsetof(type_, balloon.v.config),                                              \
         .count = CONFIG_SIZE},                                                                    \
        STATE_INT(type_, balloon.told), STATE_DEADLINE(type_, balloon.event_timer)

struct balloon_pci {
    struct virtio_pci pci;
    struct virtio_balloon balloon;
};
static const struct prop_desc pci_props[] = {
    VIRTIO_PCI_PROPS(struct balloon_pci, pci), BALLOON_PROPS(struct balloon_pci), {0}};
static const struct state_field pci_state[] = {STATE_VIRTIO_PCI(struct balloon_pci, pci),
                                               BALLOON_STATE(struct balloon_pci), STATE_FIELDS_END};
const struct virtio_device_class virtio_balloon_pci_class = {
    VIRTIO_PCI_DEVICE("virtio-balloon-pci", "memory that the guest gives back, by virtio",
                      struct balloon_pci, balloon, &balloon_kind, pci_props, pci_state)};
const struct virtio_device_class virtio_balloon_pci_transitional_class = {
    VIRTIO_PCI_DEVICE_TRANSITIONAL("virtio-balloon-pci", struct balloon_pci, balloon, &balloon_kind,
                                   pci_props, pci_state)};
const struct virtio_device_class virtio_balloon_pci_non_transitional_class = {
    VIRTIO_PCI_DEVICE_NON_TRANSITIONAL("virtio-balloon-pci", struct balloon_pci, balloon,
                                       &balloon_kind, pci_props, pci_state)};

struct balloon_mmio {
    struct virtio_mmio mmio;
    struct virtio_balloon balloon;
};
static const struct prop_desc mmio_props[] = {BALLOON_PROPS(struct balloon_mmio), {0}};
static const struct state_field mmio_state[] = {STATE_VIRTIO_MMIO(struct balloon_mmio, mmio),
                                                BALLOON_STATE(struct balloon_mmio),
                                                STATE_FIELDS_END};
const struct virtio_device_class virtio_balloon_device_class = {
    VIRTIO_MMIO_DEVICE("virtio-balloon-device", "memory that the guest gives back, without PCI",
                       struct balloon_mmio, balloon, &balloon_kind, mmio_props, mmio_state)};
