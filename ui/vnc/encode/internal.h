/* What the encodings share. Private to ui/vnc/encode. */
#ifndef UI_VNC_ENCODE_INTERNAL_H
#define UI_VNC_ENCODE_INTERNAL_H

#include "ui/vnc/encode/encode.h"

struct vnc_encoder {
    struct vnc_libraries *libs;
    struct vnc_converter convert;
    enum vnc_encoding encoding;
    bool can_copy;
    int client_quality, client_level; /* as the client asked */
    int quality, level;               /* as they are used */
};

/* The first pixel of row y of a picture, from column x on. */
static inline const uint32_t *vnc_picture_at(const struct vnc_picture *p, uint32_t x, uint32_t y)
{
    return (const uint32_t *)((const uint8_t *)p->pixels + y * p->stride) + x;
}

/* ---- the encodings: a rectangle of up to VNC_RECT_PIXELS_MAX pixels -------------------------- */

typedef bool vnc_encode_fn(struct vnc_encoder *e, struct buffer *out,
                           const struct vnc_picture *picture, const struct display_rect *rect,
                           struct vnc_encoded *done);
vnc_encode_fn vnc_encode_raw;

#endif
