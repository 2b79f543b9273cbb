/* What changed, as rectangles that are worth sending. Thread contract: no shared state. */
#ifndef UI_VNC_ENCODE_CHANGES_H
#define UI_VNC_ENCODE_CHANGES_H

#include <pixman.h>

/*
 * Joins boxes of the region that stand side by side with small gaps. A rectangle costs its header
 * and the start of a compressed block, and cuts text into pieces that match badly; pixels that did
 * not change cost little, since what lies around them is text of the same kind. The region is left
 * as it is when memory is short.
 */
void vnc_changes_join(pixman_region32_t *region);

#endif
