/*
 * Several processors: exclusives of each size that lose nothing, locks with acquire and release,
 * events, invalidation on all of them, code that another one changes, with and without IC IVAU.
 * guest-run: kernel -M virt -cpu cortex-a57 -smp 4
 */
#include "lib/guest.h"

enum { ROUNDS = 20000 };

static unsigned cpus;
static volatile unsigned phase, finished;

/* ---- counters ---- */

static volatile u8 count8;
static volatile unsigned short count16;
static volatile u32 count32;
static volatile u64 count64, pair[2] __attribute__((aligned(16)));
static volatile u64 plain_by_lock;
static volatile u32 lock;

#define EXCLUSIVE(type, suffix, reg, cell)                                                         \
    {                                                                                              \
        u64 v, failed;                                                                             \
        asm volatile("1: ldxr" suffix " %" reg "0, [%2]\n add %" reg "0, %" reg "0, #1\n"          \
                     " stxr" suffix " %w1, %" reg "0, [%2]\n cbnz %w1, 1b"                         \
                     : "=&r"(v), "=&r"(failed)                                                     \
                     : "r"(&cell)                                                                  \
                     : "memory");                                                                  \
    }

static void take(void)
{
    u32 v, failed;
    asm volatile(
        "sevl\n1: wfe\n2: ldaxr %w0, [%2]\n cbnz %w0, 1b\n stxr %w1, %w3, [%2]\n cbnz %w1, 2b"
        : "=&r"(v), "=&r"(failed)
        : "r"(&lock), "r"(1)
        : "memory");
}
static void give(void)
{
    asm volatile("stlr wzr, [%0]" ::"r"(&lock) : "memory");
}

static void counters(void)
{
    for (unsigned n = 0; n < ROUNDS; n++) {
        EXCLUSIVE(u8, "b", "w", count8);
        EXCLUSIVE(u16, "h", "w", count16);
        EXCLUSIVE(u32, "", "w", count32);
        EXCLUSIVE(u64, "", "", count64);
        u64 a, b, failed;
        asm volatile("1: ldaxp %0, %1, [%3]\n add %0, %0, #1\n sub %1, %1, #1\n"
                     " stlxp %w2, %0, %1, [%3]\n cbnz %w2, 1b"
                     : "=&r"(a), "=&r"(b), "=&r"(failed)
                     : "r"(pair)
                     : "memory");
    }
    for (unsigned n = 0; n < ROUNDS / 10; n++) {
        take();
        plain_by_lock++;
        give();
    }
}

/* ---- events ---- */

static volatile unsigned told;
static void wait_for_events(void)
{
    while (!told)
        asm volatile("wfe");
}

/* ---- code ---- */

static u32 code[1024] __attribute__((aligned(4096)));
static volatile u64 wrong, seen_new;

static u64 run_code(void)
{
    return ((u64(*)(void))code)();
}
/* Others run while the first writes: what they see is old or new, and new in the end. */
static void run_changing_code(void)
{
    u64 last = 0, v = 0;
    for (unsigned n = 0; n < 10000000 && v != 100; n++) {
        v = run_code();
        if (v < last || v > 100)
            __atomic_fetch_add(&wrong, 1, __ATOMIC_SEQ_CST);
        last = v;
    }
    if (v == 100)
        __atomic_fetch_add(&seen_new, 1, __ATOMIC_SEQ_CST);
}
static void put_code(unsigned value, bool maintain)
{
    *(volatile u32 *)&code[0] = 0xd2800000 | value << 5; /* mov x0, #value */
    if (maintain)
        asm volatile("dc cvau, %0\n dsb ish\n ic ivau, %0\n dsb ish\n isb" ::"r"(code) : "memory");
    else
        asm volatile("dsb ish\n isb" ::: "memory");
}

/* ---- invalidation ---- */

#define TEST 0x2000000000ul
static u64 *tables, *leaf;
static u64 *data[2];
static volatile u64 remapped, stale;

