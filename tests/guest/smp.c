/*
 * Several processors: start-up, locked operations that lose nothing, compare-exchange of 8 and 16
 * bytes, locked operations across cache lines and pages, store ordering, interrupts between
 * processors, remote TLB invalidation.
 * guest-options: -smp 4
 */
#include "lib/guest.h"

enum { ROUNDS = 20000 };
#define VA 0x500000000000ul

static unsigned cpus_up;
static volatile u32 done_mask;

static void mark(unsigned cpu)
{
    __atomic_fetch_or(&done_mask, 1u << cpu, __ATOMIC_SEQ_CST);
}

/* Pages as two halves that are not neighbours in memory. */
static u8 *area;

#define LOCKED(name, type, insn)                                                                   \
    static type name##_cell;                                                                       \
    static void name(unsigned cpu)                                                                 \
    {                                                                                              \
        (void)cpu;                                                                                 \
        for (unsigned i = 0; i < ROUNDS; i++)                                                      \
            asm volatile(insn : "+m"(name##_cell)::"memory", "cc", "rax", "rcx");                  \
    }
LOCKED(inc8, u8, "lock incb %0")
LOCKED(inc16, u16, "lock incw %0")
LOCKED(inc32, u32, "lock incl %0")
LOCKED(inc64, u64, "lock incq %0")
LOCKED(add32, u32, "lock addl $3,%0")
LOCKED(dec32, u32, "lock decl %0")
LOCKED(sub64, u64, "lock subq $5,%0")
LOCKED(adc32, u32, "stc; lock adcl $1,%0")
LOCKED(sbb32, u32, "stc; lock sbbl $1,%0")
LOCKED(xadd32, u32, "mov $7,%%eax; lock xadd %%eax,%0")
LOCKED(neg_inc, u32, "lock negl %0; lock negl %0; lock incl %0")
LOCKED(btc, u32, "lock btcl $0,%0")

static u32 cmpxchg_cell;
static void cmpxchg32(unsigned cpu)
{
    (void)cpu;
    for (unsigned i = 0; i < ROUNDS; i++) {
        u32 old = cmpxchg_cell;
        while (!__atomic_compare_exchange_n(&cmpxchg_cell, &old, old + 1, false, __ATOMIC_SEQ_CST,
                                            __ATOMIC_SEQ_CST))
            ;
    }
}

static struct {
    u64 lo, hi;
} pair8 __attribute__((aligned(16))), pair16 __attribute__((aligned(16)));
static u32 torn;

static void cmpxchg8b(unsigned cpu)
{
    (void)cpu;
    for (unsigned i = 0; i < ROUNDS; i++) {
        /* low half counts up, high half down: they belong together */
        u32 lo = 0, hi = 0;
        bool same;
        do {
            u32 nlo = lo + 1, nhi = hi - 1;
            asm volatile("lock cmpxchg8b %1; setz %0"
                         : "=q"(same), "+m"(pair8.lo), "+a"(lo), "+d"(hi)
                         : "b"(nlo), "c"(nhi)
                         : "memory", "cc");
            if (!same && lo + hi)
                torn++;
        } while (!same);
    }
}

static void cmpxchg16b(unsigned cpu)
{
    (void)cpu;
    for (unsigned i = 0; i < ROUNDS; i++) {
        u64 lo = 0, hi = 0;
        bool same;
        do {
            u64 nlo = lo + 1, nhi = hi - 1;
            asm volatile("lock cmpxchg16b %1; setz %0"
                         : "=q"(same), "+m"(pair16), "+a"(lo), "+d"(hi)
                         : "b"(nlo), "c"(nhi)
                         : "memory", "cc");
            if (!same && lo + hi)
                torn++;
        } while (!same);
    }
}

static volatile u32 spin_word;
static u32 guarded;
static void xchg_lock(unsigned cpu)
{
    (void)cpu;
    for (unsigned i = 0; i < ROUNDS / 4; i++) {
        u32 v;
        do {
            v = 1;
            asm volatile("xchg %0,%1" : "+r"(v), "+m"(spin_word)::"memory");
            if (v)
                asm volatile("pause");
        } while (v);
        guarded = guarded + 1; /* plain read and write under the lock */
        barrier();
        spin_word = 0;
    }
}

static u32 *split_line;
static volatile u32 *split_page;
static void split_lines(unsigned cpu)
{
    (void)cpu;
    for (unsigned i = 0; i < ROUNDS / 10; i++)
        asm volatile("lock incl %0" : "+m"(*split_line)::"memory", "cc");
}
static void split_pages(unsigned cpu)
{
    (void)cpu;
    for (unsigned i = 0; i < ROUNDS / 40; i++) {
        asm volatile("lock incl %0" : "+m"(*split_page)::"memory", "cc");
        if (i % 16 == 0) {
            u32 v = 0;
            asm volatile("lock xadd %0,%1" : "+r"(v), "+m"(*split_page)::"memory", "cc");
        }
    }
}
static void start_up(unsigned cpu)
{
    if (cpuid(1, 0).b >> 24 == cpu)
        mark(cpu);
}

static volatile u64 aligned64;
static u32 torn64;
static void plain64(unsigned cpu)
{
    u64 v = (u64)cpu << 32 | cpu;
    for (unsigned i = 0; i < ROUNDS; i++) {
        aligned64 = v;
        u64 s = aligned64;
        if ((u32)s != s >> 32)
            __atomic_fetch_add(&torn64, 1, __ATOMIC_RELAXED);
    }
}

/* Message passing: data before flag. TSO needs no barrier. */
static volatile u32 data[64], flag;
static u32 stale;
static void producer_consumer(unsigned cpu)
{
    if (cpu == 0)
        for (u32 i = 1; i <= ROUNDS / 4; i++) {
            data[i & 63] = i;
            barrier();
            flag = i;
        }
    else
        for (u32 last = 0; last < ROUNDS / 4;) {
            u32 f = flag;
            barrier();
            if (f) {
                u32 d = data[f & 63];
                if (d < f)
                    stale++;
            }
            last = f;
        }
}

/* Store buffering: with MFENCE or a locked operation between, not both may read 0. */
static volatile u32 sb_cell[2], sb_read[2], sb_ready[2], sb_end[2];
static u32 sb_bad[2];
static void store_buffer(unsigned cpu)
{
    if (cpu > 1)
        return;
    for (u32 i = 1; i <= 2000; i++) {
        sb_cell[cpu] = 0;
        asm volatile("mfence" ::: "memory");
        sb_ready[cpu] = i;
        while (sb_ready[1 - cpu] < i)
            asm volatile("pause");
        sb_cell[cpu] = 1;
        if (i & 1)
            asm volatile("mfence" ::: "memory");
        else
            asm volatile("lock orl $0,(%%rsp)" ::: "memory", "cc");
        sb_read[cpu] = sb_cell[1 - cpu];
        sb_end[cpu] = 2 * i - 1;
        while (sb_end[1 - cpu] < 2 * i - 1)
            asm volatile("pause");
        if (cpu == 0 && !sb_read[0] && !sb_read[1])
            sb_bad[i & 1]++;
        sb_end[cpu] = 2 * i;
        while (sb_end[1 - cpu] < 2 * i)
            asm volatile("pause");
    }
}

static volatile u32 wait_ipi;
/* What was sent for an earlier test is taken before this one counts. */
static void drain(void)
{
    sti();
    asm volatile("nop; nop");
    cli();
}
static void take_ipis(unsigned cpu)
{
    drain();
    mark(cpu);
    sti();
    while (wait_ipi)
        asm volatile("pause");
    cli();
}
static void halt_ipis(unsigned cpu)
{
    drain();
    mark(cpu);
    while (wait_ipi)
        asm volatile("sti; hlt; cli");
}

static void send(unsigned cpu, u32 what)
{
    apic_write(APIC_ICR_HI, cpu << 24);
    apic_write(APIC_ICR_LO, what | 1 << 14);
}

static void ipis(void (*fn)(unsigned), const char *name)
{
    set_handler(VEC_IPI, count_irq);
    wait_ipi = 1;
    done_mask = 0;
    for (unsigned i = 1; i < cpus_up; i++)
        smp_start_on(i, fn);
    while (done_mask != (1u << cpus_up) - 2)
        asm volatile("pause");
    u32 before = irq_count[VEC_IPI];
    for (unsigned n = 0; n < 50; n++) {
        u32 want = irq_count[VEC_IPI] + 1;
        send(1 + n % (cpus_up - 1), VEC_IPI);
        for (unsigned t = 0; irq_count[VEC_IPI] < want && t < 100000; t++)
            delay_us(100);
    }
    equal("interrupts", irq_count[VEC_IPI] - before, 50);
    before = irq_count[VEC_IPI];
    apic_write(APIC_ICR_LO, VEC_IPI | 3 << 18 | 1 << 14); /* all but self */
    for (unsigned t = 0; irq_count[VEC_IPI] < before + cpus_up - 1 && t < 100000; t++)
        delay_us(100);
    equal("interrupts by broadcast", irq_count[VEC_IPI] - before, cpus_up - 1);
    wait_ipi = 0;
    apic_write(APIC_ICR_LO, VEC_IPI | 3 << 18 | 1 << 14);
    for (unsigned i = 1; i < cpus_up; i++)
        smp_wait(i);
    check("%s", name);
}

/* TLB shootdown: another processor's entry goes after it ran INVLPG on request. */
static volatile u32 shoot_turn;
static u32 shoot_bad;
static bool on_shoot(struct frame *f)
{
    (void)f;
    invlpg(VA + 0x10000);
    apic_eoi();
    return true;
}
static void shoot_reader(unsigned cpu)
{
    (void)cpu;
    volatile u32 *p = (volatile u32 *)(VA + 0x10000);
    sti();
    for (u32 i = 1; i <= 200; i++) {
        while (shoot_turn != 2 * i - 1)
            (void)*p;
        if (*p != i)
            shoot_bad++;
        shoot_turn = 2 * i;
    }
    cli();
}
static volatile u32 shot;
static bool on_shoot_count(struct frame *f)
{
    on_shoot(f);
    shot++;
    return true;
}

static void shootdown(void)
{
    u32 *a = page_alloc(), *b = page_alloc();
    u64 *e = pte_at(VA + 0x10000, 1);
    *e = (u64)a | PTE_P | PTE_W;
    set_handler(VEC_IPI, on_shoot_count);
    shoot_turn = 0;
    smp_start_on(1, shoot_reader);
    for (u32 i = 1; i <= 200; i++) {
        u32 *p = i & 1 ? b : a;
        *p = i;
        *e = (u64)p | PTE_P | PTE_W;
        u32 before = shot;
        send(1, VEC_IPI);
        while (shot == before)
            asm volatile("pause");
        shoot_turn = 2 * i - 1;
        while (shoot_turn != 2 * i)
            asm volatile("pause");
    }
    smp_wait(1);
    equal("reads of the old page", shoot_bad, 0);
    check("remote TLB invalidation by an interrupt");
}

#define COUNT(fn, expected)                                                                        \
    smp_run(fn);                                                                                   \
    equal("sum", fn##_cell, (__typeof__(fn##_cell))(expected));                                    \
    check("locked " #fn " from all processors")

void test_main(void)
{
    cpus_up = smp_start(4);
    equal("processors", cpus_up, 4);
    check("INIT and SIPI start the other processors");
    if (cpus_up < 2)
        return;
    u32 n = cpus_up * ROUNDS;
    smp_run(start_up);
    equal("mask", done_mask, (1u << cpus_up) - 1);
    check("each has its own APIC id");
    COUNT(inc8, n);
    COUNT(inc16, n);
    COUNT(inc32, n);
    COUNT(inc64, n);
    COUNT(add32, 3 * n);
    COUNT(dec32, -n);
    COUNT(sub64, -(u64)(5 * n));
    COUNT(adc32, 2 * n);
    COUNT(sbb32, -(2 * n));
    COUNT(xadd32, 7 * n);
    COUNT(btc, 0);
    smp_run(neg_inc);
    check("locked NEG runs");
    smp_run(cmpxchg32);
    equal("sum", cmpxchg_cell, n);
    check("CMPXCHG from all processors");
    pair8.lo = 0;
    smp_run(cmpxchg8b);
    equal("low", (u32)pair8.lo, n);
    equal("high", (u32)(pair8.lo >> 32), (u32)-n);
    equal("torn", torn, 0);
    check("CMPXCHG8B from all processors");
    if (cpuid(1, 0).c >> 13 & 1) {
        smp_run(cmpxchg16b);
        equal("low", pair16.lo, n);
        equal("high", pair16.hi, -(u64)n);
        equal("torn", torn, 0);
        check("CMPXCHG16B from all processors");
    } else
        skip("CMPXCHG16B from all processors", "not in CPUID");
    smp_run(xchg_lock);
    equal("sum", guarded, cpus_up * (ROUNDS / 4));
    check("a lock by XCHG guards plain increments");

    area = pages_alloc(3);
    split_line = (u32 *)(area + 62);
    smp_run(split_lines);
    equal("sum", *split_line, cpus_up * (ROUNDS / 10));
    check("locked increment across a cache line");
    *pte_at(VA, 1) = (u64)area | PTE_P | PTE_W;
    *pte_at(VA + 0x1000, 1) = (u64)(area + 0x2000) | PTE_P | PTE_W;
    split_page = (volatile u32 *)(VA + 0x1000 - 2);
    smp_run(split_pages);
    equal("sum", *split_page, cpus_up * (ROUNDS / 40));
    check("locked increment across two pages");
    smp_run(plain64);
    equal("torn", torn64, 0);
    check("aligned 64-bit stores and loads are whole");
    smp_run(producer_consumer);
    equal("stale", stale, 0);
    check("stores are seen in program order");
    smp_run(store_buffer);
    equal("with a locked operation", sb_bad[0], 0);
    equal("with MFENCE", sb_bad[1], 0);
    check("MFENCE and locked operations order a store before a later load");
    ipis(take_ipis, "interrupts to running processors");
    ipis(halt_ipis, "interrupts to halted processors");
    shootdown();
}
