/*
 * Devices, properties, interrupt lines. This header is the device API: built-in devices and
 * plug-ins use it and nothing else of the core but core/memory, core/clock, core/state,
 * core/chardev and core/util. A device model never includes a header of tcg/, accel/, ui/ or
 * libvemu/ internals.
 *
 * Life of a device: device_new (zeroed struct, property defaults) -> properties set ->
 * device_realize (claims memory, wires irqs; all-or-nothing) -> reset -> ... -> device_free
 * (unrealize). All of it with the machine lock held, or before the machine runs. Callbacks (MMIO,
 * timers, chardev, irq inputs) run with the machine lock held unless the region says it has its own
 * lock.
 */
#ifndef CORE_DEVICE_DEVICE_H
#define CORE_DEVICE_DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "core/util/list.h"
#include "core/util/error.h"

struct vemu_machine;
struct device;
struct state_field;
struct mem_space;
struct clock_set;
struct log;
struct medium_ops;

/* ---- interrupt lines ------------------------------------------------------------------------- */

/* An input of some device: `fn(opaque, n, level)` is called on every irq_set; level is 0 or 1. */
typedef void (*irq_fn)(void *opaque, unsigned n, int level);
struct irq {
    irq_fn fn;
    void *opaque;
    unsigned n;
};
/* Drive a line; an unconnected one (fn NULL) is ignored. Machine lock held. */
static inline void irq_set(const struct irq *irq, int level)
{
    if (irq->fn)
        irq->fn(irq->opaque, irq->n, level);
}
static inline void irq_pulse(const struct irq *irq)
{
    irq_set(irq, 1);
    irq_set(irq, 0);
}

/* ---- properties ------------------------------------------------------------------------------ */

enum prop_type {
    PROP_BOOL, /* bool */
    PROP_U8,
    PROP_U16,
    PROP_U32,
    PROP_U64,     /* "123", "0x1f"; */
    PROP_SIZE,    /* uint64_t bytes; "512M", "8G" */
    PROP_STRING,  /* char *, owned by the device */
    PROP_CHARDEV, /* struct chardev *, by id */
    PROP_DRIVE,   /* struct drive *, by id or node name */
    PROP_NETDEV,  /* struct netdev *, by id */
    PROP_MAC,     /* uint8_t[6]: "52:54:00:12:34:56" */
    PROP_ENUM,    /* int; names in enum_names (NULL-terminated) */
};

struct prop_desc {
    const char *name;
    enum prop_type type;
    uint32_t offset;           /* of the member in the device struct */
    const char *default_value; /* as text; NULL: zero */
    const char *help;
    uint64_t min, max; /* integer kinds; both 0: no limit */
    const char *const *enum_names;
    bool live; /* may also be set while the device is in use */
};
#define PROP(type_, struct_, member, name_, def, help_, ...)                                       \
    {                                                                                              \
        .name = (name_), .type = (type_), .offset = offsetof(struct_, member),                     \
        .default_value = (def), .help = (help_), __VA_ARGS__                                       \
    }

/* ---- classes and instances ------------------------------------------------------------------- */

struct device_class {
    const char *name;                /* as on the command line: "isa-debug-exit" */
    const char *help;                /* one line */
    size_t size;                     /* of the device struct, which starts with struct device */
    bool user_creatable;             /* may stand behind -device */
    const char *bus;                 /* "pci", "isa": what the board's plug looks for; NULL: none */
    const struct prop_desc *props;   /* ended by a NULL name; may be NULL */
    const struct state_field *state; /* ended by STATE_FIELDS_END; NULL: nothing to save */
    uint32_t state_version;
    bool (*realize)(struct device *dev, struct vemu_error **errp);
    void (*unrealize)(struct device *dev); /* only called after a successful realize */
    void (*reset)(struct device *dev);     /* to the power-on state of the data sheet */
    /* After a load, with every field in range by the table: rebuild what is derived, check what
     * spans fields. */
    bool (*post_load)(struct device *dev, struct vemu_error **errp);
    void (*pre_save)(struct device *dev);
    /* A `live` property was set while the device is in use. */
    void (*prop_changed)(struct device *dev);
    const struct medium_ops *medium; /* core/block/medium.h; NULL: it has none to be changed */
};

struct device {
    const struct device_class *cls;
    struct vemu_machine *machine;
    struct list node;  /* in the machine's device list, in creation order */
    char *id;          /* from the user, or NULL */
    uint32_t instance; /* counts devices of the class in this machine, from 0: the state section's
                          instance */
    bool realized;
    bool unplugged;  /* off its bus, and to be freed */
    bool dma_active; /* DMA re-entrancy guard */
};

/* Allocates and sets defaults. The caller sets wiring members and properties, then realizes. */
struct device *device_new(struct vemu_machine *m, const struct device_class *cls, const char *id,
                          struct vemu_error **errp);
bool device_set_prop(struct device *dev, const char *name, const char *value,
                     struct vemu_error **errp);
/* The property's present value as text in buf. */
bool device_get_prop(struct device *dev, const char *name, char *buf, size_t len,
                     struct vemu_error **errp);
bool device_realize(struct device *dev, struct vemu_error **errp);
/* Unrealizes when realized, removes from the machine, frees. */
void device_free(struct device *dev);
/* The guest has let a device go and cannot reach it any more, but a vCPU may still be on its way
 * out of it: whoever stops vCPUs frees it, when asked by MACHINE_REQUEST_UNPLUG. */
void device_unplug(struct device *dev);
/* new + realize with no wiring: for the user's -device; props as "k=v,k=v" was parsed by
 * core/util/opts. */
const struct prop_desc *device_class_prop(const struct device_class *cls, const char *name);

/* What a device may ask of its machine (implemented in core/device/machine.c). */
struct mem_space *device_memory(struct device *dev); /* system memory */
struct mem_space *device_io(struct device *dev);     /* x86 port space; NULL on machines without */
struct clock_set *device_clocks(struct device *dev);
struct log *device_log(struct device *dev);
/* Ask the machine to stop with this reason once the current access is done. Any thread. */
enum machine_request {
    MACHINE_REQUEST_RESET,
    MACHINE_REQUEST_SHUTDOWN,
    MACHINE_REQUEST_EXIT, /* isa-debug-exit: shutdown with an exit status */
    MACHINE_REQUEST_PANIC,
    /* core/cpu: a vCPU left vcpu_run with VCPU_EXIT_DEBUG and parked itself (debug_addr, debug_hit
     * say where), or with VCPU_EXIT_ERROR (vcpu.error). libvemu pauses the others. */
    MACHINE_REQUEST_DEBUG,
    MACHINE_REQUEST_ERROR,
    MACHINE_REQUEST_PAUSE,  /* a disk cannot go on (core/block/drive.h) */
    MACHINE_REQUEST_UNPLUG, /* there are devices to be freed: machine_free_unplugged */
};
void device_request(struct device *dev, enum machine_request what, int status);

#define guest_error(s, ...) log_msg(device_log(&(s)->dev), LOG_GUEST_ERROR, __VA_ARGS__)

#endif
