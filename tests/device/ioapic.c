/* I/O APIC: registers, edge and level inputs, remote IRR, EOI, delivery to local APICs. */
#include <criterion/criterion.h>
#include <stdatomic.h>
#include "hw/intc/ioapic.h"
#include "hw/intc/apic_bus.h"
#include "hw/intc/lapic.h"
#include "tests/device/device_test.h"

#define BASE UINT64_C(0xfec00000)
#define LAPIC UINT64_C(0xfee00000)
enum { LEVEL = 1 << 15, MASKED = 1 << 16, REMOTE_IRR = 1 << 14 };

static struct vemu_machine m;
static struct test_cpu cpus[2];
static struct device *ioapic;

static struct device *create(struct vemu_machine *machine, struct test_cpu *cpu)
{
    struct vemu_error *err = NULL;
    struct device *bus = made(apic_bus_create(machine, &(struct apic_bus_config){0}, &err), err);
    for (unsigned i = 0; i < 2; i++) {
        test_cpu_init(&cpu[i], machine, i);
        struct lapic_config cfg = {.bus = bus, .cpu = &cpu[i].cpu};
        made(lapic_create(machine, &cfg, &err), err);
        vcpu_set_current(&cpu[i].cpu);
        write32(machine, LAPIC + 0xf0, 0x1ff);
    }
    vcpu_set_current(&cpu[0].cpu);
    struct ioapic_config cfg = {.base = BASE, .bus = bus, .id = 2};
    return made(ioapic_create(machine, &cfg, &err), err);
}
static void setup(void)
{
    test_machine_init(&m);
    ioapic = create(&m, cpus);
}
static void teardown(void)
{
    machine_destroy(&m);
}
TestSuite(ioapic, .init = setup, .fini = teardown);

static uint32_t rd(unsigned reg)
{
    write32(&m, BASE, reg);
    return read32(&m, BASE + 0x10);
}
static void wr(unsigned reg, uint32_t v)
{
    write32(&m, BASE, reg);
    write32(&m, BASE + 0x10, v);
}
static void route(unsigned pin, uint32_t low, unsigned dest)
{
    wr(0x11 + 2 * pin, dest << 24);
    wr(0x10 + 2 * pin, low);
}
static void line(unsigned pin, int level)
{
    struct irq irq = ioapic_input(ioapic, pin);
    irq_set(&irq, level);
}
static int ack(unsigned cpu)
{
    return cpus[cpu].cpu.intc_ops->acknowledge(cpus[cpu].cpu.intc);
}
static void eoi(void)
{
    write32(&m, LAPIC + 0xb0, 0);
}

Test(ioapic, identification)
{
    cr_expect_eq(rd(0), 2 << 24);
    cr_expect_eq(rd(1), 0x00170020);
    cr_expect_eq(rd(0x10), MASKED);
    wr(0, 0x0f000000);
    cr_expect_eq(rd(0), 0x0f000000);
    wr(1, 0);
    cr_expect_eq(rd(1), 0x00170020);
    cr_expect_eq(rd(0x50), 0);
}

Test(ioapic, edge_gives_one_message)
{
    route(3, 0x41, 1);
    line(3, 1);
    cr_expect_eq(ack(1), 0x41);
    line(3, 1);
    cr_expect_eq(ack(1), -1);
    cr_expect_not(rd(0x16) & REMOTE_IRR);
}

Test(ioapic, masked_edge_is_lost)
{
    route(3, MASKED | 0x41, 0);
    line(3, 1);
    route(3, 0x41, 0);
    cr_expect_eq(ack(0), -1);
}

Test(ioapic, level_waits_for_eoi_and_asks_again)
{
    route(9, LEVEL | 0x51, 0);
    line(9, 1);
    cr_expect_eq(rd(0x22) & REMOTE_IRR, REMOTE_IRR);
    cr_expect_eq(ack(0), 0x51);
    line(9, 0);
    line(9, 1);
    cr_expect_eq(ack(0), -1, "remote IRR holds it off");
    eoi();
    cr_expect_eq(ack(0), 0x51, "the line is still up");
    line(9, 0);
    eoi();
    cr_expect_eq(ack(0), -1);
    cr_expect_not(rd(0x22) & REMOTE_IRR);
}

Test(ioapic, masked_level_is_delivered_when_unmasked)
{
    route(9, MASKED | LEVEL | 0x51, 0);
    line(9, 1);
    cr_expect_eq(ack(0), -1);
    route(9, LEVEL | 0x51, 0);
    cr_expect_eq(ack(0), 0x51);
}

Test(ioapic, eoi_register_and_edge_trick_clear_remote_irr)
{
    route(9, LEVEL | 0x51, 0);
    line(9, 1);
    line(9, 0);
    cr_expect(rd(0x22) & REMOTE_IRR);
    write32(&m, BASE + 0x40, 0x51);
    cr_expect_not(rd(0x22) & REMOTE_IRR);
    line(9, 1);
    line(9, 0);
    wr(0x22, MASKED | 0x51);
    wr(0x22, LEVEL | MASKED | 0x51);
    cr_expect_not(rd(0x22) & REMOTE_IRR);
}

Test(ioapic, read_only_bits_stay)
{
    wr(0x22, 0xffffffff);
    cr_expect_eq(rd(0x22), 0x1afff);
}

Test(ioapic, nmi_mode_ignores_the_trigger)
{
    route(2, LEVEL | 4 << 8, 1);
    line(2, 1);
    cr_expect(atomic_load(&cpus[1].cpu.interrupt) & CPU_INT_NMI);
    cr_expect_not(rd(0x14) & REMOTE_IRR);
}

Test(ioapic, state_round_trip)
{
    struct vemu_machine other;
    struct test_cpu other_cpus[2];
    test_machine_init(&other);
    struct device *fresh = create(&other, other_cpus);
    vcpu_set_current(&cpus[0].cpu);
    route(9, LEVEL | 0x51, 0);
    line(9, 1);
    route(3, 0x41, 1);
    assert_round_trip(ioapic, fresh);
    machine_destroy(&other);
}

static void poke(struct vemu_machine *machine)
{
    for (unsigned i = 0; i < 0x100; i++) {
        write32(machine, BASE, i);
        write32(machine, BASE + 0x10, read32(machine, BASE + 0x10));
    }
    write32(machine, BASE + 0x40, 0x51);
}

Test(ioapic, damaged_state_is_refused_or_harmless)
{
    struct vemu_machine other;
    struct test_cpu other_cpus[2];
    test_machine_init(&other);
    struct device *fresh = create(&other, other_cpus);
    fuzz_state(ioapic, fresh, 400, poke);
    machine_destroy(&other);
}
