/* ui/vnc/encode: pixel formats and encodings, read back by decoders of the test's own. */
#include <criterion/criterion.h>
#include <string.h>

#include "core/util/buffer.h"
#include "core/util/range.h"
#include "ui/vnc/encode/encode.h"

/* ---- a small random source: fixed seeds, the same everywhere --------------------------------- */

static uint32_t rnd(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(*state >> 32);
}

/* ---- buffers --------------------------------------------------------------------------------- */

Test(buffer, grows_to_its_limit_and_fails_for_good)
{
    struct buffer b = {.limit = 1000};

    for (unsigned i = 0; i < 250; i++)
        cr_assert(buffer_put_be32(&b, i));
    cr_assert_eq(b.len, 1000);
    cr_assert(buffer_put(&b, "", 0));
    cr_assert(!buffer_put_u8(&b, 1));
    cr_assert(b.failed);
    cr_assert_eq(b.len, 1000);
    cr_assert_eq(load_be32(b.data + 996), 249);
    buffer_consume(&b, 996);
    cr_assert_eq(load_be32(b.data), 249);
    cr_assert(!buffer_put_u8(&b, 1), "a failed buffer takes nothing more");
    buffer_clear(&b);
    cr_assert(buffer_put_u8(&b, 1));
    cr_assert_null(buffer_append(&b, SIZE_MAX));
    buffer_free(&b);
}

/* ---- formats --------------------------------------------------------------------------------- */

static void wire_format(uint8_t wire[VNC_PIXEL_FORMAT_SIZE], const struct vnc_pixel_format *f)
{
    memset(wire, 0, VNC_PIXEL_FORMAT_SIZE);
    vnc_pixel_format_write(f, wire);
}

static const struct vnc_pixel_format formats[] = {
    {32, 24, false, true, 255, 255, 255, 16, 8, 0}, /* as it is */
    {32, 24, true, true, 255, 255, 255, 16, 8, 0},
    {32, 24, false, true, 255, 255, 255, 0, 8, 16},
    {32, 24, true, true, 255, 255, 255, 24, 16, 8}, /* CPIXEL is the upper three bytes */
    {32, 24, false, true, 255, 255, 255, 24, 16, 8},
    {32, 24, true, true, 255, 255, 255, 8, 16, 24},
    {32, 32, false, true, 255, 255, 255, 16, 8, 0}, /* CPIXEL has four bytes */
    {32, 24, false, true, 255, 255, 255, 0, 8, 24},
    {32, 30, false, true, 1023, 1023, 1023, 20, 10, 0},
    {32, 15, false, true, 31, 31, 31, 10, 5, 0},
    {32, 16, true, true, 31, 63, 31, 11, 5, 0},
    {16, 16, false, true, 31, 63, 31, 11, 5, 0},
    {16, 16, true, true, 31, 63, 31, 11, 5, 0},
    {16, 15, false, true, 31, 31, 31, 0, 5, 10},
    {16, 12, false, true, 15, 15, 15, 8, 4, 0},
    {8, 8, false, true, 7, 7, 3, 0, 3, 6},
    {8, 6, false, true, 3, 3, 3, 4, 2, 0},
    {8, 3, true, true, 1, 1, 1, 2, 1, 0},
    {8, 8, false, false, 0, 0, 0, 0, 0, 0}, /* colour maps */
    {8, 4, false, false, 0, 0, 0, 0, 0, 0},
    {16, 8, true, false, 0, 0, 0, 0, 0, 0},
    {8, 1, false, false, 0, 0, 0, 0, 0, 0},
};

Test(vnc_format, formats_survive_the_wire)
{
    for (unsigned i = 0; i < ARRAY_SIZE(formats); i++) {
        uint8_t wire[VNC_PIXEL_FORMAT_SIZE], again[VNC_PIXEL_FORMAT_SIZE];
        struct vnc_pixel_format f;

        wire_format(wire, &formats[i]);
        cr_assert(vnc_pixel_format_parse(&f, wire), "format %u", i);
        wire_format(again, &f);
        cr_assert_eq(memcmp(wire, again, sizeof wire), 0, "format %u", i);
    }
}

