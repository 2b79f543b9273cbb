/* A client's encoder: what it asked for, and rectangles by its encoding. See encode.h. */
#include "ui/vnc/encode/internal.h"

#include <stdlib.h>
#include "core/util/range.h"

enum { LEVEL_DEFAULT = 6 };

static const struct {
    enum vnc_encoding encoding;
    vnc_encode_fn *rect;
} encoders[] = {
    {VNC_RAW, vnc_encode_raw},     {VNC_HEXTILE, vnc_encode_hextile},
    {VNC_ZLIB, vnc_encode_zlib},   {VNC_ZRLE, vnc_encode_zrle},
    {VNC_TIGHT, vnc_encode_tight}, {VNC_TIGHT_PNG, vnc_encode_tight},
};

/* NULL: rectangles cannot be sent so. */
static vnc_encode_fn *encoder_for(int32_t encoding)
{
    for (size_t i = 0; i < ARRAY_SIZE(encoders); i++) {
        if ((int32_t)encoders[i].encoding == encoding)
            return encoders[i].rect;
    }
    return NULL;
}

struct vnc_encoder *vnc_encoder_new(struct vnc_libraries *libs)
{
    struct vnc_encoder *e = calloc(1, sizeof *e);

    if (!e)
        return NULL;
    e->libs = libs;
    vnc_encoder_set_format(e, &vnc_pixel_format_native);
    vnc_encoder_set_encodings(e, NULL, 0);
    return e;
}

void vnc_encoder_free(struct vnc_encoder *e)
{
    if (!e)
        return;
    for (unsigned i = 0; i < STREAMS; i++)
        vnc_deflate_free(e->streams[i]);
    vnc_deflate_work_free(e->work);
    vnc_jpeg_free(e);
    buffer_free(&e->compressed);
    free(e);
}

struct vnc_deflate *vnc_encoder_stream(struct vnc_encoder *e, enum vnc_stream number)
{
    if (!e->work)
        e->work = vnc_deflate_work_new();
    if (e->work && !e->streams[number])
        e->streams[number] = vnc_deflate_new();
    return e->work ? e->streams[number] : NULL;
}

void vnc_encoder_set_format(struct vnc_encoder *e, const struct vnc_pixel_format *format)
{
    vnc_converter_init(&e->convert, format);
}

static const int jpeg_quality_of_level[] = {15, 29, 41, 42, 62, 77, 79, 86, 92, 100};

/* Is n one of `count` numbers from first on? */
static bool in_levels(int32_t n, int32_t first, int32_t count)
{
    return n >= first && n < first + count;
}

void vnc_encoder_set_encodings(struct vnc_encoder *e, const int32_t *encodings, size_t n)
{
    bool found = false;

    e->encoding = VNC_RAW;
    e->can_copy = false;
    e->client_quality = VNC_LOSSLESS;
    e->client_level = -1;
    for (size_t i = 0; i < n; i++) {
        int32_t v = encodings[i];

        if (v == VNC_COPYRECT) {
            e->can_copy = true;
        } else if (in_levels(v, VNC_QUALITY_LEVEL_0, ARRAY_SIZE(jpeg_quality_of_level))) {
            if (e->client_quality == VNC_LOSSLESS)
                e->client_quality = jpeg_quality_of_level[v - VNC_QUALITY_LEVEL_0];
        } else if (in_levels(v, VNC_FINE_QUALITY_0, 101)) {
            e->client_quality = MAX(v - VNC_FINE_QUALITY_0, 1);
        } else if (in_levels(v, VNC_COMPRESSION_LEVEL_0, VNC_COMPRESSION_LEVELS)) {
            e->client_level = v - VNC_COMPRESSION_LEVEL_0;
        } else if (!found && encoder_for(v)) {
            e->encoding = (enum vnc_encoding)v;
            found = true;
        }
    }
    if (e->client_quality != VNC_LOSSLESS &&
        (e->lossless || !vnc_libraries_offer_jpeg(e->libs, NULL)))
        e->client_quality = VNC_LOSSLESS;
    vnc_encoder_set_levels(e, e->client_quality, e->client_level);
}

void vnc_encoder_forbid_jpeg(struct vnc_encoder *e)
{
    e->lossless = true;
}

void vnc_encoder_track_lossy(struct vnc_encoder *e, struct pixman_region32 *region)
{
    e->lossy = region;
}

enum vnc_encoding vnc_encoder_encoding(const struct vnc_encoder *e)
{
    return e->encoding;
}

bool vnc_encoder_can_copy(const struct vnc_encoder *e)
{
    return e->can_copy;
}

int vnc_encoder_client_quality(const struct vnc_encoder *e)
{
    return e->client_quality;
}

int vnc_encoder_client_level(const struct vnc_encoder *e)
{
    return e->client_level;
}

void vnc_encoder_set_levels(struct vnc_encoder *e, int quality, int level)
{
    e->quality = e->client_quality == VNC_LOSSLESS ? VNC_LOSSLESS : quality;
    e->level = level < 0 ? LEVEL_DEFAULT : MIN(level, VNC_COMPRESSION_LEVELS - 1);
}

bool vnc_encode_rect(struct vnc_encoder *e, struct buffer *out, const struct vnc_picture *picture,
                     const struct display_rect *rect, struct vnc_encoded *done)
{
    vnc_encode_fn *encode = encoder_for(e->encoding);
    uint32_t width = MIN(rect->width, (uint32_t)VNC_PIECE_WIDTH);
    uint32_t height = (uint32_t)align_down(VNC_RECT_PIXELS_MAX / width, VNC_TILE);

    *done = (struct vnc_encoded){0};
    for (uint32_t y = 0; y < rect->height; y += height) {
        for (uint32_t x = 0; x < rect->width; x += width) {
            struct display_rect piece = {rect->x + x, rect->y + y, MIN(width, rect->width - x),
                                         MIN(height, rect->height - y)};

            if (!encode(e, out, picture, &piece, done))
                return false;
        }
    }
    return true;
}