static void page_tables(void)
{
    tables = pages(65536);
    data[0] = pages(65536);
    data[1] = pages(65536);
    data[0][0] = 0;
    data[1][0] = 1;
    tables[0] = 0 | 1 | 1 << 10;                            /* devices, flat */
    tables[1] = 0x40000000 | 1 | 1 << 10 | 3 << 8 | 1 << 2; /* RAM */
    u64 *second = pages(65536), *third = pages(65536);
    tables[TEST >> 30] = (u64)second | 3;
    second[0] = (u64)third | 3;
    leaf = &third[0];
    *leaf = (u64)data[0] | 3 | 1 << 10 | 3 << 8 | 1 << 2;
}
static void paging_on(void)
{
    sysreg_write(mair_el1, 0xff00);
    sysreg_write(tcr_el1, 25 | 1 << 23 | 2ul << 32);
    sysreg_write(ttbr0_el1, tables);
    dsb();
    asm volatile("tlbi vmalle1");
    dsb();
    isb();
    sysreg_write(sctlr_el1, sysreg_read(sctlr_el1) | 1);
    isb();
}
/* `remapped` is counted up behind the barrier of each invalidation: what is read after it was seen
 * is of that mapping, or a later one. */
static void read_remapped(void)
{
    for (;;) {
        u64 before = __atomic_load_n(&remapped, __ATOMIC_ACQUIRE);
        u64 v = *(volatile u64 *)TEST;
        u64 after = __atomic_load_n(&remapped, __ATOMIC_ACQUIRE);
        if (before == after && (before & 1) == 0 && v != (before >> 1 & 1))
            __atomic_fetch_add(&stale, 1, __ATOMIC_SEQ_CST);
        if (before >= 400)
            return;
    }
}
static void remap(void)
{
    for (unsigned n = 1; n <= 200; n++) {
        __atomic_store_n(&remapped, 2 * n - 1, __ATOMIC_SEQ_CST); /* odd: under way */
        *(volatile u64 *)leaf = (u64)data[n & 1] | 3 | 1 << 10 | 3 << 8 | 1 << 2;
        asm volatile("dsb ish\n tlbi vaae1is, %0\n dsb ish\n isb" ::"r"(TEST >> 12) : "memory");
        __atomic_store_n(&remapped, 2 * n, __ATOMIC_SEQ_CST);
        for (volatile unsigned k = 0; k < 200; k++)
            ;
    }
}

/* ---- phases ---- */

static void (*const phases[])(void) = {counters, wait_for_events, run_changing_code, paging_on,
                                       read_remapped};
enum { COUNTERS, EVENTS, CODE, PAGING, INVALIDATION };

/* The exclusives need no paging here: they work with the MMU off as well. */
void cpu_main(unsigned cpu)
{
    (void)cpu;
    for (unsigned p = 0; p < sizeof phases / sizeof *phases; p++) {
        while (__atomic_load_n(&phase, __ATOMIC_ACQUIRE) <= p)
            ;
        phases[p]();
        __atomic_fetch_add(&finished, 1, __ATOMIC_SEQ_CST);
    }
}

static void begin(unsigned p)
{
    finished = 0;
    __atomic_store_n(&phase, p + 1, __ATOMIC_SEQ_CST);
}
static void wait_for_others(void)
{
    while (__atomic_load_n(&finished, __ATOMIC_SEQ_CST) < cpus - 1)
        ;
}

void test_main(void)
{
    cpus = start_cpus();
    ok(cpus > 1, "processors start by PSCI");
    begin(COUNTERS);
    counters();
    wait_for_others();
    const u64 all = (u64)cpus * ROUNDS;
    is(count8, all & 0xff, "exclusive bytes lose nothing");
    is(count16, all & 0xffff, "halfwords");
    is(count32, all, "words");
    is(count64, all, "doublewords");
    is(pair[0], all, "pairs: one half");
    is(pair[1], -all, "the other");
    is(plain_by_lock, all / 10, "what a lock guards");

    begin(EVENTS);
    for (volatile unsigned n = 0; n < 100000; n++)
        ;
    told = 1;
    asm volatile("dsb sy\n sev" ::: "memory");
    wait_for_others();
    ok(true, "SEV ends WFE on all of them");

    code[1] = 0xd65f03c0; /* ret */
    put_code(1, true);
    is(run_code(), 1, "code that was written runs");
    begin(CODE);
    for (unsigned n = 2; n <= 100; n++) {
        put_code(n, n & 1);
        if (run_code() != n)
            wrong++;
    }
    wait_for_others();
    is(wrong, 0, "code that changes is old or new, and new for who changed it");
    is(seen_new, cpus - 1, "and new for all in the end");

    page_tables();
    begin(PAGING);
    paging_on();
    wait_for_others();
    begin(INVALIDATION);
    remap();
    wait_for_others();
    is(stale, 0, "what TLBI and DSB invalidated nobody sees any more");
}
