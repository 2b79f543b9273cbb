/* tcg/arm, translation of addresses: walks of both stages with tables in RAM, roots, invalidation.
 */
#include "tests/unit/arm_system.h"

/* ---- walks ---- */

enum { V = 1, TBL = 3, PAGE = 3, AF = 1 << 10, NG = 1 << 11, AP1 = 1 << 6, AP2 = 1 << 7 };
#define PXN (UINT64_C(1) << 53)
#define UXN (UINT64_C(1) << 54)
#define DBM (UINT64_C(1) << 51)

static const unsigned indices[] = {ARM_MMU_USER, ARM_MMU_PRIV, ARM_MMU_PRIV_PAN};

TestSuite(arm_walk, .init = setup, .fini = teardown);

static int fsc_of(uint64_t va, enum tcg_access access, unsigned index, struct tcg_walk *w)
{
    return walk_raises(va, access, index, w) ? (int)(t.tc->exc_error & 0x3f) : -1;
}
static uint64_t paddr_of(uint64_t va)
{
    struct tcg_walk w;
    const int fsc = fsc_of(va, TCG_READ, ARM_MMU_PRIV, &w);
    return fsc < 0 ? w.paddr : UINT64_C(0xbad00000) + (unsigned)fsc;
}

static void paging(uint64_t tcr, uint64_t ttbr0, uint64_t ttbr1)
{
    at_level(1);
    t.r->sctlr[1] |= 1;
    t.r->tcr[1] = tcr | UINT64_C(5) << 32;
    t.r->ttbr0[1] = ttbr0;
    t.r->ttbr1[1] = ttbr1;
    arm_machine_changed(&t);
}

/* 39 bits, 4 KiB: level 1 at 1000, 2 at 2000, 3 at 3000. */
static void four_kib(uint64_t leaf)
{
    put64(0x1000, 0x2000 | TBL);
    put64(0x2000, 0x3000 | TBL);
    put64(0x3000, leaf);
    paging(25 | 25 << 16 | UINT64_C(2) << 30, 0x1000, 0x1000);
}

Test(arm_walk, levels_fault_by_their_number)
{
    four_kib(0x5000 | PAGE | AF);
    expect(paddr_of(0x123), 0x5000u);
    put64(0x3000, 0x5000 | V | AF); /* a block is none at level 3 */
    expect(fsc_of(0, TCG_READ, 1, NULL), 7);
    put64(0x3000, 0);
    expect(fsc_of(0, TCG_READ, 1, NULL), 7);
    put64(0x2000, 0);
    expect(fsc_of(0, TCG_READ, 1, NULL), 6);
    put64(0x1000, 0);
    expect(fsc_of(0, TCG_READ, 1, NULL), 5);
    expect(fsc_of(UINT64_C(1) << 39, TCG_READ, 1, NULL), 4);
    put64(0x1000, UINT64_C(1) << 46 | TBL);
    t.r->tcr[1] &= ~(UINT64_C(7) << 32); /* 32 bits of address */
    expect(fsc_of(0, TCG_READ, 1, NULL), 1);
}

Test(arm_walk, both_halves_and_blocks)
{
    four_kib(0);
    put64(0x1000 + 8, 0x40000000 | V | AF);
    put64(0x2000 + 8, 0x00200000 | V | AF);
    expect(paddr_of(UINT64_C(0x40001234)), 0x40001000u);
    expect(paddr_of(UINT64_C(0x00201234)), 0x00201000u);
    expect(paddr_of(UINT64_C(0xffffff8040005678)), 0x40005000u);
    t.r->tcr[1] |= 1 << 23; /* EPD1 */
    expect(fsc_of(UINT64_C(0xffffff8040005678), TCG_READ, 1, NULL), 4);
}

