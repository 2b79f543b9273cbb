/* Watching translation tables. See tables.h. */
#include "tcg/mmu/tables.h"

#include <string.h>

#include "core/util/range.h"
#include "tcg/machine.h"
#include "tcg/mmu/tlb.h"

void tables_start(struct tcg_machine *tm, struct root_tables *t, bool watch)
{
    t->watched = watch && !tm->parallel;
    t->seen = __atomic_load_n(&tm->tables.count, __ATOMIC_ACQUIRE);
    t->count = 0;
    memset(t->last, 0, sizeof t->last);
}

static bool same_table(const struct root_table *a, const struct root_table *b)
{
    return a->ram == b->ram && a->offset == b->offset && a->base == b->base && a->shift == b->shift;
}

/* The only vCPU stores to the page no more without a check. */
static void guard(struct tcg_cpu *tc, struct tcg_page *page)
{
    __atomic_store_n(&page->table, true, __ATOMIC_SEQ_CST);
    if (!__atomic_exchange_n(&page->code, true, __ATOMIC_SEQ_CST))
        tlb_protect_host_page(tc, page->ram->host + page->offset);
}

bool tables_note(struct tcg_cpu *tc, struct root_tables *t, uint64_t vaddr,
                 const struct tcg_walk *w)
{
    bool again = false;
    for (unsigned i = 0; i < w->entry_count; i++) {
        const struct tcg_walk_entry *e = &w->entries[i];
        const struct root_table table = {.ram = e->ram,
                                         .offset = e->offset - (uint64_t)e->index * e->size,
                                         .base = (vaddr >> e->shift << e->shift) -
                                                 ((uint64_t)e->index << e->shift),
                                         .size = e->size,
                                         .shift = e->shift};
        unsigned n = t->last[i];
        if (n < t->count && same_table(&t->list[n], &table))
            continue;
        for (n = 0; n < t->count && !same_table(&t->list[n], &table); n++)
            ;
        struct tcg_page *page =
            e->ram && n < ROOT_TABLES ? cache_page_make(tc->tm, e->ram, e->offset) : NULL;
        if (!page) {
            t->watched = false;
            return false;
        }
        t->last[i] = (uint8_t)n;
        page->table_writes = 0;
        if (!page->table || e->size < page->table_entry)
            page->table_entry = e->size;
        if (n < t->count)
            continue;
        if (!page->table) {
            guard(tc, page);
            again = true;
        }
        t->list[t->count++] = table;
    }
    return again;
}

/* Largest range that is dropped by itself: 4 MiB. */
enum { RANGE_SHIFT_MAX = 22 };

struct drop_list {
    struct table_drop *drops;
    unsigned count;
};

static bool inside(const struct table_drop *d, uint64_t base, unsigned shift)
{
    return d->shift <= shift && (d->base ^ base) >> shift == 0;
}

/* Adds a range in place of what is inside it. false: the list is full. */
static bool add_drop(struct drop_list *l, uint64_t base, unsigned shift)
{
    unsigned kept = 0;
    base = base >> shift << shift;
    for (unsigned n = 0; n < l->count; n++)
        if (inside(&(struct table_drop){base, shift}, l->drops[n].base, l->drops[n].shift))
            return true;
    for (unsigned n = 0; n < l->count; n++)
        if (!inside(&l->drops[n], base, shift))
            l->drops[kept++] = l->drops[n];
    l->count = kept;
    if (kept == TABLE_DROPS)
        return false;
    l->drops[l->count++] = (struct table_drop){base, shift};
    return true;
}

/* Pages that are on the list, of those that a table maps. */
static unsigned pages_inside(const struct drop_list *l, uint64_t base, unsigned shift)
{
    unsigned pages = 0;
    for (unsigned n = 0; n < l->count; n++)
        pages += l->drops[n].shift < shift && inside(&l->drops[n], base, shift);
    return pages;
}

