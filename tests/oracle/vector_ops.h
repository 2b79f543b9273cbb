/*
 * The vector operations of the IR with the host instruction that does the same: what
 * tests/oracle/vector_ops.c compares.
 */
#ifndef TESTS_ORACLE_VECTOR_OPS_H
#define TESTS_ORACLE_VECTOR_OPS_H

#include "tcg/host/x86_64/emit.h"
#include "tcg/ir/ir.h"

/* How the instruction takes its operands: a, b, c in XMM1-3, x in RAX, result in XMM0 or RCX. */
enum shape {
    SHAPE_AB,     /* op xmm0, a, b */
    SHAPE_A,      /* op xmm0, a */
    SHAPE_B,      /* op xmm0, b */
    SHAPE_ABC,    /* op xmm0, a, b, c in the immediate byte */
    SHAPE_GROUP,  /* /ext: op xmm0, a, imm8 */
    SHAPE_FROM,   /* op xmm0, x */
    SHAPE_INSERT, /* op xmm0, a, x */
    SHAPE_LANE,   /* op x, a with the vector in ModRM.reg: PEXTR */
    SHAPE_TO,     /* op x, a */
    SHAPE_FLAGS,  /* op a, b sets the flags */
    SHAPE_FMA,    /* op a, b, c with the result in a's place */
    SHAPE_STORED, /* op xmm0, a with the source in ModRM.reg */
    SHAPE_LEGACY, /* op a, b without VEX, c in XMM0 */
};

/* Operands: raw bits, or floating point of 32 or 64 bits, or small integers in 32-bit lanes. */
enum operands { ANY, FP32, FP64, COUNT };

/* Where the instruction's immediate goes in the insn: nowhere, imm, imm bits 8 and up. */
enum immediate { NO_IMM, IMM, IMM_HIGH };

struct vector_case {
    const char *name;
    uint32_t opcode; /* with map, prefix and W as emit.h has them */
    uint8_t op, aux, type, shape, operands;
    uint8_t immediate, mask; /* bits of the immediate that count */
    uint8_t ext;
    uint64_t imm; /* constant part of the insn's imm */
};

#define N MAP_0F
#define P (MAP_0F | PP_66)
#define S (MAP_0F | PP_F3)
#define D (MAP_0F | PP_F2)
#define P38 (MAP_0F38 | PP_66)
#define P3A (MAP_0F3A | PP_66)
#define W OPC_W

/* clang-format off */
#define LANE2(name, code, op, aux) {name, code, IR_##op, aux, IR_V128, SHAPE_AB, ANY, NO_IMM, 0, 0, 0}
#define LANE1(name, code, op, aux, imm) {name, code, IR_##op, aux, IR_V128, SHAPE_A, ANY, NO_IMM, 0, 0, imm}
#define IMM2(name, code, op, aux) {name, code, IR_##op, aux, IR_V128, SHAPE_AB, ANY, IMM, 0xff, 0, 0}
#define IMM1(name, code, op, aux) {name, code, IR_##op, aux, IR_V128, SHAPE_A, ANY, IMM, 0xff, 0, 0}
#define SHIFT(name, code, op, aux) {name, code, IR_##op, aux, IR_V128, SHAPE_AB, COUNT, NO_IMM, 0, 0, 0}
#define SHIFTI(name, code, ext, op, aux) {name, code, IR_##op, aux, IR_V128, SHAPE_GROUP, ANY, IMM, 0xff, ext, 0}
#define BLENDV(name, code, aux) {name, code, IR_V_BLENDV, aux, IR_V128, SHAPE_ABC, ANY, NO_IMM, 0, 0, 0}
#define FP2(name, code, op, w, imm) {name, code, IR_##op, IR_W##w, IR_V128, SHAPE_AB, FP##w, NO_IMM, 0, 0, imm}
#define FPB(name, code, op, w) {name, code, IR_##op, IR_W##w, IR_V128, SHAPE_B, FP##w, NO_IMM, 0, 0, 0}
#define FPA(name, code, op, w, operands, imm) {name, code, IR_##op, IR_W##w, IR_V128, SHAPE_A, operands, NO_IMM, 0, 0, imm}
#define FP4(name, code, op) \
    FP2(name "ps", (code) | N, op, 32, 0), FP2(name "pd", (code) | P, op, 64, 0), \
    FP2(name "ss", (code) | S, op, 32, 1), FP2(name "sd", (code) | D, op, 64, 1)
