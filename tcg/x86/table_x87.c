/*
 * Decode table: x87, and the instructions that save and restore FPU and SSE state (Intel SDM vol.
 * 2; appendix "Opcode Map", escape opcodes). Opcodes that the manual leaves out but every processor
 * has as aliases are here too.
 */
#include <stddef.h>

#include "tcg/x86/decode.h"
#include "tcg/x86/translate_x87.h"

/* clang-format off */
#define X87 .check = CHECK_X87, .feature = FEAT_FPU
/* one register form, an opcode with a register in its low bits, arithmetic on memory, a load, a store */
#define ONE(R, op, n, rm, name_) \
    R(MAP_1, op, op, MOD_REG | REG_IS(n) | RM_IS(rm), name_, tr_x87_reg, NO_OPS, X87, .arg = HELPER_ID(x87_reg))
#define STI(R, op, n, name_) \
    R(MAP_1, op, op, MOD_REG | REG_IS(n), name_, tr_x87_reg, OPS(ST0, STi), X87, .arg = HELPER_ID(x87_reg))
#define TO_STI(R, op, n, name_) \
    R(MAP_1, op, op, MOD_REG | REG_IS(n), name_, tr_x87_reg, OPS(STi, ST0), X87, .arg = HELPER_ID(x87_reg))
#define STI1(R, op, n, name_) \
    R(MAP_1, op, op, MOD_REG | REG_IS(n), name_, tr_x87_reg, OPS(STi), X87, .arg = HELPER_ID(x87_reg))
#define CMOV(R, op, n, name_, flag_) \
    R(MAP_1, op, op, MOD_REG | REG_IS(n), name_, tr_x87_reg, OPS(ST0, STi), .check = CHECK_X87, .feature = FEAT_CMOV, \
      .arg = HELPER_ID(x87_cmov), .fl_read = (flag_))
#define COMI(R, op, n, name_) \
    R(MAP_1, op, op, MOD_REG | REG_IS(n), name_, tr_x87_reg, OPS(ST0, STi), .check = CHECK_X87, .feature = FEAT_CMOV, \
      .arg = HELPER_ID(x87_comi), .fl_write = FL_ARITH)
#define MEM(R, op, n, name_, kind, width, helper) \
    R(MAP_1, op, op, MOD_MEM | REG_IS(n), name_, tr_x87_mem, OPS(kind), X87, .arg = HELPER_ID(helper), .arg2 = (width))
#define STORE(R, op, n, name_, kind, bytes) \
    R(MAP_1, op, op, MOD_MEM | REG_IS(n), name_, tr_x87_store, OPS(kind), X87, .arg2 = (bytes))
#define STORE_SSE3(R, op, n, name_, kind, bytes) \
    R(MAP_1, op, op, MOD_MEM | REG_IS(n), name_, tr_x87_store, OPS(kind), .check = CHECK_X87, .feature = FEAT_SSE3, \
      .arg2 = (bytes))

#define ARITH_MEM(R, op, kind, width, prefix) \
    MEM(R, op, 0, prefix "add", kind, width, x87_arith) \
    MEM(R, op, 1, prefix "mul", kind, width, x87_arith) \
    MEM(R, op, 2, prefix "com", kind, width, x87_arith) \
    MEM(R, op, 3, prefix "comp", kind, width, x87_arith) \
    MEM(R, op, 4, prefix "sub", kind, width, x87_arith) \
    MEM(R, op, 5, prefix "subr", kind, width, x87_arith) \
    MEM(R, op, 6, prefix "div", kind, width, x87_arith) \
    MEM(R, op, 7, prefix "divr", kind, width, x87_arith)

#define OP_D8(R) \
    ARITH_MEM(R, 0xd8, Mf32, IR_W32, "f") \
    STI(R, 0xd8, 0, "fadd") STI(R, 0xd8, 1, "fmul") STI(R, 0xd8, 2, "fcom") STI(R, 0xd8, 3, "fcomp") \
    STI(R, 0xd8, 4, "fsub") STI(R, 0xd8, 5, "fsubr") STI(R, 0xd8, 6, "fdiv") STI(R, 0xd8, 7, "fdivr")

