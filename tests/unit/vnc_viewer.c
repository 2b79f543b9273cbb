/* A viewer of the tests' own: see vnc_viewer.h. */
#include "tests/unit/vnc_viewer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "config.h"
#include "core/util/endian.h"
#include "core/util/library.h"
#include "core/util/range.h"

#if CONFIG_ZLIB
#include <zlib.h>

#if CONFIG_TURBOJPEG
#include <turbojpeg.h>
#endif

enum { STREAMS = 7, TIGHT_0 = 0, ZLIB = 4, ZRLE = 5, PNG = 6 };

struct viewer {
    unsigned w, h, bytes, cpixel, cpixel_at;
    bool rgb; /* TPIXEL is red, green, blue */
    struct vnc_pixel_format format;
    uint8_t *pixels;
    unsigned counts[VIEWER_KINDS];
    void *zlib;
    int (*init)(z_streamp, const char *, int);
    int (*inflate)(z_streamp, int);
    int (*end)(z_streamp);
    z_stream streams[STREAMS];
    bool begun[STREAMS];
    const char *why;
};

/* Input with its end; reading past it is what makes a rectangle wrong. */
struct reader {
    const uint8_t *p, *end;
    bool bad;
};

static const uint8_t *take(struct reader *r, size_t n)
{
    const uint8_t *p = r->p;

    if (n > (size_t)(r->end - r->p)) {
        r->bad = true;
        return NULL;
    }
    r->p += n;
    return p;
}

static uint32_t take_be(struct reader *r, unsigned n)
{
    const uint8_t *p = take(r, n);
    uint32_t v = 0;

    for (unsigned i = 0; p && i < n; i++)
        v = v << 8 | p[i];
    return v;
}

struct viewer *viewer_new(unsigned width, unsigned height, const struct vnc_pixel_format *format)
{
    struct viewer *v = calloc(1, sizeof *v);

    v->w = width;
    v->h = height;
    v->pixels = malloc((size_t)width * height * 4);
    memset(v->pixels, 0xcd, (size_t)width * height * 4);
    v->zlib = dlopen(CONFIG_ZLIB_SONAME, RTLD_NOW);
    if (!v->zlib || !library_symbol(v->zlib, "inflateInit_", &v->init) ||
        !library_symbol(v->zlib, "inflate", &v->inflate) ||
        !library_symbol(v->zlib, "inflateEnd", &v->end)) {
        viewer_free(v);
        return NULL;
    }
    viewer_set_format(v, format);
    return v;
}

void viewer_free(struct viewer *v)
{
    for (unsigned i = 0; i < STREAMS; i++) {
        if (v->begun[i])
            v->end(&v->streams[i]);
    }
    if (v->zlib)
        dlclose(v->zlib);
    free(v->pixels);
    free(v);
}

void viewer_set_format(struct viewer *v, const struct vnc_pixel_format *f)
{
    uint32_t used = (uint32_t)f->red_max << f->red_shift |
                    (uint32_t)f->green_max << f->green_shift |
                    (uint32_t)f->blue_max << f->blue_shift;

    v->format = *f;
    v->bytes = v->cpixel = f->bits_per_pixel / 8u;
    v->cpixel_at = 0;
    v->rgb = f->true_colour && f->bits_per_pixel == 32 && f->depth == 24 && f->red_max == 255 &&
             f->green_max == 255 && f->blue_max == 255;
    if (f->true_colour && f->bits_per_pixel == 32 && f->depth <= 24) {
        bool low = used < 1u << 24, high = !(used & 255);

        if (low || high) {
            v->cpixel = 3;
            v->cpixel_at = low == f->big_endian;
        }
    }
}

const uint8_t *viewer_pixels(const struct viewer *v)
{
    return v->pixels;
}

unsigned viewer_count(const struct viewer *v, enum viewer_kind kind)
{
    return v->counts[kind];
}

static bool wrong(struct viewer *v, const char *why)
{
    if (!v->why)
        v->why = why;
    return false;
}

static uint8_t *at(struct viewer *v, unsigned x, unsigned y)
{
    return v->pixels + ((size_t)y * v->w + x) * v->bytes;
}

/* ---- pixels as they come --------------------------------------------------------------------- */

