/* The Arm boards, for hw/tables.c. */
#ifndef HW_ARM_BOARDS_H
#define HW_ARM_BOARDS_H

#include "hw/board.h"

extern const struct board_class virt_board_class;

#endif
