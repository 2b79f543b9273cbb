/* PL011: FIFOs and their levels, interrupts, timeout, loopback, back-pressure, break. */
#define _GNU_SOURCE
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "core/chardev/chardev.h"
#include "core/util/error.h"
#include "hw/char/pl011.h"
#include "tests/device/device_test.h"

#define BASE UINT64_C(0x09000000)
enum {
    DR = 0x00,
    RSR = 0x04,
    FR = 0x18,
    IBRD = 0x24,
    FBRD = 0x28,
    LCR_H = 0x2c,
    CR = 0x30,
    IFLS = 0x34,
    IMSC = 0x38,
    RIS = 0x3c,
    MIS = 0x40,
    ICR = 0x44,
};
enum { RX = 1 << 4, TX = 1 << 5, RT = 1 << 6, BE = 1 << 9, OE = 1 << 10 };
enum { RXFE = 1 << 4, TXFF = 1 << 5, RXFF = 1 << 6, TXFE = 1 << 7 };
enum { FIFOS = 0x70, LOOP = 0x380 };

static struct vemu_machine m;
static struct line_probe irq;
static struct chardev *chr;
static struct device *uart;

static struct device *create(struct vemu_machine *machine, const char *spec, struct chardev **out)
{
    struct vemu_error *err = NULL;
    *out = chardev_new(machine, NULL, spec, &err);
    cr_assert(*out, "%s", err ? vemu_error_message(err) : "");
    struct pl011_config cfg = {.base = BASE, .irq = line_probe(&irq), .chr = *out};
    return made(pl011_create(machine, &cfg, &err), err);
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
TestSuite(pl011, .init = setup, .fini = teardown);

static uint32_t get(unsigned reg)
{
    return read32(&m, BASE + reg);
}
static void put(unsigned reg, uint32_t value)
{
    write32(&m, BASE + reg, value);
}
static void inject(const char *text)
{
    machine_lock(&m);
    cr_assert_eq(chardev_inject(chr, (const uint8_t *)text, strlen(text)), strlen(text));
    machine_unlock(&m);
    loop_iterate(m.loop, 0); /* the chardev delivers on the loop's thread */
}

Test(pl011, is_found_by_its_identification)
{
    static const uint8_t ids[8] = {0x11, 0x10, 0x14, 0x00, 0x0d, 0xf0, 0x05, 0xb1};
    for (unsigned n = 0; n < 8; n++)
        cr_expect_eq(get(0xfe0 + 4 * n), ids[n]);
    cr_expect_eq(get(CR), 0x300);
    cr_expect_eq(get(IFLS), 0x12);
}

Test(pl011, sends_words_and_bytes_to_the_chardev)
{
    uint8_t buf[8];
    put(DR, 'h');
    mem_write(m.memory, BASE + DR, 1, 'i'); /* as an early console does */
    cr_expect_eq(chardev_ring_read(chr, buf, sizeof buf), 2);
    cr_expect_arr_eq(buf, "hi", 2);
    cr_expect_eq(get(FR) & (TXFE | TXFF | RXFE), TXFE | RXFE);
}

Test(pl011, without_fifo_each_character_interrupts)
{
    put(IMSC, RX);
    inject("x");
    cr_expect_eq(irq.level, 1);
    cr_expect_eq(get(MIS), RX);
    cr_expect_eq(get(FR) & (RXFE | RXFF), RXFF);
    cr_expect_eq(get(DR), 'x');
    cr_expect_eq(irq.level, 0);
    cr_expect_eq(get(FR) & RXFE, RXFE);
}

Test(pl011, fifo_interrupts_at_its_level_and_is_quiet_below)
{
    put(LCR_H, FIFOS);
    put(IFLS, 4 << 3); /* seven eighths: 14 */
    put(IMSC, RX);
    inject("1234567890123");
    cr_expect_eq(irq.level, 0);
    inject("4");
    cr_expect_eq(irq.level, 1);
    get(DR);
    cr_expect_eq(irq.level, 0);
    put(IFLS, 0); /* an eighth: 2; looked at with the next character */
    inject("5");
    cr_expect_eq(irq.level, 1);
    put(ICR, RX);
    cr_expect_eq(irq.level, 0, "cleared by software, though characters are there");
}

Test(pl011, few_characters_are_announced_after_32_bit_times)
{
    put(IBRD, 13); /* 24 MHz / 16 / 13 = 115385 baud: 32 bits take 277333 ns */
    put(LCR_H, FIFOS);
    put(IMSC, RT);
    inject("ab");
    step(&m, 277000);
    cr_expect_eq(irq.level, 0);
    step(&m, 1000);
    cr_expect_eq(irq.level, 1);
    get(DR);
    cr_expect_eq(irq.level, 1, "one is left");
    get(DR);
    cr_expect_eq(irq.level, 0, "empty");
    step(&m, 1000000);
    cr_expect_eq(get(RIS) & RT, 0);
}

Test(pl011, transmit_interrupt_comes_with_emptying_not_with_enabling)
{
    put(IMSC, TX);
    cr_expect_eq(irq.level, 0);
    put(DR, 'a');
    cr_expect_eq(irq.level, 1);
    put(ICR, TX);
    cr_expect_eq(irq.level, 0);
    put(LCR_H, FIFOS);
    put(DR, 'b');
    cr_expect_eq(get(RIS) & TX, TX);
}

Test(pl011, the_17th_character_overruns_and_the_next_one_says_so)
{
    put(LCR_H, FIFOS);
    put(CR, LOOP);
    for (unsigned n = 0; n < 17; n++)
        put(DR, n);
    cr_expect_eq(get(RIS) & OE, OE);
    cr_expect_eq(get(RSR), 8);
    cr_expect_eq(get(FR) & RXFF, RXFF);
    cr_expect_eq(get(DR), 0);
    put(DR, 0x55);
    for (unsigned n = 1; n < 16; n++)
        cr_expect_eq(get(DR), n);
    cr_expect_eq(get(DR), 0x855);
    put(RSR, 0);
    cr_expect_eq(get(RSR), 0);
    cr_expect_eq(get(FR) & RXFE, RXFE);
}

Test(pl011, loopback_turns_modem_outputs_and_characters_round)
{
    uint8_t buf[4];
    put(CR, LOOP | 1 << 10 | 1 << 13); /* DTR, Out2 */
    cr_expect_eq(get(FR) & 0x107, 0x102);
    put(DR, 0x5a);
    cr_expect_eq(get(DR), 0x5a);
    cr_expect_eq(chardev_ring_read(chr, buf, sizeof buf), 0, "nothing leaves");
    put(CR, 0x301);
    cr_expect_eq(get(FR) & 0x107, 0x007);
}

Test(pl011, break_is_a_character_with_its_mark)
{
    put(IMSC, BE);
    put(CR, LOOP);
    put(LCR_H, FIFOS | 1);
    cr_expect_eq(irq.level, 1);
    cr_expect_eq(get(DR), 0x400);
    cr_expect_eq(get(RSR), 4);
    put(ICR, BE);
    cr_expect_eq(irq.level, 0);
}

Test(pl011, output_to_a_full_pipe_waits_and_nothing_is_lost)
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
    write32(&other, BASE + LCR_H, FIFOS);

