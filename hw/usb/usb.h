/*
 * USB: a bus, its ports, the devices in them, and what every device shares: descriptors, standard
 * requests, addresses, halted endpoints. Universal Serial Bus Specification 2.0, chapter "USB
 * Device Framework".
 *
 * A device model's struct starts with struct usb_device, its class is a struct usb_device_class
 * (the device_class first), with .bus = "usb", USB_PROPS in its properties, STATE_USB in its state
 * table, and usb_device_realize, usb_device_unrealize and usb_device_reset, or functions of its own
 * that call them. A controller has a struct usb_bus, a hub more ports of it.
 *
 * Transfers go packet by packet, as on the wire. A device that has nothing to say or no room
 * answers USB_NAK and calls usb_ready() when that has changed: the controller then offers the
 * packet again. So nothing is under way in a device between two calls, and what waits, waits in the
 * guest's own rings. Machine lock held throughout.
 */
#ifndef HW_USB_USB_H
#define HW_USB_USB_H

#include <stdbool.h>
#include <stdint.h>
#include "core/device/device.h"
#include "core/state/state.h"

struct usb_device;
struct usb_port;

/* As xHCI's port registers have them. */
enum usb_speed { USB_SPEED_NONE, USB_SPEED_FULL, USB_SPEED_LOW, USB_SPEED_HIGH, USB_SPEED_SUPER };

/* Instead of a number of bytes. */
enum usb_answer {
    USB_NAK = -1,    /* not now */
    USB_STALL = -2,  /* this will not work */
    USB_BABBLE = -3, /* more came than was asked for */
};

/* ---- requests -------------------------------------------------------------------------------- */

struct usb_setup {
    uint8_t type, request;
    uint16_t value, index, length;
};
enum { USB_SETUP_SIZE = 8 };
struct usb_setup usb_setup_parse(const uint8_t bytes[USB_SETUP_SIZE]);

enum {
    USB_DIR_IN = 0x80, /* in the request type and in endpoint addresses */
    USB_TYPE_MASK = 0x60,
    USB_TYPE_STANDARD = 0x00,
    USB_TYPE_CLASS = 0x20,
    USB_RECIPIENT_MASK = 0x1f,
    USB_RECIPIENT_DEVICE = 0,
    USB_RECIPIENT_INTERFACE = 1,
    USB_RECIPIENT_ENDPOINT = 2,
    USB_RECIPIENT_OTHER = 3,
};
enum {
    USB_REQ_GET_STATUS = 0,
    USB_REQ_CLEAR_FEATURE = 1,
    USB_REQ_SET_FEATURE = 3,
    USB_REQ_SET_ADDRESS = 5,
    USB_REQ_GET_DESCRIPTOR = 6,
    USB_REQ_GET_CONFIGURATION = 8,
    USB_REQ_SET_CONFIGURATION = 9,
    USB_REQ_GET_INTERFACE = 10,
    USB_REQ_SET_INTERFACE = 11,
};
/* type << 8 | request, for switches */
#define USB_REQUEST(type_, request_) ((type_) << 8 | (request_))

/* ---- descriptors, as tables ------------------------------------------------------------------ */

enum {
    USB_DESC_DEVICE = 1,
    USB_DESC_CONFIGURATION = 2,
    USB_DESC_STRING = 3,
    USB_DESC_INTERFACE = 4,
    USB_DESC_ENDPOINT = 5,
};
enum { USB_ENDPOINT_CONTROL, USB_ENDPOINT_ISOCHRONOUS, USB_ENDPOINT_BULK, USB_ENDPOINT_INTERRUPT };
enum {
    USB_CONFIG_RESERVED = 1 << 7, /* always set */
    USB_CONFIG_SELF_POWERED = 1 << 6,
    USB_CONFIG_REMOTE_WAKEUP = 1 << 5,
};
enum { USB_CONFIGURATION = 1 /* the value of the only one */ };

struct usb_endpoint {
    uint8_t address; /* number, with USB_DIR_IN */
    uint8_t type;
    uint16_t max_packet;
    uint8_t interval;
};
struct usb_interface {
    uint8_t class_code, subclass, protocol;
    const uint8_t *extra; /* class descriptors between interface and endpoints */
    uint8_t extra_size;
    const struct usb_endpoint *endpoints;
    uint8_t endpoint_count;
};
struct usb_descriptors {
    uint16_t version; /* of USB, 0x0200 */
    uint8_t class_code, subclass, protocol, max_packet;
    uint16_t vendor, product, release;
    const char *manufacturer, *name;
    uint8_t attributes; /* USB_CONFIG_* */
    uint8_t max_power;  /* units of 2 mA */
    const struct usb_interface *interfaces;
    uint8_t interface_count;
};

/* ---- bus and ports --------------------------------------------------------------------------- */

enum {
    USB_ROOT_PORTS_MAX = 15,
    USB_TIERS = 5, /* of hubs: what a route string has room for */
    USB_HUB_PORTS_MAX = 15,
};

struct usb_port_ops {
    /* Something was plugged in, or pulled out: port->dev says which. */
    void (*changed)(struct usb_port *port);
    /* The device, suspended, wants to be woken up. */
    void (*resume)(struct usb_port *port);
    /* Does the port sleep? */
    bool (*suspended)(const struct usb_port *port);
};

