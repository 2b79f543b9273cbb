/*
 * Exchanges. XCHG with memory is always locked; the others are with LOCK. Locked means one atomic
 * operation when the machine has other vCPUs (MODE_PARALLEL), else an ordinary read and write.
 */
#include "tcg/x86/translate_int.h"

void tr_xchg(struct x86_trans *x, const struct x86_insn *i)
{
    struct ir_region *r = x->ir;
    unsigned w = i->opsize;
    ir_ref b = x86_load_operand(x, i, 1, w), a;
    if (i->mem && x->mode & MODE_PARALLEL) {
        a = ir_emit(r, IR_XCHG, x86_type(w), 0, x86_ea(x, i, x86_bytes(w), true), b, 0, 0, w);
    } else {
        bool rm = x86_operand_is_e(i, 0);
        a = rm ? x86_load_rm_rmw(x, i, w) : x86_load_operand(x, i, 0, w);
        x86_store_operand(x, i, 0, w, b);
    }
    x86_store_operand(x, i, 1, w, a);
}

void tr_xadd(struct x86_trans *x, const struct x86_insn *i)
{
    struct ir_region *r = x->ir;
    unsigned w = i->opsize;
    enum ir_type t = x86_type(w);
    ir_ref b = x86_get_reg(x, i, i->reg, w), a;
    if (x86_needs_atomic(x, i)) {
        a = ir_emit(r, IR_FETCH_ADD, t, 0, x86_ea(x, i, x86_bytes(w), true), b, 0, 0, w);
        x86_put_reg(x, i, i->reg, w, a);
    } else {
        a = x86_load_rm_rmw(x, i, w);
        ir_ref sum = ir_op2(r, IR_ADD, t, a, b);
        if (i->mem)
            x86_store_rm(x, i, w, sum);
        x86_put_reg(x, i, i->reg, w, a);
        if (!i->mem) /* the sum wins when both operands are one register */
            x86_put_reg(x, i, i->rm, w, sum);
    }
    x86_put_flags(x, ir_fl(r, IR_FL_ADD, w, a, b, 0, 0));
}

/* The register destination of CMPXCHG. */
static void put_reg_if_equal(struct x86_trans *x, const struct x86_insn *i, unsigned w, ir_ref src,
                             ir_ref old, ir_ref fl)
{
    struct ir_region *r = x->ir;
    if (w >= IR_W32) {
        ir_ref full = ir_get(r, SLOT_GPR + i->rm);
        ir_put(
            r, SLOT_GPR + i->rm,
            ir_emit(r, IR_SELCC, IR_I64, IR_CC_E, x86_merge_reg(x, i->rm, w, src), full, fl, 0, 0));
    } else {
        x86_put_reg(x, i, i->rm, w, ir_emit(r, IR_SELCC, IR_I32, IR_CC_E, src, old, fl, 0, 0));
    }
}

void tr_cmpxchg(struct x86_trans *x, const struct x86_insn *i)
{
    struct ir_region *r = x->ir;
    unsigned w = i->opsize;
    enum ir_type t = x86_type(w);
    ir_ref acc = x86_get_gpr(x, X86_RAX, w), src = x86_get_reg(x, i, i->reg, w), old, fl;

    if (x86_needs_atomic(x, i)) {
        old = ir_emit(r, IR_CMPXCHG, t, 0, x86_ea(x, i, x86_bytes(w), true),
                      w < IR_W32 ? ir_zext(r, t, acc, w) : acc, src, 0, w);
        fl = ir_fl(r, IR_FL_SUB, w, acc, old, 0, 0);
    } else {
        old = x86_load_rm_rmw(x, i, w);
        fl = ir_fl(r, IR_FL_SUB, w, acc, old, 0, 0);
        if (i->mem)
            x86_store_rm(x, i, w, ir_emit(r, IR_SELCC, t, IR_CC_E, src, old, fl, 0, 0));
    }
    /* One of accumulator and destination register is written, the other one not at all: with 32
     * bits its upper half stays. */
    ir_ref rax = ir_get(r, SLOT_GPR + X86_RAX);
    ir_put(r, SLOT_GPR + X86_RAX,
           ir_emit(r, IR_SELCC, IR_I64, IR_CC_E, rax, x86_merge_reg(x, X86_RAX, w, old), fl, 0, 0));
    if (!i->mem)
        put_reg_if_equal(x, i, w, src, old, fl);
    x86_put_flags(x, fl);
}

/* ZF = equal, the other flags stay. */
static ir_ref only_zf(struct x86_trans *x, ir_ref equal)
{
    struct ir_region *r = x->ir;
    ir_ref pk = ir_op1(r, IR_FL_PACK, IR_I32, x86_get_flags(x));
    pk = ir_op2(r, IR_AND, IR_I32, pk, ir_i32(r, IR_FL_MASK & ~(uint32_t)IR_FL_ZF));
    ir_ref zf = ir_op2(r, IR_SHL, IR_I32, equal, ir_i32(r, 14));
    return ir_op1(r, IR_FL_FROM, IR_FL, ir_op2(r, IR_OR, IR_I32, pk, zf));
}

static ir_ref pair(struct x86_trans *x, unsigned hi, unsigned lo)
{
    ir_ref low = ir_zext(x->ir, IR_I64, ir_get(x->ir, SLOT_GPR + lo), IR_W32);
    return ir_emit(x->ir, IR_DEPOSIT, IR_I64, 0, low, ir_get(x->ir, SLOT_GPR + hi), 0, 0,
                   32 | 32 << 8);
}

void tr_cmpxchg8b(struct x86_trans *x, const struct x86_insn *i)
{
    struct ir_region *r = x->ir;
    ir_ref expected = pair(x, X86_RDX, X86_RAX), desired = pair(x, X86_RCX, X86_RBX), old, equal;
    ir_ref addr = x86_ea(x, i, 8, true);
    if (x86_needs_atomic(x, i)) {
        old = ir_emit(r, IR_CMPXCHG, IR_I64, 0, addr, expected, desired, 0, IR_W64);
        equal = ir_emit(r, IR_SETC, IR_I32, IR_CC_E, old, expected, 0, 0, IR_I64);
    } else {
        old = ir_ld(r, IR_I64, addr, IR_W64 | IR_MEM_RMW);
        equal = ir_emit(r, IR_SETC, IR_I32, IR_CC_E, old, expected, 0, 0, IR_I64);
        ir_st(r, addr, ir_op3(r, IR_SELNZ, IR_I64, desired, old, equal), old, IR_W64 | IR_MEM_RMW);
    }
    ir_ref rax = ir_get(r, SLOT_GPR + X86_RAX), rdx = ir_get(r, SLOT_GPR + X86_RDX);
    ir_ref lo = ir_zext(r, IR_I64, old, IR_W32), hi = ir_op2(r, IR_SHR, IR_I64, old, ir_i32(r, 32));
    ir_ref fl = only_zf(x, equal);
    ir_put(r, SLOT_GPR + X86_RAX, ir_op3(r, IR_SELNZ, IR_I64, rax, lo, equal));
    ir_put(r, SLOT_GPR + X86_RDX, ir_op3(r, IR_SELNZ, IR_I64, rdx, hi, equal));
    x86_put_flags(x, fl);
}

void tr_cmpxchg16b(struct x86_trans *x, const struct x86_insn *i)
{
    x86_call(x, HELPER_ID(cmpxchg16b), x86_ea(x, i, 16, true), 0, 0, 0);
}
