/*
 * The boot order: what the user chose, as CMOS RAM has it for a BIOS and as the fw_cfg file
 * "bootorder" names the devices. Written at each reset, since the first start may have an order of
 * its own and devices come after the board. Machine lock held.
 */
#ifndef HW_X86_BOOT_ORDER_H
#define HW_X86_BOOT_ORDER_H

#include <stdbool.h>

struct board_config;
struct vemu_error;
struct x86_board;

enum { BOOT_LETTERS = 8 };
struct x86_boot_order {
    char order[BOOT_LETTERS]; /* empty: not chosen */
    char once[BOOT_LETTERS];  /* until the first reset; empty: as order */
    bool strict;              /* nothing else is tried */
    const char *first;        /* a path that comes before all devices, or NULL */
};

void x86_boot_order_init(struct x86_board *b, const struct board_config *cfg);
bool x86_boot_order_write(struct x86_board *b, struct vemu_error **errp);

#endif
