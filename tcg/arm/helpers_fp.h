/* Helpers of floating point. See helpers.h. */
#ifndef TCG_ARM_HELPERS_FP_H
#define TCG_ARM_HELPERS_FP_H

/* X(name, result, flags, reads, writes) */
#define ARM_HELPERS_FP(X)

#endif
