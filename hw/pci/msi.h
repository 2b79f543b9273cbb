/*
 * Message-signalled interrupts of PCI functions: the MSI capability, and MSI-X with its table and
 * pending bits in a BAR. PCI Local Bus Specification 3.0, chapter 6, section "MSI and MSI-X".
 *
 * A device model adds the capabilities in realize, asks which of the three ways is on when it has
 * an interrupt to raise, and calls pci_msi_notify or pci_msix_notify. While either is on, the
 * function's INTx stays low whatever pci_set_intx says. Masked messages become pending and leave
 * when they are unmasked. A message is a memory write by the function: without bus mastering it is
 * lost. Machine lock held throughout.
 *
 * A device that is not in this process raises an MSI-X vector by a descriptor instead of a call:
 * pci_msix_use_wires once, where the accelerator has such wires, then pci_msix_fd. Masks, pending
 * bits and where messages go are looked after here, and pci_msix_notify goes the same way then.
 */
#ifndef HW_PCI_MSI_H
#define HW_PCI_MSI_H

#include <stdbool.h>
#include <stdint.h>
#include "core/memory/memory.h"
#include "core/state/state.h"

struct irqchip_wire;
struct pci_device;

enum {
    PCI_MSI_VECTORS_MAX = 32,
    PCI_MSIX_VECTORS_MAX = 128,
    PCI_MSIX_ENTRY_SIZE = 16,
    PCI_MSIX_PBA = PCI_MSIX_VECTORS_MAX * PCI_MSIX_ENTRY_SIZE, /* offset in the region */
    PCI_MSIX_REGION_SIZE = 4096,
};
/* An entry of the MSI-X table. */
enum {
    PCI_MSIX_ENTRY_ADDRESS = 0,
    PCI_MSIX_ENTRY_DATA = 8,
    PCI_MSIX_ENTRY_CONTROL = 12,
    PCI_MSIX_ENTRY_MASKED = 1,
};

/* Table and pending bits of a function; embedded in the device's struct. */
struct pci_msix {
    struct mem_region region;
    struct pci_device *pci;
    uint16_t vectors;
    uint8_t table[PCI_MSIX_VECTORS_MAX * PCI_MSIX_ENTRY_SIZE];
    uint8_t pending[PCI_MSIX_VECTORS_MAX / 8];
    struct irqchip_wire *wires; /* one a vector; NULL: there are none */
};

extern const struct state_field pci_msix_state[];
#define STATE_MSIX(type_, member_)                                                                 \
    {                                                                                              \
        .name = #member_, .kind = STATE_STRUCT, .offset = offsetof(type_, member_), .count = 1,    \
        .elem_size = sizeof(struct pci_msix), .fields = pci_msix_state                             \
    }

/* Only in realize. vectors: a power of two. False: no room for the capability. */
bool pci_msi_add(struct pci_device *pci, unsigned vectors, bool maskable);
/* Only in realize. The caller makes msix->region the BAR of that index, or puts it at offset into
 * the one there is. False: no room for the capability. */
bool pci_msix_add(struct pci_device *pci, struct pci_msix *msix, unsigned vectors, unsigned bar,
                  uint32_t offset);

bool pci_msi_enabled(const struct pci_device *pci);
bool pci_msix_enabled(const struct pci_device *pci);
/* Vectors beyond those that software enabled raise the last one it did (MSI), or nothing (MSI-X).
 */
void pci_msi_notify(struct pci_device *pci, unsigned vector);
void pci_msix_notify(struct pci_device *pci, unsigned vector);

/* In realize, after pci_msix_add: vectors are raised by descriptors from now on, if the accelerator
 * takes them. */
void pci_msix_use_wires(struct pci_msix *msix);
/* The vector's eventfd, which stays the device's; -1: there is none. */
int pci_msix_fd(struct pci_msix *msix, unsigned vector);

/* msix_wires.c, for msi.c: nothing happens without wires. */
void pci_msix_wires_free(struct pci_msix *msix);
/* What the table and the capability say of these vectors may have changed. */
void pci_msix_wires_update(struct pci_msix *msix, unsigned first, unsigned count);
/* False: its message is to be sent in another way. */
bool pci_msix_wire_raise(struct pci_msix *msix, unsigned vector);
/* Was it raised while it could not be sent? Once. */
bool pci_msix_wire_take(struct pci_msix *msix, unsigned vector);
/* Enabled, and neither the vector nor the function is masked. */
bool pci_msix_can_send(const struct pci_msix *msix, unsigned vector);

/* For pci.c. */
void pci_msi_exit(struct pci_device *pci);
void pci_msi_config_written(struct pci_device *pci, uint32_t offset, uint32_t size);
void pci_msi_reset(struct pci_device *pci);
void pci_msi_post_load(struct pci_device *pci);

#endif
