/* VA_* and FL_FCMP, lane by lane over softfp: the exact rules that compiled code falls back on. */
#include "tcg/interp/softfp_arm.h"
#include "tcg/interp/vector_int.h"

#include "core/util/range.h"
#include "tcg/ir/arm_fp.h"

/* The insn's modes and rounding, where it has one of its own. */
static struct softfp_env env_of(uint64_t imm, uint32_t mxcsr)
{
    unsigned rounding = ir_afp_rounding(imm);
    bool fz = imm & IR_AFP_FZ;
    if (rounding >= IR_AFP_CURRENT)
        rounding = mxcsr >> SOFTFP_RC_SHIFT & 3;
    return (struct softfp_env){
        .rounding = (enum softfp_rounding)rounding,
        .arm = true,
        .daz = fz,
        .ftz = fz,
        .dn = (imm & IR_AFP_DN) != 0,
        .ahp = (imm & IR_AFP_AHP) != 0,
        .fz16 = (imm & IR_AFP_FZ16) != 0,
    };
}

static unsigned lane_count(const struct ir_insn *i)
{
    switch (ir_afp_shape(i->imm)) {
    case IR_AFP_SCALAR:
        return 1;
    case IR_AFP_HALF:
        return 8u >> i->aux;
    default:
        return 16u >> i->aux;
    }
}

static struct softfp_fixed fixed_of(const struct ir_insn *i, unsigned bits)
{
    return (struct softfp_fixed){.bits = bits,
                                 .fbits = ir_afp_fbits(i->imm),
                                 .is_unsigned = (i->imm & IR_AFP_UNSIGNED) != 0};
}

static uint64_t unary(struct softfp_env *env, const struct ir_insn *i, uint64_t a)
{
    unsigned w = i->aux;
    const struct softfp_fixed fixed = fixed_of(i, 8u << w);
    switch (ir_afp_op(i->imm)) {
    case IR_AFP_SQRT:
        return softfp_sqrt(env, w, a);
    case IR_AFP_RINT:
        return softfp_round(env, w, a, env->rounding, !(i->imm & IR_AFP_EXACT));
    case IR_AFP_RINTN:
        return softfp_arm_round_n(env, w, a, 8u << ir_afp_to(i->imm));
    case IR_AFP_TOINT:
        return softfp_arm_to_fixed(env, w, a, &fixed);
    case IR_AFP_FROMINT:
        return softfp_arm_from_fixed(env, w, a, &fixed);
    case IR_AFP_RECPE:
        return softfp_arm_recpe(env, w, a);
    case IR_AFP_RSQRTE:
        return softfp_arm_rsqrte(env, w, a);
    case IR_AFP_RECPX:
        return softfp_arm_recpx(env, w, a);
    default:
        return 0;
    }
}

static void convert(struct softfp_env *env, const struct ir_insn *i, const union lanes *a,
                    union lanes *r)
{
    unsigned from = i->aux, to = ir_afp_to(i->imm), wide = from > to ? from : to;
    unsigned count = ir_afp_shape(i->imm) == IR_AFP_SCALAR ? 1 : 16u >> wide;
    for (unsigned n = 0; n < count; n++)
        lane_set(r, to, n, softfp_arm_convert(env, from, to, lane_get(a, from, n)));
}

static uint64_t mask_if(bool yes)
{
    return yes ? ~UINT64_C(0) : 0;
}

static uint64_t compare(struct softfp_env *env, unsigned op, unsigned w, uint64_t a, uint64_t b)
{
    enum softfp_relation rel = softfp_compare(env, w, a, b, op != IR_AFP_CMPEQ);
    return mask_if((rel == SOFTFP_EQUAL && op != IR_AFP_CMPGT) ||
                   (rel == SOFTFP_GREATER && op != IR_AFP_CMPEQ));
}

