/*
 * Helper bodies of integer instructions: what has no short form in IR. See helpers_int.h for
 * arguments. The pure ones look at nothing but their arguments.
 */
#include "tcg/icount.h"
#include "tcg/x86/helpers.h"

#include <errno.h>
#include <sys/random.h>
#include "tcg/cpu.h"
#include "tcg/x86/raise.h"
#include "tcg/x86/translate_int.h"

/* ---- packed flags --------------------------------------------------------------------------- */

static uint32_t set_bit(uint32_t flags, uint32_t bit, bool on)
{
    return on ? flags | bit : flags & ~bit;
}

/* SF, ZF and PF of a byte result */
static uint32_t byte_result_flags(uint32_t flags, uint8_t v)
{
    flags = set_bit(flags, IR_FL_SF, v & 0x80);
    flags = set_bit(flags, IR_FL_ZF, !v);
    return set_bit(flags, IR_FL_PF, !__builtin_parity(v));
}

/* ---- RCL, RCR: the operand and CF as one ring of bits + 1 bits ---------------------------------
 */

struct ring {
    uint64_t value;
    bool carry;
};

static struct ring rotate_ring(uint64_t value, unsigned count, unsigned kind, bool carry)
{
    unsigned bits = 8u << (kind & 7), n = count % (bits + 1);
    bool right = kind >> 8 & 1;
    unsigned __int128 mask = ((unsigned __int128)1 << (bits + 1)) - 1;
    unsigned __int128 ring = (unsigned __int128)carry << bits |
                             (bits < 64 ? value & ((UINT64_C(1) << bits) - 1) : value);
    unsigned left = right ? (bits + 1 - n) % (bits + 1) : n;
    if (left)
        ring = (ring << left | ring >> (bits + 1 - left)) & mask;
    uint64_t v = (uint64_t)ring;
    return (struct ring){bits < 64 ? v & ((UINT64_C(1) << bits) - 1) : v, ring >> bits & 1};
}

uint64_t x86_helper_rotate_carry(void *env, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
    (void)env;
    return rotate_ring(a, (unsigned)b, (unsigned)c, d & IR_FL_CF).value;
}

/* OF as a rotation by one would set it; with more it is undefined. */
uint64_t x86_helper_rotate_carry_flags(void *env, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
    (void)env;
    uint32_t flags = (uint32_t)d;
    if (!b)
        return flags;
    unsigned top = (8u << (c & 7)) - 1;
    struct ring r = rotate_ring(a, (unsigned)b, (unsigned)c, flags & IR_FL_CF);
    bool msb = r.value >> top & 1, next = c >> 8 & 1 ? r.value >> (top - 1) & 1 : r.carry;
    flags = set_bit(flags, IR_FL_CF, r.carry);
    return set_bit(flags, IR_FL_OF, msb != next);
}

/*
 * SHLD and SHRD with 16-bit operands. A count above 16 gives an undefined result; as on Intel's
 * processors, the operands go on as a ring of destination and source.
 */
uint64_t x86_helper_shift_double16(void *env, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
    (void)env;
    uint32_t flags = (uint32_t)d, count = (uint32_t)b & 31;
    uint16_t dst = (uint16_t)a, src = (uint16_t)(a >> 16);
    if (!count)
        return dst | (uint64_t)flags << 32;
    uint64_t v;
    bool cf;
    if (c) {
        uint64_t ring = dst | (uint64_t)src << 16 | (uint64_t)dst << 32;
        v = ring >> count;
        cf = ring >> (count - 1) & 1;
    } else {
        uint64_t ring = (uint64_t)dst << 32 | (uint64_t)src << 16 | dst;
        v = ring << count >> 32;
        cf = ring >> (48 - count) & 1;
    }
    uint16_t r = (uint16_t)v;
    flags &= ~(uint32_t)IR_FL_AF;
    flags = byte_result_flags(flags, (uint8_t)r);
    flags = set_bit(flags, IR_FL_ZF, !r);
    flags = set_bit(flags, IR_FL_SF, r & 0x8000);
    flags = set_bit(flags, IR_FL_CF, cf);
    flags = set_bit(flags, IR_FL_OF, (r ^ dst) & 0x8000);
    return r | (uint64_t)flags << 32;
}

/* ---- decimal adjustments, SDM vol. 2: the operations of DAA DAS AAA AAS AAM AAD -----------------
 */

