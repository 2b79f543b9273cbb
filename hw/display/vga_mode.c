/* What the registers say is shown; see vga_draw.h. */
#include "hw/display/vga_draw.h"

#include <string.h>

#include "core/util/range.h"

enum { SEQ_CLOCKING = 1, CLOCKING_8_DOTS = 1, CLOCKING_HALF = 1 << 3, CLOCKING_OFF = 1 << 5 };
enum { SEQ_FONTS = 3 };
enum { GFX_MODE = 5, MODE_PAIRS = 1 << 5, MODE_256 = 1 << 6, GFX_MISC = 6, MISC_GRAPHICS = 1 };
enum {
    ATTR_MODE = 0x10,
    ATTR_LINE_GRAPHICS = 1 << 2,
    ATTR_BLINK = 1 << 3,
    ATTR_PAN_ENDS = 1 << 5,
    ATTR_P54 = 1 << 7,
    ATTR_PLANES = 0x12,
    ATTR_PAN = 0x13,
    ATTR_COLOR = 0x14,
    ATTR_PAS = 1 << 5, /* of the index */
};
enum {
    CRTC_COLUMNS = 0x01,
    CRTC_OVERFLOW = 0x07,
    CRTC_PRESET = 0x08,
    CRTC_MAX_SCAN = 0x09,
    CRTC_DOUBLE = 1 << 7,
    CRTC_CURSOR_START = 0x0a,
    CRTC_CURSOR_OFF = 1 << 5,
    CRTC_CURSOR_END = 0x0b,
    CRTC_START = 0x0c,
    CRTC_CURSOR = 0x0e,
    CRTC_LINES = 0x12,
    CRTC_OFFSET = 0x13,
    CRTC_UNDERLINE = 0x14,
    CRTC_MODE = 0x17,
    CRTC_LINES_TWICE = 1 << 2,
    CRTC_COMPARE = 0x18,
};
enum { VBE_XRES = 1, VBE_YRES, VBE_BPP, VBE_ENABLE, VBE_VIRT_WIDTH = 6, VBE_X = 8, VBE_Y };
enum { VBE_ENABLED = 1, VBE_8BIT_DAC = 1 << 5 };

static uint32_t dac_colour(const struct vga *v, unsigned n)
{
    const uint8_t *e = v->dac + 3 * (n & v->dac_mask);
    if (v->vbe[VBE_ENABLE] & VBE_8BIT_DAC)
        return (uint32_t)e[0] << 16 | (uint32_t)e[1] << 8 | e[2];
    uint32_t rgb = 0;
    for (unsigned i = 0; i < 3; i++)
        rgb = rgb << 8 | (uint32_t)(e[i] & 0x3f) << 2 | (e[i] & 0x3f) >> 4;
    return rgb;
}

static void palette_256(const struct vga *v, struct vga_mode *m)
{
    for (unsigned n = 0; n < 256; n++)
        m->palette[n] = dac_colour(v, n);
}

/* Through the attribute controller: four bits become six or four, and more from the colour select
 * register. */
static void palette_16(const struct vga *v, struct vga_mode *m)
{
    uint8_t select = v->attr[ATTR_COLOR];
    for (unsigned n = 0; n < 16; n++) {
        unsigned c = v->attr[n] & 0x3f;
        if (v->attr[ATTR_MODE] & ATTR_P54)
            c = (c & 0x0f) | (select & 3u) << 4;
        m->palette[n] = dac_colour(v, c | (select & 0x0cu) << 4);
    }
}

static void linear_mode(const struct vga *v, struct vga_mode *m)
{
    uint32_t width = v->vbe[VBE_VIRT_WIDTH], x = v->vbe[VBE_X], y = v->vbe[VBE_Y];
    m->width = v->vbe[VBE_XRES];
    m->height = v->vbe[VBE_YRES];
    m->lines_per_scan = 1;
    m->line_compare = UINT32_MAX;
    m->bits = v->vbe[VBE_BPP];
    if (m->bits == 4) {
        m->kind = VGA_PLANAR;
        m->columns = m->width / 8;
        m->pitch = width / 8;
        m->start = y * m->pitch + x / 8;
        m->pan = x & 7;
        m->wrap = v->memory_size / 4 - 1;
        m->crtc_mode = 3;
        palette_16(v, m);
        return;
    }
    uint32_t bytes = (m->bits + 7) / 8;
    m->kind = VGA_LINEAR;
    m->pitch = width * bytes;
    m->start = y * m->pitch + x * bytes;
    if (m->bits == 8)
        palette_256(v, m);
}

