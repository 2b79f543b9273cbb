/*
 * TLB invalidation, of this vCPU and broadcast. A broadcast puts the operation in each vCPU's
 * queue; DSB waits until all have taken theirs up (tcg_wait_requests()). Arm ARM, chapter D8, "TLB
 * maintenance", and the instructions' descriptions in chapter C5.
 */
#include "core/util/range.h"
#include "tcg/arm/sys.h"
#include "tcg/mmu/tlb.h"

/* More pages than this are dropped by dropping all of the address space. */
enum { PAGES_ONE_BY_ONE = 64 };

static void flush_asid(struct tcg_cpu *tc, unsigned space, unsigned asid)
{
    tcg_mmu_flush_tag(tc, arm_tag_of(space, asid));
}

static void flush_pages(struct tcg_cpu *tc, const struct arm_tlbi *op, unsigned space)
{
    /* An entry of another ASID answers when it is global. */
    const bool any =
        op->kind == ARM_TLBI_VA_ANY || (op->va >> 55 & 1) ||
        (op->va & mask_bits(55)) + op->pages * MEM_PAGE_SIZE > arm_sys_of(tc)->low_global;
    if (op->pages > PAGES_ONE_BY_ONE) {
        if (any)
            tcg_mmu_flush(tc, false);
        else
            flush_asid(tc, space, op->asid);
        return;
    }
    for (uint64_t n = 0; n < op->pages; n++) {
        const uint64_t va = op->va + n * MEM_PAGE_SIZE;
        if (any)
            tcg_mmu_flush_page(tc, va);
        else
            tcg_mmu_flush_page_tag(tc, va, arm_tag_of(space, op->asid));
    }
}

static void apply(struct tcg_cpu *tc, const struct arm_tlbi *op)
{
    struct arm_sys *s = arm_sys_of(tc);
    const unsigned space = op->kind == ARM_TLBI_ALL ? 0 : arm_space_known(&s->roots, &op->space);
    if (op->kind != ARM_TLBI_ALL && !space)
        return; /* nothing of it was ever cached */
    switch (op->kind) {
    case ARM_TLBI_ASID:
        flush_asid(tc, space, op->asid);
        break;
    case ARM_TLBI_VA:
    case ARM_TLBI_VA_ANY:
        flush_pages(tc, op, space);
        break;
    default: /* others' entries may go too */
        s->low_global = UINT64_MAX;
        tcg_mmu_flush(tc, false);
        break;
    }
}

void arm_take_request(struct tcg_cpu *tc)
{
    struct arm_sys *s = arm_sys_of(tc);
    struct arm_tlbi ops[ARM_TLBI_QUEUE];
    pthread_mutex_lock(&s->tlbi_lock);
    const unsigned count = s->tlbi_count;
    for (unsigned n = 0; n < MIN(count, (unsigned)ARM_TLBI_QUEUE); n++)
        ops[n] = s->tlbi[n];
    s->tlbi_count = 0;
    pthread_mutex_unlock(&s->tlbi_lock);
    if (count > ARM_TLBI_QUEUE) {
        apply(tc, &(struct arm_tlbi){.kind = ARM_TLBI_ALL});
        return;
    }
    for (unsigned n = 0; n < count; n++)
        apply(tc, &ops[n]);
}

static void post(struct tcg_cpu *to, const struct arm_tlbi *op)
{
    struct arm_sys *s = arm_sys_of(to);
    pthread_mutex_lock(&s->tlbi_lock);
    if (s->tlbi_count < ARM_TLBI_QUEUE)
        s->tlbi[s->tlbi_count++] = *op;
    else
        s->tlbi_count = ARM_TLBI_QUEUE + 1;
    pthread_mutex_unlock(&s->tlbi_lock);
    tcg_request_cpu(to, TCG_REQUEST_ARCH);
}

void arm_tlbi(struct tcg_cpu *tc, const struct arm_tlbi *op, bool broadcast)
{
    const struct vemu_machine *m = tc->vcpu->machine;
    apply(tc, op);
    if (!broadcast || m->vcpu_count < 2)
        return;
    for (unsigned n = 0; n < m->vcpu_count; n++)
        if (m->vcpus[n] != tc->vcpu)
            post(tcg_cpu_of_vcpu(m->vcpus[n]), op);
    tc->barrier = 1; /* DSB waits: ARM_TRAP_BARRIER */
}

