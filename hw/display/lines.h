/*
 * Lines of a screen onto a surface: what differs from it is taken over, and told as rectangles. And
 * pixels of frame buffers. Pure.
 */
#ifndef HW_DISPLAY_LINES_H
#define HW_DISPLAY_LINES_H

#include <stdbool.h>
#include <stdint.h>

enum {
    LINES_WIDTH = 8192,
    LINES_HEIGHT = 8192,
    LINES_TILE = 32,
    LINES_BAND = 16,
    LINES_TILES = LINES_WIDTH / LINES_TILE
};

/* A surface to draw into, stride in pixels. damage is called for each rectangle that changed. */
struct lines_target {
    uint32_t *pixels;
    uint32_t stride;
    uint32_t *line; /* for who makes lines: LINES_WIDTH + 64 pixels */
    void (*damage)(void *opaque, uint32_t x, uint32_t y, uint32_t width, uint32_t height);
    void *opaque;
};

/* What changed of the lines since `first`; zeros but for target and width at first. */
struct lines {
    const struct lines_target *target;
    uint32_t width, first, last;
    bool any, ever; /* now; of all lines */
    uint64_t tiles[LINES_TILES / 64];
};

/* Lines come from top to bottom, not all of them. True: it was another one. */
bool lines_put(struct lines *l, uint32_t y, const uint32_t *line);
void lines_end(struct lines *l);

/* A line of width pixels of 8 (by the palette), 15, 16, 24 or 32 bits, blue lowest, as the surface
 * has them. */
void lines_convert(unsigned bits, const uint32_t palette[256], const uint8_t *in, uint32_t width,
                   uint32_t *out);

#endif
