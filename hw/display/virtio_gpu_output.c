/* Outputs of virtio-gpu: what they show, and their pointers; see virtio_gpu_internal.h. */
#include "hw/display/virtio_gpu_internal.h"

#include <stdlib.h>
#include "core/display/region.h"
#include "core/util/endian.h"
#include "core/util/range.h"

enum { DIRTY_RECTS = 64 /* more of them are not worth keeping apart */ };

/* ---- drawing --------------------------------------------------------------------------------- */

/* Is this output the console's at the moment? */
static bool is_console(const struct gpu_output *o)
{
    return o == o->gpu->outputs && o->gpu->console && !o->gpu->driven;
}

/* Whether the fourth byte means anything goes by the use, whatever the format says: a screen is
 * opaque, and Linux has no other format for the shape of a pointer than one without alpha. */
struct reading {
    pixman_format_code_t screen, shape;
};
static struct reading reading(const struct gpu_resource *r)
{
    switch (gpu_format(r->format)) {
    case PIXMAN_b8g8r8a8:
    case PIXMAN_b8g8r8x8:
        return (struct reading){PIXMAN_b8g8r8x8, PIXMAN_b8g8r8a8};
    case PIXMAN_a8b8g8r8:
    case PIXMAN_x8b8g8r8:
        return (struct reading){PIXMAN_x8b8g8r8, PIXMAN_a8b8g8r8};
    case PIXMAN_r8g8b8a8:
    case PIXMAN_r8g8b8x8:
        return (struct reading){PIXMAN_r8g8b8x8, PIXMAN_r8g8b8a8};
    default:
        return (struct reading){PIXMAN_x8r8g8b8, PIXMAN_a8r8g8b8};
    }
}

static pixman_image_t *image(pixman_format_code_t format, uint32_t width, uint32_t height,
                             void *pixels, uint32_t stride)
{
    return pixman_image_create_bits_no_clear(format, (int)width, (int)height, pixels, (int)stride);
}

static pixman_image_t *resource_image(const struct gpu_resource *r, pixman_format_code_t format)
{
    return image(format, r->width, r->height, r->pixels, r->width * GPU_PIXEL);
}

/* Display locked. */
static void draw_dirty(struct gpu_output *o)
{
    struct display *d = o->display;
    pixman_image_t *src = resource_image(o->resource, reading(o->resource).screen);
    pixman_image_t *dst = image(PIXMAN_x8r8g8b8, display_width(d), display_height(d),
                                display_pixels(d), display_stride(d));
    int count = 0;
    const pixman_box32_t *boxes = pixman_region32_rectangles(&o->dirty, &count);

    for (int i = 0; src && dst && i < count; i++) {
        const pixman_box32_t *b = &boxes[i];
        pixman_image_composite32(PIXMAN_OP_SRC, src, NULL, dst, (int)o->x + b->x1,
                                 (int)o->y + b->y1, 0, 0, b->x1, b->y1, b->x2 - b->x1,
                                 b->y2 - b->y1);
        display_damage(d, (uint32_t)b->x1, (uint32_t)b->y1, (uint32_t)(b->x2 - b->x1),
                       (uint32_t)(b->y2 - b->y1));
    }
    if (src && dst)
        pixman_region32_clear(&o->dirty);
    if (src)
        pixman_image_unref(src);
    if (dst)
        pixman_image_unref(dst);
}

static void set_dirty(struct gpu_output *o)
{
    pixman_region32_fini(&o->dirty);
    pixman_region32_init_rect(&o->dirty, 0, 0, o->width, o->height);
}

static void refresh(void *opaque, bool all)
{
    struct gpu_output *o = opaque;
    struct virtio_gpu *s = o->gpu;

    if (is_console(o)) {
        if (s->console->refresh)
            s->console->refresh(s->console_opaque, all || s->console_all);
        s->console_all = false;
        return;
    }
    if (!o->resource)
        return;
    if (all)
        set_dirty(o);
    if (!pixman_region32_not_empty(&o->dirty))
        return;
    display_lock(o->display);
    draw_dirty(o);
    display_unlock(o->display);
}

static void resize(void *opaque, uint32_t width, uint32_t height)
{
    struct gpu_output *o = opaque;

    if (o->want_width == width && o->want_height == height)
        return;
    o->want_width = width;
    o->want_height = height;
    gpu_display_event(o->gpu);
}

static size_t text(void *opaque, char *buf, size_t len)
{
    struct gpu_output *o = opaque;

    return is_console(o) && o->gpu->console->text
               ? o->gpu->console->text(o->gpu->console_opaque, buf, len)
               : 0;
}

