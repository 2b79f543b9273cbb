/* A64 data processing: bit fields, shifts by registers, counting and reversing bits. */
#include "tcg/arm/translate.h"

static ir_ref op_count(struct a64_trans *x, enum ir_op op, bool sf, ir_ref v, unsigned count)
{
    return count ? ir_emit(x->ir, op, a64_type(sf), 0, v, ir_i32(x->ir, count), 0, 0, 0) : v;
}

/* ---- bit fields -------------------------------------------------------------------------------
 */

bool a64_ubfm(struct a64_trans *x, const struct a64_insn *i)
{
    const unsigned bits = i->sf ? 64 : 32, len = i->imms + 1u;
    ir_ref v = a64_reg(x, i->Rn, i->sf);
    if (i->imms >= i->immr) { /* LSR, UBFX, UXTB, UXTH */
        if (len == bits)
            v = op_count(x, IR_SHR, i->sf, v, i->immr);
        else
            v = ir_emit(x->ir, IR_EXTRACT, a64_type(i->sf), 0, v, 0, 0, 0,
                        i->immr | (uint64_t)(len - i->immr) << 8);
    } else { /* LSL, UBFIZ */
        unsigned to = bits - i->immr;
        if (len + to != bits)
            v = ir_emit(x->ir, IR_EXTRACT, a64_type(i->sf), 0, v, 0, 0, 0, (uint64_t)len << 8);
        v = op_count(x, IR_SHL, i->sf, v, to);
    }
    a64_put(x, i->Rd, i->sf, v);
    return true;
}

bool a64_sbfm(struct a64_trans *x, const struct a64_insn *i)
{
    const unsigned bits = i->sf ? 64 : 32, len = i->imms + 1u;
    ir_ref v = a64_reg(x, i->Rn, i->sf);
    if (!i->immr && len < bits && (len == 8 || len == 16 || len == 32)) {
        v = ir_sext(x->ir, a64_type(i->sf), v, len == 8 ? IR_W8 : len == 16 ? IR_W16 : IR_W32);
    } else {
        /* to the top, and from there to its place */
        unsigned down = i->imms >= i->immr ? bits - len + i->immr : bits - len - (bits - i->immr);
        v = op_count(x, IR_SHL, i->sf, v, bits - len);
        v = op_count(x, IR_SAR, i->sf, v, down);
    }
    a64_put(x, i->Rd, i->sf, v);
    return true;
}

bool a64_bfm(struct a64_trans *x, const struct a64_insn *i)
{
    struct ir_region *r = x->ir;
    const enum ir_type t = a64_type(i->sf);
    const unsigned bits = i->sf ? 64 : 32;
    ir_ref old = a64_reg(x, i->Rd, i->sf), v = a64_reg(x, i->Rn, i->sf);
    unsigned to = 0, len = i->imms + 1u;
    if (i->imms >= i->immr) { /* BFXIL */
        len -= i->immr;
        v = op_count(x, IR_SHR, i->sf, v, i->immr);
    } else { /* BFI, BFC */
        to = bits - i->immr;
    }
    uint64_t mask = len == 64 ? UINT64_MAX : ((UINT64_C(1) << len) - 1) << to;
    if (i->Rn == 31)
        v = ir_op2(r, IR_AND, t, old, ir_const(r, t, ~mask));
    else
        v = ir_emit(r, IR_DEPOSIT, t, 0, old, v, 0, 0, to | (uint64_t)len << 8);
    a64_put(x, i->Rd, i->sf, v);
    return true;
}

bool a64_extr(struct a64_trans *x, const struct a64_insn *i)
{
    const enum ir_type t = a64_type(i->sf);
    ir_ref high = a64_reg(x, i->Rn, i->sf), low = a64_reg(x, i->Rm, i->sf), v;
    if (i->Rn == i->Rm || !i->imms)
        v = op_count(x, IR_ROR, i->sf, low, i->imms);
    else
        v = ir_op3(x->ir, IR_FSHR, t, low, high, ir_i32(x->ir, i->imms));
    a64_put(x, i->Rd, i->sf, v);
    return true;
}

bool a64_shift_reg(struct a64_trans *x, const struct a64_insn *i)
{
    static const uint8_t ops[] = {IR_SHL, IR_SHR, IR_SAR, IR_ROR};
    ir_ref a = a64_reg(x, i->Rn, i->sf), count = a64_reg(x, i->Rm, false);
    a64_put(x, i->Rd, i->sf,
            ir_emit(x->ir, (enum ir_op)ops[i->op2], a64_type(i->sf), 0, a, count, 0, 0, 0));
    return true;
}

