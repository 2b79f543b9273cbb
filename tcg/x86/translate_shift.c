/*
 * Shifts and rotates. The count is masked to 5 bits (6 for 64-bit operands) before anything else; a
 * masked count of 0 changes no flag, which the FL_ ops do by themselves.
 */
#include "tcg/x86/translate_int.h"

static ir_ref shift_count(struct x86_trans *x, const struct x86_insn *i, unsigned operand)
{
    struct ir_region *r = x->ir;
    uint32_t mask = i->opsize == IR_W64 ? 63 : 31;
    switch (i->row->ops[operand]) {
    case OP_I1:
        return ir_i32(r, 1);
    case OP_Ib:
        return ir_i32(r, (uint32_t)i->imm & mask);
    default:
        return ir_op2(r, IR_AND, IR_I32, x86_get_gpr(x, X86_RCX, IR_W32), ir_i32(r, mask));
    }
}

/* Helpers that give a value and flags return both in one word, flags above bit 32, when the value
 * has at most 32 bits; for 64 bits there are two. */
static ir_ref packed_flags(struct x86_trans *x)
{
    return ir_op1(x->ir, IR_FL_PACK, IR_I32, x86_get_flags(x));
}

static void rotate_carry(struct x86_trans *x, bool right, unsigned w, ir_ref a, ir_ref count,
                         ir_ref *v, ir_ref *fl)
{
    struct ir_region *r = x->ir;
    if (w < IR_W32)
        a = ir_zext(r, IR_I32, a, w);
    ir_ref kind = ir_i32(r, w | (unsigned)right << 8), pk = packed_flags(x);
    *v = x86_call(x, HELPER_ID(rotate_carry), a, count, kind, pk);
    if (w != IR_W64)
        *v = ir_trunc(r, *v);
    *fl = ir_op1(r, IR_FL_FROM, IR_FL,
                 x86_call(x, HELPER_ID(rotate_carry_flags), a, count, kind, pk));
}

/* RCL and RCR by 1, the form that occurs in practice. */
static void rotate_carry_1(struct x86_trans *x, bool right, unsigned w, ir_ref a, ir_ref *v,
                           ir_ref *fl)
{
    struct ir_region *r = x->ir;
    enum ir_type t = x86_type(w);
    unsigned top = x86_bits(w) - 1;
    ir_ref old = x86_get_flags(x);
    ir_ref cf = ir_emit(r, IR_SETCC, IR_I32, IR_CC_B, old, 0, 0, 0, 0);
    if (w == IR_W64)
        cf = ir_zext(r, IR_I64, cf, IR_W32);
    ir_ref a_top = ir_emit(r, IR_EXTRACT, IR_I32, 0, a, 0, 0, 0, top | 1 << 8), out, of;
    if (right) {
        ir_ref z = w < IR_W32 ? ir_zext(r, t, a, w) : a;
        *v = ir_op2(r, IR_OR, t, ir_op2(r, IR_SHR, t, z, ir_i32(r, 1)),
                    ir_op2(r, IR_SHL, t, cf, ir_i32(r, top)));
        out = ir_emit(r, IR_EXTRACT, IR_I32, 0, a, 0, 0, 0, 0 | 1 << 8);
        /* OF: the two top bits of the result differ */
        of = ir_op2(r, IR_XOR, IR_I32, a_top,
                    ir_emit(r, IR_SETCC, IR_I32, IR_CC_B, old, 0, 0, 0, 0));
    } else {
        *v = ir_op2(r, IR_OR, t, ir_op2(r, IR_SHL, t, a, ir_i32(r, 1)), cf);
        out = a_top;
        of = ir_op2(r, IR_XOR, IR_I32, a_top,
                    ir_emit(r, IR_EXTRACT, IR_I32, 0, a, 0, 0, 0, (top - 1) | 1 << 8));
    }
    ir_ref pk = ir_op2(r, IR_AND, IR_I32, packed_flags(x),
                       ir_i32(r, IR_FL_MASK & ~(uint32_t)(IR_FL_CF | IR_FL_OF)));
    pk = ir_op2(r, IR_OR, IR_I32, pk, ir_op2(r, IR_SHL, IR_I32, out, ir_i32(r, 8)));
    *fl = ir_op1(r, IR_FL_FROM, IR_FL, ir_op2(r, IR_OR, IR_I32, pk, of));
}

