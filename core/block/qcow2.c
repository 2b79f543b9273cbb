/*
 * qcow2: opening, closing, the header. See qcow2.h. The format is that of QEMU's
 * docs/interop/qcow2, whose field names are used.
 */
#include "core/block/qcow2.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/util/endian.h"
#include "core/util/range.h"

#define L2_CACHE_DEFAULT (UINT64_C(32) << 20)
#define REFBLOCK_CACHE (UINT64_C(4) << 20)
/* Some operations hold two tables at once. */
enum { CACHE_LEAST_TABLES = 8, FEATURE_NAME = 48 };

struct qcow2 *qcow2_of(const struct vemu_block *block)
{
    return block->state;
}

int qcow2_sync(struct qcow2 *s)
{
    return s->block->file->driver->flush(s->block->file);
}

/* ---- the header ------------------------------------------------------------------------------ */

int qcow2_write_header_field(struct qcow2 *s, unsigned field, const void *bytes, size_t len)
{
    return s->broken ? EIO : block_pwrite(s->block->file, field, bytes, len);
}

int qcow2_set_incompatible(struct qcow2 *s, uint64_t bits, bool on)
{
    uint64_t value = on ? s->incompatible | bits : s->incompatible & ~bits;
    uint8_t field[8];
    int err;

    if (s->version < 3 || value == s->incompatible)
        return 0;
    store_be64(field, value);
    err = qcow2_write_header_field(s, QH_INCOMPATIBLE, field, sizeof field);
    if (!err)
        s->incompatible = value;
    return err;
}

int qcow2_damaged(struct qcow2 *s)
{
    if (!s->block->read_only && !s->broken) {
        qcow2_set_incompatible(s, QCOW2_CORRUPT, true);
        s->broken = true;
    }
    return EIO;
}

/* Appends an extension; false: no room. */
static bool put_extension(uint8_t *buf, size_t room, size_t *at, uint32_t type, const void *data,
                          size_t len)
{
    if (room - *at < 8 + align_up(len, 8))
        return false;
    store_be32(buf + *at, type);
    store_be32(buf + *at + 4, (uint32_t)len);
    if (len)
        memcpy(buf + *at + 8, data, len);
    *at += 8 + align_up(len, 8);
    return true;
}

static bool put_feature_names(uint8_t *buf, size_t room, size_t *at)
{
    static const struct {
        uint8_t type, bit;
        const char *name;
    } features[] = {
        {0, 0, "dirty bit"},        {0, 1, "corrupt bit"},         {0, 2, "external data file"},
        {0, 3, "compression type"}, {0, 4, "extended L2 entries"}, {1, 0, "lazy refcounts"},
        {2, 0, "bitmaps"},          {2, 1, "raw external data"}};
    uint8_t table[ARRAY_SIZE(features) * FEATURE_NAME] = {0};

    for (unsigned i = 0; i < ARRAY_SIZE(features); i++) {
        uint8_t *p = table + i * FEATURE_NAME;
        p[0] = features[i].type;
        p[1] = features[i].bit;
        memcpy(p + 2, features[i].name, strlen(features[i].name));
    }
    return put_extension(buf, room, at, QEXT_FEATURE_NAMES, table, sizeof table);
}

