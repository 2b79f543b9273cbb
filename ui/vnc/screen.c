/* What viewers are shown: see screen.h. */
#include "ui/vnc/screen.h"

#include <stdlib.h>
#include <string.h>

#include "core/util/range.h"
#include "ui/vnc/scroll.h"

void screen_init(struct vnc_screen *screen)
{
    memset(screen, 0, sizeof *screen);
    pthread_rwlock_init(&screen->lock, NULL);
}

void screen_free(struct vnc_screen *screen)
{
    free(screen->pixels);
    free(screen->staging);
    free(screen->dirty);
    free(screen->cursor.pixels);
    pthread_rwlock_destroy(&screen->lock);
}

static size_t tiles_across(const struct vnc_screen *screen)
{
    return (screen->width + SCREEN_TILE - 1) / SCREEN_TILE;
}

static size_t tiles_down(const struct vnc_screen *screen)
{
    return (screen->height + SCREEN_TILE - 1) / SCREEN_TILE;
}

/* The picture is gone for readers until it was filled. */
static bool set_size(struct vnc_screen *screen, uint32_t width, uint32_t height)
{
    size_t pixels = (size_t)width * height;
    bool ok;

    pthread_rwlock_wrlock(&screen->lock);
    free(screen->pixels);
    free(screen->staging);
    free(screen->dirty);
    screen->width = width;
    screen->height = height;
    screen->generation++;
    screen->pixels = calloc(MAX(pixels, 1), sizeof *screen->pixels);
    screen->staging = calloc(MAX(pixels, 1), sizeof *screen->staging);
    screen->dirty = calloc(MAX(tiles_across(screen) * tiles_down(screen), 1), 1);
    ok = screen->pixels && screen->staging && screen->dirty;
    if (!ok)
        screen->width = screen->height = 0;
    screen->valid = ok;
    pthread_rwlock_unlock(&screen->lock);
    return ok;
}

bool screen_blank(struct vnc_screen *screen, uint32_t width, uint32_t height)
{
    return set_size(screen, width, height);
}

void screen_forget(struct vnc_screen *screen)
{
    pthread_rwlock_wrlock(&screen->lock);
    screen->valid = false;
    pthread_rwlock_unlock(&screen->lock);
}

/* ---- comparing ------------------------------------------------------------------------------- */

static void mark_box(struct vnc_screen *screen, const uint32_t *new, const struct pixman_box32 *box)
{
    size_t across = tiles_across(screen);

    for (int32_t y = box->y1; y < box->y2; y++) {
        const uint32_t *a = screen->pixels + (size_t)y * screen->width;
        const uint32_t *b = new + (size_t)y * screen->width;
        uint8_t *dirty = screen->dirty + (size_t)(y / SCREEN_TILE) * across;
        /* Most rows are the same whole. */
        if (memcmp(a + box->x1, b + box->x1, (size_t)(box->x2 - box->x1) * sizeof *a) == 0)
            continue;
        for (int32_t x = box->x1; x < box->x2;) {
            int32_t end = MIN((x / SCREEN_TILE + 1) * SCREEN_TILE, box->x2);
            uint8_t *tile = &dirty[x / SCREEN_TILE];
            if (!*tile && memcmp(a + x, b + x, (size_t)(end - x) * sizeof *a) != 0)
                *tile = 1;
            x = end;
        }
    }
}

/* The dirty tiles as a region; they are clean again. */
static void collect_tiles(struct vnc_screen *screen, pixman_region32_t *region)
{
    size_t across = tiles_across(screen), down = tiles_down(screen), n = 0;
    struct pixman_box32 *boxes = malloc((across / 2 + 1) * down * sizeof *boxes);

    if (!boxes) {
        pixman_region32_union_rect(region, region, 0, 0, screen->width, screen->height);
        memset(screen->dirty, 0, across * down);
        return;
    }
    for (size_t ty = 0; ty < down; ty++) {
        uint8_t *row = screen->dirty + ty * across;
        for (size_t tx = 0; tx < across; tx++) {
            size_t first = tx;
            if (!row[tx])
                continue;
            while (tx < across && row[tx])
                row[tx++] = 0;
            boxes[n++] = (struct pixman_box32){
                .x1 = (int32_t)first * SCREEN_TILE,
                .y1 = (int32_t)ty * SCREEN_TILE,
                .x2 = (int32_t)MIN(tx * SCREEN_TILE, (size_t)screen->width),
                .y2 = (int32_t)MIN((ty + 1) * SCREEN_TILE, (size_t)screen->height),
            };
        }
    }
    pixman_region32_fini(region);
    if (!pixman_region32_init_rects(region, boxes, (int)n))
        pixman_region32_init_rect(region, 0, 0, screen->width, screen->height);
    free(boxes);
}

void screen_compare(struct vnc_screen *screen, const uint32_t *new, const pixman_region32_t *region,
                    struct screen_changes *changes)
{
    int n;
    const struct pixman_box32 *boxes = pixman_region32_rectangles((pixman_region32_t *)region, &n);

    for (int i = 0; i < n; i++)
        mark_box(screen, new, &boxes[i]);
    collect_tiles(screen, &changes->damage);
    changes->copied = scroll_find(screen->pixels, new, screen->width, &changes->damage,
                                  &changes->copy, &changes->rest);
}

/* ---- taking ---------------------------------------------------------------------------------- */

