/* A32 and T32 multiplies, divisions, saturation, packing and bit fields. */
#include "tcg/arm/translate32.h"

/* ---- pieces -----------------------------------------------------------------------------------
 */

static ir_ref wide(struct a64_trans *x, ir_ref v, bool is_signed)
{
    return is_signed ? ir_sext(x->ir, IR_I64, v, IR_W32) : ir_zext(x->ir, IR_I64, v, IR_W32);
}
static ir_ref op64(struct a64_trans *x, enum ir_op op, ir_ref a, ir_ref b)
{
    return ir_op2(x->ir, op, IR_I64, a, b);
}
static ir_ref high(struct a64_trans *x, ir_ref v64)
{
    return ir_trunc(x->ir, op64(x, IR_SHR, v64, a32_i32(x, 32)));
}
/* Half of a register, sign-extended to 64 bits: what products and their sums fit in. */
static ir_ref half(struct a64_trans *x, ir_ref v, bool top)
{
    return ir_sext(x->ir, IR_I64, top ? a32_shift(x, IR_SHR, v, 16) : v, IR_W16);
}
/* Does the i64 differ from its low half's sign extension? */
static ir_ref overflows(struct a64_trans *x, ir_ref v64)
{
    return ir_emit(x->ir, IR_SETC, IR_I32, IR_CC_NE, v64, wide(x, ir_trunc(x->ir, v64), true), 0, 0,
                   IR_I64);
}

static bool any_pc(unsigned a, unsigned b, unsigned c, unsigned d)
{
    return a == A32_PC || b == A32_PC || c == A32_PC || d == A32_PC;
}

static ir_ref pair(struct a64_trans *x, const struct a32_insn *i)
{
    return ir_emit(x->ir, IR_DEPOSIT, IR_I64, 0, wide(x, a32_reg(x, i->RdLo), false),
                   a32_reg(x, i->RdHi), 0, 0, 32 | 32 << 8);
}

static bool put_pair(struct a64_trans *x, const struct a32_insn *i, bool flags, ir_ref v)
{
    if (flags) { /* N and Z of all 64 bits */
        struct ir_region *r = x->ir;
        a32_must(x);
        ir_ref old = a64_flags(x), c = ir_emit(r, IR_SETCC, IR_I32, IR_CC_B, old, 0, 0, 0, 0),
               o = ir_emit(r, IR_SETCC, IR_I32, IR_CC_O, old, 0, 0, 0, 0);
        a64_put_flags(
            x, ir_fl(r, IR_FL_SETCO, IR_W64, c, o, ir_fl(r, IR_FL_LOGIC, IR_W64, v, 0, 0, 0), 0));
    }
    a32_put(x, i->RdLo, ir_trunc(x->ir, v));
    a32_put(x, i->RdHi, high(x, v));
    return true;
}

/* ---- multiplies -------------------------------------------------------------------------------
 */

static bool product(struct a64_trans *x, const struct a32_insn *i, ir_ref v, bool flags)
{
    if (flags)
        a32_put_nzc(x, v, 0);
    a32_put(x, i->Rd, v);
    return true;
}

bool a32_mul(struct a64_trans *x, const struct a32_insn *i)
{
    return !any_pc(i->Rd, i->Rn, i->Rm, 0) &&
           product(x, i, a32_op2(x, IR_MUL, a32_reg(x, i->Rn), a32_reg(x, i->Rm)), i->S);
}

bool a32_mla(struct a64_trans *x, const struct a32_insn *i)
{
    if (any_pc(i->Rd, i->Rn, i->Rm, i->Ra))
        return false;
    ir_ref v = a32_op2(x, IR_MUL, a32_reg(x, i->Rn), a32_reg(x, i->Rm));
    return product(x, i, a32_op2(x, IR_ADD, v, a32_reg(x, i->Ra)), i->S);
}

