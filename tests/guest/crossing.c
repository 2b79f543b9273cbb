/*
 * Accesses and instructions that lie across two pages: the right bytes, the right page blamed,
 * nothing written when either half faults.
 */
#include "lib/guest.h"

#define VA 0x500000000000ul
#define EDGE (VA + 0x1000)

static u8 *first, *second; /* pages that are not neighbours in memory */

static void map(u64 bits1, u64 bits2)
{
    *pte_at(VA, 1) = (u64)first | bits1;
    *pte_at(VA + 0x1000, 1) = (u64)second | bits2;
    invlpg(VA);
    invlpg(EDGE);
}
#define RW (PTE_P | PTE_W | PTE_U)
#define RO (PTE_P | PTE_U)

static void fill(void)
{
    for (unsigned i = 0; i < 4096; i++)
        first[i] = (u8)(i * 7 + 1), second[i] = (u8)(i * 13 + 5);
}

static u8 byte_at(ul va)
{
    return va < EDGE ? first[va - VA] : second[va - EDGE];
}

static u64 value_at(ul va, unsigned size)
{
    u64 v = 0;
    for (unsigned i = 0; i < size; i++)
        v |= (u64)byte_at(va + i) << 8 * i;
    return v;
}

CODE(ld2, "xor %eax,%eax\n mov (%rsi),%ax");
CODE(ld4, "mov (%rsi),%eax");
CODE(ld8, "mov (%rsi),%rax");
CODE(ld16, "movdqu (%rsi),%xmm0\n movq %xmm0,%rax\n pextrq $1,%xmm0,%rdx");
CODE(st2, "mov %ax,(%rsi)");
CODE(st4, "mov %eax,(%rsi)");
CODE(st8, "mov %rax,(%rsi)");
CODE(st16, "movq %rax,%xmm0\n movq %rdx,%xmm1\n punpcklqdq %xmm1,%xmm0\n movdqu %xmm0,(%rsi)");
CODE(add2, "add %ax,(%rsi)");
CODE(add4, "add %eax,(%rsi)");
CODE(add8, "add %rax,(%rsi)");
CODE(xadd8, "lock xadd %rax,(%rsi)");
CODE(xchg8, "xchg %rax,(%rsi)");
CODE(cx8, "lock cmpxchg8b (%rsi)");
CODE(cx, "lock cmpxchg %rcx,(%rsi)");
CODE(push8, "mov %rsi,%rsp\n push %rax");
CODE(pop8, "mov %rsi,%rsp\n pop %rax");
CODE(fst10, "fldpi\n fstpt (%rsi)");
CODE(fxsave512, "fxsave64 (%rsi)");
CODE(fxrstor512, "fxrstor64 (%rsi)");
CODE(bts_far, "bts %rcx,(%rsi)");
CODE(movaps_at, "movaps (%rsi),%xmm0");

static const struct {
    unsigned size;
    const char *load, *store, *add;
} sizes[] = {{2, ld2, st2, add2}, {4, ld4, st4, add4}, {8, ld8, st8, add8}, {16, ld16, st16, NULL}};

static void loads_and_stores(void)
{
    for (unsigned s = 0; s < 4; s++) {
        unsigned size = sizes[s].size;
        for (unsigned k = 0; k <= size; k++) {
            ul va = EDGE - k;
            struct regs r;
            u64 mask = size >= 8 ? ~0ull : (1ull << size * 8) - 1;
            fill();
            map(RW, RW);
            regs_init(&r, sizes[s].load, 3);
            r.rsi = va;
            r.rdx = 0;
            run_expect(&r, VEC_DONE);
            equal("loaded", r.rax, value_at(va, size > 8 ? 8 : size));
            if (size == 16)
                equal("loaded high", r.rdx, value_at(va + 8, 8));
            regs_init(&r, sizes[s].store, 3);
            r.rsi = va, r.rax = 0x1122334455667788, r.rdx = 0x99aabbccddeeff00;
            run_expect(&r, VEC_DONE);
            equal("stored", value_at(va, size > 8 ? 8 : size), 0x1122334455667788 & mask);
            if (size == 16)
                equal("stored high", value_at(va + 8, 8), 0x99aabbccddeeff00);
            equal("byte before", byte_at(va - 1), (u8)((va - 1 - VA) * 7 + 1));
            if (sizes[s].add) {
                regs_init(&r, sizes[s].add, 3);
                r.rsi = va, r.rax = 0x0101010101010101;
                run_expect(&r, VEC_DONE);
                equal("added", value_at(va, size), 0x1223344556677889 & mask);
            }
        }
        check("%u bytes at every offset across the edge", size);
    }
}

