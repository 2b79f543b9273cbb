/*
 * A stock kernel's virtio-gpu driver: what a program shows through DRM (tests/boot/drm.c) and
 * through /dev/fb0 is on the display pixel for pixel; the guest follows a viewer that resizes; a
 * pointer is where it was put; and a machine loaded from a state shows what the saved one did.
 * Prints TAP.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <vemu/vemu.h>
#include "core/device/machine.h"
#include "core/display/display.h"
#include "tests/boot/guest.h"

static int count, failed;
static const char *options, *guests;

static bool tap(bool ok, const char *what)
{
    printf("%sok %d - gpu, %s: %s\n", ok ? "" : "not ", ++count, options, what);
    failed += !ok;
    fflush(stdout);
    return ok;
}

/* ---- the guest ------------------------------------------------------------------------------- */

static char line[256]; /* the last one that was waited for */

/* Reads the console until `wanted` was seen, and to the end of that line. */
static bool until(struct vemu_machine *m, const char *wanted, int seconds)
{
    const char *at = guest_find(m, wanted, true, seconds);

    if (at)
        snprintf(line, sizeof line, "%.*s", (int)strcspn(at, "\n"), at);
    return at != NULL;
}

/* Types a line; the answer is one that has `wanted` in it. */
static bool ask(struct vemu_machine *m, const char *what, const char *wanted)
{
    return guest_type(m, what) && until(m, wanted, 60);
}

/* Output n gets a picture of that size, once the driver has heard of it. */
static bool mode(struct vemu_machine *m, unsigned n, uint32_t width, uint32_t height)
{
    char what[32], answer[32], wanted[64];

    snprintf(what, sizeof what, "mode %u\n", n);
    snprintf(answer, sizeof answer, "DRM mode %u", n);
    snprintf(wanted, sizeof wanted, "%s %ux%u", answer, width, height);
    for (int tries = 0; tries < 100; tries++) {
        if (!ask(m, what, answer))
            return false;
        if (strncmp(line, wanted, strlen(wanted)) == 0)
            return true;
        usleep(100000);
    }
    printf("# no \"%s\", but: %s\n", wanted, line);
    return false;
}

static struct vemu_machine *machine(void)
{
    return guest_machine(guests, "initrd-gpu", "console=ttyS0 quiet demo=gpu", options);
}

/* ---- the display ----------------------------------------------------------------------------- */

static struct display *display(struct vemu_machine *m, unsigned n)
{
    machine_lock(m);
    struct display *d = display_nth(m, n);
    machine_unlock(m);
    return d;
}

static void resize(struct vemu_machine *m, unsigned n, uint32_t width, uint32_t height)
{
    struct display *d = display(m, n);
    machine_lock(m);
    display_resize(d, width, height);
    machine_unlock(m);
}

/* What a pixel of output n must be: see tests/boot/drm.c. */
typedef uint32_t (*picture)(unsigned n, uint32_t x, uint32_t y);

static uint32_t drawn(unsigned n, uint32_t x, uint32_t y)
{
    return (x * 7 + y * 3 * 256 + (x ^ y) * 65536 + n * 1000) & 0xffffff;
}

static struct display_rect inverted;
static uint32_t drawn_with_rect(unsigned n, uint32_t x, uint32_t y)
{
    bool in = x - inverted.x < inverted.width && y - inverted.y < inverted.height;
    return drawn(n, x, y) ^ (in ? 0xffffff : 0);
}

static uint8_t *file;
static size_t file_len;
static uint32_t line_bytes;
static uint32_t from_file(unsigned n, uint32_t x, uint32_t y)
{
    size_t at = (size_t)y * line_bytes + x * 4;
    (void)n;
    return file[at % file_len] | (uint32_t)file[(at + 1) % file_len] << 8 |
           (uint32_t)file[(at + 2) % file_len] << 16;
}

/* The display as it is now is of that size and each of its pixels right. */
static bool shows(struct vemu_machine *m, unsigned n, uint32_t width, uint32_t height,
                  picture expect)
{
    struct display *d = display(m, n);
    unsigned wrong = 0;

    if (!d)
        return false;
    machine_lock(m);
    display_refresh(d);
    display_lock(d);
    bool ok = display_width(d) == width && display_height(d) == height;
    if (!ok)
        printf("# output %u is %ux%u\n", n, display_width(d), display_height(d));
    for (uint32_t y = 0; ok && y < height; y++) {
        const uint32_t *row = display_pixels(d) + y * (display_stride(d) / 4);
        for (uint32_t x = 0; x < width; x++) {
            uint32_t want = expect(n, x, y), have_here = row[x] & 0xffffff;
            if (want != have_here && wrong++ < 3)
                printf("# pixel %u,%u of output %u is %06x instead of %06x\n", x, y, n, have_here,
                       want);
        }
    }
    display_unlock(d);
    machine_unlock(m);
    if (wrong)
        printf("# %u pixels differ\n", wrong);
    return ok && !wrong;
}

/* The kernel writes to the frame buffer's shadow and draws soon after. */
static bool comes_to_show(struct vemu_machine *m, uint32_t width, uint32_t height, picture expect)
{
    for (int tries = 0; tries < 50; tries++) {
        usleep(200000);
        if (tries % 10 == 9 && shows(m, 0, width, height, expect))
            return true;
    }
    return false;
}

