/* See guest.h. PSCI is where the machine virt has it. */
#include "lib/guest.h"

void secondary(void);
void go(u64 *saved, void (*fn)(void), u64 spsr, u64 sp);
void come_back(u64 *saved) __attribute__((noreturn));
u64 call_hvc(u64 a, u64 b, u64 c, u64 d), call_smc(u64 a, u64 b, u64 c, u64 d);
void trap(struct frame *f, unsigned level);
void start(unsigned cpu);
extern u8 _end[];

u8 stacks[8][32768] __attribute__((aligned(16)));
static u8 lower_stacks[3][2][32768] __attribute__((aligned(16)));

/* ---- output ---- */

static unsigned tests;

void ok(bool passed, const char *name)
{
    print("%sok %u - EL%u: %s\n", passed ? "" : "not ", ++tests, top_level, name);
}

void is(u64 seen, u64 want, const char *name)
{
    ok(seen == want, name);
    if (seen != want)
        print("# seen %lx, not %lx\n", seen, want);
}

static u64 firmware(u64 function, u64 a, u64 b, u64 c)
{
    return top_level == 2 ? call_smc(function, a, b, c) : call_hvc(function, a, b, c);
}

void done(void)
{
    print("1..%u\n", tests);
    if (top_level < 3)
        firmware(0x84000008, 0, 0, 0); /* SYSTEM_OFF */
    for (;;)
        asm volatile("wfi");
}

/* ---- traps ---- */

unsigned top_level;
struct trap caught;
u64 caught_x[31];
static bool expected;
static void (*resume_at)(void);
static u64 saved[16];

void expect_trap(void)
{
    expected = true;
    resume_at = 0;
}

void expect_trap_resume(void (*resume)(void))
{
    expected = true;
    resume_at = resume;
}

void trap_over(void)
{
    expected = false;
}

/* Calls return behind themselves anyway; but for an SMC that EL2 traps. */
static bool is_call(unsigned class, unsigned level)
{
    return class >= 0x11 && class <= (level < 3 ? 0x16 : 0x17);
}

void trap(struct frame *f, unsigned level)
{
    const unsigned class = f->esr >> 26 & 63;
    const bool synchronous = (f->kind & 3) == 0;
    if (synchronous && is_call(class, 3) && (f->esr & 0xffff) == 0xdead) {
        if (level == top_level)
            come_back(saved);
        if (level == 1 && has_level(2))
            asm volatile("hvc #0xdead");
        asm volatile("smc #0xdead");
    }
    if (!expected) {
        print("Bail out! unexpected trap at EL%u: vector %lu esr %lx far %lx elr %lx spsr %lx\n",
              level, f->kind, f->esr, f->far, f->elr, f->spsr);
        done();
    }
    caught = (struct trap){.esr = f->esr,
                           .far = f->far,
                           .elr = f->elr,
                           .spsr = f->spsr,
                           .kind = (unsigned)f->kind,
                           .level = level,
                           .count = caught.count + 1};
    for (unsigned n = 0; n < 31; n++)
        caught_x[n] = f->x[n];
    if (resume_at)
        f->elr = (u64)resume_at;
    else if (synchronous && !is_call(class, level))
        f->elr += 4;
    if (!synchronous)
        f->spsr |= 0x1c0;    /* its line stays up: once is enough */
    f->spsr &= ~(1ul << 20); /* PSTATE.IL ends with its exception */
}

/* ---- levels ---- */

bool has_level(unsigned el)
{
    return el == 0 || (sysreg_read(id_aa64pfr0_el1) >> 4 * el & 15);
}

void at_level(unsigned el, bool spsel, void (*fn)(void))
{
    sysreg_write(tpidr_el0, 0);
    if (current_level() >= 1)
        sysreg_write(tpidrro_el0, el);
    if (el == 1 && !has_level(2))
        sysreg_write(tpidrro_el0, 2); /* by SMC */
    /* Handlers between here and there need stacks, too. */
    if (current_level() == 3 && has_level(2))
        sysreg_write(sp_el2, lower_stacks[2][1] + sizeof lower_stacks[0][0]);
    if (current_level() >= 2)
        sysreg_write(sp_el1, lower_stacks[1][1] + sizeof lower_stacks[0][0]);
    go(saved, fn, 0x3c0 | el << 2 | spsel,
       (u64)lower_stacks[el][spsel] + sizeof lower_stacks[0][0]);
}

void at_aarch32(unsigned mode, const u32 *code)
{
    go(saved, (void (*)(void))code, 0x1c0 | mode, 0);
}

/* ---- memory ---- */

void *pages(u64 bytes)
{
    static u64 next;
    if (!next)
        next = (u64)_end;
    u64 *p = (u64 *)next;
    next += (bytes + 65535) & ~65535ul;
    for (u64 n = 0; n < bytes / 8; n++)
        p[n] = 0;
    return p;
}

void invalidate_tlb(void)
{
    dsb();
    switch (current_level()) {
    case 1:
        asm volatile("tlbi vmalle1is");
        break;
    case 2:
        asm volatile("tlbi alle2is\n tlbi alle1is");
        break;
    default:
        asm volatile("tlbi alle3is\n tlbi alle1is");
        break;
    }
    dsb();
    isb();
}

/* ---- processors ---- */

static volatile unsigned up;

unsigned start_cpus(void)
{
    unsigned n = 1;
    while (n < 8 && (int)firmware(0xc4000003, n, (u64)secondary, n) == 0) {
        while (up < n)
            ;
        n++;
    }
    return n;
}

__attribute__((weak)) void cpu_main(unsigned cpu)
{
    (void)cpu;
}

void start(unsigned cpu)
{
    if (!cpu) {
        top_level = current_level();
        test_main();
        done();
    }
    __atomic_store_n(&up, cpu, __ATOMIC_SEQ_CST);
    cpu_main(cpu);
    for (;;)
        asm volatile("wfi");
}
