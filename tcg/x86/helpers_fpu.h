/*
 * Helpers of x87, of its environment, and of FXSAVE and XSAVE. x87 arithmetic runs on the host's
 * x87 (tcg/host/x86_64/x87.S), so it is exact to the bit; the host's control word is back at its
 * default when a helper returns. None touches the host's MXCSR, so only those that need the guest's
 * are HELPER_FP.
 *
 * desc: bits 0-10 the x87 opcode ((first byte & 7) << 8 | ModRM), 11-13 the segment of a memory
 * operand, 14 set when there is one, 16-31 bits 79:64 of an 80-bit operand.
 */
#ifndef TCG_X86_HELPERS_FPU_H
#define TCG_X86_HELPERS_FPU_H

#include "tcg/ir/ir.h"
#include "tcg/x86/slots.h"

enum { X87_DESC_SEG_SHIFT = 11, X87_DESC_MEM = 1 << 14, X87_DESC_HIGH_SHIFT = 16 };
enum x87_env_kind { X87_ENV, X87_STATE };                       /* FLDENV/FNSTENV, FRSTOR/FNSAVE */
enum x87_env_format { X87_FORMAT_32 = 1, X87_FORMAT_REAL = 2 }; /* or-ed; 0: 16 bits protected */
enum xsave_kind { XSAVE_PLAIN, XSAVE_OPT, XSAVE_COMPACT };

#define FPU_AX (UINT64_C(1) << 0)
#define FPU_AX_DX (UINT64_C(1) << 0 | UINT64_C(1) << 2)
#define FPU_MODE (UINT64_C(1) << GROUP_RFLAGS | UINT64_C(1) << GROUP_SEG)

/* clang-format off */
/* X(name, result, flags, reads, writes) */
#define X86_HELPERS_FPU(X) \
    /* register forms: (desc, rip); cmov and comi also the packed flags, which comi returns */ \
    X(x87_reg, IR_VOID, HELPER_FAULT | HELPER_X87, 0, 0) \
    X(x87_cmov, IR_VOID, HELPER_FAULT | HELPER_X87, 0, 0) \
    X(x87_comi, IR_FL, HELPER_FAULT | HELPER_X87, 0, 0) \
    /* memory operand already loaded: (desc, its low 64 bits, offset, rip) */ \
    X(x87_load, IR_VOID, HELPER_FAULT | HELPER_X87, 0, 0) \
    X(x87_arith, IR_VOID, HELPER_FAULT | HELPER_X87, 0, 0) \
    /* stores: (desc, linear address, offset, rip) */ \
    X(x87_store, IR_VOID, HELPER_FAULT | HELPER_X87, FPU_MODE, 0) \
    /* control. fldcw(value); fnclex(); fninit(); fwait(): #MF when an exception is pending, also what every MMX
     * instruction begins with. */ \
    X(fldcw, IR_VOID, HELPER_FAULT | HELPER_X87, 0, 0) \
    X(fnclex, IR_VOID, HELPER_X87, 0, 0) \
    X(fninit, IR_VOID, HELPER_X87, 0, 0) \
    X(fwait, IR_VOID, HELPER_FAULT | HELPER_X87, 0, 0) \
    /* emms(): all registers empty */ \
    X(emms, IR_VOID, HELPER_FAULT | HELPER_X87, 0, 0) \
    /* fstenv(linear address, enum x87_env_format, enum x87_env_kind), fldenv likewise */ \
    X(fstenv, IR_VOID, HELPER_FAULT | HELPER_X87, FPU_MODE, 0) \
    X(fldenv, IR_VOID, HELPER_FAULT | HELPER_X87, FPU_MODE, 0) \
    /* fxsave(linear address, 1 with REX.W), fxrstor likewise: DYN. xsave(address, REX.W, enum xsave_kind),
     * xrstor(address, REX.W): DYN. The guest's MXCSR is read and written. */ \
    X(fxsave, IR_VOID, HELPER_FAULT | HELPER_FP | HELPER_X87, X86_GROUP_ALL_XMM | FPU_MODE, 0) \
    X(fxrstor, IR_VOID, HELPER_FAULT | HELPER_FP | HELPER_X87, X86_GROUP_ALL_XMM | FPU_MODE, X86_GROUP_ALL_XMM) \
    X(xsave, IR_VOID, HELPER_FAULT | HELPER_FP | HELPER_X87, X86_GROUP_ALL_XMM | FPU_AX_DX | FPU_MODE, 0) \
    X(xrstor, IR_VOID, HELPER_FAULT | HELPER_FP | HELPER_X87, X86_GROUP_ALL_XMM | FPU_AX_DX | FPU_MODE, X86_GROUP_ALL_XMM) \
    /* ldmxcsr(value): DYN */ \
    X(ldmxcsr, IR_VOID, HELPER_FAULT | HELPER_FP, FPU_MODE, 0)
/* clang-format on */

#endif
