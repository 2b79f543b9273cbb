/*
 * The machine on the desktop: -display sdl. The windows have a thread of their own (ui/sdl/sdl.h),
 * so that an embedder's threads are as free as without them; SDL's video is one for the process, so
 * one machine of it has windows.
 */
#ifndef LIBVEMU_WINDOWS_H
#define LIBVEMU_WINDOWS_H

#include <stdbool.h>

struct lib_machine;
struct opts;
struct vemu_config;
struct vemu_error;

/* Is this the text of -display sdl, or of an option that is for windows alone? */
bool windows_meant(const struct opts *props);
bool windows_check(const char *origin, struct opts *props, struct vemu_error **errp);
bool windows_wanted(const struct vemu_config *cfg);
/* What was given for windows has some: check.c. */
bool windows_check_config(const struct vemu_config *cfg, struct vemu_error **errp);
/* Opens them, when they are wanted; the devices are there. */
bool windows_build(struct lib_machine *lm, struct vemu_error **errp);
void windows_free(struct lib_machine *lm);

#endif
