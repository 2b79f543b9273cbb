/* Arithmetic on unpacked numbers with 64-bit significands; every operation is exact up to one
 * rounding. See softfp.h. */
#include "tcg/interp/softfp.h"

#include "core/util/range.h"
#include "tcg/ir/ir.h"

typedef unsigned __int128 wide;

struct format {
    int frac, bias; /* fraction bits; exponent bias, also the greatest exponent */
};
static const struct format formats[] = {
    [IR_W16] = {10, 15}, [IR_W32] = {23, 127}, [IR_W64] = {52, 1023}};

enum kind { ZERO, FINITE, INFINITE, NAN_QUIET, NAN_SIGNALING };

/* Finite: sig / 2^63 * 2^exp, bit 63 of sig set. */
struct number {
    enum kind kind;
    bool sign, denormal;
    int exp;
    uint64_t sig;
};

static uint64_t sign_bit(unsigned w)
{
    return UINT64_C(1) << ((8u << w) - 1);
}
static uint64_t infinity(unsigned w)
{
    const struct format *f = &formats[w];
    return (uint64_t)(2 * f->bias + 1) << f->frac;
}
static uint64_t quiet_bit(unsigned w)
{
    return UINT64_C(1) << (formats[w].frac - 1);
}
static uint64_t default_nan(unsigned w)
{
    return sign_bit(w) | infinity(w) | quiet_bit(w);
}
static uint64_t signed_zero(unsigned w, bool sign)
{
    return sign ? sign_bit(w) : 0;
}

static struct number unpack(const struct softfp_env *env, unsigned w, uint64_t bits)
{
    const struct format *f = &formats[w];
    uint64_t frac = bits & mask_bits((unsigned)f->frac);
    int exp = (int)(bits >> f->frac & (uint64_t)(2 * f->bias + 1));
    struct number n = {.kind = FINITE, .sign = (bits & sign_bit(w)) != 0};

    if (exp == 2 * f->bias + 1) {
        n.kind = !frac ? INFINITE : frac & quiet_bit(w) ? NAN_QUIET : NAN_SIGNALING;
    } else if (exp) {
        n.exp = exp - f->bias;
        n.sig = UINT64_C(1) << 63 | frac << (63 - f->frac);
    } else if (!frac || env->daz) {
        n.kind = ZERO;
    } else {
        int shift = __builtin_clzll(frac);
        n.sig = frac << shift;
        n.exp = 1 - f->bias - (shift - (63 - f->frac));
        n.denormal = true;
    }
    return n;
}

static bool is_nan(const struct number *n)
{
    return n->kind >= NAN_QUIET;
}

/* An operand is a NaN: the first one that is, made quiet. */
static uint64_t propagate_nan(struct softfp_env *env, unsigned w, uint64_t a, uint64_t b,
                              const struct number *x, const struct number *y)
{
    if (x->kind == NAN_SIGNALING || y->kind == NAN_SIGNALING)
        env->flags |= SOFTFP_IE;
    return (is_nan(x) ? a : b) | quiet_bit(w);
}

static uint64_t invalid(struct softfp_env *env, unsigned w)
{
    env->flags |= SOFTFP_IE;
    return default_nan(w);
}

static void note_denormals(struct softfp_env *env, const struct number *x, const struct number *y)
{
    if (x->denormal || y->denormal)
        env->flags |= SOFTFP_DE;
}

/* ---- rounding ------------------------------------------------------------------------------- */

/* sig without its low `drop` bits (at most 127), rounded; *inexact: something was lost. */
static uint64_t round_off(enum softfp_rounding mode, bool sign, wide sig, unsigned drop,
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
    }
    return kept + up;
}

/* Unmasked, the result goes to the handler with a smaller exponent: what counts for PE is whether
 * its fraction was rounded. */
static uint64_t overflow(struct softfp_env *env, unsigned w, bool sign, bool inexact)
{
    bool to_infinity =
        env->rounding == SOFTFP_NEAREST || env->rounding == (sign ? SOFTFP_DOWN : SOFTFP_UP);
    env->flags |= SOFTFP_OE;
    if (inexact || !(env->unmasked & SOFTFP_OE))
        env->flags |= SOFTFP_PE;
    return signed_zero(w, sign) | (infinity(w) - !to_infinity);
}

/* Below the least normal number. Tininess is judged after rounding, as if the exponent had no
 * bound. */
