/*
 * Accesses as a CPU makes them, and their normalisation to what a region declares.
 *
 * An access belongs to the region that holds its first byte, if the region (not only the visible
 * range of it) holds all of it: hardware decodes an access by its address, so a 4-byte access to
 * the PCI configuration address port is one access although the reset control port lies over its
 * second byte. What runs out of a region is split to bytes, each decoded by itself.
 */
#include "core/memory/internal.h"
#include "core/memory/posted.h"

#include <stdatomic.h>
#include <string.h>

#include "core/device/machine.h"
#include "core/util/endian.h"
#include "core/util/range.h"

static bool size_valid(unsigned size)
{
    return size == 1 || size == 2 || size == 4 || size == 8;
}

uint64_t mem_ram_load(const void *host, unsigned size)
{
    if ((uintptr_t)host & (size - 1))
        return load_le(host, size);
    switch (size) {
    case 1:
        return __atomic_load_n((const uint8_t *)host, __ATOMIC_ACQUIRE);
    case 2:
        return __atomic_load_n((const uint16_t *)host, __ATOMIC_ACQUIRE);
    case 4:
        return __atomic_load_n((const uint32_t *)host, __ATOMIC_ACQUIRE);
    default:
        return __atomic_load_n((const uint64_t *)host, __ATOMIC_ACQUIRE);
    }
}

void mem_ram_store(void *host, unsigned size, uint64_t value)
{
    if ((uintptr_t)host & (size - 1)) {
        store_le(host, value, size);
        return;
    }
    switch (size) {
    case 1:
        __atomic_store_n((uint8_t *)host, (uint8_t)value, __ATOMIC_RELEASE);
        break;
    case 2:
        __atomic_store_n((uint16_t *)host, (uint16_t)value, __ATOMIC_RELEASE);
        break;
    case 4:
        __atomic_store_n((uint32_t *)host, (uint32_t)value, __ATOMIC_RELEASE);
        break;
    default:
        __atomic_store_n((uint64_t *)host, value, __ATOMIC_RELEASE);
        break;
    }
}

/* ---- normalisation --------------------------------------------------------------------------- */

static enum mem_result refuse_size(const struct mem_region *r, uint64_t offset, unsigned size,
                                   const char *what)
{
    if (r->owner && r->owner->machine) {
        log_msg(&r->owner->machine->log, LOG_GUEST_ERROR,
                "%s: %s of %u bytes at 0x%llx refused, the smallest is %u", r->name, what, size,
                (unsigned long long)offset, mem_min_size(r->ops));
    }
    return MEM_ERROR;
}

/* The size of the pieces an access is made of. */
static unsigned piece_size(const struct mem_ops *ops, uint64_t offset, unsigned size)
{
    unsigned max = mem_max_size(ops);

    if ((offset & (size - 1)) && (!ops->unaligned || size < mem_min_size(ops)))
        return 1;
    return size > max ? max : size;
}

/* A read narrower than the region takes: read its smallest size around it and shift. */
static enum mem_result read_widened(struct mem_region *r, uint64_t offset, unsigned size,
                                    uint64_t *value)
{
    unsigned min = mem_min_size(r->ops);
    uint64_t start = align_down(offset, min);

    if (!range_fits(start, min, r->size)) {
        *value = mask_bits(size * 8);
        return refuse_size(r, offset, size, "read");
    }
    *value = r->ops->read(r->opaque, start, min) >> ((offset - start) * 8);
    return MEM_OK;
}

enum mem_result mem_dispatch_read(struct mem_region *r, uint64_t offset, unsigned size,
                                  uint64_t *value)
{
    const struct mem_ops *ops = r->ops;
    enum mem_result result = MEM_OK;
    unsigned step;

    *value = mask_bits(size * 8);
    if (!ops->read)
        return MEM_ERROR;
    step = piece_size(ops, offset, size);
    *value = 0;
    for (unsigned i = 0; i < size; i += step) {
        uint64_t piece;
        if (step < mem_min_size(ops))
            result |= read_widened(r, offset + i, step, &piece);
        else
            piece = ops->read(r->opaque, offset + i, step);
        *value |= (piece & mask_bits(step * 8)) << (i * 8);
    }
    return result;
}

