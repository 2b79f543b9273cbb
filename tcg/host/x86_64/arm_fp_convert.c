/* Conversions and rounding to integral values by the rules of Arm: see arm_fp.c. */
#include "tcg/host/x86_64/arm_fp.h"

/* VROUNDPS and VROUNDPD, VROUNDSS and VROUNDSD. */
static uint32_t round_opcode(const struct arm_fp *f)
{
    return (0x08u + (f->scalar ? 2 : 0) + (f->i->aux == IR_W64)) | MAP_0F3A | PP_66;
}
enum { ROUND_CURRENT = 4, ROUND_QUIET = 8 };

static void emit_round(struct arm_fp *f, int dst, int above, int from, unsigned control)
{
    emit_vex_rr(&f->g->e, round_opcode(f), dst, f->scalar ? above : NO_REG, from);
    emit_u8(&f->g->e, control);
}

static unsigned host_rounding(const struct ir_insn *i)
{
    unsigned r = ir_afp_rounding(i->imm);
    return r == IR_AFP_CURRENT ? ROUND_CURRENT : r;
}

static bool host_rounds(const struct ir_insn *i)
{
    unsigned r = ir_afp_rounding(i->imm);
    return r <= IR_AFP_ZERO || r == IR_AFP_CURRENT;
}

static enum arm_fp_checks default_nan_check(const struct ir_insn *i)
{
    return i->imm & IR_AFP_DN ? CHECK_NAN : CHECK_NONE;
}

/*
 * Ties away from zero, which the host does not have: toward zero, and twice what that leaves once
 * more, is 0 or what is missing. All of it is exact where there may be a fraction. The sign is the
 * operand's: a difference of nothing has the rounding mode's. dst is not `from`.
 */
static void round_away(struct arm_fp *f, int dst, int from)
{
    struct emit *e = &f->g->e;
    const uint32_t prefix = arm_fp_prefix(f) | MAP_0F;
    struct host_mem abs = arm_fp_constant(f->i->aux == IR_W64 ? HOST_ABS64 : HOST_ABS32);
    int t = arm_fp_xmm(f);
    emit_round(f, dst, from, from, IR_AFP_ZERO | ROUND_QUIET);
    emit_vex_rr(e, 0x5c | prefix, t, from, dst);
    emit_vex_rr(e, 0x58 | prefix, t, t, t);
    emit_round(f, t, t, t, IR_AFP_ZERO | ROUND_QUIET);
    emit_vex_rr(e, 0x58 | prefix, dst, dst, t);
    emit_vex_rm(e, 0x54 | MAP_0F, dst, dst, abs);
    emit_vex_rm(e, 0x6f | MAP_0F | PP_F3, t, NO_REG, abs); /* vmovdqu */
    emit_vex_rr(e, 0x55 | MAP_0F, t, t, from);             /* vandnps */
    emit_vex_rr(e, 0x56 | MAP_0F, dst, dst, t);
}

static bool round_integral_away(struct cg *g, const struct ir_insn *i)
{
    struct arm_fp f = arm_fp_begin(g, i);
    if (i->imm & IR_AFP_EXACT)
        return false;
    arm_fp_operand(&f, 0, i->a);
    f.dst = cg_pick_xmm_dst(g, 0);
    arm_fp_reserve(&f, 3, 0);
    arm_fp_check_operands(&f);
    arm_fp_check_fraction(&f, f.in[0]);
    round_away(&f, f.dst, f.in[0]);
    arm_fp_end(&f, i->a);
    return true;
}

static bool round_integral(struct cg *g, const struct ir_insn *i)
{
    struct arm_fp f = arm_fp_begin(g, i);
    if (ir_afp_rounding(i->imm) == IR_AFP_AWAY)
        return round_integral_away(g, i);
    if (!host_rounds(i))
        return false;
    arm_fp_operand(&f, 0, i->a);
    arm_fp_result(&f);
    arm_fp_reserve(&f, 2, 0);
    arm_fp_check_operands(&f);
    emit_round(&f, f.dst, f.scalar ? arm_fp_zero(&f) : NO_REG, f.in[0],
               host_rounding(i) | (i->imm & IR_AFP_EXACT ? 0 : ROUND_QUIET));
    arm_fp_check(&f, i->aux, default_nan_check(i));
    arm_fp_end(&f, 0);
    return true;
}

