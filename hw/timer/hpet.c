/*
 * High precision event timer.
 *
 * Specification: IA-PC HPET (High Precision Event Timers) Specification, revision 1.0a. One block
 * of three timers, all capable of periodic mode and 64-bit counting, none of FSB delivery.
 */
#include "hw/timer/hpet.h"

#include "core/clock/clock.h"
#include "core/memory/memory.h"
#include "core/state/state.h"
#include "core/util/log.h"
#include "core/util/range.h"
#include "hw/create.h"
#include "hw/timer/late_ticks.h"

enum {
    REG_CAP_ID = 0x000,
    REG_CONFIG = 0x010,
    REG_STATUS = 0x020,
    REG_COUNTER = 0x0f0,
    REG_TIMER0 = 0x100,
    TIMER_STRIDE = 0x20,
    TIMER_CONFIG = 0x00,
    TIMER_COMPARATOR = 0x08,
    REGION_SIZE = 0x400,
};
enum {
    CAP_REVISION = 0x01,
    CAP_NUM_TIMERS_SHIFT = 8,
    CAP_COUNT_SIZE = 1 << 13,
    CAP_LEGACY_ROUTE = 1 << 15,
    CONFIG_ENABLE = 1 << 0,
    CONFIG_LEGACY = 1 << 1,
    CONFIG_WRITABLE = CONFIG_ENABLE | CONFIG_LEGACY,
    STATUS_WRITABLE = (1 << HPET_TIMERS) - 1,
};
enum {
    TN_LEVEL = 1 << 1,
    TN_INT_ENABLE = 1 << 2,
    TN_PERIODIC = 1 << 3,
    TN_PERIODIC_CAP = 1 << 4,
    TN_SIZE_CAP = 1 << 5,
    TN_VAL_SET = 1 << 6,
    TN_32BIT = 1 << 8,
    TN_ROUTE_SHIFT = 9,
    TN_ROUTE = 31 << TN_ROUTE_SHIFT,
    TN_WRITABLE = TN_LEVEL | TN_INT_ENABLE | TN_PERIODIC | TN_VAL_SET | TN_32BIT | TN_ROUTE,
};
#define VENDOR UINT32_C(0x8086)

enum { TICK_NS = 10 };
/* A comparator that was overtaken while the guest wrote it still fires when it is at most this far
 * behind (10 ms). Hardware would wait for the counter to wrap; but hardware does not lose its CPU
 * between two instructions, and drivers check for latency only, not for a descheduled host. */
#define OVERTAKEN_TICKS 1000000
#define NO_MATCH UINT64_MAX

struct hpet_timer {
    struct hpet *hpet;
    uint8_t index;
    uint32_t config;     /* the writable bits */
    uint64_t comparator; /* where the next match is */
    uint64_t period;
    uint64_t since; /* counter value from which on a match has not been looked at */
    uint32_t owed;  /* matches that passed without their interrupt (late_ticks.h) */
    bool line;      /* level of the line it drives */
    struct timer timer;
};

struct hpet {
    struct device dev;
    struct hpet_config cfg;
    struct irq legacy; /* 1: legacy replacement */
    uint32_t config, status;
    uint64_t counter;        /* value while halted, or at started_ns */
    int64_t started_ns;      /* virtual time at which the main counter was enabled */
    uint8_t legacy_level[2]; /* what PIT and RTC drive */
    struct hpet_timer timers[HPET_TIMERS];
    struct mem_region region;
};

static uint64_t capabilities(void)
{
    return (uint64_t)HPET_PERIOD_FS << 32 | VENDOR << 16 | CAP_LEGACY_ROUTE | CAP_COUNT_SIZE |
           (HPET_TIMERS - 1) << CAP_NUM_TIMERS_SHIFT | CAP_REVISION;
}
uint32_t hpet_block_id(void)
{
    return (uint32_t)capabilities();
}

static uint64_t counter_now(struct hpet *s)
{
    if (!(s->config & CONFIG_ENABLE))
        return s->counter;
    int64_t now = clock_now(device_clocks(&s->dev), VCLOCK_VIRTUAL);
    return s->counter + (uint64_t)(now - s->started_ns) / TICK_NS;
}

