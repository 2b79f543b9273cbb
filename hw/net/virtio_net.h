/*
 * virtio-net: a network card. VIRTIO 1.2, chapter "Device Types", section "Network Device".
 */
#ifndef HW_NET_VIRTIO_NET_H
#define HW_NET_VIRTIO_NET_H

#include "hw/virtio/virtio_device.h"

/* The interface that drivers find: both, as the properties say, or one by the name. */
extern const struct virtio_device_class virtio_net_pci_class;
extern const struct virtio_device_class virtio_net_pci_transitional_class;
extern const struct virtio_device_class virtio_net_pci_non_transitional_class;
/* On a machine without PCI. */
extern const struct virtio_device_class virtio_net_device_class;

#endif
