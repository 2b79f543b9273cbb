/*
 * Loads of CR3 that find the tables changed, in guests that load it all the time: whatever wrote an
 * entry, at whatever level, the first access after the load sees it. What happens before a load
 * that drops nothing is not held: the SDM allows both.
 */
#define VA 0x500000000000ul    /* PML4 index 160: no other mapping */
#define ALIAS 0x510000000000ul /* where tests see tables a second time */
#include "reload.h"

CODE(code_write, "movb $1,(%rsi)");
CODE(code_read, "mov (%rsi),%al");

static u64 *entry[2][5]; /* of VA in each root, by level */

static u64 *at(ul cr3, ul va, unsigned level)
{
    ul present = read_cr3();
    write_cr3(cr3);
    u64 *e = pte_at(va, level);
    write_cr3(present);
    return e;
}

/* Two roots that differ in what is below VA. */
static void make_roots(void)
{
    u64 *pml4 = (u64 *)(read_cr3() & ~0xffful), *second = page_alloc();
    make_pages();
    pte_at(ALIAS, 1); /* shared by both */
    memcpy(second, pml4, 4096);
    root[0] = (ul)pml4, root[1] = (ul)second;
    for (unsigned k = 0; k < 2; k++)
        for (unsigned l = 4; l; l--) {
            entry[k][l] = at(root[k], VA, l);
            if (l == 1)
                *entry[k][1] = (u64)page[k] | PTE_P | PTE_W | PTE_U;
        }
    write_cr3(root[0]);
}

static void restore(void)
{
    for (unsigned k = 0; k < 2; k++)
        *entry[k][1] = (u64)page[k] | PTE_P | PTE_W | PTE_U;
    write_cr3(root[1]);
    write_cr3(root[0]);
    invlpg(VA);
}

static void leaf(void)
{
    alternate(ROUNDS);
    check("two roots in turn");
    for (unsigned n = 0; n < ROUNDS; n++) {
        unsigned k = n & 1, p = n % 4;
        *entry[k][1] = (u64)page[p] | PTE_P | PTE_W | PTE_U;
        write_cr3(root[k]);
        equal("byte", byte(), 10 + p);
        equal("code", call(), 10 + p);
    }
    check("an entry changed before the load of its root");
    restore();
    for (unsigned n = 0; n < ROUNDS; n++) {
        unsigned k = n & 1, p = n % 4;
        write_cr3(root[k]);
        byte();
        *entry[!k][1] = (u64)page[p] | PTE_P | PTE_W | PTE_U;
        write_cr3(root[!k]);
        equal("byte", byte(), 10 + p);
        equal("code", call(), 10 + p);
    }
    check("an entry of the root that is not loaded");
    restore();
    for (unsigned n = 0; n < ROUNDS; n++) {
        *entry[0][1] = (u64)page[n % 4] | PTE_P | PTE_W | PTE_U;
        write_cr3(root[0]);
        equal("byte", byte(), 10 + n % 4);
        if (n % 50 == 0)
            restore(), alternate(2 * ROUNDS), write_cr3(root[0]);
    }
    restore();
    check("the same root loaded again");
}

/* Entries that become empty and are filled again, some between loads, some in pieces. */
static void empty(void)
{
    struct regs r;
    alternate(ROUNDS);
    for (unsigned n = 0; n < ROUNDS; n++) {
        u64 *e = entry[0][1], v = (u64)page[n % 4] | PTE_P | PTE_W | PTE_U;
        *e = 0;
        if (n % 3 == 1) {
            write_cr3(root[0]);
            regs_init(&r, code_read, 3);
            r.rsi = VA;
            run_expect(&r, VEC_PF);
        }
        if (n % 2) {
            *e = v;
        } else { /* the valid bit comes last */
            ((volatile u32 *)e)[1] = (u32)(v >> 32);
            ((volatile u16 *)e)[1] = (u16)(v >> 16);
            ((volatile u8 *)e)[1] = (u8)(v >> 8);
            ((volatile u8 *)e)[0] = (u8)v;
        }
        write_cr3(root[0]);
        equal("byte", byte(), 10 + n % 4);
        equal("code", call(), 10 + n % 4);
        if (n % 8 == 7)
            restore(), alternate(4), write_cr3(root[0]);
    }
    restore();
    check("an entry emptied and filled");
}

