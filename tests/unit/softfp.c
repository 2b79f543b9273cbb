/* tcg/interp: floating point in integers. The wide comparison is tests/oracle/vector_ops.c, which
 * needs an x86 host; these are the corners, for every host. */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "tcg/interp/softfp.h"
#include "tcg/ir/ir.h"

#define MASKED 0x1f80u
#define DAZ_ON 0x0040u
#define FTZ_ON 0x8000u
#define ROUND_UP 0x4000u
#define ROUND_DOWN 0x2000u

static const uint64_t one = 0x3f800000, minus_zero = 0x80000000, inf = 0x7f800000,
                      least_normal = 0x00800000, greatest = 0x7f7fffff, qnan = 0x7fc01234,
                      snan = 0xff800055, default_nan = 0xffc00000, denormal = 0x00400000;

static void expect(const struct softfp_env *env, uint64_t got, uint64_t want, uint32_t flags)
{
    cr_expect_eq(got, want, "%llx, not %llx", (unsigned long long)got, (unsigned long long)want);
    cr_expect_eq(env->flags, flags, "flags %x, not %x", env->flags, flags);
}

Test(softfp, the_first_nan_operand_is_the_result)
{
    struct softfp_env env = softfp_env_of(MASKED);
    expect(&env, softfp_add(&env, IR_W32, qnan, one), qnan, 0);
    expect(&env, softfp_sub(&env, IR_W32, one, qnan), qnan, 0);
    expect(&env, softfp_mul(&env, IR_W32, snan, qnan), snan | 0x400000, SOFTFP_IE);
    expect(&env, softfp_mul(&env, IR_W32, qnan, snan), qnan, SOFTFP_IE);
}

Test(softfp, what_has_no_value_is_the_default_nan)
{
    struct softfp_env env = softfp_env_of(MASKED);
    expect(&env, softfp_sub(&env, IR_W32, inf, inf), default_nan, SOFTFP_IE);
    expect(&env, softfp_mul(&env, IR_W32, inf, 0), default_nan, SOFTFP_IE);
    expect(&env, softfp_div(&env, IR_W32, 0, minus_zero), default_nan, SOFTFP_IE);
    expect(&env, softfp_sqrt(&env, IR_W64, UINT64_C(0xbff0000000000000)),
           UINT64_C(0xfff8000000000000), SOFTFP_IE);
}

Test(softfp, min_and_max_give_the_second_operand_when_in_doubt)
{
    struct softfp_env env = softfp_env_of(MASKED);
    expect(&env, softfp_min(&env, IR_W32, 0, minus_zero), minus_zero, 0);
    expect(&env, softfp_max(&env, IR_W32, minus_zero, 0), 0, 0);
    expect(&env, softfp_min(&env, IR_W32, qnan, one), one, SOFTFP_IE);
    expect(&env, softfp_max(&env, IR_W32, one, snan), snan, SOFTFP_IE);
}

Test(softfp, tininess_is_found_after_rounding)
{
    /* the least normal number times the number just below 1: rounds up to the least normal */
    const uint64_t below_one = 0x3f7fffff;
    struct softfp_env env = softfp_env_of(MASKED | ROUND_UP);
    expect(&env, softfp_mul(&env, IR_W32, least_normal, below_one), least_normal,
           SOFTFP_UE | SOFTFP_PE);
    env = softfp_env_of(MASKED | ROUND_UP); /* with 24 bits it would round up, too: not tiny */
    expect(&env, softfp_mul(&env, IR_W32, 0x00800001, 0x3f7ffffe), least_normal, SOFTFP_PE);
}

Test(softfp, an_exact_tiny_result_is_no_underflow_unless_it_is_unmasked)
{
    struct softfp_env env = softfp_env_of(MASKED);
    expect(&env, softfp_mul(&env, IR_W32, least_normal, 0x3f000000), denormal, 0);
    env = softfp_env_of(MASKED & ~(uint32_t)SOFTFP_UM);
    softfp_mul(&env, IR_W32, least_normal, 0x3f000000); /* nobody gets the result then */
    cr_expect_eq(env.flags, SOFTFP_UE);
}

Test(softfp, flush_to_zero_keeps_the_sign)
{
    struct softfp_env env = softfp_env_of(MASKED | FTZ_ON);
    expect(&env, softfp_mul(&env, IR_W32, least_normal, 0xbf000000), minus_zero,
           SOFTFP_UE | SOFTFP_PE);
}

Test(softfp, denormal_operands_are_flagged_or_zero)
{
    struct softfp_env env = softfp_env_of(MASKED);
    expect(&env, softfp_add(&env, IR_W32, denormal, one), one, SOFTFP_DE | SOFTFP_PE);
    env = softfp_env_of(MASKED | DAZ_ON);
    expect(&env, softfp_add(&env, IR_W32, denormal, one), one, 0);
    expect(&env, softfp_div(&env, IR_W32, one, denormal), inf, SOFTFP_ZE);
}

Test(softfp, overflow_goes_where_rounding_says)
{
    struct softfp_env env = softfp_env_of(MASKED | ROUND_DOWN);
    expect(&env, softfp_add(&env, IR_W32, greatest, greatest), greatest, SOFTFP_OE | SOFTFP_PE);
    env = softfp_env_of(MASKED);
    expect(&env, softfp_add(&env, IR_W32, greatest, greatest), inf, SOFTFP_OE | SOFTFP_PE);
}

Test(softfp, a_zero_sum_is_negative_only_when_rounding_down)
{
    struct softfp_env env = softfp_env_of(MASKED);
    expect(&env, softfp_sub(&env, IR_W32, one, one), 0, 0);
    env = softfp_env_of(MASKED | ROUND_DOWN);
    expect(&env, softfp_sub(&env, IR_W32, one, one), minus_zero, 0);
}

Test(softfp, integers_that_do_not_fit_are_the_most_negative_one)
{
    struct softfp_env env = softfp_env_of(MASKED);
    expect(&env, softfp_to_int(&env, IR_W32, 0x4f000000, 32, false), 0x80000000, SOFTFP_IE);
    env = softfp_env_of(MASKED);
    expect(&env, softfp_to_int(&env, IR_W32, 0xcf000000, 32, false), 0x80000000, 0);
    expect(&env, softfp_to_int(&env, IR_W32, 0x40200000, 32, false), 2, SOFTFP_PE);
}

static float as_float(uint32_t bits)
{
    float f;
    memcpy(&f, &bits, sizeof f);
    return f;
}

Test(softfp, approximations_are_within_their_relative_error)
{
    const double bound = 1.5 / 4096;
    for (uint32_t bits = 0x01000000; bits < 0x7e000000; bits += 0x12345) {
        double v = (double)as_float(bits);
        double rcp = (double)as_float(softfp_rcp_approx(bits));
        double rsqrt = (double)as_float(softfp_rsqrt_approx(bits));
        cr_assert(fabs(rcp * v - 1) <= bound, "%x", bits);
        cr_assert(fabs(rsqrt * sqrt(v) - 1) <= bound, "%x", bits);
    }
    cr_expect_eq(softfp_rcp_approx((uint32_t)minus_zero), 0xff800000);
    cr_expect_eq(softfp_rcp_approx((uint32_t)denormal), inf);
    cr_expect_eq(softfp_rsqrt_approx((uint32_t)inf), 0);
    cr_expect_eq(softfp_rsqrt_approx(0xbf800000), default_nan);
}
