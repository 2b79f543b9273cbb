/* Finding what is hot, and the thread that makes regions of it. See tier2.h. */
#include "tcg/tier2/tier2.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/clock/monotonic.h"
#include "core/util/error.h"
#include "core/util/range.h"
#include "tcg/tier2/build.h"

enum {
    QUEUE_SIZE = 32,
    SAMPLE_NS = 250000, /* a sample of every vCPU that runs */
    IDLE_SAMPLES = 64,  /* the longest pause between two looks at an idle machine, then it sleeps */
    SLEEP_SAMPLES = 4096, /* and looks by itself, in case a vCPU runs that never polls */
    AWAKE_NS = 2000000,   /* a vCPU that runs for so long is not one that wakes for a moment */
    BUSY_SAMPLES = 4,     /* and at one that runs, while all is found in regions */
    MAX_PAGE_WRITES = 64, /* stores into the code of a page before it is left alone */
};

struct job {
    struct tcg_block *block;
    uint64_t era, pcb;
    struct tcg_cpu *tc;
};

struct tier2 {
    struct tcg_machine *tm;
    pthread_t thread;
    bool running;
    pthread_mutex_t lock; /* a leaf: what follows, to build_lock */
    pthread_cond_t wake, idle;
    struct tcg_cpu **cpus; /* those that are asked */
    unsigned cpu_count;
    struct job queue[QUEUE_SIZE];
    unsigned queued;
    bool busy; /* the thread is at a job that it took from the queue */
    bool stop;
    bool asleep;    /* shared: until a vCPU runs for a while, tier2_at_poll() */
    uint64_t wakes; /* by such a vCPU */
    uint64_t samples;
    bool news;                  /* shared: a vCPU was found outside regions since the last look */
    pthread_mutex_t build_lock; /* outside code_lock: one region at a time */
    struct tier2_build *build;
    /* counters, under build_lock; refused: of any thread */
    uint64_t regions, nodes, insns, build_ns;
    uint64_t refused[TIER2_REFUSALS];
};

static void refuse(struct tier2 *t, enum tier2_refusal why)
{
    __atomic_fetch_add(&t->refused[why], 1, __ATOMIC_RELAXED);
}

static bool build(struct tier2 *t, const struct job *j)
{
    enum tier2_refusal why = TIER2_GONE;
    pthread_mutex_lock(&t->build_lock);
    int64_t start = monotonic_ns();
    bool ok = tier2_build(t->build, j->tc, j->block, j->era, j->pcb, &why);
    t->build_ns += (uint64_t)(monotonic_ns() - start);
    if (ok) {
        t->regions++;
        t->nodes += t->build->plan.order_count;
        t->insns += t->build->region.guest_insns;
    } else {
        refuse(t, why);
    }
    pthread_mutex_unlock(&t->build_lock);
    return ok;
}

/* ---- the thread ------------------------------------------------------------------------------ */

/* Ask every vCPU that is in compiled code where it is. The lock is held. */
static bool ask(struct tier2 *t)
{
    bool any = __atomic_load_n(&t->tm->in_code, __ATOMIC_RELAXED) != 0;
    for (unsigned n = 0; any && n < t->cpu_count; n++) {
        struct tcg_cpu *tc = t->cpus[n];
        __atomic_store_n(&tc->sample, true, __ATOMIC_RELAXED);
        __atomic_store_n(&tc->exit_request, 1, __ATOMIC_SEQ_CST);
        t->samples++;
    }
    return any;
}

/* The lock is held. Returns true when the pause is over by itself. */
static bool wait_for_work(struct tier2 *t, unsigned pause)
{
    struct timespec until;
    int64_t at = monotonic_ns() + (int64_t)pause * SAMPLE_NS;
    until.tv_sec = (time_t)(at / 1000000000);
    until.tv_nsec = (long)(at % 1000000000);
    __atomic_store_n(&t->asleep, pause == SLEEP_SAMPLES, __ATOMIC_RELAXED);
    bool over = pthread_cond_timedwait(&t->wake, &t->lock, &until) == ETIMEDOUT;
    __atomic_store_n(&t->asleep, false, __ATOMIC_RELAXED);
    return over;
}

/*
 * How long until the next look. Who is asked loses some microseconds, and more where it shares its
 * CPU with this thread.
 */
static unsigned next_pause(struct tier2 *t, unsigned pause)
{
    const bool news = __atomic_exchange_n(&t->news, false, __ATOMIC_RELAXED);
    const bool any = ask(t);
    if (news || (any && pause > BUSY_SAMPLES))
        return 1;
    if (any)
        return MIN(2 * pause, BUSY_SAMPLES);
    return pause >= IDLE_SAMPLES ? SLEEP_SAMPLES : 2 * pause;
}