#define OP_D9(R) \
    MEM(R, 0xd9, 0, "fld", Mf32, IR_W32, x87_load) \
    STORE(R, 0xd9, 2, "fst", Mf32, 4) \
    STORE(R, 0xd9, 3, "fstp", Mf32, 4) \
    R(MAP_1, 0xd9, 0xd9, MOD_MEM | REG_IS(4), "fldenv", tr_x87_env, OPS(M), X87, .arg = HELPER_ID(fldenv), .arg2 = X87_ENV) \
    R(MAP_1, 0xd9, 0xd9, MOD_MEM | REG_IS(5), "fldcw", tr_fldcw, OPS(Mw), X87) \
    R(MAP_1, 0xd9, 0xd9, MOD_MEM | REG_IS(6), "fnstenv", tr_x87_env, OPS(M), X87, .arg = HELPER_ID(fstenv), .arg2 = X87_ENV) \
    R(MAP_1, 0xd9, 0xd9, MOD_MEM | REG_IS(7), "fnstcw", tr_x87_store_word, OPS(Mw), X87, .arg = offsetof(struct x86_regs, fcw)) \
    STI1(R, 0xd9, 0, "fld") STI1(R, 0xd9, 1, "fxch") STI1(R, 0xd9, 3, "fstp") \
    ONE(R, 0xd9, 2, 0, "fnop") \
    ONE(R, 0xd9, 4, 0, "fchs") ONE(R, 0xd9, 4, 1, "fabs") ONE(R, 0xd9, 4, 4, "ftst") ONE(R, 0xd9, 4, 5, "fxam") \
    ONE(R, 0xd9, 5, 0, "fld1") ONE(R, 0xd9, 5, 1, "fldl2t") ONE(R, 0xd9, 5, 2, "fldl2e") ONE(R, 0xd9, 5, 3, "fldpi") \
    ONE(R, 0xd9, 5, 4, "fldlg2") ONE(R, 0xd9, 5, 5, "fldln2") ONE(R, 0xd9, 5, 6, "fldz") \
    ONE(R, 0xd9, 6, 0, "f2xm1") ONE(R, 0xd9, 6, 1, "fyl2x") ONE(R, 0xd9, 6, 2, "fptan") ONE(R, 0xd9, 6, 3, "fpatan") \
    ONE(R, 0xd9, 6, 4, "fxtract") ONE(R, 0xd9, 6, 5, "fprem1") ONE(R, 0xd9, 6, 6, "fdecstp") ONE(R, 0xd9, 6, 7, "fincstp") \
    ONE(R, 0xd9, 7, 0, "fprem") ONE(R, 0xd9, 7, 1, "fyl2xp1") ONE(R, 0xd9, 7, 2, "fsqrt") ONE(R, 0xd9, 7, 3, "fsincos") \
    ONE(R, 0xd9, 7, 4, "frndint") ONE(R, 0xd9, 7, 5, "fscale") ONE(R, 0xd9, 7, 6, "fsin") ONE(R, 0xd9, 7, 7, "fcos")

#define OP_DA(R) \
    ARITH_MEM(R, 0xda, Mi32, IR_W32, "fi") \
    CMOV(R, 0xda, 0, "fcmovb", FL_C) CMOV(R, 0xda, 1, "fcmove", FL_Z) CMOV(R, 0xda, 2, "fcmovbe", FL_C | FL_Z) \
    CMOV(R, 0xda, 3, "fcmovu", FL_P) \
    ONE(R, 0xda, 5, 1, "fucompp")

#define NOP_287(R, rm, name_) \
    R(MAP_1, 0xdb, 0xdb, MOD_REG | REG_IS(4) | RM_IS(rm), name_, tr_nop, NO_OPS, X87) /* do not wait */

