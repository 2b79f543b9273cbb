/* core/cpu/arm_bank.c: the banked registers of AArch32's modes, and where AArch64 has them. */
#include <criterion/criterion.h>

#include "core/cpu/arm.h"
#include "core/util/range.h"

#define expect(value, want)                                                                        \
    cr_expect_eq((value), (want), "%s is %llx, not %llx", #value, (unsigned long long)(value),     \
                 (unsigned long long)(want))

static void number_registers(struct arm_regs *r, uint32_t base)
{
    for (unsigned n = 0; n < 15; n++)
        r->x[n] = base + n;
}

Test(arm_bank, each_mode_has_its_own_r13_and_r14)
{
    static const enum arm_mode modes[] = {ARM_MODE_SVC, ARM_MODE_ABT, ARM_MODE_UND,
                                          ARM_MODE_IRQ, ARM_MODE_FIQ, ARM_MODE_USR};
    static struct arm_regs r;

    r.pstate = ARM_MODE_SVC | ARM_I;
    for (unsigned m = 0; m < ARRAY_SIZE(modes); m++) {
        arm_set_mode(&r, modes[m]);
        r.x[13] = 0x1300 + modes[m];
        r.x[14] = 0x1400 + modes[m];
    }
    for (unsigned m = 0; m < ARRAY_SIZE(modes); m++) {
        arm_set_mode(&r, modes[m]);
        expect(r.pstate, modes[m] | (uint64_t)ARM_I);
        expect(r.x[13], 0x1300u + modes[m]);
        expect(r.x[14], 0x1400u + modes[m]);
    }
    arm_set_mode(&r, ARM_MODE_SYS); /* with USR's */
    expect(r.x[13], 0x1300u + ARM_MODE_USR);
    expect(r.x[14], 0x1400u + ARM_MODE_USR);
}

Test(arm_bank, fiq_alone_has_an_r8_to_r12_of_its_own)
{
    static struct arm_regs r;

    r.pstate = ARM_MODE_SVC;
    number_registers(&r, 0x100);
    arm_set_mode(&r, ARM_MODE_IRQ);
    expect(r.x[8], 0x108u);
    arm_set_mode(&r, ARM_MODE_FIQ);
    number_registers(&r, 0x200);
    arm_set_mode(&r, ARM_MODE_ABT);
    for (unsigned n = 0; n < 8; n++)
        expect(r.x[n], 0x200u + n);
    for (unsigned n = 8; n < 13; n++)
        expect(r.x[n], 0x100u + n);
    arm_set_mode(&r, ARM_MODE_FIQ);
    for (unsigned n = 8; n < 15; n++)
        expect(r.x[n], 0x200u + n);
}

/* Arm ARM, section D1: the names that AArch64 state has for them. */
Test(arm_bank, aarch64_has_every_mode_at_once)
{
    static struct arm_regs r, before;

    r.pstate = ARM_MODE_USR;
    number_registers(&r, 0x10);
    arm_set_mode(&r, ARM_MODE_IRQ);
    number_registers(&r, 0x20);
    arm_set_mode(&r, ARM_MODE_FIQ);
    number_registers(&r, 0x30);
    arm_set_mode(&r, ARM_MODE_SVC);
    r.x[13] = 0x4d;
    before = r;
    arm_banks_to_aarch64(&r);
    expect(r.x[7], 0x37u);
    expect(r.x[8], 0x28u); /* R8 of all but FIQ */
    expect(r.x[13], 0x1du);
    expect(r.x[14], 0x1eu);
    expect(r.x[16], 0x2eu);
    expect(r.x[17], 0x2du);
    expect(r.x[19], 0x4du);
    expect(r.x[24], 0x38u);
    expect(r.x[29], 0x3du);
    expect(r.x[30], 0x3eu);
    r.x[19] = 0x5d; /* what a hypervisor writes is what SVC has */
    arm_banks_from_aarch64(&r);
    expect(r.x[13], 0x5du);
    for (unsigned n = 0; n < 13; n++)
        expect(r.x[n], before.x[n]);
    arm_set_mode(&r, ARM_MODE_FIQ);
    for (unsigned n = 8; n < 15; n++)
        expect(r.x[n], 0x30u + n);
}

Test(arm_bank, svc_has_the_spsr_of_el1)
{
    static struct arm_regs r;

    arm_set_spsr(&r, ARM_BANK_SVC, 0x60000010);
    arm_set_spsr(&r, ARM_BANK_IRQ, 0x13);
    expect(r.spsr[1], UINT64_C(0x60000010));
    expect(arm_spsr(&r, ARM_BANK_SVC), 0x60000010u);
    expect(arm_spsr(&r, ARM_BANK_IRQ), 0x13u);
    expect(arm_spsr(&r, ARM_BANK_ABT), 0u);
}
