/* virtio-gpu without a vCPU: outputs, resources and what is drawn of them, pointers, hostile
 * drivers. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "core/display/display.h"
#include "core/util/endian.h"
#include "core/util/range.h"
#include "hw/display/virtio_gpu.h"
#include "hw/display/virtio_gpu_internal.h"
#include "hw/display/virtio_vga.h"
#include "hw/pci/host_x86.h"
#include "hw/virtio/virtio.h"
#include "tests/device/virtio_gpu_driver.h"

/* ---- watching -------------------------------------------------------------------------------- */

struct viewer {
    struct display_watcher w;
    unsigned gone;
};
static void ready(struct display_watcher *w)
{
    (void)w;
}
static void gone(struct display_watcher *w)
{
    container_of(w, struct viewer, w)->gone++;
}
static const struct display_watcher_ops viewer_ops = {.ready = ready, .gone = gone};

static struct display *output(struct vt *t, unsigned n)
{
    machine_lock(&t->m);
    struct display *d = display_nth(&t->m, n);
    machine_unlock(&t->m);
    cr_assert(d);
    return d;
}

static void watch(struct vt *t, struct viewer *v, unsigned n)
{
    memset(v, 0, sizeof *v);
    v->w.ops = &viewer_ops;
    struct display *d = output(t, n);
    machine_lock(&t->m);
    display_watch(d, &v->w);
    machine_unlock(&t->m);
}

/* What is new, as a string: "WxH x,y,w,h ..." */
static const char *look(struct vt *t, struct viewer *v)
{
    static char text[512];
    struct display *d = v->w.display;
    struct display_news news = {0};
    int count;

    pixman_region32_init(&news.damage);
    machine_lock(&t->m);
    display_refresh(d);
    display_lock(d);
    display_take(&v->w, &news);
    int n = snprintf(text, sizeof text, "%ux%u", display_width(d), display_height(d));
    display_unlock(d);
    machine_unlock(&t->m);
    const pixman_box32_t *b = pixman_region32_rectangles(&news.damage, &count);
    for (int i = 0; i < count && n < 480; i++)
        n += snprintf(text + n, sizeof text - (size_t)n, " %d,%d,%d,%d", b[i].x1, b[i].y1,
                      b[i].x2 - b[i].x1, b[i].y2 - b[i].y1);
    pixman_region32_fini(&news.damage);
    return text;
}

static uint32_t pixel(struct vt *t, unsigned n, unsigned x, unsigned y)
{
    struct display *d = output(t, n);
    machine_lock(&t->m);
    display_refresh(d);
    display_lock(d);
    uint32_t value = display_pixels(d)[y * display_stride(d) / 4 + x] & 0xffffff;
    display_unlock(d);
    machine_unlock(&t->m);
    return value;
}

static void set_up(struct vt *t, const char *props)
{
    vt_machine(t, NULL, 0);
    vt_plug(t, &virtio_gpu_pci_class.device, props);
    cr_assert(gpu_start(t));
}

/* A test of a function with these properties, which `t` drives. Viewers in it are static: they are
 * told when the machine goes. */
#define GPU_TEST(name, props)                                                                      \
    static void gpu_##name(struct vt *t);                                                          \
    Test(virtio_gpu, name)                                                                         \
    {                                                                                              \
        struct vt machine;                                                                         \
        set_up(&machine, props);                                                                   \
        gpu_##name(&machine);                                                                      \
        vt_free(&machine);                                                                         \
    }                                                                                              \
    static void gpu_##name(struct vt *t)

/* A resource of that size with its frame as backing, shown on output 0. */
static void show(struct vt *t, uint32_t id, uint32_t width, uint32_t height)
{
    cr_expect_eq(gpu_create(t, id, GPU_B8G8R8X8, width, height), GPU_OK);
    cr_expect_eq(gpu_attach(t, id, GPU_FRAME, width * height * 4), GPU_OK);
    cr_expect_eq(gpu_scanout(t, 0, id, 0, 0, width, height), GPU_OK);
}

static void paint(struct vt *t, unsigned at, uint32_t value)
{
    write32(&t->m, GPU_FRAME + 4 * at, value);
}

/* ---- outputs --------------------------------------------------------------------------------- */

GPU_TEST(is_what_drivers_look_for, "max_outputs=3")
{
    cr_expect_eq(vt_config_read(t, 0), 0x10501af4);
    cr_expect_eq(vt_config_read(t, 8) >> 16, 0x0380, "a display controller, no VGA");
    cr_expect_eq(read32(&t->m, VT_CONFIG), 0);
    cr_expect_eq(read32(&t->m, VT_CONFIG + 8), 3, "outputs");
    cr_expect_eq(read32(&t->m, VT_CONFIG + 12), 0, "no capability sets");
    cr_expect_eq(vt_features(t) & 0xf, 2, "EDID, but neither 3D nor UUIDs nor blobs");
    cr_expect_eq(gpu_command(t, 0x108, 2, 0, 0), GPU_ERR_PARAMETER);
    cr_expect_eq(gpu_command(t, 0x109, 2, 0, 0), GPU_ERR_PARAMETER);
    cr_expect_eq(gpu_command(t, 0x10b, 2, 1, 0), GPU_ERR_UNSPEC);
    cr_expect_eq(gpu_command(t, 0x200, 8, 0, 0, 0, 0, 0, 0, 0, 0), GPU_ERR_UNSPEC);
}

static void assert_mode(struct vt *t, unsigned n, uint32_t x, uint32_t width, uint32_t height)
{
    uint64_t at = GPU_ANSWER + 24 + 24 * n;
    cr_expect_eq(gpu_command(t, 0x100, 0), 0x1101);
    cr_expect_eq(read32(&t->m, at), x, "output %u", n);
    cr_expect_eq(read32(&t->m, at + 4), 0);
    cr_expect_eq(read32(&t->m, at + 8), width);
    cr_expect_eq(read32(&t->m, at + 12), height);
    cr_expect_eq(read32(&t->m, at + 16), width > 0);
}

/* The width and height of the preferred mode. */
static void assert_edid(struct vt *t, uint32_t n, uint32_t width, uint32_t height)
{
    uint8_t e[128], sum = 0;
    cr_expect_eq(gpu_command(t, 0x10a, 2, n, 0), 0x1104);
    cr_expect_eq(read32(&t->m, GPU_ANSWER + 24), 128);
    for (unsigned k = 0; k < 128; k += 4)
        store_le32(e + k, read32(&t->m, GPU_ANSWER + 32 + k));
    for (unsigned k = 0; k < 128; k++)
        sum = (uint8_t)(sum + e[k]);
    cr_expect_eq(sum, 0);
    cr_expect_eq(load_be64(e), UINT64_C(0x00ffffffffffff00));
    cr_expect_eq(load_le32(e + 12), n + 1, "each has a number of its own");
    cr_expect_eq((e[58] & 0xf0u) << 4 | e[56], width);
    cr_expect_eq((e[61] & 0xf0u) << 4 | e[59], height);
}

