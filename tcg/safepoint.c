/*
 * Safe points: a vCPU is "in code" from tcg_enter_code to tcg_leave_code; an exclusive section
 * starts when every vCPU but the caller is outside. vCPUs come back at polls (exit_request) and
 * wait until the section ends.
 */
#include <stdatomic.h>

#include "tcg/machine.h"
#include "tcg/mmu/tlb.h"

static void ask_all_to_poll(struct tcg_machine *tm)
{
    for (unsigned n = 0; n < tm->m->vcpu_count; n++) {
        struct tcg_cpu *tc = tcg_cpu_of_vcpu(tm->m->vcpus[n]);
        if (tc)
            __atomic_store_n(&tc->exit_request, 1, __ATOMIC_SEQ_CST);
    }
}

/* Under exclusive_lock; read without it by the second tier. */
static void count_in(struct tcg_machine *tm, int by)
{
    __atomic_store_n(&tm->in_code, tm->in_code + (unsigned)by, __ATOMIC_RELAXED);
}

void tcg_take_requests(struct tcg_cpu *tc)
{
    const uint64_t asked = atomic_load(&tc->asked);
    uint32_t requests = atomic_exchange(&tc->requests, 0);
    if (requests & TCG_REQUEST_FLUSH)
        tlb_flush_all(tc);
    if (requests & TCG_REQUEST_REARM) /* after it: entries from before a log began are unmarked */
        tcg_dirty_rearm(tc);
    if (requests & TCG_REQUEST_ARCH)
        tc->arch->take_request(tc);
    if (asked != atomic_load_explicit(&tc->answered, memory_order_relaxed)) {
        atomic_store(&tc->answered, asked);
        if (__atomic_load_n(&tc->tm->waiting, __ATOMIC_SEQ_CST)) {
            pthread_mutex_lock(&tc->tm->exclusive_lock);
            pthread_cond_broadcast(&tc->tm->exclusive_cond);
            pthread_mutex_unlock(&tc->tm->exclusive_lock);
        }
    }
}

void tcg_request_cpu(struct tcg_cpu *tc, uint32_t request)
{
    atomic_fetch_or(&tc->requests, request);
    atomic_fetch_add(&tc->asked, 1);
    __atomic_store_n(&tc->exit_request, 1, __ATOMIC_SEQ_CST);
}

/* exclusive_lock held. */
static bool all_answered(const struct tcg_machine *tm)
{
    for (unsigned n = 0; n < tm->m->vcpu_count; n++) {
        struct tcg_cpu *tc = tcg_cpu_of_vcpu(tm->m->vcpus[n]);
        if (tc && tc->inside && atomic_load(&tc->answered) != atomic_load(&tc->asked))
            return false;
    }
    return true;
}

void tcg_wait_requests(struct tcg_machine *tm, struct tcg_cpu *tc)
{
    tcg_leave_code(tc);
    pthread_mutex_lock(&tm->exclusive_lock);
    __atomic_add_fetch(&tm->waiting, 1, __ATOMIC_SEQ_CST);
    while (!all_answered(tm))
        pthread_cond_wait(&tm->exclusive_cond, &tm->exclusive_lock);
    __atomic_sub_fetch(&tm->waiting, 1, __ATOMIC_SEQ_CST);
    pthread_mutex_unlock(&tm->exclusive_lock);
    tcg_enter_code(tc);
}

void tcg_enter_code(struct tcg_cpu *tc)
{
    struct tcg_machine *tm = tc->tm;
    pthread_mutex_lock(&tm->exclusive_lock);
    while (tm->exclusive)
        pthread_cond_wait(&tm->exclusive_cond, &tm->exclusive_lock);
    count_in(tm, 1);
    tc->inside = true;
    pthread_mutex_unlock(&tm->exclusive_lock);
    /* Who asked while the vCPU was outside takes it as done (tcg/mmu/dirty.c). */
    tcg_take_requests(tc);
}

void tcg_leave_code(struct tcg_cpu *tc)
{
    struct tcg_machine *tm = tc->tm;
    pthread_mutex_lock(&tm->exclusive_lock);
    count_in(tm, -1);
    tc->inside = false;
    if (tm->exclusive || __atomic_load_n(&tm->waiting, __ATOMIC_SEQ_CST))
        pthread_cond_broadcast(&tm->exclusive_cond);
    pthread_mutex_unlock(&tm->exclusive_lock);
}

void tcg_safe_point(struct tcg_cpu *tc)
{
    if (__atomic_load_n(&tc->tm->exclusive, __ATOMIC_ACQUIRE)) {
        tcg_leave_code(tc);
        tcg_enter_code(tc);
    }
}

void tcg_exclusive_begin(struct tcg_machine *tm, struct tcg_cpu *tc)
{
    pthread_mutex_lock(&tm->exclusive_lock);
    if (tc) /* while it waits it is at a safe point for others */
        count_in(tm, -1);
    while (tm->exclusive) {
        pthread_cond_broadcast(&tm->exclusive_cond);
        pthread_cond_wait(&tm->exclusive_cond, &tm->exclusive_lock);
    }
    __atomic_store_n(&tm->exclusive, true, __ATOMIC_RELEASE);
    ask_all_to_poll(tm);
    while (tm->in_code)
        pthread_cond_wait(&tm->exclusive_cond, &tm->exclusive_lock);
    if (tc)
        count_in(tm, 1);
    pthread_mutex_unlock(&tm->exclusive_lock);
}

void tcg_exclusive_end(struct tcg_machine *tm, struct tcg_cpu *tc)
{
    (void)tc;
    pthread_mutex_lock(&tm->exclusive_lock);
    __atomic_store_n(&tm->exclusive, false, __ATOMIC_RELEASE);
    pthread_cond_broadcast(&tm->exclusive_cond);
    pthread_mutex_unlock(&tm->exclusive_lock);
}