/* The lane in every lane, so that what stands above it raises nothing. */
static int alone(struct arm_fp *f, uint32_t broadcast)
{
    if (!f->scalar)
        return f->in[0];
    int t = arm_fp_xmm(f);
    emit_vex_rr(&f->g->e, broadcast | MAP_0F38 | PP_66, t, NO_REG, f->in[0]);
    return t;
}

/* Binary16 to binary32: every number is one there, and normal. */
static bool convert_from_half(struct cg *g, const struct ir_insn *i)
{
    struct arm_fp f = arm_fp_begin(g, i);
    arm_fp_operand(&f, 0, i->a);
    f.dst = cg_pick_xmm_dst(g, 0);
    arm_fp_reserve(&f, 1, 0);
    int from = alone(&f, 0x79); /* vpbroadcastw */
    emit_vex_rr(&g->e, 0x13 | MAP_0F38 | PP_66, f.dst, NO_REG, from);
    if (f.scalar)
        arm_fp_clear_above(&f, IR_W32);
    arm_fp_end(&f, 0);
    return true;
}

/* Binary32 to binary16. */
static bool convert_to_half(struct cg *g, const struct ir_insn *i)
{
    struct arm_fp f = arm_fp_begin(g, i);
    struct emit *e = &g->e;
    arm_fp_operand(&f, 0, i->a);
    f.dst = cg_pick_xmm_dst(g, 0);
    arm_fp_reserve(&f, 1, 0);
    arm_fp_check_operands(&f);
    int t = alone(&f, 0x18); /* vbroadcastss */
    emit_vex_rr(e, 0x1d | MAP_0F3A | PP_66, t, NO_REG, f.dst);
    emit_u8(e, ROUND_CURRENT);
    t = f.scalar ? t : arm_fp_xmm(&f);
    emit_vex_rm(e, 0xdb | MAP_0F | PP_66, t, f.dst, arm_fp_constant(HOST_ABS16));
    emit_vex_rm(e, 0x75 | MAP_0F | PP_66, t, t, arm_fp_constant(HOST_LEAST16)); /* vpcmpeqw */
    emit_vex_rr(e, V_PTEST, t, NO_REG, t);
    arm_fp_slow(&f, emit_jcc(e, CC_NE));
    if (f.scalar) { /* vpmovzxwq, vmovq */
        emit_vex_rr(e, 0x34 | MAP_0F38 | PP_66, f.dst, NO_REG, f.dst);
        emit_vex_rr(e, V_MOVQ_LOAD, f.dst, NO_REG, f.dst);
    }
    arm_fp_end(&f, 0);
    return true;
}

static bool convert_half(struct cg *g, const struct ir_insn *i)
{
    const uint64_t other = IR_AFP_DN | IR_AFP_AHP;
    if (g->tm->baseline || !(g->be->host & HOST_F16C) || i->imm & other ||
        ir_afp_rounding(i->imm) != IR_AFP_CURRENT)
        return false;
    if (i->aux == IR_W16)
        return ir_afp_to(i->imm) == IR_W32 && convert_from_half(g, i);
    return i->aux == IR_W32 && convert_to_half(g, i);
}

/* Between binary32 and binary64; NaNs are the same, but where they are all one. */
static bool convert_format(struct cg *g, const struct ir_insn *i)
{
    struct arm_fp f = arm_fp_begin(g, i);
    unsigned to = ir_afp_to(i->imm);
    if (to == IR_W16 || i->aux == IR_W16)
        return convert_half(g, i);
    if (ir_afp_rounding(i->imm) != IR_AFP_CURRENT)
        return false;
    arm_fp_operand(&f, 0, i->a);
    arm_fp_result(&f);
    arm_fp_reserve(&f, 2, 0);
    arm_fp_check_operands(&f);
    emit_vex_rr(&g->e, 0x5a | MAP_0F | arm_fp_prefix(&f), f.dst,
                f.scalar ? arm_fp_zero(&f) : NO_REG, f.in[0]);
    arm_fp_check(&f, to, to == IR_W32 ? CHECK_TINY : default_nan_check(i));
    arm_fp_end(&f, 0);
    return true;
}

