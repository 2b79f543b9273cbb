/* USB keyboard, mouse, tablet and hub without a vCPU, behind the xHCI host controller. */
#include <criterion/criterion.h>
#include <string.h>
#include "core/device/machine.h"
#include "core/input/input.h"
#include "core/util/error.h"
#include "core/util/range.h"
#include "hw/usb/hid.h"
#include "hw/usb/hub.h"
#include "tests/device/xhci_driver.h"

enum {
    CLASS_IN = 0xa1,
    CLASS_OUT = 0x21,
    HUB_IN = 0xa0,
    HUB_OUT = 0x20,
    PORT_IN = 0xa3,
    PORT_OUT = 0x23
};
enum { REPORT = XT_DATA + 0x100 };

static void send(struct xt *x, const struct input_event *events, unsigned count)
{
    input_send(&x->t.m, NULL, events, count);
    loop_iterate(x->t.m.loop, 0);
}
static void key(struct xt *x, uint16_t code, bool down)
{
    send(x, &(struct input_event){.type = EV_KEY, .code = code, .value = down}, 1);
}
static void move(struct xt *x, uint16_t type, uint16_t code, int32_t value)
{
    send(x, &(struct input_event){.type = type, .code = code, .value = value}, 1);
}

/* A device in port 1, configured; its slot. */
static unsigned plug(struct xt *x, const struct usb_device_class *cls, unsigned max_packet)
{
    xt_plug(x, "");
    xt_usb(x, cls, NULL);
    xt_start(x);
    unsigned slot = xt_address(x, 1, 0);
    xt_configure(x, slot, max_packet);
    return slot;
}

/* Asks for a report: its bytes. -1: there is none yet. */
static int64_t report(struct xt *x, unsigned slot, unsigned size)
{
    static bool waiting;
    if (!waiting) {
        write64(&x->t.m, REPORT, 0);
        xt_put(x, slot, 3, REPORT, size, TRB_NORMAL << 10 | TRB_IOC | TRB_ISP);
    }
    xt_ring(x, slot, 3);
    while (xt_event(x)) {
        if (xt_type(x) == TRB_TRANSFER_EVENT && (x->control >> 16 & 31) == 3) {
            waiting = false;
            return (int64_t)read64(&x->t.m, REPORT);
        }
    }
    waiting = true;
    return -1;
}

/* ---- keyboard -------------------------------------------------------------------------------- */

Test(usb_hid, keyboard_reports_keys_and_modifiers)
{
    struct xt x;
    unsigned slot = plug(&x, &usb_kbd_class, 8);
    static const uint16_t keys[] = {KEY_A, KEY_B, KEY_C, KEY_D, KEY_E, KEY_F, KEY_G};
    key(&x, KEY_LEFTSHIFT, true);
    key(&x, KEY_RIGHTALT, true);
    cr_expect_eq(report(&x, slot, 8), 0x02);
    cr_expect_eq(report(&x, slot, 8), 0x42);
    for (unsigned n = 0; n < 6; n++)
        key(&x, keys[n], true);
    for (unsigned n = 0; n < 5; n++)
        report(&x, slot, 8);
    cr_expect_eq(report(&x, slot, 8), INT64_C(0x0908070605040042));
    key(&x, KEY_G, true);
    cr_expect_eq(report(&x, slot, 8), INT64_C(0x0101010101010042), "more than six");
    key(&x, KEY_A, false);
    cr_expect_eq(report(&x, slot, 8), INT64_C(0x0a09080706050042));
    cr_expect_eq(report(&x, slot, 8), -1);
    xt_free(&x);
}

Test(usb_hid, keyboard_that_nobody_asks_forgets_steps_but_not_the_end)
{
    struct xt x;
    unsigned slot = plug(&x, &usb_kbd_class, 8);
    for (unsigned n = 0; n < 200; n++) {
        key(&x, KEY_A, true);
        key(&x, KEY_A, false);
    }
    key(&x, KEY_ENTER, true);
    int64_t r, last = -1;
    unsigned count = 0;
    while ((r = report(&x, slot, 8)) != -1) {
        last = r;
        count++;
    }
    cr_expect_eq(count, 64);
    cr_expect_eq(last, 0x280000);
    xt_free(&x);
}

