/* Helpers of the base instructions (tcg/arm/helpers_int.c). See helpers.h. */
#ifndef TCG_ARM_HELPERS_INT_H
#define TCG_ARM_HELPERS_INT_H

/* X(name, result, flags, reads, writes) */
/* clang-format off */
#define ARM_HELPERS_INT(X) \
    /* crc32(crc, data, bytes 1-8, castagnoli): CRC32 and CRC32C of the low bytes. */ \
    X(crc32, IR_I32, 0, 0, 0) \
    /* stxp(address, low, high): 0: stored, 1: not. */ \
    X(stxp, IR_I64, HELPER_FAULT, 0, 0) \
    /* casp(address, low, high): expected in tcg_cpu.temp; old: low, high in temp[1]. */ \
    X(casp, IR_I64, HELPER_FAULT, 0, 0) \
    /* atomic(address, value, opc of LDADD and its like | size << 4 | big-endian << 8): the old value
     * as it lies in memory. */ \
    X(atomic, IR_I64, HELPER_FAULT, 0, 0) \
    /* unmask(): interrupts may be deliverable now: the next poll looks. */ \
    X(unmask, IR_VOID, 0, 0, 0) \
    /* pac, aut(pointer, modifier, enum arm_key), xpac(pointer, data): a pointer signed,
     * authenticated and stripped; pacga(value, modifier): a code of 32 bits. */ \
    X(pac, IR_I64, 0, 0, 0) \
    X(aut, IR_I64, 0, 0, 0) \
    X(xpac, IR_I64, 0, 0, 0) \
    X(pacga, IR_I64, 0, 0, 0)
/* clang-format on */

#endif
