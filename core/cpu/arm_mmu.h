/*
 * Where a walk of translation tables begins and how it goes on (Arm ARM, chapter D8): what the
 * translator's walk and the debugger's have in common. VMSAv8-64 and VMSAv8-32.
 */
#ifndef CORE_CPU_ARM_MMU_H
#define CORE_CPU_ARM_MMU_H

#include "core/cpu/arm.h"
#include "core/util/range.h"

/* Translation regimes. */
enum arm_regime {
    ARM_REGIME_EL10, /* EL1&0 */
    ARM_REGIME_EL20, /* EL2&0: HCR_EL2.E2H */
    ARM_REGIME_EL2,
    ARM_REGIME_EL3,
    ARM_REGIME_COUNT,
};

#define ARM_HCR_VM (UINT64_C(1) << 0)
#define ARM_HCR_SWIO (UINT64_C(1) << 1)
#define ARM_HCR_PTW (UINT64_C(1) << 2)
#define ARM_HCR_FMO (UINT64_C(1) << 3)
#define ARM_HCR_IMO (UINT64_C(1) << 4)
#define ARM_HCR_AMO (UINT64_C(1) << 5)
#define ARM_HCR_VF (UINT64_C(1) << 6)
#define ARM_HCR_VI (UINT64_C(1) << 7)
#define ARM_HCR_VSE (UINT64_C(1) << 8)
#define ARM_HCR_DC (UINT64_C(1) << 12)
#define ARM_HCR_TWI (UINT64_C(1) << 13)
#define ARM_HCR_TWE (UINT64_C(1) << 14)
#define ARM_HCR_TID1 (UINT64_C(1) << 16)
#define ARM_HCR_TID2 (UINT64_C(1) << 17)
#define ARM_HCR_TID3 (UINT64_C(1) << 18)
#define ARM_HCR_TSC (UINT64_C(1) << 19)
#define ARM_HCR_TIDCP (UINT64_C(1) << 20)
#define ARM_HCR_TACR (UINT64_C(1) << 21)
#define ARM_HCR_TSW (UINT64_C(1) << 22)
#define ARM_HCR_TPC (UINT64_C(1) << 23)
#define ARM_HCR_TPU (UINT64_C(1) << 24)
#define ARM_HCR_TTLB (UINT64_C(1) << 25)
#define ARM_HCR_TVM (UINT64_C(1) << 26)
#define ARM_HCR_TGE (UINT64_C(1) << 27)
#define ARM_HCR_TDZ (UINT64_C(1) << 28)
#define ARM_HCR_HCD (UINT64_C(1) << 29)
#define ARM_HCR_TRVM (UINT64_C(1) << 30)
#define ARM_HCR_RW (UINT64_C(1) << 31)
#define ARM_HCR_E2H (UINT64_C(1) << 34)
#define ARM_HCR_APK (UINT64_C(1) << 40)
#define ARM_HCR_API (UINT64_C(1) << 41)

#define ARM_SCR_NS (UINT64_C(1) << 0)
#define ARM_SCR_IRQ (UINT64_C(1) << 1)
#define ARM_SCR_FIQ (UINT64_C(1) << 2)
#define ARM_SCR_EA (UINT64_C(1) << 3)
#define ARM_SCR_SMD (UINT64_C(1) << 7)
#define ARM_SCR_HCE (UINT64_C(1) << 8)
#define ARM_SCR_RW (UINT64_C(1) << 10)
#define ARM_SCR_ST (UINT64_C(1) << 11)
#define ARM_SCR_TWI (UINT64_C(1) << 12)
#define ARM_SCR_TWE (UINT64_C(1) << 13)
#define ARM_SCR_APK (UINT64_C(1) << 16)
#define ARM_SCR_API (UINT64_C(1) << 17)

/* HCR_EL2 as in force: there is no EL2 in secure state, and what TGE and E2H change by
 * themselves. */
