/*
 * Clocks and timers of one machine: see clock.h.
 *
 * vCPUs read the virtual clock without a lock (every RDTSC does). While it runs it goes by the
 * host's cycle counter where that can be relied on, else by the host's monotonic clock. The counter
 * only saves time: every SPAN_NS, or when somebody looks after that, it is compared with the
 * monotonic clock, and its rate set so that the difference goes away; time has no steps and never
 * goes back.
 *
 * Armed timers are kept in one binary heap per clock under the set's lock, a leaf lock. Callbacks
 * run without that lock, so a timer may arm or cancel itself and others.
 */
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include "core/clock/clock.h"
#include "core/util/range.h"

#define NS_PER_S INT64_C(1000000000)

/* Largest virtual time, 36 years. */
#define VIRTUAL_MAX ((INT64_C(1) << 60) - 1)

enum {
    SPAN_NS = 50000000,     /* a reading is good for so long */
    MEASURE_NS = 10000000,  /* the counter's rate is first measured over so long */
    DRIFT_NS = 100000,      /* the counter may have gone wrong by so much ... */
    DRIFT_RATE = 1000,      /* ... and a DRIFT_RATE-th of the time since it was looked at */
    CORRECTION_RATE = 2000, /* its rate is changed by a part of so many at most */
};

/* Entries of a heap. Timers are embedded in devices, so there are as many as a machine has of
 * them. The address space for this many is reserved at creation (pages are only touched as they are
 * used): arming a timer can then never fail. */
enum { HEAP_MAX = 1 << 18 };
/* Callbacks of clock_step without the clock advancing, before the rest is left for the next call:
 * a timer that arms itself for the present would otherwise hold the caller for ever. */
enum { STEP_MAX_STANDING = 1 << 16 };
/* A wall clock may be set while a wait is under way; deadlines on it are looked at this often. */
#define RTC_RECHECK_NS NS_PER_S

struct heap_entry {
    int64_t deadline;
    uint64_t order; /* counts arming; equal deadlines run in the order they were armed */
    struct timer *timer;
};

struct heap {
    struct heap_entry *entries;
    uint32_t count;
};

/* Counter and monotonic clock at one time. */
struct sample {
    uint64_t counter;
    int64_t host_ns;
};

enum pace {
    PACE_STANDS, /* at reading.ns */
    PACE_HOST,   /* the monotonic clock plus host_offset */
    PACE_COUNTER /* the counter, kept near the monotonic clock plus host_offset */
};

struct clock_set {
    /* The virtual clock: one state while reading.seq does not change. Read with no lock. */
    struct clock_reading reading;
    enum pace pace;
    int64_t host_offset;
    int64_t measured_ns; /* PACE_HOST: the counter's rate can be told when the host's clock shows
                            this */

    pthread_mutex_t lock; /* guards everything below, and heap_index of every armed timer */
    bool usable;          /* the counter */
    uint64_t rate;        /* as last measured, without the correction in reading.mult; 0: not yet */
    struct sample last;   /* when it was */
    bool running, manual;
    bool counted; /* manual, and timers are not the main loop's */
    struct heap heaps[VCLOCK_COUNT];
    uint64_t next_order;
    clock_notify_fn notify, moved;
    void *notify_opaque, *moved_opaque;
};

/* ---- heap ------------------------------------------------------------------------------------ */

static bool entry_before(const struct heap_entry *a, const struct heap_entry *b)
{
    return a->deadline != b->deadline ? a->deadline < b->deadline : a->order < b->order;
}

static void heap_place(struct heap *heap, uint32_t i, struct heap_entry entry)
{
    heap->entries[i] = entry;
    entry.timer->heap_index = i;
}

/* Puts entry at its place, starting from the hole at i. */
static void heap_sift(struct heap *heap, uint32_t i, struct heap_entry entry)
{
    while (i > 0 && entry_before(&entry, &heap->entries[(i - 1) / 2])) {
        heap_place(heap, i, heap->entries[(i - 1) / 2]);
        i = (i - 1) / 2;
    }
    for (;;) {
        uint32_t child = 2 * i + 1;
        if (child >= heap->count)
            break;
        if (child + 1 < heap->count &&
            entry_before(&heap->entries[child + 1], &heap->entries[child]))
            child++;
        if (!entry_before(&heap->entries[child], &entry))
            break;
        heap_place(heap, i, heap->entries[child]);
        i = child;
    }
    heap_place(heap, i, entry);
}

