/* Helpers of A32 and T32: parallel arithmetic, changes of the set, coprocessor registers. */
#include "tcg/arm/sys.h"
#include "tcg/arm/sysreg.h"

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

uint64_t arm_helper_sel(void *env, uint64_t a, uint64_t b, uint64_t ge, uint64_t d)
{
    uint32_t mask = 0;
    UNUSED(d);
    (void)env;
    for (unsigned n = 0; n < 4; n++)
        mask |= ge >> n & 1 ? 0xffu << 8 * n : 0;
    return ((uint32_t)a & mask) | ((uint32_t)b & ~mask);
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

/* ---- conditional accesses -----------------------------------------------------------------------
 */

uint64_t arm_helper_load_if(void *env, uint64_t addr, uint64_t condition, uint64_t attr, uint64_t d)
{
    UNUSED(d);
    return condition ? tcg_load(tcg_cpu_of(env), addr, 1u << (attr & IR_MEM_SIZE), (unsigned)attr)
                     : 0;
}

uint64_t arm_helper_store_if(void *env, uint64_t addr, uint64_t condition, uint64_t attr,
                             uint64_t value)
{
    if (condition)
        tcg_store(tcg_cpu_of(env), addr, 1u << (attr & IR_MEM_SIZE), value, (unsigned)attr);
    return 0;
}

/* ---- the set ------------------------------------------------------------------------------------
 */

uint64_t arm_helper_state_changed(void *env, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
    UNUSED(a, b, c, d);
    arm_level_changed(tcg_cpu_of(env));
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

/* ---- coprocessors -------------------------------------------------------------------------------
 */

/* The AArch64 register that a coprocessor register of EL0 is; 0: none. Arm ARM, chapter G8: timers
 * and performance counters have the same CRn, CRm and opc2 in both. */
static uint32_t key_of(uint32_t arg)
{
    const unsigned crm = arg >> 1 & 15;
    if (arg >> 21 & 1) /* coprocessor 14 */
        return 0;
    if (arg >> 20 & 1) {
        const unsigned opc1 = arg >> 16 & 15;
        if (crm == 9 && opc1 == 0)
            return ARM_SYSREG(3, 3, 9, 13, 0); /* PMCCNTR */
        if (crm == 14 && opc1 < 2)
            return ARM_SYSREG(3, 3, 14, 0, 1 + opc1);                     /* CNTPCT, CNTVCT */
        return crm == 14 && opc1 < 4 ? ARM_SYSREG(3, 3, 14, opc1, 2) : 0; /* compare values */
    }
    const unsigned crn = arg >> 10 & 15, opc1 = arg >> 14 & 7, opc2 = arg >> 17 & 7;
    const bool kernel_control = crn == 14 && crm == 1;
    return opc1 == 0 && (crn == 9 || crn == 14) && !kernel_control
               ? ARM_SYSREG(3, 3, crn, crm, opc2)
               : 0;
}

/* A trap that the AArch64 register raised is one of a coprocessor access. */
static void as_coprocessor_trap(struct tcg_cpu *tc, uint32_t arg)
{
    const bool wide = arg >> 20 & 1, cp14 = arg >> 21 & 1;
    if (tc->status != TCG_EXCEPTION || tc->exc_error >> 26 != ARM_EC_SYSREG)
        return;
    const enum arm_ec ec =
        wide ? (cp14 ? ARM_EC_CP14_64 : ARM_EC_CP15_64) : (cp14 ? ARM_EC_CP14_32 : ARM_EC_CP15_32);
    /* CV is 1, COND is 14: the instruction's condition held. */
    tc->exc_error = arm_syndrome(ec, 0x1e00000 | (arg & 0xfffff));
}

uint64_t arm_helper_mrc(void *env, uint64_t arg, uint64_t b, uint64_t c, uint64_t d)
{
    struct tcg_cpu *tc = tcg_cpu_of(env);
    const uint32_t key = key_of((uint32_t)arg);
    UNUSED(b, c, d);
    if (!key) {
        arm_undefined(tc);
        return 0;
    }
    const uint64_t v = arm_helper_sysreg_read(env, ARM_SYS_ARG(key, 0), 0, 0, 0);
    as_coprocessor_trap(tc, (uint32_t)arg);
    return v;
}

uint64_t arm_helper_mcr(void *env, uint64_t arg, uint64_t value, uint64_t c, uint64_t d)
{
    struct tcg_cpu *tc = tcg_cpu_of(env);
    const uint32_t key = key_of((uint32_t)arg);
    UNUSED(c, d);
    if (!key) {
        arm_undefined(tc);
        return 0;
    }
    arm_helper_sysreg_write(env, ARM_SYS_ARG(key, 0), value, 0, 0);
    as_coprocessor_trap(tc, (uint32_t)arg);
    return 0;
}
