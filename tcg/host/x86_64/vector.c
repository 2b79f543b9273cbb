/*
 * Vector operations: nearly every one is one VEX instruction, so most are rows of a constant table
 * indexed by IR op and lane width; the rest have functions below.
 */
#include "core/util/range.h"
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
    [IR_V_PERMQ] = {F1_IMM, 0, false, ALL(M3(0x00) | OPC_W)},
    [IR_V_PERMD] = {F2, 0, false, ALL(M2(0x36))},
    [IR_V_PERM2] = {F2_IMM, 0, false, ALL(M3(0x46))},
    [IR_V_PERMIL] = {F2, 0, false, {0, 0, M2(0x0c), M2(0x0d)}},
    [IR_V_SHLV] = {F2, 0, false, {0, 0, M2(0x47), M2(0x47) | OPC_W}},
    [IR_V_SHRV] = {F2, 0, false, {0, 0, M2(0x45), M2(0x45) | OPC_W}},
    [IR_V_SARV] = {F2, 0, false, {0, 0, M2(0x46), 0}},
    [IR_V_AESENC] = {F2, 0, false, ALL(M2(0xdc))},
    [IR_V_AESENCLAST] = {F2, 0, false, ALL(M2(0xdd))},
    [IR_V_AESDEC] = {F2, 0, false, ALL(M2(0xde))},
    [IR_V_AESDECLAST] = {F2, 0, false, ALL(M2(0xdf))},
    [IR_V_AESIMC] = {F1, 0, false, ALL(M2(0xdb))},
    [IR_V_AESKEY] = {F1_IMM, 0, false, ALL(M3(0xdf))},
    [IR_V_CLMUL] = {F2_IMM, 0, false, ALL(M3(0x44))},
    [IR_V_GFMUL] = {F2, 0, true, ALL(M2(0xcf))},
    [IR_V_GFAFFINE] = {F2_IMM, 0, false, ALL(M3(0xce) | OPC_W)},
    [IR_V_GFAFFINEINV] = {F2_IMM, 0, false, ALL(M3(0xcf) | OPC_W)},
    [IR_VF_FROMH] = {F1, 0, false, ALL(M2(0x13))},
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

/* 256 bits: by the result, or where that is narrower than the operand, by the operand. */
static uint32_t l_bit(const struct cg *g, const struct ir_insn *i)
{
    return i->type == IR_V256 || g->r->insns[i->a].type == IR_V256 ? OPC_L : 0;
}

/* As cg_in_memory; a v256 operand whose value is a v128 with zeros above has only half of its bytes
 * there. */
static bool memory_operand(struct cg *g, ir_ref v, struct host_mem *m)
{
    return cg_in_memory(g, v, m) && (g->r->insns[v].type != IR_V256 || cg_is_wide(g, g->id[v]));
}

/* op dst, a, b with b possibly in memory. Operand size in memory is at least what is read: slots
 * are 16 bytes. */
