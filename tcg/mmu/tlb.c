/* Contexts, roots and flushes. See tlb.h. */
#include "tcg/mmu/tlb.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "core/device/machine.h"
#include "core/util/error.h"
#include "core/util/range.h"
#include "tcg/machine.h"

static void log_flush(const struct tcg_cpu *tc, const char *what)
{
    log_msg(&tc->vcpu->machine->log, LOG_MMU, "cpu %u: flush, %s", tc->vcpu->index, what);
}

static void ctx_clear_l1(struct tcg_ctx *ctx)
{
    memset(ctx->rd, 0xff, sizeof ctx->rd);
    memset(ctx->wr, 0xff, sizeof ctx->wr);
    memset(ctx->rd_local, 0, sizeof ctx->rd_local);
    memset(ctx->wr_local, 0, sizeof ctx->wr_local);
    memset(ctx->rd_keyed, 0, sizeof ctx->rd_keyed);
    memset(ctx->wr_keyed, 0, sizeof ctx->wr_keyed);
    memset(ctx->wr_logged, 0, sizeof ctx->wr_logged);
}

void tlb_ctx_forget_code(struct tcg_ctx *ctx)
{
    if (exec_any(&ctx->exec)) {
        memset(ctx->jumps, 0, sizeof ctx->jumps);
        memset(ctx->links, 0, sizeof ctx->links);
        exec_clear(&ctx->exec);
        ctx->forgotten++;
    }
    ctx->jumps[0].pc = JUMP_EMPTY;
}

/* What is known of code and of the places of tables is void. */
static void space_renew(struct tcg_cpu *tc, struct tcg_space *sp)
{
    sp->generation = sp->walks = ++tc->mmu->next_generation;
    memset(sp->code_regions, 0, sizeof sp->code_regions);
}

static void space_flush(struct tcg_cpu *tc, struct tcg_space *sp)
{
    for (unsigned k = 0; k < TLB_MODES && sp->ctx[k]; k++) {
        ctx_clear_l1(sp->ctx[k]);
        if (exec_any(&sp->ctx[k]->exec))
            tlb_ctx_forget_code(sp->ctx[k]);
    }
    space_renew(tc, sp);
    if (sp->any_large)
        memset(sp->large, 0, sizeof sp->large);
    sp->any_large = false;
    sp->huge_lo = 1;
    sp->huge_hi = 0;
}

