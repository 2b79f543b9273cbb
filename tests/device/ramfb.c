/* ramfb: what a guest writes to etc/ramfb and to its memory, and what is shown of it. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include "core/display/display.h"
#include "core/state/state.h"
#include "core/util/endian.h"
#include "hw/display/ramfb.h"
#include "hw/firmware/fw_cfg.h"
#include "tests/device/device_test.h"

enum { RAM = 8 << 20, DESC = 0x1000, BUF = 0x2000, PIXELS = 0x100000 };
enum { DMA_ERROR = 1, DMA_READ = 2, DMA_SELECT = 8, DMA_WRITE = 16 };
#define FOURCC(s)                                                                                  \
    ((uint32_t)(s)[0] | (uint32_t)(s)[1] << 8 | (uint32_t)(s)[2] << 16 | (uint32_t)(s)[3] << 24)

struct fixture {
    struct vemu_machine m;
    struct ram_block *ram;
    struct mem_region region;
    struct device *fw_cfg, *dev;
    struct display *d;
    struct display_watcher w;
    uint16_t key;
};

static void ready(struct display_watcher *w)
{
    (void)w;
}
static const struct display_watcher_ops watcher_ops = {.ready = ready};

static uint32_t dma(struct fixture *f, uint32_t control, uint32_t len)
{
    store_be32(f->ram->host + DESC, control);
    store_be32(f->ram->host + DESC + 4, len);
    store_be64(f->ram->host + DESC + 8, BUF);
    out32(&f->m, 0x514, 0);
    out32(&f->m, 0x518, __builtin_bswap32(DESC));
    return load_be32(f->ram->host + DESC);
}

static uint16_t find_file(struct fixture *f, const char *name)
{
    const uint8_t *dir = f->ram->host + BUF;
    dma(f, FW_CFG_FILE_DIR << 16 | DMA_SELECT | DMA_READ, 4 + FW_CFG_FILE_SLOTS * 64);
    for (uint32_t n = 0; n < load_be32(dir); n++)
        if (!strcmp((const char *)dir + 4 + n * 64 + 8, name)) {
            cr_assert_eq(load_be32(dir + 4 + n * 64), 28u);
            return load_be16(dir + 4 + n * 64 + 4);
        }
    cr_assert_fail("no file %s", name);
    return 0;
}

static void set_up(struct fixture *f)
{
    struct vemu_error *err = NULL;
    memset(f, 0, sizeof *f);
    test_machine_init(&f->m);
    f->ram = ram_block_new(&f->m.rams, "ram", RAM, false, &err);
    mem_region_init_ram(&f->region, "ram", f->ram, 0, RAM);
    mem_region_add(mem_space_root(f->m.memory), 0, &f->region, 0);
    struct fw_cfg_config cfg = {.base = 0x510};
    f->fw_cfg = made(fw_cfg_create(&f->m, &cfg, &err), err);
    f->dev = device_new(&f->m, &ramfb_class, NULL, &err);
    cr_assert(device_realize(f->dev, &err), "%s", err ? vemu_error_message(err) : "");
    machine_lock(&f->m);
    machine_reset(&f->m, NULL);
    f->d = display_nth(&f->m, 0);
    f->w.ops = &watcher_ops;
    display_watch(f->d, &f->w);
    machine_unlock(&f->m);
    f->key = find_file(f, "etc/ramfb");
}

static void look(struct fixture *f)
{
    machine_lock(&f->m);
    display_refresh(f->d);
    machine_unlock(&f->m);
}

static uint32_t pixel(struct fixture *f, unsigned x, unsigned y)
{
    look(f);
    return display_pixels(f->d)[y * display_stride(f->d) / 4 + x] & 0xffffff;
}

static bool configure(struct fixture *f, uint64_t address, const char *fourcc, uint32_t width,
                      uint32_t height, uint32_t stride)
{
    uint8_t *b = f->ram->host + BUF;
    uint8_t before[28], after[28];
    store_be64(b, address);
    store_be32(b + 8, FOURCC(fourcc));
    store_be32(b + 12, 0);
    store_be32(b + 16, width);
    store_be32(b + 20, height);
    store_be32(b + 24, stride);
    memcpy(before, b, 28);
    cr_assert_eq(dma(f, (uint32_t)f->key << 16 | DMA_SELECT | DMA_WRITE, 28), 0u);
    /* It can be read back. */
    memset(b, 0, 28);
    dma(f, (uint32_t)f->key << 16 | DMA_SELECT | DMA_READ, 28);
    memcpy(after, b, 28);
    cr_assert_eq(memcmp(before, after, 28), 0);
    look(f);
    return display_width(f->d) == width && display_height(f->d) == height;
}

