/* From guest to host offsets: L1 and L2 tables. See qcow2.h; the lock is held throughout. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "core/block/qcow2.h"
#include "core/util/endian.h"
#include "core/util/range.h"

uint64_t qcow2_l2_index(const struct qcow2 *s, uint64_t offset)
{
    return offset >> s->cluster_bits & mask_bits(s->l2_bits);
}

static uint32_t l1_index(const struct qcow2 *s, uint64_t offset)
{
    return (uint32_t)(offset >> (s->cluster_bits + s->l2_bits));
}

void qcow2_set_l1(struct qcow2 *s, uint32_t index, uint64_t entry)
{
    s->l1[index] = entry;
    s->l1_dirty_from = MIN(s->l1_dirty_from, index);
    s->l1_dirty_to = MAX(s->l1_dirty_to, index + 1);
}

/* ---- reading --------------------------------------------------------------------------------- */

static bool decode(const struct qcow2 *s, uint64_t entry, struct mapping *m)
{
    m->copied = entry & QE_COPIED;
    m->entry = entry;
    m->host = entry & QE_OFFSET;
    if (entry & QE_COMPRESSED) {
        m->type = MAP_COMPRESSED;
        return true;
    }
    if ((entry & QE_ZERO) && s->version >= 3)
        m->type = m->host ? MAP_ZERO_ALLOCATED : MAP_ZERO;
    else
        m->type = m->host ? MAP_NORMAL : MAP_UNALLOCATED;
    /* Cluster 0 is the header's; anything unaligned was never written by anybody. */
    return (m->host & (s->cluster_size - 1)) == 0;
}

/* How far the mapping goes on: clusters of the same type, and next to each other in the file. */
static int extend(struct qcow2 *s, const struct table *t, uint64_t offset, uint64_t bytes,
                  struct mapping *m)
{
    uint64_t in_cluster = offset & (s->cluster_size - 1), index = qcow2_l2_index(s, offset);
    uint64_t entries = UINT64_C(1) << s->l2_bits, host, n = 1;

    if (!decode(s, load_be64(t->data + index * 8), m))
        return qcow2_damaged(s);
    host = m->host;
    while (m->type != MAP_COMPRESSED && (n << s->cluster_bits) - in_cluster < bytes &&
           index + n < entries) {
        struct mapping next;
        if (!decode(s, load_be64(t->data + (index + n) * 8), &next) || next.type != m->type ||
            next.copied != m->copied || (host && next.host != host + (n << s->cluster_bits)))
            break;
        n++;
    }
    m->bytes = MIN(bytes, (n << s->cluster_bits) - in_cluster);
    if (m->type == MAP_NORMAL || m->type == MAP_ZERO_ALLOCATED)
        m->host += in_cluster;
    return 0;
}

/* No L2 table: up to where the next would begin. */
static void nothing_here(const struct qcow2 *s, uint64_t offset, uint64_t bytes, struct mapping *m)
{
    uint64_t span = s->cluster_size << s->l2_bits;

    *m = (struct mapping){.type = MAP_UNALLOCATED, .bytes = MIN(bytes, span - offset % span)};
}

int qcow2_map(struct qcow2 *s, uint64_t offset, uint64_t bytes, struct mapping *m)
{
    uint64_t l2 = l1_index(s, offset) < s->l1_size ? s->l1[l1_index(s, offset)] & QE_OFFSET : 0;
    struct table *t;
    int err;

    if (!l2) {
        nothing_here(s, offset, bytes, m);
        return 0;
    }
    if (l2 & (s->cluster_size - 1))
        return qcow2_damaged(s);
    err = table_get(s, &s->l2_tables, l2, &t);
    return err ? err : extend(s, t, offset, bytes, m);
}

bool qcow2_map_cached(struct qcow2 *s, uint64_t offset, uint64_t bytes, struct mapping *m)
{
    uint64_t l2 = l1_index(s, offset) < s->l1_size ? s->l1[l1_index(s, offset)] & QE_OFFSET : 0;
    struct table *t;

    if (!l2) {
        nothing_here(s, offset, bytes, m);
        return true;
    }
    t = table_peek(&s->l2_tables, s, l2);
    return t && extend(s, t, offset, bytes, m) == 0;
}

