/*
 * Tight encoding and its relative for browsers, in which PNG takes the place of zlib (both as the
 * community's RFB specification has them).
 *
 * A rectangle is looked at in tiles. Neighbours that are of one kind, and stay so together, become
 * one rectangle: a fill, two colours as bits, up to 256 as bytes, or full colours, which go as they
 * are, or, where they are smooth as in photographs, through the gradient filter or as JPEG.
 */
#include "ui/vnc/encode/internal.h"

#include "core/util/range.h"

enum {
    CONTROL_EXPLICIT_FILTER = 0x40,
    CONTROL_STREAM_SHIFT = 4,
    CONTROL_FILL = 0x80,
    CONTROL_JPEG = 0x90,
    CONTROL_PNG = 0xa0,
    FILTER_PALETTE = 1,
    FILTER_GRADIENT = 2,
    UNCOMPRESSED_MAX = 11, /* bytes; fewer than 12 go without compression */
    LENGTH_MAX = 0x3fffff, /* bytes: three groups of 7, 7 and 8 bits */
    JPEG_AREA_MIN = 1024,  /* pixels; below that JPEG's tables are the most of it */
    JPEG_COLOURS_MIN = 48, /* a smooth tile with fewer goes as a palette */
    SMOOTH_EQUAL_MAX = 30, /* per cent of pixels like their left neighbour */
    SMOOTH_NEAR_MIN = 50,  /* per cent of pixels close to it */
    NEAR = 24,             /* that close: a difference in each colour */
    PALETTE_BYTES_MAX = 1 + 1 + 1 + VNC_PALETTE_MAX * 4,
    GRADIENT_LEVEL_MAX = 1, /* its output hardly ever matches itself */
};

enum kind { KIND_FILL, KIND_MONO, KIND_INDEXED, KIND_FULL, KIND_SMOOTH };

/* Tiles next to each other that go out as one rectangle. */
struct run {
    uint32_t x, y, w, h; /* in the piece */
    enum kind kind;
    struct vnc_palette *palette; /* with KIND_INDEXED and below */
};

struct piece {
    const struct vnc_picture *picture;
    struct display_rect rect;
    bool native; /* e->pixels are 0x00rrggbb and not wire pixels */
    bool jpeg;   /* may be used */
    struct vnc_encoded *done;
};

/* ---- what there is --------------------------------------------------------------------------- */

/* Do two pixels, 0x00rrggbb, differ little? */
static bool near(uint32_t a, uint32_t b)
{
    int r = (int)(a >> 16 & 255) - (int)(b >> 16 & 255);
    int g = (int)(a >> 8 & 255) - (int)(b >> 8 & 255), bl = (int)(a & 255) - (int)(b & 255);

    return (unsigned)(r + NEAR) <= 2 * NEAR && (unsigned)(g + NEAR) <= 2 * NEAR &&
           (unsigned)(bl + NEAR) <= 2 * NEAR;
}

static bool is_smooth(const struct piece *p, const struct vnc_encoder *e, const struct run *r)
{
    unsigned equal = 0, close = 0, all = 0;

    for (uint32_t y = r->y; y < r->y + r->h; y += 4) {
        const uint32_t *row = vnc_picture_at(p->picture, p->rect.x + r->x, p->rect.y + y);

        for (uint32_t x = 1; x < r->w; x++) {
            uint32_t a = row[x] & 0xffffff, b = row[x - 1] & 0xffffff;

            equal += a == b;
            close += near(a, b);
        }
        all += r->w - 1;
    }
    (void)e;
    return all && equal * 100 <= all * SMOOTH_EQUAL_MAX && close * 100 >= all * SMOOTH_NEAR_MIN;
}

static enum kind kind_of_colours(const struct vnc_palette *palette)
{
    return palette->n == 1 ? KIND_FILL : palette->n == 2 ? KIND_MONO : KIND_INDEXED;
}