struct usb_port {
    struct usb_bus *bus;
    const struct usb_port_ops *ops;
    struct usb_device *hub; /* NULL: one of the controller's */
    struct usb_device *dev; /* NULL: empty */
    uint8_t number;         /* from 1 */
    uint8_t speeds;         /* of devices that fit: a bit for each enum usb_speed */
};

struct usb_bus {
    struct device *controller;
    /* The device's endpoint, by address, may have something for its next packet. */
    void (*ready)(struct usb_bus *bus, struct usb_device *dev, unsigned endpoint);
    /* It was pulled out. */
    void (*forget)(struct usb_bus *bus, struct usb_device *dev);
    unsigned port_count;
    struct usb_port ports[USB_ROOT_PORTS_MAX];
};

void usb_bus_init(struct usb_bus *bus, struct device *controller, unsigned ports,
                  const struct usb_port_ops *ops);
/* The controller goes: what is plugged in goes with it, as if by usb_unplug. */
void usb_bus_exit(struct usb_bus *bus);
/* The device at the end of a route string, four bits a hub; NULL: none is there. */
struct usb_device *usb_bus_find(struct usb_bus *bus, unsigned root_port, uint32_t route);

/* ---- devices --------------------------------------------------------------------------------- */

struct usb_device {
    struct device dev;
    char *bus_name, *port_path, *serial; /* properties */
    struct usb_port *port;               /* NULL: pulled out */
    /* of a hub */
    struct usb_port *ports;
    unsigned port_count;

    uint8_t address, configuration;
    bool remote_wakeup;
    uint32_t halted; /* endpoints: a bit for each number, those that go in from bit 16 on */
};

struct usb_device_class {
    struct device_class device;
    enum usb_speed speed;
    const struct usb_descriptors *descriptors;
    /* A request that is not answered by the tables. data has setup->length bytes: what came, or
     * room. Returns how many there are to go in, 0 for out, or an enum usb_answer. */
    int (*control)(struct usb_device *d, const struct usb_setup *setup, uint8_t *data);
    /* A packet; in: returns its length, which may be more than `size`, of which then nothing is
     * lost but the packet. out: 0. Or an enum usb_answer. */
    int (*transfer)(struct usb_device *d, unsigned endpoint, uint8_t *data, uint32_t size);
    /* The port was reset; also as the machine's reset. NULL: there is nothing to do. */
    void (*reset)(struct usb_device *d);
};

#define USB_PROPS(type_, member_)                                                                  \
    PROP(PROP_STRING, type_, member_.bus_name, "bus", NULL,                                        \
         "bus it is plugged into: ID.0 of a controller with id=ID, or usb-bus.0"),                 \
        PROP(PROP_STRING, type_, member_.port_path, "port", NULL,                                  \
             "port, as 2, or 2.1 behind a hub; none: the first that is free"),                     \
        PROP(PROP_STRING, type_, member_.serial, "serial", NULL, "serial number")
extern const struct state_field usb_device_state[];
#define STATE_USB(type_, member_)                                                                  \
    {                                                                                              \
        .name = #member_, .kind = STATE_STRUCT, .offset = offsetof(type_, member_), .count = 1,    \
        .elem_size = sizeof(struct usb_device), .fields = usb_device_state                         \
    }

const struct usb_device_class *usb_class(const struct usb_device *d);
/* By address; NULL: there is none. */
const struct usb_endpoint *usb_find_endpoint(const struct usb_device *d, unsigned address);
static inline uint32_t usb_halted_bit(unsigned endpoint)
{
    return UINT32_C(1) << ((endpoint & 15) + (endpoint & USB_DIR_IN ? 16 : 0));
}

/* Is plugged in: usb_plug() has found the port. */
bool usb_device_realize(struct device *dev, struct vemu_error **errp);
void usb_device_unrealize(struct device *dev);
void usb_device_reset(struct device *dev);

/* For controllers. A control transfer as a whole, or one packet to or from an endpoint that is not
 * 0: bytes moved, or an enum usb_answer. */
int usb_control(struct usb_device *d, const struct usb_setup *setup, uint8_t *data);
int usb_transfer(struct usb_device *d, unsigned endpoint, uint8_t *data, uint32_t size);
/* For controllers and hubs: the port is reset. */
void usb_port_reset(struct usb_port *port);

/* For devices: a packet that was answered with USB_NAK may be offered again. Wakes the port up when
 * it sleeps and the guest wants that. */
void usb_ready(struct usb_device *d, unsigned endpoint);

/* For boards. */
bool usb_is_device(const struct device *dev);
/* Finds the port by properties, before device_realize. */
bool usb_plug(struct vemu_machine *m, struct device *dev, struct vemu_error **errp);
/* Pulls a device out, a hub with all behind it. They are freed later: device_unplug(). */
void usb_unplug(struct usb_device *d);
/* The bus of the machine's n-th controller; NULL: there are less. */
struct usb_bus *usb_find_bus(struct vemu_machine *m, unsigned n);

#endif
