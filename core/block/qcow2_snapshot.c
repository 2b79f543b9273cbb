/*
 * Internal snapshots: the table of them, taking, going back, deleting. See qcow2.h.
 *
 * References are counted up before anything refers to them and down after the header no longer
 * leads to them; the header itself changes in one small write. In between COPIED flags and
 * refcounts disagree, so version 3 images carry the dirty bit meanwhile: who opens one that was
 * left like that puts it right.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "core/block/qcow2.h"
#include "core/util/endian.h"
#include "core/util/range.h"

enum { ENTRY_FIXED = 40, EXTRA_OURS = 24, EXTRA_MOST = 1024 };

static void free_snapshot(struct qcow2_snapshot *snap)
{
    free(snap->id);
    free(snap->name);
    free(snap->extra);
}

void qcow2_free_snapshots(struct qcow2 *s)
{
    for (uint32_t i = 0; s->snapshots && i < s->snapshot_count; i++)
        free_snapshot(&s->snapshots[i]);
    free(s->snapshots);
    free(s->snapshot_info);
    s->snapshots = NULL;
    s->snapshot_info = NULL;
    s->snapshot_count = 0;
}

/* ---- the table ------------------------------------------------------------------------------- */

/* Brings what vemu_block_info shows in line. */
static bool update_info(struct qcow2 *s)
{
    struct vemu_block_snapshot *info =
        realloc(s->snapshot_info, (s->snapshot_count + 1) * sizeof *info);

    if (!info)
        return false;
    for (uint32_t i = 0; i < s->snapshot_count; i++) {
        const struct qcow2_snapshot *n = &s->snapshots[i];
        info[i] = (struct vemu_block_snapshot){.id = n->id,
                                               .name = n->name,
                                               .vm_state_size = n->vm_state_size,
                                               .disk_size = n->disk_size,
                                               .date_s = n->date_s,
                                               .date_ns = n->date_ns,
                                               .vm_clock_ns = n->vm_clock_ns,
                                               .icount = n->icount};
    }
    s->snapshot_info = info;
    return true;
}

static char *take_text(const uint8_t *p, size_t len)
{
    char *text = malloc(len + 1);

    if (text) {
        memcpy(text, p, len);
        text[len] = 0;
    }
    return text;
}

/* One entry at *at, which is moved behind it. */
static int read_entry(struct qcow2 *s, uint64_t *at, uint64_t length, struct qcow2_snapshot *snap)
{
    uint8_t fixed[ENTRY_FIXED], *rest;
    uint32_t id_len, name_len;
    uint64_t bytes;
    int err;

    memset(snap, 0, sizeof *snap);
    if (!range_fits(*at, ENTRY_FIXED, length))
        return EINVAL;
    err = block_pread(s->block->file, *at, fixed, sizeof fixed);
    if (err)
        return err;
    snap->l1_offset = load_be64(fixed);
    snap->l1_size = load_be32(fixed + 8);
    id_len = load_be16(fixed + 12);
    name_len = load_be16(fixed + 14);
    snap->date_s = load_be32(fixed + 16);
    snap->date_ns = load_be32(fixed + 20);
    snap->vm_clock_ns = load_be64(fixed + 24);
    snap->vm_state_size = load_be32(fixed + 32);
    snap->extra_size = load_be32(fixed + 36);
    bytes = (uint64_t)snap->extra_size + id_len + name_len;
    if (snap->extra_size > EXTRA_MOST || !range_fits(*at + ENTRY_FIXED, bytes, length) ||
        !qcow2_table_ok(s, snap->l1_offset, (uint64_t)snap->l1_size * 8, QCOW2_MAX_L1_BYTES))
        return EINVAL;
    rest = malloc(bytes + 1);
    if (!rest)
        return ENOMEM;
    err = block_pread(s->block->file, *at + ENTRY_FIXED, rest, bytes);
    if (!err) {
        snap->extra = malloc(snap->extra_size + 1);
        snap->id = take_text(rest + snap->extra_size, id_len);
        snap->name = take_text(rest + snap->extra_size + id_len, name_len);
        err = snap->extra && snap->id && snap->name ? 0 : ENOMEM;
    }
    if (!err && snap->extra_size)
        memcpy(snap->extra, rest, snap->extra_size);
    free(rest);
    snap->disk_size = s->block->size;
    snap->icount = UINT64_MAX;
    if (!err && snap->extra_size >= 8)
        snap->vm_state_size = load_be64(snap->extra);
    if (!err && snap->extra_size >= 16)
        snap->disk_size = load_be64(snap->extra + 8);
    if (!err && snap->extra_size >= 24)
        snap->icount = load_be64(snap->extra + 16);
    *at += align_up(ENTRY_FIXED + bytes, 8);
    return err;
}

