/*
 * Timers against each other, with loose bounds: every clock runs, at about its rate, and its
 * interrupt comes.
 */
#include "lib/guest.h"

static u64 tsc_per_ms;

static u32 div64(u64 a, u32 b)
{
    return (u32)(a / b);
}

/* Within a factor. On a busy host everything may be late, the start of a measurement too. */
static void about(const char *what, u64 got, u64 want)
{
    if (got < want / 8 || got > want * 30)
        complain("%s is %lu, expected about %lu", what, (ul)got, (ul)want);
}

/* Exactly one interrupt, which may take its time on a busy host; a second one would follow soon. */
static void one_interrupt(unsigned vector, u32 before)
{
    u64 t = rdtsc();
    sti();
    while (irq_count[vector] == before && rdtsc() - t < 3000 * tsc_per_ms)
        asm volatile("pause");
    delay_us(20000);
    cli();
    equal("interrupts", irq_count[vector] - before, 1);
}

static void tsc(void)
{
    u64 a = rdtsc();
    bool back = false;
    for (unsigned i = 0; i < 10000; i++) {
        u64 b = rdtsc();
        back |= b < a;
        a = b;
    }
    equal("went back", back, 0);
    /* The least of several: a busy host makes them longer. */
    for (unsigned i = 0; i < 8; i++) {
        a = rdtsc();
        delay_us(5000);
        u64 per_ms = (rdtsc() - a) / 5;
        if (!i || per_ms < tsc_per_ms)
            tsc_per_ms = per_ms;
    }
    if (tsc_per_ms < 50000)
        complain("a ms is %lu cycles", (ul)tsc_per_ms);
    check("the TSC counts up");
    wrmsr(MSR_TSC, 0x123456789a);
    u64 v = rdtsc();
    if (v < 0x123456789a || v - 0x123456789a > 1000 * tsc_per_ms)
        complain("after WRMSR it is %lx", (ul)v);
    check("the TSC can be written");
}

CODE(read_tsc, "rdtsc\n mov %rax,%rsi\n mov %rdx,%rdi\n lfence\n rdtsc\n mov %rax,%r8\n"
               " mov %rdx,%r9\n rdtscp");
CODE(read_tscp, "rdtscp");

static void tsc_registers(void)
{
    struct regs r;
    const bool p = cpuid(0x80000001, 0).d >> 27 & 1;
    if (!p) {
        skip("RDTSC and RDTSCP", "no RDTSCP");
        return;
    }
    wrmsr(MSR_TSC_AUX, 0x89abcdef);
    for (int cpl = 0; cpl <= 3; cpl += 3) {
        regs_init(&r, read_tsc, cpl);
        r.rax = r.rcx = r.rdx = ~0ul;
        run_expect(&r, VEC_DONE);
        equal("upper halves", (r.rax | r.rdx | r.rsi | r.rdi) >> 32, 0);
        equal("aux", r.rcx, 0x89abcdef);
        u64 a = r.rsi | r.rdi << 32, b = r.r8 | r.r9 << 32, c = r.rax | r.rdx << 32;
        if (b < a || c < b || rdtsc() < c || c - a > 1000 * tsc_per_ms)
            complain("in a row: %lx %lx %lx", a, b, c);
    }
    check("RDTSC and RDTSCP set EAX, EDX and ECX and count up");
    write_cr4(read_cr4() | CR4_TSD);
    regs_init(&r, read_tsc, 3);
    run_expect(&r, VEC_GP);
    equal("error", r.err, 0);
    regs_init(&r, read_tscp, 3);
    run_expect(&r, VEC_GP);
    equal("error", r.err, 0);
    regs_init(&r, read_tsc, 0);
    run_expect(&r, VEC_DONE);
    write_cr4(read_cr4() & ~(ul)CR4_TSD);
    regs_init(&r, read_tsc, 3);
    run_expect(&r, VEC_DONE);
    check("CR4.TSD makes them #GP(0) at level 3");
}

/* Half a round of the counter is 27 ms: a host that is busy may let as much go by between two
 * reads, of which then nothing can be told. (What a ms is was measured on that host, too.) */
static void pit_counts_down(void)
{
    enum { TELLING_MS = 2, READS = 1000 };
    unsigned told = 0;
    pit_program(0, 2, 0);
    u64 before = rdtsc();
    u16 last = pit_read(0);
    for (unsigned i = 0; i < 100 * READS && told < READS; i++) {
        u16 now = pit_read(0);
        u64 after = rdtsc();
        if (after - before < TELLING_MS * tsc_per_ms) {
            told++;
            if ((u16)(last - now) >= 0x8000)
                complain("%x after %x within %lu cycles", now, last, (ul)(after - before));
        }
        before = rdtsc();
        last = pit_read(0);
    }
    equal("reads that tell", told, READS);
    check("PIT channel 0 counts down");
}

