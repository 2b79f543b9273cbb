/*
 * The walk of short descriptors, AArch32's with TTBCR.EAE 0: sections, supersections, large and
 * small pages, domains, access rights with and without AFE, TEX remap. Arm ARM, chapter G5, "The
 * VMSAv8-32 Short-descriptor translation table format"; for Armv7-A, DDI 0406, chapter B3.
 */
#include "core/util/range.h"
#include "tcg/arm/walk.h"

/* First level: a page table, or a section. */
enum {
    L1_TYPE = 3,
    L1_TABLE = 1,
    L1_SECTION_PXN = 1 << 0,
    L1_TABLE_PXN = 1 << 2,
    L1_XN = 1 << 4,
    L1_SUPERSECTION = 1 << 18,
};
/* Second level: a small page (bit 1, bit 0 is XN) or a large one. */
enum {
    L2_SMALL = 1 << 1,
    L2_LARGE = 1 << 0,
    L2_SMALL_XN = 1 << 0,
    L2_LARGE_XN = 1 << 15,
    L2_AP0 = 1 << 4,
    L2_AP1 = 1 << 5,
    L2_AP2 = 1 << 9,
    L2_NG = 1 << 11,
};
enum { DOMAIN_CLIENT = 1, DOMAIN_MANAGER = 3 };
enum { TABLE2_SIZE = 1024, ENTRIES2 = 256 };

/* What a descriptor of either level says. */
struct mapping {
    unsigned ap, domain, texcb; /* texcb: TEX, C, B */
    bool xn, pxn, ng, shared;
    bool client; /* the rights are asked for: check() */
};

static struct mapping section(uint32_t e)
{
    return (struct mapping){
        .ap = (e >> 10 & 3) | (e >> 15 & 1) << 2,
        .domain = e & L1_SUPERSECTION ? 0 : e >> 5 & 15,
        .texcb = (e >> 12 & 7) << 2 | (e >> 2 & 3),
        .xn = e & L1_XN,
        .pxn = e & L1_SECTION_PXN,
        .ng = e >> 17 & 1,
        .shared = e >> 16 & 1,
    };
}

static struct mapping page(uint32_t table, uint32_t e)
{
    const bool small = e & L2_SMALL;
    return (struct mapping){
        .ap = (e >> 4 & 3) | (e >> 9 & 1) << 2,
        .domain = table >> 5 & 15,
        .texcb = (e >> (small ? 6 : 12) & 7) << 2 | (e >> 2 & 3),
        .xn = e & (small ? L2_SMALL_XN : L2_LARGE_XN),
        .pxn = table & L1_TABLE_PXN,
        .ng = e >> 11 & 1,
        .shared = e >> 10 & 1,
    };
}

/* ---- memory attributes -----------------------------------------------------------------------
 */

/* MAIR's nibble for a cacheable kind: none, write-back with allocation on writes, write-through,
 * write-back without. */
static unsigned cacheable(unsigned kind)
{
    static const uint8_t mair[] = {4, 0xf, 0xa, 0xe};
    return mair[kind & 3];
}

/* As MAIR and SH would say it, which AT* report. Device memory is shareable as a whole. */
static void attributes(struct walk *w, const struct mapping *m)
{
    const struct arm_regs *r = arm_regs_of(w->tc);
    enum { OUTER = 2, INNER = 3, DEVICE_NGNRE = 4 };
    unsigned type = 2, outer = 0, inner = 0, shareability = m->shared ? INNER : 0;

    if (r->sctlr[1] & ARM_SCTLR_TRE) { /* by PRRR and NMRR: TEX[0], C, B */
        const unsigned n = m->texcb & 7;
        const uint32_t prrr = (uint32_t)r->mair[1], nmrr = (uint32_t)(r->mair[1] >> 32);
        type = prrr >> 2 * n & 3;
        inner = nmrr >> 2 * n & 3;
        outer = nmrr >> (16 + 2 * n) & 3;
        const bool shareable = prrr >> (18 + m->shared) & 1;
        shareability = !shareable ? 0 : prrr >> (24 + n) & 1 ? INNER : OUTER;
    } else if (m->texcb >> 4) {
        outer = m->texcb >> 2 & 3;
        inner = m->texcb & 3;
    } else {
        /* TEX 0 and 1: strongly ordered, device, write-through, write-back; not cacheable, ... */
        static const uint8_t types[16] = {0, 1, 2, 2, 2, 2, 2, 2, 1, 2, 2, 2, 2, 2, 2, 2};
        static const uint8_t kinds[16] = {0, 0, 2, 3, 0, 0, 0, 1};
        type = types[m->texcb & 15];
        outer = inner = kinds[m->texcb & 15];
    }
    if (type != 2) {
        w->memory = type ? DEVICE_NGNRE : 0;
        w->shareability = OUTER;
        return;
    }
    w->memory = (uint8_t)(cacheable(outer) << 4 | cacheable(inner));
    w->shareability = (uint8_t)(outer || inner ? shareability : OUTER);
}