bool qcow2_load_snapshots(struct qcow2 *s, struct vemu_error **errp)
{
    uint32_t count = s->snapshot_count;
    uint64_t at = s->snapshots_offset, length;
    int err = block_file_length(s->block->file, &length);

    s->snapshot_count = 0;
    if (count > QCOW2_MAX_SNAPSHOTS || (count && !qcow2_table_ok(s, at, 1, 1)))
        return error_set(errp, VEMU_ERROR_FORMAT,
                         "'%s' is not a usable qcow2 image: it has %u snapshots at offset %llu; at "
                         "most %d at a multiple of the cluster size is right",
                         s->block->filename, count, (unsigned long long)at, QCOW2_MAX_SNAPSHOTS);
    if (!count)
        s->snapshots_offset = 0;
    while (!err && s->snapshot_count < count) {
        /* The table grows as entries turn out to be there. */
        if (!(s->snapshot_count & (s->snapshot_count + 1)) || !s->snapshots) {
            size_t room = ((size_t)s->snapshot_count + 1) * 2;
            struct qcow2_snapshot *more = realloc(s->snapshots, room * sizeof *more);
            if (!more) {
                err = ENOMEM;
                break;
            }
            s->snapshots = more;
        }
        err = read_entry(s, &at, align_up(length, 512), &s->snapshots[s->snapshot_count]);
        if (err)
            free_snapshot(&s->snapshots[s->snapshot_count]);
        else
            s->snapshot_count++;
        if (!err && at - s->snapshots_offset > QCOW2_MAX_SNAPSHOT_BYTES)
            err = EINVAL;
    }
    s->snapshots_bytes = count ? at - s->snapshots_offset : 0;
    if (!err && !update_info(s))
        err = ENOMEM;
    return !err || block_error(errp, s->block, err, "its table of snapshots cannot be read");
}

const struct qcow2_snapshot *qcow2_find_snapshot(const struct qcow2 *s, const char *key)
{
    for (uint32_t i = 0; i < s->snapshot_count; i++) {
        if (strcmp(s->snapshots[i].id, key) == 0)
            return &s->snapshots[i];
    }
    for (uint32_t i = 0; i < s->snapshot_count; i++) {
        if (strcmp(s->snapshots[i].name, key) == 0)
            return &s->snapshots[i];
    }
    return NULL;
}

static void put_entry(uint8_t *p, const struct qcow2_snapshot *snap)
{
    size_t id_len = strlen(snap->id), name_len = strlen(snap->name);

    store_be64(p, snap->l1_offset);
    store_be32(p + 8, snap->l1_size);
    store_be16(p + 12, (uint16_t)id_len);
    store_be16(p + 14, (uint16_t)name_len);
    store_be32(p + 16, snap->date_s);
    store_be32(p + 20, snap->date_ns);
    store_be64(p + 24, snap->vm_clock_ns);
    store_be32(p + 32, snap->vm_state_size > UINT32_MAX ? 0 : (uint32_t)snap->vm_state_size);
    store_be32(p + 36, snap->extra_size);
    if (snap->extra_size)
        memcpy(p + ENTRY_FIXED, snap->extra, snap->extra_size);
    memcpy(p + ENTRY_FIXED + snap->extra_size, snap->id, id_len);
    memcpy(p + ENTRY_FIXED + snap->extra_size + id_len, snap->name, name_len);
}