/* ---- interrupt lines ------------------------------------------------------------------------- */

static const struct irq *timer_line(struct hpet *s, const struct hpet_timer *t)
{
    static const struct irq unconnected;
    unsigned route = (t->config & TN_ROUTE) >> TN_ROUTE_SHIFT;

    if (s->config & CONFIG_LEGACY && t->index < 2)
        return t->index == 0 ? &s->cfg.pit_irq : &s->cfg.rtc_irq;
    return s->cfg.route_mask >> route & 1 ? &s->cfg.gsi[route] : &unconnected;
}

static void lower_line(struct hpet *s, struct hpet_timer *t)
{
    if (t->line) {
        t->line = false;
        irq_set(timer_line(s, t), 0);
    }
}

/* A level-triggered line follows the status bit. */
static void update_line(struct hpet *s, struct hpet_timer *t)
{
    bool level = t->config & TN_LEVEL && t->config & TN_INT_ENABLE && s->config & CONFIG_ENABLE &&
                 s->status >> t->index & 1;
    if (!level) {
        lower_line(s, t);
    } else if (!t->line) {
        t->line = true;
        irq_set(timer_line(s, t), 1);
    }
}

static void match(struct hpet *s, struct hpet_timer *t)
{
    if (t->config & TN_LEVEL) {
        s->status |= 1u << t->index;
        update_line(s, t);
    } else if (t->config & TN_INT_ENABLE) {
        irq_pulse(timer_line(s, t));
    }
}

static void legacy_input(void *opaque, unsigned n, int level)
{
    struct hpet *s = opaque;
    s->legacy_level[n] = level != 0;
    if (!(s->config & CONFIG_LEGACY))
        irq_set(n == 0 ? &s->cfg.pit_irq : &s->cfg.rtc_irq, level);
}

struct irq hpet_legacy_input(struct device *dev, unsigned n)
{
    struct hpet *s = container_of(dev, struct hpet, dev);
    return (struct irq){.fn = n < 2 ? legacy_input : NULL, .opaque = s, .n = n};
}

void hpet_connect_legacy(struct device *dev, struct irq irq)
{
    container_of(dev, struct hpet, dev)->legacy = irq;
}

/* ---- matching -------------------------------------------------------------------------------- */

static uint64_t width_mask(const struct hpet_timer *t)
{
    return t->config & TN_32BIT ? UINT32_MAX : UINT64_MAX;
}
static bool is_periodic(const struct hpet_timer *t)
{
    return t->config & TN_PERIODIC && t->period;
}

/* The counter value of the first match from `since` on; NO_MATCH: beyond the counter's end. */
static uint64_t next_match(const struct hpet_timer *t)
{
    uint64_t distance = (t->comparator - t->since) & width_mask(t);
    return distance > UINT64_MAX - t->since ? NO_MATCH : t->since + distance;
}

/* If the match is due, move on to the next one. Returns how many periods have passed. */
static uint64_t take_matches(struct hpet_timer *t, uint64_t now)
{
    uint64_t at = next_match(t), matches = 1;

    if (at == NO_MATCH || at > now)
        return 0;
    if (is_periodic(t)) {
        matches = (now - at) / t->period + 1;
        t->comparator = (t->comparator + matches * t->period) & width_mask(t);
    }
    t->since = now + 1;
    return matches;
}
static int64_t period_ns(const struct hpet_timer *t)
{
    return (int64_t)MIN(t->period, (uint64_t)INT64_MAX / TICK_NS) * TICK_NS;
}

/* Matches of a timer that may not interrupt leave no trace. */
static bool listening(const struct hpet_timer *t)
{
    return t->config & (TN_INT_ENABLE | TN_LEVEL);
}
static void settle(struct hpet *s, struct hpet_timer *t)
{
    if (!listening(t))
        take_matches(t, counter_now(s));
}

