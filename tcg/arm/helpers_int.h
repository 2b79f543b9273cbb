/* Helpers of the base instructions (tcg/arm/helpers_int.c). See helpers.h. */
#ifndef TCG_ARM_HELPERS_INT_H
#define TCG_ARM_HELPERS_INT_H

/* X(name, result, flags, reads, writes) */
/* clang-format off */
#define ARM_HELPERS_INT(X) \
    /* crc32(crc, data, bytes 1-8, castagnoli): CRC32 and CRC32C of the low bytes. */ \
    X(crc32, IR_I32, 0, 0, 0)
/* clang-format on */

#endif
