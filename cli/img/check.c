/* vemu-img check. */
#include <stdlib.h>
#include <string.h>
#include "cli/img/img.h"

enum { CHECK_OK = 0, CHECK_ERROR = 1, CHECK_CORRUPT = 2, CHECK_LEAKS = 3, CHECK_UNSUPPORTED = 63 };

static void print_finding(void *opaque, const char *line)
{
    fprintf(opaque, "%s\n", line);
}

static void print_human(const struct vemu_block_check *c)
{
    if (c->corruptions_fixed || c->leaks_fixed)
        printf("The following inconsistencies were found and repaired:\n\n    %llu leaked "
               "clusters\n    %llu corruptions\n\n",
               (unsigned long long)c->leaks_fixed, (unsigned long long)c->corruptions_fixed);
    if (!c->corruptions && !c->leaks) {
        puts("No errors were found on the image.");
    } else {
        if (c->corruptions)
            printf(
                "\n%llu errors were found on the image.\nData may be corrupted, or further writes "
                "to the image may corrupt it.\n",
                (unsigned long long)c->corruptions);
        if (c->leaks)
            printf(
                "\n%llu leaked clusters were found on the image.\nThis means waste of disk space, "
                "but no harm to data.\n",
                (unsigned long long)c->leaks);
    }
    if (c->total_clusters)
        printf("%llu/%llu = %.2f%% allocated, %.2f%% fragmented, %.2f%% compressed clusters\n",
               (unsigned long long)c->allocated_clusters, (unsigned long long)c->total_clusters,
               (double)c->allocated_clusters * 100 / (double)c->total_clusters,
               c->allocated_clusters
                   ? (double)c->fragmented_clusters * 100 / (double)c->allocated_clusters
                   : 0.0,
               c->allocated_clusters
                   ? (double)c->compressed_clusters * 100 / (double)c->allocated_clusters
                   : 0.0);
    printf("Image end offset: %llu\n", (unsigned long long)c->image_end_offset);
}

static void json_some(struct json *j, const char *key, uint64_t value)
{
    if (value)
        json_number(j, key, value);
}

static void print_json(const struct vemu_block_check *c, const char *filename, const char *format)
{
    struct json j = {.out = stdout};

    json_open(&j, NULL, '{');
    json_number(&j, "image-end-offset", c->image_end_offset);
    json_number(&j, "total-clusters", c->total_clusters);
    json_number(&j, "check-errors", c->check_errors);
    json_some(&j, "corruptions", c->corruptions);
    json_some(&j, "corruptions-fixed", c->corruptions_fixed);
    json_some(&j, "leaks", c->leaks);
    json_some(&j, "leaks-fixed", c->leaks_fixed);
    json_number(&j, "allocated-clusters", c->allocated_clusters);
    json_some(&j, "fragmented-clusters", c->fragmented_clusters);
    json_some(&j, "compressed-clusters", c->compressed_clusters);
    json_string(&j, "filename", filename);
    json_string(&j, "format", format);
    json_close(&j, '}');
}

static bool parse_repair(const char *text, enum vemu_block_repair *repair)
{
    *repair = strcmp(text, "all") == 0 ? VEMU_BLOCK_REPAIR_ALL : VEMU_BLOCK_REPAIR_LEAKS;
    if (*repair == VEMU_BLOCK_REPAIR_ALL || strcmp(text, "leaks") == 0)
        return true;
    img_fail("-r '%s': use leaks or all", text);
    return false;
}

/* After a repair the image is looked at again: what counts is how it is then. */
static bool check(struct vemu_block *block, enum vemu_block_repair repair,
                  struct vemu_block_check *c, struct vemu_error **err)
{
    struct vemu_block_check again = {0};

    if (!vemu_block_check(block, repair, c, err))
        return false;
    if (!repair || !(c->corruptions_fixed || c->leaks_fixed))
        return true;
    if (!vemu_block_check(block, VEMU_BLOCK_REPAIR_NONE, &again, err))
        return false;
    again.corruptions_fixed = c->corruptions_fixed;
    again.leaks_fixed = c->leaks_fixed;
    *c = again;
    return true;
}

static int check_file(const char *filename, struct vemu_block_options *o,
                      enum vemu_block_repair repair, bool quiet, bool json)
{
    struct vemu_block_check c = {.finding = quiet ? NULL : print_finding,
                                 .opaque = json ? stderr : stdout};
    struct vemu_error *err = NULL;
    struct vemu_block_context *ctx = img_context(0);
    struct vemu_block *block = ctx ? vemu_block_open(ctx, filename, o, &err) : NULL;
    int status = CHECK_ERROR;

    if (block && check(block, repair, &c, &err)) {
        struct vemu_block_info info;
        vemu_block_info(block, &info);
        if (json)
            print_json(&c, filename, info.format);
        else if (!quiet)
            print_human(&c);
        status = c.corruptions ? CHECK_CORRUPT : c.leaks ? CHECK_LEAKS : CHECK_OK;
    } else if (block && vemu_error_code(err) == VEMU_ERROR_UNSUPPORTED) {
        status = CHECK_UNSUPPORTED;
    }
    if (!vemu_block_close(block, err ? NULL : &err) && !status)
        status = CHECK_ERROR;
    vemu_block_context_free(ctx);
    return err ? img_error(err, status) : status;
}

int img_check(int argc, char **argv)
{
    static const struct option long_options[] = {{"help", no_argument, NULL, 'h'},
                                                 {"output", required_argument, NULL, OPT_OUTPUT},
                                                 {"force-share", no_argument, NULL, 'U'},
                                                 {"repair", required_argument, NULL, 'r'},
                                                 {NULL, 0, NULL, 0}};
    struct vemu_block_options o = {.size = sizeof o,
                                   .flags = VEMU_BLOCK_AS_FOUND | VEMU_BLOCK_NO_BACKING};
    enum vemu_block_repair repair = VEMU_BLOCK_REPAIR_NONE;
    bool quiet = false, json = false;
    int c;

    while ((c = getopt_long(argc, argv, ":hqf:r:T:U", long_options, NULL)) != -1) {
        switch (c) {
        case 'h':
            return img_help("check");
        case 'q':
            quiet = true;
            break;
        case 'f':
            o.format = optarg;
            break;
        case 'r':
            if (!parse_repair(optarg, &repair))
                return CHECK_ERROR;
            break;
        case 'T':
            if (!img_parse_cache("-T", optarg, &o.cache))
                return CHECK_ERROR;
            break;
        case 'U':
            o.flags |= VEMU_BLOCK_FORCE_SHARE;
            break;
        case OPT_OUTPUT:
            if (!img_parse_output(optarg, &json))
                return CHECK_ERROR;
            break;
        default:
            return img_bad_option("check", argv);
        }
    }
    if (!img_arguments("check", argc, argv, 1, "FILE"))
        return CHECK_ERROR;
    if (repair && (o.flags & VEMU_BLOCK_FORCE_SHARE))
        return img_fail("check: -U only reads, -r writes: use one of them");
    o.writable = repair != VEMU_BLOCK_REPAIR_NONE;
    return check_file(argv[optind], &o, repair, quiet, json);
}