/* ---- one operand ------------------------------------------------------------------------------
 */

/* Neighbours of `bits` bits change places. */
static ir_ref swap_neighbours(struct a64_trans *x, bool sf, ir_ref v, unsigned bits, uint64_t low)
{
    struct ir_region *r = x->ir;
    const enum ir_type t = a64_type(sf);
    ir_ref mask = ir_const(r, t, low);
    ir_ref down = ir_op2(r, IR_AND, t, op_count(x, IR_SHR, sf, v, bits), mask);
    ir_ref up = op_count(x, IR_SHL, sf, ir_op2(r, IR_AND, t, v, mask), bits);
    return ir_op2(r, IR_OR, t, down, up);
}

ir_ref a64_bits_reversed(struct a64_trans *x, bool sf, ir_ref v)
{
    v = ir_op1(x->ir, IR_BSWAP, a64_type(sf), v);
    v = swap_neighbours(x, sf, v, 4, UINT64_C(0x0f0f0f0f0f0f0f0f));
    v = swap_neighbours(x, sf, v, 2, UINT64_C(0x3333333333333333));
    return swap_neighbours(x, sf, v, 1, UINT64_C(0x5555555555555555));
}

bool a64_rbit(struct a64_trans *x, const struct a64_insn *i)
{
    ir_ref from = a64_reg(x, i->Rn, i->sf), v = a64_bits_reversed(x, i->sf, from);
    a64_put(x, i->Rd, i->sf, v);
    x->reversed = v;
    x->reversed_from = from;
    return true;
}

bool a64_clz(struct a64_trans *x, const struct a64_insn *i)
{
    const enum ir_type t = a64_type(i->sf);
    ir_ref v = a64_reg(x, i->Rn, i->sf);
    if (x->reversed && v == x->reversed) /* behind RBIT: how trailing zeros are counted */
        v = ir_op1(x->ir, IR_CTZ, t, x->reversed_from);
    else
        v = ir_op1(x->ir, IR_CLZ, t, v);
    a64_put(x, i->Rd, i->sf, v);
    return true;
}

bool a64_cls(struct a64_trans *x, const struct a64_insn *i)
{
    struct ir_region *r = x->ir;
    const enum ir_type t = a64_type(i->sf);
    ir_ref v = a64_reg(x, i->Rn, i->sf);
    v = ir_op2(r, IR_XOR, t, v, op_count(x, IR_SAR, i->sf, v, 1));
    a64_put(x, i->Rd, i->sf, a64_add_imm(x, t, ir_op1(r, IR_CLZ, t, v), -1));
    return true;
}

static bool put_op1(struct a64_trans *x, const struct a64_insn *i, enum ir_op op)
{
    a64_put(x, i->Rd, i->sf,
            ir_emit(x->ir, op, a64_type(i->sf), 0, a64_reg(x, i->Rn, i->sf), 0, 0, 0, 0));
    return true;
}

bool a64_ctz(struct a64_trans *x, const struct a64_insn *i)
{
    return put_op1(x, i, IR_CTZ);
}

bool a64_cnt(struct a64_trans *x, const struct a64_insn *i)
{
    return put_op1(x, i, IR_POPCNT);
}

bool a64_rev(struct a64_trans *x, const struct a64_insn *i)
{
    return put_op1(x, i, IR_BSWAP);
}

bool a64_abs(struct a64_trans *x, const struct a64_insn *i)
{
    struct ir_region *r = x->ir;
    const enum ir_type t = a64_type(i->sf);
    ir_ref v = a64_reg(x, i->Rn, i->sf);
    ir_ref negative = ir_emit(r, IR_SETC, IR_I32, IR_CC_L, v, ir_const(r, t, 0), 0, 0, t);
    a64_put(x, i->Rd, i->sf, ir_op3(r, IR_SELNZ, t, ir_op1(r, IR_NEG, t, v), v, negative));
    return true;
}

bool a64_rev16(struct a64_trans *x, const struct a64_insn *i)
{
    a64_put(x, i->Rd, i->sf,
            swap_neighbours(x, i->sf, a64_reg(x, i->Rn, i->sf), 8, UINT64_C(0x00ff00ff00ff00ff)));
    return true;
}

bool a64_rev32(struct a64_trans *x, const struct a64_insn *i)
{
    ir_ref v = ir_op1(x->ir, IR_BSWAP, IR_I64, a64_reg(x, i->Rn, true));
    a64_put(x, i->Rd, true, op_count(x, IR_ROR, true, v, 32));
    return true;
}
