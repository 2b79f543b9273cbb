/*
 * vemu-img convert.
 *
 * A number of slots (-m) each take the next piece of the source, read it, and write what is not
 * zeros; all that by asynchronous requests on one thread. Compression happens on the context's
 * workers.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "cli/img/img.h"

enum { PIECE_BYTES = 2 << 20, MOST_SLOTS = 16, MOST_SOURCES = 64 };

struct convert {
    /* options */
    const char *format, *out_format, *snapshot, *backing, *backing_format;
    char *options;
    enum vemu_block_cache cache, source_cache;
    unsigned slots, source_flags;
    bool compressed, quiet, no_create, target_is_zero, salvage;
    uint64_t sparse; /* zeros at least this long are not written; 0: all is */

    struct vemu_block_context *ctx;
    struct vemu_block *sources[MOST_SOURCES], *target;
    unsigned source_count;
    uint64_t starts[MOST_SOURCES + 1]; /* of each source on the target; then the end */
    uint64_t unit;                     /* in which zeros are looked for */
    bool skip_zeros;                   /* the target reads as zeros where nothing was written */
    struct img_progress progress;
    struct vemu_error *err;

    /* where to go on */
    uint64_t next;
    unsigned source;
    struct vemu_block_status status; /* what is left of it */
};

struct slot {
    struct convert *c;
    uint8_t *buf;
    struct iovec iov;
    struct vemu_block_request req;
    uint64_t offset, bytes, at; /* the piece; how far it was written */
    bool busy;
};

static void next_piece(struct slot *slot);

/* The first error stays, and no piece is started after it. */
static void stop(struct convert *c, const char *what, const struct slot *slot)
{
    char text[160];

    if (c->err)
        return;
    snprintf(text, sizeof text, "%s at offset %llu failed: %s", what,
             (unsigned long long)slot->offset, strerror(slot->req.error));
    img_fail("convert: %s", text);
    c->source = c->source_count;
    c->next = UINT64_MAX;
    c->progress.on = false;
}

static void submit(struct slot *slot, struct vemu_block *block, enum vemu_block_op op,
                   unsigned flags, uint64_t offset, void *buf, uint64_t bytes,
                   void (*done)(struct vemu_block_request *))
{
    slot->iov = (struct iovec){buf, bytes};
    slot->req = (struct vemu_block_request){.op = op,
                                            .flags = flags,
                                            .offset = offset,
                                            .bytes = bytes,
                                            .iov = &slot->iov,
                                            .iov_count = 1,
                                            .done = done,
                                            .opaque = slot};
    vemu_block_submit(block, &slot->req);
}

/* ---- writing a piece ------------------------------------------------------------------------- */

static void write_done(struct vemu_block_request *req);

/* How far from `at` on the piece is all zeros, or is not. */
static uint64_t run_length(const struct slot *slot, uint64_t at, bool *zero)
{
    const struct convert *c = slot->c;
    uint64_t end = at, start = slot->offset;

    *zero = false;
    if (!c->sparse && !c->compressed)
        return slot->bytes - at;
    while (end < slot->bytes) {
        uint64_t left = c->unit - (start + end) % c->unit;
        left = left < slot->bytes - end ? left : slot->bytes - end;
        bool z = img_is_zero(slot->buf + end, left);
        if (end == at)
            *zero = z;
        else if (z != *zero)
            break;
        end += left;
        if (c->compressed && !*zero)
            break; /* clusters are compressed one by one, on different workers */
    }
    return end - at;
}

static void write_on(struct slot *slot)
{
    struct convert *c = slot->c;

    while (slot->at < slot->bytes) {
        bool zero;
        uint64_t at = slot->at, n = run_length(slot, at, &zero);
        slot->at += n;
        if (zero && c->skip_zeros)
            continue;
        submit(slot, c->target, zero ? VEMU_BLOCK_WRITE_ZEROES : VEMU_BLOCK_WRITE,
               zero            ? VEMU_BLOCK_MAY_UNMAP
               : c->compressed ? VEMU_BLOCK_COMPRESSED
                               : 0,
               slot->offset + at, slot->buf + at, n, write_done);
        return;
    }
    img_progress_add(&c->progress, slot->bytes);
    next_piece(slot);
}