Test(usb_hid, keyboard_takes_lamps_protocol_and_idle_rate)
{
    struct xt x;
    unsigned slot = plug(&x, &usb_kbd_class, 8);
    write32(&x.t.m, XT_DATA, 0xff);
    cr_expect_eq(xt_control(&x, slot, CLASS_OUT, 9, 0x200, 0, 1), CC_SUCCESS);
    cr_expect_eq(input_leds(&x.t.m), 7u);
    write32(&x.t.m, XT_DATA, INPUT_LED_CAPS);
    cr_expect_eq(xt_control(&x, slot, CLASS_OUT, 9, 0x200, 0, 1), CC_SUCCESS);
    cr_expect_eq(input_leds(&x.t.m), (unsigned)INPUT_LED_CAPS);
    cr_expect_eq(xt_control(&x, slot, CLASS_IN, 1, 0x200, 0, 1), CC_SUCCESS);
    cr_expect_eq(read8(&x.t.m, XT_DATA), INPUT_LED_CAPS);
    cr_expect_eq(xt_control(&x, slot, CLASS_IN, 3, 0, 0, 1), CC_SUCCESS);
    cr_expect_eq(read8(&x.t.m, XT_DATA), 1, "report protocol");
    cr_expect_eq(xt_control(&x, slot, CLASS_OUT, 11, 0, 0, 0), CC_SUCCESS);
    cr_expect_eq(xt_control(&x, slot, CLASS_IN, 3, 0, 0, 1), CC_SUCCESS);
    cr_expect_eq(read8(&x.t.m, XT_DATA), 0);
    /* Every 40 ms. */
    cr_expect_eq(report(&x, slot, 8), -1);
    cr_expect_eq(xt_control(&x, slot, CLASS_OUT, 10, 10 << 8, 0, 0), CC_SUCCESS);
    cr_expect_eq(xt_control(&x, slot, CLASS_IN, 2, 0, 0, 1), CC_SUCCESS);
    cr_expect_eq(read8(&x.t.m, XT_DATA), 10);
    key(&x, KEY_A, true);
    cr_expect_eq(report(&x, slot, 8), 0x40000);
    cr_expect_eq(report(&x, slot, 8), -1);
    step(&x.t.m, 39000000);
    cr_expect_eq(report(&x, slot, 8), -1);
    step(&x.t.m, 2000000);
    cr_expect_eq(report(&x, slot, 8), 0x40000);
    cr_expect_eq(xt_control(&x, slot, CLASS_OUT, 10, 0, 0, 0), CC_SUCCESS);
    step(&x.t.m, 1000000000);
    cr_expect_eq(report(&x, slot, 8), -1);
    cr_expect_eq(xt_control(&x, slot, CLASS_IN, 1, 0x100, 0, 8), CC_SUCCESS);
    cr_expect_eq(read64(&x.t.m, XT_DATA), 0x40000, "the same by the control endpoint");
    xt_free(&x);
}

Test(usb_hid, descriptors_are_whole)
{
    static const struct {
        const struct usb_device_class *cls;
        unsigned subclass, protocol;
    } kinds[] = {{&usb_kbd_class, 1, 1}, {&usb_mouse_class, 1, 2}, {&usb_tablet_class, 0, 0}};
    for (unsigned n = 0; n < ARRAY_SIZE(kinds); n++) {
        struct xt x;
        unsigned slot = plug(&x, kinds[n].cls, 8);
        cr_assert_eq(xt_control(&x, slot, 0x80, 6, 0x200, 0, 255), CC_SUCCESS);
        cr_expect_eq(read16(&x.t.m, XT_DATA + 2), 9 + 9 + 9 + 7);
        cr_expect_eq(read8(&x.t.m, XT_DATA + 9 + 5), 3);
        cr_expect_eq(read8(&x.t.m, XT_DATA + 9 + 6), kinds[n].subclass);
        cr_expect_eq(read8(&x.t.m, XT_DATA + 9 + 7), kinds[n].protocol);
        unsigned size = read16(&x.t.m, XT_DATA + 18 + 7);
        cr_assert_eq(xt_control(&x, slot, 0x81, 6, 0x2200, 0, 255), CC_SUCCESS);
        cr_expect_eq(read8(&x.t.m, XT_DATA + size - 1), 0xc0, "the end of a collection");
        cr_assert_eq(xt_control(&x, slot, 0x81, 6, 0x2100, 0, 9), CC_SUCCESS);
        cr_expect_eq(read8(&x.t.m, XT_DATA + 1), 0x21);
        cr_assert_eq(xt_control(&x, slot, 0x80, 6, 0x302, 0x409, 255), CC_SUCCESS);
        cr_expect_eq(read32(&x.t.m, XT_DATA + 2), 'U' | 'S' << 16);
        cr_assert_eq(xt_control(&x, slot, 0x80, 6, 0x300, 0, 255), CC_SUCCESS);
        cr_expect_eq(read32(&x.t.m, XT_DATA), 0x04090304);
        cr_expect_eq(xt_control(&x, slot, 0x80, 6, 0x303, 0x409, 255), CC_STALL,
                     "no serial number");
        xt_free(&x);
    }
}

