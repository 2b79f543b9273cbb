/*
 * Devices that come and go while the machine runs. With `control` held.
 */
#ifndef LIBVEMU_HOTPLUG_H
#define LIBVEMU_HOTPLUG_H

#include <stdbool.h>

struct device;
struct lib_machine;
struct vemu_error;

/* The text is a JSON object as -device takes it. What is refused leaves nothing. */
bool hotplug_add(struct lib_machine *lm, const char *text, struct vemu_error **errp);
/* Asks the guest to let the device go; it is gone later, with an event. Machine lock held. */
bool hotplug_remove(struct lib_machine *lm, struct device *dev, struct vemu_error **errp);

#endif
