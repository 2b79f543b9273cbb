/* io_uring by way of liburing: see uring.h. */
#include "core/block/uring.h"

#include "config.h"
#include "core/util/library.h"

#include <stddef.h>

#if CONFIG_LIBURING
#include <liburing.h>
#include <stdlib.h>

/* Entries of the submission queue. The completion queue has twice as many, and no more than fit are
 * ever under way: an overflow would have to be asked for by a system call of its own. */
enum { URING_ENTRIES = 256, URING_MOST = 2 * URING_ENTRIES };

struct uring {
    void *library;
    struct io_uring ring;
    unsigned in_flight, gathered;
    void (*exit)(struct io_uring *);
    int (*submit)(struct io_uring *);
};

struct uring *uring_open(int event_fd, const char **why)
{
    struct uring *u = calloc(1, sizeof *u);
    int (*init)(unsigned, struct io_uring *, unsigned);
    int (*register_eventfd)(struct io_uring *, int);

    *why = "out of memory";
    if (!u)
        return NULL;
    *why = CONFIG_LIBURING_SONAME " is not installed";
    u->library = dlopen(CONFIG_LIBURING_SONAME, RTLD_NOW | RTLD_LOCAL);
    if (!u->library || !library_symbol(u->library, "io_uring_queue_init", &init) ||
        !library_symbol(u->library, "io_uring_queue_exit", &u->exit) ||
        !library_symbol(u->library, "io_uring_submit", &u->submit) ||
        !library_symbol(u->library, "io_uring_register_eventfd", &register_eventfd))
        goto fail;
    *why = "the kernel refuses it";
    if (init(URING_ENTRIES, &u->ring, 0) != 0)
        goto fail;
    if (register_eventfd(&u->ring, event_fd) != 0) {
        u->exit(&u->ring);
        goto fail;
    }
    return u;
fail:
    if (u->library)
        dlclose(u->library);
    free(u);
    return NULL;
}

void uring_close(struct uring *u)
{
    if (!u)
        return;
    u->exit(&u->ring);
    dlclose(u->library);
    free(u);
}

static struct io_uring_sqe *entry(struct uring *u)
{
    struct io_uring_sqe *sqe;

    if (u->in_flight >= URING_MOST)
        return NULL;
    sqe = io_uring_get_sqe(&u->ring);
    if (!sqe) {
        uring_submit(u);
        sqe = io_uring_get_sqe(&u->ring);
    }
    if (sqe) {
        u->in_flight++;
        u->gathered++;
    }
    return sqe;
}

bool uring_transfer(struct uring *u, void *tag, bool write, int fd, const struct iovec *iov,
                    unsigned count, uint64_t offset, bool fua)
{
    struct io_uring_sqe *sqe = entry(u);

    if (!sqe)
        return false;
    if (write)
        io_uring_prep_writev2(sqe, fd, iov, count, offset, fua ? RWF_DSYNC : 0);
    else
        io_uring_prep_readv(sqe, fd, iov, count, offset);
    io_uring_sqe_set_data(sqe, tag);
    return true;
}

bool uring_fsync(struct uring *u, void *tag, int fd)
{
    struct io_uring_sqe *sqe = entry(u);

    if (!sqe)
        return false;
    io_uring_prep_fsync(sqe, fd, IORING_FSYNC_DATASYNC);
    io_uring_sqe_set_data(sqe, tag);
    return true;
}

void uring_submit(struct uring *u)
{
    int n = u->gathered ? u->submit(&u->ring) : 0;

    /* What the kernel did not take (it is short of something) stays, and goes with the next call.
     */
    if (n > 0)
        u->gathered -= (unsigned)n < u->gathered ? (unsigned)n : u->gathered;
}

void *uring_reap(struct uring *u, int *result)
{
    struct io_uring_cqe *cqe = NULL;
    unsigned head;
    void *tag = NULL;

    io_uring_for_each_cqe(&u->ring, head, cqe)
    {
        tag = io_uring_cqe_get_data(cqe);
        *result = cqe->res;
        io_uring_cq_advance(&u->ring, 1);
        u->in_flight--;
        break;
    }
    if (!tag && u->gathered)
        uring_submit(u);
    return tag;
}

#else

struct uring *uring_open(int event_fd, const char **why)
{
    (void)event_fd;
    *why = "this build was made without liburing";
    return NULL;
}

void uring_close(struct uring *u)
{
    (void)u;
}

bool uring_transfer(struct uring *u, void *tag, bool write, int fd, const struct iovec *iov,
                    unsigned count, uint64_t offset, bool fua)
{
    (void)u, (void)tag, (void)write, (void)fd, (void)iov, (void)count, (void)offset, (void)fua;
    return false;
}

bool uring_fsync(struct uring *u, void *tag, int fd)
{
    (void)u, (void)tag, (void)fd;
    return false;
}

void uring_submit(struct uring *u)
{
    (void)u;
}

void *uring_reap(struct uring *u, int *result)
{
    (void)u, (void)result;
    return NULL;
}
#endif