static void look(struct vnc_encoder *e, const struct piece *p, struct run *r)
{
    const uint32_t *row = e->pixels + (size_t)r->y * p->rect.width + r->x;
    uint32_t last = ~row[0];
    bool few = true;

    vnc_palette_clear(r->palette);
    for (uint32_t y = 0; y < r->h && few; y++, row += p->rect.width) {
        for (uint32_t x = 0; x < r->w && few; x++) {
            if (row[x] != last)
                few = vnc_palette_add(r->palette, last = row[x], VNC_PALETTE_MAX);
        }
    }
    if (!few)
        r->kind = is_smooth(p, e, r) ? KIND_SMOOTH : KIND_FULL;
    else if (p->jpeg && r->palette->n >= JPEG_COLOURS_MIN && is_smooth(p, e, r))
        r->kind = KIND_SMOOTH;
    else
        r->kind = kind_of_colours(r->palette);
}

/* Takes b into a, with the colours of both in a's palette. False: they are better apart, and both
 * palettes are as they were. */
static bool join_colours(struct run *a, const struct run *b)
{
    enum kind most = MAX(a->kind, b->kind);
    unsigned before = a->palette->n;
    struct vnc_palette *p = a->palette;

    if (most >= KIND_FULL)
        return a->kind == b->kind;
    for (unsigned i = 0; i < b->palette->n; i++) {
        if (vnc_palette_add(p, b->palette->colours[i], VNC_PALETTE_MAX))
            continue;
        /* Slots are found by probing: what came last may simply be freed. */
        while (p->n > before) {
            p->slots[vnc_palette_slot(p, p->colours[p->n - 1])] = 0;
            p->n--;
        }
        return false;
    }
    if (kind_of_colours(p) > most) {
        while (p->n > before) {
            p->slots[vnc_palette_slot(p, p->colours[p->n - 1])] = 0;
            p->n--;
        }
        return false;
    }
    a->kind = kind_of_colours(p);
    return true;
}

/* ---- parts of rectangles --------------------------------------------------------------------- */

static uint8_t *put_tpixel(const struct vnc_encoder *e, const struct piece *p, uint8_t *out,
                           uint32_t pixel)
{
    if (e->convert.tpixel_rgb) {
        out[0] = (uint8_t)(pixel >> 16);
        out[1] = (uint8_t)(pixel >> 8);
        out[2] = (uint8_t)pixel;
        return out + 3;
    }
    if (p->native)
        vnc_convert(&e->convert, out, &pixel, 1);
    else
        store_le(out, pixel, e->convert.bytes);
    return out + e->convert.bytes;
}

static unsigned tpixel_bytes(const struct vnc_encoder *e)
{
    return e->convert.tpixel_rgb ? 3 : e->convert.bytes;
}

static bool put_length(struct buffer *out, size_t n)
{
    uint8_t bytes[3] = {(uint8_t)(n & 0x7f), (uint8_t)(n >> 7 & 0x7f), (uint8_t)(n >> 14)};
    unsigned count = n < 1u << 7 ? 1 : n < 1u << 14 ? 2 : 3;

    for (unsigned i = 0; i + 1 < count; i++)
        bytes[i] |= 0x80;
    return n <= LENGTH_MAX && buffer_put(out, bytes, count);
}

/* The n bytes of input that stand ready in a stream. */
static bool put_data(struct vnc_encoder *e, struct buffer *out, enum vnc_stream number,
                     const struct vnc_deflate_how *how, size_t n)
{
    struct vnc_deflate *d = e->streams[number];

    if (n <= UNCOMPRESSED_MAX)
        return buffer_put(out, vnc_deflate_input(d, n), n);
    buffer_clear(&e->compressed);
    e->compressed.limit = LENGTH_MAX;
    return vnc_deflate_add(d, e->work, how, n, &e->compressed) &&
           vnc_deflate_flush(d, e->work, &e->compressed) && put_length(out, e->compressed.len) &&
           buffer_put(out, e->compressed.data, e->compressed.len);
}

