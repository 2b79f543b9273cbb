/* Contexts, roots and both TLB levels. See tlb.h. */
#include "tcg/mmu/tlb.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "core/device/machine.h"
#include "core/util/error.h"
#include "core/util/range.h"
#include "tcg/machine.h"

static bool log_mmu(const struct tcg_cpu *tc)
{
    return log_enabled(&tc->vcpu->machine->log, LOG_MMU);
}

static void log_flush(const struct tcg_cpu *tc, const char *what)
{
    log_msg(&tc->vcpu->machine->log, LOG_MMU, "cpu %u: flush, %s", tc->vcpu->index, what);
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

static void ctx_clear_l1(struct tcg_ctx *ctx)
{
    memset(ctx->rd, 0xff, sizeof ctx->rd);
    memset(ctx->wr, 0xff, sizeof ctx->wr);
    memset(ctx->rd_global, 0, sizeof ctx->rd_global);
    memset(ctx->wr_global, 0, sizeof ctx->wr_global);
}

static void ctx_clear_jumps(struct tcg_ctx *ctx)
{
    if (exec_any(&ctx->exec)) {
        memset(ctx->jumps, 0, sizeof ctx->jumps);
        memset(ctx->links, 0, sizeof ctx->links);
        exec_clear(&ctx->exec);
    }
    ctx->jumps[0].pc = JUMP_EMPTY;
}

static void space_flush(struct tcg_cpu *tc, struct tcg_space *sp)
{
    for (unsigned k = 0; k < TLB_MODES && sp->ctx[k]; k++) {
        ctx_clear_l1(sp->ctx[k]);
        if (exec_any(&sp->ctx[k]->exec))
            ctx_clear_jumps(sp->ctx[k]);
    }
    sp->generation = ++tc->mmu->next_generation;
    sp->large_lo = 1;
    sp->large_hi = 0;
}

static struct tcg_ctx *ctx_new(struct tcg_space *sp)
{
    struct tcg_ctx *ctx =
        mmap(NULL, sizeof *ctx, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (ctx == MAP_FAILED)
        return NULL;
    ctx->space = sp;
    ctx_clear_l1(ctx);
    ctx_clear_jumps(ctx);
    return ctx;
}

struct tcg_ctx *tlb_space_context(struct tcg_space *sp, unsigned k)
{
    if (!sp->ctx[k])
        sp->ctx[k] = ctx_new(sp);
    return sp->ctx[k];
}

bool tlb_init(struct tcg_cpu *tc, struct vemu_error **errp)
{
    struct tcg_mmu *mmu = calloc(1, sizeof *mmu);
    if (!mmu)
        return error_set(errp, VEMU_ERROR_NO_MEMORY, "no memory for the TLB of vCPU %u",
                         tc->vcpu->index);
    mmu->l2 = mmap(NULL, TLB_L2_SIZE * sizeof *mmu->l2, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (mmu->l2 == MAP_FAILED) {
        free(mmu);
        return error_set(errp, VEMU_ERROR_NO_MEMORY, "no memory for the TLB of vCPU %u",
                         tc->vcpu->index);
    }
    tc->mmu = mmu;
    mmu->root = &mmu->roots[0];
    mmu->root->valid = true;
    for (unsigned i = 0; i < tc->arch->mmu_index_count; i++) {
        if (!tlb_context(tc, i)) {
            tlb_free(tc);
            return error_set(errp, VEMU_ERROR_NO_MEMORY, "no memory for the TLB of vCPU %u",
                             tc->vcpu->index);
        }
    }
    return true;
}

void tlb_free(struct tcg_cpu *tc)
{
    struct tcg_mmu *mmu = tc->mmu;
    if (!mmu)
        return;
    for (unsigned r = 0; r < TLB_ROOTS; r++)
        for (unsigned i = 0; i < TLB_MAX_INDEX; i++)
            for (unsigned k = 0; k < TLB_MODES; k++)
                if (mmu->roots[r].space[i].ctx[k])
                    munmap(mmu->roots[r].space[i].ctx[k], sizeof(struct tcg_ctx));
    munmap(mmu->l2, TLB_L2_SIZE * sizeof *mmu->l2);
    free(mmu);
    tc->mmu = NULL;
}

struct tcg_ctx *tlb_context(struct tcg_cpu *tc, unsigned index)
{
    struct tcg_root *root = tc->mmu->root;
    struct tcg_space *sp = &root->space[index];
    if (sp->last)
        return sp->last;
    sp->mmu_index = index;
    sp->last = sp->ctx[0] = ctx_new(sp);
    space_flush(tc, sp);
    if (sp->ctx[0] || root == &tc->mmu->roots[0])
        return sp->ctx[0];
    /* Short of memory: fall back on the first root, whose contexts always exist. */
    struct tcg_root *first = &tc->mmu->roots[0];
    first->key = root->key;
    first->valid = true;
    first->tables.watched = false;
    root->valid = false;
    tc->mmu->root = first;
    for (unsigned i = 0; i < tc->arch->mmu_index_count; i++)
        space_flush(tc, &first->space[i]);
    return first->space[index].ctx[0];
}

static struct tcg_ctx *ctx_take(struct tcg_ctx *ctx, uint64_t mode)
{
    if (exec_any(&ctx->exec))
        ctx_clear_jumps(ctx);
    ctx->jump_mode = mode;
    return ctx;
}

/* The context for a mode word; a space has a few, so that modes that follow each other all the time
 * (segment loads on the way into a kernel) keep their jump caches. */
static struct tcg_ctx *mode_context(struct tcg_cpu *tc, unsigned index, uint64_t mode)
{
    struct tcg_ctx *ctx = tlb_context(tc, index);
    struct tcg_space *sp = ctx->space;
    if (mode & tc->arch->transient_modes)
        return ctx;
    for (unsigned k = 0; k < TLB_MODES; k++) {
        if (!tlb_space_context(sp, k))
            break;
        if (sp->ctx[k]->jump_mode == mode)
            return sp->ctx[k];
        if (!exec_any(&sp->ctx[k]->exec)) /* nothing of another mode is cached */
            return ctx_take(sp->ctx[k], mode);
    }
    unsigned k = sp->next_mode++ % TLB_MODES;
    return ctx_take(sp->ctx[k] ? sp->ctx[k] : ctx, mode);
}

struct tcg_ctx *tcg_ctx_for_attr(struct tcg_cpu *tc, unsigned attr)
{
    unsigned idx = (attr & IR_MEM_IDX) >> IR_MEM_IDX_SHIFT;
    return idx ? tlb_context(tc, idx - 1) : tc->ctx;
}

void tlb_flush_all(struct tcg_cpu *tc)
{
    struct tcg_mmu *mmu = tc->mmu;
    log_flush(tc, "everything");
    mmu->ram.size = 0; /* the flat view may have changed */
    for (unsigned r = 0; r < TLB_ROOTS; r++) {
        if (&mmu->roots[r] != mmu->root)
            mmu->roots[r].valid = false;
    }
    for (unsigned i = 0; i < TLB_MAX_INDEX; i++)
        space_flush(tc, &mmu->root->space[i]);
    tc->counters.tlb_flushes++;
}

static void ctx_flush_nonglobal(struct tcg_ctx *ctx)
{
    for (unsigned n = 0; n < TLB_L1_SIZE; n++) {
        if (!(ctx->rd_global[n / 64] >> n % 64 & 1))
            ctx->rd[n].tag = TLB_INVALID;
        if (!(ctx->wr_global[n / 64] >> n % 64 & 1))
            ctx->wr[n].tag = TLB_INVALID;
    }
    if (ctx->exec.local)
        ctx_clear_jumps(ctx);
}

/* Keep what is global in level 1; level 2 forgets it (generation), which costs refills only. */
static void root_flush_nonglobal(struct tcg_cpu *tc, struct tcg_root *root)
{
    for (unsigned i = 0; i < TLB_MAX_INDEX; i++) {
        struct tcg_space *sp = &root->space[i];
        for (unsigned k = 0; k < TLB_MODES && sp->ctx[k]; k++)
            ctx_flush_nonglobal(sp->ctx[k]);
        sp->generation = ++tc->mmu->next_generation;
    }
}

void tcg_mmu_flush(struct tcg_cpu *tc, bool keep_global)
{
    struct tcg_mmu *mmu = tc->mmu;
    for (unsigned r = 0; r < TLB_ROOTS; r++)
        if (&mmu->roots[r] != mmu->root)
            mmu->roots[r].valid = false;
    if (keep_global) {
        log_flush(tc, "all but global pages");
        root_flush_nonglobal(tc, mmu->root);
    } else {
        tlb_flush_all(tc);
    }
    tc->counters.tlb_flushes++;
}

static struct tlb_l2_entry *l2_entry(struct tcg_cpu *tc, const struct tcg_space *sp, uint64_t vpage)
{
    return &tc->mmu->l2[(vpage >> MEM_PAGE_BITS ^ sp->generation * 0x9e5) & (TLB_L2_SIZE - 1)];
}

static void fast_drop(struct tlb_fast *f, uint64_t vpage)
{
    if (align_down(f->tag, MEM_PAGE_SIZE) == vpage)
        f->tag = TLB_INVALID;
}

/* What is cached of one 4 KiB page, without the rest of a large page it may be part of. */
static void space_drop_page(struct tcg_cpu *tc, struct tcg_space *sp, uint64_t vpage)
{
    unsigned n = tlb_index(vpage);
    for (unsigned k = 0; k < TLB_MODES && sp->ctx[k]; k++) {
        fast_drop(&sp->ctx[k]->rd[n], vpage);
        fast_drop(&sp->ctx[k]->wr[n], vpage);
    }
    struct tlb_l2_entry *l2 = l2_entry(tc, sp, vpage);
    if (l2->vpage == vpage && l2->generation == sp->generation)
        l2->generation = 0;
}

static void ctx_drop_range(struct tcg_ctx *ctx, uint64_t base, unsigned shift)
{
    for (unsigned n = 0; n < TLB_L1_SIZE; n++) {
        if (!((ctx->rd[n].tag ^ base) >> shift))
            ctx->rd[n].tag = TLB_INVALID;
        if (!((ctx->wr[n].tag ^ base) >> shift))
            ctx->wr[n].tag = TLB_INVALID;
    }
    if (exec_overlaps(&ctx->exec, base, shift))
        ctx_clear_jumps(ctx);
}

/* What is cached of a page or of 2 or 4 MiB, all of it where that was a large page. */
static void space_drop_range(struct tcg_cpu *tc, struct tcg_space *sp, uint64_t base,
                             unsigned shift)
{
    if (!sp->ctx[0])
        return;
    if (shift == MEM_PAGE_BITS) {
        space_drop_page(tc, sp, base);
        for (unsigned k = 0; k < TLB_MODES && sp->ctx[k]; k++)
            if (exec_overlaps(&sp->ctx[k]->exec, base, shift))
                ctx_clear_jumps(sp->ctx[k]);
        return;
    }
    for (unsigned k = 0; k < TLB_MODES && sp->ctx[k]; k++)
        ctx_drop_range(sp->ctx[k], base, shift);
    for (uint64_t at = base; at - base < UINT64_C(1) << shift; at += MEM_PAGE_SIZE) {
        struct tlb_l2_entry *l2 = l2_entry(tc, sp, at);
        if (l2->vpage == at && l2->generation == sp->generation)
            l2->generation = 0;
    }
}

static void space_flush_page(struct tcg_cpu *tc, struct tcg_space *sp, uint64_t vaddr)
{
    uint64_t vpage = align_down(vaddr, MEM_PAGE_SIZE);
    if (!sp->ctx[0])
        return;
    if (sp->large_lo <= sp->large_hi && vaddr >= sp->large_lo && vaddr <= sp->large_hi) {
        space_flush(tc, sp);
        return;
    }
    space_drop_range(tc, sp, vpage, MEM_PAGE_BITS);
}

void tcg_mmu_flush_page(struct tcg_cpu *tc, uint64_t vaddr)
{
    struct tcg_mmu *mmu = tc->mmu;
    log_msg(&tc->vcpu->machine->log, LOG_MMU, "cpu %u: flush, page 0x%016llx", tc->vcpu->index,
            (unsigned long long)vaddr);
    /* A global page may be cached in every root. */
    for (unsigned r = 0; r < TLB_ROOTS; r++)
        for (unsigned i = 0; i < TLB_MAX_INDEX; i++)
            if (mmu->roots[r].valid)
                space_flush_page(tc, &mmu->roots[r].space[i], vaddr);
}

/* The root is to be used again after a load that dropped what was cached of it. */
static void root_renew(struct tcg_cpu *tc, struct tcg_root *root)
{
    struct table_drop drops[TABLE_DROPS];
    unsigned count;
    root->stale = false;
    if (tables_changed(tc->tm, &root->tables, drops, &count)) {
        for (unsigned n = 0; n < count; n++)
            for (unsigned i = 0; i < TLB_MAX_INDEX; i++)
                space_drop_range(tc, &root->space[i], drops[n].base, drops[n].shift);
        return;
    }
    root_flush_nonglobal(tc, root);
    tables_start(tc->tm, &root->tables,
                 tc->mmu->reloads >= TABLE_RELOADS && !tc->arch->mmu_root_tag(root->key));
}

static struct tcg_root *oldest_root(struct tcg_mmu *mmu)
{
    struct tcg_root *oldest = &mmu->roots[0];
    for (unsigned r = 0; r < TLB_ROOTS; r++) {
        struct tcg_root *root = &mmu->roots[r];
        if (!root->valid)
            return root;
        if (root->used < oldest->used)
            oldest = root;
    }
    return oldest;
}

/* Give the root that was not used for longest to another address space. */
static struct tcg_root *root_recycle(struct tcg_cpu *tc, uint64_t key)
{
    struct tcg_root *root = oldest_root(tc->mmu);
    /* Global pages are the same in each. */
    bool keep_global = root->valid && !((root->key ^ key) & ~tc->arch->mmu_root_base);
    tc->counters.ctx_recycled++;
    root->key = key;
    root->valid = true;
    root->tables.watched = false;
    if (!keep_global)
        for (unsigned i = 0; i < TLB_MAX_INDEX; i++)
            space_flush(tc, &root->space[i]);
    root_renew(tc, root);
    return root;
}

void tcg_mmu_set_root(struct tcg_cpu *tc, uint64_t key, bool flush)
{
    struct tcg_mmu *mmu = tc->mmu;
    struct tcg_root *found = NULL;
    bool recycled = false;
    uint64_t tag = tc->arch->mmu_root_tag(key);

    tc->counters.ctx_switches++;
    log_msg(&tc->vcpu->machine->log, LOG_MMU, "cpu %u: root 0x%016llx%s", tc->vcpu->index,
            (unsigned long long)key, flush ? ", flushed" : "");
    for (unsigned r = 0; r < TLB_ROOTS; r++) {
        struct tcg_root *root = &mmu->roots[r];
        if (!root->valid)
            continue;
        if (flush && tc->arch->mmu_root_tag(root->key) == tag)
            root->stale = true;
        if (root->key == key)
            found = root;
    }
    if (!found) {
        found = root_recycle(tc, key);
        recycled = true;
    } else if (found->stale) {
        mmu->reloads++;
        root_renew(tc, found);
    }
    found->used = ++mmu->clock;
    mmu->root = found;
    if (recycled)
        exec_inherit(tc);
    tcg_mode_changed(tc);
}

void tlb_forget_code(struct tcg_cpu *tc)
{
    for (unsigned r = 0; r < TLB_ROOTS; r++)
        for (unsigned i = 0; i < TLB_MAX_INDEX; i++)
            for (unsigned k = 0; k < TLB_MODES && tc->mmu->roots[r].space[i].ctx[k]; k++)
                ctx_clear_jumps(tc->mmu->roots[r].space[i].ctx[k]);
}

const struct tlb_ram *tlb_ram_at(struct tcg_cpu *tc, uint64_t paddr)
{
    struct vemu_machine *m = tc->vcpu->machine;
    struct tlb_ram *cached = &tc->mmu->ram;
    unsigned token;
    if (paddr - cached->start < cached->size)
        return cached;
    const struct mem_view *view = mem_view_enter(m->memory, &token);
    const struct mem_range *range = mem_view_find(view, paddr);
    const bool found = range && range->region->ram;
    if (found)
        *cached = (struct tlb_ram){.start = range->start,
                                   .size = range->size,
                                   .ram = range->region->ram,
                                   .offset = range->region->ram_offset + range->region_offset,
                                   .rom = range->region->kind == MEM_ROM ||
                                          range->region->ram->read_only};
    mem_view_leave(m->memory, token);
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
                       const struct tcg_walk *w, struct tcg_page ***page_table)
{
    uint64_t read = w->readable ? vpage : TLB_INVALID, write = w->writable ? vpage : TLB_INVALID;
    const struct tlb_ram *range = tlb_ram_at(tc, w->paddr);

    *page_table = NULL;
    e->info = w->paddr | (w->readable ? TLB_INFO_READ : 0) | (w->writable ? TLB_INFO_WRITE : 0) |
              (w->executable ? TLB_INFO_EXEC : 0) | (w->global ? TLB_INFO_GLOBAL : 0);
    /* A page is RAM when one RAM range covers it whole; a mixed page goes through the bus. */
    if (range && range_fits(w->paddr - range->start, MEM_PAGE_SIZE, range->size)) {
        struct ram_block *ram = range->ram;
        uint64_t offset = range->offset + (w->paddr - range->start);
        if (offset & (MEM_PAGE_SIZE - 1)) {
            read |= TLB_IO;
            write |= TLB_IO;
        } else {
            const bool rom = range->rom;
            struct tcg_page *page = cache_page(ram, offset);
            *page_table = cache_page_slot_make(ram, offset);
            e->info |= rom ? TLB_INFO_ROM : TLB_INFO_RAM;
            e->addend = (uint64_t)(uintptr_t)(ram->host + offset) - vpage;
            if (rom)
                write |= TLB_IO;
            if (page && __atomic_load_n(&page->code, __ATOMIC_ACQUIRE))
                write |= TLB_CODE;
            for (unsigned c = 0; c < MEM_DIRTY_CLIENTS; c++)
                if (__atomic_load_n(&ram->dirty[c], __ATOMIC_RELAXED))
                    write |= TLB_DIRTY;
        }
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

static bool entry_allows(const struct tlb_entry *e, enum tcg_access access)
{
    return e->info & (access == TCG_READ    ? TLB_INFO_READ
                      : access == TCG_WRITE ? TLB_INFO_WRITE
                                            : TLB_INFO_EXEC);
}

static void set_global(uint64_t *bits, unsigned n, bool global)
{
    uint64_t bit = UINT64_C(1) << n % 64;
    bits[n / 64] = global ? bits[n / 64] | bit : bits[n / 64] & ~bit;
}

/* Level 1 learns of the entry, for this kind of access. */
static void take_up(struct tcg_ctx *ctx, const struct tlb_l2_entry *l2, enum tcg_access access)
{
    unsigned n = tlb_index(l2->vpage);
    bool global = l2->entry.info & TLB_INFO_GLOBAL;
    if (access == TCG_READ) {
        ctx->rd[n] = (struct tlb_fast){l2->entry.read, l2->entry.addend};
        set_global(ctx->rd_global, n, global);
    } else if (access == TCG_WRITE) {
        ctx->wr[n] = (struct tlb_fast){l2->entry.write, l2->entry.addend};
        set_global(ctx->wr_global, n, global);
    }
}

static void note_fetch(struct tcg_ctx *ctx, uint64_t vpage, const struct tlb_entry *e)
{
    exec_add(&ctx->exec, vpage, align_down(e->info, MEM_PAGE_SIZE), e->info & TLB_INFO_GLOBAL);
}

void tlb_note_code(struct tcg_cpu *tc, struct tcg_ctx *ctx, uint64_t vaddr)
{
    uint64_t vpage = align_down(vaddr, MEM_PAGE_SIZE);
    const struct tlb_l2_entry *l2 = l2_entry(tc, ctx->space, vpage);
    if (l2->vpage == vpage && l2->generation == ctx->space->generation)
        note_fetch(ctx, vpage, &l2->entry);
    else
        exec_add(&ctx->exec, vpage, ~UINT64_C(0), false);
}

struct tcg_page *tlb_code_page(struct tcg_cpu *tc, struct tcg_ctx *ctx, uint64_t vaddr)
{
    uint64_t vpage = align_down(vaddr, MEM_PAGE_SIZE);
    const struct tlb_l2_entry *l2 = l2_entry(tc, ctx->space, vpage);
    if (l2->vpage != vpage || l2->generation != ctx->space->generation || !l2->page_table ||
        !entry_allows(&l2->entry, TCG_FETCH))
        return NULL;
    return __atomic_load_n(l2->page_table, __ATOMIC_ACQUIRE);
}

struct tlb_entry *tlb_lookup(struct tcg_cpu *tc, struct tcg_ctx *ctx, uint64_t vaddr,
                             enum tcg_access access)
{
    uint64_t vpage = align_down(vaddr, MEM_PAGE_SIZE);
    struct tlb_l2_entry *l2 = l2_entry(tc, ctx->space, vpage);
    struct tlb_entry *e = &l2->entry;
    struct tcg_walk w;

    if (l2->vpage == vpage && l2->generation == ctx->space->generation && entry_allows(e, access)) {
        /* Level 2 is not told when a page becomes code: it asks the page's record. */
        if (access == TCG_WRITE && l2->page_table) {
            struct tcg_page *page = __atomic_load_n(l2->page_table, __ATOMIC_ACQUIRE);
            if (page && __atomic_load_n(&page->code, __ATOMIC_ACQUIRE))
                e->write |= TLB_CODE;
        }
        take_up(ctx, l2, access);
        if (access == TCG_FETCH)
            note_fetch(ctx, vpage, e);
        return e;
    }
    tc->counters.tlb_fills++;
    struct root_tables *tables = &tc->mmu->root->tables;
    bool walked;
    do {
        w.tables_wanted = tables->watched;
        walked = tc->arch->walk(tc, vaddr, access, ctx->space->mmu_index, false, &w);
    } while (walked && tables->watched && tables_note(tc, tables, vaddr, &w));
    if (log_mmu(tc))
        log_walk(tc, vaddr, access, ctx->space->mmu_index, walked ? &w : NULL);
    if (!walked) {
        /* A page fault drops what is cached of its page, for every kind of access, global or not.
         */
        for (unsigned i = 0; i < TLB_MAX_INDEX; i++)
            space_drop_page(tc, &tc->mmu->root->space[i], vpage);
        return NULL;
    }
    entry_fill(tc, e, vpage, &w, &l2->page_table);
    l2->vpage = vpage;
    /* RAM without a page record's place cannot be checked when it is taken up again. */
    l2->generation = (e->info & TLB_INFO_RAM) && !l2->page_table ? 0 : ctx->space->generation;
    take_up(ctx, l2, access);
    if (access == TCG_FETCH)
        note_fetch(ctx, vpage, e);
    if (w.page_bits > MEM_PAGE_BITS) {
        uint64_t size = UINT64_C(1) << w.page_bits, lo = align_down(vaddr, size),
                 hi = lo + size - 1;
        bool none = ctx->space->large_lo > ctx->space->large_hi;
        if (none || lo < ctx->space->large_lo)
            ctx->space->large_lo = lo;
        if (none || hi > ctx->space->large_hi)
            ctx->space->large_hi = hi;
    }
    return e;
}

static void ctx_protect(struct tcg_ctx *ctx, uint64_t host)
{
    for (unsigned n = 0; n < TLB_L1_SIZE; n++) {
        struct tlb_fast *f = &ctx->wr[n];
        if (f->tag != TLB_INVALID && align_down(f->tag, MEM_PAGE_SIZE) + f->addend == host)
            f->tag |= TLB_CODE;
    }
}

void tlb_protect_host_page(struct tcg_cpu *tc, const uint8_t *host_page)
{
    struct tcg_mmu *mmu = tc->mmu;
    for (unsigned r = 0; r < TLB_ROOTS; r++)
        for (unsigned i = 0; i < TLB_MAX_INDEX && mmu->roots[r].valid; i++)
            for (unsigned k = 0; k < TLB_MODES && mmu->roots[r].space[i].ctx[k]; k++)
                ctx_protect(mmu->roots[r].space[i].ctx[k], (uint64_t)(uintptr_t)host_page);
}

void tcg_mode_set(struct tcg_cpu *tc, uint64_t mode, unsigned index)
{
    struct tcg_ctx *ctx = tc->mmu->root->space[index].last;
    if (!ctx || ctx->jump_mode != mode) {
        ctx = mode_context(tc, index, mode);
        ctx->space->last = ctx;
    }
    tc->mode = mode;
    tc->ctx = ctx;
}

void tcg_mode_changed(struct tcg_cpu *tc)
{
    tcg_mode_set(tc, tc->arch->mode_word(tc), tc->arch->mmu_index(tc));
}
