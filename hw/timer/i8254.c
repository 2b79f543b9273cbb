/*
 * 8254 programmable interval timer and system control port B.
 *
 * Specification: Intel 8254 data sheet (231164); port 0x61 as in the PC/AT and the PIIX/ICH data
 * sheets. A counter is not stepped: its state is the tick at which its present cycle began, and
 * everything the guest can see follows from the current tick.
 */
#include "hw/timer/i8254_internal.h"

#include "core/cpu/cpu.h"
#include "core/cpu/irqchip.h"
#include "core/device/machine.h"
#include "core/state/state.h"
#include "core/util/range.h"
#include "hw/create.h"
#include "hw/misc/isa_port.h"
#include "hw/timer/late_ticks.h"

enum { CONTROL = 3 };

/* Control word: SC 7-6, RW 5-4, M 3-1, BCD 0. SC = 3 is the read-back command. */
enum {
    READ_BACK = 3,
    READ_BACK_NO_STATUS = 1 << 4,
    READ_BACK_NO_COUNT = 1 << 5,
    STATUS_OUT = 1 << 7,
    STATUS_NULL_COUNT = 1 << 6,
};
#define NS_PER_SECOND UINT64_C(1000000000)
/* DRAM refresh requests come every 18 ticks; each toggles the bit. */
#define REFRESH_TICKS 18
#define NEVER INT64_MAX

int64_t i8254_ticks_in(int64_t ns)
{
    return ns < 0 ? -(int64_t)muldiv64((uint64_t)-ns, I8254_HZ, NS_PER_SECOND)
                  : (int64_t)muldiv64((uint64_t)ns, I8254_HZ, NS_PER_SECOND);
}
int64_t i8254_ticks(const struct i8254 *s)
{
    return i8254_ticks_in(clock_now(s->timer.clocks, VCLOCK_VIRTUAL));
}
int64_t i8254_tick_ns(int64_t tick)
{
    if (tick < 0)
        return -(int64_t)muldiv64((uint64_t)-tick, NS_PER_SECOND, I8254_HZ);
    unsigned __int128 ns = ((unsigned __int128)tick * NS_PER_SECOND + I8254_HZ - 1) / I8254_HZ;
    return ns > (uint64_t)INT64_MAX ? INT64_MAX : (int64_t)ns;
}

/* ---- counting -------------------------------------------------------------------------------- */

bool counter_periodic(const struct counter *c)
{
    return c->mode == MODE_RATE || c->mode == MODE_SQUARE;
}
static bool triggered_by_gate(const struct counter *c)
{
    return c->mode == MODE_ONE_SHOT || c->mode == MODE_HARD_STROBE;
}
/* Gate low suspends counting, in the modes where it is not a trigger. */
bool counter_suspended(const struct counter *c)
{
    return !c->gate && !triggered_by_gate(c);
}
int64_t counter_elapsed(const struct counter *c, int64_t now)
{
    return counter_suspended(c) ? c->held : now - c->start;
}
static int64_t high_ticks(uint32_t count)
{
    return (count + 1) / 2;
}

/* Let a rewritten count take over when its time has come. */
void counter_sync(struct counter *c, int64_t now)
{
    if (c->reload_at < 0 || now < c->reload_at || counter_suspended(c))
        return;
    bool low_half =
        c->mode == MODE_SQUARE && (c->reload_at - c->start) % c->count == high_ticks(c->count);
    c->start = c->reload_at - (low_half ? high_ticks(c->reload) : 0);
    c->count = c->reload;
    c->reload_at = -1;
    c->rose_at_start = !low_half;
}

bool counter_out(const struct counter *c, int64_t now)
{
    if (!c->running)
        return c->mode != MODE_TERMINAL_COUNT;
    int64_t d = counter_elapsed(c, now);
    switch (c->mode) {
    case MODE_TERMINAL_COUNT:
    case MODE_ONE_SHOT:
        return d >= c->count;
    case MODE_RATE: /* a count of 1 is not allowed by the data sheet: OUT stays high */
        return !c->gate || c->count == 1 || d % c->count != c->count - 1;
    case MODE_SQUARE:
        return !c->gate || d % c->count < high_ticks(c->count);
    default:
        return d != c->count;
    }
}