static uint64_t pack_tiny(struct softfp_env *env, unsigned w, bool sign, int exp, uint64_t sig,
                          bool sticky)
{
    const struct format *f = &formats[w];
    unsigned drop = (unsigned)(63 - f->frac), shift = (unsigned)(1 - f->bias - exp);
    bool masked = !(env->unmasked & SOFTFP_UE), rounded, inexact;
    uint64_t unbounded = round_off(env->rounding, sign, sig, drop, sticky, &rounded);
    bool tiny = shift > 1 || !(unbounded >> (f->frac + 1));

    if (tiny && !masked) { /* likewise, with a greater exponent */
        env->flags |= SOFTFP_UE | (rounded ? (uint32_t)SOFTFP_PE : 0);
        return signed_zero(w, sign);
    }
    if (tiny && env->ftz) {
        env->flags |= SOFTFP_UE | SOFTFP_PE;
        return signed_zero(w, sign);
    }
    if (shift > 63) { /* below half of the least denormal: only that it is not zero counts */
        shift = 63;
        sticky = true;
    }
    uint64_t kept = round_off(env->rounding, sign, sig, drop + shift, sticky, &inexact);
    if (inexact)
        env->flags |= SOFTFP_PE;
    if (tiny && inexact)
        env->flags |= SOFTFP_UE;
    return signed_zero(w, sign) | kept; /* a carry makes it the least normal number */
}

/* sig has bit 63 set; sticky: the true value is a little greater. */
static uint64_t pack(struct softfp_env *env, unsigned w, bool sign, int exp, uint64_t sig,
                     bool sticky)
{
    const struct format *f = &formats[w];
    bool inexact;

    if (exp < 1 - f->bias)
        return pack_tiny(env, w, sign, exp, sig, sticky);
    uint64_t kept = round_off(env->rounding, sign, sig, (unsigned)(63 - f->frac), sticky, &inexact);
    if (kept >> (f->frac + 1)) {
        kept >>= 1;
        exp++;
    }
    if (exp > f->bias)
        return overflow(env, w, sign, inexact);
    if (inexact)
        env->flags |= SOFTFP_PE;
    return signed_zero(w, sign) | (uint64_t)(exp + f->bias) << f->frac |
           (kept & mask_bits((unsigned)f->frac));
}

/* v / 2^top * 2^exp, v not 0. */
static uint64_t pack_wide(struct softfp_env *env, unsigned w, bool sign, int exp, wide v, int top,
                          bool sticky)
{
    uint64_t high = (uint64_t)(v >> 64);
    int lead = high ? 127 - __builtin_clzll(high) : 63 - __builtin_clzll((uint64_t)v);
    v <<= 127 - lead;
    return pack(env, w, sign, exp + lead - top, (uint64_t)(v >> 64), sticky || (uint64_t)v);
}

/* ---- arithmetic ----------------------------------------------------------------------------- */

/* Finite x and y that are not zero. */
static uint64_t add_finite(struct softfp_env *env, unsigned w, const struct number *x,
                           const struct number *y)
{
    if (x->exp < y->exp || (x->exp == y->exp && x->sig < y->sig)) {
        const struct number *t = x;
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
        return signed_zero(w, env->rounding == SOFTFP_DOWN);
    return pack_wide(env, w, x->sign, x->exp, sum, 125, sticky);
}

/* The value of an operand as it is used: a denormal that counts as zero is one. */
static uint64_t as_used(unsigned w, uint64_t bits, const struct number *n)
{
    return n->kind == ZERO ? signed_zero(w, n->sign) : bits;
}

static uint64_t add_signed(struct softfp_env *env, unsigned w, uint64_t a, uint64_t b, bool negate)
{
    struct number x = unpack(env, w, a), y = unpack(env, w, b);
    if (is_nan(&x) || is_nan(&y))
        return propagate_nan(env, w, a, b, &x, &y);
    if (negate) {
        y.sign = !y.sign;
        b ^= sign_bit(w);
    }
    if (x.kind == INFINITE && y.kind == INFINITE && x.sign != y.sign)
        return invalid(env, w);
    note_denormals(env, &x, &y);
    if (x.kind == INFINITE)
        return a;
    if (y.kind == INFINITE)
        return b;
    if (x.kind == ZERO && y.kind == ZERO)
        return signed_zero(w, x.sign == y.sign ? x.sign : env->rounding == SOFTFP_DOWN);
    /* A denormal plus zero is packed again: flushing to zero may apply. */
    if (x.kind == ZERO)
        return pack(env, w, y.sign, y.exp, y.sig, false);
    if (y.kind == ZERO)
        return pack(env, w, x.sign, x.exp, x.sig, false);
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
    struct number x = unpack(env, w, a), y = unpack(env, w, b);
    bool sign = x.sign != y.sign;
    if (is_nan(&x) || is_nan(&y))
        return propagate_nan(env, w, a, b, &x, &y);
    if ((x.kind == INFINITE && y.kind == ZERO) || (x.kind == ZERO && y.kind == INFINITE))
        return invalid(env, w);
    note_denormals(env, &x, &y);
    if (x.kind == INFINITE || y.kind == INFINITE)
        return signed_zero(w, sign) | infinity(w);
    if (x.kind == ZERO || y.kind == ZERO)
        return signed_zero(w, sign);
    return pack_wide(env, w, sign, x.exp + y.exp, (wide)x.sig * y.sig, 126, false);
}

/* The product is x.sig * y.sig / 2^126 * 2^(x.exp + y.exp): up to 106 bits that count, so that what
 * alignment shifts out of 128 bits is far below the last bit of the result. */
static uint64_t fma_finite(struct softfp_env *env, unsigned w, const struct number *x,
                           const struct number *y, const struct number *z, bool product_sign)
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
        return signed_zero(w, env->rounding == SOFTFP_DOWN);
    return pack_wide(env, w, sign, exp, sum, 124, sticky);
}

