/*
 * What the operations of softfp are made of: unpacked numbers, and rounding them into a format.
 * Private to softfp.c and softfp_arm.c.
 */
#ifndef TCG_INTERP_SOFTFP_CORE_H
#define TCG_INTERP_SOFTFP_CORE_H

#include "core/util/range.h"
#include "tcg/interp/softfp.h"
#include "tcg/ir/ir.h"

typedef unsigned __int128 softfp_wide;

struct softfp_format {
    int frac, bias; /* fraction bits; exponent bias, also the greatest exponent */
};
static const struct softfp_format softfp_formats[] = {
    [IR_W16] = {10, 15}, [IR_W32] = {23, 127}, [IR_W64] = {52, 1023}};

enum softfp_kind {
    SOFTFP_IS_ZERO,
    SOFTFP_IS_FINITE,
    SOFTFP_IS_INFINITE,
    SOFTFP_IS_QUIET,
    SOFTFP_IS_SIGNALING
};

/* Finite: sig / 2^63 * 2^exp, bit 63 of sig set. */
struct softfp_number {
    enum softfp_kind kind;
    bool sign, denormal;
    int exp;
    uint64_t sig;
};

static inline uint64_t softfp_sign_bit(unsigned w)
{
    return UINT64_C(1) << ((8u << w) - 1);
}
static inline uint64_t softfp_infinity(unsigned w)
{
    const struct softfp_format *f = &softfp_formats[w];
    return (uint64_t)(2 * f->bias + 1) << f->frac;
}
static inline uint64_t softfp_quiet_bit(unsigned w)
{
    return UINT64_C(1) << (softfp_formats[w].frac - 1);
}
static inline uint64_t softfp_signed_zero(unsigned w, bool sign)
{
    return sign ? softfp_sign_bit(w) : 0;
}
static inline bool softfp_is_nan(const struct softfp_number *n)
{
    return n->kind >= SOFTFP_IS_QUIET;
}

struct softfp_number softfp_unpack(struct softfp_env *env, unsigned w, uint64_t bits);
uint64_t softfp_default_nan(const struct softfp_env *env, unsigned w);
uint64_t softfp_invalid(struct softfp_env *env, unsigned w);
/* One of a and b is a NaN: which of them the result is. x and y are what they unpack to. */
uint64_t softfp_propagate(struct softfp_env *env, unsigned w, uint64_t a, uint64_t b,
                          const struct softfp_number *x, const struct softfp_number *y);
enum softfp_relation softfp_relation_of(const struct softfp_number *x,
                                        const struct softfp_number *y);
/* sig without its low `drop` bits (1 to 127), rounded; *inexact: something was lost. */
uint64_t softfp_round_off(enum softfp_rounding mode, bool sign, softfp_wide sig, unsigned drop,
                          bool sticky, bool *inexact);
/* The integral magnitude of a finite number below 2^64. */
uint64_t softfp_integral(enum softfp_rounding mode, const struct softfp_number *x, bool *inexact);
/* Into the format; sig has bit 63 set; sticky: the true value is a little greater. */
uint64_t softfp_pack(struct softfp_env *env, unsigned w, bool sign, int exp, uint64_t sig,
                     bool sticky);
/* The same of one below the least normal number. */
uint64_t softfp_pack_tiny(struct softfp_env *env, unsigned w, bool sign, int exp, uint64_t sig,
                          bool sticky);
/* (+-x * y + z) * 2^scale of finite numbers that are not zero. */
uint64_t softfp_fma_finite(struct softfp_env *env, unsigned w, const struct softfp_number *x,
                           const struct softfp_number *y, const struct softfp_number *z,
                           bool product_sign, int scale);

#endif