#define OP_DB(R) \
    MEM(R, 0xdb, 0, "fild", Mi32, IR_W32, x87_load) \
    STORE_SSE3(R, 0xdb, 1, "fisttp", Mi32, 4) \
    STORE(R, 0xdb, 2, "fist", Mi32, 4) \
    STORE(R, 0xdb, 3, "fistp", Mi32, 4) \
    MEM(R, 0xdb, 5, "fld", Mf80, IR_W128, x87_load) \
    STORE(R, 0xdb, 7, "fstp", Mf80, 10) \
    CMOV(R, 0xdb, 0, "fcmovnb", FL_C) CMOV(R, 0xdb, 1, "fcmovne", FL_Z) CMOV(R, 0xdb, 2, "fcmovnbe", FL_C | FL_Z) \
    CMOV(R, 0xdb, 3, "fcmovnu", FL_P) \
    NOP_287(R, 0, "fneni") NOP_287(R, 1, "fndisi") NOP_287(R, 4, "fnsetpm") \
    R(MAP_1, 0xdb, 0xdb, MOD_REG | REG_IS(4) | RM_IS(2), "fnclex", tr_x87_plain, NO_OPS, X87, .arg = HELPER_ID(fnclex)) \
    R(MAP_1, 0xdb, 0xdb, MOD_REG | REG_IS(4) | RM_IS(3), "fninit", tr_x87_plain, NO_OPS, X87, .arg = HELPER_ID(fninit)) \
    COMI(R, 0xdb, 5, "fucomi") COMI(R, 0xdb, 6, "fcomi")

#define OP_DC(R) \
    ARITH_MEM(R, 0xdc, Mf64, IR_W64, "f") \
    TO_STI(R, 0xdc, 0, "fadd") TO_STI(R, 0xdc, 1, "fmul") STI(R, 0xdc, 2, "fcom") STI(R, 0xdc, 3, "fcomp") \
    TO_STI(R, 0xdc, 4, "fsubr") TO_STI(R, 0xdc, 5, "fsub") TO_STI(R, 0xdc, 6, "fdivr") TO_STI(R, 0xdc, 7, "fdiv")

#define OP_DD(R) \
    MEM(R, 0xdd, 0, "fld", Mf64, IR_W64, x87_load) \
    STORE_SSE3(R, 0xdd, 1, "fisttp", Mi64, 8) \
    STORE(R, 0xdd, 2, "fst", Mf64, 8) \
    STORE(R, 0xdd, 3, "fstp", Mf64, 8) \
    R(MAP_1, 0xdd, 0xdd, MOD_MEM | REG_IS(4), "frstor", tr_x87_env, OPS(M), X87, .arg = HELPER_ID(fldenv), .arg2 = X87_STATE) \
    R(MAP_1, 0xdd, 0xdd, MOD_MEM | REG_IS(6), "fnsave", tr_x87_env, OPS(M), X87, .arg = HELPER_ID(fstenv), .arg2 = X87_STATE) \
    R(MAP_1, 0xdd, 0xdd, MOD_MEM | REG_IS(7), "fnstsw", tr_x87_store_word, OPS(Mw), X87, .arg = offsetof(struct x86_regs, fsw)) \
    STI1(R, 0xdd, 0, "ffree") STI1(R, 0xdd, 1, "fxch") STI1(R, 0xdd, 2, "fst") STI1(R, 0xdd, 3, "fstp") \
    STI1(R, 0xdd, 4, "fucom") STI1(R, 0xdd, 5, "fucomp")

#define OP_DE(R) \
    ARITH_MEM(R, 0xde, Mi16, IR_W16, "fi") \
    TO_STI(R, 0xde, 0, "faddp") TO_STI(R, 0xde, 1, "fmulp") STI(R, 0xde, 2, "fcomp") ONE(R, 0xde, 3, 1, "fcompp") \
    TO_STI(R, 0xde, 4, "fsubrp") TO_STI(R, 0xde, 5, "fsubp") TO_STI(R, 0xde, 6, "fdivrp") TO_STI(R, 0xde, 7, "fdivp")

