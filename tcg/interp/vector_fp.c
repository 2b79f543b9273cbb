/* Vector floating-point operations, lane by lane over softfp. Intel SDM vol. 2, the instruction
 * named at each operation in tcg/ir/ir.h. */
#include "tcg/interp/softfp.h"
#include "tcg/interp/vector_int.h"

#include "core/util/range.h"

typedef uint64_t binary_fn(struct softfp_env *env, unsigned w, uint64_t a, uint64_t b);

static unsigned lanes_of(unsigned w, bool scalar)
{
    return scalar ? 1 : 16u >> w;
}

static void arithmetic(struct softfp_env *env, const struct ir_insn *i, binary_fn *fn,
                       const union lanes *a, const union lanes *b, union lanes *r)
{
    unsigned w = i->aux;
    *r = *a;
    for (unsigned n = 0; n < lanes_of(w, i->imm & 1); n++)
        lane_set(r, w, n, fn(env, w, lane_get(a, w, n), lane_get(b, w, n)));
}

static void square_root(struct softfp_env *env, const struct ir_insn *i, const union lanes *a,
                        const union lanes *b, union lanes *r)
{
    *r = *a;
    for (unsigned n = 0; n < lanes_of(i->aux, i->imm & 1); n++)
        lane_set(r, i->aux, n, softfp_sqrt(env, i->aux, lane_get(b, i->aux, n)));
}

/* RCP, RSQRT: what the bits of the approximation are is the processor's business. */
static uint32_t approximate(enum ir_op op, uint32_t v)
{
#if defined(__x86_64__)
    uint32_t r;
    if (op == IR_VF_RCP)
        __asm__("movd %1, %%xmm0\n\trcpss %%xmm0, %%xmm0\n\tmovd %%xmm0, %0"
                : "=r"(r)
                : "r"(v)
                : "xmm0");
    else
        __asm__("movd %1, %%xmm0\n\trsqrtss %%xmm0, %%xmm0\n\tmovd %%xmm0, %0"
                : "=r"(r)
                : "r"(v)
                : "xmm0");
    return r;
#else
    return op == IR_VF_RCP ? softfp_rcp_approx(v) : softfp_rsqrt_approx(v);
#endif
}

static void reciprocal(const struct ir_insn *i, const union lanes *a, const union lanes *b,
                       union lanes *r)
{
    *r = *a;
    for (unsigned n = 0; n < lanes_of(IR_W32, i->imm & 1); n++)
        r->u32[n] = approximate(i->op, b->u32[n]);
}

/* ---- comparisons ---------------------------------------------------------------------------- */

/*
 * Predicates 0-31 as VEX.CMPPS numbers them. Bits 0-2: 0 EQ, 1 LT, 2 LE, 3 UNORD, 4-7 the
 * opposites; bit 3: what unordered operands give turned over (and TRUE, FALSE); bit 4: the other
 * behaviour for quiet NaNs.
 */
static bool compare(struct softfp_env *env, unsigned w, unsigned predicate, uint64_t a, uint64_t b)
{
    /* Bit by relation: less 1, equal 2, greater 4, unordered 8. */
    static const uint8_t holds[16] = {
        [0] = 2,      [1] = 1,         [2] = 1 | 2, [3] = 8,     [4] = 1 | 4 | 8,  [5] = 2 | 4 | 8,
        [6] = 4 | 8,  [7] = 1 | 2 | 4, [8] = 2 | 8, [9] = 1 | 8, [10] = 1 | 2 | 8, [11] = 0,
        [12] = 1 | 4, [13] = 2 | 4,    [14] = 4,    [15] = 15,
    };
    unsigned k = predicate & 15;
    bool signals = (k & 3) == 1 || (k & 3) == 2;
    if (predicate & 16)
        signals = !signals;
    return holds[k] >> softfp_compare(env, w, a, b, signals) & 1;
}

static void compare_lanes(struct softfp_env *env, const struct ir_insn *i, const union lanes *a,
                          const union lanes *b, union lanes *r)
{
    unsigned w = i->aux;
    *r = *a;
    for (unsigned n = 0; n < lanes_of(w, i->imm & 1); n++) {
        bool yes =
            compare(env, w, (unsigned)i->imm >> 8 & 31, lane_get(a, w, n), lane_get(b, w, n));
        lane_set(r, w, n, yes ? ~UINT64_C(0) : 0);
    }
}

