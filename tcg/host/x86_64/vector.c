/*
 * Vector operations: nearly every one is one VEX instruction, so most are rows of a constant table
 * indexed by IR op and lane width; the rest have functions below.
 */
#include "tcg/host/x86_64/cg.h"

enum form { NONE, F2, F1, F2_IMM, F1_IMM, FSHIFT, FP_ARITH, FP_UNARY };

struct row {
    uint8_t form;
    uint8_t group; /* FSHIFT: modrm reg field */
    bool commutes;
    uint32_t op[4]; /* by lane width W8..W64; 0: no such form */
};

#define M1(x) ((x) | MAP_0F | PP_66)
#define M2(x) ((x) | MAP_0F38 | PP_66)
#define M3(x) ((x) | MAP_0F3A | PP_66)
#define ALL(x)                                                                                     \
    {                                                                                              \
        x, x, x, x                                                                                 \
    }

static const struct row rows[IR_OP_COUNT] = {
    [IR_V_AND] = {F2, 0, true, ALL(M1(0xdb))},
    [IR_V_OR] = {F2, 0, true, ALL(M1(0xeb))},
    [IR_V_XOR] = {F2, 0, true, ALL(M1(0xef))},
    [IR_V_ANDN] = {F2, 0, false, ALL(M1(0xdf))},
    [IR_V_ADD] = {F2, 0, true, {M1(0xfc), M1(0xfd), M1(0xfe), M1(0xd4)}},
    [IR_V_SUB] = {F2, 0, false, {M1(0xf8), M1(0xf9), M1(0xfa), M1(0xfb)}},
    [IR_V_ADDS] = {F2, 0, true, {M1(0xec), M1(0xed), 0, 0}},
    [IR_V_ADDUS] = {F2, 0, true, {M1(0xdc), M1(0xdd), 0, 0}},
    [IR_V_SUBS] = {F2, 0, false, {M1(0xe8), M1(0xe9), 0, 0}},
    [IR_V_SUBUS] = {F2, 0, false, {M1(0xd8), M1(0xd9), 0, 0}},
    [IR_V_MULLO] = {F2, 0, true, {0, M1(0xd5), M2(0x40), 0}},
    [IR_V_MULHI] = {F2, 0, true, ALL(M1(0xe5))},
    [IR_V_MULHIU] = {F2, 0, true, ALL(M1(0xe4))},
    [IR_V_MULHRS] = {F2, 0, true, ALL(M2(0x0b))},
    [IR_V_MULU] = {F2, 0, true, ALL(M1(0xf4))},
    [IR_V_MULS] = {F2, 0, true, ALL(M2(0x28))},
    [IR_V_MADD] = {F2, 0, true, ALL(M1(0xf5))},
    [IR_V_MADDUBS] = {F2, 0, false, ALL(M2(0x04))},
    [IR_V_SAD] = {F2, 0, true, ALL(M1(0xf6))},
    [IR_V_AVG] = {F2, 0, true, {M1(0xe0), M1(0xe3), 0, 0}},
    [IR_V_MIN] = {F2, 0, true, {M2(0x38), M1(0xea), M2(0x39), 0}},
    [IR_V_MAX] = {F2, 0, true, {M2(0x3c), M1(0xee), M2(0x3d), 0}},
    [IR_V_MINU] = {F2, 0, true, {M1(0xda), M2(0x3a), M2(0x3b), 0}},
    [IR_V_MAXU] = {F2, 0, true, {M1(0xde), M2(0x3e), M2(0x3f), 0}},
    [IR_V_CMPEQ] = {F2, 0, true, {M1(0x74), M1(0x75), M1(0x76), M2(0x29)}},
    [IR_V_CMPGT] = {F2, 0, false, {M1(0x64), M1(0x65), M1(0x66), M2(0x37)}},
    [IR_V_ABS] = {F1, 0, false, {M2(0x1c), M2(0x1d), M2(0x1e), 0}},
    [IR_V_SIGN] = {F2, 0, false, {M2(0x08), M2(0x09), M2(0x0a), 0}},
    [IR_V_HADD] = {F2, 0, false, {0, M2(0x01), M2(0x02), 0}},
    [IR_V_HSUB] = {F2, 0, false, {0, M2(0x05), M2(0x06), 0}},
    [IR_V_HADDS] = {F2, 0, false, ALL(M2(0x03))},
    [IR_V_HSUBS] = {F2, 0, false, ALL(M2(0x07))},
    [IR_V_SHL] = {F2, 0, false, {0, M1(0xf1), M1(0xf2), M1(0xf3)}},
    [IR_V_SHR] = {F2, 0, false, {0, M1(0xd1), M1(0xd2), M1(0xd3)}},
    [IR_V_SAR] = {F2, 0, false, {0, M1(0xe1), M1(0xe2), 0}},
    [IR_V_SHLI] = {FSHIFT, 6, false, {0, M1(0x71), M1(0x72), M1(0x73)}},
    [IR_V_SHRI] = {FSHIFT, 2, false, {0, M1(0x71), M1(0x72), M1(0x73)}},
    [IR_V_SARI] = {FSHIFT, 4, false, {0, M1(0x71), M1(0x72), 0}},
    [IR_V_SHLB] = {FSHIFT, 7, false, ALL(M1(0x73))},
    [IR_V_SHRB] = {FSHIFT, 3, false, ALL(M1(0x73))},
    [IR_V_ALIGN] = {F2_IMM, 0, false, ALL(M3(0x0f))},
    [IR_V_PACKS] = {F2, 0, false, {0, M1(0x63), M1(0x6b), 0}},
    [IR_V_PACKUS] = {F2, 0, false, {0, M1(0x67), M2(0x2b), 0}},
    [IR_V_UNPKL] = {F2, 0, false, {M1(0x60), M1(0x61), M1(0x62), M1(0x6c)}},
    [IR_V_UNPKH] = {F2, 0, false, {M1(0x68), M1(0x69), M1(0x6a), M1(0x6d)}},
    [IR_V_SHUFB] = {F2, 0, false, ALL(M2(0x00))},
    [IR_V_SHUFD] = {F1_IMM, 0, false, ALL(M1(0x70))},
    [IR_V_SHUFLW] = {F1_IMM, 0, false, ALL(0x70 | MAP_0F | PP_F2)},
    [IR_V_SHUFHW] = {F1_IMM, 0, false, ALL(0x70 | MAP_0F | PP_F3)},
    [IR_V_SHUFPS] = {F2_IMM, 0, false, {0, 0, 0xc6 | MAP_0F, M1(0xc6)}},
    [IR_V_BLENDI] = {F2_IMM, 0, false, {0, M3(0x0e), M3(0x0c), M3(0x0d)}},
    [IR_V_MPSAD] = {F2_IMM, 0, false, ALL(M3(0x42))},
    [IR_V_HMINPOS] = {F1, 0, false, ALL(M2(0x41))},
    [IR_V_INSERTPS] = {F2_IMM, 0, false, ALL(M3(0x21))},
    [IR_V_MOVLANE] = {F2, 0, false, {0, 0, 0x10 | MAP_0F | PP_F3, 0x10 | MAP_0F | PP_F2}},
    [IR_VF_ADD] = {FP_ARITH, 0, false, ALL(0x58 | MAP_0F)},
    [IR_VF_SUB] = {FP_ARITH, 0, false, ALL(0x5c | MAP_0F)},
    [IR_VF_MUL] = {FP_ARITH, 0, false, ALL(0x59 | MAP_0F)},
    [IR_VF_DIV] = {FP_ARITH, 0, false, ALL(0x5e | MAP_0F)},
    [IR_VF_MIN] = {FP_ARITH, 0, false, ALL(0x5d | MAP_0F)},
    [IR_VF_MAX] = {FP_ARITH, 0, false, ALL(0x5f | MAP_0F)},
    [IR_VF_SQRT] = {FP_UNARY, 0, false, ALL(0x51 | MAP_0F)},
    [IR_VF_RCP] = {FP_UNARY, 0, false, ALL(0x53 | MAP_0F)},
    [IR_VF_RSQRT] = {FP_UNARY, 0, false, ALL(0x52 | MAP_0F)},
    [IR_VF_ADDSUB] = {F2, 0, false, {0, 0, 0xd0 | MAP_0F | PP_F2, M1(0xd0)}},
    [IR_VF_HADD] = {F2, 0, false, {0, 0, 0x7c | MAP_0F | PP_F2, M1(0x7c)}},
    [IR_VF_HSUB] = {F2, 0, false, {0, 0, 0x7d | MAP_0F | PP_F2, M1(0x7d)}},
    [IR_VF_DP] = {F2_IMM, 0, false, {0, 0, M3(0x40), M3(0x41)}},
    [IR_VF_FROMI32] = {F1, 0, false, {0, 0, 0x5b | MAP_0F, 0xe6 | MAP_0F | PP_F3}},
    [IR_VF_CVT] = {F1, 0, false, {0, 0, 0x5a | MAP_0F, M1(0x5a)}},
    [IR_VF_CVTS] = {F2, 0, false, {0, 0, 0x5a | MAP_0F | PP_F3, 0x5a | MAP_0F | PP_F2}},
};