/* Upper levels: another table in the place of the one there was. */
static void upper(void)
{
    for (unsigned level = 2; level <= 4; level++) {
        alternate(ROUNDS);
        u64 keep = *entry[0][level];
        u64 *copy[5] = {0};
        u64 down = 0;
        for (unsigned l = 1; l < level; l++) { /* a second way down, to page 2 */
            copy[l] = page_alloc();
            copy[l][0] = l == 1 ? (u64)page[2] | PTE_P | PTE_W | PTE_U : down;
            down = (u64)copy[l] | PTE_P | PTE_W | PTE_U;
        }
        for (unsigned n = 0; n < 20; n++) {
            *entry[0][level] = n & 1 ? keep : down;
            write_cr3(root[0]);
            equal("byte", byte(), n & 1 ? 10 : 12);
            write_cr3(root[1]);
            equal("byte in the other", byte(), 11);
        }
        check("another table in an entry of level %u", level);
        *entry[0][level] = down;
        write_cr3(root[0]);
        equal("byte", byte(), 12);
        copy[1][0] = (u64)page[3] | PTE_P | PTE_W | PTE_U;
        write_cr3(root[0]);
        equal("byte", byte(), 13);
        *entry[0][level] = keep;
        write_cr3(root[0]);
        equal("byte", byte(), 10);
        check("an entry in the table that replaced another at level %u", level);
    }
}

/* The ways to write. */
static void writers(void)
{
    static const char *const names[] = {
        "a byte",    "a word within",      "XCHG",     "LOCK CMPXCHG", "REP MOVSB",
        "REP STOSQ", "an unaligned store", "an alias", "LOCK OR"};
    *pte_at(ALIAS, 1) = ((u64)entry[0][1] & ~0xfffull) | PTE_P | PTE_W;
    write_cr3(root[0]);
    u64 *alias = (u64 *)(ALIAS + ((ul)entry[0][1] & 0xfff));
    for (unsigned way = 0; way < 9; way++) {
        for (unsigned n = 0; n < 4; n++) {
            restore();
            alternate(ROUNDS);
            write_cr3(root[0]);
            equal("before", byte(), 10);
            u64 *e = entry[0][1], v = (u64)page[1 + n % 3] | PTE_P | PTE_W | PTE_U, old = *e;
            switch (way) {
            case 0:
                ((volatile u8 *)e)[1] = (u8)(v >> 8);
                ((volatile u8 *)e)[2] = (u8)(v >> 16);
                break;
            case 1:
                *(volatile u32 *)((u8 *)e + 1) = (u32)(v >> 8);
                break;
            case 2:
                asm volatile("xchg %0,%1" : "+r"(v), "+m"(*e)::"memory");
                break;
            case 3:
                asm volatile("lock cmpxchg %2,%1" : "+a"(old), "+m"(*e) : "r"(v) : "memory");
                break;
            case 4: {
                void *d = e, *s = &v;
                ul c = 8;
                asm volatile("rep movsb" : "+D"(d), "+S"(s), "+c"(c)::"memory");
                break;
            }
            case 5: {
                void *d = e;
                ul c = 2;
                asm volatile("rep stosq" : "+D"(d), "+c"(c) : "a"(v) : "memory");
                e[1] = 0;
                break;
            }
            case 6: /* the upper bytes of the one, the lower of the next */
                *(volatile u64 *)((u8 *)e + 1) = v >> 8;
                break;
            case 7:
                *(volatile u64 *)alias = v;
                break;
            case 8:
                *e = 0;
                asm volatile("lock orq %1,%0" : "+m"(*e) : "r"(v) : "memory");
                break;
            }
            write_cr3(root[0]);
            equal("after", byte(), page[1 + n % 3][0]);
            equal("code", call(), page[1 + n % 3][0]);
        }
        check("an entry written by %s", names[way]);
    }
    *pte_at(ALIAS, 1) = 0;
    restore();
}

