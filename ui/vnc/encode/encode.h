/*
 * RFB encodings: rectangles of a picture to the bytes that one client understands.
 *
 * A client has an encoder: its pixel format, the encodings and levels that it asked for, and its
 * compression streams, which the client's decoder follows byte by byte. All output of an encoder
 * therefore goes to its client, whole and in order. An output buffer that failed leaves the streams
 * ahead of the client: the connection is to be closed.
 *
 * Pictures are x8r8g8b8 in host order; the top byte of a pixel may be anything. The encoder only
 * reads them, during the call: copy out of a display first, encode without its lock.
 *
 * Compression to zlib streams is our own (deflate.h), so that all encodings are always there.
 * libturbojpeg is opened when a client first asks for JPEG, and shared by all encoders of a server;
 * without it tight stays lossless.
 *
 * Thread contract: an encoder is used by one thread at a time, whichever; different encoders at the
 * same time. vnc_libraries may be used by all of them.
 */
#ifndef UI_VNC_ENCODE_ENCODE_H
#define UI_VNC_ENCODE_ENCODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "core/display/display.h"
#include "core/util/buffer.h"
#include "ui/vnc/encode/pixel.h"

/* Numbers of the registry in the RFB specification, as SetEncodings and rectangles carry them. */
enum vnc_encoding {
    VNC_RAW = 0,
    VNC_COPYRECT = 1,
    VNC_HEXTILE = 5,
    VNC_ZLIB = 6,
    VNC_TIGHT = 7,
    VNC_ZRLE = 16,
    VNC_TIGHT_PNG = -260,
    /* Pseudo-encodings that an encoder takes notice of: levels 0 to 9 count up from these ... */
    VNC_QUALITY_LEVEL_0 = -32,
    VNC_COMPRESSION_LEVEL_0 = -256,
    /* ... and JPEG's own quality 0 to 100 from this one. */
    VNC_FINE_QUALITY_0 = -512,
};

enum {
    VNC_RECT_HEADER_SIZE = 12,
    VNC_COMPRESSION_LEVELS = 10,
    VNC_LOSSLESS = -1, /* as a JPEG quality */
    /* No rectangle on the wire has more pixels than that, however large what was asked for. */
    VNC_RECT_PIXELS_MAX = 65536,
};

struct pixman_region32;
struct vnc_libraries;
struct vnc_encoder;

struct vnc_picture {
    const uint32_t *pixels;
    size_t stride; /* bytes from row to row */
    uint32_t width, height;
};

/* What one call appended. */
struct vnc_encoded {
    unsigned rects; /* rectangles, to be added to the update's number-of-rectangles */
    uint64_t lossy; /* pixels sent as JPEG: the client's picture is not the machine's there */
};

/* NULL when memory is short. The library outlives all encoders that use it. */
struct vnc_libraries *vnc_libraries_new(void);
void vnc_libraries_free(struct vnc_libraries *libs);
/* Can tight have JPEG in it? Opens the library. Else *why (NULL allowed) is a constant sentence
 * that names what is missing. */
bool vnc_libraries_offer_jpeg(struct vnc_libraries *libs, const char **why);

/* Begins with x8r8g8b8 and raw. NULL when memory is short. */
struct vnc_encoder *vnc_encoder_new(struct vnc_libraries *libs);
void vnc_encoder_free(struct vnc_encoder *e);
/* From the next rectangle on. */
void vnc_encoder_set_format(struct vnc_encoder *e, const struct vnc_pixel_format *format);
/* No JPEG, whatever the client lists; before its first list. */
void vnc_encoder_forbid_jpeg(struct vnc_encoder *e);
/* What is sent as JPEG is added to that region from now on; it is the caller's and is used where
 * the encoder is. NULL: no more. */
void vnc_encoder_track_lossy(struct vnc_encoder *e, struct pixman_region32 *region);
/* The list of a SetEncodings message, the client's preference first: the first that can be sent is
 * what rectangles are encoded with from now on, raw when there is none. Levels are taken from the
 * list, too; other numbers are passed over. */
void vnc_encoder_set_encodings(struct vnc_encoder *e, const int32_t *encodings, size_t n);
enum vnc_encoding vnc_encoder_encoding(const struct vnc_encoder *e);
/* Did the client list CopyRect? */
bool vnc_encoder_can_copy(const struct vnc_encoder *e);
/* What the client asked for: JPEG quality (1 to 100), VNC_LOSSLESS when it did not ask for JPEG or
 * it cannot be made; compression level 0 to 9, -1 when it left that open. */
int vnc_encoder_client_quality(const struct vnc_encoder *e);
int vnc_encoder_client_level(const struct vnc_encoder *e);
/* What is to be used from the next rectangle on, until the next vnc_encoder_set_encodings; adapt.h
 * chooses. quality as above, and of no effect where the client takes no JPEG. */
void vnc_encoder_set_levels(struct vnc_encoder *e, int quality, int level);

/*
 * Appends `rect` of the picture, in as many rectangles as the encoding and the content make of it.
 * rect is not empty and lies inside the picture, and x, y, width, height are below 65536.
 * Rectangles are not larger than VNC_RECT_PIXELS_MAX. False: the buffer has failed, or memory was
 * short (see above); nothing is to be sent.
 */
bool vnc_encode_rect(struct vnc_encoder *e, struct buffer *out, const struct vnc_picture *picture,
                     const struct display_rect *rect, struct vnc_encoded *done);
/* Appends a CopyRect: rect is now what was at (x, y) in the client's picture. */
bool vnc_encode_copy(struct buffer *out, const struct display_rect *rect, uint32_t x, uint32_t y);
/* Appends the header of a rectangle, also of pseudo-encodings. */
bool vnc_put_rect_header(struct buffer *out, const struct display_rect *rect, int32_t encoding);

#endif
