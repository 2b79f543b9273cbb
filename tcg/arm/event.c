/*
 * What a vCPU looks at between blocks: interrupts with their routing and masks, start by PSCI,
 * waiting (WFI, WFE). Arm ARM, chapter D1, "Asynchronous exception types" and "Mechanisms for
 * entering a low-power state".
 */
#include <stdatomic.h>

#include "tcg/arm/sys.h"
#include "tcg/spin.h"

/* ---- interrupts ------------------------------------------------------------------------------ */

struct interrupt {
    uint32_t bit;
    uint8_t kind;      /* enum arm_exception */
    uint16_t mask;     /* in PSTATE */
    uint64_t scr, hcr; /* what routes it to EL3, to EL2 */
};
static const struct interrupt physical[] = {
    {CPU_INT_FIQ, ARM_EXC_FIQ, ARM_F, ARM_SCR_FIQ, ARM_HCR_FMO},
    {CPU_INT_IRQ, ARM_EXC_IRQ, ARM_I, ARM_SCR_IRQ, ARM_HCR_IMO},
};
/* Virtual ones: by the interrupt controller's outputs, and by bits of HCR_EL2. */
static const struct {
    uint32_t bit;
    uint8_t kind;
    uint16_t mask;
    uint64_t enable, by_hand;
} virtual[] = {
    {CPU_INT_VFIQ, ARM_EXC_FIQ, ARM_F, ARM_HCR_FMO, ARM_HCR_VF},
    {CPU_INT_VIRQ, ARM_EXC_IRQ, ARM_I, ARM_HCR_IMO, ARM_HCR_VI},
};

/* The level a physical interrupt goes to. */
static unsigned target_of(struct tcg_cpu *tc, const struct interrupt *i, uint64_t hcr)
{
    const struct arm_regs *r = arm_regs_of(tc);
    if (arm_model_of(tc)->has_el3 && (r->scr & i->scr))
        return 3;
    return hcr & i->hcr ? 2 : 1;
}

static bool deliverable(const struct arm_regs *r, unsigned target, uint16_t mask, uint64_t hcr)
{
    const unsigned el = arm_el(r);
    const bool host = (hcr & ARM_HCR_E2H) && (hcr & ARM_HCR_TGE);
    if (target < el)
        return false;
    /* From below, masks do not count; but those of a level that has EL0 as its own do. */
    if (target > el && target > 1 && !(target == 2 && host))
        return true;
    return !(r->pstate & mask);
}

static bool virtual_enabled(struct tcg_cpu *tc, uint64_t hcr, uint64_t enable)
{
    return arm_el2_enabled(tc) && arm_el(arm_regs_of(tc)) < 2 && !(hcr & ARM_HCR_TGE) &&
           (hcr & enable);
}

/* An interrupt that can be taken now. */
static bool take_interrupt(struct tcg_cpu *tc, uint32_t pending)
{
    struct arm_regs *r = arm_regs_of(tc);
    const uint64_t hcr = arm_hcr_of(tc);
    for (unsigned n = 0; n < sizeof physical / sizeof *physical; n++) {
        const struct interrupt *i = &physical[n];
        const unsigned target = target_of(tc, i, hcr);
        if (!(pending & i->bit) || !deliverable(r, target, i->mask, hcr))
            continue;
        tc->counters.interrupts++;
        tc->vcpu->halted = false;
        arm_take(tc, (enum arm_exception)i->kind, target, 0);
        return true;
    }
    for (unsigned n = 0; n < sizeof virtual / sizeof *virtual; n++) {
        if (!virtual_enabled(tc, hcr, virtual[n].enable) || (r->pstate & virtual[n].mask) ||
            (!(pending & virtual[n].bit) && !(hcr & virtual[n].by_hand)))
            continue;
        tc->counters.interrupts++;
        tc->vcpu->halted = false;
        arm_take(tc, (enum arm_exception) virtual[n].kind, 1, 0);
        return true;
    }
    /* HCR_EL2.VSE: a virtual SError, once. */
    if ((hcr & ARM_HCR_VSE) && virtual_enabled(tc, hcr, ARM_HCR_AMO) && !(r->pstate & ARM_A)) {
        r->hcr &= ~ARM_HCR_VSE;
        tc->vcpu->halted = false;
        arm_take(tc, ARM_EXC_SERROR, 1, arm_syndrome(ARM_EC_SERROR, 0));
        return true;
    }
    return false;
}