static void rights(void)
{
    struct regs r;
    for (unsigned n = 0; n < 10; n++) {
        alternate(20);
        write_cr3(root[0]);
        regs_init(&r, code_write, 3);
        r.rsi = VA + 32;
        run_expect(&r, VEC_DONE);
        *entry[0][1] &= ~(u64)PTE_W;
        write_cr3(root[0]);
        regs_init(&r, code_write, 3);
        r.rsi = VA + 32;
        run_expect(&r, VEC_PF);
        equal("error", r.err, PF_P | PF_W | PF_U);
        *entry[0][1] |= PTE_W;
        *entry[0][1] &= ~(u64)PTE_U;
        write_cr3(root[0]);
        regs_init(&r, code_read, 3);
        r.rsi = VA;
        run_expect(&r, VEC_PF);
        equal("error", r.err, PF_P | PF_U);
        *entry[0][1] = 0;
        write_cr3(root[0]);
        regs_init(&r, code_call, 3);
        r.rsi = VA + 16;
        run_expect(&r, VEC_PF);
        equal("cr2", r.cr2, VA + 16);
        restore();
    }
    check("rights taken away");
    for (unsigned n = 0; n < 10; n++) {
        alternate(20);
        write_cr3(root[0]);
        *(volatile u8 *)(VA + 33) = 1;
        *entry[0][1] &= ~(u64)(PTE_A | PTE_D);
        write_cr3(root[0]);
        byte();
        equal("A after a read", *entry[0][1] & (PTE_A | PTE_D), PTE_A);
        *(volatile u8 *)(VA + 33) = 1;
        equal("A and D after a write", *entry[0][1] & (PTE_A | PTE_D), PTE_A | PTE_D);
        *entry[0][2] &= ~(u64)PTE_A;
        write_cr3(root[0]);
        byte();
        equal("A of the level above", *entry[0][2] & PTE_A, PTE_A);
    }
    check("accessed and dirty bits that were cleared");
}

/* A page that was a table, then data, then a table. */
static void reuse(void)
{
    alternate(ROUNDS);
    u64 *table = (u64 *)((ul)entry[0][1] & ~0xffful), *other = page_alloc();
    u64 keep = *entry[0][2];
    memcpy(other, table, 4096);
    for (unsigned round = 0; round < 4; round++) {
        *entry[0][2] = (u64)other | PTE_P | PTE_W | PTE_U;
        write_cr3(root[0]);
        equal("byte", byte(), 10);
        for (unsigned k = 0; k < 3; k++)
            for (unsigned n = 0; n < 512; n++)
                *(volatile u64 *)&table[n] = n * k;
        for (unsigned n = 0; n < 512; n++)
            equal("data", table[n], 2 * n);
        memset(table, 0, 4096);
        table[0] = (u64)page[round] | PTE_P | PTE_W | PTE_U;
        *entry[0][2] = keep;
        write_cr3(root[0]);
        equal("byte", byte(), 10 + round);
        table[0] = (u64)page[3 - round] | PTE_P | PTE_W | PTE_U;
        write_cr3(root[0]);
        equal("byte", byte(), 13 - round);
        restore();
        alternate(20);
    }
    check("a table becomes data and a table again");

    /* Many entries at once. */
    for (unsigned n = 1; n < 512; n++)
        table[n] = (u64)page[n % 4] | PTE_P | PTE_W;
    write_cr3(root[0]);
    for (unsigned n = 1; n < 512; n++)
        equal("byte", *(volatile u8 *)(VA + n * 4096), 10 + n % 4);
    for (unsigned n = 1; n < 512; n++)
        table[n] = (u64)page[(n + 1) % 4] | PTE_P | PTE_W;
    write_cr3(root[1]);
    write_cr3(root[0]);
    for (unsigned n = 1; n < 512; n++)
        equal("byte", *(volatile u8 *)(VA + n * 4096), 10 + (n + 1) % 4);
    for (unsigned n = 1; n < 512; n++)
        table[n] = 0;
    restore();
    check("all entries of a table");

    /* The table maps itself. */
    alternate(ROUNDS);
    write_cr3(root[0]);
    table[7] = (u64)table | PTE_P | PTE_W;
    write_cr3(root[0]);
    volatile u64 *self = (volatile u64 *)(VA + 7 * 4096);
    for (unsigned n = 0; n < 2 * ROUNDS; n++) {
        self[0] = (u64)page[n % 4] | PTE_P | PTE_W | PTE_U;
        write_cr3(root[0]);
        equal("byte", byte(), 10 + n % 4);
    }
    table[7] = 0;
    restore();
    check("a table written through its own mapping");
}

