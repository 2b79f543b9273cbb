/* Arithmetic in the x87's format; see float80.h. */
#include "tcg/x86/float80.h"

#include "core/util/range.h"

struct f80_env f80_env_of(uint16_t fcw)
{
    static const uint8_t precision[4] = {24, 64, 53, 64};
    return (struct f80_env){
        .rounding = (enum f80_rounding)(fcw >> 10 & 3),
        .bits = precision[fcw >> 8 & 3],
        .unmasked = ~(unsigned)fcw & FSW_EXCEPTIONS,
    };
}

struct f80_parts f80_unpack(struct f80 v)
{
    struct f80_parts p = {.sign = v.se >> 15, .m = v.m};
    const unsigned e = v.se & F80_EXP;
    if (e == 0 && v.m == 0) {
        p.class = F80_ZERO_CLASS;
    } else if (e == 0) { /* denormal, or pseudo-denormal: the integer bit is set */
        const int shift = __builtin_clzll(v.m);
        p.class = F80_FINITE;
        p.denormal = true;
        p.m = v.m << shift;
        p.exp = 1 - F80_BIAS - shift;
    } else if (!(v.m & F80_INTEGER)) {
        p.class = F80_UNSUPPORTED;
    } else if (e == F80_EXP) {
        p.class = v.m == F80_INTEGER ? F80_INF : v.m >> 62 & 1 ? F80_QNAN : F80_SNAN;
    } else {
        p.class = F80_FINITE;
        p.exp = (int32_t)e - F80_BIAS;
    }
    return p;
}

/* ---- rounding */

/* Keeps the upper `bits` bits of m:lo; *carry: the significand became 2. Returns whether bits were
 * lost. */
static bool round_bits(struct f80_env *env, bool sign, uint64_t *m, uint64_t lo, unsigned bits,
                       bool *carry)
{
    const uint64_t mask = bits == 64 ? 0 : ~UINT64_C(0) >> bits, unit = mask + 1;
    const f80_u128 rest = ((f80_u128)(*m & mask) << 64) | lo;
    const f80_u128 half = ((f80_u128)unit << 64) >> 1;
    const uint64_t kept = *m & ~mask;
    bool up = false;
    switch (env->rounding) {
    case F80_NEAREST:
        up = rest > half || (rest == half && (kept & unit));
        break;
    case F80_DOWN:
        up = sign && rest;
        break;
    case F80_UP:
        up = !sign && rest;
        break;
    case F80_ZERO:
        break;
    }
    *m = kept + (up ? unit : 0);
    *carry = up && *m < kept;
    env->up = up;
    return rest != 0;
}

static struct f80 overflow(struct f80_env *env, bool sign)
{
    env->flags |= FSW_OE | FSW_PE;
    const enum f80_rounding toward_zero = sign ? F80_UP : F80_DOWN;
    if (env->rounding == F80_ZERO || env->rounding == toward_zero) {
        env->up = false;
        return f80_make(sign, F80_EXP - 1, ~UINT64_C(0) << (64 - env->bits));
    }
    env->up = true;
    return f80_inf(sign);
}

struct f80 f80_round_pack(struct f80_env *env, bool sign, int32_t exp, uint64_t m, uint64_t lo)
{
    uint64_t rounded = m;
    bool carry, inexact = round_bits(env, sign, &rounded, lo, env->bits, &carry);
    int32_t e = exp + F80_BIAS, after = e + carry;
    if (carry)
        rounded = F80_INTEGER;
    if (after >= F80_EXP) {
        if (!(env->unmasked & FSW_OE))
            return overflow(env, sign);
        env->flags |= FSW_OE;
        after -= F80_WRAP;
    } else if (e < 1) {
        const bool tiny = after < 1;
        if (!tiny || !(env->unmasked & FSW_UE)) {
            const unsigned shift = (unsigned)(1 - e);
            f80_u128 wide = ((f80_u128)m << 64) | lo;
            wide = shift > 127 ? 1 : wide >> shift | ((wide & (((f80_u128)1 << shift) - 1)) != 0);
            rounded = (uint64_t)(wide >> 64);
            inexact = round_bits(env, sign, &rounded, (uint64_t)wide, env->bits, &carry);
            if (inexact)
                env->flags |= FSW_PE | (tiny ? FSW_UE : 0u);
            return f80_make(sign, rounded >> 63 ? 1 : 0, rounded);
        }
        env->flags |= FSW_UE;
        after += F80_WRAP;
    }
    if (inexact)
        env->flags |= FSW_PE;
    /* only FSCALE gets further out than the wrapped exponent reaches */
    if (after >= F80_EXP || after < 1) {
        env->flags |= FSW_PE;
        env->up = after >= F80_EXP;
        return env->up ? f80_inf(sign) : f80_zero(sign);
    }
    return f80_make(sign, (unsigned)after, rounded);
}

