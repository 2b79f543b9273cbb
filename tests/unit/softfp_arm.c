/*
 * Arm's floating point in software against exact arithmetic: every operation, in every format,
 * rounding mode, with FZ, DN, FZ16 and AHP, on operands that are special in all combinations and on
 * random ones. What is expected is worked out on exact reals (exact.h) by the rules of the Arm
 * ARM's pseudocode.
 */
#include <criterion/criterion.h>
#include <math.h>

#include "tcg/interp/softfp_arm.h"
#include "tcg/ir/ir.h"
#include "tests/unit/exact.h"

enum { IOC = 1, DZC = 2, IDC = 1 << 7 };

static const struct exact_format formats[] = {
    [IR_W16] = {5, 10}, [IR_W32] = {8, 23}, [IR_W64] = {11, 52}};

/* The mode of a case, and what it raised. */
struct mode {
    unsigned w;
    enum exact_rounding rounding;
    bool fz, dn, fz16, ahp;
    unsigned raised;
};

enum kind { ZERO, NUMBER, INF, QUIET, SIGNALING };
struct value {
    enum kind kind;
    bool sign;
    uint64_t bits, sig; /* sig * 2^exp */
    int exp;
};

static uint64_t frac_mask(unsigned w)
{
    return (UINT64_C(1) << formats[w].frac_bits) - 1;
}
static uint64_t exp_mask(unsigned w)
{
    return ((UINT64_C(1) << formats[w].exp_bits) - 1) << formats[w].frac_bits;
}
static uint64_t sign_of(unsigned w, bool sign)
{
    return (uint64_t)sign << ((8u << w) - 1);
}
static uint64_t quiet_bit(unsigned w)
{
    return UINT64_C(1) << (formats[w].frac_bits - 1);
}

static struct value decode(struct mode *m, unsigned w, uint64_t bits)
{
    const struct exact_format *f = &formats[w];
    struct value v = {.sign = bits >> ((8u << w) - 1), .bits = bits};
    int biased = (int)((bits & exp_mask(w)) >> f->frac_bits), bias = (1 << (f->exp_bits - 1)) - 1;
    v.sig = bits & frac_mask(w);
    v.exp = (biased ? biased : 1) - bias - f->frac_bits;
    if ((bits & exp_mask(w)) == exp_mask(w)) {
        v.kind = !v.sig ? INF : v.sig & quiet_bit(w) ? QUIET : SIGNALING;
    } else if (biased) {
        v.kind = NUMBER;
        v.sig |= frac_mask(w) + 1;
    } else if (v.sig && !(w == IR_W16 ? m->fz16 : m->fz)) {
        v.kind = NUMBER;
    } else {
        if (v.sig && w != IR_W16)
            m->raised |= IDC;
        v.kind = ZERO;
        v.sig = 0;
    }
    return v;
}

static uint64_t default_nan(unsigned w)
{
    return exp_mask(w) | quiet_bit(w);
}
static uint64_t invalid(struct mode *m)
{
    m->raised |= IOC;
    return default_nan(m->w);
}
static uint64_t infinity(struct mode *m, bool sign)
{
    return sign_of(m->w, sign) | exp_mask(m->w);
}

/* The first signaling one, else the first quiet one. */
static bool nan_of(struct mode *m, const struct value *v, unsigned count, uint64_t *r)
{
    for (enum kind kind = SIGNALING; kind >= QUIET; kind--)
        for (unsigned n = 0; n < count; n++)
            if (v[n].kind == kind) {
                m->raised |= kind == SIGNALING ? (unsigned)IOC : 0;
                *r = m->dn ? default_nan(m->w) : v[n].bits | quiet_bit(m->w);
                return true;
            }
    return false;
}

/* A sum or product's exact value in the format; a zero has sign `zero`. */
static uint64_t rounded(struct mode *m, const struct exact *e, bool zero)
{
    if (exact_is_zero(e))
        return sign_of(m->w, zero);
    return exact_round(e, &formats[m->w], m->rounding, m->w == IR_W16 ? m->fz16 : m->fz,
                       &m->raised);
}

static struct exact product(const struct value *a, const struct value *b)
{
    return exact_of(a->sign != b->sign, (unsigned __int128)a->sig * b->sig, a->exp + b->exp);
}
static struct exact number(const struct value *a)
{
    return exact_of(a->sign, a->sig, a->exp);
}

/* ---- what is expected ------------------------------------------------------------------------ */

static uint64_t want_sum(struct mode *m, struct value *v)
{
    uint64_t r;
    if (nan_of(m, v, 2, &r))
        return r;
    if (v[0].kind == INF || v[1].kind == INF) {
        if (v[0].kind == v[1].kind && v[0].sign != v[1].sign)
            return invalid(m);
        return infinity(m, v[0].kind == INF ? v[0].sign : v[1].sign);
    }
    struct exact a = number(&v[0]), b = number(&v[1]), sum = exact_add(&a, &b);
    bool both = v[0].kind == ZERO && v[1].kind == ZERO && v[0].sign == v[1].sign;
    return rounded(m, &sum, both ? v[0].sign : m->rounding == EXACT_MINUS);
}
static uint64_t want_difference(struct mode *m, struct value *v)
{
    if (v[1].kind < QUIET)
        v[1].sign = !v[1].sign;
    return want_sum(m, v);
}

