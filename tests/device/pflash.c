/* Parallel flash: reading, programming, erasing, queries, what reaches the image, read-only parts.
 */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <vemu/block.h>
#include "core/memory/memory.h"
#include "hw/firmware/pflash.h"
#include "tests/device/board_machine.h"
#include "tests/device/device_test.h"

#define BASE UINT64_C(0xffff0000)
enum { SIZE = 0x10000 };

struct fixture {
    struct vemu_machine m;
    struct vemu_block_context *ctx;
    struct vemu_block *block;
    struct device *dev;
    char *path;
};

static void open_image(struct fixture *f, bool read_only)
{
    struct vemu_error *err = NULL;
    struct vemu_block_options options = {
        .size = sizeof options, .format = "raw", .writable = !read_only};
    f->ctx = vemu_block_context_new(NULL, &err);
    f->block = vemu_block_open(f->ctx, f->path, &options, &err);
    cr_assert(f->block, "%s", err ? vemu_error_message(err) : "");
}

static void set_up(struct fixture *f, bool read_only)
{
    static uint8_t image[SIZE];
    struct vemu_error *err = NULL;
    for (unsigned n = 0; n < SIZE; n++)
        image[n] = (uint8_t)(n >> 8);
    test_machine_init(&f->m);
    f->path = temp_file(image, sizeof image);
    open_image(f, read_only);
    struct pflash_config cfg = {.name = "pflash0",
                                .end = BASE + SIZE,
                                .block = f->block,
                                .read_only = read_only,
                                .origin = "-pflash"};
    f->dev = made(pflash_create(&f->m, &cfg, &err), err);
    machine_lock(&f->m);
    machine_reset(&f->m, NULL);
    machine_unlock(&f->m);
}

static void tear_down(struct fixture *f)
{
    machine_destroy(&f->m);
    vemu_block_close(f->block, NULL);
    vemu_block_context_free(f->ctx);
    unlink(f->path);
    free(f->path);
}

static uint8_t read8(struct fixture *f, uint32_t offset)
{
    uint64_t v;
    mem_read(f->m.memory, BASE + offset, 1, &v);
    return (uint8_t)v;
}
static void write8(struct fixture *f, uint32_t offset, uint8_t value)
{
    mem_write(f->m.memory, BASE + offset, 1, value);
}
static uint8_t on_disk(struct fixture *f, uint32_t offset)
{
    uint8_t byte;
    cr_assert(vemu_block_read(f->block, offset, &byte, 1, NULL));
    return byte;
}

Test(pflash, reads_as_memory_until_a_command_comes)
{
    struct fixture f;
    set_up(&f, false);
    cr_expect_eq(read32(&f.m, BASE + 0x1234), 0x12121212);
    write8(&f, 0x100, 0x70);
    cr_expect_eq(read8(&f, 0x1234), 0x80, "status");
    write8(&f, 0x100, 0x90);
    cr_expect_eq(read8(&f, 0), 0x89);
    cr_expect_eq(read8(&f, 1), 0x18);
    write8(&f, 0x55, 0x98);
    cr_expect_eq(read8(&f, 0x10), 'Q');
    cr_expect_eq(read8(&f, 0x11), 'R');
    cr_expect_eq(read8(&f, 0x12), 'Y');
    cr_expect_eq(read8(&f, 0x13), 1);
    cr_expect_eq(read8(&f, 0x27), 16, "64 KiB");
    cr_expect_eq(read8(&f, 0x2d), 15, "blocks less one");
    cr_expect_eq(read8(&f, 0x2f), 0x10);
    cr_expect_eq(read8(&f, 0x80), 0);
    write8(&f, 0, 0xff);
    cr_expect_eq(read8(&f, 0x1234), 0x12);
    write8(&f, 0, 0x50); /* clears the status and goes on reading: how software tells it from RAM */
    cr_expect_eq(read8(&f, 0), 0);
    write8(&f, 0, 0x70);
    cr_expect_eq(read8(&f, 0x1234), 0, "a cleared status");
    tear_down(&f);
}

