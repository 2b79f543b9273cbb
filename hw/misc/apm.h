/*
 * Advanced power management control and status ports (B2H, B3H) of the PIIX and ICH: a write to the
 * control port makes an SMI, where the chipset lets it; the status port is a byte that software and
 * the handler pass each other. Intel 82371AB data sheet, APMC and APMS registers.
 *
 * Embedded in the chipset function that gates the SMI. Machine lock held.
 */
#ifndef HW_MISC_APM_H
#define HW_MISC_APM_H

#include <stdint.h>
#include "core/device/device.h"
#include "core/memory/memory.h"
#include "core/state/state.h"

enum { APM_BASE = 0xb2 };
/* Commands by which an operating system enters and leaves ACPI mode, as the FADT names them. They
 * are what firmware's SMI handler would carry out; here the chipset does, since firmware leaves it
 * to it. */
enum { APM_ACPI_ENABLE = 0xf1, APM_ACPI_DISABLE = 0xf0 };

struct apm {
    struct mem_region region;
    void (*command)(void *opaque, uint8_t value);
    void *opaque;
    uint8_t control, status;
};

extern const struct state_field apm_state[];
#define STATE_APM(type_, member_)                                                                  \
    {                                                                                              \
        .name = #member_, .kind = STATE_STRUCT, .offset = offsetof(type_, member_), .count = 1,    \
        .elem_size = sizeof(struct apm), .fields = apm_state                                       \
    }

/* command: the control port was written. */
bool apm_init(struct apm *apm, struct device *dev, void (*command)(void *opaque, uint8_t value),
              void *opaque, struct vemu_error **errp);
void apm_exit(struct apm *apm);
void apm_reset(struct apm *apm);

#endif
