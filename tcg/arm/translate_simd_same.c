/* Advanced SIMD: three registers of the same type, vectors and scalars, and by element. */
#include "tcg/arm/simd.h"

typedef ir_ref simd_fn2(struct simd *s, ir_ref a, ir_ref b);

/* ---- halving -------------------------------------------------------------------------------- */

/* The host's average is rounded up, of unsigned numbers of 8 and 16 bits: other numbers are brought
 * to it and back by complementing what is given. */
static ir_ref average(struct simd *s, ir_ref a, ir_ref b, uint64_t flip_a, uint64_t flip_b,
                      uint64_t flip_result)
{
    a = v_xor(s, a, v_dup(s, s->w, flip_a));
    b = v_xor(s, b, v_dup(s, s->w, flip_b));
    return v_xor(s,
                 s->w == IR_W8 ? v_op(s, IR_V_AVG, IR_W8, a, b) : v_op(s, IR_V_AVG, IR_W16, a, b),
                 v_dup(s, s->w, flip_result));
}

static ir_ref half(struct simd *s, ir_ref a, bool is_signed)
{
    return is_signed ? v_sar(s, s->w, a, 1) : v_shr(s, s->w, a, 1);
}

/* (a + b) >> 1 without the carry that would be lost */
static ir_ref halving_add(struct simd *s, ir_ref a, ir_ref b, bool is_signed)
{
    uint64_t top = UINT64_C(1) << (simd_bits(s->w) - 1), flip = is_signed ? top - 1 : 2 * top - 1;
    if (s->w <= IR_W16)
        return average(s, a, b, flip, flip, flip);
    return v_add(s, s->w, v_and(s, a, b), half(s, v_xor(s, a, b), is_signed));
}
static ir_ref shadd(struct simd *s, ir_ref a, ir_ref b)
{
    return halving_add(s, a, b, true);
}
static ir_ref uhadd(struct simd *s, ir_ref a, ir_ref b)
{
    return halving_add(s, a, b, false);
}

static ir_ref halving_add_round(struct simd *s, ir_ref a, ir_ref b, bool is_signed)
{
    uint64_t flip = is_signed ? UINT64_C(1) << (simd_bits(s->w) - 1) : 0;
    if (s->w == IR_W32)
        return v_sub(s, s->w, v_or(s, a, b), half(s, v_xor(s, a, b), is_signed));
    if (!flip)
        return s->w == IR_W8 ? v_op(s, IR_V_AVG, IR_W8, a, b) : v_op(s, IR_V_AVG, IR_W16, a, b);
    return average(s, a, b, flip, flip, flip);
}
static ir_ref srhadd(struct simd *s, ir_ref a, ir_ref b)
{
    return halving_add_round(s, a, b, true);
}
static ir_ref urhadd(struct simd *s, ir_ref a, ir_ref b)
{
    return halving_add_round(s, a, b, false);
}

static ir_ref halving_sub(struct simd *s, ir_ref a, ir_ref b, bool is_signed)
{
    uint64_t top = UINT64_C(1) << (simd_bits(s->w) - 1);
    if (s->w == IR_W32)
        return v_sub(s, s->w, half(s, v_xor(s, a, b), is_signed), v_bic(s, b, a));
    if (is_signed)
        return average(s, a, b, top, top - 1, top);
    return average(s, a, b, 0, 2 * top - 1, top);
}
static ir_ref shsub(struct simd *s, ir_ref a, ir_ref b)
{
    return halving_sub(s, a, b, true);
}
static ir_ref uhsub(struct simd *s, ir_ref a, ir_ref b)
{
    return halving_sub(s, a, b, false);
}

/* ---- saturating ----------------------------------------------------------------------------- */

