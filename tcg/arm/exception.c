/*
 * Exceptions: raising, delivery to EL1, EL2 and EL3, and the return from them. Arm ARM, chapter D1.
 */
#include "core/util/endian.h"
#include "tcg/arm/sys.h"
#include "tcg/translate.h"

/* ---- raising --------------------------------------------------------------------------------- */

void arm_raise(struct tcg_cpu *tc, uint32_t syndrome, unsigned target)
{
    struct arm_sys *s = arm_sys_of(tc);
    tc->exc_vector = ARM_EXC_SYNC;
    tc->exc_has_error = true;
    tc->exc_error = syndrome;
    tc->exc_next_rip_delta = 0;
    s->has_far = s->stage2_data = false;
    s->target = (uint8_t)target;
    tc->status = TCG_EXCEPTION;
}

void arm_raise_far(struct tcg_cpu *tc, uint32_t syndrome, unsigned target, uint64_t far)
{
    arm_raise(tc, syndrome, target);
    tc->exc_addr = far;
    arm_sys_of(tc)->has_far = true;
}

void arm_undefined(struct tcg_cpu *tc)
{
    arm_raise(tc, arm_syndrome(ARM_EC_UNKNOWN, 0), 0);
}

unsigned arm_sync_target(struct tcg_cpu *tc)
{
    const unsigned el = arm_el(arm_regs_of(tc));
    if (el > 1)
        return el;
    return el == 0 && (arm_hcr_of(tc) & ARM_HCR_TGE) ? 2 : 1;
}

/* Classes of their own for exceptions from a lower level. */
static uint32_t class_by_level(uint32_t syndrome, bool from_lower)
{
    switch (syndrome >> 26) {
    case ARM_EC_IABORT_LOWER:
    case ARM_EC_DABORT_LOWER:
    case ARM_EC_BREAKPOINT_LOWER:
    case ARM_EC_STEP_LOWER:
    case ARM_EC_WATCHPOINT_LOWER:
        return from_lower ? syndrome : syndrome + (1u << 26);
    default:
        return syndrome;
    }
}

void arm_raise_abort(struct tcg_cpu *tc, uint64_t vaddr, enum tcg_access access,
                     const struct arm_fault *fault, uint32_t iss)
{
    const struct arm_regs *r = arm_regs_of(tc);
    const enum arm_ec class = access == TCG_FETCH ? ARM_EC_IABORT_LOWER : ARM_EC_DABORT_LOWER;
    unsigned target = fault->s2 ? 2 : arm_sync_target(tc);
    /* An external abort goes where the firmware wants it. */
    if (fault->fsc >= 0x10 && fault->fsc <= 0x17 && arm_model_of(tc)->has_el3 &&
        (r->scr & ARM_SCR_EA))
        target = 3;
    iss |= fault->fsc | (fault->s1ptw ? 1u << 7 : 0) | (access == TCG_WRITE ? 1u << 6 : 0);
    arm_raise_far(tc, arm_syndrome(class, iss), target, vaddr);
    arm_sys_of(tc)->domain = fault->domain;
    if (fault->s2) {
        arm_sys_of(tc)->hpfar = fault->ipa >> 12 << 4;
        arm_sys_of(tc)->stage2_data = access != TCG_FETCH && !fault->s1ptw && !(iss & 1u << 8);
    }
}

uint32_t arm_access_syndrome(uint32_t insn)
{
    const uint32_t size = insn >> 30, opc = insn >> 22 & 3, rt = insn & 31;
    const bool offset = (insn & 0x3f000000) == 0x39000000, /* unsigned offset */
        unscaled = (insn & 0x3f200400) == 0x38000000,      /* LDUR, LDTR and theirs */
        by_register = (insn & 0x3f200c00) == 0x38200800,
               ordered = (insn & 0x3fa08000) == 0x08808000; /* LDAR, STLR */
    bool is_signed = false, wide = size == 3;
    if (!ordered) {
        if ((!offset && !unscaled && !by_register) || (opc >= 2 && size == 3) ||
            (opc == 3 && size == 2))
            return 0; /* a pair, an exclusive, a vector, with write-back, a prefetch */
        is_signed = opc >= 2;
        wide = opc == 2 || (opc < 2 && size == 3);
    }
    return 1u << 24 | size << 22 | (uint32_t)is_signed << 21 | rt << 16 | (uint32_t)wide << 15 |
           (uint32_t)ordered << 14;
}

