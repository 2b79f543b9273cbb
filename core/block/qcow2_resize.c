/* The disk of a qcow2 image gets longer or shorter, or empty. See qcow2.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "core/block/qcow2.h"
#include "core/util/endian.h"
#include "core/util/range.h"

uint64_t qcow2_l1_entries(const struct qcow2 *s, uint64_t size)
{
    unsigned shift = s->cluster_bits + s->l2_bits;

    return (size >> shift) + ((size & mask_bits(shift)) != 0);
}

int qcow2_switch_l1(struct qcow2 *s, uint64_t size, uint32_t l1_size, uint64_t l1_offset)
{
    uint8_t fields[24] = {0};
    uint64_t old_offset = s->l1_offset, old_bytes = (uint64_t)s->l1_size * 8;
    int err;

    store_be64(fields, size);
    store_be32(fields + (QH_L1_SIZE - QH_SIZE), l1_size);
    store_be64(fields + (QH_L1_OFFSET - QH_SIZE), l1_offset);
    err = qcow2_write_header_field(s, QH_SIZE, fields, sizeof fields);
    if (!err)
        err = qcow2_sync(s);
    if (err)
        return err;
    s->block->size = size;
    if (l1_offset == old_offset && l1_size == s->l1_size)
        return 0;
    qcow2_forget_metadata(s, old_offset, old_bytes);
    s->l1_size = l1_size;
    s->l1_offset = l1_offset;
    s->l1_dirty_from = UINT32_MAX;
    s->l1_dirty_to = 0;
    return qcow2_note_metadata(s, l1_offset, (uint64_t)l1_size * 8, "the L1 table") ? 0 : ENOMEM;
}

/* Lock held; everything has been flushed. */
static int grow(struct qcow2 *s, uint64_t size)
{
    uint64_t entries = qcow2_l1_entries(s, size), offset, *l1;
    uint64_t old_offset = s->l1_offset;
    uint64_t old_clusters = ((uint64_t)s->l1_size * 8 + s->cluster_size - 1) >> s->cluster_bits;
    bool wrote = false;
    int err;

    if (entries * 8 > QCOW2_MAX_L1_BYTES)
        return EFBIG;
    if (entries <= s->l1_size)
        return qcow2_switch_l1(s, size, s->l1_size, s->l1_offset);
    l1 = calloc(entries, 8);
    if (!l1)
        return ENOMEM;
    memcpy(l1, s->l1, (size_t)s->l1_size * 8);
    err = qcow2_write_new_l1(s, l1, (uint32_t)entries, &offset);
    if (!err)
        err = refcount_flush(s, &wrote);
    if (!err)
        err = qcow2_sync(s);
    if (!err)
        err = qcow2_switch_l1(s, size, (uint32_t)entries, offset);
    if (err) {
        free(l1);
        return err;
    }
    free(s->l1);
    s->l1 = l1;
    refcount_release(s, old_offset, old_clusters);
    return 0;
}

/* ---- preallocation --------------------------------------------------------------------------- */

/* Clusters for a part of the disk within one L2 table that has none yet. Lock held. */
static int preallocate_step(struct qcow2 *s, uint64_t offset, uint64_t end,
                            enum vemu_block_prealloc how, uint64_t *done)
{
    uint64_t host, count, index = qcow2_l2_index(s, offset);
    uint64_t most = MIN((end - offset + s->cluster_size - 1) >> s->cluster_bits,
                        (s->cluster_size >> 3) - index);
    struct vemu_block *file = s->block->file;
    struct mapping m;
    struct table *t;
    int err = qcow2_map(s, offset, end - offset, &m);

    if (err)
        return err;
    if (m.type != MAP_UNALLOCATED) {
        *done = align_up(m.bytes, s->cluster_size);
        return 0;
    }
    most = MIN(most, (m.bytes + s->cluster_size - 1) >> s->cluster_bits);
    err = qcow2_l2_for_write(s, offset, &t);
    if (!err)
        err = refcount_allocate(s, most, false, &host, &count);
    if (err)
        return err;
    uint64_t bytes = count << s->cluster_bits;
    if (host < s->file_end)
        err = file->driver->zero(file, host, bytes, 0);
    s->file_end = MAX(s->file_end, host + bytes);
    if (!err && how > VEMU_BLOCK_PREALLOC_METADATA)
        err = block_file_preallocate(file, host, bytes, how);
    if (!err)
        err = qcow2_l2_for_write(s, offset, &t);
    if (err) {
        refcount_release(s, host, count);
        return err;
    }
    for (uint64_t i = 0; i < count; i++)
        store_be64(t->data + (index + i) * 8, (host + (i << s->cluster_bits)) | QE_COPIED);
    table_dirty(&s->l2_tables, t);
    *done = bytes;
    return 0;
}

static int preallocate(struct qcow2 *s, uint64_t offset, uint64_t end, enum vemu_block_prealloc how)
{
    uint64_t length;
    int err = qcow2_begin_changes(s);

    offset = align_down(offset, s->cluster_size);
    while (!err && offset < end) {
        uint64_t done = 0;
        err = preallocate_step(s, offset, end, how, &done);
        offset += done;
    }
    /* So that the file has an end behind all that it promises. */
    if (!err)
        err = block_file_length(s->block->file, &length);
    if (!err && length < s->file_end)
        err = block_file_truncate(s->block->file, s->file_end);
    return err;
}

