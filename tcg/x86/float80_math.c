/*
 * Transcendental functions of the x87, from series in numbers of 128 significant bits: what is
 * rounded to 64 bits at the end is right but for the last few of them.
 */
#include "tcg/x86/float80.h"

#include <stddef.h>

/* m * 2^(exp - 127), m normalised, or 0. */
struct wide {
    bool sign;
    int32_t exp;
    f80_u128 m;
};

#define WIDE(sign_, exp_, hi, lo)                                                                  \
    ((struct wide){sign_, exp_, (f80_u128)UINT64_C(hi) << 64 | UINT64_C(lo)})
static const struct wide one = {false, 0, (f80_u128)1 << 127};
/* pi, ln 2 and 1 / ln 2, truncated */
#define WIDE_PI WIDE(false, 1, 0xc90fdaa22168c234, 0xc4c6628b80dc1cd1)
#define WIDE_LN2 WIDE(false, -1, 0xb17217f7d1cf79ab, 0xc9e3b39803f2f6af)
#define WIDE_LOG2E WIDE(false, 0, 0xb8aa3b295c17f0bb, 0xbe87fed0691d3e88)

static struct wide normalise(struct wide a)
{
    if (!a.m)
        return (struct wide){.exp = -100000};
    const uint64_t hi = (uint64_t)(a.m >> 64);
    const int shift = hi ? __builtin_clzll(hi) : 64 + __builtin_clzll((uint64_t)a.m);
    a.m <<= shift;
    a.exp -= shift;
    return a;
}

static struct wide of_parts(const struct f80_parts *p)
{
    return (struct wide){p->sign, p->exp, (f80_u128)p->m << 64};
}

static struct wide of_int(int32_t v)
{
    return normalise((struct wide){v < 0, 127, (f80_u128)(v < 0 ? 0 - (uint32_t)v : (uint32_t)v)});
}

static struct wide neg(struct wide a)
{
    a.sign = !a.sign;
    return a;
}

static struct wide twice(struct wide a)
{
    a.exp++;
    return a;
}

static struct wide add(struct wide a, struct wide b)
{
    if (!a.m || !b.m)
        return a.m ? a : b;
    if (a.exp < b.exp || (a.exp == b.exp && a.m < b.m)) {
        const struct wide t = a;
        a = b;
        b = t;
    }
    const int32_t shift = a.exp - b.exp;
    /* What is shifted out leaves a mark, so that x + tiny lies on the right side of x. */
    b.m = shift > 127 ? 1 : shift ? b.m >> shift | ((b.m << (128 - shift)) != 0) : b.m;
    if (a.sign != b.sign) {
        a.m -= b.m;
        return normalise(a);
    }
    a.m += b.m;
    if (a.m < b.m) {
        a.m = a.m >> 1 | (a.m & 1) | (f80_u128)1 << 127;
        a.exp++;
    }
    return a;
}

static struct wide mul(struct wide a, struct wide b)
{
    if (!a.m || !b.m)
        return (struct wide){.exp = -100000};
    const f80_u128 low = (uint64_t)-1;
    const f80_u128 ah = a.m >> 64, al = a.m & low, bh = b.m >> 64, bl = b.m & low;
    const f80_u128 middle = (al * bl >> 64) + (ah * bl & low) + (al * bh & low);
    a.m = ah * bh + (ah * bl >> 64) + (al * bh >> 64) + (middle >> 64);
    a.sign = a.sign != b.sign;
    a.exp += b.exp + 1;
    return normalise(a);
}

static struct wide divide(struct wide a, struct wide b)
{
    if (!a.m)
        return a;
    f80_u128 rest = a.m, q = 0;
    bool above = false; /* bit 128 of rest */
    for (int i = 0; i < 128; i++) {
        q <<= 1;
        if (above || rest >= b.m) {
            rest -= b.m;
            q |= 1;
        }
        above = rest >> 127;
        rest <<= 1;
    }
    q |= rest != 0;
    return normalise((struct wide){a.sign != b.sign, a.exp - b.exp, q});
}