/* Display locked. */
static void copy_out(struct vnc_screen *screen, struct display *d, const pixman_region32_t *region,
                     uint32_t *to)
{
    int n;
    const struct pixman_box32 *boxes = pixman_region32_rectangles((pixman_region32_t *)region, &n);
    const uint8_t *from = (const uint8_t *)display_pixels(d);
    size_t stride = display_stride(d);

    for (int i = 0; i < n; i++) {
        size_t bytes = (size_t)(boxes[i].x2 - boxes[i].x1) * sizeof *to;
        for (int32_t y = boxes[i].y1; y < boxes[i].y2; y++)
            memcpy(to + (size_t)y * screen->width + boxes[i].x1,
                   from + (size_t)y * stride + (size_t)boxes[i].x1 * sizeof *to, bytes);
    }
}

static void copy_in(struct vnc_screen *screen, const pixman_region32_t *region)
{
    int n;
    const struct pixman_box32 *boxes = pixman_region32_rectangles((pixman_region32_t *)region, &n);

    for (int i = 0; i < n; i++) {
        for (int32_t y = boxes[i].y1; y < boxes[i].y2; y++) {
            size_t at = (size_t)y * screen->width + (size_t)boxes[i].x1;
            memcpy(screen->pixels + at, screen->staging + at,
                   (size_t)(boxes[i].x2 - boxes[i].x1) * sizeof *screen->pixels);
        }
    }
}

/* Display locked. NULL pixels: none, or no memory for it. */
static struct screen_cursor take_cursor(struct display *d)
{
    struct display_cursor from = display_cursor(d);
    struct screen_cursor cursor = {0};
    size_t bytes = (size_t)from.width * from.height * sizeof *cursor.pixels;

    if (bytes && (cursor.pixels = malloc(bytes))) {
        memcpy(cursor.pixels, from.pixels, bytes);
        cursor.width = from.width;
        cursor.height = from.height;
        cursor.hot_x = from.hot_x;
        cursor.hot_y = from.hot_y;
    }
    return cursor;
}

struct pixman_box32 screen_cursor_box(const struct vnc_screen *screen)
{
    const struct screen_cursor *cursor = &screen->cursor;
    int64_t x = (int64_t)cursor->x - cursor->hot_x, y = (int64_t)cursor->y - cursor->hot_y;
    struct pixman_box32 box = {0};

    if (!cursor->visible || !cursor->width)
        return box;
    box.x1 = (int32_t)MIN(MAX(x, 0), (int64_t)screen->width);
    box.y1 = (int32_t)MIN(MAX(y, 0), (int64_t)screen->height);
    box.x2 = (int32_t)MIN(MAX(x + cursor->width, 0), (int64_t)screen->width);
    box.y2 = (int32_t)MIN(MAX(y + cursor->height, 0), (int64_t)screen->height);
    return box;
}

void screen_changes_init(struct screen_changes *changes)
{
    memset(changes, 0, sizeof *changes);
    pixman_region32_init(&changes->damage);
    pixman_region32_init(&changes->rest);
}

void screen_changes_free(struct screen_changes *changes)
{
    pixman_region32_fini(&changes->damage);
    pixman_region32_fini(&changes->rest);
}

bool screen_capture(struct vnc_screen *screen, struct display *d, struct display_watcher *w,
                    struct screen_changes *changes)
{
    struct display_news news = {.resized = false};
    struct screen_cursor cursor = {0};
    uint32_t *to;
    bool any;

    pixman_region32_init(&news.damage);
    changes->cursor_before = screen_cursor_box(screen);
    display_lock(d);
    any = display_take(w, &news);
    if (any && (news.resized || !screen->valid || screen->width != display_width(d) ||
                screen->height != display_height(d))) {
        changes->resized = true;
        any = set_size(screen, display_width(d), display_height(d));
        pixman_region32_union_rect(&news.damage, &news.damage, 0, 0, screen->width, screen->height);
    }
    if (any) {
        /* Nobody reads a new picture yet: readers compare the generation. */
        to = changes->resized ? screen->pixels : screen->staging;
        pixman_region32_intersect_rect(&news.damage, &news.damage, 0, 0, screen->width,
                                       screen->height);
        if (changes->resized)
            pthread_rwlock_wrlock(&screen->lock);
        copy_out(screen, d, &news.damage, to);
        if (changes->resized) {
            memcpy(screen->staging, screen->pixels,
                   (size_t)screen->width * screen->height * sizeof *screen->pixels);
            pthread_rwlock_unlock(&screen->lock);
        }
        news.cursor_changed |= changes->resized;
        if (news.cursor_changed)
            cursor = take_cursor(d);
        cursor.visible = display_cursor_position(d, &cursor.x, &cursor.y);
    }
    display_unlock(d);
    if (any) {
        changes->cursor_changed = news.cursor_changed;
        changes->cursor_moved = news.cursor_moved;
        if (changes->resized)
            pixman_region32_copy(&changes->damage, &news.damage);
        else
            screen_compare(screen, screen->staging, &news.damage, changes);
        pthread_rwlock_wrlock(&screen->lock);
        changes->sequence = ++screen->sequence;
        if (!changes->resized)
            copy_in(screen, &changes->damage);
        if (news.cursor_changed) {
            free(screen->cursor.pixels);
            screen->cursor = cursor;
        } else {
            screen->cursor.x = cursor.x;
            screen->cursor.y = cursor.y;
            screen->cursor.visible = cursor.visible;
        }
        pthread_rwlock_unlock(&screen->lock);
    }
    changes->cursor_after = screen_cursor_box(screen);
    pixman_region32_fini(&news.damage);
    return any;
}
