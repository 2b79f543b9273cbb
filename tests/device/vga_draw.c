/* What the VGA shows: the pixels that its registers and memory stand for, by the IBM technical
 * reference and the description of the display interface; and EDID. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include "core/util/endian.h"
#include "core/util/range.h"
#include "hw/display/edid.h"
#include "hw/display/vga_draw.h"

enum { SIZE = 1 << 20, SEQ = 0x14, GFX = 0x1e, CRTC = 0x24, SURFACE = 2048 * 1200 };
#define FRAME INT64_C(16683333)

struct screen {
    struct vga v;
    uint8_t *memory; /* exactly SIZE, so that a sanitizer sees what goes past it */
    struct vga_mode mode;
    uint32_t *pixels, line[LINES_WIDTH + 64];
    int64_t now;
    struct vga_part part;
    unsigned damages;
    uint32_t x1, y1, x2, y2;
};

static int64_t now(void *opaque)
{
    return ((struct screen *)opaque)->now;
}

static void written(void *opaque, uint32_t offset, uint32_t len)
{
    (void)opaque;
    cr_assert(range_fits(offset, len, SIZE));
}

static void damage(void *opaque, uint32_t x, uint32_t y, uint32_t width, uint32_t height)
{
    struct screen *s = opaque;
    cr_assert(width && height && x + width <= s->mode.width && y + height <= s->mode.height);
    s->x1 = s->damages ? MIN(s->x1, x) : x;
    s->y1 = s->damages ? MIN(s->y1, y) : y;
    s->x2 = s->damages ? MAX(s->x2, x + width) : x + width;
    s->y2 = s->damages ? MAX(s->y2, y + height) : y + height;
    s->damages++;
}

static void draw(struct screen *s)
{
    vga_mode(&s->v, &s->mode);
    if (s->mode.width > 2048 || s->mode.height > 1200)
        return;
    struct lines_target t = {s->pixels, 2048, s->line, damage, s};
    s->damages = 0;
    vga_draw(&s->v, &s->mode, vga_phase(s->now), &t, &s->part);
}

static uint32_t at(const struct screen *s, unsigned x, unsigned y)
{
    return s->pixels[y * 2048 + x];
}

static void set(struct screen *s, unsigned port, unsigned index, uint8_t value)
{
    vga_port_write(&s->v, port, (uint8_t)index);
    vga_port_write(&s->v, port + 1, value);
}

/* DAC entry n is red n, green 63 - n, blue n / 2, of 63; so this is what it looks like. */
static uint32_t colour(unsigned n)
{
    unsigned c[3] = {n & 63, 63 - (n & 63), (n & 63) / 2};
    uint32_t rgb = 0;
    for (unsigned i = 0; i < 3; i++)
        rgb = rgb << 8 | (c[i] << 2 | c[i] >> 4);
    return rgb;
}

static struct screen *make(void)
{
    struct screen *s = calloc(1, sizeof *s);
    s->memory = calloc(1, SIZE);
    s->pixels = malloc(SURFACE * 4);
    memset(s->pixels, 0xa5, SURFACE * 4);
    s->v.memory = s->memory;
    s->v.memory_size = SIZE;
    s->v.now = now;
    s->v.written = written;
    s->v.opaque = s;
    vga_reset(&s->v);
    vga_port_write(&s->v, 0x12, 1);
    vga_port_write(&s->v, 0x18, 0);
    for (unsigned n = 0; n < 256; n++) {
        vga_port_write(&s->v, 0x19, n & 63);
        vga_port_write(&s->v, 0x19, 63 - (n & 63));
        vga_port_write(&s->v, 0x19, (n & 63) / 2);
    }
    vga_port_read(&s->v, 0x2a);
    for (unsigned n = 0; n < 16; n++) { /* the palette: entry n is DAC entry n + 16 */
        vga_port_write(&s->v, 0x10, (uint8_t)n);
        vga_port_write(&s->v, 0x10, (uint8_t)(n + 16));
    }
    vga_port_write(&s->v, 0x10, 0x12);
    vga_port_write(&s->v, 0x10, 0x0f);
    vga_port_write(&s->v, 0x10, 0x20); /* and in use */
    return s;
}