static ir_ref sqadd(struct simd *s, ir_ref a, ir_ref b)
{
    return v_sqadd(s, s->w, a, b);
}
static ir_ref uqadd(struct simd *s, ir_ref a, ir_ref b)
{
    return v_uqadd(s, s->w, a, b);
}
static ir_ref sqsub(struct simd *s, ir_ref a, ir_ref b)
{
    return v_sqsub(s, s->w, a, b);
}
static ir_ref uqsub(struct simd *s, ir_ref a, ir_ref b)
{
    return v_uqsub(s, s->w, a, b);
}
static ir_ref sqdmulh(struct simd *s, ir_ref a, ir_ref b)
{
    return v_sqdmulh(s, s->w, a, b, false);
}
static ir_ref sqrdmulh(struct simd *s, ir_ref a, ir_ref b)
{
    return v_sqdmulh(s, s->w, a, b, true);
}

static ir_ref sqrdmlah(struct simd *s, ir_ref a, ir_ref b)
{
    return simd_call(s, HELPER_ID(simd_rdma), a, b, simd_old(s), simd_lanes(s));
}
static ir_ref sqrdmlsh(struct simd *s, ir_ref a, ir_ref b)
{
    return simd_call(s, HELPER_ID(simd_rdma), a, b, simd_old(s),
                     simd_lanes(s) | SIMD_RDMA_SUBTRACT);
}

/* ---- shifts by lanes of a register ------------------------------------------------------------
 */

static ir_ref wide_op(struct simd *s, enum ir_op op, unsigned w, ir_ref a, ir_ref b)
{
    return ir_emit(s->r, op, IR_V256, w, a, b, 0, 0, 0);
}

/* 16 bits as 32, all at once: counts by SHLV and SHRV or SARV. */
static ir_ref shift_words(struct simd *s, ir_ref a, ir_ref b, bool is_signed)
{
    ir_ref low = ir_emit(s->r, IR_VCONST, IR_V256, 0, 0, 0, 0, 0, 0x000000ff000000ff);
    ir_ref half = ir_emit(s->r, IR_VCONST, IR_V256, 0, 0, 0, 0, 0, 0x0000ffff0000ffff);
    ir_ref zero = ir_emit(s->r, IR_VCONST, IR_V256, 0, 0, 0, 0, 0, 0);
    ir_ref v =
        ir_emit(s->r, is_signed ? IR_V_MOVSX : IR_V_MOVZX, IR_V256, IR_W16, a, 0, 0, 0, IR_W32);
    ir_ref count = ir_emit(s->r, IR_V_MOVZX, IR_V256, IR_W16, b, 0, 0, 0, IR_W32);
    ir_ref back = wide_op(s, IR_V_AND, 0, wide_op(s, IR_V_SUB, IR_W32, zero, count), low);
    ir_ref left = wide_op(s, IR_V_SHLV, IR_W32, v, wide_op(s, IR_V_AND, 0, count, low));
    if (is_signed) {
        ir_ref right = wide_op(s, IR_V_SARV, IR_W32, v, back);
        ir_ref sign = ir_emit(s->r, IR_V_SHLI, IR_V256, IR_W32, count, 0, 0, 0, 24);
        v = ir_emit(s->r, IR_V_BLENDV, IR_V256, IR_W32, left, right, sign, 0, 0);
    } else {
        v = wide_op(s, IR_V_OR, 0, left, wide_op(s, IR_V_SHRV, IR_W32, v, back));
    }
    v = wide_op(s, IR_V_AND, 0, v, half);
    return v_op(s, IR_V_PACKUS, IR_W32, ir_emit(s->r, IR_V_LO, IR_V128, 0, v, 0, 0, 0, 0),
                ir_emit(s->r, IR_V_HI, IR_V128, 0, v, 0, 0, 0, 0));
}

/* Left by the signed low byte of each lane. Counts of the host are unsigned and shift everything
 * out, or leave the sign, where they are too large: so a count and its negative serve. */
static ir_ref ushl(struct simd *s, ir_ref a, ir_ref b)
{
    if (s->w == IR_W16)
        return shift_words(s, a, b, false);
    if (s->w == IR_W8)
        return simd_call(s, HELPER_ID(simd_shift), a, b, 0, simd_lanes(s) | SIMD_SHIFT_UNSIGNED);
    ir_ref byte = v_dup(s, s->w, 0xff);
    ir_ref left = v_op(s, IR_V_SHLV, s->w, a, v_and(s, b, byte));
    ir_ref right = v_op(s, IR_V_SHRV, s->w, a, v_and(s, v_sub(s, s->w, v_zero(s), b), byte));
    return v_or(s, left, right);
}

