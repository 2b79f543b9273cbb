/*
 * String instructions. Without a repeat prefix they are ordinary IR; with one, a helper works
 * through up to a chunk of elements and says whether some are left, in which case the region leaves
 * to this same instruction, polling on the way. INS and OUTS are in translate_sys.c.
 */
#include "tcg/x86/translate_int.h"

/* i64: +size or -size, by RFLAGS.DF */
static ir_ref step(struct x86_trans *x, unsigned w)
{
    struct ir_region *r = x->ir;
    ir_ref df = ir_emit(r, IR_EXTRACT, IR_I64, 0, ir_get(r, SLOT_RFLAGS), 0, 0, 0, 10 | 1 << 8);
    return ir_op2(r, IR_SUB, IR_I64, ir_i64(r, 1u << w),
                  ir_op2(r, IR_SHL, IR_I64, df, ir_i32(r, w + 1)));
}

static void advance(struct x86_trans *x, const struct x86_insn *i, unsigned reg, ir_ref by)
{
    unsigned aw = i->addrsize;
    ir_ref n = aw == IR_W64 ? by : ir_trunc(x->ir, by);
    x86_put_gpr(x, reg, aw, ir_op2(x->ir, IR_ADD, x86_type(aw), x86_get_gpr(x, reg, aw), n));
}

static ir_ref source(struct x86_trans *x, const struct x86_insn *i)
{
    ir_ref off = x86_wrap(x, i->addrsize, x86_get_gpr(x, X86_RSI, i->addrsize));
    return x86_linear(x, i->seg, off, x86_bytes(i->opsize), false);
}

static ir_ref destination(struct x86_trans *x, const struct x86_insn *i, bool write)
{
    ir_ref off = x86_wrap(x, i->addrsize, x86_get_gpr(x, X86_RDI, i->addrsize));
    return x86_linear(x, X86_ES, off, x86_bytes(i->opsize), write);
}

static ir_ref load(struct x86_trans *x, const struct x86_insn *i, ir_ref addr)
{
    return ir_ld(x->ir, x86_type(i->opsize), addr, i->opsize);
}

/* Calls the helper and leaves to this instruction again while work is left. */
static void repeat(struct x86_trans *x, const struct x86_insn *i, unsigned helper)
{
    bool one = x->mode & (MODE_TF | MODE_STEP);
    uint32_t how = X86_REP_MAKE(i->opsize, i->addrsize, i->seg, i->rep == 0xf2, one);
    ir_ref more = x86_call(x, helper, ir_i32(x->ir, how), 0, 0, 0);
    x86_end_again_if(x, more);
}

void tr_movs(struct x86_trans *x, const struct x86_insn *i)
{
    if (i->rep) {
        repeat(x, i, HELPER_ID(rep_movs));
        return;
    }
    ir_ref v = load(x, i, source(x, i)), by = step(x, i->opsize);
    ir_st(x->ir, destination(x, i, true), v, 0, i->opsize);
    advance(x, i, X86_RSI, by);
    advance(x, i, X86_RDI, by);
}

void tr_stos(struct x86_trans *x, const struct x86_insn *i)
{
    if (i->rep) {
        repeat(x, i, HELPER_ID(rep_stos));
        return;
    }
    ir_ref by = step(x, i->opsize);
    ir_st(x->ir, destination(x, i, true), x86_get_gpr(x, X86_RAX, i->opsize), 0, i->opsize);
    advance(x, i, X86_RDI, by);
}

void tr_lods(struct x86_trans *x, const struct x86_insn *i)
{
    if (i->rep) {
        repeat(x, i, HELPER_ID(rep_lods));
        return;
    }
    ir_ref v = load(x, i, source(x, i)), by = step(x, i->opsize);
    x86_put_gpr(x, X86_RAX, i->opsize, v);
    advance(x, i, X86_RSI, by);
}

void tr_scas(struct x86_trans *x, const struct x86_insn *i)
{
    if (i->rep) {
        repeat(x, i, HELPER_ID(rep_scas));
        return;
    }
    ir_ref v = load(x, i, destination(x, i, false)), by = step(x, i->opsize);
    ir_ref a = x86_get_gpr(x, X86_RAX, i->opsize);
    advance(x, i, X86_RDI, by);
    x86_put_flags(x, ir_fl(x->ir, IR_FL_SUB, i->opsize, a, v, 0, 0));
}

void tr_cmps(struct x86_trans *x, const struct x86_insn *i)
{
    if (i->rep) {
        repeat(x, i, HELPER_ID(rep_cmps));
        return;
    }
    ir_ref a = load(x, i, source(x, i)), b = load(x, i, destination(x, i, false));
    ir_ref by = step(x, i->opsize);
    advance(x, i, X86_RSI, by);
    advance(x, i, X86_RDI, by);
    x86_put_flags(x, ir_fl(x->ir, IR_FL_SUB, i->opsize, a, b, 0, 0));
}