static void set_attr(struct screen *s, unsigned index, uint8_t value)
{
    vga_port_read(&s->v, 0x2a);
    vga_port_write(&s->v, 0x10, (uint8_t)(index | 0x20));
    vga_port_write(&s->v, 0x10, value);
}

static void unmake(struct screen *s)
{
    free(s->memory);
    free(s->pixels);
    free(s);
}

/* CRTC for so many columns and lines; nothing split. */
static void geometry(struct screen *s, unsigned columns, unsigned lines, unsigned scan,
                     unsigned offset, uint8_t mode)
{
    lines--;
    set(s, CRTC, 1, (uint8_t)(columns - 1));
    set(s, CRTC, 0x12, (uint8_t)lines);
    set(s, CRTC, 7, (uint8_t)(0x10 | (lines >> 8 & 1) << 1 | (lines >> 9 & 1) << 6));
    set(s, CRTC, 9, (uint8_t)(0x40 | scan));
    set(s, CRTC, 0x18, 0xff);
    set(s, CRTC, 0x13, (uint8_t)offset);
    set(s, CRTC, 0x17, mode);
}

/* ---- text ------------------------------------------------------------------------------------ */

/* A font whose lines tell character, line and font. */
static uint8_t glyph(unsigned c, unsigned line, unsigned font)
{
    return (uint8_t)(c * 7 + line * 29 + font * 101 + 1);
}

static struct screen *text(void)
{
    struct screen *s = make();
    geometry(s, 80, 400, 15, 40, 0xa3);
    set(s, CRTC, 0x0a, 0x20); /* no cursor */
    set(s, CRTC, 0x14, 0x1f);
    set_attr(s, 0x13, 8); /* of nine dots, none is shifted out */
    for (unsigned c = 0; c < 256; c++)
        for (unsigned line = 0; line < 16; line++) {
            s->memory[4 * (c * 32 + line) + 2] = glyph(c, line, 0);
            s->memory[4 * (0x2000 + c * 32 + line) + 2] = glyph(c, line, 1);
        }
    for (unsigned n = 0; n < 80 * 25; n++) {
        s->memory[4 * n] = (uint8_t)(n * 3);
        s->memory[4 * n + 1] = (uint8_t)(n * 5 + 2);
    }
    return s;
}

/* One pixel of the text screen, as `cell` has it. */
static uint32_t text_pixel(const struct screen *s, unsigned cell, unsigned dot, unsigned line,
                           unsigned font, bool line_graphics)
{
    uint8_t c = s->memory[4 * cell], a = s->memory[4 * cell + 1];
    uint8_t bits = glyph(c, line, font);
    bool on =
        dot < 8 ? bits >> (7 - dot) & 1 : line_graphics && c >= 0xc0 && c <= 0xdf && (bits & 1);
    return colour(16 + (on ? a & 15 : a >> 4));
}

Test(vga_draw, text_of_9_dots_with_and_without_line_graphics)
{
    struct screen *s = text();
    for (unsigned graphics = 0; graphics < 2; graphics++) {
        set_attr(s, 0x10, graphics ? 4 : 0);
        draw(s);
        cr_assert(s->mode.width == 720 && s->mode.height == 400);
        for (unsigned y = 0; y < 400; y++)
            for (unsigned x = 0; x < 720; x++)
                cr_assert_eq(at(s, x, y),
                             text_pixel(s, y / 16 * 80 + x / 9, x % 9, y % 16, 0, graphics),
                             "%u,%u", x, y);
    }
    draw(s);
    cr_expect_eq(s->damages, 0, "nothing changed");
    unmake(s);
}

