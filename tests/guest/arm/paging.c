/*
 * Translation at EL1 (or EL2) with each granule: pages and blocks, both halves, faults by level,
 * permissions, access flag, ASIDs, invalidation by address, guarded pages.
 * guest-run: kernel -M virt -cpu neoverse-n1
 * guest-run: kernel -M virt,virtualization=on -cpu max
 */
#include "lib/guest.h"

enum {
    VALID = 1,
    TABLE = 3,
    PAGE = 3,
    AP_EL0 = 1 << 6,
    AP_RO = 1 << 7,
    AF = 1 << 10,
    NG = 1 << 11
};
#define PXN (1ul << 53)
#define UXN (1ul << 54)
#define GP (1ul << 50)
#define INNER (3 << 8)

struct granule {
    const char *name;
    unsigned bits;     /* of a page */
    unsigned tg0, tg1; /* as TCR has them */
    unsigned field;    /* of ID_AA64MMFR0 */
    u64 absent;        /* its value when it is not there */
};
static const struct granule granules[] = {
    {"4 KiB", 12, 0, 2, 28, 15},
    {"16 KiB", 14, 2, 1, 20, 0},
    {"64 KiB", 16, 1, 3, 24, 15},
};
static const struct granule *g;

/* The page under test is far from the program's own, which 1 GiB or more maps flat. */
#define TEST 0x2000000000ul /* in 39 bits */
#define HIGH 0xffffff8000000000ul

static u64 *root, *leaf_low, *leaf_high;
static u64 *data[2];

static unsigned stride(void)
{
    return g->bits - 3;
}
static unsigned shift(unsigned level)
{
    return g->bits + (3 - level) * stride();
}
static unsigned first_level(void)
{
    return 4 - (39 - g->bits + stride() - 1) / stride();
}

/* The entry of va at a level, with tables above it. */
static u64 *entry(u64 *table, u64 va, unsigned level)
{
    va &= (1ul << 39) - 1;
    for (unsigned l = first_level();; l++) {
        u64 *e = &table[va >> shift(l) & ((1ul << stride()) - 1)];
        if (l == level)
            return e;
        if (!(*e & VALID))
            *e = (u64)pages(65536) | TABLE;
        table = (u64 *)(*e & 0x0000ffffffff0000ul);
    }
}

static void map_flat(u64 va, u64 bytes)
{
    const unsigned level = 2; /* blocks of 2 MiB, 32 MiB, 512 MiB */
    for (u64 end = va + bytes; va < end; va += 1ul << shift(level))
        *entry(root, va, level) = (va >> shift(level) << shift(level)) | VALID | AF | INNER |
                                  (va < 0x40000000 ? 0 : 1 << 2);
}

static void turn(bool on)
{
    /* EL2's has no EL1-like layout without E2H: the program goes down for this. */
    u64 s = sysreg_read(sctlr_el1);
    sysreg_write(sctlr_el1, on ? s | 1 : s & ~1ul);
    isb();
}

static void flush_all(void)
{
    dsb();
    asm volatile("tlbi vmalle1is");
    dsb();
    isb();
}
static void flush_page(u64 va)
{
    dsb();
    asm volatile("tlbi vaae1is, %0" ::"r"(va >> 12 & 0xfffffffffff));
    dsb();
    isb();
}

static u64 load(u64 va)
{
    u64 v;
    asm volatile("ldr %0, [%1]" : "=r"(v) : "r"(va) : "memory");
    return v;
}
static void store(u64 va, u64 v)
{
    asm volatile("str %1, [%0]" ::"r"(va), "r"(v) : "memory");
}

/* Fault status of an access, or 99: none. */
static unsigned fault_of(u64 va, bool write)
{
    caught.count = 0;
    expect_trap();
    if (write)
        store(va, 5);
    else
        (void)load(va);
    trap_over();
    return caught.count ? caught.esr & 63 : 99;
}

