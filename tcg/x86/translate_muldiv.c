/*
 * Multiplication, division and the decimal adjustments. Divisions never reach the host's divide
 * instruction with operands that could fault: zero divisors and quotients that do not fit raise #DE
 * first (TRAPNZ).
 */
#include "tcg/x86/translate_int.h"

static ir_ref setc(struct x86_trans *x, enum ir_cc cc, enum ir_type t, ir_ref a, ir_ref b)
{
    return ir_emit(x->ir, IR_SETC, IR_I32, cc, a, b, 0, 0, t);
}

static ir_ref either(struct x86_trans *x, ir_ref a, ir_ref b)
{
    return ir_op2(x->ir, IR_OR, IR_I32, a, b);
}

static ir_ref both(struct x86_trans *x, ir_ref a, ir_ref b)
{
    return ir_op2(x->ir, IR_AND, IR_I32, a, b);
}

static void trap_de(struct x86_trans *x, ir_ref cond)
{
    ir_emit(x->ir, IR_TRAPNZ, IR_VOID, 0, cond, 0, 0, 0, X86_TRAP(X86_DE));
}

static ir_ref extend(struct x86_trans *x, enum ir_type t, ir_ref v, unsigned w, bool sign)
{
    return sign ? ir_sext(x->ir, t, v, w) : ir_zext(x->ir, t, v, w);
}

/* CF = OF = the bit given; Intel's processors leave the other flags as of the result's low half;
 * they are undefined. */
static void put_co(struct x86_trans *x, ir_ref bit)
{
    x86_put_flags(x, ir_fl(x->ir, IR_FL_CO, IR_W32, bit, 0, 0, 0));
}

/* ---- MUL, IMUL ------------------------------------------------------------------------------ */

/* AX, DX:AX, EDX:EAX, RDX:RAX = accumulator * operand */
static void mul_wide(struct x86_trans *x, const struct x86_insn *i, bool sign)
{
    struct ir_region *r = x->ir;
    unsigned w = i->opsize;
    ir_ref src = x86_load_rm(x, i, w), acc = x86_get_gpr(x, X86_RAX, w), over;

    if (w == IR_W64) {
        ir_ref lo = ir_op2(r, sign ? IR_SMULX : IR_UMULX, IR_I64, acc, src);
        ir_ref hi = ir_op1(r, IR_HI, IR_I64, lo);
        ir_ref expect = sign ? ir_op2(r, IR_SAR, IR_I64, lo, ir_i32(r, 63)) : ir_i64(r, 0);
        over = setc(x, IR_CC_NE, IR_I64, hi, expect);
        ir_put(r, SLOT_GPR + X86_RAX, lo);
        ir_put(r, SLOT_GPR + X86_RDX, hi);
        put_co(x, over);
        return;
    }
    enum ir_type t = w == IR_W32 ? IR_I64 : IR_I32;
    ir_ref p = ir_op2(r, IR_MUL, t, extend(x, t, acc, w, sign), extend(x, t, src, w, sign));
    over = setc(x, IR_CC_NE, t, extend(x, t, p, w, sign), p);
    if (w == IR_W8) {
        x86_put_gpr(x, X86_RAX, IR_W16, p);
    } else {
        ir_ref hi = ir_op2(r, IR_SHR, t, p, ir_i32(r, x86_bits(w)));
        x86_put_gpr(x, X86_RAX, w, p);
        x86_put_gpr(x, X86_RDX, w, hi);
    }
    put_co(x, over);
}

void tr_mul(struct x86_trans *x, const struct x86_insn *i)
{
    mul_wide(x, i, false);
}

void tr_imul1(struct x86_trans *x, const struct x86_insn *i)
{
    mul_wide(x, i, true);
}

/* Gv = Ev * (Gv or immediate) */
void tr_imul(struct x86_trans *x, const struct x86_insn *i)
{
    struct ir_region *r = x->ir;
    unsigned w = i->opsize;
    ir_ref a = x86_load_rm(x, i, w), over, v;
    ir_ref b = i->row->ops[2] ? x86_const(x, w, (uint64_t)i->imm) : x86_get_reg(x, i, i->reg, w);

    if (w == IR_W64) {
        v = ir_op2(r, IR_SMULX, IR_I64, a, b);
        ir_ref hi = ir_op1(r, IR_HI, IR_I64, v);
        over = setc(x, IR_CC_NE, IR_I64, hi, ir_op2(r, IR_SAR, IR_I64, v, ir_i32(r, 63)));
    } else {
        enum ir_type t = w == IR_W32 ? IR_I64 : IR_I32;
        ir_ref p = ir_op2(r, IR_MUL, t, ir_sext(r, t, a, w), ir_sext(r, t, b, w));
        over = setc(x, IR_CC_NE, t, ir_sext(r, t, p, w), p);
        /* apart from the wide product, which dies with the flags */
        v = ir_op2(r, IR_MUL, IR_I32, a, b);
    }
    x86_put_reg(x, i, i->reg, w, v);
    put_co(x, over);
}

