/*
 * Loops whose pointers stay for some rounds and then lead elsewhere: to a page that takes the same
 * place in any table of pages, across the edge of two pages, to where stores are not allowed. Each
 * access reads and writes where its pointer leads at that moment, and nowhere else.
 */
#include "lib/pages.h"

enum { ROUNDS = 600 };

static struct round {
    ul pointer;
    u64 ways; /* bits: which branches are taken */
} rounds[ROUNDS];

/* In: rsi the rounds, rcx their number, rbp a pointer that stays. Out: rax. */
CODE(walk, "xor %eax,%eax\n xor %edi,%edi\n"
           "1: mov 8(%rsi),%rdx\n test $1,%dl\n jz 2f\n"
           "mov (%rsi),%rdi\n"                       /* another pointer */
           "test $2,%dl\n jz 2f\n add (%rdi),%rax\n" /* looked up here or behind the label */
           "2: add 8(%rdi),%rax\n incq (%rbp)\n"
           "test $4,%dl\n jz 3f\n lea 5(%rax),%rbx\n mov %rbx,16(%rdi)\n"
           "3: rol $7,%rax\n add 24(%rdi),%rax\n add 8(%rbp),%rax\n"
           "test $8,%dl\n jz 4f\n xor %rdx,16(%rbp)\n"
           "4: add $16,%rsi\n dec %rcx\n jnz 1b");

static u64 *at(ul pointer, unsigned word)
{
    return model_at(pointer + 8 * word);
}

static u64 walk_model(unsigned count, ul stays, unsigned *stored)
{
    u64 rax = 0;
    ul rdi = 0;
    *stored = 0;
    for (unsigned n = 0; n < count; n++) {
        const u64 ways = rounds[n].ways;
        if (ways & 1) {
            rdi = rounds[n].pointer;
            rax += ways & 2 ? *at(rdi, 0) : 0;
        }
        rax += *at(rdi, 1);
        ++*at(stays, 0);
        if (ways & 4) {
            *at(rdi, 2) = rax + 5;
            ++*stored;
        }
        rax = rax << 7 | rax >> 57;
        rax += *at(rdi, 3) + *at(stays, 1);
        if (ways & 8)
            *at(stays, 2) ^= ways;
    }
    return rax;
}

/* How often of 16 the pointer changes, and whether it may lie across the edge. */
static void make_rounds(unsigned changes, bool across)
{
    for (unsigned n = 0; n < ROUNDS; n++) {
        const unsigned words = across ? WORDS - 3 + next_random() % 3 : next_random() % (WORDS - 4);
        rounds[n].pointer = VA + next_random() % PAGES * FAR + 8 * words;
        rounds[n].ways = next_random() & 0xffe;
        rounds[n].ways |= !n || next_random() % 16 < changes;
    }
    /* All of the loop is seen before anything is left out, for a translator that takes what it has
     * seen. */
    rounds[0].ways |= 15;
    rounds[1].ways = (rounds[1].ways | 14) & ~1ull;
}

/* Long enough for a translator that looks now and then where time goes, with all ways through the
 * loop seen. */
static void warm_up(void)
{
    struct regs r;
    pages_fill();
    make_rounds(4, false);
    for (unsigned k = 0; k < 300; k++) {
        regs_init(&r, walk, 0);
        r.rsi = (ul)rounds;
        r.rcx = ROUNDS;
        r.rbp = VA + 0x900;
        run_expect(&r, VEC_DONE);
    }
    check("a loop that runs for long");
}

static void walks(const char *what, unsigned changes, bool across)
{
    for (unsigned k = 0; k < 12; k++) {
        struct regs r;
        unsigned stored;
        pages_fill();
        make_rounds(changes, across);
        regs_init(&r, walk, 0);
        r.rsi = (ul)rounds;
        r.rcx = ROUNDS;
        r.rbp = VA + (k % PAGES) * FAR + 0x900;
        const u64 wanted = walk_model(ROUNDS, r.rbp, &stored);
        run_expect(&r, VEC_DONE);
        equal("sum", r.rax, wanted);
        pages_compare();
    }
    check("%s", what);
}

/* A store by a pointer whose page was read before, and may not be written. */
static void read_only(void)
{
    for (unsigned k = 0; k < 6; k++) {
        struct regs r;
        unsigned stored;
        pages_fill();
        make_rounds(3, false);
        for (unsigned n = 0; n < ROUNDS; n++)
            rounds[n].ways &= ~(u64)(n < ROUNDS / 2 ? 4 : 0);
        /* The pointer is there for some rounds, or since this one. */
        for (unsigned n = ROUNDS / 2 - k; n <= ROUNDS / 2; n++)
            rounds[n].ways &= ~1ull;
        rounds[ROUNDS / 2 - k].ways |= 1;
        rounds[ROUNDS / 2 - k].pointer = VA + FAR + 0x40;
        rounds[ROUNDS / 2].ways |= 4;
        pte_at(VA + FAR, 1)[0] &= ~PTE_W;
        invlpg(VA + FAR);
        regs_init(&r, walk, 0);
        r.rsi = (ul)rounds;
        r.rcx = ROUNDS;
        r.rbp = VA + 0x900;
        walk_model(ROUNDS / 2, r.rbp, &stored);
        run_expect(&r, VEC_PF);
        equal("rounds left", r.rcx, ROUNDS - ROUNDS / 2);
        equal("address", r.cr2, VA + FAR + 0x50);
        equal("error code", r.err, PF_P | PF_W);
        equal("rounds counted", *(u64 *)(VA + 0x900), *at(VA + 0x900, 0) + 1);
        pte_at(VA + FAR, 1)[0] |= PTE_W;
        invlpg(VA + FAR);
    }
    check("a page that was read and may not be written");
}

void test_main(void)
{
    pages_map();
    warm_up();
    walks("pointers that stay for some rounds", 2, false);
    walks("pointers that change in most rounds", 12, false);
    walks("pointers to the edge of two pages", 4, true);
    read_only();
}
