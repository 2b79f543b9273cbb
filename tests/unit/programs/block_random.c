/*
 * Random operations on qcow2 images against a model in memory: reads, writes (plain, compressed, as
 * zeros), discards, flushes, several under way at a time and side by side in one cluster;
 * snapshots, resizes; closing, opening again, a check that must find nothing. Where qemu-io is
 * installed, it does some of the operations, its qemu-img checks the image, and both must read the
 * same.
 *
 * VEMU_TEST_OPS and VEMU_TEST_SEED choose another length and seed; VEMU_TEST_BYTE=OFFSET shows what
 * happens to one byte.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <vemu/block.h>

#include "tests/unit/programs/tap.h"

enum { DISK_MOST = 12 << 20, WRITE_MOST = 300 << 10, DEPTH = 12, SNAPSHOTS = 3, ROUND_OPS = 100 };

struct snapshot_model {
    char name[16];
    uint8_t *data;
    uint64_t size;
};

struct run {
    struct vemu_block_context *ctx;
    struct vemu_block *block;
    char path[256], base[256], raw[256];
    uint64_t rng, size;
    uint8_t *model;
    bool backed, v2, qemu, shrunk;
    uint64_t cluster, traced;
    enum vemu_block_cache cache;
    struct snapshot_model snapshots[SNAPSHOTS];
    unsigned names;
    char why[512];
};

struct op {
    struct vemu_block_request req;
    struct iovec iov[3];
    uint8_t *buf;
    bool done;
};

static uint64_t rnd(struct run *r)
{
    r->rng ^= r->rng << 13;
    r->rng ^= r->rng >> 7;
    r->rng ^= r->rng << 17;
    return r->rng;
}

static uint64_t below(struct run *r, uint64_t n)
{
    return rnd(r) % n;
}

static bool fail(struct run *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static bool fail(struct run *r, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    if (!r->why[0])
        vsnprintf(r->why, sizeof r->why, fmt, ap);
    va_end(ap);
    return false;
}

static bool failed(struct run *r, struct vemu_error *err)
{
    fail(r, "%s", vemu_error_message(err));
    vemu_error_free(err);
    return false;
}

static bool open_image(struct run *r)
{
    struct vemu_block_options o = {.size = sizeof o,
                                   .format = "qcow2",
                                   .writable = 1,
                                   .cache = r->cache,
                                   /* Few tables in memory, so that they are written in between. */
                                   .l2_cache_bytes = 1};
    struct vemu_error *err = NULL;

    r->block = vemu_block_open(r->ctx, r->path, &o, &err);
    return r->block || failed(r, err);
}

static bool close_image(struct run *r)
{
    struct vemu_error *err = NULL;
    struct vemu_block *b = r->block;

    r->block = NULL;
    return vemu_block_close(b, &err) || failed(r, err);
}

static void note_finding(void *opaque, const char *line)
{
    fail(opaque, "check: %s", line);
}

static bool check_image(struct run *r)
{
    struct vemu_block_check c = {.finding = note_finding, .opaque = r};
    struct vemu_error *err = NULL;

    if (!vemu_block_check(r->block, VEMU_BLOCK_REPAIR_NONE, &c, &err))
        return failed(r, err);
    if (c.corruptions || c.leaks)
        return fail(r, "check: %" PRIu64 " corruptions, %" PRIu64 " leaks", c.corruptions, c.leaks);
    return !r->why[0];
}

/* ---- requests -------------------------------------------------------------------------------- */

static void op_done(struct vemu_block_request *req)
{
    ((struct op *)req->opaque)->done = true;
}

static void trace(const struct run *r, int op, unsigned flags, uint64_t offset, uint64_t bytes)
{
    static const char *const names[] = {"read",  "write",  "zero",    "discard",
                                        "flush", "resize", "snapshot"};

    if (r->traced - offset < bytes)
        fprintf(stderr, "# %s %" PRIu64 "+%" PRIu64 " flags %u\n", names[op], offset, bytes, flags);
}

