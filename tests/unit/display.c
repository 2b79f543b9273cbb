/* Displays: when devices are asked to draw, what watchers get, and what becomes of both. */
#include <criterion/criterion.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "core/device/machine.h"
#include "core/display/display.h"
#include "core/display/internal.h"
#include "core/display/pace.h"
#include "core/util/error.h"

#define MS INT64_C(1000000)

/* ---- pace ------------------------------------------------------------------------------------ */

Test(display, pace_is_quick_while_something_changes_and_slows_down_by_halves)
{
    static const int64_t idle[] = {4, 8, 16, 32, 64, 100, 100};
    struct pace p = {0};
    int64_t now = 1000 * MS;
    for (unsigned n = 0; n < 10; n++) {
        pace_looked(&p, now, now, true);
        cr_assert_eq(p.next - now, 4 * MS);
        now = p.next;
    }
    p.interval = 0;
    for (unsigned n = 0; n < sizeof idle / sizeof *idle; n++) {
        pace_looked(&p, now, now, false);
        cr_assert_eq(p.next - now, idle[n] * MS, "%u: %lld", n, (long long)(p.next - now));
        now = p.next;
    }
    pace_looked(&p, now, now, true);
    cr_assert_eq(p.next - now, 4 * MS, "one change brings it back");
}

Test(display, pace_hurries_but_not_more_often_than_quick)
{
    struct pace p = {0};
    for (unsigned n = 0; n < 10; n++)
        pace_looked(&p, 1000 * MS, 1000 * MS, false);
    pace_hurry(&p, 1001 * MS);
    cr_assert_eq(p.next, 1004 * MS);
    pace_hurry(&p, 1050 * MS);
    cr_assert_eq(p.next, 1004 * MS, "later news does not put it off");
}

Test(display, pace_gives_the_guest_a_moment_to_react_and_then_looks_twice)
{
    struct pace p = {0};
    for (unsigned n = 0; n < 10; n++)
        pace_looked(&p, 1000 * MS, 1000 * MS, false);
    pace_hurry(&p, 1050 * MS);
    cr_assert_eq(p.next, 1051 * MS);
    pace_looked(&p, 1051 * MS, 1051 * MS, false);
    cr_assert_eq(p.next, 1055 * MS, "the guest was not so quick");
    pace_looked(&p, 1055 * MS, 1055 * MS, false);
    cr_assert_eq(p.next, 1063 * MS);
}

Test(display, pace_leaves_half_of_the_time_to_the_guest)
{
    struct pace p = {0};
    pace_looked(&p, 1000 * MS, 1030 * MS, true);
    cr_assert_eq(p.next, 1060 * MS);
}

Test(display, pace_stays_slow_for_what_blinks_and_looks_when_it_does)
{
    struct pace p = {0};
    int64_t now = 1000 * MS;
    for (unsigned n = 0; n < 10; n++, now = p.next)
        pace_looked(&p, now, now, false);
    unsigned looks = 0;
    for (int64_t flip = now; flip < now + 30 * 133 * MS; flip += 133 * MS) {
        for (; p.next < flip; looks++)
            pace_looked(&p, p.next, p.next, false);
        cr_assert_eq(p.next, flip, "seen when it comes");
        p.blink = flip + 133 * MS;
        pace_looked(&p, flip, flip, false);
        looks++;
    }
    cr_assert_eq(looks, 59u, "two for each");
    /* It has ceased: its time is over and says nothing. */
    now = p.blink;
    for (unsigned n = 0; n < 3; n++, now = p.next) {
        pace_looked(&p, now, now, false);
        cr_assert_eq(p.next - now, 100 * MS);
    }
    p.blink = now + 133 * MS;
    pace_looked(&p, now, now, true);
    cr_assert_eq(p.next - now, 4 * MS, "the guest has drawn as well");
    p.blink = p.next + 1;
    pace_looked(&p, p.next, p.next, false);
    cr_assert_eq(p.next - p.last, 4 * MS, "blinking does not make it quicker than quick");
    p.blink = p.next + 1;
    pace_looked(&p, p.next, p.next + 30 * MS, false);
    cr_assert_eq(p.next - p.last, 60 * MS, "nor takes the guest's half");
}

/* ---- a device and watchers ------------------------------------------------------------------- */

