/* Advanced SIMD: what moves lanes about - copies, permutations, extraction, tables, immediates. */
#include "tcg/arm/simd.h"

/* ---- copies: imm5 is the lane's width and number in one
 * ------------------------------------------ */

static struct simd begin_copy(struct a64_trans *x, const struct a64_insn *i, unsigned *lane)
{
    enum ir_width w = (enum ir_width)__builtin_ctz(i->imm5);
    *lane = i->imm5 >> (w + 1);
    return simd_begin(x, i, w, simd_shape(i));
}

/* DUP (element) */
bool a64_v_dup_element(struct a64_trans *x, const struct a64_insn *i)
{
    unsigned lane;
    struct simd s = begin_copy(x, i, &lane);
    if (a64_check_fp(x))
        simd_put(&s, v_bcast(&s, s.w, simd_reg(&s, i->Rn), lane));
    return true;
}

bool a64_s_dup_element(struct a64_trans *x, const struct a64_insn *i)
{
    unsigned lane;
    struct simd s = begin_copy(x, i, &lane);
    s.keep = s.w;
    if (a64_check_fp(x)) {
        ir_ref v = simd_reg(&s, i->Rn);
        simd_put(&s, lane ? v_down(&s, v, lane << s.w) : v);
    }
    return true;
}

/* DUP (general) */
bool a64_v_dup_general(struct a64_trans *x, const struct a64_insn *i)
{
    unsigned lane;
    struct simd s = begin_copy(x, i, &lane);
    if (!a64_check_fp(x))
        return true;
    ir_ref v = ir_emit(s.r, IR_V_FROM, IR_V128, s.w == IR_W64 ? IR_W64 : IR_W32,
                       a64_reg(x, i->Rn, s.w == IR_W64), 0, 0, 0, 0);
    simd_put(&s, ir_emit(s.r, IR_V_BCAST, IR_V128, s.w, v, 0, 0, 0, 0));
    return true;
}

/* INS (general) */
bool a64_v_ins_general(struct a64_trans *x, const struct a64_insn *i)
{
    unsigned lane;
    struct simd s = begin_copy(x, i, &lane);
    if (a64_check_fp(x)) {
        s.keep = IR_W128;
        simd_put(&s, ir_emit(s.r, IR_V_INS, IR_V128, s.w, simd_old(&s),
                             a64_reg(x, i->Rn, s.w == IR_W64), 0, 0, lane));
    }
    return true;
}

/* INS (element) */
bool a64_v_ins_element(struct a64_trans *x, const struct a64_insn *i)
{
    unsigned to;
    struct simd s = begin_copy(x, i, &to);
    if (!a64_check_fp(x))
        return true;
    unsigned from = i->imm4 >> s.w;
    ir_ref old = simd_old(&s), v = simd_reg(&s, i->Rn);
    s.keep = IR_W128;
    if (s.w == IR_W64) { /* the lane that stays, and the new one */
        v = to ? v_op_imm(&s, IR_V_SHUFPS, IR_W64, old, v, from << 1)
               : v_op_imm(&s, IR_V_SHUFPS, IR_W64, v, old, from | 2);
    } else if (s.w == IR_W32) {
        v = v_op_imm(&s, IR_V_INSERTPS, 0, old, v, from << 6 | to << 4);
    } else {
        ir_ref lane = ir_emit(s.r, IR_V_LANE, IR_I32, s.w, v, 0, 0, 0, from);
        v = ir_emit(s.r, IR_V_INS, IR_V128, s.w, old, lane, 0, 0, to);
    }
    simd_put(&s, v);
    return true;
}

/* SMOV: Q is the width of the general register. */
bool a64_v_smov(struct a64_trans *x, const struct a64_insn *i)
{
    unsigned lane;
    struct simd s = begin_copy(x, i, &lane);
    if (!a64_check_fp(x))
        return true;
    ir_ref v = ir_emit(s.r, IR_V_LANE, IR_I32, s.w, simd_reg(&s, i->Rn), 0, 0, 0, lane);
    if (i->Q || s.w < IR_W32)
        v = ir_sext(s.r, a64_type(i->Q), v, s.w);
    a64_put(x, i->Rd, i->Q, v);
    return true;
}

