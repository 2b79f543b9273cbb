/* System registers that are no plain storage: identification, PSTATE's fields, control, debug. See
 * sysreg.h. */
#include <stdatomic.h>
#include <sys/random.h>

#include "core/util/range.h"
#include "tcg/arm/fp.h"
#include "tcg/arm/sysreg.h"

#define READ(name) uint64_t arm_read_##name(struct tcg_cpu *tc, const struct arm_sysreg *s)
#define WRITE(name)                                                                                \
    void arm_write_##name(struct tcg_cpu *tc, const struct arm_sysreg *s, uint64_t value)
#define IGNORED ((void)s)

static uint64_t *storage(struct tcg_cpu *tc, const struct arm_sysreg *s)
{
    return (uint64_t *)((uint8_t *)tcg_env(tc) + s->offset);
}

/* ---- identification -------------------------------------------------------------------------- */

/* EL1 sees what EL2 wants it to. */
static bool seen_from_el1(struct tcg_cpu *tc)
{
    return arm_el2_enabled(tc) && arm_el(arm_regs_of(tc)) == 1;
}

READ(midr)
{
    IGNORED;
    return seen_from_el1(tc) ? arm_regs_of(tc)->vpidr : arm_model_of(tc)->midr;
}

READ(mpidr)
{
    IGNORED;
    return seen_from_el1(tc) ? arm_regs_of(tc)->vmpidr
                             : arm_mpidr(arm_model_of(tc), tc->vcpu->index);
}

READ(revidr)
{
    IGNORED;
    return arm_model_of(tc)->revidr;
}

READ(id)
{
    return arm_model_of(tc)->id[s->key >> 3 & 7][s->key & 7];
}

READ(ctr)
{
    IGNORED;
    return arm_model_of(tc)->ctr;
}

/* DZP: DC ZVA is prohibited, here by a trap. */
READ(dczid)
{
    const struct arm_regs *r = arm_regs_of(tc);
    const unsigned el = arm_el(r);
    const unsigned by = arm_regime_el(arm_regime_of(r, arm_model_of(tc), 0));
    const bool prohibited =
        (el == 0 && !(r->sctlr[by] >> 14 & 1)) || (el < 2 && (arm_hcr_of(tc) & ARM_HCR_TDZ));
    IGNORED;
    return arm_model_of(tc)->dczid | (prohibited ? 16 : 0);
}

READ(clidr)
{
    IGNORED;
    return arm_model_of(tc)->clidr;
}

READ(ccsidr)
{
    const uint64_t select = arm_regs_of(tc)->csselr;
    IGNORED;
    return select >> 1 < 7 ? arm_model_of(tc)->ccsidr[select >> 1][select & 1] : 0;
}

/* That of the highest level alone is there. */
/* Of a mode of AArch32: the row's value is its bank. */
READ(spsr32)
{
    return arm_spsr(arm_regs_of(tc), (enum arm_bank)s->value);
}
WRITE(spsr32)
{
    arm_set_spsr(arm_regs_of(tc), (enum arm_bank)s->value, (uint32_t)value);
}

READ(rvbar)
{
    const struct arm_cpu_model *m = arm_model_of(tc);
    const unsigned highest = m->has_el3 ? 3 : m->has_el2 ? 2 : 1;
    if (highest != s->el_read)
        arm_undefined(tc);
    return m->rvbar;
}

/* RR: a warm reset, which nothing here makes. */
WRITE(rmr)
{
    *storage(tc, s) = value & 1;
}

WRITE(ignore)
{
    (void)tc;
    (void)s;
    (void)value;
}

/* MRS has a helper of its own (rndr), which writes the flags: who asks here is refused. */
READ(rndr)
{
    IGNORED;
    arm_undefined(tc);
    return 0;
}

uint64_t arm_helper_rndr(void *env, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
    uint64_t value = 0;
    const bool ok = getrandom(&value, sizeof value, GRND_NONBLOCK) == sizeof value;
    UNUSED(a, b, c, d);
    arm_set_nzcv(tcg_cpu_of(env), ok ? 0 : ARM_Z);
    return ok ? value : 0;
}

/* ---- PSTATE ---------------------------------------------------------------------------------- */

static void put_pstate(struct tcg_cpu *tc, uint64_t bits, uint64_t value)
{
    struct arm_regs *r = arm_regs_of(tc);
    r->pstate = (r->pstate & ~bits) | (value & bits);
}

