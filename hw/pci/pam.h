/*
 * Programmable attribute map: which of 13 segments between C0000H and FFFFFH are RAM, for reads and
 * for writes each, and which lie on the PCI bus (firmware ROM, option ROMs). Shared by the i440FX
 * (registers at 59H) and the Q35 (90H). Intel 82441FX data sheet, PAM registers.
 *
 * Embedded in the host bridge, which passes its seven registers on. Machine lock held throughout.
 */
#ifndef HW_PCI_PAM_H
#define HW_PCI_PAM_H

#include <stdint.h>
#include "core/memory/memory.h"

struct vemu_error;
struct vemu_machine;

enum { PAM_REGISTERS = 7, PAM_SEGMENTS = 13 };
/* What software may write of register n. */
#define PAM_WMASK(n) ((n) == 0 ? 0x30 : 0x33)

struct pam_segment {
    struct pam *pam;
    uint32_t first, size;
    struct mem_region ram, rom, split; /* read/write, read-only, and writes only */
};

struct pam {
    struct vemu_machine *m;
    struct mem_space *sides; /* the bus and RAM, both whole: for segments that use one of each */
    struct mem_region bus_side, ram_side;
    struct pam_segment segment[PAM_SEGMENTS];
};

/* block: the machine's RAM, in which these addresses are offsets. pci: the bus' memory container.
 */
bool pam_init(struct pam *pam, struct vemu_machine *m, struct ram_block *block,
              struct mem_region *pci, struct vemu_error **errp);
void pam_exit(struct pam *pam);
/* The registers changed: read enable is bit 0, write enable bit 1 of each nibble. */
void pam_update(struct pam *pam, const uint8_t reg[PAM_REGISTERS]);

#endif
