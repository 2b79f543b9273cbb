/*
 * Text of the VGA without an operating system: what SeaBIOS, GRUB and memtest86+ write is there to
 * be read as text and to be seen, pixel for pixel, in the glyphs of the installed VGA BIOS; GRUB's
 * menu also in graphics, in the glyphs of its own font; and a machine saved there and loaded into a
 * fresh one shows the same. Prints TAP.
 */
#define _GNU_SOURCE
#include <linux/input-event-codes.h>
#include <stdarg.h>
#include <sys/mman.h>
#include "tests/boot/text_screen.h"

enum { COLUMNS = 80, ROWS = 25, DOTS = 9, SECONDS = 60 };
enum { BLACK = 0, BLUE = 0x0000aa, RED = 0xaa0000, GREY = 0xaaaaaa, GRUB_GREY = 0xa8a8a8 };

static int count, failed;
static struct font vga;
static struct page page;
static char screens[4096]; /* the directory of what fetch-screens.sh gets */

static bool tap(bool ok, const char *machine, const char *what)
{
    printf("%sok %d - screen, %s: %s\n", ok ? "" : "not ", ++count, machine, what);
    failed += !ok;
    fflush(stdout);
    return ok;
}

static void skip(const char *what, const char *why)
{
    printf("ok %d - screen: %s # SKIP %s\n", ++count, what, why);
}

static FILE *screens_open(const char *name)
{
    char path[sizeof screens + 32];

    snprintf(path, sizeof path, "%s/%s", screens, name);
    return fopen(path, "rb");
}

static bool screens_have(const char *name)
{
    FILE *f = screens_open(name);

    if (f)
        fclose(f);
    return f != NULL;
}

static struct vemu_machine *started(const char *format, ...)
{
    char options[2 * sizeof screens];
    va_list ap;

    va_start(ap, format);
    vsnprintf(options, sizeof options, format, ap);
    va_end(ap);
    struct vemu_machine *m = screen_machine(options);
    if (m && !vemu_machine_start(m, NULL)) {
        vemu_machine_destroy(m);
        m = NULL;
    }
    return m;
}

/* ---- SeaBIOS --------------------------------------------------------------------------------- */

static const char printable[] =
    " !\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`"
    "abcdefghijklmnopqrstuvwxyz{|}~";

/* What SeaBIOS writes with neither floppy nor disk that boots. */
static void seabios_page(const struct font *font, unsigned columns, unsigned rows)
{
    static const char *const lines[] = {"SeaBIOS (version ",
                                        "Booting from Floppy...",
                                        "Boot failed: could not read the boot disk",
                                        "",
                                        "Booting from Hard Disk...",
                                        "Boot failed: could not read the boot disk",
                                        "",
                                        "No bootable device."};
    enum { LINES = sizeof lines / sizeof *lines };

    page_init(&page, font, columns, rows, GREY, BLACK);
    for (unsigned row = 0; row < LINES; row++)
        page_put(&page, row, 0, lines[row]);
    page_any(&page, 0, (unsigned)strlen(lines[0]), 40, printable);
    page_any(&page, LINES, 0, 1, ""); /* the cursor is there, or not */
}

static void seabios(const char *name)
{
    static char before[sizeof screen_text];
    struct vemu_machine *m = started("-M %s", name);
    char options[64];
    snprintf(options, sizeof options, "-M %s", name);
    struct vemu_machine *fresh = screen_machine(options);
    struct vemu_error *err = NULL;
    int fd = memfd_create("state", 0);

    bool ok =
        tap(screen_until(m, "No bootable device", SECONDS), name, "SeaBIOS' last line is there");
    tap(strstr(screen_text, "SeaBIOS (version") == screen_text, name, "and its first one");
    seabios_page(&vga, COLUMNS, ROWS);
    tap(ok && page_shown(m, &page, 1), name, "each pixel of them is right");
    strcpy(before, screen_text);
    ok = ok && fresh && vemu_machine_pause(m, NULL) && vemu_machine_save(m, fd, &err) &&
         lseek(fd, 0, SEEK_SET) == 0 && vemu_machine_load(fresh, fd, &err);
    if (err)
        printf("# %s\n", vemu_error_message(err));
    vemu_error_free(err);
    if (ok)
        vemu_screen_text(fresh, screen_text, sizeof screen_text);
    tap(ok && strcmp(screen_text, before) == 0, name,
        "a machine loaded from its state shows the same");
    tap(ok && page_shown(fresh, &page, 1), name, "to the pixel");
    vemu_machine_destroy(m);
    vemu_machine_destroy(fresh);
    close(fd);
}