/* Normalises m128 (not 0), whose value is m128 * 2^(exp - 127), and rounds it. */
static struct f80 pack128(struct f80_env *env, bool sign, int32_t exp, f80_u128 m)
{
    const uint64_t hi = (uint64_t)(m >> 64);
    const int shift = hi ? __builtin_clzll(hi) : 64 + __builtin_clzll((uint64_t)m);
    m <<= shift;
    return f80_round_pack(env, sign, exp - shift, (uint64_t)(m >> 64), (uint64_t)m);
}

/* ---- NaNs */

struct f80 f80_invalid(struct f80_env *env)
{
    env->flags |= FSW_IE;
    return f80_default_nan();
}

static struct f80 quieted(struct f80 a)
{
    a.m |= UINT64_C(1) << 62;
    return a;
}

struct f80 f80_nan1(struct f80_env *env, struct f80 a)
{
    const enum f80_class c = f80_unpack(a).class;
    if (c == F80_UNSUPPORTED)
        return f80_invalid(env);
    if (c == F80_SNAN)
        env->flags |= FSW_IE;
    return quieted(a);
}

struct f80 f80_nan2(struct f80_env *env, struct f80 a, struct f80 b)
{
    const enum f80_class ca = f80_unpack(a).class, cb = f80_unpack(b).class;
    const bool nan_a = ca == F80_QNAN || ca == F80_SNAN, nan_b = cb == F80_QNAN || cb == F80_SNAN;
    if (ca == F80_UNSUPPORTED || cb == F80_UNSUPPORTED)
        return f80_invalid(env);
    if (ca == F80_SNAN || cb == F80_SNAN)
        env->flags |= FSW_IE;
    if (!nan_b)
        return quieted(a);
    if (!nan_a)
        return quieted(b);
    if (ca != cb) /* a quiet one goes before a signalling one */
        return ca == F80_QNAN ? a : b;
    if (a.m != b.m)
        return quieted(a.m > b.m ? a : b);
    return quieted(a.se < b.se ? a : b);
}

static bool is_nan(enum f80_class c)
{
    return c >= F80_QNAN;
}

bool f80_numbers(struct f80_env *env, struct f80 a, struct f80 b, struct f80_parts *pa,
                 struct f80_parts *pb, struct f80 *r)
{
    *pa = f80_unpack(a);
    *pb = f80_unpack(b);
    if (is_nan(pa->class) || is_nan(pb->class)) {
        *r = f80_nan2(env, a, b);
        return false;
    }
    return true;
}

static void note_denormals(struct f80_env *env, const struct f80_parts *a,
                           const struct f80_parts *b)
{
    if (a->denormal || b->denormal || env->denormal)
        env->flags |= FSW_DE;
}

/* ---- arithmetic */

static f80_u128 shift_right_jam(f80_u128 v, unsigned n)
{
    if (n == 0)
        return v;
    if (n > 127)
        return v != 0;
    return v >> n | ((v & (((f80_u128)1 << n) - 1)) != 0);
}

static struct f80 add_parts(struct f80_env *env, struct f80_parts a, struct f80_parts b)
{
    note_denormals(env, &a, &b);
    const bool down = env->rounding == F80_DOWN;
    if (a.class == F80_INF || b.class == F80_INF) {
        if (a.class == b.class && a.sign != b.sign)
            return env->flags &= ~(unsigned)FSW_DE, f80_invalid(env);
        return f80_inf(a.class == F80_INF ? a.sign : b.sign);
    }
    if (a.class == F80_ZERO_CLASS && b.class == F80_ZERO_CLASS)
        return f80_zero(a.sign == b.sign ? a.sign : down);
    if (a.class == F80_ZERO_CLASS)
        return f80_round_pack(env, b.sign, b.exp, b.m, 0);
    if (b.class == F80_ZERO_CLASS)
        return f80_round_pack(env, a.sign, a.exp, a.m, 0);
    if (a.exp < b.exp || (a.exp == b.exp && a.m < b.m)) {
        const struct f80_parts t = a;
        a = b;
        b = t;
    }
    /* One bit above for a carry; 63 below, the last of them sticky. */
    const f80_u128 big = (f80_u128)a.m << 63;
    const f80_u128 small = shift_right_jam((f80_u128)b.m << 63, (unsigned)(a.exp - b.exp));
    const f80_u128 m = a.sign == b.sign ? big + small : big - small;
    if (!m)
        return f80_zero(down);
    return pack128(env, a.sign, a.exp + 1, m);
}

