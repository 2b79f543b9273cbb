/*
 * Exceptions, modes and their registers of a processor of 32 bits, in A32 and T32.
 * guest-run: kernel -M virt -cpu cortex-a15
 */
#include "lib/guest.h"

extern u8 vectors[], vectors_t32[];

enum { SCTLR_A = 1 << 1, SCTLR_EE = 1 << 25, SCTLR_TE = 1 << 30 };

static u32 sctlr(void)
{
    return cp_read("p15, 0", "c1, c0, 0");
}

static void set_sctlr(u32 value)
{
    cp_write("p15, 0", "c1, c0, 0", value);
}

/* Addresses that the instructions under test note. */
static u32 here;

/* ---- entry ---- */

static void calls(const char *set)
{
    print("# vectors in %s\n", set);
    psr_write(cpsr_cx, SVC | PSR_F); /* I and A clear */
    ok(traps_bytes(4, "adr r0, 1f\n str r0, %0\n svc #3\n1:"
                   : "=m"(here)::"r0", "lr", "memory"),
       "SVC is taken");
    is(caught.vector, VEC_SVC, "by its vector");
    is(caught.lr, here, "LR is behind it");
    is(caught.spsr & 0x3ff, SVC | PSR_F, "SPSR is the CPSR before");
    is(caught.cpsr & 0x1ff, SVC | PSR_F | PSR_I, "I is masked, A and F are not");
    ok(traps_bytes(4, ".arm\n adr r0, 1f\n str r0, %0\n1: udf #7\n"
                   : "=m"(here)::"r0", "memory"),
       "UDF is undefined");
    is(caught.vector, VEC_UND, "by its vector");
    is(caught.lr, here + 4, "LR is 4 behind A32's");
    is(caught.cpsr & 0x1ff, UND | PSR_F | PSR_I, "in UND");
    ok(traps_bytes(4, "adr r0, 1f\n str r0, %0\n1: bkpt #7\n"
                   : "=m"(here)::"r0", "memory"),
       "BKPT is taken");
    is(caught.vector, VEC_PABT, "as a prefetch abort");
    is(caught.lr, here + 4, "LR is 4 behind");
    is(caught.ifsr & 0x40f, 2, "IFSR: a debug event");
    is(caught.cpsr & 0x1ff, ABT | PSR_A | PSR_I | PSR_F, "A and I are masked");
    ok(traps_bytes(4, "mov r2, #0x40000000\n add r2, #0x2\n adr r0, 1f\n str r0, %0\n"
                      "1: ldm r2, {r0, r1}\n"
                   : "=m"(here)::"r0", "r1", "r2", "memory"),
       "LDM of a misaligned address faults");
    is(caught.vector, VEC_DABT, "as a data abort");
    is(caught.lr, here + 8, "LR is 8 behind");
    is(caught.dfsr & 0xc0f, 1, "DFSR: alignment, a read");
    is(caught.dfar, 0x40000002, "DFAR has the address");
    is(caught.cpsr & 0x1ff, ABT | PSR_A | PSR_I | PSR_F, "A and I are masked");
    (void)traps_bytes(4, "mov r2, #0x40000000\n add r2, #0x6\n1: stm r2, {r0, r1}\n" ::
                          : "r2", "memory");
    is(caught.dfsr & 0xc0f, 0x801, "DFSR: a write");
    is(caught.dfar, 0x40000006, "at its address");
    /* Flags, Q and GE come back. */
    u32 after;
    (void)traps_bytes(4, "ldr r0, =0xa80f0000\n msr cpsr_fs, r0\n svc #1\n mrs %0, cpsr\n"
                      : "=r"(after)::"r0", "lr", "cc");
    is(caught.spsr & 0xf80f0000, 0xa80f0000, "SPSR has flags, Q and GE");
    is(after & 0xf80f0000, 0xa80f0000, "and the return brings them back");
}

