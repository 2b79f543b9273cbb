/* tcg/arm, the system side: who may reach which system register, exceptions and their return
 * between all levels, interrupts. */
#include "tests/unit/arm_system.h"

/* ---- the sysreg table ---- */

TestSuite(arm_sysreg, .init = setup, .fini = teardown);

Test(arm_sysreg, the_table_is_in_order)
{
    for (unsigned n = 1; n < arm_sysreg_count; n++)
        cr_assert_lt(arm_sysregs[n - 1].key, arm_sysregs[n].key, "%s", arm_sysregs[n].name);
    for (unsigned n = 0; n < arm_sysreg_count; n++)
        cr_expect_eq(arm_sysreg_find(arm_sysregs[n].key), &arm_sysregs[n]);
    cr_expect_null(arm_sysreg_find(ARM_SYSREG(3, 0, 15, 15, 7)));
}

/* -1: undefined, 0: went through, else the level that it trapped to. */
static int reach(uint32_t key, bool write, uint64_t value, uint64_t *read)
{
    const uint64_t arg = ARM_SYS_ARG(key, 9);
    t.tc->status = TCG_OK;
    const uint64_t v = write ? arm_helper_sysreg_write(t.r, arg, value, 0, 0)
                             : arm_helper_sysreg_read(t.r, arg, 0, 0, 0);
    if (read)
        *read = v;
    if (t.tc->status == TCG_OK)
        return 0;
    cr_assert_eq(t.tc->status, TCG_EXCEPTION);
    t.tc->status = TCG_OK;
    if (t.tc->exc_error >> 26 == ARM_EC_UNKNOWN)
        return -1;
    return arm_sys_of(t.tc)->target;
}
static int reads(uint32_t key)
{
    return reach(key, false, 0, NULL);
}
static int writes(uint32_t key, uint64_t value)
{
    return reach(key, true, value, NULL);
}
static uint64_t value_of(uint32_t key)
{
    uint64_t v = 0;
    expect(reach(key, false, 0, &v), 0);
    return v;
}

#define SCTLR_EL1 ARM_SYSREG(3, 0, 1, 0, 0)
#define SCTLR_EL2 ARM_SYSREG(3, 4, 1, 0, 0)
#define SCTLR_EL12 ARM_SYSREG(3, 5, 1, 0, 0)
#define TPIDR_EL0 ARM_SYSREG(3, 3, 13, 0, 2)
#define TPIDRRO_EL0 ARM_SYSREG(3, 3, 13, 0, 3)
#define HCR_EL2 ARM_SYSREG(3, 4, 1, 1, 0)
#define SCR_EL3 ARM_SYSREG(3, 6, 1, 1, 0)
#define MIDR_EL1 ARM_SYSREG(3, 0, 0, 0, 0)
#define SP_EL0 ARM_SYSREG(3, 0, 4, 1, 0)
#define CTR_EL0 ARM_SYSREG(3, 3, 0, 0, 1)
#define CNTVCT_EL0 ARM_SYSREG(3, 3, 14, 0, 2)
#define PMCCNTR_EL0 ARM_SYSREG(3, 3, 9, 13, 0)
#define ID_PFR0 ARM_SYSREG(3, 0, 0, 4, 0)

Test(arm_sysreg, no_level_reaches_registers_above_it)
{
    for (unsigned el = 0; el < 4; el++)
        for (unsigned n = 0; n < arm_sysreg_count; n++) {
            const struct arm_sysreg *s = &arm_sysregs[n];
            at_level(el);
            if (el < s->el_read)
                cr_expect_eq(reads(s->key), -1, "%s is read at EL%u", s->name, el);
            at_level(el);
            if (el < s->el_write)
                cr_expect_eq(writes(s->key, 0), -1, "%s is written at EL%u", s->name, el);
        }
}

Test(arm_sysreg, what_a_register_holds_is_what_was_written)
{
    for (unsigned n = 0; n < arm_sysreg_count; n++) {
        const struct arm_sysreg *s = &arm_sysregs[n];
        if (s->offset == ARM_SYSREG_NONE || s->flags & (SYS_RO | SYS_WO | SYS_ROOT | SYS_MODE) ||
            s->write || s->read || !arm_has(&t.model, (enum arm_feature)s->feature))
            continue;
        at_level(3);
        cr_assert_eq(writes(s->key, 0), 0, "%s", s->name);
        const uint64_t before = value_of(s->key);
        cr_assert_eq(writes(s->key, ~UINT64_C(0)), 0, "%s", s->name);
        cr_expect_eq(value_of(s->key) & s->mask, s->mask, "%s", s->name);
        cr_expect_eq(value_of(s->key) & ~s->mask, before & ~s->mask, "%s", s->name);
    }
}

