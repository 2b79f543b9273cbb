/*
 * What Arm's floating point has besides the operations of softfp.h, which take an env with `arm`
 * set, too. Arm ARM (DDI 0487), shared pseudocode, the function named at each.
 *
 * Thread contract: pure functions.
 */
#ifndef TCG_INTERP_SOFTFP_ARM_H
#define TCG_INTERP_SOFTFP_ARM_H

#include "tcg/interp/softfp.h"

/* FPMin, FPMax, FPMinNum, FPMaxNum: -0 is less than +0; the latter two take a number before a
 * quiet NaN. */
uint64_t softfp_arm_min(struct softfp_env *env, unsigned w, uint64_t a, uint64_t b);
uint64_t softfp_arm_max(struct softfp_env *env, unsigned w, uint64_t a, uint64_t b);
uint64_t softfp_arm_minnm(struct softfp_env *env, unsigned w, uint64_t a, uint64_t b);
uint64_t softfp_arm_maxnm(struct softfp_env *env, unsigned w, uint64_t a, uint64_t b);
uint64_t softfp_arm_mulx(struct softfp_env *env, unsigned w, uint64_t a, uint64_t b); /* FPMulX */
/* FPMulAdd: a * b + c; how: enum softfp_fma, negations of a and of c, also where they are NaNs. */
uint64_t softfp_arm_fma(struct softfp_env *env, unsigned w, uint64_t a, uint64_t b, uint64_t c,
                        unsigned how);
/* FPMulAddH: a and b are binary16, c and the result binary32; NEGATE_PRODUCT alone. */
uint32_t softfp_arm_fmlal(struct softfp_env *env, uint16_t a, uint16_t b, uint32_t c, unsigned how);
/* Newton's steps: FPRecipStepFused, FPRSqrtStepFused. */
uint64_t softfp_arm_recps(struct softfp_env *env, unsigned w, uint64_t a, uint64_t b);
uint64_t softfp_arm_rsqrts(struct softfp_env *env, unsigned w, uint64_t a, uint64_t b);
/* FPRecipEstimate, FPRSqrtEstimate, FPRecpX. */
uint64_t softfp_arm_recpe(struct softfp_env *env, unsigned w, uint64_t a);
uint64_t softfp_arm_rsqrte(struct softfp_env *env, unsigned w, uint64_t a);
uint64_t softfp_arm_recpx(struct softfp_env *env, unsigned w, uint64_t a);
/* UnsignedRecipEstimate, UnsignedRSqrtEstimate: of fractions of 32 bits. */
uint32_t softfp_arm_urecpe(uint32_t a);
uint32_t softfp_arm_ursqrte(uint32_t a);
/* FPConvert, between different formats; rounding: env's. */
uint64_t softfp_arm_convert(struct softfp_env *env, unsigned from, unsigned to, uint64_t a);
/* FPToFixed: to an integer of `bits`, in units of 2^-fbits; saturates. */
struct softfp_fixed {
    unsigned bits, fbits;
    bool is_unsigned;
};
uint64_t softfp_arm_to_fixed(struct softfp_env *env, unsigned w, uint64_t a,
                             const struct softfp_fixed *to);
/* FixedToFP; of the integer's `bits` the low ones of v count. */
uint64_t softfp_arm_from_fixed(struct softfp_env *env, unsigned w, uint64_t v,
                               const struct softfp_fixed *from);
/* FPRoundIntN: to an integral value that an integer of `bits` can be. */
uint64_t softfp_arm_round_n(struct softfp_env *env, unsigned w, uint64_t a, unsigned bits);
/* FPToFixedJS: binary64 to a 32-bit integer modulo 2^32; bit 32: nothing was lost. */
uint64_t softfp_arm_jcvt(struct softfp_env *env, uint64_t a);

#endif
