/*
 * Registers and operations of AArch32's coprocessors 14 and 15, which is how it reaches system
 * registers: rows like those of AArch64 (sysreg.h), with a table of their own (cpreg_table.c). Most
 * are AArch64 registers, or halves of them (core/cpu/arm.h); functions of both are shared.
 */
#ifndef TCG_ARM_CPREG_H
#define TCG_ARM_CPREG_H

#include "tcg/arm/sysreg.h"

/* Keys: ARM_SYSREG() with the coprocessor and the size in place of op0; MCRR's and MRRC's opc1, of
 * 4 bits, stands where MCR has CRn. */
enum { ARM_CP15 = 0, ARM_CP15_64 = 1, ARM_CP14 = 2, ARM_CP14_64 = 3 };
#define ARM_CPREG(kind, opc1, crn, crm, opc2) ARM_SYSREG(kind, opc1, crn, crm, opc2)
#define ARM_CPREG_64(kind, opc1, crm) ARM_SYSREG(kind, 0, opc1, crm, 0)

extern const struct arm_sysreg arm_cpregs[]; /* in the order of their keys */
extern const unsigned arm_cpreg_count;
const struct arm_sysreg *arm_cpreg_find(uint32_t key);

/* Functions of the table (cpreg.c), besides those of sysreg.h. */
/* clang-format off */
#define ARM_CPREG_READS(X) X(dbgdidr) X(implementation)
#define ARM_CPREG_WRITES(X) \
    X(control32) X(dacr) X(contextidr32) X(cache_va) X(tlbi32) X(ats32) X(sgi) X(implementation)
/* clang-format on */
#define X(name) uint64_t arm_read_##name(struct tcg_cpu *tc, const struct arm_sysreg *s);
ARM_CPREG_READS(X)
#undef X
#define X(name)                                                                                    \
    void arm_write_##name(struct tcg_cpu *tc, const struct arm_sysreg *s, uint64_t value);
ARM_CPREG_WRITES(X)
#undef X

#endif
