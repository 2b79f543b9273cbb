/*
 * Translated blocks: lookup, pages, links, invalidation.
 *
 * A block's key is {page of a RAM or ROM block, offset in the page, mode word}. Lookup is
 * lock-free; blocks are inserted, linked and removed under tm->code_lock. A removed block is
 * unlinked at once (its code stays valid for vCPUs still inside) and its memory returns when the
 * cache is flushed at a safe point.
 */
#ifndef TCG_CACHE_BLOCK_H
#define TCG_CACHE_BLOCK_H

#include <stdbool.h>
#include <stdint.h>
#include "core/memory/memory.h"
#include "tcg/cache/records.h"

struct ir_region;
struct tcg_cpu;
struct tcg_machine;
struct tcg_page;

enum { CACHE_HASH_BITS = 17 };
/* Bit of the mode word that the core owns: a block of one instruction, never linked to. */
#define TCG_MODE_SINGLE (UINT64_C(1) << 63)
/* Likewise: which of several addresses of its page a block is for, in the contexts that have it at
 * several (tcg/mmu/tlb.h, struct exec_pages). */
#define TCG_MODE_ALIAS (UINT64_C(7) << TCG_MODE_ALIAS_SHIFT)
enum { TCG_MODE_ALIAS_SHIFT = 60, TCG_ALIAS_MAX = 7 };
/* Likewise: a block of the first tier beside a region that took the place of the one with the plain
 * mode word; not linked to. */
#define TCG_MODE_EXACT (UINT64_C(1) << 59)

/*
 * The record of a block and what belongs to it alone: one allocation, in this order,
 *
 *      struct tcg_block, exits, guards, parts, crossings
 *
 * reached by block_exit() and the like. There are tens of thousands, so they are small: references
 * of 32 bits (records.h), and nothing that only rare ones need in all of them.
 */

/* What only an exit across pages has. */
struct tcg_crossing {
    /* where contexts with a valid link id were seen to lead to; the exit is linked there */
    struct tcg_page *page;
    uint32_t link_id; /* value in ctx->links[link_id % LINK_TABLE_SIZE] when valid */
    uint8_t alias;    /* of page */
    uint8_t moves;    /* how often page and alias were others */
};

/* A direct exit. */
struct tcg_exit_site {
    int32_t target;     /* PC minus the block's PCB */
    tcg_ref to;         /* linked block, or none */
    tcg_ref next, prev; /* while linked: sites that are linked to the same block */
    uint32_t ret;       /* back end: return address of its call to the link thunk, minus code */
    uint32_t patch;     /* back end: where to patch, minus code */
    int16_t unlinked;   /* back end: where the jump goes while not linked, minus ret */
    uint16_t from;      /* from its block's record to this one, in bytes */
    uint16_t crossing;  /* from this record to its crossing, in bytes; 0: none */
    uint8_t flags;      /* enum ir_exit_flags */
};

/* A run of guest code bytes that a block was made from, within one page. */
struct tcg_part {
    tcg_ref block;
    tcg_ref page_next;         /* list of the page */
    uint32_t lo : 13, hi : 13; /* bytes [lo, hi) of the page */
    uint32_t page : 3;         /* 0: the block's own, from 1 on that of a guard */
};

/* A page besides the first that a block was made from: its mapping is checked where the block is
 * entered. */
struct tcg_guard {
    struct tcg_page *page;
    int32_t delta; /* virtual distance from the block's first page, in pages */
    uint32_t id;   /* ctx->links[id % LINK_TABLE_SIZE] when it was checked in that context */
};

enum { TCG_MAX_GUARDS = 6 };

/* What it takes to save a block (tcg/saved), kept while that is wanted. */
struct tcg_origin {
    struct tcg_origin *next; /* tcg_cache.origins, latest first */
    struct tcg_block *block;
    void *code;      /* back end: places in the code that depend on others; NULL: not to be saved */
    uint8_t bytes[]; /* the guest code of the parts, one after the other */
};

