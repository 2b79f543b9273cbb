/*
 * The pages of memory that a screen is made of, by the memory's dirty log: which are to be looked
 * at again. Pages stay dirty while they change, and are made clean when a look finds that what they
 * show stands still. So a guest that draws all the time pays nothing for being watched, and an idle
 * screen costs next to nothing. Machine lock held.
 */
#ifndef HW_DISPLAY_SHOWN_H
#define HW_DISPLAY_SHOWN_H

#include "core/memory/dirty.h"

struct shown {
    struct ram_list *rams;
    struct ram_block *ram;     /* NULL: none yet */
    uint64_t *dirty, *changed; /* a bit for each page of ram; for one look */
    bool logged;
};

/* The screen is in this block from now on. False: no memory, and it is in none. */
bool shown_begin(struct shown *s, struct ram_list *rams, struct ram_block *ram);
/* The block's log ends. */
void shown_end(struct shown *s);
/* A look at pages [first, first+count): sets their bits in `dirty`, clears those in `changed`. Any
 * dirty? Without memory for a log all are. */
bool shown_look(struct shown *s, uint64_t first, uint64_t count);
/* After it: those that are dirty and were not changed are clean. */
void shown_clean(struct shown *s, uint64_t first, uint64_t count);

#endif
