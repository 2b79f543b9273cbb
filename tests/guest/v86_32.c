/*
 * Virtual-8086 mode: entry and exit by IRET and exceptions, address formation, what is trapped by
 * IOPL, interrupts taken out of it, the I/O permission map, VME.
 */
#include "lib/guest.h"

#define CODE_SEG 0x2000 /* 0x20000 */
#define DATA_SEG 0x3000
#define LOW(seg, off) ((u8 *)(((seg) << 4) + (off)))

/* Code of 16 bits, copied down. */
#define CODE16(name, text)                                                                         \
    LABEL(name);                                                                                   \
    LABEL(name##_end);                                                                             \
    asm(".pushsection .text.snippets, \"ax\"\n.code16\n.globl " #name "\n" #name ":\n" text        \
        "\n int $0x40\n.globl " #name "_end\n" #name "_end:\n.code32\n.popsection")

static void start(struct regs *r, const char *code, const char *end, ul flags)
{
    regs_init(r, NULL, 0);
    memcpy(LOW(CODE_SEG, 0x100), code, (size_t)(end - code));
    r->rflags = FLAG_FIXED | FLAG_VM | flags;
    r->cs = CODE_SEG, r->eip = 0x100;
    r->ss = 0x4000, r->esp = 0x1000;
    r->ds = DATA_SEG, r->es = DATA_SEG + 1, r->fs = 0x1234, r->gs = 0x5678;
}
#define START(r, c, flags) start(r, c, c##_end, flags)

CODE16(compute,
       "mov $0x1234,%ax\n mov %ax,(0x10)\n mov %ds,%bx\n mov %es:(0),%cx\n push %ax\n pop %dx\n"
       "mov $0x12345678,%edi\n mov %cs,%si");
CODE16(far_call, "lcall $0x2000,$0x180\n mov %cs,%bx");
CODE16(do_cli, "nop\n cli");
CODE16(do_sti, "nop\n sti\n nop");
CODE16(do_pushf, "pushf\n pop %ax");
CODE16(do_int, "int $0x21");
CODE16(do_iret, "push %ax\n push %cs\n push $0x1ff\n iret");
CODE16(do_in, "in $0x21,%al");
CODE16(do_in_dx, "in %dx,%ax");
CODE16(do_mov_cr, "mov %cr0,%eax");
CODE16(do_hlt, "hlt");
CODE16(do_lldt, "lldt %ax");
CODE16(limit_cross, "mov (0xffff),%ax");
CODE16(loop_forever, "1: inc %ax\n jmp 1b");
CODE16(seg_load, "mov $0xf000,%ax\n mov %ax,%ds\n mov (0x10),%bl\n mov %ds,%cx");
CODE16(do_popf, "push $0x4200\n popf\n pushf\n pop %ax");

static void basics(void)
{
    struct regs r;
    START(&r, compute, FLAG_IOPL);
    run_expect(&r, VEC_DONE);
    equal("stored", *(u16 *)LOW(DATA_SEG, 0x10), 0x1234);
    equal("bx", r.ebx & 0xffff, DATA_SEG);
    equal("cx through ES", r.ecx & 0xffff, 0x1234);
    equal("dx", r.edx & 0xffff, 0x1234);
    equal("edi", r.edi, 0x12345678);
    equal("si", r.esi & 0xffff, CODE_SEG);
    equal("VM in the saved flags", r.eflags & FLAG_VM, FLAG_VM);
    equal("cs", r.cs, CODE_SEG);
    equal("ss", r.ss, 0x4000);
    equal("esp", r.esp, 0x1000);
    equal("ds", r.ds, DATA_SEG);
    equal("es", r.es, DATA_SEG + 1);
    equal("fs", r.fs, 0x1234);
    equal("gs", r.gs, 0x5678);
    check("code runs in V86 mode and every segment register comes back");
    memcpy(LOW(CODE_SEG, 0x180), "\xb8\x77\x00\xcb", 4); /* mov $0x77,%ax; lret */
    START(&r, far_call, FLAG_IOPL);
    run_expect(&r, VEC_DONE);
    equal("ax", r.eax & 0xffff, 0x77);
    equal("cs", r.ebx & 0xffff, CODE_SEG);
    check("far calls by paragraph");
    *LOW(0xf000, 0x10) = 0; /* ROM or RAM */
    START(&r, seg_load, FLAG_IOPL);
    run_expect(&r, VEC_DONE);
    equal("cx", r.ecx & 0xffff, 0xf000);
    equal("bl", r.ebx & 0xff, *LOW(0xf000, 0x10));
    check("loading a segment register sets its base");
    START(&r, limit_cross, FLAG_IOPL);
    run_expect(&r, VEC_GP);
    equal("error", r.err, 0);
    equal("eip", r.eip, 0x100);
    check("an access over offset FFFF is #GP(0)");
}

static void sensitive(void)
{
    struct regs r;
    static const struct {
        const char *name, *code, *end;
        bool iopl3_ok;
        unsigned at;
    } t[] = {
        {"CLI", do_cli, do_cli_end, true, 1},
        {"PUSHF", do_pushf, do_pushf_end, true, 0},
        {"INT n", do_int, do_int_end, false, 0},
        {"IRET", do_iret, do_iret_end, false, 0},
        {"HLT", do_hlt, do_hlt_end, false, 0},
        {"MOV from CR0", do_mov_cr, do_mov_cr_end, false, 0},
        {"POPF", do_popf, do_popf_end, true, 3},
    };
    for (unsigned i = 0; i < sizeof t / sizeof *t; i++) {
        start(&r, t[i].code, t[i].end, 0);
        r.eax = 2;
        run_expect(&r, VEC_GP);
        unsigned at = t[i].code == do_iret ? 5 : t[i].at;
        equal("eip", r.eip, 0x100 + at);
        if (t[i].code != do_int)
            equal("error", r.err, 0);
        if (t[i].iopl3_ok) {
            start(&r, t[i].code, t[i].end, FLAG_IOPL);
            run_expect(&r, VEC_DONE);
        }
        check("%s is trapped with IOPL below 3", t[i].name);
    }
    START(&r, do_popf, FLAG_IOPL);
    run_expect(&r, VEC_DONE);
    equal("flags", r.eax & 0x7200, 0x7200);
    equal("IF", r.eflags & FLAG_IF, FLAG_IF);
    equal("VM", r.eflags & FLAG_VM, FLAG_VM);
    check("POPF with IOPL 3 sets IF, keeps IOPL and VM");
    START(&r, do_hlt, FLAG_IOPL);
    run_expect(&r, VEC_GP);
    START(&r, do_mov_cr, FLAG_IOPL);
    run_expect(&r, VEC_GP);
    check("HLT and MOV CR are trapped with any IOPL");
    START(&r, do_lldt, FLAG_IOPL);
    run_expect(&r, VEC_UD);
    check("LLDT is #UD");
    /* INT n at IOPL 3 with a gate of DPL 3 goes through the protected-mode IDT. */
    START(&r, do_int, FLAG_IOPL);
    run_expect(&r, VEC_GP);
    equal("error", r.err, 0x21 * 8 + 2);
    check("INT n with IOPL 3 checks the gate's DPL");
}

static u8 *redirection;

static void io_map(void)
{
    struct regs r;
    struct {
        tss t;
        u8 redirection[32]; /* VME: set bits keep INT n out of the V86 program */
        u8 map[8193];
    } __attribute__((packed)) *x = pages_alloc(3);
    x->t.ss0 = SEL_DATA;
    x->t.esp0 = (ul)page_alloc() + 4096;
    x->t.iomap = sizeof(tss) + sizeof x->redirection;
    memset(x->redirection, 0xff, sizeof x->redirection);
    redirection = x->redirection;
    memset(x->map, 0xff, sizeof x->map);
    x->map[0x21 / 8] &= (u8) ~(1 << (0x21 & 7));
    gdt_set(SEL_TEST, (u32)x, sizeof *x - 1, SEG_PRESENT | SEG_TSS);
    asm volatile("ltr %w0" ::"r"(SEL_TEST));
    START(&r, do_in, FLAG_IOPL);
    run_expect(&r, VEC_DONE);
    check("the permission map allows a port in V86 mode, whatever IOPL is");
    START(&r, do_in_dx, FLAG_IOPL);
    r.edx = 0x21;
    run_expect(&r, VEC_GP);
    check("a 16-bit access needs both bits clear");
    START(&r, do_in_dx, FLAG_IOPL);
    r.edx = 0x300;
    run_expect(&r, VEC_GP);
    equal("error", r.err, 0);
    equal("eip", r.eip, 0x100);
    check("a port that the map forbids is #GP(0)");
    CODE(in_user, "in $0x21,%al");
    regs_init(&r, in_user, 3);
    run_expect(&r, VEC_DONE);
    x->map[0x21 / 8] = 0xff;
    regs_init(&r, in_user, 3);
    run_expect(&r, VEC_GP);
    regs_init(&r, in_user, 3);
    r.rflags |= FLAG_IOPL;
    run_expect(&r, VEC_DONE);
    check("the map at level 3 of protected mode counts when IOPL is below 3");
}

static void interrupts(void)
{
    struct regs r;
    apic_enable();
    apic_write(APIC_TIMER_DIV, 3);
    apic_write(APIC_LVT_TIMER, VEC_TIMER);
    for (unsigned i = 0; i < 5; i++) {
        START(&r, loop_forever, FLAG_IF);
        apic_write(APIC_TIMER_INIT, 100000);
        run_expect(&r, VEC_TIMER);
        equal("VM", r.eflags & FLAG_VM, FLAG_VM);
        equal("IF", r.eflags & FLAG_IF, FLAG_IF);
        apic_eoi();
    }
    check("interrupts are taken out of V86 mode");
    /* Handled and back again: segment registers are restored by IRET. */
    set_handler(VEC_TIMER, count_irq);
    apic_write(APIC_LVT_TIMER, VEC_TIMER | 1 << 17);
    apic_write(APIC_TIMER_INIT, 20000);
    CODE16(
        long_loop,
        "xor %ebx,%ebx\n 1: mov (0x20),%ax\n add %ax,%bx\n inc %ecx\n cmp $300000,%ecx\n jne 1b");
    u32 before = irq_count[VEC_TIMER];
    START(&r, long_loop, FLAG_IF | FLAG_IOPL);
    *(u16 *)LOW(DATA_SEG, 0x20) = 3;
    r.ecx = 0;
    run_expect(&r, VEC_DONE);
    apic_write(APIC_TIMER_INIT, 0);
    equal("bx", r.ebx & 0xffff, 900000 & 0xffff);
    equal("ds", r.ds, DATA_SEG);
    equal("gs", r.gs, 0x5678);
    if (irq_count[VEC_TIMER] == before)
        complain("no interrupt came");
    check("interrupts handled while V86 code runs leave it intact");
}

static void vme(void)
{
    if (!(cpuid(1, 0).d >> 1 & 1)) {
        skip("VME", "not in CPUID");
        return;
    }
    struct regs r;
    write_cr4(read_cr4() | CR4_VME);
    /* With IOPL below 3 the closing INT itself is trapped: #GP where it stands. */
    START(&r, do_cli, FLAG_VIF);
    run_expect(&r, VEC_GP);
    equal("eip", r.eip, 0x102);
    equal("VIF", r.eflags & FLAG_VIF, 0);
    START(&r, do_sti, 0);
    run_expect(&r, VEC_GP);
    equal("eip", r.eip, 0x103);
    equal("VIF", r.eflags & FLAG_VIF, FLAG_VIF);
    START(&r, do_sti, FLAG_VIP);
    run_expect(&r, VEC_GP);
    equal("eip", r.eip, 0x101);
    START(&r, do_pushf, FLAG_VIF);
    run_expect(&r, VEC_GP);
    equal("IF and IOPL in the pushed flags", r.eax & 0x3200, 0x3200);
    write_cr4(read_cr4() & ~(ul)CR4_VME);
    check("VME: CLI, STI and PUSHF use VIF");
    /* A clear bit sends INT n to the program's own table at 0. */
    write_cr4(read_cr4() | CR4_VME);
    redirection[0x21 / 8] &= (u8) ~(1 << (0x21 & 7));
    volatile u16 *vector = (volatile u16 *)(0x21ul * 4);
    asm volatile("" : "+r"(vector));
    u16 old[2] = {vector[0], vector[1]};
    vector[0] = 0x180, vector[1] = CODE_SEG;
    memcpy(LOW(CODE_SEG, 0x180), "\xb8\x88\x00\xcd\x40", 5); /* mov $0x88,%ax; int $0x40 */
    START(&r, do_int, FLAG_VIF);
    run_expect(&r, VEC_GP);
    equal("ax", r.eax & 0xffff, 0x88);
    equal("eip", r.eip, 0x183);
    equal("sp", r.esp & 0xffff, 0x1000 - 6);
    equal("VIF", r.eflags & FLAG_VIF, 0);
    u16 *frame = (u16 *)LOW(0x4000, 0x1000 - 6);
    equal("IP", frame[0], 0x102);
    equal("CS", frame[1], CODE_SEG);
    equal("IF and IOPL in the frame", frame[2] & 0x3200, 0x3200);
    vector[0] = old[0], vector[1] = old[1];
    write_cr4(read_cr4() & ~(ul)CR4_VME);
    check("VME: INT n redirected to the program's own handler");
}

void test_main(void)
{
    basics();
    sensitive();
    io_map();
    interrupts();
    vme();
}
