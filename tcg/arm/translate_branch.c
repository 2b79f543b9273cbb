/* A64 branches. */
#include "tcg/arm/translate.h"

/* ---- to a place that the instruction tells ----------------------------------------------------
 */

bool a64_b(struct a64_trans *x, const struct a64_insn *i)
{
    a64_jump_rel(x, x->start + (int64_t)i->imm26 * 4);
    return true;
}

static void link(struct a64_trans *x)
{
    a64_put(x, 30, true, a64_pc(x, x->next));
    x->t->ends = TCG_ENDS_CALL;
}

bool a64_bl(struct a64_trans *x, const struct a64_insn *i)
{
    link(x);
    return a64_b(x, i);
}

bool a64_b_cond(struct a64_trans *x, const struct a64_insn *i)
{
    int64_t rel = x->start + (int64_t)i->imm19 * 4;
    if (i->cond >= 14)
        a64_jump_rel(x, rel);
    else
        a64_branch_if(x, a64_flags(x), a64_cc(i->cond), 0, rel);
    return true;
}

bool a64_cbz(struct a64_trans *x, const struct a64_insn *i)
{
    ir_ref v = a64_reg(x, i->Rt, i->sf);
    ir_ref fl = ir_fl(x->ir, IR_FL_LOGIC, a64_width(i->sf), v, 0, 0, 0);
    a64_branch_if(x, fl, i->op ? IR_CC_NE : IR_CC_E, 0, x->start + (int64_t)i->imm19 * 4);
    return true;
}

/* Flags over which *cc holds when the bit is set. */
static ir_ref test_bit(struct a64_trans *x, unsigned reg, unsigned bit, enum ir_cc *cc)
{
    struct ir_region *r = x->ir;
    const bool wide = bit >= 32;
    ir_ref v = a64_reg(x, reg, wide);
    if (bit == 31 || bit == 63) {
        *cc = IR_CC_S;
    } else if (wide) { /* a mask would not be an immediate */
        *cc = IR_CC_B;
        return ir_fl(r, IR_FL_SHR, IR_W64, v, ir_i32(r, bit + 1), a64_flags(x), 0);
    } else {
        *cc = IR_CC_NE;
        v = ir_op2(r, IR_AND, IR_I32, v, ir_i32(r, 1u << bit));
    }
    return ir_fl(r, IR_FL_LOGIC, a64_width(wide), v, 0, 0, 0);
}

bool a64_tbz(struct a64_trans *x, const struct a64_insn *i)
{
    enum ir_cc cc;
    ir_ref fl = test_bit(x, i->Rt, (unsigned)i->b5 << 5 | i->b40, &cc);
    a64_branch_if(x, fl, i->op ? cc : cc ^ 1u, 0, x->start + (int64_t)i->imm14 * 4);
    return true;
}

/* ---- to an address in a register ---------------------------------------------------------------
 */

/* PSTATE.BTYPE of the target, see bti.c. */
static void put_btype(struct a64_trans *x, enum arm_btype btype, ir_ref target)
{
    struct ir_region *r = x->ir;
    if (!a64_has(x, ARM_FEAT_BTI))
        return;
    if (!(x->mode & MODE_BTI))
        ir_emit(r, IR_STENV, IR_VOID, IR_W64, target, 0, 0, 0,
                (uint64_t)(int64_t)TCG_ENV_OFFSET(arm_branch));
    else if (btype == ARM_BTYPE_FROM)
        ir_emit(r, IR_STENV, IR_VOID, IR_W64, a64_pc(x, x->start), 0, 0, 0,
                (uint64_t)(int64_t)TCG_ENV_OFFSET(arm_branch));
    if (btype == ARM_BTYPE_FROM && !(x->mode & MODE_BTI))
        btype = ARM_BTYPE_BR_16; /* no page is guarded yet */
    ir_emit(r, IR_STENV, IR_VOID, IR_W32, ir_i32(r, btype), 0, 0, 0,
            (uint64_t)(int64_t)TCG_ENV_OFFSET(arm_btype));
}

/* BR and its like by register n. */
static bool jump_by(struct a64_trans *x, unsigned n, ir_ref target)
{
    put_btype(x, n == 16 || n == 17 ? ARM_BTYPE_BR_16 : ARM_BTYPE_FROM, target);
    a64_jump_to(x, target);
    return true;
}

static bool call_by(struct a64_trans *x, ir_ref target)
{
    link(x);
    put_btype(x, ARM_BTYPE_BLR, target);
    a64_jump_to(x, target);
    return true;
}

bool a64_br(struct a64_trans *x, const struct a64_insn *i)
{
    return jump_by(x, i->Rn, a64_reg(x, i->Rn, true));
}

bool a64_blr(struct a64_trans *x, const struct a64_insn *i)
{
    return call_by(x, a64_reg(x, i->Rn, true));
}

bool a64_ret(struct a64_trans *x, const struct a64_insn *i)
{
    a64_return_to(x, a64_reg(x, i->Rn, true));
    return true;
}

/* ---- authenticated ------------------------------------------------------------------------------
 */

static ir_ref target_of(struct a64_trans *x, const struct a64_insn *i, ir_ref modifier)
{
    return a64_authenticate(x, a64_reg(x, i->Rn, true), modifier, i->M ? ARM_KEY_IB : ARM_KEY_IA);
}

bool a64_br_auth(struct a64_trans *x, const struct a64_insn *i)
{
    return jump_by(x, i->Rn, target_of(x, i, ir_i64(x->ir, 0)));
}

bool a64_br_auth_mod(struct a64_trans *x, const struct a64_insn *i)
{
    return jump_by(x, i->Rn, target_of(x, i, a64_reg_sp(x, i->Rm, true)));
}

bool a64_blr_auth(struct a64_trans *x, const struct a64_insn *i)
{
    return call_by(x, target_of(x, i, ir_i64(x->ir, 0)));
}

bool a64_blr_auth_mod(struct a64_trans *x, const struct a64_insn *i)
{
    return call_by(x, target_of(x, i, a64_reg_sp(x, i->Rm, true)));
}

bool a64_ret_auth(struct a64_trans *x, const struct a64_insn *i)
{
    ir_ref target = a64_authenticate(x, a64_reg(x, 30, true), a64_reg_sp(x, 31, true),
                                     i->M ? ARM_KEY_IB : ARM_KEY_IA);
    a64_return_to(x, target);
    return true;
}