struct f80 f80_add(struct f80_env *env, struct f80 a, struct f80 b)
{
    struct f80_parts pa, pb;
    struct f80 r;
    return f80_numbers(env, a, b, &pa, &pb, &r) ? add_parts(env, pa, pb) : r;
}

struct f80 f80_sub(struct f80_env *env, struct f80 a, struct f80 b)
{
    struct f80_parts pa, pb;
    struct f80 r;
    if (!f80_numbers(env, a, b, &pa, &pb, &r))
        return r;
    pb.sign = !pb.sign;
    return add_parts(env, pa, pb);
}

struct f80 f80_mul(struct f80_env *env, struct f80 a, struct f80 b)
{
    struct f80_parts pa, pb;
    struct f80 r;
    if (!f80_numbers(env, a, b, &pa, &pb, &r))
        return r;
    const bool sign = pa.sign != pb.sign;
    const bool zero = pa.class == F80_ZERO_CLASS || pb.class == F80_ZERO_CLASS;
    const bool inf = pa.class == F80_INF || pb.class == F80_INF;
    if (inf && zero)
        return f80_invalid(env);
    note_denormals(env, &pa, &pb);
    if (inf)
        return f80_inf(sign);
    if (zero)
        return f80_zero(sign);
    return pack128(env, sign, pa.exp + pb.exp + 1, (f80_u128)pa.m * pb.m);
}

struct f80 f80_div(struct f80_env *env, struct f80 a, struct f80 b)
{
    struct f80_parts pa, pb;
    struct f80 r;
    if (!f80_numbers(env, a, b, &pa, &pb, &r))
        return r;
    const bool sign = pa.sign != pb.sign;
    if (pa.class == pb.class && pa.class != F80_FINITE) /* 0/0, inf/inf */
        return f80_invalid(env);
    if (pb.class == F80_ZERO_CLASS && pa.class == F80_FINITE) {
        env->flags |= FSW_ZE;
        return f80_inf(sign);
    }
    note_denormals(env, &pa, &pb);
    if (pa.class == F80_INF || pb.class == F80_ZERO_CLASS)
        return f80_inf(sign);
    if (pb.class == F80_INF || pa.class == F80_ZERO_CLASS)
        return f80_zero(sign);
    const bool less = pa.m < pb.m;
    const f80_u128 n = (f80_u128)pa.m << (less ? 64 : 63);
    const uint64_t q = (uint64_t)(n / pb.m), rest = (uint64_t)(n % pb.m);
    const f80_u128 twice = (f80_u128)rest << 1;
    const uint64_t lo = (twice >= pb.m ? F80_INTEGER : 0) | (rest != 0 && twice != pb.m);
    return f80_round_pack(env, sign, pa.exp - pb.exp - less, q, lo);
}

struct f80 f80_sqrt(struct f80_env *env, struct f80 a)
{
    const struct f80_parts p = f80_unpack(a);
    if (is_nan(p.class))
        return f80_nan1(env, a);
    if (p.class == F80_ZERO_CLASS)
        return a;
    if (p.sign)
        return f80_invalid(env);
    if (p.denormal)
        env->flags |= FSW_DE;
    if (p.class == F80_INF)
        return a;
    /* root of m * 2^63 or of m * 2^64, so that it has 64 bits and the exponent is even */
    const bool odd = p.exp & 1;
    const f80_u128 n = (f80_u128)p.m << (odd ? 64 : 63);
    uint64_t root = 0;
    for (uint64_t bit = F80_INTEGER; bit; bit >>= 1)
        if ((f80_u128)(root | bit) * (root | bit) <= n)
            root |= bit;
    const f80_u128 rest = n - (f80_u128)root * root;
    const uint64_t lo = rest > root ? ~UINT64_C(0) : rest != 0;
    return f80_round_pack(env, false, (p.exp - odd) / 2, root, lo);
}

