/* The VNC server: handshakes, messages, updates, policies, over sockets without a network. */
#include <config.h>
#include <criterion/criterion.h>
#include <sys/un.h>

#include "core/util/error.h"
#include "core/util/range.h"
#include "tests/unit/vnc_watched.h"
#include "ui/vnc/internal.h"
#include "ui/vnc/keyboard.h"
#include "ui/vnc/screen.h"
#include "ui/vnc/scroll.h"

TestSuite(vnc, .timeout = 60);

/* ---- handshake ------------------------------------------------------------------------------- */

Test(vnc, each_version_gets_to_the_first_picture)
{
    static const unsigned minors[] = {3, 5, 7, 8, 889};
    struct vnc_machine *vm = vm_new(NULL);

    vm_draw(vm, 1, 0, 0, VM_WIDTH, VM_HEIGHT);
    for (unsigned i = 0; i < ARRAY_SIZE(minors); i++) {
        struct viewer v;
        v_connect(&v, vm);
        cr_assert(v_init(&v, minors[i], true), "3.%u", minors[i]);
        cr_assert_eq(v.width, VM_WIDTH);
        cr_assert_eq(v.height, VM_HEIGHT);
        cr_assert(v_request(&v, false) && v_update(&v));
        cr_assert(v_same(&v, vm), "3.%u", minors[i]);
        v_close(&v);
    }
    vm_free(vm);
}

Test(vnc, what_is_no_handshake_ends_the_connection)
{
    static const char *const words[] = {"GET / HTTP/1.1\r\n", "RFB 003.00x\n", "RFB 002.000\n",
                                        "RFB 003.008 ", "RFB 003,008\n"};
    struct vnc_machine *vm = vm_new(NULL);
    struct viewer v;

    for (unsigned i = 0; i < ARRAY_SIZE(words); i++) {
        v_connect(&v, vm);
        cr_assert(v_send(&v, words[i], strlen(words[i])));
        cr_assert(v_closed(&v), "%s", words[i]);
        v_close(&v);
    }
    v_connect(&v, vm);
    cr_assert(v_send(&v, "RFB 003.008\n\2", 13)); /* a type that was not offered */
    cr_assert(v_closed(&v));
    v_close(&v);
    vm_free(vm);
}

Test(vnc, strangers_are_counted)
{
    struct vnc_machine *vm = vm_new(NULL);
    struct vemu_error *err = NULL;
    int pair[2];
    unsigned n = 0;

    while (n < 1000) {
        cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
        if (!vnc_server_add_client(vm->server, pair[0], false, &err))
            break;
        n++;
    }
    cr_assert_lt(n, 100);
    cr_assert(strstr(vemu_error_message(err), "handshake"));
    vemu_error_free(err);
    vm_free(vm);
}

Test(vnc, handshake_that_does_not_end_is_ended)
{
    static const char *const words[] = {"", "RFB", "RFB 003.008\n"};
    const struct vnc_config cfg = {
        .id = "default", .origin = "-vnc", .address = "none", .handshake_ms = 50};
    struct vnc_machine *vm = vm_new(&cfg);
    struct viewer v;

    for (unsigned i = 0; i < ARRAY_SIZE(words); i++) {
        v_connect(&v, vm);
        cr_assert(v_send(&v, words[i], strlen(words[i])));
        cr_assert(v_closed(&v), "after '%s'", words[i]);
        machine_lock(&vm->m);
        cr_assert_eq(vm->lines, i + 1);
        cr_assert(strstr(vm->last_line, "did not finish the handshake"));
        machine_unlock(&vm->m);
        v_close(&v);
    }
    vm_free(vm);
}

Test(vnc, password_keeps_out_who_does_not_know_it)
{
    const struct vnc_config cfg = {
        .id = "default", .origin = "-vnc", .address = "none", .password = true};
    struct vnc_machine *vm = vm_new(&cfg);
    struct viewer v;
    uint8_t data[64];

    if (!vm->server) /* built without the library for it */
        return;
    cr_assert(vnc_server_set_password(vm->server, "secret", NULL));
    v_connect(&v, vm);
    cr_assert(v_read(&v, data, 12) && v_send(&v, "RFB 003.008\n", 12));
    cr_assert(v_read(&v, data, 2) && data[0] == 1 && data[1] == 2);
    cr_assert(v_send(&v, "\2", 1) && v_read(&v, data, 16) && v_send(&v, data, 16));
    cr_assert(v_read(&v, data, 4));
    cr_assert_eq(load_be32(data), 1);
    cr_assert(v_closed(&v));
    v_close(&v);
    vm_free(vm);
}

Test(vnc, password_needs_a_server_that_asks_for_one)
{
    struct vnc_machine *vm = vm_new(NULL);
    struct vemu_error *err = NULL;

    cr_assert(!vnc_server_set_password(vm->server, "secret", &err));
    cr_assert(strstr(vemu_error_message(err), "password=on"));
    vemu_error_free(err);
    vm_free(vm);
}

/* ---- who may be there ------------------------------------------------------------------------ */

static struct vnc_machine *with_share(enum vnc_share share)
{
    const struct vnc_config cfg = {
        .id = "default", .origin = "-vnc", .address = "none", .share = share};

