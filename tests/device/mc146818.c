/* RTC: calendar, formats, SET and divider, UIP, alarm, periodic, update-ended, CMOS RAM. */
#include <criterion/criterion.h>
#include "hw/timer/mc146818.h"
#include "tests/device/device_test.h"

/* 2024-02-28 23:59:57 UTC, a Wednesday. */
#define START INT64_C(1709164797)
#define SECOND INT64_C(1000000000)

static struct vemu_machine m;
static struct line_probe irq;
static struct device *rtc;

static struct device *create(struct vemu_machine *machine)
{
    struct vemu_error *err = NULL;
    struct mc146818_config cfg = {
        .io_base = 0x70, .irq = line_probe(&irq), .start = START, .virtual_clock = true};
    return made(mc146818_create(machine, &cfg, &err), err);
}
static void setup(void)
{
    test_machine_init(&m);
    rtc = create(&m);
}
static void teardown(void)
{
    machine_destroy(&m);
}
TestSuite(mc146818, .init = setup, .fini = teardown);

static uint8_t rd(uint8_t reg)
{
    out8(&m, 0x70, reg);
    return in8(&m, 0x71);
}
static void wr(uint8_t reg, uint8_t v)
{
    out8(&m, 0x70, reg);
    out8(&m, 0x71, v);
}

static void expect_time(uint8_t century, uint8_t year, uint8_t month, uint8_t day, uint8_t hour,
                        uint8_t minute, uint8_t second, uint8_t weekday)
{
    cr_expect_eq(rd(0x32), century);
    cr_expect_eq(rd(9), year);
    cr_expect_eq(rd(8), month);
    cr_expect_eq(rd(7), day);
    cr_expect_eq(rd(4), hour);
    cr_expect_eq(rd(2), minute);
    cr_expect_eq(rd(0), second);
    cr_expect_eq(rd(6), weekday, "weekday %u", rd(6));
}

Test(mc146818, shows_the_start_time_in_bcd)
{
    expect_time(0x20, 0x24, 0x02, 0x28, 0x23, 0x59, 0x57, 4);
    cr_expect_eq(rd(0x0d), 0x80, "battery is good");
}

Test(mc146818, rolls_over_into_a_leap_day)
{
    step(&m, 3 * SECOND);
    expect_time(0x20, 0x24, 0x02, 0x29, 0x00, 0x00, 0x00, 5);
    step(&m, 86400 * SECOND);
    expect_time(0x20, 0x24, 0x03, 0x01, 0x00, 0x00, 0x00, 6);
}

Test(mc146818, binary_and_12_hour_formats)
{
    wr(0x0b, 0x04);
    cr_expect_eq(rd(4), 0x80 | 11);
    cr_expect_eq(rd(2), 59);
    step(&m, 3 * SECOND);
    cr_expect_eq(rd(4), 12, "midnight is 12 AM");
}

Test(mc146818, setting_the_clock)
{
    wr(0x0b, 0x82);
    wr(0, 0x58);
    wr(2, 0x59);
    wr(4, 0x23);
    wr(6, 0x06);
    wr(7, 0x31);
    wr(8, 0x12);
    wr(9, 0x99);
    wr(0x32, 0x19);
    step(&m, 10 * SECOND);
    cr_expect_eq(rd(0), 0x58, "it stands while SET");
    wr(0x0b, 0x02);
    step(&m, 2 * SECOND);
    expect_time(0x20, 0x00, 0x01, 0x01, 0x00, 0x00, 0x00, 7);
}

Test(mc146818, nonsense_time_is_taken_without_harm)
{
    wr(0x0b, 0x82);
    for (uint8_t reg = 0; reg < 10; reg++)
        wr(reg, 0xff);
    wr(0x32, 0xff);
    cr_expect_eq(rd(8), 0xff);
    wr(0x0b, 0x32);
    step(&m, 5 * SECOND);
    rd(9);
    wr(0x0b, 0x82);
    for (uint8_t reg = 0; reg < 10; reg++)
        wr(reg, 0);
    wr(0x32, 0);
    wr(0x0b, 0x32);
    step(&m, 5 * SECOND);
    rd(9);
}

Test(mc146818, update_follows_half_a_second_after_divider_reset)
{
    wr(0x0a, 0x76);
    step(&m, 5 * SECOND);
    cr_expect_eq(rd(0), 0x57);
    wr(0x0a, 0x26);
    step(&m, SECOND / 2 - 1000);
    cr_expect_eq(rd(0), 0x57);
    step(&m, 2000);
    cr_expect_eq(rd(0), 0x58);
}

Test(mc146818, uip_announces_the_update)
{
    cr_expect_eq(rd(0x0a), 0x26);
    step(&m, SECOND - 3000000);
    cr_expect_eq(rd(0x0a), 0x26);
    step(&m, 2900000);
    cr_expect_eq(rd(0x0a), 0xa6);
    cr_expect_eq(rd(0), 0x57);
    step(&m, 200000);
    cr_expect_eq(rd(0x0a), 0x26);
    cr_expect_eq(rd(0), 0x58);
}

