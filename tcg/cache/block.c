/* Blocks, pages and links. See block.h. */
#include "tcg/cache/block.h"

#include <stdlib.h>
#include <string.h>

#include "core/util/range.h"
#include "tcg/machine.h"
#include "tcg/mmu/tlb.h"

enum { ARENA_SIZE = 1 << 20 };

static unsigned hash_key(const struct tcg_page *page, uint32_t offset, uint64_t mode)
{
    uint64_t h = ((uint64_t)(uintptr_t)page >> 4) * 0x9e3779b97f4a7c15u + offset;
    h = (h ^ mode) * 0x9e3779b97f4a7c15u;
    return (unsigned)(h >> (64 - CACHE_HASH_BITS));
}

void cache_init(struct tcg_cache *c)
{
    memset(c, 0, sizeof *c);
}

static void arena_free(struct tcg_cache *c)
{
    while (c->arena) {
        struct tcg_arena *next = c->arena->next;
        free(c->arena);
        c->arena = next;
    }
}

void *cache_alloc(struct tcg_machine *tm, size_t size)
{
    struct tcg_cache *c = &tm->cache;
    size = (size + 7) & ~(size_t)7;
    if (!c->arena || c->arena->size - c->arena->used < size) {
        size_t room = size > ARENA_SIZE ? size : ARENA_SIZE;
        struct tcg_arena *a = malloc(sizeof *a + room);
        if (!a)
            return NULL;
        a->next = c->arena;
        a->used = (16 - (uintptr_t)a->data % 16) % 16;
        a->size = room;
        c->arena = a;
    }
    void *p = c->arena->data + c->arena->used;
    c->arena->used += size;
    return p;
}