Test(arm_walk, permissions_by_level)
{
    static const struct {
        uint64_t leaf;
        const char *user, *priv, *pan;
    } cases[] = {
        {0, "--x", "rwx", "rwx"},
        {AP1, "rwx", "rw-", "---"}, /* what EL0 may write EL1 does not execute */
        {AP2, "--x", "r-x", "r-x"},
        {AP1 | AP2, "r-x", "r-x", "--x"},
        {UXN, "---", "rwx", "rwx"},
        {PXN | AP2, "--x", "r--", "r--"},
        {AP1 | UXN, "rw-", "rw-", "---"},
    };
    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        four_kib(0x5000 | PAGE | AF | cases[i].leaf);
        const char *const want[] = {cases[i].user, cases[i].priv, cases[i].pan};
        for (unsigned idx = 0; idx < 3; idx++)
            for (unsigned a = 0; a < 3; a++) {
                const int fsc = fsc_of(0, (enum tcg_access)a, indices[idx], NULL);
                cr_expect_eq(fsc, want[idx][a] == '-' ? 15 : -1, "case %u index %u access %u: %d",
                             i, idx, a, fsc);
            }
    }
}

Test(arm_walk, hierarchical_rights_and_their_being_off)
{
    four_kib(0x5000 | PAGE | AF | AP1);
    put64(0x2000, 0x3000 | TBL | UINT64_C(1) << 62 | UINT64_C(1) << 60); /* read-only, UXN */
    expect(fsc_of(0, TCG_READ, 0, NULL), -1);
    expect(fsc_of(0, TCG_WRITE, 0, NULL), 15);
    expect(fsc_of(0, TCG_FETCH, 0, NULL), 15);
    put64(0x1000, 0x2000 | TBL | UINT64_C(1) << 61); /* not for EL0 */
    expect(fsc_of(0, TCG_READ, 0, NULL), 15);
    t.r->tcr[1] |= UINT64_C(1) << 41; /* HPD0 */
    expect(fsc_of(0, TCG_WRITE, 0, NULL), -1);
    expect(fsc_of(0, TCG_FETCH, 0, NULL), -1);
}

Test(arm_walk, wxn)
{
    four_kib(0x5000 | PAGE | AF);
    t.r->sctlr[1] |= ARM_SCTLR_WXN;
    expect(fsc_of(0, TCG_FETCH, 1, NULL), 15);
    expect(fsc_of(0, TCG_FETCH, 0, NULL), -1);
}

Test(arm_walk, access_flag_by_software_and_by_hardware)
{
    four_kib(0x5000 | PAGE);
    expect(fsc_of(0, TCG_READ, 1, NULL), 11);
    t.r->tcr[1] |= UINT64_C(1) << 39; /* HA */
    expect(fsc_of(0, TCG_READ, 1, NULL), -1);
    expect(get64(0x3000), 0x5000u | PAGE | AF);
}

Test(arm_walk, dirty_state_by_hardware)
{
    struct tcg_walk w;
    four_kib(0x5000 | PAGE | AF | AP2 | DBM);
    expect(fsc_of(0, TCG_WRITE, 1, NULL), 15);
    t.r->tcr[1] |= UINT64_C(3) << 39; /* HA, HD */
    expect(fsc_of(0, TCG_READ, 1, &w), -1);
    cr_expect_not(w.writable); /* the first write has to come back */
    expect(get64(0x3000) & AP2, (unsigned)AP2);
    expect(fsc_of(0, TCG_WRITE, 1, &w), -1);
    cr_expect(w.writable);
    expect(get64(0x3000), 0x5000u | PAGE | AF | DBM);
}

/* What the short way says of a descriptor is what the walk says. */
Test(arm_walk, the_short_way_agrees_with_the_walk)
{
    static const uint64_t bits[] = {AP1, AP2, AF, NG, PXN, UXN, DBM, V, 2};
    for (unsigned have = 0; have < 1u << ARRAY_SIZE(bits); have++)
        for (unsigned idx = 0; idx < 3; idx++)
            for (unsigned access = 0; access < 3; access++) {
                struct tcg_walk w, again;
                /* One that is allowed, to learn the short way from. */
                const uint64_t good =
                    0x5000 | PAGE | AF | (access == TCG_FETCH ? AP2 : 0) | (idx == 0 ? AP1 : 0);
                four_kib(good);
                cr_assert_eq(fsc_of(0, (enum tcg_access)access, indices[idx], &w), -1);
                cr_assert(w.last.table == t.ram->host + 0x3000);
                uint64_t leaf = 0x6000;
                for (unsigned n = 0; n < ARRAY_SIZE(bits); n++)
                    leaf |= have >> n & 1 ? bits[n] : 0;
                put64(0x3000 + 8, leaf);
                if ((leaf & w.last.mask) != w.last.want)
                    continue;
                cr_assert_eq(fsc_of(0x1000, (enum tcg_access)access, indices[idx], &again), -1,
                             "leaf %llx index %u access %u", (unsigned long long)leaf, idx, access);
                expect(again.paddr, leaf & w.last.address);
                expect(again.global, ((leaf ^ w.last.local) & w.last.global) != 0);
            }
}

