/*
 * usb-hub: a high-speed hub. Universal Serial Bus Specification 2.0, chapter "Hub Specification".
 *
 * Ports are always powered. A reset is over as soon as it is asked for, and so is a resume.
 */
#include "hw/usb/hub.h"

#include <string.h>
#include "core/device/machine.h"
#include "core/util/endian.h"
#include "core/util/range.h"

enum { STATUS_ENDPOINT = 0x81 };
enum { HUB_SPEEDS = 1 << USB_SPEED_LOW | 1 << USB_SPEED_FULL | 1 << USB_SPEED_HIGH };
enum { HUB_DESCRIPTOR = 0x29, HUB_DESCRIPTOR_SIZE = 7 };
enum { GET_STATUS, CLEAR_FEATURE, SET_FEATURE = 3, CLEAR_TT_BUFFER = 8, RESET_TT, GET_TT, STOP_TT };
enum { C_HUB_LOCAL_POWER, C_HUB_OVER_CURRENT };
/* Features of ports; the first ones are the bits of the status, those from 16 on of the changes. */
enum {
    PORT_CONNECTION = 0,
    PORT_ENABLE = 1,
    PORT_SUSPEND = 2,
    PORT_OVER_CURRENT = 3,
    PORT_RESET = 4,
    PORT_POWER = 8,
    PORT_LOW_SPEED = 9,
    PORT_HIGH_SPEED = 10,
    C_PORT_CONNECTION = 16,
    C_PORT_RESET = 20,
    PORT_TEST = 21,
    PORT_INDICATOR = 22,
};
#define BIT(n_) (1u << (n_))
enum {
    STATUS_ALL = BIT(PORT_CONNECTION) | BIT(PORT_ENABLE) | BIT(PORT_SUSPEND) | BIT(PORT_POWER) |
                 BIT(PORT_LOW_SPEED) | BIT(PORT_HIGH_SPEED),
    CHANGE_ALL = BIT(PORT_CONNECTION) | BIT(PORT_ENABLE) | BIT(PORT_SUSPEND) |
                 BIT(PORT_OVER_CURRENT) | BIT(PORT_RESET),
};

struct hub_port {
    uint16_t status, change;
};

struct usb_hub {
    struct usb_device usb;
    uint32_t count; /* property */
    struct usb_port ports[USB_HUB_PORTS_MAX];
    struct hub_port regs[USB_HUB_PORTS_MAX];
};

static struct usb_hub *from_usb(struct usb_device *d)
{
    return container_of(d, struct usb_hub, usb);
}

static struct hub_port *regs_of(const struct usb_port *port)
{
    return &from_usb(port->hub)->regs[port->number - 1];
}

/* ---- ports ----------------------------------------------------------------------------------- */

static void set_change(struct usb_port *port, unsigned bit)
{
    regs_of(port)->change |= (uint16_t)BIT(bit);
    usb_ready(port->hub, STATUS_ENDPOINT);
}

/* What the wires say of speed is known when the port is enabled. */
static uint16_t connected(const struct usb_port *port)
{
    return (uint16_t)(BIT(PORT_POWER) | (port->dev ? BIT(PORT_CONNECTION) : 0));
}

static uint16_t speed_bits(const struct usb_device *d)
{
    enum usb_speed speed = usb_class(d)->speed;

    return (uint16_t)(speed == USB_SPEED_HIGH  ? BIT(PORT_HIGH_SPEED)
                      : speed == USB_SPEED_LOW ? BIT(PORT_LOW_SPEED)
                                               : 0);
}

static void port_changed(struct usb_port *port)
{
    regs_of(port)->status = connected(port);
    set_change(port, PORT_CONNECTION);
}

static void port_resume(struct usb_port *port)
{
    regs_of(port)->status &= (uint16_t)~BIT(PORT_SUSPEND);
    set_change(port, PORT_SUSPEND);
}

static bool port_suspended(const struct usb_port *port)
{
    return regs_of(port)->status & BIT(PORT_SUSPEND);
}

static const struct usb_port_ops port_ops = {
    .changed = port_changed, .resume = port_resume, .suspended = port_suspended};

static void reset_port(struct usb_port *port)
{
    if (!port->dev)
        return;
    usb_port_reset(port);
    regs_of(port)->status = (uint16_t)(connected(port) | BIT(PORT_ENABLE) | speed_bits(port->dev));
    set_change(port, PORT_RESET);
}

/* ---- requests -------------------------------------------------------------------------------- */

