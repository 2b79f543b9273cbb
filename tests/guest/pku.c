/*
 * Protection keys for user pages: RDPKRU and WRPKRU, what PKRU denies and to whom, that it counts
 * at once whatever is cached, and its place in the XSAVE area. Expected results are computed from
 * the rules of the SDM's paging chapter.
 */
#include "lib/guest.h"

#define VA 0x500000000000ul /* PML4 index 160: no other mapping */
enum { CR4_PKE_BIT = 1 << 22, PF_PK = 0x20, PAGES = 16, XCR0_PKRU = 1 << 9 };
enum { AD = 1, WD = 2 };

CODE(code_read, "mov (%rsi),%al");
CODE(code_write, "movb $0xc3,(%rsi)");
CODE(code_call, "call *%rsi");
CODE(code_rdpkru, "rdpkru");
CODE(code_wrpkru, "wrpkru");
/* Opens a page, adds to it, closes it, RDI times; then touches it closed. */
CODE(code_toggle, "1: mov %r8d,%eax\n xor %ecx,%ecx\n xor %edx,%edx\n wrpkru\n addq $1,(%rsi)\n"
                  "mov %r9d,%eax\n wrpkru\n dec %rdi\n jnz 1b\n addq $1,(%rsi)");
/* Reads from two pages in turn with the first one closed half way: RCX tells where. */
CODE(code_loop,
     "xor %ebx,%ebx\n 1: mov (%rsi),%eax\n mov 0x1000(%rsi),%eax\n inc %ebx\n"
     "cmp $50000,%ebx\n jne 2f\n mov %r8d,%eax\n xor %ecx,%ecx\n xor %edx,%edx\n wrpkru\n"
     "2: cmp $100000,%ebx\n jne 1b");
CODE(code_xsave, "xsave64 (%rsi)");
CODE(code_xsavec, "xsavec64 (%rsi)");
CODE(code_xrstor, "xrstor64 (%rsi)");

static u8 *pages;

static u64 with_key(u64 bits, unsigned key)
{
    return bits | (u64)key << 59;
}

static void map(unsigned n, u64 bits)
{
    *pte_at(VA + n * 0x1000, 1) = ((u64)pages + n * 0x1000) | bits;
    invlpg(VA + n * 0x1000);
}

static void wrpkru(u32 value)
{
    asm volatile("wrpkru" ::"a"(value), "c"(0), "d"(0) : "memory");
}

static u32 rdpkru(void)
{
    u32 a, d;
    asm volatile("rdpkru" : "=a"(a), "=d"(d) : "c"(0));
    return a;
}

static void instructions(void)
{
    struct regs r;
    for (int cpl = 0; cpl <= 3; cpl += 3) {
        regs_init(&r, code_rdpkru, cpl);
        r.rcx = 0;
        run_expect(&r, VEC_UD);
        regs_init(&r, code_wrpkru, cpl);
        r.rcx = r.rdx = r.rax = 0;
        run_expect(&r, VEC_UD);
    }
    equal("OSPKE", cpuid(7, 0).c >> 4 & 1, 0);
    check("without CR4.PKE RDPKRU and WRPKRU are #UD");
    write_cr4(read_cr4() | CR4_PKE_BIT);
    equal("OSPKE", cpuid(7, 0).c >> 4 & 1, 1);
    check("CPUID tells CR4.PKE");
    for (int cpl = 0; cpl <= 3; cpl += 3) {
        regs_init(&r, code_wrpkru, cpl);
        r.rax = 0x1234567890abcdf0, r.rcx = 0xffffffff00000000, r.rdx = 0xffffffff00000000;
        run_expect(&r, VEC_DONE);
        equal("RAX", r.rax, 0x1234567890abcdf0);
        regs_init(&r, code_rdpkru, cpl);
        r.rax = r.rdx = ~0ul, r.rcx = 1ul << 32;
        run_expect(&r, VEC_DONE);
        equal("RAX", r.rax, 0x90abcdf0);
        equal("RDX", r.rdx, 0);
    }
    check("RDPKRU reads what WRPKRU wrote, at each level");
    regs_init(&r, code_rdpkru, 3);
    r.rcx = 1;
    run_expect(&r, VEC_GP);
    regs_init(&r, code_wrpkru, 3);
    r.rcx = 1, r.rdx = 0;
    run_expect(&r, VEC_GP);
    regs_init(&r, code_wrpkru, 3);
    r.rcx = 0, r.rdx = 1;
    run_expect(&r, VEC_GP);
    equal("PKRU", rdpkru(), 0x90abcdf0);
    check("RDPKRU needs ECX clear, WRPKRU ECX and EDX");
    wrpkru(0);
}

enum { READ, WRITE, FETCH };

/* Error code by the rules, -1: allowed. The page allows everything but for its key. */
static int rule(bool user_page, unsigned rights, bool user, int access, bool wp)
{
    int code = PF_P | (user ? PF_U : 0) | (access == WRITE ? PF_W : 0);
    if (!user_page)
        return user ? code | (access == FETCH ? PF_I : 0) : -1;
    if (access == FETCH)
        return -1;
    if (rights & AD || (access == WRITE && rights & WD && (user || wp)))
        return code | PF_PK;
    return -1;
}

