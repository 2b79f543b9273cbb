/* Memory for the records of blocks. */
#include <criterion/criterion.h>
#include <string.h>

#include "tcg/cache/records.h"

enum { CACHE = 1 << 20 };

static struct tcg_records r;

static void setup(void)
{
    cr_assert(records_init(&r, CACHE, NULL));
}

static void teardown(void)
{
    records_free(&r);
}

TestSuite(tcg_records, .init = setup, .fini = teardown);

Test(tcg_records, a_reference_leads_back_to_its_record)
{
    uint64_t *a = records_alloc(&r, 12), *b = records_alloc(&r, 1);
    cr_assert(a && b);
    cr_expect_neq(record_ref(&r, a), 0, "0 is none");
    cr_expect_eq((uintptr_t)b % 8, 0);
    cr_expect_geq((char *)b - (char *)a, 12);
    cr_expect_eq(record_at(&r, record_ref(&r, a)), a);
    cr_expect_eq(record_at(&r, record_ref(&r, b)), b);
    cr_expect_eq(record_ref(&r, NULL), 0);
    cr_expect_null(record_at(&r, 0));
}

Test(tcg_records, full_memory_is_said_and_stays_in_bounds)
{
    size_t count = 0;
    for (char *p; (p = records_alloc(&r, 1000)); count++) {
        cr_assert(p >= (char *)r.base && p + 1000 <= (char *)r.base + r.size);
        memset(p, 0xff, 1000);
    }
    cr_expect_geq(count, CACHE / 1000, "records for as much code as the cache holds");
    cr_expect_null(records_alloc(&r, SIZE_MAX / 2));
    cr_expect_not_null(records_alloc(&r, 8), "a smaller one still fits");
}

Test(tcg_records, flushed_memory_is_used_again_and_is_zero)
{
    char *first = records_alloc(&r, 100000);
    cr_assert_not_null(first);
    memset(first, 0xff, 100000);
    records_flush(&r);
    char *again = records_alloc(&r, 100000);
    cr_expect_eq(again, first);
    for (unsigned n = 0; n < 100000; n++)
        cr_assert_eq(again[n], 0);
}