static void faults(void)
{
    static const struct {
        const char *name, *code;
        unsigned size;
        bool write, read_too;
    } t[] = {
        {"load", ld8, 8, false, false}, {"SSE load", ld16, 16, false, false},
        {"store", st8, 8, true, false}, {"SSE store", st16, 16, true, false},
        {"add", add8, 8, true, true},   {"locked xadd", xadd8, 8, true, true},
        {"xchg", xchg8, 8, true, true}, {"cmpxchg8b", cx8, 8, true, true},
        {"cmpxchg", cx, 8, true, true}, {"x87 store", fst10, 10, true, false},
    };
    for (unsigned i = 0; i < sizeof t / sizeof *t; i++) {
        for (unsigned k = 1; k < t[i].size; k++)
            for (unsigned m = 0; m < 4; m++) {
                /* 0, 1: that half absent; 2, 3: that half read-only */
                if (m >= 2 && !t[i].write)
                    continue;
                struct regs r, w;
                fill();
                u64 b1 = m == 0 ? 0 : m == 2 ? RO : RW, b2 = m == 1 ? 0 : m == 3 ? RO : RW;
                map(b1, b2);
                regs_init(&r, t[i].code, 3);
                r.rsi = EDGE - k;
                w = r;
                if (!run_expect(&r, VEC_PF))
                    continue;
                equal("cr2", r.cr2, m & 1 ? EDGE : r.rsi);
                equal("error", r.err, PF_U | (m >= 2 ? PF_P : 0) | (t[i].write ? PF_W : 0));
                equal("rax", r.rax, w.rax);
                if (t[i].code == fst10)
                    continue; /* may be two stores */
                for (unsigned j = 0; j < 4096; j++)
                    if (first[j] != (u8)(j * 7 + 1) || second[j] != (u8)(j * 13 + 5)) {
                        complain("memory changed at %u, split %u", j, k);
                        break;
                    }
            }
        check("%s across a page that is absent or read-only: exact and nothing written", t[i].name);
    }
    struct regs r;
    map(0, 0);
    regs_init(&r, ld8, 3);
    r.rsi = EDGE - 3;
    run_expect(&r, VEC_PF);
    equal("cr2", r.cr2, EDGE - 3);
    check("with both halves absent the first is blamed");
    map(RW, RW);
    *pte_at(VA, 1) &= ~PTE_U;
    invlpg(VA);
    regs_init(&r, ld8, 3);
    r.rsi = EDGE - 3;
    run_expect(&r, VEC_PF);
    equal("error", r.err, PF_P | PF_U);
    check("a supervisor page as first half");
}

