/* Helpers of MMX and SSE: unmasked floating-point exceptions, string comparison, masked stores. See
 * helpers_sse.h. */
#include "tcg/x86/helpers.h"

#include <string.h>
#include "core/util/range.h"
#include "tcg/interp/vector.h"
#include "tcg/x86/raise.h"

/* ---- floating point with exceptions ---------------------------------------------------------- */

enum {
    MXCSR_FLAGS = 0x3f,
    MXCSR_PRE = 0x07, /* invalid, denormal, zero divide: found before the result is computed */
    MXCSR_MASK_SHIFT = 7,
};

static struct x86_vec scratch_vec(const struct tcg_cpu *tc, unsigned n)
{
    return (struct x86_vec){{tc->scratch[n], tc->scratch[n + 1]}};
}

uint64_t x86_helper_sse_fp(void *env, uint64_t what, uint64_t imm, uint64_t x, uint64_t unused)
{
    struct tcg_cpu *tc = tcg_cpu_of(env);
    struct x86_regs *r = env;
    struct ir_insn i = {.op = (uint8_t)what,
                        .type = (uint8_t)(what >> 8),
                        .aux = (uint8_t)(what >> 16),
                        .imm = imm};
    uint32_t mxcsr = r->mxcsr & 0xffff & ~(uint32_t)MXCSR_FLAGS;
    struct x86_vec a = scratch_vec(tc, 0), b = scratch_vec(tc, 2), v = {{0, 0}};
    uint64_t result = 0;

    (void)unused;
    if (i.type == IR_V128)
        v = interp_vector(&i, a, b, v, x, &mxcsr);
    else
        result = interp_vector_to_int(&i, a, b, &mxcsr);

    uint32_t flags = mxcsr & MXCSR_FLAGS;
    uint32_t unmasked = flags & ~(mxcsr >> MXCSR_MASK_SHIFT);
    if (unmasked & MXCSR_PRE) /* then no result is computed that could overflow or be inexact */
        flags &= MXCSR_PRE;
    tc->guest_mxcsr |= flags;
    if (unmasked) {
        x86_raise(tc, r->cr4 & X86_CR4_OSXMMEXCPT ? X86_XM : X86_UD);
        return 0;
    }
    memcpy(&tc->scratch[4], &v, sizeof v);
    return result;
}

/* ---- PCMPESTRI, PCMPESTRM, PCMPISTRI, PCMPISTRM: SDM vol. 1, the SSE4.2 chapter ----------------
 */

/* The immediate: bit 0 words (else bytes), bit 1 signed, bits 2-3 the aggregation, bits 4-5 the
 * polarity, bit 6 the last index (mask: whole elements). */
enum { EQUAL_ANY, RANGES, EQUAL_EACH, EQUAL_ORDERED };

struct string_pair {
    uint8_t bytes[2][16];
    unsigned count;  /* elements of a register: 16 or 8 */
    unsigned len[2]; /* valid ones */
    bool words, is_signed;
};

static int element(const struct string_pair *s, unsigned which, unsigned n)
{
    const uint8_t *p = s->bytes[which];
    unsigned v = s->words ? p[2 * n] | (unsigned)p[2 * n + 1] << 8 : p[n];
    if (s->is_signed)
        return s->words ? (int16_t)v : (int8_t)v;
    return (int)v;
}

static unsigned explicit_length(uint64_t v, unsigned count)
{
    uint64_t n = (int64_t)v < 0 ? 0 - v : v;
    return (unsigned)MIN(n, (uint64_t)count);
}

static unsigned implicit_length(const struct string_pair *s, unsigned which)
{
    unsigned n = 0;
    while (n < s->count && element(s, which, n))
        n++;
    return n;
}

/* First string: the set or the pairs of bounds; second: what is looked at, element n. */
static bool in_set(const struct string_pair *s, unsigned n, bool ranges)
{
    int v = element(s, 1, n);
    if (n >= s->len[1])
        return false;
    if (!ranges) {
        for (unsigned k = 0; k < s->len[0]; k++)
            if (element(s, 0, k) == v)
                return true;
        return false;
    }
    for (unsigned k = 0; k + 1 < s->len[0]; k += 2)
        if (v >= element(s, 0, k) && v <= element(s, 0, k + 1))
            return true;
    return false;
}

static bool same_at(const struct string_pair *s, unsigned n)
{
    bool valid0 = n < s->len[0], valid1 = n < s->len[1];
    return valid0 && valid1 ? element(s, 0, n) == element(s, 1, n) : valid0 == valid1;
}