static uint32_t pixel_of_rgb(const struct viewer *v, const uint8_t *rgb)
{
    uint32_t p = (uint32_t)rgb[0] * v->format.red_max / 255 << v->format.red_shift |
                 (uint32_t)rgb[1] * v->format.green_max / 255 << v->format.green_shift |
                 (uint32_t)rgb[2] * v->format.blue_max / 255 << v->format.blue_shift;

    return v->format.big_endian ? __builtin_bswap32(p) >> (32 - v->format.bits_per_pixel) : p;
}

static uint32_t pixel(struct reader *r, unsigned bytes)
{
    const uint8_t *p = take(r, bytes);

    return p ? (uint32_t)load_le(p, bytes) : 0;
}

static uint32_t cpixel(const struct viewer *v, struct reader *r)
{
    return pixel(r, v->cpixel) << 8 * v->cpixel_at;
}

static uint32_t tpixel(const struct viewer *v, struct reader *r)
{
    const uint8_t *rgb;

    if (!v->rgb)
        return pixel(r, v->bytes);
    rgb = take(r, 3);
    return rgb ? pixel_of_rgb(v, rgb) : 0;
}

static void set(struct viewer *v, unsigned x, unsigned y, uint32_t p)
{
    store_le(at(v, x, y), p, v->bytes);
}

static void fill(struct viewer *v, unsigned x, unsigned y, unsigned w, unsigned h, uint32_t p)
{
    for (unsigned j = 0; j < h; j++) {
        for (unsigned i = 0; i < w; i++)
            set(v, x + i, y + j, p);
    }
}

/* ---- streams --------------------------------------------------------------------------------- */

/* All of the input must go in, and neither less nor more than expected come out; an expected of 0
 * means whatever comes, up to max. The caller frees. */
static uint8_t *inflated(struct viewer *v, unsigned stream, const uint8_t *in, size_t in_len,
                         size_t expected, size_t max, size_t *out_len)
{
    z_stream *s = &v->streams[stream];
    uint8_t *out = malloc(max + 1);
    int status;

    if (!v->begun[stream]) {
        v->init(s, ZLIB_VERSION, (int)sizeof *s);
        v->begun[stream] = true;
    }
    s->next_in = (Bytef *)in;
    s->avail_in = (uInt)in_len;
    s->next_out = out;
    s->avail_out = (uInt)max + 1;
    status = v->inflate(s, Z_SYNC_FLUSH);
    *out_len = max + 1 - s->avail_out;
    if (status != (stream == PNG ? Z_STREAM_END : Z_OK) || s->avail_in || *out_len > max ||
        (expected && *out_len != expected)) {
        wrong(v, s->msg ? s->msg : "a stream has another length");
        free(out);
        return NULL;
    }
    return out;
}

/* ---- encodings ------------------------------------------------------------------------------- */

static bool raw(struct viewer *v, struct reader *r, unsigned x, unsigned y, unsigned w, unsigned h)
{
    for (unsigned j = 0; j < h; j++) {
        for (unsigned i = 0; i < w; i++)
            set(v, x + i, y + j, pixel(r, v->bytes));
    }
    return !r->bad || wrong(v, "raw is short");
}

static bool copyrect(struct viewer *v, struct reader *r, unsigned x, unsigned y, unsigned w,
                     unsigned h)
{
    unsigned sx = take_be(r, 2), sy = take_be(r, 2);
    uint8_t *copy;

    if (r->bad || sx + w > v->w || sy + h > v->h)
        return wrong(v, "a copy from outside");
    copy = malloc((size_t)w * h * v->bytes);
    for (unsigned j = 0; j < h; j++)
        memcpy(copy + (size_t)j * w * v->bytes, at(v, sx, sy + j), (size_t)w * v->bytes);
    for (unsigned j = 0; j < h; j++)
        memcpy(at(v, x, y + j), copy + (size_t)j * w * v->bytes, (size_t)w * v->bytes);
    free(copy);
    return true;
}