/* The tick of the last rising edge of OUT up to now, or -1. */
int64_t counter_last_rise(const struct counter *c, int64_t now)
{
    if (!c->running || counter_suspended(c))
        return -1;
    int64_t d = now - c->start;
    switch (c->mode) {
    case MODE_RATE:
    case MODE_SQUARE:
        if (c->count == 1 || d < c->count)
            return c->rose_at_start ? c->start : -1;
        return c->start + d / c->count * c->count;
    case MODE_TERMINAL_COUNT:
    case MODE_ONE_SHOT:
        return d >= c->count ? c->start + c->count : -1;
    default:
        return d > c->count ? c->start + c->count + 1 : -1;
    }
}

/* The tick of the next rising edge, or of a reload after which to look again. */
static int64_t next_event(const struct counter *c, int64_t now)
{
    int64_t at = NEVER;

    if (!c->running || counter_suspended(c))
        return NEVER;
    int64_t d = now - c->start;
    if (counter_periodic(c)) {
        if (c->count > 1)
            at = c->start + (d / c->count + 1) * c->count;
    } else if (c->mode == MODE_TERMINAL_COUNT || c->mode == MODE_ONE_SHOT) {
        if (d < c->count)
            at = c->start + c->count;
    } else if (d <= c->count) {
        at = c->start + c->count + 1;
    }
    return c->reload_at >= 0 ? MIN(at, c->reload_at) : at;
}

static uint32_t modulus(const struct counter *c)
{
    return c->bcd ? MAX_COUNT_BCD : MAX_COUNT;
}
static uint32_t from_bcd(uint32_t v)
{
    return (v & 15) + (v >> 4 & 15) * 10 + (v >> 8 & 15) * 100 + (v >> 12 & 15) * 1000;
}
static uint16_t to_bcd(uint32_t v)
{
    return (uint16_t)(v % 10 | v / 10 % 10 << 4 | v / 100 % 10 << 8 | v / 1000 % 10 << 12);
}

/* What the counting element shows. */
static uint16_t counter_value(const struct counter *c, int64_t now)
{
    int64_t d = c->running ? counter_elapsed(c, now) : 0;
    uint32_t v;

    if (c->mode == MODE_RATE) {
        v = c->count - (uint32_t)(d % c->count);
    } else if (c->mode == MODE_SQUARE) {
        /* Counts down by two in each half; an odd count loads its even part. */
        int64_t pos = d % c->count, half = high_ticks(c->count);
        pos = pos < half ? pos : pos - half;
        v = (c->count & ~1u) - (uint32_t)MIN(2 * pos, (int64_t)(c->count & ~1u));
    } else {
        uint32_t mod = modulus(c);
        v = (c->count + mod - (uint32_t)(d % mod)) % mod;
    }
    return c->bcd ? to_bcd(v % MAX_COUNT_BCD) : (uint16_t)v;
}

/* ---- the interrupt output -------------------------------------------------------------------- */

/* IRQ 0 is edge triggered on every PC, so the line stays high between rises and its low time is
 * shown only as a dip right before the next rise: that halves the timer's work. */
static void update_irq(struct i8254 *s, bool expired)
{
    struct counter *c = &s->counter[0];
    int64_t now = i8254_ticks(s);

    counter_sync(c, now);
    int64_t rise = counter_last_rise(c, now), period_ns = i8254_tick_ns(c->count);
    bool late = expired && s->owed && counter_periodic(c);
    if (rise > s->seen_rise || late) {
        if (rise <= s->seen_rise)
            s->owed--;
        else if (counter_periodic(c) && s->seen_rise >= c->start)
            s->owed = late_ticks_add(s->owed, (uint64_t)((rise - s->seen_rise) / c->count - 1),
                                     period_ns);
        s->seen_rise = rise;
        irq_set(&s->cfg.irq, 0);
        irq_set(&s->cfg.irq, 1);
        s->irq_level = true;
    } else {
        bool level = counter_out(c, now) || counter_periodic(c);
        if (level != s->irq_level) {
            s->irq_level = level;
            irq_set(&s->cfg.irq, level);
        }
    }

    int64_t next = next_event(c, now);
    if (next == NEVER) {
        timer_cancel(&s->timer);
        return;
    }
    int64_t now_ns = clock_now(s->timer.clocks, VCLOCK_VIRTUAL), at = i8254_tick_ns(next);
    if (s->owed && counter_periodic(c))
        at = MIN(at, now_ns + late_tick_interval(period_ns));
    if (counter_periodic(c) && rise >= 0)
        at = MAX(at, now_ns + TICK_MIN_INTERVAL_NS);
    timer_set(&s->timer, at);
}

static void timer_expired(void *opaque)
{
    const struct i8254 *s = opaque;

    if (!s->in_kernel)
        update_irq(opaque, true);
}

