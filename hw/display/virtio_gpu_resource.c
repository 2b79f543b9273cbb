/* Resources of virtio-gpu: pixmaps, and the guest memory behind them; see virtio_gpu_internal.h. */
#include "hw/display/virtio_gpu_internal.h"

#include <stdlib.h>
#include <string.h>
#include "core/memory/memory.h"
#include "core/util/endian.h"
#include "core/util/range.h"

/* What a resource costs besides pixels and entries: the struct, its place in tables, malloc's. */
enum { RESOURCE_COST = sizeof(struct gpu_resource) + 64 };
enum { ENTRIES_AT_ONCE = 64 };

/* ---- formats --------------------------------------------------------------------------------- */

/* The names of enum virtio_gpu_formats give bytes in the order of their addresses, pixman's the
 * bits of a little-endian word, highest first. */
pixman_format_code_t gpu_format(uint32_t format)
{
    switch (format) {
    case 1:
        return PIXMAN_a8r8g8b8; /* B8G8R8A8 */
    case 2:
        return PIXMAN_x8r8g8b8; /* B8G8R8X8 */
    case 3:
        return PIXMAN_b8g8r8a8; /* A8R8G8B8 */
    case 4:
        return PIXMAN_b8g8r8x8; /* X8R8G8B8 */
    case 67:
        return PIXMAN_a8b8g8r8; /* R8G8B8A8 */
    case 68:
        return PIXMAN_r8g8b8x8; /* X8B8G8R8 */
    case 121:
        return PIXMAN_r8g8b8a8; /* A8B8G8R8 */
    case 134:
        return PIXMAN_x8b8g8r8; /* R8G8B8X8 */
    default:
        return 0;
    }
}

/* ---- life ------------------------------------------------------------------------------------ */

struct gpu_resource *gpu_find_resource(const struct virtio_gpu *s, uint32_t id)
{
    return hashmap_get(&s->by_id, id);
}

static uint64_t pixel_bytes(const struct gpu_resource *r)
{
    return (uint64_t)r->width * r->height * GPU_PIXEL;
}

/* Counts bytes of host memory; false: the guest has no right to so many. */
static bool charge(struct virtio_gpu *s, uint64_t bytes)
{
    if (!range_fits(s->hostmem, bytes, s->max_hostmem))
        return false;
    s->hostmem += bytes;
    return true;
}

struct gpu_resource *gpu_make_resource(struct virtio_gpu *s, uint32_t id, uint32_t format,
                                       uint32_t width, uint32_t height, uint32_t *resp)
{
    struct gpu_resource *r;
    uint64_t cost = RESOURCE_COST + (uint64_t)width * height * GPU_PIXEL;

    *resp = GPU_RESP_ERR_INVALID_RESOURCE_ID;
    if (!id || gpu_find_resource(s, id))
        return NULL;
    *resp = GPU_RESP_ERR_INVALID_PARAMETER;
    if (!gpu_format(format) || !width || !height || width > GPU_RESOURCE_MAX ||
        height > GPU_RESOURCE_MAX)
        return NULL;
    *resp = GPU_RESP_ERR_OUT_OF_MEMORY;
    if (!charge(s, cost))
        return NULL;
    r = calloc(1, sizeof *r);
    if (r) {
        *r = (struct gpu_resource){.id = id, .format = format, .width = width, .height = height};
        r->pixels = calloc(1, pixel_bytes(r));
    }
    if (!r || !r->pixels || !hashmap_put(&s->by_id, id, r)) {
        if (r)
            free(r->pixels);
        free(r);
        s->hostmem -= cost;
        return NULL;
    }
    list_add_tail(&s->resources, &r->node);
    *resp = GPU_RESP_OK_NODATA;
    return r;
}

static void drop_backing(struct virtio_gpu *s, struct gpu_resource *r)
{
    if (r->backing.entries)
        s->hostmem -= r->backing.count * sizeof *r->backing.entries;
    free(r->backing.entries);
    r->backing = (struct gpu_backing){0};
}