bool a32_mls(struct a64_trans *x, const struct a32_insn *i)
{
    if (any_pc(i->Rd, i->Rn, i->Rm, i->Ra))
        return false;
    ir_ref v = a32_op2(x, IR_MUL, a32_reg(x, i->Rn), a32_reg(x, i->Rm));
    return product(x, i, a32_op2(x, IR_SUB, a32_reg(x, i->Ra), v), false);
}

static bool long_product(struct a64_trans *x, const struct a32_insn *i, bool is_signed, bool add,
                         bool flags)
{
    if (any_pc(i->RdLo, i->RdHi, i->Rn, i->Rm) || i->RdLo == i->RdHi)
        return false;
    ir_ref v = op64(x, IR_MUL, wide(x, a32_reg(x, i->Rn), is_signed),
                    wide(x, a32_reg(x, i->Rm), is_signed));
    return put_pair(x, i, flags, add ? op64(x, IR_ADD, v, pair(x, i)) : v);
}

bool a32_mull(struct a64_trans *x, const struct a32_insn *i)
{
    return long_product(x, i, i->sg, i->acc, i->S);
}

bool a32_t_mull(struct a64_trans *x, const struct a32_insn *i)
{
    return long_product(x, i, !i->un, i->acc, false);
}

bool a32_umaal(struct a64_trans *x, const struct a32_insn *i)
{
    if (any_pc(i->RdLo, i->RdHi, i->Rn, i->Rm) || i->RdLo == i->RdHi)
        return false;
    ir_ref v =
        op64(x, IR_MUL, wide(x, a32_reg(x, i->Rn), false), wide(x, a32_reg(x, i->Rm), false));
    v = op64(x, IR_ADD, v, wide(x, a32_reg(x, i->RdHi), false));
    return put_pair(x, i, false, op64(x, IR_ADD, v, wide(x, a32_reg(x, i->RdLo), false)));
}

/* A sum with the accumulator that sets Q where it does not fit 32 bits. */
static bool accumulate(struct a64_trans *x, const struct a32_insn *i, ir_ref v64, bool add)
{
    if (add) {
        v64 = op64(x, IR_ADD, v64, wide(x, a32_reg(x, i->Ra), true));
        a32_put_q(x, overflows(x, v64));
    }
    a32_put(x, i->Rd, ir_trunc(x->ir, v64));
    return true;
}

static ir_ref half_product(struct a64_trans *x, const struct a32_insn *i)
{
    return op64(x, IR_MUL, half(x, a32_reg(x, i->Rn), i->N), half(x, a32_reg(x, i->Rm), i->M));
}

/* In A32 the operand that N chooses from is Rn of bits 3:0, M's Rm; T32 has the names where they
 * are. */
bool a32_smla_xy(struct a64_trans *x, const struct a32_insn *i)
{
    return !any_pc(i->Rd, i->Rn, i->Rm, i->Ra) && accumulate(x, i, half_product(x, i), true);
}

bool a32_smul_xy(struct a64_trans *x, const struct a32_insn *i)
{
    return !any_pc(i->Rd, i->Rn, i->Rm, 0) && accumulate(x, i, half_product(x, i), false);
}

bool a32_smlal_xy(struct a64_trans *x, const struct a32_insn *i)
{
    return !any_pc(i->RdLo, i->RdHi, i->Rn, i->Rm) &&
           put_pair(x, i, false, op64(x, IR_ADD, half_product(x, i), pair(x, i)));
}

static ir_ref word_by_half(struct a64_trans *x, const struct a32_insn *i)
{
    ir_ref v = op64(x, IR_MUL, wide(x, a32_reg(x, i->Rn), true), half(x, a32_reg(x, i->Rm), i->M));
    return op64(x, IR_SAR, v, a32_i32(x, 16));
}

bool a32_smlaw_y(struct a64_trans *x, const struct a32_insn *i)
{
    return !any_pc(i->Rd, i->Rn, i->Rm, i->Ra) && accumulate(x, i, word_by_half(x, i), true);
}

bool a32_smulw_y(struct a64_trans *x, const struct a32_insn *i)
{
    return !any_pc(i->Rd, i->Rn, i->Rm, 0) && accumulate(x, i, word_by_half(x, i), false);
}