    return vm_new(&cfg);
}

Test(vnc, exclusive_viewer_sends_the_others_away)
{
    struct vnc_machine *vm = with_share(VNC_SHARE_ALLOW_EXCLUSIVE);
    struct viewer a, b, c;

    join(&a, vm);
    v_connect(&b, vm);
    cr_assert(v_init(&b, 8, false));
    cr_assert(v_closed(&a));
    v_connect(&c, vm);
    cr_assert(!v_init(&c, 8, true), "there is one that wants to be alone");
    cr_assert(v_request(&b, false) && v_update(&b));
    v_close(&a);
    v_close(&b);
    v_close(&c);
    vm_free(vm);
}

Test(vnc, force_shared_refuses_who_wants_to_be_alone)
{
    struct vnc_machine *vm = with_share(VNC_SHARE_FORCE_SHARED);
    struct viewer a, b;

    join(&a, vm);
    v_connect(&b, vm);
    cr_assert(!v_init(&b, 8, false));
    cr_assert(v_request(&a, false) && v_update(&a));
    v_close(&a);
    v_close(&b);
    vm_free(vm);
}

Test(vnc, ignore_lets_everybody_in)
{
    struct vnc_machine *vm = with_share(VNC_SHARE_IGNORE);
    struct viewer a, b;

    join(&a, vm);
    v_connect(&b, vm);
    cr_assert(v_init(&b, 8, false));
    cr_assert(v_request(&a, false) && v_update(&a));
    v_close(&a);
    v_close(&b);
    vm_free(vm);
}

/* ---- messages -------------------------------------------------------------------------------- */

Test(vnc, messages_may_come_a_byte_at_a_time)
{
    static const uint8_t cut[] = {6, 0, 0, 0, 0, 0, 0, 2, 'h', 'i'};
    static const uint8_t fence[] = {248, 0, 0, 0, 0x80, 0, 0, 1, 2, 'o', 'k'};
    static const uint8_t size[] = {251, 0, 1, 0, 0, 200, 1, 0,   0, 0, 0, 0,
                                   0,   0, 0, 0, 1, 0,   0, 200, 0, 0, 0, 0};
    struct vnc_machine *vm = vm_new(NULL);
    struct input_event e[VM_EVENTS_MAX];
    struct viewer v;
    uint8_t answer[11];

    v_connect(&v, vm);
    v.slowly = true;
    cr_assert(v_init(&v, 8, true));
    cr_assert(V_ENCODINGS(&v, 0));
    cr_assert(v_send(&v, cut, sizeof cut));
    cr_assert(v_key(&v, 'x', true) && v_key(&v, 'x', false));
    cr_assert(v_scan(&v, 'y', 0x15, true) && v_scan(&v, 'y', 0x15, false));
    cr_assert(v_pointer(&v, 1, 5, 6) && v_pointer(&v, 0, 5, 6));
    cr_assert(v_send(&v, fence, sizeof fence));
    cr_assert(v_read(&v, answer, sizeof answer));
    cr_assert_eq(answer[0], 248);
    cr_assert_eq(load_be32(answer + 4), 1, "the request's bit is not in the answer");
    cr_assert(memcmp(answer + 8, "\2ok", 3) == 0);
    cr_assert(v_send(&v, size, sizeof size));
    cr_assert(vm_wait_events(vm, 8));
    cr_assert_eq(vm_events(vm, e), 8);
    cr_assert(e[0].code == KEY_X && e[0].value == 1 && e[1].code == KEY_X && e[1].value == 0);
    cr_assert(e[2].code == KEY_Y && e[3].code == KEY_Y);
    cr_assert(e[4].type == EV_ABS && e[5].type == EV_ABS);
    cr_assert(e[6].code == BTN_LEFT && e[6].value == 1 && e[7].value == 0);
    cr_assert(v_request(&v, false) && v_update(&v));
    cr_assert_eq(vm->wanted_width, 256);
    cr_assert_eq(vm->wanted_height, 200);
    v_close(&v);
    vm_free(vm);
}

Test(vnc, what_is_no_message_ends_the_connection)
{
    static const struct {
        const char *what;
        uint8_t bytes[32];
        unsigned len;
    } bad[] = {
        {"an unknown message", {77}, 1},
        {"pixels of 24 bits", {0, 0, 0, 0, 24, 24, 0, 1, 0, 255, 0, 255, 0, 255, 16, 8, 0}, 20},
        {"too much text", {6, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff}, 8},
        {"too much extended text", {6, 0, 0, 0, 0x80, 0, 0, 0}, 8},
        {"extended text that was not offered", {6, 0, 0, 0, 0xff, 0xff, 0xff, 0xfc, 1}, 12},
        {"a long fence", {248, 0, 0, 0, 0, 0, 0, 0, 65}, 9},
        {"too many encodings", {2, 0, 0xff, 0xff}, 4},
        {"audio that was not offered", {255, 1, 0, 0}, 4},
    };
    struct vnc_machine *vm = vm_new(NULL);

    for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
        struct viewer v;
        join(&v, vm);
        cr_assert(v_send(&v, bad[i].bytes, bad[i].len));
        cr_assert(v_closed(&v), "%s", bad[i].what);
        v_close(&v);
    }
    machine_lock(&vm->m);
    cr_assert_geq(vm->lines, ARRAY_SIZE(bad), "each with a line in the log");
    machine_unlock(&vm->m);
    vm_free(vm);
}

