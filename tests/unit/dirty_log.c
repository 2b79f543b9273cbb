/* Dirty logs: no store is lost on clients, whatever vCPUs, devices and clients do at the same time.
 *
 * Words of memory only ever grow here. A client that fetched a page as clean has read it before, so
 * what it read is no older than what was there when it asked: that is looked at in each round. */
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

#include "core/memory/dirty.h"
#include "core/util/endian.h"
#include "tests/unit/x86_machine.h"

enum { PAGE = 4096, CLEAN = 20000 };

/* What a client keeps. */
struct copy {
    struct ram_list *rams;
    struct ram_block *ram;
    enum mem_dirty_client client;
    uint64_t first, count;
    uint64_t pages[64], changed[64];
    uint32_t words[4096]; /* the first of each page, as it was read */
    unsigned clean;       /* pages that were not read in this round */
};

static uint32_t word_at(const struct copy *c, uint64_t page)
{
    return __atomic_load_n((const uint32_t *)(c->ram->host + page * PAGE), __ATOMIC_ACQUIRE);
}

/* One look: pages that are dirty are read, and those that stood still are clean from now on. With
 * `at_once` all of them are, before they are read. Machine lock held. */
static void look(struct copy *c, bool at_once)
{
    uint32_t before[4096];
    for (uint64_t p = c->first; p < c->first + c->count; p++)
        before[p] = word_at(c, p);
    ram_block_fetch_dirty(c->rams, c->ram, c->client, c->first, c->count, c->pages);
    if (at_once)
        ram_block_clean(c->rams, c->ram, c->client, c->first, c->count, c->pages);
    c->clean = 0;
    for (uint64_t p = c->first; p < c->first + c->count; p++) {
        if (!bitmap_test(c->pages, p)) {
            cr_assert_geq(c->words[p], before[p], "page %llu: a store was lost",
                          (unsigned long long)p);
            c->clean++;
            continue;
        }
        uint32_t now = word_at(c, p);
        if (now != c->words[p])
            bitmap_clear(c->pages, p);
        c->words[p] = now;
    }
    if (!at_once)
        ram_block_clean(c->rams, c->ram, c->client, c->first, c->count, c->pages);
}

static bool all_clean(struct copy *c)
{
    return c->clean == c->count;
}

/* ---- an accelerator of threads, each with a table of pages that it may store to unseen ---------
 */

enum { WRITERS = 3, STRESS_PAGES = 200 };

struct writer {
    struct stress *s;
    pthread_t thread;
    unsigned seed;
    bool fast[STRESS_PAGES];
    uint64_t seen; /* ticket */
};
struct stress {
    struct ram_list rams;
    struct ram_block *ram;
    struct writer writers[WRITERS];
    uint64_t ticket;
    bool stop;
    unsigned stores;
};

static void stress_changed(void *opaque, struct ram_block *ram)
{
    (void)opaque, (void)ram;
}

static uint64_t stress_rearm(void *opaque)
{
    struct stress *s = opaque;
    return __atomic_add_fetch(&s->ticket, 1, __ATOMIC_SEQ_CST);
}

static bool stress_armed(void *opaque, uint64_t ticket)
{
    struct stress *s = opaque;
    for (unsigned n = 0; n < WRITERS; n++)
        if (__atomic_load_n(&s->writers[n].seen, __ATOMIC_SEQ_CST) < ticket)
            return false;
    return true;
}

static const struct ram_dirty_ops stress_ops = {
    .changed = stress_changed, .rearm = stress_rearm, .armed = stress_armed};

static void poll_requests(struct writer *w)
{
    uint64_t ticket = __atomic_load_n(&w->s->ticket, __ATOMIC_SEQ_CST);
    if (ticket == w->seen)
        return;
    for (unsigned p = 0; p < STRESS_PAGES; p++)
        w->fast[p] &= ram_page_is_dirty(w->s->ram, (uint64_t)p * PAGE);
    __atomic_store_n(&w->seen, ticket, __ATOMIC_SEQ_CST);
}

