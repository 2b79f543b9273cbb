/*
 * The page walk: linear address -> physical page with permissions, as SDM vol. 3, chapter "Paging".
 * It is the TLB miss path, so page-table entries are read through host pointers; entries outside
 * RAM read as all ones. Accessed and dirty bits are set by compare-exchange on the value that was
 * checked, and a lost race starts over.
 */
#include "core/memory/dirty.h"
#include "core/util/range.h"
#include "tcg/mmu/tlb.h"
#include "tcg/x86/sys.h"

enum {
    PTE_P = 1 << 0,
    PTE_W = 1 << 1,
    PTE_U = 1 << 2,
    PTE_A = 1 << 5,
    PTE_D = 1 << 6,
    PTE_PS = 1 << 7,
    PTE_G = 1 << 8,
};
#define PTE_NX (UINT64_C(1) << 63)
#define PTE_ADDR UINT64_C(0x000ffffffffff000)
#define PTE_KEY (UINT64_C(15) << 59)

/* Error code bits. */
enum { PF_P = 1, PF_W = 2, PF_U = 4, PF_RSVD = 8, PF_I = 16, PF_PK = 32 };

/* An entry that was used: where it is and what was read. */
struct entry {
    void *host; /* NULL: not writable memory */
    struct ram_block *ram;
    uint64_t offset; /* in ram */
    uint64_t value;
    uint16_t index; /* in its table */
    uint8_t size, shift;
};

struct walk {
    struct tcg_cpu *tc;
    struct x86_regs *r;
    uint64_t a20_mask;
    struct entry used[TCG_WALK_LEVELS];
    unsigned used_count;
    /* result */
    uint64_t paddr;  /* of the mapping's first byte */
    unsigned bits;   /* of the mapping */
    uint64_t rights; /* AND over the levels of W and U; NX as OR in bit 63 */
    uint64_t leaf;
    bool legacy32; /* 4-byte entries */
};

/* Entry `index` of `table`, which maps 2^shift bytes. */
static void read_entry(struct walk *w, uint64_t table, uint64_t index, unsigned size,
                       unsigned shift)
{
    struct entry *e = &w->used[w->used_count];
    uint64_t addr = (table + index * size) & w->a20_mask;
    e->index = (uint16_t)index;
    e->size = (uint8_t)size;
    e->shift = (uint8_t)shift;
    const struct tlb_ram *range = tlb_ram_at(w->tc, addr);
    e->host = NULL;
    e->value = size == 8 ? ~UINT64_C(0) : 0xffffffff;
    if (!range || addr - range->start > range->size - size)
        return;
    uint64_t offset = range->offset + (addr - range->start);
    void *host = range->ram->host + offset;
    if (size == 8)
        e->value = __atomic_load_n((uint64_t *)host, __ATOMIC_RELAXED);
    else
        e->value = __atomic_load_n((uint32_t *)host, __ATOMIC_RELAXED);
    if (!range->rom) {
        e->host = host;
        e->ram = range->ram;
        e->offset = offset;
    }
}

