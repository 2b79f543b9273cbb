/*
 * Reading and writing the disk of a qcow2 image: the short cut for what is one transfer, and the
 * blocking way for everything. See qcow2.h.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "core/block/qcow2.h"
#include "core/util/endian.h"
#include "core/util/range.h"

/* How much one step of a write may allocate, so that others get their turn. */
#define STEP_BYTES (UINT64_C(8) << 20)
/* Flush by ourselves when so many dropped clusters wait for it. */
enum { DROPS_BEFORE_FLUSH = 1 << 16 };

static bool reads_zero(const struct qcow2 *s, const struct mapping *m)
{
    return m->type == MAP_ZERO || m->type == MAP_ZERO_ALLOCATED ||
           (m->type == MAP_UNALLOCATED && !s->block->backing);
}

static unsigned begin_transfer(struct qcow2 *s)
{
    s->transfers[s->epoch]++;
    return s->epoch;
}

static void end_transfer(struct qcow2 *s, unsigned epoch)
{
    pthread_mutex_lock(&s->lock);
    s->transfers[epoch]--;
    pthread_mutex_unlock(&s->lock);
}

/* ---- the short cut --------------------------------------------------------------------------- */

static void transfer_done(struct vemu_block_job *job)
{
    struct vemu_block_request *req = block_job_request(job);
    struct qcow2 *s = qcow2_of(job->block);

    end_transfer(s, job->epoch);
    /* Cut off by the end of the file, or failed: again from the start, the long way. */
    if (job->result < 0 || (uint64_t)job->result != req->bytes) {
        block_request_queue(req);
        return;
    }
    job->result = 0;
    block_request_complete(job);
}

/* Lock held. */
static bool submit_locked(struct qcow2 *s, struct vemu_block_request *req)
{
    bool write = req->op == VEMU_BLOCK_WRITE;
    struct mapping m;

    if (s->broken || !qcow2_map_cached(s, req->offset, req->bytes, &m) || m.bytes < req->bytes)
        return false;
    if (!write && reads_zero(s, &m)) {
        sg_zero((struct sg){req->iov, req->iov_count, 0}, req->bytes);
        block_request_finish(req, 0);
        return true;
    }
    if (m.type != MAP_NORMAL ||
        (write && (!m.copied || qcow2_hits_metadata(s, m.host, req->bytes))))
        return false;
    req->job.epoch = (unsigned char)s->epoch;
    if (!block_file_transfer(s->block->file, req, m.host, transfer_done))
        return false;
    begin_transfer(s);
    return true;
}

static void sync_done(struct vemu_block_job *job)
{
    /* A failure is asked for again by a worker, which gets to know why. */
    if (job->result < 0)
        block_request_queue(block_job_request(job));
    else
        block_request_complete(job);
}

/* A flush when all metadata has been written: the file's alone. */
static bool submit_flush(struct qcow2 *s, struct vemu_block_request *req)
{
    bool clean, taken = false;

    if (pthread_mutex_trylock(&s->lock) != 0)
        return false;
    clean = !s->l2_tables.dirty && !s->l1_dirty_to && !s->fresh.count && !s->aging.count &&
            (s->lazy || (!s->refblocks.dirty && !s->reftable_dirty_to));
    if (clean && !s->broken)
        taken = block_file_sync(s->block->file, req, sync_done);
    pthread_mutex_unlock(&s->lock);
    return taken;
}

bool qcow2_submit(struct vemu_block *block, struct vemu_block_request *req)
{
    struct qcow2 *s = qcow2_of(block);
    bool taken;

    if (req->op == VEMU_BLOCK_FLUSH)
        return submit_flush(s, req);
    if (req->op > VEMU_BLOCK_WRITE || (req->flags & (VEMU_BLOCK_COMPRESSED | VEMU_BLOCK_FUA)) ||
        (req->op == VEMU_BLOCK_WRITE && block->writethrough))
        return false;
    /* A worker may hold the lock over a transfer of metadata: then this one waits as well. */
    if (pthread_mutex_trylock(&s->lock) != 0)
        return false;
    taken = submit_locked(s, req);
    pthread_mutex_unlock(&s->lock);
    return taken;
}

