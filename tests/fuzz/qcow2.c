/*
 * Hostile qcow2 images: opened, checked, read, written, repaired. The input is the image, with a
 * few bytes in front that choose operations. No input may crash, take much memory, or leave an
 * image that a repair called clean and the next check does not.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <vemu/block.h>

#include "core/util/range.h"
#include "tests/fuzz/fuzz.h"

enum { CHOICES = 8, IO_BYTES = 128 << 10, SIZE_MOST = 1 << 20 };

static void use(struct vemu_block *b, const uint8_t *choices)
{
    uint8_t *buf = calloc(1, IO_BYTES);
    uint64_t size = vemu_block_size(b);

    for (unsigned i = 0; i < CHOICES && buf; i++) {
        uint64_t offset = (uint64_t)choices[i] << (choices[(i + 1) % CHOICES] % 24 + 4);
        uint64_t bytes = 1 + ((uint64_t)choices[i] << 9);
        struct vemu_block_status st;
        struct vemu_block_info info;
        offset = size ? offset % size : 0;
        bytes = bytes > size - offset ? size - offset : bytes;
        if (!bytes)
            continue;
        vemu_block_status(b, offset, size - offset, 0, &st, NULL);
        switch (choices[i] % 13) {
        case 0:
        case 1:
            vemu_block_read(b, offset, buf, bytes, NULL);
            break;
        case 2:
        case 3:
            vemu_block_write(b, offset, buf, bytes, 0, NULL);
            break;
        case 4:
            vemu_block_write_zeroes(b, offset, bytes, choices[i] & 16 ? VEMU_BLOCK_MAY_UNMAP : 0,
                                    NULL);
            break;
        case 5:
            vemu_block_discard(b, offset, bytes, NULL);
            break;
        case 6:
            vemu_block_snapshot_create(b, "f", NULL);
            break;
        case 7:
            vemu_block_snapshot_apply(b, "1", NULL);
            vemu_block_snapshot_delete(b, "1", NULL);
            break;
        case 8:
            if (size < 1 << 24)
                vemu_block_resize(
                    b, size + ((uint64_t)choices[i] << 8),
                    choices[i] & 32 ? VEMU_BLOCK_PREALLOC_METADATA : VEMU_BLOCK_PREALLOC_OFF, NULL);
            break;
        case 9:
            vemu_block_resize(b, offset, VEMU_BLOCK_PREALLOC_OFF, NULL);
            break;
        case 10:
            vemu_block_info(b, &info);
            offset = offset / info.cluster_size * info.cluster_size;
            bytes = MIN(MIN((uint64_t)IO_BYTES, info.cluster_size), size - offset);
            vemu_block_write(b, offset, buf, bytes, VEMU_BLOCK_COMPRESSED, NULL);
            break;
        case 11:
            vemu_block_set_backing(b, "other", "raw", NULL);
            break;
        case 12:
            vemu_block_make_empty(b, NULL);
            break;
        }
        vemu_block_flush(b, NULL);
        size = vemu_block_size(b);
    }
    free(buf);
}

static struct vemu_block *open_image(struct vemu_block_context *ctx, const char *path,
                                     unsigned writable, unsigned flags)
{
    struct vemu_block_options o = {.size = sizeof o,
                                   .format = "qcow2",
                                   .cache = VEMU_BLOCK_UNSAFE,
                                   .writable = writable,
                                   .flags = flags | VEMU_BLOCK_NO_BACKING};

    return vemu_block_open(ctx, path, &o, NULL);
}

static void show(void *opaque, const char *line)
{
    (void)opaque;
    fprintf(stderr, "# %s\n", line);
}

static void check(struct vemu_block_context *ctx, const char *path)
{
    struct vemu_block_check c = {0}, again = {.finding = show};
    struct vemu_block *b = open_image(ctx, path, 0, VEMU_BLOCK_AS_FOUND);

    if (b)
        vemu_block_check(b, VEMU_BLOCK_REPAIR_NONE, &c, NULL);
    vemu_block_close(b, NULL);
    b = open_image(ctx, path, 1, VEMU_BLOCK_AS_FOUND);
    if (b && vemu_block_check(b, VEMU_BLOCK_REPAIR_ALL, &c, NULL) && !c.corruptions &&
        vemu_block_check(b, VEMU_BLOCK_REPAIR_NONE, &again, NULL) &&
        (again.corruptions + again.leaks))
        fuzz_fail("a repaired image is not in order");
    vemu_block_close(b, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct vemu_block_context_options co = {
        .size = sizeof co, .aio = VEMU_BLOCK_AIO_THREADS, .workers = 1};
    struct vemu_block_context *ctx;
    struct vemu_block *b;
    char path[40];
    int fd;

    if (size < CHOICES || size > SIZE_MOST)
        return 0;
    fd = memfd_create("image", MFD_CLOEXEC);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    ctx = vemu_block_context_new(&co, NULL);
    if (ctx && write(fd, data + CHOICES, size - CHOICES) == (ssize_t)(size - CHOICES)) {
        b = open_image(ctx, path, 0, 0);
        if (b)
            use(b, data); /* reads; the rest is refused */
        vemu_block_close(b, NULL);
        b = open_image(ctx, path, 1, 0);
        if (b)
            use(b, data);
        vemu_block_close(b, NULL);
        check(ctx, path);
    }
    vemu_block_context_free(ctx);
    close(fd);
    return 0;
}
