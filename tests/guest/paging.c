/*
 * Four-level paging: every combination of permission bits against every kind of access, reserved
 * bits, accessed and dirty bits, page sizes, and what stays in the TLB. Expected results are
 * computed from the rules of the SDM's paging chapter, not from another implementation.
 */
#include "lib/guest.h"

#define VA 0x500000000000ul /* PML4 index 160: no other mapping */
enum { READ, WRITE, FETCH };

CODE(code_read, "mov (%rsi),%al");
CODE(code_write, "movb $0xc3,(%rsi)");
CODE(code_call, "call *%rsi");
CODE(code_rmw, "addb $0,(%rsi)");
CODE(code_stac_read, "stac\n mov (%rsi),%al\n clac");
CODE(code_popf_read, "push %rax\n popfq\n mov (%rsi),%rcx");
CODE(code_stac_loop, "1: clac\n stac\n stac\n mov (%rsi),%rax\n clac\n clac\n dec %ecx\n jnz 1b\n"
                     " test %edx,%edx\n jnz 2f\n stac\n"
                     "2:\n.globl code_stac_last\ncode_stac_last: mov (%rsi),%rax");
LABEL(code_stac_last);
CODE(code_cmpxchg, "lock cmpxchgb %cl,(%rsi)");
CODE(code_clts, "clts");

static u8 *target;    /* the page that VA maps: holds RET */
static u64 *entry[5]; /* entries of VA by level */

static void map_target(void)
{
    target = page_alloc();
    memset(target, 0xc3, 4096);
    for (unsigned l = 4; l; l--) {
        entry[l] = pte_at(VA, l);
        if (l == 1)
            *entry[1] = (u64)target | PTE_P | PTE_W | PTE_U;
    }
}

static void reset_entries(u64 bits)
{
    for (unsigned l = 4; l > 1; l--)
        *entry[l] = (*entry[l] & 0xffffffffff000) | PTE_P | PTE_W | PTE_U;
    *entry[1] = (u64)target | bits;
    write_cr3(read_cr3());
    invlpg(VA); /* it may be global */
}

static const char *access_code(int access)
{
    return access == READ ? code_read : access == WRITE ? code_write : code_call;
}

/* Error code of an access by the rules, or -1 when it is allowed. bits: the AND of all levels. */
static int rule(u64 bits, bool nx, bool present, bool user, int access, ul cr0, ul cr4, bool ac)
{
    int code = (user ? PF_U : 0) | (access == WRITE ? PF_W : 0) | (access == FETCH ? PF_I : 0);
    if (!present)
        return code;
    code |= PF_P;
    bool u = bits & PTE_U;
    if (user && !u)
        return code;
    if (!user && u && access == FETCH && (cr4 & CR4_SMEP))
        return code;
    if (!user && u && access != FETCH && (cr4 & CR4_SMAP) && !ac)
        return code;
    if (access == WRITE && !(bits & PTE_W) && (user || (cr0 & CR0_WP)))
        return code;
    if (access == FETCH && nx)
        return code;
    return -1;
}

static void try_access(bool user, int access, bool ac, int want, u64 bits)
{
    struct regs r;
    const char *code = access_code(access);
    regs_init(&r, code, user ? 3 : 0);
    r.rsi = VA + 0x123;
    if (ac)
        r.rflags |= FLAG_AC;
    run(&r);
    static const char *const names[] = {"read", "write", "fetch"};
    if (want < 0) {
        if (r.vec != VEC_DONE)
            complain("%s %s, bits %llx: vector %lu error %lx cr2 %lx, should pass",
                     user ? "user" : "supervisor", names[access], (unsigned long long)bits, r.vec,
                     r.err, r.cr2);
        return;
    }
    if (r.vec != VEC_PF || r.err != (ul)want || r.cr2 != r.rsi)
        complain("%s %s, bits %llx: vector %lu error %lx cr2 %lx, should be #PF error %x",
                 user ? "user" : "supervisor", names[access], (unsigned long long)bits, r.vec,
                 r.err, r.cr2, want);
    ul ip = access == FETCH ? r.rsi : user ? USER(code) : (ul)code;
    if (r.vec == VEC_PF && r.rip != ip)
        complain("saved RIP is %lx, expected %lx", r.rip, ip);
}

