/* A64 data processing: arithmetic and logic. */
#include "tcg/arm/translate.h"

enum { SHIFT_LSL, SHIFT_LSR, SHIFT_ASR, SHIFT_ROR };

/* v shifted by a constant below its width. */
static ir_ref shifted(struct a64_trans *x, bool sf, ir_ref v, unsigned kind, unsigned count)
{
    static const uint8_t ops[] = {IR_SHL, IR_SHR, IR_SAR, IR_ROR};
    return count ? ir_emit(x->ir, (enum ir_op)ops[kind], a64_type(sf), 0, v, ir_i32(x->ir, count),
                           0, 0, 0)
                 : v;
}

/* ---- additions and subtractions -------------------------------------------------------------- */

/* a + b or a - b, and the flags of it when they are wanted. */
static ir_ref add_sub(struct a64_trans *x, bool sf, bool sub, bool flags, ir_ref a, ir_ref b)
{
    struct ir_region *r = x->ir;
    ir_ref v = ir_op2(r, sub ? IR_SUB : IR_ADD, a64_type(sf), a, b);
    if (flags) {
        ir_ref fl = ir_fl(r, sub ? IR_FL_SUB : IR_FL_ADD, a64_width(sf), a, b, 0, 0);
        a64_put_flags(x, sub ? fl : ir_fl(r, IR_FL_CMC, a64_width(sf), fl, 0, 0, 0));
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

bool a64_add_sub_shift(struct a64_trans *x, const struct a64_insn *i)
{
    ir_ref a = a64_reg(x, i->Rn, i->sf), b = a64_reg(x, i->Rm, i->sf);
    if (!i->op && !i->S && i->shift == SHIFT_LSL && i->imm6 && i->imm6 <= 3) {
        a64_put(x, i->Rd, i->sf, ir_emit(x->ir, IR_LEA, a64_type(i->sf), i->imm6, a, b, 0, 0, 0));
        return true;
    }
    b = shifted(x, i->sf, b, i->shift, i->imm6);
    a64_put(x, i->Rd, i->sf, add_sub(x, i->sf, i->op, i->S, a, b));
    return true;
}

ir_ref a64_extended(struct a64_trans *x, unsigned n, bool sf, unsigned option)
{
    const enum ir_width from = (enum ir_width)(option & 3);
    if (from >= a64_width(sf))
        return a64_reg(x, n, sf);
    ir_ref v = a64_reg(x, n, sf || from == IR_W32);
    return option & 4 ? ir_sext(x->ir, a64_type(sf), v, from)
                      : ir_zext(x->ir, a64_type(sf), v, from);
}

bool a64_add_sub_ext(struct a64_trans *x, const struct a64_insn *i)
{
    ir_ref a = a64_reg_sp(x, i->Rn, i->sf), b = a64_extended(x, i->Rm, i->sf, i->option);
    ir_ref v;
    if (!i->op && !i->S && i->imm3 <= 3)
        v = ir_emit(x->ir, IR_LEA, a64_type(i->sf), i->imm3, a, b, 0, 0, 0);
    else
        v = add_sub(x, i->sf, i->op, i->S, a, shifted(x, i->sf, b, SHIFT_LSL, i->imm3));
    if (i->S)
        a64_put(x, i->Rd, i->sf, v);
    else
        a64_put_sp(x, i->Rd, i->sf, v);
    return true;
}

bool a64_adc_sbc(struct a64_trans *x, const struct a64_insn *i)
{
    struct ir_region *r = x->ir;
    ir_ref a = a64_reg(x, i->Rn, i->sf), b = a64_reg(x, i->Rm, i->sf), fl = a64_flags(x);
    if (!i->op)
        fl = ir_op1(r, IR_FL_CMC, IR_FL, fl);
    ir_ref v = ir_op3(r, i->op ? IR_SBB : IR_ADC, a64_type(i->sf), a, b, fl);
    if (i->S) {
        fl = ir_fl(r, i->op ? IR_FL_SBB : IR_FL_ADC, a64_width(i->sf), a, b, fl, 0);
        a64_put_flags(x, i->op ? fl : ir_fl(r, IR_FL_CMC, a64_width(i->sf), fl, 0, 0, 0));
    }
    a64_put(x, i->Rd, i->sf, v);
    return true;
}

static bool min_max(struct a64_trans *x, const struct a64_insn *i, ir_ref b)
{
    static const uint8_t takes_first[] = {IR_CC_G, IR_CC_A, IR_CC_L, IR_CC_B};
    const enum ir_type t = a64_type(i->sf);
    ir_ref a = a64_reg(x, i->Rn, i->sf);
    ir_ref c = ir_emit(x->ir, IR_SETC, IR_I32, takes_first[i->opc], a, b, 0, 0, t);
    a64_put(x, i->Rd, i->sf, ir_op3(x->ir, IR_SELNZ, t, a, b, c));
    return true;
}

bool a64_min_max_reg(struct a64_trans *x, const struct a64_insn *i)
{
    return min_max(x, i, a64_reg(x, i->Rm, i->sf));
}

bool a64_min_max_imm(struct a64_trans *x, const struct a64_insn *i)
{
    return min_max(x, i,
                   a64_const(x, i->sf, i->opc & 1 ? i->imm8 : (uint64_t)(int64_t)(int8_t)i->imm8));
}

/* ---- logic ----------------------------------------------------------------------------------- */

enum { OPC_AND, OPC_ORR, OPC_EOR, OPC_ANDS };

static bool put_logical(struct a64_trans *x, const struct a64_insn *i, ir_ref v)
{
    if (i->opc == OPC_ANDS)
        a64_put_flags(x, ir_fl(x->ir, IR_FL_CMC, a64_width(i->sf),
                               ir_fl(x->ir, IR_FL_LOGIC, a64_width(i->sf), v, 0, 0, 0), 0, 0, 0));
    a64_put(x, i->Rd, i->sf, v);
    return true;
}

static ir_ref logical(struct a64_trans *x, const struct a64_insn *i, ir_ref a, ir_ref b)
{
    static const uint8_t ops[] = {IR_AND, IR_OR, IR_XOR, IR_AND};
    return ir_emit(x->ir, (enum ir_op)ops[i->opc], a64_type(i->sf), 0, a, b, 0, 0, 0);
}

/* The value of a logical immediate: a run of ones, rotated, in elements of 2 to 64 bits. */
static bool bit_mask(const struct a64_insn *i, uint64_t *mask)
{
    unsigned kind = (unsigned)i->N << 6 | (~i->imms & 0x3fu);
    if (kind < 2)
        return false;
    unsigned bits = 1u << (31 - __builtin_clz(kind)), ones = (i->imms & (bits - 1)) + 1,
             turn = i->immr & (bits - 1);
    if (ones == bits)
        return false;
    uint64_t v = (UINT64_C(1) << ones) - 1;
    if (turn)
        v = v >> turn | v << (bits - turn);
    if (bits < 64)
        v &= (UINT64_C(1) << bits) - 1;
    for (; bits < 64; bits *= 2)
        v |= v << bits;
    *mask = i->sf ? v : (uint32_t)v;
    return true;
}

bool a64_logical_imm(struct a64_trans *x, const struct a64_insn *i)
{
    uint64_t mask;
    if (!bit_mask(i, &mask))
        return false;
    ir_ref v = logical(x, i, a64_reg(x, i->Rn, i->sf), a64_const(x, i->sf, mask));
    if (i->opc == OPC_ANDS)
        return put_logical(x, i, v);
    a64_put_sp(x, i->Rd, i->sf, v);
    return true;
}

bool a64_logical_reg(struct a64_trans *x, const struct a64_insn *i)
{
    struct ir_region *r = x->ir;
    const enum ir_type t = a64_type(i->sf);
    ir_ref a = a64_reg(x, i->Rn, i->sf),
           b = shifted(x, i->sf, a64_reg(x, i->Rm, i->sf), i->shift, i->imm6), v;
    if (i->N && (i->opc == OPC_AND || i->opc == OPC_ANDS))
        v = ir_op2(r, IR_ANDN, t, b, a);
    else
        v = logical(x, i, a, i->N ? ir_op1(r, IR_NOT, t, b) : b);
    return put_logical(x, i, v);
}

/* ---- moves and addresses ----------------------------------------------------------------------
 */

enum { OPC_MOVN = 0, OPC_MOVK = 3 };

bool a64_mov_wide(struct a64_trans *x, const struct a64_insn *i)
{
    const unsigned at = 16u * i->hw;
    const uint64_t v = (uint64_t)i->imm16 << at;
    if (i->opc != OPC_MOVK) {
        a64_put(x, i->Rd, i->sf, a64_const(x, i->sf, i->opc == OPC_MOVN ? ~v : v));
        return true;
    }
    ir_ref old = a64_reg(x, i->Rd, i->sf);
    uint64_t c;
    if (ir_is_const(x->ir, old, &c))
        old = a64_const(x, i->sf, (c & ~(UINT64_C(0xffff) << at)) | v);
    else
        old = ir_emit(x->ir, IR_DEPOSIT, a64_type(i->sf), 0, old, ir_i32(x->ir, i->imm16), 0, 0,
                      at | 16 << 8);
    a64_put(x, i->Rd, i->sf, old);
    return true;
}

bool a64_adr(struct a64_trans *x, const struct a64_insn *i)
{
    const int64_t n = (int64_t)((uint64_t)(int64_t)i->immhi << 2) | i->immlo;
    ir_ref pc;
    if (i->op) /* the page's address: PCB is that of the region's first */
        pc = a64_pc(x, (x->start & ~INT64_C(0xfff)) + (int64_t)((uint64_t)n << 12));
    else
        pc = a64_pc(x, x->start + n);
    a64_put(x, i->Rd, true, pc);
    return true;
}
