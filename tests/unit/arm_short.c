/* tcg/arm, translation in AArch32: short descriptors, and long ones by TTBCR.EAE. */
#include "core/cpu/debug.h"
#include "tests/unit/arm_system.h"

#define TTBR0_AT 0x4000u
#define TTBR1_AT 0x8000u
#define TABLE_AT 0xc000u /* two second-level tables, in one page */

enum { TABLE = 1, SECTION = 2, SUPER = 1 << 18, LARGE = 1, SMALL = 2 };
enum { CLIENTS = 0x55555555, TRE = 1 << 28, AFE = 1 << 29 };

static void put32(uint64_t addr, uint32_t v)
{
    store_le32(t.ram->host + addr, v);
}

/* MMU on, all domains clients, a second-level table for each of the first two MiB. */
static void start_short(void)
{
    start("cortex-a15,el2=off,el3=off", 1);
    arm_regs_reset(t.r, &t.model);
    memset(t.ram->host, 0, t.ram->size);
    put32(TTBR0_AT, TABLE_AT | TABLE);
    put32(TTBR0_AT + 4, TABLE_AT + 0x400 + TABLE);
    t.r->ttbr0[1] = TTBR0_AT;
    t.r->ttbr1[1] = TTBR1_AT;
    t.r->dacr = CLIENTS;
    t.r->sctlr[1] |= 1;
    arm_machine_changed(&t);
}

TestSuite(arm_short, .init = start_short, .fini = teardown);

/* The status as DFSR or IFSR has it; -1: none. */
static int status_of(uint32_t va, enum tcg_access access, unsigned index, struct tcg_walk *w)
{
    return walk_raises(va, access, index, w) ? (int)arm_fault_status32(t.tc, t.tc->exc_error) : -1;
}
static int reads(uint32_t va)
{
    return status_of(va, TCG_READ, ARM_MMU_PRIV, NULL);
}
static uint64_t paddr_of(uint32_t va)
{
    struct tcg_walk w;
    const int status = status_of(va, TCG_READ, ARM_MMU_PRIV, &w);
    return status < 0 ? w.paddr : UINT64_C(0xbad000000) + (unsigned)status;
}

Test(arm_short, each_size_of_page)
{
    put32(TABLE_AT + 4, 0x123000 | 0x10 | SMALL);
    for (unsigned n = 16; n < 32; n++)
        put32(TABLE_AT + 4 * n, 0x230000 | 0x10 | LARGE);
    put32(TTBR0_AT + 4 * 5, 0x00700000 | 0x400 | SECTION);
    for (unsigned n = 16; n < 32; n++) /* 3'02000000: PA[35:32] in 23:20, PA[39:36] in 8:5 */
        put32(TTBR0_AT + 4 * n, 0x02300000 | 1 << 5 | SUPER | 0x400 | SECTION);
    expect(paddr_of(0x1abc), 0x123000u);
    expect(paddr_of(0x15678), 0x235000u);
    expect(paddr_of(0x5abcde), 0x7ab000u);
    expect(paddr_of(0x1234567), UINT64_C(0x1302234000));
}

Test(arm_short, levels_and_domains_in_the_status)
{
    expect(reads(0x200000), 0x05); /* the domain is not known */
    put32(TTBR0_AT, TABLE_AT | 3 << 5 | TABLE);
    expect(reads(0), 0x37);
    put32(TABLE_AT, 0x1000 | SMALL); /* AP 0 */
    expect(reads(0), 0x3f);
    put32(TTBR0_AT + 8, 7 << 5 | SECTION);
    expect(reads(0x200000), 0x7d);
    put32(TTBR0_AT, 0x7fffff00 | TABLE); /* no memory is there */
    expect(reads(0) & 0xf, 0x0e);
    t.r->ttbr0[1] = 0x7fffc000;
    arm_machine_changed(&t);
    expect(reads(0) & 0xf, 0x0c);
}

