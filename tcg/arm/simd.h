/*
 * What the translations of Advanced SIMD instructions share: the lane width and shape of an
 * instruction, and operations on lanes that the IR has not for every width.
 *
 * A function that makes a result of operands takes whole registers and may leave anything in the
 * lanes that do not count; simd_put() clears them.
 */
#ifndef TCG_ARM_SIMD_H
#define TCG_ARM_SIMD_H

#include "core/util/range.h"
#include "tcg/arm/translate.h"

struct simd {
    struct a64_trans *x;
    struct ir_region *r;
    enum ir_width w;     /* of a lane of the operation */
    enum ir_width keep;  /* what counts of a result: W128, or one lane of this width, the rest 0 */
    enum ir_width count; /* likewise, of what simd_saturated() is told */
    unsigned rd;
};

static inline struct simd simd_begin(struct a64_trans *x, const struct a64_insn *i, enum ir_width w,
                                     enum ir_width keep)
{
    return (struct simd){.x = x, .r = x->ir, .w = w, .keep = keep, .count = keep, .rd = i->Rd};
}
/* What counts of a vector. */
static inline enum ir_width simd_shape(const struct a64_insn *i)
{
    return i->Q ? IR_W128 : IR_W64;
}

/* ---- registers ------------------------------------------------------------------------------ */

static inline ir_ref simd_reg(struct simd *s, unsigned n)
{
    return a64_vec(s->x, n);
}
/* The destination as it was. */
static inline ir_ref simd_old(struct simd *s)
{
    return a64_vec(s->x, s->rd);
}
static inline ir_ref simd_cut(struct simd *s, ir_ref v)
{
    return s->keep == IR_W128 ? v : ir_emit(s->r, IR_V_LOW, IR_V128, s->keep, v, 0, 0, 0, 0);
}
static inline void simd_put(struct simd *s, ir_ref v)
{
    a64_put_vec(s->x, s->rd, simd_cut(s, v));
}
/* FPSR.QC is set when a bit is set in what counts of v. */
void simd_saturated(struct simd *s, ir_ref v);

/* ---- operations of the IR ------------------------------------------------------------------- */

static inline __attribute__((always_inline)) ir_ref v_op(struct simd *s, enum ir_op op, unsigned w,
                                                         ir_ref a, ir_ref b)
{
    return ir_emit(s->r, op, IR_V128, w, a, b, 0, 0, 0);
}
static inline __attribute__((always_inline)) ir_ref v_imm(struct simd *s, enum ir_op op, unsigned w,
                                                          ir_ref a, uint64_t imm)
{
    return ir_emit(s->r, op, IR_V128, w, a, 0, 0, 0, imm);
}
static inline __attribute__((always_inline)) ir_ref
v_op_imm(struct simd *s, enum ir_op op, unsigned w, ir_ref a, ir_ref b, uint64_t imm)
{
    return ir_emit(s->r, op, IR_V128, w, a, b, 0, 0, imm);
}
static inline ir_ref v_and(struct simd *s, ir_ref a, ir_ref b)
{
    return v_op(s, IR_V_AND, 0, a, b);
}
static inline ir_ref v_or(struct simd *s, ir_ref a, ir_ref b)
{
    return v_op(s, IR_V_OR, 0, a, b);
}
static inline ir_ref v_xor(struct simd *s, ir_ref a, ir_ref b)
{
    return v_op(s, IR_V_XOR, 0, a, b);
}
/* a & ~b: the operands as Arm's BIC has them. */
static inline ir_ref v_bic(struct simd *s, ir_ref a, ir_ref b)
{
    return v_op(s, IR_V_ANDN, 0, b, a);
}
static inline ir_ref v_add(struct simd *s, unsigned w, ir_ref a, ir_ref b)
{
    return v_op(s, IR_V_ADD, w, a, b);
}
static inline ir_ref v_sub(struct simd *s, unsigned w, ir_ref a, ir_ref b)
{
    return v_op(s, IR_V_SUB, w, a, b);
}
static inline ir_ref v_eq(struct simd *s, unsigned w, ir_ref a, ir_ref b)
{
    return v_op(s, IR_V_CMPEQ, w, a, b);
}
static inline ir_ref v_gt(struct simd *s, unsigned w, ir_ref a, ir_ref b)
{
    return v_op(s, IR_V_CMPGT, w, a, b);
}
static inline ir_ref v_const(struct simd *s, uint64_t both_halves)
{
    return ir_emit(s->r, IR_VCONST, IR_V128, 0, 0, 0, 0, 0, both_halves);
}
static inline ir_ref v_zero(struct simd *s)
{
    return v_const(s, 0);
}
static inline ir_ref v_not(struct simd *s, ir_ref a)
{
    return v_xor(s, a, v_const(s, ~UINT64_C(0)));
}
/* Bytes of a from byte n on, zeros from above. */
static inline ir_ref v_down(struct simd *s, ir_ref a, unsigned n)
{
    return v_imm(s, IR_V_SHRB, 0, a, n);
}
/* Mask (all ones or 0 in each lane) ? a : b */
static inline ir_ref v_select(struct simd *s, ir_ref mask, ir_ref a, ir_ref b)
{
    return ir_emit(s->r, IR_V_BLENDV, IR_V128, IR_W8, b, a, mask, 0, 0);
}
static inline unsigned simd_bits(unsigned w)
{
    return 8u << w;
}
/* A lane's value in every lane of 64 bits. */
static inline uint64_t simd_replicate(unsigned w, uint64_t v)
{
    return w == IR_W64 ? v : (v & mask_bits(8u << w)) * (~UINT64_C(0) / mask_bits(8u << w));
}
static inline ir_ref v_dup(struct simd *s, unsigned w, uint64_t v)
{
    return v_const(s, simd_replicate(w, v));
}
/* The top bit of each lane. */
static inline ir_ref v_top(struct simd *s, unsigned w)
{
    return v_dup(s, w, UINT64_C(1) << (simd_bits(w) - 1));
}

