/* A64 data processing: multiplication, division, CRC32. */
#include "tcg/arm/translate.h"

static ir_ref accumulate(struct a64_trans *x, const struct a64_insn *i, bool sf, ir_ref product)
{
    return ir_op2(x->ir, i->o0 ? IR_SUB : IR_ADD, a64_type(sf), a64_reg(x, i->Ra, sf), product);
}

bool a64_madd(struct a64_trans *x, const struct a64_insn *i)
{
    ir_ref v =
        ir_op2(x->ir, IR_MUL, a64_type(i->sf), a64_reg(x, i->Rn, i->sf), a64_reg(x, i->Rm, i->sf));
    a64_put(x, i->Rd, i->sf, accumulate(x, i, i->sf, v));
    return true;
}

bool a64_maddl(struct a64_trans *x, const struct a64_insn *i)
{
    struct ir_region *r = x->ir;
    const enum ir_op extend = i->U ? IR_ZEXT : IR_SEXT;
    ir_ref a = ir_emit(r, extend, IR_I64, IR_W32, a64_reg(x, i->Rn, true), 0, 0, 0, 0);
    ir_ref b = ir_emit(r, extend, IR_I64, IR_W32, a64_reg(x, i->Rm, true), 0, 0, 0, 0);
    a64_put(x, i->Rd, true, accumulate(x, i, true, ir_op2(r, IR_MUL, IR_I64, a, b)));
    return true;
}

bool a64_mulh(struct a64_trans *x, const struct a64_insn *i)
{
    struct ir_region *r = x->ir;
    ir_ref a = a64_reg(x, i->Rn, true), b = a64_reg(x, i->Rm, true);
    ir_ref low = ir_emit(r, i->U ? IR_UMULX : IR_SMULX, IR_I64, 0, a, b, 0, 0, 0);
    a64_put(x, i->Rd, true, ir_op1(r, IR_HI, IR_I64, low));
    return true;
}

/* Division by 0 gives 0. */
bool a64_udiv(struct a64_trans *x, const struct a64_insn *i)
{
    struct ir_region *r = x->ir;
    const enum ir_type t = a64_type(i->sf);
    ir_ref a = a64_reg(x, i->Rn, i->sf), d = a64_reg(x, i->Rm, i->sf), zero = ir_const(r, t, 0);
    ir_ref by = ir_op3(r, IR_SELNZ, t, d, ir_const(r, t, 1), d);
    ir_ref q = ir_op3(r, IR_UDIVX, t, a, zero, by);
    a64_put(x, i->Rd, i->sf, ir_op3(r, IR_SELNZ, t, q, zero, d));
    return true;
}

/* By 0 and by -1, whose quotient may overflow, it is no division at all: -a & d. */
bool a64_sdiv(struct a64_trans *x, const struct a64_insn *i)
{
    struct ir_region *r = x->ir;
    const enum ir_type t = a64_type(i->sf);
    ir_ref a = a64_reg(x, i->Rn, i->sf), d = a64_reg(x, i->Rm, i->sf), one = ir_const(r, t, 1);
    ir_ref special = ir_emit(r, IR_SETC, IR_I32, IR_CC_BE, a64_add_imm(x, t, d, 1), one, 0, 0, t);
    ir_ref by = ir_op3(r, IR_SELNZ, t, one, d, special);
    ir_ref sign = ir_op2(r, IR_SAR, t, a, ir_i32(r, i->sf ? 63 : 31));
    ir_ref q = ir_op3(r, IR_SDIVX, t, a, sign, by);
    ir_ref other = ir_op2(r, IR_AND, t, ir_op1(r, IR_NEG, t, a), d);
    a64_put(x, i->Rd, i->sf, ir_op3(r, IR_SELNZ, t, other, q, special));
    return true;
}

bool a64_crc32(struct a64_trans *x, const struct a64_insn *i)
{
    struct ir_region *r = x->ir;
    ir_ref crc = a64_reg(x, i->Rn, false), data = a64_reg(x, i->Rm, i->sz == 3), v;
    if (i->C)
        v = ir_emit(r, IR_CRC32C, IR_I32, i->sz, crc, data, 0, 0, 0);
    else
        v = a64_call_helper(x, HELPER_ID(crc32), crc, data, ir_i32(r, 1u << i->sz), 0);
    a64_put(x, i->Rd, false, v);
    return true;
}