enum mem_result mem_dispatch_write(struct mem_region *r, uint64_t offset, unsigned size,
                                   uint64_t value)
{
    const struct mem_ops *ops = r->ops;
    unsigned step;

    if (!ops->write)
        return MEM_ERROR;
    step = piece_size(ops, offset, size);
    if (step < mem_min_size(ops))
        return refuse_size(r, offset, size, "write");
    for (unsigned i = 0; i < size; i += step)
        ops->write(r->opaque, offset + i, value >> (i * 8) & mask_bits(step * 8), step);
    return MEM_OK;
}

/* ---- the machine lock ------------------------------------------------------------------------ */

/* The lock that r's callbacks want, or NULL. */
static pthread_mutex_t *region_lock(const struct mem_region *r)
{
    if (r->ops->unlocked)
        return NULL;
    if (r->space)
        return r->space->lock;
    return r->owner && r->owner->machine ? &r->owner->machine->lock : NULL;
}

static void lock_optional(pthread_mutex_t *lock)
{
    if (lock)
        pthread_mutex_lock(lock);
}

static void unlock_optional(pthread_mutex_t *lock)
{
    if (lock)
        pthread_mutex_unlock(lock);
}

/* ---- accesses by region ---------------------------------------------------------------------- */

static bool takes_writes(const struct mem_region *r)
{
    return r->kind == MEM_MMIO || (r->kind == MEM_ROM && r->ops && r->ops->write);
}

static void ram_write(struct mem_region *r, uint64_t offset, unsigned size, uint64_t value)
{
    mem_ram_store(mem_host(r, offset), size, value);
    mem_space_ram_written(r->space, r->ram, r->ram_offset + offset, size);
}

enum mem_result mem_region_read(struct mem_region *r, uint64_t offset, unsigned size,
                                uint64_t *value)
{
    enum mem_result result;
    pthread_mutex_t *lock;

    *value = mask_bits(MIN(size, 8) * 8);
    if (!size_valid(size) || !range_fits(offset, size, r->size))
        return MEM_ERROR;
    if (mem_is_ram(r)) {
        *value = mem_ram_load(mem_host(r, offset), size);
        return MEM_OK;
    }
    if (r->kind != MEM_MMIO)
        return MEM_ERROR;
    lock = region_lock(r);
    lock_optional(lock);
    result = mem_dispatch_read(r, offset, size, value);
    unlock_optional(lock);
    return result;
}

enum mem_result mem_region_write(struct mem_region *r, uint64_t offset, unsigned size,
                                 uint64_t value)
{
    enum mem_result result;
    pthread_mutex_t *lock;

    if (!size_valid(size) || !range_fits(offset, size, r->size))
        return MEM_ERROR;
    if (r->kind == MEM_RAM) {
        ram_write(r, offset, size, value);
        return MEM_OK;
    }
    if (!takes_writes(r))
        return r->kind == MEM_ROM ? MEM_OK : MEM_ERROR;
    lock = region_lock(r);
    lock_optional(lock);
    result = mem_dispatch_write(r, offset, size, value);
    unlock_optional(lock);
    return result;
}

/* ---- accesses by address --------------------------------------------------------------------- */

/*
 * The region for [addr, addr+size) in the current view and the offset in it; with the region's lock
 * taken in *lock when its callbacks are going to be called. The view is looked at again once the
 * lock is held: a region that was unmapped while this thread waited must not be entered. NULL: no
 * region takes the whole access.
 */
