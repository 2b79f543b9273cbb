/*
 * The qcow2 format, versions 2 and 3. Private to the driver's files (qcow2*.c).
 *
 * One lock per image guards all metadata, in memory and its transfers; data moves without it.
 *
 * Order of writes. Whatever happens, what the file holds must at worst have leaked clusters:
 *  - a reference is written after the refcount it needs (qcow2_flush_metadata: refcount blocks,
 *    refcount table, then L2 tables, then L1; before an L2 table is evicted, the refcounts);
 *  - a refcount goes down after the reference is gone from the file: dropped clusters wait on a
 * list until the tables have been flushed;
 *  - a data cluster is linked after its data has been written.
 * Between the steps the file is flushed, so the same holds for a crash of the host. Operations that
 * cannot keep the COPIED flags right at each moment (snapshots) set the dirty bit while they run.
 *
 * A dropped cluster may still be the target of a transfer that started before. Transfers count
 * themselves in one of two epochs; a cluster is reused when those of its epoch have ended.
 */
#ifndef CORE_BLOCK_QCOW2_H
#define CORE_BLOCK_QCOW2_H

#include <pthread.h>
#include "core/block/block.h"
#include "core/block/codec.h"
#include "core/util/hashmap.h"
#include "core/util/list.h"

/* ---- the file -------------------------------------------------------------------------------- */

enum {
    QCOW2_MAGIC = 0x514649fb,
    QCOW2_MIN_CLUSTER_BITS = 9,
    QCOW2_MAX_CLUSTER_BITS = 21,
    QCOW2_V2_HEADER = 72,
    QCOW2_V3_HEADER = 104,
    QCOW2_OUR_HEADER = 112, /* what a new image gets */
    QCOW2_MAX_BACKING_NAME = 1023,
    QCOW2_MAX_SNAPSHOTS = 65536,
};
/* Bounds on tables that are held in memory as a whole. */
#define QCOW2_MAX_L1_BYTES (UINT64_C(32) << 20)
#define QCOW2_MAX_REFTABLE_BYTES (UINT64_C(8) << 20)
#define QCOW2_MAX_SNAPSHOT_BYTES (UINT64_C(64) << 20)

/* Header fields. */
enum {
    QH_MAGIC = 0,
    QH_VERSION = 4,
    QH_BACKING_OFFSET = 8,
    QH_BACKING_SIZE = 16,
    QH_CLUSTER_BITS = 20,
    QH_SIZE = 24,
    QH_CRYPT_METHOD = 32,
    QH_L1_SIZE = 36,
    QH_L1_OFFSET = 40,
    QH_REFTABLE_OFFSET = 48,
    QH_REFTABLE_CLUSTERS = 56,
    QH_SNAPSHOT_COUNT = 60,
    QH_SNAPSHOT_OFFSET = 64,
    QH_INCOMPATIBLE = 72,
    QH_COMPATIBLE = 80,
    QH_AUTOCLEAR = 88,
    QH_REFCOUNT_ORDER = 96,
    QH_HEADER_LENGTH = 100,
    QH_COMPRESSION_TYPE = 104,
};

enum {
    QCOW2_DIRTY = 1 << 0, /* incompatible features */
    QCOW2_CORRUPT = 1 << 1,
    QCOW2_DATA_FILE = 1 << 2,
    QCOW2_COMPRESSION = 1 << 3,
    QCOW2_EXTENDED_L2 = 1 << 4,
    QCOW2_LAZY_REFCOUNTS = 1 << 0, /* compatible features */
};

enum {
    QEXT_END = 0,
    QEXT_BACKING_FORMAT = (int)0xe2792aca,
    QEXT_FEATURE_NAMES = 0x6803f857,
    QEXT_BITMAPS = 0x23852875,
};