/* The instruction at PC, which was executed; 0: it is in no memory. */
static uint32_t present_instruction(struct tcg_cpu *tc)
{
    const struct arm_regs *r = arm_regs_of(tc);
    struct code_place place;
    if (!arm_is_aarch64(r) || (r->pc & 3))
        return 0;
    if (!tcg_find_code(tc, r->pc, &place)) {
        tc->status = TCG_OK;
        return 0;
    }
    return place.ram ? load_le32(place.ram->host + place.offset) : 0;
}

/* ---- delivery -------------------------------------------------------------------------------- */

enum { SCTLR_SPAN = 1 << 23 };
#define SCTLR_DSSBS (UINT64_C(1) << 44)

/* Is the level below `target` in AArch32 state? By what runs, or is configured, there. */
static bool lower_is_aarch32(struct tcg_cpu *tc, unsigned target)
{
    const struct arm_regs *r = arm_regs_of(tc);
    const uint64_t hcr = arm_hcr_of(tc);
    if (arm_is_aarch64(r) || arm_el(r) > 0)
        return !arm_is_aarch64(r);
    /* AArch32 at EL0: below EL1 it is that, below others an EL1 that is AArch64 stands between. */
    return target == 1 || (target == 2 && (hcr & ARM_HCR_TGE)) || !(hcr & ARM_HCR_RW);
}

static void switch_sp(struct arm_regs *r, unsigned level)
{
    r->sp_el[arm_sp_level(r)] = r->sp;
    r->sp = r->sp_el[level];
}

/* Which of its outputs the interrupt controller raises depends on EL3 and the security state. */
static void tell_intc(struct tcg_cpu *tc)
{
    const struct arm_intc_ops *ops = tc->vcpu->arm_intc_ops;
    const struct arm_regs *r = arm_regs_of(tc);

    if (ops && ops->state_changed)
        ops->state_changed(tc->vcpu->intc, (uint8_t)arm_el(r), r->secure);
}

void arm_take(struct tcg_cpu *tc, enum arm_exception kind, unsigned target, uint32_t syndrome)
{
    struct arm_regs *r = arm_regs_of(tc);
    const unsigned el = arm_el(r);
    const uint64_t old = arm_get_pstate(tc);
    uint64_t offset = (uint64_t)kind * 0x80;

    if (arm_el1_is_aarch32(r, arm_model_of(tc))) {
        if (target == 1) {
            arm_take32(tc, kind, syndrome);
            return;
        }
        if (!arm_is_aarch64(r))
            arm_banks_to_aarch64(r);
    }
    if (el == target)
        offset += r->pstate & ARM_SPSEL ? 0x200 : 0;
    else
        offset += lower_is_aarch32(tc, target) ? 0x600 : 0x400;
    r->spsr[target] = old;
    r->elr[target] = r->pc;
    if (kind == ARM_EXC_SYNC || kind == ARM_EXC_SERROR)
        r->esr[target] = syndrome;

    const uint64_t sctlr = r->sctlr[target];
    uint64_t pstate = old & (ARM_N | ARM_Z | ARM_C | ARM_V | ARM_PAN | ARM_DIT);
    const bool host = target == 2 && el < 2 &&
                      (arm_hcr_of(tc) & (ARM_HCR_E2H | ARM_HCR_TGE)) == (ARM_HCR_E2H | ARM_HCR_TGE);
    if (arm_feat(tc, ARM_FEAT_PAN) &&
        (target == 1 || host || (target == 2 && el == 2 && (arm_hcr_of(tc) & ARM_HCR_E2H))) &&
        !(sctlr & SCTLR_SPAN))
        pstate |= ARM_PAN;
    if (arm_feat(tc, ARM_FEAT_SSBS) && (sctlr & SCTLR_DSSBS))
        pstate |= ARM_SSBS;
    if (arm_feat(tc, ARM_FEAT_MTE2))
        pstate |= ARM_TCO;
    pstate |= ARM_D | ARM_A | ARM_I | ARM_F | target << ARM_EL_SHIFT | ARM_SPSEL;
    switch_sp(r, target);
    r->pstate = pstate;
    tc->arm_btype = ARM_BTYPE_NONE;
    if (target == 3)
        r->secure = 1;
    r->pc = (r->vbar[target] & ~UINT64_C(0x7ff)) + offset; /* below that: AArch32's VBAR */
    r->excl_size = 0;
    if (target == 3)
        tell_intc(tc);
    arm_level_changed(tc);
}

