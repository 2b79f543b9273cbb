/* A32 and T32 data processing: arithmetic, logic, moves. */
#include "tcg/arm/translate32.h"

/* As A32 numbers them; T32's ORN comes behind. */
enum dp_op {
    DP_AND,
    DP_EOR,
    DP_SUB,
    DP_RSB,
    DP_ADD,
    DP_ADC,
    DP_SBC,
    DP_RSC,
    DP_TST,
    DP_TEQ,
    DP_CMP,
    DP_CMN,
    DP_ORR,
    DP_MOV,
    DP_BIC,
    DP_MVN,
    DP_ORN,
};

/* ---- what both sets do ------------------------------------------------------------------------
 */

/* a - b or b - a or a + b, with the carry or without; the flags when they are wanted. */
static ir_ref arithmetic(struct a64_trans *x, enum dp_op op, bool flags, ir_ref a, ir_ref b)
{
    struct ir_region *r = x->ir;
    const bool sub = op == DP_SUB || op == DP_RSB || op == DP_CMP || op == DP_SBC || op == DP_RSC;
    const bool with_carry = op == DP_ADC || op == DP_SBC || op == DP_RSC;
    if (op == DP_RSB || op == DP_RSC) {
        ir_ref t = a;
        a = b;
        b = t;
    }
    ir_ref in = 0, v, fl;
    if (with_carry) {
        in = a64_flags(x);
        if (!sub)
            in = ir_op1(r, IR_FL_CMC, IR_FL, in);
        v = ir_op3(r, sub ? IR_SBB : IR_ADC, IR_I32, a, b, in);
    } else {
        v = a32_op2(x, sub ? IR_SUB : IR_ADD, a, b);
    }
    if (flags) {
        const enum ir_op op_fl =
            with_carry ? (sub ? IR_FL_SBB : IR_FL_ADC) : (sub ? IR_FL_SUB : IR_FL_ADD);
        fl = ir_fl(r, op_fl, IR_W32, a, b, in, 0);
        a32_put_flags(x, sub ? fl : ir_op1(r, IR_FL_CMC, IR_FL, fl));
    }
    return v;
}

static ir_ref logic(struct a64_trans *x, enum dp_op op, ir_ref a, ir_ref b)
{
    switch (op) {
    case DP_AND:
    case DP_TST:
        return a32_op2(x, IR_AND, a, b);
    case DP_EOR:
    case DP_TEQ:
        return a32_op2(x, IR_XOR, a, b);
    case DP_ORR:
        return a32_op2(x, IR_OR, a, b);
    case DP_ORN:
        return a32_op2(x, IR_OR, a, ir_op1(x->ir, IR_NOT, IR_I32, b));
    case DP_BIC:
        return a32_op2(x, IR_ANDN, b, a);
    case DP_MVN:
        return ir_op1(x->ir, IR_NOT, IR_I32, b);
    default: /* MOV */
        return b;
    }
}

static bool is_logic(enum dp_op op)
{
    return op == DP_AND || op == DP_EOR || op == DP_TST || op == DP_TEQ || op >= DP_ORR;
}

/* carry: of the operand's shifter, as an i32; 0: as it is. */
static bool dp(struct a64_trans *x, enum dp_op op, bool flags, unsigned rd, unsigned rn, ir_ref b,
               ir_ref carry)
{
    const bool compare = op >= DP_TST && op <= DP_CMN, move = op == DP_MOV || op == DP_MVN;
    ir_ref v;
    if (flags && (compare || rd != A32_PC)) /* first: the host compares what the condition is of
                                               before it compares again */
        a32_must(x);
    ir_ref a = move ? 0 : a32_reg(x, rn);
    if (flags && !compare && rd == A32_PC) {
        v = is_logic(op) ? logic(x, op, a, b) : arithmetic(x, op, false, a, b);
        return a32_exception_return(x, v);
    }
    if (is_logic(op)) {
        v = logic(x, op, a, b);
        if (flags)
            a32_put_nzc(x, v, carry);
    } else {
        v = arithmetic(x, op, flags, a, b);
    }
    if (!compare)
        a32_put_result(x, rd, v);
    return true;
}

