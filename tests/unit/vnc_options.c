/* What a VNC server does when it is told to: power control, lock keys, delays, calling viewers. */
#include <config.h>
#include <criterion/criterion.h>
#include <netinet/in.h>
#include <sys/un.h>

#include "core/util/error.h"
#include "core/util/range.h"
#include "tests/unit/vnc_watched.h"
#include "ui/vnc/internal.h"

TestSuite(vnc_options, .timeout = 60);

/* ---- power ----------------------------------------------------------------------------------- */

enum { XVP = -309 };

struct switches {
    atomic_uint buttons, resets;
};

static bool switched(void *opaque, enum vnc_power what)
{
    struct switches *s = opaque;

    atomic_fetch_add(what == VNC_POWER_RESET ? &s->resets : &s->buttons, 1);
    return what == VNC_POWER_RESET || s->buttons == 1; /* it wears off */
}

static void expect_xvp(struct viewer *v, uint8_t what)
{
    const uint8_t want[4] = {250, 0, 1, what};
    uint8_t got[4];

    cr_assert(v_read(v, got, sizeof got));
    cr_assert_arr_eq(got, want, sizeof got);
}

static void ask_xvp(struct viewer *v, uint8_t version, uint8_t what)
{
    const uint8_t message[4] = {250, 0, version, what};

    cr_assert(v_send(v, message, sizeof message));
}

Test(vnc_options, viewers_have_the_power_that_they_are_given)
{
    struct switches s = {0};
    const struct vnc_config cfg = {
        .id = "a", .origin = "-vnc", .address = "none", .power = switched, .power_opaque = &s};
    struct vnc_machine *vm = vm_new(&cfg);
    struct viewer v;

    join(&v, vm);
    cr_assert(V_ENCODINGS(&v, 0, XVP));
    expect_xvp(&v, 1); /* is offered */
    ask_xvp(&v, 1, 2);
    ask_xvp(&v, 1, 4);
    ask_xvp(&v, 1, 3); /* nothing does that */
    expect_xvp(&v, 0);
    cr_expect(s.buttons == 1 && s.resets == 1);
    ask_xvp(&v, 1, 2); /* it failed */
    expect_xvp(&v, 0);
    ask_xvp(&v, 2, 4); /* who knows what that means */
    expect_xvp(&v, 0);
    ask_xvp(&v, 1, 77);
    expect_xvp(&v, 0);
    cr_expect(s.buttons == 2 && s.resets == 1);
    v_close(&v);
    vm_free(vm);
}

Test(vnc_options, viewers_have_no_power_unless_it_is_offered_and_taken)
{
    struct switches s = {0};
    struct vnc_config cfg = {.id = "a", .origin = "-vnc", .address = "none"};

    for (unsigned given = 0; given < 2; given++) {
        cfg.power = given ? switched : NULL;
        cfg.power_opaque = &s;
        struct vnc_machine *vm = vm_new(&cfg);
        struct viewer v;
        join(&v, vm);
        if (!given)
            cr_assert(V_ENCODINGS(&v, 0, XVP));
        ask_xvp(&v, 1, 4);
        cr_expect(v_closed(&v));
        v_close(&v);
        vm_free(vm);
    }
    cr_expect(s.buttons == 0 && s.resets == 0);
}

/* ---- keys ------------------------------------------------------------------------------------ */

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

static struct vnc_machine *with_locks(bool sync)
{
    const struct vnc_config cfg = {
        .id = "a", .origin = "-vnc", .address = "none", .lock_key_sync = sync};

    return vm_new(&cfg);
}

static void lamps(struct vnc_machine *vm, unsigned leds)
{
    machine_lock(&vm->m);
    input_sink_leds(&vm->sink, leds);
    machine_unlock(&vm->m);
}

static void tap(struct viewer *v, uint32_t keysym, uint32_t number)
{
    cr_assert(v_scan(v, keysym, number, true) && v_scan(v, keysym, number, false));
}

Test(vnc_options, caps_lock_of_the_guest_follows_the_viewer_s)
{
    struct vnc_machine *vm = with_locks(true);
    struct viewer v;

    join(&v, vm);
    tap(&v, 'A', 0x1e); /* without Shift: it is locked there */
    cr_assert(vm_wait_events(vm, 4));
    tap(&v, 'S', 0x1f); /* the guest has not said yet that it understood */
    cr_assert(vm_wait_events(vm, 6));
    lamps(vm, INPUT_LED_CAPS);
    tap(&v, 'D', 0x20);
    cr_assert(vm_wait_events(vm, 8));
    v_scan(&v, 0xffe1, 0x2a, true);
    tap(&v, 'f', 0x21); /* locked, and shifted */
    v_scan(&v, 0xffe1, 0x2a, false);
    cr_assert(vm_wait_events(vm, 12));
    tap(&v, 'a', 0x1e); /* not any more */
    cr_assert(vm_wait_events(vm, 16));
    EXPECT_KEYS(vm, KEY_CAPSLOCK, -KEY_CAPSLOCK, KEY_A, -KEY_A, KEY_S, -KEY_S, KEY_D, -KEY_D,
                KEY_LEFTSHIFT, KEY_F, -KEY_F, -KEY_LEFTSHIFT, KEY_CAPSLOCK, -KEY_CAPSLOCK, KEY_A,
                -KEY_A);
    v_close(&v);
    vm_free(vm);
}

