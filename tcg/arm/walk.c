/*
 * The walk of translation tables by long descriptors, both stages (Arm ARM, chapters D8 and G5). It
 * is the TLB miss path, so descriptors are read through host pointers; what is not RAM is an
 * external abort. The access flag and the dirty state are set by compare-exchange on the value that
 * was checked, and a lost race starts over.
 */
#include "core/memory/dirty.h"
#include "core/util/range.h"
#include "tcg/arm/walk.h"
#include "tcg/mmu/tlb.h"

enum {
    D_VALID = 1 << 0,
    D_TABLE = 1 << 1, /* page, at level 3 */
    D_AP1 = 1 << 6,   /* EL0 may; stage 2: read */
    D_AP2 = 1 << 7,   /* read-only; stage 2: write */
    D_AF = 1 << 10,
    D_NG = 1 << 11,
};
#define D_GP (UINT64_C(1) << 50) /* guarded */
#define D_DBM (UINT64_C(1) << 51)
#define D_PXN (UINT64_C(1) << 53)
#define D_UXN (UINT64_C(1) << 54) /* XN where there is no EL0 */
#define D_PXN_TABLE (UINT64_C(1) << 59)
#define D_UXN_TABLE (UINT64_C(1) << 60)
#define D_AP_TABLE0 (UINT64_C(1) << 61) /* no access from EL0 */
#define D_AP_TABLE1 (UINT64_C(1) << 62) /* read-only */

static enum outcome fail(struct walk *w, unsigned code, int level, bool s2, uint64_t ipa)
{
    const unsigned fsc = level >= 0             ? code + (unsigned)level
                         : code == FSC_EXTERNAL ? FSC_EXTERNAL - 1u
                                                : FSC_SIZE_FIRST + code / 2;
    *w->fault = (struct arm_fault){.fsc = (uint8_t)fsc, .s2 = s2, .ipa = ipa};
    return FAULT;
}

static enum outcome stage2(struct walk *w, uint64_t ipa, enum tcg_access access, bool s1walk,
                           uint64_t *paddr, struct tcg_walk *rights);

bool arm_walk_read(struct walk *w, uint64_t at, struct descriptor *d)
{
    const struct tlb_ram *range = tlb_ram_at(w->tc, at);
    d->host = NULL;
    if (!range || at - range->start > range->size - d->size)
        return false;
    d->offset = range->offset + (at - range->start);
    void *host = range->ram->host + d->offset;
    d->value = d->size == 8 ? __atomic_load_n((uint64_t *)host, __ATOMIC_RELAXED)
                            : __atomic_load_n((uint32_t *)host, __ATOMIC_RELAXED);
    if (!range->rom) {
        d->host = host;
        d->ram = range->ram;
    }
    return true;
}

enum outcome arm_walk_table_address(struct walk *w, uint64_t *at)
{
    return w->two_stages ? stage2(w, *at, TCG_READ, true, at, NULL) : DONE;
}

/* The descriptor's flags become what the access sets. false: it changed meanwhile. */
static bool update(const struct walk *w, struct descriptor *d, uint64_t value)
{
    uint64_t old = d->value;
    if (value == old || !d->host || w->q->quiet)
        return true;
    if (!__atomic_compare_exchange_n((uint64_t *)d->host, &old, value, false, __ATOMIC_SEQ_CST,
                                     __ATOMIC_RELAXED))
        return false;
    d->value = value;
    if (ram_block_logged(d->ram))
        ram_block_mark_dirty(d->ram, d->offset, 8);
    return true;
}

/* What is wrong with a descriptor at a level; DONE: go on with it. */
static enum outcome check_descriptor(struct walk *w, const struct arm_stage *s, uint64_t e,
                                     int level, bool s2, uint64_t ipa)
{
    const bool leaf = level == 3 || !(e & D_TABLE);
    if (!(e & D_VALID) || (leaf && (level == 3 ? !(e & D_TABLE) : !arm_stage_block(s, level))))
        return fail(w, FSC_TRANSLATION, level, s2, ipa);
    if (arm_stage_address(s, e) >> s->output_bits)
        return fail(w, FSC_SIZE, level, s2, ipa);
    return DONE;
}