int qcow2_write_header(struct qcow2 *s)
{
    const struct vemu_block *b = s->block;
    size_t name = b->backing_name ? strlen(b->backing_name) : 0, at = s->header_length;
    size_t room = s->cluster_size;
    uint8_t *buf = calloc(1, room);
    bool fits = true;
    int err;

    if (!buf)
        return ENOMEM;
    /* What is not known of the header stays. */
    err = block_pread(b->file, 0, buf, s->header_length);
    if (err)
        goto out;
    if (b->backing_format)
        fits = put_extension(buf, room, &at, QEXT_BACKING_FORMAT, b->backing_format,
                             strlen(b->backing_format));
    if (fits && s->extensions_size) {
        fits = room - at >= s->extensions_size;
        if (fits)
            memcpy(buf + at, s->extensions, s->extensions_size);
        at += s->extensions_size;
    }
    /* Names are a comfort; they give way where a small cluster is short of room. */
    if (fits && s->version >= 3 && room - at >= 512 + name)
        fits = put_feature_names(buf, room, &at);
    fits = fits && put_extension(buf, room, &at, QEXT_END, NULL, 0) && room - at >= name;
    err = fits ? 0 : ENOSPC;
    if (err)
        goto out;
    store_be64(buf + QH_BACKING_OFFSET, name ? at : 0);
    store_be32(buf + QH_BACKING_SIZE, (uint32_t)name);
    if (s->version >= 3) {
        store_be64(buf + QH_INCOMPATIBLE, s->incompatible);
        store_be64(buf + QH_COMPATIBLE, s->compatible);
        store_be64(buf + QH_AUTOCLEAR, s->autoclear);
    }
    if (name)
        memcpy(buf + at, b->backing_name, name);
    err = qcow2_write_header_field(s, 0, buf, MIN(room, align_up(at + name, 512)));
out:
    free(buf);
    return err;
}

/* ---- metadata that must not be overwritten ----------------------------------------------------
 */

bool qcow2_hits_metadata(const struct qcow2 *s, uint64_t offset, uint64_t bytes)
{
    uint64_t last = qcow2_cluster_of(s, offset + bytes - 1);

    for (uint64_t c = qcow2_cluster_of(s, offset); c <= last; c++) {
        if (hashmap_get(&s->metadata, c))
            return true;
    }
    return false;
}

bool qcow2_note_metadata(struct qcow2 *s, uint64_t offset, uint64_t bytes, const char *what)
{
    uint64_t clusters = (bytes + s->cluster_size - 1) >> s->cluster_bits;

    for (uint64_t i = 0; i < clusters; i++) {
        if (!hashmap_put(&s->metadata, qcow2_cluster_of(s, offset) + i, (void *)what))
            return false;
    }
    return true;
}

void qcow2_forget_metadata(struct qcow2 *s, uint64_t offset, uint64_t bytes)
{
    uint64_t clusters = (bytes + s->cluster_size - 1) >> s->cluster_bits;

    for (uint64_t i = 0; i < clusters; i++)
        hashmap_remove(&s->metadata, qcow2_cluster_of(s, offset) + i);
}

/* Notes what the open image has; two things in one place make it damaged. */
static bool claim(struct qcow2 *s, uint64_t offset, uint64_t bytes, const char *what,
                  struct vemu_error **errp)
{
    if (bytes && qcow2_hits_metadata(s, offset, bytes))
        return error_set(errp, VEMU_ERROR_FORMAT,
                         "'%s' is damaged: %s at offset %llu lies over other metadata; \"vemu-img "
                         "check -r all\" may repair it",
                         s->block->filename, what, (unsigned long long)offset);
    return qcow2_note_metadata(s, offset, bytes, what) ||
           error_set(errp, VEMU_ERROR_NO_MEMORY, "out of memory");
}

static bool claim_all(struct qcow2 *s, struct vemu_error **errp)
{
    if (!claim(s, 0, s->cluster_size, "the header", errp) ||
        !claim(s, s->l1_offset, (uint64_t)s->l1_size * 8, "the L1 table", errp) ||
        !claim(s, s->reftable_offset, (uint64_t)s->reftable_size * 8, "the refcount table", errp) ||
        !claim(s, s->snapshots_offset, s->snapshots_bytes, "the snapshot table", errp))
        return false;
    for (uint32_t i = 0; i < s->snapshot_count; i++) {
        if (!claim(s, s->snapshots[i].l1_offset, (uint64_t)s->snapshots[i].l1_size * 8,
                   "a snapshot's L1 table", errp))
            return false;
    }
    for (uint32_t i = 0; i < s->reftable_size; i++) {
        if (s->reftable[i] && !claim(s, s->reftable[i], s->cluster_size, "a refcount block", errp))
            return false;
    }
    for (uint32_t i = 0; i < s->l1_size; i++) {
        if ((s->l1[i] & QE_OFFSET) &&
            !claim(s, s->l1[i] & QE_OFFSET, s->cluster_size, "an L2 table", errp))
            return false;
    }
    return true;
}