struct screen {
    struct vemu_machine m;
    struct display *d;
    unsigned refreshed, all;
    uint32_t colour; /* what the next refresh fills `part` with; 0: nothing changed */
    int64_t blinks;  /* that was blinking, and comes again in so long; 0: the guest's doing */
    struct display_rect part;
    uint32_t wanted_width, wanted_height;
};

static void refresh(void *opaque, bool all)
{
    struct screen *s = opaque;
    struct display_rect r = s->part;
    s->refreshed++;
    s->all += all;
    if (!s->colour)
        return;
    display_lock(s->d);
    uint32_t *pixels = display_pixels(s->d);
    for (uint32_t y = r.y; y < r.y + r.height; y++) {
        for (uint32_t x = r.x; x < r.x + r.width; x++)
            pixels[y * display_stride(s->d) / 4 + x] = s->colour;
    }
    display_damage(s->d, r.x, r.y, r.width, r.height);
    if (s->blinks)
        display_blinked(s->d, s->blinks);
    display_unlock(s->d);
    s->colour = 0;
}

static void resize(void *opaque, uint32_t width, uint32_t height)
{
    struct screen *s = opaque;
    s->wanted_width = width;
    s->wanted_height = height;
}

static size_t text(void *opaque, char *buf, size_t len)
{
    (void)opaque;
    return (size_t)snprintf(buf, len, "text\n");
}

static const struct display_ops screen_ops = {.refresh = refresh, .resize = resize, .text = text};
static const struct display_ops pushing_ops = {0}; /* draws when its guest says so */

static struct screen *make_with(const struct display_ops *ops)
{
    struct screen *s = calloc(1, sizeof *s);
    cr_assert(machine_init(&s->m, NULL));
    machine_lock(&s->m);
    s->d = display_new(&s->m, NULL, 0, ops, s, NULL);
    cr_assert(s->d);
    cr_assert(display_set_size(s->d, 64, 48));
    machine_unlock(&s->m);
    return s;
}

static struct screen *make(void)
{
    return make_with(&screen_ops);
}

static void unmake(struct screen *s)
{
    machine_destroy(&s->m);
    free(s);
}

struct viewer {
    struct display_watcher w;
    unsigned ready, gone;
    bool wants_more;              /* asks for more when it is told, without taking */
    struct display_watcher *ends; /* is taken off when this one is told */
};

static void viewer_ready(struct display_watcher *w)
{
    struct viewer *v = (struct viewer *)w;
    v->ready++;
    if (v->wants_more)
        display_want(w);
    if (v->ends)
        display_unwatch(v->ends);
}

static void viewer_gone(struct display_watcher *w)
{
    cr_assert_null(w->display);
    ((struct viewer *)w)->gone++;
}

static const struct display_watcher_ops viewer_ops = {.ready = viewer_ready, .gone = viewer_gone};

static void watch(struct screen *s, struct viewer *v)
{
    *v = (struct viewer){.w.ops = &viewer_ops};
    machine_lock(&s->m);
    display_watch(s->d, &v->w);
    machine_unlock(&s->m);
}

/* Runs the loop for so long. */
static void run(struct screen *s, int64_t ns)
{
    int64_t end = clock_now(s->m.clocks, VCLOCK_HOST) + ns, left;
    while ((left = end - clock_now(s->m.clocks, VCLOCK_HOST)) > 0)
        loop_iterate(s->m.loop, left);
}

/* Runs the loop until the viewer was told so often, a second at most. */
static void run_until_told(struct screen *s, const struct viewer *v, unsigned times)
{
    int64_t end = clock_now(s->m.clocks, VCLOCK_HOST) + 1000 * MS;
    while (v->ready < times && clock_now(s->m.clocks, VCLOCK_HOST) < end)
        loop_iterate(s->m.loop, 10 * MS);
    cr_assert_eq(v->ready, times);
}

/* What there is to take, as the box around it; false: nothing. */
static bool take(struct screen *s, struct viewer *v, struct display_news *news, pixman_box32_t *box)
{
    pixman_region32_init(&news->damage);
    display_lock(s->d);
    bool any = display_take(&v->w, news);
    display_unlock(s->d);
    *box = *pixman_region32_extents(&news->damage);
    pixman_region32_fini(&news->damage);
    return any;
}

static void assert_box(const pixman_box32_t *b, int x1, int y1, int x2, int y2)
{
    cr_assert(b->x1 == x1 && b->y1 == y1 && b->x2 == x2 && b->y2 == y2, "%d,%d to %d,%d", b->x1,
              b->y1, b->x2, b->y2);
}

