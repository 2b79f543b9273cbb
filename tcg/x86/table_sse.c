/*
 * Decode table: MMX, SSE, SSE2, SSE3, SSSE3, SSE4.1, SSE4.2 (Intel SDM vol. 2). Prefetches, MOVNTI,
 * CRC32 and POPCNT stand with the integer instructions, fences and CLFLUSH with the system ones,
 * EMMS, FXSAVE and the MXCSR with x87.
 */
#include "tcg/x86/decode.h"
#include "tcg/x86/translate_sse.h"

#define SSE_(feature_) .check = CHECK_SSE, .feature = FEAT_##feature_
#define MMX_(feature_) .check = CHECK_MMX, .feature = FEAT_##feature_
#define IR_(op_, arg2_) .arg = IR_##op_, .arg2 = (arg2_)

/* clang-format off */
/* MMX and XMM forms of one operation; the MMX one may need another function. */
#define BOTH_FN(R, map, opc, name, mmx_fn, op, arg2, mmx, sse) \
    R(map, opc, opc, P_NP, name, mmx_fn, OPS(Pq, Qq), MMX_(mmx), IR_(op, arg2)) \
    R(map, opc, opc, P_66, name, tr_vec, OPS(Vx, Wx), SSE_(sse), IR_(op, arg2))
#define BOTH(R, opc, name, op, arg2) BOTH_FN(R, MAP_0F, opc, name, tr_vec, op, arg2, MMX, SSE2)
/* The MMX form came with SSE (SSE2). */
#define BOTH_1(R, opc, name, op, arg2) BOTH_FN(R, MAP_0F, opc, name, tr_vec, op, arg2, SSE, SSE2)
#define BOTH_2(R, opc, name, op, arg2) BOTH_FN(R, MAP_0F, opc, name, tr_vec, op, arg2, SSE2, SSE2)
#define BOTH_S3(R, opc, name, fn, op, arg2) BOTH_FN(R, MAP_0F38, opc, name, fn, op, arg2, SSSE3, SSSE3)
#define ONLY(R, map, opc, name, op, arg2, sse) \
    R(map, opc, opc, P_66, name, tr_vec, OPS(Vx, Wx), SSE_(sse), IR_(op, arg2))
/* Immediate shifts: group opc /n */
#define SHIFT_XMM(R, opc, n, name, op, arg2) \
    R(MAP_0F, opc, opc, P_66 | REG_IS(n) | MOD_REG, name, tr_vec_shift_imm, OPS(Ux, Ib), SSE_(SSE2), IR_(op, arg2))
#define SHIFT(R, opc, n, name, op, arg2) \
    R(MAP_0F, opc, opc, P_NP | REG_IS(n) | MOD_REG, name, tr_vec_shift_imm, OPS(Nq, Ib), MMX_(MMX), IR_(op, arg2)) \
    SHIFT_XMM(R, opc, n, name, op, arg2)

/* Floating point: packed single and double, scalar single and double. */
#define FP_PACKED(R, opc, name, fn, op, flags) \
    R(MAP_0F, opc, opc, P_NP, name "ps", fn, OPS(Vx, Wx), SSE_(SSE), IR_(op, IR_W32 | (flags))) \
    R(MAP_0F, opc, opc, P_66, name "pd", fn, OPS(Vx, Wx), SSE_(SSE2), IR_(op, IR_W64 | (flags)))
#define FP_ALL(R, opc, name, op) \
    FP_PACKED(R, opc, name, tr_vf, op, 0) \
    R(MAP_0F, opc, opc, P_F3, name "ss", tr_vf, OPS(Vx, Wd), SSE_(SSE), IR_(op, IR_W32 | SSE_ONE | SSE_MEM(IR_W32))) \
    R(MAP_0F, opc, opc, P_F2, name "sd", tr_vf, OPS(Vx, Wq), SSE_(SSE2), IR_(op, IR_W64 | SSE_ONE | SSE_MEM(IR_W64)))
#define FP_SINGLE(R, opc, name, op) \
    R(MAP_0F, opc, opc, P_NP, name "ps", tr_vf, OPS(Vx, Wx), SSE_(SSE), IR_(op, IR_W32)) \
    R(MAP_0F, opc, opc, P_F3, name "ss", tr_vf, OPS(Vx, Wd), SSE_(SSE), IR_(op, IR_W32 | SSE_ONE | SSE_MEM(IR_W32)))

