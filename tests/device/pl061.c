/* PL061: data by address mask, edges and levels; the power key on one of its lines. */
#include <criterion/criterion.h>
#include "core/util/error.h"
#include "hw/gpio/gpio_key.h"
#include "hw/gpio/pl061.h"
#include "tests/device/device_test.h"

#define BASE UINT64_C(0x09030000)
enum {
    ALL = 0x3fc,
    DIR = 0x400,
    IS = 0x404,
    IBE = 0x408,
    IEV = 0x40c,
    IE = 0x410,
    RIS = 0x414,
    MIS = 0x418,
    IC = 0x41c,
};

static struct vemu_machine m;
static struct line_probe irq, output;
static struct device *gpio;

static struct device *create(struct vemu_machine *machine)
{
    struct vemu_error *err = NULL;
    struct pl061_config cfg = {
        .base = BASE, .irq = line_probe(&irq), .outputs = {[2] = line_probe(&output)}};
    return made(pl061_create(machine, &cfg, &err), err);
}
static void setup(void)
{
    test_machine_init(&m);
    gpio = create(&m);
}
static void teardown(void)
{
    machine_destroy(&m);
}
TestSuite(pl061, .init = setup, .fini = teardown);

static uint32_t get(unsigned reg)
{
    return read32(&m, BASE + reg);
}
static void put(unsigned reg, uint32_t value)
{
    write32(&m, BASE + reg, value);
}
static void drive(unsigned n, int level)
{
    struct irq line = pl061_input(gpio, n);
    machine_lock(&m);
    irq_set(&line, level);
    machine_unlock(&m);
}

Test(pl061, address_bits_choose_the_lines)
{
    put(DIR, 0x0f);
    put(ALL, 0xff);
    cr_expect_eq(get(ALL), 0x0f, "inputs are not written");
    put(0x04 << 2, 0);
    cr_expect_eq(get(ALL), 0x0b);
    cr_expect_eq(get(0x09 << 2), 0x09);
    drive(7, 1);
    cr_expect_eq(get(ALL), 0x8b);
    cr_expect_eq(get(0xfe0), 0x61);
}

Test(pl061, outputs_drive_what_is_connected)
{
    put(DIR, 4);
    cr_expect_eq(output.level, 0);
    put(ALL, 4);
    cr_expect_eq(output.level, 1);
    put(DIR, 0);
    cr_expect_eq(output.level, 0);
}

Test(pl061, edges_are_kept_until_they_are_cleared)
{
    put(IEV, 8); /* rising */
    put(IE, 8);
    drive(3, 1);
    cr_expect_eq(irq.level, 1);
    drive(3, 0);
    cr_expect_eq(irq.level, 1);
    cr_expect_eq(get(MIS), 8);
    put(IC, 8);
    cr_expect_eq(irq.level, 0);
    drive(3, 1);
    put(IC, 8);
    put(IBE, 8);
    drive(3, 0);
    cr_expect_eq(irq.level, 1, "both edges");
    put(IE, 0);
    cr_expect_eq(irq.level, 0);
    cr_expect_eq(get(RIS), 8);
}

Test(pl061, levels_interrupt_as_long_as_they_last)
{
    put(IS, 1);
    put(IEV, 1);
    put(IE, 1);
    drive(0, 1);
    cr_expect_eq(irq.level, 1);
    put(IC, 1);
    cr_expect_eq(irq.level, 1);
    drive(0, 0);
    cr_expect_eq(irq.level, 0);
    put(IEV, 0);
    cr_expect_eq(irq.level, 1, "low is active now");
}

Test(pl061, a_key_is_down_for_a_tenth_of_a_second)
{
    struct vemu_error *err = NULL;
    struct device *key = made(gpio_key_create(&m, pl061_input(gpio, 3), &err), err);
    put(IBE, 8);
    put(IE, 8);
    machine_lock(&m);
    gpio_key_press(key);
    machine_unlock(&m);
    cr_expect_eq(irq.level, 1);
    cr_expect_eq(get(ALL), 8);
    put(IC, 8);
    step(&m, 99999999);
    cr_expect_eq(irq.level, 0);
    step(&m, 1);
    cr_expect_eq(irq.level, 1, "its release is an edge, too");
    cr_expect_eq(get(ALL), 0);
}

Test(pl061, state_round_trip)
{
    struct vemu_machine other;
    test_machine_init(&other);
    struct device *fresh = create(&other);
    put(DIR, 0x0c);
    put(ALL, 0x04);
    put(IEV, 0x10);
    put(IE, 0x30);
    drive(4, 1);
    irq.level = 0;
    assert_round_trip(gpio, fresh);
    cr_expect_eq(irq.level, 1, "the line is driven again");
    machine_destroy(&other);
}

static void poke(struct vemu_machine *machine)
{
    for (unsigned reg = 0x3fc; reg < 0x424; reg += 4) {
        read32(machine, BASE + reg);
        write32(machine, BASE + reg, 0x1f);
    }
}

Test(pl061, damaged_state_is_refused_or_harmless)
{
    struct vemu_machine other;
    test_machine_init(&other);
    fuzz_state(gpio, create(&other), 400, poke);
    machine_destroy(&other);
}