static bool has_pointer(struct vemu_machine *m, int32_t x, int32_t y)
{
    struct display *d = display(m, 0);
    int32_t px = -1, py = -1;

    display_lock(d);
    struct display_cursor c = display_cursor(d);
    bool visible = display_cursor_position(d, &px, &py);
    bool ok = visible && px == x && py == y && c.width == 64 && c.height == 64 && c.hot_x == 3 &&
              c.hot_y == 5;
    for (unsigned i = 0; ok && i < 64 * 64; i++) {
        uint32_t want = i < 64 * 32 ? 0xff000000 | i * 3 : 0;
        ok = c.pixels[i] == want;
        if (!ok)
            printf("# pixel %u of the pointer is %08x instead of %08x\n", i, c.pixels[i], want);
    }
    if (!ok)
        printf("# pointer %ux%u hot %u,%u %s at %d,%d\n", c.width, c.height, c.hot_x, c.hot_y,
               visible ? "visible" : "not visible", px, py);
    display_unlock(d);
    return ok;
}

/* ---- what is tried --------------------------------------------------------------------------- */

static void goes_on(struct vemu_machine *m, int fd)
{
    struct vemu_error *err = NULL;

    tap(m && lseek(fd, 0, SEEK_SET) == 0 && vemu_machine_load(m, fd, &err),
        "a fresh machine loads the state");
    if (err)
        printf("# %s\n", vemu_error_message(err));
    vemu_error_free(err);
    tap(m && shows(m, 0, 1024, 768, drawn_with_rect), "it shows what the other did");
    tap(m && has_pointer(m, 43, 55), "and its pointer");
    inverted = (struct display_rect){500, 300, 77, 99};
    tap(m && vemu_machine_start(m, NULL) && mode(m, 0, 1024, 768) &&
            ask(m, "rect 0 500 300 77 99\n", "DRM rect") && shows(m, 0, 1024, 768, drawn_with_rect),
        "the guest goes on drawing there");
    ask(m, "end\n", "DRM end");
    ask(m, "end\n", "vemu-init: done");
    tap(vemu_machine_wait(m, 30000, NULL) == VEMU_EXIT_SHUTDOWN, "it powers off");
    vemu_machine_destroy(m);
}

static void try(const char *with)
{
    struct vemu_error *err = NULL;
    struct vemu_machine *m;
    int fd = memfd_create("state", MFD_CLOEXEC);

    options = with;
    m = machine();
    if (!tap(m && vemu_machine_start(m, NULL) && until(m, "GPU fb", 120), "the driver finds it"))
        goto out;
    unsigned width = 0, height = 0;
    sscanf(line, "GPU fb %u,%u %u", &width, &height, &line_bytes);
    tap(width == 800 && height == 600 && line_bytes == 3200, "the frame buffer has its size");
    tap(ask(m, "fill\n", "GPU filled") && comes_to_show(m, width, height, from_file),
        "what is written to /dev/fb0 is on the display");

    tap(ask(m, "drm\n", "DRM outputs 2") && mode(m, 0, 800, 600) && shows(m, 0, 800, 600, drawn),
        "so is a picture by DRM");
    inverted = (struct display_rect){100, 201, 51, 63};
    tap(ask(m, "rect 0 100 201 51 63\n", "DRM rect") && shows(m, 0, 800, 600, drawn_with_rect),
        "and the part of it that is drawn anew");
    static const uint32_t sizes[][2] = {{1024, 768}, {1600, 900}, {1920, 1080}, {1024, 768}};
    bool ok = true;
    for (unsigned i = 0; ok && i < 4; i++) {
        resize(m, 0, sizes[i][0], sizes[i][1]);
        ok = mode(m, 0, sizes[i][0], sizes[i][1]) && shows(m, 0, sizes[i][0], sizes[i][1], drawn);
    }
    tap(ok, "the guest follows a viewer that resizes");
    resize(m, 1, 640, 480);
    tap(mode(m, 1, 640, 480) && shows(m, 1, 640, 480, drawn) && shows(m, 0, 1024, 768, drawn),
        "a second output shows another picture");
    tap(ask(m, "flip 0 4\n", "DRM flip 4") && shows(m, 0, 1024, 768, drawn), "pages are flipped");
    tap(ask(m, "cursor 0 40 50\n", "DRM cursor") && has_pointer(m, 43, 55), "a pointer is shown");
    tap(ask(m, "rect 0 100 201 51 63\n", "DRM rect") && vemu_machine_pause(m, NULL) &&
            vemu_machine_save(m, fd, &err),
        "it is saved");
    if (err)
        printf("# %s\n", vemu_error_message(err));
    vemu_error_free(err);
    vemu_machine_destroy(m);
    m = NULL;
    goes_on(machine(), fd);
out:
    vemu_machine_destroy(m);
    close(fd);
}

int main(void)
{
    static const char *const with[] = {
        "-M pc -device virtio-gpu-pci,max_outputs=2,xres=800,yres=600",
        "-M q35 -smp 2 -device virtio-vga,max_outputs=2,xres=800,yres=600",
        "-M microvm -device virtio-gpu-device,max_outputs=2,xres=800,yres=600",
    };
    const char *src = getenv("VEMU_SRC");
    char path[4096];

    guests = getenv("VEMU_GUESTS");
    guests = guests ? guests : "guest";
    snprintf(path, sizeof path, "%s/tests/boot/drm.c", src ? src : "..");
    FILE *f = fopen(path, "r");
    file = malloc(1 << 16);
    file_len = f && file ? fread(file, 1, 1 << 16, f) : 0;
    snprintf(path, sizeof path, "%s/amd64/initrd-gpu", guests);
    if (access(path, R_OK) < 0 || !file_len) {
        printf("1..0 # SKIP there is no %s\n", path);
        return 77;
    }
    fclose(f);
    for (size_t i = 0; i < sizeof with / sizeof with[0]; i++)
        try(with[i]);
    free(file);
    printf("1..%d\n", count);
    fflush(stdout);
    return failed != 0;
}