READ(spsel)
{
    IGNORED;
    return arm_regs_of(tc)->pstate & ARM_SPSEL;
}

WRITE(spsel)
{
    struct arm_regs *r = arm_regs_of(tc);
    IGNORED;
    r->sp_el[arm_sp_level(r)] = r->sp;
    put_pstate(tc, ARM_SPSEL, value & 1 ? ARM_SPSEL : 0);
    r->sp = r->sp_el[arm_sp_level(r)];
    arm_level_changed(tc);
}

READ(currentel)
{
    IGNORED;
    return arm_el(arm_regs_of(tc)) << 2;
}

#define PSTATE_BIT(name, bit, after)                                                               \
    READ(name)                                                                                     \
    {                                                                                              \
        IGNORED;                                                                                   \
        return arm_regs_of(tc)->pstate & (bit);                                                    \
    }                                                                                              \
    WRITE(name)                                                                                    \
    {                                                                                              \
        IGNORED;                                                                                   \
        put_pstate(tc, bit, value);                                                                \
        after;                                                                                     \
    }
PSTATE_BIT(pan, ARM_PAN, arm_level_changed(tc))
PSTATE_BIT(uao, ARM_UAO, arm_level_changed(tc))
PSTATE_BIT(dit, ARM_DIT, (void)0)
PSTATE_BIT(ssbs, ARM_SSBS, (void)0)
PSTATE_BIT(daif, ARM_D | ARM_A | ARM_I | ARM_F, arm_level_changed(tc))

READ(nzcv)
{
    IGNORED;
    return arm_get_pstate(tc) & (ARM_N | ARM_Z | ARM_C | ARM_V);
}

WRITE(nzcv)
{
    IGNORED;
    arm_set_nzcv(tc, value);
}

READ(fpcr)
{
    IGNORED;
    return arm_regs_of(tc)->fpcr;
}

WRITE(fpcr)
{
    IGNORED;
    arm_fpcr_write(tc, value);
    arm_level_changed(tc);
}

READ(fpsr)
{
    IGNORED;
    return arm_fpsr_read(tc);
}

WRITE(fpsr)
{
    IGNORED;
    arm_fpsr_write(tc, value);
}

/* MSR (immediate): SPSel, DAIFSet, DAIFClr, PAN, UAO, DIT, SSBS, TCO. */
uint64_t arm_helper_msr_imm(void *env, uint64_t field, uint64_t imm, uint64_t c, uint64_t d)
{
    struct tcg_cpu *tc = tcg_cpu_of(env);
    const struct arm_regs *r = env;
    static const struct {
        uint8_t field, feature;
        bool user;
        uint32_t bit;
    } bits[] = {
        {3, ARM_FEAT_UAO, false, ARM_UAO},           {4, ARM_FEAT_PAN, false, ARM_PAN},
        {3 << 3 | 1, ARM_FEAT_SSBS, true, ARM_SSBS}, {3 << 3 | 2, ARM_FEAT_DIT, true, ARM_DIT},
        {3 << 3 | 4, ARM_FEAT_MTE, true, ARM_TCO},
    };
    enum { SPSEL = 5, DAIF_SET = 3 << 3 | 6, DAIF_CLEAR = 3 << 3 | 7 };
    const unsigned el = arm_el(r);
    UNUSED(c, d);
    for (unsigned n = 0; n < ARRAY_SIZE(bits); n++) {
        if (bits[n].field != field)
            continue;
        if (!arm_feat(tc, (enum arm_feature)bits[n].feature) || (!bits[n].user && !el))
            break;
        put_pstate(tc, bits[n].bit, imm & 1 ? bits[n].bit : 0);
        arm_level_changed(tc);
        return 0;
    }
    if (field == SPSEL && el) {
        arm_write_spsel(tc, NULL, imm);
    } else if (field == DAIF_SET || field == DAIF_CLEAR) {
        const unsigned by = arm_regime_el(arm_regime_of(r, arm_model_of(tc), 0));
        if (!el && !(r->sctlr[by] >> 9 & 1)) /* UMA; as MSR DAIF, with Rt 31 */
            arm_trap_sysreg(tc, ARM_SYS_ARG(ARM_SYSREG(0, 3, 4, imm & 15, field & 7), 31), false,
                            arm_sync_target(tc));
        else {
            put_pstate(tc, (imm & 15) << 6, field == DAIF_SET ? ~UINT64_C(0) : 0);
            arm_level_changed(tc);
        }
    } else {
        arm_undefined(tc);
    }
    return 0;
}

