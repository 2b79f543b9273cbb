/* Shifted operands and constants of A32 and T32, with the carry that they give. Arm ARM, section
 * "Shift operations" of F1 and "Modified immediate constants". */
#include "tcg/arm/translate32.h"

static ir_ref bit(struct a64_trans *x, ir_ref v, unsigned n)
{
    return ir_emit(x->ir, IR_EXTRACT, IR_I32, 0, v, 0, 0, 0, n | 1 << 8);
}

ir_ref a32_shift_imm(struct a64_trans *x, ir_ref v, unsigned type, unsigned imm, ir_ref *carry)
{
    struct ir_region *r = x->ir;
    if (type == A32_LSL && !imm) {
        *carry = 0;
        return v;
    }
    if (type == A32_ROR && !imm) { /* RRX */
        ir_ref in = a32_carry(x), out = bit(x, v, 0);
        ir_ref shifted = a32_shift(x, IR_SHR, v, 1);
        *carry = out;
        return a32_op2(x, IR_OR, shifted, a32_shift(x, IR_SHL, in, 31));
    }
    unsigned count = imm ? imm : 32;
    *carry = bit(x, v, type == A32_LSL ? 32 - count : count - 1);
    switch (type) {
    case A32_LSL:
        return a32_shift(x, IR_SHL, v, count);
    case A32_LSR:
        return count == 32 ? a32_i32(x, 0) : a32_shift(x, IR_SHR, v, count);
    case A32_ASR:
        return a32_shift(x, IR_SAR, v, count == 32 ? 31 : count);
    default:
        return ir_op2(r, IR_ROR, IR_I32, v, a32_i32(x, count));
    }
}

/* a < n, unsigned, as 0 or 1 */
static ir_ref below(struct a64_trans *x, ir_ref a, uint32_t n)
{
    return ir_emit(x->ir, IR_SETC, IR_I32, IR_CC_B, a, a32_i32(x, n), 0, 0, IR_I32);
}

/* The carry of a shift by count, which is not 0; `count` 0: C as it is. */
static ir_ref carry_of(struct a64_trans *x, ir_ref v, unsigned type, ir_ref count)
{
    struct ir_region *r = x->ir;
    ir_ref one = a32_i32(x, 1), last, out;
    if (type == A32_LSL) { /* bit 32 - count, 0 beyond 32 */
        last = ir_op2(r, IR_SHR, IR_I32, v, a32_op2(x, IR_SUB, a32_i32(x, 32), count));
        out = ir_op3(r, IR_SELNZ, IR_I32, last, a32_i32(x, 0), below(x, count, 33));
    } else {
        ir_ref n = a32_op2(x, IR_SUB, count, one);
        if (type == A32_ASR) /* beyond 32: the sign */
            n = ir_op3(r, IR_SELNZ, IR_I32, n, a32_i32(x, 31), below(x, n, 32));
        last = ir_op2(r, IR_SHR, IR_I32, v, n);
        out = type == A32_LSR
                  ? ir_op3(r, IR_SELNZ, IR_I32, last, a32_i32(x, 0), below(x, count, 33))
                  : last;
    }
    return ir_op3(r, IR_SELNZ, IR_I32, a32_op2(x, IR_AND, out, one), a32_carry(x), count);
}

ir_ref a32_shift_reg(struct a64_trans *x, ir_ref v, unsigned type, ir_ref count, ir_ref *carry)
{
    struct ir_region *r = x->ir;
    count = ir_zext(r, IR_I32, count, IR_W8);
    if (carry)
        *carry = carry_of(x, v, type, count);
    ir_ref in_range = below(x, count, 32);
    switch (type) {
    case A32_LSL:
        return ir_op3(r, IR_SELNZ, IR_I32, a32_op2(x, IR_SHL, v, count), a32_i32(x, 0), in_range);
    case A32_LSR:
        return ir_op3(r, IR_SELNZ, IR_I32, a32_op2(x, IR_SHR, v, count), a32_i32(x, 0), in_range);
    case A32_ASR:
        return a32_op2(x, IR_SAR, v, ir_op3(r, IR_SELNZ, IR_I32, count, a32_i32(x, 31), in_range));
    default:
        return a32_op2(x, IR_ROR, v, count);
    }
}

static uint32_t rotated(uint32_t v, unsigned n)
{
    return n ? v >> n | v << (32 - n) : v;
}

ir_ref a32_expand_imm(struct a64_trans *x, unsigned imm12, ir_ref *carry)
{
    const unsigned turn = imm12 >> 8 << 1;
    const uint32_t v = rotated(imm12 & 0xff, turn);
    *carry = turn ? a32_i32(x, v >> 31) : 0;
    return a32_i32(x, v);
}

ir_ref t32_expand_imm(struct a64_trans *x, const struct a32_insn *i, ir_ref *carry)
{
    const unsigned imm12 = (unsigned)(i->i << 11 | i->imm3 << 8 | i->imm8);
    const uint32_t byte = imm12 & 0xff;
    if (imm12 >> 10) {
        const uint32_t v = rotated((imm12 & 0x7f) | 0x80, imm12 >> 7);
        *carry = a32_i32(x, v >> 31);
        return a32_i32(x, v);
    }
    static const uint32_t copies[] = {0x1, 0x10001, 0x1000100, 0x1010101};
    *carry = 0;
    return a32_i32(x, byte * copies[imm12 >> 8 & 3]);
}
