/* Arithmetic on unpacked numbers with 64-bit significands; every operation is exact up to one
 * rounding. See softfp.h. */
#include "tcg/interp/softfp_core.h"

typedef softfp_wide wide;

static bool flushes_input(const struct softfp_env *env, unsigned w)
{
    return env->arm && w == IR_W16 ? env->fz16 : env->daz;
}

struct softfp_number softfp_unpack(struct softfp_env *env, unsigned w, uint64_t bits)
{
    const struct softfp_format *f = &softfp_formats[w];
    uint64_t frac = bits & mask_bits((unsigned)f->frac);
    int exp = (int)(bits >> f->frac & (uint64_t)(2 * f->bias + 1));
    struct softfp_number n = {.kind = SOFTFP_IS_FINITE, .sign = (bits & softfp_sign_bit(w)) != 0};

    if (exp == 2 * f->bias + 1) {
        n.kind = !frac                        ? SOFTFP_IS_INFINITE
                 : frac & softfp_quiet_bit(w) ? SOFTFP_IS_QUIET
                                              : SOFTFP_IS_SIGNALING;
    } else if (exp) {
        n.exp = exp - f->bias;
        n.sig = UINT64_C(1) << 63 | frac << (63 - f->frac);
    } else if (!frac || flushes_input(env, w)) {
        n.kind = SOFTFP_IS_ZERO;
        if (frac && env->arm && w != IR_W16)
            env->flags |= SOFTFP_ID;
    } else {
        int shift = __builtin_clzll(frac);
        n.sig = frac << shift;
        n.exp = 1 - f->bias - (shift - (63 - f->frac));
        n.denormal = true;
    }
    return n;
}

uint64_t softfp_default_nan(const struct softfp_env *env, unsigned w)
{
    return softfp_signed_zero(w, !env->arm) | softfp_infinity(w) | softfp_quiet_bit(w);
}

/* x86: the first one that is a NaN; Arm: the first signaling one, else the first. Made quiet. */
uint64_t softfp_propagate(struct softfp_env *env, unsigned w, uint64_t a, uint64_t b,
                          const struct softfp_number *x, const struct softfp_number *y)
{
    if (x->kind == SOFTFP_IS_SIGNALING || y->kind == SOFTFP_IS_SIGNALING)
        env->flags |= SOFTFP_IE;
    if (env->dn)
        return softfp_default_nan(env, w);
    bool first = softfp_is_nan(x);
    if (env->arm && x->kind != SOFTFP_IS_SIGNALING && y->kind == SOFTFP_IS_SIGNALING)
        first = false;
    return (first ? a : b) | softfp_quiet_bit(w);
}

uint64_t softfp_invalid(struct softfp_env *env, unsigned w)
{
    env->flags |= SOFTFP_IE;
    return softfp_default_nan(env, w);
}

static void note_denormals(struct softfp_env *env, const struct softfp_number *x,
                           const struct softfp_number *y)
{
    if ((x->denormal || y->denormal) && !env->arm)
        env->flags |= SOFTFP_DE;
}

/* ---- rounding ------------------------------------------------------------------------------- */

uint64_t softfp_round_off(enum softfp_rounding mode, bool sign, wide sig, unsigned drop,
                          bool sticky, bool *inexact)
{
    wide rest = sig & (((wide)1 << drop) - 1), half = (wide)1 << (drop - 1);
    uint64_t kept = (uint64_t)(sig >> drop);
    bool up = false;

    *inexact = rest || sticky;
    switch (mode) {
    case SOFTFP_NEAREST:
        up = rest > half || (rest == half && (sticky || kept & 1));
        break;
    case SOFTFP_DOWN:
        up = sign && *inexact;
        break;
    case SOFTFP_UP:
        up = !sign && *inexact;
        break;
    case SOFTFP_ZERO:
        break;
    case SOFTFP_AWAY:
        up = rest >= half;
        break;
    case SOFTFP_ODD:
        return kept | *inexact;
    }
    return kept + up;
}

/* Unmasked, the result goes to the handler with a smaller exponent: what counts for PE is whether
 * its fraction was rounded. */
static uint64_t overflow(struct softfp_env *env, unsigned w, bool sign, bool inexact)
{
    bool to_infinity = env->rounding == SOFTFP_NEAREST || env->rounding == SOFTFP_AWAY ||
                       env->rounding == (sign ? SOFTFP_DOWN : SOFTFP_UP);
    env->flags |= SOFTFP_OE;
    if (inexact || !(env->unmasked & SOFTFP_OE))
        env->flags |= SOFTFP_PE;
    return softfp_signed_zero(w, sign) | (softfp_infinity(w) - !to_infinity);
}

