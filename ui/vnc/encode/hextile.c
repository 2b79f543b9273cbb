/* Hextile encoding (RFC 6143, 7.7.4): tiles of 16 x 16, a background and rectangles on it. */
#include "ui/vnc/encode/internal.h"

#include "core/util/range.h"

enum {
    SIDE = 16,
    RAW = 1,
    BACKGROUND_SPECIFIED = 2,
    FOREGROUND_SPECIFIED = 4,
    ANY_SUBRECTS = 8,
    SUBRECTS_COLOURED = 16,
    TILE_MAX = 1 + SIDE * SIDE * 4,
};

/* What the decoder remembers from tile to tile. */
struct memory {
    bool has_background, has_foreground;
    uint32_t background, foreground;
};

struct tile {
    unsigned w, h, bytes;             /* bytes: of a pixel */
    uint32_t pixels[SIDE * SIDE + 1]; /* the one behind the last is like the last */
};

/* A bit for each pixel of a row. */
typedef uint16_t row_mask;

/* Whole tiles are most of a picture: a loop whose length is known becomes one of vectors. */
static inline unsigned count_colour_n(const uint32_t *pixels, uint32_t colour, unsigned n)
{
    unsigned count = 0;

    for (unsigned i = 0; i < n; i++)
        count += pixels[i] == colour;
    return count;
}

static unsigned count_colour(const struct tile *t, uint32_t colour, unsigned n)
{
    return n == SIDE * SIDE ? count_colour_n(t->pixels, colour, SIDE * SIDE)
                            : count_colour_n(t->pixels, colour, n);
}

static inline unsigned count_changes_n(const uint32_t *pixels, unsigned n)
{
    unsigned count = 0;

    for (unsigned i = 0; i < n; i++)
        count += pixels[i] != pixels[i + 1];
    return count;
}

/* So many changes from pixel to pixel that rectangles are not worth a try. */
static bool is_noise(const struct tile *t, unsigned n)
{
    unsigned changes =
        n == SIDE * SIDE ? count_changes_n(t->pixels, SIDE * SIDE) : count_changes_n(t->pixels, n);

    return changes * 4 > n * 3;
}

/* The colour that most of a tile has, or looks so: that of the longest lead in a running vote. */
static uint32_t common_colour(const struct tile *t, unsigned n)
{
    uint32_t lead = t->pixels[0];
    unsigned votes = 0;

    for (unsigned i = 0; i < n; i++) {
        if (t->pixels[i] == lead)
            votes++;
        else if (votes)
            votes--;
        else
            lead = t->pixels[i];
    }
    return lead;
}

static row_mask other_than(const struct tile *t, unsigned y, uint32_t colour)
{
    const uint32_t *row = t->pixels + y * t->w;
    unsigned mask = 0;

    if (t->w == SIDE)
        for (unsigned x = 0; x < SIDE; x++)
            mask |= (unsigned)(row[x] != colour) << x;
    else
        for (unsigned x = 0; x < t->w; x++)
            mask |= (unsigned)(row[x] != colour) << x;
    return (row_mask)mask;
}

/* How many rows from y on have one colour, that of (x, y), in all w pixels from x on. */
static unsigned rows_alike(const struct tile *t, unsigned x, unsigned y, unsigned w)
{
    const uint32_t *row = t->pixels + y * t->w + x;
    unsigned h = 1;

    for (; y + h < t->h; h++) {
        for (unsigned k = 0; k < w; k++)
            if (row[h * t->w + k] != *row)
                return h;
    }
    return h;
}

/*
 * Subrectangles of what is not background, which grow first to the right and then down; what one
 * has covered may be covered again by the next of its colour. Returns bytes, 0: raw is shorter.
 */
static size_t put_subrects(const struct tile *t, uint32_t background, bool coloured, uint8_t *out)
{
    size_t raw = (size_t)t->w * t->h * t->bytes;
    row_mask others[SIDE], left[SIDE];
    uint8_t *p = out + 1;
    unsigned n = 0;

    for (unsigned y = 0; y < t->h; y++)
        left[y] = others[y] = other_than(t, y, background);
    for (unsigned y = 0; y < t->h; y++) {
        while (left[y]) {
            unsigned x = (unsigned)__builtin_ctz(left[y]), h = 1,
                     w = (unsigned)__builtin_ctz(~((unsigned)left[y] >> x));
            const uint32_t *row = t->pixels + y * t->w + x;
            row_mask mask;

            if (coloured) {
                unsigned run = 1;
                while (run < w && row[run] == *row)
                    run++;
                w = run;
                h = rows_alike(t, x, y, w);
            }
            mask = (row_mask)(((1u << w) - 1) << x);
            if (!coloured)
                while (y + h < t->h && (others[y + h] & mask) == mask)
                    h++;
            for (unsigned k = 0; k < h; k++)
                left[y + k] &= (row_mask)~mask;
            if ((size_t)(p - out) + t->bytes + 2 >= raw || n == 255)
                return 0;
            if (coloured) {
                store_le(p, *row, t->bytes);
                p += t->bytes;
            }
            *p++ = (uint8_t)(x << 4 | y);
            *p++ = (uint8_t)((w - 1) << 4 | (h - 1));
            n++;
        }
    }
    out[0] = (uint8_t)n;
    return (size_t)(p - out);
}

