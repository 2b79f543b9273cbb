/* The kernel's dirty log behind core/memory/dirty.h, on a kernel made for the test (kvm_fake.h). */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "accel/kvm/kvm.h"
#include "core/memory/dirty.h"
#include "core/memory/memory.h"
#include "core/util/error.h"
#include "tests/unit/kvm_fake.h"

enum { PAGES = 64 };
#define SIZE (PAGES * MEM_PAGE_SIZE)

static struct ram_block *block;
static struct mem_region ram;

static void make_memory(void)
{
    fake_make_vcpu();
    block = ram_block_new(&m.rams, "screen", SIZE, false, NULL);
    mem_region_init_ram(&ram, "screen", block, 0, SIZE);
    machine_lock(&m);
    mem_region_add(mem_space_root(m.memory), 0x100000, &ram, 0);
    machine_unlock(&m);
}
static void setup(void)
{
    fake_start();
    make_memory();
}
static void setup_ring(void)
{
    struct vemu_error *err = NULL;
    fake_start();
    fake_make_vm();
    cr_assert(kvm_set_option(&m, "dirty-ring-size", "1024", &err));
    cr_assert(kvm_machine_ready(&m, &err), "%s", err ? vemu_error_message(err) : "");
    make_memory();
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
TestSuite(kvm_dirty_ring, .init = setup_ring, .fini = teardown);

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
/* 8.29: the next entry, which must be free. */
static void guest_stores_ring(unsigned page)
{
    struct kvm_dirty_gfn *e = &kernel.ring[kernel.ring_put++ % DIRTY_ENTRIES];
    cr_assert_eq(e->flags, 0, "the ring is full");
    *e = (struct kvm_dirty_gfn){
        .flags = KVM_DIRTY_GFN_F_DIRTY, .slot = slot()->slot, .offset = page};
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

/* ---- rings ------------------------------------------------------------------------------------
 */

Test(kvm_dirty_ring, is_enabled_before_there_is_a_vcpu)
{
    cr_expect_eq(kernel.ring_bytes, DIRTY_ENTRIES * sizeof(struct kvm_dirty_gfn));
    log_on(true);
    cr_expect_eq(slot()->flags, KVM_MEM_LOG_DIRTY_PAGES);
}

Test(kvm_dirty_ring, stores_of_the_guest_are_fetched_and_noted_anew)
{
    log_on(true);
    settle();
    guest_stores_ring(3);
    guest_stores_ring(63);
    guest_stores_ring(3);
    unsigned resets = kernel.ring_resets;
    cr_expect_eq(fetch(), UINT64_C(1) << 3 | UINT64_C(1) << 63);
    cr_expect_eq(kernel.ring_resets, resets + 1, "before what is in them is read");
    cr_expect_eq(fetch(), UINT64_C(1) << 3 | UINT64_C(1) << 63, "until they are said to be clean");
    cr_expect_eq(kernel.ring_resets, resets + 1, "nothing was taken");
    clean(UINT64_C(1) << 3 | UINT64_C(1) << 63);
    fetch();
    cr_expect_eq(fetch(), 0);
    guest_stores_ring(7);
    cr_expect_eq(fetch(), UINT64_C(1) << 7);
}

Test(kvm_dirty_ring, a_ring_has_no_end)
{
    log_on(true);
    settle();
    for (unsigned round = 0; round < 5; round++) {
        for (unsigned n = 0; n < DIRTY_ENTRIES - 100; n++)
            guest_stores_ring(n % PAGES);
        cr_expect_eq(fetch(), UINT64_MAX);
    }
}

Test(kvm_dirty_ring, what_was_stored_before_a_slot_moves_is_not_lost)
{
    log_on(true);
    settle();
    guest_stores_ring(5);
    machine_lock(&m);
    mem_region_set_address(&ram, 0x200000);
    machine_unlock(&m);
    cr_expect_eq(fetch(), UINT64_C(1) << 5);
}

static int full(struct kernel *k, struct kvm_run *run)
{
    if (k->runs > 1)
        return fake_shut_down(k, run);
    for (unsigned n = 0; n < DIRTY_ENTRIES; n++)
        guest_stores_ring(n % 10);
    run->exit_reason = KVM_EXIT_DIRTY_RING_FULL;
    return 0;
}

Test(kvm_dirty_ring, a_full_ring_is_emptied_and_the_guest_goes_on)
{
    log_on(true);
    settle();
    kernel.run = full;
    cr_assert_eq(fake_run_once(m.vcpus[0]), VCPU_EXIT_SHUTDOWN);
    cr_expect_eq(kernel.runs, 2);
    for (unsigned n = 0; n < DIRTY_ENTRIES; n++)
        cr_assert_eq(kernel.ring[n].flags, 0, "entry %u", n);
    cr_expect_eq(fetch(), 0x3ff);
}

Test(kvm_dirty_ring, entries_of_no_memory_are_passed_over)
{
    log_on(true);
    settle();
    kernel.ring[0] = (struct kvm_dirty_gfn){KVM_DIRTY_GFN_F_DIRTY, 4000, 1};
    kernel.ring[1] = (struct kvm_dirty_gfn){KVM_DIRTY_GFN_F_DIRTY, slot()->slot, UINT64_MAX};
    kernel.ring_put = 2;
    guest_stores_ring(1);
    cr_expect_eq(fetch(), 2);
}

static void start_plain(void)
{
    fake_start();
    fake_make_vm();
}
TestSuite(kvm_dirty_option, .init = start_plain, .fini = fake_stop);

Test(kvm_dirty_option, sizes_are_powers_of_two)
{
    static const char *const bad[] = {"1000", "512", "131072", "-1024", "many", "1024x", ""};
    struct vemu_error *err = NULL;
    for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++) {
        err = NULL;
        cr_assert(!kvm_set_option(&m, "dirty-ring-size", bad[i], &err), "%s", bad[i]);
        cr_expect(strstr(vemu_error_message(err), "power of two"));
        vemu_error_free(err);
    }
    cr_assert(kvm_set_option(&m, "dirty-ring-size", "0", &err));
    cr_assert(kvm_machine_ready(&m, &err));
    cr_expect_eq(kernel.ring_bytes, 0);
}

Test(kvm_dirty_option, more_than_the_kernel_has_is_an_error)
{
    struct vemu_error *err = NULL;
    cr_assert(kvm_set_option(&m, "dirty-ring-size", "4096", &err));
    cr_assert(!kvm_machine_ready(&m, &err));
    cr_expect(strstr(vemu_error_message(err), "more than this kernel's 1024"), "%s",
              vemu_error_message(err));
    vemu_error_free(err);
}

Test(kvm_dirty_option, without_the_extension_there_are_bitmaps_and_a_warning)
{
    struct vemu_error *err = NULL;
    kernel.no_dirty_ring = true;
    cr_assert(kvm_set_option(&m, "dirty-ring-size", "1024", &err));
    cr_assert(kvm_machine_ready(&m, &err));
    cr_expect(strstr(said, "KVM_CAP_DIRTY_LOG_RING"));
    cr_expect_eq(kernel.ring_bytes, 0);
}
