/* Features, status, configuration space of virtio devices: see virtio.h. */
#include "hw/virtio/virtio.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "core/device/machine.h"
#include "core/util/endian.h"
#include "core/util/range.h"

#define LEGACY_ONLY (VIRTIO_BIT(VIRTIO_F_NOTIFY_ON_EMPTY) | VIRTIO_BIT(VIRTIO_F_ANY_LAYOUT))

/* ---- life ------------------------------------------------------------------------------------ */

bool virtio_init(struct virtio *v, const struct virtio_class *cls, struct device *dev,
                 unsigned queue_count, uint16_t queue_size, uint32_t config_size,
                 struct vemu_error **errp)
{
    v->cls = cls;
    v->dev = dev;
    v->queue_count = queue_count;
    v->config_size = config_size;
    v->host_features = VIRTIO_BIT(VIRTIO_F_VERSION_1) | LEGACY_ONLY;
    if (v->props.indirect_desc)
        v->host_features |= VIRTIO_BIT(VIRTIO_F_INDIRECT_DESC);
    if (v->props.event_idx)
        v->host_features |= VIRTIO_BIT(VIRTIO_F_EVENT_IDX);
    v->config_vector = VIRTIO_NO_VECTOR;
    for (unsigned n = 0; n < VIRTIO_QUEUES_MAX; n++) {
        struct virtq *q = &v->queues[n];
        q->v = v;
        q->index = (uint16_t)n;
        q->size_max = n < queue_count ? queue_size : 0;
        virtq_reset(q);
    }
    v->scratch = malloc(sizeof *v->scratch);
    return v->scratch || error_set(errp, VEMU_ERROR_NO_MEMORY, "out of memory");
}

void virtio_exit(struct virtio *v)
{
    v->broken = true; /* what is still to be answered is not worth it */
    virtio_close_doorbells(v);
    if (v->scratch && v->cls->reset)
        v->cls->reset(v);
    free(v->scratch);
    v->scratch = NULL;
}

void virtio_reset(struct virtio *v)
{
    virtio_close_doorbells(v);
    if (v->cls->reset)
        v->cls->reset(v);
    v->guest_features = 0;
    v->status = 0;
    v->isr = 0;
    v->generation = 0;
    v->broken = false;
    v->config_vector = VIRTIO_NO_VECTOR;
    for (unsigned n = 0; n < v->queue_count; n++)
        virtq_reset(&v->queues[n]);
}

void virtio_break(struct virtio *v, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    log_write_about(device_log(v->dev), LOG_GUEST_ERROR, "device", v->dev->cls->name, fmt, ap);
    va_end(ap);
    v->broken = true;
    if (!virtio_has(v, VIRTIO_F_VERSION_1))
        return;
    v->status |= VIRTIO_STATUS_NEEDS_RESET;
    if (v->status & VIRTIO_STATUS_DRIVER_OK)
        virtio_config_changed(v);
}

/* ---- bus mastering --------------------------------------------------------------------------- */

bool virtio_may_dma(const struct virtio *v)
{
    return !v->transport->may_dma || v->transport->may_dma(v);
}

bool virtio_dma_read(struct virtio *v, uint64_t addr, void *buf, uint64_t len)
{
    return virtio_may_dma(v) && dma_read(device_memory(v->dev), v->dev, addr, buf, len) == MEM_OK;
}

bool virtio_dma_write(struct virtio *v, uint64_t addr, const void *buf, uint64_t len)
{
    return virtio_may_dma(v) && dma_write(device_memory(v->dev), v->dev, addr, buf, len) == MEM_OK;
}

/* ---- configuration space --------------------------------------------------------------------- */

void virtio_config_changed(struct virtio *v)
{
    v->generation++;
    v->isr |= VIRTIO_ISR_CONFIG;
    v->transport->interrupt(v, NULL);
}

uint32_t virtio_config_read(struct virtio *v, uint32_t offset, unsigned size)
{
    if (!range_fits(offset, size, v->config_size))
        return (uint32_t)mask_bits(8 * size);
    return (uint32_t)load_le(v->config + offset, size);
}

void virtio_config_write(struct virtio *v, uint32_t offset, uint32_t value, unsigned size)
{
    if (v->cls->config_written && range_fits(offset, size, v->config_size))
        v->cls->config_written(v, offset, value, size);
}