static void *run(void *opaque)
{
    struct tier2 *t = opaque;
    unsigned pause = 1;
    pthread_mutex_lock(&t->lock);
    while (!t->stop) {
        if (t->queued) {
            struct job j = t->queue[0];
            memmove(t->queue, t->queue + 1, --t->queued * sizeof t->queue[0]);
            t->busy = true;
            pthread_mutex_unlock(&t->lock);
            build(t, &j);
            pthread_mutex_lock(&t->lock);
            t->busy = false;
            pthread_cond_broadcast(&t->idle);
            continue;
        }
        pthread_mutex_unlock(&t->lock);
        bool more = huge_work(t->tm);
        pthread_mutex_lock(&t->lock);
        if (more || t->queued || t->stop)
            continue;
        if (wait_for_work(t, pause))
            pause = next_pause(t, pause);
        else if (pause > BUSY_SAMPLES) /* there is work: not idle any more */
            pause = 1;
    }
    pthread_mutex_unlock(&t->lock);
    return NULL;
}

static bool start_thread(struct tier2 *t)
{
    sigset_t all, old;
    sigfillset(&all); /* the embedder's signals are not for this thread */
    pthread_sigmask(SIG_SETMASK, &all, &old);
    t->running = !pthread_create(&t->thread, NULL, run, t);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    t->tm->huge.on = t->running;
    return t->running;
}

bool tier2_start(struct tcg_machine *tm, struct vemu_error **errp)
{
    pthread_condattr_t attr;
    struct tier2 *t = calloc(1, sizeof *t);
    if (t)
        t->build = malloc(sizeof *t->build);
    if (!t || !t->build) {
        free(t);
        return error_set(errp, VEMU_ERROR_NO_MEMORY, "no memory for the translator");
    }
    t->tm = tm;
    t->build->tm = tm;
    pthread_mutex_init(&t->lock, NULL);
    pthread_mutex_init(&t->build_lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&t->wake, &attr);
    pthread_cond_init(&t->idle, NULL);
    pthread_condattr_destroy(&attr);
    tm->tier2 = t;
    if (!tm->tier2_threshold)
        tm->tier2_threshold = tm->tier2_mode == TIER2_SYNC ? 2 : 1;
    if (tm->tier2_mode == TIER2_ASYNC && !start_thread(t)) {
        tier2_stop(tm);
        return error_set(errp, VEMU_ERROR_NO_MEMORY, "no thread for the translator");
    }
    return true;
}

void tier2_stop(struct tcg_machine *tm)
{
    struct tier2 *t = tm->tier2;
    if (!t)
        return;
    if (t->running) {
        pthread_mutex_lock(&t->lock);
        t->stop = true;
        pthread_cond_signal(&t->wake);
        pthread_mutex_unlock(&t->lock);
        pthread_join(t->thread, NULL);
    }
    pthread_mutex_destroy(&t->lock);
    pthread_mutex_destroy(&t->build_lock);
    pthread_cond_destroy(&t->wake);
    pthread_cond_destroy(&t->idle);
    free(t->cpus);
    free(t->build);
    free(t);
    tm->tier2 = NULL;
}

/* ---- vCPUs ------------------------------------------------------------------------------------
 */

bool tier2_add_vcpu(struct tcg_cpu *tc, struct vemu_error **errp)
{
    struct tier2 *t = tc->tm->tier2;
    pthread_mutex_lock(&t->lock);
    struct tcg_cpu **cpus = realloc(t->cpus, (t->cpu_count + 1) * sizeof *cpus);
    if (cpus) {
        t->cpus = cpus;
        cpus[t->cpu_count++] = tc;
    }
    pthread_mutex_unlock(&t->lock);
    return cpus || error_set(errp, VEMU_ERROR_NO_MEMORY, "no memory for the translator");
}

void tier2_remove_vcpu(struct tcg_cpu *tc)
{
    struct tier2 *t = tc->tm->tier2;
    unsigned kept = 0;
    if (!t)
        return;
    pthread_mutex_lock(&t->lock);
    for (unsigned n = 0; n < t->cpu_count; n++)
        if (t->cpus[n] != tc)
            t->cpus[kept++] = t->cpus[n];
    t->cpu_count = kept;
    kept = 0;
    for (unsigned n = 0; n < t->queued; n++)
        if (t->queue[n].tc != tc)
            t->queue[kept++] = t->queue[n];
    t->queued = kept;
    while (t->busy)
        pthread_cond_wait(&t->idle, &t->lock);
    pthread_mutex_unlock(&t->lock);
}

