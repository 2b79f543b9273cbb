/*
 * All Arm helpers, in one numbered list made of one list a subject:
 *   X(name, result type, flags, groups read, groups written) -> arm_helper_NAME(), HELPER_ID(NAME)
 * See tcg/ir/ir.h for what a helper may do.
 */
#ifndef TCG_ARM_HELPERS_H
#define TCG_ARM_HELPERS_H

#include "tcg/ir/ir.h"
#include "tcg/arm/slots.h"
#include "tcg/arm/helpers_32.h"
#include "tcg/arm/helpers_fp.h"
#include "tcg/arm/helpers_int.h"
#include "tcg/arm/helpers_simd.h"
#include "tcg/arm/helpers_sys.h"

#define ARM_HELPERS(X)                                                                             \
    ARM_HELPERS_INT(X) ARM_HELPERS_SYS(X) ARM_HELPERS_32(X) ARM_HELPERS_FP(X) ARM_HELPERS_SIMD(X)

enum arm_helper_id {
#define X(name, result, flags, reads, writes) ARM_HELPER_##name,
    ARM_HELPERS(X)
#undef X
        ARM_HELPER_COUNT
};
#define HELPER_ID(name) ARM_HELPER_##name

#define X(name, result, flags, reads, writes)                                                      \
    uint64_t arm_helper_##name(void *env, uint64_t a, uint64_t b, uint64_t c, uint64_t d);
ARM_HELPERS(X)
#undef X

extern const struct ir_helper arm_helpers[ARM_HELPER_COUNT]; /* tcg/arm/arch.c */

#endif
