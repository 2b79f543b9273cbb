/* Access to AArch32's coprocessor registers, and those that are no plain storage. See cpreg.h. */
#include "tcg/arm/cpreg.h"

#include <inttypes.h>

#include "core/util/log.h"

#define READ(name) uint64_t arm_read_##name(struct tcg_cpu *tc, const struct arm_sysreg *s)
#define WRITE(name)                                                                                \
    void arm_write_##name(struct tcg_cpu *tc, const struct arm_sysreg *s, uint64_t value)
#define IGNORED ((void)s)

static unsigned key_crm(uint32_t key)
{
    return key >> 3 & 15;
}
static unsigned key_opc2(uint32_t key)
{
    return key & 7;
}

/* ---- functions of the table -------------------------------------------------------------------
 */

/* As many breakpoints and watchpoints as there are, two of which compare contexts; v7.1 of the
 * debug architecture has no other name for what Armv8 has. DEVID and nSUHD: as DBGDEVID is there.
 */
READ(dbgdidr)
{
    const struct arm_cpu_model *m = arm_model_of(tc);
    const uint64_t version = arm_has(m, ARM_FEAT_A32_V8) ? 6 : 5;
    IGNORED;
    return (uint64_t)(m->watchpoints - 1) << 28 | (uint64_t)(m->breakpoints - 1) << 24 | 1 << 20 |
           version << 16 | 3 << 14 | (m->has_el3 ? 1 << 12 : 0);
}

/* Of Cortex-A15 and A7 themselves: L2CTLR with the number of processors, L2ECTLR, CBAR. */
enum { L2CTLR = ARM_CPREG(ARM_CP15, 1, 9, 0, 2), L2_CPUS_SHIFT = 24, L2_CPUS_MAX = 4 };

READ(implementation)
{
    const unsigned cpus = tc->vcpu->machine->vcpu_count;
    if (arm_model_of(tc)->aarch64) {
        arm_undefined(tc);
        return 0;
    }
    return s->key == L2CTLR ? (uint64_t)(MIN(cpus, L2_CPUS_MAX) - 1) << L2_CPUS_SHIFT : 0;
}

WRITE(implementation)
{
    (void)s, (void)value;
    if (arm_model_of(tc)->aarch64)
        arm_undefined(tc);
}

/* Armv8 has nTWI and nTWE besides. */
WRITE(control32)
{
    struct arm_regs *r = arm_regs_of(tc);
    const uint64_t mask =
        s->mask | (arm_feat(tc, ARM_FEAT_A32_V8) ? UINT64_C(1) << 16 | UINT64_C(1) << 18 : 0);
    r->sctlr[1] = (r->sctlr[1] & ~mask) | (value & mask);
}

WRITE(dacr)
{
    IGNORED;
    arm_regs_of(tc)->dacr = (uint32_t)value;
    arm_domains_changed(tc);
}

/* With short descriptors it has the ASID. */
WRITE(contextidr32)
{
    struct arm_regs *r = arm_regs_of(tc);
    IGNORED;
    r->contextidr[1] = (uint32_t)value;
    if (!(r->tcr[1] & ARM_TTBCR_EAE))
        arm_root_later(tc);
}

WRITE(cache_va)
{
    IGNORED;
    arm_cache_by_va(tc, (uint32_t)value);
}

WRITE(tlbi32)
{
    arm_tlbi32(tc, key_crm(s->key), key_opc2(s->key), (uint32_t)value);
}

WRITE(ats32)
{
    arm_ats32(tc, key_opc2(s->key), (uint32_t)value);
}

/* The interrupt controller's that has another name there. */
WRITE(sgi)
{
    if (!arm_intc_register(tc, ARM_SYS_ARG((uint32_t)s->value, 0), false, &value))
        arm_undefined(tc);
}

/* ---- access ---------------------------------------------------------------------------------- */

/* What ARM_CP_ARG() and ARM_CP_ARG_64() say. */
struct named {
    unsigned opc1, crn, crm, opc2;
    bool wide, cp14;
};