WATCHED(viewer_that_does_not_read_its_answers_is_not_read_either)
{
    static const uint8_t fence[9 + 64] = {248, 0, 0, 0, 0x80, 0, 0, 0, 64};
    size_t sent = 0;

    fcntl(v->fd, F_SETFL, O_NONBLOCK);
    for (unsigned idle = 0; idle < 20 && sent < (64u << 20);) {
        ssize_t n = send(v->fd, fence, sizeof fence, MSG_NOSIGNAL);
        if (n > 0)
            sent += (size_t)n, idle = 0;
        else
            usleep(5000), idle++;
    }
    cr_assert_lt(sent, 4u << 20, "%zu bytes were taken", sent);
}

/* ---- keys and pointer ------------------------------------------------------------------------ */

static void expect_keys(struct vnc_machine *vm, const int *want, unsigned n)
{
    struct input_event e[VM_EVENTS_MAX];

    cr_assert(vm_wait_events(vm, n));
    cr_assert_eq(vm_events(vm, e), n);
    for (unsigned i = 0; i < n; i++) {
        int got = e[i].value ? e[i].code : -e[i].code;
        cr_assert_eq(got, want[i], "%u: %d, not %d", i, got, want[i]);
    }
}
/* Codes that go down; negative ones go up. */
#define EXPECT_KEYS(vm, ...)                                                                       \
    expect_keys(vm, (const int[]){__VA_ARGS__}, sizeof((const int[]){__VA_ARGS__}) / sizeof(int))

WATCHED(keysym_brings_the_shift_that_it_needs)
{
    v_key(v, '?', true); /* from a keyboard where it needs no shift */
    v_key(v, '?', false);
    v_key(v, 0xffe1, true); /* from one where the slash needs it */
    v_key(v, '/', true);
    v_key(v, '/', false);
    v_key(v, 0xffe1, false);
    EXPECT_KEYS(vm, KEY_LEFTSHIFT, KEY_SLASH, -KEY_LEFTSHIFT, -KEY_SLASH, KEY_LEFTSHIFT,
                -KEY_LEFTSHIFT, KEY_SLASH, KEY_LEFTSHIFT, -KEY_SLASH, -KEY_LEFTSHIFT);
}

WATCHED(keysym_with_control_is_left_alone)
{
    v_key(v, 0xffe3, true);
    v_key(v, 'C', true);
    v_key(v, 'c', false); /* never went down by that name */
    v_key(v, 'C', false);
    v_key(v, 0xffe3, false);
    EXPECT_KEYS(vm, KEY_LEFTCTRL, KEY_C, -KEY_C, -KEY_LEFTCTRL);
}

Test(vnc, keys_of_a_viewer_that_leaves_go_up)
{
    struct vnc_machine *vm = vm_new(NULL);
    struct viewer v, other;

    join(&v, vm);
    join(&other, vm);
    v_scan(&v, 0, 0x1d, true);
    cr_assert(vm_wait_events(vm, 1));
    v_scan(&other, 0, 0x38, true); /* is held by somebody else */
    cr_assert(vm_wait_events(vm, 2));
    v_scan(&v, 0, 0x9d, true); /* right control: a prefix */
    cr_assert(vm_wait_events(vm, 3));
    v_close(&v);
    EXPECT_KEYS(vm, KEY_LEFTCTRL, KEY_LEFTALT, KEY_RIGHTCTRL, -KEY_LEFTCTRL, -KEY_RIGHTCTRL);
    v_close(&other);
    vm_free(vm);
}

Test(vnc, layouts_find_keys_and_their_levels)
{
    struct keyboard_layout *us = keyboard_layout_new(NULL, "-k", NULL), *de;
    struct vemu_error *err = NULL;
    struct keyboard_key k;

    cr_assert(keyboard_find(us, 'z', &k));
    cr_assert_eq(k.code, KEY_Z);
    cr_assert(keyboard_find(us, '~', &k) && k.code == KEY_GRAVE && k.level == KEYBOARD_SHIFT);
    cr_assert(keyboard_find(us, 0xffbe, &k) && k.code == KEY_F1);
    cr_assert(keyboard_find(us, 0x1000041, &k) && k.code == KEY_A);
    cr_assert(!keyboard_find(us, 0xe4, &k));
    keyboard_layout_free(us);
    de = keyboard_layout_new("de", "-k", &err);
    if (!de) { /* without the host's data there is a sentence */
        cr_assert(strstr(vemu_error_message(err), "-k"));
        vemu_error_free(err);
        return;
    }
    cr_assert(keyboard_find(de, 'z', &k) && k.code == KEY_Y);
    cr_assert(keyboard_find(de, '/', &k) && k.code == KEY_7 && k.level == KEYBOARD_SHIFT);
    cr_assert(keyboard_find(de, '@', &k) && k.code == KEY_Q && k.level == KEYBOARD_ALTGR);
    cr_assert(keyboard_find(de, 0xe4, &k) && k.code == KEY_APOSTROPHE && k.alphabetical);
    cr_assert(keyboard_find(de, 0x20ac | 0x1000000, &k) && k.code == KEY_E);
    keyboard_layout_free(de);
    cr_assert_null(keyboard_layout_new("none/such", "-k", &err));
    cr_assert(strstr(vemu_error_message(err), "none/such"));
    vemu_error_free(err);
}

