/*
 * The input router: see input.h.
 *
 * Senders append to a ring under a leaf lock; a timer of the host's clock, which needs no memory
 * and no lock above it, takes the ring's content to the devices on the loop's thread.
 *
 * The ring never loses the release of a key: what it keeps free is at least as much as there are
 * keys that senders hold down, so a press is only let in when there is room for its release, too.
 * Motion gets half of the ring, and what follows motion of its kind that still waits is merged with
 * it.
 */
#include "core/input/input.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include "core/clock/clock.h"
#include "core/device/machine.h"
#include "core/display/display.h"
#include "core/input/internal.h"
#include "core/util/bitmap.h"
#include "core/util/error.h"
#include "core/util/range.h"

enum { RING = 1024, MOTION_MOST = RING / 2, DELIVER = 64 };
/* Where the pointer is on a display whose size nobody knows. */
enum { WIDTH = 1024, HEIGHT = 768 };

struct queued {
    struct display *display; /* compared, never followed: it may be gone */
    struct input_event event;
    bool last;        /* of its group */
    int64_t pause_ns; /* until the next one, with `last` */
};

struct input_router {
    struct vemu_machine *machine;
    struct timer deliver;
    struct input_chords chords;

    pthread_mutex_t lock; /* a leaf; guards the members down to the blank line */
    struct queued ring[RING];
    unsigned head, count;
    unsigned group; /* events of the newest group, as long as all of it is in the ring */
    unsigned held;  /* keys in `down` */
    int64_t rest;   /* nothing before then */
    uint64_t down[KEY_CNT / 64];

    /* machine lock */
    struct list sinks, watchers;       /* sinks: who is asked first comes first */
    struct input_sink *owner[KEY_CNT]; /* where a key went down */
    struct display *pointed;           /* where `position` is */
    int32_t position[2];               /* the last absolute one; -1: none */

    /* Read by anyone, written with the machine lock held. */
    bool absolute;
    unsigned leds;
};

/* ---- routing --------------------------------------------------------------------------------- */

static bool is_button(uint16_t code)
{
    return code >= BTN_MISC && code < KEY_OK;
}

static unsigned kind(const struct input_event *e)
{
    switch (e->type) {
    case EV_KEY:
        return is_button(e->code) ? INPUT_TAKES_BUTTONS : INPUT_TAKES_KEYS;
    case EV_REL: /* a wheel belongs to the buttons: tablets have one, too */
        return e->code == REL_X || e->code == REL_Y ? INPUT_TAKES_REL : INPUT_TAKES_BUTTONS;
    default:
        return INPUT_TAKES_ABS;
    }
}

/* The one of that display, or else one of any. */
static struct input_sink *sink_for(struct input_router *r, unsigned takes, struct display *display)
{
    struct input_sink *any = NULL;
    bool alone = false;

    list_for_each(s, &r->sinks, struct input_sink, node)
    {
        const bool its = display && s->display == display;
        alone |= its && s->alone;
        if (!(s->takes & takes))
            continue;
        if (its)
            return s;
        if (!any && !s->display)
            any = s;
    }
    return alone ? NULL : any;
}

/* The sinks that got something of the group under way. */
struct touched {
    struct input_sink *sinks[8];
    unsigned count;
};

static void sync_all(struct touched *t)
{
    for (unsigned n = 0; n < t->count; n++)
        t->sinks[n]->ops->sync(t->sinks[n]->opaque);
    t->count = 0;
}

static void hand_over(struct touched *t, struct input_sink *s, const struct input_event *e)
{
    unsigned n = 0;

    while (n < t->count && t->sinks[n] != s)
        n++;
    if (n == t->count) {
        if (n == ARRAY_SIZE(t->sinks))
            sync_all(t);
        t->sinks[t->count++] = s;
    }
    s->ops->event(s->opaque, e);
}

/* The display may be gone: only one that the machine still has is looked at. NULL is the first. */
static void pointer_size(struct input_router *r, const struct display *display, int32_t size[2])
{
    struct display *d;
    unsigned n = 0;

    while ((d = display_nth(r->machine, n)) && display && d != display)
        n++;
    size[0] = WIDTH;
    size[1] = HEIGHT;
    if (!d)
        return;
    display_lock(d);
    size[0] = (int32_t)MAX(display_width(d), 1u);
    size[1] = (int32_t)MAX(display_height(d), 1u);
    display_unlock(d);
}

/* An absolute position for a pointer that only knows motion. */
static void move_by_difference(struct input_router *r, struct touched *t, struct display *display,
                               const struct input_event *e)
{
    const unsigned axis = e->code == ABS_Y;
    struct input_sink *s = sink_for(r, INPUT_TAKES_REL, display);
    int32_t size[2];

    if (r->pointed != display) {
        r->pointed = display;
        r->position[0] = r->position[1] = -1;
    }
    pointer_size(r, display, size);
    const int32_t last = r->position[axis];
    const int32_t now = (int32_t)((int64_t)e->value * (size[axis] - 1) / INPUT_ABS_MAX);
    r->position[axis] = now;
    if (last < 0 || now == last || !s)
        return;
    const struct input_event moved = {
        .type = EV_REL, .code = axis ? REL_Y : REL_X, .value = now - last};
    hand_over(t, s, &moved);
}

