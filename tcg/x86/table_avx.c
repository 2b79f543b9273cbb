/*
 * Decode table: VEX-encoded vector instructions (AVX, AVX2, FMA, F16C, VAES, VPCLMULQDQ, GFNI), and
 * the legacy-encoded AES, PCLMULQDQ, SHA and GFNI (Intel SDM vol. 2). BMI stands in table_bmi.c.
 */
#include "tcg/x86/decode.h"
#include "tcg/x86/translate_avx.h"
#include "tcg/x86/translate_x87.h"

#define AVX_(feature_) .check = CHECK_AVX, .feature = FEAT_##feature_
#define ALSO_(feature_) .feature2 = FEAT_##feature_
#define SSE_(feature_) .check = CHECK_SSE, .feature = FEAT_##feature_
#define IR_(op_, arg2_) .arg = IR_##op_, .arg2 = (arg2_)
#define V0F MAP_V0F
#define V38 MAP_V0F38
#define V3A MAP_V0F3A

/* clang-format off */
/* Integer: 128 bits came with AVX, 256 with AVX2. */
#define INT_FN(R, map, opc, sel, name, fn, ops_, op, arg2) \
    R(map, opc, opc, P_66 | VEX_L0 | (sel), name, fn, ops_, AVX_(AVX), IR_(op, arg2)) \
    R(map, opc, opc, P_66 | VEX_L1 | (sel), name, fn, ops_, AVX_(AVX2), IR_(op, arg2))
#define INT2(R, map, opc, name, op, arg2) INT_FN(R, map, opc, 0, name, tr_avx, OPS(Vx, Hx, Wx), op, arg2)
#define INT1(R, map, opc, name, op, arg2) INT_FN(R, map, opc, 0, name, tr_avx, OPS(Vx, Wx), op, (arg2) | SSE_UNARY)
#define INT2I(R, map, opc, name, op, arg2) INT_FN(R, map, opc, 0, name, tr_avx, OPS(Vx, Hx, Wx, Ib), op, (arg2) | SSE_IMM)
/* The count is 128 bits. */
#define SHIFT(R, opc, name, op, w) INT_FN(R, V0F, opc, 0, name, tr_avx, OPS(Vx, Hx, Wdq), op, (w) | AVX_WIDEN | SSE_MEM(IR_W128))
#define SHIFT_IMM(R, opc, n, name, op, w) INT_FN(R, V0F, opc, REG_IS(n) | MOD_REG, name, tr_avx_shift_imm, OPS(Hx, Ux, Ib), op, w)
/* 128 bits only. */
#define ONLY128(R, map, opc, sel, name, fn, ops_, arg2_, ...) \
    R(map, opc, opc, VEX_L0 | (sel), name, fn, ops_, AVX_(AVX), .arg2 = (arg2_), __VA_ARGS__)

/* Floating point. */
#define PS(R, map, opc, name, fn, ops_, op, arg2) R(map, opc, opc, P_NP, name, fn, ops_, AVX_(AVX), IR_(op, arg2))
#define PD(R, map, opc, name, fn, ops_, op, arg2) R(map, opc, opc, P_66, name, fn, ops_, AVX_(AVX), IR_(op, arg2))
#define SS(R, opc, name, fn, ops_, op, arg2) R(V0F, opc, opc, P_F3, name, fn, ops_, .flags = I_LIG, AVX_(AVX), IR_(op, (arg2) | SSE_MEM(IR_W32)))
#define SD(R, opc, name, fn, ops_, op, arg2) R(V0F, opc, opc, P_F2, name, fn, ops_, .flags = I_LIG, AVX_(AVX), IR_(op, (arg2) | SSE_MEM(IR_W64)))
#define FP_PACKED(R, opc, name, op) \
    PS(R, V0F, opc, name "ps", tr_avx, OPS(Vx, Hx, Wx), op, IR_W32) \
    PD(R, V0F, opc, name "pd", tr_avx, OPS(Vx, Hx, Wx), op, IR_W64)
#define FP_ALL(R, opc, name, op) \
    FP_PACKED(R, opc, name, op) \
    SS(R, opc, name "ss", tr_avx, OPS(Vdq, Hdq, Wd), op, IR_W32 | SSE_ONE) \
    SD(R, opc, name "sd", tr_avx, OPS(Vdq, Hdq, Wq), op, IR_W64 | SSE_ONE)
#define BITWISE(R, opc, name, op) FP_PACKED(R, opc, name, op)
#define COMPARE_FLAGS .fl_write = FL_ARITH