static bool no_product(const struct value *a, const struct value *b)
{
    return (a->kind == INF && b->kind == ZERO) || (a->kind == ZERO && b->kind == INF);
}
static uint64_t want_product(struct mode *m, struct value *v)
{
    uint64_t r;
    if (nan_of(m, v, 2, &r))
        return r;
    if (no_product(&v[0], &v[1]))
        return invalid(m);
    if (v[0].kind == INF || v[1].kind == INF)
        return infinity(m, v[0].sign != v[1].sign);
    struct exact e = product(&v[0], &v[1]);
    return rounded(m, &e, v[0].sign != v[1].sign);
}
static uint64_t want_mulx(struct mode *m, struct value *v)
{
    if (no_product(&v[0], &v[1])) /* 2 */
        return sign_of(m->w, v[0].sign != v[1].sign) | (UINT64_C(1) << (formats[m->w].exp_bits - 1))
                                                           << formats[m->w].frac_bits;
    return want_product(m, v);
}

static uint64_t want_quotient(struct mode *m, struct value *v)
{
    uint64_t r;
    bool sign = v[0].sign != v[1].sign;
    if (nan_of(m, v, 2, &r))
        return r;
    if (v[0].kind == v[1].kind && v[0].kind != NUMBER)
        return invalid(m);
    if (v[0].kind == INF || v[1].kind == ZERO) {
        m->raised |= v[0].kind == INF ? 0 : (unsigned)DZC;
        return infinity(m, sign);
    }
    if (v[0].kind == ZERO || v[1].kind == INF)
        return sign_of(m->w, sign);
    unsigned __int128 n = v[0].sig;
    int shift = 64 + (v[0].sig >> 53 ? 0 : 10);
    while (v[1].sig < UINT64_C(1) << 52) { /* a quotient of enough bits */
        v[1].sig <<= 1;
        v[1].exp--;
    }
    while (v[0].sig < UINT64_C(1) << 52) {
        v[0].sig <<= 1;
        v[0].exp--;
    }
    n = (unsigned __int128)v[0].sig << shift;
    struct exact e = exact_of(sign, n / v[1].sig, v[0].exp - v[1].exp - shift);
    e.more = n % v[1].sig != 0;
    return rounded(m, &e, sign);
}

static uint64_t want_root(struct mode *m, struct value *v)
{
    uint64_t r;
    if (nan_of(m, v, 1, &r))
        return r;
    if (v->kind == ZERO)
        return sign_of(m->w, v->sign);
    if (v->sign)
        return invalid(m);
    if (v->kind == INF)
        return infinity(m, false);
    unsigned __int128 n = v->sig, root = 0;
    while (!(n >> 124) || v->exp & 1) {
        n <<= 1;
        v->exp--;
    }
    for (int bit = 63; bit >= 0; bit--)
        if ((root | (unsigned __int128)1 << bit) * (root | (unsigned __int128)1 << bit) <= n)
            root |= (unsigned __int128)1 << bit;
    struct exact e = exact_of(false, root, v->exp / 2);
    e.more = root * root != n;
    return rounded(m, &e, false);
}

/* -1, 0, 1; both are no NaNs. */
static int order(const struct value *a, const struct value *b)
{
    if (a->kind == INF || b->kind == INF) {
        int x = a->kind == INF ? (a->sign ? -1 : 1) : 0,
            y = b->kind == INF ? (b->sign ? -1 : 1) : 0;
        return x < y ? -1 : x > y;
    }
    struct exact x = number(a), y = number(b);
    y.sign = !y.sign;
    struct exact d = exact_add(&x, &y);
    return exact_is_zero(&d) ? 0 : d.sign ? -1 : 1;
}

static uint64_t pick(struct mode *m, struct value *v, int which)
{
    uint64_t r;
    if (nan_of(m, v, 2, &r))
        return r;
    int o = order(&v[0], &v[1]);
    const struct value *p = o == which ? &v[0] : &v[1];
    if (p->kind != ZERO)
        return p->bits;
    if (o)
        return sign_of(m->w, p->sign);
    return sign_of(m->w, which > 0 ? v[0].sign && v[1].sign : v[0].sign || v[1].sign);
}
static uint64_t want_min(struct mode *m, struct value *v)
{
    return pick(m, v, -1);
}
static uint64_t want_max(struct mode *m, struct value *v)
{
    return pick(m, v, 1);
}
static uint64_t pick_number(struct mode *m, struct value *v, int which)
{
    for (unsigned n = 0; n < 2; n++)
        if (v[n].kind == QUIET && v[!n].kind != QUIET && v[!n].kind != SIGNALING)
            return v[!n].kind == ZERO ? sign_of(m->w, v[!n].sign) : v[!n].bits;
    return pick(m, v, which);
}
static uint64_t want_minnm(struct mode *m, struct value *v)
{
    return pick_number(m, v, -1);
}
static uint64_t want_maxnm(struct mode *m, struct value *v)
{
    return pick_number(m, v, 1);
}