Test(arm_walk, granules_of_16_and_64_kib)
{
    paging(28 | 2 << 14, 0x4000, 0); /* 36 bits: from level 2 */
    put64(0x4000 + 8, 0x8000 | TBL);
    put64(0x8000 + 16, 0xc000 | PAGE | AF);
    expect(paddr_of((UINT64_C(1) << 25) + (2 << 14) + 0x1123), 0xd000u);
    paging(22 | 1 << 14, 0x10000, 0); /* 42 bits: from level 2 */
    put64(0x10000 + 8, 0x20000 | TBL);
    put64(0x20000 + 8, 0x30000 | PAGE | AF);
    put64(0x10000 + 16, UINT64_C(0x20000000) | V | AF);
    expect(paddr_of((UINT64_C(1) << 29) + (1 << 16) + 0x5678), 0x35000u);
    expect(paddr_of((UINT64_C(2) << 29) + 0x123456), 0x20123000u);
}

/* TCR.DS: addresses of 52 bits with pages of 4 KiB, a level more, and the upper bits of outputs
 * where others have the shareability. */
Test(arm_walk, granules_of_4_kib_with_52_bits)
{
    const uint64_t ds = UINT64_C(1) << 59;
    teardown();
    start("max", 1);
    put64(0x1000 + 15 * 8, 0x2000 | TBL);
    put64(0x2000 + 511 * 8, 0x3000 | TBL);
    put64(0x3000, 0x4000 | TBL);
    put64(0x4000, 0x5000 | TBL);
    put64(0x5000, 0x6000 | PAGE | AF | UINT64_C(2) << 48 | 1 << 8);
    put64(0x2000 + 510 * 8, UINT64_C(3) << 39 | V | AF); /* 512 GiB */
    const uint64_t top = UINT64_C(15) << 48, va = top | UINT64_C(511) << 39;
    paging(12 | 16 << 16 | ds, 0x1000, 0);
    t.r->tcr[1] |= UINT64_C(6) << 32;
    expect(paddr_of(va | 0x123), 0x6000u | UINT64_C(2) << 48 | UINT64_C(1) << 50);
    expect(paddr_of(top | UINT64_C(510) << 39 | 0x123456789), UINT64_C(3) << 39 | 0x123456000);
    expect(fsc_of(0, TCG_READ, 1, NULL), 0x2b);              /* level -1 */
    expect(fsc_of(top, TCG_READ, 1, NULL), 4);               /* level 0 */
    expect(fsc_of(UINT64_C(1) << 52, TCG_READ, 1, NULL), 4); /* beyond the size */
    put64(0x1000, UINT64_C(1) << 49 | TBL);
    expect(fsc_of(0, TCG_READ, 1, NULL), 0x14); /* a table that is nowhere */
    t.r->tcr[1] ^= UINT64_C(3) << 32;           /* 48 bits of output */
    expect(fsc_of(0, TCG_READ, 1, NULL), 0x29);
    expect(fsc_of(va, TCG_READ, 1, NULL), 3);
    t.r->tcr[1] ^= UINT64_C(3) << 32;
    t.r->ttbr0[1] = UINT64_C(1) << 5; /* 2^51: nowhere */
    arm_machine_changed(&t);
    expect(fsc_of(0, TCG_READ, 1, NULL), 0x13);
    t.r->ttbr0[1] = 0x1000;
    t.r->tcr[1] &= ~ds;
    arm_machine_changed(&t);
    expect(fsc_of(va, TCG_READ, 1, NULL), 4); /* a size that there is not */
}

