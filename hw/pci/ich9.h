/*
 * The south bridge of the `q35` machine: ICH9 LPC bridge (1f.0) with PIRQ routing and ACPI
 * registers, as far as an operating system looks at them. Machine lock held.
 */
#ifndef HW_PCI_ICH9_H
#define HW_PCI_ICH9_H

#include <stdbool.h>
#include "core/device/device.h"
#include "hw/acpi/pm.h"
#include "hw/pci/pci.h"

struct ich9_lpc_config {
    struct device *host;  /* pci_host_create(); its interrupt lines are bound to this bridge */
    struct irq isa[16];   /* ISA interrupts that PIRQ lines can be routed to */
    struct irq ioapic[8]; /* I/O APIC inputs 16-23 */
    struct irq sci;
    struct irq smi; /* pulsed when an enabled event makes an SMI */
    bool no_smm;    /* as piix4_pm_config's */
    bool enabled;   /* ACPI registers at ICH9_PM_BASE and in ACPI mode at reset */
};

#define ICH9_PM_BASE 0x600
enum { ICH9_PM_SIZE = 128, ICH9_GPE_OFFSET = 0x20, ICH9_GPE_BYTES = 8, ICH9_S5_TYPE = 7 };

extern const struct device_class ich9_lpc_class;

struct device *ich9_lpc_create(struct vemu_machine *m, const struct ich9_lpc_config *cfg,
                               struct vemu_error **errp);
struct acpi_pm *ich9_lpc_acpi(struct device *dev);

#endif
