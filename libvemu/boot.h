/* -boot: what firmware should start first, and how it asks. Before the machine runs. */
#ifndef LIBVEMU_BOOT_H
#define LIBVEMU_BOOT_H

#include <stdbool.h>

struct board_config;
struct opts;
struct vemu_config;
struct vemu_error;

extern const char *const boot_props[]; /* of the key; ended by NULL */
bool boot_check(const char *origin, const char *text, struct opts *props, struct vemu_error **errp);
/* The strings live as long as the configuration. */
void boot_describe(const struct vemu_config *c, struct board_config *cfg);

#endif