static void log_exception(struct tcg_cpu *tc, unsigned target, uint32_t syndrome)
{
    const struct arm_regs *r = arm_regs_of(tc);
    static const char *const kinds[] = {"synchronous", "IRQ", "FIQ", "SError"};
    log_msg(&tc->vcpu->machine->log, LOG_INT,
            "cpu %u: %s exception from EL%u to EL%u, pc 0x%016llx esr 0x%08x far 0x%016llx",
            tc->vcpu->index, kinds[tc->exc_vector & 3], arm_el(r), target,
            (unsigned long long)r->pc, syndrome, (unsigned long long)tc->exc_addr);
}

/* Past an instruction of A32 or T32 that is not executed. */
static void skip32(struct tcg_cpu *tc)
{
    struct arm_regs *r = arm_regs_of(tc);
    r->pc = (uint32_t)(r->pc + (tc->exc_error & 7));
    r->pstate = (r->pstate & ~(uint64_t)(ARM_IT_LOW | ARM_IT_HIGH)) |
                arm_it_bits(arm_it_next(arm_it(r->pstate)));
    arm_level_changed(tc);
}

bool arm_deliver_exception(struct tcg_cpu *tc)
{
    struct arm_sys *s = arm_sys_of(tc);
    struct arm_regs *r = arm_regs_of(tc);

    if (tc->exc_vector == ARM_EXC_SKIP) {
        skip32(tc);
        return true;
    }
    if (tc->exc_vector == ARM_EXC_TARGET && !arm_bad_target(tc, tc->exc_error & 15))
        return true;
    if (tc->exc_vector == ARM_EXC_AGAIN) {
        arm_look_again(tc);
        return true;
    }
    if (tc->exc_vector == ARM_EXC_BARRIER) {
        tcg_wait_requests(tc->tm, tc);
        if (arm_is_aarch64(r))
            r->pc += 4;
        else
            skip32(tc);
        return true;
    }
    if (tc->exc_error >> 26 == ARM_EC_PC_ALIGN) /* PC was not known yet where it was raised */
        tc->exc_addr = r->pc;
    const unsigned el = arm_el(r);
    unsigned target = s->target ? s->target : arm_sync_target(tc);
    if (target < el)
        target = el;
    /* What traps to EL1 from EL0 goes to EL2 when that is where EL0's exceptions go. */
    if (target == 1 && (arm_hcr_of(tc) & ARM_HCR_TGE))
        target = 2;
    uint32_t syndrome = class_by_level(tc->exc_error, target > el);
    const uint64_t far = tc->exc_addr, hpfar = s->hpfar;
    const bool has_far = s->has_far;
    if (s->stage2_data && target == 2)
        syndrome |= arm_access_syndrome(present_instruction(tc));
    tc->counters.exceptions++;
    log_exception(tc, target, syndrome);
    if (has_far &&
        !(target == 1 && arm_el1_is_aarch32(r, arm_model_of(tc)))) { /* else see arm_take32() */
        r->far[target] = far;
        if (target == 2)
            r->hpfar = hpfar;
        s->hpfar = 0;
    }
    r->pc += tc->exc_next_rip_delta;
    tc->exc_next_rip_delta = 0;
    arm_take(tc, ARM_EXC_SYNC, target, syndrome);
    return true;
}

/* ---- calls ----------------------------------------------------------------------------------- */

uint64_t arm_helper_svc(void *env, uint64_t imm16, uint64_t next, uint64_t c, uint64_t d)
{
    struct tcg_cpu *tc = tcg_cpu_of(env);
    struct arm_regs *r = env;
    UNUSED(c, d);
    tc->counters.exceptions++;
    r->pc = next;
    arm_take(
        tc, ARM_EXC_SYNC, arm_sync_target(tc),
        arm_syndrome(arm_is_aarch64(r) ? ARM_EC_SVC64 : ARM_EC_SVC32, (uint32_t)imm16 & 0xffff));
    return 0;
}

/* The board's firmware answers; false: it does not know the call. */
static bool firmware(struct tcg_cpu *tc, enum arm_conduit conduit, uint64_t imm16, uint64_t next)
{
    const struct arm_board_ops *ops = tc->vcpu->arm_board_ops;
    struct arm_regs *r = arm_regs_of(tc);
    uint64_t x[18];
    if (!ops || !ops->firmware_call || ops->conduit != conduit || imm16 || arm_el(r) == 0)
        return false;
    for (unsigned n = 0; n < 18; n++)
        x[n] = r->x[n];
    if (!ops->firmware_call(tc->vcpu, x, tc->vcpu->arm_board)) {
        /* SMC Calling Convention: what is not known answers -1. */
        x[0] = ~UINT64_C(0);
    }
    for (unsigned n = 0; n < 4; n++)
        r->x[n] = arm_is_aarch64(r) ? x[n] : (uint32_t)x[n];
    r->pc = next;
    if (tc->vcpu->halted) /* it waits, or is off: arm_take_events() */
        __atomic_store_n(&tc->exit_request, 1, __ATOMIC_SEQ_CST);
    return true;
}