/* Two products of halves, added or subtracted; M: the second operand's halves are exchanged. */
static ir_ref dual(struct a64_trans *x, const struct a32_insn *i, bool sub)
{
    ir_ref a = a32_reg(x, i->Rn), b = a32_reg(x, i->Rm);
    ir_ref low = op64(x, IR_MUL, half(x, a, false), half(x, b, i->M)),
           top = op64(x, IR_MUL, half(x, a, true), half(x, b, !i->M));
    return op64(x, sub ? IR_SUB : IR_ADD, low, top);
}

static bool dual_accumulate(struct a64_trans *x, const struct a32_insn *i, bool sub)
{
    if (any_pc(i->Rd, i->Rn, i->Rm, 0))
        return false;
    ir_ref v = dual(x, i, sub);
    if (i->Ra != A32_PC)
        return accumulate(x, i, v, true);
    if (!sub)
        a32_put_q(x, overflows(x, v));
    a32_put(x, i->Rd, ir_trunc(x->ir, v));
    return true;
}

bool a32_smlad(struct a64_trans *x, const struct a32_insn *i)
{
    return dual_accumulate(x, i, false);
}

bool a32_smlsd(struct a64_trans *x, const struct a32_insn *i)
{
    return dual_accumulate(x, i, true);
}

bool a32_smlald(struct a64_trans *x, const struct a32_insn *i)
{
    return !any_pc(i->RdLo, i->RdHi, i->Rn, i->Rm) &&
           put_pair(x, i, false, op64(x, IR_ADD, dual(x, i, false), pair(x, i)));
}

bool a32_smlsld(struct a64_trans *x, const struct a32_insn *i)
{
    return !any_pc(i->RdLo, i->RdHi, i->Rn, i->Rm) &&
           put_pair(x, i, false, op64(x, IR_ADD, dual(x, i, true), pair(x, i)));
}

/* The top half of a product, of which R rounds. */
static bool top_product(struct a64_trans *x, const struct a32_insn *i, bool sub)
{
    if (any_pc(i->Rd, i->Rn, i->Rm, 0))
        return false;
    ir_ref v = op64(x, IR_MUL, wide(x, a32_reg(x, i->Rn), true), wide(x, a32_reg(x, i->Rm), true));
    ir_ref acc = i->Ra == A32_PC
                     ? ir_i64(x->ir, 0)
                     : op64(x, IR_SHL, wide(x, a32_reg(x, i->Ra), false), a32_i32(x, 32));
    v = op64(x, sub ? IR_SUB : IR_ADD, acc, v);
    if (i->R)
        v = op64(x, IR_ADD, v, ir_i64(x->ir, 0x80000000));
    a32_put(x, i->Rd, high(x, v));
    return true;
}

bool a32_smmla(struct a64_trans *x, const struct a32_insn *i)
{
    return top_product(x, i, false);
}

bool a32_smmls(struct a64_trans *x, const struct a32_insn *i)
{
    return top_product(x, i, true);
}

bool a32_usada8(struct a64_trans *x, const struct a32_insn *i)
{
    if (any_pc(i->Rd, i->Rn, i->Rm, 0))
        return false;
    ir_ref v = ir_call(x->ir, HELPER_ID(usad8), a32_reg(x, i->Rn), a32_reg(x, i->Rm), 0, 0);
    a32_put(x, i->Rd, i->Ra == A32_PC ? v : a32_op2(x, IR_ADD, v, a32_reg(x, i->Ra)));
    return true;
}

/* ---- divisions --------------------------------------------------------------------------------
 */