Test(vga_draw, text_of_8_dots_in_40_wide_columns_with_two_fonts)
{
    struct screen *s = text();
    set(s, SEQ, 1, 0x09); /* 8 dots, half the clock */
    set_attr(s, 0x13, 0);
    set(s, SEQ, 3, 0x20); /* bit 3 of the attribute: the font at 8 KiB */
    set(s, CRTC, 1, 39);
    set(s, CRTC, 0x13, 20);
    draw(s);
    cr_assert(s->mode.width == 640 && s->mode.height == 400);
    for (unsigned y = 0; y < 400; y++)
        for (unsigned x = 0; x < 640; x++) {
            unsigned cell = y / 16 * 40 + x / 16;
            unsigned font = s->memory[4 * cell + 1] >> 3 & 1;
            cr_assert_eq(at(s, x, y), text_pixel(s, cell, x % 16 / 2, y % 16, font, false));
        }
    unmake(s);
}

Test(vga_draw, text_blinks_and_so_does_the_cursor_but_faster)
{
    struct screen *s = text();
    set_attr(s, 0x10, 8); /* bit 7 blinks */
    set(s, CRTC, 0x0a, 13);
    set(s, CRTC, 0x0b, 14);
    set(s, CRTC, 0x0e, 0);
    set(s, CRTC, 0x0f, 5);
    s->memory[4 * 7] = 'x';
    s->memory[4 * 7 + 1] = 0x92;
    unsigned cursor = 0, hidden = 0;
    for (unsigned frame = 0; frame < 64; frame++) {
        s->now = frame * FRAME + FRAME / 2;
        draw(s);
        uint32_t fg = colour(16 + (s->memory[4 * 5 + 1] & 15));
        bool seen = true, blank = true;
        for (unsigned i = 0; i < 9; i++)
            seen &= at(s, 5 * 9 + i, 13) == fg && at(s, 5 * 9 + i, 14) == fg;
        for (unsigned i = 0; i < 9 * 16; i++)
            blank &= at(s, 7 * 9 + i % 9, i / 9) == colour(16 + 1);
        cr_expect_eq(seen, frame / 8 % 2 == 0, "frame %u", frame);
        cr_expect_eq(blank, frame / 16 % 2 == 1, "frame %u", frame);
        cursor += seen;
        hidden += blank;
    }
    cr_expect(cursor == 32 && hidden == 32);
    cr_expect_eq(at(s, 5 * 9, 12), text_pixel(s, 5, 0, 12, 0, false), "above the cursor");
    unmake(s);
}

Test(vga_draw, text_is_underlined_where_the_attribute_says_so)
{
    struct screen *s = text();
    set(s, CRTC, 0x14, 13);
    s->memory[4 * 2 + 1] = 0x01;
    s->memory[4 * 3 + 1] = 0x02;
    draw(s);
    for (unsigned i = 0; i < 9; i++) {
        cr_expect_eq(at(s, 2 * 9 + i, 13), colour(17));
        cr_expect_eq(at(s, 3 * 9 + i, 13), text_pixel(s, 3, i, 13, 0, false));
    }
    unmake(s);
}

Test(vga_draw, screen_is_split_shifted_and_starts_where_it_is_told)
{
    struct screen *s = text();
    set(s, CRTC, 0x0d, 80);  /* start: the second row */
    set(s, CRTC, 8, 3);      /* and its fourth line */
    set(s, CRTC, 0x18, 199); /* line compare */
    set(s, CRTC, 7, 0x02);
    set(s, CRTC, 9, 0x0f);
    set_attr(s, 0x10, 0x20); /* panning ends there */
    set_attr(s, 0x13, 2);    /* three of nine dots */
    draw(s);
    for (unsigned y = 0; y < 400; y++)
        for (unsigned x = 0; x < 720; x++) {
            bool below = y >= 200;
            unsigned line = below ? y - 200 : y + 3, dot = below ? x : x + 3;
            unsigned cell = line / 16 * 80 + dot / 9 + (below ? 0 : 80);
            cr_assert_eq(at(s, x, y), text_pixel(s, cell, dot % 9, line % 16, 0, false), "%u,%u", x,
                         y);
        }
    unmake(s);
}

