/*
 * Saved states of virtio-gpu: the table, and what the guest made behind it. That is a sequence of
 *
 *   resource   1, id, format, width, height, has backing (u32 each), number of entries (u32),
 *              entries {address u64, length u64}, pixels
 *   pointer    2, output (u32), pixels
 *
 * all little-endian. Sizes are checked against what is there before anything is made of them.
 */
#include "hw/display/virtio_gpu_internal.h"

#include <stdlib.h>
#include <string.h>
#include "core/util/endian.h"
#include "core/util/range.h"

enum { RECORD_RESOURCE = 1, RECORD_CURSOR = 2 };
enum { RESOURCE_HEADER = 28, ENTRY = 16, CURSOR_HEADER = 8 };
enum { CURSOR_BYTES = GPU_CURSOR_PIXELS * GPU_PIXEL };

const struct state_field gpu_output_state[] = {
    STATE_INT(struct gpu_output, want_width, .max = DISPLAY_SIZE_MAX),
    STATE_INT(struct gpu_output, want_height, .max = DISPLAY_SIZE_MAX),
    STATE_INT(struct gpu_output, resource_id),
    STATE_INT(struct gpu_output, x, .max = GPU_RESOURCE_MAX),
    STATE_INT(struct gpu_output, y, .max = GPU_RESOURCE_MAX),
    STATE_INT(struct gpu_output, width, .max = DISPLAY_SIZE_MAX),
    STATE_INT(struct gpu_output, height, .max = DISPLAY_SIZE_MAX),
    STATE_INT(struct gpu_output, hot_x, .max = GPU_CURSOR_SIZE - 1),
    STATE_INT(struct gpu_output, hot_y, .max = GPU_CURSOR_SIZE - 1),
    STATE_INT(struct gpu_output, cursor_x),
    STATE_INT(struct gpu_output, cursor_y),
    STATE_FIELDS_END,
};

/* ---- save ------------------------------------------------------------------------------------ */

static uint64_t pixel_bytes(uint32_t width, uint32_t height)
{
    return (uint64_t)width * height * GPU_PIXEL;
}

static uint64_t contents_size(const void *obj)
{
    const struct virtio_gpu *s = obj;
    uint64_t size = 0;

    list_for_each(r, &s->resources, struct gpu_resource, node)
    {
        size +=
            RESOURCE_HEADER + (uint64_t)r->backing.count * ENTRY + pixel_bytes(r->width, r->height);
    }
    for (unsigned n = 0; n < s->max_outputs; n++)
        size += s->outputs[n].cursor ? CURSOR_HEADER + CURSOR_BYTES : 0;
    return size;
}

static uint8_t *save_resource(const struct gpu_resource *r, uint8_t *out)
{
    const uint32_t header[] = {RECORD_RESOURCE, r->id,     r->format,
                               r->width,        r->height, r->backing.entries != 0,
                               r->backing.count};

    for (unsigned i = 0; i < ARRAY_SIZE(header); i++, out += 4)
        store_le32(out, header[i]);
    for (uint32_t i = 0; i < r->backing.count; i++, out += ENTRY) {
        store_le64(out, r->backing.entries[i].addr);
        store_le64(out + 8, r->backing.entries[i].len);
    }
    memcpy(out, r->pixels, pixel_bytes(r->width, r->height));
    return out + pixel_bytes(r->width, r->height);
}

static void contents_save(const void *obj, uint8_t *out)
{
    const struct virtio_gpu *s = obj;

    list_for_each(r, &s->resources, struct gpu_resource, node)
    {
        out = save_resource(r, out);
    }
    for (unsigned n = 0; n < s->max_outputs; n++) {
        const uint32_t *pixels = s->outputs[n].cursor;
        if (!pixels)
            continue;
        store_le32(out, RECORD_CURSOR);
        store_le32(out + 4, n);
        out += CURSOR_HEADER;
        for (unsigned i = 0; i < GPU_CURSOR_PIXELS; i++, out += GPU_PIXEL)
            store_le32(out, pixels[i]);
    }
}

/* ---- load ------------------------------------------------------------------------------------ */

struct loader {
    struct virtio_gpu *s; /* NULL: only checks */
    const uint8_t *in;
    uint64_t left;
    struct vemu_error **errp;
};

static bool bad(struct loader *l, const char *what)
{
    return error_set(l->errp, VEMU_ERROR_FORMAT, "%s, with %llu bytes to go", what,
                     (unsigned long long)l->left);
}

/* The next bytes, or NULL: there are not so many. */
static const uint8_t *take(struct loader *l, uint64_t len)
{
    const uint8_t *p = l->in;

    if (len > l->left) {
        bad(l, "a record is cut short");
        return NULL;
    }
    l->in += len;
    l->left -= len;
    return p;
}

static bool fill_backing(struct virtio_gpu *s, struct gpu_resource *r, const uint8_t *entries,
                         uint32_t count)
{
    if (!gpu_backing_begin(s, r, count))
        return false;
    for (uint32_t i = 0; i < count; i++, entries += ENTRY)
        gpu_backing_add(r, load_le64(entries), load_le64(entries + 8));
    gpu_backing_end(s, r, count);
    return true;
}