/* Tininess is judged after rounding, as if the exponent had no bound; Arm: before rounding. */
uint64_t softfp_pack_tiny(struct softfp_env *env, unsigned w, bool sign, int exp, uint64_t sig,
                          bool sticky)
{
    const struct softfp_format *f = &softfp_formats[w];
    unsigned drop = (unsigned)(63 - f->frac), shift = (unsigned)(1 - f->bias - exp);
    bool masked = !(env->unmasked & SOFTFP_UE), rounded, inexact;
    uint64_t unbounded = softfp_round_off(env->rounding, sign, sig, drop, sticky, &rounded);
    bool tiny = env->arm || shift > 1 || !(unbounded >> (f->frac + 1));

    if (env->arm && (w == IR_W16 ? env->fz16 : env->ftz)) { /* not inexact, too */
        env->flags |= SOFTFP_UE;
        return softfp_signed_zero(w, sign);
    }

    if (tiny && !masked) { /* likewise, with a greater exponent */
        env->flags |= SOFTFP_UE | (rounded ? (uint32_t)SOFTFP_PE : 0);
        return softfp_signed_zero(w, sign);
    }
    if (tiny && env->ftz && !env->arm) {
        env->flags |= SOFTFP_UE | SOFTFP_PE;
        return softfp_signed_zero(w, sign);
    }
    if (shift > 63) { /* below half of the least denormal: only that it is not zero counts */
        shift = 63;
        sticky = true;
    }
    uint64_t kept = softfp_round_off(env->rounding, sign, sig, drop + shift, sticky, &inexact);
    if (inexact)
        env->flags |= SOFTFP_PE;
    if (tiny && inexact)
        env->flags |= SOFTFP_UE;
    return softfp_signed_zero(w, sign) | kept; /* a carry makes it the least normal number */
}

uint64_t softfp_pack(struct softfp_env *env, unsigned w, bool sign, int exp, uint64_t sig,
                     bool sticky)
{
    const struct softfp_format *f = &softfp_formats[w];
    bool inexact;

    if (exp < 1 - f->bias)
        return softfp_pack_tiny(env, w, sign, exp, sig, sticky);
    uint64_t kept =
        softfp_round_off(env->rounding, sign, sig, (unsigned)(63 - f->frac), sticky, &inexact);
    if (kept >> (f->frac + 1)) {
        kept >>= 1;
        exp++;
    }
    if (exp > f->bias)
        return overflow(env, w, sign, inexact);
    if (inexact)
        env->flags |= SOFTFP_PE;
    return softfp_signed_zero(w, sign) | (uint64_t)(exp + f->bias) << f->frac |
           (kept & mask_bits((unsigned)f->frac));
}

/* v / 2^top * 2^exp, v not 0. */
static uint64_t pack_wide(struct softfp_env *env, unsigned w, bool sign, int exp, wide v, int top,
                          bool sticky)
{
    uint64_t high = (uint64_t)(v >> 64);
    int lead = high ? 127 - __builtin_clzll(high) : 63 - __builtin_clzll((uint64_t)v);
    v <<= 127 - lead;
    return softfp_pack(env, w, sign, exp + lead - top, (uint64_t)(v >> 64), sticky || (uint64_t)v);
}

/* ---- arithmetic ----------------------------------------------------------------------------- */

/* Finite x and y that are not zero. */
static uint64_t add_finite(struct softfp_env *env, unsigned w, const struct softfp_number *x,
                           const struct softfp_number *y)
{
    if (x->exp < y->exp || (x->exp == y->exp && x->sig < y->sig)) {
        const struct softfp_number *t = x;
        x = y;
        y = t;
    }
    unsigned d = (unsigned)(x->exp - y->exp);
    wide a = (wide)x->sig << 62, b = (wide)y->sig << 62;
    bool sticky = false;
    if (d > 126) {
        sticky = true;
        b = 0;
    } else {
        sticky = (b & (((wide)1 << d) - 1)) != 0;
        b >>= d;
    }
    wide sum = x->sign == y->sign ? a + b : a - b - sticky;
    if (!sum)
        return softfp_signed_zero(w, env->rounding == SOFTFP_DOWN);
    return pack_wide(env, w, x->sign, x->exp, sum, 125, sticky);
}

