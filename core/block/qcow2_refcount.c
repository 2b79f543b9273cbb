/*
 * Refcounts of host clusters: reading, changing, allocating, and the table of refcount blocks. See
 * qcow2.h for what is written when. The lock is held throughout.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "core/block/qcow2.h"
#include "core/util/endian.h"
#include "core/util/range.h"

/* So many dropped clusters are remembered; what is dropped beyond leaks until the next check. */
enum { MOST_DROPPED = 1 << 22 };
/* L1 and L2 entries hold offsets of 56 bits. */
#define HIGHEST_OFFSET (UINT64_C(1) << 56)

uint64_t refcount_max(const struct qcow2 *s)
{
    return mask_bits(1u << s->refcount_order);
}

uint64_t refcount_load(const struct qcow2 *s, const uint8_t *block, uint64_t index)
{
    unsigned bits = 1u << s->refcount_order;

    switch (s->refcount_order) {
    case 3:
        return block[index];
    case 4:
        return load_be16(block + index * 2);
    case 5:
        return load_be32(block + index * 4);
    case 6:
        return load_be64(block + index * 8);
    default:
        return block[index * bits / 8] >> (index * bits % 8) & mask_bits(bits);
    }
}

void refcount_store(const struct qcow2 *s, uint8_t *block, uint64_t index, uint64_t value)
{
    unsigned bits = 1u << s->refcount_order, shift = (unsigned)(index * bits % 8);
    uint8_t *p = block + index * bits / 8;

    switch (s->refcount_order) {
    case 3:
        *p = (uint8_t)value;
        break;
    case 4:
        store_be16(p, (uint16_t)value);
        break;
    case 5:
        store_be32(p, (uint32_t)value);
        break;
    case 6:
        store_be64(p, value);
        break;
    default:
        *p = (uint8_t)((*p & ~(mask_bits(bits) << shift)) | value << shift);
    }
}

/* The block that counts `cluster`; *table NULL when there is none, so that all are 0. */
static int find_block(struct qcow2 *s, uint64_t cluster, struct table **table)
{
    uint64_t index = cluster >> s->refblock_bits, offset;

    *table = NULL;
    if (index >= s->reftable_size || !s->reftable[index])
        return 0;
    offset = s->reftable[index];
    if ((offset & (s->cluster_size - 1)) || offset >= HIGHEST_OFFSET)
        return qcow2_damaged(s);
    return table_get(s, &s->refblocks, offset, table);
}

int refcount_get(struct qcow2 *s, uint64_t cluster, uint64_t *value)
{
    struct table *t;
    int err = find_block(s, cluster, &t);

    *value = t ? refcount_load(s, t->data, cluster & mask_bits(s->refblock_bits)) : 0;
    return err;
}

/* A new block for a part of the file that has none yet. It goes to `cluster`, the first to be
 * counted by it, and counts itself. */
static int make_block(struct qcow2 *s, uint64_t cluster)
{
    uint64_t index = cluster >> s->refblock_bits, offset = cluster << s->cluster_bits;
    struct table *t;
    int err;

    if (qcow2_hits_metadata(s, offset, s->cluster_size))
        return qcow2_damaged(s);
    err = table_new(s, &s->refblocks, offset, &t);
    if (err)
        return err;
    if (!qcow2_note_metadata(s, offset, s->cluster_size, "a refcount block")) {
        table_forget(s, &s->refblocks, offset);
        return ENOMEM;
    }
    refcount_store(s, t->data, cluster & mask_bits(s->refblock_bits), 1);
    s->reftable[index] = offset;
    s->reftable_dirty_from = MIN(s->reftable_dirty_from, (uint32_t)index);
    s->reftable_dirty_to = MAX(s->reftable_dirty_to, (uint32_t)index + 1);
    s->file_end = MAX(s->file_end, offset + s->cluster_size);
    return 0;
}

int refcount_set(struct qcow2 *s, uint64_t cluster, uint64_t value)
{
    struct table *t;
    int err = find_block(s, cluster, &t);

    if (err)
        return err;
    if (!t)
        return value ? qcow2_damaged(s) : 0;
    refcount_store(s, t->data, cluster & mask_bits(s->refblock_bits), value);
    table_dirty(&s->refblocks, t);
    if (!value) {
        s->free_hint = MIN(s->free_hint, cluster);
        if (s->compressed_next && qcow2_cluster_of(s, s->compressed_next) == cluster)
            s->compressed_next = 0;
        table_forget(s, &s->l2_tables, cluster << s->cluster_bits);
    }
    return 0;
}

