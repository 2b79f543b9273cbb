/* PL031: the time, setting it, the alarm, and what a reset leaves alone. */
#include <criterion/criterion.h>
#include "core/util/error.h"
#include "hw/timer/pl031.h"
#include "tests/device/device_test.h"

#define BASE UINT64_C(0x09010000)
#define SECOND INT64_C(1000000000)
enum { DR = 0, MR = 4, LR = 8, CR = 12, IMSC = 16, RIS = 20, MIS = 24, ICR = 28 };
enum { START = 1767225600 };

static struct vemu_machine m;
static struct line_probe irq;
static struct device *rtc;

static struct device *create(struct vemu_machine *machine)
{
    struct vemu_error *err = NULL;
    struct pl031_config cfg = {
        .base = BASE, .irq = line_probe(&irq), .start = {.virtual_clock = true, .seconds = START}};
    return made(pl031_create(machine, &cfg, &err), err);
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
TestSuite(pl031, .init = setup, .fini = teardown);

static uint32_t get(unsigned reg)
{
    return read32(&m, BASE + reg);
}
static void put(unsigned reg, uint32_t value)
{
    write32(&m, BASE + reg, value);
}

Test(pl031, counts_seconds_from_the_start_time)
{
    cr_expect_eq(get(DR), START);
    cr_expect_eq(get(CR), 1);
    step(&m, 5 * SECOND);
    cr_expect_eq(get(DR), START + 5);
    cr_expect_eq(get(0xfe0), 0x31);
    cr_expect_eq(get(0xffc), 0xb1);
}

Test(pl031, shows_what_was_loaded_and_goes_on_from_there)
{
    step(&m, SECOND / 2);
    put(LR, 1000);
    cr_expect_eq(get(LR), 1000);
    cr_expect_eq(get(DR), 1000);
    step(&m, SECOND - 1);
    cr_expect_eq(get(DR), 1000, "the second begins with the loading");
    step(&m, 1);
    cr_expect_eq(get(DR), 1001);
    put(LR, 0xffffffff);
    step(&m, SECOND);
    cr_expect_eq(get(DR), 0, "32 bits");
}

Test(pl031, alarm_interrupts_at_its_second_if_it_may)
{
    put(MR, START + 3);
    step(&m, 3 * SECOND - 1);
    cr_expect_eq(get(RIS), 0);
    step(&m, 1);
    cr_expect_eq(get(RIS), 1);
    cr_expect_eq(get(MIS), 0);
    cr_expect_eq(irq.level, 0);
    put(IMSC, 1);
    cr_expect_eq(irq.level, 1);
    put(ICR, 1);
    cr_expect_eq(irq.level, 0);
    step(&m, 10 * SECOND);
    cr_expect_eq(get(RIS), 0, "once");
}

Test(pl031, alarm_follows_the_time_that_is_set)
{
    put(IMSC, 1);
    put(MR, START + 1000);
    put(LR, START + 999);
    step(&m, SECOND);
    cr_expect_eq(irq.level, 1);
}

Test(pl031, reset_ends_the_alarm_and_keeps_the_time)
{
    put(LR, 5000);
    put(MR, 5002);
    put(IMSC, 1);
    machine_lock(&m);
    machine_reset(&m, NULL);
    machine_unlock(&m);
    step(&m, 4 * SECOND);
    cr_expect_eq(irq.level, 0);
    cr_expect_eq(get(DR), 5004);
    cr_expect_eq(get(IMSC), 0);
}

Test(pl031, start_out_of_range_is_refused)
{
    struct vemu_error *err = NULL;
    struct pl031_config cfg = {.base = BASE + PL031_SIZE, .start = {.seconds = INT64_MAX}};
    cr_expect_null(pl031_create(&m, &cfg, &err));
    cr_expect(err != NULL);
    vemu_error_free(err);
}

Test(pl031, state_round_trip)
{
    struct vemu_machine other;
    test_machine_init(&other);
    struct device *fresh = create(&other);
    put(LR, 77);
    put(MR, 100);
    put(IMSC, 1);
    step(&m, 3 * SECOND);
    assert_round_trip(rtc, fresh);
    clock_step(other.clocks, 20 * SECOND);
    cr_expect_eq(read32(&other, BASE + RIS), 1, "the alarm goes off over there");
    machine_destroy(&other);
}

static void poke(struct vemu_machine *machine)
{
    for (unsigned reg = 0; reg < 0x20; reg += 4) {
        read32(machine, BASE + reg);
        write32(machine, BASE + reg, 0x1f);
    }
    clock_step(machine->clocks, SECOND);
}

Test(pl031, damaged_state_is_refused_or_harmless)
{
    struct vemu_machine other;
    test_machine_init(&other);
    fuzz_state(rtc, create(&other), 400, poke);
    machine_destroy(&other);
}
