/* Text consoles: a back end that is a display, what is typed at it, and its part of a saved state.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/chardev/chardev.h"
#include "core/device/machine.h"
#include "core/device/machine_state.h"
#include "core/display/display.h"
#include "core/input/input.h"
#include "core/state/state.h"
#include "core/util/error.h"
#include "tests/unit/port.h"

struct console {
    struct vemu_machine m;
    struct chardev *chr;
    struct display *display;
    struct port port;
};

static void set_up(struct console *c, const char *spec)
{
    struct vemu_error *err = NULL;

    memset(c, 0, sizeof *c);
    cr_assert(machine_init(&c->m, &err));
    machine_lock(&c->m);
    c->chr = chardev_new(&c->m, "serial0", spec, &err);
    cr_assert(c->chr, "%s", err ? vemu_error_message(err) : "");
    port_attach(&c->port, c->chr);
    c->display = display_find(&c->m, "serial0", 0, &err);
    cr_assert_not_null(c->display);
    machine_unlock(&c->m);
}

static void rounds(struct console *c)
{
    for (int n = 0; n < 5; n++)
        loop_iterate(c->m.loop, 1000000);
}

static void write_text(struct console *c, const char *text)
{
    machine_lock(&c->m);
    cr_assert_eq(chardev_write(c->chr, (const uint8_t *)text, strlen(text)), strlen(text));
    machine_unlock(&c->m);
}

static void got(struct console *c, const char *wanted)
{
    rounds(c);
    cr_expect_str_eq(c->port.got, wanted, "'%s', not '%s'", c->port.got, wanted);
    port_clear(&c->port);
}

static void starts_with(struct display *d, const char *wanted)
{
    char text[4096];

    display_text(d, text, sizeof text);
    cr_expect(strncmp(text, wanted, strlen(wanted)) == 0, "'%s'", text);
}

static void size_is(const char *spec, unsigned width, unsigned height)
{
    struct console c;

    set_up(&c, spec);
    cr_expect(display_width(c.display) == width && display_height(c.display) == height, "%s: %ux%u",
              spec, display_width(c.display), display_height(c.display));
    machine_destroy(&c.m);
}

Test(vc, its_size_is_given_in_characters_or_pixels)
{
    size_is("vc", 640, 400);
    size_is("vc:800x600", 800, 592);
    size_is("vc:100Cx30C", 800, 480);
    size_is("vc,cols=90", 720, 400);
    size_is("vc,width=1024,height=768", 1024, 768);
    size_is("vc,width=1024,rows=10", 1024, 160);
}

static void refused(const char *spec, const char *sentence)
{
    struct vemu_error *err = NULL;
    struct vemu_machine m;

    cr_assert(machine_init(&m, NULL));
    machine_lock(&m);
    cr_expect_null(chardev_new(&m, "serial0", spec, &err));
    cr_expect_str_eq(vemu_error_message(err), sentence);
    cr_expect_null(display_nth(&m, 0), "nothing stays behind");
    machine_unlock(&m);
    vemu_error_free(err);
    machine_destroy(&m);
}

Test(vc, sizes_that_are_none_are_refused)
{
    refused("vc:big", "chardev vc: 'big' is not a size, such as 800x600 (pixels) or 80Cx25C "
                      "(characters)");
    refused("vc:80Cx25", "chardev vc: '80Cx25' is not a size, such as 800x600 (pixels) or 80Cx25C "
                         "(characters)");
    refused("vc,cols=5000", "chardev vc: a console has 8 to 400 columns and 2 to 200 rows of "
                            "characters (8 by 16 pixels), not 5000 by 25");
    refused("vc,width=1,height=0",
            "chardev vc: a console has 8 to 400 columns and 2 to 200 rows of "
            "characters (8 by 16 pixels), not 0 by 25");
}

Test(vc, what_the_guest_writes_is_shown)
{
    struct console c;

    set_up(&c, "vc");
    write_text(&c, "login: ");
    starts_with(c.display, "login:\n");
    machine_lock(&c.m);
    display_refresh(c.display);
    machine_unlock(&c.m);
    display_lock(c.display);
    cr_expect_eq(display_pixels(c.display)[7 * 8], 0xaaaaaa, "the cursor is drawn");
    display_unlock(c.display);
    machine_destroy(&c.m);
}

Test(vc, graphics_come_before_consoles)
{
    static const struct display_ops ops = {0};
    struct console c;

    set_up(&c, "vc");
    machine_lock(&c.m);
    cr_expect_eq(display_find(&c.m, NULL, 0, NULL), c.display);
    struct display *card = display_new(&c.m, NULL, 0, &ops, NULL, NULL);
    struct chardev *other = chardev_new(&c.m, "serial1", "vc", NULL);
    cr_expect(display_nth(&c.m, 0) == card && display_nth(&c.m, 1) == c.display);
    cr_expect_str_eq(display_id(display_nth(&c.m, 2)), "serial1");
    chardev_free(other);
    cr_expect_null(display_nth(&c.m, 2));
    machine_unlock(&c.m);
    machine_destroy(&c.m);
}

static void type(struct console *c, const char *text, uint16_t key, unsigned mods)
{
    const struct display_typed typed = {
        .text = text, .len = text ? strlen(text) : 0, .key = key, .mods = mods};

    machine_lock(&c->m);
    display_type(c->display, &typed);
    machine_unlock(&c->m);
}

Test(vc, what_is_typed_is_received)
{
    struct console c;

    set_up(&c, "vc");
    type(&c, "h\303\244", 0, 0);
    type(&c, NULL, KEY_ENTER, 0);
    type(&c, "c", 0, DISPLAY_CTRL);
    type(&c, "x", 0, DISPLAY_ALT);
    type(&c, NULL, KEY_UP, 0);
    type(&c, NULL, KEY_LEFTSHIFT, 0);
    got(&c, "h\303\244\r\003\033x\033[A");
    machine_destroy(&c.m);
}

Test(vc, looking_back_is_not_the_guests_and_typing_ends_it)
{
    struct console c;

    set_up(&c, "vc,rows=2");
    write_text(&c, "one\r\ntwo\r\nthree");
    type(&c, NULL, KEY_PAGEUP, DISPLAY_SHIFT);
    starts_with(c.display, "one\ntwo\n");
    got(&c, "");
    type(&c, "x", 0, 0);
    starts_with(c.display, "two\nthree\n");
    got(&c, "x");
    machine_destroy(&c.m);
}

static void press(struct console *c, uint16_t key, bool down)
{
    const struct input_event e = {.type = EV_KEY, .code = key, .value = down};

    input_send(&c->m, c->display, &e, 1);
}

static void stroke(struct console *c, uint16_t key)
{
    press(c, key, true);
    press(c, key, false);
}

Test(vc, keys_of_the_router_are_those_of_a_keyboard_of_the_united_states)
{
    struct console c;

    set_up(&c, "vc");
    stroke(&c, KEY_A);
    press(&c, KEY_RIGHTSHIFT, true);
    stroke(&c, KEY_A);
    stroke(&c, KEY_1);
    press(&c, KEY_RIGHTSHIFT, false);
    stroke(&c, KEY_CAPSLOCK);
    stroke(&c, KEY_Z);
    stroke(&c, KEY_2);
    stroke(&c, KEY_CAPSLOCK);
    press(&c, KEY_LEFTCTRL, true);
    stroke(&c, KEY_D);
    press(&c, KEY_LEFTCTRL, false);
    stroke(&c, KEY_KP7);
    stroke(&c, KEY_TAB);
    stroke(&c, KEY_F5);
    got(&c, "aA!Z2\0047\t\033[15~");
    machine_destroy(&c.m);
}

static void ignore_sync(void *opaque)
{
    (void)opaque;
}

static void count_event(void *opaque, const struct input_event *e)
{
    (void)e;
    ++*(unsigned *)opaque;
}

Test(vc, the_guests_keyboard_and_mouse_hear_nothing_of_it)
{
    static const struct input_sink_ops ops = {.event = count_event, .sync = ignore_sync};
    const struct input_event moves[] = {{.type = EV_REL, .code = REL_X, .value = 5},
                                        {.type = EV_ABS, .code = ABS_X, .value = 5},
                                        {.type = EV_KEY, .code = BTN_LEFT, .value = 1},
                                        {.type = EV_KEY, .code = BTN_LEFT, .value = 0}};
    unsigned heard = 0;
    struct console c;

    set_up(&c, "vc");
    struct input_sink guests = {.ops = &ops,
                                .opaque = &heard,
                                .takes = INPUT_TAKES_KEYS | INPUT_TAKES_BUTTONS | INPUT_TAKES_REL |
                                         INPUT_TAKES_ABS};
    machine_lock(&c.m);
    struct display *card = display_new(&c.m, NULL, 0, &(const struct display_ops){0}, NULL, NULL);
    input_sink_add(&c.m, &guests, NULL);
    input_sink_leds(&guests, INPUT_LED_CAPS);
    struct chardev *later = chardev_new(&c.m, "serial1", "vc", NULL);
    machine_unlock(&c.m);
    cr_expect_eq(input_leds(&c.m), INPUT_LED_CAPS, "the lamps are the guest's keyboard's");
    input_send(&c.m, c.display, moves, 4);
    stroke(&c, KEY_A);
    got(&c, "a");
    cr_expect_eq(heard, 0);
    input_send(&c.m, card, moves, 1);
    rounds(&c);
    cr_expect_eq(heard, 1);
    machine_lock(&c.m);
    chardev_free(later);
    input_sink_remove(&guests);
    machine_unlock(&c.m);
    machine_destroy(&c.m);
}

Test(vc, a_guest_that_only_asks_gets_no_more_than_there_is_room_for)
{
    struct console c;

    set_up(&c, "vc");
    for (unsigned n = 0; n < 10000; n++)
        write_text(&c, "\033[5n");
    rounds(&c);
    cr_expect(c.port.len && c.port.len < sizeof c.port.got && c.port.len % 4 != 1);
    machine_destroy(&c.m);
}

/* Saves one machine and loads it into the other. */
static bool carry(struct console *from, struct vemu_machine *to, struct vemu_error **errp)
{
    struct state_writer *w = state_writer_new();
    const void *data;
    size_t len;

    machine_lock(&from->m);
    cr_assert(machine_save(&from->m, w, NULL) && state_writer_finish(w, &data, &len));
    machine_unlock(&from->m);
    machine_lock(to);
    const bool ok = machine_load(to, data, len, errp);
    machine_unlock(to);
    state_writer_free(w);
    return ok;
}