/* In 64 bits, where nothing overflows; by 0: 0. */
static bool divide(struct a64_trans *x, const struct a32_insn *i, bool is_signed)
{
    struct ir_region *r = x->ir;
    if (any_pc(i->Rd, i->Rn, i->Rm, 0))
        return false;
    ir_ref b = a32_reg(x, i->Rm), zero = a32_i32(x, 0);
    ir_ref n = wide(x, a32_reg(x, i->Rn), is_signed),
           d = wide(x, ir_op3(r, IR_SELNZ, IR_I32, b, a32_i32(x, 1), b), is_signed);
    ir_ref top = is_signed ? op64(x, IR_SAR, n, a32_i32(x, 63)) : ir_i64(r, 0);
    ir_ref q = ir_trunc(r, ir_op3(r, is_signed ? IR_SDIVX : IR_UDIVX, IR_I64, n, top, d));
    a32_put(x, i->Rd, ir_op3(r, IR_SELNZ, IR_I32, q, zero, b));
    return true;
}

bool a32_sdiv(struct a64_trans *x, const struct a32_insn *i)
{
    return divide(x, i, true);
}

bool a32_udiv(struct a64_trans *x, const struct a32_insn *i)
{
    return divide(x, i, false);
}

/* ---- saturation -------------------------------------------------------------------------------
 */

static ir_ref clamp(struct a64_trans *x, ir_ref v64, int64_t low, int64_t top)
{
    struct ir_region *r = x->ir;
    ir_ref lo = ir_i64(r, (uint64_t)low), hi = ir_i64(r, (uint64_t)top);
    ir_ref under = ir_emit(r, IR_SETC, IR_I32, IR_CC_L, v64, lo, 0, 0, IR_I64),
           over = ir_emit(r, IR_SETC, IR_I32, IR_CC_G, v64, hi, 0, 0, IR_I64);
    return ir_op3(r, IR_SELNZ, IR_I64, lo, ir_op3(r, IR_SELNZ, IR_I64, hi, v64, over), under);
}

static ir_ref saturated(struct a64_trans *x, ir_ref v64, int64_t low, int64_t top, ir_ref *hit)
{
    ir_ref v = clamp(x, v64, low, top);
    *hit = ir_emit(x->ir, IR_SETC, IR_I32, IR_CC_NE, v, v64, 0, 0, IR_I64);
    return ir_trunc(x->ir, v);
}

bool a32_qadd(struct a64_trans *x, const struct a32_insn *i)
{
    if (any_pc(i->Rd, i->Rn, i->Rm, 0))
        return false;
    ir_ref hit, doubled = 0, b = wide(x, a32_reg(x, i->Rn), true);
    if (i->dbl)
        b = wide(x, saturated(x, op64(x, IR_ADD, b, b), INT32_MIN, INT32_MAX, &doubled), true);
    ir_ref v = op64(x, i->sub ? IR_SUB : IR_ADD, wide(x, a32_reg(x, i->Rm), true), b);
    v = saturated(x, v, INT32_MIN, INT32_MAX, &hit);
    a32_put_q(x, doubled ? a32_op2(x, IR_OR, hit, doubled) : hit);
    a32_put(x, i->Rd, v);
    return true;
}

static bool saturate(struct a64_trans *x, const struct a32_insn *i, bool is_signed, unsigned shift)
{
    if (any_pc(i->Rd, i->Rn, 0, 0))
        return false;
    ir_ref carry, hit,
        v = a32_shift_imm(x, a32_reg(x, i->Rn), i->sh ? A32_ASR : A32_LSL, shift, &carry);
    const int64_t top = is_signed ? INT64_C(1) << i->sat : (INT64_C(1) << i->sat);
    v = saturated(x, wide(x, v, true), is_signed ? -top : 0, top - 1, &hit);
    a32_put_q(x, hit);
    a32_put(x, i->Rd, v);
    return true;
}

bool a32_ssat(struct a64_trans *x, const struct a32_insn *i)
{
    return saturate(x, i, true, i->imm5);
}

bool a32_usat(struct a64_trans *x, const struct a32_insn *i)
{
    return saturate(x, i, false, i->imm5);
}

bool a32_t_ssat(struct a64_trans *x, const struct a32_insn *i)
{
    return saturate(x, i, true, (unsigned)(i->imm3 << 2 | i->imm2));
}

bool a32_t_usat(struct a64_trans *x, const struct a32_insn *i)
{
    return saturate(x, i, false, (unsigned)(i->imm3 << 2 | i->imm2));
}