static int set_port_feature(struct usb_hub *hub, struct usb_port *port, unsigned feature)
{
    struct hub_port *regs = &hub->regs[port->number - 1];

    switch (feature) {
    case PORT_RESET:
        reset_port(port);
        return 0;
    case PORT_SUSPEND:
        if (regs->status & BIT(PORT_ENABLE))
            regs->status |= BIT(PORT_SUSPEND);
        return 0;
    case PORT_POWER:
    case PORT_INDICATOR:
    case PORT_TEST:
        return 0;
    default:
        return USB_STALL;
    }
}

static int clear_port_feature(struct usb_hub *hub, struct usb_port *port, unsigned feature)
{
    struct hub_port *regs = &hub->regs[port->number - 1];

    if (feature >= C_PORT_CONNECTION && feature <= C_PORT_RESET) {
        regs->change &= (uint16_t)~BIT(feature - C_PORT_CONNECTION);
        return 0;
    }
    switch (feature) {
    case PORT_ENABLE:
        regs->status &= (uint16_t) ~(BIT(PORT_ENABLE) | BIT(PORT_SUSPEND));
        return 0;
    case PORT_SUSPEND:
        if (port_suspended(port))
            port_resume(port);
        return 0;
    case PORT_POWER:
    case PORT_INDICATOR:
        return 0;
    default:
        return USB_STALL;
    }
}

static int get_descriptor(const struct usb_hub *hub, const struct usb_setup *setup, uint8_t *data)
{
    enum { NO_POWER_SWITCHING = 2, NO_OVER_CURRENT = 2 << 3 };
    unsigned bitmap = hub->count / 8 + 1, len = HUB_DESCRIPTOR_SIZE + 2 * bitmap;
    uint8_t buf[HUB_DESCRIPTOR_SIZE + 4] = {0};

    if (setup->value >> 8 != HUB_DESCRIPTOR)
        return USB_STALL;
    buf[0] = (uint8_t)len;
    buf[1] = HUB_DESCRIPTOR;
    buf[2] = (uint8_t)hub->count;
    store_le16(buf + 3, NO_POWER_SWITCHING | NO_OVER_CURRENT);
    /* Everything can be taken out; power switching of single ports reads as ones. */
    memset(buf + HUB_DESCRIPTOR_SIZE + bitmap, 0xff, bitmap);
    len = MIN(len, setup->length);
    memcpy(data, buf, len);
    return (int)len;
}

static int put_status(uint8_t *data, const struct usb_setup *setup, uint32_t status)
{
    unsigned len = MIN(4u, setup->length);

    store_le(data, status, len);
    return (int)len;
}

static int hub_control(struct usb_device *d, const struct usb_setup *setup, uint8_t *data)
{
    enum {
        HUB_IN = USB_DIR_IN | USB_TYPE_CLASS,
        HUB_OUT = USB_TYPE_CLASS,
        PORT_IN = HUB_IN | USB_RECIPIENT_OTHER,
        PORT_OUT = HUB_OUT | USB_RECIPIENT_OTHER,
    };
    struct usb_hub *hub = from_usb(d);
    unsigned number = setup->index & 0xff;
    struct usb_port *port = number >= 1 && number <= hub->count ? &hub->ports[number - 1] : NULL;

    switch (USB_REQUEST(setup->type, setup->request)) {
    case USB_REQUEST(HUB_IN, USB_REQ_GET_DESCRIPTOR):
        return get_descriptor(hub, setup, data);
    case USB_REQUEST(HUB_IN, GET_STATUS):
        return put_status(data, setup, 0);
    case USB_REQUEST(HUB_OUT, CLEAR_FEATURE):
        return setup->value <= C_HUB_OVER_CURRENT ? 0 : USB_STALL;
    case USB_REQUEST(PORT_IN, GET_STATUS):
        return port ? put_status(data, setup,
                                 regs_of(port)->status | (uint32_t)regs_of(port)->change << 16)
                    : USB_STALL;
    case USB_REQUEST(PORT_OUT, SET_FEATURE):
        return port ? set_port_feature(hub, port, setup->value) : USB_STALL;
    case USB_REQUEST(PORT_OUT, CLEAR_FEATURE):
        return port ? clear_port_feature(hub, port, setup->value) : USB_STALL;
    /* The one transaction translator has nothing in it. */
    case USB_REQUEST(PORT_OUT, CLEAR_TT_BUFFER):
    case USB_REQUEST(PORT_OUT, RESET_TT):
    case USB_REQUEST(PORT_OUT, STOP_TT):
        return 0;
    default:
        return USB_STALL;
    }
}

