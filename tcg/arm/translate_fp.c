/* A64 floating point: scalars. Arm ARM, chapter C7, the instruction named in fp.def. */
#include "tcg/arm/translate_fp.h"

ir_ref fp_constant(const struct fp *f, uint64_t lane)
{
    if (f->shape == IR_AFP_SCALAR)
        return ir_emit(f->r, IR_V_FROM, IR_V128, IR_W64, ir_i64(f->r, lane), 0, 0, 0, 0);
    if (f->w < IR_W64)
        lane *= ~UINT64_C(0) / mask_bits(8u << f->w);
    return ir_emit(f->r, IR_VCONST, IR_V128, 0, 0, 0, 0, 0, lane);
}

/* ---- moves ----------------------------------------------------------------------------------- */

bool a64_fp_move(struct a64_trans *x, const struct a64_insn *i)
{
    struct fp f;
    if (!fp_scalar(x, &f, i->ftype))
        return false;
    if (!a64_check_fp(x))
        return true;
    fp_put(&f, i->Rd, fp_cut(&f, a64_vec(x, i->Rn)));
    return true;
}

/* The bits of a constant by its sign, 3 bits of exponent and 4 of fraction (VFPExpandImm). */
static uint64_t expand_immediate(unsigned w, unsigned imm8)
{
    static const uint8_t frac_bits[] = {[IR_W16] = 10, [IR_W32] = 23, [IR_W64] = 52};
    unsigned frac = frac_bits[w], exp_bits = (8u << w) - 1 - frac;
    uint64_t low = imm8 & 0x3f, top = imm8 >> 6 & 1;
    uint64_t exp = top ? mask_bits(exp_bits - 3) << 2 : UINT64_C(1) << (exp_bits - 1);
    return (uint64_t)(imm8 >> 7) << (frac + exp_bits) | exp << frac | low << (frac - 4);
}

bool a64_fp_immediate(struct a64_trans *x, const struct a64_insn *i)
{
    struct fp f;
    if (!fp_scalar(x, &f, i->ftype))
        return false;
    if (!a64_check_fp(x))
        return true;
    fp_put(&f, i->Rd, fp_constant(&f, expand_immediate(f.w, i->imm8)));
    return true;
}

bool a64_fp_to_general(struct a64_trans *x, const struct a64_insn *i)
{
    struct fp f;
    fp_scalar(x, &f, i->ftype);
    if (!a64_check_fp(x))
        return true;
    a64_put(x, i->Rd, i->sf,
            ir_emit(x->ir, IR_V_LANE, a64_type(i->sf), f.w, a64_vec(x, i->Rn), 0, 0, 0, 0));
    return true;
}

bool a64_fp_from_general(struct a64_trans *x, const struct a64_insn *i)
{
    struct fp f;
    fp_scalar(x, &f, i->ftype);
    if (!a64_check_fp(x))
        return true;
    ir_ref v = a64_reg(x, i->Rn, i->sf);
    if (f.w == IR_W16)
        v = ir_zext(x->ir, a64_type(i->sf), v, IR_W16);
    fp_put(&f, i->Rd, ir_emit(x->ir, IR_V_FROM, IR_V128, a64_width(i->sf), v, 0, 0, 0, 0));
    return true;
}

bool a64_fp_to_general_top(struct a64_trans *x, const struct a64_insn *i)
{
    if (!a64_check_fp(x))
        return true;
    a64_put(x, i->Rd, true,
            ir_emit(x->ir, IR_V_LANE, IR_I64, IR_W64, a64_vec(x, i->Rn), 0, 0, 0, 1));
    return true;
}

bool a64_fp_from_general_top(struct a64_trans *x, const struct a64_insn *i)
{
    if (!a64_check_fp(x))
        return true;
    a64_put_vec(x, i->Rd,
                ir_emit(x->ir, IR_V_INS, IR_V128, IR_W64, a64_vec(x, i->Rd),
                        a64_reg(x, i->Rn, true), 0, 0, 1));
    return true;
}

