/* The kernel's dirty log behind core/memory/dirty.h, on a kernel made for the test (kvm_fake.h). */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "core/memory/dirty.h"
#include "core/memory/memory.h"
#include "tests/unit/kvm_fake.h"

enum { PAGES = 64 };
#define SIZE (PAGES * MEM_PAGE_SIZE)

static struct ram_block *block;
static struct mem_region ram;

static void setup(void)
{
    fake_start();
    fake_make_vcpu();
    block = ram_block_new(&m.rams, "screen", SIZE, false, NULL);
    mem_region_init_ram(&ram, "screen", block, 0, SIZE);
    machine_lock(&m);
    mem_region_add(mem_space_root(m.memory), 0x100000, &ram, 0);
    machine_unlock(&m);
}
static void teardown(void)
{
    machine_lock(&m);
    mem_region_remove(&ram);
    machine_unlock(&m);
    ram_block_free(&m.rams, block);
    fake_stop();
}
TestSuite(kvm_dirty, .init = setup, .fini = teardown);

static const struct kvm_userspace_memory_region *slot(void)
{
    for (unsigned i = 0; i < SLOTS; i++)
        if (kernel.slots[i].memory_size)
            return &kernel.slots[i];
    return NULL;
}
static void log_on(bool on)
{
    machine_lock(&m);
    cr_assert(ram_block_log_dirty(&m.rams, block, MEM_DIRTY_DISPLAY, on, NULL));
    machine_unlock(&m);
}
static uint64_t fetch(void)
{
    uint64_t pages = 0;
    machine_lock(&m);
    ram_block_fetch_dirty(&m.rams, block, MEM_DIRTY_DISPLAY, 0, PAGES, &pages);
    machine_unlock(&m);
    return pages;
}
static void clean(uint64_t pages)
{
    machine_lock(&m);
    ram_block_clean(&m.rams, block, MEM_DIRTY_DISPLAY, 0, PAGES, &pages);
    machine_unlock(&m);
}
/* Everything is read once, and what was cleaned once more. */
static void settle(void)
{
    cr_assert_eq(fetch(), UINT64_MAX);
    clean(UINT64_MAX);
    fetch();
    cr_assert_eq(fetch(), 0);
}
static void guest_stores(unsigned page)
{
    kernel.dirty[slot()->slot] |= UINT64_C(1) << page;
}

Test(kvm_dirty, the_kernel_logs_what_somebody_wants_to_know)
{
    cr_expect_eq(slot()->flags, 0);
    unsigned calls = kernel.slot_calls;
    log_on(true);
    cr_expect_eq(slot()->flags, KVM_MEM_LOG_DIRTY_PAGES);
    log_on(false);
    cr_expect_eq(slot()->flags, 0);
    cr_expect_eq(kernel.slot_calls, calls + 2, "the slot stays where it is");
}

Test(kvm_dirty, stores_of_the_guest_are_fetched)
{
    log_on(true);
    settle();
    guest_stores(3);
    guest_stores(63);
    cr_expect_eq(fetch(), UINT64_C(1) << 3 | UINT64_C(1) << 63);
    cr_expect_eq(fetch(), UINT64_C(1) << 3 | UINT64_C(1) << 63, "until they are said to be clean");
    clean(UINT64_C(1) << 3);
    guest_stores(3);
    cr_expect_eq(fetch(), UINT64_C(1) << 3 | UINT64_C(1) << 63);
}

Test(kvm_dirty, what_was_stored_before_a_slot_moves_is_not_lost)
{
    log_on(true);
    settle();
    guest_stores(5);
    machine_lock(&m);
    mem_region_set_address(&ram, 0x200000);
    machine_unlock(&m);
    cr_assert_eq(slot()->guest_phys_addr, 0x200000);
    cr_expect_eq(slot()->flags, KVM_MEM_LOG_DIRTY_PAGES, "and it is logged there");
    cr_expect_eq(fetch(), UINT64_C(1) << 5);
}

Test(kvm_dirty, a_part_of_a_block_is_logged_where_it_is_in_it)
{
    struct mem_region cover;
    log_on(true);
    settle();
    mem_region_init_ram(&cover, "cover", block, 0, MEM_PAGE_SIZE);
    machine_lock(&m);
    mem_region_add(mem_space_root(m.memory), 0x100000, &cover, 1);
    machine_unlock(&m);
    unsigned second = SLOTS;
    for (unsigned i = 0; i < SLOTS; i++)
        if (kernel.slots[i].memory_size && kernel.slots[i].guest_phys_addr == 0x101000)
            second = i;
    cr_assert_neq(second, SLOTS);
    kernel.dirty[second] = 1;
    cr_expect_eq(fetch(), 2, "its first page is the block's second");
    machine_lock(&m);
    mem_region_remove(&cover);
    machine_unlock(&m);
}

Test(kvm_dirty, everything_counts_as_dirty_when_the_kernel_does_not_tell)
{
    log_on(true);
    settle();
    kernel.dirty_error = ENOENT;
    cr_expect_eq(fetch(), UINT64_MAX);
}
