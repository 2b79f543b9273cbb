/* Access to system registers: lookup, redirection under E2H, traps, the interrupt controller's. See
 * sysreg.h; Arm ARM, chapter D19, the registers' accessibility pseudocode, and HCR_EL2. */
#include "tcg/arm/sysreg.h"

#include <inttypes.h>

#include "core/util/log.h"
#include "tcg/arm/cpreg.h"

static const struct arm_sysreg *find(const struct arm_sysreg *rows, unsigned count, uint32_t key)
{
    unsigned lo = 0, hi = count;
    while (lo < hi) {
        const unsigned mid = (lo + hi) / 2;
        if (rows[mid].key < key)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo < count && rows[lo].key == key ? &rows[lo] : NULL;
}

const struct arm_sysreg *arm_sysreg_find(uint32_t key)
{
    return find(arm_sysregs, arm_sysreg_count, key);
}

const struct arm_sysreg *arm_cpreg_find(uint32_t key)
{
    return find(arm_cpregs, arm_cpreg_count, key);
}

static unsigned key_op1(uint32_t key)
{
    return key >> 11 & 7;
}
static uint32_t with_op1(uint32_t key, unsigned op1)
{
    return (key & ~(UINT32_C(7) << 11)) | op1 << 11;
}

const struct arm_sysreg *arm_sysreg_inline(const struct arm_cpu_model *model, uint64_t mode,
                                           uint32_t key, bool write)
{
    const struct arm_sysreg *s = arm_sysreg_find(key);
    const unsigned el = (unsigned)(mode & MODE_EL);
    /* At EL2 what a name means is HCR_EL2's to say, and a look at it is the helper's. */
    if (!s || el > 1 || el < (write ? s->el_write : s->el_read) || s->offset == ARM_SYSREG_NONE ||
        (model && !arm_has(model, (enum arm_feature)s->feature)))
        return NULL;
    if (!(s->flags & SYS_PLAIN) && (!(s->flags & SYS_VIRT) || mode & MODE_SYS_TRAPS))
        return NULL;
    if (write ? s->write && !(s->flags & SYS_LATER) : s->read != NULL)
        return NULL;
    if (key == ARM_SYSREG(3, 0, 4, 1, 0) && (mode & MODE_SP_EL0))
        return NULL; /* SP_EL0 is the stack pointer in use: undefined */
    return s;
}

/* ---- which register -------------------------------------------------------------------------- */

enum { CPACR_EL1 = ARM_SYSREG(3, 0, 1, 0, 2), CPTR_EL2 = ARM_SYSREG(3, 4, 1, 1, 2) };

/* Names that mean others under HCR_EL2.E2H: EL1's at EL2, and *_EL12 and *_EL02. */
static const struct arm_sysreg *resolve(struct tcg_cpu *tc, uint32_t key)
{
    const struct arm_regs *r = arm_regs_of(tc);
    const struct arm_sysreg *s = arm_sysreg_find(key);
    const uint64_t hcr = arm_hcr_of(tc);
    const unsigned el = arm_el(r), op1 = key_op1(key);

    if (op1 == 5) { /* EL12, EL02 */
        const bool timer = (key >> 7 & 15) == 14 && (key >> 3 & 15) > 1;
        if (el < 2 || !((el == 2 ? hcr : r->hcr) & ARM_HCR_E2H))
            return NULL;
        s = arm_sysreg_find(with_op1(key, timer ? 3 : 0));
        return s && (s->flags & SYS_E2H) ? s : NULL;
    }
    if (!s || !(s->flags & SYS_E2H) || !(hcr & ARM_HCR_E2H))
        return s;
    const bool timer = op1 == 3; /* EL0's own timers are EL2's when it runs below EL2 alone */
    if (el == 2 || (timer && el == 0 && (hcr & ARM_HCR_TGE)))
        return arm_sysreg_find(key == CPACR_EL1 ? CPTR_EL2 : with_op1(key, 4));
    return s;
}

/* ---- traps ----------------------------------------------------------------------------------- */

enum { UNDEFINED = 4 };

struct access {
    struct tcg_cpu *tc;
    const struct arm_regs *r;
    uint64_t hcr, mdcr2, mdcr3;
    unsigned el;
    bool read, el2, el3;
};

static bool el12(const struct access *a, uint64_t bits)
{
    return a->el < 2 && (a->hcr & bits);
}

/* Bits of MDCR_EL2 and MDCR_EL3. */
static unsigned by_mdcr(const struct access *a, uint64_t two, uint64_t three)
{
    if (a->el < 2 && a->el2 && (a->mdcr2 & two))
        return 2;
    return a->el < 3 && a->el3 && (a->mdcr3 & three) ? 3 : 0;
}

enum {
    MDCR2_TPMCR = 1 << 5,
    MDCR2_TPM = 1 << 6,
    MDCR2_TDE = 1 << 8,
    MDCR2_TDA = 1 << 9,
    MDCR2_TDOSA = 1 << 10,
    MDCR2_TDRA = 1 << 11,
    MDCR3_TPM = 1 << 6,
    MDCR3_TDA = 1 << 9,
    MDCR3_TDOSA = 1 << 10,
};

/* The level of EL0's controls: EL1, or EL2 when that is what EL0 runs under. */
static unsigned user_target(const struct access *a)
{
    return arm_sync_target(a->tc);
}
static uint64_t user_sctlr(const struct access *a)
{
    return a->r->sctlr[arm_regime_el(arm_regime_of(a->r, arm_model_of(a->tc), 0))];
}

/* PMUSERENR_EL0: EN lets EL0, and one of SW, CR, ER some of it. */
static unsigned pmu(const struct access *a, unsigned also)
{
    if (a->el == 0 && !(a->r->pmuseren & (1 | also)))
        return user_target(a);
    return by_mdcr(a, MDCR2_TPM, MDCR3_TPM);
}

/* CNTKCTL_EL1 (or CNTHCTL_EL2 when EL0 runs under EL2) for EL0, CNTHCTL_EL2 for EL1 and EL0. */
static unsigned timer(const struct access *a, unsigned user_bit, int el1_bit)
{
    const bool e2h = a->hcr & ARM_HCR_E2H, host = e2h && (a->hcr & ARM_HCR_TGE);
    if (a->el == 0) {
        const uint64_t control = host ? a->r->cnthctl : a->r->cntkctl;
        if (!(control >> user_bit & 1))
            return user_target(a);
    }
    if (a->el < 2 && a->el2 && !host && el1_bit >= 0) {
        const unsigned bit = (unsigned)el1_bit + (e2h ? 10 : 0);
        return a->r->cnthctl >> bit & 1 ? 0 : 2;
    }
    return 0;
}

static unsigned fp(const struct access *a)
{
    return (unsigned)(a->tc->mode & MODE_FP_TRAP) / (MODE_FP_TRAP & -MODE_FP_TRAP);
}

/* The level an access traps to, 0: none, UNDEFINED. */
static unsigned trap_of(const struct access *a, const struct arm_sysreg *s)
{
    switch ((enum arm_sysreg_trap)s->trap) {
    case TRAP_NONE:
        return 0;
    case TRAP_VM:
        return el12(a, a->read ? ARM_HCR_TRVM : ARM_HCR_TVM) ? 2 : 0;
    case TRAP_ACR:
        return el12(a, ARM_HCR_TACR) ? 2 : 0;
    case TRAP_TID1:
        return el12(a, ARM_HCR_TID1) ? 2 : 0;
    case TRAP_TID2:
        return el12(a, ARM_HCR_TID2) ? 2 : 0;
    case TRAP_TID3:
        return el12(a, ARM_HCR_TID3) ? 2 : 0;
    case TRAP_CPACR:
        if (a->el == 1 && a->el2 && (a->r->cptr[2] >> 31 & 1))
            return 2;
        return a->el3 && a->el < 3 && (a->r->cptr[3] >> 31 & 1) ? 3 : 0;
    case TRAP_FP:
        return fp(a);
    case TRAP_DEBUG:
        return by_mdcr(a, MDCR2_TDA | MDCR2_TDE, MDCR3_TDA);
    case TRAP_OS:
        return by_mdcr(a, MDCR2_TDOSA | MDCR2_TDE, MDCR3_TDOSA);
    case TRAP_RAS:
        return by_mdcr(a, MDCR2_TDRA | MDCR2_TDE, MDCR3_TDA);
    case TRAP_DCC:
        if (a->el == 0 && (a->r->mdscr >> 12 & 1))
            return user_target(a);
        return by_mdcr(a, MDCR2_TDA | MDCR2_TDE, MDCR3_TDA);
    case TRAP_PMU:
        return a->el == 0 && a->read && s->el_write ? by_mdcr(a, MDCR2_TPM, MDCR3_TPM) : pmu(a, 0);
    case TRAP_PMCR:
        if (by_mdcr(a, MDCR2_TPMCR, 0) && (a->el || (a->r->pmuseren & 1)))
            return 2;
        return pmu(a, 0);
    case TRAP_PMU_SW:
        return pmu(a, 2);
    case TRAP_PMU_CR:
        return pmu(a, a->read ? 4 : 0);
    case TRAP_PMU_ER:
        return pmu(a, a->read || s->offset == offsetof(struct arm_regs, pmsel) ? 8 : 0);
    case TRAP_KEYS:
        if (a->el < 2 && a->el2 && !(a->hcr & ARM_HCR_APK))
            return 2;
        return a->el < 3 && a->el3 && !(a->r->scr & ARM_SCR_APK) ? 3 : 0;
    case TRAP_CTR:
        if (a->el == 0 && !(user_sctlr(a) >> 15 & 1))
            return user_target(a);
        return el12(a, ARM_HCR_TID2) ? 2 : 0;
    case TRAP_DZ:
        return 0;
    case TRAP_DAIF:
        return a->el == 0 && !(user_sctlr(a) >> 9 & 1) ? user_target(a) : 0;
    case TRAP_CNTP:
        return timer(a, 9, 1);
    case TRAP_CNTV:
        return timer(a, 8, -1);
    case TRAP_CNTPCT:
        return timer(a, 0, 0);
    case TRAP_CNTVCT:
        return timer(a, 1, -1);
    case TRAP_CNTFRQ: /* either counter is enough; the highest level alone writes */
        if (!a->read)
            return a->el == (a->el3 ? 3u : arm_model_of(a->tc)->has_el2 ? 2u : 1u) ? 0 : UNDEFINED;
        return a->el == 0 && timer(a, 0, -1) && timer(a, 1, -1) ? user_target(a) : 0;
    case TRAP_CNTPS:
        if (a->el == 3)
            return 0;
        return !a->r->secure || a->el != 1 ? UNDEFINED : a->r->scr & ARM_SCR_ST ? 0 : 3;
    case TRAP_TLB:
        return el12(a, ARM_HCR_TTLB) ? 2 : 0;
    case TRAP_TPU:
        return el12(a, ARM_HCR_TPU) ? 2 : 0;
    case TRAP_TPC:
        return el12(a, ARM_HCR_TPC) ? 2 : 0;
    case TRAP_TSW:
        return el12(a, ARM_HCR_TSW) ? 2 : 0;
    }
    return 0;
}

void arm_trap_sysreg(struct tcg_cpu *tc, uint64_t arg, bool read, unsigned target)
{
    const uint32_t reg = ARM_SYS_ARG_REG((uint32_t)arg), rt = ARM_SYS_ARG_RT((uint32_t)arg);
    const uint32_t op0 = reg >> 14 & 3, op1 = reg >> 11 & 7, crn = reg >> 7 & 15,
                   crm = reg >> 3 & 15, op2 = reg & 7;
    arm_raise(tc,
              arm_syndrome(ARM_EC_SYSREG, op0 << 20 | op2 << 17 | op1 << 14 | crn << 10 | rt << 5 |
                                              crm << 1 | (read ? 1 : 0)),
              target);
}

/* May the register be reached? Else the exception is raised. */
static bool allowed(struct tcg_cpu *tc, const struct arm_sysreg *s, uint64_t arg, bool read)
{
    const struct arm_regs *r = arm_regs_of(tc);
    const struct arm_cpu_model *model = arm_model_of(tc);
    const struct access a = {.tc = tc,
                             .r = r,
                             .hcr = arm_hcr_of(tc),
                             .mdcr2 = r->mdcr[2],
                             .mdcr3 = r->mdcr[3],
                             .el = arm_el(r),
                             .read = read,
                             .el2 = arm_el2_enabled(tc),
                             .el3 = model->has_el3};
    if (s->flags & (read ? SYS_WO : SYS_RO) || a.el < (read ? s->el_read : s->el_write) ||
        (a.el == 2 && !a.el2)) {
        arm_undefined(tc);
        return false;
    }
    if (s->key == ARM_SYSREG(3, 0, 4, 1, 0) && !(r->pstate & ARM_SPSEL)) {
        arm_undefined(tc); /* SP_EL0 while it is SP */
        return false;
    }
    const unsigned target = trap_of(&a, s);
    if (!target)
        return true;
    if (target == UNDEFINED)
        arm_undefined(tc);
    else if (s->trap == TRAP_FP)
        arm_raise(tc, arm_syndrome(ARM_EC_FP, 0x1e00000), target);
    else
        arm_trap_sysreg(tc, arg, read, target);
    return false;
}

/* ---- the interrupt controller's -------------------------------------------------------------- */

static bool is_intc(uint32_t key)
{
    const unsigned crn = key >> 7 & 15, crm = key >> 3 & 15, op1 = key_op1(key);
    if (key >> 14 != 3 || (op1 != 0 && op1 != 4 && op1 != 6))
        return false;
    return (crn == 12 && crm >= 8) || key == ARM_SYSREG(3, 0, 4, 6, 0);
}

static bool access_intc(struct tcg_cpu *tc, uint64_t arg, bool read, uint64_t *value)
{
    const struct arm_intc_ops *ops = tc->vcpu->arm_intc_ops;
    const struct arm_regs *r = arm_regs_of(tc);
    const struct arm_intc_access access = {
        .el = (uint8_t)arm_el(r),
        .secure = r->secure,
        .hcr = arm_hcr_of(tc),
        .scr = arm_model_of(tc)->has_el3 ? r->scr : 0,
    };
    const uint32_t key = ARM_SYS_ARG_REG((uint32_t)arg);
    if (!ops)
        return false;
    switch (read ? ops->read(tc->vcpu->intc, key, &access, value)
                 : ops->write(tc->vcpu->intc, key, &access, *value)) {
    case ARM_INTC_OK:
        return true;
    case ARM_INTC_TRAP_EL2:
        arm_trap_sysreg(tc, arg, read, 2);
        return true;
    case ARM_INTC_TRAP_EL3:
        arm_trap_sysreg(tc, arg, read, 3);
        return true;
    default:
        return false;
    }
}

bool arm_intc_register(struct tcg_cpu *tc, uint64_t arg, bool read, uint64_t *value)
{
    return is_intc(ARM_SYS_ARG_REG((uint32_t)arg)) && access_intc(tc, arg, read, value);
}

/* ---- access ---------------------------------------------------------------------------------- */

static void unknown(struct tcg_cpu *tc, uint32_t key, bool read)
{
    log_msg(&tc->vcpu->machine->log, LOG_UNIMP,
            "cpu %u: pc 0x%016" PRIx64 ": %s of system register op0 %u op1 %u CRn %u CRm %u op2 %u",
            tc->vcpu->index, arm_regs_of(tc)->pc, read ? "read" : "write", key >> 14 & 3,
            key_op1(key), key >> 7 & 15, key >> 3 & 15, key & 7);
    arm_undefined(tc);
}

/* EL2's registers are there from EL3 without an EL2, and hold nothing. */
static bool holds_nothing(struct tcg_cpu *tc, const struct arm_sysreg *s)
{
    return s && (s->feature == ARM_FEAT_EL2 || s->feature == ARM_FEAT_VHE) &&
           !arm_feat(tc, ARM_FEAT_EL2) && arm_el(arm_regs_of(tc)) == 3;
}

static uint64_t *storage(struct tcg_cpu *tc, const struct arm_sysreg *s)
{
    return (uint64_t *)((uint8_t *)tcg_env(tc) + s->offset);
}

uint64_t arm_sysreg_get(struct tcg_cpu *tc, const struct arm_sysreg *s, uint64_t arg)
{
    if (!allowed(tc, s, arg, true))
        return 0;
    if (s->read)
        return s->read(tc, s);
    if (s->offset == ARM_SYSREG_NONE)
        return s->value;
    return s->flags & SYS_HIGH ? *storage(tc, s) >> 32 : *storage(tc, s);
}

void arm_sysreg_put(struct tcg_cpu *tc, const struct arm_sysreg *s, uint64_t arg, uint64_t value)
{
    if (!allowed(tc, s, arg, false))
        return;
    if (s->write) {
        s->write(tc, s, value);
    } else if (s->offset != ARM_SYSREG_NONE) {
        uint64_t *at = storage(tc, s);
        const unsigned shift = s->flags & SYS_HIGH ? 32 : 0;
        *at = (*at & ~(s->mask << shift)) | (value & s->mask) << shift;
    }
    if (s->flags & SYS_ROOT)
        arm_root_changed(tc);
    if (s->flags & SYS_MODE)
        arm_control_changed(tc);
}

uint64_t arm_helper_sysreg_read(void *env, uint64_t arg, uint64_t b, uint64_t c, uint64_t d)
{
    struct tcg_cpu *tc = tcg_cpu_of(env);
    const uint32_t key = ARM_SYS_ARG_REG((uint32_t)arg);
    const struct arm_sysreg *s = resolve(tc, key);
    uint64_t value = 0;
    UNUSED(b, c, d);
    if (!s || !arm_feat(tc, (enum arm_feature)s->feature)) {
        if (!holds_nothing(tc, s) && !arm_intc_register(tc, arg, true, &value))
            unknown(tc, key, true);
        return value;
    }
    return arm_sysreg_get(tc, s, arg);
}

uint64_t arm_helper_sysreg_write(void *env, uint64_t arg, uint64_t value, uint64_t c, uint64_t d)
{
    struct tcg_cpu *tc = tcg_cpu_of(env);
    const uint32_t key = ARM_SYS_ARG_REG((uint32_t)arg);
    const struct arm_sysreg *s = resolve(tc, key);
    UNUSED(c, d);
    if (!s || !arm_feat(tc, (enum arm_feature)s->feature)) {
        if (!holds_nothing(tc, s) && !arm_intc_register(tc, arg, false, &value))
            unknown(tc, key, false);
        return 0;
    }
    arm_sysreg_put(tc, s, arg, value);
    return 0;
}
