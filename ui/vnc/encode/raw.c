/* Raw encoding (RFC 6143, 7.7.1) and CopyRect (7.7.2). */
#include "ui/vnc/encode/internal.h"

bool vnc_put_rect_header(struct buffer *out, const struct display_rect *rect, int32_t encoding)
{
    uint8_t *p = buffer_append(out, VNC_RECT_HEADER_SIZE);

    if (!p)
        return false;
    store_be16(p, (uint16_t)rect->x);
    store_be16(p + 2, (uint16_t)rect->y);
    store_be16(p + 4, (uint16_t)rect->width);
    store_be16(p + 6, (uint16_t)rect->height);
    store_be32(p + 8, (uint32_t)encoding);
    return true;
}

bool vnc_encode_copy(struct buffer *out, const struct display_rect *rect, uint32_t x, uint32_t y)
{
    return vnc_put_rect_header(out, rect, VNC_COPYRECT) && buffer_put_be16(out, (uint16_t)x) &&
           buffer_put_be16(out, (uint16_t)y);
}

bool vnc_encode_raw(struct vnc_encoder *e, struct buffer *out, const struct vnc_picture *picture,
                    const struct display_rect *rect, struct vnc_encoded *done)
{
    size_t row = (size_t)rect->width * e->convert.bytes;
    uint8_t *p;

    if (!vnc_put_rect_header(out, rect, VNC_RAW))
        return false;
    p = buffer_append(out, row * rect->height);
    if (!p)
        return false;
    for (uint32_t y = 0; y < rect->height; y++, p += row)
        vnc_convert(&e->convert, p, vnc_picture_at(picture, rect->x, rect->y + y), rect->width);
    done->rects++;
    return true;
}
