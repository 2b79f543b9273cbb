/* The table of keys, and the router from senders to devices. */
#include <criterion/criterion.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include "core/device/machine.h"
#include "core/input/input.h"
#include "core/input/keys.h"

/* ---- keys ------------------------------------------------------------------------------------ */

Test(input, codes_lead_back_to_their_keys)
{
    unsigned scan_codes = 0, numbers = 0, names = 0;
    for (uint16_t key = 1; key < KEY_CNT; key++) {
        if (key_to_scan_set1(key)) {
            cr_expect_eq(key_from_scan_set1(key_to_scan_set1(key)), key, "key %u", key);
            cr_expect(key_to_scan_set2(key), "key %u", key);
            scan_codes++;
        }
        if (key_to_number(key)) {
            cr_expect_eq(key_from_number(key_to_number(key)), key, "key %u", key);
            numbers++;
        }
        if (key_name(key)) {
            cr_expect_eq(key_from_name(key_name(key)), key, "key %u", key);
            names++;
        }
    }
    cr_expect_gt(scan_codes, 140);
    cr_expect_eq(numbers, scan_codes);
    cr_expect_gt(names, 150);
}

Test(input, no_code_means_two_keys)
{
    for (uint16_t a = 1; a < KEY_CNT; a++) {
        for (uint16_t b = (uint16_t)(a + 1); b < KEY_CNT; b++) {
            cr_expect(!key_to_scan_set1(a) || key_to_scan_set1(a) != key_to_scan_set1(b),
                      "set 1 of %u and %u", a, b);
            cr_expect(!key_to_scan_set2(a) || key_to_scan_set2(a) != key_to_scan_set2(b),
                      "set 2 of %u and %u", a, b);
            /* Of the Japanese keys two share one. */
            cr_expect(!key_to_scan_set3(a) || key_to_scan_set3(a) != key_to_scan_set3(b) ||
                          key_to_scan_set3(a) == 0x87,
                      "set 3 of %u and %u", a, b);
            cr_expect(!key_to_usage(a) || key_to_usage(a) != key_to_usage(b), "usage of %u and %u",
                      a, b);
        }
    }
}

Test(input, keys_by_all_their_names)
{
    static const struct {
        const char *name;
        uint16_t key, number, set1, set2;
        uint8_t set3, usage;
    } k[] = {
        {"a", KEY_A, 0x1e, 0x1e, 0x1c, 0x1c, 0x04},
        {"ret", KEY_ENTER, 0x1c, 0x1c, 0x5a, 0x5a, 0x28},
        {"kp_enter", KEY_KPENTER, 0x9c, 0xe01c, 0xe05a, 0x79, 0x58},
        {"ctrl", KEY_LEFTCTRL, 0x1d, 0x1d, 0x14, 0x11, 0xe0},
        {"ctrl_r", KEY_RIGHTCTRL, 0x9d, 0xe01d, 0xe014, 0x58, 0xe4},
        {"alt", KEY_LEFTALT, 0x38, 0x38, 0x11, 0x19, 0xe2},
        {"delete", KEY_DELETE, 0xd3, 0xe053, 0xe071, 0x64, 0x4c},
        {"f1", KEY_F1, 0x3b, 0x3b, 0x05, 0x07, 0x3a},
        {"f12", KEY_F12, 0x58, 0x58, 0x07, 0x5e, 0x45},
        {"spc", KEY_SPACE, 0x39, 0x39, 0x29, 0x29, 0x2c},
        {"less", KEY_102ND, 0x56, 0x56, 0x61, 0x13, 0x64},
        {"pause", KEY_PAUSE, 0xc6, 0xe11d, 0xe114, 0x62, 0x48},
        {"print", KEY_SYSRQ, 0xb7, 0xe037, 0xe07c, 0x57, 0x46},
        {"meta_l", KEY_LEFTMETA, 0xdb, 0xe05b, 0xe01f, 0x8b, 0xe3},
        {"compose", KEY_COMPOSE, 0xdd, 0xe05d, 0xe02f, 0x8d, 0x65},
        {"kp_multiply", KEY_KPASTERISK, 0x37, 0x37, 0x7c, 0x7e, 0x55},
    };
    for (unsigned n = 0; n < sizeof k / sizeof k[0]; n++) {
        cr_expect_eq(key_from_name(k[n].name), k[n].key, "%s", k[n].name);
        cr_expect_str_eq(key_name(k[n].key), k[n].name);
        cr_expect_eq(key_to_number(k[n].key), k[n].number, "%s", k[n].name);
        cr_expect_eq(key_to_scan_set1(k[n].key), k[n].set1, "%s", k[n].name);
        cr_expect_eq(key_to_scan_set2(k[n].key), k[n].set2, "%s", k[n].name);
        cr_expect_eq(key_to_scan_set3(k[n].key), k[n].set3, "%s", k[n].name);
        cr_expect_eq(key_to_usage(k[n].key), k[n].usage, "%s", k[n].name);
    }
    cr_expect_eq(key_from_name("sysrq"), KEY_SYSRQ);
    cr_expect_eq(key_from_name("asterisk"), KEY_KPASTERISK);
    cr_expect_eq(key_from_scan_set1(0x54), KEY_SYSRQ);
    cr_expect_eq(key_from_name("nonsense"), 0);
    cr_expect_eq(key_from_name(""), 0);
    cr_expect_eq(key_from_number(0), 0);
    cr_expect_eq(key_from_number(0x80), 0);
    cr_expect_eq(key_from_number(0x11c), 0);
    cr_expect_eq(key_to_scan_set1(0xffff), 0);
}