/* The value of an operand as it is used: a denormal that counts as zero is one. */
static uint64_t as_used(unsigned w, uint64_t bits, const struct softfp_number *n)
{
    return n->kind == SOFTFP_IS_ZERO ? softfp_signed_zero(w, n->sign) : bits;
}

static uint64_t add_signed(struct softfp_env *env, unsigned w, uint64_t a, uint64_t b, bool negate)
{
    struct softfp_number x = softfp_unpack(env, w, a), y = softfp_unpack(env, w, b);
    if (softfp_is_nan(&x) || softfp_is_nan(&y))
        return softfp_propagate(env, w, a, b, &x, &y);
    if (negate) {
        y.sign = !y.sign;
        b ^= softfp_sign_bit(w);
    }
    if (x.kind == SOFTFP_IS_INFINITE && y.kind == SOFTFP_IS_INFINITE && x.sign != y.sign)
        return softfp_invalid(env, w);
    note_denormals(env, &x, &y);
    if (x.kind == SOFTFP_IS_INFINITE)
        return a;
    if (y.kind == SOFTFP_IS_INFINITE)
        return b;
    if (x.kind == SOFTFP_IS_ZERO && y.kind == SOFTFP_IS_ZERO)
        return softfp_signed_zero(w, x.sign == y.sign ? x.sign : env->rounding == SOFTFP_DOWN);
    /* A denormal plus zero is packed again: flushing to zero may apply. */
    if (x.kind == SOFTFP_IS_ZERO)
        return softfp_pack(env, w, y.sign, y.exp, y.sig, false);
    if (y.kind == SOFTFP_IS_ZERO)
        return softfp_pack(env, w, x.sign, x.exp, x.sig, false);
    return add_finite(env, w, &x, &y);
}

uint64_t softfp_add(struct softfp_env *env, unsigned w, uint64_t a, uint64_t b)
{
    return add_signed(env, w, a, b, false);
}

uint64_t softfp_sub(struct softfp_env *env, unsigned w, uint64_t a, uint64_t b)
{
    return add_signed(env, w, a, b, true);
}

uint64_t softfp_mul(struct softfp_env *env, unsigned w, uint64_t a, uint64_t b)
{
    struct softfp_number x = softfp_unpack(env, w, a), y = softfp_unpack(env, w, b);
    bool sign = x.sign != y.sign;
    if (softfp_is_nan(&x) || softfp_is_nan(&y))
        return softfp_propagate(env, w, a, b, &x, &y);
    if ((x.kind == SOFTFP_IS_INFINITE && y.kind == SOFTFP_IS_ZERO) ||
        (x.kind == SOFTFP_IS_ZERO && y.kind == SOFTFP_IS_INFINITE))
        return softfp_invalid(env, w);
    note_denormals(env, &x, &y);
    if (x.kind == SOFTFP_IS_INFINITE || y.kind == SOFTFP_IS_INFINITE)
        return softfp_signed_zero(w, sign) | softfp_infinity(w);
    if (x.kind == SOFTFP_IS_ZERO || y.kind == SOFTFP_IS_ZERO)
        return softfp_signed_zero(w, sign);
    return pack_wide(env, w, sign, x.exp + y.exp, (wide)x.sig * y.sig, 126, false);
}

/* The product is x.sig * y.sig / 2^126 * 2^(x.exp + y.exp): up to 106 bits that count, so that what
 * alignment shifts out of 128 bits is far below the last bit of the result. */
uint64_t softfp_fma_finite(struct softfp_env *env, unsigned w, const struct softfp_number *x,
                           const struct softfp_number *y, const struct softfp_number *z,
                           bool product_sign, int scale)
{
    wide a = (wide)x->sig * y->sig >> 2, b = (wide)z->sig << 61;
    int exp = x->exp + y->exp, d = exp - z->exp;
    bool sticky = false, sign = product_sign;
    wide *low = d > 0 ? &b : &a;
    unsigned shift = (unsigned)(d > 0 ? d : -d);
    if (d < 0)
        exp = z->exp;
    if (shift > 126) {
        sticky = true;
        *low = 0;
    } else {
        sticky = (*low & (((wide)1 << shift) - 1)) != 0;
        *low >>= shift;
    }
    wide sum = a + b;
    if (product_sign != z->sign) {
        sum = a >= b ? a - b - sticky : b - a - sticky;
        sign = a >= b ? product_sign : z->sign;
    }
    if (!sum)
        return softfp_signed_zero(w, env->rounding == SOFTFP_DOWN);
    return pack_wide(env, w, sign, exp + scale, sum, 124, sticky);
}

