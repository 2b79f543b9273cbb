/*
 * -object: what devices, back ends and servers may refer to. Captures of networks are networks.c's,
 * secrets and TLS credentials credentials.c's.
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
/* Of a machine that runs; the text is a JSON object. `control` held. One that is in use is not
 * removed. */
bool objects_add(struct lib_machine *lm, const char *text, struct vemu_error **errp);
bool objects_has(struct lib_machine *lm, const char *id);
bool objects_remove(struct lib_machine *lm, const char *id, struct vemu_error **errp);
/* Is this node an object of that type? */
bool objects_is(const struct config_node *node, const char *type);
/* Bytes of the object that -machine memory-backend= names; 0: none is named. */
bool objects_memory(const struct vemu_config *cfg, unsigned long long *bytes,
                    struct vemu_error **errp);

#endif
