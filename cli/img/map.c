/* vemu-img map. */
#include <stdlib.h>
#include <string.h>
#include "cli/img/img.h"

struct map {
    bool json;
    struct json j;
    bool hidden; /* data that lies nowhere in a file as it is */
};

static void print(struct map *m, uint64_t start, const struct vemu_block_status *st)
{
    bool data = st->flags & VEMU_BLOCK_DATA, zero = st->flags & VEMU_BLOCK_ZERO;
    char offset[24], length[24], at[24];

    if (m->json) {
        json_open(&m->j, NULL, '{');
        json_number(&m->j, "start", start);
        json_number(&m->j, "length", st->bytes);
        json_number(&m->j, "depth", st->depth);
        json_bool(&m->j, "present", st->flags & VEMU_BLOCK_PRESENT);
        json_bool(&m->j, "zero", zero);
        json_bool(&m->j, "data", data);
        json_bool(&m->j, "compressed", st->flags & VEMU_BLOCK_IS_COMPRESSED);
        if (st->flags & VEMU_BLOCK_OFFSET)
            json_number(&m->j, "offset", st->host_offset);
        json_close(&m->j, '}');
        return;
    }
    if (!data || zero)
        return;
    if (!(st->flags & VEMU_BLOCK_OFFSET)) {
        m->hidden = true;
        return;
    }
    snprintf(offset, sizeof offset, "%#llx", (unsigned long long)start);
    snprintf(length, sizeof length, "%#llx", (unsigned long long)st->bytes);
    snprintf(at, sizeof at, "%#llx", (unsigned long long)st->host_offset);
    printf("%-16s%-16s%-16s%s\n", offset, length, at, st->filename);
}

/* Does `next` go on where `st` ends, in the same state? */
static bool goes_on(const struct vemu_block_status *st, const struct vemu_block_status *next)
{
    return st->flags == next->flags && st->depth == next->depth &&
           (!(st->flags & VEMU_BLOCK_OFFSET) || st->host_offset + st->bytes == next->host_offset);
}

static bool map(struct map *m, struct vemu_block *block, uint64_t offset, uint64_t end,
                struct vemu_error **err)
{
    struct vemu_block_status now = {.bytes = 0}, next;
    uint64_t start = offset;

    if (m->json)
        json_open(&m->j, NULL, '[');
    else
        printf("%-16s%-16s%-16s%s\n", "Offset", "Length", "Mapped to", "File");
    while (offset < end && !m->hidden) {
        if (!vemu_block_status(block, offset, end - offset, 0, &next, err))
            return false;
        if (now.bytes && goes_on(&now, &next)) {
            now.bytes += next.bytes;
        } else {
            if (now.bytes)
                print(m, start, &now);
            start = offset;
            now = next;
        }
        offset += next.bytes;
    }
    if (now.bytes && !m->hidden)
        print(m, start, &now);
    if (m->json)
        json_close(&m->j, ']');
    return true;
}

int img_map(int argc, char **argv)
{
    static const struct option long_options[] = {{"help", no_argument, NULL, 'h'},
                                                 {"output", required_argument, NULL, OPT_OUTPUT},
                                                 {"start-offset", required_argument, NULL, 's'},
                                                 {"max-length", required_argument, NULL, 'l'},
                                                 {"force-share", no_argument, NULL, 'U'},
                                                 {NULL, 0, NULL, 0}};
    struct vemu_block_options o = {.size = sizeof o};
    struct map m = {.j = {.out = stdout}};
    uint64_t start = 0, length = UINT64_MAX;
    struct vemu_error *err = NULL;
    struct vemu_block_context *ctx;
    struct vemu_block *block;
    int c;

    while ((c = getopt_long(argc, argv, ":hf:s:l:U", long_options, NULL)) != -1) {
        switch (c) {
        case 'h':
            return img_help("map");
        case 'f':
            o.format = optarg;
            break;
        case 's':
            if (!img_parse_size("--start-offset", optarg, &start))
                return 1;
            break;
        case 'l':
            if (!img_parse_size("--max-length", optarg, &length))
                return 1;
            break;
        case 'U':
            o.flags |= VEMU_BLOCK_FORCE_SHARE;
            break;
        case OPT_OUTPUT:
            if (!img_parse_output(optarg, &m.json))
                return 1;
            break;
        default:
            return img_bad_option("map", argv);
        }
    }
    if (!img_arguments("map", argc, argv, 1, "FILE"))
        return 1;
    ctx = img_context(0);
    block = ctx ? vemu_block_open(ctx, argv[optind], &o, &err) : NULL;
    if (block) {
        uint64_t size = vemu_block_size(block);
        uint64_t end = start < size && length < size - start ? start + length : size;
        map(&m, block, start, end, &err);
        if (m.hidden)
            img_fail("map: '%s' has compressed clusters, which lie nowhere as they are read; "
                     "--output json shows the rest",
                     argv[optind]);
    }
    vemu_block_close(block, NULL);
    vemu_block_context_free(ctx);
    return err ? img_error(err, 1) : !ctx || m.hidden;
}
