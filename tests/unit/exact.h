/*
 * Exact real numbers for tests of floating point: binary fixed-point numbers so wide that sums and
 * products of any two binary64 numbers fit, and rounding of such a number into a format, as the Arm
 * ARM's FPRoundBase() describes it on reals. Nothing here is shared with the code that is tested.
 */
#ifndef TESTS_UNIT_EXACT_H
#define TESTS_UNIT_EXACT_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum { EXACT_WORDS = 70, EXACT_POINT = 2240 }; /* bit EXACT_POINT has the weight 1 */

/* Magnitude; more: the true value is a little greater. */
struct exact {
    bool sign, more;
    uint64_t word[EXACT_WORDS];
};

struct exact_format {
    int exp_bits, frac_bits;
};
enum exact_rounding {
    EXACT_TIE_EVEN,
    EXACT_MINUS,
    EXACT_PLUS,
    EXACT_CHOP,
    EXACT_TIE_AWAY,
    EXACT_TO_ODD
};
/* What rounding raises; numbered as FPSR has them. */
enum { EXACT_OFC = 1 << 2, EXACT_UFC = 1 << 3, EXACT_IXC = 1 << 4 };

static inline bool exact_bit(const struct exact *a, int n)
{
    return n >= 0 && n < 64 * EXACT_WORDS && a->word[n / 64] >> (n % 64) & 1;
}
/* The top bit's number, -1: there is none. */
static inline int exact_top(const struct exact *a)
{
    for (int k = EXACT_WORDS - 1; k >= 0; k--)
        if (a->word[k])
            return 64 * k + 63 - __builtin_clzll(a->word[k]);
    return -1;
}
static inline bool exact_is_zero(const struct exact *a)
{
    return exact_top(a) < 0 && !a->more;
}
/* sig * 2^exp */
static inline struct exact exact_of(bool sign, unsigned __int128 sig, int exp)
{
    struct exact r = {.sign = sign};
    for (int n = 0; n < 128; n++)
        if (sig >> n & 1)
            r.word[(EXACT_POINT + exp + n) / 64] |= UINT64_C(1) << ((EXACT_POINT + exp + n) % 64);
    return r;
}
static inline int exact_compare_magnitude(const struct exact *a, const struct exact *b)
{
    for (int k = EXACT_WORDS - 1; k >= 0; k--)
        if (a->word[k] != b->word[k])
            return a->word[k] < b->word[k] ? -1 : 1;
    return 0;
}
/* Neither has `more`. */
static inline struct exact exact_add(const struct exact *a, const struct exact *b)
{
    struct exact r = {.sign = a->sign};
    if (a->sign != b->sign && exact_compare_magnitude(a, b) < 0) {
        const struct exact *t = a;
        a = b;
        b = t;
        r.sign = a->sign;
    }
    unsigned __int128 carry = 0;
    for (int k = 0; k < EXACT_WORDS; k++) {
        if (a->sign == b->sign) {
            carry += (unsigned __int128)a->word[k] + b->word[k];
            r.word[k] = (uint64_t)carry;
            carry >>= 64;
        } else {
            unsigned __int128 d = (unsigned __int128)a->word[k] - b->word[k] - carry;
            r.word[k] = (uint64_t)d;
            carry = d >> 64 & 1;
        }
    }
    return r;
}

/* The integer part of a * 2^shift, and what is left: 0 nothing, 1 less than a half, 2 a half, 3
 * more. */
static inline unsigned __int128 exact_floor(const struct exact *a, int shift, int *left)
{
    unsigned __int128 v = 0;
    int point = EXACT_POINT - shift;
    bool below = a->more;
    for (int n = 127; n >= 0; n--)
        v = v << 1 | exact_bit(a, point + n);
    for (int n = 0; n < point - 1 && !below;) {
        bool word = n % 64 == 0 && n + 64 <= point - 1; /* whole ones are quicker */
        below = word ? a->word[n / 64] != 0 : exact_bit(a, n);
        n += word ? 64 : 1;
    }
    *left = exact_bit(a, point - 1) ? 2 + below : below;
    return v;
}

static inline bool exact_goes_up(enum exact_rounding mode, bool sign, bool odd, int left)
{
    switch (mode) {
    case EXACT_TIE_EVEN:
        return left == 3 || (left == 2 && odd);
    case EXACT_TIE_AWAY:
        return left >= 2;
    case EXACT_PLUS:
        return left && !sign;
    case EXACT_MINUS:
        return left && sign;
    default:
        return false;
    }
}

/* Bits of a number that is not zero, in the format; flush: results below the normal ones are. */
static inline uint64_t exact_round(const struct exact *a, const struct exact_format *f,
                                   enum exact_rounding mode, bool flush, unsigned *raised)
{
    int bias = (1 << (f->exp_bits - 1)) - 1, least = 1 - bias, left;
    int top = exact_top(a) - EXACT_POINT, exp = top < least ? least : top;
    uint64_t sign = (uint64_t)a->sign << (f->exp_bits + f->frac_bits);
    if (top < least && flush) {
        *raised |= EXACT_UFC;
        return sign;
    }
    uint64_t mant = (uint64_t)exact_floor(a, f->frac_bits - exp, &left);
    if (top < least && left)
        *raised |= EXACT_UFC;
    if (mode == EXACT_TO_ODD && left)
        mant |= 1;
    mant += exact_goes_up(mode, a->sign, mant & 1, left);
    if (mant >> (f->frac_bits + 1)) {
        mant >>= 1;
        exp++;
    }
    if (left)
        *raised |= EXACT_IXC;
    if (exp > bias) {
        bool infinite = mode == EXACT_TIE_EVEN || mode == EXACT_TIE_AWAY ||
                        (mode == EXACT_PLUS && !a->sign) || (mode == EXACT_MINUS && a->sign);
        *raised |= EXACT_OFC | EXACT_IXC;
        return sign | ((((UINT64_C(1) << f->exp_bits) - 1) << f->frac_bits) - !infinite);
    }
    if (!(mant >> f->frac_bits)) /* denormal, or zero */
        return sign | mant;
    return sign | (uint64_t)(exp + bias) << f->frac_bits |
           (mant & ((UINT64_C(1) << f->frac_bits) - 1));
}

#endif
