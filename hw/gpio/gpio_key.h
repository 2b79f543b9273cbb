/*
 * A push-button on a GPIO line, for the power key: pressed, the line is high for 100 ms of the
 * guest's time. Device class "gpio-key", made by boards. Machine lock held.
 */
#ifndef HW_GPIO_GPIO_KEY_H
#define HW_GPIO_GPIO_KEY_H

#include "core/device/device.h"

enum { GPIO_KEY_PRESS_MS = 100 };

extern const struct device_class gpio_key_class;

struct device *gpio_key_create(struct vemu_machine *m, struct irq line, struct vemu_error **errp);
void gpio_key_press(struct device *dev);

#endif