static struct mem_region *resolve(struct mem_space *space, const struct mem_view *view,
                                  uint64_t addr, unsigned size, bool write, uint64_t *offset,
                                  pthread_mutex_t **lock)
{
    *lock = NULL;
    for (;;) {
        const struct mem_range *range = mem_view_find(view, addr);
        const struct mem_view *now;
        struct mem_region *r;

        if (!range)
            break;
        r = range->region;
        *offset = addr - range->start + range->region_offset;
        if (mem_is_ram(r) && !(write && takes_writes(r))) {
            if (size > range->size - (addr - range->start))
                break;
            return r;
        }
        if (!range_fits(*offset, size, r->size))
            break;
        *lock = region_lock(r);
        lock_optional(*lock);
        now = &atomic_load(&space->current)->view;
        if (now == view)
            return r;
        unlock_optional(*lock);
        *lock = NULL;
        view = now;
    }
    return NULL;
}

enum mem_result mem_read(struct mem_space *space, uint64_t addr, unsigned size, uint64_t *value)
{
    enum mem_result result = MEM_ERROR;
    const struct mem_view *view;
    pthread_mutex_t *lock;
    struct mem_region *r;
    uint64_t offset;
    unsigned token;

    *value = mask_bits(MIN(size, 8) * 8);
    if (!size_valid(size))
        return MEM_ERROR;
    view = mem_view_enter(space, &token);
    r = resolve(space, view, addr, size, false, &offset, &lock);
    if (r && mem_is_ram(r)) {
        *value = mem_ram_load(mem_host(r, offset), size);
        result = MEM_OK;
    } else if (r) {
        result = mem_dispatch_read(r, offset, size, value);
    }
    unlock_optional(lock);
    mem_view_leave(space, token);
    if (r || size == 1)
        return result;

    result = MEM_OK;
    *value = 0;
    for (unsigned i = 0; i < size; i++) {
        uint64_t byte = 0xff;
        result |= addr + i >= addr ? mem_read(space, addr + i, 1, &byte) : MEM_ERROR;
        *value |= byte << (i * 8);
    }
    return result;
}

enum mem_result mem_write(struct mem_space *space, uint64_t addr, unsigned size, uint64_t value)
{
    enum mem_result result = MEM_ERROR;
    const struct mem_view *view;
    pthread_mutex_t *lock;
    struct mem_region *r;
    uint64_t offset;
    unsigned token;

    if (!size_valid(size))
        return MEM_ERROR;
    view = mem_view_enter(space, &token);
    r = resolve(space, view, addr, size, true, &offset, &lock);
    if (r && takes_writes(r)) {
        result = mem_dispatch_write(r, offset, size, value & mask_bits(size * 8));
    } else if (r) {
        if (r->kind == MEM_RAM)
            ram_write(r, offset, size, value);
        result = MEM_OK;
    }
    unlock_optional(lock);
    mem_view_leave(space, token);
    if (r || size == 1)
        return result;

    result = MEM_OK;
    for (unsigned i = 0; i < size; i++) {
        result |=
            addr + i >= addr ? mem_write(space, addr + i, 1, value >> (i * 8) & 0xff) : MEM_ERROR;
    }
    return result;
}

void mem_posted_write(struct mem_space *space, uint64_t addr, unsigned size, uint64_t value)
{
    unsigned token;
    const struct mem_view *view = mem_view_enter(space, &token);
    const struct mem_range *range = size_valid(size) ? mem_view_find(view, addr) : NULL;
    struct mem_region *r = range ? range->region : NULL;
    uint64_t offset = range ? addr - range->start + range->region_offset : 0;

    if (r && takes_writes(r) && range_fits(offset, size, r->size))
        mem_dispatch_write(r, offset, size, value & mask_bits(size * 8));
    else if (r && r->kind == MEM_RAM && size <= range->size - (addr - range->start))
        ram_write(r, offset, size, value); /* the guest's view moved meanwhile */
    mem_view_leave(space, token);
}