/* ---- reading --------------------------------------------------------------------------------- */

static int read_compressed(struct qcow2 *s, uint64_t entry, uint64_t in_cluster, struct sg sg,
                           uint64_t bytes)
{
    struct codec *codec = block_context_codec(s->block->ctx);
    uint64_t offset, length;
    uint8_t *in, *out;
    int err;

    qcow2_compressed_extent(s, entry, &offset, &length);
    in = malloc(length);
    out = malloc(s->cluster_size);
    err = in && out ? block_pread(s->block->file, offset, in, length) : ENOMEM;
    if (!err)
        err = codec_decompress(codec, s->codec, in, length, out, s->cluster_size);
    if (!err)
        sg_write(sg, out + in_cluster, bytes);
    free(in);
    free(out);
    return err;
}

static int read_range(struct qcow2 *s, uint64_t offset, struct sg sg, uint64_t bytes)
{
    int err = 0;

    while (bytes && !err) {
        struct mapping m;
        unsigned epoch;
        pthread_mutex_lock(&s->lock);
        err = qcow2_map(s, offset, bytes, &m);
        epoch = begin_transfer(s);
        pthread_mutex_unlock(&s->lock);
        if (!err && reads_zero(s, &m))
            sg_zero(sg, m.bytes);
        else if (!err && m.type == MAP_UNALLOCATED)
            err = block_read_backing(s->block->backing, offset, sg, m.bytes);
        else if (!err && m.type == MAP_COMPRESSED)
            err = read_compressed(s, m.entry, offset & (s->cluster_size - 1), sg, m.bytes);
        else if (!err)
            err = block_rw(s->block->file, false, m.host, sg, m.bytes, 0);
        end_transfer(s, epoch);
        if (err)
            break;
        sg_advance(&sg, m.bytes);
        offset += m.bytes;
        bytes -= m.bytes;
    }
    return err;
}

/* What the disk holds, zeros beyond its end: for the rest of a cluster that is copied. */
static int read_old(struct qcow2 *s, uint64_t offset, uint8_t *buf, uint64_t bytes)
{
    uint64_t size = s->block->size, has = offset < size ? MIN(bytes, size - offset) : 0;
    struct iovec v;

    memset(buf + has, 0, bytes - has);
    return read_range(s, offset, sg_of(&v, buf, has), has);
}

/* ---- writing --------------------------------------------------------------------------------- */

/* Waits until nobody fills clusters of this range. Lock held; what was looked up before is stale.
 */
static void wait_for_allocations(struct qcow2 *s, uint64_t offset, uint64_t bytes)
{
    uint64_t first = qcow2_cluster_of(s, offset);
    uint64_t count = qcow2_cluster_of(s, offset + bytes - 1) - first + 1;
    bool busy;

    do {
        busy = false;
        list_for_each(a, &s->allocations, struct allocation, node)
        {
            if (range_overlaps(a->first, a->count, first, count))
                busy = true;
        }
        if (busy)
            pthread_cond_wait(&s->allocated, &s->lock);
    } while (busy);
}

static void begin_allocation(struct qcow2 *s, struct allocation *a, uint64_t offset, uint64_t count)
{
    a->first = qcow2_cluster_of(s, offset);
    a->count = count;
    list_add_tail(&s->allocations, &a->node);
}

static void end_allocation(struct qcow2 *s, struct allocation *a)
{
    list_remove(&a->node);
    pthread_cond_broadcast(&s->allocated);
}

int qcow2_begin_changes(struct qcow2 *s)
{
    int err;

    if (s->broken)
        return EIO;
    if (s->lazy || !(s->compatible & QCOW2_LAZY_REFCOUNTS))
        return 0;
    err = qcow2_set_incompatible(s, QCOW2_DIRTY, true);
    if (!err)
        err = qcow2_sync(s);
    s->lazy = !err;
    return err;
}

