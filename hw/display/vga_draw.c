/* The screen line by line, and what changed of it; see vga_draw.h. */
#include "hw/display/vga_draw.h"

#include <string.h>

#include "core/util/bitmap.h"
#include "core/util/range.h"

#define FRAME_NS INT64_C(16683333)
enum { CURSOR_FRAMES = 8, BLINK_FRAMES = 16 };
enum { TILES = VGA_DRAW_WIDTH / VGA_DRAW_TILE };

/* What changed of the lines since `first`. */
struct band {
    const struct vga_target *target;
    uint32_t width, first, last;
    bool any;
    uint64_t tiles[TILES / 64];
};

static void band_end(struct band *b)
{
    uint32_t tiles = (b->width + VGA_DRAW_TILE - 1) / VGA_DRAW_TILE;
    if (!b->any)
        return;
    for (uint64_t from = bitmap_find_next(b->tiles, tiles, 0), to; from < tiles;
         from = bitmap_find_next(b->tiles, tiles, to)) {
        to = bitmap_find_next_clear(b->tiles, tiles, from);
        uint32_t x = (uint32_t)from * VGA_DRAW_TILE;
        b->target->damage(b->target->opaque, x, b->first,
                          MIN((uint32_t)to * VGA_DRAW_TILE, b->width) - x, b->last - b->first + 1);
    }
    memset(b->tiles, 0, sizeof b->tiles);
    b->any = false;
}

static void put_line(struct band *b, uint32_t y, const uint32_t *line)
{
    uint32_t *to = b->target->pixels + (size_t)y * b->target->stride;
    if (y % VGA_DRAW_BAND == 0)
        band_end(b);
    for (uint32_t x = 0; x < b->width; x += VGA_DRAW_TILE) {
        size_t len = MIN(b->width - x, (uint32_t)VGA_DRAW_TILE) * sizeof *line;
        if (!memcmp(to + x, line + x, len))
            continue;
        memcpy(to + x, line + x, len);
        bitmap_set(b->tiles, x / VGA_DRAW_TILE);
        b->first = b->any ? b->first : y;
        b->last = y;
        b->any = true;
    }
}

static void draw_linear(const struct vga *v, const struct vga_mode *m, uint32_t *line,
                        struct band *b)
{
    for (uint32_t y = 0; y < m->height; y++) {
        vga_line_linear(v, m, m->start + y * m->pitch, line);
        put_line(b, y, line);
    }
}

/* As the CRT controller counts: scan lines of a row, rows, and from line compare on again. */
static void draw_rows(const struct vga *v, const struct vga_mode *m, int64_t now, uint32_t *line,
                      struct band *b)
{
    int64_t frame = now / FRAME_NS;
    bool hidden = frame / BLINK_FRAMES & 1;
    struct vga_mode seen = *m;
    seen.cursor &= !(frame / CURSOR_FRAMES & 1);
    uint32_t row = m->start;
    unsigned scan = m->first_scan, repeat = 0, pan = m->pan;
    for (uint32_t y = 0; y < m->height; y++) {
        if (!repeat) {
            if (m->kind == VGA_TEXT)
                vga_line_text(v, &seen, row, scan, hidden, line);
            else
                vga_line_planes(v, &seen, row, scan, line);
        }
        put_line(b, y, line + pan * (m->wide ? 2 : 1));
        if (y == m->line_compare) {
            row = scan = repeat = 0;
            pan = m->pan_ends ? 0 : pan;
        } else if (++repeat == m->lines_per_scan) {
            repeat = 0;
            row += scan == m->max_scan ? m->pitch : 0;
            scan = scan == m->max_scan ? 0 : (scan + 1) & 31;
        }
    }
}

void vga_draw(const struct vga *v, const struct vga_mode *m, int64_t now, uint32_t *line,
              const struct vga_target *target)
{
    struct band b = {.target = target, .width = m->width};
    if (m->kind == VGA_BLANK) {
        memset(line, 0, m->width * sizeof *line);
        for (uint32_t y = 0; y < m->height; y++)
            put_line(&b, y, line);
    } else if (m->kind == VGA_LINEAR) {
        draw_linear(v, m, line, &b);
    } else if (m->kind != VGA_OFF) {
        draw_rows(v, m, now, line, &b);
    }
    band_end(&b);
}
