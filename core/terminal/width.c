/* How many cells a character takes: the ranges of combining and of wide characters (Unicode's East
 * Asian Width W and F) that text on a terminal has, by blocks. */
#include "core/terminal/internal.h"

#include "core/util/range.h"

struct code_range {
    uint32_t first, last;
};

static const struct code_range none[] = {
    {0x0300, 0x036f}, {0x0483, 0x0489}, {0x0591, 0x05bd}, {0x0610, 0x061a}, {0x064b, 0x065f},
    {0x1ab0, 0x1aff}, {0x1dc0, 0x1dff}, {0x200b, 0x200f}, {0x202a, 0x202e}, {0x2060, 0x2064},
    {0x20d0, 0x20ff}, {0xfe00, 0xfe0f}, {0xfe20, 0xfe2f}, {0xfeff, 0xfeff}, {0xe0100, 0xe01ef},
};
static const struct code_range wide[] = {
    {0x1100, 0x115f},   {0x2e80, 0x303e},   {0x3041, 0x33ff},   {0x3400, 0x4dbf},
    {0x4e00, 0x9fff},   {0xa000, 0xa4cf},   {0xa960, 0xa97f},   {0xac00, 0xd7a3},
    {0xf900, 0xfaff},   {0xfe30, 0xfe6f},   {0xff00, 0xff60},   {0xffe0, 0xffe6},
    {0x1f300, 0x1f64f}, {0x1f680, 0x1f6ff}, {0x1f900, 0x1f9ff}, {0x20000, 0x3fffd},
};

static bool is_in(const struct code_range *ranges, unsigned count, uint32_t code)
{
    for (unsigned n = 0; n < count && code >= ranges[n].first; n++) {
        if (code <= ranges[n].last)
            return true;
    }
    return false;
}

unsigned character_width(uint32_t code)
{
    if (is_in(none, ARRAY_SIZE(none), code))
        return 0;
    return is_in(wide, ARRAY_SIZE(wide), code) ? 2 : 1;
}
