/*
 * What the translations of floating-point instructions share: format, shape and modes of an
 * instruction, and its operations of the IR (tcg/ir/arm_fp.h). Their results have zeros above the
 * lanes that count, so that they can be put into a register as they are.
 */
#ifndef TCG_ARM_TRANSLATE_FP_H
#define TCG_ARM_TRANSLATE_FP_H

#include "core/util/range.h"
#include "tcg/arm/translate.h"
#include "tcg/ir/arm_fp.h"

struct fp {
    struct a64_trans *x;
    struct ir_region *r;
    enum ir_width w; /* of a lane */
    enum ir_afp_shape shape;
    uint64_t modes; /* of FPCR, as they stand in an imm */
};

static inline struct fp fp_of(struct a64_trans *x, enum ir_width w, enum ir_afp_shape shape)
{
    return (struct fp){.x = x,
                       .r = x->ir,
                       .w = w,
                       .shape = shape,
                       .modes = (x->mode & MODE_FP_BITS) >> MODE_FP_SHIFT << IR_AFP_MODES_SHIFT};
}
static inline enum ir_afp_shape fp_shape(unsigned q)
{
    return q ? IR_AFP_FULL : IR_AFP_HALF;
}
/* Of a vector instruction with a field sz; false: there is no such one. */
static inline bool fp_vector(struct a64_trans *x, struct fp *f, unsigned q, unsigned sz)
{
    *f = fp_of(x, sz ? IR_W64 : IR_W32, fp_shape(q));
    return q || !sz;
}
/* Of a scalar with a field ftype; false: the processor has no such format. */
static inline bool fp_scalar(struct a64_trans *x, struct fp *f, unsigned ftype)
{
    static const uint8_t width[] = {IR_W32, IR_W64, 0, IR_W16};
    *f = fp_of(x, (enum ir_width)width[ftype & 3], IR_AFP_SCALAR);
    return ftype < 2 || (ftype == 3 && a64_has(x, ARM_FEAT_FP16));
}

/* ---- operations ------------------------------------------------------------------------------ */

static inline ir_ref fp_1(const struct fp *f, uint64_t imm, ir_ref a)
{
    return ir_emit(f->r, IR_VA_1, IR_V128, f->w, a, 0, 0, 0, imm | f->modes);
}
static inline ir_ref fp_2(const struct fp *f, unsigned op, ir_ref a, ir_ref b)
{
    return ir_emit(f->r, IR_VA_2, IR_V128, f->w, a, b, 0, 0, ir_afp(op, f->shape) | f->modes);
}
/* a * b + c; negate: IR_AFP_NEGATE_* */
static inline ir_ref fp_3(const struct fp *f, uint64_t negate, ir_ref a, ir_ref b, ir_ref c)
{
    return ir_emit(f->r, IR_VA_3, IR_V128, f->w, a, b, c, 0,
                   ir_afp(IR_AFP_FMA, f->shape) | negate | f->modes);
}
/* Lanes to integers of their width (to general: of `type`), and back; how: rounding and
 * IR_AFP_UNSIGNED, fraction bits as they stand in an imm. */
ir_ref fp_lanes_to_int(const struct fp *f, unsigned rounding, uint64_t how, ir_ref a);
ir_ref fp_lanes_from_int(const struct fp *f, uint64_t how, ir_ref a);
static inline ir_ref fp_to_general(const struct fp *f, enum ir_type type, unsigned rounding,
                                   uint64_t how, ir_ref a)
{
    return ir_emit(f->r, IR_VA_TOI, type, f->w, a, 0, 0, 0,
                   ir_afp_rounded(IR_AFP_TOI, IR_AFP_SCALAR, rounding) | how | f->modes);
}
static inline ir_ref fp_from_general(const struct fp *f, uint64_t how, ir_ref a)
{
    enum ir_width from = f->r->insns[a].type == IR_I64 ? IR_W64 : IR_W32;
    return ir_emit(f->r, IR_VA_FROMI, IR_V128, f->w, a, 0, 0, 0,
                   ir_afp(IR_AFP_FROMINT, IR_AFP_SCALAR) | how | f->modes |
                       (uint64_t)from << IR_AFP_TO_SHIFT);
}
static inline uint64_t fp_fraction(unsigned bits)
{
    return (uint64_t)bits << IR_AFP_FBITS_SHIFT;
}

/* ---- bits ------------------------------------------------------------------------------------ */

static inline ir_ref fp_v2(const struct fp *f, enum ir_op op, unsigned w, ir_ref a, ir_ref b,
                           uint64_t imm)
{
    return ir_emit_any(f->r, op, IR_V128, w, a, b, 0, 0, imm);
}
static inline ir_ref fp_v1(const struct fp *f, enum ir_op op, unsigned w, ir_ref a, uint64_t imm)
{
    return ir_emit_any(f->r, op, IR_V128, w, a, 0, 0, 0, imm);
}
/* What counts of v by the shape, zeros above. */
static inline ir_ref fp_cut(const struct fp *f, ir_ref v)
{
    if (f->shape == IR_AFP_FULL)
        return v;
    return fp_v1(f, IR_V_LOW, f->shape == IR_AFP_HALF ? IR_W64 : f->w, v, 0);
}
static inline ir_ref fp_zero(const struct fp *f)
{
    return ir_emit(f->r, IR_VCONST, IR_V128, 0, 0, 0, 0, 0, 0);
}
static inline uint64_t fp_sign_bit(unsigned w)
{
    return UINT64_C(1) << ((8u << w) - 1);
}
/* A lane's bits in each lane that counts. */
ir_ref fp_constant(const struct fp *f, uint64_t lane);
static inline ir_ref fp_abs(const struct fp *f, ir_ref a)
{
    return fp_v2(f, IR_V_AND, 0, a, fp_constant(f, fp_sign_bit(f->w) - 1), 0);
}
static inline ir_ref fp_negate(const struct fp *f, ir_ref a)
{
    return fp_cut(f, fp_v2(f, IR_V_XOR, 0, a, fp_constant(f, fp_sign_bit(f->w)), 0));
}
static inline void fp_put(const struct fp *f, unsigned rd, ir_ref v)
{
    a64_put_vec(f->x, rd, v);
}
/* Even (odd) lanes of a in the low half, those of b in the high one. */
ir_ref fp_every_other(const struct fp *f, unsigned odd, ir_ref a, ir_ref b);
/* Lane n of a in every lane. */
ir_ref fp_broadcast(const struct fp *f, ir_ref a, unsigned n);

#endif