__attribute__((target("thumb"), noinline)) static void calls_of_t32(void)
{
    ok(traps_bytes(2, ".align 2\n adr r0, 1f\n str r0, %0\n nop\n .align 2\n1: svc #3\n"
                   : "=m"(here)::"r0", "lr", "memory"),
       "T32: SVC");
    is(caught.lr, here + 2, "LR is behind it");
    is(caught.spsr & PSR_T, PSR_T, "SPSR has T");
    ok(traps_bytes(2, ".align 2\n adr r0, 1f\n str r0, %0\n nop\n .align 2\n1: udf #1\n"
                   : "=m"(here)::"r0", "memory"),
       "T32: UDF of 16 bits");
    is(caught.lr, here + 2, "LR is 2 behind");
    ok(traps_bytes(4, ".align 2\n adr r0, 1f\n str r0, %0\n nop\n .align 2\n1: udf.w #1\n"
                   : "=m"(here)::"r0", "memory"),
       "T32: UDF of 32 bits");
    is(caught.lr, here + 2, "LR is 2 behind, too");
    ok(traps_bytes(2, ".align 2\n adr r0, 1f\n str r0, %0\n nop\n .align 2\n1: bkpt #1\n"
                   : "=m"(here)::"r0", "memory"),
       "T32: BKPT");
    is(caught.lr, here + 4, "LR is 4 behind");
    ok(traps_bytes(4, "mov.w r2, #0x40000000\n adds r2, #1\n .align 2\n adr r0, 1f\n str r0, %0\n"
                      " nop\n .align 2\n1: ldrd r0, r1, [r2]\n"
                   : "=m"(here)::"r0", "r1", "r2", "memory"),
       "T32: a misaligned LDRD");
    is(caught.lr, here + 8, "LR is 8 behind");
    /* In an IT block: what is left of it is in SPSR, and goes on. */
    u32 seen = 0;
    (void)traps_bytes(2, "movs r0, #0\n mov %0, #0\n itete eq\n svceq #1\n addne %0, #1\n"
                         " addeq %0, #2\n addne %0, #4\n"
                      : "+r"(seen)::"r0", "lr", "cc");
    is(it_of(caught.spsr), 0x16, "SPSR has what is left of an IT block");
    is(seen, 2, "which goes on behind the exception");
    (void)traps_bytes(2, "movs r0, #0\n mov %0, #0\n itet eq\n udfeq #1\n addne %0, #1\n"
                         " addeq %0, #2\n"
                      : "+r"(seen)::"r0", "lr", "cc");
    is(caught.count, 1, "UDF in an IT block");
    is(it_of(caught.spsr), 0x0a, "SPSR has its own state");
    is(seen, 2, "and the handler can go on behind it");
}

static void vectors_of_both_sets(void)
{
    calls("A32");
    calls_of_t32();
    cp_write("p15, 0", "c12, c0, 0", vectors_t32);
    set_sctlr(sctlr() | SCTLR_TE);
    calls("T32");
    calls_of_t32();
    set_sctlr(sctlr() & ~SCTLR_TE);
    cp_write("p15, 0", "c12, c0, 0", vectors);
}

static void data_order(void)
{
    static const u32 word = 0x11223344;
    u32 a, b, c;
    asm volatile("setend be\n ldr %0, [%3]\n ldrh %1, [%3]\n mrs %2, cpsr\n setend le"
                 : "=&r"(a), "=&r"(b), "=&r"(c)
                 : "r"(&word));
    is(a, 0x44332211, "SETEND BE: words");
    is(b, 0x4433, "halves");
    is(c & PSR_E, PSR_E, "CPSR.E");
}

/* ---- modes ---- */

/* The mode's SP, and `lr` put into its LR. R8 to R12 are not what they were while it is FIQ. */
static u32 visit(u32 mode, u32 lr)
{
    u32 sp;
    asm volatile("mov r3, %2\n mrs r1, cpsr\n bic r2, r1, #0x1f\n orr r2, %1\n msr cpsr_c, r2\n"
                 "mov r2, sp\n mov lr, r3\n msr cpsr_c, r1\n mov %0, r2"
                 : "=&r"(sp)
                 : "r"(mode), "r"(lr)
                 : "r1", "r2", "r3", "lr", "memory");
    return sp;
}
static u32 lr_in(u32 mode)
{
    u32 lr;
    asm volatile("mrs r1, cpsr\n bic r2, r1, #0x1f\n orr r2, %1\n msr cpsr_c, r2\n"
                 "mov r2, lr\n msr cpsr_c, r1\n mov %0, r2"
                 : "=&r"(lr)
                 : "r"(mode)
                 : "r1", "r2", "lr", "memory");
    return lr;
}