/* Sets bits in a used entry; false: it changed meanwhile. */
static bool set_bits(const struct walk *w, struct entry *e, uint64_t bits)
{
    if ((e->value & bits) == bits || !e->host)
        return true;
    bool ok;
    if (w->legacy32) {
        uint32_t old = (uint32_t)e->value;
        ok = __atomic_compare_exchange_n((uint32_t *)e->host, &old, old | (uint32_t)bits, false,
                                         __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
    } else {
        uint64_t old = e->value;
        ok = __atomic_compare_exchange_n((uint64_t *)e->host, &old, old | bits, false,
                                         __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
    }
    if (!ok)
        return false;
    e->value |= bits;
    if (ram_block_logged(e->ram))
        ram_block_mark_dirty(e->ram, e->offset, 8);
    return true;
}

/*
 * Each of the walks below fills the result and returns -1, or returns the error code bits P and
 * RSVD of a page fault: 0 when an entry is not present.
 */
enum { WALK_OK = -1 };

static int walk_legacy32(struct walk *w, uint64_t vaddr)
{
    const struct x86_regs *r = w->r;
    w->legacy32 = true;
    w->rights = PTE_W | PTE_U;
    read_entry(w, r->cr3 & 0xfffff000, vaddr >> 22 & 0x3ff, 4, 22);
    uint64_t pde = w->used[w->used_count++].value;
    if (!(pde & PTE_P))
        return 0;
    w->rights &= pde;
    w->leaf = pde;
    if ((pde & PTE_PS) && (r->cr4 & X86_CR4_PSE)) {
        /* PSE-36: bits 20:13 are address bits 39:32, as far as the processor has them; bit 21 is
         * reserved */
        uint64_t high = pde >> 13 & 0xff;
        unsigned phys_bits = x86_model_of(w->tc)->phys_bits;
        if ((pde & (1 << 21)) || (high << 32 & ~mask_bits(phys_bits)))
            return PF_P | PF_RSVD;
        w->paddr = (pde & 0xffc00000) | high << 32;
        w->bits = 22;
        return WALK_OK;
    }
    read_entry(w, pde & 0xfffff000, vaddr >> 12 & 0x3ff, 4, 12);
    uint64_t pte = w->used[w->used_count++].value;
    if (!(pte & PTE_P))
        return 0;
    w->rights &= pte;
    w->leaf = pte;
    w->paddr = pte & 0xfffff000;
    w->bits = 12;
    return WALK_OK;
}

/* Levels of 8-byte entries below `table`: level 5 (PML5) down to 1. */
static int walk_levels(struct walk *w, uint64_t vaddr, uint64_t table, unsigned level,
                       uint64_t reserved)
{
    const bool gbpages = x86_has(x86_model_of(w->tc), X86_FEAT_8000_0001_EDX, 1u << 26);
    uint64_t rights = PTE_W | PTE_U, nx = 0;
    for (;; level--) {
        unsigned shift = 12 + 9 * (level - 1);
        read_entry(w, table, vaddr >> shift & 0x1ff, 8, shift);
        uint64_t e = w->used[w->used_count++].value;
        if (!(e & PTE_P))
            return 0;
        rights &= e;
        nx |= e & PTE_NX;
        if (e & reserved)
            return PF_P | PF_RSVD;
        bool leaf = level == 1;
        if (level > 1 && (e & PTE_PS)) {
            if (level > 3 || (level == 3 && !gbpages))
                return PF_P | PF_RSVD;
            if (e & mask_bits(shift) & PTE_ADDR & ~(UINT64_C(1) << 12)) /* bit 12 is PAT */
                return PF_P | PF_RSVD;
            leaf = true;
        }
        table = e & PTE_ADDR;
        if (leaf) {
            w->rights = rights | nx;
            w->leaf = e;
            w->paddr = table & ~mask_bits(shift);
            w->bits = shift;
            return WALK_OK;
        }
    }
}

static int walk_pae(struct walk *w, uint64_t vaddr, uint64_t reserved)
{
    /* The four entries are registers on hardware, loaded and checked with CR3; reading them here
     * differs only for a guest that changes them without reloading CR3. They have no accessed bit.
     */
    read_entry(w, w->r->cr3 & 0xffffffe0, vaddr >> 30 & 3, 8, 30);
    uint64_t pdpte = w->used[w->used_count++].value;
    if (!(pdpte & PTE_P))
        return 0;
    return walk_levels(w, vaddr, pdpte & PTE_ADDR & ~reserved, 2, reserved);
}

static void raise_page_fault(struct tcg_cpu *tc, uint64_t vaddr, uint32_t error)
{
    x86_raise_error(tc, X86_PF, error);
    tc->exc_addr = vaddr;
}

/* No paging: everything is allowed. */
static bool identity(const struct x86_regs *r, uint64_t vaddr, struct tcg_walk *out)
{
    out->paddr = vaddr & 0xfffff000;
    if (r->a20_off)
        out->paddr &= ~(UINT64_C(1) << 20);
    out->page_bits = 12;
    out->readable = out->writable = out->executable = true;
    out->global = out->keyed = false;
    out->entry_count = 0;
    out->last.table = NULL;
    return true;
}

/* What this MMU index may do with the mapping; the protection-key error in *pk. */
static void permissions(const struct walk *w, unsigned idx, enum tcg_access access,
                        struct tcg_walk *out, bool *pk)
{
    const struct x86_regs *r = w->r;
    const bool user_page = (w->rights & PTE_U) != 0, write_bit = (w->rights & PTE_W) != 0;
    const bool nx = (w->rights & PTE_NX) != 0 && (r->efer & X86_EFER_NXE);
    if (idx == X86_MMU_USER) {
        out->readable = user_page;
        out->writable = user_page && write_bit;
        out->executable = user_page && !nx;
    } else {
        out->readable = !(user_page && (r->cr4 & X86_CR4_SMAP) && idx == X86_MMU_KERNEL);
        out->writable = out->readable && (write_bit || !(r->cr0 & X86_CR0_WP));
        out->executable = !nx && !(user_page && (r->cr4 & X86_CR4_SMEP));
    }
    *pk = out->keyed = false;
    if (user_page && (r->cr4 & X86_CR4_PKE) && x86_is_long(r)) {
        unsigned key = (unsigned)(w->leaf >> 59) & 15;
        bool access_off = r->pkru >> (2 * key) & 1, write_off = r->pkru >> (2 * key + 1) & 1;
        bool no_write = write_off && (idx == X86_MMU_USER || (r->cr0 & X86_CR0_WP));
        out->keyed = key != 0;
        *pk = access == TCG_READ    ? access_off
              : access == TCG_WRITE ? access_off || no_write
                                    : false;
        out->readable = out->readable && !access_off;
        out->writable = out->writable && !access_off && !no_write;
    }
}

/* The rights that the levels above the last leave. */
static uint64_t upper_rights(const struct walk *w, unsigned first)
{
    uint64_t rights = PTE_W | PTE_U;
    for (unsigned i = first; i + 1 < w->used_count; i++)
        rights &= w->used[i].value;
    return rights;
}

/*
 * The short way to what was just found, and to its neighbours: which bits of an entry of the last
 * level say that the access is allowed and sets nothing. Where a right is decided above that level,
 * it was decided for the access that was walked for.
 */
static void shorten(const struct walk *w, enum tcg_access access, unsigned idx, unsigned first,
                    uint64_t reserved, struct tcg_walk *out)
{
    const struct x86_regs *r = w->r;
    const struct entry *e = &w->used[w->used_count - 1];
    struct tcg_walk_last *l = &out->last;
    const bool large = w->bits > 12;
    const uint64_t upper = upper_rights(w, first);
    const uint32_t kept_out = access == TCG_FETCH ? X86_CR4_SMEP : X86_CR4_SMAP;

    l->table = NULL;
    if (!e->host || r->a20_off || (w->legacy32 && large && (w->paddr >> 32)))
        return;
    l->mask = PTE_P | PTE_A | reserved | (large ? PTE_PS : 0);
    l->want = PTE_P | PTE_A | (large ? PTE_PS : 0);
    l->address = (w->legacy32 ? 0xfffff000 : PTE_ADDR) & ~mask_bits(w->bits);
    if (large) /* what is reserved below the address; bit 12 is PAT */
        l->mask |= mask_bits(w->bits) & PTE_ADDR & ~UINT64_C(0x1000);
    if (idx == X86_MMU_USER) {
        l->mask |= PTE_U;
        l->want |= PTE_U;
    } else if ((upper & PTE_U) && (r->cr4 & kept_out) &&
               (access == TCG_FETCH || idx == X86_MMU_KERNEL)) {
        l->mask |= PTE_U;
    }
    if (access == TCG_WRITE) {
        const uint64_t need = idx == X86_MMU_USER || (r->cr0 & X86_CR0_WP) ? PTE_W | PTE_D : PTE_D;
        l->mask |= need;
        l->want |= need;
    } else if (access == TCG_FETCH && (r->efer & X86_EFER_NXE) && !w->legacy32) {
        l->mask |= PTE_NX;
    }
    if ((upper & PTE_U) && (r->cr4 & X86_CR4_PKE) && x86_is_long(r)) {
        if (r->pkru & 3) /* key 0, which most pages have, is not free */
            return;
        l->mask |= PTE_KEY;
    }
    l->low = (uint32_t)mask_bits(w->bits) & ~0xfffu;
    l->global = r->cr4 & X86_CR4_PGE ? PTE_G : 0;
    l->local = 0;
    l->size = e->size;
    l->index_mask = large ? 0 : (1u << (e->size == 8 ? 9 : 10)) - 1;
    l->table = (const uint8_t *)e->host - (large ? 0 : (size_t)e->index * e->size);
}

/* One attempt. 1: done, 0: fault raised (unless quiet), -1: an entry changed, start over. */
static int attempt(struct walk *w, uint64_t vaddr, enum tcg_access access, unsigned idx, bool quiet,
                   struct tcg_walk *out)
{
    const struct x86_regs *r = w->r;
    w->used_count = 0;
    w->legacy32 = false;
    int result;
    unsigned first_accessed = 0; /* index of the first entry with an accessed bit */
    uint64_t reserved = 0;
    if (r->cr4 & X86_CR4_PAE) {
        reserved = PTE_ADDR & ~mask_bits(x86_model_of(w->tc)->phys_bits);
        if (!(r->efer & X86_EFER_NXE))
            reserved |= PTE_NX;
    }
    if (x86_is_long(r)) {
        result = walk_levels(w, vaddr, r->cr3 & PTE_ADDR & ~reserved, r->cr4 & X86_CR4_LA57 ? 5 : 4,
                             reserved);
    } else if (r->cr4 & X86_CR4_PAE) {
        reserved |= UINT64_C(0x7ff0000000000000);
        result = walk_pae(w, vaddr, reserved);
        first_accessed = 1;
    } else {
        result = walk_legacy32(w, vaddr);
    }

    bool pk = false, allowed = false;
    if (result == WALK_OK) {
        permissions(w, idx, access, out, &pk);
        allowed = access == TCG_READ    ? out->readable
                  : access == TCG_WRITE ? out->writable
                                        : out->executable;
    }
    if (!allowed) {
        if (!quiet) {
            uint32_t error = result == WALK_OK ? PF_P : (uint32_t)result;
            error |= access == TCG_WRITE ? PF_W : 0;
            error |= idx == X86_MMU_USER ? PF_U : 0;
            error |= pk ? PF_PK : 0;
            bool nx_mode = (r->cr4 & X86_CR4_PAE) && (r->efer & X86_EFER_NXE);
            if (access == TCG_FETCH && (nx_mode || (r->cr4 & X86_CR4_SMEP)))
                error |= PF_I;
            raise_page_fault(w->tc, vaddr, error);
        }
        return 0;
    }
    if (!quiet) {
        for (unsigned i = first_accessed; i + 1 < w->used_count; i++)
            if (!set_bits(w, &w->used[i], PTE_A))
                return -1;
        if (!set_bits(w, &w->used[w->used_count - 1], access == TCG_WRITE ? PTE_A | PTE_D : PTE_A))
            return -1;
    }
    /* a first write must come back here to set the dirty bit */
    if (access != TCG_WRITE && !(w->leaf & PTE_D))
        out->writable = false;
    out->paddr = (w->paddr | (vaddr & mask_bits(w->bits) & ~UINT64_C(0xfff))) & w->a20_mask;
    out->page_bits = (uint8_t)w->bits;
    out->global = (w->leaf & PTE_G) && (r->cr4 & X86_CR4_PGE);
    out->last.table = NULL;
    if (!quiet)
        shorten(w, access, idx, first_accessed, reserved, out);
    return 1;
}

static void list_entries(const struct walk *w, struct tcg_walk *out)
{
    out->entry_count = w->used_count;
    for (unsigned i = 0; i < w->used_count; i++) {
        const struct entry *e = &w->used[i];
        out->entries[i] = (struct tcg_walk_entry){.ram = e->host ? e->ram : NULL,
                                                  .offset = e->offset,
                                                  .index = e->index,
                                                  .size = e->size,
                                                  .shift = e->shift};
    }
}

bool x86_walk(struct tcg_cpu *tc, uint64_t vaddr, enum tcg_access access, unsigned mmu_index,
              bool quiet, struct tcg_walk *out)
{
    struct x86_regs *r = x86_regs_of(tc);
    if (!(r->cr0 & X86_CR0_PG))
        return identity(r, vaddr, out);
    if (x86_is_long(r)) {
        if (!x86_canonical(r, vaddr)) {
            if (!quiet) {
                x86_raise_error(tc, X86_GP, 0);
                if (access != TCG_FETCH)
                    tc->exc_addr = vaddr; /* delivery looks whether it was the stack's: #SS */
            }
            return false;
        }
    } else {
        vaddr &= 0xffffffff;
    }
    struct walk w; /* not cleared whole: this is the TLB's miss path */
    w.tc = tc;
    w.r = r;
    w.a20_mask = r->a20_off ? ~(UINT64_C(1) << 20) : ~UINT64_C(0);
    int result;
    do {
        result = attempt(&w, vaddr, access, mmu_index, quiet, out);
    } while (result < 0);
    if (result > 0 && out->tables_wanted)
        list_entries(&w, out);
    return result > 0;
}