Test(virtio_gpu, outputs_are_described_by_edid)
{
    struct vt t;
    vt_machine(&t, NULL, 0);
    vt_plug(&t, &virtio_gpu_pci_class.device, "max_outputs=2,xres=1024,yres=768");
    cr_assert(vt_start(&t, VIRTIO_BIT(VIRTIO_F_VERSION_1) | 2, 2, true));
    assert_edid(&t, 0, 1024, 768);
    assert_edid(&t, 1, 1024, 768);
    struct display *d = output(&t, 1);
    machine_lock(&t.m);
    display_resize(d, 1600, 900);
    machine_unlock(&t.m);
    assert_edid(&t, 1, 1600, 900);
    assert_edid(&t, 0, 1024, 768);
    cr_expect_eq(gpu_command(&t, 0x10a, 2, 2, 0), GPU_ERR_SCANOUT, "there is no such output");
    vt_free(&t);
    set_up(&t, "edid=off");
    cr_expect_eq(vt_features(&t) & 0xf, 0);
    cr_expect_eq(gpu_command(&t, 0x10a, 2, 0, 0), GPU_ERR_UNSPEC);
    vt_free(&t);
}

GPU_TEST(a_viewer_resizes_and_the_guest_follows, "max_outputs=3,xres=1024,yres=768")
{
    assert_mode(t, 0, 0, 1024, 768);
    assert_mode(t, 1, 0, 0, 0);
    assert_mode(t, 15, 0, 0, 0);
    unsigned before = t->messages;
    struct display *d[2] = {output(t, 0), output(t, 2)};
    machine_lock(&t->m);
    cr_expect(display_can_resize(d[0]));
    display_resize(d[0], 1600, 900);
    display_resize(d[0], 1600, 900);
    machine_unlock(&t->m);
    cr_expect_eq(t->messages, before + 1, "once");
    cr_expect_eq(read32(&t->m, VT_CONFIG), 1);
    assert_mode(t, 0, 0, 1600, 900);
    write32(&t->m, VT_CONFIG + 4, 1);
    cr_expect_eq(read32(&t->m, VT_CONFIG), 0);
    cr_expect_eq(read32(&t->m, VT_CONFIG + 4), 0);
    write32(&t->m, VT_CONFIG, 1);
    cr_expect_eq(read32(&t->m, VT_CONFIG), 0, "read-only");
    machine_lock(&t->m);
    display_resize(d[1], 640, 480);
    machine_unlock(&t->m);
    assert_mode(t, 1, 0, 0, 0);
    assert_mode(t, 2, 1600, 640, 480);
    machine_lock(&t->m);
    display_resize(d[0], 0, 0);
    machine_unlock(&t->m);
    assert_mode(t, 0, 0, 0, 0);
    assert_mode(t, 2, 0, 640, 480);
}

Test(virtio_gpu, a_driver_that_is_not_there_is_not_interrupted)
{
    struct vt t;
    vt_machine(&t, NULL, 0);
    vt_plug(&t, &virtio_gpu_pci_class.device, "");
    struct display *d = output(&t, 0);
    machine_lock(&t.m);
    display_resize(d, 800, 600);
    machine_unlock(&t.m);
    cr_expect_eq(read8(&t.m, VT_ISR), 0);
    cr_assert(gpu_start(&t));
    assert_mode(&t, 0, 0, 800, 600);
    vt_free(&t);
}

/* ---- drawing --------------------------------------------------------------------------------- */

Test(virtio_gpu, what_is_flushed_is_the_damage)
{
    struct viewer v;
    struct vt t;
    set_up(&t, "");
    show(&t, 1, 64, 48);
    watch(&t, &v, 0);
    cr_expect_str_eq(look(&t, &v), "64x48 0,0,64,48");
    cr_expect_str_eq(look(&t, &v), "64x48");
    paint(&t, 64 * 10 + 20, 0xff123456);
    cr_expect_eq(gpu_transfer(&t, 1, 20, 10, 2, 3, (64 * 10 + 20) * 4), GPU_OK);
    cr_expect_str_eq(look(&t, &v), "64x48", "nothing before the flush");
    cr_expect_eq(pixel(&t, 0, 20, 10), 0);
    cr_expect_eq(gpu_flush(&t, 1, 20, 10, 2, 3), GPU_OK);
    cr_expect_str_eq(look(&t, &v), "64x48 20,10,2,3");
    cr_expect_eq(pixel(&t, 0, 20, 10), 0x123456);
    cr_expect_eq(pixel(&t, 0, 21, 10), 0);
    cr_expect_eq(gpu_flush(&t, 1, 0, 0, 1, 1), GPU_OK);
    cr_expect_eq(gpu_flush(&t, 1, 63, 47, 1, 1), GPU_OK);
    cr_expect_str_eq(look(&t, &v), "64x48 0,0,1,1 63,47,1,1");
    cr_expect_eq(gpu_flush(&t, 1, 5, 5, 0, 7), GPU_OK, "nothing");
    cr_expect_str_eq(look(&t, &v), "64x48");
    vt_free(&t);
    cr_expect_eq(v.gone, 1);
}

GPU_TEST(many_small_flushes_are_none_lost, "")
{
    static struct viewer v;
    show(t, 1, 128, 128);
    watch(t, &v, 0);
    look(t, &v);
    for (unsigned i = 0; i < 128 * 128; i++)
        paint(t, i, i);
    cr_expect_eq(gpu_transfer(t, 1, 0, 0, 128, 128, 0), GPU_OK);
    for (unsigned i = 0; i < 128; i += 2)
        for (unsigned j = 0; j < 128; j += 16)
            cr_expect_eq(gpu_flush(t, 1, j, i, 1, 1), GPU_OK);
    look(t, &v);
    for (unsigned i = 0; i < 128; i += 2)
        for (unsigned j = 0; j < 128; j += 16)
            cr_assert_eq(pixel(t, 0, j, i), i * 128 + j);
}