/* ---- the instruction ------------------------------------------------------------------------- */

enum scope { LOCAL, INNER };

/* Regimes that an operation of EL2's encoding space is for. */
static enum arm_regime el2_regime(struct tcg_cpu *tc)
{
    return arm_hcr_of(tc) & ARM_HCR_E2H ? ARM_REGIME_EL20 : ARM_REGIME_EL2;
}

static uint64_t canonical(uint64_t va)
{
    return (uint64_t)((int64_t)(va << 8) >> 8);
}

/* Xt of an operation by address: VA[55:12], and with 16 KiB or 64 KiB pages its low bits count as
 * zero: all of what such a page covers is dropped. */
static void by_address(struct tcg_cpu *tc, struct arm_tlbi *op, uint64_t value)
{
    static const uint8_t tg0[] = {12, 16, 14, 12}, tg1[] = {12, 14, 12, 16};
    const uint64_t tcr = arm_regs_of(tc)->tcr[arm_regime_el((enum arm_regime)op->space.regime)];
    op->va = canonical(value << 12);
    op->asid = (uint16_t)(value >> 48);
    const unsigned granule = op->va >> 63 ? tg1[tcr >> 30 & 3] : tg0[tcr >> 14 & 3];
    op->va &= ~mask_bits(granule);
    op->pages = UINT64_C(1) << (granule - 12);
}

/* Xt of a range: BaseADDR in granules, or 64 KiB with TCR_ELx.DS, NUM, SCALE, TG (chapter D8, "TLB
 * range maintenance"). */
static bool by_range(struct tcg_cpu *tc, struct arm_tlbi *op, uint64_t value, bool one_range)
{
    const uint64_t tcr = arm_regs_of(tc)->tcr[arm_regime_el((enum arm_regime)op->space.regime)];
    const unsigned ds = one_range ? ARM_TCR_DS_ALONE : ARM_TCR_DS;
    const unsigned tg = value >> 46 & 3, scale = value >> 44 & 3, num = value >> 39 & 31;
    if (!tg)
        return false; /* reserved: does nothing */
    const unsigned granule = 10 + 2 * tg;
    const unsigned unit = arm_stage_ds(arm_model_of(tc), granule, tcr >> ds) ? 16 : granule;
    const uint64_t base = (value & mask_bits(37)) << unit;
    const unsigned bits = 37 + unit;
    op->va =
        one_range || bits >= 64 ? base : (uint64_t)((int64_t)(base << (64 - bits)) >> (64 - bits));
    op->asid = (uint16_t)(value >> 48);
    op->pages = ((uint64_t)num + 1) << (5 * scale + 1) << (granule - 12);
    return true;
}

/* CRm says where it reaches, and whether it is a range: 0 (8.4: 1 outer), 3 inner, 7 local; ranges
 * 2 inner, 5 outer, 6 local; stage 2 has its own. */
static bool decode_crm(unsigned crm, enum scope *scope, bool *range)
{
    *range = crm == 2 || crm == 5 || crm == 6;
    switch (crm) {
    case 1:
    case 2:
    case 3:
    case 5:
        *scope = INNER;
        return true;
    case 6:
    case 7:
        *scope = LOCAL;
        return true;
    default:
        return false;
    }
}

/* By op2 of EL1's operations. */
static const uint8_t el1_kinds[8] = {
    ARM_TLBI_SPACE, ARM_TLBI_VA, ARM_TLBI_ASID,  ARM_TLBI_VA_ANY, 0,
    ARM_TLBI_VA,    0,           ARM_TLBI_VA_ANY};

