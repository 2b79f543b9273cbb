/* Advanced SIMD: one register (two-register miscellaneous), across lanes, scalar pairs. */
#include "tcg/arm/simd.h"

typedef ir_ref simd_fn1(struct simd *s, ir_ref a);

/* ---- counts and orders of bits and bytes --------------------------------------------------------
 */

/* A value for each number of 4 bits, looked up for the low and the high half of each byte. */
static ir_ref look_up(struct simd *s, ir_ref a, bool high, const uint64_t table[2])
{
    if (high)
        a = v_imm(s, IR_V_SHRI, IR_W16, a, 4);
    return v_op(s, IR_V_SHUFB, 0, v_const128(s, table[0], table[1]),
                v_and(s, a, v_dup(s, IR_W8, 15)));
}

static ir_ref cnt(struct simd *s, ir_ref a)
{
    static const uint64_t bits[2] = {0x0302020102010100, 0x0403030203020201};
    return v_add(s, IR_W8, look_up(s, a, false, bits), look_up(s, a, true, bits));
}

static ir_ref rbit(struct simd *s, ir_ref a)
{
    static const uint64_t up[2] = {0xe060a020c0408000, 0xf070b030d0509010},
                          down[2] = {0x0e060a020c040800, 0x0f070b030d050901};
    return v_or(s, look_up(s, a, false, up), look_up(s, a, true, down));
}

/* Zeros above the first one, in each byte: of the high half, or 4 and those of the low one. */
static ir_ref clz_bytes(struct simd *s, ir_ref a)
{
    static const uint64_t high[2] = {0x0101010102020308, 0},
                          low[2] = {0x0505050506060708, 0x0404040404040404};
    return v_op(s, IR_V_MINU, IR_W8, look_up(s, a, true, high), look_up(s, a, false, low));
}

/* Twice the width: the upper half's count, or that and the lower one's where it is all zeros. */
static ir_ref clz_double(struct simd *s, unsigned w, ir_ref count)
{
    unsigned bits = simd_bits(w);
    ir_ref high = v_imm(s, IR_V_SHRI, w + 1, count, bits);
    ir_ref low = v_and(s, count, v_dup(s, w + 1, mask_bits(bits)));
    ir_ref all = v_eq(s, w + 1, high, v_dup(s, w + 1, bits));
    return v_add(s, w + 1, high, v_and(s, low, all));
}

static ir_ref clz(struct simd *s, ir_ref a)
{
    ir_ref v = clz_bytes(s, a);
    if (s->w >= IR_W16)
        v = clz_double(s, IR_W8, v);
    return s->w >= IR_W32 ? clz_double(s, IR_W16, v) : v;
}

/* Bits like the sign below it. */
static ir_ref cls(struct simd *s, ir_ref a)
{
    return v_sub(s, s->w, clz(s, v_xor(s, a, v_negative(s, s->w, a))), v_dup(s, s->w, 1));
}

/* Byte n from byte n ^ flip. Of wider lanes than bytes the host has shuffles without a table. */
static ir_ref reverse(struct simd *s, ir_ref a, unsigned flip)
{
    return v_op(s, IR_V_SHUFB, 0, a,
                v_const128(s, 0x0706050403020100 ^ simd_replicate(IR_W8, flip),
                           0x0f0e0d0c0b0a0908 ^ simd_replicate(IR_W8, flip)));
}
static ir_ref reverse_pairs(struct simd *s, ir_ref a, unsigned order)
{
    return v_imm(s, IR_V_SHUFHW, 0, v_imm(s, IR_V_SHUFLW, 0, a, order), order);
}
static ir_ref rev64(struct simd *s, ir_ref a)
{
    if (s->w == IR_W32)
        return v_imm(s, IR_V_SHUFD, 0, a, 0xb1);
    if (s->w == IR_W16)
        return reverse_pairs(s, a, 0x1b);
    return reverse(s, a, 8 - (1u << s->w));
}
static ir_ref rev32(struct simd *s, ir_ref a)
{
    if (s->w == IR_W16)
        return reverse_pairs(s, a, 0xb1);
    return reverse(s, a, 4 - (1u << s->w));
}
static ir_ref rev16(struct simd *s, ir_ref a)
{
    return v_or(s, v_imm(s, IR_V_SHLI, IR_W16, a, 8), v_imm(s, IR_V_SHRI, IR_W16, a, 8));
}
static ir_ref not_(struct simd *s, ir_ref a)
{
    return v_not(s, a);
}

/* ---- sums of pairs ------------------------------------------------------------------------------
 */

/* Lanes of 32 bits extended, the low ones of each 64. */
static ir_ref extend_even(struct simd *s, ir_ref a)
{
    return v_op(s, IR_V_MULS, 0, a, v_dup(s, IR_W32, 1));
}