/* ---- opening --------------------------------------------------------------------------------- */

static bool qcow2_probe(const uint8_t *head, size_t len)
{
    return len >= 8 && load_be32(head) == QCOW2_MAGIC && load_be32(head + 4) >= 2;
}

bool qcow2_table_ok(const struct qcow2 *s, uint64_t offset, uint64_t bytes, uint64_t most)
{
    return bytes <= most && (offset & (s->cluster_size - 1)) == 0 &&
           range_fits(offset, bytes, UINT64_C(1) << 56) && (!bytes || offset);
}

static bool bad(const struct qcow2 *s, struct vemu_error **errp, const char *what,
                unsigned long long value, const char *right)
{
    return error_set(errp, VEMU_ERROR_FORMAT,
                     "'%s' is not a usable qcow2 image: its %s is %llu, %s", s->block->filename,
                     what, value, right);
}

/* The name that the image itself gives an incompatible feature we do not know. */
static void feature_name(const uint8_t *ext, size_t len, unsigned bit, char name[FEATURE_NAME])
{
    snprintf(name, FEATURE_NAME, "bit %u", bit);
    for (size_t i = 0; i + FEATURE_NAME <= len; i += FEATURE_NAME) {
        if (ext[i] == 0 && ext[i + 1] == bit)
            snprintf(name, FEATURE_NAME, "%.46s", (const char *)ext + i + 2);
    }
}

static bool check_features(struct qcow2 *s, const uint8_t *names, size_t names_len,
                           struct vemu_error **errp)
{
    uint64_t unknown =
        s->incompatible & ~(uint64_t)(QCOW2_DIRTY | QCOW2_CORRUPT | QCOW2_COMPRESSION);
    char name[FEATURE_NAME];

    if (!unknown)
        return true;
    feature_name(names, names_len, (unsigned)__builtin_ctzll(unknown), name);
    return error_set(
        errp, VEMU_ERROR_UNSUPPORTED,
        "'%s' uses the qcow2 feature '%s', which is not supported; \"qemu-img convert\" "
        "makes an image without it",
        s->block->filename, name);
}

/* One extension; those of no concern are kept for when the header is written again. */
static bool take_extension(struct qcow2 *s, uint32_t type, const uint8_t *data, uint32_t len,
                           const uint8_t **names, size_t *names_len, struct vemu_error **errp)
{
    uint8_t *more;
    size_t padded = 8 + align_up(len, 8);

    switch (type) {
    case (uint32_t)QEXT_BACKING_FORMAT:
        if (len > 15)
            return bad(s, errp, "backing format's length", len, "at most 15 is right");
        free(s->block->backing_format);
        s->block->backing_format = strndup((const char *)data, len);
        return s->block->backing_format || error_set(errp, VEMU_ERROR_NO_MEMORY, "out of memory");
    case QEXT_FEATURE_NAMES:
        *names = data;
        *names_len = len;
        return true;
    case QEXT_BITMAPS:
        if (len >= 24) {
            s->has_bitmaps = true;
            s->bitmap_count = load_be32(data);
            s->bitmap_directory_size = load_be64(data + 8);
            s->bitmap_directory = load_be64(data + 16);
        }
        break;
    default:
        break;
    }
    more = realloc(s->extensions, s->extensions_size + padded);
    if (!more)
        return error_set(errp, VEMU_ERROR_NO_MEMORY, "out of memory");
    s->extensions = more;
    memset(more + s->extensions_size, 0, padded);
    store_be32(more + s->extensions_size, type);
    store_be32(more + s->extensions_size + 4, len);
    memcpy(more + s->extensions_size + 8, data, len);
    s->extensions_size += padded;
    return true;
}

