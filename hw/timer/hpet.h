/*
 * IA-PC HPET: a 64-bit 100 MHz main counter and three timers. Everything here with the machine lock
 * held.
 *
 * Legacy replacement: the PIT's and the RTC's interrupt outputs are wired through the HPET
 * (hpet_legacy_input), which passes them on until the guest sets LEG_RT_CNF; then timers 0 and 1
 * own those lines. So the HPET is created before the PIT and the RTC.
 */
#ifndef HW_TIMER_HPET_H
#define HW_TIMER_HPET_H

#include <stdint.h>
#include "core/device/device.h"

enum { HPET_TIMERS = 3, HPET_ROUTES = 32 };
#define HPET_PERIOD_FS 10000000u /* a tick of the main counter in femtoseconds */

struct hpet_config {
    uint64_t base;               /* 0xfed00000 */
    uint32_t route_mask;         /* I/O APIC inputs the timers may use (Tn_INT_ROUTE_CAP) */
    struct irq gsi[HPET_ROUTES]; /* I/O APIC inputs; those in route_mask are connected */
    struct irq pit_irq, rtc_irq; /* where IRQ 0 and IRQ 8 go */
};

extern const struct device_class hpet_class;

struct device *hpet_create(struct vemu_machine *m, const struct hpet_config *cfg,
                           struct vemu_error **errp);
/* 0: for the PIT's output, 1: for the RTC's. */
struct irq hpet_legacy_input(struct device *dev, unsigned n);
/* Told whether timers 0 and 1 own the lines: for a PIT whose output does not come in. */
void hpet_connect_legacy(struct device *dev, struct irq irq);
/* Value of the event timer block ID for the ACPI HPET table. */
uint32_t hpet_block_id(void);

#endif