/* P, W, U, NX at one level, all accesses, with the control bits as they are. */
static void matrix(unsigned level, ul cr0, ul cr4, bool ac)
{
    write_cr0(cr0);
    write_cr4(cr4);
    for (unsigned m = 0; m < 16; m++) {
        u64 bits = (m & 1 ? PTE_P : 0) | (m & 2 ? PTE_W : 0) | (m & 4 ? PTE_U : 0);
        bool nx = m & 8;
        reset_entries(PTE_P | PTE_W | PTE_U);
        *entry[level] &= ~7ull;
        *entry[level] |= bits | (nx ? PTE_NX : 0);
        for (int user = 0; user < 2; user++)
            for (int access = READ; access <= FETCH; access++) {
                invlpg(VA);
                /* POPF and IRET at CPL 3 keep AC too, but it only matters to the supervisor. */
                try_access(user, access, ac,
                           rule(bits, nx, bits & PTE_P, user, access, cr0, cr4, ac),
                           bits | (nx ? PTE_NX : 0));
            }
        *entry[level] &= ~PTE_NX;
    }
    write_cr0(read_cr0() | CR0_WP);
    write_cr4(cr4 & ~(ul)(CR4_SMEP | CR4_SMAP));
}

static void permissions(void)
{
    ul cr0 = read_cr0() | CR0_WP, cr4 = read_cr4();
    struct cpuid f = cpuid(7, 0);
    bool smep = f.b >> 7 & 1, smap = f.b >> 20 & 1;
    for (unsigned level = 1; level <= 4; level++) {
        matrix(level, cr0, cr4, false);
        check("permissions at level %u, WP set", level);
        matrix(level, cr0 & ~(ul)CR0_WP, cr4, false);
        check("permissions at level %u, WP clear", level);
    }
    if (smep) {
        matrix(1, cr0, cr4 | CR4_SMEP, false);
        check("permissions with SMEP");
    } else
        skip("permissions with SMEP", "not in CPUID");
    if (smap) {
        matrix(1, cr0, cr4 | CR4_SMAP, false);
        check("permissions with SMAP, AC clear");
        matrix(1, cr0, cr4 | CR4_SMAP, true);
        check("permissions with SMAP, AC set");
        matrix(1, cr0 & ~(ul)CR0_WP, cr4 | CR4_SMAP | CR4_SMEP, false);
        check("permissions with SMAP and SMEP, WP clear");
        struct regs r;
        write_cr4(cr4 | CR4_SMAP);
        reset_entries(PTE_P | PTE_W | PTE_U);
        regs_init(&r, code_stac_read, 0);
        r.rsi = VA;
        run_expect(&r, VEC_DONE);
        equal("AC", r.rflags & FLAG_AC, 0);
        regs_init(&r, code_read, 0);
        r.rsi = VA;
        run_expect(&r, VEC_PF);
        write_cr4(cr4);
        check("STAC opens, CLAC closes access to user pages");
        /* The same code with and without CR4.SMAP; CLAC where AC is clear, STAC where it is set. */
        for (unsigned i = 0; i < 12; i++) {
            const bool on = i % 3 != 1;
            write_cr4(on ? cr4 | CR4_SMAP : cr4);
            regs_init(&r, code_stac_loop, 0);
            r.rsi = VA, r.rcx = 300, r.rdx = i & 1;
            run_expect(&r, on && i & 1 ? VEC_PF : VEC_DONE);
            equal("turns left", r.rcx, 0);
            equal("AC", r.rflags & FLAG_AC, i & 1 ? 0 : FLAG_AC);
            if (on && i & 1)
                equal("rip", r.rip, (ul)code_stac_last);
        }
        write_cr4(cr4);
        check("STAC and CLAC in a loop, with SMAP and without");
        write_cr4(cr4 | CR4_SMAP);
        for (unsigned i = 0; i < 12; i++) {
            regs_init(&r, code_popf_read, 0);
            r.rsi = VA, r.rax = FLAG_FIXED | (i & 1 ? 0 : FLAG_AC);
            r.rflags |= i & 2 ? FLAG_AC : 0;
            run_expect(&r, i & 1 ? VEC_PF : VEC_DONE);
        }
        write_cr4(cr4);
        check("POPF opens and closes access to user pages");
        regs_init(&r, code_stac_read, 3);
        run_expect(&r, VEC_UD);
        equal("rip", r.rip, USER(code_stac_read));
        check("STAC at level 3 is #UD");
    } else
        skip("permissions with SMAP", "not in CPUID");
}