/* The integer below |value| and what is left of it, for exp < 64; as m:lo of a fixed point after
 * bit 0 of the result. */
static uint64_t split_integer(const struct f80_parts *p, uint64_t *fraction)
{
    if (p->exp < -1) {
        *fraction = 1;
        return 0;
    }
    const f80_u128 wide = ((f80_u128)p->m << 64) >> (63 - p->exp);
    *fraction = (uint64_t)wide;
    return (uint64_t)(wide >> 64);
}

/* |value| as an integer by the rounding mode; for exp < 64. True in *lost: it was not one. */
static uint64_t to_magnitude(struct f80_env *env, const struct f80_parts *p, bool *carry,
                             bool *lost)
{
    uint64_t fraction, n = split_integer(p, &fraction);
    *lost = round_bits(env, p->sign, &n, fraction, 64, carry);
    return n;
}

struct f80 f80_rint(struct f80_env *env, struct f80 a)
{
    const struct f80_parts p = f80_unpack(a);
    bool carry, lost;
    if (is_nan(p.class))
        return f80_nan1(env, a);
    if (p.class != F80_FINITE || p.exp >= 63)
        return a;
    if (p.denormal)
        env->flags |= FSW_DE;
    const uint64_t n = to_magnitude(env, &p, &carry, &lost);
    if (lost)
        env->flags |= FSW_PE;
    if (!n)
        return f80_zero(p.sign);
    const int shift = __builtin_clzll(n);
    return f80_make(p.sign, (unsigned)(F80_BIAS + 63 - shift), n << shift);
}

struct f80 f80_scale(struct f80_env *env, struct f80 a, struct f80 b)
{
    struct f80_parts pa, pb;
    struct f80 r;
    if (!f80_numbers(env, a, b, &pa, &pb, &r))
        return r;
    if (pb.class == F80_INF) {
        if (pa.class == (pb.sign ? F80_INF : F80_ZERO_CLASS))
            return f80_invalid(env);
        note_denormals(env, &pa, &pb);
        return pb.sign ? f80_zero(pa.sign) : f80_inf(pa.sign);
    }
    note_denormals(env, &pa, &pb);
    if (pa.class != F80_FINITE)
        return a;
    uint64_t fraction, n = 0;
    if (pb.class == F80_FINITE && pb.exp >= 0)
        n = pb.exp >= 17 ? 0x20000 : split_integer(&pb, &fraction);
    /* Precision control does not matter here. */
    struct f80_env exact = *env;
    exact.bits = 64;
    r = f80_round_pack(&exact, pa.sign, pa.exp + (pb.sign ? -(int32_t)n : (int32_t)n), pa.m, 0);
    env->flags = exact.flags;
    env->up = exact.up;
    return r;
}

struct f80 f80_rem(struct f80_env *env, struct f80 a, struct f80 b, bool nearest, unsigned *cc)
{
    struct f80_parts pa, pb;
    struct f80 r;
    *cc &= FSW_C0 | FSW_C3; /* stay without a quotient */
    if (!f80_numbers(env, a, b, &pa, &pb, &r))
        return r;
    if (pa.class == F80_INF || pb.class == F80_ZERO_CLASS)
        return f80_invalid(env);
    *cc = 0;
    note_denormals(env, &pa, &pb);
    if (pa.class == F80_ZERO_CLASS)
        return a;
    struct f80_env exact = *env;
    exact.bits = 64;
    int32_t d = pb.class == F80_INF ? -2 : pa.exp - pb.exp;
    bool sign = pa.sign;
    uint64_t m = pa.m, q = 0;
    int32_t exp = pa.exp;
    if (d >= 64) { /* in part: 32 to 63 steps, as processors take them */
        const int32_t n = (d & 31) | 32;
        *cc = FSW_C2;
        f80_u128 rest = m >= pb.m ? m - pb.m : m;
        for (int32_t i = 0; i < n; i++) {
            rest <<= 1;
            if (rest >= pb.m)
                rest -= pb.m;
        }
        m = (uint64_t)rest;
        exp = pa.exp - n;
    } else if (d >= 0) {
        f80_u128 rest = m;
        for (int32_t i = 0;; i++) {
            q <<= 1;
            if (rest >= pb.m) {
                rest -= pb.m;
                q |= 1;
            }
            if (i == d)
                break;
            rest <<= 1;
        }
        m = (uint64_t)rest;
        exp = pb.exp;
    }
    if (!*cc) {
        if (nearest && d >= -1) {
            /* twice the rest against the divisor, in units of the divisor's last place */
            const f80_u128 twice = d >= 0 ? (f80_u128)m << 1 : m;
            if (twice > pb.m || (twice == pb.m && (q & 1))) {
                const f80_u128 full = d >= 0 ? pb.m : (f80_u128)pb.m << 1;
                m = (uint64_t)(full - m);
                sign = !sign;
                q++;
            }
        }
        *cc = (q & 4 ? FSW_C0 : 0u) | (q & 2 ? FSW_C3 : 0u) | (q & 1 ? FSW_C1 : 0u);
    }
    if (!m)
        return f80_zero(pa.sign);
    const int shift = __builtin_clzll(m);
    r = f80_round_pack(&exact, sign, exp - shift, m << shift, 0);
    env->flags = exact.flags;
    return r;
}