static void own_registers(void)
{
    static const u32 modes[] = {FIQ, IRQ, SVC, ABT, UND, SYS};
    u32 sp[6];
    bool same = true, others = true;
    for (unsigned n = 0; n < 6; n++)
        sp[n] = visit(modes[n], 0x1000 + modes[n]);
    for (unsigned n = 0; n < 6; n++) {
        same &= modes[n] == SVC || lr_in(modes[n]) == 0x1000 + modes[n];
        for (unsigned k = 0; k < n; k++)
            others &= sp[k] != sp[n];
    }
    ok(same, "each mode has an LR of its own");
    ok(others, "and an SP");
    u32 own, kept;
    asm volatile("mov r8, #1\n mov r12, #5\n cps #0x11\n mov r8, #0x80\n mov r12, #0xc0\n"
                 "cps #0x13\n add %0, r8, r12\n cps #0x11\n add r3, r8, r12\n cps #0x13\n"
                 "mov %1, r3"
                 : "=&r"(own), "=&r"(kept)::"r3", "r8", "r12");
    is(own, 6, "R8 and R12 are kept while FIQ is in use");
    is(kept, 0x140, "which has its own");
    asm volatile("cps #0x17\n msr spsr_cxsf, %2\n cps #0x1b\n msr spsr_cxsf, %3\n cps #0x17\n"
                 "mrs %0, spsr\n cps #0x1b\n mrs %1, spsr\n cps #0x13"
                 : "=&r"(own), "=&r"(kept)
                 : "r"(0x60000110), "r"(0xf00001d3)
                 : "memory");
    is(own, 0x60000110, "each mode has an SPSR of its own");
    is(kept, 0xf00001d3, "as well");
}

/* MRS and MSR of banked registers: ID_PFR1 says of both ways to have them. */
static void banked_registers(void)
{
    const u32 pfr1 = cp_read("p15, 0", "c0, c1, 1");
    u32 a, b, c, d, e;
    if (!(pfr1 >> 12 & 15) && !(pfr1 >> 24 & 15)) {
        print("# MRS and MSR of banked registers are not there\n");
        return;
    }
    (void)visit(FIQ, 0x11), (void)visit(IRQ, 0x12), (void)visit(ABT, 0x17);
    (void)visit(UND, 0x1b), (void)visit(SYS, 0x1f);
    asm volatile("mrs %0, lr_fiq\n mrs %1, lr_irq\n mrs %2, lr_abt\n mrs %3, lr_und\n"
                 "mrs %4, lr_usr"
                 : "=r"(a), "=r"(b), "=r"(c), "=r"(d), "=r"(e));
    ok(a == 0x11 && b == 0x12 && c == 0x17 && d == 0x1b && e == 0x1f, "LR of each mode by MRS");
    asm volatile("mrs %0, sp_fiq\n mrs %1, sp_irq\n mrs %2, sp_abt\n mrs %3, sp_und\n"
                 "mrs %4, sp_usr"
                 : "=r"(a), "=r"(b), "=r"(c), "=r"(d), "=r"(e));
    ok(a == visit(FIQ, 0) && b == visit(IRQ, 0) && c == visit(ABT, 0) && d == visit(UND, 0) &&
           e == visit(SYS, 0),
       "SP of each mode by MRS");
    asm volatile("msr lr_irq, %1\n cps #0x12\n mov %0, lr\n cps #0x13"
                 : "=&r"(a)
                 : "r"(0x5555)
                 : "lr");
    is(a, 0x5555, "LR_irq by MSR");
    asm volatile("msr spsr_irq, %1\n cps #0x12\n mrs %0, spsr\n cps #0x13"
                 : "=&r"(a)
                 : "r"(0xf00001d3)
                 : "memory");
    is(a, 0xf00001d3, "SPSR_irq by MSR");
    asm volatile("mov r9, #9\n cps #0x11\n mrs r0, r9_usr\n mov r1, #0x99\n msr r9_usr, r1\n"
                 "mov r9, #1\n cps #0x13\n mov %0, r0\n mov %1, r9\n mrs %2, r9_fiq"
                 : "=&r"(a), "=&r"(b), "=&r"(c)::"r0", "r1", "r9");
    ok(a == 9 && b == 0x99 && c == 1, "FIQ reads and writes R9 of the others, and they its own");
    ok(traps("mrs r0, sp_svc"), "a register of the mode itself is none of another");
    ok(traps("mrs r0, sp_mon"), "MON is not there");
}