/* What the device draws when it is next asked, on this thread. */
static void draw(struct screen *s, uint32_t colour, uint32_t x, uint32_t y, uint32_t w, uint32_t h)
{
    s->colour = colour;
    s->part = (struct display_rect){x, y, w, h};
}

/* ---- when the device is asked ---------------------------------------------------------------- */

Test(display, nobody_watching_costs_no_wake_up)
{
    struct screen *s = make();
    display_hurry(s->d);
    cr_assert_eq(clock_next_deadline(s->m.clocks), -1);
    struct viewer v;
    watch(s, &v);
    cr_assert_eq(clock_next_deadline(s->m.clocks), -1, "it has not asked for anything");
    display_want(&v.w);
    cr_assert(clock_next_deadline(s->m.clocks) <= clock_now(s->m.clocks, VCLOCK_HOST));
    run_until_told(s, &v, 1);
    cr_assert_eq(clock_next_deadline(s->m.clocks), -1, "and now it was told");
    run(s, 20 * MS);
    cr_assert_eq(v.ready, 1, "once for each want");
    display_want(&v.w);
    machine_lock(&s->m);
    display_unwatch(&v.w);
    display_unwatch(&v.w);
    machine_unlock(&s->m);
    cr_assert_eq(clock_next_deadline(s->m.clocks), -1);
    display_want(&v.w);
    unmake(s);
    cr_assert_eq(v.gone, 0);
}

Test(display, an_idle_screen_is_looked_at_ever_more_seldom)
{
    struct screen *s = make();
    struct viewer v;
    struct display_news news;
    pixman_box32_t box;
    watch(s, &v);
    take(s, &v, &news, &box);
    display_want(&v.w);
    run(s, 500 * MS);
    /* at 0, 4, 12, 28, 60, 124, 224, 324, 424 ms; a busy host makes it fewer */
    cr_assert(s->refreshed >= 3 && s->refreshed <= 10, "%u", s->refreshed);
    cr_assert_eq(v.ready, 0);
    int64_t now = clock_now(s->m.clocks, VCLOCK_HOST);
    display_hurry(s->d);
    cr_assert(clock_next_deadline(s->m.clocks) <= now + 5 * MS, "back at once");
    draw(s, 0x123456, 1, 1, 2, 2);
    run_until_told(s, &v, 1);
    unmake(s);
}

Test(display, what_blinks_is_told_and_leaves_the_pace)
{
    struct screen *s = make();
    struct viewer v;
    struct display_news news;
    pixman_box32_t box;
    watch(s, &v);
    take(s, &v, &news, &box);
    machine_lock(&s->m);
    for (unsigned n = 0; n < 8; n++)
        display_refresh(s->d);
    s->blinks = 50 * MS;
    draw(s, 0x123456, 1, 2, 3, 4);
    int64_t before = clock_now(s->m.clocks, VCLOCK_HOST);
    display_refresh(s->d);
    int64_t after = clock_now(s->m.clocks, VCLOCK_HOST);
    machine_unlock(&s->m);
    cr_assert(take(s, &v, &news, &box));
    assert_box(&box, 1, 2, 4, 6);
    cr_assert(s->d->pace.blink >= before + 50 * MS && s->d->pace.blink <= after + 50 * MS);
    cr_assert_eq(s->d->pace.interval, PACE_IDLE_NS);
    display_want(&v.w);
    cr_assert_eq(clock_next_deadline(s->m.clocks), s->d->pace.next);
    s->blinks = 0;
    draw(s, 0x654321, 1, 2, 3, 4);
    machine_lock(&s->m);
    display_refresh(s->d);
    machine_unlock(&s->m);
    cr_assert_eq(s->d->pace.interval, PACE_QUICK_NS, "the guest's doing");
    unmake(s);
}

Test(display, the_whole_is_drawn_when_watchers_come_after_nobody_watched)
{
    struct screen *s = make();
    struct viewer v;
    watch(s, &v);
    machine_lock(&s->m);
    display_refresh(s->d);
    display_refresh(s->d);
    cr_assert_eq(s->all, 1);
    display_unwatch(&v.w);
    display_refresh(s->d);
    display_refresh(s->d);
    machine_unlock(&s->m);
    cr_assert_eq(s->refreshed, 4);
    cr_assert_eq(s->all, 3, "a picture with nobody watching is drawn whole");
    unmake(s);
}