static inline uint64_t arm_hcr(const struct arm_regs *r, const struct arm_cpu_model *model)
{
    if (!model->has_el2 || r->secure)
        return 0;
    uint64_t hcr = r->hcr;
    if (hcr & ARM_HCR_TGE) {
        hcr &= ~(ARM_HCR_VM | ARM_HCR_PTW | ARM_HCR_DC | ARM_HCR_VF | ARM_HCR_VI | ARM_HCR_VSE);
        if (hcr & ARM_HCR_E2H)
            hcr &= ~(ARM_HCR_FMO | ARM_HCR_IMO | ARM_HCR_AMO | ARM_HCR_TWI | ARM_HCR_TWE |
                     ARM_HCR_TDZ | ARM_HCR_TVM | ARM_HCR_TRVM | ARM_HCR_TACR | ARM_HCR_TID1 |
                     ARM_HCR_TID2 | ARM_HCR_TID3 | ARM_HCR_TSC | ARM_HCR_TSW | ARM_HCR_TPC |
                     ARM_HCR_TPU | ARM_HCR_TTLB);
        hcr |= ARM_HCR_FMO | ARM_HCR_IMO | ARM_HCR_AMO;
    }
    if (hcr & ARM_HCR_DC)
        hcr |= ARM_HCR_VM;
    return hcr;
}

/* The regime that accesses of an exception level go through. */
static inline enum arm_regime arm_regime_of(const struct arm_regs *r,
                                            const struct arm_cpu_model *model, unsigned el)
{
    const uint64_t hcr = el < 3 ? arm_hcr(r, model) : 0;
    if (el == 3)
        return ARM_REGIME_EL3;
    if (el == 2)
        return hcr & ARM_HCR_E2H ? ARM_REGIME_EL20 : ARM_REGIME_EL2;
    if (el == 0 && (hcr & (ARM_HCR_E2H | ARM_HCR_TGE)) == (ARM_HCR_E2H | ARM_HCR_TGE))
        return ARM_REGIME_EL20;
    return ARM_REGIME_EL10;
}
/* The exception level whose SCTLR, TCR and TTBR a regime has. */
static inline unsigned arm_regime_el(enum arm_regime regime)
{
    static const uint8_t el[] = {1, 2, 2, 3};
    return el[regime];
}
static inline bool arm_regime_has_el0(enum arm_regime regime)
{
    return regime <= ARM_REGIME_EL20;
}

/* TCR_EL1 as AArch32's TTBCR: the long descriptor format. */
#define ARM_TTBCR_EAE (UINT64_C(1) << 31)

enum {
    ARM_SCTLR_M = 1 << 0,
    ARM_SCTLR_WXN = 1 << 19,
    ARM_SCTLR_UWXN = 1 << 20, /* AArch32's, as those below */
    ARM_SCTLR_TRE = 1 << 28,
    ARM_SCTLR_AFE = 1 << 29,
};

/* Is EL1 AArch32? */
static inline bool arm_el1_is_aarch32(const struct arm_regs *r, const struct arm_cpu_model *model)
{
    if (!model->aarch64)
        return true;
    if (!arm_has(model, ARM_FEAT_AARCH32_EL1))
        return false;
    if (model->has_el3 && !(r->scr & ARM_SCR_RW))
        return true;
    return model->has_el2 && !r->secure && !(r->hcr & ARM_HCR_RW);
}
/* Does the regime have short descriptors? */
static inline bool arm_regime_is_short(const struct arm_regs *r, const struct arm_cpu_model *model,
                                       enum arm_regime regime)
{
    return regime == ARM_REGIME_EL10 && arm_el1_is_aarch32(r, model) &&
           !(r->tcr[1] & ARM_TTBCR_EAE);
}

/* The walk of one stage. */
struct arm_stage {
    uint64_t table;      /* address of the first table */
    uint64_t first_mask; /* of an index into it; below that, all tables are whole */
    uint8_t granule;     /* log2 of the bytes of a table and of the smallest page: 12, 14, 16 */
    int8_t level;        /* of the first table: -1 to 3 */
    uint8_t output_bits; /* of a physical address: TCR's size, or what the processor has */
    bool high;           /* by TTBR1 */
    bool ha, hd, hpd;    /* flags set in hardware; hierarchical attributes ignored */
    bool wide;           /* 64 KiB pages with bits 51:48 of addresses in 15:12 of entries */
    bool ds;             /* smaller ones with bits 51:50 of addresses in 9:8 of entries */
};