/* Every name that the control protocol documents. */
Test(input, the_protocol_s_names_are_known)
{
    static const char *const names[] = {"pause",
                                        "ro",
                                        "kp_comma",
                                        "kp_equals",
                                        "power",
                                        "hiragana",
                                        "henkan",
                                        "yen",
                                        "sleep",
                                        "wake",
                                        "audionext",
                                        "audioprev",
                                        "audiostop",
                                        "audioplay",
                                        "audiomute",
                                        "volumeup",
                                        "volumedown",
                                        "mediaselect",
                                        "mail",
                                        "calculator",
                                        "computer",
                                        "ac_home",
                                        "ac_back",
                                        "ac_forward",
                                        "ac_refresh",
                                        "ac_bookmarks",
                                        "muhenkan",
                                        "katakanahiragana",
                                        "lang1",
                                        "lang2",
                                        "shift",
                                        "shift_r",
                                        "alt",
                                        "alt_r",
                                        "ctrl",
                                        "ctrl_r",
                                        "menu",
                                        "esc",
                                        "1",
                                        "2",
                                        "3",
                                        "4",
                                        "5",
                                        "6",
                                        "7",
                                        "8",
                                        "9",
                                        "0",
                                        "minus",
                                        "equal",
                                        "backspace",
                                        "tab",
                                        "q",
                                        "w",
                                        "e",
                                        "r",
                                        "t",
                                        "y",
                                        "u",
                                        "i",
                                        "o",
                                        "p",
                                        "bracket_left",
                                        "bracket_right",
                                        "ret",
                                        "a",
                                        "s",
                                        "d",
                                        "f",
                                        "g",
                                        "h",
                                        "j",
                                        "k",
                                        "l",
                                        "semicolon",
                                        "apostrophe",
                                        "grave_accent",
                                        "backslash",
                                        "z",
                                        "x",
                                        "c",
                                        "v",
                                        "b",
                                        "n",
                                        "m",
                                        "comma",
                                        "dot",
                                        "slash",
                                        "asterisk",
                                        "spc",
                                        "caps_lock",
                                        "f1",
                                        "f2",
                                        "f3",
                                        "f4",
                                        "f5",
                                        "f6",
                                        "f7",
                                        "f8",
                                        "f9",
                                        "f10",
                                        "num_lock",
                                        "scroll_lock",
                                        "kp_divide",
                                        "kp_multiply",
                                        "kp_subtract",
                                        "kp_add",
                                        "kp_enter",
                                        "kp_decimal",
                                        "sysrq",
                                        "kp_0",
                                        "kp_1",
                                        "kp_2",
                                        "kp_3",
                                        "kp_4",
                                        "kp_5",
                                        "kp_6",
                                        "kp_7",
                                        "kp_8",
                                        "kp_9",
                                        "less",
                                        "f11",
                                        "f12",
                                        "print",
                                        "home",
                                        "pgup",
                                        "pgdn",
                                        "end",
                                        "left",
                                        "up",
                                        "down",
                                        "right",
                                        "insert",
                                        "delete",
                                        "stop",
                                        "again",
                                        "props",
                                        "undo",
                                        "front",
                                        "copy",
                                        "open",
                                        "paste",
                                        "find",
                                        "cut",
                                        "lf",
                                        "help",
                                        "meta_l",
                                        "meta_r",
                                        "compose"};
    for (unsigned n = 0; n < sizeof names / sizeof names[0]; n++)
        cr_expect(key_from_name(names[n]), "%s", names[n]);
}

