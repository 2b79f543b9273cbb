/*
 * Helpers of MMX, SSE and AVX (tcg/x86/helpers_sse.c, helpers_avx.c). Vector operands are passed in
 * tcg_cpu.scratch: [0..3] the first, [4..7] the second, [8..11] the third, [12..15] a vector
 * result.
 */
#ifndef TCG_X86_HELPERS_SSE_H
#define TCG_X86_HELPERS_SSE_H

#include "tcg/ir/ir.h"
#include "tcg/x86/slots.h"

/* First argument of sse_fp: an IR insn without its operands. */
#define X86_SSE_FP(op, type, aux) ((uint64_t)(op) | (uint64_t)(type) << 8 | (uint64_t)(aux) << 16)

/* The operands are v256. */
#define X86_SSE_FP_WIDE (UINT64_C(1) << 24)

/* First argument of pcmpstr*: the immediate, and whether the lengths are given. */
enum { X86_PCMPSTR_EXPLICIT = 1 << 8 };

#define SSE_XMM0 (UINT64_C(1) << GROUP_XMM)

/* clang-format off */
/* X(name, result, flags, reads, writes) */
#define X86_HELPERS_SSE(X) \
    /* sse_fp(X86_SSE_FP(), imm, integer operand): one floating-point operation with exceptions that may be unmasked:
     * #XM (or #UD) is raised before anything but the flags in MXCSR changes. The integer result, if it is one. */ \
    X(sse_fp, IR_I64, HELPER_FAULT | HELPER_FP, 0, 0) \
    /* pcmpstri(imm | X86_PCMPSTR_EXPLICIT, length 1, length 2): index, packed flags in the high half. pcmpstrm: the
     * mask goes to XMM0; flags likewise. */ \
    X(pcmpstri, IR_I64, 0, 0, 0) \
    X(pcmpstrm, IR_I64, 0, SSE_XMM0, SSE_XMM0) \
    /* maskmov(linear address, 8 or 16): store the bytes of the first operand where the second's top bits say so. */ \
    X(maskmov, IR_VOID, HELPER_FAULT, 0, 0) \
    /* maskload(linear address, bytes | element width << 8): elements with the top bit of the second operand's set,
     * else zero. maskstore: those of the first operand. */ \
    X(maskload, IR_VOID, HELPER_FAULT, 0, 0) \
    X(maskstore, IR_VOID, HELPER_FAULT, 0, 0) \
    /* gather(offset of the base, what): elements with the top bit of the second operand's set from where the third
     * operand's indices say, else the first operand's. what: element width, index width << 4, count << 8, scale << 12,
     * segment << 16, address width << 20. */ \
    X(gather, IR_VOID, HELPER_FAULT, INT_G(GROUP_SEG), 0)
/* clang-format on */

#endif
