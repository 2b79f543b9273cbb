/*
 * virtio-vga: a standard VGA until a driver of virtio-gpu takes over. One PCI function:
 *
 *   BAR 0  memory of the VGA
 *   BAR 2  its registers, and behind them those of virtio
 *   BAR 4  MSI-X
 *   ROM    the VGA BIOS
 *
 * Machine lock held.
 */
#ifndef HW_DISPLAY_VIRTIO_VGA_H
#define HW_DISPLAY_VIRTIO_VGA_H

#include "hw/display/vga.h"
#include "hw/virtio/virtio_device.h"

extern const struct virtio_device_class virtio_vga_class;

#endif
