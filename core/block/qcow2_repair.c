/*
 * New refcount structures for a qcow2 image whose old ones cannot be trusted. They go behind the
 * end of the file, where nothing can be in their way, and count themselves. See qcow2.h.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "core/block/qcow2.h"
#include "core/util/endian.h"
#include "core/util/range.h"

bool qcow2_any_references(const uint32_t *refs, uint64_t clusters, uint64_t first, uint64_t count)
{
    uint64_t end = MIN(first + count, clusters);

    /* All are what the first is: large files are mostly holes, so this has to be quick. */
    return first < end && (refs[first] || memcmp(refs + first, refs + first + 1,
                                                 (end - first - 1) * sizeof *refs));
}

/* Fills and writes one block; [new_first, new_end) are the new structures, with one reference. */
static int write_block(struct qcow2 *s, const uint32_t *refs, uint64_t clusters, uint64_t index,
                       uint64_t offset, uint64_t new_first, uint64_t new_end)
{
    uint64_t per_block = UINT64_C(1) << s->refblock_bits, first = index << s->refblock_bits;
    uint8_t *data = calloc(1, s->cluster_size);
    int err = data ? 0 : ENOMEM;

    for (uint64_t i = 0; i < per_block && !err; i++) {
        uint64_t c = first + i, value = c < clusters ? refs[c] : 0;
        if (c >= new_first && c < new_end)
            value = 1;
        if (value > refcount_max(s))
            err = ERANGE;
        else if (value)
            refcount_store(s, data, i, value);
    }
    if (!err)
        err = block_pwrite(s->block->file, offset, data, s->cluster_size);
    free(data);
    return err;
}

int qcow2_rebuild_refcounts(struct qcow2 *s, const uint32_t *refs, uint64_t clusters)
{
    uint64_t per_block = UINT64_C(1) << s->refblock_bits, per_table = s->cluster_size / 8;
    uint64_t old_blocks = 0, blocks, before, entries, table_clusters, end = clusters + 1, index = 0,
             *table;
    uint8_t *be;
    int err = 0;

    for (uint64_t c = 0; c + per_block <= clusters; c += per_block)
        old_blocks += qcow2_any_references(refs, clusters, c, per_block);
    /* The new structures take clusters, which take blocks, until it is enough. */
    do {
        before = end;
        entries = (end + per_block - 1) / per_block;
        blocks = old_blocks + entries - clusters / per_block;
        table_clusters = (entries + per_table - 1) / per_table;
        end = MAX(end, clusters + blocks + table_clusters);
    } while (before != end);
    if (table_clusters << s->cluster_bits > QCOW2_MAX_REFTABLE_BYTES)
        return EFBIG;
    entries = table_clusters * per_table;
    table = calloc(entries, 8);
    be = calloc(entries, 8);
    if (!table || !be)
        err = ENOMEM;
    uint64_t at = clusters + table_clusters, offset = clusters << s->cluster_bits;
    for (; index * per_block < end && !err; index++) {
        uint64_t first = index * per_block;
        if (first + per_block <= clusters &&
            !qcow2_any_references(refs, clusters, first, per_block))
            continue;
        table[index] = at++ << s->cluster_bits;
        store_be64(be + index * 8, table[index]);
        err = write_block(s, refs, clusters, index, table[index], clusters, end);
    }
    if (!err)
        err = block_pwrite(s->block->file, offset, be, table_clusters << s->cluster_bits);
    if (!err)
        err = qcow2_sync(s);
    if (!err)
        err = refcount_name_table(s, offset, table_clusters);
    free(be);
    if (err) {
        free(table);
        return err;
    }
    refcount_take_table(s, table, offset, table_clusters);
    s->file_end = MAX(s->file_end, end << s->cluster_bits);
    table_cache_free(&s->refblocks);
    return 0;
}
