/* What every disk asks of its properties, with the same sentences. Machine lock held. */
#ifndef HW_BLOCK_DISK_PROPS_H
#define HW_BLOCK_DISK_PROPS_H

#include <stdbool.h>
#include <stdint.h>

struct drive;
struct vemu_error;

/* `drive` was given. */
bool disk_has_drive(const struct drive *drive, struct vemu_error **errp);
/* Bytes of a block as the guest addresses it, and as the medium writes it; physical 0 becomes the
 * same as logical. */
bool disk_check_blocks(uint32_t logical, uint32_t *physical, struct vemu_error **errp);

#endif