/* Too much waits for a flush: do it now. Lock held. */
static int relieve(struct qcow2 *s)
{
    bool wrote = false;
    int err;

    if (s->fresh.count < DROPS_BEFORE_FLUSH)
        return 0;
    err = qcow2_flush_metadata(s, &wrote);
    if (!err)
        err = qcow2_sync(s);
    return err ? err : refcount_apply_drops(s);
}

/* A piece of a write that needs clusters: where it goes and what it takes along. */
struct fill {
    struct allocation allocation;
    uint64_t offset, bytes; /* of the request, this step's */
    uint64_t host, clusters;
    bool reuse; /* clusters that are allocated already, and read as zeros until now */
    bool fresh; /* the file has never had anything there */
};

/* How many clusters from offset on have to be allocated, before the first that can stay. */
static int count_needed(struct qcow2 *s, uint64_t offset, uint64_t bytes, uint64_t *count)
{
    uint64_t start = align_down(offset, s->cluster_size);
    uint64_t span = s->cluster_size << s->l2_bits;
    uint64_t end = MIN(align_up(offset + MIN(bytes, STEP_BYTES), s->cluster_size),
                       align_down(start, span) + span);

    *count = 0;
    for (uint64_t at = start; at < end;) {
        struct mapping m;
        int err = qcow2_map(s, at, end - at, &m);
        if (err)
            return err;
        if (m.copied && (m.type == MAP_NORMAL || m.type == MAP_ZERO_ALLOCATED))
            break;
        at += align_up(m.bytes, s->cluster_size);
        *count = (MIN(at, end) - start) >> s->cluster_bits;
    }
    return 0;
}

/* Chooses host clusters for a write at offset. Lock held. */
static int plan_fill(struct qcow2 *s, uint64_t offset, uint64_t bytes, const struct mapping *m,
                     struct fill *f)
{
    uint64_t in_cluster = offset & (s->cluster_size - 1);
    struct table *t;
    int err = qcow2_begin_changes(s);

    memset(f, 0, sizeof *f);
    f->offset = offset;
    if (!err)
        err = qcow2_l2_for_write(s, offset, &t);
    if (err)
        return err;
    if (m->type == MAP_ZERO_ALLOCATED && m->copied) {
        f->reuse = true;
        f->host = align_down(m->host, s->cluster_size);
        f->bytes = m->bytes;
        f->clusters = align_up(in_cluster + m->bytes, s->cluster_size) >> s->cluster_bits;
        if (qcow2_hits_metadata(s, f->host, f->clusters << s->cluster_bits))
            return qcow2_damaged(s);
    } else {
        err = count_needed(s, offset, bytes, &f->clusters);
        if (!err)
            err = refcount_allocate(s, f->clusters, false, &f->host, &f->clusters);
        if (err)
            return err;
        f->bytes = MIN(bytes, (f->clusters << s->cluster_bits) - in_cluster);
        f->fresh = f->host >= s->file_end;
        s->file_end = MAX(s->file_end, f->host + (f->clusters << s->cluster_bits));
    }
    begin_allocation(s, &f->allocation, offset, f->clusters);
    return 0;
}

