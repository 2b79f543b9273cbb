/* tcg/x86/walk.c: page tables built in RAM, every paging mode, permissions and error codes. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <time.h>

#include "tests/unit/x86_machine.h"

static struct x86_machine t;

enum { P = 1, W = 2, U = 4, A = 0x20, D = 0x40, PS = 0x80, G = 0x100 };
#define NX (UINT64_C(1) << 63)

static void setup(void)
{
    x86_machine_init(&t, "max,+la57");
}
static void teardown(void)
{
    x86_machine_free(&t);
}

static void put64(uint64_t addr, uint64_t v)
{
    store_le64(x86_at(&t, addr), v);
}
static uint64_t get64(uint64_t addr)
{
    return load_le64(x86_at(&t, addr));
}

/* 4-level: PML4 at 1000, PDPT at 2000, PD at 3000, PT at 4000; the page of address 0 is leaf. */
static void four_levels(uint64_t upper, uint64_t leaf)
{
    put64(0x1000, 0x2000 | upper);
    put64(0x2000, 0x3000 | upper);
    put64(0x3000, 0x4000 | upper);
    put64(0x4000, leaf);
    t.r->cr0 = X86_CR0_PE | X86_CR0_PG | X86_CR0_WP | X86_CR0_ET;
    t.r->cr3 = 0x1000;
    t.r->cr4 = X86_CR4_PAE;
    t.r->efer = X86_EFER_LME | X86_EFER_LMA | X86_EFER_NXE;
}

static int fault_code(uint64_t addr, enum tcg_access access, unsigned idx)
{
    struct tcg_walk w;
    t.tc->status = TCG_OK;
    if (x86_walk(t.tc, addr, access, idx, false, &w)) {
        cr_assert_eq(t.tc->status, TCG_OK);
        return -1;
    }
    cr_assert_eq(t.tc->status, TCG_EXCEPTION);
    t.tc->status = TCG_OK;
    if (t.tc->exc_vector == X86_PF)
        cr_assert_eq(t.tc->exc_addr, addr);
    return t.tc->exc_vector == X86_PF ? (int)t.tc->exc_error : 0x1000 + t.tc->exc_vector;
}

#define OK (-1)
#define expect(value, want) cr_expect_eq((value), (want), "got %x", (unsigned)(value))

TestSuite(x86_walk, .init = setup, .fini = teardown);

Test(x86_walk, no_paging_is_identity_and_a20_masks)
{
    struct tcg_walk w;
    t.r->cr0 = X86_CR0_ET;
    cr_assert(x86_walk(t.tc, 0x123456, TCG_WRITE, X86_MMU_KERNEL, false, &w));
    cr_expect_eq(w.paddr, 0x123000);
    t.r->a20_off = 1;
    cr_assert(x86_walk(t.tc, 0x123456, TCG_WRITE, X86_MMU_KERNEL, false, &w));
    cr_expect_eq(w.paddr, 0x023000);
}

Test(x86_walk, four_levels_set_accessed_and_dirty)
{
    struct tcg_walk w;
    four_levels(P | W | U, 0x7000 | P | W | U | G);
    cr_assert(x86_walk(t.tc, 0x123, TCG_READ, X86_MMU_USER, true, &w));
    cr_expect_eq(get64(0x4000), (uint64_t)(0x7000 | P | W | U | G), "quiet walks leave no trace");
    cr_assert(x86_walk(t.tc, 0x123, TCG_READ, X86_MMU_USER, false, &w));
    cr_expect_eq(w.paddr, 0x7000);
    cr_expect_eq(w.page_bits, 12);
    cr_expect(w.readable && w.executable && !w.writable && !w.global,
              "not dirty: the first write walks again");
    cr_expect(get64(0x1000) & A);
    cr_expect(get64(0x2000) & A);
    cr_expect(get64(0x3000) & A);
    cr_expect_eq(get64(0x4000) & (A | D), A);
    t.r->cr4 |= X86_CR4_PGE;
    cr_assert(x86_walk(t.tc, 0x123, TCG_WRITE, X86_MMU_USER, false, &w));
    cr_expect(w.writable && w.global);
    cr_expect_eq(get64(0x4000) & (A | D), A | D);
    cr_expect_not(get64(0x3000) & D);
}

