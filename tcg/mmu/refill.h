/*
 * The usual TLB miss, in line: its length is what random accesses to much memory cost. See tlb.h.
 *
 * Thread contract: the vCPU's thread, in code.
 */
#ifndef TCG_MMU_REFILL_H
#define TCG_MMU_REFILL_H

#include <string.h>

#include "core/memory/dirty.h"
#include "core/util/range.h"
#include "tcg/machine.h"
#include "tcg/mmu/tlb.h"

/*
 * Guest RAM, 1 to 8 bytes. One host access each, because another vCPU may be looking: memcpy of a
 * size that is not known when compiling may write a byte twice, and the second time over what
 * another vCPU wrote in between. Races here are the guest's own, which it settles by means that
 * ThreadSanitizer does not see.
 */
#define GUEST_RAM __attribute__((no_sanitize("thread"))) static inline
GUEST_RAM uint64_t ram_load(const void *host, unsigned size)
{
    uint64_t v = 0;
    switch (size) {
    case 1:
        memcpy(&v, host, 1);
        return v;
    case 2:
        memcpy(&v, host, 2);
        return v;
    case 4:
        memcpy(&v, host, 4);
        return v;
    default:
        memcpy(&v, host, 8);
        return v;
    }
}

GUEST_RAM void ram_store(void *host, const void *data, unsigned size)
{
    switch (size) {
    case 1:
        memcpy(host, data, 1);
        break;
    case 2:
        memcpy(host, data, 2);
        break;
    case 4:
        memcpy(host, data, 4);
        break;
    default:
        memcpy(host, data, 8);
        break;
    }
}
#undef GUEST_RAM

static inline void tlb_set_bit(uint64_t *bits, unsigned n, bool value)
{
    const uint64_t bit = UINT64_C(1) << n % 64;
    bits[n / 64] = (bits[n / 64] & ~bit) | (value ? bit : 0);
}

static inline bool tlb_bit(const uint64_t *bits, unsigned n)
{
    return bits[n / 64] >> n % 64 & 1;
}

/* Entry n of a context is going to let the page be written. */
static inline void note_stores(struct tcg_mmu *mmu, struct tlb_fast fast, unsigned n)
{
    struct tlb_stores *slot = tlb_stores_slot(mmu, fast.tag + fast.addend);
    if (slot->entry[0] != n + 1 && slot->entry[1] != n + 1)
        tlb_stores_add(mmu, slot, n);
}

/* The fast table learns of a page, for this kind of access. */
static inline void tlb_take_up(struct tcg_mmu *mmu, struct tcg_ctx *ctx, uint64_t vpage,
                               enum tcg_access access, struct tlb_fast fast, bool global)
{
    const unsigned n = tlb_index(vpage);
    if (access == TCG_READ) {
        ctx->rd[n] = fast;
        tlb_set_bit(ctx->rd_local, n, !global);
    } else if (access == TCG_WRITE) {
        if (fast.tag == vpage) /* else stores to it are looked at anyway */
            note_stores(mmu, fast, n);
        ctx->wr[n] = fast;
        tlb_set_bit(ctx->wr_local, n, !global);
    }
}

/* The page whose place vpage is about to take goes where victims are looked for. */
static inline void tlb_keep_victim(struct tcg_mmu *mmu, struct tcg_ctx *ctx, uint64_t vpage,
                                   enum tcg_access access)
{
    const bool write = access == TCG_WRITE;
    const unsigned n = tlb_index(vpage), v = tlb_victim_index(vpage);
    struct tlb_fast *table = write ? ctx->wr : ctx->rd;
    uint64_t *local = write ? ctx->wr_local : ctx->rd_local,
             *keyed = write ? ctx->wr_keyed : ctx->rd_keyed;
    /* Flags: it would be of no use there. */
    if (table[n].tag & TLB_FLAGS || table[n].tag == vpage)
        return;
    if (write) {
        note_stores(mmu, table[n], v);
        tlb_set_bit(ctx->wr_logged, v, tlb_bit(ctx->wr_logged, n));
    }
    table[v] = table[n];
    tlb_set_bit(local, v, tlb_bit(local, n));
    tlb_set_bit(keyed, v, tlb_bit(keyed, n));
}

/* The guest's entry for vaddr, when it allows the access and nothing is to be set in it. */
static inline bool tlb_short_walk(const struct tlb_region *g, uint64_t walks, uint64_t vaddr,
                                  uint64_t *paddr, bool *global)
{
    const struct tcg_walk_last *l = &g->last;
    if (g->number != vaddr >> REGION_BITS || g->walks != walks)
        return false;
    const uint64_t index = vaddr >> MEM_PAGE_BITS & l->index_mask;
    const uint64_t e = l->size == 8
                           ? __atomic_load_n((const uint64_t *)l->table + index, __ATOMIC_RELAXED)
                           : __atomic_load_n((const uint32_t *)l->table + index, __ATOMIC_RELAXED);
    *paddr = (e & l->address) | (vaddr & l->low);
    *global = (e ^ l->local) & l->global;
    return (e & l->mask) == l->want;
}

static inline bool tlb_may_store_unseen(struct ram_block *ram, uint64_t offset)
{
    const struct tcg_page *page = cache_page(ram, offset);
    if (page && __atomic_load_n(&page->code, __ATOMIC_ACQUIRE))
        return false;
    return !ram_block_logged(ram) || ram_page_is_dirty(ram, offset);
}

/* What was just taken up as place for stores is to be found when pages are made clean. */
static inline void tlb_note_logged(struct tcg_ctx *ctx, const struct ram_block *ram, uint64_t vpage)
{
    if (ram_block_logged(ram))
        tlb_set_bit(ctx->wr_logged, tlb_index(vpage), true);
}

/*
 * The usual miss: an access of some bytes to one page of plain RAM, by the short way. The page is
 * taken up in the fast table. Returns where the bytes are, or NULL: anything else, and nothing was
 * changed; tlb_lookup() tells what.
 */
static inline void *tlb_refill(struct tcg_cpu *tc, struct tcg_ctx *ctx, uint64_t vaddr,
                               unsigned size, enum tcg_access access)
{
    struct tcg_mmu *mmu = tc->mmu;
    const struct tlb_ram *range = &mmu->ram;
    const uint64_t vpage = align_down(vaddr, MEM_PAGE_SIZE);
    uint64_t paddr;
    bool global;
    if (vaddr - vpage > MEM_PAGE_SIZE - size ||
        !tlb_short_walk(tlb_region_slot(mmu, ctx->space, vaddr, access), ctx->space->walks, vaddr,
                        &paddr, &global) ||
        paddr - range->start >= range->pages[access == TCG_WRITE] || mmu->watch_count)
        return NULL;
    const uint64_t offset = range->offset + (paddr - range->start);
    if (access == TCG_WRITE && !tlb_may_store_unseen(range->ram, offset))
        return NULL;
    if (!(++tc->counters.tlb_refills % TLB_VICTIM_SAMPLE)) {
        tlb_keep_victim(mmu, ctx, vpage, access);
        if (!(tc->counters.tlb_refills % HUGE_SAMPLE))
            huge_sample(tc->tm, range->ram, offset);
    }
    uint8_t *host = range->ram->host + offset;
    tlb_take_up(mmu, ctx, vpage, access,
                (struct tlb_fast){vpage, (uint64_t)(uintptr_t)host - vpage}, global);
    if (access == TCG_WRITE)
        tlb_note_logged(ctx, range->ram, vpage);
    return host + (vaddr - vpage);
}

#endif