Test(arm_walk, granules_of_16_kib_with_52_bits)
{
    const uint64_t ds = UINT64_C(1) << 59;
    teardown();
    start("max", 1);
    paging(12 | 2 << 14 | 16 << 16 | ds, 0x4000, 0);
    t.r->tcr[1] |= UINT64_C(6) << 32;
    put64(0x4000 + 31 * 8, 0x8000 | TBL);
    put64(0x8000 + 5 * 8, UINT64_C(1) << 36 | V | AF | 2 << 8); /* 64 GiB, and 2^51 */
    const uint64_t va = UINT64_C(31) << 47 | UINT64_C(5) << 36;
    expect(paddr_of(va | 0x345678), UINT64_C(1) << 36 | UINT64_C(1) << 51 | 0x345000);
    t.r->tcr[1] &= ~ds;
    t.r->tcr[1] += 4; /* 48 bits, from level 0; there no block of that size is one */
    arm_machine_changed(&t);
    put64(0x4000, 0x8000 | TBL);
    expect(fsc_of(UINT64_C(5) << 36, TCG_READ, 1, NULL), 5);
}

/* VTCR_EL2.DS and SL2: stage 2 from level -1 on. */
Test(arm_walk, stage_2_with_52_bits)
{
    teardown();
    start("max", 1);
    at_level(1);
    t.r->hcr |= 1;
    t.r->vtcr = 12 | 6 << 16 | UINT64_C(3) << 32;
    t.r->vttbr = 0x8000;
    put64(0x8000 + 8, 0x9000 | TBL);
    put64(0x9000, UINT64_C(1) << 39 | V | AF | 3 << 6 | 1 << 8);
    arm_machine_changed(&t);
    expect(paddr_of(UINT64_C(1) << 48 | 0x5123), UINT64_C(1) << 39 | UINT64_C(1) << 50 | 0x5000);
    expect(fsc_of(0, TCG_READ, 1, NULL), 0x2b);
    t.r->vtcr &= ~(UINT64_C(1) << 33); /* from level 2: too many tables side by side */
    arm_machine_changed(&t);
    expect(fsc_of(0, TCG_READ, 1, NULL), 4);
}

Test(arm_walk, a_tag_is_ignored_where_tcr_says)
{
    four_kib(0x5000 | PAGE | AF);
    expect(fsc_of(UINT64_C(0x5a00000000000000), TCG_READ, 1, NULL), 4);
    t.r->tcr[1] |= UINT64_C(1) << 37;
    expect(paddr_of(UINT64_C(0x5a00000000000000)), 0x5000u);
}

Test(arm_walk, off_is_flat_up_to_the_physical_size)
{
    at_level(1);
    expect(paddr_of(0x12345678), 0x12345000u);
    expect(fsc_of(UINT64_C(1) << 52, TCG_READ, 1, NULL), 0);
}

/* Stage 2: intermediate 1 GiB + n is physical n, 16 pages, by level 1 at 8000, 2 at 9000, 3 at
 * a000. Stage 1 is at 1000 and on. */
static void two_stages(uint64_t s2)
{
    four_kib(0x40005000 | PAGE | AF);
    put64(0x1000, 0x40002000 | TBL);
    put64(0x2000, 0x40003000 | TBL);
    put64(0x8000 + 8, 0x9000 | TBL);
    put64(0x9000, 0xa000 | TBL);
    for (unsigned page = 0; page < 16; page++)
        put64(0xa000 + page * 8, page << 12 | PAGE | AF | (page == 5 ? s2 : 3 << 6));
    t.r->ttbr0[1] = 0x40001000;
    t.r->hcr |= 1;
    t.r->vtcr = 25 | 1 << 6 | 5 << 16;
    t.r->vttbr = 0x8000;
    arm_machine_changed(&t);
}

