/* The raw format: the file's bytes are the disk's, rounded up to whole sectors of 512 bytes. */
#include <errno.h>
#include <string.h>
#include "core/block/block.h"
#include "core/util/opts.h"
#include "core/util/range.h"

enum { SECTOR = 512 };

static bool raw_open(struct vemu_block *block, const struct vemu_block_options *options,
                     struct vemu_error **errp)
{
    uint64_t length;
    int err = block_file_length(block->file, &length);

    if (err)
        return error_set_errno(errp, err, "cannot tell the size of '%s'", block->filename);
    if (options->snapshot)
        return error_set(errp, VEMU_ERROR_UNSUPPORTED,
                         "'%s' is raw, which has no internal snapshots such as '%s'",
                         block->filename, options->snapshot);
    block->size = align_up(length, SECTOR);
    return true;
}

/* A short or failed transfer is done again by a worker, from the start: it gets to know why. */
static void transfer_done(struct vemu_block_job *job)
{
    struct vemu_block_request *req = block_job_request(job);
    uint64_t expected = req->op == VEMU_BLOCK_FLUSH ? 0 : req->bytes;

    if (job->result < 0 || (uint64_t)job->result != expected) {
        block_request_queue(req);
        return;
    }
    job->result = 0;
    block_request_complete(job);
}

static bool raw_submit(struct vemu_block *block, struct vemu_block_request *req)
{
    if (req->op == VEMU_BLOCK_FLUSH)
        return block_file_sync(block->file, req, transfer_done);
    return req->op <= VEMU_BLOCK_WRITE && !(req->flags & VEMU_BLOCK_COMPRESSED) &&
           block_file_transfer(block->file, req, req->offset, transfer_done);
}

static int raw_rw(struct vemu_block *block, bool write, uint64_t offset, struct sg sg,
                  uint64_t bytes, unsigned flags)
{
    if (flags & VEMU_BLOCK_COMPRESSED)
        return ENOTSUP;
    return block_rw(block->file, write, offset, sg, bytes, flags);
}

static int raw_zero(struct vemu_block *block, uint64_t offset, uint64_t bytes, unsigned flags)
{
    return block->file->driver->zero(block->file, offset, bytes, flags);
}

static int raw_discard(struct vemu_block *block, uint64_t offset, uint64_t bytes)
{
    return block->file->driver->discard(block->file, offset, bytes);
}

static int raw_flush(struct vemu_block *block)
{
    return block->file->driver->flush(block->file);
}

static int raw_status(struct vemu_block *block, uint64_t offset, uint64_t bytes,
                      struct vemu_block_status *st)
{
    return block->file->driver->status(block->file, offset, bytes, st);
}

static bool raw_resize(struct vemu_block *block, uint64_t size, enum vemu_block_prealloc prealloc,
                       struct vemu_error **errp)
{
    int err = 0;

    if (prealloc == VEMU_BLOCK_PREALLOC_METADATA)
        return error_set(errp, VEMU_ERROR_INVALID,
                         "preallocation=metadata is not for raw, which has none: use off, falloc "
                         "or full");
    size = align_up(size, SECTOR);
    if (prealloc && size > block->size)
        err = block_file_preallocate(block->file, block->size, size - block->size, prealloc);
    if (!err)
        err = block_file_truncate(block->file, size);
    if (err)
        return error_set_errno(errp, err, "cannot resize '%s' to %llu bytes", block->filename,
                               (unsigned long long)size);
    block->size = size;
    return true;
}

static bool raw_create(struct vemu_block_context *ctx, const char *filename,
                       const struct vemu_block_create_options *o, struct opts *opts,
                       struct vemu_error **errp)
{
    const struct block_file_options fo = {.writable = true, .create = true, .resizes = true};
    enum vemu_block_prealloc prealloc = VEMU_BLOCK_PREALLOC_OFF;
    const char *text = opts_get(opts, "preallocation");
    struct vemu_block block = {0};
    bool ok;

    if (text &&
        (!vemu_block_prealloc_parse(text, &prealloc) || prealloc == VEMU_BLOCK_PREALLOC_METADATA))
        return error_set(errp, VEMU_ERROR_INVALID,
                         "preallocation=%s: raw images take off, falloc or full", text);
    if (o->backing_filename)
        return error_set(errp, VEMU_ERROR_UNSUPPORTED,
                         "raw images have no backing file such as '%s'; qcow2 images do",
                         o->backing_filename);
    if (!opts_check_used(opts, "-o", "preallocation or size for raw images", errp))
        return false;
    block.file = block_file_open(ctx, filename, &fo, errp);
    if (!block.file)
        return false;
    block.filename = block.file->filename;
    ok = raw_resize(&block, o->virtual_size, prealloc, errp);
    block_free(block.file);
    return ok;
}

const struct block_driver block_raw = {
    .name = "raw",
    .open = raw_open,
    .submit = raw_submit,
    .rw = raw_rw,
    .zero = raw_zero,
    .discard = raw_discard,
    .flush = raw_flush,
    .status = raw_status,
    .resize = raw_resize,
    .create = raw_create,
    .create_help = "size=SIZE: of the disk (also behind the file name)\n"
                   "preallocation=off, falloc or full: whether the file takes up its space at once",
};