WATCHED(pointer_is_scaled_and_wheels_turn)
{
    struct input_event e[VM_EVENTS_MAX];

    v_pointer(v, 0, VM_WIDTH - 1, VM_HEIGHT - 1);
    v_pointer(v, 8, VM_WIDTH - 1, VM_HEIGHT - 1);
    v_pointer(v, 0, VM_WIDTH - 1, VM_HEIGHT - 1);
    v_pointer(v, 16 | 4, 0, 65535);
    cr_assert(vm_wait_events(vm, 7));
    cr_assert_eq(vm_events(vm, e), 7);
    cr_assert(e[0].code == ABS_X && e[0].value == INPUT_ABS_MAX);
    cr_assert(e[1].code == ABS_Y && e[1].value == INPUT_ABS_MAX);
    cr_assert(e[2].code == REL_WHEEL && e[2].value == 1);
    cr_assert(e[3].code == ABS_X && e[3].value == 0);
    cr_assert(e[4].code == ABS_Y && e[4].value == INPUT_ABS_MAX);
    cr_assert(e[5].code == BTN_RIGHT && e[6].code == REL_WHEEL && e[6].value == -1);
}

/* ---- updates --------------------------------------------------------------------------------- */

WATCHED(only_what_changed_is_sent)
{
    cr_assert(v_request(v, false) && v_update(v));
    cr_assert_eq(v->drawn, VM_WIDTH * VM_HEIGHT);
    vm_draw(vm, 2, 32, 48, 16, 16);
    cr_assert(v_request(v, true) && v_update(v));
    cr_assert_eq(v->rects, 1);
    cr_assert(v->last.x == 32 && v->last.y == 48 && v->last.width == 16 && v->last.height == 16);
    cr_assert(v_same(v, vm));
    /* Drawn again as it was: nothing. What follows is the first that comes. */
    vm_draw(vm, 2, 32, 48, 16, 16);
    cr_assert(v_request(v, true));
    usleep(50000);
    vm_draw(vm, 3, 64, 64, 16, 16);
    cr_assert(v_update(v));
    cr_assert(v->rects == 1 && v->last.x == 64 && v->last.y == 64);
}

Test(vnc, what_is_beside_a_change_stays_as_it_was)
{
    struct vnc_machine *vm = vm_new(NULL);
    struct viewer v;

    vm_draw(vm, 1, 0, 0, VM_WIDTH, VM_HEIGHT);
    join(&v, vm);
    cr_assert(v_request(&v, false) && v_update(&v));
    vm_draw(vm, 2, 35, 53, 3, 2); /* within a square of 16 */
    cr_assert(v_request(&v, true) && v_update(&v));
    cr_assert(v_same(&v, vm));
    v_close(&v);
    vm_free(vm);
}

WATCHED(full_request_gets_what_it_asks_for)
{
    cr_assert(v_request(v, false) && v_update(v));
    cr_assert(v_request_area(v, false, 10, 20, 30, 40) && v_update(v));
    cr_assert_eq(v->drawn, 30 * 40);
    cr_assert(v->last.x == 10 && v->last.y == 20);
    cr_assert(v_request_area(v, false, VM_WIDTH - 1, 0, 5000, 1) && v_update(v));
    cr_assert_eq(v->drawn, 1, "clipped to the screen");
    cr_assert(v_request_area(v, false, 60000, 60000, 5, 5)); /* outside: nothing to tell */
    cr_assert(v_request(v, false) && v_update(v));
    cr_assert_eq(v->drawn, VM_WIDTH * VM_HEIGHT);
}

static void scroll(struct vnc_machine *vm, uint32_t rows)
{
    display_lock(vm->d);
    size_t stride = display_stride(vm->d) / 4;
    uint32_t *p = display_pixels(vm->d);
    memmove(p, p + rows * stride, (VM_HEIGHT - rows) * stride * 4);
    display_damage(vm->d, 0, 0, VM_WIDTH, VM_HEIGHT - rows);
    display_unlock(vm->d);
}

WATCHED(scroll_is_sent_as_a_copy)
{
    unsigned copies = 0;

    vm_draw(vm, 4, 0, 0, VM_WIDTH, VM_HEIGHT);
    cr_assert(V_ENCODINGS(v, 1, 0));
    cr_assert(v_request(v, false) && v_update(v) && v_catch_up(v, vm));
    for (unsigned n = 0; n < 10; n++) {
        scroll(vm, 16);
        vm_draw(vm, 5 + n, 0, VM_HEIGHT - 16, VM_WIDTH, 16);
        do {
            cr_assert(v_request(v, true) && v_update(v));
            copies += v->copies;
        } while (!v_same(v, vm));
    }
    cr_assert_geq(copies, 5, "%u", copies);
}