static inline unsigned arm_stage_shift(const struct arm_stage *s, int level)
{
    return s->granule + (unsigned)(3 - level) * (s->granule - 3u);
}
static inline uint64_t arm_stage_address(const struct arm_stage *s, uint64_t entry)
{
    uint64_t address = entry & mask_bits(s->ds ? 50 : 48) & ~mask_bits(s->granule);
    if (s->ds)
        address |= (entry >> 8 & 3) << 50;
    if (s->wide)
        address |= (entry >> 12 & 15) << 48;
    return address;
}
/* May an entry of that level be a block? */
static inline bool arm_stage_block(const struct arm_stage *s, int level)
{
    if (s->granule == 12)
        return level == 1 || level == 2 || (level == 0 && s->ds);
    return level == 2 || (level == 1 && (s->granule == 16 ? s->wide : s->ds));
}

enum arm_stage_result {
    ARM_STAGE_WALK,
    ARM_STAGE_SHORT, /* walk short descriptors: table and first_mask alone are set */
    ARM_STAGE_FLAT,  /* the stage is off: addresses go through */
    ARM_STAGE_FAULT, /* translation fault at level 0 */
    ARM_STAGE_SIZE,  /* address size fault at level 0: flat or table address too large */
};

static inline unsigned arm_ps_bits(const struct arm_cpu_model *model, unsigned ps)
{
    static const uint8_t bits[] = {32, 36, 40, 42, 44, 48, 52, 52};
    return MIN(bits[ps & 7], model->pa_bits);
}

/* TCR_ELx.DS of regimes with two ranges, and of others and stage 2. */
enum { ARM_TCR_DS = 59, ARM_TCR_DS_ALONE = 32 };
static inline bool arm_stage_ds(const struct arm_cpu_model *model, unsigned granule, uint64_t bit)
{
    return (bit & 1) && granule != 16 && arm_has(model, ARM_FEAT_LPA2);
}

/* Granule, first level and table from the size of input addresses. */
static inline bool arm_stage_shape(struct arm_stage *s, uint64_t ttbr, unsigned input_bits,
                                   unsigned first_bits)
{
    const unsigned stride = s->granule - 3u;
    const unsigned levels = (input_bits - s->granule + stride - 1) / stride;
    if (!first_bits) { /* else the first level was said */
        s->level = (int8_t)(4 - (int)levels);
        first_bits = input_bits - s->granule - (levels - 1) * stride;
    }
    s->first_mask = mask_bits(first_bits);
    unsigned align = first_bits + 3;
    s->table = ttbr & mask_bits(48) & ~UINT64_C(1);
    if (s->wide || s->ds) {
        align = MAX(align, 6u);
        s->table = (s->table & ~UINT64_C(0x3f)) | (ttbr >> 2 & 15) << 48;
    }
    s->table &= ~mask_bits(align);
    return !(s->table >> s->output_bits);
}

