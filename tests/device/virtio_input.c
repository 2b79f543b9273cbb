/* virtio keyboard, mouse and tablet without a vCPU: configuration, events, lamps, hostile drivers.
 */
#include <criterion/criterion.h>
#include <linux/input-event-codes.h>
#include <string.h>
#include "core/input/input.h"
#include "hw/input/virtio_input.h"
#include "tests/device/virtio_driver.h"

#define V1 VIRTIO_BIT(VIRTIO_F_VERSION_1)
enum { BUFFER = VT_BUFFERS, SLOTS = 8 /* vt_start's queues */ };

static void set_up(struct vt *t, const struct virtio_device_class *cls)
{
    vt_machine(t, NULL, 0);
    vt_plug(t, &cls->device, "serial=S1");
    cr_assert(vt_start(t, V1, 2, true));
}
/* Buffers for `count` events, the next in the ring. */
static void give(struct vt *t, unsigned count)
{
    for (unsigned n = 0; n < count; n++) {
        const unsigned slot = t->avail[0] % SLOTS;
        vt_desc(t, 0, slot, BUFFER + 8 * slot, 8, VT_WRITE, 0);
        vt_avail(t, 0, (uint16_t)slot);
    }
    vt_kick(t, 0);
}
static void send(struct vt *t, uint16_t type, uint16_t code, int32_t value)
{
    const struct input_event e = {.type = type, .code = code, .value = value};
    input_send(&t->m, NULL, &e, 1);
    loop_iterate(t->m.loop, 0);
}
/* The nth event that the driver got. */
static void expect(struct vt *t, unsigned n, uint16_t type, uint16_t code, int32_t value)
{
    const uint32_t slot = read32(&t->m, VT_USED(0) + 4 + 8 * (n % SLOTS));
    cr_assert_gt(vt_used_index(t, 0), n);
    cr_expect_eq(read32(&t->m, VT_USED(0) + 4 + 8 * (n % SLOTS) + 4), 8);
    const uint64_t e = read64(&t->m, BUFFER + 8 * slot);
    const uint64_t wanted = type | (uint64_t)code << 16 | (uint64_t)(uint32_t)value << 32;
    cr_expect_eq(e, wanted, "event %u is %#llx instead of %#llx", n, (unsigned long long)e,
                 (unsigned long long)wanted);
}
static unsigned select_config(struct vt *t, uint8_t select, uint8_t subsel)
{
    write8(&t->m, VT_CONFIG, select);
    write8(&t->m, VT_CONFIG + 1, subsel);
    return read8(&t->m, VT_CONFIG + 2);
}
static bool has(struct vt *t, uint8_t type, unsigned code)
{
    const unsigned size = select_config(t, 0x11, type);
    return code / 8 < size && read8(&t->m, VT_CONFIG + 8 + code / 8) >> code % 8 & 1;
}

Test(virtio_input, says_what_it_is)
{
    static const struct {
        const struct virtio_device_class *cls;
        uint32_t class_code;
        const char *name;
    } kinds[] = {{&virtio_keyboard_pci_class, 0x0900, "vemu virtio keyboard"},
                 {&virtio_mouse_pci_class, 0x0902, "vemu virtio mouse"},
                 {&virtio_tablet_pci_class, 0x0902, "vemu virtio tablet"}};
    for (unsigned k = 0; k < 3; k++) {
        struct vt t;
        set_up(&t, kinds[k].cls);
        cr_expect_eq(vt_config_read(&t, 0), 0x10521af4);
        cr_expect_eq(vt_config_read(&t, 8) >> 16, kinds[k].class_code);
        cr_expect_eq(select_config(&t, 1, 0), strlen(kinds[k].name));
        for (unsigned n = 0; kinds[k].name[n]; n++)
            cr_expect_eq(read8(&t.m, VT_CONFIG + 8 + n), kinds[k].name[n]);
        cr_expect_eq(select_config(&t, 2, 0), 2);
        cr_expect_eq(read16(&t.m, VT_CONFIG + 8), 'S' | '1' << 8);
        cr_expect_eq(select_config(&t, 3, 0), 8);
        cr_expect_eq(read16(&t.m, VT_CONFIG + 8), 6);
        cr_expect_eq(read16(&t.m, VT_CONFIG + 12), k + 1);
        cr_expect_eq(has(&t, EV_KEY, KEY_A), k == 0);
        cr_expect_eq(has(&t, EV_KEY, KEY_F24), k == 0);
        cr_expect_eq(has(&t, EV_LED, LED_CAPSL), k == 0);
        cr_expect_eq(select_config(&t, 0x11, EV_REP), k == 0);
        cr_expect_eq(has(&t, EV_KEY, BTN_LEFT), k != 0);
        cr_expect_eq(has(&t, EV_KEY, BTN_EXTRA), k != 0);
        cr_expect_eq(has(&t, EV_REL, REL_X), k == 1);
        cr_expect_eq(has(&t, EV_REL, REL_WHEEL), k != 0);
        cr_expect_eq(has(&t, EV_ABS, ABS_Y), k == 2);
        cr_expect_eq(select_config(&t, 0x12, ABS_X), k == 2 ? 20 : 0);
        cr_expect_eq(read32(&t.m, VT_CONFIG + 12), k == 2 ? INPUT_ABS_MAX : 0);
        for (unsigned sel = 0; sel < 256; sel++)
            cr_expect_leq(select_config(&t, (uint8_t)sel, 0xff), 128);
        cr_expect_eq(select_config(&t, 0, 0), 0);
        write32(&t.m, VT_CONFIG + 8, 1);
        cr_expect_eq(read32(&t.m, VT_CONFIG + 8), 0, "the rest is not the driver's");
        vt_free(&t);
    }
}