static ir_ref sshl(struct simd *s, ir_ref a, ir_ref b)
{
    if (s->w == IR_W16)
        return shift_words(s, a, b, true);
    if (s->w == IR_W8)
        return simd_call(s, HELPER_ID(simd_shift), a, b, 0, simd_lanes(s));
    ir_ref byte = v_dup(s, s->w, 0xff), right;
    ir_ref left = v_op(s, IR_V_SHLV, s->w, a, v_and(s, b, byte));
    ir_ref count = v_and(s, v_sub(s, s->w, v_zero(s), b), byte);
    if (s->w == IR_W32) {
        right = v_op(s, IR_V_SARV, s->w, a, count);
    } else {
        ir_ref m = v_negative(s, s->w, a);
        right = v_xor(s, v_op(s, IR_V_SHRV, s->w, v_xor(s, a, m), count), m);
    }
    ir_ref sign = v_imm(s, IR_V_SHLI, s->w, b, simd_bits(s->w) - 8);
    return ir_emit(s->r, IR_V_BLENDV, IR_V128, s->w, left, right, sign, 0, 0);
}

#define SHIFT(name, helper, how)                                                                   \
    static ir_ref name(struct simd *s, ir_ref a, ir_ref b)                                         \
    {                                                                                              \
        return simd_call(s, HELPER_ID(helper), a, b, 0, simd_lanes(s) | (how));                    \
    }
SHIFT(sqshl, simd_shift_saturate, 0)
SHIFT(uqshl, simd_shift_saturate, SIMD_SHIFT_UNSIGNED)
SHIFT(srshl, simd_shift, SIMD_SHIFT_ROUND)
SHIFT(urshl, simd_shift, SIMD_SHIFT_ROUND | SIMD_SHIFT_UNSIGNED)
SHIFT(sqrshl, simd_shift_saturate, SIMD_SHIFT_ROUND)
SHIFT(uqrshl, simd_shift_saturate, SIMD_SHIFT_ROUND | SIMD_SHIFT_UNSIGNED)
#undef SHIFT

/* ---- comparisons ---------------------------------------------------------------------------- */

static ir_ref cmgt(struct simd *s, ir_ref a, ir_ref b)
{
    return v_gt(s, s->w, a, b);
}
static ir_ref cmge(struct simd *s, ir_ref a, ir_ref b)
{
    return v_not(s, v_gt(s, s->w, b, a));
}
static ir_ref cmhi(struct simd *s, ir_ref a, ir_ref b)
{
    return v_above(s, s->w, a, b);
}
static ir_ref cmhs(struct simd *s, ir_ref a, ir_ref b)
{
    if (s->w == IR_W64)
        return v_not(s, v_above(s, s->w, b, a));
    return v_eq(s, s->w, v_op(s, IR_V_MAXU, s->w, a, b), a);
}
static ir_ref cmeq(struct simd *s, ir_ref a, ir_ref b)
{
    return v_eq(s, s->w, a, b);
}
static ir_ref cmtst(struct simd *s, ir_ref a, ir_ref b)
{
    return v_not(s, v_eq(s, s->w, v_and(s, a, b), v_zero(s)));
}

/* ---- minimum, maximum, differences ------------------------------------------------------------
 */

static ir_ref smax(struct simd *s, ir_ref a, ir_ref b)
{
    return v_op(s, IR_V_MAX, s->w, a, b);
}
static ir_ref umax(struct simd *s, ir_ref a, ir_ref b)
{
    return v_op(s, IR_V_MAXU, s->w, a, b);
}
static ir_ref smin(struct simd *s, ir_ref a, ir_ref b)
{
    return v_op(s, IR_V_MIN, s->w, a, b);
}
static ir_ref umin(struct simd *s, ir_ref a, ir_ref b)
{
    return v_op(s, IR_V_MINU, s->w, a, b);
}
static ir_ref sabd(struct simd *s, ir_ref a, ir_ref b)
{
    return v_sub(s, s->w, smax(s, a, b), smin(s, a, b));
}
static ir_ref uabd(struct simd *s, ir_ref a, ir_ref b)
{
    return v_sub(s, s->w, umax(s, a, b), umin(s, a, b));
}
static ir_ref saba(struct simd *s, ir_ref a, ir_ref b)
{
    return v_add(s, s->w, simd_old(s), sabd(s, a, b));
}
static ir_ref uaba(struct simd *s, ir_ref a, ir_ref b)
{
    return v_add(s, s->w, simd_old(s), uabd(s, a, b));
}