/* scale: the result's exponent. */
static uint64_t multiply_add(struct mode *m, struct value *a, struct value *b, struct value *c,
                             int scale)
{
    bool sign = a->sign != b->sign;
    bool infinite = a->kind == INF || b->kind == INF;
    if (no_product(a, b) || (infinite && c->kind == INF && sign != c->sign))
        return invalid(m);
    if (infinite || c->kind == INF)
        return infinity(m, infinite ? sign : c->sign);
    a->exp += scale;
    c->exp += scale;
    struct exact p = product(a, b), z = number(c), sum = exact_add(&p, &z);
    bool both = (a->kind == ZERO || b->kind == ZERO) && c->kind == ZERO && sign == c->sign;
    return rounded(m, &sum, both ? sign : m->rounding == EXACT_MINUS);
}

/* a, b and the addend c; NaNs are looked at in the order c, a, b. */
static uint64_t want_fma(struct mode *m, struct value *v)
{
    uint64_t r;
    const struct value order_of[3] = {v[2], v[0], v[1]};
    if (v[2].kind == QUIET && no_product(&v[0], &v[1]))
        return invalid(m);
    return nan_of(m, order_of, 3, &r) ? r : multiply_add(m, &v[0], &v[1], &v[2], 0);
}

static uint64_t newton(struct mode *m, struct value *v, uint64_t start, int scale)
{
    uint64_t r;
    v[0].sign = !v[0].sign;
    v[0].bits ^= sign_of(m->w, true);
    if (nan_of(m, v, 2, &r))
        return r;
    struct value c = {.kind = NUMBER, .sig = start};
    struct value zero = {.kind = ZERO};
    if (no_product(&v[0], &v[1]))
        return multiply_add(m, &zero, &zero, &c, scale);
    return multiply_add(m, &v[0], &v[1], &c, scale);
}
static uint64_t want_recps(struct mode *m, struct value *v)
{
    return newton(m, v, 2, 0);
}
static uint64_t want_rsqrts(struct mode *m, struct value *v)
{
    return newton(m, v, 3, -1);
}

/* ---- the operands ---------------------------------------------------------------------------- */

/* By exponent and fraction: everything that is near something. */
static unsigned specials(unsigned w, uint64_t *out)
{
    const struct exact_format *f = &formats[w];
    uint64_t one = ((UINT64_C(1) << (f->exp_bits - 1)) - 1) << f->frac_bits,
             least = frac_mask(w) + 1;
    const uint64_t list[] = {
        0,
        1,
        least - 1,
        least >> 1,
        least,
        least + 1,
        least + least / 2,
        one,
        one - 1,
        one - 2,
        one + 1,
        one + least / 2,
        one + least,
        one + 5 * least / 4,
        exp_mask(w) - 1,
        exp_mask(w) - least,
        exp_mask(w),
        exp_mask(w) | 1,
        exp_mask(w) | quiet_bit(w) | 3,
        (one / 2 & exp_mask(w)) + 7, /* their squares are near the least normal number */
    };
    unsigned n = 0;
    for (unsigned k = 0; k < sizeof list / sizeof *list; k++) {
        out[n++] = list[k];
        out[n++] = list[k] | sign_of(w, true);
    }
    return n;
}
enum { SPECIALS = 40, RANDOM = 300 };

static uint64_t random_bits(uint64_t *seed)
{
    *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    uint64_t x = *seed ^ *seed >> 32;
    return x * UINT64_C(0x9e3779b97f4a7c15) ^ x >> 29;
}
/* With an exponent not far from that of 1, so that sums are rounded. */
static uint64_t random_number(uint64_t *seed, unsigned w)
{
    uint64_t v = random_bits(seed), wide = v & ((UINT64_C(2) << ((8u << w) - 1)) - 1);
    if (w == IR_W16 || v >> 60 & 1)
        return wide;
    uint64_t half = (UINT64_C(1) << (formats[w].exp_bits - 1)) - 8 + (v >> 50 & 15);
    return (wide & ~exp_mask(w)) | half << formats[w].frac_bits;
}

typedef uint64_t ours_fn(struct softfp_env *env, unsigned w, const uint64_t *x);
typedef uint64_t want_fn(struct mode *m, struct value *v);

static unsigned as_fpsr(uint32_t flags)
{
    return (flags & SOFTFP_IE ? IOC : 0u) | (flags & SOFTFP_ZE ? DZC : 0u) |
           (flags & SOFTFP_OE ? EXACT_OFC : 0u) | (flags & SOFTFP_UE ? EXACT_UFC : 0u) |
           (flags & SOFTFP_PE ? EXACT_IXC : 0u) | (flags & SOFTFP_ID ? IDC : 0u);
}

static struct softfp_env env_of(const struct mode *m)
{
    return (struct softfp_env){.rounding = (enum softfp_rounding)m->rounding,
                               .arm = true,
                               .daz = m->fz,
                               .ftz = m->fz,
                               .dn = m->dn,
                               .fz16 = m->fz16,
                               .ahp = m->ahp};
}