static void write_done(struct vemu_block_request *req)
{
    struct slot *slot = req->opaque;

    if (req->error) {
        stop(slot->c, "writing", slot);
        slot->busy = false;
        return;
    }
    write_on(slot);
}

static void read_done(struct vemu_block_request *req)
{
    struct slot *slot = req->opaque;

    if (req->error && slot->c->salvage) {
        if (!slot->c->quiet)
            img_fail("convert: reading at offset %llu failed, zeros are in its place: %s",
                     (unsigned long long)slot->offset, strerror(req->error));
        memset(slot->buf, 0, slot->bytes);
    } else if (req->error) {
        stop(slot->c, "reading", slot);
        slot->busy = false;
        return;
    }
    slot->at = 0;
    write_on(slot);
}

/* ---- choosing pieces ------------------------------------------------------------------------- */

static bool look(struct convert *c)
{
    struct vemu_block *source = c->sources[c->source];
    uint64_t in_source = c->next - c->starts[c->source];
    struct vemu_error *err = NULL;

    /* With a backing file of its own, the target needs what the source itself has. */
    if (vemu_block_status(source, in_source, vemu_block_size(source) - in_source,
                          c->backing ? 1 : 0, &c->status, &err))
        return true;
    c->err = err;
    return false;
}

/* Of a range that need not be read, what is whole units of the target; all of it at the end. */
static uint64_t whole_units(const struct convert *c, uint64_t bytes)
{
    uint64_t end = c->next + bytes;

    if (end >= c->starts[c->source + 1])
        return bytes;
    end -= end % c->unit;
    return end > c->next ? end - c->next : 0;
}

/* How much to read: up to the end of a unit, and of a buffer. */
static uint64_t data_piece(const struct convert *c, uint64_t bytes)
{
    uint64_t left = PIECE_BYTES - c->next % PIECE_BYTES, end = c->next + bytes;

    end += (c->unit - end % c->unit) % c->unit;
    if (end > c->starts[c->source + 1])
        end = c->starts[c->source + 1];
    return end - c->next < left ? end - c->next : left;
}

static void next_piece(struct slot *slot)
{
    struct convert *c = slot->c;

    slot->busy = false;
    while (!c->err && c->source < c->source_count) {
        bool absent, zero;
        uint64_t bytes;
        if (c->next >= c->starts[c->source + 1]) {
            c->source++;
            c->status.bytes = 0;
            continue;
        }
        if (!c->status.bytes && !look(c))
            return;
        absent = c->backing && !(c->status.flags & VEMU_BLOCK_PRESENT);
        zero = c->status.flags & VEMU_BLOCK_ZERO && (c->sparse || c->compressed);
        bytes = c->status.bytes;
        if (absent || zero)
            bytes = whole_units(c, bytes);
        if (!bytes)
            absent = zero = false; /* a unit that is not all of it: read */
        if (!absent && !zero)
            bytes = data_piece(c, c->status.bytes);
        slot->offset = c->next;
        slot->bytes = bytes;
        c->next += bytes;
        c->status.bytes -= bytes < c->status.bytes ? bytes : c->status.bytes;
        if (absent || (zero && c->skip_zeros)) {
            img_progress_add(&c->progress, bytes);
            continue;
        }
        slot->busy = true;
        slot->at = bytes;
        if (zero)
            submit(slot, c->target, VEMU_BLOCK_WRITE_ZEROES, VEMU_BLOCK_MAY_UNMAP, slot->offset,
                   NULL, bytes, write_done);
        else
            submit(slot, c->sources[c->source], VEMU_BLOCK_READ, 0,
                   slot->offset - c->starts[c->source], slot->buf, bytes, read_done);
        return;
    }
}