static void heap_remove(struct heap *heap, uint32_t i)
{
    struct heap_entry last = heap->entries[--heap->count];
    if (i != heap->count)
        heap_sift(heap, i, last);
}

/* ---- reading --------------------------------------------------------------------------------- */

static int64_t host_now(clockid_t id)
{
    struct timespec ts;
    clock_gettime(id, &ts);
    return (int64_t)ts.tv_sec * NS_PER_S + ts.tv_nsec;
}

#define LOAD(field) __atomic_load_n(&clocks->field, __ATOMIC_RELAXED)
#define STORE(field, value) __atomic_store_n(&clocks->field, value, __ATOMIC_RELAXED)

/* A state is made between the two; readers wait. Lock held. */
static void change_begin(struct clock_set *clocks)
{
    STORE(reading.seq, clocks->reading.seq + 1);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}
static void change_end(struct clock_set *clocks)
{
    __atomic_store_n(&clocks->reading.seq, clocks->reading.seq + 1, __ATOMIC_RELEASE);
}

/* The time by the counter; beyond the span without the correction that was meant for it. */
static int64_t counted(const struct clock_set *clocks, uint64_t counter)
{
    const struct clock_reading *r = &clocks->reading;
    uint64_t delta = counter - r->base;
    if ((int64_t)delta < 0) /* read on another processor, before the state was made */
        return r->ns;
    if (delta < r->span)
        return r->ns + counter_ns(delta, r->mult);
    return r->ns + counter_ns(r->span, r->mult) + counter_ns(delta - r->span, clocks->rate);
}

/* The virtual clock of a state that does not change: lock held, or the caller checks. */
static int64_t time_of_state(const struct clock_set *clocks)
{
    switch (LOAD(pace)) {
    case PACE_STANDS:
        return LOAD(reading.ns);
    case PACE_HOST:
        return host_now(CLOCK_MONOTONIC) + LOAD(host_offset);
    default:
        return counted(clocks, host_counter());
    }
}

/* The counter is read first: what goes by it is rather ahead of the host's clock than behind. */
static struct sample take_sample(void)
{
    struct sample best = {0};
    uint64_t least = UINT64_MAX;
    for (unsigned n = 0; n < 3; n++) {
        struct sample s = {.counter = host_counter()};
        s.host_ns = host_now(CLOCK_MONOTONIC);
        uint64_t took = host_counter() - s.counter;
        if (took < least) {
            least = took;
            best = s;
        }
    }
    return best;
}

static uint64_t rate_between(const struct sample *a, const struct sample *b)
{
    uint64_t counts = b->counter - a->counter;
    int64_t ns = b->host_ns - a->host_ns;
    if (ns <= 0 || !counts || counts >> 62)
        return 0;
    unsigned __int128 rate = ((unsigned __int128)(uint64_t)ns << 32) / counts;
    return rate >> 40 ? 0 : (uint64_t)rate; /* at least a count in 256 ns */
}

/* From the sample on the clock goes by the counter, from ns, and loses `error` within a span. */
static void pace_counter(struct clock_set *clocks, const struct sample *s, int64_t ns,
                         int64_t error)
{
    const int64_t most = SPAN_NS / CORRECTION_RATE;
    error = MAX(MIN(error, most), -most);
    int64_t correction = (int64_t)((__int128)(int64_t)clocks->rate * error / SPAN_NS);
    clocks->last = *s;
    STORE(reading.base, s->counter);
    STORE(reading.ns, ns);
    STORE(reading.mult, clocks->rate + (uint64_t)correction);
    STORE(reading.span, (uint64_t)(((unsigned __int128)SPAN_NS << 32) / clocks->rate));
    STORE(pace, PACE_COUNTER);
}

static void pace_host(struct clock_set *clocks, int64_t offset)
{
    STORE(reading.span, 0);
    STORE(host_offset, offset);
    STORE(measured_ns, clocks->usable ? clocks->last.host_ns + MEASURE_NS : INT64_MAX);
    STORE(pace, PACE_HOST);
}

