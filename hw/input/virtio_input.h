/*
 * virtio-keyboard, virtio-mouse and virtio-tablet: VIRTIO 1.2, chapter "Device Types", section
 * "Input Device".
 */
#ifndef HW_INPUT_VIRTIO_INPUT_H
#define HW_INPUT_VIRTIO_INPUT_H

#include "hw/virtio/virtio_device.h"

extern const struct virtio_device_class virtio_keyboard_pci_class;
extern const struct virtio_device_class virtio_keyboard_device_class;
extern const struct virtio_device_class virtio_mouse_pci_class;
extern const struct virtio_device_class virtio_mouse_device_class;
extern const struct virtio_device_class virtio_tablet_pci_class;
extern const struct virtio_device_class virtio_tablet_device_class;

#endif