/* Room for n bytes of input; NULL when memory is short. */
static uint8_t *stream_input(struct vnc_encoder *e, enum vnc_stream number, size_t n)
{
    struct vnc_deflate *d = vnc_encoder_stream(e, number);

    return d ? vnc_deflate_input(d, n) : NULL;
}

static const uint32_t *run_row(const struct vnc_encoder *e, const struct piece *p,
                               const struct run *r, uint32_t y)
{
    return e->pixels + (size_t)(r->y + y) * p->rect.width + r->x;
}

/* ---- kinds ----------------------------------------------------------------------------------- */

static bool put_fill(struct vnc_encoder *e, struct buffer *out, const struct piece *p,
                     const struct run *r)
{
    uint8_t bytes[1 + 4], *end;

    bytes[0] = CONTROL_FILL;
    end = put_tpixel(e, p, bytes + 1, r->palette->colours[0]);
    return buffer_put(out, bytes, (size_t)(end - bytes));
}

static bool put_palette(struct vnc_encoder *e, struct buffer *out, const struct piece *p,
                        const struct vnc_palette *palette, enum vnc_stream number)
{
    uint8_t bytes[PALETTE_BYTES_MAX], *end = bytes + 3;

    bytes[0] = (uint8_t)(CONTROL_EXPLICIT_FILTER | number << CONTROL_STREAM_SHIFT);
    bytes[1] = FILTER_PALETTE;
    bytes[2] = (uint8_t)(palette->n - 1);
    for (unsigned i = 0; i < palette->n; i++)
        end = put_tpixel(e, p, end, palette->colours[i]);
    return buffer_put(out, bytes, (size_t)(end - bytes));
}

static bool put_mono(struct vnc_encoder *e, struct buffer *out, const struct piece *p,
                     const struct run *r)
{
    size_t row_bytes = (r->w + 7) / 8, n = row_bytes * r->h;
    struct vnc_deflate_how how = {e->level, 1, (unsigned)row_bytes, false};
    uint8_t *data = stream_input(e, STREAM_TIGHT_MONO, n);
    uint32_t zero = r->palette->colours[0];

    if (!data || !put_palette(e, out, p, r->palette, STREAM_TIGHT_MONO))
        return false;
    for (uint32_t y = 0; y < r->h; y++) {
        const uint32_t *row = run_row(e, p, r, y);
        uint32_t x = 0;

        for (; x + 8 <= r->w; x += 8) {
            unsigned byte = 0;

            for (unsigned k = 0; k < 8; k++)
                byte = byte << 1 | (row[x + k] != zero);
            *data++ = (uint8_t)byte;
        }
        if (x < r->w) {
            unsigned byte = 0;

            for (unsigned k = 0; k < 8; k++)
                byte = byte << 1 | (x + k < r->w && row[x + k] != zero);
            *data++ = (uint8_t)byte;
        }
    }
    return put_data(e, out, STREAM_TIGHT_MONO, &how, n);
}

static bool put_indexed(struct vnc_encoder *e, struct buffer *out, const struct piece *p,
                        const struct run *r)
{
    size_t n = (size_t)r->w * r->h;
    struct vnc_deflate_how how = {e->level, 1, r->w, false};
    uint8_t *data = stream_input(e, STREAM_TIGHT_INDEXED, n), index = 0;
    uint32_t last;

    if (!data || !put_palette(e, out, p, r->palette, STREAM_TIGHT_INDEXED))
        return false;
    last = ~run_row(e, p, r, 0)[0];
    for (uint32_t y = 0; y < r->h; y++) {
        const uint32_t *row = run_row(e, p, r, y);

        for (uint32_t x = 0; x < r->w; x++) {
            if (row[x] != last)
                index = (uint8_t)vnc_palette_index(r->palette, last = row[x]);
            *data++ = index;
        }
    }
    return put_data(e, out, STREAM_TIGHT_INDEXED, &how, n);
}

