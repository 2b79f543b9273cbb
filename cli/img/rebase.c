/* vemu-img rebase and commit: what moves data between an image and its backing files. */
#include <stdlib.h>
#include <string.h>
#include "cli/img/img.h"

enum { PIECE_BYTES = 2 << 20 };

/* ---- rebase ---------------------------------------------------------------------------------- */

struct rebase {
    const char *filename, *backing, *backing_format;
    bool unsafe;
    struct vemu_block_options options, backing_options;
    struct img_progress progress;
    struct vemu_block_context *ctx;
    struct vemu_block *image, *new;
    uint8_t *old_data, *new_data;
};

static bool read_or_zeros(struct vemu_block *b, uint64_t offset, uint8_t *buf, uint64_t bytes,
                          struct vemu_error **err)
{
    uint64_t size = b ? vemu_block_size(b) : 0;
    uint64_t has = offset < size ? (bytes < size - offset ? bytes : size - offset) : 0;

    memset(buf + has, 0, bytes - has);
    return !has || vemu_block_read(b, offset, buf, has, err);
}

/* Keeps, in the image itself, what differs between the old and the new backing file. */
static bool keep_differences(struct rebase *r, uint64_t offset, uint64_t bytes, uint64_t cluster,
                             struct vemu_error **err)
{
    if (!vemu_block_read(r->image, offset, r->old_data, bytes, err) ||
        !read_or_zeros(r->new, offset, r->new_data, bytes, err))
        return false;
    for (uint64_t at = 0; at < bytes; at += cluster) {
        uint64_t n = cluster < bytes - at ? cluster : bytes - at;
        if (memcmp(r->old_data + at, r->new_data + at, n) != 0 &&
            !vemu_block_write(r->image, offset + at, r->old_data + at, n, 0, err))
            return false;
    }
    return true;
}

static bool merge(struct rebase *r, struct vemu_error **err)
{
    uint64_t size = vemu_block_size(r->image), offset = 0;
    struct vemu_block_info info;

    vemu_block_info(r->image, &info);
    r->progress.total = size;
    while (offset < size) {
        uint64_t bytes = size - offset < PIECE_BYTES ? size - offset : PIECE_BYTES;
        struct vemu_block_status st;
        if (!vemu_block_status(r->image, offset, bytes, 1, &st, err))
            return false;
        if (!(st.flags & VEMU_BLOCK_PRESENT) &&
            !keep_differences(r, offset, st.bytes, info.cluster_size ? info.cluster_size : 65536,
                              err))
            return false;
        offset += st.bytes;
        img_progress_add(&r->progress, st.bytes);
    }
    return vemu_block_flush(r->image, err);
}

static bool rebase(struct rebase *r, struct vemu_error **err)
{
    bool none = !*r->backing;

    if (r->unsafe)
        r->options.flags |= VEMU_BLOCK_NO_BACKING;
    r->image = vemu_block_open(r->ctx, r->filename, &r->options, err);
    if (!r->image)
        return false;
    if (!r->unsafe && !none) {
        char *path = vemu_block_backing_path(r->filename, r->backing, err);
        r->backing_options.format = r->backing_format;
        r->new = path ? vemu_block_open(r->ctx, path, &r->backing_options, err) : NULL;
        free(path);
        if (!r->new)
            return false;
    }
    if (!r->unsafe && !merge(r, err))
        return false;
    if (r->new && !r->backing_format) {
        /* What was found by looking is written down: a raw file may look like anything later. */
        struct vemu_block_info info;
        vemu_block_info(r->new, &info);
        r->backing_format = info.format;
    }
    return vemu_block_set_backing(r->image, none ? NULL : r->backing,
                                  none ? NULL : r->backing_format, err);
}

