/*
 * struct vemu_machine: everything that makes up one machine hangs off this struct. The core owns
 * memory, clocks, loop, devices, vCPUs and the run state; boards (hw/) fill it, an accelerator
 * (tcg/, accel/) runs its vCPUs, libvemu wraps it for the public API.
 *
 * Lock order: machine lock, then translator locks (tcg/README in docs/ARCHITECTURE.md), then leaf
 * locks (log, clocks, loop queue, chardev). A vCPU never waits for a safe point while it holds the
 * machine lock.
 */
#ifndef CORE_DEVICE_MACHINE_H
#define CORE_DEVICE_MACHINE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include "core/clock/clock.h"
#include "core/cpu/irqchip.h"
#include "core/device/device.h"
#include "core/loop/loop.h"
#include "core/memory/memory.h"
#include "core/util/list.h"
#include "core/util/log.h"

struct vcpu;
struct accel;
struct chardev;
struct clipboard_peer;
struct input_router;
struct irq_taps;
struct vemu_block_context;

enum run_state {
    RUN_STATE_PRELAUNCH, /* realized, never started */
    RUN_STATE_RUNNING,
    RUN_STATE_PAUSED,
    RUN_STATE_SHUTDOWN,       /* the guest powered off, or reset with no-reboot */
    RUN_STATE_INTERNAL_ERROR, /* the accelerator cannot go on */
    RUN_STATE_GUEST_PANICKED,
    RUN_STATE_DEBUG, /* stopped for the debugger */
};

struct vemu_machine {
    pthread_mutex_t lock; /* the machine lock: devices, memory tree, device list */
    struct log log;
    struct clock_set *clocks;
    struct loop *loop;
    struct ram_list rams;
    struct mem_space *memory;
    struct mem_space *smm_memory; /* what x86 vCPUs see in system management mode; NULL: `memory` */
    struct mem_space *io;         /* NULL on machines without port I/O */
    uint64_t ram_size;            /* bytes, -m */

    struct list devices; /* struct device.node */
    struct list chardevs;
    struct list drives;               /* core/block/drive.h */
    struct vemu_block_context *block; /* what they run on; NULL: there are none */
    struct list rngs;                 /* core/device/rng.h */
    struct list netdevs;              /* struct netdev: network back ends */
    struct list boot_targets;         /* core/device/boot_target.h */
    struct input_router *input;       /* core/input/input.h */
    struct list displays;             /* core/display/display.h */
    struct list display_helpers;      /* there, too */
    unsigned display_helper_count;    /* atomic */
    unsigned net_addresses;           /* given out by net_address_default */

    struct list clipboard_peers;            /* core/display/clipboard.h */
    struct clipboard_peer *clipboard_owner; /* NULL: there is no text */

    struct vcpu **vcpus;
    unsigned vcpu_count;
    const struct accel *accel;
    void *accel_state;         /* the accelerator's per-machine state */
    enum irqchip_mode irqchip; /* set before a device is made */
    bool has_wires;            /* the accelerator connects them (core/cpu/irqchip.h) */
    struct irq_taps *irq_taps; /* core/device/irq_tap.h; NULL: none */

    /* requests from devices and other threads, taken up with machine_take_requests() on the loop
     * thread; request_lock is a leaf lock and guards run_state too */
    pthread_mutex_t request_lock;
    pthread_cond_t state_changed;
    uint32_t pending_requests; /* bit per enum machine_request */
    uint32_t requests_made;    /* counts them; read without the lock */
    struct list doorbells;     /* core/device/doorbell.h */
    bool rings_doorbells;      /* the accelerator does */
    struct list events;        /* core/device/event.h; struct machine_event.node */
    unsigned event_count;
    int exit_status;
    enum run_state run_state;
    bool no_reboot, no_shutdown;
    bool starts_firmware; /* which runs the expansion ROMs of devices; the board knows */
    char **firmware_dirs; /* where to look for firmware files first; ended by NULL; may be NULL */

    void *board; /* the board's own struct */
    /* after device resets: direct-boot register set-up */
    bool (*board_reset)(struct vemu_machine *m, struct vemu_error **errp);
    void (*board_free)(struct vemu_machine *m);
};

/* m may be uninitialised memory. Makes log (no sink yet), clocks, loop and the memory space; a
 * board makes m->io. On failure m is zeroed. */
bool machine_init(struct vemu_machine *m, struct vemu_error **errp);
/* vCPU threads and the loop's thread are already joined. Zeroes m; allowed on a zeroed one. */
void machine_destroy(struct vemu_machine *m);
void machine_free_firmware_dirs(struct vemu_machine *m);
/* Reset every device (creation order), then the vCPUs, then board_reset, which may fail: all else
 * is reset then. Machine lock held, vCPUs paused. */
bool machine_reset(struct vemu_machine *m, struct vemu_error **errp);
/* Frees what the guest has let go, and tells of each: DEVICE_DELETED. Machine lock held, vCPUs
 * paused. */
void machine_free_unplugged(struct vemu_machine *m);
/* Records the request (the first EXIT's status counts), wakes the loop, signals state_changed. */
void machine_request(struct vemu_machine *m, enum machine_request what, int status);
/* The requests since the last call, a bit (1 << enum machine_request) each; clears them. */
uint32_t machine_take_requests(struct vemu_machine *m);
/* Writes that the accelerator gathers (core/memory/posted.h) are looked at now. Machine lock held.
 */
void machine_flush_posted(struct vemu_machine *m);
static inline void machine_lock(struct vemu_machine *m)
{
    pthread_mutex_lock(&m->lock);
}
static inline void machine_unlock(struct vemu_machine *m)
{
    pthread_mutex_unlock(&m->lock);
}

#endif
