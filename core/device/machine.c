/* Making, resetting and ending a machine, and what a device may ask of it. */
#include "core/device/machine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/block/drive.h"
#include "core/chardev/chardev.h"
#include "core/cpu/cpu.h"
#include "core/device/event.h"
#include "core/device/rng.h"
#include "core/display/display.h"
#include "core/input/input.h"
#include "core/net/net.h"
#include "core/util/error.h"
#include "core/util/range.h"

/* The largest physical address space of the architectures: 52 bits. */
#define MEMORY_SPACE_SIZE (UINT64_C(1) << 52)

bool machine_init(struct vemu_machine *m, struct vemu_error **errp)
{
    memset(m, 0, sizeof *m);
    pthread_mutex_init(&m->lock, NULL);
    pthread_mutex_init(&m->request_lock, NULL);
    pthread_cond_init(&m->state_changed, NULL);
    list_init(&m->devices);
    list_init(&m->chardevs);
    list_init(&m->drives);
    list_init(&m->netdevs);
    list_init(&m->boot_targets);
    list_init(&m->displays);
    list_init(&m->display_helpers);
    list_init(&m->rngs);
    list_init(&m->events);
    list_init(&m->doorbells);
    list_init(&m->clipboard_peers);
    ram_list_init(&m->rams);
    m->run_state = RUN_STATE_PRELAUNCH;

    if (!log_init(&m->log, NULL, NULL) || !(m->clocks = clock_set_new())) {
        machine_destroy(m);
        return error_set(errp, VEMU_ERROR_NO_MEMORY, "no memory for a machine");
    }
    m->loop = loop_new(m->clocks, &m->lock, errp);
    if (m->loop)
        m->input = input_router_new(m, errp);
    if (m->input)
        m->memory = mem_space_new("memory", MEMORY_SPACE_SIZE, &m->lock, errp);
    if (!m->memory) {
        machine_destroy(m);
        return false;
    }
    return true;
}

/* Devices, newest first: what was wired to an older one goes before it. */
static void free_devices(struct vemu_machine *m)
{
    while (!list_empty(&m->devices))
        device_free(list_entry(m->devices.prev, struct device, node));
}

void machine_free_firmware_dirs(struct vemu_machine *m)
{
    for (unsigned n = 0; m->firmware_dirs && m->firmware_dirs[n]; n++)
        free(m->firmware_dirs[n]);
    free(m->firmware_dirs);
    m->firmware_dirs = NULL;
}

void machine_destroy(struct vemu_machine *m)
{
    if (!m->devices.next)
        return;
    vcpus_join(m);

    machine_lock(m);
    /* Nobody runs any more: regions go without a new view for each of them. */
    if (m->memory)
        mem_transaction_begin(m->memory);
    if (m->smm_memory)
        mem_transaction_begin(m->smm_memory);
    if (m->io)
        mem_transaction_begin(m->io);
    free_devices(m);
    if (m->board_free)
        m->board_free(m);
    drive_free_all(m);
    rng_free_all(m);
    machine_unlock(m);
    /* After the devices: one that lowers its line on the way out still reaches a vCPU. */
    vcpus_free(m);

    netdev_free_all(m); /* some go through a character back end */
    machine_lock(m);
    chardev_free_all(m); /* some have displays */
    for (struct display *d; (d = display_nth(m, 0));)
        display_free(d);
    machine_unlock(m);
    if (m->accel && m->accel->machine_destroy)
        m->accel->machine_destroy(m);
    mem_space_free(m->io);
    mem_space_free(m->smm_memory);
    mem_space_free(m->memory);
    while (!list_empty(&m->rams.blocks))
        ram_block_free(&m->rams, list_entry(m->rams.blocks.next, struct ram_block, node));
    input_router_free(m->input);
    if (m->loop)
        loop_free(m->loop);
    if (m->clocks)
        clock_set_free(m->clocks);
    machine_free_firmware_dirs(m);
    for (struct machine_event *e; (e = machine_take_event(m));)
        machine_event_free(e);
    log_destroy(&m->log);
    pthread_cond_destroy(&m->state_changed);
    pthread_mutex_destroy(&m->request_lock);
    pthread_mutex_destroy(&m->lock);
    memset(m, 0, sizeof *m);
}

bool machine_reset(struct vemu_machine *m, struct vemu_error **errp)
{
    list_for_each(dev, &m->devices, struct device, node)
    {
        if (dev->realized && !dev->unplugged && dev->cls->reset)
            dev->cls->reset(dev);
    }
    for (unsigned i = 0; i < m->vcpu_count; i++)
        vcpu_reset(m->vcpus[i]);
    if (!m->board_reset)
        return true;
    const bool ok = m->board_reset(m, errp);
    for (unsigned i = 0; i < m->vcpu_count; i++) {
        if (m->accel->put_state)
            m->accel->put_state(m->vcpus[i]);
    }
    return ok;
}

void machine_free_unplugged(struct vemu_machine *m)
{
    char path[128];

    list_for_each_safe(dev, &m->devices, struct device, node)
    {
        const struct event_item items[] = {EVENT_TEXT("device", dev->id), EVENT_TEXT("path", path)};
        if (!dev->unplugged)
            continue;
        snprintf(path, sizeof path, "/machine/%s/%.80s", dev->id ? "peripheral" : "unattached",
                 dev->id ? dev->id : dev->cls->name);
        machine_event(m, "DEVICE_DELETED", items, ARRAY_SIZE(items));
        device_free(dev);
    }
}

void machine_request(struct vemu_machine *m, enum machine_request what, int status)
{
    pthread_mutex_lock(&m->request_lock);
    if (what == MACHINE_REQUEST_EXIT && !(m->pending_requests & 1u << what))
        m->exit_status = status;
    m->pending_requests |= 1u << what;
    __atomic_fetch_add(&m->requests_made, 1, __ATOMIC_SEQ_CST);
    pthread_cond_broadcast(&m->state_changed);
    pthread_mutex_unlock(&m->request_lock);
    loop_wake(m->loop);
}

uint32_t machine_take_requests(struct vemu_machine *m)
{
    uint32_t requests;

    pthread_mutex_lock(&m->request_lock);
    requests = m->pending_requests;
    m->pending_requests = 0;
    pthread_mutex_unlock(&m->request_lock);
    return requests;
}

struct mem_space *device_memory(struct device *dev)
{
    return dev->machine->memory;
}

struct mem_space *device_io(struct device *dev)
{
    return dev->machine->io;
}

struct clock_set *device_clocks(struct device *dev)
{
    return dev->machine->clocks;
}

struct log *device_log(struct device *dev)
{
    return &dev->machine->log;
}

void device_request(struct device *dev, enum machine_request what, int status)
{
    machine_request(dev->machine, what, status);
}

void machine_flush_posted(struct vemu_machine *m)
{
    if (m->accel && m->accel->flush_posted)
        m->accel->flush_posted(m);
}