Test(vnc, viewers_agree_with_the_screen_under_random_changes)
{
    struct vnc_machine *vm = vm_new(NULL);
    struct viewer quick, slow;
    unsigned seed = 12345;

    join(&quick, vm);
    join(&slow, vm);
    cr_assert(V_ENCODINGS(&quick, 1, 0) && V_ENCODINGS(&slow, 1, 0));
    cr_assert(v_request(&quick, false) && v_update(&quick));
    cr_assert(v_request(&slow, false));
    for (unsigned n = 0; n < 300; n++) {
        unsigned r = rand_r(&seed), x = r % (VM_WIDTH - 64), y = r / 1000 % (VM_HEIGHT - 40);
        if (r % 3 == 0)
            scroll(vm, 1 + r / 7 % 30);
        else
            vm_draw(vm, n, x, y, 1 + r / 11 % 64, 1 + r / 13 % 40);
        if (n % 5 == 0)
            cr_assert(v_catch_up(&quick, vm), "change %u", n);
        if (n % 50 == 49)
            cr_assert(v_update(&slow) && v_request(&slow, true));
    }
    cr_assert(v_update(&slow));
    cr_assert(v_catch_up(&quick, vm));
    cr_assert(v_catch_up(&slow, vm));
    v_close(&quick);
    v_close(&slow);
    vm_free(vm);
}

WATCHED(continuous_updates_need_no_requests)
{
    static const uint8_t on[10] = {150, 1, 0, 0, 0, 0, VM_WIDTH >> 8, VM_WIDTH & 255, 0, VM_HEIGHT};
    static const uint8_t off[10] = {150, 0};
    uint8_t byte;

    cr_assert(V_ENCODINGS(v, 0, -313));
    cr_assert(v_read(v, &byte, 1) && byte == 150, "the server shows that it knows them");
    cr_assert(v_send(v, on, sizeof on));
    cr_assert(v_update(v));
    for (unsigned n = 0; n < 5; n++) {
        vm_draw(vm, n, 0, 0, 64, 64);
        cr_assert(v_update(v));
    }
    cr_assert(v_send(v, off, sizeof off));
    while (v_read(v, &byte, 1) && byte == 0) { /* updates that were under way */
        uint8_t rest[3 + 12];
        cr_assert(v_read(v, rest, sizeof rest));
        const struct display_rect r = {load_be16(rest + 3), load_be16(rest + 5),
                                       load_be16(rest + 7), load_be16(rest + 9)};
        cr_assert(v_take_raw(v, &r));
    }
    cr_assert_eq(byte, 150);
}

/* ---- sizes ----------------------------------------------------------------------------------- */

static void set_size(struct vnc_machine *vm, uint32_t width, uint32_t height)
{
    machine_lock(&vm->m);
    cr_assert(display_set_size(vm->d, width, height));
    machine_unlock(&vm->m);
}

Test(vnc, viewers_follow_a_new_size)
{
    struct vnc_machine *vm = vm_new(NULL);
    struct viewer simple, extended, fixed;

    join(&simple, vm);
    join(&extended, vm);
    join(&fixed, vm);
    cr_assert(V_ENCODINGS(&simple, 0, -223) && V_ENCODINGS(&extended, 0, -308, -223));
    cr_assert(v_request(&extended, false) && v_update(&extended));
    cr_assert_eq(extended.sizes, 1, "the server shows that it knows them");
    cr_assert(v_request(&extended, false) && v_update(&extended));
    cr_assert(v_request(&simple, false) && v_update(&simple));
    cr_assert(v_request(&fixed, false) && v_update(&fixed));
    set_size(vm, 400, 100);
    vm_draw(vm, 9, 0, 0, 400, 100);
    cr_assert(v_request(&simple, true) && v_update(&simple));
    cr_assert(simple.sizes == 1 && simple.width == 400 && simple.height == 100);
    cr_assert(v_catch_up(&simple, vm));
    cr_assert(v_request(&extended, true) && v_update(&extended));
    cr_assert(extended.sizes == 1 && extended.width == 400 && extended.size_why == 0);
    cr_assert(v_catch_up(&extended, vm));
    /* One that cannot follow sees what its picture has room for. */
    cr_assert(v_request(&fixed, true) && v_update(&fixed));
    cr_assert_eq(fixed.sizes, 0);
    cr_assert_eq(fixed.drawn, VM_WIDTH * 100);
    v_close(&simple);
    v_close(&extended);
    v_close(&fixed);
    vm_free(vm);
}

