/*
 * Translation roots: what names an address space. TTBR0, TTBR1, TCR and what else decides about a
 * walk do not fit 64 bits, so each vCPU numbers the tuples that it has met; they are compared
 * exactly. A root's key:
 *
 *      bits 0-31   the pair of tables (TTBR0, TTBR1): a number that is not used again
 *      bits 32-39  the configuration (TCR, SCTLR, HCR, DACR, ... and the space)
 *      bits 40-47  the space (regime, secure or not, VMID): with the ASID, the root's tag
 *      bits 48-63  the ASID
 *
 * Roots that differ in tables and ASID only share global pages.
 */
#include <string.h>

#include "tcg/arm/sys.h"

enum { CONFIG_SHIFT = 32, SPACE_SHIFT = 40, ASID_SHIFT = 48 };

uint64_t arm_tag_of(unsigned space, unsigned asid)
{
    return (uint64_t)space << SPACE_SHIFT | (uint64_t)asid << ASID_SHIFT;
}

/* Space 0 is that of no root that was ever loaded. */
uint64_t arm_mmu_root_tag(uint64_t key)
{
    return key >> SPACE_SHIFT ? key >> SPACE_SHIFT << SPACE_SHIFT : UINT64_C(1) << SPACE_SHIFT;
}

static bool same_space(const struct arm_space *a, const struct arm_space *b)
{
    return a->regime == b->regime && a->secure == b->secure && a->vmid == b->vmid;
}

unsigned arm_space_known(const struct arm_roots *roots, const struct arm_space *space)
{
    for (unsigned n = 0; n < roots->space_count; n++)
        if (same_space(&roots->spaces[n], space))
            return n + 1;
    return 0;
}

struct arm_space arm_space_now(struct tcg_cpu *tc, enum arm_regime regime)
{
    const struct arm_regs *r = arm_regs_of(tc);
    struct arm_space s = {.regime = (uint8_t)regime, .secure = r->secure != 0};
    if (regime == ARM_REGIME_EL10 && arm_el2_enabled(tc))
        s.vmid = arm_feat(tc, ARM_FEAT_VMID16) && (r->vtcr >> 19 & 1) ? (uint16_t)(r->vttbr >> 48)
                                                                      : (uint8_t)(r->vttbr >> 48);
    return s;
}

/* Every number is given up: no key has a meaning any more. */
static void forget_all(struct tcg_cpu *tc)
{
    struct arm_roots *roots = &arm_sys_of(tc)->roots;
    tcg_mmu_flush(tc, false);
    roots->space_count = roots->config_count = 0;
    roots->last_config = 0;
}

static unsigned space_number(struct tcg_cpu *tc, const struct arm_space *space)
{
    struct arm_roots *roots = &arm_sys_of(tc)->roots;
    const unsigned n = arm_space_known(roots, space);
    if (n)
        return n;
    if (roots->space_count == ARM_SPACES)
        forget_all(tc);
    roots->spaces[roots->space_count] = *space;
    return ++roots->space_count;
}

static bool same_config(const struct arm_config *a, const struct arm_config *b)
{
    return a->tcr == b->tcr && a->sctlr == b->sctlr && a->hcr == b->hcr && a->vtcr == b->vtcr &&
           a->vttbr == b->vttbr && a->dacr == b->dacr && a->space == b->space;
}

static unsigned config_number(struct tcg_cpu *tc, struct arm_config *config,
                              const struct arm_space *space)
{
    struct arm_roots *roots = &arm_sys_of(tc)->roots;
    config->space = space_number(tc, space);
    if (roots->last_config < roots->config_count &&
        same_config(&roots->configs[roots->last_config], config))
        return roots->last_config;
    for (unsigned n = 0; n < roots->config_count; n++)
        if (same_config(&roots->configs[n], config))
            return roots->last_config = n;
    if (roots->config_count == ARM_CONFIGS) {
        forget_all(tc);
        config->space = space_number(tc, space);
    }
    roots->configs[roots->config_count] = *config;
    return roots->last_config = roots->config_count++;
}

/* The pair that was not used for longest gives its place; its number is gone. */
static uint64_t pair_number(struct tcg_cpu *tc, uint64_t ttbr0, uint64_t ttbr1)
{
    struct arm_roots *roots = &arm_sys_of(tc)->roots;
    struct arm_table_pair *p = &roots->pairs[roots->last_pair];
    if (p->id && p->ttbr0 == ttbr0 && p->ttbr1 == ttbr1)
        return p->id;
    /* With page-table isolation, two take turns. */
    const unsigned before = roots->before_last_pair;
    roots->before_last_pair = roots->last_pair;
    p = &roots->pairs[before];
    if (p->id && p->ttbr0 == ttbr0 && p->ttbr1 == ttbr1) {
        p->used = ++roots->clock;
        roots->last_pair = before;
        return p->id;
    }
    unsigned oldest = 0;
    for (unsigned n = 0; n < ARM_TABLE_PAIRS; n++) {
        p = &roots->pairs[n];
        if (p->id && p->ttbr0 == ttbr0 && p->ttbr1 == ttbr1) {
            p->used = ++roots->clock;
            roots->last_pair = n;
            return p->id;
        }
        if (p->used < roots->pairs[oldest].used)
            oldest = n;
    }
    if (roots->next_pair == UINT32_MAX) { /* numbers begin anew */
        memset(roots->pairs, 0, sizeof roots->pairs);
        roots->next_pair = 0;
        tcg_mmu_flush(tc, false);
    }
    p = &roots->pairs[oldest];
    *p = (struct arm_table_pair){ttbr0, ttbr1, ++roots->next_pair, ++roots->clock};
    roots->last_pair = oldest;
    return p->id;
}