static void free_resource(struct virtio_gpu *s, struct gpu_resource *r)
{
    for (unsigned n = 0; n < s->max_outputs; n++) {
        if (s->outputs[n].resource == r)
            gpu_output_off(&s->outputs[n]);
    }
    drop_backing(s, r);
    s->hostmem -= RESOURCE_COST + pixel_bytes(r);
    hashmap_remove(&s->by_id, r->id);
    list_remove(&r->node);
    free(r->pixels);
    free(r);
}

void gpu_free_resources(struct virtio_gpu *s)
{
    while (!list_empty(&s->resources))
        free_resource(s, list_entry(s->resources.next, struct gpu_resource, node));
    hashmap_destroy(&s->by_id);
}

uint32_t gpu_cmd_create_2d(struct virtio_gpu *s, struct gpu_request *r)
{
    const uint8_t *p = r->cmd + GPU_HEADER;
    uint32_t resp;

    gpu_make_resource(s, load_le32(p), load_le32(p + 4), load_le32(p + 8), load_le32(p + 12),
                      &resp);
    return resp;
}

uint32_t gpu_cmd_unref(struct virtio_gpu *s, struct gpu_request *r)
{
    struct gpu_resource *res = gpu_find_resource(s, load_le32(r->cmd + GPU_HEADER));

    if (!res)
        return GPU_RESP_ERR_INVALID_RESOURCE_ID;
    free_resource(s, res);
    return GPU_RESP_OK_NODATA;
}

/* ---- backing --------------------------------------------------------------------------------- */

bool gpu_backing_begin(struct virtio_gpu *s, struct gpu_resource *r, uint32_t room)
{
    uint64_t cost = room * sizeof *r->backing.entries;

    if (room > GPU_ENTRIES_MAX || !charge(s, cost))
        return false;
    r->backing.entries = malloc(MAX(cost, 1));
    if (!r->backing.entries)
        s->hostmem -= cost;
    return r->backing.entries;
}

/* Pages of a large buffer often follow each other. */
void gpu_backing_add(struct gpu_resource *r, uint64_t addr, uint64_t len)
{
    struct gpu_backing *b = &r->backing;
    struct gpu_entry *last = b->count ? &b->entries[b->count - 1] : NULL;

    if (last && last->addr + last->len == addr)
        last->len += len;
    else if (len)
        b->entries[b->count++] = (struct gpu_entry){addr, b->bytes, len};
    b->bytes += len;
}

void gpu_backing_end(struct virtio_gpu *s, struct gpu_resource *r, uint32_t room)
{
    struct gpu_backing *b = &r->backing;
    struct gpu_entry *fitting = realloc(b->entries, MAX(b->count, 1) * sizeof *fitting);

    if (fitting)
        b->entries = fitting;
    s->hostmem -= (room - b->count) * sizeof *fitting;
}

uint32_t gpu_cmd_attach_backing(struct virtio_gpu *s, struct gpu_request *r)
{
    struct gpu_resource *res = gpu_find_resource(s, load_le32(r->cmd + GPU_HEADER));
    uint32_t count = load_le32(r->cmd + GPU_HEADER + 4);
    uint8_t raw[ENTRIES_AT_ONCE * GPU_ENTRY];

    if (!res)
        return GPU_RESP_ERR_INVALID_RESOURCE_ID;
    if (res->backing.entries)
        return GPU_RESP_ERR_UNSPEC;
    if (count > GPU_ENTRIES_MAX ||
        !range_fits(GPU_HEADER + 8, (uint64_t)count * GPU_ENTRY, r->e->out_bytes))
        return GPU_RESP_ERR_INVALID_PARAMETER;
    if (!gpu_backing_begin(s, res, count))
        return GPU_RESP_ERR_OUT_OF_MEMORY;
    for (uint32_t done = 0; done < count; done += ENTRIES_AT_ONCE) {
        uint32_t n = MIN(count - done, ENTRIES_AT_ONCE);
        if (!virtq_gather(&s->v, r->e->buffers, r->e->out,
                          GPU_HEADER + 8 + (uint64_t)done * GPU_ENTRY, raw, n * GPU_ENTRY)) {
            gpu_backing_end(s, res, count);
            drop_backing(s, res);
            return GPU_RESP_ERR_UNSPEC;
        }
        for (uint32_t i = 0; i < n; i++)
            gpu_backing_add(res, load_le64(raw + i * GPU_ENTRY),
                            load_le32(raw + i * GPU_ENTRY + 8));
    }
    gpu_backing_end(s, res, count);
    return GPU_RESP_OK_NODATA;
}