Test(vnc_format, what_cannot_be_made_is_refused)
{
    static const struct vnc_pixel_format bad[] = {
        {24, 24, false, true, 255, 255, 255, 16, 8, 0},  /* bits per pixel */
        {0, 24, false, true, 255, 255, 255, 16, 8, 0},   /* none */
        {64, 24, false, true, 255, 255, 255, 16, 8, 0},  /* too many */
        {32, 24, false, true, 254, 255, 255, 16, 8, 0},  /* not 2^n - 1 */
        {32, 24, false, true, 0, 255, 255, 16, 8, 0},    /* no red */
        {32, 24, false, true, 255, 255, 255, 25, 8, 0},  /* over the top */
        {32, 24, false, true, 255, 255, 255, 255, 8, 0}, /* far over it */
        {32, 24, false, true, 255, 255, 255, 16, 9, 0},  /* overlap */
        {8, 8, false, true, 255, 255, 255, 16, 8, 0},    /* too wide */
        {16, 16, false, true, 65535, 1, 1, 0, 0, 0},     /* overlap of everything */
    };

    for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
        uint8_t wire[VNC_PIXEL_FORMAT_SIZE];
        struct vnc_pixel_format f;

        wire_format(wire, &bad[i]);
        cr_assert(!vnc_pixel_format_parse(&f, wire), "format %u", i);
    }
}

static uint32_t to_8_bits(uint32_t v, uint32_t max)
{
    return ((v & max) * 255 + max / 2) / max;
}

/* What a viewer shows of a pixel: 8 bits of each colour. */
static uint32_t shown(const struct vnc_pixel_format *f, const uint8_t *map, const uint8_t *p)
{
    uint32_t v = 0;

    for (unsigned i = 0; i < f->bits_per_pixel / 8u; i++)
        v |= (uint32_t)p[f->big_endian ? f->bits_per_pixel / 8u - 1 - i : i] << 8 * i;
    if (!f->true_colour) {
        const uint8_t *entry = map + 6 + v * 6;

        cr_assert_lt(v, load_be16(map + 4));
        return (uint32_t)entry[0] << 16 | (uint32_t)entry[2] << 8 | entry[4];
    }
    return to_8_bits(v >> f->red_shift, f->red_max) << 16 |
           to_8_bits(v >> f->green_shift, f->green_max) << 8 |
           to_8_bits(v >> f->blue_shift, f->blue_max);
}

/* How far a colour of n bits may be off. */
static bool near(uint32_t a, uint32_t b, unsigned bits)
{
    uint32_t d = a > b ? a - b : b - a;

    return d <= (bits >= 8 ? 0 : 255u >> bits);
}

static unsigned bits(uint16_t max)
{
    return (unsigned)__builtin_popcount(max);
}

Test(vnc_format, pixels_show_their_colours_in_every_format)
{
    uint64_t seed = 1;

    for (unsigned i = 0; i < ARRAY_SIZE(formats); i++) {
        const struct vnc_pixel_format *f = &formats[i];
        struct vnc_converter c;
        uint8_t map[VNC_COLOUR_MAP_MAX], out[1 + 100 * 4 + 1];
        uint32_t in[100];
        size_t map_len = vnc_colour_map_message(f, map);

        cr_assert_eq(map_len != 0, !f->true_colour);
        vnc_converter_init(&c, f);
        for (unsigned n = 0; n <= 100; n = n < 20 ? n + 1 : n * 2) {
            for (unsigned k = 0; k < n; k++)
                in[k] = rnd(&seed);
            out[0] = out[1 + n * c.bytes] = 0x5a;
            vnc_convert(&c, out + 1, in, n);
            cr_assert_eq(out[0], 0x5a);
            cr_assert_eq(out[1 + n * c.bytes], 0x5a, "format %u writes past its end", i);
            for (unsigned k = 0; k < n; k++) {
                uint32_t s = shown(f, map, out + 1 + k * c.bytes);

                if (f->true_colour) {
                    cr_assert(near(s >> 16, in[k] >> 16 & 0xff, bits(f->red_max)) &&
                                  near(s >> 8 & 0xff, in[k] >> 8 & 0xff, bits(f->green_max)) &&
                                  near(s & 0xff, in[k] & 0xff, bits(f->blue_max)),
                              "format %u: %06x shows as %06x", i, in[k] & 0xffffff, s);
                } else {
                    unsigned g = f->depth < 3 ? f->depth : (f->depth + 2u) / 3;

                    cr_assert(near(s >> 8 & 0xff, in[k] >> 8 & 0xff, g),
                              "format %u: %06x shows as %06x", i, in[k] & 0xffffff, s);
                }
            }
        }
    }
}

