/*
 * The software TLB. A vCPU has a few cached roots (address spaces, least recently used), each with
 * a space per MMU index and there a few contexts by mode word. A context holds what is valid for
 * one {root, MMU index, mode, code-mapping generation}: level 1 (fixed size, probed inline), the
 * jump cache (PC -> host code) and the link table (which cross-page links were seen to lead to the
 * right block). Level 2 is one larger table per vCPU, tagged with the space's generation number, so
 * that flushing a space is cheap.
 *
 * A load of the root that flushes, as operating systems do that have no tags (PCID), need not cost
 * what is cached: when the tables have not been written since, the walks would find the same. See
 * tables.h.
 *
 * Large pages are entered as 4 KiB pages; the space remembers the range they came from, and a
 * single-page flush inside that range flushes the space.
 *
 * Thread contract: the vCPU's thread; other threads only while the vCPU is at a safe point.
 */
#ifndef TCG_MMU_TLB_H
#define TCG_MMU_TLB_H

#include "tcg/cache/block.h"
#include "tcg/cpu.h"
#include "tcg/mmu/tables.h"

enum {
    TLB_L1_BITS = 9,
    TLB_L1_SIZE = 1 << TLB_L1_BITS,
    TLB_L2_BITS = 14,
    TLB_L2_SIZE = 1 << TLB_L2_BITS,
    TLB_ROOTS = 8,
    TLB_MAX_INDEX = 4,
    TLB_MODES = 4, /* contexts for an MMU index, by mode word */
    JUMP_CACHE_BITS = 13,
    JUMP_CACHE_SIZE = 1 << JUMP_CACHE_BITS,
    EXEC_PAGES_BITS = 11,
    EXEC_REGIONS_BITS = 10,
    REGION_BITS = 21, /* 2 MiB */
    LINK_TABLE_BITS = 14,
    LINK_TABLE_SIZE = 1 << LINK_TABLE_BITS,
};

/* Bits in the low part of a tag: the access takes the slow path. */
enum {
    TLB_IO = 1 << 0,    /* not RAM, or ROM for writes */
    TLB_CODE = 1 << 1,  /* write: the page holds translated code */
    TLB_DIRTY = 1 << 2, /* write: dirty logging */
    TLB_WATCH = 1 << 3, /* a watchpoint on this page */
    TLB_FLAGS = TLB_IO | TLB_CODE | TLB_DIRTY | TLB_WATCH,
};
#define TLB_INVALID (~UINT64_C(0))

/* Level 1, as compiled code probes it: one table for loads, one for stores, so that a copy's source
 * and destination do not fight for an entry. Layout is known to the back ends. */
struct tlb_fast {
    uint64_t tag;    /* virtual page with flag bits, or TLB_INVALID */
    uint64_t addend; /* host address = guest address + addend */
};

/* Level 2: everything known of a page. read, write: the tags. */
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

/* The pages that what a context knows of code depends on: a set by hash, and their regions. */
struct exec_pages {
    uint64_t vpage[1 << EXEC_PAGES_BITS]; /* 0: free (a page 0 makes it `full`) */
    uint64_t paddr[1 << EXEC_PAGES_BITS];
    uint64_t regions[(1 << EXEC_REGIONS_BITS) / 64];
    unsigned count;
    bool full;  /* there are others, or some whose place is not known */
    bool local; /* one is not global */
};

struct tcg_ctx {
    struct tlb_fast rd[TLB_L1_SIZE],
        wr[TLB_L1_SIZE]; /* first: reached through the pinned pointer */
    uint64_t rd_global[TLB_L1_SIZE / 64], wr_global[TLB_L1_SIZE / 64]; /* entries of global pages */
    struct jump_entry jumps[JUMP_CACHE_SIZE];
    uint32_t links[LINK_TABLE_SIZE]; /* link id when validated for this context */
    uint64_t jump_mode;              /* mode word the jump cache and links are for */
    struct exec_pages exec;          /* of the code that jumps and links lead to */
    struct tcg_space *space;
};

