/*
 * Between hid.c, which has requests, reports' ways and the devices' classes, hid_keyboard.c and
 * hid_pointer.c, which make reports from events, and hid_tables.c with the descriptors. Private to
 * these.
 *
 * Events wait in a queue until the guest asks for a report, so that a key that went down and up in
 * between is seen to do both. A queue that is full loses steps, never where it ends up.
 */
#ifndef HW_USB_HID_INTERNAL_H
#define HW_USB_HID_INTERNAL_H

#include "core/clock/clock.h"
#include "core/input/input.h"
#include "hw/usb/hid.h"

enum {
    HID_KEY_EVENTS_MAX = 64,
    HID_POINTER_EVENTS_MAX = 16,
    HID_USAGES = 256,
    HID_REPORT_MAX = 8,
};
enum { HID_BOOT_PROTOCOL, HID_REPORT_PROTOCOL };
enum { HID_KEY_DOWN = 1 << 8 }; /* above the usage in a queued event */

struct hid_keyboard {
    uint64_t down[HID_USAGES / 64]; /* as reports have told */
    uint16_t events[HID_KEY_EVENTS_MAX];
    uint8_t count;
};

/* Buttons as they were, motion since the one before; of a tablet, where it was. */
struct hid_pointer_event {
    uint8_t buttons;
    bool pressed; /* buttons moved: it happened here, and motion after it comes later */
    int32_t x, y, wheel, pan;
};

struct hid_pointer {
    struct hid_pointer_event now; /* motion: none */
    struct hid_pointer_event events[HID_POINTER_EVENTS_MAX];
    uint8_t count;
};

struct usb_hid {
    struct usb_device usb;
    struct input_sink sink;
    const struct hid_kind *kind;

    uint8_t protocol, idle /* units of 4 ms; 0: reports only when something changes */, leds;
    bool used;     /* the guest has asked for a report */
    bool idle_due; /* the last report is due once more */
    struct timer idle_timer;
    struct hid_keyboard keyboard;
    struct hid_pointer pointer;
};

struct hid_kind {
    unsigned takes; /* INPUT_TAKES_* */
    bool boot;      /* it has a boot protocol */
    const uint8_t *report_descriptor;
    uint16_t report_descriptor_size;
    void (*event)(struct usb_hid *h, const struct input_event *e);
    /* The next report, from the queue or, if that is empty, as it is: its size. */
    unsigned (*report)(struct usb_hid *h, uint8_t *buf, bool take);
    bool (*waiting)(const struct usb_hid *h);
};

extern const struct hid_kind hid_keyboard_kind, hid_mouse_kind, hid_tablet_kind;
extern const struct usb_descriptors hid_keyboard_descriptors, hid_mouse_descriptors,
    hid_tablet_descriptors;

/* hid_keyboard.c, hid_pointer.c: see struct hid_kind */
void hid_keyboard_event(struct usb_hid *h, const struct input_event *e);
unsigned hid_keyboard_report(struct usb_hid *h, uint8_t *buf, bool take);
bool hid_keyboard_waiting(const struct usb_hid *h);
void hid_pointer_event(struct usb_hid *h, const struct input_event *e);
unsigned hid_mouse_report(struct usb_hid *h, uint8_t *buf, bool take);
unsigned hid_tablet_report(struct usb_hid *h, uint8_t *buf, bool take);
bool hid_pointer_waiting(const struct usb_hid *h);

/* hid_tables.c */
enum { HID_DESCRIPTOR_SIZE = 9 };
const uint8_t *hid_descriptor(const struct usb_hid *h);

#endif