static void global_pages(void)
{
    write_cr4(read_cr4() | CR4_PGE);
    for (unsigned n = 0; n < 8; n++) {
        for (unsigned k = 0; k < 2; k++)
            *entry[k][1] = (u64)page[n % 4] | PTE_P | PTE_W | PTE_U | PTE_G;
        for (unsigned k = 0; k < 2; k++) {
            write_cr3(root[k]);
            invlpg(VA);
        }
        for (unsigned k = 0; k < 40; k++) {
            write_cr3(root[k & 1]);
            equal("byte", byte(), 10 + n % 4);
            equal("code", call(), 10 + n % 4);
        }
        unsigned p = (n + 1) % 4;
        for (unsigned k = 0; k < 2; k++)
            *entry[k][1] = (u64)page[p] | PTE_P | PTE_W | PTE_U | PTE_G;
        invlpg(VA); /* in the one: it is global, so it counts for the other */
        write_cr3(root[n & 1]);
        equal("byte", byte(), 10 + p);
        equal("code", call(), 10 + p);
        write_cr3(root[!(n & 1)]);
        equal("byte", byte(), 10 + p);
    }
    check("INVLPG of a global page counts in every root");
    for (unsigned k = 0; k < 2; k++) {
        *entry[k][1] = (u64)page[k] | PTE_P | PTE_W | PTE_U;
        write_cr3(root[k]);
        invlpg(VA);
    }
    write_cr4(read_cr4() & ~(ul)CR4_PGE);
    restore();
}

/* More roots than anybody keeps. */
static void many_roots(void)
{
    enum { MANY = 40 };
    ul many[MANY];
    u64 *leaf_entry[MANY];
    for (unsigned n = 0; n < MANY; n++) {
        u64 *pml4 = page_alloc();
        memcpy(pml4, (void *)root[0], 4096);
        pml4[VA >> 39 & 511] = 0;
        many[n] = (ul)pml4;
        leaf_entry[n] = at(many[n], VA, 1);
        *leaf_entry[n] = (u64)page[n % 4] | PTE_P | PTE_W | PTE_U;
    }
    for (unsigned round = 0; round < 8; round++)
        for (unsigned n = 0; n < MANY; n++) {
            *leaf_entry[n] = (u64)page[(n + round) % 4] | PTE_P | PTE_W | PTE_U;
            for (unsigned k = 0; k < 3; k++) {
                write_cr3(many[n]);
                equal("byte", byte(), 10 + (n + round) % 4);
                write_cr3(many[(n + 1) % MANY]);
                byte();
            }
        }
    write_cr3(root[0]);
    check("40 roots");
}

/* A load that drops a tag's translations drops those that another root with the tag left. */
static void same_tag(void)
{
    if (!(cpuid(1, 0).c >> 17 & 1)) {
        skip("one PCID for two roots", "not in CPUID");
        return;
    }
    const ul keep = 1ul << 63;
    write_cr3(root[0]);
    write_cr4(read_cr4() | CR4_PCIDE);
    for (unsigned n = 0; n < 8; n++) {
        *entry[0][1] = (u64)page[0] | PTE_P | PTE_W | PTE_U;
        write_cr3(root[0] | 1);
        equal("byte", byte(), 10);
        *entry[0][1] = (u64)page[2] | PTE_P | PTE_W | PTE_U;
        write_cr3(root[1] | 1); /* drops PCID 1 */
        write_cr3(root[0] | 1 | keep);
        equal("byte", byte(), 12);
        write_cr3(root[1] | 2);
        equal("byte", byte(), 11);
        write_cr3(root[0] | 1 | keep);
        equal("byte", byte(), 12);
    }
    write_cr3(root[0]);
    write_cr4(read_cr4() & ~(ul)CR4_PCIDE);
    restore();
    check("one PCID for two roots");
}