/* What the entries in a written range map. false: too much. */
static bool add_write(const struct root_table *table, const struct table_write *w,
                      struct drop_list *l)
{
    const uint64_t end = align_down(table->offset, MEM_PAGE_SIZE) + MEM_PAGE_SIZE;
    if (table->ram != w->ram ||
        !range_overlaps(table->offset, end - table->offset, w->offset, w->len))
        return true;
    const unsigned span = table->size == 8 ? 9 : 10; /* log2 of its entries */
    uint64_t first = (MAX(w->offset, table->offset) - table->offset) / table->size;
    uint64_t last = (MIN(w->offset + w->len, end) - 1 - table->offset) / table->size;
    if (table->shift == MEM_PAGE_BITS &&
        pages_inside(l, table->base, MEM_PAGE_BITS + span) + (last - first) >= TABLE_PAGES)
        return add_drop(l, table->base, MEM_PAGE_BITS + span);
    if (table->shift > RANGE_SHIFT_MAX || last - first >= TABLE_DROPS)
        return false;
    for (; first <= last; first++)
        if (!add_drop(l, table->base + (first << table->shift), table->shift))
            return false;
    return true;
}

/* The page may not be guarded any more: the next walk through it asks for that again. */
static void forget(struct root_tables *t, const struct table_write *w)
{
    unsigned kept = 0;
    for (unsigned n = 0; n < t->count; n++)
        if (t->list[n].ram != w->ram || align_down(t->list[n].offset, MEM_PAGE_SIZE) != w->offset)
            t->list[kept++] = t->list[n];
    t->count = kept;
    memset(t->last, 0, sizeof t->last);
}

bool tables_changed(struct tcg_machine *tm, struct root_tables *t,
                    struct table_drop drops[TABLE_DROPS], unsigned *count)
{
    struct tcg_table_log *log = &tm->tables;
    struct drop_list l = {.drops = drops};
    bool ok = t->watched;
    if (ok && __atomic_load_n(&log->count, __ATOMIC_ACQUIRE) != t->seen) {
        pthread_mutex_lock(&tm->code_lock);
        ok = log->count - t->seen <= TABLE_LOG_SIZE;
        for (; ok && t->seen != log->count; t->seen++) {
            const struct table_write *w = &log->writes[t->seen % TABLE_LOG_SIZE];
            for (unsigned n = 0; ok && n < t->count; n++)
                ok = add_write(&t->list[n], w, &l);
            if (w->len == MEM_PAGE_SIZE)
                forget(t, w);
        }
        pthread_mutex_unlock(&tm->code_lock);
    }
    *count = l.count;
    return ok;
}

static void log_write_to(struct tcg_machine *tm, struct ram_block *ram, uint64_t offset,
                         uint64_t len)
{
    struct tcg_table_log *log = &tm->tables;
    log->writes[log->count % TABLE_LOG_SIZE] = (struct table_write){ram, offset, len};
    __atomic_store_n(&log->count, log->count + 1, __ATOMIC_RELEASE);
}

/* Was any entry valid in the bytes as they still are? Nothing is cached of the others: filling
 * empty entries is most of what is written to tables. Bit 0 says so in those of x86 and Arm. */
static bool any_valid(const struct tcg_page *page, uint64_t offset, uint64_t len)
{
    const uint64_t size = page->table_entry;
    const uint8_t *host = page->ram->host;
    for (uint64_t at = align_down(offset, size); at < offset + len; at += size)
        if (host[at] & 1)
            return true;
    return false;
}

void tables_written(struct tcg_machine *tm, struct tcg_page *page, uint64_t offset, uint64_t len)
{
    bool counts = any_valid(page, offset, len);
    page->table_writes = (uint16_t)(page->table_writes + (counts ? TABLE_WRITE : 1));
    if (page->table_writes < TABLE_HOT) {
        if (counts)
            log_write_to(tm, page->ram, offset, len);
        return;
    }
    /* No table any more, or one that changes all the time: all it maps counts as written. */
    log_write_to(tm, page->ram, page->offset, MEM_PAGE_SIZE);
    __atomic_store_n(&page->table, false, __ATOMIC_SEQ_CST);
}

void tables_written_range(struct tcg_machine *tm, struct ram_block *ram, uint64_t offset,
                          uint64_t len)
{
    for (uint64_t p = align_down(offset, MEM_PAGE_SIZE); p < offset + len; p += MEM_PAGE_SIZE) {
        const struct tcg_page *page = cache_page(ram, p);
        if (page && __atomic_load_n(&page->table, __ATOMIC_ACQUIRE))
            log_write_to(tm, ram, MAX(offset, p),
                         MIN(offset + len, p + MEM_PAGE_SIZE) - MAX(offset, p));
    }
}