/* ---- rights ---------------------------------------------------------------------------------- */

/* By AP[2:0]; with AFE, where AP[0] is the access flag, they are as with AP[0] set. */
static void rights(const struct walk *w, const struct mapping *m, struct tcg_walk *out)
{
    static const struct {
        bool pr, pw, ur, uw;
    } ap[] = {{false, false, false, false}, {true, true, false, false},
              {true, true, true, false},    {true, true, true, true},
              {false, false, false, false}, {true, false, false, false},
              {true, false, true, false},   {true, false, true, false}};
    const uint64_t sctlr = arm_regs_of(w->tc)->sctlr[1];
    const unsigned n = m->ap | (sctlr & ARM_SCTLR_AFE ? 1 : 0);
    const bool user = arm_index_is_user(w->q->index);

    out->readable = user ? ap[n].ur : ap[n].pr;
    out->writable = user ? ap[n].uw : ap[n].pw;
    out->executable = out->readable && !m->xn && !(out->writable && (sctlr & ARM_SCTLR_WXN)) &&
                      (user || (!m->pxn && !(ap[n].uw && (sctlr & ARM_SCTLR_UWXN))));
}

/* Access flag, domain, rights, in this order. */
static enum outcome check(struct walk *w, struct mapping *m, int level, struct tcg_walk *out)
{
    const struct arm_sys *s = arm_sys_of(w->tc);
    const unsigned set = w->q->index == ARM_MMU_USER_PAN || w->q->index == ARM_MMU_PRIV_PAN;
    const unsigned domain = s->dacr[set] >> 2 * m->domain & 3;
    enum outcome o = DONE;

    if ((arm_regs_of(w->tc)->sctlr[1] & ARM_SCTLR_AFE) && !(m->ap & 1)) {
        o = arm_walk_fail(w, FSC_ACCESS, level);
    } else if (domain == DOMAIN_MANAGER) {
        out->readable = out->writable = out->executable = true;
    } else if (domain != DOMAIN_CLIENT) {
        o = arm_walk_fail(w, ARM_FSC_DOMAIN, level);
    } else {
        m->client = true;
        rights(w, m, out);
        if (!arm_walk_allows(out, w->q->access))
            o = arm_walk_fail(w, FSC_PERMISSION, level);
    }
    w->fault->domain = (uint8_t)m->domain;
    out->global = !m->ng;
    attributes(w, m);
    return o;
}

/* ---- the short way ----------------------------------------------------------------------------
 */

/*
 * Second-level tables map 1 MiB, and what is wanted is 2 MiB: systems with pages of 4 KiB have two
 * tables in one page, and name them by two first-level descriptors that are otherwise alike. Only
 * with AP[0] set, where AP[2] and AP[1] by themselves say who may do what.
 */
