/* ui/vnc/encode: pixel formats and encodings, read back by decoders of the test's own. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "core/util/buffer.h"
#include "core/util/range.h"
#include "tests/unit/vnc_viewer.h"
#include "ui/vnc/encode/adapt.h"
#include "ui/vnc/encode/changes.h"
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
    static const int32_t list[] = {1, 5000, -247, -32 + 6, 16, 0, 7};
    struct vnc_libraries *libs = vnc_libraries_new();
    struct vnc_encoder *e = vnc_encoder_new(libs);

    cr_assert(!vnc_encoder_can_copy(e));
    vnc_encoder_set_encodings(e, list, ARRAY_SIZE(list));
    cr_assert(vnc_encoder_can_copy(e));
    cr_assert_eq(vnc_encoder_encoding(e), VNC_ZRLE);
    cr_assert_eq(vnc_encoder_client_level(e), 9);
    cr_assert_eq(vnc_encoder_client_quality(e),
                 vnc_libraries_offer_jpeg(libs, NULL) ? 79 : VNC_LOSSLESS);
    vnc_encoder_set_encodings(e, NULL, 0);
    cr_assert_eq(vnc_encoder_encoding(e), VNC_RAW);
    cr_assert_eq(vnc_encoder_client_level(e), -1);
    cr_assert_eq(vnc_encoder_client_quality(e), VNC_LOSSLESS);
    vnc_encoder_free(e);
    vnc_libraries_free(libs);
}

/* ---- what every encoding has to keep --------------------------------------------------------- */

static const int32_t lossless[] = {VNC_RAW,  VNC_HEXTILE, VNC_ZLIB,
                                   VNC_ZRLE, VNC_TIGHT,   VNC_TIGHT_PNG};

/* An encoder and a viewer that should show the same. */
struct pair {
    struct vnc_libraries *libs;
    struct vnc_encoder *e;
    struct viewer *viewer;
    struct vnc_picture picture;
    uint32_t *pixels;
    struct vnc_converter convert;
    struct buffer out;
    uint64_t lossy;
};

static void pair_format(struct pair *p, const struct vnc_pixel_format *format)
{
    vnc_converter_init(&p->convert, format);
    vnc_encoder_set_format(p->e, format);
    viewer_set_format(p->viewer, format);
}

static void pair_open(struct pair *p, unsigned w, unsigned h)
{
    *p = (struct pair){.out.limit = 64 << 20};
    p->libs = vnc_libraries_new();
    p->e = vnc_encoder_new(p->libs);
    p->viewer = viewer_new(w, h, &vnc_pixel_format_native);
    if (!p->viewer)
        cr_skip_test("no zlib");
    p->pixels = calloc((size_t)w * h, 4);
    p->picture = (struct vnc_picture){p->pixels, w * (size_t)4, w, h};
    pair_format(p, &vnc_pixel_format_native);
}

static void pair_close(struct pair *p)
{
    viewer_free(p->viewer);
    vnc_encoder_free(p->e);
    vnc_libraries_free(p->libs);
    buffer_free(&p->out);
    free(p->pixels);
}

static void pair_send(struct pair *p, struct display_rect rect)
{
    struct vnc_encoded done;
    const char *why = NULL;

    buffer_clear(&p->out);
    cr_assert(vnc_encode_rect(p->e, &p->out, &p->picture, &rect, &done));
    p->lossy += done.lossy;
    cr_assert(viewer_take(p->viewer, p->out.data, p->out.len, done.rects, &why), "encoding %d: %s",
              vnc_encoder_encoding(p->e), why);
}

/* The rectangle, as the client sees it, is the machine's to the bit. */
static void pair_check(struct pair *p, struct display_rect rect)
{
    static uint8_t want[4096 * 4];
    unsigned bytes = p->convert.bytes;

    for (uint32_t y = rect.y; y < rect.y + rect.height; y++) {
        const uint8_t *got =
            viewer_pixels(p->viewer) + ((size_t)y * p->picture.width + rect.x) * bytes;

        vnc_convert(&p->convert, want, p->pixels + (size_t)y * p->picture.width + rect.x,
                    rect.width);
        for (uint32_t x = 0; x < rect.width; x++) {
            uint32_t a = (uint32_t)load_le(want + x * bytes, bytes);
            uint32_t b = (uint32_t)load_le(got + x * bytes, bytes);

            /* The byte of a PIXEL without colours in it may be anything. */
            if (p->convert.same)
                a &= 0xffffff, b &= 0xffffff;
            cr_assert_eq(a, b, "encoding %d, %u bits: %u,%u of %ux%u is %x, not %x",
                         vnc_encoder_encoding(p->e), p->convert.format.bits_per_pixel, x, y,
                         rect.width, rect.height, b, a);
        }
    }
}

