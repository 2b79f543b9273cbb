/* 8042: self-test, command byte, keyboard and mouse answers, A20, reset. */
#include <criterion/criterion.h>
#include "hw/input/i8042.h"
#include "tests/device/device_test.h"

static struct vemu_machine m;
static struct line_probe kbd_irq, aux_irq, a20;
static struct device *kbc;

static struct device *create(struct vemu_machine *machine)
{
    struct vemu_error *err = NULL;
    struct i8042_config cfg = {.data_port = 0x60,
                               .command_port = 0x64,
                               .keyboard_irq = line_probe(&kbd_irq),
                               .aux_irq = line_probe(&aux_irq),
                               .a20 = line_probe(&a20)};
    return made(i8042_create(machine, &cfg, &err), err);
}
static void setup(void)
{
    test_machine_init(&m);
    kbc = create(&m);
}
static void teardown(void)
{
    machine_destroy(&m);
}
TestSuite(i8042, .init = setup, .fini = teardown);

static void command(uint8_t c)
{
    out8(&m, 0x64, c);
}
/* The next byte, or -1 when the output buffer is empty. */
static int get(void)
{
    return in8(&m, 0x64) & 1 ? in8(&m, 0x60) : -1;
}

Test(i8042, self_test_and_interface_tests)
{
    cr_expect_eq(get(), -1);
    command(0xaa);
    cr_expect_eq(get(), 0x55);
    cr_expect(in8(&m, 0x64) & 4, "system flag");
    command(0xab);
    cr_expect_eq(get(), 0);
    command(0xa9);
    cr_expect_eq(get(), 0);
}

Test(i8042, command_byte_holds_what_is_written)
{
    command(0x60);
    out8(&m, 0x60, 0x65);
    command(0x20);
    cr_expect_eq(get(), 0x65);
    command(0xa7);
    command(0x20);
    cr_expect_eq(get() & 0x20, 0x20);
    command(0xa8);
    command(0x20);
    cr_expect_eq(get() & 0x20, 0);
}

Test(i8042, aux_loop_as_drivers_probe_it)
{
    command(0x60);
    out8(&m, 0x60, 0x47);
    command(0xd3);
    out8(&m, 0x60, 0x5a);
    cr_expect_eq(in8(&m, 0x64) & 0x21, 0x21);
    cr_expect_eq(aux_irq.level, 1);
    cr_expect_eq(kbd_irq.level, 0);
    cr_expect_eq(get(), 0x5a);
    cr_expect_eq(aux_irq.level, 0);
}

Test(i8042, keyboard_resets_and_identifies)
{
    out8(&m, 0x60, 0xff);
    cr_expect_eq(kbd_irq.level, 1);
    cr_expect_eq(get(), 0xfa);
    cr_expect_eq(get(), 0xaa);
    out8(&m, 0x60, 0xf2);
    cr_expect_eq(get(), 0xfa);
    cr_expect_eq(get(), 0xab);
    cr_expect_eq(get(), 0x83);
    command(0x60);
    out8(&m, 0x60, 0x45);
    out8(&m, 0x60, 0xf2);
    get();
    get();
    cr_expect_eq(get(), 0x41, "translated");
}

Test(i8042, keyboard_commands_with_arguments)
{
    out8(&m, 0x60, 0xed);
    cr_expect_eq(get(), 0xfa);
    out8(&m, 0x60, 0x07);
    cr_expect_eq(get(), 0xfa);
    out8(&m, 0x60, 0xf0);
    get();
    out8(&m, 0x60, 0x00);
    cr_expect_eq(get(), 0xfa);
    cr_expect_eq(get(), 2);
    out8(&m, 0x60, 0xee);
    cr_expect_eq(get(), 0xee);
    out8(&m, 0x60, 0x00);
    cr_expect_eq(get(), 0xfe, "not a command");
}

Test(i8042, mouse_answers)
{
    command(0xd4);
    out8(&m, 0x60, 0xff);
    cr_expect_eq(in8(&m, 0x64) & 0x21, 0x21);
    cr_expect_eq(get(), 0xfa);
    cr_expect_eq(get(), 0xaa);
    cr_expect_eq(get(), 0x00);
    command(0xd4);
    out8(&m, 0x60, 0xf2);
    cr_expect_eq(get(), 0xfa);
    cr_expect_eq(get(), 0x00);
    command(0xd4);
    out8(&m, 0x60, 0xe8);
    get();
    command(0xd4);
    out8(&m, 0x60, 0x03);
    get();
    command(0xd4);
    out8(&m, 0x60, 0xe9);
    cr_expect_eq(get(), 0xfa);
    get();
    cr_expect_eq(get(), 3);
    cr_expect_eq(get(), 100);
}

Test(i8042, each_key_byte_is_an_interrupt)
{
    static const uint8_t codes[] = {0x1e, 0x9e};
    kbd_irq.rises = 0;
    cr_expect_eq(i8042_put_keyboard(kbc, codes, 2), 2);
    cr_expect_eq(kbd_irq.rises, 1);
    cr_expect_eq(get(), 0x1e);
    cr_expect_eq(kbd_irq.rises, 2);
    cr_expect_eq(get(), 0x9e);
    cr_expect_eq(kbd_irq.level, 0);
}

Test(i8042, disabled_keyboard_keeps_its_bytes)
{
    static const uint8_t codes[] = {0x1e};
    command(0xad);
    i8042_put_keyboard(kbc, codes, 1);
    cr_expect_eq(get(), -1);
    command(0xae);
    cr_expect_eq(get(), 0x1e);
}

Test(i8042, output_port_drives_a20)
{
    cr_expect_eq(a20.level, 1);
    command(0xd0);
    cr_expect_eq(get() & 3, 3);
    command(0xd1);
    out8(&m, 0x60, 0xdd);
    cr_expect_eq(a20.level, 0);
    command(0xdf);
    cr_expect_eq(a20.level, 1);
    cr_expect_eq(m.pending_requests, 0);
}

Test(i8042, pulse_of_bit_0_resets)
{
    command(0xff);
    cr_expect_eq(m.pending_requests, 0);
    command(0xfe);
    cr_expect_eq(m.pending_requests, 1u << MACHINE_REQUEST_RESET);
}

Test(i8042, flood_of_commands_is_bounded)
{
    for (unsigned i = 0; i < 1000; i++) {
        out8(&m, 0x60, 0xff);
        out8(&m, 0x60, 0xf2);
        command(0xd4);
        out8(&m, 0x60, 0xe9);
    }
    unsigned n = 0;
    while (get() >= 0 && n < 1000)
        n++;
    cr_expect_leq(n, 100);
}

Test(i8042, state_round_trip)
{
    struct vemu_machine other;
    test_machine_init(&other);
    struct device *fresh = create(&other);
    out8(&m, 0x60, 0xf2);
    command(0xd4);
    out8(&m, 0x60, 0xff);
    command(0x60);
    assert_round_trip(kbc, fresh);
    machine_destroy(&other);
}

static void poke(struct vemu_machine *machine)
{
    for (unsigned i = 0; i < 40; i++)
        in8(machine, 0x60);
    out8(machine, 0x60, 0xf2);
    out8(machine, 0x64, 0x20);
    in8(machine, 0x60);
}

Test(i8042, damaged_state_is_refused_or_harmless)
{
    struct vemu_machine other;
    test_machine_init(&other);
    fuzz_state(kbc, create(&other), 400, poke);
    machine_destroy(&other);
}
