/*
 * Decode table: system instructions - segments, descriptor tables, far transfers, interrupts,
 * control registers, MSRs, ports, fences (Intel SDM vol. 2; SYSCALL and SYSRET outside 64-bit mode:
 * AMD APM vol. 3).
 */
#include "tcg/x86/decode.h"
#include "tcg/x86/translate_int.h"

/* clang-format off */
#define SEG_STACK(R, map, push_op, pop_op, sel, flags_, seg, name_) \
    R(map, push_op, push_op, sel, "push", tr_push_sreg, OPS(seg), .flags = (flags_), .arg = X86_##seg) \
    R(map, pop_op, pop_op, sel, "pop", tr_pop_sreg, OPS(seg), .flags = (flags_), .arg = X86_##seg)

#define ONE_BYTE(R) \
    SEG_STACK(R, MAP_1, 0x06, 0x07, NOT64, 0, ES, "es") \
    R(MAP_1, 0x0e, 0x0e, NOT64, "push", tr_push_sreg, OPS(CS), .arg = X86_CS) \
    SEG_STACK(R, MAP_1, 0x16, 0x17, NOT64, 0, SS, "ss") \
    SEG_STACK(R, MAP_1, 0x1e, 0x1f, NOT64, 0, DS, "ds") \
    R(MAP_1, 0x63, 0x63, NOT64, "arpl", tr_arpl, OPS(Ew, Gw), .flags = I_PROT, .fl_write = FL_Z) \
    R(MAP_1, 0x6c, 0x6c, SEL_ANY, "ins", tr_ins, OPS(Yb, DX), .flags = I_BYTE | I_REP | I_END) \
    R(MAP_1, 0x6d, 0x6d, SEL_ANY, "ins", tr_ins, OPS(Yv, DX), .flags = I_REP | I_END) \
    R(MAP_1, 0x6e, 0x6e, SEL_ANY, "outs", tr_outs, OPS(DX, Xb), .flags = I_BYTE | I_REP | I_END) \
    R(MAP_1, 0x6f, 0x6f, SEL_ANY, "outs", tr_outs, OPS(DX, Xv), .flags = I_REP | I_END) \
    R(MAP_1, 0x8c, 0x8c, SEL_ANY, "mov", tr_mov_from_sreg, OPS(Ev, Sw)) \
    R(MAP_1, 0x8e, 0x8e, SEL_ANY, "mov", tr_mov_to_sreg, OPS(Sw, Ew)) \
    R(MAP_1, 0x9a, 0x9a, NOT64, "lcall", tr_far_direct, OPS(Ap), .flags = I_END, .arg = HELPER_ID(far_call)) \
    R(MAP_1, 0x9c, 0x9c, SEL_ANY, "pushf", tr_pushf, NO_OPS, .flags = I_DEF64, .fl_read = FL_ARITH) \
    R(MAP_1, 0x9d, 0x9d, SEL_ANY, "popf", tr_popf, NO_OPS, .flags = I_DEF64 | I_END, .fl_write = FL_ARITH) \
    R(MAP_1, 0xc4, 0xc4, NOT64 | MOD_MEM, "les", tr_load_far_pointer, OPS(Gv, Mp), .arg = X86_ES) \
    R(MAP_1, 0xc5, 0xc5, NOT64 | MOD_MEM, "lds", tr_load_far_pointer, OPS(Gv, Mp), .arg = X86_DS) \
    R(MAP_1, 0xca, 0xca, SEL_ANY, "lret", tr_far_ret, OPS(Iw), .flags = I_END) \
    R(MAP_1, 0xcb, 0xcb, SEL_ANY, "lret", tr_far_ret, NO_OPS, .flags = I_END) \
    R(MAP_1, 0xcc, 0xcc, SEL_ANY, "int3", tr_int, NO_OPS, .flags = I_END, .arg = X86_INT_3, .arg2 = X86_BP) \
    R(MAP_1, 0xcd, 0xcd, SEL_ANY, "int", tr_int, OPS(Ib), .flags = I_END, .arg = X86_INT_N) \
    R(MAP_1, 0xce, 0xce, NOT64, "into", tr_into, NO_OPS, .fl_read = FL_O) \
    R(MAP_1, 0xcf, 0xcf, SEL_ANY, "iret", tr_iret, NO_OPS, .flags = I_END, .fl_write = FL_ARITH) \
    R(MAP_1, 0xe4, 0xe4, SEL_ANY, "in", tr_in, OPS(AL, Ib), .flags = I_BYTE) \
    R(MAP_1, 0xe5, 0xe5, SEL_ANY, "in", tr_in, OPS(eAX, Ib)) \
    R(MAP_1, 0xe6, 0xe6, SEL_ANY, "out", tr_out, OPS(Ib, AL), .flags = I_BYTE | I_END) \
    R(MAP_1, 0xe7, 0xe7, SEL_ANY, "out", tr_out, OPS(Ib, eAX), .flags = I_END) \
    R(MAP_1, 0xea, 0xea, NOT64, "ljmp", tr_far_direct, OPS(Ap), .flags = I_END, .arg = HELPER_ID(far_jmp)) \
    R(MAP_1, 0xec, 0xec, SEL_ANY, "in", tr_in, OPS(AL, DX), .flags = I_BYTE) \
    R(MAP_1, 0xed, 0xed, SEL_ANY, "in", tr_in, OPS(eAX, DX)) \
    R(MAP_1, 0xee, 0xee, SEL_ANY, "out", tr_out, OPS(DX, AL), .flags = I_BYTE | I_END) \
    R(MAP_1, 0xef, 0xef, SEL_ANY, "out", tr_out, OPS(DX, eAX), .flags = I_END) \
    R(MAP_1, 0xf1, 0xf1, SEL_ANY, "int1", tr_int, NO_OPS, .flags = I_END, .arg = X86_INT_1, .arg2 = X86_DB) \
    R(MAP_1, 0xf4, 0xf4, SEL_ANY, "hlt", tr_helper_next_dyn1, NO_OPS, .flags = I_CPL0 | I_END, .arg = HELPER_ID(hlt)) \
    R(MAP_1, 0xfa, 0xfa, SEL_ANY, "cli", tr_cli, NO_OPS) \
    R(MAP_1, 0xfb, 0xfb, SEL_ANY, "sti", tr_sti, NO_OPS)

#define GROUP_6_7(R) \
    R(MAP_0F, 0x00, 0x00, REG_IS(0), "sldt", tr_sldt_str, OPS(Ev), .flags = I_PROT, .arg = offsetof(struct x86_regs, ldtr.selector)) \
    R(MAP_0F, 0x00, 0x00, REG_IS(1), "str", tr_sldt_str, OPS(Ev), .flags = I_PROT, .arg = offsetof(struct x86_regs, tr.selector)) \
    R(MAP_0F, 0x00, 0x00, REG_IS(2), "lldt", tr_lldt_ltr, OPS(Ew), .flags = I_PROT | I_CPL0, .arg = HELPER_ID(lldt)) \
    R(MAP_0F, 0x00, 0x00, REG_IS(3), "ltr", tr_lldt_ltr, OPS(Ew), .flags = I_PROT | I_CPL0, .arg = HELPER_ID(ltr)) \
    R(MAP_0F, 0x00, 0x00, REG_IS(4), "verr", tr_verr_verw, OPS(Ew), .flags = I_PROT, .arg = HELPER_ID(verr), .fl_write = FL_Z) \
    R(MAP_0F, 0x00, 0x00, REG_IS(5), "verw", tr_verr_verw, OPS(Ew), .flags = I_PROT, .arg = HELPER_ID(verw), .fl_write = FL_Z) \
    R(MAP_0F, 0x01, 0x01, REG_IS(0) | MOD_MEM, "sgdt", tr_sgdt_sidt, OPS(Ms), .arg = offsetof(struct x86_regs, gdtr)) \
    R(MAP_0F, 0x01, 0x01, REG_IS(1) | MOD_MEM, "sidt", tr_sgdt_sidt, OPS(Ms), .arg = offsetof(struct x86_regs, idtr)) \
    R(MAP_0F, 0x01, 0x01, REG_IS(2) | MOD_MEM, "lgdt", tr_lgdt_lidt, OPS(Ms), .flags = I_CPL0, .arg = HELPER_ID(lgdt)) \
    R(MAP_0F, 0x01, 0x01, REG_IS(3) | MOD_MEM, "lidt", tr_lgdt_lidt, OPS(Ms), .flags = I_CPL0, .arg = HELPER_ID(lidt)) \
    R(MAP_0F, 0x01, 0x01, REG_IS(4), "smsw", tr_smsw, OPS(Ev)) \
    R(MAP_0F, 0x01, 0x01, REG_IS(6), "lmsw", tr_lmsw, OPS(Ew), .flags = I_CPL0 | I_END) \
    R(MAP_0F, 0x01, 0x01, REG_IS(7) | MOD_MEM, "invlpg", tr_invlpg, OPS(M), .flags = I_CPL0 | I_NO_MEM_ACCESS | I_END) \
    R(MAP_0F, 0x01, 0x01, REG_IS(1) | MOD_REG | RM_IS(0), "monitor", tr_helper_ud_cpl, NO_OPS, .feature = FEAT_MONITOR, .arg = HELPER_ID(monitor)) \
    R(MAP_0F, 0x01, 0x01, REG_IS(1) | MOD_REG | RM_IS(1), "mwait", tr_helper_ud_cpl, NO_OPS, .flags = I_END, .feature = FEAT_MONITOR, .arg = HELPER_ID(mwait)) \
    R(MAP_0F, 0x01, 0x01, REG_IS(1) | MOD_REG | RM_IS(2) | P_NP, "clac", tr_helper_ud_cpl, NO_OPS, .flags = I_END, .feature = FEAT_SMAP, .arg = HELPER_ID(clac)) \
    R(MAP_0F, 0x01, 0x01, REG_IS(1) | MOD_REG | RM_IS(3) | P_NP, "stac", tr_helper_ud_cpl, NO_OPS, .flags = I_END, .feature = FEAT_SMAP, .arg = HELPER_ID(stac)) \
    R(MAP_0F, 0x01, 0x01, REG_IS(2) | MOD_REG | RM_IS(0) | P_NP, "xgetbv", tr_xcr, NO_OPS, .feature = FEAT_XSAVE, .arg = HELPER_ID(xgetbv)) \
    R(MAP_0F, 0x01, 0x01, REG_IS(2) | MOD_REG | RM_IS(1) | P_NP, "xsetbv", tr_xcr, NO_OPS, .flags = I_CPL0 | I_END, .feature = FEAT_XSAVE, .arg = HELPER_ID(xsetbv)) \
    R(MAP_0F, 0x01, 0x01, REG_IS(5) | MOD_REG | RM_IS(6) | P_NP, "rdpkru", tr_pkru, NO_OPS, .feature = FEAT_PKU, .arg = HELPER_ID(rdpkru)) \
    R(MAP_0F, 0x01, 0x01, REG_IS(5) | MOD_REG | RM_IS(7) | P_NP, "wrpkru", tr_pkru, NO_OPS, .feature = FEAT_PKU, .arg = HELPER_ID(wrpkru)) \
    R(MAP_0F, 0x01, 0x01, REG_IS(7) | MOD_REG | RM_IS(0) | ONLY64, "swapgs", tr_swapgs, NO_OPS, .flags = I_CPL0) \
    R(MAP_0F, 0x01, 0x01, REG_IS(7) | MOD_REG | RM_IS(1), "rdtscp", tr_rdtsc, NO_OPS, .feature = FEAT_RDTSCP, .arg = HELPER_ID(rdtscp))

#define SEGBASE(R, n, name, fn, seg) \
    R(MAP_0F, 0xae, 0xae, P_F3 | REG_IS(n) | MOD_REG | ONLY64, name, fn, OPS(Ry), .flags = I_W64, .feature = FEAT_FSGSBASE, .arg = (seg))

#define TWO_BYTE(R) \
    GROUP_6_7(R) \
    R(MAP_0F, 0x02, 0x02, SEL_ANY, "lar", tr_lar_lsl, OPS(Gv, Ew), .flags = I_PROT, .arg = HELPER_ID(lar), .fl_write = FL_Z) \
    R(MAP_0F, 0x03, 0x03, SEL_ANY, "lsl", tr_lar_lsl, OPS(Gv, Ew), .flags = I_PROT, .arg = HELPER_ID(lsl), .fl_write = FL_Z) \
    R(MAP_0F, 0x05, 0x05, SEL_ANY, "syscall", tr_syscall, NO_OPS, .flags = I_END, .feature = FEAT_SYSCALL, .arg = HELPER_ID(syscall)) \
    R(MAP_0F, 0x06, 0x06, SEL_ANY, "clts", tr_helper_dyn, NO_OPS, .flags = I_CPL0 | I_END, .arg = HELPER_ID(clts)) \
    R(MAP_0F, 0x07, 0x07, SEL_ANY, "sysret", tr_sysret, NO_OPS, .flags = I_W64 | I_CPL0 | I_END, .feature = FEAT_SYSCALL, .arg = HELPER_ID(sysret), .fl_write = FL_ARITH) \
    R(MAP_0F, 0x08, 0x08, SEL_ANY, "invd", tr_helper, NO_OPS, .flags = I_CPL0, .arg = HELPER_ID(cache_control)) \
    R(MAP_0F, 0x09, 0x09, SEL_ANY, "wbinvd", tr_helper, NO_OPS, .flags = I_CPL0, .arg = HELPER_ID(cache_control)) \
    R(MAP_0F, 0x20, 0x20, SEL_ANY, "mov", tr_mov_from_cr, OPS(Ry, Cr), .flags = I_FORCE64 | I_CPL0) \
    R(MAP_0F, 0x21, 0x21, SEL_ANY, "mov", tr_mov_from_dr, OPS(Ry, Dr), .flags = I_FORCE64 | I_CPL0) \
    R(MAP_0F, 0x22, 0x22, SEL_ANY, "mov", tr_mov_to_cr, OPS(Cr, Ry), .flags = I_FORCE64 | I_CPL0 | I_END) \
    R(MAP_0F, 0x23, 0x23, SEL_ANY, "mov", tr_mov_to_dr, OPS(Dr, Ry), .flags = I_FORCE64 | I_CPL0 | I_END) \
    R(MAP_0F, 0x30, 0x30, SEL_ANY, "wrmsr", tr_helper_dyn1, NO_OPS, .flags = I_CPL0 | I_END, .feature = FEAT_MSR, .arg = HELPER_ID(wrmsr)) \
    R(MAP_0F, 0x31, 0x31, SEL_ANY, "rdtsc", tr_rdtsc, NO_OPS, .feature = FEAT_TSC, .arg = HELPER_ID(rdtsc)) \
    R(MAP_0F, 0x32, 0x32, SEL_ANY, "rdmsr", tr_helper, NO_OPS, .flags = I_CPL0, .feature = FEAT_MSR, .arg = HELPER_ID(rdmsr)) \
    R(MAP_0F, 0x33, 0x33, SEL_ANY, "rdpmc", tr_helper, NO_OPS, .arg = HELPER_ID(rdpmc)) \
    R(MAP_0F, 0x34, 0x34, SEL_ANY, "sysenter", tr_syscall, NO_OPS, .flags = I_END, .feature = FEAT_SEP, .arg = HELPER_ID(sysenter)) \
    R(MAP_0F, 0x35, 0x35, SEL_ANY, "sysexit", tr_sysret, NO_OPS, .flags = I_W64 | I_CPL0 | I_END, .feature = FEAT_SEP, .arg = HELPER_ID(sysexit)) \
    SEG_STACK(R, MAP_0F, 0xa0, 0xa1, SEL_ANY, I_DEF64, FS, "fs") \
    R(MAP_0F, 0xa2, 0xa2, SEL_ANY, "cpuid", tr_helper, NO_OPS, .arg = HELPER_ID(cpuid)) \
    SEG_STACK(R, MAP_0F, 0xa8, 0xa9, SEL_ANY, I_DEF64, GS, "gs") \
    R(MAP_0F, 0xaa, 0xaa, SEL_ANY, "rsm", tr_rsm, NO_OPS, .flags = I_END, .arg = HELPER_ID(rsm)) \
    SEGBASE(R, 0, "rdfsbase", tr_rd_segbase, X86_FS) \
    SEGBASE(R, 1, "rdgsbase", tr_rd_segbase, X86_GS) \
    SEGBASE(R, 2, "wrfsbase", tr_wr_segbase, X86_FS) \
    SEGBASE(R, 3, "wrgsbase", tr_wr_segbase, X86_GS) \
    R(MAP_0F, 0xae, 0xae, P_NP | REG_IS(5) | MOD_REG, "lfence", tr_lfence, NO_OPS, .feature = FEAT_SSE2) \
    R(MAP_0F, 0xae, 0xae, P_NP | REG_IS(6) | MOD_REG, "mfence", tr_fence, NO_OPS, .feature = FEAT_SSE2) \
    R(MAP_0F, 0xae, 0xae, P_NP | REG_IS(7) | MOD_REG, "sfence", tr_nop, NO_OPS, .feature = FEAT_SSE) \
    R(MAP_0F, 0xae, 0xae, P_NP | REG_IS(7) | MOD_MEM, "clflush", tr_clflush, OPS(Mb), .feature = FEAT_CLFLUSH) \
    R(MAP_0F, 0xb2, 0xb2, MOD_MEM, "lss", tr_load_far_pointer, OPS(Gv, Mp), .arg = X86_SS) \
    R(MAP_0F, 0xb4, 0xb4, MOD_MEM, "lfs", tr_load_far_pointer, OPS(Gv, Mp), .arg = X86_FS) \
    R(MAP_0F, 0xb5, 0xb5, MOD_MEM, "lgs", tr_load_far_pointer, OPS(Gv, Mp), .arg = X86_GS) \
    R(MAP_0F, 0xc7, 0xc7, NO_REP | REG_IS(6) | MOD_REG, "rdrand", tr_rdrand, OPS(Rv), .feature = FEAT_RDRAND, .fl_write = FL_ARITH) \
    R(MAP_0F, 0xc7, 0xc7, NO_REP | REG_IS(7) | MOD_REG, "rdseed", tr_rdrand, OPS(Rv), .feature = FEAT_RDSEED, .fl_write = FL_ARITH) \
    R(MAP_0F, 0xc7, 0xc7, P_F3 | REG_IS(7) | MOD_REG, "rdpid", tr_rdpid, OPS(Ry), .flags = I_FORCE64, .feature = FEAT_RDPID) \
    R(MAP_0F38, 0x82, 0x82, P_66 | MOD_MEM, "invpcid", tr_invpcid, OPS(Gy, Mx), .flags = I_CPL0 | I_END, .feature = FEAT_INVPCID)

#define ROWS(R) ONE_BYTE(R) TWO_BYTE(R)
/* clang-format on */

X86_ROW_TABLE(x86_table_sys, ROWS)