Test(x86_walk, error_codes_of_permissions)
{
    four_levels(P | W | U, 0x7000 | P);
    expect(fault_code(0, TCG_READ, X86_MMU_KERNEL), OK);
    expect(fault_code(0, TCG_WRITE, X86_MMU_KERNEL), 3);
    expect(fault_code(0, TCG_READ, X86_MMU_USER), 5);
    expect(fault_code(0, TCG_WRITE, X86_MMU_USER), 7);
    expect(fault_code(0, TCG_FETCH, X86_MMU_USER), 0x15);
    expect(fault_code(0x1000, TCG_READ, X86_MMU_KERNEL), 0);
    expect(fault_code(0x1000, TCG_WRITE, X86_MMU_USER), 6);
    t.r->cr0 &= ~(uint64_t)X86_CR0_WP;
    expect(fault_code(0, TCG_WRITE, X86_MMU_KERNEL), OK);
    put64(0x4000, 0x7000 | P | U | NX);
    expect(fault_code(0, TCG_FETCH, X86_MMU_USER), 0x15);
    expect(fault_code(0, TCG_FETCH, X86_MMU_KERNEL), 0x11);
    t.r->efer &= ~(uint64_t)X86_EFER_NXE;
    expect(fault_code(0, TCG_READ, X86_MMU_KERNEL), 9);
}

Test(x86_walk, smep_and_smap_keep_the_kernel_from_user_pages)
{
    four_levels(P | W | U, 0x7000 | P | W | U);
    t.r->cr4 |= X86_CR4_SMEP | X86_CR4_SMAP;
    expect(fault_code(0, TCG_FETCH, X86_MMU_KERNEL), 0x11);
    expect(fault_code(0, TCG_READ, X86_MMU_KERNEL), 1);
    expect(fault_code(0, TCG_WRITE, X86_MMU_KERNEL), 3);
    expect(fault_code(0, TCG_READ, X86_MMU_KERNEL_NOSMAP), OK);
    expect(fault_code(0, TCG_READ, X86_MMU_USER), OK);
}

Test(x86_walk, large_pages_and_their_reserved_bits)
{
    struct tcg_walk w;
    four_levels(P | W | U, 0);
    put64(0x3000 + 8, 0x600000 | P | W | PS); /* 2 MiB at 2 MiB */
    cr_assert(x86_walk(t.tc, 0x2abcde, TCG_READ, X86_MMU_KERNEL, false, &w));
    cr_expect_eq(w.paddr, 0x6ab000);
    cr_expect_eq(w.page_bits, 21);
    put64(0x3000 + 8, 0x602000 | P | W | PS);
    expect(fault_code(0x200000, TCG_READ, X86_MMU_KERNEL), 9);
    put64(0x2000 + 8, UINT64_C(0x40000000) | P | W | PS); /* 1 GiB at 1 GiB */
    cr_assert(x86_walk(t.tc, 0x40abcdef, TCG_READ, X86_MMU_KERNEL, false, &w));
    cr_expect_eq(w.paddr, 0x40abc000);
    cr_expect_eq(w.page_bits, 30);
    put64(0x1000 + 8, 0x2000 | P | W | PS); /* PS is reserved in a PML4 entry */
    expect(fault_code(UINT64_C(1) << 39, TCG_READ, X86_MMU_KERNEL), 9);
    put64(0x4000, UINT64_C(1) << 45 | P); /* beyond MAXPHYADDR */
    expect(fault_code(0, TCG_READ, X86_MMU_USER), 0xd);
}

Test(x86_walk, non_canonical_is_gp_and_five_levels_reach_further)
{
    struct tcg_walk w;
    four_levels(P | W | U, 0x7000 | P);
    expect(fault_code(UINT64_C(0x800000000000), TCG_READ, X86_MMU_KERNEL), 0x1000 + X86_GP);
    put64(0x8000 + 8, 0x1000 | P | W | U);
    t.r->cr3 = 0x8000;
    t.r->cr4 |= X86_CR4_LA57;
    cr_assert(x86_walk(t.tc, UINT64_C(1) << 48, TCG_READ, X86_MMU_KERNEL, false, &w));
    cr_expect_eq(w.paddr, 0x7000);
    expect(fault_code(UINT64_C(0x100000000000000), TCG_READ, X86_MMU_KERNEL), 0x1000 + X86_GP);
}

Test(x86_walk, thirty_two_bit_tables_with_pse36)
{
    struct tcg_walk w;
    t.r->cr0 = X86_CR0_PE | X86_CR0_PG | X86_CR0_WP | X86_CR0_ET;
    t.r->cr3 = 0x1000;
    store_le32(x86_at(&t, 0x1000), 0x2000 | P | W | U);
    store_le32(x86_at(&t, 0x2000 + 4), 0x9000 | P | U);
    cr_assert(x86_walk(t.tc, UINT64_C(0xffffffff00001234), TCG_READ, X86_MMU_USER, false, &w));
    cr_expect_eq(w.paddr, 0x9000);
    cr_expect_eq(load_le32(x86_at(&t, 0x2004)) & (A | D), A);
    expect(fault_code(0x1000, TCG_WRITE, X86_MMU_USER), 7);
    expect(fault_code(0x1000, TCG_FETCH, X86_MMU_USER), OK);
    expect(fault_code(0x2000, TCG_FETCH, X86_MMU_USER), 4); /* no NX, no SMEP: no instruction bit */
    store_le32(x86_at(&t, 0x1004), 0x00c00000 | 1 << 13 | P | W | PS);
    t.r->cr4 = X86_CR4_PSE;
    cr_assert(x86_walk(t.tc, 0x00401000, TCG_READ, X86_MMU_KERNEL, false, &w));
    cr_expect_eq(w.paddr, UINT64_C(0x100c01000));
    cr_expect_eq(w.page_bits, 22);
    store_le32(x86_at(&t, 0x1004), 0x00c00000 | 1 << 21 | P | W | PS);
    expect(fault_code(0x400000, TCG_READ, X86_MMU_KERNEL), 9);
}