static enum outcome walk_stage1(struct walk *w)
{
    const struct arm_stage *s = &w->stage;
    uint64_t table = s->table, mask = s->first_mask;
    w->upper = 0;
    for (int level = s->level;; level++, mask = mask_bits(s->granule - 3u)) {
        struct descriptor *d = &w->used[w->used_count];
        const unsigned shift = arm_stage_shift(s, level);
        const uint64_t index = w->q->vaddr >> shift & mask;
        uint64_t at = table + index * 8;
        enum outcome o = arm_walk_table_address(w, &at);
        if (o != DONE)
            return o;
        d->index = (uint16_t)index;
        d->shift = (uint8_t)shift;
        d->size = 8;
        if (!arm_walk_read(w, at, d))
            return fail(w, FSC_EXTERNAL, level, false, 0);
        w->used_count++;
        o = check_descriptor(w, s, d->value, level, false, 0);
        if (o != DONE)
            return o;
        table = arm_stage_address(s, d->value);
        if (level == 3 || !(d->value & D_TABLE)) {
            w->leaf = d->value;
            w->bits = shift;
            w->address = table & ~mask_bits(shift);
            return DONE;
        }
        if (!s->hpd)
            w->upper |= d->value;
    }
}

/* ---- stage 2 --------------------------------------------------------------------------------- */

/* XN of stage 2: with FEAT_XNX two bits, for EL1 and EL0. */
static bool stage2_executable(const struct walk *w, uint64_t e)
{
    const unsigned xn = e >> 53 & 3;
    const bool el0 = arm_index_is_user(w->q->index);
    if (!arm_feat(w->tc, ARM_FEAT_XNX))
        return !(xn & 2);
    return xn == 0 || (xn == 1 && el0) || (xn == 3 && !el0);
}

/* rights: cut down to what this stage allows; NULL: of a walk of stage 1, which reads. */
static enum outcome stage2(struct walk *w, uint64_t ipa, enum tcg_access access, bool s1walk,
                           uint64_t *paddr, struct tcg_walk *rights)
{
    struct arm_regs *r = arm_regs_of(w->tc);
    struct arm_stage s;
    struct descriptor d = {.size = 8};
    uint64_t table, mask;
    unsigned shift;
    int level;

    switch (arm_stage2(&s, r, arm_model_of(w->tc), ipa)) {
    case ARM_STAGE_FLAT:
        *paddr = ipa;
        return DONE;
    case ARM_STAGE_FAULT:
        fail(w, FSC_TRANSLATION, 0, true, ipa);
        goto fault;
    case ARM_STAGE_SIZE:
        fail(w, FSC_SIZE, 0, true, ipa);
        goto fault;
    default:
        break;
    }
    table = s.table;
    mask = s.first_mask;
    for (level = s.level;; level++, mask = mask_bits(s.granule - 3u)) {
        shift = arm_stage_shift(&s, level);
        if (!arm_walk_read(w, table + (ipa >> shift & mask) * 8, &d)) {
            fail(w, FSC_EXTERNAL, level, true, ipa);
            goto fault;
        }
        if (check_descriptor(w, &s, d.value, level, true, ipa) != DONE)
            goto fault;
        table = arm_stage_address(&s, d.value);
        if (level == 3 || !(d.value & D_TABLE))
            break;
    }
    if (!(d.value & D_AF) && !s.ha) {
        fail(w, FSC_ACCESS, level, true, ipa);
        goto fault;
    }
    const bool readable = d.value & D_AP1, dbm = s.hd && (d.value & D_DBM);
    const bool writable = (d.value & D_AP2) || dbm, executable = stage2_executable(w, d.value);
    if (access == TCG_READ ? !readable : access == TCG_WRITE ? !writable : !executable) {
        fail(w, FSC_PERMISSION, level, true, ipa);
        goto fault;
    }
    if (!update(w, &d, d.value | D_AF | (access == TCG_WRITE && dbm ? D_AP2 : 0)))
        return AGAIN;
    *paddr = (table & ~mask_bits(shift)) | (ipa & mask_bits(shift));
    if (rights) {
        rights->readable &= readable;
        rights->writable &= (d.value & D_AP2) != 0;
        rights->executable &= executable;
        rights->page_bits = (uint8_t)MIN((unsigned)rights->page_bits, shift);
    }
    return DONE;
fault:
    w->fault->s1ptw = s1walk;
    return FAULT;
}

/* ---- permissions ----------------------------------------------------------------------------- */

#define SCTLR_EPAN (UINT64_C(1) << 57)