WATCHED(viewer_sets_the_size)
{
    static const uint8_t set[24] = {251, 0, 640 >> 8, 640 & 255, 480 >> 8, 480 & 255, 1};
    static const uint8_t none[8] = {251, 0, 0, 0, 0, 0, 0};

    cr_assert(V_ENCODINGS(v, 0, -308));
    cr_assert(v_request(v, false) && v_update(v));
    cr_assert(v_request(v, true));
    cr_assert(v_update(v));
    cr_assert(v_send(v, none, sizeof none));
    cr_assert(v_request(v, true) && v_update(v));
    cr_assert(v->size_why == 1 && v->size_status == 3, "an empty layout is none");
    cr_assert(v_send(v, set, sizeof set));
    do
        cr_assert(v_request(v, true) && v_update(v));
    while (v->width != 640);
    cr_assert_eq(v->height, 480);
    cr_assert(v_catch_up(v, vm));
}

/* ---- the pointer's shape --------------------------------------------------------------------- */

static void set_cursor(struct vnc_machine *vm)
{
    static const uint32_t pixels[4] = {0xffff0000, 0x80ffffff, 0x00123456, 0xff0000ff};
    const struct display_cursor cursor = {2, 2, 1, 1, pixels};

    display_set_cursor(vm->d, &cursor);
    display_move_cursor(vm->d, 11, 21, true);
}

WATCHED(cursor_goes_to_who_draws_it)
{
    static const uint8_t alpha[16] = {255, 0, 0, 255, 128, 128, 128, 128,
                                      0,   0, 0, 0,   0,   0,   255, 255};

    set_cursor(vm);
    cr_assert(V_ENCODINGS(v, 0, -314, -239));
    do
        cr_assert(v_request(v, false) && v_update(v));
    while (!v->cursors);
    cr_assert(memcmp(v->cursor, alpha, sizeof alpha) == 0);
    cr_assert(V_ENCODINGS(v, 0, -239));
    do
        cr_assert(v_request(v, false) && v_update(v));
    while (!v->cursors);
    cr_assert_eq(v->cursor[16], 0xc0, "the mask's first row");
    cr_assert_eq(v->cursor[17], 0x40, "the second");
    cr_assert(v_same(v, vm), "and is not in the picture");
}

WATCHED(cursor_is_drawn_for_who_does_not)
{
    set_cursor(vm);
    do
        cr_assert(v_request(v, false) && v_update(v));
    while (v->pixels[20 * VM_WIDTH + 10] != 0xff0000);
    cr_assert_eq(v->pixels[20 * VM_WIDTH + 11], 0x808080, "half of it over black");
    cr_assert_eq(v->pixels[21 * VM_WIDTH + 11], 0x0000ff);
    display_move_cursor(vm->d, 101, 101, true);
    cr_assert(v_request(v, true) && v_update(v));
    cr_assert_eq(v->pixels[20 * VM_WIDTH + 10], 0, "gone from where it was");
    cr_assert_eq(v->pixels[100 * VM_WIDTH + 100], 0xff0000);
}

WATCHED(lamps_are_told)
{
    cr_assert(V_ENCODINGS(v, 0, -261, -257));
    cr_assert(v_request(v, false) && v_update(v));
    cr_assert_eq(v->leds, 0);
    cr_assert_eq(v->absolute, 1);
    machine_lock(&vm->m);
    input_sink_leds(&vm->sink, INPUT_LED_CAPS | INPUT_LED_SCROLL);
    machine_unlock(&vm->m);
    cr_assert(v_request(v, true) && v_update(v));
    cr_assert_eq(v->leds, 5);
}

/* ---- nobody is held up ----------------------------------------------------------------------- */

Test(vnc, stuck_viewer_holds_nobody_up)
{
    struct vnc_machine *vm = vm_new(NULL);
    struct viewer stuck, lively;

    join(&stuck, vm);
    join(&lively, vm);
    set_size(vm, 1024, 768);
    for (unsigned n = 0; n < 50; n++)
        cr_assert(v_request_area(&stuck, false, 0, 0, VM_WIDTH, VM_HEIGHT));
    cr_assert(V_ENCODINGS(&lively, 0, -223));
    do
        cr_assert(v_request(&lively, true) && v_update(&lively));
    while (lively.width != 1024);
    for (unsigned n = 0; n < 30; n++) {
        vm_draw(vm, n, 0, 0, 1024, 768);
        cr_assert(v_catch_up(&lively, vm));
    }
    v_close(&stuck);
    v_close(&lively);
    vm_free(vm);
}

enum { STUCK = 10, STUCK_WIDTH = 1024, STUCK_HEIGHT = 768 };
/* An update of raw pixels with its headers, and what may be left of the one before. */
enum { STUCK_BYTES = STUCK_WIDTH * STUCK_HEIGHT * 4 + 4096 + VNC_OUTPUT_NEXT };

/* Is that so of every viewer but the last? */
static bool all_but_last(struct vnc_machine *vm, bool (*is)(const struct vnc_client *c))
{
    struct vnc_server *s = vm->server;
    bool all = true;

    pthread_mutex_lock(&s->lock);
    list_for_each(c, &s->clients, struct vnc_client, node) all &=
        is(c) || c->node.next == &s->clients;
    pthread_mutex_unlock(&s->lock);
    return all;
}

static bool is_full(const struct vnc_client *c)
{
    return c->out_len > VNC_OUTPUT_NEXT;
}

static bool in_few_pieces(const struct vnc_client *c)
{
    return pixman_region32_n_rects((pixman_region32_t *)&c->damage) <= VNC_DAMAGE_RECTS;
}