/* PS, PD, SS, SD: the mandatory prefix of an arithmetic opcode. */
static uint32_t fp_prefix(unsigned lane, bool scalar)
{
    if (scalar)
        return lane == IR_W32 ? PP_F3 : PP_F2;
    return lane == IR_W32 ? 0 : PP_66;
}

/* op dst, a, b with b possibly in memory. Operand size in memory is at least what is read: slots
 * are 16 bytes. */
static void binary(struct cg *g, const struct ir_insn *i, uint32_t op, int imm)
{
    struct host_mem m;
    int a = cg_xmm(g, i->a);
    /* the memory forms of MOVSS, MOVSD and INSERTPS mean something else */
    bool reg_only = i->op == IR_V_MOVLANE || i->op == IR_V_INSERTPS;
    if (!reg_only && cg_in_memory(g, i->b, &m) && g->id[i->b] != g->id[i->a]) {
        int dst = cg_xmm_dst(g, 1u << a);
        emit_vex_rm(&g->e, op, dst, a, m);
    } else {
        int b = cg_xmm(g, i->b), dst = cg_xmm_dst(g, 1u << a | 1u << b);
        emit_vex_rr(&g->e, op, dst, a, b);
    }
    if (imm >= 0)
        emit_u8(&g->e, (unsigned)imm);
}

