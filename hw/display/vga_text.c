/* The text screen as text; see vga.h. */
#include "hw/display/vga.h"

#include "core/util/range.h"

enum {
    CRTC_COLUMNS = 0x01,
    CRTC_OVERFLOW = 0x07,
    CRTC_MAX_SCAN = 0x09,
    CRTC_START = 0x0c,
    CRTC_LINES = 0x12,
    CRTC_OFFSET = 0x13,
};
enum { VBE_ENABLE = 4, SEQ_CLOCKING = 1, SCREEN_OFF = 1 << 5, MAX_COLUMNS = 256, MAX_ROWS = 128 };

/* Code page 437: what the character generator shows. */
static const uint16_t low[32] = {
    0x0020, 0x263a, 0x263b, 0x2665, 0x2666, 0x2663, 0x2660, 0x2022, 0x25d8, 0x25cb, 0x25d9,
    0x2642, 0x2640, 0x266a, 0x266b, 0x263c, 0x25ba, 0x25c4, 0x2195, 0x203c, 0x00b6, 0x00a7,
    0x25ac, 0x21a8, 0x2191, 0x2193, 0x2192, 0x2190, 0x221f, 0x2194, 0x25b2, 0x25bc,
};
static const uint16_t high[128] = {
    0x00c7, 0x00fc, 0x00e9, 0x00e2, 0x00e4, 0x00e0, 0x00e5, 0x00e7, 0x00ea, 0x00eb, 0x00e8, 0x00ef,
    0x00ee, 0x00ec, 0x00c4, 0x00c5, 0x00c9, 0x00e6, 0x00c6, 0x00f4, 0x00f6, 0x00f2, 0x00fb, 0x00f9,
    0x00ff, 0x00d6, 0x00dc, 0x00a2, 0x00a3, 0x00a5, 0x20a7, 0x0192, 0x00e1, 0x00ed, 0x00f3, 0x00fa,
    0x00f1, 0x00d1, 0x00aa, 0x00ba, 0x00bf, 0x2310, 0x00ac, 0x00bd, 0x00bc, 0x00a1, 0x00ab, 0x00bb,
    0x2591, 0x2592, 0x2593, 0x2502, 0x2524, 0x2561, 0x2562, 0x2556, 0x2555, 0x2563, 0x2551, 0x2557,
    0x255d, 0x255c, 0x255b, 0x2510, 0x2514, 0x2534, 0x252c, 0x251c, 0x2500, 0x253c, 0x255e, 0x255f,
    0x255a, 0x2554, 0x2569, 0x2566, 0x2560, 0x2550, 0x256c, 0x2567, 0x2568, 0x2564, 0x2565, 0x2559,
    0x2558, 0x2552, 0x2553, 0x256b, 0x256a, 0x2518, 0x250c, 0x2588, 0x2584, 0x258c, 0x2590, 0x2580,
    0x03b1, 0x00df, 0x0393, 0x03c0, 0x03a3, 0x03c3, 0x00b5, 0x03c4, 0x03a6, 0x0398, 0x03a9, 0x03b4,
    0x221e, 0x03c6, 0x03b5, 0x2229, 0x2261, 0x00b1, 0x2265, 0x2264, 0x2320, 0x2321, 0x00f7, 0x2248,
    0x00b0, 0x2219, 0x00b7, 0x221a, 0x207f, 0x00b2, 0x25a0, 0x00a0,
};

struct out {
    char *buf;
    size_t len, used;
};

static void put(struct out *o, uint8_t c)
{
    if (o->used + 1 < o->len)
        o->buf[o->used] = (char)c;
    o->used++;
}

static void put_character(struct out *o, uint8_t c)
{
    uint16_t u = c < 0x20 ? low[c] : c < 0x7f ? c : c == 0x7f ? 0x2302 : high[c - 0x80];
    if (u < 0x80) {
        put(o, (uint8_t)u);
    } else if (u < 0x800) {
        put(o, (uint8_t)(0xc0 | u >> 6));
        put(o, (uint8_t)(0x80 | (u & 0x3f)));
    } else {
        put(o, (uint8_t)(0xe0 | u >> 12));
        put(o, (uint8_t)(0x80 | (u >> 6 & 0x3f)));
        put(o, (uint8_t)(0x80 | (u & 0x3f)));
    }
}

static bool shows_text(const struct vga *v)
{
    return !v->linear_only && !(v->vbe[VBE_ENABLE] & 1) && !(v->gfx[6] & 1) &&
           !(v->seq[SEQ_CLOCKING] & SCREEN_OFF) && v->crtc[CRTC_LINES];
}

static unsigned rows_shown(const struct vga *v)
{
    uint8_t overflow = v->crtc[CRTC_OVERFLOW];
    unsigned lines = v->crtc[CRTC_LINES] | (overflow & 2u) << 7 | (overflow & 0x40u) << 3;
    return MIN((lines + 1) / ((v->crtc[CRTC_MAX_SCAN] & 0x1fu) + 1), (unsigned)MAX_ROWS);
}

size_t vga_text(const struct vga *v, char *buf, size_t len)
{
    struct out o = {.buf = buf, .len = len};
    if (len)
        buf[0] = 0;
    if (!shows_text(v))
        return 0;
    unsigned columns = MIN(v->crtc[CRTC_COLUMNS] + 1u, (unsigned)MAX_COLUMNS);
    uint32_t start = (uint32_t)v->crtc[CRTC_START] << 8 | v->crtc[CRTC_START + 1];
    for (unsigned row = 0; row < rows_shown(v); row++) {
        uint32_t cell = start + row * v->crtc[CRTC_OFFSET] * 2u;
        unsigned used = 0;
        for (unsigned x = 0; x < columns; x++) {
            uint8_t c = v->memory[(cell + x) * 4 & (v->memory_size - 1)];
            used = c && c != ' ' ? x + 1 : used;
        }
        for (unsigned x = 0; x < used; x++)
            put_character(&o, v->memory[(cell + x) * 4 & (v->memory_size - 1)]);
        put(&o, '\n');
    }
    if (len)
        buf[MIN(o.used, len - 1)] = 0;
    return o.used;
}
