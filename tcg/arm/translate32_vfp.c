/* VFP of A32 and T32: arithmetic, comparisons, conversions. */
#include "tcg/arm/translate32_vec.h"

static unsigned kind_of(const struct a32_insn *i)
{
    return i->dbl ? A32_D : A32_S;
}
static struct a32_operand reg_d(const struct a32_insn *i, unsigned kind)
{
    return (struct a32_operand){(uint8_t)kind, a32_number(kind, i->Vd, i->D)};
}
static struct a32_operand reg_n(const struct a32_insn *i, unsigned kind)
{
    return (struct a32_operand){(uint8_t)kind, a32_number(kind, i->Vn, i->N)};
}
static struct a32_operand reg_m(const struct a32_insn *i, unsigned kind)
{
    return (struct a32_operand){(uint8_t)kind, a32_number(kind, i->Vm, i->M)};
}
static struct a32_vec operands(const struct a32_insn *i, bool two)
{
    const unsigned kind = kind_of(i);
    struct a32_vec v = {.d = reg_d(i, kind), .n = reg_m(i, kind)};
    if (two) {
        v.m = v.n;
        v.n = reg_n(i, kind);
    }
    return v;
}

/* The words of A64: one and two operands, three; ftype is put in. */
static uint32_t word_of(const struct a32_insn *i, uint32_t word)
{
    return word | (uint32_t)i->dbl << 22;
}
enum { ONE = 0x1e204000, TWO = 0x1e200800, THREE = 0x1f000000, COMPARE = 0x1e202000 };
enum { OP_MUL, OP_DIV, OP_ADD, OP_SUB, OP_MAXNM = 6, OP_MINNM, OP_NMUL };
enum { OP_MOV, OP_ABS, OP_NEG, OP_SQRT, OP_TO_S, OP_TO_D, OP_RINT = 8 };

static bool one(struct a64_trans *x, const struct a32_insn *i, unsigned op)
{
    const struct a32_vec v = operands(i, false);
    return a32_vec_run(x, &v, word_of(i, ONE | op << 15));
}
static bool two(struct a64_trans *x, const struct a32_insn *i, unsigned op)
{
    const struct a32_vec v = operands(i, true);
    return a32_vec_run(x, &v, word_of(i, TWO | op << 12));
}

/* ---- arithmetic --------------------------------------------------------------------------------
 */

/* VMUL, VNMUL, VADD, VSUB, VDIV */
bool a32_v_two(struct a64_trans *x, const struct a32_insn *i)
{
    static const uint8_t ops[4][2] = {{OP_DIV}, {0}, {OP_MUL, OP_NMUL}, {OP_ADD, OP_SUB}};
    return two(x, i, ops[i->opc & 3][i->op & 1]);
}

/* VMOV, VABS, VNEG, VSQRT */
bool a32_v_one(struct a64_trans *x, const struct a32_insn *i)
{
    return one(x, i, (i->opc2 & 1) << 1 | (i->op & 1));
}

/* The product is rounded, and then the sum. */
bool a32_v_multiply(struct a64_trans *x, const struct a32_insn *i)
{
    const struct a32_vec v = operands(i, true);
    struct fp f = fp_of(x, i->dbl ? IR_W64 : IR_W32, IR_AFP_SCALAR);
    if (!a32_vec_begin(x))
        return true;
    ir_ref sum = a32_vec_get(x, v.d);
    ir_ref product = fp_2(&f, IR_AFP_MUL, a32_vec_get(x, v.n), a32_vec_get(x, v.m));
    if (i->op)
        product = fp_negate(&f, product);
    if (i->opc & 1)
        sum = fp_negate(&f, sum);
    a32_vec_put(x, v.d, fp_2(&f, IR_AFP_ADD, sum, product));
    return true;
}

/* VFMA, VFMS, VFNMA, VFNMS: Ra is Rd. */
bool a32_v_fused(struct a64_trans *x, const struct a32_insn *i)
{
    const struct a32_vec v = operands(i, true);
    const bool negate_sum = (i->opc & 3) == 1;
    struct fp f = fp_of(x, i->dbl ? IR_W64 : IR_W32, IR_AFP_SCALAR);
    const uint64_t negate = (i->op ? (uint64_t)IR_AFP_NEGATE_PRODUCT : 0) |
                            (negate_sum ? (uint64_t)IR_AFP_NEGATE_ADDEND : 0);
    if (!a32_vec_begin(x))
        return true;
    a32_vec_put(x, v.d,
                fp_3(&f, negate, a32_vec_get(x, v.n), a32_vec_get(x, v.m), a32_vec_get(x, v.d)));
    return true;
}

bool a32_v_immediate(struct a64_trans *x, const struct a32_insn *i)
{
    const struct a32_vec v = {.d = reg_d(i, kind_of(i))};
    return a32_vec_run(x, &v, word_of(i, 0x1e201000) | (uint32_t)(i->imm4H << 4 | i->imm4) << 13);
}

bool a32_v_number(struct a64_trans *x, const struct a32_insn *i)
{
    return two(x, i, i->op ? OP_MINNM : OP_MAXNM);
}