Test(arm_short, rights_by_ap_and_level)
{
    static const struct {
        unsigned ap;
        const char *user, *priv;
    } cases[] = {{0, "---", "---"}, {1, "---", "rwx"}, {2, "r-x", "rwx"}, {3, "rwx", "rwx"},
                 {5, "---", "r-x"}, {6, "r-x", "r-x"}, {7, "r-x", "r-x"}};
    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        const uint32_t ap = (cases[i].ap & 3) << 4 | cases[i].ap >> 2 << 9;
        put32(TABLE_AT, 0x1000 | ap | SMALL);
        for (unsigned a = 0; a < 3; a++) {
            cr_expect_eq(status_of(0, (enum tcg_access)a, ARM_MMU_USER, NULL) < 0,
                         cases[i].user[a] != '-', "AP %u user %u", cases[i].ap, a);
            cr_expect_eq(status_of(0, (enum tcg_access)a, ARM_MMU_PRIV, NULL) < 0,
                         cases[i].priv[a] != '-', "AP %u priv %u", cases[i].ap, a);
        }
    }
}

Test(arm_short, execution)
{
    put32(TABLE_AT, 0x1000 | 0x30 | SMALL);
    expect(status_of(0, TCG_FETCH, ARM_MMU_PRIV, NULL), -1);
    put32(TTBR0_AT, TABLE_AT | 4 | TABLE); /* PXN */
    expect(status_of(0, TCG_FETCH, ARM_MMU_PRIV, NULL), 0x0f);
    expect(status_of(0, TCG_FETCH, ARM_MMU_USER, NULL), -1);
    put32(TABLE_AT, 0x1000 | 0x30 | SMALL | 1); /* XN */
    expect(status_of(0, TCG_FETCH, ARM_MMU_USER, NULL), 0x0f);
    put32(TABLE_AT, 0x1000 | 0x30 | SMALL);
    put32(TTBR0_AT, TABLE_AT | TABLE);
    t.r->sctlr[1] |= ARM_SCTLR_UWXN;
    expect(status_of(0, TCG_FETCH, ARM_MMU_PRIV, NULL), 0x0f);
    expect(status_of(0, TCG_FETCH, ARM_MMU_USER, NULL), -1);
    t.r->sctlr[1] |= ARM_SCTLR_WXN;
    expect(status_of(0, TCG_FETCH, ARM_MMU_USER, NULL), 0x0f);
    put32(TTBR0_AT + 8, 0x400 | SECTION | 1); /* PXN of a section */
    t.r->sctlr[1] &= ~(uint64_t)(ARM_SCTLR_WXN | ARM_SCTLR_UWXN);
    expect(status_of(0x200000, TCG_FETCH, ARM_MMU_PRIV, NULL), 0x0d);
    put32(TTBR0_AT + 8, 0x400 | SECTION | 1 << 4);
    expect(status_of(0x200000, TCG_FETCH, ARM_MMU_PRIV, NULL), 0x0d);
    expect(status_of(0x200000, TCG_READ, ARM_MMU_PRIV, NULL), -1);
}

Test(arm_short, the_access_flag_takes_the_place_of_ap0)
{
    t.r->sctlr[1] |= AFE;
    arm_machine_changed(&t);
    put32(TABLE_AT, 0x1000 | 0x20 | SMALL);
    expect(reads(0), 0x06);
    put32(TABLE_AT, 0x1000 | 0x30 | SMALL);
    expect(status_of(0, TCG_WRITE, ARM_MMU_USER, NULL), -1);
    put32(TTBR0_AT + 8, SECTION);
    expect(reads(0x200000), 0x03);
}

