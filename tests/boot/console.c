/*
 * A stock kernel's console on a frame buffer: what is written to it is to be seen, pixel for pixel,
 * in the glyphs of the kernel's own font, through the mode that the VGA BIOS was asked for (vga= in
 * -append) and through virtio-gpu's driver. Prints TAP.
 */
#define _GNU_SOURCE
#include <stdarg.h>
#include "tests/boot/guest.h"
#include "tests/boot/text_screen.h"

static int count, failed;
static const char *options;

static bool tap(bool ok, const char *what)
{
    printf("%sok %d - console, %s: %s\n", ok ? "" : "not ", ++count, options, what);
    failed += !ok;
    fflush(stdout);
    return ok;
}

/* ---- the font -------------------------------------------------------------------------------- */

/* A bzImage has the kernel compressed; Debian's by xz, whose stream starts with this. */
static bool kernel_font(const char *guests, struct font *f)
{
    static const char magic[] = {'\xfd', '7', 'z', 'X', 'Z', 0};
    char path[4096], command[2 * sizeof path];
    size_t len;

    snprintf(path, sizeof path, "%s/amd64/vmlinuz", guests);
    FILE *file = fopen(path, "rb");
    uint8_t *kernel = text_screen_read(file, &len);
    uint8_t *at = kernel ? memmem(kernel, len, magic, sizeof magic) : NULL;
    if (file)
        fclose(file);
    if (at)
        snprintf(command, sizeof command, "tail -c +%zu '%s' | xz -dc 2>/dev/null",
                 (size_t)(at - kernel) + 1, path);
    free(kernel);
    if (!at)
        return false;
    file = popen(command, "r");
    bool ok = file && font_find_vga(f, file, 8);
    if (file)
        pclose(file);
    return ok;
}

/* ---- what is written ------------------------------------------------------------------------- */

enum { LAST_COLOUR = 7 };

/* The console's palette; in a mode of 16 bits as that has room for it. */
static uint32_t colour(unsigned n, bool deep)
{
    static const uint32_t palette[] = {0x000000, 0xaa0000, 0x00aa00, 0xaa5500, 0x0000aa, 0xaa00aa,
                                       0x00aaaa, 0xaaaaaa, 0x555555, 0xff5555, 0x55ff55, 0xffff55,
                                       0x5555ff, 0xff55ff, 0x55ffff, 0xffffff};
    uint32_t c = palette[n], r = c >> 19, g = c >> 10 & 0x3f, b = c >> 3 & 0x1f;

    if (deep)
        return c;
    return (r << 3 | r >> 2) << 16 | (g << 2 | g >> 4) << 8 | (b << 3 | b >> 2);
}

/* What is written, for the guest's printf: control sequences as they are, text in octal. */
struct script {
    char text[1 << 14];
    size_t len;
};

static void script_add(struct script *s, const char *format, ...)
{
    va_list ap;

    va_start(ap, format);
    s->len += (size_t)vsnprintf(s->text + s->len, sizeof s->text - s->len, format, ap);
    va_end(ap);
}

static void write_at(struct script *s, struct page *page, unsigned row, unsigned column,
                     const char *text)
{
    page_put(page, row, column, text);
    script_add(s, "\\033[%u;%uH", row + 1, column + 1);
    for (; *text; text++)
        script_add(s, *text == ' ' ? " " : "\\%03o", (unsigned char)*text);
}

static void use_colours(struct script *s, struct page *page, unsigned fg, unsigned bg, bool deep)
{
    page->fg = colour(fg, deep);
    page->bg = colour(bg, deep);
    script_add(s, "\\033[0;%u;%um", fg > LAST_COLOUR ? 1 : 22, 40 + bg);
    script_add(s, "\\033[%um", 30 + fg % (LAST_COLOUR + 1));
}

/* All of ASCII, lines and blocks, each colour on each other; the screen is moved up by a line; then
 * the corners. Its cursor, which blinks, is hidden. */
