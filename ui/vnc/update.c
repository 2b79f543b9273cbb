/*
 * Framebuffer updates (RFB specification, 7.6.1): what a client has not seen, when it asked for it
 * and has taken what it was sent before. The server's thread decides and writes what is no pixels;
 * a thread of the pool copies the pixels out of the screen and encodes them. See internal.h.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/util/endian.h"
#include "core/util/range.h"
#include "ui/vnc/encode/changes.h"
#include "ui/vnc/internal.h"

enum { UPDATE_HEADER_SIZE = 4, COUNT_OFFSET = 2 };
/* What an encoding may make of pixels at worst, and what a rectangle costs besides. */
enum { BYTES_PER_PIXEL_WORST = 5, BYTES_PER_RECT_WORST = 1024 };
enum { RFB_LED_SCROLL = 1, RFB_LED_NUM = 2, RFB_LED_CAPS = 4 };
enum { ALPHA_HALF = 0x80, PIXELS_FEW = 2048 };

struct pixman_box32 update_whole(const struct vnc_server *s)
{
    return (struct pixman_box32){0, 0, (int32_t)s->screen.width, (int32_t)s->screen.height};
}

static bool box_empty(const struct pixman_box32 *b)
{
    return b->x1 >= b->x2 || b->y1 >= b->y2;
}

static void add_box(pixman_region32_t *region, const struct pixman_box32 *b)
{
    if (!box_empty(b))
        pixman_region32_union_rect(region, region, b->x1, b->y1, (unsigned)(b->x2 - b->x1),
                                   (unsigned)(b->y2 - b->y1));
}

/* In too many pieces it becomes what is around them: pixels that need not be sent. */
static void bound_damage(struct vnc_client *c)
{
    pixman_box32_t around = *pixman_region32_extents(&c->damage);

    if (pixman_region32_n_rects(&c->damage) > VNC_DAMAGE_RECTS)
        pixman_region32_reset(&c->damage, &around);
}

static void add_damage(struct vnc_client *c, const struct pixman_box32 *b)
{
    add_box(&c->damage, b);
    bound_damage(c);
}

/* ---- when ------------------------------------------------------------------------------------ */

void update_answered(struct vnc_client *c)
{
    if (c->measured)
        vnc_adapt_sent(&c->adapt, c->measured,
                       clock_now(c->s->clocks, VCLOCK_HOST) - c->measured_since);
    c->measured = 0;
}

void update_request(struct vnc_client *c, const struct pixman_box32 *box, bool incremental)
{
    struct pixman_box32 whole = update_whole(c->s), b = *box;

    b.x2 = MIN(b.x2, whole.x2);
    b.y2 = MIN(b.y2, whole.y2);
    if (!incremental)
        add_damage(c, &b);
    if (!c->requested || box_empty(&c->area)) {
        c->area = b;
    } else if (!box_empty(&b)) {
        c->area.x1 = MIN(c->area.x1, b.x1);
        c->area.y1 = MIN(c->area.y1, b.y1);
        c->area.x2 = MAX(c->area.x2, b.x2);
        c->area.y2 = MAX(c->area.y2, b.y2);
    }
    c->requested = true;
    if (!c->out_len)
        update_answered(c);
    update_try(c);
}

static bool takes_updates(const struct vnc_client *c)
{
    return !c->dead && !c->leaving && c->phase == PHASE_RUNNING && c->out_len <= VNC_OUTPUT_NEXT;
}

bool update_wants(const struct vnc_client *c)
{
    /* While an update is made the next one is asked for, as likely as not. */
    return takes_updates(c) && (c->requested || c->continuous || c->working);
}

/* The pointer's shape is sent to who draws it, and drawn for who does not. */
static bool draws_cursor(const struct vnc_client *c)
{
    return c->features & (FEATURE_RICH_CURSOR | FEATURE_ALPHA_CURSOR);
}

void update_cursor_changed(struct vnc_client *c)
{
    struct pixman_box32 box = screen_cursor_box(&c->s->screen);

    c->news |= NEWS_CURSOR;
    add_damage(c, &box);
}

