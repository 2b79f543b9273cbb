/*
 * The main loop of one machine: see loop.h.
 *
 * One epoll instance holds the watched descriptors, an eventfd that other threads signal, and a
 * timerfd set to the next deadline, so that the epoll descriptor alone tells an embedder when there
 * is work. The watch table and the call queue have one leaf lock. A callback is looked up with the
 * machine lock held and called under it: who removes a watch under the machine lock, from any
 * thread, knows that its callback will not run again.
 */
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>
#include "core/clock/clock.h"
#include "core/clock/monotonic.h"
#include "core/loop/loop.h"
#include "core/util/error.h"
#include "core/util/range.h"

#define NS_PER_S INT64_C(1000000000)

enum { LOOP_BATCH = 64 };
/* Bounds the watch table; far above any RLIMIT_NOFILE in use. */
enum { LOOP_MAX_FD = 1 << 22 };

struct watch {
    loop_fd_fn fn; /* NULL: not watched */
    void *opaque;
    unsigned events;
    /* Counts additions. An event fetched before the descriptor was removed and its number used
     * again carries the old one and is dropped. */
    uint32_t generation;
    bool always; /* a file epoll refuses: it is ready at all times */
};

struct call {
    struct call *next;
    loop_call_fn fn;
    void *opaque;
};

struct loop {
    struct clock_set *clocks;
    pthread_mutex_t *machine_lock;
    int epoll_fd, event_fd, timer_fd;

    pthread_mutex_t lock; /* guards the members down to the blank line; a leaf */
    struct watch *watches;
    int watch_count; /* table size: descriptors 0 .. watch_count-1 */
    unsigned always_count;
    uint32_t next_generation;
    struct call *calls, **calls_tail;

    _Atomic bool wake_pending; /* the eventfd is (about to be) signalled */
    _Atomic bool stop;
    /* The thread inside loop_iterate, 0 for none: its own changes need no wake-up, since the next
     * deadline is worked out at the end of the round. */
    _Atomic(uintptr_t) iterating;

    /* Held while the next deadline is worked out and the timerfd set to it, which any thread does
     * that makes it earlier: so none is missed. Only the clocks' locks are taken under it. */
    pthread_mutex_t arm_lock;
    int64_t armed; /* CLOCK_MONOTONIC time the timerfd is set to; -1: off; INT64_MAX: has fired */
};

/* Values of epoll_event.data for our own descriptors: no watch has a negative descriptor. */
#define DATA_EVENT_FD (~UINT64_C(0))
#define DATA_TIMER_FD (~UINT64_C(0) - 1)

static uintptr_t self(void)
{
    return (uintptr_t)pthread_self();
}

void loop_wake(struct loop *loop)
{
    if (atomic_exchange(&loop->wake_pending, true))
        return;
    uint64_t one = 1;
    ssize_t done;
    do
        done = write(loop->event_fd, &one, sizeof one);
    while (done < 0 && errno == EINTR);
}

static bool watch_own_fd(struct loop *loop, int fd, uint64_t data)
{
    struct epoll_event ev = {.events = EPOLLIN, .data.u64 = data};
    return fd >= 0 && epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &ev) == 0;
}

/* Sets the timerfd to an absolute time, -1 to off. arm_lock held. */
static void arm(struct loop *loop, int64_t at)
{
    if (at == loop->armed)
        return;
    struct itimerspec spec = {0};
    if (at >= 0) {
        at = MAX(at, 1); /* all zero would turn it off */
        spec.it_value.tv_sec = at / NS_PER_S;
        spec.it_value.tv_nsec = at % NS_PER_S;
    }
    if (timerfd_settime(loop->timer_fd, TFD_TIMER_ABSTIME, &spec, NULL) == 0)
        loop->armed = at;
}