#define FPCMP(name, code, w, one) {name, code, IR_VF_CMP, IR_W##w, IR_V128, SHAPE_AB, FP##w, IMM_HIGH, 0x1f, 0, one}
#define FPROUND(name, code, w, shape, one) {name, code, IR_VF_ROUND, IR_W##w, IR_V128, shape, FP##w, IMM_HIGH, 0x0f, 0, one}
#define TOINT(name, code, w, type, imm) {name, code, IR_VF_STOI, IR_W##w, type, SHAPE_TO, FP##w, NO_IMM, 0, 0, imm}
#define FROMINT(name, code, w, t) {name, code, IR_VF_SFROMI, IR_W##w, IR_V128, SHAPE_INSERT, FP##w, NO_IMM, 0, 0, t}
#define WIDE2(name, code, op) {name, code, IR_##op, 0, IR_V256, SHAPE_AB, COUNT, NO_IMM, 0, 0, 0}
#define LEGACY(name, code, op) {name, code, IR_##op, 0, IR_V128, SHAPE_LEGACY, ANY, NO_IMM, 0, 0, 0}
#define FMA1(name, code, w, imm) {name, code, IR_VF_FMA, IR_W##w, IR_V128, SHAPE_FMA, FP##w, NO_IMM, 0, 0, imm}
#define FMA_PACKED(name, code, how) FMA1(name "ps", (code) | P38, 32, how), FMA1(name "pd", (code) | P38 | W, 64, how)
#define FMA(name, code, how) \
    FMA_PACKED(name, code, how), FMA1(name "ss", ((code) + 1) | P38, 32, (how) | IR_FMA_ONE), \
    FMA1(name "sd", ((code) + 1) | P38 | W, 64, (how) | IR_FMA_ONE)