Test(arm_sysreg, registers_of_a_level_that_is_not_there_are_undefined)
{
    teardown();
    start("cortex-a57,el3=off,el2=off", 1);
    at_level(1);
    expect(reads(HCR_EL2), -1);
    expect(reads(SCR_EL3), -1);
    expect(reads(SCTLR_EL1), 0);
    expect(reads(ARM_SYSREG(3, 0, 15, 0, 0)), -1);
    expect(reads(ARM_SYSREG(3, 0, 12, 12, 0)), -1); /* no interrupt controller */
}

Test(arm_sysreg, without_el2_its_registers_hold_nothing_at_el3)
{
    teardown();
    start("cortex-a57,el2=off", 1);
    at_level(3);
    expect(writes(HCR_EL2, ~UINT64_C(0)), 0);
    expect(value_of(HCR_EL2), 0u);
    expect(writes(ARM_SYSREG(3, 4, 4, 1, 0), 0x1230), 0); /* SP_EL1 is no register of EL2's */
    expect(t.r->sp_el[1], 0x1230u);
    at_level(1);
    expect(reads(HCR_EL2), -1);
}

Test(arm_sysreg, el1_sees_the_identity_that_el2_gives_it)
{
    at_level(1);
    t.r->vpidr = 0x1234;
    expect(value_of(MIDR_EL1), 0x1234u);
    at_level(2);
    t.r->vpidr = 0x1234;
    expect(value_of(MIDR_EL1), t.model.midr);
}

/* What is read is what has passed; flags are set and cleared by names of their own. */
Test(arm_sysreg, performance_counters)
{
    enum { ENSET = 1, OVSCLR = 3, SWINC = 4, SELR = 5 };
    at_level(1);
    clock_set_manual(t.m.clocks, true);
    t.r->pmccntr_base = clock_now(t.m.clocks, VCLOCK_VIRTUAL);
    expect(writes(ARM_SYSREG(3, 3, 14, 12, 3), 0x11), 0); /* PMEVTYPER3 */
    expect(writes(ARM_SYSREG(3, 3, 9, 12, SELR), 4), 0);
    expect(writes(ARM_SYSREG(3, 3, 9, 13, 1), 0), 0);          /* PMXEVTYPER: SW_INCR */
    expect(writes(ARM_SYSREG(3, 3, 9, 13, 2), 0xffffffff), 0); /* PMXEVCNTR */
    expect(writes(ARM_SYSREG(3, 3, 14, 8, 3), 0xfffffff0), 0); /* PMEVCNTR3 */
    expect(writes(ARM_SYSREG(3, 3, 9, 12, ENSET), 1 << 3 | 1 << 4), 0);
    expect(writes(ARM_SYSREG(3, 3, 9, 12, 0), 1), 0); /* PMCR.E */
    clock_step(t.m.clocks, 15);
    expect(value_of(ARM_SYSREG(3, 3, 14, 8, 3)), 0xffffffffu);
    expect(value_of(ARM_SYSREG(3, 3, 9, 12, OVSCLR)), 0u);
    clock_step(t.m.clocks, 2);
    expect(value_of(ARM_SYSREG(3, 3, 14, 8, 3)), 1u);
    expect(value_of(ARM_SYSREG(3, 3, 9, 12, OVSCLR)), 1u << 3);
    expect(writes(ARM_SYSREG(3, 3, 9, 12, SWINC), 1 << 3 | 1 << 4), 0);
    expect(value_of(ARM_SYSREG(3, 3, 9, 13, 2)), 0u);
    expect(value_of(ARM_SYSREG(3, 3, 14, 8, 4)), 0u);
    expect(value_of(ARM_SYSREG(3, 3, 9, 14, 3)), 1u << 3 | 1u << 4); /* PMOVSSET */
    expect(writes(ARM_SYSREG(3, 3, 9, 12, OVSCLR), 1 << 3), 0);
    expect(value_of(ARM_SYSREG(3, 3, 9, 14, 3)), 1u << 4);
    clock_step(t.m.clocks, 100);
    expect(value_of(ARM_SYSREG(3, 3, 14, 8, 3)), 101u);
    expect(value_of(ARM_SYSREG(3, 3, 9, 14, 3)), 1u << 4);
}

