/*
 * Fonts as tests of screens read them from what is installed: the 8x16 font that a VGA BIOS or a
 * kernel has in it, and the PFF2 font of GRUB.
 */
#ifndef TESTS_BOOT_SCREEN_FONT_H
#define TESTS_BOOT_SCREEN_FONT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct font {
    unsigned width, height; /* of a cell, pixels */
    /* Is this dot of the character (Unicode) lit? */
    bool (*dot)(const struct font *f, uint32_t c, unsigned x, unsigned y);
    uint8_t *file; /* freed by font_free */
    size_t len;
    const uint8_t *glyphs; /* in the file: of code page 437, or a PFF2 font's index */
    size_t count;
    unsigned ascent;
};

static inline void font_free(struct font *f)
{
    free(f->file);
    memset(f, 0, sizeof *f);
}

/* All that a file or a pipe has. NULL: nothing. */
static inline uint8_t *text_screen_read(FILE *f, size_t *len)
{
    size_t room = 1 << 20, n = 0, got;
    uint8_t *data = malloc(room);

    while (f && data && (got = fread(data + n, 1, room - n, f))) {
        n += got;
        if (n == room)
            data = realloc(data, room *= 2);
    }
    *len = n;
    if (n)
        return data;
    free(data);
    return NULL;
}

enum { VGA_LINES = 16, VGA_GLYPHS = 256 * VGA_LINES };

/* Where code page 437, which these fonts are in order of, has what is not ASCII. */
static inline uint8_t cp437(uint32_t c)
{
    static const struct {
        uint16_t unicode;
        uint8_t code;
    } others[] = {{0x2191, 0x18}, {0x2193, 0x19}, {0x2502, 0xb3}, {0x2510, 0xbf}, {0x2514, 0xc0},
                  {0x2534, 0xc1}, {0x252c, 0xc2}, {0x2500, 0xc4}, {0x2518, 0xd9}, {0x250c, 0xda},
                  {0x2588, 0xdb}, {0x2592, 0xb1}, {0x2550, 0xcd}, {0xe4, 0x84},   {0xdf, 0xe1}};

    for (unsigned i = 0; i < sizeof others / sizeof *others; i++) {
        if (others[i].unicode == c)
            return others[i].code;
    }
    return (uint8_t)c;
}

static inline bool vga_dot(const struct font *f, uint32_t c, unsigned x, unsigned y)
{
    uint8_t code = cp437(c);

    if (x == 8) { /* the ninth goes on where lines are drawn, and is blank elsewhere */
        if (code < 0xc0 || code > 0xdf)
            return false;
        x = 7;
    }
    return f->glyphs[code * VGA_LINES + y] >> (7 - x) & 1;
}

static inline bool font_all(const uint8_t *g, unsigned c, unsigned lines, uint8_t value)
{
    for (unsigned n = 0; n < lines; n++) {
        if (g[c * VGA_LINES + n] != value)
            return false;
    }
    return true;
}

/* The 8x16 font in a file, found by characters of code page 437 that can look one way only:
 * nothing, blank, a full block, and the halves of it. */
static inline bool font_find_vga(struct font *f, FILE *file, unsigned dots)
{
    *f = (struct font){.width = dots, .height = VGA_LINES, .dot = vga_dot};
    f->file = text_screen_read(file, &f->len);
    for (const uint8_t *g = f->file; g && f->len - (size_t)(g - f->file) >= VGA_GLYPHS; g++) {
        if (font_all(g, 0xdb, VGA_LINES, 0xff) && font_all(g, 0, VGA_LINES, 0) &&
            font_all(g, ' ', VGA_LINES, 0) && font_all(g, 0xff, VGA_LINES, 0) &&
            font_all(g, 0xdd, VGA_LINES, 0xf0) && font_all(g, 0xde, VGA_LINES, 0x0f) &&
            font_all(g, 0xdf, 7, 0xff)) {
            f->glyphs = g;
            return true;
        }
    }
    font_free(f);
    return false;
}

static inline unsigned be16(const uint8_t *p)
{
    return (unsigned)p[0] << 8 | p[1];
}
static inline size_t be32(const uint8_t *p)
{
    return (size_t)be16(p) << 16 | be16(p + 2);
}

/* PFF2, GRUB's format: an index of characters in their order, 9 bytes for each, which leads to a
 * size, offsets from the base line and bits without gaps between lines. NULL: it has no such glyph.
 */
static inline const uint8_t *pff2_glyph(const struct font *f, uint32_t c)
{
    size_t low = 0, high = f->count;

    while (low < high) {
        size_t middle = (low + high) / 2, at;
        const uint8_t *entry = f->glyphs + 9 * middle;
        if (be32(entry) == c) {
            at = be32(entry + 5);
            return entry[4] || at > f->len - 10 ? NULL : f->file + at;
        }
        if (be32(entry) < c)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

static inline bool pff2_dot(const struct font *f, uint32_t c, unsigned x, unsigned y)
{
    const uint8_t *g = pff2_glyph(f, c);
    if (!g)
        return false;
    unsigned width = be16(g), height = be16(g + 2);
    int left = (int16_t)be16(g + 4), bottom = (int16_t)be16(g + 6);
    int gx = (int)x - left, gy = (int)y - ((int)f->ascent - bottom - (int)height);
    if (gx < 0 || gy < 0 || gx >= (int)width || gy >= (int)height)
        return false;
    size_t bit = (size_t)gy * width + (size_t)gx, at = (size_t)(g - f->file) + 10 + bit / 8;
    return at < f->len && f->file[at] >> (7 - bit % 8) & 1;
}

/* The first PFF2 font that a file, such as the image of a disc, has in one piece. */
static inline bool font_find_pff2(struct font *f, FILE *file, unsigned width)
{
    static const char head[] = "FILE\0\0\0\4PFF2";
    size_t len, at = 0, size;
    uint8_t *data = text_screen_read(file, &len), *start;

    *f = (struct font){.width = width, .dot = pff2_dot, .file = data};
    start = data ? memmem(data, len, head, sizeof head - 1) : NULL;
    if (!start) {
        font_free(f);
        return false;
    }
    len -= (size_t)(start - data);
    memmove(data, start, len); /* offsets count from there */
    f->len = len;
    for (; at + 8 <= len && memcmp(data + at, "DATA", 4) != 0; at += 8 + size) {
        size = be32(data + at + 4);
        if (size > len - at - 8)
            break;
        if (memcmp(data + at, "ASCE", 4) == 0)
            f->ascent = be16(data + at + 8);
        if (memcmp(data + at, "MAXH", 4) == 0)
            f->height = be16(data + at + 8);
        if (memcmp(data + at, "CHIX", 4) == 0) {
            f->glyphs = data + at + 8;
            f->count = size / 9;
        }
    }
    if (f->height && f->ascent && f->count)
        return true;
    font_free(f);
    return false;
}

#endif
