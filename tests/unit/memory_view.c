/* core/memory: the region tree, what is visible of it, and publishing under concurrent readers. */
#include <criterion/criterion.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/memory/memory.h"

static const struct mem_ops no_ops;
static struct mem_space *space;
static unsigned changes;

static void count_change(void *opaque, struct mem_space *s)
{
    (void)opaque;
    (void)s;
    changes++;
}

static void set_up(void)
{
    space = mem_space_new("test", UINT64_C(1) << 52, NULL, NULL);
    changes = 0;
    mem_space_set_listener(space, count_change, NULL);
}

static void tear_down(void)
{
    mem_space_free(space);
}

TestSuite(memory_view, .init = set_up, .fini = tear_down);

static struct mem_region *io(struct mem_region *r, const char *name, uint64_t size)
{
    mem_region_init_io(r, name, size, &no_ops, NULL, NULL);
    return r;
}

/* "name start-end@offset ..." of the current view, in hexadecimal. */
static const char *show(void)
{
    static char text[2048];
    const struct mem_view *view;
    unsigned token;
    size_t used = 0;

    text[0] = 0;
    view = mem_view_enter(space, &token);
    for (uint32_t i = 0; i < view->count; i++) {
        const struct mem_range *x = &view->ranges[i];
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%s %llx-%llx@%llx",
                                 i ? ", " : "", x->region->name, (unsigned long long)x->start,
                                 (unsigned long long)(x->start + x->size),
                                 (unsigned long long)x->region_offset);
    }
    mem_view_leave(space, token);
    return text;
}

Test(memory_view, higher_priority_covers_and_the_rest_shows_around_it)
{
    struct mem_region low, high;

    mem_region_add(mem_space_root(space), 0x1000, io(&low, "low", 0x3000), 0);
    mem_region_add(mem_space_root(space), 0x2000, io(&high, "high", 0x1000), 1);
    cr_assert_str_eq(show(), "low 1000-2000@0, high 2000-3000@0, low 3000-4000@2000");
    mem_region_set_enabled(&high, false);
    cr_assert_str_eq(show(), "low 1000-4000@0");
    mem_region_set_enabled(&high, true);
    mem_region_set_address(&high, 0x3800);
    cr_assert_str_eq(show(), "low 1000-3800@0, high 3800-4800@0");
}

Test(memory_view, equal_priority_is_won_by_the_later_addition)
{
    struct mem_region first, second;

    mem_region_add(mem_space_root(space), 0, io(&first, "first", 0x1000), 3);
    mem_region_add(mem_space_root(space), 0x800, io(&second, "second", 0x1000), 3);
    cr_assert_str_eq(show(), "first 0-800@0, second 800-1800@0");
    mem_region_add(mem_space_root(space), 0, &first, 3);
    cr_assert_str_eq(show(), "first 0-1000@0, second 1000-1800@800");
}

Test(memory_view, container_clips_and_its_priority_decides_against_siblings)
{
    struct mem_region box, inner, rival;

    mem_region_init_container(&box, "box", 0x1000);
    mem_region_add(&box, 0x800, io(&inner, "inner", 0x1000), 100);
    mem_region_add(mem_space_root(space), 0x4000, &box, 0);
    cr_assert_str_eq(show(), "inner 4800-5000@0");
    mem_region_add(mem_space_root(space), 0x4900, io(&rival, "rival", 0x100), 1);
    cr_assert_str_eq(show(), "inner 4800-4900@0, rival 4900-4a00@0, inner 4a00-5000@200");
    mem_region_remove(&box);
    mem_region_remove(&box);
    cr_assert_str_eq(show(), "rival 4900-4a00@0");
}

Test(memory_view, alias_of_an_alias_shows_a_window_of_a_window)
{
    struct mem_region target, first, second;

    io(&target, "target", 0x10000);
    mem_region_init_alias(&first, "first", &target, 0x2000, 0x8000);
    mem_region_init_alias(&second, "second", &first, 0x1000, 0x1000);
    mem_region_add(mem_space_root(space), 0x100000, &first, 0);
    mem_region_add(mem_space_root(space), 0x200000, &second, 0);
    cr_assert_str_eq(show(), "target 100000-108000@2000, target 200000-201000@3000");
}

Test(memory_view, change_below_an_alias_target_outside_the_tree_is_seen)
{
    struct mem_region pci, hole, bar;

    mem_region_init_container(&pci, "pci", UINT64_C(1) << 40);
    mem_region_init_alias(&hole, "hole", &pci, 0xc0000000, 0x1000000);
    mem_region_add(mem_space_root(space), 0xc0000000, &hole, 0);
    mem_region_add(&pci, 0xc0001000, io(&bar, "bar", 0x1000), 1);
    cr_assert_str_eq(show(), "bar c0001000-c0002000@0");
    mem_region_set_address(&bar, 0xc0800000);
    cr_assert_str_eq(show(), "bar c0800000-c0801000@0");
    mem_region_set_address(&bar, 0xd0000000);
    cr_assert_str_eq(show(), "");
    mem_region_set_address(&bar, 0xc0000000);
    mem_region_set_enabled(&bar, false);
    cr_assert_str_eq(show(), "");
}

