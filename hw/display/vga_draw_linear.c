/* Lines of the display interface's modes; see vga_draw.h. */
#include "hw/display/vga_draw.h"

#include <string.h>

#include "core/util/endian.h"
#include "core/util/range.h"

/* Five or six bits as eight, so that all ones are white. */
static uint32_t widen(uint32_t c, unsigned bits)
{
    return c << (8 - bits) | c >> (2 * bits - 8);
}

static uint32_t pixel_565(uint32_t p)
{
    return widen(p >> 11 & 31, 5) << 16 | widen(p >> 5 & 63, 6) << 8 | widen(p & 31, 5);
}

static uint32_t pixel_555(uint32_t p)
{
    return widen(p >> 10 & 31, 5) << 16 | widen(p >> 5 & 31, 5) << 8 | widen(p & 31, 5);
}

void vga_line_linear(const struct vga *v, const struct vga_mode *m, uint32_t row, uint32_t *out)
{
    const uint8_t *in = v->memory + row;
    if (!range_fits(row, (uint64_t)m->width * ((m->bits + 7) / 8), v->memory_size)) {
        memset(out, 0, m->width * sizeof *out);
        return;
    }
    switch (m->bits) {
    case 8:
        for (uint32_t n = 0; n < m->width; n++)
            out[n] = m->palette[in[n]];
        break;
    case 15:
        for (uint32_t n = 0; n < m->width; n++)
            out[n] = pixel_555(load_le16(in + 2 * n));
        break;
    case 16:
        for (uint32_t n = 0; n < m->width; n++)
            out[n] = pixel_565(load_le16(in + 2 * n));
        break;
    case 24:
        for (uint32_t n = 0; n < m->width; n++)
            out[n] = load_le16(in + 3 * n) | (uint32_t)in[3 * n + 2] << 16;
        break;
    default:
        for (uint32_t n = 0; n < m->width; n++)
            out[n] = load_le32(in + 4 * n) & 0xffffff;
        break;
    }
}
