/* A64: conditions, and the instructions that move and change flags. */
#include "tcg/arm/translate.h"

enum { COND_AL = 14 };

enum ir_cc a64_cc(unsigned cond)
{
    static const uint8_t cc[COND_AL] = {
        IR_CC_E,  IR_CC_NE, IR_CC_AE, IR_CC_B,  IR_CC_S, IR_CC_NS, IR_CC_O,
        IR_CC_NO, IR_CC_A,  IR_CC_BE, IR_CC_GE, IR_CC_L, IR_CC_G,  IR_CC_LE,
    };
    return (enum ir_cc)cc[cond];
}

/* The packed form of IR_FL for NZCV in bits 3:0. */
static uint32_t packed(unsigned nzcv)
{
    return (nzcv & 8 ? IR_FL_SF : 0u) | (nzcv & 4 ? IR_FL_ZF : 0u) | (nzcv & 2 ? 0u : IR_FL_CF) |
           (nzcv & 1 ? IR_FL_OF : 0u);
}

static ir_ref op_imm(struct a64_trans *x, enum ir_op op, ir_ref v, uint32_t n)
{
    return ir_emit(x->ir, op, IR_I32, 0, v, ir_i32(x->ir, n), 0, 0, 0);
}

/* NZCV as PSTATE has it, bits 31:28 of an i32. */
ir_ref a64_nzcv(struct a64_trans *x)
{
    struct ir_region *r = x->ir;
    ir_ref p = ir_op1(r, IR_FL_PACK, IR_I32, a64_flags(x));
    ir_ref nz = op_imm(x, IR_SHL, op_imm(x, IR_AND, p, IR_FL_SF | IR_FL_ZF), 16);
    ir_ref c = op_imm(x, IR_XOR, op_imm(x, IR_AND, p, IR_FL_CF), IR_FL_CF);
    ir_ref v = op_imm(x, IR_SHL, op_imm(x, IR_AND, p, IR_FL_OF), 28);
    return ir_op2(r, IR_OR, IR_I32, ir_op2(r, IR_OR, IR_I32, nz, op_imm(x, IR_SHL, c, 21)), v);
}

void a64_put_nzcv(struct a64_trans *x, ir_ref v)
{
    struct ir_region *r = x->ir;
    ir_ref nz = op_imm(x, IR_AND, op_imm(x, IR_SHR, v, 16), IR_FL_SF | IR_FL_ZF);
    ir_ref c = op_imm(x, IR_AND, op_imm(x, IR_SHR, v, 21), IR_FL_CF);
    ir_ref o = op_imm(x, IR_AND, op_imm(x, IR_SHR, v, 28), IR_FL_OF);
    ir_ref p = ir_op2(r, IR_OR, IR_I32, nz, op_imm(x, IR_XOR, c, IR_FL_CF));
    a64_put_flags(x, ir_op1(r, IR_FL_FROM, IR_FL, ir_op2(r, IR_OR, IR_I32, p, o)));
}

/* ---- conditional ------------------------------------------------------------------------------
 */

bool a64_csel(struct a64_trans *x, const struct a64_insn *i)
{
    struct ir_region *r = x->ir;
    const enum ir_type t = a64_type(i->sf);
    ir_ref a = a64_reg(x, i->Rn, i->sf), v;
    if (i->cond >= COND_AL) {
        v = a;
    } else if (i->Rn == 31 && i->Rm == 31 && i->op != i->o2) { /* CSET, CSETM */
        v = ir_emit(r, IR_SETCC, IR_I32, a64_cc(i->cond) ^ 1u, a64_flags(x), 0, 0, 0, 0);
        if (i->sf)
            v = ir_zext(r, IR_I64, v, IR_W32);
        if (i->op)
            v = ir_op1(r, IR_NEG, t, v);
    } else {
        ir_ref b = a64_reg(x, i->Rm, i->sf);
        if (i->op)
            b = ir_emit(r, i->o2 ? IR_NEG : IR_NOT, t, 0, b, 0, 0, 0, 0);
        else if (i->o2)
            b = a64_add_imm(x, t, b, 1);
        v = ir_emit(r, IR_SELCC, t, a64_cc(i->cond), a, b, a64_flags(x), 0, 0);
    }
    a64_put(x, i->Rd, i->sf, v);
    return true;
}