Test(arm_sysreg, traps_of_hcr)
{
    at_level(1);
    t.r->hcr |= ARM_HCR_TVM;
    expect(writes(SCTLR_EL1, t.r->sctlr[1]), 2);
    expect(t.tc->exc_error, arm_syndrome(ARM_EC_SYSREG, 3u << 20 | 1u << 10 | 9u << 5));
    expect(reads(SCTLR_EL1), 0);
    t.r->hcr ^= ARM_HCR_TVM | ARM_HCR_TRVM | ARM_HCR_TID3;
    expect(reads(SCTLR_EL1), 2);
    expect(t.tc->exc_error & 1, 1u);
    expect(writes(SCTLR_EL1, t.r->sctlr[1]), 0);
    expect(reads(ID_PFR0), 2);
    t.r->secure = 1; /* no EL2 there */
    expect(reads(ID_PFR0), 0);
}

Test(arm_sysreg, what_el0_may_is_the_kernels_to_say)
{
    at_level(0);
    expect(reads(TPIDR_EL0), 0);
    expect(writes(TPIDR_EL0, 7), 0);
    expect(reads(TPIDRRO_EL0), 0);
    expect(writes(TPIDRRO_EL0, 7), -1);
    expect(reads(CTR_EL0), 1);
    t.r->sctlr[1] |= 1 << 15;
    expect(reads(CTR_EL0), 0);
    expect(reads(CNTVCT_EL0), 1);
    t.r->cntkctl = 2;
    expect(reads(CNTVCT_EL0), 0);
    expect(reads(PMCCNTR_EL0), 1);
    t.r->pmuseren = 4;
    expect(reads(PMCCNTR_EL0), 0);
    expect(writes(PMCCNTR_EL0, 0), 1);
    t.r->hcr |= ARM_HCR_TGE; /* EL0's exceptions go to EL2 */
    t.r->cntkctl = 0;
    expect(reads(CNTVCT_EL0), 2);
}

Test(arm_sysreg, sp_el0_is_undefined_while_it_is_sp)
{
    at_level(1);
    t.r->sp_el[0] = 0x1230;
    expect(value_of(SP_EL0), 0x1230u);
    t.r->pstate &= ~(uint64_t)ARM_SPSEL;
    expect(reads(SP_EL0), -1);
}

Test(arm_sysreg, e2h_gives_names_of_el1_to_el2)
{
    at_level(2);
    expect(reads(SCTLR_EL12), -1);
    expect(writes(HCR_EL2, ARM_HCR_E2H | ARM_HCR_TGE | ARM_HCR_RW), 0);
    t.r->sctlr[1] = 0x11;
    t.r->sctlr[2] = 0x22;
    expect(value_of(SCTLR_EL1), 0x22u);
    expect(value_of(SCTLR_EL12), 0x11u);
    expect(writes(SCTLR_EL12, 0x3300), 0);
    expect(t.r->sctlr[1], 0x3300u);
    /* CPACR_EL1 is CPTR_EL2 then, CNTKCTL_EL1 CNTHCTL_EL2, CNTV CNTHV. */
    t.r->cptr[2] = 0x300000;
    expect(value_of(ARM_SYSREG(3, 0, 1, 0, 2)), 0x300000u);
    t.r->cnthctl = 0x5;
    expect(value_of(ARM_SYSREG(3, 0, 14, 1, 0)), 0x5u);
    expect(writes(ARM_SYSREG(3, 3, 14, 3, 2), 99), 0);
    expect(t.r->timer[ARM_TIMER_HYP_VIRT].cval, 99u);
    expect(writes(ARM_SYSREG(3, 5, 14, 3, 2), 77), 0);
    expect(t.r->timer[ARM_TIMER_VIRT].cval, 77u);
}

Test(arm_sysreg, inline_access_is_for_what_nothing_traps)
{
#define INLINE(mode, key, write) (arm_sysreg_inline(&t.model, mode, key, write) != NULL)
    cr_expect(INLINE(0, TPIDR_EL0, true));
    cr_expect_not(INLINE(0, TPIDRRO_EL0, true));
    cr_expect(INLINE(0, TPIDRRO_EL0, false));
    cr_expect(INLINE(1, TPIDRRO_EL0, true));
    cr_expect_not(INLINE(1, SCTLR_EL1, false));
    cr_expect_not(INLINE(0, SP_EL0, false));
    cr_expect(INLINE(1, SP_EL0, false));
    cr_expect_not(INLINE(1 | MODE_SP_EL0, SP_EL0, false));
    cr_expect_not(INLINE(2, ARM_SYSREG(3, 0, 4, 0, 1), false));
    /* ESR_EL1 can be trapped by HCR_EL2.TRVM, TTBR0_EL1 by TVM. */
    const uint32_t esr = ARM_SYSREG(3, 0, 5, 2, 0), ttbr0 = ARM_SYSREG(3, 0, 2, 0, 0);
    cr_expect_not(INLINE(1 | MODE_SYS_TRAPS, esr, false));
    cr_expect(INLINE(1, esr, false));
    cr_expect_not(INLINE(1 | MODE_SYS_TRAPS, ttbr0, true));
    cr_expect(INLINE(1, ttbr0, true));
    cr_expect_not(INLINE(1, ARM_SYSREG(3, 0, 2, 0, 2), true)); /* TCR_EL1 acts at once */
#undef INLINE
}

