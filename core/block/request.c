/* Requests: checks, short cut or worker, completion, waiting. See vemu/block.h and block.h. */
#include <errno.h>
#include <string.h>
#include "core/block/block.h"
#include "core/util/range.h"

enum { REQUEST_DONE, REQUEST_QUEUED, REQUEST_STARTED };

struct vemu_block_request *block_job_request(struct vemu_block_job *job)
{
    return container_of(job, struct vemu_block_request, job);
}

static bool changes(const struct vemu_block_request *req)
{
    return req->op == VEMU_BLOCK_WRITE || req->op == VEMU_BLOCK_WRITE_ZEROES ||
           req->op == VEMU_BLOCK_DISCARD;
}

/* Does the request by the driver's blocking functions. */
static int perform(struct vemu_block *block, const struct vemu_block_request *req)
{
    const struct block_driver *drv = block->driver;
    struct sg sg = {req->iov, req->iov_count, 0};
    int err = ENOTSUP;

    switch (req->op) {
    case VEMU_BLOCK_READ:
        return drv->rw(block, false, req->offset, sg, req->bytes, req->flags);
    case VEMU_BLOCK_WRITE:
        err = drv->rw(block, true, req->offset, sg, req->bytes, req->flags);
        break;
    case VEMU_BLOCK_WRITE_ZEROES:
        err = drv->zero(block, req->offset, req->bytes, req->flags);
        break;
    case VEMU_BLOCK_DISCARD:
        return drv->discard(block, req->offset, req->bytes);
    case VEMU_BLOCK_FLUSH:
        return drv->flush(block);
    }
    if (!err && (block->writethrough || (req->flags & VEMU_BLOCK_FUA)))
        err = drv->flush(block);
    return err;
}

static void run_request(struct vemu_block_job *job)
{
    job->result = perform(job->block, block_job_request(job));
}

static void count(struct vemu_block_stats *s, const struct vemu_block_request *req, bool failed)
{
    switch (req->op) {
    case VEMU_BLOCK_READ:
        s->rd_operations += !failed;
        s->rd_bytes += failed ? 0 : req->bytes;
        s->failed_rd_operations += failed;
        break;
    case VEMU_BLOCK_WRITE:
    case VEMU_BLOCK_WRITE_ZEROES:
        s->wr_operations += !failed;
        s->wr_bytes += failed ? 0 : req->bytes;
        s->failed_wr_operations += failed;
        if (!failed)
            s->wr_highest_offset = MAX(s->wr_highest_offset, req->offset + req->bytes);
        break;
    case VEMU_BLOCK_DISCARD:
        s->unmap_operations += !failed;
        s->unmap_bytes += failed ? 0 : req->bytes;
        s->failed_unmap_operations += failed;
        break;
    case VEMU_BLOCK_FLUSH:
        s->flush_operations += !failed;
        s->failed_flush_operations += failed;
        break;
    }
}

const struct vemu_block_stats *vemu_block_stats(const struct vemu_block *block)
{
    return &block->stats;
}

void block_request_complete(struct vemu_block_job *job)
{
    struct vemu_block_request *req = block_job_request(job);

    count(&job->block->stats, req, job->result != 0);
    job->state = REQUEST_DONE;
    job->block->in_flight--;
    block_context_pending(job->block->ctx, -1);
    req->error = job->result;
    req->done(req);
}

void block_request_queue(struct vemu_block_request *req)
{
    req->job.run = run_request;
    req->job.complete = block_request_complete;
    req->job.state = REQUEST_QUEUED;
    block_job_queue(req->job.block->ctx, &req->job);
}

void block_request_finish(struct vemu_block_request *req, int error)
{
    req->job.result = error;
    req->job.complete = block_request_complete;
    block_job_finish(req->job.block->ctx, &req->job);
}