/* ---- tcg/arm/simd.c: operations on lanes of any width w -------------------------------------- */

ir_ref v_const128(struct simd *s, uint64_t low, uint64_t high);
/* All ones where the lane is negative. */
ir_ref v_negative(struct simd *s, unsigned w, ir_ref a);
/* Where a > b as unsigned. */
ir_ref v_above(struct simd *s, unsigned w, ir_ref a, ir_ref b);
/* Shifts by 0 to the lane's bits, all of them included. */
ir_ref v_shl(struct simd *s, unsigned w, ir_ref a, unsigned n);
ir_ref v_shr(struct simd *s, unsigned w, ir_ref a, unsigned n);
ir_ref v_sar(struct simd *s, unsigned w, ir_ref a, unsigned n);
/* ... rounded: the last bit that is shifted out is added. n is not 0. */
ir_ref v_shift_round(struct simd *s, unsigned w, ir_ref a, unsigned n, bool is_signed);
ir_ref v_abs(struct simd *s, unsigned w, ir_ref a);
/* Products' low halves; W8 to W32. */
ir_ref v_mul(struct simd *s, unsigned w, ir_ref a, ir_ref b);
/* Even or odd lanes of a, then of b. */
ir_ref v_even(struct simd *s, unsigned w, ir_ref a, ir_ref b);
ir_ref v_odd(struct simd *s, unsigned w, ir_ref a, ir_ref b);
/* Lanes of the low (high) half of a, of width w, extended to twice that. */
ir_ref v_widen(struct simd *s, unsigned w, ir_ref a, bool is_signed, bool high);
/* Lane n of a in every lane. */
ir_ref v_bcast(struct simd *s, unsigned w, ir_ref a, unsigned n);
/* The element of 16 or 32 bits that an instruction "by element" names, in every lane. */
ir_ref simd_element(struct simd *s, const struct a64_insn *i);

/* Saturating; they tell simd_saturated(). */
ir_ref v_sqadd(struct simd *s, unsigned w, ir_ref a, ir_ref b);
ir_ref v_uqadd(struct simd *s, unsigned w, ir_ref a, ir_ref b);
ir_ref v_sqsub(struct simd *s, unsigned w, ir_ref a, ir_ref b);
ir_ref v_uqsub(struct simd *s, unsigned w, ir_ref a, ir_ref b);
/* What is the least number in a lane, where only the greatest could not be represented, is that. */
ir_ref v_fix_least(struct simd *s, unsigned w, ir_ref a);
/* High halves of twice the products (W16, W32). */
ir_ref v_sqdmulh(struct simd *s, unsigned w, ir_ref a, ir_ref b, bool round);
/* Products of the low (high) halves' lanes, of twice the width; and twice that. */
ir_ref v_mull(struct simd *s, unsigned w, ir_ref a, ir_ref b, bool is_signed, bool high);
ir_ref v_sqdmull(struct simd *s, unsigned w, ir_ref a, ir_ref b, bool high);
/* Lanes of 2w, cut or saturated to w, in the low half. */
enum simd_narrowing { SIMD_XTN, SIMD_SQXTN, SIMD_UQXTN, SIMD_SQXTUN };
ir_ref v_narrow_low(struct simd *s, unsigned w, enum simd_narrowing how, ir_ref a);

/*
 * Result of a helper (helpers_simd.c) that takes vectors a, b, c (0: none) in tcg_cpu.scratch and
 * leaves its result there. It returns whether something was saturated.
 */
ir_ref simd_call(struct simd *s, unsigned helper, ir_ref a, ir_ref b, ir_ref c, uint64_t how);
/* Its argument: the lanes that count. */
static inline uint64_t simd_lanes(const struct simd *s)
{
    unsigned bytes = s->keep == IR_W128 ? 16 : 1u << s->keep;
    return s->w | (uint64_t)(bytes >> s->w) << 8;
}

#endif