static void route(struct input_router *r, struct touched *t, struct queued *q)
{
    const struct input_event *e = &q->event;
    struct input_sink *s;

    if (!q->display)
        q->display = display_nth(r->machine, 0);
    if (e->type == EV_KEY && !e->value) {
        s = r->owner[e->code];
        r->owner[e->code] = NULL;
    } else {
        s = sink_for(r, kind(e), q->display);
        if (e->type == EV_KEY)
            r->owner[e->code] = s;
    }
    if (s)
        hand_over(t, s, e);
    else if (e->type == EV_ABS)
        move_by_difference(r, t, q->display, e);
}

/* ---- the ring -------------------------------------------------------------------------------- */

static struct queued *slot(struct input_router *r, unsigned n)
{
    return &r->ring[(r->head + n) % RING];
}

/* Up to where there is a pause. */
static unsigned take(struct input_router *r, struct queued *to, unsigned most)
{
    unsigned count = 0;

    pthread_mutex_lock(&r->lock);
    while (count < r->count && count < most) {
        to[count] = *slot(r, count);
        if (to[count++].pause_ns)
            break;
    }
    r->head = (r->head + count) % RING;
    r->count -= count;
    if (r->group > r->count)
        r->group = 0;
    pthread_mutex_unlock(&r->lock);
    return count;
}

/* One round's worth: senders that never stop do not keep the loop from its other work. */
static void deliver(void *opaque)
{
    struct input_router *r = opaque;
    struct queued some[DELIVER];
    struct touched touched = {0};
    unsigned count, done = 0;
    int64_t pause_ns = 0;

    while (done < RING && !pause_ns && (count = take(r, some, DELIVER))) {
        for (unsigned n = 0; n < count; n++) {
            route(r, &touched, &some[n]);
            if (some[n].last)
                sync_all(&touched);
        }
        done += count;
        pause_ns = some[count - 1].pause_ns;
    }
    sync_all(&touched);
    pthread_mutex_lock(&r->lock);
    if (pause_ns)
        r->rest = clock_now(r->machine->clocks, VCLOCK_HOST) + pause_ns;
    const bool more = r->count;
    pthread_mutex_unlock(&r->lock);
    if (more)
        timer_set(&r->deliver, r->rest);
}

/* What can be told to a device. Repetition is not: devices or guests do it themselves. */
static bool is_known(const struct input_event *e)
{
    switch (e->type) {
    case EV_KEY:
        return e->code && e->code < KEY_CNT && (e->value == 0 || e->value == 1);
    case EV_REL:
        return e->code == REL_X || e->code == REL_Y || e->code == REL_WHEEL ||
               e->code == REL_HWHEEL;
    case EV_ABS:
        return e->code == ABS_X || e->code == ABS_Y;
    default:
        return false;
    }
}

static bool admit(struct input_router *r, const struct input_event *e)
{
    if (e->type != EV_KEY)
        return r->count + r->held < MOTION_MOST;
    if (bitmap_test(r->down, e->code) == e->value)
        return false; /* nothing new */
    if (e->value) {
        if (r->count + r->held + 2 > RING)
            return false;
        bitmap_set(r->down, e->code);
        r->held++;
    } else {
        bitmap_clear(r->down, e->code);
        r->held--;
    }
    return true;
}

static int32_t add_saturated(int32_t a, int32_t b)
{
    int32_t sum;
    return __builtin_add_overflow(a, b, &sum) ? (a < 0 ? INT32_MIN : INT32_MAX) : sum;
}

/* A group of motion alone is added to the one before it, when that moves along the same axes. */
static bool merge(struct input_router *r, struct display *display, const struct input_event *events,
                  unsigned count)
{
    if (count != r->group)
        return false;
    for (unsigned n = 0; n < count; n++) {
        const struct queued *q = slot(r, r->count - count + n);
        if (events[n].type == EV_KEY || q->event.type != events[n].type ||
            q->event.code != events[n].code || q->display != display)
            return false;
    }
    for (unsigned n = 0; n < count; n++) {
        struct input_event *e = &slot(r, r->count - count + n)->event;
        e->value = e->type == EV_REL ? add_saturated(e->value, events[n].value) : events[n].value;
    }
    return true;
}

/* lock held. */
static void append(struct input_router *r, struct display *display,
                   const struct input_event *events, unsigned count, int64_t pause_ns)
{
    unsigned group = 0;

    for (unsigned n = 0; n < count; n++) {
        struct input_event e = events[n];
        if (!is_known(&e) || !admit(r, &e))
            continue;
        if (e.type == EV_ABS)
            e.value = MAX(0, MIN(e.value, (int32_t)INPUT_ABS_MAX));
        *slot(r, r->count++) = (struct queued){.display = display, .event = e};
        group++;
    }
    if (group) {
        slot(r, r->count - 1)->last = true;
        slot(r, r->count - 1)->pause_ns = pause_ns;
    }
    /* A group that lost a part is none to merge with. */
    r->group = group == count ? group : 0;
}

