/* Helpers of floating point (tcg/arm/helpers_fp.c). See helpers.h. */
#ifndef TCG_ARM_HELPERS_FP_H
#define TCG_ARM_HELPERS_FP_H

/* Argument of fp_to_fixed16: the operand's width, fraction bits, and IR_AFP_UNSIGNED, _DN, _FZ. */
#define ARM_FIXED16(w, fbits, imm) ((uint64_t)(w) | (uint64_t)(fbits) << 4 | (uint64_t)(imm))

/* X(name, result, flags, reads, writes) */
/* clang-format off */
#define ARM_HELPERS_FP(X) \
    /* AArch32's FPSCR: FPCR and FPSR in one. fpscr_write(value): the mode word follows. */ \
    X(fpscr_read, IR_I32, HELPER_FP, 0, 0) \
    X(fpscr_write, IR_VOID, HELPER_FP, SYS_FL | SYS_PC, 0) \
    /* fp_standard(on): rounding is to nearest, or as FPSCR says again. */ \
    X(fp_standard, IR_VOID, HELPER_FP, 0, 0) \
    /* fp_to_fixed16(value, ARM_FIXED16): of 16 bits, towards zero. */ \
    X(fp_to_fixed16, IR_I32, HELPER_FP, 0, 0)
/* clang-format on */

#endif
