/*
 * Registers whose writes may come later: an accelerator that can gathers them, and hands them over
 * in their order before anything that could tell (an access of any vCPU that it does not gather,
 * a pause, mem_posted_flush's callers). For writes that change nothing but what reads and pictures
 * show.
 */
#ifndef CORE_MEMORY_POSTED_H
#define CORE_MEMORY_POSTED_H

#include <stdint.h>

struct mem_region;
struct mem_space;

/* A part of a region; lists end with a size of 0. */
struct mem_posted {
    uint64_t offset, size; /* bytes */
};

/* Machine lock held, for a region that was initialised; list stays the caller's. */
void mem_region_set_posted(struct mem_region *region, const struct mem_posted *list);

/* Where writes may be gathered in a space. */
struct mem_posted_place {
    uint64_t addr, size;
};
/* All of them by the present view, as many as fit; returns how many there are. */
unsigned mem_posted_find(struct mem_space *space, struct mem_posted_place *places, unsigned max);
/* mem_write of one that was gathered, with the machine lock held. */
void mem_posted_write(struct mem_space *space, uint64_t addr, unsigned size, uint64_t value);

#endif