/* What compiled code leaves 0 was 0 before. */
Test(arm_sysreg, bits_that_an_inline_write_drops_are_never_set)
{
    for (unsigned n = 0; n < arm_sysreg_count; n++) {
        const struct arm_sysreg *s = &arm_sysregs[n];
        if (!arm_sysreg_inline(&t.model, 1, s->key, true))
            continue;
        at_level(1);
        const uint64_t at = *(uint64_t *)((uint8_t *)t.r + s->offset);
        expect(at & ~s->mask, 0u);
    }
}

/* ---- exceptions ---- */

TestSuite(arm_exception, .init = setup, .fini = teardown);

Test(arm_exception, from_each_level_to_each_one_above)
{
    for (unsigned from = 0; from < 4; from++)
        for (unsigned to = from ? from : 1; to < 4; to++)
            for (unsigned spsel = 0; spsel <= (from != 0); spsel++) {
                at_level(from);
                t.r->pstate = (t.r->pstate & ~(uint64_t)1) | spsel | ARM_Z | ARM_C;
                t.r->pstate &= ~(uint64_t)(ARM_I | ARM_F);
                t.r->sctlr[to] |= 1 << 23; /* SPAN */
                for (unsigned el = 0; el < 4; el++)
                    t.r->sp_el[el] = 0x1000 * (el + 1);
                t.r->sp = 0x77770;
                t.r->pc = 0x4000;
                t.r->vbar[to] = 0x8000;
                arm_machine_changed(&t);
                const uint64_t before = t.r->pstate;
                arm_raise_far(t.tc, arm_syndrome(ARM_EC_DABORT_LOWER, 0x46), to, 0xabcd);
                t.tc->status = TCG_OK;
                cr_assert(arm_deliver_exception(t.tc));
                expect(arm_el(t.r), to);
                expect(t.r->spsr[to], before);
                expect(t.r->elr[to], 0x4000u);
                expect(t.r->far[to], 0xabcdu);
                expect(t.r->esr[to] >> 26,
                       (unsigned)(from == to ? ARM_EC_DABORT : ARM_EC_DABORT_LOWER));
                expect(t.r->pc, 0x8000u + (from == to ? spsel * 0x200 : 0x400));
                expect(t.r->pstate & (ARM_D | ARM_A | ARM_I | ARM_F | ARM_SPSEL), 0x3c1u);
                expect(t.r->sp_el[spsel ? from : 0], 0x77770u);
                if (from != to || !spsel)
                    expect(t.r->sp, 0x1000u * (to + 1));
                /* And back. */
                arm_helper_eret(t.r, t.r->elr[to], 0, 0, 0);
                expect(arm_el(t.r), from);
                expect(arm_get_pstate(t.tc), before);
                expect(t.r->pc, 0x4000u);
                expect(t.r->sp, 0x77770u);
                expect(t.tc->mode & MODE_EL, from);
                cr_expect(arm_regs_check(t.r, &t.model, NULL));
            }
}

Test(arm_exception, returns_that_are_illegal_set_il)
{
    static const struct {
        unsigned el;
        uint32_t spsr;
    } cases[] = {{1, 0x9}, {1, 0xd}, {2, 0xc}, {1, 0x1}, {1, 0x6}, {2, 0x16}, {3, 0x1a}};
    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        at_level(cases[i].el);
        t.r->spsr[cases[i].el] = cases[i].spsr | ARM_N;
        arm_helper_eret(t.r, 0x1230, 0, 0, 0);
        cr_expect_eq(arm_el(t.r), cases[i].el, "case %u", i);
        cr_expect(t.r->pstate & ARM_IL, "case %u", i);
        cr_expect(arm_get_pstate(t.tc) & ARM_N);
        expect(t.r->pc, 0x1230u);
        cr_expect(t.tc->mode & MODE_ILLEGAL);
    }
}

