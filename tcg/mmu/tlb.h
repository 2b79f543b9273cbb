/*
 * The software TLB. A vCPU has a few cached roots (address spaces, least recently used), each with
 * a space per MMU index and there a few contexts by mode word. A context holds what is valid for
 * one {root, MMU index, mode, code-mapping generation}: the fast tables (fixed size, probed
 * inline), the jump cache (PC -> host code) and the link table (which cross-page links were seen to
 * lead to the right block).
 *
 * Two pages that are used in turn and have one place (a stack and a table of constants) must not
 * cost a miss each time. So at the end of a fast table there are entries that lost their places,
 * where compiled code looks before it calls C. One miss in a few puts the page there whose place it
 * takes: what happens all the time is soon found, and random accesses do not pay for it.
 *
 * Behind the fast tables there is no larger table of pages: a miss reads the guest's own table
 * (fill.c). What is kept is where that is, for each region of 2 MiB: an eighth of what entries of
 * our own would take, or a single entry where a large page maps the region. Both this and what is
 * known of pages of code are one table per vCPU, tagged with generation numbers of the space, so
 * that flushing a space is cheap.
 *
 * A load of the root that flushes, as operating systems do that have no tags (PCID), need not cost
 * what is cached: when the tables have not been written since, the walks would find the same. See
 * tables.h.
 *
 * Large pages are entered in the fast tables as 4 KiB pages; the space remembers where they were,
 * and a single-page flush there drops all that may have come from the same large page.
 *
 * Thread contract: the vCPU's thread; other threads only while the vCPU is at a safe point.
 */
#ifndef TCG_MMU_TLB_H
#define TCG_MMU_TLB_H

#include "tcg/cache/block.h"
#include "tcg/cpu.h"
#include "tcg/mmu/tables.h"

enum {
    TLB_L1_BITS = 10,
    TLB_L1_SIZE = 1 << TLB_L1_BITS,
    TLB_VICTIMS = 64,
    TLB_VICTIM_SAMPLE = 16, /* misses */
    TLB_FAST_SIZE = TLB_L1_SIZE + TLB_VICTIMS,
    TLB_CODE_PAGES_BITS = 12,
    TLB_CODE_PAGES = 1 << TLB_CODE_PAGES_BITS,
    TLB_CODE_REGIONS = 256, /* of 2 MiB */
    TLB_REGION_BITS = 10,   /* 1024 regions: 2 GiB */
    TLB_REGIONS = 1 << TLB_REGION_BITS,
    TLB_LARGE_SHIFT = 22, /* large pages are noted in pieces of 4 MiB */
    TLB_LARGE_BITS = 12,
    TLB_ROOTS = 8,
    TLB_MAX_INDEX = 4,
    TLB_MODES = 4, /* contexts for an MMU index, by mode word */
    TLB_CONTEXTS = TLB_ROOTS * TLB_MAX_INDEX * TLB_MODES,
    JUMP_CACHE_BITS = 13,
    JUMP_CACHE_SIZE = 1 << JUMP_CACHE_BITS,
    EXEC_PAGES_BITS = 11,
    EXEC_REGIONS_BITS = 10,
    REGION_BITS = 21, /* 2 MiB */
    STORES_BITS = 17, /* 512 MiB of RAM without a collision */
    STORES_WAYS = 2,
    LINK_TABLE_BITS = 14,
    LINK_TABLE_SIZE = 1 << LINK_TABLE_BITS,
};

/* Bits in the low part of a tag: the access takes the slow path. */
enum {
    TLB_IO = 1 << 0,    /* not RAM, or ROM for writes */
    TLB_CODE = 1 << 1,  /* write: the page holds translated code */
    TLB_WATCH = 1 << 2, /* a watchpoint on this page */
    TLB_FLAGS = TLB_IO | TLB_CODE | TLB_WATCH,
};
#define TLB_INVALID (~UINT64_C(0))

/* Level 1, as compiled code probes it: one table for loads, one for stores, so that a copy's source
 * and destination do not fight for an entry. Layout is known to the back ends. */
struct tlb_fast {
    uint64_t tag;    /* virtual page with flag bits, or TLB_INVALID */
    uint64_t addend; /* host address = guest address + addend */
};

/* Everything known of a page. read, write: the tags. */
struct tlb_entry {
    uint64_t read, write;
    uint64_t addend; /* host address = guest address + addend, when no TLB_IO */
    uint64_t info;   /* enum tlb_info bits, low; physical page above */
};
enum tlb_info {
    TLB_INFO_READ = 1 << 0,
    TLB_INFO_WRITE = 1 << 1,
    TLB_INFO_EXEC = 1 << 2,
    TLB_INFO_GLOBAL = 1 << 3,
    TLB_INFO_RAM = 1 << 4,
    TLB_INFO_ROM = 1 << 5, /* neither: MMIO */
};