GPU_TEST(every_format_is_converted, "")
{
    /* Bytes at rising addresses as the format's name has them, of red 0x11, green 0x22, blue 0x33;
     * alpha and padding do not matter. */
    static const struct {
        uint32_t format;
        uint8_t bytes[4];
    } formats[] = {
        {1, {0x33, 0x22, 0x11, 0x80}},   {2, {0x33, 0x22, 0x11, 0x00}},
        {3, {0x80, 0x11, 0x22, 0x33}},   {4, {0x00, 0x11, 0x22, 0x33}},
        {67, {0x11, 0x22, 0x33, 0x80}},  {68, {0x00, 0x33, 0x22, 0x11}},
        {121, {0x80, 0x33, 0x22, 0x11}}, {134, {0x11, 0x22, 0x33, 0x00}},
    };
    for (unsigned i = 0; i < ARRAY_SIZE(formats); i++) {
        uint32_t id = 100 + i;
        cr_expect_eq(gpu_create(t, id, formats[i].format, 4, 4), GPU_OK);
        cr_expect_eq(gpu_attach(t, id, GPU_FRAME, 64), GPU_OK);
        cr_expect_eq(gpu_scanout(t, 0, id, 0, 0, 4, 4), GPU_OK);
        paint(t, 5, load_le32(formats[i].bytes));
        cr_expect_eq(gpu_transfer(t, id, 0, 0, 4, 4, 0), GPU_OK);
        cr_expect_eq(gpu_flush(t, id, 0, 0, 4, 4), GPU_OK);
        cr_expect_eq(pixel(t, 0, 1, 1), 0x112233, "format %u", formats[i].format);
    }
    for (uint32_t format = 0; format < 256; format++) {
        bool known = false;
        for (unsigned i = 0; i < ARRAY_SIZE(formats); i++)
            known |= formats[i].format == format;
        cr_expect_eq(gpu_create(t, 1000 + format, format, 4, 4),
                     known ? GPU_OK : GPU_ERR_PARAMETER);
    }
}

GPU_TEST(outputs_show_parts_of_one_resource, "max_outputs=2")
{
    static struct viewer v[2];
    show(t, 1, 100, 50);
    cr_expect_eq(gpu_scanout(t, 0, 1, 0, 0, 60, 50), GPU_OK);
    cr_expect_eq(gpu_scanout(t, 1, 1, 50, 10, 50, 40), GPU_OK);
    for (unsigned i = 0; i < 2; i++)
        watch(t, &v[i], i);
    cr_expect_str_eq(look(t, &v[0]), "60x50 0,0,60,50");
    cr_expect_str_eq(look(t, &v[1]), "50x40 0,0,50,40");
    for (unsigned i = 0; i < 5000; i++)
        paint(t, i, i);
    cr_expect_eq(gpu_transfer(t, 1, 0, 0, 100, 50, 0), GPU_OK);
    cr_expect_eq(gpu_flush(t, 1, 55, 5, 10, 10), GPU_OK);
    cr_expect_str_eq(look(t, &v[0]), "60x50 55,5,5,10");
    cr_expect_str_eq(look(t, &v[1]), "50x40 5,0,10,5");
    cr_expect_eq(pixel(t, 0, 57, 7), 757);
    cr_expect_eq(pixel(t, 1, 7, 2), 1257);
    cr_expect_eq(gpu_flush(t, 1, 0, 0, 10, 10), GPU_OK);
    cr_expect_str_eq(look(t, &v[1]), "50x40", "outside of what it shows");
    cr_expect_eq(gpu_scanout(t, 1, 0, 0, 0, 0, 0), GPU_OK);
    cr_expect_str_eq(look(t, &v[1]), "50x40 0,0,50,40", "black now");
    cr_expect_eq(pixel(t, 1, 7, 2), 0);
    cr_expect_eq(gpu_scanout(t, 0, 1, 1, 0, 60, 50), GPU_OK);
    cr_expect_str_eq(look(t, &v[0]), "60x50 0,0,60,50", "another part of it");
    cr_expect_eq(pixel(t, 0, 0, 2), 201);
}

GPU_TEST(backing_may_be_scattered_unaligned_and_overlapping, "")
{
    cr_expect_eq(gpu_create(t, 1, GPU_B8G8R8X8, 16, 4), GPU_OK);
    cr_expect_eq(gpu_scanout(t, 0, 1, 0, 0, 16, 4), GPU_OK);
    for (unsigned i = 0; i < 1024; i++)
        write8(&t->m, GPU_FRAME + i, (uint8_t)(i * 7));
    /* pieces end within pixels; some are the same memory, some are empty, two follow each other */
    static const uint32_t pieces[][2] = {{3, 30}, {900, 0},  {33, 31}, {500, 5},
                                         {3, 30}, {700, 90}, {1, 0},   {64, 70}};
    uint64_t addrs[8];
    uint32_t lens[8];
    uint8_t expect[256];
    unsigned n = 0;
    for (unsigned i = 0; i < 8; i++) {
        addrs[i] = GPU_FRAME + pieces[i][0];
        lens[i] = pieces[i][1];
        for (unsigned k = 0; k < pieces[i][1]; k++)
            expect[n++] = (uint8_t)((pieces[i][0] + k) * 7);
    }
    cr_assert_eq(n, 256);
    cr_expect_eq(gpu_attach_list(t, 1, 8, addrs, lens), GPU_OK);
    cr_expect_eq(gpu_transfer(t, 1, 0, 0, 16, 4, 0), GPU_OK);
    cr_expect_eq(gpu_flush(t, 1, 0, 0, 16, 4), GPU_OK);
    for (unsigned i = 0; i < 64; i++)
        cr_expect_eq(pixel(t, 0, i % 16, i / 16), load_le32(expect + 4 * i) & 0xffffff, "%u", i);
    /* rows of a part, from an offset that is not theirs */
    cr_expect_eq(gpu_transfer(t, 1, 5, 1, 3, 2, 22), GPU_OK);
    cr_expect_eq(gpu_flush(t, 1, 5, 1, 3, 2), GPU_OK);
    for (unsigned i = 0; i < 6; i++)
        cr_expect_eq(pixel(t, 0, 5 + i % 3, 1 + i / 3),
                     load_le32(expect + 22 + 64 * (i / 3) + 4 * (i % 3)) & 0xffffff);
    cr_expect_eq(pixel(t, 0, 8, 1), load_le32(expect + 4 * 24) & 0xffffff);
}

