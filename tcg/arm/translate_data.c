/* A64 data processing: immediates. */
#include "tcg/arm/translate.h"

/* ---- additions and subtractions -------------------------------------------------------------- */

/* a + b or a - b, and the flags of it when they are wanted. */
static ir_ref add_sub(struct a64_trans *x, bool sf, bool sub, bool flags, ir_ref a, ir_ref b)
{
    struct ir_region *r = x->ir;
    ir_ref v = ir_op2(r, sub ? IR_SUB : IR_ADD, a64_type(sf), a, b);
    if (flags) {
        ir_ref fl = ir_fl(r, sub ? IR_FL_SUB : IR_FL_ADD, a64_width(sf), a, b, 0, 0);
        a64_put_flags(x, sub ? fl : ir_op1(r, IR_FL_CMC, IR_FL, fl));
    }
    return v;
}

bool a64_add_sub_imm(struct a64_trans *x, const struct a64_insn *i)
{
    ir_ref b = a64_const(x, i->sf, (uint64_t)i->imm12 << (i->sh ? 12 : 0));
    ir_ref v = add_sub(x, i->sf, i->op, i->S, a64_reg_sp(x, i->Rn, i->sf), b);
    if (i->S)
        a64_put(x, i->Rd, i->sf, v);
    else
        a64_put_sp(x, i->Rd, i->sf, v);
    return true;
}
