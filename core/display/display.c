/* Displays of a machine: their life, surfaces and pointers; see display.h. Who watches them is
 * watch.c. */
#include "core/display/internal.h"

#include <stdlib.h>
#include <string.h>

#include "core/device/machine.h"
#include "core/util/error.h"

void display_lock(struct display *d)
{
    pthread_mutex_lock(&d->lock);
}

void display_unlock(struct display *d)
{
    pthread_mutex_unlock(&d->lock);
}

/* ---- life ------------------------------------------------------------------------------------ */

static pixman_image_t *surface_new(uint32_t width, uint32_t height)
{
    /* pixman allocates it, and clears it */
    return pixman_image_create_bits(PIXMAN_x8r8g8b8, (int)width, (int)height, NULL, 0);
}

struct display *display_new(struct vemu_machine *m, struct device *dev, unsigned head,
                            const struct display_ops *ops, void *opaque, struct vemu_error **errp)
{
    if (display_nth(m, DISPLAYS_MAX - 1)) {
        error_set(errp, VEMU_ERROR_INVALID, "a machine has at most %d displays", DISPLAYS_MAX);
        return NULL;
    }
    struct display *d = calloc(1, sizeof *d);
    if (d)
        d->surface = surface_new(DISPLAY_FIRST_WIDTH, DISPLAY_FIRST_HEIGHT);
    if (!d || !d->surface) {
        free(d);
        error_set(errp, VEMU_ERROR_NO_MEMORY, "no memory for a display");
        return NULL;
    }
    d->machine = m;
    d->dev = dev;
    d->head = head;
    d->ops = ops;
    d->opaque = opaque;
    d->off = true;
    list_init(&d->watchers);
    pthread_mutex_init(&d->lock, NULL);
    timer_init(&d->timer, m->clocks, VCLOCK_HOST, display_look, d);
    struct list *at = &m->displays; /* in front of it */
    list_for_each(other, &m->displays, struct display, node)
    {
        if (!ops->type && other->ops->type) {
            at = &other->node;
            break;
        }
    }
    list_add_tail(at, &d->node);
    return d;
}

void display_free(struct display *d)
{
    if (!d)
        return;
    list_remove(&d->node);
    while (!list_empty(&d->watchers)) {
        struct display_watcher *w = list_entry(d->watchers.next, struct display_watcher, node);
        display_unwatch(w);
        if (w->ops->gone)
            w->ops->gone(w);
    }
    timer_cancel(&d->timer);
    pixman_image_unref(d->surface);
    free((void *)d->cursor.pixels);
    free(d->id);
    pthread_mutex_destroy(&d->lock);
    free(d);
}

bool display_set_id(struct display *d, const char *id)
{
    free(d->id);
    d->id = strdup(id);
    return d->id != NULL;
}

const char *display_id(const struct display *d)
{
    return d->dev ? d->dev->id : d->id;
}

/* ---- surface --------------------------------------------------------------------------------- */

uint32_t *display_pixels(struct display *d)
{
    return pixman_image_get_data(d->surface);
}

uint32_t display_width(const struct display *d)
{
    return (uint32_t)pixman_image_get_width(d->surface);
}

uint32_t display_height(const struct display *d)
{
    return (uint32_t)pixman_image_get_height(d->surface);
}

uint32_t display_stride(const struct display *d)
{
    return (uint32_t)pixman_image_get_stride(d->surface);
}

bool display_set_size(struct display *d, uint32_t width, uint32_t height)
{
    bool off = !width || !height;
    if (width > DISPLAY_SIZE_MAX || height > DISPLAY_SIZE_MAX)
        return false;
    display_lock(d);
    bool ok = true;
    if (off || (width == display_width(d) && height == display_height(d))) {
        if (off != d->off) {
            memset(display_pixels(d), 0, (size_t)display_stride(d) * display_height(d));
            display_changed_whole(d, false);
        }
    } else {
        pixman_image_t *surface = surface_new(width, height);
        ok = surface != NULL;
        if (ok) {
            pixman_image_unref(d->surface);
            d->surface = surface;
            display_changed_whole(d, true);
        }
    }
    if (ok)
        d->off = off;
    display_unlock(d);
    return ok;
}

/* ---- pointer --------------------------------------------------------------------------------- */

static bool cursor_usable(const struct display_cursor *c)
{
    return c && c->pixels && c->width && c->height && c->width <= DISPLAY_CURSOR_MAX &&
           c->height <= DISPLAY_CURSOR_MAX;
}

