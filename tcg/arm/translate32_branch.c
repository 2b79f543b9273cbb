/* A32 and T32 branches, and T32's IT. */
#include "tcg/arm/translate32.h"

static void link_to(struct a64_trans *x)
{
    a32_must(x);
    ir_ref next = ir_trunc(x->ir, a64_pc(x, x->next));
    a32_put(x, A32_LR, x->t32 ? a32_op2(x, IR_OR, next, a32_i32(x, 1)) : next);
    x->t->ends = TCG_ENDS_CALL;
}

/* To PC + offset when the instruction's condition holds. */
static bool branch(struct a64_trans *x, int64_t offset)
{
    const int64_t rel = a32_pc_rel(x) + offset;
    if (x->conditional && !x->it && !a64_one_by_one(x)) {
        x->conditional = false;
        a64_branch_if(x, a64_flags(x), a64_cc(x->cond), 0, rel);
    } else {
        a32_jump_rel(x, rel);
    }
    return true;
}

/* BLX to an immediate: the other set, at PC + offset. */
static bool call_other_set(struct a64_trans *x, int64_t rel)
{
    ir_ref target = ir_trunc(x->ir, a64_pc(x, rel));
    if (!x->t32)
        target = a32_op2(x, IR_OR, target, a32_i32(x, 1));
    a32_check_set(x, target, true);
    link_to(x);
    a32_jump_interworking(x, target, true);
    return true;
}

static bool jump_register(struct a64_trans *x, unsigned rm, bool link)
{
    ir_ref target = a32_reg(x, rm);
    a32_check_set(x, target, rm == A32_PC);
    if (link)
        link_to(x);
    else if (rm == A32_LR)
        x->t->ends = TCG_ENDS_RETURN;
    a32_jump_interworking(x, target, rm == A32_PC);
    return true;
}

/* ---- A32 --------------------------------------------------------------------------------------
 */

bool a32_b_imm(struct a64_trans *x, const struct a32_insn *i)
{
    return branch(x, (int64_t)i->off24 * 4);
}

bool a32_bl_imm(struct a64_trans *x, const struct a32_insn *i)
{
    link_to(x);
    a32_jump_rel(x, a32_pc_rel(x) + (int64_t)i->off24 * 4);
    return true;
}

bool a32_blx_imm(struct a64_trans *x, const struct a32_insn *i)
{
    return call_other_set(x, a32_pc_rel(x) + (int64_t)i->off24 * 4 + i->H * 2);
}

bool a32_bx(struct a64_trans *x, const struct a32_insn *i)
{
    return jump_register(x, i->Rm, false);
}

bool a32_blx_reg(struct a64_trans *x, const struct a32_insn *i)
{
    return i->Rm != A32_PC && jump_register(x, i->Rm, true);
}

/* ---- T32 --------------------------------------------------------------------------------------
 */

bool a32_t_b(struct a64_trans *x, const struct a32_insn *i)
{
    return branch(x, (int64_t)i->off11 * 2);
}

static bool branch_on(struct a64_trans *x, unsigned cond, int64_t offset)
{
    const int64_t rel = a32_pc_rel(x) + offset;
    if (x->it)
        return false;
    a64_branch_if(x, a64_flags(x), a64_cc(cond), 0, rel);
    return true;
}

bool a32_t_b_cond(struct a64_trans *x, const struct a32_insn *i)
{
    return branch_on(x, i->bcond, (int64_t)i->off8 * 2);
}

/* Sign, J1 and J2 as B and BL of 25 bits have them. */
static int64_t offset25(const struct a32_insn *i, uint32_t low)
{
    const uint32_t i1 = !(i->J1 ^ i->Sb), i2 = !(i->J2 ^ i->Sb);
    const uint32_t v = (uint32_t)i->Sb << 24 | i1 << 23 | i2 << 22 | (uint32_t)i->imm10 << 12 | low;
    return (int32_t)(v << 7) >> 7;
}

bool a32_t_b_wide(struct a64_trans *x, const struct a32_insn *i)
{
    return branch(x, offset25(i, (uint32_t)i->imm11 << 1));
}

static int64_t offset21(const struct a32_insn *i)
{
    const uint32_t v = (uint32_t)i->Sb << 20 | (uint32_t)i->J2 << 19 | (uint32_t)i->J1 << 18 |
                       (uint32_t)i->imm6 << 12 | (uint32_t)i->imm11 << 1;
    return (int32_t)(v << 11) >> 11;
}

bool a32_t_b_cond_wide(struct a64_trans *x, const struct a32_insn *i)
{
    return branch_on(x, i->bcond, offset21(i));
}

bool t32_conditional_branch(const uint16_t half[2], unsigned *cond, int64_t *offset)
{
    const bool narrow = half[0] >> 12 == 0xd,
               wide = half[0] >> 11 == 0x1e && (half[1] & 0xd000) == 0x8000;
    struct a32_insn i = {0};
    if ((!narrow && !wide) || !t32_decode((uint32_t)half[0] << 16 | (narrow ? 0 : half[1]), &i))
        return false;
    *cond = i.bcond;
    *offset = narrow ? (int64_t)i.off8 * 2 : offset21(&i);
    return i.bcond < A32_ALWAYS && (narrow ? half[0] >> 8 & 15 : half[0] >> 6 & 15) == i.bcond;
}

bool a32_t_bl(struct a64_trans *x, const struct a32_insn *i)
{
    link_to(x);
    a32_jump_rel(x, a32_pc_rel(x) + offset25(i, (uint32_t)i->imm11 << 1));
    return true;
}

bool a32_t_blx(struct a64_trans *x, const struct a32_insn *i)
{
    return call_other_set(x, (a32_pc_rel(x) & ~INT64_C(3)) + offset25(i, (uint32_t)i->imm10L << 2));
}

bool a32_t_cbz(struct a64_trans *x, const struct a32_insn *i)
{
    struct ir_region *r = x->ir;
    const int64_t rel = a32_pc_rel(x) + (int64_t)(i->i << 6 | i->imm5 << 1);
    if (x->it)
        return false;
    ir_ref v = a32_reg(x, i->Rn);
    if (!i->op)
        v = ir_emit(r, IR_SETC, IR_I32, IR_CC_E, v, a32_i32(x, 0), 0, 0, IR_I32);
    a64_branch_if(x, 0, IR_CC_E, v, rel);
    return true;
}

/* TBB and TBH: a table of distances behind the instruction or anywhere else. */
bool a32_t_tbb(struct a64_trans *x, const struct a32_insn *i)
{
    if (i->Rm == A32_PC || i->Rm == A32_SP)
        return false;
    ir_ref index = a32_shift(x, IR_SHL, a32_reg(x, i->Rm), i->H),
           addr = a32_address(x, a32_op2(x, IR_ADD, a32_reg(x, i->Rn), index));
    ir_ref v = a32_shift(x, IR_SHL, a32_load(x, addr, i->H, 0), 1);
    a32_jump_to(x, a32_op2(x, IR_ADD, ir_trunc(x->ir, a64_pc(x, a32_pc_rel(x))), v));
    return true;
}

bool a32_t_it(struct a64_trans *x, const struct a32_insn *i)
{
    if (x->it || i->firstcond == 15 ||
        (i->firstcond == A32_ALWAYS && __builtin_popcount(i->mask) != 1))
        return false;
    x->it_next = (uint8_t)(i->firstcond << 4 | i->mask);
    return true;
}
