/*
 * SYS instructions: caches, address translation, TLBs, prediction. Arm ARM, chapter C5. Caches are
 * not modelled: translations follow stores by themselves, so what is left of cache maintenance is
 * where it traps and faults.
 */
#include "tcg/arm/sysreg.h"

enum { SCTLR_DZE = 1 << 14, SCTLR_UCT = 1 << 15, SCTLR_UCI = 1 << 26 };

enum op_kind {
    OP_NOTHING,
    OP_BY_VA, /* a data cache by address: faults as a load does */
    OP_IC_VA,
    OP_ZERO, /* DC ZVA */
};
struct sys_op {
    uint16_t key;
    uint8_t kind, feature;
    uint8_t el;   /* lowest level */
    uint8_t user; /* bit of SCTLR that lets EL0, or 0 */
    uint64_t hcr; /* bit of HCR_EL2 that traps EL0 and EL1 */
};

#define KEY(op1, crm, op2) ARM_SYSREG(1, op1, 7, crm, op2)
#define UCI 26
#define DZE 14
static const struct sys_op ops[] = {
    {KEY(0, 1, 0), OP_NOTHING, ARM_FEAT_BASE, 1, 0, ARM_HCR_TPU},       /* IC IALLUIS */
    {KEY(0, 5, 0), OP_NOTHING, ARM_FEAT_BASE, 1, 0, ARM_HCR_TPU},       /* IC IALLU */
    {KEY(3, 5, 1), OP_IC_VA, ARM_FEAT_BASE, 0, UCI, ARM_HCR_TPU},       /* IC IVAU */
    {KEY(0, 6, 1), OP_BY_VA, ARM_FEAT_BASE, 1, 0, ARM_HCR_TPC},         /* DC IVAC */
    {KEY(0, 6, 2), OP_NOTHING, ARM_FEAT_BASE, 1, 0, ARM_HCR_TSW},       /* DC ISW */
    {KEY(0, 10, 2), OP_NOTHING, ARM_FEAT_BASE, 1, 0, ARM_HCR_TSW},      /* DC CSW */
    {KEY(0, 14, 2), OP_NOTHING, ARM_FEAT_BASE, 1, 0, ARM_HCR_TSW},      /* DC CISW */
    {KEY(3, 4, 1), OP_ZERO, ARM_FEAT_BASE, 0, DZE, ARM_HCR_TDZ},        /* DC ZVA */
    {KEY(3, 10, 1), OP_BY_VA, ARM_FEAT_BASE, 0, UCI, ARM_HCR_TPC},      /* DC CVAC */
    {KEY(3, 11, 1), OP_BY_VA, ARM_FEAT_BASE, 0, UCI, ARM_HCR_TPU},      /* DC CVAU */
    {KEY(3, 12, 1), OP_BY_VA, ARM_FEAT_DPB, 0, UCI, ARM_HCR_TPC},       /* DC CVAP */
    {KEY(3, 13, 1), OP_BY_VA, ARM_FEAT_DPB2, 0, UCI, ARM_HCR_TPC},      /* DC CVADP */
    {KEY(3, 14, 1), OP_BY_VA, ARM_FEAT_BASE, 0, UCI, ARM_HCR_TPC},      /* DC CIVAC */
    {ARM_SYSREG(1, 3, 7, 3, 4), OP_NOTHING, ARM_FEAT_SPECRES, 0, 0, 0}, /* CFP RCTX */
    {ARM_SYSREG(1, 3, 7, 3, 5), OP_NOTHING, ARM_FEAT_SPECRES, 0, 0, 0}, /* DVP RCTX */
    {ARM_SYSREG(1, 3, 7, 3, 7), OP_NOTHING, ARM_FEAT_SPECRES, 0, 0, 0}, /* CPP RCTX */
};

static const struct sys_op *find_op(const struct tcg_cpu *tc, uint32_t key)
{
    for (unsigned n = 0; n < sizeof ops / sizeof *ops; n++)
        if (ops[n].key == key)
            return arm_feat(tc, (enum arm_feature)ops[n].feature) ? &ops[n] : NULL;
    return NULL;
}

