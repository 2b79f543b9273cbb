/* Regions of damage that stay small: see region.h. */
#include "core/display/region.h"

#include <stdbool.h>
#include "core/util/range.h"

void display_region_add(pixman_region32_t *r, int x, int y, unsigned width, unsigned height,
                        int most)
{
    pixman_box32_t around = *pixman_region32_extents(r);
    if (pixman_region32_union_rect(r, r, x, y, width, height) && pixman_region32_n_rects(r) <= most)
        return;
    int right = MAX(around.x2, x + (int)width), bottom = MAX(around.y2, y + (int)height);
    bool empty = around.x1 >= around.x2;
    int left = empty ? x : MIN(around.x1, x), top = empty ? y : MIN(around.y1, y);
    pixman_region32_fini(r);
    pixman_region32_init_rect(r, left, top, (unsigned)(right - left), (unsigned)(bottom - top));
}
