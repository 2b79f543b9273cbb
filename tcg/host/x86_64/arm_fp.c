/*
 * Floating point by the rules of Arm: the host's instruction, and a look at what came out. Where
 * that is a NaN, or may be a number that Arm calls tiny and the host does not, interp's exact
 * function does it all again, out of line; an operation or mode that the host has nothing for
 * always calls it.
 *
 * The host's instruction must not have set an exception flag by then that the exact one does not
 * set: this is so where both differ in NaNs only, and in underflow, which the host sees less often
 * (after rounding). What would set more is asked before it is executed, or does not stand here.
 *
 * Lanes that take no part are copies of those that do (HALF), or the instruction is a scalar one.
 */
#include "tcg/host/x86_64/arm_fp.h"

#include "tcg/ir/fold.h"

#define PACKED_CMP(lane) (0xc2 | MAP_0F | ((lane) == IR_W64 ? PP_66 : 0))

enum predicate {
    UNORDERED = 3,
    EQUAL_UQ = 8,
    GE_OS = 13,
    GT_OS = 14,
    NOT_LESS_UQ = 21,
    NOT_GREATER_UQ = 26
};

const uint64_t arm_fp_constants[TCG_HOST_CONSTS][2] = {
    [HOST_ABS32] = {UINT64_C(0x7fffffff7fffffff), UINT64_C(0x7fffffff7fffffff)},
    [HOST_LEAST32] = {UINT64_C(0x0080000000800000), UINT64_C(0x0080000000800000)},
    [HOST_ABS64] = {INT64_MAX, INT64_MAX},
    [HOST_LEAST64] = {UINT64_C(1) << 52, UINT64_C(1) << 52},
    [HOST_SIGN32] = {UINT64_C(0x8000000080000000), UINT64_C(0x8000000080000000)},
    [HOST_LOW32] = {UINT64_C(0x3080000030800000), UINT64_C(0x3080000030800000)},
    [HOST_SPAN32] = {UINT64_C(0x1e0000001e000000), UINT64_C(0x1e0000001e000000)},
    [HOST_LOW64] = {UINT64_C(0x3870000000000000), UINT64_C(0x3870000000000000)},
    [HOST_ABS16] = {UINT64_C(0x7fff7fff7fff7fff), UINT64_C(0x7fff7fff7fff7fff)},
    [HOST_LEAST16] = {UINT64_C(0x0400040004000400), UINT64_C(0x0400040004000400)},
    [HOST_WHOLE32] = {UINT64_C(0x4b0000004b000000), UINT64_C(0x4b0000004b000000)},
    [HOST_WHOLE64] = {UINT64_C(0x4330000000000000), UINT64_C(0x4330000000000000)},
    [HOST_SPAN64] = {UINT64_C(0x0f000000ffffffff), UINT64_C(0x0f000000ffffffff)},
};

struct host_mem arm_fp_constant(enum host_constant which)
{
    return mem_at(ENV, TCG_ENV_OFFSET(host_const) + 16 * (int)which);
}

/* ---- the exact way --------------------------------------------------------------------------- */

uint64_t arm_fp_what(const struct ir_insn *i)
{
    return i->op | (uint64_t)i->type << 8 | (uint64_t)i->aux << 16 | i->imm << 32;
}

void arm_fp_exact(struct cg *g, const struct ir_insn *i)
{
    const ir_ref args[3] = {i->a, i->b, i->c};
    for (unsigned k = 0; k < 3 && args[k]; k++)
        if (cg_is_xmm(g, cg_id(g, args[k])))
            emit_vex_rm(&g->e, V_MOVDQU_STORE, cg_xmm(g, args[k]), NO_REG, cg_scratch_mem(4 * k));
        else
            emit_store(&g->e, 8, cg_gpr(g, args[k]), cg_scratch_mem(4 * k));
    select_vector_call(g, arm_fp_what(i), cg_vec_live(g));
    if (i->type == IR_V128)
        emit_vex_rm(&g->e, V_MOVDQU_LOAD, cg_xmm_dst(g, 0), NO_REG, cg_scratch_mem(12));
    else
        emit_load(&g->e, i->type == IR_I64, cg_dst(g, 0), cg_arg_mem(0));
}

struct stub *arm_fp_slow(struct arm_fp *f, uint8_t *jump)
{
    struct stub *s = cg_stub(f->g, STUB_ARM_FP, jump);
    s->insn = (uint16_t)f->g->n;
    s->found = f->g->e.p;
    for (unsigned k = 0; k < 3; k++)
        s->fp_args[k] = (int8_t)f->slow[k];
    s->fp_dst = (int8_t)f->dst;
    s->fp_live = (uint8_t)cg_vec_live(f->g);
    fl_clobber(f->g);
    f->ways[f->way_count++] = s;
    return s;
}

