/*
 * Checking a qcow2 image: every reference there is, counted, and compared with the refcounts.
 *
 * An L2 table that several L1 tables lead to is read once and counts as often as they do, and no L1
 * table is walked twice, so a check takes time by the size of the file, however its tables refer to
 * each other. See qcow2.h; the lock is held throughout.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "core/block/qcow2.h"
#include "core/util/bitmap.h"
#include "core/util/endian.h"
#include "core/util/range.h"

/* One counter a cluster, in memory that is only there where it is used: 16 TiB at 64 KiB. */
#define MOST_CLUSTERS (UINT64_C(1) << 28)
enum { MOST_FINDINGS = 1000, BITMAP_ENTRY = 24, BITMAPS_MOST = 65535 };

struct scan {
    struct qcow2 *s;
    struct vemu_block_check *check;
    bool fix, fix_leaks;
    uint32_t *refs;
    uint64_t *counted;        /* refcount blocks that were, by their place in the table */
    uint64_t clusters;        /* of the file */
    struct hashmap l2_tables; /* cluster -> how many L1 entries lead there */
    uint64_t findings;
    bool rebuild;       /* the refcount structures cannot be mended in place */
    uint64_t last_host; /* of the active disk's last cluster, for the count of fragments */
};

static void finding(struct scan *scan, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void finding(struct scan *scan, const char *fmt, ...)
{
    char line[256];
    va_list ap;

    if (!scan->check->finding || scan->findings++ > MOST_FINDINGS)
        return;
    va_start(ap, fmt);
    vsnprintf(line, sizeof line, fmt, ap);
    va_end(ap);
    if (scan->findings > MOST_FINDINGS)
        snprintf(line, sizeof line, "More was found; only %d findings are shown.", MOST_FINDINGS);
    scan->check->finding(scan->check->opaque, line);
}

static void corruption(struct scan *scan, bool mended)
{
    scan->check->corruptions += !mended;
    scan->check->corruptions_fixed += mended;
}

/* Counts `times` references to each cluster of a range. */
static void refer(struct scan *scan, uint64_t offset, uint64_t bytes, uint64_t times,
                  const char *what)
{
    struct qcow2 *s = scan->s;
    uint64_t first, last;

    if (!bytes)
        return;
    first = qcow2_cluster_of(s, offset);
    last = qcow2_cluster_of(s, offset + bytes - 1);
    if (offset + bytes < offset || last >= scan->clusters) {
        finding(scan, "ERROR %s at offset 0x%" PRIx64 " lies beyond the end of the file", what,
                offset);
        corruption(scan, false);
        return;
    }
    for (uint64_t c = first; c <= last; c++)
        scan->refs[c] = (uint32_t)MIN(scan->refs[c] + times, UINT32_MAX);
}

/* ---- tables ---------------------------------------------------------------------------------- */

/* The L2 tables of one L1 table. `active`: entries that make no sense can be mended. */
static int scan_l1(struct scan *scan, uint64_t *l1, uint32_t size, bool active)
{
    struct qcow2 *s = scan->s;

    for (uint32_t i = 0; i < size; i++) {
        uint64_t offset = l1[i] & QE_OFFSET, cluster = qcow2_cluster_of(s, offset);
        if (!l1[i])
            continue;
        if ((offset & (s->cluster_size - 1)) || (l1[i] & QE_L1_RESERVED) ||
            cluster >= scan->clusters) {
            bool mend = active && scan->fix;
            finding(scan, "%s L1 entry %u is 0x%" PRIx64 ", which leads to no L2 table",
                    mend ? "Repairing" : "ERROR", i, l1[i]);
            if (mend)
                qcow2_set_l1(s, i, 0);
            corruption(scan, mend);
            continue;
        }
        if (!offset)
            continue;
        uintptr_t times = (uintptr_t)hashmap_get(&scan->l2_tables, cluster);
        if (!hashmap_put(&scan->l2_tables, cluster, (void *)(times + 1)))
            return ENOMEM;
        refer(scan, offset, s->cluster_size, 1, "L2 table");
    }
    return 0;
}

/* A standard entry; false: it makes no sense. */
static bool scan_standard(struct scan *scan, uint64_t entry, uint64_t times)
{
    struct qcow2 *s = scan->s;
    uint64_t host = entry & QE_OFFSET;

    if ((host & (s->cluster_size - 1)) || (entry & QE_L2_RESERVED) ||
        ((entry & QE_ZERO) && s->version < 3))
        return false;
    if (host)
        refer(scan, host, s->cluster_size, times, "data cluster");
    return true;
}

static int scan_l2(struct scan *scan, uint64_t cluster, uint64_t times, uint8_t *l2)
{
    struct qcow2 *s = scan->s;
    uint64_t offset = cluster << s->cluster_bits;
    bool mended = false;
    int err = block_pread(s->block->file, offset, l2, s->cluster_size);

    for (uint64_t n = 0; n < s->cluster_size / 8 && !err; n++) {
        uint64_t entry = load_be64(l2 + n * 8), at, bytes;
        if (entry & QE_COMPRESSED) {
            qcow2_compressed_extent(s, entry, &at, &bytes);
            /* Its sectors may go beyond where the file ends within its last cluster. */
            refer(scan, at, bytes, times, "compressed cluster");
            if (entry & QE_COPIED) {
                finding(scan,
                        "ERROR L2 table at 0x%" PRIx64 ", entry %" PRIu64
                        ": a compressed cluster is marked as COPIED",
                        offset, n);
                corruption(scan, false);
            }
        } else if (entry && !scan_standard(scan, entry, times)) {
            finding(scan,
                    "%s L2 table at 0x%" PRIx64 ", entry %" PRIu64 " is 0x%" PRIx64
                    ", which makes no sense",
                    scan->fix ? "Repairing" : "ERROR", offset, n, entry);
            corruption(scan, scan->fix);
            if (scan->fix) {
                store_be64(l2 + n * 8, s->version >= 3 ? QE_ZERO : 0);
                mended = true;
            }
        }
    }
    if (!err && mended) {
        table_forget(s, &s->l2_tables, offset);
        err = block_pwrite(s->block->file, offset, l2, s->cluster_size);
    }
    return err;
}

static int scan_snapshots(struct scan *scan)
{
    struct qcow2 *s = scan->s;
    int err = 0;

    refer(scan, s->snapshots_offset, s->snapshots_bytes, 1, "snapshot table");
    for (uint32_t i = 0; i < s->snapshot_count && !err; i++) {
        struct qcow2_snapshot *snap = &s->snapshots[i];
        uint64_t bytes = (uint64_t)snap->l1_size * 8,
                 cluster = qcow2_cluster_of(s, snap->l1_offset);
        uint64_t *l1;
        if (!bytes)
            continue;
        if (!range_fits(snap->l1_offset, bytes, scan->clusters << s->cluster_bits) ||
            scan->refs[cluster]) {
            finding(scan,
                    "ERROR the L1 table of the snapshot '%.80s' at 0x%" PRIx64
                    " lies over other metadata or beyond the end of the file",
                    snap->name, snap->l1_offset);
            corruption(scan, false);
            continue;
        }
        refer(scan, snap->l1_offset, bytes, 1, "snapshot's L1 table");
        err = qcow2_read_l1(s, snap->l1_offset, snap->l1_size, &l1);
        if (!err)
            err = scan_l1(scan, l1, snap->l1_size, false);
        free(l1);
    }
    return err;
}

/* A bitmap's table and data; they are another program's, and must not be taken for leaks. */
static int scan_bitmap(struct scan *scan, uint64_t offset, uint32_t size)
{
    struct qcow2 *s = scan->s;
    uint64_t *table, bytes = (uint64_t)size * 8;
    int err;

    if (!qcow2_table_ok(s, offset, bytes, QCOW2_MAX_L1_BYTES) ||
        !range_fits(offset, bytes, scan->clusters << s->cluster_bits)) {
        corruption(scan, false);
        return 0;
    }
    refer(scan, offset, bytes, 1, "bitmap table");
    err = qcow2_read_l1(s, offset, size, &table);
    for (uint32_t i = 0; i < size && !err; i++) {
        if (table[i] & QE_OFFSET)
            refer(scan, table[i] & QE_OFFSET, s->cluster_size, 1, "bitmap data");
    }
    free(table);
    return err;
}

static int scan_bitmaps(struct scan *scan)
{
    struct qcow2 *s = scan->s;
    uint64_t at = s->bitmap_directory, end = at + s->bitmap_directory_size;
    int err = 0;

    if (!s->has_bitmaps)
        return 0;
    if (s->bitmap_count > BITMAPS_MOST || (at & (s->cluster_size - 1)) ||
        s->bitmap_directory_size > QCOW2_MAX_SNAPSHOT_BYTES ||
        !range_fits(at, s->bitmap_directory_size, scan->clusters << s->cluster_bits)) {
        finding(scan, "ERROR the bitmap directory lies beyond the end of the file");
        corruption(scan, false);
        return 0;
    }
    refer(scan, at, s->bitmap_directory_size, 1, "bitmap directory");
    while (!err && range_fits(at, BITMAP_ENTRY, end)) {
        uint8_t e[BITMAP_ENTRY];
        err = block_pread(s->block->file, at, e, sizeof e);
        if (!err)
            err = scan_bitmap(scan, load_be64(e), load_be32(e + 8));
        at += align_up(BITMAP_ENTRY + (uint64_t)load_be16(e + 18) + load_be32(e + 20), 8);
    }
    return err;
}

/* The refcount table and its blocks. Blocks that make no sense call for new ones. */
static void scan_refblocks(struct scan *scan)
{
    struct qcow2 *s = scan->s;

    refer(scan, s->reftable_offset, (uint64_t)s->reftable_clusters << s->cluster_bits, 1,
          "refcount table");
    for (uint32_t i = 0; i < s->reftable_size; i++) {
        uint64_t offset = s->reftable[i];
        if (!offset)
            continue;
        if ((offset & (s->cluster_size - 1)) || qcow2_cluster_of(s, offset) >= scan->clusters ||
            scan->refs[qcow2_cluster_of(s, offset)]) {
            finding(scan,
                    "ERROR refcount block %u at 0x%" PRIx64
                    " lies over other metadata, beyond the end of the file or is not aligned",
                    i, offset);
            scan->rebuild = true;
            corruption(scan, scan->fix);
            continue;
        }
        refer(scan, offset, s->cluster_size, 1, "refcount block");
        bitmap_set(scan->counted, i);
    }
    if (!s->reftable_size || !s->reftable_offset) {
        finding(scan, "ERROR there is no refcount table");
        scan->rebuild = true;
        corruption(scan, scan->fix);
    }
}

static int scan_references(struct scan *scan)
{
    struct qcow2 *s = scan->s;
    uint8_t *l2 = malloc(s->cluster_size);
    uint64_t cluster;
    size_t cursor = 0;
    void *times;
    int err = l2 ? 0 : ENOMEM;

    refer(scan, 0, s->cluster_size, 1, "header");
    refer(scan, s->l1_offset, (uint64_t)s->l1_size * 8, 1, "L1 table");
    scan_refblocks(scan);
    if (!err)
        err = scan_snapshots(scan);
    if (!err)
        err = scan_bitmaps(scan);
    if (!err)
        err = scan_l1(scan, s->l1, s->l1_size, true);
    while (!err && hashmap_next(&scan->l2_tables, &cursor, &cluster, &times)) {
        if (scan->refs[cluster] != (uintptr_t)times) {
            finding(scan, "ERROR the L2 table at 0x%" PRIx64 " lies over other metadata",
                    cluster << s->cluster_bits);
            corruption(scan, false);
        }
    }
    cursor = 0;
    while (!err && hashmap_next(&scan->l2_tables, &cursor, &cluster, &times))
        err = scan_l2(scan, cluster, (uintptr_t)times, l2);
    free(l2);
    return err;
}

/* ---- comparing ------------------------------------------------------------------------------- */

/* One cluster's refcount against its references; *changed: the block was mended. */
static void compare(struct scan *scan, uint64_t cluster, uint8_t *block, uint64_t index,
                    bool *changed)
{
    uint64_t has = block ? refcount_load(scan->s, block, index) : 0;
    uint64_t want = cluster < scan->clusters ? scan->refs[cluster] : 0;
    bool leak = has > want, mend;

    if (has)
        scan->check->image_end_offset =
            MAX(scan->check->image_end_offset, (cluster + 1) << scan->s->cluster_bits);
    if (has == want)
        return;
    mend = (leak ? scan->fix_leaks : scan->fix) && !scan->rebuild && block &&
           want <= refcount_max(scan->s);
    finding(scan, "%s cluster %" PRIu64 " refcount=%" PRIu64 " reference=%" PRIu64,
            mend   ? "Repairing"
            : leak ? "Leaked"
                   : "ERROR",
            cluster, has, want);
    if (mend) {
        refcount_store(scan->s, block, index, want);
        *changed = true;
    } else if (!leak && !block) {
        scan->rebuild = true; /* nowhere to count it */
    }
    mend |= scan->rebuild && scan->fix;
    scan->check->leaks += leak && !mend;
    scan->check->leaks_fixed += leak && mend;
    if (!leak)
        corruption(scan, mend);
}

static int compare_all(struct scan *scan)
{
    struct qcow2 *s = scan->s;
    uint64_t per_block = UINT64_C(1) << s->refblock_bits;
    uint64_t blocks = MAX(s->reftable_size, (scan->clusters + per_block - 1) >> s->refblock_bits);
    int err = 0;

    for (uint64_t b = 0; b < blocks && !err; b++) {
        uint64_t offset = b < s->reftable_size ? s->reftable[b] : 0, first = b << s->refblock_bits;
        struct table *t = NULL;
        bool changed = false;
        if ((offset & (s->cluster_size - 1)) || qcow2_cluster_of(s, offset) >= scan->clusters)
            offset = 0;
        if (!offset && !qcow2_any_references(scan->refs, scan->clusters, first, per_block))
            continue;
        if (offset)
            err = table_get(s, &s->refblocks, offset, &t);
        for (uint64_t i = 0; i < per_block && !err; i++) {
            if (!t && first + i >= scan->clusters)
                break;
            compare(scan, first + i, t ? t->data : NULL, i, &changed);
        }
        if (changed)
            table_dirty(&s->refblocks, t);
    }
    return err;
}

/* COPIED flags of the active tables, and what the disk is made of. Flags are mended all at once. */
static void compare_flags(struct scan *scan, uint64_t l2_offset, const uint8_t *l2)
{
    struct qcow2 *s = scan->s;
    struct vemu_block_check *check = scan->check;

    for (uint64_t n = 0; n < s->cluster_size / 8; n++) {
        uint64_t entry = load_be64(l2 + n * 8), host = entry & QE_OFFSET;
        uint64_t cluster = qcow2_cluster_of(s, host);
        if (entry & QE_COMPRESSED) {
            check->compressed_clusters++;
            check->allocated_clusters++;
            check->fragmented_clusters++;
            continue;
        }
        if (!host || (host & (s->cluster_size - 1)) || cluster >= scan->clusters)
            continue;
        check->allocated_clusters++;
        if (scan->last_host && scan->last_host + s->cluster_size != host)
            check->fragmented_clusters++;
        scan->last_host = host;
        if ((scan->refs[cluster] == 1) == ((entry & QE_COPIED) != 0))
            continue;
        finding(scan,
                "%s COPIED flag of the data cluster at 0x%" PRIx64 " (L2 table at 0x%" PRIx64
                ", entry %" PRIu64 "): refcount is %u",
                scan->fix ? "Repairing" : "ERROR", host, l2_offset, n, scan->refs[cluster]);
        corruption(scan, scan->fix);
    }
}

static int compare_active(struct scan *scan)
{
    struct qcow2 *s = scan->s;
    uint8_t *l2 = malloc(s->cluster_size);
    int err = l2 ? 0 : ENOMEM;

    for (uint32_t i = 0; i < s->l1_size && !err; i++) {
        uint64_t offset = s->l1[i] & QE_OFFSET, cluster = qcow2_cluster_of(s, offset);
        /* An entry led nowhere: it was reported. */
        if (!offset || (offset & (s->cluster_size - 1)) || cluster >= scan->clusters)
            continue;
        if ((scan->refs[cluster] == 1) != ((s->l1[i] & QE_COPIED) != 0)) {
            finding(scan, "%s COPIED flag of the L2 table at 0x%" PRIx64 ": refcount is %u",
                    scan->fix ? "Repairing" : "ERROR", offset, scan->refs[cluster]);
            corruption(scan, scan->fix);
        }
        /* Once for each table, however many entries lead there. */
        if (!hashmap_remove(&scan->l2_tables, cluster))
            continue;
        err = block_pread(s->block->file, offset, l2, s->cluster_size);
        if (!err)
            compare_flags(scan, offset, l2);
    }
    free(l2);
    return err;
}

/* ---- the whole ------------------------------------------------------------------------------- */

/* References without those to the refcount structures themselves, for new ones. */
static int rebuild(struct scan *scan)
{
    struct qcow2 *s = scan->s;
    uint64_t first = qcow2_cluster_of(s, s->reftable_offset);

    for (uint32_t i = 0; i < s->reftable_clusters; i++) {
        if (first + i < scan->clusters && scan->refs[first + i])
            scan->refs[first + i]--;
    }
    for (uint32_t i = 0; i < s->reftable_size; i++) {
        if (bitmap_test(scan->counted, i))
            scan->refs[qcow2_cluster_of(s, s->reftable[i])]--;
    }
    return qcow2_rebuild_refcounts(s, scan->refs, scan->clusters);
}

static int write_back(struct scan *scan)
{
    struct qcow2 *s = scan->s;
    bool wrote = false;
    int err = scan->rebuild ? rebuild(scan) : 0;

    if (!err)
        err = refcount_flush(s, &wrote);
    if (!err && scan->fix)
        err = qcow2_fix_copied(s);
    if (!err)
        err = qcow2_flush_all(s);
    if (!err && scan->fix && !scan->check->corruptions) {
        err = qcow2_set_incompatible(s, QCOW2_DIRTY | QCOW2_CORRUPT, false);
        if (!err)
            err = qcow2_sync(s);
    }
    s->free_hint = 0;
    return err;
}

static int scan_image(struct scan *scan)
{
    struct qcow2 *s = scan->s;
    uint64_t length;
    int err = block_file_length(s->block->file, &length);

    scan->clusters = (length + s->cluster_size - 1) >> s->cluster_bits;
    if (err || scan->clusters > MOST_CLUSTERS)
        return err ? err : EFBIG;
    scan->refs = calloc(scan->clusters + 1, sizeof *scan->refs);
    scan->counted = calloc(bitmap_words(s->reftable_size) + 1, 8);
    if (!scan->refs || !scan->counted)
        return ENOMEM;
    scan->check->total_clusters = (s->block->size + s->cluster_size - 1) >> s->cluster_bits;
    err = scan_references(scan);
    if (!err)
        err = compare_all(scan);
    if (!err)
        err = compare_active(scan);
    if (!err && (scan->fix || scan->fix_leaks))
        err = write_back(scan);
    return err;
}

bool qcow2_check(struct vemu_block *block, enum vemu_block_repair repair,
                 struct vemu_block_check *check, struct vemu_error **errp)
{
    struct qcow2 *s = qcow2_of(block);
    struct scan scan = {.s = s,
                        .check = check,
                        .fix = repair == VEMU_BLOCK_REPAIR_ALL,
                        .fix_leaks = repair != VEMU_BLOCK_REPAIR_NONE};
    struct vemu_block_check empty = {.finding = check->finding, .opaque = check->opaque};
    int err = 0;

    *check = empty;
    pthread_mutex_lock(&s->lock);
    if (repair)
        s->broken = false; /* it is what is being mended */
    if (!block->read_only)
        err = qcow2_flush_all(s);
    if (!err)
        err = scan_image(&scan);
    pthread_mutex_unlock(&s->lock);
    hashmap_destroy(&scan.l2_tables);
    free(scan.refs);
    free(scan.counted);
    if (err == EFBIG)
        return error_set(errp, VEMU_ERROR_INVALID,
                         "'%s' has more than %llu clusters, which is more than can be checked",
                         block->filename, (unsigned long long)MOST_CLUSTERS);
    return !err || block_error(errp, block, err, "the check could not be carried out");
}