static uint64_t entry_bytes(const struct qcow2_snapshot *snap)
{
    return align_up(ENTRY_FIXED + snap->extra_size + strlen(snap->id) + strlen(snap->name), 8);
}

/* Writes the table, as it is in memory, to a new place, and has the header lead there. Lock held.
 */
static int write_table(struct qcow2 *s)
{
    uint64_t bytes = 0, offset = 0, count = 0, at = 0;
    uint64_t old_offset = s->snapshots_offset, old_bytes = s->snapshots_bytes;
    uint8_t *buf, field[12];
    bool wrote = false;
    int err = 0;

    for (uint32_t i = 0; i < s->snapshot_count; i++)
        bytes += entry_bytes(&s->snapshots[i]);
    if (bytes > QCOW2_MAX_SNAPSHOT_BYTES)
        return EFBIG;
    if (bytes) {
        buf = calloc(1, bytes);
        if (!buf)
            return ENOMEM;
        for (uint32_t i = 0; i < s->snapshot_count; i++) {
            put_entry(buf + at, &s->snapshots[i]);
            at += entry_bytes(&s->snapshots[i]);
        }
        err = refcount_allocate(s, (bytes + s->cluster_size - 1) >> s->cluster_bits, true, &offset,
                                &count);
        if (!err) {
            s->file_end = MAX(s->file_end, offset + (count << s->cluster_bits));
            err = block_pwrite(s->block->file, offset, buf, bytes);
        }
        free(buf);
    }
    if (!err)
        err = refcount_flush(s, &wrote);
    if (!err)
        err = qcow2_sync(s);
    store_be32(field, s->snapshot_count);
    store_be64(field + 4, offset);
    if (!err)
        err = qcow2_write_header_field(s, QH_SNAPSHOT_COUNT, field, sizeof field);
    if (!err)
        err = qcow2_sync(s);
    if (err)
        return err;
    qcow2_forget_metadata(s, old_offset, old_bytes);
    if (old_bytes)
        refcount_release(s, old_offset, (old_bytes + s->cluster_size - 1) >> s->cluster_bits);
    s->snapshots_offset = offset;
    s->snapshots_bytes = bytes;
    return qcow2_note_metadata(s, offset, bytes, "the snapshot table") && update_info(s) ? 0
                                                                                         : ENOMEM;
}

/* ---- references ------------------------------------------------------------------------------ */

int qcow2_read_l1(struct qcow2 *s, uint64_t offset, uint32_t size, uint64_t **l1)
{
    uint64_t *table = malloc((size_t)size * 8 + 8);
    int err = table ? block_pread(s->block->file, offset, table, (size_t)size * 8) : ENOMEM;

    for (uint32_t i = 0; !err && i < size; i++)
        table[i] = load_be64(&table[i]);
    if (err) {
        free(table);
        table = NULL;
    }
    *l1 = table;
    return err;
}

int qcow2_write_new_l1(struct qcow2 *s, const uint64_t *l1, uint32_t size, uint64_t *offset)
{
    uint64_t clusters = ((uint64_t)size * 8 + s->cluster_size - 1) >> s->cluster_bits, count;
    uint8_t *be = calloc(1, clusters << s->cluster_bits);
    int err = be ? refcount_allocate(s, clusters, true, offset, &count) : ENOMEM;

    if (!err) {
        for (uint32_t i = 0; i < size; i++)
            store_be64(be + (size_t)i * 8, l1[i]);
        s->file_end = MAX(s->file_end, *offset + (clusters << s->cluster_bits));
        err = block_pwrite(s->block->file, *offset, be, clusters << s->cluster_bits);
    }
    free(be);
    return err;
}

