/* Back ends that several front ends share: -chardev ...,mux=on. */
#define _GNU_SOURCE
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/chardev/chardev.h"
#include "core/device/machine.h"
#include "core/util/error.h"

static struct vemu_machine m;
static int peer; /* the other end */
static struct chardev *base;

struct front {
    struct chardev *chr;
    char got[256];
    size_t len, room;
    int opened, closed, breaks, focused, writable;
};
static struct front first, second;
static char keys[32];

static size_t can_receive(void *opaque)
{
    return ((struct front *)opaque)->room;
}

static void receive(void *opaque, const uint8_t *data, size_t len)
{
    struct front *f = opaque;

    cr_assert_leq(len, f->room);
    cr_assert_lt(f->len + len, sizeof f->got);
    memcpy(f->got + f->len, data, len);
    f->len += len;
    f->room -= len;
}

static void writable(void *opaque)
{
    ((struct front *)opaque)->writable++;
}

static void event(void *opaque, enum chardev_event what)
{
    struct front *f = opaque;

    f->opened += what == CHARDEV_OPENED;
    f->closed += what == CHARDEV_CLOSED;
    f->breaks += what == CHARDEV_BREAK;
    f->focused += what == CHARDEV_FOCUS;
}

static void attach(struct front *f, const char *id, bool wants_focus)
{
    static struct chardev_frontend fe[2] = {
        {can_receive, receive, NULL, writable, event, false, false},
        {can_receive, receive, NULL, writable, event, false, true}};

    *f = (struct front){.room = 200};
    f->chr = chardev_port(base, id, NULL);
    cr_assert(f->chr && f->chr != base && chardev_is_port(f->chr));
    cr_assert(chardev_attach(f->chr, &fe[wants_focus], f, NULL));
}

static void run(void)
{
    machine_unlock(&m);
    for (unsigned n = 0; n < 20; n++)
        loop_iterate(m.loop, 1000000);
    machine_lock(&m);
}

static void make_base(const char *kind)
{
    int fds[2];
    char spec[64];

    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    peer = fds[1];
    snprintf(spec, sizeof spec, kind, fds[0], fds[0]);
    base = chardev_new(&m, "base", spec, NULL);
    cr_assert_not_null(base);
    attach(&first, "serial0", false);
    attach(&second, NULL, true);
    run();
}

static void key(void *opaque, int k)
{
    (void)opaque;
    cr_assert_lt(strlen(keys), sizeof keys - 1);
    keys[strlen(keys)] = (char)k;
}

static void set_up(void)
{
    cr_assert(machine_init(&m, NULL));
    machine_lock(&m);
}

static void tear_down(void)
{
    machine_unlock(&m);
    machine_destroy(&m);
    close(peer);
}

TestSuite(chardev_mux, .init = set_up, .fini = tear_down, .timeout = 30);

static void type(const char *text)
{
    cr_assert_eq(write(peer, text, strlen(text)), (ssize_t)strlen(text));
    run();
}

static void expect(struct front *f, const char *text)
{
    f->got[f->len] = 0;
    cr_expect_str_eq(f->got, text);
    f->room += f->len;
    f->len = 0;
}

Test(chardev_mux, input_is_for_the_one_with_the_focus)
{
    make_base("fd:%d,mux=on");
    cr_expect(first.opened == 1 && second.opened == 1);
    cr_expect(first.focused == 0 && second.focused == 0, "the first one is not told that it is");
    type("one");
    expect(&first, "one");
    type("a\1cb"); /* in one piece: each gets its part */
    expect(&first, "a");
    expect(&second, "b");
    cr_expect_eq(second.focused, 1);
    type("\1");
    type("cback");
    expect(&first, "back");
    expect(&second, "");
}

Test(chardev_mux, output_of_all_goes_out)
{
    char got[32];

    make_base("fd:%d,mux=on");
    cr_assert_eq(chardev_write(first.chr, (const uint8_t *)"ab", 2), 2u);
    cr_assert_eq(chardev_write(second.chr, (const uint8_t *)"cd", 2), 2u);
    run();
    cr_assert_eq(read(peer, got, sizeof got), 4);
    cr_expect_arr_eq(got, "abcd", 4);
}

Test(chardev_mux, whoever_waits_for_room_is_told)
{
    static uint8_t much[1 << 20];
    static char got[1 << 16];

    make_base("fd:%d,mux=on");
    cr_assert_lt(chardev_write(first.chr, much, sizeof much), sizeof much);
    cr_assert_lt(chardev_write(second.chr, much, sizeof much), sizeof much);
    while (recv(peer, got, sizeof got, MSG_DONTWAIT) > 0)
        run();
    cr_expect_eq(first.writable, 1);
    cr_expect_eq(second.writable, 1);
}

Test(chardev_mux, other_keys_are_the_escapes_and_breaks_go_to_the_focus)
{
    make_base("fd:%d,mux=on");
    chardev_set_escape(first.chr, key, NULL);
    type("\1x\1\1\1h\1b");
    cr_expect_str_eq(keys, "xh");
    expect(&first, "\1");
    cr_expect(first.breaks == 1 && second.breaks == 0);
    type("\1c\1b");
    cr_expect(first.breaks == 1 && second.breaks == 1);
}

Test(chardev_mux, standard_input_is_shared_as_well)
{
    make_base("stdio,in=%d,out=%d,mux=on");
    chardev_set_escape(base, key, NULL);
    type("a\1cb\1xc");
    expect(&first, "a");
    expect(&second, "bc");
    cr_expect_str_eq(keys, "x");
}

Test(chardev_mux, one_that_takes_nothing_holds_up_no_keys)
{
    char much[6000];

    make_base("fd:%d,mux=on");
    first.room = 0;
    memset(much, 'm', sizeof much - 1);
    much[sizeof much - 1] = 0;
    type(much);
    first.room = 100; /* asks for more when it has room */
    chardev_accept_input(first.chr);
    run();
    cr_expect_eq(first.len, 100u);
    for (unsigned n = 0; n < 100; n++) {
        first.len = 0;
        first.room = 200;
        chardev_accept_input(first.chr);
        run();
    }
    first.len = 0;
    type("\1cb");
    expect(&second, "b");
}

Test(chardev_mux, ports_are_few_have_ids_and_go_in_any_order)
{
    struct vemu_error *err = NULL;

    make_base("fd:%d,mux=on");
    cr_expect_str_eq(chardev_id(first.chr), "serial0");
    cr_expect_str_eq(chardev_id(second.chr), "base-port1");
    cr_assert_not_null(chardev_port(base, NULL, NULL));
    cr_assert_null(chardev_port(base, "serial0", &err), "there is one of that id");
    vemu_error_free(err);
    err = NULL;
    cr_assert_not_null(chardev_port(base, NULL, NULL));
    cr_assert_null(chardev_port(base, NULL, &err));
    cr_expect(strstr(vemu_error_message(err), "at most 4"));
    vemu_error_free(err);
    chardev_free(second.chr);
    type("\1c\1cx"); /* over what is gone, and ports without a front end */
    chardev_free(base);
    cr_expect_eq(chardev_write(first.chr, (const uint8_t *)"x", 1), 1u, "nobody is there");
}

Test(chardev_mux, without_mux_a_back_end_is_its_own_port)
{
    base = chardev_new(&m, "ring", "ringbuf", NULL);
    cr_assert_eq(chardev_port(base, "a", NULL), base);
    cr_expect_not(chardev_is_port(base));
    cr_assert_null(chardev_new(&m, "a", "ringbuf,mux=on", NULL));
    peer = dup(0);
}
