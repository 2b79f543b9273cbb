/* Writes that the kernel gathers, on a kernel made for the test (kvm_fake.h). */
#include <criterion/criterion.h>
#include <string.h>

#include "accel/kvm/kvm.h"
#include "core/memory/memory.h"
#include "core/memory/posted.h"
#include "tests/unit/kvm_fake.h"

enum { WINDOW = 0xa0000, PORT = 0x70, ENTRIES = 170 /* 24 bytes each behind 8, in a page */ };

static char order[64]; /* what was done, in its order */
static struct mem_region window, ports;

static void note(char what, uint64_t value)
{
    size_t n = strlen(order);
    cr_assert_lt(n + 3, sizeof order);
    order[n] = what;
    order[n + 1] = (char)('a' + value % 26);
}
static uint64_t noted_read(void *opaque, uint64_t offset, unsigned size)
{
    (void)size;
    note(opaque ? 'R' : 'r', offset);
    return 0;
}
static void noted_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    (void)offset, (void)size;
    note(opaque ? 'W' : 'w', value);
}
static const struct mem_ops ops = {
    .read = noted_read, .write = noted_write, .min_size = 1, .max_size = 1};

static void start(void)
{
    static const struct mem_posted in_window[] = {{0, 0x1000}, {0x3000, 0x1000}, {0, 0}};
    static const struct mem_posted index[] = {{0, 1}, {0, 0}};
    fake_start();
    order[0] = 0;
    memset(order, 0, sizeof order);
    fake_make_vcpu();
    machine_lock(&m);
    mem_region_init_io(&window, "window", 0x4000, &ops, NULL, NULL);
    mem_region_init_io(&ports, "ports", 2, &ops, &ports, NULL);
    mem_region_add(mem_space_root(m.memory), WINDOW, &window, 0);
    mem_region_add(mem_space_root(m.io), PORT, &ports, 0);
    mem_region_set_posted(&window, in_window);
    mem_region_set_posted(&ports, index);
    machine_unlock(&m);
}
static void stop(void)
{
    machine_lock(&m);
    mem_region_remove(&window);
    mem_region_remove(&ports);
    machine_unlock(&m);
    cr_expect_eq(kernel.zone_count, 0, "the kernel is told that they are gone");
    fake_stop();
}
TestSuite(kvm_posted, .init = start, .fini = stop);

static bool has_zone(uint64_t addr, uint32_t size, uint32_t pio)
{
    for (unsigned n = 0; n < kernel.zone_count; n++)
        if (kernel.zones[n].addr == addr && kernel.zones[n].size == size &&
            kernel.zones[n].pio == pio)
            return true;
    return false;
}

static struct kvm_coalesced_mmio_ring *ring(void)
{
    return (void *)(kernel.page + KVM_COALESCED_MMIO_PAGE_OFFSET * 4096);
}

/* As the kernel does: the entry first, then the ring's end. */
static void post(uint64_t addr, uint8_t value, bool pio)
{
    struct kvm_coalesced_mmio *e = &ring()->coalesced_mmio[ring()->last];
    *e = (struct kvm_coalesced_mmio){.phys_addr = addr, .len = 1, .pio = pio, .data[0] = value};
    ring()->last = (ring()->last + 1) % ENTRIES;
}

Test(kvm_posted, zones_follow_the_view)
{
    cr_expect_eq(kernel.zone_count, 3);
    cr_expect(has_zone(WINDOW, 0x1000, 0) && has_zone(WINDOW + 0x3000, 0x1000, 0));
    cr_expect(has_zone(PORT, 1, 1));
    struct mem_region over;
    mem_region_init_io(&over, "over", 0x800, &ops, NULL, NULL);
    machine_lock(&m);
    mem_region_add(mem_space_root(m.memory), WINDOW + 0x800, &over, 1);
    cr_expect_eq(kernel.zone_count, 3);
    cr_expect(has_zone(WINDOW, 0x800, 0), "what is hidden is not gathered");
    mem_region_remove(&over);
    machine_unlock(&m);
    cr_expect(has_zone(WINDOW, 0x1000, 0));
}

static int read_after_writes(struct kernel *k, struct kvm_run *run)
{
    if (k->runs > 1)
        return fake_shut_down(k, run);
    post(WINDOW + 1, 1, false);
    post(PORT, 2, true);
    post(WINDOW + 0x3002, 3, false);
    run->exit_reason = KVM_EXIT_MMIO;
    run->mmio.phys_addr = WINDOW + 5;
    run->mmio.len = 1;
    run->mmio.is_write = 0;
    return 0;
}

Test(kvm_posted, writes_come_before_the_access_that_could_tell)
{
    kernel.run = read_after_writes;
    cr_assert_eq(fake_run_once(m.vcpus[0]), VCPU_EXIT_SHUTDOWN);
    cr_expect_str_eq(order, "wbWcwdrf");
    cr_expect_eq(ring()->first, ring()->last);
}

static int post_and_leave(struct kernel *k, struct kvm_run *run)
{
    for (unsigned n = 0; n < 5; n++)
        post(WINDOW + n, (uint8_t)n, false);
    return fake_shut_down(k, run);
}

Test(kvm_posted, the_ring_has_no_end)
{
    ring()->first = ring()->last = ENTRIES - 2;
    kernel.run = post_and_leave;
    cr_assert_eq(fake_run_once(m.vcpus[0]), VCPU_EXIT_SHUTDOWN);
    cr_expect_str_eq(order, "wawbwcwdwe");
    cr_expect_eq(ring()->first, 3);
}

Test(kvm_posted, who_asks_from_outside_sees_them)
{
    post(WINDOW, 7, false);
    machine_lock(&m);
    machine_flush_posted(&m);
    machine_unlock(&m);
    cr_expect_str_eq(order, "wh");
    post(WINDOW, 8, false);
    kvm_accel()->get_state(m.vcpus[0]);
    cr_expect_str_eq(order, "whwi", "a pause of one that did not run");
    cr_assert_eq(fake_run_once(m.vcpus[0]), VCPU_EXIT_SHUTDOWN);
    post(WINDOW, 9, false);
    kvm_accel()->get_state(m.vcpus[0]);
    cr_expect_str_eq(order, "whwiwj", "and of one that did");
}

Test(kvm_posted, a_write_to_what_is_no_more_there_goes_nowhere)
{
    post(WINDOW + 0x100000, 1, false);
    post(UINT64_MAX, 1, false);
    ring()->coalesced_mmio[1].len = 200;
    machine_lock(&m);
    machine_flush_posted(&m);
    machine_unlock(&m);
    cr_expect_str_eq(order, "");
    cr_expect_eq(ring()->first, ring()->last);
    ring()->first = 5000; /* not of the ring */
    machine_lock(&m);
    machine_flush_posted(&m);
    machine_unlock(&m);
}