Test(usb_hid, requests_that_there_are_not_stall)
{
    static const struct {
        uint8_t type, request;
        uint16_t value, index, length;
    } bad[] = {
        {0, 9, 2, 0, 0},         {0x80, 0, 0, 0, 2},     {0x80, 6, 0x100 | 1, 0, 18},
        {0x80, 6, 0x201, 0, 9},  {0x81, 0, 0, 1, 2},     {0x82, 0, 0, 0x82, 2},
        {2, 3, 0, 0x02, 0},      {2, 3, 1, 0x81, 0},     {0, 3, 2, 0, 0},
        {1, 11, 1, 0, 0},        {0x81, 10, 0, 3, 1},    {0x81, 6, 0x2200, 1, 9},
        {0x81, 6, 0x2300, 0, 9}, {0x21, 9, 0x300, 0, 1}, {0x21, 11, 2, 0, 0},
        {0x21, 99, 0, 0, 0},     {0xa1, 1, 0x300, 0, 8}, {0xc0, 0, 0, 0, 8},
    };
    for (unsigned n = 0; n < ARRAY_SIZE(bad); n++) {
        struct xt x;
        unsigned slot = plug(&x, &usb_kbd_class, 8);
        bool good = n == 1; /* the status of the device */
        cr_expect_eq(xt_control(&x, slot, bad[n].type, bad[n].request, bad[n].value, bad[n].index,
                                bad[n].length),
                     good ? CC_SUCCESS : CC_STALL, "%u", n);
        xt_free(&x);
    }
}

/* ---- pointers -------------------------------------------------------------------------------- */

Test(usb_hid, mouse_reports_motion_in_pieces)
{
    struct xt x;
    unsigned slot = plug(&x, &usb_mouse_class, 5);
    move(&x, EV_REL, REL_X, 300);
    move(&x, EV_REL, REL_Y, -3);
    cr_expect_eq(report(&x, slot, 5), 0xfd7f00);
    cr_expect_eq(report(&x, slot, 5), 0x007f00);
    cr_expect_eq(report(&x, slot, 5), 46 << 8);
    cr_expect_eq(report(&x, slot, 5), -1);
    move(&x, EV_REL, REL_WHEEL, -1);
    cr_expect_eq(report(&x, slot, 5), INT64_C(0xff000000));
    move(&x, EV_REL, REL_HWHEEL, 2);
    cr_expect_eq(report(&x, slot, 5), INT64_C(0x0200000000));
    /* Buttons in their order, with the motion between them. */
    key(&x, BTN_LEFT, true);
    move(&x, EV_REL, REL_X, 5);
    key(&x, BTN_LEFT, false);
    key(&x, BTN_EXTRA, true);
    cr_expect_eq(report(&x, slot, 5), 1);
    cr_expect_eq(report(&x, slot, 5), 1 | 5 << 8);
    cr_expect_eq(report(&x, slot, 5), 0);
    cr_expect_eq(report(&x, slot, 5), 16);
    key(&x, BTN_LEFT + 61, true);
    cr_expect_eq(report(&x, slot, 5), -1, "a button that it does not have");
    cr_expect_eq(xt_control(&x, slot, CLASS_OUT, 11, 0, 0, 0), CC_SUCCESS);
    move(&x, EV_REL, REL_X, 1);
    cr_expect_eq(report(&x, slot, 5), 16 | 1 << 8);
    cr_expect_eq(x.status & 0xffffff, 2, "three bytes by the boot protocol");
    xt_free(&x);
}

Test(usb_hid, mouse_that_nobody_asks_keeps_where_it_is_and_its_buttons)
{
    struct xt x;
    unsigned slot = plug(&x, &usb_mouse_class, 5);
    for (unsigned n = 0; n < 101; n++) {
        key(&x, BTN_LEFT, n % 2 == 0);
        move(&x, EV_REL, REL_X, 1);
    }
    int64_t r, last = 0, sum = 0;
    while ((r = report(&x, slot, 5)) != -1) {
        last = r;
        sum += r >> 8 & 0xff;
    }
    cr_expect_eq(last & 0xff, 1);
    cr_expect_eq(sum, 101);
    xt_free(&x);
}

