/* What a real-time clock shows when the machine starts, and what drives it (-rtc). */
#ifndef HW_TIMER_RTC_START_H
#define HW_TIMER_RTC_START_H

#include <stdbool.h>
#include <stdint.h>
#include "core/clock/clock.h"

/* Seconds around 1970 that 64 bits of nanoseconds hold with room for the driving clock: to 2191. */
#define RTC_SECONDS_LIMIT INT64_C(7000000000)

struct vemu_error;

/* base=localtime, clock=vm, base=DATE (Unix time; 0: the host's) */
struct rtc_start {
    bool localtime, virtual_clock;
    int64_t seconds;
};

static inline enum clock_type rtc_driving_clock(bool virtual_clock)
{
    return virtual_clock ? VCLOCK_VIRTUAL : VCLOCK_RTC;
}
/* The calendar's time at the start in ns since 1970. False: out of range. */
bool rtc_start_ns(const struct rtc_start *start, struct clock_set *clocks, int64_t *ns,
                  struct vemu_error **errp);

#endif