#define MOVES(R) \
    R(MAP_0F, 0x10, 0x10, P_NP, "movups", tr_vmov, OPS(Vx, Wx), SSE_(SSE), .arg2 = SSE_UNALIGNED) \
    R(MAP_0F, 0x10, 0x10, P_66, "movupd", tr_vmov, OPS(Vx, Wx), SSE_(SSE2), .arg2 = SSE_UNALIGNED) \
    R(MAP_0F, 0x10, 0x10, P_F3, "movss", tr_vmov_scalar, OPS(Vx, Wd), SSE_(SSE), .arg2 = IR_W32 | SSE_MEM(IR_W32)) \
    R(MAP_0F, 0x10, 0x10, P_F2, "movsd", tr_vmov_scalar, OPS(Vx, Wq), SSE_(SSE2), .arg2 = IR_W64 | SSE_MEM(IR_W64)) \
    R(MAP_0F, 0x11, 0x11, P_NP, "movups", tr_vmov_store, OPS(Wx, Vx), SSE_(SSE), .arg2 = SSE_UNALIGNED) \
    R(MAP_0F, 0x11, 0x11, P_66, "movupd", tr_vmov_store, OPS(Wx, Vx), SSE_(SSE2), .arg2 = SSE_UNALIGNED) \
    R(MAP_0F, 0x11, 0x11, P_F3, "movss", tr_vmov_scalar_store, OPS(Wd, Vx), SSE_(SSE), .arg2 = IR_W32) \
    R(MAP_0F, 0x11, 0x11, P_F2, "movsd", tr_vmov_scalar_store, OPS(Wq, Vx), SSE_(SSE2), .arg2 = IR_W64) \
    R(MAP_0F, 0x12, 0x12, P_NP | MOD_MEM, "movlps", tr_vec, OPS(Vx, Mq), SSE_(SSE), IR_(V_MOVLANE, IR_W64 | SSE_MEM(IR_W64))) \
    R(MAP_0F, 0x12, 0x12, P_NP | MOD_REG, "movhlps", tr_movhlps, OPS(Vx, Ux), SSE_(SSE)) \
    R(MAP_0F, 0x12, 0x12, P_66 | MOD_MEM, "movlpd", tr_vec, OPS(Vx, Mq), SSE_(SSE2), IR_(V_MOVLANE, IR_W64 | SSE_MEM(IR_W64))) \
    R(MAP_0F, 0x12, 0x12, P_F3, "movsldup", tr_vec, OPS(Vx, Wx), SSE_(SSE3), IR_(V_MOVDUP, IR_W32 | SSE_UNARY)) \
    R(MAP_0F, 0x12, 0x12, P_F2, "movddup", tr_vec, OPS(Vx, Wq), SSE_(SSE3), IR_(V_MOVDUP, IR_W64 | SSE_UNARY | SSE_MEM(IR_W64))) \
    R(MAP_0F, 0x13, 0x13, P_NP | MOD_MEM, "movlps", tr_store_low, OPS(Mq, Vx), SSE_(SSE)) \
    R(MAP_0F, 0x13, 0x13, P_66 | MOD_MEM, "movlpd", tr_store_low, OPS(Mq, Vx), SSE_(SSE2)) \
    R(MAP_0F, 0x14, 0x14, P_NP, "unpcklps", tr_vec, OPS(Vx, Wx), SSE_(SSE), IR_(V_UNPKL, IR_W32)) \
    R(MAP_0F, 0x14, 0x14, P_66, "unpcklpd", tr_vec, OPS(Vx, Wx), SSE_(SSE2), IR_(V_UNPKL, IR_W64)) \
    R(MAP_0F, 0x15, 0x15, P_NP, "unpckhps", tr_vec, OPS(Vx, Wx), SSE_(SSE), IR_(V_UNPKH, IR_W32)) \
    R(MAP_0F, 0x15, 0x15, P_66, "unpckhpd", tr_vec, OPS(Vx, Wx), SSE_(SSE2), IR_(V_UNPKH, IR_W64)) \
    R(MAP_0F, 0x16, 0x16, P_NP | MOD_MEM, "movhps", tr_vec, OPS(Vx, Mq), SSE_(SSE), IR_(V_UNPKL, IR_W64 | SSE_MEM(IR_W64))) \
    R(MAP_0F, 0x16, 0x16, P_NP | MOD_REG, "movlhps", tr_vec, OPS(Vx, Ux), SSE_(SSE), IR_(V_UNPKL, IR_W64)) \
    R(MAP_0F, 0x16, 0x16, P_66 | MOD_MEM, "movhpd", tr_vec, OPS(Vx, Mq), SSE_(SSE2), IR_(V_UNPKL, IR_W64 | SSE_MEM(IR_W64))) \
    R(MAP_0F, 0x16, 0x16, P_F3, "movshdup", tr_vec, OPS(Vx, Wx), SSE_(SSE3), IR_(V_MOVDUP, IR_W32 | SSE_UNARY | SSE_CONST(1))) \
    R(MAP_0F, 0x17, 0x17, P_NP | MOD_MEM, "movhps", tr_store_high, OPS(Mq, Vx), SSE_(SSE)) \
    R(MAP_0F, 0x17, 0x17, P_66 | MOD_MEM, "movhpd", tr_store_high, OPS(Mq, Vx), SSE_(SSE2)) \
    R(MAP_0F, 0x28, 0x28, P_NP, "movaps", tr_vmov, OPS(Vx, Wx), SSE_(SSE)) \
    R(MAP_0F, 0x28, 0x28, P_66, "movapd", tr_vmov, OPS(Vx, Wx), SSE_(SSE2)) \
    R(MAP_0F, 0x29, 0x29, P_NP, "movaps", tr_vmov_store, OPS(Wx, Vx), SSE_(SSE)) \
    R(MAP_0F, 0x29, 0x29, P_66, "movapd", tr_vmov_store, OPS(Wx, Vx), SSE_(SSE2)) \
    R(MAP_0F, 0x2b, 0x2b, P_NP | MOD_MEM, "movntps", tr_vmov_store, OPS(Mx, Vx), SSE_(SSE)) \
    R(MAP_0F, 0x2b, 0x2b, P_66 | MOD_MEM, "movntpd", tr_vmov_store, OPS(Mx, Vx), SSE_(SSE2)) \
    R(MAP_0F, 0x50, 0x50, P_NP | MOD_REG, "movmskps", tr_movmsk, OPS(Gd, Ux), SSE_(SSE), .arg2 = IR_W32) \
    R(MAP_0F, 0x50, 0x50, P_66 | MOD_REG, "movmskpd", tr_movmsk, OPS(Gd, Ux), SSE_(SSE2), .arg2 = IR_W64)

