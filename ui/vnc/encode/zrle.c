/* ZRLE (RFC 6143, 7.7.6): tiles of 64 x 64, each in the form that is shortest, as a zlib stream. */
#include "ui/vnc/encode/internal.h"

#include "core/util/range.h"

enum {
    RAW = 0,
    SOLID = 1,
    PLAIN_RLE = 128,
    PALETTE_RLE = 128, /* and the number of colours */
    PACKED_MAX = 16,   /* colours of a packed palette */
    PALETTE_MAX = 127,
    TILE_BYTES_MAX = 1 + VNC_TILE * VNC_TILE * 4 + 4,
};

struct tile {
    unsigned w, h, n;
    const uint32_t *pixels;      /* wire pixels, rows without gaps */
    unsigned runs, lone;         /* of equal pixels; those of one pixel */
    struct vnc_palette *palette; /* NULL: more than PALETTE_MAX colours */
};

static void look(struct tile *t, struct vnc_palette *palette)
{
    vnc_palette_clear(palette);
    t->palette = palette;
    t->runs = t->lone = 0;
    for (unsigned i = 0; i < t->n;) {
        uint32_t colour = t->pixels[i];
        unsigned from = i;

        do
            i++;
        while (i < t->n && t->pixels[i] == colour);
        t->runs++;
        t->lone += i - from == 1;
        if (t->palette && !vnc_palette_add(palette, colour, PALETTE_MAX))
            t->palette = NULL;
    }
}

static uint8_t *put_cpixel(const struct vnc_encoder *e, uint8_t *p, uint32_t pixel)
{
    /* There is always room for four. */
    store_le32(p, pixel >> e->convert.cpixel_shift);
    return p + e->convert.cpixel_bytes;
}

static uint8_t *put_run_length(uint8_t *p, unsigned length)
{
    for (length--; length >= 255; length -= 255)
        *p++ = 255;
    *p++ = (uint8_t)length;
    return p;
}

static uint8_t *put_packed(const struct tile *t, uint8_t *p)
{
    unsigned bits = t->palette->n <= 2 ? 1 : t->palette->n <= 4 ? 2 : 4;

    for (unsigned y = 0; y < t->h; y++) {
        const uint32_t *row = t->pixels + y * t->w;
        unsigned byte = 0, filled = 0, index = 0;

        for (unsigned x = 0; x < t->w; x++) {
            if (x == 0 || row[x] != row[x - 1])
                index = vnc_palette_index(t->palette, row[x]);
            byte = byte << bits | index;
            filled += bits;
            if (filled == 8) {
                *p++ = (uint8_t)byte;
                byte = filled = 0;
            }
        }
        if (filled)
            *p++ = (uint8_t)(byte << (8 - filled));
    }
    return p;
}

static uint8_t *put_runs(const struct vnc_encoder *e, const struct tile *t, bool indexed,
                         uint8_t *p)
{
    for (unsigned i = 0; i < t->n;) {
        uint32_t colour = t->pixels[i];
        unsigned from = i;

        do
            i++;
        while (i < t->n && t->pixels[i] == colour);
        if (!indexed) {
            p = put_run_length(put_cpixel(e, p, colour), i - from);
        } else if (i - from == 1) {
            *p++ = (uint8_t)vnc_palette_index(t->palette, colour);
        } else {
            *p++ = (uint8_t)(128 | vnc_palette_index(t->palette, colour));
            p = put_run_length(p, i - from);
        }
    }
    return p;
}

/* The tile in its shortest form; *how says how that is best compressed. */
static uint8_t *put_tile(const struct vnc_encoder *e, const struct tile *t, uint8_t *p,
                         struct vnc_deflate_how *how)
{
    unsigned cpixel = e->convert.cpixel_bytes, colours = t->palette ? t->palette->n : 0;
    size_t raw = (size_t)t->n * cpixel, best = raw, rle, palette_rle;
    enum { USE_RAW, USE_PACKED, USE_RLE, USE_PALETTE_RLE } use = USE_RAW;