GPU_TEST(transfers_stay_within_backing_and_resource, "")
{
    cr_expect_eq(gpu_transfer(t, 1, 0, 0, 1, 1, 0), GPU_ERR_RESOURCE);
    cr_expect_eq(gpu_create(t, 1, GPU_B8G8R8X8, 16, 16), GPU_OK);
    cr_expect_eq(gpu_transfer(t, 1, 0, 0, 1, 1, 0), GPU_ERR_UNSPEC, "no backing");
    cr_expect_eq(gpu_attach(t, 1, GPU_FRAME, 1024), GPU_OK);
    cr_expect_eq(gpu_transfer(t, 1, 0, 0, 16, 16, 0), GPU_OK);
    cr_expect_eq(gpu_transfer(t, 1, 0, 0, 16, 16, 1), GPU_ERR_PARAMETER);
    cr_expect_eq(gpu_transfer(t, 1, 0, 0, 16, 16, UINT64_MAX), GPU_ERR_PARAMETER);
    cr_expect_eq(gpu_transfer(t, 1, 0, 0, 16, 16, UINT64_MAX - 1023), GPU_ERR_PARAMETER);
    cr_expect_eq(gpu_transfer(t, 1, 0, 0, 1, 1, 1020), GPU_OK);
    cr_expect_eq(gpu_transfer(t, 1, 0, 0, 1, 1, 1021), GPU_ERR_PARAMETER);
    cr_expect_eq(gpu_transfer(t, 1, 0, 0, 1, 2, 1020 - 64), GPU_OK);
    cr_expect_eq(gpu_transfer(t, 1, 0, 0, 1, 2, 1024 - 64), GPU_ERR_PARAMETER);
    cr_expect_eq(gpu_transfer(t, 1, 15, 15, 1, 1, 0), GPU_OK);
    cr_expect_eq(gpu_transfer(t, 1, 16, 0, 1, 1, 0), GPU_ERR_PARAMETER);
    cr_expect_eq(gpu_transfer(t, 1, 1, 0, UINT32_MAX, 1, 0), GPU_ERR_PARAMETER);
    cr_expect_eq(gpu_transfer(t, 1, 0, UINT32_MAX, 1, 2, 0), GPU_ERR_PARAMETER);
    cr_expect_eq(gpu_transfer(t, 1, 16, 16, 0, 0, UINT64_MAX), GPU_OK, "nothing");
    cr_expect_eq(gpu_flush(t, 1, 16, 0, 1, 1), GPU_ERR_PARAMETER);
    cr_expect_eq(gpu_flush(t, 1, 0, 1, 1, UINT32_MAX), GPU_ERR_PARAMETER);
    cr_expect_eq(gpu_flush(t, 2, 0, 0, 1, 1), GPU_ERR_RESOURCE);
    cr_expect_eq(gpu_scanout(t, 1, 1, 0, 0, 16, 16), GPU_ERR_SCANOUT);
    cr_expect_eq(gpu_scanout(t, UINT32_MAX, 1, 0, 0, 16, 16), GPU_ERR_SCANOUT);
    cr_expect_eq(gpu_scanout(t, 0, 2, 0, 0, 16, 16), GPU_ERR_RESOURCE);
    cr_expect_eq(gpu_scanout(t, 0, 1, 1, 0, 16, 16), GPU_ERR_PARAMETER);
    cr_expect_eq(gpu_scanout(t, 0, 1, UINT32_MAX, 0, 2, 1), GPU_ERR_PARAMETER);
    cr_expect_eq(gpu_scanout(t, 0, 1, 0, 0, 0, 16), GPU_ERR_PARAMETER);
}

GPU_TEST(backing_that_is_no_memory_fails_when_it_is_read, "")
{
    cr_expect_eq(gpu_create(t, 1, GPU_B8G8R8X8, 16, 16), GPU_OK);
    static const uint64_t places[] = {VT_COMMON, VT_NOTIFY, VT_MSIX, 0x7f0000000,
                                      UINT64_C(0xffffffffffffff00)};
    for (unsigned i = 0; i < ARRAY_SIZE(places); i++) {
        cr_expect_eq(gpu_attach(t, 1, places[i], 1024), GPU_OK);
        cr_expect_eq(gpu_transfer(t, 1, 0, 0, 16, 16, 0), GPU_ERR_UNSPEC, "%u", i);
        cr_expect_eq(gpu_command(t, 0x107, 2, 1, 0), GPU_OK);
    }
    cr_expect_eq(read8(&t->m, VT_COMMON + 0x14), 15);
    /* It begins in memory and ends behind it. */
    cr_expect_eq(gpu_attach(t, 1, VT_RAM - 512, 1024), GPU_OK);
    cr_expect_eq(gpu_transfer(t, 1, 0, 0, 16, 8, 0), GPU_OK);
    cr_expect_eq(gpu_transfer(t, 1, 0, 0, 16, 9, 0), GPU_ERR_UNSPEC);
    cr_expect_eq(gpu_command(t, 0x107, 2, 1, 0), GPU_OK);
    /* The bus is not the device's. */
    cr_expect_eq(gpu_attach(t, 1, GPU_FRAME, 1024), GPU_OK);
    vt_config_write(t, PCI_COMMAND, PCI_COMMAND_MEMORY);
    vt_kick(t, 0);
}

/* ---- resources ------------------------------------------------------------------------------- */

GPU_TEST(resources_come_and_go, "")
{
    static struct viewer v;
    cr_expect_eq(gpu_create(t, 0, GPU_B8G8R8X8, 16, 16), GPU_ERR_RESOURCE);
    cr_expect_eq(gpu_create(t, 5, GPU_B8G8R8X8, 0, 16), GPU_ERR_PARAMETER);
    cr_expect_eq(gpu_create(t, 5, GPU_B8G8R8X8, 16, 16385), GPU_ERR_PARAMETER);
    cr_expect_eq(gpu_command(t, 0x102, 2, 5, 0), GPU_ERR_RESOURCE);
    show(t, 5, 16, 16);
    cr_expect_eq(gpu_create(t, 5, GPU_B8G8R8X8, 16, 16), GPU_ERR_RESOURCE, "it is taken");
    cr_expect_eq(gpu_attach(t, 5, GPU_FRAME, 1024), GPU_ERR_UNSPEC, "it has one");
    watch(t, &v, 0);
    look(t, &v);
    paint(t, 0, 0xabcdef);
    cr_expect_eq(gpu_transfer(t, 5, 0, 0, 16, 16, 0), GPU_OK);
    cr_expect_eq(gpu_flush(t, 5, 0, 0, 16, 16), GPU_OK);
    /* gone before it was drawn, while it is shown */
    cr_expect_eq(gpu_command(t, 0x102, 2, 5, 0), GPU_OK);
    cr_expect_str_eq(look(t, &v), "16x16 0,0,16,16");
    cr_expect_eq(pixel(t, 0, 0, 0), 0);
    cr_expect_eq(gpu_flush(t, 5, 0, 0, 16, 16), GPU_ERR_RESOURCE);
    cr_expect_eq(gpu_transfer(t, 5, 0, 0, 16, 16, 0), GPU_ERR_RESOURCE);
    cr_expect_eq(gpu_scanout(t, 0, 5, 0, 0, 16, 16), GPU_ERR_RESOURCE);
    cr_expect_eq(gpu_command(t, 0x107, 2, 5, 0), GPU_ERR_RESOURCE);
    cr_expect_eq(gpu_create(t, 5, GPU_B8G8R8X8, 8, 8), GPU_OK);
    cr_expect_eq(gpu_command(t, 0x107, 2, 5, 0), GPU_ERR_UNSPEC, "no backing to detach");
}

GPU_TEST(memory_of_the_host_is_bounded, "max_hostmem=1M")
{
    cr_expect_eq(gpu_create(t, 1, GPU_B8G8R8X8, 512, 512), GPU_ERR_MEMORY, "and the struct");
    cr_expect_eq(gpu_create(t, 1, GPU_B8G8R8X8, 512, 500), GPU_OK);
    cr_expect_eq(gpu_create(t, 2, GPU_B8G8R8X8, 512, 500), GPU_ERR_MEMORY);
    cr_expect_eq(gpu_create(t, 2, GPU_B8G8R8X8, 16384, 16384), GPU_ERR_MEMORY);
    cr_expect_eq(gpu_command(t, 0x102, 2, 1, 0), GPU_OK);
    cr_expect_eq(gpu_create(t, 2, GPU_B8G8R8X8, 512, 500), GPU_OK);
    /* many small ones count, too */
    unsigned made = 0;
    for (uint32_t id = 10; id < 1000; id++)
        made += gpu_create(t, id, GPU_B8G8R8X8, 1, 1) == GPU_OK;
    cr_expect(made > 50 && made < 300, "%u", made);
    cr_assert(gpu_start(t));
    cr_expect_eq(gpu_create(t, 1, GPU_B8G8R8X8, 512, 511), GPU_OK, "a reset frees them all");
}