/* Writes the data, with what was in the rest of the first and the last cluster. No lock. */
static int fill_data(struct qcow2 *s, const struct fill *f, struct sg sg)
{
    uint64_t head = f->offset & (s->cluster_size - 1);
    uint64_t tail = (f->clusters << s->cluster_bits) - head - f->bytes;
    uint64_t head_start = f->offset - head, tail_start = f->offset + f->bytes;
    struct vemu_block *file = s->block->file;
    uint8_t *around = NULL;
    struct iovec *v = NULL;
    uint64_t covered;
    int err = 0;

    if (f->fresh && !s->block->backing && head + tail) {
        /* Nothing to take along, unless the cluster held data (compressed, or a snapshot's). */
        struct mapping a, b;
        pthread_mutex_lock(&s->lock);
        err = qcow2_map(s, head_start, s->cluster_size, &a);
        if (!err)
            err = qcow2_map(s, align_down(tail_start - 1, s->cluster_size), s->cluster_size, &b);
        pthread_mutex_unlock(&s->lock);
        if (err)
            return err;
        if (reads_zero(s, &a) && reads_zero(s, &b))
            return block_rw(file, true, f->host + head, sg, f->bytes, 0);
    }
    if (!(head + tail))
        return block_rw(file, true, f->host, sg, f->bytes, 0);
    around = malloc(head + tail);
    v = malloc((sg.count + 2) * sizeof *v);
    err = around && v ? 0 : ENOMEM;
    if (!err && head)
        err = read_old(s, head_start, around, head);
    if (!err && tail)
        err = read_old(s, tail_start, around + head, tail);
    if (!err) {
        unsigned n = 0;
        if (head)
            v[n++] = (struct iovec){around, head};
        n += sg_vectors(sg, f->bytes, v + n, sg.count, &covered);
        if (tail)
            v[n++] = (struct iovec){around + head, tail};
        err =
            block_rw(file, true, f->host, (struct sg){v, n, 0}, f->clusters << s->cluster_bits, 0);
    }
    free(around);
    free(v);
    return err;
}

/* Puts the clusters into the L2 table. Lock held. */
static int link_clusters(struct qcow2 *s, uint64_t offset, uint64_t host, uint64_t count,
                         bool reuse)
{
    uint64_t index = qcow2_l2_index(s, offset);
    struct table *t;
    int err = qcow2_l2_for_write(s, offset, &t);

    if (err)
        return err;
    for (uint64_t i = 0; i < count; i++) {
        uint8_t *entry = t->data + (index + i) * 8;
        if (!reuse)
            qcow2_drop_entry(s, load_be64(entry));
        store_be64(entry, (host + (i << s->cluster_bits)) | QE_COPIED);
    }
    table_dirty(&s->l2_tables, t);
    return 0;
}

static int fill(struct qcow2 *s, struct fill *f, struct sg sg)
{
    int err;

    pthread_mutex_unlock(&s->lock);
    err = fill_data(s, f, sg);
    pthread_mutex_lock(&s->lock);
    if (!err)
        err = link_clusters(s, f->offset, f->host, f->clusters, f->reuse);
    if (err && !f->reuse)
        refcount_release(s, f->host, f->clusters);
    end_allocation(s, &f->allocation);
    return err ? err : relieve(s);
}

/* Lock held; it is let go while data moves. */
static int write_step(struct qcow2 *s, uint64_t offset, struct sg sg, uint64_t bytes,
                      uint64_t *done)
{
    struct mapping m;
    struct fill f;
    unsigned epoch;
    int err;

    /* Not further than the clusters of this step: others may be filling those behind. */
    wait_for_allocations(s, offset, MIN(bytes, STEP_BYTES));
    err = s->broken ? EIO : qcow2_map(s, offset, bytes, &m);
    if (err)
        return err;
    if (m.type == MAP_NORMAL && m.copied) {
        *done = m.bytes;
        if (qcow2_hits_metadata(s, m.host, m.bytes))
            return qcow2_damaged(s);
        epoch = begin_transfer(s);
        pthread_mutex_unlock(&s->lock);
        err = block_rw(s->block->file, true, m.host, sg, m.bytes, 0);
        pthread_mutex_lock(&s->lock);
        s->transfers[epoch]--;
        return err;
    }
    if (m.type == MAP_ZERO_ALLOCATED)
        m.bytes = MIN(m.bytes, STEP_BYTES);
    err = plan_fill(s, offset, bytes, &m, &f);
    if (!err)
        err = fill(s, &f, sg);
    *done = f.bytes;
    return err;
}

