/*
 * Where the data of an NVMe command is: Physical Region Pages, or a scatter-gather list. Both are
 * the driver's, copied in before they are looked at, and walks over them end with the data.
 */
#include "core/block/sg.h"
#include "core/util/endian.h"
#include "core/util/range.h"
#include "hw/block/nvme_internal.h"

enum { CHUNK = 1024 }; /* bytes of a list that are read at once */

/* ---- PRPs ------------------------------------------------------------------------------------ */

/* count entries of a list at `at`, each a page, the last one *len. */
static unsigned map_pages(struct nvme *s, uint64_t at, uint64_t count, uint64_t *len,
                          struct dma_list *list)
{
    uint32_t page = nvme_page_size(s);
    uint8_t chunk[CHUNK];

    while (count) {
        uint32_t n = (uint32_t)MIN(count, CHUNK / 8);
        if (pci_dma_read(&s->pci, at, chunk, 8 * n) != MEM_OK)
            return NVME_DATA_TRANSFER_ERROR;
        for (uint32_t i = 0; i < n; i++) {
            uint64_t addr = load_le64(chunk + 8 * i), bytes = MIN(*len, page);
            if (addr & (page - 1))
                return NVME_INVALID_PRP_OFFSET | NVME_DNR;
            if (!dma_list_add(list, addr, bytes))
                return NVME_DATA_TRANSFER_ERROR;
            *len -= bytes;
        }
        at += 8 * n;
        count -= n;
    }
    return NVME_SUCCESS;
}

/* A list may begin in the middle of a page. Where it is longer than that page, the last entry leads
 * to the next one, which begins with its page. */
static unsigned map_prp_list(struct nvme *s, uint64_t at, uint64_t len, struct dma_list *list)
{
    uint32_t page = nvme_page_size(s);
    unsigned status;

    if (at & 7)
        return NVME_INVALID_PRP_OFFSET | NVME_DNR;
    for (;;) {
        uint64_t there = (page - (at & (page - 1))) / 8, wanted = (len + page - 1) / page;
        bool goes_on = wanted > there;
        uint64_t count = goes_on ? there - 1 : wanted;
        uint8_t next[8];

        status = map_pages(s, at, count, &len, list);
        if (status || !goes_on)
            return status;
        if (pci_dma_read(&s->pci, at + 8 * count, next, sizeof next) != MEM_OK)
            return NVME_DATA_TRANSFER_ERROR;
        at = load_le64(next);
        if (at & (page - 1))
            return NVME_INVALID_PRP_OFFSET | NVME_DNR;
    }
}

static unsigned map_prps(struct nvme *s, const struct nvme_cmd *cmd, uint64_t len,
                         struct dma_list *list)
{
    uint32_t page = nvme_page_size(s);
    uint64_t first = MIN(len, page - (cmd->dptr[0] & (page - 1)));

    if (cmd->dptr[0] & 3)
        return NVME_INVALID_PRP_OFFSET | NVME_DNR;
    if (!dma_list_add(list, cmd->dptr[0], first))
        return NVME_DATA_TRANSFER_ERROR;
    len -= first;
    if (!len)
        return NVME_SUCCESS;
    if (len > page)
        return map_prp_list(s, cmd->dptr[1], len, list);
    if (cmd->dptr[1] & (page - 1))
        return NVME_INVALID_PRP_OFFSET | NVME_DNR;
    return dma_list_add(list, cmd->dptr[1], len) ? NVME_SUCCESS : NVME_DATA_TRANSFER_ERROR;
}

/* ---- SGLs ------------------------------------------------------------------------------------ */

enum { SGL_SIZE = 16, SGL_DESCRIPTORS_MAX = 1024 };
enum { SGL_DATA = 0x00, SGL_SEGMENT = 0x20, SGL_LAST_SEGMENT = 0x30 };

struct sgl {
    uint64_t addr;
    uint32_t len;
    uint8_t type; /* and sub-type */
};

static struct sgl parse_sgl(uint64_t low, uint64_t high)
{
    return (struct sgl){.addr = low, .len = (uint32_t)high, .type = (uint8_t)(high >> 56)};
}

/* One segment. Takes data off *len; *next is the segment that follows, of length 0 if none does. */
static unsigned map_segment(struct nvme *s, const struct sgl *segment, uint64_t *len,
                            struct dma_list *list, struct sgl *next)
{
    uint32_t count = segment->len / SGL_SIZE;
    uint8_t chunk[CHUNK];