Test(input, text_as_keys)
{
    static const struct {
        char c;
        uint16_t key;
        bool shift;
    } k[] = {{'a', KEY_A, false},         {'Z', KEY_Z, true},          {'1', KEY_1, false},
             {'!', KEY_1, true},          {'=', KEY_EQUAL, false},     {'+', KEY_EQUAL, true},
             {'\n', KEY_ENTER, false},    {'\t', KEY_TAB, false},      {' ', KEY_SPACE, false},
             {'[', KEY_LEFTBRACE, false}, {'"', KEY_APOSTROPHE, true}, {'~', KEY_GRAVE, true},
             {'|', KEY_BACKSLASH, true},  {'?', KEY_SLASH, true},      {'z', KEY_Z, false}};
    uint16_t key;
    bool shift;
    for (unsigned n = 0; n < sizeof k / sizeof k[0]; n++) {
        cr_assert(key_from_char(k[n].c, &key, &shift), "%c", k[n].c);
        cr_expect(key == k[n].key && shift == k[n].shift, "%c", k[n].c);
    }
    for (int c = ' '; c < 127; c++)
        cr_expect(key_from_char((char)c, &key, &shift), "%c", c);
    cr_expect(!key_from_char(0, &key, &shift));
    cr_expect(!key_from_char((char)0xe4, &key, &shift));
}

/* ---- router ---------------------------------------------------------------------------------- */

enum { GOT_MOST = 4096 };
struct probe {
    struct input_sink sink;
    struct input_event got[GOT_MOST];
    unsigned count, syncs;
    bool down[KEY_CNT];
};
static struct vemu_machine m;
static struct probe first, second;

static void probe_event(void *opaque, const struct input_event *e)
{
    struct probe *p = opaque;
    cr_assert_lt(p->count, GOT_MOST);
    p->got[p->count++] = *e;
    if (e->type == EV_KEY) {
        cr_expect_neq(p->down[e->code], e->value);
        p->down[e->code] = e->value;
    }
}
static void probe_sync(void *opaque)
{
    struct probe *p = opaque;
    p->syncs++;
}
static void add(struct probe *p, unsigned takes)
{
    static const struct input_sink_ops ops = {.event = probe_event, .sync = probe_sync};
    memset(p, 0, sizeof *p);
    p->sink = (struct input_sink){.ops = &ops, .opaque = p, .takes = takes};
    cr_assert(input_sink_add(&m, &p->sink, NULL));
}
static void setup(void)
{
    cr_assert(machine_init(&m, NULL));
}
static void teardown(void)
{
    machine_destroy(&m);
}
TestSuite(router, .init = setup, .fini = teardown);

static void deliver(void)
{
    loop_iterate(m.loop, 0);
}
static void motion(uint16_t type, int32_t x, int32_t y)
{
    const struct input_event e[] = {{.type = type, .code = REL_X, .value = x},
                                    {.type = type, .code = REL_Y, .value = y}};
    input_send(&m, NULL, e, 2);
}

Test(router, events_arrive_in_order_with_a_sync_for_each_group)
{
    static const struct input_event group[] = {{EV_KEY, KEY_LEFTCTRL, 1}, {EV_KEY, KEY_C, 1}};
    add(&first, INPUT_TAKES_KEYS);
    input_send(&m, NULL, group, 2);
    input_send_key(&m, KEY_C, false);
    cr_expect_eq(first.count, 0, "on the loop's thread only");
    deliver();
    cr_expect_eq(first.count, 3);
    cr_expect_eq(first.syncs, 2);
    cr_expect_eq(first.got[0].code, KEY_LEFTCTRL);
    cr_expect_eq(first.got[1].code, KEY_C);
    cr_expect_eq(first.got[2].value, 0);
}

