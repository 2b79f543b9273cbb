/*
 * FERR# and IGNNE#: how an x87 error reaches the guest while CR0.NE is clear, as the first PCs had
 * it. The processor drives FERR#, the board raises IRQ 13 until the handler writes port 0xf0.
 */
#ifndef HW_MISC_FERR_H
#define HW_MISC_FERR_H

#include <stdint.h>
#include "core/device/device.h"

struct ferr_config {
    uint16_t port;  /* 0xf0 */
    struct irq irq; /* ISA line 13 */
};

extern const struct device_class ferr_class;

struct device *ferr_create(struct vemu_machine *m, const struct ferr_config *cfg,
                           struct vemu_error **errp);
/* struct vcpu's ferr, with the device as opaque. On a vCPU's thread, without locks. */
void ferr_set(void *dev, bool active);

#endif
