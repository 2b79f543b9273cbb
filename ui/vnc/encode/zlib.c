/* Zlib encoding: raw pixels as a zlib stream, which goes on from rectangle to rectangle. */
#include "ui/vnc/encode/internal.h"

bool vnc_encode_zlib(struct vnc_encoder *e, struct buffer *out, const struct vnc_picture *picture,
                     const struct display_rect *rect, struct vnc_encoded *done)
{
    struct vnc_deflate *d = vnc_encoder_stream(e, STREAM_ZLIB);
    size_t row = (size_t)rect->width * e->convert.bytes, n = row * rect->height, at;
    struct vnc_deflate_how how = {e->level, e->convert.bytes, (unsigned)row, false};
    uint8_t *p = d ? vnc_deflate_input(d, n) : NULL;

    if (!p || !vnc_put_rect_header(out, rect, VNC_ZLIB) || !buffer_append(out, 4))
        return false;
    at = out->len;
    for (uint32_t y = 0; y < rect->height; y++, p += row)
        vnc_convert(&e->convert, p, vnc_picture_at(picture, rect->x, rect->y + y), rect->width);
    if (!vnc_deflate_add(d, e->work, &how, n, out) || !vnc_deflate_flush(d, e->work, out))
        return false;
    store_be32(out->data + at - 4, (uint32_t)(out->len - at));
    done->rects++;
    return true;
}
