/*
 * A generic PCI Express host, as device trees ("pci-host-ecam-generic") and ACPI describe it: a
 * configuration window, windows for memory and I/O BARs, four interrupt lines, a function that
 * stands for the host. Device classes "gpex-pcihost" and "gpex-root", made by boards. Machine lock
 * held.
 */
#ifndef HW_PCI_HOST_GENERIC_H
#define HW_PCI_HOST_GENERIC_H

#include <stdint.h>
#include "core/device/device.h"
#include "hw/pci/pci.h"

enum { GENERIC_PCI_LINES = 4 };

struct pci_generic_window {
    uint64_t base, size; /* size 0: there is none */
};

struct pci_generic_config {
    struct pci_generic_window ecam;
    struct pci_generic_window mmio, mmio_high; /* bus addresses are the processors' */
    uint64_t pio_base;                         /* 64 KiB: I/O ports from 0 on */
    /* INTA of slot 0, INTB of slot 0 or INTA of slot 1, ... */
    struct irq irqs[GENERIC_PCI_LINES];
};

extern const struct device_class pci_generic_host_class;
extern const struct device_class pci_generic_root_class;

struct device *pci_generic_host_create(struct vemu_machine *m, const struct pci_generic_config *cfg,
                                       struct vemu_error **errp);
struct pci_bus *pci_generic_host_bus(struct device *dev);

#endif
