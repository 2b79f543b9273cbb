/*
 * Operations on lanes that the IR has not for every width, or not at all, put together from those
 * it has: see simd.h. Sequences are short on a host with AVX2.
 */
#include "tcg/arm/simd.h"

ir_ref v_const128(struct simd *s, uint64_t low, uint64_t high)
{
    if (low == high)
        return v_const(s, low);
    ir_ref v = ir_emit(s->r, IR_V_FROM, IR_V128, IR_W64, ir_i64(s->r, low), 0, 0, 0, 0);
    return high ? ir_emit(s->r, IR_V_INS, IR_V128, IR_W64, v, ir_i64(s->r, high), 0, 0, 1) : v;
}

void simd_saturated(struct simd *s, ir_ref v)
{
    const uint64_t at = (uint64_t)(int64_t)TCG_ENV_OFFSET(arm_saturated);
    if (s->count != IR_W128)
        v = ir_emit(s->r, IR_V_LOW, IR_V128, s->count, v, 0, 0, 0, 0);
    ir_ref old = ir_emit(s->r, IR_LDENV, IR_V128, 0, 0, 0, 0, 0, at);
    ir_emit(s->r, IR_STENV, IR_VOID, IR_W128, v_or(s, old, v), 0, 0, 0, at);
}

ir_ref simd_call(struct simd *s, unsigned helper, ir_ref a, ir_ref b, ir_ref c, uint64_t how)
{
    const ir_ref args[3] = {a, b, c};
    for (unsigned k = 0; k < 3; k++)
        if (args[k])
            ir_emit(s->r, IR_STENV, IR_VOID, IR_W128, args[k], 0, 0, 0,
                    (uint64_t)(int64_t)TCG_ENV_OFFSET(scratch[2 * k]));
    ir_ref saturated = a64_call_helper(s->x, helper, ir_i64(s->r, how), 0, 0, 0);
    if (s->r->helpers[helper].result == IR_I64) {
        struct simd whole = *s;
        whole.count = IR_W128;
        simd_saturated(&whole, ir_emit(s->r, IR_V_FROM, IR_V128, IR_W64, saturated, 0, 0, 0, 0));
    }
    return ir_emit(s->r, IR_LDENV, IR_V128, 0, 0, 0, 0, 0,
                   (uint64_t)(int64_t)TCG_ENV_OFFSET(scratch[SIMD_RESULT]));
}

/* ---- comparisons and shifts ----------------------------------------------------------------- */

ir_ref v_negative(struct simd *s, unsigned w, ir_ref a)
{
    if (w == IR_W16 || w == IR_W32)
        return v_imm(s, IR_V_SARI, w, a, simd_bits(w) - 1);
    return v_gt(s, w, v_zero(s), a);
}

ir_ref v_above(struct simd *s, unsigned w, ir_ref a, ir_ref b)
{
    if (w < IR_W64)
        return v_not(s, v_eq(s, w, v_op(s, IR_V_MINU, w, a, b), a));
    ir_ref top = v_top(s, w);
    return v_gt(s, w, v_xor(s, a, top), v_xor(s, b, top));
}

/* There are no shifts of bytes: bits that come over from the next byte are masked out. */
ir_ref v_shl(struct simd *s, unsigned w, ir_ref a, unsigned n)
{
    if (n == 0)
        return a;
    if (n >= simd_bits(w))
        return v_zero(s);
    if (w != IR_W8)
        return v_imm(s, IR_V_SHLI, w, a, n);
    return v_and(s, v_imm(s, IR_V_SHLI, IR_W16, a, n), v_dup(s, IR_W8, 0xffu << n));
}

ir_ref v_shr(struct simd *s, unsigned w, ir_ref a, unsigned n)
{
    if (n == 0)
        return a;
    if (n >= simd_bits(w))
        return v_zero(s);
    if (w != IR_W8)
        return v_imm(s, IR_V_SHRI, w, a, n);
    return v_and(s, v_imm(s, IR_V_SHRI, IR_W16, a, n), v_dup(s, IR_W8, 0xffu >> n));
}

