/* What viewers' updates are made on: the pool's threads, or the server's own. */
#include <config.h>
#include <criterion/criterion.h>
#include <semaphore.h>

#include "tests/unit/vnc_watched.h"
#include "ui/vnc/internal.h"

TestSuite(vnc_pool, .timeout = 60);

/* A job that keeps a thread of the pool until it may end. */
struct plug {
    struct vnc_job job;
    struct vnc_client nobody;
    sem_t *running, *end;
};

static void plug(struct pool_job *base, struct pool_scratch *scratch)
{
    struct plug *p = (struct plug *)base;

    (void)scratch;
    sem_post(p->running);
    sem_wait(p->end);
}

/* The viewer that came first. */
static bool first_is(struct vnc_machine *vm, bool (*is)(const struct vnc_client *c))
{
    struct vnc_server *s = vm->server;

    pthread_mutex_lock(&s->lock);
    const bool yes = is(list_entry(s->clients.next, struct vnc_client, node));
    pthread_mutex_unlock(&s->lock);
    return yes;
}

static bool is_working(const struct vnc_client *c)
{
    return c->working;
}

static bool has_all(const struct vnc_client *c)
{
    return !c->working && !pixman_region32_not_empty((pixman_region32_t *)&c->damage);
}

Test(vnc_pool, a_letter_does_not_wait_for_the_pool_but_what_is_asked_for_again_does)
{
    enum { PLUGS = 4 };
    static struct plug plugs[PLUGS];
    struct vnc_machine *vm = vm_new(NULL);
    struct viewer v;
    sem_t running, end;

    join(&v, vm);
    vm_draw(vm, 1, 0, 0, VM_WIDTH, VM_HEIGHT);
    cr_assert(v_catch_up(&v, vm));
    while (!first_is(vm, has_all)) /* it may be sent what it has seen already */
        cr_assert(v_request(&v, true) && v_update(&v));
    sem_init(&running, 0, 0);
    sem_init(&end, 0, 0);
    for (unsigned i = 0; i < PLUGS; i++) {
        plugs[i] = (struct plug){.job = {.base.run = plug, .c = &plugs[i].nobody},
                                 .nobody.dead = true,
                                 .running = &running,
                                 .end = &end};
        pool_give(vm->server->pool, &plugs[i].job.base);
    }
    sem_wait(&running);
    for (unsigned n = 0; n < 3; n++) {
        cr_assert(v_request(&v, true));
        vm_draw(vm, 2 + n, 8 * n, 16, 8, 16);
        cr_assert(v_update(&v));
        cr_assert(v_same(&v, vm));
    }
    cr_assert(v_request_area(&v, false, 0, 0, 8, 16));
    for (unsigned ms = 0; !first_is(vm, is_working); ms += 2) {
        cr_assert_lt(ms, VM_WAIT_MS);
        usleep(2000);
    }
    for (unsigned i = 0; i < PLUGS; i++)
        sem_post(&end);
    cr_assert(v_update(&v));
    v_close(&v);
    vm_free(vm);
}
