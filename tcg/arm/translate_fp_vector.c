/* A64 floating point: vectors of two and three operands. Arm ARM, chapter C7, the instruction named
 * in fp.def. */
#include "tcg/arm/translate_fp.h"

ir_ref fp_every_other(const struct fp *f, unsigned odd, ir_ref a, ir_ref b)
{
    if (f->w == IR_W64)
        return fp_v2(f, odd ? IR_V_UNPKH : IR_V_UNPKL, IR_W64, a, b, 0);
    if (f->w == IR_W32)
        return fp_v2(f, IR_V_SHUFPS, IR_W32, a, b, odd ? 0xdd : 0x88);
    if (odd) {
        a = fp_v1(f, IR_V_SHRI, IR_W32, a, 16);
        b = fp_v1(f, IR_V_SHRI, IR_W32, b, 16);
    } else {
        ir_ref low = ir_emit(f->r, IR_VCONST, IR_V128, 0, 0, 0, 0, 0, UINT64_C(0x0000ffff0000ffff));
        a = fp_v2(f, IR_V_AND, 0, a, low, 0);
        b = fp_v2(f, IR_V_AND, 0, b, low, 0);
    }
    return fp_v2(f, IR_V_PACKUS, IR_W32, a, b, 0);
}

ir_ref fp_broadcast(const struct fp *f, ir_ref a, unsigned n)
{
    if (f->w == IR_W64)
        return fp_v2(f, n ? IR_V_UNPKH : IR_V_UNPKL, IR_W64, a, a, 0);
    if (f->w == IR_W32)
        return fp_v1(f, IR_V_SHUFD, 0, a, n * 0x55u);
    if (n)
        a = fp_v1(f, IR_V_SHRB, 0, a, 2 * n);
    return fp_v1(f, IR_V_BCAST, IR_W16, a, 0);
}

/* ---- three registers of the same type -------------------------------------------------------- */

enum { ABS = 0x80 }; /* of what goes in, or out of a subtraction */

/* By U, a and the opcode's low 3 bits. */
static const uint8_t same_ops[32] = {
    [000] = IR_AFP_MAXNM,     [002] = IR_AFP_ADD,   [003] = IR_AFP_MULX,
    [004] = IR_AFP_CMPEQ,     [006] = IR_AFP_MAX,   [007] = IR_AFP_RECPS,
    [010] = IR_AFP_MINNM,     [012] = IR_AFP_SUB,   [016] = IR_AFP_MIN,
    [017] = IR_AFP_RSQRTS,    [020] = IR_AFP_MAXNM, [022] = IR_AFP_ADD,
    [023] = IR_AFP_MUL,       [024] = IR_AFP_CMPGE, [025] = IR_AFP_CMPGE | ABS,
    [026] = IR_AFP_MAX,       [027] = IR_AFP_DIV,   [030] = IR_AFP_MINNM,
    [032] = IR_AFP_SUB | ABS, [034] = IR_AFP_CMPGT, [035] = IR_AFP_CMPGT | ABS,
    [036] = IR_AFP_MIN,
};

static unsigned same_op(const struct a64_insn *i)
{
    return same_ops[i->U << 4 | i->a << 3 | i->op3];
}

static bool same(const struct fp *f, const struct a64_insn *i)
{
    if (!a64_check_fp(f->x))
        return true;
    unsigned op = same_op(i);
    ir_ref a = a64_vec(f->x, i->Rn), b = a64_vec(f->x, i->Rm);
    bool difference = (op & ~(unsigned)ABS) == IR_AFP_SUB;
    if (op & ABS && !difference) {
        a = fp_abs(f, a);
        b = fp_abs(f, b);
    }
    ir_ref v = fp_2(f, op & ~(unsigned)ABS, a, b);
    fp_put(f, i->Rd, op & ABS && difference ? fp_abs(f, v) : v);
    return true;
}

bool a64_fp_v_same(struct a64_trans *x, const struct a64_insn *i)
{
    struct fp f;
    return fp_vector(x, &f, i->Q, i->sz) && same(&f, i);
}
bool a64_fp_vh_same(struct a64_trans *x, const struct a64_insn *i)
{
    struct fp f = fp_of(x, IR_W16, fp_shape(i->Q));
    return same(&f, i);
}
bool a64_fp_s_same(struct a64_trans *x, const struct a64_insn *i)
{
    struct fp f = fp_of(x, i->sz ? IR_W64 : IR_W32, IR_AFP_SCALAR);
    return same(&f, i);
}
bool a64_fp_sh_same(struct a64_trans *x, const struct a64_insn *i)
{
    struct fp f = fp_of(x, IR_W16, IR_AFP_SCALAR);
    return same(&f, i);
}

