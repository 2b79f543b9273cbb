/*
 * Vector operations of the IR in portable C, lane by lane: the interpreter's, and the reference
 * that compiled code is compared with. Floating point is done in integers (softfp.h): the host's FP
 * environment is neither looked at nor changed.
 */
#ifndef TCG_INTERP_VECTOR_H
#define TCG_INTERP_VECTOR_H

#include "core/cpu/x86.h"
#include "tcg/ir/ir.h"

/*
 * Result of vector insn `i` (any op with a V128 result but GET, LD, CALL, LDENV) on a, b, c; for
 * ops with an integer operand (V_FROM, V_INS, VF_SFROMI, VA_FROMI) it is in `x`. *mxcsr: rounding,
 * DAZ, FTZ in; exception flags are or-ed in, those of softfp that MXCSR does not have included.
 */
struct x86_vec interp_vector(const struct ir_insn *i, struct x86_vec a, struct x86_vec b,
                             struct x86_vec c, uint64_t x, uint32_t *mxcsr);
/* Integer or packed-flags result: V_LANE, V_MOVMSK, VF_STOI, VA_TOI, FL_COMIS, FL_FCMP,
 * FL_PTEST. */
uint64_t interp_vector_to_int(const struct ir_insn *i, struct x86_vec a, struct x86_vec b,
                              uint32_t *mxcsr);

/*
 * The same where the result or (wide) the operands are V256: v are a, b and c, of V128 operands the
 * low half counts. What interp_vector does it does, too.
 */
void interp_vector_any(const struct ir_insn *i, bool wide, const struct x86_vec256 v[3], uint64_t x,
                       uint32_t *mxcsr, struct x86_vec256 *r);
/* V_MOVMSK and FL_PTEST of V256 operands. */
uint64_t interp_vector_any_to_int(const struct ir_insn *i, const struct x86_vec256 v[2],
                                  uint32_t *mxcsr);

#endif