static bool saturate_halves(struct a64_trans *x, const struct a32_insn *i, bool is_signed)
{
    if (any_pc(i->Rd, i->Rn, 0, 0))
        return false;
    const int64_t top = INT64_C(1) << i->sat;
    ir_ref a = a32_reg(x, i->Rn), hit, hit_top;
    ir_ref low = saturated(x, half(x, a, false), is_signed ? -top : 0, top - 1, &hit),
           high_half = saturated(x, half(x, a, true), is_signed ? -top : 0, top - 1, &hit_top);
    a32_put_q(x, a32_op2(x, IR_OR, hit, hit_top));
    a32_put(x, i->Rd, ir_emit(x->ir, IR_DEPOSIT, IR_I32, 0, low, high_half, 0, 0, 16 | 16 << 8));
    return true;
}

bool a32_ssat16(struct a64_trans *x, const struct a32_insn *i)
{
    return saturate_halves(x, i, true);
}

bool a32_usat16(struct a64_trans *x, const struct a32_insn *i)
{
    return saturate_halves(x, i, false);
}

/* ---- parallel ----------------------------------------------------------------------------------
 */

static ir_ref both(struct a64_trans *x, ir_ref a, uint32_t mask)
{
    return a32_op2(x, IR_AND, a, a32_i32(x, mask));
}

/* A lane's bit in its top one: GE has a bit for each byte. */
static ir_ref ge_of(struct a64_trans *x, ir_ref tops, bool bytes)
{
    if (bytes)
        return a32_shift(x, IR_SHR,
                         a32_op2(x, IR_MUL, a32_shift(x, IR_SHR, both(x, tops, 0x80808080), 7),
                                 a32_i32(x, 0x10204080)),
                         28);
    ir_ref t = a32_shift(x, IR_SHR, both(x, tops, 0x80008000), 15);
    t = both(x, a32_op2(x, IR_OR, t, a32_shift(x, IR_SHR, t, 14)), 5);
    return a32_op2(x, IR_MUL, t, a32_i32(x, 3));
}

/* Lanes added or subtracted modulo their size, all at once: their top bits apart from the others,
 * of which nothing is carried into the next lane then. */
static void wrapped(struct a64_trans *x, const struct a32_insn *i, bool bytes, bool sub,
                    bool is_signed)
{
    struct ir_region *r = x->ir;
    const uint32_t top = bytes ? 0x80808080 : 0x80008000;
    a32_must(x);
    ir_ref a = a32_reg(x, i->Rn), b = a32_reg(x, i->Rm), differ = a32_op2(x, IR_XOR, a, b), v, out;
    if (sub) {
        v = a32_op2(x, IR_SUB, a32_op2(x, IR_OR, a, a32_i32(x, top)), both(x, b, ~top));
        v = a32_op2(x, IR_XOR, v, both(x, ir_op1(r, IR_NOT, IR_I32, differ), top));
        /* borrowed: a is less, or it is as b and a borrow came in */
        out = a32_op2(x, IR_OR, a32_op2(x, IR_ANDN, a, b), a32_op2(x, IR_ANDN, differ, v));
    } else {
        v = a32_op2(x, IR_ADD, both(x, a, ~top), both(x, b, ~top));
        v = a32_op2(x, IR_XOR, v, both(x, differ, top));
        out = a32_op2(x, IR_OR, a32_op2(x, IR_AND, a, b), a32_op2(x, IR_ANDN, v, differ));
    }
    if (is_signed) /* the sign that there would be with a bit more */
        out = a32_op2(x, IR_XOR, out, differ);
    if (is_signed || sub)
        out = ir_op1(r, IR_NOT, IR_I32, out);
    a32_put_ge(x, ge_of(x, out, bytes));
    a32_put(x, i->Rd, v);
}