/* UMOV */
bool a64_v_umov(struct a64_trans *x, const struct a64_insn *i)
{
    unsigned lane;
    struct simd s = begin_copy(x, i, &lane);
    if (a64_check_fp(x))
        a64_put(x, i->Rd, i->Q,
                ir_emit(s.r, IR_V_LANE, a64_type(i->Q), s.w, simd_reg(&s, i->Rn), 0, 0, 0, lane));
    return true;
}

/* ---- permutations
 * --------------------------------------------------------------------------------- */

static ir_ref transpose(struct simd *s, ir_ref a, ir_ref b, bool odd)
{
    unsigned wide = s->w + 1, bits = simd_bits(s->w);
    if (s->w == IR_W64)
        return odd ? v_odd(s, IR_W64, a, b) : v_even(s, IR_W64, a, b);
    if (odd)
        a = v_imm(s, IR_V_SHRI, wide, a, bits);
    else
        b = v_imm(s, IR_V_SHLI, wide, b, bits);
    if (s->w != IR_W8)
        return v_op_imm(s, IR_V_BLENDI, s->w, a, b, 0xaa);
    ir_ref low = v_dup(s, IR_W16, 0xff);
    return odd ? v_or(s, a, v_bic(s, b, low)) : v_or(s, v_and(s, a, low), b);
}

static ir_ref interleave(struct simd *s, ir_ref a, ir_ref b, bool high)
{
    if (high && s->keep == IR_W128)
        return v_op(s, IR_V_UNPKH, s->w, a, b);
    ir_ref v = v_op(s, IR_V_UNPKL, s->w, a, b);
    return high ? v_down(s, v, 8) : v;
}

/* UZP1, TRN1, ZIP1: opcode 001, 010, 011; the second ones have its bit 2 set. */
bool a64_v_permute(struct a64_trans *x, const struct a64_insn *i)
{
    struct simd s = simd_begin(x, i, (enum ir_width)i->size, simd_shape(i));
    if (!a64_check_fp(x))
        return true;
    ir_ref a = simd_reg(&s, i->Rn), b = simd_reg(&s, i->Rm);
    bool second = i->opcode & 4;
    switch (i->opcode & 3) {
    case 1:
        if (!i->Q)
            a = b = v_op(&s, IR_V_UNPKL, IR_W64, a, b);
        a = second ? v_odd(&s, s.w, a, b) : v_even(&s, s.w, a, b);
        break;
    case 2:
        a = transpose(&s, a, b, second);
        break;
    default:
        a = interleave(&s, a, b, second);
        break;
    }
    simd_put(&s, a);
    return true;
}

/* EXT */
bool a64_v_ext(struct a64_trans *x, const struct a64_insn *i)
{
    struct simd s = simd_begin(x, i, IR_W8, simd_shape(i));
    if (!a64_check_fp(x))
        return true;
    ir_ref a = simd_reg(&s, i->Rn), b = simd_reg(&s, i->Rm);
    if (i->imm4 == 0)
        ;
    else if (i->Q)
        a = v_op_imm(&s, IR_V_ALIGN, 0, b, a, i->imm4);
    else
        a = v_down(&s, v_op(&s, IR_V_UNPKL, IR_W64, a, b), i->imm4);
    simd_put(&s, a);
    return true;
}

/* ---- tables
 * ---------------------------------------------------------------------------------------- */

/*
 * TBL, TBX (op): of `len` + 1 registers. The host's byte shuffle gives 0 where the top bit of an
 * index is set: adding 0x70 with saturation sets it in all that are not below 16.
 */