/* Stage 1 of EL1&0 in AArch32. Arm ARM, chapter G5. */
static inline enum arm_stage_result arm_stage1_32(struct arm_stage *s, const struct arm_regs *r,
                                                  const struct arm_cpu_model *model,
                                                  const uint64_t *ttbr, uint64_t vaddr)
{
    const uint64_t tcr = r->tcr[1];
    const unsigned t0 = tcr & 7, t1 = tcr >> 16 & 7;

    vaddr &= UINT32_MAX;
    s->output_bits = (uint8_t)MIN(model->pa_bits, 40);
    s->granule = 12;
    s->ha = s->hd = s->hpd = s->wide = s->ds = false;
    if (!(r->sctlr[1] & ARM_SCTLR_M) || (arm_hcr(r, model) & (ARM_HCR_DC | ARM_HCR_TGE)))
        return ARM_STAGE_FLAT;
    if (!(tcr & ARM_TTBCR_EAE)) {
        s->high = t0 && vaddr >> (32 - t0);
        const unsigned n = s->high ? 0 : t0;
        const uint64_t table = ttbr ? ttbr[s->high] : s->high ? r->ttbr1[1] : r->ttbr0[1];
        s->table = table & UINT32_MAX & ~mask_bits(14 - n);
        s->first_mask = mask_bits(12 - n);
        return tcr >> (s->high ? 5 : 4) & 1 ? ARM_STAGE_FAULT : ARM_STAGE_SHORT; /* PD0, PD1 */
    }
    const bool low = !t0 || !(vaddr >> (32 - t0));
    s->high = t1 ? vaddr >> (32 - t1) == mask_bits(t1) : !low;
    if ((!low && !s->high) || (tcr >> (s->high ? 23 : 7) & 1)) /* EPD1, EPD0 */
        return ARM_STAGE_FAULT;
    const uint64_t table = ttbr ? ttbr[s->high] : s->high ? r->ttbr1[1] : r->ttbr0[1];
    return arm_stage_shape(s, table & mask_bits(40), 32 - (s->high ? t1 : t0), 0) ? ARM_STAGE_WALK
                                                                                  : ARM_STAGE_SIZE;
}

/*
 * Stage 1 of a regime for vaddr, top byte and all. ttbr: TTBR0 and TTBR1 in force; NULL: as the
 * registers have them. el0: the access is one of EL0 (E0PD).
 */
static inline enum arm_stage_result arm_stage1(struct arm_stage *s, const struct arm_regs *r,
                                               const struct arm_cpu_model *model,
                                               enum arm_regime regime, const uint64_t *ttbr,
                                               uint64_t vaddr, bool el0)
{
    const unsigned el = arm_regime_el(regime);
    const uint64_t tcr = r->tcr[el];
    const bool two = arm_regime_has_el0(regime);
    static const uint8_t tg0[] = {12, 16, 14, 12}, tg1[] = {12, 14, 12, 16};
    uint64_t hcr = regime == ARM_REGIME_EL10 ? arm_hcr(r, model) : 0;
    unsigned tsz, tbi;

    if (regime == ARM_REGIME_EL10 && arm_el1_is_aarch32(r, model))
        return arm_stage1_32(s, r, model, ttbr, vaddr);
    s->output_bits = model->pa_bits;
    if (!(r->sctlr[el] & ARM_SCTLR_M) || (hcr & (ARM_HCR_DC | ARM_HCR_TGE))) {
        /* Tagged addresses are what the regime says even then. */
        const bool up = vaddr >> 55 & 1;
        const bool ignore = two ? tcr >> (up ? 38 : 37) & 1 : tcr >> 20 & 1;
        const uint64_t address = ignore && !(two && up) ? vaddr & mask_bits(56) : vaddr;
        return address >> model->pa_bits ? ARM_STAGE_SIZE : ARM_STAGE_FLAT;
    }
    s->high = two && (vaddr >> 55 & 1);
    if (s->high) {
        tsz = tcr >> 16 & 63;
        s->granule = tg1[tcr >> 30 & 3];
        tbi = tcr >> 38 & 1;
    } else {
        tsz = tcr & 63;
        s->granule = tg0[tcr >> 14 & 3];
        tbi = tcr >> (two ? 37 : 20) & 1;
    }
    if (s->granule == 14 && !model->tgran16)
        s->granule = 12;
    s->output_bits = (uint8_t)arm_ps_bits(model, tcr >> (two ? 32 : 16) & 7);
    s->wide = s->granule == 16 && model->pa_bits > 48;
    s->ds = arm_stage_ds(model, s->granule, tcr >> (two ? ARM_TCR_DS : ARM_TCR_DS_ALONE));
    if (!s->wide && !s->ds)
        s->output_bits = (uint8_t)MIN(s->output_bits, 48);
    const bool hafdbs = arm_has(model, ARM_FEAT_HAFDBS), hpds = arm_has(model, ARM_FEAT_HPDS);
    s->ha = hafdbs && tcr >> (two ? 39 : 21) & 1;
    s->hd = s->ha && tcr >> (two ? 40 : 22) & 1;
    s->hpd = hpds && tcr >> (two ? 41 + s->high : 24) & 1;

    const unsigned least = s->ds || (s->granule == 16 && arm_has(model, ARM_FEAT_LVA)) ? 12 : 16;
    const unsigned most = !arm_has(model, ARM_FEAT_TTST) ? 39 : s->granule == 16 ? 47 : 48;
    if (tsz < least || tsz > most)
        return ARM_STAGE_FAULT;
    if (two && (tcr >> (s->high ? 23 : 7) & 1)) /* EPD */
        return ARM_STAGE_FAULT;
    if (two && el0 && arm_has(model, ARM_FEAT_E0PD) && (tcr >> (s->high ? 56 : 55) & 1))
        return ARM_STAGE_FAULT;
    /* All bits above the size are alike, the top byte aside when it is ignored. */
    const unsigned input = 64 - tsz;
    const uint64_t above = vaddr << (tbi ? 8 : 0) >> (tbi ? 8 : 0) >> input;
    if (above != (s->high ? mask_bits((tbi ? 56 : 64) - input) : 0))
        return ARM_STAGE_FAULT;
    const uint64_t table = ttbr ? ttbr[s->high] : s->high ? r->ttbr1[el] : r->ttbr0[el];
    return arm_stage_shape(s, table, input, 0) ? ARM_STAGE_WALK : ARM_STAGE_SIZE;
}

