/*
 * PrimeCell GPIO, PL061: eight lines that can interrupt. Device class "pl061", made by boards.
 * Everything here with the machine lock held.
 */
#ifndef HW_GPIO_PL061_H
#define HW_GPIO_PL061_H

#include <stdint.h>
#include "core/device/device.h"

enum { PL061_SIZE = 0x1000, PL061_LINES = 8 };

struct pl061_config {
    uint64_t base;
    struct irq irq;                  /* level: GPIOINTR */
    struct irq outputs[PL061_LINES]; /* what the lines drive while they are outputs */
};

extern const struct device_class pl061_class;

struct device *pl061_create(struct vemu_machine *m, const struct pl061_config *cfg,
                            struct vemu_error **errp);
/* What is connected to line n from outside, low at first. */
struct irq pl061_input(struct device *dev, unsigned n);

#endif
