/* VGA: register access rules, the ways of a byte to and from the planes, the display interface,
 * text, and the PCI function around it. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "core/util/endian.h"
#include "hw/display/vga_pci.h"
#include "hw/pci/host_x86.h"
#include "hw/pci/pci.h"
#include "tests/device/board_machine.h"
#include "tests/device/device_test.h"

enum { SIZE = 1 << 20 };

struct fixture {
    struct vga v;
    uint8_t memory[SIZE];
    int64_t now;
    uint32_t written;
};

static int64_t now(void *opaque)
{
    return ((struct fixture *)opaque)->now;
}
static void written(void *opaque, uint32_t offset, uint32_t len)
{
    struct fixture *f = opaque;
    cr_assert(offset <= SIZE && len <= SIZE - offset);
    f->written += len;
}

static struct fixture *make(void)
{
    struct fixture *f = calloc(1, sizeof *f);
    f->v.memory = f->memory;
    f->v.memory_size = SIZE;
    f->v.now = now;
    f->v.written = written;
    f->v.opaque = f;
    vga_reset(&f->v);
    vga_port_write(&f->v, 0x12, 1); /* colour */
    return f;
}

static void set(struct fixture *f, unsigned port, unsigned index, uint8_t value)
{
    vga_port_write(&f->v, port, (uint8_t)index);
    vga_port_write(&f->v, port + 1, value);
}
static uint8_t get(struct fixture *f, unsigned port, unsigned index)
{
    vga_port_write(&f->v, port, (uint8_t)index);
    return vga_port_read(&f->v, port + 1);
}
enum { SEQ = 0x14, GFX = 0x1e, CRTC = 0x24 };

/* ---- registers ------------------------------------------------------------------------------- */

Test(vga, indexed_registers_keep_their_bits)
{
    struct fixture *f = make();
    static const uint8_t seq[] = {0x03, 0x3d, 0x0f, 0x3f, 0x0e};
    static const uint8_t gfx[] = {0x0f, 0x0f, 0x0f, 0x1f, 0x03, 0x7b, 0x0f, 0x0f, 0xff};
    for (unsigned n = 0; n < 5; n++) {
        set(f, SEQ, n, 0xff);
        cr_expect_eq(get(f, SEQ, n), seq[n], "SR%u", n);
    }
    for (unsigned n = 0; n < 9; n++) {
        set(f, GFX, n, 0xff);
        cr_expect_eq(get(f, GFX, n), gfx[n], "GR%u", n);
    }
    for (unsigned n = 0; n < 25; n++) {
        set(f, CRTC, n, (uint8_t)(n == 0x11 ? 0x0c : n * 3 + 1));
        cr_expect_eq(get(f, CRTC, n), n == 0x11 ? 0x0c : (uint8_t)(n * 3 + 1), "CR%x", n);
    }
    set(f, CRTC, 0x40, 0xff);
    cr_expect_eq(get(f, CRTC, 0x40), 0, "there is no such register");
    free(f);
}

Test(vga, crtc_0_to_7_are_protected_but_for_line_compare)
{
    struct fixture *f = make();
    set(f, CRTC, 0, 0x5f);
    set(f, CRTC, 7, 0x0f);
    set(f, CRTC, 0x11, 0x80);
    set(f, CRTC, 0, 0);
    set(f, CRTC, 7, 0xf0);
    set(f, CRTC, 8, 0x12);
    cr_expect_eq(get(f, CRTC, 0), 0x5f);
    cr_expect_eq(get(f, CRTC, 7), 0x1f);
    cr_expect_eq(get(f, CRTC, 8), 0x12);
    free(f);
}

Test(vga, crtc_is_at_3b4_or_3d4_as_misc_says)
{
    struct fixture *f = make();
    set(f, CRTC, 0x0c, 0x12);
    cr_expect_eq(vga_port_read(&f->v, 5), 0xff);
    vga_port_write(&f->v, 0x12, 0);
    cr_expect_eq(vga_port_read(&f->v, 0x25), 0xff);
    cr_expect_eq(get(f, 4, 0x0c), 0x12);
    cr_expect_eq(vga_port_read(&f->v, 0x1c), 0);
    free(f);
}

