/*
 * What a client was sent as JPEG and has then been quiet for a while is sent again as it is, when
 * nothing else is due: letters become sharp once a picture stands still, and what moves costs
 * nothing more. Each pixel is sent again once at most for each time that it was sent as JPEG, in
 * pieces that the connection takes in a moment, so that what the guest draws next does not wait.
 *
 * Pixels go from `fresh` to `aged` to `due` with the ticks of a timer, which runs only while there
 * are some. What is sent in any way leaves all three. See internal.h.
 */
#include "core/util/range.h"
#include "ui/vnc/internal.h"

enum {
    TICK_MS = 300,       /* quiet for one to two of them */
    PIECE_MS = 50,       /* of the connection's time */
    BYTES_PER_PIXEL = 2, /* about what photographs come to */
    PIECE_PIXELS_MIN = 64 * 64,
    PIECE_PIXELS_UNKNOWN = 128 * 128, /* as long as the connection is not known */
    PIECE_PIXELS_MAX = 512 << 10,
};

static void start(struct vnc_client *c)
{
    struct vnc_refine *r = &c->refine;

    if (!timer_pending(&r->timer) &&
        (pixman_region32_not_empty(&r->fresh) || pixman_region32_not_empty(&r->aged)))
        timer_set(&r->timer, clock_now(c->s->clocks, VCLOCK_HOST) + TICK_MS * INT64_C(1000000));
}

static void tick(void *opaque)
{
    struct vnc_client *c = opaque;
    struct vnc_refine *r = &c->refine;

    /* The round that follows asks for updates. */
    pixman_region32_union(&r->due, &r->due, &r->aged);
    pixman_region32_copy(&r->aged, &r->fresh);
    pixman_region32_clear(&r->fresh);
    start(c);
}

void refine_init(struct vnc_client *c)
{
    struct vnc_refine *r = &c->refine;

    pixman_region32_init(&r->fresh);
    pixman_region32_init(&r->aged);
    pixman_region32_init(&r->due);
    timer_init(&r->timer, c->s->clocks, VCLOCK_HOST, tick, c);
}

void refine_forget(struct vnc_client *c)
{
    struct vnc_refine *r = &c->refine;

    timer_cancel(&r->timer);
    pixman_region32_clear(&r->fresh);
    pixman_region32_clear(&r->aged);
    pixman_region32_clear(&r->due);
}

void refine_free(struct vnc_client *c)
{
    struct vnc_refine *r = &c->refine;

    timer_cancel(&r->timer);
    pixman_region32_fini(&r->fresh);
    pixman_region32_fini(&r->aged);
    pixman_region32_fini(&r->due);
}

void refine_copied(struct vnc_client *c, const struct screen_copy *copy)
{
    update_move(&c->refine.fresh, copy);
    update_move(&c->refine.aged, copy);
    update_move(&c->refine.due, copy);
}

void refine_sending(struct vnc_client *c, pixman_region32_t *region)
{
    struct vnc_refine *r = &c->refine;

    pixman_region32_subtract(&r->fresh, &r->fresh, region);
    pixman_region32_subtract(&r->aged, &r->aged, region);
    pixman_region32_subtract(&r->due, &r->due, region);
}

void refine_sent(struct vnc_client *c)
{
    pixman_region32_union(&c->refine.fresh, &c->refine.fresh, &c->job.lossy);
    start(c);
}

uint64_t refine_piece(const struct vnc_client *c)
{
    double bandwidth = vnc_adapt_bandwidth(&c->adapt);
    double pixels = bandwidth * PIECE_MS / 1000 / BYTES_PER_PIXEL;

    if (bandwidth <= 0)
        return PIECE_PIXELS_UNKNOWN;
    return (uint64_t)MIN(MAX(pixels, PIECE_PIXELS_MIN), PIECE_PIXELS_MAX);
}
