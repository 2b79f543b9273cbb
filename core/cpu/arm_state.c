/*
 * The Arm register file: its migratable fields, its reset values (Arm ARM, DDI 0487, chapter D1,
 * "Reset", and the registers' descriptions), and the checks on register files that come from
 * outside.
 */
#include <string.h>

#include "core/cpu/arm.h"
#include "core/util/error.h"
#include "core/util/range.h"

static const struct state_field vec_state[] = {
    STATE_INT_ARRAY(struct arm_vec, u64),
    STATE_FIELDS_END,
};

static const struct state_field timer_state[] = {
    STATE_INT(struct arm_timer_regs, ctl, .max = 3),
    STATE_INT(struct arm_timer_regs, cval),
    STATE_FIELDS_END,
};

#define REG(member, ...) STATE_INT(struct arm_regs, member, __VA_ARGS__)
#define REGS(member, ...) STATE_INT_ARRAY(struct arm_regs, member, __VA_ARGS__)

const struct state_field arm_regs_state[] = {
    REGS(x),
    REG(sp),
    REG(pc),
    REG(pstate, .max = UINT32_MAX),
    REG(fpcr, .max = UINT32_MAX),
    REG(fpsr, .max = UINT32_MAX),
    STATE_ARRAY_OF(struct arm_regs, v, vec_state),
    REGS(sp_el),
    REGS(elr),
    REGS(spsr, .max = UINT32_MAX),
    REGS(sctlr),
    REGS(actlr),
    REGS(tcr),
    REGS(ttbr0),
    REGS(ttbr1),
    REGS(mair),
    REGS(amair),
    REGS(vbar),
    REGS(esr),
    REGS(far),
    REGS(afsr0),
    REGS(afsr1),
    REGS(contextidr),
    REGS(tpidr),
    REG(tpidrro),
    REG(cpacr),
    REGS(cptr),
    REG(par),
    REG(csselr, .max = 15),
    REG(rmr),
    REG(hcr),
    REG(hcrx),
    REG(hpfar),
    REG(hstr),
    REG(vttbr),
    REG(vtcr),
    REG(vmpidr),
    REG(vpidr),
    REGS(mdcr),
    REG(scr),
    REG(sder),
    REG(mdscr),
    REG(oslar, .max = 1),
    REG(osdlr, .max = 1),
    REG(dbgclaim, .max = 0xff),
    REGS(dbgbvr),
    REGS(dbgbcr),
    REGS(dbgwvr),
    REGS(dbgwcr),
    {.name = "pauth",
     .kind = STATE_U64,
     .offset = offsetof(struct arm_regs, pauth),
     .count = 2 * ARM_KEY_COUNT},
    REG(cntfrq, .max = UINT32_MAX),
    REG(cntkctl),
    REG(cnthctl),
    REG(cntvoff),
    STATE_ARRAY_OF(struct arm_regs, timer, timer_state),
    REG(pmcr),
    REG(pmcnten),
    REG(pmovs),
    REG(pmsel, .max = 31),
    REG(pminten),
    REG(pmuseren, .max = 15),
    REG(pmccfiltr),
    REG(pmccntr),
    REGS(pmevcntr),
    REGS(pmevtyper),
    REG(pmccntr_base),
    REGS(banked_r13),
    REGS(banked_r14),
    REGS(banked_spsr),
    REGS(usr_r8),
    REGS(fiq_r8),
    REG(dacr, .max = UINT32_MAX),
    REG(ifsr, .max = UINT32_MAX),
    REG(fpexc, .max = UINT32_MAX),
    REG(excl_addr),
    REGS(excl_value),
    REG(excl_size, .max = 16),
    REG(event, .max = 1),
    REG(powered_off, .max = ARM_POWER_STARTING),
    REG(serror, .max = 3),
    REG(secure, .max = 1),
    STATE_FIELDS_END,
};

/* SCTLR bits that are one where what they control is not there: LSMAOE, nTLSMD, SPAN, EIS, TSCXT,
 * EOS of EL1; and of the others. */
#define SCTLR_EL1_RES1 UINT64_C(0x30d00800)
#define SCTLR_EL2_RES1 UINT64_C(0x30c50830)
/* What CPTR_EL2 has in place of traps that there is no feature for. */
#define CPTR_EL2_RES1 UINT64_C(0x32ff)