static void *write_pages(void *opaque)
{
    struct writer *w = opaque;
    struct stress *s = w->s;
    while (!__atomic_load_n(&s->stop, __ATOMIC_ACQUIRE)) {
        unsigned burst = (unsigned)rand_r(&w->seed) % 64, near = (unsigned)rand_r(&w->seed);
        for (unsigned k = 0; k < burst; k++) {
            unsigned p = (near + (unsigned)rand_r(&w->seed) % 8) % STRESS_PAGES;
            uint32_t *word = (uint32_t *)(s->ram->host + (uint64_t)p * PAGE);
            if (!w->fast[p]) {
                ram_block_mark_dirty(s->ram, (uint64_t)p * PAGE, 4);
                w->fast[p] = true;
            }
            __atomic_fetch_add(word, 1, __ATOMIC_RELEASE);
        }
        poll_requests(w);
        __atomic_fetch_add(&s->stores, burst, __ATOMIC_RELAXED);
        sched_yield();
    }
    /* It is out of its code: no more is stored unseen. */
    __atomic_store_n(&w->seen, UINT64_MAX, __ATOMIC_SEQ_CST);
    return NULL;
}

static void *write_as_a_device(void *opaque)
{
    struct stress *s = opaque;
    unsigned seed = 99;
    while (!__atomic_load_n(&s->stop, __ATOMIC_ACQUIRE)) {
        uint64_t at = (uint64_t)((unsigned)rand_r(&seed) % STRESS_PAGES) * PAGE;
        __atomic_fetch_add((uint32_t *)(s->ram->host + at), 1, __ATOMIC_RELEASE);
        ram_block_mark_dirty(s->ram, at, 4);
        sched_yield();
    }
    return NULL;
}

Test(dirty_log, no_store_is_lost_on_two_clients_whoever_stores)
{
    static struct stress s;
    static struct copy screen, other;
    pthread_t device;

    memset(&s, 0, sizeof s);
    ram_list_init(&s.rams);
    s.ram = ram_block_new(&s.rams, "ram", STRESS_PAGES * PAGE, false, NULL);
    s.rams.dirty_ops = &stress_ops;
    s.rams.opaque = &s;
    screen = (struct copy){&s.rams, s.ram, MEM_DIRTY_DISPLAY, 0, STRESS_PAGES, .clean = 0};
    other = (struct copy){&s.rams, s.ram, MEM_DIRTY_MIGRATION, 0, STRESS_PAGES, .clean = 0};
    cr_assert(ram_block_log_dirty(&s.rams, s.ram, MEM_DIRTY_DISPLAY, true, NULL));
    for (unsigned n = 0; n < WRITERS; n++) {
        s.writers[n].s = &s;
        s.writers[n].seed = n;
        pthread_create(&s.writers[n].thread, NULL, write_pages, &s.writers[n]);
    }
    pthread_create(&device, NULL, write_as_a_device, &s);
    /* Until pages were found clean often, by the second client, too, which comes later. */
    unsigned clean = 0, clean_too = 0;
    for (unsigned round = 0; (clean < CLEAN || clean_too < CLEAN) && round < 20000; round++) {
        if (round == 100)
            cr_assert(ram_block_log_dirty(&s.rams, s.ram, MEM_DIRTY_MIGRATION, true, NULL));
        look(&screen, false);
        clean += screen.clean;
        if (round >= 100 && round % 3 == 0) {
            look(&other, true);
            clean_too += other.clean;
        }
        unsigned stores = __atomic_load_n(&s.stores, __ATOMIC_RELAXED);
        while (round % 2 && __atomic_load_n(&s.stores, __ATOMIC_RELAXED) - stores < 50)
            sched_yield();
    }
    __atomic_store_n(&s.stop, true, __ATOMIC_RELEASE);
    for (unsigned n = 0; n < WRITERS; n++)
        pthread_join(s.writers[n].thread, NULL);
    pthread_join(device, NULL);
    /* What is unsettled is read once more; then all is clean, and the copies are right. */
    for (unsigned round = 0; round < 4; round++) {
        look(&screen, false);
        look(&other, true);
    }
    cr_assert(all_clean(&screen) && all_clean(&other));
    for (unsigned p = 0; p < STRESS_PAGES; p++)
        cr_assert(screen.words[p] == word_at(&screen, p) && other.words[p] == screen.words[p]);
    ram_block_free(&s.rams, s.ram);
}