Test(arm_short, domains_deny_and_let_all_through)
{
    put32(TTBR0_AT, TABLE_AT | 2 << 5 | TABLE);
    put32(TABLE_AT, 0x1000 | SMALL | 1); /* no rights, not executable */
    expect(reads(0), 0x2f);
    t.r->dacr = CLIENTS | 3 << 4; /* manager */
    arm_machine_changed(&t);
    const unsigned index = arm_sys_of(t.tc)->domains ? ARM_MMU_PRIV_PAN : ARM_MMU_PRIV;
    expect(status_of(0, TCG_WRITE, index, NULL), -1);
    expect(status_of(0, TCG_FETCH, index, NULL), -1);
}

/* A kernel's two values have an index each; going from one to the other changes no root. */
Test(arm_short, two_values_of_dacr_are_two_indices)
{
    const uint32_t dacr = ARM_CP_ARG(15, 0, 3, 0, 0, 3, 0);
    put32(TTBR0_AT, TABLE_AT | 1 << 5 | TABLE);
    put32(TABLE_AT, 0x1000 | 0x30 | SMALL);
    arm_helper_mcr(t.r, dacr, 0x51, 0, 0); /* domain 1: none */
    const uint64_t denied = t.tc->ctx->space->mmu_index;
    expect(status_of(0, TCG_READ, (unsigned)denied, NULL), 0x1b);
    arm_helper_mcr(t.r, dacr, 0x55, 0, 0);
    const uint64_t allowed = t.tc->ctx->space->mmu_index;
    expect(status_of(0, TCG_READ, (unsigned)allowed, NULL), -1);
    const uint64_t both = t.tc->mmu->root->key;
    for (unsigned n = 0; n < 4; n++) {
        arm_helper_mcr(t.r, dacr, 0x51, 0, 0);
        expect(t.tc->ctx->space->mmu_index, denied);
        expect(t.tc->mmu->root->key, both);
        arm_helper_mcr(t.r, dacr, 0x55, 0, 0);
        expect(t.tc->ctx->space->mmu_index, allowed);
    }
    arm_helper_mcr(t.r, dacr, 0, 0, 0); /* a third one has no index yet */
    cr_expect_neq(t.tc->mmu->root->key, both);
    expect(status_of(0, TCG_READ, t.tc->ctx->space->mmu_index, NULL), 0x1b);
}

Test(arm_short, ttbcr_splits_the_addresses)
{
    put32(TTBR1_AT + 4 * 0x800, 0x00300000 | 0x400 | SECTION);
    put32(TTBR0_AT + 4 * 0x7ff, 0x00100000 | 0x400 | SECTION);
    t.r->tcr[1] = 1; /* N: 2 GiB */
    arm_machine_changed(&t);
    expect(paddr_of(0x80012345), 0x312000u);
    expect(paddr_of(0x7ff12345), 0x112000u);
    t.r->tcr[1] |= 1 << 5; /* PD1 */
    expect(reads(0x80012345), 0x05);
    t.r->tcr[1] |= 1 << 4; /* PD0 */
    expect(reads(0x7ff12345), 0x05);
}

/* The other table of the page is what the short way needs; it says what the walk says. */
Test(arm_short, the_short_way_agrees_with_the_walk)
{
    static const unsigned indices[] = {ARM_MMU_USER, ARM_MMU_PRIV};
    static const uint32_t bits[] = {1 << 4, 1 << 5, 1 << 9, 1 << 11, SMALL, 1};
    for (unsigned access = 0; access < 3; access++)
        for (unsigned i = 0; i < 2; i++) {
            struct tcg_walk w, again;
            put32(TABLE_AT + 0x400, 0x5000 | 0x30 | SMALL);
            cr_assert_eq(status_of(0x100000, (enum tcg_access)access, indices[i], &w), -1);
            cr_assert(w.last.table == t.ram->host + TABLE_AT);
            for (unsigned have = 0; have < 1u << ARRAY_SIZE(bits); have++) {
                uint32_t leaf = 0x6000;
                for (unsigned n = 0; n < ARRAY_SIZE(bits); n++)
                    leaf |= have >> n & 1 ? bits[n] : 0;
                put32(TABLE_AT + 4, leaf);
                if ((leaf & w.last.mask) != w.last.want)
                    continue;
                cr_assert_eq(status_of(0x1000, (enum tcg_access)access, indices[i], &again), -1,
                             "leaf %x index %u access %u", leaf, i, access);
                expect(again.paddr, leaf & w.last.address);
                expect(again.global, ((leaf ^ w.last.local) & w.last.global) != 0);
            }
        }
    struct tcg_walk w;
    put32(TTBR0_AT, TABLE_AT | 1 << 5 | TABLE); /* another domain than its neighbour's */
    expect(status_of(0x100000, TCG_READ, ARM_MMU_PRIV, &w), -1);
    cr_expect_null(w.last.table);
}