static int write_range(struct qcow2 *s, uint64_t offset, struct sg sg, uint64_t bytes)
{
    int err = 0;

    pthread_mutex_lock(&s->lock);
    while (bytes && !err) {
        uint64_t done = 0;
        err = write_step(s, offset, sg, bytes, &done);
        sg_advance(&sg, done);
        offset += done;
        bytes -= done;
    }
    pthread_mutex_unlock(&s->lock);
    return err;
}

/* ---- compressed writes ----------------------------------------------------------------------- */

/* A place for `length` bytes, right behind the last compressed cluster where there is room. Each
 * host cluster it touches is counted once more. Lock held. */
static int place_compressed(struct qcow2 *s, uint64_t length, uint64_t *offset)
{
    uint64_t at = s->compressed_next, room = at ? s->cluster_size - at % s->cluster_size : 0;
    uint64_t host = 0, count, value;
    int err;

    if (at) {
        err = refcount_get(s, qcow2_cluster_of(s, at), &value);
        if (err)
            return err;
        if (value >= refcount_max(s))
            at = room = 0;
    }
    if (length > room) {
        err = refcount_allocate(s, 1, true, &host, &count);
        if (err)
            return err;
        s->file_end = MAX(s->file_end, host + s->cluster_size);
        if (!at || host != align_up(at, s->cluster_size))
            at = host;
    }
    if (at != host) {
        err = refcount_add(s, qcow2_cluster_of(s, at), 1);
        if (err) {
            if (host)
                refcount_release(s, host, 1);
            return err;
        }
    }
    *offset = at;
    s->compressed_next = (at + length) % s->cluster_size ? at + length : 0;
    return 0;
}

/* One whole cluster, already compressed. Lock held; it is let go while data moves. */
static int store_compressed(struct qcow2 *s, uint64_t offset, const uint8_t *data, uint64_t length)
{
    unsigned x = 62 - (s->cluster_bits - 8);
    struct allocation a;
    uint64_t host = 0, entry = 0;
    struct table *t;
    int err = qcow2_begin_changes(s);

    if (!err)
        err = qcow2_l2_for_write(s, offset, &t);
    if (!err)
        err = place_compressed(s, length, &host);
    if (!err && host + length > mask_bits(MIN(x, 56u)))
        err = EFBIG;
    if (err)
        return err;
    begin_allocation(s, &a, offset, 1);
    pthread_mutex_unlock(&s->lock);
    err = block_pwrite(s->block->file, host, data, length);
    pthread_mutex_lock(&s->lock);
    entry = QE_COMPRESSED | ((host + length - 1) / 512 - host / 512) << x | host;
    if (!err)
        err = qcow2_l2_for_write(s, offset, &t);
    if (!err) {
        uint8_t *p = t->data + qcow2_l2_index(s, offset) * 8;
        qcow2_drop_entry(s, load_be64(p));
        store_be64(p, entry);
        table_dirty(&s->l2_tables, t);
    } else {
        qcow2_drop_entry(s, entry);
    }
    end_allocation(s, &a);
    return err ? err : relieve(s);
}

static int write_compressed(struct qcow2 *s, uint64_t offset, struct sg sg, uint64_t bytes)
{
    struct codec *codec = block_context_codec(s->block->ctx);
    uint8_t *in = malloc(s->cluster_size), *out = malloc(s->cluster_size);
    int err = in && out ? 0 : ENOMEM;

    if (!err && ((offset & (s->cluster_size - 1)) ||
                 ((bytes & (s->cluster_size - 1)) && offset + bytes != s->block->size)))
        err = EINVAL;
    while (bytes && !err) {
        uint64_t piece = MIN(bytes, s->cluster_size);
        size_t length = s->cluster_size - 1;
        sg_read(sg, in, piece);
        memset(in + piece, 0, s->cluster_size - piece);
        err = codec_compress(codec, s->codec, in, s->cluster_size, out, &length);
        if (err == ENOSPC) {
            err = write_range(s, offset, sg, piece);
        } else if (!err) {
            pthread_mutex_lock(&s->lock);
            wait_for_allocations(s, offset, piece);
            err = store_compressed(s, offset, out, length);
            pthread_mutex_unlock(&s->lock);
        }
        sg_advance(&sg, piece);
        offset += piece;
        bytes -= piece;
    }
    free(in);
    free(out);
    return err;
}

