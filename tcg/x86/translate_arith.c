/* Addition, subtraction, logic and sign conversions. SDM vol. 2, the instructions' own pages. */
#include "tcg/x86/translate_int.h"

/* ---- two-operand ALU ------------------------------------------------------------------------ */

static ir_ref alu_value(struct x86_trans *x, unsigned op, unsigned w, ir_ref a, ir_ref b)
{
    static const uint8_t ops[] = {
        [ALU_ADD] = IR_ADD, [ALU_OR] = IR_OR,   [ALU_ADC] = IR_ADC, [ALU_SBB] = IR_SBB,
        [ALU_AND] = IR_AND, [ALU_SUB] = IR_SUB, [ALU_XOR] = IR_XOR, [ALU_CMP] = IR_SUB};
    ir_ref fl = op == ALU_ADC || op == ALU_SBB ? x86_get_flags(x) : 0;
    return ir_op3(x->ir, ops[op], x86_type(w), a, b, fl);
}

static ir_ref alu_flags(struct x86_trans *x, unsigned op, unsigned w, ir_ref a, ir_ref b,
                        ir_ref result)
{
    struct ir_region *r = x->ir;
    switch (op) {
    case ALU_ADD:
        return ir_fl(r, IR_FL_ADD, w, a, b, 0, 0);
    case ALU_ADC:
        return ir_fl(r, IR_FL_ADC, w, a, b, x86_get_flags(x), 0);
    case ALU_SBB:
        return ir_fl(r, IR_FL_SBB, w, a, b, x86_get_flags(x), 0);
    case ALU_SUB:
    case ALU_CMP:
        return ir_fl(r, IR_FL_SUB, w, a, b, 0, 0);
    default:
        return ir_fl(r, IR_FL_LOGIC, w, result, 0, 0, 0);
    }
}

bool x86_needs_atomic(const struct x86_trans *x, const struct x86_insn *i)
{
    return i->lock && i->mem && x->mode & MODE_PARALLEL;
}

/* [mem] op= b as one atomic operation; returns the old value. */
static ir_ref alu_atomic(struct x86_trans *x, const struct x86_insn *i, unsigned op, ir_ref b)
{
    struct ir_region *r = x->ir;
    unsigned w = i->opsize;
    enum ir_type t = x86_type(w);
    ir_ref addr = x86_ea(x, i, x86_bytes(w), true);
    switch (op) {
    case ALU_ADD:
        return ir_emit(r, IR_FETCH_ADD, t, 0, addr, b, 0, 0, w);
    case ALU_SUB:
        return ir_emit(r, IR_FETCH_ADD, t, 0, addr, ir_op1(r, IR_NEG, t, b), 0, 0, w);
    case ALU_AND:
        return ir_emit(r, IR_FETCH_AND, t, 0, addr, b, 0, 0, w);
    case ALU_OR:
        return ir_emit(r, IR_FETCH_OR, t, 0, addr, b, 0, 0, w);
    case ALU_XOR:
        return ir_emit(r, IR_FETCH_XOR, t, 0, addr, b, 0, 0, w);
    default: {
        ir_ref carry = ir_emit(r, IR_SETCC, IR_I32, IR_CC_B, x86_get_flags(x), 0, 0, 0, 0);
        ir_ref old = x86_call(x, HELPER_ID(atomic), addr, b, carry,
                              ir_i32(r, w | (op == ALU_ADC ? TCG_ADC : TCG_SBB) << 8));
        return w == IR_W64 ? old : ir_trunc(r, old);
    }
    }
}

void tr_alu(struct x86_trans *x, const struct x86_insn *i)
{
    unsigned op = i->row->arg, w = i->opsize;
    ir_ref a, b = x86_load_operand(x, i, 1, w);

    if (op == ALU_CMP) {
        a = x86_load_operand(x, i, 0, w);
        x86_put_flags(x, alu_flags(x, op, w, a, b, 0));
        return;
    }
    if (x86_needs_atomic(x, i)) {
        a = alu_atomic(x, i, op, b);
        x86_put_flags(x, alu_flags(x, op, w, a, b, alu_value(x, op, w, a, b)));
        return;
    }
    bool rm = x86_operand_is_e(i, 0);
    a = rm ? x86_load_rm_rmw(x, i, w) : x86_load_operand(x, i, 0, w);
    ir_ref v = alu_value(x, op, w, a, b);
    ir_ref fl = alu_flags(x, op, w, a, b, v);
    x86_store_operand(x, i, 0, w, v);
    x86_put_flags(x, fl);
}

