/*
 * The host bridges of PC machines: configuration mechanism #1 (ports 0xcf8 and 0xcfc), the reset
 * control register that lies between (0xcf9), the enhanced mechanism (ECAM) of the Q35, and the
 * bridge's own function 0:0.0. Machine lock held throughout.
 */
#ifndef HW_PCI_HOST_X86_H
#define HW_PCI_HOST_X86_H

#include <stdbool.h>
#include <stdint.h>
#include "core/device/device.h"
#include "hw/pci/pci.h"

#define Q35_ECAM_BASE UINT64_C(0xb0000000)
#define Q35_ECAM_SIZE (UINT64_C(256) << 20)

struct pci_host_config {
    bool q35;          /* Q35 with ECAM, else i440FX */
    bool ecam_enabled; /* at reset, as firmware would leave it; q35 only */
    bool shadow;       /* C0000H-FFFFFH is RAM at reset, as firmware would leave it */
    /* The machine's RAM, where addresses below low_end (4 GiB at most) are offsets. NULL: the
     * bridge has no PAM and SMRAM registers. */
    struct ram_block *ram;
    uint64_t low_end;
    struct ram_block *rom; /* the firmware's: its last 128 KiB are below 1 MiB; NULL: none */
    const struct pci_bus_ops *ops;
    void *opaque;
};

extern const struct device_class pci_host_class;   /* "pci-host": ports and bus */
extern const struct device_class pci_i440fx_class; /* function 0:0.0 of each kind */
extern const struct device_class pci_q35_class;

/* Creates the host and its function 0:0.0. */
struct device *pci_host_create(struct vemu_machine *m, const struct pci_host_config *cfg,
                               struct vemu_error **errp);
struct pci_bus *pci_host_bus(struct device *dev);
/* Where the enhanced configuration window is now; 0: off. */
uint64_t pci_host_ecam(struct device *dev);
/* Late binding of interrupts: the bridge that routes them sits on the bus. */
void pci_host_set_ops(struct device *dev, const struct pci_bus_ops *ops, void *opaque);

#endif