Test(ramfb, shows_the_guests_pixels_in_each_format)
{
    static const struct {
        const char *fourcc;
        uint8_t bytes[4];
        unsigned size;
        uint32_t seen;
    } formats[] = {
        {"XR24", {0x56, 0x34, 0x12, 0xff}, 4, 0x123456},
        {"AR24", {0x56, 0x34, 0x12, 0x00}, 4, 0x123456},
        {"XB24", {0x12, 0x34, 0x56, 0xff}, 4, 0x123456},
        {"AB24", {0x12, 0x34, 0x56, 0xff}, 4, 0x123456},
        {"RG24", {0x56, 0x34, 0x12}, 3, 0x123456},
        {"BG24", {0x12, 0x34, 0x56}, 3, 0x123456},
        {"RG16", {0x1f, 0xf8}, 2, 0xff00ff},
        {"XR15", {0xe0, 0x03}, 2, 0x00ff00},
    };
    struct fixture f;
    set_up(&f);
    for (unsigned n = 0; n < sizeof formats / sizeof *formats; n++) {
        memset(f.ram->host + PIXELS, 0, 1 << 20);
        memcpy(f.ram->host + PIXELS + 2 * 1024 + 5 * formats[n].size, formats[n].bytes, 4);
        memset(f.ram->host + PIXELS + 2 * 1024 + 6 * formats[n].size, 0, 4);
        cr_expect(configure(&f, PIXELS, formats[n].fourcc, 100 + n, 50, 1024));
        cr_expect_eq(pixel(&f, 5, 2), formats[n].seen, "%s: %06x", formats[n].fourcc,
                     pixel(&f, 5, 2));
        cr_expect_eq(pixel(&f, 6, 2), 0u);
        cr_expect_eq(pixel(&f, 5, 3), 0u);
    }
    /* Lines without gaps. */
    memset(f.ram->host + PIXELS + 64 * 4, 0x7f, 4);
    cr_expect(configure(&f, PIXELS, "XR24", 64, 16, 0));
    cr_expect_eq(pixel(&f, 0, 1), UINT32_C(0x7f7f7f));
    machine_destroy(&f.m);
}

/* Memory that is written behind the dirty log's back is not seen before its line is drawn for
 * another reason. */
Test(ramfb, only_dirty_lines_are_drawn)
{
    struct fixture f;
    set_up(&f);
    cr_assert(configure(&f, PIXELS, "XR24", 1024, 16, 4096));
    for (unsigned n = 0; n < 4; n++)
        look(&f);
    store_le32(f.ram->host + PIXELS + 3 * 4096, 0x123456);
    write32(&f.m, PIXELS + 5 * 4096, 0x654321);
    cr_expect_eq(pixel(&f, 0, 5), UINT32_C(0x654321));
    cr_expect_eq(pixel(&f, 0, 3), 0u);
    write32(&f.m, PIXELS + 3 * 4096 + 8, 0);
    cr_expect_eq(pixel(&f, 0, 3), UINT32_C(0x123456));
    machine_destroy(&f.m);
}

Test(ramfb, what_makes_no_sense_is_refused_and_the_picture_stays)
{
    struct fixture f;
    set_up(&f);
    look(&f);
    cr_expect_not(configure(&f, PIXELS, "XR24", 15, 100, 0), "too narrow");
    memset(f.ram->host + PIXELS, 0x11, 4);
    cr_assert(configure(&f, PIXELS, "XR24", 64, 48, 0));
    static const struct {
        uint64_t address;
        const char *fourcc;
        uint32_t width, height, stride;
    } bad[] = {
        {PIXELS, "XR24", 0, 0, 0},
        {PIXELS, "XR24", 100, 15, 0},
        {PIXELS, "XR24", 8193, 100, 0},
        {PIXELS, "XR24", 100, 8193, 0},
        {PIXELS, "XR24", UINT32_MAX, UINT32_MAX, UINT32_MAX},
        {PIXELS, "NV12", 100, 100, 0},
        {PIXELS, "XR24", 100, 100, 399},
        {RAM - 100 * 400 + 1, "XR24", 100, 100, 0},
        {RAM, "XR24", 100, 100, 0},
        {PIXELS, "XR24", 100, 8192, UINT32_MAX},
        {UINT64_MAX - 100, "XR24", 100, 100, 0},
        {UINT64_MAX, "RG16", 16, 16, 0},
    };
    for (unsigned n = 0; n < sizeof bad / sizeof *bad; n++) {
        cr_expect_not(configure(&f, bad[n].address, bad[n].fourcc, bad[n].width, bad[n].height,
                                bad[n].stride),
                      "%u", n);
        cr_expect_eq(display_width(f.d), 64u);
        cr_expect_eq(pixel(&f, 0, 0), UINT32_C(0x111111));
    }
    cr_expect(configure(&f, RAM - 100 * 400, "XR24", 100, 100, 0), "up to the last byte");
    /* Lengths that are not the file's: nothing is taken. */
    cr_expect_eq(dma(&f, (uint32_t)f.key << 16 | DMA_SELECT | DMA_WRITE, 29), (uint32_t)DMA_ERROR);
    cr_expect_eq(dma(&f, (uint32_t)f.key << 16 | DMA_SELECT | DMA_WRITE, UINT32_MAX),
                 (uint32_t)DMA_ERROR);
    cr_expect_eq(display_width(f.d), 100u);
    /* Other files are not to be written. */
    cr_expect_eq(dma(&f, FW_CFG_SIGNATURE << 16 | DMA_SELECT | DMA_WRITE, 4), (uint32_t)DMA_ERROR);
    machine_destroy(&f.m);
}