const struct display_ops gpu_display_ops = {.refresh = refresh, .resize = resize, .text = text};

/* ---- what is shown --------------------------------------------------------------------------- */

bool gpu_output_show(struct gpu_output *o)
{
    if (o == o->gpu->outputs)
        o->gpu->driven = true;
    if (!display_set_size(o->display, o->width, o->height))
        return false;
    set_dirty(o);
    display_hurry(o->display);
    return true;
}

void gpu_output_off(struct gpu_output *o)
{
    o->resource = NULL;
    o->resource_id = 0;
    o->x = o->y = o->width = o->height = 0;
    pixman_region32_clear(&o->dirty);
    if (!is_console(o))
        display_set_size(o->display, 0, 0);
}

uint32_t gpu_cmd_set_scanout(struct virtio_gpu *s, struct gpu_request *r)
{
    const uint8_t *p = r->cmd + GPU_HEADER;
    uint32_t x = load_le32(p), y = load_le32(p + 4);
    uint32_t width = load_le32(p + 8), height = load_le32(p + 12);
    uint32_t n = load_le32(p + 16), id = load_le32(p + 20);
    struct gpu_output *o = &s->outputs[n % GPU_OUTPUTS_MAX];
    struct gpu_resource *res = gpu_find_resource(s, id);

    if (n >= s->max_outputs)
        return GPU_RESP_ERR_INVALID_SCANOUT_ID;
    if (!id) {
        gpu_output_off(o);
        return GPU_RESP_OK_NODATA;
    }
    if (!res)
        return GPU_RESP_ERR_INVALID_RESOURCE_ID;
    if (!width || !height || width > DISPLAY_SIZE_MAX || height > DISPLAY_SIZE_MAX ||
        !range_fits(x, width, res->width) || !range_fits(y, height, res->height))
        return GPU_RESP_ERR_INVALID_PARAMETER;
    o->resource = res;
    o->resource_id = id;
    o->x = x;
    o->y = y;
    o->width = width;
    o->height = height;
    if (gpu_output_show(o))
        return GPU_RESP_OK_NODATA;
    gpu_output_off(o);
    return GPU_RESP_ERR_OUT_OF_MEMORY;
}

/* What of a rectangle of its resource the output shows is new. */
static void flush(struct gpu_output *o, const struct display_rect *rect)
{
    int64_t x1 = MAX((int64_t)rect->x - o->x, 0), y1 = MAX((int64_t)rect->y - o->y, 0);
    int64_t x2 = MIN((int64_t)rect->x + rect->width - o->x, o->width);
    int64_t y2 = MIN((int64_t)rect->y + rect->height - o->y, o->height);
    bool idle = !pixman_region32_not_empty(&o->dirty);

    if (x1 >= x2 || y1 >= y2)
        return;
    display_region_add(&o->dirty, (int)x1, (int)y1, (unsigned)(x2 - x1), (unsigned)(y2 - y1),
                       DIRTY_RECTS);
    if (idle)
        display_hurry(o->display);
}

uint32_t gpu_cmd_flush(struct virtio_gpu *s, struct gpu_request *r)
{
    const uint8_t *p = r->cmd + GPU_HEADER;
    struct display_rect rect = {load_le32(p), load_le32(p + 4), load_le32(p + 8),
                                load_le32(p + 12)};
    struct gpu_resource *res = gpu_find_resource(s, load_le32(p + 16));

    if (!res)
        return GPU_RESP_ERR_INVALID_RESOURCE_ID;
    if (!range_fits(rect.x, rect.width, res->width) ||
        !range_fits(rect.y, rect.height, res->height))
        return GPU_RESP_ERR_INVALID_PARAMETER;
    for (unsigned n = 0; n < s->max_outputs; n++) {
        if (s->outputs[n].resource == res)
            flush(&s->outputs[n], &rect);
    }
    return GPU_RESP_OK_NODATA;
}

/* ---- pointer --------------------------------------------------------------------------------- */

static void place_cursor(struct gpu_output *o)
{
    /* Drivers say where the shape's corner is, displays where the hot spot is. */
    display_move_cursor(o->display, (int32_t)((uint32_t)o->cursor_x + o->hot_x),
                        (int32_t)((uint32_t)o->cursor_y + o->hot_y), o->cursor);
}