/* AArch32: XN is of both levels, and EL1 executes what EL0 may write but under UWXN. */
static void permissions32(const struct walk *w, struct tcg_walk *out)
{
    const uint64_t e = w->leaf, sctlr = arm_regs_of(w->tc)->sctlr[1];
    const bool user = (e & D_AP1) && !(w->upper & D_AP_TABLE0);
    const bool writable = !(e & D_AP2) && !(w->upper & D_AP_TABLE1);
    const bool xn =
        (e & D_UXN) || (w->upper & D_UXN_TABLE) || (writable && (sctlr & ARM_SCTLR_WXN));
    const bool pxn =
        (e & D_PXN) || (w->upper & D_PXN_TABLE) || (user && writable && (sctlr & ARM_SCTLR_UWXN));
    const bool as_user = arm_index_is_user(w->q->index);
    out->readable = user || !as_user;
    out->writable = writable && out->readable;
    out->executable = out->readable && !xn && (as_user || !pxn);
}

/* What the MMU index may do with the page of stage 1. clean: a write makes it dirty first. */
static void permissions(const struct walk *w, struct tcg_walk *out, bool *clean)
{
    const struct arm_regs *r = arm_regs_of(w->tc);
    const unsigned el = arm_regime_el(w->q->regime);
    const uint64_t e = w->leaf, sctlr = r->sctlr[el];
    const bool dirtiable = w->stage.hd && (e & D_DBM);
    const bool forbidden = (w->upper & D_AP_TABLE1) != 0;
    bool writable = (!(e & D_AP2) || dirtiable) && !forbidden;
    *clean = dirtiable && (e & D_AP2);
    if (w->aarch32) {
        permissions32(w, out);
        return;
    }
    if (!arm_regime_has_el0(w->q->regime)) {
        const bool xn = (e & D_UXN) || (w->upper & D_UXN_TABLE);
        out->readable = true;
        out->writable = writable;
        out->executable = !xn && !(writable && (sctlr & ARM_SCTLR_WXN));
        return;
    }
    const bool user = (e & D_AP1) && !(w->upper & D_AP_TABLE0);
    const bool uxn = (e & D_UXN) || (w->upper & D_UXN_TABLE),
               pxn = (e & D_PXN) || (w->upper & D_PXN_TABLE);
    const bool user_write = user && writable;
    if (arm_index_is_user(w->q->index)) {
        out->readable = user;
        out->writable = user_write;
        out->executable = !uxn && !(user_write && (sctlr & ARM_SCTLR_WXN));
        return;
    }
    /* PAN keeps out of what EL0 may reach; EPAN also of what it may execute only. */
    const bool pan = w->q->index == ARM_MMU_PRIV_PAN &&
                     (user || ((sctlr & SCTLR_EPAN) && arm_feat(w->tc, ARM_FEAT_PAN3) && !uxn));
    out->readable = !pan;
    out->writable = writable && !pan;
    /* What EL0 may write EL1 does not execute. */
    out->executable = !pxn && !user_write && !(writable && (sctlr & ARM_SCTLR_WXN));
}

/* ---- the short way ----------------------------------------------------------------------------
 */

/* ... in AArch32. Writable pages are rare among code. */
static void shorten32(const struct walk *w, struct tcg_walk_last *l)
{
    const uint64_t sctlr = arm_regs_of(w->tc)->sctlr[1];
    const bool as_user = arm_index_is_user(w->q->index);
    if (as_user) {
        l->mask |= D_AP1;
        l->want |= D_AP1;
    }
    if (w->q->access == TCG_WRITE)
        l->mask |= D_AP2;
    if (w->q->access != TCG_FETCH)
        return;
    l->mask |= as_user ? D_UXN : D_UXN | D_PXN;
    if (sctlr & (ARM_SCTLR_WXN | ARM_SCTLR_UWXN)) {
        l->mask |= D_AP2;
        l->want |= D_AP2;
    }
}

/*
 * Which bits of a descriptor of the last level say that the access is allowed and sets nothing.
 * Where a right is decided above that level, it was decided for the access that was walked for.
 * Only where a table of the last level maps 2 MiB, or a block at least as much.
 */
