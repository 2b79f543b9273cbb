/* Address translation instructions: AT, which put what a walk finds in PAR_EL1. Arm ARM, chapter
 * C5. */
#include "core/util/range.h"
#include "tcg/arm/sys.h"

static uint64_t par_of_fault(const struct arm_fault *f)
{
    return 1 | UINT64_C(1) << 11 | (uint64_t)f->fsc << 1 | (f->s1ptw ? 1 << 8 : 0) |
           (f->s2 ? 1 << 9 : 0);
}

void arm_at_insn(struct tcg_cpu *tc, uint32_t reg, uint64_t vaddr)
{
    struct arm_regs *r = arm_regs_of(tc);
    const unsigned op1 = reg >> 11 & 7, crm = reg >> 3 & 1, op2 = reg & 7;
    const uint64_t hcr = arm_hcr_of(tc);
    struct arm_walk_request q = {.vaddr = vaddr, .quiet = false};
    struct arm_walk_result result;
    struct arm_fault fault = {0};
    struct tcg_walk w = {.tables_wanted = false};

    q.access = op2 & 1 ? TCG_WRITE : TCG_READ;
    q.index = op2 & 2 ? ARM_MMU_USER : ARM_MMU_PRIV;
    if (op1 == 0) { /* S1E1R, S1E1W, S1E0R, S1E0W; with CRm 9 S1E1RP, S1E1WP */
        q.regime = (hcr & ARM_HCR_E2H) && (hcr & ARM_HCR_TGE) ? ARM_REGIME_EL20 : ARM_REGIME_EL10;
        q.stage1_only = true;
        if (crm && (r->pstate & ARM_PAN))
            q.index = ARM_MMU_PRIV_PAN;
    } else if (op1 == 6) {
        q.regime = ARM_REGIME_EL3;
    } else if (op2 < 2) { /* S1E2R, S1E2W */
        q.regime = hcr & ARM_HCR_E2H ? ARM_REGIME_EL20 : ARM_REGIME_EL2;
    } else { /* S12E1R, S12E1W, S12E0R, S12E0W */
        q.regime = ARM_REGIME_EL10;
        q.index = op2 >= 6 ? ARM_MMU_USER : ARM_MMU_PRIV;
    }
    if (!arm_translate(tc, &q, &w, &result, &fault)) {
        /* A fault of stage 2 on the walk of an operation of EL1 is EL2's to see. */
        if (fault.s2 && arm_el(r) == 1) {
            arm_raise_abort(tc, vaddr, TCG_READ, &fault, 1u << 8);
            return;
        }
        r->par = par_of_fault(&fault);
        return;
    }
    r->par = result.attr | w.paddr | UINT64_C(1) << 11 | (r->secure ? 0 : UINT64_C(1) << 9);
}

/* ---- AArch32 ---------------------------------------------------------------------------------
 */

/* What PAR of 32 bits has for memory that MAIR would call so: outer and inner cacheability. */
static uint32_t short_attributes(unsigned memory, unsigned shareability)
{
    enum { NOS = 1 << 10, SH = 1 << 7, INNER_SHIFT = 4, OUTER_SHIFT = 2, INNER_SHAREABLE = 3 };
    enum { STRONGLY_ORDERED = 1, DEVICE = 3 };
    /* By the nibble: none, write-through, write-back without allocation and with. */
    static const uint8_t inner[16] = {[0xa] = 6, [0xe] = 7, [0xf] = 5};
    static const uint8_t outer[16] = {[0xa] = 2, [0xe] = 3, [0xf] = 1};
    uint32_t v = shareability ? SH : 0;
    if (shareability == INNER_SHAREABLE)
        v |= NOS;
    if (!(memory >> 4))
        return v | (memory ? DEVICE : STRONGLY_ORDERED) << INNER_SHIFT;
    return v | (uint32_t)inner[memory & 15] << INNER_SHIFT |
           (uint32_t)outer[memory >> 4] << OUTER_SHIFT;
}

/* PAR of short descriptors: 32 bits. */
static uint64_t short_par(const struct tcg_walk *w, const struct arm_walk_result *result)
{
    enum { SUPERSECTION = 2 };
    const uint32_t attr =
        short_attributes((unsigned)(result->attr >> 56), (unsigned)(result->attr >> 7 & 3));
    if (w->page_bits == 24)
        return (w->paddr & 0xff000000) | (w->paddr >> 32 & 0xff) << 16 | attr | SUPERSECTION;
    return (w->paddr & 0xfffff000) | attr;
}

void arm_ats32(struct tcg_cpu *tc, unsigned opc2, uint32_t vaddr)
{
    struct arm_regs *r = arm_regs_of(tc);
    const bool user = opc2 & 2, second = arm_sys_of(tc)->domains;
    const struct arm_walk_request q = {
        .vaddr = vaddr,
        .regime = ARM_REGIME_EL10,
        .access = opc2 & 1 ? TCG_WRITE : TCG_READ,
        .index = user ? (second ? ARM_MMU_USER_PAN : ARM_MMU_USER)
                      : (second ? ARM_MMU_PRIV_PAN : ARM_MMU_PRIV),
        .stage1_only = true,
    };
    const bool eae = r->tcr[1] & ARM_TTBCR_EAE;
    struct arm_walk_result result;
    struct arm_fault fault = {0};
    struct tcg_walk w = {.tables_wanted = false};

    if (arm_translate(tc, &q, &w, &result, &fault)) {
        r->par =
            eae ? result.attr | w.paddr | 1u << 11 | 1u << 9 : short_par(&w, &result) | 1u << 9;
    } else if (fault.s2 && arm_el(r) == 1) {
        arm_raise_abort(tc, vaddr, TCG_READ, &fault, 1u << 8);
    } else if (eae) {
        r->par = par_of_fault(&fault);
    } else { /* FS[4:0] where DFSR has it in two parts */
        const uint32_t fsr = arm_fault_status32(tc, arm_syndrome(ARM_EC_IABORT, fault.fsc));
        r->par = 1 | (fsr & 15) << 1 | (fsr >> 10 & 1) << 5;
    }
}
