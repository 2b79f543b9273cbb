/*
 * The x87's 80-bit format in integers: arithmetic with the results, exceptions and special cases
 * of the processor, for hosts without an x87 (tcg/x86/x87_soft.c). Intel SDM vol. 1, chapters
 * "Data Types", "Programming with the x87 FPU" and "Mixed x87 FPU ...", and vol. 2, the tables of
 * each instruction.
 *
 * Thread contract: pure functions.
 */
#ifndef TCG_X86_FLOAT80_H
#define TCG_X86_FLOAT80_H

#include <stdbool.h>
#include <stdint.h>

#include "tcg/x86/fpu.h"

typedef unsigned __int128 f80_u128;

/* As in memory: significand with its integer bit, then sign and biased exponent. */
struct f80 {
    uint64_t m;
    uint16_t se;
};

enum {
    F80_BIAS = 0x3fff,
    F80_EXP = 0x7fff,
    F80_SIGN = 0x8000,
    F80_WRAP = 24576, /* what an unmasked overflow or underflow takes off the exponent */
};
#define F80_INTEGER (UINT64_C(1) << 63)

enum f80_rounding { F80_NEAREST, F80_DOWN, F80_UP, F80_ZERO };

struct f80_env {
    enum f80_rounding rounding;
    unsigned bits;     /* significand of results: 24, 53, 64 */
    unsigned unmasked; /* of FSW_EXCEPTIONS */
    unsigned flags;    /* raised */
    bool up;           /* C1: the last rounding was away from zero */
    bool denormal;     /* an operand was one in the format that it was loaded from */
};

enum f80_class { F80_ZERO_CLASS, F80_FINITE, F80_INF, F80_QNAN, F80_SNAN, F80_UNSUPPORTED };

/* A number taken apart: value = m * 2^(exp - 63), m normalised for F80_FINITE. */
struct f80_parts {
    enum f80_class class;
    bool sign, denormal;
    int32_t exp;
    uint64_t m;
};

enum f80_relation { F80_LESS, F80_EQUAL, F80_GREATER, F80_UNORDERED };

static inline struct f80 f80_make(bool sign, unsigned exponent, uint64_t m)
{
    return (struct f80){.m = m, .se = (uint16_t)((sign ? F80_SIGN : 0) | exponent)};
}
static inline struct f80 f80_default_nan(void)
{
    return f80_make(true, F80_EXP, UINT64_C(3) << 62);
}
static inline struct f80 f80_inf(bool sign)
{
    return f80_make(sign, F80_EXP, F80_INTEGER);
}
static inline struct f80 f80_zero(bool sign)
{
    return f80_make(sign, 0, 0);
}
static inline struct f80 f80_one(void)
{
    return f80_make(false, F80_BIAS, F80_INTEGER);
}

struct f80_env f80_env_of(uint16_t fcw);
/* An exception that comes before the result and is unmasked: there is no result. */
static inline bool f80_stopped(const struct f80_env *env)
{
    return env->flags & env->unmasked & (FSW_IE | FSW_DE | FSW_ZE);
}

struct f80_parts f80_unpack(struct f80 v);
/* m:lo * 2^(exp - 63 - 64), normalised, lo may be sticky; rounded and with its exceptions. */
struct f80 f80_round_pack(struct f80_env *env, bool sign, int32_t exp, uint64_t m, uint64_t lo);

/* The NaN that comes of operands one of which is one, or unsupported. */
struct f80 f80_nan1(struct f80_env *env, struct f80 a);
struct f80 f80_nan2(struct f80_env *env, struct f80 a, struct f80 b);
/* Takes both apart. True: neither is a NaN or unsupported. Otherwise *r is the result. */
bool f80_numbers(struct f80_env *env, struct f80 a, struct f80 b, struct f80_parts *pa,
                 struct f80_parts *pb, struct f80 *r);
struct f80 f80_invalid(struct f80_env *env);

struct f80 f80_add(struct f80_env *env, struct f80 a, struct f80 b);
struct f80 f80_sub(struct f80_env *env, struct f80 a, struct f80 b);
struct f80 f80_mul(struct f80_env *env, struct f80 a, struct f80 b);
struct f80 f80_div(struct f80_env *env, struct f80 a, struct f80 b);
struct f80 f80_sqrt(struct f80_env *env, struct f80 a);
struct f80 f80_rint(struct f80_env *env, struct f80 a);
struct f80 f80_scale(struct f80_env *env, struct f80 a, struct f80 b);
/* FPREM, or FPREM1 with nearest; *cc gets C0 to C3. */
struct f80 f80_rem(struct f80_env *env, struct f80 a, struct f80 b, bool nearest, unsigned *cc);
/* signal_quiet: FCOM and FTST; a quiet NaN, too, is invalid. */
enum f80_relation f80_compare(struct f80_env *env, struct f80 a, struct f80 b, bool signal_quiet);

/* w: 32 or 64 bits. Exact, a signalling NaN too; env->denormal tells of a denormal. */
struct f80 f80_from_float(struct f80_env *env, uint64_t bits, unsigned w);
uint64_t f80_to_float(struct f80_env *env, struct f80 a, unsigned w);
struct f80 f80_from_int(int64_t v);
/* Integer of `bits` bits; what does not fit is invalid and gives the most negative one. */
int64_t f80_to_int(struct f80_env *env, struct f80 a, unsigned bits, bool truncate);
struct f80 f80_from_bcd(const uint8_t bcd[10]);
void f80_to_bcd(struct f80_env *env, struct f80 a, uint8_t bcd[10]);

/* tcg/x86/float80_math.c: the transcendental functions, correctly rounded but for one result in
 * 2^50 or so. A processor's own may differ in the last bit. */
struct f80 f80_2xm1(struct f80_env *env, struct f80 a);
struct f80 f80_yl2x(struct f80_env *env, struct f80 x, struct f80 y);
struct f80 f80_yl2xp1(struct f80_env *env, struct f80 x, struct f80 y);
struct f80 f80_patan(struct f80_env *env, struct f80 x, struct f80 y);
/* Sine and cosine, or tangent in sine (either may be NULL); false: out of range, nothing is done.
 */
bool f80_sincos(struct f80_env *env, struct f80 a, struct f80 *sine, struct f80 *cosine);
bool f80_tan(struct f80_env *env, struct f80 a, struct f80 *tangent);

#endif
