/* Threads for encoding: see pool.h. */
#include "ui/vnc/pool.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/util/error.h"

/* A tenth of what a thread at the process' own priority gets, where both want all of a processor: a
 * guest loses no more than that to its viewers, and they still see something. */
enum { POOL_NICE = 10 };

struct pool {
    pthread_mutex_t lock; /* a leaf */
    pthread_cond_t work;
    struct list waiting, done;
    bool stop;
    void (*tell)(void *opaque);
    void *opaque;
    unsigned count;
    pthread_t threads[];
};

void *pool_scratch(struct pool_scratch *scratch, size_t size)
{
    if (scratch->size < size) {
        free(scratch->data);
        scratch->data = malloc(size);
        scratch->size = scratch->data ? size : 0;
    }
    return scratch->data;
}

static void lower_priority(void)
{
    const struct sched_param none = {0};
    id_t tid = (id_t)syscall(SYS_gettid);

    /* One that becomes ready takes nobody's processor away. */
    (void)pthread_setschedparam(pthread_self(), SCHED_BATCH, &none);
    setpriority(PRIO_PROCESS, tid, getpriority(PRIO_PROCESS, tid) + POOL_NICE);
}

static void *work(void *opaque)
{
    struct pool *p = opaque;
    struct pool_scratch scratch = {0};

    pthread_setname_np(pthread_self(), "vnc-encode");
    lower_priority();
    pthread_mutex_lock(&p->lock);
    for (;;) {
        while (!p->stop && list_empty(&p->waiting))
            pthread_cond_wait(&p->work, &p->lock);
        if (p->stop)
            break;
        struct pool_job *job = list_entry(p->waiting.next, struct pool_job, node);
        list_remove(&job->node);
        pthread_mutex_unlock(&p->lock);
        job->run(job, &scratch);
        pthread_mutex_lock(&p->lock);
        list_add_tail(&p->done, &job->node);
        p->tell(p->opaque);
    }
    pthread_mutex_unlock(&p->lock);
    free(scratch.data);
    return NULL;
}

struct pool *pool_new(unsigned threads, void (*done)(void *opaque), void *opaque,
                      struct vemu_error **errp)
{
    struct pool *p = calloc(1, sizeof *p + threads * sizeof p->threads[0]);
    sigset_t all, old;

    if (!p) {
        error_set(errp, VEMU_ERROR_NO_MEMORY, "out of memory");
        return NULL;
    }
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->work, NULL);
    list_init(&p->waiting);
    list_init(&p->done);
    p->tell = done;
    p->opaque = opaque;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    while (p->count < threads && pthread_create(&p->threads[p->count], NULL, work, p) == 0)
        p->count++;
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (!p->count) {
        pool_free(p);
        error_set(errp, VEMU_ERROR_NO_MEMORY, "cannot start a thread for encoding");
        return NULL;
    }
    return p;
}

void pool_free(struct pool *p)
{
    if (!p)
        return;
    pthread_mutex_lock(&p->lock);
    p->stop = true;
    pthread_cond_broadcast(&p->work);
    pthread_mutex_unlock(&p->lock);
    for (unsigned i = 0; i < p->count; i++)
        pthread_join(p->threads[i], NULL);
    pthread_cond_destroy(&p->work);
    pthread_mutex_destroy(&p->lock);
    free(p);
}

void pool_give(struct pool *p, struct pool_job *job)
{
    pthread_mutex_lock(&p->lock);
    list_add_tail(&p->waiting, &job->node);
    pthread_cond_signal(&p->work);
    pthread_mutex_unlock(&p->lock);
}

struct pool_job *pool_take_done(struct pool *p)
{
    struct pool_job *job = NULL;

    pthread_mutex_lock(&p->lock);
    if (!list_empty(&p->done)) {
        job = list_entry(p->done.next, struct pool_job, node);
        list_remove(&job->node);
    }
    pthread_mutex_unlock(&p->lock);
    return job;
}
