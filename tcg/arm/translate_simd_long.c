/*
 * Advanced SIMD: three registers of different types - lanes of twice the width in the result or the
 * first operand, halves of them in the result -, also by element; dot and matrix products.
 */
#include "tcg/arm/simd.h"

/* ---- lanes of twice the width ------------------------------------------------------------------
 */

/* The opcodes of "three different" and "by element" that multiply. */
enum product { MLA = 0, MLS = 1, MUL = 2 };

static struct simd begin_long(struct a64_trans *x, const struct a64_insn *i)
{
    return simd_begin(x, i, (enum ir_width)i->size, IR_W128);
}

static struct simd begin_scalar(struct a64_trans *x, const struct a64_insn *i)
{
    return simd_begin(x, i, (enum ir_width)i->size, (enum ir_width)(i->size + 1));
}

/* SADDL, UADDL, SADDW, UADDW and their differences. */
bool a64_v_add_long(struct a64_trans *x, const struct a64_insn *i)
{
    if (!a64_check_fp(x))
        return true;
    struct simd s = begin_long(x, i);
    bool is_signed = !i->U, wide = i->opcode & 1;
    ir_ref a = simd_reg(&s, i->Rn);
    if (!wide)
        a = v_widen(&s, s.w, a, is_signed, i->Q);
    ir_ref b = v_widen(&s, s.w, simd_reg(&s, i->Rm), is_signed, i->Q);
    simd_put(&s, i->opcode & 2 ? v_sub(&s, s.w + 1, a, b) : v_add(&s, s.w + 1, a, b));
    return true;
}

/* v in the low half of the destination, the rest 0, or in the high half and the low one stays. */
static void put_narrow(struct simd *s, bool high, ir_ref v)
{
    s->keep = high ? IR_W128 : IR_W64;
    simd_put(s, high ? v_op(s, IR_V_UNPKL, IR_W64, simd_old(s), v) : v);
}

/* ADDHN, RADDHN, SUBHN, RSUBHN: high halves of sums and differences. */
bool a64_v_add_high(struct a64_trans *x, const struct a64_insn *i)
{
    if (!a64_check_fp(x))
        return true;
    struct simd s = begin_long(x, i);
    ir_ref a = simd_reg(&s, i->Rn), b = simd_reg(&s, i->Rm);
    ir_ref v = i->opcode & 2 ? v_sub(&s, s.w + 1, a, b) : v_add(&s, s.w + 1, a, b);
    if (i->U)
        v = v_add(&s, s.w + 1, v, v_dup(&s, s.w + 1, UINT64_C(1) << (simd_bits(s.w) - 1)));
    put_narrow(&s, i->Q, v_odd(&s, s.w, v, v));
    return true;
}

/* SABAL, UABAL, SABDL, UABDL: a difference's absolute value fits in its lane as unsigned. */
bool a64_v_abd_long(struct a64_trans *x, const struct a64_insn *i)
{
    if (!a64_check_fp(x))
        return true;
    struct simd s = begin_long(x, i);
    ir_ref a = simd_reg(&s, i->Rn), b = simd_reg(&s, i->Rm);
    ir_ref v = i->U ? v_sub(&s, s.w, v_op(&s, IR_V_MAXU, s.w, a, b), v_op(&s, IR_V_MINU, s.w, a, b))
                    : v_sub(&s, s.w, v_op(&s, IR_V_MAX, s.w, a, b), v_op(&s, IR_V_MIN, s.w, a, b));
    v = v_widen(&s, s.w, v, false, i->Q);
    if (!(i->opcode & 2))
        v = v_add(&s, s.w + 1, simd_old(&s), v);
    simd_put(&s, v);
    return true;
}

static void multiply_long(struct simd *s, enum product how, ir_ref a, ir_ref b, bool is_signed,
                          bool high)
{
    ir_ref v = v_mull(s, s->w, a, b, is_signed, high);
    if (how == MLA)
        v = v_add(s, s->w + 1, simd_old(s), v);
    else if (how == MLS)
        v = v_sub(s, s->w + 1, simd_old(s), v);
    simd_put(s, v);
}

static void multiply_saturating(struct simd *s, enum product how, ir_ref a, ir_ref b, bool high)
{
    ir_ref v = v_sqdmull(s, s->w, a, b, high);
    if (how == MLA)
        v = v_sqadd(s, s->w + 1, simd_old(s), v);
    else if (how == MLS)
        v = v_sqsub(s, s->w + 1, simd_old(s), v);
    simd_put(s, v);
}

/* SMLAL, UMLAL, SMLSL, UMLSL, SMULL, UMULL: opcodes 1000, 1010, 1100 */
bool a64_v_mul_long(struct a64_trans *x, const struct a64_insn *i)
{
    if (!a64_check_fp(x))
        return true;
    struct simd s = begin_long(x, i);
    multiply_long(&s, (enum product)(i->opcode >> 1 & 3), simd_reg(&s, i->Rn), simd_reg(&s, i->Rm),
                  !i->U, i->Q);
    return true;
}

/* SQDMLAL, SQDMLSL, SQDMULL: opcodes 1001, 1011, 1101 */
bool a64_v_sqdm_long(struct a64_trans *x, const struct a64_insn *i)
{
    if (!a64_check_fp(x))
        return true;
    struct simd s = begin_long(x, i);
    multiply_saturating(&s, (enum product)(i->opcode >> 1 & 3), simd_reg(&s, i->Rn),
                        simd_reg(&s, i->Rm), i->Q);
    return true;
}

