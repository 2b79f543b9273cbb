/*
 * The protocol node for files and host block devices.
 *
 * With O_DIRECT, what is not aligned as the host wants it goes through a buffer; writes of parts of
 * a block are read, changed and written under a lock, so that two of them in one block do not lose
 * each other's bytes.
 *
 * Reading beyond the end gives zeros: a format's last cluster need not be there in full.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>
#include "core/block/block.h"
#include "core/block/lock.h"
#include "core/util/range.h"

enum { FILE_VECTORS = 64, BOUNCE_BYTES = 1 << 20 };

struct file {
    int fd;
    bool device, direct, no_flush;
    uint32_t align; /* what offsets, lengths and addresses must be multiples of; 1: nothing */
    pthread_mutex_t bounce_lock;
};

static bool file_open(struct file *f, const char *filename, const struct block_file_options *o,
                      struct vemu_error **errp)
{
    int flags = O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
    struct stat st;

    f->direct = o->cache == VEMU_BLOCK_NONE || o->cache == VEMU_BLOCK_DIRECTSYNC;
    f->no_flush = o->cache == VEMU_BLOCK_UNSAFE;
    flags |= o->writable ? O_RDWR : O_RDONLY;
    flags |= f->direct ? O_DIRECT : 0;
    f->fd = open(filename, flags | (o->create ? O_CREAT : 0), 0644);
    if (f->fd < 0 && errno == EINVAL && f->direct)
        return error_set(errp, VEMU_ERROR_UNSUPPORTED,
                         "'%s': its file system has no O_DIRECT; use the cache mode writeback or "
                         "writethrough",
                         filename);
    if (f->fd < 0)
        return error_set_errno(errp, errno, "cannot open '%s'%s", filename,
                               o->writable ? " for writing" : "");
    if (fstat(f->fd, &st) != 0)
        return error_set_errno(errp, errno, "cannot look at '%s'", filename);
    if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))
        return error_set(errp, VEMU_ERROR_INVALID,
                         "'%s' is %s; an image is a regular file or a block device", filename,
                         S_ISDIR(st.st_mode) ? "a directory" : "neither file nor block device");
    f->device = S_ISBLK(st.st_mode);
    return true;
}

/* What O_DIRECT wants: the smallest alignment that a read gets through with. */
static uint32_t find_alignment(const struct file *f)
{
    uint32_t align = 4096, try = 512;
    int sector = 0;
    void *buf;

    if (!f->direct)
        return 1;
    if (f->device && ioctl(f->fd, BLKSSZGET, &sector) == 0 && sector >= 512 && sector <= 65536)
        return (uint32_t)sector;
    if (posix_memalign(&buf, 65536, 65536 + 4096) != 0)
        return align;
    for (; try < align; try *= 2) {
        if (pread(f->fd, (uint8_t *)buf + try, try, try) >= 0)
            break;
    }
    free(buf);
    return try;
}

static bool lock_file(struct file *f, const char *filename, const struct block_file_options *o,
                      struct vemu_error **errp)
{
    unsigned held = IMAGE_PERM_READ, refused = IMAGE_PERM_WRITE | IMAGE_PERM_RESIZE;

    if (o->writable)
        held |= IMAGE_PERM_WRITE | (o->resizes ? IMAGE_PERM_RESIZE : 0u);
    if (o->force_share && !o->writable)
        held = refused = 0;
    return image_lock(f->fd, filename, held, refused, errp);
}