static bool multiply_add(const struct fp *f, const struct a64_insn *i)
{
    if (!a64_check_fp(f->x))
        return true;
    fp_put(f, i->Rd,
           fp_3(f, i->a ? (uint64_t)IR_AFP_NEGATE_PRODUCT : 0, a64_vec(f->x, i->Rn),
                a64_vec(f->x, i->Rm), a64_vec(f->x, i->Rd)));
    return true;
}

bool a64_fp_v_multiply_add(struct a64_trans *x, const struct a64_insn *i)
{
    struct fp f;
    return fp_vector(x, &f, i->Q, i->sz) && multiply_add(&f, i);
}
bool a64_fp_vh_multiply_add(struct a64_trans *x, const struct a64_insn *i)
{
    struct fp f = fp_of(x, IR_W16, fp_shape(i->Q));
    return multiply_add(&f, i);
}

/* ---- pairs ----------------------------------------------------------------------------------- */

static bool pairs(const struct fp *f, const struct a64_insn *i)
{
    if (!a64_check_fp(f->x))
        return true;
    ir_ref a = a64_vec(f->x, i->Rn), b = a64_vec(f->x, i->Rm);
    if (f->shape == IR_AFP_HALF) /* both in one */
        a = b = fp_v2(f, IR_V_UNPKL, IR_W64, a, b, 0);
    fp_put(f, i->Rd, fp_2(f, same_op(i), fp_every_other(f, 0, a, b), fp_every_other(f, 1, a, b)));
    return true;
}

bool a64_fp_v_pairs(struct a64_trans *x, const struct a64_insn *i)
{
    struct fp f;
    return fp_vector(x, &f, i->Q, i->sz) && pairs(&f, i);
}
bool a64_fp_vh_pairs(struct a64_trans *x, const struct a64_insn *i)
{
    struct fp f = fp_of(x, IR_W16, fp_shape(i->Q));
    return pairs(&f, i);
}

/* FMAXNM, FADD and FMAX, with a FMINNM and FMIN, by the opcode of scalars of pairs and of what goes
 * across lanes. */
static unsigned reduction_op(const struct a64_insn *i)
{
    return i->opcode == 0x0d   ? IR_AFP_ADD
           : i->opcode == 0x0c ? (i->a ? IR_AFP_MINNM : IR_AFP_MAXNM)
                               : (i->a ? IR_AFP_MIN : IR_AFP_MAX);
}

static bool scalar_pair(struct a64_trans *x, const struct a64_insn *i, enum ir_width w)
{
    struct fp f = fp_of(x, w, IR_AFP_SCALAR);
    if (!a64_check_fp(x))
        return true;
    ir_ref a = a64_vec(x, i->Rn);
    fp_put(&f, i->Rd, fp_2(&f, reduction_op(i), a, fp_v1(&f, IR_V_SHRB, 0, a, 1u << w)));
    return true;
}

bool a64_fp_s_pair(struct a64_trans *x, const struct a64_insn *i)
{
    return scalar_pair(x, i, i->sz ? IR_W64 : IR_W32);
}
bool a64_fp_sh_pair(struct a64_trans *x, const struct a64_insn *i)
{
    return scalar_pair(x, i, IR_W16);
}

/* Neighbours first, then neighbours of those: the order in which NaNs are chosen. Lanes that do not
 * count any more are left to their own devices: HALF has no more than four. */
static bool across(struct a64_trans *x, const struct a64_insn *i, enum ir_width w, unsigned lanes)
{
    struct fp f = fp_of(x, w, IR_AFP_HALF);
    if (!a64_check_fp(x))
        return true;
    ir_ref v = a64_vec(x, i->Rn);
    for (unsigned n = lanes; n > 1; n /= 2) {
        ir_ref even = fp_every_other(&f, 0, v, v), odd = fp_every_other(&f, 1, v, v);
        if (n == 2)
            f.shape = IR_AFP_SCALAR;
        else if (n == 4 && w == IR_W16) { /* two pairs: twice, for want of a shape of two */
            even = fp_v1(&f, IR_V_SHUFD, 0, even, 0);
            odd = fp_v1(&f, IR_V_SHUFD, 0, odd, 0);
        }
        v = fp_2(&f, reduction_op(i), even, odd);
    }
    fp_put(&f, i->Rd, v);
    return true;
}

