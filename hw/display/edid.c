/* EDID, after VESA's Enhanced EDID Standard, release A; see edid.h. */
#include "hw/display/edid.h"

#include <string.h>

#include "core/util/endian.h"
#include "core/util/range.h"

enum {
    BLOCK = 128,
    AT_MANUFACTURER = 0x08,
    AT_PRODUCT = 0x0a,
    AT_SERIAL = 0x0c,
    AT_DATE = 0x10,
    AT_VERSION = 0x12,
    AT_INPUT = 0x14, /* and size, gamma, features */
    AT_CHROMATICITY = 0x19,
    AT_ESTABLISHED = 0x23,
    AT_STANDARD = 0x26,
    AT_DESCRIPTORS = 0x36,
    DESCRIPTOR = 18,
};
enum { TEXT_NAME = 0xfc, RANGES = 0xfd, UNUSED = 0x10 };
/* Reduced blanking of VESA's Coordinated Video Timings. */
enum { H_BLANK = 160, H_FRONT = 48, H_SYNC = 32, V_FRONT = 3, V_SYNC = 6, V_BLANK_US = 460 };
enum { DOTS_PER_MM = 4 /* about 100 to the inch */, MAX_CLOCK = UINT16_MAX /* times 10 kHz */ };

static void put_timing(uint8_t *d, uint32_t width, uint32_t height)
{
    /* Lines whose time makes up the least blanking at 60 Hz. */
    uint32_t v_blank =
        MAX(height * V_BLANK_US * 60 / (1000000 - V_BLANK_US * 60) + 1, V_FRONT + V_SYNC + 6u);
    uint64_t frame = (uint64_t)(width + H_BLANK) * (height + v_blank);
    /* A mode too large for 60 Hz goes as fast as the clock can be told. */
    store_le16(d, (uint16_t)MIN(frame * 60 / 10000, (uint64_t)MAX_CLOCK));
    d[2] = (uint8_t)width;
    d[3] = H_BLANK;
    d[4] = (uint8_t)(width >> 8 << 4);
    d[5] = (uint8_t)height;
    d[6] = (uint8_t)v_blank;
    d[7] = (uint8_t)(height >> 8 << 4 | v_blank >> 8);
    d[8] = H_FRONT;
    d[9] = H_SYNC;
    d[10] = V_FRONT << 4 | V_SYNC;
    uint32_t mm_x = width / DOTS_PER_MM, mm_y = height / DOTS_PER_MM;
    d[12] = (uint8_t)mm_x;
    d[13] = (uint8_t)mm_y;
    d[14] = (uint8_t)(mm_x >> 8 << 4 | mm_y >> 8);
    d[17] = 0x1a; /* separate syncs, horizontal positive */
}

static void put_text(uint8_t *d, uint8_t tag, const char *text)
{
    size_t len = MIN(strlen(text), (size_t)13);
    d[3] = tag;
    memset(d + 5, ' ', 13);
    memcpy(d + 5, text, len);
    if (len < 13)
        d[5 + len] = '\n';
}

static void put_standard(uint8_t *out)
{
    static const struct {
        uint16_t width;
        uint8_t aspect; /* 0: 16:10, 1: 4:3, 2: 5:4, 3: 16:9 */
    } modes[8] = {{640, 1},  {800, 1},  {1024, 1}, {1280, 2},
                  {1280, 0}, {1440, 0}, {1600, 1}, {1920, 3}};
    for (unsigned n = 0; n < ARRAY_SIZE(modes); n++) {
        out[2 * n] = (uint8_t)(modes[n].width / 8 - 31);
        out[2 * n + 1] = (uint8_t)(modes[n].aspect << 6); /* 60 Hz */
    }
}

size_t edid_make(const struct edid_config *c, uint8_t *out)
{
    static const uint8_t header[8] = {0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0};
    /* sRGB */
    static const uint8_t chromaticity[10] = {0xee, 0x91, 0xa3, 0x54, 0x4c,
                                             0x99, 0x26, 0x0f, 0x50, 0x54};
    uint32_t width = MIN(MAX(c->width, 64u), (uint32_t)EDID_TIMING_MAX);
    uint32_t height = MIN(MAX(c->height, 64u), (uint32_t)EDID_TIMING_MAX);
    memset(out, 0, BLOCK);
    memcpy(out, header, sizeof header);
    store_be16(out + AT_MANUFACTURER, ('V' - '@') << 10 | ('M' - '@') << 5 | ('U' - '@'));
    store_le16(out + AT_PRODUCT, 1);
    store_le32(out + AT_SERIAL, c->serial);
    out[AT_DATE] = 1;
    out[AT_DATE + 1] = 2026 - 1990;
    out[AT_VERSION] = 1;
    out[AT_VERSION + 1] = 4;
    out[AT_INPUT] = 0xa5; /* digital, 8 bits a colour, DisplayPort */
    out[AT_INPUT + 1] = (uint8_t)MIN(width / DOTS_PER_MM / 10, 255u);
    out[AT_INPUT + 2] = (uint8_t)MIN(height / DOTS_PER_MM / 10, 255u);
    out[AT_INPUT + 3] = 120;  /* gamma 2.2 */
    out[AT_INPUT + 4] = 0x06; /* sRGB, the first timing is the native one */
    memcpy(out + AT_CHROMATICITY, chromaticity, sizeof chromaticity);
    out[AT_ESTABLISHED] = 0x21;     /* 640x480 and 800x600 at 60 Hz */
    out[AT_ESTABLISHED + 1] = 0x08; /* 1024x768 at 60 Hz */
    put_standard(out + AT_STANDARD);

    uint8_t *d = out + AT_DESCRIPTORS;
    put_timing(d, width, height);
    d += DESCRIPTOR;
    static const uint8_t ranges[] = {0,    50,  125, 30,  160, 66,  1,
                                     '\n', ' ', ' ', ' ', ' ', ' ', ' '};
    d[3] = RANGES; /* 50 to 125 Hz, 30 to 160 kHz, 660 MHz, nothing further */
    memcpy(d + 4, ranges, sizeof ranges);
    d += DESCRIPTOR;
    put_text(d, TEXT_NAME, "vemu Monitor");
    d += DESCRIPTOR;
    d[3] = UNUSED;

    uint8_t sum = 0;
    for (unsigned n = 0; n < BLOCK - 1; n++)
        sum = (uint8_t)(sum + out[n]);
    out[BLOCK - 1] = (uint8_t)-sum;
    return BLOCK;
}