void i8254_arm(struct i8254 *s)
{
    int64_t next = next_event(&s->counter[0], i8254_ticks(s));

    if (next == NEVER)
        timer_cancel(&s->timer);
    else
        timer_set(&s->timer, i8254_tick_ns(next));
}

/* ---- registers ------------------------------------------------------------------------------- */

static void load_count(struct i8254 *s, struct counter *c, uint32_t value)
{
    int64_t now = i8254_ticks(s);

    counter_sync(c, now);
    c->reload = c->bcd ? from_bcd(value) : value;
    if (!c->reload)
        c->reload = modulus(c);
    bool first = !c->loaded;
    c->loaded = true;
    if (triggered_by_gate(c)) {
        if (!c->running)
            c->count = c->reload; /* what a read shows; the trigger loads it */
        return;
    }
    if (counter_periodic(c) && c->running && !first && !counter_suspended(c)) {
        /* A new count waits for the end of the cycle, in mode 3 of the half cycle. */
        int64_t d = now - c->start, pos = d % c->count, half = high_ticks(c->count);
        int64_t left = c->mode == MODE_SQUARE && pos < half ? half - pos : c->count - pos;
        c->reload_at = now + left;
        return;
    }
    c->count = c->reload;
    c->start = now;
    c->held = 0;
    c->reload_at = -1;
    c->rose_at_start = false;
    c->running = true;
}

static void write_counter(struct i8254 *s, struct counter *c, uint8_t value)
{
    if (c->rw == RW_LSB) {
        load_count(s, c, value);
    } else if (c->rw == RW_MSB) {
        load_count(s, c, (uint32_t)value << 8);
    } else if (!c->write_msb_next) {
        c->write_lsb = value;
        c->write_msb_next = true;
        /* Mode 0: the first byte stops the counting and sets OUT low. */
        if (c->mode == MODE_TERMINAL_COUNT)
            c->running = false;
    } else {
        c->write_msb_next = false;
        load_count(s, c, c->write_lsb | (uint32_t)value << 8);
    }
}

static void latch_count(struct i8254 *s, struct counter *c)
{
    int64_t now = i8254_ticks(s);

    if (c->latch_bytes)
        return; /* a latched count is held until it is read */
    counter_sync(c, now);
    c->latch = counter_value(c, now);
    c->latch_bytes = c->rw == RW_WORD ? 2 : 1;
}

static void latch_status(struct i8254 *s, struct counter *c)
{
    int64_t now = i8254_ticks(s);

    if (c->status_latched)
        return;
    counter_sync(c, now);
    c->status = (uint8_t)((counter_out(c, now) ? STATUS_OUT : 0) |
                          (!c->loaded || c->reload_at >= 0 ? STATUS_NULL_COUNT : 0) | c->rw << 4 |
                          c->mode << 1 | c->bcd);
    c->status_latched = true;
}

static void write_control(struct i8254 *s, uint8_t value)
{
    unsigned select = value >> 6, rw = value >> 4 & 3;

    if (select == READ_BACK) {
        for (unsigned i = 0; i < CHANNELS; i++) {
            if (!(value & 2u << i))
                continue;
            if (!(value & READ_BACK_NO_COUNT))
                latch_count(s, &s->counter[i]);
            if (!(value & READ_BACK_NO_STATUS))
                latch_status(s, &s->counter[i]);
        }
        return;
    }
    struct counter *c = &s->counter[select];
    if (rw == RW_LATCH) {
        latch_count(s, c);
        return;
    }
    unsigned mode = value >> 1 & 7;
    c->mode = (uint8_t)(mode > MODE_HARD_STROBE ? mode & 3 : mode); /* 6 and 7 are 2 and 3 */
    c->rw = (uint8_t)rw;
    c->bcd = value & 1;
    c->running = c->loaded = false;
    c->write_msb_next = c->read_msb_next = c->status_latched = false;
    c->latch_bytes = 0;
    c->reload_at = -1;
    c->held = 0;
    if (c == &s->counter[0]) {
        s->seen_rise = -1;
        s->owed = 0;
    }
}

static uint8_t read_counter(struct i8254 *s, struct counter *c)
{
    int64_t now = i8254_ticks(s);

    if (c->status_latched) {
        c->status_latched = false;
        return c->status;
    }
    bool from_latch = c->latch_bytes != 0;
    uint16_t v;
    if (from_latch) {
        v = c->latch;
        c->latch_bytes--;
    } else {
        counter_sync(c, now);
        v = counter_value(c, now);
    }
    bool msb = c->rw == RW_MSB;
    if (c->rw == RW_WORD) {
        msb = c->read_msb_next;
        c->read_msb_next = !msb;
    }
    return (uint8_t)(msb ? v >> 8 : v);
}