static bool el1_operation(struct tcg_cpu *tc, unsigned crm, unsigned op2, uint64_t value)
{
    const uint64_t hcr = arm_hcr_of(tc);
    const bool host = (hcr & ARM_HCR_E2H) && (hcr & ARM_HCR_TGE);
    struct arm_tlbi op = {.kind = el1_kinds[op2],
                          .asid = (uint16_t)(value >> 48),
                          .space = arm_space_now(tc, host ? ARM_REGIME_EL20 : ARM_REGIME_EL10)};
    enum scope scope;
    bool range;
    if (!decode_crm(crm, &scope, &range) || op2 == 4 || op2 == 6)
        return false;
    if (range && !(op2 & 1))
        return false;
    if ((crm == 1 || crm == 5) && !arm_feat(tc, ARM_FEAT_TLBIOS))
        return false;
    if (range && !arm_feat(tc, ARM_FEAT_TLBIRANGE))
        return false;
    if (range) {
        if (!by_range(tc, &op, value, false))
            return true;
    } else if (op2 & 1) {
        by_address(tc, &op, value);
    }
    if (!(arm_regs_of(tc)->tcr[arm_regime_el((enum arm_regime)op.space.regime)] >> 36 & 1))
        op.asid &= 0xff;
    /* FB: what EL1 says is for all. */
    const bool all = arm_el(arm_regs_of(tc)) == 1 && (hcr >> 9 & 1);
    arm_tlbi(tc, &op, scope == INNER || all);
    return true;
}

void arm_tlbi32(struct tcg_cpu *tc, unsigned crm, unsigned opc2, uint32_t value)
{
    const struct arm_tlbi op = {.kind = el1_kinds[opc2],
                                .asid = (uint8_t)value,
                                .space = arm_space_now(tc, ARM_REGIME_EL10),
                                .va = value & ~UINT32_C(0xfff),
                                .pages = 1};
    /* 3: inner shareable; the others of instructions, of data and of both, which is the same. */
    const bool all = arm_el(arm_regs_of(tc)) == 1 && (arm_hcr_of(tc) >> 9 & 1);
    arm_tlbi(tc, &op, crm == 3 || all);
}

/* EL2's (op1 4) and EL3's (op1 6). */
static bool upper_operation(struct tcg_cpu *tc, unsigned op1, unsigned crm, unsigned op2,
                            uint64_t value)
{
    const enum arm_regime regime = op1 == 6 ? ARM_REGIME_EL3 : el2_regime(tc);
    struct arm_tlbi op = {.asid = (uint16_t)(value >> 48), .space = arm_space_now(tc, regime)};
    enum scope scope;
    bool range;
    /* By intermediate address: all of the virtual machine; 0 and 4 are these alone. */
    if (op1 == 4 && (crm == 0 || crm == 4)) {
        op.kind = ARM_TLBI_ALL;
        arm_tlbi(tc, &op, crm == 0 || op2 == 0 || op2 == 3 || op2 == 4 || op2 == 7);
        return true;
    }
    if (!decode_crm(crm, &scope, &range))
        return false;
    switch (op2) {
    case 0: /* ALLE2, ALLE3 */
        op.kind = ARM_TLBI_SPACE;
        break;
    case 1:
    case 5:
        op.kind = regime == ARM_REGIME_EL20 ? ARM_TLBI_VA : ARM_TLBI_VA_ANY;
        if (range) {
            if (!by_range(tc, &op, value, regime != ARM_REGIME_EL20))
                return true;
        } else {
            by_address(tc, &op, value);
        }
        break;
    case 4: /* ALLE1 */
    case 6: /* VMALLS12E1 */
        if (op1 != 4)
            return false;
        op.kind = ARM_TLBI_ALL;
        break;
    default:
        return false;
    }
    arm_tlbi(tc, &op, scope == INNER);
    return true;
}

bool arm_tlbi_insn(struct tcg_cpu *tc, uint32_t reg, uint64_t value)
{
    const unsigned op1 = reg >> 11 & 7, crn = reg >> 7 & 15, crm = reg >> 3 & 15, op2 = reg & 7;
    if (crn != 8)
        return false;
    switch (op1) {
    case 0:
        return el1_operation(tc, crm, op2, value);
    case 4:
    case 6:
        return upper_operation(tc, op1, crm, op2, value);
    default:
        return false;
    }
}
