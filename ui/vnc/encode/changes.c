/* What changed, as rectangles that are worth sending: see changes.h. */
#include "ui/vnc/encode/changes.h"

#include <stdlib.h>

/* Pixels that are sent along rather than begin another rectangle. */
enum { GAP_MAX = 128 };

void vnc_changes_join(pixman_region32_t *region)
{
    int n, joined = 0;
    const pixman_box32_t *boxes = pixman_region32_rectangles(region, &n);
    pixman_box32_t *out = n > 1 ? malloc((size_t)n * sizeof *out) : NULL;
    pixman_region32_t result;

    if (!out)
        return;
    /* Boxes come in bands, from left to right; equal bands are joined by the region itself. */
    for (int i = 0; i < n; i++) {
        pixman_box32_t *last = joined ? &out[joined - 1] : NULL;

        if (last && boxes[i].y1 == last->y1 && boxes[i].x1 - last->x2 <= GAP_MAX)
            last->x2 = boxes[i].x2;
        else
            out[joined++] = boxes[i];
    }
    if (joined < n && pixman_region32_init_rects(&result, out, joined)) {
        pixman_region32_fini(region);
        *region = result;
    }
    free(out);
}
