/* fw_cfg: selector and data ports, directory, DMA and what hostile descriptors do. */
#include <criterion/criterion.h>
#include <string.h>
#include "core/util/endian.h"
#include "hw/firmware/fw_cfg.h"
#include "tests/device/device_test.h"

enum { RAM = 1 << 20, DESC = 0x1000, BUF = 0x2000 };
enum { DMA_ERROR = 1, DMA_READ = 2, DMA_SKIP = 4, DMA_SELECT = 8, DMA_WRITE = 16 };

struct fixture {
    struct vemu_machine m;
    struct ram_block *ram;
    struct mem_region region;
    struct device *dev;
};

static void set_up(struct fixture *f)
{
    struct vemu_error *err = NULL;
    test_machine_init(&f->m);
    f->ram = ram_block_new(&f->m.rams, "ram", RAM, false, &err);
    mem_region_init_ram(&f->region, "ram", f->ram, 0, RAM);
    mem_region_add(mem_space_root(f->m.memory), 0, &f->region, 0);
    struct fw_cfg_config cfg = {.base = 0x510};
    f->dev = made(fw_cfg_create(&f->m, &cfg, &err), err);
    machine_lock(&f->m);
    machine_reset(&f->m, NULL);
    machine_unlock(&f->m);
}

static uint32_t dma(struct fixture *f, uint64_t at, uint32_t control, uint32_t len, uint64_t addr)
{
    if (at <= RAM - 16) {
        store_be32(f->ram->host + at, control);
        store_be32(f->ram->host + at + 4, len);
        store_be64(f->ram->host + at + 8, addr);
    }
    out32(&f->m, 0x514, __builtin_bswap32((uint32_t)(at >> 32)));
    out32(&f->m, 0x518, __builtin_bswap32((uint32_t)at));
    return at <= RAM - 16 ? load_be32(f->ram->host + at) : 0;
}

Test(fw_cfg, signature_is_read_byte_by_byte_and_ends_in_zeros)
{
    struct fixture f;
    set_up(&f);
    out16(&f.m, 0x510, FW_CFG_SIGNATURE);
    cr_expect_eq(in8(&f.m, 0x511), 'Q');
    cr_expect_eq(in8(&f.m, 0x511), 'E');
    cr_expect_eq(in8(&f.m, 0x511), 'M');
    cr_expect_eq(in8(&f.m, 0x511), 'U');
    cr_expect_eq(in8(&f.m, 0x511), 0);
    out16(&f.m, 0x510, FW_CFG_ID);
    cr_expect_eq(in8(&f.m, 0x511), 3);
    out16(&f.m, 0x510, 0x7777);
    cr_expect_eq(in8(&f.m, 0x511), 0);
    cr_expect_eq(__builtin_bswap32(in32(&f.m, 0x514)), 0x51454d55);
    cr_expect_eq(__builtin_bswap32(in32(&f.m, 0x518)), 0x20434647);
    machine_destroy(&f.m);
}

Test(fw_cfg, in_memory_data_comes_in_words_and_selector_and_dma_are_big_endian)
{
    struct fixture f;
    uint64_t v;
    const uint64_t base = 0x9020000;
    set_up(&f);
    struct vemu_error *err = NULL;
    struct fw_cfg_config cfg = {.base = base, .mmio = true};
    struct device *dev = made(fw_cfg_create(&f.m, &cfg, &err), err);
    fw_cfg_set(dev, FW_CFG_UUID, "0123456789ab", 12, NULL);
    mem_write(f.m.memory, base + 8, 2, __builtin_bswap16(FW_CFG_UUID));
    cr_expect_eq(mem_read(f.m.memory, base, 8, &v), MEM_OK);
    cr_expect(!memcmp(&v, "01234567", 8), "the first byte is at the lowest address");
    mem_read(f.m.memory, base, 1, &v);
    cr_expect_eq(v, '8');
    mem_read(f.m.memory, base, 4, &v);
    cr_expect(!memcmp(&v, "9ab", 4), "zeros after the end");
    cr_expect_eq(__builtin_bswap64(read64(&f.m, base + 16)), UINT64_C(0x51454d5520434647));

    store_be32(f.ram->host + DESC, FW_CFG_UUID << 16 | DMA_SELECT | DMA_READ);
    store_be32(f.ram->host + DESC + 4, 4);
    store_be64(f.ram->host + DESC + 8, BUF);
    write64(&f.m, base + 16, __builtin_bswap64(DESC));
    cr_expect_eq(load_be32(f.ram->host + DESC), 0);
    cr_expect(!memcmp(f.ram->host + BUF, "0123", 4));
    store_be32(f.ram->host + DESC, DMA_READ);
    write32(&f.m, base + 16, 0);
    write32(&f.m, base + 20, __builtin_bswap32(DESC));
    cr_expect(!memcmp(f.ram->host + BUF, "4567", 4));
    machine_destroy(&f.m);
}