static void without_nxe(void)
{
    struct regs r;
    reset_entries(PTE_P | PTE_W | PTE_U);
    *entry[1] |= PTE_NX;
    wrmsr(MSR_EFER, rdmsr(MSR_EFER) & ~(u64)EFER_NXE);
    invlpg(VA);
    regs_init(&r, code_read, 0);
    r.rsi = VA;
    run_expect(&r, VEC_PF);
    equal("error", r.err, PF_P | PF_RSVD);
    *entry[1] &= ~PTE_NX;
    invlpg(VA);
    *entry[1] |= PTE_P;
    *entry[1] &= ~PTE_P;
    invlpg(VA);
    regs_init(&r, code_call, 3);
    r.rsi = VA;
    run_expect(&r, VEC_PF);
    equal("error of a fetch when neither NXE nor SMEP", r.err, PF_U);
    wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_NXE);
    check("without EFER.NXE bit 63 is reserved and fetches are not told apart");
}

static void reserved_bits(void)
{
    unsigned width = cpuid(0x80000008, 0).a & 0xff;
    for (unsigned level = 1; level <= 4; level++)
        for (int user = 0; user < 2; user++)
            for (int write = 0; write < 2; write++) {
                struct regs r;
                reset_entries(PTE_P | PTE_W | PTE_U);
                if (width < 52)
                    *entry[level] |= 1ull << 51;
                else
                    continue;
                invlpg(VA);
                regs_init(&r, write ? code_write : code_read, user ? 3 : 0);
                r.rsi = VA;
                run_expect(&r, VEC_PF);
                equal("error", r.err, PF_P | PF_RSVD | (user ? PF_U : 0) | (write ? PF_W : 0));
                *entry[level] &= ~(1ull << 51);
            }
    check("physical address bits beyond MAXPHYADDR are reserved at each level");

    struct regs r;
    reset_entries(PTE_P | PTE_W | PTE_U);
    *entry[4] |= PTE_PS;
    invlpg(VA);
    regs_init(&r, code_read, 0);
    r.rsi = VA;
    run_expect(&r, VEC_PF);
    equal("error", r.err, PF_P | PF_RSVD);
    *entry[4] &= ~PTE_PS;
    check("PS in a PML4 entry is reserved");

    u64 old = *entry[2];
    *entry[2] = 0x200000 | PTE_P | PTE_W | PTE_U | PTE_PS | 1 << 13;
    invlpg(VA);
    regs_init(&r, code_read, 0);
    r.rsi = VA;
    run_expect(&r, VEC_PF);
    equal("error", r.err, PF_P | PF_RSVD);
    *entry[2] = old;
    invlpg(VA);
    check("address bits 13-20 of a 2 MiB page are reserved");

    /* A reserved bit in an entry that is not present does not matter. */
    reset_entries(1ull << 51);
    regs_init(&r, code_read, 0);
    r.rsi = VA;
    run_expect(&r, VEC_PF);
    equal("error", r.err, 0);
    check("reserved bits of an absent entry are ignored");
}

