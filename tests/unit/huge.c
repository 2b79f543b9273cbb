/* Huge pages of the host for guest RAM: core/memory/ram.c, tcg/mmu/huge.c. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory/memory.h"
#include "tcg/machine.h"

enum { PIECES = 4, PAGES = MEM_HUGE_SIZE / MEM_PAGE_SIZE };

static struct ram_list rams;
static struct ram_block *block;
static struct tcg_machine *tm;

static void setup(void)
{
    ram_list_init(&rams);
    block = ram_block_new(&rams, "ram", PIECES * MEM_HUGE_SIZE + 5 * MEM_PAGE_SIZE, false, NULL);
    tm = calloc(1, sizeof *tm);
    cr_assert(block && tm);
    pthread_mutex_init(&tm->huge.lock, NULL);
    tm->huge.on = true;
}

static void teardown(void)
{
    pthread_mutex_destroy(&tm->huge.lock);
    free(tm);
    ram_block_free(&rams, block);
}

TestSuite(huge, .init = setup, .fini = teardown);

static void touch(unsigned piece, unsigned pages)
{
    for (unsigned n = 0; n < pages; n++)
        block->host[piece * MEM_HUGE_SIZE + n * MEM_PAGE_SIZE] = (uint8_t)(piece + n);
}

static bool intact(unsigned piece, unsigned pages)
{
    for (unsigned n = 0; n < PAGES; n++)
        if (block->host[piece * MEM_HUGE_SIZE + n * MEM_PAGE_SIZE] !=
            (n < pages ? (uint8_t)(piece + n) : 0))
            return false;
    return true;
}

/* Until the piece is asked for. */
static void heat_up(uint64_t offset)
{
    const unsigned before = tm->huge.count;
    for (unsigned n = 0; n < 256 && tm->huge.count == before; n++)
        huge_sample(tm, block, offset);
    cr_assert_eq(tm->huge.count, before + 1);
    for (unsigned n = 0; n < 256; n++)
        huge_sample(tm, block, offset);
    cr_assert_eq(tm->huge.count, before + 1, "asked for once");
}

Test(huge, in_use_means_seven_eighths_touched)
{
    touch(0, PAGES / 2);
    touch(1, PAGES / 8 * 7);
    touch(2, PAGES);
    cr_expect_not(ram_block_in_use(block, 0));
    cr_expect(ram_block_in_use(block, MEM_HUGE_SIZE));
    cr_expect(ram_block_in_use(block, 2 * MEM_HUGE_SIZE));
    cr_expect_not(ram_block_in_use(block, 3 * MEM_HUGE_SIZE));
    cr_expect_not(ram_block_in_use(block, PIECES * MEM_HUGE_SIZE), "a piece of a piece");
}

Test(huge, pieces_side_by_side_are_made_at_once_and_keep_their_bytes)
{
    for (unsigned n = 0; n < 3; n++) {
        touch(n, PAGES);
        heat_up(n * MEM_HUGE_SIZE + 0x1234);
    }
    cr_expect(huge_work(tm));
    cr_expect_not(huge_work(tm), "one call did all");
    cr_expect_eq(tm->huge.made + tm->huge.failed, 3, "made or, on this host, not");
    cr_expect_eq(tm->huge.sparse, 0);
    for (unsigned n = 0; n < 3; n++)
        cr_expect(intact(n, PAGES));
}

Test(huge, sparse_pieces_are_left_alone_and_may_ask_again)
{
    touch(1, PAGES / 2);
    heat_up(MEM_HUGE_SIZE);
    while (huge_work(tm))
        ;
    cr_expect_eq(tm->huge.made + tm->huge.failed, 0);
    cr_expect_eq(tm->huge.sparse, 1);
    cr_expect(intact(1, PAGES / 2));
    touch(1, PAGES);
    heat_up(MEM_HUGE_SIZE);
    while (huge_work(tm))
        ;
    cr_expect_eq(tm->huge.made + tm->huge.failed, 1);
    cr_expect(intact(1, PAGES));
}

Test(huge, a_block_that_goes_away_is_asked_for_no_more)
{
    touch(0, PAGES);
    heat_up(0);
    huge_ram_freed(tm, block);
    cr_expect_not(huge_work(tm));
    cr_expect_eq(tm->huge.made + tm->huge.failed + tm->huge.sparse, 0);
}

Test(huge, without_a_thread_for_it_nothing_is_asked_for)
{
    tm->huge.on = false;
    for (unsigned n = 0; n < 1000; n++)
        huge_sample(tm, block, 0);
    cr_expect_eq(tm->huge.count, 0);
}
