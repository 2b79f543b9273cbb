/*
 * FPCR and FPSR of a vCPU of the translator. Rounding and the cumulative exceptions are in the form
 * of the host's MXCSR while code runs (tcg_cpu.guest_mxcsr, fp_flags: see tcg/ir/arm_fp.h), what
 * else FPCR decides about results is in the mode word (MODE_FP_BITS). No exception is ever trapped:
 * the enable bits read as zero, as on processors without traps.
 *
 * Thread contract: the vCPU's own thread, not while compiled code has the FP control (helpers with
 * HELPER_FP may).
 */
#ifndef TCG_ARM_FP_H
#define TCG_ARM_FP_H

#include "tcg/arm/slots.h"
#include "tcg/cpu.h"

enum arm_fpcr {
    ARM_FPCR_FZ16 = 1 << 19,
    ARM_FPCR_RMODE_SHIFT = 22, /* 2 bits: nearest, plus infinity, minus infinity, zero */
    ARM_FPCR_FZ = 1 << 24,
    ARM_FPCR_DN = 1 << 25,
    ARM_FPCR_AHP = 1 << 26,
};
enum arm_fpsr {
    ARM_FPSR_IOC = 1 << 0,
    ARM_FPSR_DZC = 1 << 1,
    ARM_FPSR_OFC = 1 << 2,
    ARM_FPSR_UFC = 1 << 3,
    ARM_FPSR_IXC = 1 << 4,
    ARM_FPSR_IDC = 1 << 7,
    ARM_FPSR_QC = 1 << 27,
};

/* Registers to what code runs with: after reset or a load of state; and back. */
void arm_fp_reset(struct tcg_cpu *tc);
void arm_fp_sync(struct tcg_cpu *tc);
/* The mode word's part. */
uint64_t arm_fp_mode(const struct tcg_cpu *tc);

/* FPCR.RMode; round as one of its values says, whatever it is. */
unsigned arm_fp_rmode(const struct tcg_cpu *tc);
void arm_fp_round_by(struct tcg_cpu *tc, unsigned fpcr_mode);

/* FPCR is read from the register file. After a write tcg_mode_changed() is due. */
void arm_fpcr_write(struct tcg_cpu *tc, uint64_t value);
uint64_t arm_fpsr_read(const struct tcg_cpu *tc);
void arm_fpsr_write(struct tcg_cpu *tc, uint64_t value);

#endif
