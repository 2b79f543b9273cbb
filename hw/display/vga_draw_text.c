/* Lines of characters; see vga_draw.h. */
#include "hw/display/vga_draw.h"

enum { ATTR_FONT = 1 << 3, ATTR_BLINKS = 1 << 7, LINE_FIRST = 0xc0, LINE_LAST = 0xdf };

/* The dots of a character's line, leftmost in bit 8. */
static unsigned glyph_dots(const struct vga *v, const struct vga_mode *m, uint8_t c, uint8_t attr,
                           unsigned scan)
{
    uint32_t at = m->font[attr & ATTR_FONT ? 1 : 0] + c * 32u + scan;
    unsigned dots = v->memory[4 * (at & m->wrap) + 2] * 2u;
    if (m->line_graphics && c >= LINE_FIRST && c <= LINE_LAST)
        dots |= dots >> 1 & 1;
    return dots;
}

void vga_line_text(const struct vga *v, const struct vga_mode *m, uint32_t row, unsigned scan,
                   bool hidden, uint32_t *out)
{
    bool in_cursor = m->cursor && scan >= m->cursor_first && scan <= m->cursor_last;
    /* One more, for what panning brings in at the right. */
    for (unsigned n = 0; n <= m->columns; n++) {
        uint32_t at = (row + n) & m->wrap;
        uint8_t c = v->memory[4 * at], attr = v->memory[4 * at + 1];
        unsigned dots = glyph_dots(v, m, c, attr, scan), back = attr >> 4;
        if (m->blinks) {
            if ((attr & ATTR_BLINKS) && hidden)
                dots = 0;
            back &= 7;
        }
        if ((attr & 0x77) == 1 && scan == m->underline)
            dots = 0x1ff;
        if (in_cursor && at == (m->cursor_at & m->wrap))
            dots = 0x1ff;
        uint32_t colours[2] = {m->palette[back], m->palette[attr & 15]};
        for (unsigned i = 0; i < m->dots; i++) {
            uint32_t pixel = colours[dots >> (8 - i) & 1];
            *out++ = pixel;
            if (m->wide)
                *out++ = pixel;
        }
    }
}
