/* A hostile driver against a VGA, a bochs-display or ramfb, with somebody watching its screen. */
#include <stdlib.h>
#include <string.h>

#include "core/display/display.h"
#include "hw/display/bochs_display.h"
#include "hw/display/ramfb.h"
#include "hw/display/vga_pci.h"
#include "hw/firmware/fw_cfg.h"
#include "tests/fuzz/device.h"

enum { MEMORY = 0xe0000000, MMIO = 0xf0000000, WINDOW = 0xa0000 };

struct target {
    struct fuzz_machine f;
    struct device *dev; /* with the screen */
    struct mem_region window;
    struct display_watcher watcher;
};

static void ignore(struct display_watcher *w)
{
    (void)w;
}
static const struct display_watcher_ops watcher_ops = {.ready = ignore, .gone = ignore};

/* The same pixels when all lines are drawn: nothing that changed was passed over. */
static void check_pixels(struct target *t)
{
    struct display *d = t->watcher.display;
    size_t len = (size_t)display_stride(d) * display_height(d);
    void *seen = malloc(len);
    if (seen)
        memcpy(seen, display_pixels(d), len);
    machine_lock(&t->f.m);
    display_unwatch(&t->watcher);
    display_watch(d, &t->watcher);
    display_refresh(d);
    machine_unlock(&t->f.m);
    if (seen && memcmp(seen, display_pixels(d), len) != 0)
        fuzz_fail("the screen is not what the card shows");
    free(seen);
}

/* Damage lies in the surface. */
static void look(struct target *t)
{
    struct display *d = t->watcher.display;
    struct display_news news;

    pixman_region32_init(&news.damage);
    machine_lock(&t->f.m);
    display_refresh(d);
    machine_unlock(&t->f.m);
    display_lock(d);
    if (display_take(&t->watcher, &news)) {
        const pixman_box32_t *box = pixman_region32_extents(&news.damage);
        if (box->x1 < 0 || box->y1 < 0 || box->x2 > (int)display_width(d) ||
            box->y2 > (int)display_height(d))
            fuzz_fail("damage outside the surface");
    }
    display_unlock(d);
    pixman_region32_fini(&news.damage);
    check_pixels(t);
}

static void own(struct fuzz_machine *f, struct fuzz_input *in)
{
    struct target *t = (struct target *)f;
    char text[300];

    switch (fuzz_take(in, 1) % 5) {
    case 0:
        machine_lock(&f->m);
        display_text(t->watcher.display, text, fuzz_take(in, 1));
        machine_unlock(&f->m);
        break;
    case 1:
        fuzz_reload(f, t->dev, in);
        break;
    case 2:
        machine_lock(&f->m);
        machine_reset(&f->m, NULL);
        machine_unlock(&f->m);
        break;
    default:
        look(t);
        break;
    }
}

/* Set up through fw_cfg, beside a bochs-display. */
static struct device *add_ramfb(struct fuzz_machine *f)
{
    struct fw_cfg_config cfg = {.base = 0x510};
    struct device *dev = device_new(&f->m, &ramfb_class, NULL, NULL);
    if (!dev || !fw_cfg_create(&f->m, &cfg, NULL) || !device_realize(dev, NULL))
        fuzz_fail("no ramfb");
    return dev;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct fuzz_window windows[] = {
        {true, 0x3b0, 0x30},      {true, 0x1ce, 4},
        {false, WINDOW, 0x10000}, {false, WINDOW + 0x10000, 0x10000},
        {false, MEMORY, 0x10000}, {false, MMIO, 0x1000}};
    static const struct fuzz_window ramfb_windows[] = {{true, 0x510, 12},
                                                       {false, 0x40000, 0x10000}};
    enum { RAMFB = 2 }; /* 0: VGA, others: bochs-display */
    static const char *const vga[] = {"romfile", "", "vgamem_mb", "1", NULL};
    static const char *const bochs[] = {"vgamem", "1M", NULL};
    struct fuzz_input in = {data, size, 0};
    struct target t = {.watcher.ops = &watcher_ops};

    fuzz_machine_init(&t.f);
    machine_lock(&t.f.m);
    unsigned which = (unsigned)fuzz_take(&in, 1) & 3;
    if (which)
        fuzz_plug_with(&t.f, &bochs_display_class, bochs);
    else
        fuzz_plug_with(&t.f, &vga_pci_class, vga);
    /* As a board shows it: RAM would hide it. */
    mem_region_init_alias(&t.window, "window", t.f.bus->mem, WINDOW, 0x20000);
    mem_region_add(mem_space_root(t.f.m.memory), WINDOW, &t.window, 1);
    t.dev = which == RAMFB ? add_ramfb(&t.f) : &t.f.pci->dev;
    machine_reset(&t.f.m, NULL);
    pci_config_write(t.f.pci, PCI_BASE_ADDRESS_0, MEMORY, 4);
    pci_config_write(t.f.pci, PCI_BASE_ADDRESS_0 + 8, MMIO, 4);
    pci_config_write(t.f.pci, PCI_COMMAND, 3, 2);
    display_watch(display_nth(&t.f.m, which == RAMFB), &t.watcher);
    machine_unlock(&t.f.m);
    t.f.windows = which == RAMFB ? ramfb_windows : windows;
    t.f.window_count = which == RAMFB ? ARRAY_SIZE(ramfb_windows) : ARRAY_SIZE(windows);
    t.f.own = own;
    fuzz_run(&t.f, &in);
    machine_lock(&t.f.m);
    mem_region_remove(&t.window);
    machine_unlock(&t.f.m);
    machine_destroy(&t.f.m);
    return 0;
}
