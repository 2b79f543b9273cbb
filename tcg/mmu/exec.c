/*
 * Which pages the jump cache and the link table of a context depend on, exactly: a flush of others
 * leaves them alone. A load of the root that drops everything leaves what is known of code unproved
 * (a kernel's code need not be global: page-table isolation). Before the context is used, each page
 * is looked up, and what depends on those that are elsewhere now is forgotten. A new address space
 * starts with what another one has learnt in the same way. See tlb.h.
 */
#include <string.h>

#include "core/util/range.h"
#include "tcg/mmu/tlb.h"

enum {
    SIZE = 1 << EXEC_PAGES_BITS,
    FILL_MAX = SIZE / 4 * 3,
};
/* In place of where a page is: nothing depends on it any more. */
#define GONE (~(uint64_t)(MEM_PAGE_SIZE - 1))

static unsigned page_hash(uint64_t vpage)
{
    return (unsigned)((vpage >> MEM_PAGE_BITS) * UINT64_C(0x9e3779b97f4a7c15) >>
                      (64 - EXEC_PAGES_BITS));
}

static unsigned region_hash(uint64_t vaddr)
{
    return (unsigned)((vaddr >> REGION_BITS) * UINT64_C(0x9e3779b97f4a7c15) >>
                      (64 - EXEC_REGIONS_BITS));
}

/* Where the page is, or would be. Used slots hold the address with bit 0 set: there is a page 0. */
static unsigned slot_of(const struct exec_pages *x, uint64_t vpage)
{
    unsigned n = page_hash(vpage);
    while (x->vpage[n] && x->vpage[n] != (vpage | 1))
        n = (n + 1) % SIZE;
    return n;
}

static uint64_t paddr_of(const struct exec_pages *x, unsigned n)
{
    return align_down(x->paddr[n], MEM_PAGE_SIZE);
}

static unsigned alias_of(const struct exec_pages *x, unsigned n)
{
    return (unsigned)(x->paddr[n] - paddr_of(x, n));
}

/* The same by physical page. */
static unsigned place_of(const struct exec_pages *x, uint64_t paddr)
{
    unsigned n = page_hash(paddr);
    while (x->latest[n] && paddr_of(x, x->latest[n] - 1u) != paddr)
        n = (n + 1) % SIZE;
    return n;
}

void exec_clear(struct exec_pages *x)
{
    memset(x->vpage, 0, sizeof x->vpage);
    memset(x->latest, 0, sizeof x->latest);
    memset(x->regions, 0, sizeof x->regions);
    x->count = 0;
    x->local = x->unproved = false;
}

int exec_add(struct exec_pages *x, uint64_t vpage, uint64_t paddr, bool global)
{
    const unsigned n = slot_of(x, vpage);
    const bool known = x->vpage[n] != 0;
    if (known && x->paddr[n] != GONE) {
        x->local |= !global;
        return paddr_of(x, n) == paddr ? (int)alias_of(x, n) : -1;
    }
    const unsigned m = place_of(x, paddr);
    const unsigned alias = x->latest[m] ? alias_of(x, x->latest[m] - 1u) + 1 : 0;
    if ((!known && x->count == FILL_MAX) || alias > TCG_ALIAS_MAX)
        return -1;
    x->vpage[n] = vpage | 1;
    x->paddr[n] = paddr | alias;
    x->latest[m] = (uint16_t)(n + 1);
    x->regions[region_hash(vpage) / 64] |= UINT64_C(1) << region_hash(vpage) % 64;
    x->local |= !global;
    x->count += !known;
    return (int)alias;
}

bool exec_overlaps(const struct exec_pages *x, uint64_t base, unsigned shift)
{
    if (shift == MEM_PAGE_BITS)
        return x->vpage[slot_of(x, base)] && x->paddr[slot_of(x, base)] != GONE;
    for (uint64_t at = base; at - base < UINT64_C(1) << shift; at += UINT64_C(1) << REGION_BITS)
        if (x->regions[region_hash(at) / 64] >> region_hash(at) % 64 & 1)
            return true;
    return false;
}

void exec_link(struct tcg_ctx *ctx, uint32_t id, uint64_t from, uint64_t to)
{
    uint16_t *pages = ctx->link_pages[id % LINK_TABLE_SIZE];
    pages[0] = (uint16_t)slot_of(&ctx->exec, align_down(from, MEM_PAGE_SIZE));
    pages[1] = (uint16_t)slot_of(&ctx->exec, align_down(to, MEM_PAGE_SIZE));
    ctx->links[id % LINK_TABLE_SIZE] = id;
}