GPU_TEST(entries_are_counted_and_there, "max_hostmem=1M")
{
    cr_expect_eq(gpu_create(t, 1, GPU_B8G8R8X8, 16, 16), GPU_OK);
    cr_expect_eq(gpu_command(t, 0x106, 2, 2, 0), GPU_ERR_RESOURCE);
    cr_expect_eq(gpu_command(t, 0x106, 2, 1, 1), GPU_ERR_PARAMETER, "an entry is missing");
    cr_expect_eq(gpu_command(t, 0x106, 2, 1, UINT32_MAX), GPU_ERR_PARAMETER);
    cr_expect_eq(gpu_command(t, 0x106, 2, 1, 0x10000001), GPU_ERR_PARAMETER, "of 2^32 bytes");
    cr_expect_eq(gpu_command(t, 0x106, 2, 1, 0), GPU_OK, "none at all");
    cr_expect_eq(gpu_transfer(t, 1, 0, 0, 1, 1, 0), GPU_ERR_PARAMETER);
    cr_expect_eq(gpu_command(t, 0x107, 2, 1, 0), GPU_OK);
    /* As many as the queue carries of pieces that do not follow each other; then too many. */
    for (unsigned i = 0; i < 60000; i++) {
        write64(&t->m, GPU_FRAME + 16 * i, GPU_FRAME + 8 * (i & 1));
        write64(&t->m, GPU_FRAME + 16 * i + 8, 4);
    }
    gpu_header(t, 0x106, 2, 1, 20000);
    cr_expect_eq(gpu_submit(t, 32, GPU_FRAME, 20000 * 16), GPU_OK);
    cr_expect_eq(gpu_transfer(t, 1, 0, 0, 16, 16, 79000), GPU_ERR_PARAMETER);
    cr_expect_eq(gpu_transfer(t, 1, 0, 0, 16, 16, 78000), GPU_OK);
    cr_expect_eq(gpu_create(t, 2, GPU_B8G8R8X8, 16, 16), GPU_OK);
    gpu_header(t, 0x106, 2, 2, 60000);
    cr_expect_eq(gpu_submit(t, 32, GPU_FRAME, 60000 * 16), GPU_ERR_MEMORY);
    gpu_header(t, 0x106, 2, 2, 65537);
    cr_expect_eq(gpu_submit(t, 32, GPU_FRAME, 65537 * 16), GPU_ERR_PARAMETER);
    gpu_header(t, 0x106, 2, 2, 4);
    cr_expect_eq(gpu_submit(t, 32, VT_COMMON, 64), GPU_ERR_UNSPEC, "the entries are nowhere");
    cr_expect_eq(gpu_attach(t, 2, GPU_FRAME, 1024), GPU_OK, "and nothing is left of it");
}

/* ---- queues ---------------------------------------------------------------------------------- */

GPU_TEST(a_fence_comes_back_with_the_answer, "")
{
    gpu_header(t, 0x100, 0);
    write32(&t->m, GPU_COMMAND + 4, 1);
    write64(&t->m, GPU_COMMAND + 8, UINT64_C(0x123456789abcdef0));
    write32(&t->m, GPU_COMMAND + 16, 7);
    cr_expect_eq(gpu_submit(t, 24, 0, 0), 0x1101);
    cr_expect_eq(read32(&t->m, GPU_ANSWER + 4), 1);
    cr_expect_eq(read64(&t->m, GPU_ANSWER + 8), UINT64_C(0x123456789abcdef0));
    cr_expect_eq(read32(&t->m, GPU_ANSWER + 16), 7);
    gpu_header(t, 0x100, 0);
    write64(&t->m, GPU_COMMAND + 8, 99);
    cr_expect_eq(gpu_submit(t, 24, 0, 0), 0x1101);
    cr_expect_eq(read32(&t->m, GPU_ANSWER + 4), 0, "none was asked for");
    cr_expect_eq(read64(&t->m, GPU_ANSWER + 8), 0);
    gpu_header(t, 0x105, 0);
    write32(&t->m, GPU_COMMAND + 4, 1);
    write64(&t->m, GPU_COMMAND + 8, 5);
    cr_expect_eq(gpu_submit(t, 24, 0, 0), GPU_ERR_UNSPEC, "a command that is cut short");
    cr_expect_eq(read64(&t->m, GPU_ANSWER + 8), 5, "failures reach the fence, too");
}

GPU_TEST(odd_elements_are_answered_as_far_as_there_is_room, "")
{
    gpu_header(t, 0x100, 0);
    vt_desc(t, 0, 0, GPU_COMMAND, 24, 0, 0); /* no room at all */
    vt_avail(t, 0, 0);
    vt_desc(t, 0, 1, GPU_ANSWER, 64, VT_WRITE, 0); /* no command */
    vt_avail(t, 0, 1);
    vt_desc(t, 0, 2, GPU_COMMAND, 24, VT_NEXT, 3); /* room for a header */
    vt_desc(t, 0, 3, GPU_ANSWER + 0x800, 100, VT_WRITE, 0);
    vt_avail(t, 0, 2);
    vt_desc(t, 0, 4, GPU_COMMAND, 24, VT_NEXT, 5); /* an answer into the own registers */
    vt_desc(t, 0, 5, VT_COMMON, 64, VT_WRITE, 0);
    vt_avail(t, 0, 4);
    vt_kick(t, 0);
    unsigned first = t->avail[0] - 4u;
    cr_expect_eq(vt_used_index(t, 0), t->avail[0]);
    for (unsigned i = 0; i < 4; i++) {
        static const uint32_t written[] = {0, 24, 24, 0};
        cr_expect_eq(read32(&t->m, VT_USED(0) + 4 + 8 * ((first + i) % VT_QUEUE_SIZE) + 4),
                     written[i], "%u", i);
    }
    cr_expect_eq(read32(&t->m, GPU_ANSWER), GPU_ERR_UNSPEC);
    cr_expect_eq(read32(&t->m, GPU_ANSWER + 0x800), GPU_ERR_UNSPEC);
    cr_expect_eq(read8(&t->m, VT_COMMON + 0x14), 15);
    /* A command in pieces of a byte is one, too. */
    gpu_header(t, 0x101, 4, 9, 2, 16, 16);
    for (unsigned i = 0; i < 10; i++)
        vt_desc(t, 0, i, GPU_COMMAND + 4 * i, 4, VT_NEXT, (uint16_t)(i + 1));
    vt_desc(t, 0, 10, GPU_ANSWER, 24, VT_WRITE, 0);
    vt_avail(t, 0, 0);
    vt_kick(t, 0);
    cr_expect_eq(read32(&t->m, GPU_ANSWER), GPU_OK);
}

