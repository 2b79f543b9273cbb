/* TLB misses that are not refill.h's: from a walk to an entry. See tlb.h. */
#include "core/device/machine.h"
#include "core/util/range.h"
#include "tcg/machine.h"
#include "tcg/mmu/refill.h"

static bool log_mmu(const struct tcg_cpu *tc)
{
    return log_enabled(&tc->vcpu->machine->log, LOG_MMU);
}

/* w NULL: the walk raised an exception. */
static void log_walk(const struct tcg_cpu *tc, uint64_t vaddr, enum tcg_access access,
                     unsigned index, const struct tcg_walk *w)
{
    static const char *const names[] = {
        [TCG_READ] = "read", [TCG_WRITE] = "write", [TCG_FETCH] = "fetch"};
    struct log *log = &tc->vcpu->machine->log;
    if (w)
        log_write(
            log, LOG_MMU, "cpu %u: fill 0x%016llx %s index %u: 0x%llx %c%c%c%s, page of %llu KiB",
            tc->vcpu->index, (unsigned long long)vaddr, names[access], index,
            (unsigned long long)w->paddr, w->readable ? 'r' : '-', w->writable ? 'w' : '-',
            w->executable ? 'x' : '-', w->global ? " global" : "", 1ull << w->page_bits >> 10);
    else
        log_write(log, LOG_MMU, "cpu %u: fill 0x%016llx %s index %u: fault, vector %02x error %x",
                  tc->vcpu->index, (unsigned long long)vaddr, names[access], index, tc->exc_vector,
                  tc->exc_error);
}

const struct tlb_ram *tlb_ram_at(struct tcg_cpu *tc, uint64_t paddr)
{
    struct tlb_ram *cached = &tc->mmu->ram;
    unsigned token;
    if (paddr - cached->start < cached->size)
        return cached;
    const struct mem_view *view = mem_view_enter(tc->memory, &token);
    const struct mem_range *range = mem_view_find(view, paddr);
    const bool found = range && range->region->ram;
    if (found) {
        struct ram_block *ram = range->region->ram;
        const uint64_t offset = range->region->ram_offset + range->region_offset;
        const bool rom = range->region->kind == MEM_ROM || ram->read_only;
        /* Pages are pages of the block, too, and the range covers them whole. */
        const bool whole = !((range->start | offset) & (MEM_PAGE_SIZE - 1));
        const uint64_t pages =
            whole && range->size >= MEM_PAGE_SIZE ? range->size - MEM_PAGE_SIZE + 1 : 0;
        *cached = (struct tlb_ram){.start = range->start,
                                   .size = range->size,
                                   .ram = ram,
                                   .offset = offset,
                                   .rom = rom,
                                   .pages = {pages, rom ? 0 : pages}};
    }
    mem_view_leave(tc->memory, token);
    return found ? cached : NULL;
}

static bool page_is_watched(const struct tcg_mmu *mmu, uint64_t vpage)
{
    for (unsigned n = 0; n < mmu->watch_count; n++)
        if (range_overlaps(vpage, MEM_PAGE_SIZE, mmu->watches[n].addr, mmu->watches[n].len))
            return true;
    return false;
}

/* Make the entry for a page whose walk succeeded. */
static void entry_fill(struct tcg_cpu *tc, struct tlb_entry *e, uint64_t vpage,
                       const struct tcg_walk *w)
{
    uint64_t read = w->readable ? vpage : TLB_INVALID, write = w->writable ? vpage : TLB_INVALID;
    const struct tlb_ram *range = tlb_ram_at(tc, w->paddr);

    e->info = w->paddr | (w->readable ? TLB_INFO_READ : 0) | (w->writable ? TLB_INFO_WRITE : 0) |
              (w->executable ? TLB_INFO_EXEC : 0) | (w->global ? TLB_INFO_GLOBAL : 0);
    /* A page that no range of RAM covers whole goes through the bus. */
    if (range && w->paddr - range->start < range->pages[0]) {
        const uint64_t offset = range->offset + (w->paddr - range->start);
        const struct tcg_page *page = cache_page(range->ram, offset);
        e->info |= range->rom ? TLB_INFO_ROM : TLB_INFO_RAM;
        e->addend = (uint64_t)(uintptr_t)(range->ram->host + offset) - vpage;
        if (range->rom)
            write |= TLB_IO;
        if (page && __atomic_load_n(&page->code, __ATOMIC_ACQUIRE))
            write |= TLB_CODE;
    } else {
        read |= TLB_IO;
        write |= TLB_IO;
    }
    if (tc->mmu->watch_count && page_is_watched(tc->mmu, vpage)) {
        read |= TLB_WATCH;
        write |= TLB_WATCH;
    }
    /* An absent permission stays TLB_INVALID whatever was or-ed in: all ones. */
    e->read = read;
    e->write = write;
}