static bool load_resource(struct loader *l)
{
    const uint8_t *p = take(l, RESOURCE_HEADER), *entries, *pixels;
    uint32_t id, format, width, height, backed, count, resp;
    uint64_t total = 0;
    struct gpu_resource *r;

    if (!p)
        return false;
    id = load_le32(p + 4);
    format = load_le32(p + 8);
    width = load_le32(p + 12);
    height = load_le32(p + 16);
    backed = load_le32(p + 20);
    count = load_le32(p + 24);
    if (!gpu_format(format) || width > GPU_RESOURCE_MAX || height > GPU_RESOURCE_MAX ||
        count > GPU_ENTRIES_MAX || backed > 1 || (count && !backed))
        return bad(l, "a resource is none that there can be");
    entries = take(l, (uint64_t)count * ENTRY);
    pixels = entries ? take(l, pixel_bytes(width, height)) : NULL;
    if (!pixels)
        return false;
    for (uint32_t i = 0; i < count; i++) {
        if (__builtin_add_overflow(total, load_le64(entries + ENTRY * i + 8), &total))
            return bad(l, "a backing is longer than memory can be");
    }
    if (!l->s)
        return true;
    r = gpu_make_resource(l->s, id, format, width, height, &resp);
    if (!r || (backed && !fill_backing(l->s, r, entries, count)))
        return bad(l, "a resource does not fit: there is one with its id, or max_hostmem is less "
                      "than it was");
    memcpy(r->pixels, pixels, pixel_bytes(width, height));
    return true;
}

static bool load_cursor(struct loader *l)
{
    const uint8_t *p = take(l, CURSOR_HEADER + CURSOR_BYTES);
    struct gpu_output *o;

    if (!p)
        return false;
    if (load_le32(p + 4) >= (l->s ? l->s->max_outputs : GPU_OUTPUTS_MAX))
        return bad(l, "a pointer is on an output that is not there");
    if (!l->s)
        return true;
    o = &l->s->outputs[load_le32(p + 4)];
    if (!o->cursor)
        o->cursor = malloc(CURSOR_BYTES);
    if (!o->cursor)
        return error_set(l->errp, VEMU_ERROR_NO_MEMORY, "out of memory");
    for (unsigned i = 0; i < GPU_CURSOR_PIXELS; i++)
        o->cursor[i] = load_le32(p + CURSOR_HEADER + GPU_PIXEL * i);
    return true;
}

static bool contents_load(void *obj, const uint8_t *in, uint64_t len, struct vemu_error **errp)
{
    struct virtio_gpu *s = obj;
    struct loader l = {.s = s, .in = in, .left = len, .errp = errp};
    bool ok = true;

    if (s) {
        /* The table was loaded before: outputs are its already, but for these. */
        for (unsigned n = 0; n < GPU_OUTPUTS_MAX; n++) {
            s->outputs[n].resource = NULL;
            free(s->outputs[n].cursor);
            s->outputs[n].cursor = NULL;
        }
        gpu_free_resources(s);
    }
    while (ok && l.left) {
        uint32_t kind = l.left >= 4 ? load_le32(l.in) : 0;
        if (kind == RECORD_RESOURCE)
            ok = load_resource(&l);
        else if (kind == RECORD_CURSOR)
            ok = load_cursor(&l);
        else
            ok = bad(&l, "there is no such kind of record");
    }
    return ok;
}

const struct state_tail gpu_contents = {
    .size = contents_size, .save = contents_save, .load = contents_load};

/* ---- after a load ---------------------------------------------------------------------------- */

static bool load_output(struct gpu_output *o, bool there)
{
    struct gpu_resource *r = gpu_find_resource(o->gpu, o->resource_id);

    if ((!o->want_width != !o->want_height) || (!there && (o->want_width || o->resource_id)))
        return false;
    if (!o->resource_id) {
        if (o->x || o->y || o->width || o->height)
            return false;
        if (there)
            gpu_output_off(o);
        return true;
    }
    if (!r || !o->width || !o->height || !range_fits(o->x, o->width, r->width) ||
        !range_fits(o->y, o->height, r->height))
        return false;
    o->resource = r;
    return gpu_output_show(o);
}

bool gpu_post_load(struct virtio *v, struct vemu_error **errp)
{
    struct virtio_gpu *s = container_of(v, struct virtio_gpu, v);

    for (unsigned n = 0; n < GPU_OUTPUTS_MAX; n++) {
        struct gpu_output *o = &s->outputs[n];
        if (!load_output(o, n < s->max_outputs))
            return error_set(errp, VEMU_ERROR_FORMAT,
                             "saved state of %s: output %u shows what is not there",
                             v->dev->cls->name, n);
        if (n < s->max_outputs)
            gpu_output_show_cursor(o);
    }
    s->console_all = true;
    gpu_show_events(s);
    /* A round that was cut short is not in the state. */
    timer_set(&s->more, 0);
    return true;
}