#define MOVES(R) \
    PS(R, V0F, 0x10, "vmovups", tr_avx_mov, OPS(Vx, Wx), NOP, SSE_UNALIGNED) \
    PD(R, V0F, 0x10, "vmovupd", tr_avx_mov, OPS(Vx, Wx), NOP, SSE_UNALIGNED) \
    R(V0F, 0x10, 0x10, P_F3 | MOD_MEM, "vmovss", tr_vmov_scalar, OPS(Vdq, Wd), .flags = I_LIG, AVX_(AVX), .arg2 = IR_W32 | SSE_MEM(IR_W32)) \
    R(V0F, 0x10, 0x10, P_F3 | MOD_REG, "vmovss", tr_vmov_scalar, OPS(Vdq, Hdq, Udq), .flags = I_LIG, AVX_(AVX), .arg2 = IR_W32) \
    R(V0F, 0x10, 0x10, P_F2 | MOD_MEM, "vmovsd", tr_vmov_scalar, OPS(Vdq, Wq), .flags = I_LIG, AVX_(AVX), .arg2 = IR_W64 | SSE_MEM(IR_W64)) \
    R(V0F, 0x10, 0x10, P_F2 | MOD_REG, "vmovsd", tr_vmov_scalar, OPS(Vdq, Hdq, Udq), .flags = I_LIG, AVX_(AVX), .arg2 = IR_W64) \
    PS(R, V0F, 0x11, "vmovups", tr_avx_mov_store, OPS(Wx, Vx), NOP, SSE_UNALIGNED) \
    PD(R, V0F, 0x11, "vmovupd", tr_avx_mov_store, OPS(Wx, Vx), NOP, SSE_UNALIGNED) \
    R(V0F, 0x11, 0x11, P_F3 | MOD_MEM, "vmovss", tr_vmov_scalar_store, OPS(Wd, Vdq), .flags = I_LIG, AVX_(AVX), .arg2 = IR_W32) \
    R(V0F, 0x11, 0x11, P_F3 | MOD_REG, "vmovss", tr_vmov_scalar_store, OPS(Udq, Hdq, Vdq), .flags = I_LIG, AVX_(AVX), .arg2 = IR_W32) \
    R(V0F, 0x11, 0x11, P_F2 | MOD_MEM, "vmovsd", tr_vmov_scalar_store, OPS(Wq, Vdq), .flags = I_LIG, AVX_(AVX), .arg2 = IR_W64) \
    R(V0F, 0x11, 0x11, P_F2 | MOD_REG, "vmovsd", tr_vmov_scalar_store, OPS(Udq, Hdq, Vdq), .flags = I_LIG, AVX_(AVX), .arg2 = IR_W64) \
    ONLY128(R, V0F, 0x12, P_NP | MOD_MEM, "vmovlps", tr_avx, OPS(Vdq, Hdq, Mq), IR_W64 | SSE_MEM(IR_W64), .arg = IR_V_MOVLANE) \
    ONLY128(R, V0F, 0x12, P_NP | MOD_REG, "vmovhlps", tr_movhlps, OPS(Vdq, Hdq, Udq), 0, ) \
    ONLY128(R, V0F, 0x12, P_66 | MOD_MEM, "vmovlpd", tr_avx, OPS(Vdq, Hdq, Mq), IR_W64 | SSE_MEM(IR_W64), .arg = IR_V_MOVLANE) \
    R(V0F, 0x12, 0x12, P_F3, "vmovsldup", tr_avx, OPS(Vx, Wx), AVX_(AVX), IR_(V_MOVDUP, IR_W32 | SSE_UNARY)) \
    R(V0F, 0x12, 0x12, P_F2 | VEX_L0, "vmovddup", tr_avx, OPS(Vx, Wq), AVX_(AVX), IR_(V_MOVDUP, IR_W64 | SSE_UNARY | SSE_MEM(IR_W64))) \
    R(V0F, 0x12, 0x12, P_F2 | VEX_L1, "vmovddup", tr_avx, OPS(Vx, Wx), AVX_(AVX), IR_(V_MOVDUP, IR_W64 | SSE_UNARY)) \
    ONLY128(R, V0F, 0x13, P_NP | MOD_MEM, "vmovlps", tr_store_low, OPS(Mq, Vdq), 0, ) \
    ONLY128(R, V0F, 0x13, P_66 | MOD_MEM, "vmovlpd", tr_store_low, OPS(Mq, Vdq), 0, ) \
    FP_PACKED(R, 0x14, "vunpckl", V_UNPKL) \
    FP_PACKED(R, 0x15, "vunpckh", V_UNPKH) \
    ONLY128(R, V0F, 0x16, P_NP | MOD_MEM, "vmovhps", tr_avx, OPS(Vdq, Hdq, Mq), IR_W64 | SSE_MEM(IR_W64), .arg = IR_V_UNPKL) \
    ONLY128(R, V0F, 0x16, P_NP | MOD_REG, "vmovlhps", tr_avx, OPS(Vdq, Hdq, Udq), IR_W64, .arg = IR_V_UNPKL) \
    ONLY128(R, V0F, 0x16, P_66 | MOD_MEM, "vmovhpd", tr_avx, OPS(Vdq, Hdq, Mq), IR_W64 | SSE_MEM(IR_W64), .arg = IR_V_UNPKL) \
    R(V0F, 0x16, 0x16, P_F3, "vmovshdup", tr_avx, OPS(Vx, Wx), AVX_(AVX), IR_(V_MOVDUP, IR_W32 | SSE_UNARY | SSE_CONST(1))) \
    ONLY128(R, V0F, 0x17, P_NP | MOD_MEM, "vmovhps", tr_store_high, OPS(Mq, Vdq), 0, ) \
    ONLY128(R, V0F, 0x17, P_66 | MOD_MEM, "vmovhpd", tr_store_high, OPS(Mq, Vdq), 0, ) \
    PS(R, V0F, 0x28, "vmovaps", tr_avx_mov, OPS(Vx, Wx), NOP, 0) \
    PD(R, V0F, 0x28, "vmovapd", tr_avx_mov, OPS(Vx, Wx), NOP, 0) \
    PS(R, V0F, 0x29, "vmovaps", tr_avx_mov_store, OPS(Wx, Vx), NOP, 0) \
    PD(R, V0F, 0x29, "vmovapd", tr_avx_mov_store, OPS(Wx, Vx), NOP, 0) \
    R(V0F, 0x2b, 0x2b, P_NP | MOD_MEM, "vmovntps", tr_avx_mov_store, OPS(Mx, Vx), AVX_(AVX)) \
    R(V0F, 0x2b, 0x2b, P_66 | MOD_MEM, "vmovntpd", tr_avx_mov_store, OPS(Mx, Vx), AVX_(AVX)) \
    R(V0F, 0x50, 0x50, P_NP | MOD_REG, "vmovmskps", tr_avx_movmsk, OPS(Gd, Ux), AVX_(AVX), .arg2 = IR_W32) \
    R(V0F, 0x50, 0x50, P_66 | MOD_REG, "vmovmskpd", tr_avx_movmsk, OPS(Gd, Ux), AVX_(AVX), .arg2 = IR_W64) \
    ONLY128(R, V0F, 0x6e, P_66, "vmovd", tr_movd, OPS(Vdq, Ey), 0, .flags = I_W64) \
    ONLY128(R, V0F, 0x6e, P_66 | REX_W1 | ONLY64, "vmovq", tr_movd, OPS(Vdq, Ey), 0, .flags = I_W64) \
    R(V0F, 0x6f, 0x6f, P_66, "vmovdqa", tr_avx_mov, OPS(Vx, Wx), AVX_(AVX)) \
    R(V0F, 0x6f, 0x6f, P_F3, "vmovdqu", tr_avx_mov, OPS(Vx, Wx), AVX_(AVX), .arg2 = SSE_UNALIGNED) \
    R(V0F, 0x77, 0x77, P_NP | VEX_L0, "vzeroupper", tr_avx_zero, NO_OPS, AVX_(AVX)) \
    R(V0F, 0x77, 0x77, P_NP | VEX_L1, "vzeroall", tr_avx_zero, NO_OPS, AVX_(AVX)) \
    ONLY128(R, V0F, 0x7e, P_66, "vmovd", tr_movd_store, OPS(Ey, Vdq), 0, .flags = I_W64) \
    ONLY128(R, V0F, 0x7e, P_66 | REX_W1 | ONLY64, "vmovq", tr_movd_store, OPS(Ey, Vdq), 0, .flags = I_W64) \
    ONLY128(R, V0F, 0x7e, P_F3, "vmovq", tr_movq, OPS(Vdq, Wq), SSE_MEM(IR_W64), ) \
    R(V0F, 0x7f, 0x7f, P_66, "vmovdqa", tr_avx_mov_store, OPS(Wx, Vx), AVX_(AVX)) \
    R(V0F, 0x7f, 0x7f, P_F3, "vmovdqu", tr_avx_mov_store, OPS(Wx, Vx), AVX_(AVX), .arg2 = SSE_UNALIGNED) \
    ONLY128(R, V0F, 0xae, P_NP | REG_IS(2) | MOD_MEM, "vldmxcsr", tr_ldmxcsr, OPS(Md), 0, ) \
    ONLY128(R, V0F, 0xae, P_NP | REG_IS(3) | MOD_MEM, "vstmxcsr", tr_stmxcsr, OPS(Md), 0, ) \
    ONLY128(R, V0F, 0xc4, P_66, "vpinsrw", tr_avx_pinsr, OPS(Vdq, Hdq, Ew, Ib), IR_W16, ) \
    ONLY128(R, V0F, 0xc5, P_66 | MOD_REG, "vpextrw", tr_pextr, OPS(Gd, Udq, Ib), IR_W16, ) \
    ONLY128(R, V0F, 0xd6, P_66, "vmovq", tr_store_low, OPS(Wq, Vdq), 0, ) \
    R(V0F, 0xd7, 0xd7, P_66 | MOD_REG | VEX_L0, "vpmovmskb", tr_avx_movmsk, OPS(Gd, Ux), AVX_(AVX), .arg2 = IR_W8) \
    R(V0F, 0xd7, 0xd7, P_66 | MOD_REG | VEX_L1, "vpmovmskb", tr_avx_movmsk, OPS(Gd, Ux), AVX_(AVX2), .arg2 = IR_W8) \
    R(V0F, 0xe7, 0xe7, P_66 | MOD_MEM, "vmovntdq", tr_avx_mov_store, OPS(Mx, Vx), AVX_(AVX)) \
    R(V0F, 0xf0, 0xf0, P_F2 | MOD_MEM, "vlddqu", tr_avx_mov, OPS(Vx, Mx), AVX_(AVX), .arg2 = SSE_UNALIGNED) \
    ONLY128(R, V0F, 0xf7, P_66 | MOD_REG, "vmaskmovdqu", tr_maskmov, OPS(Vdq, Udq), 0, )