/* A large page was taken up: a flush of one of its addresses drops all of it. */
static void note_large(struct tcg_space *sp, uint64_t vaddr, unsigned page_bits)
{
    if (page_bits <= TLB_LARGE_SHIFT) {
        tlb_set_bit(sp->large, tlb_large_hash(vaddr), true);
        sp->any_large = true;
        return;
    }
    const uint64_t size = UINT64_C(1) << page_bits, lo = align_down(vaddr, size),
                   hi = lo + size - 1;
    const bool none = sp->huge_lo > sp->huge_hi;
    if (none || lo < sp->huge_lo)
        sp->huge_lo = lo;
    if (none || hi > sp->huge_hi)
        sp->huge_hi = hi;
}

/* false: a fault. */
static bool walk(struct tcg_cpu *tc, struct tcg_space *sp, uint64_t vaddr, enum tcg_access access,
                 struct tcg_walk *w)
{
    struct tlb_region *g = tlb_region_slot(tc->mmu, sp, vaddr, access);
    struct root_tables *tables = &tc->mmu->root->tables;
    bool walked, global;

    if (tlb_short_walk(g, sp->walks, vaddr, &w->paddr, &global)) {
        /* What else may be done there is not known, nor asked. */
        w->readable = access == TCG_READ;
        w->writable = access == TCG_WRITE;
        w->executable = access == TCG_FETCH;
        w->global = global;
        w->keyed = false;
        w->page_bits = MEM_PAGE_BITS; /* a large page was noted when the short way was */
        return true;
    }
    tc->counters.tlb_fills++;
    do {
        w->tables_wanted = tables->watched;
        walked = tc->arch->walk(tc, vaddr, access, sp->mmu_index, false, w);
    } while (walked && tables->watched && tables_note(tc, tables, vaddr, w));
    if (log_mmu(tc))
        log_walk(tc, vaddr, access, sp->mmu_index, walked ? w : NULL);
    if (!walked) {
        tlb_page_fault(tc, vaddr);
        return false;
    }
    if (w->last.table)
        *g = (struct tlb_region){vaddr >> REGION_BITS, sp->walks, w->last};
    if (w->page_bits > MEM_PAGE_BITS)
        note_large(sp, vaddr & ~tc->arch->address_tag, w->page_bits);
    return true;
}

/* The page's alias number. */
static unsigned note_fetch(struct tcg_ctx *ctx, uint64_t vpage, const struct tlb_entry *e)
{
    const uint64_t paddr = align_down(e->info, MEM_PAGE_SIZE);
    int alias = exec_add(&ctx->exec, vpage, paddr, e->info & TLB_INFO_GLOBAL);
    if (alias >= 0)
        return (unsigned)alias;
    tlb_ctx_forget_code(ctx);
    return (unsigned)exec_add(&ctx->exec, vpage, paddr, e->info & TLB_INFO_GLOBAL);
}

static struct tlb_entry *lookup_code(struct tcg_cpu *tc, struct tcg_ctx *ctx, uint64_t vaddr)
{
    const uint64_t vpage = align_down(vaddr, MEM_PAGE_SIZE);
    struct tlb_code_page *p = tlb_code_slot(tc->mmu, ctx->space, vpage);
    struct tcg_walk w;
    if (p->vpage != vpage || p->generation != ctx->space->generation) {
        if (!walk(tc, ctx->space, vaddr, TCG_FETCH, &w))
            return NULL;
        entry_fill(tc, &p->entry, vpage, &w);
        p->vpage = vpage;
        p->generation = ctx->space->generation;
        tlb_set_bit(ctx->space->code_regions, tlb_code_region(vpage), true);
        p->page_table = NULL;
        if (p->entry.info & (TLB_INFO_RAM | TLB_INFO_ROM)) {
            const struct tlb_ram *range = &tc->mmu->ram;
            p->page_table =
                cache_page_slot_make(range->ram, range->offset + (w.paddr - range->start));
        }
    }
    note_fetch(ctx, vpage, &p->entry);
    return &p->entry;
}

