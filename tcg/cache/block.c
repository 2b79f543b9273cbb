/* Blocks, pages and links. See block.h. */
#include "tcg/cache/block.h"

#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

#include "core/util/range.h"
#include "tcg/machine.h"
#include "tcg/mmu/tlb.h"

/*
 * The hash is of links: the reference to a block, a few more bits of its key's hash, and whether
 * others follow in its bucket. So most blocks that are not the one looked for need not be looked
 * at, which would be a cache miss.
 */
enum {
    LINK_MORE = 1 << RECORD_REF_BITS,
    LINK_TAG_SHIFT = RECORD_REF_BITS + 1,
    LINK_TAG_BITS = 32 - LINK_TAG_SHIFT,
};

/* Blocks of a page are near each other in the table: who looks for one looks for its neighbours
 * soon. Behind the bits that choose the bucket are those of the tag. */
static uint64_t hash_key(const struct tcg_page *page, uint32_t offset, uint64_t mode)
{
    enum { NEAR_BITS = 7 };
    const uint64_t k = 0x9e3779b97f4a7c15u;
    const uint64_t of_page = ((uint64_t)(uintptr_t)page >> 4) * k,
                   in_page = (mode * k ^ offset) * k;
    const uint64_t bucket = (of_page >> (64 - CACHE_HASH_BITS)) + (in_page >> (64 - NEAR_BITS));
    const uint64_t rest = in_page << NEAR_BITS ^ of_page << CACHE_HASH_BITS;
    return bucket << (64 - CACHE_HASH_BITS) | rest >> CACHE_HASH_BITS;
}

static unsigned bucket_of(uint64_t hash)
{
    return (unsigned)(hash >> (64 - CACHE_HASH_BITS));
}

static uint32_t tag_of(uint64_t hash)
{
    return (uint32_t)(hash >> (64 - CACHE_HASH_BITS - LINK_TAG_BITS)) << LINK_TAG_SHIFT;
}

static struct tcg_block *link_block(const struct tcg_cache *c, uint32_t link)
{
    return record_at(&c->records, link & ((UINT32_C(1) << RECORD_REF_BITS) - 1));
}

bool cache_init(struct tcg_machine *tm, struct vemu_error **errp)
{
    return records_init(&tm->cache.records, tm->cache_size, errp);
}

void *cache_alloc(struct tcg_machine *tm, size_t size)
{
    return records_alloc(&tm->cache.records, size);
}

struct tcg_block *cache_find(struct tcg_machine *tm, const struct tcg_page *page, uint32_t offset,
                             uint64_t mode, const struct tcg_block *after)
{
    const struct tcg_cache *c = &tm->cache;
    /* The page's record is at hand; the hash is not, nor the block's. */
    if (!(__atomic_load_n(&page->lines, __ATOMIC_ACQUIRE) >> (offset / 64) & 1))
        return NULL;
    const uint64_t hash = hash_key(page, offset, mode);
    const uint32_t tag = tag_of(hash);
    uint32_t link =
        __atomic_load_n(after ? &after->hash_next : &c->hash[bucket_of(hash)], __ATOMIC_ACQUIRE);
    while (link) {
        if (link >> LINK_TAG_SHIFT << LINK_TAG_SHIFT != tag && !(link & LINK_MORE))
            return NULL;
        struct tcg_block *b = link_block(c, link);
        if (b->page == page && b->offset == offset && b->mode == mode &&
            !__atomic_load_n(&b->dead, __ATOMIC_ACQUIRE))
            return b;
        link = __atomic_load_n(&b->hash_next, __ATOMIC_ACQUIRE);
    }
    return NULL;
}

struct tcg_block *cache_in_bucket(const struct tcg_cache *c, unsigned n,
                                  const struct tcg_block *after)
{
    return link_block(c, after ? after->hash_next : c->hash[n]);
}

/* ---- records
 * --------------------------------------------------------------------------------------------- */