static void text_mode(const struct vga *v, struct vga_mode *m)
{
    uint8_t fonts = v->seq[SEQ_FONTS];
    unsigned a = (fonts >> 2 & 3u) | (fonts >> 3 & 4u), b = (fonts & 3u) | (fonts >> 2 & 4u);
    m->kind = VGA_TEXT;
    m->dots = v->seq[SEQ_CLOCKING] & CLOCKING_8_DOTS ? 8 : 9;
    m->font[0] = (b & 3) * 0x4000 + (b >> 2) * 0x2000;
    m->font[1] = (a & 3) * 0x4000 + (a >> 2) * 0x2000;
    m->blinks = v->attr[ATTR_MODE] & ATTR_BLINK;
    m->line_graphics = v->attr[ATTR_MODE] & ATTR_LINE_GRAPHICS;
    m->underline = v->crtc[CRTC_UNDERLINE] & 0x1f;
    m->cursor = !(v->crtc[CRTC_CURSOR_START] & CRTC_CURSOR_OFF);
    m->cursor_first = v->crtc[CRTC_CURSOR_START] & 0x1f;
    m->cursor_last = v->crtc[CRTC_CURSOR_END] & 0x1f;
    m->cursor_at = ((uint32_t)v->crtc[CRTC_CURSOR] << 8 | v->crtc[CRTC_CURSOR + 1]) +
                   (v->crtc[CRTC_CURSOR_END] >> 5 & 3);
    /* 9 dots: 8 is not shifted, 0 to 7 are by one more */
    m->pan = v->attr[ATTR_PAN] & 0x0f;
    if (m->dots == 9)
        m->pan = m->pan >= 8 ? 0 : m->pan + 1;
    else
        m->pan &= 7;
    palette_16(v, m);
}

static void graphics_mode(const struct vga *v, struct vga_mode *m)
{
    m->dots = 8;
    m->pan = v->attr[ATTR_PAN] & 7;
    if (v->gfx[GFX_MODE] & MODE_256) {
        m->kind = VGA_BYTES;
        m->pan &= 6;
        m->wide = false;
        palette_256(v, m);
    } else {
        m->kind = v->gfx[GFX_MODE] & MODE_PAIRS ? VGA_PAIRS : VGA_PLANAR;
        m->blinks = v->attr[ATTR_MODE] & ATTR_BLINK;
        palette_16(v, m);
    }
}

void vga_mode(const struct vga *v, struct vga_mode *m)
{
    memset(m, 0, sizeof *m);
    bool linear = v->vbe[VBE_ENABLE] & VBE_ENABLED;
    m->plane_mask = v->attr[ATTR_PLANES] & 15;
    if (linear) {
        linear_mode(v, m);
    } else if (!v->crtc[CRTC_LINES]) {
        m->kind = VGA_OFF;
        return;
    } else {
        uint8_t overflow = v->crtc[CRTC_OVERFLOW], scan = v->crtc[CRTC_MAX_SCAN];
        m->columns = v->crtc[CRTC_COLUMNS] + 1u;
        m->height = (v->crtc[CRTC_LINES] | (overflow & 2u) << 7 | (overflow & 0x40u) << 3) + 1;
        m->line_compare =
            v->crtc[CRTC_COMPARE] | (overflow & 0x10u) << 4 | (uint32_t)(scan & 0x40) << 3;
        m->crtc_mode = v->crtc[CRTC_MODE];
        if (m->crtc_mode & CRTC_LINES_TWICE) {
            m->height *= 2;
            m->line_compare = 2 * m->line_compare + 1;
        }
        m->max_scan = scan & 0x1f;
        m->first_scan = v->crtc[CRTC_PRESET] & 0x1f;
        m->lines_per_scan = scan & CRTC_DOUBLE ? 2 : 1;
        m->start = ((uint32_t)v->crtc[CRTC_START] << 8 | v->crtc[CRTC_START + 1]) +
                   (v->crtc[CRTC_PRESET] >> 5 & 3);
        m->pitch = v->crtc[CRTC_OFFSET] * 2u;
        m->wrap = 0xffff; /* 64 KiB a plane */
        m->wide = v->seq[SEQ_CLOCKING] & CLOCKING_HALF;
        m->pan_ends = v->attr[ATTR_MODE] & ATTR_PAN_ENDS;
        if (v->gfx[GFX_MISC] & MISC_GRAPHICS)
            graphics_mode(v, m);
        else
            text_mode(v, m);
        m->width = m->columns * m->dots * (m->wide ? 2 : 1);
    }
    if (!v->linear_only && (!(v->attr_index & ATTR_PAS) || (v->seq[SEQ_CLOCKING] & CLOCKING_OFF)))
        m->kind = VGA_BLANK;
}
