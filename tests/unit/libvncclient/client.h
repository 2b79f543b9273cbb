/*
 * libvncclient as tests of the VNC server use it: connected to a socket, with the pixels that it is
 * told to ask for, and compared to the bit with what it has to show.
 */
#ifndef TESTS_UNIT_LIBVNCCLIENT_CLIENT_H
#define TESTS_UNIT_LIBVNCCLIENT_CLIENT_H

#include <rfb/rfbclient.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/util/endian.h"
#include "ui/vnc/encode/pixel.h"

enum { CLIENT_SIDE_MAX = 1400 };

struct client_format {
    const char *name;
    int bits; /* of a sample, samples, bytes: as rfbGetClient wants them */
    int bytes;
    int red_max, green_max, blue_max, red_shift, green_shift, blue_shift;
    bool big_endian;
};

/* What it asks for from the next SetFormatAndEncodings on. */
static inline void client_set_format(rfbClient *c, const struct client_format *f)
{
    c->format.bitsPerPixel = (uint8_t)(f->bytes * 8);
    c->format.depth = (uint8_t)(f->bits * 3 < f->bytes * 8 ? f->bits * 3 : f->bytes * 8);
    c->format.trueColour = TRUE;
    c->format.bigEndian = f->big_endian;
    c->format.redMax = (uint16_t)f->red_max;
    c->format.greenMax = (uint16_t)f->green_max;
    c->format.blueMax = (uint16_t)f->blue_max;
    c->format.redShift = (uint8_t)f->red_shift;
    c->format.greenShift = (uint8_t)f->green_shift;
    c->format.blueShift = (uint8_t)f->blue_shift;
}

/* Through the handshake on a connected socket, which becomes its own. NULL: it failed. */
static inline rfbClient *client_connect(int fd, const char *encodings, int level,
                                        const struct client_format *f,
                                        FinishedFrameBufferUpdateProc finished)
{
    rfbClient *c = rfbGetClient(f->bits, 3, f->bytes);

    c->sock = fd;
    c->listenSpecified = TRUE; /* it is connected already */
    c->canHandleNewFBSize = TRUE;
    c->appData.encodingsString = encodings;
    c->appData.compressLevel = level;
    c->appData.enableJPEG = FALSE;
    c->appData.useRemoteCursor = FALSE;
    client_set_format(c, f);
    if (finished)
        c->FinishedFrameBufferUpdate = finished;
    return rfbInitClient(c, NULL, NULL) ? c : NULL; /* it frees itself then */
}

static inline void client_free(rfbClient *c)
{
    if (!c)
        return;
    free(c->frameBuffer);
    rfbClientCleanup(c);
}

/* Is the client's picture this one? The converter is that of its pixels; bits without colour may be
 * anything. */
static inline bool client_shows(const rfbClient *c, const struct vnc_converter *convert,
                                const uint32_t *pixels, size_t stride, uint32_t width,
                                uint32_t height, bool tell)
{
    uint8_t row[CLIENT_SIDE_MAX * 4], mask[4];
    unsigned bytes = convert->bytes;
    const struct vnc_pixel_format *f = &convert->format;
    uint32_t colours = (uint32_t)f->red_max << f->red_shift |
                       (uint32_t)f->green_max << f->green_shift |
                       (uint32_t)f->blue_max << f->blue_shift;

    if (c->width != (int)width || c->height != (int)height) {
        if (tell)
            fprintf(stderr, "it has %dx%d pixels, not %ux%u\n", c->width, c->height, width, height);
        return false;
    }
    for (unsigned i = 0; i < bytes; i++)
        mask[i] = (uint8_t)(colours >> 8 * (f->big_endian ? bytes - 1 - i : i));
    for (uint32_t y = 0; y < height; y++) {
        const uint8_t *got = c->frameBuffer + (size_t)y * width * bytes;

        vnc_convert(convert, row, pixels + y * stride, width);
        for (uint32_t i = 0; i < width * bytes; i++) {
            if (!((row[i] ^ got[i]) & mask[i % bytes]))
                continue;
            uint32_t x = i / bytes;
            if (tell)
                fprintf(stderr, "%u,%u of %ux%u is %llx, not %llx\n", x, y, width, height,
                        (unsigned long long)load_le(got + x * bytes, bytes),
                        (unsigned long long)load_le(row + x * bytes, bytes));
            return false;
        }
    }
    return true;
}

#endif
