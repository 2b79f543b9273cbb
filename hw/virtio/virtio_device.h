/*
 * Virtio devices as devices of the machine, where a kind has nothing of its own to add: the struct
 * is a transport and the kind's struct behind it, and everything but the kind's table is here.
 *
 *   struct virtio_rng { struct virtio v; ... };
 *   struct rng_pci { struct virtio_pci pci; struct virtio_rng rng; };
 *   const struct virtio_device_class virtio_rng_pci_class = {
 *       VIRTIO_PCI_DEVICE("virtio-rng-pci", "...", struct rng_pci, rng, &kind, props, state)};
 *
 * The class of the device is the first member: &virtio_rng_pci_class.device.
 */
#ifndef HW_VIRTIO_VIRTIO_DEVICE_H
#define HW_VIRTIO_VIRTIO_DEVICE_H

#include "hw/virtio/virtio.h"
#include "hw/virtio/virtio_mmio.h"
#include "hw/virtio/virtio_pci.h"

struct virtio_kind {
    /* Checks properties, calls virtio_init, and leaves features and configuration complete. */
    bool (*init)(struct virtio *v, struct device *dev, struct vemu_error **errp);
    /* Calls virtio_exit. */
    void (*exit)(struct virtio *v);
    /* After a load, before the transport's part: checks what spans fields. NULL: nothing. */
    bool (*post_load)(struct virtio *v, struct vemu_error **errp);
    /* A `live` property was set while the device is in use. NULL: none is live. */
    void (*prop_changed)(struct virtio *v);
    struct virtio_pci_ident pci;
    /* Over PCI: what a function has besides (a boot ROM, a place in the boot order), after all of
     * the above, and its end, after the function's; also after an `added` that failed. Or NULL. */
    bool (*pci_added)(struct virtio *v, struct pci_device *pci, struct vemu_error **errp);
    void (*pci_removed)(struct virtio *v, struct pci_device *pci);
};

struct virtio_device_class {
    struct device_class device;
    const struct virtio_kind *kind;
    size_t offset; /* of the kind's struct, which begins with struct virtio */
    int legacy;    /* enum virtio_pci_choice: what disable-legacy is; AUTO: as the property says */
};

/* The virtio part of a device of these; NULL: it is another one. */
struct virtio *virtio_device_of(struct device *dev);

void virtio_device_prop_changed(struct device *dev);
bool virtio_pci_device_realize(struct device *dev, struct vemu_error **errp);
void virtio_pci_device_unrealize(struct device *dev);
void virtio_pci_device_reset(struct device *dev);
bool virtio_pci_device_post_load(struct device *dev, struct vemu_error **errp);
bool virtio_mmio_device_realize(struct device *dev, struct vemu_error **errp);
void virtio_mmio_device_unrealize(struct device *dev);
void virtio_mmio_device_reset(struct device *dev);
bool virtio_mmio_device_post_load(struct device *dev, struct vemu_error **errp);

/* Which interface drivers find is said by `legacy_`. */
#define VIRTIO_PCI_DEVICE_OF(name_, help_, type_, member_, kind_, props_, state_, legacy_)         \
    .device = {.name = (name_),                                                                    \
               .help = (help_),                                                                    \
               .size = sizeof(type_),                                                              \
               .user_creatable = true,                                                             \
               .bus = "pci",                                                                       \
               .props = (props_),                                                                  \
               .state = (state_),                                                                  \
               .state_version = 1,                                                                 \
               .realize = virtio_pci_device_realize,                                               \
               .unrealize = virtio_pci_device_unrealize,                                           \
               .reset = virtio_pci_device_reset,                                                   \
               .post_load = virtio_pci_device_post_load,                                           \
               .prop_changed = virtio_device_prop_changed},                                        \
    .kind = (kind_), .offset = offsetof(type_, member_), .legacy = (legacy_)
#define VIRTIO_PCI_DEVICE(name_, help_, type_, member_, kind_, props_, state_)                     \
    VIRTIO_PCI_DEVICE_OF(name_, help_, type_, member_, kind_, props_, state_, VIRTIO_PCI_AUTO)
#define VIRTIO_PCI_DEVICE_TRANSITIONAL(name_, type_, member_, kind_, props_, state_)               \
    VIRTIO_PCI_DEVICE_OF(name_ "-transitional",                                                    \
                         "the same, also for drivers from before VIRTIO 1.0", type_, member_,      \
                         kind_, props_, state_, VIRTIO_PCI_OFF)
#define VIRTIO_PCI_DEVICE_NON_TRANSITIONAL(name_, type_, member_, kind_, props_, state_)           \
    VIRTIO_PCI_DEVICE_OF(name_ "-non-transitional", "the same, for drivers of VIRTIO 1.0 only",    \
                         type_, member_, kind_, props_, state_, VIRTIO_PCI_ON)
#define VIRTIO_MMIO_DEVICE(name_, help_, type_, member_, kind_, props_, state_)                    \
    .device = {.name = (name_),                                                                    \
               .help = (help_),                                                                    \
               .size = sizeof(type_),                                                              \
               .user_creatable = true,                                                             \
               .bus = "virtio-mmio",                                                               \
               .props = (props_),                                                                  \
               .state = (state_),                                                                  \
               .state_version = 1,                                                                 \
               .realize = virtio_mmio_device_realize,                                              \
               .unrealize = virtio_mmio_device_unrealize,                                          \
               .reset = virtio_mmio_device_reset,                                                  \
               .post_load = virtio_mmio_device_post_load,                                          \
               .prop_changed = virtio_device_prop_changed},                                        \
    .kind = (kind_), .offset = offsetof(type_, member_)

#endif