/* Compares the counter with the host's clock. Between change_begin and change_end. */
static void follow_host(struct clock_set *clocks)
{
    struct sample s = take_sample();
    const bool first = clocks->pace == PACE_HOST;
    uint64_t rate = rate_between(&clocks->last, &s);
    int64_t target = s.host_ns + clocks->host_offset;
    int64_t now = first ? target : counted(clocks, s.counter), error = target - now;
    int64_t allowed = DRIFT_NS + (s.host_ns - clocks->last.host_ns) / DRIFT_RATE;
    clocks->usable = clocks->usable && rate && error <= allowed && error >= -allowed;
    if (clocks->usable) {
        clocks->rate = rate;
        pace_counter(clocks, &s, now, error);
    } else { /* no counter after all; time does not go back */
        pace_host(clocks, clocks->host_offset + MAX(-error, 0));
    }
}

/* What readers do now and then: time to measure the counter's rate, or to look at it again. */
static void maintain(struct clock_set *clocks)
{
    pthread_mutex_lock(&clocks->lock);
    const struct clock_reading *r = &clocks->reading;
    int64_t counts = (int64_t)(host_counter() - r->base);
    if ((clocks->pace == PACE_COUNTER && counts >= 0 && (uint64_t)counts >= r->span) ||
        (clocks->pace == PACE_HOST && host_now(CLOCK_MONOTONIC) >= clocks->measured_ns)) {
        change_begin(clocks);
        follow_host(clocks);
        change_end(clocks);
    }
    pthread_mutex_unlock(&clocks->lock);
}

static int64_t virtual_now(struct clock_set *clocks)
{
    for (;;) {
        uint32_t seq = __atomic_load_n(&clocks->reading.seq, __ATOMIC_ACQUIRE);
        enum pace pace = LOAD(pace);
        int64_t now = LOAD(reading.ns);
        bool good = true;
        if (pace == PACE_COUNTER) {
            uint64_t delta = host_counter() - LOAD(reading.base);
            good = delta < LOAD(reading.span);
            now += counter_ns(delta, LOAD(reading.mult));
            if ((int64_t)delta < 0) {
                now = LOAD(reading.ns);
                good = true;
            }
        } else if (pace == PACE_HOST) {
            int64_t host = host_now(CLOCK_MONOTONIC);
            good = host < LOAD(measured_ns);
            now = host + LOAD(host_offset);
        }
        __atomic_thread_fence(__ATOMIC_ACQUIRE);
        /* Unchanged: what was read belongs to this state, and lies before any stop. */
        if (seq & 1 || LOAD(reading.seq) != seq)
            sched_yield();
        else if (good)
            return now;
        else
            maintain(clocks);
    }
}

const struct clock_reading *clock_virtual_reading(const struct clock_set *clocks)
{
    return &clocks->reading;
}

int64_t clock_now(struct clock_set *clocks, enum clock_type type)
{
    switch (type) {
    case VCLOCK_VIRTUAL:
        return virtual_now(clocks);
    case VCLOCK_RTC:
        return host_now(CLOCK_REALTIME);
    default:
        return host_now(CLOCK_MONOTONIC);
    }
}

/* ---- the set --------------------------------------------------------------------------------- */

