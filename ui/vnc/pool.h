/*
 * A few threads that work off jobs in the order they were given. A job is embedded in what it is
 * about; whoever gave it gets it back with pool_take_done. Threads run at a lower priority than the
 * process: who watches never slows down what is watched.
 *
 * Thread contract: pool_give and pool_take_done any thread; new and free their owner.
 */
#ifndef UI_VNC_POOL_H
#define UI_VNC_POOL_H

#include <stdbool.h>
#include "core/util/list.h"

struct pool;
struct vemu_error;

/* What a thread keeps from one job to the next. */
struct pool_scratch {
    void *data;
    size_t size;
};
/* At least size bytes; NULL: no memory. */
void *pool_scratch(struct pool_scratch *scratch, size_t size);

struct pool_job {
    struct list node;
    void (*run)(struct pool_job *job, struct pool_scratch *scratch);
};

/* done: told, on a thread of the pool, when there is one to take. */
struct pool *pool_new(unsigned threads, void (*done)(void *opaque), void *opaque,
                      struct vemu_error **errp);
/* Ends after the jobs that run now; what waits is not run. */
void pool_free(struct pool *p);
void pool_give(struct pool *p, struct pool_job *job);
/* One that has run; NULL: none. */
struct pool_job *pool_take_done(struct pool *p);

#endif