Test(pflash, programming_clears_bits_and_erasing_sets_them)
{
    struct fixture f;
    set_up(&f, false);
    write8(&f, 0x1234, 0x40);
    write8(&f, 0x1234, 0xf2);
    cr_expect_eq(read8(&f, 0x1234), 0x80);
    write8(&f, 0, 0xff);
    cr_expect_eq(read8(&f, 0x1234), 0x12, "no bit can be set");
    write8(&f, 0x1234, 0x10);
    write8(&f, 0x1234, 0x02);
    cr_expect_eq(on_disk(&f, 0x1234), 0x12, "not before the guest is done");
    write8(&f, 0, 0xff);
    cr_expect_eq(read8(&f, 0x1234), 0x02);
    cr_expect_eq(on_disk(&f, 0x1234), 0x02);
    write8(&f, 0x1fff, 0x20);
    write8(&f, 0x1fff, 0xd0);
    write8(&f, 0, 0xff);
    for (uint32_t n = 0x1000; n < 0x2000; n++)
        cr_assert_eq(read8(&f, n), 0xff);
    cr_expect_eq(read8(&f, 0x0fff), 0x0f);
    cr_expect_eq(read8(&f, 0x2000), 0x20);
    cr_expect_eq(on_disk(&f, 0x1000), 0xff);
    write8(&f, 0x3000, 0x20);
    write8(&f, 0x3000, 0x00);
    cr_expect_eq(read8(&f, 0x3000), 0xb0, "a sequence error");
    write8(&f, 0, 0x50);
    cr_expect_eq(read8(&f, 0x3000), 0x30);
    tear_down(&f);
}

Test(pflash, buffer_is_programmed_when_confirmed)
{
    struct fixture f;
    set_up(&f, false);
    write8(&f, 0x2000, 0x20);
    write8(&f, 0x2000, 0xd0);
    write8(&f, 0x2010, 0xe8);
    cr_expect_eq(read8(&f, 0x2010), 0x80, "the buffer is free");
    write8(&f, 0x2010, 3);
    for (uint32_t n = 0; n < 4; n++)
        write8(&f, 0x2010 + n, (uint8_t)(0xa0 + n));
    write8(&f, 0x2010, 0xd0);
    cr_expect_eq(read8(&f, 0), 0x80);
    write8(&f, 0, 0xff);
    cr_expect_eq(read32(&f.m, BASE + 0x2010), 0xa3a2a1a0);
    cr_expect_eq(on_disk(&f, 0x2013), 0xa3);
    write8(&f, 0x2010, 0xe8); /* bytes all over the part, and more than fit */
    write8(&f, 0x2010, 0xff);
    for (uint32_t n = 0; n < 256; n++)
        write8(&f, 0x2010 + n * 77, 0);
    write8(&f, 0x2010, 0xd0);
    cr_expect_eq(read8(&f, 0) & 0x10, 0x10);
    write8(&f, 0, 0xff);
    cr_expect_eq(read8(&f, 0x2010), 0xa0, "nothing was programmed");
    tear_down(&f);
}

Test(pflash, read_only_parts_say_so_and_stay)
{
    struct fixture f;
    set_up(&f, true);
    write8(&f, 0x1000, 0x40);
    write8(&f, 0x1000, 0);
    cr_expect_eq(read8(&f, 0) & 0x10, 0x10);
    write8(&f, 0, 0x50);
    write8(&f, 0x1000, 0x20);
    write8(&f, 0x1000, 0xd0);
    cr_expect_eq(read8(&f, 0) & 0x20, 0x20);
    write8(&f, 0, 0xff);
    cr_expect_eq(read8(&f, 0x1000), 0x10);
    tear_down(&f);
}

Test(pflash, state_round_trips_in_the_middle_of_a_command)
{
    struct fixture a, b;
    set_up(&a, false);
    set_up(&b, false);
    write8(&a, 0x2010, 0xe8);
    write8(&a, 0x2010, 1);
    write8(&a, 0x2010, 0x00);
    assert_round_trip(a.dev, b.dev);
    write8(&b, 0x2011, 0x00);
    write8(&b, 0x2010, 0xd0);
    write8(&b, 0, 0xff);
    cr_expect_eq(read32(&b.m, BASE + 0x2010), 0x20200000);
    tear_down(&a);
    tear_down(&b);
}

Test(pflash, images_of_odd_sizes_are_refused)
{
    struct vemu_machine m;
    struct fixture f;
    struct vemu_error *err = NULL;
    uint8_t image[5000] = {0};
    test_machine_init(&m);
    f.path = temp_file(image, sizeof image);
    open_image(&f, true);
    struct pflash_config cfg = {.name = "pflash0",
                                .end = BASE + SIZE,
                                .block = f.block,
                                .read_only = true,
                                .origin = "-pflash"};
    cr_expect_null(pflash_create(&m, &cfg, &err));
    cr_expect(err && strstr(vemu_error_message(err), "multiple of 4096"));
    vemu_error_free(err);
    machine_destroy(&m);
    vemu_block_close(f.block, NULL);
    vemu_block_context_free(f.ctx);
    unlink(f.path);
    free(f.path);
}

/* ---- two chips side by side, as Arm machines have them -----------------------------------------
 */

enum { WIDE_SIZE = 1 << 20, IMAGE_SIZE = 512 << 10, WIDE_BASE = 0x04000000 };

