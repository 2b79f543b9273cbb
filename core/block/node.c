/*
 * The block graph: opening and closing chains, and the calls of vemu/block.h that concern an image
 * as a whole. Formats stand in one table.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "core/block/block.h"
#include "core/util/opts.h"
#include "core/util/range.h"
#include "core/util/size.h"

/* In the order in which a file is asked what it is: raw, which is never sure, comes last. */
static const struct block_driver *const formats[] = {&block_qcow2, &block_raw};

enum { PROBE_BYTES = 512 };

static const struct block_driver *find_format(const char *name, struct vemu_error **errp)
{
    for (unsigned i = 0; i < ARRAY_SIZE(formats); i++) {
        if (strcmp(formats[i]->name, name) == 0)
            return formats[i];
    }
    error_set(errp, VEMU_ERROR_INVALID, "format '%s' is not known: use qcow2 or raw", name);
    return NULL;
}

bool vemu_block_cache_parse(const char *name, enum vemu_block_cache *cache)
{
    static const char *const names[] = {"writeback", "writethrough", "none", "directsync",
                                        "unsafe"};

    for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
        if (strcmp(name, names[i]) == 0) {
            *cache = i;
            return true;
        }
    }
    return false;
}

bool vemu_block_prealloc_parse(const char *name, enum vemu_block_prealloc *prealloc)
{
    static const char *const names[] = {"off", "metadata", "falloc", "full"};

    for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
        if (strcmp(name, names[i]) == 0) {
            *prealloc = i;
            return true;
        }
    }
    return false;
}

/* ---- one node -------------------------------------------------------------------------------- */

int block_rw(struct vemu_block *block, bool write, uint64_t offset, struct sg sg, uint64_t bytes,
             unsigned flags)
{
    return block->driver->rw(block, write, offset, sg, bytes, flags);
}

int block_pread(struct vemu_block *block, uint64_t offset, void *buf, size_t bytes)
{
    struct iovec v;

    return block_rw(block, false, offset, sg_of(&v, buf, bytes), bytes, 0);
}

int block_pwrite(struct vemu_block *block, uint64_t offset, const void *buf, size_t bytes)
{
    struct iovec v;

    return block_rw(block, true, offset, sg_of(&v, buf, bytes), bytes, 0);
}

int block_read_backing(struct vemu_block *backing, uint64_t offset, struct sg sg, uint64_t bytes)
{
    uint64_t has = backing && offset < backing->size ? MIN(bytes, backing->size - offset) : 0;
    int err = has ? block_rw(backing, false, offset, sg, has, 0) : 0;

    sg_advance(&sg, has);
    if (!err)
        sg_zero(sg, bytes - has);
    return err;
}

bool block_error(struct vemu_error **errp, const struct vemu_block *block, int err,
                 const char *what)
{
    return error_set_errno(errp, err, "'%s': %s", block->filename, what);
}

void block_free(struct vemu_block *block)
{
    if (!block)
        return;
    if (block->driver == &block_file && block->state)
        block->driver->close(block, NULL);
    block_free(block->file);
    free(block->filename);
    free(block->backing_name);
    free(block->backing_format);
    free(block->full_backing_name);
    free(block);
}

/* ---- names ----------------------------------------------------------------------------------- */

/* A name as the user or an image writes it, without "file:". NULL: it is of another protocol. */
static const char *plain_name(const char *name, struct vemu_error **errp)
{
    size_t n = strcspn(name, ":/");

    if (strncmp(name, "file:", 5) == 0)
        return name + 5;
    /* "nbd:...", "json:{...}": a colon before any slash, unless such a file is there. */
    if (name[n] == ':' && n > 1) {
        error_set(errp, VEMU_ERROR_UNSUPPORTED,
                  "'%s': there is no protocol '%.*s' here, only files and block devices "
                  "(file:%s if it is one)",
                  name, (int)n, name, name);
        return NULL;
    }
    return name;
}

char *vemu_block_backing_path(const char *filename, const char *backing, struct vemu_error **errp)
{
    const char *name = plain_name(backing, errp), *from = plain_name(filename, errp), *slash;
    char *path = NULL;

    if (!name || !from)
        return NULL;
    slash = strrchr(from, '/');
    if (name[0] == '/' || !slash)
        path = strdup(name);
    else if (asprintf(&path, "%.*s%s", (int)(slash - from + 1), from, name) < 0)
        path = NULL;
    if (!path)
        error_set(errp, VEMU_ERROR_NO_MEMORY, "out of memory");
    return path;
}

/* ---- opening --------------------------------------------------------------------------------- */

/* The images above one that is being opened, to notice a chain that bites its tail. */
struct chain {
    const struct chain *above;
    const struct vemu_block *file;
    unsigned depth;
};