uint64_t softfp_fma(struct softfp_env *env, unsigned w, uint64_t a, uint64_t b, uint64_t c,
                    unsigned how)
{
    struct number x = unpack(env, w, a), y = unpack(env, w, b), z = unpack(env, w, c);
    bool sign = x.sign ^ y.sign ^ (how & SOFTFP_NEGATE_PRODUCT);
    bool no_product =
        (x.kind == INFINITE && y.kind == ZERO) || (x.kind == ZERO && y.kind == INFINITE);
    if (is_nan(&x) || is_nan(&y) || is_nan(&z)) {
        if (x.kind == NAN_SIGNALING || y.kind == NAN_SIGNALING || z.kind == NAN_SIGNALING)
            env->flags |= SOFTFP_IE;
        return (is_nan(&x) ? a : is_nan(&y) ? b : c) | quiet_bit(w);
    }
    if (how & SOFTFP_NEGATE_ADDEND)
        z.sign = !z.sign;
    if (no_product)
        return invalid(env, w);
    bool infinite = x.kind == INFINITE || y.kind == INFINITE;
    if (infinite && z.kind == INFINITE && sign != z.sign)
        return invalid(env, w);
    note_denormals(env, &x, &y);
    note_denormals(env, &z, &z);
    if (infinite || z.kind == INFINITE)
        return signed_zero(w, infinite ? sign : z.sign) | infinity(w);
    bool zero = x.kind == ZERO || y.kind == ZERO;
    if (zero && z.kind == ZERO)
        return signed_zero(w, sign == z.sign ? sign : env->rounding == SOFTFP_DOWN);
    if (zero)
        return pack(env, w, z.sign, z.exp, z.sig, false);
    if (z.kind == ZERO)
        return pack_wide(env, w, sign, x.exp + y.exp, (wide)x.sig * y.sig, 126, false);
    return fma_finite(env, w, &x, &y, &z, sign);
}

uint64_t softfp_div(struct softfp_env *env, unsigned w, uint64_t a, uint64_t b)
{
    struct number x = unpack(env, w, a), y = unpack(env, w, b);
    bool sign = x.sign != y.sign;
    if (is_nan(&x) || is_nan(&y))
        return propagate_nan(env, w, a, b, &x, &y);
    if (x.kind == y.kind && x.kind != FINITE)
        return invalid(env, w);
    if (y.kind == ZERO && x.kind == FINITE) {
        env->flags |= SOFTFP_ZE;
        return signed_zero(w, sign) | infinity(w);
    }
    note_denormals(env, &x, &y);
    if (x.kind == INFINITE)
        return signed_zero(w, sign) | infinity(w);
    if (x.kind == ZERO || y.kind == INFINITE)
        return signed_zero(w, sign);
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
    struct number x = unpack(env, w, a);
    if (is_nan(&x))
        return propagate_nan(env, w, a, a, &x, &x);
    if (x.kind == ZERO)
        return signed_zero(w, x.sign);
    if (x.sign)
        return invalid(env, w);
    note_denormals(env, &x, &x);
    if (x.kind == INFINITE)
        return a;
    bool odd = x.exp & 1, exact;
    uint64_t r = root((wide)x.sig << (63 + odd), &exact);
    return pack(env, w, false, (x.exp - odd) / 2, r, !exact);
}

/* ---- comparisons ---------------------------------------------------------------------------- */

static enum softfp_relation relation(const struct number *x, const struct number *y)
{
    if (x->kind == ZERO && y->kind == ZERO)
        return SOFTFP_EQUAL;
    if (x->kind == ZERO)
        return y->sign ? SOFTFP_GREATER : SOFTFP_LESS;
    if (y->kind == ZERO || x->sign != y->sign)
        return x->sign ? SOFTFP_LESS : SOFTFP_GREATER;
    /* Same sign, neither zero: by magnitude. */
    if (x->kind == y->kind && x->exp == y->exp && x->sig == y->sig)
        return SOFTFP_EQUAL;
    bool greater = x->kind != y->kind ? x->kind == INFINITE
                   : x->exp != y->exp ? x->exp > y->exp
                                      : x->sig > y->sig;
    return greater != x->sign ? SOFTFP_GREATER : SOFTFP_LESS;
}