/* others: not all pixels are of the background's colour; coloured: nor are the rest all of the
 * foreground's; noise: rectangles are not worth a try. */
struct colours {
    uint32_t background, foreground;
    bool others, coloured, noise;
};

static struct colours look(const struct tile *t, unsigned n)
{
    struct colours c = {.background = t->pixels[0]};
    unsigned first, firsts, seconds;

    if (memcmp(t->pixels, t->pixels + 1, (n - 1) * sizeof *t->pixels) == 0)
        return c;
    for (first = 1; t->pixels[first] == c.background;)
        first++;
    c.others = true;
    c.foreground = t->pixels[first];
    firsts = count_colour(t, c.background, n);
    seconds = count_colour(t, c.foreground, n);
    c.coloured = firsts + seconds < n;
    c.noise = is_noise(t, n);
    if (c.coloured) {
        if (!c.noise && firsts * 2 <= n)
            c.background = common_colour(t, n);
    } else if (firsts < seconds) {
        c.foreground = c.background;
        c.background = t->pixels[first];
    }
    return c;
}

static size_t put_tile(const struct tile *t, struct memory *m, uint8_t *out)
{
    unsigned n = t->w * t->h;
    struct colours c = look(t, n);
    uint8_t *p = out + 1, subrects[TILE_MAX];
    size_t len = 0;

    if (c.others) {
        len = c.noise ? 0 : put_subrects(t, c.background, c.coloured, subrects);
        if (!len) {
            *m = (struct memory){0};
            out[0] = RAW;
            if (t->bytes == 4)
                memcpy(p, t->pixels, n * sizeof *t->pixels);
            else
                for (unsigned i = 0; i < n; i++)
                    store_le(p + i * t->bytes, t->pixels[i], t->bytes);
            return 1 + (size_t)n * t->bytes;
        }
    }
    out[0] = 0;
    if (!m->has_background || m->background != c.background) {
        out[0] |= BACKGROUND_SPECIFIED;
        store_le(p, c.background, t->bytes);
        p += t->bytes;
        m->has_background = true;
        m->background = c.background;
    }
    if (!c.others)
        return (size_t)(p - out);
    out[0] |= ANY_SUBRECTS;
    if (c.coloured) {
        out[0] |= SUBRECTS_COLOURED;
        m->has_foreground = false;
    } else if (!m->has_foreground || m->foreground != c.foreground) {
        out[0] |= FOREGROUND_SPECIFIED;
        store_le(p, c.foreground, t->bytes);
        p += t->bytes;
        m->has_foreground = true;
        m->foreground = c.foreground;
    }
    memcpy(p, subrects, len);
    return (size_t)(p - out) + len;
}

bool vnc_encode_hextile(struct vnc_encoder *e, struct buffer *out,
                        const struct vnc_picture *picture, const struct display_rect *rect,
                        struct vnc_encoded *done)
{
    struct memory memory = {0};
    struct tile t = {.bytes = e->convert.bytes};

    if (!vnc_put_rect_header(out, rect, VNC_HEXTILE))
        return false;
    for (uint32_t y = 0; y < rect->height; y += SIDE) {
        t.h = MIN((uint32_t)SIDE, rect->height - y);
        for (uint32_t x = 0; x < rect->width; x += SIDE) {
            uint8_t *p = buffer_reserve(out, TILE_MAX);

            if (!p)
                return false;
            t.w = MIN((uint32_t)SIDE, rect->width - x);
            for (unsigned k = 0; k < t.h; k++)
                vnc_convert_wire(&e->convert, t.pixels + k * t.w,
                                 vnc_picture_at(picture, rect->x + x, rect->y + y + k), t.w);
            t.pixels[t.w * t.h] = t.pixels[t.w * t.h - 1];
            buffer_add(out, put_tile(&t, &memory, p));
        }
    }
    done->rects++;
    return true;
}
