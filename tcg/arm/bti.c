/*
 * Branch target identification (FEAT_BTI): what PSTATE.BTYPE is between a branch to a register and
 * its target, and what happens at targets in guarded pages.
 *
 * BR and BLR store BTYPE beside an address (translate_branch.c). As long as no code of this level
 * was fetched from a guarded page nothing else is done: the address is the target, and BTYPE is
 * what was stored while PC is there, else 0. The first guarded page turns MODE_BTI on for the
 * level, and from then on blocks begin with a look at BTYPE (translate.c): 0 nearly always, but at
 * targets, which accept it. Any other leads to arm_bad_target(), which finds out what needs walks:
 * whether the page is guarded at all, and what page a BR came from, whose address is beside
 * BTYPE then.
 */
#include "tcg/arm/sys.h"

static bool is_guarded(struct tcg_cpu *tc, uint64_t vaddr)
{
    const struct arm_regs *r = arm_regs_of(tc);
    struct arm_walk_result result;
    struct arm_fault fault;
    struct tcg_walk walk = {0};
    const struct arm_walk_request q = {
        .vaddr = vaddr,
        .regime = arm_regime_of(r, arm_model_of(tc), arm_el(r)),
        .access = TCG_FETCH,
        .index = arm_el(r) ? ARM_MMU_PRIV : ARM_MMU_USER,
        .quiet = true,
        .stage1_only = true,
    };
    return arm_translate(tc, &q, &walk, &result, &fault) && result.guarded;
}

unsigned arm_btype(struct tcg_cpu *tc)
{
    const unsigned btype = tc->arm_btype;
    if (!btype)
        return 0;
    if (!(tc->mode & MODE_BTI))
        return tc->arm_branch == arm_regs_of(tc)->pc ? btype : 0;
    if (btype == ARM_BTYPE_FROM)
        return is_guarded(tc, tc->arm_branch) ? ARM_BTYPE_BR : ARM_BTYPE_BR_16;
    return btype;
}

void arm_take_btype(struct tcg_cpu *tc)
{
    struct arm_regs *r = arm_regs_of(tc);
    tc->arm_btype = ARM_BTYPE_NONE;
    if (!arm_is_aarch64(r))
        return;
    tc->arm_btype = (uint32_t)(r->pstate >> ARM_BTYPE_SHIFT) & 3;
    tc->arm_branch = r->pc;
    r->pstate &= ~(uint64_t)ARM_BTYPE;
}

bool arm_bad_target(struct tcg_cpu *tc, unsigned accepted)
{
    const unsigned btype = arm_btype(tc);
    if (!(accepted >> btype & 1) && is_guarded(tc, arm_regs_of(tc)->pc)) {
        arm_raise(tc, arm_syndrome(ARM_EC_BTI, btype), 0);
        tc->status = TCG_OK;
        return true;
    }
    tc->arm_btype = ARM_BTYPE_NONE;
    tc->budget++; /* no instruction was executed */
    return false;
}

bool arm_guarded_fetch(struct tcg_cpu *tc)
{
    const unsigned el = arm_el(arm_regs_of(tc));
    if ((arm_sys_of(tc)->guarded_seen >> el & 1) || !arm_feat(tc, ARM_FEAT_BTI) ||
        !arm_is_aarch64(arm_regs_of(tc)))
        return true;
    tc->exc_vector = ARM_EXC_AGAIN;
    tc->status = TCG_EXCEPTION;
    return false;
}

void arm_look_again(struct tcg_cpu *tc)
{
    struct arm_sys *s = arm_sys_of(tc);
    const unsigned el = arm_el(arm_regs_of(tc));
    tc->budget++; /* no instruction was executed */
    tc->arm_btype = arm_btype(tc);
    tc->arm_branch = arm_regs_of(tc)->pc;
    s->guarded_seen |= (uint8_t)(1u << el);
    arm_control_changed(tc);
}
