/* Taking pictures, and PPM; see picture.h. */
#include "ui/picture/picture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "core/display/display.h"
#include "core/util/error.h"

bool picture_take(struct display *d, struct picture *p, struct vemu_error **errp)
{
    display_refresh(d);
    display_lock(d);
    p->width = display_width(d);
    p->height = display_height(d);
    p->rgb = malloc((size_t)p->width * p->height * 3);
    const uint32_t *row = display_pixels(d);
    uint8_t *out = p->rgb;
    for (uint32_t y = 0; out && y < p->height; y++, row += display_stride(d) / 4) {
        for (uint32_t x = 0; x < p->width; x++) {
            *out++ = (uint8_t)(row[x] >> 16);
            *out++ = (uint8_t)(row[x] >> 8);
            *out++ = (uint8_t)row[x];
        }
    }
    display_unlock(d);
    return p->rgb || error_set(errp, VEMU_ERROR_NO_MEMORY, "no memory for a picture");
}

void picture_free(struct picture *p)
{
    free(p->rgb);
    p->rgb = NULL;
}

void *picture_ppm(const struct picture *p, size_t *len, struct vemu_error **errp)
{
    char header[40];
    size_t pixels = (size_t)p->width * p->height * 3;
    size_t n = (size_t)snprintf(header, sizeof header, "P6\n%u %u\n255\n", p->width, p->height);
    char *file = malloc(n + pixels);
    if (!file) {
        error_set(errp, VEMU_ERROR_NO_MEMORY, "no memory for a picture");
        return NULL;
    }
    memcpy(file, header, n);
    memcpy(file + n, p->rgb, pixels);
    *len = n + pixels;
    return file;
}
