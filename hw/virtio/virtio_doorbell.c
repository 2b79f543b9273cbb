/* The doorbells of a virtio device's queues, while its driver runs it: see virtio.h. */
#include "core/device/doorbell.h"
#include "core/device/machine.h"
#include "hw/virtio/virtio.h"

static void rung(void *opaque)
{
    const struct virtq *q = opaque;

    virtio_notify_queue(q->v, q->index);
}

void virtio_open_doorbells(struct virtio *v)
{
    struct vemu_machine *m = v->dev->machine;

    if (!m->rings_doorbells || !v->transport->place_doorbell || !v->props.ioeventfd)
        return;
    mem_transaction_begin(m->memory);
    if (m->io)
        mem_transaction_begin(m->io);
    for (unsigned n = 0; n < v->queue_count; n++) {
        struct virtq *q = &v->queues[n];
        struct mem_region *region = NULL;
        if (q->enabled && !q->doorbell.open)
            region = v->transport->place_doorbell(v, q, &q->doorbell.at);
        if (region)
            doorbell_open(&q->doorbell, m, region, rung, q);
    }
    if (m->io)
        mem_transaction_commit(m->io);
    mem_transaction_commit(m->memory);
}

/* Not in a transaction: a doorbell that is closed is to ring no more. */
void virtio_close_doorbells(struct virtio *v)
{
    for (unsigned n = 0; n < VIRTIO_QUEUES_MAX; n++)
        doorbell_close(&v->queues[n].doorbell);
}
