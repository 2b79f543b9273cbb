/*
 * A viewer of the tests' own: decodes rectangles as the RFB specification says, into pixels as they
 * came over the wire. zlib and libturbojpeg do the inflating and JPEG, so that nothing of what is
 * tested is used.
 */
#ifndef TESTS_UNIT_VNC_VIEWER_H
#define TESTS_UNIT_VNC_VIEWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "ui/vnc/encode/pixel.h"

struct viewer;

/* NULL: there is no zlib to check with. */
struct viewer *viewer_new(unsigned width, unsigned height, const struct vnc_pixel_format *format);
void viewer_free(struct viewer *v);
/* Another format from the next rectangle on; what is shown becomes undefined. */
void viewer_set_format(struct viewer *v, const struct vnc_pixel_format *format);
/* Decodes n rectangles, which must be all of the len bytes. False: they are wrong, *why tells. */
bool viewer_take(struct viewer *v, const uint8_t *data, size_t len, unsigned n, const char **why);
/* The picture: rows without gaps, of bits_per_pixel / 8 bytes each. */
const uint8_t *viewer_pixels(const struct viewer *v);
/* How many rectangles came by tight's kinds: fill, JPEG, PNG, copy, palette, gradient. */
enum viewer_kind {
    VIEWER_FILL,
    VIEWER_JPEG,
    VIEWER_PNG,
    VIEWER_COPY,
    VIEWER_PALETTE,
    VIEWER_GRADIENT,
    VIEWER_KINDS
};
unsigned viewer_count(const struct viewer *v, enum viewer_kind kind);

#endif