enum f80_relation f80_compare(struct f80_env *env, struct f80 a, struct f80 b, bool signal_quiet)
{
    const struct f80_parts pa = f80_unpack(a), pb = f80_unpack(b);
    if (is_nan(pa.class) || is_nan(pb.class)) {
        if (signal_quiet || pa.class > F80_QNAN || pb.class > F80_QNAN)
            env->flags |= FSW_IE;
        return F80_UNORDERED;
    }
    note_denormals(env, &pa, &pb);
    if (pa.class == F80_ZERO_CLASS && pb.class == F80_ZERO_CLASS)
        return F80_EQUAL;
    if (pa.sign != pb.sign && pa.class != F80_ZERO_CLASS && pb.class != F80_ZERO_CLASS)
        return pa.sign ? F80_LESS : F80_GREATER;
    int order; /* of magnitudes */
    if (pa.class != pb.class)
        order = pa.class < pb.class ? -1 : 1;
    else if (pa.class == F80_INF)
        order = 0;
    else if (pa.exp != pb.exp)
        order = pa.exp < pb.exp ? -1 : 1;
    else
        order = pa.m < pb.m ? -1 : pa.m > pb.m;
    if (!order)
        return F80_EQUAL;
    const bool negative = pa.class == F80_ZERO_CLASS ? pb.sign : pa.sign;
    return (order < 0) != negative ? F80_LESS : F80_GREATER;
}

/* ---- other formats */

struct float_format {
    unsigned fraction; /* bits */
    int32_t bias, max; /* exponent field of infinity */
    int32_t wrap;
};
static struct float_format format_of(unsigned w)
{
    return w == 32 ? (struct float_format){23, 127, 255, 192}
                   : (struct float_format){52, 1023, 2047, 1536};
}

struct f80 f80_from_float(struct f80_env *env, uint64_t bits, unsigned w)
{
    const struct float_format f = format_of(w);
    const bool sign = bits >> (w - 1) & 1;
    const uint64_t m = bits & ((UINT64_C(1) << f.fraction) - 1);
    const int32_t e = (int32_t)(bits >> f.fraction) & f.max;
    if (e == f.max)
        return f80_make(sign, F80_EXP, F80_INTEGER | m << (63 - f.fraction));
    if (e)
        return f80_make(sign, (unsigned)(e - f.bias + F80_BIAS),
                        F80_INTEGER | m << (63 - f.fraction));
    if (!m)
        return f80_zero(sign);
    env->denormal = true;
    const int shift = __builtin_clzll(m);
    return f80_make(sign, (unsigned)(F80_BIAS + 1 - f.bias + 63 - (int)f.fraction - shift),
                    m << shift);
}