static void pit_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    struct i8254 *s = opaque;
    (void)size;

    if (offset == CONTROL)
        write_control(s, (uint8_t)value);
    else
        write_counter(s, &s->counter[offset], (uint8_t)value);
    update_irq(s, false);
}

static uint64_t pit_read(void *opaque, uint64_t offset, unsigned size)
{
    struct i8254 *s = opaque;
    (void)size;
    /* The control word register cannot be read: the bus floats. */
    return offset == CONTROL ? 0xff : read_counter(s, &s->counter[offset]);
}

static void set_gate(struct i8254 *s, struct counter *c, bool gate)
{
    int64_t now = i8254_ticks(s);

    counter_sync(c, now);
    if (gate == c->gate)
        return;
    if (triggered_by_gate(c)) {
        if (gate && c->loaded) {
            c->count = c->reload;
            c->start = now;
            c->running = true;
        }
    } else if (!gate) {
        c->held = now - c->start;
    } else if (counter_periodic(c)) {
        c->count = c->reload;
        c->start = now;
        c->reload_at = -1;
        c->rose_at_start = false;
    } else {
        c->start = now - c->held;
    }
    c->gate = gate;
}

static void port_b_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    struct i8254 *s = opaque;
    (void)offset;
    (void)size;

    s->port_b = value & PORT_B_WRITABLE;
    set_gate(s, &s->counter[SPEAKER_CHANNEL], value & PORT_B_GATE2);
    irq_set(&s->cfg.speaker_on,
            (value & (PORT_B_GATE2 | PORT_B_SPEAKER)) == (PORT_B_GATE2 | PORT_B_SPEAKER));
}

static uint64_t port_b_read(void *opaque, uint64_t offset, unsigned size)
{
    struct i8254 *s = opaque;
    struct counter *c = &s->counter[SPEAKER_CHANNEL];
    int64_t now = i8254_ticks(s);
    (void)offset;
    (void)size;

    counter_sync(c, now);
    return s->port_b | (now / REFRESH_TICKS & 1 ? PORT_B_REFRESH : 0) |
           (counter_out(c, now) ? PORT_B_OUT2 : 0);
}

static const struct mem_ops pit_ops = {
    .read = pit_read, .write = pit_write, .min_size = 1, .max_size = 1};
static const struct mem_ops port_b_ops = {
    .read = port_b_read, .write = port_b_write, .min_size = 1, .max_size = 1};

/* ---- life ------------------------------------------------------------------------------------ */

static void i8254_reset(struct device *dev)
{
    struct i8254 *s = container_of(dev, struct i8254, dev);

    /* The data sheet leaves the counters undefined: they stand still until programmed. */
    for (unsigned i = 0; i < CHANNELS; i++)
        s->counter[i] = (struct counter){
            .mode = MODE_TERMINAL_COUNT,
            .rw = RW_WORD,
            .count = MAX_COUNT,
            .reload = MAX_COUNT,
            .reload_at = -1,
            .gate = i != SPEAKER_CHANNEL,
        };
    s->port_b = 0;
    s->seen_rise = -1;
    s->owed = 0;
    s->irq_level = false;
    timer_cancel(&s->timer);
    irq_set(&s->cfg.irq, 0);
    irq_set(&s->cfg.speaker_on, 0);
    if (s->in_kernel)
        i8254_put_to_kernel(s);
}

static void i8254_unrealize(struct device *dev)
{
    struct i8254 *s = container_of(dev, struct i8254, dev);
    timer_cancel(&s->timer);
    if (s->in_kernel)
        return;
    mem_region_remove(&s->region);
    if (s->cfg.port_b)
        mem_region_remove(&s->port_b_region);
}

/* With all of a PC's ports, or none: the accelerator's stands at the PC's addresses. */
static bool make_in_kernel(const struct i8254 *s)
{
    const struct irqchip_ops *ops = s->dev.machine->accel->irqchip;

    return s->cfg.base == I8254_PC_BASE && s->cfg.port_b == I8254_PC_PORT_B && ops &&
           ops->make_pit && ops->make_pit(s->dev.machine);
}

