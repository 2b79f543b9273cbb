/* core/clock: the three clocks, and timers in order, by hand and by the clock. */
#include <criterion/criterion.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "core/clock/clock.h"

enum { TIMERS = 200, LOG_SIZE = 1024 };

static struct clock_set *clocks;
static struct {
    int who[LOG_SIZE];
    int64_t when[LOG_SIZE];
    int count;
} fired;

struct probe {
    struct timer timer;
    int id;
    int64_t period; /* re-arms itself; 0: not */
    struct probe *cancels, *arms;
    int64_t arms_at;
};

static void probe_fired(void *opaque)
{
    struct probe *p = opaque;
    cr_assert(!timer_pending(&p->timer), "a timer is not armed while its callback runs");
    if (fired.count < LOG_SIZE) {
        fired.who[fired.count] = p->id;
        fired.when[fired.count++] = clock_now(clocks, p->timer.type);
    }
    if (p->period)
        timer_set(&p->timer, clock_now(clocks, p->timer.type) + p->period);
    if (p->cancels)
        timer_cancel(&p->cancels->timer);
    if (p->arms)
        timer_set(&p->arms->timer, p->arms_at);
}

static void probe_init(struct probe *p, int id, enum clock_type type)
{
    *p = (struct probe){.id = id};
    timer_init(&p->timer, clocks, type, probe_fired, p);
}

static void set_up(void)
{
    clocks = clock_set_new();
    cr_assert_not_null(clocks);
    fired.count = 0;
}

static void tear_down(void)
{
    clock_set_free(clocks);
}

TestSuite(clock, .init = set_up, .fini = tear_down);

static void sleep_ms(long ms)
{
    struct timespec ts = {ms / 1000, ms % 1000 * 1000000};
    nanosleep(&ts, NULL);
}

Test(clock, virtual_starts_at_zero_and_stands_until_it_runs)
{
    cr_assert_eq(clock_now(clocks, VCLOCK_VIRTUAL), 0);
    sleep_ms(2);
    cr_assert_eq(clock_now(clocks, VCLOCK_VIRTUAL), 0);
    clock_set_running(clocks, true);
    sleep_ms(2);
    int64_t now = clock_now(clocks, VCLOCK_VIRTUAL);
    cr_assert_geq(now, 2000000);
    clock_set_running(clocks, false);
    int64_t stopped = clock_now(clocks, VCLOCK_VIRTUAL);
    cr_assert_geq(stopped, now);
    sleep_ms(2);
    cr_assert_eq(clock_now(clocks, VCLOCK_VIRTUAL), stopped);
}

Test(clock, virtual_continues_where_it_stopped)
{
    clock_set_virtual(clocks, 5000000000);
    cr_assert_eq(clock_now(clocks, VCLOCK_VIRTUAL), 5000000000);
    clock_set_running(clocks, true);
    int64_t now = clock_now(clocks, VCLOCK_VIRTUAL);
    cr_assert(now >= 5000000000 && now < 8000000000);
}

Test(clock, hostile_saved_times_are_clamped)
{
    clock_set_virtual(clocks, INT64_MAX);
    cr_assert_gt(clock_now(clocks, VCLOCK_VIRTUAL), 0);
    clock_set_running(clocks, true);
    cr_assert_gt(clock_now(clocks, VCLOCK_VIRTUAL), 0);
    clock_set_virtual(clocks, INT64_MIN);
    cr_assert_geq(clock_now(clocks, VCLOCK_VIRTUAL), 0);
    cr_assert_lt(clock_now(clocks, VCLOCK_VIRTUAL), 1000000000);
}

Test(clock, host_and_rtc_follow_the_host)
{
    struct timespec ts;
    clock_gettime(CLOCK_REALTIME, &ts);
    int64_t rtc = clock_now(clocks, VCLOCK_RTC);
    cr_assert_leq(llabs(rtc / 1000000000 - ts.tv_sec), 2);
    int64_t a = clock_now(clocks, VCLOCK_HOST);
    int64_t b = clock_now(clocks, VCLOCK_HOST);
    cr_assert_leq(a, b);
}

static void *toggle(void *opaque)
{
    atomic_bool *stop = opaque;
    for (bool on = true; !atomic_load(stop); on = !on)
        clock_set_running(clocks, on);
    return NULL;
}

Test(clock, virtual_never_goes_back_while_it_is_stopped_and_started)
{
    pthread_t thread;
    atomic_bool stop = false;
    pthread_create(&thread, NULL, toggle, &stop);
    int64_t last = 0;
    for (int i = 0; i < 300000; i++) {
        int64_t now = clock_now(clocks, VCLOCK_VIRTUAL);
        cr_assert_geq(now, last);
        last = now;
    }
    atomic_store(&stop, true);
    pthread_join(thread, NULL);
}