#define MOVES_INT(R) \
    R(MAP_0F, 0x6e, 0x6e, P_NP, "movd", tr_movd, OPS(Pq, Ey), .flags = I_W64, MMX_(MMX)) \
    R(MAP_0F, 0x6e, 0x6e, P_NP | REX_W1, "movq", tr_movd, OPS(Pq, Ey), .flags = I_W64, MMX_(MMX)) \
    R(MAP_0F, 0x6e, 0x6e, P_66, "movd", tr_movd, OPS(Vx, Ey), .flags = I_W64, SSE_(SSE2)) \
    R(MAP_0F, 0x6e, 0x6e, P_66 | REX_W1, "movq", tr_movd, OPS(Vx, Ey), .flags = I_W64, SSE_(SSE2)) \
    R(MAP_0F, 0x6f, 0x6f, P_NP, "movq", tr_vmov, OPS(Pq, Qq), MMX_(MMX)) \
    R(MAP_0F, 0x6f, 0x6f, P_66, "movdqa", tr_vmov, OPS(Vx, Wx), SSE_(SSE2)) \
    R(MAP_0F, 0x6f, 0x6f, P_F3, "movdqu", tr_vmov, OPS(Vx, Wx), SSE_(SSE2), .arg2 = SSE_UNALIGNED) \
    R(MAP_0F, 0x7e, 0x7e, P_NP, "movd", tr_movd_store, OPS(Ey, Pq), .flags = I_W64, MMX_(MMX)) \
    R(MAP_0F, 0x7e, 0x7e, P_NP | REX_W1, "movq", tr_movd_store, OPS(Ey, Pq), .flags = I_W64, MMX_(MMX)) \
    R(MAP_0F, 0x7e, 0x7e, P_66, "movd", tr_movd_store, OPS(Ey, Vx), .flags = I_W64, SSE_(SSE2)) \
    R(MAP_0F, 0x7e, 0x7e, P_66 | REX_W1, "movq", tr_movd_store, OPS(Ey, Vx), .flags = I_W64, SSE_(SSE2)) \
    R(MAP_0F, 0x7e, 0x7e, P_F3, "movq", tr_movq, OPS(Vx, Wq), SSE_(SSE2), .arg2 = SSE_MEM(IR_W64)) \
    R(MAP_0F, 0x7f, 0x7f, P_NP, "movq", tr_mmx_store, OPS(Qq, Pq), MMX_(MMX)) \
    R(MAP_0F, 0x7f, 0x7f, P_66, "movdqa", tr_vmov_store, OPS(Wx, Vx), SSE_(SSE2)) \
    R(MAP_0F, 0x7f, 0x7f, P_F3, "movdqu", tr_vmov_store, OPS(Wx, Vx), SSE_(SSE2), .arg2 = SSE_UNALIGNED) \
    R(MAP_0F, 0xd6, 0xd6, P_66, "movq", tr_store_low, OPS(Wq, Vx), SSE_(SSE2)) \
    R(MAP_0F, 0xd6, 0xd6, P_F3 | MOD_REG, "movq2dq", tr_movq2dq, OPS(Vx, Nq), SSE_(SSE2)) \
    R(MAP_0F, 0xd6, 0xd6, P_F2 | MOD_REG, "movdq2q", tr_movdq2q, OPS(Pq, Ux), SSE_(SSE2)) \
    R(MAP_0F, 0xd7, 0xd7, P_NP | MOD_REG, "pmovmskb", tr_movmsk, OPS(Gd, Nq), MMX_(SSE), .arg2 = IR_W8) \
    R(MAP_0F, 0xd7, 0xd7, P_66 | MOD_REG, "pmovmskb", tr_movmsk, OPS(Gd, Ux), SSE_(SSE2), .arg2 = IR_W8) \
    R(MAP_0F, 0xe7, 0xe7, P_NP | MOD_MEM, "movntq", tr_mmx_store, OPS(Mq, Pq), MMX_(SSE)) \
    R(MAP_0F, 0xe7, 0xe7, P_66 | MOD_MEM, "movntdq", tr_vmov_store, OPS(Mx, Vx), SSE_(SSE2)) \
    R(MAP_0F, 0xf0, 0xf0, P_F2 | MOD_MEM, "lddqu", tr_vmov, OPS(Vx, Mx), SSE_(SSE3), .arg2 = SSE_UNALIGNED) \
    R(MAP_0F, 0xf7, 0xf7, P_NP | MOD_REG, "maskmovq", tr_maskmov, OPS(Pq, Nq), MMX_(SSE)) \
    R(MAP_0F, 0xf7, 0xf7, P_66 | MOD_REG, "maskmovdqu", tr_maskmov, OPS(Vx, Ux), SSE_(SSE2)) \
    R(MAP_0F, 0xc4, 0xc4, P_NP, "pinsrw", tr_pinsr, OPS(Pq, Ew, Ib), MMX_(SSE), .arg2 = IR_W16) \
    R(MAP_0F, 0xc4, 0xc4, P_66, "pinsrw", tr_pinsr, OPS(Vx, Ew, Ib), SSE_(SSE2), .arg2 = IR_W16) \
    R(MAP_0F, 0xc5, 0xc5, P_NP | MOD_REG, "pextrw", tr_pextr, OPS(Gd, Nq, Ib), MMX_(SSE), .arg2 = IR_W16) \
    R(MAP_0F, 0xc5, 0xc5, P_66 | MOD_REG, "pextrw", tr_pextr, OPS(Gd, Ux, Ib), SSE_(SSE2), .arg2 = IR_W16)

