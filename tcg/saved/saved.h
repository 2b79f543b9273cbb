/*
 * Translations kept from one run to the next.
 *
 * What is saved is a block or a region as it was compiled, with the guest bytes it was made from.
 * It is taken when memory holds the same bytes at the same offsets of pages that are as far from
 * each other, under the same mode word, for the same guest processor, by the same build of vemu
 * with the same options on a host with the same instructions (the context, which names the file).
 * Neither physical nor virtual addresses count: what a kernel moves at each start is found again
 * where it is.
 *
 * A block is looked for before it is translated, regions around it when it is there: a region that
 * was saved needs not be found hot again. Reads of guest memory, the walk of its mappings and the
 * page protection are those of a translation, so that whatever changes bytes removes a taken block
 * as it does any other.
 *
 * Nothing of this makes a machine fail: what does not work is a warning.
 *
 * Thread contract: saved_start and saved_stop as the machine's; the others on vCPU threads in code,
 * with code_lock.
 */
#ifndef TCG_SAVED_SAVED_H
#define TCG_SAVED_SAVED_H

#include "core/util/log.h"
#include "tcg/machine.h"
#include "tcg/translate.h"

enum saved_mode { SAVED_OFF, SAVED_READ, SAVED_READ_WRITE };

/* After the back end's start and with the first vCPU's model known. */
void saved_start(struct tcg_machine *tm, const struct tcg_cpu *tc);
/* Writes what is new; while blocks and code are still there, and nothing runs. */
void saved_stop(struct tcg_machine *tm);

/* What is logged of translations is to be seen: then nothing is taken. */
static inline bool saved_asked(const struct tcg_machine *tm)
{
    return tm->saved &&
           !log_enabled(&tm->m->log, (enum log_category)(LOG_IN_ASM | LOG_IR | LOG_OUT_ASM));
}

enum { SAVED_HASHES = 4 };

struct saved_want {
    const struct code_place *place;
    struct tcg_page *page; /* of place, and code */
    uint64_t pc, vaddr;    /* of the first instruction; its linear address */
    uint64_t mode;
    /* for these functions: of the first bytes, made when first looked for */
    uint64_t hashes[SAVED_HASHES];
    unsigned hash_count;
};

/* A block of the first tier, inserted. NULL: none; *again: code_lock was dropped, look again. */
struct tcg_block *saved_block(struct tcg_cpu *tc, struct saved_want *want, bool *again);
/* The region that was around the block `head`, in its place; or head; NULL: code_lock was dropped
 * and head is no more: look again. */
struct tcg_block *saved_region(struct tcg_cpu *tc, struct saved_want *want, struct tcg_block *head);
/* Text for the counters. */
size_t saved_info(const struct tcg_machine *tm, char *buf, size_t len);

#endif