#define FP(R) \
    R(V0F, 0x2a, 0x2a, P_F3, "vcvtsi2ss", tr_avx_cvtsi2s, OPS(Vdq, Hdq, Ey), .flags = I_LIG | I_W64, AVX_(AVX), .arg2 = IR_W32 | SSE_MEM(IR_W32)) \
    R(V0F, 0x2a, 0x2a, P_F2, "vcvtsi2sd", tr_avx_cvtsi2s, OPS(Vdq, Hdq, Ey), .flags = I_LIG | I_W64, AVX_(AVX), .arg2 = IR_W64 | SSE_MEM(IR_W64)) \
    R(V0F, 0x2c, 0x2c, P_F3, "vcvttss2si", tr_cvts2si, OPS(Gy, Wd), .flags = I_LIG | I_W64, AVX_(AVX), .arg2 = IR_W32 | SSE_ONE | SSE_MEM(IR_W32)) \
    R(V0F, 0x2c, 0x2c, P_F2, "vcvttsd2si", tr_cvts2si, OPS(Gy, Wq), .flags = I_LIG | I_W64, AVX_(AVX), .arg2 = IR_W64 | SSE_ONE | SSE_MEM(IR_W64)) \
    R(V0F, 0x2d, 0x2d, P_F3, "vcvtss2si", tr_cvts2si, OPS(Gy, Wd), .flags = I_LIG | I_W64, AVX_(AVX), .arg2 = IR_W32 | SSE_MEM(IR_W32)) \
    R(V0F, 0x2d, 0x2d, P_F2, "vcvtsd2si", tr_cvts2si, OPS(Gy, Wq), .flags = I_LIG | I_W64, AVX_(AVX), .arg2 = IR_W64 | SSE_MEM(IR_W64)) \
    R(V0F, 0x2e, 0x2e, P_NP, "vucomiss", tr_comis, OPS(Vdq, Wd), .flags = I_LIG, AVX_(AVX), .arg = 1, .arg2 = IR_W32 | SSE_MEM(IR_W32), COMPARE_FLAGS) \
    R(V0F, 0x2e, 0x2e, P_66, "vucomisd", tr_comis, OPS(Vdq, Wq), .flags = I_LIG, AVX_(AVX), .arg = 1, .arg2 = IR_W64 | SSE_MEM(IR_W64), COMPARE_FLAGS) \
    R(V0F, 0x2f, 0x2f, P_NP, "vcomiss", tr_comis, OPS(Vdq, Wd), .flags = I_LIG, AVX_(AVX), .arg2 = IR_W32 | SSE_MEM(IR_W32), COMPARE_FLAGS) \
    R(V0F, 0x2f, 0x2f, P_66, "vcomisd", tr_comis, OPS(Vdq, Wq), .flags = I_LIG, AVX_(AVX), .arg2 = IR_W64 | SSE_MEM(IR_W64), COMPARE_FLAGS) \
    PS(R, V0F, 0x51, "vsqrtps", tr_avx, OPS(Vx, Wx), VF_SQRT, IR_W32 | AVX_SAME) \
    PD(R, V0F, 0x51, "vsqrtpd", tr_avx, OPS(Vx, Wx), VF_SQRT, IR_W64 | AVX_SAME) \
    SS(R, 0x51, "vsqrtss", tr_avx, OPS(Vdq, Hdq, Wd), VF_SQRT, IR_W32 | SSE_ONE) \
    SD(R, 0x51, "vsqrtsd", tr_avx, OPS(Vdq, Hdq, Wq), VF_SQRT, IR_W64 | SSE_ONE) \
    PS(R, V0F, 0x52, "vrsqrtps", tr_avx, OPS(Vx, Wx), VF_RSQRT, IR_W32 | AVX_SAME) \
    SS(R, 0x52, "vrsqrtss", tr_avx, OPS(Vdq, Hdq, Wd), VF_RSQRT, IR_W32 | SSE_ONE) \
    PS(R, V0F, 0x53, "vrcpps", tr_avx, OPS(Vx, Wx), VF_RCP, IR_W32 | AVX_SAME) \
    SS(R, 0x53, "vrcpss", tr_avx, OPS(Vdq, Hdq, Wd), VF_RCP, IR_W32 | SSE_ONE) \
    BITWISE(R, 0x54, "vand", V_AND) \
    BITWISE(R, 0x55, "vandn", V_ANDN) \
    BITWISE(R, 0x56, "vor", V_OR) \
    BITWISE(R, 0x57, "vxor", V_XOR) \
    FP_ALL(R, 0x58, "vadd", VF_ADD) \
    FP_ALL(R, 0x59, "vmul", VF_MUL) \
    PS(R, V0F, 0x5a, "vcvtps2pd", tr_avx, OPS(Vx, Wh), VF_CVT, IR_W32 | SSE_UNARY | AVX_WIDEN | SSE_MEM(IR_W64) | AVX_SCALED) \
    PD(R, V0F, 0x5a, "vcvtpd2ps", tr_avx, OPS(Vdq, Wx), VF_CVT, IR_W64 | SSE_UNARY | AVX_NARROW) \
    SS(R, 0x5a, "vcvtss2sd", tr_avx, OPS(Vdq, Hdq, Wd), VF_CVTS, IR_W32) \
    SD(R, 0x5a, "vcvtsd2ss", tr_avx, OPS(Vdq, Hdq, Wq), VF_CVTS, IR_W64) \
    PS(R, V0F, 0x5b, "vcvtdq2ps", tr_avx, OPS(Vx, Wx), VF_FROMI32, IR_W32 | SSE_UNARY) \
    PD(R, V0F, 0x5b, "vcvtps2dq", tr_avx, OPS(Vx, Wx), VF_TOI32, IR_W32 | SSE_UNARY) \
    R(V0F, 0x5b, 0x5b, P_F3, "vcvttps2dq", tr_avx, OPS(Vx, Wx), AVX_(AVX), IR_(VF_TOI32, IR_W32 | SSE_UNARY | SSE_ONE)) \
    FP_ALL(R, 0x5c, "vsub", VF_SUB) \
    FP_ALL(R, 0x5d, "vmin", VF_MIN) \
    FP_ALL(R, 0x5e, "vdiv", VF_DIV) \
    FP_ALL(R, 0x5f, "vmax", VF_MAX) \
    PD(R, V0F, 0x7c, "vhaddpd", tr_avx, OPS(Vx, Hx, Wx), VF_HADD, IR_W64) \
    R(V0F, 0x7c, 0x7c, P_F2, "vhaddps", tr_avx, OPS(Vx, Hx, Wx), AVX_(AVX), IR_(VF_HADD, IR_W32)) \
    PD(R, V0F, 0x7d, "vhsubpd", tr_avx, OPS(Vx, Hx, Wx), VF_HSUB, IR_W64) \
    R(V0F, 0x7d, 0x7d, P_F2, "vhsubps", tr_avx, OPS(Vx, Hx, Wx), AVX_(AVX), IR_(VF_HSUB, IR_W32)) \
    PS(R, V0F, 0xc2, "vcmpps", tr_avx, OPS(Vx, Hx, Wx, Ib), VF_CMP, IR_W32 | SSE_CONTROL) \
    PD(R, V0F, 0xc2, "vcmppd", tr_avx, OPS(Vx, Hx, Wx, Ib), VF_CMP, IR_W64 | SSE_CONTROL) \
    SS(R, 0xc2, "vcmpss", tr_avx, OPS(Vdq, Hdq, Wd, Ib), VF_CMP, IR_W32 | SSE_CONTROL | SSE_ONE) \
    SD(R, 0xc2, "vcmpsd", tr_avx, OPS(Vdq, Hdq, Wq, Ib), VF_CMP, IR_W64 | SSE_CONTROL | SSE_ONE) \
    PS(R, V0F, 0xc6, "vshufps", tr_avx, OPS(Vx, Hx, Wx, Ib), V_SHUFPS, IR_W32 | SSE_IMM) \
    PD(R, V0F, 0xc6, "vshufpd", tr_avx, OPS(Vx, Hx, Wx, Ib), V_SHUFPS, IR_W64 | SSE_IMM) \
    PD(R, V0F, 0xd0, "vaddsubpd", tr_avx, OPS(Vx, Hx, Wx), VF_ADDSUB, IR_W64) \
    R(V0F, 0xd0, 0xd0, P_F2, "vaddsubps", tr_avx, OPS(Vx, Hx, Wx), AVX_(AVX), IR_(VF_ADDSUB, IR_W32)) \
    PD(R, V0F, 0xe6, "vcvttpd2dq", tr_avx, OPS(Vdq, Wx), VF_TOI32, IR_W64 | SSE_UNARY | SSE_ONE | AVX_NARROW) \
    R(V0F, 0xe6, 0xe6, P_F3, "vcvtdq2pd", tr_avx, OPS(Vx, Wh), AVX_(AVX), IR_(VF_FROMI32, IR_W64 | SSE_UNARY | AVX_WIDEN | SSE_MEM(IR_W64) | AVX_SCALED)) \
    R(V0F, 0xe6, 0xe6, P_F2, "vcvtpd2dq", tr_avx, OPS(Vdq, Wx), AVX_(AVX), IR_(VF_TOI32, IR_W64 | SSE_UNARY | AVX_NARROW))

