/* Arm register slots, slot groups for helper masks, and the mode word, bit by bit. */
#ifndef TCG_ARM_SLOTS_H
#define TCG_ARM_SLOTS_H

#include <stdbool.h>
#include <stdint.h>

enum arm_slot {
    SLOT_X = 0,   /* 31, i64; AArch32: R0-R14 in the low halves, the upper ones 0 */
    SLOT_SP = 31, /* i64: the stack pointer in use */
    SLOT_FLAGS =
        32, /* IR_FL: SF is N, ZF is Z, OF is V and CF the inverse of C, as after a subtraction on
               x86; PF and AF mean nothing. Memory form packed in tcg_cpu.fl */
    SLOT_PCB = 33,    /* i64: PC base */
    SLOT_PC = 34,     /* i64: written before IR_EXIT_DYN when the helper did not */
    SLOT_V_LOW = 35,  /* 13, v128: V0 to V12 */
    SLOT_V_HIGH = 48, /* 16: V16 to V31 */
    ARM_SLOT_COUNT = 64,
};
/* The slot of V n, or -1: there are 64, and these three, which calls preserve in part and compilers
 * use last, are read and written in memory. */
static inline int arm_slot_v(unsigned n)
{
    return n < 13 ? (int)(SLOT_V_LOW + n) : n < 16 ? -1 : (int)(SLOT_V_HIGH - 16 + n);
}

/* Bits of ir_helper.reads and .writes. */
enum arm_slot_group {
    GROUP_X = 0,   /* 31 groups, one a register */
    GROUP_SP = 31, /* the stack pointer */
    GROUP_FLAGS = 32,
    GROUP_PC = 33, /* PCB and PC */
    GROUP_V = 34,  /* 16 groups: V0 and V1, V2 and V3, ... */
};
#define ARM_GROUP_V(n) (UINT64_C(1) << (GROUP_V + (n) / 2))
#define ARM_GROUP_ALL_V (UINT64_C(0xffff) << GROUP_V)
#define ARM_GROUP_ALL_X UINT64_C(0x7fffffff)

/*
 * The mode word: what translations may bake. Everything here is recomputed by tcg_mode_changed();
 * who changes what a bit is made of calls it (or knows the result: tcg_mode_set()) and ends the
 * block. Bits 59 to 63 are the core's (tcg/cache/block.h).
 */
enum arm_mode_bits {
    MODE_EL = 3,           /* exception level */
    MODE_AARCH32 = 1 << 2, /* else A64 */
    MODE_T32 = 1 << 3,     /* PSTATE.T */
    MODE_BIG = 1 << 4,     /* data are big-endian: SCTLR_ELx.EE, E0E, PSTATE.E */
    MODE_TBI0 = 1 << 5,    /* top byte ignored of data addresses with bit 55 clear */
    MODE_TBI1 = 1 << 6,    /* ... and set */
    MODE_SP_EL0 = 1 << 7,  /* PSTATE.SP is 0 above EL0 */
    MODE_FP_TRAP = 3 << 8, /* access to FP and SIMD registers traps to this level, 0: it does not */
    MODE_STEP = 1 << 10,   /* debugger single step */
    MODE_SS = 1 << 11,     /* software step: active and not pending: an exception after one */
    MODE_BREAKPOINTS = 1 << 12, /* of the debugger or the guest: looked at per instruction */
    MODE_ALIGN = 1 << 13,       /* SCTLR_ELx.A: unaligned accesses fault */
    MODE_SP_ALIGN = 1 << 14,    /* SCTLR_ELx.SA, SA0: SP must be aligned when it is a base */
    MODE_PAN = 1 << 15,     /* PSTATE.PAN, AArch32: the second value of DACR, is in force: decides
                               about the MMU index */
    MODE_BTI = 1 << 16,     /* branch targets are looked at (bti.c) */
    MODE_BT = 1 << 17,      /* SCTLR_ELx.BT: PACIASP is none for every branch */
    MODE_ILLEGAL = 1 << 19, /* PSTATE.IL */
    MODE_PAUTH = 15 << 20,  /* SCTLR_ELx.EnIA, EnIB, EnDA, EnDB: which keys sign and authenticate */
    MODE_USER_TRAPS =
        1 << 24, /* EL0: one of UCT, UCI, DZE, nTWI, nTWE, UMA says trap: helpers look at each */
    MODE_WFX_TRAP = 1 << 25,  /* HCR_EL2.TWI, TWE or SCR_EL3's: WFI and WFE ask the helper first */
    MODE_SYS_TRAPS = 1 << 26, /* EL1: HCR_EL2, HFGxTR_EL2 ... say that accesses of EL1's registers
                                 and operations may trap: helpers look at each */
    MODE_UAO = 1 << 27,       /* PSTATE.UAO is in force: LDTR, STTR are as LDR, STR */
    MODE_M_SHIFT = 28,        /* AArch32: 4 bits, PSTATE.M without its top bit: 0 is USR */
    MODE_IT_SHIFT = 32,       /* AArch32: 8 bits, PSTATE.IT */
};

