/*
 * String instructions: results for every width and direction, faults in the middle with registers
 * that let the instruction go on, wrap of the counters, overlapping moves.
 */
#include "lib/guest.h"

#define VA 0x500000000000ul
static u8 *pages[4];

CODE(stosb, "rep stosb");
CODE(stosw, "rep stosw");
CODE(stosl, "rep stosl");
CODE(stosq, "rep stosq");
CODE(movsb, "rep movsb");
CODE(movsw, "rep movsw");
CODE(movsl, "rep movsl");
CODE(movsq, "rep movsq");
CODE(lodsb, "rep lodsb");
CODE(lodsq, "rep lodsq");
CODE(scasb_ne, "repne scasb");
CODE(scasb_e, "repe scasb");
CODE(scasq_ne, "repne scasq");
CODE(cmpsb_e, "repe cmpsb");
CODE(cmpsb_ne, "repne cmpsb");
CODE(cmpsq_e, "repe cmpsq");
CODE(movsb_one, "movsb");
CODE(stosb32, "addr32 rep stosb");
CODE(insb, "rep insb");
CODE(outsb, "rep outsb");

static void map_pages(unsigned present)
{
    for (unsigned i = 0; i < 4; i++) {
        *pte_at(VA + i * 4096, 1) = (u64)pages[i] | (present >> i & 1 ? PTE_P | PTE_W | PTE_U : 0);
        invlpg(VA + i * 4096);
    }
}

static u8 *at(ul off)
{
    return &pages[off >> 12][off & 4095];
}

static void fill(void)
{
    for (ul i = 0; i < 0x4000; i++)
        *at(i) = (u8)(i * 31 + (i >> 8) * 7 + 3);
}
static u8 filled(ul i)
{
    return (u8)(i * 31 + (i >> 8) * 7 + 3);
}

static void stos(void)
{
    static const struct {
        const char *code;
        unsigned size;
    } t[] = {{stosb, 1}, {stosw, 2}, {stosl, 4}, {stosq, 8}};
    for (unsigned i = 0; i < 4; i++) {
        for (int df = 0; df < 2; df++) {
            struct regs r;
            unsigned size = t[i].size;
            const unsigned n = 700;
            fill();
            map_pages(15);
            regs_init(&r, t[i].code, 3);
            ul start = df ? 0x3000 - 5 : 0x0ffd;
            r.rdi = VA + start, r.rcx = n, r.rax = 0x1122334455667788;
            r.rflags |= df ? FLAG_DF : 0;
            run_expect(&r, VEC_DONE);
            equal("rcx", r.rcx, 0);
            long step = df ? -(long)size : (long)size;
            equal("rdi", r.rdi, VA + start + (ul)(step * n));
            ul lo = df ? start - (n - 1) * size : start, hi = lo + n * size;
            for (ul o = 0; o < 0x4000; o++) {
                u8 want = o >= lo && o < hi ? (u8)(0x1122334455667788 >> 8 * ((o - lo) % size))
                                            : filled(o);
                if (*at(o) != want) {
                    complain("byte %lx is %x, expected %x", o, *at(o), want);
                    break;
                }
            }
        }
        check("REP STOS of %u bytes, both directions, over pages", t[i].size);
    }
}

static void movs(void)
{
    static const struct {
        const char *code;
        unsigned size;
    } t[] = {{movsb, 1}, {movsw, 2}, {movsl, 4}, {movsq, 8}};
    static u8 want[0x4000];
    /* Distances that overlap in ways a block move gets wrong. */
    static const long dist[] = {1,  2,  3,    4,    7,  8,  9,  15, 16,
                                17, 64, 1000, 4096, -1, -3, -8, -9, -100};
    for (unsigned i = 0; i < 4; i++) {
        unsigned size = t[i].size;
        for (unsigned d = 0; d < sizeof dist / sizeof *dist; d++)
            for (int df = 0; df < 2; df++) {
                struct regs r;
                const unsigned n = 4000 / size;
                fill();
                map_pages(15);
                ul src = df ? 0x2f00 : 0x1003, dst = src + (ul)dist[d];
                for (ul o = 0; o < 0x4000; o++)
                    want[o] = filled(o);
                ul s = src, e = dst;
                for (unsigned k = 0; k < n; k++) {
                    u8 tmp[8];
                    for (unsigned b = 0; b < size; b++)
                        tmp[b] = want[s + b];
                    for (unsigned b = 0; b < size; b++)
                        want[e + b] = tmp[b];
                    s = df ? s - size : s + size, e = df ? e - size : e + size;
                }
                regs_init(&r, t[i].code, 3);
                r.rsi = VA + src, r.rdi = VA + dst, r.rcx = n;
                r.rflags |= df ? FLAG_DF : 0;
                run_expect(&r, VEC_DONE);
                equal("rcx", r.rcx, 0);
                equal("rsi", r.rsi, VA + s);
                equal("rdi", r.rdi, VA + e);
                for (ul o = 0; o < 0x4000; o++)
                    if (*at(o) != want[o]) {
                        complain("distance %ld, DF %d: byte %lx is %x, expected %x", dist[d], df, o,
                                 *at(o), want[o]);
                        break;
                    }
            }
        check("REP MOVS of %u bytes with every overlap and direction", size);
    }
}