static bool copy(struct convert *c)
{
    struct slot slots[MOST_SLOTS] = {0};
    bool busy = true, ok = true;

    for (unsigned i = 0; i < c->slots && ok; i++) {
        slots[i].c = c;
        ok = posix_memalign((void **)&slots[i].buf, 4096, PIECE_BYTES) == 0;
        if (!ok)
            img_fail("out of memory");
    }
    for (unsigned i = 0; i < c->slots && ok; i++)
        next_piece(&slots[i]);
    while (busy && ok) {
        vemu_block_context_wait(c->ctx);
        busy = false;
        for (unsigned i = 0; i < c->slots; i++)
            busy |= slots[i].busy;
    }
    for (unsigned i = 0; i < c->slots; i++)
        free(slots[i].buf);
    if (c->err)
        img_error(c->err, 1);
    return ok && !c->err && c->next != UINT64_MAX;
}

/* ---- set-up ---------------------------------------------------------------------------------- */

static bool open_sources(struct convert *c, int count, char **names, struct vemu_error **err)
{
    struct vemu_block_options o = {.size = sizeof o,
                                   .format = c->format,
                                   .cache = c->source_cache,
                                   .flags = c->source_flags,
                                   .snapshot = c->snapshot};

    for (int i = 0; i < count; i++) {
        struct vemu_block *b = vemu_block_open(c->ctx, names[i], &o, err);
        if (!b)
            return false;
        c->sources[c->source_count] = b;
        c->starts[c->source_count + 1] = c->starts[c->source_count] + vemu_block_size(b);
        c->source_count++;
    }
    return true;
}

static bool open_target(struct convert *c, const char *name, struct vemu_error **err)
{
    struct vemu_block_options o = {.size = sizeof o, .cache = c->cache, .writable = 1};
    struct vemu_block_create_options create = {.size = sizeof create,
                                               .format = c->out_format,
                                               .virtual_size = c->starts[c->source_count],
                                               .backing_filename = c->backing,
                                               .backing_format = c->backing_format,
                                               .options = c->options};
    struct vemu_block_info info;

    if (!c->no_create && !vemu_block_create(c->ctx, name, &create, err))
        return false;
    o.format = c->no_create && !c->out_format ? NULL : c->out_format ? c->out_format : "raw";
    c->target = vemu_block_open(c->ctx, name, &o, err);
    if (!c->target)
        return false;
    vemu_block_info(c->target, &info);
    if (vemu_block_size(c->target) < c->starts[c->source_count]) {
        img_fail("convert: '%s' has %llu bytes, too little for the %llu of the source", name,
                 (unsigned long long)vemu_block_size(c->target),
                 (unsigned long long)c->starts[c->source_count]);
        return false;
    }
    if (c->compressed && !info.cluster_size) {
        img_fail("convert: -c is for qcow2, not %s: use -O qcow2", info.format);
        return false;
    }
    for (unsigned i = 1; c->compressed && i < c->source_count; i++) {
        if (c->starts[i] % info.cluster_size) {
            img_fail(
                "convert: with -c each source but the last has to be a multiple of %u bytes long",
                info.cluster_size);
            return false;
        }
    }
    /* A cluster is written whole or not at all. */
    c->unit = info.cluster_size ? info.cluster_size : c->sparse ? c->sparse : 4096;
    c->skip_zeros = (!c->no_create || c->target_is_zero) && !info.backing_filename;
    return true;
}

static int run(struct convert *c, int count, char **names)
{
    struct vemu_error *err = NULL;
    bool ok;

    c->ctx = img_context(c->slots);
    if (!c->ctx)
        return 1;
    ok = open_sources(c, count - 1, names, &err) && open_target(c, names[count - 1], &err);
    if (ok) {
        c->progress.total = c->starts[c->source_count];
        img_progress_add(&c->progress, 0);
        ok = copy(c) && vemu_block_flush(c->target, &err);
    }
    if (!vemu_block_close(c->target, err ? NULL : &err))
        ok = false;
    for (unsigned i = 0; i < c->source_count; i++)
        vemu_block_close(c->sources[i], NULL);
    vemu_block_context_free(c->ctx);
    if (err)
        return img_error(err, 1);
    if (ok)
        img_progress_end(&c->progress);
    return ok ? 0 : 1;
}