struct jump_entry {
    uint64_t pc; /* tag; unused: JUMP_EMPTY in entry 0, in others 0, which no PC there is */
    void *code;
};
#define JUMP_EMPTY UINT64_C(0x8000000000000001) /* not canonical: no PC is equal */

/*
 * The pages that what a context knows of code depends on, all of them, and their regions. Where one
 * page is at several addresses, these are told apart by an alias number: a block is of one of them
 * (TCG_MODE_ALIAS), since its links say which pages are next to it.
 */
struct exec_pages {
    uint64_t vpage[1 << EXEC_PAGES_BITS];  /* a set by hash; with bit 0 set, 0: free */
    uint64_t paddr[1 << EXEC_PAGES_BITS];  /* and the alias number */
    uint16_t latest[1 << EXEC_PAGES_BITS]; /* by physical page: 1 + where its latest alias is */
    uint64_t regions[(1 << EXEC_REGIONS_BITS) / 64];
    unsigned count;
    bool local;    /* one is not global */
    bool unproved; /* the root was loaded anew: pages may be elsewhere, see exec_prove() */
};

struct tcg_ctx {
    struct tlb_fast rd[TLB_FAST_SIZE],
        wr[TLB_FAST_SIZE]; /* first: reached through the pinned pointer */
    uint64_t rd_local[TLB_FAST_SIZE / 64], wr_local[TLB_FAST_SIZE / 64]; /* not of global pages */
    uint64_t rd_keyed[TLB_FAST_SIZE / 64],
        wr_keyed[TLB_FAST_SIZE / 64]; /* entries that may be of pages with a key */
    struct jump_entry jumps[JUMP_CACHE_SIZE];
    uint32_t links[LINK_TABLE_SIZE]; /* link id when validated for this context */
    /* where in exec the pages are that the link depends on: the one it comes from, and goes to */
    uint16_t link_pages[LINK_TABLE_SIZE][2];
    uint64_t jump_mode;     /* mode word the jump cache and links are for */
    struct exec_pages exec; /* of the code that jumps and links lead to, and come from */
    unsigned forgotten;     /* how often all of that was void */
    struct tcg_space *space;
    uint64_t wr_logged[TLB_FAST_SIZE / 64]; /* may be of pages of a block with a dirty log */
};

/* What a root and an MMU index say, whatever the mode word. */
struct tcg_space {
    uint64_t generation; /* tag of what is known of pages of code; never reused */
    uint64_t walks;      /* tag of the regions; never reused */
    /* Where large pages were taken up: a set by hash; and the range of those above 4 MiB, [lo, hi].
     */
    uint64_t large[(1 << TLB_LARGE_BITS) / 64];
    uint64_t huge_lo, huge_hi;
    uint64_t code_regions[TLB_CODE_REGIONS / 64]; /* where pages of code are: a set by hash */
    bool any_large;
    unsigned mmu_index;
    unsigned next_mode;             /* the context that the next new mode word takes */
    struct tcg_ctx *last;           /* the one that ran last, whose level 1 is the warmest */
    struct tcg_ctx *ctx[TLB_MODES]; /* the first is made on first use of the space */
};

/* A page that code was fetched from. */
struct tlb_code_page {
    uint64_t vpage;
    uint64_t generation;
    struct tlb_entry entry;
    struct tcg_page *
        *page_table; /* where the page's record hangs once it holds code; NULL: not RAM */
};

/*
 * Where in the stores' tables a page of host memory may be, so that a page that becomes code or a
 * table is found without a look at every entry of every context. Pages share a slot by hash; what
 * is there may be outdated, what is not is in no table. n: entry n - 1 of any context, 0: nothing.
 */
struct tlb_stores {
    uint16_t entry[STORES_WAYS]; /* the first TLB_ANYWHERE: any */
};
#define TLB_ANYWHERE UINT16_MAX

/* Where the entries for 2 MiB are, for one kind of access. */
struct tlb_region {
    uint64_t number; /* address >> REGION_BITS */
    uint64_t walks;  /* of the space */
    struct tcg_walk_last last;
};

struct tcg_root {
    uint64_t key, tag; /* mmu_root_tag() of the key */
    bool valid;
    bool stale; /* flushed while another root was in use: see root_renew() before it is used */
    uint64_t used;
    struct tcg_space space[TLB_MAX_INDEX];
    struct root_tables tables;
};