bool a64_fp_v_across(struct a64_trans *x, const struct a64_insn *i)
{
    return across(x, i, IR_W32, 4);
}
bool a64_fp_vh_across(struct a64_trans *x, const struct a64_insn *i)
{
    return across(x, i, IR_W16, i->Q ? 8 : 4);
}

/* ---- by element ------------------------------------------------------------------------------ */

static bool by_element(struct a64_trans *x, const struct a64_insn *i, enum ir_afp_shape shape)
{
    enum ir_width w = i->size == 3 ? IR_W64 : i->size == 2 ? IR_W32 : IR_W16;
    struct fp f = fp_of(x, w, shape);
    unsigned rm = i->Rm | (w == IR_W16 ? 0u : (unsigned)i->M << 4);
    unsigned index = w == IR_W64   ? i->H
                     : w == IR_W32 ? i->H << 1 | i->L
                                   : i->H << 2 | i->L << 1 | i->M;
    if (w == IR_W64 && (i->L || shape == IR_AFP_HALF))
        return false;
    if (!a64_check_fp(x))
        return true;
    ir_ref a = a64_vec(x, i->Rn), b = a64_vec(x, rm), v;
    if (shape == IR_AFP_SCALAR)
        b = index ? fp_v1(&f, IR_V_SHRB, 0, b, index << w) : b;
    else
        b = fp_broadcast(&f, b, index);
    if (i->opcode == 9)
        v = fp_2(&f, i->U ? IR_AFP_MULX : IR_AFP_MUL, a, b);
    else
        v = fp_3(&f, i->opcode == 5 ? (uint64_t)IR_AFP_NEGATE_PRODUCT : 0, a, b, a64_vec(x, i->Rd));
    fp_put(&f, i->Rd, v);
    return true;
}

bool a64_fp_v_element(struct a64_trans *x, const struct a64_insn *i)
{
    return by_element(x, i, fp_shape(i->Q));
}
bool a64_fp_s_element(struct a64_trans *x, const struct a64_insn *i)
{
    return by_element(x, i, IR_AFP_SCALAR);
}

/* ---- binary16 into binary32 ------------------------------------------------------------------ */

static void multiply_long(struct fp *f, const struct a64_insn *i, bool high, bool negate, ir_ref b)
{
    ir_ref a = a64_vec(f->x, i->Rn);
    if (high)
        a = fp_v1(f, IR_V_SHRB, 0, a, i->Q ? 8 : 4);
    fp_put(f, i->Rd,
           ir_emit(f->r, IR_VA_3, IR_V128, IR_W32, a, b, a64_vec(f->x, i->Rd), 0,
                   ir_afp(IR_AFP_FMLAL, f->shape) | f->modes |
                       (negate ? (uint64_t)IR_AFP_NEGATE_PRODUCT : 0)));
}

static bool same_long(struct a64_trans *x, const struct a64_insn *i, bool high)
{
    struct fp f = fp_of(x, IR_W32, fp_shape(i->Q));
    if (!a64_check_fp(x))
        return true;
    ir_ref b = a64_vec(x, i->Rm);
    if (high)
        b = fp_v1(&f, IR_V_SHRB, 0, b, i->Q ? 8 : 4);
    multiply_long(&f, i, high, i->a, b);
    return true;
}

bool a64_fp_v_long_low(struct a64_trans *x, const struct a64_insn *i)
{
    return same_long(x, i, false);
}
bool a64_fp_v_long_high(struct a64_trans *x, const struct a64_insn *i)
{
    return same_long(x, i, true);
}

bool a64_fp_v_long_element(struct a64_trans *x, const struct a64_insn *i)
{
    struct fp f = fp_of(x, IR_W32, fp_shape(i->Q)), half = f;
    if (!a64_check_fp(x))
        return true;
    half.w = IR_W16;
    multiply_long(&f, i, i->opcode & 8, i->opcode & 4,
                  fp_broadcast(&half, a64_vec(x, i->Rm), i->H << 2 | i->L << 1 | i->M));
    return true;
}

/* ---- complex numbers: pairs of lanes --------------------------------------------------------- */