static bool costs_one_update(const struct vnc_client *c)
{
    return !c->working && !c->job.out.len && c->out_len <= STUCK_BYTES && c->in.len < 10 &&
           in_few_pieces(c);
}

/* Requests of single pixels that do not touch, behind each other. */
static void ask_for_dust(struct viewer *v, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        cr_assert(v_request_area(v, false, (uint16_t)(2 * i % STUCK_WIDTH),
                                 (uint16_t)(2 * i / STUCK_WIDTH * 2), 1, 1));
}

Test(vnc, stuck_viewers_cost_one_update_each)
{
    struct vnc_machine *vm = vm_new(NULL);
    struct viewer stuck[STUCK], lively;

    set_size(vm, STUCK_WIDTH, STUCK_HEIGHT);
    for (unsigned i = 0; i < STUCK; i++) {
        join(&stuck[i], vm);
        cr_assert(v_request(&stuck[i], false));
    }
    join(&lively, vm);
    for (unsigned ms = 0; !all_but_last(vm, is_full); ms += 2) {
        cr_assert_lt(ms, VM_WAIT_MS);
        usleep(2000);
    }
    for (unsigned i = 0; i < STUCK; i++) {
        ask_for_dust(&stuck[i], 3 * VNC_DAMAGE_RECTS);
        cr_assert(v_key(&stuck[i], 'a' + i, true)); /* tells when the requests were taken */
    }
    cr_assert(vm_wait_events(vm, STUCK));
    cr_assert(all_but_last(vm, in_few_pieces));
    for (unsigned n = 0; n < 40; n++) {
        vm_draw(vm, n, n * 20, n * 10, 200, 300);
        cr_assert(v_catch_up(&lively, vm));
        cr_assert(all_but_last(vm, costs_one_update));
    }
    v_close(&lively);
    for (unsigned i = 0; i < STUCK; i++)
        v_close(&stuck[i]);
    vm_free(vm);
}

Test(vnc, server_may_end_at_any_moment)
{
    for (unsigned n = 0; n < 20; n++) {
        struct vnc_machine *vm = vm_new(NULL);
        struct viewer v[4];
        for (unsigned i = 0; i < ARRAY_SIZE(v); i++) {
            v_connect(&v[i], vm);
            if (i + n % 2)
                cr_assert(v_init(&v[i], 8, true) && v_request(&v[i], false));
        }
        vm_draw(vm, n, 0, 0, VM_WIDTH, VM_HEIGHT);
        usleep(n * 300);
        vm_free(vm);
        for (unsigned i = 0; i < ARRAY_SIZE(v); i++) {
            cr_assert(v_closed(&v[i]));
            v_close(&v[i]);
        }
    }
}

WATCHED(display_that_goes_leaves_a_black_screen)
{
    cr_assert(V_ENCODINGS(v, 0, -223));
    cr_assert(v_request(v, false) && v_update(v));
    machine_lock(&vm->m);
    display_free(vm->d);
    vm->d = NULL;
    machine_unlock(&vm->m);
    cr_assert(v_request(v, true) && v_update(v));
    cr_assert(v->sizes == 1 && v->width == 640 && v->height == 480);
    cr_assert(v_request(v, false) && v_update(v));
    cr_assert_eq(v->drawn, 640 * 480);
}

/* ---- listening ------------------------------------------------------------------------------- */

static int dial(const char *path)
{
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    snprintf(sa.sun_path, sizeof sa.sun_path, "%s", path);
    cr_assert_eq(connect(fd, (struct sockaddr *)&sa, sizeof sa), 0);
    return fd;
}

static int listen_on(const char *path)
{
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    snprintf(sa.sun_path, sizeof sa.sun_path, "%s", path);
    cr_assert(bind(fd, (struct sockaddr *)&sa, sizeof sa) == 0 && listen(fd, 1) == 0);
    return fd;
}

Test(vnc, listens_on_a_path_and_on_a_passed_descriptor)
{
    char path[64], address[80], number[32];
    struct vnc_config cfg = {.id = "a", .origin = "-vnc", .address = address};
    struct viewer v = {0};

    snprintf(path, sizeof path, "/tmp/vemu-vnc-%d", getpid());
    snprintf(address, sizeof address, "unix:%s", path);
    struct vnc_machine *vm = vm_new(&cfg);
    cr_assert(vm->server);
    v.fd = dial(path);
    cr_assert(v_init(&v, 8, true));
    v_close(&v);
    vm_free(vm);
    cr_assert_neq(access(path, F_OK), 0, "the name goes with the server");

    snprintf(number, sizeof number, "fd:%d", listen_on(path));
    cfg.address = number;
    vm = vm_new(&cfg);
    cr_assert(vm->server);
    v.fd = dial(path);
    cr_assert(v_init(&v, 8, true));
    v_close(&v);
    vm_free(vm);
    unlink(path);
}