/* A range of physical addresses that one RAM or ROM block backs. */
struct tlb_ram {
    uint64_t start, size; /* 0: none */
    struct ram_block *ram;
    uint64_t offset; /* of start in ram */
    bool rom;
    uint64_t pages[2]; /* a page that starts this far from start, or nearer, is whole in the range:
                          plus 1; 0: none; to be read, to be written */
};

struct tcg_mmu {
    struct tlb_ram ram; /* the last one looked up: nearly all of a machine's RAM is one */
    struct tcg_root roots[TLB_ROOTS];
    struct tcg_root *root;
    uint64_t clock, next_generation;
    unsigned reloads; /* loads of a cached root that flush it: many make its tables be watched */
    bool keyed;       /* there may be fast entries of pages with a key */
    struct tlb_entry entry; /* of the last look-up that was not for code */
    struct tlb_code_page *code;
    struct tlb_region *regions; /* TLB_REGIONS for each kind of access */
    struct tlb_stores *stores;
    /* data watchpoints on linear addresses: debugger's and the guest's; pages are marked TLB_WATCH
     */
    struct tcg_watch {
        uint64_t addr, len;
        bool on_read, on_write;
        uint8_t guest_dr; /* 1 + number of the debug register, 0: the debugger's */
    } watches[16];
    unsigned watch_count;
};

bool tlb_init(struct tcg_cpu *tc, struct vemu_error **errp);
void tlb_free(struct tcg_cpu *tc);
/* Everything in every context. */
void tlb_flush_all(struct tcg_cpu *tc);
/* A context for an MMU index in the current root, whatever its mode. */
struct tcg_ctx *tlb_context(struct tcg_cpu *tc, unsigned mmu_index);
/* The jump caches and link tables of every context of the vCPU are void (blocks were removed). */
void tlb_forget_code(struct tcg_cpu *tc);
/* Every context that may be used as it is; returns how many. */
unsigned tlb_contexts(struct tcg_mmu *mmu, struct tcg_ctx *list[TLB_CONTEXTS]);
/* The context k of a space, made when there is none; NULL: no memory. */
struct tcg_ctx *tlb_space_context(struct tcg_space *sp, unsigned k);

/* ---- exec.c -----------------------------------------------------------------------------------
 */

void exec_clear(struct exec_pages *x);
static inline bool exec_any(const struct exec_pages *x)
{
    return x->count != 0;
}
/* The page's alias number. -1: there is no room, or it was at another address: all that is known of
 * code is to be forgotten before the page is added. */
int exec_add(struct exec_pages *x, uint64_t vpage, uint64_t paddr, bool global);
/* May the set have pages there? shift: 12, or at least REGION_BITS. */
bool exec_overlaps(const struct exec_pages *x, uint64_t base, unsigned shift);
/* Both pages were noted (tlb_note_way): the link, or guard, from the one to the other holds. */
void exec_link(struct tcg_ctx *ctx, uint32_t id, uint64_t from, uint64_t to);
/* What an unproved context knows of code: of pages that are where they were it stays, the rest is
 * forgotten. The context's root is the current one. */
void exec_prove(struct tcg_cpu *tc, struct tcg_ctx *ctx);
/* The current root is one that was taken from another address space: its contexts keep what they
 * know of code, or take over what those of a root that knows more do; unproved. */
void exec_inherit(struct tcg_cpu *tc);

/* ---- slots of the tables behind the fast ones --------------------------------------------------
 */

static inline struct tlb_code_page *tlb_code_slot(struct tcg_mmu *mmu, const struct tcg_space *sp,
                                                  uint64_t vpage)
{
    return &mmu->code[(vpage >> MEM_PAGE_BITS ^ sp->generation * 0x9e5) & (TLB_CODE_PAGES - 1)];
}
static inline struct tlb_region *tlb_region_slot(struct tcg_mmu *mmu, const struct tcg_space *sp,
                                                 uint64_t vaddr, enum tcg_access access)
{
    const uint64_t n = (vaddr >> REGION_BITS ^ sp->walks * 32) & (TLB_REGIONS - 1);
    return &mmu->regions[(unsigned)access * TLB_REGIONS + n];
}
static inline unsigned tlb_code_region(uint64_t vaddr)
{
    return (unsigned)(vaddr >> REGION_BITS) & (TLB_CODE_REGIONS - 1);
}
static inline unsigned tlb_large_hash(uint64_t vaddr)
{
    return (unsigned)((vaddr >> TLB_LARGE_SHIFT) * UINT64_C(0x9e3779b97f4a7c15) >>
                      (64 - TLB_LARGE_BITS));
}
static inline bool tlb_large_noted(const struct tcg_space *sp, uint64_t vaddr)
{
    return sp->large[tlb_large_hash(vaddr) / 64] >> tlb_large_hash(vaddr) % 64 & 1;
}
/* A walk found no page that allows the access: nothing may be cached of it, for any kind of access,
 * global or not. */
