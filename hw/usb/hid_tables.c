/* Descriptors of keyboard, mouse and tablet: Device Class Definition for Human Interface Devices
 * 1.11, chapters "Descriptors" and "Appendix B: Boot Interface Descriptors". */
#include "core/util/range.h"
#include "hw/usb/hid_internal.h"

/* ---- report descriptors ---------------------------------------------------------------------- */

/* Items, by their short form: prefix with the size of what follows. */
enum {
    USAGE_PAGE = 0x05,
    USAGE = 0x09,
    USAGE_16 = 0x0a,
    USAGE_MIN = 0x19,
    USAGE_MAX = 0x29,
    LOGICAL_MIN = 0x15,
    LOGICAL_MAX = 0x25,
    LOGICAL_MAX_16 = 0x26,
    REPORT_SIZE = 0x75,
    REPORT_COUNT = 0x95,
    COLLECTION = 0xa1,
    END_COLLECTION = 0xc0,
    INPUT = 0x81,
    OUTPUT = 0x91,
};
enum { CONSTANT = 1, VARIABLE = 2, ARRAY = 0, RELATIVE = 4 | VARIABLE };
enum { PAGE_DESKTOP = 1, PAGE_KEYS = 7, PAGE_LEDS = 8, PAGE_BUTTONS = 9, PAGE_CONSUMER = 12 };
enum { DESKTOP_POINTER = 1, DESKTOP_MOUSE, DESKTOP_KEYBOARD = 6, DESKTOP_X = 0x30, DESKTOP_Y };
enum { DESKTOP_WHEEL = 0x38, CONSUMER_AC_PAN = 0x0238, PHYSICAL = 0, APPLICATION = 1 };
#define LOW_HIGH(v_) (v_) & 0xff, (v_) >> 8

static const uint8_t keyboard_report[] = {
    USAGE_PAGE,
    PAGE_DESKTOP,
    USAGE,
    DESKTOP_KEYBOARD,
    COLLECTION,
    APPLICATION,
    /* modifiers */
    USAGE_PAGE,
    PAGE_KEYS,
    USAGE_MIN,
    0xe0,
    USAGE_MAX,
    0xe7,
    LOGICAL_MIN,
    0,
    LOGICAL_MAX,
    1,
    REPORT_SIZE,
    1,
    REPORT_COUNT,
    8,
    INPUT,
    VARIABLE,
    REPORT_SIZE,
    8,
    REPORT_COUNT,
    1,
    INPUT,
    CONSTANT,
    /* lamps */
    USAGE_PAGE,
    PAGE_LEDS,
    USAGE_MIN,
    1,
    USAGE_MAX,
    5,
    REPORT_SIZE,
    1,
    REPORT_COUNT,
    5,
    OUTPUT,
    VARIABLE,
    REPORT_SIZE,
    3,
    REPORT_COUNT,
    1,
    OUTPUT,
    CONSTANT,
    /* keys that are down */
    USAGE_PAGE,
    PAGE_KEYS,
    USAGE_MIN,
    0,
    USAGE_MAX,
    0xff,
    LOGICAL_MIN,
    0,
    LOGICAL_MAX_16,
    LOW_HIGH(0xff),
    REPORT_SIZE,
    8,
    REPORT_COUNT,
    6,
    INPUT,
    ARRAY,
    END_COLLECTION,
};

#define POINTER_BUTTONS                                                                            \
    USAGE_PAGE, PAGE_DESKTOP, USAGE, DESKTOP_MOUSE, COLLECTION, APPLICATION, USAGE,                \
        DESKTOP_POINTER, COLLECTION, PHYSICAL, USAGE_PAGE, PAGE_BUTTONS, USAGE_MIN, 1, USAGE_MAX,  \
        5, LOGICAL_MIN, 0, LOGICAL_MAX, 1, REPORT_SIZE, 1, REPORT_COUNT, 5, INPUT, VARIABLE,       \
        REPORT_SIZE, 3, REPORT_COUNT, 1, INPUT, CONSTANT
#define POINTER_WHEELS                                                                             \
    USAGE_PAGE, PAGE_DESKTOP, USAGE, DESKTOP_WHEEL, LOGICAL_MIN, 0x81, LOGICAL_MAX, 0x7f,          \
        REPORT_SIZE, 8, REPORT_COUNT, 1, INPUT, RELATIVE, USAGE_PAGE, PAGE_CONSUMER, USAGE_16,     \
        LOW_HIGH(CONSUMER_AC_PAN), INPUT, RELATIVE, END_COLLECTION, END_COLLECTION

