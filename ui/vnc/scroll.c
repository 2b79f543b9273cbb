/*
 * Scrolls: see scroll.h. Each row of the damaged rectangle gets a hash, before and after; rows
 * whose hash is the only one of its kind vote for the distance that they moved by; the longest run
 * of rows that moved by the winner is compared pixel by pixel and is the copy.
 */
#include "ui/vnc/scroll.h"

#include <stdlib.h>
#include <string.h>

#include "core/util/range.h"
#include "ui/vnc/screen.h"

/* Less is not worth the search. */
enum { WIDTH_MIN = 64, ROWS_MIN = 64, RUN_MIN = 32 };

struct row {
    uint64_t hash;
    int32_t y; /* counted from the rectangle's first row */
};

static inline uint64_t mix(uint64_t h, uint64_t v)
{
    return (h ^ v) * UINT64_C(0x9e3779b97f4a7c15) + (h >> 29);
}

static uint64_t hash_row(const uint32_t *p, size_t n)
{
    /* Four at a time, for none has to wait for another's multiplication. */
    uint64_t a = n, b = 1, c = 2, d = 3, two[4], h;
    size_t i = 0;

    for (; i + 8 <= n; i += 8) {
        memcpy(two, p + i, sizeof two);
        a = mix(a, two[0]);
        b = mix(b, two[1]);
        c = mix(c, two[2]);
        d = mix(d, two[3]);
    }
    h = mix(mix(mix(a, b), c), d);
    for (; i < n; i++)
        h = mix(h, p[i]);
    return h;
}

static int by_hash(const void *a, const void *b)
{
    const struct row *ra = a, *rb = b;

    return ra->hash != rb->hash ? (ra->hash < rb->hash ? -1 : 1) : ra->y - rb->y;
}

/* The row before with this hash; -1: none, or several (blank ones). */
static int32_t only_row(const struct row *rows, int32_t n, uint64_t hash)
{
    int32_t low = 0, high = n;

    while (low < high) {
        int32_t mid = low + (high - low) / 2;
        if (rows[mid].hash < hash)
            low = mid + 1;
        else
            high = mid;
    }
    if (low == n || rows[low].hash != hash || (low + 1 < n && rows[low + 1].hash == hash))
        return -1;
    return rows[low].y;
}

/* The distance (after minus before) that most rows moved by; 0: none. */
static int32_t vote(const struct row *before, const uint64_t *after, int32_t n, uint32_t *votes)
{
    int32_t best = 0;
    uint32_t most = 0;

    memset(votes, 0, (size_t)(2 * n) * sizeof *votes);
    for (int32_t y = 0; y < n; y++) {
        int32_t from = only_row(before, n, after[y]);
        if (from >= 0 && from != y && ++votes[y - from + n] > most) {
            most = votes[y - from + n];
            best = y - from;
        }
    }
    return most >= 4 ? best : 0;
}

struct look {
    const uint32_t *before, *after; /* at the rectangle's corner */
    uint32_t stride;
    size_t bytes;
    int32_t rows;
};

/* The longest run of rows that moved by distance. */
static int32_t longest_run(const struct look *l, int32_t distance, int32_t *first)
{
    int32_t begin = MAX(distance, 0), end = MIN(l->rows + distance, l->rows), best = 0;

    for (int32_t y = begin, start = begin; y <= end; y++) {
        if (y < end && memcmp(l->after + (size_t)y * l->stride,
                              l->before + (size_t)(y - distance) * l->stride, l->bytes) == 0)
            continue;
        if (y - start > best) {
            best = y - start;
            *first = start;
        }
        start = y + 1;
    }
    return best;
}

static uint64_t area(const pixman_region32_t *region)
{
    int n;
    const struct pixman_box32 *b = pixman_region32_rectangles((pixman_region32_t *)region, &n);
    uint64_t sum = 0;

    for (int i = 0; i < n; i++)
        sum += (uint64_t)(b[i].x2 - b[i].x1) * (uint64_t)(b[i].y2 - b[i].y1);
    return sum;
}

bool scroll_find(const uint32_t *before, const uint32_t *after, uint32_t stride,
                 const pixman_region32_t *damage, struct screen_copy *copy, pixman_region32_t *rest)
{
    const struct pixman_box32 *box = pixman_region32_extents((pixman_region32_t *)damage);
    int32_t width = box->x2 - box->x1, rows = box->y2 - box->y1, first = 0, distance, run = 0;
    size_t corner = (size_t)box->y1 * stride + (size_t)box->x1;
    struct look l = {before + corner, after + corner, stride, (size_t)width * sizeof *before, rows};
    struct row *old;
    uint64_t *new;
    uint32_t *votes;

    pixman_region32_copy(rest, (pixman_region32_t *)damage);
    if (width < WIDTH_MIN || rows < ROWS_MIN || area(damage) < (uint64_t)width * (uint64_t)rows / 8)
        return false;
    old = malloc((size_t)rows * sizeof *old);
    new = malloc((size_t)rows * sizeof *new);
    votes = malloc((size_t)rows * 2 * sizeof *votes);
    if (old && new &&votes) {
        for (int32_t y = 0; y < rows; y++) {
            old[y].y = y;
            old[y].hash = hash_row(l.before + (size_t)y * stride, (size_t)width);
            new[y] = hash_row(l.after + (size_t)y * stride, (size_t)width);
        }
        qsort(old, (size_t)rows, sizeof *old, by_hash);
        distance = vote(old, new, rows, votes);
        if (distance)
            run = longest_run(&l, distance, &first);
    }
    free(old);
    free(new);
    free(votes);
    if (run < RUN_MIN || run < rows / 4)
        return false;
    *copy = (struct screen_copy){
        .x = (uint32_t)box->x1,
        .y = (uint32_t)(box->y1 + first),
        .width = (uint32_t)width,
        .height = (uint32_t)run,
        .from_x = (uint32_t)box->x1,
        .from_y = (uint32_t)(box->y1 + first - distance),
    };
    pixman_region32_t moved;
    pixman_region32_init_rect(&moved, box->x1, box->y1 + first, (unsigned)width, (unsigned)run);
    pixman_region32_subtract(rest, rest, &moved);
    pixman_region32_fini(&moved);
    return true;
}
