/* The screen line by line, and what changed of it; see vga_draw.h. */
#include "hw/display/vga_draw.h"

#include <string.h>

#include "core/memory/memory.h"
#include "core/util/bitmap.h"
#include "core/util/range.h"

#define FRAME_NS INT64_C(16683333)
enum { CURSOR_FRAMES = 8, BLINK_FRAMES = 16 };

/* A run of pages of the memory. */
struct span {
    uint32_t first, count;
};

struct drawing {
    const struct vga *v;
    const struct vga_mode *m;
    const struct vga_part *part;
    struct span shown; /* vga_pages() */
    bool any_dirty;    /* of these */
    struct lines lines;
};

/* ---- pages ----------------------------------------------------------------------------------- */

static struct span pages_of(uint32_t offset, uint32_t len)
{
    uint32_t first = offset >> MEM_PAGE_BITS;
    return (struct span){first, ((offset + len - 1) >> MEM_PAGE_BITS) - first + 1};
}

void vga_pages(const struct vga *v, const struct vga_mode *m, uint32_t *first, uint32_t *count)
{
    struct span all = {0, v->memory_size >> MEM_PAGE_BITS};
    if (m->kind == VGA_LINEAR && m->height) {
        uint64_t len =
            (uint64_t)m->pitch * (m->height - 1) + (uint64_t)m->width * ((m->bits + 7) / 8);
        if (len && range_fits(m->start, len, v->memory_size))
            all = pages_of(m->start, (uint32_t)len);
    } else if (m->wrap < v->memory_size / 4) {
        all.count = (4 * (m->wrap + 1)) >> MEM_PAGE_BITS;
    }
    *first = all.first;
    *count = all.count;
}

/* Is a line of these pages to be drawn? */
static bool wanted(const struct drawing *d, struct span s)
{
    if (!d->part->dirty || (d->any_dirty && s.first == d->shown.first && s.count == d->shown.count))
        return true;
    return d->any_dirty &&
           bitmap_find_next(d->part->dirty, s.first + s.count, s.first) < s.first + s.count;
}

static void put(struct drawing *d, uint32_t y, const uint32_t *line, struct span s)
{
    if (lines_put(&d->lines, y, line) && d->part->changed)
        bitmap_set_range(d->part->changed, s.first, s.count);
}

/* ---- modes ----------------------------------------------------------------------------------- */

static void draw_linear(struct drawing *d, uint32_t *line)
{
    const struct vga_mode *m = d->m;
    const uint32_t len = m->width * ((m->bits + 7) / 8);
    for (uint32_t y = 0; y < m->height; y++) {
        uint32_t at = m->start + y * m->pitch;
        struct span s =
            range_fits(at, len, d->v->memory_size) ? pages_of(at, len) : (struct span){0};
        if (!wanted(d, s))
            continue;
        vga_line_linear(d->v, m, at, line);
        put(d, y, line, s);
    }
}

/* Of the line's dwords; text has fonts besides, and some modes have lines in several places. */
static struct span row_pages(const struct drawing *d, uint32_t row)
{
    const struct vga_mode *m = d->m;
    row &= m->wrap;
    if (m->kind == VGA_TEXT || (m->crtc_mode & 3) != 3 || m->columns > m->wrap - row)
        return d->shown;
    return pages_of(4 * row, 4 * (m->columns + 1));
}

static bool has_cursor(const struct vga_mode *m, uint32_t row)
{
    return m->kind == VGA_TEXT && ((m->cursor_at - row) & m->wrap) <= m->columns;
}

/* As the CRT controller counts: scan lines of a row, rows, and from line compare on again. */
static void draw_rows(struct drawing *d, struct vga_phase phase, uint32_t *line)
{
    const struct vga_mode *m = d->m;
    uint32_t row = m->start;
    unsigned scan = m->first_scan, repeat = 0, pan = m->pan;
    bool draw = false;
    struct span s = d->shown;
    for (uint32_t y = 0; y < m->height; y++) {
        if (!repeat) {
            s = row_pages(d, row);
            draw = wanted(d, s) || (d->part->cursor && has_cursor(m, row));
            if (draw && m->kind == VGA_TEXT)
                vga_line_text(d->v, m, row, scan, phase.hidden, line);
            else if (draw)
                vga_line_planes(d->v, m, row, scan, line);
        }
        if (draw)
            put(d, y, line + pan * (m->wide ? 2 : 1), s);
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

struct vga_phase vga_phase(int64_t now)
{
    int64_t frame = now / FRAME_NS;
    return (struct vga_phase){.cursor_off = frame / CURSOR_FRAMES & 1,
                              .hidden = frame / BLINK_FRAMES & 1};
}

int64_t vga_phase_left(int64_t now)
{
    const int64_t phase = CURSOR_FRAMES * FRAME_NS;
    return phase - now % phase;
}

/*
 * Blinking dots: the attribute controller drives bit 3 of their number. Where plane 3 is shown,
 * dots that have it set come and go with it, and the others always have it; where it is not shown,
 * all dots blink.
 */
static void blink_dots(struct vga_mode *m, bool hidden)
{
    uint32_t palette[16];
    for (unsigned n = 0; n < 16; n++) {
        bool blinks = !(m->plane_mask & 8) || (n & 8);
        palette[n] = m->palette[blinks && hidden ? n & 7 : n | 8];
    }
    memcpy(m->palette, palette, sizeof palette);
}

bool vga_draw(const struct vga *v, const struct vga_mode *mode, struct vga_phase phase,
              const struct lines_target *target, const struct vga_part *part)
{
    struct vga_mode m = *mode;
    struct drawing d = {
        .v = v, .m = &m, .part = part, .lines = {.target = target, .width = m.width}};
    vga_pages(v, &m, &d.shown.first, &d.shown.count);
    const uint32_t end = d.shown.first + d.shown.count;
    d.any_dirty = part->dirty && bitmap_find_next(part->dirty, end, d.shown.first) < end;
    if (m.kind == VGA_BLANK) {
        memset(target->line, 0, m.width * sizeof *target->line);
        for (uint32_t y = 0; y < m.height; y++)
            lines_put(&d.lines, y, target->line);
    } else if (m.kind == VGA_LINEAR) {
        draw_linear(&d, target->line);
    } else if (m.kind != VGA_OFF) {
        m.cursor &= !phase.cursor_off;
        if (m.kind != VGA_TEXT && m.blinks)
            blink_dots(&m, phase.hidden);
        draw_rows(&d, phase, target->line);
    }
    lines_end(&d.lines);
    return d.lines.ever;
}