static void access(unsigned page, bool user, int kind, int want, unsigned key, unsigned rights)
{
    struct regs r;
    static const char *const names[] = {"read", "write", "fetch"};
    const char *code = kind == READ ? code_read : kind == WRITE ? code_write : code_call;
    regs_init(&r, code, user ? 3 : 0);
    r.rsi = VA + page * 0x1000 + 0x123;
    run(&r);
    if (want < 0 ? r.vec == VEC_DONE : r.vec == VEC_PF && r.err == (ul)want && r.cr2 == r.rsi)
        return;
    complain("%s %s, key %u, rights %u: vector %lu error %lx cr2 %lx, expected %x",
             user ? "user" : "supervisor", names[kind], key, rights, r.vec, r.err, r.cr2, want);
}

static void permissions(bool wp)
{
    const ul cr0 = read_cr0();
    write_cr0(wp ? cr0 | CR0_WP : cr0 & ~(ul)CR0_WP);
    for (unsigned key = 1; key < PAGES; key++)
        for (int user_page = 0; user_page < 2; user_page++) {
            map(key, with_key(PTE_P | PTE_W | (user_page ? PTE_U : 0), key));
            for (unsigned n = 0; n < 8; n++) { /* each after each other */
                const unsigned rights = n * 5 % 4;
                /* what other keys say does not matter */
                wrpkru((0xfffffffcu & ~(3u << 2 * key)) | rights << 2 * key);
                for (int user = 0; user < 2; user++)
                    for (int kind = READ; kind <= FETCH; kind++)
                        access(key, user, kind, rule(user_page, rights, user, kind, wp), key,
                               rights);
            }
        }
    wrpkru(0);
    write_cr0(cr0);
    check("each key, right, page and access, nothing flushed between, CR0.WP %s",
          wp ? "set" : "clear");
}

static void key_zero(void)
{
    map(0, PTE_P | PTE_W | PTE_U);
    for (unsigned rights = 0; rights < 4; rights++) {
        for (int user = 0; user < 2; user++)
            for (int kind = READ; kind <= FETCH; kind++) {
                /* The stack of user code has key 0, too: only its reads and writes of VA. */
                wrpkru(0);
                access(0, user, kind, -1, 0, 0);
                wrpkru(rights);
                if (kind != FETCH)
                    access(0, user, kind, rule(true, rights, user, kind, true), 0, rights);
            }
    }
    wrpkru(0);
    check("key 0 is a key like others");
}

static void cached(void)
{
    struct regs r;
    volatile u64 *va = (volatile u64 *)VA;
    map(0, with_key(PTE_P | PTE_W | PTE_U, 3));
    *va = 0;
    regs_init(&r, code_toggle, 3);
    r.rsi = VA, r.rdi = 1000, r.r8 = 0, r.r9 = AD << 6;
    run_expect(&r, VEC_PF);
    equal("error", r.err, PF_P | PF_W | PF_U | PF_PK);
    equal("RDI", r.rdi, 0);
    wrpkru(0);
    equal("count", *va, 1000);
    check("a page that is opened and closed a thousand times");
    regs_init(&r, code_toggle, 3);
    r.rsi = VA, r.rdi = 1000, r.r8 = 0, r.r9 = WD << 6;
    run_expect(&r, VEC_PF);
    equal("error", r.err, PF_P | PF_W | PF_U | PF_PK);
    wrpkru(0);
    equal("count", *va, 2000);
    check("likewise for writes only");

    map(1, with_key(PTE_P | PTE_W | PTE_U, 4));
    regs_init(&r, code_loop, 3);
    r.rsi = VA, r.r8 = AD << 8;
    run_expect(&r, VEC_PF);
    equal("rounds", r.rbx, 50000);
    equal("cr2", r.cr2, VA + 0x1000);
    equal("error", r.err, PF_P | PF_U | PF_PK);
    check("a loop loses its right to one of two pages");
    wrpkru(0);

    /* Another address space has the same pages. */
    const ul root = read_cr3();
    u64 *other = page_alloc();
    memcpy(other, (void *)root, 4096);
    regs_init(&r, code_read, 3);
    r.rsi = VA;
    run_expect(&r, VEC_DONE);
    write_cr3((ul)other);
    regs_init(&r, code_read, 3);
    r.rsi = VA;
    run_expect(&r, VEC_DONE);
    wrpkru(AD << 6);
    write_cr3(root);
    regs_init(&r, code_read, 3);
    r.rsi = VA;
    run_expect(&r, VEC_PF);
    check("PKRU counts in every address space");
    wrpkru(0);

    wrpkru(AD << 6);
    write_cr4(read_cr4() & ~(ul)CR4_PKE_BIT);
    regs_init(&r, code_read, 3);
    r.rsi = VA;
    run_expect(&r, VEC_DONE);
    write_cr4(read_cr4() | CR4_PKE_BIT);
    regs_init(&r, code_read, 3);
    r.rsi = VA;
    run_expect(&r, VEC_PF);
    check("keys count while CR4.PKE is set");
    wrpkru(0);
}