Test(vga, attribute_controller_takes_index_and_data_in_turn)
{
    struct fixture *f = make();
    vga_port_read(&f->v, 0x2a); /* index is next */
    vga_port_write(&f->v, 0x10, 5);
    vga_port_write(&f->v, 0x10, 0x3b);
    vga_port_write(&f->v, 0x10, 0x11);
    vga_port_write(&f->v, 0x10, 0xa5);
    vga_port_write(&f->v, 0x10, 5);
    cr_expect_eq(vga_port_read(&f->v, 0x11), 0x3b);
    vga_port_read(&f->v, 0x2a);
    vga_port_write(&f->v, 0x10, 0x25); /* the palette is in use: read-only */
    vga_port_write(&f->v, 0x10, 0);
    cr_expect_eq(vga_port_read(&f->v, 0x11), 0x3b);
    cr_expect_eq(f->v.attr[0x11], 0xa5);
    free(f);
}

Test(vga, dac_counts_components_and_entries)
{
    struct fixture *f = make();
    vga_port_write(&f->v, 0x18, 0xfe);
    for (unsigned n = 0; n < 9; n++)
        vga_port_write(&f->v, 0x19, (uint8_t)(0xc0 + n));
    cr_expect_eq(vga_port_read(&f->v, 0x17), 0, "writing");
    vga_port_write(&f->v, 0x17, 0xfe);
    cr_expect_eq(vga_port_read(&f->v, 0x17), 3, "reading");
    for (unsigned n = 0; n < 6; n++)
        cr_expect_eq(vga_port_read(&f->v, 0x19), n, "six bits");
    cr_expect_eq(vga_port_read(&f->v, 0x19), 6, "entry 0 follows 255");
    free(f);
}

Test(vga, status_1_shows_retrace_and_blanking_in_time)
{
    struct fixture *f = make();
    unsigned retrace = 0, blank = 0, frames = 0;
    uint8_t last = 0;
    for (f->now = 0; f->now < INT64_C(1000000000); f->now += 10000) {
        uint8_t s = vga_port_read(&f->v, 0x2a);
        retrace += s >> 3 & 1;
        blank += s & 1;
        frames += (s & 8) && !(last & 8);
        last = s;
    }
    cr_expect(frames >= 59 && frames <= 60, "%u", frames);
    cr_expect(retrace > 0 && retrace < blank && blank < 50000);
    free(f);
}

/* ---- the window ------------------------------------------------------------------------------ */

static uint32_t dword(struct fixture *f, uint32_t n)
{
    return load_le32(f->memory + 4 * n);
}

/* 64 KiB at A0000H, planar. */
static struct fixture *planar(void)
{
    struct fixture *f = make();
    set(f, GFX, 6, 0x05);
    set(f, GFX, 8, 0xff);
    set(f, SEQ, 4, 0x06);
    set(f, SEQ, 2, 0x0f);
    return f;
}

Test(vga, write_mode_0_rotates_sets_and_masks)
{
    struct fixture *f = planar();
    vga_window_write(&f->v, 7, 0x81);
    cr_expect_eq(dword(f, 7), 0x81818181);
    set(f, SEQ, 2, 0x05); /* planes 0 and 2 */
    vga_window_write(&f->v, 7, 0x22);
    cr_expect_eq(dword(f, 7), 0x81228122);
    set(f, SEQ, 2, 0x0f);
    set(f, GFX, 3, 1); /* rotate */
    vga_window_write(&f->v, 8, 0x81);
    cr_expect_eq(dword(f, 8), 0xc0c0c0c0);
    set(f, GFX, 3, 0);
    set(f, GFX, 0, 0x0a);
    set(f, GFX, 1, 0x06); /* planes 1 and 2 by set/reset */
    vga_window_write(&f->v, 9, 0x55);
    cr_expect_eq(dword(f, 9), 0x5500ff55);
    set(f, GFX, 1, 0);
    vga_window_read(&f->v, 7); /* loads the latches */
    set(f, GFX, 8, 0xf0);
    vga_window_write(&f->v, 7, 0xff);
    cr_expect_eq(dword(f, 7), 0xf1f2f1f2, "bits outside the mask are the latches'");
    cr_expect(f->written > 0);
    free(f);
}

