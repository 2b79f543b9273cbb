/*
 * The TCO watchdog of the ICH9: a timer of 0.6 s ticks that makes an SMI when it expires and resets
 * the machine when nobody reloaded it until it expires once more. Intel I/O Controller Hub 9 data
 * sheet, chapter "System Management TCO Registers".
 *
 * Embedded in the LPC bridge, in whose power management block the registers are. Machine lock held.
 */
#ifndef HW_MISC_TCO_H
#define HW_MISC_TCO_H

#include <stdbool.h>
#include <stdint.h>
#include "core/clock/clock.h"
#include "core/device/device.h"
#include "core/state/state.h"

enum { TCO_SIZE = 0x20 };

struct tco {
    struct device *dev;
    void (*timeout)(void *opaque);   /* the first expiry: an SMI where that is enabled */
    bool (*may_reset)(void *opaque); /* NO_REBOOT is clear */
    void *opaque;
    struct timer timer;
    uint8_t reg[TCO_SIZE]; /* but for the current count, which the timer's deadline tells */
    uint16_t held;         /* ticks left while TCO_TMR_HLT is set */
    bool expired_once;
};

extern const struct state_field tco_state[];
#define STATE_TCO(type_, member_)                                                                  \
    {                                                                                              \
        .name = #member_, .kind = STATE_STRUCT, .offset = offsetof(type_, member_), .count = 1,    \
        .elem_size = sizeof(struct tco), .fields = tco_state                                       \
    }

void tco_init(struct tco *t, struct device *dev, void (*timeout)(void *opaque),
              bool (*may_reset)(void *opaque), void *opaque);
void tco_exit(struct tco *t);
void tco_reset(struct tco *t);
uint8_t tco_read(struct tco *t, unsigned offset);
void tco_write(struct tco *t, unsigned offset, uint8_t value);

#endif