Test(router, what_is_no_event_is_dropped)
{
    static const struct input_event bad[] = {
        {EV_KEY, 0, 1},        {EV_KEY, KEY_CNT, 1}, {EV_KEY, 0xffff, 1}, {EV_KEY, KEY_A, 2},
        {EV_KEY, KEY_A, -1},   {EV_KEY, KEY_A, 0},   {EV_REL, 100, 1},    {EV_ABS, ABS_PRESSURE, 1},
        {EV_LED, LED_NUML, 1}, {0xffff, 0, 0}};
    add(&first, 15);
    input_send(&m, NULL, bad, sizeof bad / sizeof bad[0]);
    input_send(&m, NULL, bad, 0);
    deliver();
    cr_expect_eq(first.count, 0);
    cr_expect_eq(first.syncs, 0);
}

Test(router, a_key_goes_up_where_it_went_down)
{
    add(&first, INPUT_TAKES_KEYS);
    input_send_key(&m, KEY_A, true);
    deliver();
    add(&second, INPUT_TAKES_KEYS);
    input_send_key(&m, KEY_A, false);
    input_send_key(&m, KEY_B, true);
    deliver();
    cr_expect_eq(first.count, 2);
    cr_expect_eq(first.got[1].value, 0);
    cr_expect_eq(second.count, 1);
    cr_expect_eq(second.got[0].code, KEY_B);
    input_sink_activate(&first.sink);
    input_send_key(&m, KEY_C, true);
    deliver();
    cr_expect_eq(first.got[2].code, KEY_C);
    input_sink_remove(&second.sink);
    input_send_key(&m, KEY_B, false);
    deliver();
    cr_expect_eq(first.count, 3, "its keyboard is gone");
    input_sink_remove(&second.sink);
}

Test(router, everything_held_goes_up)
{
    add(&first, INPUT_TAKES_KEYS | INPUT_TAKES_BUTTONS);
    input_send_key(&m, KEY_A, true);
    input_send_key(&m, BTN_LEFT, true);
    deliver();
    input_release_all(&m);
    input_release_all(&m);
    deliver();
    cr_expect_eq(first.count, 4);
    cr_expect(!first.down[KEY_A] && !first.down[BTN_LEFT]);
}

Test(router, a_flood_is_bounded_and_leaves_no_key_down)
{
    unsigned keys = 0;
    add(&first, 15);
    for (unsigned n = 0; n < 100000; n++) {
        const uint16_t key = (uint16_t)(1 + n * 7 % 200);
        input_send_key(&m, key, n % 3);
        if (n % 5 == 0)
            input_send_key(&m, (uint16_t)(1 + n % 200), false);
        motion(EV_REL, 1, 0);
    }
    for (uint16_t key = 1; key <= 200; key++)
        input_send_key(&m, key, false);
    deliver();
    for (unsigned n = 0; n < KEY_CNT; n++)
        cr_expect(!first.down[n], "%u", n);
    for (unsigned n = 0; n < first.count; n++)
        keys += first.got[n].type == EV_KEY;
    cr_expect_gt(keys, 100);
    cr_expect_leq(first.count, 1024);
    input_send_key(&m, KEY_A, true);
    deliver();
    cr_expect(first.down[KEY_A], "and goes on");
}

Test(router, motion_that_waits_is_summed)
{
    add(&first, INPUT_TAKES_REL);
    for (unsigned n = 0; n < 100000; n++)
        motion(EV_REL, 3, -1);
    deliver();
    cr_expect_eq(first.count, 2);
    cr_expect_eq(first.got[0].value, 300000);
    cr_expect_eq(first.got[1].value, -100000);
    motion(EV_REL, INT32_MAX, INT32_MIN);
    motion(EV_REL, INT32_MAX, INT32_MIN);
    deliver();
    cr_expect_eq(first.got[2].value, INT32_MAX);
    cr_expect_eq(first.got[3].value, INT32_MIN);
}

