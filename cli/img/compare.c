/* vemu-img compare. */
#include <stdlib.h>
#include <string.h>
#include "cli/img/img.h"

enum { SAME = 0, DIFFERENT = 1, NO_OPEN = 2, NO_STATUS = 3, NO_READ = 4, PIECE_BYTES = 2 << 20 };

struct compare {
    struct vemu_block *images[2];
    uint8_t *bufs[2];
    bool strict, quiet;
    struct img_progress progress;
    struct vemu_error *err;
};

static int differ(const struct compare *c, const char *fmt, uint64_t offset)
{
    if (!c->quiet) {
        if (c->progress.on)
            putchar('\n');
        printf(fmt, (unsigned long long)offset);
        putchar('\n');
    }
    return DIFFERENT;
}

/* What both or the longer one have at offset; *bytes is cut to what is alike. */
static bool look(struct compare *c, unsigned n, uint64_t offset, uint64_t *bytes, unsigned *flags)
{
    uint64_t size = vemu_block_size(c->images[n]);
    struct vemu_block_status st;

    if (offset >= size) {
        *flags = VEMU_BLOCK_ZERO;
        return true;
    }
    if (*bytes > size - offset)
        *bytes = size - offset;
    if (!vemu_block_status(c->images[n], offset, *bytes, 0, &st, &c->err))
        return false;
    *bytes = st.bytes;
    *flags = st.flags;
    return true;
}

static bool fetch(struct compare *c, unsigned n, uint64_t offset, uint64_t bytes, bool zero)
{
    if (!zero)
        return vemu_block_read(c->images[n], offset, c->bufs[n], bytes, &c->err);
    memset(c->bufs[n], 0, bytes);
    return true;
}

static int compare_piece(struct compare *c, uint64_t offset, uint64_t bytes, const bool zero[2])
{
    while (bytes) {
        uint64_t n = bytes < PIECE_BYTES ? bytes : PIECE_BYTES, i = 0;
        if (!fetch(c, 0, offset, n, zero[0]) || !fetch(c, 1, offset, n, zero[1]))
            return NO_READ;
        if (memcmp(c->bufs[0], c->bufs[1], n) != 0) {
            while (c->bufs[0][i] == c->bufs[1][i])
                i++;
            return differ(c, "Content mismatch at offset %llu!", offset + i);
        }
        img_progress_add(&c->progress, n);
        offset += n;
        bytes -= n;
    }
    return SAME;
}

static int compare_all(struct compare *c)
{
    uint64_t a = vemu_block_size(c->images[0]), b = vemu_block_size(c->images[1]);
    uint64_t total = a > b ? a : b, shared = a < b ? a : b, offset = 0;

    c->progress.total = total;
    if (a != b && c->strict)
        return differ(c, "Strict mode: Image size mismatch!", 0);
    while (offset < total) {
        uint64_t bytes = total - offset;
        unsigned flags[2];
        bool zero[2];
        if (!look(c, 0, offset, &bytes, &flags[0]) || !look(c, 1, offset, &bytes, &flags[1]))
            return NO_STATUS;
        if (c->strict && (flags[0] ^ flags[1]) & VEMU_BLOCK_PRESENT)
            return differ(c, "Strict mode: Offset %llu allocation mismatch!", offset);
        zero[0] = flags[0] & VEMU_BLOCK_ZERO;
        zero[1] = flags[1] & VEMU_BLOCK_ZERO;
        if (zero[0] && zero[1]) {
            img_progress_add(&c->progress, bytes);
        } else {
            int status = compare_piece(c, offset, bytes, zero);
            if (status)
                return status;
        }
        offset += bytes;
    }
    img_progress_end(&c->progress);
    if (!c->quiet && shared != total)
        puts("Warning: Image size mismatch!");
    if (!c->quiet)
        puts("Images are identical.");
    return SAME;
}

static int run(struct compare *c, char **names, struct vemu_block_options options[2])
{
    struct vemu_block_context *ctx = img_context(0);
    int status = NO_OPEN;

    if (!ctx)
        return NO_OPEN;
    for (int n = 0; n < 2 && !c->err; n++) {
        c->images[n] = vemu_block_open(ctx, names[n], &options[n], &c->err);
        if (posix_memalign((void **)&c->bufs[n], 4096, PIECE_BYTES) != 0)
            c->bufs[n] = NULL;
    }
    if (c->images[0] && c->images[1]) {
        if (c->bufs[0] && c->bufs[1])
            status = compare_all(c);
        else
            img_fail("out of memory");
    }
    for (int n = 0; n < 2; n++) {
        vemu_block_close(c->images[n], NULL);
        free(c->bufs[n]);
    }
    vemu_block_context_free(ctx);
    return c->err ? img_error(c->err, status) : status;
}

int img_compare(int argc, char **argv)
{
    static const struct option long_options[] = {{"help", no_argument, NULL, 'h'},
                                                 {"force-share", no_argument, NULL, 'U'},
                                                 {NULL, 0, NULL, 0}};
    struct vemu_block_options o[2] = {{.size = sizeof o[0]}, {.size = sizeof o[0]}};
    struct compare compare = {0};
    int c;

    while ((c = getopt_long(argc, argv, ":hf:F:T:pqsU", long_options, NULL)) != -1) {
        switch (c) {
        case 'h':
            return img_help("compare");
        case 'f':
            o[0].format = optarg;
            break;
        case 'F':
            o[1].format = optarg;
            break;
        case 'T':
            if (!img_parse_cache("-T", optarg, &o[0].cache))
                return NO_OPEN;
            o[1].cache = o[0].cache;
            break;
        case 'p':
            compare.progress.on = true;
            break;
        case 'q':
            compare.quiet = true;
            break;
        case 's':
            compare.strict = true;
            break;
        case 'U':
            o[0].flags = o[1].flags = VEMU_BLOCK_FORCE_SHARE;
            break;
        default:
            img_bad_option("compare", argv);
            return NO_OPEN;
        }
    }
    if (!img_arguments("compare", argc, argv, 2, "FILE1 FILE2"))
        return NO_OPEN;
    compare.progress.on &= !compare.quiet;
    return run(&compare, argv + optind, o);
}
