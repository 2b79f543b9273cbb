/*
 * When interrupts are taken: the shadow of STI and of a load of SS, POPF and IRET, CLI, what wakes
 * HLT, task priority, NMI blocking.
 */
#include "lib/guest.h"

CODE(after_sti, "sti\n nop\n nop\n nop");
CODE(sti_sti, "sti\n sti\n nop\n nop");
CODE(sti_cli, "sti\n cli\n nop\n nop");
CODE(sti_hlt, "sti\n hlt\n nop");
CODE(mov_ss, "mov %ss,%eax\n pushfq\n orl $0x200,(%rsp)\n popfq\n mov %eax,%ss\n nop\n nop");
CODE(popf_if, "pushfq\n orl $0x200,(%rsp)\n popfq\n nop\n nop");
CODE(sti_ss, "mov %ss,%eax\n sti\n mov %eax,%ss\n nop\n nop\n nop");
CODE(spin, "1: inc %rax\n jmp 1b");
CODE(spin_two, "1: inc %rax\n jmp 2f\n .balign 16\n 2: dec %rbx\n jmp 1b");
CODE(spin_indirect, "lea 1f(%rip),%rsi\n 1: inc %rax\n jmp *%rsi");
CODE(spin_rep, "1: mov $0x1000,%ecx\n mov %rbx,%rdi\n rep stosb\n jmp 1b");
CODE(tpr_lower, "xor %eax,%eax\n mov %rax,%cr8\n nop\n nop");

/* An interrupt is pending at the local APIC when code starts; where does it hit? */
static ul where(const char *code)
{
    struct regs r;
    regs_init(&r, code, 0);
    apic_self_ipi(VEC_IPI);
    run(&r);
    if (r.vec == VEC_IPI) {
        apic_eoi();
        return r.rip - (ul)code;
    }
    if (r.vec == VEC_DONE) {
        /* take it now */
        set_handler(VEC_IPI, count_irq);
        sti();
        asm volatile("nop; nop");
        cli();
        set_handler(VEC_IPI, NULL);
        return 1000;
    }
    complain("vector %lu", r.vec);
    return 2000;
}

static void shadows(void)
{
    equal("taken at", where(after_sti), 2);
    check("STI: the next instruction still runs, the interrupt is taken after it");
    /* The second STI does not renew the shadow: IF was set already. */
    equal("taken at", where(sti_sti), 2);
    check("STI twice: the interrupt is taken after the second");
    equal("taken at", where(sti_cli), 1000);
    check("STI CLI: no interrupt between");
    equal("taken at", where(sti_hlt), 2);
    check("STI HLT: HLT is woken, the return address is after it");
    ul at = where(popf_if);
    equal("taken at", at, 9);
    check("POPF that sets IF: taken before the next instruction");
    at = where(sti_ss);
    if (at != 5 && at != 4)
        complain("taken at %lu", at);
    check("STI then MOV SS: one of them holds the interrupt off, not for long");

    /* With IF set by POPF at once pending: MOV SS comes too late to hold it. */
    at = where(mov_ss);
    equal("taken at", at, 11);
    check("the interrupt comes before a MOV SS that follows POPF");

    apic_write(APIC_TPR, 0);
    struct regs r;
    asm volatile("mov %0,%%cr8" ::"r"(6ul));
    apic_self_ipi(VEC_IPI);
    regs_init(&r, tpr_lower, 0);
    r.rflags |= FLAG_IF;
    run_expect(&r, VEC_IPI);
    equal("taken at", r.rip - (ul)tpr_lower, 6);
    if (r.vec == VEC_IPI)
        apic_eoi();
    asm volatile("mov %0,%%cr8" ::"r"(0ul));
    check("lowering CR8 lets a waiting interrupt in before the next instruction");
}