static void compare(const char *name, const struct mode *m, const uint64_t *x, uint64_t got,
                    unsigned flags, uint64_t want)
{
    cr_assert(
        got == want && flags == m->raised,
        "%s.%u of %llx %llx %llx, rounding %d fz %d dn %d fz16 %d ahp %d: %llx raises %x, not "
        "%llx, %x",
        name, 8u << m->w, (unsigned long long)x[0], (unsigned long long)x[1],
        (unsigned long long)x[2], m->rounding, m->fz, m->dn, m->fz16, m->ahp,
        (unsigned long long)got, flags, (unsigned long long)want, m->raised);
}

static void one_case(const char *name, const struct mode *mode, unsigned count, const uint64_t *x,
                     ours_fn *ours, want_fn *want)
{
    struct mode m = *mode;
    struct value v[3] = {{0}};
    struct softfp_env env = env_of(&m);
    for (unsigned k = 0; k < count; k++)
        v[k] = decode(&m, m.w, x[k]);
    uint64_t expected = want(&m, v), got = ours(&env, m.w, x);
    compare(name, &m, x, got, as_fpsr(env.flags), expected);
}

/* Of `count` operands, in all modes. */
static void all_cases(const char *name, unsigned count, ours_fn *ours, want_fn *want)
{
    uint64_t special[SPECIALS], seed = 1;
    for (unsigned w = IR_W16; w <= IR_W64; w++) {
        unsigned n = specials(w, special);
        for (unsigned how = 0; how < 16; how++) {
            struct mode m = {.w = w,
                             .rounding = (enum exact_rounding)(how & 3),
                             .fz = how >> 2 & 1,
                             .dn = how >> 3 & 1,
                             .fz16 = how >> 2 & 1};
            unsigned total = count == 1 ? n : count == 2 ? n * n : n * n * 4;
            for (unsigned k = 0; k < total + RANDOM; k++) {
                uint64_t x[3] = {special[k % n], special[k / n % n],
                                 special[(k / n / n * 11 + k * 7 + how) % n]};
                for (unsigned i = 0; k >= total && i < 3; i++)
                    x[i] = random_number(&seed, w);
                one_case(name, &m, count, x, ours, want);
            }
        }
    }
}

