/* Injected invalidations. See inject.h. */
#include "tcg/inject.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>

#include "core/util/range.h"
#include "tcg/mmu/tlb.h"
#include "tcg/translate.h"

/* splitmix64: each state is another sequence, zero included. */
static uint64_t draw(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static unsigned below(struct tcg_cpu *tc, unsigned n)
{
    return (unsigned)(draw(&tc->inject_state) % n);
}

void inject_vcpu_init(struct tcg_cpu *tc)
{
    tc->inject_state = tc->tm->inject_seed + tc->vcpu->index;
    draw(&tc->inject_state);
}

/* Some block of the cache; tier: of that tier, 0: whichever. NULL: none found. code_lock held. */
static struct tcg_block *some_block(struct tcg_cpu *tc, unsigned tier)
{
    enum { SEARCH = 512 };
    struct tcg_cache *c = &tc->tm->cache;
    unsigned at = below(tc, 1 << CACHE_HASH_BITS);
    for (unsigned n = 0; n < SEARCH; n++) {
        unsigned bucket = (at + n) & ((1 << CACHE_HASH_BITS) - 1);
        struct tcg_block *b = cache_in_bucket(c, bucket, NULL);
        while (b && tier && b->tier != tier)
            b = cache_in_bucket(c, bucket, b);
        if (b)
            return b;
    }
    return NULL;
}

/* Not a block that this vCPU is in: a store of its own to the block's bytes must find it. */
static void remove_some(struct tcg_cpu *tc, unsigned tier)
{
    struct tcg_machine *tm = tc->tm;
    pthread_mutex_lock(&tm->code_lock);
    struct tcg_block *b = some_block(tc, tier);
    if (b && !tm->backend->runs(tc, b))
        cache_remove(tm, b);
    pthread_mutex_unlock(&tm->code_lock);
}

/* ---- what is injected between blocks -------------------------------------------------------- */

static void remove_block(struct tcg_cpu *tc, struct tcg_exit *out)
{
    (void)out;
    remove_some(tc, 0);
}

static void remove_region(struct tcg_cpu *tc, struct tcg_exit *out)
{
    (void)out;
    remove_some(tc, 2);
}

/* The block that was just left, or else what its exit is linked to: code in use. */
static void remove_used(struct tcg_cpu *tc, struct tcg_exit *out)
{
    struct tcg_machine *tm = tc->tm;
    if (out->kind != TCG_EXIT_LINK || !out->block)
        return;
    pthread_mutex_lock(&tm->code_lock);
    struct tcg_block *b = out->block, *to = cache_linked(&tm->cache, block_exit(b, out->number));
    if (to && below(tc, 2))
        b = to;
    if (b->page && !b->dead)
        cache_remove(tm, b);
    pthread_mutex_unlock(&tm->code_lock);
}

static void unlink_block(struct tcg_cpu *tc, struct tcg_exit *out)
{
    struct tcg_machine *tm = tc->tm;
    (void)out;
    pthread_mutex_lock(&tm->code_lock);
    struct tcg_block *b = some_block(tc, 0);
    if (b)
        cache_unlink(tm, b);
    pthread_mutex_unlock(&tm->code_lock);
}

static void forget_code(struct tcg_cpu *tc, struct tcg_exit *out)
{
    (void)out;
    tlb_forget_code(tc);
}

static void flush_tlb(struct tcg_cpu *tc, struct tcg_exit *out)
{
    (void)out;
    tlb_flush_all(tc);
}

/* As when the flat view changes. */
static void flush_tlbs(struct tcg_cpu *tc, struct tcg_exit *out)
{
    (void)out;
    tcg_request(tc->tm, TCG_REQUEST_FLUSH);
}

/* The more there is the longer it takes to make it again: less often then. */
static void flush_code(struct tcg_cpu *tc, struct tcg_exit *out)
{
    enum { SHARE = 64 };
    if (below(tc, 1 + (unsigned)(tc->tm->cache.block_count / SHARE)))
        return;
    tcg_flush_code(tc);
    out->block = NULL;
    if (out->kind == TCG_EXIT_LINK)
        out->kind = TCG_EXIT_DYN;
}

/* The next instruction runs alone, as one whose access cannot complete in its block does. */
static void run_alone(struct tcg_cpu *tc, struct tcg_exit *out)
{
    if (tc->vcpu->single_step)
        return;
    tc->status = TCG_REEXECUTE;
    tc->want_exclusive = tc->tm->parallel && below(tc, 2);
    out->kind = TCG_EXIT_STATUS;
}

struct injection {
    const char *what;
    void (*inject)(struct tcg_cpu *tc, struct tcg_exit *out);
    unsigned weight;
};

static const struct injection injections[TCG_INJECTIONS] = {
    {"blocks", remove_block, 24},       {"regions", remove_region, 24},
    {"blocks in use", remove_used, 24}, {"links", unlink_block, 24},
    {"jump caches", forget_code, 12},   {"TLBs", flush_tlb, 8},
    {"all vCPUs' TLBs", flush_tlbs, 4}, {"code caches", flush_code, 4},
    {"re-executions", run_alone, 24},
};

void inject_at_lookup(struct tcg_cpu *tc, struct tcg_exit *out)
{
    enum { NOTHING = 64, SELDOM = 8, EAGER = 1 << 14, LATER = 64 };
    unsigned all = NOTHING;
    /* A long run shall end: most of what is to be found shows early. */
    if (tc->inject_looks++ > EAGER && below(tc, LATER))
        return;
    for (unsigned k = 0; k < TCG_INJECTIONS; k++)
        all += injections[k].weight;
    unsigned which = below(tc, all);
    /* Polls are where compiled code comes by: ask for the next one, most of the time. */
    if (below(tc, SELDOM))
        __atomic_store_n(&tc->exit_request, 1, __ATOMIC_SEQ_CST);
    for (unsigned k = 0; k < TCG_INJECTIONS; which -= injections[k++].weight) {
        if (which >= injections[k].weight)
            continue;
        injections[k].inject(tc, out);
        __atomic_fetch_add(&tc->tm->injected[k], 1, __ATOMIC_RELAXED);
        return;
    }
}

void inject_at_access(struct tcg_cpu *tc)
{
    enum { EVERY = 16, FLUSH_EVERY = 256 };
    switch (below(tc, EVERY)) {
    case 0:
        remove_some(tc, 0);
        break;
    case 1:
        __atomic_store_n(&tc->exit_request, 1, __ATOMIC_SEQ_CST);
        break;
    default:
        if (!below(tc, FLUSH_EVERY))
            tlb_flush_all(tc);
        break;
    }
}

unsigned inject_insns(struct tcg_cpu *tc, unsigned max)
{
    return max > 1 && below(tc, 2) ? 1 + below(tc, max) : max;
}

unsigned inject_nodes(struct tcg_machine *tm, unsigned max)
{
    uint64_t r = draw(&tm->inject_state);
    return r & 1 ? 1 + (unsigned)((r >> 1) % max) : max;
}

size_t inject_info(const struct tcg_machine *tm, char *buf, size_t len)
{
    if (!tm->inject)
        return 0;
    size_t used = (size_t)snprintf(buf, len, "injected, seed %" PRIu64 ":", tm->inject_seed);
    for (unsigned k = 0; k < TCG_INJECTIONS; k++) {
        const size_t room = used < len ? len - used : 0;
        used +=
            (size_t)snprintf(room ? buf + used : NULL, room, " %" PRIu64 " %s%s", tm->injected[k],
                             injections[k].what, k + 1 < TCG_INJECTIONS ? "," : "\n");
    }
    return used;
}
