/* 16550A: FIFOs, interrupts and their priorities, timeout, loopback, back-pressure. */
#define _GNU_SOURCE
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "core/chardev/chardev.h"
#include "core/util/error.h"
#include "hw/char/uart16550.h"
#include "tests/device/device_test.h"

enum { BASE = 0x3f8, RBR = BASE, IER, IIR, LCR, MCR, LSR, MSR, SCR, FCR = IIR };

static struct vemu_machine m;
static struct line_probe irq;
static struct chardev *chr;
static struct device *uart;

static struct device *create(struct vemu_machine *machine, const char *spec, struct chardev **out)
{
    struct vemu_error *err = NULL;
    *out = chardev_new(machine, NULL, spec, &err);
    cr_assert(*out, "%s", err ? vemu_error_message(err) : "");
    struct uart16550_config cfg = {.base = BASE, .irq = line_probe(&irq), .chr = *out};
    return made(uart16550_create(machine, &cfg, &err), err);
}
static void setup(void)
{
    test_machine_init(&m);
    uart = create(&m, "ringbuf,size=64K", &chr);
}
static void teardown(void)
{
    machine_destroy(&m);
}
TestSuite(uart16550, .init = setup, .fini = teardown);

static void inject(const char *text)
{
    machine_lock(&m);
    cr_assert_eq(chardev_inject(chr, (const uint8_t *)text, strlen(text)), strlen(text));
    machine_unlock(&m);
    loop_iterate(m.loop, 0); /* the chardev delivers on the loop's thread */
}

Test(uart16550, sends_bytes_to_the_chardev)
{
    uint8_t buf[8];
    out8(&m, RBR, 'h');
    out8(&m, RBR, 'i');
    cr_expect_eq(chardev_ring_read(chr, buf, sizeof buf), 2);
    cr_expect_arr_eq(buf, "hi", 2);
    cr_expect_eq(in8(&m, LSR), 0x60);
}

Test(uart16550, receives_with_data_ready_and_interrupt)
{
    out8(&m, IER, 1);
    inject("x");
    cr_expect_eq(irq.level, 1);
    cr_expect_eq(in8(&m, LSR), 0x61);
    cr_expect_eq(in8(&m, IIR), 0x04);
    cr_expect_eq(in8(&m, RBR), 'x');
    cr_expect_eq(irq.level, 0);
    cr_expect_eq(in8(&m, IIR), 0x01);
}

Test(uart16550, fifo_interrupts_at_its_trigger_level)
{
    out8(&m, FCR, 0x81);
    out8(&m, IER, 1);
    inject("1234567");
    cr_expect_eq(irq.level, 0);
    inject("8");
    cr_expect_eq(irq.level, 1);
    cr_expect_eq(in8(&m, IIR), 0xc4);
    in8(&m, RBR);
    cr_expect_eq(irq.level, 0, "below the trigger again");
}

Test(uart16550, few_bytes_are_announced_by_the_timeout)
{
    out8(&m, FCR, 0xc1);
    out8(&m, IER, 1);
    out8(&m, LCR, 0x83);
    out8(&m, RBR, 1);
    out8(&m, IER, 0);
    out8(&m, LCR, 0x03);
    inject("a");
    cr_expect_eq(irq.level, 0);
    step(&m, 400000);
    cr_expect_eq(irq.level, 1);
    cr_expect_eq(in8(&m, IIR), 0xcc);
    in8(&m, RBR);
    cr_expect_eq(irq.level, 0);
}

Test(uart16550, thre_interrupt_is_cleared_by_reading_iir_and_set_by_emptying)
{
    out8(&m, IER, 2);
    cr_expect_eq(irq.level, 1, "enabling it while empty interrupts");
    cr_expect_eq(in8(&m, IIR), 0x02);
    cr_expect_eq(irq.level, 0);
    cr_expect_eq(in8(&m, IIR), 0x01);
    out8(&m, RBR, 'x');
    cr_expect_eq(in8(&m, IIR), 0x02);
    out8(&m, IER, 0);
    out8(&m, IER, 2);
    cr_expect_eq(in8(&m, IIR), 0x02);
}

Test(uart16550, interrupts_come_in_order_of_priority)
{
    out8(&m, IER, 0x0f);
    out8(&m, MCR, 0x10);
    out8(&m, MCR, 0x1f);
    out8(&m, RBR, 'a');
    out8(&m, RBR, 'b');
    cr_expect_eq(in8(&m, IIR), 0x06, "overrun first");
    cr_expect_eq(in8(&m, LSR), 0x63);
    cr_expect_eq(in8(&m, IIR), 0x04);
    cr_expect_eq(in8(&m, RBR), 'b', "without FIFO the newer byte stays");
    cr_expect_eq(in8(&m, IIR), 0x02);
    cr_expect_eq(in8(&m, IIR), 0x00);
    cr_expect_neq(in8(&m, MSR) & 0x0f, 0);
    cr_expect_eq(in8(&m, IIR), 0x01);
}