static void pit(void)
{
    pit_counts_down();
    set_handler(VEC_PIC, count_irq);
    pic_init(0xfffe);
    apic_write(APIC_LVT_LINT0, 0x700);
    u32 before = irq_count[VEC_PIC];
    pit_program(0, 2, 1193); /* 1 ms */
    u64 t = rdtsc();
    sti();
    while (irq_count[VEC_PIC] - before < 50)
        asm volatile("hlt");
    cli();
    about("50 periods in ms", div64(rdtsc() - t, (u32)tsc_per_ms), 50);
    check("PIT channel 0 interrupts periodically");
    pit_program(0, 0, 0);
    pic_init(0xfffe); /* forgets a period's edge that came after CLI */
    before = irq_count[VEC_PIC];
    pit_program(0, 0, 5000);
    one_interrupt(VEC_PIC, before);
    check("PIT mode 0 interrupts once");
    /* Read-back: status of channel 0 */
    pit_program(0, 3, 1000);
    outb(0x43, 0xe2);
    u8 status = inb(0x40);
    equal("mode and access", status & 0x3f, 0x36);
    check("PIT read-back shows the mode");
    pic_init(0xffff);
    pit_program(0, 0, 1);
    delay_us(100);
    outb(0x61, inb(0x61) & ~1);
    pit_program(2, 0, 1000);
    delay_us(1000); /* turns the gate on again */
    check("PIT channel 2 has a gate");
}

/* Ticks of the local APIC's timer in 10 ms as it is divided. A busy host may let more time go by:
 * the TSC says how much, and what goes by between looking at the two makes it less. */
static u32 apic_ticks(u32 divider)
{
    u64 most = 0;
    apic_write(APIC_TIMER_DIV, divider);
    for (unsigned i = 0; i < 3; i++) {
        u64 t = rdtsc();
        apic_write(APIC_TIMER_INIT, 0xffffffff);
        delay_us(10000);
        u32 ticks = 0xffffffff - apic_read(APIC_TIMER_NOW);
        u64 in_10_ms = (u64)ticks * tsc_per_ms / ((rdtsc() - t) / 10 + 1);
        apic_write(APIC_TIMER_INIT, 0);
        most = in_10_ms > most ? in_10_ms : most;
    }
    return (u32)most;
}

static void apic(void)
{
    set_handler(VEC_TIMER, count_irq);
    apic_write(APIC_LVT_TIMER, VEC_TIMER | 1 << 16);
    u32 ticks = apic_ticks(0xb);
    if (ticks < 1000)
        complain("10 ms are %u ticks", ticks);
    equal("stopped", apic_read(APIC_TIMER_NOW), 0);
    check("the local APIC's timer counts down and stops");
    u32 slow = apic_ticks(3); /* by 16 */
    if (slow < ticks / 64 || slow > ticks / 4)
        complain("%u ticks undivided, %u divided by 16", ticks, slow);
    check("its divider divides");
    apic_write(APIC_TIMER_DIV, 0xb);
    u32 before = irq_count[VEC_TIMER];
    apic_write(APIC_LVT_TIMER, VEC_TIMER);
    apic_write(APIC_TIMER_INIT, ticks / 10);
    one_interrupt(VEC_TIMER, before);
    check("one-shot mode interrupts once");
    before = irq_count[VEC_TIMER];
    apic_write(APIC_LVT_TIMER, VEC_TIMER | 1 << 17);
    u64 t = rdtsc();
    apic_write(APIC_TIMER_INIT, ticks / 10); /* 1 ms */
    sti();
    while (irq_count[VEC_TIMER] - before < 50)
        asm volatile("hlt");
    cli();
    about("50 periods in ms", div64(rdtsc() - t, (u32)tsc_per_ms), 50);
    apic_write(APIC_TIMER_INIT, 0);
    check("periodic mode interrupts again and again");
    sti();
    delay_us(100); /* takes a period that came after CLI */
    cli();
    before = irq_count[VEC_TIMER];
    apic_write(APIC_LVT_TIMER, VEC_TIMER | 1 << 16);
    apic_write(APIC_TIMER_INIT, 100);
    sti();
    delay_us(2000);
    cli();
    equal("interrupts", irq_count[VEC_TIMER] - before, 0);
    check("a masked timer does not interrupt");

    if (!(cpuid(1, 0).c >> 24 & 1)) {
        skip("TSC-deadline", "not in CPUID");
        return;
    }
    apic_write(APIC_LVT_TIMER, VEC_TIMER | 2 << 17);
    asm volatile("mfence");
    before = irq_count[VEC_TIMER];
    u64 due = rdtsc() + 5 * tsc_per_ms;
    wrmsr(MSR_TSC_DEADLINE, due);
    equal("armed", rdmsr(MSR_TSC_DEADLINE), due);
    sti();
    while (irq_count[VEC_TIMER] == before)
        asm volatile("hlt");
    cli();
    equal("early", rdtsc() < due, 0);
    equal("disarmed", rdmsr(MSR_TSC_DEADLINE), 0);
    before = irq_count[VEC_TIMER];
    wrmsr(MSR_TSC_DEADLINE, 1); /* long past: at once */
    one_interrupt(VEC_TIMER, before);
    wrmsr(MSR_TSC_DEADLINE, rdtsc() + 5 * tsc_per_ms);
    wrmsr(MSR_TSC_DEADLINE, 0);
    sti();
    delay_us(10000);
    cli();
    equal("interrupts after disarming", irq_count[VEC_TIMER] - before, 1);
    check("TSC-deadline mode");
    apic_write(APIC_LVT_TIMER, 1 << 16);
}

