/*
 * Pictures of a display: taken, and as files (PPM, and PNG by libpng, which is opened when a
 * picture is first wanted as PNG).
 */
#ifndef UI_PICTURE_PICTURE_H
#define UI_PICTURE_PICTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct display;
struct vemu_error;

struct picture {
    uint32_t width, height;
    uint8_t *rgb; /* rows of 3 * width bytes */
};

/* Machine lock held: the display is brought up to date first, whoever watches. */
bool picture_take(struct display *d, struct picture *p, struct vemu_error **errp);
void picture_free(struct picture *p);
/* The picture as a file, freed with free(); NULL: the error is set. Any thread. */
void *picture_ppm(const struct picture *p, size_t *len, struct vemu_error **errp);
void *picture_png(const struct picture *p, size_t *len, struct vemu_error **errp);

#endif