/* a of [1, 4) */
static struct wide root(struct wide a)
{
    struct wide s = one;
    for (int i = 0; i < 8; i++) { /* the error squares each time */
        s = add(s, divide(a, s));
        s.exp--;
    }
    return s;
}

static bool greater(struct wide a, struct wide b) /* of positive ones */
{
    return a.exp != b.exp ? a.exp > b.exp : a.m > b.m;
}

/* The exact value has always something below 64 bits, or, as FYL2X of a power of two, is flagged as
 * if it had. */
static struct f80 pack(struct f80_env *env, struct wide a)
{
    struct f80_env full = *env;
    full.bits = 64;
    const struct f80 r =
        f80_round_pack(&full, a.sign, a.exp, (uint64_t)(a.m >> 64), (uint64_t)a.m | 1);
    env->flags = full.flags;
    env->up = full.up;
    return r;
}

/* ---- sine, cosine, tangent */

/* Of a tiny x, x itself or 1 is the result in every rounding mode, as processors have it. */
static struct f80 pack_circular(struct f80_env *env, const struct f80_parts *p, struct wide a)
{
    const enum f80_rounding rounding = env->rounding;
    if (p->exp < -64)
        env->rounding = F80_NEAREST;
    const struct f80 r = pack(env, a);
    env->rounding = rounding;
    return r;
}

/*
 * sum of x^n / n! * (-1)^(n/2) for n = first, first + 2, ...: sine from 1, cosine from 0.
 */
static struct wide circular(struct wide x, int32_t first)
{
    const struct wide square = neg(mul(x, x));
    struct wide term = first ? x : one, sum = term;
    for (int32_t n = first + 1; term.m && term.exp > sum.exp - 130; n += 2) {
        term = divide(mul(term, square), of_int(n * (n + 1)));
        sum = add(sum, term);
    }
    return sum;
}

/*
 * |a| less a multiple of pi/2, at most pi/4 in magnitude; the multiple, mod 4, in *quadrant. Pi is
 * the processor's, of 66 bits (SDM vol. 1, "Approximation of Pi").
 */
static struct wide reduce(const struct f80_parts *p, unsigned *quadrant)
{
    const f80_u128 half_pi = (f80_u128)3 << 64 | UINT64_C(0x243f6a8885a308d3); /* 2^-65 each */
    *quadrant = 0;
    struct wide r = of_parts(p);
    r.sign = false;
    if (p->exp < -1)
        return r;
    /* value = m * 2^(exp + 2) units */
    f80_u128 rest = p->m;
    for (int32_t i = 0;; i++) {
        while (rest >= half_pi) {
            rest -= half_pi;
            ++*quadrant;
        }
        if (i == p->exp + 2)
            break;
        rest <<= 1;
        *quadrant <<= 1;
    }
    *quadrant &= 3;
    const bool beyond = rest > half_pi - rest;
    if (beyond) {
        rest = half_pi - rest;
        *quadrant = (*quadrant + 1) & 3;
    }
    return normalise((struct wide){beyond, 127 - 65, rest});
}

static bool circular_parts(struct f80_env *env, struct f80 a, struct f80_parts *p, struct f80 *nan)
{
    *p = f80_unpack(a);
    *nan = a;
    if (p->class >= F80_QNAN) {
        *nan = f80_nan1(env, a);
        return false;
    }
    if (p->class == F80_INF) {
        *nan = f80_invalid(env);
        return false;
    }
    if (p->denormal)
        env->flags |= FSW_DE;
    return true;
}

