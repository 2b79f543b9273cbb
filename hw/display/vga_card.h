/*
 * What a PCI function that is a VGA has: the registers (vga.h) at the legacy ports and window, at
 * the display interface's ports, and as a page of a BAR; its memory, which is BAR 0. Used by the
 * standard VGA and by virtio-vga. Machine lock held.
 */
#ifndef HW_DISPLAY_VGA_CARD_H
#define HW_DISPLAY_VGA_CARD_H

#include "hw/display/vga.h"
#include "hw/pci/pci.h"

enum { VGA_CARD_MMIO = 0x1000 /* bytes of the registers' page */ };

struct vga_card {
    uint64_t memory_mib; /* property */
    struct vga vga;
    struct pci_device *pci;
    struct ram_block *ram;
    /* mmio: the owner puts it at the beginning of BAR 2 */
    struct mem_region linear, mmio, window, ports, vbe_ports;
};

#define VGA_CARD_PROPS(type_, member_)                                                             \
    PROP(PROP_U64, type_, member_.memory_mib, "vgamem_mb", "16", "memory in MiB", .min = 1,        \
         .max = 256)

/* In realize, after pci_device_init. On failure the owner calls the two below. */
bool vga_card_add(struct vga_card *s, struct pci_device *pci, struct vemu_error **errp);
/* Before and after pci_device_exit. */
void vga_card_remove(struct vga_card *s);
void vga_card_free(struct vga_card *s);

#endif