/* What a root and an MMU index say, whatever the mode word. */
struct tcg_space {
    uint64_t generation;         /* tag of its level 2 entries; never reused */
    uint64_t large_lo, large_hi; /* range covered by large pages, [lo, hi] */
    unsigned mmu_index;
    unsigned next_mode;             /* the context that the next new mode word takes */
    struct tcg_ctx *last;           /* the one that ran last, whose level 1 is the warmest */
    struct tcg_ctx *ctx[TLB_MODES]; /* the first is made on first use of the space */
};

struct tlb_l2_entry {
    uint64_t vpage;
    uint64_t generation;
    struct tlb_entry entry;
    struct tcg_page *
        *page_table; /* where the page's record hangs once it holds code; NULL: not RAM */
};

struct tcg_root {
    uint64_t key;
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
};

struct tcg_mmu {
    struct tlb_ram ram; /* the last one looked up: nearly all of a machine's RAM is one */
    struct tcg_root roots[TLB_ROOTS];
    struct tcg_root *root;
    uint64_t clock, next_generation;
    unsigned reloads; /* loads of a cached root that flush it: many make its tables be watched */
    struct tlb_l2_entry *l2;
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
/* The context k of a space, made when there is none; NULL: no memory. */
struct tcg_ctx *tlb_space_context(struct tcg_space *sp, unsigned k);

/* ---- exec.c -----------------------------------------------------------------------------------
 */

void exec_clear(struct exec_pages *x);
static inline bool exec_any(const struct exec_pages *x)
{
    return x->count || x->full;
}
/* paddr ~0: not known. */
void exec_add(struct exec_pages *x, uint64_t vpage, uint64_t paddr, bool global);
/* May the set have pages there? shift: 12, or at least REGION_BITS. */
bool exec_overlaps(const struct exec_pages *x, uint64_t base, unsigned shift);
/* A root that nothing is known of has become the current one: where the pages of another root's
 * context are the same in it, what that context knows of code holds here too. */
void exec_inherit(struct tcg_cpu *tc);

static inline unsigned tlb_index(uint64_t vaddr)
{
    return (unsigned)(vaddr >> MEM_PAGE_BITS) & (TLB_L1_SIZE - 1);
}
/*
 * The entry that translates vaddr for the access, filled if needed, and taken up in level 1; NULL:
 * fault (status set, unless quiet). The permission is checked; flags in the tag are the caller's to
 * obey. Valid until the next lookup.
 */
struct tlb_entry *tlb_lookup(struct tcg_cpu *tc, struct tcg_ctx *ctx, uint64_t vaddr,
                             enum tcg_access access);
/* The record of the page of RAM or ROM that code at vaddr is fetched from, when level 2 knows the
 * translation and the page holds, or held, code; else NULL, without a walk or a fault. */
struct tcg_page *tlb_code_page(struct tcg_cpu *tc, struct tcg_ctx *ctx, uint64_t vaddr);
static inline uint64_t tlb_physical(const struct tlb_entry *e, uint64_t vaddr)
{
    return (e->info & ~(MEM_PAGE_SIZE - 1)) | (vaddr & (MEM_PAGE_SIZE - 1));
}
/* The range around a physical address, of the flat view that the TLB was filled from; NULL: not RAM
 * or ROM. Valid until the next call. */
const struct tlb_ram *tlb_ram_at(struct tcg_cpu *tc, uint64_t paddr);
/* Set TLB_CODE on every entry that lets this vCPU write the host page without a check. */
void tlb_protect_host_page(struct tcg_cpu *tc, const uint8_t *host_page);
/* Code at vaddr is entered in the jump cache or the link table: flushing that page must clear them.
 * Noted when it is entered, since another vCPU's cache flush may have cleared the note of the
 * fetch. */
void tlb_note_code(struct tcg_cpu *tc, struct tcg_ctx *ctx, uint64_t vaddr);
/* The pages that the block goes on to were checked in this context. */
static inline bool block_guards_hold(const struct tcg_block *b, const struct tcg_ctx *ctx)
{
    for (unsigned n = 0; n < b->guard_count; n++)
        if (ctx->links[b->guards[n].id % LINK_TABLE_SIZE] != b->guards[n].id)
            return false;
    return true;
}
static inline unsigned jump_hash(uint64_t pc)
{
    return (unsigned)((pc ^ pc >> 8) & (JUMP_CACHE_SIZE - 1));
}
struct tcg_ctx *tcg_ctx_for_attr(struct tcg_cpu *tc, unsigned attr);

#endif