Test(display, a_device_that_pushes_is_told_of_soon_and_not_asked)
{
    struct screen *s = make_with(&pushing_ops);
    struct viewer v;
    struct display_news news;
    pixman_box32_t box;
    watch(s, &v);
    take(s, &v, &news, &box);
    display_want(&v.w);
    cr_assert_eq(clock_next_deadline(s->m.clocks), -1, "nothing to look at");
    display_lock(s->d);
    display_damage(s->d, 60, 40, 100, 100);
    display_unlock(s->d);
    run_until_told(s, &v, 1);
    cr_assert(take(s, &v, &news, &box));
    assert_box(&box, 60, 40, 64, 48);
    display_lock(s->d);
    display_damage(s->d, 64, 0, 1, 1);
    display_damage(s->d, 0, 48, 1, 1);
    display_damage(s->d, 0, 0, 0, 1);
    display_damage(s->d, UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX);
    display_unlock(s->d);
    cr_assert_not(take(s, &v, &news, &box), "outside the surface");
    machine_lock(&s->m);
    display_refresh(s->d); /* nobody to ask */
    machine_unlock(&s->m);
    unmake(s);
}

/* ---- what watchers get ----------------------------------------------------------------------- */

Test(display, watchers_take_damage_at_their_own_pace)
{
    struct screen *s = make();
    struct viewer quick, slow;
    struct display_news news;
    pixman_box32_t box;
    watch(s, &quick);
    watch(s, &slow);
    cr_assert(take(s, &quick, &news, &box));
    assert_box(&box, 0, 0, 64, 48);
    cr_assert(news.resized && news.cursor_changed && news.cursor_moved);
    take(s, &slow, &news, &box);
    cr_assert_not(take(s, &slow, &news, &box));

    display_want(&quick.w);
    draw(s, 1, 2, 3, 4, 5);
    run_until_told(s, &quick, 1);
    cr_assert(take(s, &quick, &news, &box));
    assert_box(&box, 2, 3, 6, 8);
    cr_assert(!news.resized && !news.cursor_changed && !news.cursor_moved);
    display_want(&quick.w);
    draw(s, 2, 20, 30, 1, 1);
    run_until_told(s, &quick, 2);
    take(s, &quick, &news, &box);
    assert_box(&box, 20, 30, 21, 31);

    cr_assert_eq(slow.ready, 0, "it did not ask");
    cr_assert(take(s, &slow, &news, &box));
    assert_box(&box, 2, 3, 21, 31);
    cr_assert_not(take(s, &slow, &news, &box));
    unmake(s);
}

Test(display, a_watcher_that_never_takes_is_told_at_the_pace_and_no_faster)
{
    struct screen *s = make();
    struct viewer v;
    watch(s, &v);
    v.wants_more = true;
    display_want(&v.w);
    run(s, 100 * MS);
    cr_assert(v.ready >= 2 && v.ready <= 27, "%u", v.ready);
    unmake(s);
}

Test(display, a_watcher_may_leave_and_take_another_off_while_it_is_told)
{
    struct screen *s = make();
    struct viewer a, b, c;
    watch(s, &a);
    watch(s, &b);
    watch(s, &c);
    a.ends = &b.w;
    c.ends = &c.w;
    display_want(&a.w);
    display_want(&b.w);
    display_want(&c.w);
    run(s, 20 * MS);
    cr_assert_eq(a.ready, 1);
    cr_assert_eq(b.ready, 0);
    cr_assert_eq(c.ready, 1);
    cr_assert(a.w.display && !b.w.display && !c.w.display);
    unmake(s);
    cr_assert_eq(a.gone, 1);
    cr_assert_eq(b.gone + c.gone, 0);
}

Test(display, damage_in_very_many_pieces_becomes_what_is_around_it)
{
    struct screen *s = make_with(&pushing_ops);
    struct viewer v;
    struct display_news news;
    pixman_box32_t box;
    machine_lock(&s->m);
    cr_assert(display_set_size(s->d, 200, 200));
    machine_unlock(&s->m);
    watch(s, &v);
    take(s, &v, &news, &box);
    display_lock(s->d);
    for (unsigned n = 0; n < 2000; n++) {
        display_damage(s->d, 2 * (n % 50) + 3, 2 * (n / 50) + 5, 1, 1);
        cr_assert(pixman_region32_n_rects(&v.w.damage) <= 512);
    }
    display_unlock(s->d);
    cr_assert(take(s, &v, &news, &box));
    assert_box(&box, 3, 5, 102, 84);
    unmake(s);
}

