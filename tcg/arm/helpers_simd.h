/*
 * Helpers of Advanced SIMD and cryptography (tcg/arm/helpers_simd.c, helpers_crypto.c): operands
 * and result are in tcg_cpu.scratch, the argument says how; those with a result return whether
 * something was saturated. See helpers.h.
 */
#ifndef TCG_ARM_HELPERS_SIMD_H
#define TCG_ARM_HELPERS_SIMD_H

/* Where in scratch. */
enum { SIMD_ARG_A = 0, SIMD_ARG_B = 2, SIMD_ARG_C = 4, SIMD_RESULT = 8 };
/* The argument: enum ir_width of lanes, bits 8-15: how many count, and what the helper says: */
enum { SIMD_SHIFT_UNSIGNED = 1 << 16, SIMD_SHIFT_ROUND = 1 << 17 };
enum { SIMD_RDMA_SUBTRACT = 1 << 16 };
enum { SIMD_TO_UNSIGNED = 1 << 16 };

/* X(name, result, flags, reads, writes) */
/* clang-format off */
#define ARM_HELPERS_SIMD(X) \
    /* a shifted to the left by the signed low byte of each lane of b. */ \
    X(simd_shift, IR_VOID, 0, 0, 0) \
    X(simd_shift_saturate, IR_I64, 0, 0, 0) \
    /* SQRDMLAH, SQRDMLSH (SUBTRACT): c and twice the product of a and b. */ \
    X(simd_rdma, IR_I64, 0, 0, 0) \
    /* SUQADD: signed b and unsigned a; USQADD (TO_UNSIGNED): unsigned b and signed a. */ \
    X(simd_suqadd, IR_I64, 0, 0, 0) \
    /* Carry-less products of bytes. 0: PMUL, 1: PMULL, 2: PMULL2. */ \
    X(simd_pmul, IR_VOID, 0, 0, 0) \
    /* 0: URECPE, 1: URSQRTE */ \
    X(simd_estimate, IR_VOID, 0, 0, 0) \
    /* a: n, b: m, c: the destination. 0-3: SM3TT1A, SM3TT1B, SM3TT2A, SM3TT2B, and the lane << 2; 0, 1: SM3PARTW1, SM3PARTW2 */ \
    X(simd_sm3tt, IR_VOID, 0, 0, 0) \
    X(simd_sm3partw, IR_VOID, 0, 0, 0) \
    /* 0: SM4E, a: state, b: keys; 1: SM4EKEY, a: keys, b: constants */ \
    X(simd_sm4, IR_VOID, 0, 0, 0)
/* clang-format on */

#endif