/* RAM of another device has a screen, and a dirty log, of its own. */
Test(ramfb, is_in_the_machines_ram_alone)
{
    struct fixture f;
    struct mem_region r;
    set_up(&f);
    struct ram_block *other = ram_block_new(&f.m.rams, "other", 1 << 20, false, NULL);
    mem_region_init_ram(&r, "other", other, 0, 1 << 20);
    machine_lock(&f.m);
    mem_region_add(mem_space_root(f.m.memory), 0x10000000, &r, 0);
    machine_unlock(&f.m);
    cr_expect_not(configure(&f, 0x10000000, "XR24", 100, 100, 0));
    /* And if the memory goes away from under it, nothing is read. */
    cr_assert(configure(&f, PIXELS, "XR24", 100, 100, 0));
    machine_lock(&f.m);
    mem_region_remove(&f.region);
    machine_unlock(&f.m);
    look(&f);
    machine_lock(&f.m);
    mem_region_add(mem_space_root(f.m.memory), 0, &f.region, 0);
    mem_region_remove(&r);
    machine_unlock(&f.m);
    machine_destroy(&f.m);
}

Test(ramfb, state_is_the_mode_that_was_taken_and_reset_ends_it)
{
    struct fixture f, g;
    struct vemu_error *err = NULL;
    set_up(&f);
    set_up(&g);
    memset(g.ram->host + PIXELS, 0x22, 4);
    cr_assert(configure(&f, PIXELS, "XR24", 80, 60, 0));
    configure(&f, RAM, "XR24", 100, 100, 0);
    cr_assert(load_copy(f.dev, g.dev, &err), "%s", err ? vemu_error_message(err) : "");
    look(&g);
    cr_expect_eq(display_width(g.d), 80u);
    cr_expect_eq(pixel(&g, 0, 0), UINT32_C(0x222222));
    assert_round_trip(f.dev, g.dev);
    /* Where there is no memory for it: a mode that no guest could have set. */
    machine_lock(&g.m);
    mem_region_remove(&g.region);
    machine_unlock(&g.m);
    cr_expect_not(load_copy(f.dev, g.dev, &err));
    vemu_error_free(err);
    machine_lock(&f.m);
    machine_reset(&f.m, NULL);
    machine_unlock(&f.m);
    memset(f.ram->host + PIXELS, 0xff, 4);
    cr_expect_eq(pixel(&f, 0, 0), 0u);
    cr_expect_null(f.ram->dirty[MEM_DIRTY_DISPLAY], "nobody asks any more");
    machine_destroy(&f.m);
    machine_destroy(&g.m);
}

Test(ramfb, needs_fw_cfg_and_is_alone)
{
    struct fixture f;
    struct vemu_machine m;
    struct vemu_error *err = NULL;
    set_up(&f);
    struct device *second = device_new(&f.m, &ramfb_class, NULL, &err);
    cr_expect_not(device_realize(second, &err));
    cr_expect(strstr(vemu_error_message(err), "at most one"));
    vemu_error_free(err);
    device_free(second);
    machine_destroy(&f.m);
    err = NULL;
    test_machine_init(&m);
    struct device *dev = device_new(&m, &ramfb_class, NULL, &err);
    cr_expect_not(device_realize(dev, &err));
    cr_expect(strstr(vemu_error_message(err), "fw_cfg"));
    vemu_error_free(err);
    device_free(dev);
    machine_destroy(&m);
}