/* ---- graphics -------------------------------------------------------------------------------- */

static void fill(struct screen *s)
{
    uint32_t seed = 12345;
    for (unsigned n = 0; n < SIZE; n++) {
        seed = seed * 1664525 + 1013904223;
        s->memory[n] = (uint8_t)(seed >> 24);
    }
}

static unsigned planar_bits(const struct screen *s, uint32_t dword, unsigned dot)
{
    unsigned c = 0;
    for (unsigned p = 0; p < 4; p++)
        c |= (s->memory[4 * dword + p] >> (7 - dot) & 1u) << p;
    return c;
}

Test(vga_draw, planar_640x480_in_16_colours)
{
    struct screen *s = make();
    fill(s);
    geometry(s, 80, 480, 0, 40, 0xe3);
    set(s, GFX, 6, 5);
    set_attr(s, 0x10, 1);
    set_attr(s, 0x12, 0x0d); /* without plane 1 */
    draw(s);
    cr_assert(s->mode.width == 640 && s->mode.height == 480);
    for (unsigned y = 0; y < 480; y++)
        for (unsigned x = 0; x < 640; x++)
            cr_assert_eq(at(s, x, y), colour(16 + (planar_bits(s, y * 80 + x / 8, x % 8) & 0xd)));
    unmake(s);
}

Test(vga_draw, colours_go_through_palette_and_colour_select)
{
    struct screen *s = make();
    geometry(s, 1, 1, 0, 40, 0xe3);
    set(s, CRTC, 0x12, 1);
    set(s, GFX, 6, 5);
    s->memory[0] = 0x80; /* colour 1 */
    for (unsigned n = 0; n < 256; n++) {
        vga_port_write(&s->v, 0x18, (uint8_t)n); /* each entry another one */
        vga_port_write(&s->v, 0x19, (uint8_t)(n & 63));
        vga_port_write(&s->v, 0x19, (uint8_t)(n >> 6));
        vga_port_write(&s->v, 0x19, 0);
    }
    set_attr(s, 0x14, 0x0e);
    draw(s);
    cr_expect_eq(at(s, 0, 0), 17u << 18 | (17u >> 4) << 16 | 3 << 10, "bits 7 and 6: %x",
                 at(s, 0, 0));
    set_attr(s, 0x10, 0x81);
    draw(s);
    cr_expect_eq(at(s, 0, 0), 33u << 18 | (33u >> 4) << 16 | 3 << 10, "5 and 4, too");
    vga_port_write(&s->v, 0x16, 0x0f); /* the mask */
    draw(s);
    cr_expect_eq(at(s, 0, 0), 1u << 18);
    unmake(s);
}