/* ---- A32 --------------------------------------------------------------------------------------
 */

bool a32_dp_imm(struct a64_trans *x, const struct a32_insn *i)
{
    ir_ref carry, b = a32_expand_imm(x, i->imm12, &carry);
    return dp(x, (enum dp_op)i->opc, i->S, i->Rd, i->Rn, b, carry);
}

bool a32_dp_reg(struct a64_trans *x, const struct a32_insn *i)
{
    ir_ref carry, b = a32_shift_imm(x, a32_reg(x, i->Rm), i->type, i->imm5, &carry);
    return dp(x, (enum dp_op)i->opc, i->S, i->Rd, i->Rn, b, carry);
}

bool a32_dp_rsr(struct a64_trans *x, const struct a32_insn *i)
{
    if (i->Rd == A32_PC || i->Rn == A32_PC || i->Rm == A32_PC || i->Rs == A32_PC)
        return false;
    ir_ref carry = 0, b = a32_shift_reg(x, a32_reg(x, i->Rm), i->type, a32_reg(x, i->Rs),
                                        i->S && is_logic((enum dp_op)i->opc) ? &carry : NULL);
    return dp(x, (enum dp_op)i->opc, i->S, i->Rd, i->Rn, b, carry);
}

static bool put_low(struct a64_trans *x, unsigned rd, uint32_t imm16)
{
    if (rd == A32_PC)
        return false;
    a32_put(x, rd, a32_i32(x, imm16));
    return true;
}

static bool put_high(struct a64_trans *x, unsigned rd, uint32_t imm16)
{
    if (rd == A32_PC)
        return false;
    ir_ref low = ir_zext(x->ir, IR_I32, a32_reg(x, rd), IR_W16);
    a32_put(x, rd, a32_op2(x, IR_OR, low, a32_i32(x, imm16 << 16)));
    return true;
}

bool a32_movw(struct a64_trans *x, const struct a32_insn *i)
{
    return put_low(x, i->Rd, (uint32_t)i->imm4 << 12 | i->imm12);
}

bool a32_movt(struct a64_trans *x, const struct a32_insn *i)
{
    return put_high(x, i->Rd, (uint32_t)i->imm4 << 12 | i->imm12);
}

/* ---- T32 of 32 bits ---------------------------------------------------------------------------
 */

/* T32's number of an operation; Rd or Rn 15 makes another one of some. false: there is none. */
static bool wide_op(const struct a32_insn *i, enum dp_op *op)
{
    static const uint8_t ops[16] = {DP_AND, DP_BIC, DP_ORR, DP_ORN, DP_EOR, 0,      0,     0,
                                    DP_ADD, 0,      DP_ADC, DP_SBC, 0,      DP_SUB, DP_RSB};
    *op = (enum dp_op)ops[i->op];
    if (i->Rn == A32_PC && (*op == DP_ORR || *op == DP_ORN))
        *op = *op == DP_ORR ? DP_MOV : DP_MVN;
    if (i->Rd == A32_PC) {
        if (!i->S)
            return false;
        switch (*op) {
        case DP_AND:
            *op = DP_TST;
            break;
        case DP_EOR:
            *op = DP_TEQ;
            break;
        case DP_ADD:
            *op = DP_CMN;
            break;
        case DP_SUB:
            *op = DP_CMP;
            break;
        default:
            return false;
        }
    }
    return true;
}

bool a32_t_dp_shift(struct a64_trans *x, const struct a32_insn *i)
{
    enum dp_op op;
    if (!wide_op(i, &op) || i->Rm == A32_PC)
        return false;
    ir_ref carry, b = a32_shift_imm(x, a32_reg(x, i->Rm), i->type,
                                    (unsigned)(i->imm3 << 2 | i->imm2), &carry);
    return dp(x, op, i->S, i->Rd, i->Rn, b, carry);
}

