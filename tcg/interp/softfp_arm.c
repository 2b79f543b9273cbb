/* Floating point that only Arm has. See softfp_arm.h. */
#include "tcg/interp/softfp_arm.h"

#include "tcg/interp/softfp_core.h"

typedef struct softfp_number number;

static uint64_t two(unsigned w)
{
    return (uint64_t)(softfp_formats[w].bias + 1) << softfp_formats[w].frac;
}
static uint64_t one_point_five(unsigned w)
{
    const struct softfp_format *f = &softfp_formats[w];
    return (uint64_t)f->bias << f->frac | softfp_quiet_bit(w);
}
static uint64_t signed_infinity(unsigned w, bool sign)
{
    return softfp_signed_zero(w, sign) | softfp_infinity(w);
}

/* ---- minimum and maximum -------------------------------------------------------------------- */

static uint64_t pick(struct softfp_env *env, unsigned w, uint64_t a, uint64_t b, bool max)
{
    number x = softfp_unpack(env, w, a), y = softfp_unpack(env, w, b);
    if (softfp_is_nan(&x) || softfp_is_nan(&y))
        return softfp_propagate(env, w, a, b, &x, &y);
    if (x.kind == SOFTFP_IS_ZERO && y.kind == SOFTFP_IS_ZERO)
        return softfp_signed_zero(w, max ? x.sign && y.sign : x.sign || y.sign);
    bool first = softfp_relation_of(&x, &y) == (max ? SOFTFP_GREATER : SOFTFP_LESS);
    const number *n = first ? &x : &y;
    if (n->kind == SOFTFP_IS_ZERO)
        return softfp_signed_zero(w, n->sign);
    return first ? a : b;
}

uint64_t softfp_arm_min(struct softfp_env *env, unsigned w, uint64_t a, uint64_t b)
{
    return pick(env, w, a, b, false);
}

uint64_t softfp_arm_max(struct softfp_env *env, unsigned w, uint64_t a, uint64_t b)
{
    return pick(env, w, a, b, true);
}

/* A single quiet NaN stands for an infinity that loses. */
static uint64_t pick_number(struct softfp_env *env, unsigned w, uint64_t a, uint64_t b, bool max)
{
    number x = softfp_unpack(env, w, a), y = softfp_unpack(env, w, b);
    if (x.kind == SOFTFP_IS_QUIET && y.kind != SOFTFP_IS_QUIET)
        a = signed_infinity(w, max);
    else if (y.kind == SOFTFP_IS_QUIET && x.kind != SOFTFP_IS_QUIET)
        b = signed_infinity(w, max);
    return pick(env, w, a, b, max);
}

uint64_t softfp_arm_minnm(struct softfp_env *env, unsigned w, uint64_t a, uint64_t b)
{
    return pick_number(env, w, a, b, false);
}

uint64_t softfp_arm_maxnm(struct softfp_env *env, unsigned w, uint64_t a, uint64_t b)
{
    return pick_number(env, w, a, b, true);
}

/* ---- products ------------------------------------------------------------------------------- */

static bool infinity_times_zero(const number *x, const number *y)
{
    return (x->kind == SOFTFP_IS_INFINITE && y->kind == SOFTFP_IS_ZERO) ||
           (x->kind == SOFTFP_IS_ZERO && y->kind == SOFTFP_IS_INFINITE);
}

uint64_t softfp_arm_mulx(struct softfp_env *env, unsigned w, uint64_t a, uint64_t b)
{
    number x = softfp_unpack(env, w, a), y = softfp_unpack(env, w, b);
    if (infinity_times_zero(&x, &y))
        return softfp_signed_zero(w, x.sign != y.sign) | two(w);
    return softfp_mul(env, w, a, b);
}

/* The operands of FPProcessNaNs3 in its order; one is a NaN. */
static uint64_t propagate_three(struct softfp_env *env, unsigned w, const uint64_t bits[3],
                                const number n[3])
{
    unsigned which = 3;
    for (unsigned k = 3; k-- > 0;)
        if (n[k].kind == SOFTFP_IS_QUIET)
            which = k;
    for (unsigned k = 3; k-- > 0;)
        if (n[k].kind == SOFTFP_IS_SIGNALING) {
            which = k;
            env->flags |= SOFTFP_IE;
        }
    return env->dn ? softfp_default_nan(env, w) : bits[which] | softfp_quiet_bit(w);
}