Test(arm_walk, two_stages_and_where_their_faults_go)
{
    two_stages(3 << 6);
    expect(paddr_of(0x123), 0x5000u);
    two_stages(1 << 6); /* read alone */
    expect(fsc_of(0, TCG_READ, 1, NULL), -1);
    expect(fsc_of(0x10, TCG_WRITE, 1, NULL), 15);
    expect(arm_sys_of(t.tc)->target, 2);
    expect(arm_sys_of(t.tc)->hpfar, UINT64_C(0x40005) << 4);
    cr_expect_not(t.tc->exc_error >> 7 & 1);
    put64(0xa000 + 3 * 8, 0); /* the table of stage 1 itself */
    expect(fsc_of(0, TCG_READ, 1, NULL), 7);
    cr_expect(t.tc->exc_error >> 7 & 1);
    expect(arm_sys_of(t.tc)->hpfar, UINT64_C(0x40003) << 4);
}

Test(arm_walk, a_hypervisor_is_told_what_a_device_access_was)
{
    static const struct {
        uint32_t insn, iss;
    } cases[] = {
        {0xb9400443, 1u << 24 | 2u << 22 | 3u << 16},            /* ldr w3, [x2, #4] */
        {0xf9000041, 1u << 24 | 3u << 22 | 1u << 16 | 1u << 15}, /* str x1, [x2] */
        {0x39800041, 1u << 24 | 1u << 21 | 1u << 16 | 1u << 15}, /* ldrsb x1, [x2] */
        {0x79c00041, 1u << 24 | 1u << 22 | 1u << 21 | 1u << 16}, /* ldrsh w1, [x2] */
        {0x38636841, 1u << 24 | 1u << 16},                       /* ldrb w1, [x2, x3] */
        {0xb85fc041, 1u << 24 | 2u << 22 | 1u << 16},            /* ldur w1, [x2, #-4] */
        {0x88dffc41, 1u << 24 | 2u << 22 | 1u << 16 | 1u << 14}, /* ldar w1, [x2] */
        {0xb8404441, 0},                                         /* ldr w1, [x2], #4 */
        {0xa9400841, 0},                                         /* ldp x1, x2, [x2] */
        {0x885f7c41, 0},                                         /* ldxr w1, [x2] */
        {0xbd400041, 0},                                         /* ldr s1, [x2] */
        {0xf9800041, 0},                                         /* prfm */
    };
    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++)
        expect(arm_access_syndrome(cases[i].insn), cases[i].iss);
    /* From the access to ESR_EL2: page 4 has the code, page 5 is read-only. */
    two_stages(1 << 6);
    put64(0x3000 + 8, 0x40004000 | PAGE | AF | AP2);
    store_le32(t.ram->host + 0x4000, 0xb9000443); /* str w3, [x2, #4] */
    t.r->pc = 0x1000;
    tcg_store(t.tc, 4, 4, 0, 0);
    expect(t.tc->status, (uint32_t)TCG_EXCEPTION);
    t.tc->status = TCG_OK;
    cr_assert(arm_deliver_exception(t.tc));
    expect(t.r->esr[2],
           arm_syndrome(ARM_EC_DABORT_LOWER, 1u << 24 | 2u << 22 | 3u << 16 | 1u << 6 | 15));
    expect(t.r->far[2], 4u);
    expect(t.r->hpfar, UINT64_C(0x40005) << 4);
}

Test(arm_walk, at_puts_what_it_finds_into_par)
{
    four_kib(0x5000 | PAGE | AF | AP2 | 1 << 2);
    t.r->mair[1] = 0xff00;
    arm_at_insn(t.tc, ARM_SYSREG(1, 0, 7, 8, 0), 0x123);
    expect(t.r->par & ~UINT64_C(0xfff), UINT64_C(0xff00000000005000));
    expect(t.r->par & 1, 0u);
    arm_at_insn(t.tc, ARM_SYSREG(1, 0, 7, 8, 1), 0x123); /* S1E1W */
    expect(t.r->par & 0x7f, 1u | 15u << 1);
    arm_at_insn(t.tc, ARM_SYSREG(1, 0, 7, 8, 2), 0x123); /* S1E0R */
    expect(t.r->par & 0x7f, 1u | 15u << 1);
    expect(t.tc->status, (uint32_t)TCG_OK);
}

/* ---- roots and invalidation ---- */

TestSuite(arm_tlb, .init = setup, .fini = teardown);

static uint64_t load(uint64_t va)
{
    return tcg_load(t.tc, va, 8, 0);
}