bool a64_ccmp(struct a64_trans *x, const struct a64_insn *i)
{
    struct ir_region *r = x->ir;
    ir_ref a = a64_reg(x, i->Rn, i->sf),
           b = i->imm ? a64_const(x, i->sf, i->Rm) : a64_reg(x, i->Rm, i->sf);
    if (i->cond < COND_AL && (i->op || (i->imm && i->Rm))) {
        if (!i->op) /* the same flags, but for 0 */
            b = a64_const(x, i->sf, 0u - (uint64_t)i->Rm);
        const uint64_t how = a64_cc(i->cond) | (uint64_t)packed(i->nzcv) << 8;
        a64_put_flags(x,
                      ir_emit(r, IR_FL_CCMP, IR_FL, a64_width(i->sf), a, b, a64_flags(x), 0, how));
        return true;
    }
    ir_ref fl = ir_fl(r, i->op ? IR_FL_SUB : IR_FL_ADD, a64_width(i->sf), a, b, 0, 0);
    if (!i->op)
        fl = ir_op1(r, IR_FL_CMC, IR_FL, fl);
    if (i->cond < COND_AL) {
        ir_ref p = ir_emit(r, IR_SELCC, IR_I32, a64_cc(i->cond), ir_op1(r, IR_FL_PACK, IR_I32, fl),
                           ir_i32(r, packed(i->nzcv)), a64_flags(x), 0, 0);
        fl = ir_op1(r, IR_FL_FROM, IR_FL, p);
    }
    a64_put_flags(x, fl);
    return true;
}

/* ---- flags by themselves -----------------------------------------------------------------------
 */

bool a64_cfinv(struct a64_trans *x, const struct a64_insn *i)
{
    (void)i;
    a64_put_flags(x, ir_op1(x->ir, IR_FL_CMC, IR_FL, a64_flags(x)));
    return true;
}

bool a64_rmif(struct a64_trans *x, const struct a64_insn *i)
{
    struct ir_region *r = x->ir;
    ir_ref v = ir_op2(r, IR_ROR, IR_I64, a64_reg(x, i->Rn, true), ir_i32(r, i->imm6));
    v = op_imm(x, IR_AND, op_imm(x, IR_SHL, ir_trunc(r, v), 28), (uint32_t)i->mask << 28);
    ir_ref old = op_imm(x, IR_AND, a64_nzcv(x), ~((uint32_t)i->mask << 28));
    a64_put_nzcv(x, ir_op2(r, IR_OR, IR_I32, old, v));
    return true;
}

/* N and Z of a byte or half; V when the bit above its sign is another; C stays. */
bool a64_setf(struct a64_trans *x, const struct a64_insn *i)
{
    struct ir_region *r = x->ir;
    const unsigned top = i->sz ? 15 : 7;
    ir_ref v = a64_reg(x, i->Rn, false);
    ir_ref both = ir_op2(r, IR_XOR, IR_I32, v, op_imm(x, IR_SHR, v, 1));
    ir_ref fl = ir_fl(r, IR_FL_LOGIC, i->sz ? IR_W16 : IR_W8, v, 0, 0, 0);
    ir_ref carry = ir_emit(r, IR_SETCC, IR_I32, IR_CC_B, a64_flags(x), 0, 0, 0, 0);
    ir_ref over = op_imm(x, IR_AND, op_imm(x, IR_SHR, both, top), 1);
    a64_put_flags(x, ir_emit(r, IR_FL_SETCO, IR_FL, 0, carry, over, fl, 0, 0));
    return true;
}

/* A flag as an i32 of 0 or 1. */
static ir_ref bit_of(struct a64_trans *x, enum ir_cc cc)
{
    return ir_emit(x->ir, IR_SETCC, IR_I32, cc, a64_flags(x), 0, 0, 0, 0);
}

static void put_bits(struct a64_trans *x, ir_ref n, ir_ref z, ir_ref not_c, ir_ref v)
{
    struct ir_region *r = x->ir;
    ir_ref p = ir_op2(r, IR_OR, IR_I32, op_imm(x, IR_SHL, n, 15), op_imm(x, IR_SHL, z, 14));
    p = ir_op2(r, IR_OR, IR_I32, p, op_imm(x, IR_SHL, not_c, 8));
    a64_put_flags(x, ir_op1(r, IR_FL_FROM, IR_FL, ir_op2(r, IR_OR, IR_I32, p, v)));
}

/* From Arm's form of a floating-point comparison to the other one: unordered is Z alone. */
bool a64_axflag(struct a64_trans *x, const struct a64_insn *i)
{
    struct ir_region *r = x->ir;
    (void)i;
    ir_ref z = bit_of(x, IR_CC_E), v = bit_of(x, IR_CC_O), not_c = bit_of(x, IR_CC_B),
           zero = ir_i32(r, 0);
    put_bits(x, zero, ir_op2(r, IR_OR, IR_I32, z, v), ir_op2(r, IR_OR, IR_I32, not_c, v), zero);
    return true;
}

/* And back: N = ~C & ~Z, Z = Z & C, C = C | Z, V = ~C & Z. */
bool a64_xaflag(struct a64_trans *x, const struct a64_insn *i)
{
    struct ir_region *r = x->ir;
    (void)i;
    ir_ref z = bit_of(x, IR_CC_E), not_z = bit_of(x, IR_CC_NE), c = bit_of(x, IR_CC_AE),
           not_c = bit_of(x, IR_CC_B);
    ir_ref neither = ir_op2(r, IR_AND, IR_I32, not_c, not_z);
    put_bits(x, neither, ir_op2(r, IR_AND, IR_I32, z, c), neither,
             ir_op2(r, IR_AND, IR_I32, not_c, z));
    return true;
}