void qcow2_compressed_extent(const struct qcow2 *s, uint64_t entry, uint64_t *offset,
                             uint64_t *bytes)
{
    unsigned x = 62 - (s->cluster_bits - 8);
    uint64_t sectors = ((entry & ~(QE_COPIED | QE_COMPRESSED)) >> x) + 1;

    *offset = entry & mask_bits(x);
    *bytes = sectors * 512 - *offset % 512;
}

/* ---- changing -------------------------------------------------------------------------------- */

static int make_l2(struct qcow2 *s, uint32_t index, struct table **table)
{
    uint64_t old = s->l1[index] & QE_OFFSET, offset, count;
    struct table *from = NULL;
    int err = refcount_allocate(s, 1, true, &offset, &count);

    if (err)
        return err;
    s->file_end = MAX(s->file_end, offset + s->cluster_size);
    if (old)
        err = table_get(s, &s->l2_tables, old, &from);
    if (!err)
        err = table_new(s, &s->l2_tables, offset, table);
    if (!err && !qcow2_note_metadata(s, offset, s->cluster_size, "an L2 table"))
        err = ENOMEM;
    if (err) {
        table_forget(s, &s->l2_tables, offset);
        refcount_release(s, offset, 1);
        return err;
    }
    if (from)
        memcpy((*table)->data, from->data, s->cluster_size);
    qcow2_set_l1(s, index, offset | QE_COPIED);
    if (old) {
        /* A snapshot's now, which keeps it from being metadata of ours, but not from being in use.
         */
        qcow2_forget_metadata(s, old, s->cluster_size);
        refcount_drop(s, qcow2_cluster_of(s, old));
    }
    return 0;
}

int qcow2_l2_for_write(struct qcow2 *s, uint64_t offset, struct table **table)
{
    uint32_t index = l1_index(s, offset);
    uint64_t entry;

    if (index >= s->l1_size)
        return EIO;
    entry = s->l1[index];
    if ((entry & QE_OFFSET) & (s->cluster_size - 1))
        return qcow2_damaged(s);
    if (!(entry & QE_OFFSET) || !(entry & QE_COPIED))
        return make_l2(s, index, table);
    return table_get(s, &s->l2_tables, entry & QE_OFFSET, table);
}

void qcow2_drop_entry(struct qcow2 *s, uint64_t entry)
{
    if (entry & QE_COMPRESSED) {
        uint64_t offset, bytes;
        qcow2_compressed_extent(s, entry, &offset, &bytes);
        for (uint64_t c = qcow2_cluster_of(s, offset); c <= qcow2_cluster_of(s, offset + bytes - 1);
             c++)
            refcount_drop(s, c);
    } else if (entry & QE_OFFSET) {
        refcount_drop(s, qcow2_cluster_of(s, entry & QE_OFFSET));
    }
}

static int write_l1(struct qcow2 *s)
{
    uint32_t from = s->l1_dirty_from, to = s->l1_dirty_to;
    uint64_t *be = malloc((size_t)(to - from) * 8);
    int err;

    if (!be)
        return ENOMEM;
    for (uint32_t i = from; i < to; i++)
        store_be64(&be[i - from], s->l1[i]);
    err = block_pwrite(s->block->file, s->l1_offset + (uint64_t)from * 8, be,
                       (size_t)(to - from) * 8);
    free(be);
    if (!err) {
        s->l1_dirty_from = UINT32_MAX;
        s->l1_dirty_to = 0;
    }
    return err;
}

int qcow2_flush_metadata(struct qcow2 *s, bool *wrote)
{
    int err = s->lazy ? 0 : refcount_flush(s, wrote);

    if (!err && s->l2_tables.dirty) {
        err = table_write_all(s, &s->l2_tables);
        *wrote = true;
        if (!err && s->l1_dirty_to)
            err = qcow2_sync(s);
    }
    if (!err && s->l1_dirty_to) {
        err = s->broken ? EIO : write_l1(s);
        *wrote = true;
    }
    return err;
}

int qcow2_flush_all(struct qcow2 *s)
{
    bool wrote = false;
    int err = qcow2_flush_metadata(s, &wrote);

    if (!err)
        err = qcow2_sync(s);
    if (!err)
        err = refcount_apply_drops(s);
    if (!err)
        err = refcount_flush(s, &wrote);
    return err ? err : qcow2_sync(s);
}
