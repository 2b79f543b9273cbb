/*
 * A doorbell register of a device (core/memory/doorbell.h) with its descriptor: what the device
 * does when it is rung is called on the loop's thread, with the machine lock held, instead of on
 * the vCPU's. Only where the machine's accelerator rings them (vemu_machine.rings_doorbells).
 *
 * A vCPU goes on after it rang. vcpus_pause calls doorbells_answer, so that nothing that was rung
 * before is still to be done once vCPUs are paused. Machine lock held throughout.
 */
#ifndef CORE_DEVICE_DOORBELL_H
#define CORE_DEVICE_DOORBELL_H

#include <stdbool.h>
#include <stdint.h>
#include "core/memory/doorbell.h"
#include "core/util/list.h"

struct vemu_machine;

struct doorbell {
    struct list node; /* in the machine's */
    struct vemu_machine *machine;
    void (*rung)(void *opaque);
    void *opaque;
    struct mem_doorbell at;
    bool open;
};

/* at's offset, size and match are set. False: there is none, and writes come as ever. */
bool doorbell_open(struct doorbell *bell, struct vemu_machine *m, struct mem_region *region,
                   void (*rung)(void *opaque), void *opaque);
/* What was rung and not answered yet is answered first. Idempotent. */
void doorbell_close(struct doorbell *bell);
/* Everything that was rung until now. */
void doorbells_answer(struct vemu_machine *m);

#endif
