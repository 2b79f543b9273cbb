/* vemu-img create, resize, snapshot: what changes an image as a whole. */
#include <stdlib.h>
#include <string.h>
#include "cli/img/img.h"

static const struct option no_long[] = {{"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};

static int create_help(const char *format)
{
    const char *help = vemu_block_create_help(format);

    if (!help)
        return img_fail("-f '%s': use qcow2 or raw", format);
    printf("Options of %s:\n%s\n", format, help);
    return 0;
}

static void tell(const char *filename, const struct vemu_block_create_options *o)
{
    printf("Formatting '%s', fmt=%s", filename, o->format);
    if (o->virtual_size != VEMU_BLOCK_SIZE_OF_BACKING)
        printf(" size=%llu", (unsigned long long)o->virtual_size);
    if (o->backing_filename)
        printf(" backing_file=%s", o->backing_filename);
    if (o->backing_format)
        printf(" backing_fmt=%s", o->backing_format);
    if (o->options)
        printf(" %s", o->options);
    putchar('\n');
    fflush(stdout);
}

int img_create(int argc, char **argv)
{
    struct vemu_block_create_options o = {
        .size = sizeof o, .format = "raw", .virtual_size = VEMU_BLOCK_SIZE_OF_BACKING};
    struct vemu_error *err = NULL;
    struct vemu_block_context *ctx;
    char *options = NULL;
    bool quiet = false, ok;
    int c;

    while ((c = getopt_long(argc, argv, ":hqf:b:F:uo:", no_long, NULL)) != -1) {
        switch (c) {
        case 'h':
            return img_help("create");
        case 'q':
            quiet = true;
            break;
        case 'f':
            o.format = optarg;
            break;
        case 'b':
            o.backing_filename = optarg;
            break;
        case 'F':
            o.backing_format = optarg;
            break;
        case 'u':
            o.trust_backing = true;
            break;
        case 'o':
            if (!img_join_options(&options, optarg))
                return img_fail("out of memory");
            break;
        default:
            return img_bad_option("create", argv);
        }
    }
    if (options && (strcmp(options, "help") == 0 || strcmp(options, "?") == 0))
        return create_help(o.format);
    if (argc - optind != 2 && !img_arguments("create", argc, argv, 1, "FILE [SIZE]"))
        return 1;
    if (argc - optind == 2 && !img_parse_size("size", argv[optind + 1], &o.virtual_size))
        return 1;
    o.options = options;
    ctx = img_context(0);
    if (!ctx)
        return 1;
    if (!quiet)
        tell(argv[optind], &o);
    ok = vemu_block_create(ctx, argv[optind], &o, &err);
    vemu_block_context_free(ctx);
    free(options);
    return ok ? 0 : img_error(err, 1);
}

/* ---- resize ---------------------------------------------------------------------------------- */

/* "20G", "+1G", "-512M", from the present size. */
static bool new_size(const char *text, uint64_t old, uint64_t *size)
{
    char sign = *text == '+' || *text == '-' ? *text : 0;
    uint64_t v;

    if (!img_parse_size("size", text + (sign != 0), &v))
        return false;
    *size = sign == '+' ? old + v : sign == '-' ? old - v : v;
    if ((sign == '-' && v > old) || *size > INT64_MAX) {
        img_fail("size '%s': the image has %llu bytes, and may have less than 8 EiB", text,
                 (unsigned long long)old);
        return false;
    }
    return true;
}

/* `-1G` is the size, not an option: getopt must not see it. */
static const char *take_size(int *argc, char **argv)
{
    return *argc > 2 ? argv[--*argc] : NULL;
}

int img_resize(int argc, char **argv)
{
    static const struct option long_options[] = {
        {"help", no_argument, NULL, 'h'},
        {"shrink", no_argument, NULL, OPT_SHRINK},
        {"preallocation", required_argument, NULL, OPT_PREALLOCATION},
        {NULL, 0, NULL, 0}};
    struct vemu_block_options o = {.size = sizeof o, .writable = 1};
    enum vemu_block_prealloc prealloc = VEMU_BLOCK_PREALLOC_OFF;
    bool quiet = false, shrink = false, ok = false;
    struct vemu_error *err = NULL;
    struct vemu_block_context *ctx;
    struct vemu_block *block;
    const char *text;
    uint64_t size;
    int c;

    if (argc == 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0))
        return img_help("resize");
    text = take_size(&argc, argv);
    while ((c = getopt_long(argc, argv, ":hqf:", long_options, NULL)) != -1) {
        switch (c) {
        case 'h':
            return img_help("resize");
        case 'q':
            quiet = true;
            break;
        case 'f':
            o.format = optarg;
            break;
        case OPT_SHRINK:
            shrink = true;
            break;
        case OPT_PREALLOCATION:
            if (!vemu_block_prealloc_parse(optarg, &prealloc))
                return img_fail("--preallocation '%s': use off, metadata, falloc or full", optarg);
            break;
        default:
            return img_bad_option("resize", argv);
        }
    }
    if (!text || !img_arguments("resize", argc, argv, 1, "FILE [+|-]SIZE"))
        return 1;
    ctx = img_context(0);
    block = ctx ? vemu_block_open(ctx, argv[optind], &o, &err) : NULL;
    if (block && new_size(text, vemu_block_size(block), &size)) {
        if (size < vemu_block_size(block) && !shrink)
            img_fail("resize: '%s' would lose what lies behind %llu of its %llu bytes; make its "
                     "partitions smaller first, then say --shrink",
                     argv[optind], (unsigned long long)size,
                     (unsigned long long)vemu_block_size(block));
        else
            ok = vemu_block_resize(block, size, prealloc, &err);
    }
    if (block && !vemu_block_close(block, err ? NULL : &err))
        ok = false;
    vemu_block_context_free(ctx);
    if (err)
        return img_error(err, 1);
    if (ok && !quiet)
        puts("Image resized.");
    return ok ? 0 : 1;
}

/* ---- snapshot -------------------------------------------------------------------------------- */

static void list_snapshots(struct vemu_block *block)
{
    struct vemu_block_info info;

    vemu_block_info(block, &info);
    img_print_snapshots(&info);
}

int img_snapshot(int argc, char **argv)
{
    struct vemu_block_options o = {.size = sizeof o};
    struct vemu_error *err = NULL;
    struct vemu_block_context *ctx;
    struct vemu_block *block;
    const char *name = NULL;
    int c, action = 0;

    while ((c = getopt_long(argc, argv, ":hqf:Ulc:a:d:", no_long, NULL)) != -1) {
        switch (c) {
        case 'h':
            return img_help("snapshot");
        case 'q':
            break;
        case 'f':
            o.format = optarg;
            break;
        case 'U':
            o.flags |= VEMU_BLOCK_FORCE_SHARE;
            break;
        case 'l':
        case 'c':
        case 'a':
        case 'd':
            if (action)
                return img_fail("snapshot: -%c and -%c are one too many: one of -l, -c, -a and -d "
                                "at a time",
                                action, c);
            action = c;
            name = optarg;
            break;
        default:
            return img_bad_option("snapshot", argv);
        }
    }
    if (!img_arguments("snapshot", argc, argv, 1, "FILE"))
        return 1;
    o.writable = action && action != 'l';
    if (o.writable && (o.flags & VEMU_BLOCK_FORCE_SHARE))
        return img_fail("snapshot: -U is for -l, which only reads; -%c writes", action);
    ctx = img_context(0);
    block = ctx ? vemu_block_open(ctx, argv[optind], &o, &err) : NULL;
    if (block && action == 'c')
        vemu_block_snapshot_create(block, name, &err);
    else if (block && action == 'a')
        vemu_block_snapshot_apply(block, name, &err);
    else if (block && action == 'd')
        vemu_block_snapshot_delete(block, name, &err);
    else if (block)
        list_snapshots(block);
    vemu_block_close(block, err ? NULL : &err);
    vemu_block_context_free(ctx);
    return err ? img_error(err, 1) : ctx ? 0 : 1;
}