/* An interrupt from a timer must end each kind of endless loop, at levels 0 and 3. */
static void loops(void)
{
    static const struct {
        const char *name, *code;
    } t[] = {{"a loop of one block", spin},
             {"a loop of two blocks", spin_two},
             {"a loop by an indirect jump", spin_indirect},
             {"a loop around REP STOSB", spin_rep}};
    u8 *buf = page_alloc();
    apic_write(APIC_TIMER_DIV, 3);
    apic_write(APIC_LVT_TIMER, VEC_TIMER);
    for (unsigned i = 0; i < sizeof t / sizeof *t; i++)
        for (int cpl = 0; cpl <= 3; cpl += 3) {
            struct regs r;
            regs_init(&r, t[i].code, cpl);
            r.rflags |= FLAG_IF;
            r.rbx = cpl ? USER(buf) : (ul)buf;
            apic_write(APIC_TIMER_INIT, 200000);
            run_expect(&r, VEC_TIMER);
            apic_eoi();
            check("a timer interrupt ends %s at level %d", t[i].name, cpl);
        }
    apic_write(APIC_TIMER_INIT, 0);
}

static volatile bool nmi_seen;
static volatile u32 nmi_count;

static bool on_nmi(struct frame *f)
{
    (void)f;
    nmi_count++;
    if (nmi_count == 1) {
        /* A second one while this is handled: it must wait for IRET. */
        apic_write(APIC_ICR_LO, 4 << 8 | 1 << 18 | 1 << 14);
        for (int i = 0; i < 100; i++)
            asm volatile("nop");
        nmi_seen = nmi_count != 1;
    }
    return true;
}

static void nmi(void)
{
    set_handler(VEC_NMI, on_nmi);
    apic_write(APIC_ICR_LO, 4 << 8 | 1 << 18 | 1 << 14); /* NMI to self, IF clear */
    for (int i = 0; i < 1000 && nmi_count < 2; i++)
        asm volatile("nop");
    equal("NMIs", nmi_count, 2);
    equal("nested", nmi_seen, 0);
    check("an NMI is taken with IF clear, a second one waits for IRET");
    set_handler(VEC_NMI, NULL);
}

static void hlt_wake(void)
{
    set_handler(VEC_TIMER, count_irq);
    apic_write(APIC_LVT_TIMER, VEC_TIMER);
    u32 before = irq_count[VEC_TIMER];
    for (unsigned i = 0; i < 20; i++) {
        apic_write(APIC_TIMER_INIT, 50000);
        asm volatile("sti; hlt; cli");
    }
    equal("wake-ups", irq_count[VEC_TIMER] - before, 20);
    check("HLT is woken by the local APIC's timer");

    set_handler(VEC_PIC, count_irq);
    pic_init(0xfffe);
    apic_write(APIC_LVT_LINT0, 0x700);
    before = irq_count[VEC_PIC];
    pit_program(0, 2, 2000);
    for (unsigned i = 0; i < 20; i++)
        asm volatile("sti; hlt; cli");
    /* On a slow machine the next tick may fall due before CLI: one more, never one less. */
    equal("HLTs that nothing woke", irq_count[VEC_PIC] - before < 20, 0);
    pic_init(0xffff);
    check("HLT is woken by the PIT through the 8259");

    /* A masked interrupt does not wake: something else must. */
    set_handler(VEC_IPI, count_irq);
    before = irq_count[VEC_TIMER];
    apic_write(APIC_TPR, 0x50); /* VEC_IPI and VEC_TIMER are class 5 */
    apic_self_ipi(VEC_IPI);
    u32 ipis = irq_count[VEC_IPI];
    set_handler(0x61, count_irq);
    apic_write(APIC_LVT_TIMER, 0x61);
    apic_write(APIC_TIMER_INIT, 100000);
    asm volatile("sti; hlt; cli");
    equal("IPIs taken under the task priority", irq_count[VEC_IPI], ipis);
    equal("interrupts above it", irq_count[0x61], 1);
    sti();
    apic_write(APIC_TPR, 0);
    asm volatile("nop");
    cli();
    equal("IPI after lowering it", irq_count[VEC_IPI], ipis + 1);
    check("the task priority holds back lower classes, also from waking HLT");
}

void test_main(void)
{
    apic_enable();
    shadows();
    loops();
    hlt_wake();
    nmi();
}
