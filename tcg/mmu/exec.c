/*
 * Which pages the jump cache and the link table of a context depend on, exactly: a flush of others
 * leaves them alone, and a new address space that has the same pages there (a kernel's code, which
 * need not be global: page-table isolation) starts with what another one has learnt. See tlb.h.
 */
#include <string.h>

#include "core/util/range.h"
#include "tcg/mmu/tlb.h"

enum {
    SIZE = 1 << EXEC_PAGES_BITS,
    FILL_MAX = SIZE / 4 * 3,
    DONORS = 3, /* roots that are asked for what they know */
};

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
    x->local = false;
}

int exec_add(struct exec_pages *x, uint64_t vpage, uint64_t paddr, bool global)
{
    const unsigned n = slot_of(x, vpage);
    if (x->vpage[n]) {
        x->local |= !global;
        return paddr_of(x, n) == paddr ? (int)alias_of(x, n) : -1;
    }
    const unsigned m = place_of(x, paddr);
    const unsigned alias = x->latest[m] ? alias_of(x, x->latest[m] - 1u) + 1 : 0;
    if (x->count == FILL_MAX || alias > TCG_ALIAS_MAX)
        return -1;
    x->vpage[n] = vpage | 1;
    x->paddr[n] = paddr | alias;
    x->latest[m] = (uint16_t)(n + 1);
    x->regions[region_hash(vpage) / 64] |= UINT64_C(1) << region_hash(vpage) % 64;
    x->local |= !global;
    x->count++;
    return (int)alias;
}

bool exec_overlaps(const struct exec_pages *x, uint64_t base, unsigned shift)
{
    if (shift == MEM_PAGE_BITS)
        return x->vpage[slot_of(x, base)] != 0;
    for (uint64_t at = base; at - base < UINT64_C(1) << shift; at += UINT64_C(1) << REGION_BITS)
        if (x->regions[region_hash(at) / 64] >> region_hash(at) % 64 & 1)
            return true;
    return false;
}

/* Are all pages of the set at the same place in the current root? Those that are become part of its
 * TLB, by ordinary walks (which a processor may do at any time). */
static bool same_pages(struct tcg_cpu *tc, struct tcg_ctx *ctx, const struct exec_pages *x)
{
    struct tcg_walk w;
    for (unsigned n = 0; n < SIZE; n++) {
        const uint64_t vpage = align_down(x->vpage[n], MEM_PAGE_SIZE);
        if (!x->vpage[n])
            continue;
        w.tables_wanted = false;
        if (!tc->arch->walk(tc, vpage, TCG_FETCH, ctx->space->mmu_index, true, &w) ||
            w.paddr != paddr_of(x, n))
            return false;
        const struct tlb_entry *e = tlb_lookup(tc, ctx, vpage, TCG_FETCH);
        if (!e) { /* changed since the quiet walk, by a device: nothing was asked for */
            tc->status = TCG_OK;
            return false;
        }
        if (align_down(e->info, MEM_PAGE_SIZE) != paddr_of(x, n))
            return false;
    }
    return true;
}

/* false: nothing was taken over. */
static bool inherit(struct tcg_cpu *tc, struct tcg_space *to, const struct tcg_space *from)
{
    bool any = false;
    for (unsigned k = 0; k < TLB_MODES && from->ctx[k]; k++) {
        const struct tcg_ctx *donor = from->ctx[k];
        struct tcg_ctx *ctx;
        if (!donor->exec.count || !(ctx = tlb_space_context(to, k)) || exec_any(&ctx->exec))
            continue;
        bool same = same_pages(tc, ctx, &donor->exec);
        exec_clear(&ctx->exec); /* the lookups noted what they found */
        if (!same)
            continue;
        memcpy(ctx->jumps, donor->jumps, sizeof ctx->jumps);
        memcpy(ctx->links, donor->links, sizeof ctx->links);
        ctx->exec = donor->exec;
        ctx->jump_mode = donor->jump_mode;
        any = true;
    }
    return any;
}

static unsigned pages_known(const struct tcg_space *sp)
{
    unsigned pages = 0;
    for (unsigned k = 0; k < TLB_MODES && sp->ctx[k]; k++)
        pages += sp->ctx[k]->exec.count;
    return pages;
}

/* The root whose space `index` knows most, of those that are not in the set `tried`; -1: none. */
static int best_donor(struct tcg_cpu *tc, unsigned index, unsigned tried)
{
    struct tcg_mmu *mmu = tc->mmu;
    unsigned most = 0;
    int best = -1;
    for (unsigned r = 0; r < TLB_ROOTS; r++) {
        const struct tcg_root *root = &mmu->roots[r];
        unsigned pages = pages_known(&root->space[index]);
        if (root->valid && !(tried >> r & 1) && pages > most &&
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
        unsigned tried = 1u << (root - mmu->roots);
        for (unsigned n = 0; n < DONORS; n++) {
            int r = best_donor(tc, i, tried);
            if (r < 0 || !tlb_context(tc, i) || mmu->root != root) /* short of memory */
                break;
            tried |= 1u << r;
            if (inherit(tc, &root->space[i], &mmu->roots[r].space[i]))
                break;
        }
    }
}
