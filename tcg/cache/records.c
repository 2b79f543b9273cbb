/* Memory for the records of blocks. See records.h. */
#include "tcg/cache/records.h"

#include <inttypes.h>
#include <sys/mman.h>

#include "core/util/error.h"
#include "core/util/range.h"

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(p, size) ((void)(p), (void)(size))
#define ASAN_UNPOISON_MEMORY_REGION(p, size) ((void)(p), (void)(size))
#endif

enum {
    ALIGN = 8,
    FIRST = 16,      /* reference 0 is none */
    STEP = 64 << 10, /* memory is asked for by so much: a page at a time costs a fault each */
};

bool records_init(struct tcg_records *r, uint64_t cache_size, struct vemu_error **errp)
{
    const uint64_t most = (UINT64_C(1) << RECORD_REF_BITS) * RECORD_UNIT;
    /* A block's records take about twice what its code does; an interpreter's program is one. */
    const uint64_t size = MIN(3 * cache_size, most);
    void *base = mmap(NULL, size, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (base == MAP_FAILED)
        return error_set(errp, VEMU_ERROR_NO_MEMORY,
                         "no memory for records of translated code (%" PRIu64 " MiB)", size >> 20);
    *r = (struct tcg_records){.base = base, .size = size, .used = FIRST};
    ASAN_POISON_MEMORY_REGION(base, size);
    return true;
}

void records_free(struct tcg_records *r)
{
    if (!r->base)
        return;
    ASAN_UNPOISON_MEMORY_REGION(r->base, r->size);
    munmap(r->base, r->size);
    *r = (struct tcg_records){0};
}

/* Where the host cannot do it at once, pages come one by one as they are touched. */
static void make_ready(struct tcg_records *r, size_t to)
{
    size_t end = MIN(align_up(to, STEP), r->size);
#ifdef MADV_POPULATE_WRITE
    madvise(r->base + r->ready, end - r->ready, MADV_POPULATE_WRITE);
#endif
    r->ready = end;
}

void *records_alloc(struct tcg_records *r, size_t size)
{
    size = align_up(size, ALIGN);
    if (size > r->size - r->used)
        return NULL;
    void *p = r->base + r->used;
    r->used += size;
    if (r->used > r->ready)
        make_ready(r, r->used);
    ASAN_UNPOISON_MEMORY_REGION(p, size);
    return p;
}

void records_flush(struct tcg_records *r)
{
    if (r->ready)
        madvise(r->base, r->ready, MADV_DONTNEED);
    ASAN_POISON_MEMORY_REGION(r->base, r->used);
    r->used = FIRST;
    r->ready = 0;
}