void tlb_page_fault(struct tcg_cpu *tc, uint64_t vaddr);

static inline unsigned tlb_index(uint64_t vaddr)
{
    return (unsigned)(vaddr >> MEM_PAGE_BITS) & (TLB_L1_SIZE - 1);
}
/* Where that entry goes when another page takes its place. */
static inline unsigned tlb_victim_index(uint64_t vaddr)
{
    return TLB_L1_SIZE + (tlb_index(vaddr) & (TLB_VICTIMS - 1));
}
/*
 * The entry that translates vaddr for the access, filled if needed, and taken up in level 1; NULL:
 * fault (status set, unless quiet). The permission is checked; flags in the tag are the caller's to
 * obey. Valid until the next lookup.
 */
struct tlb_entry *tlb_lookup(struct tcg_cpu *tc, struct tcg_ctx *ctx, uint64_t vaddr,
                             enum tcg_access access);
/* The record of the page of RAM or ROM that code at vaddr is fetched from, when the translation is
 * known and the page holds, or held, code; else NULL, without a walk or a fault. */
struct tcg_page *tlb_code_page(struct tcg_cpu *tc, struct tcg_ctx *ctx, uint64_t vaddr);
static inline uint64_t tlb_physical(const struct tlb_entry *e, uint64_t vaddr)
{
    return (e->info & ~(MEM_PAGE_SIZE - 1)) | (vaddr & (MEM_PAGE_SIZE - 1));
}
/* The range around a physical address, of the flat view that the TLB was filled from; NULL: not RAM
 * or ROM. Valid until the next call. */
const struct tlb_ram *tlb_ram_at(struct tcg_cpu *tc, uint64_t paddr);
static inline struct tlb_stores *tlb_stores_slot(struct tcg_mmu *mmu, uint64_t host)
{
    return &mmu->stores[host >> MEM_PAGE_BITS & ((1 << STORES_BITS) - 1)];
}
/* The slot learns of entry n, which it did not know. */
void tlb_stores_add(struct tcg_mmu *mmu, struct tlb_stores *slot, unsigned n);
/* Set TLB_CODE on every entry that lets this vCPU write the host page without a check. */
void tlb_protect_host_page(struct tcg_cpu *tc, const uint8_t *host_page);
/*
 * Code at vaddr is entered in the jump cache or the link table, or is what they lead on from:
 * flushing that page must clear them. Noted when they are, since another vCPU's cache flush may
 * have cleared the note of the fetch. *alias: the TCG_MODE_ALIAS bits of blocks there. false: it
 * does not go, nothing may be entered; without a fault.
 */
bool tlb_note_code(struct tcg_cpu *tc, struct tcg_ctx *ctx, uint64_t vaddr, uint64_t *alias);
/* The same for two pages of which one leads to the other. */
bool tlb_note_way(struct tcg_cpu *tc, struct tcg_ctx *ctx, uint64_t from, uint64_t to,
                  uint64_t *from_alias, uint64_t *to_alias);
/* Is the page of code at paddr? No fault; then it is part of the TLB. */
bool tlb_same_code(struct tcg_cpu *tc, struct tcg_ctx *ctx, uint64_t vpage, uint64_t paddr);
/* No context of the vCPU knows the link any more. */
void tlb_forget_link(struct tcg_cpu *tc, uint32_t id);
/* The jump cache and the link table of a context are void. */
void tlb_ctx_forget_code(struct tcg_ctx *ctx);
/* The link, or guard, of that id was seen to be right in this context. */
static inline bool link_holds(const struct tcg_ctx *ctx, uint32_t id)
{
    return ctx->links[id % LINK_TABLE_SIZE] == id;
}
/* The pages that the block goes on to were checked in this context. */
static inline bool block_guards_hold(const struct tcg_block *b, const struct tcg_ctx *ctx)
{
    for (unsigned n = 0; n < b->guard_count; n++)
        if (!link_holds(ctx, block_guard(b, n)->id))
            return false;
    return true;
}
static inline unsigned jump_hash(uint64_t pc)
{
    return (unsigned)((pc ^ pc >> 8) & (JUMP_CACHE_SIZE - 1));
}
struct tcg_ctx *tcg_ctx_for_attr(struct tcg_cpu *tc, unsigned attr);

#endif