uint32_t vector_fp_compare_flags(const struct ir_insn *i, const union lanes *a,
                                 const union lanes *b, uint32_t *mxcsr)
{
    static const uint32_t flags[] = {
        [SOFTFP_LESS] = IR_FL_CF,
        [SOFTFP_EQUAL] = IR_FL_ZF,
        [SOFTFP_GREATER] = 0,
        [SOFTFP_UNORDERED] = IR_FL_ZF | IR_FL_PF | IR_FL_CF,
    };
    struct softfp_env env = softfp_env_of(*mxcsr);
    enum softfp_relation rel =
        softfp_compare(&env, i->aux, lane_get(a, i->aux, 0), lane_get(b, i->aux, 0), !i->imm);
    *mxcsr |= env.flags;
    return flags[rel];
}

/* ---- combinations of neighbours ------------------------------------------------------------- */

static void horizontal(struct softfp_env *env, const struct ir_insn *i, const union lanes *a,
                       const union lanes *b, union lanes *r)
{
    unsigned w = i->aux, half = 8u >> w;
    for (unsigned n = 0; n < 2 * half; n++) {
        const union lanes *s = n < half ? a : b;
        uint64_t x = lane_get(s, w, 2 * (n % half)), y = lane_get(s, w, 2 * (n % half) + 1);
        lane_set(r, w, n,
                 i->op == IR_VF_HADD ? softfp_add(env, w, x, y) : softfp_sub(env, w, x, y));
    }
}

static void add_subtract(struct softfp_env *env, unsigned w, const union lanes *a,
                         const union lanes *b, union lanes *r)
{
    for (unsigned n = 0; n < 16u >> w; n++) {
        uint64_t x = lane_get(a, w, n), y = lane_get(b, w, n);
        lane_set(r, w, n, n & 1 ? softfp_add(env, w, x, y) : softfp_sub(env, w, x, y));
    }
}

/* A step of DPPS or DPPD is over: its exceptions join those of the steps before. false: one of them
 * is unmasked, and the next step is not begun. */
static bool dot_step(struct softfp_env *env, uint32_t before)
{
    const uint32_t early = SOFTFP_IE | SOFTFP_DE | SOFTFP_ZE;
    uint32_t flags = env->flags;
    if (flags & env->unmasked & early) /* found before there is a result to be rounded */
        flags &= early;
    env->flags = before | flags;
    return !(flags & env->unmasked);
}

/*
 * Immediate: which products count in the high half, which lanes get the sum in the low one. Every
 * lane forms the sum itself; in which order shows where two products are NaNs. It is that of
 * Intel's processors: the manual leaves it open.
 * The halves of a v256 take each step together.
 */
static void dot_product(struct softfp_env *env, const struct ir_insn *i, const union lanes *a,
                        const union lanes *b, union lanes *r, unsigned halves)
{
    unsigned w = i->aux, count = 16u >> w, all = halves * count;
    uint64_t t[8] = {0}, sum[8];
    for (unsigned n = 0; n < all; n++)
        if (i->imm >> (4 + n % count) & 1)
            t[n] = softfp_mul(env, w, lane_get(&a[n / count], w, n % count),
                              lane_get(&b[n / count], w, n % count));
    bool go_on = dot_step(env, 0);
    for (unsigned distance = 1; distance < count && go_on; distance *= 2) {
        unsigned first = 2 * distance == count ? 0 : distance;
        uint32_t before = env->flags;
        env->flags = 0;
        for (unsigned n = 0; n < all; n++)
            sum[n] = softfp_add(env, w, t[n ^ first], t[n ^ first ^ distance]);
        for (unsigned n = 0; n < all; n++)
            t[n] = sum[n];
        go_on = dot_step(env, before);
    }
    for (unsigned n = 0; n < all; n++)
        lane_set(&r[n / count], w, n % count, i->imm >> n % count & 1 ? t[n] : 0);
}