static void unary(struct cg *g, const struct ir_insn *i, ir_ref v, uint32_t op, int imm)
{
    int a = cg_xmm(g, v), dst = cg_xmm_dst(g, 1u << a);
    (void)i;
    emit_vex_rr(&g->e, op, dst, NO_REG, a);
    if (imm >= 0)
        emit_u8(&g->e, (unsigned)imm);
}

static void shift_imm(struct cg *g, const struct ir_insn *i, const struct row *row)
{
    int a = cg_xmm(g, i->a), dst = cg_xmm_dst(g, 1u << a);
    emit_vex_rr(&g->e, row->op[i->aux & 3], row->group, dst, a);
    emit_u8(&g->e, i->imm > 255 ? 255 : (unsigned)i->imm);
}

static bool from_table(struct cg *g, const struct ir_insn *i)
{
    const struct row *row = &rows[i->op];
    uint32_t op = row->op[i->aux & 3];
    switch (row->form) {
    case F2:
        binary(g, i, op, -1);
        return true;
    case F1:
        unary(g, i, i->a, op, -1);
        return true;
    case F2_IMM:
        binary(g, i, op, (int)(i->imm & 0xff));
        return true;
    case F1_IMM:
        unary(g, i, i->a, op, (int)(i->imm & 0xff));
        return true;
    case FSHIFT:
        shift_imm(g, i, row);
        return true;
    case FP_ARITH:
        binary(g, i, op | fp_prefix(i->aux, i->imm & 1), -1);
        return true;
    case FP_UNARY:
        if (i->imm & 1)
            binary(g, i, op | fp_prefix(i->aux, true), -1);
        else
            unary(g, i, i->b, op | fp_prefix(i->aux, false), -1);
        return true;
    default:
        return false;
    }
}