static int hub_transfer(struct usb_device *d, unsigned endpoint, uint8_t *data, uint32_t size)
{
    struct usb_hub *hub = from_usb(d);
    unsigned len = hub->count / 8 + 1;
    uint32_t bits = 0;

    (void)endpoint; /* there is one */
    for (unsigned n = 0; n < hub->count; n++)
        bits |= hub->regs[n].change ? BIT(n + 1) : 0;
    if (!bits)
        return USB_NAK;
    store_le(data, bits, MIN(len, size));
    return (int)len;
}

/* ---- life ------------------------------------------------------------------------------------ */

static void hub_reset(struct usb_device *d)
{
    struct usb_hub *hub = from_usb(d);

    for (unsigned n = 0; n < hub->count; n++) {
        hub->regs[n].status = connected(&hub->ports[n]);
        hub->regs[n].change = hub->ports[n].dev ? BIT(PORT_CONNECTION) : 0;
    }
}

static bool hub_realize(struct device *dev, struct vemu_error **errp)
{
    struct usb_hub *hub = container_of(dev, struct usb_hub, usb.dev);
    struct usb_device *d = &hub->usb;

    for (unsigned n = 0; n < hub->count; n++)
        hub->ports[n] = (struct usb_port){.bus = d->port ? d->port->bus : NULL,
                                          .ops = &port_ops,
                                          .hub = d,
                                          .speeds = HUB_SPEEDS,
                                          .number = (uint8_t)(n + 1)};
    d->ports = hub->ports;
    d->port_count = hub->count;
    hub_reset(d);
    return usb_device_realize(dev, errp);
}

static bool hub_post_load(struct device *dev, struct vemu_error **errp)
{
    struct usb_hub *hub = container_of(dev, struct usb_hub, usb.dev);

    (void)errp;
    /* Who was plugged in then may be gone, or somebody may have come. */
    for (unsigned n = 0; n < hub->count; n++) {
        struct hub_port *regs = &hub->regs[n];
        if (!hub->ports[n].dev == !(regs->status & BIT(PORT_CONNECTION)))
            continue;
        regs->status = connected(&hub->ports[n]);
        regs->change |= BIT(PORT_CONNECTION);
    }
    return true;
}

static const struct usb_endpoint endpoints[] = {
    {.address = STATUS_ENDPOINT, .type = USB_ENDPOINT_INTERRUPT, .max_packet = 2, .interval = 12},
};
static const struct usb_interface interfaces[] = {
    {.class_code = 9, .endpoints = endpoints, .endpoint_count = ARRAY_SIZE(endpoints)},
};
static const struct usb_descriptors descriptors = {
    .version = 0x0200,
    .class_code = 9,
    .protocol = 1, /* one transaction translator */
    .max_packet = 64,
    .vendor = 0x0409,
    .product = 0x55aa,
    .release = 0x0101,
    .manufacturer = "vemu",
    .name = "USB hub",
    .attributes = USB_CONFIG_SELF_POWERED | USB_CONFIG_REMOTE_WAKEUP,
    .interfaces = interfaces,
    .interface_count = ARRAY_SIZE(interfaces),
};

static const struct prop_desc hub_props[] = {
    USB_PROPS(struct usb_hub, usb),
    PROP(PROP_U32, struct usb_hub, count, "ports", "8", "number of ports", .min = 1,
         .max = USB_HUB_PORTS_MAX),
    {0},
};
static const struct state_field port_state[] = {
    STATE_INT(struct hub_port, status, .max = STATUS_ALL),
    STATE_INT(struct hub_port, change, .max = CHANGE_ALL),
    STATE_FIELDS_END,
};
static const struct state_field hub_state[] = {
    STATE_USB(struct usb_hub, usb),
    STATE_ARRAY_OF(struct usb_hub, regs, port_state),
    STATE_FIELDS_END,
};

const struct usb_device_class usb_hub_class = {
    .device = {.name = "usb-hub",
               .help = "USB 2.0 hub",
               .size = sizeof(struct usb_hub),
               .user_creatable = true,
               .bus = "usb",
               .props = hub_props,
               .state = hub_state,
               .state_version = 1,
               .realize = hub_realize,
               .unrealize = usb_device_unrealize,
               .reset = usb_device_reset,
               .post_load = hub_post_load},
    .speed = USB_SPEED_HIGH,
    .descriptors = &descriptors,
    .control = hub_control,
    .transfer = hub_transfer,
    .reset = hub_reset,
};