static void arm(struct hpet *s, struct hpet_timer *t, bool coalesce)
{
    if (!(s->config & CONFIG_ENABLE) || !listening(t)) {
        timer_cancel(&t->timer);
        return;
    }
    int64_t now = clock_now(t->timer.clocks, VCLOCK_VIRTUAL);
    uint64_t at = next_match(t), counter = counter_now(s);
    uint64_t ticks = at > counter ? at - counter : 0;
    if (at == NO_MATCH || ticks > (uint64_t)(INT64_MAX - now) / TICK_NS) {
        timer_cancel(&t->timer);
        return;
    }
    /* Counter ticks fall on started_ns + n * TICK_NS. */
    int64_t phase = (now - s->started_ns) % TICK_NS;
    int64_t wait = (int64_t)ticks * TICK_NS - (ticks ? phase : 0);
    if (t->owed)
        wait = MIN(wait, late_tick_interval(period_ns(t)));
    if (coalesce && wait < TICK_MIN_INTERVAL_NS)
        wait = TICK_MIN_INTERVAL_NS;
    timer_set(&t->timer, now > INT64_MAX - wait ? INT64_MAX : now + wait);
}

static void timer_expired(void *opaque)
{
    struct hpet_timer *t = opaque;
    struct hpet *s = t->hpet;

    if (!(s->config & CONFIG_ENABLE))
        return;
    uint64_t matches = take_matches(t, counter_now(s));
    if (matches > 1 && !(t->config & TN_LEVEL)) /* a level shows only that there were some */
        t->owed = late_ticks_add(t->owed, matches - 1, period_ns(t));
    else if (!matches && t->owed) {
        t->owed--;
        matches = 1;
    }
    if (matches)
        match(s, t);
    arm(s, t, matches != 0);
}

/* ---- registers ------------------------------------------------------------------------------- */

/* Replace the part of an old 64-bit register that an access of size bytes at offset covers. */
static uint64_t merge(uint64_t old, uint64_t offset, uint64_t value, unsigned size)
{
    unsigned shift = (offset & 7) * 8;
    uint64_t mask = mask_bits(size * 8) << shift;
    return (old & ~mask) | (value << shift & mask);
}

static uint64_t timer_config(struct hpet *s, const struct hpet_timer *t)
{
    return (uint64_t)s->cfg.route_mask << 32 | t->config | TN_PERIODIC_CAP | TN_SIZE_CAP;
}

static uint64_t hpet_read(void *opaque, uint64_t offset, unsigned size)
{
    struct hpet *s = opaque;
    uint64_t v = 0, reg = offset & ~UINT64_C(7);

    if (reg >= REG_TIMER0 && reg < REG_TIMER0 + HPET_TIMERS * TIMER_STRIDE) {
        struct hpet_timer *t = &s->timers[(reg - REG_TIMER0) / TIMER_STRIDE];
        switch ((reg - REG_TIMER0) % TIMER_STRIDE) {
        case TIMER_CONFIG:
            v = timer_config(s, t);
            break;
        case TIMER_COMPARATOR:
            settle(s, t);
            v = t->comparator & width_mask(t);
            break;
        }
    } else {
        switch (reg) {
        case REG_CAP_ID:
            v = capabilities();
            break;
        case REG_CONFIG:
            v = s->config;
            break;
        case REG_STATUS:
            v = s->status;
            break;
        case REG_COUNTER:
            v = counter_now(s);
            break;
        }
    }
    return v >> (offset & 7) * 8 & mask_bits(size * 8);
}

static void write_timer_config(struct hpet *s, struct hpet_timer *t, uint64_t value)
{
    /* The line may change under a raised level: take it down on the old one. */
    lower_line(s, t);
    settle(s, t);
    t->owed = 0;
    /* A route that is not in the capability mask reads back as what it was. */
    if (!(s->cfg.route_mask >> ((value & TN_ROUTE) >> TN_ROUTE_SHIFT) & 1))
        value = (value & ~(uint64_t)TN_ROUTE) | (t->config & TN_ROUTE);
    t->config = (uint32_t)value & TN_WRITABLE;
    if (!(t->config & TN_PERIODIC))
        t->config &= ~(uint32_t)TN_VAL_SET;
    if (t->config & TN_32BIT) {
        t->comparator &= UINT32_MAX;
        t->period &= UINT32_MAX;
    }
    if (!(t->config & TN_LEVEL))
        s->status &= ~(1u << t->index);
    update_line(s, t);
    arm(s, t, false);
}

