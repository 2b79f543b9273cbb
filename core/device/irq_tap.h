/*
 * Taps on interrupt inputs: a machine that device tests drive can tell which line moved, and move
 * one itself. Without taps (every other machine) an input is wired as it is and costs nothing.
 *
 * A device that can be tapped hands its inputs out through irq_input(). Machine lock held, or
 * before the machine runs.
 */
#ifndef CORE_DEVICE_IRQ_TAP_H
#define CORE_DEVICE_IRQ_TAP_H

#include "core/device/device.h"

struct irq_tap {
    struct list node;
    struct device *dev; /* whose input it is */
    struct irq line;
    int level;
    struct irq_taps *taps;
};

/* m->irq_taps; made by the accelerator before there are devices, and freed after them. */
struct irq_taps {
    struct list list; /* struct irq_tap.node */
    /* After the input was told. NULL: nobody listens. */
    void (*moved)(void *opaque, const struct irq_tap *tap, int level);
    void *opaque;
};

/* Input n of dev, behind its tap if the machine has taps. */
struct irq irq_input(struct device *dev, irq_fn fn, void *opaque, unsigned n);
struct irq_tap *irq_tap_find(struct irq_taps *taps, const struct device *dev, unsigned n);
struct irq_taps *irq_taps_new(void);
void irq_taps_free(struct irq_taps *taps);

#endif