GPU_TEST(much_work_gives_way_to_others, "")
{
    cr_expect_eq(gpu_create(t, 1, GPU_B8G8R8X8, 4096, 4096), GPU_OK);
    uint64_t addrs[32];
    uint32_t lens[32];
    for (unsigned i = 0; i < 32; i++) {
        addrs[i] = GPU_FRAME;
        lens[i] = 2 << 20;
    }
    cr_expect_eq(gpu_attach_list(t, 1, 32, addrs, lens), GPU_OK);
    uint16_t before = vt_used_index(t, 0);
    gpu_header(t, 0x105, 8, 0, 0, 4096, 4096, 0, 0, 1, 0);
    vt_desc(t, 0, 0, GPU_COMMAND, 56, VT_NEXT, 1);
    vt_desc(t, 0, 1, GPU_ANSWER, 24, VT_WRITE, 0);
    for (unsigned i = 0; i < 3; i++)
        vt_avail(t, 0, 0);
    vt_kick(t, 0);
    cr_expect_eq((uint16_t)(vt_used_index(t, 0) - before), 1);
    for (unsigned i = 0; i < 3; i++) {
        machine_lock(&t->m);
        step(&t->m, 1);
        machine_unlock(&t->m);
    }
    cr_expect_eq((uint16_t)(vt_used_index(t, 0) - before), 3);
    cr_expect_eq(read32(&t->m, GPU_ANSWER), GPU_OK);
}

/* ---- pointer --------------------------------------------------------------------------------- */

static struct display_cursor shape(struct vt *t, unsigned n, int32_t *x, int32_t *y, bool *visible)
{
    struct display *d = output(t, n);
    display_lock(d);
    struct display_cursor c = display_cursor(d);
    *visible = display_cursor_position(d, x, y);
    display_unlock(d);
    return c;
}

GPU_TEST(pointers_have_shape_and_place, "max_outputs=2")
{
    int32_t x, y;
    bool visible;
    cr_expect_eq(gpu_create(t, 3, 1, 64, 64), GPU_OK);
    cr_expect_eq(gpu_attach(t, 3, GPU_FRAME, 64 * 64 * 4), GPU_OK);
    paint(t, 0, 0x80402010);
    paint(t, 1, 0xff112233);
    cr_expect_eq(gpu_transfer(t, 3, 0, 0, 64, 64, 0), GPU_OK);
    cr_expect_eq(gpu_cursor(t, 0x300, 1, 100, 200, 3, 4, 5), GPU_OK);
    struct display_cursor c = shape(t, 1, &x, &y, &visible);
    cr_expect(visible && x == 104 && y == 205, "where its hot spot is");
    cr_expect(c.width == 64 && c.height == 64 && c.hot_x == 4 && c.hot_y == 5);
    cr_expect_eq(c.pixels[0], 0x80804020, "colours are not multiplied by alpha");
    cr_expect_eq(c.pixels[1], 0xff112233);
    cr_expect_eq(c.pixels[2], 0);
    cr_expect_eq(shape(t, 0, &x, &y, &visible).width, 0, "the other output has none");
    cr_expect_not(visible);
    cr_expect_eq(gpu_cursor(t, 0x301, 1, (uint32_t)-7, 20, 0, 0, 0), GPU_OK);
    cr_expect_eq(shape(t, 1, &x, &y, &visible).width, 64);
    cr_expect(visible && x == -3 && y == 25);
    /* It is a copy: the resource may go. */
    cr_expect_eq(gpu_command(t, 0x102, 2, 3, 0), GPU_OK);
    cr_expect_eq(shape(t, 1, &x, &y, &visible).pixels[1], 0xff112233);
    cr_expect_eq(gpu_cursor(t, 0x300, 1, 0, 0, 3, 4, 5), GPU_ERR_RESOURCE);
    cr_expect_eq(gpu_cursor(t, 0x300, 1, 1, 2, 0, 0, 0), GPU_OK);
    cr_expect_eq(shape(t, 1, &x, &y, &visible).width, 0);
    cr_expect_not(visible);
}

GPU_TEST(shapes_that_are_straight_already_stay_so, "")
{
    int32_t x, y;
    bool visible;
    cr_expect_eq(gpu_create(t, 3, 1, 64, 64), GPU_OK);
    cr_expect_eq(gpu_attach(t, 3, GPU_FRAME, 64 * 64 * 4), GPU_OK);
    paint(t, 0, 0x80402010);
    paint(t, 1, 0x40ffffff);
    cr_expect_eq(gpu_transfer(t, 3, 0, 0, 64, 64, 0), GPU_OK);
    cr_expect_eq(gpu_cursor(t, 0x300, 0, 0, 0, 3, 1000, UINT32_MAX), GPU_OK);
    struct display_cursor c = shape(t, 0, &x, &y, &visible);
    cr_expect_eq(c.pixels[0], 0x80402010);
    cr_expect_eq(c.pixels[1], 0x40ffffff);
    cr_expect(c.hot_x == 63 && c.hot_y == 63, "the hot spot is in it");
    cr_expect_eq(gpu_create(t, 4, GPU_B8G8R8X8, 64, 64), GPU_OK);
    cr_expect_eq(gpu_attach(t, 4, GPU_FRAME, 64 * 64 * 4), GPU_OK);
    cr_expect_eq(gpu_transfer(t, 4, 0, 0, 64, 64, 0), GPU_OK);
    cr_expect_eq(gpu_cursor(t, 0x300, 0, 0, 0, 4, 0, 0), GPU_OK);
    cr_expect_eq(shape(t, 0, &x, &y, &visible).pixels[0], 0x80402010, "alpha that Linux hides");
    cr_expect_eq(gpu_create(t, 5, 1, 32, 64), GPU_OK);
    cr_expect_eq(gpu_cursor(t, 0x300, 0, 0, 0, 5, 0, 0), GPU_ERR_RESOURCE, "of another size");
    cr_expect_eq(gpu_cursor(t, 0x300, 1, 0, 0, 4, 0, 0), GPU_ERR_SCANOUT);
    cr_expect_eq(gpu_cursor(t, 0x301, 16, 0, 0, 4, 0, 0), GPU_ERR_SCANOUT);
    cr_expect_eq(gpu_cursor(t, 0x100, 0, 0, 0, 0, 0, 0), GPU_ERR_UNSPEC, "the other queue's");
    /* As drivers do it: no room for an answer. */
    gpu_header(t, 0x301, 8, 0, 11, 12, 0, 0, 0, 0, 0);
    vt_desc(t, 1, 0, GPU_COMMAND, 56, 0, 0);
    vt_avail(t, 1, 0);
    vt_kick(t, 1);
    cr_expect_eq(vt_used_index(t, 1), t->avail[1]);
    shape(t, 0, &x, &y, &visible);
    cr_expect(x == 11 && y == 12);
}