Test(virtio_input, events_come_in_groups)
{
    static const struct input_event group[] = {{EV_KEY, KEY_LEFTSHIFT, 1}, {EV_KEY, KEY_A, 1}};
    struct vt t;
    set_up(&t, &virtio_keyboard_pci_class);
    give(&t, 8);
    input_send(&t.m, NULL, group, 2);
    loop_iterate(t.m.loop, 0);
    cr_expect_eq(vt_used_index(&t, 0), 3);
    cr_expect_eq(t.messages, 1);
    expect(&t, 0, EV_KEY, KEY_LEFTSHIFT, 1);
    expect(&t, 1, EV_KEY, KEY_A, 1);
    expect(&t, 2, EV_SYN, SYN_REPORT, 0);
    send(&t, EV_KEY, KEY_A, 0);
    expect(&t, 3, EV_KEY, KEY_A, 0);
    expect(&t, 4, EV_SYN, SYN_REPORT, 0);
    vt_free(&t);
}

Test(virtio_input, input_is_for_the_device_that_the_guest_started)
{
    struct vt t;
    vt_machine(&t, NULL, 0);
    vt_plug(&t, &virtio_tablet_pci_class.device, "");
    cr_expect(!input_is_absolute(&t.m));
    cr_assert(vt_start(&t, V1, 2, true));
    cr_expect(input_is_absolute(&t.m));
    write8(&t.m, VT_COMMON + 0x14, 0);
    cr_expect(!input_is_absolute(&t.m));
    cr_assert(vt_start(&t, V1, 2, true));
    give(&t, 8);
    send(&t, EV_ABS, ABS_X, 1234);
    expect(&t, 0, EV_ABS, ABS_X, 1234);
    vt_free(&t);
}

Test(virtio_input, a_driver_without_buffers_is_told_later)
{
    struct vt t;
    set_up(&t, &virtio_keyboard_pci_class);
    give(&t, 2);
    send(&t, EV_KEY, KEY_A, 1);
    cr_expect_eq(vt_used_index(&t, 0), 2);
    send(&t, EV_KEY, KEY_A, 0);
    send(&t, EV_KEY, KEY_B, 1);
    send(&t, EV_KEY, KEY_C, 1);
    send(&t, EV_KEY, KEY_C, 0);
    cr_expect_eq(vt_used_index(&t, 0), 2);
    give(&t, 2); /* not enough for a group of three */
    cr_expect_eq(vt_used_index(&t, 0), 2);
    give(&t, 4);
    cr_expect_eq(vt_used_index(&t, 0), 5);
    expect(&t, 2, EV_KEY, KEY_A, 0);
    expect(&t, 3, EV_KEY, KEY_B, 1);
    expect(&t, 4, EV_SYN, SYN_REPORT, 0);
    send(&t, EV_KEY, KEY_B, 0);
    expect(&t, 5, EV_KEY, KEY_B, 0);
    vt_free(&t);
}

Test(virtio_input, motion_without_buffers_adds_up)
{
    struct vt t;
    set_up(&t, &virtio_mouse_pci_class);
    give(&t, 1);
    for (unsigned n = 0; n < 100; n++) {
        send(&t, EV_REL, REL_X, 2);
        send(&t, EV_REL, REL_WHEEL, -1);
    }
    cr_expect_eq(vt_used_index(&t, 0), 0);
    give(&t, 7);
    expect(&t, 0, EV_REL, REL_X, 200);
    expect(&t, 1, EV_REL, REL_WHEEL, -100);
    expect(&t, 2, EV_SYN, SYN_REPORT, 0);
    cr_expect_eq(vt_used_index(&t, 0), 3);
    vt_free(&t);
}