static void write_comparator(struct hpet *s, struct hpet_timer *t, uint64_t offset, uint64_t value,
                             unsigned size)
{
    uint64_t mask = width_mask(t), now = counter_now(s);
    uint64_t overtaken = s->config & CONFIG_ENABLE ? MIN(now, OVERTAKEN_TICKS) : 0;

    settle(s, t);
    t->owed = 0;
    /* Periodic: the value is the period; the accumulator takes it too when VAL_SET allows. */
    if (!(t->config & TN_PERIODIC) || t->config & TN_VAL_SET) {
        t->comparator = merge(t->comparator, offset, value, size) & mask;
        t->since = now - overtaken;
    }
    if (t->config & TN_PERIODIC)
        t->period = merge(t->period, offset, value, size) & mask;
    t->config &= ~(uint32_t)TN_VAL_SET;
    arm(s, t, false);
}

static void write_config(struct hpet *s, uint32_t value)
{
    uint32_t changed = s->config ^ (value & CONFIG_WRITABLE);

    if (changed & CONFIG_LEGACY) {
        for (unsigned i = 0; i < 2; i++)
            lower_line(s, &s->timers[i]);
        s->config ^= CONFIG_LEGACY;
        bool legacy = s->config & CONFIG_LEGACY;
        irq_set(&s->legacy, legacy);
        irq_set(&s->cfg.pit_irq, legacy ? 0 : s->legacy_level[0]);
        irq_set(&s->cfg.rtc_irq, legacy ? 0 : s->legacy_level[1]);
    }
    if (changed & CONFIG_ENABLE) {
        s->counter = counter_now(s);
        s->started_ns = clock_now(device_clocks(&s->dev), VCLOCK_VIRTUAL);
        s->config ^= CONFIG_ENABLE;
    }
    for (unsigned i = 0; i < HPET_TIMERS; i++) {
        update_line(s, &s->timers[i]);
        if (changed & CONFIG_ENABLE) {
            s->timers[i].owed = 0;
            arm(s, &s->timers[i], false);
        }
    }
}

static void write_counter(struct hpet *s, uint64_t value)
{
    s->counter = value;
    for (unsigned i = 0; i < HPET_TIMERS; i++)
        s->timers[i].since = value;
}

static void hpet_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    struct hpet *s = opaque;
    uint64_t reg = offset & ~UINT64_C(7);

    if (reg >= REG_TIMER0 && reg < REG_TIMER0 + HPET_TIMERS * TIMER_STRIDE) {
        struct hpet_timer *t = &s->timers[(reg - REG_TIMER0) / TIMER_STRIDE];
        switch ((reg - REG_TIMER0) % TIMER_STRIDE) {
        case TIMER_CONFIG:
            write_timer_config(s, t, merge(timer_config(s, t), offset, value, size));
            break;
        case TIMER_COMPARATOR:
            write_comparator(s, t, offset, value, size);
            break;
        }
        return;
    }
    switch (reg) {
    case REG_CONFIG:
        write_config(s, (uint32_t)merge(s->config, offset, value, size));
        break;
    case REG_STATUS:
        s->status &= ~((uint32_t)merge(0, offset, value, size) & STATUS_WRITABLE);
        for (unsigned i = 0; i < HPET_TIMERS; i++)
            update_line(s, &s->timers[i]);
        break;
    case REG_COUNTER:
        /* Only while halted: the specification leaves the rest undefined. */
        if (s->config & CONFIG_ENABLE)
            guest_error(s, "hpet: write to the running main counter ignored");
        else
            write_counter(s, merge(s->counter, offset, value, size));
        break;
    }
}

static const struct mem_ops hpet_ops = {
    .read = hpet_read, .write = hpet_write, .min_size = 4, .max_size = 8};

