/* Helpers of MMX and SSE: unmasked floating-point exceptions, string comparison, masked stores. See
 * helpers_sse.h. */
#include "tcg/x86/helpers.h"

#include <string.h>
#include "core/util/range.h"
#include "tcg/interp/vector.h"
#include "tcg/interp/vector_string.h"
#include "tcg/x86/raise.h"

/* ---- floating point with exceptions ---------------------------------------------------------- */

enum {
    MXCSR_PRE = 0x07, /* invalid, denormal, zero divide: found before the result is computed */
    MXCSR_MASK_SHIFT = 7,
};

uint64_t x86_helper_sse_fp(void *env, uint64_t what, uint64_t imm, uint64_t x, uint64_t unused)
{
    struct tcg_cpu *tc = tcg_cpu_of(env);
    struct x86_regs *r = env;
    struct ir_insn i = {.op = (uint8_t)what,
                        .type = (uint8_t)(what >> 8),
                        .aux = (uint8_t)(what >> 16),
                        .imm = imm};
    uint32_t mxcsr = r->mxcsr & 0xffff & ~(uint32_t)X86_MXCSR_FLAGS;
    struct x86_vec256 operand[3], v = {0};
    uint64_t result = 0;

    (void)unused;
    memcpy(operand, tc->scratch, sizeof operand);
    if (i.type >= IR_V128)
        interp_vector_any(&i, what & X86_SSE_FP_WIDE, operand, x, &mxcsr, &v);
    else
        result = interp_vector_to_int(&i, operand[0].half[0], operand[1].half[0], &mxcsr);

    uint32_t flags = mxcsr & X86_MXCSR_FLAGS;
    uint32_t unmasked = flags & ~(mxcsr >> MXCSR_MASK_SHIFT);
    /* Then no result is computed that could overflow or be inexact; dot products see to that step
     * by step. */
    if (unmasked & MXCSR_PRE && i.op != IR_VF_DP)
        flags &= MXCSR_PRE;
    tc->guest_mxcsr |= flags;
    if (unmasked) {
        x86_raise(tc, r->cr4 & X86_CR4_OSXMMEXCPT ? X86_XM : X86_UD);
        return 0;
    }
    memcpy(&tc->scratch[12], &v, sizeof v);
    return result;
}

/* ---- PCMPESTRI, PCMPESTRM, PCMPISTRM ----------------------------------------------------------
 */

/* The operands were left in the scratch area. */
static void string_operands(const struct tcg_cpu *tc, struct x86_vec operand[2])
{
    memcpy(&operand[0], &tc->scratch[0], sizeof *operand);
    memcpy(&operand[1], &tc->scratch[4], sizeof *operand);
}

uint64_t x86_helper_pcmpstri(void *env, uint64_t what, uint64_t len1, uint64_t len2,
                             uint64_t unused)
{
    const uint64_t lengths[2] = {len1, len2};
    struct x86_vec operand[2];
    (void)unused;
    string_operands(tcg_cpu_of(env), operand);
    return vector_string_index(operand, what & 0xff, what & X86_PCMPSTR_EXPLICIT ? lengths : NULL);
}

uint64_t x86_helper_pcmpstrm(void *env, uint64_t what, uint64_t len1, uint64_t len2,
                             uint64_t unused)
{
    const uint64_t lengths[2] = {len1, len2};
    struct x86_regs *regs = env;
    struct x86_vec operand[2];
    uint32_t flags;
    unsigned count;
    (void)unused;
    string_operands(tcg_cpu_of(env), operand);
    unsigned r = vector_string_compare(
        operand, what & 0xff, what & X86_PCMPSTR_EXPLICIT ? lengths : NULL, &flags, &count);
    struct x86_vec v = {{r, 0}};
    if (what & 0x40) { /* whole elements */
        uint8_t bytes[16];
        for (unsigned n = 0; n < 16; n++)
            bytes[n] = r >> (n * count / 16) & 1 ? 0xff : 0;
        memcpy(&v, bytes, sizeof v);
    }
    regs->vec[0].half[0] = v;
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
    memcpy(mask, &tc->scratch[4], sizeof mask);
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