/* Does the first string begin at element n of the second? What goes past the register's end counts
 * as found. */
static bool begins_at(const struct string_pair *s, unsigned n)
{
    for (unsigned k = 0; k < s->len[0] && n + k < s->count; k++)
        if (n + k >= s->len[1] || element(s, 0, k) != element(s, 1, n + k))
            return false;
    return true;
}

/* IntRes2: a bit for each element of the second string. */
static unsigned compare_strings(const struct string_pair *s, unsigned imm)
{
    unsigned r = 0, all = (1u << s->count) - 1;
    for (unsigned n = 0; n < s->count; n++) {
        bool yes;
        switch (imm >> 2 & 3) {
        case EQUAL_ANY:
            yes = in_set(s, n, false);
            break;
        case RANGES:
            yes = in_set(s, n, true);
            break;
        case EQUAL_EACH:
            yes = same_at(s, n);
            break;
        default:
            yes = begins_at(s, n);
            break;
        }
        r |= (unsigned)yes << n;
    }
    if (imm & 0x10)
        r ^= imm & 0x20 ? (1u << s->len[1]) - 1 : all;
    return r;
}

static unsigned string_result(struct tcg_cpu *tc, uint64_t what, uint64_t len1, uint64_t len2,
                              uint32_t *flags, unsigned *count)
{
    unsigned imm = what & 0xff;
    struct string_pair s = {.words = imm & 1, .is_signed = imm & 2, .count = imm & 1 ? 8 : 16};
    memcpy(s.bytes, tc->scratch, sizeof s.bytes);
    for (unsigned k = 0; k < 2; k++)
        s.len[k] = what & X86_PCMPSTR_EXPLICIT ? explicit_length(k ? len2 : len1, s.count)
                                               : implicit_length(&s, k);
    unsigned r = compare_strings(&s, imm);
    *count = s.count;
    *flags = (r ? IR_FL_CF : 0) | (r & 1 ? IR_FL_OF : 0) | (s.len[0] < s.count ? IR_FL_SF : 0) |
             (s.len[1] < s.count ? IR_FL_ZF : 0);
    return r;
}

uint64_t x86_helper_pcmpstri(void *env, uint64_t what, uint64_t len1, uint64_t len2,
                             uint64_t unused)
{
    uint32_t flags;
    unsigned count, index;
    unsigned r = string_result(tcg_cpu_of(env), what, len1, len2, &flags, &count);
    (void)unused;
    if (!r)
        index = count;
    else
        index = what & 0x40 ? 31u - (unsigned)__builtin_clz(r) : (unsigned)__builtin_ctz(r);
    return index | (uint64_t)flags << 32;
}

uint64_t x86_helper_pcmpstrm(void *env, uint64_t what, uint64_t len1, uint64_t len2,
                             uint64_t unused)
{
    struct x86_regs *regs = env;
    uint32_t flags;
    unsigned count;
    unsigned r = string_result(tcg_cpu_of(env), what, len1, len2, &flags, &count);
    struct x86_vec v = {{r, 0}};
    (void)unused;
    if (what & 0x40) { /* whole elements */
        uint8_t bytes[16];
        for (unsigned n = 0; n < 16; n++)
            bytes[n] = r >> (n * count / 16) & 1 ? 0xff : 0;
        memcpy(&v, bytes, sizeof v);
    }
    regs->vec_lo[0] = v;
    return (uint64_t)flags << 32;
}

/* ---- MASKMOVQ, MASKMOVDQU -------------------------------------------------------------------- */

uint64_t x86_helper_maskmov(void *env, uint64_t addr, uint64_t size, uint64_t unused1,
                            uint64_t unused2)
{
    struct tcg_cpu *tc = tcg_cpu_of(env);
    uint8_t data[16], mask[16];
    unsigned first = 16, last = 0;

    (void)unused1;
    (void)unused2;
    memcpy(data, &tc->scratch[0], sizeof data);
    memcpy(mask, &tc->scratch[2], sizeof mask);
    for (unsigned n = 0; n < size; n++)
        if (mask[n] & 0x80) {
            first = MIN(first, n);
            last = n;
        }
    /* Nothing is written unless all of it can be. */
    if (first == 16 || !tcg_probe(tc, addr + first, last - first + 1, TCG_WRITE, 0))
        return 0;
    for (unsigned n = first; n <= last && !tcg_faulted(tc); n++)
        if (mask[n] & 0x80)
            tcg_store(tc, addr + n, 1, data[n], 0);
    return 0;
}