/* The clock that readers see goes by the counter once its rate is known: it keeps to the host's. */
Test(clock, virtual_keeps_to_the_host_clock)
{
    int64_t start = 0, first = 0;
    bool counted = false;
    clock_set_running(clocks, true);
    for (int n = 0; n < 300; n++) {
        int64_t before = clock_now(clocks, VCLOCK_HOST), now = clock_now(clocks, VCLOCK_VIRTUAL),
                after = clock_now(clocks, VCLOCK_HOST);
        if (!n) {
            start = before;
            first = now;
        }
        counted |= clock_virtual_reading(clocks)->span != 0;
        cr_assert_geq(now - first, before - start - 200000 - (after - before), "round %d", n);
        cr_assert_leq(now - first, after - start + 200000, "round %d", n);
        sleep_ms(1);
    }
    cr_assert_eq(counted, host_counter_usable());
}

static struct {
    int64_t latest;
    bool end;
    int64_t back;
} race;

/* No thread sees a time before one that another thread has seen. */
static void *look_at_the_time(void *arg)
{
    while (!__atomic_load_n(&race.end, __ATOMIC_ACQUIRE)) {
        int64_t latest = __atomic_load_n(&race.latest, __ATOMIC_ACQUIRE);
        int64_t now = clock_now(clocks, VCLOCK_VIRTUAL);
        if (now < latest)
            __atomic_store_n(&race.back, latest - now, __ATOMIC_RELAXED);
        while (now > latest && !__atomic_compare_exchange_n(&race.latest, &latest, now, false,
                                                            __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
            ;
    }
    return arg;
}

Test(clock, virtual_never_goes_back_between_threads)
{
    pthread_t threads[2];
    clock_set_running(clocks, true);
    for (int n = 0; n < 2; n++)
        cr_assert_eq(pthread_create(&threads[n], NULL, look_at_the_time, NULL), 0);
    for (int n = 0; n < 12; n++) {
        sleep_ms(25);
        if (n % 4 == 3) {
            clock_set_running(clocks, false);
            clock_set_running(clocks, true);
        }
    }
    __atomic_store_n(&race.end, true, __ATOMIC_RELEASE);
    for (int n = 0; n < 2; n++)
        pthread_join(threads[n], NULL);
    cr_assert_eq(race.back, 0, "back by %lld ns", (long long)race.back);
}

Test(clock, step_runs_timers_in_deadline_order_with_the_clock_at_each)
{
    static struct probe probes[TIMERS];
    clock_set_manual(clocks, true);
    for (int i = 0; i < TIMERS; i++) {
        probe_init(&probes[i], i, VCLOCK_VIRTUAL);
        timer_set(&probes[i].timer, (i * 7919) % TIMERS * 10 + 10);
    }
    /* Some are cancelled and some moved: the heap must stay one. */
    for (int i = 0; i < TIMERS; i += 3)
        timer_cancel(&probes[i].timer);
    for (int i = 0; i < TIMERS; i += 6)
        timer_set(&probes[i].timer, (i * 31) % TIMERS * 10 + 10);
    clock_step(clocks, TIMERS * 10 + 10);
    int expected = 0;
    for (int i = 0; i < TIMERS; i++)
        expected += i % 3 != 0 || i % 6 == 0;
    cr_assert_eq(fired.count, expected);
    for (int i = 1; i < fired.count; i++)
        cr_assert_leq(fired.when[i - 1], fired.when[i]);
    for (int i = 0; i < fired.count; i++)
        cr_assert_eq(fired.when[i] % 10, 0);
    cr_assert_eq(clock_now(clocks, VCLOCK_VIRTUAL), TIMERS * 10 + 10);
}

Test(clock, equal_deadlines_fire_in_the_order_they_were_armed)
{
    struct probe probes[20];
    clock_set_manual(clocks, true);
    for (int i = 0; i < 20; i++)
        probe_init(&probes[i], i, VCLOCK_VIRTUAL);
    for (int i = 0; i < 20; i++)
        timer_set(&probes[(i * 7) % 20].timer, 100);
    clock_step(clocks, 100);
    cr_assert_eq(fired.count, 20);
    for (int i = 0; i < 20; i++)
        cr_assert_eq(fired.who[i], (i * 7) % 20);
}

Test(clock, a_timer_that_rearms_itself_fires_each_period_of_a_step)
{
    struct probe p;
    probe_init(&p, 1, VCLOCK_VIRTUAL);
    p.period = 100;
    clock_set_manual(clocks, true);
    timer_set(&p.timer, 100);
    clock_step(clocks, 1000);
    cr_assert_eq(fired.count, 10);
    for (int i = 0; i < 10; i++)
        cr_assert_eq(fired.when[i], (i + 1) * 100);
    cr_assert_eq(timer_deadline(&p.timer), 1100);
    timer_cancel(&p.timer);
    timer_cancel(&p.timer);
    cr_assert(!timer_pending(&p.timer));
}

Test(clock, a_callback_may_cancel_and_arm_others)
{
    struct probe a, b, c;
    probe_init(&a, 1, VCLOCK_VIRTUAL);
    probe_init(&b, 2, VCLOCK_VIRTUAL);
    probe_init(&c, 3, VCLOCK_VIRTUAL);
    clock_set_manual(clocks, true);
    a.cancels = &b;
    a.arms = &c;
    a.arms_at = 150;
    timer_set(&a.timer, 100);
    timer_set(&b.timer, 100);
    clock_step(clocks, 200);
    cr_assert_eq(fired.count, 2);
    cr_assert_eq(fired.who[1], 3);
    cr_assert_eq(fired.when[1], 150);
}

Test(clock, a_step_ends_although_a_timer_rearms_itself_for_the_past)
{
    struct probe a;
    probe_init(&a, 1, VCLOCK_VIRTUAL);
    a.arms = &a;
    a.arms_at = 50;
    clock_set_manual(clocks, true);
    timer_set(&a.timer, 50);
    clock_step(clocks, 100);
    cr_assert_eq(clock_now(clocks, VCLOCK_VIRTUAL), 100);
    cr_assert_gt(fired.count, 1);
}

Test(clock, run_timers_returns_although_a_timer_rearms_itself_for_the_past)
{
    struct probe a;
    probe_init(&a, 1, VCLOCK_HOST);
    a.arms = &a;
    timer_set(&a.timer, -5);
    cr_assert(timer_pending(&a.timer));
    cr_assert_eq(clock_run_timers(clocks), 0);
    cr_assert_eq(fired.count, 1);
}

Test(clock, virtual_timers_wait_while_the_clock_is_stopped)
{
    struct probe v, h;
    probe_init(&v, 1, VCLOCK_VIRTUAL);
    probe_init(&h, 2, VCLOCK_HOST);
    timer_set(&v.timer, 0);
    cr_assert_eq(clock_run_timers(clocks), -1);
    cr_assert_eq(clock_next_deadline(clocks), -1);
    timer_set(&h.timer, 0);
    clock_run_timers(clocks);
    cr_assert_eq(fired.count, 1);
    cr_assert_eq(fired.who[0], 2);
    clock_set_running(clocks, true);
    clock_run_timers(clocks);
    cr_assert_eq(fired.count, 2);
}

Test(clock, the_next_deadline_is_the_earliest_of_all_clocks)
{
    struct probe v, h;
    probe_init(&v, 1, VCLOCK_VIRTUAL);
    probe_init(&h, 2, VCLOCK_HOST);
    clock_set_running(clocks, true);
    timer_set(&v.timer, INT64_MAX);
    int64_t now = clock_now(clocks, VCLOCK_HOST);
    timer_set(&h.timer, now + 3000000000);
    cr_assert_eq(clock_next_deadline(clocks), now + 3000000000);
    timer_set(&v.timer, clock_now(clocks, VCLOCK_VIRTUAL) + 1000000000);
    int64_t left = clock_run_timers(clocks);
    cr_assert(left > 0 && left <= 1000000000);
}

static void count_call(void *opaque)
{
    ++*(int *)opaque;
}

Test(clock, the_loop_is_told_only_when_the_earliest_deadline_moves_earlier)
{
    int calls = 0;
    struct probe a, b;
    probe_init(&a, 1, VCLOCK_HOST);
    probe_init(&b, 2, VCLOCK_HOST);
    clock_set_notify(clocks, count_call, &calls);
    timer_set(&a.timer, 1000);
    cr_assert_eq(calls, 1);
    timer_set(&b.timer, 2000);
    timer_set(&a.timer, 1500);
    cr_assert_eq(calls, 1);
    timer_set(&b.timer, 100);
    cr_assert_eq(calls, 2);
    timer_cancel(&a.timer);
    cr_assert_eq(calls, 2);
}

/* ---- counted time ------------------------------------------------------------------------------
 */

static void count_moved(void *opaque)
{
    ++*(int *)opaque;
}

Test(clock, counted_time_is_what_was_said_and_its_timers_are_not_the_loops)
{
    struct clock_set *counted = clock_set_new();
    struct timer t;
    int moved = 0, ran = 0;

    clock_set_counted(counted, count_moved, &moved);
    clock_set_running(counted, true);
    timer_init(&t, counted, VCLOCK_VIRTUAL, count_moved, &ran);
    timer_set(&t, 1000);
    cr_assert_eq(moved, 1);
    timer_set(&t, 2000); /* later: nobody need hurry */
    cr_assert_eq(moved, 1);
    cr_assert_eq(clock_count_deadline(counted), 2000);

    clock_count_show(counted, 2500);
    cr_assert_eq(clock_now(counted, VCLOCK_VIRTUAL), 2500);
    cr_assert_eq(clock_next_deadline(counted), -1);
    clock_run_timers(counted);
    cr_assert_eq(ran, 0);
    clock_step(counted, 0);
    cr_assert_eq(ran, 1);
    cr_assert_eq(clock_now(counted, VCLOCK_VIRTUAL), 2500);
    cr_assert_eq(clock_count_deadline(counted), -1);
    clock_set_free(counted);
}
