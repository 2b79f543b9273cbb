/*
 * VFP and Advanced SIMD of A32 and T32: what their translate functions share.
 *
 * D registers are the halves of V0 to V15 and S registers quarters of V0 to V7, and the rest of a
 * register is not changed with them. An instruction is made into A64's that does the same, which
 * the tables and functions of A64 translate: Q registers stand in its fields as they are; D and S
 * registers are brought to the low end of a temporary, which V16 to V31 name (a64_trans.temp), and
 * results go back from there.
 */
#ifndef TCG_ARM_TRANSLATE32_VEC_H
#define TCG_ARM_TRANSLATE32_VEC_H

#include "tcg/arm/translate32.h"
#include "tcg/arm/translate_fp.h"

enum a32_vec_kind { A32_NONE, A32_S, A32_D, A32_Q };

/* An operand: the number of an S register, or of a D register, of a Q register's lower half. */
struct a32_operand {
    uint8_t kind, n;
};
struct a32_vec {
    struct a32_operand d, n, m;
    bool standard; /* by the standard FPSCR value, as Advanced SIMD does floating point */
};

static inline uint8_t a32_number(unsigned kind, unsigned four, unsigned one)
{
    return (uint8_t)(kind == A32_S ? four << 1 | one : one << 4 | four);
}

/* The instruction has effects beyond general registers, and uses FP registers. false: the trap was
 * raised, the instruction is done. */
bool a32_vec_begin(struct a64_trans *x);

/* A register in the low end; anything above. */
ir_ref a32_vec_get(struct a64_trans *x, struct a32_operand o);
/* What counts of v, to the register alone. */
void a32_vec_put(struct a64_trans *x, struct a32_operand o, ir_ref v);

/* A64's number for the operand, temporary `temp` (0 to 15) if it needs one; and the result from
 * where it is. */
unsigned a32_vec_in(struct a64_trans *x, struct a32_operand o, unsigned temp);
void a32_vec_out(struct a64_trans *x, struct a32_operand o, unsigned temp);

/* The A64 instruction; false: there is none, or the processor has it not. */
bool a32_as_a64(struct a64_trans *x, uint32_t word);
/* ... with Rd, Rn and Rm put in; in between a32_vec_begin(). */
bool a32_vec_run(struct a64_trans *x, const struct a32_vec *v, uint32_t word);
/* The operands' fields of the word; d is in temporary 0, n in 1, m in 2. */
uint32_t a32_vec_fields(struct a64_trans *x, const struct a32_vec *v);

/* Between these, floating point is done by the standard FPSCR value; the first gives the mode that
 * the second takes. */
uint64_t a32_standard_begin(struct a64_trans *x);
void a32_standard_end(struct a64_trans *x, uint64_t mode);

/* ---- operands of Advanced SIMD ----------------------------------------------------------------
 */

static inline struct a32_operand a32_simd_d(const struct a32_insn *i, unsigned kind)
{
    return (struct a32_operand){(uint8_t)kind, a32_number(A32_D, i->Vd, i->D)};
}
static inline struct a32_operand a32_simd_n(const struct a32_insn *i, unsigned kind)
{
    return (struct a32_operand){(uint8_t)kind, a32_number(A32_D, i->Vn, i->N)};
}
static inline struct a32_operand a32_simd_m(const struct a32_insn *i, unsigned kind)
{
    return (struct a32_operand){(uint8_t)kind, a32_number(A32_D, i->Vm, i->M)};
}
/* Registers as long as Q says. */
static inline unsigned a32_simd_kind(const struct a32_insn *i)
{
    return i->Q ? A32_Q : A32_D;
}

#endif