Test(vga, functions_combine_with_the_latches)
{
    static const uint32_t want[] = {0x3c3c3c3c, 0x30303030, 0xfcfcfcfc, 0xcccccccc};
    for (unsigned n = 0; n < 4; n++) {
        struct fixture *f = planar();
        vga_window_write(&f->v, 3, 0xf0);
        vga_window_read(&f->v, 3);
        set(f, GFX, 3, (uint8_t)(n << 3));
        vga_window_write(&f->v, 3, 0x3c);
        cr_expect_eq(dword(f, 3), want[n], "function %u", n);
        free(f);
    }
}

Test(vga, write_modes_1_2_and_3)
{
    struct fixture *f = planar();
    store_le32(f->memory + 40, 0x11223344);
    vga_window_read(&f->v, 10);
    set(f, GFX, 5, 1);
    vga_window_write(&f->v, 11, 0);
    cr_expect_eq(dword(f, 11), 0x11223344, "mode 1 copies the latches");
    set(f, GFX, 5, 2);
    vga_window_write(&f->v, 12, 0x09);
    cr_expect_eq(dword(f, 12), 0xff0000ff, "mode 2 fills planes by the bits");
    set(f, GFX, 5, 3);
    set(f, GFX, 0, 0x03);
    vga_window_read(&f->v, 10);
    vga_window_write(&f->v, 13, 0x0f);
    cr_expect_eq(dword(f, 13), 0x10203f4f, "mode 3 takes the data as a mask");
    free(f);
}

Test(vga, read_modes_pick_a_plane_or_compare)
{
    struct fixture *f = planar();
    store_le32(f->memory + 20, 0x0ff00faa);
    for (unsigned p = 0; p < 4; p++) {
        set(f, GFX, 4, (uint8_t)p);
        cr_expect_eq(vga_window_read(&f->v, 5), 0x0ff00faa >> 8 * p & 0xff);
    }
    set(f, GFX, 5, 8);
    set(f, GFX, 2, 0x0a); /* colour: planes 1 and 3 */
    set(f, GFX, 7, 0x0a); /* care for these */
    cr_expect_eq(vga_window_read(&f->v, 5), 0x0f);
    set(f, GFX, 7, 0x00);
    cr_expect_eq(vga_window_read(&f->v, 5), 0xff);
    free(f);
}

Test(vga, text_memory_is_characters_and_attributes_in_turn)
{
    struct fixture *f = make();
    set(f, GFX, 6, 0x0e); /* B8000H, odd/even */
    set(f, GFX, 5, 0x10);
    set(f, SEQ, 2, 0x03);
    vga_window_write(&f->v, 0x18000, 'A');
    vga_window_write(&f->v, 0x18001, 0x07);
    vga_window_write(&f->v, 0x18002, 'B');
    cr_expect_eq(dword(f, 0) & 0xffff, 0x0741);
    cr_expect_eq(dword(f, 1) & 0xff, 'B');
    cr_expect_eq(vga_window_read(&f->v, 0x18001), 0x07);
    cr_expect_eq(vga_window_read(&f->v, 0), 0xff, "outside");
    vga_window_write(&f->v, 0x10000, 1);
    set(f, GFX, 6, 0x0a); /* B0000H */
    cr_expect_eq(vga_window_read(&f->v, 0x10000), 'A');
    cr_expect_eq(vga_window_read(&f->v, 0x18000), 0xff);
    set(f, GFX, 6, 0x02); /* 128 KiB */
    cr_expect_eq(vga_window_read(&f->v, 0), 'A');
    free(f);
}