uint64_t softfp_fma(struct softfp_env *env, unsigned w, uint64_t a, uint64_t b, uint64_t c,
                    unsigned how)
{
    struct softfp_number x = softfp_unpack(env, w, a), y = softfp_unpack(env, w, b),
                         z = softfp_unpack(env, w, c);
    bool sign = x.sign ^ y.sign ^ (how & SOFTFP_NEGATE_PRODUCT);
    bool no_product = (x.kind == SOFTFP_IS_INFINITE && y.kind == SOFTFP_IS_ZERO) ||
                      (x.kind == SOFTFP_IS_ZERO && y.kind == SOFTFP_IS_INFINITE);
    if (softfp_is_nan(&x) || softfp_is_nan(&y) || softfp_is_nan(&z)) {
        if (x.kind == SOFTFP_IS_SIGNALING || y.kind == SOFTFP_IS_SIGNALING ||
            z.kind == SOFTFP_IS_SIGNALING)
            env->flags |= SOFTFP_IE;
        return (softfp_is_nan(&x) ? a : softfp_is_nan(&y) ? b : c) | softfp_quiet_bit(w);
    }
    if (how & SOFTFP_NEGATE_ADDEND)
        z.sign = !z.sign;
    if (no_product)
        return softfp_invalid(env, w);
    bool infinite = x.kind == SOFTFP_IS_INFINITE || y.kind == SOFTFP_IS_INFINITE;
    if (infinite && z.kind == SOFTFP_IS_INFINITE && sign != z.sign)
        return softfp_invalid(env, w);
    note_denormals(env, &x, &y);
    note_denormals(env, &z, &z);
    if (infinite || z.kind == SOFTFP_IS_INFINITE)
        return softfp_signed_zero(w, infinite ? sign : z.sign) | softfp_infinity(w);
    bool zero = x.kind == SOFTFP_IS_ZERO || y.kind == SOFTFP_IS_ZERO;
    if (zero && z.kind == SOFTFP_IS_ZERO)
        return softfp_signed_zero(w, sign == z.sign ? sign : env->rounding == SOFTFP_DOWN);
    if (zero)
        return softfp_pack(env, w, z.sign, z.exp, z.sig, false);
    if (z.kind == SOFTFP_IS_ZERO)
        return pack_wide(env, w, sign, x.exp + y.exp, (wide)x.sig * y.sig, 126, false);
    return softfp_fma_finite(env, w, &x, &y, &z, sign, 0);
}

uint64_t softfp_div(struct softfp_env *env, unsigned w, uint64_t a, uint64_t b)
{
    struct softfp_number x = softfp_unpack(env, w, a), y = softfp_unpack(env, w, b);
    bool sign = x.sign != y.sign;
    if (softfp_is_nan(&x) || softfp_is_nan(&y))
        return softfp_propagate(env, w, a, b, &x, &y);
    if (x.kind == y.kind && x.kind != SOFTFP_IS_FINITE)
        return softfp_invalid(env, w);
    if (y.kind == SOFTFP_IS_ZERO && x.kind == SOFTFP_IS_FINITE) {
        env->flags |= SOFTFP_ZE;
        return softfp_signed_zero(w, sign) | softfp_infinity(w);
    }
    note_denormals(env, &x, &y);
    if (x.kind == SOFTFP_IS_INFINITE)
        return softfp_signed_zero(w, sign) | softfp_infinity(w);
    if (x.kind == SOFTFP_IS_ZERO || y.kind == SOFTFP_IS_INFINITE)
        return softfp_signed_zero(w, sign);
    wide n = (wide)x.sig << 63;
    return pack_wide(env, w, sign, x.exp - y.exp, n / y.sig, 63, n % y.sig != 0);
}

static uint64_t root(wide n, bool *exact)
{
    uint64_t r = 0;
    for (int bit = 63; bit >= 0; bit--) {
        uint64_t t = r | UINT64_C(1) << bit;
        if ((wide)t * t <= n)
            r = t;
    }
    *exact = (wide)r * r == n;
    return r;
}

