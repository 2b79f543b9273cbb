/*
 * Dirty logs under compiled code. A write entry of a page in a logged block is only ever made by a
 * fill, which marks the page first; then stores there are as fast as any. When a client makes pages
 * clean, vCPUs are asked to drop their write entries of pages that are clean in some log, which
 * each does by itself the next time that it comes to a poll, or into code: nobody waits for them,
 * so it can be asked for with the machine lock held. Until all have done so their stores are not
 * seen; core/memory/dirty.h says why nothing is lost then.
 *
 * Fast entries that may be of such pages have a bit in their context (wr_logged), so that only
 * these are looked at. Those from before a log was switched on have none: every TLB is flushed
 * then, and before it was every page is dirty.
 *
 * Thread contract: the hooks with the machine lock held; the lock here is a leaf.
 */
#ifndef TCG_MMU_DIRTY_H
#define TCG_MMU_DIRTY_H

#include <pthread.h>
#include <stdint.h>
#include "core/util/list.h"

struct ram_block;
struct ram_dirty_ops;
struct tcg_cpu;
struct tcg_machine;

struct tcg_dirty {
    pthread_mutex_t lock;    /* the list, and that the blocks in it exist */
    struct list blocks;      /* struct ram_block.log_node: those that are logged */
    _Atomic uint64_t ticket; /* of the latest request */
};

void tcg_dirty_init(struct tcg_machine *tm);
void tcg_dirty_free(struct tcg_machine *tm);
extern const struct ram_dirty_ops tcg_dirty_ops;
void tcg_dirty_ram_freed(struct tcg_machine *tm, struct ram_block *ram);

/* The vCPU was asked to drop write entries of clean pages: at a safe point of its own. */
void tcg_dirty_rearm(struct tcg_cpu *tc);

#endif