static int run_rebase(struct rebase *r)
{
    struct vemu_error *err = NULL;
    bool ok = false;

    r->ctx = img_context(0);
    if (!r->ctx)
        return 1;
    if (posix_memalign((void **)&r->old_data, 4096, PIECE_BYTES) != 0)
        r->old_data = NULL;
    if (posix_memalign((void **)&r->new_data, 4096, PIECE_BYTES) != 0)
        r->new_data = NULL;
    if (r->old_data && r->new_data)
        ok = rebase(r, &err);
    else
        img_fail("out of memory");
    vemu_block_close(r->new, NULL);
    ok = vemu_block_close(r->image, err ? NULL : &err) && ok;
    vemu_block_context_free(r->ctx);
    free(r->old_data);
    free(r->new_data);
    if (err)
        return img_error(err, 1);
    if (ok)
        img_progress_end(&r->progress);
    return ok ? 0 : 1;
}

int img_rebase(int argc, char **argv)
{
    static const struct option long_options[] = {{"help", no_argument, NULL, 'h'},
                                                 {"force-share", no_argument, NULL, 'U'},
                                                 {NULL, 0, NULL, 0}};
    struct rebase r = {.options = {.size = sizeof r.options, .writable = 1},
                       .backing_options = {.size = sizeof r.backing_options}};
    bool quiet = false;
    int c;

    while ((c = getopt_long(argc, argv, ":hqf:t:T:puUb:F:", long_options, NULL)) != -1) {
        switch (c) {
        case 'h':
            return img_help("rebase");
        case 'q':
            quiet = true;
            break;
        case 'f':
            r.options.format = optarg;
            break;
        case 't':
            if (!img_parse_cache("-t", optarg, &r.options.cache))
                return 1;
            break;
        case 'T':
            if (!img_parse_cache("-T", optarg, &r.backing_options.cache))
                return 1;
            break;
        case 'p':
            r.progress.on = true;
            break;
        case 'u':
            r.unsafe = true;
            break;
        case 'U':
            r.backing_options.flags |= VEMU_BLOCK_FORCE_SHARE;
            break;
        case 'b':
            r.backing = optarg;
            break;
        case 'F':
            r.backing_format = optarg;
            break;
        default:
            return img_bad_option("rebase", argv);
        }
    }
    if (!img_arguments("rebase", argc, argv, 1, "FILE"))
        return 1;
    if (!r.backing)
        return img_fail(
            "rebase: -b BACKING has to be given; -b \"\" is for no backing file at all");
    r.progress.on &= !quiet && !r.unsafe;
    r.filename = argv[optind];
    return run_rebase(&r);
}

/* ---- commit ---------------------------------------------------------------------------------- */

struct commit {
    const char *filename, *base_name;
    bool keep;
    struct vemu_block_options options;
    struct img_progress progress;
    struct vemu_block *top, *base;
    unsigned layers; /* above the base */
    uint8_t *buf;
};

/* How many images lie above the base, by name; 0: it is not in the chain. */
static unsigned find_base(struct commit *c)
{
    struct vemu_block *above = c->top;
    unsigned n = 1;

    for (struct vemu_block *b = vemu_block_backing(above); b; b = vemu_block_backing(b), n++) {
        struct vemu_block_info info, over;
        vemu_block_info(b, &info);
        vemu_block_info(above, &over);
        if (!c->base_name || strcmp(c->base_name, info.filename) == 0 ||
            (over.backing_filename && strcmp(c->base_name, over.backing_filename) == 0)) {
            c->base = b;
            return n;
        }
        above = b;
    }
    return 0;
}

static bool copy_piece(struct commit *c, uint64_t offset, uint64_t bytes, bool zero,
                       struct vemu_error **err)
{
    if (zero)
        return vemu_block_write_zeroes(c->base, offset, bytes, VEMU_BLOCK_MAY_UNMAP, err);
    return vemu_block_read(c->top, offset, c->buf, bytes, err) &&
           vemu_block_write(c->base, offset, c->buf, bytes, 0, err);
}

