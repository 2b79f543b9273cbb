/*
 * Self-modifying and cross-modifying code: a store to code counts from the next instruction on,
 * wherever the code and the store are.
 * guest-options: -smp 2
 */
#include "lib/guest.h"

#define VA 0x500000000000ul

static u8 *page, *page2;

static void emit(u8 **p, const char *bytes, unsigned len)
{
    memcpy(*p, bytes, len);
    *p += len;
}

static ul call_code(void *code)
{
    ul rax;
    asm volatile("call *%1"
                 : "=a"(rax)
                 : "r"(code)
                 : "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "memory", "cc");
    return rax;
}

LABEL(same_imm);
LABEL(same_block);
LABEL(next_insn);
LABEL(next_op);
/* Here to be copied: movb into the immediate of a MOV that follows. */
asm(".pushsection .text.snippets, \"ax\"\n"
    "same_block: movb %dil,same_imm+1(%rip)\n"
    "nop\n nop\n nop\n lea 0(%rsi),%rsi\n"
    "same_imm: mov $0x11,%eax\n ret\n"
    ".byte 0x90,0x90\n"
    "next_insn: movb %dil,next_op+1(%rip)\n"
    "next_op: mov $0x22,%eax\n ret\n"
    "smc_end:\n"
    "patching: xor %eax,%eax\n"
    "1: inc %eax\n cmp $10,%eax\n jne 2f\n mov %cx,(%rdi)\n"
    "2: nop\n nop\n"
    "patching_branch: jmp 1b\n"
    "ret\n"
    "patching_end:\n"
    ".popsection");
LABEL(smc_end);
LABEL(patching);
LABEL(patching_branch);
LABEL(patching_end);

static ul call1(void *code, ul arg)
{
    ul rax, d = arg;
    asm volatile("call *%2" : "=a"(rax), "+D"(d) : "r"(code) : "rcx", "rdx", "rsi", "memory", "cc");
    return rax;
}

static void same_block_test(void)
{
    unsigned off = (unsigned)(next_insn - same_block);
    memcpy(page, same_block, (size_t)(smc_end - same_block));
    for (ul i = 0; i < 300; i++)
        equal("value", call1(page, i & 0xff), i & 0xff);
    check("a store to an instruction further on in the same block");
    for (ul i = 0; i < 300; i++)
        equal("value", call1(page + off, i & 0xff), i & 0xff);
    check("a store to the very next instruction");
    /* Straddling two pages. */
    for (unsigned k = 1; k < 14; k++) {
        u8 *at = page + 4096 - k;
        memcpy(at, next_insn, (size_t)(smc_end - next_insn));
        for (ul i = 0; i < 5; i++)
            equal("value", call1(at, i + k), i + k);
    }
    check("the same with the code across two pages");
}

static void rep_store(void)
{
    /* REP STOSB overwrites the code behind it (and stops before itself). */
    u8 *p = page + 0x100;
    emit(&p, "\xb0\x90", 2); /* mov $0x90,%al */
    emit(&p, "\xf3\xaa", 2); /* rep stosb */
    u8 *over = p;
    for (unsigned i = 0; i < 16; i++)
        emit(&p, "\xff\xc2", 2); /* inc %edx */
    emit(&p, "\xc3", 1);
    for (unsigned n = 0; n <= 32; n += 2) {
        for (unsigned i = 0; i < 16; i++)
            over[2 * i] = 0xff, over[2 * i + 1] = 0xc2;
        ul d = 0, c = n, di = (ul)over;
        asm volatile("call *%3" : "+d"(d), "+c"(c), "+D"(di) : "r"(page + 0x100) : "rax", "memory");
        equal("instructions left", d, 16 - n / 2);
    }
    check("REP STOSB over the code that follows it");
}

static void rewrite(void)
{
    /* Code written again and again at one place, as a compiler at run time does. */
    for (u32 i = 0; i < 2000; i++) {
        u8 *p = page + 0x200 + (i % 7) * 16;
        u8 *start = p;
        emit(&p, "\xb8", 1);
        emit(&p, (char *)&i, 4);
        emit(&p, "\xc3", 1);
        equal("value", call_code(start), i);
    }
    check("code rewritten 2,000 times");
    /* Data next to code on one page. */
    u8 *p = page + 0x300;
    emit(&p, "\x31\xc0\xff\xc0\x89\x07\x3d\xe8\x03\x00\x00\x75\xf5\xc3", 14);
    /* xor eax,eax; 1: inc eax; mov eax,(rdi); cmp 1000; jne 1b; ret */
    u32 *data = (u32 *)(page + 0x800);
    equal("value", call1(page + 0x300, (ul)data), 1000);
    equal("data", *data, 1000);
    check("a loop that stores next to itself on its page");
    /* The loop replaces its own backward branch by two NOPs in its tenth turn. */
    memcpy(page + 0x400, patching, (size_t)(patching_end - patching));
    ul rax = 0, di = (ul)page + 0x400 + (ul)(patching_branch - patching), cx = 0x9090;
    asm volatile("call *%3" : "=a"(rax), "+D"(di), "+c"(cx) : "r"(page + 0x400) : "memory", "cc");
    equal("turns", rax, 10);
    check("a loop that takes away its own branch");
}

static void aliases(void)
{
    /* The store goes through another linear address than the fetch. */
    *pte_at(VA, 1) = (u64)page2 | PTE_P | PTE_W;
    *pte_at(VA + 0x1000, 1) = (u64)page2 | PTE_P;
    u8 *w = (u8 *)VA, *x = (u8 *)VA + 0x1000;
    memcpy(w, "\xb8\x00\x00\x00\x00\xc3", 6);
    for (u32 i = 0; i < 100; i++) {
        w[1] = (u8)i;
        equal("value", call_code(x), i);
    }
    check("stores through an alias of the code");
    /* A new mapping under the same address. */
    u8 *a = page_alloc(), *b = page_alloc();
    memcpy(a, "\xb8\x01\x00\x00\x00\xc3", 6);
    memcpy(b, "\xb8\x02\x00\x00\x00\xc3", 6);
    u64 *e = pte_at(VA + 0x2000, 1);
    for (unsigned i = 0; i < 50; i++) {
        *e = (u64)(i & 1 ? b : a) | PTE_P;
        invlpg(VA + 0x2000);
        equal("value", call_code((u8 *)VA + 0x2000), 1 + (i & 1));
    }
    check("the code page exchanged under its address");
    /* Jumps from one page to another whose mapping changes. */
    u8 *from = page_alloc();
    u64 *f = pte_at(VA + 0x3000, 1), *t = pte_at(VA + 0x4000, 1);
    *f = (u64)from | PTE_P;
    from[0] = 0xe9, *(u32 *)(from + 1) = 0x1000 - 5;
    for (unsigned i = 0; i < 50; i++) {
        *t = (u64)(i & 1 ? b : a) | PTE_P;
        invlpg(VA + 0x4000);
        equal("value", call_code((u8 *)VA + 0x3000), 1 + (i & 1));
    }
    check("a jump to a page whose mapping changes");
}

/* Pages that were written at several addresses, some of which others are at by now, become code:
 * each store that comes after is seen. */
static void written_before(void)
{
    enum { MOST = 6, ROUNDS = 40 };
    u8 *other = page_alloc();
    for (unsigned round = 0; round < ROUNDS; round++) {
        const unsigned count = 1 + round % MOST;
        u8 *p = page_alloc(), *x = (u8 *)VA + 0x40000;
        for (unsigned k = 0; k < count; k++) {
            *pte_at(VA + 0x20000 + 0x1000 * k, 1) = (u64)p | PTE_P | PTE_W;
            invlpg(VA + 0x20000 + 0x1000 * k);
            /* 4 MiB further on */
            *pte_at(VA + 0x420000 + 0x1000 * k, 1) = (u64)other | PTE_P | PTE_W;
        }
        *pte_at((ul)x, 1) = (u64)p | PTE_P;
        invlpg((ul)x);
        for (unsigned k = 0; k < count; k++) {
            memcpy((u8 *)VA + 0x20000 + 0x1000 * k, "\xb8\x00\x00\x00\x00\xc3", 6);
            if (round & 1 && k % 2)
                *(volatile u8 *)(VA + 0x420000 + 0x1000 * k) = 1;
        }
        equal("value", call_code(x), 0);
        for (unsigned k = 0; k < count; k++) {
            *(volatile u8 *)(VA + 0x20001 + 0x1000 * k) = (u8)(k + 1);
            equal("value", call_code(x), k + 1);
        }
    }
    check("a page that is written at several addresses becomes code");
}

/* ---- another processor ---- */

static volatile u32 stop, seen_old, seen_bad, laps;

static void runner(unsigned cpu)
{
    (void)cpu;
    while (!stop) {
        ul v = call_code(page2 + 0x100);
        if (v != 0x11111111 && v != 0x22222222)
            seen_bad++;
        laps++;
    }
}

static volatile u32 turn;

static void follower(unsigned cpu)
{
    (void)cpu;
    for (u32 i = 1; i <= 200; i++) {
        while (turn != 2 * i - 1)
            asm volatile("pause");
        asm volatile("cpuid" : : "a"(0) : "rbx", "rcx", "rdx", "memory"); /* serialise */
        if (call_code(page2 + 0x200) != i)
            seen_old++;
        turn = 2 * i;
    }
}

static void other_cpu(void)
{
    if (smp_start(2) < 2) {
        skip("code modified by another processor", "one processor only");
        return;
    }
    memcpy(page2 + 0x100, "\xb8\x11\x11\x11\x11\xc3", 6);
    stop = 0;
    smp_start_on(1, runner);
    for (unsigned i = 0; i < 3000; i++) {
        /* One aligned store exchanges the whole immediate: 4 bytes at 0x...101 are not aligned, so
         * the instruction is placed for it. */
        __atomic_store_n((u64 *)(page2 + 0x100), i & 1 ? 0xc311111111b8ull : 0xc322222222b8ull,
                         __ATOMIC_SEQ_CST);
        while (laps < i / 4)
            asm volatile("pause");
    }
    stop = 1;
    smp_wait(1);
    equal("values that were never written", seen_bad, 0);
    check("code exchanged by one store while another processor runs it");

    turn = 0;
    memcpy(page2 + 0x200, "\xb8\x00\x00\x00\x00\xc3", 6);
    smp_start_on(1, follower);
    for (u32 i = 1; i <= 200; i++) {
        page2[0x201] = (u8)i;
        turn = 2 * i - 1;
        while (turn != 2 * i)
            asm volatile("pause");
    }
    smp_wait(1);
    equal("times the old code ran", seen_old, 0);
    check("code changed by another processor, seen after a handshake");
}

void test_main(void)
{
    page = pages_alloc(2);
    page2 = page_alloc();
    same_block_test();
    rep_store();
    rewrite();
    aliases();
    written_before();
    other_cpu();
}