/* What is wrong with a request, before any driver sees it. */
static int refuse(const struct vemu_block *block, const struct vemu_block_request *req)
{
    if (req->op == VEMU_BLOCK_FLUSH)
        return 0;
    if (changes(req) && block->read_only)
        return EROFS;
    if (!range_fits(req->offset, req->bytes, block->size))
        return EINVAL;
    if (req->op <= VEMU_BLOCK_WRITE && req->bytes) {
        struct sg sg = {req->iov, req->iov_count, 0};
        if (sg_bytes(sg, req->bytes) < req->bytes)
            return EINVAL;
    }
    return 0;
}

void vemu_block_submit(struct vemu_block *block, struct vemu_block_request *req)
{
    int err = refuse(block, req);

    memset(&req->job, 0, sizeof req->job);
    req->job.block = block;
    req->job.state = REQUEST_STARTED;
    block->in_flight++;
    block_context_pending(block->ctx, 1);
    if (err || (!req->bytes && req->op != VEMU_BLOCK_FLUSH))
        block_request_finish(req, err);
    else if (!block->driver->submit || !block->driver->submit(block, req))
        block_request_queue(req);
}

bool vemu_block_cancel(struct vemu_block_request *req)
{
    struct vemu_block_context *ctx;

    if (req->job.state != REQUEST_QUEUED)
        return false;
    ctx = req->job.block->ctx;
    if (!block_job_cancel(ctx, &req->job))
        return false;
    block_request_finish(req, ECANCELED);
    return true;
}

void vemu_block_drain(struct vemu_block *block)
{
    while (block->in_flight)
        vemu_block_context_wait(block->ctx);
}

/* ---- submit and wait ------------------------------------------------------------------------- */

static void note_done(struct vemu_block_request *req)
{
    *(bool *)req->opaque = true;
}

static bool wait_for(struct vemu_block *block, struct vemu_block_request *req, const char *what,
                     struct vemu_error **errp)
{
    bool done = false;

    req->done = note_done;
    req->opaque = &done;
    vemu_block_submit(block, req);
    while (!done)
        vemu_block_context_wait(block->ctx);
    if (!req->error)
        return true;
    if (req->op == VEMU_BLOCK_FLUSH)
        return error_set_errno(errp, req->error, "'%s': cannot be flushed", block->filename);
    return error_set_errno(errp, req->error, "'%s': cannot %s %llu bytes at offset %llu",
                           block->filename, what, (unsigned long long)req->bytes,
                           (unsigned long long)req->offset);
}

bool vemu_block_read(struct vemu_block *block, uint64_t offset, void *buf, size_t bytes,
                     struct vemu_error **errp)
{
    struct iovec v = {buf, bytes};
    struct vemu_block_request req = {
        .op = VEMU_BLOCK_READ, .offset = offset, .bytes = bytes, .iov = &v, .iov_count = 1};

    return wait_for(block, &req, "read", errp);
}

bool vemu_block_write(struct vemu_block *block, uint64_t offset, const void *buf, size_t bytes,
                      unsigned flags, struct vemu_error **errp)
{
    struct iovec v = {(void *)buf, bytes};
    struct vemu_block_request req = {.op = VEMU_BLOCK_WRITE,
                                     .flags = flags,
                                     .offset = offset,
                                     .bytes = bytes,
                                     .iov = &v,
                                     .iov_count = 1};

    return wait_for(block, &req, "write", errp);
}

bool vemu_block_write_zeroes(struct vemu_block *block, uint64_t offset, uint64_t bytes,
                             unsigned flags, struct vemu_error **errp)
{
    struct vemu_block_request req = {
        .op = VEMU_BLOCK_WRITE_ZEROES, .flags = flags, .offset = offset, .bytes = bytes};

    return wait_for(block, &req, "write zeros to", errp);
}

bool vemu_block_discard(struct vemu_block *block, uint64_t offset, uint64_t bytes,
                        struct vemu_error **errp)
{
    struct vemu_block_request req = {.op = VEMU_BLOCK_DISCARD, .offset = offset, .bytes = bytes};

    return wait_for(block, &req, "discard", errp);
}

bool vemu_block_flush(struct vemu_block *block, struct vemu_error **errp)
{
    struct vemu_block_request req = {.op = VEMU_BLOCK_FLUSH};

    return wait_for(block, &req, "flush", errp);
}