/* In RAM, by a VGA BIOS that draws characters there. */
static void seabios_ramfb(void)
{
    FILE *f = fopen("/usr/share/seabios/vgabios-ramfb.bin", "rb");
    struct font font = {0};

    if (!f || !font_find_vga(&font, f, 8)) {
        skip("SeaBIOS on ramfb", "no VGA BIOS for it (package seabios)");
    } else {
        struct vemu_machine *m = started("-M pc -vga none -device ramfb");
        seabios_page(&font, 1024 / 8, 768 / 16);
        tap(m && page_shown(m, &page, SECONDS), "ramfb", "each pixel of SeaBIOS' lines is right");
        vemu_machine_destroy(m);
    }
    font_free(&font);
    if (f)
        fclose(f);
}

/* ---- GRUB ------------------------------------------------------------------------------------ */

/* The menu of the rescue disc; that entry is chosen, and nothing counts down. */
static void grub_menu(unsigned chosen)
{
    static const char *const entries[] = {"GNU/Linux",
                                          "GNU (aka GNU/Hurd)",
                                          "FreeBSD (or GNU/kFreeBSD), direct boot",
                                          "FreeBSD (or GNU/kFreeBSD), via /boot/loader",
                                          "NetBSD",
                                          "OpenBSD",
                                          "Microsoft Windows",
                                          "Memtest86+",
                                          "Change the colors"};
    enum { ENTRIES = sizeof entries / sizeof *entries };
    static const char *const drawn[][6] = {{"┌", "─", "┐", "│", "└", "┘"},
                                           {"┏", "━", "┓", "┃", "┗", "┛"}};
    bool graphics = page.font != &vga;
    const char *const *box = drawn[graphics];
    unsigned right = page.columns - 2, bottom = page.rows - 8;
    char line[100], version[60] = "";
    FILE *f = screens_open("version");

    if (!f || fscanf(f, "grub-rescue-pc %59s", version) != 1)
        printf("# no version of grub-rescue-pc\n");
    if (f)
        fclose(f);
    snprintf(line, sizeof line, "GNU GRUB  version %s", version);
    page_put(&page, 1, (page.columns - (unsigned)strlen(line) + graphics) / 2, line);
    for (unsigned column = 1; column <= right; column++) {
        unsigned part = column == 1 ? 0 : column < right ? 1 : 2;
        page_put(&page, 3, column, box[part]);
        page_put(&page, bottom, column, box[part == 1 ? 1 : 4 + part / 2]);
    }
    for (unsigned row = 4; row < bottom; row++) {
        page_put(&page, row, 1, box[3]);
        page_put(&page, row, right, box[3]);
        if (row < 4 + ENTRIES)
            page_put(&page, row, 3, entries[row - 4]);
    }
    page_put(&page, 4 + chosen, 2, "*");
    page_colours(&page, 4 + chosen, 2, right - 2, page.bg, page.fg);
    page_put(&page, bottom + 2, 6, "Use the ↑ and ↓ keys to select which entry is highlighted.");
    page_put(&page, bottom + 3, 6, "Press enter to boot the selected OS, `e' to edit the commands");
    page_put(&page, bottom + 4, 6, "before booting or `c' for a command-line.");
}

static void grub(const char *name)
{
    static const uint16_t down[] = {KEY_DOWN}, escape[] = {KEY_ESC};
    struct vemu_machine *m = started("-M %s -cdrom %s/grub.iso", name, screens);
    FILE *f = screens_open("grub.iso");
    struct font unicode;

    bool ok =
        screen_until(m, "Use the ↑ and ↓ keys", SECONDS) && vemu_input_press(m, down, 1, 50, NULL);
    page_init(&page, &vga, COLUMNS, ROWS, GREY, BLACK);
    grub_menu(1);
    tap(ok && page_shown(m, &page, SECONDS), name, "GRUB's menu, each pixel of it");

    ok = ok && vemu_input_type(m, "c", NULL) && screen_until(m, "grub>", SECONDS) &&
         vemu_input_type(
             m, "insmod vbe; loadfont unicode; set gfxmode=640x480; terminal_output gfxterm\n",
             NULL) &&
         vemu_input_press(m, escape, 1, 50, NULL);
    if (tap(font_find_pff2(&unicode, f, 8), name, "GRUB's font is on its disc")) {
        page_init(&page, &unicode, 77, 28, GRUB_GREY, BLACK);
        page.width = 640;
        page.height = 480;
        page.x = 10;
        page.y = 10;
        grub_menu(1);
        tap(ok && page_shown(m, &page, SECONDS), name, "its menu in graphics, each pixel of it");
        font_free(&unicode);
    }
    fclose(f);
    vemu_machine_destroy(m);
}

