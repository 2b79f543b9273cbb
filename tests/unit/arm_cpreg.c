/* tcg/arm, AArch32's coprocessor registers: who may reach which, and which AArch64 registers they
 * are. */
#include "tests/unit/arm_system.h"
#include "tcg/arm/cpreg.h"

#define P15(opc1, crn, crm, opc2) ARM_CP_ARG(15, opc1, crn, crm, opc2, 3, 0)
#define P14(opc1, crn, crm, opc2) ARM_CP_ARG(14, opc1, crn, crm, opc2, 3, 0)
#define P15_64(opc1, crm) ARM_CP_ARG_64(15, opc1, crm, 3, 4, 0)

#define SCTLR P15(0, 1, 0, 0)
#define CPACR P15(0, 1, 0, 2)
#define TTBR0 P15(0, 2, 0, 0)
#define TTBCR P15(0, 2, 0, 2)
#define DACR P15(0, 3, 0, 0)
#define DFSR P15(0, 5, 0, 0)
#define IFSR P15(0, 5, 0, 1)
#define DFAR P15(0, 6, 0, 0)
#define IFAR P15(0, 6, 0, 2)
#define PRRR P15(0, 10, 2, 0)
#define NMRR P15(0, 10, 2, 1)
#define CONTEXTIDR P15(0, 13, 0, 1)
#define TPIDRURW P15(0, 13, 0, 2)
#define TPIDRURO P15(0, 13, 0, 3)
#define TPIDRPRW P15(0, 13, 0, 4)

static void in_mode(enum arm_mode mode)
{
    arm_regs_reset(t.r, &t.model);
    t.r->pstate = (t.r->pstate & ~(uint64_t)ARM_MODE) | mode;
    arm_machine_changed(&t);
}
static void start_a15(void)
{
    start("cortex-a15,el2=off,el3=off", 1);
    in_mode(ARM_MODE_SVC);
}

TestSuite(arm_cpreg, .init = start_a15, .fini = teardown);

Test(arm_cpreg, the_table_is_in_order)
{
    for (unsigned n = 1; n < arm_cpreg_count; n++)
        cr_assert_lt(arm_cpregs[n - 1].key, arm_cpregs[n].key, "%s", arm_cpregs[n].name);
    for (unsigned n = 0; n < arm_cpreg_count; n++)
        cr_expect_eq(arm_cpreg_find(arm_cpregs[n].key), &arm_cpregs[n]);
}

/* -1: undefined, 0: went through, else the class of the trap. */
static int reach(uint32_t arg, bool write, uint64_t value, uint64_t *read)
{
    t.tc->status = TCG_OK;
    const uint64_t v =
        write ? arm_helper_mcr(t.r, arg, value, 0, 0) : arm_helper_mrc(t.r, arg | 1, 0, 0, 0);
    if (read)
        *read = v;
    if (t.tc->status == TCG_OK)
        return 0;
    cr_assert_eq(t.tc->status, TCG_EXCEPTION);
    t.tc->status = TCG_OK;
    return t.tc->exc_error >> 26 == ARM_EC_UNKNOWN ? -1 : (int)(t.tc->exc_error >> 26);
}
static uint64_t get(uint32_t arg)
{
    uint64_t v = 0;
    expect(reach(arg, false, 0, &v), 0);
    return v;
}
static void put(uint32_t arg, uint64_t value)
{
    expect(reach(arg, true, value, NULL), 0);
}

/* Each is written by its AArch32 name and found in the AArch64 register, whose other half stays. */
Test(arm_cpreg, they_are_halves_of_the_aarch64_registers)
{
    static const struct {
        uint32_t arg;
        uint16_t offset;
        bool high;
    } rows[] = {
#define ROW(name, member, high) {name, offsetof(struct arm_regs, member), high}
        ROW(TTBCR, tcr[1], false),      ROW(DFAR, far[1], false),
        ROW(IFAR, far[1], true),        ROW(PRRR, mair[1], false),
        ROW(NMRR, mair[1], true),       ROW(DFSR, esr[1], false),
        ROW(IFSR, ifsr, false),         ROW(DACR, dacr, false),
        ROW(TPIDRURW, tpidr[0], false), ROW(TPIDRURO, tpidrro, false),
        ROW(TPIDRPRW, tpidr[1], false), ROW(P15(0, 7, 4, 0), par, false),
#undef ROW
    };
    for (unsigned n = 0; n < ARRAY_SIZE(rows); n++) {
        uint64_t *at = (uint64_t *)((uint8_t *)t.r + rows[n].offset);
        *at = UINT64_C(0x1122334455667788);
        put(rows[n].arg, 0x0badf00d);
        if (rows[n].high)
            expect(*at, UINT64_C(0x0badf00d55667788));
        else
            expect((uint32_t)*at, 0x0badf00du);
        expect((uint32_t)get(rows[n].arg), 0x0badf00du);
        *at = 0;
    }
    put(P15_64(0, 2), UINT64_C(0x0012000040004000));
    expect(t.r->ttbr0[1], UINT64_C(0x0012000040004000));
    expect((uint32_t)get(TTBR0), 0x40004000u);
}