static void wide_set_up(struct fixture *f)
{
    static uint8_t image[IMAGE_SIZE];
    struct vemu_error *err = NULL;
    memset(image, 0xff, sizeof image);
    memset(image, 0, 65536);
    test_machine_init(&f->m);
    f->path = temp_file(image, sizeof image);
    open_image(f, false);
    struct pflash_config cfg = {.name = "pflash1",
                                .end = (uint64_t)WIDE_BASE + WIDE_SIZE,
                                .size = WIDE_SIZE,
                                .wide = true,
                                .block = f->block,
                                .origin = "-pflash"};
    f->dev = made(pflash_create(&f->m, &cfg, &err), err);
    machine_lock(&f->m);
    machine_reset(&f->m, NULL);
    machine_unlock(&f->m);
}
static uint32_t get(struct fixture *f, uint32_t offset)
{
    return read32(&f->m, WIDE_BASE + offset);
}
static void put(struct fixture *f, uint32_t offset, uint32_t value)
{
    write32(&f->m, WIDE_BASE + offset, value);
}

Test(pflash, wide_both_chips_answer_in_a_word)
{
    struct fixture f;
    wide_set_up(&f);
    cr_expect_eq(get(&f, 0), 0);
    cr_expect_eq(get(&f, 0x10000), 0xffffffff);
    cr_expect_eq(get(&f, IMAGE_SIZE), 0, "beyond the image there is nothing");
    put(&f, 0, 0x00700070);
    cr_expect_eq(get(&f, 0), 0x00800080);
    put(&f, 0, 0x00900090);
    cr_expect_eq(get(&f, 0), 0x00890089);
    put(&f, 0x55 * 4, 0x00980098);
    cr_expect_eq(get(&f, 0x10 * 4), 0x00510051);
    cr_expect_eq(get(&f, 0x11 * 4), 0x00520052);
    cr_expect_eq(get(&f, 0x27 * 4), 0x00130013, "512 KiB a chip");
    cr_expect_eq(get(&f, 0x2a * 4), 0x00060006, "buffers of 64 bytes");
    cr_expect_eq(get(&f, 0x2d * 4), 0x00030003, "four blocks");
    cr_expect_eq(get(&f, 0x30 * 4), 0x00020002, "of 128 KiB a chip");
    put(&f, 0, 0x00ff00ff);
    cr_expect_eq(get(&f, 0), 0);
    tear_down(&f);
}

Test(pflash, wide_words_are_programmed_alone_and_by_the_buffer)
{
    struct fixture f;
    wide_set_up(&f);
    put(&f, 0x20000, 0x00400040);
    put(&f, 0x20000, 0x12345678);
    cr_expect_eq(get(&f, 0x20000), 0x00800080);
    put(&f, 0x20100, 0x00e800e8);
    cr_expect_eq(get(&f, 0x20100), 0x00800080);
    put(&f, 0x20100, 0x001f001f); /* 32 words */
    for (uint32_t n = 0; n < 32; n++)
        put(&f, 0x20100 + 4 * n, 0xa0000000 + n);
    put(&f, 0x20100, 0x00d000d0);
    cr_expect_eq(get(&f, 0x20100), 0x00800080);
    put(&f, 0, 0x00ff00ff);
    cr_expect_eq(get(&f, 0x20000), 0x12345678);
    for (uint32_t n = 0; n < 32; n++)
        cr_expect_eq(get(&f, 0x20100 + 4 * n), 0xa0000000 + n);
    cr_expect_eq(on_disk(&f, 0x20003), 0x12);
    cr_expect_eq(on_disk(&f, 0x20104), 1);
    put(&f, 0x20100, 0x00e800e8);
    put(&f, 0x20100, 0x00200020); /* 33 are too many */
    for (uint32_t n = 0; n < 33; n++)
        put(&f, 0x20100 + 4 * n, 0);
    put(&f, 0x20100, 0x00d000d0);
    cr_expect_eq(get(&f, 0x20100), 0x00900090);
    tear_down(&f);
}

Test(pflash, wide_blocks_of_256k_are_erased_and_what_has_no_image_is_not)
{
    struct fixture f;
    wide_set_up(&f);
    put(&f, 0x8000, 0x00200020);
    put(&f, 0x8000, 0x00d000d0);
    cr_expect_eq(get(&f, 0x8000), 0x00800080);
    put(&f, 0, 0x00ff00ff);
    cr_expect_eq(get(&f, 0), 0xffffffff);
    cr_expect_eq(on_disk(&f, 0), 0xff);
    put(&f, IMAGE_SIZE, 0x00200020);
    put(&f, IMAGE_SIZE, 0x00d000d0);
    cr_expect_eq(get(&f, IMAGE_SIZE), 0x00a000a0);
    tear_down(&f);
}
