/*
 * imm of the VA_* operations: floating point by the rules of Arm (Arm ARM, DDI 0487, the shared
 * pseudocode's functions FPAdd, FPRound ... for FPCR.AH = 0). aux is the width of a lane of the
 * operands, IR_W16 to IR_W64.
 *
 * A result has the lanes that the shape says and zeros above them. Conversions between widths take
 * and give as many lanes as the wider one has in 128 bits (from the low end), or one.
 *
 * The rounding mode is that of the guest's control register unless the imm names one; what else
 * FPCR decides is known when code is translated, and stands in the imm.
 *
 * Cumulative exceptions are or-ed into what the back end keeps as MXCSR, with the numbering of its
 * flags (tcg/interp/softfp.h): IE is IOC, ZE DZC, OE OFC, UE UFC, PE IXC. DE means nothing: IDC is
 * SOFTFP_ID.
 */
#ifndef TCG_IR_ARM_FP_H
#define TCG_IR_ARM_FP_H

#include <stdint.h>

enum ir_afp_op {
    /* VA_1, of a */
    IR_AFP_SQRT,
    IR_AFP_RINT,    /* to an integral value; IR_AFP_EXACT: inexactness is flagged */
    IR_AFP_CVT,     /* to lanes of the width ir_afp_to() */
    IR_AFP_TOINT,   /* to integers as wide as the lanes, with fraction bits; saturates */
    IR_AFP_FROMINT, /* the reverse */
    IR_AFP_RECPE,
    IR_AFP_RSQRTE,
    IR_AFP_RECPX,
    IR_AFP_RINTN, /* FRINT32x and FRINT64x: what does not fit ir_afp_to() is its least integer */
    /* VA_2 */
    IR_AFP_ADD,
    IR_AFP_SUB,
    IR_AFP_MUL,
    IR_AFP_DIV,
    IR_AFP_MIN,
    IR_AFP_MAX,
    IR_AFP_MINNM,
    IR_AFP_MAXNM,
    IR_AFP_MULX,
    IR_AFP_RECPS,
    IR_AFP_RSQRTS,
    IR_AFP_CMPEQ, /* to masks */
    IR_AFP_CMPGE,
    IR_AFP_CMPGT,
    /* VA_3 */
    IR_AFP_FMA,   /* a * b + c; IR_AFP_NEGATE_*: of negated a, negated c */
    IR_AFP_FMLAL, /* the same of the low lanes of a and b, which are binary16, with c binary32 */
    /* VA_TOI: of lane 0 */
    IR_AFP_TOI, /* to an integer of the insn's type, with fraction bits; saturates */
    IR_AFP_JCVT /* FJCVTZS: i64, the result in the low half, bit 32: exactly so */
};

enum ir_afp_shape { IR_AFP_FULL, IR_AFP_HALF, IR_AFP_SCALAR };

/* The first four have the numbers that MXCSR and softfp have for them. */
enum ir_afp_rounding {
    IR_AFP_NEAREST,
    IR_AFP_DOWN,
    IR_AFP_UP,
    IR_AFP_ZERO,
    IR_AFP_AWAY, /* ties away from zero */
    IR_AFP_ODD,
    IR_AFP_CURRENT, /* as FPCR says */
};

enum ir_afp_imm {
    IR_AFP_OP = 0x3f,
    IR_AFP_SHAPE_SHIFT = 6,
    IR_AFP_ROUNDING_SHIFT = 8,
    IR_AFP_FBITS_SHIFT = 11, /* 7 bits: 0 to 64 */
    IR_AFP_UNSIGNED = 1 << 18,
    IR_AFP_EXACT = 1 << 19,
    IR_AFP_NEGATE_PRODUCT = 1 << 20,
    IR_AFP_NEGATE_ADDEND = 1 << 21,
    IR_AFP_TO_SHIFT = 22, /* 2 bits: enum ir_width */
    /* of FPCR */
    IR_AFP_MODES_SHIFT = 24,
    IR_AFP_DN = 1 << 24,
    IR_AFP_FZ = 1 << 25,
    IR_AFP_AHP = 1 << 26,
    IR_AFP_FZ16 = 1 << 27,
    IR_AFP_MODES = 15 << 24,
};

static inline unsigned ir_afp_op(uint64_t imm)
{
    return imm & IR_AFP_OP;
}
static inline unsigned ir_afp_shape(uint64_t imm)
{
    return imm >> IR_AFP_SHAPE_SHIFT & 3;
}
static inline unsigned ir_afp_rounding(uint64_t imm)
{
    return imm >> IR_AFP_ROUNDING_SHIFT & 7;
}
static inline unsigned ir_afp_fbits(uint64_t imm)
{
    return imm >> IR_AFP_FBITS_SHIFT & 0x7f;
}
static inline unsigned ir_afp_to(uint64_t imm)
{
    return imm >> IR_AFP_TO_SHIFT & 3;
}
/* An imm in the current rounding mode; what else it has is or-ed in. */
static inline uint64_t ir_afp(unsigned op, unsigned shape)
{
    return op | (uint64_t)shape << IR_AFP_SHAPE_SHIFT | IR_AFP_CURRENT << IR_AFP_ROUNDING_SHIFT;
}
/* The same in a mode of its own. */
static inline uint64_t ir_afp_rounded(unsigned op, unsigned shape, unsigned rounding)
{
    return op | (uint64_t)shape << IR_AFP_SHAPE_SHIFT | (uint64_t)rounding << IR_AFP_ROUNDING_SHIFT;
}

#endif
