/* 8259A pair: initialisation, priorities, modes, cascade, spurious interrupts, ELCR. */
#include <criterion/criterion.h>
#include "hw/intc/i8259.h"
#include "tests/device/device_test.h"

static struct vemu_machine m;
static struct line_probe intr;
static struct device *pic;

static struct device *create(struct vemu_machine *machine)
{
    struct vemu_error *err = NULL;
    struct i8259_config cfg = {
        .master_base = 0x20, .slave_base = 0xa0, .elcr_base = 0x4d0, .intr = line_probe(&intr)};
    return made(i8259_create(machine, &cfg, &err), err);
}

static void init_chip(uint16_t base, uint8_t vector, uint8_t icw3, uint8_t icw4)
{
    out8(&m, base, 0x11);
    out8(&m, base + 1, vector);
    out8(&m, base + 1, icw3);
    out8(&m, base + 1, icw4);
}

static void setup(void)
{
    test_machine_init(&m);
    pic = create(&m);
    init_chip(0x20, 0x30, 4, 1);
    init_chip(0xa0, 0x38, 2, 1);
}
static void teardown(void)
{
    machine_destroy(&m);
}
TestSuite(i8259, .init = setup, .fini = teardown);

static void line(unsigned pin, int level)
{
    struct irq irq = i8259_input(pic, pin);
    irq_set(&irq, level);
}
static void pulse(unsigned pin)
{
    line(pin, 1);
    line(pin, 0);
}
static int ack(void)
{
    return i8259_acknowledge(pic);
}

Test(i8259, delivers_nothing_before_it_is_initialised)
{
    pic->cls->reset(pic);
    line(0, 1);
    cr_expect_eq(intr.level, 0);
}

Test(i8259, edge_is_latched_until_acknowledged)
{
    pulse(3);
    cr_expect_eq(intr.level, 1);
    cr_expect_eq(in8(&m, 0x20), 0x08, "IRR is what is read first");
    cr_expect_eq(ack(), 0x33);
    cr_expect_eq(intr.level, 0);
    out8(&m, 0x20, 0x0b);
    cr_expect_eq(in8(&m, 0x20), 0x08, "in service");
    out8(&m, 0x20, 0x20);
    cr_expect_eq(in8(&m, 0x20), 0);
}

Test(i8259, line_that_stays_high_gives_one_interrupt)
{
    line(3, 1);
    cr_expect_eq(ack(), 0x33);
    out8(&m, 0x20, 0x20);
    cr_expect_eq(intr.level, 0);
}

Test(i8259, higher_priority_nests_and_lower_waits_for_eoi)
{
    pulse(4);
    cr_expect_eq(ack(), 0x34);
    pulse(5);
    cr_expect_eq(intr.level, 0);
    pulse(1);
    cr_expect_eq(ack(), 0x31);
    out8(&m, 0x20, 0x20);
    cr_expect_eq(intr.level, 0, "4 is still in service");
    out8(&m, 0x20, 0x20);
    cr_expect_eq(ack(), 0x35);
}

Test(i8259, masked_request_waits)
{
    out8(&m, 0x21, 0x02);
    cr_expect_eq(in8(&m, 0x21), 0x02);
    pulse(1);
    cr_expect_eq(intr.level, 0);
    out8(&m, 0x21, 0);
    cr_expect_eq(ack(), 0x31);
}

Test(i8259, slave_interrupts_through_the_cascade)
{
    pulse(8);
    cr_expect_eq(ack(), 0x38);
    out8(&m, 0x20, 0x0b);
    cr_expect_eq(in8(&m, 0x20), 0x04);
    out8(&m, 0xa0, 0x20);
    out8(&m, 0x20, 0x20);
    cr_expect_eq(in8(&m, 0x20), 0);
}

Test(i8259, second_slave_request_comes_after_eoi_of_the_first)
{
    pulse(8);
    pulse(12);
    cr_expect_eq(ack(), 0x38);
    cr_expect_eq(intr.level, 0);
    out8(&m, 0xa0, 0x20);
    out8(&m, 0x20, 0x20);
    cr_expect_eq(intr.level, 1);
    cr_expect_eq(ack(), 0x3c);
}

Test(i8259, slave_with_automatic_eoi_loses_no_request)
{
    init_chip(0xa0, 0x38, 2, 3);
    init_chip(0x20, 0x30, 4, 3);
    pulse(8);
    pulse(9);
    cr_expect_eq(ack(), 0x38);
    cr_expect_eq(ack(), 0x39);
    cr_expect_eq(intr.level, 0);
}

