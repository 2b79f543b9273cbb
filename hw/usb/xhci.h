/*
 * qemu-xhci, nec-usb-xhci: a USB host controller for USB 2 and USB 3 devices. eXtensible Host
 * Controller Interface for Universal Serial Bus, revision 1.1. Both have the identity that guests
 * know as QEMU's; streams and isochronous transfers are not offered.
 */
#ifndef HW_USB_XHCI_H
#define HW_USB_XHCI_H

#include "core/device/device.h"

struct usb_bus;

extern const struct device_class qemu_xhci_class;
extern const struct device_class nec_usb_xhci_class;

/* The bus of a controller that is realized; NULL: dev is something else. */
struct usb_bus *xhci_bus(struct device *dev);

#endif
