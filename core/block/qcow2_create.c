/* Making qcow2 images: an empty disk of size 0, which is then resized. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "core/block/qcow2.h"
#include "core/util/endian.h"
#include "core/util/opts.h"
#include "core/util/range.h"

const char qcow2_create_help[] =
    "compat=1.1 or 0.10: version 3 (the default) or 2\n"
    "cluster_size=512 to 2M: the unit of allocation (64K)\n"
    "preallocation=off, metadata, falloc or full: what exists from the start\n"
    "lazy_refcounts=on or off: refcounts are written late, and counted anew after a crash\n"
    "refcount_bits=1, 2, 4, 8, 16, 32 or 64: width of a refcount (16)\n"
    "compression_type=zlib or zstd: of compressed clusters\n"
    "backing_file=NAME: the image that shows through where nothing was written (also -b)\n"
    "backing_fmt=FORMAT: its format (also -F)\n"
    "size=SIZE: of the disk (also behind the file name)";

static const char known[] =
    "compat, cluster_size, preallocation, lazy_refcounts, refcount_bits, compression_type, "
    "backing_file, backing_fmt or size for qcow2 images";

struct layout {
    unsigned version;
    uint64_t cluster_size, refcount_bits;
    bool lazy, zstd;
    enum vemu_block_prealloc prealloc;
};

static bool invalid(struct vemu_error **errp, const char *key, const char *value, const char *right)
{
    return error_set(errp, VEMU_ERROR_INVALID, "%s=%s: %s", key, value, right);
}

static bool read_options(struct opts *opts, struct layout *l, struct vemu_error **errp)
{
    const char *compat = opts_get(opts, "compat"), *type = opts_get(opts, "compression_type");
    const char *prealloc = opts_get(opts, "preallocation");

    *l = (struct layout){.version = 3, .cluster_size = 65536, .refcount_bits = 16};
    if (!opts_get_size(opts, "-o", "cluster_size", 1, &l->cluster_size, errp) ||
        !opts_get_number(opts, "-o", "refcount_bits", 1, 64, &l->refcount_bits, errp) ||
        !opts_get_bool(opts, "-o", "lazy_refcounts", &l->lazy, errp))
        return false;
    if (compat && (strcmp(compat, "0.10") == 0 || strcmp(compat, "v2") == 0))
        l->version = 2;
    else if (compat && strcmp(compat, "1.1") != 0 && strcmp(compat, "v3") != 0)
        return invalid(errp, "compat", compat, "use 1.1 or 0.10");
    if (prealloc && !vemu_block_prealloc_parse(prealloc, &l->prealloc))
        return invalid(errp, "preallocation", prealloc, "use off, metadata, falloc or full");
    if (type && strcmp(type, "zlib") != 0 && strcmp(type, "zstd") != 0)
        return invalid(errp, "compression_type", type, "use zlib or zstd");
    l->zstd = type && strcmp(type, "zstd") == 0;
    if (l->cluster_size & (l->cluster_size - 1) || l->cluster_size < 512 ||
        l->cluster_size > 2u << 20)
        return invalid(errp, "cluster_size", opts_get(opts, "cluster_size"),
                       "a power of two from 512 to 2M is right");
    if (l->refcount_bits & (l->refcount_bits - 1))
        return invalid(errp, "refcount_bits", opts_get(opts, "refcount_bits"),
                       "use 1, 2, 4, 8, 16, 32 or 64");
    if (l->version == 2 && (l->refcount_bits != 16 || l->lazy || l->zstd))
        return error_set(errp, VEMU_ERROR_INVALID,
                         "compat=0.10 (version 2) has neither %s: use compat=1.1",
                         l->zstd   ? "compression_type=zstd"
                         : l->lazy ? "lazy_refcounts=on"
                                   : "refcounts of another width than 16 bits");
    return opts_check_used(opts, "-o", known, errp);
}

/* Header, refcount table, one refcount block that counts the three. */
static int write_skeleton(struct vemu_block *file, const struct layout *l)
{
    uint64_t size = l->cluster_size;
    uint8_t *buf = calloc(3, size), *block = buf + 2 * size;
    struct qcow2 counts = {.refcount_order = (unsigned)__builtin_ctzll(l->refcount_bits)};
    int err;

    if (!buf)
        return ENOMEM;
    store_be32(buf + QH_MAGIC, QCOW2_MAGIC);
    store_be32(buf + QH_VERSION, l->version);
    store_be32(buf + QH_CLUSTER_BITS, (uint32_t)__builtin_ctzll(size));
    store_be64(buf + QH_REFTABLE_OFFSET, size);
    store_be32(buf + QH_REFTABLE_CLUSTERS, 1);
    if (l->version >= 3) {
        store_be64(buf + QH_INCOMPATIBLE, l->zstd ? QCOW2_COMPRESSION : 0);
        store_be64(buf + QH_COMPATIBLE, l->lazy ? QCOW2_LAZY_REFCOUNTS : 0);
        store_be32(buf + QH_REFCOUNT_ORDER, counts.refcount_order);
        store_be32(buf + QH_HEADER_LENGTH, QCOW2_OUR_HEADER);
        buf[QH_COMPRESSION_TYPE] = l->zstd;
    }
    store_be64(buf + size, 2 * size);
    for (uint64_t i = 0; i < 3; i++)
        refcount_store(&counts, block, i, 1);
    err = block_pwrite(file, 0, buf, 3 * size);
    free(buf);
    return err;
}

/* The opened skeleton becomes what was asked for. */
static bool complete(struct vemu_block_context *ctx, const char *filename,
                     const struct vemu_block_create_options *o, const struct layout *l,
                     struct vemu_error **errp)
{
    const struct vemu_block_options options = {.size = sizeof options,
                                               .format = "qcow2",
                                               .cache = VEMU_BLOCK_UNSAFE,
                                               .flags = VEMU_BLOCK_NO_BACKING,
                                               .writable = 1};
    struct vemu_block *block = vemu_block_open(ctx, filename, &options, errp);
    bool ok;

    if (!block)
        return false;
    ok = vemu_block_resize(block, o->virtual_size, l->prealloc, errp) &&
         vemu_block_set_backing(block, o->backing_filename, o->backing_format, errp);
    return vemu_block_close(block, ok ? errp : NULL) && ok;
}

bool qcow2_create(struct vemu_block_context *ctx, const char *filename,
                  const struct vemu_block_create_options *o, struct opts *opts,
                  struct vemu_error **errp)
{
    const struct block_file_options fo = {
        .writable = true, .create = true, .resizes = true, .cache = VEMU_BLOCK_UNSAFE};
    struct vemu_block *file;
    const char *why;
    struct layout l;
    int err;

    if (!read_options(opts, &l, errp))
        return false;
    if (o->backing_filename && l.prealloc)
        return error_set(errp, VEMU_ERROR_INVALID,
                         "preallocation would hide the backing file '%s': use off",
                         o->backing_filename);
    if (l.zstd && codec_available(block_context_codec(ctx), CODEC_ZSTD, &why))
        return error_set(errp, VEMU_ERROR_UNSUPPORTED, "compression_type=zstd: %s", why);
    file = block_file_open(ctx, filename, &fo, errp);
    if (!file)
        return false;
    err = write_skeleton(file, &l);
    block_free(file);
    if (err)
        return error_set_errno(errp, err, "cannot write '%s'", filename);
    return complete(ctx, filename, o, &l, errp);
}
