/* Two-level and PAE paging of 32-bit mode: permissions, 4 MiB and 2 MiB pages, wrap of addresses.
 */
#include "lib/guest.h"

#define VA 0x80000000u
enum { READ, WRITE, FETCH };

CODE(code_read, "mov (%esi),%al");
CODE(code_write, "movb $0xc3,(%esi)");
CODE(code_call, "call *%esi");
CODE(code_read4, "mov (%esi),%eax");
CODE(code_write4, "mov %eax,(%esi)");

static u32 *dir, *table;    /* two-level */
static u64 *pdpt, *pd, *pt; /* PAE */
static u8 *page;

static int rule(u64 bits, bool user, int access, bool wp, bool nx, bool pae_nx)
{
    int code =
        (user ? PF_U : 0) | (access == WRITE ? PF_W : 0) | (access == FETCH && pae_nx ? PF_I : 0);
    if (!(bits & PTE_P))
        return code;
    code |= PF_P;
    if (user && !(bits & PTE_U))
        return code;
    if (access == WRITE && !(bits & PTE_W) && (user || wp))
        return code;
    if (access == FETCH && nx && pae_nx)
        return code;
    return -1;
}

static void try_one(u64 bits, bool user, int access, int want)
{
    struct regs r;
    const char *code = access == READ ? code_read : access == WRITE ? code_write : code_call;
    regs_init(&r, code, user ? 3 : 0);
    r.esi = VA + 0x345;
    run(&r);
    if (want < 0 ? r.vec != VEC_DONE : r.vec != VEC_PF || r.err != (ul)want || r.cr2 != VA + 0x345)
        complain("bits %llx %s access %d: vector %lu error %lx cr2 %lx, expected %d",
                 (unsigned long long)bits, user ? "user" : "supervisor", access, r.vec, r.err,
                 r.cr2, want);
}

static void two_level(void)
{
    dir = page_alloc(), table = page_alloc();
    for (u32 i = 0; i < 1024; i++)
        dir[i] = i << 22 | 0x87; /* 4 MiB pages, user: this code runs at both levels */
    dir[VA >> 22] = (u32)table | 7;
    table[0] = (u32)page | 7;
    write_cr4(read_cr4() | CR4_PSE | CR4_PGE);
    write_cr3((ul)dir);
    write_cr0(read_cr0() | CR0_PG | CR0_WP);
    for (int level = 0; level < 2; level++)
        for (int wp = 0; wp < 2; wp++) {
            write_cr0((read_cr0() & ~(ul)CR0_WP) | (wp ? CR0_WP : 0));
            for (u32 m = 0; m < 8; m++)
                for (int user = 0; user < 2; user++)
                    for (int access = READ; access <= FETCH; access++) {
                        dir[VA >> 22] = (u32)table | (level ? m : 7);
                        table[0] = (u32)page | (level ? 7 : m);
                        invlpg(VA);
                        try_one(m, user, access, rule(m, user, access, wp, false, false));
                    }
            check("two levels: permissions in the %s, WP %s", level ? "directory" : "table",
                  wp ? "set" : "clear");
        }
    dir[VA >> 22] = (u32)table | 7;
    table[0] = (u32)page | 7;
    table[1] = 0;
    invlpg(VA);
    volatile u32 *v = (volatile u32 *)VA;
    (void)*v;
    equal("A and D of the table", table[0] & 0x60, 0x20);
    equal("A of the directory", dir[VA >> 22] & 0x20, 0x20);
    v[0] = 0xc3c3c3c3;
    equal("A and D after a write", table[0] & 0x60, 0x60);
    check("two levels: A and D");

    /* 4 MiB page */
    volatile u8 *big = (volatile u8 *)0x2000000;
    dir[(VA >> 22) + 1] = (u32)big | 0x83;
    invlpg(VA + 0x400000);
    big[0x123456] = 0x77;
    equal("byte", *(volatile u8 *)(VA + 0x400000 + 0x123456), 0x77);
    equal("A", dir[(VA >> 22) + 1] & 0x60, 0x20);
    *(volatile u8 *)(VA + 0x7fffff) = 0x55;
    equal("stored", big[0x3fffff], 0x55);
    equal("A and D", dir[(VA >> 22) + 1] & 0x60, 0x60);
    check("4 MiB pages");
    struct regs r;
    dir[(VA >> 22) + 1] = (u32)big | 0x87 | 1 << 21;
    invlpg(VA + 0x400000);
    regs_init(&r, code_read, 3);
    r.esi = VA + 0x400000;
    run_expect(&r, VEC_PF);
    equal("error", r.err, PF_P | PF_RSVD | PF_U);
    check("bit 21 of a 4 MiB entry is reserved");
    table[0] = (u32)page | 7;
    table[1] = 0;
    invlpg(VA + 0x1000);
    for (unsigned k = 1; k < 4; k++) {
        regs_init(&r, code_write4, 3);
        r.esi = VA + 0x1000 - k;
        u32 before = *(u32 *)(page + 0xffc);
        run_expect(&r, VEC_PF);
        equal("cr2", r.cr2, VA + 0x1000);
        equal("memory", *(u32 *)(page + 0xffc), before);
    }
    check("a store across to an absent page");

    /* The last byte of the address space and the first are neighbours. */
    u32 *t2 = page_alloc();
    u8 *last = page_alloc(), *first = page_alloc();
    u32 d0 = dir[0], d1 = dir[1023];
    u32 *t0 = page_alloc();
    for (u32 i = 0; i < 1024; i++)
        t0[i] = i << 12 | 7;
    t0[0] = (u32)first | 7;
    t2[1023] = (u32)last | 7;
    for (u32 i = 0; i < 1023; i++)
        t2[i] = (1023u << 22 | i << 12) | 7;
    memset(last, 0x11, 4096);
    memset(first, 0x22, 4096);
    dir[0] = (u32)t0 | 7, dir[1023] = (u32)t2 | 7;
    write_cr3((ul)dir);
    regs_init(&r, code_read4, 3);
    r.esi = 0xfffffffe;
    run(&r);
    /* An access past the limit of a flat segment: #GP is as good as wrapping (SDM: implementations
     * differ), wrong bytes are not. */
    if (r.vec == VEC_DONE)
        equal("bytes", r.eax, 0x22221111);
    else
        equal("vector", r.vec, VEC_GP);
    dir[0] = d0, dir[1023] = d1;
    write_cr3((ul)dir);
    check("an access over the end of the address space");

    write_cr0(read_cr0() & ~CR0_PG);
    v = (volatile u32 *)page;
    v[1] = 5;
    equal("without paging", *(u32 *)(page + 4), 5);
    check("paging off again");
}

