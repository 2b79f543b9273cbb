/*
 * Accesses whose address is a sum of registers, in loops: some bytes apart from each other, on both
 * sides of the edge of two pages, and misaligned where another one of the same base is aligned.
 */
#include "lib/pages.h"

enum { ROUNDS = 500 };

static struct round {
    ul base, index;
} rounds[ROUNDS];

/* In: rsi the rounds, rcx their number. Out: rax. */
CODE(walk, "xor %eax,%eax\n"
           "1: mov (%rsi),%rdi\n mov 8(%rsi),%rdx\n"
           "add 8(%rdi,%rdx),%rax\n mov (%rdx,%rdi),%rbx\n add %rbx,%rax\n"
           "rol $7,%rax\n xor 16(%rdi,%rdx),%rax\n mov %rax,24(%rdx,%rdi)\n"
           "lea (%rdi,%rdx),%r8\n add 32(%r8),%rax\n"
           "mov 8(%r8),%r9\n mov 16(%r8),%r10\n mov 40(%r8),%r11\n"
           "mov %r9,40(%r8)\n mov %r10,8(%r8)\n mov %r11,16(%r8)\n add 40(%rdi,%rdx),%rax\n"
           "shr $3,%rdx\n add (%rdi,%rdx,8),%rax\n incq 48(%rdi,%rdx,8)\n add 8(%rdi,%rdx),%rax\n"
           "add $16,%rsi\n dec %rcx\n jnz 1b");

/* The last access of a round is not at the sum: 8 bytes from there on, wherever they are. */
static u64 anywhere(ul va)
{
    const u64 low = *model_at(va & ~7ul), high = *model_at((va & ~7ul) + 8);
    const unsigned by = va % 8 * 8;
    return by ? low >> by | high << (64 - by) : low;
}

static u64 walk_model(void)
{
    u64 rax = 0;
    for (unsigned n = 0; n < ROUNDS; n++) {
        const ul sum = rounds[n].base + rounds[n].index;
        rax += *model_at(sum + 8) + *model_at(sum);
        rax = rax << 7 | rax >> 57;
        rax ^= *model_at(sum + 16);
        *model_at(sum + 24) = rax;
        rax += *model_at(sum + 32);
        const u64 moved[] = {*model_at(sum + 8), *model_at(sum + 16), *model_at(sum + 40)};
        *model_at(sum + 40) = moved[0];
        *model_at(sum + 8) = moved[1];
        *model_at(sum + 16) = moved[2];
        rax += *model_at(sum + 40) + *model_at(sum);
        ++*model_at(sum + 48);
        rax += anywhere(rounds[n].base + rounds[n].index / 8 + 8);
    }
    return rax;
}

static void walks(const char *what, unsigned times, unsigned first, unsigned span)
{
    for (unsigned k = 0; k < times; k++) {
        struct regs r;
        pages_fill();
        for (unsigned n = 0; n < ROUNDS; n++) {
            rounds[n].base = VA + next_random() % PAGES * FAR;
            rounds[n].index = 8 * (first + next_random() % span);
        }
        const u64 wanted = walk_model();
        regs_init(&r, walk, 0);
        r.rsi = (ul)rounds;
        r.rcx = ROUNDS;
        run_expect(&r, VEC_DONE);
        equal("sum", r.rax, wanted);
        pages_compare();
    }
    check("%s", what);
}

/* The sum of two registers, and that of their lower halves, are different addresses. */
CODE(halves, "1: lea (%rdi,%rdx),%eax\n mov 8(%rax),%rbx\n mov 8(%rdi,%rdx),%r9\n"
             "mov %rcx,16(%rdi,%rdx)\n mov 16(%rax),%r11\n mov 16(%rdi,%rdx),%r10\n"
             "dec %rcx\n jnz 1b");

