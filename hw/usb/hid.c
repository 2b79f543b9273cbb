/*
 * usb-kbd, usb-mouse, usb-tablet: requests, reports, life. Device Class Definition for Human
 * Interface Devices 1.11, chapter "Requests". What is in a report: hid_internal.h.
 */
#include "hw/usb/hid.h"

#include <string.h>
#include "core/device/machine.h"
#include "core/util/range.h"
#include "hw/usb/hid_internal.h"

enum { REPORT_ENDPOINT = 0x81, IDLE_UNIT_NS = 4000000 };
enum { GET_REPORT = 1, GET_IDLE, GET_PROTOCOL, SET_REPORT = 9, SET_IDLE, SET_PROTOCOL };
enum { DESC_HID = 0x21, DESC_REPORT = 0x22 };
enum { REPORT_INPUT = 1, REPORT_OUTPUT = 2 };
enum { LEDS_ALL = INPUT_LED_NUM | INPUT_LED_CAPS | INPUT_LED_SCROLL };

static struct usb_hid *from_usb(struct usb_device *d)
{
    return container_of(d, struct usb_hid, usb);
}

static struct usb_hid *from_dev(struct device *dev)
{
    return container_of(dev, struct usb_hid, usb.dev);
}

/* ---- reports --------------------------------------------------------------------------------- */

static void sink_event(void *opaque, const struct input_event *e)
{
    struct usb_hid *h = opaque;

    h->kind->event(h, e);
}

static void sink_sync(void *opaque)
{
    struct usb_hid *h = opaque;

    if (h->kind->waiting(h))
        usb_ready(&h->usb, REPORT_ENDPOINT);
}

static const struct input_sink_ops sink_ops = {.event = sink_event, .sync = sink_sync};

static void arm_idle(struct usb_hid *h)
{
    int64_t now = clock_now(device_clocks(&h->usb.dev), VCLOCK_VIRTUAL);

    if (h->idle)
        timer_set(&h->idle_timer, now + h->idle * (int64_t)IDLE_UNIT_NS);
    else
        timer_cancel(&h->idle_timer);
}

static void idle_over(void *opaque)
{
    struct usb_hid *h = opaque;

    h->idle_due = true;
    usb_ready(&h->usb, REPORT_ENDPOINT);
}

static int hid_transfer(struct usb_device *d, unsigned endpoint, uint8_t *data, uint32_t size)
{
    struct usb_hid *h = from_usb(d);
    uint8_t report[HID_REPORT_MAX];
    unsigned len;

    (void)endpoint; /* there is one */
    if (!h->used) {
        h->used = true;
        input_sink_activate(&h->sink);
    }
    if (!h->kind->waiting(h) && !h->idle_due)
        return USB_NAK;
    h->idle_due = false;
    arm_idle(h);
    len = h->kind->report(h, report, true);
    memcpy(data, report, MIN(len, size));
    return (int)len;
}

/* ---- requests -------------------------------------------------------------------------------- */

static int get_descriptor(const struct usb_hid *h, const struct usb_setup *setup, uint8_t *data)
{
    const uint8_t *from = NULL;
    unsigned len = 0;

    if (setup->index)
        return USB_STALL;
    if (setup->value == DESC_HID << 8) {
        from = hid_descriptor(h);
        len = HID_DESCRIPTOR_SIZE;
    } else if (setup->value == DESC_REPORT << 8) {
        from = h->kind->report_descriptor;
        len = h->kind->report_descriptor_size;
    }
    if (!from)
        return USB_STALL;
    len = MIN(len, setup->length);
    memcpy(data, from, len);
    return (int)len;
}

static int get_report(struct usb_hid *h, const struct usb_setup *setup, uint8_t *data)
{
    uint8_t report[HID_REPORT_MAX] = {h->leds};
    unsigned len = 1;

    if (setup->value == REPORT_INPUT << 8)
        len = h->kind->report(h, report, false);
    else if (setup->value != REPORT_OUTPUT << 8 || !(h->kind->takes & INPUT_TAKES_KEYS))
        return USB_STALL;
    len = MIN(len, setup->length);
    memcpy(data, report, len);
    return (int)len;
}

static int set_report(struct usb_hid *h, const struct usb_setup *setup, const uint8_t *data)
{
    if (setup->value != REPORT_OUTPUT << 8 || !(h->kind->takes & INPUT_TAKES_KEYS))
        return USB_STALL;
    if (setup->length) {
        h->leds = data[0] & LEDS_ALL;
        input_sink_leds(&h->sink, h->leds);
    }
    return 0;
}

static int set_protocol(struct usb_hid *h, const struct usb_setup *setup)
{
    if (!h->kind->boot || setup->value > HID_REPORT_PROTOCOL)
        return USB_STALL;
    h->protocol = (uint8_t)setup->value;
    return 0;
}

static int hid_control(struct usb_device *d, const struct usb_setup *setup, uint8_t *data)
{
    enum {
        DESC_IN = USB_DIR_IN | USB_RECIPIENT_INTERFACE,
        IN = USB_DIR_IN | USB_TYPE_CLASS | USB_RECIPIENT_INTERFACE,
        OUT = USB_TYPE_CLASS | USB_RECIPIENT_INTERFACE,
    };
    struct usb_hid *h = from_usb(d);
    unsigned len = MIN(1u, setup->length);

    switch (USB_REQUEST(setup->type, setup->request)) {
    case USB_REQUEST(DESC_IN, USB_REQ_GET_DESCRIPTOR):
        return get_descriptor(h, setup, data);
    case USB_REQUEST(IN, GET_REPORT):
        return get_report(h, setup, data);
    case USB_REQUEST(OUT, SET_REPORT):
        return set_report(h, setup, data);
    case USB_REQUEST(IN, GET_IDLE):
        memset(data, h->idle, len);
        return (int)len;
    case USB_REQUEST(OUT, SET_IDLE):
        h->idle = (uint8_t)(setup->value >> 8);
        arm_idle(h);
        return 0;
    case USB_REQUEST(IN, GET_PROTOCOL):
        memset(data, h->protocol, len);
        return h->kind->boot ? (int)len : USB_STALL;
    case USB_REQUEST(OUT, SET_PROTOCOL):
        return set_protocol(h, setup);
    default:
        return USB_STALL;
    }
}

