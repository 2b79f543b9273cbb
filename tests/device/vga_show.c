/* What of the screen a look at the VGA draws: nothing but what may have changed. Memory that is
 * written behind the dirty log's back tells: it is not seen until its line is drawn for another
 * reason. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include "core/display/display.h"
#include "core/display/internal.h"
#include "core/memory/dirty.h"
#include "core/util/endian.h"
#include "hw/display/bochs_display.h"
#include "hw/display/vga_pci.h"
#include "hw/pci/host_x86.h"
#include "hw/pci/pci.h"
#include "tests/device/device_test.h"

enum { MEMORY = 0x10000000, MMIO = 0x20000000, SEQ = 0x3c4, GFX = 0x3ce, CRTC = 0x3d4 };
#define FRAME INT64_C(16683333)

struct card {
    struct vemu_machine m;
    struct device *dev;
    struct ram_block *ram;
    struct display *d;
    struct display_watcher w;
};

static void ready(struct display_watcher *w)
{
    (void)w;
}
static const struct display_watcher_ops watcher_ops = {.ready = ready};

static void make(struct card *c, const struct device_class *cls)
{
    struct vemu_error *err = NULL;
    struct pci_host_config cfg = {0};
    memset(c, 0, sizeof *c);
    test_machine_init(&c->m);
    struct device *host = made(pci_host_create(&c->m, &cfg, &err), err);
    c->dev = device_new(&c->m, cls, NULL, &err);
    if (cls == &vga_pci_class)
        cr_assert(device_set_prop(c->dev, "romfile", "", &err));
    struct pci_device *pci = (struct pci_device *)c->dev;
    pci->bus = pci_host_bus(host);
    pci->devfn = PCI_DEVFN(2, 0);
    cr_assert(device_realize(c->dev, &err), "%s", err ? vemu_error_message(err) : "");
    machine_lock(&c->m);
    machine_reset(&c->m, NULL);
    pci_config_write(pci, PCI_BASE_ADDRESS_0, MEMORY, 4);
    pci_config_write(pci, PCI_BASE_ADDRESS_0 + 8, MMIO, 4);
    pci_config_write(pci, PCI_COMMAND, 3, 2);
    c->ram = list_entry(c->m.rams.blocks.next, struct ram_block, node);
    c->d = display_nth(&c->m, 0);
    c->w.ops = &watcher_ops;
    display_watch(c->d, &c->w);
    machine_unlock(&c->m);
}

static void unmake(struct card *c)
{
    machine_destroy(&c->m);
}

static void look(struct card *c)
{
    machine_lock(&c->m);
    display_refresh(c->d);
    machine_unlock(&c->m);
}

/* Until the display stands still and all that it shows is clean. */
static void settle(struct card *c)
{
    for (unsigned n = 0; n < 4; n++)
        look(c);
}

static uint32_t pixel(const struct card *c, unsigned x, unsigned y)
{
    return display_pixels(c->d)[y * display_stride(c->d) / 4 + x];
}

static void set(struct card *c, uint16_t port, uint8_t index, uint8_t value)
{
    out8(&c->m, port, index);
    out8(&c->m, (uint16_t)(port + 1), value);
}

static void set_attr(struct card *c, uint8_t index, uint8_t value)
{
    in8(&c->m, 0x3da);
    out8(&c->m, 0x3c0, index | 0x20);
    out8(&c->m, 0x3c0, value);
}

/* The number of a colour is the upper half of each byte of its pixels. */
static void colours(struct card *c)
{
    out8(&c->m, 0x3c2, 1);
    in8(&c->m, 0x3da);
    for (uint8_t n = 0; n < 16; n++) {
        out8(&c->m, 0x3c0, n); /* while the palette is not in use */
        out8(&c->m, 0x3c0, n);
        out8(&c->m, 0x3c8, n);
        for (unsigned k = 0; k < 3; k++)
            out8(&c->m, 0x3c9, (uint8_t)(4 * n));
    }
    set_attr(c, 0x12, 15);
}