/* Bits of L1 and L2 entries. */
#define QE_COPIED (UINT64_C(1) << 63)
#define QE_COMPRESSED (UINT64_C(1) << 62)
#define QE_ZERO UINT64_C(1)
#define QE_OFFSET UINT64_C(0x00fffffffffffe00)
#define QE_L1_RESERVED UINT64_C(0x7f000000000001ff)
#define QE_L2_RESERVED UINT64_C(0x3f000000000001fe)

/* ---- in memory ------------------------------------------------------------------------------- */

/* A cluster of metadata: an L2 table or a refcount block. */
struct table {
    struct list lru;
    uint64_t offset;
    bool dirty;
    uint8_t *data;
};

struct table_cache {
    struct hashmap tables; /* by cluster number */
    struct list lru;       /* least recently used first */
    unsigned count, limit, dirty;
};

/* Clusters that are being filled, by guest cluster number. */
struct allocation {
    struct list node;
    uint64_t first, count;
};

struct dropped_list {
    uint64_t *clusters; /* host cluster numbers, one for each reference */
    size_t count, room;
};

struct qcow2_snapshot {
    uint64_t l1_offset;
    uint32_t l1_size;
    char *id, *name;
    uint8_t *extra; /* as in the file, also what is not known */
    uint32_t extra_size;
    uint32_t date_s, date_ns;
    uint64_t vm_clock_ns, vm_state_size, disk_size, icount;
};

struct qcow2 {
    struct vemu_block *block;
    pthread_mutex_t lock;
    pthread_cond_t allocated; /* an allocation ended */

    unsigned version, cluster_bits, l2_bits, refcount_order, refblock_bits;
    uint64_t cluster_size;
    uint64_t incompatible, compatible, autoclear;
    uint32_t header_length;
    enum codec_type codec;
    uint8_t *extensions; /* header extensions that are kept as they are */
    size_t extensions_size;
    bool has_bitmaps;
    uint64_t bitmap_directory, bitmap_directory_size;
    uint32_t bitmap_count;

    uint64_t *l1, l1_offset; /* host byte order */
    uint32_t l1_size, l1_room;
    uint32_t l1_dirty_from, l1_dirty_to;
    uint64_t *reftable, reftable_offset;
    uint32_t reftable_clusters, reftable_size; /* entries */
    uint32_t reftable_dirty_from, reftable_dirty_to;
    struct table_cache l2_tables, refblocks;
    uint64_t free_hint;       /* no cluster below is free */
    uint64_t file_end;        /* never written from here on: reads as zeros */
    uint64_t compressed_next; /* where the next compressed cluster goes; 0: into a new cluster */

    struct hashmap metadata; /* host cluster number -> what is there, a constant text */
    struct list allocations;
    unsigned transfers[2], epoch;
    struct dropped_list fresh, aging;

    struct qcow2_snapshot *snapshots;
    uint32_t snapshot_count;
    uint64_t snapshots_offset, snapshots_bytes;
    struct vemu_block_snapshot *snapshot_info; /* for vemu_block_info */

    bool lazy;   /* refcounts may be written late: the dirty bit is set */
    bool broken; /* damage was found while writing: nothing is written any more */
};

/* What a range of the disk maps to. */
enum map_type { MAP_UNALLOCATED, MAP_ZERO, MAP_ZERO_ALLOCATED, MAP_NORMAL, MAP_COMPRESSED };
struct mapping {
    enum map_type type;
    bool copied;
    uint64_t host;  /* of the first byte; compressed: of the stream */
    uint64_t bytes; /* how far it goes on like this */
    uint64_t entry; /* compressed: the L2 entry */
};

static inline uint64_t qcow2_cluster_of(const struct qcow2 *s, uint64_t offset)
{
    return offset >> s->cluster_bits;
}