uint64_t softfp_arm_fma(struct softfp_env *env, unsigned w, uint64_t a, uint64_t b, uint64_t c,
                        unsigned how)
{
    if (how & SOFTFP_NEGATE_PRODUCT)
        a ^= softfp_sign_bit(w);
    if (how & SOFTFP_NEGATE_ADDEND)
        c ^= softfp_sign_bit(w);
    const number n[3] = {softfp_unpack(env, w, c), softfp_unpack(env, w, a),
                         softfp_unpack(env, w, b)};
    const uint64_t bits[3] = {c, a, b};
    if (n[0].kind == SOFTFP_IS_QUIET && infinity_times_zero(&n[1], &n[2]))
        return softfp_invalid(env, w);
    if (softfp_is_nan(&n[0]) || softfp_is_nan(&n[1]) || softfp_is_nan(&n[2]))
        return propagate_three(env, w, bits, n);
    return softfp_fma(env, w, a, b, c, 0);
}

/* Exactly; a NaN keeps its kind, which conversion would not. */
static uint32_t widen_half(struct softfp_env *env, uint16_t a, number *n)
{
    struct softfp_env exact = {.arm = true};
    *n = softfp_unpack(env, IR_W16, a);
    if (softfp_is_nan(n))
        return (uint32_t)(softfp_signed_zero(IR_W32, n->sign) | softfp_infinity(IR_W32)) |
               (uint32_t)(a & 0x3ff) << 13;
    if (n->kind == SOFTFP_IS_ZERO)
        return (uint32_t)softfp_signed_zero(IR_W32, n->sign);
    return (uint32_t)softfp_convert(&exact, IR_W16, IR_W32, a);
}

uint32_t softfp_arm_fmlal(struct softfp_env *env, uint16_t a, uint16_t b, uint32_t c, unsigned how)
{
    number unused;
    if (how & SOFTFP_NEGATE_PRODUCT)
        a ^= 0x8000;
    return (uint32_t)softfp_arm_fma(env, IR_W32, widen_half(env, a, &unused),
                                    widen_half(env, b, &unused), c, 0);
}

static uint64_t newton_step(struct softfp_env *env, unsigned w, uint64_t a, uint64_t b, bool root)
{
    a ^= softfp_sign_bit(w);
    number x = softfp_unpack(env, w, a), y = softfp_unpack(env, w, b);
    bool sign = x.sign != y.sign;
    /* 2, or 3 of which half is taken at the end */
    const number start = {
        .kind = SOFTFP_IS_FINITE, .exp = 1, .sig = root ? UINT64_C(3) << 62 : UINT64_C(1) << 63};
    if (softfp_is_nan(&x) || softfp_is_nan(&y))
        return softfp_propagate(env, w, a, b, &x, &y);
    if (x.kind == SOFTFP_IS_INFINITE || y.kind == SOFTFP_IS_INFINITE)
        if (!infinity_times_zero(&x, &y))
            return signed_infinity(w, sign);
    if (x.kind != SOFTFP_IS_FINITE || y.kind != SOFTFP_IS_FINITE)
        return root ? one_point_five(w) : two(w);
    return softfp_fma_finite(env, w, &x, &y, &start, sign, root ? -1 : 0);
}

uint64_t softfp_arm_recps(struct softfp_env *env, unsigned w, uint64_t a, uint64_t b)
{
    return newton_step(env, w, a, b, false);
}

uint64_t softfp_arm_rsqrts(struct softfp_env *env, unsigned w, uint64_t a, uint64_t b)
{
    return newton_step(env, w, a, b, true);
}

/* ---- estimates ------------------------------------------------------------------------------ */

/* RecipEstimate: a in units of 1/512, 256 to 511; the result likewise, over 256. */
static unsigned recip_estimate(unsigned a)
{
    unsigned b = (1u << 19) / (2 * a + 1);
    return (b + 1) / 2;
}

/* RecipSqrtEstimate: a from 128 to 511. */
static unsigned recip_sqrt_estimate(unsigned a)
{
    unsigned b = 512;
    a = a < 256 ? 2 * a + 1 : ((a & ~1u) + 1) * 2;
    while (a * (b + 1) * (b + 1) < 1u << 28)
        b++;
    return (b + 1) / 2;
}

/* The eight bits behind the leading one. */
static unsigned top_bits(const number *x)
{
    return x->sig >> 55 & 0xff;
}

static uint64_t too_great(struct softfp_env *env, unsigned w, bool sign)
{
    bool to_infinity =
        env->rounding == SOFTFP_NEAREST || env->rounding == (sign ? SOFTFP_DOWN : SOFTFP_UP);
    env->flags |= SOFTFP_OE | SOFTFP_PE;
    return signed_infinity(w, sign) - !to_infinity;
}

