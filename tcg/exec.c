/*
 * The run loop of a vCPU: events, lookup, run, and what to do with each way out of a block.
 *
 * Thread contract: the vCPU's thread. Between tcg_enter_code and tcg_leave_code it counts as inside
 * compiled code for safe points; it may block on the machine lock there, because nobody enters an
 * exclusive section with the machine lock held.
 */
#include "tcg/exec.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "tcg/icount.h"
#include "tcg/inject.h"
#include "tcg/mmu/tlb.h"
#include "tcg/tier2/tier2.h"
#include "tcg/translate.h"

void tcg_internal_error(struct tcg_cpu *tc, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(tc->vcpu->error, sizeof tc->vcpu->error, fmt, ap);
    va_end(ap);
    tc->status = TCG_LEAVE;
}

static bool transient(const struct tcg_cpu *tc)
{
    return (tc->mode & tc->arch->transient_modes) != 0;
}

/* With -d exec every block comes from the run loop, which logs it: nothing is linked or cached. */
static bool log_exec(const struct tcg_cpu *tc)
{
    return log_enabled(&tc->vcpu->machine->log, LOG_EXEC);
}

static struct tcg_exit run_block(struct tcg_cpu *tc, struct tcg_block *b)
{
    if (log_exec(tc))
        log_write(&tc->vcpu->machine->log, LOG_EXEC,
                  "cpu %u: pc 0x%016llx mode 0x%llx (%u-bit) block %p%s", tc->vcpu->index,
                  (unsigned long long)tc->arch->get_pc(tc), (unsigned long long)tc->mode,
                  tc->arch->code_bits(tc->mode), b->code, tc->single_insn ? ", alone" : "");
    tc->in_block = true;
    struct tcg_exit out = tc->tm->backend->run(tc, b);
    tc->in_block = false;
    return out;
}

/* So that the next indirect jump to this PC finds the block without leaving compiled code. */
static void fill_jump_cache(struct tcg_cpu *tc, struct tcg_block *b)
{
    uint64_t pc = tc->arch->get_pc(tc);
    struct jump_entry *j = &tc->ctx->jumps[jump_hash(pc)];
    if (!b->page || transient(tc) || !tc->tm->jump_cache || log_exec(tc))
        return;
    uint64_t alias;
    if (!tlb_note_code(tc, tc->ctx, tc->arch->code_address(tc, pc), &alias) ||
        (b->mode & TCG_MODE_ALIAS) != alias)
        return;
    j->pc = pc;
    j->code = tc->tm->backend->jump_target(b);
    tc->counters.jump_cache_fills++;
}

/* The exit leads there in this context: from the address that its block is for, to that of `to`. */
static bool note_link(struct tcg_cpu *tc, const struct tcg_exit *out, const struct tcg_block *to)
{
    const struct tcg_exit_site *site = block_exit(out->block, out->number);
    const uint64_t pc = tc->arch->get_pc(tc);
    const uint64_t from = pc - (uint64_t)(int64_t)site->target + out->block->offset;
    uint64_t from_alias, to_alias;
    if (!tlb_note_way(tc, tc->ctx, tc->arch->code_address(tc, from), tc->arch->code_address(tc, pc),
                      &from_alias, &to_alias) ||
        from_alias != (out->block->mode & TCG_MODE_ALIAS) ||
        to_alias != (to->mode & TCG_MODE_ALIAS))
        return false;
    exec_link(tc->ctx, exit_crossing(site)->link_id, tc->arch->code_address(tc, from),
              tc->arch->code_address(tc, pc));
    return true;
}

static unsigned alias_of(const struct tcg_block *b)
{
    return (unsigned)(b->mode >> TCG_MODE_ALIAS_SHIFT) & TCG_ALIAS_MAX;
}

/* Would contexts that have the link id be led elsewhere than they have seen? Without code_lock a
 * guess: another vCPU may be linking the exit. */
static bool moves(const struct tcg_exit_site *site, const struct tcg_block *to)
{
    const struct tcg_crossing *x = exit_crossing(site);
    const struct tcg_page *page = __atomic_load_n(&x->page, __ATOMIC_RELAXED);
    return page &&
           (page != to->page || __atomic_load_n(&x->alias, __ATOMIC_RELAXED) != alias_of(to));
}