static void from_each_mode(void)
{
    static const struct {
        u32 mode;
        const char *name;
    } modes[] = {{FIQ, "SVC from FIQ"},
                 {IRQ, "SVC from IRQ"},
                 {ABT, "SVC from ABT"},
                 {UND, "SVC from UND"},
                 {SYS, "SVC from SYS"}};
    for (unsigned n = 0; n < 5; n++) {
        u32 after;
        (void)traps_bytes(4, "mrs r4, cpsr\n bic r5, r4, #0x1f\n orr r5, %1\n msr cpsr_c, r5\n"
                             "svc #1\n mrs r5, cpsr\n msr cpsr_c, r4\n mov %0, r5"
                          : "=&r"(after)
                          : "r"(modes[n].mode)
                          : "r4", "r5", "lr", "memory");
        ok((caught.spsr & 0x1f) == modes[n].mode && (after & 0x1f) == modes[n].mode, modes[n].name);
    }
}

/* ---- exception returns ---- */

static void returns(void)
{
    u32 seen, mode;
    asm volatile("mrs r1, cpsr\n bic r2, r1, #0x1f\n orr r2, #0x1f\n msr spsr_cxsf, r2\n"
                 "adr lr, 1f\n movs pc, lr\n udf #0\n1: mrs %0, cpsr\n msr cpsr_c, r1"
                 : "=&r"(mode)::"r1", "r2", "lr", "cc", "memory");
    is(mode & 0x1f, SYS, "MOVS PC, LR");
    asm volatile("mrs r1, cpsr\n bic r2, r1, #0x1f\n orr r2, #0x12\n orr r2, #0x20000000\n"
                 "msr spsr_cxsf, r2\n adr lr, 1f + 8\n subs pc, lr, #8\n udf #0\n1: mrs %0, cpsr\n"
                 "msr cpsr_c, r1"
                 : "=&r"(mode)::"r1", "r2", "lr", "cc", "memory");
    is(mode & 0x2000001f, 0x20000012, "SUBS PC, LR with the flags");
    asm volatile("mrs r1, cpsr\n bic r2, r1, #0x1f\n orr r2, #0x1b\n msr spsr_cxsf, r2\n"
                 "adr r0, 1f\n push {r0}\n mov r0, #77\n push {r0}\n ldm sp!, {r3, pc}^\n udf #0\n"
                 "1: mrs %0, cpsr\n msr cpsr_c, r1\n mov %1, r3"
                 : "=&r"(mode), "=&r"(seen)::"r0", "r1", "r2", "r3", "cc", "memory");
    is(mode & 0x1f, UND, "LDM with PC and ^");
    is(seen, 77, "loads the others, too");
    /* RFE into T32, in an IT block of which one instruction is left. */
    asm volatile("mrs r1, cpsr\n orr r2, r1, #0x20\n orr r2, #0x40000000\n orr r2, #0x0800\n"
                 "orr r2, #0x0000\n adr r0, 1f\n push {r2}\n push {r0}\n mov r3, #0\n mov r0, sp\n"
                 "rfeia sp!\n udf #0\n .thumb\n1: add r3, #1\n add r3, #2\n"
                 "bx pc\n nop\n .arm\n mov %0, r3\n mrs %1, cpsr\n msr cpsr_c, r1"
                 : "=&r"(seen), "=&r"(mode)::"r0", "r1", "r2", "r3", "cc", "memory");
    is(seen, 3, "RFE to T32");
    is(mode & 0x1f, SVC, "in the same mode");
    asm volatile("mrs r1, cpsr\n orr r2, r1, #0x20\n bic r2, #0x40000000\n orr r2, #0x0800\n"
                 "adr r0, 1f\n push {r2}\n push {r0}\n mov r3, #0\n"
                 "rfeia sp!\n udf #0\n .thumb\n1: add r3, #1\n add r3, #2\n"
                 "bx pc\n nop\n .arm\n mov %0, r3\n msr cpsr_c, r1"
                 : "=&r"(seen)::"r0", "r1", "r2", "r3", "cc", "memory");
    is(seen, 2, "into an IT block whose condition does not hold");
    /* SRS to the stack of another mode. */
    const u32 before = visit(ABT, 0);
    asm volatile("mov lr, #0x44\n msr spsr_cxsf, %0\n srsdb sp!, #0x17" ::"r"(0x123)
                 : "lr", "memory");
    const u32 *at = (u32 *)visit(ABT, 0);
    is(before - (u32)at, 8, "SRS writes the other mode's SP");
    is(at[0], 0x44, "and LR there");
    is(at[1], 0x123, "and SPSR");
    asm volatile("cps #0x17\n add sp, #8\n cps #0x13");
}

