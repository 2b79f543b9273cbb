/*
 * pc-testdev: what the bare-metal guests of kvm-unit-tests use to exercise port and memory I/O and
 * to raise interrupt lines. Made by -device; the board's plug connects the lines.
 */
#ifndef HW_MISC_PC_TESTDEV_H
#define HW_MISC_PC_TESTDEV_H

#include "core/device/device.h"

enum { PC_TESTDEV_LINES = 24 };

extern const struct device_class pc_testdev_class;

/* Connect global interrupt line n (0-23), which the guest drives through port 0x2000 + n. Before
 * realize. */
void pc_testdev_connect(struct device *dev, unsigned n, struct irq line);

#endif
