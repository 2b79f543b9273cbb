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
#include "core/util/list.h"

struct ir_region;
struct tcg_cpu;
struct tcg_machine;
struct tcg_page;

enum { CACHE_HASH_BITS = 16 };
/* Bit of the mode word that the core owns: a block of one instruction, never linked to. */
#define TCG_MODE_SINGLE (UINT64_C(1) << 63)
/* Likewise: which of several addresses of its page a block is for, in the contexts that have it at
 * several (tcg/mmu/tlb.h, struct exec_pages). */
#define TCG_MODE_ALIAS (UINT64_C(7) << TCG_MODE_ALIAS_SHIFT)
enum { TCG_MODE_ALIAS_SHIFT = 60, TCG_ALIAS_MAX = 7 };
/* Likewise: a block of the first tier beside a region that took the place of the one with the plain
 * mode word; not linked to. */
#define TCG_MODE_EXACT (UINT64_C(1) << 59)

/* A direct exit. */
struct tcg_exit_site {
    int32_t target; /* PC minus the block's PCB */
    uint32_t
        link_id; /* cross-page: value in ctx->links[link_id % LINK_TABLE_SIZE] when valid; else 0 */
    struct tcg_block *to; /* linked block or NULL */
    /* cross-page: where contexts with a valid link id were seen to lead to; `to` is there */
    struct tcg_page *page;
    struct tcg_block *from;
    struct list in;    /* in to->incoming while linked */
    uint32_t ret;      /* back end: return address of its call to the link thunk, minus code */
    uint32_t unlinked; /* back end: where the jump goes while not linked, minus code */
    uint32_t patch;    /* back end: where to patch */
    uint8_t flags;     /* enum ir_exit_flags */
    uint8_t alias;     /* of page */
    uint8_t moves;     /* how often page and alias were others */
};

/* A run of guest code bytes that a block was made from, within one page. */
struct tcg_part {
    struct tcg_block *block;
    struct tcg_page *page;
    uint16_t lo, hi;            /* bytes [lo, hi) of the page */
    struct tcg_part *page_next; /* list of the page */
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
    struct tcg_block *hash_next; /* published with release order */
    struct tcg_page *page;       /* of the first instruction */
    uint32_t offset;             /* of the first instruction in page */
    uint32_t len;                /* bytes of guest code */
    uint64_t mode;
    bool dead; /* removed: no longer found, not to be linked */
    uint16_t guest_insns;
    uint16_t longest; /* instructions executed at most before it is left or looks at the budget */
    uint16_t exit_count;
    uint32_t code_size;
    uint8_t tier; /* 1, or 2: a region of several blocks */
    uint8_t ends; /* enum tcg_ends */
    uint8_t heat; /* how often it was found to be running, up to the second tier's threshold */
    bool queued;  /* the second tier has it, or has refused it */
    struct tcg_block *first_tier; /* tier 2: the block it took the place of */
    uint8_t guard_count;
    uint16_t part_count;
    struct tcg_guard *guards;
    struct tcg_part *parts;
    void *code; /* host code or the interpreter's program */
    void *side; /* back end's side table (snapshots) */
    struct tcg_exit_site *exits;
    struct list incoming;      /* exit sites linked to this block */
    struct tcg_origin *origin; /* NULL: not to be saved */
};

/* A guest page that holds, or once held, translated code. */
struct tcg_page {
    struct ram_block *ram;
    uint64_t offset;        /* of the page in ram */
    struct tcg_part *parts; /* of blocks made from bytes here */
    uint64_t lines;         /* bit n: a block covers bytes of the n-th 64-byte line */
    uint32_t writes;        /* stores that hit code here */
    bool code;  /* no vCPU stores here without a check, for blocks or because of `table`; set in an
                   exclusive section, cleared under code_lock */
    bool table; /* a page of translation tables, whose writes are logged (tcg/mmu/tables.h) */
    uint8_t table_entry;   /* bytes of its entries, the least that was seen */
    uint16_t table_writes; /* since a walk last asked for that */
};

struct tcg_cache {
    struct tcg_block *hash[1 << CACHE_HASH_BITS];
    struct tcg_arena {
        struct tcg_arena *next;
        size_t used, size;
        char data[];
    } * arena; /* blocks, exits, side tables: freed together at a flush */
    uint32_t next_link_id;
    struct tcg_origin *origins;
    uint64_t block_count;
    uint64_t flush_count;
    uint64_t arena_bytes; /* counted by back ends whose code lives in the arena */
};

void cache_init(struct tcg_cache *c);
void cache_free(struct tcg_machine *tm);
/* Memory that lives until the next flush. code_lock held. NULL when short. */
void *cache_alloc(struct tcg_machine *tm, size_t size);
/* What the block's exits are: those of the region, r->exit_count of them, into b->exits.
 * *next_link_id: the last that was given. */
void cache_describe_exits(struct tcg_block *b, const struct ir_region *r, uint32_t *next_link_id);
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
/* Drop everything; exclusive. */
void cache_flush(struct tcg_machine *tm);
void cache_ram_freed(struct tcg_machine *tm, struct ram_block *ram);

#endif