static char text[96];
static const char *named(const char *what)
{
    unsigned n = 0;
    for (const char *s = g->name; *s; s++)
        text[n++] = *s;
    text[n++] = ':';
    text[n++] = ' ';
    while (*what && n < sizeof text - 1)
        text[n++] = *what++;
    text[n] = 0;
    return text;
}

static void set(u64 *e, u64 value)
{
    *(volatile u64 *)e = value;
}

/* Class of the exception that BLR or BR to an address ends with, 0: it comes back. */
static __attribute__((noinline, noclone)) unsigned called(u64 target)
{
    void call_over(void);
    caught.count = 0;
    expect_trap_resume(call_over);
    asm volatile("stp x29, x30, [sp, #-16]!\n blr %0\n .globl call_over\n"
                 "call_over: ldp x29, x30, [sp], #16" ::"r"(target)
                 : "memory", "x0");
    trap_over();
    return caught.count ? caught_class() : 0;
}
static __attribute__((noinline, noclone)) unsigned jumped(u64 target)
{
    void jump_over(void);
    caught.count = 0;
    expect_trap_resume(jump_over);
    asm volatile("stp x29, x30, [sp, #-16]!\n adr x30, jump_over\n br %0\n .globl jump_over\n"
                 "jump_over: ldp x29, x30, [sp], #16" ::"r"(target)
                 : "memory", "x0");
    trap_over();
    return caught.count ? caught_class() : 0;
}

/* The program's own code, which branches there, is not guarded. */
static void test_guarded(u64 plain)
{
    u32 *code = (u32 *)data[0];
    if (!(sysreg_read(id_aa64pfr1_el1) & 15))
        return;
    turn(false);
    code[0] = 0xd503201f; /* nop */
    code[2] = 0xd503245f; /* bti c */
    code[4] = 0xd503249f; /* bti j */
    for (unsigned n = 1; n < 6; n += 2)
        code[n] = 0xd65f03c0; /* ret */
    turn(true);
    set(leaf_low, (u64)data[0] | plain | GP);
    flush_page(TEST);
    is(called(TEST), 13, named("a call in a guarded one that comes to no target"));
    is(caught.esr & 0x1ffffff, 2, named("its syndrome"));
    is(caught.elr, TEST, named("its address"));
    is(caught.spsr >> 10 & 3, 2, named("and BTYPE"));
    is(called(TEST + 8), 0, named("a call to BTI c"));
    is(called(TEST + 16), 13, named("a call to BTI j"));
    is(jumped(TEST), 13, named("a jump that comes to no target"));
    is(caught.esr & 0x1ffffff, 1, named("its syndrome"));
    is(jumped(TEST + 8), 0, named("a jump to BTI c, from where nothing is guarded"));
    is(jumped(TEST + 16), 0, named("a jump to BTI j"));
    set(leaf_low, (u64)data[0] | plain);
    flush_page(TEST);
    is(called(TEST), 0, named("and not guarded any more"));
}

