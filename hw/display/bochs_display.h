/*
 * "bochs-display": the linear modes of the standard VGA as a PCI function without a VGA: memory as
 * BAR 0, EDID and the display interface's registers as BAR 2. Machine lock held.
 */
#ifndef HW_DISPLAY_BOCHS_DISPLAY_H
#define HW_DISPLAY_BOCHS_DISPLAY_H

#include "core/device/device.h"

extern const struct device_class bochs_display_class;

#endif