static const uint8_t mouse_report[] = {
    POINTER_BUTTONS,
    USAGE_PAGE,
    PAGE_DESKTOP,
    USAGE,
    DESKTOP_X,
    USAGE,
    DESKTOP_Y,
    LOGICAL_MIN,
    0x81,
    LOGICAL_MAX,
    0x7f,
    REPORT_SIZE,
    8,
    REPORT_COUNT,
    2,
    INPUT,
    RELATIVE,
    POINTER_WHEELS,
};
static const uint8_t tablet_report[] = {
    POINTER_BUTTONS,
    USAGE_PAGE,
    PAGE_DESKTOP,
    USAGE,
    DESKTOP_X,
    USAGE,
    DESKTOP_Y,
    LOGICAL_MIN,
    0,
    LOGICAL_MAX_16,
    LOW_HIGH(INPUT_ABS_MAX),
    REPORT_SIZE,
    16,
    REPORT_COUNT,
    2,
    INPUT,
    VARIABLE,
    POINTER_WHEELS,
};

/* ---- the others ------------------------------------------------------------------------------ */

enum { CLASS_HID = 3, SUBCLASS_BOOT = 1, PROTOCOL_KEYBOARD = 1, PROTOCOL_MOUSE = 2 };
enum { VENDOR = 0x0627, PRODUCT = 0x0001 };
/* 2^(interval - 1) microframes: 8 ms, 1 ms */
enum { KEYBOARD_INTERVAL = 7, POINTER_INTERVAL = 4 };

#define HID_DESCRIPTOR(report_)                                                                    \
    {                                                                                              \
        HID_DESCRIPTOR_SIZE, 0x21, LOW_HIGH(0x0111), 0, 1, 0x22, LOW_HIGH(sizeof(report_))         \
    }
static const uint8_t keyboard_hid[HID_DESCRIPTOR_SIZE] = HID_DESCRIPTOR(keyboard_report);
static const uint8_t mouse_hid[HID_DESCRIPTOR_SIZE] = HID_DESCRIPTOR(mouse_report);
static const uint8_t tablet_hid[HID_DESCRIPTOR_SIZE] = HID_DESCRIPTOR(tablet_report);

static const struct usb_endpoint keyboard_endpoint = {0x81, USB_ENDPOINT_INTERRUPT, 8,
                                                      KEYBOARD_INTERVAL};
static const struct usb_endpoint mouse_endpoint = {0x81, USB_ENDPOINT_INTERRUPT, 5,
                                                   POINTER_INTERVAL};
static const struct usb_endpoint tablet_endpoint = {0x81, USB_ENDPOINT_INTERRUPT, 7,
                                                    POINTER_INTERVAL};

#define INTERFACE(name_, subclass_, protocol_)                                                     \
    static const struct usb_interface name_##_interface = {.class_code = CLASS_HID,                \
                                                           .subclass = (subclass_),                \
                                                           .protocol = (protocol_),                \
                                                           .extra = name_##_hid,                   \
                                                           .extra_size = HID_DESCRIPTOR_SIZE,      \
                                                           .endpoints = &name_##_endpoint,         \
                                                           .endpoint_count = 1}
INTERFACE(keyboard, SUBCLASS_BOOT, PROTOCOL_KEYBOARD);
INTERFACE(mouse, SUBCLASS_BOOT, PROTOCOL_MOUSE);
INTERFACE(tablet, 0, 0);

#define DESCRIPTORS(of_, name_)                                                                    \
    const struct usb_descriptors hid_##of_##_descriptors = {.version = 0x0200,                     \
                                                            .max_packet = 64,                      \
                                                            .vendor = VENDOR,                      \
                                                            .product = PRODUCT,                    \
                                                            .manufacturer = "vemu",                \
                                                            .name = (name_),                       \
                                                            .attributes =                          \
                                                                USB_CONFIG_REMOTE_WAKEUP,          \
                                                            .max_power = 50,                       \
                                                            .interfaces = &of_##_interface,        \
                                                            .interface_count = 1}
DESCRIPTORS(keyboard, "USB Keyboard");
DESCRIPTORS(mouse, "USB Mouse");
DESCRIPTORS(tablet, "USB Tablet");

const uint8_t *hid_descriptor(const struct usb_hid *h)
{
    return usb_class(&h->usb)->descriptors->interfaces[0].extra;
}

/* ---- kinds ----------------------------------------------------------------------------------- */

const struct hid_kind hid_keyboard_kind = {
    .takes = INPUT_TAKES_KEYS,
    .boot = true,
    .report_descriptor = keyboard_report,
    .report_descriptor_size = sizeof keyboard_report,
    .event = hid_keyboard_event,
    .report = hid_keyboard_report,
    .waiting = hid_keyboard_waiting,
};
const struct hid_kind hid_mouse_kind = {
    .takes = INPUT_TAKES_BUTTONS | INPUT_TAKES_REL,
    .boot = true,
    .report_descriptor = mouse_report,
    .report_descriptor_size = sizeof mouse_report,
    .event = hid_pointer_event,
    .report = hid_mouse_report,
    .waiting = hid_pointer_waiting,
};
const struct hid_kind hid_tablet_kind = {
    .takes = INPUT_TAKES_BUTTONS | INPUT_TAKES_ABS,
    .report_descriptor = tablet_report,
    .report_descriptor_size = sizeof tablet_report,
    .event = hid_pointer_event,
    .report = hid_tablet_report,
    .waiting = hid_pointer_waiting,
};