/* ---- compiled code ----------------------------------------------------------------------------
 */

enum { TABLES = 0x1000, CODE = 0x10000, DATA = 0x20000, DATA_PAGES = 8 };

struct guest {
    struct x86_machine t;
    struct copy copy;
};

static void *run(void *opaque)
{
    struct guest *g = opaque;
    g->t.m.accel->vcpu_run(g->t.cpu);
    return NULL;
}

/* A machine whose vCPU goes on counting in eight pages: a thousand times in the first one, then in
 * the second and so on; with paging it flushes its TLB after each round. */
static void counting_guest(struct guest *g, const char *const *options, bool paging)
{
    static const uint8_t code[] = {
        0xb9, 0xe8, 0x03,       /* next: mov cx, 1000 */
        0x66, 0xff, 0x07,       /* count: inc dword [bx] */
        0xe2, 0xfb,             /* loop count */
        0x81, 0xc3, 0x00, 0x10, /* add bx, 4096 */
        0x81, 0xe3, 0x00, 0x70, /* and bx, 7000h */
        0x75, 0xee,             /* jnz next */
        0x85, 0xf6,             /* test si, si */
        0x74, 0xea,             /* jz next */
        0x0f, 0x20, 0xd8,       /* mov eax, cr3 */
        0x0f, 0x22, 0xd8,       /* mov cr3, eax */
        0xeb, 0xe2,             /* jmp next */
    };
    x86_machine_init_with(&g->t, "max", options);
    memcpy(x86_at(&g->t, CODE), code, sizeof code);
    g->t.r->seg[X86_CS].base = CODE;
    g->t.r->seg[X86_DS].base = DATA;
    g->t.r->gpr[X86_RBX] = 0;
    g->t.r->gpr[X86_RSI] = paging;
    g->t.r->rip = 0;
    if (paging) { /* the first 4 MiB where they are; misses of the TLB then have a short way */
        store_le32(x86_at(&g->t, TABLES), (TABLES + PAGE) | 0x63);
        for (uint32_t n = 0; n < 1024; n++)
            store_le32(x86_at(&g->t, TABLES + PAGE + 4 * n), n * PAGE | 0x63);
        g->t.r->cr3 = TABLES;
        g->t.r->cr0 |= X86_CR0_PE | X86_CR0_PG;
    }
    x86_machine_changed(&g->t);
    g->t.cpu->stop_request = false;
    g->copy = (struct copy){&g->t.m.rams, g->t.ram,   MEM_DIRTY_DISPLAY,
                            DATA / PAGE,  DATA_PAGES, .clean = 0};
}

static void end_guest(struct guest *g, pthread_t thread)
{
    g->t.cpu->stop_request = true;
    g->t.m.accel->vcpu_kick(g->t.cpu);
    pthread_join(thread, NULL);
}

static void locked_look(struct guest *g)
{
    machine_lock(&g->t.m);
    look(&g->copy, false);
    machine_unlock(&g->t.m);
}

static void no_store_is_lost(const char *const *options, bool paging)
{
    static struct guest g;
    pthread_t thread;
    unsigned clean = 0, rounds = 0;

    memset(&g, 0, sizeof g);
    counting_guest(&g, options, paging);
    cr_assert_eq(pthread_create(&thread, NULL, run, &g), 0);
    while (!word_at(&g.copy, g.copy.first)) /* its TLB has pages from before there is a log */
        sched_yield();
    machine_lock(&g.t.m);
    cr_assert(ram_block_log_dirty(&g.t.m.rams, g.t.ram, MEM_DIRTY_DISPLAY, true, NULL));
    machine_unlock(&g.t.m);
    /* Until pages were found clean often: it is never in more than a few of them between two looks,
     * unless other programs come between, which is what the bound is for. */
    for (; clean < 800 && rounds < 2000; rounds++) {
        locked_look(&g);
        clean += g.copy.clean;
        if (rounds % 4)
            sched_yield();
    }
    end_guest(&g, thread);
    for (unsigned round = 0; round < 4; round++)
        locked_look(&g);
    cr_assert(all_clean(&g.copy));
    for (uint64_t p = g.copy.first; p < g.copy.first + DATA_PAGES; p++)
        cr_assert_eq(g.copy.words[p], word_at(&g.copy, p));
    x86_machine_free(&g.t);
}

