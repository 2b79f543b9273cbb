/* A64 floating point: conversions. Arm ARM, chapter C7, the instruction named in fp.def. */
#include "tcg/arm/translate_fp.h"

/* ---- between formats ------------------------------------------------------------------------- */

static bool convert_scalar(struct a64_trans *x, const struct a64_insn *i, enum ir_width to)
{
    static const uint8_t width[] = {IR_W32, IR_W64, 0, IR_W16};
    struct fp f = fp_of(x, (enum ir_width)width[i->ftype & 3], IR_AFP_SCALAR);
    if (!a64_check_fp(x))
        return true;
    fp_put(&f, i->Rd,
           fp_1(&f, ir_afp(IR_AFP_CVT, IR_AFP_SCALAR) | (uint64_t)to << IR_AFP_TO_SHIFT,
                a64_vec(x, i->Rn)));
    return true;
}

bool a64_fp_convert_s(struct a64_trans *x, const struct a64_insn *i)
{
    return convert_scalar(x, i, IR_W32);
}
bool a64_fp_convert_d(struct a64_trans *x, const struct a64_insn *i)
{
    return convert_scalar(x, i, IR_W64);
}
bool a64_fp_convert_h(struct a64_trans *x, const struct a64_insn *i)
{
    return convert_scalar(x, i, IR_W16);
}

/* Lanes of width `from` to the next narrower ones, in the low half of the result or (2) the high
 * one, beside what was in the low one. */
static void narrow(struct a64_trans *x, const struct a64_insn *i, enum ir_width from,
                   unsigned rounding)
{
    struct fp f = fp_of(x, from, IR_AFP_FULL);
    ir_ref v = fp_1(&f,
                    ir_afp_rounded(IR_AFP_CVT, IR_AFP_FULL, rounding) | (uint64_t)(from - 1)
                                                                            << IR_AFP_TO_SHIFT,
                    a64_vec(x, i->Rn));
    if (i->Q)
        v = fp_v2(&f, IR_V_UNPKL, IR_W64, a64_vec(x, i->Rd), v, 0);
    fp_put(&f, i->Rd, v);
}

bool a64_fp_v_narrow(struct a64_trans *x, const struct a64_insn *i)
{
    if (a64_check_fp(x))
        narrow(x, i, i->sz ? IR_W64 : IR_W32, IR_AFP_CURRENT);
    return true;
}

bool a64_fp_v_narrow_odd(struct a64_trans *x, const struct a64_insn *i)
{
    if (a64_check_fp(x))
        narrow(x, i, IR_W64, IR_AFP_ODD);
    return true;
}

bool a64_fp_s_narrow_odd(struct a64_trans *x, const struct a64_insn *i)
{
    struct fp f = fp_of(x, IR_W64, IR_AFP_SCALAR);
    if (!a64_check_fp(x))
        return true;
    fp_put(&f, i->Rd,
           fp_1(&f,
                ir_afp_rounded(IR_AFP_CVT, IR_AFP_SCALAR, IR_AFP_ODD) | (uint64_t)IR_W32
                                                                            << IR_AFP_TO_SHIFT,
                a64_vec(x, i->Rn)));
    return true;
}

bool a64_fp_v_widen(struct a64_trans *x, const struct a64_insn *i)
{
    struct fp f = fp_of(x, i->sz ? IR_W32 : IR_W16, IR_AFP_FULL);
    if (!a64_check_fp(x))
        return true;
    ir_ref v = a64_vec(x, i->Rn);
    if (i->Q)
        v = fp_v1(&f, IR_V_SHRB, 0, v, 8);
    fp_put(&f, i->Rd,
           fp_1(&f, ir_afp(IR_AFP_CVT, IR_AFP_FULL) | (uint64_t)(f.w + 1) << IR_AFP_TO_SHIFT, v));
    return true;
}

/* ---- to and from integers -------------------------------------------------------------------- */

static const uint8_t int_rounding[] = {IR_AFP_NEAREST, IR_AFP_UP, IR_AFP_DOWN, IR_AFP_ZERO};