/* EQ, VS, GE, GT */
bool a32_v_select(struct a64_trans *x, const struct a32_insn *i)
{
    static const uint8_t conds[] = {0, 6, 10, 12};
    const struct a32_vec v = operands(i, true);
    return a32_vec_run(x, &v, word_of(i, 0x1e200c00) | (uint32_t)conds[i->cc & 3] << 12);
}

/* The flags of FPSCR, bits 31:28 of FPSR here. */
bool a32_v_compare(struct a64_trans *x, const struct a32_insn *i)
{
    const unsigned kind = kind_of(i);
    const bool zero = i->opc2 & 1;
    struct a32_vec v = {.n = reg_d(i, kind)};
    if (!zero)
        v.m = reg_m(i, kind);
    struct ir_region *r = x->ir;
    if (!a32_vec_begin(x))
        return true;
    ir_ref kept = a64_flags(x);
    const uint32_t fields = a32_vec_fields(x, &v);
    if (!a32_as_a64(x, word_of(i, COMPARE) | fields | (uint32_t)i->E << 4 | (uint32_t)zero << 3))
        return false;
    ir_ref nzcv = a64_nzcv(x);
    a64_put_flags(x, kept);
    ir_ref fpsr = ir_emit(r, IR_LDENV, IR_I32, 0, 0, 0, 0, 0, offsetof(struct arm_regs, fpsr));
    fpsr = a32_op2(x, IR_AND, fpsr, a32_i32(x, 0x0fffffff));
    ir_emit(r, IR_STENV, IR_VOID, IR_W32, a32_op2(x, IR_OR, fpsr, nzcv), 0, 0, 0,
            offsetof(struct arm_regs, fpsr));
    return true;
}

/* ---- conversions -------------------------------------------------------------------------------
 */

/* VRINTR, VRINTZ, VRINTX */
bool a32_v_round(struct a64_trans *x, const struct a32_insn *i)
{
    enum { TO_ZERO = 3, EXACT = 6, CURRENT };
    return one(x, i, OP_RINT + (i->opc2 & 1 ? EXACT : i->op ? TO_ZERO : CURRENT));
}

/* VRINTA, VRINTN, VRINTP, VRINTM */
bool a32_v_round_to(struct a64_trans *x, const struct a32_insn *i)
{
    static const uint8_t how[] = {4, 0, 1, 2};
    return one(x, i, OP_RINT + how[i->rm & 3]);
}

/* Between single and double precision. */
bool a32_v_convert(struct a64_trans *x, const struct a32_insn *i)
{
    const struct a32_vec v = {.d = reg_d(i, i->dbl ? A32_S : A32_D), .n = reg_m(i, kind_of(i))};
    return a32_vec_run(x, &v, word_of(i, ONE | (i->dbl ? OP_TO_S : OP_TO_D) << 15));
}

/* Half precision: in the lower or upper (T) half of an S register. */
bool a32_v_from_half(struct a64_trans *x, const struct a32_insn *i)
{
    const struct a32_vec v = {.d = reg_d(i, kind_of(i)), .n = reg_m(i, A32_S)};
    struct fp f = fp_of(x, IR_W16, IR_AFP_SCALAR);
    if (i->dbl && !a64_has(x, ARM_FEAT_A32_V8))
        return false;
    if (!a32_vec_begin(x))
        return true;
    ir_ref h = a32_vec_get(x, v.n);
    if (i->T)
        h = fp_v1(&f, IR_V_SHRB, 0, h, 2);
    a32_vec_put(x, v.d,
                fp_1(&f,
                     ir_afp(IR_AFP_CVT, IR_AFP_SCALAR) | (uint64_t)(i->dbl ? IR_W64 : IR_W32)
                                                             << IR_AFP_TO_SHIFT,
                     h));
    return true;
}

bool a32_v_to_half(struct a64_trans *x, const struct a32_insn *i)
{
    const struct a32_vec v = {.d = reg_d(i, A32_S), .n = reg_m(i, kind_of(i))};
    struct fp f = fp_of(x, i->dbl ? IR_W64 : IR_W32, IR_AFP_SCALAR);
    if (i->dbl && !a64_has(x, ARM_FEAT_A32_V8))
        return false;
    if (!a32_vec_begin(x))
        return true;
    ir_ref h = fp_1(&f, ir_afp(IR_AFP_CVT, IR_AFP_SCALAR) | (uint64_t)IR_W16 << IR_AFP_TO_SHIFT,
                    a32_vec_get(x, v.n));
    h = ir_emit(x->ir, IR_V_LANE, IR_I32, IR_W16, h, 0, 0, 0, 0);
    a32_vec_put(x, v.d,
                ir_emit(x->ir, IR_V_INS, IR_V128, IR_W16, a32_vec_get(x, v.d), h, 0, 0, i->T));
    return true;
}

static ir_ref from_word(struct a64_trans *x, ir_ref v)
{
    return ir_emit(x->ir, IR_V_FROM, IR_V128, IR_W32, v, 0, 0, 0, 0);
}
static ir_ref to_word(struct a64_trans *x, ir_ref v)
{
    return ir_emit(x->ir, IR_V_LANE, IR_I32, IR_W32, v, 0, 0, 0, 0);
}