/* "snapshot.id=1", "snapshot.name=a", or the ID or name itself. */
static const char *snapshot_key(const char *text)
{
    if (strncmp(text, "snapshot.id=", 12) == 0)
        return text + 12;
    return strncmp(text, "snapshot.name=", 14) == 0 ? text + 14 : text;
}

static int one_option(struct convert *c, int opt, char **argv)
{
    switch (opt) {
    case 'q':
        c->quiet = true;
        return 0;
    case 'p':
        c->progress.on = true;
        return 0;
    case 'c':
        c->compressed = true;
        return 0;
    case 'n':
        c->no_create = true;
        return 0;
    case 'U':
        c->source_flags |= VEMU_BLOCK_FORCE_SHARE;
        return 0;
    case 'W': /* writes are never held back for their order */
        return 0;
    case 'f':
        c->format = optarg;
        return 0;
    case 'O':
        c->out_format = optarg;
        return 0;
    case 'B':
        c->backing = optarg;
        return 0;
    case 'F':
        c->backing_format = optarg;
        return 0;
    case 'o':
        return img_join_options(&c->options, optarg) ? 0 : img_fail("out of memory");
    case 'l':
        c->snapshot = snapshot_key(optarg);
        return 0;
    case 't':
        return !img_parse_cache("-t", optarg, &c->cache);
    case 'T':
        return !img_parse_cache("-T", optarg, &c->source_cache);
    case 'S':
        if (!img_parse_size("-S", optarg, &c->sparse))
            return 1;
        if (c->sparse % 512 || c->sparse > PIECE_BYTES)
            return img_fail("-S '%s': use 0, or a multiple of 512 up to 2M", optarg);
        return 0;
    case 'm':
        return !img_parse_count("-m", optarg, 1, MOST_SLOTS, &c->slots);
    case OPT_TARGET_IS_ZERO:
        c->target_is_zero = true;
        return 0;
    case OPT_SALVAGE:
        c->salvage = true;
        return 0;
    default:
        return img_bad_option("convert", argv);
    }
}

int img_convert(int argc, char **argv)
{
    static const struct option long_options[] = {
        {"help", no_argument, NULL, 'h'},
        {"force-share", no_argument, NULL, 'U'},
        {"target-is-zero", no_argument, NULL, OPT_TARGET_IS_ZERO},
        {"salvage", no_argument, NULL, OPT_SALVAGE},
        {NULL, 0, NULL, 0}};
    struct convert c = {.slots = 8, .cache = VEMU_BLOCK_UNSAFE, .sparse = 4096};
    int opt, status;

    while ((opt = getopt_long(argc, argv, ":hqpcnUWf:O:B:F:o:l:t:T:S:m:", long_options, NULL)) !=
           -1) {
        if (opt == 'h')
            return img_help("convert");
        if (one_option(&c, opt, argv))
            return 1;
    }
    if (c.options && strcmp(c.options, "help") == 0) {
        const char *help = vemu_block_create_help(c.out_format ? c.out_format : "raw");
        return help ? printf("%s\n", help) < 0
                    : img_fail("-O '%s': use qcow2 or raw", c.out_format);
    }
    if (argc - optind < 2 || argc - optind > MOST_SOURCES + 1)
        return img_fail("convert: a source and an output file have to be given, and %d sources at "
                        "most; \"vemu-img convert --help\" shows how",
                        MOST_SOURCES);
    if (c.no_create && (c.options || c.backing))
        return img_fail("convert: %s is for a new image; -n keeps the one that is there",
                        c.options ? "-o" : "-B");
    if (c.target_is_zero && !c.no_create)
        return img_fail("convert: --target-is-zero goes with -n; a new image is known to be");
    if (c.quiet)
        c.progress.on = false;
    status = run(&c, argc - optind, argv + optind);
    free(c.options);
    return status;
}