struct tcg_block {
    uint32_t hash_next; /* block.c, published with release order */
    tcg_ref incoming;   /* exit sites linked to this block */
    uint64_t mode;
    struct tcg_page *page; /* of the first instruction */
    void *code;            /* host code or the interpreter's program */
    uint32_t code_size;
    tcg_ref side;       /* back end's side table (snapshots) */
    tcg_ref first_tier; /* tier 2: the block it took the place of */
    tcg_ref origin;     /* none: not to be saved */
    uint16_t offset;    /* of the first instruction in page */
    uint16_t len;       /* bytes of guest code */
    uint16_t guest_insns;
    uint16_t longest; /* instructions executed at most before it is left or looks at the budget */
    uint16_t exit_count;
    uint16_t part_count;
    uint8_t guard_count : 3;
    uint8_t tier : 2; /* 1, or 2: a region of several blocks */
    uint8_t ends : 3; /* enum tcg_ends */
    uint8_t heat;     /* how often it was found to be running, up to the second tier's threshold */
    bool dead;        /* removed: no longer found, not to be linked */
    bool queued;      /* the second tier has it, or has refused it */
};

_Static_assert(sizeof(struct tcg_block) == 64 && sizeof(struct tcg_exit_site) == 32 &&
                   sizeof(struct tcg_part) == 12 && sizeof(struct tcg_crossing) == 16,
               "as small as they are meant to be");

static inline struct tcg_exit_site *block_exit(const struct tcg_block *b, unsigned n)
{
    return (struct tcg_exit_site *)(uintptr_t)(b + 1) + n;
}
static inline struct tcg_guard *block_guard(const struct tcg_block *b, unsigned n)
{
    return (struct tcg_guard *)(void *)block_exit(b, b->exit_count) + n;
}
static inline struct tcg_part *block_part(const struct tcg_block *b, unsigned n)
{
    return (struct tcg_part *)(void *)block_guard(b, b->guard_count) + n;
}
static inline struct tcg_page *block_page(const struct tcg_block *b, unsigned n)
{
    return n ? block_guard(b, n - 1)->page : b->page;
}
static inline struct tcg_block *exit_block(const struct tcg_exit_site *x)
{
    return (struct tcg_block *)((uintptr_t)x - x->from);
}
/* Of an exit with IR_EXIT_CROSS. */
static inline struct tcg_crossing *exit_crossing(const struct tcg_exit_site *x)
{
    return (struct tcg_crossing *)((uintptr_t)x + x->crossing);
}

/* A guest page that holds, or once held, translated code. */
struct tcg_page {
    struct ram_block *ram;
    uint64_t offset; /* of the page in ram */
    tcg_ref parts;   /* of blocks made from bytes here */
    uint64_t lines;  /* bit n: a block covers bytes of the n-th 64-byte line */
    uint32_t writes; /* stores that hit code here */
    bool code;  /* no vCPU stores here without a check, for blocks or because of `table`; set in an
                   exclusive section, cleared under code_lock */
    bool table; /* a page of translation tables, whose writes are logged (tcg/mmu/tables.h) */
    uint8_t table_entry;   /* bytes of its entries, the least that was seen */
    uint16_t table_writes; /* since a walk last asked for that */
};

struct tcg_cache {
    uint32_t hash[1 << CACHE_HASH_BITS]; /* of blocks: block.c */
    struct tcg_records records;          /* blocks, side tables */
    uint32_t next_link_id;
    struct tcg_origin *origins;
    uint64_t block_count;
    uint64_t flush_count;
    uint64_t arena_bytes; /* counted by back ends whose code lives in the arena */
};

bool cache_init(struct tcg_machine *tm, struct vemu_error **errp);
void cache_free(struct tcg_machine *tm);
/* Memory that lives until the next flush. code_lock held. NULL: full. */
void *cache_alloc(struct tcg_machine *tm, size_t size);