/* Counts one reference more or less to what an entry leads to. */
static int count_entry(struct qcow2 *s, uint64_t entry, int64_t delta)
{
    uint64_t offset = entry & QE_OFFSET, bytes = 1;
    int err = 0;

    if (entry & QE_COMPRESSED)
        qcow2_compressed_extent(s, entry, &offset, &bytes);
    else if (!offset)
        return 0;
    else if (offset & (s->cluster_size - 1))
        return qcow2_damaged(s);
    for (uint64_t c = qcow2_cluster_of(s, offset);
         !err && c <= qcow2_cluster_of(s, offset + bytes - 1); c++)
        err = refcount_add(s, c, delta);
    return err;
}

/* Counts everything that an L1 table leads to. */
static int count_references(struct qcow2 *s, const uint64_t *l1, uint32_t size, int64_t delta)
{
    uint8_t *l2 = malloc(s->cluster_size);
    int err = l2 ? 0 : ENOMEM;

    for (uint32_t i = 0; i < size && !err; i++) {
        uint64_t offset = l1[i] & QE_OFFSET;
        struct table *t;
        if (!offset)
            continue;
        err = offset & (s->cluster_size - 1) ? qcow2_damaged(s)
                                             : table_get(s, &s->l2_tables, offset, &t);
        if (err)
            break;
        memcpy(l2, t->data, s->cluster_size);
        for (uint64_t n = 0; n < s->cluster_size / 8 && !err; n++)
            err = count_entry(s, load_be64(l2 + n * 8), delta);
        if (!err)
            err = refcount_add(s, qcow2_cluster_of(s, offset), delta);
    }
    free(l2);
    return err;
}

int qcow2_fix_copied(struct qcow2 *s)
{
    int err = 0;

    for (uint32_t i = 0; i < s->l1_size && !err; i++) {
        uint64_t offset = s->l1[i] & QE_OFFSET, count;
        struct table *t;
        if (!offset)
            continue;
        err = refcount_get(s, qcow2_cluster_of(s, offset), &count);
        if (!err)
            err = table_get(s, &s->l2_tables, offset, &t);
        if (err)
            break;
        if (s->l1[i] != (offset | (count == 1 ? QE_COPIED : 0)))
            qcow2_set_l1(s, i, offset | (count == 1 ? QE_COPIED : 0));
        for (uint64_t n = 0; n < s->cluster_size / 8 && !err; n++) {
            uint64_t entry = load_be64(t->data + n * 8), new = entry & ~QE_COPIED;
            if ((entry & QE_COMPRESSED) || !(entry & QE_OFFSET))
                continue;
            err = refcount_get(s, qcow2_cluster_of(s, entry & QE_OFFSET), &count);
            new |= count == 1 ? QE_COPIED : 0;
            if (!err && new != entry) {
                store_be64(t->data + n * 8, new);
                table_dirty(&s->l2_tables, t);
            }
        }
    }
    return err;
}

/* Brackets an operation with the dirty bit. */
static int begin(struct qcow2 *s)
{
    int err = s->broken ? EIO : qcow2_flush_all(s);

    if (!err)
        err = qcow2_set_incompatible(s, QCOW2_DIRTY, true);
    return err ? err : qcow2_sync(s);
}

static int end(struct qcow2 *s, int err)
{
    if (!err)
        err = qcow2_fix_copied(s);
    if (!err)
        err = qcow2_flush_all(s);
    if (!err && s->lazy) {
        bool wrote = false;
        err = refcount_flush(s, &wrote);
        s->lazy = false;
    }
    /* After a failure the bit stays: the next who opens the image counts anew. */
    if (!err)
        err = qcow2_set_incompatible(s, QCOW2_DIRTY, false);
    if (err)
        s->broken = true;
    return err ? err : qcow2_sync(s);
}

/* ---- operations ------------------------------------------------------------------------------ */

/* The end of an operation, with the lock let go. One that failed half way left references counted
 * that nobody has, or the other way round: they are counted anew. */
