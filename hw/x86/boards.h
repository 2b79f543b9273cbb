/* The x86 boards, for hw/tables.c. */
#ifndef HW_X86_BOARDS_H
#define HW_X86_BOARDS_H

#include "hw/board.h"

extern const struct board_class pc_board_class;
extern const struct board_class q35_board_class;
extern const struct board_class microvm_board_class;

#endif