/* ---- shrinking, emptying --------------------------------------------------------------------- */

/* Drops all that an L2 table leads to from entry `from` on, and the table itself if that is all. */
static int drop_table(struct qcow2 *s, uint32_t index, uint64_t from)
{
    uint64_t span = s->cluster_size << s->l2_bits;
    struct table *t;
    int err;

    if (!(s->l1[index] & QE_OFFSET))
        return 0;
    err = qcow2_l2_for_write(s, index * span, &t);
    for (uint64_t n = from; n < s->cluster_size / 8 && !err; n++) {
        uint64_t entry = load_be64(t->data + n * 8);
        if (entry) {
            qcow2_drop_entry(s, entry);
            store_be64(t->data + n * 8, 0);
            table_dirty(&s->l2_tables, t);
        }
    }
    if (err || from)
        return err;
    uint64_t offset = s->l1[index] & QE_OFFSET;
    qcow2_set_l1(s, index, 0);
    qcow2_forget_metadata(s, offset, s->cluster_size);
    refcount_drop(s, qcow2_cluster_of(s, offset));
    return 0;
}

/* Drops everything from offset on, which is a multiple of the cluster size. */
static int drop_from(struct qcow2 *s, uint64_t offset)
{
    uint64_t span = s->cluster_size << s->l2_bits;
    int err = qcow2_begin_changes(s);

    for (uint64_t i = offset / span; i < s->l1_size && !err; i++) {
        err = drop_table(s, (uint32_t)i, i == offset / span ? qcow2_l2_index(s, offset) : 0);
        if (!err && s->fresh.count > 65536)
            err = qcow2_flush_all(s);
    }
    return err ? err : qcow2_flush_all(s);
}

/* Cuts the file off behind the last cluster in use. */
static int cut_file(struct qcow2 *s)
{
    uint64_t cluster = s->file_end >> s->cluster_bits, count = 0;
    int err = 0;

    while (!err && !count && cluster > 1)
        err = refcount_get(s, --cluster, &count);
    if (err)
        return err;
    s->file_end = (cluster + 1) << s->cluster_bits;
    return block_file_truncate(s->block->file, s->file_end);
}

static int shrink(struct qcow2 *s, uint64_t size)
{
    int err = drop_from(s, align_up(size, s->cluster_size));

    if (!err)
        err = qcow2_switch_l1(s, size, s->l1_size, s->l1_offset);
    return err ? err : cut_file(s);
}

bool qcow2_make_empty(struct vemu_block *block, struct vemu_error **errp)
{
    struct qcow2 *s = qcow2_of(block);
    int err;

    pthread_mutex_lock(&s->lock);
    err = s->broken ? EIO : qcow2_flush_all(s);
    if (!err)
        err = drop_from(s, 0);
    if (!err)
        err = cut_file(s);
    pthread_mutex_unlock(&s->lock);
    return !err || block_error(errp, block, err, "cannot be emptied");
}

/* What appears when the disk gets longer reads as zeros: what is left in its last cluster goes, and
 * what a longer backing file has there is hidden. */
static int hide_old(struct qcow2 *s, uint64_t from, uint64_t to)
{
    struct vemu_block *b = s->block;
    uint64_t end = MIN(align_up(from, s->cluster_size), to);
    int err = 0;

    if (b->backing && b->backing->size > from)
        end = to;
    if (from < end)
        err = qcow2_zero(b, from, end - from, VEMU_BLOCK_MAY_UNMAP);
    return err;
}

bool qcow2_resize(struct vemu_block *block, uint64_t size, enum vemu_block_prealloc prealloc,
                  struct vemu_error **errp)
{
    struct qcow2 *s = qcow2_of(block);
    uint64_t old = block->size;
    int err;

    size = align_up(size, 512);
    if (s->snapshot_count && s->version < 3)
        return error_set(
            errp, VEMU_ERROR_UNSUPPORTED,
            "'%s' has snapshots, and version 2 (compat=0.10) does not keep their size: "
            "delete them first",
            block->filename);
    if (prealloc && block->backing_name)
        return error_set(errp, VEMU_ERROR_INVALID,
                         "preallocation would hide the backing file of '%s': use off",
                         block->filename);
    pthread_mutex_lock(&s->lock);
    err = s->broken ? EIO : qcow2_flush_all(s);
    if (!err)
        err = size < old ? shrink(s, size) : grow(s, size);
    if (!err && size > old && prealloc)
        err = preallocate(s, old, size, prealloc);
    pthread_mutex_unlock(&s->lock);
    if (!err && size > old)
        err = hide_old(s, old, size);
    pthread_mutex_lock(&s->lock);
    if (!err)
        err = qcow2_flush_all(s);
    pthread_mutex_unlock(&s->lock);
    if (err == EFBIG)
        return error_set(errp, VEMU_ERROR_INVALID,
                         "'%s': with clusters of %llu bytes an image ends below %llu bytes, not at "
                         "%llu: use a larger cluster_size",
                         block->filename, (unsigned long long)s->cluster_size,
                         (unsigned long long)(QCOW2_MAX_L1_BYTES / 8 * s->cluster_size)
                             << s->l2_bits,
                         (unsigned long long)size);
    if (err)
        return error_set_errno(errp, err, "'%s': cannot be resized to %llu bytes", block->filename,
                               (unsigned long long)size);
    return true;
}
