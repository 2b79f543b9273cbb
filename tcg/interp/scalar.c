/* Integer operations and flags of the interpreter. */
#include "core/util/range.h"
#include "tcg/interp/program.h"
#include "tcg/ir/eval.h"
#include "tcg/ir/fold.h"

uint32_t interp_flags(const struct interp_frame *f, ir_ref ref)
{
    const struct ir_insn *i = &f->insns[ref];
    switch (i->op) {
    case IR_GET:
    case IR_LDENV:
    case IR_CALL:
    case IR_FL_COMIS:
    case IR_FL_FCMP:
    case IR_FL_PTEST:
    case IR_X87_COMI:
        return (uint32_t)f->v[ref];
    case IR_FL_ADC:
    case IR_FL_SBB:
    case IR_FL_SHL:
    case IR_FL_SHR:
    case IR_FL_SAR:
    case IR_FL_ROL:
    case IR_FL_ROR:
    case IR_FL_SETCO:
        return ir_eval_flags(i->op, i->aux, interp_value(f, i->a), interp_value(f, i->b),
                             interp_flags(f, i->c), 0);
    case IR_FL_INC:
    case IR_FL_DEC:
    case IR_FL_SETCF:
        return ir_eval_flags(i->op, i->aux, interp_value(f, i->a), 0, interp_flags(f, i->b), 0);
    case IR_FL_CCMP:
        return ir_eval_cc((enum ir_cc)(i->imm & 15), interp_flags(f, i->c))
                   ? ir_eval_flags(IR_FL_SUB, i->aux, interp_value(f, i->a), interp_value(f, i->b),
                                   0, 0)
                   : (uint32_t)(i->imm >> 8);
    case IR_FL_CMC:
        return ir_eval_flags(i->op, i->aux, 0, 0, interp_flags(f, i->a), 0);
    case IR_FL_SHLD:
    case IR_FL_SHRD:
        return ir_eval_flags(i->op, i->aux, interp_value(f, i->a), interp_value(f, i->b),
                             interp_flags(f, i->d), (unsigned)interp_value(f, i->c));
    default:
        return ir_eval_flags(i->op, i->aux, interp_value(f, i->a), i->b ? interp_value(f, i->b) : 0,
                             0, 0);
    }
}

uint64_t interp_divide(const struct ir_insn *i, const uint64_t *v, uint64_t *rem)
{
    uint64_t lo = v[i->a], hi = v[i->b], d = v[i->c];
    bool wide = i->type == IR_I64;
    if (i->op == IR_UDIVX) {
        unsigned __int128 n =
            wide ? (unsigned __int128)hi << 64 | lo : (unsigned __int128)(hi << 32 | (uint32_t)lo);
        uint64_t q = (uint64_t)(n / d);
        *rem = interp_truncate(i->type, (uint64_t)(n % d));
        return interp_truncate(i->type, q);
    }
    __int128 n = wide ? (__int128)((unsigned __int128)hi << 64 | lo)
                      : (__int128)(int64_t)(hi << 32 | (uint32_t)lo);
    __int128 sd = wide ? (__int128)(int64_t)d : (__int128)(int32_t)d;
    *rem = interp_truncate(i->type, (uint64_t)(n % sd));
    return interp_truncate(i->type, (uint64_t)(n / sd));
}

uint64_t interp_multiply(const struct ir_insn *i, const uint64_t *v, uint64_t *high)
{
    uint64_t a = v[i->a], b = v[i->b];
    if (i->type == IR_I32) {
        uint64_t p = i->op == IR_UMULX ? (uint64_t)(uint32_t)a * (uint32_t)b
                                       : (uint64_t)((int64_t)(int32_t)a * (int32_t)b);
        *high = p >> 32;
        return (uint32_t)p;
    }
    unsigned __int128 p = i->op == IR_UMULX
                              ? (unsigned __int128)a * b
                              : (unsigned __int128)((__int128)(int64_t)a * (int64_t)b);
    *high = (uint64_t)(p >> 64);
    return (uint64_t)p;
}

static uint64_t bit_deposit(uint64_t a, uint64_t mask)
{
    uint64_t r = 0;
    for (; mask; mask &= mask - 1, a >>= 1)
        if (a & 1)
            r |= mask & -mask;
    return r;
}

static uint64_t bit_extract(uint64_t a, uint64_t mask)
{
    uint64_t r = 0;
    for (unsigned n = 0; mask; mask &= mask - 1, n++)
        if (a & mask & -mask)
            r |= UINT64_C(1) << n;
    return r;
}