static ir_ref swap_pairs(const struct fp *f, ir_ref a)
{
    if (f->w == IR_W16)
        return fp_v1(f, IR_V_SHUFHW, 0, fp_v1(f, IR_V_SHUFLW, 0, a, 0xb1), 0xb1);
    return fp_v1(f, IR_V_SHUFD, 0, a, f->w == IR_W32 ? 0xb1 : 0x4e);
}

/* Each pair is its even (odd) lane twice. */
static ir_ref twice(const struct fp *f, unsigned odd, ir_ref a)
{
    if (f->w == IR_W64)
        return fp_broadcast(f, a, odd);
    if (f->w == IR_W32)
        return fp_v1(f, IR_V_SHUFD, 0, a, odd ? 0xf5 : 0xa0);
    unsigned how = odd ? 0xf5 : 0xa0;
    return fp_v1(f, IR_V_SHUFHW, 0, fp_v1(f, IR_V_SHUFLW, 0, a, how), how);
}

static ir_ref negate_every_other(const struct fp *f, unsigned odd, ir_ref a)
{
    ir_ref signs;
    if (f->w == IR_W64) {
        signs = ir_emit(f->r, IR_V_FROM, IR_V128, IR_W64, ir_i64(f->r, fp_sign_bit(IR_W64)), 0, 0,
                        0, 0);
        if (odd)
            signs = fp_v1(f, IR_V_SHLB, 0, signs, 8);
    } else {
        uint64_t even = f->w == IR_W32 ? UINT64_C(0x80000000) : UINT64_C(0x0000800000008000);
        signs = ir_emit(f->r, IR_VCONST, IR_V128, 0, 0, 0, 0, 0, odd ? even << (8u << f->w) : even);
    }
    return fp_v2(f, IR_V_XOR, 0, a, signs, 0);
}

static bool complex_format(struct a64_trans *x, struct fp *f, unsigned size, unsigned q)
{
    *f = fp_of(x, (enum ir_width)size, fp_shape(q));
    return (size != IR_W16 || a64_has(x, ARM_FEAT_FP16)) && (size != IR_W64 || q);
}

bool a64_fp_v_complex_add(struct a64_trans *x, const struct a64_insn *i)
{
    struct fp f;
    if (!complex_format(x, &f, i->size, i->Q))
        return false;
    if (!a64_check_fp(x))
        return true;
    ir_ref b = negate_every_other(&f, i->rot, swap_pairs(&f, a64_vec(x, i->Rm)));
    fp_put(&f, i->Rd, fp_2(&f, IR_AFP_ADD, a64_vec(x, i->Rn), b));
    return true;
}

/* Rotation by rot * 90 degrees. */
static void complex_multiply(const struct fp *f, const struct a64_insn *i, ir_ref b)
{
    ir_ref a = twice(f, i->rot & 1, a64_vec(f->x, i->Rn));
    if (i->rot & 1)
        b = negate_every_other(f, i->rot >> 1, swap_pairs(f, b));
    else if (i->rot)
        b = negate_every_other(f, 0, negate_every_other(f, 1, b));
    fp_put(f, i->Rd, fp_3(f, 0, a, b, a64_vec(f->x, i->Rd)));
}

bool a64_fp_v_complex_multiply(struct a64_trans *x, const struct a64_insn *i)
{
    struct fp f;
    if (!complex_format(x, &f, i->size, i->Q))
        return false;
    if (a64_check_fp(x))
        complex_multiply(&f, i, a64_vec(x, i->Rm));
    return true;
}

/* Pair `index` of b in every pair. */
static bool complex_element(struct a64_trans *x, const struct a64_insn *i, enum ir_width w,
                            unsigned index)
{
    struct fp f, pair;
    if (!complex_format(x, &f, w, i->Q))
        return false;
    if (!a64_check_fp(x))
        return true;
    pair = f;
    pair.w = (enum ir_width)(w + 1);
    complex_multiply(&f, i, fp_broadcast(&pair, a64_vec(x, i->M << 4 | i->Rm), index));
    return true;
}

bool a64_fp_v_complex_element(struct a64_trans *x, const struct a64_insn *i)
{
    if (i->H && !i->Q)
        return false;
    return complex_element(x, i, IR_W16, i->H << 1 | i->L);
}

bool a64_fp_v_complex_element_s(struct a64_trans *x, const struct a64_insn *i)
{
    struct a64_insn full = *i;
    full.Q = 1; /* there is no other */
    return complex_element(x, &full, IR_W32, i->H);
}