static struct tcg_ctx *ctx_new(struct tcg_space *sp)
{
    struct tcg_ctx *ctx =
        mmap(NULL, sizeof *ctx, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (ctx == MAP_FAILED)
        return NULL;
    ctx->space = sp;
    ctx_clear_l1(ctx);
    tlb_ctx_forget_code(ctx);
    return ctx;
}

struct tcg_ctx *tlb_space_context(struct tcg_space *sp, unsigned k)
{
    if (!sp->ctx[k])
        sp->ctx[k] = ctx_new(sp);
    return sp->ctx[k];
}

static void *table_new(size_t size)
{
    void *table = mmap(NULL, size, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return table == MAP_FAILED ? NULL : table;
}

enum { ACCESS_KINDS = TCG_FETCH + 1 };

static size_t code_size(void)
{
    return TLB_CODE_PAGES * sizeof(struct tlb_code_page);
}

static size_t regions_size(void)
{
    return ACCESS_KINDS * TLB_REGIONS * sizeof(struct tlb_region);
}

static size_t stores_size(void)
{
    return sizeof(struct tlb_stores) << STORES_BITS;
}

static bool make_contexts(struct tcg_cpu *tc)
{
    for (unsigned i = 0; i < tc->arch->mmu_index_count; i++)
        if (!tlb_context(tc, i))
            return false;
    return true;
}

bool tlb_init(struct tcg_cpu *tc, struct vemu_error **errp)
{
    struct tcg_mmu *mmu = tc->mmu = calloc(1, sizeof *mmu);
    if (mmu) {
        mmu->code = table_new(code_size());
        mmu->regions = table_new(regions_size());
        mmu->stores = table_new(stores_size());
        mmu->root = &mmu->roots[0];
        mmu->root->valid = true;
        mmu->root->tag = tc->arch->mmu_root_tag(mmu->root->key);
    }
    if (mmu && mmu->code && mmu->regions && mmu->stores && make_contexts(tc))
        return true;
    tlb_free(tc);
    return error_set(errp, VEMU_ERROR_NO_MEMORY, "no memory for the TLB of vCPU %u",
                     tc->vcpu->index);
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
    if (mmu->code)
        munmap(mmu->code, code_size());
    if (mmu->regions)
        munmap(mmu->regions, regions_size());
    if (mmu->stores)
        munmap(mmu->stores, stores_size());
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
    first->tag = root->tag;
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
        tlb_ctx_forget_code(ctx);
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
    mmu->ram = (struct tlb_ram){0}; /* the flat view may have changed */
    for (unsigned r = 0; r < TLB_ROOTS; r++) {
        if (&mmu->roots[r] != mmu->root)
            mmu->roots[r].valid = false;
    }
    for (unsigned i = 0; i < TLB_MAX_INDEX; i++)
        space_flush(tc, &mmu->root->space[i]);
    tc->counters.tlb_flushes++;
}

/* Entries that a bitmap has, which is empty afterwards. */
static void drop_marked(struct tlb_fast *fast, uint64_t marked[TLB_FAST_SIZE / 64])
{
    for (unsigned w = 0; w < TLB_FAST_SIZE / 64; w++)
        for (; marked[w]; marked[w] &= marked[w] - 1)
            fast[64 * w + (unsigned)__builtin_ctzll(marked[w])].tag = TLB_INVALID;
}

static void ctx_flush_nonglobal(struct tcg_ctx *ctx)
{
    drop_marked(ctx->rd, ctx->rd_local);
    drop_marked(ctx->wr, ctx->wr_local);
    ctx->exec.unproved |= ctx->exec.local;
}

/* Keep what is global in the fast tables; the rest forgets it (generation), which costs refills
 * only. */
static void root_flush_nonglobal(struct tcg_cpu *tc, struct tcg_root *root)
{
    for (unsigned i = 0; i < TLB_MAX_INDEX; i++) {
        struct tcg_space *sp = &root->space[i];
        for (unsigned k = 0; k < TLB_MODES && sp->ctx[k]; k++)
            ctx_flush_nonglobal(sp->ctx[k]);
        space_renew(tc, sp);
    }
}

/* Of a page, whatever an address of it has in bits that are ignored. */
static void fast_drop(struct tlb_fast *f, uint64_t vpage, uint64_t ignored)
{
    if (!((f->tag ^ vpage) & ~(ignored | (MEM_PAGE_SIZE - 1))) && f->tag != TLB_INVALID)
        f->tag = TLB_INVALID;
}

static void code_drop_page(struct tcg_mmu *mmu, const struct tcg_space *sp, uint64_t vpage)
{
    const unsigned region = tlb_code_region(vpage);
    if (!(sp->code_regions[region / 64] >> region % 64 & 1))
        return; /* the slot is seldom in the host's caches */
    struct tlb_code_page *p = tlb_code_slot(mmu, sp, vpage);
    if (p->vpage == vpage && p->generation == sp->generation)
        p->generation = 0;
}

/* What is cached of one 4 KiB page, without the rest of a large page it may be part of. */
static void space_drop_page(struct tcg_cpu *tc, struct tcg_space *sp, uint64_t vpage)
{
    const unsigned places[] = {tlb_index(vpage), tlb_victim_index(vpage)};
    const uint64_t ignored = tc->arch->address_tag;
    for (unsigned k = 0; k < TLB_MODES && sp->ctx[k]; k++)
        for (unsigned p = 0; p < ARRAY_SIZE(places); p++) {
            fast_drop(&sp->ctx[k]->rd[places[p]], vpage, ignored);
            fast_drop(&sp->ctx[k]->wr[places[p]], vpage, ignored);
        }
    code_drop_page(tc->mmu, sp, vpage);
}

void tlb_page_fault(struct tcg_cpu *tc, uint64_t vaddr)
{
    struct tcg_mmu *mmu = tc->mmu;
    for (unsigned i = 0; i < TLB_MAX_INDEX; i++) {
        struct tcg_space *sp = &mmu->root->space[i];
        if (!sp->ctx[0])
            continue;
        space_drop_page(tc, sp, align_down(vaddr, MEM_PAGE_SIZE));
        for (unsigned access = 0; access < ACCESS_KINDS; access++) {
            struct tlb_region *g = tlb_region_slot(mmu, sp, vaddr, (enum tcg_access)access);
            if (g->walks == sp->walks && g->number == vaddr >> REGION_BITS)
                g->walks = 0;
        }
    }
}

static void ctx_drop_range(struct tcg_ctx *ctx, uint64_t base, unsigned shift, uint64_t ignored)
{
    for (unsigned n = 0; n < TLB_FAST_SIZE; n++) {
        if (!(((ctx->rd[n].tag ^ base) & ~ignored) >> shift))
            ctx->rd[n].tag = TLB_INVALID;
        if (!(((ctx->wr[n].tag ^ base) & ~ignored) >> shift))
            ctx->wr[n].tag = TLB_INVALID;
    }
    ctx->exec.unproved |= exec_overlaps(&ctx->exec, base, shift);
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
            sp->ctx[k]->exec.unproved |= exec_overlaps(&sp->ctx[k]->exec, base, shift);
        return;
    }
    for (unsigned k = 0; k < TLB_MODES && sp->ctx[k]; k++)
        ctx_drop_range(sp->ctx[k], base, shift, tc->arch->address_tag);
    for (uint64_t at = base; at - base < UINT64_C(1) << shift; at += MEM_PAGE_SIZE)
        code_drop_page(tc->mmu, sp, at);
}

static void space_flush_page(struct tcg_cpu *tc, struct tcg_space *sp, uint64_t vaddr)
{
    if (!sp->ctx[0])
        return;
    const uint64_t noted = vaddr & ~tc->arch->address_tag; /* see note_large() */
    if (sp->huge_lo <= sp->huge_hi && noted >= sp->huge_lo && noted <= sp->huge_hi) {
        space_flush(tc, sp);
        return;
    }
    const bool large = sp->any_large && tlb_large_noted(sp, noted);
    const unsigned shift = large ? TLB_LARGE_SHIFT : MEM_PAGE_BITS;
    space_drop_range(tc, sp, vaddr >> shift << shift, shift);
    /* What is known of upper levels goes whatever their address. */
    sp->walks = ++tc->mmu->next_generation;
}

static void log_flush_page(const struct tcg_cpu *tc, uint64_t vaddr)
{
    log_msg(&tc->vcpu->machine->log, LOG_MMU, "cpu %u: flush, page 0x%016llx", tc->vcpu->index,
            (unsigned long long)vaddr);
}

static void root_flush_page(struct tcg_cpu *tc, struct tcg_root *root, uint64_t vaddr)
{
    for (unsigned i = 0; i < TLB_MAX_INDEX; i++)
        if (root->valid)
            space_flush_page(tc, &root->space[i], vaddr);
}

void tcg_mmu_flush_page(struct tcg_cpu *tc, uint64_t vaddr)
{
    log_flush_page(tc, vaddr);
    /* A global page may be cached in every root. */
    for (unsigned r = 0; r < TLB_ROOTS; r++)
        root_flush_page(tc, &tc->mmu->roots[r], vaddr);
    exec_prove(tc, tc->ctx);
}

void tcg_mmu_flush_page_tag(struct tcg_cpu *tc, uint64_t vaddr, uint64_t tag)
{
    log_flush_page(tc, vaddr);
    for (unsigned r = 0; r < TLB_ROOTS; r++)
        if (tc->mmu->roots[r].tag == tag)
            root_flush_page(tc, &tc->mmu->roots[r], vaddr);
    exec_prove(tc, tc->ctx);
}

void tcg_mmu_keys_changed(struct tcg_cpu *tc)
{
    struct tcg_mmu *mmu = tc->mmu;
    if (!mmu->keyed)
        return;
    mmu->keyed = false;
    for (unsigned r = 0; r < TLB_ROOTS; r++)
        for (unsigned i = 0; i < TLB_MAX_INDEX; i++)
            for (unsigned k = 0; k < TLB_MODES && mmu->roots[r].space[i].ctx[k]; k++) {
                struct tcg_ctx *ctx = mmu->roots[r].space[i].ctx[k];
                drop_marked(ctx->rd, ctx->rd_keyed);
                drop_marked(ctx->wr, ctx->wr_keyed);
            }
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
        for (unsigned i = 0; count && i < TLB_MAX_INDEX; i++)
            root->space[i].walks = ++tc->mmu->next_generation;
        return;
    }
    root_flush_nonglobal(tc, root);
    tables_start(tc->tm, &root->tables, tc->mmu->reloads >= TABLE_RELOADS && !root->tag);
}