bool a32_t_dp_mod(struct a64_trans *x, const struct a32_insn *i)
{
    enum dp_op op;
    if (!wide_op(i, &op))
        return false;
    ir_ref carry, b = t32_expand_imm(x, i, &carry);
    return dp(x, op, i->S, i->Rd, i->Rn, b, carry);
}

static uint32_t imm12_of(const struct a32_insn *i)
{
    return (uint32_t)(i->i << 11 | i->imm3 << 8 | i->imm8);
}

/* ADD and SUB of 12 bits; with PC, which is aligned then: ADR. */
static bool add_wide(struct a64_trans *x, const struct a32_insn *i, bool sub)
{
    const int64_t imm = sub ? -(int64_t)imm12_of(i) : (int64_t)imm12_of(i);
    if (i->Rd == A32_PC)
        return false;
    if (i->Rn == A32_PC) {
        a32_put(x, i->Rd, ir_trunc(x->ir, a64_pc(x, (a32_pc_rel(x) & ~INT64_C(3)) + imm)));
        return true;
    }
    a32_put(x, i->Rd, a64_add_imm(x, IR_I32, a32_reg(x, i->Rn), imm));
    return true;
}

bool a32_t_addw(struct a64_trans *x, const struct a32_insn *i)
{
    return add_wide(x, i, false);
}

bool a32_t_subw(struct a64_trans *x, const struct a32_insn *i)
{
    return add_wide(x, i, true);
}

bool a32_t_movw(struct a64_trans *x, const struct a32_insn *i)
{
    return put_low(x, i->Rd, (uint32_t)i->imm4 << 12 | imm12_of(i));
}

bool a32_t_movt(struct a64_trans *x, const struct a32_insn *i)
{
    return put_high(x, i->Rd, (uint32_t)i->imm4 << 12 | imm12_of(i));
}

bool a32_t_shift_reg(struct a64_trans *x, const struct a32_insn *i)
{
    if (i->Rd == A32_PC || i->Rn == A32_PC || i->Rm == A32_PC)
        return false;
    ir_ref carry = 0, v = a32_shift_reg(x, a32_reg(x, i->Rn), i->type, a32_reg(x, i->Rm),
                                        i->S ? &carry : NULL);
    return dp(x, DP_MOV, i->S, i->Rd, 0, v, carry);
}

/* ---- T32 of 16 bits ---------------------------------------------------------------------------
 */

/* Outside an IT block they set the flags. */
static bool sets_flags(const struct a64_trans *x)
{
    return !x->it;
}

bool a32_t_shift_imm(struct a64_trans *x, const struct a32_insn *i)
{
    ir_ref carry, v = a32_shift_imm(x, a32_reg(x, i->Rm), i->type, i->imm5, &carry);
    return dp(x, DP_MOV, sets_flags(x), i->Rd, 0, v, carry);
}

bool a32_t_add_reg(struct a64_trans *x, const struct a32_insn *i)
{
    return dp(x, DP_ADD, sets_flags(x), i->Rd, i->Rn, a32_reg(x, i->Rm), 0);
}

bool a32_t_sub_reg(struct a64_trans *x, const struct a32_insn *i)
{
    return dp(x, DP_SUB, sets_flags(x), i->Rd, i->Rn, a32_reg(x, i->Rm), 0);
}

bool a32_t_add_imm3(struct a64_trans *x, const struct a32_insn *i)
{
    return dp(x, DP_ADD, sets_flags(x), i->Rd, i->Rn, a32_i32(x, i->imm3), 0);
}

bool a32_t_sub_imm3(struct a64_trans *x, const struct a32_insn *i)
{
    return dp(x, DP_SUB, sets_flags(x), i->Rd, i->Rn, a32_i32(x, i->imm3), 0);
}