void vector_dot_product_wide(const struct ir_insn *i, const struct x86_vec256 v[2], uint32_t *mxcsr,
                             struct x86_vec256 *r)
{
    struct softfp_env env = softfp_env_of(*mxcsr);
    union lanes a[2], b[2], out[2];
    for (unsigned h = 0; h < 2; h++) {
        a[h].vec = v[0].half[h];
        b[h].vec = v[1].half[h];
    }
    dot_product(&env, i, a, b, out, 2);
    for (unsigned h = 0; h < 2; h++)
        r->half[h] = out[h].vec;
    *mxcsr |= env.flags;
}

/* ---- conversions ---------------------------------------------------------------------------- */

/* SSE4.1 rounding control: bits 0-1 mode, bit 2 use MXCSR's, bit 3 no inexact flag. */
static void round_lanes(struct softfp_env *env, const struct ir_insn *i, const union lanes *a,
                        const union lanes *b, union lanes *r)
{
    unsigned w = i->aux, control = (unsigned)i->imm >> 8;
    enum softfp_rounding mode = control & 4 ? env->rounding : (enum softfp_rounding)(control & 3);
    *r = *a;
    for (unsigned n = 0; n < lanes_of(w, i->imm & 1); n++)
        lane_set(r, w, n, softfp_round(env, w, lane_get(b, w, n), mode, control & 8));
}

static void from_int32(struct softfp_env *env, unsigned w, const union lanes *a, union lanes *r)
{
    for (unsigned n = 0; n < 16u >> w; n++)
        lane_set(r, w, n, softfp_from_int(env, w, a->s32[n]));
}

static void to_int32(struct softfp_env *env, const struct ir_insn *i, const union lanes *a,
                     union lanes *r)
{
    for (unsigned n = 0; n < 16u >> i->aux; n++)
        r->u32[n] = (uint32_t)softfp_to_int(env, i->aux, lane_get(a, i->aux, n), 32, i->imm & 1);
}

static void convert_packed(struct softfp_env *env, unsigned from, const union lanes *a,
                           union lanes *r)
{
    unsigned to = from == IR_W32 ? IR_W64 : IR_W32;
    for (unsigned n = 0; n < 2; n++)
        lane_set(r, to, n, softfp_convert(env, from, to, lane_get(a, from, n)));
}

static void convert_scalar(struct softfp_env *env, unsigned from, const union lanes *a,
                           const union lanes *b, union lanes *r)
{
    unsigned to = from == IR_W32 ? IR_W64 : IR_W32;
    *r = *a;
    lane_set(r, to, 0, softfp_convert(env, from, to, lane_get(b, from, 0)));
}

uint64_t vector_fp_to_int(const struct ir_insn *i, const union lanes *a, uint32_t *mxcsr)
{
    struct softfp_env env = softfp_env_of(*mxcsr);
    uint64_t r = softfp_to_int(&env, i->aux, lane_get(a, i->aux, 0), i->type == IR_I64 ? 64 : 32,
                               i->imm & 1);
    *mxcsr |= env.flags;
    return r;
}

static bool convert(struct softfp_env *env, const struct ir_insn *i, const union lanes *a,
                    const union lanes *b, uint64_t x, union lanes *r)
{
    switch (i->op) {
    case IR_VF_ROUND:
        round_lanes(env, i, a, b, r);
        break;
    case IR_VF_FROMI32:
        from_int32(env, i->aux, a, r);
        break;
    case IR_VF_TOI32:
        to_int32(env, i, a, r);
        break;
    case IR_VF_CVT:
        convert_packed(env, i->aux, a, r);
        break;
    case IR_VF_CVTS:
        convert_scalar(env, i->aux, a, b, r);
        break;
    case IR_VF_SFROMI: {
        int64_t v = i->imm == IR_I64 ? (int64_t)x : (int32_t)x;
        *r = *a;
        lane_set(r, i->aux, 0, softfp_from_int(env, i->aux, v));
        break;
    }
    default:
        return false;
    }
    return true;
}

/* ---- fused multiply-add, binary16 ----------------------------------------------------------- */

