/*
 * The local APIC's timer: one-shot, periodic and TSC-deadline.
 *
 * Specification: Intel SDM vol. 3, chapter "Advanced Programmable Interrupt Controller (APIC)",
 * section on the APIC timer. The timer's input clock is 1 GHz of virtual time. timer_due is the
 * truth about what is owed; the host timer only wakes somebody up to look at it, so a register
 * write between expiry and callback loses nothing.
 */
#include "core/cpu/x86_tsc.h"
#include "core/util/range.h"
#include "hw/intc/lapic_internal.h"
#include "hw/timer/late_ticks.h"

static int64_t now_ns(struct lapic *l)
{
    return clock_now(l->timer.clocks, VCLOCK_VIRTUAL);
}
static uint32_t mode(const struct lapic *l)
{
    return l->lvt[LVT_TIMER] & LVT_TIMER_MODE;
}

/* Divide configuration: bits 3, 1, 0 are 0 for 2, 1 for 4 ... 6 for 128, 7 for 1. */
static unsigned divide_shift(const struct lapic *l)
{
    unsigned code = (l->divide & 3) | (l->divide >> 1 & 4);
    return (code + 1) & 7;
}
static int64_t period_ns(const struct lapic *l)
{
    return (int64_t)l->initial_count << divide_shift(l);
}

void lapic_timer_arm(struct lapic *l)
{
    /* A masked timer counts, but nobody needs to be woken for it. */
    if (l->in_kernel || l->timer_due < 0 || l->lvt[LVT_TIMER] & LVT_MASKED)
        timer_cancel(&l->timer);
    else
        timer_set(&l->timer, l->timer_due);
}

void lapic_timer_stop(struct lapic *l)
{
    l->initial_count = 0;
    l->timer_start = 0;
    l->tsc_deadline = 0;
    l->timer_due = -1;
    timer_cancel(&l->timer);
}

/* The expiry after now of the count that runs, or -1. */
static int64_t next_expiry(struct lapic *l, int64_t now)
{
    int64_t period = period_ns(l), passed = now - l->timer_start;

    if (!period || mode(l) == LVT_TIMER_TSC_DEADLINE)
        return -1;
    if (mode(l) == LVT_TIMER_PERIODIC)
        return l->timer_start + (passed / period + 1) * period;
    return passed < period ? l->timer_start + period : -1;
}

void lapic_timer_poll(struct lapic *l)
{
    int64_t now = now_ns(l);

    if (l->timer_due < 0 || now < l->timer_due)
        return;
    if (mode(l) == LVT_TIMER_TSC_DEADLINE) {
        /* The guest may have set its TSC back since the deadline was turned into time. */
        int64_t due = x86_tsc_deadline_ns(l->cpu, l->tsc_deadline, now);
        if (due > now) {
            l->timer_due = due;
            return;
        }
        l->tsc_deadline = 0;
        l->timer_due = -1;
    } else {
        l->timer_due = next_expiry(l, now);
        if (l->timer_due >= 0)
            l->timer_due = MAX(l->timer_due, now + TICK_MIN_INTERVAL_NS);
    }
    lapic_fire_lvt(l, LVT_TIMER);
}

void lapic_timer_expired(void *opaque)
{
    struct lapic *l = opaque;

    pthread_mutex_lock(&l->bus->lock);
    lapic_timer_poll(l);
    lapic_timer_arm(l);
    pthread_mutex_unlock(&l->bus->lock);
}

uint32_t lapic_timer_current(struct lapic *l)
{
    int64_t period = period_ns(l), passed = now_ns(l) - l->timer_start;

    if (!period || passed < 0 || mode(l) == LVT_TIMER_TSC_DEADLINE)
        return 0;
    if (mode(l) == LVT_TIMER_PERIODIC)
        passed %= period;
    return passed >= period ? 0 : l->initial_count - (uint32_t)(passed >> divide_shift(l));
}

void lapic_timer_set_initial(struct lapic *l, uint32_t count)
{
    if (mode(l) == LVT_TIMER_TSC_DEADLINE)
        return;
    l->initial_count = count;
    l->timer_start = count ? now_ns(l) : 0;
    l->timer_due = next_expiry(l, l->timer_start);
    lapic_timer_arm(l);
}

/* The count goes on from where it is, at the new rate. */
void lapic_timer_set_divide(struct lapic *l, uint32_t divide)
{
    lapic_timer_poll(l);
    uint32_t current = lapic_timer_current(l);
    l->divide = divide;
    if (current) {
        int64_t now = now_ns(l);
        l->timer_start = now - ((int64_t)(l->initial_count - current) << divide_shift(l));
        l->timer_due = next_expiry(l, now);
    }
    lapic_timer_arm(l);
}

void lapic_timer_set_deadline(struct lapic *l, uint64_t tsc)
{
    if (mode(l) != LVT_TIMER_TSC_DEADLINE)
        return;
    l->tsc_deadline = tsc;
    l->timer_due = tsc ? x86_tsc_deadline_ns(l->cpu, tsc, now_ns(l)) : -1;
    /* One that has passed already interrupts without a round trip through the main loop. */
    lapic_timer_poll(l);
    lapic_timer_arm(l);
}

void lapic_timer_mode_changed(struct lapic *l, uint32_t old_lvt)
{
    uint32_t was = old_lvt & LVT_TIMER_MODE;

    if (was != mode(l)) {
        /* A change to or from TSC-deadline mode disarms the timer. */
        if (was == LVT_TIMER_TSC_DEADLINE || mode(l) == LVT_TIMER_TSC_DEADLINE)
            lapic_timer_stop(l);
        else
            l->timer_due = next_expiry(l, now_ns(l));
    }
    lapic_timer_arm(l);
}

void lapic_timer_restore(struct lapic *l, uint32_t initial, uint32_t current, uint64_t deadline)
{
    int64_t now = now_ns(l);

    l->initial_count = initial;
    l->tsc_deadline = deadline;
    l->timer_start = now - ((int64_t)(initial - MIN(current, initial)) << divide_shift(l));
    if (!initial) /* it does not run, as after a reset */
        l->timer_start = 0;
    else if (l->timer_start < 0) /* it began before this machine did: what is left is the same */
        l->timer_start = now % MAX(period_ns(l), 1);
    if (mode(l) == LVT_TIMER_TSC_DEADLINE)
        l->timer_due = deadline ? x86_tsc_deadline_ns(l->cpu, deadline, now) : -1;
    else
        l->timer_due = next_expiry(l, now);
}
