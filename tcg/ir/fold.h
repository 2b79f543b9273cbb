/* Folding while building: constants, copies, identities. */
#ifndef TCG_IR_FOLD_H
#define TCG_IR_FOLD_H

#include "tcg/ir/ir.h"

/* Returns the ref of a value equal to *i, or 0; may rewrite *i into a simpler insn. */
ir_ref ir_fold(struct ir_region *r, struct ir_insn *i);
/* Bytes of a v128 that may be other than 0: so many low ones. */
unsigned ir_low_bytes(const struct ir_region *r, ir_ref v);
/* The comparison of IR_SETC on constants. */
bool ir_eval_setc(unsigned cc, enum ir_type type, uint64_t a, uint64_t b);

#endif