uint64_t softfp_arm_recpe(struct softfp_env *env, unsigned w, uint64_t a)
{
    const struct softfp_format *f = &softfp_formats[w];
    number x = softfp_unpack(env, w, a);
    if (softfp_is_nan(&x))
        return softfp_propagate(env, w, a, a, &x, &x);
    if (x.kind == SOFTFP_IS_INFINITE)
        return softfp_signed_zero(w, x.sign);
    if (x.kind == SOFTFP_IS_ZERO) {
        env->flags |= SOFTFP_ZE;
        return signed_infinity(w, x.sign);
    }
    if (x.exp < -f->bias - 1)
        return too_great(env, w, x.sign);
    if ((w == IR_W16 ? env->fz16 : env->ftz) && x.exp >= f->bias - 1) {
        env->flags |= SOFTFP_UE;
        return softfp_signed_zero(w, x.sign);
    }
    uint64_t frac = (uint64_t)(recip_estimate(256 | top_bits(&x)) & 0xff) << (f->frac - 8);
    int exp = f->bias - 1 - x.exp; /* biased; the estimate is between a half and 1 */
    if (exp <= 0) {
        frac = (frac | UINT64_C(1) << f->frac) >> (1 - exp);
        exp = 0;
    }
    return softfp_signed_zero(w, x.sign) | (uint64_t)exp << f->frac | frac;
}

uint64_t softfp_arm_rsqrte(struct softfp_env *env, unsigned w, uint64_t a)
{
    const struct softfp_format *f = &softfp_formats[w];
    number x = softfp_unpack(env, w, a);
    if (softfp_is_nan(&x))
        return softfp_propagate(env, w, a, a, &x, &x);
    if (x.kind == SOFTFP_IS_ZERO) {
        env->flags |= SOFTFP_ZE;
        return signed_infinity(w, x.sign);
    }
    if (x.sign)
        return softfp_invalid(env, w);
    if (x.kind == SOFTFP_IS_INFINITE)
        return 0;
    /* odd exponents: of a number between a half and 1; even ones: between a quarter and a half */
    bool odd = x.exp & 1;
    unsigned scaled = odd ? 256 | top_bits(&x) : (256 | top_bits(&x)) >> 1;
    int exp = (3 * f->bias - 1 - (x.exp + f->bias)) >> 1;
    return (uint64_t)exp << f->frac | (uint64_t)(recip_sqrt_estimate(scaled) & 0xff)
                                          << (f->frac - 8);
}

uint64_t softfp_arm_recpx(struct softfp_env *env, unsigned w, uint64_t a)
{
    const struct softfp_format *f = &softfp_formats[w];
    number x = softfp_unpack(env, w, a);
    uint64_t exp = a & softfp_infinity(w), sign = a & softfp_sign_bit(w);
    if (softfp_is_nan(&x))
        return softfp_propagate(env, w, a, a, &x, &x);
    if (!exp)
        return sign | (softfp_infinity(w) - (UINT64_C(1) << f->frac));
    return sign | (~exp & softfp_infinity(w));
}

uint32_t softfp_arm_urecpe(uint32_t a)
{
    return a >> 31 ? recip_estimate(a >> 23) << 23 : ~UINT32_C(0);
}

uint32_t softfp_arm_ursqrte(uint32_t a)
{
    return a >> 30 ? recip_sqrt_estimate(a >> 23) << 23 : ~UINT32_C(0);
}

/* ---- conversions ---------------------------------------------------------------------------- */

/* The alternative half-precision format has numbers where the other one has infinities and NaNs. */
static uint64_t pack_alternative(struct softfp_env *env, bool sign, int exp, uint64_t sig)
{
    bool inexact;
    if (exp < 1 - 15)
        return softfp_pack_tiny(env, IR_W16, sign, exp, sig, false);
    uint64_t kept = softfp_round_off(env->rounding, sign, sig, 53, false, &inexact);
    if (kept >> 11) {
        kept >>= 1;
        exp++;
    }
    if (exp > 16) {
        env->flags |= SOFTFP_IE;
        return softfp_signed_zero(IR_W16, sign) | 0x7fff;
    }
    if (inexact)
        env->flags |= SOFTFP_PE;
    return softfp_signed_zero(IR_W16, sign) | (uint64_t)(exp + 15) << 10 | (kept & 0x3ff);
}

static uint64_t to_alternative(struct softfp_env *env, const number *x)
{
    switch (x->kind) {
    case SOFTFP_IS_ZERO:
        return softfp_signed_zero(IR_W16, x->sign);
    case SOFTFP_IS_FINITE:
        return pack_alternative(env, x->sign, x->exp, x->sig);
    case SOFTFP_IS_INFINITE:
        env->flags |= SOFTFP_IE;
        return softfp_signed_zero(IR_W16, x->sign) | 0x7fff;
    default:
        env->flags |= SOFTFP_IE;
        return softfp_signed_zero(IR_W16, x->sign);
    }
}