void gpu_output_show_cursor(struct gpu_output *o)
{
    struct display_cursor c = {.width = GPU_CURSOR_SIZE,
                               .height = GPU_CURSOR_SIZE,
                               .hot_x = o->hot_x,
                               .hot_y = o->hot_y,
                               .pixels = o->cursor};

    display_set_cursor(o->display, o->cursor ? &c : NULL);
    place_cursor(o);
}

void gpu_output_reset(struct gpu_output *o)
{
    gpu_output_off(o);
    free(o->cursor);
    o->cursor = NULL;
    o->hot_x = o->hot_y = 0;
    o->cursor_x = o->cursor_y = 0;
    gpu_output_show_cursor(o);
}

static unsigned straight(unsigned value, unsigned alpha)
{
    return alpha ? MIN((value * 255 + alpha / 2) / alpha, 255) : 0;
}

/* Drivers hand over what their clients gave them: colours are multiplied by alpha, as DRM has it,
 * or not, which shows where a colour is brighter than its alpha allows. */
static void straighten(uint32_t *pixels)
{
    for (unsigned i = 0; i < GPU_CURSOR_PIXELS; i++) {
        uint32_t p = pixels[i], alpha = p >> 24;
        if ((p >> 16 & 0xff) > alpha || (p >> 8 & 0xff) > alpha || (p & 0xff) > alpha)
            return;
    }
    for (unsigned i = 0; i < GPU_CURSOR_PIXELS; i++) {
        uint32_t p = pixels[i], alpha = p >> 24;
        pixels[i] = alpha << 24 | straight(p >> 16 & 0xff, alpha) << 16 |
                    straight(p >> 8 & 0xff, alpha) << 8 | straight(p & 0xff, alpha);
    }
}

/* The shape that the resource has now; NULL: it has none, or there is no memory. */
static uint32_t *read_shape(const struct gpu_resource *res)
{
    uint32_t *pixels = NULL;
    pixman_image_t *src, *dst = NULL;

    if (!res || res->width != GPU_CURSOR_SIZE || res->height != GPU_CURSOR_SIZE)
        return NULL;
    src = resource_image(res, reading(res).shape);
    if (src)
        pixels = malloc(GPU_CURSOR_PIXELS * sizeof *pixels);
    if (pixels)
        dst = image(PIXMAN_a8r8g8b8, GPU_CURSOR_SIZE, GPU_CURSOR_SIZE, pixels,
                    GPU_CURSOR_SIZE * GPU_PIXEL);
    if (dst) {
        pixman_image_composite32(PIXMAN_OP_SRC, src, NULL, dst, 0, 0, 0, 0, 0, 0, GPU_CURSOR_SIZE,
                                 GPU_CURSOR_SIZE);
        straighten(pixels);
        pixman_image_unref(dst);
    } else {
        free(pixels);
        pixels = NULL;
    }
    if (src)
        pixman_image_unref(src);
    return pixels;
}

/* The output that struct virtio_gpu_cursor_pos names, where its pointer goes; NULL: there is none.
 */
static struct gpu_output *move(struct virtio_gpu *s, const uint8_t *p)
{
    uint32_t n = load_le32(p);
    struct gpu_output *o = &s->outputs[n % GPU_OUTPUTS_MAX];

    if (n >= s->max_outputs)
        return NULL;
    o->cursor_x = (int32_t)load_le32(p + 4);
    o->cursor_y = (int32_t)load_le32(p + 8);
    return o;
}

uint32_t gpu_cmd_update_cursor(struct virtio_gpu *s, struct gpu_request *r)
{
    const uint8_t *p = r->cmd + GPU_HEADER;
    struct gpu_output *o = move(s, p);
    uint32_t id = load_le32(p + 16);
    uint32_t *shape = read_shape(gpu_find_resource(s, id));

    if (!o || (id && !shape)) {
        free(shape);
        return o ? GPU_RESP_ERR_INVALID_RESOURCE_ID : GPU_RESP_ERR_INVALID_SCANOUT_ID;
    }
    free(o->cursor);
    o->cursor = shape;
    o->hot_x = MIN(load_le32(p + 20), GPU_CURSOR_SIZE - 1);
    o->hot_y = MIN(load_le32(p + 24), GPU_CURSOR_SIZE - 1);
    gpu_output_show_cursor(o);
    return GPU_RESP_OK_NODATA;
}

uint32_t gpu_cmd_move_cursor(struct virtio_gpu *s, struct gpu_request *r)
{
    struct gpu_output *o = move(s, r->cmd + GPU_HEADER);

    if (!o)
        return GPU_RESP_ERR_INVALID_SCANOUT_ID;
    place_cursor(o);
    return GPU_RESP_OK_NODATA;
}
