/* Who watches a display: damage for each, and when the device is asked to draw; see display.h. */
#include "core/display/internal.h"

#include "core/device/machine.h"
#include "core/display/region.h"

static int64_t now(const struct display *d)
{
    return clock_now(d->machine->clocks, VCLOCK_HOST);
}

static bool has_news(struct display_watcher *w)
{
    return w->resized || w->cursor_changed || w->cursor_moved ||
           pixman_region32_not_empty(&w->damage);
}

/* ---- damage ---------------------------------------------------------------------------------- */

/* A region of nothing but this. */
static void region_set(pixman_region32_t *r, uint32_t width, uint32_t height)
{
    pixman_region32_fini(r);
    pixman_region32_init_rect(r, 0, 0, width, height);
}

void display_damage(struct display *d, uint32_t x, uint32_t y, uint32_t width, uint32_t height)
{
    uint32_t right = display_width(d), bottom = display_height(d);
    if (x >= right || y >= bottom || !width || !height)
        return;
    width = MIN(width, right - x);
    height = MIN(height, bottom - y);
    list_for_each(w, &d->watchers, struct display_watcher, node)
        display_region_add(&w->damage, (int)x, (int)y, width, height, DISPLAY_DAMAGE_RECTS);
    display_news_came(d);
}

void display_changed_whole(struct display *d, bool resized)
{
    list_for_each(w, &d->watchers, struct display_watcher, node)
    {
        w->resized |= resized;
        region_set(&w->damage, display_width(d), display_height(d));
    }
    display_news_came(d);
}

/* ---- watchers -------------------------------------------------------------------------------- */

void display_watch(struct display *d, struct display_watcher *w)
{
    display_lock(d);
    w->display = d;
    w->wants = w->due = false;
    w->resized = w->cursor_changed = w->cursor_moved = true;
    pixman_region32_init_rect(&w->damage, 0, 0, display_width(d), display_height(d));
    list_add_tail(&d->watchers, &w->node);
    pace_hurry(&d->pace, now(d));
    display_unlock(d);
}

void display_unwatch(struct display_watcher *w)
{
    struct display *d = w->display;
    if (!d)
        return;
    display_lock(d);
    list_remove(&w->node);
    w->display = NULL;
    w->wants = w->due = false;
    pixman_region32_fini(&w->damage);
    d->known &= !list_empty(&d->watchers);
    display_arm(d);
    display_unlock(d);
}

bool display_take(struct display_watcher *w, struct display_news *news)
{
    if (!w->display || !has_news(w))
        return false;
    news->resized = w->resized;
    news->cursor_changed = w->cursor_changed;
    news->cursor_moved = w->cursor_moved;
    if (w->resized || !pixman_region32_union(&news->damage, &news->damage, &w->damage)) {
        /* What was there is of another surface; or memory is short. */
        region_set(&news->damage, display_width(w->display), display_height(w->display));
    }
    w->resized = w->cursor_changed = w->cursor_moved = false;
    pixman_region32_clear(&w->damage);
    return true;
}

/* ---- pace ------------------------------------------------------------------------------------ */

void display_arm(struct display *d)
{
    int64_t at = INT64_MAX;
    list_for_each(w, &d->watchers, struct display_watcher, node)
    {
        if (!w->wants)
            continue;
        if (has_news(w))
            at = MIN(at, d->told + PACE_QUICK_NS);
        else if (d->ops->refresh)
            at = MIN(at, d->pace.next);
    }
    if (at == INT64_MAX)
        timer_cancel(&d->timer);
    else if (at != timer_deadline(&d->timer))
        timer_set(&d->timer, at);
}

void display_news_came(struct display *d)
{
    d->changed = true;
    if (!d->refreshing)
        display_arm(d);
}

void display_want(struct display_watcher *w)
{
    struct display *d = w->display;
    if (!d)
        return;
    display_lock(d);
    w->wants = true;
    if (!d->refreshing)
        display_arm(d);
    display_unlock(d);
}

void display_hurry(struct display *d)
{
    display_lock(d);
    pace_hurry(&d->pace, now(d));
    if (!d->refreshing)
        display_arm(d);
    display_unlock(d);
}

void display_blinked(struct display *d, int64_t left_ns)
{
    d->blinked = true;
    d->pace.blink = now(d) + left_ns;
}

/* Display locked at both ends, but not in between. */
static void refresh(struct display *d)
{
    int64_t start = now(d);
    bool all = !d->known;
    d->known = !list_empty(&d->watchers);
    d->refreshing = true;
    d->changed = d->blinked = false;
    display_unlock(d);
    d->ops->refresh(d->opaque, all);
    display_lock(d);
    d->refreshing = false;
    pace_looked(&d->pace, start, now(d), d->changed && !d->blinked);
}

/* Display locked, but not while a watcher is told. */
static void tell(struct display *d)
{
    list_for_each(w, &d->watchers, struct display_watcher, node)
    {
        w->due = w->wants && has_news(w);
        w->wants &= !w->due;
    }
    for (bool found = true; found;) {
        found = false;
        /* The list may be another one after each: a watcher may leave, or take others with it. */
        list_for_each(w, &d->watchers, struct display_watcher, node)
        {
            if (!w->due)
                continue;
            w->due = false;
            d->told = now(d);
            display_unlock(d);
            w->ops->ready(w);
            display_lock(d);
            found = true;
            break;
        }
    }
}

void display_look(void *opaque)
{
    struct display *d = opaque;
    bool wanted = false;
    display_lock(d);
    list_for_each(w, &d->watchers, struct display_watcher, node) wanted |= w->wants;
    if (wanted && d->ops->refresh && now(d) >= d->pace.next)
        refresh(d);
    tell(d);
    display_arm(d);
    display_unlock(d);
}

void display_refresh(struct display *d)
{
    display_lock(d);
    if (d->ops->refresh) {
        refresh(d);
        display_arm(d);
    }
    display_unlock(d);
}