/* The check let through what is no NaN and not the least normal number: back. */
static void look_again(struct cg *g, const struct stub *s)
{
    struct emit *e = &g->e;
    if (s->fp_again == AGAIN_RANGE) {
        arm_fp_check_operands_again(g, s);
        return;
    }
    if (s->fp_again == AGAIN_COMPARED) { /* VUCOMIS's flags: equal or unordered is ZF */
        emit_patch(emit_jcc(e, CC_NE), s->found);
        return;
    }
    bool wide = s->fp_again == AGAIN_64;
    emit_vex_rm(e, 0x54 | MAP_0F, s->fp_temp, s->fp_dst,
                arm_fp_constant(wide ? HOST_ABS64 : HOST_ABS32));
    emit_vex_rm(e, PACKED_CMP(wide ? IR_W64 : IR_W32), s->fp_temp, s->fp_temp,
                arm_fp_constant(wide ? HOST_LEAST64 : HOST_LEAST32));
    emit_u8(e, EQUAL_UQ);
    emit_vex_rr(e, V_PTEST, s->fp_temp, NO_REG, s->fp_temp);
    emit_patch(emit_jcc(e, CC_E), s->found);
}

void arm_fp_stub(struct cg *g, struct stub *s)
{
    const struct ir_insn *i = &g->r->insns[s->insn];
    struct emit *e = &g->e;
    emit_patch(s->jump, e->p);
    if (s->fp_again)
        look_again(g, s);
    for (int k = 0; k < 3 && s->fp_args[k] != NO_REG; k++)
        if (i->op == IR_VA_FROMI)
            emit_store(e, 8, s->fp_args[k], cg_scratch_mem(0));
        else
            emit_vex_rm(e, V_MOVDQU_STORE, s->fp_args[k], NO_REG, cg_scratch_mem(4 * (unsigned)k));
    select_vector_call(g, arm_fp_what(i), (enum cg_live)s->fp_live);
    if (i->type == IR_V128)
        emit_vex_rm(e, V_MOVDQU_LOAD, s->fp_dst, NO_REG, cg_scratch_mem(12));
    else
        emit_load(e, i->type == IR_I64, s->fp_dst, cg_arg_mem(0));
    emit_jmp_to(e, s->back);
}

/* ---- operands and results -------------------------------------------------------------------- */

struct arm_fp arm_fp_begin(struct cg *g, const struct ir_insn *i)
{
    return (struct arm_fp){
        .g = g,
        .i = i,
        .scalar = ir_afp_shape(i->imm) == IR_AFP_SCALAR,
        .half = ir_afp_shape(i->imm) == IR_AFP_HALF,
        .in = {NO_REG, NO_REG, NO_REG},
        .slow = {NO_REG, NO_REG, NO_REG},
        .dst = NO_REG,
    };
}

void arm_fp_operand(struct arm_fp *f, unsigned k, ir_ref v)
{
    int r = cg_xmm(f->g, v);
    if (f->half) {
        int t = cg_xmm_temp(f->g);
        emit_vex_rr(&f->g->e, V_MOVDDUP, t, NO_REG, r);
        r = t;
    }
    f->in[k] = f->slow[k] = r;
}

/* A register for the result. Where it is wanted in the place of an operand that dies, the exact way
 * has a copy of that. */
void arm_fp_result(struct arm_fp *f)
{
    struct cg *g = f->g;
    int wanted = g->hint[g->n], copy = NO_REG;
    f->dst = cg_pick_xmm_dst(g, wanted != NO_REG ? 1u << wanted & g->xmm_locked : 0);
    for (unsigned k = 0; k < 3; k++) {
        if (f->slow[k] != f->dst || f->dst == NO_REG)
            continue;
        if (copy == NO_REG) {
            copy = cg_xmm_temp(g);
            emit_vex_rr(&g->e, V_MOVAPS, copy, NO_REG, f->dst);
        }
        f->slow[k] = copy;
    }
}

void arm_fp_reserve(struct arm_fp *f, unsigned xmm, unsigned gpr)
{
    bool flush = f->i->imm & IR_AFP_FZ;
    for (unsigned k = 0; k < xmm + (flush ? ARM_FP_FLUSH_XMM : 0u); k++)
        f->xmm[f->xmm_count++] = (int8_t)cg_xmm_temp(f->g);
    for (unsigned k = 0; k < gpr + (flush ? 1u : 0); k++)
        f->gpr[f->gpr_count++] = (int8_t)cg_temp(f->g);
}

