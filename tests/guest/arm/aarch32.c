/*
 * EL1 in AArch32 state under an EL2 in AArch64: where the registers of each mode are, and
 * exceptions to either level. guest-run: kernel -M virt,virtualization=on -cpu cortex-a57
 */
#include "lib/guest.h"

enum { SVC = 0x13, UND = 0x1b, HVC32 = 0x12, CP15_32 = 3, FROM_AARCH32 = 12 };
#define HVC_BACK 0xe14dea7d /* hvc #0xdead */

/* A value for R13 and R14 of each mode, and R8 and R12 of FIQ. */
static const u32 fill_banks[] = {
    0xf1020012, /* cps #0x12 */
    0xe3a0d012, /* mov sp, #0x12 */
    0xe3a0ee12, /* mov lr, #0x120 */
    0xf1020011, /* cps #0x11 */
    0xe3a08088, /* mov r8, #0x88 */
    0xe3a0c0cc, /* mov r12, #0xcc */
    0xe3a0d011, /* mov sp, #0x11 */
    0xe3a0ee11, /* mov lr, #0x110 */
    0xf1020017, /* cps #0x17 */
    0xe3a0d017, /* mov sp, #0x17 */
    0xe3a0ee17, /* mov lr, #0x170 */
    0xe36ff017, /* msr spsr_cxsf, #0x17 */
    0xf102001b, /* cps #0x1b */
    0xe3a0d01b, /* mov sp, #0x1b */
    0xe3a0ee1b, /* mov lr, #0x1b0 */
    0xf102001f, /* cps #0x1f */
    0xe3a0d01f, /* mov sp, #0x1f */
    0xe3a0ee1f, /* mov lr, #0x1f0 */
    0xf1020013, /* cps #0x13 */
    0xe3a0d013, /* mov sp, #0x13 */
    0xe3a0ee13, /* mov lr, #0x130 */
    0xe3a08008, /* mov r8, #8 */
    0xe3a0c00c, /* mov r12, #12 */
    0xe1400077, /* hvc #7 */
    HVC_BACK,
};

static void banks(void)
{
    caught.count = 0;
    expect_trap();
    at_aarch32(SVC, fill_banks);
    trap_over();
    is(caught.esr, (u64)HVC32 << 26 | 1 << 25 | 7, "HVC of AArch32 comes to EL2");
    is(caught.kind, FROM_AARCH32, "from a lower level in AArch32");
    is(caught.spsr & 0x3ff, 0x1c0 | SVC, "SPSR has the mode and the masks");
    is(caught.elr, (u64)&fill_banks[24], "ELR is behind it");
    is(caught_x[8] << 8 | caught_x[12], 8 << 8 | 12, "R8 and R12");
    is(caught_x[13] << 16 | caught_x[14], 0x1f01f0, "USR's R13 and R14 are X13 and X14");
    is(caught_x[17] << 16 | caught_x[16], 0x120120, "IRQ's are X17 and X16");
    is(caught_x[19] << 16 | caught_x[18], 0x130130, "SVC's are X19 and X18");
    is(caught_x[21] << 16 | caught_x[20], 0x170170, "ABT's are X21 and X20");
    is(caught_x[23] << 16 | caught_x[22], 0x1b01b0, "UND's are X23 and X22");
    is(caught_x[29] << 16 | caught_x[30], 0x110110, "FIQ's are X29 and X30");
    is(caught_x[24] << 8 | caught_x[28], 0x88cc, "FIQ's R8 and R12 are X24 and X28");
    is(sysreg_read(s3_4_c4_c3_1), 0x17, "SPSR_abt is a register of its own");
}

static const u32 read_banks[] = {
    0xe1a0000d, /* mov r0, sp */
    0xf1020012, /* cps #0x12 */
    0xe1a0100e, /* mov r1, lr */
    0xf102001b, /* cps #0x1b */
    0xe1a0200d, /* mov r2, sp */
    0xe14f3000, /* mrs r3, spsr */
    0xf1020013, /* cps #0x13 */
    0xe1400078, /* hvc #8 */
    HVC_BACK,
};