Test(vga, chain_4_is_linear)
{
    struct fixture *f = planar();
    set(f, SEQ, 4, 0x0e);
    for (unsigned n = 0; n < 8; n++)
        vga_window_write(&f->v, n, (uint8_t)n);
    cr_expect_eq(dword(f, 1), 0x07060504);
    set(f, SEQ, 2, 0x02);
    vga_window_write(&f->v, 4, 0xff);
    vga_window_write(&f->v, 5, 0xff);
    cr_expect_eq(dword(f, 1), 0x0706ff04, "the map mask holds here, too");
    cr_expect_eq(vga_window_read(&f->v, 6), 6);
    free(f);
}

/* ---- display interface ----------------------------------------------------------------------- */

Test(vga, vbe_modes_are_set_while_off_and_fit_memory)
{
    struct fixture *f = make();
    cr_expect_eq(vbe_read(&f->v, 0), 0xb0c5);
    vbe_write(&f->v, 0, 0xb0c2);
    cr_expect_eq(vbe_read(&f->v, 0), 0xb0c2);
    vbe_write(&f->v, 0, 0x1234);
    cr_expect_eq(vbe_read(&f->v, 0), 0xb0c2);
    cr_expect_eq(vbe_read(&f->v, 10), SIZE >> 16);
    vbe_write(&f->v, 4, 2);
    cr_expect_eq(vbe_read(&f->v, 1), 8192, "GETCAPS");
    vbe_write(&f->v, 4, 0);
    f->memory[0] = 1;
    vbe_write(&f->v, 1, 640);
    vbe_write(&f->v, 2, 400);
    vbe_write(&f->v, 3, 16);
    vbe_write(&f->v, 4, 0x41);
    cr_expect_eq(f->memory[0], 0, "cleared");
    cr_expect_eq(vbe_read(&f->v, 4), 0x41);
    cr_expect_eq(vbe_read(&f->v, 6), 640);
    cr_expect_eq(vbe_read(&f->v, 7), SIZE / 1280);
    vbe_write(&f->v, 1, 800);
    cr_expect_eq(vbe_read(&f->v, 1), 640, "not while it is on");
    vbe_write(&f->v, 6, 1024);
    cr_expect_eq(vbe_read(&f->v, 7), SIZE / 2048);
    vbe_write(&f->v, 9, 0xffff);
    cr_expect_eq(vbe_read(&f->v, 9), SIZE / 2048 - 400);
    vbe_write(&f->v, 5, 3);
    vga_window_write(&f->v, 0x10, 0x77);
    cr_expect_eq(f->memory[0x30010], 0x77, "the window is a bank");
    vbe_write(&f->v, 5, SIZE >> 16);
    cr_expect_eq(vbe_read(&f->v, 5), 3);
    vbe_write(&f->v, 4, 0);
    vbe_write(&f->v, 1, 8200);
    vbe_write(&f->v, 2, 8193);
    cr_expect_eq(vbe_read(&f->v, 1), 640, "more than a display has");
    cr_expect_eq(vbe_read(&f->v, 2), 400);
    vbe_write(&f->v, 1, 8192);
    vbe_write(&f->v, 2, 8192);
    vbe_write(&f->v, 3, 32);
    vbe_write(&f->v, 4, 1);
    cr_expect_eq(vbe_read(&f->v, 4) & 1, 0, "more than there is memory for");
    free(f);
}

/* ---- text ------------------------------------------------------------------------------------ */

static void text_mode(struct fixture *f)
{
    set(f, CRTC, 1, 79);
    set(f, CRTC, 7, 0x1f);
    set(f, CRTC, 9, 0x4f);
    set(f, CRTC, 0x12, 0x8f);
    set(f, CRTC, 0x13, 40);
    set(f, SEQ, 1, 0);
}