static bool put_full(struct vnc_encoder *e, struct buffer *out, const struct piece *p,
                     const struct run *r)
{
    unsigned bytes = tpixel_bytes(e);
    size_t n = (size_t)r->w * r->h * bytes;
    struct vnc_deflate_how how = {e->level, bytes, r->w * bytes, false};
    uint8_t *data = stream_input(e, STREAM_TIGHT_FULL, n);

    if (!data || !buffer_put_u8(out, STREAM_TIGHT_FULL << CONTROL_STREAM_SHIFT))
        return false;
    for (uint32_t y = 0; y < r->h; y++) {
        const uint32_t *row = run_row(e, p, r, y);

        for (uint32_t x = 0; x < r->w; x++)
            data = put_tpixel(e, p, data, row[x]);
    }
    return put_data(e, out, STREAM_TIGHT_FULL, &how, n);
}

static int clamped(int v)
{
    return v < 0 ? 0 : v > 255 ? 255 : v;
}

/* Each colour less what its neighbours to the left, above, and above to the left suggest. */
static bool put_gradient(struct vnc_encoder *e, struct buffer *out, const struct piece *p,
                         const struct run *r)
{
    size_t n = (size_t)r->w * r->h * 3;
    struct vnc_deflate_how how = {MIN(e->level, GRADIENT_LEVEL_MAX), 3, 0, true};
    uint8_t *data = stream_input(e, STREAM_TIGHT_GRADIENT, n);

    if (!data ||
        !buffer_put_u8(out,
                       CONTROL_EXPLICIT_FILTER | STREAM_TIGHT_GRADIENT << CONTROL_STREAM_SHIFT) ||
        !buffer_put_u8(out, FILTER_GRADIENT))
        return false;
    for (uint32_t y = 0; y < r->h; y++) {
        const uint32_t *row = run_row(e, p, r, y), *above = row - p->rect.width;
        uint32_t left = 0, above_left = 0;

        for (uint32_t x = 0; x < r->w; x++) {
            uint32_t up = y ? above[x] : 0, here = row[x];

            for (int shift = 16; shift >= 0; shift -= 8) {
                int guess = clamped((int)(left >> shift & 255) + (int)(up >> shift & 255) -
                                    (int)(above_left >> shift & 255));

                *data++ = (uint8_t)((int)(here >> shift & 255) - guess);
            }
            left = here;
            above_left = up;
        }
    }
    return put_data(e, out, STREAM_TIGHT_GRADIENT, &how, n);
}

static bool put_jpeg(struct vnc_encoder *e, struct buffer *out, const struct piece *p,
                     const struct run *r, bool *ok)
{
    struct display_rect rect = {p->rect.x + r->x, p->rect.y + r->y, r->w, r->h};

    *ok = false;
    if ((size_t)r->w * r->h < JPEG_AREA_MIN)
        return true;
    buffer_clear(&e->compressed);
    e->compressed.limit = LENGTH_MAX;
    if (!vnc_put_jpeg(e, &e->compressed, p->picture, &rect, ok))
        return false;
    if (!*ok)
        return true;
    p->done->lossy += (uint64_t)r->w * r->h;
    if (e->lossy)
        pixman_region32_union_rect(e->lossy, e->lossy, (int)rect.x, (int)rect.y, rect.width,
                                   rect.height);
    return buffer_put_u8(out, CONTROL_JPEG) && put_length(out, e->compressed.len) &&
           buffer_put(out, e->compressed.data, e->compressed.len);
}

