/* Standard requests, answered from the tables: see usb.h. */
#include <string.h>
#include "core/util/endian.h"
#include "core/util/range.h"
#include "hw/usb/usb.h"

enum { FEATURE_ENDPOINT_HALT = 0, FEATURE_REMOTE_WAKEUP = 1 };
enum { STRING_LANGUAGES, STRING_MANUFACTURER, STRING_NAME, STRING_SERIAL };
enum { LANGUAGE_ENGLISH_US = 0x0409, DESCRIPTOR_MAX = 255 };
enum { DEVICE_SIZE = 18, CONFIG_SIZE = 9, INTERFACE_SIZE = 9, ENDPOINT_SIZE = 7 };

struct usb_setup usb_setup_parse(const uint8_t bytes[USB_SETUP_SIZE])
{
    return (struct usb_setup){.type = bytes[0],
                              .request = bytes[1],
                              .value = load_le16(bytes + 2),
                              .index = load_le16(bytes + 4),
                              .length = load_le16(bytes + 6)};
}

/* ---- descriptors: they return their length --------------------------------------------------- */

static unsigned device_descriptor(const struct usb_device *d, uint8_t *p)
{
    const struct usb_descriptors *desc = usb_class(d)->descriptors;

    p[0] = DEVICE_SIZE;
    p[1] = USB_DESC_DEVICE;
    store_le16(p + 2, desc->version);
    p[4] = desc->class_code;
    p[5] = desc->subclass;
    p[6] = desc->protocol;
    p[7] = desc->max_packet;
    store_le16(p + 8, desc->vendor);
    store_le16(p + 10, desc->product);
    store_le16(p + 12, desc->release);
    p[14] = STRING_MANUFACTURER;
    p[15] = STRING_NAME;
    p[16] = d->serial ? STRING_SERIAL : 0;
    p[17] = 1; /* configurations */
    return DEVICE_SIZE;
}

static unsigned interface_descriptors(const struct usb_interface *itf, unsigned number, uint8_t *p)
{
    unsigned at = INTERFACE_SIZE;

    p[0] = INTERFACE_SIZE;
    p[1] = USB_DESC_INTERFACE;
    p[2] = (uint8_t)number;
    p[3] = 0; /* alternate setting */
    p[4] = itf->endpoint_count;
    p[5] = itf->class_code;
    p[6] = itf->subclass;
    p[7] = itf->protocol;
    p[8] = 0;
    if (itf->extra_size)
        memcpy(p + at, itf->extra, itf->extra_size);
    at += itf->extra_size;
    for (unsigned n = 0; n < itf->endpoint_count; n++, at += ENDPOINT_SIZE) {
        const struct usb_endpoint *e = &itf->endpoints[n];
        p[at] = ENDPOINT_SIZE;
        p[at + 1] = USB_DESC_ENDPOINT;
        p[at + 2] = e->address;
        p[at + 3] = e->type;
        store_le16(p + at + 4, e->max_packet);
        p[at + 6] = e->interval;
    }
    return at;
}

static unsigned config_descriptor(const struct usb_device *d, uint8_t *p)
{
    const struct usb_descriptors *desc = usb_class(d)->descriptors;
    unsigned at = CONFIG_SIZE;

    for (unsigned n = 0; n < desc->interface_count; n++)
        at += interface_descriptors(&desc->interfaces[n], n, p + at);
    p[0] = CONFIG_SIZE;
    p[1] = USB_DESC_CONFIGURATION;
    store_le16(p + 2, (uint16_t)at);
    p[4] = desc->interface_count;
    p[5] = USB_CONFIGURATION;
    p[6] = 0;
    p[7] = USB_CONFIG_RESERVED | desc->attributes;
    p[8] = desc->max_power;
    return at;
}

static unsigned text_descriptor(const char *text, uint8_t *p)
{
    unsigned len = (unsigned)MIN(strlen(text), (DESCRIPTOR_MAX - 2u) / 2);

    p[0] = (uint8_t)(2 + 2 * len);
    p[1] = USB_DESC_STRING;
    for (unsigned n = 0; n < len; n++)
        store_le16(p + 2 + 2 * n, (uint8_t)text[n]);
    return p[0];
}

static unsigned string_descriptor(const struct usb_device *d, unsigned index, uint8_t *p)
{
    const struct usb_descriptors *desc = usb_class(d)->descriptors;

    switch (index) {
    case STRING_LANGUAGES:
        p[0] = 4;
        p[1] = USB_DESC_STRING;
        store_le16(p + 2, LANGUAGE_ENGLISH_US);
        return 4;
    case STRING_MANUFACTURER:
        return text_descriptor(desc->manufacturer, p);
    case STRING_NAME:
        return text_descriptor(desc->name, p);
    case STRING_SERIAL:
        return d->serial ? text_descriptor(d->serial, p) : 0;
    default:
        return 0;
    }
}

