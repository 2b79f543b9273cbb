/*
 * Helpers of the integer instructions (tcg/x86/helpers_int.c, helpers_string.c). Where a helper
 * gives a value of up to 32 bits and flags, the value is the low half of the result and the packed
 * flags (ir.h) the high half.
 */
#ifndef TCG_X86_HELPERS_INT_H
#define TCG_X86_HELPERS_INT_H

#include "tcg/ir/ir.h"
#include "tcg/x86/slots.h"

/* How a repeated string instruction works, the argument of rep_*. */
#define X86_REP_MAKE(size, addrsize, seg, ne, one)                                                 \
    ((uint32_t)(size) | (uint32_t)(addrsize) << 2 | (uint32_t)(seg) << 4 | (uint32_t)(ne) << 8 |   \
     (uint32_t)(one) << 9)
#define X86_REP_SIZE(how) ((how)&3)            /* enum ir_width */
#define X86_REP_ADDRSIZE(how) ((how) >> 2 & 3) /* enum ir_width */
#define X86_REP_SEG(how) ((how) >> 4 & 7)      /* of the source */
#define X86_REP_NE(how) ((how) >> 8 & 1)       /* REPNE: stop on equal */
#define X86_REP_ONE(how) ((how) >> 9 & 1)      /* one iteration at most (trap flag) */

#define INT_G(reg) (UINT64_C(1) << (reg))
#define INT_FL INT_G(GROUP_FLAGS)
/* DF, segment bases and what limit checks look at */
#define INT_STRING (INT_G(GROUP_RFLAGS) | INT_G(GROUP_SEG))

/* clang-format off */
/* X(name, result, flags, reads, writes) */
#define X86_HELPERS_INT(X) \
    /* rotate_carry(value, masked count, width | right << 8, packed flags): RCL and RCR; the value, and in a second
     * call the packed flags. */ \
    X(rotate_carry, IR_I64, 0, 0, 0) \
    X(rotate_carry_flags, IR_I32, 0, 0, 0) \
    /* shift_double16(source << 16 | destination, masked count, right, packed flags): value and flags. */ \
    X(shift_double16, IR_I64, 0, 0, 0) \
    /* bcd(enum x86_bcd, EAX, packed flags, immediate): AX and flags. AAM's immediate is not 0. */ \
    X(bcd, IR_I64, 0, 0, 0) \
    /* atomic(linear address, value, carry, width | enum tcg_atomic << 8): the old value. */ \
    X(atomic, IR_I64, HELPER_FAULT, 0, 0) \
    /* cmpxchg16b(linear address): all of the instruction. */ \
    X(cmpxchg16b, IR_VOID, HELPER_FAULT, INT_G(0) | INT_G(1) | INT_G(2) | INT_G(3) | INT_FL, INT_G(0) | INT_G(2) | INT_FL) \
    /* random(): a number that nobody can guess. */ \
    X(random, IR_I64, 0, 0, 0) \
    /* ac_check(linear address, bytes): #AC(0) when not aligned. */ \
    X(ac_check, IR_VOID, HELPER_FAULT, 0, 0) \
    /* rep_*(how): up to a chunk of iterations; registers are exact. 1: iterations are left. */ \
    X(rep_movs, IR_I64, HELPER_FAULT, INT_G(1) | INT_G(6) | INT_G(7) | INT_STRING, INT_G(1) | INT_G(6) | INT_G(7)) \
    X(rep_stos, IR_I64, HELPER_FAULT, INT_G(0) | INT_G(1) | INT_G(7) | INT_STRING, INT_G(1) | INT_G(7)) \
    X(rep_lods, IR_I64, HELPER_FAULT, INT_G(0) | INT_G(1) | INT_G(6) | INT_STRING, INT_G(0) | INT_G(1) | INT_G(6)) \
    X(rep_scas, IR_I64, HELPER_FAULT, INT_G(0) | INT_G(1) | INT_G(7) | INT_STRING | INT_FL, INT_G(1) | INT_G(7) | INT_FL) \
    X(rep_cmps, IR_I64, HELPER_FAULT, INT_G(1) | INT_G(6) | INT_G(7) | INT_STRING | INT_FL, INT_G(1) | INT_G(6) | INT_G(7) | INT_FL)
/* clang-format on */

#endif