/* Stores to the page are not seen from now on. */
static void mark_dirty(struct tcg_cpu *tc, struct tcg_ctx *ctx, const struct tlb_entry *e,
                       uint64_t vpage)
{
    const struct tlb_ram *range = &tc->mmu->ram; /* entry_fill() left it there */
    const uint64_t paddr = align_down(e->info, MEM_PAGE_SIZE);
    if (!(e->info & TLB_INFO_RAM) || !ram_block_logged(range->ram))
        return;
    ram_block_mark_dirty(range->ram, range->offset + (paddr - range->start), 1);
    tlb_note_logged(ctx, range->ram, vpage);
}

struct tlb_entry *tlb_lookup(struct tcg_cpu *tc, struct tcg_ctx *ctx, uint64_t vaddr,
                             enum tcg_access access)
{
    const uint64_t vpage = align_down(vaddr, MEM_PAGE_SIZE);
    struct tlb_entry *e = &tc->mmu->entry;
    struct tcg_walk w;
    if (access == TCG_FETCH)
        return lookup_code(tc, ctx, vaddr);
    if (!walk(tc, ctx->space, vaddr, access, &w))
        return NULL;
    entry_fill(tc, e, vpage, &w);
    if (access == TCG_WRITE)
        mark_dirty(tc, ctx, e, vpage);
    tlb_take_up(tc->mmu, ctx, vpage, access,
                (struct tlb_fast){access == TCG_READ ? e->read : e->write, e->addend}, w.global);
    if (w.keyed) {
        tlb_set_bit(access == TCG_READ ? ctx->rd_keyed : ctx->wr_keyed, tlb_index(vpage), true);
        tc->mmu->keyed = true;
    }
    return e;
}

/* What is known of the page of code; NULL: nothing. */
static const struct tlb_code_page *known_code(struct tcg_cpu *tc, const struct tcg_ctx *ctx,
                                              uint64_t vpage)
{
    const struct tlb_code_page *p = tlb_code_slot(tc->mmu, ctx->space, vpage);
    return p->vpage == vpage && p->generation == ctx->space->generation ? p : NULL;
}

bool tlb_note_code(struct tcg_cpu *tc, struct tcg_ctx *ctx, uint64_t vaddr, uint64_t *alias)
{
    const uint64_t vpage = align_down(vaddr, MEM_PAGE_SIZE);
    const struct tlb_code_page *p = known_code(tc, ctx, vpage);
    const struct tlb_entry *e = p ? &p->entry : lookup_code(tc, ctx, vaddr);
    if (!e) { /* changed since it was last fetched from */
        tc->status = TCG_OK;
        return false;
    }
    *alias = (uint64_t)note_fetch(ctx, vpage, e) << TCG_MODE_ALIAS_SHIFT;
    return true;
}

bool tlb_note_way(struct tcg_cpu *tc, struct tcg_ctx *ctx, uint64_t from, uint64_t to,
                  uint64_t *from_alias, uint64_t *to_alias)
{
    /* To add the one may make room by forgetting the other. */
    for (unsigned tries = 0; tries < 2; tries++) {
        const unsigned forgotten = ctx->forgotten;
        if (!tlb_note_code(tc, ctx, from, from_alias) || !tlb_note_code(tc, ctx, to, to_alias))
            return false;
        if (ctx->forgotten == forgotten)
            return true;
    }
    return false;
}

struct tcg_page *tlb_code_page(struct tcg_cpu *tc, struct tcg_ctx *ctx, uint64_t vaddr)
{
    const struct tlb_code_page *p = known_code(tc, ctx, align_down(vaddr, MEM_PAGE_SIZE));
    return p && p->page_table ? __atomic_load_n(p->page_table, __ATOMIC_ACQUIRE) : NULL;
}

bool tlb_same_code(struct tcg_cpu *tc, struct tcg_ctx *ctx, uint64_t vpage, uint64_t paddr)
{
    const struct tlb_code_page *p = known_code(tc, ctx, vpage);
    const struct tlb_region *g = tlb_region_slot(tc->mmu, ctx->space, vpage, TCG_FETCH);
    const uint32_t status = tc->status;
    struct tcg_walk w;
    w.tables_wanted = false; /* all else is the walk's to fill in */
    bool global;
    if (p)
        return align_down(p->entry.info, MEM_PAGE_SIZE) == paddr;
    if (!tlb_short_walk(g, ctx->space->walks, vpage, &w.paddr, &global) &&
        !tc->arch->walk(tc, vpage, TCG_FETCH, ctx->space->mmu_index, true, &w))
        return false;
    if (w.paddr != paddr)
        return false;
    const struct tlb_entry *e = lookup_code(tc, ctx, vpage);
    tc->status = status; /* a device may have taken it away since that walk */
    return e && align_down(e->info, MEM_PAGE_SIZE) == paddr;
}
