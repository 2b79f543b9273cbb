/*
 * The short spelling of a guest's agent: the key "clipboard" stands for a qemu-vdagent back end and
 * a virtio-serial port for it, unless a -device is such a port.
 */
#ifndef LIBVEMU_AGENT_H
#define LIBVEMU_AGENT_H

#include <stdbool.h>

struct lib_machine;
struct opts;
struct vemu_error;

/* For the table in keys.c. */
bool agent_check(const char *origin, const char *text, struct opts *props,
                 struct vemu_error **errp);
/* After all other devices, whose places it does not change. */
bool agent_build(struct lib_machine *lm, struct vemu_error **errp);

#endif