bool a64_s_sqdm_long(struct a64_trans *x, const struct a64_insn *i)
{
    if (!a64_check_fp(x))
        return true;
    struct simd s = begin_scalar(x, i);
    multiply_saturating(&s, (enum product)(i->opcode >> 1 & 3), simd_reg(&s, i->Rn),
                        simd_reg(&s, i->Rm), false);
    return true;
}

/* PMULL of bytes in C, of doublewords as the host does it. */
bool a64_v_pmull(struct a64_trans *x, const struct a64_insn *i)
{
    if (!a64_check_fp(x))
        return true;
    struct simd s = begin_long(x, i);
    ir_ref a = simd_reg(&s, i->Rn), b = simd_reg(&s, i->Rm);
    simd_put(&s, i->size == 3 ? v_op_imm(&s, IR_V_CLMUL, 0, a, b, i->Q ? 0x11 : 0)
                              : simd_call(&s, HELPER_ID(simd_pmul), a, b, 0, i->Q ? 2 : 1));
    return true;
}

/* ---- by element: opcodes 0010, 0110, 1010 and, saturating, one more
 * ------------------------------ */

bool a64_v_mul_long_element(struct a64_trans *x, const struct a64_insn *i)
{
    if (!a64_check_fp(x))
        return true;
    struct simd s = begin_long(x, i);
    multiply_long(&s, (enum product)(i->opcode >> 2), simd_reg(&s, i->Rn), simd_element(&s, i),
                  !i->U, i->Q);
    return true;
}

bool a64_v_sqdm_long_element(struct a64_trans *x, const struct a64_insn *i)
{
    if (!a64_check_fp(x))
        return true;
    struct simd s = begin_long(x, i);
    multiply_saturating(&s, (enum product)(i->opcode >> 2), simd_reg(&s, i->Rn),
                        simd_element(&s, i), i->Q);
    return true;
}

bool a64_s_sqdm_long_element(struct a64_trans *x, const struct a64_insn *i)
{
    if (!a64_check_fp(x))
        return true;
    struct simd s = begin_scalar(x, i);
    multiply_saturating(&s, (enum product)(i->opcode >> 2), simd_reg(&s, i->Rn),
                        simd_element(&s, i), false);
    return true;
}

/* ---- dot products ------------------------------------------------------------------------------
 */

/* Even or odd bytes as 16-bit lanes. */
static ir_ref bytes(struct simd *s, ir_ref v, bool is_signed, bool odd)
{
    if (!odd && !is_signed)
        return v_and(s, v, v_dup(s, IR_W16, 0xff));
    if (!odd)
        v = v_imm(s, IR_V_SHLI, IR_W16, v, 8);
    return is_signed ? v_imm(s, IR_V_SARI, IR_W16, v, 8) : v_imm(s, IR_V_SHRI, IR_W16, v, 8);
}

/* In each 32-bit lane the sum of four products of bytes. */
static ir_ref dot(struct simd *s, ir_ref a, ir_ref b, bool a_signed, bool b_signed)
{
    ir_ref even = v_op(s, IR_V_MADD, 0, bytes(s, a, a_signed, false), bytes(s, b, b_signed, false));
    ir_ref odd = v_op(s, IR_V_MADD, 0, bytes(s, a, a_signed, true), bytes(s, b, b_signed, true));
    return v_add(s, IR_W32, even, odd);
}

static bool accumulate_dot(struct a64_trans *x, const struct a64_insn *i, bool by_element,
                           bool a_signed, bool b_signed)
{
    if (!a64_check_fp(x))
        return true;
    struct simd s = simd_begin(x, i, IR_W32, simd_shape(i));
    ir_ref a = simd_reg(&s, i->Rn);
    ir_ref b = by_element ? simd_element(&s, i) : simd_reg(&s, i->Rm);
    simd_put(&s, v_add(&s, IR_W32, simd_old(&s), dot(&s, a, b, a_signed, b_signed)));
    return true;
}

/* SDOT, UDOT */
bool a64_v_dot(struct a64_trans *x, const struct a64_insn *i)
{
    return accumulate_dot(x, i, false, !i->U, !i->U);
}
bool a64_v_dot_element(struct a64_trans *x, const struct a64_insn *i)
{
    return accumulate_dot(x, i, true, !i->U, !i->U);
}
bool a64_v_usdot(struct a64_trans *x, const struct a64_insn *i)
{
    return accumulate_dot(x, i, false, false, true);
}
/* USDOT with size 2, SUDOT with size 0. */
bool a64_v_usdot_element(struct a64_trans *x, const struct a64_insn *i)
{
    return accumulate_dot(x, i, true, i->size == 0, i->size != 0);
}

/*
 * SMMLA, UMMLA (U), USMMLA (op): rows of eight bytes; each of the first operand's with each of the
 * second's, as two dot products of four.
 */
bool a64_v_mmla(struct a64_trans *x, const struct a64_insn *i)
{
    if (!a64_check_fp(x))
        return true;
    struct simd s = begin_long(x, i);
    bool mixed = i->opcode & 1, a_signed = !i->U && !mixed, b_signed = !i->U;
    ir_ref a = simd_reg(&s, i->Rn), b = simd_reg(&s, i->Rm);
    ir_ref first = dot(&s, v_bcast(&s, IR_W64, a, 0), b, a_signed, b_signed);
    ir_ref second = dot(&s, v_bcast(&s, IR_W64, a, 1), b, a_signed, b_signed);
    ir_ref v = v_op(&s, IR_V_HADD, IR_W32, first, second);
    simd_put(&s, v_add(&s, IR_W32, simd_old(&s), v));
    return true;
}