uint64_t f80_to_float(struct f80_env *env, struct f80 a, unsigned w)
{
    const struct float_format f = format_of(w);
    const struct f80_parts p = f80_unpack(a);
    const uint64_t sign = (uint64_t)p.sign << (w - 1), inf = (uint64_t)f.max << f.fraction;
    if (is_nan(p.class)) {
        const struct f80 nan = f80_nan1(env, a);
        return (uint64_t)(nan.se >> 15) << (w - 1) | inf | (nan.m << 1) >> (64 - f.fraction);
    }
    if (p.class == F80_INF)
        return sign | inf;
    if (p.class == F80_ZERO_CLASS)
        return sign;
    uint64_t m = p.m;
    bool carry, inexact = round_bits(env, p.sign, &m, 0, f.fraction + 1, &carry);
    int32_t e = p.exp + f.bias, after = e + carry;
    if (carry)
        m = F80_INTEGER;
    if (after >= f.max) {
        env->flags |= FSW_OE;
        env->up = false;
        if (env->unmasked & FSW_OE)
            return 0;
        env->flags |= FSW_PE;
        env->up = env->rounding == F80_NEAREST || env->rounding == (p.sign ? F80_DOWN : F80_UP);
        return sign | (env->up ? inf : inf - 1);
    }
    if (e < 1) {
        const bool tiny = after < 1;
        if (tiny && (env->unmasked & FSW_UE)) {
            env->flags |= FSW_UE;
            env->up = false;
            return 0;
        }
        const f80_u128 wide = shift_right_jam((f80_u128)p.m << 64, (unsigned)(1 - e));
        m = (uint64_t)(wide >> 64);
        inexact = round_bits(env, p.sign, &m, (uint64_t)wide, f.fraction + 1, &carry);
        if (inexact)
            env->flags |= FSW_PE | (tiny ? FSW_UE : 0u);
        return sign | m >> (63 - f.fraction); /* a carry makes it the smallest normal one */
    }
    if (inexact)
        env->flags |= FSW_PE;
    return sign | (uint64_t)after << f.fraction | (m << 1) >> (64 - f.fraction);
}

struct f80 f80_from_int(int64_t v)
{
    if (!v)
        return f80_zero(false);
    const uint64_t n = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;
    const int shift = __builtin_clzll(n);
    return f80_make(v < 0, (unsigned)(F80_BIAS + 63 - shift), n << shift);
}

/* Rounded to an integer of at most `limit` (limit + 1 if negative and `low`); false: invalid. */
static bool to_limited(struct f80_env *env, struct f80 a, uint64_t limit, bool low, uint64_t *n)
{
    const struct f80_parts p = f80_unpack(a);
    bool carry, lost;
    if (p.class == F80_ZERO_CLASS) {
        *n = 0;
        return true;
    }
    if (p.class == F80_FINITE && p.exp < 64) {
        *n = to_magnitude(env, &p, &carry, &lost);
        if (!carry && *n <= limit + (low && p.sign)) {
            if (lost)
                env->flags |= FSW_PE;
            return true;
        }
    }
    env->flags |= FSW_IE;
    env->up = false;
    return false;
}

int64_t f80_to_int(struct f80_env *env, struct f80 a, unsigned bits, bool truncate)
{
    const uint64_t limit = mask_bits(bits - 1);
    uint64_t n;
    struct f80_env e = *env;
    if (truncate)
        e.rounding = F80_ZERO;
    if (!to_limited(&e, a, limit, true, &n))
        n = limit + 1;
    env->flags = e.flags;
    env->up = e.up;
    return (int64_t)(a.se & F80_SIGN ? 0 - n : n);
}

struct f80 f80_from_bcd(const uint8_t bcd[10])
{
    uint64_t n = 0;
    for (int i = 8; i >= 0; i--)
        n = n * 100 + (bcd[i] >> 4) * 10u + (bcd[i] & 15);
    struct f80 r = f80_from_int((int64_t)n);
    r.se |= (uint16_t)(bcd[9] & 0x80) << 8;
    return r;
}

void f80_to_bcd(struct f80_env *env, struct f80 a, uint8_t bcd[10])
{
    static const uint8_t indefinite[10] = {0, 0, 0, 0, 0, 0, 0, 0xc0, 0xff, 0xff};
    uint64_t n;
    if (!to_limited(env, a, UINT64_C(999999999999999999), false, &n)) {
        for (unsigned i = 0; i < 10; i++)
            bcd[i] = indefinite[i];
        return;
    }
    for (unsigned i = 0; i < 9; i++, n /= 100)
        bcd[i] = (uint8_t)(n % 10 | n / 10 % 10 << 4);
    bcd[9] = a.se & F80_SIGN ? 0x80 : 0;
}