static void shorten(const struct walk *w, struct tcg_walk *out)
{
    const struct descriptor *d = &w->used[w->used_count - 1];
    const struct arm_regs *r = arm_regs_of(w->tc);
    const uint64_t sctlr = r->sctlr[arm_regime_el(w->q->regime)];
    const bool block = w->bits >= 21, el0 = arm_regime_has_el0(w->q->regime);
    const enum tcg_access access = w->q->access;
    struct tcg_walk_last *l = &out->last;

    l->table = NULL;
    if (!d->host || w->two_stages || (w->stage.granule != 12 && !block) || w->stage.wide)
        return;
    l->mask = D_VALID | D_TABLE | D_AF;
    l->want = D_VALID | D_AF | (block ? 0 : D_TABLE);
    l->mask |= mask_bits(48) & ~mask_bits(w->stage.output_bits); /* address size */
    if (w->stage.ds) /* pages above 256 TiB take the long way */
        l->mask |= UINT64_C(3) << 48 | UINT64_C(3) << 8;
    l->address = mask_bits(48) & ~mask_bits(w->bits);
    if (w->aarch32) {
        shorten32(w, l);
    } else if (access == TCG_FETCH) {
        l->mask |= arm_feat(w->tc, ARM_FEAT_BTI) ? D_GP : 0; /* arm_guarded_fetch() hears of it */
        /* Writable pages are rare among code: what WXN and user pages say of them is the walk's. */
        const bool user = arm_index_is_user(w->q->index);
        l->mask |= el0 && !user ? D_PXN : D_UXN;
        if ((sctlr & ARM_SCTLR_WXN) || (el0 && !user)) {
            l->mask |= D_AP2 | (w->stage.hd ? D_DBM : 0);
            l->want |= D_AP2;
        }
    } else {
        if (access == TCG_WRITE)
            l->mask |= D_AP2;
        if (el0 && w->q->index != ARM_MMU_PRIV)
            l->mask |= D_AP1;
        if (arm_index_is_user(w->q->index))
            l->want |= D_AP1;
        if (w->q->index == ARM_MMU_PRIV_PAN && (sctlr & SCTLR_EPAN)) {
            l->mask |= D_UXN;
            l->want |= D_UXN;
        }
    }
    l->low = mask_bits(w->bits) & ~UINT64_C(0xfff);
    l->global = l->local = el0 ? D_NG : 0;
    if (el0) { /* what arm_walk() notes of global pages is of all that go this way */
        l->mask |= D_NG;
        l->want |= w->leaf & D_NG;
    }
    l->size = 8;
    l->index_mask = block ? 0 : 511;
    l->table = (const uint8_t *)d->host - (block ? 0 : (size_t)d->index * 8);
}

/* ---- both ------------------------------------------------------------------------------------ */

static void list_entries(const struct walk *w, struct tcg_walk *out)
{
    out->entry_count = w->used_count;
    for (unsigned i = 0; i < w->used_count; i++) {
        const struct descriptor *d = &w->used[i];
        out->entries[i] = (struct tcg_walk_entry){.ram = d->host ? d->ram : NULL,
                                                  .offset = d->offset,
                                                  .index = d->index,
                                                  .size = d->size,
                                                  .shift = d->shift};
    }
}

/* Stage 1 is off. */
static void flat(struct walk *w, struct tcg_walk *out)
{
    w->address = w->q->vaddr & mask_bits(56);
    w->bits = 12;
    w->address &= ~UINT64_C(0xfff);
    w->leaf = 0;
    w->used_count = 0;
    out->readable = out->writable = out->executable = true;
    out->global = false;
    out->last.table = NULL;
}

static enum outcome through_stage1(struct walk *w, struct tcg_walk *out)
{
    const struct arm_walk_request *q = w->q;
    bool clean;
    enum outcome o = walk_stage1(w);
    if (o != DONE)
        return o;
    struct descriptor *d = &w->used[w->used_count - 1];
    const int level = (int)(3 - (w->bits - w->stage.granule) / (w->stage.granule - 3u));
    if (!(w->leaf & D_AF) && !w->stage.ha)
        return fail(w, FSC_ACCESS, level, false, 0);
    permissions(w, out, &clean);
    if (!arm_walk_allows(out, q->access))
        return fail(w, FSC_PERMISSION, level, false, 0);
    uint64_t value = d->value | D_AF;
    if (clean && q->access == TCG_WRITE) {
        value &= ~(uint64_t)D_AP2;
        clean = false;
    }
    if (!update(w, d, value))
        return AGAIN;
    out->writable &= !clean; /* the first write must come back here */
    out->global = !(w->leaf & D_NG) || !arm_regime_has_el0(q->regime);
    out->last.table = NULL;
    if (!q->quiet)
        shorten(w, out);
    return DONE;
}