void display_set_cursor(struct display *d, const struct display_cursor *cursor)
{
    struct display_cursor copy = {0};
    if (cursor_usable(cursor)) {
        size_t len = (size_t)cursor->width * cursor->height * sizeof *cursor->pixels;
        uint32_t *pixels = malloc(len);
        if (pixels) {
            memcpy(pixels, cursor->pixels, len);
            copy = *cursor;
            copy.pixels = pixels;
            copy.hot_x = MIN(copy.hot_x, copy.width - 1);
            copy.hot_y = MIN(copy.hot_y, copy.height - 1);
        }
    }
    display_lock(d);
    uint32_t *old = (uint32_t *)d->cursor.pixels;
    d->cursor = copy;
    list_for_each(w, &d->watchers, struct display_watcher, node) w->cursor_changed = true;
    display_news_came(d);
    display_unlock(d);
    free(old);
}

void display_move_cursor(struct display *d, int32_t x, int32_t y, bool visible)
{
    display_lock(d);
    if (x != d->cursor_x || y != d->cursor_y || visible != d->cursor_visible) {
        d->cursor_x = x;
        d->cursor_y = y;
        d->cursor_visible = visible;
        list_for_each(w, &d->watchers, struct display_watcher, node) w->cursor_moved = true;
        display_news_came(d);
    }
    display_unlock(d);
}

struct display_cursor display_cursor(const struct display *d)
{
    return d->cursor;
}

bool display_cursor_position(const struct display *d, int32_t *x, int32_t *y)
{
    *x = d->cursor_x;
    *y = d->cursor_y;
    return d->cursor_visible;
}

/* ---- finding one ----------------------------------------------------------------------------- */

struct display *display_nth(struct vemu_machine *m, unsigned n)
{
    list_for_each(d, &m->displays, struct display, node)
    {
        if (!n--)
            return d;
    }
    return NULL;
}

struct display *display_find(struct vemu_machine *m, const char *device, unsigned head,
                             struct vemu_error **errp)
{
    struct display *first = display_nth(m, 0);
    list_for_each(d, &m->displays, struct display, node)
    {
        const char *id = display_id(d);
        bool same = device ? id && strcmp(id, device) == 0 : d->dev == first->dev;
        if (same && d->head == head)
            return d;
    }
    if (!first)
        error_set(errp, VEMU_ERROR_NOT_FOUND, "the machine has no display");
    else if (device)
        error_set(errp, VEMU_ERROR_NOT_FOUND, "device '%.80s' has no display %u", device, head);
    else
        error_set(errp, VEMU_ERROR_NOT_FOUND, "the first display device has no display %u", head);
    return NULL;
}

int display_index(const struct display *d)
{
    int n = 0;
    list_for_each(other, &d->machine->displays, struct display, node)
    {
        if (other == d)
            return n;
        n++;
    }
    return -1;
}

bool display_can_resize(const struct display *d)
{
    return d->ops->resize || (!display_is_console(d) &&
                              __atomic_load_n(&d->machine->display_helper_count, __ATOMIC_RELAXED));
}

void display_resize(struct display *d, uint32_t width, uint32_t height)
{
    bool off = !width || !height;
    width = off ? 0 : MIN(width, (uint32_t)DISPLAY_SIZE_MAX);
    height = off ? 0 : MIN(height, (uint32_t)DISPLAY_SIZE_MAX);
    if (d->ops->resize)
        d->ops->resize(d->opaque, width, height);
    if (display_is_console(d))
        return;
    list_for_each(h, &d->machine->display_helpers, struct display_helper, node)
        h->resize(h, d, width, height);
}

void display_helper_add(struct vemu_machine *m, struct display_helper *h)
{
    h->m = m;
    list_add_tail(&m->display_helpers, &h->node);
    __atomic_add_fetch(&m->display_helper_count, 1, __ATOMIC_RELAXED);
}

void display_helper_remove(struct display_helper *h)
{
    if (!h->m)
        return;
    list_remove(&h->node);
    __atomic_sub_fetch(&h->m->display_helper_count, 1, __ATOMIC_RELAXED);
    h->m = NULL;
}

size_t display_text(struct display *d, char *buf, size_t len)
{
    if (len)
        buf[0] = 0;
    return d->ops->text ? d->ops->text(d->opaque, buf, len) : 0;
}

bool display_is_console(const struct display *d)
{
    return d->ops->type != NULL;
}

void display_type(struct display *d, const struct display_typed *typed)
{
    if (d->ops->type)
        d->ops->type(d->opaque, typed);
}