size_t block_size(const struct block_shape *s)
{
    return sizeof(struct tcg_block) + s->exits * sizeof(struct tcg_exit_site) +
           s->guards * sizeof(struct tcg_guard) +
           align_up(s->parts * sizeof(struct tcg_part), alignof(struct tcg_crossing)) +
           s->crossings * sizeof(struct tcg_crossing);
}

void block_make(struct tcg_block *b, const struct block_shape *s)
{
    memset(b, 0, block_size(s));
    b->exit_count = (uint16_t)s->exits;
    b->guard_count = s->guards & 7;
    b->part_count = (uint16_t)s->parts;
    for (unsigned n = 0; n < s->exits; n++)
        block_exit(b, n)->from = (uint16_t)((uintptr_t)block_exit(b, n) - (uintptr_t)b);
}

struct tcg_block *cache_block(struct tcg_machine *tm, const struct block_shape *shape)
{
    struct tcg_block *b = cache_alloc(tm, block_size(shape));
    if (b)
        block_make(b, shape);
    return b;
}

void block_cross(struct tcg_block *b, unsigned n, unsigned number, uint32_t link_id)
{
    struct tcg_exit_site *x = block_exit(b, n);
    uintptr_t first =
        align_up((uintptr_t)block_part(b, b->part_count), alignof(struct tcg_crossing));
    x->crossing = (uint16_t)(first + number * sizeof(struct tcg_crossing) - (uintptr_t)x);
    exit_crossing(x)->link_id = link_id;
}

/* ---- pages
 * ------------------------------------------------------------------------------------------ */

/* ram->tcg: an array of page records, made when a TLB first maps a page of the block: an entry that
 * outlives the page's becoming code finds the record there. */
struct tcg_page **cache_page_slot(struct ram_block *ram, uint64_t offset)
{
    struct tcg_page **table = __atomic_load_n((struct tcg_page ***)&ram->tcg, __ATOMIC_ACQUIRE);
    return table ? &table[offset >> MEM_PAGE_BITS] : NULL;
}