static bool finish(struct qcow2 *s, int err, const char *what, const char *name,
                   struct vemu_error **errp)
{
    struct vemu_block_check check = {0};

    pthread_mutex_unlock(&s->lock);
    if (!err)
        return true;
    if (s->incompatible & QCOW2_DIRTY)
        s->broken =
            !qcow2_check(s->block, VEMU_BLOCK_REPAIR_ALL, &check, NULL) || check.corruptions;
    if (err == ERANGE)
        return error_set(
            errp, VEMU_ERROR_INVALID,
            "'%s': cannot %s the snapshot '%s': a cluster would have more references than "
            "the %u bits of a refcount can count",
            s->block->filename, what, name, 1u << s->refcount_order);
    return error_set_errno(errp, err, "'%s': cannot %s the snapshot '%s'", s->block->filename, what,
                           name);
}

static bool no_snapshot(const struct qcow2 *s, const char *key, struct vemu_error **errp)
{
    return error_set(errp, VEMU_ERROR_NOT_FOUND,
                     "'%s' has no snapshot '%s'; \"vemu-img snapshot -l\" lists them",
                     s->block->filename, key);
}

/* An ID above all that are numbers. */
static char *new_id(const struct qcow2 *s)
{
    unsigned long most = 0;
    char text[24];

    for (uint32_t i = 0; i < s->snapshot_count; i++) {
        unsigned long id = strtoul(s->snapshots[i].id, NULL, 10);
        most = id < UINT32_MAX ? MAX(most, id) : most;
    }
    snprintf(text, sizeof text, "%lu", most + 1);
    return strdup(text);
}

static bool describe(struct qcow2 *s, const char *name, struct qcow2_snapshot *snap)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    *snap = (struct qcow2_snapshot){.l1_size = s->l1_size,
                                    .id = new_id(s),
                                    .name = strdup(name),
                                    .extra = calloc(1, EXTRA_OURS),
                                    .extra_size = EXTRA_OURS,
                                    .date_s = (uint32_t)now.tv_sec,
                                    .date_ns = (uint32_t)now.tv_nsec,
                                    .disk_size = s->block->size,
                                    .icount = UINT64_MAX};
    if (!snap->id || !snap->name || !snap->extra) {
        free_snapshot(snap);
        return false;
    }
    store_be64(snap->extra + 8, snap->disk_size);
    store_be64(snap->extra + 16, UINT64_MAX);
    return true;
}

bool qcow2_snapshot_create(struct vemu_block *block, const char *name, struct vemu_error **errp)
{
    struct qcow2 *s = qcow2_of(block);
    struct qcow2_snapshot snap, *more;
    int err;

    if (!*name || strlen(name) > 255)
        return error_set(errp, VEMU_ERROR_INVALID,
                         "snapshot name '%.40s': 1 to 255 bytes are right", name);
    if (s->snapshot_count >= QCOW2_MAX_SNAPSHOTS)
        return error_set(errp, VEMU_ERROR_INVALID,
                         "'%s' has %d snapshots, and no more are possible", block->filename,
                         QCOW2_MAX_SNAPSHOTS);
    more = realloc(s->snapshots, (s->snapshot_count + 1) * sizeof *more);
    if (more)
        s->snapshots = more;
    if (!more || !describe(s, name, &snap))
        return error_set(errp, VEMU_ERROR_NO_MEMORY, "out of memory");
    pthread_mutex_lock(&s->lock);
    err = begin(s);
    if (!err)
        err = qcow2_write_new_l1(s, s->l1, s->l1_size, &snap.l1_offset);
    if (!err)
        err = count_references(s, s->l1, s->l1_size, 1);
    if (!err) {
        s->snapshots[s->snapshot_count++] = snap;
        err = write_table(s);
        if (!err && !qcow2_note_metadata(s, snap.l1_offset, (uint64_t)snap.l1_size * 8,
                                         "a snapshot's L1 table"))
            err = ENOMEM;
    } else {
        free_snapshot(&snap);
    }
    return finish(s, end(s, err), "create", name, errp);
}

