/* Helpers of AArch32's floating point. Arm ARM, chapter G8, FPSCR. */
#include "tcg/arm/fp.h"
#include "tcg/arm/sys.h"
#include "tcg/interp/softfp_arm.h"
#include "tcg/ir/arm_fp.h"

enum { FPSCR_OF_FPCR = 0x07f80000 }; /* the rest is FPSR's */

uint64_t arm_helper_fpscr_read(void *env, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
    const struct tcg_cpu *tc = tcg_cpu_of(env);
    UNUSED(a);
    UNUSED(b);
    UNUSED(c);
    UNUSED(d);
    return (uint32_t)(arm_regs_of((struct tcg_cpu *)tc)->fpcr | arm_fpsr_read(tc));
}

uint64_t arm_helper_fpscr_write(void *env, uint64_t value, uint64_t b, uint64_t c, uint64_t d)
{
    struct tcg_cpu *tc = tcg_cpu_of(env);
    UNUSED(b);
    UNUSED(c);
    UNUSED(d);
    arm_fpcr_write(tc, value & FPSCR_OF_FPCR);
    arm_fpsr_write(tc, value & ~(uint64_t)FPSCR_OF_FPCR);
    arm_level_changed(tc);
    return 0;
}

uint64_t arm_helper_fp_standard(void *env, uint64_t on, uint64_t b, uint64_t c, uint64_t d)
{
    struct tcg_cpu *tc = tcg_cpu_of(env);
    UNUSED(b);
    UNUSED(c);
    UNUSED(d);
    arm_fp_round_by(tc, on ? 0 : arm_fp_rmode(tc));
    return 0;
}

uint64_t arm_helper_fp_to_fixed16(void *env, uint64_t value, uint64_t how, uint64_t c, uint64_t d)
{
    struct tcg_cpu *tc = tcg_cpu_of(env);
    const struct softfp_fixed to = {
        .bits = 16, .fbits = how >> 4 & 31, .is_unsigned = (how & IR_AFP_UNSIGNED) != 0};
    struct softfp_env fp = {.rounding = SOFTFP_ZERO,
                            .arm = true,
                            .daz = (how & IR_AFP_FZ) != 0,
                            .ftz = (how & IR_AFP_FZ) != 0,
                            .dn = (how & IR_AFP_DN) != 0};
    UNUSED(c);
    UNUSED(d);
    const uint64_t v = softfp_arm_to_fixed(&fp, how & 15, value, &to);
    tc->guest_mxcsr |= fp.flags & (uint32_t)(SOFTFP_IE | SOFTFP_PE);
    tc->fp_flags |= fp.flags & SOFTFP_ID;
    return to.is_unsigned ? (uint32_t)v : (uint32_t)(int16_t)v;
}