/* Likewise with saturation, as the host's vectors do it. */
static void saturated_lanes(struct a64_trans *x, const struct a32_insn *i, bool bytes, bool sub,
                            bool is_signed)
{
    struct ir_region *r = x->ir;
    const enum ir_op op =
        sub ? (is_signed ? IR_V_SUBS : IR_V_SUBUS) : (is_signed ? IR_V_ADDS : IR_V_ADDUS);
    ir_ref a = ir_emit(r, IR_V_FROM, IR_V128, IR_W32, a32_reg(x, i->Rn), 0, 0, 0, 0),
           b = ir_emit(r, IR_V_FROM, IR_V128, IR_W32, a32_reg(x, i->Rm), 0, 0, 0, 0),
           v = ir_emit(r, op, IR_V128, bytes ? IR_W8 : IR_W16, a, b, 0, 0, 0);
    a32_put(x, i->Rd, ir_emit(r, IR_V_LANE, IR_I32, IR_W32, v, 0, 0, 0, 0));
}

/* prefix and operation as A32 numbers them: see arm_helper_parallel(). */
static bool parallel(struct a64_trans *x, const struct a32_insn *i, unsigned prefix, unsigned op)
{
    enum { SIGNED = 1, SATURATING, UNSIGNED = 5, USATURATING };
    enum { ADD16 = 0, SUB16 = 3, ADD8, SUB8 = 7 };
    const bool straight = op == ADD16 || op == SUB16 || op == ADD8 || op == SUB8,
               bytes = op >= ADD8, sub = op == SUB16 || op == SUB8;
    if (any_pc(i->Rd, i->Rn, i->Rm, 0))
        return false;
    if (straight && (prefix == SIGNED || prefix == UNSIGNED)) {
        wrapped(x, i, bytes, sub, prefix == SIGNED);
        return true;
    }
    if (straight && (prefix == SATURATING || prefix == USATURATING)) {
        saturated_lanes(x, i, bytes, sub, prefix == SATURATING);
        return true;
    }
    ir_ref v = ir_call(x->ir, HELPER_ID(parallel), a32_reg(x, i->Rn), a32_reg(x, i->Rm),
                       a32_i32(x, prefix << 3 | op), 0);
    if ((prefix & 3) == 1)
        a32_put_ge(x, high(x, v));
    a32_put(x, i->Rd, ir_trunc(x->ir, v));
    return true;
}

bool a32_parallel(struct a64_trans *x, const struct a32_insn *i)
{
    return i->op2 != 5 && i->op2 != 6 && parallel(x, i, i->op1, i->op2);
}

bool a32_t_parallel(struct a64_trans *x, const struct a32_insn *i)
{
    static const uint8_t prefixes[8] = {1, 2, 3, 0, 5, 6, 7, 0};
    static const uint8_t ops[8] = {4, 0, 1, 8, 7, 3, 2, 8};
    return prefixes[i->pfx] && ops[i->op2] < 8 && parallel(x, i, prefixes[i->pfx], ops[i->op2]);
}

bool a32_sel(struct a64_trans *x, const struct a32_insn *i)
{
    if (any_pc(i->Rd, i->Rn, i->Rm, 0))
        return false;
    ir_ref a = a32_reg(x, i->Rn), b = a32_reg(x, i->Rm);
    /* The four bits to the bytes, and each over its byte. */
    ir_ref mask = both(x, a32_op2(x, IR_MUL, a32_ge(x), a32_i32(x, 0x204081)), 0x01010101);
    mask = a32_op2(x, IR_MUL, mask, a32_i32(x, 255));
    mask = a32_op2(x, IR_AND, a32_op2(x, IR_XOR, a, b), mask);
    a32_put(x, i->Rd, a32_op2(x, IR_XOR, b, mask));
    return true;
}

static bool pack(struct a64_trans *x, const struct a32_insn *i, unsigned shift)
{
    if (any_pc(i->Rd, i->Rn, i->Rm, 0))
        return false;
    ir_ref carry, a = a32_reg(x, i->Rn),
                  b = a32_shift_imm(x, a32_reg(x, i->Rm), i->tb ? A32_ASR : A32_LSL, shift, &carry);
    a32_put(x, i->Rd,
            i->tb ? ir_emit(x->ir, IR_DEPOSIT, IR_I32, 0, a, b, 0, 0, 0 | 16 << 8)
                  : ir_emit(x->ir, IR_DEPOSIT, IR_I32, 0, b, a, 0, 0, 0 | 16 << 8));
    return true;
}

