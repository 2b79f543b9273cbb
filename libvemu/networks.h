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
/* The devices of -nic. */
bool networks_build_devices(struct lib_machine *lm, struct vemu_error **errp);

#endif
