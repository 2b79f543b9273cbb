/* Network options: -netdev, -nic, -object filter-dump. */
#ifndef LIBVEMU_NETWORKS_H
#define LIBVEMU_NETWORKS_H

#include <stdbool.h>

struct lib_machine;
struct vemu_config;
struct vemu_error;

/* What can be wrong without making anything. */
bool networks_check(const struct vemu_config *cfg, struct vemu_error **errp);
/* The back ends; before devices refer to them. */
bool networks_build(struct lib_machine *lm, struct vemu_error **errp);
/* Back ends of a machine that runs; the text is a JSON object. `control` held. One that a device
 * uses cannot be removed. */
bool networks_add_netdev(struct lib_machine *lm, const char *text, struct vemu_error **errp);
bool networks_has_netdev(struct lib_machine *lm, const char *id);
bool networks_remove_netdev(struct lib_machine *lm, const char *id, struct vemu_error **errp);
/* The devices of -nic. */
bool networks_build_devices(struct lib_machine *lm, struct vemu_error **errp);

#endif
