/* Advanced SIMD: shifts by an immediate. immh:immb is lane width and count in one. */
#include "tcg/arm/simd.h"

static struct simd begin(struct a64_trans *x, const struct a64_insn *i, bool scalar)
{
    enum ir_width w = (enum ir_width)(31 - __builtin_clz(i->immh));
    return simd_begin(x, i, w, scalar ? w : simd_shape(i));
}

static unsigned left_count(const struct simd *s, const struct a64_insn *i)
{
    return (i->immh << 3 | i->immb) - simd_bits(s->w);
}
static unsigned right_count(const struct simd *s, const struct a64_insn *i)
{
    return 2 * simd_bits(s->w) - (i->immh << 3 | i->immb);
}

/* ---- to the right
 * -------------------------------------------------------------------------------- */

/* SSHR, USHR, SSRA, USRA, SRSHR, URSHR, SRSRA, URSRA: opcode bit 1 accumulates, bit 2 rounds. */
static bool shift_right(struct simd *s, const struct a64_insn *i)
{
    if (!a64_check_fp(s->x))
        return true;
    unsigned n = right_count(s, i);
    ir_ref v = simd_reg(s, i->Rn);
    if (i->opcode & 4)
        v = v_shift_round(s, s->w, v, n, !i->U);
    else
        v = i->U ? v_shr(s, s->w, v, n) : v_sar(s, s->w, v, n);
    if (i->opcode & 2)
        v = v_add(s, s->w, simd_old(s), v);
    simd_put(s, v);
    return true;
}
bool a64_v_shr(struct a64_trans *x, const struct a64_insn *i)
{
    struct simd s = begin(x, i, false);
    return shift_right(&s, i);
}
bool a64_s_shr(struct a64_trans *x, const struct a64_insn *i)
{
    struct simd s = begin(x, i, true);
    return shift_right(&s, i);
}

/* ---- to the left, and insertions
 * ------------------------------------------------------------------ */

/* SHL; SLI and SRI leave the bits of the destination that nothing is shifted into. */
static bool shift_left(struct simd *s, const struct a64_insn *i)
{
    if (!a64_check_fp(s->x))
        return true;
    uint64_t all = mask_bits(simd_bits(s->w)), moved;
    bool right = i->opcode == 8;
    unsigned n = right ? right_count(s, i) : left_count(s, i);
    ir_ref v = simd_reg(s, i->Rn);
    if (right) {
        v = v_shr(s, s->w, v, n);
        moved = n == 64 ? 0 : all >> n;
    } else {
        v = v_shl(s, s->w, v, n);
        moved = all << n & all;
    }
    if (i->U)
        v = v_or(s, v_bic(s, simd_old(s), v_dup(s, s->w, moved)), v);
    simd_put(s, v);
    return true;
}
bool a64_v_shl(struct a64_trans *x, const struct a64_insn *i)
{
    struct simd s = begin(x, i, false);
    return shift_left(&s, i);
}
bool a64_s_shl(struct a64_trans *x, const struct a64_insn *i)
{
    struct simd s = begin(x, i, true);
    return shift_left(&s, i);
}

/* SQSHL, UQSHL, SQSHLU: what does not come back when shifted back did not fit. */
static bool shift_left_saturating(struct simd *s, const struct a64_insn *i)
{
    if (!a64_check_fp(s->x))
        return true;
    unsigned n = left_count(s, i), w = s->w;
    bool to_unsigned = i->opcode == 0x0c, is_signed = !i->U;
    ir_ref a = simd_reg(s, i->Rn), v = v_shl(s, w, a, n);
    ir_ref fits = v_eq(s, w, is_signed ? v_sar(s, w, v, n) : v_shr(s, w, v, n), a);
    ir_ref lost = v_not(s, fits);
    if (is_signed) {
        ir_ref extreme = v_xor(s, v_negative(s, w, a), v_dup(s, w, mask_bits(simd_bits(w) - 1)));
        v = v_select(s, fits, v, extreme);
    } else {
        v = v_or(s, v, lost);
    }
    if (to_unsigned) {
        ir_ref negative = v_negative(s, w, a);
        v = v_bic(s, v, negative);
        lost = v_or(s, lost, negative);
    }
    simd_saturated(s, lost);
    simd_put(s, v);
    return true;
}
bool a64_v_sqshl(struct a64_trans *x, const struct a64_insn *i)
{
    struct simd s = begin(x, i, false);
    return shift_left_saturating(&s, i);
}
bool a64_s_sqshl(struct a64_trans *x, const struct a64_insn *i)
{
    struct simd s = begin(x, i, true);
    return shift_left_saturating(&s, i);
}

/* SSHLL, USHLL and, with a count of 0, SXTL, UXTL. */
bool a64_v_shll_imm(struct a64_trans *x, const struct a64_insn *i)
{
    struct simd s = begin(x, i, false);
    if (!a64_check_fp(x))
        return true;
    s.keep = IR_W128;
    simd_put(&s, v_shl(&s, s.w + 1, v_widen(&s, s.w, simd_reg(&s, i->Rn), !i->U, i->Q),
                       left_count(&s, i)));
    return true;
}

/* ---- to the right and narrowed
 * --------------------------------------------------------------------- */

/* SHRN, RSHRN, SQSHRUN, SQRSHRUN (opcode 1000x), SQSHRN, UQSHRN, SQRSHRN, UQRSHRN (1001x): bit 0
 * rounds. */
static ir_ref shift_narrow(struct simd *s, const struct a64_insn *i)
{
    bool round = i->opcode & 1, is_signed = i->opcode & 2 ? !i->U : i->U;
    enum simd_narrowing how =
        i->opcode & 2 ? (i->U ? SIMD_UQXTN : SIMD_SQXTN) : (i->U ? SIMD_SQXTUN : SIMD_XTN);
    unsigned n = right_count(s, i), wide = s->w + 1;
    ir_ref a = simd_reg(s, i->Rn);
    if (how == SIMD_XTN && round) /* the carry out of the lane is cut off in any case */
        a = v_shr(s, wide, v_add(s, wide, a, v_dup(s, wide, UINT64_C(1) << (n - 1))), n);
    else if (round)
        a = v_shift_round(s, wide, a, n, is_signed);
    else
        a = is_signed ? v_sar(s, wide, a, n) : v_shr(s, wide, a, n);
    return v_narrow_low(s, s->w, how, a);
}

bool a64_v_shrn(struct a64_trans *x, const struct a64_insn *i)
{
    struct simd s = begin(x, i, false);
    if (!a64_check_fp(x))
        return true;
    s.count = IR_W128;
    ir_ref v = shift_narrow(&s, i);
    simd_put(&s, i->Q ? v_op(&s, IR_V_UNPKL, IR_W64, simd_old(&s), v) : v);
    return true;
}

bool a64_s_shrn(struct a64_trans *x, const struct a64_insn *i)
{
    struct simd s = begin(x, i, true);
    if (!a64_check_fp(x))
        return true;
    s.count = (enum ir_width)(s.w + 1);
    simd_put(&s, shift_narrow(&s, i));
    return true;
}
