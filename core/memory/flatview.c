/*
 * Region tree -> flat view. The tree is walked highest priority first and each region fills what is
 * still free of its place, so the first to come wins; ranges stay sorted all the time.
 *
 * Places are computed in 128 bits: a target of an alias may have its origin below 0 or above 2^64
 * as seen from the root, and only the clipped window counts.
 */
#include "core/memory/internal.h"

#include <stdlib.h>
#include <string.h>

#include "core/util/range.h"

typedef __int128 wide;

struct builder {
    struct mem_view_node *node;
    uint32_t capacity;
    bool failed;
};

static bool reserve(struct builder *b, uint32_t capacity)
{
    struct mem_view_node *node;

    if (b->failed)
        return false;
    node = realloc(b->node, sizeof *node + capacity * sizeof node->ranges[0]);
    if (!node) {
        b->failed = true;
        return false;
    }
    if (!b->node)
        memset(node, 0, sizeof *node);
    b->node = node;
    b->capacity = capacity;
    node->view.ranges = node->ranges;
    return true;
}

uint32_t mem_view_index(const struct mem_view *view, uint64_t addr)
{
    uint32_t low = 0, high = view->count;

    while (low < high) {
        uint32_t mid = low + (high - low) / 2;
        if (view->ranges[mid].start + view->ranges[mid].size <= addr)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

const struct mem_range *mem_view_find(const struct mem_view *view, uint64_t addr)
{
    uint32_t i = mem_view_index(view, addr);

    return i < view->count && view->ranges[i].start <= addr ? &view->ranges[i] : NULL;
}

/* Give r what is free of [start, end); region offset 0 lies at `base`. */
static void fill(struct builder *b, struct mem_region *r, wide base, uint64_t start, uint64_t end)
{
    uint32_t i = mem_view_index(&b->node->view, start);

    while (start < end) {
        struct mem_view *view = &b->node->view;
        uint64_t stop = end;

        if (i < view->count) {
            struct mem_range *next = &view->ranges[i];
            if (next->start <= start) {
                start = next->start + next->size;
                i++;
                continue;
            }
            stop = MIN(end, next->start);
        }
        if (view->count == b->capacity) {
            if (view->count > UINT32_MAX / 4 || !reserve(b, b->capacity * 2))
                return;
            view = &b->node->view;
        }
        memmove(&view->ranges[i + 1], &view->ranges[i], (view->count - i) * sizeof view->ranges[0]);
        view->ranges[i] = (struct mem_range){.start = start,
                                             .size = stop - start,
                                             .region = r,
                                             .region_offset = (uint64_t)(start - base)};
        view->count++;
        i++;
        start = stop;
    }
}

/* Render r, whose offset 0 lies at `base`, as far as it shows in the window [start, end). */
static void render(struct builder *b, struct mem_region *r, wide base, uint64_t start, uint64_t end,
                   unsigned depth)
{
    wide low = MAX(base, (wide)start), high = MIN(base + r->size, (wide)end);

    if (!r->enabled || low >= high || depth > MEM_DEPTH_MAX || b->failed)
        return;
    start = (uint64_t)low;
    end = (uint64_t)high;
    list_for_each(child, &r->children, struct mem_region, sibling)
    {
        render(b, child, base + child->addr, start, end, depth + 1);
    }
    if (r->kind == MEM_ALIAS)
        render(b, r->target, base - r->target_offset, start, end, depth + 1);
    else if (r->kind != MEM_CONTAINER)
        fill(b, r, base, start, end);
}

/* One range for pieces of a region that touch and go on. */
static void merge(struct mem_view *view)
{
    uint32_t out = 0;

    for (uint32_t i = 1; i < view->count; i++) {
        struct mem_range *last = &view->ranges[out], *next = &view->ranges[i];
        if (last->region == next->region && last->start + last->size == next->start &&
            last->region_offset + last->size == next->region_offset)
            last->size += next->size;
        else
            view->ranges[++out] = *next;
    }
    if (view->count)
        view->count = out + 1;
}

struct mem_view_node *mem_render(struct mem_region *root, uint32_t count_hint)
{
    struct builder b = {0};

    if (!reserve(&b, count_hint + 16))
        return NULL;
    render(&b, root, 0, 0, root->size, 0);
    if (b.failed) {
        free(b.node);
        return NULL;
    }
    merge(&b.node->view);
    return b.node;
}