Test(vga_draw, cga_4_and_2_colours_lie_in_two_banks)
{
    struct screen *s = make();
    fill(s);
    geometry(s, 40, 400, 1, 20, 0xa2);
    set(s, CRTC, 9, 0xc1); /* two lines a row, each twice */
    set(s, SEQ, 1, 8);
    set(s, GFX, 6, 0x0f);
    set(s, GFX, 5, 0x30);
    set_attr(s, 0x12, 3);
    draw(s);
    cr_assert(s->mode.width == 640 && s->mode.height == 400);
    for (unsigned y = 0; y < 400; y++)
        for (unsigned x = 0; x < 640; x++) {
            unsigned dot = x / 2, cell = y / 4 * 40 + dot / 8 + (y / 2 & 1) * 0x1000;
            uint8_t byte = s->memory[4 * cell + (dot % 8 >= 4)];
            cr_assert_eq(at(s, x, y), colour(16 + (byte >> (6 - 2 * (dot & 3)) & 3)), "%u,%u", x,
                         y);
        }
    /* 640x200 in two colours: bytes of plane 0, banks 2000H apart, each line twice */
    geometry(s, 80, 400, 1, 40, 0xc2);
    set(s, CRTC, 9, 0xc1);
    set(s, SEQ, 1, 1);
    set(s, GFX, 6, 0x0d);
    set(s, GFX, 5, 0);
    set_attr(s, 0x12, 1);
    draw(s);
    cr_assert(s->mode.width == 640 && s->mode.height == 400);
    for (unsigned y = 0; y < 400; y++)
        for (unsigned x = 0; x < 640; x++) {
            unsigned cell = y / 4 * 80 + x / 8 + (y / 2 & 1) * 0x2000;
            cr_assert_eq(at(s, x, y), colour(16 + (s->memory[4 * cell] >> (7 - x % 8) & 1)));
        }
    unmake(s);
}

Test(vga_draw, mode_13h_and_mode_x_show_bytes_twice_as_wide_and_high)
{
    struct screen *s = make();
    fill(s);
    for (unsigned x_mode = 0; x_mode < 2; x_mode++) {
        unsigned lines = x_mode ? 480 : 400;
        geometry(s, 80, lines, 1, 40, x_mode ? 0xe3 : 0xa3);
        set(s, CRTC, 0x14, x_mode ? 0 : 0x40);
        set(s, GFX, 5, 0x40);
        set(s, GFX, 6, 5);
        draw(s);
        cr_assert(s->mode.width == 640 && s->mode.height == lines);
        for (unsigned y = 0; y < lines; y++)
            for (unsigned x = 0; x < 640; x++)
                cr_assert_eq(at(s, x, y), colour(s->memory[y / 2 * 320 + x / 2]));
    }
    unmake(s);
}

/* ---- linear ---------------------------------------------------------------------------------- */

static unsigned scale(unsigned value, unsigned max)
{
    return (value * 255 + max / 2) / max; /* the nearest of 255 */
}

static uint32_t linear_pixel(const uint8_t *p, unsigned bits)
{
    unsigned w = load_le16(p);
    switch (bits) {
    case 8:
        return colour(*p);
    case 15:
        return scale(w >> 10 & 31, 31) << 16 | scale(w >> 5 & 31, 31) << 8 | scale(w & 31, 31);
    case 16:
        return scale(w >> 11, 31) << 16 | scale(w >> 5 & 63, 63) << 8 | scale(w & 31, 31);
    default:
        return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16;
    }
}

Test(vga_draw, linear_modes_of_each_depth_with_virtual_size_and_offsets)
{
    static const unsigned depths[] = {8, 15, 16, 24, 32};
    for (unsigned i = 0; i < ARRAY_SIZE(depths); i++) {
        struct screen *s = make();
        unsigned bits = depths[i], bytes = (bits + 7) / 8;
        vbe_write(&s->v, 1, 400);
        vbe_write(&s->v, 2, 300);
        vbe_write(&s->v, 3, (uint16_t)bits);
        vbe_write(&s->v, 4, 0x41);
        vbe_write(&s->v, 6, 500);
        vbe_write(&s->v, 8, 70);
        vbe_write(&s->v, 9, 11);
        fill(s);
        draw(s);
        cr_assert(s->mode.width == 400 && s->mode.height == 300);
        for (unsigned y = 0; y < 300; y++)
            for (unsigned x = 0; x < 400; x++) {
                const uint8_t *p = s->memory + ((y + 11) * 500 + x + 70) * bytes;
                uint32_t want = linear_pixel(p, bits), got = at(s, x, y);
                for (unsigned c = 0; c < 24; c += 8) /* rounding is the card's affair */
                    cr_assert(abs((int)(want >> c & 255) - (int)(got >> c & 255)) <=
                                  (bits == 15 || bits == 16),
                              "%u bits at %u,%u: %x for %x", bits, x, y, got, want);
            }
        unmake(s);
    }
}

