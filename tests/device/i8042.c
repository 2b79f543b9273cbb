/* 8042: self-test, command byte, keyboard and mouse answers, A20, reset. */
#include <criterion/criterion.h>
#include "core/input/input.h"
#include "core/input/keys.h"
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

static void set_command_byte(uint8_t value)
{
    command(0x60);
    out8(&m, 0x60, value);
}
static void send(const struct input_event *events, unsigned count)
{
    input_send(&m, NULL, events, count);
    loop_iterate(m.loop, 0);
}
static void key(uint16_t code, bool down)
{
    const struct input_event e = {.type = EV_KEY, .code = code, .value = down};
    send(&e, 1);
}
static void rel(int32_t x, int32_t y, int32_t wheel)
{
    const struct input_event e[] = {{.type = EV_REL, .code = REL_X, .value = x},
                                    {.type = EV_REL, .code = REL_Y, .value = y},
                                    {.type = EV_REL, .code = REL_WHEEL, .value = wheel}};
    send(e, 3);
}
/* The bytes that follow are these, and no more: up to -1. */
static void expect(const int *bytes, const char *what)
{
    for (unsigned n = 0;; n++) {
        const int got = get();
        cr_expect_eq(got, bytes[n], "%s: byte %u is %#x instead of %#x", what, n, got, bytes[n]);
        if (got < 0 || bytes[n] < 0)
            return;
    }
}
#define EXPECT(what, ...)                                                                          \
    do {                                                                                           \
        const int bytes_[] = {__VA_ARGS__ __VA_OPT__(, ) - 1};                                     \
        expect(bytes_, what);                                                                      \
    } while (0)
/* To the keyboard or mouse, which acknowledges. */
static void keyboard(uint8_t value)
{
    out8(&m, 0x60, value);
    cr_expect_eq(get(), 0xfa);
}
static void mouse(uint8_t value)
{
    command(0xd4);
    out8(&m, 0x60, value);
    cr_expect_eq(get(), 0xfa);
}
static void mouse_rate(uint8_t rate)
{
    mouse(0xf3);
    mouse(rate);
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
    set_command_byte(0x45);
    kbd_irq.rises = 0;
    key(KEY_A, true);
    key(KEY_A, false);
    cr_expect_eq(kbd_irq.rises, 1);
    cr_expect_eq(get(), 0x1e);
    cr_expect_eq(kbd_irq.rises, 2);
    cr_expect_eq(get(), 0x9e);
    cr_expect_eq(kbd_irq.level, 0);
}

