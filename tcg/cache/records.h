/*
 * Memory for the records of blocks: one range of addresses that is filled from its start on and
 * emptied as a whole when the code cache is flushed. A record is told by 32 bits where 64 would
 * have to be kept: most of what a block's record holds is references to others.
 *
 * Allocating and flushing: code_lock held. Looking a reference up: anyone who may look at blocks.
 */
#ifndef TCG_CACHE_RECORDS_H
#define TCG_CACHE_RECORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct vemu_error;

/* Where a record is, in units of RECORD_UNIT bytes from the start; 0: none. */
typedef uint32_t tcg_ref;
enum { RECORD_UNIT = 4, RECORD_REF_BITS = 28 };

struct tcg_records {
    uint8_t *base;
    size_t size, used;
    size_t ready; /* bytes that the host has given memory for */
};

/* For a code cache of that many bytes. */
bool records_init(struct tcg_records *r, uint64_t cache_size, struct vemu_error **errp);
void records_free(struct tcg_records *r);
/* Aligned to 8; NULL: full. */
void *records_alloc(struct tcg_records *r, size_t size);
void records_flush(struct tcg_records *r);

static inline void *record_at(const struct tcg_records *r, tcg_ref ref)
{
    return ref ? r->base + (size_t)ref * RECORD_UNIT : NULL;
}
static inline tcg_ref record_ref(const struct tcg_records *r, const void *record)
{
    return record ? (tcg_ref)((size_t)((const uint8_t *)record - r->base) / RECORD_UNIT) : 0;
}

#endif