static ir_ref rotate(struct x86_trans *x, bool right, unsigned w, ir_ref a, ir_ref count)
{
    struct ir_region *r = x->ir;
    if (w >= IR_W32)
        return ir_op2(r, right ? IR_ROR : IR_ROL, x86_type(w), a, count);
    if (right)
        count = ir_op1(r, IR_NEG, IR_I32, count);
    return ir_emit(r, IR_ROLW, IR_I32, w, a, count, 0, 0, 0);
}

void tr_shift(struct x86_trans *x, const struct x86_insn *i)
{
    static const uint8_t fl_ops[] = {
        [SHIFT_ROL] = IR_FL_ROL, [SHIFT_ROR] = IR_FL_ROR, [SHIFT_RCL] = IR_NOP,
        [SHIFT_RCR] = IR_NOP,    [SHIFT_SHL] = IR_FL_SHL, [SHIFT_SHR] = IR_FL_SHR,
        [SHIFT_SAL] = IR_FL_SHL, [SHIFT_SAR] = IR_FL_SAR};
    struct ir_region *r = x->ir;
    unsigned w = i->opsize, op = i->row->arg;
    enum ir_type t = x86_type(w);
    ir_ref a = x86_load_rm_rmw(x, i, w), count = shift_count(x, i, 1), v = 0, fl = 0;
    uint64_t known;

    switch (op) {
    case SHIFT_ROL:
    case SHIFT_ROR:
        v = rotate(x, op == SHIFT_ROR, w, a, count);
        break;
    case SHIFT_RCL:
    case SHIFT_RCR:
        if (ir_is_const(r, count, &known) && known == 1)
            rotate_carry_1(x, op == SHIFT_RCR, w, a, &v, &fl);
        else
            rotate_carry(x, op == SHIFT_RCR, w, a, count, &v, &fl);
        break;
    case SHIFT_SHR:
        v = ir_op2(r, IR_SHR, t, w < IR_W32 ? ir_zext(r, t, a, w) : a, count);
        break;
    case SHIFT_SAR:
        v = ir_op2(r, IR_SAR, t, w < IR_W32 ? ir_sext(r, t, a, w) : a, count);
        break;
    default:
        v = ir_op2(r, IR_SHL, t, a, count);
        break;
    }
    if (!fl)
        fl = ir_fl(r, fl_ops[op], w, a, count, x86_get_flags(x), 0);
    x86_store_rm(x, i, w, v);
    x86_put_flags(x, fl);
}

static void shift_double(struct x86_trans *x, const struct x86_insn *i, bool right)
{
    struct ir_region *r = x->ir;
    unsigned w = i->opsize;
    ir_ref a = x86_load_rm_rmw(x, i, w), b = x86_get_reg(x, i, i->reg, w);
    ir_ref count = shift_count(x, i, 2), v, fl;

    if (w == IR_W16) {
        ir_ref pair =
            ir_emit(r, IR_DEPOSIT, IR_I32, 0, ir_zext(r, IR_I32, a, w), b, 0, 0, 16 | 16 << 8);
        ir_ref both =
            x86_call(x, HELPER_ID(shift_double16), pair, count, ir_i32(r, right), packed_flags(x));
        v = ir_trunc(r, both);
        fl = ir_op1(r, IR_FL_FROM, IR_FL,
                    ir_trunc(r, ir_op2(r, IR_SHR, IR_I64, both, ir_i32(r, 32))));
    } else {
        v = ir_op3(r, right ? IR_FSHR : IR_FSHL, x86_type(w), a, b, count);
        fl = ir_fl(r, right ? IR_FL_SHRD : IR_FL_SHLD, w, a, b, count, x86_get_flags(x));
    }
    x86_store_rm(x, i, w, v);
    x86_put_flags(x, fl);
}

void tr_shld(struct x86_trans *x, const struct x86_insn *i)
{
    shift_double(x, i, false);
}

void tr_shrd(struct x86_trans *x, const struct x86_insn *i)
{
    shift_double(x, i, true);
}
