/*
 * What a machine shows. A display is named by its device's id and the number of the output; NULL
 * and 0 are the first one. Any thread, whether the machine runs or not.
 *
 * Windows (the configuration's display=sdl) live on a thread of the library's own, which
 * vemu_machine_realize starts and vemu_machine_destroy ends, so that an embedder's threads are
 * free. SDL's video is one for the process: one machine of it has windows, and none if the embedder
 * has started SDL's video itself. Closing one quits the machine as vemu_machine_quit does.
 */
#ifndef VEMU_SCREEN_H
#define VEMU_SCREEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "error.h"

#ifdef __cplusplus
extern "C" {
#endif

struct vemu_machine;

/* The files that a picture can be. RGB is none: rows of 3 * width bytes, without a header. */
enum vemu_picture_format { VEMU_PICTURE_PPM, VEMU_PICTURE_PNG, VEMU_PICTURE_RGB };

struct vemu_picture {
    uint32_t width, height; /* pixels */
    void *data;             /* freed by vemu_picture_free */
    size_t len;             /* bytes */
};

/* Takes a picture of what the display shows now. VEMU_ERROR_NOT_FOUND: there is no such display, or
 * no libpng. */
bool vemu_screen_picture(struct vemu_machine *m, const char *device, unsigned head,
                         enum vemu_picture_format format, struct vemu_picture *picture,
                         struct vemu_error **errp);
/* Zeroes it; allowed on a zeroed one. */
void vemu_picture_free(struct vemu_picture *picture);

#ifdef __cplusplus
}
#endif

#endif
