/* Viewers of the VNC server at text consoles: switching to one and back, and what is typed there.
 */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "core/chardev/chardev.h"
#include "core/util/range.h"
#include "tests/unit/port.h"
#include "tests/vnc_machine.h"

enum { CTRL = 0xffe3, ALT = 0xffe9, SHIFT = 0xffe1 };

/* The console's guest. */
struct guest {
    struct vnc_machine *vm;
    struct port port;
};

static void add_console(struct guest *g, struct vnc_machine *vm)
{
    g->vm = vm;
    machine_lock(&vm->m);
    struct chardev *chr = chardev_new(&vm->m, "serial0", "vc:30Cx10C", NULL);
    cr_assert_not_null(chr);
    port_attach(&g->port, chr);
    chardev_write(chr, (const uint8_t *)"login: ", 7);
    machine_unlock(&vm->m);
}

static void comes(struct guest *g, const char *wanted)
{
    bool same = false;

    for (unsigned ms = 0; !same && ms < VM_WAIT_MS; ms += 5) {
        machine_lock(&g->vm->m);
        same = strcmp(g->port.got, wanted) == 0;
        machine_unlock(&g->vm->m);
        if (!same)
            usleep(5000);
    }
    cr_assert(same, "'%s', not '%s'", g->port.got, wanted);
    port_clear(&g->port);
}

static void stroke(struct viewer *v, uint32_t keysym)
{
    cr_assert(v_key(v, keysym, true) && v_key(v, keysym, false));
}

static void with_ctrl_alt(struct viewer *v, uint32_t keysym)
{
    cr_assert(v_key(v, CTRL, true) && v_key(v, ALT, true));
    stroke(v, keysym);
    cr_assert(v_key(v, ALT, false) && v_key(v, CTRL, false));
}

/* Waits for a picture of that width. */
static void comes_to(struct viewer *v, unsigned width)
{
    do
        cr_assert(v_request(v, true) && v_update(v));
    while (v->width != width);
}

static void begin(struct viewer *v, struct vnc_machine *vm)
{
    v_connect(v, vm);
    cr_assert(v_init(v, 8, true));
    cr_assert(V_ENCODINGS(v, 0, -223));
    cr_assert(v_request(v, false) && v_update(v));
}

Test(vnc, a_viewer_switches_to_a_console_and_types_there)
{
    static const int guests[] = {KEY_LEFTCTRL, KEY_LEFTALT, -KEY_LEFTALT, -KEY_LEFTCTRL};
    struct vnc_machine *vm = vm_new(NULL);
    struct input_event e[VM_EVENTS_MAX];
    struct viewer v, other;
    struct guest guest;

    add_console(&guest, vm);
    begin(&v, vm);
    begin(&other, vm);
    with_ctrl_alt(&v, '2');
    comes_to(&v, 240);
    cr_assert_eq(v.height, 160);
    comes_to(&other, 240);
    stroke(&v, 'a');
    stroke(&v, 0xe4);
    stroke(&v, 0x10020ac);
    stroke(&v, 0xff52);
    cr_assert(v_key(&v, CTRL, true));
    stroke(&v, 'c');
    cr_assert(v_key(&v, CTRL, false));
    cr_assert(v_key(&v, SHIFT, true));
    stroke(&v, 'A');
    cr_assert(v_key(&v, SHIFT, false));
    stroke(&v, 0xffb7);
    cr_assert(v_scan(&v, 'z', 0x15, true) && v_scan(&v, 'z', 0x15, false)); /* a German keyboard */
    stroke(&v, 0xff0d);
    comes(&guest, "a\303\244\342\202\254\033[A\003A7z\r");
    stroke(&other, '?');
    comes(&guest, "?");

    /* The guest heard what made up the hotkey, and that it went up again. */
    cr_assert(vm_wait_events(vm, 4));
    cr_assert_eq(vm_events(vm, e), 4);
    for (unsigned n = 0; n < 4; n++) {
        const bool known = e[n].value ? e[n].code == guests[n]
                                      : e[n].code == KEY_LEFTALT || e[n].code == KEY_LEFTCTRL;
        cr_expect(known, "%u: %u %d", n, e[n].code, e[n].value);
    }
    v_close(&v);
    v_close(&other);
    vm_free(vm);
}

Test(vnc, and_back_to_the_guest)
{
    struct vnc_machine *vm = vm_new(NULL);
    struct input_event e[VM_EVENTS_MAX];
    struct viewer v;
    struct guest guest;

    add_console(&guest, vm);
    begin(&v, vm);
    with_ctrl_alt(&v, '2');
    comes_to(&v, 240);
    stroke(&v, 'x');
    comes(&guest, "x");
    with_ctrl_alt(&v, '1');
    comes_to(&v, VM_WIDTH);
    vm_draw(vm, 3, 0, 0, VM_WIDTH, VM_HEIGHT);
    cr_assert(v_catch_up(&v, vm));
    stroke(&v, 'x');
    cr_assert(vm_wait_events(vm, 6));
    cr_assert_eq(vm_events(vm, e), 6, "four are of the hotkey that went there");
    cr_assert(e[4].code == KEY_X && e[4].value && e[5].code == KEY_X && !e[5].value);
    comes(&guest, "");
    v_close(&v);
    vm_free(vm);
}

Test(vnc, a_digit_without_a_display_is_the_guests)
{
    struct vnc_machine *vm = vm_new(NULL);
    struct viewer v;

    begin(&v, vm);
    with_ctrl_alt(&v, '2');
    cr_assert(vm_wait_events(vm, 6));
    with_ctrl_alt(&v, '1'); /* the only one */
    cr_assert(vm_wait_events(vm, 12));
    v_close(&v);
    vm_free(vm);
}
