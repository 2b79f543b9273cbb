/*
 * Virtio: what every virtio device has, whatever it does and however the guest reaches it. Virtual
 * I/O Device (VIRTIO) Version 1.2, chapters 2 and 3 and the sections on legacy interfaces.
 *
 * Three parties. A device kind (struct virtio_class: a disk, a network card) has a struct that
 * contains a struct virtio. A transport (virtio_pci.c, virtio_mmio.c) is a device of the machine
 * that shows registers and raises interrupts. This module is between them: features, status,
 * configuration space, and the queues (virtq.h).
 *
 * The guest is hostile: everything in its memory is copied before it is looked at, and what breaks
 * the rules of a ring breaks the device: NEEDS_RESET, and nothing more is done until the reset.
 * Machine lock held throughout.
 */
#ifndef HW_VIRTIO_VIRTIO_H
#define HW_VIRTIO_VIRTIO_H

#include <stdbool.h>
#include <stdint.h>
#include "core/device/device.h"
#include "core/memory/memory.h"
#include "core/state/state.h"
#include "hw/virtio/virtq.h"

enum {
    VIRTIO_ID_NET = 1,
    VIRTIO_ID_BLOCK = 2,
    VIRTIO_ID_CONSOLE = 3,
    VIRTIO_ID_ENTROPY = 4,
    VIRTIO_ID_BALLOON = 5,
    VIRTIO_ID_GPU = 16,
    VIRTIO_ID_INPUT = 18,
};
/* Device status. */
enum {
    VIRTIO_STATUS_ACKNOWLEDGE = 1,
    VIRTIO_STATUS_DRIVER = 2,
    VIRTIO_STATUS_DRIVER_OK = 4,
    VIRTIO_STATUS_FEATURES_OK = 8,
    VIRTIO_STATUS_NEEDS_RESET = 64,
    VIRTIO_STATUS_FAILED = 128,
};
/* Bits of the interrupt status. */
enum { VIRTIO_ISR_QUEUE = 1, VIRTIO_ISR_CONFIG = 2 };
/* Feature bits that are the same for every kind. */
enum {
    VIRTIO_F_NOTIFY_ON_EMPTY = 24, /* legacy only */
    VIRTIO_F_ANY_LAYOUT = 27,      /* legacy only */
    VIRTIO_F_INDIRECT_DESC = 28,
    VIRTIO_F_EVENT_IDX = 29,
    VIRTIO_F_VERSION_1 = 32,
};
#define VIRTIO_BIT(n) (UINT64_C(1) << (n))
#define VIRTIO_NO_VECTOR 0xffff
enum { VIRTIO_QUEUES_MAX = 64, VIRTIO_CONFIG_MAX = 256 };

struct virtio;

struct virtio_class {
    uint16_t id;
    /* The driver asks for a queue to be looked at. */
    void (*queue_notified)(struct virtio *v, struct virtq *q);
    /* The driver writes configuration space; what the device takes, it puts into v->config. NULL:
     * it is read-only. */
    void (*config_written)(struct virtio *v, uint32_t offset, uint32_t value, unsigned size);
    /* Features are agreed upon; NULL: nothing depends on them. */
    void (*features_set)(struct virtio *v);
    /* Gives up every element that was popped, and touches guest memory no more once it returns. */
    void (*reset)(struct virtio *v);
};

struct virtio_transport {
    /* The device has put something into q, or (NULL) changed its configuration. v->isr says so
     * already. */
    void (*interrupt)(struct virtio *v, struct virtq *q);
    /* May the device master the bus now? NULL: always. */
    bool (*may_dma)(const struct virtio *v);
    /* Where the driver notifies of q: fills in offset, size and match, returns the region. NULL: it
     * has no such place. */
    struct mem_region *(*place_doorbell)(struct virtio *v, const struct virtq *q,
                                         struct mem_doorbell *at);
};

struct virtio {
    /* wiring: set by virtio_init */
    const struct virtio_class *cls;
    const struct virtio_transport *transport;
    struct device *dev; /* masters the bus, names log lines */
    unsigned queue_count;
    uint32_t config_size;

    struct {
        bool indirect_desc, event_idx, ioeventfd;
    } props;

    uint64_t host_features; /* complete when realize is done */
    uint64_t guest_features;
    uint8_t status, isr, generation;
    bool broken;
    uint16_t config_vector;
    uint8_t config[VIRTIO_CONFIG_MAX];
    struct virtq queues[VIRTIO_QUEUES_MAX];

    struct virtq_scratch *scratch; /* for virtq.c */
};

/* Properties that every kind has. */
#define VIRTIO_PROPS(type_, member_)                                                               \
    PROP(PROP_BOOL, type_, member_.props.indirect_desc, "indirect_desc", "on",                     \
         "offer indirect descriptors"),                                                            \
        PROP(PROP_BOOL, type_, member_.props.event_idx, "event_idx", "on",                         \
             "offer the event index, which saves notifications"),                                  \
        PROP(PROP_BOOL, type_, member_.props.ioeventfd, "ioeventfd", "on",                         \
             "with an accelerator that can: take notifications while the vCPU goes on")

extern const struct state_field virtio_state[];
#define STATE_VIRTIO(type_, member_)                                                               \
    {                                                                                              \
        .name = #member_, .kind = STATE_STRUCT, .offset = offsetof(type_, member_), .count = 1,    \
        .elem_size = sizeof(struct virtio), .fields = virtio_state                                 \
    }

/* ---- for device kinds ------------------------------------------------------------------------ */

/* In realize. queue_count is at most VIRTIO_QUEUES_MAX, queue_size a power of two at most
 * VIRTQ_SIZE_MAX. */
bool virtio_init(struct virtio *v, const struct virtio_class *cls, struct device *dev,
                 unsigned queue_count, uint16_t queue_size, uint32_t config_size,
                 struct vemu_error **errp);
void virtio_exit(struct virtio *v);
/* Did the driver take this feature, which it was offered? */
static inline bool virtio_has(const struct virtio *v, unsigned feature)
{
    return (v->guest_features & v->host_features) >> feature & 1;
}
/* v->config was changed by the device: the driver is told. */
void virtio_config_changed(struct virtio *v);
/* The driver broke the rules: logged, and the device does nothing until it is reset. */
void virtio_break(struct virtio *v, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

bool virtio_may_dma(const struct virtio *v);
bool virtio_dma_read(struct virtio *v, uint64_t addr, void *buf, uint64_t len);
bool virtio_dma_write(struct virtio *v, uint64_t addr, const void *buf, uint64_t len);

/* ---- for transports -------------------------------------------------------------------------- */

uint32_t virtio_config_read(struct virtio *v, uint32_t offset, unsigned size);
void virtio_config_write(struct virtio *v, uint32_t offset, uint32_t value, unsigned size);
/* What is offered, as the modern or the legacy interface shows it. */
uint64_t virtio_offered(const struct virtio *v, bool legacy);
/* Half (0 or 1) of the features that the driver takes. */
void virtio_set_features(struct virtio *v, unsigned half, uint32_t value, bool legacy);
void virtio_set_status(struct virtio *v, uint8_t status);
void virtio_reset(struct virtio *v);
/* The driver wrote to the doorbell of queue n; there need not be one. */
void virtio_notify_queue(struct virtio *v, unsigned n);
/* Notifications come without the vCPU from here on, and no more. The latter answers what is left.
 */
void virtio_open_doorbells(struct virtio *v);
void virtio_close_doorbells(struct virtio *v);
/* After a state load, once the transport can raise interrupts. */
bool virtio_post_load(struct virtio *v, struct vemu_error **errp);

#endif