void input_send(struct vemu_machine *m, struct display *display, const struct input_event *events,
                unsigned count)
{
    input_send_paced(m, display, events, count, 0);
}

void input_send_paced(struct vemu_machine *m, struct display *display,
                      const struct input_event *events, unsigned count, int64_t pause_ns)
{
    struct input_router *r = m->input;

    pthread_mutex_lock(&r->lock);
    const bool idle = !r->count;
    if (count && !merge(r, display, events, count))
        append(r, display, events, count, pause_ns);
    const bool start = idle && r->count;
    const int64_t rest = r->rest;
    pthread_mutex_unlock(&r->lock);
    if (start)
        timer_set(&r->deliver, rest);
}

void input_release_all(struct vemu_machine *m)
{
    struct input_router *r = m->input;
    uint64_t key = 0;

    pthread_mutex_lock(&r->lock);
    const bool idle = !r->count;
    while ((key = bitmap_find_next(r->down, KEY_CNT, key)) < KEY_CNT) {
        const struct input_event e = {.type = EV_KEY, .code = (uint16_t)key};
        append(r, NULL, &e, 1, 0);
    }
    const bool start = idle && r->count;
    const int64_t rest = r->rest;
    pthread_mutex_unlock(&r->lock);
    if (start)
        timer_set(&r->deliver, rest);
}

/* ---- sinks and watchers ---------------------------------------------------------------------- */

bool input_is_absolute(struct vemu_machine *m)
{
    return __atomic_load_n(&m->input->absolute, __ATOMIC_RELAXED);
}
unsigned input_leds(struct vemu_machine *m)
{
    return __atomic_load_n(&m->input->leds, __ATOMIC_RELAXED);
}

/* What senders see of the sinks, after a change. */
static void look_again(struct input_router *r)
{
    bool absolute = false, pointer = false, keyboard = false;
    unsigned leds = 0;

    list_for_each(s, &r->sinks, struct input_sink, node)
    {
        if (!pointer && s->takes & (INPUT_TAKES_REL | INPUT_TAKES_ABS)) {
            pointer = true;
            absolute = s->takes & INPUT_TAKES_ABS;
        }
        if (!keyboard && s->takes & INPUT_TAKES_KEYS && !s->alone) {
            keyboard = true;
            leds = s->leds;
        }
    }
    if (absolute == r->absolute && leds == r->leds)
        return;
    __atomic_store_n(&r->absolute, absolute, __ATOMIC_RELAXED);
    __atomic_store_n(&r->leds, leds, __ATOMIC_RELAXED);
    list_for_each_safe(w, &r->watchers, struct input_watcher, node) w->changed(w);
}

bool input_sink_add(struct vemu_machine *m, struct input_sink *sink, struct vemu_error **errp)
{
    (void)errp;
    sink->router = m->input;
    sink->leds = 0;
    list_add_head(&m->input->sinks, &sink->node);
    look_again(m->input);
    return true;
}

void input_sink_remove(struct input_sink *sink)
{
    struct input_router *r = sink->router;

    if (!r)
        return;
    for (unsigned n = 0; n < KEY_CNT; n++)
        if (r->owner[n] == sink)
            r->owner[n] = NULL;
    list_remove(&sink->node);
    sink->router = NULL;
    look_again(r);
}

void input_sink_activate(struct input_sink *sink)
{
    struct input_router *r = sink->router;

    list_remove(&sink->node);
    list_add_head(&r->sinks, &sink->node);
    look_again(r);
}

void input_sink_leds(struct input_sink *sink, unsigned leds)
{
    sink->leds = leds;
    if (sink->router)
        look_again(sink->router);
}

void input_watch(struct vemu_machine *m, struct input_watcher *w)
{
    list_add_tail(&m->input->watchers, &w->node);
}

void input_unwatch(struct input_watcher *w)
{
    list_remove(&w->node);
}

/* ---- life ------------------------------------------------------------------------------------ */

struct input_chords *input_chords_of(struct vemu_machine *m)
{
    return &m->input->chords;
}

struct input_router *input_router_new(struct vemu_machine *m, struct vemu_error **errp)
{
    struct input_router *r = calloc(1, sizeof *r);

    if (!r) {
        error_set(errp, VEMU_ERROR_NO_MEMORY, "no memory for a machine");
        return NULL;
    }
    r->machine = m;
    pthread_mutex_init(&r->lock, NULL);
    list_init(&r->sinks);
    list_init(&r->watchers);
    r->position[0] = r->position[1] = -1;
    timer_init(&r->deliver, m->clocks, VCLOCK_HOST, deliver, r);
    input_chords_init(&r->chords, m);
    return r;
}

void input_router_free(struct input_router *r)
{
    if (!r)
        return;
    timer_cancel(&r->deliver);
    input_chords_free(&r->chords);
    pthread_mutex_destroy(&r->lock);
    free(r);
}