bool a64_fp_to_int(struct a64_trans *x, const struct a64_insn *i)
{
    struct fp f;
    if (!fp_scalar(x, &f, i->ftype))
        return false;
    if (!a64_check_fp(x))
        return true;
    unsigned rounding = i->opcode & 4 ? (unsigned)IR_AFP_AWAY : int_rounding[i->rmode];
    a64_put(x, i->Rd, i->sf,
            fp_to_general(&f, a64_type(i->sf), rounding,
                          i->opcode & 1 ? (uint64_t)IR_AFP_UNSIGNED : 0, a64_vec(x, i->Rn)));
    return true;
}

bool a64_fp_from_int(struct a64_trans *x, const struct a64_insn *i)
{
    struct fp f;
    if (!fp_scalar(x, &f, i->ftype))
        return false;
    if (!a64_check_fp(x))
        return true;
    fp_put(&f, i->Rd,
           fp_from_general(&f, i->opcode & 1 ? (uint64_t)IR_AFP_UNSIGNED : 0,
                           a64_reg(x, i->Rn, i->sf)));
    return true;
}

/* scale is 64 minus the fraction bits. */
static bool fixed_point(struct a64_trans *x, const struct a64_insn *i, struct fp *f, uint64_t *how)
{
    *how = fp_fraction(64 - i->scale) | (i->opcode & 1 ? (uint64_t)IR_AFP_UNSIGNED : 0);
    return fp_scalar(x, f, i->ftype);
}

bool a64_fp_to_fixed(struct a64_trans *x, const struct a64_insn *i)
{
    struct fp f;
    uint64_t how;
    if (!fixed_point(x, i, &f, &how))
        return false;
    if (!a64_check_fp(x))
        return true;
    a64_put(x, i->Rd, i->sf,
            fp_to_general(&f, a64_type(i->sf), IR_AFP_ZERO, how, a64_vec(x, i->Rn)));
    return true;
}

bool a64_fp_from_fixed(struct a64_trans *x, const struct a64_insn *i)
{
    struct fp f;
    uint64_t how;
    if (!fixed_point(x, i, &f, &how))
        return false;
    if (!a64_check_fp(x))
        return true;
    fp_put(&f, i->Rd, fp_from_general(&f, how, a64_reg(x, i->Rn, i->sf)));
    return true;
}

/* Z says whether the result is exact; N, C and V are 0. */
bool a64_fp_jcvt(struct a64_trans *x, const struct a64_insn *i)
{
    struct fp f = fp_of(x, IR_W64, IR_AFP_SCALAR);
    struct ir_region *r = x->ir;
    if (!a64_check_fp(x))
        return true;
    ir_ref v = ir_emit(r, IR_VA_TOI, IR_I64, IR_W64, a64_vec(x, i->Rn), 0, 0, 0,
                       ir_afp_rounded(IR_AFP_JCVT, IR_AFP_SCALAR, IR_AFP_ZERO) | f.modes);
    ir_ref exact = ir_trunc(r, ir_emit(r, IR_EXTRACT, IR_I64, 0, v, 0, 0, 0, 32 | 1 << 8));
    ir_ref zf = ir_op2(r, IR_SHL, IR_I32, exact, ir_i32(r, 14));
    _Static_assert(IR_FL_ZF == 1 << 14, "where Z is");
    a64_put_flags(x, ir_emit(r, IR_FL_FROM, IR_FL, 0,
                             ir_op2(r, IR_OR, IR_I32, zf, ir_i32(r, IR_FL_CF)), 0, 0, 0, 0));
    a64_put(x, i->Rd, false, ir_trunc(r, v));
    return true;
}

/* ---- lanes ----------------------------------------------------------------------------------- */

/* Does the exact way have to be taken anyway? */
static bool unusual(const struct fp *f, uint64_t how)
{
    return f->modes & IR_AFP_FZ || f->w == IR_W16 || ir_afp_fbits(how);
}

static unsigned lane_count(const struct fp *f)
{
    return f->shape == IR_AFP_SCALAR ? 1 : (f->shape == IR_AFP_HALF ? 8u : 16u) >> f->w;
}