static void faults(void)
{
    struct regs r;
    for (int df = 0; df < 2; df++) {
        fill();
        map_pages(df ? 12 : 3);
        regs_init(&r, stosl, 3);
        r.rdi = VA + (df ? 0x2102 : 0x1f02), r.rcx = 1000, r.rax = 0xaabbccdd;
        r.rflags |= df ? FLAG_DF : 0;
        run_expect(&r, VEC_PF);
        /* up: 0x1f02, ... the last whole one at 0x1ffa, 0x1ffe straddles. down: 0x2102 ... 0x2002
         * is fine, 0x1ffe straddles. */
        unsigned done = df ? 65 : 63;
        equal("rcx", r.rcx, 1000 - done);
        equal("rdi", r.rdi, VA + 0x1ffe);
        equal("cr2", r.cr2, VA + (df ? 0x1ffe : 0x2000));
        equal("rip", r.rip, USER(stosl));
        equal("error", r.err, PF_W | PF_U);
        equal("nothing of the straddling store", *at(df ? 0x2000 : 0x1ffe),
              filled(df ? 0x2000 : 0x1ffe));
        map_pages(15);
        r.rflags |= df ? FLAG_DF : 0;
        run_expect(&r, VEC_DONE);
        equal("rcx", r.rcx, 0);
    }
    check("REP STOS stops at the fault with RCX and RDI of that iteration, and goes on");

    for (int which = 0; which < 2; which++) {
        fill();
        map_pages(which ? 13 : 7); /* page 1 (source) or page 3 (destination) absent */
        regs_init(&r, movsb, 3);
        r.rsi = VA + 0xf80, r.rdi = VA + 0x2f40, r.rcx = 0x200;
        run_expect(&r, VEC_PF);
        ul done = which ? 0x80 : 0xc0;
        equal("rcx", r.rcx, 0x200 - done);
        equal("rsi", r.rsi, VA + 0xf80 + done);
        equal("rdi", r.rdi, VA + 0x2f40 + done);
        equal("cr2", r.cr2, which ? VA + 0x1000 : VA + 0x3000);
        equal("error", r.err, which ? PF_U : PF_W | PF_U);
        for (ul o = 0; o < done; o++)
            if (*at(0x2f40 + o) != filled(0xf80 + o)) {
                complain("byte %lx not moved", o);
                break;
            }
    }
    check("REP MOVSB stops at a fault of source or destination");

    fill();
    map_pages(1);
    regs_init(&r, scasb_ne, 3);
    memset(at(0xf00), 1, 0x100);
    r.rdi = VA + 0xf00, r.rcx = 0x1000, r.rax = 0;
    r.rflags |= FLAG_ZF | FLAG_CF;
    run_expect(&r, VEC_PF);
    equal("rcx", r.rcx, 0xf00);
    equal("rdi", r.rdi, VA + 0x1000);
    equal("cr2", r.cr2, VA + 0x1000);
    map_pages(3);
    *at(0x1000) = 1, *at(0x1001) = 0;
    run_expect(&r, VEC_DONE);
    equal("rcx at the match", r.rcx, 0xefe);
    equal("ZF", r.rflags & FLAG_ZF, FLAG_ZF);
    check("REPNE SCASB over a page that comes later");

    map_pages(7);
    for (ul o = 0; o < 0x2000; o++)
        *at(o) = 5;
    for (ul o = 0x2000; o < 0x3000; o++)
        *at(o) = 5;
    regs_init(&r, cmpsb_e, 3);
    map_pages(5);
    r.rsi = VA + 0xff0, r.rdi = VA + 0x2000, r.rcx = 100;
    run_expect(&r, VEC_PF);
    equal("rcx", r.rcx, 84);
    equal("rsi", r.rsi, VA + 0x1000);
    map_pages(7);
    *at(0x2020) = 6;
    run_expect(&r, VEC_DONE);
    equal("rcx", r.rcx, 100 - 0x21);
    equal("flags", r.rflags & FLAG_ARITH, FLAG_CF | FLAG_AF | FLAG_SF | FLAG_PF);
    check("REPE CMPSB with a fault, then a difference");
}