/* ---- life ------------------------------------------------------------------------------------ */

static void hpet_reset(struct device *dev)
{
    struct hpet *s = container_of(dev, struct hpet, dev);

    for (unsigned i = 0; i < HPET_TIMERS; i++) {
        struct hpet_timer *t = &s->timers[i];
        timer_cancel(&t->timer);
        lower_line(s, t);
        t->config = 0;
        t->comparator = UINT64_MAX;
        t->period = 0;
        t->since = 0;
        t->owed = 0;
    }
    s->config = s->status = 0;
    irq_set(&s->legacy, 0);
    s->counter = 0;
    s->started_ns = 0;
}

static void hpet_unrealize(struct device *dev)
{
    struct hpet *s = container_of(dev, struct hpet, dev);
    for (unsigned i = 0; i < HPET_TIMERS; i++)
        timer_cancel(&s->timers[i].timer);
    mem_region_remove(&s->region);
}

static bool hpet_realize(struct device *dev, struct vemu_error **errp)
{
    struct hpet *s = container_of(dev, struct hpet, dev);
    (void)errp;

    for (unsigned i = 0; i < HPET_TIMERS; i++) {
        struct hpet_timer *t = &s->timers[i];
        t->hpet = s;
        t->index = (uint8_t)i;
        timer_init(&t->timer, device_clocks(dev), VCLOCK_VIRTUAL, timer_expired, t);
    }
    mem_region_init_io(&s->region, "hpet", REGION_SIZE, &hpet_ops, s, dev);
    mem_region_add(mem_space_root(device_memory(dev)), s->cfg.base, &s->region, 0);
    hpet_reset(dev);
    return true;
}

static bool hpet_post_load(struct device *dev, struct vemu_error **errp)
{
    struct hpet *s = container_of(dev, struct hpet, dev);

    if (s->started_ns < 0)
        return error_set(errp, VEMU_ERROR_FORMAT,
                         "saved state of the hpet was enabled at the negative time %lld",
                         (long long)s->started_ns);
    for (unsigned i = 0; i < HPET_TIMERS; i++) {
        struct hpet_timer *t = &s->timers[i];
        t->config &= TN_WRITABLE;
        t->comparator &= width_mask(t);
        t->period &= width_mask(t);
    }
    irq_set(&s->legacy, !!(s->config & CONFIG_LEGACY));
    return true;
}

static const struct state_field timer_state[] = {
    STATE_INT(struct hpet_timer, config),
    STATE_INT(struct hpet_timer, comparator),
    STATE_INT(struct hpet_timer, period),
    STATE_FLAG(struct hpet_timer, line),
    STATE_INT(struct hpet_timer, since),
    STATE_INT(struct hpet_timer, owed, .max = LATE_TICKS_MAX),
    STATE_DEADLINE(struct hpet_timer, timer),
    STATE_FIELDS_END,
};
static const struct state_field hpet_state[] = {
    STATE_INT(struct hpet, config, .max = CONFIG_WRITABLE),
    STATE_INT(struct hpet, status, .max = STATUS_WRITABLE),
    STATE_INT(struct hpet, counter),
    STATE_INT(struct hpet, started_ns),
    STATE_INT_ARRAY(struct hpet, legacy_level, .max = 1),
    STATE_ARRAY_OF(struct hpet, timers, timer_state),
    STATE_FIELDS_END,
};

const struct device_class hpet_class = {
    .name = "hpet",
    .help = "high precision event timer",
    .size = sizeof(struct hpet),
    .state = hpet_state,
    .state_version = 2,
    .realize = hpet_realize,
    .unrealize = hpet_unrealize,
    .reset = hpet_reset,
    .post_load = hpet_post_load,
};

struct device *hpet_create(struct vemu_machine *m, const struct hpet_config *cfg,
                           struct vemu_error **errp)
{
    struct device *dev = device_new(m, &hpet_class, NULL, errp);
    if (!dev)
        return NULL;
    container_of(dev, struct hpet, dev)->cfg = *cfg;
    return device_realize_or_free(dev, errp);
}
