/* A64 branches. */
#include "tcg/arm/translate.h"

enum ir_cc a64_cc(unsigned cond)
{
    static const uint8_t cc[14] = {
        IR_CC_E,  IR_CC_NE, IR_CC_AE, IR_CC_B,  IR_CC_S, IR_CC_NS, IR_CC_O,
        IR_CC_NO, IR_CC_A,  IR_CC_BE, IR_CC_GE, IR_CC_L, IR_CC_G,  IR_CC_LE,
    };
    return (enum ir_cc)cc[cond];
}

bool a64_b(struct a64_trans *x, const struct a64_insn *i)
{
    a64_jump_rel(x, x->start + (int64_t)i->imm26 * 4);
    return true;
}

bool a64_bl(struct a64_trans *x, const struct a64_insn *i)
{
    a64_put(x, 30, true, a64_pc(x, x->next));
    x->t->ends = TCG_ENDS_CALL;
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