static struct vemu_block *open_layer(struct vemu_block_context *ctx, const char *filename,
                                     const struct vemu_block_options *o, const struct chain *above,
                                     struct vemu_error **errp);

static const struct block_driver *probe(struct vemu_block *file, struct vemu_error **errp)
{
    uint8_t head[PROBE_BYTES] = {0};
    uint64_t length = 0;
    int err = block_file_length(file, &length);

    if (!err)
        err = block_pread(file, 0, head, sizeof head);
    if (err) {
        block_error(errp, file, err, "cannot be read");
        return NULL;
    }
    for (unsigned i = 0; i < ARRAY_SIZE(formats); i++) {
        if (formats[i]->probe && formats[i]->probe(head, MIN(length, sizeof head)))
            return formats[i];
    }
    return &block_raw;
}

static bool open_backing(struct vemu_block *block, const struct vemu_block_options *o,
                         const struct chain *here, struct vemu_error **errp)
{
    struct vemu_block_options below = *o;

    if (!block->backing_name || (o->flags & VEMU_BLOCK_NO_BACKING))
        return true;
    if (here->depth + 1 >= BLOCK_MAX_CHAIN)
        return error_set(errp, VEMU_ERROR_FORMAT, "'%s': its chain is longer than %d images",
                         block->filename, BLOCK_MAX_CHAIN);
    block->full_backing_name = vemu_block_backing_path(block->filename, block->backing_name, errp);
    if (!block->full_backing_name)
        return false;
    below.format = block->backing_format;
    below.writable = o->writable ? o->writable - 1 : 0;
    below.snapshot = NULL;
    below.flags &= ~(unsigned)VEMU_BLOCK_AS_FOUND;
    block->backing = open_layer(block->ctx, block->full_backing_name, &below, here, errp);
    if (!block->backing)
        error_prefix(errp, "backing file of '%s': ", block->filename);
    return block->backing != NULL;
}

static struct vemu_block *open_layer(struct vemu_block_context *ctx, const char *filename,
                                     const struct vemu_block_options *o, const struct chain *above,
                                     struct vemu_error **errp)
{
    const struct block_driver *driver = o->format ? find_format(o->format, errp) : NULL;
    struct block_file_options fo = {.writable = o->writable != 0,
                                    .force_share = o->flags & VEMU_BLOCK_FORCE_SHARE,
                                    .cache = o->cache,
                                    /* Formats grow their files; raw is resized by the tool. */
                                    .resizes = true};
    struct chain here = {.above = above, .depth = above ? above->depth + 1 : 0};
    struct vemu_block *block;

    if ((o->format && !driver) || !(filename = plain_name(filename, errp)))
        return NULL;
    block = calloc(1, sizeof *block);
    if (!block || !(block->filename = strdup(filename))) {
        error_set(errp, VEMU_ERROR_NO_MEMORY, "out of memory");
        goto fail;
    }
    block->ctx = ctx;
    block->read_only = !fo.writable;
    block->writethrough = o->cache == VEMU_BLOCK_WRITETHROUGH || o->cache == VEMU_BLOCK_DIRECTSYNC;
    block->file = block_file_open(ctx, filename, &fo, errp);
    if (!block->file)
        goto fail;
    here.file = block->file;
    for (const struct chain *c = above; c; c = c->above) {
        if (block_file_same(c->file, block->file)) {
            error_set(errp, VEMU_ERROR_FORMAT, "'%s' is its own backing file: the chain is a loop",
                      filename);
            goto fail;
        }
    }
    if (!driver)
        driver = probe(block->file, errp);
    if (!driver || !driver->open(block, o, errp))
        goto fail;
    block->driver = driver;
    if (open_backing(block, o, &here, errp))
        return block;
    vemu_block_close(block, NULL);
    return NULL;
fail:
    block_free(block);
    return NULL;
}

struct vemu_block *vemu_block_open(struct vemu_block_context *ctx, const char *filename,
                                   const struct vemu_block_options *options,
                                   struct vemu_error **errp)
{
    struct vemu_block_options o = {.size = sizeof o};

    if (options)
        memcpy(&o, options, MIN(options->size, sizeof o));
    if (o.snapshot && o.writable) {
        error_set(errp, VEMU_ERROR_INVALID,
                  "'%s': an internal snapshot such as '%s' can only be read", filename, o.snapshot);
        return NULL;
    }
    return open_layer(ctx, filename, &o, NULL, errp);
}

bool vemu_block_close(struct vemu_block *block, struct vemu_error **errp)
{
    struct vemu_error *err = NULL;

    if (!block)
        return true;
    vemu_block_drain(block);
    if (block->driver->close)
        block->driver->close(block, &err);
    vemu_block_close(block->backing, err ? NULL : &err);
    block->backing = NULL;
    if (block->file && block->file->state) {
        block->file->driver->close(block->file, err ? NULL : &err);
        block->file->state = NULL;
    }
    block_free(block);
    if (err && errp && !*errp)
        *errp = err;
    else
        vemu_error_free(err);
    return !err;
}