bool f80_sincos(struct f80_env *env, struct f80 a, struct f80 *sine, struct f80 *cosine)
{
    struct f80_parts p;
    struct f80 nan;
    unsigned quadrant;
    if (!circular_parts(env, a, &p, &nan)) {
        if (sine)
            *sine = nan;
        if (cosine)
            *cosine = nan;
        return true;
    }
    if (p.class == F80_ZERO_CLASS) {
        if (sine)
            *sine = a;
        if (cosine)
            *cosine = f80_one();
        return true;
    }
    if (p.exp >= 63)
        return false;
    const struct wide r = reduce(&p, &quadrant);
    if (sine) {
        struct wide s = circular(r, quadrant & 1 ? 0 : 1);
        s.sign ^= (quadrant >> 1) ^ p.sign;
        *sine = pack_circular(env, &p, s);
    }
    if (cosine) {
        struct wide c = circular(r, quadrant & 1 ? 1 : 0);
        c.sign ^= quadrant == 1 || quadrant == 2;
        *cosine = pack_circular(env, &p, c);
    }
    return true;
}

bool f80_tan(struct f80_env *env, struct f80 a, struct f80 *tangent)
{
    struct f80_parts p;
    unsigned quadrant;
    if (!circular_parts(env, a, &p, tangent) || p.class == F80_ZERO_CLASS)
        return true;
    if (p.exp >= 63)
        return false;
    const struct wide r = reduce(&p, &quadrant);
    const struct wide s = circular(r, 1), c = circular(r, 0);
    struct wide t = quadrant & 1 ? neg(divide(c, s)) : divide(s, c);
    t.sign ^= p.sign;
    *tangent = pack_circular(env, &p, t);
    return true;
}

/* ---- arc tangent */

/* atan(z) for 0 < z <= 1: halved three times, then the series. */
static struct wide arc(struct wide z)
{
    for (int i = 0; i < 3; i++) /* tan(x/2) = tan x / (1 + sqrt(1 + tan^2 x)) */
        z = divide(z, add(one, root(add(one, mul(z, z)))));
    const struct wide square = neg(mul(z, z));
    struct wide power = z, sum = z;
    for (int32_t n = 3; power.m && power.exp > sum.exp - 130; n += 2) {
        power = mul(power, square);
        sum = add(sum, divide(power, of_int(n)));
    }
    sum.exp += 3;
    return sum;
}

struct f80 f80_patan(struct f80_env *env, struct f80 x, struct f80 y)
{
    struct f80_parts px, py;
    struct f80 r;
    struct wide angle, pi = WIDE_PI;
    if (!f80_numbers(env, x, y, &px, &py, &r))
        return r;
    if (px.denormal || py.denormal)
        env->flags |= FSW_DE;
    const bool y_zero = py.class == F80_ZERO_CLASS, x_zero = px.class == F80_ZERO_CLASS;
    if (y_zero || (px.class == F80_INF && py.class != F80_INF)) {
        if (!px.sign)
            return f80_zero(py.sign);
        angle = pi;
    } else if (x_zero || (py.class == F80_INF && px.class != F80_INF)) {
        pi.exp--;
        angle = pi;
    } else if (px.class == F80_INF) { /* both */
        pi.exp -= 2;
        angle = px.sign ? add(pi, twice(pi)) : pi;
    } else {
        struct wide wx = of_parts(&px), wy = of_parts(&py);
        wx.sign = wy.sign = false;
        if (greater(wy, wx)) {
            pi.exp--;
            angle = arc(divide(wx, wy));
            angle = add(pi, px.sign ? angle : neg(angle));
        } else {
            const struct wide z = divide(wy, wx);
            angle = z.exp < -100 ? z : arc(z);
            if (px.sign)
                angle = add(pi, neg(angle));
            else if (z.exp < -100 && !(uint64_t)z.m)
                angle.m--; /* atan z < z */
        }
    }
    angle.sign = py.sign;
    return pack(env, normalise(angle));
}

/* ---- powers and logarithms */