/* ---- the rest
 * -----------------------------------------------------------------------------------------------
 */

static void vconst(struct cg *g, const struct ir_insn *i)
{
    int dst = cg_xmm_dst(g, 0);
    if (!i->imm) {
        emit_vex_rr(&g->e, M1(0xef), dst, dst, dst);
    } else if (i->imm == ~UINT64_C(0)) {
        emit_vex_rr(&g->e, M1(0x76), dst, dst, dst);
    } else {
        int t = cg_temp(g);
        emit_mov_imm(&g->e, t, i->imm);
        emit_vex_rr(&g->e, V_MOVD_LOAD | OPC_W, dst, NO_REG, t);
        emit_vex_rr(&g->e, M1(0x6c), dst, dst, dst);
    }
}

static void from_gpr(struct cg *g, const struct ir_insn *i)
{
    int a = cg_gpr(g, i->a), dst = cg_xmm_dst(g, 0);
    emit_vex_rr(&g->e, V_MOVD_LOAD | w_bit(i->aux == IR_W64), dst, NO_REG, a);
}

static void lane(struct cg *g, const struct ir_insn *i)
{
    int a = cg_xmm(g, i->a), dst = cg_dst(g, 0);
    if (i->imm == 0 && i->aux >= IR_W32) {
        emit_vex_rr(&g->e, V_MOVD_STORE | w_bit(i->aux == IR_W64), a, NO_REG, dst);
        return;
    }
    uint32_t op = i->aux == IR_W8    ? M3(0x14)
                  : i->aux == IR_W16 ? M3(0x15)
                                     : M3(0x16) | w_bit(i->aux == IR_W64);
    emit_vex_rr(&g->e, op, a, NO_REG, dst);
    emit_u8(&g->e, (unsigned)i->imm);
}

static void insert(struct cg *g, const struct ir_insn *i)
{
    int a = cg_xmm(g, i->a), b = cg_gpr(g, i->b), dst = cg_xmm_dst(g, 1u << a);
    uint32_t op = i->aux == IR_W8    ? M3(0x20)
                  : i->aux == IR_W16 ? M1(0xc4)
                                     : M3(0x22) | w_bit(i->aux == IR_W64);
    emit_vex_rr(&g->e, op, dst, a, b);
    emit_u8(&g->e, (unsigned)i->imm);
}

static void movmsk(struct cg *g, const struct ir_insn *i)
{
    int a = cg_xmm(g, i->a), dst = cg_dst(g, 0);
    emit_vex_rr(&g->e,
                i->aux == IR_W8    ? M1(0xd7)
                : i->aux == IR_W32 ? 0x50 | MAP_0F
                                   : M1(0x50),
                dst, NO_REG, a);
}

static void extend_lanes(struct cg *g, const struct ir_insn *i)
{
    /* source W8: to 16, 32, 64; W16: to 32, 64; W32: to 64 */
    static const uint8_t low[3][4] = {{0, 0x20, 0x21, 0x22}, {0, 0, 0x23, 0x24}, {0, 0, 0, 0x25}};
    uint32_t op = low[i->aux % 3][i->imm & 3] + (i->op == IR_V_MOVZX ? 0x10u : 0);
    unary(g, i, i->a, M2(op), -1);
}

static void blend_variable(struct cg *g, const struct ir_insn *i)
{
    int a = cg_xmm(g, i->a), b = cg_xmm(g, i->b), c = cg_xmm(g, i->c);
    int dst = cg_xmm_dst(g, 1u << a | 1u << b | 1u << c);
    emit_vex_rr(&g->e, M3(i->aux == IR_W8 ? 0x4cu : i->aux == IR_W32 ? 0x4au : 0x4bu), dst, a, b);
    emit_u8(&g->e, (unsigned)c << 4);
}

