/* vemu-img info. */
#include <stdlib.h>
#include <string.h>
#include "cli/img/img.h"

static const char *yes(bool b)
{
    return b ? "true" : "false";
}

static void print_human(const struct vemu_block_info *info)
{
    char a[32], b[32];

    printf("image: %s\nfile format: %s\nvirtual size: %s (%llu bytes)\ndisk size: %s\n",
           info->filename, info->format, img_size_text(info->virtual_size, a),
           (unsigned long long)info->virtual_size, img_size_text(info->disk_size, b));
    if (info->cluster_size)
        printf("cluster_size: %u\n", info->cluster_size);
    if (info->dirty)
        puts("cleanly shut down: no");
    if (info->backing_filename) {
        printf("backing file: %s", info->backing_filename);
        if (info->full_backing_filename &&
            strcmp(info->full_backing_filename, info->backing_filename) != 0)
            printf(" (actual path: %s)", info->full_backing_filename);
        putchar('\n');
    }
    if (info->backing_format)
        printf("backing file format: %s\n", info->backing_format);
    img_print_snapshots(info);
    if (!info->version)
        return;
    printf("Format specific information:\n    compat: %s\n", info->version >= 3 ? "1.1" : "0.10");
    printf("    compression type: %s\n", info->compressed_zstd ? "zstd" : "zlib");
    if (info->version >= 3)
        printf("    lazy refcounts: %s\n", yes(info->lazy_refcounts));
    printf("    refcount bits: %u\n", info->refcount_bits);
    if (info->version >= 3)
        printf("    corrupt: %s\n    extended l2: false\n", yes(info->corrupt));
}

static void json_snapshots(struct json *j, const struct vemu_block_info *info)
{
    json_open(j, "snapshots", '[');
    for (unsigned i = 0; i < info->snapshot_count; i++) {
        const struct vemu_block_snapshot *s = &info->snapshots[i];
        json_open(j, NULL, '{');
        json_number(j, "vm-clock-nsec", s->vm_clock_ns % 1000000000);
        json_string(j, "name", s->name);
        json_number(j, "date-sec", (uint64_t)s->date_s);
        json_number(j, "date-nsec", s->date_ns);
        json_number(j, "vm-clock-sec", s->vm_clock_ns / 1000000000);
        json_string(j, "id", s->id);
        json_number(j, "vm-state-size", s->vm_state_size);
        if (s->icount != UINT64_MAX)
            json_number(j, "icount", s->icount);
        json_close(j, '}');
    }
    json_close(j, ']');
}

static void print_json(struct json *j, const struct vemu_block_info *info)
{
    json_open(j, NULL, '{');
    json_string(j, "filename", info->filename);
    json_string(j, "format", info->format);
    json_number(j, "virtual-size", info->virtual_size);
    json_number(j, "actual-size", info->disk_size);
    if (info->cluster_size)
        json_number(j, "cluster-size", info->cluster_size);
    json_bool(j, "dirty-flag", info->dirty);
    if (info->backing_filename)
        json_string(j, "backing-filename", info->backing_filename);
    if (info->full_backing_filename)
        json_string(j, "full-backing-filename", info->full_backing_filename);
    if (info->backing_format)
        json_string(j, "backing-filename-format", info->backing_format);
    if (info->snapshot_count)
        json_snapshots(j, info);
    if (info->version) {
        json_open(j, "format-specific", '{');
        json_string(j, "type", "qcow2");
        json_open(j, "data", '{');
        json_string(j, "compat", info->version >= 3 ? "1.1" : "0.10");
        json_string(j, "compression-type", info->compressed_zstd ? "zstd" : "zlib");
        if (info->version >= 3)
            json_bool(j, "lazy-refcounts", info->lazy_refcounts);
        json_number(j, "refcount-bits", info->refcount_bits);
        if (info->version >= 3) {
            json_bool(j, "corrupt", info->corrupt);
            json_bool(j, "extended-l2", false);
        }
        json_close(j, '}');
        json_close(j, '}');
    }
    json_close(j, '}');
}

static void print_chain(struct vemu_block *block, bool chain, bool json)
{
    struct json j = {.out = stdout};

    if (json && chain)
        json_open(&j, NULL, '[');
    for (bool first = true; block; block = vemu_block_backing(block), first = false) {
        struct vemu_block_info info;
        vemu_block_info(block, &info);
        if (json) {
            print_json(&j, &info);
        } else {
            if (!first)
                putchar('\n');
            print_human(&info);
        }
        if (!chain)
            break;
    }
    if (json && chain)
        json_close(&j, ']');
}

int img_info(int argc, char **argv)
{
    static const struct option long_options[] = {
        {"help", no_argument, NULL, 'h'},
        {"output", required_argument, NULL, OPT_OUTPUT},
        {"backing-chain", no_argument, NULL, OPT_BACKING_CHAIN},
        {"force-share", no_argument, NULL, 'U'},
        {NULL, 0, NULL, 0}};
    struct vemu_block_options o = {.size = sizeof o, .flags = VEMU_BLOCK_NO_BACKING};
    bool json = false, chain = false;
    struct vemu_error *err = NULL;
    struct vemu_block_context *ctx;
    struct vemu_block *block;
    int c;

    while ((c = getopt_long(argc, argv, ":hf:U", long_options, NULL)) != -1) {
        switch (c) {
        case 'h':
            return img_help("info");
        case 'f':
            o.format = optarg;
            break;
        case 'U':
            o.flags |= VEMU_BLOCK_FORCE_SHARE;
            break;
        case OPT_OUTPUT:
            if (!img_parse_output(optarg, &json))
                return 1;
            break;
        case OPT_BACKING_CHAIN:
            chain = true;
            o.flags &= ~(unsigned)VEMU_BLOCK_NO_BACKING;
            break;
        default:
            return img_bad_option("info", argv);
        }
    }
    if (!img_arguments("info", argc, argv, 1, "FILE"))
        return 1;
    ctx = img_context(0);
    if (!ctx)
        return 1;
    block = vemu_block_open(ctx, argv[optind], &o, &err);
    if (block)
        print_chain(block, chain, json);
    vemu_block_close(block, NULL);
    vemu_block_context_free(ctx);
    return block ? 0 : img_error(err, 1);
}