static ir_ref addlp(struct simd *s, ir_ref a, bool is_signed)
{
    ir_ref ones = v_dup(s, s->w, 1);
    if (s->w == IR_W8)
        return is_signed ? v_op(s, IR_V_MADDUBS, 0, ones, a) : v_op(s, IR_V_MADDUBS, 0, a, ones);
    if (s->w == IR_W16 && is_signed)
        return v_op(s, IR_V_MADD, 0, a, ones);
    unsigned bits = simd_bits(s->w);
    ir_ref odd = v_imm(s, IR_V_SHRI, s->w + 1, a, bits);
    if (is_signed)
        return v_add(s, IR_W64, extend_even(s, a), extend_even(s, odd));
    return v_add(s, s->w + 1, v_and(s, a, v_dup(s, s->w + 1, mask_bits(bits))), odd);
}
static ir_ref saddlp(struct simd *s, ir_ref a)
{
    return addlp(s, a, true);
}
static ir_ref uaddlp(struct simd *s, ir_ref a)
{
    return addlp(s, a, false);
}
static ir_ref sadalp(struct simd *s, ir_ref a)
{
    return v_add(s, s->w + 1, simd_old(s), addlp(s, a, true));
}
static ir_ref uadalp(struct simd *s, ir_ref a)
{
    return v_add(s, s->w + 1, simd_old(s), addlp(s, a, false));
}

/* ---- signs and comparisons with 0 ---------------------------------------------------------------
 */

static ir_ref abs_(struct simd *s, ir_ref a)
{
    return v_abs(s, s->w, a);
}
static ir_ref neg(struct simd *s, ir_ref a)
{
    return v_sub(s, s->w, v_zero(s), a);
}
/* Only the least number has no absolute value and no negative. */
static ir_ref sqabs(struct simd *s, ir_ref a)
{
    return v_fix_least(s, s->w, abs_(s, a));
}
static ir_ref sqneg(struct simd *s, ir_ref a)
{
    return v_fix_least(s, s->w, neg(s, a));
}
static ir_ref cmgt0(struct simd *s, ir_ref a)
{
    return v_gt(s, s->w, a, v_zero(s));
}
static ir_ref cmge0(struct simd *s, ir_ref a)
{
    return v_not(s, v_negative(s, s->w, a));
}
static ir_ref cmeq0(struct simd *s, ir_ref a)
{
    return v_eq(s, s->w, a, v_zero(s));
}
static ir_ref cmle0(struct simd *s, ir_ref a)
{
    return v_not(s, cmgt0(s, a));
}
static ir_ref cmlt0(struct simd *s, ir_ref a)
{
    return v_negative(s, s->w, a);
}

/* ---- in C
 * ---------------------------------------------------------------------------------------- */

static ir_ref suqadd(struct simd *s, ir_ref a)
{
    return simd_call(s, HELPER_ID(simd_suqadd), a, simd_old(s), 0, simd_lanes(s));
}
static ir_ref usqadd(struct simd *s, ir_ref a)
{
    return simd_call(s, HELPER_ID(simd_suqadd), a, simd_old(s), 0,
                     simd_lanes(s) | SIMD_TO_UNSIGNED);
}
static ir_ref urecpe(struct simd *s, ir_ref a)
{
    return simd_call(s, HELPER_ID(simd_estimate), a, 0, 0, 0);
}
static ir_ref ursqrte(struct simd *s, ir_ref a)
{
    return simd_call(s, HELPER_ID(simd_estimate), a, 0, 0, 1);
}

/* ---- decoding
 * ------------------------------------------------------------------------------------ */

/* [U][opcode]; the rows of the encodings say for which lane widths there is what. */
static simd_fn1 *const two_reg[2][32] = {
    {rev64, rev16, saddlp, suqadd, cls, cnt, sadalp, sqabs, cmgt0, cmeq0, cmlt0,
     abs_, [0x1c] = urecpe},
    {rev32, NULL, uaddlp, usqadd, clz, not_, uadalp, sqneg, cmge0, cmle0, NULL,
     neg, [0x1c] = ursqrte},
};

bool a64_v_misc(struct a64_trans *x, const struct a64_insn *i)
{
    struct simd s = simd_begin(x, i, (enum ir_width)i->size, simd_shape(i));
    if (a64_check_fp(x))
        simd_put(&s, two_reg[i->U][i->opcode](&s, simd_reg(&s, i->Rn)));
    return true;
}

bool a64_s_misc(struct a64_trans *x, const struct a64_insn *i)
{
    struct simd s = simd_begin(x, i, (enum ir_width)i->size, (enum ir_width)i->size);
    if (a64_check_fp(x))
        simd_put(&s, two_reg[i->U][i->opcode](&s, simd_reg(&s, i->Rn)));
    return true;
}

/* RBIT has NOT's opcode. */
bool a64_v_rbit(struct a64_trans *x, const struct a64_insn *i)
{
    struct simd s = simd_begin(x, i, (enum ir_width)i->size, simd_shape(i));
    if (a64_check_fp(x))
        simd_put(&s, rbit(&s, simd_reg(&s, i->Rn)));
    return true;
}

