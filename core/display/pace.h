/*
 * How often a display is looked at while somebody wants news of it: every PACE_QUICK_NS as long as
 * something changes, then half as often each time, down to every PACE_IDLE_NS; after input, once
 * the guest may have drawn what came of it, and PACE_QUICK_NS later again. What blinks by the clock
 * alone says nothing of the guest: the pace stays, with a look when it does so again. Drawing never
 * takes more than half of the time. Pure arithmetic; times are nanoseconds of one clock.
 */
#ifndef CORE_DISPLAY_PACE_H
#define CORE_DISPLAY_PACE_H

#include <stdbool.h>
#include <stdint.h>
#include "core/util/range.h"

#define PACE_QUICK_NS INT64_C(4000000)
#define PACE_IDLE_NS INT64_C(100000000)
#define PACE_REACTION_NS INT64_C(1000000)

struct pace {
    int64_t interval; /* 0: it was never looked at */
    int64_t last;     /* when it was looked at */
    int64_t next;     /* when to look again */
    int64_t blink;    /* when something blinks again; 0, or in the past: nobody knows */
};

/* Looked at from start to end. changed: by the guest's doing. */
static inline void pace_looked(struct pace *p, int64_t start, int64_t end, bool changed)
{
    int64_t soonest = start + MAX(PACE_QUICK_NS, 2 * (end - start));
    p->interval = changed || !p->interval ? PACE_QUICK_NS : MIN(2 * p->interval, PACE_IDLE_NS);
    p->last = start;
    p->next = MAX(start + p->interval, soonest);
    if (p->blink > start)
        p->next = MIN(p->next, MAX(p->blink, soonest));
}

/* Something is likely to change. */
static inline void pace_hurry(struct pace *p, int64_t now)
{
    p->interval = PACE_QUICK_NS / 2; /* the first look may come too soon, and says little */
    p->next = MIN(p->next, MAX(now + PACE_REACTION_NS, p->last + PACE_QUICK_NS));
}

#endif
