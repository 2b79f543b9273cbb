/*
 * The PC's 8254 programmable interval timer, with system control port B (speaker gate, channel 2
 * output, refresh toggle). Everything here with the machine lock held.
 */
#ifndef HW_TIMER_I8254_H
#define HW_TIMER_I8254_H

#include <stdint.h>
#include "core/device/device.h"

#define I8254_HZ 1193182u
enum { I8254_PC_BASE = 0x40, I8254_PC_PORT_B = 0x61 };

struct i8254_config {
    uint16_t base;         /* 0x40 */
    uint16_t port_b;       /* 0x61; 0: none */
    struct irq irq;        /* channel 0's output: IRQ 0, or the HPET's legacy input */
    struct irq speaker_on; /* level 1 while the speaker is driven; may be unconnected */
};

extern const struct device_class i8254_class;

struct device *i8254_create(struct vemu_machine *m, const struct i8254_config *cfg,
                            struct vemu_error **errp);
/* Level 1: an HPET has taken over channel 0's interrupt line. For a PIT that the accelerator keeps,
 * whose line does not pass through the HPET. */
struct irq i8254_block_input(struct device *dev);

#endif