Test(dirty_log, no_store_of_the_interpreter_is_lost)
{
    static const char *const options[] = {"backend", "interp", NULL};
    no_store_is_lost(options, false);
}

Test(dirty_log, no_store_of_compiled_code_is_lost)
{
    no_store_is_lost(NULL, false);
}

Test(dirty_log, no_store_of_compiled_code_with_paging_is_lost)
{
    no_store_is_lost(NULL, true);
}

Test(dirty_log, no_store_of_the_second_tier_is_lost)
{
    static const char *const options[] = {"tier2", "sync", NULL};
    no_store_is_lost(options, true);
}

/* The price of a log: a page that stays dirty takes the slow way once, not each time. */
Test(dirty_log, stores_to_a_dirty_page_are_not_seen)
{
    static struct guest g;
    pthread_t thread;

    memset(&g, 0, sizeof g);
    counting_guest(&g, NULL, true);
    machine_lock(&g.t.m);
    cr_assert(ram_block_log_dirty(&g.t.m.rams, g.t.ram, MEM_DIRTY_DISPLAY, true, NULL));
    machine_unlock(&g.t.m);
    cr_assert_eq(pthread_create(&thread, NULL, run, &g), 0);
    while (word_at(&g.copy, g.copy.first) < 3000)
        sched_yield();
    end_guest(&g, thread);
    /* A few each time it has been through its pages, however often that was. */
    const struct tcg_counters *c = &g.t.tc->counters;
    uint64_t stores = 0;
    for (uint64_t p = g.copy.first; p < g.copy.first + DATA_PAGES; p++)
        stores += word_at(&g.copy, p);
    cr_assert_lt((c->tlb_slow + c->tlb_refills) * 50, stores);
    x86_machine_free(&g.t);
}

/* A vCPU that sleeps or waits is not waited for. */
Test(dirty_log, pages_settle_without_vcpus_that_run)
{
    static struct guest g;

    memset(&g, 0, sizeof g);
    counting_guest(&g, NULL, true);
    machine_lock(&g.t.m);
    cr_assert(ram_block_log_dirty(&g.t.m.rams, g.t.ram, MEM_DIRTY_DISPLAY, true, NULL));
    look(&g.copy, false); /* all dirty, none changed: they are clean */
    cr_assert_eq(g.copy.clean, 0u);
    look(&g.copy, false); /* read once more */
    cr_assert_eq(g.copy.clean, 0u);
    look(&g.copy, false);
    cr_assert(all_clean(&g.copy));
    machine_unlock(&g.t.m);
    x86_machine_free(&g.t);
}

/* One that is in the middle of something is: it may store unseen until it has heard of it. */
Test(dirty_log, pages_do_not_settle_before_vcpus_have_heard_of_it)
{
    static struct guest g;

    memset(&g, 0, sizeof g);
    counting_guest(&g, NULL, true);
    tcg_enter_code(g.t.tc);
    machine_lock(&g.t.m);
    cr_assert(ram_block_log_dirty(&g.t.m.rams, g.t.ram, MEM_DIRTY_DISPLAY, true, NULL));
    for (unsigned n = 0; n < 5; n++) {
        look(&g.copy, false);
        cr_assert_eq(g.copy.clean, 0u);
    }
    tcg_take_requests(g.t.tc);
    look(&g.copy, false); /* read once more */
    cr_assert_eq(g.copy.clean, 0u);
    look(&g.copy, false);
    cr_assert(all_clean(&g.copy));
    machine_unlock(&g.t.m);
    tcg_leave_code(g.t.tc);
    x86_machine_free(&g.t);
}

