/*
 * What requests run on: the ring, the workers, and the list of what has completed.
 *
 * The queue and the list of completed jobs have one leaf lock. An eventfd tells the owner that
 * there is something on the list, or in the ring. The ring is the owner's alone; a worker does its
 * own transfers by blocking calls.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include "core/block/block.h"
#include "core/block/codec.h"
#include "core/block/uring.h"
#include "core/loop/loop.h"
#include "core/util/range.h"

enum { WORKERS_DEFAULT = 8, WORKERS_MOST = 64 };

struct job_list {
    struct vemu_block_job *first, **tail;
};

struct vemu_block_context {
    int event_fd;
    struct uring *uring; /* NULL: none */
    unsigned plugged;
    unsigned pending; /* jobs that will complete */
    struct codec *codec;

    pthread_mutex_t lock; /* guards what follows; a leaf */
    pthread_cond_t work;
    struct job_list queue, finished;
    unsigned queued, workers, idle, max_workers;
    bool stop;
    pthread_t threads[WORKERS_MOST];
};

static void list_reset(struct job_list *list)
{
    list->first = NULL;
    list->tail = &list->first;
}

static void list_append(struct job_list *list, struct vemu_block_job *job)
{
    job->next = NULL;
    *list->tail = job;
    list->tail = &job->next;
}

static struct vemu_block_job *list_take(struct job_list *list)
{
    struct vemu_block_job *job = list->first;

    list->first = job->next;
    if (!list->first)
        list->tail = &list->first;
    return job;
}

/* ---- workers --------------------------------------------------------------------------------- */

static void *worker(void *opaque)
{
    struct vemu_block_context *ctx = opaque;

    pthread_mutex_lock(&ctx->lock);
    for (;;) {
        while (!ctx->queue.first && !ctx->stop) {
            ctx->idle++;
            pthread_cond_wait(&ctx->work, &ctx->lock);
            ctx->idle--;
        }
        if (!ctx->queue.first)
            break;
        struct vemu_block_job *job = list_take(&ctx->queue);
        ctx->queued--;
        pthread_mutex_unlock(&ctx->lock);
        job->run(job);
        block_job_finish(ctx, job);
        pthread_mutex_lock(&ctx->lock);
    }
    pthread_mutex_unlock(&ctx->lock);
    return NULL;
}

/* One more, without the embedder's signals. Lock held. */
static void start_worker(struct vemu_block_context *ctx)
{
    sigset_t all, old;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    if (pthread_create(&ctx->threads[ctx->workers], NULL, worker, ctx) == 0)
        ctx->workers++;
    pthread_sigmask(SIG_SETMASK, &old, NULL);
}

void block_job_queue(struct vemu_block_context *ctx, struct vemu_block_job *job)
{
    pthread_mutex_lock(&ctx->lock);
    if (ctx->queued >= ctx->idle && ctx->workers < ctx->max_workers)
        start_worker(ctx);
    bool anybody = ctx->workers != 0;
    if (anybody) {
        list_append(&ctx->queue, job);
        ctx->queued++;
        pthread_cond_signal(&ctx->work);
    }
    pthread_mutex_unlock(&ctx->lock);
    if (!anybody) {
        /* No thread to be had at all: late is better than never. */
        job->run(job);
        block_job_finish(ctx, job);
    }
}

void block_job_finish(struct vemu_block_context *ctx, struct vemu_block_job *job)
{
    uint64_t one = 1;

    pthread_mutex_lock(&ctx->lock);
    bool first = !ctx->finished.first;
    list_append(&ctx->finished, job);
    /* Told under the lock: once the owner has seen this job, the context may go. */
    while (first && write(ctx->event_fd, &one, sizeof one) < 0 && errno == EINTR)
        ;
    pthread_mutex_unlock(&ctx->lock);
}

bool block_job_cancel(struct vemu_block_context *ctx, struct vemu_block_job *job)
{
    bool found = false;

    pthread_mutex_lock(&ctx->lock);
    for (struct vemu_block_job **p = &ctx->queue.first; *p; p = &(*p)->next) {
        if (*p == job) {
            *p = job->next;
            if (!*p)
                ctx->queue.tail = p;
            ctx->queued--;
            found = true;
            break;
        }
    }
    pthread_mutex_unlock(&ctx->lock);
    return found;
}

void block_context_pending(struct vemu_block_context *ctx, int more)
{
    ctx->pending += (unsigned)more;
}

struct codec *block_context_codec(struct vemu_block_context *ctx)
{
    return ctx->codec;
}

/* ---- the ring -------------------------------------------------------------------------------- */

bool block_context_transfer(struct vemu_block_context *ctx, struct vemu_block_job *job, bool write,
                            int fd, const struct iovec *iov, unsigned count, uint64_t offset,
                            bool fua)
{
    if (!ctx->uring || !uring_transfer(ctx->uring, job, write, fd, iov, count, offset, fua))
        return false;
    if (!ctx->plugged)
        uring_submit(ctx->uring);
    return true;
}

