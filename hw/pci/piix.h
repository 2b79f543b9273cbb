/*
 * The south bridge of the `pc` machine: PIIX3 ISA bridge (function 0, PIRQ routing) and PIIX4 power
 * management (function 3), as far as an operating system looks at them. Machine lock held.
 */
#ifndef HW_PCI_PIIX_H
#define HW_PCI_PIIX_H

#include <stdbool.h>
#include "core/device/device.h"
#include "hw/acpi/pm.h"
#include "hw/pci/pci.h"

struct piix3_config {
    struct device *host; /* pci_host_create(); its interrupt lines are bound to this bridge */
    struct irq isa[16];  /* ISA interrupts that PIRQ lines can be routed to */
    bool routed; /* PIRQA-D routed to 10, 10, 11, 11 at reset, as firmware would leave them */
};

struct piix4_pm_config {
    struct device *host;
    struct irq sci;
    struct irq smi; /* pulsed by a write to the APM control port */
    /* No processor takes SMIs: firmware finds management mode as if set up already, and leaves it
     * alone. */
    bool no_smm;
    struct irq smbus; /* IRQ 9, from the SMBus controller */
    bool enabled;     /* registers at PIIX4_PM_BASE and in ACPI mode at reset, SMBus on, too */
};

#define PIIX4_PM_BASE 0x600
#define PIIX4_SMBUS_BASE 0xb100
enum { PIIX4_PM_SIZE = 64, PIIX4_GPE_OFFSET = 0x0c, PIIX4_GPE_BYTES = 2, PIIX4_S5_TYPE = 0 };

extern const struct device_class piix3_class;
extern const struct device_class piix4_pm_class;

struct device *piix3_create(struct vemu_machine *m, const struct piix3_config *cfg,
                            struct vemu_error **errp);
struct device *piix4_pm_create(struct vemu_machine *m, const struct piix4_pm_config *cfg,
                               struct vemu_error **errp);
struct acpi_pm *piix4_pm_acpi(struct device *dev);

#endif