    how->pixel = 1;
    how->row = 0;
    if (colours == 1) {
        *p++ = SOLID;
        return put_cpixel(e, p, t->pixels[0]);
    }
    /* A run has at least one length byte; the deflater knows runs, too, so that raw and packed
     * forms, where it sees rows, are better than they look. */
    rle = 3 * (size_t)t->runs * (cpixel + 1);
    if (rle < best) {
        best = rle;
        use = USE_RLE;
    }
    if (colours) {
        palette_rle = colours * cpixel + 2 * (2 * (size_t)t->runs - t->lone);
        if (palette_rle < best) {
            best = palette_rle;
            use = USE_PALETTE_RLE;
        }
    }
    if (colours && colours <= PACKED_MAX) {
        unsigned bits = colours <= 2 ? 1 : colours <= 4 ? 2 : 4;
        size_t packed = colours * cpixel + (size_t)(t->w * bits + 7) / 8 * t->h;

        if (packed < best)
            use = USE_PACKED;
        how->row = use == USE_PACKED ? (t->w * bits + 7) / 8 : 0;
    }
    switch (use) {
    case USE_RAW:
        *p++ = RAW;
        how->pixel = cpixel;
        how->row = t->w * cpixel;
        for (unsigned i = 0; i < t->n; i++)
            p = put_cpixel(e, p, t->pixels[i]);
        break;
    case USE_RLE:
        *p++ = PLAIN_RLE;
        how->pixel = cpixel + 1;
        p = put_runs(e, t, false, p);
        break;
    default:
        *p++ = (uint8_t)(colours + (use == USE_PALETTE_RLE ? PALETTE_RLE : 0));
        for (unsigned i = 0; i < colours; i++)
            p = put_cpixel(e, p, t->palette->colours[i]);
        p = use == USE_PACKED ? put_packed(t, p) : put_runs(e, t, true, p);
    }
    return p;
}

bool vnc_encode_zrle(struct vnc_encoder *e, struct buffer *out, const struct vnc_picture *picture,
                     const struct display_rect *rect, struct vnc_encoded *done)
{
    struct vnc_deflate *d = vnc_encoder_stream(e, STREAM_ZRLE);
    size_t at;

    if (!d || !vnc_put_rect_header(out, rect, VNC_ZRLE) || !buffer_append(out, 4))
        return false;
    at = out->len;
    for (uint32_t y = 0; y < rect->height; y += VNC_TILE) {
        for (uint32_t x = 0; x < rect->width; x += VNC_TILE) {
            struct tile t = {.w = MIN((uint32_t)VNC_TILE, rect->width - x),
                             .h = MIN((uint32_t)VNC_TILE, rect->height - y),
                             .pixels = e->pixels};
            struct vnc_deflate_how how = {.level = e->level};
            uint8_t *p = vnc_deflate_input(d, TILE_BYTES_MAX), *end;

            if (!p)
                return false;
            t.n = t.w * t.h;
            for (unsigned k = 0; k < t.h; k++)
                vnc_convert_wire(&e->convert, e->pixels + k * t.w,
                                 vnc_picture_at(picture, rect->x + x, rect->y + y + k), t.w);
            look(&t, &e->palettes[0]);
            end = put_tile(e, &t, p, &how);
            /* The first byte by itself, so that what follows begins with a pixel. */
            if (!vnc_deflate_add(d, e->work, &(struct vnc_deflate_how){e->level, 1, 0, false}, 1,
                                 out) ||
                !vnc_deflate_add(d, e->work, &how, (size_t)(end - p) - 1, out))
                return false;
        }
    }
    if (!vnc_deflate_flush(d, e->work, out))
        return false;
    store_be32(out->data + at - 4, (uint32_t)(out->len - at));
    done->rects++;
    return true;
}