/* What EL1 is, HCR_EL2.RW says: the other state is none to return to. */
Test(arm_exception, el1_is_returned_to_in_the_state_that_it_has)
{
    at_level(2);
    t.r->hcr &= ~ARM_HCR_RW;
    t.r->x[19] = 0x1900;
    t.r->spsr[2] = ARM_MODE_SVC | ARM_I;
    arm_helper_eret(t.r, 0x1234, 0, 0, 0);
    expect(arm_el(t.r), 1u);
    expect(t.r->pstate & (ARM_IL | ARM_AARCH32 | ARM_MODE), (uint64_t)ARM_MODE_SVC);
    expect(t.r->pc, 0x1234u);
    expect(t.r->x[13], 0x1900u);
    /* Up again: an undefined instruction that EL2 is to see. */
    t.r->x[13] = 0x1901;
    arm_raise(t.tc, arm_syndrome(ARM_EC_CP15_32, 0), 2);
    t.tc->status = TCG_OK;
    cr_assert(arm_deliver_exception(t.tc));
    expect(arm_el(t.r), 2u);
    expect(t.r->x[19], 0x1901u);
    expect(t.r->spsr[2] & 0xff, (uint64_t)(ARM_MODE_SVC | ARM_I));
    expect(t.r->pc & 0x7ff, 0x600u);
    at_level(2);
    t.r->hcr &= ~ARM_HCR_RW;
    t.r->spsr[2] = 1 << ARM_EL_SHIFT | ARM_SPSEL;
    arm_helper_eret(t.r, 0x1234, 0, 0, 0);
    cr_expect(t.r->pstate & ARM_IL);
}

/* T32 in the middle of an IT block; the kernel above is AArch64. */
Test(arm_exception, aarch32_at_el0_comes_and_goes)
{
    enum { SPSR = 0x30 | 1 << 10 | 1 << 16 };
    at_level(1);
    t.r->vbar[1] = 0x8000;
    t.r->x[3] = UINT64_C(0xaaaaaaaa12345678);
    t.r->spsr[1] = SPSR | ARM_Z;
    arm_helper_eret(t.r, UINT64_C(0xffff00001235), 0, 0, 0);
    cr_expect_not(arm_is_aarch64(t.r));
    expect(arm_el(t.r), 0u);
    expect(t.r->pc, 0x1234u);
    expect(t.r->x[3], UINT64_C(0x12345678));
    expect(t.tc->mode & (MODE_AARCH32 | MODE_T32), (uint64_t)(MODE_AARCH32 | MODE_T32));
    expect(t.tc->mode >> MODE_IT_SHIFT & 0xff, UINT64_C(4));
    arm_helper_svc(t.r, 7, 0x1236, 0, 0);
    cr_expect(arm_is_aarch64(t.r));
    expect(t.r->pc, 0x8600u);
    expect(t.r->elr[1], 0x1236u);
    expect(t.r->spsr[1], (uint64_t)SPSR | ARM_Z);
    expect(t.r->esr[1], arm_syndrome(ARM_EC_SVC32, 7));
}

Test(arm_exception, pan_is_set_unless_span)
{
    at_level(0);
    t.r->sctlr[1] &= ~(UINT64_C(1) << 23);
    arm_helper_svc(t.r, 5, 0x100, 0, 0);
    cr_expect(t.r->pstate & ARM_PAN);
    expect(t.r->esr[1], arm_syndrome(ARM_EC_SVC64, 5));
    expect(t.r->elr[1], 0x100u);
    cr_expect(t.tc->mode & MODE_PAN);
    expect(t.tc->ctx->space->mmu_index, (unsigned)ARM_MMU_PRIV_PAN);
    at_level(0);
    t.r->sctlr[1] |= 1 << 23;
    t.r->hcr |= 0;
    arm_helper_svc(t.r, 5, 0x100, 0, 0);
    cr_expect_not(t.r->pstate & ARM_PAN);
    expect(t.tc->ctx->space->mmu_index, (unsigned)ARM_MMU_PRIV);
}

Test(arm_exception, el0_goes_to_el2_under_tge)
{
    at_level(0);
    t.r->hcr |= ARM_HCR_TGE;
    arm_machine_changed(&t);
    arm_helper_svc(t.r, 0, 0x100, 0, 0);
    expect(arm_el(t.r), 2u);
    at_level(0);
    t.r->hcr |= ARM_HCR_TGE;
    arm_undefined(t.tc);
    t.tc->status = TCG_OK;
    arm_deliver_exception(t.tc);
    expect(arm_el(t.r), 2u);
}

static bool calls_made;
static bool firmware_call(struct vcpu *cpu, uint64_t x[18], void *opaque)
{
    (void)cpu;
    (void)opaque;
    calls_made = true;
    if (x[0] != 0x84000000)
        return false;
    x[0] = 0x10001;
    return true;
}

