/* Reference semantics of flags. Intel SDM vol. 2, the "Flags Affected" section of each instruction.
 */
#include "tcg/ir/eval.h"

#include "core/util/range.h"

static uint32_t result_flags(uint64_t r, unsigned bits)
{
    uint32_t f = 0;
    if (!(r & mask_bits(bits)))
        f |= IR_FL_ZF;
    if (r >> (bits - 1) & 1)
        f |= IR_FL_SF;
    if (!__builtin_parity((unsigned)(r & 0xff)))
        f |= IR_FL_PF;
    return f;
}

static uint32_t add_flags(uint64_t a, uint64_t b, unsigned carry, unsigned bits)
{
    uint64_t m = mask_bits(bits), r;
    a &= m;
    b &= m;
    r = (a + b + carry) & m;
    uint32_t f = result_flags(r, bits);
    uint64_t carries = (a & b) | ((a | b) & ~r);
    if (carries >> (bits - 1) & 1)
        f |= IR_FL_CF;
    if ((a ^ b ^ r) & 0x10)
        f |= IR_FL_AF;
    if (((a ^ r) & (b ^ r)) >> (bits - 1) & 1)
        f |= IR_FL_OF;
    return f;
}

static uint32_t sub_flags(uint64_t a, uint64_t b, unsigned borrow, unsigned bits)
{
    uint64_t m = mask_bits(bits), r;
    a &= m;
    b &= m;
    r = (a - b - borrow) & m;
    uint32_t f = result_flags(r, bits);
    uint64_t borrows = (~a & b) | ((~a | b) & r);
    if (borrows >> (bits - 1) & 1)
        f |= IR_FL_CF;
    if ((a ^ b ^ r) & 0x10)
        f |= IR_FL_AF;
    if (((a ^ b) & (a ^ r)) >> (bits - 1) & 1)
        f |= IR_FL_OF;
    return f;
}

static uint64_t sext(uint64_t v, unsigned bits)
{
    return (uint64_t)((int64_t)(v << (64 - bits)) >> (64 - bits));
}

/* Shifts by a non-zero count that may exceed the operand (8 and 16 bits). OF for counts over 1 as
 * the hardware leaves it: from the last single-bit step's view of the result. */
static uint32_t shift_flags(enum ir_op op, uint64_t a, unsigned n, unsigned bits)
{
    uint64_t m = mask_bits(bits), r;
    unsigned cf, of;
    a &= m;
    if (op == IR_FL_SHL) {
        r = n < bits ? a << n & m : 0;
        cf = n <= bits ? a >> (bits - n) & 1 : 0;
        of = (r >> (bits - 1) & 1) ^ cf;
    } else if (op == IR_FL_SHR) {
        r = n < bits ? a >> n : 0;
        cf = n <= bits ? a >> (n - 1) & 1 : 0;
        of = ((r ^ r << 1) >> (bits - 1)) & 1;
    } else {
        uint64_t s = sext(a, bits);
        r = (uint64_t)((int64_t)s >> (n > 63 ? 63 : n)) & m;
        cf = (unsigned)((int64_t)s >> (n > 63 ? 63 : n - 1)) & 1;
        of = 0;
    }
    return result_flags(r, bits) | (cf ? IR_FL_CF : 0) | (of ? IR_FL_OF : 0);
}

static uint32_t rotate_flags(enum ir_op op, uint64_t a, unsigned n, uint32_t fl, unsigned bits)
{
    uint64_t m = mask_bits(bits), r;
    unsigned k = n % bits;
    a &= m;
    if (op == IR_FL_ROL)
        r = k ? (a << k | a >> (bits - k)) & m : a;
    else
        r = k ? (a >> k | a << (bits - k)) & m : a;
    unsigned top = r >> (bits - 1) & 1;
    unsigned cf = op == IR_FL_ROL ? r & 1 : top;
    unsigned of = op == IR_FL_ROL ? top ^ cf : top ^ (r >> (bits - 2) & 1);
    return (fl & ~(uint32_t)(IR_FL_CF | IR_FL_OF)) | (cf ? IR_FL_CF : 0) | (of ? IR_FL_OF : 0);
}