#define INTEGER(R) \
    INT2(R, V0F, 0x60, "vpunpcklbw", V_UNPKL, IR_W8) \
    INT2(R, V0F, 0x61, "vpunpcklwd", V_UNPKL, IR_W16) \
    INT2(R, V0F, 0x62, "vpunpckldq", V_UNPKL, IR_W32) \
    INT2(R, V0F, 0x63, "vpacksswb", V_PACKS, IR_W16) \
    INT2(R, V0F, 0x64, "vpcmpgtb", V_CMPGT, IR_W8) \
    INT2(R, V0F, 0x65, "vpcmpgtw", V_CMPGT, IR_W16) \
    INT2(R, V0F, 0x66, "vpcmpgtd", V_CMPGT, IR_W32) \
    INT2(R, V0F, 0x67, "vpackuswb", V_PACKUS, IR_W16) \
    INT2(R, V0F, 0x68, "vpunpckhbw", V_UNPKH, IR_W8) \
    INT2(R, V0F, 0x69, "vpunpckhwd", V_UNPKH, IR_W16) \
    INT2(R, V0F, 0x6a, "vpunpckhdq", V_UNPKH, IR_W32) \
    INT2(R, V0F, 0x6b, "vpackssdw", V_PACKS, IR_W32) \
    INT2(R, V0F, 0x6c, "vpunpcklqdq", V_UNPKL, IR_W64) \
    INT2(R, V0F, 0x6d, "vpunpckhqdq", V_UNPKH, IR_W64) \
    INT_FN(R, V0F, 0x70, 0, "vpshufd", tr_avx, OPS(Vx, Wx, Ib), V_SHUFD, SSE_UNARY | SSE_IMM) \
    R(V0F, 0x70, 0x70, P_F3 | VEX_L0, "vpshufhw", tr_avx, OPS(Vx, Wx, Ib), AVX_(AVX), IR_(V_SHUFHW, SSE_UNARY | SSE_IMM)) \
    R(V0F, 0x70, 0x70, P_F3 | VEX_L1, "vpshufhw", tr_avx, OPS(Vx, Wx, Ib), AVX_(AVX2), IR_(V_SHUFHW, SSE_UNARY | SSE_IMM)) \
    R(V0F, 0x70, 0x70, P_F2 | VEX_L0, "vpshuflw", tr_avx, OPS(Vx, Wx, Ib), AVX_(AVX), IR_(V_SHUFLW, SSE_UNARY | SSE_IMM)) \
    R(V0F, 0x70, 0x70, P_F2 | VEX_L1, "vpshuflw", tr_avx, OPS(Vx, Wx, Ib), AVX_(AVX2), IR_(V_SHUFLW, SSE_UNARY | SSE_IMM)) \
    SHIFT_IMM(R, 0x71, 2, "vpsrlw", V_SHRI, IR_W16) \
    SHIFT_IMM(R, 0x71, 4, "vpsraw", V_SARI, IR_W16) \
    SHIFT_IMM(R, 0x71, 6, "vpsllw", V_SHLI, IR_W16) \
    SHIFT_IMM(R, 0x72, 2, "vpsrld", V_SHRI, IR_W32) \
    SHIFT_IMM(R, 0x72, 4, "vpsrad", V_SARI, IR_W32) \
    SHIFT_IMM(R, 0x72, 6, "vpslld", V_SHLI, IR_W32) \
    SHIFT_IMM(R, 0x73, 2, "vpsrlq", V_SHRI, IR_W64) \
    SHIFT_IMM(R, 0x73, 3, "vpsrldq", V_SHRB, 0) \
    SHIFT_IMM(R, 0x73, 6, "vpsllq", V_SHLI, IR_W64) \
    SHIFT_IMM(R, 0x73, 7, "vpslldq", V_SHLB, 0) \
    INT2(R, V0F, 0x74, "vpcmpeqb", V_CMPEQ, IR_W8) \
    INT2(R, V0F, 0x75, "vpcmpeqw", V_CMPEQ, IR_W16) \
    INT2(R, V0F, 0x76, "vpcmpeqd", V_CMPEQ, IR_W32) \
    SHIFT(R, 0xd1, "vpsrlw", V_SHR, IR_W16) \
    SHIFT(R, 0xd2, "vpsrld", V_SHR, IR_W32) \
    SHIFT(R, 0xd3, "vpsrlq", V_SHR, IR_W64) \
    INT2(R, V0F, 0xd4, "vpaddq", V_ADD, IR_W64) \
    INT2(R, V0F, 0xd5, "vpmullw", V_MULLO, IR_W16) \
    INT2(R, V0F, 0xd8, "vpsubusb", V_SUBUS, IR_W8) \
    INT2(R, V0F, 0xd9, "vpsubusw", V_SUBUS, IR_W16) \
    INT2(R, V0F, 0xda, "vpminub", V_MINU, IR_W8) \
    INT2(R, V0F, 0xdb, "vpand", V_AND, 0) \
    INT2(R, V0F, 0xdc, "vpaddusb", V_ADDUS, IR_W8) \
    INT2(R, V0F, 0xdd, "vpaddusw", V_ADDUS, IR_W16) \
    INT2(R, V0F, 0xde, "vpmaxub", V_MAXU, IR_W8) \
    INT2(R, V0F, 0xdf, "vpandn", V_ANDN, 0) \
    INT2(R, V0F, 0xe0, "vpavgb", V_AVG, IR_W8) \
    SHIFT(R, 0xe1, "vpsraw", V_SAR, IR_W16) \
    SHIFT(R, 0xe2, "vpsrad", V_SAR, IR_W32) \
    INT2(R, V0F, 0xe3, "vpavgw", V_AVG, IR_W16) \
    INT2(R, V0F, 0xe4, "vpmulhuw", V_MULHIU, IR_W16) \
    INT2(R, V0F, 0xe5, "vpmulhw", V_MULHI, IR_W16) \
    INT2(R, V0F, 0xe8, "vpsubsb", V_SUBS, IR_W8) \
    INT2(R, V0F, 0xe9, "vpsubsw", V_SUBS, IR_W16) \
    INT2(R, V0F, 0xea, "vpminsw", V_MIN, IR_W16) \
    INT2(R, V0F, 0xeb, "vpor", V_OR, 0) \
    INT2(R, V0F, 0xec, "vpaddsb", V_ADDS, IR_W8) \
    INT2(R, V0F, 0xed, "vpaddsw", V_ADDS, IR_W16) \
    INT2(R, V0F, 0xee, "vpmaxsw", V_MAX, IR_W16) \
    INT2(R, V0F, 0xef, "vpxor", V_XOR, 0) \
    SHIFT(R, 0xf1, "vpsllw", V_SHL, IR_W16) \
    SHIFT(R, 0xf2, "vpslld", V_SHL, IR_W32) \
    SHIFT(R, 0xf3, "vpsllq", V_SHL, IR_W64) \
    INT2(R, V0F, 0xf4, "vpmuludq", V_MULU, 0) \
    INT2(R, V0F, 0xf5, "vpmaddwd", V_MADD, 0) \
    INT2(R, V0F, 0xf6, "vpsadbw", V_SAD, 0) \
    INT2(R, V0F, 0xf8, "vpsubb", V_SUB, IR_W8) \
    INT2(R, V0F, 0xf9, "vpsubw", V_SUB, IR_W16) \
    INT2(R, V0F, 0xfa, "vpsubd", V_SUB, IR_W32) \
    INT2(R, V0F, 0xfb, "vpsubq", V_SUB, IR_W64) \
    INT2(R, V0F, 0xfc, "vpaddb", V_ADD, IR_W8) \
    INT2(R, V0F, 0xfd, "vpaddw", V_ADD, IR_W16) \
    INT2(R, V0F, 0xfe, "vpaddd", V_ADD, IR_W32)

#define FMA_PACKED(R, opc, name, how) \
    R(V38, opc, opc, P_66 | REX_W0, name "ps", tr_avx_fma, OPS(Vx, Hx, Wx), AVX_(FMA), .arg2 = IR_W32 | SSE_CONST(how)) \
    R(V38, opc, opc, P_66 | REX_W1, name "pd", tr_avx_fma, OPS(Vx, Hx, Wx), AVX_(FMA), .arg2 = IR_W64 | SSE_CONST(how))
#define FMA_SCALAR(R, opc, name, how) \
    R(V38, opc, opc, P_66 | REX_W0, name "ss", tr_avx_fma, OPS(Vdq, Hdq, Wd), .flags = I_LIG, AVX_(FMA), .arg2 = IR_W32 | SSE_MEM(IR_W32) | SSE_CONST((how) | IR_FMA_ONE)) \
    R(V38, opc, opc, P_66 | REX_W1, name "sd", tr_avx_fma, OPS(Vdq, Hdq, Wq), .flags = I_LIG, AVX_(FMA), .arg2 = IR_W64 | SSE_MEM(IR_W64) | SSE_CONST((how) | IR_FMA_ONE))

