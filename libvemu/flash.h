/*
 * Firmware in flash: -pflash FILE, -drive if=pflash, -machine pflash0=NODE. They are opened before
 * the board is made and closed after it is gone. With `control` or before the machine runs.
 */
#ifndef LIBVEMU_FLASH_H
#define LIBVEMU_FLASH_H

#include <stdbool.h>

struct board_config;
struct config_node;
struct lib_machine;
struct vemu_config;
struct vemu_error;

/* Is this -drive with if=pflash? */
bool flash_is_drive(const struct config_node *node);
/* Is this a machine's property that names a block node as a unit: pflash0, pflash1? */
bool flash_is_unit(const char *key);
/* Does the configuration have firmware in flash? */
bool flash_wanted(const struct vemu_config *cfg);
/* What can be wrong with it without opening anything. */
bool flash_check(const struct vemu_config *cfg, struct vemu_error **errp);
bool flash_open(struct lib_machine *lm, struct board_config *cfg, struct vemu_error **errp);
void flash_close(struct lib_machine *lm);

#endif