static void others(void)
{
    struct regs r;
    fill();
    map(RW, RW);
    regs_init(&r, push8, 3);
    r.rsi = EDGE + 3, r.rax = 0x0102030405060708;
    run_expect(&r, VEC_DONE);
    equal("pushed", value_at(EDGE - 5, 8), 0x0102030405060708);
    regs_init(&r, pop8, 3);
    r.rsi = EDGE - 5;
    run_expect(&r, VEC_DONE);
    equal("popped", r.rax, 0x0102030405060708);
    check("PUSH and POP across the edge");

    fill();
    for (int i = -4; i <= 4; i++) {
        regs_init(&r, bts_far, 3);
        r.rsi = EDGE - 4, r.rcx = (ul)(long)(i * 64 + 35);
        ul at = EDGE - 4 + (ul)(long)i * 8 + 4;
        u8 before = byte_at(at);
        run_expect(&r, VEC_DONE);
        equal("CF", r.rflags & 1, before >> 3 & 1);
        equal("bit set", byte_at(at), before | 8);
    }
    check("BTS with a register offset reaches the neighbouring words");

    map(RW, 0);
    regs_init(&r, fxsave512, 3);
    r.rsi = EDGE - 256;
    run_expect(&r, VEC_PF);
    equal("cr2", r.cr2 & ~0xffful, EDGE);
    equal("error", r.err, PF_W | PF_U);
    regs_init(&r, fxrstor512, 3);
    r.rsi = EDGE - 256;
    run_expect(&r, VEC_PF);
    equal("cr2", r.cr2 & ~0xffful, EDGE);
    check("FXSAVE and FXRSTOR across an absent page");

    map(RW, RW);
    for (unsigned i = 1; i < 16; i++) {
        regs_init(&r, movaps_at, 3);
        r.rsi = VA + 0x100 + i;
        run_expect(&r, VEC_GP);
        equal("error", r.err, 0);
    }
    check("MOVAPS at an odd address is #GP(0)");
    map(0, 0);
    regs_init(&r, movaps_at, 3);
    r.rsi = VA + 0x108;
    run_expect(&r, VEC_GP);
    check("the alignment check of MOVAPS comes before the page fault");
}

/* ---- instructions across the edge ---- */

static void put_code(ul va, const char *code, unsigned len)
{
    for (unsigned i = 0; i < len; i++)
        *(va + i < EDGE ? &first[va + i - VA] : &second[va + i - EDGE]) = (u8)code[i];
}