Test(vc, its_screen_is_saved_with_the_machine)
{
    struct console from, to;

    set_up(&from, "vc");
    set_up(&to, "vc:40Cx10C");
    write_text(&from, "\033[1;31mshown");
    cr_assert(carry(&from, &to.m, NULL));
    starts_with(to.display, "shown\n");
    machine_destroy(&from.m);
    machine_destroy(&to.m);
}

Test(vc, a_state_loads_where_there_is_no_console_and_the_other_way)
{
    struct vemu_error *err = NULL;
    struct vemu_machine plain;
    struct console c;

    set_up(&c, "vc");
    cr_assert(machine_init(&plain, NULL));
    cr_expect(carry(&c, &plain, &err), "%s", err ? vemu_error_message(err) : "");

    struct state_writer *w = state_writer_new();
    const void *data;
    size_t len;
    write_text(&c, "stays");
    machine_lock(&plain);
    cr_assert(machine_save(&plain, w, NULL) && state_writer_finish(w, &data, &len));
    machine_unlock(&plain);
    machine_lock(&c.m);
    cr_expect(machine_load(&c.m, data, len, &err), "%s", err ? vemu_error_message(err) : "");
    machine_unlock(&c.m);
    starts_with(c.display, "stays\n");
    state_writer_free(w);
    machine_destroy(&plain);
    machine_destroy(&c.m);
}