/* ---- features and status --------------------------------------------------------------------- */

uint64_t virtio_offered(const struct virtio *v, bool legacy)
{
    return legacy ? v->host_features & UINT32_MAX : v->host_features & ~LEGACY_ONLY;
}

void virtio_set_features(struct virtio *v, unsigned half, uint32_t value, bool legacy)
{
    if (half > 1)
        return;
    unsigned shift = 32 * half;
    uint64_t mask = UINT64_C(0xffffffff) << shift;
    if (v->status & VIRTIO_STATUS_FEATURES_OK) {
        log_msg(device_log(v->dev), LOG_GUEST_ERROR, "%s: features are settled already",
                v->dev->cls->name);
        return;
    }
    v->guest_features = (v->guest_features & ~mask) | (uint64_t)value << shift;
    /* The legacy interface has no way to say no. */
    if (legacy) {
        v->guest_features &= virtio_offered(v, true);
        if (v->cls->features_set)
            v->cls->features_set(v);
    }
}

void virtio_set_status(struct virtio *v, uint8_t status)
{
    uint8_t set = status & (uint8_t)~v->status;

    if (!status) {
        virtio_reset(v);
        return;
    }
    if (set & VIRTIO_STATUS_FEATURES_OK) {
        if ((v->guest_features & ~virtio_offered(v, false)) || !virtio_has(v, VIRTIO_F_VERSION_1)) {
            log_msg(device_log(v->dev), LOG_GUEST_ERROR,
                    "%s: the driver takes features 0x%llx, but 0x%llx are offered",
                    v->dev->cls->name, (unsigned long long)v->guest_features,
                    (unsigned long long)virtio_offered(v, false));
            status &= (uint8_t)~VIRTIO_STATUS_FEATURES_OK;
        } else if (v->cls->features_set) {
            v->cls->features_set(v);
        }
    }
    /* Only a reset takes this back. */
    v->status = (uint8_t)(status | (v->status & VIRTIO_STATUS_NEEDS_RESET));
    if (set & VIRTIO_STATUS_DRIVER_OK) {
        /* What was made available before. */
        for (unsigned n = 0; n < v->queue_count; n++)
            virtio_notify_queue(v, n);
        virtio_open_doorbells(v);
    }
}

void virtio_notify_queue(struct virtio *v, unsigned n)
{
    /* Legacy drivers may use their queues before they say that they are ready. */
    bool ready = (v->status & VIRTIO_STATUS_DRIVER_OK) || !virtio_has(v, VIRTIO_F_VERSION_1);

    if (n < v->queue_count && v->queues[n].enabled && ready && !v->broken)
        v->cls->queue_notified(v, &v->queues[n]);
}

/* ---- state ----------------------------------------------------------------------------------- */

const struct state_field virtio_state[] = {
    STATE_INT(struct virtio, guest_features),
    STATE_INT(struct virtio, status),
    STATE_INT(struct virtio, isr, .max = VIRTIO_ISR_QUEUE | VIRTIO_ISR_CONFIG),
    STATE_INT(struct virtio, generation),
    STATE_FLAG(struct virtio, broken),
    STATE_INT(struct virtio, config_vector),
    STATE_ARRAY_OF(struct virtio, queues, virtq_state),
    STATE_FIELDS_END,
};

bool virtio_post_load(struct virtio *v, struct vemu_error **errp)
{
    if ((v->status & VIRTIO_STATUS_FEATURES_OK) && (v->guest_features & ~v->host_features))
        return error_set(errp, VEMU_ERROR_FORMAT,
                         "saved state of %s: the driver uses features 0x%llx, but 0x%llx are there",
                         v->dev->cls->name, (unsigned long long)v->guest_features,
                         (unsigned long long)v->host_features);
    for (unsigned n = 0; n < VIRTIO_QUEUES_MAX; n++) {
        if (!virtq_check(&v->queues[n]))
            return error_set(errp, VEMU_ERROR_FORMAT,
                             "saved state of %s: queue %u is not one that this device can have",
                             v->dev->cls->name, n);
    }
    if (v->cls->features_set)
        v->cls->features_set(v);
    virtio_close_doorbells(v);
    if (v->status & VIRTIO_STATUS_DRIVER_OK)
        virtio_open_doorbells(v);
    return true;
}