/* ---- sums and products ------------------------------------------------------------------------
 */

static ir_ref add(struct simd *s, ir_ref a, ir_ref b)
{
    return v_add(s, s->w, a, b);
}
static ir_ref sub(struct simd *s, ir_ref a, ir_ref b)
{
    return v_sub(s, s->w, a, b);
}
static ir_ref mul(struct simd *s, ir_ref a, ir_ref b)
{
    return v_mul(s, s->w, a, b);
}
static ir_ref mla(struct simd *s, ir_ref a, ir_ref b)
{
    return v_add(s, s->w, simd_old(s), mul(s, a, b));
}
static ir_ref mls(struct simd *s, ir_ref a, ir_ref b)
{
    return v_sub(s, s->w, simd_old(s), mul(s, a, b));
}
static ir_ref pmul(struct simd *s, ir_ref a, ir_ref b)
{
    return simd_call(s, HELPER_ID(simd_pmul), a, b, 0, 0);
}

/* ---- pairs ------------------------------------------------------------------------------------
 */

/* The lanes with their upper neighbours; what the odd ones get counts for nothing. */
static ir_ref with_neighbours(struct simd *s, simd_fn2 *op, ir_ref a)
{
    return op(s, a, v_imm(s, IR_V_SHRI, s->w + 1, a, simd_bits(s->w)));
}

/* Neighbours in a, then in b. */
static ir_ref pairwise(struct simd *s, simd_fn2 *op, ir_ref a, ir_ref b)
{
    if (s->keep != IR_W128)
        a = b = v_op(s, IR_V_UNPKL, IR_W64, a, b);
    if (s->w <= IR_W16)
        return v_even(s, s->w, with_neighbours(s, op, a), with_neighbours(s, op, b));
    return op(s, v_even(s, s->w, a, b), v_odd(s, s->w, a, b));
}
static ir_ref smaxp(struct simd *s, ir_ref a, ir_ref b)
{
    return pairwise(s, smax, a, b);
}
static ir_ref umaxp(struct simd *s, ir_ref a, ir_ref b)
{
    return pairwise(s, umax, a, b);
}
static ir_ref sminp(struct simd *s, ir_ref a, ir_ref b)
{
    return pairwise(s, smin, a, b);
}
static ir_ref uminp(struct simd *s, ir_ref a, ir_ref b)
{
    return pairwise(s, umin, a, b);
}
static ir_ref addp(struct simd *s, ir_ref a, ir_ref b)
{
    if (s->w != IR_W16 && s->w != IR_W32)
        return pairwise(s, add, a, b);
    if (s->keep != IR_W128)
        a = b = v_op(s, IR_V_UNPKL, IR_W64, a, b);
    return v_op(s, IR_V_HADD, s->w, a, b);
}

/* ---- bitwise: [U][size] ------------------------------------------------------------------------
 */

static ir_ref and_(struct simd *s, ir_ref a, ir_ref b)
{
    return v_and(s, a, b);
}
static ir_ref bic(struct simd *s, ir_ref a, ir_ref b)
{
    return v_bic(s, a, b);
}
static ir_ref orr(struct simd *s, ir_ref a, ir_ref b)
{
    return v_or(s, a, b);
}
static ir_ref orn(struct simd *s, ir_ref a, ir_ref b)
{
    return v_or(s, a, v_not(s, b));
}
static ir_ref eor(struct simd *s, ir_ref a, ir_ref b)
{
    return v_xor(s, a, b);
}
/* m ? a : b, bit by bit */
static ir_ref bits_of(struct simd *s, ir_ref m, ir_ref a, ir_ref b)
{
    return v_or(s, v_and(s, m, a), v_bic(s, b, m));
}
static ir_ref bsl(struct simd *s, ir_ref a, ir_ref b)
{
    return bits_of(s, simd_old(s), a, b);
}
static ir_ref bit(struct simd *s, ir_ref a, ir_ref b)
{
    return bits_of(s, b, a, simd_old(s));
}
static ir_ref bif(struct simd *s, ir_ref a, ir_ref b)
{
    return bits_of(s, b, simd_old(s), a);
}

