/* Reports of the keyboard. HID 1.11, appendix "Keyboard Implementation". */
#include <string.h>
#include "core/input/keys.h"
#include "core/util/bitmap.h"
#include "hw/usb/hid_internal.h"

enum { FIRST_MODIFIER = 0xe0, KEYS_IN_REPORT = 6, REPORT_SIZE = 8, ROLL_OVER = 1 };

static void apply(struct hid_keyboard *k, uint16_t event)
{
    uint8_t usage = event & 0xff;

    if (event & HID_KEY_DOWN)
        bitmap_set(k->down, usage);
    else
        bitmap_clear(k->down, usage);
}

/* The oldest one takes effect. */
static void take_event(struct hid_keyboard *k)
{
    apply(k, k->events[0]);
    memmove(k->events, k->events + 1, --k->count * sizeof k->events[0]);
    k->events[k->count] = 0;
}

void hid_keyboard_event(struct usb_hid *h, const struct input_event *e)
{
    struct hid_keyboard *k = &h->keyboard;
    uint8_t usage = e->type == EV_KEY ? key_to_usage(e->code) : 0;

    /* The guest repeats keys by itself. */
    if (!usage || e->value > 1)
        return;
    if (k->count == HID_KEY_EVENTS_MAX)
        take_event(k);
    k->events[k->count++] = (uint16_t)(usage | (e->value ? HID_KEY_DOWN : 0));
}

bool hid_keyboard_waiting(const struct usb_hid *h)
{
    return h->keyboard.count != 0;
}

unsigned hid_keyboard_report(struct usb_hid *h, uint8_t *buf, bool take)
{
    struct hid_keyboard *k = &h->keyboard;
    unsigned keys = 0;

    if (take && k->count)
        take_event(k);
    memset(buf, 0, REPORT_SIZE);
    for (uint64_t usage = 0; (usage = bitmap_find_next(k->down, HID_USAGES, usage)) < HID_USAGES;
         usage++) {
        if (usage >= FIRST_MODIFIER && usage < FIRST_MODIFIER + 8)
            buf[0] |= (uint8_t)(1u << (usage - FIRST_MODIFIER));
        else if (keys++ < KEYS_IN_REPORT)
            buf[1 + keys] = (uint8_t)usage;
    }
    if (keys > KEYS_IN_REPORT)
        memset(buf + 2, ROLL_OVER, KEYS_IN_REPORT);
    return REPORT_SIZE;
}