static void tlbi(unsigned op1, unsigned crm, unsigned op2, uint64_t value)
{
    t.tc->status = TCG_OK;
    arm_helper_sys_op(t.r, ARM_SYS_ARG(ARM_SYSREG(1, op1, 8, crm, op2), 31), value, 0, 0);
    cr_assert_eq(t.tc->status, TCG_OK);
}

static void set_ttbr0(uint64_t value)
{
    arm_helper_sysreg_write(t.r, ARM_SYS_ARG(ARM_SYSREG(3, 0, 2, 0, 0), 0), value, 0, 0);
    arm_helper_isb(t.r, 0, 0, 0, 0);
}

static void page_at(uint64_t entry, uint64_t page)
{
    put64(entry, page | PAGE | AF | NG | AP1);
}

/* Two address spaces: tables at 1000 and at 11000. */
static void spaces(void)
{
    four_kib(0);
    for (unsigned k = 0; k < 2; k++) {
        const uint64_t base = k * 0x10000;
        put64(base + 0x1000, (base + 0x2000) | TBL);
        put64(base + 0x2000, (base + 0x3000) | TBL);
        page_at(base + 0x3000, 0x5000 + k * 0x1000);
        put64(0x5000 + k * 0x1000, 100 + k);
    }
    put64(0x7000, 200);
    t.r->tcr[1] |= UINT64_C(1) << 36;
    arm_machine_changed(&t);
    set_ttbr0(0x1000 | UINT64_C(1) << 48);
}

Test(arm_tlb, a_switch_of_the_address_space_keeps_what_is_known)
{
    spaces();
    expect(load(0), 100u);
    const uint64_t recycled = t.tc->counters.ctx_recycled, flushes = t.tc->counters.tlb_flushes;
    set_ttbr0(0x11000 | UINT64_C(2) << 48);
    expect(load(0), 101u);
    const uint64_t fills = t.tc->counters.tlb_fills;
    for (unsigned k = 0; k < 10; k++) {
        set_ttbr0(0x1000 | UINT64_C(1) << 48);
        expect(load(0), 100u);
        set_ttbr0(0x11000 | UINT64_C(2) << 48);
        expect(load(0), 101u);
    }
    expect(t.tc->counters.tlb_fills, fills);
    expect(t.tc->counters.tlb_flushes, flushes);
    cr_expect_leq(t.tc->counters.ctx_recycled, recycled + 2);
}

Test(arm_tlb, a_table_register_takes_effect_when_it_is_synchronised)
{
    spaces();
    expect(load(0), 100u);
    arm_helper_sysreg_write(t.r, ARM_SYS_ARG(ARM_SYSREG(3, 0, 2, 0, 0), 0),
                            0x11000 | UINT64_C(2) << 48, 0, 0);
    expect(load(0), 100u);
    put64(0x3000 + 8, 0x7000 | PAGE | AF | NG);
    expect(load(0x1000), 200u); /* a miss goes by what is in force, too */
    arm_helper_isb(t.r, 0, 0, 0, 0);
    expect(load(0), 101u);
}

Test(arm_tlb, by_address_and_by_asid)
{
    spaces();
    expect(load(0), 100u);
    page_at(0x3000, 0x7000);
    expect(load(0), 100u);            /* as it was cached */
    tlbi(0, 7, 1, UINT64_C(2) << 48); /* VAE1 of another ASID */
    expect(load(0), 100u);
    tlbi(0, 7, 1, UINT64_C(1) << 48);
    expect(load(0), 200u);
    page_at(0x3000, 0x5000);
    tlbi(0, 7, 2, UINT64_C(2) << 48); /* ASIDE1 */
    expect(load(0), 200u);
    tlbi(0, 7, 2, UINT64_C(1) << 48);
    expect(load(0), 100u);
    page_at(0x3000, 0x7000);
    tlbi(0, 7, 3, 0); /* VAAE1 */
    expect(load(0), 200u);
    page_at(0x3000, 0x5000);
    tlbi(0, 7, 0, 0); /* VMALLE1 */
    expect(load(0), 100u);
}

/* Of so many pages, all mapped anew, RVAE1 invalidates four: TG 4 KiB, SCALE 0, NUM 1, and BADDR 1,
 * which means page `first`. */
