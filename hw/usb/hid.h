/* usb-kbd, usb-mouse, usb-tablet: keyboard and pointers behind the input router. */
#ifndef HW_USB_HID_H
#define HW_USB_HID_H

#include "hw/usb/usb.h"

extern const struct usb_device_class usb_kbd_class;
extern const struct usb_device_class usb_mouse_class;
extern const struct usb_device_class usb_tablet_class;

#endif