bool a64_v_table(struct a64_trans *x, const struct a64_insn *i)
{
    struct simd s = simd_begin(x, i, IR_W8, simd_shape(i));
    if (!a64_check_fp(x))
        return true;
    ir_ref index = simd_reg(&s, i->Rm), add = v_dup(&s, IR_W8, 0x70), v = 0;
    for (unsigned k = 0; k <= i->len; k++) {
        ir_ref from = k ? v_sub(&s, IR_W8, index, v_dup(&s, IR_W8, 16 * k)) : index;
        ir_ref part = v_op(&s, IR_V_SHUFB, 0, simd_reg(&s, (i->Rn + k) & 31),
                           v_op(&s, IR_V_ADDUS, IR_W8, from, add));
        v = v ? v_or(&s, v, part) : part;
    }
    if (i->op) {
        ir_ref limit = v_dup(&s, IR_W8, 16 * (i->len + 1));
        ir_ref beyond = v_eq(&s, IR_W8, v_op(&s, IR_V_MAXU, IR_W8, index, limit), index);
        v = v_select(&s, beyond, simd_old(&s), v);
    }
    simd_put(&s, v);
    return true;
}

/* ---- immediates
 * ------------------------------------------------------------------------------------ */

/* AdvSIMDExpandImm of the Arm ARM, both halves alike. */
static uint64_t expand(const struct a64_insn *i)
{
    uint64_t imm = i->abc << 5 | i->defgh, sign = imm >> 7, b6 = imm >> 6 & 1;
    switch (i->cmode >> 1) {
    case 0:
    case 1:
    case 2:
    case 3:
        return simd_replicate(IR_W32, imm << 4 * (i->cmode & 6));
    case 4:
    case 5:
        return simd_replicate(IR_W16, imm << 4 * (i->cmode & 2));
    case 6: /* ones come in from below */
        return simd_replicate(IR_W32, i->cmode & 1 ? imm << 16 | 0xffff : imm << 8 | 0xff);
    default:
        break;
    }
    if (!(i->cmode & 1)) {
        uint64_t bytes = 0; /* each bit a byte */
        for (unsigned n = 0; n < 8; n++)
            bytes |= (imm >> n & 1) * (UINT64_C(0xff) << 8 * n);
        return i->op ? bytes : simd_replicate(IR_W8, imm);
    }
    if (!i->op)
        return simd_replicate(IR_W32, sign << 31 | (b6 ? UINT64_C(0x3e000000) : 0x40000000) |
                                          (imm & 0x3f) << 19);
    return sign << 63 | (b6 ? UINT64_C(0x3fc0000000000000) : UINT64_C(0x4000000000000000)) |
           (imm & 0x3f) << 48;
}

/* MOVI, MVNI, ORR and BIC (vector, immediate), FMOV (vector, immediate). */
bool a64_v_imm(struct a64_trans *x, const struct a64_insn *i)
{
    struct simd s = simd_begin(x, i, IR_W64, simd_shape(i));
    uint64_t value = expand(i);
    bool with_old = i->cmode & 1 && i->cmode < 12, invert = i->op && i->cmode < 14;
    if (!a64_check_fp(x))
        return true;
    if (with_old && invert)
        simd_put(&s, v_bic(&s, simd_old(&s), v_const(&s, value)));
    else if (with_old)
        simd_put(&s, v_or(&s, simd_old(&s), v_const(&s, value)));
    else if (invert)
        value = ~value;
    if (!with_old)
        a64_put_vec(x, s.rd, v_const128(&s, value, i->Q ? value : 0));
    return true;
}

/* FMOV (vector, immediate) of half precision. */
bool a64_v_imm_half(struct a64_trans *x, const struct a64_insn *i)
{
    struct simd s = simd_begin(x, i, IR_W16, simd_shape(i));
    uint64_t imm = i->abc << 5 | i->defgh;
    uint64_t value = simd_replicate(IR_W16, (imm >> 7) << 15 | (imm >> 6 & 1 ? 0x3000u : 0x4000u) |
                                                (imm & 0x3f) << 6);
    if (a64_check_fp(x))
        a64_put_vec(x, s.rd, v_const128(&s, value, i->Q ? value : 0));
    return true;
}
