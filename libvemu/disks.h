/*
 * Disks of the configuration: the keys `drive` (-drive), `blockdev` (-blockdev) and `disk` (--disk,
 * and images named without an option). What they say becomes drives (core/block/drive.h) that
 * devices refer to, and the device itself where one is asked for. With `control` or before the
 * machine runs.
 */
#ifndef LIBVEMU_DISKS_H
#define LIBVEMU_DISKS_H

#include <stdbool.h>

struct lib_machine;
struct opts;
struct vemu_error;

/* Names and values, by the text alone: for the table in keys.c. */
bool disks_check_drive(const char *origin, const char *text, struct opts *props,
                       struct vemu_error **errp);
bool disks_check_blockdev(const char *origin, const char *text, struct opts *props,
                          struct vemu_error **errp);
bool disks_check_disk(const char *origin, const char *text, struct opts *props,
                      struct vemu_error **errp);
extern const char *const disks_drive_props[];
extern const char *const disks_disk_props[];

/* Opens every image. */
bool disks_build(struct lib_machine *lm, struct vemu_error **errp);
/* Block nodes of a machine that runs, written as a JSON object; `control` held. One that is used,
 * by a device or another node, cannot be removed. */
bool disks_add_blockdev(struct lib_machine *lm, const char *text, struct vemu_error **errp);
bool disks_remove_blockdev(struct lib_machine *lm, const char *name, struct vemu_error **errp);
/* The driver of a block node; NULL: there is no such node. */
const char *disks_node_driver(const struct lib_machine *lm, const char *name);
/* The devices of drives and disks that name none. Those on the board's own IDE or SATA controller
 * come before what -device adds: their places are fixed. */
bool disks_build_ide(struct lib_machine *lm, struct vemu_error **errp);
bool disks_build_devices(struct lib_machine *lm, struct vemu_error **errp);

#endif