#define THREE_BYTE_38(R) \
    INT2(R, V38, 0x00, "vpshufb", V_SHUFB, IR_W8) \
    INT2(R, V38, 0x01, "vphaddw", V_HADD, IR_W16) \
    INT2(R, V38, 0x02, "vphaddd", V_HADD, IR_W32) \
    INT2(R, V38, 0x03, "vphaddsw", V_HADDS, IR_W16) \
    INT2(R, V38, 0x04, "vpmaddubsw", V_MADDUBS, 0) \
    INT2(R, V38, 0x05, "vphsubw", V_HSUB, IR_W16) \
    INT2(R, V38, 0x06, "vphsubd", V_HSUB, IR_W32) \
    INT2(R, V38, 0x07, "vphsubsw", V_HSUBS, IR_W16) \
    INT2(R, V38, 0x08, "vpsignb", V_SIGN, IR_W8) \
    INT2(R, V38, 0x09, "vpsignw", V_SIGN, IR_W16) \
    INT2(R, V38, 0x0a, "vpsignd", V_SIGN, IR_W32) \
    INT2(R, V38, 0x0b, "vpmulhrsw", V_MULHRS, IR_W16) \
    R(V38, 0x0c, 0x0c, P_66 | REX_W0, "vpermilps", tr_avx, OPS(Vx, Hx, Wx), AVX_(AVX), IR_(V_PERMIL, IR_W32)) \
    R(V38, 0x0d, 0x0d, P_66 | REX_W0, "vpermilpd", tr_avx, OPS(Vx, Hx, Wx), AVX_(AVX), IR_(V_PERMIL, IR_W64)) \
    R(V38, 0x0e, 0x0e, P_66 | REX_W0, "vtestps", tr_avx_testp, OPS(Vx, Wx), AVX_(AVX), .arg2 = IR_W32, COMPARE_FLAGS) \
    R(V38, 0x0f, 0x0f, P_66 | REX_W0, "vtestpd", tr_avx_testp, OPS(Vx, Wx), AVX_(AVX), .arg2 = IR_W64, COMPARE_FLAGS) \
    R(V38, 0x13, 0x13, P_66 | REX_W0, "vcvtph2ps", tr_avx, OPS(Vx, Wh), AVX_(F16C), IR_(VF_FROMH, SSE_UNARY | AVX_WIDEN | AVX_SCALED | SSE_MEM(IR_W64))) \
    R(V38, 0x16, 0x16, P_66 | REX_W0 | VEX_L1, "vpermps", tr_avx, OPS(Vx, Hx, Wx), AVX_(AVX2), IR_(V_PERMD, 0)) \
    R(V38, 0x17, 0x17, P_66, "vptest", tr_avx_ptest, OPS(Vx, Wx), AVX_(AVX), COMPARE_FLAGS) \
    R(V38, 0x18, 0x18, P_66 | REX_W0 | MOD_MEM, "vbroadcastss", tr_avx, OPS(Vx, Wd), AVX_(AVX), IR_(V_BCAST, IR_W32 | SSE_UNARY | AVX_WIDEN | SSE_MEM(IR_W32))) \
    R(V38, 0x18, 0x18, P_66 | REX_W0 | MOD_REG, "vbroadcastss", tr_avx, OPS(Vx, Udq), AVX_(AVX2), IR_(V_BCAST, IR_W32 | SSE_UNARY | AVX_WIDEN)) \
    R(V38, 0x19, 0x19, P_66 | REX_W0 | VEX_L1 | MOD_MEM, "vbroadcastsd", tr_avx, OPS(Vx, Wq), AVX_(AVX), IR_(V_BCAST, IR_W64 | SSE_UNARY | AVX_WIDEN | SSE_MEM(IR_W64))) \
    R(V38, 0x19, 0x19, P_66 | REX_W0 | VEX_L1 | MOD_REG, "vbroadcastsd", tr_avx, OPS(Vx, Udq), AVX_(AVX2), IR_(V_BCAST, IR_W64 | SSE_UNARY | AVX_WIDEN)) \
    R(V38, 0x1a, 0x1a, P_66 | REX_W0 | VEX_L1 | MOD_MEM, "vbroadcastf128", tr_avx, OPS(Vx, Mdq), AVX_(AVX), IR_(V_BCAST, IR_W128 | SSE_UNARY | AVX_WIDEN | SSE_MEM(IR_W128))) \
    INT1(R, V38, 0x1c, "vpabsb", V_ABS, IR_W8) \
    INT1(R, V38, 0x1d, "vpabsw", V_ABS, IR_W16) \
    INT1(R, V38, 0x1e, "vpabsd", V_ABS, IR_W32) \
    INT_FN(R, V38, 0x20, 0, "vpmovsxbw", tr_avx, OPS(Vx, Wh), V_MOVSX, IR_W8 | SSE_UNARY | AVX_WIDEN | AVX_SCALED | SSE_MEM(IR_W64) | SSE_CONST(IR_W16)) \
    INT_FN(R, V38, 0x21, 0, "vpmovsxbd", tr_avx, OPS(Vx, Wf), V_MOVSX, IR_W8 | SSE_UNARY | AVX_WIDEN | AVX_SCALED | SSE_MEM(IR_W32) | SSE_CONST(IR_W32)) \
    INT_FN(R, V38, 0x22, 0, "vpmovsxbq", tr_avx, OPS(Vx, We), V_MOVSX, IR_W8 | SSE_UNARY | AVX_WIDEN | AVX_SCALED | SSE_MEM(IR_W16) | SSE_CONST(IR_W64)) \
    INT_FN(R, V38, 0x23, 0, "vpmovsxwd", tr_avx, OPS(Vx, Wh), V_MOVSX, IR_W16 | SSE_UNARY | AVX_WIDEN | AVX_SCALED | SSE_MEM(IR_W64) | SSE_CONST(IR_W32)) \
    INT_FN(R, V38, 0x24, 0, "vpmovsxwq", tr_avx, OPS(Vx, Wf), V_MOVSX, IR_W16 | SSE_UNARY | AVX_WIDEN | AVX_SCALED | SSE_MEM(IR_W32) | SSE_CONST(IR_W64)) \
    INT_FN(R, V38, 0x25, 0, "vpmovsxdq", tr_avx, OPS(Vx, Wh), V_MOVSX, IR_W32 | SSE_UNARY | AVX_WIDEN | AVX_SCALED | SSE_MEM(IR_W64) | SSE_CONST(IR_W64)) \
    INT2(R, V38, 0x28, "vpmuldq", V_MULS, 0) \
    INT2(R, V38, 0x29, "vpcmpeqq", V_CMPEQ, IR_W64) \
    R(V38, 0x2a, 0x2a, P_66 | MOD_MEM | VEX_L0, "vmovntdqa", tr_avx_mov, OPS(Vx, Mx), AVX_(AVX)) \
    R(V38, 0x2a, 0x2a, P_66 | MOD_MEM | VEX_L1, "vmovntdqa", tr_avx_mov, OPS(Vx, Mx), AVX_(AVX2)) \
    INT2(R, V38, 0x2b, "vpackusdw", V_PACKUS, IR_W32) \
    R(V38, 0x2c, 0x2c, P_66 | REX_W0 | MOD_MEM, "vmaskmovps", tr_avx_maskload, OPS(Vx, Hx, Mx), AVX_(AVX), .arg2 = IR_W32) \
    R(V38, 0x2d, 0x2d, P_66 | REX_W0 | MOD_MEM, "vmaskmovpd", tr_avx_maskload, OPS(Vx, Hx, Mx), AVX_(AVX), .arg2 = IR_W64) \
    R(V38, 0x2e, 0x2e, P_66 | REX_W0 | MOD_MEM, "vmaskmovps", tr_avx_maskstore, OPS(Mx, Hx, Vx), AVX_(AVX), .arg2 = IR_W32) \
    R(V38, 0x2f, 0x2f, P_66 | REX_W0 | MOD_MEM, "vmaskmovpd", tr_avx_maskstore, OPS(Mx, Hx, Vx), AVX_(AVX), .arg2 = IR_W64) \
    INT_FN(R, V38, 0x30, 0, "vpmovzxbw", tr_avx, OPS(Vx, Wh), V_MOVZX, IR_W8 | SSE_UNARY | AVX_WIDEN | AVX_SCALED | SSE_MEM(IR_W64) | SSE_CONST(IR_W16)) \
    INT_FN(R, V38, 0x31, 0, "vpmovzxbd", tr_avx, OPS(Vx, Wf), V_MOVZX, IR_W8 | SSE_UNARY | AVX_WIDEN | AVX_SCALED | SSE_MEM(IR_W32) | SSE_CONST(IR_W32)) \
    INT_FN(R, V38, 0x32, 0, "vpmovzxbq", tr_avx, OPS(Vx, We), V_MOVZX, IR_W8 | SSE_UNARY | AVX_WIDEN | AVX_SCALED | SSE_MEM(IR_W16) | SSE_CONST(IR_W64)) \
    INT_FN(R, V38, 0x33, 0, "vpmovzxwd", tr_avx, OPS(Vx, Wh), V_MOVZX, IR_W16 | SSE_UNARY | AVX_WIDEN | AVX_SCALED | SSE_MEM(IR_W64) | SSE_CONST(IR_W32)) \
    INT_FN(R, V38, 0x34, 0, "vpmovzxwq", tr_avx, OPS(Vx, Wf), V_MOVZX, IR_W16 | SSE_UNARY | AVX_WIDEN | AVX_SCALED | SSE_MEM(IR_W32) | SSE_CONST(IR_W64)) \
    INT_FN(R, V38, 0x35, 0, "vpmovzxdq", tr_avx, OPS(Vx, Wh), V_MOVZX, IR_W32 | SSE_UNARY | AVX_WIDEN | AVX_SCALED | SSE_MEM(IR_W64) | SSE_CONST(IR_W64)) \
    R(V38, 0x36, 0x36, P_66 | REX_W0 | VEX_L1, "vpermd", tr_avx, OPS(Vx, Hx, Wx), AVX_(AVX2), IR_(V_PERMD, 0)) \
    INT2(R, V38, 0x37, "vpcmpgtq", V_CMPGT, IR_W64) \
    INT2(R, V38, 0x38, "vpminsb", V_MIN, IR_W8) \
    INT2(R, V38, 0x39, "vpminsd", V_MIN, IR_W32) \
    INT2(R, V38, 0x3a, "vpminuw", V_MINU, IR_W16) \
    INT2(R, V38, 0x3b, "vpminud", V_MINU, IR_W32) \
    INT2(R, V38, 0x3c, "vpmaxsb", V_MAX, IR_W8) \
    INT2(R, V38, 0x3d, "vpmaxsd", V_MAX, IR_W32) \
    INT2(R, V38, 0x3e, "vpmaxuw", V_MAXU, IR_W16) \
    INT2(R, V38, 0x3f, "vpmaxud", V_MAXU, IR_W32) \
    INT2(R, V38, 0x40, "vpmulld", V_MULLO, IR_W32) \
    ONLY128(R, V38, 0x41, P_66, "vphminposuw", tr_avx, OPS(Vdq, Wdq), SSE_UNARY, .arg = IR_V_HMINPOS) \
    R(V38, 0x45, 0x45, P_66 | REX_W0, "vpsrlvd", tr_avx, OPS(Vx, Hx, Wx), AVX_(AVX2), IR_(V_SHRV, IR_W32)) \
    R(V38, 0x45, 0x45, P_66 | REX_W1, "vpsrlvq", tr_avx, OPS(Vx, Hx, Wx), AVX_(AVX2), IR_(V_SHRV, IR_W64)) \
    R(V38, 0x46, 0x46, P_66 | REX_W0, "vpsravd", tr_avx, OPS(Vx, Hx, Wx), AVX_(AVX2), IR_(V_SARV, IR_W32)) \
    R(V38, 0x47, 0x47, P_66 | REX_W0, "vpsllvd", tr_avx, OPS(Vx, Hx, Wx), AVX_(AVX2), IR_(V_SHLV, IR_W32)) \
    R(V38, 0x47, 0x47, P_66 | REX_W1, "vpsllvq", tr_avx, OPS(Vx, Hx, Wx), AVX_(AVX2), IR_(V_SHLV, IR_W64)) \
    R(V38, 0x58, 0x58, P_66 | REX_W0, "vpbroadcastd", tr_avx, OPS(Vx, Wd), AVX_(AVX2), IR_(V_BCAST, IR_W32 | SSE_UNARY | AVX_WIDEN | SSE_MEM(IR_W32))) \
    R(V38, 0x59, 0x59, P_66 | REX_W0, "vpbroadcastq", tr_avx, OPS(Vx, Wq), AVX_(AVX2), IR_(V_BCAST, IR_W64 | SSE_UNARY | AVX_WIDEN | SSE_MEM(IR_W64))) \
    R(V38, 0x5a, 0x5a, P_66 | REX_W0 | VEX_L1 | MOD_MEM, "vbroadcasti128", tr_avx, OPS(Vx, Mdq), AVX_(AVX2), IR_(V_BCAST, IR_W128 | SSE_UNARY | AVX_WIDEN | SSE_MEM(IR_W128))) \
    R(V38, 0x78, 0x78, P_66 | REX_W0, "vpbroadcastb", tr_avx, OPS(Vx, Wb), AVX_(AVX2), IR_(V_BCAST, IR_W8 | SSE_UNARY | AVX_WIDEN | SSE_MEM(IR_W8))) \
    R(V38, 0x79, 0x79, P_66 | REX_W0, "vpbroadcastw", tr_avx, OPS(Vx, Ww), AVX_(AVX2), IR_(V_BCAST, IR_W16 | SSE_UNARY | AVX_WIDEN | SSE_MEM(IR_W16))) \
    R(V38, 0x8c, 0x8c, P_66 | REX_W0 | MOD_MEM, "vpmaskmovd", tr_avx_maskload, OPS(Vx, Hx, Mx), AVX_(AVX2)) \
    R(V38, 0x8c, 0x8c, P_66 | REX_W1 | MOD_MEM, "vpmaskmovq", tr_avx_maskload, OPS(Vx, Hx, Mx), AVX_(AVX2)) \
    R(V38, 0x8e, 0x8e, P_66 | REX_W0 | MOD_MEM, "vpmaskmovd", tr_avx_maskstore, OPS(Mx, Hx, Vx), AVX_(AVX2)) \
    R(V38, 0x8e, 0x8e, P_66 | REX_W1 | MOD_MEM, "vpmaskmovq", tr_avx_maskstore, OPS(Mx, Hx, Vx), AVX_(AVX2)) \
    R(V38, 0x90, 0x90, P_66 | REX_W0 | MOD_MEM, "vpgatherdd", tr_avx_gather, OPS(Vx, Mi, Hx), .flags = I_DISTINCT, AVX_(AVX2), .arg = 0) \
    R(V38, 0x90, 0x90, P_66 | REX_W1 | MOD_MEM, "vpgatherdq", tr_avx_gather, OPS(Vx, Mi, Hx), .flags = I_DISTINCT, AVX_(AVX2), .arg = 0) \
    R(V38, 0x91, 0x91, P_66 | REX_W0 | MOD_MEM, "vpgatherqd", tr_avx_gather, OPS(Vx, Mi, Hx), .flags = I_DISTINCT, AVX_(AVX2), .arg = 1) \
    R(V38, 0x91, 0x91, P_66 | REX_W1 | MOD_MEM, "vpgatherqq", tr_avx_gather, OPS(Vx, Mi, Hx), .flags = I_DISTINCT, AVX_(AVX2), .arg = 1) \
    R(V38, 0x92, 0x92, P_66 | REX_W0 | MOD_MEM, "vgatherdps", tr_avx_gather, OPS(Vx, Mi, Hx), .flags = I_DISTINCT, AVX_(AVX2), .arg = 0) \
    R(V38, 0x92, 0x92, P_66 | REX_W1 | MOD_MEM, "vgatherdpd", tr_avx_gather, OPS(Vx, Mi, Hx), .flags = I_DISTINCT, AVX_(AVX2), .arg = 0) \
    R(V38, 0x93, 0x93, P_66 | REX_W0 | MOD_MEM, "vgatherqps", tr_avx_gather, OPS(Vx, Mi, Hx), .flags = I_DISTINCT, AVX_(AVX2), .arg = 1) \
    R(V38, 0x93, 0x93, P_66 | REX_W1 | MOD_MEM, "vgatherqpd", tr_avx_gather, OPS(Vx, Mi, Hx), .flags = I_DISTINCT, AVX_(AVX2), .arg = 1) \
    FMA_PACKED(R, 0x96, "vfmaddsub132", IR_FMA_132 | IR_FMA_ALTERNATE) \
    FMA_PACKED(R, 0x97, "vfmsubadd132", IR_FMA_132 | IR_FMA_ALTERNATE | IR_FMA_NEGATE_ADDEND) \
    FMA_PACKED(R, 0x98, "vfmadd132", IR_FMA_132 | 0) \
    FMA_SCALAR(R, 0x99, "vfmadd132", IR_FMA_132 | 0) \
    FMA_PACKED(R, 0x9a, "vfmsub132", IR_FMA_132 | IR_FMA_NEGATE_ADDEND) \
    FMA_SCALAR(R, 0x9b, "vfmsub132", IR_FMA_132 | IR_FMA_NEGATE_ADDEND) \
    FMA_PACKED(R, 0x9c, "vfnmadd132", IR_FMA_132 | IR_FMA_NEGATE_PRODUCT) \
    FMA_SCALAR(R, 0x9d, "vfnmadd132", IR_FMA_132 | IR_FMA_NEGATE_PRODUCT) \
    FMA_PACKED(R, 0x9e, "vfnmsub132", IR_FMA_132 | IR_FMA_NEGATE_PRODUCT | IR_FMA_NEGATE_ADDEND) \
    FMA_SCALAR(R, 0x9f, "vfnmsub132", IR_FMA_132 | IR_FMA_NEGATE_PRODUCT | IR_FMA_NEGATE_ADDEND) \
    FMA_PACKED(R, 0xa6, "vfmaddsub213", IR_FMA_213 | IR_FMA_ALTERNATE) \
    FMA_PACKED(R, 0xa7, "vfmsubadd213", IR_FMA_213 | IR_FMA_ALTERNATE | IR_FMA_NEGATE_ADDEND) \
    FMA_PACKED(R, 0xa8, "vfmadd213", IR_FMA_213 | 0) \
    FMA_SCALAR(R, 0xa9, "vfmadd213", IR_FMA_213 | 0) \
    FMA_PACKED(R, 0xaa, "vfmsub213", IR_FMA_213 | IR_FMA_NEGATE_ADDEND) \
    FMA_SCALAR(R, 0xab, "vfmsub213", IR_FMA_213 | IR_FMA_NEGATE_ADDEND) \
    FMA_PACKED(R, 0xac, "vfnmadd213", IR_FMA_213 | IR_FMA_NEGATE_PRODUCT) \
    FMA_SCALAR(R, 0xad, "vfnmadd213", IR_FMA_213 | IR_FMA_NEGATE_PRODUCT) \
    FMA_PACKED(R, 0xae, "vfnmsub213", IR_FMA_213 | IR_FMA_NEGATE_PRODUCT | IR_FMA_NEGATE_ADDEND) \
    FMA_SCALAR(R, 0xaf, "vfnmsub213", IR_FMA_213 | IR_FMA_NEGATE_PRODUCT | IR_FMA_NEGATE_ADDEND) \
    FMA_PACKED(R, 0xb6, "vfmaddsub231", IR_FMA_231 | IR_FMA_ALTERNATE) \
    FMA_PACKED(R, 0xb7, "vfmsubadd231", IR_FMA_231 | IR_FMA_ALTERNATE | IR_FMA_NEGATE_ADDEND) \
    FMA_PACKED(R, 0xb8, "vfmadd231", IR_FMA_231 | 0) \
    FMA_SCALAR(R, 0xb9, "vfmadd231", IR_FMA_231 | 0) \
    FMA_PACKED(R, 0xba, "vfmsub231", IR_FMA_231 | IR_FMA_NEGATE_ADDEND) \
    FMA_SCALAR(R, 0xbb, "vfmsub231", IR_FMA_231 | IR_FMA_NEGATE_ADDEND) \
    FMA_PACKED(R, 0xbc, "vfnmadd231", IR_FMA_231 | IR_FMA_NEGATE_PRODUCT) \
    FMA_SCALAR(R, 0xbd, "vfnmadd231", IR_FMA_231 | IR_FMA_NEGATE_PRODUCT) \
    FMA_PACKED(R, 0xbe, "vfnmsub231", IR_FMA_231 | IR_FMA_NEGATE_PRODUCT | IR_FMA_NEGATE_ADDEND) \
    FMA_SCALAR(R, 0xbf, "vfnmsub231", IR_FMA_231 | IR_FMA_NEGATE_PRODUCT | IR_FMA_NEGATE_ADDEND) \
    R(V38, 0xcf, 0xcf, P_66 | REX_W0, "vgf2p8mulb", tr_avx, OPS(Vx, Hx, Wx), AVX_(AVX), ALSO_(GFNI), IR_(V_GFMUL, 0)) \
    ONLY128(R, V38, 0xdb, P_66, "vaesimc", tr_avx, OPS(Vdq, Wdq), SSE_UNARY, ALSO_(AES), .arg = IR_V_AESIMC) \
    R(V38, 0xdc, 0xdc, P_66 | VEX_L0, "vaesenc", tr_avx, OPS(Vx, Hx, Wx), AVX_(AVX), ALSO_(AES), IR_(V_AESENC, 0)) \
    R(V38, 0xdc, 0xdc, P_66 | VEX_L1, "vaesenc", tr_avx, OPS(Vx, Hx, Wx), AVX_(AVX), ALSO_(VAES), IR_(V_AESENC, 0)) \
    R(V38, 0xdd, 0xdd, P_66 | VEX_L0, "vaesenclast", tr_avx, OPS(Vx, Hx, Wx), AVX_(AVX), ALSO_(AES), IR_(V_AESENCLAST, 0)) \
    R(V38, 0xdd, 0xdd, P_66 | VEX_L1, "vaesenclast", tr_avx, OPS(Vx, Hx, Wx), AVX_(AVX), ALSO_(VAES), IR_(V_AESENCLAST, 0)) \
    R(V38, 0xde, 0xde, P_66 | VEX_L0, "vaesdec", tr_avx, OPS(Vx, Hx, Wx), AVX_(AVX), ALSO_(AES), IR_(V_AESDEC, 0)) \
    R(V38, 0xde, 0xde, P_66 | VEX_L1, "vaesdec", tr_avx, OPS(Vx, Hx, Wx), AVX_(AVX), ALSO_(VAES), IR_(V_AESDEC, 0)) \
    R(V38, 0xdf, 0xdf, P_66 | VEX_L0, "vaesdeclast", tr_avx, OPS(Vx, Hx, Wx), AVX_(AVX), ALSO_(AES), IR_(V_AESDECLAST, 0)) \
    R(V38, 0xdf, 0xdf, P_66 | VEX_L1, "vaesdeclast", tr_avx, OPS(Vx, Hx, Wx), AVX_(AVX), ALSO_(VAES), IR_(V_AESDECLAST, 0))

