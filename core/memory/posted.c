/* See posted.h. */
#include "core/memory/posted.h"

#include "core/memory/internal.h"
#include "core/util/range.h"

void mem_region_set_posted(struct mem_region *region, const struct mem_posted *list)
{
    region->posted = list;
    mem_space_tree_changed(region, true);
}

unsigned mem_posted_find(struct mem_space *space, struct mem_posted_place *places, unsigned max)
{
    unsigned token, found = 0;
    const struct mem_view *view = mem_view_enter(space, &token);

    for (uint32_t i = 0; i < view->count; i++) {
        const struct mem_range *range = &view->ranges[i];
        for (const struct mem_posted *p = range->region->posted; p && p->size; p++) {
            uint64_t from = MAX(p->offset, range->region_offset);
            uint64_t to = MIN(p->offset + p->size, range->region_offset + range->size);
            if (from >= to)
                continue;
            if (found < max)
                places[found] = (struct mem_posted_place){
                    .addr = range->start + (from - range->region_offset), .size = to - from};
            found++;
        }
    }
    mem_view_leave(space, token);
    return found;
}