Test(router, motion_is_not_summed_across_a_button)
{
    add(&first, INPUT_TAKES_REL | INPUT_TAKES_BUTTONS);
    motion(EV_REL, 1, 1);
    input_send_key(&m, BTN_LEFT, true);
    motion(EV_REL, 1, 1);
    deliver();
    cr_expect_eq(first.count, 5);
    cr_expect_eq(first.got[2].code, BTN_LEFT);
}

Test(router, absolute_positions_become_motion_for_a_mouse)
{
    add(&first, INPUT_TAKES_REL | INPUT_TAKES_BUTTONS);
    cr_expect(!input_is_absolute(&m));
    motion(EV_ABS, INPUT_ABS_MAX / 2, INPUT_ABS_MAX / 2);
    deliver();
    cr_expect_eq(first.count, 0, "there is nothing to compare with");
    motion(EV_ABS, INPUT_ABS_MAX, -1000);
    deliver();
    cr_expect_eq(first.count, 2);
    cr_expect_eq(first.got[0].type, EV_REL);
    cr_expect(first.got[0].value == 512 && first.got[1].value == -383, "%d %d", first.got[0].value,
              first.got[1].value);
    add(&second, INPUT_TAKES_ABS | INPUT_TAKES_BUTTONS);
    cr_expect(input_is_absolute(&m));
    motion(EV_ABS, INPUT_ABS_MAX + 1, -1000);
    deliver();
    cr_expect_eq(second.got[0].value, INPUT_ABS_MAX);
    cr_expect_eq(second.got[1].value, 0);
}

Test(router, wheels_go_where_buttons_go)
{
    static const struct input_event wheel = {EV_REL, REL_WHEEL, 1};
    add(&first, INPUT_TAKES_REL | INPUT_TAKES_BUTTONS);
    add(&second, INPUT_TAKES_ABS | INPUT_TAKES_BUTTONS);
    input_send(&m, NULL, &wheel, 1);
    motion(EV_REL, 1, 1);
    deliver();
    cr_expect_eq(second.count, 1);
    cr_expect_eq(first.count, 2);
}

Test(router, a_pointer_of_one_display_gets_that_display_s_events)
{
    struct display *const left = (struct display *)&first, *const right = (void *)&second;
    static const struct input_event press = {EV_KEY, BTN_LEFT, 1}, release = {EV_KEY, BTN_LEFT, 0};
    add(&second, INPUT_TAKES_BUTTONS);
    add(&first, INPUT_TAKES_BUTTONS);
    first.sink.display = left;
    input_send(&m, left, &press, 1);
    input_send(&m, right, &release, 1);
    deliver();
    cr_expect_eq(first.count, 2);
    input_send(&m, right, &press, 1);
    deliver();
    cr_expect_eq(first.count, 2);
    cr_expect_eq(second.count, 1);
}

struct counter {
    struct input_watcher w;
    unsigned changes;
};
static void changed(struct input_watcher *w)
{
    ((struct counter *)w)->changes++;
}

Test(router, lamps_and_kinds_of_pointers_are_told)
{
    struct counter c = {.w.changed = changed};
    input_watch(&m, &c.w);
    add(&first, INPUT_TAKES_KEYS);
    cr_expect_eq(c.changes, 0);
    input_sink_leds(&first.sink, INPUT_LED_CAPS);
    cr_expect_eq(c.changes, 1);
    cr_expect_eq(input_leds(&m), INPUT_LED_CAPS);
    input_sink_leds(&first.sink, INPUT_LED_CAPS);
    cr_expect_eq(c.changes, 1);
    add(&second, INPUT_TAKES_KEYS | INPUT_TAKES_ABS);
    cr_expect_eq(c.changes, 2);
    cr_expect_eq(input_leds(&m), 0, "those of the keyboard that is used");
    input_sink_remove(&second.sink);
    cr_expect_eq(c.changes, 3);
    cr_expect_eq(input_leds(&m), INPUT_LED_CAPS);
    input_unwatch(&c.w);
    input_sink_leds(&first.sink, 0);
    cr_expect_eq(c.changes, 3);
}

