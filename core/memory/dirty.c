/* Dirty logs of RAM blocks; see dirty.h. */
#include "core/memory/dirty.h"

#include <stdlib.h>
#include <string.h>

#include "core/memory/internal.h"
#include "core/util/error.h"
#include "core/util/range.h"

void ram_block_mark_dirty(struct ram_block *block, uint64_t offset, uint64_t len)
{
    uint64_t first, count;

    if (!len || !range_fits(offset, len, block->size))
        return;
    first = offset >> MEM_PAGE_BITS;
    count = ((offset + len - 1) >> MEM_PAGE_BITS) - first + 1;
    for (unsigned i = 0; i < MEM_DIRTY_CLIENTS; i++) {
        uint64_t *map = __atomic_load_n(&block->dirty[i], __ATOMIC_ACQUIRE);
        if (map)
            bitmap_atomic_set_range(map, first, count);
    }
}

static bool alloc_log(struct ram_log *log, uint64_t words)
{
    if (!log->dirty)
        log->dirty = calloc(words, sizeof *log->dirty);
    if (!log->unsettled)
        log->unsettled = calloc(words, sizeof *log->unsettled);
    return log->dirty && log->unsettled;
}

bool ram_block_log_dirty(struct ram_list *rams, struct ram_block *block,
                         enum mem_dirty_client client, bool on, struct vemu_error **errp)
{
    struct ram_log *log = &ram_block_private(block)->logs[client];
    uint64_t pages = block->size >> MEM_PAGE_BITS;
    bool logged = false;

    if (on && !alloc_log(log, bitmap_words(pages)))
        return error_set(errp, VEMU_ERROR_NO_MEMORY, "no memory for the dirty log of '%s'",
                         block->name);
    if (on) {
        bitmap_atomic_set_range(log->dirty, 0, pages);
        memset(log->unsettled, 0, bitmap_words(pages) * sizeof *log->unsettled);
        log->waiting = false;
    }
    __atomic_store_n(&block->dirty[client], on ? log->dirty : NULL, __ATOMIC_RELEASE);
    for (unsigned c = 0; c < MEM_DIRTY_CLIENTS; c++)
        logged |= block->dirty[c] != NULL;
    __atomic_store_n(&block->logged, logged, __ATOMIC_RELEASE);
    if (rams->dirty_ops)
        rams->dirty_ops->changed(rams->opaque, block);
    return true;
}

/* May pages that were made clean be stored to unseen still? */
static bool waits(struct ram_list *rams, struct ram_log *log)
{
    const struct ram_dirty_ops *ops = rams->dirty_ops;

    if (log->waiting && (!ops || !ops->armed || ops->armed(rams->opaque, log->ticket)))
        log->waiting = false;
    return log->waiting;
}

bool ram_block_fetch_dirty(struct ram_list *rams, struct ram_block *block,
                           enum mem_dirty_client client, uint64_t first, uint64_t count,
                           uint64_t *pages)
{
    struct ram_log *log = &ram_block_private(block)->logs[client];
    bool any = false;

    if (!range_fits(first, count, block->size >> MEM_PAGE_BITS))
        return false;
    if (!block->dirty[client] || rams->stores_unseen) {
        bitmap_set_range(pages, first, count);
        return count != 0;
    }
    /* Before anything is fetched: what is settled now was stored before it is read. */
    bool settled = !waits(rams, log);
    if (rams->dirty_ops && rams->dirty_ops->sync)
        rams->dirty_ops->sync(rams->opaque, block, first, count);
    for (uint64_t w = first / 64; count && w <= (first + count - 1) / 64; w++) {
        uint64_t mask = bitmap_range_mask(w, first, first + count);
        uint64_t found =
            (__atomic_load_n(&log->dirty[w], __ATOMIC_SEQ_CST) | log->unsettled[w]) & mask;

        pages[w] = (pages[w] & ~mask) | found;
        any |= found != 0;
        if (settled)
            log->unsettled[w] &= ~mask;
    }
    return any;
}

void ram_block_clean(struct ram_list *rams, struct ram_block *block, enum mem_dirty_client client,
                     uint64_t first, uint64_t count, const uint64_t *pages)
{
    struct ram_log *log = &ram_block_private(block)->logs[client];
    bool any = false;

    if (!block->dirty[client] || rams->stores_unseen ||
        !range_fits(first, count, block->size >> MEM_PAGE_BITS))
        return;
    /* One round after the other: the pages stay dirty until the last one is armed. */
    if (waits(rams, log))
        return;
    for (uint64_t w = first / 64; count && w <= (first + count - 1) / 64; w++) {
        uint64_t mask = bitmap_range_mask(w, first, first + count) & pages[w], were = 0;

        if (__atomic_load_n(&log->dirty[w], __ATOMIC_RELAXED) & mask)
            were = __atomic_fetch_and(&log->dirty[w], ~mask, __ATOMIC_SEQ_CST) & mask;
        log->unsettled[w] |= were;
        any |= were != 0;
    }
    if (any && rams->dirty_ops && rams->dirty_ops->rearm) {
        log->ticket = rams->dirty_ops->rearm(rams->opaque);
        log->waiting = true;
    }
}