int arm_fp_xmm(struct arm_fp *f)
{
    return f->xmm[--f->xmm_count];
}

int arm_fp_gpr(struct arm_fp *f)
{
    return f->gpr[--f->gpr_count];
}

/* Is the value known to be zero above its lowest lane? */
bool arm_fp_is_clean(const struct arm_fp *f, ir_ref v)
{
    uint32_t id = cg_id(f->g, v);
    return id < IR_MAX_INSNS && ir_low_bytes(f->g->r, (ir_ref)id) <= 1u << f->i->aux;
}

void arm_fp_clear_above(struct arm_fp *f, unsigned w)
{
    struct emit *e = &f->g->e;
    if (w == IR_W64) {
        emit_vex_rr(e, V_MOVQ_LOAD, f->dst, NO_REG, f->dst);
    } else { /* vinsertps: lane 0 to itself, the others zero */
        emit_vex_rr(e, 0x21 | MAP_0F3A | PP_66, f->dst, f->dst, f->dst);
        emit_u8(e, 0x0e);
    }
}

void arm_fp_join(struct arm_fp *f)
{
    for (unsigned k = 0; k < f->way_count; k++)
        f->ways[k]->back = f->g->e.p;
}

/* Zeros above the lanes that count, which are already there where `above` has them, 0: they are. */
void arm_fp_end(struct arm_fp *f, ir_ref above)
{
    if (f->half)
        emit_vex_rr(&f->g->e, V_MOVQ_LOAD, f->dst, NO_REG, f->dst);
    else if (f->scalar && above && !arm_fp_is_clean(f, above))
        arm_fp_clear_above(f, f->i->aux);
    arm_fp_join(f);
    cg_bind(f->g, f->g->n, f->dst);
}

/* ---- checks ---------------------------------------------------------------------------------- */

/* The result is a NaN, or may be the least normal number. */
static void check_tiny(struct arm_fp *f, unsigned w, bool one)
{
    struct emit *e = &f->g->e;
    bool wide = w == IR_W64;
    int t = arm_fp_xmm(f);
    unsigned again = AGAIN_COMPARED, cc = CC_BE;
    int from = f->dst;
    if (!one && w < f->i->aux) { /* there are zeros above */
        emit_vex_rr(e, V_MOVDDUP, t, NO_REG, from);
        from = t;
    }
    emit_vex_rm(e, 0x54 | MAP_0F, t, from, arm_fp_constant(wide ? HOST_ABS64 : HOST_ABS32));
    struct host_mem least = arm_fp_constant(wide ? HOST_LEAST64 : HOST_LEAST32);
    if (one) {
        emit_vex_rm(e, 0x2e | MAP_0F | (wide ? PP_66 : 0), t, NO_REG, least);
    } else {
        emit_vex_rm(e, PACKED_CMP(w), t, t, least);
        emit_u8(e, NOT_GREATER_UQ);
        emit_vex_rr(e, V_PTEST, t, NO_REG, t);
        again = wide ? AGAIN_64 : AGAIN_32;
        cc = CC_NE;
    }
    struct stub *s = arm_fp_slow(f, emit_jcc(e, cc));
    s->fp_again = (uint8_t)again;
    s->fp_temp = (int8_t)t;
}

/* a and b (the same: one value) are ordered, or else... Sets the flag that a comparison does. */
static void check_ordered(struct arm_fp *f, unsigned w, int a, int b)
{
    struct emit *e = &f->g->e;
    unsigned cc = CC_P;
    if (f->scalar) {
        emit_vex_rr(e, 0x2e | MAP_0F | (w == IR_W64 ? PP_66 : 0), a, NO_REG, b);
    } else {
        int t = arm_fp_xmm(f);
        emit_vex_rr(e, PACKED_CMP(w), t, a, b);
        emit_u8(e, UNORDERED);
        emit_vex_rr(e, V_PTEST, t, NO_REG, t);
        cc = CC_NE;
    }
    arm_fp_slow(f, emit_jcc(e, cc));
}

