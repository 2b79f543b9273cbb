/* Guest memory as host vectors: see dma_list.h. */
#include "core/memory/dma_list.h"

#include <stdlib.h>
#include <string.h>
#include "core/device/device.h"
#include "core/util/range.h"

void dma_list_init(struct dma_list *l, struct device *dev, bool to_guest)
{
    l->dev = dev;
    l->to_guest = to_guest;
    l->count = 0;
    l->room = DMA_LIST_SMALL;
    l->bytes = l->bounce_bytes = 0;
    l->iov = l->small_iov;
    l->pieces = l->small_pieces;
}

void dma_list_free(struct dma_list *l)
{
    for (unsigned i = 0; l->bounce_bytes && i < l->count; i++) {
        if (!l->pieces[i].map.ram)
            free(l->iov[i].iov_base);
    }
    if (l->iov != l->small_iov) {
        free(l->iov);
        free(l->pieces);
    }
    dma_list_init(l, l->dev, l->to_guest);
}

static bool make_room(struct dma_list *l)
{
    unsigned room = 4 * l->room;
    struct iovec *iov = malloc(room * sizeof *iov);
    struct dma_list_piece *pieces = malloc(room * sizeof *pieces);

    if (!iov || !pieces) {
        free(iov);
        free(pieces);
        return false;
    }
    memcpy(iov, l->iov, l->count * sizeof *iov);
    memcpy(pieces, l->pieces, l->count * sizeof *pieces);
    if (l->iov != l->small_iov) {
        free(l->iov);
        free(l->pieces);
    }
    l->iov = iov;
    l->pieces = pieces;
    l->room = room;
    return true;
}

/* Does the piece go on where the last one ends? Page lists of a large buffer often do. */
static bool extend_last(struct dma_list *l, const struct dma_piece *map)
{
    struct dma_list_piece *last = l->count ? &l->pieces[l->count - 1] : NULL;
    struct iovec *iov = l->count ? &l->iov[l->count - 1] : NULL;

    if (!last || !last->map.ram || last->map.ram != map->ram ||
        (uint8_t *)iov->iov_base + iov->iov_len != map->host)
        return false;
    last->map.len += map->len;
    iov->iov_len += map->len;
    return true;
}

/* Memory of our own for a piece that is not RAM. */
static bool bounce(struct dma_list *l, uint64_t addr, struct dma_piece *map)
{
    if (map->len > DMA_LIST_BOUNCE_MAX - l->bounce_bytes)
        return false;
    map->host = calloc(1, map->len);
    if (map->host && !l->to_guest &&
        dma_read(device_memory(l->dev), l->dev, addr, map->host, map->len) != MEM_OK) {
        free(map->host);
        return false;
    }
    if (map->host)
        l->bounce_bytes += map->len;
    return map->host;
}

bool dma_list_add(struct dma_list *l, uint64_t addr, uint64_t len)
{
    struct mem_space *memory = device_memory(l->dev);

    while (len) {
        struct dma_piece map = {.len = len};
        bool ram = dma_map(memory, addr, len, l->to_guest, &map);

        if (!ram) /* up to the next page: RAM may begin there */
            map.len = MIN(len, MEM_PAGE_SIZE - (addr & (MEM_PAGE_SIZE - 1)));
        if (!ram || !extend_last(l, &map)) {
            if (l->count == l->room && !make_room(l))
                return false;
            if (!ram && !bounce(l, addr, &map))
                return false;
            l->iov[l->count] = (struct iovec){map.host, map.len};
            l->pieces[l->count++] = (struct dma_list_piece){map, addr};
        }
        l->bytes += map.len;
        addr += map.len;
        len -= map.len;
    }
    return true;
}

bool dma_list_deliver(struct dma_list *l)
{
    struct mem_space *memory = device_memory(l->dev);
    bool ok = true;

    for (unsigned i = 0; i < l->count; i++) {
        const struct dma_list_piece *p = &l->pieces[i];
        if (p->map.ram)
            dma_written(memory, &p->map);
        else
            ok &= dma_write(memory, l->dev, p->addr, p->map.host, p->map.len) == MEM_OK;
    }
    return ok;
}