/* To the next deadline, or to `end` (-1: none) when that comes first. */
static void arm_next(struct loop *loop, int64_t end)
{
    pthread_mutex_lock(&loop->arm_lock);
    int64_t at = clock_next_deadline(loop->clocks);
    arm(loop, at < 0 || (end >= 0 && end < at) ? end : at);
    pthread_mutex_unlock(&loop->arm_lock);
}

/* The loop need not wake up for that: it only has to do so earlier. */
static void deadline_moved(void *opaque)
{
    struct loop *loop = opaque;
    if (atomic_load(&loop->iterating) == self())
        return;
    pthread_mutex_lock(&loop->arm_lock);
    int64_t at = clock_next_deadline(loop->clocks);
    if (at >= 0 && (loop->armed < 0 || at < loop->armed))
        arm(loop, at);
    pthread_mutex_unlock(&loop->arm_lock);
}

struct loop *loop_new(struct clock_set *clocks, pthread_mutex_t *lock, struct vemu_error **errp)
{
    struct loop *loop = calloc(1, sizeof *loop);
    if (!loop) {
        error_set(errp, VEMU_ERROR_NO_MEMORY, "main loop: out of memory");
        return NULL;
    }
    loop->clocks = clocks;
    loop->machine_lock = lock;
    loop->calls_tail = &loop->calls;
    loop->armed = -1;
    pthread_mutex_init(&loop->lock, NULL);
    pthread_mutex_init(&loop->arm_lock, NULL);
    loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    loop->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    loop->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (loop->epoll_fd < 0 || !watch_own_fd(loop, loop->event_fd, DATA_EVENT_FD) ||
        !watch_own_fd(loop, loop->timer_fd, DATA_TIMER_FD)) {
        error_set_errno(errp, errno, "main loop: cannot create its descriptors");
        loop_free(loop);
        return NULL;
    }
    clock_set_notify(clocks, deadline_moved, loop);
    return loop;
}

void loop_free(struct loop *loop)
{
    if (!loop)
        return;
    clock_set_notify(loop->clocks, NULL, NULL);
    for (struct call *call = loop->calls, *next; call; call = next) {
        next = call->next;
        free(call);
    }
    if (loop->timer_fd >= 0)
        close(loop->timer_fd);
    if (loop->event_fd >= 0)
        close(loop->event_fd);
    if (loop->epoll_fd >= 0)
        close(loop->epoll_fd);
    pthread_mutex_destroy(&loop->lock);
    pthread_mutex_destroy(&loop->arm_lock);
    free(loop->watches);
    free(loop);
}

/* ---- watches --------------------------------------------------------------------------------- */

/* Makes room for fd in the table. Lock held. */
static bool watch_reserve(struct loop *loop, int fd)
{
    if (fd < loop->watch_count)
        return true;
    int count = MAX(MAX(fd + 1, 2 * loop->watch_count), 16);
    struct watch *table = realloc(loop->watches, (size_t)count * sizeof *table);
    if (!table)
        return false;
    memset(table + loop->watch_count, 0, (size_t)(count - loop->watch_count) * sizeof *table);
    loop->watches = table;
    loop->watch_count = count;
    return true;
}

/* Tells epoll about w; 0 or an errno value. Lock held. */
static int watch_register(struct loop *loop, int fd, const struct watch *w, bool known)
{
    struct epoll_event ev = {.data.u64 = (uint64_t)w->generation << 32 | (uint32_t)fd};
    if (w->events & LOOP_READ)
        ev.events |= EPOLLIN;
    if (w->events & LOOP_WRITE)
        ev.events |= EPOLLOUT;
    if (known && epoll_ctl(loop->epoll_fd, EPOLL_CTL_MOD, fd, &ev) == 0)
        return 0;
    /* Not known, or closed and opened anew without loop_fd_remove. */
    if (known && errno != ENOENT)
        return errno;
    return epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &ev) == 0 ? 0 : errno;
}