static int get_descriptor(struct usb_device *d, const struct usb_setup *setup, uint8_t *data)
{
    uint8_t buf[2 * DESCRIPTOR_MAX]; /* a configuration of the tables is shorter */
    unsigned len = 0, index = setup->value & 0xff;

    switch (setup->value >> 8) {
    case USB_DESC_DEVICE:
        len = index ? 0 : device_descriptor(d, buf);
        break;
    case USB_DESC_CONFIGURATION:
        len = index ? 0 : config_descriptor(d, buf);
        break;
    case USB_DESC_STRING:
        len = string_descriptor(d, index, buf);
        break;
    }
    if (!len)
        return USB_STALL;
    len = MIN(len, setup->length);
    memcpy(data, buf, len);
    return (int)len;
}

/* ---- the other requests ---------------------------------------------------------------------- */

static int put(uint8_t *data, const struct usb_setup *setup, uint16_t value, unsigned size)
{
    size = MIN(size, setup->length);
    store_le(data, value, size);
    return (int)size;
}

static bool has_interface(const struct usb_device *d, unsigned index)
{
    return d->configuration && index < usb_class(d)->descriptors->interface_count;
}

static bool has_endpoint(const struct usb_device *d, unsigned address)
{
    return !(address & 15) || (d->configuration && usb_find_endpoint(d, address));
}

static int set_configuration(struct usb_device *d, unsigned value)
{
    if (value > USB_CONFIGURATION)
        return USB_STALL;
    d->configuration = (uint8_t)value;
    d->halted = 0;
    return 0;
}

static int wakeup_feature(struct usb_device *d, const struct usb_setup *setup, bool on)
{
    if (setup->value != FEATURE_REMOTE_WAKEUP ||
        !(usb_class(d)->descriptors->attributes & USB_CONFIG_REMOTE_WAKEUP))
        return USB_STALL;
    d->remote_wakeup = on;
    return 0;
}

static int halt_feature(struct usb_device *d, const struct usb_setup *setup, bool on)
{
    uint32_t bit = usb_halted_bit(setup->index);

    if (setup->value != FEATURE_ENDPOINT_HALT || !has_endpoint(d, setup->index))
        return USB_STALL;
    if (setup->index & 15) /* endpoint 0 is never halted for long */
        d->halted = on ? d->halted | bit : d->halted & ~bit;
    return 0;
}

static int device_status(const struct usb_device *d)
{
    bool self = usb_class(d)->descriptors->attributes & USB_CONFIG_SELF_POWERED;

    return self | d->remote_wakeup << 1;
}

int usb_control(struct usb_device *d, const struct usb_setup *setup, uint8_t *data)
{
    enum { IN = USB_DIR_IN, ITF = USB_RECIPIENT_INTERFACE, EP = USB_RECIPIENT_ENDPOINT };

    switch (USB_REQUEST(setup->type, setup->request)) {
    case USB_REQUEST(IN, USB_REQ_GET_STATUS):
        return put(data, setup, (uint16_t)device_status(d), 2);
    case USB_REQUEST(IN | ITF, USB_REQ_GET_STATUS):
        return has_interface(d, setup->index) ? put(data, setup, 0, 2) : USB_STALL;
    case USB_REQUEST(IN | EP, USB_REQ_GET_STATUS):
        return has_endpoint(d, setup->index)
                   ? put(data, setup, (d->halted & usb_halted_bit(setup->index)) != 0, 2)
                   : USB_STALL;
    case USB_REQUEST(0, USB_REQ_CLEAR_FEATURE):
    case USB_REQUEST(0, USB_REQ_SET_FEATURE):
        return wakeup_feature(d, setup, setup->request == USB_REQ_SET_FEATURE);
    case USB_REQUEST(EP, USB_REQ_CLEAR_FEATURE):
    case USB_REQUEST(EP, USB_REQ_SET_FEATURE):
        return halt_feature(d, setup, setup->request == USB_REQ_SET_FEATURE);
    case USB_REQUEST(0, USB_REQ_SET_ADDRESS):
        d->address = setup->value & 0x7f;
        return 0;
    case USB_REQUEST(IN, USB_REQ_GET_DESCRIPTOR):
        return get_descriptor(d, setup, data);
    case USB_REQUEST(IN, USB_REQ_GET_CONFIGURATION):
        return put(data, setup, d->configuration, 1);
    case USB_REQUEST(0, USB_REQ_SET_CONFIGURATION):
        return set_configuration(d, setup->value & 0xff);
    case USB_REQUEST(IN | ITF, USB_REQ_GET_INTERFACE):
        return has_interface(d, setup->index) ? put(data, setup, 0, 1) : USB_STALL;
    case USB_REQUEST(ITF, USB_REQ_SET_INTERFACE):
        return has_interface(d, setup->index) && !setup->value ? 0 : USB_STALL;
    default:
        return usb_class(d)->control(d, setup, data);
    }
}