int qcow2_rw(struct vemu_block *block, bool write, uint64_t offset, struct sg sg, uint64_t bytes,
             unsigned flags)
{
    struct qcow2 *s = qcow2_of(block);

    if (!write)
        return read_range(s, offset, sg, bytes);
    if (flags & VEMU_BLOCK_COMPRESSED)
        return write_compressed(s, offset, sg, bytes);
    return write_range(s, offset, sg, bytes);
}

/* ---- zeros and discards ---------------------------------------------------------------------- */

/* Parts of clusters: written, unless they are zeros as it is. */
static int zero_part(struct qcow2 *s, uint64_t offset, uint64_t bytes)
{
    struct mapping m;
    struct iovec v;
    uint8_t *zeros;
    int err;

    if (!bytes)
        return 0;
    pthread_mutex_lock(&s->lock);
    wait_for_allocations(s, offset, bytes);
    err = qcow2_map(s, offset, bytes, &m);
    pthread_mutex_unlock(&s->lock);
    if (err || (m.bytes == bytes && reads_zero(s, &m)))
        return err;
    zeros = calloc(1, bytes);
    err = zeros ? write_range(s, offset, sg_of(&v, zeros, bytes), bytes) : ENOMEM;
    free(zeros);
    return err;
}

/* What an entry becomes when its cluster is to read as zeros (keep: its space stays), or when it
 * may be dropped. False: it stays as it is. */
static bool emptied_entry(const struct qcow2 *s, uint64_t old, bool keep, uint64_t *new)
{
    bool backed = s->block->backing_name != NULL;
    bool allocated = (old & QE_OFFSET) != 0 || (old & QE_COMPRESSED);

    if (s->version >= 3 && keep && (old & QE_COPIED) && !(old & QE_COMPRESSED))
        *new = old | QE_ZERO;
    else if (s->version >= 3 && (backed || (!allocated && (old & QE_ZERO))))
        *new = QE_ZERO;
    else
        *new = 0;
    return *new != old;
}

/* Whole clusters within one L2 table. Lock held. */
static int empty_clusters(struct qcow2 *s, uint64_t offset, uint64_t count, bool keep)
{
    uint64_t index = qcow2_l2_index(s, offset);
    struct mapping m;
    struct table *t;
    int err;

    wait_for_allocations(s, offset, count << s->cluster_bits);
    err = qcow2_map(s, offset, count << s->cluster_bits, &m);
    /* Nothing there at all: no table is made to say so. */
    if (err || (m.type == MAP_UNALLOCATED && !s->block->backing_name &&
                m.bytes >= count << s->cluster_bits))
        return err;
    err = qcow2_begin_changes(s);
    if (!err)
        err = qcow2_l2_for_write(s, offset, &t);
    if (err)
        return err;
    for (uint64_t i = 0; i < count; i++) {
        uint8_t *p = t->data + (index + i) * 8;
        uint64_t old = load_be64(p), new;
        if (!emptied_entry(s, old, keep, &new))
            continue;
        if (!(new &QE_OFFSET))
            qcow2_drop_entry(s, old);
        store_be64(p, new);
        table_dirty(&s->l2_tables, t);
    }
    return relieve(s);
}

static int empty_range(struct qcow2 *s, uint64_t offset, uint64_t end, bool keep)
{
    uint64_t span = s->cluster_size << s->l2_bits;
    int err = 0;

    pthread_mutex_lock(&s->lock);
    while (offset < end && !err) {
        uint64_t stop = MIN(end, align_down(offset, span) + span);
        err = empty_clusters(s, offset, (stop - offset + s->cluster_size - 1) >> s->cluster_bits,
                             keep);
        offset = stop;
    }
    pthread_mutex_unlock(&s->lock);
    return err;
}

