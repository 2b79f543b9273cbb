/* 8254: modes, latching, read-back, gate and speaker port, hostile counts. */
#include <criterion/criterion.h>
#include "hw/timer/i8254.h"
#include "tests/device/device_test.h"

static struct vemu_machine m;
static struct line_probe irq;
static struct device *pit;

static struct device *create(struct vemu_machine *machine)
{
    struct vemu_error *err = NULL;
    struct i8254_config cfg = {.base = 0x40, .port_b = 0x61, .irq = line_probe(&irq)};
    return made(i8254_create(machine, &cfg, &err), err);
}
static void setup(void)
{
    test_machine_init(&m);
    pit = create(&m);
}
static void teardown(void)
{
    machine_destroy(&m);
}
TestSuite(i8254, .init = setup, .fini = teardown);

/* Whole ticks, landing in the middle of one. */
static void ticks(int64_t n)
{
    int64_t now = clock_now(m.clocks, VCLOCK_VIRTUAL);
    int64_t tick = (int64_t)muldiv64((uint64_t)now, I8254_HZ, 1000000000) + n;
    int64_t at = (int64_t)muldiv64((uint64_t)(2 * tick + 1), 1000000000, 2 * I8254_HZ);
    step(&m, at - now);
}
static void program(unsigned channel, unsigned mode, uint16_t count)
{
    out8(&m, 0x43, (uint8_t)(channel << 6 | 0x30 | mode << 1));
    out8(&m, 0x40 + channel, (uint8_t)count);
    out8(&m, 0x40 + channel, (uint8_t)(count >> 8));
}
static uint16_t latched(unsigned channel)
{
    out8(&m, 0x43, (uint8_t)(channel << 6));
    uint8_t low = in8(&m, 0x40 + channel);
    return (uint16_t)(low | in8(&m, 0x40 + channel) << 8);
}
static uint8_t status(unsigned channel)
{
    out8(&m, 0x43, (uint8_t)(0xe0 | 2u << channel));
    return in8(&m, 0x40 + channel);
}

Test(i8254, rate_generator_interrupts_once_a_period)
{
    ticks(0);
    program(0, 2, 1000);
    unsigned before = irq.rises;
    ticks(999);
    cr_expect_eq(irq.rises, before);
    ticks(1);
    cr_expect_eq(irq.rises, before + 1);
    ticks(10000);
    cr_expect_eq(irq.rises, before + 11);
}

Test(i8254, count_zero_is_65536)
{
    ticks(0);
    program(0, 2, 0);
    unsigned before = irq.rises;
    ticks(65535);
    cr_expect_eq(irq.rises, before);
    ticks(1);
    cr_expect_eq(irq.rises, before + 1);
}

Test(i8254, terminal_count_interrupts_once)
{
    ticks(0);
    program(0, 0, 500);
    cr_expect_eq(irq.level, 0);
    ticks(499);
    cr_expect_eq(irq.level, 0);
    ticks(1);
    cr_expect_eq(irq.level, 1);
    ticks(200000);
    cr_expect_eq(irq.rises, 1);
}

Test(i8254, first_byte_of_a_new_count_stops_mode_0)
{
    ticks(0);
    program(0, 0, 500);
    out8(&m, 0x40, 0x10);
    ticks(1000);
    cr_expect_eq(irq.rises, 0);
    out8(&m, 0x40, 0x00);
    ticks(16);
    cr_expect_eq(irq.rises, 1);
}

Test(i8254, pit_reload_takes_effect_on_next_period)
{
    ticks(0);
    program(0, 2, 1000);
    unsigned before = irq.rises;
    ticks(300);
    out8(&m, 0x40, 200);
    out8(&m, 0x40, 0);
    cr_expect(status(0) & 0x40, "null count until it is loaded");
    cr_expect_eq(latched(0), 700);
    ticks(699);
    cr_expect_eq(irq.rises, before);
    ticks(1);
    cr_expect_eq(irq.rises, before + 1);
    cr_expect_not(status(0) & 0x40);
    ticks(200);
    cr_expect_eq(irq.rises, before + 2);
}

Test(i8254, square_wave_is_high_for_the_longer_half)
{
    ticks(0);
    out8(&m, 0x61, 1);
    program(2, 3, 7);
    for (unsigned i = 0; i < 14; i++) {
        cr_expect_eq(in8(&m, 0x61) >> 5 & 1, i % 7 < 4, "tick %u", i);
        ticks(1);
    }
}

Test(i8254, square_wave_counts_by_two)
{
    ticks(0);
    program(0, 3, 100);
    ticks(10);
    cr_expect_eq(latched(0), 80);
    ticks(45);
    cr_expect_eq(latched(0), 90);
}

Test(i8254, one_shot_starts_with_the_gate)
{
    ticks(0);
    program(2, 1, 50);
    cr_expect(in8(&m, 0x61) & 0x20);
    out8(&m, 0x61, 1);
    cr_expect_not(in8(&m, 0x61) & 0x20);
    ticks(49);
    cr_expect_not(in8(&m, 0x61) & 0x20);
    ticks(1);
    cr_expect(in8(&m, 0x61) & 0x20);
    out8(&m, 0x61, 0);
    out8(&m, 0x61, 1);
    cr_expect_not(in8(&m, 0x61) & 0x20, "retriggered");
}

