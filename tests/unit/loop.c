/* core/loop: descriptors, timers, queued calls and stopping; run by a thread or by an embedder. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "core/clock/clock.h"
#include "core/loop/loop.h"
#include "core/util/error.h"

static struct clock_set *clocks;
static struct loop *loop;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void set_up(void)
{
    struct vemu_error *err = NULL;
    clocks = clock_set_new();
    loop = loop_new(clocks, &lock, &err);
    cr_assert_not_null(loop);
}

static void tear_down(void)
{
    loop_free(loop);
    clock_set_free(clocks);
}

TestSuite(loop, .init = set_up, .fini = tear_down, .timeout = 30);

static int64_t now_ns(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static void assert_locked(void)
{
    cr_assert_eq(pthread_mutex_trylock(&lock), EBUSY, "callbacks run with the machine lock held");
}

struct reader {
    char got[64];
    size_t len;
    int calls, hups;
    bool remove;
    int also_remove; /* another descriptor, 0: none */
};

static void read_some(void *opaque, int fd, unsigned events)
{
    struct reader *r = opaque;
    assert_locked();
    r->calls++;
    r->hups += (events & LOOP_HUP) != 0;
    if (events & LOOP_READ) {
        ssize_t n = read(fd, r->got + r->len, sizeof r->got - r->len);
        if (n > 0)
            r->len += (size_t)n;
    }
    if (r->remove)
        loop_fd_remove(loop, fd);
    if (r->also_remove)
        loop_fd_remove(loop, r->also_remove);
}

Test(loop, a_readable_descriptor_is_reported_until_it_is_removed)
{
    int p[2];
    struct reader r = {0};
    cr_assert_eq(pipe(p), 0);
    cr_assert(loop_fd_set(loop, p[0], LOOP_READ, read_some, &r, NULL));
    cr_assert(loop_iterate(loop, 0));
    cr_assert_eq(r.calls, 0);
    cr_assert_eq(write(p[1], "ab", 2), 2);
    loop_iterate(loop, -1);
    cr_assert_eq(r.len, 2);
    loop_fd_remove(loop, p[0]);
    cr_assert_eq(write(p[1], "c", 1), 1);
    loop_iterate(loop, 0);
    cr_assert_eq(r.calls, 1);
}

Test(loop, events_can_be_changed_and_hang_ups_are_always_reported)
{
    int p[2];
    struct reader r = {.remove = true};
    cr_assert_eq(pipe(p), 0);
    cr_assert(loop_fd_set(loop, p[0], LOOP_READ, read_some, &r, NULL));
    cr_assert(loop_fd_set(loop, p[0], 0, read_some, &r, NULL));
    cr_assert_eq(write(p[1], "ab", 2), 2);
    loop_iterate(loop, 0);
    cr_assert_eq(r.calls, 0);
    close(p[1]);
    loop_iterate(loop, 0);
    cr_assert_eq(r.calls, 1);
    cr_assert_eq(r.hups, 1);
    loop_iterate(loop, 0);
    cr_assert_eq(r.calls, 1);
}

Test(loop, a_descriptor_removed_by_another_callback_of_the_round_is_not_reported)
{
    int p[2], q[2];
    struct reader a = {0}, b = {0};
    cr_assert_eq(pipe(p) | pipe(q), 0);
    a.also_remove = q[0];
    b.also_remove = p[0];
    cr_assert(loop_fd_set(loop, p[0], LOOP_READ, read_some, &a, NULL));
    cr_assert(loop_fd_set(loop, q[0], LOOP_READ, read_some, &b, NULL));
    cr_assert_eq(write(p[1], "a", 1) + write(q[1], "b", 1), 2);
    loop_iterate(loop, 0);
    cr_assert_eq(a.calls + b.calls, 1);
}

struct replace {
    int other;
    struct reader *reader;
    int calls;
};

/* Removes the other descriptor of the round and puts a new watch under its number. */
static void replace_other(void *opaque, int fd, unsigned events)
{
    struct replace *r = opaque;
    (void)events;
    r->calls++;
    loop_fd_remove(loop, fd);
    loop_fd_remove(loop, r->other);
    cr_assert(loop_fd_set(loop, r->other, LOOP_WRITE, read_some, r->reader, NULL));
}

