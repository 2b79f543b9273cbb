/*
 * The IDE function of the PIIX3 and PIIX4: two channels at the ports of old, with interrupts 14 and
 * 15, and a bus-master engine. Intel 82371SB and 82371AB data sheets. Machine lock held.
 */
#ifndef HW_ATA_PIIX_IDE_H
#define HW_ATA_PIIX_IDE_H

#include "hw/ata/ata.h"
#include "hw/pci/pci.h"

enum { PIIX_IDE_CHANNELS = 2 };

extern const struct device_class piix3_ide_class;
extern const struct device_class piix4_ide_class;

/* irq: of the two channels. */
struct device *piix3_ide_create(struct vemu_machine *m, struct pci_bus *bus, uint16_t devfn,
                                const struct irq irq[PIIX_IDE_CHANNELS], struct vemu_error **errp);
void piix_ide_connect(struct device *dev, const struct irq irq[PIIX_IDE_CHANNELS]);
/* NULL: there is none of that number. */
struct ata_slot *piix_ide_slot(struct device *dev, unsigned channel, unsigned unit);

#endif
