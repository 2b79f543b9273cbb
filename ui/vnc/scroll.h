/*
 * Finds what moved up or down, so that a viewer can be told to move it, too. Const data in, no
 * state: any thread.
 */
#ifndef UI_VNC_SCROLL_H
#define UI_VNC_SCROLL_H

#include <pixman.h>
#include <stdbool.h>
#include <stdint.h>

struct screen_copy;

/* Pictures of `stride` pixels a row that differ in `damage`. True: the copy, done in `before`,
 * leaves `rest` as the difference to `after`. rest is initialised by the caller. */
bool scroll_find(const uint32_t *before, const uint32_t *after, uint32_t stride,
                 const pixman_region32_t *damage, struct screen_copy *copy,
                 pixman_region32_t *rest);

#endif