Test(x86_walk, pae_tables)
{
    struct tcg_walk w;
    t.r->cr0 = X86_CR0_PE | X86_CR0_PG | X86_CR0_WP | X86_CR0_ET;
    t.r->cr4 = X86_CR4_PAE;
    t.r->efer = X86_EFER_NXE;
    t.r->cr3 = 0x1020;
    put64(0x1020 + 8 * 3, 0x2000 | P);
    put64(0x2000 + 8 * 511, 0x3000 | P | W | U);
    put64(0x3000 + 8 * 511, 0x5000 | P | W | U | NX);
    cr_assert(x86_walk(t.tc, 0xfffff123, TCG_WRITE, X86_MMU_USER, false, &w));
    cr_expect_eq(w.paddr, 0x5000);
    cr_expect_eq(get64(0x1020 + 24), (uint64_t)(0x2000 | P), "no accessed bit in a PDPTE");
    expect(fault_code(0xfffff000, TCG_FETCH, X86_MMU_USER), 0x15);
    put64(0x3000 + 8 * 511,
          0x5000 | P | UINT64_C(1) << 55); /* ignored in long mode, reserved here */
    expect(fault_code(0xfffff000, TCG_READ, X86_MMU_KERNEL), 9);
}

Test(x86_walk, tables_outside_ram_read_as_ones)
{
    four_levels(P | W | U, 0x7000 | P);
    t.r->cr3 = UINT64_C(0x80000000);
    expect(fault_code(0, TCG_READ, X86_MMU_KERNEL), 9);
}

Test(x86_walk, protection_keys)
{
    four_levels(P | W | U, 0x7000 | P | W | U | UINT64_C(5) << 59);
    t.r->cr4 |= X86_CR4_PKE;
    t.r->pkru = 2u << 10;
    expect(fault_code(0, TCG_READ, X86_MMU_USER), OK);
    expect(fault_code(0, TCG_WRITE, X86_MMU_USER), 0x27);
    t.r->pkru = 1u << 10;
    expect(fault_code(0, TCG_READ, X86_MMU_KERNEL), 0x21);
    expect(fault_code(0, TCG_FETCH, X86_MMU_USER), OK);
}

/* ---- the short way: what a walk says of the other entries of its last table ---- */

static uint64_t rng = 20261129;
static uint64_t random64(void)
{
    rng ^= rng << 13;
    rng ^= rng >> 7;
    return rng ^= rng << 17;
}

/* Attribute bits, most of them as usual: else few walks succeed. */
static uint64_t random_bits(bool leaf, bool large, bool wide)
{
    static const uint64_t usual[] = {P, W, U, A, D};
    uint64_t bits = large ? PS : 0;
    for (unsigned k = 0; k < sizeof usual / sizeof usual[0]; k++)
        bits |= random64() % 8 ? usual[k] : 0;
    bits |= leaf && random64() % 2 ? G : 0;
    if (!wide)
        return bits;
    bits |= random64() % 8 ? 0 : NX;
    bits |= leaf && !(random64() % 4) ? random64() % 16 << 59 : 0;
    bits |= random64() % 16 ? 0 : UINT64_C(1) << (46 + random64() % 6); /* reserved */
    return bits;
}

enum shape { FOUR_LEVELS, FOUR_LARGE, PAE, PAE_LARGE, LEGACY, LEGACY_LARGE, SHAPES };

static void random_mode(enum shape shape)
{
    t.r->cr0 = X86_CR0_PE | X86_CR0_PG | X86_CR0_ET | (random64() % 2 ? X86_CR0_WP : 0);
    t.r->cr3 = 0x1000;
    t.r->cr4 = random64() & (X86_CR4_SMEP | X86_CR4_SMAP | X86_CR4_PKE | X86_CR4_PGE);
    t.r->cr4 |= X86_CR4_PSE | (shape < LEGACY ? X86_CR4_PAE : 0);
    t.r->efer = (shape < PAE ? X86_EFER_LME | X86_EFER_LMA : 0) |
                (shape < LEGACY && random64() % 4 ? X86_EFER_NXE : 0);
    t.r->pkru = (uint32_t)(random64() % 2 ? random64() & ~UINT64_C(3) : random64());
}