static void pages_of_a_range_go(unsigned pages, unsigned first)
{
    for (unsigned n = 0; n < pages; n++)
        page_at(0x3000 + 8 * n, 0x5000);
    for (unsigned n = 0; n < pages; n++)
        expect(load(n << 12), 100u);
    for (unsigned n = 0; n < pages; n++)
        page_at(0x3000 + 8 * n, 0x7000);
    tlbi(0, 6, 1, UINT64_C(1) << 48 | UINT64_C(1) << 46 | UINT64_C(1) << 39 | 1);
    for (unsigned n = 0; n < pages; n++)
        expect(load(n << 12), n >= first && n < first + 4 ? 200u : 100u);
}

Test(arm_tlb, by_range)
{
    spaces();
    pages_of_a_range_go(8, 1);
}

/* With TCR.DS ranges begin at multiples of 64 KiB. */
Test(arm_tlb, by_range_with_52_bits)
{
    teardown();
    start("max", 1);
    spaces();
    t.r->tcr[1] |= UINT64_C(1) << 59;
    arm_machine_changed(&t);
    pages_of_a_range_go(24, 16);
}

Test(arm_tlb, all_tags_of_an_address_go)
{
    spaces();
    t.r->tcr[1] |= UINT64_C(1) << 37;
    arm_machine_changed(&t);
    expect(load(UINT64_C(0x5a) << 56), 100u);
    page_at(0x3000, 0x7000);
    tlbi(0, 7, 1, UINT64_C(1) << 48);
    expect(load(UINT64_C(0x5a) << 56), 200u);
}

Test(arm_tlb, a_broadcast_is_done_when_the_barrier_ends)
{
    teardown();
    start("neoverse-n1", 2);
    spaces();
    struct tcg_cpu *other = tcg_cpu_of_vcpu(t.m.vcpus[1]);
    *(struct arm_regs *)t.m.vcpus[1]->regs = *t.r;
    t.m.accel->put_state(t.m.vcpus[1]);
    expect(tcg_load(other, 0, 8, 0), 100u);
    page_at(0x3000, 0x7000);
    tlbi(0, 3, 1, UINT64_C(1) << 48); /* VAE1IS */
    expect(tcg_load(other, 0, 8, 0), 100u);
    cr_expect(t.tc->barrier);
    /* DSB: the other one is outside of code, and takes it up before it enters. */
    tcg_enter_code(t.tc);
    t.tc->arch->raise_trap(t.tc, ARM_TRAP_BARRIER);
    expect(t.tc->status, (uint32_t)TCG_EXCEPTION);
    const uint64_t pc = t.r->pc;
    cr_assert(t.tc->arch->deliver_exception(t.tc));
    expect(t.r->pc, pc + 4);
    expect(arm_el(t.r), 1u);
    t.tc->status = TCG_OK;
    tcg_enter_code(other);
    expect(tcg_load(other, 0, 8, 0), 200u);
    tcg_leave_code(other);
    tcg_leave_code(t.tc);
}

/* A global page is dropped whatever ASID is named, and was found by walking for another one. */
Test(arm_walk, global_pages_go_whatever_the_asid)
{
    const uint64_t by_asid_1 = UINT64_C(1) << 48;
    four_kib(0x5000 | PAGE | AF | NG | AP1);
    put64(0x3000 + 8, 0x6000 | PAGE | AF); /* global */
    t.r->ttbr0[1] = 0x1000 | UINT64_C(2) << 48;
    arm_machine_changed(&t);
    store_le32(t.ram->host + 0x6000, 0x66666666);
    store_le32(t.ram->host + 0x7000, 0x77777777);
    tcg_load(t.tc, 0, 4, 0);
    expect(tcg_load(t.tc, 0x1000, 4, 0), 0x66666666u);
    put64(0x3000 + 8, 0x7000 | PAGE | AF);
    cr_assert(arm_tlbi_insn(t.tc, ARM_SYSREG(1, 0, 8, 7, 1), by_asid_1 | 1));
    expect(tcg_load(t.tc, 0x1000, 4, 0), 0x77777777u);
}