/* Draws something of a random kind: noise, flat colours, text, few colours, slopes. */
static void draw(struct pair *p, struct display_rect r, uint64_t *seed)
{
    unsigned kind = rnd(seed) % 7, colours = kind == 2 ? 2 : 1 + rnd(seed) % 300;
    uint32_t base = rnd(seed), step = rnd(seed) & 0x030303;

    for (uint32_t y = r.y; y < r.y + r.height; y++) {
        uint32_t *row = p->pixels + (size_t)y * p->picture.width;

        for (uint32_t x = r.x; x < r.x + r.width; x++) {
            switch (kind) {
            case 0:
                row[x] = rnd(seed);
                break;
            case 1:
                row[x] = base;
                break;
            case 2:
            case 3:
                row[x] = base + rnd(seed) % colours * 0x010203;
                break;
            case 4: /* like letters */
                row[x] = (x * 7 + y * 13) % 16 < 4 ? base : ~base;
                break;
            case 5: /* runs */
                row[x] = base + x / 20 * 0x40201;
                break;
            default:
                row[x] = base + (x + y) * step + rnd(seed) % 2;
            }
        }
    }
}

static struct display_rect random_rect(const struct pair *p, uint64_t *seed)
{
    struct display_rect r = {rnd(seed) % p->picture.width, rnd(seed) % p->picture.height, 0, 0};
    unsigned w = rnd(seed) % 4 ? 200 : 4096, h = rnd(seed) % 4 ? 100 : 4096;

    r.width = 1 + rnd(seed) % MIN(w, p->picture.width - r.x);
    r.height = 1 + rnd(seed) % MIN(h, p->picture.height - r.y);
    return r;
}

/* Are all 8 bits of each colour there? */
static bool exact(const struct vnc_pixel_format *f)
{
    return f->true_colour && f->red_max == 255 && f->green_max == 255 && f->blue_max == 255;
}

Test(vnc_encode, lossless_encodings_show_the_picture_in_every_format, .timeout = 120)
{
    for (unsigned i = 0; i < ARRAY_SIZE(lossless); i++) {
        uint64_t seed = 100 + i;
        struct pair p;

        pair_open(&p, 1300, 200);
        for (unsigned f = 0; f < ARRAY_SIZE(formats); f++) {
            int32_t list[] = {VNC_COMPRESSION_LEVEL_0 + (int32_t)(rnd(&seed) % 10), lossless[i]};

            /* PNG has no way to show a colour map's pixels, and browsers use none. */
            if (lossless[i] == VNC_TIGHT_PNG && !exact(&formats[f]))
                continue;
            pair_format(&p, &formats[f]);
            vnc_encoder_set_encodings(p.e, list, ARRAY_SIZE(list));
            cr_assert_eq(vnc_encoder_encoding(p.e), lossless[i]);
            for (unsigned k = 0; k < 12; k++) {
                struct display_rect r = random_rect(&p, &seed);

                draw(&p, r, &seed);
                draw(&p, random_rect(&p, &seed), &seed);
                pair_send(&p, r);
                pair_check(&p, r);
            }
        }
        cr_assert_eq(p.lossy, 0);
        pair_close(&p);
    }
}

Test(vnc_encode, edges_of_tiles_and_counts_of_colours, .timeout = 120)
{
    static const unsigned sides[] = {1, 2, 7, 8, 9, 15, 16, 17, 63, 64, 65, 127, 128, 129};
    static const unsigned colours[] = {1, 2, 3, 4, 5, 16, 17, 127, 128, 255, 256, 257, 300};

    for (unsigned i = 0; i < ARRAY_SIZE(lossless); i++) {
        uint64_t seed = 200 + i;
        struct pair p;

        pair_open(&p, 130, 130);
        vnc_encoder_set_encodings(p.e, &lossless[i], 1);
        for (unsigned a = 0; a < ARRAY_SIZE(sides); a++) {
            for (unsigned b = 0; b < ARRAY_SIZE(sides); b++) {
                struct display_rect r = {0, 0, sides[a], sides[b]};
                unsigned n = colours[(a + b) % ARRAY_SIZE(colours)];

                for (unsigned k = 0; k < 130 * 130; k++)
                    p.pixels[k] = k % 130 % n == 0 ? rnd(&seed) % n * 0x10305 : k % n * 0x10305;
                pair_send(&p, r);
                pair_check(&p, r);
            }
        }
        pair_close(&p);
    }
}

