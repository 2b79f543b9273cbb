/*
 * -object: what devices and back ends may refer to. Captures of networks are networks.c's; the rest
 * is looked at here, by the text and by what is on the host.
 */
#ifndef LIBVEMU_OBJECTS_H
#define LIBVEMU_OBJECTS_H

#include <stdbool.h>

struct config_node;
struct lib_machine;
struct vemu_config;
struct vemu_error;

bool objects_check(const struct vemu_config *cfg, struct vemu_error **errp);
/* Makes those that devices refer to; before the devices. */
bool objects_build(struct lib_machine *lm, struct vemu_error **errp);
/* Is this node an object of that type? */
bool objects_is(const struct config_node *node, const char *type);
/* Bytes of the object that -machine memory-backend= names; 0: none is named. */
bool objects_memory(const struct vemu_config *cfg, unsigned long long *bytes,
                    struct vemu_error **errp);

#endif