/* ---- life ------------------------------------------------------------------------------------ */

GPU_TEST(a_reset_leaves_a_black_screen, "")
{
    static struct viewer v;
    int32_t x, y;
    bool visible;
    show(t, 1, 64, 64);
    watch(t, &v, 0);
    paint(t, 0, 0xffffff);
    cr_expect_eq(gpu_transfer(t, 1, 0, 0, 64, 64, 0), GPU_OK);
    cr_expect_eq(gpu_flush(t, 1, 0, 0, 64, 64), GPU_OK);
    cr_expect_eq(gpu_cursor(t, 0x300, 0, 0, 0, 1, 0, 0), GPU_OK);
    cr_expect_eq(pixel(t, 0, 0, 0), 0xffffff);
    look(t, &v);
    write8(&t->m, VT_COMMON + 0x14, 0);
    cr_expect_str_eq(look(t, &v), "64x64 0,0,64,64");
    cr_expect_eq(pixel(t, 0, 0, 0), 0);
    cr_expect_eq(shape(t, 0, &x, &y, &visible).width, 0);
    cr_assert(gpu_start(t));
    cr_expect_eq(gpu_flush(t, 1, 0, 0, 64, 64), GPU_ERR_RESOURCE);
}

/* ---- virtio-vga ------------------------------------------------------------------------------ */

enum {
    VGA_MEMORY = 0xd0000000,
    VGA_REGISTERS = 0xe0000000 /* so that virtio's are at VT_MODERN */
};

static void set_up_vga(struct vt *t, const char *props)
{
    vt_machine(t, NULL, 0);
    vt_plug(t, &virtio_vga_class.device, props);
    vt_config_write(t, 0x10, VGA_MEMORY);
    vt_config_write(t, 0x14, 0);
    vt_config_write(t, 0x18, VGA_REGISTERS);
    vt_config_write(t, 0x20, (uint32_t)VT_MSIX + 0x100000);
}

Test(virtio_vga, is_a_vga_and_a_virtio_device)
{
    struct vt t;
    set_up_vga(&t, "romfile=,vgamem_mb=1");
    cr_expect_eq(vt_config_read(&t, 0), 0x10501af4);
    cr_expect_eq(vt_config_read(&t, 8) >> 8, 0x030000, "a VGA");
    /* Memory, ports, and the registers' page are the standard VGA's. */
    write32(&t.m, VGA_MEMORY + 0x1234, 0xdeadbeef);
    cr_expect_eq(read32(&t.m, VGA_MEMORY + 0x1234), 0xdeadbeef);
    cr_expect_eq(in16(&t.m, 0x1ce), 0);
    cr_expect_eq(in16(&t.m, 0x1d0) & 0xfff0, 0xb0c0, "the display interface");
    cr_expect_eq(read16(&t.m, VGA_REGISTERS + 0x500) & 0xfff0, 0xb0c0);
    out8(&t.m, 0x3c2, 0x67);
    cr_expect_eq(in8(&t.m, 0x3cc), 0x67);
    /* Each of virtio's parts is in BAR 2, behind them. */
    unsigned found = 0;
    for (unsigned at = vt_config_read(&t, 0x34) & 0xff; at;
         at = vt_config_read(&t, at) >> 8 & 0xff) {
        uint32_t first = vt_config_read(&t, at), bar = vt_config_read(&t, at + 4) & 0xff;
        if ((first & 0xff) != 9 || first >> 24 == 5)
            continue;
        found |= 1u << (first >> 24);
        cr_expect_eq(bar, 2);
        uint32_t offset = vt_config_read(&t, at + 8), length = vt_config_read(&t, at + 12);
        cr_expect(offset >= 0x4000 && offset + length <= 0x8000);
    }
    cr_expect_eq(found, 0x1e);
    cr_expect_eq(read16(&t.m, VT_COMMON + 0x12), 2, "queues");
    cr_assert(gpu_start(&t));
    show(&t, 1, 64, 48);
    paint(&t, 0, 0x123456);
    cr_expect_eq(gpu_transfer(&t, 1, 0, 0, 64, 48, 0), GPU_OK);
    cr_expect_eq(gpu_flush(&t, 1, 0, 0, 64, 48), GPU_OK);
    cr_expect_eq(pixel(&t, 0, 0, 0), 0x123456);
    cr_expect_eq(t.messages, 0, "its MSI-X table is elsewhere");
    vt_free(&t);
}

/* Text of the display, after "HI" was written to the screen of a text mode. */
static bool shows_text(struct vt *t)
{
    char text[8192];
    struct display *d = output(t, 0);
    machine_lock(&t->m);
    display_text(d, text, sizeof text);
    machine_unlock(&t->m);
    return strstr(text, "HI");
}

Test(virtio_vga, a_driver_takes_the_screen_over_and_a_reset_gives_it_back)
{
    static const uint8_t crtc[] = {0x5f, 0x4f, 0x50, 0x82, 0x55, 0x81, 0xbf, 0x1f, 0x00,
                                   0x4f, 0x0d, 0x0e, 0x00, 0x00, 0x00, 0x00, 0x9c, 0x8e,
                                   0x8f, 0x28, 0x1f, 0x96, 0xb9, 0xa3, 0xff};
    struct vt t;
    set_up_vga(&t, "romfile=");
    /* 80 columns, 25 lines */
    out8(&t.m, 0x3c2, 0x67);
    static const uint8_t seq[] = {3, 0, 3, 0, 2}, gfx[] = {0, 0, 0, 0, 0, 0x10, 0x0e, 0, 0xff};
    for (unsigned i = 0; i < sizeof seq; i++)
        out16(&t.m, 0x3c4, (uint16_t)(seq[i] << 8 | i));
    for (unsigned i = 0; i < sizeof gfx; i++)
        out16(&t.m, 0x3ce, (uint16_t)(gfx[i] << 8 | i));
    out16(&t.m, 0x3d4, 0x0011);
    for (unsigned i = 0; i < sizeof crtc; i++)
        out16(&t.m, 0x3d4, (uint16_t)(crtc[i] << 8 | i));
    in8(&t.m, 0x3da);
    out8(&t.m, 0x3c0, 0x20);
    write64(&t.m, VGA_MEMORY,
            UINT64_C(0x0000074900000748)); /* by planes; the window is under RAM */
    cr_expect(shows_text(&t));
    cr_assert(gpu_start(&t));
    assert_mode(&t, 0, 0, 1280, 800);
    cr_expect(shows_text(&t), "until the driver shows something");
    show(&t, 1, 64, 48);
    cr_expect_not(shows_text(&t));
    cr_expect_eq(gpu_scanout(&t, 0, 0, 0, 0, 0, 0), GPU_OK);
    cr_expect_not(shows_text(&t), "nor when it shows nothing");
    write8(&t.m, VT_COMMON + 0x14, 0);
    cr_expect(shows_text(&t));
    vt_free(&t);
}