/* Stage 2 of EL1&0 for an intermediate physical address. */
static inline enum arm_stage_result arm_stage2(struct arm_stage *s, const struct arm_regs *r,
                                               const struct arm_cpu_model *model, uint64_t ipa)
{
    static const uint8_t tg0[] = {12, 16, 14, 12};
    const uint64_t vtcr = r->vtcr;
    const unsigned tsz = vtcr & 63, sl0 = vtcr >> 6 & 3;

    *s = (struct arm_stage){.granule = tg0[vtcr >> 14 & 3]};
    if (!(arm_hcr(r, model) & ARM_HCR_VM))
        return ARM_STAGE_FLAT;
    if (s->granule == 14 && !model->tgran16)
        s->granule = 12;
    s->wide = s->granule == 16 && model->pa_bits > 48;
    s->ds = arm_stage_ds(model, s->granule, vtcr >> ARM_TCR_DS_ALONE);
    s->output_bits = (uint8_t)arm_ps_bits(model, vtcr >> 16 & 7);
    if (!s->wide && !s->ds)
        s->output_bits = (uint8_t)MIN(s->output_bits, 48);
    s->ha = arm_has(model, ARM_FEAT_HAFDBS) && vtcr >> 21 & 1;
    s->hd = s->ha && vtcr >> 22 & 1;
    s->hpd = true;
    const unsigned most = arm_has(model, ARM_FEAT_TTST) ? s->granule == 16 ? 47 : 48 : 39;
    const unsigned least = s->ds || (s->wide && arm_has(model, ARM_FEAT_LVA)) ? 12 : 16;
    const bool three = s->granule == 12 ? arm_has(model, ARM_FEAT_TTST) : s->ds;
    const bool sl2 = s->ds && s->granule == 12 && (vtcr >> 33 & 1);
    if (tsz < least || tsz > most || sl0 > (sl2 ? 0 : three ? 3 : 2))
        return ARM_STAGE_FAULT;
    /* SL0 and SL2 name the level; up to 16 tables of it may stand side by side. */
    const int level = sl2 ? -1 : s->granule != 12 ? 3 - (int)sl0 : sl0 == 3 ? 3 : 2 - (int)sl0;
    const unsigned input = 64 - tsz, below = arm_stage_shift(s, level);
    if (input <= below || input - below > s->granule - 3u + 4 || ipa >> input)
        return ARM_STAGE_FAULT;
    s->level = (int8_t)level;
    return arm_stage_shape(s, r->vttbr, input, input - below) ? ARM_STAGE_WALK : ARM_STAGE_SIZE;
}

#endif