Test(arm_exception, calls_of_firmware_by_the_boards_conduit)
{
    static const struct arm_board_ops ops = {.firmware_call = firmware_call,
                                             .conduit = ARM_CONDUIT_HVC};
    t.cpu->arm_board_ops = &ops;
    at_level(1);
    t.r->x[0] = 0x84000000;
    arm_helper_hvc(t.r, 0, 0x104, 0, 0);
    expect(t.r->x[0], 0x10001u);
    expect(t.r->pc, 0x104u);
    expect(arm_el(t.r), 1u);
    arm_helper_hvc(t.r, 0, 0x108, 0, 0); /* not known: -1 */
    expect(t.r->x[0], ~UINT64_C(0));
    calls_made = false;
    arm_helper_hvc(t.r, 1, 0x10c, 0, 0); /* not the calling convention's: to EL2 */
    expect(arm_el(t.r), 2u);
    cr_expect_not(calls_made);
    at_level(1);
    arm_helper_smc(t.r, 0, 0x104, 0, 0);
    expect(arm_el(t.r), 3u);
    cr_expect_not(calls_made);
    at_level(0);
    arm_helper_hvc(t.r, 0, 0x104, 0, 0);
    expect(t.tc->exc_error >> 26, (unsigned)ARM_EC_UNKNOWN);
    t.tc->status = TCG_OK;
    t.cpu->arm_board_ops = NULL;
}

/* ---- interrupts ---- */

TestSuite(arm_event, .init = setup, .fini = teardown);

/* The level an IRQ was taken to, 9: it was not. */
static unsigned irq_from(unsigned el, uint64_t hcr, uint64_t scr, bool masked)
{
    at_level(el);
    t.r->hcr |= hcr;
    t.r->scr |= scr;
    t.r->pstate = (t.r->pstate & ~(uint64_t)ARM_I) | (masked ? ARM_I : 0);
    arm_machine_changed(&t);
    cpu_interrupt(t.cpu, CPU_INT_IRQ);
    const enum tcg_event e = arm_take_events(t.tc);
    cpu_clear_interrupt(t.cpu, CPU_INT_IRQ);
    return e == TCG_EVENT_DELIVERED ? arm_el(t.r) : 9;
}

Test(arm_event, where_an_interrupt_goes)
{
    expect(irq_from(0, 0, 0, false), 1u);
    expect(irq_from(0, 0, 0, true), 9u);
    expect(irq_from(1, 0, 0, false), 1u);
    expect(irq_from(1, 0, 0, true), 9u);
    expect(irq_from(2, 0, 0, false), 9u); /* EL1's, and that is below */
    expect(irq_from(1, ARM_HCR_IMO, 0, true), 2u);
    expect(irq_from(2, ARM_HCR_IMO, 0, false), 2u);
    expect(irq_from(2, ARM_HCR_IMO, 0, true), 9u);
    expect(irq_from(2, ARM_HCR_IMO, ARM_SCR_IRQ, true), 3u);
    expect(irq_from(0, ARM_HCR_TGE | ARM_HCR_E2H, 0, true), 9u);
    expect(irq_from(0, ARM_HCR_TGE | ARM_HCR_E2H, 0, false), 2u);
    expect(t.r->pc & 0x7ff, 0x480u);
}

Test(arm_event, virtual_interrupts_are_el1s)
{
    at_level(1);
    t.r->hcr |= ARM_HCR_IMO | ARM_HCR_VI;
    t.r->pstate &= ~(uint64_t)ARM_I;
    arm_machine_changed(&t);
    expect(arm_take_events(t.tc), (unsigned)TCG_EVENT_DELIVERED);
    expect(arm_el(t.r), 1u);
    expect(t.r->pc & 0x7ff, 0x280u);
    expect(arm_take_events(t.tc), (unsigned)TCG_EVENT_NONE); /* masked now */
}

Test(arm_event, wfi_ends_with_an_interrupt_even_a_masked_one)
{
    at_level(1);
    arm_helper_wfi(t.r, 0x104, 0, 0, 0);
    expect(t.r->pc, 0x104u);
    expect(arm_take_events(t.tc), (unsigned)TCG_EVENT_HALT);
    cpu_interrupt(t.cpu, CPU_INT_IRQ);
    expect(arm_take_events(t.tc), (unsigned)TCG_EVENT_NONE);
    cr_expect_not(t.cpu->halted);
    expect(t.r->pc, 0x104u);
}

Test(arm_event, wfi_traps)
{
    at_level(0);
    t.r->sctlr[1] &= ~(UINT64_C(1) << 16);
    arm_helper_wfi(t.r, 0x104, 0, 0, 0);
    expect(t.tc->exc_error, arm_syndrome(ARM_EC_WFX, 1u << 24 | 0xe00000));
    t.tc->status = TCG_OK;
    at_level(1);
    t.r->hcr |= ARM_HCR_TWE;
    arm_helper_wfe(t.r, 0x104, 0, 0, 0);
    expect(arm_sys_of(t.tc)->target, 2);
    expect(t.tc->exc_error & 3, 1u);
    t.tc->status = TCG_OK;
}