uint64_t softfp_sqrt(struct softfp_env *env, unsigned w, uint64_t a)
{
    struct softfp_number x = softfp_unpack(env, w, a);
    if (softfp_is_nan(&x))
        return softfp_propagate(env, w, a, a, &x, &x);
    if (x.kind == SOFTFP_IS_ZERO)
        return softfp_signed_zero(w, x.sign);
    if (x.sign)
        return softfp_invalid(env, w);
    note_denormals(env, &x, &x);
    if (x.kind == SOFTFP_IS_INFINITE)
        return a;
    bool odd = x.exp & 1, exact;
    uint64_t r = root((wide)x.sig << (63 + odd), &exact);
    return softfp_pack(env, w, false, (x.exp - odd) / 2, r, !exact);
}

/* ---- comparisons ---------------------------------------------------------------------------- */

enum softfp_relation softfp_relation_of(const struct softfp_number *x,
                                        const struct softfp_number *y)
{
    if (x->kind == SOFTFP_IS_ZERO && y->kind == SOFTFP_IS_ZERO)
        return SOFTFP_EQUAL;
    if (x->kind == SOFTFP_IS_ZERO)
        return y->sign ? SOFTFP_GREATER : SOFTFP_LESS;
    if (y->kind == SOFTFP_IS_ZERO || x->sign != y->sign)
        return x->sign ? SOFTFP_LESS : SOFTFP_GREATER;
    /* Same sign, neither zero: by magnitude. */
    if (x->kind == y->kind && x->exp == y->exp && x->sig == y->sig)
        return SOFTFP_EQUAL;
    bool greater = x->kind != y->kind ? x->kind == SOFTFP_IS_INFINITE
                   : x->exp != y->exp ? x->exp > y->exp
                                      : x->sig > y->sig;
    return greater != x->sign ? SOFTFP_GREATER : SOFTFP_LESS;
}

enum softfp_relation softfp_compare(struct softfp_env *env, unsigned w, uint64_t a, uint64_t b,
                                    bool signal_quiet)
{
    struct softfp_number x = softfp_unpack(env, w, a), y = softfp_unpack(env, w, b);
    if (softfp_is_nan(&x) || softfp_is_nan(&y)) {
        if (signal_quiet || x.kind == SOFTFP_IS_SIGNALING || y.kind == SOFTFP_IS_SIGNALING)
            env->flags |= SOFTFP_IE;
        return SOFTFP_UNORDERED;
    }
    note_denormals(env, &x, &y);
    return softfp_relation_of(&x, &y);
}

static uint64_t select_by(struct softfp_env *env, unsigned w, uint64_t a, uint64_t b,
                          enum softfp_relation wanted)
{
    struct softfp_number x = softfp_unpack(env, w, a), y = softfp_unpack(env, w, b);
    bool first = softfp_compare(env, w, a, b, true) == wanted;
    return first ? as_used(w, a, &x) : as_used(w, b, &y);
}

uint64_t softfp_min(struct softfp_env *env, unsigned w, uint64_t a, uint64_t b)
{
    return select_by(env, w, a, b, SOFTFP_LESS);
}

uint64_t softfp_max(struct softfp_env *env, unsigned w, uint64_t a, uint64_t b)
{
    return select_by(env, w, a, b, SOFTFP_GREATER);
}

/* ---- conversions ---------------------------------------------------------------------------- */

uint64_t softfp_integral(enum softfp_rounding mode, const struct softfp_number *x, bool *inexact)
{
    unsigned drop = (unsigned)(63 - x->exp);
    if (drop > 127) /* far below a half */
        return softfp_round_off(mode, x->sign, 0, 64, true, inexact);
    return drop ? softfp_round_off(mode, x->sign, x->sig, drop, false, inexact) : x->sig;
}

uint64_t softfp_round(struct softfp_env *env, unsigned w, uint64_t a, enum softfp_rounding mode,
                      bool quiet)
{
    const struct softfp_format *f = &softfp_formats[w];
    struct softfp_number x = softfp_unpack(env, w, a);
    bool inexact = false;
    if (softfp_is_nan(&x))
        return softfp_propagate(env, w, a, a, &x, &x);
    if (x.kind == SOFTFP_IS_ZERO)
        return softfp_signed_zero(w, x.sign);
    if (x.kind == SOFTFP_IS_INFINITE || x.exp >= f->frac)
        return a;
    uint64_t v = softfp_integral(mode, &x, &inexact);
    if (inexact && !quiet)
        env->flags |= SOFTFP_PE;
    if (!v)
        return softfp_signed_zero(w, x.sign);
    int shift = __builtin_clzll(v);
    return softfp_pack(env, w, x.sign, 63 - shift, v << shift, false); /* exact */
}

