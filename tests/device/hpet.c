/* HPET: counter, one-shot and periodic matches, level interrupts, legacy replacement. */
#include <criterion/criterion.h>
#include "hw/timer/hpet.h"
#include "tests/device/device_test.h"

#define BASE UINT64_C(0xfed00000)
enum { CAP = 0, CONFIG = 0x10, STATUS = 0x20, COUNTER = 0xf0, T0 = 0x100, T1 = 0x120, CMP = 8 };
enum { LEVEL = 2, ENABLE = 4, PERIODIC = 8, VAL_SET = 0x40, MODE32 = 0x100, ROUTE20 = 20 << 9 };

static struct vemu_machine m;
static struct line_probe gsi20, pit_line, rtc_line;
static struct device *hpet;

static struct device *create(struct vemu_machine *machine)
{
    struct vemu_error *err = NULL;
    struct hpet_config cfg = {.base = BASE,
                              .route_mask = 0x00f00000,
                              .pit_irq = line_probe(&pit_line),
                              .rtc_irq = line_probe(&rtc_line)};
    cfg.gsi[20] = line_probe(&gsi20);
    return made(hpet_create(machine, &cfg, &err), err);
}
static void setup(void)
{
    test_machine_init(&m);
    hpet = create(&m);
}
static void teardown(void)
{
    machine_destroy(&m);
}
TestSuite(hpet, .init = setup, .fini = teardown);

static uint32_t rd(unsigned reg)
{
    return read32(&m, BASE + reg);
}
static void wr(unsigned reg, uint32_t v)
{
    write32(&m, BASE + reg, v);
}
static void ticks(int64_t n)
{
    step(&m, n * 10);
}

Test(hpet, capabilities_name_a_100_mhz_64_bit_counter)
{
    cr_expect_eq(rd(CAP), 0x8086a201);
    cr_expect_eq(rd(CAP), hpet_block_id());
    cr_expect_eq(rd(CAP + 4), 10000000);
    cr_expect_eq(read64(&m, BASE + T0) >> 32, 0x00f00000);
    cr_expect_eq(rd(T0), 0x30);
}

Test(hpet, counter_runs_only_while_enabled)
{
    ticks(100);
    cr_expect_eq(rd(COUNTER), 0);
    wr(CONFIG, 1);
    ticks(100);
    cr_expect_eq(rd(COUNTER), 100);
    wr(CONFIG, 0);
    ticks(100);
    cr_expect_eq(rd(COUNTER), 100);
    write64(&m, BASE + COUNTER, UINT64_C(0x1234567890));
    cr_expect_eq(read64(&m, BASE + COUNTER), UINT64_C(0x1234567890));
    wr(CONFIG, 1);
    wr(COUNTER, 0);
    cr_expect_eq(rd(COUNTER + 4), 0x12, "a running counter is not written");
}

Test(hpet, one_shot_interrupts_once)
{
    wr(CONFIG, 1);
    wr(T0, ENABLE | ROUTE20);
    write64(&m, BASE + T0 + CMP, 5000);
    ticks(4999);
    cr_expect_eq(gsi20.rises, 0);
    ticks(1);
    cr_expect_eq(gsi20.rises, 1);
    cr_expect_eq(gsi20.level, 0, "edge mode pulses");
    ticks(1000000000);
    cr_expect_eq(gsi20.rises, 1);
}

Test(hpet, comparator_at_reset_value_does_not_fire)
{
    wr(T0, ENABLE | ROUTE20);
    wr(CONFIG, 1);
    ticks(1000000);
    cr_expect_eq(gsi20.rises, 0);
}

Test(hpet, overtaken_comparator_still_fires)
{
    wr(CONFIG, 1);
    ticks(100000);
    wr(T0, ENABLE | ROUTE20 | MODE32);
    wr(T0 + CMP, 99000);
    ticks(1);
    cr_expect_eq(gsi20.rises, 1);
}

Test(hpet, comparator_32_bit_matches_again_after_the_wrap)
{
    wr(CONFIG, 1);
    wr(T0, ENABLE | ROUTE20 | MODE32);
    wr(T0 + CMP, 1000);
    ticks(1000);
    cr_expect_eq(gsi20.rises, 1);
    ticks(INT64_C(0x100000000) - 1);
    cr_expect_eq(gsi20.rises, 1);
    ticks(1);
    cr_expect_eq(gsi20.rises, 2);
}

Test(hpet, far_comparator_is_not_the_near_past)
{
    wr(CONFIG, 1);
    ticks(10);
    wr(T0, ENABLE | ROUTE20 | MODE32);
    wr(T0 + CMP, 0xffffffff);
    ticks(1000);
    cr_expect_eq(gsi20.rises, 0);
}

Test(hpet, periodic_as_linux_programs_it)
{
    wr(CONFIG, 0);
    wr(T0, ENABLE | PERIODIC | VAL_SET | MODE32 | ROUTE20);
    wr(T0 + CMP, 4000);
    wr(T0 + CMP, 10000);
    wr(CONFIG, 1);
    ticks(3999);
    cr_expect_eq(gsi20.rises, 0);
    ticks(1);
    cr_expect_eq(gsi20.rises, 1);
    cr_expect_eq(rd(T0 + CMP), 14000);
    ticks(100000);
    cr_expect_eq(gsi20.rises, 11);
}

