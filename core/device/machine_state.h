/*
 * The state of a whole machine as one stream (core/state): memory, clock, vCPUs and every device
 * with a state table.
 *
 * Both functions: vCPUs paused, machine lock held. A stream fits a machine that was made from the
 * same configuration.
 */
#ifndef CORE_DEVICE_MACHINE_STATE_H
#define CORE_DEVICE_MACHINE_STATE_H

#include <stdbool.h>
#include <stddef.h>

struct vemu_machine;
struct vemu_error;
struct state_writer;

/* Appends every section of the machine to w; the caller finishes the stream. */
bool machine_save(struct vemu_machine *m, struct state_writer *w, struct vemu_error **errp);
/*
 * Loads a whole stream. Damage, sections that this machine does not have, missing ones and values
 * out of range are refused; the machine is then left reset. Everything that can be told from the
 * stream alone is checked before memory or a device is touched.
 */
bool machine_load(struct vemu_machine *m, const void *data, size_t len, struct vemu_error **errp);

#endif
