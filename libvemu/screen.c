/* Pictures of the public API: see vemu/screen.h. */
#include <stdlib.h>
#include <vemu/screen.h>

#include "core/display/display.h"
#include "core/util/error.h"
#include "libvemu/machine.h"
#include "ui/picture/picture.h"

bool vemu_screen_picture(struct vemu_machine *m, const char *device, unsigned head,
                         enum vemu_picture_format format, struct vemu_picture *picture,
                         struct vemu_error **errp)
{
    struct picture p = {0};

    machine_lock(m);
    struct display *d = display_find(m, device, head, errp);
    bool ok = d && picture_take(d, &p, errp);
    machine_unlock(m);
    *picture = (struct vemu_picture){.width = p.width, .height = p.height};
    if (ok && format == VEMU_PICTURE_RGB) {
        picture->data = p.rgb;
        picture->len = (size_t)p.width * p.height * 3;
        return true;
    }
    if (ok && format != VEMU_PICTURE_PPM && format != VEMU_PICTURE_PNG)
        ok = error_set(errp, VEMU_ERROR_INVALID, "there is no picture format %d", (int)format);
    if (ok)
        picture->data = format == VEMU_PICTURE_PNG ? picture_png(&p, &picture->len, errp)
                                                   : picture_ppm(&p, &picture->len, errp);
    picture_free(&p);
    return picture->data != NULL;
}

void vemu_picture_free(struct vemu_picture *picture)
{
    free(picture->data);
    *picture = (struct vemu_picture){0};
}