/* The page that the exit's link id stands for, NULL: none yet. code_lock held. */
static void set_page(struct tcg_crossing *x, struct tcg_page *page, unsigned alias)
{
    __atomic_store_n(&x->alias, (uint8_t)alias, __ATOMIC_RELAXED);
    __atomic_store_n(&x->page, page, __ATOMIC_RELAXED);
}

/*
 * The exit leads to another page here than in contexts that have its link id: it can be linked to
 * one of them only, which is the last from now on. false: not now, what was looked up may be gone.
 */
static bool move_link(struct tcg_cpu *tc, struct tcg_exit_site *site)
{
    enum {
        MOVES = 16
    }; /* more: contexts take turns, and one of them looks the block up each time */
    struct tcg_machine *tm = tc->tm;
    const bool parallel = tm->parallel;
    const uint64_t era = tm->cache.flush_count;
    struct tcg_crossing *x = exit_crossing(site);
    if (__atomic_load_n(&x->moves, __ATOMIC_RELAXED) == MOVES)
        return false;
    if (parallel)
        tcg_exclusive_begin(tm, tc);
    if (era == tm->cache.flush_count) {
        pthread_mutex_lock(&tm->code_lock);
        cache_link(tm, site, NULL);
        set_page(x, NULL, 0);
        __atomic_store_n(&x->moves, (uint8_t)(x->moves + 1), __ATOMIC_RELAXED);
        for (unsigned n = 0; n < tm->m->vcpu_count; n++)
            if (tm->m->vcpus[n] && tcg_cpu_of_vcpu(tm->m->vcpus[n]))
                tlb_forget_link(tcg_cpu_of_vcpu(tm->m->vcpus[n]), x->link_id);
        pthread_mutex_unlock(&tm->code_lock);
    }
    if (parallel)
        tcg_exclusive_end(tm, tc);
    return !parallel;
}

/* The exit that was taken leads to `to` in this context: link it if that holds for good. */
static void try_link(struct tcg_cpu *tc, const struct tcg_exit *out, struct tcg_block *to)
{
    struct tcg_machine *tm = tc->tm;
    struct tcg_exit_site *site = block_exit(out->block, out->number);
    bool cross = site->flags & IR_EXIT_CROSS;

    if (site->flags & IR_EXIT_STAY)
        return;
    const uint64_t differ = to->mode ^ out->block->mode;
    if (!to->page || (differ & ~TCG_MODE_ALIAS) || transient(tc) || tm->one_insn || log_exec(tc))
        return;
    if (!cross && (to->page != out->block->page || differ))
        return; /* the mapping of the page changed while we were in it */
    if (cross && moves(site, to) && !move_link(tc, site))
        return;
    pthread_mutex_lock(&tm->code_lock);
    if (!cross || !moves(site, to)) { /* else another vCPU was faster */
        if (cross)
            set_page(exit_crossing(site), to->page, alias_of(to));
        cache_link(tm, site, to);
        if (cross && cache_linked(&tm->cache, site) == to)
            note_link(tc, out, to);
    }
    pthread_mutex_unlock(&tm->code_lock);
}

/*
 * A link across pages that was made before, and that this context only has not seen to be right:
 * the block behind it when the page is where it was. This is what a context's first way through
 * code that others have run costs, so nothing is looked up.
 */
static struct tcg_block *confirm_link(struct tcg_cpu *tc, const struct tcg_exit *out)
{
    const struct tcg_exit_site *site = block_exit(out->block, out->number);
    struct tcg_block *to = cache_linked(&tc->tm->cache, site);
    uint64_t pc = tc->arch->get_pc(tc), vaddr = tc->arch->code_address(tc, pc);

    if (!(site->flags & IR_EXIT_CROSS) || !to || (to->mode & ~TCG_MODE_ALIAS) != tc->mode ||
        !block_guards_hold(to, tc->ctx) || to->offset != (vaddr & (MEM_PAGE_SIZE - 1)) ||
        __atomic_load_n(&to->dead, __ATOMIC_ACQUIRE) || log_exec(tc) ||
        tlb_code_page(tc, tc->ctx, vaddr) != to->page || !note_link(tc, out, to))
        return NULL;
    tc->pcb = pc - to->offset;
    return to;
}