Test(loop, an_event_of_a_former_watch_does_not_reach_the_next_of_the_same_number)
{
    int p[2], q[2];
    struct reader never = {0};
    cr_assert_eq(pipe(p) | pipe(q), 0);
    struct replace a = {q[0], &never, 0}, b = {p[0], &never, 0};
    cr_assert(loop_fd_set(loop, p[0], LOOP_READ, replace_other, &a, NULL));
    cr_assert(loop_fd_set(loop, q[0], LOOP_READ, replace_other, &b, NULL));
    cr_assert_eq(write(p[1], "a", 1) + write(q[1], "b", 1), 2);
    loop_iterate(loop, 0);
    cr_assert_eq(a.calls + b.calls, 1);
    cr_assert_eq(never.calls, 0);
}

Test(loop, a_regular_file_is_always_ready_once_a_round)
{
    char name[] = "/tmp/vemu-loop-XXXXXX";
    int fd = mkstemp(name);
    struct reader r = {0};
    cr_assert_geq(fd, 0);
    unlink(name);
    cr_assert_eq(write(fd, "xyz", 3), 3);
    lseek(fd, 0, SEEK_SET);
    cr_assert(loop_fd_set(loop, fd, LOOP_READ, read_some, &r, NULL));
    struct pollfd p = {.fd = loop_fd(loop), .events = POLLIN};
    cr_assert_eq(poll(&p, 1, 0), 1, "an embedder sees that there is work");
    loop_iterate(loop, -1);
    cr_assert_eq(r.calls, 1);
    cr_assert_eq(r.len, 3);
    loop_iterate(loop, -1);
    cr_assert_eq(r.calls, 2);
    loop_fd_remove(loop, fd);
    loop_iterate(loop, 0);
    loop_iterate(loop, 0);
    cr_assert_eq(poll(&p, 1, 0), 0);
    cr_assert_eq(r.calls, 2);
}

Test(loop, a_bad_descriptor_is_an_error_with_a_sentence)
{
    struct vemu_error *err = NULL;
    cr_assert(!loop_fd_set(loop, -1, LOOP_READ, read_some, NULL, &err));
    cr_assert_not_null(err);
    vemu_error_free(err);
    err = NULL;
    cr_assert(!loop_fd_set(loop, 999, LOOP_READ, read_some, NULL, &err));
    cr_assert_not_null(strstr(vemu_error_message(err), "999"));
    vemu_error_free(err);
}

static void append(void *opaque)
{
    char *text = opaque;
    assert_locked();
    strcat(text, "x");
}

static void call_again(void *opaque)
{
    append(opaque);
    loop_call(loop, append, opaque);
}

Test(loop, calls_run_once_and_what_they_queue_runs_in_the_next_round)
{
    char text[8] = "";
    cr_assert(loop_call(loop, append, text));
    cr_assert(loop_call(loop, call_again, text));
    loop_iterate(loop, -1);
    cr_assert_str_eq(text, "xx");
    loop_iterate(loop, -1);
    cr_assert_str_eq(text, "xxx");
    loop_iterate(loop, 0);
    cr_assert_str_eq(text, "xxx");
}

Test(loop, a_timeout_ends_the_wait)
{
    int64_t start = now_ns();
    cr_assert(loop_iterate(loop, 3000000));
    int64_t spent = now_ns() - start;
    cr_assert(spent >= 3000000 && spent < 500000000, "%lld ns", (long long)spent);
}

static void note_time(void *opaque)
{
    assert_locked();
    *(int64_t *)opaque = now_ns();
}

Test(loop, timers_fire_within_a_fraction_of_a_millisecond)
{
    /* The best of some: the host may be busy. */
    int64_t best = INT64_MAX;
    for (int i = 0; i < 20; i++) {
        int64_t fired = 0, due = now_ns() + 2000000;
        struct timer t;
        timer_init(&t, clocks, VCLOCK_HOST, note_time, &fired);
        timer_set(&t, due);
        while (!fired)
            loop_iterate(loop, -1);
        cr_assert_geq(fired, due);
        best = fired - due < best ? fired - due : best;
    }
    cr_assert_lt(best, 200000, "%lld ns late", (long long)best);
}

