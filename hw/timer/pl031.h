/*
 * PrimeCell real-time clock, PL031: seconds since 1970 and an alarm. Device class "pl031", made by
 * boards. Everything here with the machine lock held.
 */
#ifndef HW_TIMER_PL031_H
#define HW_TIMER_PL031_H

#include <stdint.h>
#include "core/device/device.h"
#include "hw/timer/rtc_start.h"

enum { PL031_SIZE = 0x1000 };

struct pl031_config {
    uint64_t base;
    struct irq irq; /* level: RTCINTR */
    struct rtc_start start;
};

extern const struct device_class pl031_class;

struct device *pl031_create(struct vemu_machine *m, const struct pl031_config *cfg,
                            struct vemu_error **errp);

#endif