Test(fw_cfg, directory_is_sorted_and_leads_to_the_files)
{
    struct fixture f;
    set_up(&f);
    cr_assert(fw_cfg_add_file(f.dev, "b", "two", 3, NULL));
    cr_assert(fw_cfg_add_file(f.dev, "a", "one!", 4, NULL));
    struct vemu_error *err = NULL;
    cr_expect_not(fw_cfg_add_file(f.dev, "a", "x", 1, &err));
    vemu_error_free(err);
    err = NULL;
    char name[80];
    memset(name, 'x', sizeof name);
    name[79] = 0;
    cr_expect_not(fw_cfg_add_file(f.dev, name, "x", 1, &err));
    vemu_error_free(err);
    dma(&f, DESC, FW_CFG_FILE_DIR << 16 | DMA_SELECT | DMA_READ, 4 + 2 * 64, BUF);
    const uint8_t *dir = f.ram->host + BUF;
    cr_expect_eq(load_be32(dir), 2);
    cr_expect_str_eq((const char *)dir + 4 + 8, "a");
    cr_expect_eq(load_be32(dir + 4), 4);
    cr_expect_eq(load_be16(dir + 8), FW_CFG_FILE_FIRST + 1);
    cr_expect_str_eq((const char *)dir + 68 + 8, "b");
    out16(&f.m, 0x510, load_be16(dir + 8));
    cr_expect_eq(in8(&f.m, 0x511), 'o');
    machine_destroy(&f.m);
}

Test(fw_cfg, dma_reads_skips_and_pads_with_zeros)
{
    struct fixture f;
    set_up(&f);
    fw_cfg_set(f.dev, FW_CFG_UUID, "0123456789", 10, NULL);
    memset(f.ram->host + BUF, 0xee, 32);
    cr_expect_eq(dma(&f, DESC, FW_CFG_UUID << 16 | DMA_SELECT | DMA_READ, 4, BUF), 0);
    cr_expect(!memcmp(f.ram->host + BUF, "0123\356", 5));
    cr_expect_eq(dma(&f, DESC, DMA_SKIP, 2, 0), 0);
    cr_expect_eq(dma(&f, DESC, DMA_READ, 8, BUF), 0);
    cr_expect(!memcmp(f.ram->host + BUF, "6789\0\0\0\0\356", 9));
    cr_expect_eq(dma(&f, DESC, DMA_SKIP, 0xffffffff, 0), 0);
    cr_expect_eq(in8(&f.m, 0x511), 0);
    machine_destroy(&f.m);
}

Test(fw_cfg, hostile_descriptors_end_in_an_error_and_nothing_else)
{
    struct fixture f;
    set_up(&f);
    fw_cfg_set(f.dev, FW_CFG_UUID, "0123456789", 10, NULL);
    uint32_t read = FW_CFG_UUID << 16 | DMA_SELECT | DMA_READ;
    cr_expect_eq(dma(&f, DESC, read, 4, UINT64_C(0xfffffffffffffffe)), DMA_ERROR);
    cr_expect_eq(dma(&f, DESC, read, 0xffffffff, RAM - 4), DMA_ERROR);
    cr_expect_eq(dma(&f, DESC, DMA_WRITE, 4, BUF), DMA_ERROR);
    dma(&f, RAM - 8, read, 4, BUF);                      /* half outside */
    dma(&f, UINT64_C(0xfffffffffffffff8), read, 4, BUF); /* wraps */
    dma(&f, UINT64_C(1) << 40, read, 4, BUF);            /* nowhere */
    /* A length that runs over its own descriptor: the status still lands. */
    cr_expect_eq(dma(&f, DESC, read, 0x3000, 0x800), 0);
    /* A selector with every bit set. */
    cr_expect_eq(dma(&f, DESC, 0xffff0000 | DMA_SELECT | DMA_READ, 16, BUF), 0);
    machine_destroy(&f.m);
}
