/*
 * A PIT that an accelerator keeps (core/cpu/irqchip.h): what the device model puts to it and
 * fetches, that a state goes on with and without it, and who owns IRQ 0.
 */
#include <criterion/criterion.h>
#include <string.h>
#include "core/cpu/irqchip.h"
#include "hw/timer/hpet.h"
#include "hw/timer/i8254.h"
#include "tests/device/device_test.h"
#include "tests/still_accel.h"

#define HPET UINT64_C(0xfed00000)
enum { HPET_CONFIG = 0x10, LEGACY = 2 };

static struct {
    struct irqchip_pit pit;
    bool there, blocked;
    unsigned puts;
} k;

static bool make_pit(struct vemu_machine *m)
{
    (void)m;
    return k.there;
}
static bool get_pit(struct vemu_machine *m, struct irqchip_pit *pit)
{
    (void)m;
    *pit = k.pit;
    return true;
}
static bool put_pit(struct vemu_machine *m, const struct irqchip_pit *pit)
{
    (void)m;
    k.pit = *pit;
    k.puts++;
    return true;
}
static void block_pit(struct vemu_machine *m, bool block)
{
    (void)m;
    k.blocked = block;
}
static const struct irqchip_ops ops = {
    .make_pit = make_pit, .get_pit = get_pit, .put_pit = put_pit, .block_pit = block_pit};

static struct machine {
    struct vemu_machine m;
    struct accel accel;
    struct line_probe irq, rtc;
    struct device *hpet, *pit;
} kernel, here;

static void make(struct machine *t, const struct irqchip_ops *irqchip)
{
    struct vemu_error *err = NULL;
    test_machine_init(&t->m);
    t->accel = still_accel;
    t->accel.irqchip = irqchip;
    t->m.accel = &t->accel;
    struct hpet_config hpet = {
        .base = HPET, .pit_irq = line_probe(&t->irq), .rtc_irq = line_probe(&t->rtc)};
    t->hpet = made(hpet_create(&t->m, &hpet, &err), err);
    struct i8254_config pit = {.base = 0x40, .port_b = 0x61, .irq = hpet_legacy_input(t->hpet, 0)};
    t->pit = made(i8254_create(&t->m, &pit, &err), err);
    hpet_connect_legacy(t->hpet, i8254_block_input(t->pit));
}
static void start(void)
{
    memset(&k, 0, sizeof k);
    k.there = true;
    make(&kernel, &ops);
    make(&here, NULL);
}
static void stop(void)
{
    machine_destroy(&kernel.m);
    machine_destroy(&here.m);
}
TestSuite(i8254_kernel, .init = start, .fini = stop);

static void load(struct device *from, struct device *to)
{
    struct vemu_error *err = NULL;
    cr_assert(load_copy(from, to, &err), "%s", err ? vemu_error_message(err) : "");
}

static void program(struct machine *t, unsigned channel, unsigned mode, uint16_t count)
{
    out8(&t->m, 0x43, (uint8_t)(channel << 6 | 0x30 | mode << 1));
    out8(&t->m, (uint16_t)(0x40 + channel), (uint8_t)count);
    out8(&t->m, (uint16_t)(0x40 + channel), (uint8_t)(count >> 8));
}

Test(i8254_kernel, starts_without_a_control_word)
{
    cr_expect_eq(k.puts, 1);
    for (unsigned n = 0; n < 3; n++) {
        cr_expect(!k.pit.counter[n].programmed);
        cr_expect_eq(k.pit.counter[n].gate, n != 2);
        cr_expect_eq(k.pit.counter[n].count, 0x10000);
    }
    cr_expect(!k.pit.speaker);
    cr_expect_eq(in8(&kernel.m, 0x40), 0xff, "its ports are the accelerator's");
}

Test(i8254_kernel, an_accelerator_without_one_leaves_it_here)
{
    stop();
    k.there = false;
    k.puts = 0;
    make(&kernel, &ops);
    make(&here, NULL);
    program(&kernel, 0, 2, 1000);
    unsigned before = kernel.irq.rises;
    step(&kernel.m, 10000000);
    cr_expect(kernel.irq.rises > before + 5);
    cr_expect_eq(k.puts, 0);
}