uint64_t arm_helper_hvc(void *env, uint64_t imm16, uint64_t next, uint64_t c, uint64_t d)
{
    struct tcg_cpu *tc = tcg_cpu_of(env);
    struct arm_regs *r = env;
    const struct arm_cpu_model *model = arm_model_of(tc);
    const unsigned el = arm_el(r);
    UNUSED(c, d);
    if (firmware(tc, ARM_CONDUIT_HVC, imm16, next))
        return 0;
    const bool enabled = model->has_el3 ? (r->scr & ARM_SCR_HCE) != 0 : !(r->hcr & ARM_HCR_HCD);
    if (el == 0 || !model->has_el2 || !enabled || (r->secure && el < 2)) {
        arm_undefined(tc);
        return 0;
    }
    tc->counters.exceptions++;
    r->pc = next;
    arm_take(
        tc, ARM_EXC_SYNC, el == 3 ? 3 : 2,
        arm_syndrome(arm_is_aarch64(r) ? ARM_EC_HVC64 : ARM_EC_HVC32, (uint32_t)imm16 & 0xffff));
    return 0;
}

uint64_t arm_helper_smc(void *env, uint64_t imm16, uint64_t next, uint64_t c, uint64_t d)
{
    struct tcg_cpu *tc = tcg_cpu_of(env);
    struct arm_regs *r = env;
    const unsigned el = arm_el(r);
    UNUSED(c, d);
    /* AArch32's says nothing of the immediate: CCKNOWNPASS, that its condition held, is 0. */
    const uint32_t syndrome = arm_is_aarch64(r)
                                  ? arm_syndrome(ARM_EC_SMC64, (uint32_t)imm16 & 0xffff)
                                  : arm_syndrome(ARM_EC_SMC32, 0);
    if (el == 0) {
        arm_undefined(tc);
    } else if (el == 1 && (arm_hcr_of(tc) & ARM_HCR_TSC)) {
        arm_raise(tc, syndrome, 2);
    } else if (firmware(tc, ARM_CONDUIT_SMC, imm16, next)) {
        return 0;
    } else if (!arm_model_of(tc)->has_el3 || (r->scr & ARM_SCR_SMD)) {
        arm_undefined(tc);
    } else {
        tc->counters.exceptions++;
        r->pc = next;
        arm_take(tc, ARM_EXC_SYNC, 3, syndrome);
    }
    return 0;
}

/* ---- return ---------------------------------------------------------------------------------- */

/* Can SPSR's mode be returned to from el? Arm ARM, "Illegal return events from AArch64 state". */
static bool legal_return(struct tcg_cpu *tc, uint64_t spsr, unsigned el)
{
    const struct arm_cpu_model *model = arm_model_of(tc);
    const struct arm_regs *r = arm_regs_of(tc);
    const unsigned to = spsr >> ARM_EL_SHIFT & 3;
    const bool ns = !model->has_el3 || (el < 3 ? !r->secure : (r->scr & ARM_SCR_NS) != 0);

    const bool below32 = el > 1 && arm_el1_is_aarch32(r, model);

    if (spsr & ARM_AARCH32) {
        if ((spsr & ARM_MODE) == ARM_MODE_USR)
            return arm_has(model, ARM_FEAT_AARCH32_EL0);
        return below32 && arm_mode_exists((unsigned)spsr);
    }
    if (below32 && to == 1)
        return false;
    if (to > el || (spsr & 2) || (to == 0 && (spsr & ARM_SPSEL)))
        return false;
    if ((to == 2 && (!model->has_el2 || !ns)) || (to == 3 && !model->has_el3))
        return false;
    if (to == 1 && ns && model->has_el2 && (r->hcr & ARM_HCR_TGE))
        return false;
    return true;
}

