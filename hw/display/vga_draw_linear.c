/* Lines of the display interface's modes; see vga_draw.h. */
#include "hw/display/vga_draw.h"

#include <string.h>

#include "core/util/range.h"

void vga_line_linear(const struct vga *v, const struct vga_mode *m, uint32_t row, uint32_t *out)
{
    const uint8_t *in = v->memory + row;
    if (!range_fits(row, (uint64_t)m->width * ((m->bits + 7) / 8), v->memory_size)) {
        memset(out, 0, m->width * sizeof *out);
        return;
    }
    lines_convert(m->bits, m->palette, in, m->width, out);
}
