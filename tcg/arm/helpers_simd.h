/* Helpers of Advanced SIMD and cryptography. See helpers.h. */
#ifndef TCG_ARM_HELPERS_SIMD_H
#define TCG_ARM_HELPERS_SIMD_H

/* X(name, result, flags, reads, writes) */
#define ARM_HELPERS_SIMD(X)

#endif