bool loop_fd_set(struct loop *loop, int fd, unsigned events, loop_fd_fn fn, void *opaque,
                 struct vemu_error **errp)
{
    if (fd < 0 || fd >= LOOP_MAX_FD)
        return error_set(errp, VEMU_ERROR_INVALID, "main loop: descriptor %d: want 0 to %d", fd,
                         LOOP_MAX_FD - 1);

    pthread_mutex_lock(&loop->lock);
    if (!watch_reserve(loop, fd)) {
        pthread_mutex_unlock(&loop->lock);
        return error_set(errp, VEMU_ERROR_NO_MEMORY, "main loop: out of memory");
    }
    struct watch *old = &loop->watches[fd];
    struct watch w = *old;
    bool known = old->fn != NULL;
    w.fn = fn;
    w.opaque = opaque;
    w.events = events & (LOOP_READ | LOOP_WRITE);
    if (!known) {
        w.generation = loop->next_generation++ & mask_bits(31);
        w.always = false;
    }
    int err = 0;
    if (!w.always && !(known && w.events == old->events)) {
        err = watch_register(loop, fd, &w, known);
        if (err == EPERM) {
            w.always = true;
            err = 0;
        }
    }
    if (!err) {
        if (w.always && !(known && old->always))
            loop->always_count++;
        *old = w;
    }
    bool ready = !err && w.always && w.events;
    pthread_mutex_unlock(&loop->lock);

    if (err)
        return error_set_errno(errp, err, "main loop: cannot watch descriptor %d", fd);
    if (ready && atomic_load(&loop->iterating) != self())
        loop_wake(loop);
    return true;
}

void loop_fd_remove(struct loop *loop, int fd)
{
    pthread_mutex_lock(&loop->lock);
    if (fd >= 0 && fd < loop->watch_count && loop->watches[fd].fn) {
        struct watch *w = &loop->watches[fd];
        if (w->always)
            loop->always_count--;
        else
            epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
        memset(w, 0, sizeof *w);
    }
    pthread_mutex_unlock(&loop->lock);
}

static void lock_machine(struct loop *loop)
{
    if (loop->machine_lock)
        pthread_mutex_lock(loop->machine_lock);
}

static void unlock_machine(struct loop *loop)
{
    if (loop->machine_lock)
        pthread_mutex_unlock(loop->machine_lock);
}

static void dispatch(struct loop *loop, int fd, uint32_t generation, unsigned events)
{
    lock_machine(loop);
    pthread_mutex_lock(&loop->lock);
    struct watch w = {.fn = NULL};
    if (fd < loop->watch_count)
        w = loop->watches[fd];
    pthread_mutex_unlock(&loop->lock);
    events &= w.events | LOOP_HUP;
    if (w.fn && w.generation == generation && events)
        w.fn(w.opaque, fd, events);
    unlock_machine(loop);
}

static void dispatch_epoll(struct loop *loop, const struct epoll_event *ev)
{
    if (ev->data.u64 == DATA_EVENT_FD) {
        uint64_t count;
        /* Read first, clear then: a wake-up in between sees the flag and leaves its work to the
         * rest of this round. */
        if (read(loop->event_fd, &count, sizeof count) == sizeof count || errno == EAGAIN)
            atomic_exchange(&loop->wake_pending, false);
    } else if (ev->data.u64 == DATA_TIMER_FD) {
        pthread_mutex_lock(&loop->arm_lock);
        loop->armed = INT64_MAX; /* no setting is the one it has */
        pthread_mutex_unlock(&loop->arm_lock);
    } else {
        unsigned events = 0;
        if (ev->events & EPOLLIN)
            events |= LOOP_READ;
        if (ev->events & EPOLLOUT)
            events |= LOOP_WRITE;
        if (ev->events & (EPOLLHUP | EPOLLERR))
            events |= LOOP_HUP;
        dispatch(loop, (int)(uint32_t)ev->data.u64, ev->data.u64 >> 32, events);
    }
}

