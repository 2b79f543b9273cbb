/*
 * System management RAM: memory that only a processor in system management mode sees. Compatible
 * SMRAM is the RAM under the VGA window (A0000H-BFFFFH); the Q35 also has TSEG, the top of the
 * memory below 4 GiB. Intel 82441FX (SMRAM register) and 3 Series chipset (SMRAM, ESMRAMC) data
 * sheets.
 *
 * What a processor sees in that mode is an address space of its own, machine.smm_memory: all of the
 * machine's memory with these windows on top. Embedded in the host bridge. Machine lock held.
 */
#ifndef HW_PCI_SMRAM_H
#define HW_PCI_SMRAM_H

#include <stdbool.h>
#include <stdint.h>
#include "core/memory/memory.h"

struct vemu_error;
struct vemu_machine;

enum {
    SMRAM_BASE_SEG = 2, /* C_BASE_SEG: A0000H, the only one */
    SMRAM_G_ENABLE = 1 << 3,
    SMRAM_LOCK = 1 << 4,
    SMRAM_CLOSE = 1 << 5, /* data accesses in SMM go to the bus: not followed, see smram_update */
    SMRAM_OPEN = 1 << 6,
    SMRAM_RESET = SMRAM_BASE_SEG,
    SMRAM_WMASK = SMRAM_G_ENABLE | SMRAM_LOCK | SMRAM_CLOSE | SMRAM_OPEN,
};
enum {
    ESMRAM_T_ENABLE = 1 << 0,
    ESMRAM_TSEG_SIZE_SHIFT = 1,
    ESMRAM_TSEG_SIZE = 3 << ESMRAM_TSEG_SIZE_SHIFT,
    ESMRAM_CACHE = 0x38, /* read as ones */
    ESMRAM_WMASK = ESMRAM_T_ENABLE | ESMRAM_TSEG_SIZE | 0x80,
};

struct smram {
    struct vemu_machine *m;
    struct ram_block *block;
    uint64_t low_end;                    /* of RAM below 4 GiB */
    struct mem_region system;            /* in smm_memory: everything */
    struct mem_region low_smm, low_open; /* A0000H, in either space */
    struct mem_region tseg, hole;        /* TSEG in smm_memory, and what all others see there */
};

/* Makes machine.smm_memory. */
bool smram_init(struct smram *s, struct vemu_machine *m, struct ram_block *block, uint64_t low_end,
                struct vemu_error **errp);
void smram_exit(struct smram *s);
/* tseg_bytes: its size by ESMRAMC, 0: none. */
void smram_update(struct smram *s, uint8_t smram, uint64_t tseg_bytes);

#endif
