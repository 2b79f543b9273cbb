/* Pictures as PNG; see picture.h. */
#include "ui/picture/picture.h"

#include <stdlib.h>
#include <string.h>
#include "config.h"
#include "core/util/error.h"
#include "core/util/library.h"

#if CONFIG_PNG
#include <png.h>

/* libpng's interface for whole pictures: it reports errors by its return value alone. */
struct png_library {
    void *handle;
    int (*write)(png_imagep image, void *memory, png_alloc_size_t *bytes, int to_8_bit,
                 const void *buffer, png_int_32 row_stride, const void *colormap);
};

static bool png_open(struct png_library *l, struct vemu_error **errp)
{
    l->handle = dlopen(CONFIG_PNG_SONAME, RTLD_NOW | RTLD_LOCAL);
    if (l->handle && library_symbol(l->handle, "png_image_write_to_memory", &l->write))
        return true;
    if (l->handle)
        dlclose(l->handle);
    return error_set(errp, VEMU_ERROR_NOT_FOUND,
                     "pictures as PNG need " CONFIG_PNG_SONAME " (in the package libpng16-16), "
                     "which cannot be opened");
}

void *picture_png(const struct picture *p, size_t *len, struct vemu_error **errp)
{
    struct png_library l = {0};
    png_image image = {.version = PNG_IMAGE_VERSION,
                       .width = p->width,
                       .height = p->height,
                       .format = PNG_FORMAT_RGB,
                       .flags = PNG_IMAGE_FLAG_FAST};
    if (!png_open(&l, errp))
        return NULL;
    png_alloc_size_t bytes = PNG_IMAGE_PNG_SIZE_MAX(image);
    void *file = malloc(bytes);
    if (!file) {
        error_set(errp, VEMU_ERROR_NO_MEMORY, "no memory for a picture");
    } else if (!l.write(&image, file, &bytes, 0, p->rgb, 0, NULL)) {
        error_set(errp, VEMU_ERROR_IO, "cannot make a picture of %ux%u as PNG: %.64s", p->width,
                  p->height, image.message);
        free(file);
        file = NULL;
    }
    dlclose(l.handle);
    *len = bytes;
    return file;
}
#else
void *picture_png(const struct picture *p, size_t *len, struct vemu_error **errp)
{
    (void)p, (void)len;
    error_set(
        errp, VEMU_ERROR_UNSUPPORTED,
        "pictures as PNG are not part of this build (configure found no libpng-dev); use PPM");
    return NULL;
}
#endif