Test(vnc_options, num_lock_of_the_guest_follows_the_viewer_s)
{
    struct vnc_machine *vm = with_locks(true);
    struct viewer v;

    join(&v, vm);
    tap(&v, 0xffb7, 0x47); /* KP_7 */
    cr_assert(vm_wait_events(vm, 4));
    lamps(vm, INPUT_LED_NUM);
    cr_assert(v_key(&v, 0xff95, true) && v_key(&v, 0xff95, false)); /* KP_Home, by its symbol */
    EXPECT_KEYS(vm, KEY_NUMLOCK, -KEY_NUMLOCK, KEY_KP7, -KEY_KP7, KEY_NUMLOCK, -KEY_NUMLOCK,
                KEY_KP7, -KEY_KP7);
    v_close(&v);
    vm_free(vm);
}

/* Who is told of the lamps sees to it, who brings Shift for a letter needs no lock, and who said
 * lock-key-sync=off has none of it. */
Test(vnc_options, locks_are_left_alone_where_they_should_be)
{
    for (unsigned n = 0; n < 2; n++) {
        struct vnc_machine *vm = with_locks(n == 0);
        struct viewer v;
        join(&v, vm);
        if (n == 0)
            cr_assert(V_ENCODINGS(&v, 0, VNC_LED_STATE));
        tap(&v, 'A', 0x1e);
        tap(&v, 0xffb7, 0x47);
        EXPECT_KEYS(vm, KEY_A, -KEY_A, KEY_KP7, -KEY_KP7);
        v_close(&v);
        vm_free(vm);
    }
    struct vnc_machine *vm = with_locks(true);
    struct viewer v;
    join(&v, vm);
    v_key(&v, 'A', true);
    v_key(&v, 'A', false);
    EXPECT_KEYS(vm, KEY_LEFTSHIFT, KEY_A, -KEY_LEFTSHIFT, -KEY_A);
    v_close(&v);
    vm_free(vm);
}

Test(vnc_options, keys_come_at_a_distance)
{
    enum { DELAY_MS = 15, KEYS = 5 };
    const struct vnc_config cfg = {
        .id = "a", .origin = "-vnc", .address = "none", .key_delay_ms = DELAY_MS};
    struct vnc_machine *vm = vm_new(&cfg);
    struct viewer v;

    join(&v, vm);
    int64_t before = clock_now(vm->m.clocks, VCLOCK_HOST);
    for (uint32_t n = 0; n < KEYS; n++)
        tap(&v, 0, 0x1e + n);
    cr_assert(vm_wait_events(vm, 2 * KEYS));
    int64_t took = clock_now(vm->m.clocks, VCLOCK_HOST) - before;
    cr_expect_geq(took, (int64_t)(2 * KEYS - 1) * DELAY_MS * 1000000);
    EXPECT_KEYS(vm, KEY_A, -KEY_A, KEY_S, -KEY_S, KEY_D, -KEY_D, KEY_F, -KEY_F, KEY_G, -KEY_G);
    v_close(&v);
    vm_free(vm);
}

/* ---- calling --------------------------------------------------------------------------------- */

static int wait_at(struct sockaddr *sa, socklen_t len)
{
    int fd = socket(sa->sa_family, SOCK_STREAM, 0);

    cr_assert(fd >= 0 && bind(fd, sa, len) == 0 && listen(fd, 1) == 0);
    return fd;
}

static void expect_call(const char *address, int listener)
{
    const struct vnc_config cfg = {
        .id = "a", .origin = "-vnc", .address = address, .reverse = true};
    struct vnc_machine *vm = vm_new(&cfg);
    struct viewer v = {0};

    cr_assert(vm->server);
    v.fd = accept(listener, NULL, NULL);
    cr_assert(v_init(&v, 8, true));
    vm_draw(vm, 1, 0, 0, VM_WIDTH, VM_HEIGHT);
    cr_assert(v_catch_up(&v, vm));
    v_close(&v);
    vm_free(vm);
}

Test(vnc_options, a_viewer_that_listens_is_called)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    socklen_t len = sizeof in;
    char address[160];

    int fd = wait_at((struct sockaddr *)&in, sizeof in);
    cr_assert_eq(getsockname(fd, (struct sockaddr *)&in, &len), 0);
    snprintf(address, sizeof address, "127.0.0.1:%u", ntohs(in.sin_port)); /* a port, not N */
    expect_call(address, fd);
    close(fd);
    snprintf(un.sun_path, sizeof un.sun_path, "/tmp/vemu-vnc-called-%d", getpid());
    fd = wait_at((struct sockaddr *)&un, sizeof un);
    snprintf(address, sizeof address, "unix:%s", un.sun_path);
    expect_call(address, fd);
    close(fd);
    unlink(un.sun_path);
}

Test(vnc_options, nobody_to_be_called_is_said)
{
    static const char *const addresses[][2] = {
        {"127.0.0.1:1", "no viewer listens at '127.0.0.1:1'"},
        {"unix:/nowhere/at/all", "'/nowhere/at/all'"},
        {"127.0.0.1:70000", "want HOST:PORT"},
        {"5900", "want HOST:PORT"}};

    for (unsigned i = 0; i < ARRAY_SIZE(addresses); i++) {
        const struct vnc_config cfg = {
            .id = "a", .origin = "-vnc", .address = addresses[i][0], .reverse = true};
        struct vnc_machine *vm = vm_new(NULL);
        struct vemu_error *err = NULL;
        cr_assert_null(vnc_server_new(&vm->m, &cfg, &err));
        cr_expect(strstr(vemu_error_message(err), addresses[i][1]), "%s", vemu_error_message(err));
        vemu_error_free(err);
        vm_free(vm);
    }
}
