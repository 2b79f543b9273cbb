/*
 * Loads of CR3 that find the tables changed, in 32-bit mode: two-level and PAE paging. See
 * reload.c.
 */
#define VA 0x80000000u
#include "reload.h"

static void two_level(void)
{
    u32 *dir[2], *table[2], *other = page_alloc();
    for (unsigned k = 0; k < 2; k++) {
        dir[k] = page_alloc(), table[k] = page_alloc();
        for (u32 i = 0; i < 1024; i++)
            dir[k][i] = i << 22 | 0x87;
        dir[k][VA >> 22] = (u32)table[k] | 7;
        table[k][0] = (u32)page[k] | 7;
        root[k] = (ul)dir[k];
    }
    other[0] = (u32)page[2] | 7;
    write_cr4(read_cr4() | CR4_PSE);
    write_cr3(root[0]);
    write_cr0(read_cr0() | CR0_PG | CR0_WP);
    alternate(ROUNDS);
    for (unsigned n = 0; n < ROUNDS; n++) {
        unsigned k = n & 1, p = n % 4;
        table[k][0] = (u32)page[p] | 7;
        write_cr3(root[k]);
        equal("byte", byte(), 10 + p);
        equal("code", call(), 10 + p);
    }
    check("two levels: a table entry");
    for (unsigned k = 0; k < 2; k++)
        table[k][0] = (u32)page[k] | 7;
    alternate(ROUNDS);
    for (unsigned n = 0; n < 20; n++) {
        dir[0][VA >> 22] = (u32)(n & 1 ? table[0] : other) | 7;
        write_cr3(root[0]);
        equal("byte", byte(), n & 1 ? 10 : 12);
        write_cr3(root[1]);
        equal("byte in the other", byte(), 11);
    }
    check("two levels: a directory entry");
    volatile u32 *big = (volatile u32 *)0x2000000; /* 4 MiB pages, in turn */
    big[0] = 1, big[1 << 20] = 2;
    for (unsigned n = 0; n < 20; n++) {
        dir[0][(VA >> 22) + 1] = ((u32)big + (n & 1) * 0x400000) | 0x87;
        write_cr3(root[0]);
        equal("word", *(volatile u32 *)(VA + 0x400000), 1 + (n & 1));
        write_cr3(root[1]);
    }
    check("two levels: a 4 MiB page");
    write_cr0(read_cr0() & ~CR0_PG);
}

static void pae(void)
{
    u64 *pdpt[2], *pd[2], *pt[2], *pd2 = page_alloc();
    if (!(cpuid(1, 0).d >> 6 & 1)) {
        skip("PAE", "not in CPUID");
        return;
    }
    u64 *tables = page_alloc(); /* both pointer tables in one page */
    for (unsigned k = 0; k < 2; k++) {
        u64 *low = pages_alloc(4);
        pdpt[k] = tables + 4 * k, pd[k] = low + 512 * 2, pt[k] = page_alloc();
        for (u32 i = 0; i < 2048; i++)
            low[i] = (u64)i << 21 | 0x87;
        for (u32 i = 0; i < 4; i++)
            pdpt[k][i] = ((u32)low + 4096 * i) | 1;
        pd[k][0] = (u32)pt[k] | 7;
        pt[k][0] = (u32)page[k] | 7;
        root[k] = (ul)pdpt[k];
    }
    write_cr4(read_cr4() | CR4_PAE);
    write_cr3(root[0]);
    write_cr0(read_cr0() | CR0_PG | CR0_WP);
    alternate(ROUNDS);
    for (unsigned n = 0; n < ROUNDS; n++) {
        unsigned k = n & 1, p = n % 4;
        pt[k][0] = (u32)page[p] | 7;
        write_cr3(root[k]);
        equal("byte", byte(), 10 + p);
        equal("code", call(), 10 + p);
    }
    check("PAE: a table entry");
    for (unsigned k = 0; k < 2; k++)
        pt[k][0] = (u32)page[k] | 7;
    alternate(ROUNDS);
    equal("A of a directory entry", pd[0][0] & 0x60, 0x20);
    check("PAE: the accessed bit of a directory entry");
    memcpy(pd2, pd[0], 4096);
    pd2[0] = (u32)pt[1] | 7;
    for (unsigned n = 0; n < 20; n++) {
        pdpt[0][2] = (n & 1 ? (u32)pd[0] : (u32)pd2) | 1;
        write_cr3(root[0]);
        equal("byte", byte(), n & 1 ? 10 : 11);
        write_cr3(root[1]);
        equal("byte in the other", byte(), 11);
    }
    check("PAE: a pointer table entry");
    for (unsigned n = 0; n < 20; n++) {
        pd[0][0] = (u32)(n & 1 ? pt[0] : pt[1]) | 7;
        write_cr3(root[0]);
        equal("byte", byte(), n & 1 ? 10 : 11);
        write_cr3(root[1]);
    }
    check("PAE: a directory entry");
    write_cr0(read_cr0() & ~CR0_PG);
    write_cr4(read_cr4() & ~(ul)CR4_PAE);
}

void test_main(void)
{
    make_pages();
    two_level();
    pae();
}