/* A range that no other request under way has bytes of, often in the same cluster as one. */
static bool choose_range(struct run *r, const struct op *ops, unsigned n, uint64_t *offset,
                         uint64_t *bytes)
{
    for (int tries = 0; tries < 8; tries++) {
        uint64_t unit = below(r, 3) ? 512 : 1;
        bool free_range = true;
        *bytes = (below(r, 4) ? below(r, 16 << 10) : below(r, WRITE_MOST)) / unit * unit + unit;
        *offset = below(r, r->size) / unit * unit;
        if (n && below(r, 2))
            *offset = ops[n - 1].req.offset + ops[n - 1].req.bytes;
        if (*offset + *bytes > r->size)
            continue;
        for (unsigned i = 0; i < n; i++)
            free_range &= *offset + *bytes <= ops[i].req.offset ||
                          ops[i].req.offset + ops[i].req.bytes <= *offset;
        if (free_range)
            return true;
    }
    return false;
}

static void split(struct run *r, struct op *op)
{
    uint64_t bytes = op->req.bytes, a = below(r, bytes + 1), b = a + below(r, bytes - a + 1);

    op->iov[0] = (struct iovec){op->buf, a};
    op->iov[1] = (struct iovec){op->buf + a, b - a};
    op->iov[2] = (struct iovec){op->buf + b, bytes - b};
    op->req.iov = op->iov;
    op->req.iov_count = 3;
}

static void make_write(struct run *r, struct op *op)
{
    uint8_t *p = op->buf;
    bool compressible = below(r, 3) == 0;

    for (uint64_t i = 0; i < op->req.bytes; i++)
        p[i] = compressible ? (uint8_t)(op->req.offset >> 4) : (uint8_t)(rnd(r) >> 24);
    if (compressible && below(r, 2)) {
        uint64_t end = op->req.offset + op->req.bytes;
        op->req.offset = op->req.offset / r->cluster * r->cluster;
        if (end - op->req.offset > r->cluster)
            end = op->req.offset + r->cluster;
        op->req.bytes =
            r->cluster < r->size - op->req.offset ? r->cluster : r->size - op->req.offset;
        memset(op->buf, (int)end, op->req.bytes);
        op->req.flags = VEMU_BLOCK_COMPRESSED;
    }
    split(r, op);
    memcpy(r->model + op->req.offset, op->buf, op->req.bytes);
}

static void quiet(struct run *r)
{
    vemu_block_unplug(r->ctx);
    vemu_block_drain(r->block);
    vemu_block_plug(r->ctx);
}

static void start_op(struct run *r, struct op *op)
{
    unsigned kind = (unsigned)below(r, 10);

    op->done = false;
    op->req.done = op_done;
    op->req.opaque = op;
    if (kind < 4) {
        op->req.op = VEMU_BLOCK_READ;
        split(r, op);
    } else if (kind < 8) {
        op->req.op = VEMU_BLOCK_WRITE;
        make_write(r, op);
    } else {
        op->req.op = kind == 8 ? VEMU_BLOCK_WRITE_ZEROES : VEMU_BLOCK_DISCARD;
        op->req.flags = below(r, 2) ? VEMU_BLOCK_MAY_UNMAP : 0;
        if (op->req.op == VEMU_BLOCK_WRITE_ZEROES)
            memset(r->model + op->req.offset, 0, op->req.bytes);
    }
    if (op->req.flags & VEMU_BLOCK_COMPRESSED)
        quiet(r); /* it covers its whole cluster, and perhaps what another is about */
    trace(r, op->req.op, op->req.flags, op->req.offset, op->req.bytes);
    vemu_block_submit(r->block, &op->req);
}

/* What a discard leaves: zeros, or what was there, in whole clusters either way. */
static bool settle_discard(struct run *r, const struct op *op)
{
    struct vemu_error *err = NULL;

    if (!vemu_block_read(r->block, op->req.offset, op->buf, op->req.bytes, &err))
        return failed(r, err);
    for (uint64_t i = 0; i < op->req.bytes; i++) {
        if (op->buf[i] && op->buf[i] != r->model[op->req.offset + i])
            return fail(r, "after a discard at %" PRIu64 " there is something else",
                        op->req.offset);
    }
    memcpy(r->model + op->req.offset, op->buf, op->req.bytes);
    return true;
}