static void status(struct vt *t, uint16_t type, uint16_t code, uint32_t value, uint32_t len)
{
    write64(&t->m, BUFFER + 0x1000, type | (uint64_t)code << 16 | (uint64_t)value << 32);
    vt_desc(t, 1, 0, BUFFER + 0x1000, len, 0, 0);
    vt_avail(t, 1, 0);
    vt_kick(t, 1);
}

Test(virtio_input, lamps_reach_the_senders)
{
    struct vt t;
    set_up(&t, &virtio_keyboard_pci_class);
    give(&t, 8);
    status(&t, EV_LED, LED_CAPSL, 1, 8);
    status(&t, EV_LED, LED_NUML, 1, 8);
    cr_expect_eq(input_leds(&t.m), INPUT_LED_NUM | INPUT_LED_CAPS);
    status(&t, EV_LED, LED_CAPSL, 0, 8);
    cr_expect_eq(input_leds(&t.m), INPUT_LED_NUM);
    status(&t, EV_LED, 15, 1, 8);
    status(&t, EV_LED, LED_SCROLLL, 1, 7); /* cut short */
    status(&t, EV_SND, LED_SCROLLL, 1, 8);
    cr_expect_eq(input_leds(&t.m), INPUT_LED_NUM);
    cr_expect_eq(vt_used_index(&t, 1), 6, "and every buffer comes back");
    write8(&t.m, VT_COMMON + 0x14, 0);
    cr_expect_eq(input_leds(&t.m), 0);
    vt_free(&t);
}

Test(virtio_input, hostile_buffers_do_no_harm)
{
    struct vt t;
    set_up(&t, &virtio_keyboard_pci_class);
    /* Into the own registers: refused, which breaks it. */
    vt_desc(&t, 0, 0, VT_COMMON, 8, VT_WRITE, 0);
    vt_avail(&t, 0, 0);
    vt_avail(&t, 0, 0);
    vt_kick(&t, 0);
    const uint32_t selected = read32(&t.m, VT_COMMON);
    send(&t, EV_KEY, KEY_A, 1);
    cr_expect_eq(read32(&t.m, VT_COMMON), selected);
    cr_expect(read8(&t.m, VT_COMMON + 0x14) & VIRTIO_STATUS_NEEDS_RESET);
    /* Too short, nothing to write, a loop. */
    for (unsigned kind = 0; kind < 3; kind++) {
        cr_assert(vt_start(&t, V1, 2, true));
        vt_desc(&t, 0, 0, BUFFER, kind ? 8 : 7, kind == 1 ? 0 : VT_WRITE | (kind == 2), 0);
        vt_avail(&t, 0, 0);
        vt_avail(&t, 0, 0);
        vt_kick(&t, 0);
        send(&t, EV_KEY, (uint16_t)(KEY_Q + kind), 1);
        cr_expect(read8(&t.m, VT_COMMON + 0x14) & VIRTIO_STATUS_NEEDS_RESET, "kind %u", kind);
        send(&t, EV_KEY, KEY_C, 1);
        send(&t, EV_KEY, KEY_C, 0);
    }
    cr_assert(vt_start(&t, V1, 2, true));
    give(&t, 8);
    send(&t, EV_KEY, KEY_D, 1);
    expect(&t, 0, EV_KEY, KEY_D, 1);
    vt_free(&t);
}

static void poke(struct vemu_machine *m)
{
    write16(m, VT_NOTIFY, 0);
    write16(m, VT_NOTIFY + 4, 1);
    input_send_key(m, KEY_E, true);
    input_send_key(m, KEY_E, false);
    loop_iterate(m->loop, 0);
}

Test(virtio_input, state_survives_a_round_trip_and_damage)
{
    struct vt f, g;
    set_up(&f, &virtio_keyboard_pci_class);
    set_up(&g, &virtio_keyboard_pci_class);
    give(&f, 3);
    send(&f, EV_KEY, KEY_A, 1);
    send(&f, EV_KEY, KEY_A, 0); /* waits for buffers */
    status(&f, EV_LED, LED_CAPSL, 1, 8);
    assert_round_trip(f.dev, g.dev);
    cr_expect_eq(input_leds(&g.m), INPUT_LED_CAPS);
    for (unsigned at = 0x10000; at < 0x14000; at += 8)
        write64(&g.m, at, read64(&f.m, at));
    g.avail[0] = f.avail[0];
    give(&g, 5);
    expect(&g, 2, EV_KEY, KEY_A, 0);
    expect(&g, 3, EV_SYN, SYN_REPORT, 0);
    fuzz_state(f.dev, g.dev, 300, poke);
    vt_free(&f);
    vt_free(&g);
}
