/*
 * Port registers, and what happens in ports. xHCI 1.1, sections "Root Hub Port" (PORTSC, PORTPMSC,
 * PORTLI, PORTHLPMC) and "Port State Machines". Resets and changes of the link's state are over as
 * soon as they are asked for.
 */
#include "core/device/machine.h"
#include "core/util/range.h"
#include "hw/usb/xhci_internal.h"

enum { REG_PORTSC = 0x0, REG_PORTPMSC = 0x4 };
enum {
    PORTSC_CCS = 1 << 0,
    PORTSC_PED = 1 << 1,
    PORTSC_PR = 1 << 4,
    PORTSC_PLS_SHIFT = 5,
    PORTSC_PLS = 15 << PORTSC_PLS_SHIFT,
    PORTSC_PP = 1 << 9,
    PORTSC_SPEED_SHIFT = 10,
    PORTSC_SPEED = 15 << PORTSC_SPEED_SHIFT,
    PORTSC_INDICATOR = 3 << 14,
    PORTSC_LWS = 1 << 16,
    PORTSC_CSC = 1 << 17,
    PORTSC_PEC = 1 << 18,
    PORTSC_WRC = 1 << 19,
    PORTSC_OCC = 1 << 20,
    PORTSC_PRC = 1 << 21,
    PORTSC_PLC = 1 << 22,
    PORTSC_CEC = 1 << 23,
    PORTSC_CHANGES =
        PORTSC_CSC | PORTSC_PEC | PORTSC_WRC | PORTSC_OCC | PORTSC_PRC | PORTSC_PLC | PORTSC_CEC,
    PORTSC_WAKE = 7 << 25,
    PORTSC_WRITABLE = PORTSC_INDICATOR | PORTSC_WAKE,
};
#define PORTSC_WPR (UINT32_C(1) << 31)
enum link_state {
    LINK_U0 = 0,
    LINK_U2 = 2,
    LINK_U3 = 3,
    LINK_DISABLED = 4,
    LINK_RX_DETECT = 5,
    LINK_POLLING = 7,
    LINK_RESUME = 15,
};

static enum link_state link_state(const struct xhci_port *p)
{
    return (enum link_state)((p->portsc & PORTSC_PLS) >> PORTSC_PLS_SHIFT);
}

static void set_link(struct xhci_port *p, enum link_state state)
{
    p->portsc = (p->portsc & ~(uint32_t)PORTSC_PLS) | (uint32_t)state << PORTSC_PLS_SHIFT;
}

static struct xhci *xhci_of(const struct usb_port *port)
{
    return container_of(port->bus, struct xhci, bus);
}

/* ---- events ---------------------------------------------------------------------------------- */

static void tell(struct xhci *s, struct xhci_port *p)
{
    uint64_t number = (uint64_t)(p - s->ports) + 1;

    p->event_owed = true;
    if (!xhci_running(s) || !xhci_event_room(s, 0, 1))
        return;
    p->event_owed = false;
    xhci_event(s, 0, number << 24, (uint32_t)CC_SUCCESS << 24,
               TRB_PORT_STATUS_CHANGE << TRB_TYPE_SHIFT, true);
}

void xhci_ports_tell(struct xhci *s)
{
    for (unsigned n = 0; n < s->port_count; n++) {
        if (s->ports[n].event_owed)
            tell(s, &s->ports[n]);
    }
}

/* The driver is told of the first change; it sees the others when it looks. */
static void change(struct xhci *s, struct xhci_port *p, uint32_t bits)
{
    bool first = !(p->portsc & PORTSC_CHANGES);

    p->portsc |= bits;
    s->usbsts |= USBSTS_PCD;
    if (first)
        tell(s, p);
}

/* ---- devices --------------------------------------------------------------------------------- */

/* The one that this side of the connector sees. */
static struct usb_device *device_in(const struct xhci_port *p)
{
    struct usb_device *d = p->usb->dev;

    return d && (usb_class(d)->speed == USB_SPEED_SUPER) == p->usb3 ? d : NULL;
}

struct usb_device *xhci_find_device(struct xhci *s, const struct xhci_slot *slot)
{
    unsigned port = xhci_slot_root_port(slot);

    if (port < 1 || port > s->port_count || !device_in(&s->ports[port - 1]))
        return NULL;
    return usb_bus_find(&s->bus, s->ports[port - 1].usb->number, slot->words[0] & 0xfffff);
}

/* As it is after something was plugged in or pulled out. A USB 3 device trains its link and is
 * enabled by that; one of USB 2 waits for a reset. */
static void connect(struct xhci_port *p)
{
    const struct usb_device *d = device_in(p);

    p->portsc &= PORTSC_WRITABLE | PORTSC_CHANGES;
    p->portsc |= PORTSC_PP;
    if (!d) {
        set_link(p, LINK_RX_DETECT);
        return;
    }
    p->portsc |= PORTSC_CCS | (uint32_t)usb_class(d)->speed << PORTSC_SPEED_SHIFT;
    if (p->usb3)
        p->portsc |= PORTSC_PED;
    set_link(p, p->usb3 ? LINK_U0 : LINK_POLLING);
}

static void port_changed(struct usb_port *port)
{
    struct xhci *s = xhci_of(port);

    for (unsigned n = 0; n < s->port_count; n++) {
        struct xhci_port *p = &s->ports[n];
        if (p->usb != port || !device_in(p) == !(p->portsc & PORTSC_CCS))
            continue;
        connect(p);
        change(s, p, PORTSC_CSC);
    }
}

