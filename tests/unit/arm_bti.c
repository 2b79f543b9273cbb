/* tcg/arm/bti.c: targets of branches in guarded pages, in both back ends. */
#include "tests/unit/arm_system.h"

/* At EL1, addresses are physical: 4 KiB pages from 0 on, tables from 0x100000 on. */
enum {
    VECTORS = 0x2000,
    GUARDED = 0x10000, /* where targets are */
    OPEN = 0x20000,    /* the same, not guarded */
    FROM_GUARDED = 0x30000,
    FROM_OPEN = 0x40000,
    NOWHERE = 0x50000, /* not mapped */
    TABLES = 0x100000,
    SPACING = 16, /* bytes between pieces of code */
};
enum {
    NOP = 0xd503201fu,
    WFI = 0xd503207fu,
    BTI = 0xd503241fu,
    BTI_C = 0xd503245fu,
    BTI_J = 0xd503249fu,
    BTI_JC = 0xd50324dfu,
    PACIASP = 0xd503233fu,
    PACIBSP = 0xd503237fu,
    BRK = 0xd4200000u,
    BR_X0 = 0xd61f0000u,
    BR_X16 = 0xd61f0200u,
    BR_X17 = 0xd61f0220u,
    BLR_X0 = 0xd63f0000u,
    BLR_X16 = 0xd63f0200u,
    BRAAZ_X0 = 0xd61f081fu,
    BLRAAZ_X0 = 0xd63f081fu,
    RET_X0 = 0xd65f0000u,
    ERET = 0xd69f03e0u,
};

static void put_code(uint64_t at, uint32_t first, uint32_t second)
{
    store_le32(t.ram->host + at, first);
    store_le32(t.ram->host + at + 4, second);
}

static void map(uint64_t page, bool guarded)
{
    put64(TABLES + 0x2000 + page / 4096 * 8,
          page | 3 | 1 << 7 | 1 << 10 | (guarded ? UINT64_C(1) << 50 : 0));
}

static void begin(const char *backend)
{
    start_as("max,lpa=off", 1, backend);
    at_level(1);
    put64(TABLES, (TABLES + 0x1000) | 3);
    put64(TABLES + 0x1000, (TABLES + 0x2000) | 3);
    map(VECTORS, false);
    map(OPEN, false);
    map(FROM_OPEN, false);
    map(GUARDED, true);
    map(FROM_GUARDED, true);
    t.r->tcr[1] = 25 | 1 << 23 | UINT64_C(5) << 32;
    t.r->ttbr0[1] = TABLES;
    t.r->sctlr[1] |= 1;
    t.r->vbar[1] = VECTORS;
    store_le32(t.ram->host + VECTORS + 0x200, WFI);
    arm_machine_changed(&t);
}

/* To a WFI, from PC on, as if a handler had gone there: what was translated and cached stays. 0: no
 * exception; else its class. */
static unsigned go(uint64_t pc, uint64_t target)
{
    t.r->pc = pc;
    t.r->x[0] = t.r->x[16] = t.r->x[17] = target;
    t.r->pstate = 1u << ARM_EL_SHIFT | ARM_SPSEL | ARM_D | ARM_A | ARM_I | ARM_F;
    t.r->esr[1] = 0;
    t.r->elr[1] = t.r->spsr[1] = 0;
    t.cpu->stop_request = false;
    t.cpu->halted = false;
    cr_assert_eq(t.m.accel->vcpu_run(t.cpu), VCPU_EXIT_HALT);
    t.m.accel->get_state(t.cpu);
    expect(t.r->pstate & ARM_BTYPE, 0u);
    return (unsigned)t.r->esr[1] >> 26;
}
static unsigned saved_btype(void)
{
    return (unsigned)(t.r->spsr[1] >> ARM_BTYPE_SHIFT) & 3;
}

static const uint32_t landings[] = {NOP, BTI, BTI_C, BTI_J, BTI_JC, PACIASP, PACIBSP};