Test(i8042, disabled_keyboard_keeps_its_bytes)
{
    set_command_byte(0x45);
    command(0xad);
    key(KEY_A, true);
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
    cr_expect_leq(n, 300);
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

/* ---- keyboard -------------------------------------------------------------------------------- */

Test(i8042, keys_in_each_set)
{
    static const struct {
        uint16_t key;
        int set1[9], set1_up[7], set2[9], set2_up[7];
    } k[] = {
        {KEY_A, {0x1e, -1}, {0x9e, -1}, {0x1c, -1}, {0xf0, 0x1c, -1}},
        {KEY_F7, {0x41, -1}, {0xc1, -1}, {0x83, -1}, {0xf0, 0x83, -1}},
        {KEY_UP, {0xe0, 0x48, -1}, {0xe0, 0xc8, -1}, {0xe0, 0x75, -1}, {0xe0, 0xf0, 0x75, -1}},
        {KEY_SYSRQ,
         {0xe0, 0x2a, 0xe0, 0x37, -1},
         {0xe0, 0xb7, 0xe0, 0xaa, -1},
         {0xe0, 0x12, 0xe0, 0x7c, -1},
         {0xe0, 0xf0, 0x7c, 0xe0, 0xf0, 0x12, -1}},
        {KEY_PAUSE,
         {0xe1, 0x1d, 0x45, 0xe1, 0x9d, 0xc5, -1},
         {-1},
         {0xe1, 0x14, 0x77, 0xe1, 0xf0, 0x14, 0xf0, 0x77, -1},
         {-1}},
        {KEY_AGAIN, {-1}, {-1}, {-1}, {-1}}, /* no key of such keyboards */
    };
    for (unsigned n = 0; n < sizeof k / sizeof k[0]; n++) {
        set_command_byte(0x05); /* set 2, not translated */
        key(k[n].key, true);
        expect(k[n].set2, "set 2");
        key(k[n].key, false);
        expect(k[n].set2_up, "set 2, up");
        set_command_byte(0x45);
        key(k[n].key, true);
        expect(k[n].set1, "translated");
        key(k[n].key, false);
        expect(k[n].set1_up, "translated, up");
        set_command_byte(0x05);
        keyboard(0xf0);
        keyboard(1);
        key(k[n].key, true);
        expect(k[n].set1, "set 1");
        key(k[n].key, false);
        expect(k[n].set1_up, "set 1, up");
        keyboard(0xf0);
        keyboard(2);
    }
}

/* Translation and the table's two columns say the same of every key. */
Test(i8042, every_key_of_set_2_is_translated_to_set_1)
{
    unsigned tried = 0;
    set_command_byte(0x45);
    for (uint16_t code = 1; code < KEY_CNT; code++) {
        const uint16_t set1 = key_to_scan_set1(code);
        if (!set1 || code == KEY_SYSRQ || code == KEY_PAUSE || code == KEY_HANGEUL ||
            code == KEY_HANJA)
            continue;
        key(code, true);
        if (set1 > 0xff)
            cr_expect_eq(get(), 0xe0);
        cr_expect_eq(get(), set1 & 0xff, "key %u", code);
        key(code, false);
        if (set1 > 0xff)
            cr_expect_eq(get(), 0xe0);
        EXPECT("up", (set1 & 0xff) | 0x80);
        tried++;
    }
    cr_expect_gt(tried, 130);
}

Test(i8042, print_and_pause_with_modifiers)
{
    set_command_byte(0x45);
    key(KEY_LEFTALT, true);
    EXPECT("Alt", 0x38);
    key(KEY_SYSRQ, true);
    EXPECT("SysRq", 0x54);
    key(KEY_SYSRQ, false);
    EXPECT("SysRq up", 0xd4);
    key(KEY_LEFTALT, false);
    EXPECT("Alt up", 0xb8);
    key(KEY_RIGHTCTRL, true);
    EXPECT("Ctrl", 0xe0, 0x1d);
    key(KEY_SYSRQ, true);
    EXPECT("Print with Ctrl", 0xe0, 0x37);
    key(KEY_PAUSE, true);
    EXPECT("Break", 0xe0, 0x46, 0xe0, 0xc6);
}

Test(i8042, set_3_has_kinds_of_keys)
{
    set_command_byte(0x05);
    keyboard(0xf0);
    keyboard(3);
    key(KEY_A, true);
    EXPECT("A", 0x1c);
    key(KEY_A, false);
    EXPECT("A has no break code");
    key(KEY_LEFTSHIFT, true);
    EXPECT("Shift", 0x12);
    key(KEY_LEFTSHIFT, false);
    EXPECT("Shift has one", 0xf0, 0x12);
    keyboard(0xf8);
    key(KEY_A, true);
    EXPECT("A", 0x1c);
    step(&m, 600000000);
    EXPECT("make and break, no repetition");
    key(KEY_A, false);
    EXPECT("A up", 0xf0, 0x1c);
    keyboard(0xfd); /* make only: F1 and F2 */
    keyboard(0x07);
    keyboard(0x0f);
    key(KEY_F2, true);
    EXPECT("F2", 0x0f);
    key(KEY_F2, false);
    key(KEY_F3, true);
    EXPECT("nothing for F2's release", 0x17);
}

Test(i8042, the_last_key_repeats_at_the_rate_asked_for)
{
    set_command_byte(0x45);
    keyboard(0xf3);
    keyboard(0x00); /* 250 ms, 30 a second */
    key(KEY_A, true);
    key(KEY_B, true);
    EXPECT("down", 0x1e, 0x30);
    step(&m, 249000000);
    EXPECT("not yet");
    step(&m, 1000000);
    EXPECT("the last one", 0x30);
    step(&m, 33334000);
    EXPECT("again", 0x30);
    step(&m, 1000000000);
    EXPECT("who does not read gets one more, and no backlog", 0x30, 0x30);
    key(KEY_B, false);
    EXPECT("up", 0xb0);
    step(&m, 1000000000);
    EXPECT("over");
    keyboard(0xf3);
    keyboard(0x7f); /* 1 s, 2 a second */
    key(KEY_C, true);
    EXPECT("down", 0x2e);
    step(&m, 999000000);
    EXPECT("not yet");
    step(&m, 1000000);
    EXPECT("now", 0x2e);
    step(&m, 499000000);
    EXPECT("not yet");
    step(&m, 2000000);
    EXPECT("now", 0x2e);
}

Test(i8042, no_key_hangs_in_a_guest_that_did_not_listen)
{
    bool down[128] = {false};
    set_command_byte(0x45);
    for (unsigned n = 0; n < 40; n++)
        key((uint16_t)(KEY_Q + n), true);
    for (unsigned n = 0; n < 40; n++)
        key((uint16_t)(KEY_Q + n), false);
    unsigned bytes = 0;
    for (int b; (b = get()) >= 0 && bytes < 1000; bytes++)
        down[b & 0x7f] = !(b & 0x80);
    cr_expect_eq(bytes, 80);
    for (unsigned n = 0; n < 128; n++)
        cr_expect(!down[n], "%u", n);
}

Test(i8042, lamps_reach_the_senders)
{
    keyboard(0xed);
    keyboard(0x06);
    cr_expect_eq(input_leds(&m), INPUT_LED_NUM | INPUT_LED_CAPS);
    keyboard(0xed);
    keyboard(0x01);
    cr_expect_eq(input_leds(&m), INPUT_LED_SCROLL);
    keyboard(0xff);
    cr_expect_eq(input_leds(&m), 0);
}

Test(i8042, a_keyboard_that_is_switched_off_does_not_scan)
{
    set_command_byte(0x45);
    keyboard(0xf5);
    key(KEY_A, true);
    key(KEY_A, false);
    EXPECT("off");
    keyboard(0xf4);
    key(KEY_A, true);
    EXPECT("on", 0x1e);
}

Test(i8042, answers_come_before_keys)
{
    set_command_byte(0x45);
    key(KEY_UP, true);
    out8(&m, 0x60, 0xee);
    EXPECT("the byte that was there, the answer, the rest", 0xe0, 0xee, 0x48);
}

/* ---- mouse ----------------------------------------------------------------------------------- */

static void mouse_on(void)
{
    set_command_byte(0x47);
    mouse(0xf4);
}
static void click(uint16_t code, bool down)
{
    key(code, down);
}
static void sampled(void)
{
    step(&m, 10000000);
}

Test(i8042, mouse_streams_motion_and_buttons)
{
    rel(5, 5, 0);
    EXPECT("off");
    mouse_on();
    rel(5, 3, 0);
    EXPECT("right and down", 0x28, 5, 0xfd);
    click(BTN_LEFT, true);
    click(BTN_LEFT, false);
    EXPECT("a click is two packets", 0x09, 0, 0, 0x08, 0, 0);
    click(BTN_RIGHT, true);
    click(BTN_MIDDLE, true);
    EXPECT("buttons", 0x0a, 0, 0, 0x0e, 0, 0);
    rel(-1, -2, 3);
    EXPECT("not before the next sample");
    sampled();
    EXPECT("left and up; no wheel", 0x1e, 0xff, 2);
    mouse(0xf5);
    rel(1, 1, 0);
    sampled();
    EXPECT("off");
}

Test(i8042, mouse_motion_beyond_a_packet_is_not_lost)
{
    int sum = 0, packets = 0;
    mouse_on();
    rel(1000, 0, 0);
    for (unsigned n = 0; n < 20; n++) {
        for (int b; (b = get()) >= 0; packets++) {
            const int x = get();
            sum += b & 0x10 ? x - 256 : x;
            cr_expect_eq(b & 0xc0, 0);
            get();
        }
        sampled();
    }
    cr_expect_eq(sum, 1000);
    cr_expect_geq(packets, 4);
}

Test(i8042, mouse_samples_as_often_as_asked)
{
    mouse_on();
    mouse_rate(20);
    rel(1, 0, 0);
    EXPECT("first", 0x08, 1, 0);
    rel(2, 0, 0);
    step(&m, 49000000);
    rel(3, 0, 0);
    EXPECT("too early");
    step(&m, 1000000);
    EXPECT("summed", 0x08, 5, 0);
}

Test(i8042, mouse_in_remote_mode_is_asked)
{
    mouse_on();
    mouse(0xf0);
    rel(300, -300, 0);
    sampled();
    EXPECT("nothing by itself");
    mouse(0xeb);
    EXPECT("overflow", 0xc8, 0xff, 0xff);
    rel(-3, 4, 0);
    mouse(0xeb);
    EXPECT("counts", 0x38, 0xfd, 0xfc);
    mouse(0xe9);
    EXPECT("status", 0x60, 2, 100);
    mouse(0xea);
    rel(1, 0, 0);
    sampled();
    EXPECT("streams again", 0x08, 1, 0);
}

Test(i8042, mouse_scales_what_it_streams)
{
    static const int to[] = {0, 1, 1, 3, 6, 9, 12, 14};
    mouse_on();
    mouse(0xe7);
    for (int n = 1; n < 8; n++) {
        rel(n, 0, 0);
        EXPECT("scaled", 0x08, to[n], 0);
        sampled();
    }
    rel(-5, 0, 0);
    EXPECT("scaled", 0x18, 0xf7, 0);
    sampled();
    mouse(0xe6);
    rel(6, 0, 0);
    EXPECT("1:1", 0x08, 6, 0);
}

Test(i8042, mouse_shows_a_wheel_to_who_knocks)
{
    set_command_byte(0x47);
    mouse_rate(200);
    mouse_rate(100);
    mouse_rate(80);
    mouse(0xf2);
    EXPECT("ID", 3);
    mouse_rate(100);
    mouse(0xf4);
    rel(0, 0, -2);
    EXPECT("towards the user", 0x08, 0, 0, 1);
    sampled();
    EXPECT("one a packet", 0x08, 0, 0, 1);
    sampled();
    rel(1, 0, 1);
    EXPECT("away", 0x08, 1, 0, 0xff);
    sampled();
    mouse_rate(200);
    mouse_rate(200);
    mouse_rate(80);
    mouse(0xf2);
    EXPECT("ID", 4);
    click(BTN_SIDE, true);
    click(BTN_EXTRA, true);
    EXPECT("buttons 4 and 5", 0x08, 0, 0, 0x10, 0x08, 0, 0, 0x30);
    step(&m, 100000000);
    rel(0, 0, 1);
    EXPECT("wheel", 0x08, 0, 0, 0x3f);
    mouse(0xff);
    EXPECT("plain again", 0xaa, 0);
    mouse_rate(200);
    mouse_rate(60);
    mouse_rate(80);
    mouse(0xf2);
    EXPECT("not the sequence", 0);
}

Test(i8042, mouse_wraps)
{
    mouse_on();
    mouse(0xee);
    command(0xd4);
    out8(&m, 0x60, 0x55);
    EXPECT("as sent", 0x55);
    rel(1, 1, 0);
    sampled();
    EXPECT("no packets");
    mouse(0xec);
    command(0xd4);
    out8(&m, 0x60, 0x55);
    EXPECT("no command", 0xfe);
}

Test(i8042, state_of_keys_and_mouse_goes_along)
{
    struct vemu_machine other;
    test_machine_init(&other);
    struct device *fresh = create(&other);
    mouse_on();
    keyboard(0xed);
    keyboard(0x02);
    key(KEY_A, true);
    rel(1000, 7, 0);
    rel(1000, 7, 0);
    assert_round_trip(kbc, fresh);
    cr_expect_eq(input_leds(&other), INPUT_LED_NUM);
    machine_destroy(&other);
}

static void poke(struct vemu_machine *machine)
{
    for (unsigned i = 0; i < 40; i++)
        in8(machine, 0x60);
    out8(machine, 0x60, 0xf2);
    out8(machine, 0x64, 0x20);
    in8(machine, 0x60);
    input_send_key(machine, KEY_SYSRQ, true);
    input_send_key(machine, KEY_SYSRQ, false);
    input_send_key(machine, BTN_LEFT, true);
    input_send_key(machine, BTN_LEFT, false);
    loop_iterate(machine->loop, 0);
    step(machine, 1000000000);
    for (unsigned i = 0; i < 40; i++)
        in8(machine, 0x60);
}

Test(i8042, damaged_state_is_refused_or_harmless)
{
    struct vemu_machine other;
    test_machine_init(&other);
    fuzz_state(kbc, create(&other), 400, poke);
    machine_destroy(&other);
}
