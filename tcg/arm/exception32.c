/*
 * Exceptions taken to AArch32 at EL1, the return from them, and changes of the mode by
 * instructions. Arm ARM, chapter G1. There is neither HYP nor MON: EL2 and EL3 are AArch64 or not
 * there.
 */
#include "core/util/range.h"
#include "tcg/arm/sys.h"

enum {
    SCTLR_V = 1 << 13,
    SCTLR_SPAN = 1 << 23,
    SCTLR_EE = 1 << 25,
    SCTLR_TE = 1 << 30,
    MDSCR_MOE = 15 << 2, /* DBGDSCR.MOE: what the last debug exception was */
    MOE_BREAKPOINT = 1 << 2,
    MOE_BKPT = 3 << 2,
    MOE_WATCHPOINT = 10 << 2,
};
enum { FSC_ASYNC = 0x11, FSC_ALIGN = 0x21, FSC_DEBUG = 0x22 };

/* ---- fault status and address ------------------------------------------------------------------
 */

static void put_prefetch_fault(struct tcg_cpu *tc, unsigned fsc)
{
    struct arm_regs *r = arm_regs_of(tc);
    r->ifsr = arm_fault_status32(tc, arm_syndrome(ARM_EC_IABORT, fsc));
    if (fsc != FSC_DEBUG)
        r->far[1] = (uint32_t)r->far[1] | tc->exc_addr << 32;
}

static void put_data_fault(struct tcg_cpu *tc, uint32_t syndrome)
{
    struct arm_regs *r = arm_regs_of(tc);
    r->esr[1] = arm_fault_status32(tc, syndrome);
    if ((syndrome & 0x3f) != FSC_ASYNC)
        r->far[1] = (r->far[1] & ~UINT64_C(0xffffffff)) | (uint32_t)tc->exc_addr;
}

/* ---- entry -------------------------------------------------------------------------------------
 */

/* What the vectors are for, in their order; how far behind PC LR is, in A32 and T32. */
enum vector {
    VECTOR_UNDEFINED = 1,
    VECTOR_SVC,
    VECTOR_PREFETCH,
    VECTOR_DATA,
    VECTOR_IRQ = 6,
    VECTOR_FIQ
};
static const struct {
    uint8_t mode, a32, t32;
    uint16_t masks;
} vectors[] = {
    [VECTOR_UNDEFINED] = {ARM_MODE_UND, 4, 2, ARM_I},
    [VECTOR_SVC] = {ARM_MODE_SVC, 0, 0, ARM_I}, /* PC is behind the instruction already */
    [VECTOR_PREFETCH] = {ARM_MODE_ABT, 4, 4, ARM_I | ARM_A},
    [VECTOR_DATA] = {ARM_MODE_ABT, 8, 8, ARM_I | ARM_A},
    [VECTOR_IRQ] = {ARM_MODE_IRQ, 4, 4, ARM_I | ARM_A},
    [VECTOR_FIQ] = {ARM_MODE_FIQ, 4, 4, ARM_I | ARM_A | ARM_F},
};

static void debug_event(struct arm_regs *r, unsigned moe)
{
    r->mdscr = (r->mdscr & ~(uint64_t)MDSCR_MOE) | moe;
}

/* The vector of a synchronous exception; its status registers are written. */
static enum vector classify(struct tcg_cpu *tc, uint32_t syndrome)
{
    struct arm_regs *r = arm_regs_of(tc);
    switch (syndrome >> 26) {
    case ARM_EC_SVC32:
        return VECTOR_SVC;
    case ARM_EC_IABORT_LOWER:
    case ARM_EC_IABORT:
        put_prefetch_fault(tc, syndrome & 0x3f);
        return VECTOR_PREFETCH;
    case ARM_EC_PC_ALIGN:
        put_prefetch_fault(tc, FSC_ALIGN);
        return VECTOR_PREFETCH;
    case ARM_EC_BREAKPOINT_LOWER:
    case ARM_EC_BREAKPOINT:
    case ARM_EC_BKPT32:
        debug_event(r, syndrome >> 26 == ARM_EC_BKPT32 ? MOE_BKPT : MOE_BREAKPOINT);
        put_prefetch_fault(tc, FSC_DEBUG);
        return VECTOR_PREFETCH;
    case ARM_EC_WATCHPOINT_LOWER:
    case ARM_EC_WATCHPOINT:
        debug_event(r, MOE_WATCHPOINT);
        put_data_fault(tc, syndrome);
        return VECTOR_DATA;
    case ARM_EC_DABORT_LOWER:
    case ARM_EC_DABORT:
        put_data_fault(tc, syndrome);
        return VECTOR_DATA;
    default: /* all that traps, too */
        return VECTOR_UNDEFINED;
    }
}

