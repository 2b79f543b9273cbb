/*
 * What kind of drive an option asks for: -drive, --disk, or one of the short ones (-hda to -hdd,
 * -cdrom), by which interface the guest sees it, and where on an IDE or AHCI controller it goes.
 */
#ifndef LIBVEMU_DRIVE_KIND_H
#define LIBVEMU_DRIVE_KIND_H

#include <stdbool.h>

struct config_node;
struct lib_machine;
struct vemu_error;

enum { DRIVE_PLACE_TEXT = 16 };

/* The short options; ended by NULL. */
extern const char *const drive_kind_short_keys[];

const char *drive_kind_file(const struct config_node *node); /* NULL: an empty CD-ROM drive */
bool drive_kind_is_cd(const struct config_node *node);
/* "ide", "virtio", "none", "pflash". */
const char *drive_kind_interface(const struct lib_machine *lm, const struct config_node *node);
/* The properties bus and unit of a drive with the interface "ide". */
bool drive_kind_place(const struct lib_machine *lm, const struct config_node *node,
                      char bus[DRIVE_PLACE_TEXT], char unit[DRIVE_PLACE_TEXT],
                      struct vemu_error **errp);

#endif