static bool read_extensions(struct qcow2 *s, const uint8_t *head, uint64_t end,
                            struct vemu_error **errp)
{
    const uint8_t *names = NULL;
    size_t names_len = 0;

    for (uint64_t at = s->header_length; end - at >= 8;) {
        uint32_t type = load_be32(head + at), len = load_be32(head + at + 4);
        at += 8;
        if (type == QEXT_END)
            break;
        if (len > end - at)
            return bad(s, errp, "header extension's length", len, "which does not fit");
        if (!take_extension(s, type, head + at, len, &names, &names_len, errp))
            return false;
        at += MIN(align_up(len, 8), end - at);
    }
    return check_features(s, names, names_len, errp);
}

/* The features of version 3, and the compression type that goes with one. */
static bool read_v3(struct qcow2 *s, const uint8_t *head, struct vemu_error **errp)
{
    unsigned type;

    s->incompatible = load_be64(head + QH_INCOMPATIBLE);
    s->compatible = load_be64(head + QH_COMPATIBLE);
    s->autoclear = load_be64(head + QH_AUTOCLEAR);
    s->refcount_order = load_be32(head + QH_REFCOUNT_ORDER);
    s->header_length = load_be32(head + QH_HEADER_LENGTH);
    if (s->refcount_order > 6)
        return bad(s, errp, "refcount order", s->refcount_order, "at most 6 is right");
    if (s->header_length < QCOW2_V3_HEADER || s->header_length > s->cluster_size ||
        s->header_length % 8)
        return bad(s, errp, "header length", s->header_length,
                   "a multiple of 8 from 104 to the cluster size is right");
    type = s->header_length > QH_COMPRESSION_TYPE ? head[QH_COMPRESSION_TYPE] : 0;
    if (type > CODEC_ZSTD || (type != 0) != ((s->incompatible & QCOW2_COMPRESSION) != 0))
        return bad(s, errp, "compression type", type, "0 (zlib) and 1 (zstd) are known");
    s->codec = type ? CODEC_ZSTD : CODEC_DEFLATE;
    return true;
}

static bool read_backing(struct qcow2 *s, const uint8_t *head, uint64_t *extensions_end,
                         struct vemu_error **errp)
{
    uint64_t offset = load_be64(head + QH_BACKING_OFFSET);
    uint32_t len = load_be32(head + QH_BACKING_SIZE);

    *extensions_end = s->cluster_size;
    if (!offset)
        return true;
    if (len > QCOW2_MAX_BACKING_NAME || !range_fits(offset, len, s->cluster_size) ||
        offset < s->header_length)
        return bad(s, errp, "backing file name's offset", offset,
                   "and it has to lie behind the header in the first cluster, 1,023 bytes at most");
    *extensions_end = offset;
    if (!len)
        return true;
    s->block->backing_name = strndup((const char *)head + offset, len);
    return s->block->backing_name || error_set(errp, VEMU_ERROR_NO_MEMORY, "out of memory");
}

static int read_table(struct qcow2 *s, uint64_t offset, uint32_t size, uint64_t **table)
{
    uint64_t length;
    int err = block_file_length(s->block->file, &length);

    /* Memory is only spent on what the file really has. */
    if (!err && !range_fits(offset, (uint64_t)size * 8, align_up(length, s->cluster_size)))
        err = EINVAL;
    return err ? err : qcow2_read_l1(s, offset, size, table);
}

static bool read_tables(struct qcow2 *s, const uint8_t *head, bool as_found,
                        struct vemu_error **errp)
{
    uint64_t size = load_be64(head + QH_SIZE);
    int err;