static bool batch(struct run *r, struct op *ops)
{
    unsigned n = 0, want = 1 + (unsigned)below(r, DEPTH);
    bool ok = true;

    vemu_block_plug(r->ctx);
    while (n < want) {
        struct op *op = &ops[n];
        memset(&op->req, 0, sizeof op->req);
        if (!choose_range(r, ops, n, &op->req.offset, &op->req.bytes))
            break;
        start_op(r, op);
        n++;
        if (op->req.flags & VEMU_BLOCK_COMPRESSED)
            quiet(r);
    }
    vemu_block_unplug(r->ctx);
    vemu_block_drain(r->block);
    for (unsigned i = 0; i < n && ok; i++) {
        struct op *op = &ops[i];
        if (!op->done || op->req.error)
            return fail(r, "operation %d at %" PRIu64 "+%" PRIu64 ": %s", op->req.op,
                        op->req.offset, op->req.bytes, strerror(op->req.error));
        if (op->req.op == VEMU_BLOCK_DISCARD)
            ok = settle_discard(r, op);
    }
    return ok;
}

static bool compare_all(struct run *r)
{
    uint8_t *buf = malloc(r->size);
    struct vemu_error *err = NULL;
    bool ok = vemu_block_read(r->block, 0, buf, r->size, &err);

    if (!ok)
        failed(r, err);
    for (uint64_t i = 0; ok && i < r->size; i++) {
        if (buf[i] != r->model[i])
            ok = fail(r, "byte %" PRIu64 " is %02x, not %02x", i, buf[i], r->model[i]);
    }
    free(buf);
    return ok;
}

/* ---- the image as a whole -------------------------------------------------------------------- */

static bool change_snapshots(struct run *r)
{
    struct snapshot_model *s = &r->snapshots[below(r, SNAPSHOTS)];
    struct vemu_error *err = NULL;

    trace(r, 6, s->data != NULL, 0, UINT64_MAX);
    if (!s->data) {
        snprintf(s->name, sizeof s->name, "s%u", ++r->names);
        if (!vemu_block_snapshot_create(r->block, s->name, &err)) {
            /* Narrow refcounts: refused, and nothing has changed. */
            bool narrow = strstr(vemu_error_message(err), "more references than");
            if (!narrow)
                return failed(r, err);
            vemu_error_free(err);
            return compare_all(r);
        }
        s->size = r->size;
        s->data = malloc(DISK_MOST);
        memcpy(s->data, r->model, r->size);
    } else if (below(r, 2)) {
        if (!vemu_block_snapshot_apply(r->block, s->name, &err))
            return failed(r, err);
        r->size = s->size;
        memcpy(r->model, s->data, s->size);
    } else {
        if (!vemu_block_snapshot_delete(r->block, s->name, &err))
            return failed(r, err);
        free(s->data);
        s->data = NULL;
    }
    return vemu_block_size(r->block) == r->size || fail(r, "the size is not the snapshot's");
}

static bool change_size(struct run *r)
{
    uint64_t size = (1 + below(r, DISK_MOST / 512 - 1)) * 512;
    struct vemu_error *err = NULL;

    for (unsigned i = 0; i < SNAPSHOTS; i++) {
        if (r->snapshots[i].data && r->v2)
            return true;
    }
    if (size < 1 << 20)
        size += 1 << 20;
    if (!vemu_block_resize(r->block, size, VEMU_BLOCK_PREALLOC_OFF, &err))
        return failed(r, err);
    trace(r, 5, 0, size, UINT64_MAX - size);
    if (size > r->size)
        memset(r->model + r->size, 0, size - r->size);
    r->size = size;
    return true;
}

