/*
 * Pages that the code under test works in, and a model of them that a test keeps beside: pairs of
 * neighbours, so far apart that all pairs take the same place in any table of pages. For 64-bit
 * programs of one file. Random numbers to choose among them.
 */
#ifndef TESTS_GUEST_LIB_PAGES_H
#define TESTS_GUEST_LIB_PAGES_H

#include "lib/guest.h"

#define VA 0x500000000000ul
#define FAR 0x200000ul /* from one pair to the next */
enum { PAGES = 4 /* pairs */, WORDS = 512 };

static u64 *page[2 * PAGES];
static u64 model[2 * PAGES][WORDS];

static inline void pages_map(void)
{
    for (unsigned n = 0; n < 2 * PAGES; n++) {
        page[n] = page_alloc();
        *pte_at(VA + n / 2 * FAR + n % 2 * 4096, 1) = (u64)page[n] | PTE_P | PTE_W;
    }
}

/* The model's word for an address, a multiple of 8. */
static inline u64 *model_at(ul va)
{
    const unsigned n = (unsigned)((va - VA) / FAR);
    const ul offset = (va - VA) % FAR;
    return &model[2 * n + offset / 4096][offset % 4096 / 8];
}

/* Every word its own value. */
static inline void pages_fill(void)
{
    for (unsigned n = 0; n < 2 * PAGES; n++)
        for (unsigned w = 0; w < WORDS; w++)
            page[n][w] = model[n][w] = (u64)n << 56 | w * 0x10001ull;
}

static inline void pages_compare(void)
{
    for (unsigned n = 0; n < 2 * PAGES; n++)
        for (unsigned w = 0; w < WORDS; w++)
            if (page[n][w] != model[n][w])
                equal("a word of memory", page[n][w], model[n][w]);
}

static inline u32 next_random(void)
{
    static u32 state = 1;
    state = state * 1664525 + 1013904223;
    return state >> 8;
}

#endif
