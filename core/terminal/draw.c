/* Pixels of a terminal's cells: what differs from what was drawn the last time. */
#include "core/terminal/internal.h"

#include <string.h>

#include "core/terminal/font.h"
#include "core/util/range.h"

enum { UNDERLINE_ROW = 14, STRIKE_ROW = 8 };

/* The first sixteen are those of a VGA; then a cube of 6x6x6, then greys. */
static uint32_t colour(unsigned index)
{
    static const uint32_t first[16] = {0x000000, 0xaa0000, 0x00aa00, 0xaa5500, 0x0000aa, 0xaa00aa,
                                       0x00aaaa, 0xaaaaaa, 0x555555, 0xff5555, 0x55ff55, 0xffff55,
                                       0x5555ff, 0xff55ff, 0x55ffff, 0xffffff};
    static const uint8_t levels[6] = {0, 95, 135, 175, 215, 255};

    if (index < 16)
        return first[index];
    if (index >= 232)
        return 0x010101 * (8 + 10 * (index - 232));
    index -= 16;
    return (uint32_t)levels[index / 36] << 16 | (uint32_t)levels[index / 6 % 6] << 8 |
           levels[index % 6];
}

static void colours(const struct cell *c, uint32_t *fg, uint32_t *bg)
{
    unsigned bright = c->flags & ATTR_BOLD && c->fg < 8 ? 8 : 0;

    *fg = colour(c->fg + bright);
    *bg = colour(c->bg);
    if (c->flags & ATTR_DIM)
        *fg = *fg >> 1 & 0x7f7f7f;
    if (c->flags & ATTR_REVERSE) {
        const uint32_t swap = *fg;
        *fg = *bg;
        *bg = swap;
    }
    if (c->flags & ATTR_HIDDEN)
        *fg = *bg;
    if (c->flags & CELL_CURSOR) {
        /* A block, to be seen on any colour. */
        const uint32_t swap = *fg;
        *fg = *bg;
        *bg = swap == *bg ? ~swap & 0xffffff : swap;
    }
}

static void glyph_of(const struct cell *c, uint8_t rows[FONT_HEIGHT])
{
    if (c->flags & (CELL_WIDE | CELL_TAIL)) {
        /* The font has none of those: half of a box. */
        const uint8_t side = c->flags & CELL_WIDE ? 0x40 : 0x02;
        memset(rows, 0, FONT_HEIGHT);
        memset(rows + 2, side, 11);
        rows[2] = rows[12] = c->flags & CELL_WIDE ? 0x7f : 0xfe;
    } else {
        font_glyph(c->code, rows);
    }
    for (unsigned y = 0; c->flags & ATTR_BOLD && c->fg >= 8 && y < FONT_HEIGHT; y++)
        rows[y] |= rows[y] >> 1; /* where there is no brighter colour */
    if (c->flags & ATTR_UNDERLINE)
        rows[UNDERLINE_ROW] = 0xff;
    if (c->flags & ATTR_STRIKE)
        rows[STRIKE_ROW] = 0xff;
}

static void draw_cell(const struct cell *c, uint32_t *to, size_t stride)
{
    uint8_t rows[FONT_HEIGHT];
    uint32_t fg, bg;

    colours(c, &fg, &bg);
    glyph_of(c, rows);
    for (unsigned y = 0; y < TERMINAL_CELL_HEIGHT; y++) {
        for (unsigned x = 0; x < TERMINAL_CELL_WIDTH; x++)
            to[y * stride + x] = rows[y] & 0x80 >> x ? fg : bg;
    }
}

void terminal_draw(struct terminal *t, uint32_t *pixels, size_t stride, bool all,
                   void (*drawn)(void *opaque, unsigned x, unsigned y, unsigned width,
                                 unsigned height),
                   void *opaque)
{
    for (unsigned y = 0; y < t->rows; y++) {
        const struct cell *row = screen_seen(t, y);
        struct cell *old = t->drawn + (size_t)y * t->cols;
        unsigned first = t->cols, end = 0;
        for (unsigned x = 0; x < t->cols; x++) {
            struct cell c = row[x];
            if (t->reverse)
                c.flags ^= ATTR_REVERSE;
            if (!t->view && !t->hide_cursor && x == t->cursor.x && y == t->cursor.y)
                c.flags |= CELL_CURSOR;
            if (!all && c.code == old[x].code && c.fg == old[x].fg && c.bg == old[x].bg &&
                c.flags == old[x].flags)
                continue;
            old[x] = c;
            draw_cell(&c,
                      pixels + (size_t)y * TERMINAL_CELL_HEIGHT * stride +
                          (size_t)x * TERMINAL_CELL_WIDTH,
                      stride);
            first = MIN(first, x);
            end = x + 1;
        }
        if (first < end)
            drawn(opaque, first * TERMINAL_CELL_WIDTH, y * TERMINAL_CELL_HEIGHT,
                  (end - first) * TERMINAL_CELL_WIDTH, TERMINAL_CELL_HEIGHT);
    }
}
