/* Pixels as RFB clients want them: see pixel.h. */
#include "ui/vnc/encode/pixel.h"

#include <string.h>
#include "core/util/endian.h"
#include "core/util/range.h"

enum { LANES = 8 };
/* Pixels at any address; the compiler makes of it what the host has. */
typedef uint32_t pixels_t __attribute__((vector_size(LANES * 4), aligned(4), may_alias));
typedef uint16_t pixels16_t __attribute__((vector_size(LANES * 2), aligned(1), may_alias));
typedef uint8_t pixels8_t __attribute__((vector_size(LANES), aligned(1), may_alias));
typedef uint32_t out_pixels_t __attribute__((vector_size(LANES * 4), aligned(1), may_alias));

const struct vnc_pixel_format vnc_pixel_format_native = {
    .bits_per_pixel = 32,
    .depth = 24,
    .true_colour = true,
    .red_max = 255,
    .green_max = 255,
    .blue_max = 255,
    .red_shift = 16,
    .green_shift = 8,
    .blue_shift = 0,
};

/* ---- formats --------------------------------------------------------------------------------- */

/* False: not 2^n - 1 for an n from 1 to 16. */
static bool bits_of_max(uint16_t max, uint8_t *bits)
{
    *bits = (uint8_t)__builtin_popcount(max);
    return max && ((uint32_t)max & ((uint32_t)max + 1)) == 0;
}

static bool colours_fit(const struct vnc_pixel_format *f)
{
    uint32_t pixel = 0;
    const struct {
        uint16_t max;
        uint8_t shift;
    } colours[] = {
        {f->red_max, f->red_shift}, {f->green_max, f->green_shift}, {f->blue_max, f->blue_shift}};

    for (unsigned i = 0; i < ARRAY_SIZE(colours); i++) {
        uint8_t bits;
        uint32_t mask;

        if (!bits_of_max(colours[i].max, &bits) ||
            !range_fits(colours[i].shift, bits, f->bits_per_pixel))
            return false;
        mask = (uint32_t)colours[i].max << colours[i].shift;
        if (pixel & mask)
            return false;
        pixel |= mask;
    }
    return true;
}

bool vnc_pixel_format_parse(struct vnc_pixel_format *format,
                            const uint8_t wire[VNC_PIXEL_FORMAT_SIZE])
{
    struct vnc_pixel_format f = {
        .bits_per_pixel = wire[0],
        .depth = wire[1],
        .big_endian = wire[2] != 0,
        .true_colour = wire[3] != 0,
    };

    if (f.bits_per_pixel != 8 && f.bits_per_pixel != 16 && f.bits_per_pixel != 32)
        return false;
    /* Clients are careless about the depth. */
    if (f.depth == 0 || f.depth > f.bits_per_pixel)
        f.depth = f.bits_per_pixel;
    if (f.true_colour) {
        f.red_max = load_be16(wire + 4);
        f.green_max = load_be16(wire + 6);
        f.blue_max = load_be16(wire + 8);
        f.red_shift = wire[10];
        f.green_shift = wire[11];
        f.blue_shift = wire[12];
        if (!colours_fit(&f))
            return false;
    }
    *format = f;
    return true;
}

void vnc_pixel_format_write(const struct vnc_pixel_format *f, uint8_t wire[VNC_PIXEL_FORMAT_SIZE])
{
    memset(wire, 0, VNC_PIXEL_FORMAT_SIZE);
    wire[0] = f->bits_per_pixel;
    wire[1] = f->depth;
    wire[2] = f->big_endian;
    wire[3] = f->true_colour;
    store_be16(wire + 4, f->red_max);
    store_be16(wire + 6, f->green_max);
    store_be16(wire + 8, f->blue_max);
    wire[10] = f->red_shift;
    wire[11] = f->green_shift;
    wire[12] = f->blue_shift;
}

/* ---- colour maps ----------------------------------------------------------------------------- */

/*
 * The server chooses the map, and makes it look like true colours: a few bits of each, so that
 * there is one way to make pixels. With one or two bits there are only greys, made from green.
 */
