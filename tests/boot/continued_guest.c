/*
 * The guest of tests/boot/continued.c: sets up what the letter on its console asks for, says so,
 * and holds still with known contents of every register until it is told to go on, which another
 * machine may do. Then it looks at what is left.
 *
 * While it holds, rbx points to the word that lets it go, r12 to an instruction that the test may
 * have it go on at, which counts.
 */
#include "lib/guest.h"

enum {
    VEC_HELD = 0x60,
    MSR_PAT = 0x277,
    MSR_MTRR_BASE3 = 0x206,
    MSR_MTRR_MASK3 = 0x207,
    MSR_MTRR_FIX4K = 0x26b,
    MSR_MTRR_DEF_TYPE = 0x2ff,
    GP_ERROR = 0x1230,
};
enum { FX_SIZE = 512, REGISTERS = 16 };

/* An FXSAVE image (SDM vol. 1, section 10.5.1): TOP is 3, five registers in use. */
struct fx {
    u16 fcw, fsw;
    u8 ftw, reserved;
    u16 fop;
    u64 fip, fdp;
    u32 mxcsr, mxcsr_mask;
    u8 st[8][16];
    u8 xmm[16][16];
    u8 unused[96];
} __attribute__((aligned(16)));
_Static_assert(sizeof(struct fx) == FX_SIZE, "the processor's layout");

extern struct fx held_before, held_after;
extern u64 held_registers[REGISTERS];
extern volatile u32 held_go, held_count;
void hold(void);

asm(".bss\n .balign 16\n"
    "held_before: .skip 512\nheld_after: .skip 512\nheld_registers: .skip 128\n"
    "held_go: .skip 4\nheld_count: .skip 4\n"
    ".text\n"
    "hold: push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15\n"
    " movl $0, held_go\n"
    " fxrstor64 held_before\n"
    " movabs $0x1111111111111101, %rax; movabs $0x1111111111111102, %rcx\n"
    " movabs $0x1111111111111103, %rdx; movabs $0x1111111111111106, %rbp\n"
    " movabs $0x1111111111111107, %rsi; movabs $0x1111111111111108, %rdi\n"
    " movabs $0x1111111111111109, %r8;  movabs $0x111111111111110a, %r9\n"
    " movabs $0x111111111111110b, %r10; movabs $0x111111111111110c, %r11\n"
    " movabs $0x111111111111110e, %r13; movabs $0x111111111111110f, %r14\n"
    " movabs $0x1111111111111110, %r15\n"
    " mov $held_go, %ebx; mov $held_shadow, %r12d\n"
    "held_spin: cmpl $0, (%rbx); je held_spin\n"
    " fxsave64 held_after\n"
    " mov %rax, held_registers;       mov %rcx, held_registers + 8\n"
    " mov %rdx, held_registers + 16;  mov %rbx, held_registers + 24\n"
    " mov %rbp, held_registers + 40;  mov %rsi, held_registers + 48\n"
    " mov %rdi, held_registers + 56;  mov %r8, held_registers + 64\n"
    " mov %r9, held_registers + 72;   mov %r10, held_registers + 80\n"
    " mov %r11, held_registers + 88;  mov %r12, held_registers + 96\n"
    " mov %r13, held_registers + 104; mov %r14, held_registers + 112\n"
    " mov %r15, held_registers + 120\n"
    " pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx\n"
    " ret\n"
    "held_shadow: incl held_count\n"
    " jmp held_spin\n");

static u8 receive(void)
{
    while (!(inb(0x3f8 + 5) & 1))
        ;
    return inb(0x3f8);
}

static void hold_and_say(void)
{
    print("holding\n");
    hold();
}

/* ---- registers ------------------------------------------------------------------------------- */

static void fill(struct fx *fx)
{
    *fx = (struct fx){.fcw = 0x0e7f,
                      .fsw = 3 << 11 | 0x4100,
                      .ftw = 0xf8,
                      .fop = 0x123,
                      .fip = 0x12345678,
                      .fdp = 0x9abcdef0,
                      .mxcsr = 0x9fc0};
    for (unsigned n = 0; n < 8; n++)
        for (unsigned i = 0; i < 10; i++)
            fx->st[n][i] = (u8)(0x80 | n << 4 | i);
    for (unsigned n = 0; n < 16; n++)
        for (unsigned i = 0; i < 16; i++)
            fx->xmm[n][i] = (u8)(n << 4 | i);
}