/* ---- linear modes: a line of 1024 pixels is a page ---------------------------------------------
 */

static void linear(struct card *c)
{
    static const uint16_t regs[] = {1024, 16, 32, 0x41}; /* width, height, depth, enable */
    for (unsigned n = 0; n < 4; n++)
        mem_write(c->m.memory, MMIO + 0x502 + 2 * n, 2, regs[n]);
    in8(&c->m, 0x3da);
    out8(&c->m, 0x3c0, 0x20); /* the palette is in use */
}

static void only_dirty_lines_are_drawn(const struct device_class *cls)
{
    struct card c;
    make(&c, cls);
    linear(&c);
    look(&c);
    cr_assert_eq(display_width(c.d), 1024u);
    settle(&c);
    store_le32(c.ram->host + 3 * 4096, 0x123456);
    look(&c);
    cr_expect_eq(pixel(&c, 0, 3), 0u, "a clean line is not read");
    write32(&c.m, MEMORY + 5 * 4096 + 8, 0x654321);
    look(&c);
    cr_expect_eq(pixel(&c, 2, 5), UINT32_C(0x654321));
    cr_expect_eq(pixel(&c, 0, 3), 0u);
    write32(&c.m, MEMORY + 3 * 4096 + 4, 7);
    look(&c);
    cr_expect_eq(pixel(&c, 0, 3), UINT32_C(0x123456));
    /* The whole of it when somebody comes who knows nothing of the surface, */
    store_le32(c.ram->host + 9 * 4096, 1);
    display_unwatch(&c.w);
    display_watch(c.d, &c.w);
    look(&c);
    cr_expect_eq(pixel(&c, 0, 9), 1u);
    settle(&c);
    /* and when it starts elsewhere. */
    store_le32(c.ram->host + 12 * 4096, 2);
    look(&c);
    cr_expect_eq(pixel(&c, 0, 12), 0u);
    mem_write(c.m.memory, MMIO + 0x500 + 2 * 9, 2, 1);
    look(&c);
    cr_expect_eq(pixel(&c, 0, 11), 2u);
    unmake(&c);
}

Test(vga_show, only_dirty_lines_are_drawn)
{
    only_dirty_lines_are_drawn(&vga_pci_class);
}

Test(vga_show, only_dirty_lines_of_bochs_display_are_drawn)
{
    only_dirty_lines_are_drawn(&bochs_display_class);
}

static bool is_dirty(const struct card *c, unsigned page)
{
    return bitmap_atomic_test(c->ram->dirty[MEM_DIRTY_DISPLAY], page);
}

Test(vga_show, pages_stay_dirty_while_they_change)
{
    struct card c;
    make(&c, &vga_pci_class);
    linear(&c);
    settle(&c);
    for (uint32_t n = 1; n < 10; n++) {
        write32(&c.m, MEMORY + 4 * 4096, n);
        write32(&c.m, MEMORY + 6 * 4096, 0);
        look(&c);
        cr_expect_eq(pixel(&c, 0, 4), n);
        cr_expect(is_dirty(&c, 4), "it will be written again");
        cr_expect_not(is_dirty(&c, 6), "nothing changed there");
    }
    look(&c);
    cr_expect_not(is_dirty(&c, 4));
    cr_expect(is_dirty(&c, 16), "what is not shown is not looked at");
    unmake(&c);
}

/* ---- planes: 80 dwords a line, 12.8 lines a page ------------------------------------------------
 */

static void planar(struct card *c)
{
    colours(c);
    set(c, CRTC, 1, 79);
    set(c, CRTC, 0x12, 63); /* 64 lines */
    set(c, CRTC, 7, 0x10);
    set(c, CRTC, 9, 0x40);
    set(c, CRTC, 0x18, 0xff);
    set(c, CRTC, 0x13, 40);
    set(c, CRTC, 0x17, 0xe3);
    set(c, GFX, 6, 5); /* graphics, at A0000H */
    set(c, GFX, 8, 0xff);
    set(c, SEQ, 1, 1);
    set(c, SEQ, 2, 15);
    set(c, SEQ, 4, 6);
}

