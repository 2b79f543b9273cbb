/*
 * DMA: transfers of any length by devices, loaders and the debugger. Everything here runs with the
 * machine lock held, so callbacks are entered directly. Lengths come from guests: holes are skipped
 * whole, and the number of MMIO accesses a transfer may make is bounded.
 */
#include "core/memory/internal.h"

#include <stdatomic.h>
#include <string.h>

#include "core/device/machine.h"
#include "core/util/endian.h"
#include "core/util/range.h"

/* A register that is written by DMA may start DMA of its own device, which may reach the registers
 * of a third one: that ends somewhere. */
enum { DMA_MMIO_MAX = 65536, DMA_DEPTH_MAX = 8 };

struct dma {
    enum { DMA_READ, DMA_WRITE, DMA_FILL, DMA_WRITE_ROM } op;
    struct mem_space *space;
    uint8_t *out;      /* READ */
    const uint8_t *in; /* WRITE, WRITE_ROM */
    uint8_t byte;      /* FILL */
    unsigned mmio_accesses;
    enum mem_result result;
};

static bool natural(const void *host, uint64_t len)
{
    return (len == 1 || len == 2 || len == 4 || len == 8) && !((uintptr_t)host & (len - 1));
}

/* A naturally aligned field is copied at once: the guest may be looking at it (ring indices). */
static void copy_ram(struct dma *dma, uint8_t *host, uint64_t done, uint64_t len)
{
    switch (dma->op) {
    case DMA_READ:
        if (natural(host, len))
            store_le(dma->out + done, mem_ram_load(host, (unsigned)len), (unsigned)len);
        else
            memcpy(dma->out + done, host, len);
        break;
    case DMA_FILL:
        memset(host, dma->byte, len);
        break;
    default:
        if (natural(host, len))
            mem_ram_store(host, (unsigned)len, load_le(dma->in + done, (unsigned)len));
        else
            memcpy(host, dma->in + done, len);
        break;
    }
}

/* One MMIO access of the transfer; returns its size. */
static uint64_t access_mmio(struct dma *dma, struct mem_region *r, uint64_t offset, uint64_t done,
                            uint64_t len)
{
    const struct mem_ops *ops = r->ops;
    unsigned size = mem_max_size(ops);
    uint64_t value;

    while (size > len || (!ops->unaligned && (offset & (size - 1))))
        size /= 2;
    if (r->owner && r->owner->dma_active) {
        if (r->owner->machine)
            log_msg(&r->owner->machine->log, LOG_GUEST_ERROR,
                    "%s: DMA of the device to its own registers at 0x%llx refused", r->name,
                    (unsigned long long)offset);
        dma->result = MEM_ERROR;
        if (dma->op == DMA_READ)
            memset(dma->out + done, 0xff, len);
        return len;
    }
    if (dma->mmio_accesses++ >= DMA_MMIO_MAX || dma->space->dma_depth >= DMA_DEPTH_MAX) {
        dma->result = MEM_ERROR;
        if (dma->op == DMA_READ)
            memset(dma->out + done, 0xff, len);
        return len;
    }
    dma->space->dma_depth++;
    if (dma->op == DMA_READ) {
        dma->result |= mem_dispatch_read(r, offset, size, &value);
        store_le(dma->out + done, value, size);
    } else {
        if (dma->op == DMA_FILL)
            value = dma->byte * UINT64_C(0x0101010101010101) & mask_bits(size * 8);
        else
            value = load_le(dma->in + done, size);
        dma->result |= mem_dispatch_write(r, offset, size, value);
    }
    dma->space->dma_depth--;
    return size;
}

/* The next part of the transfer, at most len bytes; returns how many. */
static uint64_t step(struct dma *dma, const struct mem_view *view, uint64_t addr, uint64_t done,
                     uint64_t len)
{
    uint32_t i = mem_view_index(view, addr);
    const struct mem_range *range = i < view->count ? &view->ranges[i] : NULL;
    struct mem_region *r;
    uint64_t offset;

    if (!range || range->start > addr) {
        if (range)
            len = MIN(len, range->start - addr);
        dma->result = MEM_ERROR;
        if (dma->op == DMA_READ)
            memset(dma->out + done, 0xff, len);
        return len;
    }
    r = range->region;
    offset = addr - range->start + range->region_offset;
    len = MIN(len, range->size - (addr - range->start));
    if (mem_is_ram(r) && dma->op == DMA_READ) {
        copy_ram(dma, mem_host(r, offset), done, len);
        return len;
    }
    if (r->kind == MEM_RAM || (r->kind == MEM_ROM && dma->op == DMA_WRITE_ROM)) {
        copy_ram(dma, mem_host(r, offset), done, len);
        mem_space_ram_written(dma->space, r->ram, r->ram_offset + offset, len);
        return len;
    }
    if (dma->op == DMA_WRITE_ROM) {
        dma->result = MEM_ERROR;
        return len;
    }
    if (r->kind == MEM_ROM && !(r->ops && r->ops->write))
        return len;
    return access_mmio(dma, r, offset, done, len);
}