/* v * 2^exp, exactly. */
static void scale(struct arm_fp *f, int exp)
{
    struct emit *e = &f->g->e;
    int t = arm_fp_gpr(f), x = arm_fp_xmm(f);
    bool wide = f->i->aux == IR_W64;
    emit_mov_imm(e, t, wide ? (uint64_t)(1023 + exp) << 52 : (uint64_t)(127 + exp) << 23);
    emit_vex_rr(e, V_MOVD_LOAD | w_bit(wide), x, NO_REG, t);
    if (!f->scalar) /* vpbroadcastd */
        emit_vex_rr(e, (wide ? 0x59 : 0x58) | MAP_0F38 | PP_66, x, NO_REG, x);
    emit_vex_rr(e, 0x59 | MAP_0F | arm_fp_prefix(f), f->dst, f->dst, x);
}

/* Lanes of 32 bits; what does not fit is the host's most negative one, and invalid. */
static bool lanes_to_int(struct cg *g, const struct ir_insn *i)
{
    struct arm_fp f = arm_fp_begin(g, i);
    struct emit *e = &g->e;
    unsigned rounding = ir_afp_rounding(i->imm);
    if (i->aux != IR_W32 || f.scalar || i->imm & IR_AFP_UNSIGNED || ir_afp_fbits(i->imm) ||
        rounding > IR_AFP_ZERO)
        return false;
    arm_fp_operand(&f, 0, i->a);
    arm_fp_result(&f);
    arm_fp_reserve(&f, 2, 0);
    arm_fp_check_operands(&f);
    int from = f.in[0], t = arm_fp_xmm(&f), u = arm_fp_xmm(&f);
    if (rounding != IR_AFP_ZERO) {
        emit_round(&f, t, NO_REG, from, rounding | ROUND_QUIET);
        from = t;
    }
    emit_vex_rr(e, 0x5b | MAP_0F | PP_F3, f.dst == f.in[0] ? u : f.dst, NO_REG, from);
    if (rounding != IR_AFP_ZERO) /* for the flag alone */
        emit_round(&f, t, NO_REG, f.in[0], rounding);
    if (f.dst == f.in[0])
        emit_vex_rr(e, V_MOVAPS, f.dst, NO_REG, u);
    emit_vex_rm(e, 0x76 | MAP_0F | PP_66, u, f.dst, arm_fp_constant(HOST_SIGN32));
    emit_vex_rr(e, V_PTEST, u, NO_REG, u);
    arm_fp_slow(&f, emit_jcc(e, CC_NE));
    arm_fp_end(&f, 0);
    return true;
}

static bool lanes_from_int(struct cg *g, const struct ir_insn *i)
{
    struct arm_fp f = arm_fp_begin(g, i);
    if (i->aux != IR_W32 || f.scalar || i->imm & IR_AFP_UNSIGNED)
        return false;
    arm_fp_operand(&f, 0, i->a);
    f.dst = cg_pick_xmm_dst(g, 1u << f.in[0]);
    arm_fp_reserve(&f, 1, 1);
    emit_vex_rr(&g->e, 0x5b | MAP_0F, f.dst, NO_REG, f.in[0]);
    if (ir_afp_fbits(i->imm))
        scale(&f, -(int)ir_afp_fbits(i->imm));
    arm_fp_end(&f, 0);
    return true;
}

bool arm_fp_convert(struct cg *g, const struct ir_insn *i)
{
    switch (ir_afp_op(i->imm)) {
    case IR_AFP_RINT:
        return round_integral(g, i);
    case IR_AFP_CVT:
        return convert_format(g, i);
    case IR_AFP_TOINT:
        return lanes_to_int(g, i);
    case IR_AFP_FROMINT:
        return lanes_from_int(g, i);
    default: /* estimates */
        return false;
    }
}

/* ---- general registers ----------------------------------------------------------------------- */

/* The bits of the greatest number up to which an unsigned integer of the result's width is one that
 * the host's signed conversion to 64 bits gives, however it is rounded. */