Test(memory_view, cycles_over_parents_and_aliases_are_refused)
{
    struct mem_region a, b, alias, leaf;

    mem_region_init_container(&a, "a", 0x10000);
    mem_region_init_container(&b, "b", 0x10000);
    mem_region_add(mem_space_root(space), 0, &a, 0);
    mem_region_add(&a, 0, &b, 0);
    mem_region_add(&b, 0, io(&leaf, "leaf", 0x100), 0);
    mem_region_add(&b, 0, &a, 0);
    cr_assert_null(a.parent);
    cr_assert_str_eq(show(), "");
    mem_region_add(mem_space_root(space), 0, &a, 0);
    cr_assert_str_eq(show(), "leaf 0-100@0");
    mem_region_add(&a, 0, &a, 0);
    cr_assert_null(a.parent);
    mem_region_add(mem_space_root(space), 0, &a, 0);

    mem_region_init_alias(&alias, "alias", mem_space_root(space), 0, 0x10000);
    mem_region_add(&b, 0x1000, &alias, 0);
    cr_assert_null(alias.parent);
    cr_assert_str_eq(show(), "leaf 0-100@0");
}

Test(memory_view, pieces_of_a_region_that_touch_are_one_range)
{
    struct mem_region target, one, two, three;

    io(&target, "target", 0x4000);
    mem_region_init_alias(&one, "one", &target, 0, 0x1000);
    mem_region_init_alias(&two, "two", &target, 0x1000, 0x1000);
    mem_region_init_alias(&three, "three", &target, 0x3000, 0x1000);
    mem_region_add(mem_space_root(space), 0x0, &one, 0);
    mem_region_add(mem_space_root(space), 0x1000, &two, 0);
    mem_region_add(mem_space_root(space), 0x2000, &three, 0);
    cr_assert_str_eq(show(), "target 0-2000@0, target 2000-3000@3000");
}

Test(memory_view, largest_sizes_and_addresses_do_not_wrap)
{
    struct mem_space *big = mem_space_new("big", UINT64_MAX, NULL, NULL), *saved = space;
    struct mem_region all, last, high, window;

    space = big;
    io(&all, "all", UINT64_MAX);
    cr_assert_eq(all.size, UINT64_C(1) << 63);
    mem_region_add(mem_space_root(big), 0, &all, 0);
    mem_region_add(mem_space_root(big), (UINT64_C(1) << 63) - 0x1000, io(&last, "last", 0x2000), 1);
    mem_region_add(mem_space_root(big), UINT64_MAX, io(&high, "high", UINT64_MAX), 2);
    cr_assert_str_eq(show(), "all 0-7ffffffffffff000@0, "
                             "last 7ffffffffffff000-8000000000000000@0");
    /* The target's window begins past its end: nothing shows. */
    mem_region_init_alias(&window, "window", &all, UINT64_MAX - 0xfff, UINT64_MAX);
    mem_region_add(mem_space_root(big), 0, &window, 5);
    cr_assert_str_eq(show(), "all 0-7ffffffffffff000@0, "
                             "last 7ffffffffffff000-8000000000000000@0");
    mem_space_free(big);
    space = saved;
}

Test(memory_view, find_hits_exactly_the_range)
{
    struct mem_region a, b;
    const struct mem_view *view;
    unsigned token;

    mem_region_add(mem_space_root(space), 0x1000, io(&a, "a", 0x1000), 0);
    mem_region_add(mem_space_root(space), 0x3000, io(&b, "b", 1), 0);
    view = mem_view_enter(space, &token);
    cr_assert_null(mem_view_find(view, 0xfff));
    cr_assert_eq(mem_view_find(view, 0x1000)->region, &a);
    cr_assert_eq(mem_view_find(view, 0x1fff)->region, &a);
    cr_assert_null(mem_view_find(view, 0x2000));
    cr_assert_eq(mem_view_find(view, 0x3000)->region, &b);
    cr_assert_null(mem_view_find(view, 0x3001));
    cr_assert_null(mem_view_find(view, UINT64_MAX));
    mem_view_leave(space, token);
}

Test(memory_view, transaction_publishes_once_and_no_change_publishes_nothing)
{
    struct mem_region a, b;

    mem_transaction_begin(space);
    mem_transaction_begin(space);
    mem_region_add(mem_space_root(space), 0, io(&a, "a", 0x1000), 0);
    mem_transaction_commit(space);
    mem_region_add(mem_space_root(space), 0x1000, io(&b, "b", 0x1000), 0);
    cr_assert_str_eq(show(), "");
    cr_assert_eq(changes, 0u);
    mem_transaction_commit(space);
    cr_assert_eq(changes, 1u);
    cr_assert_str_eq(show(), "a 0-1000@0, b 1000-2000@0");

    mem_region_set_enabled(&a, true);
    mem_region_set_address(&b, 0x1000);
    mem_transaction_begin(space);
    mem_region_set_enabled(&a, false);
    mem_region_set_enabled(&a, true);
    mem_transaction_commit(space);
    cr_assert_eq(changes, 1u);
}