/* XTN and the saturating ones: opcode 10010 and 10100. */
static enum simd_narrowing narrowing(const struct a64_insn *i)
{
    if (i->opcode == 0x12)
        return i->U ? SIMD_SQXTUN : SIMD_XTN;
    return i->U ? SIMD_UQXTN : SIMD_SQXTN;
}

bool a64_v_narrow(struct a64_trans *x, const struct a64_insn *i)
{
    if (!a64_check_fp(x))
        return true;
    struct simd s = simd_begin(x, i, (enum ir_width)i->size, simd_shape(i));
    s.count = IR_W128;
    ir_ref v = v_narrow_low(&s, s.w, narrowing(i), simd_reg(&s, i->Rn));
    simd_put(&s, i->Q ? v_op(&s, IR_V_UNPKL, IR_W64, simd_old(&s), v) : v);
    return true;
}

bool a64_s_narrow(struct a64_trans *x, const struct a64_insn *i)
{
    if (!a64_check_fp(x))
        return true;
    struct simd s = simd_begin(x, i, (enum ir_width)i->size, (enum ir_width)i->size);
    s.count = (enum ir_width)(s.w + 1);
    simd_put(&s, v_narrow_low(&s, s.w, narrowing(i), simd_reg(&s, i->Rn)));
    return true;
}

/* SHLL, SHLL2: a lane's width to the left in lanes twice as wide. */
bool a64_v_shll(struct a64_trans *x, const struct a64_insn *i)
{
    if (!a64_check_fp(x))
        return true;
    struct simd s = simd_begin(x, i, (enum ir_width)i->size, IR_W128);
    ir_ref a = simd_reg(&s, i->Rn), zero = v_zero(&s);
    simd_put(&s, i->Q ? v_op(&s, IR_V_UNPKH, s.w, zero, a) : v_op(&s, IR_V_UNPKL, s.w, zero, a));
    return true;
}

/* ADDP of two doublewords. */
bool a64_s_addp(struct a64_trans *x, const struct a64_insn *i)
{
    if (!a64_check_fp(x))
        return true;
    struct simd s = simd_begin(x, i, (enum ir_width)i->size, IR_W64);
    ir_ref a = simd_reg(&s, i->Rn);
    simd_put(&s, v_add(&s, IR_W64, a, v_down(&s, a, 8)));
    return true;
}

/* ---- across lanes
 * -------------------------------------------------------------------------------- */

enum across { ADDV, SMAXV, UMAXV, SMINV, UMINV };

static ir_ref combine(struct simd *s, enum across how, ir_ref a, ir_ref b)
{
    switch (how) {
    case SMAXV:
        return v_op(s, IR_V_MAX, s->w, a, b);
    case UMAXV:
        return v_op(s, IR_V_MAXU, s->w, a, b);
    case SMINV:
        return v_op(s, IR_V_MIN, s->w, a, b);
    case UMINV:
        return v_op(s, IR_V_MINU, s->w, a, b);
    default:
        return v_add(s, s->w, a, b);
    }
}

/* The lanes in the low `bytes`: halves with each other until one is left. */
static ir_ref reduce(struct simd *s, enum across how, ir_ref a, unsigned bytes)
{
    for (; bytes > 1u << s->w; bytes /= 2)
        a = combine(s, how, a, v_down(s, a, bytes / 2));
    return a;
}

static ir_ref add_bytes(struct simd *s, ir_ref a, bool wide, bool is_signed)
{
    ir_ref v = v_op(s, IR_V_SAD, 0, is_signed ? v_xor(s, a, v_top(s, IR_W8)) : a, v_zero(s));
    if (wide)
        v = v_add(s, IR_W64, v, v_down(s, v, 8));
    return is_signed ? v_sub(s, IR_W64, v, v_dup(s, IR_W64, wide ? 16 * 128 : 8 * 128)) : v;
}

bool a64_v_across(struct a64_trans *x, const struct a64_insn *i)
{
    if (!a64_check_fp(x))
        return true;
    struct simd s = simd_begin(x, i, (enum ir_width)i->size, (enum ir_width)i->size);
    enum across how = i->opcode == 0x1b ? ADDV : i->opcode == 0x0a ? SMAXV : SMINV;
    ir_ref a = simd_reg(&s, i->Rn);
    if (how != ADDV && i->U)
        how++;
    simd_put(&s, how == ADDV && s.w == IR_W8 ? add_bytes(&s, a, i->Q, false)
                                             : reduce(&s, how, a, i->Q ? 16 : 8));
    return true;
}

/* SADDLV, UADDLV */
bool a64_v_across_long(struct a64_trans *x, const struct a64_insn *i)
{
    if (!a64_check_fp(x))
        return true;
    struct simd s = simd_begin(x, i, (enum ir_width)i->size, (enum ir_width)(i->size + 1));
    ir_ref a = simd_reg(&s, i->Rn);
    if (s.w == IR_W8) {
        simd_put(&s, add_bytes(&s, a, i->Q, !i->U));
        return true;
    }
    a = addlp(&s, a, !i->U);
    s.w++;
    simd_put(&s, reduce(&s, ADDV, a, i->Q ? 16 : 8));
    return true;
}