void update_screen_resized(struct vnc_client *c)
{
    struct pixman_box32 whole = update_whole(c->s);

    pixman_region32_clear(&c->damage);
    add_box(&c->damage, &whole);
    c->copy = false;
    refine_forget(c);
    /* An area that was asked for meant the old picture. */
    c->area = c->continuous_area = whole;
    if (c->width != c->s->screen.width || c->height != c->s->screen.height)
        c->news |= NEWS_SIZE;
}

void update_move(pixman_region32_t *region, const struct screen_copy *copy)
{
    pixman_region32_t moved, target;

    pixman_region32_init(&moved);
    pixman_region32_init_rect(&target, (int)copy->x, (int)copy->y, copy->width, copy->height);
    pixman_region32_copy(&moved, region);
    pixman_region32_translate(&moved, (int)copy->x - (int)copy->from_x,
                              (int)copy->y - (int)copy->from_y);
    pixman_region32_intersect(&moved, &moved, &target);
    pixman_region32_subtract(region, region, &target);
    pixman_region32_union(region, region, &moved);
    pixman_region32_fini(&moved);
    pixman_region32_fini(&target);
}

/* The client's picture is the screen's but for its damage, before the copy; so it is after it. */
static void follow_copy(struct vnc_client *c, const struct screen_changes *changes)
{
    const struct screen_copy *copy = &changes->copy;

    update_move(&c->damage, copy);
    pixman_region32_union(&c->damage, &c->damage, (pixman_region32_t *)&changes->rest);
    refine_copied(c, copy);
    c->copy = true;
    c->copied = *copy;
}

/* May the client be told of a copy? Its picture must be known: nothing else of that kind on its
 * way, and no pixels that are taken from the screen as it is now for an update begun before. */
static bool can_copy(const struct vnc_client *c, const struct screen_changes *changes)
{
    unsigned seen = atomic_load(&c->job.seen);

    return changes->copied && !c->copy && !c->soft_cursor && c->width == c->s->screen.width &&
           c->height == c->s->screen.height &&
           (c->working ? seen && seen < changes->sequence : vnc_encoder_can_copy(c->encoder));
}

void update_screen_changed(struct vnc_client *c, const struct screen_changes *changes)
{
    if (changes->resized) {
        update_screen_resized(c);
    } else if (can_copy(c, changes)) {
        follow_copy(c, changes);
    } else {
        pixman_region32_union(&c->damage, &c->damage, (pixman_region32_t *)&changes->damage);
    }
    c->fresh = true;
    if (changes->cursor_changed)
        c->news |= NEWS_CURSOR;
    if (changes->cursor_moved)
        c->news |= NEWS_POINTER_POS;
    if (!draws_cursor(c) && (changes->cursor_changed || changes->cursor_moved)) {
        add_box(&c->damage, &changes->cursor_before);
        add_box(&c->damage, &changes->cursor_after);
    }
    bound_damage(c);
}

/* ---- what is no pixels ----------------------------------------------------------------------- */

static void put_head(struct vnc_job *j, uint32_t x, uint32_t y, uint32_t width, uint32_t height,
                     int32_t encoding)
{
    const struct display_rect rect = {x, y, width, height};

    vnc_put_rect_header(&j->out, &rect, encoding);
    j->rects++;
}

static void put_size(struct vnc_client *c, struct vnc_job *j)
{
    const struct vnc_screen *screen = &c->s->screen;

    c->width = screen->width;
    c->height = screen->height;
    if (c->features & FEATURE_EXTENDED_DESKTOP_SIZE) {
        put_head(j, c->size_why, c->size_status, c->width, c->height, VNC_EXTENDED_DESKTOP_SIZE);
        buffer_put_be32(&j->out, 1u << 24); /* one screen */
        buffer_put_be32(&j->out, 1);        /* its id; libvncclient takes 0 for no screen */
        buffer_put_be32(&j->out, 0);        /* at 0, 0 */
        buffer_put_be16(&j->out, (uint16_t)c->width);
        buffer_put_be16(&j->out, (uint16_t)c->height);
        buffer_put_be32(&j->out, 0); /* flags */
    } else {
        put_head(j, 0, 0, c->width, c->height, VNC_DESKTOP_SIZE);
    }
    c->size_why = c->size_status = 0;
}

