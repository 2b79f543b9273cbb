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
    unsigned w, h, bytes; /* bytes: of a pixel */
    uint32_t pixels[SIDE * SIDE];
};

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

/* So many changes from pixel to pixel that rectangles are not worth a try. */
static bool is_noise(const struct tile *t, unsigned n)
{
    unsigned changes = 0;

    for (unsigned i = 1; i < n; i++)
        changes += t->pixels[i] != t->pixels[i - 1];
    return changes * 4 > n * 3;
}

/* The largest rectangle of one colour that grows from (x, y), first to the right; *w, *h. */
static void grow(const struct tile *t, const bool *done, unsigned x, unsigned y, unsigned *w,
                 unsigned *h)
{
    uint32_t colour = t->pixels[y * t->w + x];

    for (*w = 1; x + *w < t->w; ++*w) {
        unsigned i = y * t->w + x + *w;

        if (t->pixels[i] != colour || done[i])
            break;
    }
    for (*h = 1; y + *h < t->h; ++*h) {
        for (unsigned k = 0; k < *w; k++) {
            if (t->pixels[(y + *h) * t->w + x + k] != colour)
                return;
        }
    }
}

/* Subrectangles of what is not background; returns bytes, 0: raw is shorter. */
static size_t put_subrects(const struct tile *t, uint32_t background, bool coloured, uint8_t *out)
{
    bool done[SIDE * SIDE] = {false};
    size_t raw = (size_t)t->w * t->h * t->bytes;
    uint8_t *p = out + 1;
    unsigned n = 0;

    for (unsigned i = 0; i < t->w * t->h; i++) {
        unsigned x = i % t->w, y = i / t->w, w, h;

        if (done[i] || t->pixels[i] == background)
            continue;
        grow(t, done, x, y, &w, &h);
        for (unsigned k = 0; k < h; k++)
            memset(done + (y + k) * t->w + x, true, w);
        if ((size_t)(p - out) + t->bytes + 2 >= raw || n == 255)
            return 0;
        if (coloured) {
            store_le(p, t->pixels[i], t->bytes);
            p += t->bytes;
        }
        *p++ = (uint8_t)(x << 4 | y);
        *p++ = (uint8_t)((w - 1) << 4 | (h - 1));
        n++;
    }
    out[0] = (uint8_t)n;
    return (size_t)(p - out);
}

static size_t put_tile(const struct tile *t, struct memory *m, uint8_t *out)
{
    unsigned n = t->w * t->h, others = 0;
    uint32_t background = t->pixels[0], foreground = background;
    uint8_t *p = out + 1, subrects[TILE_MAX];
    bool coloured = false;
    size_t len = 0;

    if (memcmp(t->pixels, t->pixels + 1, (n - 1) * sizeof *t->pixels) != 0) {
        background = common_colour(t, n);
        for (unsigned i = 0; i < n; i++) {
            if (t->pixels[i] == background)
                continue;
            if (!others++)
                foreground = t->pixels[i];
            else if (t->pixels[i] != foreground)
                coloured = true;
        }
    }
    if (others) {
        len = is_noise(t, n) ? 0 : put_subrects(t, background, coloured, subrects);
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
    if (!m->has_background || m->background != background) {
        out[0] |= BACKGROUND_SPECIFIED;
        store_le(p, background, t->bytes);
        p += t->bytes;
        m->has_background = true;
        m->background = background;
    }
    if (!others)
        return (size_t)(p - out);
    out[0] |= ANY_SUBRECTS;
    if (coloured) {
        out[0] |= SUBRECTS_COLOURED;
        m->has_foreground = false;
    } else if (!m->has_foreground || m->foreground != foreground) {
        out[0] |= FOREGROUND_SPECIFIED;
        store_le(p, foreground, t->bytes);
        p += t->bytes;
        m->has_foreground = true;
        m->foreground = foreground;
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
            buffer_add(out, put_tile(&t, &memory, p));
        }
    }
    done->rects++;
    return true;
}