void tcg_mmu_flush(struct tcg_cpu *tc, bool keep_global)
{
    struct tcg_mmu *mmu = tc->mmu;
    if (!keep_global) {
        tlb_flush_all(tc);
        return;
    }
    log_flush(tc, "all but global pages");
    for (unsigned r = 0; r < TLB_ROOTS; r++)
        mmu->roots[r].stale = true;
    root_renew(tc, mmu->root);
    exec_prove(tc, tc->ctx);
    tc->counters.tlb_flushes++;
}

void tcg_mmu_flush_tag(struct tcg_cpu *tc, uint64_t tag)
{
    struct tcg_mmu *mmu = tc->mmu;
    log_flush(tc, "a tag");
    for (unsigned r = 0; r < TLB_ROOTS; r++)
        if (mmu->roots[r].tag == tag)
            mmu->roots[r].stale = true;
    if (mmu->root->stale)
        root_renew(tc, mmu->root);
    exec_prove(tc, tc->ctx);
    exec_prove(tc, tc->ctx);
    tc->counters.tlb_flushes++;
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
    root->tag = tc->arch->mmu_root_tag(key);
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
    const uint64_t tag = tc->arch->mmu_root_tag(key);

    tc->counters.ctx_switches++;
    log_msg(&tc->vcpu->machine->log, LOG_MMU, "cpu %u: root 0x%016llx%s", tc->vcpu->index,
            (unsigned long long)key, flush ? ", flushed" : "");
    for (unsigned r = 0; r < TLB_ROOTS; r++) {
        struct tcg_root *root = &mmu->roots[r];
        if (!root->valid)
            continue;
        if (flush && root->tag == tag)
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
    if (tc->ctx)
        tcg_mode_set(tc, tc->mode, tc->ctx->space->mmu_index);
}

void tcg_mmu_set_memory(struct tcg_cpu *tc, struct mem_space *space)
{
    tc->memory = space;
    tc->mmu->ram = (struct tlb_ram){0};
}

void tlb_forget_code(struct tcg_cpu *tc)
{
    for (unsigned r = 0; r < TLB_ROOTS; r++)
        for (unsigned i = 0; i < TLB_MAX_INDEX; i++)
            for (unsigned k = 0; k < TLB_MODES && tc->mmu->roots[r].space[i].ctx[k]; k++)
                tlb_ctx_forget_code(tc->mmu->roots[r].space[i].ctx[k]);
}

void tlb_forget_link(struct tcg_cpu *tc, uint32_t id)
{
    for (unsigned r = 0; r < TLB_ROOTS; r++)
        for (unsigned i = 0; i < TLB_MAX_INDEX; i++)
            for (unsigned k = 0; k < TLB_MODES && tc->mmu->roots[r].space[i].ctx[k]; k++) {
                uint32_t *link = &tc->mmu->roots[r].space[i].ctx[k]->links[id % LINK_TABLE_SIZE];
                *link = *link == id ? 0 : *link;
            }
}

unsigned tlb_contexts(struct tcg_mmu *mmu, struct tcg_ctx *list[TLB_CONTEXTS])
{
    unsigned count = 0;
    for (unsigned r = 0; r < TLB_ROOTS; r++)
        for (unsigned i = 0; i < TLB_MAX_INDEX && mmu->roots[r].valid; i++)
            for (unsigned k = 0; k < TLB_MODES && mmu->roots[r].space[i].ctx[k]; k++)
                list[count++] = mmu->roots[r].space[i].ctx[k];
    return count;
}

static bool may_store(const struct tlb_fast *f)
{
    return !(f->tag & TLB_FLAGS); /* TLB_INVALID has them all */
}

/* Does an entry n let pages of the slot be written? */
static bool stores_live(struct tcg_mmu *mmu, const struct tlb_stores *slot,
                        struct tcg_ctx *const list[], unsigned count, unsigned n)
{
    for (unsigned c = 0; c < count; c++) {
        const struct tlb_fast *f = &list[c]->wr[n];
        if (may_store(f) && tlb_stores_slot(mmu, f->tag + f->addend) == slot)
            return true;
    }
    return false;
}

void tlb_stores_add(struct tcg_mmu *mmu, struct tlb_stores *slot, unsigned n)
{
    struct tcg_ctx *list[TLB_CONTEXTS];
    if (slot->entry[0] == TLB_ANYWHERE)
        return;
    for (unsigned k = 0; k < STORES_WAYS; k++)
        if (!slot->entry[k]) {
            slot->entry[k] = (uint16_t)(n + 1);
            return;
        }
    if (!mmu->root->tables.watched) { /* hardly any page is looked for: not worth the search */
        slot->entry[0] = TLB_ANYWHERE;
        return;
    }
    const unsigned count = tlb_contexts(mmu, list);
    for (unsigned k = 0; k < STORES_WAYS; k++)
        if (!stores_live(mmu, slot, list, count, slot->entry[k] - 1u)) {
            slot->entry[k] = (uint16_t)(n + 1);
            return;
        }
    slot->entry[0] = TLB_ANYWHERE;
}

static void protect_entry(struct tlb_fast *f, uint64_t host)
{
    if (may_store(f) && f->tag + f->addend == host)
        f->tag |= TLB_CODE;
}

/* All entries of all contexts; the slot says no more than there is. */
static void protect_anywhere(struct tcg_mmu *mmu, struct tlb_stores *slot,
                             struct tcg_ctx *const list[], unsigned count, uint64_t host)
{
    *slot = (struct tlb_stores){{0}};
    for (unsigned c = 0; c < count; c++)
        for (unsigned n = 0; n < TLB_FAST_SIZE; n++) {
            struct tlb_fast *f = &list[c]->wr[n];
            protect_entry(f, host);
            if (may_store(f) && tlb_stores_slot(mmu, f->tag + f->addend) == slot &&
                slot->entry[0] != n + 1 && slot->entry[1] != n + 1)
                tlb_stores_add(mmu, slot, n);
        }
}

void tlb_protect_host_page(struct tcg_cpu *tc, const uint8_t *host_page)
{
    struct tcg_mmu *mmu = tc->mmu;
    const uint64_t host = (uint64_t)(uintptr_t)host_page;
    struct tlb_stores *slot = tlb_stores_slot(mmu, host);
    struct tcg_ctx *list[TLB_CONTEXTS];
    const unsigned count = tlb_contexts(mmu, list);
    if (slot->entry[0] == TLB_ANYWHERE) {
        protect_anywhere(mmu, slot, list, count, host);
        return;
    }
    for (unsigned k = 0; k < STORES_WAYS; k++)
        for (unsigned c = 0; slot->entry[k] && c < count; c++)
            protect_entry(&list[c]->wr[slot->entry[k] - 1], host);
}

void tcg_mode_set(struct tcg_cpu *tc, uint64_t mode, unsigned index)
{
    struct tcg_ctx *ctx = tc->mmu->root->space[index].last;
    if (!ctx || ctx->jump_mode != mode) {
        ctx = mode_context(tc, index, mode);
        ctx->space->last = ctx;
    }
    if (ctx->exec.unproved)
        exec_prove(tc, ctx);
    tc->mode = mode;
    tc->ctx = ctx;
}

void tcg_mode_changed(struct tcg_cpu *tc)
{
    tcg_mode_set(tc, tc->arch->mode_word(tc), tc->arch->mmu_index(tc));
}