struct clock_set *clock_set_new(void)
{
    struct clock_set *clocks = calloc(1, sizeof *clocks);
    if (!clocks)
        return NULL;
    pthread_mutex_init(&clocks->lock, NULL);
    clocks->usable = host_counter_usable();
    for (unsigned i = 0; i < VCLOCK_COUNT; i++) {
        void *p = mmap(NULL, HEAP_MAX * sizeof(struct heap_entry), PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (p == MAP_FAILED) {
            clock_set_free(clocks);
            return NULL;
        }
        clocks->heaps[i].entries = p;
    }
    return clocks;
}

void clock_set_free(struct clock_set *clocks)
{
    if (!clocks)
        return;
    for (unsigned i = 0; i < VCLOCK_COUNT; i++)
        if (clocks->heaps[i].entries)
            munmap(clocks->heaps[i].entries, HEAP_MAX * sizeof(struct heap_entry));
    pthread_mutex_destroy(&clocks->lock);
    free(clocks);
}

void clock_set_notify(struct clock_set *clocks, clock_notify_fn fn, void *opaque)
{
    pthread_mutex_lock(&clocks->lock);
    clocks->notify = fn;
    clocks->notify_opaque = opaque;
    pthread_mutex_unlock(&clocks->lock);
}

/* Unlocks, then tells the loop if asked to: the callback may take locks of its own. */
static void unlock_and_notify(struct clock_set *clocks, bool tell)
{
    clock_notify_fn fn = clocks->notify;
    void *opaque = clocks->notify_opaque;
    pthread_mutex_unlock(&clocks->lock);
    if (tell && fn)
        fn(opaque);
}

/* The virtual clock shows now and runs as the flags say. Between change_begin and change_end. */
static void virtual_set(struct clock_set *clocks, int64_t now)
{
    now = MIN(now, VIRTUAL_MAX);
    if (clocks->running && !clocks->manual) {
        struct sample s = take_sample();
        clocks->last = s;
        pace_host(clocks, now - s.host_ns);
        if (clocks->usable && clocks->rate)
            pace_counter(clocks, &s, now, 0);
    } else {
        STORE(reading.span, 0);
        STORE(reading.ns, now);
        STORE(pace, PACE_STANDS);
    }
}

void clock_set_running(struct clock_set *clocks, bool running)
{
    pthread_mutex_lock(&clocks->lock);
    if (clocks->running != running) {
        change_begin(clocks);
        int64_t now = time_of_state(clocks);
        clocks->running = running;
        virtual_set(clocks, now);
        change_end(clocks);
    }
    unlock_and_notify(clocks, running);
}

void clock_set_virtual(struct clock_set *clocks, int64_t now_ns)
{
    pthread_mutex_lock(&clocks->lock);
    change_begin(clocks);
    virtual_set(clocks, MAX(now_ns, 0));
    change_end(clocks);
    unlock_and_notify(clocks, true);
}

void clock_set_counted(struct clock_set *clocks, clock_notify_fn moved, void *opaque)
{
    clock_set_manual(clocks, true);
    pthread_mutex_lock(&clocks->lock);
    clocks->counted = true;
    clocks->moved = moved;
    clocks->moved_opaque = opaque;
    pthread_mutex_unlock(&clocks->lock);
}

void clock_count_show(struct clock_set *clocks, int64_t now_ns)
{
    STORE(reading.ns, MIN(now_ns, VIRTUAL_MAX)); /* it stands: one store, and no other is made */
}

int64_t clock_count_deadline(struct clock_set *clocks)
{
    const struct heap *heap = &clocks->heaps[VCLOCK_VIRTUAL];
    pthread_mutex_lock(&clocks->lock);
    int64_t deadline = heap->count ? heap->entries[0].deadline : -1;
    pthread_mutex_unlock(&clocks->lock);
    return deadline;
}

void clock_set_manual(struct clock_set *clocks, bool manual)
{
    pthread_mutex_lock(&clocks->lock);
    change_begin(clocks);
    int64_t now = time_of_state(clocks);
    clocks->manual = manual;
    virtual_set(clocks, now);
    change_end(clocks);
    unlock_and_notify(clocks, true);
}

/* ---- timers ---------------------------------------------------------------------------------- */

void timer_init(struct timer *t, struct clock_set *clocks, enum clock_type type, timer_fn fn,
                void *opaque)
{
    t->clocks = clocks;
    t->type = type;
    t->fn = fn;
    t->opaque = opaque;
    t->heap_index = 0;
    __atomic_store_n(&t->deadline, -1, __ATOMIC_RELEASE);
}

static void timer_disarm(struct clock_set *clocks, struct timer *t)
{
    if (t->deadline < 0)
        return;
    heap_remove(&clocks->heaps[t->type], t->heap_index);
    __atomic_store_n(&t->deadline, -1, __ATOMIC_RELEASE);
}

void timer_set(struct timer *t, int64_t deadline_ns)
{
    struct clock_set *clocks = t->clocks;
    struct heap *heap = &clocks->heaps[t->type];
    bool earlier = false;

    pthread_mutex_lock(&clocks->lock);
    int64_t first = heap->count ? heap->entries[0].deadline : INT64_MAX;
    timer_disarm(clocks, t);
    if (heap->count < HEAP_MAX) {
        struct heap_entry entry = {MAX(deadline_ns, 0), clocks->next_order++, t};
        __atomic_store_n(&t->deadline, entry.deadline, __ATOMIC_RELEASE);
        heap_sift(heap, heap->count++, entry);
        earlier = entry.deadline < first;
    }
    bool counted = clocks->counted && t->type == VCLOCK_VIRTUAL;
    unlock_and_notify(clocks, earlier && !counted);
    if (earlier && counted)
        clocks->moved(clocks->moved_opaque);
}

void timer_cancel(struct timer *t)
{
    if (!t->clocks)
        return;
    pthread_mutex_lock(&t->clocks->lock);
    timer_disarm(t->clocks, t);
    pthread_mutex_unlock(&t->clocks->lock);
}

/* Takes the first timer off the heap if it is due at now and was armed before `order`. Lock held.
 */
static struct timer *take_due(struct clock_set *clocks, enum clock_type type, int64_t now,
                              uint64_t order, int64_t *deadline)
{
    struct heap *heap = &clocks->heaps[type];
    if (!heap->count || heap->entries[0].deadline > now || heap->entries[0].order >= order)
        return NULL;
    struct timer *t = heap->entries[0].timer;
    *deadline = heap->entries[0].deadline;
    timer_disarm(clocks, t);
    return t;
}

int64_t clock_next_deadline(struct clock_set *clocks)
{
    int64_t mono = host_now(CLOCK_MONOTONIC), next = INT64_MAX;

    pthread_mutex_lock(&clocks->lock);
    for (unsigned type = 0; type < VCLOCK_COUNT; type++) {
        const struct heap *heap = &clocks->heaps[type];
        if (!heap->count || (type == VCLOCK_VIRTUAL && (!clocks->running || clocks->counted)))
            continue;
        int64_t at, deadline = heap->entries[0].deadline;
        if (type == VCLOCK_VIRTUAL && clocks->manual) {
            if (deadline > time_of_state(clocks))
                continue;
            at = mono;
        } else if (type == VCLOCK_VIRTUAL) {
            if (__builtin_add_overflow(deadline - time_of_state(clocks), mono, &at))
                at = INT64_MAX;
        } else if (type == VCLOCK_RTC) {
            int64_t left = deadline - MIN(deadline, host_now(CLOCK_REALTIME));
            at = mono + MIN(left, RTC_RECHECK_NS);
        } else {
            at = deadline;
        }
        next = MIN(next, MAX(at, 0));
    }
    pthread_mutex_unlock(&clocks->lock);
    return next == INT64_MAX ? -1 : next;
}

int64_t clock_run_timers(struct clock_set *clocks)
{
    pthread_mutex_lock(&clocks->lock);
    /* What is armed from now on waits for the next round: a timer that keeps arming itself for the
     * present cannot hold up the loop. */
    uint64_t order = clocks->next_order;
    for (unsigned type = 0; type < VCLOCK_COUNT; type++) {
        struct timer *t;
        int64_t deadline;
        int64_t now = type == VCLOCK_VIRTUAL ? time_of_state(clocks) : clock_now(clocks, type);
        /* `running` is looked at each time: a callback may stop the machine. */
        while ((type != VCLOCK_VIRTUAL || (clocks->running && !clocks->counted)) &&
               (t = take_due(clocks, type, now, order, &deadline))) {
            pthread_mutex_unlock(&clocks->lock);
            t->fn(t->opaque);
            pthread_mutex_lock(&clocks->lock);
        }
    }
    pthread_mutex_unlock(&clocks->lock);

    int64_t next = clock_next_deadline(clocks);
    return next < 0 ? -1 : MAX(next - host_now(CLOCK_MONOTONIC), 0);
}

void clock_step(struct clock_set *clocks, int64_t ns)
{
    pthread_mutex_lock(&clocks->lock);
    if (!clocks->manual) {
        pthread_mutex_unlock(&clocks->lock);
        return;
    }
    int64_t now = time_of_state(clocks), deadline;
    int64_t end = ns > VIRTUAL_MAX - now ? VIRTUAL_MAX : now + MAX(ns, 0);
    struct timer *t;
    for (int standing = 0; standing < STEP_MAX_STANDING; standing++) {
        t = take_due(clocks, VCLOCK_VIRTUAL, end, UINT64_MAX, &deadline);
        if (!t)
            break;
        if (deadline > now) {
            now = deadline;
            standing = 0;
            change_begin(clocks);
            virtual_set(clocks, now);
            change_end(clocks);
        }
        pthread_mutex_unlock(&clocks->lock);
        t->fn(t->opaque);
        pthread_mutex_lock(&clocks->lock);
    }
    if (clocks->manual) {
        change_begin(clocks);
        virtual_set(clocks, end);
        change_end(clocks);
    }
    pthread_mutex_unlock(&clocks->lock);
}