Test(hpet, tiny_period_is_coalesced)
{
    wr(T0, ENABLE | PERIODIC | VAL_SET | ROUTE20);
    write64(&m, BASE + T0 + CMP, 1);
    write64(&m, BASE + T0 + CMP, 1);
    wr(CONFIG, 1);
    step(&m, 1000000);
    cr_expect_geq(gsi20.rises, 40);
    cr_expect_leq(gsi20.rises, 52);
}

Test(hpet, period_zero_is_harmless)
{
    wr(T0, ENABLE | PERIODIC | VAL_SET | ROUTE20);
    write64(&m, BASE + T0 + CMP, 0);
    wr(CONFIG, 1);
    step(&m, 1000000000);
    cr_expect_leq(gsi20.rises, 1);
}

Test(hpet, level_interrupt_stays_until_status_is_cleared)
{
    wr(CONFIG, 1);
    wr(T0, ENABLE | LEVEL | ROUTE20);
    wr(T0 + CMP, 100);
    wr(T0 + CMP + 4, 0);
    ticks(200);
    cr_expect_eq(gsi20.level, 1);
    cr_expect_eq(rd(STATUS), 1);
    wr(STATUS, 1);
    cr_expect_eq(gsi20.level, 0);
    cr_expect_eq(rd(STATUS), 0);
}

Test(hpet, legacy_replacement_takes_irq_0_and_8)
{
    struct irq pit = hpet_legacy_input(hpet, 0), rtc = hpet_legacy_input(hpet, 1);
    irq_pulse(&pit);
    irq_pulse(&rtc);
    cr_expect_eq(pit_line.rises, 1);
    cr_expect_eq(rtc_line.rises, 1);
    wr(CONFIG, 3);
    irq_pulse(&pit);
    irq_set(&rtc, 1);
    cr_expect_eq(pit_line.rises, 1);
    cr_expect_eq(rtc_line.rises, 1);
    wr(T0, ENABLE);
    wr(T1, ENABLE);
    wr(T0 + CMP, 100);
    wr(T0 + CMP + 4, 0);
    wr(T1 + CMP, 100);
    wr(T1 + CMP + 4, 0);
    ticks(200);
    cr_expect_eq(pit_line.rises, 2);
    cr_expect_eq(rtc_line.rises, 2);
    wr(CONFIG, 1);
    cr_expect_eq(rtc_line.level, 1, "the RTC's line shows again");
}

Test(hpet, route_outside_the_capability_is_not_taken)
{
    wr(T0, ROUTE20);
    wr(T0, 3 << 9);
    cr_expect_eq(rd(T0) & 31 << 9, ROUTE20);
}

/* The main loop had no CPU for ten periods: none of their interrupts is lost, and none is early. */
Test(hpet, late_periods_are_made_up_for)
{
    wr(T0, ENABLE | PERIODIC | VAL_SET | MODE32 | ROUTE20);
    wr(T0 + CMP, 100000);
    wr(T0 + CMP, 100000);
    wr(CONFIG, 1);
    ticks(99999);
    clock_set_virtual(m.clocks, clock_now(m.clocks, VCLOCK_VIRTUAL) + 9950010);
    step(&m, 0);
    cr_expect_eq(gsi20.rises, 1, "one at once");
    ticks(25000);
    cr_expect_eq(gsi20.rises, 2, "the next a quarter of a period later");
    step(&m, 9000000);
    cr_expect_eq(gsi20.rises, 20, "ten that were late, ten that were not");
    ticks(100000);
    cr_expect_eq(gsi20.rises, 21, "then as ever");
    clock_set_virtual(m.clocks, clock_now(m.clocks, VCLOCK_VIRTUAL) + INT64_C(3600000000000));
    step(&m, INT64_C(10000000000));
    cr_expect_leq(gsi20.rises, 21 + 1 + 1000 + 10000, "a second's worth at most");
    unsigned before = gsi20.rises;
    wr(T0, PERIODIC | ROUTE20);
    step(&m, 100000000);
    cr_expect_eq(gsi20.rises, before, "nothing is owed by a timer that was switched off");
}

Test(hpet, state_round_trip)
{
    struct vemu_machine other;
    test_machine_init(&other);
    struct device *fresh = create(&other);
    wr(T0, ENABLE | PERIODIC | VAL_SET | MODE32 | ROUTE20);
    wr(T0 + CMP, 4000);
    wr(T0 + CMP, 10000);
    wr(CONFIG, 3);
    ticks(12345);
    assert_round_trip(hpet, fresh);
    machine_destroy(&other);
}

static void poke(struct vemu_machine *machine)
{
    for (unsigned reg = 0; reg < 0x180; reg += 4)
        read32(machine, BASE + reg);
    write32(machine, BASE + T0 + CMP, read32(machine, BASE + T0 + CMP) + 1);
    clock_step(machine->clocks, 100000);
    write32(machine, BASE + CONFIG, 3);
    clock_step(machine->clocks, 100000);
}

Test(hpet, damaged_state_is_refused_or_harmless)
{
    struct vemu_machine other;
    test_machine_init(&other);
    wr(T0, ENABLE | PERIODIC | VAL_SET | ROUTE20);
    wr(T0 + CMP, 4000);
    wr(CONFIG, 1);
    ticks(55);
    fuzz_state(hpet, create(&other), 400, poke);
    machine_destroy(&other);
}