static bool hextile(struct viewer *v, struct reader *r, unsigned x, unsigned y, unsigned w,
                    unsigned h)
{
    uint32_t background = 0, foreground = 0;
    bool has_background = false, has_foreground = false;

    for (unsigned j = 0; j < h; j += 16) {
        for (unsigned i = 0; i < w; i += 16) {
            unsigned tw = MIN(16u, w - i), th = MIN(16u, h - j), mask = take_be(r, 1), n;

            if (mask & 1) {
                if (!raw(v, r, x + i, y + j, tw, th))
                    return false;
                has_background = has_foreground = false;
                continue;
            }
            if (mask & 2) {
                background = pixel(r, v->bytes);
                has_background = true;
            }
            if (!has_background)
                return wrong(v, "hextile without background");
            fill(v, x + i, y + j, tw, th, background);
            if (mask & 4) {
                foreground = pixel(r, v->bytes);
                has_foreground = true;
            }
            n = mask & 8 ? take_be(r, 1) : 0;
            if (n && !(mask & 16) && !has_foreground)
                return wrong(v, "hextile without foreground");
            if (mask & 16)
                has_foreground = false;
            for (; n; n--) {
                uint32_t colour = mask & 16 ? pixel(r, v->bytes) : foreground;
                unsigned place = take_be(r, 1), size = take_be(r, 1);

                if ((place >> 4) + (size >> 4) >= tw || (place & 15) + (size & 15) >= th)
                    return wrong(v, "hextile outside its tile");
                fill(v, x + i + (place >> 4), y + j + (place & 15), (size >> 4) + 1,
                     (size & 15) + 1, colour);
            }
            if (r->bad)
                return wrong(v, "hextile is short");
        }
    }
    return true;
}

static bool zlib(struct viewer *v, struct reader *r, unsigned x, unsigned y, unsigned w, unsigned h)
{
    size_t len = take_be(r, 4), n = (size_t)w * h * v->bytes, got;
    const uint8_t *in = take(r, len);
    uint8_t *out = in ? inflated(v, ZLIB, in, len, n, n, &got) : NULL;
    struct reader pixels = {out, out ? out + n : NULL, false};

    if (!out)
        return wrong(v, "zlib is short");
    raw(v, &pixels, x, y, w, h);
    free(out);
    return true;
}

static unsigned run_length(struct reader *r)
{
    unsigned n = 1, byte;

    do {
        byte = take_be(r, 1);
        n += byte;
    } while (byte == 255 && !r->bad);
    return n;
}

static bool zrle_tile(struct viewer *v, struct reader *r, unsigned x, unsigned y, unsigned w,
                      unsigned h)
{
    unsigned type = take_be(r, 1), n = w * h, colours = type & 127;
    uint32_t palette[128];

    if (type == 0) {
        for (unsigned i = 0; i < n; i++)
            set(v, x + i % w, y + i / w, cpixel(v, r));
    } else if (type == 1) {
        fill(v, x, y, w, h, cpixel(v, r));
    } else if (type <= 16) {
        unsigned bits = type == 2 ? 1 : type <= 4 ? 2 : 4;

        for (unsigned i = 0; i < type; i++)
            palette[i] = cpixel(v, r);
        for (unsigned j = 0; j < h; j++) {
            unsigned byte = 0, left = 0;

            for (unsigned i = 0; i < w; i++) {
                unsigned index;

                if (!left) {
                    byte = take_be(r, 1);
                    left = 8;
                }
                left -= bits;
                index = byte >> left & ((1u << bits) - 1);
                if (index >= type)
                    return wrong(v, "zrle: past the palette");
                set(v, x + i, y + j, palette[index]);
            }
        }
    } else if (type == 128) {
        for (unsigned i = 0; i < n;) {
            uint32_t colour = cpixel(v, r);
            unsigned run = run_length(r);

            if (run > n - i)
                return wrong(v, "zrle: a run past the tile");
            for (; run; run--, i++)
                set(v, x + i % w, y + i / w, colour);
        }
    } else if (type >= 130) {
        for (unsigned i = 0; i < colours; i++)
            palette[i] = cpixel(v, r);
        for (unsigned i = 0; i < n;) {
            unsigned index = take_be(r, 1), run = index & 128 ? run_length(r) : 1;

            if ((index & 127) >= colours || run > n - i)
                return wrong(v, "zrle: a run past the palette or tile");
            for (; run; run--, i++)
                set(v, x + i % w, y + i / w, palette[index & 127]);
        }
    } else {
        return wrong(v, "zrle: an unused type of tile");
    }
    return !r->bad || wrong(v, "zrle: a tile is short");
}