static void instructions(void)
{
    /* lock addl $imm32,disp32(%rsi,%rax,8) is 12 bytes: F0 81 84 C6 disp imm */
    static const char insn[] = "\xf0\x81\x84\xc6\x10\x00\x00\x00\x01\x02\x03\x04"
                               "\xcd\x40"; /* int $0x40 */
    u8 *data = page_alloc();
    *pte_at(VA + 0x8000, 1) = (u64)data | RW;
    struct regs r;
    for (unsigned k = 0; k <= 13; k++) {
        for (int repeat = 0; repeat < 3; repeat++) {
            *(u32 *)(data + 0x10 + 8) = 5;
            map(RO, RO);
            put_code(EDGE - k, insn, 14);
            regs_init(&r, NULL, 3);
            r.rip = EDGE - k, r.rsi = VA + 0x8000, r.rax = 1;
            run_expect(&r, VEC_DONE);
            equal("result", *(u32 *)(data + 0x18), 0x04030206);
            equal("rip", r.rip, EDGE - k + 14);
        }
        /* second page absent */
        map(RO, 0);
        regs_init(&r, NULL, 3);
        r.rip = EDGE - k, r.rsi = VA + 0x8000, r.rax = 1;
        *(u32 *)(data + 0x18) = 5;
        run_expect(&r, VEC_PF);
        equal("cr2", r.cr2, EDGE);
        equal("error", r.err, PF_U | PF_I);
        equal("rip", r.rip, k >= 12 ? EDGE - k + 12 : EDGE - k);
        equal("data", *(u32 *)(data + 0x18), k >= 12 ? 0x04030206 : 5);
        /* present again at another frame: the same address gets other bytes */
        map(RO, RO);
        u8 *other = page_alloc();
        memcpy(other, second, 4096);
        if (k >= 1 && k <= 11) {
            /* The last byte of the immediate changes. */
            other[11 - k] = 0x70;
            *pte_at(EDGE, 1) = (u64)other | RO;
            invlpg(EDGE);
            *(u32 *)(data + 0x18) = 5;
            regs_init(&r, NULL, 3);
            r.rip = EDGE - k, r.rsi = VA + 0x8000, r.rax = 1;
            run_expect(&r, VEC_DONE);
            equal("result with the other second page", *(u32 *)(data + 0x18), 0x70030206);
        }
    }
    check(
        "an instruction across the edge at each offset, with its second page there, gone, changed");

    /* No-execute second page. */
    map(RO, RO | PTE_NX);
    put_code(EDGE - 5, insn, 14);
    regs_init(&r, NULL, 3);
    r.rip = EDGE - 5, r.rsi = VA + 0x8000, r.rax = 1;
    run_expect(&r, VEC_PF);
    equal("error", r.err, PF_P | PF_U | PF_I);
    equal("cr2", r.cr2, EDGE);
    check("an instruction whose second half may not be executed");

    /* Straight code over the edge, and a jump over it and back. */
    map(RO, RO);
    static const char ten_inc[] = "\xff\xc0\xff\xc0\xff\xc0\xff\xc0\xff\xc0\xcd\x40";
    for (unsigned k = 0; k < 11; k++) {
        put_code(EDGE - k, ten_inc, 12);
        regs_init(&r, NULL, 3);
        r.rip = EDGE - k, r.rax = 0;
        run_expect(&r, VEC_DONE);
        equal("rax", r.rax, 5);
    }
    check("straight code over the edge");

    /* An instruction that ends exactly at the edge with the next page absent. */
    map(RO, 0);
    put_code(EDGE - 2, "\xff\xc0", 2);
    regs_init(&r, NULL, 3);
    r.rip = EDGE - 2, r.rax = 0;
    run_expect(&r, VEC_PF);
    equal("rip", r.rip, EDGE);
    equal("rax", r.rax, 1);
    equal("cr2", r.cr2, EDGE);
    check("running off the end of a page");

    /* 16 bytes of prefixes are too many; the check needs the bytes of both pages. */
    map(RO, RO);
    static const char long_insn[] =
        "\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x90";
    put_code(EDGE - 8, long_insn, 16);
    regs_init(&r, NULL, 3);
    r.rip = EDGE - 8;
    run_expect(&r, VEC_GP);
    equal("error", r.err, 0);
    equal("rip", r.rip, EDGE - 8);
    put_code(EDGE - 8, long_insn + 1, 15);
    put_code(EDGE + 7, "\xcd\x40", 2);
    regs_init(&r, NULL, 3);
    r.rip = EDGE - 8;
    run_expect(&r, VEC_DONE);
    check("15 bytes are an instruction, 16 are #GP(0)");
}

/* From near the end of a page as far forward as an instruction can say: from the page's start that
 * is more than 31 bits. */
static void far_jumps(void)
{
    static const struct {
        const char *name, *code;
        unsigned size;
    } forms[] = {
        {"jmp", "\xe9\xff\xff\xff\x7f", 5},
        {"call", "\xe8\xff\xff\xff\x7f", 5},
        {"jz, taken", "\x0f\x84\xff\xff\xff\x7f", 6},
    };
    for (unsigned n = 0; n < sizeof forms / sizeof *forms; n++) {
        ul target = VA + 0xff0 + forms[n].size + 0x7fffffff;
        struct regs r;
        map(RW, RW);
        *pte_at(target, 1) = (u64)second | RW;
        invlpg(target);
        put_code(VA + 0xff0, forms[n].code, forms[n].size);
        memcpy(second + (target & 0xfff), "\xcd\x40", 2);
        for (unsigned again = 0; again < 3; again++) {
            regs_init(&r, NULL, 3);
            r.rip = VA + 0xff0, r.rflags |= FLAG_ZF;
            run_expect(&r, VEC_DONE);
            equal("rip", r.rip, target + 2);
        }
        check("%s of almost 2 GiB", forms[n].name);
    }
}