/* The last table is at 4000 (of large pages: at 3000); returns where the entry for page n is. */
static uint64_t random_tables(enum shape shape)
{
    const uint64_t upper = random_bits(false, false, shape < LEGACY);
    if (shape >= LEGACY) {
        store_le32(x86_at(&t, 0x1000), 0x4000 | (uint32_t)upper);
        return shape == LEGACY ? 0x4000 : 0x1000;
    }
    put64(0x1000, 0x2000 | (shape < PAE ? upper : P));
    if (shape < PAE)
        put64(0x2000, 0x3000 | random_bits(false, false, true));
    const uint64_t directory = shape < PAE ? 0x3000 : 0x2000;
    put64(directory, 0x4000 | random_bits(false, false, true));
    return shape == FOUR_LARGE || shape == PAE_LARGE ? directory : 0x4000;
}

static void put_leaf(enum shape shape, uint64_t at)
{
    const bool large = shape % 2;
    const uint64_t page = large ? UINT64_C(0xc00000) : 0x7000 + random64() % 16 * 0x1000;
    /* what is reserved below a large page's address; PAT */
    const uint64_t odd = large && !(random64() % 8) ? UINT64_C(1) << (12 + random64() % 9) : 0;
    const uint64_t value = page | odd | random_bits(true, large, shape < LEGACY);
    if (shape < LEGACY)
        put64(at, value);
    else
        store_le32(x86_at(&t, at), (uint32_t)value);
}

static uint64_t get_leaf(enum shape shape, uint64_t at)
{
    return shape < LEGACY ? get64(at) : load_le32(x86_at(&t, at));
}

/* true: the way is there and says yes. */
static bool short_way_agrees(enum shape shape, const struct tcg_walk_last *l, uint64_t at,
                             uint64_t addr, enum tcg_access access, unsigned idx)
{
    struct tcg_walk w;
    const uint64_t e = get_leaf(shape, at);
    const bool yes = (e & l->mask) == l->want;
    const uint64_t set = access == TCG_WRITE ? A | D : A;
    const uint64_t index = addr >> 12 & l->index_mask;
    cr_assert_eq((const uint8_t *)l->table + index * l->size, (uint8_t *)x86_at(&t, at));
    const bool allowed = x86_walk(t.tc, addr, access, idx, true, &w);
    if (yes) {
        cr_assert(allowed, "shape %d access %d index %u entry %llx", shape, access, idx,
                  (unsigned long long)e);
        cr_assert_eq(e & set, set, "nothing is to be set");
        cr_assert_eq(w.paddr, (e & l->address) | (addr & l->low));
        cr_assert_eq(w.global, (e & l->global) != 0);
        cr_assert_not(w.keyed);
    } else if (allowed && (e & set) == set && !(shape < PAE && e >> 59 & 15) && /* a key */
               !(shape == LEGACY_LARGE && e >> 13 & 0xff) /* above 4 GiB: PSE-36 */) {
        cr_assert_fail("shape %d access %d index %u entry %llx: takes the long way", shape, access,
                       idx, (unsigned long long)e);
    }
    return yes;
}

Test(x86_walk, the_short_way_says_what_the_walk_says)
{
    unsigned yes[SHAPES] = {0}, no[SHAPES] = {0};
    for (unsigned n = 0; n < 200000; n++) {
        const enum shape shape = (enum shape)(random64() % SHAPES);
        const enum tcg_access access = (enum tcg_access)(random64() % 3);
        const unsigned idx = (unsigned)(random64() % 3);
        struct tcg_walk w;
        random_mode(shape);
        const uint64_t table = random_tables(shape);
        const bool large = shape % 2;
        put_leaf(shape, table);
        if (!x86_walk(t.tc, 0, access, idx, false, &w) || !w.last.table) {
            t.tc->status = TCG_OK;
            continue;
        }
        /* another page of the table, or the large page after its entry changed */
        const uint64_t addr = large ? 0x5123 : 0x5000, size = shape < LEGACY ? 8 : 4;
        const uint64_t at = large ? table : table + 5 * size;
        put_leaf(shape, at);
        if (short_way_agrees(shape, &w.last, at, addr, access, idx))
            yes[shape]++;
        else
            no[shape]++;
    }
    for (unsigned k = 0; k < SHAPES; k++)
        cr_expect(yes[k] > 300 && no[k] > 300, "shape %u: %u yes, %u no", k, yes[k], no[k]);
}
