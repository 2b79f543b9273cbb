/* The window at A0000H and how the graphics controller and the sequencer route it to the planes;
 * see vga.h. */
#include "hw/display/vga.h"

#include <string.h>

#include "core/util/endian.h"
#include "core/util/range.h"

enum { SEQ_MAP_MASK = 2, SEQ_MEMORY_MODE = 4, MEMORY_CHAIN4 = 1 << 3 };
enum {
    GFX_SET_RESET = 0,
    GFX_ENABLE_SET_RESET = 1,
    GFX_COLOR_COMPARE = 2,
    GFX_ROTATE = 3, /* and the function */
    GFX_READ_MAP = 4,
    GFX_MODE = 5,
    MODE_READ_COMPARE = 1 << 3,
    MODE_ODD_EVEN = 1 << 4,
    GFX_MISC = 6,
    GFX_COLOR_CARE = 7,
    GFX_BIT_MASK = 8,
};
enum { VBE_BANK = 5 };

/* A byte of ones in each plane whose bit is set. */
static uint32_t planes(unsigned bits)
{
    uint32_t mask = 0;
    for (unsigned p = 0; p < 4; p++)
        mask |= bits >> p & 1 ? UINT32_C(0xff) << 8 * p : 0;
    return mask;
}

/* Where in the memory as the CPU counts it byte n of the window is; false: it is not mapped. */
static bool map_window(const struct vga *v, uint32_t n, uint32_t *at)
{
    static const struct {
        uint32_t first, size;
    } maps[4] = {{0, 0x20000}, {0, 0x10000}, {0x10000, 0x8000}, {0x18000, 0x8000}};
    unsigned map = v->gfx[GFX_MISC] >> 2 & 3;
    if (n < maps[map].first || n - maps[map].first >= maps[map].size)
        return false;
    *at = n - maps[map].first;
    if (map == 1)
        *at += (uint32_t)v->vbe[VBE_BANK] << 16;
    return true;
}

/* The offset of a plane's byte, and the plane, for an access that moves one byte. false: it moves
 * all four. */
static bool single_plane(const struct vga *v, uint32_t at, uint32_t *offset, unsigned *plane)
{
    if (v->seq[SEQ_MEMORY_MODE] & MEMORY_CHAIN4) {
        *plane = at & 3;
        *offset = at & (v->memory_size - 1);
        return true;
    }
    if (v->gfx[GFX_MODE] & MODE_ODD_EVEN) {
        *plane = (v->gfx[GFX_READ_MAP] & 2) | (at & 1);
        *offset = ((at & ~1u) * 2 + *plane) & (v->memory_size - 1);
        return true;
    }
    return false;
}

static uint32_t dword_offset(const struct vga *v, uint32_t at)
{
    return at * 4 & (v->memory_size - 1);
}

uint8_t vga_window_read(struct vga *v, uint32_t n)
{
    uint32_t at, offset;
    unsigned plane;
    if (!map_window(v, n, &at))
        return 0xff;
    if (single_plane(v, at, &offset, &plane))
        return v->memory[offset];
    v->latch = load_le32(v->memory + dword_offset(v, at));
    if (!(v->gfx[GFX_MODE] & MODE_READ_COMPARE))
        return (uint8_t)(v->latch >> 8 * (v->gfx[GFX_READ_MAP] & 3));
    /* One where all planes that are cared for have the colour. */
    uint32_t differ =
        (v->latch ^ planes(v->gfx[GFX_COLOR_COMPARE])) & planes(v->gfx[GFX_COLOR_CARE]);
    differ |= differ >> 16;
    differ |= differ >> 8;
    return (uint8_t)~differ;
}

static uint8_t rotate(uint8_t value, unsigned count)
{
    count &= 7;
    return (uint8_t)(value >> count | value << (8 - count) % 8);
}

/* What a write makes of the four planes, before the map mask. */
static uint32_t combine(const struct vga *v, uint8_t value)
{
    uint32_t data, bits = v->gfx[GFX_BIT_MASK] * UINT32_C(0x01010101);
    uint8_t turned = rotate(value, v->gfx[GFX_ROTATE]);
    switch (v->gfx[GFX_MODE] & 3) {
    case 0: {
        uint32_t set = planes(v->gfx[GFX_ENABLE_SET_RESET]);
        data = turned * UINT32_C(0x01010101);
        data = (data & ~set) | (planes(v->gfx[GFX_SET_RESET]) & set);
        break;
    }
    case 1:
        return v->latch;
    case 2:
        data = planes(value & 15);
        break;
    default:
        data = planes(v->gfx[GFX_SET_RESET]);
        bits &= turned * UINT32_C(0x01010101);
        break;
    }
    switch (v->gfx[GFX_ROTATE] >> 3 & 3) {
    case 1:
        data &= v->latch;
        break;
    case 2:
        data |= v->latch;
        break;
    case 3:
        data ^= v->latch;
        break;
    default:
        break;
    }
    return (data & bits) | (v->latch & ~bits);
}

void vga_window_write(struct vga *v, uint32_t n, uint8_t value)
{
    uint32_t at, offset;
    unsigned plane;
    if (!map_window(v, n, &at))
        return;
    if (single_plane(v, at, &offset, &plane)) {
        if (!(v->seq[SEQ_MAP_MASK] >> plane & 1))
            return;
        v->memory[offset] = value;
        v->written(v->opaque, offset, 1);
        return;
    }
    uint32_t mask = planes(v->seq[SEQ_MAP_MASK]);
    offset = dword_offset(v, at);
    uint32_t old = load_le32(v->memory + offset);
    store_le32(v->memory + offset, (old & ~mask) | (combine(v, value) & mask));
    v->written(v->opaque, offset, 4);
}