/*
 * One page of code at two addresses, with different pages behind it. The first way in is the same
 * code, so whatever is remembered of where it leads must be of its address.
 */
static ul call_at(ul va)
{
    ul result;
    asm volatile("call *%1" : "=a"(result) : "r"(va) : "rcx", "rdx", "memory", "cc");
    return result;
}

static void aliases(void)
{
    enum { COUNT = 10, STRIDE = 0x10000, IN = 0xff0 };
    u8 *code = page_alloc();
    /* nop ...: on into the next page */
    memset(code, 0x90, 4096);
    /* at 0x100: jmp to 0x1010, in the next page; at 0x200: call of 0x1020, and a return */
    static const u8 jump[] = {0xe9, 0x0b, 0x0f, 0, 0}, call[] = {0xe8, 0x1b, 0x0e, 0, 0, 0xc3};
    memcpy(code + 0x100, jump, sizeof jump);
    memcpy(code + 0x200, call, sizeof call);
    /* mov eax, imm32 whose last two bytes are in the next page */
    static const u8 straddle[] = {0xb8, 0x00, 0x01};
    memcpy(code + 0xffd, straddle, sizeof straddle);
    for (ul n = 0; n < COUNT; n++) {
        u8 *next = page_alloc();
        /* the rest of the mov, ret; mov eax, n + 10; ret; mov eax, n + 20; ret */
        const u8 rest[] = {(u8)n, 0, 0xc3}, at10[] = {0xb8, (u8)(n + 10), 0, 0, 0, 0xc3},
                 at20[] = {0xb8, (u8)(n + 20), 0, 0, 0, 0xc3};
        memcpy(next, rest, sizeof rest);
        memcpy(next + 0x10, at10, sizeof at10);
        memcpy(next + 0x20, at20, sizeof at20);
        *pte_at(VA + n * STRIDE, 1) = (u64)code | PTE_P | PTE_W;
        *pte_at(VA + n * STRIDE + 0x1000, 1) = (u64)next | PTE_P | PTE_W;
        invlpg(VA + n * STRIDE);
        invlpg(VA + n * STRIDE + 0x1000);
    }
    for (int turns = 0; turns < 200; turns++)
        for (ul n = 0; n < COUNT; n++)
            equal("jump", call_at(VA + n * STRIDE + 0x100), n + 10);
    check("a jump into the next page, from one page at ten addresses");
    for (int turns = 0; turns < 200; turns++)
        for (ul n = 0; n < COUNT; n++)
            equal("call", call_at(VA + n * STRIDE + 0x200), n + 20);
    check("a call into the next page, from one page at ten addresses");
    for (int turns = 0; turns < 200; turns++)
        for (ul n = 0; n < COUNT; n++)
            equal("mov", call_at(VA + n * STRIDE + IN), n << 16 | 0x100);
    check("an instruction across the edge, in one page at ten addresses");
    /* Each hot by itself, then the next. */
    for (ul n = 0; n < COUNT; n++)
        for (int turns = 0; turns < 20000; turns++) {
            if (call_at(VA + n * STRIDE + 0x100) != n + 10)
                complain("jump at %lu, turn %d", n, turns);
            if (call_at(VA + n * STRIDE + 0x200) != n + 20)
                complain("call at %lu, turn %d", n, turns);
        }
    check("each of them many times, one after the other");
    for (ul n = 0; n < COUNT; n++) {
        *pte_at(VA + n * STRIDE, 1) = 0;
        *pte_at(VA + n * STRIDE + 0x1000, 1) = 0;
        invlpg(VA + n * STRIDE);
        invlpg(VA + n * STRIDE + 0x1000);
    }
}

void test_main(void)
{
    first = page_alloc();
    page_alloc();
    second = page_alloc();
    loads_and_stores();
    faults();
    others();
    instructions();
    far_jumps();
    aliases();
}
