/*
 * Self-hosted debug: breakpoints, watchpoints and when their exceptions are enabled. Arm ARM,
 * chapter D2. Watchpoints are watched by the MMU, breakpoints by a helper at each instruction while
 * MODE_BREAKPOINTS is set.
 */
#include "core/util/range.h"
#include "tcg/arm/sys.h"
#include "tcg/mmu/tlb.h"

enum { MDSCR_KDE = 1 << 13, MDSCR_MDE = 1 << 15, MDCR_TDE = 1 << 8 };

unsigned arm_debug_target(struct tcg_cpu *tc)
{
    const struct arm_regs *r = arm_regs_of(tc);
    if (!arm_el2_enabled(tc))
        return 1;
    return (r->mdcr[2] & MDCR_TDE) || (arm_hcr_of(tc) & ARM_HCR_TGE) ? 2 : 1;
}

bool arm_debug_enabled(struct tcg_cpu *tc)
{
    const struct arm_regs *r = arm_regs_of(tc);
    const unsigned el = arm_el(r), target = arm_debug_target(tc);
    if (el == 3 || el > target || r->oslar || r->osdlr)
        return false;
    if (target == 1 && arm_el1_is_aarch32(r, arm_model_of(tc))) /* nothing masks them there */
        return true;
    /* From the level itself: when the kernel asked for it and has not masked it. */
    return el < target || ((r->mdscr & MDSCR_KDE) && !(r->pstate & ARM_D));
}

/* ---- matching -------------------------------------------------------------------------------- */

/* HMC, SSC and PMC or PAC of a control register (bits 13, 15:14, 2:1): the levels that match. */
static bool level_matches(struct tcg_cpu *tc, uint64_t control)
{
    const struct arm_regs *r = arm_regs_of(tc);
    const unsigned el = arm_el(r);
    const unsigned hmc = control >> 13 & 1, ssc = control >> 14 & 3, pac = control >> 1 & 3;
    if ((ssc == 1 && r->secure) || (ssc == 2 && !r->secure))
        return false;
    switch (el) {
    case 0:
        return pac & 2;
    case 1:
        return pac & 1;
    case 2:
        return hmc;
    default:
        return hmc && ssc != 1;
    }
}

static bool breakpoint_matches(struct tcg_cpu *tc, unsigned n, uint64_t pc)
{
    const struct arm_regs *r = arm_regs_of(tc);
    const uint64_t bcr = r->dbgbcr[n];
    const unsigned type = bcr >> 20 & 15;
    if (!(bcr & 1) || !level_matches(tc, bcr))
        return false;
    switch (type & 14) {
    case 0: /* address, sign-extended from 49 bits */
        if ((uint64_t)((int64_t)(r->dbgbvr[n] << 15) >> 15) != (pc & ~UINT64_C(3)))
            return false;
        if (!arm_is_aarch64(r) && !(bcr >> (5 + (pc & 3)) & 1)) /* BAS: which half of the word */
            return false;
        break;
    case 2: /* context ID of EL1 */
        if ((uint32_t)r->contextidr[1] != (uint32_t)r->dbgbvr[n])
            return false;
        break;
    case 4: /* address mismatch is AArch32's */
    default:
        return false;
    }
    /* Linked: the other one, which compares contexts, must match as well. */
    if (type & 1 && !(type & 2)) {
        const unsigned other = bcr >> 16 & 15;
        return other < arm_model_of(tc)->breakpoints && (r->dbgbcr[other] & 1) &&
               (r->dbgbcr[other] >> 20 & 15) == 3 &&
               (uint32_t)r->contextidr[1] == (uint32_t)r->dbgbvr[other];
    }
    return !(type & 1); /* linked contexts match by who links to them */
}

uint64_t arm_helper_breakpoint(void *env, uint64_t pc, uint64_t b, uint64_t c, uint64_t d)
{
    struct tcg_cpu *tc = tcg_cpu_of(env);
    const struct arm_regs *r = env;
    struct vcpu *cpu = tc->vcpu;
    UNUSED(b, c, d);
    for (unsigned i = 0; i < cpu->breakpoint_count; i++) {
        const struct cpu_breakpoint *bp = &cpu->breakpoints[i];
        if (bp->kind == CPU_BP_EXEC && bp->addr == pc) {
            cpu->debug_addr = pc;
            cpu->debug_hit = bp;
            tc->status = TCG_LEAVE;
            return 0;
        }
    }
    if (!(r->mdscr & MDSCR_MDE) || !arm_debug_enabled(tc))
        return 0;
    for (unsigned n = 0; n < arm_model_of(tc)->breakpoints; n++) {
        if (!breakpoint_matches(tc, n, pc))
            continue;
        arm_raise(tc, arm_syndrome(ARM_EC_BREAKPOINT_LOWER, 0x22), arm_debug_target(tc));
        return 0;
    }
    return 0;
}

/* ---- watchpoints ----------------------------------------------------------------------------- */

/* The range of a watchpoint: BAS says which bytes of a doubleword, or MASK how many low bits do not
 * count. false: none. */
static bool watched_range(const struct arm_regs *r, unsigned n, uint64_t *addr, uint64_t *len)
{
    const uint64_t wcr = r->dbgwcr[n];
    const unsigned bas = wcr >> 5 & 0xff, mask = wcr >> 24 & 31;
    if (!(wcr & 1) || !bas)
        return false;
    if (mask > 2) {
        *len = UINT64_C(1) << mask;
        *addr = r->dbgwvr[n] & ~(*len - 1);
        return true;
    }
    const unsigned first = (unsigned)__builtin_ctz(bas);
    *len = 32u - (unsigned)__builtin_clz(bas) - first;
    *addr = (r->dbgwvr[n] & ~UINT64_C(7)) + first;
    return true;
}

void arm_update_watches(struct tcg_cpu *tc)
{
    const struct arm_regs *r = arm_regs_of(tc);
    struct tcg_mmu *mmu = tc->mmu;
    const unsigned before = mmu->watch_count;
    unsigned kept = 0;
    for (unsigned i = 0; i < mmu->watch_count; i++)
        if (!mmu->watches[i].guest_dr)
            mmu->watches[kept++] = mmu->watches[i];
    for (unsigned n = 0; n < arm_model_of(tc)->watchpoints && kept < ARRAY_SIZE(mmu->watches);
         n++) {
        uint64_t addr, len;
        if (!(r->mdscr & MDSCR_MDE) || !watched_range(r, n, &addr, &len))
            continue;
        mmu->watches[kept++] = (struct tcg_watch){.addr = addr,
                                                  .len = len,
                                                  .on_read = r->dbgwcr[n] >> 3 & 1,
                                                  .on_write = r->dbgwcr[n] >> 4 & 1,
                                                  .guest_dr = (uint8_t)(n + 1)};
    }
    mmu->watch_count = kept;
    if (kept || before)
        tlb_flush_all(tc);
}

/* Before the access: it does not happen. */
void arm_watch_hit(struct tcg_cpu *tc, unsigned n, uint64_t addr, bool write)
{
    const struct arm_regs *r = arm_regs_of(tc);
    if (!(r->mdscr & MDSCR_MDE) || !arm_debug_enabled(tc) || !level_matches(tc, r->dbgwcr[n]))
        return;
    arm_raise_far(tc, arm_syndrome(ARM_EC_WATCHPOINT_LOWER, 0x22 | (write ? 1u << 6 : 0)),
                  arm_debug_target(tc), addr);
}