Test(usb_hid, tablet_reports_where_it_is)
{
    struct xt x;
    unsigned slot = plug(&x, &usb_tablet_class, 7);
    cr_expect(input_is_absolute(&x.t.m));
    const struct input_event at[] = {{EV_ABS, ABS_X, 0x1234}, {EV_ABS, ABS_Y, INPUT_ABS_MAX}};
    send(&x, at, 2);
    cr_expect_eq(report(&x, slot, 7), INT64_C(0x7fff123400));
    cr_expect_eq(report(&x, slot, 7), -1);
    /* A press is where it was, not where the pointer went after it. */
    key(&x, BTN_RIGHT, true);
    move(&x, EV_ABS, ABS_X, 1);
    move(&x, EV_ABS, ABS_X, 2);
    move(&x, EV_REL, REL_WHEEL, 1);
    cr_expect_eq(report(&x, slot, 7), INT64_C(0x7fff123402));
    cr_expect_eq(report(&x, slot, 7), INT64_C(0x017fff000202));
    cr_expect_eq(report(&x, slot, 7), -1);
    xt_free(&x);
}

/* ---- hub ------------------------------------------------------------------------------------- */

static uint32_t port_status(struct xt *x, unsigned slot, unsigned port)
{
    cr_assert_eq(xt_control(x, slot, PORT_IN, 0, 0, (uint16_t)port, 4), CC_SUCCESS);
    return read32(&x->t.m, XT_DATA);
}

Test(usb_hub, ports_are_used_like_those_of_the_controller)
{
    struct xt x;
    xt_plug(&x, "");
    xt_usb(&x, &usb_hub_class, NULL);
    xt_start(&x);
    unsigned hub = xt_address(&x, 1, 0);
    xt_configure(&x, hub, 2);
    cr_assert_eq(xt_control(&x, hub, HUB_IN, 6, 0x2900, 0, 255), CC_SUCCESS);
    cr_expect_eq(read32(&x.t.m, XT_DATA) & 0xffffff, 0x08290b, "8 ports");
    cr_expect_eq(port_status(&x, hub, 3), 0x100);
    cr_expect_eq(report(&x, hub, 2), -1);
    struct usb_device *d = xt_usb(&x, &usb_kbd_class, "1.3");
    cr_expect_eq(report(&x, hub, 2), 8, "port 3 has changed");
    cr_expect_eq(port_status(&x, hub, 3), 0x10101);
    cr_expect_eq(xt_control(&x, hub, PORT_OUT, 1, 16, 3, 0), CC_SUCCESS);
    cr_expect_eq(port_status(&x, hub, 3), 0x101);
    cr_expect_eq(xt_control(&x, hub, PORT_OUT, 3, 4, 3, 0), CC_SUCCESS);
    cr_expect_eq(port_status(&x, hub, 3), 0x100503, "reset, enabled, high speed");
    cr_expect_eq(xt_control(&x, hub, PORT_OUT, 1, 20, 3, 0), CC_SUCCESS);
    unsigned slot = xt_address(&x, 1, 3);
    cr_expect_eq(d->address, slot);
    xt_configure(&x, slot, 8);
    key(&x, KEY_A, true);
    xt_put(&x, slot, 3, REPORT, 8, TRB_NORMAL << 10 | TRB_IOC);
    xt_ring(&x, slot, 3);
    cr_assert(xt_event(&x));
    cr_expect_eq(read64(&x.t.m, REPORT), 0x40000);
    /* It sleeps, and wakes the hub up. */
    cr_assert_eq(xt_control(&x, slot, 0, 3, 1, 0, 0), CC_SUCCESS);
    cr_expect_eq(xt_control(&x, hub, PORT_OUT, 3, 2, 3, 0), CC_SUCCESS);
    cr_expect_eq(port_status(&x, hub, 3), 0x507);
    key(&x, KEY_A, false);
    cr_expect_eq(port_status(&x, hub, 3), 0x40503);
    /* Pulled out. */
    cr_expect_eq(xt_control(&x, hub, PORT_OUT, 1, 18, 3, 0), CC_SUCCESS);
    machine_lock(&x.t.m);
    usb_unplug(d);
    machine_free_unplugged(&x.t.m);
    machine_unlock(&x.t.m);
    cr_expect_eq(port_status(&x, hub, 3), 0x10100);
    xt_free(&x);
}