void arm_take32(struct tcg_cpu *tc, enum arm_exception kind, uint32_t syndrome)
{
    struct arm_regs *r = arm_regs_of(tc);
    const uint64_t old = arm_get_pstate(tc), sctlr = r->sctlr[1];
    enum vector v = VECTOR_DATA;

    if (kind == ARM_EXC_SYNC)
        v = classify(tc, syndrome);
    else if (kind == ARM_EXC_SERROR)
        put_data_fault(tc, arm_syndrome(ARM_EC_DABORT, FSC_ASYNC));
    else
        v = kind == ARM_EXC_FIQ ? VECTOR_FIQ : VECTOR_IRQ;
    const uint32_t lr = (uint32_t)r->pc + (old & ARM_T ? vectors[v].t32 : vectors[v].a32);

    uint64_t pstate = old & ~(uint64_t)(ARM_IT_LOW | ARM_IT_HIGH | ARM_J | ARM_E | ARM_T | ARM_IL);
    pstate |= vectors[v].masks;
    pstate |= (sctlr & SCTLR_EE ? ARM_E : 0) | (sctlr & SCTLR_TE ? ARM_T : 0);
    if (arm_feat(tc, ARM_FEAT_PAN) && !(sctlr & SCTLR_SPAN))
        pstate |= ARM_PAN;
    r->pstate = pstate;
    arm_set_mode(r, (enum arm_mode)vectors[v].mode);
    arm_set_spsr(r, arm_bank_of(r->pstate), (uint32_t)old);
    r->x[14] = lr;
    r->pc = (sctlr & SCTLR_V ? 0xffff0000 : (uint32_t)r->vbar[1]) + v * 4u;
    r->excl_size = 0;
    arm_level_changed(tc);
}

/* ---- the mode ----------------------------------------------------------------------------------
 */

/* The mode stays. What Armv8 says of it; before that it is unpredictable, and nothing else. */
static void illegal(struct tcg_cpu *tc)
{
    if (arm_feat(tc, ARM_FEAT_A32_V8))
        arm_regs_of(tc)->pstate |= ARM_IL;
}

void arm_write_cpsr(struct tcg_cpu *tc, uint32_t value, uint32_t mask)
{
    struct arm_regs *r = arm_regs_of(tc);
    uint64_t pstate = arm_get_pstate(tc);
    pstate = (pstate & ~(uint64_t)mask) | (value & mask);
    r->pstate = (pstate & ~(uint64_t)ARM_MODE) | (r->pstate & ARM_MODE);
    if (arm_mode_exists((unsigned)pstate))
        arm_set_mode(r, (enum arm_mode)(pstate & ARM_MODE));
    else
        illegal(tc);
    arm_set_nzcv(tc, pstate);
    arm_level_changed(tc);
}

/* An IT block goes on where SPSR says a state that there can be. */
static uint32_t restored_it(uint32_t spsr, bool is_illegal)
{
    const unsigned it = arm_it(spsr);
    const bool wrong = is_illegal || !(spsr & ARM_T) || (it >> 4 && !(it & 15));
    return wrong ? 0 : arm_it_bits(it);
}

void arm_return32(struct tcg_cpu *tc, uint32_t pc, uint32_t spsr)
{
    struct arm_regs *r = arm_regs_of(tc);
    const bool ok = arm_mode_exists(spsr);
    const uint32_t keep = (uint32_t)ARM_N | ARM_Z | ARM_C | ARM_V | ARM_Q | 0xfu << ARM_GE_SHIFT |
                          ARM_E | ARM_A | ARM_I | ARM_F | ARM_T | ARM_IL |
                          (arm_feat(tc, ARM_FEAT_PAN) ? (uint32_t)ARM_PAN : 0);

    r->excl_size = 0;
    r->event = 1;
    r->pstate = (spsr & keep) | restored_it(spsr, !ok || (spsr & ARM_IL)) | (r->pstate & ARM_MODE);
    if (ok)
        arm_set_mode(r, (enum arm_mode)(spsr & ARM_MODE));
    else
        illegal(tc);
    arm_set_nzcv(tc, spsr);
    r->pc = pc & (spsr & ARM_T ? ~UINT32_C(1) : ~UINT32_C(3));
    arm_level_changed(tc);
}

/* ---- helpers -----------------------------------------------------------------------------------
 */

uint64_t arm_helper_return32(void *env, uint64_t pc, uint64_t spsr, uint64_t c, uint64_t d)
{
    UNUSED(c, d);
    arm_return32(tcg_cpu_of(env), (uint32_t)pc, (uint32_t)spsr);
    return 0;
}

uint64_t arm_helper_write_cpsr(void *env, uint64_t value, uint64_t mask, uint64_t c, uint64_t d)
{
    UNUSED(c, d);
    arm_write_cpsr(tcg_cpu_of(env), (uint32_t)value, (uint32_t)mask);
    return 0;
}