    unsigned sent = 0, got = 0, waits = 0;
    for (unsigned rounds = 0; got < TOTAL && rounds < 100000; rounds++) {
        while (sent < TOTAL && !(read32(&other, BASE + FR) & TXFF))
            write32(&other, BASE + DR, (uint8_t)(sent++ % 251));
        waits += sent < TOTAL;
        write32(&other, BASE + ICR, TX);
        ssize_t n = read(fds[0], buf, sizeof buf);
        for (ssize_t i = 0; i < n; i++)
            cr_assert_eq(buf[i], got++ % 251);
        loop_iterate(other.loop, 0);
        if (n > 0 && sent < TOTAL && got + 70000 > sent && !(read32(&other, BASE + FR) & TXFF))
            cr_expect_eq(read32(&other, BASE + RIS) & TX, TX, "room again is announced");
    }
    cr_expect_eq(got, TOTAL);
    cr_expect_gt(waits, 2, "the guest saw a full FIFO");
    cr_expect_eq(read32(&other, BASE + FR) & TXFE, TXFE);
    machine_destroy(&other);
    close(fds[0]);
}

Test(pl011, state_round_trip)
{
    struct vemu_machine other;
    struct chardev *other_chr;
    test_machine_init(&other);
    struct device *fresh = create(&other, "null", &other_chr);
    put(LCR_H, FIFOS);
    put(IMSC, RT | RX);
    put(IBRD, 7);
    put(FBRD, 3);
    inject("abc");
    assert_round_trip(uart, fresh);
    machine_destroy(&other);
}

static void poke(struct vemu_machine *machine)
{
    for (unsigned i = 0; i < 20; i++)
        read32(machine, BASE + DR);
    for (unsigned reg = 0; reg < 0x50; reg += 4) {
        read32(machine, BASE + reg);
        write32(machine, BASE + reg, 0x1f);
    }
    clock_step(machine->clocks, 1000000000);
}

Test(pl011, damaged_state_is_refused_or_harmless)
{
    struct vemu_machine other;
    struct chardev *other_chr;
    test_machine_init(&other);
    fuzz_state(uart, create(&other, "null", &other_chr), 400, poke);
    machine_destroy(&other);
}