Test(arm_short, the_address_space_is_that_of_contextidr)
{
    const uint32_t contextidr = ARM_CP_ARG(15, 0, 13, 0, 1, 3, 0);
    put32(TABLE_AT, 0x1000 | 0x830 | SMALL); /* not global */
    const uint64_t one = t.tc->mmu->root->key;
    arm_helper_mcr(t.r, contextidr, 0x1207, 0, 0);
    expect(t.tc->mmu->root->key, one); /* until it is synchronised */
    arm_helper_isb(t.r, 0, 0, 0, 0);
    cr_expect_neq(t.tc->mmu->root->key, one);
    expect(t.tc->mmu->root->key >> 48, 7u);
    uint64_t v = 0;
    cr_assert(arm_debug_translate(t.cpu, 0x123, &v));
    expect(v, 0x1123u);
}

Test(arm_short, invalidation_by_address_and_space)
{
    put32(TABLE_AT, 0x1000 | 0x830 | SMALL);
    put32(TABLE_AT + 4, 0x2000 | 0x30 | SMALL); /* global */
    store_le32(t.ram->host + 0x1000, 0x11111111);
    store_le32(t.ram->host + 0x2000, 0x22222222);
    store_le32(t.ram->host + 0x3000, 0x33333333);
    for (unsigned opc2 = 0; opc2 < 4; opc2++) {
        put32(TABLE_AT, 0x1000 | 0x830 | SMALL);
        arm_helper_mcr(t.r, ARM_CP_ARG(15, 0, 8, 7, 0, 3, 0), 0, 0, 0);
        expect(tcg_load(t.tc, 0x0, 4, 0), 0x11111111u);
        put32(TABLE_AT, 0x3000 | 0x830 | SMALL);
        arm_helper_mcr(t.r, ARM_CP_ARG(15, 0, 8, 7, opc2, 3, 0), 0, 0, 0);
        expect(tcg_load(t.tc, 0x0, 4, 0), 0x33333333u);
    }
    expect(tcg_load(t.tc, 0x1000, 4, 0), 0x22222222u);
}

Test(arm_short, address_translation_in_par)
{
    put32(TABLE_AT, 0x7000 | 0x30 | 1 << 6 | 3 << 2 | 1 << 10 | SMALL); /* normal, shareable */
    arm_helper_mcr(t.r, ARM_CP_ARG(15, 0, 7, 8, 0, 3, 0), 0x123, 0, 0);
    expect(t.r->par, 0x7000u | 1 << 10 | 1 << 9 | 1 << 7 | 5 << 4 | 1 << 2);
    arm_helper_mcr(t.r, ARM_CP_ARG(15, 0, 7, 8, 2, 3, 0), 0x1000, 0, 0);
    expect(t.r->par, 1u | 7 << 1);
    t.r->sctlr[1] |= TRE;
    t.r->mair[1] =
        UINT64_C(2) << 62 | UINT64_C(2) << 46 | 2 << 14; /* TEX[0], C, B 7: write-through */
    arm_helper_mcr(t.r, ARM_CP_ARG(15, 0, 7, 8, 0, 3, 0), 0x123, 0, 0);
    expect(t.r->par, 0x7000u | 1 << 9 | 6 << 4 | 2 << 2);
}