struct vemu_block *block_file_open(struct vemu_block_context *ctx, const char *filename,
                                   const struct block_file_options *o, struct vemu_error **errp)
{
    struct vemu_block *block = calloc(1, sizeof *block);
    struct file *f = calloc(1, sizeof *f);

    if (!block || !f || !(block->filename = strdup(filename))) {
        free(block);
        free(f);
        error_set(errp, VEMU_ERROR_NO_MEMORY, "out of memory");
        return NULL;
    }
    f->fd = -1;
    pthread_mutex_init(&f->bounce_lock, NULL);
    block->driver = &block_file;
    block->ctx = ctx;
    block->state = f;
    block->read_only = !o->writable;
    if (!file_open(f, filename, o, errp) || !lock_file(f, filename, o, errp))
        goto fail;
    /* Emptied only now: it may have been somebody's. */
    if (o->create && !f->device && ftruncate(f->fd, 0) != 0) {
        error_set_errno(errp, errno, "cannot empty '%s'", filename);
        goto fail;
    }
    f->align = find_alignment(f);
    return block;
fail:
    block_free(block);
    return NULL;
}

static bool file_close(struct vemu_block *block, struct vemu_error **errp)
{
    struct file *f = block->state;
    bool ok = true;

    if (f->fd >= 0 && close(f->fd) != 0 && errno != EINTR)
        ok = error_set_errno(errp, errno, "'%s': closing it failed", block->filename);
    pthread_mutex_destroy(&f->bounce_lock);
    free(f);
    return ok;
}

bool block_file_same(const struct vemu_block *a, const struct vemu_block *b)
{
    struct stat sa, sb;

    return fstat(((struct file *)a->state)->fd, &sa) == 0 &&
           fstat(((struct file *)b->state)->fd, &sb) == 0 && sa.st_dev == sb.st_dev &&
           sa.st_ino == sb.st_ino;
}

int block_file_length(struct vemu_block *block, uint64_t *length)
{
    struct file *f = block->state;
    struct stat st;

    if (f->device)
        return ioctl(f->fd, BLKGETSIZE64, length) == 0 ? 0 : errno;
    if (fstat(f->fd, &st) != 0)
        return errno;
    *length = (uint64_t)st.st_size;
    return 0;
}

uint64_t block_file_allocated(struct vemu_block *block)
{
    struct stat st;

    return fstat(((struct file *)block->state)->fd, &st) == 0 ? (uint64_t)st.st_blocks * 512 : 0;
}

/* ---- transfers ------------------------------------------------------------------------------- */

