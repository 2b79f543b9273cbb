/* Pages that a screen is made of; see shown.h. */
#include "hw/display/shown.h"

#include <stdlib.h>

bool shown_begin(struct shown *s, struct ram_list *rams, struct ram_block *ram)
{
    uint64_t words = bitmap_words(ram->size >> MEM_PAGE_BITS);

    if (s->ram == ram)
        return true;
    shown_end(s);
    s->dirty = calloc(words, sizeof *s->dirty);
    s->changed = calloc(words, sizeof *s->changed);
    if (!s->dirty || !s->changed) {
        shown_end(s);
        return false;
    }
    s->rams = rams;
    s->ram = ram;
    return true;
}

void shown_end(struct shown *s)
{
    if (s->logged)
        ram_block_log_dirty(s->rams, s->ram, MEM_DIRTY_DISPLAY, false, NULL);
    free(s->dirty);
    free(s->changed);
    *s = (struct shown){0};
}

bool shown_look(struct shown *s, uint64_t first, uint64_t count)
{
    if (!s->logged)
        s->logged = ram_block_log_dirty(s->rams, s->ram, MEM_DIRTY_DISPLAY, true, NULL);
    bitmap_clear_range(s->changed, first, count);
    return ram_block_fetch_dirty(s->rams, s->ram, MEM_DIRTY_DISPLAY, first, count, s->dirty);
}

void shown_clean(struct shown *s, uint64_t first, uint64_t count)
{
    for (uint64_t w = first / 64; count && w <= (first + count - 1) / 64; w++)
        s->dirty[w] &= ~s->changed[w];
    ram_block_clean(s->rams, s->ram, MEM_DIRTY_DISPLAY, first, count, s->dirty);
}