static void put_text(struct fixture *f, unsigned cell, const char *text)
{
    for (; *text; text++, cell++)
        f->memory[4 * cell] = (uint8_t)*text;
}

Test(vga, text_is_read_from_the_start_address_in_lines)
{
    struct fixture *f = make();
    char buf[4096], small[8];
    cr_expect_eq(vga_text(&f->v, buf, sizeof buf), 0, "nothing is set up");
    text_mode(f);
    put_text(f, 0, "first ");
    put_text(f, 80 + 78, "xy");
    put_text(f, 160, "\xc9\xcd");
    size_t len = vga_text(&f->v, buf, sizeof buf);
    cr_expect(!strncmp(buf, "first\n", 6));
    cr_expect(strstr(buf, "xy\n\xe2\x95\x94\xe2\x95\x90\n"));
    unsigned lines = 0;
    for (const char *p = buf; (p = strchr(p, '\n')); p++)
        lines++;
    cr_expect_eq(lines, 25);
    cr_expect_eq(strlen(buf), len);
    cr_expect_eq(vga_text(&f->v, small, sizeof small), len);
    cr_expect_eq(strlen(small), 7);
    set(f, CRTC, 0x0d, 80);
    vga_text(&f->v, buf, sizeof buf);
    cr_expect_eq(buf[0], ' ', "scrolled");
    set(f, GFX, 6, 1);
    cr_expect_eq(vga_text(&f->v, buf, sizeof buf), 0, "graphics");
    free(f);
}

Test(vga, any_register_contents_stay_in_memory)
{
    struct fixture *f = make();
    char buf[256];
    uint32_t seed = 1;
    for (unsigned n = 0; n < 300000; n++) {
        seed = seed * 1664525 + 1013904223;
        uint8_t value = (uint8_t)(seed >> 24);
        switch (seed >> 8 & 7) {
        case 0:
            vbe_write(&f->v, seed >> 16 & 15, (uint16_t)(seed >> 12));
            break;
        case 1:
            vga_window_write(&f->v, seed >> 13 & 0x1ffff, value);
            break;
        case 2:
            vga_window_read(&f->v, seed >> 13 & 0x1ffff);
            break;
        case 3:
            vga_port_read(&f->v, seed >> 16 & 0x2f);
            break;
        case 4:
            vga_text(&f->v, buf, n % sizeof buf);
            break;
        default:
            vga_port_write(&f->v, seed >> 16 & 0x2f, value);
        }
    }
    free(f);
}

/* ---- the function ---------------------------------------------------------------------------- */

struct function {
    struct vemu_machine m;
    struct device *dev;
    struct pci_device *pci;
};

static void make_function(struct function *p)
{
    struct vemu_error *err = NULL;
    test_machine_init(&p->m);
    static char dir[] = "/tmp";
    p->m.firmware_dirs = calloc(2, sizeof *p->m.firmware_dirs);
    p->m.firmware_dirs[0] = strdup(dir);
    struct pci_host_config cfg = {0};
    struct device *host = made(pci_host_create(&p->m, &cfg, &err), err);
    p->dev = device_new(&p->m, &vga_pci_class, NULL, &err);
    uint8_t rom[3000] = {0x55, 0xaa, 6};
    char *path = temp_file(rom, sizeof rom);
    cr_assert(device_set_prop(p->dev, "romfile", path, &err));
    cr_assert(device_set_prop(p->dev, "vgamem_mb", "1", &err));
    p->pci = (struct pci_device *)p->dev;
    p->pci->bus = pci_host_bus(host);
    p->pci->devfn = PCI_DEVFN(2, 0);
    cr_assert(device_realize(p->dev, &err), "%s", err ? vemu_error_message(err) : "");
    unlink(path);
    free(path);
    machine_lock(&p->m);
    machine_reset(&p->m, NULL);
    pci_config_write(p->pci, PCI_BASE_ADDRESS_0, 0xfd000000, 4);
    pci_config_write(p->pci, PCI_BASE_ADDRESS_0 + 8, 0xfebf0000, 4);
    pci_config_write(p->pci, PCI_ROM_ADDRESS, 0xfebe0001, 4);
    pci_config_write(p->pci, PCI_COMMAND, 3, 2);
    machine_unlock(&p->m);
}