Test(vnc_format, colour_maps_reach_from_black_to_white)
{
    static const uint8_t depths[] = {1, 2, 3, 5, 8};

    for (unsigned i = 0; i < ARRAY_SIZE(depths); i++) {
        struct vnc_pixel_format f = {.bits_per_pixel = 8, .depth = depths[i]};
        uint8_t map[VNC_COLOUR_MAP_MAX];
        size_t len = vnc_colour_map_message(&f, map);
        static const uint8_t black[6], white[6] = {255, 255, 255, 255, 255, 255};

        cr_assert_eq(len, 6u + (6u << depths[i]));
        cr_assert_eq(map[0], 1);
        cr_assert_eq(load_be16(map + 2), 0);
        cr_assert_eq(load_be16(map + 4), 1u << depths[i]);
        cr_assert_eq(memcmp(map + 6, black, 6), 0);
        cr_assert_eq(memcmp(map + len - 6, white, 6), 0);
    }
}

/* ---- raw ------------------------------------------------------------------------------------- */

enum { W = 1500, H = 130 };

static void random_picture(uint32_t *pixels, size_t n, uint64_t seed)
{
    for (size_t i = 0; i < n; i++)
        pixels[i] = rnd(&seed);
}

Test(vnc_encode, raw_rectangles_cover_what_was_asked_for_once)
{
    static uint32_t pixels[W * H];
    static uint8_t hits[W * H];
    const struct vnc_picture picture = {pixels, W * 4, W, H};
    const struct display_rect rect = {7, 3, W - 9, H - 5};
    struct vnc_libraries *libs = vnc_libraries_new();
    struct vnc_encoder *e = vnc_encoder_new(libs);
    struct buffer out = {.limit = 1 << 20};
    struct vnc_encoded done;
    const uint8_t *p;

    random_picture(pixels, W * H, 2);
    cr_assert(vnc_encode_rect(e, &out, &picture, &rect, &done));
    cr_assert_eq(done.lossy, 0);
    p = out.data;
    for (unsigned i = 0; i < done.rects; i++) {
        unsigned x = load_be16(p), y = load_be16(p + 2), w = load_be16(p + 4), h = load_be16(p + 6);

        cr_assert_eq(load_be32(p + 8), 0);
        cr_assert_leq(w * h, VNC_RECT_PIXELS_MAX);
        p += VNC_RECT_HEADER_SIZE;
        for (unsigned k = 0; k < w * h; k++, p += 4) {
            unsigned at = (y + k / w) * W + x + k % w;

            cr_assert_eq(load_le32(p) & 0xffffff, pixels[at] & 0xffffff);
            hits[at]++;
        }
    }
    cr_assert_eq(p, out.data + out.len);
    for (unsigned i = 0; i < W * H; i++) {
        bool inside = i % W >= rect.x && i % W < rect.x + rect.width && i / W >= rect.y &&
                      i / W < rect.y + rect.height;

        cr_assert_eq(hits[i], inside);
    }
    buffer_free(&out);
    out.limit = 1000;
    cr_assert(!vnc_encode_rect(e, &out, &picture, &rect, &done));
    cr_assert(out.failed);
    buffer_free(&out);
    vnc_encoder_free(e);
    vnc_libraries_free(libs);
}

Test(vnc_encode, copy_names_where_it_comes_from)
{
    static const uint8_t want[] = {0, 1, 0, 2, 0, 3, 0, 4, 0, 0, 0, 1, 0, 5, 0x12, 0x34};
    struct buffer out = {.limit = 100};

    cr_assert(vnc_encode_copy(&out, &(struct display_rect){1, 2, 3, 4}, 5, 0x1234));
    cr_assert_eq(out.len, sizeof want);
    cr_assert_eq(memcmp(out.data, want, sizeof want), 0);
    buffer_free(&out);
}

Test(vnc_encode, the_first_encoding_that_can_be_sent_is_taken)
{
    static const int32_t list[] = {1, 5000, -247, -32 + 6, 0, 7};
    struct vnc_libraries *libs = vnc_libraries_new();
    struct vnc_encoder *e = vnc_encoder_new(libs);

    cr_assert(!vnc_encoder_can_copy(e));
    vnc_encoder_set_encodings(e, list, ARRAY_SIZE(list));
    cr_assert(vnc_encoder_can_copy(e));
    cr_assert_eq(vnc_encoder_encoding(e), VNC_RAW);
    cr_assert_eq(vnc_encoder_client_level(e), 9);
    vnc_encoder_set_encodings(e, NULL, 0);
    cr_assert_eq(vnc_encoder_client_level(e), -1);
    cr_assert_eq(vnc_encoder_client_quality(e), VNC_LOSSLESS);
    vnc_encoder_free(e);
    vnc_libraries_free(libs);
}