static void set_xcr0(u32 value)
{
    asm volatile("xsetbv" ::"a"(value), "d"(0), "c"(0));
}

static u32 xgetbv(u32 n)
{
    u32 a, d;
    asm volatile("xgetbv" : "=a"(a), "=d"(d) : "c"(n));
    return a;
}

static void run_xsave(const char *code, u8 *area, u32 what)
{
    struct regs r;
    regs_init(&r, code, 0);
    r.rsi = (ul)area, r.rax = what, r.rdx = 0;
    run_expect(&r, VEC_DONE);
}

static void state(void)
{
    struct cpuid c = cpuid(0xd, 0), pkru = cpuid(0xd, 9);
    if (!(cpuid(1, 0).c >> 26 & 1) || !(c.a & XCR0_PKRU)) {
        skip("XSAVE of PKRU", "not in CPUID");
        return;
    }
    u8 *area = pages_alloc(2);
    write_cr4(read_cr4() | CR4_OSXSAVE);
    equal("size", pkru.a, 8);
    equal("user state", pkru.c & 1, 0);
    set_xcr0(3);
    equal("size without PKRU", cpuid(0xd, 0).b, 576);
    set_xcr0(3 | XCR0_PKRU);
    equal("size with PKRU", cpuid(0xd, 0).b, pkru.b + 8);
    if (c.c < pkru.b + 8)
        complain("size of all: %u", c.c);
    check("CPUID leaf 0D tells where PKRU is");

    wrpkru(0x55555550);
    run_xsave(code_xsave, area, 3 | XCR0_PKRU);
    equal("XSTATE_BV", *(u64 *)(area + 512) & XCR0_PKRU, XCR0_PKRU);
    equal("PKRU", *(u32 *)(area + pkru.b), 0x55555550);
    wrpkru(0);
    run_xsave(code_xrstor, area, XCR0_PKRU);
    equal("PKRU", rdpkru(), 0x55555550);
    *(u64 *)(area + 512) &= ~(u64)XCR0_PKRU;
    run_xsave(code_xrstor, area, 3);
    equal("PKRU when not asked for", rdpkru(), 0x55555550);
    run_xsave(code_xrstor, area, XCR0_PKRU);
    equal("PKRU in its initial state", rdpkru(), 0);
    check("XSAVE and XRSTOR of PKRU");

    if (cpuid(0xd, 1).a >> 2 & 1) {
        equal("in use", xgetbv(1) & XCR0_PKRU, 0);
        wrpkru(4);
        equal("in use", xgetbv(1) & XCR0_PKRU, XCR0_PKRU);
        check("XGETBV tells whether PKRU is in use");
    }
    if (cpuid(0xd, 1).a >> 1 & 1) {
        memset(area, 0, 4096);
        wrpkru(0xc);
        run_xsave(code_xsavec, area, 3 | XCR0_PKRU);
        equal("XCOMP_BV", *(u64 *)(area + 520), 1ull << 63 | 3 | XCR0_PKRU);
        equal("PKRU", *(u32 *)(area + 576), 0xc);
        wrpkru(0);
        run_xsave(code_xrstor, area, 3 | XCR0_PKRU);
        equal("PKRU", rdpkru(), 0xc);
        if (c.a & 4) {
            set_xcr0(7 | XCR0_PKRU);
            equal("compact size", cpuid(0xd, 1).b, 576 + 256 + 8);
            wrpkru(0x30);
            run_xsave(code_xsavec, area, 7 | XCR0_PKRU);
            equal("PKRU behind AVX", *(u32 *)(area + 576 + 256), 0x30);
            wrpkru(0);
            run_xsave(code_xrstor, area, 7 | XCR0_PKRU);
            equal("PKRU", rdpkru(), 0x30);
        }
        check("XSAVEC and XRSTOR of PKRU in the compact form");
    }
    /* XRSTOR takes rights away as WRPKRU does. */
    struct regs r;
    memset(area, 0, 4096);
    wrpkru(AD << 6);
    run_xsave(code_xsave, area, XCR0_PKRU);
    wrpkru(0);
    map(0, with_key(PTE_P | PTE_W | PTE_U, 3));
    regs_init(&r, code_read, 3);
    r.rsi = VA;
    run_expect(&r, VEC_DONE);
    run_xsave(code_xrstor, area, XCR0_PKRU);
    regs_init(&r, code_read, 3);
    r.rsi = VA;
    run_expect(&r, VEC_PF);
    check("XRSTOR of PKRU counts at once");
    wrpkru(0);
    set_xcr0(3);
}

void test_main(void)
{
    if (!(cpuid(7, 0).c >> 3 & 1)) {
        skip("protection keys", "not in CPUID");
        return;
    }
    pages = pages_alloc(PAGES);
    memset(pages, 0xc3, PAGES * 4096);
    instructions();
    permissions(true);
    permissions(false);
    key_zero();
    cached();
    state();
}
