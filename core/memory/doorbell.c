/* See doorbell.h. */
#include "core/memory/doorbell.h"

#include "core/memory/internal.h"
#include "core/util/range.h"

void mem_doorbell_add(struct mem_region *region, struct mem_doorbell *bell)
{
    bell->region = region;
    list_add_tail(&region->doorbells, &bell->node);
    mem_space_tree_changed(region, true);
}

void mem_doorbell_remove(struct mem_doorbell *bell)
{
    struct mem_region *region = bell->region;

    if (!region)
        return;
    list_remove(&bell->node);
    bell->region = NULL;
    mem_space_tree_changed(region, true);
}

unsigned mem_doorbells_find(struct mem_space *space, struct mem_doorbell_place *places,
                            unsigned max)
{
    unsigned token, found = 0;
    const struct mem_view *view = mem_view_enter(space, &token);

    for (uint32_t i = 0; i < view->count; i++) {
        const struct mem_range *range = &view->ranges[i];
        list_for_each(bell, &range->region->doorbells, struct mem_doorbell, node)
        {
            if (bell->offset < range->region_offset ||
                !range_fits(bell->offset - range->region_offset, bell->size, range->size))
                continue;
            if (found < max)
                places[found] = (struct mem_doorbell_place){
                    .addr = range->start + (bell->offset - range->region_offset), .bell = bell};
            found++;
        }
    }
    mem_view_leave(space, token);
    return found;
}
