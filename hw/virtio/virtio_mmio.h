/*
 * Virtio over MMIO: VIRTIO 1.2, section "Virtio Over MMIO", version 2 of the registers. For
 * machines without PCI: a board has a number of slots, each with its registers and its interrupt,
 * and drivers look into all of them.
 *
 * A device's struct starts with struct virtio_mmio and contains its kind's struct virtio; its class
 * sets .bus = "virtio-mmio". The board sets `slot` before device_realize. Machine lock held
 * throughout.
 */
#ifndef HW_VIRTIO_VIRTIO_MMIO_H
#define HW_VIRTIO_VIRTIO_MMIO_H

#include <stdbool.h>
#include <stdint.h>
#include "core/device/device.h"
#include "core/memory/memory.h"
#include "hw/virtio/virtio.h"

enum { VIRTIO_MMIO_SIZE = 0x200, VIRTIO_MMIO_SLOTS = 32 };

/* The slots of a board; part of the board's struct. */
struct virtio_mmio_slots {
    uint64_t base; /* 0: the board has none */
    unsigned count;
    bool from_last; /* which are taken first */
    struct irq irqs[VIRTIO_MMIO_SLOTS];
    struct mem_region empty; /* what drivers see of slots without a device */
    struct device *devices[VIRTIO_MMIO_SLOTS];
};
void virtio_mmio_slots_init(struct virtio_mmio_slots *slots, struct mem_region *parent,
                            uint64_t base, unsigned count);
void virtio_mmio_slots_exit(struct virtio_mmio_slots *slots);

struct virtio_mmio {
    struct device dev;
    struct virtio_mmio_slots *slots; /* wiring: set before realize */
    struct virtio *v;
    unsigned slot;
    struct mem_region region;
    uint32_t device_feature_select, driver_feature_select;
    uint32_t queue_select;
};

extern const struct virtio_transport virtio_mmio_transport;
extern const struct state_field virtio_mmio_state[];
#define STATE_VIRTIO_MMIO(type_, member_)                                                          \
    {                                                                                              \
        .name = #member_, .kind = STATE_STRUCT, .offset = offsetof(type_, member_), .count = 1,    \
        .elem_size = sizeof(struct virtio_mmio), .fields = virtio_mmio_state                       \
    }

/* In realize, after virtio_init and the host features: takes the first free slot. */
bool virtio_mmio_init(struct virtio_mmio *s, struct virtio *v, struct vemu_error **errp);
void virtio_mmio_exit(struct virtio_mmio *s);
void virtio_mmio_reset(struct virtio_mmio *s);
bool virtio_mmio_post_load(struct virtio_mmio *s, struct vemu_error **errp);

#endif
