/* Regions of damage that stay small. */
#ifndef CORE_DISPLAY_REGION_H
#define CORE_DISPLAY_REGION_H

#include <pixman.h>

/* Region and rectangle become one; when memory is short, or the region is in more than `most`
 * pieces, what is around them. */
void display_region_add(pixman_region32_t *r, int x, int y, unsigned width, unsigned height,
                        int most);

#endif