ir_ref v_sar(struct simd *s, unsigned w, ir_ref a, unsigned n)
{
    if (n == 0)
        return a;
    if (n >= simd_bits(w) - 1)
        return v_negative(s, w, a);
    if (w == IR_W16 || w == IR_W32)
        return v_imm(s, IR_V_SARI, w, a, n);
    if (w == IR_W8) { /* extend from where the sign has come to */
        ir_ref sign = v_dup(s, w, 0x80u >> n);
        return v_sub(s, w, v_xor(s, v_shr(s, w, a, n), sign), sign);
    }
    ir_ref m = v_negative(s, w, a);
    return v_xor(s, v_shr(s, w, v_xor(s, a, m), n), m);
}

ir_ref v_shift_round(struct simd *s, unsigned w, ir_ref a, unsigned n, bool is_signed)
{
    ir_ref v = is_signed ? v_sar(s, w, a, n) : v_shr(s, w, a, n);
    ir_ref last = n == 1 ? a : v_imm(s, IR_V_SHRI, w == IR_W8 ? IR_W16 : w, a, n - 1);
    return v_add(s, w, v, v_and(s, last, v_dup(s, w, 1)));
}

ir_ref v_abs(struct simd *s, unsigned w, ir_ref a)
{
    if (w < IR_W64)
        return v_imm(s, IR_V_ABS, w, a, 0);
    ir_ref m = v_negative(s, w, a);
    return v_sub(s, w, v_xor(s, a, m), m);
}

/* ---- moving lanes --------------------------------------------------------------------------- */

ir_ref v_even(struct simd *s, unsigned w, ir_ref a, ir_ref b)
{
    switch (w) {
    case IR_W8: {
        ir_ref mask = v_dup(s, IR_W16, 0xff);
        return v_op(s, IR_V_PACKUS, IR_W16, v_and(s, a, mask), v_and(s, b, mask));
    }
    case IR_W16: {
        ir_ref zero = v_zero(s);
        return v_op(s, IR_V_PACKUS, IR_W32, v_op_imm(s, IR_V_BLENDI, IR_W16, a, zero, 0xaa),
                    v_op_imm(s, IR_V_BLENDI, IR_W16, b, zero, 0xaa));
    }
    case IR_W32:
        return v_op_imm(s, IR_V_SHUFPS, IR_W32, a, b, 0x88);
    default:
        return v_op(s, IR_V_UNPKL, IR_W64, a, b);
    }
}

ir_ref v_odd(struct simd *s, unsigned w, ir_ref a, ir_ref b)
{
    switch (w) {
    case IR_W8:
    case IR_W16:
        return v_op(s, IR_V_PACKUS, w + 1, v_imm(s, IR_V_SHRI, w + 1, a, simd_bits(w)),
                    v_imm(s, IR_V_SHRI, w + 1, b, simd_bits(w)));
    case IR_W32:
        return v_op_imm(s, IR_V_SHUFPS, IR_W32, a, b, 0xdd);
    default:
        return v_op(s, IR_V_UNPKH, IR_W64, a, b);
    }
}

ir_ref v_widen(struct simd *s, unsigned w, ir_ref a, bool is_signed, bool high)
{
    if (high && !is_signed)
        return v_op(s, IR_V_UNPKH, w, a, v_zero(s));
    if (high)
        a = v_down(s, a, 8);
    return is_signed ? v_imm(s, IR_V_MOVSX, w, a, w + 1) : v_imm(s, IR_V_MOVZX, w, a, w + 1);
}

ir_ref v_bcast(struct simd *s, unsigned w, ir_ref a, unsigned n)
{
    if (w == IR_W64)
        return v_imm(s, IR_V_SHUFD, 0, a, n ? 0xee : 0x44);
    if (w == IR_W32)
        return v_imm(s, IR_V_SHUFD, 0, a, n * 0x55u);
    if (n)
        a = v_down(s, a, n << w);
    return ir_emit(s->r, IR_V_BCAST, IR_V128, w, a, 0, 0, 0, 0);
}

ir_ref simd_element(struct simd *s, const struct a64_insn *i)
{
    if (s->w == IR_W16)
        return v_bcast(s, IR_W16, simd_reg(s, i->Rm), i->H << 2 | i->L << 1 | i->M);
    return v_bcast(s, IR_W32, simd_reg(s, i->M << 4 | i->Rm), i->H << 1 | i->L);
}

/* ---- products ------------------------------------------------------------------------------- */