uint64_t softfp_convert(struct softfp_env *env, unsigned from, unsigned to, uint64_t a)
{
    struct softfp_number x = softfp_unpack(env, from, a);
    switch (x.kind) {
    case SOFTFP_IS_ZERO:
        return softfp_signed_zero(to, x.sign);
    case SOFTFP_IS_INFINITE:
        return softfp_signed_zero(to, x.sign) | softfp_infinity(to);
    case SOFTFP_IS_FINITE:
        note_denormals(env, &x, &x);
        return softfp_pack(env, to, x.sign, x.exp, x.sig, false);
    default: {
        /* The payload keeps its most significant bits. */
        uint64_t payload = a << (64 - softfp_formats[from].frac) >> (64 - softfp_formats[to].frac);
        if (x.kind == SOFTFP_IS_SIGNALING)
            env->flags |= SOFTFP_IE;
        return softfp_signed_zero(to, x.sign) | softfp_infinity(to) | softfp_quiet_bit(to) |
               payload;
    }
    }
}

uint64_t softfp_from_int(struct softfp_env *env, unsigned w, int64_t v)
{
    uint64_t u = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;
    if (!u)
        return 0;
    int shift = __builtin_clzll(u);
    return softfp_pack(env, w, v < 0, 63 - shift, u << shift, false);
}

uint64_t softfp_to_int(struct softfp_env *env, unsigned w, uint64_t a, unsigned bits, bool truncate)
{
    struct softfp_number x = softfp_unpack(env, w, a);
    uint64_t limit = UINT64_C(1) << (bits - 1), v;
    bool inexact = false;
    if (x.kind == SOFTFP_IS_ZERO)
        return 0;
    if (x.kind != SOFTFP_IS_FINITE || x.exp > 63)
        goto unrepresentable;
    v = softfp_integral(truncate ? SOFTFP_ZERO : env->rounding, &x, &inexact);
    if (v > limit - !x.sign)
        goto unrepresentable;
    if (inexact)
        env->flags |= SOFTFP_PE;
    return (x.sign ? 0 - v : v) & mask_bits(bits);
unrepresentable:
    env->flags |= SOFTFP_IE;
    return limit;
}

/* ---- approximations ------------------------------------------------------------------------- */

/* Round the fraction to 12 bits and make a tiny result zero, as the instructions do. */
static uint32_t approximate(struct softfp_env *env, uint64_t v)
{
    struct softfp_number n = softfp_unpack(env, IR_W32, v);
    if (n.denormal)
        return (uint32_t)softfp_signed_zero(IR_W32, n.sign);
    return n.kind == SOFTFP_IS_FINITE ? (uint32_t)((v + 0x400) & ~UINT64_C(0x7ff)) : (uint32_t)v;
}

static bool approximate_special(struct softfp_env *env, uint32_t a, uint32_t *r)
{
    struct softfp_number n = softfp_unpack(env, IR_W32, a);
    if (n.kind == SOFTFP_IS_ZERO)
        *r = (uint32_t)(softfp_signed_zero(IR_W32, n.sign) | softfp_infinity(IR_W32));
    else if (softfp_is_nan(&n))
        *r = a | (uint32_t)softfp_quiet_bit(IR_W32);
    else
        return false;
    return true;
}

uint32_t softfp_rcp_approx(uint32_t a)
{
    struct softfp_env env = {.daz = true}, all = {0};
    uint32_t r;
    if (approximate_special(&env, a, &r))
        return r;
    return approximate(&all, softfp_div(&env, IR_W32, 0x3f800000, a));
}

uint32_t softfp_rsqrt_approx(uint32_t a)
{
    struct softfp_env env = {.daz = true}, all = {0};
    uint32_t r;
    if (approximate_special(&env, a, &r))
        return r;
    uint64_t s = softfp_sqrt(&env, IR_W64, softfp_convert(&env, IR_W32, IR_W64, a));
    uint64_t q = softfp_div(&env, IR_W64, UINT64_C(0x3ff0000000000000), s);
    return approximate(&all, softfp_convert(&env, IR_W64, IR_W32, q));
}