static void *sender(void *opaque)
{
    const uint16_t key = *(const uint16_t *)opaque;
    for (unsigned n = 0; n < 20000; n++) {
        input_send_key(&m, key, true);
        motion(EV_REL, 1, 1);
        input_send_key(&m, key, false);
    }
    return NULL;
}

Test(router, senders_of_several_threads)
{
    static const uint16_t keys[] = {KEY_A, KEY_B, BTN_LEFT};
    pthread_t threads[3];
    add(&first, 15);
    for (unsigned n = 0; n < 3; n++)
        cr_assert_eq(pthread_create(&threads[n], NULL, sender, (void *)&keys[n]), 0);
    for (unsigned n = 0; n < 2000; n++) {
        loop_iterate(m.loop, 1000);
        first.count = 0;
    }
    for (unsigned n = 0; n < 3; n++)
        pthread_join(threads[n], NULL);
    deliver();
    for (unsigned n = 0; n < KEY_CNT; n++)
        cr_expect(!first.down[n], "%u", n);
}

Test(router, what_comes_after_a_paced_key_waits_and_nothing_is_lost)
{
    enum { PAUSE = 20000000, KEYS = 4 };
    int64_t came[2 * KEYS + 2];
    unsigned seen = 0;
    add(&first, 15);
    for (unsigned n = 0; n < KEYS; n++) {
        for (int value = 1; value >= 0; value--) {
            const struct input_event e = {EV_KEY, (uint16_t)(KEY_Q + n), value};
            input_send_paced(&m, NULL, &e, 1, PAUSE);
        }
    }
    motion(EV_REL, 1, 2);
    while (seen < 2 * KEYS + 2) {
        loop_iterate(m.loop, -1);
        while (seen < first.count)
            came[seen++] = clock_now(m.clocks, VCLOCK_HOST);
        if (seen == 2 * KEYS) /* while the last one's pause goes on */
            motion(EV_REL, 3, 4);
    }
    for (unsigned n = 0; n < 2 * KEYS; n++) {
        cr_expect(first.got[n].code == KEY_Q + n / 2 && first.got[n].value == !(n & 1), "%u", n);
        /* When it was noticed, not when it came: a late look makes one distance short. */
        cr_expect_geq(came[n + 1] - came[0], (int64_t)(n + 1) * PAUSE, "%u", n);
    }
    cr_expect_eq(first.got[2 * KEYS].value, 4, "motion that waited together");
    cr_expect_eq(first.got[2 * KEYS + 1].value, 6);
    input_send_key(&m, KEY_A, true);
    deliver();
    cr_expect_eq(first.count, 2 * KEYS + 3, "nothing waits without a reason");
}

static void pass(int64_t ns)
{
    clock_step(m.clocks, ns);
    deliver();
}

Test(router, chords_follow_each_other_in_the_guest_s_time)
{
    static const uint16_t chord[] = {KEY_LEFTCTRL, KEY_LEFTALT, KEY_DELETE}, key[] = {KEY_A};
    clock_set_manual(m.clocks, true);
    clock_set_running(m.clocks, true);
    add(&first, INPUT_TAKES_KEYS);
    cr_assert(input_send_chord(&m, chord, 3, 100, NULL));
    cr_assert(input_send_chord(&m, key, 1, 100, NULL));
    deliver();
    cr_expect_eq(first.count, 3);
    cr_expect_eq(first.syncs, 1);
    pass(99);
    cr_expect_eq(first.count, 3);
    pass(1);
    cr_expect_eq(first.count, 6);
    cr_expect_eq(first.got[3].code, KEY_DELETE, "in reverse");
    cr_expect_eq(first.got[5].code, KEY_LEFTCTRL);
    pass(10000000);
    cr_expect_eq(first.count, 8);
    pass(100);
    cr_expect_eq(first.got[7].value, 0);
    cr_expect_eq(first.count, 8);
}

Test(router, presses_that_wait_are_bounded)
{
    static const uint16_t keys[17] = {KEY_A};
    unsigned n = 0;
    while (input_send_chord(&m, keys, 1, 1, NULL) && n < 10000)
        n++;
    cr_expect_eq(n, 4096);
    cr_expect_eq(input_chords_room(&m), 0);
    cr_expect(!input_send_chord(&m, keys, 17, 1, NULL));
}