#define FP_CONVERT(R) \
    R(MAP_0F, 0x2a, 0x2a, P_NP, "cvtpi2ps", tr_cvt_from_mmx, OPS(Vx, Qq), SSE_(SSE), .arg2 = IR_W32) \
    R(MAP_0F, 0x2a, 0x2a, P_66, "cvtpi2pd", tr_cvt_from_mmx, OPS(Vx, Qq), SSE_(SSE2), .arg2 = IR_W64) \
    R(MAP_0F, 0x2a, 0x2a, P_F3, "cvtsi2ss", tr_cvtsi2s, OPS(Vx, Ey), .flags = I_W64, SSE_(SSE), .arg2 = IR_W32) \
    R(MAP_0F, 0x2a, 0x2a, P_F2, "cvtsi2sd", tr_cvtsi2s, OPS(Vx, Ey), .flags = I_W64, SSE_(SSE2), .arg2 = IR_W64) \
    R(MAP_0F, 0x2c, 0x2c, P_NP, "cvttps2pi", tr_cvt_to_mmx, OPS(Pq, Wq), SSE_(SSE), .arg2 = IR_W32 | SSE_ONE | SSE_MEM(IR_W64)) \
    R(MAP_0F, 0x2c, 0x2c, P_66, "cvttpd2pi", tr_cvt_to_mmx, OPS(Pq, Wx), SSE_(SSE2), .arg2 = IR_W64 | SSE_ONE) \
    R(MAP_0F, 0x2c, 0x2c, P_F3, "cvttss2si", tr_cvts2si, OPS(Gy, Wd), .flags = I_W64, SSE_(SSE), .arg2 = IR_W32 | SSE_ONE | SSE_MEM(IR_W32)) \
    R(MAP_0F, 0x2c, 0x2c, P_F2, "cvttsd2si", tr_cvts2si, OPS(Gy, Wq), .flags = I_W64, SSE_(SSE2), .arg2 = IR_W64 | SSE_ONE | SSE_MEM(IR_W64)) \
    R(MAP_0F, 0x2d, 0x2d, P_NP, "cvtps2pi", tr_cvt_to_mmx, OPS(Pq, Wq), SSE_(SSE), .arg2 = IR_W32 | SSE_MEM(IR_W64)) \
    R(MAP_0F, 0x2d, 0x2d, P_66, "cvtpd2pi", tr_cvt_to_mmx, OPS(Pq, Wx), SSE_(SSE2), .arg2 = IR_W64) \
    R(MAP_0F, 0x2d, 0x2d, P_F3, "cvtss2si", tr_cvts2si, OPS(Gy, Wd), .flags = I_W64, SSE_(SSE), .arg2 = IR_W32 | SSE_MEM(IR_W32)) \
    R(MAP_0F, 0x2d, 0x2d, P_F2, "cvtsd2si", tr_cvts2si, OPS(Gy, Wq), .flags = I_W64, SSE_(SSE2), .arg2 = IR_W64 | SSE_MEM(IR_W64)) \
    R(MAP_0F, 0x5a, 0x5a, P_NP, "cvtps2pd", tr_vf, OPS(Vx, Wq), SSE_(SSE2), IR_(VF_CVT, IR_W32 | SSE_UNARY | SSE_MEM(IR_W64))) \
    R(MAP_0F, 0x5a, 0x5a, P_66, "cvtpd2ps", tr_vf, OPS(Vx, Wx), SSE_(SSE2), IR_(VF_CVT, IR_W64 | SSE_UNARY)) \
    R(MAP_0F, 0x5a, 0x5a, P_F3, "cvtss2sd", tr_vf, OPS(Vx, Wd), SSE_(SSE2), IR_(VF_CVTS, IR_W32 | SSE_MEM(IR_W32))) \
    R(MAP_0F, 0x5a, 0x5a, P_F2, "cvtsd2ss", tr_vf, OPS(Vx, Wq), SSE_(SSE2), IR_(VF_CVTS, IR_W64 | SSE_MEM(IR_W64))) \
    R(MAP_0F, 0x5b, 0x5b, P_NP, "cvtdq2ps", tr_vf, OPS(Vx, Wx), SSE_(SSE2), IR_(VF_FROMI32, IR_W32 | SSE_UNARY)) \
    R(MAP_0F, 0x5b, 0x5b, P_66, "cvtps2dq", tr_vf, OPS(Vx, Wx), SSE_(SSE2), IR_(VF_TOI32, IR_W32 | SSE_UNARY)) \
    R(MAP_0F, 0x5b, 0x5b, P_F3, "cvttps2dq", tr_vf, OPS(Vx, Wx), SSE_(SSE2), IR_(VF_TOI32, IR_W32 | SSE_UNARY | SSE_ONE)) \
    R(MAP_0F, 0xe6, 0xe6, P_66, "cvttpd2dq", tr_vf, OPS(Vx, Wx), SSE_(SSE2), IR_(VF_TOI32, IR_W64 | SSE_UNARY | SSE_ONE)) \
    R(MAP_0F, 0xe6, 0xe6, P_F3, "cvtdq2pd", tr_vf, OPS(Vx, Wq), SSE_(SSE2), IR_(VF_FROMI32, IR_W64 | SSE_UNARY | SSE_MEM(IR_W64))) \
    R(MAP_0F, 0xe6, 0xe6, P_F2, "cvtpd2dq", tr_vf, OPS(Vx, Wx), SSE_(SSE2), IR_(VF_TOI32, IR_W64 | SSE_UNARY))