Test(arm_event, the_event_register)
{
    at_level(1);
    arm_helper_sev(t.r, 1, 0, 0, 0);
    arm_helper_wfe(t.r, 0x104, 0, 0, 0);
    cr_expect_not(t.cpu->halted);
    arm_helper_wfe(t.r, 0x108, 0, 0, 0);
    cr_expect(t.cpu->halted);
    cpu_interrupt(t.cpu, CPU_INT_EVENT);
    expect(arm_take_events(t.tc), (unsigned)TCG_EVENT_NONE);
    cr_expect_not(t.cpu->halted);
}

Test(arm_event, psci_starts_a_processor_that_is_off)
{
    at_level(1);
    t.r->powered_off = ARM_POWER_OFF;
    cpu_interrupt(t.cpu, CPU_INT_IRQ);
    expect(arm_take_events(t.tc), (unsigned)TCG_EVENT_HALT);
    cpu_clear_interrupt(t.cpu, CPU_INT_IRQ);
    t.cpu->start.pc = 0x8880;
    t.cpu->start.arg = 77;
    t.r->powered_off = ARM_POWER_STARTING;
    cpu_interrupt(t.cpu, CPU_INT_START);
    expect(arm_take_events(t.tc), (unsigned)TCG_EVENT_NONE);
    expect(t.r->pc, 0x8880u);
    expect(t.r->x[0], 77u);
    expect(arm_el(t.r), 2u);
    expect(t.tc->mode & MODE_EL, 2u);
}

/* Where the syndrome and the level do not fit 32 bits with a sign: by the compiled code, too. */
Test(arm_exception, traps_of_compiled_code_keep_all_of_their_bits)
{
    static const uint64_t traps[] = {ARM_TRAP(ARM_EC_BRK64, 7),
                                     ARM_TRAP(ARM_EC_FP, 0x1e00000) | ARM_TRAP_TO(2)};
    for (unsigned i = 0; i < ARRAY_SIZE(traps); i++) {
        at_level(1);
        t.tc->arch->raise_trap(t.tc, traps[i]);
        t.tc->status = TCG_OK;
        arm_deliver_exception(t.tc);
        expect(arm_el(t.r), i ? 2u : 1u);
        expect(t.r->esr[i ? 2 : 1], (uint32_t)traps[i]);
    }
    /* BRK #7 */
    teardown();
    start_as("cortex-a57", 1, HOST_BACKEND);
    at_level(1);
    t.r->pc = 0x1000;
    store_le32(t.ram->host + 0x1000, 0xd42000e0);
    store_le32(t.ram->host + 0x2200, 0xd503207f); /* WFI */
    t.r->vbar[1] = 0x2000;
    arm_machine_changed(&t);
    t.cpu->stop_request = false;
    cr_assert_eq(t.m.accel->vcpu_run(t.cpu), VCPU_EXIT_HALT);
    expect(arm_el(t.r), 1u);
    expect(t.r->esr[1], arm_syndrome(ARM_EC_BRK64, 7));
    expect(t.r->elr[1], 0x1000u);
    expect(t.r->pc, 0x2204u);
}

/* Twice: the second time the way there is compiled, and nobody has put PC in its place. */
Test(arm_exception, a_misaligned_target_is_in_far)
{
    teardown();
    start_as("cortex-a57", 1, HOST_BACKEND);
    at_level(1);
    store_le32(t.ram->host + 0x1000, 0xd61f0000); /* br x0 */
    store_le32(t.ram->host + 0x2200, 0xd503207f); /* wfi */
    t.r->vbar[1] = 0x2000;
    arm_machine_changed(&t);
    for (unsigned n = 0; n < 3; n++) {
        t.r->pc = 0x1000;
        t.r->x[0] = 0x3002;
        t.r->far[1] = t.r->elr[1] = 0;
        t.cpu->stop_request = t.cpu->halted = false;
        cr_assert_eq(t.m.accel->vcpu_run(t.cpu), VCPU_EXIT_HALT);
        expect(t.r->esr[1] >> 26, (unsigned)ARM_EC_PC_ALIGN);
        expect(t.r->far[1], 0x3002u);
        expect(t.r->elr[1], 0x3002u);
    }
}

