/* See rtc_start.h. */
#include "hw/timer/rtc_start.h"

#include <time.h>
#include "core/util/error.h"

#define NS_PER_SECOND INT64_C(1000000000)

static int64_t local_offset_ns(int64_t unix_ns)
{
    time_t t = (time_t)(unix_ns / NS_PER_SECOND);
    struct tm tm;
    return localtime_r(&t, &tm) ? tm.tm_gmtoff * NS_PER_SECOND : 0;
}

bool rtc_start_ns(const struct rtc_start *start, struct clock_set *clocks, int64_t *ns,
                  struct vemu_error **errp)
{
    int64_t host = clock_now(clocks, VCLOCK_RTC);

    if (start->seconds < -RTC_SECONDS_LIMIT || start->seconds > RTC_SECONDS_LIMIT)
        return error_set(errp, VEMU_ERROR_INVALID,
                         "start time %lld is out of range; it may be %lld seconds around 1970",
                         (long long)start->seconds, (long long)RTC_SECONDS_LIMIT);
    *ns = start->seconds ? start->seconds * NS_PER_SECOND : host;
    if (start->localtime && !start->seconds)
        *ns += local_offset_ns(host);
    return true;
}