static uint32_t crc32c(uint32_t crc, uint64_t data, unsigned bytes)
{
    for (unsigned n = 0; n < bytes; n++) {
        crc ^= (uint8_t)(data >> (8 * n));
        for (unsigned k = 0; k < 8; k++)
            crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78u : 0);
    }
    return crc;
}

uint64_t interp_integer(const struct interp_frame *f, const struct ir_insn *i)
{
    const uint64_t *v = f->v;
    uint64_t a = v[i->a], b = v[i->b];
    bool wide = i->type == IR_I64;
    unsigned bits = wide ? 64 : 32, n = (unsigned)b & (bits - 1);
    switch (i->op) {
    case IR_ADD:
        return a + b;
    case IR_SUB:
        return a - b;
    case IR_ADC:
        return a + b + ((interp_flags(f, i->c) & IR_FL_CF) != 0);
    case IR_SBB:
        return a - b - ((interp_flags(f, i->c) & IR_FL_CF) != 0);
    case IR_MUL:
        return a * b;
    case IR_AND:
        return a & b;
    case IR_OR:
        return a | b;
    case IR_XOR:
        return a ^ b;
    case IR_ANDN:
        return ~a & b;
    case IR_NOT:
        return ~a;
    case IR_NEG:
        return 0 - a;
    case IR_SHL:
        return a << n;
    case IR_SHR:
        return wide ? a >> n : (uint32_t)a >> n;
    case IR_SAR:
        return wide ? (uint64_t)((int64_t)a >> n) : (uint64_t)(int64_t)((int32_t)a >> n);
    case IR_ROL:
        return wide ? (n ? a << n | a >> (64 - n) : a)
                    : (n ? (uint32_t)a << n | (uint32_t)a >> (32 - n) : a);
    case IR_ROR:
        return wide ? (n ? a >> n | a << (64 - n) : a)
                    : (n ? (uint32_t)a >> n | (uint32_t)a << (32 - n) : a);
    case IR_ROLW: {
        unsigned w = 8u << i->aux, k = (unsigned)b % w;
        a &= mask_bits(w);
        return k ? (a << k | a >> (w - k)) & mask_bits(w) : a;
    }
    case IR_FSHL:
        n = (unsigned)v[i->c] & (bits - 1);
        return !n ? a : wide ? a << n | b >> (64 - n) : (uint32_t)a << n | (uint32_t)b >> (32 - n);
    case IR_FSHR:
        n = (unsigned)v[i->c] & (bits - 1);
        return !n ? a : wide ? a >> n | b << (64 - n) : (uint32_t)a >> n | (uint32_t)b << (32 - n);
    case IR_LEA:
        return a + (i->b ? b << i->aux : 0) + i->imm;
    case IR_ZEXT:
        return a & mask_bits(8u << i->aux);
    case IR_SEXT:
        return interp_sign_extend(a, 8u << i->aux);
    case IR_TRUNC:
        return a;
    case IR_DEPOSIT: {
        uint64_t m = mask_bits(i->imm >> 8 & 0xff) << (i->imm & 0xff);
        return (a & ~m) | (b << (i->imm & 0xff) & m);
    }
    case IR_EXTRACT:
        return a >> (i->imm & 0xff) & mask_bits(i->imm >> 8 & 0xff);
    case IR_BSWAP:
        return wide ? __builtin_bswap64(a) : __builtin_bswap32((uint32_t)a);
    case IR_CLZ:
        a = interp_truncate(i->type, a);
        return a ? (unsigned)__builtin_clzll(a) - (64 - bits) : bits;
    case IR_CTZ:
        a = interp_truncate(i->type, a);
        return a ? (unsigned)__builtin_ctzll(a) : bits;
    case IR_POPCNT:
        return (unsigned)__builtin_popcountll(interp_truncate(i->type, a));
    case IR_PDEP:
        return bit_deposit(a, interp_truncate(i->type, b));
    case IR_PEXT:
        return bit_extract(a, interp_truncate(i->type, b));
    case IR_CRC32C:
        return crc32c((uint32_t)a, b, 1u << i->aux);
    case IR_SETC:
        return ir_eval_setc(i->aux, (enum ir_type)i->imm, a, b);
    case IR_SETCC:
        return ir_eval_cc(i->aux, interp_flags(f, i->a));
    case IR_SELCC:
        return ir_eval_cc(i->aux, interp_flags(f, i->c)) ? a : b;
    case IR_SELNZ:
        return interp_truncate(f->insns[i->c].type, v[i->c]) ? a : b;
    case IR_FL_PACK:
        return interp_flags(f, i->a);
    default:
        return 0;
    }
}