void arm_regs_reset(struct arm_regs *r, const struct arm_cpu_model *model)
{
    const unsigned el = model->has_el3 ? 3 : model->has_el2 ? 2 : 1;

    memset(r, 0, sizeof *r);
    if (model->aarch64)
        r->pstate = ARM_D | ARM_A | ARM_I | ARM_F | el << ARM_EL_SHIFT | ARM_SPSEL;
    else
        r->pstate = ARM_A | ARM_I | ARM_F | ARM_MODE_SVC;
    r->pc = model->rvbar;
    r->secure = model->has_el3;
    r->sctlr[1] = SCTLR_EL1_RES1;
    r->sctlr[2] = r->sctlr[3] = SCTLR_EL2_RES1;
    if (!model->aarch64) { /* CP15BEN, nTWI, nTWE and what is always one; PRRR, NMRR */
        r->sctlr[1] = arm_has(model, ARM_FEAT_A32_V8) ? 0x00c50838 : 0x00c50078;
        r->mair[1] = UINT64_C(0x44e048e000098aa4);
    }
    r->cptr[2] = CPTR_EL2_RES1;
    r->vpidr = model->midr;
    r->mdcr[2] = model->pmu_counters;
    r->cntfrq = model->cntfrq;
    r->oslar = 1;
}

static bool inconsistent(struct vemu_error **errp, const char *what, uint64_t value,
                         const char *right)
{
    return error_set(errp, VEMU_ERROR_FORMAT, "%s is 0x%llx, which cannot be: %s", what,
                     (unsigned long long)value, right);
}

bool arm_regs_check(const struct arm_regs *r, const struct arm_cpu_model *model,
                    struct vemu_error **errp)
{
    const unsigned el = arm_el(r);

    if (arm_is_aarch64(r)) {
        if (!model->aarch64)
            return inconsistent(errp, "PSTATE", r->pstate, "the processor has no AArch64");
        if ((r->pstate & ARM_MODE) == ARM_SPSEL || (r->pstate & 2))
            return inconsistent(errp, "PSTATE", r->pstate, "there is no such mode");
    } else {
        const enum arm_feature needed = el ? ARM_FEAT_AARCH32_EL1 : ARM_FEAT_AARCH32_EL0;
        if (!arm_has(model, needed))
            return inconsistent(errp, "CPSR", r->pstate, "the processor has no AArch32 there");
        if (!arm_mode_exists((unsigned)r->pstate))
            return inconsistent(errp, "CPSR", r->pstate, "there is no such mode");
        if (r->pc >> 32)
            return inconsistent(errp, "PC", r->pc, "bits 63:32 are zero in AArch32");
        if (r->pc & (r->pstate & ARM_T ? 1 : 3))
            return inconsistent(errp, "PC", r->pc, "it is aligned to an instruction's size");
        if (arm_it(r->pstate) && !(r->pstate & ARM_T))
            return inconsistent(errp, "CPSR", r->pstate, "A32 has no IT blocks");
        for (unsigned n = 0; n < 15; n++)
            if (r->x[n] >> 32)
                return inconsistent(errp, "a register", r->x[n], "bits 63:32 are zero in AArch32");
    }
    if ((el == 2 && !model->has_el2) || (el == 3 && !model->has_el3))
        return inconsistent(errp, "PSTATE", r->pstate, "the processor has no such level");
    if (r->excl_size & (r->excl_size - 1))
        return inconsistent(errp, "the exclusive monitor's size", r->excl_size, "a power of two");
    if (r->excl_size && (r->excl_addr & (r->excl_size - 1)))
        return inconsistent(errp, "the exclusive monitor's address", r->excl_addr,
                            "it is aligned to its size");
    return true;
}

void arm_regs_enter(struct arm_regs *r, const struct arm_cpu_model *model, unsigned el)
{
    if (!model->aarch64) {
        r->pstate = (r->pstate & ~(uint64_t)ARM_MODE) | (el == 2 ? ARM_MODE_HYP : ARM_MODE_SVC);
        r->secure = 0;
        if (model->has_el3)
            r->scr |= 1 | 1 << 8;
        return;
    }
    if (el < 3 && model->has_el3) { /* NS, RES1, HCE where there is EL2, RW; FP without traps */
        r->scr = 1 | 3 << 4 | (model->has_el2 ? 1 << 8 : 1 << 7) | 1 << 10;
        if (arm_has(model, ARM_FEAT_PAUTH))
            r->scr |= 3 << 16; /* API, APK */
        r->secure = 0;
    }
    if (el < 2 && model->has_el2) {
        r->hcr = UINT64_C(1) << 31; /* RW */
        if (arm_has(model, ARM_FEAT_PAUTH))
            r->hcr |= UINT64_C(3) << 40; /* APK, API */
        r->cnthctl = 3;
    }
    r->pstate = ARM_D | ARM_A | ARM_I | ARM_F | el << ARM_EL_SHIFT | ARM_SPSEL;
}
