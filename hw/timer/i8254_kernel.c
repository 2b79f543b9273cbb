/*
 * Counters that the accelerator keeps: this model's registers put to it and fetched. It counts in
 * time since a counter was loaded, and a new count takes over at once there, where here it waits
 * for the end of a cycle.
 */
#include "core/cpu/cpu.h"
#include "core/cpu/irqchip.h"
#include "core/device/machine.h"
#include "core/util/range.h"
#include "hw/timer/i8254_internal.h"

static const struct irqchip_ops *ops_of(const struct i8254 *s)
{
    return s->dev.machine->accel->irqchip;
}

static int64_t now_ns(const struct i8254 *s)
{
    return clock_now(s->timer.clocks, VCLOCK_VIRTUAL);
}

/* Of a control word alone, and for mode 0 at that, nothing can be seen but that it is there. */
static bool programmed(const struct counter *c)
{
    return c->loaded || c->mode != MODE_TERMINAL_COUNT || c->rw != RW_WORD || c->bcd ||
           c->write_msb_next;
}

static void put_counter(const struct i8254 *s, struct irqchip_pit_counter *k, struct counter *c)
{
    counter_sync(c, i8254_ticks(s));
    int64_t elapsed = 0;
    if (c->running && counter_suspended(c))
        elapsed = i8254_tick_ns(c->held);
    else if (c->running)
        elapsed = now_ns(s) - i8254_tick_ns(c->start);

    *k = (struct irqchip_pit_counter){
        .programmed = programmed(c),
        .mode = c->mode,
        .rw = c->rw,
        .bcd = c->bcd,
        .gate = c->gate,
        .count = c->reload,
        .elapsed = MAX(elapsed, (int64_t)0),
        .write_msb_next = c->write_msb_next,
        .read_msb_next = c->read_msb_next,
        .write_lsb = c->write_lsb,
        .latch = c->latch,
        .latch_bytes = c->latch_bytes,
        .status = c->status,
        .status_latched = c->status_latched,
    };
}

void i8254_put_to_kernel(struct i8254 *s)
{
    struct vemu_machine *m = s->dev.machine;
    struct irqchip_pit pit = {.speaker = s->port_b & PORT_B_SPEAKER};

    for (unsigned i = 0; i < CHANNELS; i++)
        put_counter(s, &pit.counter[i], &s->counter[i]);
    ops_of(s)->block_pit(m, s->blocked);
    ops_of(s)->put_pit(m, &pit);
}

static void get_counter(const struct i8254 *s, struct counter *c,
                        const struct irqchip_pit_counter *k)
{
    int64_t elapsed = MAX(k->elapsed, (int64_t)0);

    *c = (struct counter){
        .mode = (uint8_t)MIN(k->mode, MODE_HARD_STROBE),
        .rw = (uint8_t)(k->rw >= RW_LSB && k->rw <= RW_WORD ? k->rw : RW_WORD),
        .bcd = k->bcd,
        .gate = k->gate,
        .running = k->programmed,
        .loaded = k->programmed,
        .count = k->count && k->count <= MAX_COUNT ? k->count : MAX_COUNT,
        .reload_at = -1,
        .write_msb_next = k->write_msb_next,
        .read_msb_next = k->read_msb_next,
        .write_lsb = k->write_lsb,
        .latch = k->latch,
        .latch_bytes = (uint8_t)MIN(k->latch_bytes, 2),
        .status = k->status,
        .status_latched = k->status_latched,
    };
    c->reload = c->count;
    if (c->running && counter_suspended(c))
        c->held = i8254_ticks_in(elapsed);
    else if (c->running)
        c->start = i8254_ticks_in(now_ns(s) - elapsed);
}

/* Its edges were all delivered, or are the accelerator's to deliver no more. */
void i8254_get_from_kernel(struct i8254 *s)
{
    struct irqchip_pit pit;
    struct counter *c = &s->counter[0];
    int64_t now = i8254_ticks(s);

    if (!ops_of(s)->get_pit(s->dev.machine, &pit))
        return;
    for (unsigned i = 0; i < CHANNELS; i++)
        get_counter(s, &s->counter[i], &pit.counter[i]);
    s->port_b =
        (s->counter[SPEAKER_CHANNEL].gate ? PORT_B_GATE2 : 0) | (pit.speaker ? PORT_B_SPEAKER : 0);
    s->seen_rise = counter_last_rise(c, now);
    s->owed = 0;
    s->irq_level = counter_out(c, now) || counter_periodic(c);
    i8254_arm(s);
}

void i8254_block(void *opaque, unsigned n, int level)
{
    struct i8254 *s = opaque;
    (void)n;

    if (s->blocked == !!level)
        return;
    s->blocked = level;
    if (s->in_kernel)
        ops_of(s)->block_pit(s->dev.machine, s->blocked);
}
