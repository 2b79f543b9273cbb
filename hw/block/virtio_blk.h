/*
 * virtio-blk: a disk. VIRTIO 1.2, chapter "Device Types", section "Block Device". Any number of
 * queues, each request asynchronous: the doorbell hands it to the block layer and returns.
 */
#ifndef HW_BLOCK_VIRTIO_BLK_H
#define HW_BLOCK_VIRTIO_BLK_H

#include "hw/virtio/virtio_device.h"

/* The interface that drivers find: both, as the properties say, or one by the name. */
extern const struct virtio_device_class virtio_blk_pci_class;
extern const struct virtio_device_class virtio_blk_pci_transitional_class;
extern const struct virtio_device_class virtio_blk_pci_non_transitional_class;
/* On a machine without PCI. */
extern const struct virtio_device_class virtio_blk_device_class;

#endif