void arm_fp_check_fraction(struct arm_fp *f, int v)
{
    struct emit *e = &f->g->e;
    bool wide = f->i->aux == IR_W64;
    struct host_mem whole = arm_fp_constant(wide ? HOST_WHOLE64 : HOST_WHOLE32);
    int t = arm_fp_xmm(f), u = arm_fp_xmm(f);
    unsigned cc = CC_BE;
    emit_vex_rm(e, 0x54 | MAP_0F, t, v, arm_fp_constant(wide ? HOST_ABS64 : HOST_ABS32));
    if (f->scalar) {
        emit_vex_rm(e, V_MOVQ_LOAD, u, NO_REG, whole);
        emit_vex_rr(e, 0x2e | MAP_0F | (wide ? PP_66 : 0), u, NO_REG, t);
    } else {
        emit_vex_rm(e, PACKED_CMP(f->i->aux), t, t, whole);
        emit_u8(e, NOT_LESS_UQ);
        emit_vex_rr(e, V_PTEST, t, NO_REG, t);
        cc = CC_NE;
    }
    arm_fp_slow(f, emit_jcc(e, cc));
    f->xmm[f->xmm_count++] = (int8_t)u;
    f->xmm[f->xmm_count++] = (int8_t)t;
}

void arm_fp_check(struct arm_fp *f, unsigned w, enum arm_fp_checks what)
{
    /* with FZ, the operands were such that nothing tiny comes of them, and no NaN but in division
     * and roots */
    if (f->i->imm & IR_AFP_FZ && what == CHECK_TINY)
        what = ir_afp_op(f->i->imm) == IR_AFP_DIV ? CHECK_NAN : CHECK_NONE;
    if (what == CHECK_TINY)
        check_tiny(f, w, f->scalar);
    else if (what == CHECK_NAN)
        check_ordered(f, w, f->dst, f->dst);
}

/* ---- arithmetic ------------------------------------------------------------------------------ */

uint32_t arm_fp_prefix(const struct arm_fp *f)
{
    bool wide = f->i->aux == IR_W64;
    return f->scalar ? (wide ? PP_F2 : PP_F3) : wide ? PP_66 : 0;
}

static void arithmetic(struct cg *g, const struct ir_insn *i, uint32_t opcode, bool commutes,
                       enum arm_fp_checks check)
{
    struct arm_fp f = arm_fp_begin(g, i);
    arm_fp_operand(&f, 0, i->a);
    arm_fp_operand(&f, 1, i->b);
    /* what is above the lane comes from the first operand */
    bool swap = f.scalar && commutes && !arm_fp_is_clean(&f, i->a) && arm_fp_is_clean(&f, i->b);
    arm_fp_result(&f);
    arm_fp_reserve(&f, 1, 0);
    arm_fp_check_operands(&f);
    emit_vex_rr(&g->e, opcode | MAP_0F | arm_fp_prefix(&f), f.dst, f.in[swap], f.in[!swap]);
    arm_fp_check(&f, i->aux, check);
    arm_fp_end(&f, swap ? i->b : i->a);
}

/* The host gives the second operand when both are zeros: both ways, and what they have in common
 * (maximum) or of either (minimum), is zero with the right sign. */
static void extreme(struct cg *g, const struct ir_insn *i, bool max)
{
    struct arm_fp f = arm_fp_begin(g, i);
    struct emit *e = &g->e;
    arm_fp_operand(&f, 0, i->a);
    arm_fp_operand(&f, 1, i->b);
    f.dst = cg_pick_xmm_dst(g, 1u << f.in[0] | 1u << f.in[1]);
    arm_fp_reserve(&f, 2, 0);
    int t = arm_fp_xmm(&f);
    if (i->imm & IR_AFP_FZ)
        arm_fp_check_operands(&f);
    else
        check_ordered(&f, i->aux, f.in[0], f.in[1]);
    uint32_t op = (max ? 0x5f : 0x5d) | MAP_0F | arm_fp_prefix(&f);
    emit_vex_rr(e, op, t, f.in[0], f.in[1]);
    emit_vex_rr(e, op, f.dst, f.in[1], f.in[0]);
    emit_vex_rr(e, (max ? 0x54 : 0x56) | MAP_0F, f.dst, f.dst, t);
    bool clean = arm_fp_is_clean(&f, max && arm_fp_is_clean(&f, i->b) ? i->b : i->a) &&
                 (max || arm_fp_is_clean(&f, i->b));
    if (f.scalar && !clean)
        arm_fp_clear_above(&f, i->aux);
    arm_fp_end(&f, 0);
}

/* Flags and masks are the host's. */
static void compare_lanes(struct cg *g, const struct ir_insn *i)
{
    struct arm_fp f = arm_fp_begin(g, i);
    unsigned op = ir_afp_op(i->imm);
    arm_fp_operand(&f, 0, i->a);
    arm_fp_operand(&f, 1, i->b);
    f.dst = cg_pick_xmm_dst(g, 1u << f.in[0] | 1u << f.in[1]);
    arm_fp_reserve(&f, 0, 0);
    arm_fp_check_operands(&f);
    emit_vex_rr(&g->e, 0xc2 | MAP_0F | arm_fp_prefix(&f), f.dst, f.in[0], f.in[1]);
    emit_u8(&g->e, op == IR_AFP_CMPEQ ? 0 : op == IR_AFP_CMPGE ? GE_OS : GT_OS);
    arm_fp_end(&f, i->a);
}