/* BTYPE, and which of the landings accept it, with SCTLR_EL1.BT1 clear and set. */
static const struct {
    const char *name;
    uint32_t insn;
    unsigned btype, from_open;
    const char *accepts, *accepts_bt;
} branches[] = {
    {"br x0", BR_X0, 3, 1, "...jjaa", "...jj.."},
    {"br x16", BR_X16, 1, 1, "..xxxxx", "..xxxxx"},
    {"br x17", BR_X17, 1, 1, "..xxxxx", "..xxxxx"},
    {"blr x0", BLR_X0, 2, 2, "..c.ccc", "..c.ccc"},
    {"blr x16", BLR_X16, 2, 2, "..c.ccc", "..c.ccc"},
    {"braaz x0", BRAAZ_X0, 3, 1, "...jjaa", "...jj.."},
    {"blraaz x0", BLRAAZ_X0, 2, 2, "..c.ccc", "..c.ccc"},
    {"ret x0", RET_X0, 0, 0, "xxxxxxx", "xxxxxxx"},
};

static void each_branch_to_each_landing(const char *backend)
{
    begin(backend);
    for (unsigned n = 0; n < ARRAY_SIZE(landings); n++) {
        put_code(GUARDED + n * SPACING, landings[n], WFI);
        put_code(OPEN + n * SPACING, landings[n], WFI);
    }
    for (unsigned n = 0; n < ARRAY_SIZE(branches); n++) {
        put_code(FROM_GUARDED + n * SPACING, branches[n].insn, WFI);
        put_code(FROM_OPEN + n * SPACING, branches[n].insn, WFI);
    }
    /* Twice: the second time the code is there. */
    for (unsigned run = 0; run < 2 * 2 * ARRAY_SIZE(branches) * ARRAY_SIZE(landings); run++) {
        const unsigned landing = run % ARRAY_SIZE(landings),
                       branch = run / ARRAY_SIZE(landings) % ARRAY_SIZE(branches);
        const bool bt = run / ARRAY_SIZE(landings) / ARRAY_SIZE(branches) & 1;
        const uint64_t bit = UINT64_C(1) << 36;
        t.r->sctlr[1] = bt ? t.r->sctlr[1] | bit : t.r->sctlr[1] & ~bit;
        const char *accepts = bt ? branches[branch].accepts_bt : branches[branch].accepts;
        /* From a page that is not guarded BR is as by X16. */
        const char *open = branches[branch].btype == 3 ? "..xxxxx" : accepts;
        const uint64_t target = GUARDED + landing * SPACING;

        unsigned got = go(FROM_GUARDED + branch * SPACING, target);
        cr_expect_eq(got, accepts[landing] == '.' ? ARM_EC_BTI : 0u, "%s to %x: class %x",
                     branches[branch].name, landings[landing], got);
        if (got) {
            expect(t.r->elr[1], target);
            expect(t.r->esr[1] & 0x1ffffff, branches[branch].btype);
            expect(saved_btype(), branches[branch].btype);
        }
        got = go(FROM_OPEN + branch * SPACING, target);
        cr_expect_eq(got, open[landing] == '.' ? ARM_EC_BTI : 0u, "open %s to %x: class %x",
                     branches[branch].name, landings[landing], got);
        if (got)
            expect(saved_btype(), branches[branch].from_open);
        expect(go(FROM_GUARDED + branch * SPACING, OPEN + landing * SPACING), 0u);
    }
    teardown();
}

Test(arm_bti, each_branch_to_each_landing)
{
    each_branch_to_each_landing("interp");
    each_branch_to_each_landing(HOST_BACKEND);
}

/* What makes the processor look at targets is the first guarded page; the branch to it counts. */
Test(arm_bti, the_first_guarded_page_is_guarded)
{
    begin(HOST_BACKEND);
    put_code(GUARDED, NOP, WFI);
    put_code(FROM_OPEN, BLR_X0, WFI);
    expect(go(FROM_OPEN, GUARDED), (unsigned)ARM_EC_BTI);
    expect(saved_btype(), 2u);
    teardown();
    /* ... but an earlier one, to elsewhere, does not: B, after BR to it. */
    begin(HOST_BACKEND);
    put_code(GUARDED, NOP, WFI);
    put_code(FROM_OPEN, BR_X0, WFI);
    put_code(OPEN, 0x14000000 | (((GUARDED - OPEN) / 4) & 0x3ffffff), WFI);
    expect(go(FROM_OPEN, OPEN), 0u);
    expect(t.r->pc, GUARDED + 8u);
    teardown();
}

