/*
 * UEFI firmware of either architecture on each display that it has a driver for: the shell's text
 * is there, the same pixels on all of them. Three drivers of the firmware draw them (for the
 * standard VGA, virtio and ramfb), in modes of two sizes. Prints TAP.
 */
#define _GNU_SOURCE
#include "tests/boot/text_screen.h"

static int count, failed;

static void tap(bool ok, const char *machine, const char *what)
{
    printf("%sok %d - firmware screens, %s: %s\n", ok ? "" : "not ", ++count, machine, what);
    failed += !ok;
    fflush(stdout);
}

/* Text of 100 columns and 31 lines in the middle of the screen: five lines of it, then the one with
 * the yellow prompt, "Shell> ". */
enum {
    GLYPH_WIDTH = 8,
    GLYPH_HEIGHT = 19,
    BLOCK_WIDTH = 100 * GLYPH_WIDTH,
    BLOCK_HEIGHT = 31 * GLYPH_HEIGHT,
    LINES = 5,
    PROMPT_WIDTH = 6 * GLYPH_WIDTH,
    BLOCK_PIXELS = LINES * GLYPH_HEIGHT * BLOCK_WIDTH,
    SECONDS = 120
};

#define X86 "-M pc -bios OVMF.fd "
#define ARM "--arch aarch64 -bios QEMU_EFI.fd "

static struct screen {
    const char *options;
    unsigned like; /* the one that shows the same */
    unsigned width, height;
    struct vemu_machine *m;
    bool done;
    uint32_t block[BLOCK_PIXELS];
} screens[] = {
    {.options = X86 "-vga std", .width = 1280, .height = 800},
    {.options = X86 "-vga virtio", .width = 1280, .height = 800},
    {.options = X86 "-vga none -device ramfb", .width = 800, .height = 600},
    {.options = ARM "-vga virtio", .like = 3, .width = 1280, .height = 800},
    {.options = ARM "-vga none -device ramfb", .like = 3, .width = 800, .height = 600},
};
enum { SCREENS = sizeof screens / sizeof *screens };

static void start(struct screen *s)
{
    char line[200];

    snprintf(line, sizeof line, "-m 256M -nic none %s", s->options);
    s->m = screen_machine(line);
    if (s->m && !vemu_machine_start(s->m, NULL)) {
        vemu_machine_destroy(s->m);
        s->m = NULL;
    }
}

/* Takes the lines when the prompt is below them. */
static bool look(struct screen *s)
{
    struct vemu_picture p = {0};
    unsigned yellow = 0, others = 0;

    if (vemu_screen_picture(s->m, NULL, 0, VEMU_PICTURE_RGB, &p, NULL) && p.width == s->width &&
        p.height == s->height) {
        unsigned x0 = (p.width - BLOCK_WIDTH) / 2, y0 = (p.height - BLOCK_HEIGHT) / 2;
        for (unsigned y = 0; y < GLYPH_HEIGHT; y++)
            for (unsigned x = 0; x < PROMPT_WIDTH; x++) {
                uint32_t rgb = picture_at(&p, x0 + x, y0 + LINES * GLYPH_HEIGHT + y);
                yellow += rgb == 0xffff00;
                others += rgb != 0xffff00 && rgb != 0;
            }
        for (unsigned y = 0; y < LINES * GLYPH_HEIGHT; y++)
            for (unsigned x = 0; x < BLOCK_WIDTH; x++)
                s->block[y * BLOCK_WIDTH + x] = picture_at(&p, x0 + x, y0 + y);
    }
    vemu_picture_free(&p);
    return yellow > 100 && !others;
}

/* Dots of a line of text. */
static unsigned dots(const struct screen *s, unsigned line)
{
    const unsigned len = GLYPH_HEIGHT * BLOCK_WIDTH;
    unsigned n = 0;
    for (unsigned k = 0; k < len; k++)
        n += s->block[line * len + k] != 0;
    return n;
}

int main(void)
{
    unsigned done = 0;

    printf("1..%d\n", 2 * SCREENS);
    for (unsigned n = 0; n < SCREENS; n++)
        start(&screens[n]);
    for (unsigned tries = 0; done < SCREENS && tries < 5 * SECONDS; tries++) {
        usleep(200000);
        done = 0;
        for (unsigned n = 0; n < SCREENS; n++) {
            struct screen *s = &screens[n];
            s->done = s->done || (s->m && look(s));
            done += s->done;
        }
    }
    for (unsigned n = 0; n < SCREENS; n++) {
        struct screen *s = &screens[n];
        bool all = s->done;
        for (unsigned line = 0; line < LINES; line++)
            all = all && dots(s, line) > 50;
        tap(all, s->options, "the shell's text is on the screen");
        tap(all && !memcmp(s->block, screens[s->like].block, sizeof s->block), s->options,
            "it is the same as on the architecture's first");
        vemu_machine_destroy(s->m);
    }
    return failed != 0;
}