/* Does an interrupt end WFI? Whether it is masked does not count, whether it would go to a level
 * below does. */
static bool wakes(struct tcg_cpu *tc, uint32_t pending)
{
    const struct arm_regs *r = arm_regs_of(tc);
    const uint64_t hcr = arm_hcr_of(tc);
    for (unsigned n = 0; n < sizeof physical / sizeof *physical; n++)
        if ((pending & physical[n].bit) && target_of(tc, &physical[n], hcr) >= arm_el(r))
            return true;
    for (unsigned n = 0; n < sizeof virtual / sizeof *virtual; n++)
        if (virtual_enabled(tc, hcr, virtual[n].enable) &&
            ((pending & virtual[n].bit) || (hcr & virtual[n].by_hand)))
            return true;
    return false;
}

/* ---- software step --------------------------------------------------------------------------- */

/* An instruction was executed with the step armed. */
static void stepped(struct tcg_cpu *tc)
{
    struct arm_regs *r = arm_regs_of(tc);
    tc->step_pending = 0;
    if (!(r->mdscr & 1) || !arm_debug_enabled(tc))
        return;
    r->pstate &= ~(uint64_t)ARM_SS;
    arm_level_changed(tc);
}

/* Active-pending: the exception comes before the next instruction. */
static bool take_step(struct tcg_cpu *tc)
{
    struct arm_regs *r = arm_regs_of(tc);
    if (!(r->mdscr & 1) || (r->pstate & ARM_SS) || !arm_debug_enabled(tc))
        return false;
    const unsigned target = arm_debug_target(tc);
    if (target == 1 && arm_el1_is_aarch32(r, arm_model_of(tc))) /* AArch64's alone */
        return false;
    const bool lower = target > arm_el(r);
    /* IFSC is that of a debug exception; ISV: EX is known. */
    arm_take(tc, ARM_EXC_SYNC, target,
             arm_syndrome(lower ? ARM_EC_STEP_LOWER : ARM_EC_STEP, 1u << 24 | 0x22));
    return true;
}

/* ---- between blocks -------------------------------------------------------------------------- */

static void start(struct tcg_cpu *tc)
{
    arm_cpu_start(tc->vcpu);
    tc->arch->reset(tc);
}

enum tcg_event arm_take_events(struct tcg_cpu *tc)
{
    struct vcpu *cpu = tc->vcpu;
    struct arm_regs *r = arm_regs_of(tc);
    const uint32_t pending = atomic_load(&cpu->interrupt);

    if (__builtin_expect(pending & (CPU_INT_START | CPU_INT_EVENT), 0)) {
        cpu_clear_interrupt(cpu, CPU_INT_START | CPU_INT_EVENT);
        if (pending & CPU_INT_EVENT)
            r->event = 1;
        if ((pending & CPU_INT_START) && r->powered_off == ARM_POWER_STARTING)
            start(tc);
    }
    if (r->powered_off) {
        cpu->halted = true;
        return TCG_EVENT_HALT;
    }
    if (tc->step_pending)
        stepped(tc);
    if (take_interrupt(tc, pending))
        return TCG_EVENT_DELIVERED;
    if (cpu->halted) {
        if (!wakes(tc, pending) && !(pending & CPU_INT_EVENT))
            return TCG_EVENT_HALT;
        cpu->halted = false;
    }
    return take_step(tc) ? TCG_EVENT_DELIVERED : TCG_EVENT_NONE;
}

/* ---- WFI, WFE, SEV --------------------------------------------------------------------------- */

enum { SCTLR_NTWI = 1 << 16, SCTLR_NTWE = 1 << 18, WFX_ISS = 0xe00000 };

