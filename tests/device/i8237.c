/* ISA DMA controllers: register access, transfers of bytes and words, what stops them. */
#include <criterion/criterion.h>
#include <string.h>
#include "core/memory/memory.h"
#include "hw/misc/i8237.h"
#include "tests/device/device_test.h"

struct fixture {
    struct vemu_machine m;
    struct device *dev;
    struct mem_region ram;
    struct ram_block *block;
};

static void set_up(struct fixture *f)
{
    struct vemu_error *err = NULL;
    test_machine_init(&f->m);
    f->block = ram_block_new(&f->m.rams, "ram", 1 << 20, false, &err);
    mem_region_init_ram(&f->ram, "ram", f->block, 0, 1 << 20);
    machine_lock(&f->m);
    mem_region_add(mem_space_root(f->m.memory), 0, &f->ram, 0);
    machine_unlock(&f->m);
    f->dev = made(i8237_create(&f->m, &err), err);
    machine_lock(&f->m);
    machine_reset(&f->m, NULL);
    machine_unlock(&f->m);
    out8(&f->m, 0xd6, 0xc0); /* channel 4 cascades, and is not masked */
    out8(&f->m, 0xd4, 0x00);
}

static void tear_down(struct fixture *f)
{
    machine_lock(&f->m);
    mem_region_remove(&f->ram);
    machine_unlock(&f->m);
    machine_destroy(&f->m);
}

/* Channels 0 to 3. */
static void program(struct fixture *f, unsigned channel, uint8_t mode, uint32_t address,
                    uint16_t count)
{
    static const uint16_t page[4] = {0x87, 0x83, 0x81, 0x82};
    out8(&f->m, 0x0a, (uint8_t)(4 | channel));
    out8(&f->m, 0x0c, 0);
    out8(&f->m, 0x0b, (uint8_t)(mode | channel));
    out8(&f->m, (uint16_t)(2 * channel), (uint8_t)address);
    out8(&f->m, (uint16_t)(2 * channel), (uint8_t)(address >> 8));
    out8(&f->m, page[channel], (uint8_t)(address >> 16));
    out8(&f->m, (uint16_t)(2 * channel + 1), (uint8_t)count);
    out8(&f->m, (uint16_t)(2 * channel + 1), (uint8_t)(count >> 8));
    out8(&f->m, 0x0a, (uint8_t)channel);
}

static uint32_t transfer(struct fixture *f, unsigned channel, bool to_memory, void *buf,
                         uint32_t len, bool *terminal)
{
    machine_lock(&f->m);
    uint32_t n = i8237_transfer(f->dev, channel, to_memory, buf, len, terminal);
    machine_unlock(&f->m);
    return n;
}

Test(i8237, registers_are_written_and_read_low_byte_first)
{
    struct fixture f;
    set_up(&f);
    program(&f, 2, 0x44, 0x051234, 0x01ff);
    out8(&f.m, 0x0c, 0);
    cr_expect_eq(in8(&f.m, 4), 0x34);
    cr_expect_eq(in8(&f.m, 4), 0x12);
    cr_expect_eq(in8(&f.m, 5), 0xff);
    cr_expect_eq(in8(&f.m, 5), 0x01);
    cr_expect_eq(in8(&f.m, 0x81), 5);
    cr_expect_eq(in8(&f.m, 0x0f), 0xfb);
    out8(&f.m, 0x0f, 0x5);
    cr_expect_eq(in8(&f.m, 0x0f), 0xf5);
    out8(&f.m, 0x0e, 0);
    cr_expect_eq(in8(&f.m, 0x0f), 0xf0);
    out8(&f.m, 0x09, 6);
    cr_expect_eq(in8(&f.m, 0x08), 0x40, "software request");
    in8(&f.m, 4);
    out8(&f.m, 0x0d, 0);
    cr_expect_eq(in8(&f.m, 0x0f), 0xff, "master clear masks all");
    cr_expect_eq(in8(&f.m, 4), 0x34, "and starts with the low byte");
    out8(&f.m, 0x84, 0x77);
    cr_expect_eq(in8(&f.m, 0x84), 0x77, "spare page registers keep what is written");
    tear_down(&f);
}