static bool i8254_realize(struct device *dev, struct vemu_error **errp)
{
    struct i8254 *s = container_of(dev, struct i8254, dev);

    timer_init(&s->timer, device_clocks(dev), VCLOCK_VIRTUAL, timer_expired, s);
    s->in_kernel = make_in_kernel(s);
    if (s->in_kernel) {
        i8254_reset(dev);
        return true;
    }
    if (!isa_port_add(dev, &s->region, "pit", s->cfg.base, CHANNELS + 1, &pit_ops, s, errp))
        return false;
    if (s->cfg.port_b &&
        !isa_port_add(dev, &s->port_b_region, "port-b", s->cfg.port_b, 1, &port_b_ops, s, errp)) {
        mem_region_remove(&s->region);
        return false;
    }
    i8254_reset(dev);
    return true;
}

/* Ticks from a saved stream stay far from overflow: 2^60 ticks are 30,000 years. */
#define TICK_LIMIT (INT64_C(1) << 60)

static bool i8254_post_load(struct device *dev, struct vemu_error **errp)
{
    struct i8254 *s = container_of(dev, struct i8254, dev);

    for (unsigned i = 0; i < CHANNELS; i++) {
        struct counter *c = &s->counter[i];
        if (!c->count || !c->reload || c->start < -TICK_LIMIT || c->start > TICK_LIMIT ||
            c->held < 0 || c->held > TICK_LIMIT || c->reload_at < -1 || c->reload_at > TICK_LIMIT)
            return error_set(errp, VEMU_ERROR_FORMAT,
                             "saved state of counter %u of the i8254 is not consistent: count %u, "
                             "reload %u",
                             i, c->count, c->reload);
    }
    if (s->in_kernel) {
        irq_set(&s->cfg.irq, 0); /* the accelerator's own counter drives it from now on */
        i8254_put_to_kernel(s);
    }
    return true;
}

static void i8254_pre_save(struct device *dev)
{
    struct i8254 *s = container_of(dev, struct i8254, dev);

    if (s->in_kernel)
        i8254_get_from_kernel(s);
}

static const struct state_field counter_state[] = {
    STATE_INT(struct counter, mode, .max = MODE_HARD_STROBE),
    STATE_INT(struct counter, rw, .max = RW_WORD),
    STATE_FLAG(struct counter, bcd),
    STATE_FLAG(struct counter, gate),
    STATE_FLAG(struct counter, running),
    STATE_FLAG(struct counter, loaded),
    STATE_FLAG(struct counter, rose_at_start),
    STATE_INT(struct counter, count, .max = MAX_COUNT),
    STATE_INT(struct counter, reload, .max = MAX_COUNT),
    STATE_INT(struct counter, start),
    STATE_INT(struct counter, held),
    STATE_INT(struct counter, reload_at),
    STATE_INT(struct counter, write_lsb),
    STATE_FLAG(struct counter, write_msb_next),
    STATE_FLAG(struct counter, read_msb_next),
    STATE_INT(struct counter, latch),
    STATE_INT(struct counter, latch_bytes, .max = 2),
    STATE_INT(struct counter, status),
    STATE_FLAG(struct counter, status_latched),
    STATE_FIELDS_END,
};
static const struct state_field i8254_state[] = {
    STATE_ARRAY_OF(struct i8254, counter, counter_state),
    STATE_INT(struct i8254, port_b, .max = PORT_B_WRITABLE),
    STATE_INT(struct i8254, seen_rise),
    STATE_INT(struct i8254, owed, .max = LATE_TICKS_MAX),
    STATE_FLAG(struct i8254, irq_level),
    STATE_DEADLINE(struct i8254, timer),
    STATE_FIELDS_END,
};

const struct device_class i8254_class = {
    .name = "i8254",
    .help = "8254 programmable interval timer",
    .size = sizeof(struct i8254),
    .state = i8254_state,
    .state_version = 2,
    .realize = i8254_realize,
    .unrealize = i8254_unrealize,
    .reset = i8254_reset,
    .pre_save = i8254_pre_save,
    .post_load = i8254_post_load,
};

struct irq i8254_block_input(struct device *dev)
{
    return (struct irq){.fn = i8254_block, .opaque = container_of(dev, struct i8254, dev)};
}

struct device *i8254_create(struct vemu_machine *m, const struct i8254_config *cfg,
                            struct vemu_error **errp)
{
    struct device *dev = device_new(m, &i8254_class, NULL, errp);
    if (!dev)
        return NULL;
    container_of(dev, struct i8254, dev)->cfg = *cfg;
    return device_realize_or_free(dev, errp);
}