static void edges(void)
{
    struct regs r, w;
    map_pages(0);
    static const char *const codes[] = {stosb, movsb, lodsb, scasb_ne, cmpsb_e, stosq};
    for (unsigned i = 0; i < 6; i++) {
        regs_init(&r, codes[i], 3);
        r.rsi = VA, r.rdi = VA, r.rcx = 0;
        r.rflags |= FLAG_CF | FLAG_OF | FLAG_ZF;
        w = r;
        run_expect(&r, VEC_DONE);
        equal("rdi", r.rdi, w.rdi);
        equal("flags", r.rflags, w.rflags);
    }
    check("a count of 0 touches nothing");
    fill();
    map_pages(15);
    regs_init(&r, lodsb, 3);
    r.rsi = VA + 0x10, r.rcx = 10, r.rax = 0xff00;
    run_expect(&r, VEC_DONE);
    equal("rax", r.rax, 0xff00 | filled(0x19));
    regs_init(&r, lodsq, 3);
    r.rsi = VA + 0xff0, r.rcx = 4;
    run_expect(&r, VEC_DONE);
    equal("rsi", r.rsi, VA + 0x1010);
    equal("rax low", r.rax & 0xff, filled(0x1008));
    check("REP LODS keeps the last");
    /* 32-bit addresses: ECX and EDI only, upper halves cleared. */
    u64 *pde = pte_at(0xa0000000, 2);
    *pde = 0;
    *pte_at(0xa0000000, 1) = (u64)pages[0] | PTE_P | PTE_W | PTE_U;
    *pte_at(0xa0000000, 2) |= PTE_U;
    *pte_at(0xa0000000, 3) |= PTE_U;
    *pte_at(0xa0000000, 4) |= PTE_U;
    invlpg(0xa0000000);
    regs_init(&r, stosb32, 3);
    r.rcx = 0xf00000010, r.rdi = 0xdeada0000000, r.rax = 0x5a;
    run_expect(&r, VEC_DONE);
    equal("rcx", r.rcx, 0);
    equal("rdi", r.rdi, 0xa0000010);
    equal("stored", *at(15), 0x5a);
    check("address size 32 uses ECX and EDI");
    regs_init(&r, movsb_one, 3);
    r.rsi = VA + 5, r.rdi = VA + 0x1000, r.rcx = 77;
    run_expect(&r, VEC_DONE);
    equal("rcx", r.rcx, 77);
    equal("rsi", r.rsi, VA + 6);
    equal("byte", *at(0x1000), *at(5));
    check("without REP RCX is not used");
    map_pages(1);
    regs_init(&r, insb, 0);
    r.rdx = 0x21, r.rdi = VA + 0xffe, r.rcx = 5;
    run_expect(&r, VEC_PF);
    equal("rcx", r.rcx, 3);
    equal("rdi", r.rdi, VA + 0x1000);
    equal("error", r.err, PF_W);
    regs_init(&r, outsb, 0);
    r.rdx = 0x80, r.rsi = VA + 0xffe, r.rcx = 5;
    run_expect(&r, VEC_PF);
    equal("rcx", r.rcx, 3);
    equal("rsi", r.rsi, VA + 0x1000);
    check("REP INSB and REP OUTSB stop at a fault");
}

void test_main(void)
{
    for (unsigned i = 0; i < 4; i++)
        pages[i] = page_alloc(), page_alloc();
    stos();
    movs();
    faults();
    edges();
}