Test(i8254, software_strobe_is_one_tick_low)
{
    ticks(0);
    out8(&m, 0x61, 1);
    program(2, 4, 20);
    ticks(19);
    cr_expect(in8(&m, 0x61) & 0x20);
    ticks(1);
    cr_expect_not(in8(&m, 0x61) & 0x20);
    ticks(1);
    cr_expect(in8(&m, 0x61) & 0x20);
}

Test(i8254, gate_low_suspends_mode_0)
{
    ticks(0);
    out8(&m, 0x61, 1);
    program(2, 0, 1000);
    ticks(100);
    out8(&m, 0x61, 0);
    ticks(5000);
    cr_expect_eq(latched(2), 900);
    out8(&m, 0x61, 1);
    ticks(899);
    cr_expect_not(in8(&m, 0x61) & 0x20);
    ticks(1);
    cr_expect(in8(&m, 0x61) & 0x20);
}

Test(i8254, latch_holds_until_read)
{
    ticks(0);
    program(0, 2, 5000);
    ticks(100);
    out8(&m, 0x43, 0x00);
    ticks(100);
    out8(&m, 0x43, 0x00);
    uint8_t low = in8(&m, 0x40);
    cr_expect_eq(low | in8(&m, 0x40) << 8, 4900);
    cr_expect_eq(latched(0), 4800);
}

Test(i8254, read_back_gives_status_then_count)
{
    ticks(0);
    program(0, 2, 5000);
    ticks(10);
    out8(&m, 0x43, 0xc2);
    cr_expect_eq(in8(&m, 0x40), 0x80 | 0x30 | 2 << 1);
    uint8_t low = in8(&m, 0x40);
    cr_expect_eq(low | in8(&m, 0x40) << 8, 4990);
}

Test(i8254, bcd_counts_in_decimal)
{
    ticks(0);
    out8(&m, 0x43, 0x35);
    out8(&m, 0x40, 0x00);
    out8(&m, 0x40, 0x10);
    ticks(1);
    cr_expect_eq(latched(0), 0x0999);
}

Test(i8254, lsb_only_counts_a_byte)
{
    ticks(0);
    out8(&m, 0x43, 0x14);
    out8(&m, 0x40, 100);
    unsigned before = irq.rises;
    ticks(100);
    cr_expect_eq(irq.rises, before + 1);
    cr_expect_eq(in8(&m, 0x40), 100);
}

Test(i8254, refresh_bit_toggles_every_15_us)
{
    unsigned toggles = 0, last = in8(&m, 0x61) & 0x10;
    for (unsigned i = 0; i < 1000; i++) {
        step(&m, 1000);
        unsigned now = in8(&m, 0x61) & 0x10;
        toggles += now != last;
        last = now;
    }
    cr_expect_geq(toggles, 64);
    cr_expect_leq(toggles, 68);
}

Test(i8254, absurd_rate_does_not_storm)
{
    program(0, 2, 2);
    irq.rises = 0;
    step(&m, 1000000);
    cr_expect_geq(irq.rises, 40);
    cr_expect_leq(irq.rises, 51);
    program(0, 2, 1);
    step(&m, 1000000);
}

/* The main loop had no CPU for ten periods: none of their interrupts is lost, and none is early. */
Test(i8254, late_periods_are_made_up_for)
{
    ticks(0);
    program(0, 2, 10000);
    ticks(10001);
    unsigned before = irq.rises;
    int64_t late = (int64_t)muldiv64(100000, 1000000000, I8254_HZ);
    clock_set_virtual(m.clocks, clock_now(m.clocks, VCLOCK_VIRTUAL) + late);
    step(&m, 0);
    cr_expect_eq(irq.rises, before + 1, "one at once");
    ticks(2501);
    cr_expect_eq(irq.rises, before + 2, "the next a quarter of a period later");
    ticks(100000 - 2501);
    cr_expect_eq(irq.rises, before + 20, "ten that were late, ten that were not");
    ticks(10000);
    cr_expect_eq(irq.rises, before + 21, "then as ever");
    clock_set_virtual(m.clocks, clock_now(m.clocks, VCLOCK_VIRTUAL) + 100 * late);
    step(&m, 0);
    program(0, 2, 10000);
    before = irq.rises;
    ticks(9999);
    cr_expect_eq(irq.rises, before, "a counter programmed anew owes nothing");
}

Test(i8254, state_round_trip)
{
    struct vemu_machine other;
    test_machine_init(&other);
    struct device *fresh = create(&other);
    program(0, 2, 1000);
    out8(&m, 0x61, 3);
    program(2, 3, 77);
    ticks(1234);
    out8(&m, 0x43, 0x00);
    in8(&m, 0x40);
    out8(&m, 0x40, 5);
    assert_round_trip(pit, fresh);
    unsigned before = irq.rises;
    step(&other, 10000000);
    cr_expect_gt(irq.rises, before, "the loaded timer goes on");
    machine_destroy(&other);
}

static void poke(struct vemu_machine *machine)
{
    for (unsigned i = 0; i < 4; i++) {
        out8(machine, 0x43, (uint8_t)(i << 6));
        in8(machine, (uint16_t)(0x40 + i));
        out8(machine, (uint16_t)(0x40 + i), 3);
    }
    in8(machine, 0x61);
    out8(machine, 0x61, in8(machine, 0x61) ^ 1);
    clock_step(machine->clocks, 1000000);
}

Test(i8254, damaged_state_is_refused_or_harmless)
{
    struct vemu_machine other;
    test_machine_init(&other);
    program(0, 3, 999);
    ticks(55);
    fuzz_state(pit, create(&other), 400, poke);
    machine_destroy(&other);
}