static bool put_png(struct vnc_encoder *e, struct buffer *out, const struct piece *p,
                    const struct run *r)
{
    buffer_clear(&e->compressed);
    e->compressed.limit = LENGTH_MAX;
    return vnc_put_png(e, &e->compressed, run_row(e, p, r, 0), p->rect.width, r->w, r->h,
                       r->kind < KIND_FULL ? r->palette : NULL, r->kind == KIND_SMOOTH) &&
           buffer_put_u8(out, CONTROL_PNG) && put_length(out, e->compressed.len) &&
           buffer_put(out, e->compressed.data, e->compressed.len);
}

/* ---- rectangles ------------------------------------------------------------------------------ */

static bool put_run(struct vnc_encoder *e, struct buffer *out, const struct piece *p,
                    const struct run *r)
{
    struct display_rect rect = {p->rect.x + r->x, p->rect.y + r->y, r->w, r->h};

    if (!vnc_put_rect_header(out, &rect, (int32_t)e->encoding))
        return false;
    p->done->rects++;
    if (r->kind == KIND_FILL)
        return put_fill(e, out, p, r);
    if (r->kind == KIND_SMOOTH && p->jpeg) {
        bool ok;

        if (!put_jpeg(e, out, p, r, &ok))
            return false;
        if (ok)
            return true;
    }
    if (e->encoding == VNC_TIGHT_PNG)
        return put_png(e, out, p, r);
    if (r->kind == KIND_MONO)
        return put_mono(e, out, p, r);
    if (r->kind == KIND_INDEXED && tpixel_bytes(e) > 1)
        return put_indexed(e, out, p, r);
    return r->kind == KIND_SMOOTH && e->convert.tpixel_rgb ? put_gradient(e, out, p, r)
                                                           : put_full(e, out, p, r);
}

/* Can b be the lower part of a? */
static bool join_below(struct run *a, const struct run *b)
{
    if (a->x != b->x || a->w != b->w || !join_colours(a, b))
        return false;
    a->h += b->h;
    return true;
}

bool vnc_encode_tight(struct vnc_encoder *e, struct buffer *out, const struct vnc_picture *picture,
                      const struct display_rect *rect, struct vnc_encoded *done)
{
    struct piece p = {
        .picture = picture,
        .rect = *rect,
        .native = e->convert.tpixel_rgb || e->encoding == VNC_TIGHT_PNG,
        .jpeg = e->quality != VNC_LOSSLESS && e->convert.bytes > 1,
        .done = done,
    };
    struct run above = {.palette = &e->above}; /* not sent yet: there may be more below */

    for (uint32_t y = 0; y < rect->height; y++) {
        const uint32_t *in = vnc_picture_at(picture, rect->x, rect->y + y);
        uint32_t *row = e->pixels + (size_t)y * rect->width;

        if (!p.native)
            vnc_convert_wire(&e->convert, row, in, rect->width);
        else
            vnc_mask_pixels(row, in, rect->width);
    }
    for (uint32_t y = 0; y < rect->height; y += VNC_TILE) {
        struct run runs[VNC_PIECE_TILES];
        unsigned n = 0;

        for (uint32_t x = 0; x < rect->width; x += VNC_TILE) {
            struct run *r = &runs[n];

            *r = (struct run){.x = x,
                              .y = y,
                              .w = MIN((uint32_t)VNC_TILE, rect->width - x),
                              .h = MIN((uint32_t)VNC_TILE, rect->height - y),
                              .palette = &e->palettes[n]};
            look(e, &p, r);
            if (n && join_colours(&runs[n - 1], r))
                runs[n - 1].w += r->w;
            else
                n++;
        }
        if (n == 1 && above.h && join_below(&above, &runs[0]))
            continue;
        if (above.h && !put_run(e, out, &p, &above))
            return false;
        above.h = 0;
        if (n == 1) {
            struct vnc_palette *palette = above.palette;

            *palette = *runs[0].palette;
            above = runs[0];
            above.palette = palette;
            continue;
        }
        for (unsigned i = 0; i < n; i++) {
            if (!put_run(e, out, &p, &runs[i]))
                return false;
        }
    }
    return !above.h || put_run(e, out, &p, &above);
}
