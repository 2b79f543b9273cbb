/*
 * A driver for the xHCI host controller by hand, for device tests: rings and contexts in guest
 * memory at fixed places that a test may also spoil.
 */
#ifndef TESTS_DEVICE_XHCI_DRIVER_H
#define TESTS_DEVICE_XHCI_DRIVER_H

#include "hw/usb/xhci_internal.h"
#include "tests/device/virtio_driver.h"

#define XT_BAR UINT64_C(0xe0000000)
enum {
    XT_DCBAA = 0x10000,
    XT_COMMANDS = 0x11000,
    XT_ERST = 0x12000,
    XT_EVENTS = 0x13000,
    XT_INPUT = 0x14000,
    XT_DATA = 0x100000,
    XT_RING = 64, /* TRBs; the last one of what the driver fills is a link */
    XT_SLOTS = 8,
};
#define XT_CONTEXT(slot_) (0x20000u + 0x1000u * (slot_))
#define XT_TRANSFERS(slot_, dci_) (0x40000u + 0x400u * ((slot_)*32u + (dci_)))
enum {
    XT_USBCMD = 0x40,
    XT_USBSTS = 0x44,
    XT_CRCR = 0x58,
    XT_DCBAAP = 0x70,
    XT_CONFIG = 0x78,
    XT_PORTS = 0x440,
    XT_MFINDEX = 0x1000,
    XT_IMAN = 0x1020,
    XT_IMOD = 0x1024,
    XT_ERSTSZ = 0x1028,
    XT_ERSTBA = 0x1030,
    XT_ERDP = 0x1038,
    XT_DOORBELLS = 0x2000,
};
#define XT_PORTSC(n_) (XT_PORTS + 16 * ((n_)-1))

struct xt_ring {
    unsigned at;
    bool cycle;
};

struct xt {
    struct vt t;
    struct xt_ring commands, transfers[XT_SLOTS + 1][32];
    unsigned event; /* where the next one comes */
    bool event_cycle;
    /* the last event */
    uint64_t parameter;
    uint32_t status, control;
};

static inline unsigned xt_code(const struct xt *x)
{
    return x->status >> 24;
}
static inline unsigned xt_type(const struct xt *x)
{
    return x->control >> 10 & 63;
}

uint32_t xt_read(struct xt *x, uint32_t reg);
void xt_write(struct xt *x, uint32_t reg, uint32_t value);
void xt_write64(struct xt *x, uint32_t reg, uint64_t value);
/* The controller with these properties; it is stopped. */
void xt_plug(struct xt *x, const char *props);
void xt_free(struct xt *x);
/* A USB device, cold if the controller was not started. */
struct usb_device *xt_usb(struct xt *x, const struct usb_device_class *cls, const char *port);
/* One event ring, a command ring; runs. */
void xt_start(struct xt *x);

void xt_trb(struct xt *x, uint64_t at, uint64_t parameter, uint32_t status, uint32_t control);
/* Puts a TRB into a ring, with the ring's cycle bit. Returns its address. */
uint64_t xt_put(struct xt *x, unsigned slot, unsigned dci, uint64_t parameter, uint32_t status,
                uint32_t control);
void xt_ring(struct xt *x, unsigned slot, unsigned target);
/* Takes an event. False: there is none. */
bool xt_event(struct xt *x);
/* All that there are, but for those of ports it is not expected that there are some. */
void xt_no_event(struct xt *x);
/* A command and its completion: the code; -1: no event. */
int xt_command(struct xt *x, uint64_t parameter, uint32_t status, uint32_t control);
static inline uint32_t xt_slot_command(unsigned type, unsigned slot, unsigned dci)
{
    return type << 10 | slot << 24 | dci << 16;
}

/* The input context: cleared, then one word after the other. */
void xt_input(struct xt *x, uint32_t drop, uint32_t add);
void xt_input_slot(struct xt *x, unsigned root_port, uint32_t route, unsigned entries);
void xt_input_endpoint(struct xt *x, unsigned slot, unsigned dci, unsigned type,
                       unsigned max_packet);
/* Resets the port of the controller, enables a slot, addresses the device. */
unsigned xt_address(struct xt *x, unsigned root_port, uint32_t route);
/* A control transfer: the code of its last event. */
int xt_control(struct xt *x, unsigned slot, uint8_t type, uint8_t request, uint16_t value,
               uint16_t index, uint16_t length);
/* SET_CONFIGURATION, and endpoint 1 IN of that size. */
void xt_configure(struct xt *x, unsigned slot, unsigned max_packet);

#endif
