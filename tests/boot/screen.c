/*
 * SeaBIOS without a serial console: what it writes on the VGA's text screen is read as text, is
 * there to be seen, pixel for pixel, in the glyphs of the installed VGA BIOS, and a machine saved
 * there and loaded into a fresh one shows the same. Prints TAP.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <vemu/vemu.h>

static int count, failed;
static char text[16384];

static bool tap(bool ok, const char *machine, const char *what)
{
    printf("%sok %d - screen, %s: %s\n", ok ? "" : "not ", ++count, machine, what);
    failed += !ok;
    fflush(stdout);
    return ok;
}

static struct vemu_machine *make(const char *name)
{
    struct vemu_config *cfg = vemu_config_new();
    struct vemu_error *err = NULL;
    struct vemu_machine *m = NULL;

    if (vemu_config_parse(cfg, "-m 64M -display none", &err) &&
        vemu_config_set(cfg, "machine", name, &err))
        m = vemu_machine_create(cfg, NULL, &err);
    if (m && !vemu_machine_realize(m, &err)) {
        vemu_machine_destroy(m);
        m = NULL;
    }
    if (!m)
        printf("# %s\n", vemu_error_message(err));
    vemu_error_free(err);
    vemu_config_free(cfg);
    return m;
}

static bool until(struct vemu_machine *m, const char *wanted, int seconds)
{
    for (int tries = 0; tries < seconds * 20; tries++) {
        vemu_screen_text(m, text, sizeof text);
        if (strstr(text, wanted))
            return true;
        usleep(50000);
    }
    printf("# no \"%s\" within %d s on the screen\n", wanted, seconds);
    return false;
}

/* ---- pixels ---------------------------------------------------------------------------------- */

enum {
    GLYPH_LINES = 16,
    FONT = 256 * GLYPH_LINES,
    COLUMNS = 80,
    DOTS = 9,
    WIDTH = 720,
    HEIGHT = 400
};
enum { GREY = 0xaa, FIRST_LINE = 1 /* before it, the firmware's version */ };

/* What SeaBIOS writes below its version, with neither floppy nor disk that boots. */
static const char *const lines[] = {
    "Booting from Floppy...",    "Boot failed: could not read the boot disk", "",
    "Booting from Hard Disk...", "Boot failed: could not read the boot disk", "",
    "No bootable device."};
enum { LINES = sizeof lines / sizeof *lines };

static bool all(const unsigned char *glyph, unsigned first, unsigned lines_, unsigned char value)
{
    for (unsigned n = first; n < first + lines_; n++) {
        if (glyph[n] != value)
            return false;
    }
    return true;
}

/* The 8x16 font in the VGA BIOS, found by characters of code page 437 that can look one way only:
 * nothing, blank, a full block, and the halves of it. */
static bool read_font(unsigned char font[FONT])
{
    static unsigned char rom[1 << 18];
    FILE *f = fopen("/usr/share/seabios/vgabios-stdvga.bin", "rb");
    size_t len = f ? fread(rom, 1, sizeof rom, f) : 0;
    if (f)
        fclose(f);
    for (size_t at = 0; at + FONT <= len; at++) {
        const unsigned char *g = rom + at;
        if (all(g, 0, GLYPH_LINES, 0) && all(g + ' ' * GLYPH_LINES, 0, GLYPH_LINES, 0) &&
            all(g + 0xff * GLYPH_LINES, 0, GLYPH_LINES, 0) &&
            all(g + 0xdb * GLYPH_LINES, 0, GLYPH_LINES, 0xff) &&
            all(g + 0xdd * GLYPH_LINES, 0, GLYPH_LINES, 0xf0) &&
            all(g + 0xde * GLYPH_LINES, 0, GLYPH_LINES, 0x0f) &&
            all(g + 0xdf * GLYPH_LINES, 0, 7, 0xff)) {
            memcpy(font, g, FONT);
            return true;
        }
    }
    return false;
}

static unsigned wrong_pixels(const struct vemu_picture *p, const unsigned char font[FONT])
{
    const unsigned char *rgb = p->data;
    unsigned wrong = 0;
    for (unsigned y = FIRST_LINE * GLYPH_LINES; y < HEIGHT; y++) {
        unsigned row = y / GLYPH_LINES - FIRST_LINE;
        if (row == LINES)
            continue; /* the cursor is there, or not */
        const char *line = row < LINES ? lines[row] : "";
        for (unsigned x = 0; x < WIDTH; x++) {
            unsigned column = x / DOTS, dot = x % DOTS;
            unsigned char c = column < strlen(line) ? (unsigned char)line[column] : ' ';
            bool on = dot < 8 && font[c * GLYPH_LINES + y % GLYPH_LINES] >> (7 - dot) & 1;
            for (unsigned i = 0; i < 3; i++)
                wrong += rgb[(y * WIDTH + x) * 3 + i] != (on ? GREY : 0);
        }
    }
    return wrong;
}

static bool pixels_are_right(struct vemu_machine *m)
{
    static unsigned char font[FONT];
    struct vemu_picture p = {0};
    struct vemu_error *err = NULL;
    bool ok = read_font(font) && vemu_screen_picture(m, NULL, 0, VEMU_PICTURE_RGB, &p, &err);
    unsigned wrong = 1;

    if (!ok)
        printf("# %s\n", err ? vemu_error_message(err) : "no font in the VGA BIOS");
    else if (p.width != WIDTH || p.height != HEIGHT)
        printf("# the picture has %ux%u pixels\n", p.width, p.height);
    else if ((wrong = wrong_pixels(&p, font)))
        printf("# %u bytes are wrong\n", wrong);
    vemu_error_free(err);
    vemu_picture_free(&p);
    return ok && !wrong;
}

static void try(const char *name)
{
    static char before[sizeof text];
    struct vemu_machine *m = make(name), *fresh = make(name);
    struct vemu_error *err = NULL;
    int fd = memfd_create("state", 0);
    bool ok = m && fresh && vemu_machine_start(m, NULL);

    tap(ok && until(m, "No bootable device", 60), name, "SeaBIOS' last line is there");
    tap(strstr(text, "SeaBIOS (version") == text, name, "and its first one");
    tap(ok && pixels_are_right(m), name, "each pixel of them is right");
    strcpy(before, text);
    ok = ok && vemu_machine_pause(m, NULL) && vemu_machine_save(m, fd, &err) &&
         lseek(fd, 0, SEEK_SET) == 0 && vemu_machine_load(fresh, fd, &err);
    if (err)
        printf("# %s\n", vemu_error_message(err));
    vemu_error_free(err);
    if (ok)
        vemu_screen_text(fresh, text, sizeof text);
    tap(ok && strcmp(text, before) == 0, name, "a machine loaded from its state shows the same");
    vemu_machine_destroy(m);
    vemu_machine_destroy(fresh);
    close(fd);
}

int main(void)
{
    printf("1..8\n");
    try("pc");
    try("q35");
    return failed != 0;
}