/* Straight to RGBA with alpha multiplied in, as the encoding wants it. */
static void put_alpha_cursor(struct vnc_job *j, const struct screen_cursor *cursor)
{
    size_t n = (size_t)cursor->width * cursor->height;

    put_head(j, cursor->hot_x, cursor->hot_y, cursor->width, cursor->height, VNC_CURSOR_WITH_ALPHA);
    buffer_put_be32(&j->out, VNC_RAW);
    uint8_t *p = buffer_append(&j->out, 4 * n);
    for (size_t i = 0; p && i < n; i++) {
        uint32_t v = cursor->pixels[i], a = v >> 24;
        *p++ = (uint8_t)((v >> 16 & 0xff) * a / 255);
        *p++ = (uint8_t)((v >> 8 & 0xff) * a / 255);
        *p++ = (uint8_t)((v & 0xff) * a / 255);
        *p++ = (uint8_t)a;
    }
}

static void put_rich_cursor(struct vnc_client *c, struct vnc_job *j,
                            const struct screen_cursor *cursor)
{
    size_t n = (size_t)cursor->width * cursor->height, row = (cursor->width + 7) / 8;
    struct vnc_converter converter;
    uint8_t *p;

    put_head(j, cursor->hot_x, cursor->hot_y, cursor->width, cursor->height, VNC_RICH_CURSOR);
    vnc_converter_init(&converter, &c->format);
    p = buffer_append(&j->out, n * converter.bytes);
    if (p)
        vnc_convert(&converter, p, cursor->pixels, n);
    p = buffer_append(&j->out, row * cursor->height);
    if (!p)
        return;
    memset(p, 0, row * cursor->height);
    for (size_t i = 0; i < n; i++) {
        size_t x = i % cursor->width, y = i / cursor->width;
        if (cursor->pixels[i] >> 24 >= ALPHA_HALF)
            p[y * row + x / 8] |= (uint8_t)(0x80 >> x % 8);
    }
}

static void put_cursor(struct vnc_client *c, struct vnc_job *j)
{
    const struct screen_cursor *cursor = &c->s->screen.cursor;

    c->soft_cursor = !draws_cursor(c) && cursor->width;
    /* As long as no shape was ever sent, the viewer has its own. */
    if (!draws_cursor(c) || (!cursor->width && !c->cursor_sent))
        return;
    c->cursor_sent = true;
    if (c->features & FEATURE_ALPHA_CURSOR)
        put_alpha_cursor(j, cursor);
    else
        put_rich_cursor(c, j, cursor);
}

static void put_leds(struct vnc_client *c, struct vnc_job *j)
{
    unsigned leds = c->s->leds;
    unsigned bits = (leds & INPUT_LED_SCROLL ? RFB_LED_SCROLL : 0) |
                    (leds & INPUT_LED_NUM ? RFB_LED_NUM : 0) |
                    (leds & INPUT_LED_CAPS ? RFB_LED_CAPS : 0);

    if (c->features & FEATURE_LED_STATE) {
        put_head(j, 0, 0, 0, 0, VNC_LED_STATE);
        buffer_put_u8(&j->out, (uint8_t)bits);
    } else if (c->features & FEATURE_VMWARE_LED_STATE) {
        put_head(j, 0, 0, 0, 0, VNC_VMWARE_LED_STATE);
        buffer_put_be32(&j->out, bits);
    }
}