#define THREE_BYTE_3A(R) \
    R(V3A, 0x00, 0x00, P_66 | REX_W1 | VEX_L1, "vpermq", tr_avx, OPS(Vx, Wx, Ib), AVX_(AVX2), IR_(V_PERMQ, SSE_UNARY | SSE_IMM)) \
    R(V3A, 0x01, 0x01, P_66 | REX_W1 | VEX_L1, "vpermpd", tr_avx, OPS(Vx, Wx, Ib), AVX_(AVX2), IR_(V_PERMQ, SSE_UNARY | SSE_IMM)) \
    R(V3A, 0x02, 0x02, P_66 | REX_W0, "vpblendd", tr_avx, OPS(Vx, Hx, Wx, Ib), AVX_(AVX2), IR_(V_BLENDI, IR_W32 | SSE_IMM)) \
    R(V3A, 0x04, 0x04, P_66 | REX_W0, "vpermilps", tr_avx, OPS(Vx, Wx, Ib), AVX_(AVX), IR_(V_SHUFD, SSE_UNARY | SSE_IMM)) \
    R(V3A, 0x05, 0x05, P_66 | REX_W0, "vpermilpd", tr_avx_permil, OPS(Vx, Wx, Ib), AVX_(AVX)) \
    R(V3A, 0x06, 0x06, P_66 | REX_W0 | VEX_L1, "vperm2f128", tr_avx, OPS(Vx, Hx, Wx, Ib), AVX_(AVX), IR_(V_PERM2, SSE_IMM)) \
    R(V3A, 0x08, 0x08, P_66, "vroundps", tr_avx, OPS(Vx, Wx, Ib), AVX_(AVX), IR_(VF_ROUND, IR_W32 | SSE_CONTROL | AVX_SAME)) \
    R(V3A, 0x09, 0x09, P_66, "vroundpd", tr_avx, OPS(Vx, Wx, Ib), AVX_(AVX), IR_(VF_ROUND, IR_W64 | SSE_CONTROL | AVX_SAME)) \
    R(V3A, 0x0a, 0x0a, P_66, "vroundss", tr_avx, OPS(Vdq, Hdq, Wd, Ib), .flags = I_LIG, AVX_(AVX), IR_(VF_ROUND, IR_W32 | SSE_CONTROL | SSE_ONE | SSE_MEM(IR_W32))) \
    R(V3A, 0x0b, 0x0b, P_66, "vroundsd", tr_avx, OPS(Vdq, Hdq, Wq, Ib), .flags = I_LIG, AVX_(AVX), IR_(VF_ROUND, IR_W64 | SSE_CONTROL | SSE_ONE | SSE_MEM(IR_W64))) \
    R(V3A, 0x0c, 0x0c, P_66, "vblendps", tr_avx, OPS(Vx, Hx, Wx, Ib), AVX_(AVX), IR_(V_BLENDI, IR_W32 | SSE_IMM)) \
    R(V3A, 0x0d, 0x0d, P_66, "vblendpd", tr_avx, OPS(Vx, Hx, Wx, Ib), AVX_(AVX), IR_(V_BLENDI, IR_W64 | SSE_IMM)) \
    INT2I(R, V3A, 0x0e, "vpblendw", V_BLENDI, IR_W16) \
    INT2I(R, V3A, 0x0f, "vpalignr", V_ALIGN, 0) \
    ONLY128(R, V3A, 0x14, P_66 | MOD_MEM, "vpextrb", tr_pextr, OPS(Mb, Vdq, Ib), IR_W8, ) \
    ONLY128(R, V3A, 0x14, P_66 | MOD_REG, "vpextrb", tr_pextr, OPS(Rd, Vdq, Ib), IR_W8, ) \
    ONLY128(R, V3A, 0x15, P_66 | MOD_MEM, "vpextrw", tr_pextr, OPS(Mw, Vdq, Ib), IR_W16, ) \
    ONLY128(R, V3A, 0x15, P_66 | MOD_REG, "vpextrw", tr_pextr, OPS(Rd, Vdq, Ib), IR_W16, ) \
    ONLY128(R, V3A, 0x16, P_66, "vpextrd", tr_pextr, OPS(Ey, Vdq, Ib), IR_W32, .flags = I_W64) \
    ONLY128(R, V3A, 0x16, P_66 | REX_W1 | ONLY64, "vpextrq", tr_pextr, OPS(Ey, Vdq, Ib), IR_W64, .flags = I_W64) \
    ONLY128(R, V3A, 0x17, P_66, "vextractps", tr_pextr, OPS(Ed, Vdq, Ib), IR_W32, ) \
    R(V3A, 0x18, 0x18, P_66 | REX_W0 | VEX_L1, "vinsertf128", tr_avx, OPS(Vx, Hx, Wdq, Ib), AVX_(AVX), IR_(V_INSH, SSE_IMM | AVX_WIDEN | SSE_MEM(IR_W128))) \
    R(V3A, 0x19, 0x19, P_66 | REX_W0 | VEX_L1, "vextractf128", tr_avx_extract, OPS(Wdq, Vx, Ib), AVX_(AVX)) \
    R(V3A, 0x1d, 0x1d, P_66 | REX_W0, "vcvtps2ph", tr_avx_to_half, OPS(Wh, Vx, Ib), AVX_(F16C)) \
    ONLY128(R, V3A, 0x20, P_66 | MOD_MEM, "vpinsrb", tr_avx_pinsr, OPS(Vdq, Hdq, Mb, Ib), IR_W8, ) \
    ONLY128(R, V3A, 0x20, P_66 | MOD_REG, "vpinsrb", tr_avx_pinsr, OPS(Vdq, Hdq, Rd, Ib), IR_W8, ) \
    ONLY128(R, V3A, 0x21, P_66, "vinsertps", tr_avx_insertps, OPS(Vdq, Hdq, Wd, Ib), SSE_MEM(IR_W32), ) \
    ONLY128(R, V3A, 0x22, P_66, "vpinsrd", tr_avx_pinsr, OPS(Vdq, Hdq, Ey, Ib), IR_W32, .flags = I_W64) \
    ONLY128(R, V3A, 0x22, P_66 | REX_W1 | ONLY64, "vpinsrq", tr_avx_pinsr, OPS(Vdq, Hdq, Ey, Ib), IR_W64, .flags = I_W64) \
    R(V3A, 0x38, 0x38, P_66 | REX_W0 | VEX_L1, "vinserti128", tr_avx, OPS(Vx, Hx, Wdq, Ib), AVX_(AVX2), IR_(V_INSH, SSE_IMM | AVX_WIDEN | SSE_MEM(IR_W128))) \
    R(V3A, 0x39, 0x39, P_66 | REX_W0 | VEX_L1, "vextracti128", tr_avx_extract, OPS(Wdq, Vx, Ib), AVX_(AVX2)) \
    R(V3A, 0x40, 0x40, P_66, "vdpps", tr_avx, OPS(Vx, Hx, Wx, Ib), AVX_(AVX), IR_(VF_DP, IR_W32 | SSE_IMM)) \
    ONLY128(R, V3A, 0x41, P_66, "vdppd", tr_avx, OPS(Vdq, Hdq, Wdq, Ib), IR_W64 | SSE_IMM, .arg = IR_VF_DP) \
    INT2I(R, V3A, 0x42, "vmpsadbw", V_MPSAD, 0) \
    R(V3A, 0x44, 0x44, P_66 | VEX_L0, "vpclmulqdq", tr_avx, OPS(Vx, Hx, Wx, Ib), AVX_(AVX), ALSO_(PCLMUL), IR_(V_CLMUL, SSE_IMM)) \
    R(V3A, 0x44, 0x44, P_66 | VEX_L1, "vpclmulqdq", tr_avx, OPS(Vx, Hx, Wx, Ib), AVX_(AVX), ALSO_(VPCLMUL), IR_(V_CLMUL, SSE_IMM)) \
    R(V3A, 0x46, 0x46, P_66 | REX_W0 | VEX_L1, "vperm2i128", tr_avx, OPS(Vx, Hx, Wx, Ib), AVX_(AVX2), IR_(V_PERM2, SSE_IMM)) \
    R(V3A, 0x4a, 0x4a, P_66 | REX_W0, "vblendvps", tr_avx_blendv, OPS(Vx, Hx, Wx, Lx), AVX_(AVX), .arg2 = IR_W32) \
    R(V3A, 0x4b, 0x4b, P_66 | REX_W0, "vblendvpd", tr_avx_blendv, OPS(Vx, Hx, Wx, Lx), AVX_(AVX), .arg2 = IR_W64) \
    R(V3A, 0x4c, 0x4c, P_66 | REX_W0 | VEX_L0, "vpblendvb", tr_avx_blendv, OPS(Vx, Hx, Wx, Lx), AVX_(AVX), .arg2 = IR_W8) \
    R(V3A, 0x4c, 0x4c, P_66 | REX_W0 | VEX_L1, "vpblendvb", tr_avx_blendv, OPS(Vx, Hx, Wx, Lx), AVX_(AVX2), .arg2 = IR_W8) \
    ONLY128(R, V3A, 0x60, P_66, "vpcmpestrm", tr_avx_pcmpstr, OPS(Vdq, Wdq, Ib), SSE_UNALIGNED, .flags = I_W64, COMPARE_FLAGS) \
    ONLY128(R, V3A, 0x61, P_66, "vpcmpestri", tr_avx_pcmpstr, OPS(Vdq, Wdq, Ib), SSE_UNALIGNED, .flags = I_W64, COMPARE_FLAGS) \
    ONLY128(R, V3A, 0x62, P_66, "vpcmpistrm", tr_avx_pcmpstr, OPS(Vdq, Wdq, Ib), SSE_UNALIGNED, .flags = I_W64, COMPARE_FLAGS) \
    ONLY128(R, V3A, 0x63, P_66, "vpcmpistri", tr_avx_pcmpstr, OPS(Vdq, Wdq, Ib), SSE_UNALIGNED, .flags = I_W64, COMPARE_FLAGS) \
    R(V3A, 0xce, 0xce, P_66 | REX_W1, "vgf2p8affineqb", tr_avx, OPS(Vx, Hx, Wx, Ib), AVX_(AVX), ALSO_(GFNI), IR_(V_GFAFFINE, SSE_IMM)) \
    R(V3A, 0xcf, 0xcf, P_66 | REX_W1, "vgf2p8affineinvqb", tr_avx, OPS(Vx, Hx, Wx, Ib), AVX_(AVX), ALSO_(GFNI), IR_(V_GFAFFINEINV, SSE_IMM)) \
    ONLY128(R, V3A, 0xdf, P_66, "vaeskeygenassist", tr_avx, OPS(Vdq, Wdq, Ib), SSE_UNARY | SSE_IMM, ALSO_(AES), .arg = IR_V_AESKEY)