/* Zeros by writing them, for what has no way to say it: version 2 above a backing file. */
static int write_zeros(struct qcow2 *s, uint64_t offset, uint64_t end)
{
    int err = 0;

    while (offset < end && !err) {
        uint64_t piece = MIN(end - offset, s->cluster_size);
        err = zero_part(s, offset, piece);
        offset += piece;
    }
    return err;
}

int qcow2_zero(struct vemu_block *block, uint64_t offset, uint64_t bytes, unsigned flags)
{
    struct qcow2 *s = qcow2_of(block);
    uint64_t end = offset + bytes, first = align_up(offset, s->cluster_size);
    uint64_t last =
        end == block->size ? align_up(end, s->cluster_size) : align_down(end, s->cluster_size);
    int err;

    if (first >= last)
        return zero_part(s, offset, bytes);
    err = zero_part(s, offset, first - offset);
    if (!err && s->version < 3 && block->backing_name)
        err = write_zeros(s, first, MIN(last, end));
    else if (!err)
        err = empty_range(s, first, last, !(flags & VEMU_BLOCK_MAY_UNMAP) && s->version >= 3);
    if (!err && last < end)
        err = zero_part(s, last, end - last);
    return err;
}

int qcow2_discard(struct vemu_block *block, uint64_t offset, uint64_t bytes)
{
    struct qcow2 *s = qcow2_of(block);
    uint64_t end = offset + bytes, first = align_up(offset, s->cluster_size);
    uint64_t last =
        end == block->size ? align_up(end, s->cluster_size) : align_down(end, s->cluster_size);

    /* Version 2 cannot hide what the backing file has there. */
    if (first >= last || (s->version < 3 && block->backing_name))
        return 0;
    return empty_range(s, first, last, false);
}

/* ---- flush, status --------------------------------------------------------------------------- */

int qcow2_flush(struct vemu_block *block)
{
    struct qcow2 *s = qcow2_of(block);
    bool wrote = false;
    int err;

    if (block->read_only)
        return 0;
    pthread_mutex_lock(&s->lock);
    err = qcow2_flush_metadata(s, &wrote);
    if (!s->fresh.count && !s->aging.count) {
        /* Nothing more depends on it: others need not wait for the disk. */
        pthread_mutex_unlock(&s->lock);
        return err ? err : block->file->driver->flush(block->file);
    }
    if (!err)
        err = qcow2_sync(s);
    if (!err)
        err = refcount_apply_drops(s);
    pthread_mutex_unlock(&s->lock);
    return err;
}

int qcow2_status(struct vemu_block *block, uint64_t offset, uint64_t bytes,
                 struct vemu_block_status *st)
{
    struct qcow2 *s = qcow2_of(block);
    struct mapping m;
    int err;

    pthread_mutex_lock(&s->lock);
    err = qcow2_map(s, offset, bytes, &m);
    pthread_mutex_unlock(&s->lock);
    if (err)
        return err;
    st->bytes = m.bytes;
    switch (m.type) {
    case MAP_UNALLOCATED:
        break;
    case MAP_ZERO:
        st->flags = VEMU_BLOCK_ZERO | VEMU_BLOCK_PRESENT;
        break;
    case MAP_ZERO_ALLOCATED:
        st->flags = VEMU_BLOCK_ZERO | VEMU_BLOCK_PRESENT | VEMU_BLOCK_OFFSET;
        st->host_offset = m.host;
        break;
    case MAP_NORMAL:
        st->flags = VEMU_BLOCK_DATA | VEMU_BLOCK_PRESENT | VEMU_BLOCK_OFFSET;
        st->host_offset = m.host;
        break;
    case MAP_COMPRESSED:
        st->flags = VEMU_BLOCK_DATA | VEMU_BLOCK_PRESENT | VEMU_BLOCK_IS_COMPRESSED;
        break;
    }
    return 0;
}
