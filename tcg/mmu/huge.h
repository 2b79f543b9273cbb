/*
 * Huge pages of the host for guest RAM that is worked on all over. What misses the software TLB
 * often misses the processor's, too, and where the host is virtualized itself such a miss costs
 * more than all of ours. vCPUs sample where they miss; the second tier's thread has the host put
 * the pages together (ram_block_make_huge), 2 MiB at a time, where nearly all of them are in use.
 *
 * Thread contract: huge_sample on vCPUs' threads, huge_work on one other, without a lock. `lock` is
 * a leaf that is held for milliseconds: vCPUs only try it.
 */
#ifndef TCG_MMU_HUGE_H
#define TCG_MMU_HUGE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct ram_block;
struct tcg_machine;

enum {
    HUGE_SAMPLE = 256, /* misses, of which one is told */
    HUGE_QUEUE = 64,
};

struct tcg_huge {
    bool on;              /* there is a thread for it; constant while vCPUs run */
    pthread_mutex_t lock; /* all below, and that the blocks there exist */
    unsigned count;       /* 0 may be read without */
    struct huge_wanted {
        struct ram_block *ram;
        uint64_t offset;
    } queue[HUGE_QUEUE];
    uint64_t made, sparse, failed; /* counters */
};

void huge_sample(struct tcg_machine *tm, struct ram_block *ram, uint64_t offset);
/* One huge page, if one is wanted. false: nothing to do. */
bool huge_work(struct tcg_machine *tm);
/* The block goes away. */
void huge_ram_freed(struct tcg_machine *tm, const struct ram_block *ram);

#endif