/* Entries of pages that were dirty when they were taken up: by a walk, and by the short way. */
Test(dirty_log, entries_of_dirty_pages_are_dropped_when_they_become_clean)
{
    static struct guest g;

    memset(&g, 0, sizeof g);
    counting_guest(&g, NULL, true);
    machine_lock(&g.t.m);
    cr_assert(ram_block_log_dirty(&g.t.m.rams, g.t.ram, MEM_DIRTY_DISPLAY, true, NULL));
    tcg_enter_code(g.t.tc);
    for (uint32_t n = 1; n <= 3; n++) {
        const uint64_t walks = g.t.tc->counters.tlb_fills, refills = g.t.tc->counters.tlb_refills;
        for (uint64_t p = 0; p < DATA_PAGES; p++)
            tcg_store(g.t.tc, DATA + p * PAGE, 4, n, 0);
        if (n == 1) {
            cr_assert_gt(g.t.tc->counters.tlb_fills, walks);
            cr_assert_gt(g.t.tc->counters.tlb_refills, refills);
        }
        for (unsigned k = 0; k < 4; k++) {
            look(&g.copy, false);
            tcg_take_requests(g.t.tc);
        }
        cr_assert(all_clean(&g.copy));
        for (uint64_t p = 0; p < DATA_PAGES; p++)
            cr_assert_eq(g.copy.words[g.copy.first + p], n);
    }
    tcg_leave_code(g.t.tc);
    machine_unlock(&g.t.m);
    x86_machine_free(&g.t);
}

/* ---- logs without compiled code ----------------------------------------------------------------
 */

static unsigned synced;
static void sync_one(void *opaque, struct ram_block *ram, uint64_t first, uint64_t count)
{
    (void)opaque, (void)first, (void)count;
    synced++;
    ram_block_mark_dirty(ram, 3 * PAGE, 1);
}
static const struct ram_dirty_ops sync_ops = {.changed = stress_changed, .sync = sync_one};

Test(dirty_log, what_the_kernel_noted_is_fetched)
{
    struct ram_list rams;
    uint64_t pages[1] = {0}, all[1] = {0xff};

    ram_list_init(&rams);
    struct ram_block *ram = ram_block_new(&rams, "ram", 8 * PAGE, false, NULL);
    rams.dirty_ops = &sync_ops;
    cr_assert(ram_block_log_dirty(&rams, ram, MEM_DIRTY_MIGRATION, true, NULL));
    for (unsigned n = 0; n < 2; n++) { /* dirty, and once more */
        cr_assert(ram_block_fetch_dirty(&rams, ram, MEM_DIRTY_MIGRATION, 0, 8, pages));
        cr_assert_eq(pages[0], UINT64_C(0xff));
        ram_block_clean(&rams, ram, MEM_DIRTY_MIGRATION, 0, 8, all);
    }
    cr_assert(ram_block_fetch_dirty(&rams, ram, MEM_DIRTY_MIGRATION, 0, 8, pages));
    cr_assert_eq(pages[0], UINT64_C(8));
    cr_assert_eq(synced, 3u);
    ram_block_free(&rams, ram);
}

Test(dirty_log, everything_is_dirty_where_stores_leave_no_trace)
{
    struct ram_list rams;
    uint64_t pages[1] = {0}, all[1] = {0xff};

    ram_list_init(&rams);
    struct ram_block *ram = ram_block_new(&rams, "ram", 8 * PAGE, false, NULL);
    cr_assert(ram_block_fetch_dirty(&rams, ram, MEM_DIRTY_DISPLAY, 2, 3, pages), "no log");
    cr_assert_eq(pages[0], UINT64_C(0x1c));
    rams.stores_unseen = true;
    cr_assert(ram_block_log_dirty(&rams, ram, MEM_DIRTY_DISPLAY, true, NULL));
    for (unsigned n = 0; n < 4; n++) {
        pages[0] = 0;
        cr_assert(ram_block_fetch_dirty(&rams, ram, MEM_DIRTY_DISPLAY, 0, 8, pages));
        cr_assert_eq(pages[0], UINT64_C(0xff));
        ram_block_clean(&rams, ram, MEM_DIRTY_DISPLAY, 0, 8, all);
    }
    /* Ranges that are not the block's are none. */
    cr_assert(!ram_block_fetch_dirty(&rams, ram, MEM_DIRTY_DISPLAY, 7, 2, pages));
    cr_assert(!ram_block_fetch_dirty(&rams, ram, MEM_DIRTY_DISPLAY, UINT64_MAX, 2, pages));
    ram_block_free(&rams, ram);
}