static uint32_t decimal_adjust(uint8_t *al, uint32_t flags, bool subtract)
{
    uint8_t old = *al, add = 0;
    bool low = (old & 15) > 9 || flags & IR_FL_AF, high = old > 0x99 || flags & IR_FL_CF;
    if (low)
        add += 6;
    if (high)
        add += 0x60;
    *al = subtract ? old - add : old + add;
    /* DAS also borrows when taking 6 from AL wraps */
    bool cf = high || (subtract && low && old < 6);
    flags = set_bit(flags, IR_FL_AF, low);
    flags = set_bit(flags, IR_FL_CF, cf);
    flags &= ~(uint32_t)IR_FL_OF;
    return byte_result_flags(flags, *al);
}

static uint32_t ascii_adjust(uint16_t *ax, uint32_t flags, bool subtract)
{
    bool adjust = (*ax & 15) > 9 || flags & IR_FL_AF;
    if (adjust)
        *ax = subtract ? *ax - 0x106 : *ax + 0x106;
    *ax &= 0xff0f;
    flags = set_bit(flags, IR_FL_AF, adjust);
    flags = set_bit(flags, IR_FL_CF, adjust);
    flags &= ~(uint32_t)IR_FL_OF;
    return byte_result_flags(flags, (uint8_t)*ax);
}

uint64_t x86_helper_bcd(void *env, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
    (void)env;
    uint16_t ax = (uint16_t)b;
    uint8_t al = (uint8_t)ax, ah = ax >> 8, base = (uint8_t)d;
    uint32_t flags = (uint32_t)c;
    switch (a) {
    case BCD_DAA:
    case BCD_DAS:
        flags = decimal_adjust(&al, flags, a == BCD_DAS);
        ax = (uint16_t)(ah << 8 | al);
        break;
    case BCD_AAA:
    case BCD_AAS:
        flags = ascii_adjust(&ax, flags, a == BCD_AAS);
        break;
    case BCD_AAM:
        ax = base ? (uint16_t)(al / base << 8 | al % base) : ax;
        flags = byte_result_flags(flags & ~(uint32_t)(IR_FL_OF | IR_FL_AF | IR_FL_CF), (uint8_t)ax);
        break;
    default:
        ax = (uint8_t)(al + ah * base);
        flags = byte_result_flags(flags & ~(uint32_t)(IR_FL_OF | IR_FL_AF | IR_FL_CF), (uint8_t)ax);
        break;
    }
    return ax | (uint64_t)flags << 32;
}

/* ---- memory ------------------------------------------------------------------------------------
 */

uint64_t x86_helper_atomic(void *env, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
    return tcg_atomic(tcg_cpu_of(env), a, 1u << (d & 3), (enum tcg_atomic)(d >> 8), b, c, 0);
}

uint64_t x86_helper_cmpxchg16b(void *env, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
    (void)b, (void)c, (void)d;
    struct tcg_cpu *tc = tcg_cpu_of(env);
    struct x86_regs *regs = env;
    if (a & 15) {
        x86_raise_error(tc, X86_GP, 0);
        return 0;
    }
    uint64_t io[2] = {regs->gpr[X86_RAX], regs->gpr[X86_RDX]};
    const uint64_t desired[2] = {regs->gpr[X86_RBX], regs->gpr[X86_RCX]};
    bool equal = tcg_cmpxchg16(tc, a, io, desired, 0);
    if (tcg_faulted(tc))
        return 0;
    tc->fl = set_bit(tc->fl, IR_FL_ZF, equal);
    if (!equal) {
        regs->gpr[X86_RAX] = io[0];
        regs->gpr[X86_RDX] = io[1];
    }
    return 0;
}

uint64_t x86_helper_ac_check(void *env, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
    (void)c, (void)d;
    if (a & (b - 1) && !(b & (b - 1)))
        x86_raise_error(tcg_cpu_of(env), X86_AC, 0);
    return 0;
}

/* ---- RDRAND, RDSEED ------------------------------------------------------------------------- */

uint64_t x86_helper_random(void *env, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
    struct tcg_machine *tm = tcg_cpu_of(env)->tm;
    uint64_t v = 0;
    ssize_t got;
    (void)a;
    (void)b;
    (void)c;
    (void)d;
    if (tm->icount)
        return icount_random(tm);
    do
        got = getrandom(&v, sizeof v, 0);
    while (got < 0 && errno == EINTR);
    return v;
}
