/* Lines onto a surface; see lines.h. */
#include "hw/display/lines.h"

#include <string.h>

#include "core/util/bitmap.h"
#include "core/util/endian.h"
#include "core/util/range.h"

void lines_end(struct lines *l)
{
    uint32_t tiles = (l->width + LINES_TILE - 1) / LINES_TILE;
    if (!l->any)
        return;
    for (uint64_t from = bitmap_find_next(l->tiles, tiles, 0), to; from < tiles;
         from = bitmap_find_next(l->tiles, tiles, to)) {
        to = bitmap_find_next_clear(l->tiles, tiles, from);
        uint32_t x = (uint32_t)from * LINES_TILE;
        l->target->damage(l->target->opaque, x, l->first,
                          MIN((uint32_t)to * LINES_TILE, l->width) - x, l->last - l->first + 1);
    }
    memset(l->tiles, 0, sizeof l->tiles);
    l->any = false;
}

bool lines_put(struct lines *l, uint32_t y, const uint32_t *line)
{
    bool changed = false;
    uint32_t *to = l->target->pixels + (size_t)y * l->target->stride;
    if (l->any && y / LINES_BAND != l->first / LINES_BAND)
        lines_end(l);
    for (uint32_t x = 0; x < l->width; x += LINES_TILE) {
        size_t len = MIN(l->width - x, (uint32_t)LINES_TILE) * sizeof *line;
        if (!memcmp(to + x, line + x, len))
            continue;
        memcpy(to + x, line + x, len);
        bitmap_set(l->tiles, x / LINES_TILE);
        l->first = l->any ? l->first : y;
        l->last = y;
        l->any = l->ever = changed = true;
    }
    return changed;
}

/* ---- pixels ---------------------------------------------------------------------------------- */

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

void lines_convert(unsigned bits, const uint32_t palette[256], const uint8_t *in, uint32_t width,
                   uint32_t *out)
{
    switch (bits) {
    case 8:
        for (uint32_t n = 0; n < width; n++)
            out[n] = palette[in[n]];
        break;
    case 15:
        for (uint32_t n = 0; n < width; n++)
            out[n] = pixel_555(load_le16(in + 2 * n));
        break;
    case 16:
        for (uint32_t n = 0; n < width; n++)
            out[n] = pixel_565(load_le16(in + 2 * n));
        break;
    case 24:
        for (uint32_t n = 0; n < width; n++)
            out[n] = load_le16(in + 3 * n) | (uint32_t)in[3 * n + 2] << 16;
        break;
    default:
        for (uint32_t n = 0; n < width; n++)
            out[n] = load_le32(in + 4 * n) & 0xffffff;
        break;
    }
}