static void put_news(struct vnc_client *c, struct vnc_job *j)
{
    const struct vnc_server *s = c->s;
    const struct screen_cursor *cursor = &s->screen.cursor;
    unsigned news = c->news;

    c->news = 0;
    if (news & NEWS_CURSOR)
        put_cursor(c, j);
    if (news & NEWS_POINTER_POS && c->features & FEATURE_POINTER_POS && cursor->visible &&
        cursor->x >= 0 && cursor->y >= 0 && cursor->x < (int32_t)c->width &&
        cursor->y < (int32_t)c->height)
        put_head(j, (uint32_t)cursor->x, (uint32_t)cursor->y, 0, 0, VNC_POINTER_POS);
    if (news & NEWS_POINTER_MODE && c->features & FEATURE_POINTER_MOTION_CHANGE)
        put_head(j, s->absolute, 0, c->width, c->height, VNC_POINTER_MOTION_CHANGE);
    if (news & NEWS_KEYS && c->features & FEATURE_EXTENDED_KEY_EVENT)
        put_head(j, 0, 0, c->width, c->height, VNC_EXTENDED_KEY_EVENT);
    if (news & NEWS_LED)
        put_leds(c, j);
    if (news & NEWS_NAME && c->features & FEATURE_DESKTOP_NAME) {
        size_t len = strlen(s->name);
        put_head(j, 0, 0, 0, 0, VNC_DESKTOP_NAME);
        buffer_put_be32(&j->out, (uint32_t)len);
        buffer_put(&j->out, s->name, len);
    }
    if (news & NEWS_SIZE && c->features & (FEATURE_DESKTOP_SIZE | FEATURE_EXTENDED_DESKTOP_SIZE))
        put_size(c, j);
}

/* ---- pixels, on a thread of the pool --------------------------------------------------------- */

static void blend_cursor(const struct screen_cursor *cursor, struct pixman_box32 box,
                         uint32_t *pixels, uint32_t width)
{
    for (int32_t y = box.y1; y < box.y2; y++) {
        for (int32_t x = box.x1; x < box.x2; x++) {
            uint32_t cx = (uint32_t)(x - cursor->x) + cursor->hot_x,
                     cy = (uint32_t)(y - cursor->y) + cursor->hot_y;
            uint32_t from = cursor->pixels[(size_t)cy * cursor->width + cx], a = from >> 24,
                     *to = &pixels[(size_t)y * width + (size_t)x], out = 0;
            for (unsigned shift = 0; shift < 24; shift += 8)
                out |= ((from >> shift & 0xff) * a + (*to >> shift & 0xff) * (255 - a)) / 255
                       << shift;
            *to = out;
        }
    }
}

/* A copy of the job's region at its place in a picture of the screen's size; NULL: no memory, or
 * the screen is another one (stale). */
static uint32_t *look(struct vnc_job *j, struct pool_scratch *scratch, struct vnc_picture *picture)
{
    struct vnc_screen *screen = &j->c->s->screen;
    uint32_t *pixels = NULL;
    int n;
    const struct pixman_box32 *boxes = pixman_region32_rectangles(&j->region, &n);

    pthread_rwlock_rdlock(&screen->lock);
    j->stale = !screen->valid || screen->generation != j->generation;
    if (!j->stale)
        pixels = pool_scratch(scratch, (size_t)screen->width * screen->height * sizeof *pixels);
    for (int i = 0; pixels && i < n; i++) {
        for (int32_t y = boxes[i].y1; y < boxes[i].y2; y++) {
            size_t at = (size_t)y * screen->width + (size_t)boxes[i].x1;
            memcpy(pixels + at, screen->pixels + at,
                   (size_t)(boxes[i].x2 - boxes[i].x1) * sizeof *pixels);
        }
    }
    if (pixels && j->soft_cursor)
        blend_cursor(&screen->cursor, screen_cursor_box(screen), pixels, screen->width);
    *picture =
        (struct vnc_picture){pixels, screen->width * sizeof *pixels, screen->width, screen->height};
    atomic_store(&j->seen, screen->sequence);
    pthread_rwlock_unlock(&screen->lock);
    return pixels;
}

