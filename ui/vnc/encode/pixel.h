/*
 * Pixels as RFB clients want them: any depth in 8, 16 or 32 bits, either byte order, colour maps.
 * What a machine shows is x8r8g8b8 in host order; a converter turns rows of it into a client's
 * pixels. Thread contract: a converter is constant once it is set up; any thread.
 */
#ifndef UI_VNC_ENCODE_PIXEL_H
#define UI_VNC_ENCODE_PIXEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    VNC_PIXEL_FORMAT_SIZE = 16,           /* PIXEL_FORMAT on the wire, with its padding */
    VNC_COLOUR_MAP_ENTRIES = 256,         /* of the map that the server chooses, at most */
    VNC_COLOUR_MAP_MAX = 6 + 256 * 3 * 2, /* bytes of a SetColourMapEntries message */
};

struct vnc_pixel_format {
    uint8_t bits_per_pixel; /* 8, 16 or 32 */
    uint8_t depth;          /* bits that count */
    bool big_endian;
    bool true_colour;                      /* else a colour map, and what follows is 0 */
    uint16_t red_max, green_max, blue_max; /* 2^n - 1 */
    uint8_t red_shift, green_shift, blue_shift;
};

/* One colour of a pixel. */
struct vnc_channel {
    uint8_t bits;  /* 0 to 16 */
    uint8_t shift; /* of its lowest bit, in a pixel in host order */
};

/* How the pixels of one format are made. */
struct vnc_converter {
    struct vnc_pixel_format format;
    struct vnc_channel red, green, blue;
    unsigned bytes; /* of a PIXEL: 1, 2 or 4 */
    bool same;      /* x8r8g8b8 as it is but for the top byte, which clients ignore */
    bool wide;      /* a colour has more than 8 bits */
    /* ZRLE's CPIXEL: its bytes, and how far down a wire pixel has to be shifted first. */
    unsigned cpixel_bytes, cpixel_shift;
    bool tpixel_rgb; /* tight's TPIXEL is three bytes: red, green, blue */
};

/* x8r8g8b8, little-endian: what ServerInit offers. */
extern const struct vnc_pixel_format vnc_pixel_format_native;

/* Reads what SetPixelFormat carries. False: no such pixels can be made (bits per pixel other than
 * 8, 16, 32; a maximum that is not 2^n - 1; colours that overlap or do not fit); the client is to
 * be refused. */
bool vnc_pixel_format_parse(struct vnc_pixel_format *format,
                            const uint8_t wire[VNC_PIXEL_FORMAT_SIZE]);
void vnc_pixel_format_write(const struct vnc_pixel_format *format,
                            uint8_t wire[VNC_PIXEL_FORMAT_SIZE]);
/* The SetColourMapEntries message to send after such a format was set: its length, 0 when the
 * format has true colours. */
size_t vnc_colour_map_message(const struct vnc_pixel_format *format,
                              uint8_t message[VNC_COLOUR_MAP_MAX]);

void vnc_converter_init(struct vnc_converter *c, const struct vnc_pixel_format *format);
/* n pixels, of c->bytes each; out need not be aligned. Also for cursors. */
void vnc_convert(const struct vnc_converter *c, uint8_t *out, const uint32_t *pixels, size_t n);
/* n pixels as numbers whose low bytes, the lowest first, are what goes out ("wire pixels"): pixels
 * that the client cannot tell apart are equal. */
void vnc_convert_wire(const struct vnc_converter *c, uint32_t *out, const uint32_t *pixels,
                      size_t n);
/* n pixels without their top bytes: 0x00rrggbb. */
void vnc_mask_pixels(uint32_t *out, const uint32_t *pixels, size_t n);

#endif