bool qcow2_snapshot_delete(struct vemu_block *block, const char *key, struct vemu_error **errp)
{
    struct qcow2 *s = qcow2_of(block);
    const struct qcow2_snapshot *found = qcow2_find_snapshot(s, key);
    struct qcow2_snapshot snap;
    uint64_t *l1 = NULL;
    uint32_t index;
    int err;

    if (!found)
        return no_snapshot(s, key, errp);
    snap = *found;
    index = (uint32_t)(found - s->snapshots);
    pthread_mutex_lock(&s->lock);
    err = qcow2_read_l1(s, snap.l1_offset, snap.l1_size, &l1);
    if (!err)
        err = begin(s);
    if (!err) {
        memmove(&s->snapshots[index], &s->snapshots[index + 1],
                (s->snapshot_count - index - 1) * sizeof snap);
        s->snapshot_count--;
        err = write_table(s);
        if (!err)
            err = count_references(s, l1, snap.l1_size, -1);
        if (!err) {
            qcow2_forget_metadata(s, snap.l1_offset, (uint64_t)snap.l1_size * 8);
            refcount_release(s, snap.l1_offset,
                             ((uint64_t)snap.l1_size * 8 + s->cluster_size - 1) >> s->cluster_bits);
        }
        err = end(s, err);
        free_snapshot(&snap);
    }
    free(l1);
    return finish(s, err, "delete", key, errp);
}

bool qcow2_snapshot_apply(struct vemu_block *block, const char *key, struct vemu_error **errp)
{
    struct qcow2 *s = qcow2_of(block);
    const struct qcow2_snapshot *snap = qcow2_find_snapshot(s, key);
    uint64_t *l1 = NULL, *old = s->l1, old_offset = s->l1_offset, offset;
    uint32_t old_size = s->l1_size;
    bool wrote = false;
    int err;

    if (!snap)
        return no_snapshot(s, key, errp);
    if (snap->disk_size > INT64_MAX || snap->l1_size < qcow2_l1_entries(s, snap->disk_size))
        return error_set(errp, VEMU_ERROR_FORMAT,
                         "'%s': the L1 table of the snapshot '%s' is too small for its disk",
                         block->filename, key);
    pthread_mutex_lock(&s->lock);
    err = qcow2_read_l1(s, snap->l1_offset, snap->l1_size, &l1);
    if (err)
        return finish(s, err, "go back to", key, errp);
    for (uint32_t i = 0; i < snap->l1_size; i++)
        l1[i] &= QE_OFFSET;
    err = begin(s);
    if (!err)
        err = count_references(s, l1, snap->l1_size, 1);
    if (!err)
        err = qcow2_write_new_l1(s, l1, snap->l1_size, &offset);
    if (!err)
        err = refcount_flush(s, &wrote);
    if (!err)
        err = qcow2_sync(s);
    if (!err)
        err = qcow2_switch_l1(s, snap->disk_size, snap->l1_size, offset);
    if (err) {
        free(l1);
        return finish(s, end(s, err), "go back to", key, errp);
    }
    for (uint32_t i = 0; i < old_size; i++) {
        if (old[i] & QE_OFFSET)
            qcow2_forget_metadata(s, old[i] & QE_OFFSET, s->cluster_size);
    }
    s->l1 = l1;
    for (uint32_t i = 0; i < s->l1_size && !err; i++) {
        if (l1[i] && !qcow2_note_metadata(s, l1[i], s->cluster_size, "an L2 table"))
            err = ENOMEM;
    }
    if (!err)
        err = count_references(s, old, old_size, -1);
    if (!err)
        refcount_release(s, old_offset,
                         ((uint64_t)old_size * 8 + s->cluster_size - 1) >> s->cluster_bits);
    free(old);
    return finish(s, end(s, err), "go back to", key, errp);
}
