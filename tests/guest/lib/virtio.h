/*
 * A driver of one queue of a virtio device on PCI, by its modern registers (Virtual I/O Device 1.1,
 * section 4.1), with messages as interrupts. One processor drives it.
 */
#ifndef GUEST_VIRTIO_H
#define GUEST_VIRTIO_H

#include "lib/guest.h"

enum { VIRTIO_RNG_PCI = 0x1044, VIRTIO_RING = 8 };

struct virtio {
    unsigned slot; /* on bus 0 */
    volatile u8 *common, *notify, *isr;
    u32 notify_step;
    volatile u32 *msix_table; /* NULL: it has none */
    unsigned msix_cap;
    volatile u16 *doorbell; /* of queue 0 */
    struct virtio_ring *ring;
    u16 sent; /* requests; the used ring says how many of them are answered */
};

/* The first function of that device ID on bus 0, its memory and bus mastering on. */
bool virtio_find(struct virtio *v, u16 device_id);
/* Reset, no features but those of version 1; queue 0 with VIRTIO_RING entries, driver OK. vector:
 * of the local APIC; 0: the queue is to be polled. */
bool virtio_start(struct virtio *v, u8 vector);
void virtio_stop(struct virtio *v); /* reset */
/* The first message, as software changes it. */
void virtio_message_set(struct virtio *v, u8 vector);
void virtio_message_mask(struct virtio *v, bool masked);
bool virtio_message_pending(struct virtio *v);

/* A buffer that the device is to fill. The doorbell is the caller's. */
void virtio_send(struct virtio *v, void *buffer, u32 size);
static inline void virtio_ring_doorbell(struct virtio *v)
{
    *v->doorbell = 0;
}
u16 virtio_answered(const struct virtio *v);
/* Bytes in the answer with that number, from 0 on. */
u32 virtio_answer_size(const struct virtio *v, u16 number);

#endif