static void from_el2(void)
{
    sysreg_write(s3_4_c4_c3_2, 0x600001d3); /* SPSR_und */
    caught.count = 0;
    expect_trap();
    at_aarch32(SVC, read_banks);
    trap_over();
    is(caught.esr & 0xffff, 8, "what EL2 has in X19, X16, X23");
    is(caught_x[0], (u32)caught_x[19], "is SVC's R13");
    is(caught_x[1], (u32)caught_x[16], "IRQ's R14");
    is(caught_x[2], (u32)caught_x[23], "UND's R13");
    is(caught_x[3], 0x600001d3, "and SPSR_und is UND's");
}

static const u32 vectors[] __attribute__((aligned(32))) = {
    0xeafffffe, /* b . */
    0xe1400076, /* hvc #6: undefined */
    0xe1400079, /* hvc #9: SVC */
    0xe1b0f00e, /* movs pc, lr */
};
static const u32 call[] = {0xef000001 /* svc #1 */, HVC_BACK};

static void to_el1(void)
{
    const u64 vbar = sysreg_read(vbar_el1);
    sysreg_write(vbar_el1, vectors);
    sysreg_write(sctlr_el1, 0x00c50078);
    isb();
    caught.count = 0;
    expect_trap();
    at_aarch32(0x1f, call);
    trap_over();
    is(caught.esr & 0xffff, 9, "SVC goes to EL1, by AArch32's vector");
    is(caught.elr, (u64)&vectors[3], "at VBAR");
    is(caught.spsr & 0x3ff, 0x1c0 | SVC, "in SVC");
    is(caught_x[18], (u64)&call[1], "R14 of SVC is behind the call");
    is(sysreg_read(spsr_el1) & 0x3ff, 0x1df, "and SPSR_svc, which is SPSR_EL1, says SYS");
    sysreg_write(vbar_el1, vbar);
    sysreg_write(sctlr_el1, 0x30d00800);
    isb();
}

static const u32 read_sctlr[] = {0xee114f10 /* mrc p15, 0, r4, c1, c0, 0 */, HVC_BACK};

static void traps_of_el2(void)
{
    sysreg_write(hcr_el2, 1ul << 30); /* TRVM */
    isb();
    caught.count = 0;
    expect_trap();
    at_aarch32(SVC, read_sctlr);
    trap_over();
    is(caught.esr, (u64)CP15_32 << 26 | 1 << 25 | 0x1e00000 | 1 << 10 | 4 << 5 | 1,
       "TRVM traps MRC, with register and Rt in the syndrome");
}

static void illegal(void)
{
    sysreg_write(hcr_el2, 1ul << 31); /* RW: EL1 is AArch64 */
    isb();
    caught.count = 0;
    expect_trap();
    asm volatile(
        "adr x0, 1f\n msr elr_el2, x0\n mov x0, #0x1d3\n msr spsr_el2, x0\n eret\n1: nop" ::
            : "x0", "memory");
    trap_over();
    is(caught_class(), 0xe, "with RW a return to a mode of EL1 is illegal");
    sysreg_write(hcr_el2, 0);
    isb();
    caught.count = 0;
    expect_trap();
    asm volatile(
        "adr x0, 1f\n msr elr_el2, x0\n mov x0, #0x1c5\n msr spsr_el2, x0\n eret\n1: nop" ::
            : "x0", "memory");
    trap_over();
    is(caught_class(), 0xe, "without it, one to EL1 in AArch64 is");
}

void test_main(void)
{
    is(sysreg_read(id_aa64pfr0_el1) & 0xff, 0x22, "EL0 and EL1 can be AArch32");
    sysreg_write(hcr_el2, 0);
    isb();
    banks();
    from_el2();
    to_el1();
    traps_of_el2();
    illegal();
}