static bool copy_down(struct commit *c, struct vemu_error **err)
{
    uint64_t size = vemu_block_size(c->top), offset = 0;

    if (size > vemu_block_size(c->base) &&
        !vemu_block_resize(c->base, size, VEMU_BLOCK_PREALLOC_OFF, err))
        return false;
    c->progress.total = size;
    while (offset < size) {
        uint64_t bytes = size - offset;
        struct vemu_block_status st;
        bool zero;
        if (!vemu_block_status(c->top, offset, bytes, c->layers, &st, err))
            return false;
        zero = st.flags & VEMU_BLOCK_ZERO;
        bytes = !zero && st.bytes > PIECE_BYTES ? PIECE_BYTES : st.bytes;
        if ((st.flags & VEMU_BLOCK_PRESENT) && !copy_piece(c, offset, bytes, zero, err))
            return false;
        offset += bytes;
        img_progress_add(&c->progress, bytes);
    }
    return vemu_block_flush(c->base, err);
}

static bool commit(struct commit *c, struct vemu_block_context *ctx, struct vemu_error **err)
{
    /* First to see how deep the base is, then to write there. */
    c->top = vemu_block_open(ctx, c->filename, &c->options, err);
    if (!c->top)
        return false;
    c->layers = find_base(c);
    if (!c->layers) {
        if (c->base_name)
            img_fail("commit: '%s' is not in the chain of '%s'; \"vemu-img info --backing-chain\" "
                     "shows it",
                     c->base_name, c->filename);
        else
            img_fail("commit: '%s' has no backing file to commit to", c->filename);
        return false;
    }
    vemu_block_close(c->top, NULL);
    c->options.writable = c->layers + 1;
    c->top = vemu_block_open(ctx, c->filename, &c->options, err);
    if (!c->top || !find_base(c) || !copy_down(c, err))
        return false;
    /* What lies between the image and a deeper base would no longer fit an emptied image. */
    return c->keep || c->layers > 1 || vemu_block_make_empty(c->top, err);
}

static int run_commit(struct commit *c, bool quiet)
{
    struct vemu_block_context *ctx = img_context(0);
    struct vemu_error *err = NULL;
    bool ok = false;

    if (!ctx)
        return 1;
    if (posix_memalign((void **)&c->buf, 4096, PIECE_BYTES) != 0)
        img_fail("out of memory");
    else
        ok = commit(c, ctx, &err);
    ok = vemu_block_close(c->top, err ? NULL : &err) && ok;
    vemu_block_context_free(ctx);
    free(c->buf);
    if (err)
        return img_error(err, 1);
    if (ok)
        img_progress_end(&c->progress);
    if (ok && !quiet)
        puts("Image committed.");
    return ok ? 0 : 1;
}

int img_commit(int argc, char **argv)
{
    static const struct option long_options[] = {{"help", no_argument, NULL, 'h'},
                                                 {NULL, 0, NULL, 0}};
    struct commit commit_args = {.options = {.size = sizeof commit_args.options}};
    bool quiet = false;
    int c;

    while ((c = getopt_long(argc, argv, ":hqf:t:b:dp", long_options, NULL)) != -1) {
        switch (c) {
        case 'h':
            return img_help("commit");
        case 'q':
            quiet = true;
            break;
        case 'f':
            commit_args.options.format = optarg;
            break;
        case 't':
            if (!img_parse_cache("-t", optarg, &commit_args.options.cache))
                return 1;
            break;
        case 'b':
            commit_args.base_name = optarg;
            break;
        case 'd':
            commit_args.keep = true;
            break;
        case 'p':
            commit_args.progress.on = true;
            break;
        default:
            return img_bad_option("commit", argv);
        }
    }
    if (!img_arguments("commit", argc, argv, 1, "FILE"))
        return 1;
    commit_args.progress.on &= !quiet;
    commit_args.filename = argv[optind];
    return run_commit(&commit_args, quiet);
}