struct tcg_page **cache_page_slot_make(struct ram_block *ram, uint64_t offset)
{
    struct tcg_page **slot = cache_page_slot(ram, offset), **none = NULL;
    if (slot)
        return slot;
    struct tcg_page **table = calloc(ram->size >> MEM_PAGE_BITS, sizeof *table);
    if (!table)
        return NULL;
    if (!__atomic_compare_exchange_n((struct tcg_page ***)&ram->tcg, &none, table, false,
                                     __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
        free(table); /* another vCPU was faster */
        table = none;
    }
    return &table[offset >> MEM_PAGE_BITS];
}

struct tcg_page *cache_page(struct ram_block *ram, uint64_t offset)
{
    struct tcg_page **slot = cache_page_slot(ram, offset);
    return slot ? __atomic_load_n(slot, __ATOMIC_ACQUIRE) : NULL;
}

struct tcg_page *cache_page_make(struct tcg_machine *tm, struct ram_block *ram, uint64_t offset)
{
    (void)tm;
    struct tcg_page **slot = cache_page_slot_make(ram, offset), *none = NULL;
    if (!slot)
        return NULL;
    struct tcg_page *p = __atomic_load_n(slot, __ATOMIC_ACQUIRE);
    if (p)
        return p;
    p = calloc(1, sizeof *p);
    if (!p)
        return NULL;
    p->ram = ram;
    p->offset = align_down(offset, MEM_PAGE_SIZE);
    if (!__atomic_compare_exchange_n(slot, &none, p, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
        free(p); /* another vCPU was faster */
        p = none;
    }
    return p;
}

static uint64_t extent_lines(uint32_t lo, uint32_t hi)
{
    unsigned first = lo / 64, last = (hi - 1) / 64;
    return mask_bits(last - first + 1) << first;
}

static void page_add(const struct tcg_cache *c, struct tcg_page *page, struct tcg_part *p)
{
    p->page_next = page->parts;
    page->parts = record_ref(&c->records, p);
    __atomic_fetch_or(&page->lines, extent_lines(p->lo, p->hi), __ATOMIC_SEQ_CST);
}

static void page_remove(const struct tcg_cache *c, struct tcg_page *page,
                        const struct tcg_block *gone)
{
    tcg_ref *where = &page->parts, block = record_ref(&c->records, gone);
    uint64_t lines = 0;
    while (*where) {
        struct tcg_part *p = record_at(&c->records, *where);
        if (p->block == block) {
            *where = p->page_next;
            continue;
        }
        lines |= extent_lines(p->lo, p->hi);
        where = &p->page_next;
    }
    __atomic_store_n(&page->lines, lines, __ATOMIC_SEQ_CST);
}

bool cache_covers(struct ram_block *ram, uint64_t offset, uint64_t len)
{
    for (uint64_t p = align_down(offset, MEM_PAGE_SIZE); p < offset + len; p += MEM_PAGE_SIZE) {
        struct tcg_page *page = cache_page(ram, p);
        uint64_t lo = MAX(offset, p) - p, hi = MIN(offset + len, p + MEM_PAGE_SIZE) - p;
        if (page && (__atomic_load_n(&page->lines, __ATOMIC_ACQUIRE) &
                     extent_lines((uint32_t)lo, (uint32_t)hi)))
            return true;
    }
    return false;
}

enum cache_hit cache_hits(const struct tcg_cpu *tc, const struct tcg_page *page, uint64_t offset,
                          uint64_t len)
{
    const struct tcg_cache *c = &tc->tm->cache;
    uint32_t lo = (uint32_t)(offset - page->offset), hi = lo + (uint32_t)len;
    enum cache_hit hit = CACHE_MISS;
    if (!(page->lines & extent_lines(lo, hi)))
        return CACHE_MISS;
    const struct tcg_part *p = record_at(&c->records, page->parts);
    for (; p; p = record_at(&c->records, p->page_next)) {
        if (!range_overlaps(lo, len, p->lo, (uint32_t)(p->hi - p->lo)))
            continue;
        if (tc->tm->backend->runs(tc, cache_block_at(c, p->block)))
            return CACHE_HIT_RUNNING;
        hit = CACHE_HIT;
    }
    return hit;
}

bool cache_has_code(struct ram_block *ram, uint64_t offset, uint64_t len)
{
    for (uint64_t p = align_down(offset, MEM_PAGE_SIZE); p < offset + len; p += MEM_PAGE_SIZE) {
        struct tcg_page *page = cache_page(ram, p);
        bool code = false;
        /* Read-modify-write here and where it is set: a barrier between the bytes and the flag. */
        if (page && !__atomic_compare_exchange_n(&page->code, &code, false, false, __ATOMIC_SEQ_CST,
                                                 __ATOMIC_SEQ_CST))
            return true;
    }
    return false;
}

/* ---- exits ---------------------------------------------------------------------------------- */

void block_describe_exits(struct tcg_block *b, const struct ir_region *r, uint32_t *next_link_id)
{
    unsigned seen = 0, crossings = 0;
    for (uint32_t n = r->first_exit; seen < r->exit_count; n++) {
        const struct ir_insn *i = &r->insns[n];
        if (!(ir_traits[i->op] & IR_TRAIT_LEAVE) || !ir_exits(i))
            continue;
        struct tcg_exit_site *site = block_exit(b, seen++);
        site->target = (int32_t)(int64_t)i->imm;
        site->flags = (uint8_t)ir_exit_flags(i);
        if (site->flags & IR_EXIT_CROSS)
            block_cross(b, seen - 1, crossings++, ++*next_link_id);
    }
}

/* ---- insert, link, remove
 * ----------------------------------------------------------------------------- */

void cache_insert(struct tcg_machine *tm, struct tcg_block *b)
{
    struct tcg_cache *c = &tm->cache;
    const uint64_t hash = hash_key(b->page, b->offset, b->mode);
    uint32_t *head = &c->hash[bucket_of(hash)];
    for (unsigned n = 0; n < b->part_count; n++) {
        struct tcg_part *p = block_part(b, n);
        p->block = record_ref(&c->records, b);
        page_add(c, block_page(b, p->page), p);
    }
    b->hash_next = *head;
    __atomic_store_n(head,
                     record_ref(&c->records, b) | tag_of(hash) | (b->hash_next ? LINK_MORE : 0),
                     __ATOMIC_RELEASE);
    c->block_count++;
}

bool cache_origin(struct tcg_machine *tm, struct tcg_block *b)
{
    struct tcg_origin *o;
    size_t len = 0;
    for (unsigned n = 0; n < b->part_count; n++)
        len += (size_t)(block_part(b, n)->hi - block_part(b, n)->lo);
    o = cache_alloc(tm, sizeof *o + len);
    if (!o)
        return false;
    *o = (struct tcg_origin){.next = tm->cache.origins, .block = b};
    tm->cache.origins = o;
    b->origin = record_ref(&tm->cache.records, o);
    return true;
}

static unsigned exit_number(const struct tcg_exit_site *x)
{
    return (unsigned)(x - block_exit(exit_block(x), 0));
}

/* The list of a block's incoming sites, which has no order. */
static void incoming_add(const struct tcg_records *r, struct tcg_block *b, struct tcg_exit_site *x)
{
    struct tcg_exit_site *next = record_at(r, b->incoming);
    x->prev = 0;
    x->next = b->incoming;
    b->incoming = record_ref(r, x);
    if (next)
        next->prev = b->incoming;
}

static void incoming_remove(const struct tcg_records *r, struct tcg_exit_site *x)
{
    struct tcg_exit_site *next = record_at(r, x->next), *prev = record_at(r, x->prev);
    struct tcg_block *b = record_at(r, x->to);
    if (next)
        next->prev = x->prev;
    if (prev)
        prev->next = x->next;
    else
        b->incoming = x->next;
}

static void unlink_site(struct tcg_machine *tm, struct tcg_exit_site *site)
{
    if (!site->to)
        return;
    tm->backend->link(tm, exit_block(site), exit_number(site), NULL);
    incoming_remove(&tm->cache.records, site);
    __atomic_store_n(&site->to, 0, __ATOMIC_RELEASE);
    tm->counters.link_breaks++;
}

void cache_link(struct tcg_machine *tm, struct tcg_exit_site *site, struct tcg_block *to)
{
    const struct tcg_records *r = &tm->cache.records;
    struct tcg_block *from = exit_block(site);
    if (from->dead || (to && to->dead) || site->to == record_ref(r, to))
        return;
    unlink_site(tm, site);
    if (!to)
        return;
    __atomic_store_n(&site->to, record_ref(r, to), __ATOMIC_RELEASE);
    incoming_add(r, to, site);
    tm->backend->link(tm, from, exit_number(site), to);
    tm->counters.links++;
}

static void hash_remove(struct tcg_machine *tm, struct tcg_block *b)
{
    const struct tcg_cache *c = &tm->cache;
    uint32_t *where = &tm->cache.hash[bucket_of(hash_key(b->page, b->offset, b->mode))];
    while (*where && link_block(c, *where) != b)
        where = &link_block(c, *where)->hash_next;
    if (*where) /* readers on b may still follow b->hash_next: it keeps its value */
        __atomic_store_n(where, b->hash_next, __ATOMIC_RELEASE);
}

void cache_replace(struct tcg_machine *tm, struct tcg_block *from, struct tcg_block *to)
{
    const struct tcg_records *r = &tm->cache.records;
    cache_insert(tm, to);
    hash_remove(tm, from);
    while (from->incoming)
        cache_link(tm, record_at(r, from->incoming), to);
    tm->backend->kill(tm, from);
    to->first_tier = record_ref(r, from);
}

/* A vCPU may go round a loop of the block for long: have it look. */
static void leave_loops(struct tcg_machine *tm)
{
    for (unsigned n = 0; n < tm->m->vcpu_count; n++) {
        struct tcg_cpu *tc = tm->m->vcpus[n] ? tcg_cpu_of_vcpu(tm->m->vcpus[n]) : NULL;
        if (tc)
            __atomic_store_n(&tc->exit_request, 1, __ATOMIC_SEQ_CST);
    }
}

void cache_unlink(struct tcg_machine *tm, struct tcg_block *b)
{
    while (b->incoming)
        unlink_site(tm, record_at(&tm->cache.records, b->incoming));
    for (unsigned n = 0; n < b->exit_count; n++)
        unlink_site(tm, block_exit(b, n));
}

void cache_remove(struct tcg_machine *tm, struct tcg_block *b)
{
    hash_remove(tm, b);
    cache_unlink(tm, b);
    for (unsigned n = 0; n < b->part_count; n++)
        if (!n || block_part(b, n)->page != block_part(b, n - 1)->page)
            page_remove(&tm->cache, block_page(b, block_part(b, n)->page), b);
    __atomic_store_n(&b->dead, true, __ATOMIC_RELEASE);
    tm->backend->kill(tm, b);
    if (b->tier > 1)
        leave_loops(tm);
    tm->cache.block_count--;
    tm->counters.invalidations++;
}

unsigned cache_invalidate(struct tcg_machine *tm, struct ram_block *ram, uint64_t offset,
                          uint64_t len)
{
    unsigned count = 0;
    for (uint64_t p = align_down(offset, MEM_PAGE_SIZE); p < offset + len; p += MEM_PAGE_SIZE) {
        struct tcg_page *page = cache_page(ram, p);
        if (!page || !page->lines)
            continue;
        uint64_t lo = MAX(offset, p) - p, hi = MIN(offset + len, p + MEM_PAGE_SIZE) - p;
        __atomic_store_n(&page->writes, page->writes + 1, __ATOMIC_RELAXED);
        for (tcg_ref ref = page->parts; ref;) {
            const struct tcg_part *part = record_at(&tm->cache.records, ref);
            if (!range_overlaps(lo, hi - lo, part->lo, (uint64_t)(part->hi - part->lo))) {
                ref = part->page_next;
                continue;
            }
            cache_remove(tm, cache_block_at(&tm->cache, part->block));
            count++;
            ref = page->parts; /* the block may have had several parts here */
        }
    }
    return count;
}

void cache_flush(struct tcg_machine *tm)
{
    struct tcg_cache *c = &tm->cache;
    memset(c->hash, 0, sizeof c->hash);
    list_for_each(ram, &tm->m->rams.blocks, struct ram_block, node)
    {
        struct tcg_page **table = ram->tcg;
        for (uint64_t n = 0; table && n < ram->size >> MEM_PAGE_BITS; n++) {
            if (table[n]) {
                table[n]->parts = 0; /* `code` stays: the TLBs still say so */
                __atomic_store_n(&table[n]->lines, 0, __ATOMIC_SEQ_CST);
            }
        }
    }
    records_flush(&c->records);
    c->block_count = 0;
    c->next_link_id = 0;
    c->origins = NULL;
    c->flush_count++;
    tm->backend->flush(tm);
    tm->counters.cache_flushes++;
    for (unsigned n = 0; n < tm->m->vcpu_count; n++) {
        struct tcg_cpu *tc = tm->m->vcpus[n] ? tcg_cpu_of_vcpu(tm->m->vcpus[n]) : NULL;
        if (tc)
            tlb_forget_code(tc);
    }
}

static void free_pages(struct ram_block *ram)
{
    struct tcg_page **table = ram->tcg;
    for (uint64_t n = 0; table && n < ram->size >> MEM_PAGE_BITS; n++)
        free(table[n]);
    free(table);
    ram->tcg = NULL;
}

void cache_ram_freed(struct tcg_machine *tm, struct ram_block *ram)
{
    pthread_mutex_lock(&tm->code_lock);
    if (ram->tcg)
        cache_invalidate(tm, ram, 0, ram->size);
    free_pages(ram);
    pthread_mutex_unlock(&tm->code_lock);
}

/* Block by block nothing is removed: nobody looks for one any more. */
void cache_free(struct tcg_machine *tm)
{
    list_for_each(ram, &tm->m->rams.blocks, struct ram_block, node) free_pages(ram);
    records_free(&tm->cache.records);
}