/* What belongs to a block. */
struct block_shape {
    unsigned exits, crossings, guards, parts;
};
size_t block_size(const struct block_shape *shape);
/* A block of that shape, all zero else, in memory of that size. */
void block_make(struct tcg_block *b, const struct block_shape *shape);
/* The same from the cache's records. code_lock held. NULL: full. */
struct tcg_block *cache_block(struct tcg_machine *tm, const struct block_shape *shape);
/* The n-th exit; number: of how many crossings it is, when it is one, counted from 0. */
void block_cross(struct tcg_block *b, unsigned n, unsigned number, uint32_t link_id);
/* What the block's exits are: those of the region. *next_link_id: the last that was given. */
void block_describe_exits(struct tcg_block *b, const struct ir_region *r, uint32_t *next_link_id);
static inline struct tcg_block *cache_block_at(const struct tcg_cache *c, tcg_ref ref)
{
    return record_at(&c->records, ref);
}
/* What the exit is linked to, or NULL. */
static inline struct tcg_block *cache_linked(const struct tcg_cache *c,
                                             const struct tcg_exit_site *x)
{
    return record_at(&c->records, __atomic_load_n(&x->to, __ATOMIC_ACQUIRE));
}
static inline struct tcg_origin *cache_origin_of(const struct tcg_cache *c,
                                                 const struct tcg_block *b)
{
    return record_at(&c->records, b->origin);
}
/* Lock-free. after: NULL, or the match to go on behind (blocks differing in their guarded
 * pages). */
struct tcg_block *cache_find(struct tcg_machine *tm, const struct tcg_page *page, uint32_t offset,
                             uint64_t mode, const struct tcg_block *after);
void cache_insert(struct tcg_machine *tm, struct tcg_block *b);
/* The page record, NULL when there is none; and make it. */
struct tcg_page *cache_page(struct ram_block *ram, uint64_t offset);
struct tcg_page **cache_page_slot(struct ram_block *ram, uint64_t offset);
/* Where the record will be, with no lock held; NULL: no memory. */
struct tcg_page **cache_page_slot_make(struct ram_block *ram, uint64_t offset);
struct tcg_page *cache_page_make(struct tcg_machine *tm, struct ram_block *ram, uint64_t offset);
/* to NULL: unlink. */
void cache_link(struct tcg_machine *tm, struct tcg_exit_site *site, struct tcg_block *to);
/* `to`, of the same key as `from`, takes its place: whoever comes to the one is led to the other.
 * `from` stays for what it says about its bytes and its exits. code_lock held. */
void cache_replace(struct tcg_machine *tm, struct tcg_block *from, struct tcg_block *to);
/* Undo every link to the block and from it. code_lock held. */
void cache_unlink(struct tcg_machine *tm, struct tcg_block *b);
/* Room for what the block, whose parts are known, is saved by: the caller fills in `bytes`. false:
 * no memory. code_lock held. */
bool cache_origin(struct tcg_machine *tm, struct tcg_block *b);
/* Remove one block: no longer found, linked or entered. code_lock held. */
void cache_remove(struct tcg_machine *tm, struct tcg_block *b);
/* Remove every block that covers a byte of [offset, offset+len) of ram. Returns how many. code_lock
 * held. The caller makes vCPUs forget jump-cache entries (tcg_code_removed). */
unsigned cache_invalidate(struct tcg_machine *tm, struct ram_block *ram, uint64_t offset,
                          uint64_t len);
/* Does any block cover a byte there? Lock-free, may say yes too often. */
bool cache_covers(struct ram_block *ram, uint64_t offset, uint64_t len);
/* Is a page of these code, so that its bytes may just be being translated? Lock-free; for who wrote
 * the bytes already. */
bool cache_has_code(struct ram_block *ram, uint64_t offset, uint64_t len);
/* Exactly, for bytes within one page that the vCPU is about to write: is a block made from them,
 * and is it the one that does so? code_lock held. */
enum cache_hit { CACHE_MISS, CACHE_HIT, CACHE_HIT_RUNNING };
enum cache_hit cache_hits(const struct tcg_cpu *tc, const struct tcg_page *page, uint64_t offset,
                          uint64_t len);
/* Some block in the n-th bucket of the hash, or behind `after` there; NULL: none. code_lock held.
 */
struct tcg_block *cache_in_bucket(const struct tcg_cache *c, unsigned n,
                                  const struct tcg_block *after);
/* Drop everything; exclusive. */
void cache_flush(struct tcg_machine *tm);
void cache_ram_freed(struct tcg_machine *tm, struct ram_block *ram);

#endif
