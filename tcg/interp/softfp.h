/*
 * IEEE 754 binary16, binary32 and binary64 arithmetic in integers, with the exceptions and special
 * cases of x86 SSE (Intel SDM vol. 1, chapters on SSE and on floating-point exceptions) or of Arm
 * (env->arm; softfp_arm.h has what Arm has besides): bit exact on every host, without touching the
 * host's floating-point environment.
 *
 * Values are bit patterns; `w` is IR_W32 or IR_W64. Exception flags are or-ed into env->flags.
 * Thread contract: pure functions.
 */
#ifndef TCG_INTERP_SOFTFP_H
#define TCG_INTERP_SOFTFP_H

#include <stdbool.h>
#include <stdint.h>

/* MXCSR */
enum softfp_mxcsr {
    SOFTFP_IE = 1 << 0,
    SOFTFP_DE = 1 << 1,
    SOFTFP_ZE = 1 << 2,
    SOFTFP_OE = 1 << 3,
    SOFTFP_UE = 1 << 4,
    SOFTFP_PE = 1 << 5,
    SOFTFP_FLAGS = 0x3f,
    SOFTFP_DAZ = 1 << 6,
    SOFTFP_MASK_SHIFT = 7,
    SOFTFP_UM = 1 << 11,
    SOFTFP_RC_SHIFT = 13,
    SOFTFP_FTZ = 1 << 15,
    SOFTFP_ID = 1 << 16, /* not of MXCSR: Arm's input denormal exception */
};

enum softfp_rounding {
    SOFTFP_NEAREST,
    SOFTFP_DOWN,
    SOFTFP_UP,
    SOFTFP_ZERO,
    SOFTFP_AWAY, /* ties away from zero */
    SOFTFP_ODD,  /* inexact results get an odd last bit */
};

struct softfp_env {
    enum softfp_rounding rounding;
    bool daz, ftz;     /* Arm: FPCR.FZ is both */
    bool arm;          /* the rules of Arm, and of its FPCR: */
    bool dn, fz16;     /* default NaN; binary16 operands and results are flushed */
    bool ahp;          /* conversions: the alternative half-precision format */
    uint32_t unmasked; /* of SOFTFP_FLAGS: what ends the instruction without a result */
    uint32_t flags;
};

static inline struct softfp_env softfp_env_of(uint32_t mxcsr)
{
    return (struct softfp_env){
        .rounding = (enum softfp_rounding)(mxcsr >> SOFTFP_RC_SHIFT & 3),
        .daz = mxcsr & SOFTFP_DAZ,
        .ftz = mxcsr & SOFTFP_FTZ,
        .unmasked = ~mxcsr >> SOFTFP_MASK_SHIFT & SOFTFP_FLAGS,
    };
}

enum softfp_relation { SOFTFP_LESS, SOFTFP_EQUAL, SOFTFP_GREATER, SOFTFP_UNORDERED };

uint64_t softfp_add(struct softfp_env *env, unsigned w, uint64_t a, uint64_t b);
uint64_t softfp_sub(struct softfp_env *env, unsigned w, uint64_t a, uint64_t b);
uint64_t softfp_mul(struct softfp_env *env, unsigned w, uint64_t a, uint64_t b);
uint64_t softfp_div(struct softfp_env *env, unsigned w, uint64_t a, uint64_t b);
/* +-(a * b) +- c with one rounding. */
enum softfp_fma { SOFTFP_NEGATE_PRODUCT = 1, SOFTFP_NEGATE_ADDEND = 2 };
uint64_t softfp_fma(struct softfp_env *env, unsigned w, uint64_t a, uint64_t b, uint64_t c,
                    unsigned how);
uint64_t softfp_sqrt(struct softfp_env *env, unsigned w, uint64_t a);
/* MINPS and MAXPS: b unless a is strictly less (greater). */
uint64_t softfp_min(struct softfp_env *env, unsigned w, uint64_t a, uint64_t b);
uint64_t softfp_max(struct softfp_env *env, unsigned w, uint64_t a, uint64_t b);
/* signal_quiet: a quiet NaN, too, is invalid. */
enum softfp_relation softfp_compare(struct softfp_env *env, unsigned w, uint64_t a, uint64_t b,
                                    bool signal_quiet);
/* To an integral value in the same format; quiet: inexactness is not flagged. */
uint64_t softfp_round(struct softfp_env *env, unsigned w, uint64_t a, enum softfp_rounding mode,
                      bool quiet);
uint64_t softfp_convert(struct softfp_env *env, unsigned from, unsigned to, uint64_t a);
uint64_t softfp_from_int(struct softfp_env *env, unsigned w, int64_t v);
/* Integer of `bits` (32, 64); what does not fit gives the most negative one. */
uint64_t softfp_to_int(struct softfp_env *env, unsigned w, uint64_t a, unsigned bits,
                       bool truncate);
/* Approximations with a relative error of at most 1.5 * 2^-12, where the host has none of x86. */
uint32_t softfp_rcp_approx(uint32_t a);
uint32_t softfp_rsqrt_approx(uint32_t a);

#endif
