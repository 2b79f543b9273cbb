/*
 * How a screen of text has to look, pixel for pixel: a test states the characters and colours of
 * each cell, and the glyphs come from the font of the firmware or kernel that is installed
 * (screen_font.h). A cell whose text changes from run to run has to show one of the characters that
 * are stated for it.
 */
#ifndef TESTS_BOOT_TEXT_SCREEN_H
#define TESTS_BOOT_TEXT_SCREEN_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <vemu/vemu.h>
#include "tests/boot/screen_font.h"

/* ---- what has to be there -------------------------------------------------------------------- */

enum { PAGE_COLUMNS = 160, PAGE_ROWS = 64 };

struct cell {
    uint32_t c;
    const char *any; /* or one of these; "": whatever */
    uint32_t fg, bg; /* RRGGBB */
};

struct page {
    const struct font *font;
    unsigned columns, rows;
    unsigned width, height; /* of the picture, pixels */
    unsigned x, y;          /* in it, the first cell; outside of the cells it has the colour bg */
    uint32_t fg, bg;        /* of what is put next */
    uint32_t around;
    struct cell cells[PAGE_ROWS][PAGE_COLUMNS];
};

/* Blank, and the whole of the picture. */
static inline void page_init(struct page *p, const struct font *font, unsigned columns,
                             unsigned rows, uint32_t fg, uint32_t bg)
{
    p->font = font;
    p->columns = columns;
    p->rows = rows;
    p->width = columns * font->width;
    p->height = rows * font->height;
    p->x = p->y = 0;
    p->fg = fg;
    p->bg = p->around = bg;
    for (unsigned row = 0; row < rows; row++) {
        for (unsigned column = 0; column < columns; column++)
            p->cells[row][column] = (struct cell){' ', NULL, fg, bg};
    }
}

/* UTF-8 of one to three bytes. */
static inline uint32_t page_next(const char **text)
{
    const unsigned char *s = (const unsigned char *)*text;
    unsigned n = s[0] < 0x80 ? 1 : s[0] < 0xe0 ? 2 : 3;
    uint32_t c = n == 1 ? s[0] : n == 2 ? s[0] & 0x1fu : s[0] & 0xfu;

    for (unsigned i = 1; i < n && s[i]; i++)
        c = c << 6 | (s[i] & 0x3f);
    *text += n;
    return c;
}

static inline void page_put(struct page *p, unsigned row, unsigned column, const char *text)
{
    for (; *text && column < p->columns; column++)
        p->cells[row][column] = (struct cell){page_next(&text), NULL, p->fg, p->bg};
}

/* In these cells, one of the characters of `any` each. */
static inline void page_any(struct page *p, unsigned row, unsigned column, unsigned count,
                            const char *any)
{
    for (; count-- && column < p->columns; column++)
        p->cells[row][column] = (struct cell){0, any, p->fg, p->bg};
}

static inline void page_colours(struct page *p, unsigned row, unsigned column, unsigned count,
                                uint32_t fg, uint32_t bg)
{
    for (; count-- && column < p->columns; column++) {
        p->cells[row][column].fg = fg;
        p->cells[row][column].bg = bg;
    }
}

/* ---- is it there? ---------------------------------------------------------------------------- */

static inline uint32_t picture_at(const struct vemu_picture *picture, unsigned x, unsigned y)
{
    const uint8_t *rgb = (const uint8_t *)picture->data + ((size_t)y * picture->width + x) * 3;

    return (uint32_t)rgb[0] << 16 | (uint32_t)rgb[1] << 8 | rgb[2];
}

/* Pixels of the cell that differ from this character. */
static inline unsigned cell_differs(const struct page *p, const struct vemu_picture *picture,
                                    unsigned row, unsigned column, uint32_t c)
{
    const struct cell *cell = &p->cells[row][column];
    unsigned wrong = 0;

    for (unsigned y = 0; y < p->font->height; y++) {
        for (unsigned x = 0; x < p->font->width; x++) {
            bool on = c != ' ' && p->font->dot(p->font, c, x, y);
            wrong += picture_at(picture, p->x + column * p->font->width + x,
                                p->y + row * p->font->height + y) != (on ? cell->fg : cell->bg);
        }
    }
    return wrong;
}