static void round_lanes(struct cg *g, const struct ir_insn *i)
{
    unsigned control = i->imm >> 8 & 0xff, wide = i->aux == IR_W64;
    if (i->imm & 1)
        binary(g, i, M3(0x0a + wide), (int)control);
    else
        unary(g, i, i->b, M3(0x08 + wide), (int)control);
}

static void to_int_lanes(struct cg *g, const struct ir_insn *i)
{
    uint32_t op;
    if (i->aux == IR_W32)
        op = i->imm & 1 ? 0x5b | MAP_0F | PP_F3 : M1(0x5b);
    else
        op = i->imm & 1 ? M1(0xe6) : 0xe6 | MAP_0F | PP_F2;
    unary(g, i, i->a, op, -1);
}

static void scalar_from_int(struct cg *g, const struct ir_insn *i)
{
    int a = cg_xmm(g, i->a), b = cg_gpr(g, i->b), dst = cg_xmm_dst(g, 1u << a);
    emit_vex_rr(&g->e, 0x2a | MAP_0F | fp_prefix(i->aux, true) | w_bit(i->imm == IR_I64), dst, a,
                b);
}

static void scalar_to_int(struct cg *g, const struct ir_insn *i)
{
    int a = cg_xmm(g, i->a), dst = cg_dst(g, 0);
    uint32_t op = (i->imm & 1 ? 0x2c : 0x2d) | MAP_0F | fp_prefix(i->aux, true);
    emit_vex_rr(&g->e, op | w_bit(i->type == IR_I64), dst, NO_REG, a);
}

/* ECX and the flags in one value. */
static void compare_strings(struct cg *g, const struct ir_insn *i)
{
    cg_take(g, RCX);
    cg_take(g, RAX);
    int a = cg_xmm(g, i->a), b = cg_xmm(g, i->b);
    emit_vex_rr(&g->e, M3(0x63), a, NO_REG, b);
    emit_u8(&g->e, (unsigned)i->imm);
    emit_rr(&g->e, X_SETCC | CC_O, 0, RAX);
    emit_u8(&g->e, 0x9f); /* lahf */
    emit_shift_imm(&g->e, 8, G_SHL, RAX, 32);
    emit_alu(&g->e, 8, X_OR, RAX, RCX);
    fl_clobber(g);
    cg_bind(g, g->n, RAX);
}

bool vector_insn(struct cg *g)
{
    const struct ir_insn *i = &g->r->insns[g->n];
    if (from_table(g, i))
        return true;
    switch (i->op) {
    case IR_VCONST:
        vconst(g, i);
        return true;
    case IR_V_FROM:
        from_gpr(g, i);
        return true;
    case IR_V_LANE:
        lane(g, i);
        return true;
    case IR_V_INS:
        insert(g, i);
        return true;
    case IR_V_PCMPISTR:
        compare_strings(g, i);
        return true;
    case IR_V_MOVMSK:
        movmsk(g, i);
        return true;
    case IR_V_MOVSX:
    case IR_V_MOVZX:
        extend_lanes(g, i);
        return true;
    case IR_V_BLENDV:
        blend_variable(g, i);
        return true;
    case IR_V_MOVDUP:
        unary(g, i, i->a,
              i->aux == IR_W64 ? 0x12 | MAP_0F | PP_F2 : (i->imm ? 0x16u : 0x12u) | MAP_0F | PP_F3,
              -1);
        return true;
    case IR_VF_CMP:
        binary(g, i, 0xc2 | MAP_0F | fp_prefix(i->aux, i->imm & 1), (int)(i->imm >> 8 & 0x1f));
        return true;
    case IR_VF_ROUND:
        round_lanes(g, i);
        return true;
    case IR_VF_TOI32:
        to_int_lanes(g, i);
        return true;
    case IR_VF_SFROMI:
        scalar_from_int(g, i);
        return true;
    case IR_VF_STOI:
        scalar_to_int(g, i);
        return true;
    default:
        return false;
    }
}