    s->l1_size = load_be32(head + QH_L1_SIZE);
    s->l1_offset = load_be64(head + QH_L1_OFFSET);
    s->reftable_offset = load_be64(head + QH_REFTABLE_OFFSET);
    s->reftable_clusters = load_be32(head + QH_REFTABLE_CLUSTERS);
    if (size > INT64_MAX)
        return bad(s, errp, "size", size, "below 8 EiB is right");
    if (!qcow2_table_ok(s, s->l1_offset, (uint64_t)s->l1_size * 8, QCOW2_MAX_L1_BYTES))
        return bad(s, errp, "L1 table's size", s->l1_size,
                   "at most 32 MiB from an offset that is a multiple of the cluster size is right");
    if (s->l1_size < qcow2_l1_entries(s, size))
        return bad(s, errp, "L1 table's size", s->l1_size, "too little for the disk");
    if (!qcow2_table_ok(s, s->reftable_offset, (uint64_t)s->reftable_clusters << s->cluster_bits,
                        QCOW2_MAX_REFTABLE_BYTES))
        return bad(s, errp, "refcount table's length in clusters", s->reftable_clusters,
                   "at most 8 MiB from an offset that is a multiple of the cluster size is right");
    err = read_table(s, s->l1_offset, s->l1_size, &s->l1);
    if (err)
        return block_error(errp, s->block, err, "its L1 table cannot be read");
    s->reftable_size = (uint32_t)((uint64_t)s->reftable_clusters << s->cluster_bits >> 3);
    err = read_table(s, s->reftable_offset, s->reftable_size, &s->reftable);
    if (err && as_found) {
        /* A check makes a new one. */
        s->reftable_size = s->reftable_clusters = 0;
        err = 0;
    }
    if (err)
        return block_error(errp, s->block, err, "its refcount table cannot be read");
    s->block->size = size;
    return true;
}

static bool read_header(struct qcow2 *s, bool as_found, struct vemu_error **errp)
{
    uint8_t start[QCOW2_OUR_HEADER], *head;
    uint64_t extensions_end;
    bool ok;
    int err = block_pread(s->block->file, 0, start, sizeof start);

    if (err)
        return block_error(errp, s->block, err, "its header cannot be read");
    s->version = load_be32(start + QH_VERSION);
    s->cluster_bits = load_be32(start + QH_CLUSTER_BITS);
    if (load_be32(start) != QCOW2_MAGIC)
        return bad(s, errp, "magic number", load_be32(start), "1363560955 (QFI\\xfb) is right");
    if (s->version < 2 || s->version > 3)
        return bad(s, errp, "version", s->version, "2 and 3 are known");
    if (s->cluster_bits < QCOW2_MIN_CLUSTER_BITS || s->cluster_bits > QCOW2_MAX_CLUSTER_BITS)
        return bad(s, errp, "cluster_bits", s->cluster_bits, "9 to 21 is right");
    if (load_be32(start + QH_CRYPT_METHOD))
        return error_set(errp, VEMU_ERROR_UNSUPPORTED,
                         "'%s' is encrypted, which is not supported; \"qemu-img convert\" makes an "
                         "image that is not",
                         s->block->filename);
    s->cluster_size = UINT64_C(1) << s->cluster_bits;
    s->l2_bits = s->cluster_bits - 3;
    s->refcount_order = 4;
    s->header_length = QCOW2_V2_HEADER;
    if (s->version >= 3 && !read_v3(s, start, errp))
        return false;
    s->refblock_bits = s->cluster_bits + 3 - s->refcount_order;
    head = malloc(s->cluster_size);
    if (!head)
        return error_set(errp, VEMU_ERROR_NO_MEMORY, "out of memory");
    err = block_pread(s->block->file, 0, head, s->cluster_size);
    ok = err ? block_error(errp, s->block, err, "its header cannot be read")
             : read_backing(s, head, &extensions_end, errp) &&
                   read_extensions(s, head, extensions_end, errp) &&
                   read_tables(s, head, as_found, errp);
    if (ok) {
        s->snapshot_count = load_be32(head + QH_SNAPSHOT_COUNT);
        s->snapshots_offset = load_be64(head + QH_SNAPSHOT_OFFSET);
    }
    free(head);
    return ok && qcow2_load_snapshots(s, errp);
}