ir_ref v_mul(struct simd *s, unsigned w, ir_ref a, ir_ref b)
{
    if (w != IR_W8)
        return v_op(s, IR_V_MULLO, w, a, b);
    ir_ref low = v_dup(s, IR_W16, 0xff);
    ir_ref even = v_and(s, v_op(s, IR_V_MULLO, IR_W16, a, b), low);
    ir_ref odd = v_op(s, IR_V_MULLO, IR_W16, v_imm(s, IR_V_SHRI, IR_W16, a, 8), v_bic(s, b, low));
    return v_or(s, even, odd);
}

ir_ref v_mull(struct simd *s, unsigned w, ir_ref a, ir_ref b, bool is_signed, bool high)
{
    if (w == IR_W8)
        return v_op(s, IR_V_MULLO, IR_W16, v_widen(s, w, a, is_signed, high),
                    v_widen(s, w, b, is_signed, high));
    if (w == IR_W16) {
        ir_ref l = v_op(s, IR_V_MULLO, w, a, b);
        ir_ref h = is_signed ? v_op(s, IR_V_MULHI, w, a, b) : v_op(s, IR_V_MULHIU, w, a, b);
        return high ? v_op(s, IR_V_UNPKH, w, l, h) : v_op(s, IR_V_UNPKL, w, l, h);
    }
    unsigned lanes = high ? 0xfa : 0x50; /* each of two of them twice */
    a = v_imm(s, IR_V_SHUFD, 0, a, lanes);
    b = v_imm(s, IR_V_SHUFD, 0, b, lanes);
    return is_signed ? v_op(s, IR_V_MULS, 0, a, b) : v_op(s, IR_V_MULU, 0, a, b);
}

ir_ref v_fix_least(struct simd *s, unsigned w, ir_ref a)
{
    ir_ref m = v_eq(s, w, a, v_top(s, w));
    simd_saturated(s, m);
    return v_xor(s, a, m);
}

ir_ref v_sqdmull(struct simd *s, unsigned w, ir_ref a, ir_ref b, bool high)
{
    ir_ref p = v_mull(s, w, a, b, true, high);
    return v_fix_least(s, w + 1, v_add(s, w + 1, p, p));
}

/* Twice the products of even lanes of 32 bits. */
static ir_ref doubled(struct simd *s, ir_ref a, ir_ref b, bool round)
{
    ir_ref p = v_op(s, IR_V_MULS, 0, a, b);
    p = v_add(s, IR_W64, p, p);
    return round ? v_add(s, IR_W64, p, v_dup(s, IR_W64, UINT64_C(1) << 31)) : p;
}

ir_ref v_sqdmulh(struct simd *s, unsigned w, ir_ref a, ir_ref b, bool round)
{
    ir_ref v;
    if (w == IR_W16 && round) {
        v = v_op(s, IR_V_MULHRS, w, a, b);
    } else if (w == IR_W16) {
        v = v_or(s, v_imm(s, IR_V_SHLI, w, v_op(s, IR_V_MULHI, w, a, b), 1),
                 v_imm(s, IR_V_SHRI, w, v_op(s, IR_V_MULLO, w, a, b), 15));
    } else {
        ir_ref even = doubled(s, a, b, round);
        ir_ref odd = doubled(s, v_imm(s, IR_V_SHRI, IR_W64, a, 32),
                             v_imm(s, IR_V_SHRI, IR_W64, b, 32), round);
        v = v_op_imm(s, IR_V_BLENDI, IR_W32, v_imm(s, IR_V_SHRI, IR_W64, even, 32), odd, 0xa);
    }
    return v_fix_least(s, w, v);
}

/* ---- saturation ----------------------------------------------------------------------------- */

/* sum or difference r of a and something: where it overflowed by the top bits of `overflow`, the
 * extreme on a's side. */
static ir_ref clamp(struct simd *s, unsigned w, ir_ref a, ir_ref r, ir_ref overflow)
{
    ir_ref extreme = v_xor(s, v_negative(s, w, a), v_dup(s, w, mask_bits(simd_bits(w) - 1)));
    simd_saturated(s, v_negative(s, w, overflow));
    return ir_emit(s->r, IR_V_BLENDV, IR_V128, w, r, extreme, overflow, 0, 0);
}

ir_ref v_sqadd(struct simd *s, unsigned w, ir_ref a, ir_ref b)
{
    ir_ref r = v_add(s, w, a, b);
    if (w >= IR_W32)
        return clamp(s, w, a, r, v_bic(s, v_xor(s, a, r), v_xor(s, a, b)));
    ir_ref v = v_op(s, IR_V_ADDS, w, a, b);
    simd_saturated(s, v_xor(s, v, r));
    return v;
}

