/*
 * Virtio over PCI: VIRTIO 1.2, section "Virtio Over PCI Bus", modern and legacy interface. A device
 * that shows both is transitional; the identity it has is the one that drivers know such devices
 * by.
 *
 *   BAR 0  legacy registers, ports         (not with disable-legacy=on)
 *   BAR 1  MSI-X table and pending bits    (not with vectors=0)
 *   BAR 4  modern registers, memory        (not with disable-modern=on)
 *
 * A function that is something else besides (virtio-vga) has the last two where its kind's
 * virtio_pci_ident says, the modern registers perhaps as a part of a BAR of its own.
 *
 * A device's struct starts with struct virtio_pci and contains its kind's struct virtio. Machine
 * lock held throughout.
 */
#ifndef HW_VIRTIO_VIRTIO_PCI_H
#define HW_VIRTIO_VIRTIO_PCI_H

#include <stdbool.h>
#include <stdint.h>
#include "hw/pci/msi.h"
#include "hw/pci/pci.h"
#include "hw/virtio/virtio.h"

enum virtio_pci_choice { VIRTIO_PCI_AUTO, VIRTIO_PCI_ON, VIRTIO_PCI_OFF };
enum { VIRTIO_PCI_VECTORS_AUTO = 0xffff };

struct virtio_pci {
    struct pci_device pci;
    struct virtio *v;

    /* properties */
    int disable_legacy; /* enum virtio_pci_choice */
    bool disable_modern;
    uint16_t vectors;
    bool irqfd;

    struct pci_msix msix;
    struct mem_region legacy, modern;
    uint8_t modern_bar; /* where the modern registers are, and from which offset on */
    uint32_t modern_offset;
    uint8_t cfg_cap; /* the capability that gives access through configuration space; 0: none */

    uint32_t device_feature_select, driver_feature_select;
    uint16_t queue_select;
};

extern const char *const virtio_pci_choices[];
#define VIRTIO_PCI_PROPS(type_, member_)                                                           \
    PCI_PROPS(type_, member_.pci),                                                                 \
        PROP(PROP_ENUM, type_, member_.disable_legacy, "disable-legacy", "auto",                   \
             "without the interface of drivers from before VIRTIO 1.0",                            \
             .enum_names = virtio_pci_choices),                                                    \
        PROP(PROP_BOOL, type_, member_.disable_modern, "disable-modern", "off",                    \
             "without the interface of VIRTIO 1.0 and later"),                                     \
        PROP(PROP_U16, type_, member_.vectors, "vectors", "65535",                                 \
             "MSI-X vectors; 0: no MSI-X; 65535: one more than queues"),                           \
        PROP(PROP_BOOL, type_, member_.irqfd, "irqfd", "off",                                      \
             "with an accelerator that can: raise MSI-X vectors by descriptors")

extern const struct state_field virtio_pci_state[];
#define STATE_VIRTIO_PCI(type_, member_)                                                           \
    {                                                                                              \
        .name = #member_, .kind = STATE_STRUCT, .offset = offsetof(type_, member_), .count = 1,    \
        .elem_size = sizeof(struct virtio_pci), .fields = virtio_pci_state                         \
    }

enum { VIRTIO_PCI_MODERN_SIZE = 0x4000 };
struct virtio_pci_ident {
    uint16_t legacy_device; /* PCI device ID with the legacy interface; 0: it has none */
    uint32_t class_code;
    uint8_t msix_bar, modern_bar; /* 0: as above */
    /* Not 0: the device makes the BAR, and puts `modern` there in it. */
    uint32_t modern_offset;
};

extern const struct virtio_transport virtio_pci_transport;

/* In realize, after virtio_init and the host features. */
bool virtio_pci_init(struct virtio_pci *s, struct virtio *v, const struct virtio_pci_ident *ident,
                     struct vemu_error **errp);
void virtio_pci_exit(struct virtio_pci *s);
void virtio_pci_reset(struct virtio_pci *s);
bool virtio_pci_post_load(struct virtio_pci *s, struct vemu_error **errp);

#endif
