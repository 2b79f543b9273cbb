/* Between the adapter (ahci.c) and its ports (ahci_port.c). */
#ifndef HW_ATA_AHCI_INTERNAL_H
#define HW_ATA_AHCI_INTERNAL_H

#include "core/memory/memory.h"
#include "core/state/state.h"
#include "hw/ata/ahci.h"
#include "hw/pci/pci.h"

enum { AHCI_PORT_BASE = 0x100, AHCI_PORT_SIZE = 0x80, AHCI_SLOTS = 32 };
enum { AHCI_NO_SLOT = 0xff };

struct ahci;

struct ahci_port {
    struct ahci *s;
    unsigned n;
    struct ata_slot slot;
    /* registers */
    uint64_t list, fis; /* PxCLB, PxFB */
    uint32_t is, ie, cmd, tfd, sig, ssts, sctl, serr, sact, ci;
    /* the command that is not queued, or AHCI_NO_SLOT */
    uint8_t current;
    uint32_t moved;  /* bytes of PIO that it moved */
    bool stopped;    /* by an error: until ST is cleared */
    bool soft_reset; /* a frame with SRST was sent, the one without it not yet */
    /* not saved */
    bool running; /* commands are being taken: the loop is on the stack */
};

struct ahci {
    struct pci_device pci;
    struct mem_region registers, index_data;
    uint32_t ghc, is;
    uint32_t index; /* of the index/data pair */
    struct ahci_port ports[AHCI_PORTS];
};

extern const struct state_field ahci_port_state[];

void ahci_port_init(struct ahci_port *p, struct ahci *s, unsigned n);
/* With the whole adapter: at power-on, or by software. Devices are found again. */
void ahci_port_reset(struct ahci_port *p, bool power_on);
bool ahci_port_interrupts(const struct ahci_port *p);
bool ahci_port_post_load(struct ahci_port *p);
uint32_t ahci_port_read(struct ahci_port *p, uint32_t offset);
void ahci_port_write(struct ahci_port *p, uint32_t offset, uint32_t value);
/* Something of PxIS or PxIE changed. */
void ahci_update(struct ahci *s);

#endif