/* Trapped, or not there, at this level? */
static bool refused(struct tcg_cpu *tc, const struct sys_op *op, uint64_t arg)
{
    const struct arm_regs *r = arm_regs_of(tc);
    const unsigned el = arm_el(r);
    if (el < op->el) {
        arm_undefined(tc);
        return true;
    }
    if (el == 0 && op->user) {
        const unsigned by = arm_regime_el(arm_regime_of(r, arm_model_of(tc), 0));
        if (!(r->sctlr[by] >> op->user & 1)) {
            arm_trap_sysreg(tc, arg, false, arm_sync_target(tc));
            return true;
        }
    }
    if (el < 2 && (arm_hcr_of(tc) & op->hcr)) {
        arm_trap_sysreg(tc, arg, false, 2);
        return true;
    }
    return false;
}

void arm_cache_by_va(struct tcg_cpu *tc, uint64_t va)
{
    struct arm_sys *s = arm_sys_of(tc);
    if (tcg_probe(tc, va, 1, TCG_READ, 0) || tc->status != TCG_EXCEPTION)
        return;
    if (s->has_far)
        tc->exc_error |= 1u << 8 | 1u << 6;
}

static void zero_block(struct tcg_cpu *tc, uint64_t va)
{
    static const uint8_t zeroes[2048];
    const unsigned size = 4u << (arm_model_of(tc)->dczid & 15);
    const uint64_t block = va & ~(uint64_t)(size - 1);
    if (!tcg_probe(tc, va, 1, TCG_WRITE, 0)) /* FAR is the address that was given */
        return;
    tcg_store_bytes(tc, block, zeroes, size, 0);
}

static void run(struct tcg_cpu *tc, const struct sys_op *op, uint64_t value)
{
    switch ((enum op_kind)op->kind) {
    case OP_NOTHING:
        break;
    case OP_BY_VA:
    case OP_IC_VA:
        arm_cache_by_va(tc, value);
        break;
    case OP_ZERO:
        zero_block(tc, value);
        break;
    }
}

/* AT and TLBI by their encoding spaces: op1 0 is EL1's, 4 EL2's and 6 EL3's. */
static bool translation(struct tcg_cpu *tc, uint64_t arg, uint32_t reg, uint64_t value)
{
    const unsigned op1 = reg >> 11 & 7, crn = reg >> 7 & 15, crm = reg >> 3 & 15, op2 = reg & 7;
    const unsigned el = arm_el(arm_regs_of(tc)), need = op1 == 0 ? 1 : op1 == 4 ? 2 : 3;
    const bool at = crn == 7 && (crm == 8 || (crm == 9 && op1 == 0 && op2 < 2));
    if ((!at && crn != 8) || (op1 != 0 && op1 != 4 && op1 != 6))
        return false;
    if (at && ((crm == 9 && !arm_feat(tc, ARM_FEAT_PAN2)) || (op1 == 0 && op2 > 3) ||
               (op1 == 4 && (op2 == 2 || op2 == 3)) || (op1 == 6 && op2 > 1)))
        return false;
    if (el < need || (op1 == 4 && !arm_el2_enabled(tc) && el < 3))
        return false;
    if (op1 == 4 && !arm_model_of(tc)->has_el2)
        return false;
    if (!at && el == 1 && (arm_hcr_of(tc) & ARM_HCR_TTLB)) {
        arm_trap_sysreg(tc, arg, false, 2);
        return true;
    }
    if (!at)
        return arm_tlbi_insn(tc, reg, value);
    arm_at_insn(tc, reg, value);
    return true;
}

uint64_t arm_helper_sys_op(void *env, uint64_t arg, uint64_t value, uint64_t c, uint64_t d)
{
    struct tcg_cpu *tc = tcg_cpu_of(env);
    const uint32_t reg = ARM_SYS_ARG_REG((uint32_t)arg);
    const struct sys_op *op = find_op(tc, reg);
    UNUSED(c, d);
    if (op) {
        if (!refused(tc, op, arg))
            run(tc, op, value);
    } else if (!translation(tc, arg, reg, value)) {
        arm_undefined(tc);
    }
    return 0;
}

/* No operation with a result is there but those of features that no model has. */
uint64_t arm_helper_sysl(void *env, uint64_t arg, uint64_t b, uint64_t c, uint64_t d)
{
    UNUSED(arg, b, c, d);
    arm_undefined(tcg_cpu_of(env));
    return 0;
}