static bool zrle(struct viewer *v, struct reader *r, unsigned x, unsigned y, unsigned w, unsigned h)
{
    size_t len = take_be(r, 4), got;
    const uint8_t *in = take(r, len);
    uint8_t *out = in ? inflated(v, ZRLE, in, len, 0, (size_t)w * h * 5 + 4096, &got) : NULL;
    struct reader tiles = {out, out ? out + got : NULL, false};
    bool ok = out || wrong(v, "zrle is short");

    for (unsigned j = 0; ok && j < h; j += 64) {
        for (unsigned i = 0; ok && i < w; i += 64)
            ok = zrle_tile(v, &tiles, x + i, y + j, MIN(64u, w - i), MIN(64u, h - j));
    }
    if (ok && tiles.p != tiles.end)
        ok = wrong(v, "zrle has bytes too many");
    free(out);
    return ok;
}

/* ---- tight ----------------------------------------------------------------------------------- */

static size_t compact_length(struct reader *r)
{
    size_t n = 0;

    for (unsigned i = 0; i < 3; i++) {
        unsigned byte = take_be(r, 1);

        n |= (size_t)(i < 2 ? byte & 127 : byte) << 7 * i;
        if (i < 2 && !(byte & 128))
            break;
    }
    return n;
}

/* Filtered data of n bytes; the caller frees. */
static uint8_t *tight_data(struct viewer *v, struct reader *r, unsigned stream, size_t n)
{
    size_t len, got;
    const uint8_t *in;
    uint8_t *out;

    if (n < 12) {
        in = take(r, n);
        out = in ? malloc(n + 1) : NULL;
        if (out)
            memcpy(out, in, n);
        return out;
    }
    len = compact_length(r);
    in = take(r, len);
    return in ? inflated(v, stream, in, len, n, n, &got) : NULL;
}

static bool tight_palette(struct viewer *v, struct reader *r, unsigned stream, unsigned x,
                          unsigned y, unsigned w, unsigned h)
{
    unsigned colours = take_be(r, 1) + 1;
    size_t row = colours == 2 ? (w + 7) / 8 : w;
    uint32_t palette[256];
    uint8_t *data;

    for (unsigned i = 0; i < colours; i++)
        palette[i] = tpixel(v, r);
    data = tight_data(v, r, stream, row * h);
    if (!data || colours < 2) {
        free(data);
        return wrong(v, "tight: a bad palette");
    }
    for (unsigned j = 0; j < h; j++) {
        for (unsigned i = 0; i < w; i++) {
            unsigned index =
                colours == 2 ? data[j * row + i / 8] >> (7 - i % 8) & 1 : data[j * row + i];

            if (index >= colours) {
                free(data);
                return wrong(v, "tight: past the palette");
            }
            set(v, x + i, y + j, palette[index]);
        }
    }
    free(data);
    v->counts[VIEWER_PALETTE]++;
    return true;
}

static bool tight_gradient(struct viewer *v, struct reader *r, unsigned stream, unsigned x,
                           unsigned y, unsigned w, unsigned h)
{
    uint8_t *data = tight_data(v, r, stream, (size_t)w * h * 3);

    if (!data || !v->rgb) {
        free(data);
        return wrong(v, "tight: a bad gradient");
    }
    for (unsigned j = 0; j < h; j++) {
        for (unsigned i = 0; i < w; i++) {
            uint8_t *p = data + ((size_t)j * w + i) * 3;

            for (int c = 0; c < 3; c++) {
                int left = i ? p[c - 3] : 0, up = j ? p[c - (int)w * 3] : 0;
                int corner = i && j ? p[c - (int)w * 3 - 3] : 0, guess = left + up - corner;

                p[c] = (uint8_t)(p[c] + (guess < 0 ? 0 : guess > 255 ? 255 : guess));
            }
            set(v, x + i, y + j, pixel_of_rgb(v, p));
        }
    }
    free(data);
    v->counts[VIEWER_GRADIENT]++;
    return true;
}