#define COMPARE_FLAGS .fl_write = FL_ARITH
#define FP(R) \
    FP_CONVERT(R) \
    R(MAP_0F, 0x2e, 0x2e, P_NP, "ucomiss", tr_comis, OPS(Vx, Wd), SSE_(SSE), .arg = 1, .arg2 = IR_W32 | SSE_MEM(IR_W32), COMPARE_FLAGS) \
    R(MAP_0F, 0x2e, 0x2e, P_66, "ucomisd", tr_comis, OPS(Vx, Wq), SSE_(SSE2), .arg = 1, .arg2 = IR_W64 | SSE_MEM(IR_W64), COMPARE_FLAGS) \
    R(MAP_0F, 0x2f, 0x2f, P_NP, "comiss", tr_comis, OPS(Vx, Wd), SSE_(SSE), .arg2 = IR_W32 | SSE_MEM(IR_W32), COMPARE_FLAGS) \
    R(MAP_0F, 0x2f, 0x2f, P_66, "comisd", tr_comis, OPS(Vx, Wq), SSE_(SSE2), .arg2 = IR_W64 | SSE_MEM(IR_W64), COMPARE_FLAGS) \
    FP_ALL(R, 0x51, "sqrt", VF_SQRT) \
    FP_SINGLE(R, 0x52, "rsqrt", VF_RSQRT) \
    FP_SINGLE(R, 0x53, "rcp", VF_RCP) \
    FP_PACKED(R, 0x54, "and", tr_vec, V_AND, 0) \
    FP_PACKED(R, 0x55, "andn", tr_vec, V_ANDN, 0) \
    FP_PACKED(R, 0x56, "or", tr_vec, V_OR, 0) \
    FP_PACKED(R, 0x57, "xor", tr_vec, V_XOR, 0) \
    FP_ALL(R, 0x58, "add", VF_ADD) \
    FP_ALL(R, 0x59, "mul", VF_MUL) \
    FP_ALL(R, 0x5c, "sub", VF_SUB) \
    FP_ALL(R, 0x5d, "min", VF_MIN) \
    FP_ALL(R, 0x5e, "div", VF_DIV) \
    FP_ALL(R, 0x5f, "max", VF_MAX) \
    R(MAP_0F, 0x7c, 0x7c, P_66, "haddpd", tr_vf, OPS(Vx, Wx), SSE_(SSE3), IR_(VF_HADD, IR_W64)) \
    R(MAP_0F, 0x7c, 0x7c, P_F2, "haddps", tr_vf, OPS(Vx, Wx), SSE_(SSE3), IR_(VF_HADD, IR_W32)) \
    R(MAP_0F, 0x7d, 0x7d, P_66, "hsubpd", tr_vf, OPS(Vx, Wx), SSE_(SSE3), IR_(VF_HSUB, IR_W64)) \
    R(MAP_0F, 0x7d, 0x7d, P_F2, "hsubps", tr_vf, OPS(Vx, Wx), SSE_(SSE3), IR_(VF_HSUB, IR_W32)) \
    R(MAP_0F, 0xc2, 0xc2, P_NP, "cmpps", tr_vf, OPS(Vx, Wx, Ib), SSE_(SSE), IR_(VF_CMP, IR_W32 | SSE_CONTROL)) \
    R(MAP_0F, 0xc2, 0xc2, P_66, "cmppd", tr_vf, OPS(Vx, Wx, Ib), SSE_(SSE2), IR_(VF_CMP, IR_W64 | SSE_CONTROL)) \
    R(MAP_0F, 0xc2, 0xc2, P_F3, "cmpss", tr_vf, OPS(Vx, Wd, Ib), SSE_(SSE), IR_(VF_CMP, IR_W32 | SSE_CONTROL | SSE_ONE | SSE_MEM(IR_W32))) \
    R(MAP_0F, 0xc2, 0xc2, P_F2, "cmpsd", tr_vf, OPS(Vx, Wq, Ib), SSE_(SSE2), IR_(VF_CMP, IR_W64 | SSE_CONTROL | SSE_ONE | SSE_MEM(IR_W64))) \
    R(MAP_0F, 0xc6, 0xc6, P_NP, "shufps", tr_vec, OPS(Vx, Wx, Ib), SSE_(SSE), IR_(V_SHUFPS, IR_W32 | SSE_IMM)) \
    R(MAP_0F, 0xc6, 0xc6, P_66, "shufpd", tr_vec, OPS(Vx, Wx, Ib), SSE_(SSE2), IR_(V_SHUFPS, IR_W64 | SSE_IMM)) \
    R(MAP_0F, 0xd0, 0xd0, P_66, "addsubpd", tr_vf, OPS(Vx, Wx), SSE_(SSE3), IR_(VF_ADDSUB, IR_W64)) \
    R(MAP_0F, 0xd0, 0xd0, P_F2, "addsubps", tr_vf, OPS(Vx, Wx), SSE_(SSE3), IR_(VF_ADDSUB, IR_W32))

/* PUNPCKL with an MMX destination reads 32 bits of memory. */
#define UNPACK_LOW(R, opc, name, w) \
    R(MAP_0F, opc, opc, P_NP, name, tr_vec, OPS(Pq, Qd), MMX_(MMX), IR_(V_UNPKL, (w) | SSE_MEM(IR_W32))) \
    ONLY(R, MAP_0F, opc, name, V_UNPKL, w, SSE2)
#define UNPACK_HIGH(R, opc, name, w) \
    R(MAP_0F, opc, opc, P_NP, name, tr_mmx_unpckh, OPS(Pq, Qq), MMX_(MMX), .arg2 = (w)) \
    ONLY(R, MAP_0F, opc, name, V_UNPKH, w, SSE2)
#define PACK(R, opc, name, op, w) BOTH_FN(R, MAP_0F, opc, name, tr_mmx_joined, op, w, MMX, SSE2)