/* ---- code that goes over several pages, of which some are elsewhere after a load --------------
 */

enum { CHAIN = 8, VARIANTS = 3, STRADDLES = 3 /* the page into which an instruction reaches */ };
#define CHAIN_VA (VA + 0x10000)

static u8 *chain_page[CHAIN][VARIANTS];

static u8 *put(u8 *p, u8 opcode, u32 operand)
{
    *p++ = opcode;
    memcpy(p, &operand, 4);
    return p + 4;
}

/* Each adds its part of the sum and jumps to the next page; one by an instruction that lies in
 * both.
 */
static void make_chain(void)
{
    for (unsigned n = 0; n < CHAIN; n++)
        for (unsigned v = 0; v < VARIANTS; v++) {
            u8 *page_at = chain_page[n][v] = page_alloc(), *p = page_at;
            if (n == STRADDLES) { /* the rest of ADD's operand */
                *p++ = 0, *p++ = 0, *p++ = (u8)v;
            }
            p = put(p, 0x05, v << 2 * n); /* add $,%eax */
            if (n == CHAIN - 1) {
                *p = 0xc3;
            } else if (n + 1 == STRADDLES) {
                put(p, 0xe9, (u32)(page_at + 4094 - (p + 5)));
                page_at[4094] = 0x05, page_at[4095] = 0;
            } else {
                put(p, 0xe9, (u32)(page_at + 4096 - (p + 5)));
            }
        }
}

static void chain(void)
{
    static u64 *chain_entry[2][CHAIN];
    unsigned variant[2][CHAIN] = {{0}};
    u32 random = 12345;
    make_chain();
    for (unsigned k = 0; k < 2; k++)
        for (unsigned n = 0; n < CHAIN; n++) {
            chain_entry[k][n] = at(root[k], CHAIN_VA + n * 4096, 1);
            *chain_entry[k][n] = (u64)chain_page[n][0] | PTE_P | PTE_U;
        }
    for (unsigned round = 0; round < 3 * ROUNDS; round++) {
        struct regs r;
        unsigned k = round % 5 < 3, missing = CHAIN;
        for (unsigned n = 0; n < CHAIN; n++) {
            random = random * 1103515245 + 12345;
            if (random >> 16 & 3)
                continue;
            variant[k][n] = (random >> 20) % VARIANTS;
            *chain_entry[k][n] = (u64)chain_page[n][variant[k][n]] | PTE_P | PTE_U;
        }
        if (round % 7 == 0) {
            missing = random >> 8 & (CHAIN - 1);
            *chain_entry[k][missing] = 0;
        }
        write_cr3(root[k]);
        if (missing < CHAIN) {
            regs_init(&r, code_call, 3);
            r.rsi = CHAIN_VA;
            run_expect(&r, VEC_PF);
            equal("address of the page that is not there", r.cr2, CHAIN_VA + missing * 4096);
            *chain_entry[k][missing] =
                (u64)chain_page[missing][variant[k][missing]] | PTE_P | PTE_U;
        }
        u32 want = variant[k][STRADDLES] << 24;
        for (unsigned n = 0; n < CHAIN; n++)
            want += variant[k][n] << 2 * n;
        regs_init(&r, code_call, 3);
        r.rsi = CHAIN_VA;
        r.rax = 0;
        run_expect(&r, VEC_DONE);
        equal("sum", r.rax, want);
    }
    check("code over several pages, some of which are elsewhere after a load");
    write_cr3(root[0]);
}

void test_main(void)
{
    make_roots();
    leaf();
    chain();
    empty();
    upper();
    writers();
    rights();
    reuse();
    global_pages();
    many_roots();
    same_tag();
}