bool a32_t_imm8(struct a64_trans *x, const struct a32_insn *i)
{
    static const uint8_t ops[] = {DP_MOV, DP_CMP, DP_ADD, DP_SUB};
    const enum dp_op op = (enum dp_op)ops[i->op];
    return dp(x, op, op == DP_CMP || sets_flags(x), i->Rd, i->Rd, a32_i32(x, i->imm8), 0);
}

bool a32_t_dp(struct a64_trans *x, const struct a32_insn *i)
{
    enum { T_LSL = 2, T_LSR, T_ASR, T_ROR = 7, T_RSB = 9, T_MUL = 13 };
    static const uint8_t ops[16] = {DP_AND, DP_EOR, 0,      0,      0,      DP_ADC, DP_SBC, 0,
                                    DP_TST, 0,      DP_CMP, DP_CMN, DP_ORR, 0,      DP_BIC, DP_MVN};
    ir_ref rm = a32_reg(x, i->Rm), rd = a32_reg(x, i->Rd), carry = 0, v;
    const bool flags = sets_flags(x);
    switch (i->op) {
    case T_LSL:
    case T_LSR:
    case T_ASR:
    case T_ROR:
        v = a32_shift_reg(x, rd, i->op == T_ROR ? A32_ROR : i->op - (unsigned)T_LSL, rm,
                          flags ? &carry : NULL);
        return dp(x, DP_MOV, flags, i->Rd, 0, v, carry);
    case T_RSB:
        return dp(x, DP_RSB, flags, i->Rd, i->Rm, a32_i32(x, 0), 0);
    case T_MUL:
        v = a32_op2(x, IR_MUL, rm, rd);
        return dp(x, DP_MOV, flags, i->Rd, 0, v, 0);
    default: {
        const enum dp_op op = (enum dp_op)ops[i->op];
        const bool compare = op >= DP_TST && op <= DP_CMN;
        return dp(x, op, compare || flags, i->Rd, i->Rd, rm, 0);
    }
    }
}

static unsigned high_rd(const struct a32_insn *i)
{
    return (unsigned)(i->D << 3 | i->Rd);
}

bool a32_t_add_hi(struct a64_trans *x, const struct a32_insn *i)
{
    return dp(x, DP_ADD, false, high_rd(i), high_rd(i), a32_reg(x, i->Rm), 0);
}

bool a32_t_cmp_hi(struct a64_trans *x, const struct a32_insn *i)
{
    return dp(x, DP_CMP, true, 0, high_rd(i), a32_reg(x, i->Rm), 0);
}

bool a32_t_mov_hi(struct a64_trans *x, const struct a32_insn *i)
{
    return dp(x, DP_MOV, false, high_rd(i), 0, a32_reg(x, i->Rm), 0);
}

bool a32_t_adr(struct a64_trans *x, const struct a32_insn *i)
{
    a32_put(x, i->Rd, ir_trunc(x->ir, a64_pc(x, (a32_pc_rel(x) & ~INT64_C(3)) + i->imm8 * 4)));
    return true;
}

bool a32_t_add_sp(struct a64_trans *x, const struct a32_insn *i)
{
    a32_put(x, i->Rd, a64_add_imm(x, IR_I32, a32_reg(x, A32_SP), i->imm8 * 4));
    return true;
}

bool a32_t_adjust_sp_add(struct a64_trans *x, const struct a32_insn *i)
{
    a32_put(x, A32_SP, a64_add_imm(x, IR_I32, a32_reg(x, A32_SP), i->imm7 * 4));
    return true;
}

bool a32_t_adjust_sp_sub(struct a64_trans *x, const struct a32_insn *i)
{
    a32_put(x, A32_SP, a64_add_imm(x, IR_I32, a32_reg(x, A32_SP), -(int64_t)i->imm7 * 4));
    return true;
}
