/*
 * Address spaces: publishing views and retiring old ones.
 *
 * A reader counts itself into one of its slot's two counters, then loads the current view. A
 * retired view can be freed once every counter was seen at zero after the view was replaced: a
 * reader that came in before is gone by then, one that came later loads a newer view (all of it in
 * sequentially consistent order). The two counters are drained one after the other, and new readers
 * use the other one meanwhile, so a constant stream of readers cannot hold a view for ever. Nobody
 * waits: a commit frees what it can and leaves the rest to the next.
 */
#include "core/memory/internal.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory/dirty.h"
#include "core/util/error.h"
#include "core/util/hashmap.h"
#include "core/util/range.h"

struct mem_space *mem_space_new(const char *name, uint64_t size, pthread_mutex_t *machine_lock,
                                struct vemu_error **errp)
{
    struct mem_space *space = aligned_alloc(_Alignof(struct mem_space), sizeof *space);
    struct mem_view_node *first;

    if (space)
        memset(space, 0, sizeof *space);
    if (!space || !(space->name = strdup(name))) {
        free(space);
        error_set(errp, VEMU_ERROR_NO_MEMORY, "out of memory");
        return NULL;
    }
    space->lock = machine_lock;
    mem_region_init_container(&space->root, space->name, size);
    space->root.space = space;
    first = mem_render(&space->root, 0);
    if (!first) {
        mem_space_free(space);
        error_set(errp, VEMU_ERROR_NO_MEMORY, "out of memory");
        return NULL;
    }
    first->view.generation = 1;
    space->current = first;
    return space;
}

struct mem_space *mem_space_new_beside(const char *name, const struct mem_space *other,
                                       struct vemu_error **errp)
{
    struct mem_space *space = mem_space_new(name, other->root.size, other->lock, errp);

    if (space) {
        mem_space_set_listener(space, other->changed, other->changed_opaque);
        mem_space_set_ram_written(space, other->ram_written, other->ram_written_opaque);
    }
    return space;
}

static void free_views(struct mem_view_node **views)
{
    while (*views) {
        struct mem_view_node *next = (*views)->next;
        free(*views);
        *views = next;
    }
}

/* Regions may be gone already: only views are freed. */
void mem_space_free(struct mem_space *space)
{
    if (!space)
        return;
    free_views(&space->retired);
    free_views(&space->leaving);
    free(space->current);
    free(space->name);
    free(space);
}

struct mem_region *mem_space_root(struct mem_space *space)
{
    return &space->root;
}

void mem_space_set_listener(struct mem_space *space, mem_changed_fn fn, void *opaque)
{
    space->changed = fn;
    space->changed_opaque = opaque;
}

void mem_space_set_ram_written(struct mem_space *space,
                               void (*fn)(void *opaque, struct ram_block *block, uint64_t offset,
                                          uint64_t len),
                               void *opaque)
{
    space->ram_written = fn;
    space->ram_written_opaque = opaque;
}

void mem_space_ram_written(struct mem_space *space, struct ram_block *block, uint64_t offset,
                           uint64_t len)
{
    ram_block_mark_dirty(block, offset, len);
    if (space && space->ram_written)
        space->ram_written(space->ram_written_opaque, block, offset, len);
}

/* ---- readers --------------------------------------------------------------------------------- */

const struct mem_view *mem_view_enter(struct mem_space *space, unsigned *token)
{
    unsigned slot = hash_u64((uintptr_t)pthread_self()) % MEM_READER_SLOTS;
    unsigned epoch = atomic_load_explicit(&space->epoch, memory_order_relaxed);

    *token = slot << 1 | epoch;
    atomic_fetch_add(&space->readers[slot].active[epoch], 1);
    return &atomic_load(&space->current)->view;
}

void mem_view_leave(struct mem_space *space, unsigned token)
{
    atomic_fetch_sub_explicit(&space->readers[token >> 1].active[token & 1], 1,
                              memory_order_release);
}

