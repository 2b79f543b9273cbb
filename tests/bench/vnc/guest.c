/*
 * The guest of the VNC benches: a multiboot image on the guest tests' library. A key shows the next
 * scene (scenes.h); L a letter; F frames as fast as it goes and W computes beside a moving picture,
 * both until another key. Between keys it halts.
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
    VGA_ATTRIBUTE = 0x3c0,
    VGA_STATUS = 0x3da,
    VGA_SHOW =
        0x20, /* without it the screen is blank; no BIOS ran where the image is loaded directly */
    KEYBOARD_DATA = 0x60,
    KEYBOARD_STATUS = 0x64,
    KEYBOARD_IRQ = 1,
    KEY_W = 0x11,
    KEY_F = 0x21,
    KEY_L = 0x26,
    FRAMES_AHEAD = 2,
    WORK_AHEAD = 4,
    WORK_PICTURES = 20, /* a second */
    WORK_WORDS = 1024,
};

static uint32_t picture[SCENE_WIDTH * SCENE_HEIGHT];
static uint32_t pictures[WORK_AHEAD][SCENE_WIDTH * SCENE_HEIGHT];
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

static volatile u8 pressed; /* the last key that went down, until it is taken */

static bool keyboard_irq(struct frame *f)
{
    u8 v = inb(KEYBOARD_DATA);

    (void)f;
    if (v < 0x80)
        pressed = v;
    pic_eoi(KEYBOARD_IRQ);
    return true;
}

static void keyboard_open(void)
{
    set_handler(VEC_PIC + KEYBOARD_IRQ, keyboard_irq);
    pic_init((u16) ~(1u << KEYBOARD_IRQ));
    apic_write(APIC_LVT_LINT0, 0x700); /* the PIC's interrupts come through */
    outb(KEYBOARD_STATUS, 0xae);
    outb(KEYBOARD_STATUS, 0x60); /* the command byte: interrupts, set 1 */
    outb(KEYBOARD_DATA, 0x45);
    outb(KEYBOARD_DATA, 0xf4);
    sti();
}

/* The next key that goes down; 0: none waits. */
static u8 key(void)
{
    u8 k = pressed;

    if (k)
        pressed = 0;
    return k;
}

static u8 wait_key(void)
{
    u8 k;

    for (;;) {
        cli();
        k = key();
        if (k)
            break;
        asm volatile("sti; hlt");
    }
    sti();
    return k;
}

/* All at once, so that no half-drawn picture is seen. */
static void show(uint32_t *fb, const uint32_t *from)
{
    ul count = SCENE_WIDTH * SCENE_HEIGHT / 2;
    void *to = fb;

    asm volatile("rep movsq" : "+D"(to), "+S"(from), "+c"(count)::"memory");
}

/* What typing does: a letter in a cell that was another one's or nobody's. */
static void letter(uint32_t *fb, unsigned n)
{
    uint32_t *cell = fb + n / 100 % 40 * 16 * SCENE_WIDTH + n % 100 * 8;

    for (int y = 0; y < 16; y++)
        for (int x = 0; x < 8; x++)
            cell[y * SCENE_WIDTH + x] = scene_stroke(n % 50, x, y) ? 0xffffff : 0x404040 + n % 7;
}

/* TSC ticks in a second. */
static u64 second(void)
{
    u64 start = rdtsc();

    delay_us(200000);
    return (rdtsc() - start) * 5;
}

/* Computes, shows a picture WORK_PICTURES times a second, and says each second how much was done.
 */
static void work(uint32_t *fb)
{
    static uint32_t words[WORK_WORDS];
    u64 hz = second(), told = rdtsc(), shown = told;
    u32 done = 0;

    for (unsigned n = 0; !key();) {
        for (unsigned i = 0; i < WORK_WORDS; i++)
            words[i] = scene_hash(words[(i * 7 + 1) % WORK_WORDS] + i + done);
        done++;
        if (rdtsc() - shown >= hz / WORK_PICTURES) {
            shown += hz / WORK_PICTURES;
            show(fb, pictures[n++ % WORK_AHEAD]);
        }
        if (rdtsc() - told >= hz) {
            /* By the time that it took: a second that was late is not a fast one. */
            u64 took = (rdtsc() - told) / 1000;
            print("work %u\n", (unsigned)(done * (hz / 1000) / took));
            told = rdtsc();
            done = 0;
        }
    }
}

void test_main(void)
{
    static const unsigned moving[WORK_AHEAD] = {6, 7, 0, 1}; /* windows, and text that scrolls */
    uint32_t *fb = framebuffer();
    unsigned scene = 0, letters = 0;

    if (!fb)
        bail("no VGA");
    dispi(DISPI_ENABLE, 0);
    dispi(DISPI_XRES, SCENE_WIDTH);
    dispi(DISPI_YRES, SCENE_HEIGHT);
    dispi(DISPI_BPP, 32);
    dispi(DISPI_ENABLE, DISPI_ENABLED);
    inb(VGA_STATUS); /* the attribute controller's next byte is an index */
    outb(VGA_ATTRIBUTE, VGA_SHOW);
    keyboard_open();
    for (unsigned n = 0; n < FRAMES_AHEAD; n++)
        scene_frame(frames[n], n);
    for (unsigned n = 0; n < WORK_AHEAD; n++)
        scene_draw(pictures[n], moving[n]);
    for (unsigned i = 0; i < SCENE_WIDTH * SCENE_HEIGHT; i++)
        fb[i] = 0;
    scene_draw(picture, scene++);
    print("# ready\n");
    for (;;) {
        switch (wait_key()) {
        case KEY_F:
            for (unsigned n = 0; !key(); n++)
                show(fb, frames[n % FRAMES_AHEAD]);
            break;
        case KEY_L:
            letter(fb, letters++);
            break;
        case KEY_W:
            work(fb);
            break;
        default:
            show(fb, picture);
            scene_draw(picture, scene++); /* in time for the next key */
        }
    }
}