/* ---- memtest86+ ------------------------------------------------------------------------------ */

/* What is found and how far it is changes; where it is said does not. */
static void memtest_page(void)
{
    static const char digits[] = " 0123456789.KMGTBHz", bar[] = " #";

    page_init(&page, &vga, COLUMNS, ROWS, GREY, BLUE);
    page_put(&page, 0, 0, "      Memtest86+ v6.10      │ vemu qemu64 virtual CPU");
    page_colours(&page, 0, 0, 28, BLACK, GREY);
    page_colours(&page, 0, 15, 1, RED, GREY);
    static const char *const rows[] = {
        "CLK/Temp:                   │ Pass   % ", "L1 Cache:                   │ Test   % ",
        "L2 Cache:                   │ Test #   ",
        "L3 Cache:                   │ Testing: ", "Memory  :                   │ Pattern: "};
    for (unsigned i = 0; i < 5; i++) {
        page_put(&page, 1 + i, 0, rows[i]);
        page_any(&page, 1 + i, 9, 18, digits);
        if (i < 2) {
            page_any(&page, 1 + i, 34, 3, digits);
            page_any(&page, 1 + i, 39, 41, bar);
        } else {
            page_any(&page, 1 + i, i == 2 ? 36 : 39, 44, printable);
        }
    }
    for (unsigned column = 0; column < COLUMNS; column++) {
        page_put(&page, 6, column, column == 28 ? "┴" : column == 42 ? "┬" : "─");
        page_put(&page, 9, column, column == 42 ? "┴" : "─");
    }
    page_put(&page, 7, 0,
             "CPU: 1 Cores 1 Threads    SMP: Disabled   │ Time:  0:00:00  Status: Testing   ");
    page_any(&page, 7, 53, 2, "0123456789");
    page_any(&page, 7, 56, 2, "0123456789");
    page_any(&page, 7, 77, 1, "/-\\|");
    page_put(&page, 8, 0, "Using: All Cores                          │ Pass:  0        Errors: 0");
    page_put(&page, 23, 33, "vemu Virtual PC");
    page_put(&page, 24, 0,
             " <ESC> Exit  <F1> Configuration  <Space> Scroll Lock            6.10.unknown.x64");
    page_colours(&page, 24, 0, COLUMNS, BLUE, GREY);
}

static void memtest(const char *name)
{
    struct vemu_machine *m =
        started("-M %s -bios bios-256k.bin -kernel %s/memtest.bin", name, screens);

    bool ok = screen_until(m, "Status: Testing", SECONDS);
    memtest_page();
    tap(ok && page_shown(m, &page, 20), name, "memtest86+ at work, each pixel that it shows");
    vemu_machine_destroy(m);
}

int main(void)
{
    FILE *f = fopen("/usr/share/seabios/vgabios-stdvga.bin", "rb");
    const char *guests = getenv("VEMU_GUESTS");

    if (!f || !font_find_vga(&vga, f, DOTS)) {
        printf("1..0 # SKIP no VGA BIOS with a font (package seabios)\n");
        return 77;
    }
    fclose(f);
    snprintf(screens, sizeof screens, "%s/amd64/screens", guests ? guests : "guest");
    seabios("pc");
    seabios("q35");
    seabios_ramfb();
    if (screens_have("grub.iso"))
        grub("pc");
    else
        skip("GRUB's menu", "its disc was not fetched");
    if (screens_have("memtest.bin"))
        memtest("q35");
    else
        skip("memtest86+", "it was not fetched");
    printf("1..%d\n", count);
    fflush(stdout);
    font_free(&vga);
    return failed != 0;
}