struct f80 f80_2xm1(struct f80_env *env, struct f80 a)
{
    const struct f80_parts p = f80_unpack(a);
    if (p.class >= F80_QNAN)
        return f80_nan1(env, a);
    if (p.denormal)
        env->flags |= FSW_DE;
    if (p.class == F80_INF)
        return p.sign ? f80_make(true, F80_BIAS, F80_INTEGER) : a;
    if (p.class == F80_ZERO_CLASS)
        return a;
    if (p.exp >= 0) { /* 1, -1; the rest is undefined and stays */
        if (p.exp == 0 && p.m == F80_INTEGER && p.sign)
            return f80_make(true, F80_BIAS - 1, F80_INTEGER);
        return a;
    }
    const struct wide t = mul(of_parts(&p), WIDE_LN2);
    struct wide term = t, sum = t;
    for (int32_t n = 2; term.m && term.exp > sum.exp - 130; n++) {
        term = divide(mul(term, t), of_int(n));
        sum = add(sum, term);
    }
    return pack(env, sum);
}

/* ln((1 + s) / (1 - s)) / ln 2 */
static struct wide log2_ratio(struct wide s)
{
    const struct wide square = mul(s, s);
    struct wide power = s, sum = s;
    for (int32_t n = 3; power.m && power.exp > sum.exp - 130; n += 2) {
        power = mul(power, square);
        sum = add(sum, divide(power, of_int(n)));
    }
    return twice(mul(sum, WIDE_LOG2E));
}

static struct wide log2_of(struct wide v)
{
    int32_t e = v.exp;
    if (v.m >> 64 > UINT64_C(0xb504f333f9de6484)) /* sqrt 2 */
        e++;
    v.exp -= e;
    return add(of_int(e), log2_ratio(divide(add(v, neg(one)), add(v, one))));
}

struct f80 f80_yl2x(struct f80_env *env, struct f80 x, struct f80 y)
{
    struct f80_parts px, py;
    struct f80 r;
    if (!f80_numbers(env, x, y, &px, &py, &r))
        return r;
    const bool is_one = px.class == F80_FINITE && px.exp == 0 && px.m == F80_INTEGER;
    if (px.class == F80_ZERO_CLASS) {
        if (py.class == F80_ZERO_CLASS)
            return f80_invalid(env);
        if (py.class == F80_INF)
            return f80_inf(!py.sign);
        env->flags |= FSW_ZE;
        return f80_inf(!py.sign);
    }
    if (px.sign || (px.class == F80_INF && py.class == F80_ZERO_CLASS) ||
        (py.class == F80_INF && is_one))
        return f80_invalid(env);
    if (px.denormal || py.denormal)
        env->flags |= FSW_DE;
    const bool below_one = px.class == F80_FINITE && px.exp < 0;
    if (px.class == F80_INF || py.class == F80_INF)
        return f80_inf(py.sign != below_one);
    if (is_one || py.class == F80_ZERO_CLASS)
        return f80_zero(py.sign != below_one);
    struct wide l = px.m == F80_INTEGER ? of_int(px.exp) : log2_of(of_parts(&px));
    l = mul(l, of_parts(&py));
    return pack(env, l);
}

struct f80 f80_yl2xp1(struct f80_env *env, struct f80 x, struct f80 y)
{
    struct f80_parts px, py;
    struct f80 r;
    if (!f80_numbers(env, x, y, &px, &py, &r))
        return r;
    if ((px.class == F80_ZERO_CLASS && py.class == F80_INF) ||
        (px.class == F80_INF && (px.sign || py.class == F80_ZERO_CLASS)))
        return f80_invalid(env);
    if (px.denormal || py.denormal)
        env->flags |= FSW_DE;
    const bool sign = px.sign != py.sign;
    if (px.class == F80_INF || py.class == F80_INF)
        return f80_inf(sign);
    if (px.class == F80_ZERO_CLASS || py.class == F80_ZERO_CLASS)
        return f80_zero(sign);
    if (px.sign && px.exp >= 0) /* outside of what is defined */
        return x;
    const struct wide s = of_parts(&px);
    const struct wide l =
        px.exp < -1 ? log2_ratio(divide(s, add(s, twice(one)))) : log2_of(add(s, one));
    return pack(env, mul(l, of_parts(&py)));
}
