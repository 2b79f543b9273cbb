/*
 * PrimeCell real-time clock. Specification: PrimeCell Real Time Clock (PL031) Technical Reference
 * Manual, Arm DDI 0224. The counter goes by the clock that -rtc chooses plus an offset; it is on
 * battery: a reset of the machine leaves the time alone. It always runs, as after firmware has
 * started it: systems that run without firmware expect that.
 */
#include "hw/timer/pl031.h"

#include "core/memory/memory.h"
#include "core/state/state.h"
#include "core/util/range.h"
#include "hw/create.h"
#include "hw/misc/primecell.h"

enum {
    RTCDR = 0x00,
    RTCMR = 0x04,
    RTCLR = 0x08,
    RTCCR = 0x0c,
    RTCIMSC = 0x10,
    RTCRIS = 0x14,
    RTCMIS = 0x18,
    RTCICR = 0x1c,
};
#define NS_PER_SECOND INT64_C(1000000000)

struct pl031 {
    struct device dev;
    struct pl031_config cfg;
    struct mem_region region;
    int64_t offset_ns; /* counter in ns = driving clock + offset, taken modulo 2^32 seconds */
    uint32_t match, load;
    bool alarmed; /* raw interrupt status */
    bool enabled; /* interrupt mask */
    struct timer alarm;
};

static int64_t clock_ns(struct pl031 *s)
{
    return clock_now(device_clocks(&s->dev), rtc_driving_clock(s->cfg.start.virtual_clock));
}

static int64_t seconds(struct pl031 *s)
{
    int64_t ns = clock_ns(s) + s->offset_ns;
    return ns / NS_PER_SECOND - (ns % NS_PER_SECOND < 0);
}

static void update_irq(struct pl031 *s)
{
    irq_set(&s->cfg.irq, s->alarmed && s->enabled);
}

/* The alarm goes off when the counter comes to the match register's value, in up to 136 years. */
static void arm(struct pl031 *s)
{
    int64_t now = seconds(s), due;
    uint32_t ahead = s->match - (uint32_t)now;

    if (!ahead) {
        timer_cancel(&s->alarm);
        s->alarmed = true;
    } else if (__builtin_mul_overflow(now + ahead, NS_PER_SECOND, &due) ||
               __builtin_sub_overflow(due, s->offset_ns, &due)) {
        timer_cancel(&s->alarm);
    } else {
        timer_set(&s->alarm, MAX(due, 0));
    }
}

static void alarm_due(void *opaque)
{
    struct pl031 *s = opaque;
    arm(s); /* early by the host's clock having been set: once more */
    update_irq(s);
}

static uint64_t pl031_read(void *opaque, uint64_t offset, unsigned size)
{
    struct pl031 *s = opaque;
    (void)size;

    switch (offset) {
    case RTCDR:
        return (uint32_t)seconds(s);
    case RTCMR:
        return s->match;
    case RTCLR:
        return s->load;
    case RTCCR:
        return 1;
    case RTCIMSC:
        return s->enabled;
    case RTCRIS:
        return s->alarmed;
    case RTCMIS:
        return s->alarmed && s->enabled;
    default:
        return primecell_id(offset, UINT32_C(0x00141031));
    }
}

static void pl031_write(void *opaque, uint64_t offset, uint64_t value64, unsigned size)
{
    struct pl031 *s = opaque;
    uint32_t value = (uint32_t)value64;
    (void)size;

    switch (offset) {
    case RTCMR:
        s->match = value;
        arm(s);
        break;
    case RTCLR:
        s->load = value;
        s->offset_ns = (int64_t)value * NS_PER_SECOND - clock_ns(s);
        arm(s);
        break;
    case RTCIMSC:
        s->enabled = value & 1;
        break;
    case RTCICR:
        if (value & 1)
            s->alarmed = false;
        break;
    default:
        return;
    }
    update_irq(s);
}

static const struct mem_ops pl031_ops = {
    .read = pl031_read, .write = pl031_write, .min_size = 4, .max_size = 4};

static void pl031_reset(struct device *dev)
{
    struct pl031 *s = container_of(dev, struct pl031, dev);
    timer_cancel(&s->alarm);
    s->match = s->load = 0;
    s->alarmed = s->enabled = false;
    update_irq(s);
}

static void pl031_unrealize(struct device *dev)
{
    struct pl031 *s = container_of(dev, struct pl031, dev);
    timer_cancel(&s->alarm);
    mem_region_remove(&s->region);
}

static bool pl031_realize(struct device *dev, struct vemu_error **errp)
{
    struct pl031 *s = container_of(dev, struct pl031, dev);
    int64_t start;

    if (!rtc_start_ns(&s->cfg.start, device_clocks(dev), &start, errp))
        return false;
    s->offset_ns = start - clock_ns(s);
    timer_init(&s->alarm, device_clocks(dev), rtc_driving_clock(s->cfg.start.virtual_clock),
               alarm_due, s);
    mem_region_init_io(&s->region, "pl031", PL031_SIZE, &pl031_ops, s, dev);
    mem_region_add(mem_space_root(device_memory(dev)), s->cfg.base, &s->region, 0);
    return true;
}

static bool pl031_post_load(struct device *dev, struct vemu_error **errp)
{
    struct pl031 *s = container_of(dev, struct pl031, dev);
    __int128 calendar = (__int128)clock_ns(s) + s->offset_ns;
    const int64_t limit = (RTC_SECONDS_LIMIT + RTC_SECONDS_LIMIT / 8) * NS_PER_SECOND;

    if (calendar > limit || calendar < -limit)
        return error_set(errp, VEMU_ERROR_FORMAT,
                         "saved state of the rtc is out of range: offset %lld ns",
                         (long long)s->offset_ns);
    update_irq(s);
    return true;
}

static const struct state_field pl031_state[] = {
    STATE_INT(struct pl031, offset_ns),
    STATE_INT(struct pl031, match),
    STATE_INT(struct pl031, load),
    STATE_FLAG(struct pl031, alarmed),
    STATE_FLAG(struct pl031, enabled),
    STATE_DEADLINE(struct pl031, alarm),
    STATE_FIELDS_END,
};

const struct device_class pl031_class = {
    .name = "pl031",
    .help = "PL031 real-time clock",
    .size = sizeof(struct pl031),
    .state = pl031_state,
    .state_version = 1,
    .realize = pl031_realize,
    .unrealize = pl031_unrealize,
    .reset = pl031_reset,
    .post_load = pl031_post_load,
};

struct device *pl031_create(struct vemu_machine *m, const struct pl031_config *cfg,
                            struct vemu_error **errp)
{
    struct device *dev = device_new(m, &pl031_class, NULL, errp);
    if (!dev)
        return NULL;
    container_of(dev, struct pl031, dev)->cfg = *cfg;
    return device_realize_or_free(dev, errp);
}