/* ---- long descriptors ---- */

enum { L_TABLE = 3, L_PAGE = 3, AF = 1 << 10, AP1 = 1 << 6, AP2 = 1 << 7 };
#define PXN (UINT64_C(1) << 53)
#define XN (UINT64_C(1) << 54)

static void start_long(void)
{
    start_short();
    t.r->tcr[1] = ARM_TTBCR_EAE;
    put64(TTBR0_AT, 0x5000 | L_TABLE); /* 32 bits: four entries of level 1 */
    put64(0x5000, 0x6000 | L_TABLE);
    put64(0x6000, 0x7000 | L_PAGE | AF | AP1);
    arm_machine_changed(&t);
}

TestSuite(arm_long32, .init = start_long, .fini = teardown);

Test(arm_long32, levels_and_sizes)
{
    put64(TTBR0_AT + 24, UINT64_C(0x1240000000) | 1 | AF);
    put64(0x5008, 0x00200000 | 1 | AF);
    expect(paddr_of(0x123), 0x7000u);
    expect(paddr_of(0xc0123456), UINT64_C(0x1240123000));
    expect(paddr_of(0x212345), 0x212000u);
    expect(reads(0x40000000), 0x205);
    expect(reads(0x400000), 0x206);
    expect(reads(0x1000), 0x207);
    put64(0x6000, 0x7000 | L_PAGE);
    expect(reads(0), 0x20b);
}

/* T0SZ 1, T1SZ 1: halves, walks from level 1 of two entries; T1SZ 2: a quarter, from level 2. */
Test(arm_long32, the_two_tables_share_the_addresses)
{
    put64(TTBR1_AT + 8, UINT64_C(0x00000000) | 1 | AF);
    t.r->tcr[1] = ARM_TTBCR_EAE | 1 | 1 << 16;
    arm_machine_changed(&t);
    expect(paddr_of(0xc0012345), 0x12000u);
    expect(paddr_of(0x123), 0x7000u);
    t.r->tcr[1] = ARM_TTBCR_EAE | 1 | 2 << 16;
    put64(TTBR1_AT, 0x00200000 | 1 | AF);
    expect(reads(0x80000000), 0x205); /* of neither */
    expect(paddr_of(0xc0012345), 0x212000u);
    t.r->tcr[1] = ARM_TTBCR_EAE | 1; /* T1SZ 0: all that is not TTBR0's */
    put64(TTBR1_AT + 16, 0x00000000 | 1 | AF);
    expect(paddr_of(0x80034567), 0x34000u);
    t.r->tcr[1] |= 1 << 23; /* EPD1 */
    expect(reads(0x80034567), 0x205);
}

Test(arm_long32, rights)
{
    static const struct {
        uint64_t leaf;
        const char *user, *priv;
    } cases[] = {{0, "---", "rwx"},         {AP1, "rwx", "rwx"},      {AP2, "---", "r-x"},
                 {AP1 | AP2, "r-x", "r-x"}, {AP1 | XN, "rw-", "rw-"}, {AP1 | PXN, "rwx", "rw-"}};
    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        put64(0x6000, 0x7000 | L_PAGE | AF | cases[i].leaf);
        for (unsigned a = 0; a < 3; a++) {
            cr_expect_eq(status_of(0, (enum tcg_access)a, ARM_MMU_USER, NULL) < 0,
                         cases[i].user[a] != '-', "case %u user %u", i, a);
            cr_expect_eq(status_of(0, (enum tcg_access)a, ARM_MMU_PRIV, NULL) < 0,
                         cases[i].priv[a] != '-', "case %u priv %u", i, a);
        }
    }
}

Test(arm_long32, the_address_space_is_that_of_ttbr)
{
    t.r->ttbr0[1] |= UINT64_C(0x42) << 48;
    t.r->contextidr[1] = 0x17;
    arm_machine_changed(&t);
    expect(t.tc->mmu->root->key >> 48, 0x42u);
}
