/* Doorbells (core/memory/doorbell.h, core/device/doorbell.h), and how accel/kvm has them rung, on a
 * kernel made for the test (kvm_fake.h). */
#include <criterion/criterion.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "accel/kvm/kvm.h"
#include "core/device/doorbell.h"
#include "core/memory/memory.h"
#include "core/util/error.h"
#include "tests/unit/kvm_fake.h"

static struct mem_region registers, ports;
static struct doorbell bell, other;
static unsigned rings, other_rings;

static uint64_t read_nothing(void *opaque, uint64_t offset, unsigned size)
{
    (void)opaque, (void)offset, (void)size;
    return 0;
}
static void write_nothing(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    (void)opaque, (void)offset, (void)value, (void)size;
}
static const struct mem_ops nothing = {.read = read_nothing, .write = write_nothing};

static void count(void *opaque)
{
    (*(unsigned *)opaque)++;
}

static void setup(void)
{
    fake_start();
    fake_make_vcpu();
    mem_region_init_io(&registers, "registers", 0x100, &nothing, NULL, NULL);
    mem_region_init_io(&ports, "ports", 0x20, &nothing, NULL, NULL);
    machine_lock(&m);
    mem_region_add(mem_space_root(m.memory), 0x10000, &registers, 0);
    mem_region_add(mem_space_root(m.io), 0xc000, &ports, 0);
    machine_unlock(&m);
    bell.at = (struct mem_doorbell){.offset = 0x10, .size = 2};
    other.at = (struct mem_doorbell){.offset = 0x10, .size = 2, .match = true, .value = 7};
}

static void teardown(void)
{
    machine_lock(&m);
    doorbell_close(&bell);
    doorbell_close(&other);
    mem_region_remove(&registers);
    mem_region_remove(&ports);
    machine_unlock(&m);
    cr_assert_eq(kernel.bell_count, 0, "all of them are taken back");
    fake_stop();
}
TestSuite(doorbells, .init = setup, .fini = teardown);

static void open_both(void)
{
    machine_lock(&m);
    cr_assert(doorbell_open(&bell, &m, &registers, count, &rings));
    cr_assert(doorbell_open(&other, &m, &ports, count, &other_rings));
    machine_unlock(&m);
}

/* The kernel's copy of the descriptor. */
static void ring(unsigned n)
{
    cr_assert_eq(eventfd_write(kernel.bells[n].fd, 1), 0);
}

Test(doorbells, are_told_to_the_kernel_where_they_are)
{
    open_both();
    cr_assert_eq(kernel.bell_count, 2);
    cr_expect_eq(kernel.bells[0].addr, 0x10010);
    cr_expect_eq(kernel.bells[0].len, 2);
    cr_expect_eq(kernel.bells[0].flags, 0);
    cr_expect_eq(kernel.bells[1].addr, 0xc010);
    cr_expect_eq(kernel.bells[1].flags, KVM_IOEVENTFD_FLAG_PIO | KVM_IOEVENTFD_FLAG_DATAMATCH);
    cr_expect_eq(kernel.bells[1].datamatch, 7);
}

Test(doorbells, follow_their_region)
{
    open_both();
    machine_lock(&m);
    mem_region_set_address(&registers, 0x20000);
    cr_expect_eq(kernel.bell_count, 2);
    cr_expect_eq(kernel.bells[0].addr + kernel.bells[1].addr, 0x20010 + 0xc010);
    unsigned calls = kernel.bell_calls;
    mem_region_set_enabled(&ports, false);
    cr_expect_eq(kernel.bell_count, 1, "nobody can write to it");
    cr_expect_eq(kernel.bell_calls, calls + 1, "and what stays is not touched");
    mem_region_set_enabled(&ports, true);
    cr_expect_eq(kernel.bell_count, 2);
    machine_unlock(&m);
}

Test(doorbells, that_are_covered_do_not_ring)
{
    struct mem_region cover;
    open_both();
    mem_region_init_io(&cover, "cover", 0x11, &nothing, NULL, NULL);
    machine_lock(&m);
    mem_region_add(mem_space_root(m.memory), 0x10000, &cover, 1);
    cr_expect_eq(kernel.bell_count, 1, "half of the register is not there");
    mem_region_remove(&cover);
    cr_expect_eq(kernel.bell_count, 2);
    machine_unlock(&m);
}

Test(doorbells, are_answered_on_the_loop)
{
    open_both();
    ring(0);
    ring(0);
    ring(1);
    cr_expect_eq(rings, 0);
    loop_iterate(m.loop, 0);
    cr_expect_eq(rings, 1, "once for all");
    cr_expect_eq(other_rings, 1);
    loop_iterate(m.loop, 0);
    cr_expect_eq(rings, 1);
}

Test(doorbells, are_answered_before_vcpus_count_as_paused)
{
    open_both();
    ring(0);
    vcpus_pause(&m);
    cr_expect_eq(rings, 1);
    vcpus_resume(&m);
}

Test(doorbells, are_answered_before_they_are_closed)
{
    open_both();
    ring(1);
    machine_lock(&m);
    doorbell_close(&other);
    doorbell_close(&other);
    machine_unlock(&m);
    cr_expect_eq(other_rings, 1);
    cr_expect_eq(kernel.bell_count, 1);
}

static void close_the_other(void *opaque)
{
    (void)opaque;
    doorbell_close(&other);
}

Test(doorbells, may_close_each_other)
{
    machine_lock(&m);
    cr_assert(doorbell_open(&bell, &m, &registers, close_the_other, NULL));
    cr_assert(doorbell_open(&other, &m, &ports, count, &other_rings));
    ring(0);
    ring(1);
    doorbells_answer(&m);
    machine_unlock(&m);
    cr_expect_eq(other_rings, 1);
    cr_expect_eq(kernel.bell_count, 1);
}

Test(doorbells, that_the_kernel_refuses_are_writes_as_ever)
{
    kernel.bell_error = 28 /* ENOSPC */;
    open_both();
    cr_expect_eq(kernel.bell_count, 0);
    machine_lock(&m);
    doorbell_close(&bell);
    machine_unlock(&m);
    cr_expect_eq(kernel.bell_calls, 2, "what it does not have is not taken back");
}

Test(doorbells, are_none_without_an_accelerator_that_rings)
{
    m.rings_doorbells = false;
    machine_lock(&m);
    cr_expect(!doorbell_open(&bell, &m, &registers, count, &rings));
    machine_unlock(&m);
    cr_expect(!bell.open);
}