void tr_test(struct x86_trans *x, const struct x86_insn *i)
{
    unsigned w = i->opsize;
    ir_ref a = x86_load_operand(x, i, 0, w), b = x86_load_operand(x, i, 1, w);
    ir_ref v = ir_op2(x->ir, IR_AND, x86_type(w), a, b);
    x86_put_flags(x, ir_fl(x->ir, IR_FL_LOGIC, w, v, 0, 0, 0));
}

/* ---- one operand ---------------------------------------------------------------------------- */

static void inc_dec(struct x86_trans *x, const struct x86_insn *i, bool dec)
{
    struct ir_region *r = x->ir;
    unsigned w = i->opsize;
    ir_ref a, step = x86_const(x, w, dec ? ~UINT64_C(0) : 1);
    bool atomic = x86_needs_atomic(x, i), rm = x86_operand_is_e(i, 0);

    if (atomic)
        a = alu_atomic(x, i, ALU_ADD, step);
    else
        a = rm ? x86_load_rm_rmw(x, i, w) : x86_load_operand(x, i, 0, w);
    ir_ref fl = ir_fl(r, dec ? IR_FL_DEC : IR_FL_INC, w, a, x86_get_flags(x), 0, 0);
    if (!atomic)
        x86_store_operand(x, i, 0, w, ir_op2(r, IR_ADD, x86_type(w), a, step));
    x86_put_flags(x, fl);
}

void tr_inc(struct x86_trans *x, const struct x86_insn *i)
{
    inc_dec(x, i, false);
}

void tr_dec(struct x86_trans *x, const struct x86_insn *i)
{
    inc_dec(x, i, true);
}

void tr_neg(struct x86_trans *x, const struct x86_insn *i)
{
    struct ir_region *r = x->ir;
    unsigned w = i->opsize;
    ir_ref a;
    if (x86_needs_atomic(x, i)) {
        a = x86_call(x, HELPER_ID(atomic), x86_ea(x, i, x86_bytes(w), true), ir_i32(r, 0),
                     ir_i32(r, 0), ir_i32(r, w | TCG_NEG << 8));
        if (w != IR_W64)
            a = ir_trunc(r, a);
    } else {
        a = x86_load_rm_rmw(x, i, w);
        x86_store_rm(x, i, w, ir_op1(r, IR_NEG, x86_type(w), a));
    }
    x86_put_flags(x, ir_fl(r, IR_FL_SUB, w, x86_const(x, w, 0), a, 0, 0));
}

void tr_not(struct x86_trans *x, const struct x86_insn *i)
{
    unsigned w = i->opsize;
    if (x86_needs_atomic(x, i)) {
        alu_atomic(x, i, ALU_XOR, x86_const(x, w, ~UINT64_C(0)));
        return;
    }
    ir_ref a = x86_load_rm_rmw(x, i, w);
    x86_store_rm(x, i, w, ir_op1(x->ir, IR_NOT, x86_type(w), a));
}

/* ---- sign conversions ----------------------------------------------------------------------- */

void tr_cbw(struct x86_trans *x, const struct x86_insn *i)
{
    unsigned w = i->opsize;
    ir_ref a = ir_get(x->ir, SLOT_GPR + X86_RAX);
    x86_put_gpr(x, X86_RAX, w, ir_sext(x->ir, x86_type(w), a, w - 1));
}

void tr_cwd(struct x86_trans *x, const struct x86_insn *i)
{
    unsigned w = i->opsize;
    ir_ref a = x86_get_gpr(x, X86_RAX, w);
    if (w == IR_W16)
        a = ir_sext(x->ir, IR_I32, a, IR_W16);
    /* IDIV looks for exactly this form of the sign (translate_muldiv.c). */
    x86_put_gpr(x, X86_RDX, w,
                ir_op2(x->ir, IR_SAR, x86_type(w), a, ir_i32(x->ir, w == IR_W64 ? 63 : 31)));
}