uint32_t gpu_cmd_detach_backing(struct virtio_gpu *s, struct gpu_request *r)
{
    struct gpu_resource *res = gpu_find_resource(s, load_le32(r->cmd + GPU_HEADER));

    if (!res)
        return GPU_RESP_ERR_INVALID_RESOURCE_ID;
    if (!res->backing.entries)
        return GPU_RESP_ERR_UNSPEC;
    drop_backing(s, res);
    return GPU_RESP_OK_NODATA;
}

/* ---- transfer -------------------------------------------------------------------------------- */

/* Reads a backing from front to back. Bytes [start, end) of it are at host. */
struct reader {
    struct mem_space *memory;
    const struct gpu_backing *b;
    uint64_t start, end;
    const uint8_t *host;
};

/* The entry that has byte `offset` of the backing, which has it. */
static const struct gpu_entry *find_entry(const struct gpu_backing *b, uint64_t offset)
{
    uint32_t low = 0, high = b->count;

    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        if (b->entries[middle].start <= offset)
            low = middle;
        else
            high = middle;
    }
    return &b->entries[low];
}

/* RAM only. What is a device's register is not worth having: no driver puts a picture there, and
 * reading it may take forever, or reach this device. */
static bool map(struct reader *in, uint64_t offset)
{
    const struct gpu_entry *e = find_entry(in->b, offset);
    uint64_t skip = offset - e->start;
    struct dma_piece piece;

    if (!dma_map(in->memory, e->addr + skip, e->len - skip, false, &piece))
        return false;
    in->host = piece.host;
    in->start = offset;
    in->end = offset + piece.len;
    return true;
}

/* [offset, offset + len) is within the backing. */
static bool read_backing(struct reader *in, uint64_t offset, uint8_t *out, uint64_t len)
{
    while (len) {
        if (!range_contains(in->start, in->end - in->start, offset) && !map(in, offset))
            return false;
        uint64_t n = MIN(len, in->end - offset);
        memcpy(out, in->host + (offset - in->start), n);
        out += n;
        offset += n;
        len -= n;
    }
    return true;
}

uint32_t gpu_cmd_transfer(struct virtio_gpu *s, struct gpu_request *r)
{
    const uint8_t *p = r->cmd + GPU_HEADER;
    uint32_t x = load_le32(p), y = load_le32(p + 4);
    uint32_t width = load_le32(p + 8), height = load_le32(p + 12);
    uint64_t offset = load_le64(p + 16);
    struct gpu_resource *res = gpu_find_resource(s, load_le32(p + 24));

    if (!res)
        return GPU_RESP_ERR_INVALID_RESOURCE_ID;
    if (!res->backing.entries)
        return GPU_RESP_ERR_UNSPEC;
    if (!range_fits(x, width, res->width) || !range_fits(y, height, res->height))
        return GPU_RESP_ERR_INVALID_PARAMETER;
    if (!width || !height)
        return GPU_RESP_OK_NODATA;
    uint64_t stride = (uint64_t)res->width * GPU_PIXEL, len = (uint64_t)width * GPU_PIXEL;
    if (!range_fits(offset, (height - 1) * stride + len, res->backing.bytes))
        return GPU_RESP_ERR_INVALID_PARAMETER;
    if (!virtio_may_dma(&s->v))
        return GPU_RESP_ERR_UNSPEC;

    struct reader in = {.memory = device_memory(s->v.dev), .b = &res->backing};
    uint8_t *out = res->pixels + y * stride + (uint64_t)x * GPU_PIXEL;
    bool ok = true;
    s->work += height * len;
    if (len == stride) /* rows follow each other here and there */
        return read_backing(&in, offset, out, height * stride) ? GPU_RESP_OK_NODATA
                                                               : GPU_RESP_ERR_UNSPEC;
    for (uint32_t row = 0; ok && row < height; row++)
        ok = read_backing(&in, offset + row * stride, out + row * stride, len);
    return ok ? GPU_RESP_OK_NODATA : GPU_RESP_ERR_UNSPEC;
}