/* qcow2.c */
struct qcow2 *qcow2_of(const struct vemu_block *block);
int qcow2_write_header_field(struct qcow2 *s, unsigned field, const void *bytes, size_t len);
int qcow2_set_incompatible(struct qcow2 *s, uint64_t bits, bool on);
/* Writes the first cluster anew: after a change of features, backing file or extensions. */
int qcow2_write_header(struct qcow2 *s);
/* Damage was found: from now on nothing is written; the file says so where it can. Returns EIO. */
int qcow2_damaged(struct qcow2 *s);
/* Does writing [offset, offset + bytes) of the file hit metadata? */
bool qcow2_hits_metadata(const struct qcow2 *s, uint64_t offset, uint64_t bytes);
bool qcow2_note_metadata(struct qcow2 *s, uint64_t offset, uint64_t bytes, const char *what);
void qcow2_forget_metadata(struct qcow2 *s, uint64_t offset, uint64_t bytes);
int qcow2_sync(struct qcow2 *s);
/* Are L1 tables of this place and size acceptable? */
bool qcow2_table_ok(const struct qcow2 *s, uint64_t offset, uint64_t bytes, uint64_t most);

/* qcow2_table.c; lock held */
void table_cache_init(struct table_cache *c, unsigned limit);
void table_cache_free(struct table_cache *c);
struct table *table_peek(struct table_cache *c, const struct qcow2 *s, uint64_t offset);
/* Loads a table, or makes one (zeroed, dirty). It stays valid until the next but one call. */
int table_get(struct qcow2 *s, struct table_cache *c, uint64_t offset, struct table **table);
int table_new(struct qcow2 *s, struct table_cache *c, uint64_t offset, struct table **table);
void table_dirty(struct table_cache *c, struct table *table);
void table_forget(struct qcow2 *s, struct table_cache *c, uint64_t offset);
int table_write_all(struct qcow2 *s, struct table_cache *c);

/* qcow2_refcount.c; lock held */
int refcount_get(struct qcow2 *s, uint64_t cluster, uint64_t *value);
/* Adds to the refcount at once: going up, or down when no reference is left in the file. */
int refcount_add(struct qcow2 *s, uint64_t cluster, int64_t delta);
int refcount_set(struct qcow2 *s, uint64_t cluster, uint64_t value);
uint64_t refcount_load(const struct qcow2 *s, const uint8_t *block, uint64_t index);
void refcount_store(const struct qcow2 *s, uint8_t *block, uint64_t index, uint64_t value);
/* Clusters next to each other, refcount 1: between 1 and `most`, or exactly `most`. */
int refcount_allocate(struct qcow2 *s, uint64_t most, bool exact, uint64_t *offset,
                      uint64_t *count);
/* Gives allocated clusters back that no table in the file or in memory refers to. */
void refcount_release(struct qcow2 *s, uint64_t offset, uint64_t count);
/* A reference to `cluster` is gone from the tables in memory. */
void refcount_drop(struct qcow2 *s, uint64_t cluster);
int refcount_flush(struct qcow2 *s, bool *wrote);
/* What was dropped, and is no longer in the file nor in use by a transfer, becomes free. */
int refcount_apply_drops(struct qcow2 *s);
int refcount_new_table(struct qcow2 *s, uint64_t least_entries);
/* Another refcount table: for the header, where it is in the file; in memory, whose `table` of
 * whole clusters s owns from then on. */
int refcount_name_table(struct qcow2 *s, uint64_t offset, uint64_t clusters);
void refcount_take_table(struct qcow2 *s, uint64_t *table, uint64_t offset, uint64_t clusters);
uint64_t refcount_max(const struct qcow2 *s);

/* qcow2_map.c; lock held */
int qcow2_map(struct qcow2 *s, uint64_t offset, uint64_t bytes, struct mapping *m);
/* The same without I/O: false when the table is not in memory. */
bool qcow2_map_cached(struct qcow2 *s, uint64_t offset, uint64_t bytes, struct mapping *m);
/* The L2 table for a guest offset, private to the active state; made when there is none. */
int qcow2_l2_for_write(struct qcow2 *s, uint64_t offset, struct table **table);
uint64_t qcow2_l2_index(const struct qcow2 *s, uint64_t offset);
void qcow2_set_l1(struct qcow2 *s, uint32_t index, uint64_t entry);
/* Where a compressed cluster's sectors are. */
void qcow2_compressed_extent(const struct qcow2 *s, uint64_t entry, uint64_t *offset,
                             uint64_t *bytes);
