/* Helpers of A32 and T32 (tcg/arm/helpers_32.c). See helpers.h. */
#ifndef TCG_ARM_HELPERS_32_H
#define TCG_ARM_HELPERS_32_H

/*
 * Which register of coprocessor 14 or 15, as mrc and mcr take it: what the syndrome of a trapped
 * access says (Arm ARM, "ISS encoding for an exception from an MCR or MRC access" and "... MCRR or
 * MRRC access"), bits 19:0, without the condition, and above it bit 20: of 64 bits, bit 21:
 * coprocessor 14.
 */
#define ARM_CP_ARG(cp, opc1, crn, crm, opc2, rt, read)                                             \
    ((uint32_t)((cp) == 14) << 21 | (uint32_t)(opc2) << 17 | (uint32_t)(opc1) << 14 |              \
     (uint32_t)(crn) << 10 | (uint32_t)(rt) << 5 | (uint32_t)(crm) << 1 | (uint32_t)(read))
#define ARM_CP_ARG_64(cp, opc1, crm, rt, rt2, read)                                                \
    (1u << 20 | (uint32_t)((cp) == 14) << 21 | (uint32_t)(opc1) << 16 | (uint32_t)(rt2) << 10 |    \
     (uint32_t)(rt) << 5 | (uint32_t)(crm) << 1 | (uint32_t)(read))

/* X8 to X14: what a change of mode exchanges. */
#define SYS_BANKED UINT64_C(0x7f00)
/* ... and to AArch64 state X8 to X30. */
#define SYS_MAPPED UINT64_C(0x7fffff00)

/* X(name, result, flags, reads, writes) */
/* clang-format off */
#define ARM_HELPERS_32(X) \
    /* parallel(a, b, prefix << 3 | operation as A32 numbers them): the halves or bytes added or
     * subtracted; the result, and GE in the upper half. */ \
    X(parallel, IR_I64, 0, 0, 0) \
    /* usad8(a, b): sum of the differences of bytes. */ \
    X(usad8, IR_I32, 0, 0, 0) \
    /* state_changed(): PSTATE.IT, T or E was written: the mode word follows. interwork(target): PC
     * and T by an address whose bit 0 is T. */ \
    X(state_changed, IR_VOID, 0, SYS_FL | SYS_PC, 0) \
    X(interwork, IR_VOID, 0, SYS_FL, SYS_PC) \
    /* mrc(ARM_CP_ARG), mcr(ARM_CP_ARG, value): MRC, MRRC, MCR, MCRR. */ \
    X(mrc, IR_I64, HELPER_FAULT | HELPER_FP | HELPER_CLOCK, SYS_FL | SYS_PC, 0) \
    X(mcr, IR_VOID, HELPER_FAULT | HELPER_FP | HELPER_CLOCK, SYS_FL | SYS_PC, SYS_PC) \
    /* svc32(imm16, address of the next instruction). return32(PC, SPSR): an exception return from EL1.
     * write_cpsr(value, bits that are written), at EL1. setend(E). */ \
    X(svc32, IR_VOID, HELPER_FAULT, SYS_SP | SYS_FL | SYS_PC | SYS_MAPPED, SYS_SP | SYS_PC | SYS_MAPPED) \
    X(return32, IR_VOID, 0, SYS_FL | SYS_PC | SYS_BANKED, SYS_FL | SYS_PC | SYS_BANKED) \
    X(write_cpsr, IR_VOID, 0, SYS_FL | SYS_PC | SYS_BANKED, SYS_FL | SYS_BANKED) \
    X(setend, IR_VOID, HELPER_FAULT, SYS_FL | SYS_PC, 0) \
    /* fp_read(register): VMRS of what is not FPSCR. fp_write(register, value). */ \
    X(fp_read, IR_I32, HELPER_FAULT, SYS_PC, 0) \
    X(fp_write, IR_VOID, HELPER_FAULT, SYS_FL | SYS_PC, 0)
/* clang-format on */

#endif