static void port_resume(struct usb_port *port)
{
    struct xhci *s = xhci_of(port);

    for (unsigned n = 0; n < s->port_count; n++) {
        struct xhci_port *p = &s->ports[n];
        if (p->usb != port || link_state(p) != LINK_U3)
            continue;
        /* The driver ends what a USB 2 device has begun. */
        set_link(p, p->usb3 ? LINK_U0 : LINK_RESUME);
        change(s, p, PORTSC_PLC);
    }
}

static bool port_suspended(const struct usb_port *port)
{
    const struct xhci *s = xhci_of(port);

    for (unsigned n = 0; n < s->port_count; n++) {
        if (s->ports[n].usb == port && link_state(&s->ports[n]) == LINK_U3)
            return true;
    }
    return false;
}

const struct usb_port_ops xhci_port_ops = {
    .changed = port_changed, .resume = port_resume, .suspended = port_suspended};

/* ---- registers ------------------------------------------------------------------------------- */

static void reset_port(struct xhci *s, struct xhci_port *p, bool warm)
{
    if (device_in(p)) {
        usb_port_reset(p->usb);
        p->portsc |= PORTSC_PED;
        set_link(p, LINK_U0);
    }
    change(s, p, PORTSC_PRC | (warm ? (uint32_t)PORTSC_WRC : 0));
}

static void write_link(struct xhci *s, struct xhci_port *p, enum link_state wanted)
{
    enum link_state is = link_state(p);

    switch (wanted) {
    case LINK_U0:
        if (is != LINK_U3 && is != LINK_RESUME && is != LINK_U2)
            return;
        set_link(p, LINK_U0);
        change(s, p, PORTSC_PLC);
        break;
    case LINK_U3:
        if ((p->portsc & PORTSC_PED) && is != LINK_RESUME)
            set_link(p, LINK_U3);
        break;
    case LINK_RESUME:
        if (!p->usb3 && is == LINK_U3)
            set_link(p, LINK_RESUME);
        break;
    case LINK_DISABLED:
        if (!p->usb3)
            return;
        p->portsc &= ~(uint32_t)(PORTSC_PED | PORTSC_CCS | PORTSC_SPEED);
        set_link(p, LINK_DISABLED);
        break;
    case LINK_RX_DETECT:
        if (!p->usb3 || is != LINK_DISABLED)
            return;
        connect(p);
        if (device_in(p))
            change(s, p, PORTSC_CSC);
        break;
    default:
        guest_error(&s->pci, "xhci: port %u: link state %u cannot be asked for",
                    (unsigned)(p - s->ports) + 1, wanted);
    }
}

static void write_portsc(struct xhci *s, struct xhci_port *p, uint32_t value)
{
    p->portsc &= ~(value & PORTSC_CHANGES);
    p->portsc = (p->portsc & ~(uint32_t)PORTSC_WRITABLE) | (value & PORTSC_WRITABLE);
    if (value & PORTSC_PR) {
        reset_port(s, p, false);
    } else if (p->usb3 && (value & PORTSC_WPR)) {
        reset_port(s, p, true);
    } else if ((value & PORTSC_PED) && (p->portsc & PORTSC_PED)) {
        p->portsc &= ~(uint32_t)PORTSC_PED;
        set_link(p, p->usb3 ? LINK_DISABLED : LINK_POLLING);
    } else if (value & PORTSC_LWS) {
        write_link(s, p, (enum link_state)((value & PORTSC_PLS) >> PORTSC_PLS_SHIFT));
    }
}

uint32_t xhci_port_read(struct xhci *s, unsigned port, unsigned reg)
{
    const struct xhci_port *p = &s->ports[port];

    switch (reg) {
    case REG_PORTSC:
        return p->portsc;
    case REG_PORTPMSC:
        return p->portpmsc;
    default:
        return 0; /* link errors are not counted, LPM is not offered */
    }
}

void xhci_port_write(struct xhci *s, unsigned port, unsigned reg, uint32_t value)
{
    struct xhci_port *p = &s->ports[port];

    switch (reg) {
    case REG_PORTSC:
        write_portsc(s, p, value);
        break;
    case REG_PORTPMSC: /* timeouts of U1 and U2; what USB 2 ports have goes with LPM */
        p->portpmsc = p->usb3 ? value & 0x1ffff : 0;
        break;
    default:
        break;
    }
}

/* ---- life ------------------------------------------------------------------------------------ */

void xhci_ports_reset(struct xhci *s)
{
    for (unsigned n = 0; n < s->port_count; n++) {
        struct xhci_port *p = &s->ports[n];
        p->portsc = p->portpmsc = 0;
        p->event_owed = false;
        connect(p);
        if (device_in(p)) {
            usb_port_reset(p->usb);
            p->portsc |= PORTSC_CSC;
        }
    }
}

void xhci_ports_post_load(struct xhci *s)
{
    for (unsigned n = 0; n < s->port_count; n++) {
        struct xhci_port *p = &s->ports[n];
        if (!device_in(p) == !(p->portsc & PORTSC_CCS) || link_state(p) == LINK_DISABLED)
            continue;
        connect(p);
        p->portsc |= PORTSC_CSC;
        p->event_owed = true;
    }
}