static uint32_t double_shift_flags(enum ir_op op, uint64_t a, uint64_t b, unsigned n, unsigned bits)
{
    uint64_t m = mask_bits(bits), r;
    unsigned cf;
    a &= m;
    b &= m;
    if (op == IR_FL_SHLD) {
        r = (a << n | b >> (bits - n)) & m;
        cf = a >> (bits - n) & 1;
    } else {
        r = (a >> n | b << (bits - n)) & m;
        cf = a >> (n - 1) & 1;
    }
    unsigned of = (a ^ r) >> (bits - 1) & 1;
    return result_flags(r, bits) | (cf ? IR_FL_CF : 0) | (of ? IR_FL_OF : 0);
}

uint32_t ir_eval_flags(enum ir_op op, enum ir_width width, uint64_t a, uint64_t b, uint32_t fl,
                       unsigned count)
{
    unsigned bits = 8u << width, n = (unsigned)b & 63;
    switch (op) {
    case IR_FL_ADD:
        return add_flags(a, b, 0, bits);
    case IR_FL_ADC:
        return add_flags(a, b, (fl & IR_FL_CF) != 0, bits);
    case IR_FL_SUB:
        return sub_flags(a, b, 0, bits);
    case IR_FL_SBB:
        return sub_flags(a, b, (fl & IR_FL_CF) != 0, bits);
    case IR_FL_LOGIC:
        return result_flags(a, bits);
    case IR_FL_INC:
        return (add_flags(a, 1, 0, bits) & ~(uint32_t)IR_FL_CF) | (fl & IR_FL_CF);
    case IR_FL_DEC:
        return (sub_flags(a, 1, 0, bits) & ~(uint32_t)IR_FL_CF) | (fl & IR_FL_CF);
    case IR_FL_SHL:
    case IR_FL_SHR:
    case IR_FL_SAR:
        return n ? shift_flags(op, a, n, bits) : fl;
    case IR_FL_ROL:
    case IR_FL_ROR:
        return n ? rotate_flags(op, a, n, fl, bits) : fl;
    case IR_FL_SHLD:
    case IR_FL_SHRD:
        return count ? double_shift_flags(op, a, b, count, bits) : fl;
    case IR_FL_SETCF:
        return (fl & ~(uint32_t)IR_FL_CF) | (a & 1 ? IR_FL_CF : 0);
    case IR_FL_SETCO:
        return (fl & ~(uint32_t)(IR_FL_CF | IR_FL_OF)) | (a & 1 ? IR_FL_CF : 0) |
               (b & 1 ? IR_FL_OF : 0);
    case IR_FL_CO:
        return a & 1 ? IR_FL_CF | IR_FL_OF : 0;
    case IR_FL_CMC:
        return fl ^ IR_FL_CF;
    case IR_FL_FROM:
        return (uint32_t)a;
    default:
        return fl;
    }
}

bool ir_eval_cc(enum ir_cc cc, uint32_t fl)
{
    bool cf = fl & IR_FL_CF, zf = fl & IR_FL_ZF, sf = fl & IR_FL_SF, of = fl & IR_FL_OF,
         pf = fl & IR_FL_PF, r;
    switch (cc & ~1u) {
    case IR_CC_O:
        r = of;
        break;
    case IR_CC_B:
        r = cf;
        break;
    case IR_CC_E:
        r = zf;
        break;
    case IR_CC_BE:
        r = cf || zf;
        break;
    case IR_CC_S:
        r = sf;
        break;
    case IR_CC_P:
        r = pf;
        break;
    case IR_CC_L:
        r = sf != of;
        break;
    default:
        r = zf || sf != of;
        break;
    }
    return r != (cc & 1);
}