static bool to_int(struct a64_trans *x, const struct a32_insn *i, unsigned rounding, bool is_signed)
{
    struct fp f = fp_of(x, i->dbl ? IR_W64 : IR_W32, IR_AFP_SCALAR);
    if (!a32_vec_begin(x))
        return true;
    ir_ref v = fp_to_general(&f, IR_I32, rounding, is_signed ? 0 : (uint64_t)IR_AFP_UNSIGNED,
                             a32_vec_get(x, reg_m(i, kind_of(i))));
    a32_vec_put(x, reg_d(i, A32_S), from_word(x, v));
    return true;
}

/* VCVT (op) and VCVTR */
bool a32_v_to_int(struct a64_trans *x, const struct a32_insn *i)
{
    return to_int(x, i, i->op ? IR_AFP_ZERO : IR_AFP_CURRENT, i->opc2 & 1);
}

bool a32_v_to_int_by(struct a64_trans *x, const struct a32_insn *i)
{
    static const uint8_t how[] = {IR_AFP_AWAY, IR_AFP_NEAREST, IR_AFP_UP, IR_AFP_DOWN};
    return to_int(x, i, how[i->rm & 3], i->op);
}

bool a32_v_from_int(struct a64_trans *x, const struct a32_insn *i)
{
    struct fp f = fp_of(x, i->dbl ? IR_W64 : IR_W32, IR_AFP_SCALAR);
    if (!a32_vec_begin(x))
        return true;
    ir_ref v = to_word(x, a32_vec_get(x, reg_m(i, A32_S)));
    a32_vec_put(x, reg_d(i, kind_of(i)),
                fp_from_general(&f, i->op ? 0 : (uint64_t)IR_AFP_UNSIGNED, v));
    return true;
}

/* Fixed point: of 32 bits (sx) or 16; false: more fraction bits than there are. */
static bool fraction_bits(const struct a32_insn *i, unsigned *bits)
{
    const unsigned size = i->sx ? 32 : 16, field = (unsigned)i->Vm << 1 | i->M;
    *bits = size - field;
    return field <= size;
}

/* Rounded to nearest whatever FPSCR says. */
bool a32_v_from_fixed(struct a64_trans *x, const struct a32_insn *i)
{
    struct fp f = fp_of(x, i->dbl ? IR_W64 : IR_W32, IR_AFP_SCALAR);
    const struct a32_operand d = reg_d(i, kind_of(i));
    const bool no_sign = i->opc2 & 1;
    unsigned bits;
    if (!fraction_bits(i, &bits))
        return false;
    if (!a32_vec_begin(x))
        return true;
    ir_ref v = to_word(x, a32_vec_get(x, d));
    if (!i->sx)
        v = no_sign ? ir_zext(x->ir, IR_I32, v, IR_W16) : ir_sext(x->ir, IR_I32, v, IR_W16);
    if (x->mode & MODE_FP_ROUNDED)
        a64_call_helper(x, HELPER_ID(fp_standard), ir_i32(x->ir, 1), 0, 0, 0);
    v = fp_from_general(&f, fp_fraction(bits) | (no_sign ? (uint64_t)IR_AFP_UNSIGNED : 0), v);
    if (x->mode & MODE_FP_ROUNDED)
        a64_call_helper(x, HELPER_ID(fp_standard), ir_i32(x->ir, 0), 0, 0, 0);
    a32_vec_put(x, d, v);
    return true;
}

/* The result is extended to the register. */
bool a32_v_to_fixed(struct a64_trans *x, const struct a32_insn *i)
{
    struct ir_region *r = x->ir;
    const enum ir_width w = i->dbl ? IR_W64 : IR_W32;
    struct fp f = fp_of(x, w, IR_AFP_SCALAR);
    const struct a32_operand d = reg_d(i, kind_of(i));
    const uint64_t sign = i->opc2 & 1 ? (uint64_t)IR_AFP_UNSIGNED : 0;
    unsigned bits;
    if (!fraction_bits(i, &bits))
        return false;
    if (!a32_vec_begin(x))
        return true;
    ir_ref v = a32_vec_get(x, d);
    if (i->sx) {
        v = fp_to_general(&f, IR_I32, IR_AFP_ZERO, fp_fraction(bits) | sign, v);
    } else {
        v = ir_emit(r, IR_V_LANE, a64_type(i->dbl), w, v, 0, 0, 0, 0);
        v = a64_call_helper(x, HELPER_ID(fp_to_fixed16), v,
                            ir_i64(r, ARM_FIXED16(w, bits, sign | f.modes)), 0, 0);
    }
    if (i->dbl) {
        v = sign ? ir_zext(r, IR_I64, v, IR_W32) : ir_sext(r, IR_I64, v, IR_W32);
        v = ir_emit(r, IR_V_FROM, IR_V128, IR_W64, v, 0, 0, 0, 0);
    } else {
        v = from_word(x, v);
    }
    a32_vec_put(x, d, v);
    return true;
}
