/*
 * The main loop while other threads arm timers, queue calls, watch and remove descriptors, read the
 * clocks, and stop and start the virtual one. A program of its own so that it runs under
 * ThreadSanitizer.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#include "core/clock/clock.h"
#include "core/loop/loop.h"

enum { ROUNDS = 2000 };

static struct clock_set *clocks;
static struct loop *loop;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static atomic_bool end;
/* Guarded by the machine lock. */
static unsigned calls, bytes;
static bool watched, after_removal, went_back;
static atomic_uint fired;

static void call(void *opaque)
{
    (void)opaque;
    calls++;
}

static void timer_fired(void *opaque)
{
    (void)opaque;
    atomic_fetch_add(&fired, 1);
}

static void ready(void *opaque, int fd, unsigned events)
{
    char c;
    (void)opaque, (void)events;
    after_removal |= !watched;
    bytes += read(fd, &c, 1) == 1;
}

static void *run(void *opaque)
{
    (void)opaque;
    loop_run(loop);
    return NULL;
}

static void *queue_calls(void *opaque)
{
    (void)opaque;
    for (int i = 0; i < ROUNDS; i++)
        loop_call(loop, call, NULL);
    return NULL;
}

static void *arm_timers(void *opaque)
{
    struct timer timers[8];
    (void)opaque;
    for (int i = 0; i < 8; i++)
        timer_init(&timers[i], clocks, i & 1 ? VCLOCK_HOST : VCLOCK_VIRTUAL, timer_fired, NULL);
    for (int i = 0; i < ROUNDS; i++) {
        struct timer *t = &timers[i % 8];
        timer_set(t, clock_now(clocks, t->type) + i % 5 * 10000);
        if (i % 3 == 0)
            timer_cancel(&timers[(i + 1) % 8]);
        /* One that is surely armed fires: its wake-up is not lost. */
        if (i % 100 == 0) {
            unsigned before = atomic_load(&fired);
            timer_set(&timers[1], 0);
            while (atomic_load(&fired) == before)
                sched_yield();
        }
    }
    pthread_mutex_lock(&lock);
    for (int i = 0; i < 8; i++)
        timer_cancel(&timers[i]);
    pthread_mutex_unlock(&lock);
    return NULL;
}

static void *watch_fds(void *opaque)
{
    int p[2];
    (void)opaque;
    for (int i = 0; i < ROUNDS; i++) {
        if (pipe(p) != 0)
            break;
        pthread_mutex_lock(&lock);
        watched = loop_fd_set(loop, p[0], LOOP_READ, ready, NULL, NULL);
        pthread_mutex_unlock(&lock);
        if (write(p[1], "x", 1) != 1)
            break;
        if (i % 2)
            sched_yield();
        pthread_mutex_lock(&lock);
        loop_fd_remove(loop, p[0]);
        watched = false;
        pthread_mutex_unlock(&lock);
        close(p[0]);
        close(p[1]);
    }
    return NULL;
}

static void *read_clock(void *opaque)
{
    int64_t last = 0;
    (void)opaque;
    while (!atomic_load(&end)) {
        int64_t now = clock_now(clocks, VCLOCK_VIRTUAL);
        if (now < last) {
            pthread_mutex_lock(&lock);
            went_back = true;
            pthread_mutex_unlock(&lock);
        }
        last = now;
    }
    return NULL;
}

static void *toggle_clock(void *opaque)
{
    (void)opaque;
    for (bool on = true; !atomic_load(&end); on = !on) {
        clock_set_running(clocks, on);
        usleep(50);
    }
    return NULL;
}

int main(void)
{
    static void *(*const work[])(void *) = {queue_calls, arm_timers, watch_fds};
    static void *(*const background[])(void *) = {read_clock, toggle_clock};
    pthread_t runner, workers[3], others[2];

    puts("1..3");
    clocks = clock_set_new();
    loop = clocks ? loop_new(clocks, &lock, NULL) : NULL;
    if (!loop)
        return 1;
    pthread_create(&runner, NULL, run, NULL);
    for (int i = 0; i < 3; i++)
        pthread_create(&workers[i], NULL, work[i], NULL);
    for (int i = 0; i < 2; i++)
        pthread_create(&others[i], NULL, background[i], NULL);
    for (int i = 0; i < 3; i++)
        pthread_join(workers[i], NULL);
    atomic_store(&end, true);
    for (int i = 0; i < 2; i++)
        pthread_join(others[i], NULL);
    for (bool done = false; !done; sched_yield()) {
        pthread_mutex_lock(&lock);
        done = calls == ROUNDS;
        pthread_mutex_unlock(&lock);
    }
    loop_stop(loop);
    pthread_join(runner, NULL);
    printf("%s 1 - loop: calls of other threads run (%u calls, %u timers, %u bytes)\n",
           calls == ROUNDS ? "ok" : "not ok", calls, atomic_load(&fired), bytes);
    printf("%s 2 - loop: no callback after a removal under the machine lock\n",
           after_removal ? "not ok" : "ok");
    printf("%s 3 - clock: the virtual clock never goes back\n", went_back ? "not ok" : "ok");
    loop_free(loop);
    clock_set_free(clocks);
    return 0;
}
