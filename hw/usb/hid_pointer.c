/* Reports of mouse and tablet. */
#include <string.h>
#include "core/util/endian.h"
#include "core/util/range.h"
#include "hw/usb/hid_internal.h"

enum { BUTTONS = 5, MOTION_MOST = 1 << 20, REPORT_MOTION_MOST = 127 };
enum { BOOT_SIZE = 3, MOUSE_SIZE = 5, TABLET_SIZE = 7 };

static int32_t limited(int64_t v, int32_t min, int32_t max)
{
    return v < min ? min : v > max ? max : (int32_t)v;
}

/* The event that what comes now belongs to: motion goes on as long as no button moves. */
static struct hid_pointer_event *last_event(struct hid_pointer *p, bool pressed)
{
    bool next = !p->count || pressed || p->events[p->count - 1].pressed;

    if (next && p->count < HID_POINTER_EVENTS_MAX) {
        p->events[p->count] = p->now;
        p->events[p->count++].pressed = pressed;
    }
    return &p->events[p->count - 1];
}

static void add(int32_t *sum, int32_t value)
{
    *sum = limited((int64_t)*sum + value, -MOTION_MOST, MOTION_MOST);
}

static void button(struct hid_pointer *p, unsigned n, bool down)
{
    if (n >= BUTTONS || (p->now.buttons >> n & 1) == down)
        return;
    p->now.buttons ^= (uint8_t)(1u << n);
    last_event(p, true)->buttons = p->now.buttons;
}

static void relative(struct hid_pointer *p, uint16_t code, int32_t value)
{
    struct hid_pointer_event *e = last_event(p, false);

    switch (code) {
    case REL_X:
        add(&e->x, value);
        break;
    case REL_Y:
        add(&e->y, value);
        break;
    case REL_WHEEL:
        add(&e->wheel, value);
        break;
    case REL_HWHEEL:
        add(&e->pan, value);
        break;
    }
}

static void absolute(struct hid_pointer *p, uint16_t code, int32_t value)
{
    int32_t *axis = code == ABS_X ? &p->now.x : code == ABS_Y ? &p->now.y : NULL;

    if (!axis)
        return;
    *axis = limited(value, 0, INPUT_ABS_MAX);
    struct hid_pointer_event *e = last_event(p, false);
    e->x = p->now.x;
    e->y = p->now.y;
}

void hid_pointer_event(struct usb_hid *h, const struct input_event *e)
{
    bool is_tablet = h->kind->takes & INPUT_TAKES_ABS;

    if (e->type == EV_KEY && e->code >= BTN_LEFT)
        button(&h->pointer, e->code - BTN_LEFT, e->value != 0);
    else if (e->type == EV_REL && (!is_tablet || e->code == REL_WHEEL || e->code == REL_HWHEEL))
        relative(&h->pointer, e->code, e->value);
    else if (e->type == EV_ABS && is_tablet)
        absolute(&h->pointer, e->code, e->value);
}

bool hid_pointer_waiting(const struct usb_hid *h)
{
    return h->pointer.count != 0;
}

static void drop_event(struct hid_pointer *p)
{
    memmove(p->events, p->events + 1, --p->count * sizeof p->events[0]);
    memset(&p->events[p->count], 0, sizeof p->events[0]);
}

/* As much of it as fits into a report. */
static int8_t part(int32_t *motion)
{
    int32_t now = limited(*motion, -REPORT_MOTION_MOST, REPORT_MOTION_MOST);

    *motion -= now;
    return (int8_t)now;
}

unsigned hid_mouse_report(struct usb_hid *h, uint8_t *buf, bool take)
{
    struct hid_pointer *p = &h->pointer;
    struct hid_pointer_event none = p->now;
    struct hid_pointer_event *e = take && p->count ? &p->events[0] : &none;

    buf[0] = e->buttons;
    buf[1] = (uint8_t)part(&e->x);
    buf[2] = (uint8_t)part(&e->y);
    buf[3] = (uint8_t)part(&e->wheel);
    buf[4] = (uint8_t)part(&e->pan);
    /* What is left is for the next one. */
    if (e != &none && !e->x && !e->y && !e->wheel && !e->pan)
        drop_event(p);
    return h->protocol == HID_BOOT_PROTOCOL ? BOOT_SIZE : MOUSE_SIZE;
}

unsigned hid_tablet_report(struct usb_hid *h, uint8_t *buf, bool take)
{
    struct hid_pointer *p = &h->pointer;
    struct hid_pointer_event none = p->now;
    struct hid_pointer_event *e = take && p->count ? &p->events[0] : &none;

    buf[0] = e->buttons;
    store_le16(buf + 1, (uint16_t)e->x);
    store_le16(buf + 3, (uint16_t)e->y);
    buf[5] = (uint8_t)part(&e->wheel);
    buf[6] = (uint8_t)part(&e->pan);
    if (e != &none && !e->wheel && !e->pan)
        drop_event(p);
    return TABLET_SIZE;
}
