/*
 * PrimeCell UART, PL011. Device class "pl011", made by boards. Everything here with the machine
 * lock held.
 */
#ifndef HW_CHAR_PL011_H
#define HW_CHAR_PL011_H

#include <stdint.h>
#include "core/device/device.h"

struct chardev;

enum { PL011_SIZE = 0x1000, PL011_CLOCK_HZ = 24000000 };

struct pl011_config {
    uint64_t base;
    struct irq irq;      /* level: UARTINTR, the combined interrupt */
    struct chardev *chr; /* NULL: nothing connected; output vanishes */
};

extern const struct device_class pl011_class;

struct device *pl011_create(struct vemu_machine *m, const struct pl011_config *cfg,
                            struct vemu_error **errp);

#endif