Test(arm_bti, exceptions_at_a_target_keep_its_btype)
{
    begin(HOST_BACKEND);
    put_code(GUARDED, BRK, WFI);
    put_code(FROM_GUARDED, BR_X0, WFI);
    put_code(FROM_OPEN, BR_X0, WFI);
    expect(go(FROM_OPEN, NOWHERE), (unsigned)ARM_EC_IABORT);
    expect(saved_btype(), 1u);
    expect(go(FROM_GUARDED, NOWHERE), (unsigned)ARM_EC_IABORT);
    expect(saved_btype(), 3u);
    expect(go(FROM_OPEN, NOWHERE), (unsigned)ARM_EC_IABORT);
    expect(saved_btype(), 1u);
    /* BRK is a target for all. */
    expect(go(FROM_GUARDED, GUARDED), (unsigned)ARM_EC_BRK64);
    expect(saved_btype(), 3u);
    teardown();
}

/* What a handler returns to is looked at again, unless it clears BTYPE. */
Test(arm_bti, exception_return_restores_btype)
{
    begin(HOST_BACKEND);
    put_code(GUARDED, NOP, WFI);
    put_code(FROM_OPEN, NOP, ERET);
    for (unsigned btype = 0; btype < 4; btype++) {
        t.r->pc = FROM_OPEN;
        t.r->pstate = 1u << ARM_EL_SHIFT | ARM_SPSEL | ARM_D | ARM_A | ARM_I | ARM_F;
        t.r->elr[1] = GUARDED;
        t.r->spsr[1] = t.r->pstate | btype << ARM_BTYPE_SHIFT;
        t.r->esr[1] = 0;
        arm_machine_changed(&t);
        t.cpu->stop_request = t.cpu->halted = false;
        cr_assert_eq(t.m.accel->vcpu_run(t.cpu), VCPU_EXIT_HALT);
        expect(t.r->esr[1] >> 26, btype ? (unsigned)ARM_EC_BTI : 0u);
        expect(t.r->esr[1] & 3, btype);
    }
    teardown();
}

/* A state that was saved between a branch and its target goes on from there. */
Test(arm_bti, btype_is_in_the_state_that_is_saved)
{
    begin(HOST_BACKEND);
    put_code(GUARDED, NOP, WFI);
    t.r->pc = GUARDED;
    t.r->pstate =
        1u << ARM_EL_SHIFT | ARM_SPSEL | ARM_D | ARM_A | ARM_I | ARM_F | 2u << ARM_BTYPE_SHIFT;
    arm_machine_changed(&t);
    t.m.accel->get_state(t.cpu);
    expect(t.r->pstate & ARM_BTYPE, 2u << ARM_BTYPE_SHIFT);
    arm_machine_changed(&t);
    t.r->esr[1] = 0;
    t.cpu->stop_request = t.cpu->halted = false;
    cr_assert_eq(t.m.accel->vcpu_run(t.cpu), VCPU_EXIT_HALT);
    expect(t.r->esr[1] >> 26, (unsigned)ARM_EC_BTI);
    teardown();
}

/* A processor without it has neither the page's bit nor the instructions. */
Test(arm_bti, without_the_feature_nothing_is_guarded)
{
    begin(HOST_BACKEND);
    teardown();
    start_as("max,lpa=off,bti=off", 1, HOST_BACKEND);
    at_level(1);
    store_le32(t.ram->host + 0x1000, BLR_X0);
    put_code(0x3000, BTI_J, WFI);
    arm_machine_changed(&t);
    expect(go(0x1000, 0x3000), 0u);
    expect(t.r->pc, 0x3008u);
    teardown();
}