static void test_granule(void)
{
    const u64 size = 1ul << g->bits, plain = PAGE | AF | INNER | 1 << 2;
    root = pages(65536);
    u64 *high = pages(65536);
    data[0] = pages(65536);
    data[1] = pages(65536);
    data[0][0] = 100;
    data[1][0] = 200;
    data[0][1] = 101;
    map_flat(0, 0x50000000); /* devices and RAM */
    leaf_low = entry(root, TEST, 3);
    leaf_high = entry(high, HIGH, 3);
    set(leaf_low, (u64)data[0] | plain);
    set(leaf_high, (u64)data[1] | plain);
    sysreg_write(mair_el1, 0xff00);
    sysreg_write(tcr_el1, 25 | g->tg0 << 14 | 25 << 16 | (u64)g->tg1 << 30 | 5ul << 32 | 1ul << 36);
    sysreg_write(ttbr0_el1, (u64)root | 1ul << 48);
    sysreg_write(ttbr1_el1, (u64)high);
    flush_all();
    turn(true);

    is(load(TEST), 100, named("a page of the low half"));
    is(load(TEST + 8), 101, named("and its next word"));
    is(load(HIGH), 200, named("a page of the high half"));
    store(TEST + 16, 77);
    turn(false);
    is(data[0][2], 77, named("a store arrives"));
    turn(true);

    is(fault_of(TEST + size, false), 7, named("an entry of level 3 that is not there"));
    is(caught.far, TEST + size, named("FAR is the address"));
    is(caught.esr >> 26, 0x25, named("a data abort from this level"));
    is(fault_of(TEST + (1ul << shift(2)), false), 6, named("level 2"));
    if (first_level() < 2) {
        is(fault_of(TEST - (1ul << shift(1)), false), 5, named("level 1"));
    }
    is(fault_of(1ul << 40, false), 4, named("an address beyond the size"));
    is(fault_of(HIGH - 8, false), 4, named("and one below the high half"));

    set(leaf_low, (u64)data[0] | (plain & ~(u64)AF));
    flush_page(TEST);
    is(fault_of(TEST, false), 11, named("no access flag"));
    set(leaf_low, (u64)data[0] | plain | AP_RO);
    flush_page(TEST);
    is(fault_of(TEST, false), 99, named("read-only: read"));
    is(fault_of(TEST, true), 15, named("read-only: write"));
    is(caught.esr >> 6 & 1, 1, named("the syndrome says that it wrote"));
    set(leaf_low, (u64)data[0] | PAGE);
    set(leaf_low, ((u64)data[0] | plain) & ~2ul);
    flush_page(TEST);
    is(fault_of(TEST, false), 7, named("a block is none at level 3"));

    /* What is cached stays until it is invalidated, and goes then. */
    set(leaf_low, (u64)data[0] | plain);
    flush_page(TEST);
    is(load(TEST), 100, named("before"));
    set(leaf_low, (u64)data[1] | plain);
    flush_page(TEST);
    is(load(TEST), 200, named("after an invalidation by address"));

    /* Two address spaces by ASID. */
    u64 *other = pages(65536);
    u64 *save = root;
    root = other;
    map_flat(0, 0x50000000);
    set(entry(other, TEST, 3), (u64)data[0] | plain | NG);
    root = save;
    set(leaf_low, (u64)data[1] | plain | NG);
    flush_all();
    is(load(TEST), 200, named("the first address space"));
    for (unsigned n = 0; n < 3; n++) {
        sysreg_write(ttbr0_el1, (u64)other | 2ul << 48);
        isb();
        if (!n)
            is(load(TEST), 100, named("the second"));
        sysreg_write(ttbr0_el1, (u64)root | 1ul << 48);
        isb();
    }
    is(load(TEST), 200, named("and back, without an invalidation"));

    /* Code: written, executed, not executable. */
    u32 *code = (u32 *)data[0];
    turn(false);
    code[0] = 0x528005e0; /* mov w0, #47 */
    code[1] = 0xd65f03c0; /* ret */
    turn(true);
    set(leaf_low, (u64)data[0] | plain);
    flush_page(TEST);
    is(((u64(*)(void))TEST)(), 47, named("code runs there"));
    set(leaf_low, (u64)data[0] | plain | PXN);
    flush_page(TEST);
    caught.count = 0;
    void executed(void);
    expect_trap_resume(executed);
    asm volatile(
        "stp x29, x30, [sp, #-16]!\n br %0\n .globl executed\nexecuted: ldp x29, x30, [sp], #16" ::
            "r"(TEST)
        : "memory", "x0");
    trap_over();
    is(caught.count ? caught.esr >> 26 : 0, 0x21, named("PXN: an instruction abort"));
    is(caught.esr & 63, 15, named("of permission"));
    test_guarded(plain);
    turn(false);
}

static void at_el1(void)
{
    static unsigned here;
    for (here = 0; here < sizeof granules / sizeof *granules; here++) {
        g = &granules[here];
        if ((sysreg_read(id_aa64mmfr0_el1) >> g->field & 15) == g->absent)
            continue;
        test_granule();
    }
}

void test_main(void)
{
    if (top_level == 1)
        at_el1();
    else
        at_level(1, true, at_el1);
}
