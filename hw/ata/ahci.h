/*
 * AHCI 1.3.1 host bus adapter with six SATA ports: the one of the ICH9, also for -device ahci.
 * Commands are read from lists in guest memory; what devices answer goes to the port's receive area
 * as frames. Machine lock held.
 */
#ifndef HW_ATA_AHCI_H
#define HW_ATA_AHCI_H

#include "hw/ata/ata.h"
#include "hw/pci/pci.h"

enum { AHCI_PORTS = 6 };

extern const struct device_class ahci_class;      /* "ahci" */
extern const struct device_class ich9_ahci_class; /* "ich9-ahci" */

struct device *ich9_ahci_create(struct vemu_machine *m, struct pci_bus *bus, uint16_t devfn,
                                struct vemu_error **errp);
/* NULL: there is none of that number. */
struct ata_slot *ahci_slot(struct device *dev, unsigned port);

#endif