static void *draw_stripes(void *opaque)
{
    struct screen *s = opaque;
    for (uint32_t n = 1; n < 400; n++) {
        display_lock(s->d);
        uint32_t *pixels = display_pixels(s->d);
        for (uint32_t i = 0; i < 64 * 48; i++)
            pixels[i / 64 * (display_stride(s->d) / 4) + i % 64] = n;
        display_damage(s->d, 0, 0, 64, 48);
        display_unlock(s->d);
    }
    return NULL;
}

Test(display, pixels_and_damage_belong_together)
{
    struct screen *s = make_with(&pushing_ops);
    struct viewer v;
    pthread_t thread;
    uint32_t last = 0;
    watch(s, &v);
    cr_assert_eq(pthread_create(&thread, NULL, draw_stripes, s), 0);
    for (bool end = false; !end;) {
        struct display_news news;
        pixman_region32_init(&news.damage);
        display_lock(s->d);
        bool any = display_take(&v.w, &news);
        const uint32_t *pixels = display_pixels(s->d);
        uint32_t first = *pixels;
        for (uint32_t i = 0; i < 64 * 48; i++)
            cr_assert_eq(pixels[i / 64 * (display_stride(s->d) / 4) + i % 64], first, "torn");
        display_unlock(s->d);
        cr_assert(any || first == last, "a change without damage");
        last = first;
        end = first == 399;
        pixman_region32_fini(&news.damage);
    }
    pthread_join(thread, NULL);
    unmake(s);
}

/* ---- surfaces -------------------------------------------------------------------------------- */

Test(display, a_new_size_is_a_new_black_surface_and_all_of_it_damage)
{
    struct screen *s = make();
    struct viewer v;
    struct display_news news;
    pixman_box32_t box;
    watch(s, &v);
    take(s, &v, &news, &box);
    machine_lock(&s->m);
    draw(s, 0xffffff, 0, 0, 64, 48);
    display_refresh(s->d);
    cr_assert(display_set_size(s->d, 64, 48));
    cr_assert_eq(*display_pixels(s->d), 0xffffff, "the same size: nothing happens");
    cr_assert(display_set_size(s->d, 100, 20));
    cr_assert_eq(display_width(s->d), 100);
    cr_assert_eq(display_height(s->d), 20);
    for (unsigned i = 0; i < 20 * display_stride(s->d) / 4; i++)
        cr_assert_eq(display_pixels(s->d)[i], 0);
    cr_assert(take(s, &v, &news, &box));
    assert_box(&box, 0, 0, 100, 20);
    cr_assert(news.resized);
    cr_assert_not(display_set_size(s->d, 8193, 1));
    cr_assert_not(display_set_size(s->d, 1, 8193));
    cr_assert_eq(display_width(s->d), 100);
    machine_unlock(&s->m);
    unmake(s);
}

Test(display, an_output_that_is_off_shows_black_of_the_last_size)
{
    struct screen *s = make();
    struct viewer v;
    struct display_news news;
    pixman_box32_t box;
    watch(s, &v);
    machine_lock(&s->m);
    draw(s, 0xffffff, 0, 0, 64, 48);
    display_refresh(s->d);
    take(s, &v, &news, &box);
    cr_assert(display_set_size(s->d, 0, 0));
    cr_assert_eq(*display_pixels(s->d), 0);
    cr_assert_eq(display_width(s->d), 64);
    cr_assert(take(s, &v, &news, &box));
    assert_box(&box, 0, 0, 64, 48);
    cr_assert_not(news.resized);
    cr_assert(display_set_size(s->d, 0, 5));
    cr_assert_not(take(s, &v, &news, &box), "it was off");
    cr_assert(display_set_size(s->d, 64, 48));
    cr_assert(take(s, &v, &news, &box));
    cr_assert_not(news.resized, "the same surface");
    machine_unlock(&s->m);
    unmake(s);
}

/* ---- pointer --------------------------------------------------------------------------------- */