enum softfp_relation softfp_compare(struct softfp_env *env, unsigned w, uint64_t a, uint64_t b,
                                    bool signal_quiet)
{
    struct number x = unpack(env, w, a), y = unpack(env, w, b);
    if (is_nan(&x) || is_nan(&y)) {
        if (signal_quiet || x.kind == NAN_SIGNALING || y.kind == NAN_SIGNALING)
            env->flags |= SOFTFP_IE;
        return SOFTFP_UNORDERED;
    }
    note_denormals(env, &x, &y);
    return relation(&x, &y);
}

static uint64_t select_by(struct softfp_env *env, unsigned w, uint64_t a, uint64_t b,
                          enum softfp_relation wanted)
{
    struct number x = unpack(env, w, a), y = unpack(env, w, b);
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

/* The integral magnitude of a finite number below 2^63. */
static uint64_t integral(enum softfp_rounding mode, const struct number *x, bool *inexact)
{
    unsigned drop = (unsigned)(63 - x->exp);
    if (drop > 127) /* far below a half */
        return round_off(mode, x->sign, 0, 64, true, inexact);
    return drop ? round_off(mode, x->sign, x->sig, drop, false, inexact) : x->sig;
}

uint64_t softfp_round(struct softfp_env *env, unsigned w, uint64_t a, enum softfp_rounding mode,
                      bool quiet)
{
    const struct format *f = &formats[w];
    struct number x = unpack(env, w, a);
    bool inexact = false;
    if (is_nan(&x))
        return propagate_nan(env, w, a, a, &x, &x);
    if (x.kind == ZERO)
        return signed_zero(w, x.sign);
    if (x.kind == INFINITE || x.exp >= f->frac)
        return a;
    uint64_t v = integral(mode, &x, &inexact);
    if (inexact && !quiet)
        env->flags |= SOFTFP_PE;
    if (!v)
        return signed_zero(w, x.sign);
    int shift = __builtin_clzll(v);
    return pack(env, w, x.sign, 63 - shift, v << shift, false); /* exact */
}

uint64_t softfp_convert(struct softfp_env *env, unsigned from, unsigned to, uint64_t a)
{
    struct number x = unpack(env, from, a);
    switch (x.kind) {
    case ZERO:
        return signed_zero(to, x.sign);
    case INFINITE:
        return signed_zero(to, x.sign) | infinity(to);
    case FINITE:
        note_denormals(env, &x, &x);
        return pack(env, to, x.sign, x.exp, x.sig, false);
    default: {
        /* The payload keeps its most significant bits. */
        uint64_t payload = a << (64 - formats[from].frac) >> (64 - formats[to].frac);
        if (x.kind == NAN_SIGNALING)
            env->flags |= SOFTFP_IE;
        return signed_zero(to, x.sign) | infinity(to) | quiet_bit(to) | payload;
    }
    }
}

uint64_t softfp_from_int(struct softfp_env *env, unsigned w, int64_t v)
{
    uint64_t u = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;
    if (!u)
        return 0;
    int shift = __builtin_clzll(u);
    return pack(env, w, v < 0, 63 - shift, u << shift, false);
}

uint64_t softfp_to_int(struct softfp_env *env, unsigned w, uint64_t a, unsigned bits, bool truncate)
{
    struct number x = unpack(env, w, a);
    uint64_t limit = UINT64_C(1) << (bits - 1), v;
    bool inexact = false;
    if (x.kind == ZERO)
        return 0;
    if (x.kind != FINITE || x.exp > 63)
        goto unrepresentable;
    v = integral(truncate ? SOFTFP_ZERO : env->rounding, &x, &inexact);
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
static uint32_t approximate(const struct softfp_env *env, uint64_t v)
{
    struct number n = unpack(env, IR_W32, v);
    if (n.denormal)
        return (uint32_t)signed_zero(IR_W32, n.sign);
    return n.kind == FINITE ? (uint32_t)((v + 0x400) & ~UINT64_C(0x7ff)) : (uint32_t)v;
}

static bool approximate_special(struct softfp_env *env, uint32_t a, uint32_t *r)
{
    struct number n = unpack(env, IR_W32, a);
    if (n.kind == ZERO)
        *r = (uint32_t)(signed_zero(IR_W32, n.sign) | infinity(IR_W32));
    else if (is_nan(&n))
        *r = a | (uint32_t)quiet_bit(IR_W32);
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