static void shorten(const struct walk *w, const struct mapping *m, struct tcg_walk *out)
{
    const struct descriptor *l1 = &w->used[0], *l2 = &w->used[1];
    const uint64_t sctlr = arm_regs_of(w->tc)->sctlr[1];
    const bool user = arm_index_is_user(w->q->index);
    const unsigned odd = l1->index & 1;
    struct tcg_walk_last *l = &out->last;
    if (!l1->host || !l2->host || w->two_stages || !(l2->value & L2_SMALL) || !(m->ap & 1))
        return;
    const uint32_t *at = l1->host;
    const uint32_t other = __atomic_load_n(odd ? at - 1 : at + 1, __ATOMIC_RELAXED);
    const uint32_t even = odd ? other : (uint32_t)l1->value;
    if ((other ^ l1->value) != TABLE2_SIZE || even & TABLE2_SIZE)
        return;
    l->mask = L2_SMALL | L2_AP0 | L2_NG; /* nG: what arm_walk() notes is of all that go this way */
    l->want = L2_SMALL | L2_AP0 | (l2->value & L2_NG);
    if (w->q->access == TCG_WRITE)
        l->mask |= L2_AP2;
    if (user) {
        l->mask |= L2_AP1;
        l->want |= L2_AP1;
    }
    if (w->q->access == TCG_FETCH) {
        l->mask |= L2_SMALL_XN;
        if (sctlr & (ARM_SCTLR_WXN | ARM_SCTLR_UWXN)) {
            l->mask |= L2_AP2;
            l->want |= L2_AP2;
        }
    }
    l->address = UINT32_MAX & ~UINT64_C(0xfff);
    l->low = 0;
    l->global = l->local = L2_NG;
    l->size = 4;
    l->index_mask = 2 * ENTRIES2 - 1;
    l->table = (const uint8_t *)l2->host - 4 * (size_t)(l2->index + odd * ENTRIES2);
}

/* ---- the walk -------------------------------------------------------------------------------- */

static enum outcome read_level(struct walk *w, uint64_t at, unsigned index, unsigned shift)
{
    struct descriptor *d = &w->used[w->used_count];
    const enum outcome o = arm_walk_table_address(w, &at);
    if (o != DONE)
        return o;
    d->index = (uint16_t)index;
    d->shift = (uint8_t)shift;
    d->size = 4;
    if (!arm_walk_read(w, at, d))
        return arm_walk_fail(w, FSC_EXTERNAL, (int)w->used_count + 1);
    w->used_count++;
    return DONE;
}

static enum outcome second_level(struct walk *w, uint32_t table, struct tcg_walk *out)
{
    const unsigned index = w->q->vaddr >> 12 & (ENTRIES2 - 1);
    enum outcome o = read_level(w, (table & ~(uint32_t)(TABLE2_SIZE - 1)) + 4 * index, index, 12);
    if (o != DONE) {
        w->fault->domain = table >> 5 & 15;
        return o;
    }
    const uint32_t e = (uint32_t)w->used[1].value;
    struct mapping m = page(table, e);
    if (!(e & (L2_SMALL | L2_LARGE))) {
        o = arm_walk_fail(w, FSC_TRANSLATION, 2);
        w->fault->domain = (uint8_t)m.domain;
        return o;
    }
    w->bits = e & L2_SMALL ? 12 : 16;
    w->address = e & ~(uint32_t)mask_bits(w->bits);
    o = check(w, &m, 2, out);
    if (o == DONE && !w->q->quiet && m.client)
        shorten(w, &m, out);
    return o;
}

enum outcome arm_walk_short(struct walk *w, struct tcg_walk *out)
{
    const bool pxn = arm_feat(w->tc, ARM_FEAT_A32_LPAE);
    const unsigned index = (unsigned)(w->q->vaddr >> 20 & w->stage.first_mask);

    w->leaf = 0;
    out->last.table = NULL;
    const enum outcome o = read_level(w, w->stage.table + 4 * (uint64_t)index, index, 20);
    if (o != DONE)
        return o;
    const uint32_t e = (uint32_t)w->used[0].value;
    if ((e & L1_TYPE) == L1_TABLE)
        return second_level(w, pxn ? e : e & ~(uint32_t)L1_TABLE_PXN, out);
    if (!(e & L1_TYPE) || ((e & L1_TYPE) == L1_TYPE && !pxn))
        return arm_walk_fail(w, FSC_TRANSLATION, 1);
    struct mapping m = section(e);
    w->bits = e & L1_SUPERSECTION ? 24 : 20;
    w->address = e & ~(uint32_t)mask_bits(w->bits);
    if (e & L1_SUPERSECTION)
        w->address |= (uint64_t)(e >> 20 & 15) << 32 | (uint64_t)(e >> 5 & 15) << 36;
    return check(w, &m, 1, out);
}
