/*
 * One channel of a parallel ATA controller: two devices behind one set of registers, and the
 * bus-master engine that moves their data (Programming Interface for Bus Master IDE
 * Controller 1.0). The controller owns the regions' place and the interrupt. Machine lock held.
 */
#ifndef HW_ATA_IDE_CHANNEL_H
#define HW_ATA_IDE_CHANNEL_H

#include "core/memory/memory.h"
#include "core/state/state.h"
#include "hw/ata/ata.h"

struct pci_device;

enum { IDE_COMMAND_PORTS = 8, IDE_CONTROL_PORTS = 1, IDE_BUS_MASTER_PORTS = 8 };

struct ide_channel {
    struct pci_device *pci;
    struct irq irq;
    struct ata_slot slots[2];
    struct mem_region command, control;
    uint8_t select; /* which device is */
    uint8_t device_control;
    uint8_t intrq[2]; /* what each device asserts */
    /* bus master */
    uint8_t bm_command, bm_status;
    uint32_t bm_table;
};

extern const struct state_field ide_channel_state[];
#define STATE_IDE_CHANNELS(type_, member_) STATE_ARRAY_OF(type_, member_, ide_channel_state)

void ide_channel_init(struct ide_channel *c, struct pci_device *pci, unsigned index);
void ide_channel_reset(struct ide_channel *c);
void ide_channel_post_load(struct ide_channel *c);
/* The engine's registers, by offset into the channel's eight. */
uint8_t ide_bus_master_read(struct ide_channel *c, unsigned offset);
void ide_bus_master_write(struct ide_channel *c, unsigned offset, uint8_t value);

#endif
