/*
 * Clocks and timers of one machine: see clock.h.
 *
 * The virtual clock is one atomic word, so that a vCPU reads it (every RDTSC does) without a lock:
 * while it runs the word holds an offset to the host's monotonic clock, while it stands the time
 * itself, shifted up by two bits that say which. Armed timers are kept in one binary heap per clock
 * under the set's lock, a leaf lock. Callbacks run without that lock, so a timer may arm or cancel
 * itself and others.
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include "core/clock/clock.h"
#include "core/util/range.h"

#define NS_PER_S INT64_C(1000000000)

/* Low bits of clock_set.virtual_word. */
enum { WORD_STOPPED = 0, WORD_RUNNING = 1, WORD_CHANGING = 2, WORD_BITS = 2 };
/* Largest virtual time, 36 years: an offset or a time always fits the word. */
#define VIRTUAL_MAX ((INT64_C(1) << 60) - 1)

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

struct clock_set {
    _Atomic int64_t virtual_word;
    pthread_mutex_t lock; /* guards everything below, and heap_index of every armed timer */
    bool running, manual;
    struct heap heaps[VCLOCK_COUNT];
    uint64_t next_order;
    clock_notify_fn notify;
    void *notify_opaque;
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

static int64_t word_make(int64_t value, int64_t kind)
{
    return (int64_t)((uint64_t)value << WORD_BITS) | kind;
}

static int64_t virtual_now(struct clock_set *clocks)
{
    for (;;) {
        int64_t word = atomic_load_explicit(&clocks->virtual_word, memory_order_acquire);
        switch (word & mask_bits(WORD_BITS)) {
        case WORD_STOPPED:
            return word >> WORD_BITS;
        case WORD_RUNNING: {
            int64_t now = host_now(CLOCK_MONOTONIC) + (word >> WORD_BITS);
            /* Unchanged: the time read belongs to this offset, and lies before any stop. */
            if (atomic_load_explicit(&clocks->virtual_word, memory_order_acquire) == word)
                return now;
            break;
        }
        default:
            sched_yield();
            break;
        }
    }
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

/* Publishes a new state of the virtual clock: it shows now and runs as the flags say. Lock held. */
static void virtual_publish(struct clock_set *clocks, int64_t now)
{
    now = MIN(now, VIRTUAL_MAX);
    if (clocks->running && !clocks->manual)
        now = word_make(now - host_now(CLOCK_MONOTONIC), WORD_RUNNING);
    else
        now = word_make(now, WORD_STOPPED);
    atomic_store_explicit(&clocks->virtual_word, now, memory_order_release);
}

/* Stops the clock for a change of state. No reader gets a time later than the one returned: readers
 * wait while the word is marked, and those who read before the mark read an earlier time. */
static int64_t virtual_hold(struct clock_set *clocks)
{
    int64_t word = atomic_load_explicit(&clocks->virtual_word, memory_order_relaxed);
    if ((word & (int64_t)mask_bits(WORD_BITS)) != WORD_RUNNING)
        return word >> WORD_BITS;
    atomic_store(&clocks->virtual_word, WORD_CHANGING);
    return host_now(CLOCK_MONOTONIC) + (word >> WORD_BITS);
}

void clock_set_running(struct clock_set *clocks, bool running)
{
    pthread_mutex_lock(&clocks->lock);
    if (clocks->running != running) {
        int64_t now = virtual_hold(clocks);
        clocks->running = running;
        virtual_publish(clocks, now);
    }
    unlock_and_notify(clocks, running);
}

void clock_set_virtual(struct clock_set *clocks, int64_t now_ns)
{
    pthread_mutex_lock(&clocks->lock);
    virtual_publish(clocks, MAX(now_ns, 0));
    unlock_and_notify(clocks, true);
}

void clock_set_manual(struct clock_set *clocks, bool manual)
{
    pthread_mutex_lock(&clocks->lock);
    int64_t now = virtual_hold(clocks);
    clocks->manual = manual;
    virtual_publish(clocks, now);
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
    unlock_and_notify(clocks, earlier);
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
        if (!heap->count || (type == VCLOCK_VIRTUAL && !clocks->running))
            continue;
        int64_t at, deadline = heap->entries[0].deadline;
        if (type == VCLOCK_VIRTUAL && clocks->manual) {
            if (deadline > virtual_now(clocks))
                continue;
            at = mono;
        } else if (type == VCLOCK_VIRTUAL) {
            int64_t word = atomic_load_explicit(&clocks->virtual_word, memory_order_relaxed);
            if (__builtin_sub_overflow(deadline, word >> WORD_BITS, &at))
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
        int64_t deadline, now = clock_now(clocks, type);
        /* `running` is looked at each time: a callback may stop the machine. */
        while ((type != VCLOCK_VIRTUAL || clocks->running) &&
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
    int64_t now = virtual_now(clocks), deadline;
    int64_t end = ns > VIRTUAL_MAX - now ? VIRTUAL_MAX : now + MAX(ns, 0);
    struct timer *t;
    for (int standing = 0; standing < STEP_MAX_STANDING; standing++) {
        t = take_due(clocks, VCLOCK_VIRTUAL, end, UINT64_MAX, &deadline);
        if (!t)
            break;
        if (deadline > now) {
            now = deadline;
            standing = 0;
            virtual_publish(clocks, now);
        }
        pthread_mutex_unlock(&clocks->lock);
        t->fn(t->opaque);
        pthread_mutex_lock(&clocks->lock);
    }
    if (clocks->manual)
        virtual_publish(clocks, end);
    pthread_mutex_unlock(&clocks->lock);
}