bool a32_pkh(struct a64_trans *x, const struct a32_insn *i)
{
    return pack(x, i, i->imm5);
}

bool a32_t_pkh(struct a64_trans *x, const struct a32_insn *i)
{
    return pack(x, i, (unsigned)(i->imm3 << 2 | i->imm2));
}

/* ---- extension and reversal --------------------------------------------------------------------
 */

enum { EXTEND_16BY2, EXTEND_BYTE = 2, EXTEND_HALF };

static bool extend(struct a64_trans *x, unsigned rd, unsigned rn, unsigned rm, bool zero,
                   unsigned kind, unsigned turn)
{
    struct ir_region *r = x->ir;
    if (any_pc(rd, rm, 0, 0))
        return false;
    ir_ref v = a32_shift(x, IR_ROR, a32_reg(x, rm), 8 * turn);
    if (kind == EXTEND_16BY2) {
        ir_ref top = a32_shift(x, IR_SHR, v, 16);
        v = zero ? ir_zext(r, IR_I32, v, IR_W8) : ir_sext(r, IR_I32, v, IR_W8);
        top = zero ? ir_zext(r, IR_I32, top, IR_W8) : ir_sext(r, IR_I32, top, IR_W8);
        if (rn != A32_PC) {
            ir_ref a = a32_reg(x, rn);
            v = a32_op2(x, IR_ADD, a, v);
            top = a32_op2(x, IR_ADD, a32_shift(x, IR_SHR, a, 16), top);
        }
        v = ir_emit(r, IR_DEPOSIT, IR_I32, 0, v, top, 0, 0, 16 | 16 << 8);
    } else {
        const enum ir_width w = kind == EXTEND_BYTE ? IR_W8 : IR_W16;
        v = zero ? ir_zext(r, IR_I32, v, w) : ir_sext(r, IR_I32, v, w);
        if (rn != A32_PC)
            v = a32_op2(x, IR_ADD, a32_reg(x, rn), v);
    }
    a32_put(x, rd, v);
    return true;
}

bool a32_extend(struct a64_trans *x, const struct a32_insn *i)
{
    return extend(x, i->Rd, i->Rn, i->Rm, i->un, i->kind, i->rot);
}

bool a32_t_extend_add(struct a64_trans *x, const struct a32_insn *i)
{
    static const uint8_t kinds[] = {EXTEND_HALF, EXTEND_16BY2, EXTEND_BYTE};
    return extend(x, i->Rd, i->Rn, i->Rm, i->op & 1, kinds[i->op >> 1], i->rot);
}

bool a32_t_extend(struct a64_trans *x, const struct a32_insn *i)
{
    return extend(x, i->Rd, A32_PC, i->Rm, i->un, i->byte ? EXTEND_BYTE : EXTEND_HALF, 0);
}

static ir_ref reversed_halves(struct a64_trans *x, ir_ref v)
{
    return a32_shift(x, IR_ROR, ir_op1(x->ir, IR_BSWAP, IR_I32, v), 16);
}

bool a32_rev(struct a64_trans *x, const struct a32_insn *i)
{
    if (any_pc(i->Rd, i->Rm, 0, 0))
        return false;
    a32_put(x, i->Rd, ir_op1(x->ir, IR_BSWAP, IR_I32, a32_reg(x, i->Rm)));
    return true;
}

bool a32_rev16(struct a64_trans *x, const struct a32_insn *i)
{
    if (any_pc(i->Rd, i->Rm, 0, 0))
        return false;
    a32_put(x, i->Rd, reversed_halves(x, a32_reg(x, i->Rm)));
    return true;
}

bool a32_revsh(struct a64_trans *x, const struct a32_insn *i)
{
    if (any_pc(i->Rd, i->Rm, 0, 0))
        return false;
    a32_put(x, i->Rd, ir_sext(x->ir, IR_I32, reversed_halves(x, a32_reg(x, i->Rm)), IR_W16));
    return true;
}

