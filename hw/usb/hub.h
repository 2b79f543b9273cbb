/* usb-hub: a USB 2.0 hub with 8 ports. */
#ifndef HW_USB_HUB_H
#define HW_USB_HUB_H

#include "hw/usb/usb.h"

extern const struct usb_device_class usb_hub_class;

#endif
