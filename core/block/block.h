/*
 * Between the request engine, the drivers of the block graph (one directory entry each) and the
 * calls of vemu/block.h. Private to core/block.
 *
 * A node is a `struct vemu_block`: a protocol node (driver `file`) holds a descriptor, a format
 * node (raw, qcow2) has one as its `file` and may have a `backing` node. Format drivers are written
 * as ordinary blocking code that runs on the context's workers. `submit` is each driver's short
 * cut: it is called on the caller's thread, never waits, and takes requests that lead to one
 * transfer of a protocol node, or to none.
 *
 * Functions return 0 or an errno value unless they say otherwise. Threads: `rw`, `zero`, `discard`,
 * `flush` and `status` are called by any number of workers at a time, the rest on the owner's
 * thread with no request under way.
 */
#ifndef CORE_BLOCK_BLOCK_H
#define CORE_BLOCK_BLOCK_H

#include <vemu/block.h>
#include "core/block/sg.h"
#include "core/util/error.h"

struct opts;

/* Chains longer than this are refused: nobody has them, and each image costs a level of calls. */
enum { BLOCK_MAX_CHAIN = 64 };

struct block_driver {
    const char *name;
    /* Does a file that starts like this look like the format? */
    bool (*probe)(const uint8_t *head, size_t len);
    bool (*open)(struct vemu_block *block, const struct vemu_block_options *options,
                 struct vemu_error **errp);
    bool (*close)(struct vemu_block *block, struct vemu_error **errp);
    bool (*submit)(struct vemu_block *block, struct vemu_block_request *req);
    int (*rw)(struct vemu_block *block, bool write, uint64_t offset, struct sg sg, uint64_t bytes,
              unsigned flags);
    int (*zero)(struct vemu_block *block, uint64_t offset, uint64_t bytes, unsigned flags);
    int (*discard)(struct vemu_block *block, uint64_t offset, uint64_t bytes);
    int (*flush)(struct vemu_block *block);
    /* This node alone; VEMU_BLOCK_PRESENT clear: ask the backing file. */
    int (*status)(struct vemu_block *block, uint64_t offset, uint64_t bytes,
                  struct vemu_block_status *status);
    void (*info)(struct vemu_block *block, struct vemu_block_info *info);
    bool (*resize)(struct vemu_block *block, uint64_t size, enum vemu_block_prealloc prealloc,
                   struct vemu_error **errp);
    bool (*snapshot_create)(struct vemu_block *block, const char *name, struct vemu_error **errp);
    bool (*snapshot_apply)(struct vemu_block *block, const char *key, struct vemu_error **errp);
    bool (*snapshot_delete)(struct vemu_block *block, const char *key, struct vemu_error **errp);
    bool (*set_backing)(struct vemu_block *block, const char *filename, const char *format,
                        struct vemu_error **errp);
    bool (*make_empty)(struct vemu_block *block, struct vemu_error **errp);
    bool (*check)(struct vemu_block *block, enum vemu_block_repair repair,
                  struct vemu_block_check *check, struct vemu_error **errp);
    bool (*create)(struct vemu_block_context *ctx, const char *filename,
                   const struct vemu_block_create_options *options, struct opts *opts,
                   struct vemu_error **errp);
    const char *create_help;
};

struct vemu_block {
    const struct block_driver *driver;
    struct vemu_block_context *ctx;
    char *filename;
    uint64_t size;
    bool read_only;
    bool writethrough;  /* every write is followed by a flush */
    unsigned in_flight; /* requests; owner's thread */
    struct vemu_block_stats stats;
    struct vemu_block *file, *backing;
    /* What the image says of its backing file; set by the driver's open. */
    char *backing_name, *backing_format;
    char *full_backing_name; /* as opened, or NULL */
    void *state;
};

extern const struct block_driver block_file, block_raw, block_qcow2;

/* ---- requests (request.c, context.c) --------------------------------------------------------- */

