/* Lines of the VGA's own graphics modes; see vga_draw.h. */
#include "hw/display/vga_draw.h"

#include "core/util/endian.h"

enum { CRTC_BYTES = 1 << 6, CRTC_NO_CGA = 1 << 0, CRTC_NO_HERCULES = 1 << 1 };

/* The dword of an address, two bits of which may come from the scan line: that is how CGA and
 * Hercules memory is laid out. */
static uint32_t dword_at(const struct vga *v, const struct vga_mode *m, uint32_t at, unsigned scan)
{
    unsigned bit = m->crtc_mode & CRTC_BYTES ? 13 : 12;
    if (!(m->crtc_mode & CRTC_NO_CGA))
        at = (at & ~(1u << bit)) | (scan & 1u) << bit;
    if (!(m->crtc_mode & CRTC_NO_HERCULES))
        at = (at & ~(2u << bit)) | (scan >> 1 & 1u) << (bit + 1);
    return load_le32(v->memory + 4 * (at & m->wrap));
}

/* Bit 7 - n into byte n, as 0 or 1. */
static uint64_t spread(uint8_t bits)
{
    uint64_t x = (bits * UINT64_C(0x0101010101010101)) & UINT64_C(0x0102040810204080);
    return (x + UINT64_C(0x7f7f7f7f7f7f7f7f)) >> 7 & UINT64_C(0x0101010101010101);
}

/* Eight dots, the first in the lowest byte. */
static uint64_t dots_planar(uint32_t d)
{
    return spread((uint8_t)d) | spread((uint8_t)(d >> 8)) << 1 | spread((uint8_t)(d >> 16)) << 2 |
           spread((uint8_t)(d >> 24)) << 3;
}

/* Plane 0 has the low two bits of the first four dots, plane 1 of the others; 2 and 3 the high
 * ones.
 */
static uint64_t dots_pairs(uint32_t d)
{
    uint64_t dots = 0;
    for (unsigned n = 0; n < 8; n++) {
        unsigned shift = (n < 4 ? 0 : 8) + 6 - 2 * (n & 3);
        uint64_t c = (d >> shift & 3) | (d >> (16 + shift) & 3) << 2;
        dots |= c << 8 * n;
    }
    return dots;
}

/* Each of four bytes is two dots. */
static uint64_t dots_bytes(uint32_t d)
{
    uint64_t dots = 0;
    for (unsigned n = 0; n < 8; n++)
        dots |= (uint64_t)(d >> 8 * (n / 2) & 0xff) << 8 * n;
    return dots;
}

void vga_line_planes(const struct vga *v, const struct vga_mode *m, uint32_t row, unsigned scan,
                     uint32_t *out)
{
    for (unsigned n = 0; n <= m->columns; n++) {
        uint32_t d = dword_at(v, m, row + n, scan);
        uint64_t dots = m->kind == VGA_BYTES   ? dots_bytes(d)
                        : m->kind == VGA_PAIRS ? dots_pairs(d)
                                               : dots_planar(d);
        uint8_t mask = m->kind == VGA_BYTES ? 0xff : m->plane_mask;
        for (unsigned i = 0; i < 8; i++, dots >>= 8) {
            uint32_t pixel = m->palette[dots & mask];
            *out++ = pixel;
            if (m->wide)
                *out++ = pixel;
        }
    }
}
