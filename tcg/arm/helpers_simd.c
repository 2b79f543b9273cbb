/* Helpers of Advanced SIMD: what has no short sequence of the IR. Arm ARM, the instruction named.
 */
#include "core/util/range.h"
#include "tcg/arm/helpers.h"
#include "tcg/cpu.h"

typedef __int128 wide;

static uint64_t get(const uint64_t *v, unsigned w, unsigned n)
{
    unsigned bits = 8u << w, bit = n * bits;
    return v[bit / 64] >> bit % 64 & mask_bits(bits);
}

static int64_t get_signed(const uint64_t *v, unsigned w, unsigned n)
{
    unsigned up = 64 - (8u << w);
    return (int64_t)(get(v, w, n) << up) >> up;
}

static void set(uint64_t *v, unsigned w, unsigned n, uint64_t x)
{
    unsigned bits = 8u << w, bit = n * bits;
    uint64_t m = mask_bits(bits) << bit % 64;
    v[bit / 64] = (v[bit / 64] & ~m) | (x << bit % 64 & m);
}

static wide saturate(wide v, unsigned bits, bool is_unsigned, uint64_t *saturated)
{
    wide max = is_unsigned ? ((wide)1 << bits) - 1 : ((wide)1 << (bits - 1)) - 1;
    wide min = is_unsigned ? 0 : -max - 1;
    *saturated |= v > max || v < min;
    return v > max ? max : v < min ? min : v;
}

/* Beyond 120 nothing changes, and what is added to round still fits. */
static wide shift_right(wide v, unsigned n, bool round)
{
    enum { ENOUGH = 120 };
    if (n > ENOUGH)
        n = ENOUGH;
    return (v + (round ? (wide)1 << (n - 1) : 0)) >> n;
}

/* Beyond the lane's bits: too large, and nothing is left in the lane. */
static wide shift_left(wide v, unsigned n, unsigned bits)
{
    const wide beyond = (wide)1 << bits;
    if (n < bits)
        return v * ((wide)1 << n);
    return v ? (v > 0 ? beyond : -beyond) : 0;
}

static uint64_t shift(void *env, uint64_t how, bool saturating)
{
    struct tcg_cpu *tc = tcg_cpu_of(env);
    unsigned w = how & 0xff, lanes = how >> 8 & 0xff, bits = 8u << w;
    bool is_unsigned = how & SIMD_SHIFT_UNSIGNED;
    const uint64_t *a = tc->scratch + SIMD_ARG_A, *b = tc->scratch + SIMD_ARG_B;
    uint64_t *r = tc->scratch + SIMD_RESULT, saturated = 0;
    for (unsigned n = 0; n < lanes; n++) {
        wide v = is_unsigned ? (wide)get(a, w, n) : get_signed(a, w, n);
        int count = (int8_t)get(b, w, n);
        if (count < 0)
            v = shift_right(v, (unsigned)-count, how & SIMD_SHIFT_ROUND);
        else
            v = shift_left(v, (unsigned)count, bits);
        set(r, w, n, (uint64_t)(saturating ? saturate(v, bits, is_unsigned, &saturated) : v));
    }
    return saturated;
}

uint64_t arm_helper_simd_shift(void *env, uint64_t how, uint64_t b, uint64_t c, uint64_t d)
{
    (void)b, (void)c, (void)d;
    return shift(env, how, false);
}

uint64_t arm_helper_simd_shift_saturate(void *env, uint64_t how, uint64_t b, uint64_t c, uint64_t d)
{
    (void)b, (void)c, (void)d;
    return shift(env, how, true);
}