ir_ref v_sqsub(struct simd *s, unsigned w, ir_ref a, ir_ref b)
{
    ir_ref r = v_sub(s, w, a, b);
    if (w >= IR_W32)
        return clamp(s, w, a, r, v_and(s, v_xor(s, a, r), v_xor(s, a, b)));
    ir_ref v = v_op(s, IR_V_SUBS, w, a, b);
    simd_saturated(s, v_xor(s, v, r));
    return v;
}

ir_ref v_uqadd(struct simd *s, unsigned w, ir_ref a, ir_ref b)
{
    ir_ref v, lost;
    if (w == IR_W64) {
        ir_ref r = v_add(s, w, a, b);
        lost = v_above(s, w, a, r);
        v = v_or(s, r, lost);
    } else if (w == IR_W32) { /* what b leaves room for */
        ir_ref room = v_op(s, IR_V_MINU, w, a, v_not(s, b));
        lost = v_xor(s, room, a);
        v = v_add(s, w, room, b);
    } else {
        v = v_op(s, IR_V_ADDUS, w, a, b);
        lost = v_xor(s, v, v_add(s, w, a, b));
    }
    simd_saturated(s, lost);
    return v;
}

ir_ref v_uqsub(struct simd *s, unsigned w, ir_ref a, ir_ref b)
{
    ir_ref v, lost;
    if (w == IR_W64) {
        lost = v_above(s, w, b, a);
        v = v_bic(s, v_sub(s, w, a, b), lost);
    } else if (w == IR_W32) {
        ir_ref most = v_op(s, IR_V_MAXU, w, a, b);
        lost = v_xor(s, most, a);
        v = v_sub(s, w, most, b);
    } else {
        v = v_op(s, IR_V_SUBUS, w, a, b);
        lost = v_xor(s, v, v_sub(s, w, a, b));
    }
    simd_saturated(s, lost);
    return v;
}

/* From 64 to 32 bits; the host packs only narrower lanes. */
static ir_ref narrow_64(struct simd *s, enum simd_narrowing how, ir_ref a)
{
    ir_ref lost, v, negative = v_negative(s, IR_W64, a);
    if (how == SIMD_SQXTN) {
        ir_ref fits = v_eq(s, IR_W64,
                           v_imm(s, IR_V_SHRI, IR_W64,
                                 v_add(s, IR_W64, a, v_dup(s, IR_W64, UINT64_C(1) << 31)), 32),
                           v_zero(s));
        ir_ref extreme = v_xor(s, negative, v_dup(s, IR_W64, 0x7fffffff));
        lost = v_not(s, fits);
        v = v_select(s, fits, a, extreme);
    } else if (how == SIMD_UQXTN) {
        lost = v_not(s, v_eq(s, IR_W64, v_imm(s, IR_V_SHRI, IR_W64, a, 32), v_zero(s)));
        v = v_or(s, a, lost);
    } else {
        ir_ref over = v_gt(s, IR_W64, a, v_dup(s, IR_W64, 0xffffffff));
        lost = v_or(s, negative, over);
        v = v_bic(s, v_or(s, a, over), negative);
    }
    simd_saturated(s, lost);
    return v_even(s, IR_W32, v, v);
}

ir_ref v_narrow_low(struct simd *s, unsigned w, enum simd_narrowing how, ir_ref a)
{
    ir_ref v, back;
    if (how == SIMD_XTN)
        return v_even(s, w, a, a);
    if (w == IR_W32)
        return narrow_64(s, how, a);
    switch (how) {
    case SIMD_SQXTN:
        v = v_op(s, IR_V_PACKS, w + 1, a, a);
        back = v_imm(s, IR_V_MOVSX, w, v, w + 1);
        break;
    case SIMD_SQXTUN:
        v = v_op(s, IR_V_PACKUS, w + 1, a, a);
        back = v_imm(s, IR_V_MOVZX, w, v, w + 1);
        break;
    default:
        back = v_op(s, IR_V_MINU, w + 1, a, v_dup(s, w + 1, mask_bits(simd_bits(w))));
        v = v_op(s, IR_V_PACKUS, w + 1, back, back);
        break;
    }
    simd_saturated(s, v_xor(s, back, a));
    return v;
}
