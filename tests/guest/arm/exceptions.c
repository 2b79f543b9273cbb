/*
 * Exceptions at each level: classes, syndromes, vectors, stack pointers, PSTATE, traps by the level
 * above, illegal returns.
 * guest-run: kernel -M virt -cpu cortex-a57
 * guest-run: kernel -M virt,virtualization=on -cpu cortex-a57
 * guest-run: bios -M virt,secure=on -cpu cortex-a57
 * guest-run: bios -M virt,secure=on,virtualization=on -cpu max
 */
#include "lib/guest.h"

enum { SVC = 0x15, HVC = 0x16, SMC = 0x17, BRK = 0x3c, UNKNOWN = 0, SYSREG = 0x18, ILLEGAL = 0xe };
enum { PC_ALIGN = 0x22, WFX = 1, FP = 7 };

static void from_this_level(void)
{
    ok(traps("svc #0x1234"), "SVC is taken");
    is(caught.esr, (u64)SVC << 26 | 1 << 25 | 0x1234, "its syndrome has the immediate");
    is(caught.kind, 4, "from this level with SP_ELx");
    is(caught.spsr & 0x3cf, 0x3c0u | top_level << 2 | 1, "SPSR has the level and the masks");
    ok(traps("brk #0x77"), "BRK is taken");
    is(caught.esr, (u64)BRK << 26 | 1 << 25 | 0x77, "with its immediate");
    ok(traps(".long 0"), "UDF is undefined");
    is(caught_class(), UNKNOWN, "with no class");
    ok(traps("mrs x0, s3_0_c15_c15_7"), "a system register that is not there, too");
    is(caught_class(), UNKNOWN, "with no class");
    ok(traps("msr spsel, #0\n svc #1\n msr spsel, #1"), "SVC with SP_EL0");
    is(caught.kind, 0, "has a vector of its own");
}

static void flags(void)
{
    u64 before, after;
    caught.count = 0;
    expect_trap();
    asm volatile("mov x0, #(5 << 28)\n msr nzcv, x0\n svc #0\n mrs %1, nzcv\n mov %0, x0"
                 : "=&r"(before), "=&r"(after)::"x0", "cc");
    trap_over();
    is(caught.spsr >> 28, 5, "SPSR has the flags");
    is(after, before, "ERET brings them back");
}

static void aligned_pc(void)
{
    void resumed(void);
    caught.count = 0;
    expect_trap_resume(resumed);
    asm volatile("adr x0, resumed\n add x0, x0, #2\n br x0\n .globl resumed\nresumed:" ::: "x0");
    trap_over();
    is(caught_class(), PC_ALIGN, "a PC that is not aligned faults");
    is(caught.far, (u64)resumed + 2, "with FAR its address");
}

/* ---- below ---- */

static u64 seen_el;
static void note_level(void)
{
    seen_el = sysreg_read(nzcv) >> 60; /* what EL0 may read */
}

static void at_el0(void)
{
    caught.count = 0;
    expect_trap();
    asm volatile("svc #9");
    trap_over();
}
static void el0_privileged(void)
{
    (void)traps("mrs x0, sctlr_el1");
}
static void el0_daif(void)
{
    (void)traps("msr daifset, #2");
}
static void el0_wfi(void)
{
    (void)traps("wfi");
}
static void el0_ctr(void)
{
    (void)traps("mrs x0, ctr_el0");
}
static void el0_cntvct(void)
{
    (void)traps("mrs x0, cntvct_el0");
}
static void el0_fp(void)
{
    (void)traps("fmov d0, xzr");
}

static void below_el1(void)
{
    const unsigned to = 1;
    sysreg_write(sctlr_el1, 0x30d00800); /* UCT, nTWI, UMA, ... off */
    sysreg_write(cntkctl_el1, 0);
    isb();
    at_level(0, false, note_level);
    ok(true, "down to EL0 and up again");
    at_level(0, false, at_el0);
    is(caught.kind, 8, "SVC of EL0 comes from a lower level");
    is(caught.level, to, "to EL1");
    is(caught.spsr & 0xf, 0, "SPSR says EL0");
    at_level(0, false, el0_privileged);
    is(caught_class(), UNKNOWN, "EL1's registers are undefined at EL0");
    at_level(0, false, el0_daif);
    is(caught_class(), SYSREG, "DAIF traps without UMA");
    at_level(0, false, el0_wfi);
    is(caught.esr, (u64)WFX << 26 | 1 << 25 | 1 << 24 | 0xe << 20, "WFI traps without nTWI");
    at_level(0, false, el0_ctr);
    is(caught.esr, (u64)SYSREG << 26 | 1 << 25 | 3 << 20 | 1 << 17 | 3 << 14 | 0 << 5 | 1,
       "CTR_EL0 traps without UCT: register and Rt in the syndrome");
    sysreg_write(sctlr_el1, 0x30d00800 | 1 << 15);
    isb();
    caught.count = 0;
    at_level(0, false, el0_ctr);
    is(caught.count, 0, "and does not with it");
    at_level(0, false, el0_cntvct);
    is(caught_class(), SYSREG, "the counter traps without EL0VCTEN");
    sysreg_write(cntkctl_el1, 2);
    isb();
    caught.count = 0;
    at_level(0, false, el0_cntvct);
    is(caught.count, 0, "and does not with it");
    sysreg_write(cpacr_el1, 1 << 20);
    isb();
    at_level(0, false, el0_fp);
    is(caught.esr, (u64)FP << 26 | 1 << 25 | 0x1e00000, "FP of EL0 traps by CPACR");
    sysreg_write(cpacr_el1, 3 << 20);
    isb();
    caught.count = 0;
    at_level(0, false, el0_fp);
    is(caught.count, 0, "and is let in");
}

