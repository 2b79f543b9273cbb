/* What reload.c and reload32.c share: pages that tell which they are, to loads and to calls, seen
 * at VA below two roots that are loaded in turn. VA is defined before this is included. */
#ifndef TESTS_GUEST_RELOAD_H
#define TESTS_GUEST_RELOAD_H

#include "lib/guest.h"

enum { ROUNDS = 200 }; /* more than any patience of a translator's */

#ifdef __x86_64__
CODE(code_call, "call *%rsi");
#else
CODE(code_call, "call *%esi");
#endif

static ul root[2];
static u8 *page[4]; /* page n has 10 + n */

static void make_pages(void)
{
    for (unsigned n = 0; n < 4; n++) {
        page[n] = page_alloc();
        page[n][0] = (u8)(10 + n);
        page[n][16] = 0xb0; /* mov $n,%al; ret */
        page[n][17] = (u8)(10 + n);
        page[n][18] = 0xc3;
    }
}

static u8 byte(void)
{
    return *(volatile u8 *)VA;
}

static u8 call(void)
{
    struct regs r;
    regs_init(&r, code_call, 3);
#ifdef __x86_64__
    r.rsi = VA + 16;
    run_expect(&r, VEC_DONE);
    return (u8)r.rax;
#else
    r.esi = VA + 16;
    run_expect(&r, VEC_DONE);
    return (u8)r.eax;
#endif
}

/* Both roots again and again, as a kernel does that hides itself from its users; page 0 is below
 * the first, page 1 below the second. */
static void alternate(unsigned rounds)
{
    for (unsigned n = 0; n < rounds; n++) {
        write_cr3(root[n & 1]);
        equal("byte", byte(), 10 + (n & 1));
        if (n % 16 < 2)
            equal("code", call(), 10 + (n & 1));
    }
}

#endif