/* Run the present instruction alone: its slow accesses complete. */
static void run_single(struct tcg_cpu *tc)
{
    bool exclusive = tc->want_exclusive;
    struct tcg_block *b;

    tc->counters.reexecutions++;
    tc->want_exclusive = false;
    tc->status = TCG_OK;
    if (exclusive)
        tcg_exclusive_begin(tc->tm, tc);
    tc->single_insn = true;
    tc->exclusive_insn = exclusive;
    /* A miss translates, which may want an exclusive section of its own: never inside ours. */
    if (exclusive) {
        tcg_exclusive_end(tc->tm, tc);
        b = tcg_lookup(tc, TCG_MODE_SINGLE);
        uint64_t era = tc->tm->cache.flush_count;
        tcg_exclusive_begin(tc->tm, tc);
        if (b && (era != tc->tm->cache.flush_count || b->dead))
            b = NULL; /* gone meanwhile: the caller comes back here */
    } else {
        b = tcg_lookup(tc, TCG_MODE_SINGLE);
    }
    if (b)
        run_block(tc, b);
    tc->single_insn = tc->exclusive_insn = false;
    if (exclusive)
        tcg_exclusive_end(tc->tm, tc);
}

/* Counted execution: a block that the budget, which is not used up, covers. */
static struct tcg_block *fit_budget(struct tcg_cpu *tc, struct tcg_block *b)
{
    if (b->longest <= tc->budget || !b->page || b->mode & TCG_MODE_SINGLE)
        return b;
    if (b->tier > 1) {
        b = tcg_lookup(tc, TCG_MODE_EXACT);
        if (!b || b->longest <= tc->budget)
            return b;
    }
    return tcg_lookup(tc, TCG_MODE_SINGLE);
}

/* status is set: what next? false: leave the run loop with *why. */
static bool handle_status(struct tcg_cpu *tc, enum vcpu_exit *why)
{
    if (tc->arch->settle)
        tc->arch->settle(tc);
    switch (tc->status) {
    case TCG_EXCEPTION:
        tc->status = TCG_OK;
        tc->budget--; /* counted execution: the instruction gave back at least one */
        if (!tc->arch->deliver_exception(tc)) {
            *why = VCPU_EXIT_SHUTDOWN;
            return false;
        }
        return true;
    case TCG_REEXECUTE:
        run_single(tc);
        return true;
    case TCG_LEAVE:
        tc->status = TCG_OK;
        *why = tc->vcpu->error[0] ? VCPU_EXIT_ERROR : VCPU_EXIT_DEBUG;
        return false;
    default:
        tc->status = TCG_OK;
        return true;
    }
}

/* A poll: false: leave the run loop with *why. entered: see tier2_at_entry(). */
static bool poll(struct tcg_cpu *tc, int64_t entered, enum vcpu_exit *why)
{
    struct vcpu *cpu = tc->vcpu;
    /* Cleared first: what is asked from now on makes the next poll leave again. */
    __atomic_exchange_n(&tc->exit_request, 0, __ATOMIC_SEQ_CST);
    tcg_safe_point(tc);
    tcg_take_requests(tc);
    tier2_at_poll(tc, entered);
    if (tc->watch_hit) {
        cpu->debug_addr = tc->watch_hit->addr;
        for (unsigned n = 0; n < cpu->breakpoint_count; n++)
            if (cpu->breakpoints[n].addr == tc->watch_hit->addr &&
                cpu->breakpoints[n].kind != CPU_BP_EXEC)
                cpu->debug_hit = &cpu->breakpoints[n];
        tc->watch_hit = NULL;
        *why = VCPU_EXIT_DEBUG;
        return false;
    }
    if (tc->tm->icount && !icount_poll(tc)) {
        *why = VCPU_EXIT_STOP;
        return false;
    }
    if (atomic_load(&cpu->stop_request)) {
        *why = VCPU_EXIT_STOP;
        return false;
    }
    tc->halt_seq = atomic_load(&cpu->interrupt_seq);
    switch (tc->arch->take_events(tc)) {
    case TCG_EVENT_HALT:
        if (tc->tm->icount && icount_halt(tc)) { /* look again */
            __atomic_store_n(&tc->exit_request, 1, __ATOMIC_SEQ_CST);
            return true;
        }
        *why = tc->tm->icount ? VCPU_EXIT_STOP : VCPU_EXIT_HALT;
        return false;
    case TCG_EVENT_SHUTDOWN:
        *why = VCPU_EXIT_SHUTDOWN;
        return false;
    case TCG_EVENT_DELIVERED:
        if (tc->tm->icount)
            icount_interrupted(tc);
        return true;
    default:
        return true;
    }
}

