/*
 * virtio-gpu: a graphics device with outputs that show rectangles of pixmaps which the guest fills
 * from its memory (2D only). VIRTIO 1.2, chapter "Device Types", section "GPU Device".
 */
#ifndef HW_DISPLAY_VIRTIO_GPU_H
#define HW_DISPLAY_VIRTIO_GPU_H

#include "hw/virtio/virtio_device.h"

extern const struct virtio_device_class virtio_gpu_pci_class;
extern const struct virtio_device_class virtio_gpu_device_class;

#endif