Test(vnc_encode, large_pictures_and_long_runs)
{
    for (unsigned i = 0; i < ARRAY_SIZE(lossless); i++) {
        struct display_rect all = {0, 0, 2500, 700};
        struct pair p;

        pair_open(&p, all.width, all.height);
        vnc_encoder_set_encodings(p.e, &lossless[i], 1);
        for (unsigned round = 0; round < 3; round++) {
            for (unsigned k = 0; k < all.width * all.height; k++)
                p.pixels[k] = round * 0x123456 + (k > all.width * 333 ? 0x808080 : 0);
            pair_send(&p, all);
            pair_check(&p, all);
            if (lossless[i] != VNC_RAW)
                cr_assert_lt(p.out.len, 30000, "encoding %d: %zu", lossless[i], p.out.len);
        }
        pair_close(&p);
    }
}

/* A photograph, as far as arithmetic makes one. */
static void photograph(struct pair *p)
{
    uint64_t seed = 5;

    for (uint32_t y = 0; y < p->picture.height; y++) {
        for (uint32_t x = 0; x < p->picture.width; x++) {
            uint32_t r = (x * 3 + y) / 5 + rnd(&seed) % 4, g = (x + y * 2) / 4 + rnd(&seed) % 4;

            p->pixels[y * p->picture.width + x] =
                (r & 255) << 16 | (g & 255) << 8 | ((x * x + y * y) / 700 & 255);
        }
    }
}

Test(vnc_encode, tight_sends_photographs_as_jpeg_where_they_are_asked_for)
{
    static const int32_t list[] = {VNC_TIGHT, VNC_QUALITY_LEVEL_0 + 8};
    struct display_rect all = {0, 0, 600, 300}, text = {600, 0, 200, 300};
    struct pair p;
    double error = 0;

    pair_open(&p, 800, 300);
    if (!vnc_libraries_offer_jpeg(p.libs, NULL)) {
        pair_close(&p);
        cr_skip_test("no libturbojpeg");
    }
    photograph(&p);
    for (unsigned i = 0; i < 800 * 300; i++) {
        if (i % 800 >= 600)
            p.pixels[i] = (i % 800 * 3 + i / 800 * 5) % 11 < 3 ? 0 : 0xffffff;
    }
    vnc_encoder_set_encodings(p.e, list, ARRAY_SIZE(list));
    pair_send(&p, (struct display_rect){0, 0, 800, 300});
    pair_check(&p, (struct display_rect){640, 0, 160, 300}); /* letters stay as they are */
    cr_assert_gt(viewer_count(p.viewer, VIEWER_JPEG), 0);
    cr_assert_gt(p.lossy, 500 * 300);
    for (unsigned i = 0; i < 800 * 300; i++) {
        int d = (int)(p.pixels[i] >> 8 & 255) - viewer_pixels(p.viewer)[i * 4 + 1];

        error += d * d;
    }
    cr_assert_lt(error / (800 * 300), 60, "%f", error / (800 * 300));
    /* Lossless from here on, and then the client does not want JPEG any more. */
    vnc_encoder_set_levels(p.e, VNC_LOSSLESS, 9);
    p.lossy = 0;
    pair_send(&p, all);
    pair_check(&p, all);
    vnc_encoder_set_encodings(p.e, list, 1);
    vnc_encoder_set_levels(p.e, 50, 9);
    pair_send(&p, all);
    pair_check(&p, all);
    pair_send(&p, text);
    pair_check(&p, text);
    cr_assert_eq(p.lossy, 0);
    cr_assert_gt(viewer_count(p.viewer, VIEWER_GRADIENT), 0);
    pair_close(&p);
}