static void fused_multiply_add(struct softfp_env *env, const struct ir_insn *i,
                               const union lanes *a, const union lanes *b, const union lanes *c,
                               union lanes *r)
{
    unsigned w = i->aux, form = i->imm & IR_FMA_FORM;
    *r = *a;
    for (unsigned n = 0; n < lanes_of(w, i->imm & IR_FMA_ONE); n++) {
        uint64_t va = lane_get(a, w, n), vb = lane_get(b, w, n), vc = lane_get(c, w, n);
        bool negate = i->imm & IR_FMA_NEGATE_ADDEND;
        if (i->imm & IR_FMA_ALTERNATE && !(n & 1))
            negate = !negate;
        unsigned how = (i->imm & IR_FMA_NEGATE_PRODUCT ? SOFTFP_NEGATE_PRODUCT : 0) |
                       (negate ? SOFTFP_NEGATE_ADDEND : 0);
        uint64_t v = form == IR_FMA_132   ? softfp_fma(env, w, va, vc, vb, how)
                     : form == IR_FMA_213 ? softfp_fma(env, w, vb, va, vc, how)
                                          : softfp_fma(env, w, vb, vc, va, how);
        lane_set(r, w, n, v);
    }
}

/* Denormals are converted whatever MXCSR says, and not flagged. */
static void from_half(struct softfp_env *env, const union lanes *a, union lanes *r)
{
    struct softfp_env all = {.rounding = SOFTFP_NEAREST};
    for (unsigned n = 0; n < 4; n++)
        r->u32[n] = (uint32_t)softfp_convert(&all, IR_W16, IR_W32, a->u16[n]);
    env->flags |= all.flags & SOFTFP_IE;
}

/*
 * Immediate: bits 1:0 the rounding unless bit 2 says MXCSR's. Results are never flushed. A denormal
 * is inexact even where an unmasked underflow would deliver all of its few bits: processors do it.
 */
static void to_half(struct softfp_env *env, unsigned imm, const union lanes *a, union lanes *r)
{
    struct softfp_env how = *env;
    how.ftz = false;
    if (!(imm & 4))
        how.rounding = (enum softfp_rounding)(imm & 3);
    r->u64[0] = r->u64[1] = 0;
    for (unsigned n = 0; n < 4; n++) {
        struct softfp_env lane = how;
        lane.flags = 0;
        r->u16[n] = (uint16_t)softfp_convert(&lane, IR_W32, IR_W16, a->u32[n]);
        how.flags |= lane.flags | (lane.flags & SOFTFP_DE ? (uint32_t)SOFTFP_PE : 0);
    }
    env->flags |= how.flags;
}

bool vector_fp(const struct ir_insn *i, const union lanes *a, const union lanes *b,
               const union lanes *c, uint64_t x, uint32_t *mxcsr, union lanes *r)
{
    struct softfp_env env = softfp_env_of(*mxcsr);
    bool known = true;
    switch (i->op) {
    case IR_VF_ADD:
        arithmetic(&env, i, softfp_add, a, b, r);
        break;
    case IR_VF_SUB:
        arithmetic(&env, i, softfp_sub, a, b, r);
        break;
    case IR_VF_MUL:
        arithmetic(&env, i, softfp_mul, a, b, r);
        break;
    case IR_VF_DIV:
        arithmetic(&env, i, softfp_div, a, b, r);
        break;
    case IR_VF_MIN:
        arithmetic(&env, i, softfp_min, a, b, r);
        break;
    case IR_VF_MAX:
        arithmetic(&env, i, softfp_max, a, b, r);
        break;
    case IR_VF_SQRT:
        square_root(&env, i, a, b, r);
        break;
    case IR_VF_RCP:
    case IR_VF_RSQRT:
        reciprocal(i, a, b, r);
        break;
    case IR_VF_CMP:
        compare_lanes(&env, i, a, b, r);
        break;
    case IR_VF_ADDSUB:
        add_subtract(&env, i->aux, a, b, r);
        break;
    case IR_VF_HADD:
    case IR_VF_HSUB:
        horizontal(&env, i, a, b, r);
        break;
    case IR_VF_DP:
        dot_product(&env, i, a, b, r, 1);
        break;
    case IR_VF_FMA:
        fused_multiply_add(&env, i, a, b, c, r);
        break;
    case IR_VF_FROMH:
        from_half(&env, a, r);
        break;
    case IR_VF_TOH:
        to_half(&env, (unsigned)i->imm, a, r);
        break;
    default:
        known = convert(&env, i, a, b, x, r);
        break;
    }
    *mxcsr |= env.flags;
    return known;
}