Test(i8259, withdrawn_level_request_is_spurious_7)
{
    out8(&m, 0x4d0, 0x20);
    line(5, 1);
    line(5, 0);
    cr_expect_eq(intr.level, 0);
    cr_expect_eq(ack(), 0x37);
    out8(&m, 0x20, 0x0b);
    cr_expect_eq(in8(&m, 0x20), 0, "nothing is in service");
}

Test(i8259, withdrawn_slave_request_is_spurious_15)
{
    out8(&m, 0x4d1, 0x04);
    line(10, 1);
    line(10, 0);
    cr_expect_eq(ack(), 0x3f);
    out8(&m, 0x20, 0x0b);
    cr_expect_eq(in8(&m, 0x20), 0x04, "the master has the cascade in service");
}

Test(i8259, level_line_asks_again_after_eoi)
{
    out8(&m, 0x4d1, 0x04);
    line(10, 1);
    cr_expect_eq(ack(), 0x3a);
    out8(&m, 0xa0, 0x20);
    out8(&m, 0x20, 0x20);
    cr_expect_eq(ack(), 0x3a);
    line(10, 0);
    out8(&m, 0xa0, 0x20);
    out8(&m, 0x20, 0x20);
    cr_expect_eq(intr.level, 0);
}

Test(i8259, elcr_keeps_system_lines_edge_triggered)
{
    out8(&m, 0x4d0, 0xff);
    out8(&m, 0x4d1, 0xff);
    cr_expect_eq(in8(&m, 0x4d0), 0xf8);
    cr_expect_eq(in8(&m, 0x4d1), 0xde);
}

Test(i8259, special_mask_lets_lower_requests_through)
{
    pulse(2 + 1);
    cr_expect_eq(ack(), 0x33);
    pulse(6);
    cr_expect_eq(intr.level, 0);
    out8(&m, 0x21, 0x08);
    out8(&m, 0x20, 0x68);
    cr_expect_eq(ack(), 0x36);
    out8(&m, 0x20, 0x20);
    out8(&m, 0x20, 0x0b);
    cr_expect_eq(in8(&m, 0x20), 0x08, "the masked one needs a specific EOI");
    out8(&m, 0x20, 0x63);
    cr_expect_eq(in8(&m, 0x20), 0);
}

Test(i8259, rotation_on_eoi_makes_the_served_line_lowest)
{
    pulse(2 + 2);
    cr_expect_eq(ack(), 0x34);
    out8(&m, 0x20, 0xa0);
    pulse(3);
    pulse(5);
    cr_expect_eq(ack(), 0x35);
}

Test(i8259, set_priority_command_moves_the_bottom)
{
    out8(&m, 0x20, 0xc5);
    pulse(0);
    pulse(6);
    cr_expect_eq(ack(), 0x36);
}

Test(i8259, poll_acknowledges_and_reports)
{
    out8(&m, 0x20, 0x0c);
    cr_expect_eq(in8(&m, 0x20), 0);
    pulse(3);
    out8(&m, 0x20, 0x0c);
    cr_expect_eq(in8(&m, 0x20), 0x83);
    out8(&m, 0x20, 0x0b);
    cr_expect_eq(in8(&m, 0x20), 0x08);
}

Test(i8259, special_fully_nested_master_takes_better_slave_request)
{
    init_chip(0x20, 0x30, 4, 0x11);
    pulse(12);
    cr_expect_eq(ack(), 0x3c);
    pulse(9);
    cr_expect_eq(intr.level, 1);
    cr_expect_eq(ack(), 0x39);
}

Test(i8259, state_round_trip)
{
    struct vemu_machine other;
    test_machine_init(&other);
    struct device *fresh = create(&other);
    out8(&m, 0x4d1, 0x04);
    line(10, 1);
    pulse(1);
    ack();
    out8(&m, 0x21, 0x10);
    assert_round_trip(pic, fresh);
    machine_destroy(&other);
}

static void poke(struct vemu_machine *machine)
{
    static const uint16_t ports[] = {0x20, 0x21, 0xa0, 0xa1, 0x4d0, 0x4d1};
    for (unsigned i = 0; i < 6; i++) {
        in8(machine, ports[i]);
        out8(machine, ports[i], 0x0c);
        in8(machine, ports[i]);
        out8(machine, ports[i], 0x20);
    }
}

Test(i8259, damaged_state_is_refused_or_harmless)
{
    struct vemu_machine other;
    test_machine_init(&other);
    fuzz_state(pic, create(&other), 400, poke);
    machine_destroy(&other);
}