Test(vnc, fifty_viewers_may_come_while_nobody_opens)
{
    enum { COMING = 50 };
    char path[64], address[80];
    struct vnc_config cfg = {.id = "a", .origin = "-vnc", .address = address};
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    int fds[COMING];

    snprintf(path, sizeof path, "/tmp/vemu-vnc-%d", getpid());
    snprintf(address, sizeof address, "unix:%s", path);
    snprintf(sa.sun_path, sizeof sa.sun_path, "%s", path);
    struct vnc_machine *vm = vm_new(&cfg);
    cr_assert(vm->server);
    pthread_mutex_lock(&vm->server->lock);
    for (unsigned i = 0; i < COMING; i++) {
        fds[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
        cr_assert_eq(connect(fds[i], (struct sockaddr *)&sa, sizeof sa), 0, "viewer %u", i);
    }
    pthread_mutex_unlock(&vm->server->lock);
    for (unsigned i = 0; i < COMING; i++)
        close(fds[i]);
    vm_free(vm);
}

/* ---- browsers that take their time ----------------------------------------------------------- */

#if CONFIG_NETTLE
static const char slow_request[] = "GET /icon.svg HTTP/1.0\r\nHost: localhost\r\n\r\n";
static atomic_int slow_browser;
static atomic_uint slow_asked;

/* The browser asks when its time would have been over twice. */
static bool cpus_are_short_for_it(void)
{
    if (atomic_fetch_add(&slow_asked, 1) == 2)
        cr_assert_gt(write(slow_browser, slow_request, strlen(slow_request)), 0);
    return true;
}

static bool cpus_are_many(void)
{
    return false;
}

/* Browsers are served on a descriptor that was passed, too. */
static struct vnc_machine *with_path(char *path, size_t size, bool (*cpus)(void))
{
    char number[32];
    const struct vnc_config cfg = {.id = "a", .origin = "-vnc", .address = number};

    snprintf(path, size, "/tmp/vemu-vnc-%d", getpid());
    snprintf(number, sizeof number, "fd:%d", listen_on(path));
    struct vnc_machine *vm = vm_new(&cfg);
    cr_assert(vm->server);
    pthread_mutex_lock(&vm->server->lock);
    vm->server->cpus_are_short = cpus;
    pthread_mutex_unlock(&vm->server->lock);
    return vm;
}

Test(vnc, browser_gets_longer_to_ask_where_cpus_are_short)
{
    char path[64], head[9] = "";
    struct vnc_machine *vm = with_path(path, sizeof path, cpus_are_short_for_it);

    slow_browser = dial(path);
    unlink(path);
    cr_assert_eq(recv(slow_browser, head, 8, MSG_WAITALL), 8);
    cr_assert_str_eq(head, "HTTP/1.1");
    close(slow_browser);
    vm_free(vm);
}

Test(vnc, browser_that_was_greeted_as_a_viewer_is_expected_again)
{
    char path[64], head[13] = "";
    struct vnc_machine *vm = with_path(path, sizeof path, cpus_are_many);
    struct vnc_server *s = vm->server;
    int fd = dial(path);

    unlink(path);
    cr_assert_eq(recv(fd, head, 12, MSG_WAITALL), 12);
    cr_assert_str_eq(head, "RFB 003.008\n");
    cr_assert_gt(write(fd, slow_request, strlen(slow_request)), 0);
    cr_assert_leq(recv(fd, head, 1, 0), 0);
    close(fd);
    pthread_mutex_lock(&s->lock);
    cr_assert_gt(s->browser_until, clock_now(s->clocks, VCLOCK_HOST));
    pthread_mutex_unlock(&s->lock);
    cr_assert(strstr(vm->last_line, "it is a browser"), "%s", vm->last_line);
    vm_free(vm);
}
#endif

Test(vnc, addresses_are_checked)
{
    static const char *const bad[] = {"localhost",  "127.0.0.1:",  "127.0.0.1:70000", ":-1",
                                      "unix:",      "fd:x",        "fd:0x",           "host:1x",
                                      "fd:1000000", "no.invalid:1"};

    for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
        const struct vnc_config cfg = {.id = "a", .origin = "-vnc", .address = bad[i]};
        struct vnc_machine *vm = vm_new(&cfg);
        cr_assert_null(vm->server, "%s", bad[i]);
        vm_free(vm);
    }
}

Test(vnc, port_in_use_is_passed_over_when_it_may_be)
{
    struct vnc_config cfg = {.id = "a", .origin = "-vnc", .address = "127.0.0.1:31000"};
    struct vnc_machine *a, *b;
    struct vemu_error *err = NULL;
    char first[64], second[64];

    cfg.to = 31100;
    a = vm_new(&cfg);
    b = vm_new(&cfg);
    cr_assert(vnc_server_address(a->server, first, sizeof first));
    cr_assert(vnc_server_address(b->server, second, sizeof second));
    cr_assert_str_neq(first, second);
    snprintf(second, sizeof second, "127.0.0.1:%d", atoi(strchr(first, ':') + 1) - VNC_PORT);
    cfg.address = second;
    cfg.to = 0;
    cr_assert_null(vnc_server_new(&a->m, &cfg, &err));
    cr_assert(strstr(vemu_error_message(err), "in use"));
    vemu_error_free(err);
    vm_free(a);
    vm_free(b);
}