#define OP_DF(R) \
    MEM(R, 0xdf, 0, "fild", Mi16, IR_W16, x87_load) \
    STORE_SSE3(R, 0xdf, 1, "fisttp", Mi16, 2) \
    STORE(R, 0xdf, 2, "fist", Mi16, 2) \
    STORE(R, 0xdf, 3, "fistp", Mi16, 2) \
    MEM(R, 0xdf, 4, "fbld", Mbcd, IR_W128, x87_load) \
    MEM(R, 0xdf, 5, "fild", Mi64, IR_W64, x87_load) \
    STORE(R, 0xdf, 6, "fbstp", Mbcd, 10) \
    STORE(R, 0xdf, 7, "fistp", Mi64, 8) \
    STI1(R, 0xdf, 0, "ffreep") STI1(R, 0xdf, 1, "fxch") STI1(R, 0xdf, 2, "fstp") STI1(R, 0xdf, 3, "fstp") \
    R(MAP_1, 0xdf, 0xdf, MOD_REG | REG_IS(4) | RM_IS(0), "fnstsw", tr_x87_store_word, OPS(AX), X87, .arg = offsetof(struct x86_regs, fsw)) \
    COMI(R, 0xdf, 5, "fucomip") COMI(R, 0xdf, 6, "fcomip")

#define STATE(R, n, name_, helper, feat, kind) \
    R(MAP_0F, 0xae, 0xae, P_NP | MOD_MEM | REG_IS(n), name_, tr_fx_state, OPS(M), .feature = (feat), \
      .arg = HELPER_ID(helper), .arg2 = (kind))

#define TWO_BYTE(R) \
    R(MAP_0F, 0x77, 0x77, P_NP, "emms", tr_x87_plain, NO_OPS, .check = CHECK_MMX, .feature = FEAT_MMX, .arg = HELPER_ID(emms)) \
    R(MAP_0F, 0xae, 0xae, P_NP | MOD_MEM | REG_IS(0), "fxsave", tr_fx_state, OPS(M), .check = CHECK_X87, .feature = FEAT_FXSR, .arg = HELPER_ID(fxsave)) \
    R(MAP_0F, 0xae, 0xae, P_NP | MOD_MEM | REG_IS(1), "fxrstor", tr_fx_state, OPS(M), .check = CHECK_X87, .feature = FEAT_FXSR, .flags = I_END, .arg = HELPER_ID(fxrstor)) \
    R(MAP_0F, 0xae, 0xae, P_NP | MOD_MEM | REG_IS(2), "ldmxcsr", tr_ldmxcsr, OPS(Md), .check = CHECK_SSE, .feature = FEAT_SSE) \
    R(MAP_0F, 0xae, 0xae, P_NP | MOD_MEM | REG_IS(3), "stmxcsr", tr_stmxcsr, OPS(Md), .check = CHECK_SSE, .feature = FEAT_SSE) \
    STATE(R, 4, "xsave", xsave, FEAT_XSAVE, XSAVE_PLAIN) \
    STATE(R, 5, "xrstor", xrstor, FEAT_XSAVE, XSAVE_PLAIN) \
    STATE(R, 6, "xsaveopt", xsave, FEAT_XSAVEOPT, XSAVE_OPT) \
    R(MAP_0F, 0xc7, 0xc7, P_NP | MOD_MEM | REG_IS(4), "xsavec", tr_fx_state, OPS(M), .feature = FEAT_XSAVEC, .arg = HELPER_ID(xsave), .arg2 = XSAVE_COMPACT)

#define ROWS(R) \
    R(MAP_1, 0x9b, 0x9b, SEL_ANY, "fwait", tr_x87_plain, NO_OPS, .check = CHECK_WAIT, .arg = HELPER_ID(fwait)) \
    OP_D8(R) OP_D9(R) OP_DA(R) OP_DB(R) OP_DC(R) OP_DD(R) OP_DE(R) OP_DF(R) TWO_BYTE(R)
/* clang-format on */

X86_ROW_TABLE(x86_table_x87, ROWS)
