/*
 * Parallel NOR flash with the Intel command set ("pflash"), as firmware has its code and its
 * variables in: reads as memory, takes commands by writes. Intel Basic Command Set and Common Flash
 * Interface (CFI) specifications; 3 Volt Intel StrataFlash Memory (28F128J3) data sheet. Either one
 * byte wide with blocks of 4 KiB, or two chips of 16 bits side by side, in whose words of 32 bits
 * every command and status stands twice, with blocks of 256 KiB.
 *
 * What is programmed or erased is written to the image when the guest is done with it: when it goes
 * back to reading. Machine lock held throughout.
 */
#ifndef HW_FIRMWARE_PFLASH_H
#define HW_FIRMWARE_PFLASH_H

#include <stdbool.h>
#include <stdint.h>
#include "core/device/device.h"

struct vemu_block;

#define PFLASH_MAX (UINT64_C(8) << 20) /* on a PC: below the APIC windows */

struct pflash_config {
    const char *name;         /* of its memory; one each in a machine */
    uint64_t end;             /* address after its last byte */
    uint64_t size;            /* bytes, the image being that long at most; 0: as many as it has */
    bool wide;                /* two chips */
    struct vemu_block *block; /* its contents; open as long as the device is there; NULL: none,
                                 with a size */
    bool read_only;           /* programming and erasing fail */
    const char *origin;       /* the option, for sentences */
};

extern const struct device_class pflash_class;

struct device *pflash_create(struct vemu_machine *m, const struct pflash_config *cfg,
                             struct vemu_error **errp);
/* The memory that is read: for what shows part of it elsewhere. */
struct ram_block *pflash_memory(struct device *dev);

#endif