static void accessed_dirty(void)
{
    struct regs r;
    reset_entries(PTE_P | PTE_W | PTE_U);
    for (unsigned l = 1; l <= 4; l++)
        equal("A and D before", *entry[l] & (PTE_A | PTE_D), 0);
    regs_init(&r, code_read, 3);
    r.rsi = VA;
    run_expect(&r, VEC_DONE);
    for (unsigned l = 1; l <= 4; l++)
        equal("A and D after a read", *entry[l] & (PTE_A | PTE_D), PTE_A);
    check("a read sets A at every level and D nowhere");

    regs_init(&r, code_write, 3);
    r.rsi = VA;
    run_expect(&r, VEC_DONE);
    equal("A and D of the page", *entry[1] & (PTE_A | PTE_D), PTE_A | PTE_D);
    equal("D of the table", *entry[2] & PTE_D, 0);
    check("a write to a page that was read before sets D");

    reset_entries(PTE_P | PTE_W | PTE_U);
    regs_init(&r, code_rmw, 3);
    r.rsi = VA;
    run_expect(&r, VEC_DONE);
    equal("A and D", *entry[1] & (PTE_A | PTE_D), PTE_A | PTE_D);
    check("a read-modify-write sets D");

    reset_entries(PTE_P | PTE_U);
    regs_init(&r, code_write, 3);
    r.rsi = VA;
    run_expect(&r, VEC_PF);
    equal("D", *entry[1] & PTE_D, 0);
    check("a write that faults does not set D");

    reset_entries(PTE_P | PTE_W | PTE_U);
    target[8] = 1;
    regs_init(&r, code_cmpxchg, 3);
    r.rsi = VA + 8;
    r.rax = 0x55; /* does not match: the old value is written back */
    run_expect(&r, VEC_DONE);
    equal("al", r.rax & 0xff, 1);
    equal("D", *entry[1] & PTE_D, PTE_D);
    check("a locked CMPXCHG that fails writes all the same");
    target[8] = 0xc3;

    reset_entries(PTE_P | PTE_U);
    regs_init(&r, code_cmpxchg, 3);
    r.rsi = VA + 8;
    r.rax = 0x55;
    run_expect(&r, VEC_PF);
    equal("error", r.err, PF_P | PF_W | PF_U);
    check("a CMPXCHG that would fail needs write permission");

    reset_entries(PTE_P | PTE_U);
    regs_init(&r, code_rmw, 3);
    r.rsi = VA;
    run_expect(&r, VEC_PF);
    equal("error", r.err, PF_P | PF_W | PF_U);
    check("a read-modify-write of a read-only page faults as a write");

    reset_entries(PTE_P | PTE_W | PTE_U);
    regs_init(&r, code_call, 0);
    r.rsi = VA;
    run_expect(&r, VEC_DONE);
    equal("A and D", *entry[1] & (PTE_A | PTE_D), PTE_A);
    check("a fetch sets A");

    /* Clearing D and flushing the entry: the next write sets it again. */
    regs_init(&r, code_write, 3);
    r.rsi = VA;
    run_expect(&r, VEC_DONE);
    *entry[1] &= ~(PTE_A | PTE_D);
    invlpg(VA);
    regs_init(&r, code_write, 3);
    r.rsi = VA;
    run_expect(&r, VEC_DONE);
    equal("A and D", *entry[1] & (PTE_A | PTE_D), PTE_A | PTE_D);
    check("cleared A and D are set again after INVLPG");
}