Test(arm_cpreg, control_keeps_what_is_always_one)
{
    put(SCTLR, 0);
    expect((uint32_t)get(SCTLR), 0x00c50078u);
    put(SCTLR, 0xffffffff);
    expect((uint32_t)get(SCTLR), 0x00c50078u | 0x72183c07u);
    put(CPACR, 0xffffffff);
    expect((uint32_t)get(CPACR), 0xf00000u);
    put(P15(0, 12, 0, 0), 0x1234567f); /* VBAR */
    expect(t.r->vbar[1], 0x12345660u);
}

Test(arm_cpreg, identification_is_that_of_the_model)
{
    expect(get(P15(0, 0, 0, 0)), 0x412fc0f1u);
    expect(get(P15(0, 0, 0, 7)), 0x412fc0f1u);
    expect(get(P15(0, 0, 0, 5)), 0x80000000u);
    expect(get(P15(0, 0, 1, 4)), 0x10201105u);
    expect(get(P15(0, 0, 3, 0)), 0u); /* where AArch64 has MVFR0 */
    expect(get(P15(1, 0, 0, 1)), 0x0a200023u);
    put(P15(2, 0, 0, 0), 2); /* CSSELR: the second level */
    expect(get(P15(1, 0, 0, 0)), t.model.ccsidr[1][0]);
    expect(get(P14(0, 0, 0, 0)) >> 16, 0x3515u); /* DBGDIDR */
    expect(reach(P15(0, 0, 0, 0), true, 0, NULL), -1);
}

Test(arm_cpreg, el0_reaches_its_own_alone)
{
    in_mode(ARM_MODE_USR);
    expect(reach(TPIDRURW, true, 7, NULL), 0);
    expect(reach(TPIDRURO, false, 0, NULL), 0);
    expect(reach(TPIDRURO, true, 0, NULL), -1);
    static const uint32_t denied[] = {SCTLR,           TTBR0,           DACR,
                                      TPIDRPRW,        CONTEXTIDR,      P15(0, 8, 7, 0),
                                      P15(0, 0, 0, 0), P15(0, 14, 1, 0)};
    for (unsigned n = 0; n < ARRAY_SIZE(denied); n++)
        expect(reach(denied[n], true, 0, NULL), -1);
    /* Counters by CNTKCTL, a class of its own, which EL1 in AArch32 takes as undefined. */
    expect(reach(P15_64(1, 14), false, 0, NULL), ARM_EC_CP15_64);
    t.r->cntkctl = 2;
    expect(reach(P15_64(1, 14), false, 0, NULL), 0);
}

Test(arm_cpreg, what_is_not_there_is_undefined)
{
    expect(reach(P15(0, 1, 1, 0), false, 0, NULL), -1);   /* SCR, of EL3 */
    expect(reach(P15(4, 1, 1, 0), false, 0, NULL), -1);   /* HCR */
    expect(reach(P15(0, 7, 8, 4), true, 0, NULL), -1);    /* ATS12NSOPR */
    expect(reach(P15(0, 8, 7, 5), true, 0, NULL), -1);    /* TLBIMVAL, of Armv8 */
    expect(reach(P14(0, 0, 6, 4), true, 0, NULL), -1);    /* a seventh breakpoint */
    expect(reach(P15(0, 12, 12, 0), false, 0, NULL), -1); /* ICC_IAR1 without a GICv3 */
    expect(reach(P15_64(4, 2), false, 0, NULL), -1);
}

Test(arm_cpreg, timers_by_either_size)
{
    put(P15_64(3, 14), UINT64_C(0x123456789a));
    expect(t.r->timer[ARM_TIMER_VIRT].cval, UINT64_C(0x123456789a));
    put(P15(0, 14, 3, 1), 3);
    expect(t.r->timer[ARM_TIMER_VIRT].ctl, 3u);
    put(P15(0, 14, 2, 0), 1000); /* CNTP_TVAL */
    cr_expect_leq(t.r->timer[ARM_TIMER_PHYS].cval, get(P15_64(0, 14)) + 1000);
    expect(get(P15(0, 14, 0, 0)), 62500000u);
}

/* ---- faults ---- */

static uint32_t status(bool data, uint32_t iss)
{
    return arm_fault_status32(t.tc, arm_syndrome(data ? ARM_EC_DABORT : ARM_EC_IABORT, iss));
}

Test(arm_cpreg, fault_status_in_either_format)
{
    static const struct {
        uint8_t fsc, fs;
    } rows[] = {{0x05, 0x05}, {0x06, 0x07}, {0x09, 0x03}, {0x0a, 0x06}, {0x0d, 0x0d},
                {0x0e, 0x0f}, {0x3d, 0x09}, {0x3e, 0x0b}, {0x15, 0x0c}, {0x16, 0x0e},
                {0x10, 0x08}, {0x21, 0x01}, {0x22, 0x02}};
    arm_sys_of(t.tc)->domain = 5;
    for (unsigned n = 0; n < ARRAY_SIZE(rows); n++) {
        expect(status(false, rows[n].fsc), rows[n].fs);
        expect(status(true, rows[n].fsc | 1 << 6), rows[n].fs | 0x850u); /* WnR, domain */
    }
    expect(status(false, 0x30), 0x400u);
    t.r->tcr[1] = ARM_TTBCR_EAE;
    for (unsigned n = 0; n < ARRAY_SIZE(rows); n++)
        expect(status(true, rows[n].fsc), rows[n].fsc | 0x200u);
}
