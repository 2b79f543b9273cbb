/* Counted execution. See icount.h. */
#include "tcg/icount.h"

#include <errno.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/util/error.h"
#include "core/util/range.h"

enum {
    TURN = 100000,        /* instructions */
    SAMPLE = 1000,        /* instructions between two samples of the hash */
    BUDGET_MAX = 1 << 30, /* it is a signed 32-bit number */
    DUE_ROUNDS = 64,      /* of timers that arm themselves for the present, before time moves on */
};

struct icount_vcpu {
    bool idle;     /* halted, and not to be given a turn while its interrupt_seq is `seq` */
    uint32_t seq;  /* before it was found to have nothing to do */
    uint64_t left; /* of its turn, instructions */
    bool yields;   /* the rest of its turn */
};

struct icount {
    struct tcg_machine *tm;
    unsigned shift; /* an instruction takes 1 << shift ns */
    bool sleep;     /* idle time passes in real time */

    pthread_mutex_t lock; /* a leaf: turn, kicks */
    pthread_cond_t cond;
    unsigned turn;   /* index of the vCPU that runs */
    uint64_t kicked; /* counts icount_kick */

    /* of the vCPU whose turn it is */
    uint64_t count; /* instructions executed by all vCPUs, up to the last account() */
    int64_t now;    /* virtual time then, ns */
    uint32_t requests_seen;
    uint64_t random;
    struct icount_vcpu *cpu;
    unsigned cpus;

    /* the hash: of all samples so far */
    FILE *file;
    uint64_t hash, samples, next_sample, lines;
};

/* ---- life ----------------------------------------------------------------------------------- */

static void deadline_moved(void *opaque)
{
    struct icount *ic = opaque;
    for (unsigned n = 0; n < ic->tm->m->vcpu_count; n++) {
        struct tcg_cpu *tc = tcg_cpu_of_vcpu(ic->tm->m->vcpus[n]);
        if (tc)
            __atomic_store_n(&tc->exit_request, 1, __ATOMIC_SEQ_CST);
    }
    icount_kick(ic->tm);
}

bool icount_start(struct tcg_machine *tm, unsigned shift, bool sleep, struct vemu_error **errp)
{
    pthread_condattr_t attr;
    struct icount *ic = calloc(1, sizeof *ic);
    if (!ic)
        return error_set(errp, VEMU_ERROR_NO_MEMORY, "no memory for the translator");
    ic->tm = tm;
    ic->shift = shift;
    ic->sleep = sleep;
    ic->lines = 1000;
    ic->next_sample = UINT64_MAX;
    pthread_mutex_init(&ic->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&ic->cond, &attr);
    pthread_condattr_destroy(&attr);
    tm->icount = ic;
    clock_set_counted(tm->m->clocks, deadline_moved, ic);
    return true;
}

void icount_stop(struct tcg_machine *tm)
{
    struct icount *ic = tm->icount;
    if (!ic)
        return;
    if (ic->file) {
        fprintf(ic->file, "end %" PRIu64 " %" PRIu64 " %016" PRIx64 "\n", ic->count, ic->samples,
                ic->hash);
        fclose(ic->file);
    }
    pthread_mutex_destroy(&ic->lock);
    pthread_cond_destroy(&ic->cond);
    free(ic->cpu);
    free(ic);
    tm->icount = NULL;
}

bool icount_vcpu_init(struct tcg_cpu *tc, struct vemu_error **errp)
{
    struct icount *ic = tc->tm->icount;
    unsigned cpus = tc->vcpu->index + 1;
    struct icount_vcpu *more = realloc(ic->cpu, cpus * sizeof *more);
    if (!more)
        return error_set(errp, VEMU_ERROR_NO_MEMORY, "no memory for vCPU %u", tc->vcpu->index);
    ic->cpu = more;
    ic->cpus = cpus;
    ic->cpu[tc->vcpu->index] = (struct icount_vcpu){.left = TURN};
    return true;
}

void icount_reset(struct tcg_cpu *tc)
{
    struct icount *ic = tc->tm->icount;
    if (tc->vcpu->index < ic->cpus)
        ic->cpu[tc->vcpu->index].idle = false;
}

void icount_kick(struct tcg_machine *tm)
{
    struct icount *ic = tm->icount;
    pthread_mutex_lock(&ic->lock);
    ic->kicked++;
    pthread_cond_broadcast(&ic->cond);
    pthread_mutex_unlock(&ic->lock);
}