Test(vga_draw, a_picture_may_begin_in_the_middle_of_a_line)
{
    struct screen *s = make();
    vbe_write(&s->v, 1, 400);
    vbe_write(&s->v, 2, 300);
    vbe_write(&s->v, 3, 32);
    vbe_write(&s->v, 4, 0x41);
    vbe_write(&s->v, 6, 400);
    vbe_write(&s->v, 8, 399);
    vbe_write(&s->v, 9, 5);
    cr_expect_eq(vbe_read(&s->v, 8), 399);
    fill(s);
    draw(s);
    for (unsigned n = 0; n < 400 * 300; n++)
        cr_assert_eq(at(s, n % 400, n / 400), linear_pixel(s->memory + (5 * 400 + 399 + n) * 4, 32),
                     "pixel %u", n);
    vbe_write(&s->v, 8, 400);
    cr_expect_eq(vbe_read(&s->v, 8), 0, "no place in a line");
    unmake(s);
}

Test(vga_draw, linear_16_colours_and_the_8_bit_dac)
{
    struct screen *s = make();
    vbe_write(&s->v, 1, 640);
    vbe_write(&s->v, 2, 400);
    vbe_write(&s->v, 3, 4);
    vbe_write(&s->v, 4, 0x01);
    vbe_write(&s->v, 6, 800);
    vbe_write(&s->v, 8, 3);
    vbe_write(&s->v, 9, 2);
    fill(s);
    draw(s);
    for (unsigned y = 0; y < 400; y++)
        for (unsigned x = 0; x < 640; x++)
            cr_assert_eq(at(s, x, y),
                         colour(16 + planar_bits(s, (y + 2) * 100 + (x + 3) / 8, (x + 3) % 8)));
    vbe_write(&s->v, 4, 0);
    vbe_write(&s->v, 3, 8);
    vbe_write(&s->v, 4, 0x61);
    vga_port_write(&s->v, 0x18, 0);
    vga_port_write(&s->v, 0x19, 0x12);
    vga_port_write(&s->v, 0x19, 0xfe);
    vga_port_write(&s->v, 0x19, 0x80);
    draw(s);
    cr_expect_eq(at(s, 0, 0), 0x12fe80);
    unmake(s);
}

/* ---- what changed, blanking, bounds ---------------------------------------------------------- */

Test(vga_draw, only_what_changed_is_damage)
{
    struct screen *s = make();
    vbe_write(&s->v, 1, 400);
    vbe_write(&s->v, 2, 300);
    vbe_write(&s->v, 3, 32);
    vbe_write(&s->v, 4, 0x41);
    draw(s);
    cr_expect(s->x1 == 0 && s->y1 == 0 && s->x2 == 400 && s->y2 == 300, "all of it at first");
    draw(s);
    cr_expect_eq(s->damages, 0);
    s->memory[(123 * 400 + 100) * 4 + 1] = 1;
    s->memory[(125 * 400 + 130) * 4 + 1] = 1;
    draw(s);
    cr_expect(s->x1 == 96 && s->x2 == 160 && s->y1 == 123 && s->y2 == 126, "%u-%u, %u-%u", s->x1,
              s->x2, s->y1, s->y2);
    s->memory[(299 * 400 + 399) * 4] = 1;
    draw(s);
    cr_expect(s->x1 == 384 && s->x2 == 400 && s->y1 == 299 && s->y2 == 300, "the last tile");
    s->memory[3] = 0xff;
    draw(s);
    cr_expect_eq(s->damages, 0, "the fourth byte is not shown");
    unmake(s);
}