/* true: it is done. */
static bool request(struct tier2 *t, const struct job *j)
{
    if (!t->running)
        return build(t, j);
    pthread_mutex_lock(&t->lock);
    if (t->queued < QUEUE_SIZE) {
        t->queue[t->queued++] = *j;
        pthread_cond_signal(&t->wake);
    } else {
        refuse(t, TIER2_BUSY);
        __atomic_store_n(&j->block->queued, false, __ATOMIC_RELAXED);
    }
    pthread_mutex_unlock(&t->lock);
    return false;
}

int64_t tier2_at_entry(const struct tcg_cpu *tc)
{
    const struct tier2 *t = tc->tm->tier2;
    return t && __atomic_load_n(&t->asleep, __ATOMIC_RELAXED) ? monotonic_ns() : 0;
}

void tier2_at_poll(struct tcg_cpu *tc, int64_t entered)
{
    struct tier2 *t = tc->tm->tier2;
    if (!t || !__atomic_load_n(&t->asleep, __ATOMIC_RELAXED) || monotonic_ns() - entered < AWAKE_NS)
        return;
    pthread_mutex_lock(&t->lock);
    if (t->asleep) {
        __atomic_store_n(&t->asleep, false, __ATOMIC_RELAXED);
        t->wakes++;
        pthread_cond_signal(&t->wake);
    }
    pthread_mutex_unlock(&t->lock);
}

bool tier2_note(struct tcg_cpu *tc, struct tcg_block *b, const struct tcg_exit *out)
{
    struct tcg_machine *tm = tc->tm;
    struct tier2 *t = tm->tier2;
    if (tm->tier2_mode == TIER2_ASYNC) {
        if (!__atomic_load_n(&tc->sample, __ATOMIC_RELAXED))
            return false;
        __atomic_store_n(&tc->sample, false, __ATOMIC_RELAXED);
    }
    if (b->tier != 1 || !b->page || __atomic_load_n(&b->queued, __ATOMIC_RELAXED))
        return false;
    if (tm->tier2_mode == TIER2_ASYNC)
        __atomic_store_n(&t->news, true, __ATOMIC_RELAXED);
    if (__atomic_load_n(&b->page->writes, __ATOMIC_RELAXED) > MAX_PAGE_WRITES) {
        if (!__atomic_exchange_n(&b->queued, true, __ATOMIC_RELAXED))
            refuse(t, TIER2_WRITTEN);
        return false;
    }
    /* Asked in a loop of a region, at another label than its head: known to be hot. */
    bool hot = out->kind == TCG_EXIT_LINK && out->block &&
               block_exit(out->block, out->number)->flags & IR_EXIT_STAY;
    if (!hot && __atomic_add_fetch(&b->heat, 1, __ATOMIC_RELAXED) < tm->tier2_threshold)
        return false;
    if (__atomic_exchange_n(&b->queued, true, __ATOMIC_RELAXED))
        return false; /* another vCPU was faster */
    struct job j = {.block = b, .era = tm->cache.flush_count, .pcb = tc->pcb, .tc = tc};
    return request(t, &j);
}

size_t tier2_info(const struct tcg_machine *tm, char *buf, size_t len)
{
    const struct tier2 *t = tm->tier2;
    if (!t)
        return (size_t)snprintf(buf, len, "second tier              off\n");
    const uint64_t *r = t->refused;
    return (size_t)snprintf(
        buf, len,
        "second tier              %" PRIu64 " regions of %" PRIu64 " blocks, %" PRIu64
        " instructions, made in %.1f ms\n"
        "refused                  %" PRIu64 " busy, %" PRIu64 " gone, %" PRIu64 " written, %" PRIu64
        " too big, %" PRIu64 " control flow, %" PRIu64 " memory\n"
        "samples                  %" PRIu64 "; %" PRIu64 " times woken by a vCPU%s\n",
        t->regions, t->nodes, t->insns, (double)t->build_ns / 1e6, r[TIER2_BUSY], r[TIER2_GONE],
        r[TIER2_WRITTEN], r[TIER2_TOO_BIG], r[TIER2_CONTROL], r[TIER2_NO_MEMORY], t->samples,
        t->wakes, __atomic_load_n(&t->asleep, __ATOMIC_RELAXED) ? ", asleep" : "");
}