static struct named decode(uint32_t arg)
{
    struct named n = {.crm = arg >> 1 & 15, .wide = arg >> 20 & 1, .cp14 = arg >> 21 & 1};
    if (n.wide) {
        n.opc1 = arg >> 16 & 15;
    } else {
        n.opc1 = arg >> 14 & 7;
        n.crn = arg >> 10 & 15;
        n.opc2 = arg >> 17 & 7;
    }
    return n;
}

static const struct arm_sysreg *row_of(struct tcg_cpu *tc, const struct named *n)
{
    const uint32_t kind = n->cp14   ? n->wide ? ARM_CP14_64 : ARM_CP14
                          : n->wide ? ARM_CP15_64
                                    : ARM_CP15;
    const struct arm_sysreg *s =
        arm_cpreg_find(n->wide ? ARM_CPREG_64(kind, n->opc1, n->crm)
                               : ARM_CPREG(kind, n->opc1, n->crn, n->crm, n->opc2));
    return s && arm_feat(tc, (enum arm_feature)s->feature) ? s : NULL;
}

/* A trap that a row raised is one of a coprocessor access. CV is 1, COND is 14: the instruction's
 * condition held. */
static void as_coprocessor_trap(struct tcg_cpu *tc, uint32_t arg, const struct named *n)
{
    if (tc->status != TCG_EXCEPTION || tc->exc_error >> 26 != ARM_EC_SYSREG)
        return;
    const enum arm_ec ec = n->wide ? (n->cp14 ? ARM_EC_CP14_64 : ARM_EC_CP15_64)
                                   : (n->cp14 ? ARM_EC_CP14_32 : ARM_EC_CP15_32);
    tc->exc_error = arm_syndrome(ec, 0x1e00000 | (arg & 0xfffff));
}

/* HSTR_EL2 traps all of coprocessor 15 by the number of a primary register. */
static bool trapped_by_number(struct tcg_cpu *tc, const struct named *n, bool read)
{
    const struct arm_regs *r = arm_regs_of(tc);
    const unsigned crn = n->wide ? n->crm : n->crn;
    if (n->cp14 || arm_el(r) > 1 || !arm_el2_enabled(tc) || crn == 4 || crn == 14 ||
        !(r->hstr >> crn & 1))
        return false;
    arm_trap_sysreg(tc, 0, read, 2);
    return true;
}

/* ICC_*, ICH_*: the numbers are AArch64's. */
static bool intc(struct tcg_cpu *tc, const struct named *n, bool read, uint64_t *value)
{
    return !n->cp14 && !n->wide &&
           arm_intc_register(tc, ARM_SYS_ARG(ARM_SYSREG(3, n->opc1, n->crn, n->crm, n->opc2), 0),
                             read, value);
}

static void access_register(struct tcg_cpu *tc, uint32_t arg, bool read, uint64_t *value)
{
    const struct named n = decode(arg);
    const struct arm_sysreg *s = row_of(tc, &n);
    if (trapped_by_number(tc, &n, read)) {
        /* raised */
    } else if (s && read) {
        *value = arm_sysreg_get(tc, s, 0);
    } else if (s) {
        arm_sysreg_put(tc, s, 0, *value);
    } else if (!intc(tc, &n, read, value)) {
        log_msg(&tc->vcpu->machine->log, LOG_UNIMP,
                "cpu %u: pc 0x%08" PRIx64 ": %s of coprocessor %u opc1 %u CRn %u CRm %u opc2 %u%s",
                tc->vcpu->index, arm_regs_of(tc)->pc, read ? "read" : "write", n.cp14 ? 14 : 15,
                n.opc1, n.crn, n.crm, n.opc2, n.wide ? ", 64 bits" : "");
        arm_undefined(tc);
    }
    as_coprocessor_trap(tc, arg, &n);
}

uint64_t arm_helper_mrc(void *env, uint64_t arg, uint64_t b, uint64_t c, uint64_t d)
{
    uint64_t value = 0;
    UNUSED(b, c, d);
    access_register(tcg_cpu_of(env), (uint32_t)arg, true, &value);
    return value;
}

uint64_t arm_helper_mcr(void *env, uint64_t arg, uint64_t value, uint64_t c, uint64_t d)
{
    UNUSED(c, d);
    access_register(tcg_cpu_of(env), (uint32_t)arg, false, &value);
    return 0;
}