static enum mem_result transfer(struct dma *dma, struct device *dev, uint64_t addr, uint64_t len)
{
    bool was_active = false;
    uint64_t done = 0;
    unsigned token;

    if (dev) {
        was_active = dev->dma_active;
        dev->dma_active = true;
    }
    /* A callback may change the map: each step looks at the view that is current then. Every one of
     * them stays valid until leave. */
    mem_view_enter(dma->space, &token);
    while (done < len) {
        const struct mem_view *view = &atomic_load(&dma->space->current)->view;
        done += step(dma, view, addr + done, done, len - done);
    }
    mem_view_leave(dma->space, token);
    if (dev)
        dev->dma_active = was_active;
    return dma->result;
}

enum mem_result dma_read(struct mem_space *space, struct device *dev, uint64_t addr, void *buf,
                         uint64_t len)
{
    struct dma dma = {.op = DMA_READ, .space = space, .out = buf};

    return transfer(&dma, dev, addr, len);
}

enum mem_result dma_write(struct mem_space *space, struct device *dev, uint64_t addr,
                          const void *buf, uint64_t len)
{
    struct dma dma = {.op = DMA_WRITE, .space = space, .in = buf};

    return transfer(&dma, dev, addr, len);
}

enum mem_result dma_fill(struct mem_space *space, struct device *dev, uint64_t addr, uint8_t byte,
                         uint64_t len)
{
    struct dma dma = {.op = DMA_FILL, .space = space, .byte = byte};

    return transfer(&dma, dev, addr, len);
}

bool dma_map(struct mem_space *space, uint64_t addr, uint64_t len, bool write,
             struct dma_piece *piece)
{
    const struct mem_range *range;
    const struct mem_view *view;
    unsigned token;
    bool found;

    view = mem_view_enter(space, &token);
    range = mem_view_find(view, addr);
    found = range && (write ? range->region->kind == MEM_RAM : mem_is_ram(range->region));
    if (found) {
        piece->host = mem_host(range->region, addr - range->start + range->region_offset);
        piece->len = MIN(len, range->size - (addr - range->start));
        piece->ram = range->region->ram;
    }
    mem_view_leave(space, token);
    return found;
}

void dma_written(struct mem_space *space, const struct dma_piece *piece)
{
    mem_space_ram_written(space, piece->ram, (uint64_t)((uint8_t *)piece->host - piece->ram->host),
                          piece->len);
}

uint64_t dma_discard(struct mem_space *space, uint64_t addr, uint64_t len)
{
    uint64_t end = addr + MIN(len, UINT64_MAX - addr), done = 0;
    const struct mem_view *view;
    unsigned token;

    view = mem_view_enter(space, &token);
    for (uint32_t i = mem_view_index(view, addr); i < view->count; i++) {
        const struct mem_range *range = &view->ranges[i];
        const struct mem_region *r = range->region;
        uint64_t from = MAX(addr, range->start), to = MIN(end, range->start + range->size), n;

        if (from >= to)
            break;
        if (r->kind != MEM_RAM)
            continue;
        from += r->ram_offset + range->region_offset - range->start;
        to += r->ram_offset + range->region_offset - range->start;
        n = ram_block_discard(r->ram, from, to - from);
        if (n)
            mem_space_ram_written(space, r->ram, from, to - from);
        done += n;
    }
    mem_view_leave(space, token);
    return done;
}

enum mem_result mem_write_rom(struct mem_space *space, uint64_t addr, const void *buf, uint64_t len)
{
    struct dma dma = {.op = DMA_WRITE_ROM, .space = space, .in = buf};

    return transfer(&dma, NULL, addr, len);
}
