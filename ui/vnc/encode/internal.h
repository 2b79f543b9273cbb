/* What the encodings share. Private to ui/vnc/encode. */
#ifndef UI_VNC_ENCODE_INTERNAL_H
#define UI_VNC_ENCODE_INTERNAL_H

#include "ui/vnc/encode/deflate.h"
#include "ui/vnc/encode/encode.h"
#include "ui/vnc/encode/palette.h"

enum {
    VNC_TILE = 64, /* pixels either way: ZRLE's tiles, and the grain of tight's choices */
    VNC_PIECE_WIDTH = 1024,
    VNC_PIECE_TILES = VNC_PIECE_WIDTH / VNC_TILE,
};

/* Compression streams; tight's are numbered as its decoders number them. */
enum vnc_stream {
    STREAM_TIGHT_FULL,
    STREAM_TIGHT_MONO,
    STREAM_TIGHT_INDEXED,
    STREAM_TIGHT_GRADIENT,
    STREAM_ZLIB,
    STREAM_ZRLE,
    STREAM_PNG,
    STREAMS,
};

struct vnc_encoder {
    struct vnc_libraries *libs;
    struct vnc_converter convert;
    enum vnc_encoding encoding;
    bool can_copy;
    int client_quality, client_level; /* as the client asked */
    bool lossless;                    /* JPEG is forbidden */
    int quality, level;               /* as they are used; level 0 to 9 */
    struct pixman_region32 *lossy;    /* what is sent as JPEG goes there; NULL: nowhere */

    /* Made when first needed. */
    struct vnc_deflate *streams[STREAMS];
    struct vnc_deflate_work *work;
    void *jpeg;               /* a compressor of libturbojpeg */
    struct buffer compressed; /* what a stream made of a rectangle */

    uint32_t pixels[VNC_RECT_PIXELS_MAX]; /* of the rectangle at hand, rows without gaps */
    struct vnc_palette palettes[VNC_PIECE_TILES], above; /* of a row of tiles, and the rows above */
};

/* The first pixel of row y of a picture, from column x on. */
static inline const uint32_t *vnc_picture_at(const struct vnc_picture *p, uint32_t x, uint32_t y)
{
    return (const uint32_t *)((const uint8_t *)p->pixels + y * p->stride) + x;
}

/* NULL when memory is short. */
struct vnc_deflate *vnc_encoder_stream(struct vnc_encoder *e, enum vnc_stream number);

/* ---- the encodings: a rectangle of up to VNC_RECT_PIXELS_MAX pixels and VNC_PIECE_WIDTH -------
 */

typedef bool vnc_encode_fn(struct vnc_encoder *e, struct buffer *out,
                           const struct vnc_picture *picture, const struct display_rect *rect,
                           struct vnc_encoded *done);
vnc_encode_fn vnc_encode_raw;
vnc_encode_fn vnc_encode_hextile;
vnc_encode_fn vnc_encode_zlib;
vnc_encode_fn vnc_encode_zrle;
vnc_encode_fn vnc_encode_tight; /* and tightPNG: e->encoding tells */

/* A PNG file of w x h pixels 0x00rrggbb, with the palette that has them all, or NULL. smooth: like
 * a photograph. */
bool vnc_put_png(struct vnc_encoder *e, struct buffer *out, const uint32_t *pixels, uint32_t stride,
                 uint32_t w, uint32_t h, const struct vnc_palette *palette, bool smooth);
/* Appends a JPEG file of the rectangle; *ok false: the library refused, nothing was appended. */
bool vnc_put_jpeg(struct vnc_encoder *e, struct buffer *out, const struct vnc_picture *picture,
                  const struct display_rect *rect, bool *ok);
void vnc_jpeg_free(struct vnc_encoder *e);

/* ---- libturbojpeg ---------------------------------------------------------------------------- */

struct vnc_jpeg_library {
    void *handle;
    void *(*init_compress)(void);
    int (*compress)(void *handle, const unsigned char *src, int width, int pitch, int height,
                    int pixel_format, unsigned char **jpeg, unsigned long *size, int subsamp,
                    int quality, int flags);
    unsigned long (*buf_size)(int width, int height, int subsamp);
    int (*destroy)(void *handle);
};
/* NULL: it cannot be opened. */
const struct vnc_jpeg_library *vnc_libraries_jpeg(struct vnc_libraries *libs);

#endif
