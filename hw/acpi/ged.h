/*
 * ACPI generic event device with sleep and reset registers, for hardware-reduced platforms
 * (microvm): a power button and a soft-off without PM1 registers. ACPI Specification 6.x, chapters
 * "Hardware-Reduced ACPI" and "Generic Event Device". Machine lock held.
 */
#ifndef HW_ACPI_GED_H
#define HW_ACPI_GED_H

#include <stdint.h>
#include "core/device/device.h"

/* Offsets from the base. */
enum {
    GED_EVENTS = 0x00, /* 4 bytes: pending events; reading clears them and lowers the line */
    GED_SLEEP_CONTROL = 0x10,
    GED_SLEEP_STATUS = 0x14,
    GED_RESET = 0x18,
    GED_SIZE = 0x20,
};
enum { GED_EVENT_POWER_BUTTON = 1 << 0, GED_S5_TYPE = 5, GED_RESET_VALUE = 0x42 };

struct ged_config {
    uint64_t base;
    struct irq irq; /* level */
};

extern const struct device_class ged_class;

struct device *ged_create(struct vemu_machine *m, const struct ged_config *cfg,
                          struct vemu_error **errp);
void ged_power_button(struct device *dev);

#endif
