/*
 * Helpers of system instructions, exceptions and time. See helpers.h. A register or operation is
 * named by ARM_SYSREG() (core/cpu/arm_intc.h); `rt` is the number of the general register, which a
 * trap's syndrome wants (ISS of EC 0x18), in bits 20:16 of the first argument: ARM_SYS_ARG().
 *
 * What a helper changes of the processor's mode it tells the core itself (tcg_mode_changed()); the
 * block ends behind all of them but sysreg_read.
 */
#ifndef TCG_ARM_HELPERS_SYS_H
#define TCG_ARM_HELPERS_SYS_H

#include "core/cpu/arm_intc.h"

#define ARM_SYS_ARG(reg, rt) ((uint32_t)(reg) | (uint32_t)(rt) << 16)
#define ARM_SYS_ARG_REG(arg) ((arg)&0xffff)
#define ARM_SYS_ARG_RT(arg) ((arg) >> 16 & 31)

#define SYS_SP (UINT64_C(1) << GROUP_SP)
#define SYS_FL (UINT64_C(1) << GROUP_FLAGS)
#define SYS_PC (UINT64_C(1) << GROUP_PC)

/* X(name, result, flags, reads, writes) */
/* clang-format off */
#define ARM_HELPERS_SYS(X) \
    /* sysreg_read(arg): MRS. sysreg_write(arg, value): MSR (register). */ \
    X(sysreg_read, IR_I64, HELPER_FAULT | HELPER_FP | HELPER_CLOCK, SYS_SP | SYS_FL | SYS_PC, 0) \
    X(sysreg_write, IR_VOID, HELPER_FAULT | HELPER_FP | HELPER_CLOCK, SYS_SP | SYS_FL | SYS_PC, SYS_SP | SYS_FL | SYS_PC) \
    /* sys_op(arg, value): SYS: IC, DC, AT, TLBI, CFP, ... sysl(arg): SYSL. */ \
    X(sys_op, IR_VOID, HELPER_FAULT | HELPER_FP, SYS_PC, 0) \
    X(sysl, IR_I64, HELPER_FAULT, SYS_PC, 0) \
    /* msr_imm(op1 << 3 | op2, CRm): MSR (immediate) of what has no inline form. */ \
    X(msr_imm, IR_VOID, HELPER_FAULT, SYS_SP | SYS_FL | SYS_PC, SYS_SP | SYS_FL | SYS_PC) \
    /* svc, hvc, smc(imm16, address of the next instruction): take the exception or make the call of
     * firmware, set PC. */ \
    X(svc, IR_VOID, HELPER_FAULT, SYS_SP | SYS_FL | SYS_PC, SYS_SP | SYS_PC) \
    X(hvc, IR_VOID, HELPER_FAULT | HELPER_FP | HELPER_CLOCK, HELPER_ALL_GROUPS, HELPER_ALL_GROUPS) \
    X(smc, IR_VOID, HELPER_FAULT | HELPER_FP | HELPER_CLOCK, HELPER_ALL_GROUPS, HELPER_ALL_GROUPS) \
    /* eret(target): ERET and, authenticated, ERETAA; sets PC; AArch32 has other general registers. */ \
    X(eret, IR_VOID, HELPER_FAULT, SYS_SP | SYS_FL | SYS_PC | ARM_GROUP_ALL_X, SYS_SP | SYS_FL | SYS_PC | ARM_GROUP_ALL_X) \
    /* wfi, wfe(address of the next instruction): trap, or wait: the PC is set to the next one and
     * the vCPU halts. wfxt(address of the next one, timeout, event): WFET and WFIT. sev(local). */ \
    X(wfi, IR_VOID, HELPER_FAULT, SYS_PC, SYS_PC) \
    X(wfe, IR_VOID, HELPER_FAULT, SYS_PC, SYS_PC) \
    X(wfxt, IR_VOID, HELPER_FAULT, SYS_PC, SYS_PC) \
    X(sev, IR_VOID, 0, 0, 0) \
    /* yield(): another thread may have the host's processor. */ \
    X(yield, IR_VOID, HELPER_CLOCK, 0, 0) \
    /* rndr(): RNDR, RNDRRS: a random number, and NZCV says whether there was one. */ \
    X(rndr, IR_I64, 0, SYS_FL, SYS_FL) \
    /* isb(): translation registers that were written take effect; ends the block. */ \
    X(isb, IR_VOID, 0, 0, 0) \
    /* breakpoint(pc): a breakpoint of the debugger or the guest may stand here. */ \
    X(breakpoint, IR_VOID, HELPER_FAULT, 0, 0)
/* clang-format on */

#endif