Test(usb_hub, requests_for_ports_that_there_are_not_stall)
{
    static const struct {
        uint8_t type, request;
        uint16_t value, index;
    } bad[] = {
        {PORT_OUT, 3, 4, 0}, {PORT_OUT, 3, 4, 9}, {PORT_OUT, 1, 4, 255}, {PORT_OUT, 3, 99, 1},
        {PORT_OUT, 1, 3, 1}, {HUB_OUT, 1, 2, 0},  {PORT_IN, 0, 0, 9},    {HUB_OUT, 77, 0, 0},
    };
    for (unsigned n = 0; n < ARRAY_SIZE(bad); n++) {
        struct xt x;
        unsigned slot = plug(&x, &usb_hub_class, 2);
        cr_expect_eq(xt_control(&x, slot, bad[n].type, bad[n].request, bad[n].value, bad[n].index,
                                bad[n].type & 0x80 ? 4 : 0),
                     CC_STALL, "%u", n);
        xt_free(&x);
    }
}

Test(usb_hub, hubs_go_with_all_behind_them)
{
    struct xt x, fresh;
    xt_plug(&x, "");
    struct usb_device *hub = xt_usb(&x, &usb_hub_class, "4");
    xt_usb(&x, &usb_hub_class, "4.8");
    struct usb_device *d = xt_usb(&x, &usb_tablet_class, "4.8.1");
    xt_start(&x);
    cr_expect_eq(usb_bus_find(usb_find_bus(&x.t.m, 0), 4, 0x18), d);
    cr_expect_null(usb_bus_find(usb_find_bus(&x.t.m, 0), 4, 0x118));
    cr_expect_null(usb_bus_find(usb_find_bus(&x.t.m, 0), 4, 0x28));
    xt_plug(&fresh, "");
    struct usb_device *other = xt_usb(&fresh, &usb_hub_class, "4");
    xt_usb(&fresh, &usb_hub_class, "4.8");
    assert_round_trip(&hub->dev, &other->dev);
    xt_free(&fresh);
    machine_lock(&x.t.m);
    usb_unplug(hub);
    machine_free_unplugged(&x.t.m);
    machine_unlock(&x.t.m);
    cr_expect_null(usb_find_bus(&x.t.m, 0)->ports[3].dev);
    list_for_each(dev, &x.t.m.devices, struct device, node) cr_expect(!usb_is_device(dev));
    xt_free(&x);
}

/* ---- where they go --------------------------------------------------------------------------- */

static void refused(struct xt *x, const char *bus, const char *port, const char *why)
{
    struct vemu_error *err = NULL;
    struct device *dev = made(device_new(&x->t.m, &usb_mouse_class.device, NULL, &err), err);
    if (bus)
        cr_assert(device_set_prop(dev, "bus", bus, &err));
    if (port)
        cr_assert(device_set_prop(dev, "port", port, &err));
    cr_expect(!usb_plug(&x->t.m, dev, &err));
    cr_expect(err && strstr(vemu_error_message(err), why), "%s",
              err ? vemu_error_message(err) : "");
    vemu_error_free(err);
    machine_lock(&x->t.m);
    device_free(dev);
    machine_unlock(&x->t.m);
}

Test(usb_bus, places_are_found_by_name_and_in_order)
{
    struct xt x;
    vt_machine(&x.t, "raw", 0);
    refused(&x, NULL, NULL, "no USB controller");
    vt_free(&x.t);
    xt_plug(&x, "p2=2,p3=3");
    refused(&x, "usb-bus.1", NULL, "no such USB bus");
    refused(&x, "usb-bus.0", "4", "no such USB port");
    refused(&x, NULL, "1.1", "no such USB port");
    refused(&x, NULL, "x", "no such USB port");
    refused(&x, NULL, "3", "this speed");
    xt_usb(&x, &usb_hub_class, NULL);
    refused(&x, NULL, "1", "taken by another usb-hub");
    refused(&x, NULL, "1.9", "no such USB port");
    refused(&x, NULL, "1.1.1", "no such USB port");
    cr_expect_eq(xt_usb(&x, &usb_kbd_class, NULL)->port->number, 2);
    for (unsigned n = 1; n <= 8; n++)
        cr_expect_eq(xt_usb(&x, &usb_kbd_class, NULL)->port->number, n);
    refused(&x, NULL, NULL, "every USB port is taken");
    xt_free(&x);
}
