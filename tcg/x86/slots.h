/* x86 register slots, slot groups for helper masks, and the mode word, bit by bit. */
#ifndef TCG_X86_SLOTS_H
#define TCG_X86_SLOTS_H

#include <stdint.h>

enum x86_slot {
    SLOT_GPR = 0,       /* 16, i64, in encoding order */
    SLOT_FLAGS = 16,    /* IR_FL; memory form packed in tcg_cpu.fl */
    SLOT_PCB = 17,      /* i64: PC base */
    SLOT_RIP = 18,      /* i64: written before IR_EXIT_DYN when the helper did not */
    SLOT_RFLAGS = 19,   /* i64: everything but the arithmetic flags (those bits are stale) */
    SLOT_SEG_BASE = 20, /* 6, i64, in enum x86_seg order */
    SLOT_XMM = 32,      /* 16, v128: low halves of the vector registers */
    SLOT_YMMH = 48,     /* 16, v128: bits 255:128 */
    X86_SLOT_COUNT = 64,
};

/* Bits of ir_helper.reads and .writes. */
enum x86_slot_group {
    GROUP_GPR = 0, /* 16 groups, one a register */
    GROUP_FLAGS = 16,
    GROUP_PC = 17, /* PCB and RIP */
    GROUP_RFLAGS = 18,
    GROUP_SEG = 19,
    GROUP_XMM = 20, /* 16 groups: both halves */
};
#define X86_GROUP_ALL_GPR UINT64_C(0xffff)
#define X86_GROUP_ALL_XMM (UINT64_C(0xffff) << GROUP_XMM)

/*
 * The mode word. Owner in brackets: what must call tcg_mode_changed() when it changes.
 */
enum x86_mode {
    MODE_CPL = 3,            /* CPL [far transfers, interrupts, SYSCALL ...] */
    MODE_CODE64 = 1 << 2,    /* CS.L in long mode [CS load, EFER/CR0 writes] */
    MODE_CODE32 = 1 << 3,    /* CS.D */
    MODE_STACK32 = 1 << 4,   /* SS.B */
    MODE_LONG = 1 << 5,      /* EFER.LMA */
    MODE_PROTECTED = 1 << 6, /* CR0.PE */
    MODE_V86 = 1 << 7,       /* RFLAGS.VM */
    MODE_FLAT_CS = 1 << 8,   /* CS base 0, limit 4 GiB - 1 (always set with CODE64) */
    MODE_FLAT_DATA = 1 << 9, /* DS, ES, SS: base 0, limit 4 GiB - 1, writable, expand up, present */
    MODE_A20_OFF = 1 << 10,  /* [A20 line] */
    MODE_SMM = 1 << 11,
    MODE_TF = 1 << 12,   /* RFLAGS.TF: one instruction a block, #DB after */
    MODE_STEP = 1 << 13, /* debugger single step */
    MODE_BREAKPOINTS =
        1
        << 14, /* DR7 execute breakpoints or debugger breakpoints armed: checked per instruction */
    MODE_STI_SHADOW = 1 << 15, /* first instruction of the block runs with interrupts held off */
    MODE_CR0_TS = 1 << 16,
    MODE_CR0_EM = 1 << 17,
    MODE_CR0_MP = 1 << 18,
    MODE_CR0_NE = 1 << 19,
    MODE_CR4_OSFXSR = 1 << 20,
    MODE_CR4_OSXSAVE = 1 << 21,
    MODE_XCR0_AVX = 1 << 22,
    MODE_IOPL = 3 << 23, /* RFLAGS.IOPL */
    MODE_CR4_TSD = 1 << 25,
    MODE_CR4_PVI_VME =
        1 << 26, /* CR4.VME in V86 or CR4.PVI in CPL 3: CLI/STI/PUSHF... go through VIF */
    MODE_CR4_FSGSBASE = 1 << 27,
    MODE_CR4_UMIP = 1 << 28,
    MODE_AC = 1 << 29,       /* alignment checks are on: CR0.AM, RFLAGS.AC and CPL 3 */
    MODE_SMAP_OFF = 1 << 30, /* RFLAGS.AC with CR4.SMAP: changes the MMU index */
};
#define MODE_XM_UNMASKED                                                                           \
    (UINT64_C(1) << 31) /* an SSE exception is unmasked in MXCSR: helpers check after each op */
#define MODE_UPPERS_ZERO (UINT64_C(1) << 32) /* all YMM upper halves known zero */
#define MODE_PARALLEL (UINT64_C(1) << 33)    /* more than one vCPU: LOCK needs atomics */
#define MODE_MXCSR_MODE (UINT64_C(1) << 34)  /* reserved: unusual FP modes */
#define MODE_ICOUNT (UINT64_C(1) << 35)      /* instructions are counted (tcg/icount.h) */
/* FS, GS outside 64-bit code: limit 4 GiB - 1, writable, expand up, present: the base is all that
 * counts, no seg_check [FS, GS loads that change it]. */
#define MODE_WIDE_FS (UINT64_C(1) << 36)
#define MODE_WIDE_GS (UINT64_C(1) << 37)

#define MODE_X87_UNMASKED                                                                          \
    (UINT64_C(1) << 38) /* an x87 exception is unmasked in FCW: helpers do every instruction */

/* What segments, the privilege level, RFLAGS and the interrupt shadow decide; the rest is up to
 * control registers, the board and the debugger. */
#define MODE_LEVEL                                                                                 \
    ((uint64_t)(MODE_CPL | MODE_CODE64 | MODE_CODE32 | MODE_STACK32 | MODE_V86 | MODE_FLAT_CS |    \
                MODE_FLAT_DATA | MODE_TF | MODE_STI_SHADOW | MODE_IOPL | MODE_CR4_PVI_VME |        \
                MODE_AC | MODE_SMAP_OFF) |                                                         \
     MODE_WIDE_FS | MODE_WIDE_GS)
/* 64-bit code: what the caches of its data segments say does not count. */
#define MODE_FLAT64                                                                                \
    ((uint64_t)(MODE_CODE64 | MODE_FLAT_CS | MODE_FLAT_DATA) | MODE_WIDE_FS | MODE_WIDE_GS)

/* Attributes as the fast system calls force them: present, accessed, level 0. */
enum { X86_FLAT_CODE64 = 0xa09b, X86_FLAT_CODE32 = 0xc09b, X86_FLAT_DATA32 = 0xc093 };

/* MMU indices of the x86 walk. */
enum x86_mmu_index {
    X86_MMU_KERNEL, /* supervisor, SMAP enforced; also implicit supervisor accesses (descriptor
                       tables) */
    X86_MMU_USER,
    X86_MMU_KERNEL_NOSMAP, /* supervisor with RFLAGS.AC set */
    X86_MMU_COUNT,
};
/* IR_MEM_IDX value for implicit supervisor accesses. */
#define X86_MEM_SYSTEM ((1u + X86_MMU_KERNEL) << 8)

#endif