static void write_page(struct script *s, struct page *page, bool deep)
{
    char line[48];
    struct cell first[PAGE_COLUMNS];

    script_add(s, "\\033[?25l\\033[2J");
    for (unsigned i = 0; i < 2; i++) {
        for (unsigned n = 0; n < 47; n++)
            line[n] = (char)('!' + i * 47 + n);
        line[47] = 0;
        write_at(s, page, 2 + i, 3, line);
    }
    write_at(s, page, 5, 3, "┌─┬─┐ │▒█│ └─┴─┘ ═ äß");
    for (unsigned bg = 0; bg <= LAST_COLOUR; bg++) {
        for (unsigned fg = 0; fg < 16; fg++) {
            use_colours(s, page, fg, bg, deep);
            write_at(s, page, 7 + bg, 3 + 2 * fg, "g");
        }
    }
    use_colours(s, page, LAST_COLOUR, 0, deep);
    memcpy(first, page->cells[0], sizeof first); /* blank */
    memmove(page->cells[0], page->cells[1], sizeof page->cells[0] * (page->rows - 1));
    memcpy(page->cells[page->rows - 1], first, sizeof first);
    script_add(s, "\\033[%u;1H\\n", page->rows);
    write_at(s, page, 0, 0, "A");
    write_at(s, page, 0, page->columns - 1, "B");
    write_at(s, page, page->rows - 1, 0, "C");
    write_at(s, page, page->rows - 1, page->columns - 1, "D");
}

/* ---- what is tried --------------------------------------------------------------------------- */

struct attempt {
    const char *options, *initrd, *append;
    const char *first; /* typed before anything is written; NULL: nothing */
    unsigned width, height;
    bool deep; /* not a mode of 16 bits */
};

/* The shell without its editor, which echoes and redraws what is typed. */
static const char plain_shell[] = "stty -echo; while read -r l; do eval \"$l\"; done\n";

/* Typed in pieces that a line of a terminal has room for. */
static bool type_script(struct vemu_machine *m, const struct script *s)
{
    for (size_t at = 0, n; at < s->len; at += n) {
        char line[600];

        n = s->len - at < 500 ? s->len - at : 500;
        while (at + n < s->len && s->text[at + n] != '\\') /* not inside of a sequence */
            n--;
        snprintf(line, sizeof line, "printf '%.*s' >/dev/tty0; echo do''ne\n", (int)n,
                 s->text + at);
        if (!guest_type(m, line) || !guest_until(m, "done", 20))
            return false;
    }
    return true;
}

static void try(const struct attempt *a, const char *guests, const struct font *font)
{
    static struct page page;
    static struct script script;
    struct vemu_machine *m;

    options = a->options;
    m = guest_machine(guests, a->initrd, a->append, options);
    bool ok = m && vemu_machine_start(m, NULL) && guest_until(m, "/root#", 60) &&
              guest_type(m, plain_shell) && guest_until(m, "\n", 20) &&
              (!a->first || (guest_type(m, a->first) && guest_until(m, "done", 60)));
    tap(ok, "the kernel comes to its shell");
    script.len = 0;
    page_init(&page, font, a->width / 8, a->height / 16, colour(LAST_COLOUR, a->deep), 0);
    page.width = a->width;
    page.height = a->height;
    write_page(&script, &page, a->deep);
    tap(ok && type_script(m, &script) && page_shown(m, &page, 10),
        "each pixel of what is written is right");
    vemu_machine_destroy(m);
}

int main(void)
{
    static const struct attempt attempts[] = {
        {"-M pc -bios bios-256k.bin", "initrd", "console=ttyS0 quiet vga=0x317", NULL, 1024, 768,
         false},
        {"-M q35 -bios bios-256k.bin", "initrd", "vga=ask console=ttyS0 quiet vga=0x342", NULL, 640,
         480, true},
        {"-M q35 -vga none -device virtio-gpu-pci,xres=800,yres=600", "initrd-gpu",
         "console=ttyS0 quiet",
         "for m in virtio_ring virtio virtio_pci_modern_dev virtio_pci_legacy_dev virtio_pci drm "
         "drm_kms_helper drm_shmem_helper virtio_dma_buf virtio-gpu; do insmod /mod/$m.ko; done; "
         "until [ -e /dev/fb0 ]; do sleep 1; done; echo do''ne\n",
         800, 600, true},
    };
    const char *guests = getenv("VEMU_GUESTS");
    struct font font;

    if (!kernel_font(guests ? guests : "guest", &font)) {
        printf("1..0 # SKIP no kernel that xz unpacks with a font in it\n");
        return 77;
    }
    for (size_t i = 0; i < sizeof attempts / sizeof attempts[0]; i++)
        try(&attempts[i], guests ? guests : "guest", &font);
    font_free(&font);
    printf("1..%d\n", count);
    fflush(stdout);
    return failed != 0;
}
