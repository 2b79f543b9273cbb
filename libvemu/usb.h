/*
 * The short spellings of USB: -usb, -machine usb=on, -usbdevice. They come to a controller, unless
 * -device names one, and to devices on it. With `control` or before the machine runs.
 */
#ifndef LIBVEMU_USB_H
#define LIBVEMU_USB_H

#include <stdbool.h>

struct lib_machine;
struct opts;
struct vemu_error;

/* For the table in keys.c. */
bool usb_check_device(const char *origin, const char *text, struct opts *props,
                      struct vemu_error **errp);
/* Before devices that may be plugged into it. */
bool usb_build_controller(struct lib_machine *lm, struct vemu_error **errp);
bool usb_build_devices(struct lib_machine *lm, struct vemu_error **errp);

#endif