static unsigned map_bits(const struct vnc_pixel_format *f)
{
    return MIN(f->depth, 8);
}

static void map_channels(unsigned bits, struct vnc_channel *r, struct vnc_channel *g,
                         struct vnc_channel *b)
{
    bool grey = bits < 3;

    g->bits = (uint8_t)(grey ? bits : (bits + 2) / 3);
    r->bits = (uint8_t)((bits - g->bits + 1) / 2);
    b->bits = (uint8_t)(bits - g->bits - r->bits);
    b->shift = 0;
    g->shift = b->bits;
    r->shift = (uint8_t)(b->bits + g->bits);
}

static uint16_t map_intensity(unsigned index, const struct vnc_channel *ch)
{
    unsigned max = (1u << ch->bits) - 1;

    return (uint16_t)((index >> ch->shift & max) * 65535 / max);
}

size_t vnc_colour_map_message(const struct vnc_pixel_format *format,
                              uint8_t message[VNC_COLOUR_MAP_MAX])
{
    enum { SET_COLOUR_MAP_ENTRIES = 1, HEADER = 6, ENTRY = 6 };
    struct vnc_channel r, g, b;
    unsigned bits = map_bits(format), entries = 1u << bits;
    uint8_t *p = message + HEADER;

    if (format->true_colour)
        return 0;
    map_channels(bits, &r, &g, &b);
    message[0] = SET_COLOUR_MAP_ENTRIES;
    message[1] = 0;
    store_be16(message + 2, 0);
    store_be16(message + 4, (uint16_t)entries);
    for (unsigned i = 0; i < entries; i++, p += ENTRY) {
        uint16_t grey = map_intensity(i, &g);

        store_be16(p, r.bits ? map_intensity(i, &r) : grey);
        store_be16(p + 2, grey);
        store_be16(p + 4, b.bits ? map_intensity(i, &b) : grey);
    }
    return (size_t)(p - message);
}

/* ---- conversion ------------------------------------------------------------------------------ */

static struct vnc_channel channel(uint16_t max, uint8_t shift)
{
    struct vnc_channel ch = {.shift = shift};

    bits_of_max(max, &ch.bits);
    return ch;
}

void vnc_converter_init(struct vnc_converter *c, const struct vnc_pixel_format *f)
{
    uint32_t used;

    *c = (struct vnc_converter){.format = *f, .bytes = f->bits_per_pixel / 8u};
    if (f->true_colour) {
        c->red = channel(f->red_max, f->red_shift);
        c->green = channel(f->green_max, f->green_shift);
        c->blue = channel(f->blue_max, f->blue_shift);
    } else {
        map_channels(map_bits(f), &c->red, &c->green, &c->blue);
    }
    c->wide = c->red.bits > 8 || c->green.bits > 8 || c->blue.bits > 8;
    c->cpixel_bytes = c->bytes;
    if (!f->true_colour || c->bytes != 4)
        return;
    c->tpixel_rgb =
        f->depth == 24 && f->red_max == 255 && f->green_max == 255 && f->blue_max == 255;
    c->same = c->tpixel_rgb && !f->big_endian && f->red_shift == 16 && f->green_shift == 8 &&
              f->blue_shift == 0;
    used = (uint32_t)f->red_max << f->red_shift | (uint32_t)f->green_max << f->green_shift |
           (uint32_t)f->blue_max << f->blue_shift;
    if (f->depth <= 24 && (!(used & 0xff000000) || !(used & 0xff))) {
        c->cpixel_bytes = 3;
        c->cpixel_shift = ((used & 0xff000000) != 0) != f->big_endian ? 8 : 0;
    }
}

/* A colour of 8 bits in as many as are wanted; more are filled up with the highest again. */
static uint32_t scaled(uint32_t colour, const struct vnc_channel *ch)
{
    uint32_t v = ch->bits <= 8 ? colour >> (8 - ch->bits)
                               : colour << (ch->bits - 8) | colour >> (16 - ch->bits);

    return v << ch->shift;
}

/* In host order. */
static uint32_t convert_one(const struct vnc_converter *c, uint32_t pixel)
{
    return scaled(pixel >> 16 & 0xff, &c->red) | scaled(pixel >> 8 & 0xff, &c->green) |
           scaled(pixel & 0xff, &c->blue);
}

