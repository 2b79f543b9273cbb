/* FPCR and FPSR. Arm ARM, chapters C5.2 and D19, the registers of these names. */
#include "tcg/arm/fp.h"

#include "core/cpu/arm.h"
#include "core/cpu/cpu.h"
#include "tcg/interp/softfp.h"
#include "tcg/ir/arm_fp.h"

enum {
    MASKED = 0x1f80, /* MXCSR: every exception */
    CUMULATIVE =
        ARM_FPSR_IOC | ARM_FPSR_DZC | ARM_FPSR_OFC | ARM_FPSR_UFC | ARM_FPSR_IXC | ARM_FPSR_IDC,
};

static const struct {
    uint32_t mxcsr, fpsr;
} exceptions[] = {
    {SOFTFP_IE, ARM_FPSR_IOC}, {SOFTFP_ZE, ARM_FPSR_DZC}, {SOFTFP_OE, ARM_FPSR_OFC},
    {SOFTFP_UE, ARM_FPSR_UFC}, {SOFTFP_PE, ARM_FPSR_IXC},
};

static struct arm_regs *regs_of(const struct tcg_cpu *tc)
{
    return tcg_env((struct tcg_cpu *)tc);
}

unsigned arm_fp_rmode(const struct tcg_cpu *tc)
{
    return regs_of(tc)->fpcr >> ARM_FPCR_RMODE_SHIFT & 3;
}

void arm_fp_round_by(struct tcg_cpu *tc, unsigned fpcr_mode)
{
    static const uint8_t host[] = {SOFTFP_NEAREST, SOFTFP_UP, SOFTFP_DOWN, SOFTFP_ZERO};
    unsigned mode = host[fpcr_mode];
    tc->guest_mxcsr &= ~(3u << SOFTFP_RC_SHIFT);
    tc->guest_mxcsr |= mode << SOFTFP_RC_SHIFT;
}

static void set_rounding(struct tcg_cpu *tc)
{
    arm_fp_round_by(tc, arm_fp_rmode(tc));
}

static void set_exceptions(struct tcg_cpu *tc, uint64_t fpsr)
{
    tc->guest_mxcsr &= ~(uint32_t)(SOFTFP_FLAGS | SOFTFP_ID);
    for (unsigned n = 0; n < sizeof exceptions / sizeof *exceptions; n++)
        if (fpsr & exceptions[n].fpsr)
            tc->guest_mxcsr |= exceptions[n].mxcsr;
    tc->fp_flags = fpsr & ARM_FPSR_IDC ? SOFTFP_ID : 0;
    tc->arm_saturated[0] = tc->arm_saturated[1] = 0; /* QC: what fpsr says */
}

void arm_fp_reset(struct tcg_cpu *tc)
{
    tc->guest_mxcsr = MASKED;
    set_rounding(tc);
    set_exceptions(tc, regs_of(tc)->fpsr);
}

void arm_fp_sync(struct tcg_cpu *tc)
{
    regs_of(tc)->fpsr = arm_fpsr_read(tc);
}

uint64_t arm_fp_mode(const struct tcg_cpu *tc)
{
    uint64_t fpcr = regs_of(tc)->fpcr, mode = 0;
    mode |= fpcr & ARM_FPCR_DN ? (uint64_t)IR_AFP_DN : 0;
    mode |= fpcr & ARM_FPCR_FZ ? (uint64_t)IR_AFP_FZ : 0;
    mode |= fpcr & ARM_FPCR_AHP ? (uint64_t)IR_AFP_AHP : 0;
    mode |= fpcr & ARM_FPCR_FZ16 ? (uint64_t)IR_AFP_FZ16 : 0;
    mode = mode >> IR_AFP_MODES_SHIFT << MODE_FP_SHIFT;
    if (arm_fp_rmode(tc) && regs_of(tc)->pstate & ARM_AARCH32)
        mode |= MODE_FP_ROUNDED;
    return mode;
}

void arm_fpcr_write(struct tcg_cpu *tc, uint64_t value)
{
    const struct arm_cpu_model *model = tc->vcpu->model;
    uint64_t known =
        (UINT64_C(3) << ARM_FPCR_RMODE_SHIFT) | ARM_FPCR_FZ | ARM_FPCR_DN | ARM_FPCR_AHP;
    if (arm_has(model, ARM_FEAT_FP16))
        known |= ARM_FPCR_FZ16;
    regs_of(tc)->fpcr = value & known;
    set_rounding(tc);
}

uint64_t arm_fpsr_read(const struct tcg_cpu *tc)
{
    uint64_t fpsr = regs_of(tc)->fpsr & ~(uint64_t)CUMULATIVE;
    for (unsigned n = 0; n < sizeof exceptions / sizeof *exceptions; n++)
        if (tc->guest_mxcsr & exceptions[n].mxcsr)
            fpsr |= exceptions[n].fpsr;
    /* the interpreter leaves it with the others */
    if ((tc->guest_mxcsr | tc->fp_flags) & SOFTFP_ID)
        fpsr |= ARM_FPSR_IDC;
    if (tc->arm_saturated[0] | tc->arm_saturated[1])
        fpsr |= ARM_FPSR_QC;
    return fpsr;
}

void arm_fpsr_write(struct tcg_cpu *tc, uint64_t value)
{
    regs_of(tc)->fpsr = value & (CUMULATIVE | ARM_FPSR_QC | UINT64_C(0xf) << 28);
    set_exceptions(tc, value);
}