/* Everything of one transfer that needs no buffer. A short read at the end leaves zeros. */
static int transfer(struct file *f, bool write, uint64_t offset, struct sg sg, uint64_t bytes,
                    unsigned flags)
{
    while (bytes) {
        struct iovec v[FILE_VECTORS];
        uint64_t piece;
        int count = (int)sg_vectors(sg, MIN(bytes, 1u << 30), v, FILE_VECTORS, &piece);
        ssize_t n;
        if (!count || offset > INT64_MAX - piece)
            return EINVAL;
        if (write)
            n = pwritev2(f->fd, v, count, (off_t)offset, flags & VEMU_BLOCK_FUA ? RWF_DSYNC : 0);
        else
            n = preadv(f->fd, v, count, (off_t)offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno;
        if (n == 0 && write)
            return EIO;
        if (n == 0) {
            sg_zero(sg, bytes);
            return 0;
        }
        sg_advance(&sg, (uint64_t)n);
        offset += (uint64_t)n;
        bytes -= (uint64_t)n;
    }
    return 0;
}

static bool aligned(const struct file *f, uint64_t offset, struct sg sg, uint64_t bytes)
{
    uint64_t bits = offset | bytes;

    if (f->align == 1)
        return true;
    while (bytes) {
        struct iovec v;
        uint64_t piece;
        if (!sg_vectors(sg, bytes, &v, 1, &piece))
            return false;
        bits |= (uintptr_t)v.iov_base | v.iov_len;
        sg_advance(&sg, piece);
        bytes -= piece;
    }
    return (bits & (f->align - 1)) == 0;
}

/* One piece through `buf`: whole blocks around it. Writing, what of them is not ours is read first;
 * the file does not get longer than the piece needs. */
static int bounce_piece(struct file *f, bool write, uint64_t offset, struct sg sg, uint64_t bytes,
                        uint8_t *buf, unsigned flags)
{
    uint64_t start = align_down(offset, f->align), end = align_up(offset + bytes, f->align);
    struct iovec v;
    struct sg whole = sg_of(&v, buf, end - start);
    struct stat st;
    int err = 0;

    if (!write || start < offset || end > offset + bytes)
        err = transfer(f, false, start, whole, end - start, 0);
    if (err || !write) {
        if (!err)
            sg_write(sg, buf + (offset - start), bytes);
        return err;
    }
    if (fstat(f->fd, &st) != 0)
        return errno;
    sg_read(sg, buf + (offset - start), bytes);
    err = transfer(f, true, start, whole, end - start, flags);
    uint64_t length = MAX((uint64_t)st.st_size, offset + bytes);
    if (!err && !f->device && end > length && ftruncate(f->fd, (off_t)length) != 0)
        err = errno;
    return err;
}

static int bounce(struct file *f, bool write, uint64_t offset, struct sg sg, uint64_t bytes,
                  unsigned flags)
{
    size_t room = BOUNCE_BYTES;
    void *buf;
    int err = 0;

    if (offset > INT64_MAX - bytes - f->align)
        return EINVAL;
    if (posix_memalign(&buf, MAX(f->align, 4096u), room + 2 * f->align) != 0)
        return ENOMEM;
    if (write)
        pthread_mutex_lock(&f->bounce_lock);
    while (bytes && !err) {
        uint64_t piece = MIN(bytes, room);
        err = bounce_piece(f, write, offset, sg, piece, buf, flags);
        sg_advance(&sg, piece);
        offset += piece;
        bytes -= piece;
    }
    if (write)
        pthread_mutex_unlock(&f->bounce_lock);
    free(buf);
    return err;
}

static int file_rw(struct vemu_block *block, bool write, uint64_t offset, struct sg sg,
                   uint64_t bytes, unsigned flags)
{
    struct file *f = block->state;

    if (!aligned(f, offset, sg, bytes))
        return bounce(f, write, offset, sg, bytes, flags);
    return transfer(f, write, offset, sg, bytes, flags);
}

bool block_file_transfer(struct vemu_block *block, struct vemu_block_request *req,
                         uint64_t host_offset, void (*complete)(struct vemu_block_job *job))
{
    struct file *f = block->state;
    struct sg sg = {req->iov, req->iov_count, 0};
    bool fua = req->job.block->writethrough || (req->flags & VEMU_BLOCK_FUA);

    if (req->iov_count > IOV_MAX || host_offset > INT64_MAX - req->bytes || req->bytes > 1u << 30 ||
        !aligned(f, host_offset, sg, req->bytes))
        return false;
    req->job.complete = complete;
    return block_context_transfer(block->ctx, &req->job, req->op == VEMU_BLOCK_WRITE, f->fd,
                                  req->iov, req->iov_count, host_offset, fua);
}

bool block_file_sync(struct vemu_block *block, struct vemu_block_request *req,
                     void (*complete)(struct vemu_block_job *job))
{
    struct file *f = block->state;

    if (f->no_flush || block->read_only) {
        block_request_finish(req, 0);
        return true;
    }
    req->job.complete = complete;
    return block_context_fsync(block->ctx, &req->job, f->fd);
}

/* ---- zeros, space ---------------------------------------------------------------------------- */

static int fallocate_retry(int fd, int mode, uint64_t offset, uint64_t bytes)
{
    int n;

    do
        n = fallocate(fd, mode, (off_t)offset, (off_t)bytes);
    while (n != 0 && errno == EINTR);
    return n == 0 ? 0 : errno;
}

static bool not_supported(int err)
{
    return err == EOPNOTSUPP || err == ENOSYS || err == EINVAL || err == ENODEV || err == ENOTTY;
}

static int write_zeros(struct vemu_block *block, uint64_t offset, uint64_t bytes)
{
    uint8_t *zeros = calloc(1, BOUNCE_BYTES);
    int err = zeros ? 0 : ENOMEM;

    while (bytes && !err) {
        uint64_t piece = MIN(bytes, BOUNCE_BYTES);
        err = block_pwrite(block, offset, zeros, piece);
        offset += piece;
        bytes -= piece;
    }
    free(zeros);
    return err;
}

static int file_zero(struct vemu_block *block, uint64_t offset, uint64_t bytes, unsigned flags)
{
    struct file *f = block->state;
    uint64_t length;
    int err = block_file_length(block, &length);

    /* What lies beyond the end reads as zeros already. */
    if (err || offset >= length)
        return err;
    bytes = MIN(bytes, length - offset);
    err = EOPNOTSUPP;
    if (flags & VEMU_BLOCK_MAY_UNMAP)
        err = fallocate_retry(f->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, bytes);
    if (not_supported(err))
        err = fallocate_retry(f->fd, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE, offset, bytes);
    if (not_supported(err))
        err = write_zeros(block, offset, bytes);
    return err;
}

static int file_discard(struct vemu_block *block, uint64_t offset, uint64_t bytes)
{
    struct file *f = block->state;
    uint64_t length, range[2] = {offset, bytes};
    int err = block_file_length(block, &length);

    if (err || offset >= length)
        return err;
    bytes = MIN(bytes, length - offset);
    range[1] = bytes;
    if (f->device)
        err = ioctl(f->fd, BLKDISCARD, range) == 0 ? 0 : errno;
    else
        err = fallocate_retry(f->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, bytes);
    return not_supported(err) ? 0 : err; /* a hint */
}

static int file_flush(struct vemu_block *block)
{
    struct file *f = block->state;

    if (f->no_flush || block->read_only)
        return 0;
    return fdatasync(f->fd) == 0 ? 0 : errno;
}

int block_file_truncate(struct vemu_block *block, uint64_t length)
{
    struct file *f = block->state;

    if (f->device) {
        uint64_t has;
        int err = block_file_length(block, &has);
        return err ? err : length <= has ? 0 : ENOSPC;
    }
    if (length > INT64_MAX)
        return EFBIG;
    return ftruncate(f->fd, (off_t)length) == 0 ? 0 : errno;
}

int block_file_preallocate(struct vemu_block *block, uint64_t offset, uint64_t bytes,
                           enum vemu_block_prealloc how)
{
    struct file *f = block->state;

    if (!bytes || f->device)
        return 0;
    if (how == VEMU_BLOCK_PREALLOC_FULL)
        return write_zeros(block, offset, bytes);
    int err = fallocate_retry(f->fd, 0, offset, bytes);
    return err == EOPNOTSUPP ? posix_fallocate(f->fd, (off_t)offset, (off_t)bytes) : err;
}

static int file_status(struct vemu_block *block, uint64_t offset, uint64_t bytes,
                       struct vemu_block_status *st)
{
    struct file *f = block->state;
    off_t data, hole;

    st->flags = VEMU_BLOCK_DATA | VEMU_BLOCK_OFFSET | VEMU_BLOCK_PRESENT;
    st->host_offset = offset;
    st->bytes = bytes;
    if (f->device || offset > INT64_MAX)
        return 0;
    data = lseek(f->fd, (off_t)offset, SEEK_DATA);
    if (data < 0 && errno != ENXIO)
        return 0; /* cannot tell */
    if (data < 0 || (uint64_t)data > offset) {
        st->flags = VEMU_BLOCK_ZERO | VEMU_BLOCK_OFFSET | VEMU_BLOCK_PRESENT;
        if (data >= 0)
            st->bytes = MIN(bytes, (uint64_t)data - offset);
        return 0;
    }
    hole = lseek(f->fd, (off_t)offset, SEEK_HOLE);
    if (hole > (off_t)offset)
        st->bytes = MIN(bytes, (uint64_t)hole - offset);
    return 0;
}

const struct block_driver block_file = {
    .name = "file",
    .close = file_close,
    .rw = file_rw,
    .zero = file_zero,
    .discard = file_discard,
    .flush = file_flush,
    .status = file_status,
};