bool block_adopt_backing(struct vemu_block *block, struct vemu_block *below,
                         struct vemu_error **errp)
{
    unsigned depth = 2;

    if (!block->driver->set_backing)
        return error_set(errp, VEMU_ERROR_INVALID, "'%s' is %s, which has no backing file",
                         block->filename, block->driver->name);
    for (const struct vemu_block *b = below; b->backing; b = b->backing)
        depth++;
    if (depth > BLOCK_MAX_CHAIN)
        return error_set(errp, VEMU_ERROR_INVALID, "'%s': its chain is longer than %d images",
                         block->filename, BLOCK_MAX_CHAIN);
    block->backing = below;
    return true;
}

uint64_t vemu_block_size(const struct vemu_block *block)
{
    return block->size;
}

struct vemu_block *vemu_block_backing(struct vemu_block *block)
{
    return block->backing;
}

void vemu_block_info(struct vemu_block *block, struct vemu_block_info *info)
{
    *info = (struct vemu_block_info){.filename = block->filename,
                                     .format = block->driver->name,
                                     .virtual_size = block->size,
                                     .disk_size = block_file_allocated(block->file),
                                     .backing_filename = block->backing_name,
                                     .full_backing_filename = block->full_backing_name,
                                     .backing_format = block->backing_format};
    block_file_length(block->file, &info->file_length);
    if (block->driver->info)
        block->driver->info(block, info);
}

/* ---- what is where --------------------------------------------------------------------------- */

bool vemu_block_status(struct vemu_block *block, uint64_t offset, uint64_t bytes, unsigned layers,
                       struct vemu_block_status *st, struct vemu_error **errp)
{
    unsigned depth = 0;

    if (!bytes || !range_fits(offset, bytes, block->size))
        return error_set(errp, VEMU_ERROR_INVALID,
                         "'%s': there are no %llu bytes at offset %llu: it ends at %llu",
                         block->filename, (unsigned long long)bytes, (unsigned long long)offset,
                         (unsigned long long)block->size);
    for (;; depth++, block = block->backing) {
        *st = (struct vemu_block_status){.bytes = bytes, .depth = depth};
        if (offset >= block->size) {
            /* Beyond the end of a backing file: zeros that nothing deeper can show through. */
            st->flags = VEMU_BLOCK_ZERO;
            st->filename = block->filename;
            return true;
        }
        int err = block->driver->status(block, offset, MIN(bytes, block->size - offset), st);
        if (err)
            return error_set_errno(errp, err, "'%s': cannot tell what is at offset %llu",
                                   block->filename, (unsigned long long)offset);
        bytes = st->bytes;
        st->filename = block->filename;
        if ((st->flags & VEMU_BLOCK_PRESENT) || !block->backing || depth + 1 == layers) {
            if (!(st->flags & VEMU_BLOCK_PRESENT) && !block->backing)
                st->flags |= VEMU_BLOCK_ZERO;
            return true;
        }
    }
}

/* ---- images as a whole ----------------------------------------------------------------------- */

bool vemu_block_size_parse(const char *text, uint64_t *bytes)
{
    return size_parse(text, 1, bytes);
}

/* The backing file has to be there, and may give the size. */
static bool look_at_backing(struct vemu_block_context *ctx, const char *filename,
                            struct vemu_block_create_options *o, struct vemu_error **errp)
{
    const struct vemu_block_options bo = {.size = sizeof bo, .format = o->backing_format};
    struct vemu_block *backing;
    char *path;

    if (o->trust_backing && o->virtual_size != VEMU_BLOCK_SIZE_OF_BACKING)
        return true;
    path = vemu_block_backing_path(filename, o->backing_filename, errp);
    backing = path ? vemu_block_open(ctx, path, &bo, errp) : NULL;
    free(path);
    if (!backing) {
        error_prefix(errp, "backing file: ");
        return false;
    }
    if (o->virtual_size == VEMU_BLOCK_SIZE_OF_BACKING)
        o->virtual_size = backing->size;
    /* Found by looking, it is written down: a raw file may look like anything later. */
    if (!o->backing_format)
        o->backing_format = backing->driver->name;
    return vemu_block_close(backing, errp);
}

static bool create(struct vemu_block_context *ctx, const char *filename,
                   struct vemu_block_create_options *o, struct opts *opts, struct vemu_error **errp)
{
    const struct block_driver *driver = find_format(o->format ? o->format : "raw", errp);
    const char *backing = opts_get(opts, "backing_file"), *format = opts_get(opts, "backing_fmt");