static void square_root(struct cg *g, const struct ir_insn *i)
{
    struct arm_fp f = arm_fp_begin(g, i);
    uint32_t op = 0x51 | MAP_0F | arm_fp_prefix(&f);
    arm_fp_operand(&f, 0, i->a);
    arm_fp_result(&f);
    arm_fp_reserve(&f, 2, 0);
    arm_fp_check_operands(&f);
    emit_vex_rr(&g->e, op, f.dst, f.scalar ? arm_fp_zero(&f) : NO_REG, f.in[0]);
    arm_fp_check(&f, i->aux, CHECK_NAN);
    arm_fp_end(&f, 0);
}

/* A register with zeros, for what is above the lane: the result's own where it is not the operand's
 * too. */
int arm_fp_zero(struct arm_fp *f)
{
    int zero = f->dst != f->in[0] ? f->dst : arm_fp_xmm(f);
    emit_vex_rr(&f->g->e, V_PXOR, zero, zero, zero);
    return zero;
}

static void fused(struct cg *g, const struct ir_insn *i)
{
    struct arm_fp f = arm_fp_begin(g, i);
    uint32_t op = 0xb8 + (i->imm & IR_AFP_NEGATE_PRODUCT ? 4u : 0) +
                  (i->imm & IR_AFP_NEGATE_ADDEND ? 2u : 0) + f.scalar;
    const ir_ref args[3] = {i->a, i->b, i->c};
    for (unsigned k = 0; k < 3; k++)
        arm_fp_operand(&f, k, args[k]);
    arm_fp_result(&f);
    arm_fp_reserve(&f, 1, 0);
    arm_fp_check_operands(&f);
    /* the result has the addend's place; a factor that stood there is in its copy */
    for (unsigned k = 0; k < 2; k++)
        if (f.in[k] == f.dst)
            f.in[k] = f.slow[k];
    if (f.dst != f.in[2])
        emit_vex_rr(&g->e, V_MOVAPS, f.dst, NO_REG, f.in[2]);
    emit_vex_rr(&g->e, op | MAP_0F38 | PP_66 | w_bit(i->aux == IR_W64), f.dst, f.in[0], f.in[1]);
    arm_fp_check(&f, i->aux, CHECK_TINY);
    arm_fp_end(&f, i->c);
}

/* ---- which way ------------------------------------------------------------------------------- */

static bool binary(struct cg *g, const struct ir_insn *i)
{
    switch (ir_afp_op(i->imm)) {
    case IR_AFP_ADD: /* sums that are tiny are exact */
        arithmetic(g, i, 0x58, true, CHECK_NAN);
        return true;
    case IR_AFP_SUB:
        arithmetic(g, i, 0x5c, false, CHECK_NAN);
        return true;
    case IR_AFP_MUL:
        arithmetic(g, i, 0x59, true, CHECK_TINY);
        return true;
    case IR_AFP_DIV:
        arithmetic(g, i, 0x5e, false, CHECK_TINY);
        return true;
    case IR_AFP_MIN:
    case IR_AFP_MINNM:
        extreme(g, i, false);
        return true;
    case IR_AFP_MAX:
    case IR_AFP_MAXNM:
        extreme(g, i, true);
        return true;
    case IR_AFP_CMPEQ:
    case IR_AFP_CMPGE:
    case IR_AFP_CMPGT:
        compare_lanes(g, i);
        return true;
    default: /* MULX and the steps of Newton's method: infinity times zero is valid there */
        return false;
    }
}

static bool host_does(struct cg *g, const struct ir_insn *i)
{
    unsigned op = ir_afp_op(i->imm);
    if (i->aux == IR_W16 && (i->op != IR_VA_1 || op != IR_AFP_CVT))
        return false;
    switch (i->op) {
    case IR_VA_1:
        if (op == IR_AFP_SQRT) {
            square_root(g, i);
            return true;
        }
        return arm_fp_convert(g, i);
    case IR_VA_2:
        return binary(g, i);
    case IR_VA_3:
        if (op != IR_AFP_FMA || g->tm->baseline || !(g->be->host & HOST_FMA))
            return false;
        fused(g, i);
        return true;
    case IR_VA_TOI:
        return arm_fp_to_int(g, i);
    default:
        return arm_fp_from_int(g, i);
    }
}

void arm_fp_insn(struct cg *g, const struct ir_insn *i)
{
    if (!host_does(g, i))
        arm_fp_exact(g, i);
}