bool a64_fp_sign(struct a64_trans *x, const struct a64_insn *i)
{
    struct fp f;
    if (!fp_scalar(x, &f, i->ftype))
        return false;
    if (!a64_check_fp(x))
        return true;
    ir_ref v = a64_vec(x, i->Rn);
    fp_put(&f, i->Rd, i->op1 == 1 ? fp_abs(&f, v) : fp_negate(&f, v));
    return true;
}

/* ---- arithmetic ------------------------------------------------------------------------------ */

bool a64_fp_sqrt(struct a64_trans *x, const struct a64_insn *i)
{
    struct fp f;
    if (!fp_scalar(x, &f, i->ftype))
        return false;
    if (!a64_check_fp(x))
        return true;
    fp_put(&f, i->Rd, fp_1(&f, ir_afp(IR_AFP_SQRT, f.shape), a64_vec(x, i->Rn)));
    return true;
}

/* FRINTN to FRINTI by the opcode's low 3 bits. */
bool a64_fp_round(struct a64_trans *x, const struct a64_insn *i)
{
    static const uint8_t rounding[8] = {IR_AFP_NEAREST, IR_AFP_UP, IR_AFP_DOWN,    IR_AFP_ZERO,
                                        IR_AFP_AWAY,    0,         IR_AFP_CURRENT, IR_AFP_CURRENT};
    struct fp f;
    if (!fp_scalar(x, &f, i->ftype))
        return false;
    if (!a64_check_fp(x))
        return true;
    uint64_t imm = ir_afp_rounded(IR_AFP_RINT, f.shape, rounding[i->op1 & 7]) |
                   ((i->op1 & 7) == 6 ? (uint64_t)IR_AFP_EXACT : 0);
    fp_put(&f, i->Rd, fp_1(&f, imm, a64_vec(x, i->Rn)));
    return true;
}

/* op1: bit 1: to 64 bits; bit 0: in the current rounding mode. */
bool a64_fp_round_n(struct a64_trans *x, const struct a64_insn *i)
{
    struct fp f;
    if (!fp_scalar(x, &f, i->ftype))
        return false;
    if (!a64_check_fp(x))
        return true;
    uint64_t imm =
        ir_afp_rounded(IR_AFP_RINTN, f.shape, i->op1 & 1 ? IR_AFP_CURRENT : IR_AFP_ZERO) |
        (uint64_t)(i->op1 & 2 ? IR_W64 : IR_W32) << IR_AFP_TO_SHIFT;
    fp_put(&f, i->Rd, fp_1(&f, imm, a64_vec(x, i->Rn)));
    return true;
}

bool a64_fp_two(struct a64_trans *x, const struct a64_insn *i)
{
    static const uint8_t ops[9] = {IR_AFP_MUL, IR_AFP_DIV,   IR_AFP_ADD,   IR_AFP_SUB, IR_AFP_MAX,
                                   IR_AFP_MIN, IR_AFP_MAXNM, IR_AFP_MINNM, IR_AFP_MUL};
    struct fp f;
    if (!fp_scalar(x, &f, i->ftype))
        return false;
    if (!a64_check_fp(x))
        return true;
    ir_ref v = fp_2(&f, ops[i->op2], a64_vec(x, i->Rn), a64_vec(x, i->Rm));
    fp_put(&f, i->Rd, i->op2 == 8 ? fp_negate(&f, v) : v);
    return true;
}

bool a64_fp_three(struct a64_trans *x, const struct a64_insn *i)
{
    struct fp f;
    if (!fp_scalar(x, &f, i->ftype))
        return false;
    if (!a64_check_fp(x))
        return true;
    uint64_t negate = (i->o0 != i->o1 ? (uint64_t)IR_AFP_NEGATE_PRODUCT : 0) |
                      (i->o1 ? (uint64_t)IR_AFP_NEGATE_ADDEND : 0);
    fp_put(&f, i->Rd, fp_3(&f, negate, a64_vec(x, i->Rn), a64_vec(x, i->Rm), a64_vec(x, i->Ra)));
    return true;
}

/* ---- comparisons ----------------------------------------------------------------------------- */