#define MODE_PARALLEL (UINT64_C(1) << 41) /* more than one vCPU */
#define MODE_ICOUNT (UINT64_C(1) << 42)   /* instructions are counted (tcg/icount.h) */
/* FPCR.DN, FZ, AHP, FZ16: 4 bits (tcg/arm/fp.h) */
#define MODE_FP_BITS (UINT64_C(0xf) << MODE_FP_SHIFT)
enum { MODE_FP_SHIFT = 43 };
/* AArch32: FPSCR.RMode is not "to nearest", which Advanced SIMD wants */
#define MODE_FP_ROUNDED (UINT64_C(1) << 47)

/* MMU indices. The regime (EL1&0, EL2, EL2&0, EL3) is in the root's key. */
enum arm_mmu_index {
    ARM_MMU_USER,
    ARM_MMU_PRIV,
    ARM_MMU_USER_PAN, /* AArch32: EL0 with the second value of DACR (arm_domains_changed()) */
    ARM_MMU_PRIV_PAN, /* privileged with PAN in force; AArch32: with that */
    ARM_MMU_COUNT,
};
static inline bool arm_index_is_user(unsigned index)
{
    return index == ARM_MMU_USER || index == ARM_MMU_USER_PAN;
}
/* IR_MEM_IDX value for unprivileged accesses (LDTR, STTR); and with MODE_PAN those of AArch32. */
#define ARM_MEM_USER ((1u + ARM_MMU_USER) << 8)
#define ARM_MEM_USER_PAN ((1u + ARM_MMU_USER_PAN) << 8)

/*
 * imm of IR_TRAPNZ and IR_TRAPCC, for tcg_arch.raise_trap: an exception by its syndrome as ESR_ELx
 * has it (EC 31:26, IL 25, ISS 24:0).
 */
#define ARM_TRAP(ec, iss) ((uint64_t)(ec) << 26 | UINT64_C(1) << 25 | (uint64_t)(iss))
/* ... taken to this level, rather than to where the class goes by itself. */
#define ARM_TRAP_TO(el) ((uint64_t)(el) << 32)
/* The instruction must run alone: every other vCPU stopped. No exception. */
#define ARM_TRAP_ALONE (UINT64_C(1) << 63)
/* DSB while tcg_cpu.barrier is not 0: it waits for what other processors were asked. */
#define ARM_TRAP_BARRIER (UINT64_C(1) << 62)
/* A32 and T32: the condition does not hold: on to the next instruction, so many bytes (2 or 4) on.
 */
#define ARM_TRAP_SKIP (UINT64_C(1) << 61)
/* PSTATE.BTYPE is not 0, and the instruction no target for it, or for all but some: bit n of the
 * rest is set for a BTYPE of n that it accepts. */
#define ARM_TRAP_TARGET (UINT64_C(1) << 60)

/* tcg_cpu.arm_btype: PSTATE.BTYPE, by the instruction that set it. */
enum arm_btype {
    ARM_BTYPE_NONE,
    ARM_BTYPE_BR_16, /* BR by X16 or X17, or from a page that is not guarded */
    ARM_BTYPE_BLR,
    ARM_BTYPE_BR,
    ARM_BTYPE_FROM, /* BR: by the page of tcg_cpu.arm_branch one of the two */
};

/* Exception classes (ESR_ELx.EC). */
enum arm_ec {
    ARM_EC_UNKNOWN = 0x00,
    ARM_EC_WFX = 0x01,
    ARM_EC_CP15_32 = 0x03,
    ARM_EC_CP15_64 = 0x04,
    ARM_EC_CP14_32 = 0x05,
    ARM_EC_CP14_LDC = 0x06,
    ARM_EC_FP = 0x07,
    ARM_EC_CP10 = 0x08,
    ARM_EC_PAUTH = 0x09,
    ARM_EC_CP14_64 = 0x0c,
    ARM_EC_BTI = 0x0d,
    ARM_EC_ILLEGAL = 0x0e,
    ARM_EC_SVC32 = 0x11,
    ARM_EC_HVC32 = 0x12,
    ARM_EC_SMC32 = 0x13,
    ARM_EC_SVC64 = 0x15,
    ARM_EC_HVC64 = 0x16,
    ARM_EC_SMC64 = 0x17,
    ARM_EC_SYSREG = 0x18,
    ARM_EC_ERET = 0x1a,
    ARM_EC_FPAC = 0x1c,
    ARM_EC_IABORT_LOWER = 0x20,
    ARM_EC_IABORT = 0x21,
    ARM_EC_PC_ALIGN = 0x22,
    ARM_EC_DABORT_LOWER = 0x24,
    ARM_EC_DABORT = 0x25,
    ARM_EC_SP_ALIGN = 0x26,
    ARM_EC_FP32 = 0x28,
    ARM_EC_FP64 = 0x2c,
    ARM_EC_SERROR = 0x2f,
    ARM_EC_BREAKPOINT_LOWER = 0x30,
    ARM_EC_BREAKPOINT = 0x31,
    ARM_EC_STEP_LOWER = 0x32,
    ARM_EC_STEP = 0x33,
    ARM_EC_WATCHPOINT_LOWER = 0x34,
    ARM_EC_WATCHPOINT = 0x35,
    ARM_EC_BKPT32 = 0x38,
    ARM_EC_BRK64 = 0x3c,
};

#endif