#define OPERATION(test, count, call, want)                                                         \
    static uint64_t ours_##test(struct softfp_env *env, unsigned w, const uint64_t *x)             \
    {                                                                                              \
        return call;                                                                               \
    }                                                                                              \
    Test(softfp_arm, test##_is_exact_up_to_one_rounding)                                           \
    {                                                                                              \
        all_cases(#test, count, ours_##test, want);                                                \
    }

OPERATION(addition, 2, softfp_add(env, w, x[0], x[1]), want_sum)
OPERATION(subtraction, 2, softfp_sub(env, w, x[0], x[1]), want_difference)
OPERATION(multiplication, 2, softfp_mul(env, w, x[0], x[1]), want_product)
OPERATION(extended_multiplication, 2, softfp_arm_mulx(env, w, x[0], x[1]), want_mulx)
OPERATION(division, 2, softfp_div(env, w, x[0], x[1]), want_quotient)
OPERATION(square_root, 1, softfp_sqrt(env, w, x[0]), want_root)
OPERATION(minimum, 2, softfp_arm_min(env, w, x[0], x[1]), want_min)
OPERATION(maximum, 2, softfp_arm_max(env, w, x[0], x[1]), want_max)
OPERATION(minimum_number, 2, softfp_arm_minnm(env, w, x[0], x[1]), want_minnm)
OPERATION(maximum_number, 2, softfp_arm_maxnm(env, w, x[0], x[1]), want_maxnm)
OPERATION(multiply_add, 3, softfp_arm_fma(env, w, x[0], x[1], x[2], 0), want_fma)
OPERATION(reciprocal_step, 2, softfp_arm_recps(env, w, x[0], x[1]), want_recps)
OPERATION(reciprocal_root_step, 2, softfp_arm_rsqrts(env, w, x[0], x[1]), want_rsqrts)

static uint64_t want_fused_negated(struct mode *m, struct value *v)
{
    v[0].sign = !v[0].sign;
    v[0].bits ^= sign_of(m->w, true);
    v[2].sign = !v[2].sign;
    v[2].bits ^= sign_of(m->w, true);
    return want_fma(m, v);
}
OPERATION(negated_multiply_add, 3,
          softfp_arm_fma(env, w, x[0], x[1], x[2], SOFTFP_NEGATE_PRODUCT | SOFTFP_NEGATE_ADDEND),
          want_fused_negated)

/* ---- comparisons ----------------------------------------------------------------------------- */

static bool signals;
static uint64_t ours_compare(struct softfp_env *env, unsigned w, const uint64_t *x)
{
    return softfp_compare(env, w, x[0], x[1], signals);
}
static uint64_t want_compare(struct mode *m, struct value *v)
{
    if (v[0].kind >= QUIET || v[1].kind >= QUIET) {
        if (signals || v[0].kind == SIGNALING || v[1].kind == SIGNALING)
            m->raised |= IOC;
        return SOFTFP_UNORDERED;
    }
    int o = order(&v[0], &v[1]);
    return o < 0 ? SOFTFP_LESS : o ? SOFTFP_GREATER : SOFTFP_EQUAL;
}
Test(softfp_arm, comparison_is_that_of_the_numbers)
{
    for (unsigned n = 0; n < 2; n++) {
        signals = n;
        all_cases("comparison", 2, ours_compare, want_compare);
    }
}

/* ---- to and from integers, integral values --------------------------------------------------- */

static struct softfp_fixed fixed;
static enum exact_rounding integer_rounding;

static uint64_t ours_to_fixed(struct softfp_env *env, unsigned w, const uint64_t *x)
{
    env->rounding = (enum softfp_rounding)integer_rounding;
    return softfp_arm_to_fixed(env, w, x[0], &fixed);
}
static uint64_t want_to_fixed(struct mode *m, struct value *v)
{
    int left = 0;
    unsigned __int128 n = 0,
                      least = fixed.is_unsigned ? 0 : (unsigned __int128)1 << (fixed.bits - 1),
                      greatest =
                          fixed.is_unsigned ? ((unsigned __int128)1 << fixed.bits) - 1 : least - 1;
    if (v->kind >= QUIET) {
        m->raised |= IOC;
        return 0;
    }
    if (v->kind == NUMBER) {
        v->exp += (int)fixed.fbits;
        struct exact e = number(v);
        if (exact_top(&e) - EXACT_POINT < 100) {
            n = exact_floor(&e, 0, &left);
            n += exact_goes_up(integer_rounding, v->sign, n & 1, left);
        } else {
            n = (unsigned __int128)1 << 100;
        }
    } else if (v->kind == INF) {
        n = (unsigned __int128)1 << 100;
    }
    if (n > (v->sign ? least : greatest)) {
        m->raised |= IOC;
        n = v->sign ? least : greatest;
    } else if (left) {
        m->raised |= EXACT_IXC;
    }
    uint64_t r = (uint64_t)(v->sign ? 0 - n : n);
    return fixed.bits == 64 ? r : r & ((UINT64_C(1) << fixed.bits) - 1);
}
Test(softfp_arm, conversion_to_integers_saturates)
{
    static const uint8_t bits[] = {16, 32, 64};
    for (unsigned n = 0; n < 3 * 2 * 5 * 3; n++) {
        fixed = (struct softfp_fixed){.bits = bits[n % 3], .is_unsigned = n / 3 % 2};
        integer_rounding = (enum exact_rounding)(n / 6 % 5);
        fixed.fbits = n / 30 == 0 ? 0 : n / 30 == 1 ? 1 : fixed.bits;
        all_cases("to_fixed", 1, ours_to_fixed, want_to_fixed);
    }
}

static bool flag_inexact;
static uint64_t ours_round(struct softfp_env *env, unsigned w, const uint64_t *x)
{
    return softfp_round(env, w, x[0], (enum softfp_rounding)integer_rounding, !flag_inexact);
}
static uint64_t integral(struct mode *m, const struct value *v, bool flag)
{
    int left, top;
    struct exact e = number(v);
    top = exact_top(&e) - EXACT_POINT;
    if (top >= 64)
        return v->bits;
    unsigned __int128 n = exact_floor(&e, 0, &left);
    n += exact_goes_up(integer_rounding, v->sign, n & 1, left);
    if (left && flag)
        m->raised |= EXACT_IXC;
    e = exact_of(v->sign, n, 0);
    return rounded(m, &e, v->sign);
}
static uint64_t want_round(struct mode *m, struct value *v)
{
    uint64_t r;
    if (nan_of(m, v, 1, &r))
        return r;
    if (v->kind == INF)
        return v->bits;
    return integral(m, v, flag_inexact);
}
Test(softfp_arm, rounding_to_integral_values)
{
    for (unsigned n = 0; n < 10; n++) {
        integer_rounding = (enum exact_rounding)(n / 2);
        flag_inexact = n & 1;
        all_cases("round", 1, ours_round, want_round);
    }
}

static unsigned integral_bits;
static uint64_t ours_round_n(struct softfp_env *env, unsigned w, const uint64_t *x)
{
    env->rounding = (enum softfp_rounding)integer_rounding;
    return softfp_arm_round_n(env, w, x[0], integral_bits);
}
static uint64_t want_round_n(struct mode *m, struct value *v)
{
    struct mode before = *m;
    struct exact limit = exact_of(true, (unsigned __int128)1 << (integral_bits - 1), 0), e;
    uint64_t least = exact_round(&limit, &formats[m->w], EXACT_CHOP, false, &before.raised);
    before = *m;
    if (v->kind == ZERO)
        return sign_of(m->w, v->sign);
    if (v->kind == NUMBER) {
        uint64_t r = integral(m, v, true);
        struct mode plain = {.w = m->w};
        struct value n = decode(&plain, m->w, r);
        e = number(&n);
        int above = exact_compare_magnitude(&e, &limit);
        if (above < 0 || (above == 0 && v->sign))
            return r;
    }
    *m = before;
    m->raised |= IOC;
    return least;
}
Test(softfp_arm, rounding_to_what_an_integer_can_be)
{
    for (unsigned n = 0; n < 8; n++) {
        integer_rounding = (enum exact_rounding)(n / 2);
        integral_bits = n & 1 ? 64 : 32;
        uint64_t special[SPECIALS];
        for (unsigned w = IR_W32; w <= IR_W64; w++)
            for (unsigned k = specials(w, special); k-- > 0;) {
                struct mode m = {.w = w, .fz = k & 1};
                one_case("round_n", &m, 1, (uint64_t[3]){special[k]}, ours_round_n, want_round_n);
            }
    }
}

Test(softfp_arm, conversion_from_integers)
{
    static const uint64_t values[] = {0,
                                      1,
                                      2,
                                      3,
                                      0x7fff,
                                      0xffff,
                                      0x10001,
                                      0x7fffffff,
                                      0x80000000,
                                      0xffffffff,
                                      0x1ffffff,
                                      UINT64_C(0x7fffffffffffffff),
                                      UINT64_C(0x8000000000000000),
                                      UINT64_C(0xfffffffffffffbff),
                                      UINT64_C(0x20000000000003),
                                      ~UINT64_C(0)};
    for (unsigned n = 0; n < 16 * 3 * 4 * 2 * 2 * 3; n++) {
        struct mode m = {.w = IR_W16 + n / 16 % 3,
                         .rounding = (enum exact_rounding)(n / 48 % 4),
                         .fz = n & 1,
                         .fz16 = n & 1};
        struct softfp_fixed from = {.bits = n / 192 % 2 ? 64 : 32, .is_unsigned = n / 384 % 2};
        from.fbits = n / 768 == 0 ? 0 : n / 768 == 1 ? 20 : from.bits;
        uint64_t v = values[n % 16], u = from.bits == 32 ? (uint32_t)v : v;
        bool sign = !from.is_unsigned && u >> (from.bits - 1);
        if (sign)
            u = from.bits == 32 ? (uint32_t) - (uint32_t)u : 0 - u;
        struct exact e = exact_of(sign, u, -(int)from.fbits);
        struct softfp_env env = env_of(&m);
        uint64_t want = rounded(&m, &e, false), got = softfp_arm_from_fixed(&env, m.w, v, &from);
        compare("from_fixed", &m, (uint64_t[3]){v, from.bits, from.fbits}, got, as_fpsr(env.flags),
                want);
    }
}

/* ---- formats --------------------------------------------------------------------------------- */

/* From w to `to`, one of which may be the alternative half-precision format. */
static uint64_t want_convert(struct mode *m, unsigned to, uint64_t bits)
{
    struct mode from = *m;
    struct value v;
    bool fz16 = m->fz16;
    from.fz16 = false;
    if (m->ahp && m->w == IR_W16 && (bits & 0x7c00) == 0x7c00)
        v = (struct value){
            .kind = NUMBER, .sign = bits >> 15 & 1, .sig = 0x400 | (bits & 0x3ff), .exp = 6};
    else
        v = decode(&from, m->w, bits);
    m->raised |= from.raised;
    uint64_t sign = sign_of(to, v.sign);
    bool alternative = m->ahp && to == IR_W16;
    if (v.kind >= QUIET) {
        if (v.kind == SIGNALING || alternative)
            m->raised |= IOC;
        int down = formats[m->w].frac_bits - formats[to].frac_bits;
        uint64_t payload = v.bits & (quiet_bit(m->w) - 1);
        payload = down > 0 ? payload >> down : payload << -down;
        return alternative ? sign : m->dn ? default_nan(to) : sign | default_nan(to) | payload;
    }
    if (v.kind == ZERO)
        return sign;
    if (v.kind == INF) {
        m->raised |= alternative ? (unsigned)IOC : 0;
        return alternative ? sign | 0x7fff : sign | exp_mask(to);
    }
    struct exact e = number(&v);
    if (alternative &&
        exact_top(&e) - EXACT_POINT >= 15) { /* where it has what the other has not */
        static const struct exact_format taller = {6, 10};
        unsigned raised = 0;
        uint64_t r = exact_round(&e, &taller, m->rounding, false, &raised);
        int exp = (int)(r >> 10 & 0x3f) - 31;
        if (exp > 16) {
            m->raised |= IOC;
            return sign | 0x7fff;
        }
        m->raised |= raised;
        return sign | (uint64_t)(exp + 15) << 10 | (r & 0x3ff);
    }
    struct mode into = *m;
    into.w = to;
    into.fz16 = false;
    uint64_t r = rounded(&into, &e, v.sign);
    m->raised = into.raised;
    m->fz16 = fz16;
    /* what rounding took beyond the other format's numbers is one here */
    return r;
}

Test(softfp_arm, conversion_between_formats)
{
    uint64_t special[SPECIALS], seed = 1;
    for (unsigned n = 0; n < 6 * 6 * 16; n++) {
        struct mode mode = {.w = IR_W16 + n % 3,
                            .rounding = (enum exact_rounding)(n / 6 % 6),
                            .fz = n / 36 & 1,
                            .dn = n / 72 & 1,
                            .fz16 = n / 144 & 1,
                            .ahp = n / 288 & 1};
        unsigned to = IR_W16 + (n % 3 + 1 + n / 3 % 2) % 3, count = specials(mode.w, special);
        for (unsigned k = 0; k < count + RANDOM; k++) {
            uint64_t x[3] = {k < count ? special[k] : random_number(&seed, mode.w), to};
            /* numbers that the narrower format has, nearly, and its greatest and least */
            if (k >= count && k % 3 == 0 && mode.w > to)
                x[0] = softfp_convert(&(struct softfp_env){.arm = true}, to, mode.w,
                                      random_number(&seed, to)) +
                       (k & 1) - (k >> 1 & 1);
            struct mode m = mode;
            struct softfp_env env = env_of(&m);
            uint64_t want = want_convert(&m, to, x[0]),
                     got = softfp_arm_convert(&env, m.w, to, x[0]);
            compare("convert", &m, x, got, as_fpsr(env.flags), want);
        }
    }
}

/* a and b are binary16, the addend and the result binary32. */
Test(softfp_arm, long_multiply_add_is_exact_up_to_one_rounding)
{
    uint64_t half[SPECIALS], single[SPECIALS];
    unsigned n = specials(IR_W16, half), n32 = specials(IR_W32, single);
    for (unsigned k = 0; k < n * n * n32; k++) {
        struct mode m = {.w = IR_W32,
                         .rounding = (enum exact_rounding)(k % 4),
                         .fz = k % 3 == 1,
                         .dn = k % 5 == 1,
                         .fz16 = k % 7 == 1};
        uint64_t x[3] = {half[k % n], half[k / n % n], single[k / n / n]}, want;
        struct softfp_env env = env_of(&m);
        struct value v[3] = {decode(&m, IR_W16, x[0]), decode(&m, IR_W16, x[1]),
                             decode(&m, IR_W32, x[2])};
        for (unsigned i = 0; i < 2; i++) /* a NaN as it is in the wider format */
            v[i].bits = sign_of(IR_W32, v[i].sign) | exp_mask(IR_W32) | (x[i] & 0x3ff) << 13;
        want = want_fma(&m, v);
        uint64_t got = softfp_arm_fmlal(&env, (uint16_t)x[0], (uint16_t)x[1], (uint32_t)x[2], 0);
        compare("fmlal", &m, x, got, as_fpsr(env.flags), want);
    }
}

/* ---- FJCVTZS, estimates ---------------------------------------------------------------------- */

Test(softfp_arm, javascript_conversion_is_modulo_2_to_the_32)
{
    static const struct {
        double value;
        uint32_t result;
        bool exact;
        unsigned raised;
    } cases[] = {
        {0.0, 0, true, 0},
        {-0.0, 0, false, 0},
        {1.0, 1, true, 0},
        {-1.0, 0xffffffff, true, 0},
        {1.5, 1, false, EXACT_IXC},
        {-1.5, 0xffffffff, false, EXACT_IXC},
        {2147483647.0, 0x7fffffff, true, 0},
        {2147483648.0, 0x80000000, false, IOC},
        {-2147483648.0, 0x80000000, true, 0},
        {-2147483649.0, 0x7fffffff, false, IOC},
        {4294967296.0 + 5, 5, false, IOC},
        {-4294967296.0 - 5.5, 0xfffffffb, false, IOC},
        {9007199254740993.0 * 1024, 0x00000800 - 0x00000800, false, IOC},
        {0x1.8p84, 0, false, IOC},
        {0x1.0000000000001p83, 0x80000000, false, IOC},
        {INFINITY, 0, false, IOC},
        {NAN, 0, false, IOC},
        {0x1p-1074, 0, false, EXACT_IXC},
    };
    for (unsigned n = 0; n < sizeof cases / sizeof *cases; n++) {
        struct softfp_env env = {.arm = true};
        uint64_t bits, got;
        memcpy(&bits, &cases[n].value, sizeof bits);
        got = softfp_arm_jcvt(&env, bits);
        cr_expect_eq((uint32_t)got, cases[n].result, "%a: %x", cases[n].value, (uint32_t)got);
        cr_expect_eq(got >> 32 & 1, cases[n].exact, "%a", cases[n].value);
        cr_expect_eq(as_fpsr(env.flags), cases[n].raised, "%a", cases[n].value);
    }
}

static double as_double(uint64_t bits)
{
    double d;
    memcpy(&d, &bits, sizeof d);
    return d;
}
static float as_float(uint32_t bits)
{
    float f;
    memcpy(&f, &bits, sizeof f);
    return f;
}

/* The estimates as the older manuals have them, on reals: a from a half (a quarter) to 1. */
static double reciprocal(double a)
{
    double r = 1.0 / ((floor(a * 512) + 0.5) / 512);
    return floor(256 * r + 0.5) / 256;
}
static double reciprocal_root(double a)
{
    double unit = a < 0.5 ? 512 : 256;
    double r = 1.0 / sqrt((floor(a * unit) + 0.5) / unit);
    return floor(256 * r + 0.5) / 256;
}

Test(softfp_arm, estimates_are_those_of_the_tables)
{
    for (uint32_t bits = 0x01000000; bits < 0x7e000000; bits += 0x1235f) {
        struct softfp_env env = {.arm = true};
        int exp;
        double a = frexp((double)as_float(bits), &exp);
        float got = as_float((uint32_t)softfp_arm_recpe(&env, IR_W32, bits));
        cr_assert_eq((double)got, ldexp(reciprocal(a), -exp), "1 / %x: %a", bits, (double)got);
        if (exp & 1) {
            a /= 2;
            exp++;
        }
        got = as_float((uint32_t)softfp_arm_rsqrte(&env, IR_W32, bits));
        cr_assert_eq((double)got, ldexp(reciprocal_root(a), -exp / 2), "root %x: %a", bits,
                     (double)got);
        cr_assert_eq(env.flags, 0);
    }
    for (uint64_t bits = UINT64_C(0x0020000000000000); bits < UINT64_C(0x7fd0000000000000);
         bits += UINT64_C(0x123456789abc)) {
        struct softfp_env env = {.arm = true};
        int exp;
        double a = frexp(as_double(bits), &exp);
        double got = as_double(softfp_arm_recpe(&env, IR_W64, bits));
        cr_assert_eq(got, ldexp(reciprocal(a), -exp));
        if (exp & 1) {
            a /= 2;
            exp++;
        }
        got = as_double(softfp_arm_rsqrte(&env, IR_W64, bits));
        cr_assert_eq(got, ldexp(reciprocal_root(a), -exp / 2));
    }
}

Test(softfp_arm, estimates_of_special_values)
{
    static const struct {
        bool root;
        uint32_t in, out;
        unsigned raised;
        enum softfp_rounding rounding;
        bool fz;
    } cases[] = {
        {false, 0x00000000, 0x7f800000, DZC, SOFTFP_NEAREST, false},
        {false, 0x80000000, 0xff800000, DZC, SOFTFP_NEAREST, false},
        {false, 0x7f800000, 0x00000000, 0, SOFTFP_NEAREST, false},
        {false, 0x7f800001, 0x7fc00001, IOC, SOFTFP_NEAREST, false},
        {false, 0x00000001, 0x7f800000, EXACT_OFC | EXACT_IXC, SOFTFP_NEAREST, false},
        {false, 0x00000001, 0x7f7fffff, EXACT_OFC | EXACT_IXC, SOFTFP_ZERO, false},
        {false, 0x80000001, 0xff7fffff, EXACT_OFC | EXACT_IXC, SOFTFP_UP, false},
        {false, 0x80000001, 0xff800000, EXACT_OFC | EXACT_IXC, SOFTFP_DOWN, false},
        {false, 0x00000001, 0x7f800000, DZC | IDC, SOFTFP_NEAREST, true},
        {false, 0x00400000, 0x7eff8000, 0, SOFTFP_NEAREST, false}, /* denormal in */
        {false, 0x7f000000, 0x003fe000, 0, SOFTFP_NEAREST, false}, /* denormal out */
        {false, 0x7f000000, 0x00000000, EXACT_UFC, SOFTFP_NEAREST, true},
        {true, 0x00000000, 0x7f800000, DZC, SOFTFP_NEAREST, false},
        {true, 0x80000000, 0xff800000, DZC, SOFTFP_NEAREST, false},
        {true, 0xbf800000, 0x7fc00000, IOC, SOFTFP_NEAREST, false},
        {true, 0xff800000, 0x7fc00000, IOC, SOFTFP_NEAREST, false},
        {true, 0x7f800000, 0x00000000, 0, SOFTFP_NEAREST, false},
        {true, 0x80000001, 0xff800000, DZC | IDC, SOFTFP_NEAREST, true},
    };
    for (unsigned n = 0; n < sizeof cases / sizeof *cases; n++) {
        struct softfp_env env = {
            .arm = true, .rounding = cases[n].rounding, .daz = cases[n].fz, .ftz = cases[n].fz};
        uint64_t got = cases[n].root ? softfp_arm_rsqrte(&env, IR_W32, cases[n].in)
                                     : softfp_arm_recpe(&env, IR_W32, cases[n].in);
        cr_expect_eq(got, cases[n].out, "%u: %llx, not %x", n, (unsigned long long)got,
                     cases[n].out);
        cr_expect_eq(as_fpsr(env.flags), cases[n].raised, "%u: %x", n, as_fpsr(env.flags));
    }
}

Test(softfp_arm, the_exponent_is_turned_over)
{
    struct softfp_env env = {.arm = true};
    cr_expect_eq(softfp_arm_recpx(&env, IR_W32, 0x3f812345), 0x40000000);
    cr_expect_eq(softfp_arm_recpx(&env, IR_W32, 0x80000005), 0xff000000);
    cr_expect_eq(softfp_arm_recpx(&env, IR_W64, UINT64_C(0x7ff0000000000000)), 0);
    cr_expect_eq(softfp_arm_recpx(&env, IR_W16, 0x3c00), 0x4000);
    cr_expect_eq(env.flags, 0);
    cr_expect_eq(softfp_arm_recpx(&env, IR_W32, 0xffa00000), 0xffe00000);
    cr_expect_eq(env.flags, SOFTFP_IE);
}