static ir_ref compare(const struct fp *f, unsigned signals, ir_ref a, ir_ref b)
{
    return ir_emit(f->r, IR_FL_FCMP, IR_FL, f->w, a, b, 0, 0, signals | f->modes);
}

bool a64_fp_compare(struct a64_trans *x, const struct a64_insn *i)
{
    struct fp f;
    if (!fp_scalar(x, &f, i->ftype))
        return false;
    if (!a64_check_fp(x))
        return true;
    a64_put_flags(
        x, compare(&f, i->signals, a64_vec(x, i->Rn), i->zero ? fp_zero(&f) : a64_vec(x, i->Rm)));
    return true;
}

/* NZCV in the packed form of flags: SLOT_FLAGS has the inverse of C. */
static uint32_t packed_flags(unsigned nzcv)
{
    return (nzcv & 8 ? (uint32_t)IR_FL_SF : 0) | (nzcv & 4 ? (uint32_t)IR_FL_ZF : 0) |
           (nzcv & 2 ? 0 : (uint32_t)IR_FL_CF) | (nzcv & 1 ? (uint32_t)IR_FL_OF : 0);
}

/* Where the condition does not hold there is no comparison: of zeros, nobody notices one. */
bool a64_fp_compare_if(struct a64_trans *x, const struct a64_insn *i)
{
    struct ir_region *r = x->ir;
    struct fp f;
    if (!fp_scalar(x, &f, i->ftype))
        return false;
    if (!a64_check_fp(x))
        return true;
    ir_ref a = a64_vec(x, i->Rn), b = a64_vec(x, i->Rm);
    if (i->cond >= 14) {
        a64_put_flags(x, compare(&f, i->signals, a, b));
        return true;
    }
    ir_ref old = a64_flags(x);
    enum ir_cc cc = a64_cc(i->cond);
    ir_ref bits =
        ir_emit(r, IR_SELCC, IR_I64, cc, ir_i64(r, ~UINT64_C(0)), ir_i64(r, 0), old, 0, 0);
    ir_ref mask = ir_emit(r, IR_V_FROM, IR_V128, IR_W64, bits, 0, 0, 0, 0);
    ir_ref fl = compare(&f, i->signals, fp_v2(&f, IR_V_AND, 0, a, mask, 0),
                        fp_v2(&f, IR_V_AND, 0, b, mask, 0));
    ir_ref packed = ir_emit(r, IR_FL_PACK, IR_I32, 0, fl, 0, 0, 0, 0);
    ir_ref chosen =
        ir_emit(r, IR_SELCC, IR_I32, cc, packed, ir_i32(r, packed_flags(i->nzcv)), old, 0, 0);
    a64_put_flags(x, ir_emit(r, IR_FL_FROM, IR_FL, 0, chosen, 0, 0, 0, 0));
    return true;
}

bool a64_fp_select(struct a64_trans *x, const struct a64_insn *i)
{
    struct ir_region *r = x->ir;
    struct fp f;
    if (!fp_scalar(x, &f, i->ftype))
        return false;
    if (!a64_check_fp(x))
        return true;
    ir_ref a = a64_vec(x, i->Rn), b = a64_vec(x, i->Rm);
    if (i->cond >= 14 || i->Rn == i->Rm) {
        fp_put(&f, i->Rd, fp_cut(&f, a));
        return true;
    }
    enum ir_type t = f.w == IR_W64 ? IR_I64 : IR_I32;
    ir_ref va = ir_emit(r, IR_V_LANE, t, f.w, a, 0, 0, 0, 0);
    ir_ref vb = ir_emit(r, IR_V_LANE, t, f.w, b, 0, 0, 0, 0);
    ir_ref v = ir_emit(r, IR_SELCC, t, a64_cc(i->cond), va, vb, a64_flags(x), 0, 0);
    fp_put(&f, i->Rd, ir_emit(r, IR_V_FROM, IR_V128, t == IR_I64 ? IR_W64 : IR_W32, v, 0, 0, 0, 0));
    return true;
}