Test(vga_show, only_dirty_lines_of_planes_are_drawn)
{
    struct card c;
    make(&c, &vga_pci_class);
    planar(&c);
    look(&c);
    cr_assert_eq(display_width(c.d), 640u);
    cr_assert_eq(display_height(c.d), 64u);
    settle(&c);
    memset(c.ram->host + 2 * 320, 0xff, 4);         /* line 2, page 0 */
    mem_write(c.m.memory, 0xa0000 + 20 * 80, 1, 1); /* line 20, page 1 */
    look(&c);
    cr_expect_neq(pixel(&c, 7, 20), 0u);
    cr_expect_eq(pixel(&c, 0, 2), 0u);
    mem_write(c.m.memory, 0xa0000 + 79, 1, 1);
    look(&c);
    cr_expect_neq(pixel(&c, 639, 0), 0u);
    cr_expect_neq(pixel(&c, 0, 2), 0u);
    /* Lines of a mode whose memory lies in banks may be anywhere. */
    settle(&c);
    set(&c, CRTC, 0x17, 0xe2);
    settle(&c);
    memset(c.ram->host + 4 * 320, 0xff, 4);
    mem_write(c.m.memory, 0xa0000 + 20 * 80, 1, 2);
    look(&c);
    cr_expect_neq(pixel(&c, 0, 4), 0u);
    unmake(&c);
}

/* Dots of plane 3 blink; where that is not shown, all do. */
Test(vga_show, dots_blink_in_graphics)
{
    struct card c;
    make(&c, &vga_pci_class);
    planar(&c);
    set_attr(&c, 0x10, 0x09);
    memset(c.ram->host, 0xff, 2);     /* planes 0 and 1: colour 3 */
    memset(c.ram->host + 4, 0xff, 1); /* colours 1 and */
    c.ram->host[7] = 0x0f;            /* 9 */
    look(&c);
    static const unsigned seen[2][3] = {{11, 9, 9}, {11, 9, 1}}, unmasked[2] = {11, 3};
    for (unsigned phase = 0; phase < 4; phase++) {
        const unsigned at[3] = {0, 8, 12};
        for (unsigned k = 0; k < 3; k++)
            cr_expect_eq((pixel(&c, at[k], 0) & 0xff) >> 4, seen[phase & 1][k], "phase %u, %u",
                         phase, k);
        step(&c.m, 16 * FRAME + 1000);
        look(&c);
    }
    set_attr(&c, 0x12, 7);
    for (unsigned phase = 0; phase < 4; phase++) {
        look(&c);
        cr_expect_eq((pixel(&c, 0, 0) & 0xff) >> 4, unmasked[phase & 1], "phase %u", phase);
        step(&c.m, 16 * FRAME + 1000);
    }
    unmake(&c);
}

/* ---- text ---------------------------------------------------------------------------------------
 */

/* 80x25; character 1 is all dots, others none. */
static void text(struct card *c)
{
    colours(c);
    set(c, CRTC, 1, 79);
    set(c, CRTC, 0x12, 0x8f);
    set(c, CRTC, 7, 0x12);
    set(c, CRTC, 9, 0x4f);
    set(c, CRTC, 0x18, 0xff);
    set(c, CRTC, 0x13, 40);
    set(c, CRTC, 0x17, 0xa3);
    set(c, CRTC, 0x14, 0x1f);
    set(c, CRTC, 0x0a, 14);
    set(c, CRTC, 0x0b, 15);
    set(c, CRTC, 0x0e, 0);
    set(c, CRTC, 0x0f, 80); /* the cursor: row 1, column 0 */
    set(c, SEQ, 1, 1);
    set_attr(c, 0x10, 0x08); /* blinking */
    for (unsigned line = 0; line < 16; line++)
        c->ram->host[4 * (32 + line) + 2] = 0xff;
    for (unsigned n = 0; n < 80 * 25; n++)
        c->ram->host[4 * n + 1] = 7;
}