static void registers(bool with_tsc)
{
    static const struct {
        u32 number;
        u64 value;
    } msrs[] = {
        {MSR_PAT, 0x0007010600070406},
        {MSR_MTRR_BASE3, 0xc0000001},
        {MSR_MTRR_MASK3, 0xff0000800},
        {MSR_MTRR_FIX4K, 0x0505050506060606},
        {MSR_MTRR_DEF_TYPE, 0xc06},
        {MSR_SYSENTER_CS, 0x18},
        {MSR_SYSENTER_ESP, 0x123456789a},
        {MSR_SYSENTER_EIP, 0xfffff00012345678},
        {MSR_STAR, 0x0028001800001234},
        {MSR_LSTAR, 0xffff800000012345},
        {MSR_CSTAR, 0xffff800000054321},
        {MSR_FMASK, 0x47700},
        {MSR_KERNEL_GS_BASE, 0xffffc00000001000},
        {MSR_FS_BASE, 0x7f0000001000},
        {MSR_GS_BASE, 0xffffd00000002000},
    };
    const u64 tsc = 0x123456789abc, ticks = 1ull << 38;

    for (unsigned i = 0; i < sizeof msrs / sizeof msrs[0]; i++)
        wrmsr(msrs[i].number, msrs[i].value);
    write_dr0(0x123450);
    write_dr3(0x543210);
    if (with_tsc)
        wrmsr(MSR_TSC, tsc);
    hold_and_say();
    u64 now = rdtsc();
    if (with_tsc && (now < tsc || now - tsc > ticks))
        complain("the TSC is %lx", now);
    for (unsigned i = 0; i < sizeof msrs / sizeof msrs[0]; i++)
        if (rdmsr(msrs[i].number) != msrs[i].value)
            complain("MSR %x is %lx", msrs[i].number, rdmsr(msrs[i].number));
    equal("DR0", read_dr0(), 0x123450);
    equal("DR3", read_dr3(), 0x543210);
    for (unsigned n = 0; n < REGISTERS; n++)
        if (n != 3 && n != 4 && n != 12)
            equal("a general register", held_registers[n], 0x1111111111111101 + n);
    /* AMD's processors keep what these three tell only with an exception pending. */
    held_after.fop = held_before.fop;
    held_after.fip = held_before.fip;
    held_after.fdp = held_before.fdp;
    held_after.mxcsr_mask = 0;
    equal("x87 and SSE", (u64)memcmp(&held_before, &held_after, sizeof held_after), 0);
}

static void all_registers(void)
{
    registers(true);
}

static void but_the_tsc(void)
{
    registers(false);
}

/* ---- interrupts ------------------------------------------------------------------------------ */

static bool late(u64 since)
{
    return rdtsc() - since > 20000000000;
}

static void expect_interrupts(unsigned vector, u32 number)
{
    u64 start = rdtsc();

    sti();
    while (irq_count[vector] < number && !late(start))
        asm volatile("pause");
    delay_us(5000);
    cli();
    equal("interrupts", irq_count[vector], number);
}

enum { MODE_PERIODIC = 1 << 17, MODE_DEADLINE = 2 << 17, DIVIDE_BY_1 = 0xb };

static void timer(u32 mode, u32 count)
{
    set_handler(VEC_TIMER, count_irq);
    apic_enable();
    apic_write(APIC_TIMER_DIV, DIVIDE_BY_1);
    apic_write(APIC_LVT_TIMER, VEC_TIMER | mode);
    if (mode == MODE_DEADLINE)
        wrmsr(MSR_TSC_DEADLINE, rdtsc() + count);
    else
        apic_write(APIC_TIMER_INIT, count);
}

static void one_shot(void)
{
    timer(0, 150000000);
    hold_and_say();
    if (!irq_count[VEC_TIMER] && !apic_read(APIC_TIMER_NOW) &&
        !(apic_read(APIC_IRR + 0x20) >> (VEC_TIMER & 31) & 1))
        complain("nothing runs");
    expect_interrupts(VEC_TIMER, 1);
}

static void periodic(void)
{
    timer(MODE_PERIODIC, 20000000);
    hold_and_say();
    u64 start = rdtsc();
    sti();
    while (irq_count[VEC_TIMER] < 4 && !late(start))
        asm volatile("pause");
    cli();
    equal("the timer goes on", irq_count[VEC_TIMER] >= 4, 1);
}

static void deadline(void)
{
    timer(MODE_DEADLINE, 400000000);
    hold_and_say();
    expect_interrupts(VEC_TIMER, 1);
}

/* One in the local APIC's IRR, one in the 8259's. */
static void make_pending(void)
{
    set_handler(VEC_HELD, count_irq);
    set_handler(VEC_PIC, count_irq);
    apic_enable();
    pic_init(0xfffe);
    apic_write(APIC_LVT_LINT0, 0x700);
    pit_program(0, 0, 1193);
    apic_self_ipi(VEC_HELD);
    outb(0x20, 0x0a);
    for (u64 start = rdtsc(); !(inb(0x20) & 1) && !late(start);)
        ;
    equal("in the 8259's IRR", inb(0x20) & 1, 1);
    equal("in IRR", apic_read(APIC_IRR + 0x30) & 1, 1);
}

