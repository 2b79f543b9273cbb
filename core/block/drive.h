/*
 * Drives: the disk images of a machine, by name, between who configured them and the device that
 * shows them to the guest. One device per drive.
 *
 * The machine's images share one block context, which its main loop dispatches: requests are
 * submitted and completed with the machine lock held. While vCPUs are paused nothing is under way:
 * whoever pauses them calls drive_drain_all, whoever resumes them drive_resume_all.
 */
#ifndef CORE_BLOCK_DRIVE_H
#define CORE_BLOCK_DRIVE_H

#include <stdbool.h>
#include <stdint.h>
#include <vemu/block.h>
#include "core/util/list.h"

struct device;
struct vemu_machine;

/* What a device does about a request that failed. */
enum drive_on_error {
    DRIVE_REPORT, /* the guest gets to know */
    DRIVE_IGNORE, /* the guest is told that all went well */
    DRIVE_STOP,   /* the machine pauses; the request is repeated when it goes on */
    DRIVE_ENOSPC, /* pauses when the host is out of space, else reports (writes only) */
    DRIVE_AUTO,   /* a device's property: as the drive says */
};
extern const char *const drive_on_error_names[];

/* How a drive is made. */
struct drive_config {
    const char *id;
    const char *filename, *format; /* format NULL: found out by looking */
    enum vemu_block_cache cache;
    bool read_only;
    bool no_backing;     /* leave the image's backing file closed */
    const char *backing; /* the id of a drive that is used as the backing file; NULL: as the
                            image says. That drive is closed with this one. */
    bool snapshot;       /* writes go to a temporary image, and are gone in the end */
    bool discard;        /* discards are carried out; else ignored */
    enum drive_on_error rerror, werror;
    const char *aio; /* "threads", "io_uring", "native" or NULL: what works best */
    bool node;       /* made as a block node: clients know it by its node name */
    /* A file that a format node may lie on: it is only looked at until a device uses it, so that
     * whoever opens it in earnest finds it free. */
    bool parked;
};

struct drive_ops {
    /* vCPUs are about to go on: repeat what failed with DRIVE_STOP. May be NULL. */
    void (*resume)(void *opaque);
    /* The image has another size: nothing is under way. NULL: the device cannot tell the guest. */
    void (*resized)(void *opaque);
};

/* What the last error that stopped the machine was; fine again once it goes on. */
enum drive_status { DRIVE_FINE, DRIVE_FAILED, DRIVE_NO_SPACE };

struct drive {
    struct list node; /* in the machine's list */
    struct vemu_machine *machine;
    char *id;
    /* NULL: it could not be opened again when who had it as a backing file was gone */
    struct vemu_block *block;
    struct drive *above;        /* has `block` as its backing file, and owns it; NULL: none */
    bool parked;                /* `block` is for looking at; see drive_config */
    bool is_node;               /* known by its node name */
    bool lent;                  /* somebody opened the image for itself: no device may have it */
    struct drive_config config; /* as it was made, with strings of its own */
    enum drive_status status;
    bool read_only;
    bool write_cache; /* writes are durable only after a flush, unless the guest asks otherwise */
    bool discard;
    enum drive_on_error rerror, werror;
    /* the device that shows it */
    struct device *dev; /* NULL: nobody */
    const struct drive_ops *ops;
    void *opaque;
};

/* Opens the image. NULL: *errp names the image and what is wrong. */
struct drive *drive_new(struct vemu_machine *m, const struct drive_config *cfg,
                        struct vemu_error **errp);
struct drive *drive_find(struct vemu_machine *m, const char *id);
/* One device uses a drive from its realize to its unrealize; detaching waits for its requests. */
bool drive_attach(struct drive *d, struct device *dev, const struct drive_ops *ops, void *opaque,
                  struct vemu_error **errp);
void drive_detach(struct drive *d);
/* Somebody opens the image for itself, as `config` says, and has it until the machine ends. */
bool drive_lend(struct drive *d, struct vemu_error **errp);
/* Closes it. Fails while a device uses it, or a drive above it. */
bool drive_delete(struct drive *d, struct vemu_error **errp);
/* Gives the image another size, and tells the device. */
bool drive_resize(struct drive *d, uint64_t size, struct vemu_error **errp);

/* Everything under way is done when this returns; completions are delivered. */
void drive_drain_all(struct vemu_machine *m);
void drive_resume_all(struct vemu_machine *m);
/* For machine_destroy, after the devices. */
void drive_free_all(struct vemu_machine *m);

/* What is to be done about `error` of a read or write (writes: also flushes and the like). rerror,
 * werror: the device's properties, enum drive_on_error. DRIVE_STOP: the machine was asked to pause;
 * DRIVE_REPORT and DRIVE_IGNORE are the others that are returned. */
enum drive_on_error drive_error(struct drive *d, int rerror, int werror, bool write, int error);

#endif