/* Legacy encodings. */
#define LEGACY(R, map, sel, opc, name, ops_, feat, op, arg2_) R(map, opc, opc, sel, name, tr_vec, ops_, SSE_(feat), IR_(op, arg2_))
#define CRYPTO(R) \
    LEGACY(R, MAP_0F38, P_NP, 0xc8, "sha1nexte", OPS(Vx, Wx), SHA, V_SHA1NEXTE, 0) \
    LEGACY(R, MAP_0F38, P_NP, 0xc9, "sha1msg1", OPS(Vx, Wx), SHA, V_SHA1MSG1, 0) \
    LEGACY(R, MAP_0F38, P_NP, 0xca, "sha1msg2", OPS(Vx, Wx), SHA, V_SHA1MSG2, 0) \
    R(MAP_0F38, 0xcb, 0xcb, P_NP, "sha256rnds2", tr_sha256rnds2, OPS(Vx, Wx, XMM0), SSE_(SHA)) \
    LEGACY(R, MAP_0F38, P_NP, 0xcc, "sha256msg1", OPS(Vx, Wx), SHA, V_SHA256MSG1, 0) \
    LEGACY(R, MAP_0F38, P_NP, 0xcd, "sha256msg2", OPS(Vx, Wx), SHA, V_SHA256MSG2, 0) \
    LEGACY(R, MAP_0F38, P_66, 0xcf, "gf2p8mulb", OPS(Vx, Wx), GFNI, V_GFMUL, 0) \
    LEGACY(R, MAP_0F38, P_66, 0xdb, "aesimc", OPS(Vx, Wx), AES, V_AESIMC, SSE_UNARY) \
    LEGACY(R, MAP_0F38, P_66, 0xdc, "aesenc", OPS(Vx, Wx), AES, V_AESENC, 0) \
    LEGACY(R, MAP_0F38, P_66, 0xdd, "aesenclast", OPS(Vx, Wx), AES, V_AESENCLAST, 0) \
    LEGACY(R, MAP_0F38, P_66, 0xde, "aesdec", OPS(Vx, Wx), AES, V_AESDEC, 0) \
    LEGACY(R, MAP_0F38, P_66, 0xdf, "aesdeclast", OPS(Vx, Wx), AES, V_AESDECLAST, 0) \
    LEGACY(R, MAP_0F3A, P_66, 0x44, "pclmulqdq", OPS(Vx, Wx, Ib), PCLMUL, V_CLMUL, SSE_IMM) \
    LEGACY(R, MAP_0F3A, P_NP, 0xcc, "sha1rnds4", OPS(Vx, Wx, Ib), SHA, V_SHA1RNDS4, SSE_IMM) \
    LEGACY(R, MAP_0F3A, P_66, 0xce, "gf2p8affineqb", OPS(Vx, Wx, Ib), GFNI, V_GFAFFINE, SSE_IMM) \
    LEGACY(R, MAP_0F3A, P_66, 0xcf, "gf2p8affineinvqb", OPS(Vx, Wx, Ib), GFNI, V_GFAFFINEINV, SSE_IMM) \
    LEGACY(R, MAP_0F3A, P_66, 0xdf, "aeskeygenassist", OPS(Vx, Wx, Ib), AES, V_AESKEY, SSE_UNARY | SSE_IMM)

#define ROWS(R) MOVES(R) FP(R) INTEGER(R) THREE_BYTE_38(R) THREE_BYTE_3A(R) CRYPTO(R)
/* clang-format on */

X86_ROW_TABLE(x86_table_avx, ROWS)