static void put(struct card *c, unsigned row, unsigned column, uint8_t attr)
{
    c->ram->host[4 * (80 * row + column)] = 1;
    c->ram->host[4 * (80 * row + column) + 1] = attr;
}

Test(vga_show, a_cursor_that_blinks_has_its_row_drawn_alone)
{
    struct card c;
    make(&c, &vga_pci_class);
    text(&c);
    look(&c);
    cr_assert_eq(display_width(c.d), 640u);
    cr_assert_eq(display_height(c.d), 400u);
    settle(&c);
    cr_expect_neq(pixel(&c, 0, 31), 0u, "the cursor");
    put(&c, 10, 5, 7);
    put(&c, 1, 5, 7);
    look(&c);
    cr_expect_eq(pixel(&c, 40, 16), 0u, "clean");
    step(&c.m, 8 * FRAME + 1000);
    look(&c);
    cr_expect_eq(pixel(&c, 0, 31), 0u, "no cursor");
    cr_expect_neq(pixel(&c, 40, 16), 0u, "its row");
    cr_expect_eq(pixel(&c, 40, 160), 0u, "another one");
    unmake(&c);
}

Test(vga_show, a_cursor_that_blinks_is_no_reason_to_look_more_often)
{
    struct card c;
    make(&c, &vga_pci_class);
    text(&c);
    for (unsigned n = 0; n < 8; n++)
        look(&c);
    cr_assert_eq(c.d->pace.interval, PACE_IDLE_NS);
    step(&c.m, 10 * FRAME);
    int64_t before = clock_now(c.m.clocks, VCLOCK_HOST);
    look(&c);
    int64_t after = clock_now(c.m.clocks, VCLOCK_HOST);
    cr_expect_eq(pixel(&c, 0, 31), 0u, "no cursor");
    cr_expect_eq(c.d->pace.interval, PACE_IDLE_NS);
    cr_expect(c.d->pace.blink >= before + 6 * FRAME && c.d->pace.blink <= after + 7 * FRAME);
    mem_write(c.m.memory, MEMORY + 4 * 400, 1, 1);
    step(&c.m, 8 * FRAME);
    look(&c);
    cr_expect_neq(pixel(&c, 0, 31), 0u, "it is back");
    cr_expect_eq(c.d->pace.interval, PACE_QUICK_NS, "but the guest wrote as well");
    unmake(&c);
}

Test(vga_show, what_blinks_is_looked_at_until_nothing_does)
{
    struct card c;
    make(&c, &vga_pci_class);
    text(&c);
    put(&c, 10, 5, 0x87);
    look(&c);
    settle(&c);
    for (unsigned n = 0; n < 4; n++) {
        cr_expect_eq(pixel(&c, 40, 160) != 0, !(n & 1));
        step(&c.m, 16 * FRAME + 1000);
        look(&c);
    }
    /* It ceases to, and that is seen once. */
    mem_write(c.m.memory, MEMORY + 4 * 805 + 1, 1, 7);
    settle(&c);
    step(&c.m, 16 * FRAME + 1000);
    look(&c);
    put(&c, 20, 5, 7);
    step(&c.m, 16 * FRAME + 1000);
    look(&c);
    cr_expect_eq(pixel(&c, 40, 320), 0u, "a clean row that does not blink");
    mem_write(c.m.memory, MEMORY + 4 * 2000, 1, 0);
    look(&c);
    cr_expect_neq(pixel(&c, 40, 320), 0u, "a write anywhere in text may be one of a font");
    unmake(&c);
}

Test(vga_show, memory_that_was_loaded_is_shown)
{
    struct card c;
    make(&c, &vga_pci_class);
    linear(&c);
    settle(&c);
    store_le32(c.ram->host, 0x445566);
    ram_block_mark_dirty(c.ram, 0, c.ram->size); /* as loading a state does */
    look(&c);
    cr_expect_eq(pixel(&c, 0, 0), UINT32_C(0x445566));
    unmake(&c);
}