static void large_pages(void)
{
    volatile u8 *area =
        (volatile u8
             *)0x2000000; /* 32 MiB: 2 MiB aligned RAM above what page_alloc() gave so far */
    volatile u8 *va = (volatile u8 *)(VA + 0x40000000);
    u64 *pde = pte_at((ul)va, 2);
    *pde = (u64)area | PTE_P | PTE_W | PTE_PS;
    area[0] = 1, area[0x1fffff] = 2, area[0x12345] = 3;
    equal("first byte", va[0], 1);
    equal("last byte", va[0x1fffff], 2);
    equal("a byte between", va[0x12345], 3);
    equal("A", *pde & (PTE_A | PTE_D), PTE_A);
    va[0x100000] = 7;
    equal("byte written", area[0x100000], 7);
    equal("A and D", *pde & (PTE_A | PTE_D), PTE_A | PTE_D);
    check("2 MiB pages");

    struct regs r;
    regs_init(&r, code_read, 3);
    r.rsi = (ul)va + 0x100777;
    run_expect(&r, VEC_PF);
    equal("error", r.err, PF_P | PF_U);
    equal("cr2", r.cr2, r.rsi);
    check("2 MiB pages are protected and CR2 is exact");

    /* One INVLPG anywhere in the page drops all of it. */
    *pde = 0;
    invlpg((ul)va + 0x5000);
    regs_init(&r, code_read, 0);
    r.rsi = (ul)va + 0x1ff000;
    run_expect(&r, VEC_PF);
    equal("error", r.err, 0);
    check("INVLPG drops the whole of a large page");

    if (cpuid(0x80000001, 0).d >> 26 & 1) {
        volatile u8 *gva = (volatile u8 *)(VA + 0x80000000);
        u64 *pdpte = pte_at((ul)gva, 3);
        *pdpte = PTE_P | PTE_W | PTE_PS; /* physical 0 */
        equal("a byte", gva[(ul)area + 0x12345], 3);
        equal("A and D", *pdpte & (PTE_A | PTE_D), PTE_A);
        gva[(ul)area + 1] = 9;
        equal("byte written", area[1], 9);
        equal("A and D", *pdpte & (PTE_A | PTE_D), PTE_A | PTE_D);
        check("1 GiB pages");
        *pdpte |= 1 << 20;
        invlpg((ul)gva);
        regs_init(&r, code_read, 0);
        r.rsi = (ul)gva;
        run_expect(&r, VEC_PF);
        equal("error", r.err, PF_P | PF_RSVD);
        *pdpte = 0;
        invlpg((ul)gva);
        check("address bits 13-29 of a 1 GiB page are reserved");
    } else {
        skip("1 GiB pages", "not in CPUID");
    }
}

static void tlb(void)
{
    volatile u8 *va = (volatile u8 *)VA;
    u8 *a = page_alloc(), *b = page_alloc();
    a[0] = 0xa, b[0] = 0xb;
    reset_entries(PTE_P | PTE_W | PTE_U);
    *entry[1] = (u64)a | PTE_P | PTE_W;
    invlpg(VA);
    equal("first page", va[0], 0xa);
    *entry[1] = (u64)b | PTE_P | PTE_W;
    invlpg(VA);
    equal("second page after INVLPG", va[0], 0xb);
    *entry[1] = (u64)a | PTE_P | PTE_W;
    write_cr3(read_cr3());
    equal("first page after a CR3 load", va[0], 0xa);
    check("INVLPG and CR3 loads take up a changed entry");

    /* Global: kept by a CR3 load; dropped by INVLPG and by changing CR4.PGE. */
    *entry[1] = (u64)a | PTE_P | PTE_W | PTE_G;
    invlpg(VA);
    equal("global page", va[0], 0xa);
    *entry[1] = (u64)b | PTE_P | PTE_W | PTE_G;
    write_cr3(read_cr3());
    /* It may stay or go (the SDM allows either): only what is right either way is held. */
    u8 seen = va[0];
    if (seen != 0xa && seen != 0xb)
        complain("read %x", seen);
    invlpg(VA);
    equal("after INVLPG", va[0], 0xb);
    *entry[1] = (u64)a | PTE_P | PTE_W | PTE_G;
    write_cr4(read_cr4() & ~(ul)CR4_PGE);
    write_cr4(read_cr4() | CR4_PGE);
    equal("after clearing PGE", va[0], 0xa);
    check("global pages: INVLPG and CR4.PGE drop them");

    /* A fault drops the entry: raising permission needs no INVLPG. */
    struct regs r;
    reset_entries(PTE_P | PTE_U);
    regs_init(&r, code_write, 3);
    r.rsi = VA;
    run_expect(&r, VEC_PF);
    *entry[1] |= PTE_W;
    regs_init(&r, code_write, 3);
    r.rsi = VA;
    run_expect(&r, VEC_DONE);
    reset_entries(0);
    regs_init(&r, code_read, 3);
    r.rsi = VA;
    run_expect(&r, VEC_PF);
    *entry[1] |= PTE_P | PTE_U | PTE_W;
    regs_init(&r, code_read, 3);
    r.rsi = VA;
    run_expect(&r, VEC_DONE);
    check("an entry with more rights is taken up after the fault without INVLPG");

    /* Permission changes of CR0.WP without a flush. */
    reset_entries(PTE_P);
    regs_init(&r, code_write, 0);
    r.rsi = VA;
    run_expect(&r, VEC_PF);
    write_cr0(read_cr0() & ~(ul)CR0_WP);
    regs_init(&r, code_write, 0);
    r.rsi = VA;
    run_expect(&r, VEC_DONE);
    write_cr0(read_cr0() | CR0_WP);
    regs_init(&r, code_write, 0);
    r.rsi = VA;
    run_expect(&r, VEC_PF);
    check("CR0.WP counts at once");

    /* Two linear addresses of one page. */
    u64 *alias = pte_at(VA + 0x5000, 1);
    reset_entries(PTE_P | PTE_W | PTE_U);
    *alias = (u64)target | PTE_P | PTE_W;
    volatile u8 *other = (volatile u8 *)(VA + 0x5000);
    other[0x200] = 0x77;
    equal("seen at the other address", va[0x200], 0x77);
    va[0x200] = 0xc3;
    equal("and back", other[0x200], 0xc3);
    check("two addresses of one page");
}