bool a32_rbit(struct a64_trans *x, const struct a32_insn *i)
{
    if (any_pc(i->Rd, i->Rm, 0, 0))
        return false;
    a32_put(x, i->Rd, a64_bits_reversed(x, false, a32_reg(x, i->Rm)));
    return true;
}

bool a32_clz(struct a64_trans *x, const struct a32_insn *i)
{
    if (any_pc(i->Rd, i->Rm, 0, 0))
        return false;
    a32_put(x, i->Rd, ir_op1(x->ir, IR_CLZ, IR_I32, a32_reg(x, i->Rm)));
    return true;
}

static bool crc(struct a64_trans *x, const struct a32_insn *i, bool castagnoli)
{
    if (any_pc(i->Rd, i->Rn, i->Rm, 0))
        return false;
    ir_ref v = a32_reg(x, i->Rm);
    if (i->sz < 2)
        v = ir_zext(x->ir, IR_I32, v, (enum ir_width)i->sz);
    ir_ref sum = a32_reg(x, i->Rn);
    a32_put(x, i->Rd,
            castagnoli ? ir_emit(x->ir, IR_CRC32C, IR_I32, i->sz, sum, v, 0, 0, 0)
                       : ir_call(x->ir, HELPER_ID(crc32), sum, v, a32_i32(x, 1u << i->sz), 0));
    return true;
}

bool a32_crc32(struct a64_trans *x, const struct a32_insn *i)
{
    return crc(x, i, false);
}

bool a32_crc32c(struct a64_trans *x, const struct a32_insn *i)
{
    return crc(x, i, true);
}

/* ---- bit fields --------------------------------------------------------------------------------
 */

static bool extract(struct a64_trans *x, const struct a32_insn *i, unsigned low, bool is_signed)
{
    const unsigned width = i->widthm1 + 1u;
    if (any_pc(i->Rd, i->Rn, 0, 0) || low + width > 32)
        return false;
    ir_ref v = a32_reg(x, i->Rn);
    if (is_signed)
        v = a32_shift(x, IR_SAR, a32_shift(x, IR_SHL, v, 32 - low - width), 32 - width);
    else
        v = width == 32 ? v : ir_emit(x->ir, IR_EXTRACT, IR_I32, 0, v, 0, 0, 0, low | width << 8);
    a32_put(x, i->Rd, v);
    return true;
}

bool a32_sbfx(struct a64_trans *x, const struct a32_insn *i)
{
    return extract(x, i, i->lsb, true);
}

bool a32_ubfx(struct a64_trans *x, const struct a32_insn *i)
{
    return extract(x, i, i->lsb, false);
}

bool a32_t_sbfx(struct a64_trans *x, const struct a32_insn *i)
{
    return extract(x, i, (unsigned)(i->imm3 << 2 | i->imm2), true);
}

bool a32_t_ubfx(struct a64_trans *x, const struct a32_insn *i)
{
    return extract(x, i, (unsigned)(i->imm3 << 2 | i->imm2), false);
}

/* Rn 15: BFC. */
static bool insert(struct a64_trans *x, const struct a32_insn *i, unsigned low)
{
    if (i->Rd == A32_PC || i->msb < low)
        return false;
    const unsigned width = i->msb - low + 1;
    ir_ref v = i->Rn == A32_PC ? a32_i32(x, 0) : a32_reg(x, i->Rn);
    a32_put(x, i->Rd,
            width == 32 ? v
                        : ir_emit(x->ir, IR_DEPOSIT, IR_I32, 0, a32_reg(x, i->Rd), v, 0, 0,
                                  low | width << 8));
    return true;
}

bool a32_bfi(struct a64_trans *x, const struct a32_insn *i)
{
    return insert(x, i, i->lsb);
}

bool a32_t_bfi(struct a64_trans *x, const struct a32_insn *i)
{
    return insert(x, i, (unsigned)(i->imm3 << 2 | i->imm2));
}