Test(vnc_encode, an_output_limit_ends_every_encoding)
{
    for (unsigned i = 0; i < ARRAY_SIZE(lossless); i++) {
        struct pair p;
        uint64_t seed = 1;
        struct vnc_encoded done;

        pair_open(&p, 300, 300);
        vnc_encoder_set_encodings(p.e, &lossless[i], 1);
        random_picture(p.pixels, 300 * 300, rnd(&seed));
        for (size_t limit = 0; limit < 3000; limit += 1 + limit / 8) {
            buffer_free(&p.out);
            p.out.limit = limit;
            cr_assert(!vnc_encode_rect(p.e, &p.out, &p.picture,
                                       &(struct display_rect){0, 0, 300, 300}, &done));
            cr_assert(p.out.failed);
            cr_assert_leq(p.out.len, limit);
        }
        pair_close(&p);
    }
}

/* ---- what is sent, and how strongly ---------------------------------------------------------- */

Test(vnc_changes, boxes_side_by_side_are_joined_and_nothing_is_lost)
{
    pixman_region32_t region, before, rest;
    uint64_t seed = 9;

    pixman_region32_init(&region);
    pixman_region32_init(&rest);
    vnc_changes_join(&region);
    cr_assert(!pixman_region32_not_empty(&region));
    for (unsigned i = 0; i < 300; i++)
        pixman_region32_union_rect(&region, &region, (int)(rnd(&seed) % 60 * 16),
                                   (int)(rnd(&seed) % 40 * 16), 16, 16);
    pixman_region32_init(&before);
    pixman_region32_copy(&before, &region);
    vnc_changes_join(&region);
    cr_assert_lt(pixman_region32_n_rects(&region), pixman_region32_n_rects(&before) / 2);
    pixman_region32_subtract(&rest, &before, &region);
    cr_assert(!pixman_region32_not_empty(&rest));
    /* Far apart they stay apart. */
    pixman_region32_clear(&region);
    pixman_region32_union_rect(&region, &region, 0, 0, 16, 16);
    pixman_region32_union_rect(&region, &region, 400, 0, 16, 16);
    vnc_changes_join(&region);
    cr_assert_eq(pixman_region32_n_rects(&region), 2);
    pixman_region32_fini(&region);
    pixman_region32_fini(&before);
    pixman_region32_fini(&rest);
}

Test(vnc_adapt, levels_follow_the_connection)
{
    struct vnc_adapt a = {0};
    int quality, level, slow_quality;

    vnc_adapt_choose(&a, 80, 2, &quality, &level);
    cr_assert_eq(quality, 80);
    cr_assert_eq(level, 2);
    /* 100 MB/s */
    for (unsigned i = 0; i < 20; i++)
        vnc_adapt_sent(&a, 1000000, 10000000);
    vnc_adapt_choose(&a, 80, -1, &quality, &level);
    cr_assert_gt(quality, 80);
    cr_assert_lt(level, 4);
    vnc_adapt_choose(&a, 80, 9, &quality, &level);
    cr_assert_eq(level, 9, "the client's choice is kept");
    vnc_adapt_choose(&a, 100, 1, &quality, &level);
    cr_assert_eq(quality, 100);
    vnc_adapt_choose(&a, VNC_LOSSLESS, 1, &quality, &level);
    cr_assert_eq(quality, VNC_LOSSLESS);
    /* Answers to next to nothing tell nothing about it. */
    vnc_adapt_sent(&a, 10, 5000000);
    vnc_adapt_sent(&a, 1000000, 0);
    cr_assert_gt(vnc_adapt_bandwidth(&a), 5e7);
    /* 100 kB/s, and then 10 */
    for (unsigned i = 0; i < 30; i++)
        vnc_adapt_sent(&a, 100000, 1000000000);
    vnc_adapt_choose(&a, 80, 1, &slow_quality, &level);
    cr_assert_lt(slow_quality, 70);
    cr_assert_geq(level, 7);
    for (unsigned i = 0; i < 30; i++)
        vnc_adapt_sent(&a, 100000, INT64_C(10000000000));
    vnc_adapt_choose(&a, 80, 1, &quality, &level);
    cr_assert_lt(quality, slow_quality);
    cr_assert_eq(level, 9);
    vnc_adapt_choose(&a, 30, 1, &quality, &level);
    cr_assert_eq(quality, 20);
    vnc_adapt_choose(&a, 5, 1, &quality, &level);
    cr_assert_eq(quality, 5, "what the client asked for is no coarser");
}