static bool system_ok(struct run *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static bool system_ok(struct run *r, const char *fmt, ...)
{
    char command[4096];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(command, sizeof command, fmt, ap);
    va_end(ap);
    return system(command) == 0 || fail(r, "failed: %.400s", command);
}

/* The other program writes; then both must agree about everything. */
static bool let_qemu(struct run *r)
{
    char command[3000];
    size_t n = 0;
    FILE *f;

    for (int i = 0; i < 8; i++) {
        uint64_t bytes = (1 + below(r, 200)) * 512, offset = below(r, r->size / 512) * 512;
        unsigned pattern = 1 + (unsigned)below(r, 255);
        if (offset + bytes > r->size)
            continue;
        if (below(r, 3)) {
            n += (size_t)snprintf(command + n, sizeof command - n,
                                  " -c 'write -P %u %" PRIu64 " %" PRIu64 "'", pattern, offset,
                                  bytes);
            memset(r->model + offset, (int)pattern, bytes);
        } else {
            n += (size_t)snprintf(command + n, sizeof command - n,
                                  " -c 'write -z %s %" PRIu64 " %" PRIu64 "'",
                                  below(r, 2) ? "-u" : "", offset, bytes);
            memset(r->model + offset, 0, bytes);
        }
    }
    if (n && !system_ok(r, "qemu-io -f qcow2 %s %s >/dev/null 2>%s.log", command, r->path, r->path))
        return false;
    f = fopen(r->raw, "wb");
    if (!f || fwrite(r->model, 1, r->size, f) != r->size || fclose(f) != 0)
        return fail(r, "cannot write %s", r->raw);
    return system_ok(r, "qemu-img check -q -f qcow2 %s >%s.log 2>&1", r->path, r->path) &&
           system_ok(r, "qemu-img compare -q -f qcow2 -F raw %s %s >%s.log 2>&1", r->path, r->raw,
                     r->path);
}

static bool round_of_ops(struct run *r, struct op *ops, unsigned *count)
{
    struct vemu_error *err = NULL;

    for (unsigned done = 0; done < ROUND_OPS;) {
        unsigned what = (unsigned)below(r, 40);
        unsigned more = 1;
        if (what == 0) {
            if (!change_snapshots(r) || !check_image(r))
                return false;
        } else if (what == 1) {
            if (!change_size(r) || !check_image(r))
                return false;
        } else if (what < 6) {
            if (!vemu_block_flush(r->block, &err))
                return failed(r, err);
        } else {
            if (!batch(r, ops))
                return false;
            more = DEPTH / 2;
        }
        done += more;
        *count += more;
    }
    if (!compare_all(r) || !check_image(r) || !close_image(r))
        return false;
    if (r->qemu && !let_qemu(r))
        return false;
    return open_image(r) && compare_all(r) && check_image(r);
}

/* ---- kinds of images ------------------------------------------------------------------------- */

struct kind {
    const char *name, *options;
    uint64_t cluster;
    bool backed, v2;
    enum vemu_block_aio aio;
    enum vemu_block_cache cache;
};

static const struct kind kinds[] = {
    {"64K clusters", "", 65536, false, false, VEMU_BLOCK_AIO_AUTO, VEMU_BLOCK_WRITEBACK},
    {"512-byte clusters, threads", "cluster_size=512", 512, false, false, VEMU_BLOCK_AIO_THREADS,
     VEMU_BLOCK_WRITEBACK},
    {"4K clusters, zstd, backing file", "cluster_size=4K,compression_type=zstd", 4096, true, false,
     VEMU_BLOCK_AIO_AUTO, VEMU_BLOCK_WRITEBACK},
    {"version 2, backing file", "compat=0.10,cluster_size=8K", 8192, true, true,
     VEMU_BLOCK_AIO_AUTO, VEMU_BLOCK_UNSAFE},
    {"lazy refcounts, 64-bit refcounts", "lazy_refcounts=on,refcount_bits=64,cluster_size=16K",
     16384, false, false, VEMU_BLOCK_AIO_AUTO, VEMU_BLOCK_WRITEBACK},
    {"4-bit refcounts, O_DIRECT", "refcount_bits=4,cluster_size=32K", 32768, true, false,
     VEMU_BLOCK_AIO_AUTO, VEMU_BLOCK_NONE},
    {"writethrough", "cluster_size=2M", 2 << 20, false, false, VEMU_BLOCK_AIO_AUTO,
     VEMU_BLOCK_WRITETHROUGH},
};

static bool make_images(struct run *r, const struct kind *k)
{
    struct vemu_block_create_options o = {
        .size = sizeof o, .format = "qcow2", .options = k->options};
    struct vemu_error *err = NULL;
    uint64_t base_size = 5 << 20;
    FILE *f;

    r->size = DISK_MOST / 2;
    o.virtual_size = r->size;
    if (k->backed) {
        /* Shorter than the disk, so that it ends within. */
        for (uint64_t i = 0; i < base_size; i++)
            r->model[i] = (uint8_t)(i / 512 * 7 + 1);
        f = fopen(r->base, "wb");
        if (!f || fwrite(r->model, 1, base_size, f) != base_size || fclose(f) != 0)
            return fail(r, "cannot write %s", r->base);
        o.backing_filename = r->base;
        o.backing_format = "raw";
    }
    return vemu_block_create(r->ctx, r->path, &o, &err) || failed(r, err);
}

static bool run_kind(const struct kind *k, uint64_t seed, unsigned ops, const char *dir, char *why)
{
    struct vemu_block_context_options co = {.size = sizeof co, .aio = k->aio, .workers = 4};
    struct run r = {.rng = seed * 2654435761u + 88172645463325252u,
                    .backed = k->backed,
                    .v2 = k->v2,
                    .cluster = k->cluster,
                    .cache = k->cache,
                    .qemu = system("command -v qemu-io >/dev/null") == 0};
    const char *traced = getenv("VEMU_TEST_BYTE");
    struct op *slots = calloc(DEPTH, sizeof *slots);
    struct vemu_error *err = NULL;
    unsigned count = 0;
    bool ok;

    r.traced = traced ? strtoull(traced, NULL, 10) : UINT64_MAX;
    snprintf(r.path, sizeof r.path, "%s/image", dir);
    snprintf(r.base, sizeof r.base, "%s/base", dir);
    snprintf(r.raw, sizeof r.raw, "%s/model", dir);
    r.model = calloc(1, DISK_MOST);
    for (int i = 0; i < DEPTH; i++)
        slots[i].buf = malloc(4 << 20);
    r.ctx = vemu_block_context_new(&co, &err);
    ok = r.ctx ? make_images(&r, k) && open_image(&r) : failed(&r, err);
    while (ok && count < ops)
        ok = round_of_ops(&r, slots, &count);
    if (r.block)
        ok = close_image(&r) && ok;
    vemu_block_context_free(r.ctx);
    for (int i = 0; i < DEPTH; i++)
        free(slots[i].buf);
    for (int i = 0; i < SNAPSHOTS; i++)
        free(r.snapshots[i].data);
    free(slots);
    free(r.model);
    if (!ok)
        fprintf(stderr, "# after %u operations, seed %" PRIu64 ": %s\n", count, seed, r.why);
    else
        unlink(r.path);
    snprintf(why, 512, "%s", r.why);
    return ok;
}

int main(void)
{
    const char *ops = getenv("VEMU_TEST_OPS"), *seed = getenv("VEMU_TEST_SEED");
    char dir[] = "/tmp/vemu-block-random.XXXXXX", why[512], what[128], command[64];
    bool all = true;

    if (!mkdtemp(dir))
        return 1;
    for (unsigned i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        snprintf(what, sizeof what, "random operations, %s", kinds[i].name);
        all &= tap(run_kind(&kinds[i], seed ? strtoull(seed, NULL, 10) + i : i + 1,
                            ops ? (unsigned)strtoul(ops, NULL, 10) : 400, dir, why),
                   what);
    }
    snprintf(command, sizeof command, "rm -rf %s", dir);
    if (all && system(command) != 0)
        return 1;
    return tap_end();
}
