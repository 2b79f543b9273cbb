/* The bus, ports, and what all devices share: see usb.h. Standard requests are usb_request.c. */
#include "hw/usb/usb.h"

#include <string.h>
#include "core/device/machine.h"
#include "core/util/endian.h"
#include "core/util/range.h"

static struct usb_device *from_dev(struct device *dev)
{
    return container_of(dev, struct usb_device, dev);
}

const struct usb_device_class *usb_class(const struct usb_device *d)
{
    return container_of(d->dev.cls, const struct usb_device_class, device);
}

bool usb_is_device(const struct device *dev)
{
    return dev->cls->bus && strcmp(dev->cls->bus, "usb") == 0;
}

/* ---- bus and ports --------------------------------------------------------------------------- */

void usb_bus_init(struct usb_bus *bus, struct device *controller, unsigned ports,
                  const struct usb_port_ops *ops)
{
    bus->controller = controller;
    bus->port_count = ports;
    for (unsigned n = 0; n < ports; n++)
        bus->ports[n] = (struct usb_port){.bus = bus, .ops = ops, .number = (uint8_t)(n + 1)};
}

void usb_bus_exit(struct usb_bus *bus)
{
    for (unsigned n = 0; n < bus->port_count; n++) {
        if (bus->ports[n].dev)
            usb_unplug(bus->ports[n].dev);
    }
    bus->port_count = 0;
}

struct usb_device *usb_bus_find(struct usb_bus *bus, unsigned root_port, uint32_t route)
{
    struct usb_device *d;

    if (root_port < 1 || root_port > bus->port_count)
        return NULL;
    d = bus->ports[root_port - 1].dev;
    for (; d && route; route >>= 4) {
        unsigned port = route & 15;
        d = port && port <= d->port_count ? d->ports[port - 1].dev : NULL;
    }
    return d;
}

static void bus_reset(struct usb_device *d)
{
    d->address = d->configuration = 0;
    d->remote_wakeup = false;
    d->halted = 0;
    if (usb_class(d)->reset)
        usb_class(d)->reset(d);
}

void usb_port_reset(struct usb_port *port)
{
    if (port->dev)
        bus_reset(port->dev);
}

/* ---- packets --------------------------------------------------------------------------------- */

const struct usb_endpoint *usb_find_endpoint(const struct usb_device *d, unsigned address)
{
    const struct usb_descriptors *desc = usb_class(d)->descriptors;

    for (unsigned i = 0; i < desc->interface_count; i++) {
        const struct usb_interface *itf = &desc->interfaces[i];
        for (unsigned e = 0; e < itf->endpoint_count; e++) {
            if (itf->endpoints[e].address == address)
                return &itf->endpoints[e];
        }
    }
    return NULL;
}

int usb_transfer(struct usb_device *d, unsigned endpoint, uint8_t *data, uint32_t size)
{
    const struct usb_endpoint *e = usb_find_endpoint(d, endpoint);
    int n;

    if (!e || !d->configuration || (d->halted & usb_halted_bit(endpoint)))
        return USB_STALL;
    if (size > e->max_packet) {
        if (!(endpoint & USB_DIR_IN))
            return USB_STALL;
        size = e->max_packet;
    }
    n = usb_class(d)->transfer(d, endpoint, data, size);
    if (n == USB_STALL)
        d->halted |= usb_halted_bit(endpoint);
    return n > (int)size ? USB_BABBLE : n;
}

void usb_ready(struct usb_device *d, unsigned endpoint)
{
    if (!d->port)
        return;
    /* A port above that sleeps has the one below it sleep, too. */
    for (struct usb_device *above = d; above && above->port; above = above->port->hub) {
        if (above->port->ops->suspended(above->port) && above->remote_wakeup)
            above->port->ops->resume(above->port);
    }
    d->port->bus->ready(d->port->bus, d, endpoint);
}

/* ---- life ------------------------------------------------------------------------------------ */

bool usb_device_realize(struct device *dev, struct vemu_error **errp)
{
    struct usb_device *d = from_dev(dev);

    if (!d->port)
        return error_set(errp, VEMU_ERROR_NOT_FOUND,
                         "device %s: this machine has no USB controller to plug it into",
                         dev->cls->name);
    d->port->dev = d;
    d->port->ops->changed(d->port);
    return true;
}

static void pull_out(struct usb_device *d)
{
    struct usb_port *port = d->port;

    if (!port)
        return;
    port->bus->forget(port->bus, d);
    port->dev = NULL;
    d->port = NULL;
    port->ops->changed(port);
}

void usb_unplug(struct usb_device *d)
{
    for (unsigned n = 0; n < d->port_count; n++) {
        if (d->ports[n].dev)
            usb_unplug(d->ports[n].dev);
    }
    pull_out(d);
    if (!d->dev.unplugged)
        device_unplug(&d->dev);
}

void usb_device_unrealize(struct device *dev)
{
    struct usb_device *d = from_dev(dev);

    for (unsigned n = 0; n < d->port_count; n++) {
        if (d->ports[n].dev)
            usb_unplug(d->ports[n].dev);
    }
    pull_out(d);
}

void usb_device_reset(struct device *dev)
{
    bus_reset(from_dev(dev));
}

const struct state_field usb_device_state[] = {
    STATE_INT(struct usb_device, address, .max = 127),
    STATE_INT(struct usb_device, configuration, .max = USB_CONFIGURATION),
    STATE_FLAG(struct usb_device, remote_wakeup),
    STATE_INT(struct usb_device, halted),
    STATE_FIELDS_END,
};
