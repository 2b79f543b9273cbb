/* Pieces of a screen as PNG files (RFC 2083), compressed as everything else here is. */
#include "ui/vnc/encode/internal.h"

#include <stdlib.h>
#include "core/util/range.h"

enum {
    COLOUR_RGB = 2,
    COLOUR_PALETTE = 3,
    FILTER_NONE = 0,
    FILTER_PAETH = 4,
    CHUNK_HEADER = 8, /* length and type */
};

/* The polynomial of PNG's chunks, four bits at a time. */
static uint32_t crc32_of(const uint8_t *p, size_t n)
{
    static const uint32_t table[16] = {
        0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4,
        0x4db26158, 0x5005713c, 0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c,
        0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c,
    };
    uint32_t crc = ~UINT32_C(0);

    for (size_t i = 0; i < n; i++) {
        crc = crc >> 4 ^ table[(crc ^ p[i]) & 15];
        crc = crc >> 4 ^ table[(crc ^ (unsigned)p[i] >> 4) & 15];
    }
    return ~crc;
}

/* Where the chunk's data begin; 0: out has failed. */
static size_t chunk_open(struct buffer *out, const char type[4])
{
    return buffer_put_be32(out, 0) && buffer_put(out, type, 4) ? out->len : 0;
}

static bool chunk_close(struct buffer *out, size_t start)
{
    if (out->failed)
        return false;
    store_be32(out->data + start - CHUNK_HEADER, (uint32_t)(out->len - start));
    return buffer_put_be32(out, crc32_of(out->data + start - 4, out->len - start + 4));
}

static unsigned depth_for(unsigned colours)
{
    return colours <= 2 ? 1 : colours <= 4 ? 2 : colours <= 16 ? 4 : 8;
}

static bool put_header(struct buffer *out, uint32_t w, uint32_t h, unsigned depth, uint8_t colour)
{
    static const uint8_t signature[8] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
    uint8_t fields[5] = {(uint8_t)depth, colour, 0, 0, 0};
    size_t at;

    if (!buffer_put(out, signature, sizeof signature) || !(at = chunk_open(out, "IHDR")))
        return false;
    return buffer_put_be32(out, w) && buffer_put_be32(out, h) &&
           buffer_put(out, fields, sizeof fields) && chunk_close(out, at);
}

static uint8_t *put_rgb(uint8_t *p, uint32_t pixel)
{
    p[0] = (uint8_t)(pixel >> 16);
    p[1] = (uint8_t)(pixel >> 8);
    p[2] = (uint8_t)pixel;
    return p + 3;
}

static bool put_colours(struct buffer *out, const struct vnc_palette *palette)
{
    size_t at = chunk_open(out, "PLTE");
    uint8_t *p = at ? buffer_append(out, palette->n * 3) : NULL;

    if (!p)
        return false;
    for (unsigned i = 0; i < palette->n; i++)
        p = put_rgb(p, palette->colours[i]);
    return chunk_close(out, at);
}

static void indexed_row(uint8_t *p, const uint32_t *row, uint32_t w,
                        const struct vnc_palette *palette, unsigned depth)
{
    unsigned byte = 0, filled = 0, index = 0;

    for (uint32_t x = 0; x < w; x++) {
        if (x == 0 || row[x] != row[x - 1])
            index = vnc_palette_index(palette, row[x]);
        byte = byte << depth | index;
        filled += depth;
        if (filled == 8) {
            *p++ = (uint8_t)byte;
            byte = filled = 0;
        }
    }
    if (filled)
        *p = (uint8_t)(byte << (8 - filled));
}

/* RFC 2083, 6.6. */
static uint8_t paeth(int left, int above, int above_left)
{
    int p = left + above - above_left, a = abs(p - left), b = abs(p - above),
        c = abs(p - above_left);

    return (uint8_t)(a <= b && a <= c ? left : b <= c ? above : above_left);
}

static void paeth_row(uint8_t *p, const uint32_t *row, const uint32_t *above, uint32_t w)
{
    uint32_t left = 0, above_left = 0;

    for (uint32_t x = 0; x < w; x++) {
        uint32_t up = above ? above[x] : 0;

        for (int shift = 16; shift >= 0; shift -= 8)
            *p++ = (uint8_t)((row[x] >> shift) - paeth(left >> shift & 255, up >> shift & 255,
                                                       above_left >> shift & 255));
        left = row[x];
        above_left = up;
    }
}

bool vnc_put_png(struct vnc_encoder *e, struct buffer *out, const uint32_t *pixels, uint32_t stride,
                 uint32_t w, uint32_t h, const struct vnc_palette *palette, bool smooth)
{
    struct vnc_deflate *d = vnc_encoder_stream(e, STREAM_PNG);
    unsigned depth = palette ? depth_for(palette->n) : 8;
    size_t row_bytes = 1 + (palette ? (w * (size_t)depth + 7) / 8 : w * (size_t)3), at;
    struct vnc_deflate_how how = {e->level, 1, (unsigned)row_bytes, !palette && smooth};
    uint8_t *p;

    if (!d)
        return false;
    vnc_deflate_restart(d);
    p = vnc_deflate_input(d, row_bytes * h);
    if (!p || !put_header(out, w, h, depth, palette ? COLOUR_PALETTE : COLOUR_RGB) ||
        (palette && !put_colours(out, palette)) || !(at = chunk_open(out, "IDAT")))
        return false;
    for (uint32_t y = 0; y < h; y++, pixels += stride, p += row_bytes) {
        p[0] = palette || !smooth ? FILTER_NONE : FILTER_PAETH;
        if (palette)
            indexed_row(p + 1, pixels, w, palette, depth);
        else if (smooth)
            paeth_row(p + 1, pixels, y ? pixels - stride : NULL, w);
        else
            for (uint32_t x = 0; x < w; x++)
                put_rgb(p + 1 + x * (size_t)3, pixels[x]);
    }
    if (!vnc_deflate_add(d, e->work, &how, row_bytes * h, out) ||
        !vnc_deflate_finish(d, e->work, out) || !chunk_close(out, at))
        return false;
    at = chunk_open(out, "IEND");
    return at && chunk_close(out, at);
}