/* What a processor may keep of the levels above a page goes with every flush of an address. */
static void upper_levels(void)
{
    volatile u8 *va = (volatile u8 *)VA;
    u8 *a = page_alloc(), *b = page_alloc();
    u64 *other = page_alloc(), old;
    struct regs r;
    a[0] = 1, b[0] = 2;
    reset_entries(PTE_P | PTE_W | PTE_U);
    u64 *table = entry[1]; /* VA is the first page of its table */
    for (int n = 8; n < 16; n++) {
        table[n] = (u64)a | PTE_P | PTE_W | PTE_U;
        other[n] = (u64)b | PTE_P | PTE_W | PTE_U;
    }
    old = *entry[2];
    equal("by the first table", va[0x8000], 1);
    *entry[2] = (u64)other | PTE_P | PTE_W | PTE_U;
    invlpg(VA + 0x40000000); /* of somewhere else */
    equal("by the second table", va[0x9000], 2);
    check("INVLPG of any address drops what is known of upper levels");

    *entry[2] = old;
    write_cr3(read_cr3());
    equal("by the first table", va[0x9000], 1);
    *entry[2] = (u64)other | PTE_P | PTE_W | PTE_U;
    write_cr3(read_cr3());
    equal("by the second table", va[0xa000], 2);
    check("so does a CR3 load");

    /* A fault by way of an entry that has changed for the better is not repeated. */
    *entry[2] = old;
    invlpg(VA);
    equal("by the first table", va[0xb000], 1);
    table[12] = 0;
    *entry[2] = (u64)other | PTE_P | PTE_W | PTE_U;
    regs_init(&r, code_read, 3);
    r.rsi = VA + 0xc000;
    run(&r);
    if (r.vec == VEC_PF) { /* allowed, once */
        regs_init(&r, code_read, 3);
        r.rsi = VA + 0xc000;
        run_expect(&r, VEC_DONE);
    }
    equal("vector", r.vec, VEC_DONE);
    equal("value", r.rax & 0xff, 2);
    check("a page fault drops what is known of its upper levels");

    /* Rights of an upper level that became less. */
    *entry[2] = old | PTE_P | PTE_W | PTE_U;
    invlpg(VA);
    va[0xd000] = 1;
    *entry[2] &= ~(u64)PTE_W;
    invlpg(VA);
    regs_init(&r, code_write, 3);
    r.rsi = VA + 0xd000;
    r.rsi += 0x1000;
    run_expect(&r, VEC_PF);
    equal("error", r.err, PF_P | PF_W | PF_U);
    check("a right that was taken away above counts for pages not seen before");

    *entry[2] = old;
    invlpg(VA);
    /* Accessed and dirty bits of neighbours are set one by one. */
    for (int n = 8; n < 16; n++)
        table[n] = (u64)a | PTE_P | PTE_W | PTE_U;
    write_cr3(read_cr3());
    for (int n = 8; n < 12; n++)
        (void)va[n * 0x1000];
    for (int n = 10; n < 14; n++)
        va[n * 0x1000] = 1;
    for (int n = 8; n < 16; n++)
        equal("A and D", table[n] & (PTE_A | PTE_D), n >= 14 ? 0 : n >= 10 ? PTE_A | PTE_D : PTE_A);
    check("pages of one table get their own accessed and dirty bits");
}

