/*
 * Ticks of a periodic timer that fell due while the main loop had no CPU.
 *
 * Hardware never loses its CPU; a host thread does. Guests that count ticks (to keep time, or to
 * see whether an interrupt works at all) would miss all but one of those that passed meanwhile. So
 * they are owed, and made up for one after another at a quarter of the period, up to a second's
 * worth. A period too short for that is coalesced instead.
 */
#ifndef HW_TIMER_LATE_TICKS_H
#define HW_TIMER_LATE_TICKS_H

#include <stdint.h>
#include "core/util/range.h"

/* Ticks nearer to each other than this are coalesced: several give one interrupt. */
#define TICK_MIN_INTERVAL_NS 20000
/* More are never owed. */
#define LATE_TICKS_MAX (1000000000 / (2 * TICK_MIN_INTERVAL_NS))

/* The distance at which owed ticks are delivered. */
static inline int64_t late_tick_interval(int64_t period_ns)
{
    return MAX(period_ns / 4, TICK_MIN_INTERVAL_NS);
}

/* What is owed after `missed` more ticks passed undelivered. */
static inline uint32_t late_ticks_add(uint32_t owed, uint64_t missed, int64_t period_ns)
{
    if (period_ns < 2 * TICK_MIN_INTERVAL_NS)
        return 0;
    uint64_t limit = (uint64_t)(1000000000 / period_ns);
    return (uint32_t)MIN(owed + MIN(missed, limit), limit);
}

#endif
