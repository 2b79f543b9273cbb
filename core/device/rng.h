/*
 * Sources of random numbers for devices, by id: the host's own generator, or a file of bytes (a
 * character device, a FIFO). One device uses a source. Machine lock held.
 */
#ifndef CORE_DEVICE_RNG_H
#define CORE_DEVICE_RNG_H

#include <stdbool.h>
#include <stddef.h>

struct rng;
struct vemu_error;
struct vemu_machine;

/* filename NULL: the host's generator. */
struct rng *rng_new(struct vemu_machine *m, const char *id, const char *filename,
                    struct vemu_error **errp);
struct rng *rng_find(struct vemu_machine *m, const char *id);
const char *rng_id(const struct rng *r);
/* ready: there may be more bytes after rng_read had too few; on the main loop's thread. */
bool rng_attach(struct rng *r, void (*ready)(void *opaque), void *opaque, struct vemu_error **errp);
void rng_detach(struct rng *r);
/* Takes what is there, up to len bytes, without waiting; after fewer, `ready` is called. r NULL:
 * the host's generator, without a source of a name. */
size_t rng_read(struct rng *r, void *buf, size_t len);
/* False: a device uses it. */
bool rng_remove(struct vemu_machine *m, const char *id);
void rng_free_all(struct vemu_machine *m); /* for machine_destroy, after the devices */

#endif