int refcount_add(struct qcow2 *s, uint64_t cluster, int64_t delta)
{
    uint64_t value;
    int err = refcount_get(s, cluster, &value);

    if (err)
        return err;
    if (delta < 0 && value < (uint64_t)-delta)
        return qcow2_damaged(s); /* more references than it says */
    if (delta > 0 && refcount_max(s) - value < (uint64_t)delta)
        return ERANGE;
    return refcount_set(s, cluster, value + (uint64_t)delta);
}

/* ---- allocating ------------------------------------------------------------------------------ */

/* Makes sure that clusters from the hint on can be counted at all. */
static int cover(struct qcow2 *s, uint64_t cluster)
{
    uint64_t index = cluster >> s->refblock_bits;
    struct table *t;
    int err;

    if (cluster >= HIGHEST_OFFSET >> s->cluster_bits)
        return ENOSPC;
    if (index >= s->reftable_size) {
        err = refcount_new_table(s, index + 1);
        if (err)
            return err;
    }
    err = find_block(s, cluster, &t);
    if (err || t)
        return err;
    return make_block(s, cluster);
}

int refcount_allocate(struct qcow2 *s, uint64_t most, bool exact, uint64_t *offset, uint64_t *count)
{
    uint64_t first = s->free_hint, n = 0, cluster = s->free_hint;
    bool leading = true; /* all seen so far are in use */
    int err;

    for (; n < most; cluster++) {
        uint64_t value;
        err = cover(s, cluster);
        if (!err)
            err = refcount_get(s, cluster, &value);
        if (err)
            return err;
        if (!value) {
            if (!n++)
                first = cluster;
            leading = false;
        } else if (n && !exact) {
            break;
        } else {
            n = 0;
            if (leading)
                s->free_hint = cluster + 1;
        }
    }
    if (qcow2_hits_metadata(s, first << s->cluster_bits, n << s->cluster_bits))
        return qcow2_damaged(s);
    for (uint64_t i = 0; i < n; i++) {
        err = refcount_set(s, first + i, 1);
        if (err) {
            while (i--)
                refcount_set(s, first + i, 0);
            return err;
        }
    }
    if (first == s->free_hint)
        s->free_hint = first + n;
    *offset = first << s->cluster_bits;
    *count = n;
    return 0;
}

void refcount_release(struct qcow2 *s, uint64_t offset, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++)
        refcount_add(s, qcow2_cluster_of(s, offset) + i, -1);
}

/* ---- dropped references ---------------------------------------------------------------------- */

void refcount_drop(struct qcow2 *s, uint64_t cluster)
{
    struct dropped_list *d = &s->fresh;

    if (d->count == d->room) {
        size_t room = d->room ? d->room * 2 : 256;
        uint64_t *more = room > MOST_DROPPED ? NULL : realloc(d->clusters, room * sizeof *more);
        if (!more)
            return; /* leaks, which a check finds */
        d->clusters = more;
        d->room = room;
    }
    d->clusters[d->count++] = cluster;
}

static int compare_clusters(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return x < y ? -1 : x > y;
}

/* Lowers the refcounts; what is free then gives its space back to the host, in runs. */
static int apply(struct qcow2 *s, struct dropped_list *d)
{
    uint64_t run = 0, run_end = 0;
    int err = 0;

    if (!d->count)
        return 0;
    qsort(d->clusters, d->count, sizeof *d->clusters, compare_clusters);
    for (size_t i = 0; i < d->count && !err; i++) {
        uint64_t cluster = d->clusters[i], left;
        err = refcount_add(s, cluster, -1);
        if (err || refcount_get(s, cluster, &left) || left)
            continue;
        if (cluster != run_end) {
            if (run_end > run)
                s->block->file->driver->discard(s->block->file, run << s->cluster_bits,
                                                (run_end - run) << s->cluster_bits);
            run = cluster;
        }
        run_end = cluster + 1;
    }
    if (run_end > run)
        s->block->file->driver->discard(s->block->file, run << s->cluster_bits,
                                        (run_end - run) << s->cluster_bits);
    d->count = 0;
    return err;
}

int refcount_apply_drops(struct qcow2 *s)
{
    unsigned other = s->epoch ^ 1;
    int err;

    if (s->broken)
        return EIO;
    if (s->transfers[other])
        return 0;
    err = apply(s, &s->aging);
    if (err || !s->fresh.count)
        return err;
    if (!s->transfers[s->epoch])
        return apply(s, &s->fresh);
    /* Transfers that may use them are under way: the next time, when these have ended. */
    struct dropped_list empty = s->aging;
    s->aging = s->fresh;
    s->fresh = empty;
    s->epoch = other;
    return 0;
}

/* ---- writing --------------------------------------------------------------------------------- */