/* Take the counters of drain_epoch that are at zero out of the mask; is it empty now? */
static bool drained(struct mem_space *space)
{
    for (unsigned slot = 0; slot < MEM_READER_SLOTS; slot++) {
        uint32_t bit = UINT32_C(1) << slot;
        if ((space->drain_mask & bit) &&
            !atomic_load(&space->readers[slot].active[space->drain_epoch]))
            space->drain_mask &= ~bit;
    }
    return !space->drain_mask;
}

/* Free what no reader can hold any more. */
static void reclaim(struct mem_space *space)
{
    for (;;) {
        if (!space->leaving) {
            if (!space->retired)
                return;
            space->leaving = space->retired;
            space->retired = NULL;
            space->drain_epoch = !space->epoch;
            space->drain_mask = UINT32_MAX;
            space->drain_second = false;
        }
        if (!drained(space))
            return;
        if (!space->drain_second) {
            space->drain_second = true;
            space->drain_epoch = space->epoch;
            space->drain_mask = UINT32_MAX;
            atomic_store(&space->epoch, !space->drain_epoch);
            continue;
        }
        free_views(&space->leaving);
    }
}

_Static_assert(MEM_READER_SLOTS == 32, "drain_mask has a bit a slot");

/* ---- publishing ------------------------------------------------------------------------------ */

static bool views_equal(const struct mem_view *a, const struct mem_view *b)
{
    if (a->count != b->count)
        return false;
    for (uint32_t i = 0; i < a->count; i++) {
        const struct mem_range *x = &a->ranges[i], *y = &b->ranges[i];
        if (x->start != y->start || x->size != y->size || x->region != y->region ||
            x->region_offset != y->region_offset)
            return false;
    }
    return true;
}

static void publish(struct mem_space *space)
{
    struct mem_view_node *old = space->current;
    struct mem_view_node *node = mem_render(&space->root, old->view.count);

    /* Without memory the old view stays, and `pending` makes the next commit try again. */
    if (!node)
        return;
    space->pending = false;
    if (!space->structural && views_equal(&node->view, &old->view)) {
        free(node);
        return;
    }
    space->structural = false;
    node->view.generation = old->view.generation + 1;
    for (uint32_t i = 0; i < node->view.count; i++) {
        struct mem_region *r = node->ranges[i].region;
        if (!r->space)
            r->space = space;
    }
    atomic_store(&space->current, node);
    old->next = space->retired;
    space->retired = old;
    reclaim(space);
    if (space->changed)
        space->changed(space->changed_opaque, space);
}

void mem_transaction_begin(struct mem_space *space)
{
    space->transaction_depth++;
}

void mem_transaction_commit(struct mem_space *space)
{
    if (space->transaction_depth && --space->transaction_depth == 0 && space->pending)
        publish(space);
}

/* Queue every space that shows r: that of its tree, and those of aliases to r or an ancestor. */
static void queue_spaces(struct mem_region *r, bool structural, struct mem_space **queue,
                         unsigned depth)
{
    if (depth > MEM_DEPTH_MAX)
        return;
    for (;; r = r->parent) {
        list_for_each(alias, &r->aliases, struct mem_region, alias_node)
        {
            queue_spaces(alias, structural, queue, depth + 1);
        }
        if (!r->parent)
            break;
    }
    if (r->space && r == &r->space->root) {
        struct mem_space *space = r->space;
        space->pending = true;
        space->structural |= structural;
        if (!space->queued) {
            space->queued = true;
            space->queue_next = *queue;
            *queue = space;
        }
    }
}

void mem_space_tree_changed(struct mem_region *r, bool structural)
{
    struct mem_space *queue = NULL;

    queue_spaces(r, structural, &queue, 0);
    while (queue) {
        struct mem_space *space = queue;
        queue = space->queue_next;
        space->queued = false;
        if (!space->transaction_depth)
            publish(space);
    }
}