/* What depends on pages that are gone. */
static void forget_gone(struct tcg_cpu *tc, struct tcg_ctx *ctx)
{
    struct exec_pages *x = &ctx->exec;
    const uint64_t flat = tc->arch->flat_pc_mode;
    if ((ctx->jump_mode & flat) != flat) { /* the PC does not say which page */
        tlb_ctx_forget_code(ctx);
        return;
    }
    for (unsigned n = 0; n < JUMP_CACHE_SIZE; n++) {
        struct jump_entry *j = &ctx->jumps[n];
        if (j->code && x->paddr[slot_of(x, align_down(j->pc, MEM_PAGE_SIZE))] == GONE)
            *j = (struct jump_entry){.pc = n ? 0 : JUMP_EMPTY};
    }
    for (unsigned n = 0; n < LINK_TABLE_SIZE; n++)
        if (ctx->links[n] &&
            (x->paddr[ctx->link_pages[n][0]] == GONE || x->paddr[ctx->link_pages[n][1]] == GONE))
            ctx->links[n] = 0;
    memset(x->latest, 0, sizeof x->latest);
    for (unsigned n = 0; n < SIZE; n++) {
        if (!x->vpage[n] || x->paddr[n] == GONE)
            continue;
        uint16_t *latest = &x->latest[place_of(x, paddr_of(x, n))];
        if (!*latest || alias_of(x, *latest - 1u) < alias_of(x, n))
            *latest = (uint16_t)(n + 1);
    }
}

void exec_prove(struct tcg_cpu *tc, struct tcg_ctx *ctx)
{
    struct exec_pages *x = &ctx->exec;
    unsigned gone = 0, there = 0;
    if (!x->unproved)
        return;
    x->unproved = false;
    for (unsigned n = 0; n < SIZE; n++) {
        if (!x->vpage[n] || x->paddr[n] == GONE)
            continue;
        if (tlb_same_code(tc, ctx, align_down(x->vpage[n], MEM_PAGE_SIZE), paddr_of(x, n))) {
            there++;
            continue;
        }
        x->paddr[n] = GONE;
        gone++;
    }
    if (!there || x->count - there > FILL_MAX / 2)
        tlb_ctx_forget_code(ctx);
    else if (gone)
        forget_gone(tc, ctx);
}

static void inherit(struct tcg_space *to, const struct tcg_space *from)
{
    for (unsigned k = 0; k < TLB_MODES && from->ctx[k]; k++) {
        const struct tcg_ctx *donor = from->ctx[k];
        struct tcg_ctx *ctx;
        if (!donor->exec.count || !(ctx = tlb_space_context(to, k)))
            continue;
        memcpy(ctx->jumps, donor->jumps, sizeof ctx->jumps);
        memcpy(ctx->links, donor->links, sizeof ctx->links);
        memcpy(ctx->link_pages, donor->link_pages, sizeof ctx->link_pages);
        ctx->exec = donor->exec;
        ctx->exec.unproved = true;
        ctx->jump_mode = donor->jump_mode;
    }
}

static unsigned pages_known(const struct tcg_space *sp)
{
    unsigned pages = 0;
    for (unsigned k = 0; k < TLB_MODES && sp->ctx[k]; k++)
        pages += sp->ctx[k]->exec.count;
    return pages;
}

/* The root whose space `index` knows most; -1: none knows twice as much as the current one. */
static int best_donor(struct tcg_cpu *tc, unsigned index)
{
    struct tcg_mmu *mmu = tc->mmu;
    unsigned most = 2 * pages_known(&mmu->root->space[index]);
    int best = -1;
    for (unsigned r = 0; r < TLB_ROOTS; r++) {
        const struct tcg_root *root = &mmu->roots[r];
        unsigned pages = pages_known(&root->space[index]);
        if (root->valid && root != mmu->root && pages > most &&
            !((root->key ^ mmu->root->key) & ~tc->arch->mmu_root_base)) {
            most = pages;
            best = (int)r;
        }
    }
    return best;
}

void exec_inherit(struct tcg_cpu *tc)
{
    struct tcg_mmu *mmu = tc->mmu;
    struct tcg_root *root = mmu->root;
    for (unsigned i = 0; i < tc->arch->mmu_index_count; i++) {
        int r = best_donor(tc, i);
        if (r < 0)
            continue;
        if (!tlb_context(tc, i) || mmu->root != root) /* short of memory */
            return;
        inherit(&root->space[i], &mmu->roots[r].space[i]);
    }
}