/* ---- EL1 under EL2 ---- */

static void el1_sctlr(void)
{
    (void)traps("mrs x0, sctlr_el1\n msr sctlr_el1, x0");
}
static void el1_hvc(void)
{
    (void)traps("hvc #0x42");
}
static void el1_smc(void)
{
    (void)traps("smc #0x43");
}
static void el1_virtual_irq(void)
{
    (void)traps("msr daifclr, #2\n nop\n nop\n msr daifset, #2");
}

static void below_el2(void)
{
    const u64 rw = 1ul << 31;
    at_level(1, true, el1_hvc);
    is(caught.esr, (u64)HVC << 26 | 1 << 25 | 0x42, "HVC of EL1 comes to EL2");
    is(caught.level, 2, "at EL2");
    is(caught.kind, 8, "from a lower level");
    sysreg_write(hcr_el2, rw | 1ul << 26);
    isb();
    at_level(1, true, el1_sctlr);
    is(caught.esr, (u64)SYSREG << 26 | 1 << 25 | 3 << 20 | 1 << 10, "TVM traps writes alone");
    sysreg_write(hcr_el2, rw | 1ul << 19);
    isb();
    at_level(1, true, el1_smc);
    is(caught.esr, (u64)SMC << 26 | 1 << 25 | 0x43, "TSC traps SMC");
    is(caught.level, 2, "to EL2");
    sysreg_write(hcr_el2, rw | 1ul << 4 | 1ul << 7); /* IMO, VI */
    isb();
    caught.count = 0;
    /* The line stays up: its handler at EL1 masks by SPSR, so that it is taken once. */
    at_level(1, true, el1_virtual_irq);
    ok(caught.count >= 1, "a virtual interrupt is taken");
    is(caught.level, 1, "at EL1");
    is(caught.kind, 5, "by the vector of interrupts");
    sysreg_write(hcr_el2, rw | 1ul << 27); /* TGE */
    isb();
    at_level(0, false, at_el0);
    is(caught.level, 2, "under TGE EL0's SVC goes to EL2");
    sysreg_write(hcr_el2, rw);
    isb();
}

static void el2_smc(void)
{
    (void)traps("smc #0x44");
}

static void below_el3(void)
{
    at_level(1, true, el1_smc);
    is(caught.esr, (u64)SMC << 26 | 1 << 25 | 0x43, "SMC of EL1 comes to EL3");
    is(caught.level, 3, "at EL3");
    if (has_level(2)) {
        at_level(2, true, el2_smc);
        is(caught.esr, (u64)SMC << 26 | 1 << 25 | 0x44, "SMC of EL2, too");
    }
    at_level(0, false, at_el0);
    is(caught.level, 1, "EL0's SVC goes to EL1 all the same");
}

/* ---- illegal returns ---- */

static void illegal_return(u64 spsr, const char *name)
{
    caught.count = 0;
    expect_trap();
    switch (top_level) {
    case 1:
        asm volatile("adr x0, 1f\n msr elr_el1, x0\n msr spsr_el1, %0\n eret\n1: nop" ::"r"(spsr)
                     : "x0", "memory");
        break;
    case 2:
        asm volatile("adr x0, 1f\n msr elr_el2, x0\n msr spsr_el2, %0\n eret\n1: nop" ::"r"(spsr)
                     : "x0", "memory");
        break;
    default:
        asm volatile("adr x0, 1f\n msr elr_el3, x0\n msr spsr_el3, %0\n eret\n1: nop" ::"r"(spsr)
                     : "x0", "memory");
        break;
    }
    trap_over();
    is(caught.count ? caught_class() : 99, ILLEGAL, name);
    ok(caught.level == top_level && (caught.spsr & 1 << 20) &&
           (caught.spsr & 0xf) == (top_level << 2 | 1),
       "the level stays and SPSR has IL");
}

void test_main(void)
{
    from_this_level();
    flags();
    aligned_pc();
    illegal_return(0x3c0 | 1, "a return to EL0 with SP_ELx is illegal");
    illegal_return(0x3c0 | top_level << 2 | 3, "so is one with bit 1 of the mode");
    if (top_level < 3)
        illegal_return(0x3c0 | (top_level + 1) << 2 | 1, "so is one upwards");
    below_el1();
    if (top_level == 2)
        below_el2();
    if (top_level == 3)
        below_el3();
}
