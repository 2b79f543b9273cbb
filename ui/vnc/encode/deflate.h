/*
 * Compression of pictures to zlib streams (RFC 1950, RFC 1951).
 *
 * Any inflater reads the result; what differs from a general compressor is what is tried. In rows
 * of pixels the best match is most often the pixel before or the row above, so these distances,
 * which the caller tells, are looked at first and spare most of the searching.
 *
 * A stream lives as long as its client's decoder: input is added piece by piece, and a flush brings
 * everything out, up to a byte boundary. Up to 32 KiB of what went before stay as history.
 * Thread contract: a stream is used by one thread at a time, and so is the work space, which
 * several streams may use in turn, from flush to flush.
 */
#ifndef UI_VNC_ENCODE_DEFLATE_H
#define UI_VNC_ENCODE_DEFLATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "core/util/buffer.h"

struct vnc_deflate;
struct vnc_deflate_work;

enum { VNC_DEFLATE_LEVEL_MAX = 9 };

/* How to compress one piece of input. */
struct vnc_deflate_how {
    int level;      /* 1 (fast) to 9; 0: no compression at all */
    unsigned pixel; /* bytes from a pixel to the next: 1 to 4; the piece has only whole ones */
    unsigned row;   /* bytes from a pixel to the one below it, 0: there is none */
    bool residual;  /* what a prediction left over: short matches are chance */
};

/* NULL when memory is short. */
struct vnc_deflate_work *vnc_deflate_work_new(void);
void vnc_deflate_work_free(struct vnc_deflate_work *work);
/* A stream that has not begun. NULL when memory is short. */
struct vnc_deflate *vnc_deflate_new(void);
void vnc_deflate_free(struct vnc_deflate *d);
/* Begin again: the next output starts with a header and refers to nothing before it. */
void vnc_deflate_restart(struct vnc_deflate *d);
/* Where the next n bytes of input are to be written, at any address; NULL when memory is short. */
uint8_t *vnc_deflate_input(struct vnc_deflate *d, size_t n);
/* Adds the first n of these; what is complete is appended to out. False when out has failed. */
bool vnc_deflate_add(struct vnc_deflate *d, struct vnc_deflate_work *work,
                     const struct vnc_deflate_how *how, size_t n, struct buffer *out);
/* Appends the rest of what was added. */
bool vnc_deflate_flush(struct vnc_deflate *d, struct vnc_deflate_work *work, struct buffer *out);
/* The same, and ends the stream, with its checksum. All of it was added since the start. */
bool vnc_deflate_finish(struct vnc_deflate *d, struct vnc_deflate_work *work, struct buffer *out);

#endif