/* ---- control --------------------------------------------------------------------------------- */

/* Storage with the mask; the mode follows. */
WRITE(control)
{
    uint64_t *at = storage(tc, s);
    *at = (*at & ~s->mask) | (value & s->mask);
    arm_control_changed(tc);
}

WRITE(ttbr)
{
    *storage(tc, s) = value;
    arm_root_later(tc);
}

READ(hcr)
{
    IGNORED;
    return arm_regs_of(tc)->hcr;
}

/* What there is no feature for stays 0; RW is one where EL1 is AArch64 alone. */
WRITE(hcr)
{
    const struct arm_cpu_model *m = arm_model_of(tc);
    uint64_t mask = mask_bits(34);
    IGNORED;
    mask |= UINT64_C(3) << 32; /* CD, ID */
    if (arm_has(m, ARM_FEAT_VHE))
        mask |= ARM_HCR_E2H;
    if (arm_has(m, ARM_FEAT_PAUTH))
        mask |= ARM_HCR_APK | ARM_HCR_API;
    if (arm_has(m, ARM_FEAT_S2FWB))
        mask |= UINT64_C(1) << 46;
    value &= mask;
    if (!arm_has(m, ARM_FEAT_AARCH32_EL1))
        value |= ARM_HCR_RW;
    arm_regs_of(tc)->hcr = value;
}

/* The high half of SCR_EL3 is of features that are not there. */
WRITE(scr)
{
    struct arm_regs *r = arm_regs_of(tc);
    const struct arm_cpu_model *m = arm_model_of(tc);
    uint64_t mask = 0x3f8f;
    IGNORED;
    if (arm_has(m, ARM_FEAT_PAUTH))
        mask |= ARM_SCR_APK | ARM_SCR_API;
    if (!m->has_el2)
        mask &= ~ARM_SCR_HCE;
    r->scr = (value & mask) | 0x30;
    if (!arm_has(m, ARM_FEAT_AARCH32_EL1))
        r->scr |= ARM_SCR_RW;
}

/* ---- debug ----------------------------------------------------------------------------------- */

WRITE(mdscr)
{
    arm_write_control(tc, s, value);
    arm_update_watches(tc);
}

/* A breakpoint's or watchpoint's register, as many as the model has. */
WRITE(debug)
{
    const struct arm_cpu_model *m = arm_model_of(tc);
    const unsigned n = s->key >> 3 & 15;
    const bool watch = s->key & 2;
    if (n >= (watch ? m->watchpoints : m->breakpoints)) {
        arm_undefined(tc);
        return;
    }
    *storage(tc, s) = value & s->mask;
    if (watch)
        arm_update_watches(tc);
    else
        arm_control_changed(tc);
}

WRITE(oslar)
{
    IGNORED;
    arm_regs_of(tc)->oslar = value & 1;
    arm_control_changed(tc);
}

/* OSLM: the lock is there. */
READ(oslsr)
{
    IGNORED;
    return 8 | (arm_regs_of(tc)->oslar & 1) << 1;
}

READ(claim)
{
    IGNORED;
    return arm_regs_of(tc)->dbgclaim;
}

WRITE(claimset)
{
    IGNORED;
    arm_regs_of(tc)->dbgclaim |= value & 0xff;
}

WRITE(claimclr)
{
    IGNORED;
    arm_regs_of(tc)->dbgclaim &= ~value & 0xff;
}

/* ---- interrupts ------------------------------------------------------------------------------ */

/* ISR_EL1: what is pending for EL1, virtual ones where EL2 has taken the physical ones over. */
READ(isr)
{
    const uint32_t pending = atomic_load(&tc->vcpu->interrupt);
    const uint64_t hcr = arm_hcr_of(tc);
    const bool el1 = arm_el(arm_regs_of(tc)) == 1;
    const bool irq = el1 && (hcr & ARM_HCR_IMO) ? (pending & CPU_INT_VIRQ) || (hcr & ARM_HCR_VI)
                                                : (pending & CPU_INT_IRQ) != 0;
    const bool fiq = el1 && (hcr & ARM_HCR_FMO) ? (pending & CPU_INT_VFIQ) || (hcr & ARM_HCR_VF)
                                                : (pending & CPU_INT_FIQ) != 0;
    IGNORED;
    return (irq ? ARM_I : 0) | (fiq ? ARM_F : 0) | (el1 && (hcr & ARM_HCR_VSE) ? ARM_A : 0);
}