static int write_entries(struct qcow2 *s, const uint64_t *table, uint64_t offset, uint32_t from,
                         uint32_t to)
{
    uint64_t *be = malloc((size_t)(to - from) * 8);
    int err;

    if (!be)
        return ENOMEM;
    for (uint32_t i = from; i < to; i++)
        store_be64(&be[i - from], table[i]);
    err = block_pwrite(s->block->file, offset + (uint64_t)from * 8, be, (size_t)(to - from) * 8);
    free(be);
    return err;
}

int refcount_flush(struct qcow2 *s, bool *wrote)
{
    bool blocks = s->refblocks.dirty != 0, table = s->reftable_dirty_to != 0;
    int err = s->broken ? EIO : table_write_all(s, &s->refblocks);

    *wrote |= blocks || table;
    if (!err && blocks)
        err = qcow2_sync(s);
    if (err || !table)
        return err;
    err = write_entries(s, s->reftable, s->reftable_offset, s->reftable_dirty_from,
                        s->reftable_dirty_to);
    if (err)
        return err;
    s->reftable_dirty_from = UINT32_MAX;
    s->reftable_dirty_to = 0;
    return qcow2_sync(s);
}

int refcount_name_table(struct qcow2 *s, uint64_t offset, uint64_t clusters)
{
    uint8_t field[12]; /* offset and clusters follow each other in the header */

    store_be64(field, offset);
    store_be32(field + 8, (uint32_t)clusters);
    return qcow2_write_header_field(s, QH_REFTABLE_OFFSET, field, sizeof field);
}

void refcount_take_table(struct qcow2 *s, uint64_t *table, uint64_t offset, uint64_t clusters)
{
    free(s->reftable);
    s->reftable = table;
    s->reftable_size = (uint32_t)(clusters << s->cluster_bits >> 3);
    s->reftable_clusters = (uint32_t)clusters;
    s->reftable_offset = offset;
    s->reftable_dirty_from = UINT32_MAX;
    s->reftable_dirty_to = 0;
}

/*
 * A longer refcount table. It begins where the old one's coverage ends, so that everything new (its
 * blocks, then itself) is counted by new blocks, and nothing needs to be free elsewhere.
 */
int refcount_new_table(struct qcow2 *s, uint64_t least_entries)
{
    uint64_t per_block = UINT64_C(1) << s->refblock_bits;
    uint64_t start = (uint64_t)s->reftable_size << s->refblock_bits;
    uint64_t entries = MAX(least_entries, s->reftable_size + s->reftable_size / 2u) + 1;
    uint64_t blocks = 1, clusters, size, old_offset = s->reftable_offset, *table;
    uint32_t old_clusters = s->reftable_clusters;
    int err;

    for (;;) {
        clusters = align_up((entries + blocks) * 8, s->cluster_size) >> s->cluster_bits;
        if (blocks * per_block >= blocks + clusters)
            break;
        blocks++;
    }
    size = clusters << s->cluster_bits >> 3;
    if (size * 8 > QCOW2_MAX_REFTABLE_BYTES)
        return EFBIG;
    table = calloc(size, 8);
    if (!table)
        return ENOMEM;
    memcpy(table, s->reftable, (size_t)s->reftable_size * 8);
    for (uint64_t b = 0; b < blocks; b++) {
        struct table *t;
        uint64_t offset = (start + b) << s->cluster_bits;
        err = qcow2_hits_metadata(s, offset, s->cluster_size)
                  ? qcow2_damaged(s)
                  : table_new(s, &s->refblocks, offset, &t);
        if (!err && !qcow2_note_metadata(s, offset, s->cluster_size, "a refcount block"))
            err = ENOMEM;
        if (err)
            goto fail;
        for (uint64_t i = 0; i < per_block && b * per_block + i < blocks + clusters; i++)
            refcount_store(s, t->data, i, 1);
        table[s->reftable_size + b] = offset;
    }
    uint64_t offset = (start + blocks) << s->cluster_bits;
    err = table_write_all(s, &s->refblocks);
    if (!err)
        err = write_entries(s, table, offset, 0, (uint32_t)size);
    if (!err)
        err = qcow2_sync(s);
    if (!err)
        err = refcount_name_table(s, offset, clusters);
    if (!err)
        err = qcow2_sync(s);
    if (err || !qcow2_note_metadata(s, offset, clusters << s->cluster_bits, "the refcount table"))
        goto fail;
    refcount_take_table(s, table, offset, clusters);
    s->file_end = MAX(s->file_end, offset + (clusters << s->cluster_bits));
    qcow2_forget_metadata(s, old_offset, (uint64_t)old_clusters << s->cluster_bits);
    refcount_release(s, old_offset, old_clusters);
    return 0;
fail:
    /* Which of the two tables the header names is not known for sure: stop here. */
    free(table);
    s->broken = true;
    return err ? err : ENOMEM;
}
