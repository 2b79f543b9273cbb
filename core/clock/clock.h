/*
 * Clocks and timers of one machine.
 *
 * CLOCK_VIRTUAL_NS stands still while the machine is stopped and starts at 0; CLOCK_HOST_NS is the
 * host's monotonic clock; CLOCK_RTC_NS is wall-clock time (Unix epoch). All in nanoseconds. Devices
 * read time only here, so pausing, replay and counted time need no change in any device. A test may
 * switch the virtual clock to manual stepping (clock_set_manual/clock_step), as qtest does. Counted
 * time, where the accelerator says what time it is, is a kind of that (clock_set_counted).
 *
 * Timers fire on the machine's main-loop thread with the machine lock held. Thread contract: every
 * function here is callable from any thread, except clock_run_timers (the main loop's).
 */
#ifndef CORE_CLOCK_CLOCK_H
#define CORE_CLOCK_CLOCK_H

#include <stdbool.h>
#include <stdint.h>
#include "core/clock/counter.h"

enum clock_type { VCLOCK_VIRTUAL, VCLOCK_HOST, VCLOCK_RTC, VCLOCK_COUNT };

struct clock_set; /* all clocks of a machine; opaque */
typedef void (*clock_notify_fn)(void *opaque);
typedef void (*timer_fn)(void *opaque);

struct clock_set *clock_set_new(void);
void clock_set_free(struct clock_set *clocks);
/* Called (from any thread) whenever the earliest deadline moved earlier: the main loop
 * takes it up. */
void clock_set_notify(struct clock_set *clocks, clock_notify_fn fn, void *opaque);

int64_t clock_now(struct clock_set *clocks, enum clock_type type);
/* The virtual clock for who reads it without a call; valid as long as the set. */
const struct clock_reading *clock_virtual_reading(const struct clock_set *clocks);
/* Stop or continue the virtual clock. A new clock set is stopped at 0. Its timers do not fire while
 * it is stopped. */
void clock_set_running(struct clock_set *clocks, bool running);
/* Set the virtual clock (state load). */
void clock_set_virtual(struct clock_set *clocks, int64_t now_ns);
void clock_set_manual(struct clock_set *clocks, bool manual);
/* Advance the manual virtual clock by ns, running due timers in deadline order on this thread (the
 * caller holds the machine lock). The clock reads each timer's deadline while its callback runs.
 * Without manual mode it does nothing. */
void clock_step(struct clock_set *clocks, int64_t ns);

/*
 * Counted time: for good, before the machine starts. The virtual clock shows what
 * clock_count_show() said last, and its timers are not the main loop's: they run in clock_step().
 * The accelerator's thread calls both; `moved` is told, from any thread, when the earliest virtual
 * deadline has become earlier, and may take leaf locks only.
 */
void clock_set_counted(struct clock_set *clocks, clock_notify_fn moved, void *opaque);
void clock_count_show(struct clock_set *clocks, int64_t now_ns);
/* The earliest deadline on the virtual clock, -1: none. */
int64_t clock_count_deadline(struct clock_set *clocks);

struct timer {
    struct clock_set *clocks;
    enum clock_type type;
    timer_fn fn;
    void *opaque;
    int64_t deadline; /* ns; -1: not armed */
    uint32_t heap_index;
};

/* Initialise a timer embedded in a device; not armed. */
void timer_init(struct timer *t, struct clock_set *clocks, enum clock_type type, timer_fn fn,
                void *opaque);
void timer_set(struct timer *t,
               int64_t deadline_ns); /* absolute; in the past = as soon as possible */
/* Idempotent; also before the device is freed. Callbacks run with the machine lock held: a
 * canceller that holds it as well knows on return that no callback is under way. A callback may arm
 * or cancel its own and any other timer. */
void timer_cancel(struct timer *t);
static inline bool timer_pending(const struct timer *t)
{
    return __atomic_load_n(&t->deadline, __ATOMIC_ACQUIRE) >= 0;
}
static inline int64_t timer_deadline(const struct timer *t)
{
    return __atomic_load_n(&t->deadline, __ATOMIC_ACQUIRE);
}

/* Run all due timers; returns ns until the next deadline, or -1 when there is none. */
int64_t clock_run_timers(struct clock_set *clocks);

/* CLOCK_MONOTONIC time (ns) at which clock_run_timers next has work, -1 for never. It may lie in
 * the past. */
int64_t clock_next_deadline(struct clock_set *clocks);

/* a*b/c without overflow of the product, rounded down. */
static inline uint64_t muldiv64(uint64_t a, uint64_t b, uint64_t c)
{
    return (uint64_t)((unsigned __int128)a * b / c);
}

#endif