Test(uart16550, loopback_as_drivers_probe_it)
{
    uint8_t buf[4];
    out8(&m, MCR, 0x10 | 0x0a);
    cr_expect_eq(in8(&m, MSR) & 0xf0, 0x90);
    out8(&m, RBR, 0x5a);
    cr_expect_eq(in8(&m, RBR), 0x5a);
    cr_expect_eq(chardev_ring_read(chr, buf, sizeof buf), 0, "nothing leaves");
    out8(&m, MCR, 0);
    cr_expect_eq(in8(&m, MSR) & 0xf0, 0xb0);
}

Test(uart16550, divisor_and_scratch_hold_what_is_written)
{
    out8(&m, LCR, 0x83);
    out8(&m, RBR, 0x34);
    out8(&m, IER, 0x12);
    cr_expect_eq(in8(&m, RBR), 0x34);
    cr_expect_eq(in8(&m, IER), 0x12);
    out8(&m, LCR, 0x03);
    cr_expect_eq(in8(&m, IER), 0);
    out8(&m, SCR, 0x77);
    cr_expect_eq(in8(&m, SCR), 0x77);
}

Test(uart16550, divisor_zero_is_harmless)
{
    out8(&m, FCR, 0xc1);
    out8(&m, LCR, 0x83);
    out8(&m, RBR, 0);
    out8(&m, IER, 0);
    out8(&m, LCR, 0x03);
    out8(&m, IER, 1);
    inject("a");
    step(&m, INT64_C(100000000000));
    cr_expect_eq(irq.level, 1);
}

Test(uart16550, fifo_of_16_overruns_with_the_17th)
{
    out8(&m, FCR, 0x01);
    out8(&m, MCR, 0x10);
    for (unsigned i = 0; i < 17; i++)
        out8(&m, RBR, (uint8_t)i);
    cr_expect_eq(in8(&m, LSR) & 0x02, 0x02);
    for (unsigned i = 0; i < 16; i++)
        cr_expect_eq(in8(&m, RBR), i);
    cr_expect_eq(in8(&m, LSR) & 0x01, 0);
}

Test(uart16550, loopback_break_reads_as_break)
{
    out8(&m, MCR, 0x10);
    out8(&m, LCR, 0x43);
    cr_expect_eq(in8(&m, LSR) & 0x11, 0x11);
    cr_expect_eq(in8(&m, LSR) & 0x10, 0, "reading clears it");
    cr_expect_eq(in8(&m, RBR), 0);
}

Test(uart16550, output_to_a_full_pipe_waits_and_nothing_is_lost)
{
    enum { TOTAL = 200000 }; /* more than pipe and back end hold together */
    struct vemu_machine other;
    struct chardev *pipe_chr;
    int fds[2];
    char spec[32];
    uint8_t buf[4096];

    cr_assert_eq(pipe2(fds, O_NONBLOCK), 0);
    fcntl(fds[1], F_SETPIPE_SZ, 4096);
    snprintf(spec, sizeof spec, "fd:%d", fds[1]);
    test_machine_init(&other);
    create(&other, spec, &pipe_chr);
    out8(&other, FCR, 0x01);

    unsigned sent = 0, got = 0, waits = 0;
    for (unsigned rounds = 0; got < TOTAL && rounds < 100000; rounds++) {
        while (sent < TOTAL && in8(&other, LSR) & 0x20)
            out8(&other, RBR, (uint8_t)(sent++ % 251));
        waits += sent < TOTAL;
        out8(&other, FCR, 0x07); /* as a driver that opens the port does */
        ssize_t n = read(fds[0], buf, sizeof buf);
        for (ssize_t i = 0; i < n; i++)
            cr_assert_eq(buf[i], got++ % 251);
        loop_iterate(other.loop, 0);
    }
    cr_expect_eq(got, TOTAL);
    cr_expect_gt(waits, 2, "the guest saw a busy transmitter");
    cr_expect_eq(in8(&other, LSR) & 0x60, 0x60);
    machine_destroy(&other);
    close(fds[0]);
}

Test(uart16550, state_round_trip)
{
    struct vemu_machine other;
    struct chardev *other_chr;
    test_machine_init(&other);
    struct device *fresh = create(&other, "null", &other_chr);
    out8(&m, FCR, 0xc1);
    out8(&m, IER, 3);
    inject("abc");
    out8(&m, LCR, 0x1b);
    assert_round_trip(uart, fresh);
    machine_destroy(&other);
}

static void poke(struct vemu_machine *machine)
{
    for (unsigned i = 0; i < 20; i++)
        in8(machine, RBR);
    for (uint16_t reg = RBR; reg <= SCR; reg++) {
        in8(machine, reg);
        out8(machine, reg, 0x1f);
    }
    clock_step(machine->clocks, 1000000000);
}

Test(uart16550, damaged_state_is_refused_or_harmless)
{
    struct vemu_machine other;
    struct chardev *other_chr;
    test_machine_init(&other);
    fuzz_state(uart, create(&other, "null", &other_chr), 400, poke);
    machine_destroy(&other);
}