/* One callback a round for every regular file that wants one. */
static void dispatch_always(struct loop *loop)
{
    for (int fd = 0;; fd++) {
        struct watch w = {.fn = NULL};
        pthread_mutex_lock(&loop->lock);
        while (fd < loop->watch_count && !(loop->watches[fd].always && loop->watches[fd].events))
            fd++;
        bool end = fd >= loop->watch_count;
        if (!end)
            w = loop->watches[fd];
        pthread_mutex_unlock(&loop->lock);
        if (end)
            break;
        dispatch(loop, fd, w.generation, w.events);
    }
}

/* Is there a regular file that wants a callback? They make every wait end at once. */
static bool always_ready(struct loop *loop)
{
    bool ready = false;
    pthread_mutex_lock(&loop->lock);
    for (int fd = 0; loop->always_count && !ready && fd < loop->watch_count; fd++)
        ready = loop->watches[fd].always && loop->watches[fd].events;
    pthread_mutex_unlock(&loop->lock);
    return ready;
}

/* ---- calls ----------------------------------------------------------------------------------- */

bool loop_call(struct loop *loop, loop_call_fn fn, void *opaque)
{
    struct call *call = malloc(sizeof *call);
    if (!call)
        return false;
    *call = (struct call){NULL, fn, opaque};
    pthread_mutex_lock(&loop->lock);
    *loop->calls_tail = call;
    loop->calls_tail = &call->next;
    pthread_mutex_unlock(&loop->lock);
    loop_wake(loop);
    return true;
}

/* Runs what is queued now; what these calls queue runs in the next round. */
static void run_calls(struct loop *loop)
{
    pthread_mutex_lock(&loop->lock);
    struct call *call = loop->calls;
    loop->calls = NULL;
    loop->calls_tail = &loop->calls;
    pthread_mutex_unlock(&loop->lock);
    while (call) {
        struct call *next = call->next;
        lock_machine(loop);
        call->fn(call->opaque);
        unlock_machine(loop);
        free(call);
        call = next;
    }
}

/* ---- rounds ---------------------------------------------------------------------------------- */

static void run_timers(struct loop *loop)
{
    int64_t next = clock_next_deadline(loop->clocks);
    if (next >= 0 && next <= monotonic_ns()) {
        lock_machine(loop);
        clock_run_timers(loop->clocks);
        unlock_machine(loop);
    }
}

int loop_fd(struct loop *loop)
{
    return loop->epoll_fd;
}

bool loop_iterate(struct loop *loop, int64_t timeout_ns)
{
    atomic_store(&loop->iterating, self());
    bool always = always_ready(loop);
    if (always || atomic_load(&loop->stop))
        timeout_ns = 0;
    if (timeout_ns != 0) {
        int64_t end = -1, now = monotonic_ns();
        if (timeout_ns > 0 && __builtin_add_overflow(now, timeout_ns, &end))
            end = INT64_MAX;
        arm_next(loop, end);
    }
    /* From here to the wait a deadline that another thread moves must end the wait: the timerfd
     * does. */
    struct epoll_event events[LOOP_BATCH];
    int n = epoll_wait(loop->epoll_fd, events, LOOP_BATCH, timeout_ns == 0 ? 0 : -1);
    for (int i = 0; i < n; i++)
        dispatch_epoll(loop, &events[i]);
    if (always)
        dispatch_always(loop);
    run_calls(loop);
    run_timers(loop);

    /* Leave loop_fd() readable exactly when there will be work. */
    arm_next(loop, -1);
    atomic_store(&loop->iterating, 0);
    if (always_ready(loop))
        loop_wake(loop);
    return !atomic_exchange(&loop->stop, false);
}

void loop_run(struct loop *loop)
{
    while (loop_iterate(loop, -1))
        ;
}

void loop_stop(struct loop *loop)
{
    atomic_store(&loop->stop, true);
    loop_wake(loop);
}