static u8 cmos(u8 reg)
{
    outb(0x70, reg);
    return inb(0x71);
}
static void cmos_write(u8 reg, u8 v)
{
    outb(0x70, reg);
    outb(0x71, v);
}

static volatile u32 rtc_irqs;
static volatile u8 rtc_cause;
static bool on_rtc(struct frame *f)
{
    rtc_cause = cmos(0x0c);
    rtc_irqs++;
    return count_irq(f);
}

static void rtc(void)
{
    u64 t = rdtsc();
    u8 s0 = cmos(0);
    while (cmos(0) == s0 && rdtsc() - t < 3000 * tsc_per_ms)
        ;
    u64 a = rdtsc();
    s0 = cmos(0);
    while (cmos(0) == s0 && rdtsc() - a < 3000 * tsc_per_ms)
        ;
    about("one second in ms", div64(rdtsc() - a, (u32)tsc_per_ms), 1000);
    equal("valid RAM and time", cmos(0x0d) & 0x80, 0x80);
    check("the RTC's seconds count");
    set_handler(VEC_PIC + 8, on_rtc);
    pic_init((u16) ~(1 << 8 | 1 << 2));
    cmos_write(0x0a, 0x26); /* 1,024 Hz */
    cmos_write(0x0b, (u8)(cmos(0x0b) | 0x40));
    cmos(0x0c);
    a = rdtsc();
    sti();
    while (rtc_irqs < 100 && rdtsc() - a < 5000 * tsc_per_ms)
        asm volatile("pause");
    cli();
    about("100 periodic interrupts in ms", div64(rdtsc() - a, (u32)tsc_per_ms), 98);
    equal("cause", rtc_cause & 0xc0, 0xc0);
    cmos_write(0x0b, (u8)(cmos(0x0b) & ~0x40));
    cmos(0x0c);
    pic_init(0xffff);
    check("the RTC's periodic interrupt");
    cmos_write(0x50, 0x5a);
    cmos_write(0x51, 0xa5);
    equal("CMOS 50", cmos(0x50), 0x5a);
    equal("CMOS 51", cmos(0x51), 0xa5);
    check("CMOS RAM holds its bytes");
}

static void hpet(void)
{
    volatile u32 *h = (volatile u32 *)0xfed00000ul;
    u32 id = h[0], period = h[1];
    if ((id >> 16) != 0x8086 || !period || period > 100000000) {
        complain("id %x period %u", id, period);
        check("HPET");
        return;
    }
    h[4] = 0; /* stop */
    h[0xf0 / 4] = 0, h[0xf4 / 4] = 0;
    equal("stopped counter", h[0xf0 / 4], 0);
    h[4] = 1;
    delay_us(10000);
    u32 ticks = h[0xf0 / 4];
    about("10 ms in ticks", ticks, (u64)10 * 1000000000000ull / period);
    check("the HPET's main counter counts at its period");
    /* Timer 0, one-shot, legacy replacement route: ISA interrupt 0. */
    set_handler(VEC_PIC, count_irq);
    pic_init(0xfffe);
    u32 before = irq_count[VEC_PIC];
    h[4] = 0;
    h[0xf0 / 4] = 0, h[0xf4 / 4] = 0;
    h[0x100 / 4] = 1 << 2; /* interrupt, edge */
    h[0x108 / 4] = ticks / 2, h[0x10c / 4] = 0;
    h[4] = 3;
    one_interrupt(VEC_PIC, before);
    h[4] = 0;
    h[0x100 / 4] = 0;
    pic_init(0xffff);
    check("an HPET comparator interrupts once in legacy mode");
}

void test_main(void)
{
    apic_enable();
    tsc();
    tsc_registers();
    pit();
    apic();
    rtc();
    hpet();
}