static uint32_t wire_order(const struct vnc_converter *c, uint32_t v)
{
    return c->format.big_endian ? __builtin_bswap32(v) >> (32 - c->format.bits_per_pixel) : v;
}

/* The same for LANES at a time; colours have 8 bits at most. */
static inline void convert_lanes(const struct vnc_converter *c, const uint32_t *in, pixels_t *out)
{
    pixels_t p = *(const pixels_t *)in;

    *out = (p >> (24u - c->red.bits) & ((1u << c->red.bits) - 1)) << c->red.shift |
           (p >> (16u - c->green.bits) & ((1u << c->green.bits) - 1)) << c->green.shift |
           (p >> (8u - c->blue.bits) & ((1u << c->blue.bits) - 1)) << c->blue.shift;
}

static inline void reverse_lanes(pixels_t *p)
{
    *p = *p >> 16 | *p << 16;
    *p = (*p >> 8 & 0x00ff00ff) | (*p & 0x00ff00ff) << 8;
}

static size_t convert_32(const struct vnc_converter *c, uint8_t *out, const uint32_t *pixels,
                         size_t n)
{
    size_t i = 0;

    for (; i + LANES <= n; i += LANES) {
        pixels_t p;

        convert_lanes(c, pixels + i, &p);
        if (c->format.big_endian)
            reverse_lanes(&p);
        *(out_pixels_t *)(out + i * 4) = p;
    }
    return i;
}

static size_t convert_16(const struct vnc_converter *c, uint8_t *out, const uint32_t *pixels,
                         size_t n)
{
    size_t i = 0;

    for (; i + LANES <= n; i += LANES) {
        pixels_t p;
        pixels16_t v;

        convert_lanes(c, pixels + i, &p);
        v = __builtin_convertvector(p, pixels16_t);
        if (c->format.big_endian)
            v = v >> 8 | v << 8;
        *(pixels16_t *)(out + i * 2) = v;
    }
    return i;
}

static size_t convert_8(const struct vnc_converter *c, uint8_t *out, const uint32_t *pixels,
                        size_t n)
{
    size_t i = 0;

    for (; i + LANES <= n; i += LANES) {
        pixels_t p;

        convert_lanes(c, pixels + i, &p);
        *(pixels8_t *)(out + i) = __builtin_convertvector(p, pixels8_t);
    }
    return i;
}

void vnc_convert(const struct vnc_converter *c, uint8_t *out, const uint32_t *pixels, size_t n)
{
    size_t i = 0;

    if (c->same) {
        memcpy(out, pixels, n * 4);
        return;
    }
    if (!c->wide)
        i = c->bytes == 4   ? convert_32(c, out, pixels, n)
            : c->bytes == 2 ? convert_16(c, out, pixels, n)
                            : convert_8(c, out, pixels, n);
    for (; i < n; i++)
        store_le(out + i * c->bytes, wire_order(c, convert_one(c, pixels[i])), c->bytes);
}

void vnc_convert_wire(const struct vnc_converter *c, uint32_t *out, const uint32_t *pixels,
                      size_t n)
{
    size_t i = 0;

    if (!c->wide && (!c->format.big_endian || c->bytes == 4)) {
        for (; i + LANES <= n; i += LANES) {
            pixels_t p;

            if (c->same)
                p = *(const pixels_t *)(pixels + i) & 0xffffff;
            else
                convert_lanes(c, pixels + i, &p);
            if (c->format.big_endian)
                reverse_lanes(&p);
            *(pixels_t *)(out + i) = p;
        }
    }
    for (; i < n; i++)
        out[i] = wire_order(c, convert_one(c, pixels[i]));
}

void vnc_mask_pixels(uint32_t *out, const uint32_t *pixels, size_t n)
{
    size_t i = 0;

    for (; i + LANES <= n; i += LANES)
        *(pixels_t *)(out + i) = *(const pixels_t *)(pixels + i) & 0xffffff;
    for (; i < n; i++)
        out[i] = pixels[i] & 0xffffff;
}