static void pending(void)
{
    make_pending();
    hold_and_say();
    equal("too early", irq_count[VEC_HELD] + irq_count[VEC_PIC], 0);
    expect_interrupts(VEC_PIC, 1);
    expect_interrupts(VEC_HELD, 1);
}

static u32 count_then = ~0u;
static u64 error_then;

static bool note(struct frame *f)
{
    if (count_then == ~0u)
        count_then = held_count;
    error_then = f->err;
    return f->vec >= 32 ? count_irq(f) : true;
}

/* It goes on at held_shadow with interrupts enabled by an STI just before. */
static void shadow(void)
{
    make_pending();
    set_handler(VEC_HELD, note);
    set_handler(VEC_PIC, note);
    hold_and_say();
    /* One comes before it is let go; the other may find it on its way here. */
    for (u64 start = rdtsc(); !(irq_count[VEC_HELD] && irq_count[VEC_PIC]) && !late(start);)
        asm volatile("pause");
    cli();
    equal("instructions before the interrupt", count_then, 1);
    equal("interrupts", irq_count[VEC_HELD], 1);
    equal("interrupts of the 8259", irq_count[VEC_PIC], 1);
}

/* It goes on with an interrupt accepted that is not delivered yet. */
static void accepted(void)
{
    set_handler(VEC_HELD, note);
    hold_and_say();
    cli();
    equal("interrupts", irq_count[VEC_HELD], 1);
    equal("instructions before", count_then, 0);
}

/* Likewise with #GP. */
static void exception(void)
{
    set_handler(VEC_GP, note);
    hold_and_say();
    equal("the error code", error_then, GP_ERROR);
    equal("instructions before", count_then, 0);
}

static void halt(void)
{
    timer(0, 60000000);
    print("holding\n");
    asm volatile("sti; hlt; cli" ::: "memory");
    equal("interrupts", irq_count[VEC_TIMER], 1);
}

/* ---- two processors -------------------------------------------------------------------------- */

static volatile bool stop_counting;
static volatile u64 counted;

/* With interrupts enabled, one of which comes when all is over. */
static void count_up(unsigned cpu)
{
    (void)cpu;
    sti();
    while (!stop_counting)
        counted++;
    cli();
}

static void two(void)
{
    set_handler(VEC_HELD, count_irq);
    equal("processors", smp_start(2), 2);
    smp_start_on(1, count_up);
    hold_and_say();
    u64 start = rdtsc(), was = counted;
    while (counted == was && !late(start))
        asm volatile("pause");
    equal("the other goes on", counted != was, 1);
    apic_write(APIC_ICR_HI, 1 << 24);
    apic_write(APIC_ICR_LO, VEC_HELD | 1 << 14);
    while (!irq_count[VEC_HELD] && !late(start))
        asm volatile("pause");
    stop_counting = true;
    smp_wait(1);
    equal("its interrupts", irq_count[VEC_HELD], 1);
}

/* The other waits for its first message. */
static void one_of_two(void)
{
    hold_and_say();
    equal("processors", smp_start(2), 2);
}

/* ---- a string -------------------------------------------------------------------------------- */

static void string(void)
{
    enum { LINES = 2500, LINE = 8 };
    static char text[LINES * LINE];
    const char *at = text;
    ul n = sizeof text;

    for (unsigned i = 0; i < LINES; i++) {
        for (unsigned j = 0, v = i; j < LINE - 2; j++, v /= 10)
            text[i * LINE + LINE - 3 - j] = (char)('0' + v % 10);
        text[i * LINE + LINE - 2] = '\r';
        text[i * LINE + LINE - 1] = '\n';
    }
    print("holding\n");
    asm volatile("rep outsb" : "+S"(at), "+c"(n) : "d"(0x3f8) : "memory");
    equal("what is left", n, 0);
    equal("where it is", (ul)(at - text), sizeof text);
}

void test_main(void)
{
    static const struct {
        u8 letter;
        void (*fn)(void);
    } cases[] = {
        {'r', all_registers}, {'R', but_the_tsc}, {'t', one_shot}, {'p', periodic},
        {'d', deadline},      {'i', pending},     {'s', shadow},   {'a', accepted},
        {'e', exception},     {'h', halt},        {'o', string},   {'2', two},
        {'1', one_of_two},
    };

    fill(&held_before);
    print("which?\n");
    u8 letter = receive();
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++)
        if (cases[i].letter == letter)
            cases[i].fn();
    check("it went on");
    print("end\n");
    for (;;)
        asm volatile("cli; hlt");
}