static int64_t thread_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
    return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static void encode(struct pool_job *base, struct pool_scratch *scratch)
{
    struct vnc_job *j = (struct vnc_job *)base;
    struct vnc_picture picture;
    int n;
    const struct pixman_box32 *boxes = pixman_region32_rectangles(&j->region, &n);
    int64_t start = thread_ns();

    if (!look(j, scratch, &picture)) {
        j->failed = !j->stale;
        return;
    }
    for (int i = 0; i < n && !j->failed; i++) {
        const struct display_rect rect = {(uint32_t)boxes[i].x1, (uint32_t)boxes[i].y1,
                                          (uint32_t)(boxes[i].x2 - boxes[i].x1),
                                          (uint32_t)(boxes[i].y2 - boxes[i].y1)};
        struct vnc_encoded done = {0};
        j->failed = !vnc_encode_rect(j->c->encoder, &j->out, &picture, &rect, &done);
        j->rects += done.rects;
        j->encoded.lossy += done.lossy;
    }
    j->took_ns = thread_ns() - start;
    if (j->rects > UINT16_MAX)
        j->failed = true;
    if (!j->failed)
        store_be16(j->out.data + COUNT_OFFSET, (uint16_t)j->rects);
}

/* ---- updates --------------------------------------------------------------------------------- */

/* Moves what may be sent now from the damage to the job's region: a bounded part of it. */
static uint64_t take_region(struct vnc_client *c, pixman_region32_t *due, uint64_t left)
{
    uint64_t pixels = 0;
    int n;
    const struct pixman_box32 *boxes = pixman_region32_rectangles(due, &n);

    pixman_region32_clear(&c->job.region);
    for (int i = 0; i < n && left; i++) {
        struct pixman_box32 b = boxes[i];
        uint64_t width = (uint64_t)(b.x2 - b.x1), rows = (uint64_t)(b.y2 - b.y1);
        rows = MIN(rows, MAX(left / width, 1));
        b.y2 = b.y1 + (int32_t)rows;
        left -= MIN(left, width * rows);
        pixels += width * rows;
        add_box(&c->job.region, &b);
    }
    pixman_region32_subtract(&c->damage, &c->damage, &c->job.region);
    refine_sending(c, &c->job.region);
    bound_damage(c);
    return pixels;
}

static void begin(struct vnc_client *c)
{
    struct vnc_job *j = &c->job;

    j->rects = 0;
    j->failed = j->stale = j->copy = j->refines = false;
    pixman_region32_clear(&j->lossy);
    j->encoded = (struct vnc_encoded){0};
    j->generation = c->s->screen.generation;
    atomic_store(&j->seen, 0);
    buffer_free(&j->out);
    j->out = (struct buffer){.limit = 64 << 10};
    j->out.limit += 8u * DISPLAY_CURSOR_MAX * DISPLAY_CURSOR_MAX;
    buffer_put_be32(&j->out, 0); /* message type 0, padding, the number of rectangles */
}

/* What the client may be shown of a region: its damage, or what is to be refined. */
static void due_region(struct vnc_client *c, pixman_region32_t *region, pixman_region32_t *due)
{
    const struct pixman_box32 *area = c->continuous ? &c->continuous_area : &c->area;

    pixman_region32_intersect_rect(due, region, 0, 0, MIN(c->width, c->s->screen.width),
                                   MIN(c->height, c->s->screen.height));
    if (box_empty(area))
        pixman_region32_clear(due);
    else
        pixman_region32_intersect_rect(due, due, area->x1, area->y1,
                                       (unsigned)(area->x2 - area->x1),
                                       (unsigned)(area->y2 - area->y1));
}

static void send_without_pixels(struct vnc_client *c)
{
    struct vnc_job *j = &c->job;

    if (j->out.failed) {
        client_drop(c, "out of memory");
        return;
    }
    store_be16(j->out.data + COUNT_OFFSET, (uint16_t)j->rects);
    c->requested = false;
    client_send_update(c, &j->out);
}

/* The encoder is the job's from now on. */
static void choose_levels(struct vnc_client *c)
{
    int quality = vnc_encoder_client_quality(c->encoder),
        level = vnc_encoder_client_level(c->encoder);

    if (!c->s->fixed)
        vnc_adapt_choose(&c->adapt, quality, level, &quality, &level);
    if (c->job.refines)
        quality = VNC_LOSSLESS;
    vnc_encoder_set_levels(c->encoder, quality, level);
}

