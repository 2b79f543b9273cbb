/*
 * isa-debug-exit: a write of value ends the machine with exit status (value << 1) | 1. Only made by
 * -device; properties iobase and iosize.
 */
#ifndef HW_MISC_DEBUG_EXIT_H
#define HW_MISC_DEBUG_EXIT_H

#include "core/device/device.h"

extern const struct device_class debug_exit_class;

#endif