/* ---- USR ---- */

static u32 user_seen[7];

static void look_at_status(void)
{
    asm volatile("mrs r0, cpsr\n str r0, [%0]\n cpsid i\n mov r1, #0x13\n msr cpsr_c, r1\n"
                 "msr cpsr_f, #0x50000000\n mrs r0, cpsr\n str r0, [%0, #4]" ::"r"(user_seen)
                 : "r0", "r1", "cc", "memory");
}

static void privileged(void)
{
    (void)traps("mrc p15, 0, r0, c1, c0, 0");
    user_seen[0] = caught.vector * caught.count;
    (void)traps("rfeia r0");
    user_seen[1] = caught.vector * caught.count;
    (void)traps("movs pc, lr");
    user_seen[2] = caught.vector * caught.count;
    (void)traps("mrc p15, 0, r0, c13, c0, 4");
    user_seen[4] = caught.vector * caught.count;
    (void)traps("mcr p15, 0, r0, c13, c0, 3");
    user_seen[5] = caught.vector * caught.count;
    user_seen[6] = cp_read("p15, 0", "c13, c0, 3");
    (void)traps("svc #5");
    user_seen[3] = caught.vector * caught.count;
}

__attribute__((target("thumb"))) static void in_t32(void)
{
    (void)traps_bytes(2, "svc #5" ::: "memory", "lr");
}

static void user_mode(void)
{
    user(look_at_status);
    is(user_seen[0] & 0x1f, USR, "in USR mode");
    is(user_seen[1] & 0x1f, USR, "CPS and MSR leave the mode as it is");
    is((user_seen[0] ^ user_seen[1]) & 0x1c0, 0, "and the masks");
    is(user_seen[1] >> 28, 5, "MSR writes the flags");
    cp_write("p15, 0", "c13, c0, 3", 0x333);
    cp_write("p15, 0", "c13, c0, 4", 0x444);
    is(cp_read("p15, 0", "c13, c0, 4"), 0x444, "TPIDRPRW has what was written");
    user(privileged);
    is(user_seen[4], VEC_UND, "and is undefined in USR");
    is(user_seen[5], VEC_UND, "where TPIDRURO is not written");
    is(user_seen[6], 0x333, "but read");
    is(user_seen[0], VEC_UND, "SCTLR is undefined");
    is(user_seen[1], VEC_UND, "RFE is undefined");
    is(user_seen[2], VEC_UND, "so is MOVS PC");
    is(user_seen[3], VEC_SVC, "SVC is taken");
    is(caught.spsr & 0x1f, USR, "SPSR: from USR");
    user(in_t32);
    is(caught.spsr & 0x3f, USR | PSR_T, "from T32");
    /* STM and LDM of USR's registers. */
    u32 put[4] = {0x11, 0xcc, 0xdd, 0xee}, got[4] = {0}, own = 0;
    asm volatile("mov r3, sp\n mov lr, #0x77\n"
                 "ldm %1, {r1, r12, sp, lr}^\n nop\n stm %2, {r1, r12, sp, lr}^\n nop\n"
                 "sub %0, sp, r3\n add %0, lr\n"
                 : "=&r"(own)
                 : "r"(put), "r"(got)
                 : "r1", "r3", "r12", "lr", "memory");
    ok(got[0] == 0x11 && got[1] == 0xcc && got[2] == 0xdd && got[3] == 0xee,
       "LDM and STM with ^ are of USR's registers");
    is(own, 0x77, "and leave SVC's");
    is(visit(SYS, 0), 0xdd, "which are SYS's");
}

