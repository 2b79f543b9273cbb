/* Near control transfers. Checks and stack accesses come first, then the PUTs, then the exit. */
#include "tcg/x86/translate_int.h"

void tr_jcc(struct x86_trans *x, const struct x86_insn *i)
{
    ir_ref fl = x86_get_flags(x);
    x86_check_branch(x, i, fl, i->cc, 0);
    x86_branch_if(x, i, fl, i->cc, 0);
}

void tr_jmp(struct x86_trans *x, const struct x86_insn *i)
{
    x86_check_target(x, x86_branch_target(x, i));
    x86_jump_rel(x, i);
}

static ir_ref indirect_target(struct x86_trans *x, const struct x86_insn *i)
{
    ir_ref target = x86_wrap(x, i->opsize, x86_load_rm(x, i, i->opsize));
    x86_check_target(x, target);
    return target;
}

void tr_jmp_ind(struct x86_trans *x, const struct x86_insn *i)
{
    x86_jump_to(x, indirect_target(x, i));
}

static ir_ref return_address(struct x86_trans *x, const struct x86_insn *i)
{
    ir_ref next = x86_next_rip(x);
    return i->opsize == IR_W64 ? next : ir_trunc(x->ir, next);
}

void tr_call(struct x86_trans *x, const struct x86_insn *i)
{
    x86_check_target(x, x86_branch_target(x, i));
    x86_push(x, i->opsize, return_address(x, i));
    x->t->ends = TCG_ENDS_CALL;
    x86_jump_rel(x, i);
}

void tr_call_ind(struct x86_trans *x, const struct x86_insn *i)
{
    ir_ref target = indirect_target(x, i);
    x86_push(x, i->opsize, return_address(x, i));
    x86_jump_to(x, target);
}

void tr_ret(struct x86_trans *x, const struct x86_insn *i)
{
    ir_ref target = x86_wrap(x, i->opsize, x86_stack_load(x, i->opsize, 0));
    x86_check_target(x, target);
    x86_add_sp(x, (int64_t)x86_bytes(i->opsize) + (i->imm & 0xffff));
    x86_return_to(x, target);
}

/* LOOP, LOOPE, LOOPNE: the counter is CX, ECX or RCX by address size. */
void tr_loop(struct x86_trans *x, const struct x86_insn *i)
{
    struct ir_region *r = x->ir;
    unsigned aw = i->addrsize, kind = i->row->arg;
    enum ir_type t = x86_type(aw);
    ir_ref count = x86_add_imm(x, t, x86_get_gpr(x, X86_RCX, aw), -1);
    ir_ref counted = aw == IR_W16 ? ir_zext(r, IR_I32, count, IR_W16) : count;
    ir_ref taken = ir_emit(r, IR_SETC, IR_I32, IR_CC_NE, counted, ir_const(r, t, 0), 0, 0, t);
    if (kind < 2) {
        ir_ref zf =
            ir_emit(r, IR_SETCC, IR_I32, kind ? IR_CC_E : IR_CC_NE, x86_get_flags(x), 0, 0, 0, 0);
        taken = ir_op2(r, IR_AND, IR_I32, taken, zf);
    }
    x86_check_branch(x, i, 0, 0, taken);
    x86_put_gpr(x, X86_RCX, aw, count);
    x86_branch_if(x, i, 0, 0, taken);
}

void tr_jcxz(struct x86_trans *x, const struct x86_insn *i)
{
    struct ir_region *r = x->ir;
    unsigned aw = i->addrsize;
    enum ir_type t = x86_type(aw);
    ir_ref count = x86_get_gpr(x, X86_RCX, aw);
    if (aw == IR_W16)
        count = ir_zext(r, IR_I32, count, IR_W16);
    ir_ref taken = ir_emit(r, IR_SETC, IR_I32, IR_CC_E, count, ir_const(r, t, 0), 0, 0, t);
    x86_check_branch(x, i, 0, 0, taken);
    x86_branch_if(x, i, 0, 0, taken);
}

/* BOUND: #BR unless lower <= index <= upper, signed. */
void tr_bound(struct x86_trans *x, const struct x86_insn *i)
{
    struct ir_region *r = x->ir;
    unsigned w = i->opsize;
    ir_ref addr = x86_ea(x, i, 2 << w, false);
    ir_ref lower = ir_ld(r, IR_I32, addr, w | IR_MEM_SIGN);
    ir_ref upper = ir_ld(r, IR_I32, x86_add_imm(x, IR_I64, addr, 1 << w), w | IR_MEM_SIGN);
    ir_ref v = ir_sext(r, IR_I32, x86_get_gpr(x, i->reg, w), w);
    ir_ref out =
        ir_op2(r, IR_OR, IR_I32, ir_emit(r, IR_SETC, IR_I32, IR_CC_L, v, lower, 0, 0, IR_I32),
               ir_emit(r, IR_SETC, IR_I32, IR_CC_G, v, upper, 0, 0, IR_I32));
    ir_emit(r, IR_TRAPNZ, IR_VOID, 0, out, 0, 0, 0, X86_TRAP(X86_BR));
}

void tr_ud(struct x86_trans *x, const struct x86_insn *i)
{
    (void)i;
    x86_tr_raise(x, X86_UD);
}