static uint64_t unsigned_limit(const struct ir_insn *i)
{
    if (i->aux == IR_W64)
        return i->type == IR_I64 ? UINT64_C(0x43dfffffffffffff) : UINT64_C(0x41efffffffe00000);
    return i->type == IR_I64 ? 0x5effffff : 0x4f7fffff;
}

static void check_unsigned(struct arm_fp *f)
{
    struct emit *e = &f->g->e;
    bool wide = f->i->aux == IR_W64;
    int t = arm_fp_gpr(f), u = arm_fp_gpr(f);
    emit_vex_rr(e, V_MOVD_STORE | w_bit(wide), f->in[0], NO_REG, t);
    emit_mov_imm(e, u, unsigned_limit(f->i));
    emit_alu(e, wide ? 8 : 4, X_CMP, t, u);
    arm_fp_slow(f, emit_jcc(e, CC_A));
}

bool arm_fp_to_int(struct cg *g, const struct ir_insn *i)
{
    struct arm_fp f = arm_fp_begin(g, i);
    struct emit *e = &g->e;
    unsigned rounding = ir_afp_rounding(i->imm);
    bool no_sign = i->imm & IR_AFP_UNSIGNED, wide = no_sign || i->type == IR_I64;
    bool away = rounding == IR_AFP_AWAY;
    if (ir_afp_op(i->imm) != IR_AFP_TOI || (rounding > IR_AFP_ZERO && !away) ||
        ir_afp_fbits(i->imm))
        return false;
    f.scalar = true;
    arm_fp_operand(&f, 0, i->a);
    f.dst = cg_pick_dst(g, 0);
    arm_fp_reserve(&f, away ? 4 : rounding != IR_AFP_ZERO, no_sign ? 2 : 0);
    int from = f.in[0], t = rounding == IR_AFP_ZERO ? NO_REG : arm_fp_xmm(&f);
    arm_fp_check_operands(&f);
    if (no_sign)
        check_unsigned(&f);
    if (away) {
        arm_fp_check_fraction(&f, from);
        round_away(&f, t, from);
        from = t;
        rounding = IR_AFP_ZERO; /* as good as another for the flag */
    } else if (t != NO_REG) {   /* an inexactness that is not the result's must not be seen */
        emit_round(&f, t, from, from, rounding | ROUND_QUIET);
        from = t;
    }
    emit_vex_rr(e, 0x2c | MAP_0F | arm_fp_prefix(&f) | w_bit(wide), f.dst, NO_REG, from);
    if (!no_sign) { /* the most negative number says that it does not fit, as a rule */
        emit_alu_imm(e, wide ? 8 : 4, G_CMP, f.dst, 1);
        arm_fp_slow(&f, emit_jcc(e, CC_O));
    }
    if (t != NO_REG)
        emit_round(&f, t, f.in[0], f.in[0], rounding);
    arm_fp_join(&f);
    cg_bind(g, g->n, f.dst);
    return true;
}

bool arm_fp_from_int(struct cg *g, const struct ir_insn *i)
{
    struct arm_fp f = arm_fp_begin(g, i);
    struct emit *e = &g->e;
    bool wide = ir_afp_to(i->imm) == IR_W64, no_sign = i->imm & IR_AFP_UNSIGNED;
    if (ir_afp_rounding(i->imm) != IR_AFP_CURRENT)
        return false;
    f.scalar = true;
    int a = cg_gpr(g, i->a);
    f.dst = cg_pick_xmm_dst(g, 0);
    arm_fp_reserve(&f, ir_afp_fbits(i->imm) != 0, 1);
    if (no_sign && wide) {
        f.slow[0] = a;
        emit_alu(e, 8, X_TEST, a, a);
        arm_fp_slow(&f, emit_jcc(e, CC_S));
    } else if (no_sign) {
        emit_rr(e, X_MOV_LOAD, f.gpr[0], a);
        a = f.gpr[0];
    }
    emit_vex_rr(e, V_PXOR, f.dst, f.dst, f.dst);
    emit_vex_rr(e, 0x2a | MAP_0F | arm_fp_prefix(&f) | w_bit(wide || no_sign), f.dst, f.dst, a);
    if (ir_afp_fbits(i->imm))
        scale(&f, -(int)ir_afp_fbits(i->imm));
    arm_fp_end(&f, 0);
    return true;
}
