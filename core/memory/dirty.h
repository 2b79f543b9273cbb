/*
 * Dirty logs: which pages of a RAM block were written, for a client that keeps a copy of what is in
 * them (a screen, the other side of a migration) and wants to read again only what changed.
 *
 * A log has a bit a page. A client fetches the bits of the pages it cares for, reads those pages,
 * and says which of them are clean from now on, which may be fewer: to leave a bit set is right and
 * costs nothing, so a page that changed since it was read last, and is likely to change again, is
 * better left alone until it stands still.
 *
 * Whoever writes memory marks the page: devices, DMA and the bus afterwards; compiled code never.
 * There a page that is written for the first time while its bit is clear takes the slow way once,
 * which sets the bit, and from then on the vCPU stores to it like to any other (tcg/mmu/dirty.c).
 * With KVM the kernel does something alike.
 *
 * Why nothing is lost. When bits are cleared, some vCPUs can store to these pages unseen still. So
 * ram_block_clean() asks the accelerator to put an end to that (rearm), which nobody waits for, and
 * notes the pages as unsettled. They are fetched as dirty until the accelerator has done so (armed)
 * and then once more: what was stored unseen was stored before that, so it is there to be read, and
 * what is stored later sets the bit. The same holds for a device that has written and is about to
 * mark the page: its mark comes after, or what it wrote is read that once more. A client that
 * cannot afford to read twice waits until it is armed between cleaning and reading.
 *
 * Thread contract: the machine lock, but for ram_block_mark_dirty and ram_page_is_dirty, which any
 * thread may call. Nothing here waits. Whoever gives rams takes the list that the block is in.
 */
#ifndef CORE_MEMORY_DIRTY_H
#define CORE_MEMORY_DIRTY_H

#include "core/memory/memory.h"
#include "core/util/bitmap.h"

/* What an accelerator does for dirty logs. Each but changed may be NULL. */
struct ram_dirty_ops {
    /* Clients began or ceased to log the block: see block->logged and block->dirty. All bits are
     * set, so stores need not be seen yet. */
    void (*changed)(void *opaque, struct ram_block *block);
    /* Mark what was stored to these pages since the last call, as far as somebody else has noted it
     * (a kernel's log); from now on it is noted anew. */
    void (*sync)(void *opaque, struct ram_block *block, uint64_t first, uint64_t count);
    /* Bits were cleared: stores to such pages are to set them again. Returns a ticket, larger than
     * the last. */
    uint64_t (*rearm)(void *opaque);
    /* Is that so? From then on what was stored unseen before is visible to the caller. */
    bool (*armed)(void *opaque, uint64_t ticket);
};

/* Switch a client's log on or off; when it is switched on every page is dirty, for nothing is known
 * yet. False: no memory. */
bool ram_block_log_dirty(struct ram_list *rams, struct ram_block *block,
                         enum mem_dirty_client client, bool on, struct vemu_error **errp);
/* Bytes of the block were written. */
void ram_block_mark_dirty(struct ram_block *block, uint64_t offset, uint64_t len);

/*
 * The pages [first, first+count) of the block that the client has to read (again), as bits n of
 * `pages`, which has one for each page of the block; other bits stay as they are. All of them when
 * the client does not log, or the accelerator cannot tell. Returns whether there are any.
 */
bool ram_block_fetch_dirty(struct ram_list *rams, struct ram_block *block,
                           enum mem_dirty_client client, uint64_t first, uint64_t count,
                           uint64_t *pages);
/* The client has read, or is about to read, those of the pages whose bits are set; they were
 * fetched. */
void ram_block_clean(struct ram_list *rams, struct ram_block *block, enum mem_dirty_client client,
                     uint64_t first, uint64_t count, const uint64_t *pages);

/* Of a block that is logged: has the page at offset its bit set in every log, so that a store there
 * need not be seen? */
static inline bool ram_page_is_dirty(const struct ram_block *block, uint64_t offset)
{
    for (unsigned c = 0; c < MEM_DIRTY_CLIENTS; c++) {
        const uint64_t *map = __atomic_load_n(&block->dirty[c], __ATOMIC_ACQUIRE);
        if (map && !bitmap_atomic_test(map, offset >> MEM_PAGE_BITS))
            return false;
    }
    return true;
}

/* Does any client log the block? */
static inline bool ram_block_logged(const struct ram_block *block)
{
    return __atomic_load_n(&block->logged, __ATOMIC_RELAXED);
}

#endif