static bool tight_jpeg(struct viewer *v, const uint8_t *in, size_t len, unsigned x, unsigned y,
                       unsigned w, unsigned h)
{
#if CONFIG_TURBOJPEG
    void *lib = dlopen(CONFIG_TURBOJPEG_SONAME, RTLD_NOW);
    tjhandle (*init)(void);
    int (*decompress)(tjhandle, const unsigned char *, unsigned long, unsigned char *, int, int,
                      int, int, int);
    int (*destroy)(tjhandle);
    uint8_t *rgb = malloc((size_t)w * h * 3);
    bool ok = lib && library_symbol(lib, "tjInitDecompress", &init) &&
              library_symbol(lib, "tjDecompress2", &decompress) &&
              library_symbol(lib, "tjDestroy", &destroy);

    if (ok) {
        tjhandle handle = init();

        ok = decompress(handle, in, len, rgb, (int)w, 0, (int)h, TJPF_RGB, 0) == 0;
        destroy(handle);
    }
    for (unsigned i = 0; ok && i < w * h; i++)
        set(v, x + i % w, y + i / w, pixel_of_rgb(v, rgb + i * 3));
    free(rgb);
    v->counts[VIEWER_JPEG]++;
    return ok || wrong(v, "tight: a bad JPEG");
#else
    (void)in, (void)len, (void)x, (void)y, (void)w, (void)h;
    return wrong(v, "tight: JPEG without a library");
#endif
}

static int paeth(int a, int b, int c)
{
    int p = a + b - c, pa = abs(p - a), pb = abs(p - b), pc = abs(p - c);

    return pa <= pb && pa <= pc ? a : pb <= pc ? b : c;
}

/* Chunks IHDR, PLTE, one IDAT, IEND; their checksums are zlib's to check. */
static bool tight_png(struct viewer *v, const uint8_t *in, size_t len, unsigned x, unsigned y,
                      unsigned w, unsigned h)
{
    struct reader r = {in, in + len, false};
    const uint8_t *palette = NULL;
    unsigned depth = 0, type = 0, colours = 0, bpp;
    uLong (*crc32_)(uLong, const Bytef *, uInt);
    uint8_t *data = NULL;
    size_t row = 0, got;
    bool ended = false;

    if (!library_symbol(v->zlib, "crc32", &crc32_) || !take(&r, 8) ||
        memcmp(in, "\x89PNG\r\n\x1a\n", 8) != 0)
        return wrong(v, "no PNG file");
    while (!ended) {
        size_t n = take_be(&r, 4);
        const uint8_t *name = take(&r, 4), *body = take(&r, n);
        uint32_t crc = take_be(&r, 4);

        if (r.bad || crc != crc32_(0, name, (uInt)(4 + n))) {
            free(data);
            return wrong(v, "png: a bad chunk");
        }
        if (!memcmp(name, "IHDR", 4)) {
            depth = body[8];
            type = body[9];
            row = 1 + (type == 3 ? ((size_t)w * depth + 7) / 8 : (size_t)w * 3);
            if (load_be32(body) != w || load_be32(body + 4) != h)
                return wrong(v, "png: another size");
        } else if (!memcmp(name, "PLTE", 4)) {
            palette = body;
            colours = (unsigned)n / 3;
        } else if (!memcmp(name, "IDAT", 4)) {
            data = inflated(v, PNG, body, n, row * h, row * h, &got);
            v->end(&v->streams[PNG]);
            v->begun[PNG] = false;
            memset(&v->streams[PNG], 0, sizeof v->streams[PNG]);
        } else {
            ended = !memcmp(name, "IEND", 4);
        }
    }
    if (!data || r.p != r.end)
        return wrong(v, "png: no data, or too many");
    bpp = type == 3 ? 1 : 3;
    for (unsigned j = 0; j < h; j++) {
        uint8_t *p = data + j * row + 1;

        for (size_t i = 0; i < row - 1; i++) {
            int left = i >= bpp ? p[i - bpp] : 0, up = j ? (p - row)[i] : 0;
            int corner = j && i >= bpp ? (p - row)[i - bpp] : 0;

            if (p[-1] == 4)
                p[i] = (uint8_t)(p[i] + paeth(left, up, corner));
            else if (p[-1] != 0)
                wrong(v, "png: an unexpected filter");
        }
        for (unsigned i = 0; i < w; i++) {
            unsigned index =
                type == 3 ? p[i * depth / 8] >> (8 - depth - i * depth % 8) & ((1u << depth) - 1)
                          : 0;

            if (type == 3 && index >= colours)
                wrong(v, "png: past the palette");
            else
                set(v, x + i, y + j, pixel_of_rgb(v, type == 3 ? palette + index * 3 : p + i * 3));
        }
    }
    free(data);
    v->counts[VIEWER_PNG]++;
    return !v->why;
}

