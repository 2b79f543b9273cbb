/*
 * The host's cycle counter, and a way to tell the time by it: a reading of the clock costs an
 * instruction and a multiplication instead of a call of the system's.
 *
 * Thread contract: any thread.
 */
#ifndef CORE_CLOCK_COUNTER_H
#define CORE_CLOCK_COUNTER_H

#include <stdbool.h>
#include <stdint.h>

/* After all that stands before it. 0 where there is none that is used. */
static inline uint64_t host_counter(void)
{
#ifdef __x86_64__
    __builtin_ia32_lfence();
    return __builtin_ia32_rdtsc();
#else
    return 0;
#endif
}

/* Does it run at one rate at all times, alike on every processor, so that the system's own clock
 * goes by it? */
bool host_counter_usable(void);

/*
 * A clock by the counter, as long as host_counter() - base is below span: it shows
 * ns + ((host_counter() - base) * mult >> 32). All of it belongs together while seq has one value,
 * an even one, before the counter is read and after. Else, or beyond the span, clock_now() knows.
 */
struct clock_reading {
    uint32_t seq;
    uint64_t base, span;
    uint64_t mult; /* ns a count, with 32 fractional bits */
    int64_t ns;
};

static inline int64_t counter_ns(uint64_t counts, uint64_t mult)
{
    return (int64_t)((unsigned __int128)counts * mult >> 32);
}

#endif