static enum outcome attempt(struct walk *w, struct tcg_walk *out)
{
    const struct arm_walk_request *q = w->q;
    struct tcg_cpu *tc = w->tc;
    enum outcome o = DONE;

    w->used_count = 0;
    switch (arm_stage1(&w->stage, arm_regs_of(tc), arm_model_of(tc), q->regime, q->ttbr, q->vaddr,
                       arm_index_is_user(q->index))) {
    case ARM_STAGE_FLAT:
        flat(w, out);
        break;
    case ARM_STAGE_WALK:
        o = through_stage1(w, out);
        break;
    case ARM_STAGE_SHORT:
        o = arm_walk_short(w, out);
        break;
    case ARM_STAGE_FAULT: /* AArch32 has no level 0 */
        return fail(w, FSC_TRANSLATION, w->aarch32, false, 0);
    case ARM_STAGE_SIZE:
        return fail(w, FSC_SIZE, 0, false, 0);
    }
    if (o != DONE)
        return o;
    out->page_bits = (uint8_t)w->bits;
    out->paddr = w->address | (q->vaddr & mask_bits(w->bits) & ~UINT64_C(0xfff));
    out->keyed = false;
    if (w->two_stages && !q->stage1_only) {
        const uint64_t ipa = out->paddr | (q->vaddr & 0xfff);
        o = stage2(w, ipa, q->access, false, &out->paddr, out);
        out->paddr &= ~UINT64_C(0xfff);
    }
    return o;
}

bool arm_translate(struct tcg_cpu *tc, const struct arm_walk_request *q, struct tcg_walk *out,
                   struct arm_walk_result *result, struct arm_fault *fault)
{
    struct walk w; /* not cleared whole: this is the TLB's miss path */
    enum outcome o;
    w.tc = tc;
    w.q = q;
    w.fault = fault;
    w.aarch32 =
        q->regime == ARM_REGIME_EL10 && arm_el1_is_aarch32(arm_regs_of(tc), arm_model_of(tc));
    w.memory = w.shareability = 0;
    w.two_stages = q->regime == ARM_REGIME_EL10 && (arm_hcr_of(tc) & ARM_HCR_VM);
    do
        o = attempt(&w, out);
    while (o == AGAIN);
    if (o == DONE && out->tables_wanted)
        list_entries(&w, out);
    if (result) {
        const uint64_t mair = arm_regs_of(tc)->mair[arm_regime_el(q->regime)];
        const uint64_t tcr = arm_regs_of(tc)->tcr[arm_regime_el(q->regime)];
        const uint64_t byte = w.leaf ? mair >> (w.leaf >> 2 & 7) * 8 & 0xff : w.memory;
        const uint64_t share = !w.leaf      ? w.shareability
                               : w.stage.ds ? tcr >> (w.stage.high ? 28 : 12) & 3
                                            : w.leaf >> 8 & 3;
        result->attr = byte << 56 | share << 7;
        result->guarded = (w.leaf & D_GP) != 0;
    }
    return o == DONE;
}

bool arm_walk(struct tcg_cpu *tc, uint64_t vaddr, enum tcg_access access, unsigned index,
              bool quiet, struct tcg_walk *out)
{
    struct arm_sys *s = arm_sys_of(tc);
    const struct arm_regs *r = arm_regs_of(tc);
    struct arm_walk_result result;
    struct arm_fault fault;
    const struct arm_walk_request q = {
        .vaddr = vaddr,
        /* Of the root that is in use; a debugger asks for what the registers say. */
        .regime =
            quiet ? arm_regime_of(r, arm_model_of(tc), arm_el(r)) : (enum arm_regime)s->regime,
        .ttbr = quiet ? NULL : s->ttbr,
        .access = access,
        .index = index,
        .quiet = quiet,
    };
    if (!arm_translate(tc, &q, out, access == TCG_FETCH ? &result : NULL, &fault)) {
        if (!quiet)
            arm_raise_abort(tc, vaddr, access, &fault, 0);
        return false;
    }
    if (access == TCG_FETCH && result.guarded && !quiet && !arm_guarded_fetch(tc))
        return false;
    if (out->global && !(vaddr >> 55 & 1)) {
        const unsigned bits = MAX((unsigned)out->page_bits, out->last.table ? 21u : 0);
        s->low_global = MIN(s->low_global, vaddr & mask_bits(55) & ~mask_bits(bits));
    }
    return true;
}
