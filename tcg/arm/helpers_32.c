/* Helpers of A32 and T32: parallel arithmetic, changes of the set. */
#include "tcg/arm/sys.h"

/* ---- parallel arithmetic -----------------------------------------------------------------------
 */

enum prefix { SIGNED = 1, SATURATING, HALVING, UNSIGNED = 5, USATURATING, UHALVING };
enum operation { ADD16, ASX, SAX, SUB16, ADD8, SUB8 = 7 };

struct lane {
    uint32_t value; /* `bits` of them */
    bool ge;
};

static int32_t clamp(int32_t v, int32_t low, int32_t top)
{
    return v < low ? low : v > top ? top : v;
}

static struct lane lane_of(enum prefix prefix, unsigned bits, uint32_t a, uint32_t b, bool sub)
{
    const uint32_t mask = (1u << bits) - 1;
    const bool is_unsigned = prefix >= UNSIGNED;
    const unsigned up = 32 - bits;
    const int32_t x = is_unsigned ? (int32_t)(a & mask) : (int32_t)(a << up) >> up,
                  y = is_unsigned ? (int32_t)(b & mask) : (int32_t)(b << up) >> up;
    int32_t v = sub ? x - y : x + y;
    const struct lane wrapped = {
        .value = (uint32_t)v & mask,
        .ge = is_unsigned && !sub ? v > (int32_t)mask : v >= 0,
    };
    switch (prefix) {
    case SATURATING:
        v = clamp(v, -(1 << (bits - 1)), (1 << (bits - 1)) - 1);
        break;
    case USATURATING:
        v = clamp(v, 0, (int32_t)mask);
        break;
    case HALVING:
    case UHALVING:
        v >>= 1;
        break;
    default:
        return wrapped;
    }
    return (struct lane){.value = (uint32_t)v & mask, .ge = wrapped.ge};
}

uint64_t arm_helper_parallel(void *env, uint64_t a, uint64_t b, uint64_t how, uint64_t d)
{
    const enum prefix prefix = (enum prefix)(how >> 3 & 7);
    const enum operation op = (enum operation)(how & 7);
    const uint32_t x = (uint32_t)a;
    uint32_t y = (uint32_t)b, value = 0, ge = 0;
    UNUSED(d);
    (void)env;
    if (op >= ADD8) {
        for (unsigned n = 0; n < 4; n++) {
            struct lane l = lane_of(prefix, 8, x >> 8 * n, y >> 8 * n, op == SUB8);
            value |= l.value << 8 * n;
            ge |= (uint32_t)l.ge << n;
        }
        return (uint64_t)ge << 32 | value;
    }
    if (op == ASX || op == SAX) /* with the halves of b exchanged */
        y = y >> 16 | y << 16;
    struct lane low = lane_of(prefix, 16, x, y, op == ASX || op == SUB16),
                top = lane_of(prefix, 16, x >> 16, y >> 16, op == SAX || op == SUB16);
    value = top.value << 16 | low.value;
    ge = (low.ge ? 3u : 0) | (top.ge ? 12u : 0);
    return (uint64_t)ge << 32 | value;
}

uint64_t arm_helper_usad8(void *env, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
    uint32_t sum = 0;
    UNUSED(c, d);
    (void)env;
    for (unsigned n = 0; n < 32; n += 8) {
        const int x = a >> n & 0xff, y = b >> n & 0xff;
        sum += (uint32_t)(x > y ? x - y : y - x);
    }
    return sum;
}

/* ---- the set ------------------------------------------------------------------------------------
 */

uint64_t arm_helper_state_changed(void *env, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
    UNUSED(a, b, c, d);
    arm_level_changed(tcg_cpu_of(env));
    return 0;
}

uint64_t arm_helper_svc32(void *env, uint64_t imm16, uint64_t next, uint64_t c, uint64_t d)
{
    return arm_helper_svc(env, imm16, next, c, d);
}

/* SCTLR.SED makes it undefined at EL0 of AArch64, and in all of AArch32. */
uint64_t arm_helper_setend(void *env, uint64_t big, uint64_t b, uint64_t c, uint64_t d)
{
    struct tcg_cpu *tc = tcg_cpu_of(env);
    struct arm_regs *r = env;
    enum { SCTLR_SED = 1 << 8 };
    UNUSED(b, c, d);
    if (arm_feat(tc, ARM_FEAT_A32_V8) &&
        (r->sctlr[arm_regime_el(arm_sys_of(tc)->regime)] & SCTLR_SED)) {
        arm_undefined(tc);
        return 0;
    }
    r->pstate = big ? r->pstate | ARM_E : r->pstate & ~(uint64_t)ARM_E;
    arm_level_changed(tc);
    return 0;
}

uint64_t arm_helper_interwork(void *env, uint64_t target, uint64_t b, uint64_t c, uint64_t d)
{
    struct arm_regs *r = env;
    UNUSED(b, c, d);
    r->pstate = target & 1 ? r->pstate | ARM_T : r->pstate & ~(uint64_t)ARM_T;
    r->pc = (uint32_t)target & (target & 1 ? ~UINT32_C(1) : ~UINT32_C(3));
    arm_level_changed(tcg_cpu_of(env));
    return 0;
}

/* ---- floating point's own
 * ------------------------------------------------------------------------
 */

/* Registers of VMRS and VMSR. */
enum fp_register { FPSID, MVFR2 = 5, MVFR1, MVFR0, FPEXC };

/* Whether the registers are in use does not count, whether they may be does. */
static bool fp_allowed(struct tcg_cpu *tc)
{
    const unsigned target = arm_fp_trap(tc, arm_el(arm_regs_of(tc)));
    if (target)
        arm_raise(tc, arm_syndrome(ARM_EC_FP, 0x1e00000), target);
    return !target;
}

uint64_t arm_helper_fp_read(void *env, uint64_t reg, uint64_t b, uint64_t c, uint64_t d)
{
    struct tcg_cpu *tc = tcg_cpu_of(env);
    const struct arm_regs *r = env;
    const struct arm_cpu_model *model = arm_model_of(tc);
    UNUSED(b, c, d);
    if (!fp_allowed(tc))
        return 0;
    switch ((enum fp_register)reg) {
    case FPSID: /* implementer Arm; VFP of version 3 or 4 with the common subarchitecture's number
                 */
        return arm_feat(tc, ARM_FEAT_A32_V8) ? 0x41034000 : 0x410430f0;
    case MVFR0:
        return (uint32_t)model->id[3][0];
    case MVFR1:
        return (uint32_t)model->id[3][1];
    case MVFR2:
        return (uint32_t)model->id[3][2];
    default:
        return r->fpexc;
    }
}

uint64_t arm_helper_fp_write(void *env, uint64_t reg, uint64_t value, uint64_t c, uint64_t d)
{
    struct tcg_cpu *tc = tcg_cpu_of(env);
    struct arm_regs *r = env;
    UNUSED(c, d);
    if (!fp_allowed(tc) || (enum fp_register)reg != FPEXC)
        return 0;
    r->fpexc = (uint32_t)value & ARM_FPEXC_EN; /* nothing is handed to software */
    arm_control_changed(tc);
    return 0;
}