Test(display, pointer_shapes_are_copied_and_bounded)
{
    struct screen *s = make();
    struct viewer v;
    struct display_news news;
    pixman_box32_t box;
    uint32_t pixels[6] = {0x80ff0000, 1, 2, 3, 4, 5};
    struct display_cursor c = {3, 2, 7, 1, pixels};
    int32_t x, y;
    watch(s, &v);
    take(s, &v, &news, &box);
    display_set_cursor(s->d, &c);
    display_move_cursor(s->d, -5, 1000, true);
    pixels[0] = 0;
    cr_assert(take(s, &v, &news, &box));
    cr_assert(news.cursor_changed && news.cursor_moved && !news.resized && box.x1 == box.x2);
    display_lock(s->d);
    struct display_cursor seen = display_cursor(s->d);
    cr_assert(seen.width == 3 && seen.height == 2 && seen.hot_x == 2 && seen.hot_y == 1);
    cr_assert_eq(seen.pixels[0], 0x80ff0000);
    cr_assert(display_cursor_position(s->d, &x, &y) && x == -5 && y == 1000);
    display_unlock(s->d);
    display_move_cursor(s->d, -5, 1000, true);
    cr_assert_not(take(s, &v, &news, &box), "it did not move");
    display_move_cursor(s->d, -5, 1000, false);
    cr_assert(take(s, &v, &news, &box) && news.cursor_moved && !news.cursor_changed);
    c.width = DISPLAY_CURSOR_MAX + 1;
    display_set_cursor(s->d, &c);
    cr_assert_eq(display_cursor(s->d).width, 0);
    display_set_cursor(s->d, NULL);
    cr_assert_null(display_cursor(s->d).pixels);
    unmake(s);
}

/* ---- life, finding --------------------------------------------------------------------------- */

Test(display, a_display_that_goes_tells_its_watchers)
{
    struct screen *s = make();
    struct viewer a, b;
    watch(s, &a);
    watch(s, &b);
    display_want(&a.w);
    machine_lock(&s->m);
    display_free(s->d);
    display_free(NULL);
    machine_unlock(&s->m);
    cr_assert(a.gone == 1 && b.gone == 1);
    cr_assert_null(a.w.display);
    cr_assert_eq(clock_next_deadline(s->m.clocks), -1);
    display_want(&a.w);
    machine_lock(&s->m);
    display_unwatch(&a.w);
    machine_unlock(&s->m);
    run(s, 5 * MS);
    cr_assert_eq(a.ready, 0);
    unmake(s);
}

static const struct device_class a_class = {.name = "a-display", .size = sizeof(struct device)};

Test(display, is_found_by_device_and_output)
{
    struct screen *s = make();
    struct vemu_machine *m = &s->m;
    struct vemu_error *err = NULL;
    char buf[16];
    machine_lock(m);
    struct device *dev = device_new(m, &a_class, "video0", NULL);
    struct display *first = display_new(m, dev, 0, &pushing_ops, NULL, NULL);
    struct display *second = display_new(m, dev, 1, &pushing_ops, NULL, NULL);
    cr_assert_eq(display_nth(m, 0), s->d);
    cr_assert_eq(display_nth(m, 2), second);
    cr_assert_null(display_nth(m, 3));
    cr_assert_eq(display_find(m, NULL, 0, NULL), s->d);
    cr_assert_eq(display_find(m, "video0", 0, NULL), first);
    cr_assert_eq(display_find(m, "video0", 1, NULL), second);
    cr_assert_null(display_find(m, "video0", 2, &err));
    cr_assert_str_eq(vemu_error_message(err), "device 'video0' has no display 2");
    vemu_error_free(err);
    err = NULL;
    cr_assert_null(display_find(m, "video1", 0, NULL));
    cr_assert_null(display_find(m, NULL, 1, NULL));
    cr_assert_eq(display_index(second), 2);
    cr_assert(display_can_resize(s->d) && !display_can_resize(first));
    display_resize(first, 10, 10);
    display_resize(s->d, 9000, 700);
    cr_assert(s->wanted_width == DISPLAY_SIZE_MAX && s->wanted_height == 700);
    display_resize(s->d, 0, 700);
    cr_assert(s->wanted_width == 0 && s->wanted_height == 0);
    cr_assert_eq(display_text(s->d, buf, sizeof buf), 5);
    cr_assert_str_eq(buf, "text\n");
    cr_assert_eq(display_text(first, buf, sizeof buf), 0);
    cr_assert_str_eq(buf, "");
    for (unsigned n = 3; n < DISPLAYS_MAX; n++)
        cr_assert(display_new(m, NULL, 0, &pushing_ops, NULL, NULL));
    cr_assert_null(display_new(m, NULL, 0, &pushing_ops, NULL, &err));
    vemu_error_free(err);
    machine_unlock(m);
    unmake(s);
}