/* ---- DIV ------------------------------------------------------------------------------------ */

static void put_quotient(struct x86_trans *x, unsigned w, ir_ref q, ir_ref rem)
{
    if (w == IR_W8) {
        struct ir_region *r = x->ir;
        ir_ref lo = ir_zext(r, x86_type(IR_W32), q, IR_W8);
        ir_ref ax = ir_emit(r, IR_DEPOSIT, IR_I32, 0, lo, rem, 0, 0, 8 | 8 << 8);
        x86_put_gpr(x, X86_RAX, IR_W16, ax);
        return;
    }
    x86_put_gpr(x, X86_RAX, w, q);
    x86_put_gpr(x, X86_RDX, w, rem);
}

void tr_div(struct x86_trans *x, const struct x86_insn *i)
{
    struct ir_region *r = x->ir;
    unsigned w = i->opsize;
    enum ir_type t = x86_type(w);
    ir_ref src = x86_load_rm(x, i, w), lo = x86_get_gpr(x, X86_RAX, w), hi;

    if (w == IR_W8) {
        lo = ir_zext(r, t, x86_get_gpr(x, X86_RAX, IR_W16), IR_W16);
        hi = ir_op2(r, IR_SHR, t, lo, ir_i32(r, 8));
    } else {
        hi = x86_get_gpr(x, X86_RDX, w);
    }
    if (w < IR_W32) {
        src = ir_zext(r, t, src, w);
        if (w == IR_W16) {
            hi = ir_zext(r, t, hi, w);
            lo = ir_emit(r, IR_DEPOSIT, t, 0, ir_zext(r, t, lo, w), hi, 0, 0, 16 | 16 << 8);
        }
    }
    /* The quotient fits exactly when the high half is below the divisor; that also catches zero. */
    trap_de(x, setc(x, IR_CC_AE, t, hi, src));
    ir_ref q = ir_op3(r, IR_UDIVX, t, lo, w < IR_W32 ? ir_const(r, t, 0) : hi, src);
    ir_ref rem = ir_op1(r, IR_HI, t, q);
    put_quotient(x, w, q, rem);
}

/* ---- IDIV ----------------------------------------------------------------------------------- */

/* Dividend and divisor of type t, the dividend one word: #DE on zero and on most negative / -1. */
static ir_ref sdiv_single(struct x86_trans *x, enum ir_type t, ir_ref a, ir_ref b)
{
    struct ir_region *r = x->ir;
    unsigned bits = t == IR_I64 ? 64 : 32;
    ir_ref sign = ir_op2(r, IR_SAR, t, a, ir_i32(r, bits - 1));
    ir_ref zero = setc(x, IR_CC_E, t, b, ir_const(r, t, 0));
    ir_ref over = both(x, setc(x, IR_CC_E, t, a, ir_const(r, t, UINT64_C(1) << (bits - 1))),
                       setc(x, IR_CC_E, t, b, ir_const(r, t, ~UINT64_C(0))));
    trap_de(x, either(x, zero, over));
    return ir_op3(r, IR_SDIVX, t, a, sign, b);
}