#define INTEGER(R) \
    UNPACK_LOW(R, 0x60, "punpcklbw", IR_W8) \
    UNPACK_LOW(R, 0x61, "punpcklwd", IR_W16) \
    UNPACK_LOW(R, 0x62, "punpckldq", IR_W32) \
    PACK(R, 0x63, "packsswb", V_PACKS, IR_W16) \
    BOTH(R, 0x64, "pcmpgtb", V_CMPGT, IR_W8) \
    BOTH(R, 0x65, "pcmpgtw", V_CMPGT, IR_W16) \
    BOTH(R, 0x66, "pcmpgtd", V_CMPGT, IR_W32) \
    PACK(R, 0x67, "packuswb", V_PACKUS, IR_W16) \
    UNPACK_HIGH(R, 0x68, "punpckhbw", IR_W8) \
    UNPACK_HIGH(R, 0x69, "punpckhwd", IR_W16) \
    UNPACK_HIGH(R, 0x6a, "punpckhdq", IR_W32) \
    PACK(R, 0x6b, "packssdw", V_PACKS, IR_W32) \
    ONLY(R, MAP_0F, 0x6c, "punpcklqdq", V_UNPKL, IR_W64, SSE2) \
    ONLY(R, MAP_0F, 0x6d, "punpckhqdq", V_UNPKH, IR_W64, SSE2) \
    R(MAP_0F, 0x70, 0x70, P_NP, "pshufw", tr_vec, OPS(Pq, Qq, Ib), MMX_(SSE), IR_(V_SHUFLW, SSE_UNARY | SSE_IMM)) \
    R(MAP_0F, 0x70, 0x70, P_66, "pshufd", tr_vec, OPS(Vx, Wx, Ib), SSE_(SSE2), IR_(V_SHUFD, SSE_UNARY | SSE_IMM)) \
    R(MAP_0F, 0x70, 0x70, P_F3, "pshufhw", tr_vec, OPS(Vx, Wx, Ib), SSE_(SSE2), IR_(V_SHUFHW, SSE_UNARY | SSE_IMM)) \
    R(MAP_0F, 0x70, 0x70, P_F2, "pshuflw", tr_vec, OPS(Vx, Wx, Ib), SSE_(SSE2), IR_(V_SHUFLW, SSE_UNARY | SSE_IMM)) \
    SHIFT(R, 0x71, 2, "psrlw", V_SHRI, IR_W16) \
    SHIFT(R, 0x71, 4, "psraw", V_SARI, IR_W16) \
    SHIFT(R, 0x71, 6, "psllw", V_SHLI, IR_W16) \
    SHIFT(R, 0x72, 2, "psrld", V_SHRI, IR_W32) \
    SHIFT(R, 0x72, 4, "psrad", V_SARI, IR_W32) \
    SHIFT(R, 0x72, 6, "pslld", V_SHLI, IR_W32) \
    SHIFT(R, 0x73, 2, "psrlq", V_SHRI, IR_W64) \
    SHIFT_XMM(R, 0x73, 3, "psrldq", V_SHRB, 0) \
    SHIFT(R, 0x73, 6, "psllq", V_SHLI, IR_W64) \
    SHIFT_XMM(R, 0x73, 7, "pslldq", V_SHLB, 0) \
    BOTH(R, 0x74, "pcmpeqb", V_CMPEQ, IR_W8) \
    BOTH(R, 0x75, "pcmpeqw", V_CMPEQ, IR_W16) \
    BOTH(R, 0x76, "pcmpeqd", V_CMPEQ, IR_W32) \
    BOTH(R, 0xd1, "psrlw", V_SHR, IR_W16) \
    BOTH(R, 0xd2, "psrld", V_SHR, IR_W32) \
    BOTH(R, 0xd3, "psrlq", V_SHR, IR_W64) \
    BOTH_2(R, 0xd4, "paddq", V_ADD, IR_W64) \
    BOTH(R, 0xd5, "pmullw", V_MULLO, IR_W16) \
    BOTH(R, 0xd8, "psubusb", V_SUBUS, IR_W8) \
    BOTH(R, 0xd9, "psubusw", V_SUBUS, IR_W16) \
    BOTH_1(R, 0xda, "pminub", V_MINU, IR_W8) \
    BOTH(R, 0xdb, "pand", V_AND, 0) \
    BOTH(R, 0xdc, "paddusb", V_ADDUS, IR_W8) \
    BOTH(R, 0xdd, "paddusw", V_ADDUS, IR_W16) \
    BOTH_1(R, 0xde, "pmaxub", V_MAXU, IR_W8) \
    BOTH(R, 0xdf, "pandn", V_ANDN, 0) \
    BOTH_1(R, 0xe0, "pavgb", V_AVG, IR_W8) \
    BOTH(R, 0xe1, "psraw", V_SAR, IR_W16) \
    BOTH(R, 0xe2, "psrad", V_SAR, IR_W32) \
    BOTH_1(R, 0xe3, "pavgw", V_AVG, IR_W16) \
    BOTH_1(R, 0xe4, "pmulhuw", V_MULHIU, IR_W16) \
    BOTH(R, 0xe5, "pmulhw", V_MULHI, IR_W16) \
    BOTH(R, 0xe8, "psubsb", V_SUBS, IR_W8) \
    BOTH(R, 0xe9, "psubsw", V_SUBS, IR_W16) \
    BOTH_1(R, 0xea, "pminsw", V_MIN, IR_W16) \
    BOTH(R, 0xeb, "por", V_OR, 0) \
    BOTH(R, 0xec, "paddsb", V_ADDS, IR_W8) \
    BOTH(R, 0xed, "paddsw", V_ADDS, IR_W16) \
    BOTH_1(R, 0xee, "pmaxsw", V_MAX, IR_W16) \
    BOTH(R, 0xef, "pxor", V_XOR, 0) \
    BOTH(R, 0xf1, "psllw", V_SHL, IR_W16) \
    BOTH(R, 0xf2, "pslld", V_SHL, IR_W32) \
    BOTH(R, 0xf3, "psllq", V_SHL, IR_W64) \
    BOTH_2(R, 0xf4, "pmuludq", V_MULU, 0) \
    BOTH(R, 0xf5, "pmaddwd", V_MADD, 0) \
    BOTH_1(R, 0xf6, "psadbw", V_SAD, 0) \
    BOTH(R, 0xf8, "psubb", V_SUB, IR_W8) \
    BOTH(R, 0xf9, "psubw", V_SUB, IR_W16) \
    BOTH(R, 0xfa, "psubd", V_SUB, IR_W32) \
    BOTH_2(R, 0xfb, "psubq", V_SUB, IR_W64) \
    BOTH(R, 0xfc, "paddb", V_ADD, IR_W8) \
    BOTH(R, 0xfd, "paddw", V_ADD, IR_W16) \
    BOTH(R, 0xfe, "paddd", V_ADD, IR_W32)

