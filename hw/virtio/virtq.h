/*
 * Virtqueues, the device's side: split rings. VIRTIO 1.2, section "Split Virtqueues". (Packed rings
 * are not offered.)
 *
 * A device pops elements (chains of buffers), uses them in any order, and pushes them back. An
 * element is described by its buffers' addresses; the buffers themselves are the device's to read
 * and write (dma_map, virtio_dma_read, ...). Machine lock held.
 */
#ifndef HW_VIRTIO_VIRTQ_H
#define HW_VIRTIO_VIRTQ_H

#include <stdbool.h>
#include <stdint.h>
#include "core/device/doorbell.h"
#include "core/state/state.h"

struct virtio;

enum {
    VIRTQ_SIZE_MAX = 1024,
    VIRTQ_CHAIN_MAX = 1024, /* buffers of an element */
};

struct virtq {
    struct virtio *v;
    uint16_t index;
    uint16_t size_max;

    uint16_t size; /* as the driver chose: a power of two */
    uint16_t vector;
    bool enabled;
    /* Addresses: descriptors, available ring, used ring. */
    uint64_t desc, driver, device;
    uint16_t next_avail, next_used;
    uint16_t in_use;    /* elements popped and not pushed */
    uint16_t signalled; /* next_used when the driver was last interrupted */
    bool signalled_valid;
    struct doorbell doorbell; /* open while the driver runs the device */
};

struct virtq_buffer {
    uint64_t addr;
    uint32_t len;
};

struct virtq_element {
    uint16_t head;    /* its first descriptor */
    unsigned out, in; /* numbers of buffers to read and to write */
    uint64_t out_bytes, in_bytes;
    /* The buffers to read, then those to write. Valid until the next pop of the device. */
    const struct virtq_buffer *buffers;
};

struct virtq_scratch {
    struct virtq_buffer buffers[VIRTQ_CHAIN_MAX];
    uint8_t table[VIRTQ_CHAIN_MAX * 16]; /* of an indirect descriptor */
};

enum virtq_result { VIRTQ_EMPTY, VIRTQ_POPPED, VIRTQ_BROKEN };

void virtq_reset(struct virtq *q);
/* The driver set the addresses and enables the queue. */
void virtq_enable(struct virtq *q);
/* Where the three parts are in the legacy layout. */
void virtq_set_legacy(struct virtq *q, uint64_t desc, uint32_t align);
/* VIRTQ_BROKEN: the device is, and nothing was popped. */
enum virtq_result virtq_pop(struct virtq *q, struct virtq_element *e);
/* Likewise; where nothing is there, the driver is asked to notify of what it makes available next.
 */
enum virtq_result virtq_pop_or_ask(struct virtq *q, struct virtq_element *e);
/* The element that was popped with this head before, for work that is begun again. */
enum virtq_result virtq_pop_again(struct virtq *q, uint16_t head, struct virtq_element *e);
bool virtq_is_empty(struct virtq *q);
/* Gives the last `count` elements that were popped back to the ring: the next pop finds the first
 * of them again. None of them was pushed. */
void virtq_unpop(struct virtq *q, unsigned count);
/* An element that is given back; written: bytes that its buffers got. */
struct virtq_used {
    uint16_t head;
    uint32_t written;
};
void virtq_push(struct virtq *q, uint16_t head, uint32_t written);
/* Several at once: the driver sees all of them or none. */
void virtq_push_all(struct virtq *q, const struct virtq_used *used, unsigned count);
/* After pushes: interrupts the driver if it wants to be. */
void virtq_signal(struct virtq *q);
/* Asks the driver for notifications, or says that they are not needed. On: look at the queue once
 * more afterwards. */
void virtq_want_notify(struct virtq *q, bool on);

/* Bytes [offset, offset + len) of `count` buffers. False: there are not so many, or no memory is
 * there. */
bool virtq_gather(struct virtio *v, const struct virtq_buffer *b, unsigned count, uint64_t offset,
                  void *out, uint32_t len);
bool virtq_scatter(struct virtio *v, const struct virtq_buffer *b, unsigned count, uint64_t offset,
                   const void *in, uint32_t len);

extern const struct state_field virtq_state[];
/* A saved queue was loaded; false: it cannot be. */
bool virtq_check(const struct virtq *q);

#endif
