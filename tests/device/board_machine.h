/*
 * Whole boards without an accelerator: vCPUs that have registers but never run, so what a board
 * wires and what boot leaves in memory and registers can be looked at.
 */
#ifndef TESTS_DEVICE_BOARD_MACHINE_H
#define TESTS_DEVICE_BOARD_MACHINE_H

#include "core/device/machine.h"
#include "hw/board.h"

/* Makes the board and resets the machine. False: *err is set and the machine is destroyed. */
bool board_machine_try(struct vemu_machine *m, const struct board_class *cls,
                       const struct board_config *cfg, struct vemu_error **err);
void board_machine(struct vemu_machine *m, const struct board_class *cls,
                   const struct board_config *cfg);
/* A temporary file with this content; the caller unlinks and frees the name. */
char *temp_file(const void *data, size_t len);

#endif