/* Widening moves read as much memory as they need. */
#define WIDEN(R, opc, name, op, mem, operand, from, to) \
    R(MAP_0F38, opc, opc, P_66, name, tr_vec, OPS(Vx, operand), SSE_(SSE41), IR_(op, (from) | SSE_UNARY | SSE_MEM(mem) | SSE_CONST(to)))
#define WIDENINGS(R, opc, name, op) \
    WIDEN(R, opc, name "bw", op, IR_W64, Wq, IR_W8, IR_W16) \
    WIDEN(R, (opc) + 1, name "bd", op, IR_W32, Wd, IR_W8, IR_W32) \
    WIDEN(R, (opc) + 2, name "bq", op, IR_W16, Ww, IR_W8, IR_W64) \
    WIDEN(R, (opc) + 3, name "wd", op, IR_W64, Wq, IR_W16, IR_W32) \
    WIDEN(R, (opc) + 4, name "wq", op, IR_W32, Wd, IR_W16, IR_W64) \
    WIDEN(R, (opc) + 5, name "dq", op, IR_W64, Wq, IR_W32, IR_W64)
#define SSE41_38(R, opc, name, op, arg2) ONLY(R, MAP_0F38, opc, name, op, arg2, SSE41)
#define BLENDV(R, opc, name, w) \
    R(MAP_0F38, opc, opc, P_66, name, tr_blendv, OPS(Vx, Wx, XMM0), SSE_(SSE41), .arg2 = (w))

#define THREE_BYTE_38(R) \
    BOTH_S3(R, 0x00, "pshufb", tr_mmx_pshufb, V_SHUFB, IR_W8) \
    BOTH_S3(R, 0x01, "phaddw", tr_mmx_joined, V_HADD, IR_W16) \
    BOTH_S3(R, 0x02, "phaddd", tr_mmx_joined, V_HADD, IR_W32) \
    BOTH_S3(R, 0x03, "phaddsw", tr_mmx_joined, V_HADDS, IR_W16) \
    BOTH_S3(R, 0x04, "pmaddubsw", tr_vec, V_MADDUBS, 0) \
    BOTH_S3(R, 0x05, "phsubw", tr_mmx_joined, V_HSUB, IR_W16) \
    BOTH_S3(R, 0x06, "phsubd", tr_mmx_joined, V_HSUB, IR_W32) \
    BOTH_S3(R, 0x07, "phsubsw", tr_mmx_joined, V_HSUBS, IR_W16) \
    BOTH_S3(R, 0x08, "psignb", tr_vec, V_SIGN, IR_W8) \
    BOTH_S3(R, 0x09, "psignw", tr_vec, V_SIGN, IR_W16) \
    BOTH_S3(R, 0x0a, "psignd", tr_vec, V_SIGN, IR_W32) \
    BOTH_S3(R, 0x0b, "pmulhrsw", tr_vec, V_MULHRS, IR_W16) \
    BLENDV(R, 0x10, "pblendvb", IR_W8) \
    BLENDV(R, 0x14, "blendvps", IR_W32) \
    BLENDV(R, 0x15, "blendvpd", IR_W64) \
    R(MAP_0F38, 0x17, 0x17, P_66, "ptest", tr_ptest, OPS(Vx, Wx), SSE_(SSE41), COMPARE_FLAGS) \
    BOTH_S3(R, 0x1c, "pabsb", tr_vec, V_ABS, IR_W8 | SSE_UNARY) \
    BOTH_S3(R, 0x1d, "pabsw", tr_vec, V_ABS, IR_W16 | SSE_UNARY) \
    BOTH_S3(R, 0x1e, "pabsd", tr_vec, V_ABS, IR_W32 | SSE_UNARY) \
    WIDENINGS(R, 0x20, "pmovsx", V_MOVSX) \
    SSE41_38(R, 0x28, "pmuldq", V_MULS, 0) \
    SSE41_38(R, 0x29, "pcmpeqq", V_CMPEQ, IR_W64) \
    R(MAP_0F38, 0x2a, 0x2a, P_66 | MOD_MEM, "movntdqa", tr_vmov, OPS(Vx, Mx), SSE_(SSE41)) \
    SSE41_38(R, 0x2b, "packusdw", V_PACKUS, IR_W32) \
    WIDENINGS(R, 0x30, "pmovzx", V_MOVZX) \
    ONLY(R, MAP_0F38, 0x37, "pcmpgtq", V_CMPGT, IR_W64, SSE42) \
    SSE41_38(R, 0x38, "pminsb", V_MIN, IR_W8) \
    SSE41_38(R, 0x39, "pminsd", V_MIN, IR_W32) \
    SSE41_38(R, 0x3a, "pminuw", V_MINU, IR_W16) \
    SSE41_38(R, 0x3b, "pminud", V_MINU, IR_W32) \
    SSE41_38(R, 0x3c, "pmaxsb", V_MAX, IR_W8) \
    SSE41_38(R, 0x3d, "pmaxsd", V_MAX, IR_W32) \
    SSE41_38(R, 0x3e, "pmaxuw", V_MAXU, IR_W16) \
    SSE41_38(R, 0x3f, "pmaxud", V_MAXU, IR_W32) \
    SSE41_38(R, 0x40, "pmulld", V_MULLO, IR_W32) \
    SSE41_38(R, 0x41, "phminposuw", V_HMINPOS, SSE_UNARY)