/* The state that a snapshot kept, in place of the present one. Reading only. */
static bool show_snapshot(struct qcow2 *s, const char *key, struct vemu_error **errp)
{
    const struct qcow2_snapshot *snap = qcow2_find_snapshot(s, key);
    uint64_t *l1;
    int err;

    if (!snap)
        return error_set(errp, VEMU_ERROR_NOT_FOUND,
                         "'%s' has no snapshot '%s'; \"vemu-img snapshot -l\" lists them",
                         s->block->filename, key);
    if (snap->disk_size > INT64_MAX || snap->l1_size < qcow2_l1_entries(s, snap->disk_size))
        return bad(s, errp, "snapshot's L1 table size", snap->l1_size, "too little for its disk");
    err = read_table(s, snap->l1_offset, snap->l1_size, &l1);
    if (err)
        return block_error(errp, s->block, err, "the snapshot's L1 table cannot be read");
    free(s->l1);
    s->l1 = l1;
    s->l1_size = snap->l1_size;
    s->block->size = snap->disk_size;
    return true;
}

/* Before the first write: the image is what writing needs it to be. */
static bool make_writable(struct qcow2 *s, struct vemu_error **errp)
{
    struct vemu_block *b = s->block;
    struct vemu_block_check check = {0};
    int err = 0;

    if (s->incompatible & QCOW2_CORRUPT)
        return error_set(
            errp, VEMU_ERROR_STATE,
            "'%s' is marked as corrupt and can only be read; \"vemu-img check -r all\" "
            "repairs it",
            b->filename);
    if (s->autoclear) {
        /* None is known here: what they vouch for will no longer be true. */
        s->autoclear = 0;
        err = qcow2_write_header(s);
    }
    if (!err && (s->incompatible & QCOW2_DIRTY)) {
        if (!qcow2_check(b, VEMU_BLOCK_REPAIR_ALL, &check, errp))
            return false;
        if (check.corruptions)
            return error_set(errp, VEMU_ERROR_FORMAT,
                             "'%s' was not closed, and could not be repaired in full: \"vemu-img "
                             "check\" tells what is wrong",
                             b->filename);
    }
    return err ? block_error(errp, b, err, "its header cannot be written") : true;
}

static void free_state(struct qcow2 *s)
{
    table_cache_free(&s->l2_tables);
    table_cache_free(&s->refblocks);
    hashmap_destroy(&s->metadata);
    qcow2_free_snapshots(s);
    free(s->extensions);
    free(s->l1);
    free(s->reftable);
    free(s->fresh.clusters);
    free(s->aging.clusters);
    pthread_cond_destroy(&s->allocated);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

static bool qcow2_open(struct vemu_block *block, const struct vemu_block_options *o,
                       struct vemu_error **errp)
{
    struct qcow2 *s = calloc(1, sizeof *s);
    bool as_found = o->flags & VEMU_BLOCK_AS_FOUND;
    int err;

    if (!s)
        return error_set(errp, VEMU_ERROR_NO_MEMORY, "out of memory");
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->allocated, NULL);
    list_init(&s->allocations);
    s->block = block;
    block->state = s;
    s->l1_dirty_from = s->reftable_dirty_from = UINT32_MAX;
    table_cache_init(&s->l2_tables, CACHE_LEAST_TABLES);
    table_cache_init(&s->refblocks, CACHE_LEAST_TABLES);
    if (!read_header(s, as_found, errp))
        goto fail;
    s->l2_tables.limit =
        (unsigned)MAX((o->l2_cache_bytes ? o->l2_cache_bytes : L2_CACHE_DEFAULT) >> s->cluster_bits,
                      CACHE_LEAST_TABLES);
    s->refblocks.limit = (unsigned)MAX(REFBLOCK_CACHE >> s->cluster_bits, CACHE_LEAST_TABLES);
    err = block_file_length(block->file, &s->file_end);
    if (err) {
        block_error(errp, block, err, "its length cannot be told");
        goto fail;
    }
    s->file_end = align_up(s->file_end, s->cluster_size);
    if (o->snapshot && !show_snapshot(s, o->snapshot, errp))
        goto fail;
    if (!block->read_only && !as_found && (!make_writable(s, errp) || !claim_all(s, errp)))
        goto fail;
    return true;
fail:
    free_state(s);
    block->state = NULL;
    return false;
}