/* ---- decoding ---------------------------------------------------------------------------------
 */

/* [U][opcode]; the rows of the encodings say for which lane widths there is what. */
static simd_fn2 *const three_same[2][0x18] = {
    {shadd, sqadd, srhadd, NULL, shsub, sqsub, cmgt, cmge, sshl,  sqshl, srshl,   sqrshl,
     smax,  smin,  sabd,   saba, add,   cmtst, mla,  mul,  smaxp, sminp, sqdmulh, addp},
    {uhadd, uqadd, urhadd, NULL, uhsub, uqsub, cmhi, cmhs, ushl,  uqshl, urshl,    uqrshl,
     umax,  umin,  uabd,   uaba, sub,   cmeq,  mls,  pmul, umaxp, uminp, sqrdmulh, NULL},
};
static simd_fn2 *const logical[2][4] = {{and_, bic, orr, orn}, {eor, bsl, bit, bif}};

static struct simd begin(struct a64_trans *x, const struct a64_insn *i, bool scalar)
{
    enum ir_width w = (enum ir_width)i->size;
    return simd_begin(x, i, w, scalar ? w : simd_shape(i));
}

static bool apply(struct simd *s, const struct a64_insn *i, simd_fn2 *fn)
{
    if (!a64_check_fp(s->x))
        return true;
    simd_put(s, fn(s, simd_reg(s, i->Rn), simd_reg(s, i->Rm)));
    return true;
}

bool a64_v_same(struct a64_trans *x, const struct a64_insn *i)
{
    struct simd s = begin(x, i, false);
    return apply(&s, i, three_same[i->U][i->opcode]);
}

bool a64_s_same(struct a64_trans *x, const struct a64_insn *i)
{
    struct simd s = begin(x, i, true);
    return apply(&s, i, three_same[i->U][i->opcode]);
}

bool a64_v_logical(struct a64_trans *x, const struct a64_insn *i)
{
    struct simd s = begin(x, i, false);
    return apply(&s, i, logical[i->U][i->size]);
}

/* SQRDMLAH, SQRDMLSH */
bool a64_v_rdma(struct a64_trans *x, const struct a64_insn *i)
{
    struct simd s = begin(x, i, false);
    return apply(&s, i, i->opcode & 1 ? sqrdmlsh : sqrdmlah);
}

bool a64_s_rdma(struct a64_trans *x, const struct a64_insn *i)
{
    struct simd s = begin(x, i, true);
    return apply(&s, i, i->opcode & 1 ? sqrdmlsh : sqrdmlah);
}

/* ---- by element: lanes of 16 or 32 bits --------------------------------------------------------
 */

static bool by_element(struct simd *s, const struct a64_insn *i)
{
    static simd_fn2 *const table[2][16] = {
        {[8] = mul, [12] = sqdmulh, [13] = sqrdmulh},
        {[0] = mla, [4] = mls, [13] = sqrdmlah, [15] = sqrdmlsh},
    };
    if (!a64_check_fp(s->x))
        return true;
    simd_put(s, table[i->U][i->opcode](s, simd_reg(s, i->Rn), simd_element(s, i)));
    return true;
}

bool a64_v_element(struct a64_trans *x, const struct a64_insn *i)
{
    struct simd s = begin(x, i, false);
    return by_element(&s, i);
}

bool a64_s_element(struct a64_trans *x, const struct a64_insn *i)
{
    struct simd s = begin(x, i, true);
    return by_element(&s, i);
}