Test(i8237, bytes_go_to_memory_until_the_count_runs_out)
{
    struct fixture f;
    bool tc;
    uint8_t data[64];
    set_up(&f);
    for (unsigned n = 0; n < sizeof data; n++)
        data[n] = (uint8_t)(n + 1);
    program(&f, 2, 0x44, 0x0512fe, 9);
    cr_expect_eq(transfer(&f, 2, true, data, 4, &tc), 4);
    cr_expect_not(tc);
    cr_expect_eq(in8(&f.m, 0x08), 0);
    cr_expect_eq(transfer(&f, 2, false, data, 4, &tc), 0, "not this way");
    cr_expect_eq(transfer(&f, 2, true, data + 4, 60, &tc), 6);
    cr_expect(tc);
    cr_expect(!memcmp(f.block->host + 0x512fe, data, 10));
    cr_expect_eq(f.block->host[0x51308], 0);
    cr_expect_eq(in8(&f.m, 0x08), 0x04, "TC");
    cr_expect_eq(in8(&f.m, 0x08), 0, "once");
    cr_expect_eq(in8(&f.m, 0x0f), 0xff, "masked");
    cr_expect_eq(transfer(&f, 2, true, data, 4, &tc), 0);
    tear_down(&f);
}

Test(i8237, memory_is_read_with_auto_initialisation_and_downwards)
{
    struct fixture f;
    bool tc;
    uint8_t data[8];
    set_up(&f);
    memcpy(f.block->host + 0x30000, "abcdefgh", 8);
    program(&f, 1, 0x58, 0x030002, 2);
    cr_expect_eq(transfer(&f, 1, false, data, 8, &tc), 3);
    cr_expect(tc && !memcmp(data, "cde", 3));
    cr_expect_eq(transfer(&f, 1, false, data, 2, &tc), 2);
    cr_expect(!tc && !memcmp(data, "cd", 2), "it started again");
    program(&f, 1, 0x68, 0x030001, 3);
    cr_expect_eq(transfer(&f, 1, false, data, 8, &tc), 4);
    cr_expect(!memcmp(data, "ba", 2), "downwards");
    cr_expect_eq(data[2], f.block->host[0x3ffff], "around the 64 KiB that the counter spans");
    tear_down(&f);
}

Test(i8237, words_of_the_second_controller)
{
    struct fixture f;
    bool tc;
    uint8_t data[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    set_up(&f);
    out8(&f.m, 0xd8, 0);
    out8(&f.m, 0xd6, 0x45);
    out8(&f.m, 0xc4, 0x00);
    out8(&f.m, 0xc4, 0x80); /* word 8000H: byte 10000H */
    out8(&f.m, 0x8b, 0x05); /* bit 0 does not count */
    out8(&f.m, 0xc6, 1);
    out8(&f.m, 0xc6, 0);
    out8(&f.m, 0xd4, 1);
    cr_expect_eq(transfer(&f, 5, true, data, 7, &tc), 4);
    cr_expect(tc);
    cr_expect(!memcmp(f.block->host + 0x50000, data, 4));
    cr_expect_eq(in8(&f.m, 0xd0), 0x02);
    cr_expect_eq(in8(&f.m, 0xc5), 0xff, "nothing between");
    tear_down(&f);
}

Test(i8237, masks_disabled_controllers_and_verify_move_nothing)
{
    struct fixture f;
    bool tc;
    uint8_t data[4] = {9, 9, 9, 9};
    set_up(&f);
    program(&f, 0, 0x44, 0x1000, 3);
    out8(&f.m, 0x08, 4);
    cr_expect_eq(transfer(&f, 0, true, data, 4, &tc), 0);
    out8(&f.m, 0x08, 0);
    out8(&f.m, 0xd4, 4);
    cr_expect_eq(transfer(&f, 0, true, data, 4, &tc), 0, "channel 4 is masked");
    out8(&f.m, 0xd4, 0);
    out8(&f.m, 0x0b, 0xc0);
    cr_expect_eq(transfer(&f, 0, true, data, 4, &tc), 0, "cascade");
    out8(&f.m, 0x0b, 0x40);
    cr_expect_eq(transfer(&f, 0, true, data, 4, &tc), 4, "verify counts");
    cr_expect(tc);
    cr_expect_eq(f.block->host[0x1000], 0);
    cr_expect_eq(transfer(&f, 4, true, data, 4, &tc), 0);
    cr_expect_eq(transfer(&f, 99, true, data, 4, &tc), 0);
    machine_lock(&f.m);
    i8237_set_request(f.dev, 3, true);
    machine_unlock(&f.m);
    cr_expect_eq(in8(&f.m, 0x08), 0x81);
    tear_down(&f);
}

Test(i8237, state_round_trips)
{
    struct fixture a, b;
    set_up(&a);
    set_up(&b);
    program(&a, 3, 0x58, 0x098765, 0x4321);
    in8(&a.m, 0);
    assert_round_trip(a.dev, b.dev);
    cr_expect_eq(in8(&b.m, 0x82), 9);
    tear_down(&a);
    tear_down(&b);
}