/* ---- masks and interrupts ---- */

static void interrupts(void)
{
    volatile u32 *dist = (u32 *)0x08000000, *cpu = (u32 *)0x08010000;
    cpu[0] = 1;          /* GICC_CTLR */
    cpu[1] = 0xff;       /* GICC_PMR */
    dist[0] = 1;         /* GICD_CTLR */
    dist[0x100 / 4] = 2; /* GICD_ISENABLER0 */
    psr_write(cpsr_cx, SVC | PSR_F | PSR_I);
    caught.count = 0;
    dist[0xf00 / 4] = 2 << 24 | 1; /* GICD_SGIR: 1 to this processor */
    asm volatile("wfi" ::: "memory");
    is(caught.count, 0, "an interrupt that is masked ends WFI, and is not taken");
    expect_trap(4);
    asm volatile("adr r0, 1f\n str r0, %0\n cpsie i\n1: nop\n nop\n" : "=m"(here)::"r0", "memory");
    trap_over();
    is(caught.count, 1, "CPSIE I lets it in");
    is(caught.vector, VEC_IRQ, "by its vector");
    ok(caught.lr == here + 4, "LR is 4 behind where it returns to");
    is(caught.cpsr & 0x1ff, IRQ | PSR_A | PSR_I | PSR_F, "A and I are masked");
    is(cpu[3] & 0x3ff, 1, "the controller says which"); /* GICC_IAR */
    cpu[4] = 1;                                         /* GICC_EOIR */
    psr_write(cpsr_cx, SVC | PSR_F | PSR_I);
    dist[0xf00 / 4] = 2 << 24 | 1;
    caught.count = 0;
    expect_trap(4);
    asm volatile("mrs r0, cpsr\n bic r0, #0x80\n msr cpsr_c, r0\n nop\n nop" ::: "r0", "memory");
    trap_over();
    is(caught.count, 1, "so does MSR");
    is(cpu[3] & 0x3ff, 1, "once");
    cpu[4] = 1;
}

/* ---- floating point ---- */

static void floating_point(void)
{
    u32 fpexc, mvfr0;
    asm volatile(".fpu neon\n vmrs %0, fpexc\n vmrs %1, mvfr0" : "=r"(fpexc), "=r"(mvfr0));
    is(fpexc, 0, "FPEXC is 0 at reset");
    is(mvfr0, 0x10110222, "MVFR0 can be read nevertheless");
    ok(traps("vmov.f32 s0, s1"), "VFP is undefined while EN is 0");
    is(caught.vector, VEC_UND, "so");
    ok(traps("vmrs r0, fpscr"), "FPSCR, too");
    asm volatile("vmsr fpexc, %0" ::"r"(1 << 30));
    ok(!traps("vmov.f32 s0, s1"), "and is there with it");
    cp_write("p15, 0", "c1, c0, 2", cp_read("p15, 0", "c1, c0, 2") & ~(15u << 20));
    ok(traps("vmov.f32 s0, s1"), "CPACR has the last word");
    ok(traps("vmrs r0, fpexc"), "about FPEXC as well");
    cp_write("p15, 0", "c1, c0, 2", cp_read("p15, 0", "c1, c0, 2") | 15u << 20);
    ok(!traps("vadd.i32 q0, q1, q2"), "Advanced SIMD");
}

void test_main(u32 cpsr_at_reset)
{
    is(cpsr_at_reset & 0x3ff, SVC | PSR_A | PSR_I | PSR_F, "reset: SVC, all masked");
    vectors_of_both_sets();
    data_order();
    own_registers();
    banked_registers();
    from_each_mode();
    returns();
    user_mode();
    interrupts();
    floating_point();
    ok(traps("smc #0"), "SMC is undefined without EL3");
}