/* ---- closing --------------------------------------------------------------------------------- */

static int flush_for_good(struct qcow2 *s)
{
    struct vemu_block *file = s->block->file;
    bool wrote = false;
    uint64_t length;
    int err = qcow2_flush_all(s);

    if (!err && s->lazy) {
        err = refcount_flush(s, &wrote);
        if (!err)
            err = qcow2_set_incompatible(s, QCOW2_DIRTY, false);
    }
    /* A compressed cluster may end anywhere; some readers want whole sectors. */
    if (!err)
        err = block_file_length(file, &length);
    if (!err && length % 512)
        err = block_file_truncate(file, align_up(length, 512));
    return err;
}

static bool qcow2_close(struct vemu_block *block, struct vemu_error **errp)
{
    struct qcow2 *s = qcow2_of(block);
    int err = 0;

    if (!s)
        return true;
    if (!block->read_only)
        err = s->broken ? EIO : flush_for_good(s);
    free_state(s);
    block->state = NULL;
    return !err || block_error(errp, block, err, "its metadata could not be written");
}

static void qcow2_info(struct vemu_block *block, struct vemu_block_info *info)
{
    struct qcow2 *s = qcow2_of(block);

    info->cluster_size = (uint32_t)s->cluster_size;
    info->dirty = s->incompatible & QCOW2_DIRTY;
    info->corrupt = (s->incompatible & QCOW2_CORRUPT) || s->broken;
    info->lazy_refcounts = s->compatible & QCOW2_LAZY_REFCOUNTS;
    info->compressed_zstd = s->codec == CODEC_ZSTD;
    info->version = s->version;
    info->refcount_bits = 1u << s->refcount_order;
    info->snapshots = s->snapshot_info;
    info->snapshot_count = s->snapshot_count;
}

static bool qcow2_set_backing(struct vemu_block *block, const char *filename, const char *format,
                              struct vemu_error **errp)
{
    struct qcow2 *s = qcow2_of(block);
    char *name = filename ? strdup(filename) : NULL, *fmt = format ? strdup(format) : NULL;
    char *old_name = block->backing_name, *old_format = block->backing_format;
    int err = (filename && !name) || (format && !fmt) ? ENOMEM : 0;

    if (filename && (!*filename || strlen(filename) > QCOW2_MAX_BACKING_NAME)) {
        free(name);
        free(fmt);
        return error_set(errp, VEMU_ERROR_INVALID,
                         "backing file '%.40s...': the name may have 1 to %d bytes", filename,
                         QCOW2_MAX_BACKING_NAME);
    }
    if (!err)
        err = qcow2_flush_all(s);
    block->backing_name = name;
    block->backing_format = fmt;
    if (!err)
        err = qcow2_write_header(s);
    if (!err)
        err = qcow2_sync(s);
    if (err) {
        block->backing_name = old_name;
        block->backing_format = old_format;
        free(name);
        free(fmt);
        return block_error(errp, block, err, "its backing file cannot be changed");
    }
    free(old_name);
    free(old_format);
    return true;
}

const struct block_driver block_qcow2 = {
    .name = "qcow2",
    .probe = qcow2_probe,
    .open = qcow2_open,
    .close = qcow2_close,
    .submit = qcow2_submit,
    .rw = qcow2_rw,
    .zero = qcow2_zero,
    .discard = qcow2_discard,
    .flush = qcow2_flush,
    .status = qcow2_status,
    .info = qcow2_info,
    .resize = qcow2_resize,
    .snapshot_create = qcow2_snapshot_create,
    .snapshot_apply = qcow2_snapshot_apply,
    .snapshot_delete = qcow2_snapshot_delete,
    .set_backing = qcow2_set_backing,
    .make_empty = qcow2_make_empty,
    .check = qcow2_check,
    .create = qcow2_create,
    .create_help = qcow2_create_help,
};