static void pae(void)
{
    pdpt = page_alloc(), pt = page_alloc();
    pd = pages_alloc(4);
    for (u32 i = 0; i < 2048; i++)
        pd[i] = (u64)i << 21 | 0x87;
    for (u32 i = 0; i < 4; i++)
        pdpt[i] = (u32)(pd + 512 * i) | PTE_P;
    u64 *pde = &pd[VA >> 21];
    *pde = (u32)pt | 7;
    pt[0] = (u32)page | 7;
    write_cr4(read_cr4() | CR4_PAE | CR4_PGE);
    write_cr3((ul)pdpt);
    bool nxe = cpuid(0x80000001, 0).d >> 20 & 1;
    if (nxe)
        wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_NXE);
    write_cr0(read_cr0() | CR0_PG | CR0_WP);
    for (int level = 0; level < 2; level++) {
        for (u32 m = 0; m < (nxe ? 16 : 8); m++)
            for (int user = 0; user < 2; user++)
                for (int access = READ; access <= FETCH; access++) {
                    u64 bits = (m & 7) | (m & 8 ? PTE_NX : 0);
                    *pde = (u32)pt | (level ? bits : 7);
                    pt[0] = (u32)page | (level ? 7 : bits);
                    invlpg(VA);
                    try_one(bits, user, access, rule(bits, user, access, true, m & 8, nxe));
                }
        check("PAE: permissions in the %s", level ? "directory" : "table");
    }
    *pde = (u32)pt | 7;
    pt[0] = (u32)page | 7;
    invlpg(VA);
    struct regs r;
    pt[0] |= 1ull << 60; /* bits 52-62 are reserved in PAE mode */
    invlpg(VA);
    regs_init(&r, code_read, 0);
    r.esi = VA;
    run_expect(&r, VEC_PF);
    equal("error", r.err, PF_P | PF_RSVD);
    pt[0] &= ~(1ull << 60);
    check("PAE: bits 52-62 are reserved");

    volatile u8 *big = (volatile u8 *)0x2200000;
    pde[1] = (u32)big | 0x83;
    invlpg(VA + 0x200000);
    big[0x1ffffe] = 0x31;
    equal("byte", *(volatile u8 *)(VA + 0x3ffffe), 0x31);
    check("PAE: 2 MiB pages");

    /* The four PDPTEs are read when CR3 is loaded. */
    u64 save = pdpt[3];
    pdpt[3] = 0;
    invlpg(0xc0000000);
    regs_init(&r, code_read, 0);
    r.esi = 0xc1234567;
    run(&r);
    /* Intel's processors keep the four in registers, AMD's may read them again (APM vol. 2). */
    if (r.vec != VEC_DONE)
        equal("vector", r.vec, VEC_PF);
    write_cr3((ul)pdpt);
    regs_init(&r, code_read, 0);
    r.esi = 0xc1234567;
    run_expect(&r, VEC_PF);
    equal("error", r.err, 0);
    pdpt[3] = save;
    write_cr3((ul)pdpt);
    check("PAE: changed PDPTEs count from the next CR3 load at the latest");
    pdpt[3] = save | 2; /* reserved in a PDPTE */
    equal("vector", (u64)write_cr_safe(3, (ul)pdpt), VEC_GP);
    pdpt[3] = save;
    check("PAE: a reserved bit in a PDPTE makes the CR3 load #GP(0)");
    write_cr0(read_cr0() & ~CR0_PG);
    write_cr4(read_cr4() & ~(ul)CR4_PAE);
    check("PAE: off again");
}

void test_main(void)
{
    page = page_alloc();
    memset(page, 0xc3, 4096);
    two_level();
    pae();
}
