/*
 * Pages that are used in turn and whose addresses differ in high bits only, so that tables of
 * translations have one place for all of them: what was known of one must be forgotten when its
 * entry changes, wherever it is kept meanwhile.
 */
#include "lib/guest.h"

#define VA 0x500000000000ul /* PML4 index 160: no other mapping */

enum {
    PAGES = 3,
    APART = 1 << 21, /* more than any such table has bits */
    ROUNDS = 400,    /* more than any patience of a translator's */
    CODE_AT = 16,
};

static u8 *ram[2 * PAGES];
static u64 *entry[PAGES];

static volatile u8 *at(unsigned k)
{
    return (volatile u8 *)(VA + (ul)k * APART);
}

static void map(unsigned k, const u8 *to)
{
    *entry[k] = (u64)to | PTE_P | PTE_W;
}

/* The first `count` pages in turn: loads of byte 0, stores and both of byte 1. */
static unsigned __attribute__((noinline)) in_turn(unsigned count, unsigned rounds)
{
    unsigned sum = 0;
    while (rounds--)
        for (unsigned k = 0; k < count; k++) {
            sum += at(k)[0];
            at(k)[1] = (u8)rounds;
            at(k)[2]++;
        }
    return sum;
}

static void contents(void)
{
    for (unsigned count = 2; count <= PAGES; count++) {
        for (unsigned k = 0; k < count; k++)
            ram[k][2] = 0;
        equal("sum", in_turn(count, ROUNDS), ROUNDS * (count == 2 ? 1 + 2 : 1 + 2 + 3));
        for (unsigned k = 0; k < count; k++)
            equal("stores", ram[k][2], ROUNDS & 0xff);
    }
    check("each access goes to its own page");
}

/* Page k is elsewhere for a while, as `forget` says when it may be known. */
static void moved(unsigned k, void (*forget)(unsigned k))
{
    const unsigned total = ROUNDS * (1 + 2 + 3);
    in_turn(PAGES, ROUNDS);
    map(k, ram[PAGES + k]);
    forget(k);
    ram[k][1] = ram[PAGES + k][1] = 0xee;
    equal("load", at(k)[0], 101 + k);
    at(k)[1] = 7;
    equal("store", ram[PAGES + k][1], 7);
    equal("page it was", ram[k][1], 0xee);
    equal("sum", in_turn(PAGES, ROUNDS), total + 100 * ROUNDS);
    map(k, ram[k]);
    forget(k);
    equal("sum afterwards", in_turn(PAGES, ROUNDS), total);
}

static void by_invlpg(unsigned k)
{
    invlpg((ul)at(k));
}

static void by_cr3(unsigned k)
{
    (void)k;
    write_cr3(read_cr3());
}

static u8 call(unsigned k)
{
    ul rax, to = (ul)at(k) + CODE_AT;
    asm volatile("call *%1"
                 : "=a"(rax)
                 : "r"(to)
                 : "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "memory", "cc");
    return (u8)rax;
}

static void __attribute__((noinline))
store_in_turn(volatile u8 *a, volatile u8 *b, u8 value, unsigned rounds)
{
    while (rounds--) {
        *a = value;
        *b = value;
    }
}

/* Two pages that are stored to all the time become pages of code, and are still stored to. */
static void code(unsigned k, unsigned l)
{
    for (unsigned n = 0; n < 20; n++) {
        store_in_turn(at(k) + CODE_AT + 1, at(l) + CODE_AT + 1, (u8)n, ROUNDS);
        equal("code", call(k), n);
        equal("code", call(l), n);
    }
}

void test_main(void)
{
    for (unsigned n = 0; n < 2 * PAGES; n++) {
        ram[n] = page_alloc();
        ram[n][0] = (u8)(n < PAGES ? 1 + n : 101 + n - PAGES);
        ram[n][CODE_AT] = 0xb0; /* mov $n,%al; ret */
        ram[n][CODE_AT + 2] = 0xc3;
    }
    for (unsigned k = 0; k < PAGES; k++) {
        entry[k] = pte_at((ul)at(k), 1);
        map(k, ram[k]);
    }
    contents();
    for (unsigned k = 0; k < PAGES; k++)
        moved(k, by_invlpg);
    check("a page that INVLPG names is forgotten");
    for (unsigned k = 0; k < PAGES; k++)
        moved(k, by_cr3);
    check("a load of CR3 forgets all of them");
    store_in_turn(at(0) + CODE_AT + 1, at(1) + CODE_AT + 1, 0, ROUNDS);
    code(0, 1);
    check("stores to a page that has become code count");
}
