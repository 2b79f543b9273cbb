/*
 * Helpers of the system side: segments, control registers, far transfers, I/O, flags with
 * privileges.
 *
 * What a translate function does around them:
 * - "#UD" that the mode word or the CPU model decides (real or V86 mode, 64-bit mode, missing
 * feature, UMIP #GP, CPL) may be raised at translation time, before a memory operand is touched;
 * the helpers check privilege again, so a row that forgets is slow, not wrong.
 * - DYN: the instruction ends the block. A helper marked "sets RIP" has stored regs->rip itself;
 * otherwise the front end PUTs SLOT_RIP = next PC after the helper and then emits IR_EXIT_DYN.
 * DYN1: the same with aux 1 (interrupts may have become deliverable).
 * - `next` is the PC of the next instruction (LEA(GET(PCB), imm)), not yet masked to 16 or 32 bits:
 * the helper masks.
 * - opsize is the operand size in bytes: 2, 4 or 8.
 *
 * Blocks in special modes:
 * - MODE_STI_SHADOW: one instruction; its first op after IR_INSN is STENV(regs.sti_shadow, W8, 0);
 * it ends with DYN1. (STENV to a field that is no slot is not a PUT and may come before faulting
 * ops here: delivering an exception ends the shadow anyway.)
 * - MODE_TF: one instruction; its first op is STENV(tcg_cpu.step_pending, W8, 1); ends with DYN1;
 * #DB is raised by take_events. A fault or software interrupt of the instruction clears it.
 * - MODE_BREAKPOINTS: every instruction starts with the helper `breakpoint`.
 *
 * Without helpers: SGDT/SIDT/SLDT/STR/SMSW read their fields by LDENV (offsetof struct x86_regs
 * gdtr.base, gdtr.limit, ldtr.selector, cr0; mask what a wider load brings along);
 * RDFSBASE/RDGSBASE GET the SEG_BASE slot; CLI with CPL <= IOPL or in real mode is AND of
 * SLOT_RFLAGS (no DYN); CLD/STD likewise; CLFLUSH and prefetches are nothing (CLFLUSH: a one-byte
 * LD); MOV from CR0/CR2/CR3/CR4 may be LDENV at CPL 0.
 */
#ifndef TCG_X86_HELPERS_SYS_H
#define TCG_X86_HELPERS_SYS_H

#include "tcg/ir/ir.h"
#include "tcg/x86/slots.h"

#define SYS_G(group) (UINT64_C(1) << (group))
#define SYS_AX SYS_G(0)
#define SYS_CX SYS_G(1)
#define SYS_DX SYS_G(2)
#define SYS_BX SYS_G(3)
#define SYS_SP SYS_G(4)
#define SYS_FL SYS_G(GROUP_FLAGS)
#define SYS_PC SYS_G(GROUP_PC)
#define SYS_RF SYS_G(GROUP_RFLAGS)
#define SYS_SG SYS_G(GROUP_SEG)
#define SYS_MODE (SYS_RF | SYS_SG) /* what computing the mode word reads */
#define SYS_ALL (X86_GROUP_ALL_GPR | SYS_FL | SYS_PC | SYS_RF | SYS_SG)
#define SYS_FAULT HELPER_FAULT
#define SYS_DEVICE                                                                                 \
    (HELPER_FAULT | HELPER_FP |                                                                    \
     HELPER_CLOCK) /* reaches devices or other C code with floating point */

