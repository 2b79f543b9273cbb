/*
 * Where a device of the command line goes. Buses have names: ID.0 of a controller with id=ID, and
 * usb-bus.0, usb-bus.1 ... of those without. A port is a number, or the way to it through hubs.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "core/device/machine.h"
#include "core/util/range.h"
#include "hw/usb/usb.h"
#include "hw/usb/xhci.h"

struct usb_bus *usb_find_bus(struct vemu_machine *m, unsigned n)
{
    list_for_each(dev, &m->devices, struct device, node)
    {
        struct usb_bus *bus = xhci_bus(dev);
        if (bus && n-- == 0)
            return bus;
    }
    return NULL;
}

static struct usb_bus *find_named(struct vemu_machine *m, const char *name)
{
    unsigned nameless = 0;
    struct usb_bus *bus;
    char own[80];

    for (unsigned n = 0; (bus = usb_find_bus(m, n)); n++) {
        if (bus->controller->id)
            snprintf(own, sizeof own, "%.64s.0", bus->controller->id);
        else
            snprintf(own, sizeof own, "usb-bus.%u", nameless++);
        if (strcmp(own, name) == 0)
            return bus;
    }
    return NULL;
}

static struct usb_port *port_of(struct usb_bus *bus, struct usb_device *hub, unsigned number)
{
    unsigned count = hub ? hub->port_count : bus->port_count;

    if (number < 1 || number > count)
        return NULL;
    return hub ? &hub->ports[number - 1] : &bus->ports[number - 1];
}

/* "2.1": port 1 of the hub in port 2. NULL: there is no such port. */
static struct usb_port *walk(struct usb_bus *bus, const char *path)
{
    struct usb_device *hub = NULL;

    for (unsigned tier = 0; tier <= USB_TIERS; tier++) {
        char *end;
        unsigned long n = strtoul(path, &end, 10);
        struct usb_port *port =
            end == path || n > USB_HUB_PORTS_MAX ? NULL : port_of(bus, hub, (unsigned)n);
        if (!port || !*end)
            return port;
        if (*end != '.' || !port->dev)
            return NULL;
        hub = port->dev;
        path = end + 1;
    }
    return NULL;
}

static bool fits(const struct usb_port *port, const struct usb_device *d)
{
    return port->speeds >> usb_class(d)->speed & 1;
}

/* The first that is free; the controller's own come before those of hubs. */
static struct usb_port *find_free(struct usb_bus *bus, struct usb_device *hub, unsigned tier,
                                  const struct usb_device *d)
{
    struct usb_port *port;

    for (unsigned n = 1; (port = port_of(bus, hub, n)); n++) {
        if (!port->dev && fits(port, d))
            return port;
    }
    for (unsigned n = 1; tier < USB_TIERS && (port = port_of(bus, hub, n)); n++) {
        struct usb_port *below =
            port->dev && port->dev->port_count ? find_free(bus, port->dev, tier + 1, d) : NULL;
        if (below)
            return below;
    }
    return NULL;
}

static struct usb_port *find_port(struct vemu_machine *m, struct usb_bus *bus,
                                  const struct usb_device *d)
{
    const char *path = d->port_path;
    struct usb_port *port = NULL;

    if (bus)
        return path ? walk(bus, path) : find_free(bus, NULL, 0, d);
    for (unsigned n = 0; !port && (bus = usb_find_bus(m, n)); n++)
        port = path ? walk(bus, path) : find_free(bus, NULL, 0, d);
    return port;
}

bool usb_plug(struct vemu_machine *m, struct device *dev, struct vemu_error **errp)
{
    struct usb_device *d = (struct usb_device *)dev;
    struct usb_bus *bus = d->bus_name ? find_named(m, d->bus_name) : NULL;
    struct usb_port *port;

    if (d->bus_name && !bus)
        return error_set(errp, VEMU_ERROR_NOT_FOUND,
                         "device %s: bus=%.80s: there is no such USB bus; ID.0 is the one of "
                         "-device qemu-xhci,id=ID",
                         dev->cls->name, d->bus_name);
    if (!usb_find_bus(m, 0))
        return error_set(errp, VEMU_ERROR_NOT_FOUND,
                         "device %s: there is no USB controller; add one with -usb or -device "
                         "qemu-xhci",
                         dev->cls->name);
    port = find_port(m, bus, d);
    if (!port && d->port_path)
        return error_set(
            errp, VEMU_ERROR_NOT_FOUND,
            "device %s: port=%.80s: there is no such USB port; 1 is the first, and 1.2 "
            "the second one of a hub in it",
            dev->cls->name, d->port_path);
    if (!port)
        return error_set(errp, VEMU_ERROR_STATE,
                         "device %s: every USB port is taken; -device usb-hub before the last one "
                         "adds some",
                         dev->cls->name);
    if (port->dev)
        return error_set(errp, VEMU_ERROR_STATE, "device %s: port=%.80s is taken by another %s",
                         dev->cls->name, d->port_path, port->dev->dev.cls->name);
    if (!fits(port, d))
        return error_set(errp, VEMU_ERROR_INVALID,
                         "device %s: port=%.80s is not for devices of this speed", dev->cls->name,
                         d->port_path);
    d->port = port;
    return true;
}