/* Does it trap? ti: ISS.TI: 0 WFI, 1 WFE, 2 WFIT, 3 WFET. */
static bool trapped(struct tcg_cpu *tc, unsigned ti)
{
    const struct arm_regs *r = arm_regs_of(tc);
    const unsigned el = arm_el(r);
    const bool event = ti & 1;
    const uint32_t syndrome = arm_syndrome(ARM_EC_WFX, 1u << 24 | WFX_ISS | ti);
    if (el == 0 && (arm_model_of(tc)->aarch64 || arm_feat(tc, ARM_FEAT_A32_V8))) {
        const unsigned by = arm_regime_el(arm_regime_of(r, arm_model_of(tc), 0));
        if (!(r->sctlr[by] & (event ? SCTLR_NTWE : SCTLR_NTWI))) {
            arm_raise(tc, syndrome, arm_sync_target(tc));
            return true;
        }
    }
    if (el < 2 && (arm_hcr_of(tc) & (event ? ARM_HCR_TWE : ARM_HCR_TWI))) {
        arm_raise(tc, syndrome, 2);
        return true;
    }
    if (el < 3 && arm_model_of(tc)->has_el3 && (r->scr & (event ? ARM_SCR_TWE : ARM_SCR_TWI))) {
        arm_raise(tc, syndrome, 3);
        return true;
    }
    return false;
}

/* arm_take_events() leaves the run loop, which must be reached. */
static void halt(struct tcg_cpu *tc)
{
    tc->vcpu->halted = true;
    __atomic_store_n(&tc->exit_request, 1, __ATOMIC_SEQ_CST);
}

uint64_t arm_helper_wfi(void *env, uint64_t next, uint64_t b, uint64_t c, uint64_t d)
{
    struct tcg_cpu *tc = tcg_cpu_of(env);
    struct arm_regs *r = env;
    UNUSED(b, c, d);
    /* Nothing to wait for: it does not trap either. */
    if (!wakes(tc, atomic_load(&tc->vcpu->interrupt)) && trapped(tc, 0))
        return 0;
    r->pc = next;
    halt(tc);
    return 0;
}

static bool event_stream(const struct arm_regs *r)
{
    return (r->cntkctl >> 2 & 1) || (r->cnthctl >> 2 & 1);
}

/*
 * An exclusive's monitor is no event of ours: who waits for one to be lost (a lock) goes round
 * instead, and lets another thread have the processor. So does who would be woken by the event
 * stream, soon.
 */
static void wait_for_event(struct tcg_cpu *tc)
{
    struct arm_regs *r = arm_regs_of(tc);
    if (r->event)
        r->event = 0;
    else if (r->excl_size || event_stream(r))
        tcg_spin(tc);
    else
        halt(tc);
}

uint64_t arm_helper_wfe(void *env, uint64_t next, uint64_t b, uint64_t c, uint64_t d)
{
    struct tcg_cpu *tc = tcg_cpu_of(env);
    struct arm_regs *r = env;
    UNUSED(b, c, d);
    if (!r->event && trapped(tc, 1))
        return 0;
    r->pc = next;
    wait_for_event(tc);
    return 0;
}

/* With a timeout that nobody raises: to go on at once is allowed. */
uint64_t arm_helper_wfxt(void *env, uint64_t next, uint64_t timeout, uint64_t event, uint64_t d)
{
    struct tcg_cpu *tc = tcg_cpu_of(env);
    struct arm_regs *r = env;
    UNUSED(d);
    const bool due = arm_counter(tc->vcpu) - r->cntvoff >= timeout;
    if (!due && !(event && r->event) && trapped(tc, event ? 3 : 2))
        return 0;
    r->pc = next;
    if (event)
        r->event = 0;
    if (!due)
        tcg_spin(tc);
    return 0;
}

uint64_t arm_helper_yield(void *env, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
    UNUSED(a, b, c, d);
    tcg_spin(tcg_cpu_of(env));
    return 0;
}

uint64_t arm_helper_sev(void *env, uint64_t local, uint64_t b, uint64_t c, uint64_t d)
{
    struct tcg_cpu *tc = tcg_cpu_of(env);
    struct arm_regs *r = env;
    const struct vemu_machine *m = tc->vcpu->machine;
    UNUSED(b, c, d);
    r->event = 1;
    for (unsigned n = 0; !local && n < m->vcpu_count; n++)
        if (m->vcpus[n] != tc->vcpu)
            cpu_interrupt(m->vcpus[n], CPU_INT_EVENT);
    return 0;
}