    if (!driver || !(filename = plain_name(filename, errp)) ||
        !opts_get_size(opts, "-o", "size", 1, &o->virtual_size, errp))
        return false;
    o->backing_filename = o->backing_filename ? o->backing_filename : backing;
    o->backing_format = o->backing_format ? o->backing_format : format;
    if (o->backing_format && !find_format(o->backing_format, errp))
        return false;
    if (o->backing_filename && driver->set_backing && !look_at_backing(ctx, filename, o, errp))
        return false;
    if (o->virtual_size == VEMU_BLOCK_SIZE_OF_BACKING)
        return error_set(errp, VEMU_ERROR_INVALID, "'%s' needs a size, such as 20G behind its name",
                         filename);
    if (o->virtual_size > INT64_MAX - 512)
        return error_set(errp, VEMU_ERROR_INVALID, "size %llu: an image ends below 8 EiB",
                         (unsigned long long)o->virtual_size);
    return driver->create(ctx, filename, o, opts, errp);
}

bool vemu_block_create(struct vemu_block_context *ctx, const char *filename,
                       const struct vemu_block_create_options *options, struct vemu_error **errp)
{
    struct vemu_block_create_options o = {0};
    struct opts opts = {0};
    struct stat st;
    bool ok, was_there = stat(filename, &st) == 0;

    memcpy(&o, options, MIN(options->size, sizeof o));
    ok = (!o.options || opts_parse(&opts, "-o", NULL, o.options, errp)) &&
         create(ctx, filename, &o, &opts, errp);
    opts_free(&opts);
    /* Half an image is of no use to anybody. */
    if (!ok && !was_there && stat(filename, &st) == 0 && S_ISREG(st.st_mode))
        unlink(filename);
    return ok;
}

const char *vemu_block_create_help(const char *format)
{
    const struct block_driver *driver = find_format(format, NULL);

    return driver ? driver->create_help : NULL;
}

static bool unsupported(const struct vemu_block *block, const char *what, struct vemu_error **errp)
{
    return error_set(errp, VEMU_ERROR_UNSUPPORTED, "'%s' is %s, which has no %s; qcow2 has",
                     block->filename, block->driver->name, what);
}

/* What changes an image as a whole needs it quiet and writable. */
static bool ready_to_change(struct vemu_block *block, struct vemu_error **errp)
{
    vemu_block_drain(block);
    return !block->read_only ||
           error_set(errp, VEMU_ERROR_STATE, "'%s' is open for reading only", block->filename);
}

bool vemu_block_resize(struct vemu_block *block, uint64_t size, enum vemu_block_prealloc prealloc,
                       struct vemu_error **errp)
{
    if (size > INT64_MAX - 512)
        return error_set(errp, VEMU_ERROR_INVALID, "size %llu: an image ends below 8 EiB",
                         (unsigned long long)size);
    return ready_to_change(block, errp) && block->driver->resize(block, size, prealloc, errp);
}

bool vemu_block_snapshot_create(struct vemu_block *block, const char *name,
                                struct vemu_error **errp)
{
    if (!block->driver->snapshot_create)
        return unsupported(block, "internal snapshots", errp);
    return ready_to_change(block, errp) && block->driver->snapshot_create(block, name, errp);
}

bool vemu_block_snapshot_apply(struct vemu_block *block, const char *key, struct vemu_error **errp)
{
    if (!block->driver->snapshot_apply)
        return unsupported(block, "internal snapshots", errp);
    return ready_to_change(block, errp) && block->driver->snapshot_apply(block, key, errp);
}

bool vemu_block_snapshot_delete(struct vemu_block *block, const char *key, struct vemu_error **errp)
{
    if (!block->driver->snapshot_delete)
        return unsupported(block, "internal snapshots", errp);
    return ready_to_change(block, errp) && block->driver->snapshot_delete(block, key, errp);
}

bool vemu_block_set_backing(struct vemu_block *block, const char *filename, const char *format,
                            struct vemu_error **errp)
{
    if (!block->driver->set_backing)
        return unsupported(block, "backing files", errp);
    return ready_to_change(block, errp) &&
           block->driver->set_backing(block, filename, format, errp);
}

bool vemu_block_make_empty(struct vemu_block *block, struct vemu_error **errp)
{
    if (!block->driver->make_empty)
        return unsupported(block, "backing files", errp);
    return ready_to_change(block, errp) && block->driver->make_empty(block, errp);
}

bool vemu_block_check(struct vemu_block *block, enum vemu_block_repair repair,
                      struct vemu_block_check *check, struct vemu_error **errp)
{
    if (!block->driver->check)
        return unsupported(block, "metadata to check", errp);
    if (repair && !ready_to_change(block, errp))
        return false;
    vemu_block_drain(block);
    return block->driver->check(block, repair, check, errp);
}