    *next = (struct sgl){0};
    for (uint32_t i = 0; i < count; i++) {
        uint32_t in_chunk = i % (CHUNK / SGL_SIZE);
        if (!in_chunk && pci_dma_read(&s->pci, segment->addr + SGL_SIZE * (uint64_t)i, chunk,
                                      MIN(CHUNK, SGL_SIZE * (count - i))) != MEM_OK)
            return NVME_DATA_TRANSFER_ERROR;
        const uint8_t *p = chunk + SGL_SIZE * in_chunk;
        struct sgl d = parse_sgl(load_le64(p), load_le64(p + 8));
        if (d.type == SGL_SEGMENT || d.type == SGL_LAST_SEGMENT) {
            /* Only where a segment that is not the last one ends. */
            if (segment->type == SGL_LAST_SEGMENT || i + 1 != count)
                return NVME_INVALID_SGL_SEGMENT | NVME_DNR;
            *next = d;
            return NVME_SUCCESS;
        }
        if (d.type != SGL_DATA)
            return NVME_INVALID_SGL_TYPE | NVME_DNR;
        uint64_t bytes = MIN(*len, d.len);
        if (!dma_list_add(list, d.addr, bytes))
            return NVME_DATA_TRANSFER_ERROR;
        *len -= bytes;
    }
    return segment->type == SGL_LAST_SEGMENT ? NVME_SUCCESS : NVME_INVALID_SGL_SEGMENT | NVME_DNR;
}

static unsigned map_sgl(struct nvme *s, const struct nvme_cmd *cmd, uint64_t len,
                        struct dma_list *list)
{
    struct sgl d = parse_sgl(cmd->dptr[0], cmd->dptr[1]), next;
    uint32_t left = SGL_DESCRIPTORS_MAX;
    unsigned status;

    if (d.type == SGL_DATA) {
        if (d.len < len)
            return NVME_INVALID_SGL_LENGTH | NVME_DNR;
        return dma_list_add(list, d.addr, len) ? NVME_SUCCESS : NVME_DATA_TRANSFER_ERROR;
    }
    for (; d.len; d = next) {
        if (d.type != SGL_SEGMENT && d.type != SGL_LAST_SEGMENT)
            return NVME_INVALID_SGL_TYPE | NVME_DNR;
        if (d.len % SGL_SIZE)
            return NVME_INVALID_SGL_SEGMENT | NVME_DNR;
        /* Segments may form a ring, descriptors may be empty. */
        if (d.len / SGL_SIZE > left)
            return NVME_INVALID_SGL_COUNT | NVME_DNR;
        left -= d.len / SGL_SIZE;
        status = map_segment(s, &d, &len, list, &next);
        if (status)
            return status;
    }
    return len ? NVME_INVALID_SGL_LENGTH | NVME_DNR : NVME_SUCCESS;
}

/* ---- both ------------------------------------------------------------------------------------ */

unsigned nvme_map(struct nvme *s, const struct nvme_cmd *cmd, uint64_t len, struct dma_list *list)
{
    switch (cmd->flags >> 6) {
    case 0:
        return map_prps(s, cmd, len, list);
    case 1:
    case 2: /* they differ in where metadata is */
        if (cmd->sqid)
            return map_sgl(s, cmd, len, list);
        break;
    default:
        break;
    }
    return NVME_INVALID_FIELD | NVME_DNR;
}

unsigned nvme_to_host(struct nvme *s, const struct nvme_cmd *cmd, const void *buf, uint32_t len)
{
    struct dma_list list;
    unsigned status;

    dma_list_init(&list, &s->pci.dev, true);
    status = nvme_map(s, cmd, len, &list);
    if (!status) {
        sg_write((struct sg){list.iov, list.count, 0}, buf, len);
        if (!dma_list_deliver(&list))
            status = NVME_DATA_TRANSFER_ERROR;
    }
    dma_list_free(&list);
    return status;
}

unsigned nvme_from_host(struct nvme *s, const struct nvme_cmd *cmd, void *buf, uint32_t len)
{
    struct dma_list list;
    unsigned status;

    dma_list_init(&list, &s->pci.dev, false);
    status = nvme_map(s, cmd, len, &list);
    if (!status)
        sg_read((struct sg){list.iov, list.count, 0}, buf, len);
    dma_list_free(&list);
    return status;
}