Test(i8254_kernel, what_was_programmed_here_is_put_there)
{
    step(&here.m, 1000000);
    program(&here, 0, 2, 11932); /* 10 ms */
    program(&here, 2, 3, 0x1000);
    out8(&here.m, 0x61, 3);
    out8(&here.m, 0x40, 0x34); /* the first of two bytes */
    step(&here.m, 34000000);
    load(here.pit, kernel.pit);
    step(&kernel.m, 0);
    const struct irqchip_pit_counter *c = &k.pit.counter[0];
    cr_expect(c->programmed && c->gate);
    cr_expect_eq(c->mode, 2);
    cr_expect_eq(c->rw, 3);
    cr_expect_eq(c->count, 11932);
    cr_expect(c->write_msb_next);
    cr_expect_eq(c->write_lsb, 0x34);
    cr_expect_eq(k.pit.counter[2].mode, 3);
    cr_expect_eq(k.pit.counter[2].count, 0x1000);
    cr_expect(k.pit.counter[2].gate && k.pit.speaker);
    cr_expect(!k.pit.counter[1].programmed);
    cr_expect(!kernel.irq.level, "the accelerator's own drives the line");
}

Test(i8254_kernel, what_ran_there_goes_on_here)
{
    k.pit.counter[0] = (struct irqchip_pit_counter){.programmed = true,
                                                    .mode = 2,
                                                    .rw = 3,
                                                    .gate = true,
                                                    .count = 11932,
                                                    .elapsed = 34000000}; /* 4 ms into the 4th */
    k.pit.counter[2] = (struct irqchip_pit_counter){.programmed = true,
                                                    .mode = 3,
                                                    .rw = 3,
                                                    .gate = true,
                                                    .count = 5,
                                                    .latch = 0x1234,
                                                    .latch_bytes = 2};
    k.pit.speaker = true;
    step(&kernel.m, 50000000);
    step(&here.m, 50000000);
    load(kernel.pit, here.pit);
    unsigned before = here.irq.rises;
    step(&here.m, 5900000);
    cr_expect_eq(here.irq.rises, before, "its period is not over");
    step(&here.m, 200000);
    cr_expect_eq(here.irq.rises, before + 1);
    step(&here.m, 100000000);
    cr_expect_eq(here.irq.rises, before + 11);
    cr_expect_eq(in8(&here.m, 0x42), 0x34);
    cr_expect_eq(in8(&here.m, 0x42), 0x12);
    cr_expect_eq(in8(&here.m, 0x61) & 3, 3);
}

Test(i8254_kernel, nothing_the_accelerator_says_is_out_of_range)
{
    for (unsigned n = 0; n < 3; n++)
        k.pit.counter[n] = (struct irqchip_pit_counter){.programmed = true,
                                                        .mode = 0xfe,
                                                        .rw = 0,
                                                        .gate = n & 1,
                                                        .count = 0,
                                                        .elapsed = INT64_MAX,
                                                        .latch_bytes = 0xff};
    load(kernel.pit, here.pit);
    step(&here.m, 1000000000);
    k.pit.counter[0].elapsed = INT64_MIN;
    k.pit.counter[0].count = UINT32_MAX;
    k.pit.counter[0].gate = true;
    k.pit.counter[0].mode = 2;
    load(kernel.pit, here.pit);
    step(&here.m, 1000000000);
}

Test(i8254_kernel, an_hpet_that_replaces_it_blocks_it)
{
    write32(&kernel.m, HPET + HPET_CONFIG, LEGACY);
    cr_expect(k.blocked);
    write32(&kernel.m, HPET + HPET_CONFIG, 0);
    cr_expect(!k.blocked);
    write32(&here.m, HPET + HPET_CONFIG, LEGACY);
    load(here.hpet, kernel.hpet);
    cr_expect(k.blocked, "and so does one whose state says so");
    kernel.hpet->cls->reset(kernel.hpet);
    cr_expect(!k.blocked);
}