/* Drops whatever an L2 entry refers to. */
void qcow2_drop_entry(struct qcow2 *s, uint64_t entry);
int qcow2_flush_metadata(struct qcow2 *s, bool *wrote);
/* Everything written, durable, and dropped clusters free. Nothing else under way. */
int qcow2_flush_all(struct qcow2 *s);

/* qcow2_io.c */
bool qcow2_submit(struct vemu_block *block, struct vemu_block_request *req);
int qcow2_rw(struct vemu_block *block, bool write, uint64_t offset, struct sg sg, uint64_t bytes,
             unsigned flags);
int qcow2_zero(struct vemu_block *block, uint64_t offset, uint64_t bytes, unsigned flags);
int qcow2_discard(struct vemu_block *block, uint64_t offset, uint64_t bytes);
int qcow2_flush(struct vemu_block *block);
int qcow2_status(struct vemu_block *block, uint64_t offset, uint64_t bytes,
                 struct vemu_block_status *st);
/* First use of lazy refcounts, or nothing; before anything is allocated. Lock held. */
int qcow2_begin_changes(struct qcow2 *s);

/* qcow2_snapshot.c */
bool qcow2_load_snapshots(struct qcow2 *s, struct vemu_error **errp);
void qcow2_free_snapshots(struct qcow2 *s);
const struct qcow2_snapshot *qcow2_find_snapshot(const struct qcow2 *s, const char *key);
bool qcow2_snapshot_create(struct vemu_block *block, const char *name, struct vemu_error **errp);
bool qcow2_snapshot_apply(struct vemu_block *block, const char *key, struct vemu_error **errp);
bool qcow2_snapshot_delete(struct vemu_block *block, const char *key, struct vemu_error **errp);
/* Sets COPIED in the active tables exactly where a refcount is 1. Lock held. */
int qcow2_fix_copied(struct qcow2 *s);
/* Reads an L1 table into host byte order; bounded by the caller. */
int qcow2_read_l1(struct qcow2 *s, uint64_t offset, uint32_t size, uint64_t **l1);
/* Writes an L1 table to new clusters. */
int qcow2_write_new_l1(struct qcow2 *s, const uint64_t *l1, uint32_t size, uint64_t *offset);

/* qcow2_resize.c */
bool qcow2_resize(struct vemu_block *block, uint64_t size, enum vemu_block_prealloc prealloc,
                  struct vemu_error **errp);
bool qcow2_make_empty(struct vemu_block *block, struct vemu_error **errp);
uint64_t qcow2_l1_entries(const struct qcow2 *s, uint64_t size);
/* Switches the header to another L1 table and disk size, in one write. */
int qcow2_switch_l1(struct qcow2 *s, uint64_t size, uint32_t l1_size, uint64_t l1_offset);

/* qcow2_create.c */
bool qcow2_create(struct vemu_block_context *ctx, const char *filename,
                  const struct vemu_block_create_options *options, struct opts *opts,
                  struct vemu_error **errp);
extern const char qcow2_create_help[];

/* qcow2_check.c, qcow2_repair.c */
bool qcow2_check(struct vemu_block *block, enum vemu_block_repair repair,
                 struct vemu_block_check *check, struct vemu_error **errp);
/* New refcount table and blocks behind the end of the file, from `refs`, the references to each of
 * `clusters` clusters, which do not count the present ones. Lock held. */
int qcow2_rebuild_refcounts(struct qcow2 *s, const uint32_t *refs, uint64_t clusters);
/* Is there any reference among `count` clusters from `first` on, of `clusters` in all? */
bool qcow2_any_references(const uint32_t *refs, uint64_t clusters, uint64_t first, uint64_t count);

#endif
