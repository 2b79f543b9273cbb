/* Memory: the C functions the compiler calls, pages, page tables. */
#include "lib/internal.h"

extern char image_end[];

void *memset(void *p, int c, size_t n)
{
    u8 *d = p;
    while (n--)
        *d++ = (u8)c;
    return p;
}

void *memcpy(void *d, const void *s, size_t n)
{
    u8 *to = d;
    const u8 *from = s;
    while (n--)
        *to++ = *from++;
    return d;
}

int memcmp(const void *a, const void *b, size_t n)
{
    const u8 *p = a, *q = b;
    for (; n; n--, p++, q++)
        if (*p != *q)
            return *p - *q;
    return 0;
}

void *pages_alloc(unsigned n)
{
    static ul next;
    if (!next)
        next = 0x1000000; /* above the image and the A20 alias at 1 MiB multiples the tests use */
    void *p = (void *)next;
    next += n * 4096ul;
    if (next > 0x4000000)
        bail("out of pages");
    return memset(p, 0, n * 4096ul);
}

void *page_alloc(void)
{
    return pages_alloc(1);
}

#ifdef __x86_64__
u64 *pte_at(ul va, unsigned level)
{
    u64 *table = (u64 *)(read_cr3() & ~0xffful);
    for (unsigned l = 4; l > level; l--) {
        u64 *e = &table[va >> (12 + 9 * (l - 1)) & 511];
        if (!(*e & PTE_P))
            *e = (u64)page_alloc() | PTE_P | PTE_W | PTE_U;
        table = (u64 *)(*e & 0xffffffffff000);
    }
    return &table[va >> (12 + 9 * (level - 1)) & 511];
}
#endif
