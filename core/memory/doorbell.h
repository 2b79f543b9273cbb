/*
 * Registers whose writes only ring: an accelerator that can signals a descriptor and lets the vCPU
 * go on, where otherwise the region's ops->write is called. A device must do with either.
 *
 * Machine lock held throughout. Adding and removing publishes a view, so that the accelerator's
 * listener sees it: who does several at once puts a transaction around them.
 */
#ifndef CORE_MEMORY_DOORBELL_H
#define CORE_MEMORY_DOORBELL_H

#include <stdbool.h>
#include <stdint.h>
#include "core/util/list.h"

struct mem_region;
struct mem_space;

struct mem_doorbell {
    struct list node; /* in the region's */
    struct mem_region *region;
    uint64_t offset; /* in the region */
    uint64_t value;  /* with match: the only one that rings */
    uint8_t size;    /* of the write, bytes */
    bool match;
    int fd; /* an eventfd */
};

/* All but node and region is the caller's. */
void mem_doorbell_add(struct mem_region *region, struct mem_doorbell *bell);
/* Returns with nobody ringing fd any more, unless a transaction is open. Idempotent. */
void mem_doorbell_remove(struct mem_doorbell *bell);

/* Where a doorbell can be rung in a space. */
struct mem_doorbell_place {
    uint64_t addr;
    const struct mem_doorbell *bell;
};
/* All of them by the present view, as many as fit; returns how many there are. */
unsigned mem_doorbells_find(struct mem_space *space, struct mem_doorbell_place *places,
                            unsigned max);

#endif