static void pcid(void)
{
    if (!(cpuid(1, 0).c >> 17 & 1)) {
        skip("PCID", "not in CPUID");
        return;
    }
    ul root = read_cr3();
    volatile u8 *va = (volatile u8 *)VA;
    u8 *a = page_alloc(), *b = page_alloc();
    a[0] = 1, b[0] = 2;
    reset_entries(PTE_P | PTE_W | PTE_U);
    equal("setting PCIDE with CR3[11:0] set", (u64)({
              write_cr3(root | PTE_PWT);
              int v = write_cr_safe(4, read_cr4() | CR4_PCIDE);
              write_cr3(root);
              v;
          }),
          VEC_GP);
    check("CR4.PCIDE needs CR3 bits 0-11 clear");

    /* A second set of tables: same but VA goes to another page. */
    u64 *pml4 = page_alloc();
    memcpy(pml4, (void *)root, 4096);
    write_cr3((ul)pml4);
    pml4[VA >> 39 & 511] = 0;
    *pte_at(VA, 1) = (u64)b | PTE_P | PTE_W;
    write_cr3(root);
    *entry[1] = (u64)a | PTE_P | PTE_W;
    write_cr3(root);

    write_cr4(read_cr4() | CR4_PCIDE);
    const ul keep = 1ul << 63;
    for (int i = 0; i < 3; i++) {
        write_cr3(root | 1 | (i ? keep : 0));
        equal("in PCID 1", va[0], 1);
        write_cr3((ul)pml4 | 2 | (i ? keep : 0));
        equal("in PCID 2", va[0], 2);
    }
    equal("CR3 reads back without bit 63", read_cr3(), (ul)pml4 | 2);
    check("PCIDs keep two address spaces apart");

    /* A change of the tables, then a CR3 load without bit 63. */
    *pte_at(VA, 1) = (u64)a | PTE_P | PTE_W;
    write_cr3((ul)pml4 | 2);
    equal("after the load", va[0], 1);
    check("a CR3 load without bit 63 drops the entries of its PCID");

    if (cpuid(7, 0).b >> 10 & 1) {
        struct {
            u64 pcid, addr;
        } d = {2, VA};
        *pte_at(VA, 1) = (u64)b | PTE_P | PTE_W;
        asm volatile("invpcid %0,%1" ::"m"(d), "r"(0ul) : "memory");
        equal("address", va[0], 2);
        *pte_at(VA, 1) = (u64)a | PTE_P | PTE_W;
        asm volatile("invpcid %0,%1" ::"m"(d), "r"(1ul) : "memory");
        d.addr = 0;
        asm volatile("invpcid %0,%1" ::"m"(d), "r"(1ul) : "memory");
        equal("context", va[0], 1);
        *pte_at(VA, 1) = (u64)b | PTE_P | PTE_W;
        asm volatile("invpcid %0,%1" ::"m"(d), "r"(2ul) : "memory");
        equal("all", va[0], 2);
        *pte_at(VA, 1) = (u64)a | PTE_P | PTE_W;
        asm volatile("invpcid %0,%1" ::"m"(d), "r"(3ul) : "memory");
        equal("all but global", va[0], 1);
        check("INVPCID types 0 to 3");

        /* Of another PCID than the one in use. */
        const u64 global = PTE_P | PTE_W | PTE_G;
        for (ul type = 0; type < 4; type++) {
            write_cr3((ul)pml4 | 2);
            *pte_at(VA, 1) = (u64)a | PTE_P | PTE_W;
            *pte_at(VA + 0x3000, 1) = (u64)a | global;
            write_cr3((ul)pml4 | 2); /* and nothing of VA is cached */
            invlpg(VA + 0x3000);
            equal("before", va[0], 1);
            equal("before, global", va[0x3000], 1);
            u64 *changed = pte_at(VA, 1), *kept = pte_at(VA + 0x3000, 1);
            write_cr3(root | 1 | keep);
            equal("in the other", va[0], 1);
            *changed = (u64)b | PTE_P | PTE_W;
            *kept = (u64)b | global;
            d.addr = type ? 0 : VA;
            asm volatile("invpcid %0,%1" ::"m"(d), "r"(type) : "memory");
            write_cr3((ul)pml4 | 2 | keep);
            equal("after", va[0], 2);
            if (type == 2)
                equal("after, global", va[0x3000], 2);
            invlpg(VA + 0x3000);
            equal("after INVLPG, global", va[0x3000], 2);
        }
        check("INVPCID of a PCID that is not in use");
        *pte_at(VA, 1) = (u64)a | PTE_P | PTE_W;
        write_cr3((ul)pml4 | 2);
    } else {
        skip("INVPCID types 0 to 3", "not in CPUID");
    }
    write_cr3(root);
    write_cr4(read_cr4() & ~(ul)CR4_PCIDE);
    equal("CR4", read_cr4() & CR4_PCIDE, 0);
    reset_entries(PTE_P | PTE_W | PTE_U);
    equal("after leaving", va[1], 0xc3);
    check("PCIDE can be cleared");
}