#define IMM_3A(R, opc, name, fn, src, op, arg2) \
    R(MAP_0F3A, opc, opc, P_66, name, fn, OPS(Vx, src, Ib), SSE_(SSE41), IR_(op, arg2))
#define EXTRACT(R, opc, sel, name, dst, flags_, w) \
    R(MAP_0F3A, opc, opc, P_66 | (sel), name, tr_pextr, OPS(dst, Vx, Ib), .flags = (flags_), SSE_(SSE41), .arg2 = (w))
#define INSERT(R, opc, sel, name, src, flags_, w) \
    R(MAP_0F3A, opc, opc, P_66 | (sel), name, tr_pinsr, OPS(Vx, src, Ib), .flags = (flags_), SSE_(SSE41), .arg2 = (w))
#define PCMPSTR(R, opc, name) \
    R(MAP_0F3A, opc, opc, P_66, name, tr_pcmpstr, OPS(Vx, Wx, Ib), .flags = I_W64, SSE_(SSE42), .arg2 = SSE_UNALIGNED, COMPARE_FLAGS)

#define THREE_BYTE_3A(R) \
    IMM_3A(R, 0x08, "roundps", tr_vf, Wx, VF_ROUND, IR_W32 | SSE_CONTROL) \
    IMM_3A(R, 0x09, "roundpd", tr_vf, Wx, VF_ROUND, IR_W64 | SSE_CONTROL) \
    IMM_3A(R, 0x0a, "roundss", tr_vf, Wd, VF_ROUND, IR_W32 | SSE_CONTROL | SSE_ONE | SSE_MEM(IR_W32)) \
    IMM_3A(R, 0x0b, "roundsd", tr_vf, Wq, VF_ROUND, IR_W64 | SSE_CONTROL | SSE_ONE | SSE_MEM(IR_W64)) \
    IMM_3A(R, 0x0c, "blendps", tr_vec, Wx, V_BLENDI, IR_W32 | SSE_IMM) \
    IMM_3A(R, 0x0d, "blendpd", tr_vec, Wx, V_BLENDI, IR_W64 | SSE_IMM) \
    IMM_3A(R, 0x0e, "pblendw", tr_vec, Wx, V_BLENDI, IR_W16 | SSE_IMM) \
    R(MAP_0F3A, 0x0f, 0x0f, P_NP, "palignr", tr_mmx_palignr, OPS(Pq, Qq, Ib), MMX_(SSSE3)) \
    R(MAP_0F3A, 0x0f, 0x0f, P_66, "palignr", tr_vec, OPS(Vx, Wx, Ib), SSE_(SSSE3), IR_(V_ALIGN, SSE_IMM)) \
    EXTRACT(R, 0x14, MOD_MEM, "pextrb", Mb, 0, IR_W8) \
    EXTRACT(R, 0x14, MOD_REG, "pextrb", Rd, 0, IR_W8) \
    EXTRACT(R, 0x15, MOD_MEM, "pextrw", Mw, 0, IR_W16) \
    EXTRACT(R, 0x15, MOD_REG, "pextrw", Rd, 0, IR_W16) \
    EXTRACT(R, 0x16, REX_W0, "pextrd", Ey, I_W64, IR_W32) \
    EXTRACT(R, 0x16, REX_W1, "pextrq", Ey, I_W64, IR_W64) \
    EXTRACT(R, 0x17, 0, "extractps", Ed, 0, IR_W32) \
    INSERT(R, 0x20, MOD_MEM, "pinsrb", Mb, 0, IR_W8) \
    INSERT(R, 0x20, MOD_REG, "pinsrb", Rd, 0, IR_W8) \
    IMM_3A(R, 0x21, "insertps", tr_insertps, Wd, V_INSERTPS, SSE_MEM(IR_W32)) \
    INSERT(R, 0x22, REX_W0, "pinsrd", Ey, I_W64, IR_W32) \
    INSERT(R, 0x22, REX_W1, "pinsrq", Ey, I_W64, IR_W64) \
    IMM_3A(R, 0x40, "dpps", tr_vf, Wx, VF_DP, IR_W32 | SSE_IMM) \
    IMM_3A(R, 0x41, "dppd", tr_vf, Wx, VF_DP, IR_W64 | SSE_IMM) \
    IMM_3A(R, 0x42, "mpsadbw", tr_vec, Wx, V_MPSAD, SSE_IMM) \
    PCMPSTR(R, 0x60, "pcmpestrm") \
    PCMPSTR(R, 0x61, "pcmpestri") \
    PCMPSTR(R, 0x62, "pcmpistrm") \
    PCMPSTR(R, 0x63, "pcmpistri")

#define ROWS(R) MOVES(R) MOVES_INT(R) FP(R) INTEGER(R) THREE_BYTE_38(R) THREE_BYTE_3A(R)
/* clang-format on */

X86_ROW_TABLE(x86_table_sse, ROWS)
