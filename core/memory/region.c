/* The region tree: building it and moving parts of it. Rendering is flatview.c, publishing space.c.
 */
#include "core/memory/internal.h"

#include <string.h>

#include "core/util/range.h"

static void region_init(struct mem_region *r, const char *name, enum mem_kind kind, uint64_t size)
{
    memset(r, 0, sizeof *r);
    r->name = name;
    r->kind = kind;
    r->size = MIN(size, MEM_SIZE_MAX);
    r->enabled = true;
    list_init(&r->children);
    list_init(&r->sibling);
    list_init(&r->aliases);
    list_init(&r->alias_node);
    list_init(&r->doorbells);
}

void mem_region_init_container(struct mem_region *r, const char *name, uint64_t size)
{
    region_init(r, name, MEM_CONTAINER, size);
}

static void init_memory(struct mem_region *r, const char *name, enum mem_kind kind,
                        struct ram_block *ram, uint64_t ram_offset, uint64_t size)
{
    /* What a region shows is always inside its block: accesses rely on it. */
    ram_offset = MIN(ram_offset, ram->size);
    region_init(r, name, kind, MIN(size, ram->size - ram_offset));
    r->ram = ram;
    r->ram_offset = ram_offset;
}

void mem_region_init_ram(struct mem_region *r, const char *name, struct ram_block *ram,
                         uint64_t ram_offset, uint64_t size)
{
    init_memory(r, name, ram->read_only ? MEM_ROM : MEM_RAM, ram, ram_offset, size);
}

void mem_region_init_rom(struct mem_region *r, const char *name, struct ram_block *ram,
                         uint64_t ram_offset, uint64_t size)
{
    init_memory(r, name, MEM_ROM, ram, ram_offset, size);
}

void mem_region_init_io(struct mem_region *r, const char *name, uint64_t size,
                        const struct mem_ops *ops, void *opaque, struct device *owner)
{
    region_init(r, name, MEM_MMIO, size);
    r->ops = ops;
    r->opaque = opaque;
    r->owner = owner;
}

void mem_region_init_alias(struct mem_region *r, const char *name, struct mem_region *target,
                           uint64_t target_offset, uint64_t size)
{
    region_init(r, name, MEM_ALIAS, size);
    r->target = target;
    r->target_offset = target_offset;
}

/* Is `wanted` r, below r, or reached from there over an alias? */
static bool reaches(const struct mem_region *r, const struct mem_region *wanted, unsigned depth)
{
    if (r == wanted || depth > MEM_DEPTH_MAX)
        return true;
    if (r->kind == MEM_ALIAS && reaches(r->target, wanted, depth + 1))
        return true;
    list_for_each(child, &r->children, struct mem_region, sibling)
    {
        if (reaches(child, wanted, depth + 1))
            return true;
    }
    return false;
}

/* Children are kept in rendering order: higher priority first, then the later addition first. */
static void link_child(struct mem_region *parent, struct mem_region *r)
{
    struct list *before = &parent->children;

    list_for_each(child, &parent->children, struct mem_region, sibling)
    {
        if (child->priority <= r->priority) {
            before = &child->sibling;
            break;
        }
    }
    list_add_tail(before, &r->sibling);
}

void mem_region_add(struct mem_region *parent, uint64_t addr, struct mem_region *r, int priority)
{
    struct mem_region *old_parent = r->parent;

    if (old_parent) {
        list_remove(&r->sibling);
        r->parent = NULL;
    }
    if (!reaches(r, parent, 0)) {
        r->parent = parent;
        r->addr = addr;
        r->priority = priority;
        link_child(parent, r);
        if (r->kind == MEM_ALIAS && list_empty(&r->alias_node))
            list_add_tail(&r->target->aliases, &r->alias_node);
    } else {
        list_remove(&r->alias_node);
    }
    if (old_parent && old_parent != r->parent)
        mem_space_tree_changed(old_parent, true);
    if (r->parent)
        mem_space_tree_changed(parent, true);
}

void mem_region_remove(struct mem_region *r)
{
    struct mem_region *parent = r->parent;

    if (!parent)
        return;
    list_remove(&r->sibling);
    list_remove(&r->alias_node);
    r->parent = NULL;
    mem_space_tree_changed(parent, true);
}

void mem_region_set_address(struct mem_region *r, uint64_t addr)
{
    if (r->addr == addr)
        return;
    r->addr = addr;
    if (r->parent)
        mem_space_tree_changed(r->parent, false);
}

void mem_region_set_enabled(struct mem_region *r, bool enabled)
{
    if (r->enabled == enabled)
        return;
    r->enabled = enabled;
    mem_space_tree_changed(r, false);
}