Test(vga_draw, a_screen_that_is_off_is_black)
{
    struct screen *s = text();
    draw(s);
    set(s, SEQ, 1, 0x20);
    draw(s);
    cr_expect_eq(s->mode.kind, VGA_BLANK);
    for (unsigned n = 0; n < 720; n++)
        cr_assert_eq(at(s, n, 200), 0);
    set(s, SEQ, 1, 0);
    draw(s);
    cr_expect_eq(s->mode.kind, VGA_TEXT);
    vga_port_read(&s->v, 0x2a);
    vga_port_write(&s->v, 0x10, 0); /* the palette is out of use */
    draw(s);
    cr_expect_eq(s->mode.kind, VGA_BLANK);
    vga_reset(&s->v);
    draw(s);
    cr_expect(s->mode.kind == VGA_OFF && !s->mode.width && !s->damages);
    unmake(s);
}

Test(vga_draw, any_registers_show_something_of_the_cards_memory)
{
    struct screen *s = make();
    uint32_t seed = 99, kinds = 0;
    fill(s);
    for (unsigned n = 0; n < 600; n++) {
        for (unsigned i = 0; i < 12; i++) {
            seed = seed * 1664525 + 1013904223;
            uint8_t value = (uint8_t)(seed >> 24);
            if ((seed >> 8 & 7) < 2)
                vbe_write(&s->v, seed >> 16 & 15, (uint16_t)(seed >> 12 & 0x3ff));
            else if ((seed >> 8 & 7) < 4)
                set(s, CRTC, seed >> 16 & 31, value);
            else
                vga_port_write(&s->v, (seed >> 16) % VGA_PORTS, value);
        }
        vga_port_write(&s->v, 0x12, 1);
        if (n & 2) {
            vbe_write(&s->v, 4, 0);
            set(s, GFX, 5, (uint8_t)(seed >> 25));
            set(s, GFX, 6, (uint8_t)(seed >> 22));
        }
        if (n & 1) {
            vga_port_read(&s->v, 0x2a);
            vga_port_write(&s->v, 0x10, 0x20);
            set(s, SEQ, 1, 0);
        }
        draw(s);
        kinds |= 1u << s->mode.kind;
    }
    cr_expect_eq(kinds >> VGA_BLANK, (1u << VGA_LINEAR) - 1, "%x", kinds);
    unmake(s);
}

/* ---- EDID ------------------------------------------------------------------------------------ */

Test(vga_draw, edid_describes_the_preferred_mode)
{
    static const struct {
        uint32_t width, height;
    } sizes[] = {{1280, 800}, {1024, 768}, {1920, 1080}, {4095, 4095}, {64, 64}};
    static const uint8_t header[] = {0, 255, 255, 255, 255, 255, 255, 0};
    for (unsigned n = 0; n < ARRAY_SIZE(sizes); n++) {
        struct edid_config c = {sizes[n].width, sizes[n].height, 7};
        uint8_t e[EDID_MAX], sum = 0;
        cr_assert_eq(edid_make(&c, e), 128);
        for (unsigned i = 0; i < 128; i++)
            sum = (uint8_t)(sum + e[i]);
        cr_expect_eq(sum, 0);
        cr_expect_eq(memcmp(e, header, 8), 0);
        cr_expect(e[18] == 1 && e[19] == 4 && e[126] == 0);
        const uint8_t *d = e + 54;
        unsigned width = d[2] | (d[4] & 0xf0u) << 4, height = d[5] | (d[7] & 0xf0u) << 4;
        unsigned htotal = width + (d[3] | (d[4] & 15u) << 8);
        unsigned vtotal = height + (d[6] | (d[7] & 15u) << 8);
        cr_expect(width == c.width && height == c.height);
        double hz = load_le16(d) * 10000.0 / htotal / vtotal;
        cr_expect(hz <= 60.01 && (hz > 58 || load_le16(d) == 0xffff), "%ux%u at %g Hz", width,
                  height, hz);
        cr_expect_eq(load_le32(e + 12), 7);
    }
}