static void *run_loop(void *opaque)
{
    (void)opaque;
    loop_run(loop);
    return NULL;
}

struct late {
    struct timer timer;
    atomic_int fired;
};

static void late_fired(void *opaque)
{
    struct late *l = opaque;
    atomic_fetch_add(&l->fired, 1);
}

Test(loop, a_timer_armed_by_another_thread_wakes_a_waiting_loop)
{
    pthread_t thread;
    struct late l = {.fired = 0};
    timer_init(&l.timer, clocks, VCLOCK_VIRTUAL, late_fired, &l);
    clock_set_running(clocks, true);
    pthread_create(&thread, NULL, run_loop, NULL);
    for (int i = 1; i <= 2000; i++) {
        timer_set(&l.timer, clock_now(clocks, VCLOCK_VIRTUAL) + (i % 7) * 1000);
        while (atomic_load(&l.fired) < i)
            sched_yield();
    }
    loop_stop(loop);
    pthread_join(thread, NULL);
}

static void count_up(void *opaque)
{
    ++*(int *)opaque;
}

static void *call_much(void *opaque)
{
    for (int i = 0; i < 20000; i++)
        loop_call(loop, count_up, opaque);
    return NULL;
}

Test(loop, no_call_from_other_threads_is_lost)
{
    pthread_t runner, callers[3];
    int count = 0;
    pthread_create(&runner, NULL, run_loop, NULL);
    for (int i = 0; i < 3; i++)
        pthread_create(&callers[i], NULL, call_much, &count);
    for (int i = 0; i < 3; i++)
        pthread_join(callers[i], NULL);
    for (bool done = false; !done; sched_yield()) {
        pthread_mutex_lock(&lock);
        done = count == 60000;
        pthread_mutex_unlock(&lock);
    }
    loop_stop(loop);
    pthread_join(runner, NULL);
}

Test(loop, a_stop_before_the_run_ends_it_and_it_can_run_again)
{
    loop_stop(loop);
    loop_run(loop);
    cr_assert(loop_iterate(loop, 0));
    loop_stop(loop);
    cr_assert(!loop_iterate(loop, -1));
    cr_assert(loop_iterate(loop, 0));
}

Test(loop, an_embedder_can_drive_it_by_polling_one_descriptor)
{
    int p[2];
    char text[8] = "";
    int64_t fired = 0;
    struct reader r = {0};
    struct pollfd pfd = {.fd = loop_fd(loop), .events = POLLIN};
    struct timer t;

    cr_assert_eq(poll(&pfd, 1, 0), 0);
    loop_call(loop, append, text);
    cr_assert_eq(poll(&pfd, 1, 1000), 1);
    loop_iterate(loop, 0);
    cr_assert_str_eq(text, "x");
    cr_assert_eq(poll(&pfd, 1, 0), 0);

    timer_init(&t, clocks, VCLOCK_HOST, note_time, &fired);
    timer_set(&t, now_ns() + 5000000);
    while (!fired) {
        cr_assert_eq(poll(&pfd, 1, 1000), 1);
        loop_iterate(loop, 0);
    }
    cr_assert_eq(poll(&pfd, 1, 20), 0);

    cr_assert_eq(pipe(p), 0);
    cr_assert(loop_fd_set(loop, p[0], LOOP_READ, read_some, &r, NULL));
    cr_assert_eq(write(p[1], "q", 1), 1);
    cr_assert_eq(poll(&pfd, 1, 1000), 1);
    loop_iterate(loop, 0);
    cr_assert_eq(r.len, 1);
    cr_assert_eq(poll(&pfd, 1, 0), 0);
}

Test(loop, an_idle_loop_costs_no_cpu)
{
    pthread_t thread;
    struct rusage before, after;
    struct timespec wait = {0, 200000000};
    pthread_create(&thread, NULL, run_loop, NULL);
    nanosleep(&(struct timespec){0, 20000000}, NULL);
    getrusage(RUSAGE_SELF, &before);
    nanosleep(&wait, NULL);
    getrusage(RUSAGE_SELF, &after);
    loop_stop(loop);
    pthread_join(thread, NULL);
    cr_assert_lt(after.ru_nvcsw - before.ru_nvcsw, 10);
}
