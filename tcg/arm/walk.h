/*
 * What the walks of the two descriptor formats share: walk.c has the long one of VMSAv8-64 and of
 * AArch32 with TTBCR.EAE, and stage 2; walk_short.c the short one. Private to them.
 */
#ifndef TCG_ARM_WALK_H
#define TCG_ARM_WALK_H

#include "tcg/arm/sys.h"

/* Fault status codes, with the level in the low bits. */
enum { FSC_SIZE = 0, FSC_TRANSLATION = 4, FSC_ACCESS = 8, FSC_PERMISSION = 12, FSC_EXTERNAL = 20 };
enum { FSC_SIZE_FIRST = 0x29 }; /* of level -1; 2 more: translation */

struct descriptor {
    void *host; /* NULL: not writable memory */
    struct ram_block *ram;
    uint64_t offset, value;
    uint16_t index;
    uint8_t shift, size; /* size: in bytes */
};

struct walk {
    struct tcg_cpu *tc;
    const struct arm_walk_request *q;
    struct arm_fault *fault;
    bool two_stages;
    bool aarch32; /* the regime is AArch32's */
    struct descriptor used[TCG_WALK_LEVELS];
    unsigned used_count;
    /* what stage 1 found */
    uint64_t leaf, address; /* of the mapping's first byte */
    uint64_t upper;         /* hierarchical bits, as OR */
    unsigned bits;
    uint8_t memory, shareability; /* short descriptors: as MAIR and SH would say it */
    struct arm_stage stage;
};

enum outcome { DONE, FAULT, AGAIN };

static inline enum outcome arm_walk_fail(struct walk *w, unsigned code, int level)
{
    *w->fault = (struct arm_fault){.fsc = (uint8_t)(code + (unsigned)(level > 0 ? level : 0))};
    return FAULT;
}
/* The descriptor of d->size bytes at a physical address. false: nothing is there. */
bool arm_walk_read(struct walk *w, uint64_t at, struct descriptor *d);
/* Stage 2 of the address of a descriptor of stage 1; without one, nothing changes. */
enum outcome arm_walk_table_address(struct walk *w, uint64_t *at);
/* May the access be made? */
static inline bool arm_walk_allows(const struct tcg_walk *out, enum tcg_access access)
{
    return access == TCG_READ    ? out->readable
           : access == TCG_WRITE ? out->writable
                                 : out->executable;
}

/* Short descriptors: stage 1 of w->stage, with rights, globality and the short way. */
enum outcome arm_walk_short(struct walk *w, struct tcg_walk *out);

#endif