/* A letter, a cursor: waking another thread would cost more. Not so often as a viewer likes, but as
 * the display changes, since this thread gives way to nobody. */
static bool encode_here(struct vnc_client *c, uint64_t pixels)
{
    bool fresh = c->fresh;

    c->fresh = false;
    return fresh && !c->job.refines && pixels <= PIXELS_FEW;
}

/* Gives the pool what is due, or a part of it. */
static void start_job(struct vnc_client *c, pixman_region32_t *due)
{
    struct vnc_job *j = &c->job;
    uint64_t pixels, most = j->refines ? refine_piece(c) : VNC_UPDATE_PIXELS_MAX;

    /* What is refined is no more than what was sent. */
    if (vnc_encoder_encoding(c->encoder) != VNC_RAW && !j->refines)
        vnc_changes_join(due);
    pixels = take_region(c, due, most);
    j->out.limit += (size_t)pixels * BYTES_PER_PIXEL_WORST +
                    (size_t)pixman_region32_n_rects(&j->region) * BYTES_PER_RECT_WORST;
    j->soft_cursor = c->soft_cursor;
    j->base.run = encode;
    c->requested = false;
    c->working = true;
    choose_levels(c);
    if (!encode_here(c, pixels)) {
        pool_give(c->s->pool, &j->base);
        return;
    }
    encode(&j->base, &c->s->scratch);
    update_done(c);
}

void update_try(struct vnc_client *c)
{
    struct vnc_server *s = c->s;
    struct vnc_job *j = &c->job;
    pixman_region32_t due;
    bool size;

    if (!takes_updates(c) || c->working || !(c->requested || c->continuous) || !s->screen.valid)
        return;
    size =
        c->news & NEWS_SIZE && c->features & (FEATURE_DESKTOP_SIZE | FEATURE_EXTENDED_DESKTOP_SIZE);
    begin(c);
    put_news(c, j);
    /* A new size comes by itself: what follows is drawn into the new picture. */
    if (size) {
        send_without_pixels(c);
        return;
    }
    if (c->copy && !vnc_encoder_can_copy(c->encoder)) {
        const struct pixman_box32 target = {(int32_t)c->copied.x, (int32_t)c->copied.y,
                                            (int32_t)(c->copied.x + c->copied.width),
                                            (int32_t)(c->copied.y + c->copied.height)};
        add_damage(c, &target);
        c->copy = false;
    }
    pixman_region32_init(&due);
    due_region(c, &c->damage, &due);
    if (c->copy) {
        const struct display_rect rect = {c->copied.x, c->copied.y, c->copied.width,
                                          c->copied.height};
        vnc_encode_copy(&j->out, &rect, c->copied.from_x, c->copied.from_y);
        j->rects++;
        c->copy = false;
    }
    if (!j->rects && !pixman_region32_not_empty(&due)) {
        due_region(c, &c->refine.due, &due);
        j->refines = true;
    }
    if (pixman_region32_not_empty(&due)) {
        start_job(c, &due);
    } else if (j->rects) {
        send_without_pixels(c);
    }
    pixman_region32_fini(&due);
}

void update_done(struct vnc_client *c)
{
    struct vnc_job *j = &c->job;

    c->working = false;
    if (c->dead)
        return;
    if (j->failed) {
        client_drop(c, "no update could be made for it");
        return;
    }
    if (j->stale) {
        /* All of the new screen is damage; what came besides pixels is told again. */
        c->requested = true;
        c->news |= NEWS_CURSOR | NEWS_POINTER_MODE | NEWS_LED | NEWS_NAME | NEWS_KEYS;
        buffer_free(&j->out);
    } else {
        c->measured = j->out.len;
        c->measured_since = clock_now(c->s->clocks, VCLOCK_HOST);
        if (c->copy) /* it was found since: the client will have copied these, too */
            update_move(&j->lossy, &c->copied);
        refine_sent(c);
        client_send_update(c, &j->out);
    }
    if (c->blocked)
        client_process(c);
    if (!c->dead)
        update_try(c);
}