/* To EL0, or EL1 under a level of AArch64. The upper halves of registers are 0 there. */
static void return_to_aarch32(struct tcg_cpu *tc, uint64_t spsr, uint64_t target, bool step_now)
{
    struct arm_regs *r = arm_regs_of(tc);
    const uint64_t keep = ARM_N | ARM_Z | ARM_C | ARM_V | ARM_Q | ARM_IT_LOW | ARM_IT_HIGH |
                          ARM_IL | UINT64_C(15) << ARM_GE_SHIFT | ARM_E | ARM_A | ARM_I | ARM_F |
                          ARM_T | ARM_MODE | (arm_feat(tc, ARM_FEAT_PAN) ? (uint64_t)ARM_PAN : 0);
    if (arm_el(r) == 3) {
        r->secure = !(r->scr & ARM_SCR_NS);
        arm_sys_of(tc)->control_known = 0;
    }
    switch_sp(r, 0);
    r->pstate = spsr & keep;
    tc->arm_btype = ARM_BTYPE_NONE;
    arm_set_nzcv(tc, spsr);
    for (unsigned n = 0; n < 15; n++)
        r->x[n] = (uint32_t)r->x[n];
    if (arm_el1_is_aarch32(r, arm_model_of(tc)))
        arm_banks_from_aarch64(r);
    if (!step_now && (r->mdscr & 1) && arm_debug_enabled(tc))
        r->pstate |= spsr & ARM_SS;
    r->pc = (uint32_t)target & (spsr & ARM_T ? ~UINT32_C(1) : ~UINT32_C(3));
    arm_level_changed(tc);
}

uint64_t arm_helper_eret(void *env, uint64_t target, uint64_t b, uint64_t c, uint64_t d)
{
    struct tcg_cpu *tc = tcg_cpu_of(env);
    struct arm_regs *r = env;
    const unsigned el = arm_el(r);
    const uint64_t spsr = r->spsr[el];
    UNUSED(b, c, d);
    if (el == 0) {
        arm_undefined(tc);
        return 0;
    }
    uint64_t keep = ARM_N | ARM_Z | ARM_C | ARM_V | ARM_D | ARM_A | ARM_I | ARM_F | ARM_IL;
    keep |= arm_feat(tc, ARM_FEAT_PAN) ? ARM_PAN : 0;
    keep |= arm_feat(tc, ARM_FEAT_UAO) ? ARM_UAO : 0;
    keep |= arm_feat(tc, ARM_FEAT_DIT) ? ARM_DIT : 0;
    keep |= arm_feat(tc, ARM_FEAT_SSBS) ? ARM_SSBS : 0;
    keep |= arm_feat(tc, ARM_FEAT_BTI) ? ARM_BTYPE : 0;
    keep |= arm_feat(tc, ARM_FEAT_MTE2) ? ARM_TCO : 0;
    /* Software step goes on where debug exceptions are enabled in the level returned to and are
     * not in this one. */
    const bool step_now = (r->mdscr & 1) && arm_debug_enabled(tc);
    r->excl_size = 0;
    if (!legal_return(tc, spsr, el)) {
        /* The mode stays, and the next instruction is an exception of its own. */
        const uint64_t mode = ARM_AARCH32 | ARM_MODE;
        keep &= ~(uint64_t)(ARM_PAN | ARM_UAO | ARM_BTYPE | ARM_SSBS | ARM_DIT | ARM_TCO);
        r->pstate = (spsr & keep & ~mode) | ARM_IL |
                    (r->pstate & (mode | ARM_PAN | ARM_UAO | ARM_SSBS | ARM_DIT | ARM_TCO));
        r->pstate &= ~(uint64_t)ARM_BTYPE;
        tc->arm_btype = ARM_BTYPE_NONE;
        arm_set_nzcv(tc, spsr);
        r->pc = target;
        arm_level_changed(tc);
        return 0;
    }
    if (spsr & ARM_AARCH32) {
        return_to_aarch32(tc, spsr, target, step_now);
        return 0;
    }
    const unsigned to = spsr >> ARM_EL_SHIFT & 3;
    if (el == 3 && to < 3)
        r->secure = !(r->scr & ARM_SCR_NS);
    switch_sp(r, spsr & ARM_SPSEL ? to : 0);
    r->pstate = (spsr & keep) | (spsr & ARM_MODE & ~(uint64_t)ARM_AARCH32);
    if (!step_now && (r->mdscr & 1) && arm_debug_enabled(tc))
        r->pstate |= spsr & ARM_SS;
    arm_set_nzcv(tc, spsr);
    r->pc = target;
    arm_take_btype(tc);
    if (el == 3) {
        arm_sys_of(tc)->control_known = 0; /* secure or not decides about EL2's controls */
        tell_intc(tc);
    }
    arm_level_changed(tc);
    return 0;
}