Test(mc146818, update_ended_interrupts_each_second)
{
    wr(0x0b, 0x12);
    step(&m, SECOND - 1);
    cr_expect_eq(irq.level, 0);
    step(&m, 1);
    cr_expect_eq(irq.level, 1);
    cr_expect_eq(rd(0x0c) & 0xb0, 0x90);
    cr_expect_eq(irq.level, 0);
    cr_expect_eq(rd(0x0c), 0);
    step(&m, SECOND);
    cr_expect_eq(irq.level, 1);
}

Test(mc146818, flags_come_without_interrupts)
{
    rd(0x0c);
    step(&m, SECOND);
    cr_expect_eq(rd(0x0c) & 0x90, 0x10);
    cr_expect_eq(irq.rises, 0);
}

Test(mc146818, alarm_at_a_time_of_day)
{
    wr(1, 0x05);
    wr(3, 0x00);
    wr(5, 0x00);
    wr(0x0b, 0x22);
    step(&m, 8 * SECOND - 1);
    cr_expect_eq(irq.level, 0);
    step(&m, 1);
    cr_expect_eq(irq.level, 1);
    cr_expect_eq(rd(0x0c) & 0xa0, 0xa0);
    step(&m, 86399 * SECOND);
    cr_expect_eq(irq.level, 0);
    step(&m, SECOND);
    cr_expect_eq(irq.level, 1);
}

Test(mc146818, alarm_with_wildcards_fires_each_minute)
{
    wr(1, 0x30);
    wr(3, 0xff);
    wr(5, 0xff);
    wr(0x0b, 0x22);
    step(&m, 33 * SECOND);
    cr_expect_eq(irq.level, 1);
    rd(0x0c);
    step(&m, 60 * SECOND);
    cr_expect_eq(irq.level, 1);
}

Test(mc146818, impossible_alarm_never_fires)
{
    wr(1, 0x99);
    wr(3, 0xff);
    wr(5, 0xff);
    wr(0x0b, 0x22);
    step(&m, 7200 * SECOND);
    cr_expect_eq(irq.rises, 0);
}

Test(mc146818, periodic_interrupt_at_1024_hz)
{
    unsigned count = 0;
    wr(0x0b, 0x42);
    for (unsigned i = 0; i < 10000; i++) {
        step(&m, 100000);
        if (irq.level) {
            count++;
            rd(0x0c);
        }
    }
    cr_expect_geq(count, 1022);
    cr_expect_leq(count, 1025);
}

Test(mc146818, reset_keeps_time_and_ram_but_not_enables)
{
    wr(0x40, 0xab);
    wr(0x0b, 0x72);
    rtc->cls->reset(rtc);
    cr_expect_eq(rd(0x0b), 0x02);
    cr_expect_eq(rd(0x40), 0xab);
    cr_expect_eq(rd(7), 0x28);
}

Test(mc146818, memory_size_fields)
{
    mc146818_set_memory(rtc, UINT64_C(0xc0000000), UINT64_C(0x140000000));
    mc146818_set_cpus(rtc, 4);
    cr_expect_eq(rd(0x15) | rd(0x16) << 8, 640);
    cr_expect_eq(rd(0x17) | rd(0x18) << 8, 63 * 1024);
    cr_expect_eq(rd(0x30) | rd(0x31) << 8, 63 * 1024);
    cr_expect_eq(rd(0x34) | rd(0x35) << 8, 0xbf00);
    cr_expect_eq(rd(0x5b) | rd(0x5c) << 8 | rd(0x5d) << 16, 0x14000);
    cr_expect_eq(rd(0x5f), 3);
}

Test(mc146818, state_round_trip)
{
    struct vemu_machine other;
    test_machine_init(&other);
    struct device *fresh = create(&other);
    wr(0x0b, 0x72);
    wr(0x40, 0x55);
    step(&m, 3 * SECOND);
    assert_round_trip(rtc, fresh);
    machine_destroy(&other);
}

static void poke(struct vemu_machine *machine)
{
    for (unsigned reg = 0; reg < 128; reg++) {
        out8(machine, 0x70, (uint8_t)reg);
        in8(machine, 0x71);
    }
    clock_step(machine->clocks, SECOND);
    out8(machine, 0x70, 0x0b);
    out8(machine, 0x71, 0x72);
    clock_step(machine->clocks, SECOND);
    out8(machine, 0x70, 0);
    out8(machine, 0x71, 7);
    clock_step(machine->clocks, SECOND);
}

Test(mc146818, damaged_state_is_refused_or_harmless)
{
    struct vemu_machine other;
    test_machine_init(&other);
    wr(0x0b, 0x72);
    fuzz_state(rtc, create(&other), 400, poke);
    machine_destroy(&other);
}