Test(virtio_vga, state_survives_a_round_trip)
{
    struct vt f, g;
    set_up_vga(&f, "romfile=");
    set_up_vga(&g, "romfile=");
    cr_assert(gpu_start(&f));
    show(&f, 7, 40, 30);
    paint(&f, 0, 0x654321);
    cr_expect_eq(gpu_transfer(&f, 7, 0, 0, 40, 30, 0), GPU_OK);
    out8(&f.m, 0x3c2, 0x67);
    assert_round_trip(f.dev, g.dev);
    cr_expect_eq(pixel(&g, 0, 0, 0), 0x654321);
    cr_expect_eq(in8(&g.m, 0x3cc), 0x67);
    vt_free(&f);
    vt_free(&g);
}

/* ---- state ----------------------------------------------------------------------------------- */

static void poke(struct vemu_machine *m)
{
    write16(m, VT_NOTIFY, 0);
    machine_lock(m);
    for (struct display *d; (d = display_nth(m, 0));) {
        display_refresh(d);
        break;
    }
    step(m, 1000);
    machine_unlock(m);
}

/* A device in the middle of its work, and a fresh one with the same memory. */
static void two(struct vt *f, struct vt *g)
{
    set_up(f, "max_outputs=2,max_hostmem=1M");
    set_up(g, "max_outputs=2,max_hostmem=1M");
    show(f, 7, 40, 30);
    cr_expect_eq(gpu_create(f, 8, 1, 64, 64), GPU_OK);
    cr_expect_eq(gpu_scanout(f, 1, 7, 10, 10, 20, 20), GPU_OK);
    for (unsigned i = 0; i < 64 * 64; i++)
        paint(f, i, 0xff000000 | i);
    cr_expect_eq(gpu_transfer(f, 7, 0, 0, 40, 30, 0), GPU_OK);
    cr_expect_eq(gpu_cursor(f, 0x300, 1, 3, 4, 8, 1, 2), GPU_OK);
    struct display *d = output(f, 1);
    machine_lock(&f->m);
    display_resize(d, 320, 200);
    machine_unlock(&f->m);
}

Test(virtio_gpu, state_brings_pictures_and_pointers_along)
{
    struct vt f, g;
    struct viewer v;
    int32_t x, y;
    bool visible;
    two(&f, &g);
    watch(&g, &v, 1);
    look(&g, &v);
    assert_round_trip(f.dev, g.dev);
    cr_expect_str_eq(look(&g, &v), "20x20 0,0,20,20");
    cr_expect_eq(pixel(&g, 1, 3, 2), 40 * 12 + 13);
    cr_expect_eq(pixel(&g, 0, 39, 29), 40 * 30 - 1);
    cr_expect_eq(shape(&g, 1, &x, &y, &visible).width, 64);
    cr_expect(visible && x == 4 && y == 6);
    cr_expect_eq(read32(&g.m, VT_CONFIG), 1, "the event is still to be seen");
    /* The backing is the one that was: it is filled from there again. */
    g.avail[0] = f.avail[0];
    for (uint64_t at = VT_DESC(0); at < VT_DESC(2); at += 8)
        write64(&g.m, at, read64(&f.m, at));
    paint(&g, 0, 0x777777);
    cr_expect_eq(gpu_transfer(&g, 7, 0, 0, 1, 1, 0), GPU_OK);
    cr_expect_eq(gpu_flush(&g, 7, 0, 0, 1, 1), GPU_OK);
    cr_expect_eq(pixel(&g, 0, 0, 0), 0x777777);
    assert_mode(&g, 1, 1280, 320, 200);
    vt_free(&f);
    vt_free(&g);
}

Test(virtio_gpu, damaged_states_are_refused)
{
    struct vt f, g;
    two(&f, &g);
    fuzz_state(f.dev, g.dev, 1000, poke);
    vt_free(&f);
    vt_free(&g);
}

Test(virtio_gpu, records_of_a_state_are_whole)
{
    struct vt f;
    set_up(&f, "");
    cr_expect_eq(gpu_create(&f, 7, GPU_B8G8R8X8, 3, 2), GPU_OK);
    cr_expect_eq(gpu_attach_list(&f, 7, 2, (uint64_t[]){GPU_FRAME, GPU_LIST}, (uint32_t[]){9, 40}),
                 GPU_OK);
    struct virtio_gpu *s = container_of(virtio_device_of(f.dev), struct virtio_gpu, v);
    uint64_t len = gpu_contents.size(s);
    cr_assert_eq(len, 28 + 2 * 16 + 24);
    uint8_t *data = malloc(len), saved[28];
    gpu_contents.save(s, data);
    cr_expect(gpu_contents.load(NULL, data, len, NULL));
    cr_expect(gpu_contents.load(NULL, data, 0, NULL), "nothing was made");
    for (uint64_t n = 1; n < len; n++)
        cr_expect_not(gpu_contents.load(NULL, data, n, NULL), "%u bytes", (unsigned)n);
    memcpy(saved, data, sizeof saved);
    for (unsigned word = 0; word < 7; word++) {
        if (word == 1)
            continue; /* any id will do */
        store_le32(data + 4 * word, UINT32_MAX);
        cr_expect_not(gpu_contents.load(NULL, data, len, NULL), "word %u", word);
        memcpy(data, saved, sizeof saved);
    }
    store_le64(data + 28 + 8, UINT64_MAX);
    cr_expect_not(gpu_contents.load(NULL, data, len, NULL), "lengths that overflow");
    free(data);
    vt_free(&f);
}

Test(virtio_gpu, a_state_that_needs_more_memory_is_refused)
{
    struct vt f, g;
    struct vemu_error *err = NULL;
    set_up(&f, "max_hostmem=1M");
    set_up(&g, "max_hostmem=1000");
    show(&f, 7, 40, 30);
    cr_expect_not(load_copy(f.dev, g.dev, &err));
    cr_expect(err && strstr(vemu_error_message(err), "max_hostmem"), "%s",
              err ? vemu_error_message(err) : "");
    vemu_error_free(err);
    vt_free(&f);
    vt_free(&g);
}

Test(virtio_gpu, sizes_are_checked_when_it_is_made)
{
    static const char *const wrong[][2] = {
        {"max_outputs", "0"}, {"max_outputs", "17"}, {"xres", "0"}, {"yres", "8193"}};
    struct vt t;
    vt_machine(&t, NULL, 0);
    machine_lock(&t.m);
    struct device *dev = made(device_new(&t.m, &virtio_gpu_pci_class.device, NULL, NULL), NULL);
    for (unsigned i = 0; i < ARRAY_SIZE(wrong); i++)
        cr_expect_not(device_set_prop(dev, wrong[i][0], wrong[i][1], NULL), "%s", wrong[i][0]);
    device_free(dev);
    machine_unlock(&t.m);
    vt_free(&t);
}