/* Lanes that were made one by one. */
static ir_ref join_lanes(const struct fp *f, const ir_ref lane[4])
{
    unsigned n = lane_count(f);
    if (n == 1)
        return lane[0];
    if (f->w == IR_W64)
        return fp_v2(f, IR_V_UNPKL, IR_W64, lane[0], lane[1], 0);
    ir_ref low = fp_v2(f, IR_V_UNPKL, IR_W32, lane[0], lane[1], 0);
    if (n == 2)
        return fp_cut(f, low);
    return fp_v2(f, IR_V_UNPKL, IR_W64, low, fp_v2(f, IR_V_UNPKL, IR_W32, lane[2], lane[3], 0), 0);
}

/* The host has no instruction for lanes of 64 bits or without a sign, but for one at a time. */
ir_ref fp_lanes_to_int(const struct fp *f, unsigned rounding, uint64_t how, ir_ref a)
{
    enum ir_type t = f->w == IR_W64 ? IR_I64 : IR_I32;
    ir_ref lane[4] = {0};
    bool lanes = f->w == IR_W32 && !(how & IR_AFP_UNSIGNED) && f->shape != IR_AFP_SCALAR;
    if (unusual(f, how) || rounding > IR_AFP_ZERO || lanes)
        return fp_1(f, ir_afp_rounded(IR_AFP_TOINT, f->shape, rounding) | how, a);
    for (unsigned n = 0; n < lane_count(f); n++) {
        ir_ref from = n ? fp_v1(f, IR_V_SHRB, 0, a, n << f->w) : a;
        lane[n] = ir_emit(f->r, IR_V_FROM, IR_V128, f->w, fp_to_general(f, t, rounding, how, from),
                          0, 0, 0, 0);
    }
    return join_lanes(f, lane);
}

ir_ref fp_lanes_from_int(const struct fp *f, uint64_t how, ir_ref a)
{
    enum ir_type t = f->w == IR_W64 ? IR_I64 : IR_I32;
    ir_ref lane[4] = {0};
    bool lanes = f->w == IR_W32 && !(how & IR_AFP_UNSIGNED) && f->shape != IR_AFP_SCALAR;
    if (f->w == IR_W16 || lanes)
        return fp_1(f, ir_afp(IR_AFP_FROMINT, f->shape) | how, a);
    for (unsigned n = 0; n < lane_count(f); n++)
        lane[n] = fp_from_general(f, how, ir_emit(f->r, IR_V_LANE, t, f->w, a, 0, 0, 0, n));
    return join_lanes(f, lane);
}

/* SCVTF, UCVTF, FCVTZS, FCVTZU with fraction bits: immh:immb is twice the lane's bits less them. */
static bool fixed_lanes(struct a64_trans *x, const struct a64_insn *i, enum ir_afp_shape shape)
{
    enum ir_width w = i->immh & 8 ? IR_W64 : i->immh & 4 ? IR_W32 : IR_W16;
    struct fp f = fp_of(x, w, shape);
    uint64_t how =
        fp_fraction((16u << w) - (i->immh << 3 | i->immb)) | (i->U ? (uint64_t)IR_AFP_UNSIGNED : 0);
    if ((w == IR_W16 && !a64_has(x, ARM_FEAT_FP16)) || (w == IR_W64 && shape == IR_AFP_HALF))
        return false;
    if (!a64_check_fp(x))
        return true;
    ir_ref v = a64_vec(x, i->Rn);
    fp_put(&f, i->Rd,
           i->opcode == 0x1f ? fp_lanes_to_int(&f, IR_AFP_ZERO, how, v)
                             : fp_lanes_from_int(&f, how, v));
    return true;
}

bool a64_fp_v_fixed(struct a64_trans *x, const struct a64_insn *i)
{
    return fixed_lanes(x, i, fp_shape(i->Q));
}
bool a64_fp_s_fixed(struct a64_trans *x, const struct a64_insn *i)
{
    return fixed_lanes(x, i, IR_AFP_SCALAR);
}
