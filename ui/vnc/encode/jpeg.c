/* JPEG by libturbojpeg, opened when a client first wants it. */
#include "ui/vnc/encode/internal.h"

#include "config.h"
#include "core/util/range.h"

#if CONFIG_TURBOJPEG
#include <turbojpeg.h>

/* From this quality on colours keep more of their resolution. */
enum { QUALITY_422 = 70, QUALITY_444 = 90 };

bool vnc_put_jpeg(struct vnc_encoder *e, struct buffer *out, const struct vnc_picture *picture,
                  const struct display_rect *rect, bool *ok)
{
    const struct vnc_jpeg_library *lib = vnc_libraries_jpeg(e->libs);
    int w = (int)rect->width, h = (int)rect->height;
    int subsamp = e->quality >= QUALITY_444   ? TJSAMP_444
                  : e->quality >= QUALITY_422 ? TJSAMP_422
                                              : TJSAMP_420;
    unsigned long size;
    uint8_t *p;

    *ok = false;
    if (!lib)
        return true;
    if (!e->jpeg)
        e->jpeg = lib->init_compress();
    size = lib->buf_size(w, h, subsamp);
    p = e->jpeg ? buffer_reserve(out, size) : NULL;
    if (!p)
        return false;
    if (lib->compress(e->jpeg, (const uint8_t *)vnc_picture_at(picture, rect->x, rect->y), w,
                      (int)picture->stride, h, TJPF_BGRX, &p, &size, subsamp, e->quality,
                      TJFLAG_NOREALLOC | TJFLAG_FASTDCT) != 0)
        return true;
    buffer_add(out, size);
    *ok = true;
    return true;
}

void vnc_jpeg_free(struct vnc_encoder *e)
{
    if (e->jpeg)
        vnc_libraries_jpeg(e->libs)->destroy(e->jpeg);
    e->jpeg = NULL;
}
#else
bool vnc_put_jpeg(struct vnc_encoder *e, struct buffer *out, const struct vnc_picture *picture,
                  const struct display_rect *rect, bool *ok)
{
    (void)e, (void)out, (void)picture, (void)rect;
    *ok = false;
    return true;
}

void vnc_jpeg_free(struct vnc_encoder *e)
{
    (void)e;
}
#endif
