/* The machine `none`: there is nothing in it. Management programs start it to ask what the program
 * offers. */
#ifndef HW_NONE_BOARD_H
#define HW_NONE_BOARD_H

#include "hw/board.h"

extern const struct board_class none_board_class;

#endif