/* ---- life ------------------------------------------------------------------------------------ */

/* What nobody asked for is forgotten with what was told. */
static void hid_reset(struct usb_device *d)
{
    struct usb_hid *h = from_usb(d);

    timer_cancel(&h->idle_timer);
    h->protocol = HID_REPORT_PROTOCOL;
    h->idle = 0;
    h->used = h->idle_due = false;
    h->leds = 0;
    memset(&h->keyboard, 0, sizeof h->keyboard);
    memset(&h->pointer, 0, sizeof h->pointer);
}

static bool hid_realize(struct device *dev, struct vemu_error **errp)
{
    struct usb_hid *h = from_dev(dev);

    h->kind = dev->cls == &usb_kbd_class.device     ? &hid_keyboard_kind
              : dev->cls == &usb_mouse_class.device ? &hid_mouse_kind
                                                    : &hid_tablet_kind;
    timer_init(&h->idle_timer, device_clocks(dev), VCLOCK_VIRTUAL, idle_over, h);
    hid_reset(&h->usb);
    h->sink.ops = &sink_ops;
    h->sink.opaque = h;
    h->sink.dev = dev;
    h->sink.takes = h->kind->takes;
    if (!input_sink_add(dev->machine, &h->sink, errp))
        return false;
    if (usb_device_realize(dev, errp))
        return true;
    input_sink_remove(&h->sink);
    return false;
}

static void hid_unrealize(struct device *dev)
{
    struct usb_hid *h = from_dev(dev);

    timer_cancel(&h->idle_timer);
    input_sink_remove(&h->sink);
    usb_device_unrealize(dev);
}

static bool hid_post_load(struct device *dev, struct vemu_error **errp)
{
    struct usb_hid *h = from_dev(dev);

    (void)errp;
    input_sink_leds(&h->sink, h->leds);
    return true;
}

static const struct prop_desc hid_props[] = {
    USB_PROPS(struct usb_hid, usb),
    {0},
};
static const struct state_field keyboard_state[] = {
    STATE_INT_ARRAY(struct hid_keyboard, down),
    STATE_INT_ARRAY(struct hid_keyboard, events, .max = HID_KEY_DOWN | 0xff),
    STATE_INT(struct hid_keyboard, count, .max = HID_KEY_EVENTS_MAX),
    STATE_FIELDS_END,
};
static const struct state_field event_state[] = {
    STATE_INT(struct hid_pointer_event, buttons, .max = 31),
    STATE_FLAG(struct hid_pointer_event, pressed),
    STATE_INT(struct hid_pointer_event, x),
    STATE_INT(struct hid_pointer_event, y),
    STATE_INT(struct hid_pointer_event, wheel),
    STATE_INT(struct hid_pointer_event, pan),
    STATE_FIELDS_END,
};
static const struct state_field pointer_state[] = {
    STATE_NESTED(struct hid_pointer, now, event_state),
    STATE_ARRAY_OF(struct hid_pointer, events, event_state),
    STATE_INT(struct hid_pointer, count, .max = HID_POINTER_EVENTS_MAX),
    STATE_FIELDS_END,
};
static const struct state_field hid_state[] = {
    STATE_USB(struct usb_hid, usb),
    STATE_INT(struct usb_hid, protocol, .max = HID_REPORT_PROTOCOL),
    STATE_INT(struct usb_hid, idle),
    STATE_INT(struct usb_hid, leds, .max = LEDS_ALL),
    STATE_FLAG(struct usb_hid, used),
    STATE_FLAG(struct usb_hid, idle_due),
    STATE_DEADLINE(struct usb_hid, idle_timer),
    STATE_NESTED(struct usb_hid, keyboard, keyboard_state),
    STATE_NESTED(struct usb_hid, pointer, pointer_state),
    STATE_FIELDS_END,
};

#define HID_CLASS(name_, help_, descriptors_)                                                      \
    {                                                                                              \
        .device = {.name = (name_),                                                                \
                   .help = (help_),                                                                \
                   .size = sizeof(struct usb_hid),                                                 \
                   .user_creatable = true,                                                         \
                   .bus = "usb",                                                                   \
                   .props = hid_props,                                                             \
                   .state = hid_state,                                                             \
                   .state_version = 1,                                                             \
                   .realize = hid_realize,                                                         \
                   .unrealize = hid_unrealize,                                                     \
                   .reset = usb_device_reset,                                                      \
                   .post_load = hid_post_load},                                                    \
        .speed = USB_SPEED_HIGH, .descriptors = &(descriptors_), .control = hid_control,           \
        .transfer = hid_transfer, .reset = hid_reset                                               \
    }
const struct usb_device_class usb_kbd_class =
    HID_CLASS("usb-kbd", "USB keyboard", hid_keyboard_descriptors);
const struct usb_device_class usb_mouse_class =
    HID_CLASS("usb-mouse", "USB mouse", hid_mouse_descriptors);
const struct usb_device_class usb_tablet_class =
    HID_CLASS("usb-tablet", "USB tablet: absolute positions", hid_tablet_descriptors);