static bool tight(struct viewer *v, struct reader *r, unsigned x, unsigned y, unsigned w,
                  unsigned h)
{
    unsigned control = take_be(r, 1), stream = TIGHT_0 + (control >> 4 & 3), filter = 0;
    uint8_t *data;

    if (control & 15)
        return wrong(v, "tight: streams are reset for no reason");
    if (control >> 4 == 8) {
        fill(v, x, y, w, h, tpixel(v, r));
        v->counts[VIEWER_FILL]++;
        return !r->bad || wrong(v, "tight: a fill is short");
    }
    if (control >> 4 == 9 || control >> 4 == 10) {
        size_t len = compact_length(r);
        const uint8_t *in = take(r, len);

        if (!in)
            return wrong(v, "tight: a file is short");
        return control >> 4 == 9 ? tight_jpeg(v, in, len, x, y, w, h)
                                 : tight_png(v, in, len, x, y, w, h);
    }
    if (control >> 7)
        return wrong(v, "tight: an unknown kind");
    if (control & 0x40)
        filter = take_be(r, 1);
    if (filter == 1)
        return tight_palette(v, r, stream, x, y, w, h);
    if (filter == 2)
        return tight_gradient(v, r, stream, x, y, w, h);
    data = tight_data(v, r, stream, (size_t)w * h * (v->rgb ? 3 : v->bytes));
    if (filter || !data)
        return wrong(v, "tight: a bad copy");
    for (unsigned i = 0; i < w * h; i++)
        set(v, x + i % w, y + i / w,
            v->rgb ? pixel_of_rgb(v, data + i * 3)
                   : (uint32_t)load_le(data + (size_t)i * v->bytes, v->bytes));
    free(data);
    v->counts[VIEWER_COPY]++;
    return true;
}

/* ---- rectangles ------------------------------------------------------------------------------ */

bool viewer_take(struct viewer *v, const uint8_t *data, size_t len, unsigned n, const char **why)
{
    static const struct {
        int32_t encoding;
        bool (*decode)(struct viewer *, struct reader *, unsigned, unsigned, unsigned, unsigned);
    } decoders[] = {{0, raw},   {1, copyrect}, {5, hextile}, {6, zlib},
                    {16, zrle}, {7, tight},    {-260, tight}};
    struct reader r = {data, data + len, false};
    bool ok = true;

    v->why = NULL;
    for (; ok && n; n--) {
        unsigned x = take_be(&r, 2), y = take_be(&r, 2), w = take_be(&r, 2), h = take_be(&r, 2);
        int32_t encoding = (int32_t)take_be(&r, 4);
        unsigned i = 0;

        if (r.bad || !w || !h || x + w > v->w || y + h > v->h || w * h > 65536)
            ok = wrong(v, "a bad rectangle");
        while (i < ARRAY_SIZE(decoders) && decoders[i].encoding != encoding)
            i++;
        if (ok)
            ok = i < ARRAY_SIZE(decoders) ? decoders[i].decode(v, &r, x, y, w, h)
                                          : wrong(v, "an unknown encoding");
    }
    if (ok && r.p != r.end)
        ok = wrong(v, "bytes are left over");
    *why = v->why;
    return ok;
}
#else
struct viewer *viewer_new(unsigned width, unsigned height, const struct vnc_pixel_format *format)
{
    (void)width, (void)height, (void)format;
    return NULL;
}
void viewer_free(struct viewer *v)
{
    (void)v;
}
void viewer_set_format(struct viewer *v, const struct vnc_pixel_format *format)
{
    (void)v, (void)format;
}
bool viewer_take(struct viewer *v, const uint8_t *data, size_t len, unsigned n, const char **why)
{
    (void)v, (void)data, (void)len, (void)n, (void)why;
    return false;
}
const uint8_t *viewer_pixels(const struct viewer *v)
{
    (void)v;
    return NULL;
}
unsigned viewer_count(const struct viewer *v, enum viewer_kind kind)
{
    (void)v, (void)kind;
    return 0;
}
#endif