Test(arm_exception, a_random_number_comes_with_its_flags)
{
    static const uint32_t code[] = {0xd53b2400 /* mrs x0, rndr */, 0xd53b4201 /* mrs x1, nzcv */,
                                    0xd53b2422 /* mrs x2, rndrrs */, 0xd503207f /* wfi */};
    teardown();
    start_as("max", 1, HOST_BACKEND);
    at_level(1);
    t.r->pc = 0x1000;
    for (unsigned n = 0; n < ARRAY_SIZE(code); n++)
        store_le32(t.ram->host + 0x1000 + 4 * n, code[n]);
    t.r->x[0] = t.r->x[2] = 0;
    t.r->pstate |= ARM_N | ARM_Z | ARM_C | ARM_V;
    arm_machine_changed(&t);
    t.cpu->stop_request = false;
    cr_assert_eq(t.m.accel->vcpu_run(t.cpu), VCPU_EXIT_HALT);
    expect(t.r->x[1], 0u);
    cr_expect_neq(t.r->x[0], t.r->x[2]);
}

/* From compiled code that is linked and in the jump cache. */
Test(arm_event, a_loop_of_wfi_waits_each_time, .timeout = 20)
{
    static const uint32_t code[] = {0x91000400 /* add x0, x0, #1 */, 0xd503207f /* wfi */,
                                    0x17fffffe /* b . - 8 */};
    teardown();
    start_as("cortex-a57", 1, HOST_BACKEND);
    at_level(1);
    t.r->pc = 0x1000;
    for (unsigned n = 0; n < ARRAY_SIZE(code); n++)
        store_le32(t.ram->host + 0x1000 + 4 * n, code[n]);
    t.r->x[0] = 0;
    arm_machine_changed(&t);
    t.cpu->stop_request = false;
    for (unsigned n = 1; n < 20; n++) {
        cr_assert_eq(t.m.accel->vcpu_run(t.cpu), VCPU_EXIT_HALT);
        expect(t.r->x[0], n);
        cpu_interrupt(t.cpu, CPU_INT_EVENT);
    }
}

/* An interrupt that was pending while it was masked: the next poll of compiled code must look. */
Test(arm_event, unmasking_asks_for_a_look_at_what_is_pending)
{
    at_level(1);
    t.r->spsr[1] = 5;
    cpu_interrupt(t.cpu, CPU_INT_IRQ);
    expect(arm_take_events(t.tc), (unsigned)TCG_EVENT_NONE);
    t.tc->exit_request = 0;
    arm_helper_eret(t.r, 0x1000, 0, 0, 0);
    expect(t.tc->exit_request, 1u);
    at_level(1);
    t.tc->exit_request = 0;
    arm_helper_msr_imm(t.r, 3 << 3 | 7, 2, 0, 0); /* DAIFClr */
    expect(t.tc->exit_request, 1u);
    expect(arm_take_events(t.tc), (unsigned)TCG_EVENT_DELIVERED);
    cpu_clear_interrupt(t.cpu, CPU_INT_IRQ);
}

Test(arm_event, software_step)
{
    at_level(0);
    t.r->mdscr = 1;
    t.r->oslar = 0;
    t.r->pstate |= ARM_SS;
    t.r->pstate &= ~(uint64_t)ARM_D;
    arm_machine_changed(&t);
    cr_expect(t.tc->mode & MODE_SS);
    t.tc->step_pending = 1; /* an instruction was executed */
    t.r->pc = 0x104;
    expect(arm_take_events(t.tc), (unsigned)TCG_EVENT_DELIVERED);
    expect(arm_el(t.r), 1u);
    expect(t.r->esr[1] >> 26, (unsigned)ARM_EC_STEP_LOWER);
    expect(t.r->elr[1], 0x104u);
    cr_expect_not(t.r->spsr[1] & ARM_SS);
    /* The handler arms it again. */
    t.r->spsr[1] |= ARM_SS;
    arm_helper_eret(t.r, 0x104, 0, 0, 0);
    cr_expect(t.r->pstate & ARM_SS);
    cr_expect(t.tc->mode & MODE_SS);
}

Test(arm_event, watchpoints_come_before_the_access)
{
    at_level(0);
    t.r->oslar = 0;
    t.r->mdscr = 1 << 15;
    t.r->dbgwvr[1] = 0x2000;
    t.r->dbgwcr[1] = 1 | 2 << 1 | 2 << 3 | 0xf0 << 5; /* EL0, stores, bytes 4 to 7 */
    arm_machine_changed(&t);
    put64(0x2000, 11);
    t.tc->single_insn = true;
    tcg_store(t.tc, 0x2000, 4, 22, 0);
    expect(t.tc->status, (uint32_t)TCG_OK);
    tcg_store(t.tc, 0x2004, 4, 33, 0);
    expect(t.tc->status, (uint32_t)TCG_EXCEPTION);
    expect(t.tc->exc_error >> 26, (unsigned)ARM_EC_WATCHPOINT_LOWER);
    expect(t.tc->exc_addr, 0x2004u);
    expect(get64(0x2000), 22u);
    t.tc->status = TCG_OK;
}