enum {
    SCTLR_TRANSLATION = ARM_SCTLR_M | ARM_SCTLR_WXN,
    SCTLR_TRANSLATION32 = SCTLR_TRANSLATION | ARM_SCTLR_UWXN | ARM_SCTLR_AFE,
};
#define SCTLR_EPAN (UINT64_C(1) << 57)
#define HCR_TRANSLATION                                                                            \
    (ARM_HCR_VM | ARM_HCR_PTW | ARM_HCR_DC | ARM_HCR_TGE | ARM_HCR_E2H | UINT64_C(1) << 46)

/* EL1&0 in AArch32. */
static unsigned asid32(const struct arm_regs *r)
{
    if (!(r->tcr[1] & ARM_TTBCR_EAE))
        return r->contextidr[1] & 0xff;
    return (r->tcr[1] >> 22 & 1 ? r->ttbr1[1] : r->ttbr0[1]) >> 48 & 0xff; /* A1 */
}

uint64_t arm_mmu_root(struct tcg_cpu *tc)
{
    const struct arm_regs *r = arm_regs_of(tc);
    const enum arm_regime regime = arm_regime_of(r, arm_model_of(tc), arm_el(r));
    const unsigned el = arm_regime_el(regime);
    const struct arm_space space = arm_space_now(tc, regime);
    const uint64_t hcr = el < 3 ? arm_hcr_of(tc) & HCR_TRANSLATION : 0;
    const bool stage2 = regime == ARM_REGIME_EL10 && (hcr & ARM_HCR_VM);
    const bool on = (r->sctlr[el] & ARM_SCTLR_M) != 0;
    struct arm_config config = {
        .sctlr = r->sctlr[el] & (SCTLR_TRANSLATION | SCTLR_EPAN),
        .tcr = r->tcr[el],
        .hcr = hcr,
        .vtcr = stage2 ? r->vtcr : 0,
        .vttbr = stage2 ? r->vttbr : 0,
    };
    unsigned asid = 0;
    uint64_t pair = 0;
    if (on && regime == ARM_REGIME_EL10 && arm_el1_is_aarch32(r, arm_model_of(tc))) {
        const struct arm_sys *s = arm_sys_of(tc);
        config.sctlr = r->sctlr[1] & SCTLR_TRANSLATION32;
        if (!(config.tcr & ARM_TTBCR_EAE))
            config.dacr = s->dacr[0] | (uint64_t)s->dacr[1] << 32;
        asid = asid32(r);
        pair = pair_number(tc, r->ttbr0[1], r->ttbr1[1]);
    } else if (on && arm_regime_has_el0(regime)) {
        const uint64_t by = config.tcr >> 22 & 1 ? r->ttbr1[el] : r->ttbr0[el]; /* A1 */
        asid = config.tcr >> 36 & 1 ? (unsigned)(by >> 48) : (unsigned)(by >> 48 & 0xff);
        pair = pair_number(tc, r->ttbr0[el] & ~UINT64_C(1), r->ttbr1[el] & ~UINT64_C(1));
    } else if (on) {
        pair = pair_number(tc, r->ttbr0[el] & ~UINT64_C(1), 0);
    }
    const uint64_t number = config_number(tc, &config, &space);
    return pair | number << CONFIG_SHIFT | arm_tag_of(config.space, asid);
}

/* Which of the two values of DACR is in force. A third one takes the place of the one that is not.
 */
static uint8_t domains_in_force(struct tcg_cpu *tc)
{
    struct arm_sys *s = arm_sys_of(tc);
    const struct arm_regs *r = arm_regs_of(tc);
    const struct arm_cpu_model *model = arm_model_of(tc);
    const uint32_t dacr = (uint32_t)r->dacr;
    const unsigned other = s->domains ^ 1;
    if (!(r->sctlr[1] & ARM_SCTLR_M) ||
        !arm_regime_is_short(r, model, arm_regime_of(r, model, arm_el(r))))
        return 0;
    if (dacr == s->dacr[s->domains])
        return s->domains;
    s->dacr[other] = dacr;
    return (uint8_t)other;
}

void arm_domains_changed(struct tcg_cpu *tc)
{
    struct arm_sys *s = arm_sys_of(tc);
    const uint32_t dacr = (uint32_t)arm_regs_of(tc)->dacr;
    const unsigned other = s->domains ^ 1;
    if (!(arm_regs_of(tc)->sctlr[1] & ARM_SCTLR_M) || dacr == s->dacr[s->domains])
        return;
    if (dacr == s->dacr[other]) {
        s->domains = (uint8_t)other;
        arm_level_changed(tc);
    } else {
        arm_root_changed(tc);
        arm_level_changed(tc);
    }
}

void arm_root_changed(struct tcg_cpu *tc)
{
    struct arm_sys *s = arm_sys_of(tc);
    const struct arm_regs *r = arm_regs_of(tc);
    const unsigned el = arm_regime_el(arm_regime_of(r, arm_model_of(tc), arm_el(r)));
    tc->root_later = 0;
    s->domains = domains_in_force(tc);
    s->ttbr[0] = r->ttbr0[el];
    s->ttbr[1] = r->ttbr1[el];
    s->regime = (uint8_t)arm_regime_of(r, arm_model_of(tc), arm_el(r));
    tcg_mmu_set_root(tc, arm_mmu_root(tc), false);
}

uint64_t arm_helper_isb(void *env, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
    UNUSED(a, b, c, d);
    arm_synchronise(tcg_cpu_of(env));
    return 0;
}