/* clang-format off */
/* X(name, result, flags, reads, writes) */
#define X86_HELPERS_SYS(X) \
    /* segment registers.  seg_check(seg, offset, size, access 0 read / 1 write / 2 read-modify-write): limit, type and
     * null check of a data access outside 64-bit code; offset already wrapped to the address size; returns the linear
     * address (32 bits). Raises #GP(0) or #SS(0). */ \
    X(seg_check, IR_I64, SYS_FAULT, SYS_MODE, 0) \
    /* load_seg(seg, selector, 1 when MOV or POP): MOV/POP sreg, LDS...; MOV and POP to SS start the interrupt shadow.
     * DYN, except for FS and GS in 64-bit code: there the block may go on. (seg = CS: #UD is the front end's.) */ \
    X(load_seg, IR_VOID, SYS_FAULT, SYS_MODE, SYS_MODE) \
    /* LLDT, LTR (selector); LGDT, LIDT (limit, base: already cut to 24 bits for opsize 2). */ \
    X(lldt, IR_VOID, SYS_FAULT, SYS_MODE, 0) \
    X(ltr, IR_VOID, SYS_FAULT, SYS_MODE, 0) \
    X(lgdt, IR_VOID, SYS_FAULT, SYS_MODE, 0) \
    X(lidt, IR_VOID, SYS_FAULT, SYS_MODE, 0) \
    /* LAR, LSL (selector): return the value (32 bits) and set or clear ZF; with ZF clear the destination stays as it
     * was. VERR, VERW (selector): ZF. ARPL(destination, source): returns the new destination (16 bits), sets ZF.
     * May fault while reading the descriptor. */ \
    X(lar, IR_I64, SYS_FAULT, SYS_MODE | SYS_FL, SYS_FL) \
    X(lsl, IR_I64, SYS_FAULT, SYS_MODE | SYS_FL, SYS_FL) \
    X(verr, IR_VOID, SYS_FAULT, SYS_MODE | SYS_FL, SYS_FL) \
    X(verw, IR_VOID, SYS_FAULT, SYS_MODE | SYS_FL, SYS_FL) \
    X(arpl, IR_I64, 0, SYS_FL, SYS_FL) \
    /* WRFSBASE/WRGSBASE(seg, value, opsize 4 or 8): #GP when not canonical; no DYN. */ \
    X(wrsegbase, IR_VOID, SYS_FAULT, SYS_MODE, SYS_SG) \
    /* far transfers, set RIP, DYN; iret DYN1. far_jmp/far_call(selector, offset, opsize, next);
     * far_ret(opsize, bytes to release, next); iret(opsize, next). */ \
    X(far_jmp, IR_VOID, SYS_DEVICE, SYS_ALL, SYS_ALL) \
    X(far_call, IR_VOID, SYS_DEVICE, SYS_ALL, SYS_ALL) \
    X(far_ret, IR_VOID, SYS_FAULT, SYS_ALL, SYS_ALL) \
    X(iret, IR_VOID, SYS_FAULT, SYS_ALL, SYS_ALL) \
    /* software interrupts: always raise (end the region with EXIT_DYN after it): int_sw(vector, length in bytes, kind
     * enum x86_soft_int). INTO: into(length) raises when OF, else nothing. */ \
    X(int_sw, IR_VOID, SYS_FAULT, SYS_ALL, SYS_ALL) \
    X(into, IR_VOID, SYS_FAULT, SYS_ALL, 0) \
    /* fast system calls, set RIP, DYN (sysret, sysexit: DYN1). syscall(next), sysret(opsize 4 or 8), sysenter(next),
     * sysexit(opsize 4 or 8). */ \
    X(syscall, IR_VOID, SYS_FAULT, SYS_ALL, SYS_ALL) \
    X(sysret, IR_VOID, SYS_FAULT, SYS_ALL, SYS_ALL) \
    X(sysenter, IR_VOID, SYS_FAULT, SYS_ALL, SYS_ALL) \
    X(sysexit, IR_VOID, SYS_FAULT, SYS_ALL, SYS_ALL) \
    /* control and debug registers. mov_from_cr(n): any of 0 2 3 4 8. mov_to_cr(n, value): DYN1. lmsw(value): DYN.
     * clts(): DYN. mov_from_dr(n), mov_to_dr(n, value): DYN. */ \
    X(mov_from_cr, IR_I64, SYS_FAULT | HELPER_CLOCK, SYS_MODE, 0) \
    X(mov_to_cr, IR_VOID, SYS_FAULT | HELPER_CLOCK, SYS_MODE | SYS_FL, SYS_MODE) \
    X(lmsw, IR_VOID, SYS_FAULT, SYS_MODE | SYS_FL, SYS_MODE) \
    X(clts, IR_VOID, SYS_FAULT, SYS_MODE, 0) \
    X(mov_from_dr, IR_I64, SYS_FAULT, SYS_MODE, 0) \
    X(mov_to_dr, IR_VOID, SYS_FAULT, SYS_MODE, 0) \
    /* work on RAX, RCX, RDX (and RBX) themselves. wrmsr: DYN1. rdmsr, rdtsc, rdtscp, rdpmc, cpuid, xgetbv, rdpkru, wrpkru: no
     * DYN.
     * xsetbv: DYN. */ \
    X(rdmsr, IR_VOID, SYS_DEVICE, SYS_CX | SYS_MODE, SYS_AX | SYS_DX) \
    X(wrmsr, IR_VOID, SYS_DEVICE, SYS_AX | SYS_CX | SYS_DX | SYS_MODE | SYS_FL, SYS_MODE) \
    X(rdtsc, IR_VOID, SYS_FAULT | HELPER_CLOCK, SYS_MODE, SYS_AX | SYS_DX) \
    X(rdtscp, IR_VOID, SYS_FAULT | HELPER_CLOCK, SYS_MODE, SYS_AX | SYS_DX | SYS_CX) \
    X(rdpmc, IR_VOID, SYS_FAULT, SYS_CX | SYS_MODE, SYS_AX | SYS_DX) \
    X(cpuid, IR_VOID, SYS_FAULT, SYS_AX | SYS_CX | SYS_MODE, SYS_AX | SYS_CX | SYS_DX | SYS_BX) \
    X(xgetbv, IR_VOID, SYS_FAULT, SYS_CX | X86_GROUP_ALL_XMM, SYS_AX | SYS_DX) \
    X(xsetbv, IR_VOID, SYS_FAULT, SYS_AX | SYS_CX | SYS_DX | SYS_MODE, 0) \
    X(rdpkru, IR_VOID, SYS_FAULT, SYS_CX, SYS_AX | SYS_DX) \
    X(wrpkru, IR_VOID, SYS_FAULT, SYS_AX | SYS_CX | SYS_DX, 0) \
    /* invlpg(linear address): DYN. invpcid(type register, descriptor low, high): DYN. cache_control(): INVD, WBINVD,
     * WBNOINVD: privilege check only. */ \
    X(invlpg, IR_VOID, SYS_FAULT, SYS_MODE, 0) \
    X(invpcid, IR_VOID, SYS_FAULT, SYS_MODE, 0) \
    X(cache_control, IR_VOID, SYS_FAULT, SYS_MODE, 0) \
    /* hlt(next): sets RIP, DYN1. monitor(): checks RCX only. mwait(next): sets RIP, DYN1. rsm(): sets RIP, DYN1 (#UD
     * outside SMM). pause(): gives way to another thread now and then. */ \
    X(hlt, IR_VOID, SYS_FAULT, SYS_MODE, SYS_PC) \
    X(monitor, IR_VOID, SYS_FAULT, SYS_CX | SYS_MODE, 0) \
    X(mwait, IR_VOID, SYS_FAULT, SYS_CX | SYS_MODE, SYS_PC) \
    X(rsm, IR_VOID, SYS_DEVICE, SYS_ALL, SYS_ALL) \
    X(pause, IR_VOID, HELPER_CLOCK, 0, 0) \
    /* flags. cli(): where privilege is not known to suffice (VME, PVI, #GP); no DYN. sti(): DYN1. pushf(opsize):
     * returns the image to push (#GP in V86 without privilege). popf(value, opsize): DYN1. clac(), stac(): DYN. */ \
    X(cli, IR_VOID, SYS_FAULT, SYS_MODE, SYS_RF) \
    X(sti, IR_VOID, SYS_FAULT, SYS_MODE, SYS_RF) \
    X(pushf, IR_I64, SYS_FAULT, SYS_MODE | SYS_FL, 0) \
    X(popf, IR_VOID, SYS_FAULT, SYS_MODE | SYS_FL, SYS_RF | SYS_FL) \
    X(clac, IR_VOID, SYS_FAULT, SYS_MODE, SYS_RF) \
    X(stac, IR_VOID, SYS_FAULT, SYS_MODE, SYS_RF) \
    /* port I/O with the privilege check. in(port, size) returns the value; out(port, size, value). No DYN needed for
     * in; out: DYN1 (it may reset the machine or raise an interrupt). */ \
    X(in, IR_I64, SYS_DEVICE, SYS_MODE, 0) \
    X(out, IR_VOID, SYS_DEVICE, SYS_MODE, 0) \
    /* INS, OUTS: ins(size, address size in bytes, rep), outs(size, address size, rep, seg): one element, or with rep a
     * chunk; update RDI/RSI and RCX; return 1 when iterations are left (branch back to the same instruction, polling),
     * else 0. End the block with DYN1 in both cases (SLOT_RIP = SELNZ(result, this, next)). */ \
    X(ins, IR_I64, SYS_DEVICE, SYS_ALL, SYS_CX | SYS_G(7)) \
    X(outs, IR_I64, SYS_DEVICE, SYS_ALL, SYS_CX | SYS_G(6)) \
    /* breakpoint(pc): DR7 execute breakpoints (#DB) and the debugger's (leaves). */ \
    X(breakpoint, IR_VOID, SYS_FAULT, SYS_MODE, SYS_RF)
/* clang-format on */

/* Third argument of int_sw. */
enum x86_soft_int {
    X86_INT_N, /* CD ib: gate privilege, IOPL in V86 mode */
    X86_INT_3, /* CC: gate privilege */
    X86_INT_O, /* CE */
    X86_INT_1, /* F1: as a hardware #DB, no gate privilege */
};

#endif
