/* A64 pointer authentication: which keys are in use; the codes are made in pauth.c. */
#include "tcg/arm/translate.h"

/* SCTLR_ELx.EnIA and its like, as the mode has them in the order of the keys. */
static bool in_use(const struct a64_trans *x, enum arm_key key)
{
    return x->mode & ((MODE_PAUTH & -MODE_PAUTH) << key) && a64_has(x, ARM_FEAT_PAUTH);
}

static ir_ref sign(struct a64_trans *x, bool authenticate, ir_ref pointer, ir_ref modifier,
                   enum arm_key key)
{
    if (!in_use(x, key))
        return pointer;
    return a64_call_helper(x, authenticate ? HELPER_ID(aut) : HELPER_ID(pac), pointer, modifier,
                           ir_i32(x->ir, key), 0);
}

ir_ref a64_authenticate(struct a64_trans *x, ir_ref pointer, ir_ref modifier, enum arm_key key)
{
    return sign(x, true, pointer, modifier, key);
}

static void change(struct a64_trans *x, const struct a64_insn *i, unsigned reg, ir_ref modifier)
{
    a64_put(x, reg, true, sign(x, i->aut, a64_reg(x, reg, true), modifier, (enum arm_key)i->key));
}

bool a64_pauth(struct a64_trans *x, const struct a64_insn *i)
{
    change(x, i, i->Rd, a64_reg_sp(x, i->Rn, true));
    return true;
}

bool a64_pauth_zero(struct a64_trans *x, const struct a64_insn *i)
{
    change(x, i, i->Rd, ir_i64(x->ir, 0));
    return true;
}

/* The forms that are hints where there is no pointer authentication. */
bool a64_pauth_1716(struct a64_trans *x, const struct a64_insn *i)
{
    change(x, i, 17, a64_reg(x, 16, true));
    return true;
}

bool a64_pauth_lr(struct a64_trans *x, const struct a64_insn *i)
{
    change(x, i, 30, i->z ? a64_reg_sp(x, 31, true) : ir_i64(x->ir, 0));
    return true;
}

static void strip(struct a64_trans *x, unsigned reg, bool data)
{
    ir_ref v =
        a64_call_helper(x, HELPER_ID(xpac), a64_reg(x, reg, true), ir_i32(x->ir, data), 0, 0);
    a64_put(x, reg, true, v);
}

bool a64_xpac(struct a64_trans *x, const struct a64_insn *i)
{
    strip(x, i->Rd, i->row == A64_XPACD);
    return true;
}

bool a64_xpaclri(struct a64_trans *x, const struct a64_insn *i)
{
    (void)i;
    if (a64_has(x, ARM_FEAT_PAUTH))
        strip(x, 30, false);
    return true;
}

bool a64_pacga(struct a64_trans *x, const struct a64_insn *i)
{
    ir_ref v = a64_call_helper(x, HELPER_ID(pacga), a64_reg(x, i->Rn, true),
                               a64_reg_sp(x, i->Rm, true), 0, 0);
    a64_put(x, i->Rd, true, v);
    return true;
}