enum vcpu_exit tcg_vcpu_run(struct vcpu *cpu)
{
    struct tcg_cpu *tc = tcg_cpu_of_vcpu(cpu);
    struct tcg_exit out = {.kind = TCG_EXIT_EVENTS};
    enum vcpu_exit why = VCPU_EXIT_STOP;
    bool stepped = false;

    cpu->error[0] = 0;
    cpu->debug_hit = NULL;
    if (tc->tm->icount && !icount_enter(tc))
        return VCPU_EXIT_STOP;
    const int64_t entered = tier2_at_entry(tc);
    tcg_enter_code(tc);
    tcg_mode_changed(tc);
    for (;;) {
        if (tc->status && !handle_status(tc, &why))
            break;
        if (tc->status)
            continue;  /* the single instruction or the delivery had a fault of its own */
        if (stepped) { /* the instruction is complete, or its exception delivered */
            why = VCPU_EXIT_DEBUG;
            break;
        }
        if (out.kind == TCG_EXIT_MODE) {
            tcg_mode_changed(tc);
            out.kind = TCG_EXIT_EVENTS;
        }
        if ((out.kind == TCG_EXIT_EVENTS || out.kind == TCG_EXIT_STATUS ||
             __atomic_load_n(&tc->exit_request, __ATOMIC_ACQUIRE) ||
             (tc->tm->icount && tc->budget <= 0))) {
            if (!poll(tc, entered, &why))
                break;
            if (out.kind == TCG_EXIT_LINK)
                out.kind = TCG_EXIT_DYN; /* events may have moved the PC */
            if (tc->status)
                continue;
            if (cpu->wait_for_sipi || /* an INIT was taken: nothing runs before the start-up message
                                       */
                (tc->tm->icount && __atomic_load_n(&tc->exit_request, __ATOMIC_ACQUIRE))) {
                out.kind = TCG_EXIT_EVENTS;
                continue;
            }
        }
        if (tc->tm->inject) {
            inject_at_lookup(tc, &out);
            if (tc->status)
                continue;
        }
        uint64_t era = tc->tm->cache.flush_count;
        struct tcg_block *b = out.kind == TCG_EXIT_LINK ? confirm_link(tc, &out) : NULL;
        bool confirmed = b != NULL;
        if (!b)
            b = tcg_lookup(tc, transient(tc) || tc->tm->one_insn ? TCG_MODE_SINGLE : 0);
        if (!b) {
            out.kind = TCG_EXIT_STATUS;
            continue;
        }
        if (era != tc->tm->cache.flush_count)
            out.block = NULL; /* it came from a block that is no more */
        if (!transient(tc) && !tc->tm->one_insn) {
            if (out.kind != TCG_EXIT_LINK)
                fill_jump_cache(tc, b);
            else if (!confirmed && out.block)
                try_link(tc, &out, b);
            if (tc->tm->tier2 && !log_exec(tc) && tier2_note(tc, b, &out))
                b = tcg_lookup(tc, 0);
        }
        if (b && tc->tm->icount)
            b = fit_budget(tc, b);
        if (!b) {
            out.kind = TCG_EXIT_STATUS;
            continue;
        }
        tc->counters.exits++;
        out = run_block(tc, b);
        stepped = cpu->single_step;
    }
    tcg_leave_code(tc);
    return why;
}
