/*
 * The guest of the VNC bench: a multiboot image on the guest tests' library. Each key that is
 * pressed shows the next scene (scenes.h); F shows frames as fast as it goes, until another key.
 */
#include "lib/guest.h"
#include "scenes.h"

enum {
    PCI_ADDRESS = 0xcf8,
    PCI_DATA = 0xcfc,
    VGA_ID = 0x11111234,
    BAR_0 = 0x10,
    DISPI_INDEX = 0x1ce,
    DISPI_DATA = 0x1d0,
    DISPI_XRES = 1,
    DISPI_YRES = 2,
    DISPI_BPP = 3,
    DISPI_ENABLE = 4,
    DISPI_ENABLED = 0x41, /* with the linear framebuffer */
    KEYBOARD_DATA = 0x60,
    KEYBOARD_STATUS = 0x64,
    KEY_F = 0x21,
    FRAMES_AHEAD = 2,
};

static uint32_t picture[SCENE_WIDTH * SCENE_HEIGHT];
static uint32_t frames[FRAMES_AHEAD][SCENE_WIDTH * SCENE_HEIGHT];

static u32 in32(u16 port)
{
    u32 v;

    asm volatile("inl %1,%0" : "=a"(v) : "Nd"(port));
    return v;
}

static void out32(u16 port, u32 v)
{
    asm volatile("outl %0,%1" ::"a"(v), "Nd"(port));
}

static u32 pci_read(unsigned slot, unsigned reg)
{
    out32(PCI_ADDRESS, 0x80000000u | slot << 11 | reg);
    return in32(PCI_DATA);
}

static uint32_t *framebuffer(void)
{
    for (unsigned slot = 0; slot < 32; slot++) {
        if (pci_read(slot, 0) == VGA_ID)
            return (uint32_t *)(ul)(pci_read(slot, BAR_0) & ~15u);
    }
    return 0;
}

static void dispi(u16 index, u16 v)
{
    outw(DISPI_INDEX, index);
    outw(DISPI_DATA, v);
}

/* The next key that goes down; 0: none waits. */
static u8 key(void)
{
    u8 v;

    if (!(inb(KEYBOARD_STATUS) & 1))
        return 0;
    v = inb(KEYBOARD_DATA);
    return v < 0x80 ? v : 0;
}

/* All at once, so that no half-drawn picture is seen. */
static void show(uint32_t *fb, const uint32_t *from)
{
    ul count = SCENE_WIDTH * SCENE_HEIGHT / 2;
    void *to = fb;

    asm volatile("rep movsq" : "+D"(to), "+S"(from), "+c"(count)::"memory");
}

void test_main(void)
{
    uint32_t *fb = framebuffer();
    unsigned scene = 0;

    if (!fb)
        bail("no VGA");
    dispi(DISPI_ENABLE, 0);
    dispi(DISPI_XRES, SCENE_WIDTH);
    dispi(DISPI_YRES, SCENE_HEIGHT);
    dispi(DISPI_BPP, 32);
    dispi(DISPI_ENABLE, DISPI_ENABLED);
    outb(KEYBOARD_STATUS, 0xae); /* keyboard on, and have it scan */
    outb(KEYBOARD_DATA, 0xf4);
    for (unsigned n = 0; n < FRAMES_AHEAD; n++)
        scene_frame(frames[n], n);
    for (unsigned i = 0; i < SCENE_WIDTH * SCENE_HEIGHT; i++)
        fb[i] = 0;
    scene_draw(picture, scene++);
    print("# ready\n");
    for (;;) {
        u8 k = key();

        if (k == KEY_F) {
            for (unsigned n = 0; !key(); n++)
                show(fb, frames[n % FRAMES_AHEAD]);
        } else if (k) {
            show(fb, picture);
            scene_draw(picture, scene++); /* in time for the next key */
        }
        asm volatile("pause");
    }
}
