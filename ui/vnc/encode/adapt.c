/* Levels by bandwidth: see adapt.h. */
#include "ui/vnc/encode/adapt.h"

#include "core/util/range.h"
#include "ui/vnc/encode/encode.h"

enum {
    BYTES_MIN = 16 << 10, /* less says more about latency than about bandwidth */
    QUALITY_MIN = 20,     /* below that letters in photographs cannot be read */
    QUALITY_MAX = 95,
    LEVEL_OPEN = 6, /* where the client left it open, and the connection is not known */
};

/* From the slowest on; the last that is not faster than the connection counts. */
static const struct {
    double bandwidth; /* bytes a second */
    int quality;      /* added to the client's */
    int level_min;    /* compression */
    int level_open;   /* where the client left it open */
} steps[] = {
    {0, -40, 9, 9}, {64e3, -25, 7, 9}, {256e3, -12, 5, 8}, {1e6, 0, 0, 7},
    {4e6, 0, 0, 6}, {20e6, 5, 0, 4},   {60e6, 10, 0, 2},
};

void vnc_adapt_sent(struct vnc_adapt *a, size_t bytes, int64_t ns)
{
    /* By sums of bytes and of time: an update that took long counts for as much. */
    const double keep = 0.75;

    if (ns <= 0)
        return;
    if (bytes < BYTES_MIN) {
        if (!a->round_trip_ns || ns < a->round_trip_ns)
            a->round_trip_ns = ns;
        return;
    }
    /* The way there and back is not the bytes' own, but it is not nearly all there is. */
    ns = MAX(ns - a->round_trip_ns, MAX(ns / 10, 1));
    a->bytes = a->bytes * keep + (double)bytes;
    a->seconds = a->seconds * keep + (double)ns / 1e9;
}

double vnc_adapt_bandwidth(const struct vnc_adapt *a)
{
    return a->seconds > 0 ? a->bytes / a->seconds : 0;
}

void vnc_adapt_choose(const struct vnc_adapt *a, int client_quality, int client_level, int *quality,
                      int *level)
{
    double bandwidth = vnc_adapt_bandwidth(a);
    size_t step = 0;

    *quality = client_quality;
    *level = client_level < 0 ? LEVEL_OPEN : client_level;
    if (bandwidth <= 0)
        return;
    while (step + 1 < ARRAY_SIZE(steps) && steps[step + 1].bandwidth <= bandwidth)
        step++;
    *level = client_level < 0 ? steps[step].level_open : MAX(client_level, steps[step].level_min);
    if (client_quality == VNC_LOSSLESS)
        return;
    /* Never further than to the limits, and the client's own is no further either. */
    *quality = client_quality + steps[step].quality;
    *quality = MIN(*quality, MAX(client_quality, QUALITY_MAX));
    *quality = MAX(*quality, MIN(client_quality, QUALITY_MIN));
}