struct tcg_block *cache_find(struct tcg_machine *tm, const struct tcg_page *page, uint32_t offset,
                             uint64_t mode, const struct tcg_block *after)
{
    struct tcg_block *b =
        after ? __atomic_load_n(&after->hash_next, __ATOMIC_ACQUIRE)
              : __atomic_load_n(&tm->cache.hash[hash_key(page, offset, mode)], __ATOMIC_ACQUIRE);
    while (b && (b->page != page || b->offset != offset || b->mode != mode ||
                 __atomic_load_n(&b->dead, __ATOMIC_ACQUIRE)))
        b = __atomic_load_n(&b->hash_next, __ATOMIC_ACQUIRE);
    return b;
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

static void page_add(struct tcg_part *p)
{
    p->page_next = p->page->parts;
    p->page->parts = p;
    __atomic_fetch_or(&p->page->lines, extent_lines(p->lo, p->hi), __ATOMIC_SEQ_CST);
}

static void page_remove(struct tcg_page *page, const struct tcg_block *gone)
{
    struct tcg_part **where = &page->parts;
    uint64_t lines = 0;
    while (*where) {
        struct tcg_part *p = *where;
        if (p->block == gone) {
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
    uint32_t lo = (uint32_t)(offset - page->offset), hi = lo + (uint32_t)len;
    enum cache_hit hit = CACHE_MISS;
    if (!(page->lines & extent_lines(lo, hi)))
        return CACHE_MISS;
    for (const struct tcg_part *p = page->parts; p; p = p->page_next) {
        if (!range_overlaps(lo, len, p->lo, (uint32_t)(p->hi - p->lo)))
            continue;
        if (tc->tm->backend->runs(tc, p->block))
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

void cache_describe_exits(struct tcg_block *b, const struct ir_region *r, uint32_t *next_link_id)
{
    for (uint32_t n = r->first_exit; b->exit_count < r->exit_count; n++) {
        const struct ir_insn *i = &r->insns[n];
        if (!(ir_traits[i->op] & IR_TRAIT_LEAVE) || !ir_exits(i))
            continue;
        struct tcg_exit_site *site = &b->exits[b->exit_count++];
        *site = (struct tcg_exit_site){
            .target = (int32_t)(int64_t)i->imm,
            .from = b,
            .flags = i->op == IR_EXIT ? i->aux : (uint8_t)i->d,
        };
        list_init(&site->in);
        if (site->flags & IR_EXIT_CROSS)
            site->link_id = ++*next_link_id;
    }
}

/* ---- insert, link, remove
 * ----------------------------------------------------------------------------- */

void cache_insert(struct tcg_machine *tm, struct tcg_block *b)
{
    struct tcg_block **head = &tm->cache.hash[hash_key(b->page, b->offset, b->mode)];
    for (unsigned n = 0; n < b->part_count; n++)
        page_add(&b->parts[n]);
    b->hash_next = *head;
    __atomic_store_n(head, b, __ATOMIC_RELEASE);
    tm->cache.block_count++;
}

bool cache_origin(struct tcg_machine *tm, struct tcg_block *b)
{
    struct tcg_origin *o;
    size_t len = 0;
    for (unsigned n = 0; n < b->part_count; n++)
        len += (size_t)(b->parts[n].hi - b->parts[n].lo);
    o = cache_alloc(tm, sizeof *o + len);
    if (!o)
        return false;
    *o = (struct tcg_origin){.next = tm->cache.origins, .block = b};
    tm->cache.origins = b->origin = o;
    return true;
}

static void unlink_site(struct tcg_machine *tm, struct tcg_exit_site *site)
{
    if (!site->to)
        return;
    tm->backend->link(tm, site->from, (unsigned)(site - site->from->exits), NULL);
    list_remove(&site->in);
    __atomic_store_n(&site->to, NULL, __ATOMIC_RELEASE);
    tm->counters.link_breaks++;
}

void cache_link(struct tcg_machine *tm, struct tcg_exit_site *site, struct tcg_block *to)
{
    if (site->from->dead || (to && to->dead) || site->to == to)
        return;
    unlink_site(tm, site);
    if (!to)
        return;
    __atomic_store_n(&site->to, to, __ATOMIC_RELEASE);
    list_add_tail(&to->incoming, &site->in);
    tm->backend->link(tm, site->from, (unsigned)(site - site->from->exits), to);
    tm->counters.links++;
}

static void hash_remove(struct tcg_machine *tm, struct tcg_block *b)
{
    struct tcg_block **where = &tm->cache.hash[hash_key(b->page, b->offset, b->mode)];
    while (*where && *where != b)
        where = &(*where)->hash_next;
    if (*where) /* readers on b may still follow b->hash_next: it keeps its value */
        __atomic_store_n(where, b->hash_next, __ATOMIC_RELEASE);
}

void cache_replace(struct tcg_machine *tm, struct tcg_block *from, struct tcg_block *to)
{
    cache_insert(tm, to);
    hash_remove(tm, from);
    while (!list_empty(&from->incoming))
        cache_link(tm, list_entry(from->incoming.next, struct tcg_exit_site, in), to);
    tm->backend->kill(tm, from);
    to->first_tier = from;
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
    while (!list_empty(&b->incoming))
        unlink_site(tm, list_entry(b->incoming.next, struct tcg_exit_site, in));
    for (unsigned n = 0; n < b->exit_count; n++)
        unlink_site(tm, &b->exits[n]);
}

void cache_remove(struct tcg_machine *tm, struct tcg_block *b)
{
    hash_remove(tm, b);
    cache_unlink(tm, b);
    for (unsigned n = 0; n < b->part_count; n++)
        if (!n || b->parts[n].page != b->parts[n - 1].page)
            page_remove(b->parts[n].page, b);
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
        for (struct tcg_part *part = page->parts; part;) {
            if (!range_overlaps(lo, hi - lo, part->lo, (uint64_t)(part->hi - part->lo))) {
                part = part->page_next;
                continue;
            }
            cache_remove(tm, part->block);
            count++;
            part = page->parts; /* the block may have had several parts here */
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
                table[n]->parts = NULL; /* `code` stays: the TLBs still say so */
                __atomic_store_n(&table[n]->lines, 0, __ATOMIC_SEQ_CST);
            }
        }
    }
    arena_free(c);
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

void cache_ram_freed(struct tcg_machine *tm, struct ram_block *ram)
{
    struct tcg_page **table = ram->tcg;
    if (!table)
        return;
    pthread_mutex_lock(&tm->code_lock);
    cache_invalidate(tm, ram, 0, ram->size);
    for (uint64_t n = 0; n < ram->size >> MEM_PAGE_BITS; n++)
        free(table[n]);
    free(table);
    ram->tcg = NULL;
    pthread_mutex_unlock(&tm->code_lock);
}

void cache_free(struct tcg_machine *tm)
{
    arena_free(&tm->cache);
}
