/* Dirty logs under compiled code. See dirty.h. */
#include "tcg/mmu/dirty.h"

#include <stdatomic.h>

#include "core/memory/dirty.h"
#include "core/util/range.h"
#include "tcg/machine.h"
#include "tcg/mmu/tlb.h"

void tcg_dirty_init(struct tcg_machine *tm)
{
    pthread_mutex_init(&tm->dirty.lock, NULL);
    list_init(&tm->dirty.blocks);
}

void tcg_dirty_free(struct tcg_machine *tm)
{
    while (!list_empty(&tm->dirty.blocks))
        list_remove(tm->dirty.blocks.next);
    pthread_mutex_destroy(&tm->dirty.lock);
}

static bool listed(const struct tcg_dirty *d, const struct ram_block *ram)
{
    list_for_each(block, &d->blocks, struct ram_block, log_node)
    {
        if (block == ram)
            return true;
    }
    return false;
}

void tcg_dirty_ram_freed(struct tcg_machine *tm, struct ram_block *ram)
{
    pthread_mutex_lock(&tm->dirty.lock);
    if (listed(&tm->dirty, ram))
        list_remove(&ram->log_node);
    pthread_mutex_unlock(&tm->dirty.lock);
}

static void changed(void *opaque, struct ram_block *ram)
{
    struct tcg_machine *tm = opaque;
    bool began = false;

    if (!ram_block_logged(ram)) {
        tcg_dirty_ram_freed(tm, ram);
        return;
    }
    pthread_mutex_lock(&tm->dirty.lock);
    if (!listed(&tm->dirty, ram)) {
        list_add_tail(&tm->dirty.blocks, &ram->log_node);
        began = true;
    }
    pthread_mutex_unlock(&tm->dirty.lock);
    if (began)
        tcg_request(tm, TCG_REQUEST_FLUSH);
}

static uint64_t rearm(void *opaque)
{
    struct tcg_machine *tm = opaque;
    /* After the bits were cleared, and before the request: who takes that up sees both. */
    uint64_t ticket = atomic_fetch_add(&tm->dirty.ticket, 1) + 1;

    tcg_request(tm, TCG_REQUEST_REARM);
    return ticket;
}

/* A vCPU outside of code has stored all that it was going to, and takes the request up before it
 * stores again (tcg_enter_code). */
static bool armed(void *opaque, uint64_t ticket)
{
    struct tcg_machine *tm = opaque;
    bool all = true;

    pthread_mutex_lock(&tm->exclusive_lock);
    for (unsigned n = 0; n < tm->m->vcpu_count && all; n++) {
        struct tcg_cpu *tc = tm->m->vcpus[n] ? tcg_cpu_of_vcpu(tm->m->vcpus[n]) : NULL;
        if (tc && tc->inside)
            all = atomic_load(&tc->dirty_ticket) >= ticket;
    }
    pthread_mutex_unlock(&tm->exclusive_lock);
    return all;
}

const struct ram_dirty_ops tcg_dirty_ops = {.changed = changed, .rearm = rearm, .armed = armed};

static const struct ram_block *block_at(const struct tcg_dirty *d, uint64_t host)
{
    list_for_each(ram, &d->blocks, struct ram_block, log_node)
    {
        if (host - (uint64_t)(uintptr_t)ram->host < ram->size)
            return ram;
    }
    return NULL;
}

static void rearm_context(const struct tcg_dirty *d, struct tcg_ctx *ctx)
{
    for (unsigned w = 0; w < TLB_FAST_SIZE / 64; w++)
        for (uint64_t bits = ctx->wr_logged[w]; bits; bits &= bits - 1) {
            const unsigned n = 64 * w + (unsigned)__builtin_ctzll(bits);
            struct tlb_fast *f = &ctx->wr[n];
            const uint64_t host = align_down(f->tag, MEM_PAGE_SIZE) + f->addend;
            const struct ram_block *ram = f->tag == TLB_INVALID ? NULL : block_at(d, host);

            if (ram && ram_page_is_dirty(ram, host - (uint64_t)(uintptr_t)ram->host))
                continue;
            if (ram)
                f->tag = TLB_INVALID;
            ctx->wr_logged[w] &= ~(bits & -bits);
        }
}

void tcg_dirty_rearm(struct tcg_cpu *tc)
{
    struct tcg_dirty *d = &tc->tm->dirty;
    struct tcg_ctx *list[TLB_CONTEXTS];
    const unsigned count = tlb_contexts(tc->mmu, list);
    /* First: what was cleared for a later ticket comes with another request. */
    const uint64_t ticket = atomic_load(&d->ticket);

    pthread_mutex_lock(&d->lock);
    for (unsigned c = 0; c < count; c++)
        rearm_context(d, list[c]);
    pthread_mutex_unlock(&d->lock);
    atomic_store(&tc->dirty_ticket, ticket);
}