uint64_t softfp_arm_convert(struct softfp_env *env, unsigned from, unsigned to, uint64_t a)
{
    struct softfp_env how = *env;
    uint64_t r;
    how.fz16 = false; /* FPUnpackCV, FPRoundCV */
    if (from == IR_W16 && env->ahp && (a & 0x7c00) == 0x7c00) {
        r = softfp_pack(&how, to, a >> 15 & 1, 16, UINT64_C(1) << 63 | (a & 0x3ff) << 53, false);
    } else {
        number x = softfp_unpack(&how, from, a);
        if (to == IR_W16 && env->ahp)
            r = to_alternative(&how, &x);
        else if (softfp_is_nan(&x) && env->dn)
            r = softfp_propagate(&how, to, a, a, &x, &x);
        else
            r = softfp_convert(&how, from, to, a);
    }
    env->flags = how.flags;
    return r;
}

uint64_t softfp_arm_to_fixed(struct softfp_env *env, unsigned w, uint64_t a,
                             const struct softfp_fixed *to)
{
    number x = softfp_unpack(env, w, a);
    bool inexact = false;
    uint64_t greatest = mask_bits(to->bits - !to->is_unsigned);
    uint64_t least = to->is_unsigned ? 0 : greatest + 1; /* its magnitude */
    uint64_t limit = x.sign ? least : greatest, v = 0;
    if (softfp_is_nan(&x)) {
        env->flags |= SOFTFP_IE;
        return 0;
    }
    if (x.kind == SOFTFP_IS_ZERO)
        return 0;
    x.exp += (int)to->fbits;
    bool fits = x.kind == SOFTFP_IS_FINITE && x.exp <= 63;
    if (fits)
        v = softfp_integral(env->rounding, &x, &inexact);
    if (!fits || v > limit) {
        env->flags |= SOFTFP_IE;
        v = limit;
    } else if (inexact) {
        env->flags |= SOFTFP_PE;
    }
    return (x.sign ? 0 - v : v) & mask_bits(to->bits);
}

uint64_t softfp_arm_from_fixed(struct softfp_env *env, unsigned w, uint64_t v,
                               const struct softfp_fixed *from)
{
    bool sign = !from->is_unsigned && v >> (from->bits - 1) & 1;
    uint64_t u = (sign ? 0 - v : v) & mask_bits(from->bits);
    if (!u)
        return 0;
    int shift = __builtin_clzll(u);
    return softfp_pack(env, w, sign, 63 - shift - (int)from->fbits, u << shift, false);
}

uint64_t softfp_arm_round_n(struct softfp_env *env, unsigned w, uint64_t a, unsigned bits)
{
    const struct softfp_format *f = &softfp_formats[w];
    number x = softfp_unpack(env, w, a);
    bool inexact = false, fits = x.kind == SOFTFP_IS_FINITE && x.exp < (int)bits;
    uint64_t v = 0;
    if (x.kind == SOFTFP_IS_ZERO)
        return softfp_signed_zero(w, x.sign);
    if (fits)
        v = softfp_integral(env->rounding, &x, &inexact);
    if (!fits || v > mask_bits(bits - 1) + x.sign) {
        env->flags |= SOFTFP_IE;
        return softfp_sign_bit(w) | (uint64_t)((int)bits - 1 + f->bias) << f->frac;
    }
    if (inexact)
        env->flags |= SOFTFP_PE;
    if (!v)
        return softfp_signed_zero(w, x.sign);
    int shift = __builtin_clzll(v);
    return softfp_pack(env, w, x.sign, 63 - shift, v << shift, false); /* exact */
}

uint64_t softfp_arm_jcvt(struct softfp_env *env, uint64_t a)
{
    number x = softfp_unpack(env, IR_W64, a);
    bool inexact = false, exact = true;
    uint64_t v = 0;
    if (x.kind > SOFTFP_IS_FINITE) {
        env->flags |= SOFTFP_IE;
        return 0;
    }
    if (x.kind == SOFTFP_IS_ZERO)
        return x.sign || a << 1 ? 0 : UINT64_C(1) << 32;
    if (x.exp <= 63)
        v = softfp_integral(SOFTFP_ZERO, &x, &inexact);
    else if (x.exp < 64 + 32) /* its low bits are above those of the significand */
        v = x.sig << (x.exp - 63);
    if (x.exp > 63 || v > (UINT64_C(1) << 31) - !x.sign) {
        env->flags |= SOFTFP_IE;
        exact = false;
    } else if (inexact) {
        env->flags |= SOFTFP_PE;
        exact = false;
    }
    if (x.sign)
        v = 0 - v;
    return (uint32_t)v | (exact ? UINT64_C(1) << 32 : 0);
}
