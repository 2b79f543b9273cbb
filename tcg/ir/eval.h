/*
 * Reference semantics of the flag operations, as plain functions: used by the interpreter and
 * wherever flags are recomputed from a recipe (exit snapshots). Pure; any thread.
 */
#ifndef TCG_IR_EVAL_H
#define TCG_IR_EVAL_H

#include "tcg/ir/ir.h"

/*
 * Packed flags of FL operation `op` with operands a, b of `width`; fl: packed flags argument; for
 * FL_SHLD and FL_SHRD count is the shift count.
 */
uint32_t ir_eval_flags(enum ir_op op, enum ir_width width, uint64_t a, uint64_t b, uint32_t fl,
                       unsigned count);
/* Does the condition hold over packed flags? */
bool ir_eval_cc(enum ir_cc cc, uint32_t fl);

#endif
