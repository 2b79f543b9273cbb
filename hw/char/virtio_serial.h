/*
 * virtio-serial and its ports: consoles and named byte channels. VIRTIO 1.2, chapter "Device
 * Types", section "Console Device".
 *
 *   -device virtio-serial-pci -chardev socket,... -device virtserialport,chardev=ID,name=NAME
 *
 * Ports are devices of their own, each with a character back end, on the first virtio-serial device
 * or the one that bus= names.
 */
#ifndef HW_CHAR_VIRTIO_SERIAL_H
#define HW_CHAR_VIRTIO_SERIAL_H

#include "hw/virtio/virtio_device.h"

extern const struct virtio_device_class virtio_serial_pci_class;
extern const struct virtio_device_class virtio_serial_pci_transitional_class;
extern const struct virtio_device_class virtio_serial_pci_non_transitional_class;
extern const struct virtio_device_class virtio_serial_device_class;
extern const struct device_class virtconsole_class;
extern const struct device_class virtserialport_class;

#endif