static void sums_of_halves(void)
{
    const ul high = 0x520000000000ul;
    u64 *low = page_alloc(), *whole = page_alloc();
    pte_at(high + (ul)low, 1)[0] = (u64)whole | PTE_P | PTE_W;
    for (unsigned k = 0; k < 3; k++) {
        struct regs r;
        low[1] = 0x1111;
        low[2] = 0x2222;
        whole[1] = 0x3333;
        regs_init(&r, halves, 0);
        r.rdi = high;
        r.rdx = (ul)low;
        r.rcx = 200000;
        run_expect(&r, VEC_DONE);
        equal("by the lower half", r.rbx, 0x1111);
        equal("by the lower half, beside a store", r.r11, 0x2222);
        equal("by the whole", r.r9, 0x3333);
        equal("stored by the whole", whole[2], 1);
        equal("loaded by the whole", r.r10, 1);
    }
    pte_at(high + (ul)low, 1)[0] = 0;
    invlpg(high + (ul)low);
    struct regs r;
    regs_init(&r, halves, 0);
    r.rdi = high;
    r.rdx = (ul)low;
    r.rcx = 200000;
    run_expect(&r, VEC_PF);
    equal("address", r.cr2, high + (ul)low + 8);
    check("sums of whole registers and of their lower halves");
}

/* More pointers than a translator may have numbers for, in one piece of code; rdi stays. */
CODE(many, "xor %eax,%eax\n"
           "1: mov %rsi,%r9\n"
           ".rept 34\n mov (%r9),%rbx\n add (%rbx),%rax\n add 8(%rbx),%rax\n add $8,%r9\n .endr\n"
           "add (%rdi),%rax\n incq 8(%rdi)\n add 16(%rdi),%rax\n dec %rcx\n jnz 1b");

static void many_pointers(void)
{
    enum { POINTERS = 34, TIMES = 3000 };
    static ul pointers[POINTERS];
    for (unsigned k = 0; k < 8; k++) {
        struct regs r;
        u64 sum = 0;
        const ul stays = VA + 4096 - 8 * (k % 4);
        pages_fill();
        for (unsigned n = 0; n < POINTERS; n++) {
            pointers[n] = VA + n % PAGES * FAR + 8 * (next_random() % 400);
            sum += *model_at(pointers[n]) + *model_at(pointers[n] + 8);
        }
        sum += *model_at(stays) + *model_at(stays + 16);
        regs_init(&r, many, 0);
        r.rsi = (ul)pointers;
        r.rdi = stays;
        r.rcx = TIMES;
        *model_at(stays + 8) += TIMES;
        run_expect(&r, VEC_DONE);
        equal("sum", r.rax, sum * TIMES);
        pages_compare();
    }
    check("many pointers in a row, and one at the edge of two pages");
}

/* In: rdi and rdx a sum that is a multiple of 16, r8 whether the other way is taken. Not in a loop:
 * what never comes back to its head is not translated with it. */
CODE(odd_sum, "movaps (%rdi,%rdx),%xmm0\n test %r8,%r8\n jz 1f\n"
              "movaps 8(%rdx,%rdi),%xmm1\n"
              "1: movaps 32(%rdi,%rdx),%xmm2");
CODE(odd_base, "movaps (%rdi),%xmm0\n test %r8,%r8\n jz 1f\n"
               "movaps 24(%rdi),%xmm1\n"
               "1: movaps 32(%rdi),%xmm2");

static void misaligned(const char *what, const char *code)
{
    for (unsigned k = 0; k < 40; k++) {
        struct regs r;
        regs_init(&r, code, 0);
        r.rdi = VA;
        r.rdx = 64;
        r.r8 = k % 3 == 0;
        run_expect(&r, r.r8 ? VEC_GP : VEC_DONE);
    }
    check("%s", what);
}

void test_main(void)
{
    pages_map();
    walks("sums within a page", 300, 0, WORDS - 8);
    walks("sums at the edge of two pages", 20, WORDS - 8, 9);
    sums_of_halves();
    many_pointers();
    misaligned("one of a sum's addresses is misaligned", odd_sum);
    misaligned("one of a base's addresses is misaligned", odd_base);
}