uint64_t arm_helper_simd_rdma(void *env, uint64_t how, uint64_t b, uint64_t c, uint64_t d)
{
    (void)b, (void)c, (void)d;
    struct tcg_cpu *tc = tcg_cpu_of(env);
    unsigned w = how & 0xff, lanes = how >> 8 & 0xff, bits = 8u << w;
    uint64_t saturated = 0;
    for (unsigned n = 0; n < lanes; n++) {
        wide product = (wide)get_signed(tc->scratch + SIMD_ARG_A, w, n) *
                       get_signed(tc->scratch + SIMD_ARG_B, w, n) * 2;
        wide sum = (wide)get_signed(tc->scratch + SIMD_ARG_C, w, n) * ((wide)1 << bits) +
                   ((wide)1 << (bits - 1));
        sum = how & SIMD_RDMA_SUBTRACT ? sum - product : sum + product;
        set(tc->scratch + SIMD_RESULT, w, n,
            (uint64_t)saturate(sum >> bits, bits, false, &saturated));
    }
    return saturated;
}

uint64_t arm_helper_simd_suqadd(void *env, uint64_t how, uint64_t b, uint64_t c, uint64_t d)
{
    (void)b, (void)c, (void)d;
    struct tcg_cpu *tc = tcg_cpu_of(env);
    unsigned w = how & 0xff, lanes = how >> 8 & 0xff, bits = 8u << w;
    bool to_unsigned = how & SIMD_TO_UNSIGNED;
    const uint64_t *from = tc->scratch + SIMD_ARG_A, *to = tc->scratch + SIMD_ARG_B;
    uint64_t saturated = 0;
    for (unsigned n = 0; n < lanes; n++) {
        wide sum = to_unsigned ? (wide)get(to, w, n) + get_signed(from, w, n)
                               : (wide)get_signed(to, w, n) + get(from, w, n);
        set(tc->scratch + SIMD_RESULT, w, n,
            (uint64_t)saturate(sum, bits, to_unsigned, &saturated));
    }
    return saturated;
}

static uint16_t multiply_without_carry(uint8_t a, uint8_t b)
{
    unsigned r = 0;
    for (unsigned k = 0; k < 8; k++)
        r ^= (b >> k & 1) * ((unsigned)a << k);
    return (uint16_t)r;
}

uint64_t arm_helper_simd_pmul(void *env, uint64_t how, uint64_t b, uint64_t c, uint64_t d)
{
    (void)b, (void)c, (void)d;
    struct tcg_cpu *tc = tcg_cpu_of(env);
    unsigned w = how ? IR_W16 : IR_W8, from = how == 2 ? 8 : 0;
    for (unsigned n = 0; n < 16u >> w; n++)
        set(tc->scratch + SIMD_RESULT, w, n,
            multiply_without_carry((uint8_t)get(tc->scratch + SIMD_ARG_A, IR_W8, from + n),
                                   (uint8_t)get(tc->scratch + SIMD_ARG_B, IR_W8, from + n)));
    return 0;
}

/* ---- estimates: UnsignedRecipEstimate, UnsignedRSqrtEstimate
 * ------------------------------------- */

static uint32_t estimate_reciprocal(uint32_t v)
{
    if (!(v >> 31))
        return 0xffffffff;
    unsigned a = (v >> 23) * 2 + 1, r = ((1u << 19) / a + 1) / 2;
    return r << 23;
}

static uint32_t estimate_square_root(uint32_t v)
{
    unsigned a = v >> 23, r = 512;
    if (!(v >> 30))
        return 0xffffffff;
    a = a < 256 ? 2 * a + 1 : ((a >> 1 << 1) + 1) * 2;
    while (a * (r + 1) * (r + 1) < 1u << 28)
        r++;
    return (r + 1) / 2 << 23;
}

uint64_t arm_helper_simd_estimate(void *env, uint64_t how, uint64_t b, uint64_t c, uint64_t d)
{
    (void)b, (void)c, (void)d;
    struct tcg_cpu *tc = tcg_cpu_of(env);
    for (unsigned n = 0; n < 4; n++) {
        uint32_t v = (uint32_t)get(tc->scratch + SIMD_ARG_A, IR_W32, n);
        set(tc->scratch + SIMD_RESULT, IR_W32, n,
            how ? estimate_square_root(v) : estimate_reciprocal(v));
    }
    return 0;
}