static void canonical(void)
{
    static const struct {
        ul addr;
        bool stack;
    } bad[] = {{0x800000000000, false},
               {0xffff7fffffffffff, false},
               {0x8000000000000000, true},
               {0x7fffffffffff8000 - 0x8000, true}};
    struct regs r;
    for (unsigned i = 0; i < 2; i++) {
        regs_init(&r, code_read, 0);
        r.rsi = bad[i].addr;
        run_expect(&r, VEC_GP);
        equal("error", r.err, 0);
    }
    check("a non-canonical address gives #GP(0)");
    CODE(code_stack_read, "mov (%rbp),%al");
    CODE(code_stack_read_rsp, "mov %rsi,%rsp\n pop %rax");
    regs_init(&r, code_stack_read, 3);
    r.rbp = 0x800000000000;
    run_expect(&r, VEC_SS);
    equal("error", r.err, 0);
    regs_init(&r, code_stack_read_rsp, 0);
    r.rsi = 0x9000000000000000;
    run_expect(&r, VEC_SS);
    check("through RBP or RSP it is #SS(0)");
    CODE(code_cross_read, "mov (%rsi),%rax");
    regs_init(&r, code_cross_read, 0);
    r.rsi = 0x7ffffffffffc;
    run_expect(&r, VEC_GP);
    check("an access across the edge of the canonical range gives #GP");
    CODE(code_jump, "jmp *%rsi");
    LABEL(code_jump);
    regs_init(&r, code_jump, 3);
    r.rsi = 0x800000000000;
    run_expect(&r, VEC_GP);
    equal("error", r.err, 0);
    /* Intel's processors fault at the jump, AMD's at the target: software can rely on neither. */
    if (r.rip != r.rsi)
        equal("rip", r.rip, USER(code_jump));
    check("a jump to a non-canonical address is #GP(0) at the jump or its target");
    CODE(code_ret, "push %rsi\n ret");
    regs_init(&r, code_ret, 3);
    r.rsi = 0x800000000000;
    ul sp = r.rsp;
    run_expect(&r, VEC_GP);
    if (r.rip != r.rsi)
        equal("rip", r.rip, USER(code_ret) + 1);
    equal("rsp", r.rsp, r.rip == r.rsi ? sp : sp - 8);
    check("a return to a non-canonical address is #GP(0) at the return or its target");
}

static void implicit(void)
{
    /* The processor's own reads of tables are supervisor accesses even at CPL 3. */
    struct regs r;
    regs_init(&r, code_clts, 3);
    run_expect(&r, VEC_GP);
    equal("error", r.err, 0);
    check("exceptions at CPL 3 read GDT, IDT and TSS as supervisor");
}

void test_main(void)
{
    map_target();
    permissions();
    without_nxe();
    reserved_bits();
    accessed_dirty();
    large_pages();
    tlb();
    upper_levels();
    pcid();
    canonical();
    implicit();
}