static void binary(struct cg *g, const struct ir_insn *i, uint32_t op, int imm)
{
    struct host_mem m;
    int a = cg_xmm(g, i->a);
    /* the memory forms of MOVSS, MOVSD and INSERTPS mean something else */
    bool reg_only = i->op == IR_V_MOVLANE || i->op == IR_V_INSERTPS;
    op |= l_bit(g, i);
    if (!reg_only && memory_operand(g, i->b, &m) && g->id[i->b] != g->id[i->a]) {
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
    emit_vex_rr(&g->e, op | l_bit(g, i), dst, NO_REG, a);
    if (imm >= 0)
        emit_u8(&g->e, (unsigned)imm);
}

static void shift_imm(struct cg *g, const struct ir_insn *i, const struct row *row)
{
    int a = cg_xmm(g, i->a), dst = cg_xmm_dst(g, 1u << a);
    emit_vex_rr(&g->e, row->op[i->aux & 3] | l_bit(g, i), row->group, dst, a);
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

/* Is v in each lane of some width what all ones shifted make of it? The instruction, its group. */
static bool shifted_ones(uint64_t v, uint32_t *op, unsigned *group, unsigned *count)
{
    static const uint32_t ops[] = {0, M1(0x71), M1(0x72), M1(0x73)};
    for (unsigned w = IR_W16; w <= IR_W64; w++) {
        const uint64_t all = mask_bits(8u << w), lane = v & all;
        if (lane * (~UINT64_C(0) / all) != v || !lane)
            continue;
        const unsigned below = (unsigned)__builtin_ctzll(lane);
        const unsigned above = (unsigned)__builtin_clzll(lane) - (64 - (8u << w));
        *op = ops[w];
        *group = below ? 6 : 2; /* left, right */
        *count = below ? below : above;
        if (lane == (below ? all << below & all : all >> above))
            return true;
    }
    return false;
}

static void vconst(struct cg *g, const struct ir_insn *i)
{
    uint32_t op;
    unsigned group, count;
    if (!i->imm)
        return; /* made where it is used */
    int dst = cg_xmm_dst(g, 0);
    if (i->imm == ~UINT64_C(0)) {
        emit_vex_rr(&g->e, M1(0x76) | l_bit(g, i), dst, dst, dst);
    } else if (shifted_ones(i->imm, &op, &group, &count)) {
        emit_vex_rr(&g->e, M1(0x76) | l_bit(g, i), dst, dst, dst);
        emit_vex_rr(&g->e, op | l_bit(g, i), group, dst, dst);
        emit_u8(&g->e, count);
    } else {
        int t = cg_temp(g);
        emit_mov_imm(&g->e, t, i->imm);
        emit_vex_rr(&g->e, V_MOVD_LOAD | OPC_W, dst, NO_REG, t);
        emit_vex_rr(&g->e, M2(0x59) | l_bit(g, i), dst, NO_REG, dst); /* vpbroadcastq */
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
                i->aux == IR_W8    ? M1(0xd7) | l_bit(g, i)
                : i->aux == IR_W32 ? 0x50 | MAP_0F | l_bit(g, i)
                                   : M1(0x50) | l_bit(g, i),
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
    emit_vex_rr(&g->e,
                M3(i->aux == IR_W8    ? 0x4cu
                   : i->aux == IR_W32 ? 0x4au
                                      : 0x4bu) |
                    l_bit(g, i),
                dst, a, b);
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

/* ---- halves ------------------------------------------------------------------------------- */

/* Both halves as they lie in memory: one load. */
static bool join_in_memory(const struct cg *g, const struct ir_insn *i, struct host_mem *m)
{
    uint32_t a = g->id[i->a], b = g->id[i->b];
    int s = g->mem[a];
    if (s < 0 || g->upper[s] < 0 || g->mem[b] != g->upper[s] || cg_is_wide(g, a) ||
        g->reg[a] != NO_REG || g->reg[b] != NO_REG)
        return false;
    *m = cg_slot_mem(g, (unsigned)s);
    return true;
}

static void insert_half(struct cg *g, ir_ref whole, ir_ref half, unsigned high)
{
    int a = cg_xmm(g, whole), b = cg_xmm(g, half), dst = cg_xmm_dst(g, 1u << a);
    if (high) {
        emit_vex_rr(&g->e, V_INSERT128, dst, a, b);
        emit_u8(&g->e, 1);
    } else { /* vpblendd */
        emit_vex_rr(&g->e, M3(0x02) | OPC_L, dst, a, b);
        emit_u8(&g->e, 0x0f);
    }
}

static void join(struct cg *g, const struct ir_insn *i)
{
    struct host_mem m;
    if (g->id[g->n] != g->n)
        return;
    if (join_in_memory(g, i, &m)) {
        emit_vex_rm(&g->e, V_MOVDQU_LOAD | OPC_L, cg_xmm_dst(g, 0), NO_REG, m);
        g->state_loads++;
    } else if (cg_is_zero_vec(g, i->b)) { /* of a v256's low half */
        int a = cg_xmm(g, i->a), dst = cg_xmm_dst(g, 1u << a);
        emit_vex_rr(&g->e, V_MOVAPS, dst, NO_REG, a);
    } else {
        insert_half(g, i->a, i->b, 1);
    }
}

static void broadcast(struct cg *g, const struct ir_insn *i)
{
    static const uint8_t op[] = {0x78, 0x79, 0x58, 0x59};
    if (i->aux == IR_W128)
        insert_half(g, i->a, i->a, 1);
    else
        unary(g, i, i->a, M2((uint32_t)op[i->aux & 3]), -1);
}

/* One lane with zeros above. */
static void low_lane(struct cg *g, const struct ir_insn *i)
{
    struct host_mem m;
    if (i->aux == IR_W64 && cg_in_memory(g, i->a, &m)) { /* vmovq */
        emit_vex_rm(&g->e, 0x7e | MAP_0F | PP_F3, cg_xmm_dst(g, 0), NO_REG, m);
        return;
    }
    int a = cg_xmm(g, i->a), dst = cg_xmm_dst(g, 1u << a);
    if (i->aux == IR_W64) {
        emit_vex_rr(&g->e, 0x7e | MAP_0F | PP_F3, dst, NO_REG, a);
    } else if (i->aux == IR_W32) { /* vinsertps that clears the other three */
        emit_vex_rr(&g->e, M3(0x21), dst, a, a);
        emit_u8(&g->e, 0x0e);
    } else { /* vpslldq, vpsrldq */
        emit_vex_rr(&g->e, M1(0x73), 7, dst, a);
        emit_u8(&g->e, 16 - (1u << i->aux));
        emit_vex_rr(&g->e, M1(0x73), 3, dst, dst);
        emit_u8(&g->e, 16 - (1u << i->aux));
    }
}

/* ---- operations that hosts may lack -----------------------------------------------------------
 */

/* The result has the place of the first operand. */
static void fused_multiply_add(struct cg *g, const struct ir_insn *i)
{
    static const uint8_t base[] = {0x90, 0xa0, 0xb0};
    struct host_mem m;
    uint32_t negate_product = i->imm & IR_FMA_NEGATE_PRODUCT ? 4 : 0;
    uint32_t negate_addend = i->imm & IR_FMA_NEGATE_ADDEND ? 2 : 0;
    uint32_t op = 8 + negate_product + negate_addend + (uint32_t)(i->imm & IR_FMA_ONE);
    if (i->imm & IR_FMA_ALTERNATE)
        op = negate_addend ? 7 : 6;
    op = M2(base[i->imm >> 4 & 3] + op) | w_bit(i->aux == IR_W64) | l_bit(g, i);
    int a = cg_xmm(g, i->a), b = cg_xmm(g, i->b);
    bool in_memory = memory_operand(g, i->c, &m) && g->id[i->c] != g->id[i->a];
    int c = in_memory ? NO_REG : cg_xmm(g, i->c);
    bool free = g->id[i->a] != g->id[i->b] && g->id[i->a] != g->id[i->c];
    int dst = cg_xmm_dst(g, free ? 1u << a : 0);
    if (dst != a)
        emit_vex_rr(&g->e, V_MOVAPS | l_bit(g, i), dst, NO_REG, a);
    if (in_memory)
        emit_vex_rm(&g->e, op, dst, b, m);
    else
        emit_vex_rr(&g->e, op, dst, b, c);
}

/* VCVTPS2PH has its source in ModRM.reg. */
static void to_half(struct cg *g, const struct ir_insn *i)
{
    int a = cg_xmm(g, i->a), dst = cg_xmm_dst(g, 0);
    emit_vex_rr(&g->e, M3(0x1d) | l_bit(g, i), a, NO_REG, dst);
    emit_u8(&g->e, (unsigned)i->imm);
}

/*
 * SHA has no VEX forms: its instructions replace their first operand, and would be slow while an
 * upper half is in use somewhere. Where no value has one, VZEROUPPER takes nothing away.
 */
static bool is_sha(const struct ir_insn *i)
{
    return i->op >= IR_V_SHA1RNDS4 && i->op <= IR_V_SHA256MSG2;
}

static void emit_sha(struct cg *g, const struct ir_insn *i, int dst, int b)
{
    static const uint32_t ops[] = {
        [IR_V_SHA1RNDS4 - IR_V_SHA1RNDS4] = 0xcc | MAP_0F3A,
        [IR_V_SHA1NEXTE - IR_V_SHA1RNDS4] = 0xc8 | MAP_0F38,
        [IR_V_SHA1MSG1 - IR_V_SHA1RNDS4] = 0xc9 | MAP_0F38,
        [IR_V_SHA1MSG2 - IR_V_SHA1RNDS4] = 0xca | MAP_0F38,
        [IR_V_SHA256RNDS2 - IR_V_SHA1RNDS4] = 0xcb | MAP_0F38,
        [IR_V_SHA256MSG1 - IR_V_SHA1RNDS4] = 0xcc | MAP_0F38,
        [IR_V_SHA256MSG2 - IR_V_SHA1RNDS4] = 0xcd | MAP_0F38,
    };
    emit_rr(&g->e, ops[i->op - IR_V_SHA1RNDS4], dst, b);
    if (i->op == IR_V_SHA1RNDS4)
        emit_u8(&g->e, (unsigned)i->imm);
}

static void move_xmm(struct cg *g, int dst, int src)
{
    if (dst != src)
        emit_vex_rr(&g->e, V_MOVAPS, dst, NO_REG, src);
}

static void sha(struct cg *g, const struct ir_insn *i)
{
    enum { XMM0 }; /* the implicit operand's place */
    int a = cg_xmm(g, i->a), b = cg_xmm(g, i->b), c = i->c ? cg_xmm(g, i->c) : XMM0;
    int t = c != XMM0 ? cg_xmm_temp(g) : NO_REG;
    bool free = g->id[i->a] != g->id[i->b] && (!i->c || g->id[i->a] != g->id[i->c]);
    int dst = cg_xmm_dst(g, free ? 1u << a : 0);
    if (!g->uppers_zero)
        emit_vzeroupper(&g->e);
    g->uppers_zero = !g->r->has_wide;
    if (c == XMM0) {
        move_xmm(g, dst, a);
        emit_sha(g, i, dst, b);
    } else if (dst == XMM0) {
        move_xmm(g, t, a);
        move_xmm(g, XMM0, c);
        emit_sha(g, i, t, b);
        move_xmm(g, dst, t);
    } else { /* what is in XMM0 waits, unless it is the scratch register itself */
        move_xmm(g, dst, a);
        move_xmm(g, t, XMM0);
        move_xmm(g, XMM0, c);
        emit_sha(g, i, dst, b == XMM0 ? t : b);
        move_xmm(g, XMM0, t);
    }
}

/* What an operation needs beyond AVX2. */
static bool lacking(const struct cg *g, const struct ir_insn *i)
{
    bool wide = l_bit(g, i);
    unsigned needs;
    switch (i->op) {
    case IR_VF_FMA:
        needs = HOST_FMA;
        break;
    case IR_VF_FROMH:
    case IR_VF_TOH:
        needs = HOST_F16C;
        break;
    case IR_V_AESENC:
    case IR_V_AESENCLAST:
    case IR_V_AESDEC:
    case IR_V_AESDECLAST:
        needs = wide ? HOST_VAES : HOST_AES;
        break;
    case IR_V_AESIMC:
    case IR_V_AESKEY:
        needs = HOST_AES;
        break;
    case IR_V_CLMUL:
        needs = wide ? HOST_VPCLMUL : HOST_PCLMUL;
        break;
    case IR_V_GFMUL:
    case IR_V_GFAFFINE:
    case IR_V_GFAFFINEINV:
        needs = HOST_GFNI;
        break;
    default:
        if (!is_sha(i))
            return false;
        if (cg_vec_live(g) == LIVE_256)
            return true;
        needs = HOST_SHA;
        break;
    }
    return g->tm->baseline || (needs & ~g->be->host);
}

/* The interpreter's function; operands and result in tcg_cpu.scratch, 32 bytes each. */
static void evaluate_in_c(struct cg *g, const struct ir_insn *i)
{
    const ir_ref args[3] = {i->a, i->b, i->c};
    bool wide = l_bit(g, i);
    for (unsigned k = 0; k < 3 && args[k]; k++)
        emit_vex_rm(&g->e, V_MOVDQU_STORE | OPC_L, cg_xmm(g, args[k]), NO_REG,
                    cg_scratch_mem(4 * k));
    select_vector_call(g,
                       i->op | (uint64_t)i->type << 8 | (uint64_t)i->aux << 16 |
                           (uint64_t)wide << 24 | i->imm << 32,
                       cg_vec_live(g));
    emit_vex_rm(&g->e, V_MOVDQU_LOAD | (i->type == IR_V256 ? OPC_L : 0u), cg_xmm_dst(g, 0), NO_REG,
                cg_scratch_mem(12));
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
    if (i->op >= IR_VA_1 && i->op <= IR_VA_FROMI) {
        arm_fp_insn(g, i);
        return true;
    }
    if (lacking(g, i)) {
        evaluate_in_c(g, i);
        return true;
    }
    if (is_sha(i)) {
        sha(g, i);
        return true;
    }
    if (from_table(g, i))
        return true;
    switch (i->op) {
    case IR_V_JOIN:
        join(g, i);
        return true;
    case IR_V_LOW:
        low_lane(g, i);
        return true;
    case IR_V_INSH:
        insert_half(g, i->a, i->b, i->imm & 1);
        return true;
    case IR_V_BCAST:
        broadcast(g, i);
        return true;
    case IR_VF_FMA:
        fused_multiply_add(g, i);
        return true;
    case IR_VF_TOH:
        to_half(g, i);
        return true;
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