bool block_context_fsync(struct vemu_block_context *ctx, struct vemu_block_job *job, int fd)
{
    if (!ctx->uring || !uring_fsync(ctx->uring, job, fd))
        return false;
    if (!ctx->plugged)
        uring_submit(ctx->uring);
    return true;
}

void vemu_block_plug(struct vemu_block_context *ctx)
{
    ctx->plugged++;
}

void vemu_block_unplug(struct vemu_block_context *ctx)
{
    if (--ctx->plugged == 0 && ctx->uring)
        uring_submit(ctx->uring);
}

/* ---- completions ----------------------------------------------------------------------------- */

/* Delivers what has completed; false: nothing had. */
static bool dispatch(struct vemu_block_context *ctx)
{
    struct vemu_block_job *job;
    uint64_t count;
    bool any = false;
    int result;

    while (read(ctx->event_fd, &count, sizeof count) < 0 && errno == EINTR)
        ;
    while (ctx->uring && (job = uring_reap(ctx->uring, &result))) {
        job->result = result;
        job->complete(job);
        any = true;
    }
    for (;;) {
        pthread_mutex_lock(&ctx->lock);
        job = ctx->finished.first ? list_take(&ctx->finished) : NULL;
        pthread_mutex_unlock(&ctx->lock);
        if (!job)
            return any;
        job->complete(job);
        any = true;
    }
}

int vemu_block_context_fd(struct vemu_block_context *ctx)
{
    return ctx->event_fd;
}

void vemu_block_context_dispatch(struct vemu_block_context *ctx)
{
    dispatch(ctx);
}

void vemu_block_context_wait(struct vemu_block_context *ctx)
{
    /* Who waits has nothing more to gather. */
    if (ctx->uring)
        uring_submit(ctx->uring);
    while (ctx->pending && !dispatch(ctx)) {
        struct pollfd p = {.fd = ctx->event_fd, .events = POLLIN};
        poll(&p, 1, 100); /* not for ever: a ring that took nothing is asked again */
    }
}

static void loop_ready(void *opaque, int fd, unsigned events)
{
    (void)fd, (void)events;
    dispatch(opaque);
}

bool block_context_attach(struct vemu_block_context *ctx, struct loop *loop,
                          struct vemu_error **errp)
{
    return loop_fd_set(loop, ctx->event_fd, LOOP_READ, loop_ready, ctx, errp);
}

void block_context_detach(struct vemu_block_context *ctx, struct loop *loop)
{
    loop_fd_remove(loop, ctx->event_fd);
}

/* ---- life ------------------------------------------------------------------------------------ */

struct vemu_block_context *vemu_block_context_new(const struct vemu_block_context_options *options,
                                                  struct vemu_error **errp)
{
    struct vemu_block_context_options o = {0};
    struct vemu_block_context *ctx = calloc(1, sizeof *ctx);
    const char *why = "";

    if (options)
        memcpy(&o, options, MIN(options->size, sizeof o));
    if (!ctx || !(ctx->codec = codec_new())) {
        free(ctx);
        error_set(errp, VEMU_ERROR_NO_MEMORY, "block context: out of memory");
        return NULL;
    }
    pthread_mutex_init(&ctx->lock, NULL);
    pthread_cond_init(&ctx->work, NULL);
    list_reset(&ctx->queue);
    list_reset(&ctx->finished);
    ctx->max_workers = o.workers ? MIN(o.workers, WORKERS_MOST) : WORKERS_DEFAULT;
    ctx->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (ctx->event_fd < 0) {
        error_set_errno(errp, errno, "block context: cannot create its eventfd");
        goto fail;
    }
    if (o.aio != VEMU_BLOCK_AIO_THREADS)
        ctx->uring = uring_open(ctx->event_fd, &why);
    if (o.aio == VEMU_BLOCK_AIO_URING && !ctx->uring) {
        error_set(errp, VEMU_ERROR_UNSUPPORTED, "there is no io_uring here: %s", why);
        goto fail;
    }
    return ctx;
fail:
    vemu_block_context_free(ctx);
    return NULL;
}

void vemu_block_context_free(struct vemu_block_context *ctx)
{
    if (!ctx)
        return;
    pthread_mutex_lock(&ctx->lock);
    ctx->stop = true;
    pthread_cond_broadcast(&ctx->work);
    pthread_mutex_unlock(&ctx->lock);
    for (unsigned i = 0; i < ctx->workers; i++)
        pthread_join(ctx->threads[i], NULL);
    uring_close(ctx->uring);
    if (ctx->event_fd >= 0)
        close(ctx->event_fd);
    codec_free(ctx->codec);
    pthread_cond_destroy(&ctx->work);
    pthread_mutex_destroy(&ctx->lock);
    free(ctx);
}

const char *vemu_block_context_aio(const struct vemu_block_context *ctx)
{
    return ctx->uring ? "io_uring" : "threads";
}