Test(memory_view, ram_regions_never_reach_past_their_block)
{
    struct ram_list rams;
    struct ram_block *block;
    struct mem_region r;

    ram_list_init(&rams);
    block = ram_block_new(&rams, "ram", 0x3001, false, NULL);
    cr_assert_eq(block->size, UINT64_C(0x4000));
    mem_region_init_ram(&r, "r", block, 0x3000, 0x10000);
    cr_assert_eq(r.size, UINT64_C(0x1000));
    mem_region_init_ram(&r, "r", block, UINT64_MAX, 0x10000);
    cr_assert_eq(r.size, UINT64_C(0));
    cr_assert_eq(ram_block_find(&rams, "ram"), block);
    cr_assert_null(ram_block_new(&rams, "ram", 0x1000, false, NULL));
    ram_block_free(&rams, block);
}

static long resident_pages(void)
{
    FILE *f = fopen("/proc/self/statm", "r");
    long total = 0, resident = 0;

    cr_assert_eq(fscanf(f, "%ld %ld", &total, &resident), 2);
    fclose(f);
    return resident;
}

Test(memory_view, ram_is_zero_and_not_resident_before_it_is_touched)
{
    long before = resident_pages();
    struct ram_block *block;
    struct ram_list rams;

    ram_list_init(&rams);
    block = ram_block_new(&rams, "ram", UINT64_C(4) << 30, false, NULL);
    cr_assert_not_null(block);
    cr_assert_eq(block->host[UINT64_C(3) << 30], 0);
    cr_assert(resident_pages() - before < 1024);
    ram_block_free(&rams, block);
}

/* ---- readers while views are published --------------------------------------------------------
 */

enum { READERS = 4, SLOTS = 16, ROUNDS = 3000 };
static struct mem_region slots[SLOTS];
static _Atomic bool stop;

/* Every view must be whole: sorted, disjoint, and each slot at its own place. */
static void *read_views(void *opaque)
{
    unsigned long *seen = opaque;

    while (!stop) {
        unsigned outer, inner;
        const struct mem_view *view = mem_view_enter(space, &outer), *again;
        uint64_t last = 0;

        for (uint32_t i = 0; i < view->count; i++) {
            const struct mem_range *x = &view->ranges[i];
            if (x->start < last || x->region < slots || x->region >= slots + SLOTS ||
                x->start / 0x1000 % SLOTS != (uint64_t)(x->region - slots))
                return (void *)1;
            last = x->start + x->size;
        }
        again = mem_view_enter(space, &inner);
        if (again->generation < view->generation)
            return (void *)2;
        mem_view_leave(space, inner);
        mem_view_leave(space, outer);
        ++*seen;
    }
    return NULL;
}

Test(memory_view, readers_see_whole_views_while_the_map_changes)
{
    unsigned long seen[READERS] = {0};
    pthread_t threads[READERS];

    stop = false;
    for (unsigned i = 0; i < SLOTS; i++)
        mem_region_add(mem_space_root(space), i * 0x1000, io(&slots[i], "slot", 0x1000), 0);
    for (unsigned i = 0; i < READERS; i++)
        pthread_create(&threads[i], NULL, read_views, &seen[i]);
    for (unsigned round = 0; round < ROUNDS; round++) {
        struct mem_region *r = &slots[round * 7 % SLOTS];
        if (round & 1)
            mem_region_set_enabled(r, !r->enabled);
        else
            mem_region_set_address(r, r->addr ^ SLOTS * 0x1000);
    }
    stop = true;
    for (unsigned i = 0; i < READERS; i++) {
        void *wrong;
        pthread_join(threads[i], &wrong);
        cr_assert_null(wrong, "reader %u: %p", i, wrong);
    }
}

Test(memory_view, large_trees_render_fast)
{
    enum { COUNT = 300, CHANGES = 2000 };
    static struct mem_region many[COUNT];
    struct timespec start, end;
    double ms;

    mem_transaction_begin(space);
    for (unsigned i = 0; i < COUNT; i++)
        mem_region_add(mem_space_root(space), i * 0x3000, io(&many[i], "many", 0x4000),
                       (int)(i * 7 % 5));
    mem_transaction_commit(space);
    clock_gettime(CLOCK_MONOTONIC, &start);
    for (unsigned i = 0; i < CHANGES; i++)
        mem_region_set_enabled(&many[i % COUNT], !many[i % COUNT].enabled);
    clock_gettime(CLOCK_MONOTONIC, &end);
    ms = (double)(end.tv_sec - start.tv_sec) * 1e3 + (double)(end.tv_nsec - start.tv_nsec) / 1e6;
    /* About 15 us each on a slow host; the bound only catches a wrong order of growth. */
    cr_assert(ms < 2000, "%.1f ms", ms);
}