#define FMAS(form, base) \
    FMA_PACKED("vfmaddsub" #form, (base) + 6, IR_FMA_##form | IR_FMA_ALTERNATE), \
    FMA_PACKED("vfmsubadd" #form, (base) + 7, IR_FMA_##form | IR_FMA_ALTERNATE | IR_FMA_NEGATE_ADDEND), \
    FMA("vfmadd" #form, (base) + 8, IR_FMA_##form), \
    FMA("vfmsub" #form, (base) + 10, IR_FMA_##form | IR_FMA_NEGATE_ADDEND), \
    FMA("vfnmadd" #form, (base) + 12, IR_FMA_##form | IR_FMA_NEGATE_PRODUCT), \
    FMA("vfnmsub" #form, (base) + 14, IR_FMA_##form | IR_FMA_NEGATE_PRODUCT | IR_FMA_NEGATE_ADDEND)
#define COMIS(name, code, w, quiet) {name, code, IR_FL_COMIS, IR_W##w, IR_FL, SHAPE_FLAGS, FP##w, NO_IMM, 0, 0, quiet}

static const struct vector_case vector_cases[] = {
    LANE2("vpand", 0xdb | P, V_AND, 0), LANE2("vpor", 0xeb | P, V_OR, 0), LANE2("vpxor", 0xef | P, V_XOR, 0),
    LANE2("vpandn", 0xdf | P, V_ANDN, 0),
    LANE2("vmovss", 0x10 | S, V_MOVLANE, IR_W32), LANE2("vmovsd", 0x10 | D, V_MOVLANE, IR_W64),
    LANE1("vmovq", 0x7e | S, V_LOW, IR_W64, 0),
    LANE2("vpaddb", 0xfc | P, V_ADD, IR_W8), LANE2("vpaddw", 0xfd | P, V_ADD, IR_W16),
    LANE2("vpaddd", 0xfe | P, V_ADD, IR_W32), LANE2("vpaddq", 0xd4 | P, V_ADD, IR_W64),
    LANE2("vpsubb", 0xf8 | P, V_SUB, IR_W8), LANE2("vpsubw", 0xf9 | P, V_SUB, IR_W16),
    LANE2("vpsubd", 0xfa | P, V_SUB, IR_W32), LANE2("vpsubq", 0xfb | P, V_SUB, IR_W64),
    LANE2("vpaddsb", 0xec | P, V_ADDS, IR_W8), LANE2("vpaddsw", 0xed | P, V_ADDS, IR_W16),
    LANE2("vpaddusb", 0xdc | P, V_ADDUS, IR_W8), LANE2("vpaddusw", 0xdd | P, V_ADDUS, IR_W16),
    LANE2("vpsubsb", 0xe8 | P, V_SUBS, IR_W8), LANE2("vpsubsw", 0xe9 | P, V_SUBS, IR_W16),
    LANE2("vpsubusb", 0xd8 | P, V_SUBUS, IR_W8), LANE2("vpsubusw", 0xd9 | P, V_SUBUS, IR_W16),
    LANE2("vpmullw", 0xd5 | P, V_MULLO, IR_W16), LANE2("vpmulld", 0x40 | P38, V_MULLO, IR_W32),
    LANE2("vpmulhw", 0xe5 | P, V_MULHI, IR_W16), LANE2("vpmulhuw", 0xe4 | P, V_MULHIU, IR_W16),
    LANE2("vpmulhrsw", 0x0b | P38, V_MULHRS, IR_W16), LANE2("vpmuludq", 0xf4 | P, V_MULU, 0),
    LANE2("vpmuldq", 0x28 | P38, V_MULS, 0), LANE2("vpmaddwd", 0xf5 | P, V_MADD, 0),
    LANE2("vpmaddubsw", 0x04 | P38, V_MADDUBS, 0), LANE2("vpsadbw", 0xf6 | P, V_SAD, 0),
    LANE2("vpavgb", 0xe0 | P, V_AVG, IR_W8), LANE2("vpavgw", 0xe3 | P, V_AVG, IR_W16),
    LANE2("vpminsb", 0x38 | P38, V_MIN, IR_W8), LANE2("vpminsw", 0xea | P, V_MIN, IR_W16),
    LANE2("vpminsd", 0x39 | P38, V_MIN, IR_W32), LANE2("vpmaxsb", 0x3c | P38, V_MAX, IR_W8),
    LANE2("vpmaxsw", 0xee | P, V_MAX, IR_W16), LANE2("vpmaxsd", 0x3d | P38, V_MAX, IR_W32),
    LANE2("vpminub", 0xda | P, V_MINU, IR_W8), LANE2("vpminuw", 0x3a | P38, V_MINU, IR_W16),
    LANE2("vpminud", 0x3b | P38, V_MINU, IR_W32), LANE2("vpmaxub", 0xde | P, V_MAXU, IR_W8),
    LANE2("vpmaxuw", 0x3e | P38, V_MAXU, IR_W16), LANE2("vpmaxud", 0x3f | P38, V_MAXU, IR_W32),
    LANE2("vpcmpeqb", 0x74 | P, V_CMPEQ, IR_W8), LANE2("vpcmpeqw", 0x75 | P, V_CMPEQ, IR_W16),
    LANE2("vpcmpeqd", 0x76 | P, V_CMPEQ, IR_W32), LANE2("vpcmpeqq", 0x29 | P38, V_CMPEQ, IR_W64),
    LANE2("vpcmpgtb", 0x64 | P, V_CMPGT, IR_W8), LANE2("vpcmpgtw", 0x65 | P, V_CMPGT, IR_W16),
    LANE2("vpcmpgtd", 0x66 | P, V_CMPGT, IR_W32), LANE2("vpcmpgtq", 0x37 | P38, V_CMPGT, IR_W64),
    LANE1("vpabsb", 0x1c | P38, V_ABS, IR_W8, 0), LANE1("vpabsw", 0x1d | P38, V_ABS, IR_W16, 0),
    LANE1("vpabsd", 0x1e | P38, V_ABS, IR_W32, 0), LANE2("vpsignb", 0x08 | P38, V_SIGN, IR_W8),
    LANE2("vpsignw", 0x09 | P38, V_SIGN, IR_W16), LANE2("vpsignd", 0x0a | P38, V_SIGN, IR_W32),
    LANE2("vphaddw", 0x01 | P38, V_HADD, IR_W16), LANE2("vphaddd", 0x02 | P38, V_HADD, IR_W32),
    LANE2("vphsubw", 0x05 | P38, V_HSUB, IR_W16), LANE2("vphsubd", 0x06 | P38, V_HSUB, IR_W32),
    LANE2("vphaddsw", 0x03 | P38, V_HADDS, IR_W16), LANE2("vphsubsw", 0x07 | P38, V_HSUBS, IR_W16),
    SHIFT("vpsllw", 0xf1 | P, V_SHL, IR_W16), SHIFT("vpslld", 0xf2 | P, V_SHL, IR_W32),
    SHIFT("vpsllq", 0xf3 | P, V_SHL, IR_W64), SHIFT("vpsrlw", 0xd1 | P, V_SHR, IR_W16),
    SHIFT("vpsrld", 0xd2 | P, V_SHR, IR_W32), SHIFT("vpsrlq", 0xd3 | P, V_SHR, IR_W64),
    SHIFT("vpsraw", 0xe1 | P, V_SAR, IR_W16), SHIFT("vpsrad", 0xe2 | P, V_SAR, IR_W32),
    SHIFTI("vpsllw imm", 0x71 | P, 6, V_SHLI, IR_W16), SHIFTI("vpslld imm", 0x72 | P, 6, V_SHLI, IR_W32),
    SHIFTI("vpsllq imm", 0x73 | P, 6, V_SHLI, IR_W64), SHIFTI("vpsrlw imm", 0x71 | P, 2, V_SHRI, IR_W16),
    SHIFTI("vpsrld imm", 0x72 | P, 2, V_SHRI, IR_W32), SHIFTI("vpsrlq imm", 0x73 | P, 2, V_SHRI, IR_W64),
    SHIFTI("vpsraw imm", 0x71 | P, 4, V_SARI, IR_W16), SHIFTI("vpsrad imm", 0x72 | P, 4, V_SARI, IR_W32),
    SHIFTI("vpslldq", 0x73 | P, 7, V_SHLB, 0), SHIFTI("vpsrldq", 0x73 | P, 3, V_SHRB, 0),
    IMM2("vpalignr", 0x0f | P3A, V_ALIGN, 0),
    LANE2("vpacksswb", 0x63 | P, V_PACKS, IR_W16), LANE2("vpackssdw", 0x6b | P, V_PACKS, IR_W32),
    LANE2("vpackuswb", 0x67 | P, V_PACKUS, IR_W16), LANE2("vpackusdw", 0x2b | P38, V_PACKUS, IR_W32),
    LANE2("vpunpcklbw", 0x60 | P, V_UNPKL, IR_W8), LANE2("vpunpcklwd", 0x61 | P, V_UNPKL, IR_W16),
    LANE2("vpunpckldq", 0x62 | P, V_UNPKL, IR_W32), LANE2("vpunpcklqdq", 0x6c | P, V_UNPKL, IR_W64),
    LANE2("vpunpckhbw", 0x68 | P, V_UNPKH, IR_W8), LANE2("vpunpckhwd", 0x69 | P, V_UNPKH, IR_W16),
    LANE2("vpunpckhdq", 0x6a | P, V_UNPKH, IR_W32), LANE2("vpunpckhqdq", 0x6d | P, V_UNPKH, IR_W64),
    LANE2("vpshufb", 0x00 | P38, V_SHUFB, IR_W8), IMM1("vpshufd", 0x70 | P, V_SHUFD, 0),
    IMM1("vpshuflw", 0x70 | D, V_SHUFLW, 0), IMM1("vpshufhw", 0x70 | S, V_SHUFHW, 0),
    IMM2("vshufps", 0xc6 | N, V_SHUFPS, IR_W32), IMM2("vshufpd", 0xc6 | P, V_SHUFPS, IR_W64),
    LANE1("vpmovsxbw", 0x20 | P38, V_MOVSX, IR_W8, IR_W16), LANE1("vpmovsxbd", 0x21 | P38, V_MOVSX, IR_W8, IR_W32),
    LANE1("vpmovsxbq", 0x22 | P38, V_MOVSX, IR_W8, IR_W64), LANE1("vpmovsxwd", 0x23 | P38, V_MOVSX, IR_W16, IR_W32),
    LANE1("vpmovsxwq", 0x24 | P38, V_MOVSX, IR_W16, IR_W64), LANE1("vpmovsxdq", 0x25 | P38, V_MOVSX, IR_W32, IR_W64),
    LANE1("vpmovzxbw", 0x30 | P38, V_MOVZX, IR_W8, IR_W16), LANE1("vpmovzxbd", 0x31 | P38, V_MOVZX, IR_W8, IR_W32),
    LANE1("vpmovzxbq", 0x32 | P38, V_MOVZX, IR_W8, IR_W64), LANE1("vpmovzxwd", 0x33 | P38, V_MOVZX, IR_W16, IR_W32),
    LANE1("vpmovzxwq", 0x34 | P38, V_MOVZX, IR_W16, IR_W64), LANE1("vpmovzxdq", 0x35 | P38, V_MOVZX, IR_W32, IR_W64),
    BLENDV("vpblendvb", 0x4c | P3A, IR_W8), BLENDV("vblendvps", 0x4a | P3A, IR_W32),
    BLENDV("vblendvpd", 0x4b | P3A, IR_W64),
    IMM2("vpblendw", 0x0e | P3A, V_BLENDI, IR_W16), IMM2("vblendps", 0x0c | P3A, V_BLENDI, IR_W32),
    IMM2("vblendpd", 0x0d | P3A, V_BLENDI, IR_W64), IMM2("vmpsadbw", 0x42 | P3A, V_MPSAD, 0),
    LANE1("vphminposuw", 0x41 | P38, V_HMINPOS, 0, 0), IMM2("vinsertps", 0x21 | P3A, V_INSERTPS, 0),
    LANE1("vmovddup", 0x12 | D, V_MOVDUP, IR_W64, 0), LANE1("vmovsldup", 0x12 | S, V_MOVDUP, IR_W32, 0),
    LANE1("vmovshdup", 0x16 | S, V_MOVDUP, IR_W32, 1),
    /* to and from general registers */
    {"vmovd from", 0x6e | P, IR_V_FROM, IR_W32, IR_V128, SHAPE_FROM, ANY, NO_IMM, 0, 0, 0},
    {"vmovq from", 0x6e | P | W, IR_V_FROM, IR_W64, IR_V128, SHAPE_FROM, ANY, NO_IMM, 0, 0, 0},
    {"vpinsrb", 0x20 | P3A, IR_V_INS, IR_W8, IR_V128, SHAPE_INSERT, ANY, IMM, 15, 0, 0},
    {"vpinsrw", 0xc4 | P, IR_V_INS, IR_W16, IR_V128, SHAPE_INSERT, ANY, IMM, 7, 0, 0},
    {"vpinsrd", 0x22 | P3A, IR_V_INS, IR_W32, IR_V128, SHAPE_INSERT, ANY, IMM, 3, 0, 0},
    {"vpinsrq", 0x22 | P3A | W, IR_V_INS, IR_W64, IR_V128, SHAPE_INSERT, ANY, IMM, 1, 0, 0},
    {"vpextrb", 0x14 | P3A, IR_V_LANE, IR_W8, IR_I32, SHAPE_LANE, ANY, IMM, 15, 0, 0},
    {"vpextrw", 0x15 | P3A, IR_V_LANE, IR_W16, IR_I32, SHAPE_LANE, ANY, IMM, 7, 0, 0},
    {"vpextrd", 0x16 | P3A, IR_V_LANE, IR_W32, IR_I32, SHAPE_LANE, ANY, IMM, 3, 0, 0},
    {"vpextrq", 0x16 | P3A | W, IR_V_LANE, IR_W64, IR_I64, SHAPE_LANE, ANY, IMM, 1, 0, 0},
    {"vpmovmskb", 0xd7 | P, IR_V_MOVMSK, IR_W8, IR_I32, SHAPE_TO, ANY, NO_IMM, 0, 0, 0},
    {"vmovmskps", 0x50 | N, IR_V_MOVMSK, IR_W32, IR_I32, SHAPE_TO, ANY, NO_IMM, 0, 0, 0},
    {"vmovmskpd", 0x50 | P, IR_V_MOVMSK, IR_W64, IR_I32, SHAPE_TO, ANY, NO_IMM, 0, 0, 0},
    {"vptest", 0x17 | P38, IR_FL_PTEST, 0, IR_FL, SHAPE_FLAGS, COUNT, NO_IMM, 0, 0, 0},
    /* floating point */
    FP4("vadd", 0x58, VF_ADD), FP4("vmul", 0x59, VF_MUL), FP4("vsub", 0x5c, VF_SUB), FP4("vmin", 0x5d, VF_MIN),
    FP4("vdiv", 0x5e, VF_DIV), FP4("vmax", 0x5f, VF_MAX),
    FPB("vsqrtps", 0x51 | N, VF_SQRT, 32), FPB("vsqrtpd", 0x51 | P, VF_SQRT, 64),
    FP2("vsqrtss", 0x51 | S, VF_SQRT, 32, 1), FP2("vsqrtsd", 0x51 | D, VF_SQRT, 64, 1),
    FPB("vrsqrtps", 0x52 | N, VF_RSQRT, 32), FP2("vrsqrtss", 0x52 | S, VF_RSQRT, 32, 1),
    FPB("vrcpps", 0x53 | N, VF_RCP, 32), FP2("vrcpss", 0x53 | S, VF_RCP, 32, 1),
    FPCMP("vcmpps", 0xc2 | N, 32, 0), FPCMP("vcmppd", 0xc2 | P, 64, 0), FPCMP("vcmpss", 0xc2 | S, 32, 1),
    FPCMP("vcmpsd", 0xc2 | D, 64, 1),
    FP2("vaddsubpd", 0xd0 | P, VF_ADDSUB, 64, 0), FP2("vaddsubps", 0xd0 | D, VF_ADDSUB, 32, 0),
    FP2("vhaddpd", 0x7c | P, VF_HADD, 64, 0), FP2("vhaddps", 0x7c | D, VF_HADD, 32, 0),
    FP2("vhsubpd", 0x7d | P, VF_HSUB, 64, 0), FP2("vhsubps", 0x7d | D, VF_HSUB, 32, 0),
    {"vdpps", 0x40 | P3A, IR_VF_DP, IR_W32, IR_V128, SHAPE_AB, FP32, IMM, 0xff, 0, 0},
    {"vdppd", 0x41 | P3A, IR_VF_DP, IR_W64, IR_V128, SHAPE_AB, FP64, IMM, 0xff, 0, 0},
    FPROUND("vroundps", 0x08 | P3A, 32, SHAPE_B, 0), FPROUND("vroundpd", 0x09 | P3A, 64, SHAPE_B, 0),
    FPROUND("vroundss", 0x0a | P3A, 32, SHAPE_AB, 1), FPROUND("vroundsd", 0x0b | P3A, 64, SHAPE_AB, 1),
    FPA("vcvtdq2ps", 0x5b | N, VF_FROMI32, 32, ANY, 0), FPA("vcvtdq2pd", 0xe6 | S, VF_FROMI32, 64, ANY, 0),
    FPA("vcvtps2dq", 0x5b | P, VF_TOI32, 32, FP32, 0), FPA("vcvttps2dq", 0x5b | S, VF_TOI32, 32, FP32, 1),
    FPA("vcvtpd2dq", 0xe6 | D, VF_TOI32, 64, FP64, 0), FPA("vcvttpd2dq", 0xe6 | P, VF_TOI32, 64, FP64, 1),
    FPA("vcvtps2pd", 0x5a | N, VF_CVT, 32, FP32, 0), FPA("vcvtpd2ps", 0x5a | P, VF_CVT, 64, FP64, 0),
    FP2("vcvtss2sd", 0x5a | S, VF_CVTS, 32, 0), FP2("vcvtsd2ss", 0x5a | D, VF_CVTS, 64, 0),
    FROMINT("vcvtsi2ss 32", 0x2a | S, 32, IR_I32), FROMINT("vcvtsi2ss 64", 0x2a | S | W, 32, IR_I64),
    FROMINT("vcvtsi2sd 32", 0x2a | D, 64, IR_I32), FROMINT("vcvtsi2sd 64", 0x2a | D | W, 64, IR_I64),
    TOINT("vcvtss2si 32", 0x2d | S, 32, IR_I32, 0), TOINT("vcvtss2si 64", 0x2d | S | W, 32, IR_I64, 0),
    TOINT("vcvtsd2si 32", 0x2d | D, 64, IR_I32, 0), TOINT("vcvtsd2si 64", 0x2d | D | W, 64, IR_I64, 0),
    TOINT("vcvttss2si 32", 0x2c | S, 32, IR_I32, 1), TOINT("vcvttss2si 64", 0x2c | S | W, 32, IR_I64, 1),
    TOINT("vcvttsd2si 32", 0x2c | D, 64, IR_I32, 1), TOINT("vcvttsd2si 64", 0x2c | D | W, 64, IR_I64, 1),
    COMIS("vucomiss", 0x2e | N, 32, 1), COMIS("vucomisd", 0x2e | P, 64, 1), COMIS("vcomiss", 0x2f | N, 32, 0),
    COMIS("vcomisd", 0x2f | P, 64, 0),
    FMAS(132, 0x90), FMAS(213, 0xa0), FMAS(231, 0xb0),
    FPA("vcvtph2ps", 0x13 | P38, VF_FROMH, 32, ANY, 0),
    {"vcvtps2ph", 0x1d | P3A, IR_VF_TOH, 0, IR_V128, SHAPE_STORED, FP32, IMM, 7, 0, 0},
    /* AVX2 and halves */
    LANE2("vpsllvd", 0x47 | P38, V_SHLV, IR_W32), LANE2("vpsllvq", 0x47 | P38 | W, V_SHLV, IR_W64),
    LANE2("vpsrlvd", 0x45 | P38, V_SHRV, IR_W32), LANE2("vpsrlvq", 0x45 | P38 | W, V_SHRV, IR_W64),
    LANE2("vpsravd", 0x46 | P38, V_SARV, IR_W32),
    LANE2("vpermilps", 0x0c | P38, V_PERMIL, IR_W32), LANE2("vpermilpd", 0x0d | P38, V_PERMIL, IR_W64),
    LANE1("vpbroadcastb", 0x78 | P38, V_BCAST, IR_W8, 0), LANE1("vpbroadcastw", 0x79 | P38, V_BCAST, IR_W16, 0),
    LANE1("vpbroadcastd", 0x58 | P38, V_BCAST, IR_W32, 0), LANE1("vpbroadcastq", 0x59 | P38, V_BCAST, IR_W64, 0),
    WIDE2("vpermd", 0x36 | P38, V_PERMD),
    {"vpermq", 0x00 | P3A | W, IR_V_PERMQ, 0, IR_V256, SHAPE_A, ANY, IMM, 0xff, 0, 0},
    {"vperm2i128", 0x46 | P3A, IR_V_PERM2, 0, IR_V256, SHAPE_AB, ANY, IMM, 0xff, 0, 0},
    {"vinserti128", 0x38 | P3A, IR_V_INSH, 0, IR_V256, SHAPE_AB, ANY, IMM, 1, 0, 0},
    /* cryptography */
    LANE2("vaesenc", 0xdc | P38, V_AESENC, 0), LANE2("vaesenclast", 0xdd | P38, V_AESENCLAST, 0),
    LANE2("vaesdec", 0xde | P38, V_AESDEC, 0), LANE2("vaesdeclast", 0xdf | P38, V_AESDECLAST, 0),
    LANE1("vaesimc", 0xdb | P38, V_AESIMC, 0, 0), IMM1("vaeskeygenassist", 0xdf | P3A, V_AESKEY, 0),
    IMM2("vpclmulqdq", 0x44 | P3A, V_CLMUL, 0), LANE2("vgf2p8mulb", 0xcf | P38, V_GFMUL, 0),
    IMM2("vgf2p8affineqb", 0xce | P3A | W, V_GFAFFINE, 0), IMM2("vgf2p8affineinvqb", 0xcf | P3A | W, V_GFAFFINEINV, 0),
    {"sha1rnds4", 0xcc | MAP_0F3A, IR_V_SHA1RNDS4, 0, IR_V128, SHAPE_LEGACY, ANY, IMM, 3, 0, 0},
    LEGACY("sha1nexte", 0xc8 | MAP_0F38, V_SHA1NEXTE), LEGACY("sha1msg1", 0xc9 | MAP_0F38, V_SHA1MSG1),
    LEGACY("sha1msg2", 0xca | MAP_0F38, V_SHA1MSG2), LEGACY("sha256rnds2", 0xcb | MAP_0F38, V_SHA256RNDS2),
    LEGACY("sha256msg1", 0xcc | MAP_0F38, V_SHA256MSG1), LEGACY("sha256msg2", 0xcd | MAP_0F38, V_SHA256MSG2),
};
/* clang-format on */

#undef N
#undef P
#undef S
#undef D
#undef P38
#undef P3A
#undef W

#endif