/* splitmix64, from a fixed seed: the same numbers in each run. */
uint64_t icount_random(struct tcg_machine *tm)
{
    uint64_t z = tm->icount->random += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

/* ---- the hash ------------------------------------------------------------------------------- */

bool icount_hash_open(struct tcg_machine *tm, const char *path, struct vemu_error **errp)
{
    struct icount *ic = tm->icount;
    if (!ic)
        return error_set(errp, VEMU_ERROR_INVALID,
                         "-accel tcg: icount-hash=%s: only with -icount, which counts", path);
    if (ic->file)
        fclose(ic->file);
    ic->file = fopen(path, "we");
    if (!ic->file)
        return error_set_errno(errp, errno, "-accel tcg: icount-hash=%s: cannot write it", path);
    ic->next_sample = SAMPLE;
    return true;
}

void icount_hash_lines(struct tcg_machine *tm, uint64_t samples)
{
    if (tm->icount)
        tm->icount->lines = samples;
}

static void mix(struct icount *ic, uint64_t v)
{
    ic->hash = (ic->hash ^ v) * UINT64_C(0x9fb21c651e98df25);
    ic->hash ^= ic->hash >> 29;
}

static void sample(struct icount *ic, struct tcg_cpu *tc, char kind)
{
    uint64_t words[TCG_HASH_WORDS];
    unsigned n = tc->arch->hash_words(tc, words);
    mix(ic, ic->count);
    mix(ic, tc->vcpu->index);
    mix(ic, (uint64_t)kind);
    for (unsigned k = 0; k < n; k++)
        mix(ic, words[k]);
    if (ic->samples++ % ic->lines == 0)
        fprintf(ic->file, "%c %" PRIu64 " %u %" PRIx64 " %016" PRIx64 "\n", kind, ic->count,
                tc->vcpu->index, tc->arch->get_pc(tc), ic->hash);
}

void icount_interrupted(struct tcg_cpu *tc)
{
    if (tc->tm->icount->file)
        sample(tc->tm->icount, tc, 'i');
}

/* ---- time ----------------------------------------------------------------------------------- */

/* Take up what was executed since the last time. */
static void account(struct icount *ic, struct tcg_cpu *tc)
{
    struct icount_vcpu *v = &ic->cpu[tc->vcpu->index];
    uint64_t used = (uint64_t)((int64_t)tc->granted - tc->budget);
    tc->granted = tc->budget;
    ic->count += used;
    ic->now += (int64_t)(used << ic->shift);
    v->left -= v->yields ? v->left : MIN(used, v->left);
    v->yields = false;
    clock_count_show(ic->tm->m->clocks, ic->now);
}

void icount_show(struct tcg_cpu *tc)
{
    struct icount *ic = tc->tm->icount;
    uint64_t used = (uint64_t)((int64_t)tc->granted - tc->budget);
    clock_count_show(ic->tm->m->clocks, ic->now + (int64_t)(used << ic->shift));
}

void icount_yield(struct tcg_cpu *tc)
{
    tc->tm->icount->cpu[tc->vcpu->index].yields = true;
    __atomic_store_n(&tc->exit_request, 1, __ATOMIC_SEQ_CST);
}

static bool due(const struct icount *ic)
{
    int64_t deadline = clock_count_deadline(ic->tm->m->clocks);
    return deadline >= 0 && deadline <= ic->now;
}

static void run_due(struct icount *ic)
{
    for (unsigned n = 0; n < DUE_ROUNDS && due(ic); n++) {
        machine_lock(ic->tm->m);
        clock_step(ic->tm->m->clocks, 0);
        machine_unlock(ic->tm->m);
    }
}

static void refill(struct icount *ic, struct tcg_cpu *tc)
{
    uint64_t budget = BUDGET_MAX;
    int64_t deadline = clock_count_deadline(ic->tm->m->clocks);
    if (deadline >= 0) {
        int64_t left = MAX(deadline - ic->now, 1), unit = (int64_t)1 << ic->shift;
        budget = MIN(budget, (uint64_t)(left / unit + (left % unit != 0)));
    }
    if (ic->cpus > 1)
        budget = MIN(budget, ic->cpu[tc->vcpu->index].left);
    if (ic->file)
        budget = MIN(budget, ic->next_sample - ic->count);
    tc->granted = tc->budget = (int32_t)budget;
}

/* ---- turns ---------------------------------------------------------------------------------- */

static bool stopping(const struct tcg_cpu *tc)
{
    return atomic_load(&tc->vcpu->stop_request);
}

/* Wait for the turn; a vCPU that a debugger steps takes it. */
static bool wait_for_turn(struct icount *ic, struct tcg_cpu *tc)
{
    pthread_mutex_lock(&ic->lock);
    while (ic->turn != tc->vcpu->index && !stopping(tc) && !tc->vcpu->single_step)
        pthread_cond_wait(&ic->cond, &ic->lock);
    bool go = !stopping(tc);
    if (go)
        ic->turn = tc->vcpu->index;
    pthread_mutex_unlock(&ic->lock);
    return go;
}

bool icount_enter(struct tcg_cpu *tc)
{
    struct icount *ic = tc->tm->icount;
    if (!wait_for_turn(ic, tc))
        return false;
    /* A loaded state may have set the clock. */
    ic->now = clock_now(ic->tm->m->clocks, VCLOCK_VIRTUAL);
    ic->requests_seen = __atomic_load_n(&ic->tm->m->requests_made, __ATOMIC_SEQ_CST);
    return true;
}

/* The next in turn after vCPU n that has something to do; n itself when no other has. */
static unsigned next_in_turn(const struct icount *ic, unsigned n)
{
    for (unsigned k = 1; k < ic->cpus; k++) {
        unsigned other = (n + k) % ic->cpus;
        const struct icount_vcpu *v = &ic->cpu[other];
        if (!v->idle || atomic_load(&ic->tm->m->vcpus[other]->interrupt_seq) != v->seq)
            return other;
    }
    return n;
}

/* Let vCPU `next` run and wait until it is this one's turn again. In code. */
static bool pass_turn(struct icount *ic, struct tcg_cpu *tc, unsigned next)
{
    tcg_leave_code(tc);
    pthread_mutex_lock(&ic->lock);
    ic->turn = next;
    pthread_cond_broadcast(&ic->cond);
    pthread_mutex_unlock(&ic->lock);
    bool go = icount_enter(tc);
    tcg_enter_code(tc);
    return go;
}

/* A request (reset, power-off) of this instruction: nothing more is executed before it is seen to.
 */
static bool wait_for_request(struct icount *ic, struct tcg_cpu *tc)
{
    if (__atomic_load_n(&ic->tm->m->requests_made, __ATOMIC_SEQ_CST) == ic->requests_seen)
        return false;
    tcg_leave_code(tc);
    pthread_mutex_lock(&ic->lock);
    while (!stopping(tc))
        pthread_cond_wait(&ic->cond, &ic->lock);
    pthread_mutex_unlock(&ic->lock);
    tcg_enter_code(tc);
    return true;
}

bool icount_poll(struct tcg_cpu *tc)
{
    struct icount *ic = tc->tm->icount;
    struct icount_vcpu *v = &ic->cpu[tc->vcpu->index];

    account(ic, tc);
    if (stopping(tc) || wait_for_request(ic, tc))
        return false;
    if (ic->count >= ic->next_sample) {
        sample(ic, tc, 's');
        ic->next_sample = (ic->count / SAMPLE + 1) * SAMPLE;
    }
    if (!v->left) {
        unsigned next = next_in_turn(ic, tc->vcpu->index);
        v->left = TURN;
        if (next != tc->vcpu->index && !pass_turn(ic, tc, next))
            return false;
    }
    run_due(ic);
    refill(ic, tc);
    return true;
}

/* All vCPUs are idle: until the next deadline, or until something comes from outside. In code. */
static bool skip_time(struct icount *ic, struct tcg_cpu *tc)
{
    struct timespec until;
    bool go = true;
    tcg_leave_code(tc);
    pthread_mutex_lock(&ic->lock);
    uint64_t kicked = ic->kicked;
    pthread_mutex_unlock(&ic->lock);
    /* What was raised before is seen here, what is raised later kicks. */
    int64_t deadline = clock_count_deadline(ic->tm->m->clocks);
    unsigned n = tc->vcpu->index;
    bool woken =
        atomic_load(&tc->vcpu->interrupt_seq) != ic->cpu[n].seq || next_in_turn(ic, n) != n;

    if (ic->sleep && deadline > ic->now) {
        clock_gettime(CLOCK_MONOTONIC, &until);
        int64_t ns = until.tv_nsec + (deadline - ic->now) % 1000000000;
        until.tv_sec += (time_t)((deadline - ic->now) / 1000000000 + ns / 1000000000);
        until.tv_nsec = (long)(ns % 1000000000);
    }
    pthread_mutex_lock(&ic->lock);
    while (!woken && !stopping(tc) && ic->kicked == kicked && (deadline < 0 || ic->sleep)) {
        if (deadline < 0)
            pthread_cond_wait(&ic->cond, &ic->lock);
        else if (pthread_cond_timedwait(&ic->cond, &ic->lock, &until) == ETIMEDOUT)
            break;
    }
    woken |= ic->kicked != kicked;
    pthread_mutex_unlock(&ic->lock);
    if (stopping(tc))
        go = false;
    else if (!woken && deadline > ic->now)
        ic->now = deadline;
    clock_count_show(ic->tm->m->clocks, ic->now);
    tcg_enter_code(tc);
    return go;
}

bool icount_halt(struct tcg_cpu *tc)
{
    struct icount *ic = tc->tm->icount;
    struct icount_vcpu *v = &ic->cpu[tc->vcpu->index];
    account(ic, tc);
    v->idle = true;
    v->seq = tc->halt_seq;
    unsigned next = next_in_turn(ic, tc->vcpu->index);
    bool go = next != tc->vcpu->index ? pass_turn(ic, tc, next) : skip_time(ic, tc);
    if (!go)
        return false;
    v->idle = false;
    v->left = TURN;
    return true;
}