Test(vga, function_shows_memory_registers_and_rom)
{
    struct function p;
    make_function(&p);
    cr_expect_eq(read32(&p.m, 0xfebe0000), 0x6aa55);
    cr_expect_eq(read32(&p.m, 0xfebe0000 + 3000), UINT32_MAX, "padded to a power of two");
    write32(&p.m, 0xfd000010, 0x12345678);
    out8(&p.m, 0x3c2, 1);
    out16(&p.m, 0x3ce, 0x0506);
    out16(&p.m, 0x3c4, 0x0e04);
    out16(&p.m, 0x3c4, 0x0f02);
    cr_expect_eq(read32(&p.m, 0xa0010), 0x12345678, "the window shows the same memory");
    write32(&p.m, 0xa0014, 0xaabbccdd);
    cr_expect_eq(read32(&p.m, 0xfd000014), 0xaabbccdd);
    out16(&p.m, 0x1ce, 0);
    cr_expect_eq(in16(&p.m, 0x1cf), 0xb0c5);
    out16(&p.m, 0x1ce, 1);
    out16(&p.m, 0x1cf, 320);
    cr_expect_eq(in16(&p.m, 0x1d0), 320);
    cr_expect_eq(read32(&p.m, 0xfebf0500) & 0xffff, 0xb0c5);
    cr_expect_eq(read32(&p.m, 0xfebf0500) >> 16, 320);
    cr_expect_eq(read32(&p.m, 0xfebf040c) & 0xff, 1, "3CCH");
    machine_destroy(&p.m);
}

static void poke(struct vemu_machine *m)
{
    for (uint16_t port = 0x3b0; port < 0x3e0; port++) {
        in8(m, port);
        out8(m, port, (uint8_t)port);
    }
    write32(m, 0xa0000, read32(m, 0xbfffc));
    out16(m, 0x1cf, in16(m, 0x1cf));
}

Test(vga, function_survives_save_and_load)
{
    struct function a, b;
    make_function(&a);
    make_function(&b);
    out8(&a.m, 0x3c2, 0x67);
    out16(&a.m, 0x3d4, 0x1234 & 0xff0c);
    out8(&a.m, 0x3c8, 1);
    out8(&a.m, 0x3c9, 5);
    out16(&a.m, 0x1ce, 3);
    out16(&a.m, 0x1cf, 24);
    assert_round_trip(a.dev, b.dev);
    cr_expect_eq(in8(&b.m, 0x3cc), 0x67);
    cr_expect_eq(in16(&b.m, 0x1cf), 24);
    fuzz_state(a.dev, b.dev, 200, poke);
    machine_destroy(&a.m);
    machine_destroy(&b.m);
}

Test(vga, a_rom_that_is_missing_is_said_with_its_package)
{
    struct vemu_machine m;
    struct vemu_error *err = NULL;
    test_machine_init(&m);
    struct pci_host_config cfg = {0};
    struct device *host = made(pci_host_create(&m, &cfg, &err), err);
    struct device *dev = device_new(&m, &vga_pci_class, NULL, &err);
    cr_assert(device_set_prop(dev, "romfile", "vgabios-not.bin", &err));
    ((struct pci_device *)dev)->bus = pci_host_bus(host);
    ((struct pci_device *)dev)->devfn = PCI_DEVFN_ANY;
    cr_expect_not(device_realize(dev, &err));
    cr_expect(strstr(vemu_error_message(err), "in the package seabios"));
    vemu_error_free(err);
    device_free(dev);
    machine_destroy(&m);
}
