/* virtio-rng: random numbers. VIRTIO 1.2, chapter "Device Types", section "Entropy Device". */
#ifndef HW_MISC_VIRTIO_RNG_H
#define HW_MISC_VIRTIO_RNG_H

#include "hw/virtio/virtio_device.h"

extern const struct virtio_device_class virtio_rng_pci_class;
extern const struct virtio_device_class virtio_rng_pci_transitional_class;
extern const struct virtio_device_class virtio_rng_pci_non_transitional_class;
extern const struct virtio_device_class virtio_rng_device_class;

#endif