/* The request behind a job. */
struct vemu_block_request *block_job_request(struct vemu_block_job *job);
/* Hands a request to a worker, which does it by the driver's blocking functions. */
void block_request_queue(struct vemu_block_request *req);
/* For `submit`: the request is done. */
void block_request_finish(struct vemu_block_request *req, int error);
/* For a `complete` of the driver's own: ends the request with job.result. */
void block_request_complete(struct vemu_block_job *job);

/* A job of any kind: `run` on a worker, then `complete` where completions are delivered. */
void block_job_queue(struct vemu_block_context *ctx, struct vemu_block_job *job);
/* `complete` alone. Any thread. */
void block_job_finish(struct vemu_block_context *ctx, struct vemu_block_job *job);
bool block_job_cancel(struct vemu_block_context *ctx, struct vemu_block_job *job);
/* Counts what will complete, for vemu_block_context_wait. Owner's thread. */
void block_context_pending(struct vemu_block_context *ctx, int more);
/* Starts a transfer by io_uring: job.result is what the system call would return, negative errno
 * included. False: not now, or there is no ring. */
bool block_context_transfer(struct vemu_block_context *ctx, struct vemu_block_job *job, bool write,
                            int fd, const struct iovec *iov, unsigned count, uint64_t offset,
                            bool fua);
bool block_context_fsync(struct vemu_block_context *ctx, struct vemu_block_job *job, int fd);
struct codec *block_context_codec(struct vemu_block_context *ctx);

/* Makes `below`, opened by itself, the backing file of an image that was opened without one. */
bool block_adopt_backing(struct vemu_block *block, struct vemu_block *below,
                         struct vemu_error **errp);

struct loop;
/* Has a main loop dispatch the context; its machine lock is then the context's. */
bool block_context_attach(struct vemu_block_context *ctx, struct loop *loop,
                          struct vemu_error **errp);
void block_context_detach(struct vemu_block_context *ctx, struct loop *loop);

/* ---- one node (node.c) ----------------------------------------------------------------------- */

int block_rw(struct vemu_block *block, bool write, uint64_t offset, struct sg sg, uint64_t bytes,
             unsigned flags);
int block_pread(struct vemu_block *block, uint64_t offset, void *buf, size_t bytes);
int block_pwrite(struct vemu_block *block, uint64_t offset, const void *buf, size_t bytes);
/* Reads a backing node, zeros beyond its end. */
int block_read_backing(struct vemu_block *backing, uint64_t offset, struct sg sg, uint64_t bytes);
bool block_error(struct vemu_error **errp, const struct vemu_block *block, int err,
                 const char *what);

/* ---- the protocol node (file.c) -------------------------------------------------------------- */

struct block_file_options {
    bool writable, create; /* create: make or empty it; then writable */
    bool resizes;          /* will change its length, as an image format does */
    bool force_share;
    enum vemu_block_cache cache;
};
struct vemu_block *block_file_open(struct vemu_block_context *ctx, const char *filename,
                                   const struct block_file_options *options,
                                   struct vemu_error **errp);
/* Closes a protocol node, or a format node that could not be opened in full. */
void block_free(struct vemu_block *block);
bool block_file_same(const struct vemu_block *a, const struct vemu_block *b);
int block_file_length(struct vemu_block *file, uint64_t *length);
uint64_t block_file_allocated(struct vemu_block *file);
int block_file_truncate(struct vemu_block *file, uint64_t length);
/* Makes [offset, offset + bytes) take up space: falloc or full. May lengthen the file. */
int block_file_preallocate(struct vemu_block *file, uint64_t offset, uint64_t bytes,
                           enum vemu_block_prealloc how);
/* Takes req as one transfer at host_offset; complete: what ends it (job.result as from a system
 * call). */
bool block_file_transfer(struct vemu_block *file, struct vemu_block_request *req,
                         uint64_t host_offset, void (*complete)(struct vemu_block_job *job));
/* Takes req as one flush of the file. */
bool block_file_sync(struct vemu_block *file, struct vemu_block_request *req,
                     void (*complete)(struct vemu_block_job *job));

#endif