static uint64_t binary(struct softfp_env *env, const struct ir_insn *i, uint64_t a, uint64_t b)
{
    typedef uint64_t binary_fn(struct softfp_env * env, unsigned w, uint64_t a, uint64_t b);
    static binary_fn *const fns[] = {
        [IR_AFP_ADD] = softfp_add,           [IR_AFP_SUB] = softfp_sub,
        [IR_AFP_MUL] = softfp_mul,           [IR_AFP_DIV] = softfp_div,
        [IR_AFP_MIN] = softfp_arm_min,       [IR_AFP_MAX] = softfp_arm_max,
        [IR_AFP_MINNM] = softfp_arm_minnm,   [IR_AFP_MAXNM] = softfp_arm_maxnm,
        [IR_AFP_MULX] = softfp_arm_mulx,     [IR_AFP_RECPS] = softfp_arm_recps,
        [IR_AFP_RSQRTS] = softfp_arm_rsqrts,
    };
    unsigned op = ir_afp_op(i->imm);
    if (op >= IR_AFP_CMPEQ)
        return compare(env, op, i->aux, a, b);
    return fns[op](env, i->aux, a, b);
}

static unsigned negations(uint64_t imm)
{
    return (imm & IR_AFP_NEGATE_PRODUCT ? SOFTFP_NEGATE_PRODUCT : 0u) |
           (imm & IR_AFP_NEGATE_ADDEND ? SOFTFP_NEGATE_ADDEND : 0u);
}

bool vector_arm_fp(const struct ir_insn *i, const union lanes *a, const union lanes *b,
                   const union lanes *c, uint64_t x, uint32_t *mxcsr, union lanes *r)
{
    struct softfp_env env = env_of(i->imm, *mxcsr);
    unsigned w = i->aux, count = lane_count(i), op = ir_afp_op(i->imm);
    *r = (union lanes){.u64 = {0, 0}};
    switch (i->op) {
    case IR_VA_1:
        if (op == IR_AFP_CVT)
            convert(&env, i, a, r);
        else
            for (unsigned n = 0; n < count; n++)
                lane_set(r, w, n, unary(&env, i, lane_get(a, w, n)));
        break;
    case IR_VA_2:
        for (unsigned n = 0; n < count; n++)
            lane_set(r, w, n, binary(&env, i, lane_get(a, w, n), lane_get(b, w, n)));
        break;
    case IR_VA_3:
        for (unsigned n = 0; n < count; n++)
            lane_set(
                r, w, n,
                op == IR_AFP_FMLAL
                    ? softfp_arm_fmlal(&env, a->u16[n], b->u16[n], c->u32[n], negations(i->imm))
                    : softfp_arm_fma(&env, w, lane_get(a, w, n), lane_get(b, w, n),
                                     lane_get(c, w, n), negations(i->imm)));
        break;
    case IR_VA_FROMI: {
        const struct softfp_fixed fixed = fixed_of(i, 8u << ir_afp_to(i->imm));
        lane_set(r, w, 0, softfp_arm_from_fixed(&env, w, x, &fixed));
        break;
    }
    default:
        return false;
    }
    *mxcsr |= env.flags;
    return true;
}

uint64_t vector_arm_fp_to_int(const struct ir_insn *i, const union lanes *a, uint32_t *mxcsr)
{
    struct softfp_env env = env_of(i->imm, *mxcsr);
    const struct softfp_fixed fixed = fixed_of(i, i->type == IR_I64 ? 64 : 32);
    uint64_t v = lane_get(a, i->aux, 0), r;
    if (ir_afp_op(i->imm) == IR_AFP_JCVT)
        r = softfp_arm_jcvt(&env, v);
    else
        r = softfp_arm_to_fixed(&env, i->aux, v, &fixed);
    *mxcsr |= env.flags;
    return r;
}

uint32_t vector_arm_fp_flags(const struct ir_insn *i, const union lanes *a, const union lanes *b,
                             uint32_t *mxcsr)
{
    static const uint32_t flags[] = {
        [SOFTFP_LESS] = IR_FL_SF | IR_FL_CF,
        [SOFTFP_EQUAL] = IR_FL_ZF,
        [SOFTFP_GREATER] = 0,
        [SOFTFP_UNORDERED] = IR_FL_OF,
    };
    struct softfp_env env = env_of(i->imm, *mxcsr);
    enum softfp_relation rel =
        softfp_compare(&env, i->aux, lane_get(a, i->aux, 0), lane_get(b, i->aux, 0), i->imm & 1);
    *mxcsr |= env.flags;
    return flags[rel];
}