/* hi:lo / b in 128 bits by way of the absolute values. */
static void sdiv_128(struct x86_trans *x, ir_ref hi, ir_ref lo, ir_ref b)
{
    struct ir_region *r = x->ir;
    ir_ref zero = ir_i64(r, 0), c63 = ir_i32(r, 63);
    ir_ref sa = ir_op2(r, IR_SAR, IR_I64, hi, c63), sb = ir_op2(r, IR_SAR, IR_I64, b, c63);
    /* |hi:lo| = ((hi:lo) ^ sign) - sign */
    ir_ref xlo = ir_op2(r, IR_XOR, IR_I64, lo, sa), xhi = ir_op2(r, IR_XOR, IR_I64, hi, sa);
    ir_ref borrow = ir_fl(r, IR_FL_SUB, IR_W64, xlo, sa, 0, 0);
    ir_ref alo = ir_op2(r, IR_SUB, IR_I64, xlo, sa);
    ir_ref ahi = ir_op3(r, IR_SBB, IR_I64, xhi, sa, borrow);
    ir_ref ab = ir_op2(r, IR_SUB, IR_I64, ir_op2(r, IR_XOR, IR_I64, b, sb), sb);

    trap_de(x, setc(x, IR_CC_AE, IR_I64, ahi, ab));
    ir_ref q = ir_op3(r, IR_UDIVX, IR_I64, alo, ahi, ab);
    ir_ref rem = ir_op1(r, IR_HI, IR_I64, q);
    ir_ref sq = ir_op2(r, IR_XOR, IR_I64, sa, sb);
    /* largest magnitude: 2^63 - 1, or 2^63 when negative */
    ir_ref limit = ir_op2(r, IR_SUB, IR_I64, ir_i64(r, INT64_MAX), sq);
    trap_de(x, setc(x, IR_CC_A, IR_I64, q, limit));
    q = ir_op2(r, IR_SUB, IR_I64, ir_op2(r, IR_XOR, IR_I64, q, sq), sq);
    rem = ir_op2(r, IR_SUB, IR_I64, ir_op2(r, IR_XOR, IR_I64, rem, sa), sa);
    (void)zero;
    put_quotient(x, IR_W64, q, rem);
}

void tr_idiv(struct x86_trans *x, const struct x86_insn *i)
{
    struct ir_region *r = x->ir;
    unsigned w = i->opsize;
    enum ir_type t = x86_type(w);
    ir_ref src = x86_load_rm(x, i, w), a, q;

    if (w >= IR_W32) {
        ir_ref lo = x86_get_gpr(x, X86_RAX, w), hi = x86_get_gpr(x, X86_RDX, w);
        /* After CDQ or CQO the high half is known to be the sign: one word is enough. */
        if (hi == ir_op2(r, IR_SAR, t, lo, ir_i32(r, x86_bits(w) - 1))) {
            q = sdiv_single(x, t, lo, src);
            ir_ref rem = ir_op1(r, IR_HI, t, q);
            put_quotient(x, w, q, rem);
            return;
        }
        if (w == IR_W64) {
            sdiv_128(x, hi, lo, src);
            return;
        }
        a = ir_emit(r, IR_DEPOSIT, IR_I64, 0, ir_zext(r, IR_I64, lo, IR_W32), hi, 0, 0,
                    32 | 32 << 8);
        t = IR_I64;
    } else if (w == IR_W16) {
        ir_ref lo = ir_zext(r, t, x86_get_gpr(x, X86_RAX, w), w);
        a = ir_emit(r, IR_DEPOSIT, t, 0, lo, x86_get_gpr(x, X86_RDX, w), 0, 0, 16 | 16 << 8);
    } else {
        a = ir_sext(r, t, x86_get_gpr(x, X86_RAX, IR_W16), IR_W16);
    }
    q = sdiv_single(x, t, a, ir_sext(r, t, src, w));
    ir_ref rem = ir_op1(r, IR_HI, t, q);
    trap_de(x, setc(x, IR_CC_NE, t, q, ir_sext(r, t, q, w)));
    put_quotient(x, w, q, rem);
}

/* ---- decimal adjustments -------------------------------------------------------------------- */

void tr_bcd(struct x86_trans *x, const struct x86_insn *i)
{
    struct ir_region *r = x->ir;
    if (i->row->arg == BCD_AAM && !i->imm) {
        x86_tr_raise(x, X86_DE);
        return;
    }
    ir_ref packed = ir_op1(r, IR_FL_PACK, IR_I32, x86_get_flags(x));
    ir_ref both_values =
        x86_call(x, HELPER_ID(bcd), ir_i32(r, i->row->arg), x86_get_gpr(x, X86_RAX, IR_W32), packed,
                 ir_i32(r, (uint32_t)i->imm));
    x86_put_gpr(x, X86_RAX, IR_W16, both_values);
    ir_ref fl = ir_trunc(r, ir_op2(r, IR_SHR, IR_I64, both_values, ir_i32(r, 32)));
    x86_put_flags(x, ir_op1(r, IR_FL_FROM, IR_FL, fl));
}