static inline unsigned cell_wrong(const struct page *p, const struct vemu_picture *picture,
                                  unsigned row, unsigned column)
{
    const struct cell *cell = &p->cells[row][column];
    unsigned least = ~0u;

    if (!cell->any)
        return cell_differs(p, picture, row, column, cell->c);
    if (!*cell->any)
        return 0;
    for (const char *c = cell->any; *c && least; c++) {
        unsigned wrong = cell_differs(p, picture, row, column, (unsigned char)*c);
        least = wrong < least ? wrong : least;
    }
    return least;
}

/* Pixels that are wrong; where the first is, if it is to be told. */
static inline unsigned page_wrong(const struct page *p, const struct vemu_picture *picture,
                                  bool tell)
{
    unsigned total = 0;

    if (picture->width != p->width || picture->height != p->height) {
        if (tell)
            printf("# the picture has %ux%u pixels, not %ux%u\n", picture->width, picture->height,
                   p->width, p->height);
        return ~0u;
    }
    for (unsigned row = 0; row < p->rows; row++) {
        for (unsigned column = 0; column < p->columns; column++) {
            unsigned wrong = cell_wrong(p, picture, row, column);
            if (wrong && !total && tell)
                printf("# row %u, column %u: %u pixels are wrong\n", row, column, wrong);
            total += wrong;
        }
    }
    for (unsigned y = 0; y < p->height; y++) {
        for (unsigned x = 0; x < p->width; x++) {
            bool inside =
                x - p->x < p->columns * p->font->width && y - p->y < p->rows * p->font->height;
            if (inside || picture_at(picture, x, y) == p->around)
                continue;
            if (!total++ && tell)
                printf("# pixel %u,%u, beside the text, is wrong\n", x, y);
        }
    }
    if (total && tell)
        printf("# %u pixels are wrong\n", total);
    return total;
}

/* The machine comes to show it within so many seconds. */
static inline bool page_shown(struct vemu_machine *m, const struct page *p, unsigned seconds)
{
    for (unsigned tries = 0; m && tries <= seconds * 10; tries++) {
        struct vemu_picture picture = {0};
        struct vemu_error *err = NULL;
        bool last = tries == seconds * 10;
        bool ok = vemu_screen_picture(m, NULL, 0, VEMU_PICTURE_RGB, &picture, &err);

        if (!ok && last)
            printf("# %s\n", vemu_error_message(err));
        ok = ok && !page_wrong(p, &picture, last);
        vemu_error_free(err);
        vemu_picture_free(&picture);
        if (ok)
            return true;
        usleep(100000);
    }
    return false;
}

/* ---- machines -------------------------------------------------------------------------------- */

/* NULL: it was said why. */
static inline struct vemu_machine *screen_machine(const char *options)
{
    struct vemu_config *cfg = vemu_config_new();
    struct vemu_error *err = NULL;
    struct vemu_machine *m = NULL;

    if (vemu_config_parse(cfg, "-m 64M -display none", &err) &&
        vemu_config_parse(cfg, options, &err))
        m = vemu_machine_create(cfg, NULL, &err);
    if (m && !vemu_machine_realize(m, &err)) {
        vemu_machine_destroy(m);
        m = NULL;
    }
    if (!m)
        printf("# %s\n", vemu_error_message(err));
    vemu_error_free(err);
    vemu_config_free(cfg);
    return m;
}

static char screen_text[16384]; /* as it was looked at last */

/* In a text mode: until this is on the screen. */
static inline bool screen_until(struct vemu_machine *m, const char *wanted, int seconds)
{
    for (int tries = 0; m && tries < seconds * 20; tries++) {
        vemu_screen_text(m, screen_text, sizeof screen_text);
        if (strstr(screen_text, wanted))
            return true;
        usleep(50000);
    }
    printf("# no \"%s\" within %d s on the screen\n", wanted, seconds);
    return false;
}

#endif
