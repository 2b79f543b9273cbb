/*
 * What a monitor says of itself: EDID 1.4, one block with a preferred mode. Pure.
 */
#ifndef HW_DISPLAY_EDID_H
#define HW_DISPLAY_EDID_H

#include <stddef.h>
#include <stdint.h>

enum { EDID_MAX = 256 /* what a caller makes room for */, EDID_TIMING_MAX = 4095 };

struct edid_config {
    uint32_t width, height; /* the preferred mode, pixels; brought into 64 to EDID_TIMING_MAX */
    uint32_t serial;
};

/* Returns its length in bytes, a multiple of 128. */
size_t edid_make(const struct edid_config *c, uint8_t *out);

#endif
