/*
 * For guests: pictures through DRM dumb buffers, without a library. Reads commands from standard
 * input, one a line, and answers each with a line that starts with DRM:
 *
 *   mode N              output N gets a picture of its preferred mode's size: "DRM mode N WxH"
 *   rect N X Y W H      this part of it is drawn anew, in other colours, and flushed
 *   cursor N X Y        a pointer there
 *   bench N FRAMES      the whole picture is flushed so often: "DRM bench FRAMES MILLISECONDS"
 *   flip N FRAMES       likewise, with two pictures in turn
 *   end
 *
 * Pixel (x, y) of output N's picture is (x * 7 + y * 3 * 256 + (x ^ y) * 65536 + N * 1000) mod
 * 2^24, after rect that number with all bits inverted.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

/* What of the kernel's interface is used here, since Debian has its headers with a library only. */
struct resources {
    uint64_t fbs, crtcs, connectors, encoders;
    uint32_t fb_count, crtc_count, connector_count, encoder_count, min_width, max_width, min_height,
        max_height;
};
struct mode {
    uint32_t clock;
    uint16_t width, hsync_start, hsync_end, htotal, hskew;
    uint16_t height, vsync_start, vsync_end, vtotal, vscan;
    uint32_t vrefresh, flags, type;
    char name[32];
};
struct connector {
    uint64_t encoders, modes, props, values;
    uint32_t mode_count, prop_count, encoder_count, encoder, id, type, type_id, connection,
        mm_width, mm_height, subpixel, pad;
};
struct crtc {
    uint64_t connectors;
    uint32_t connector_count, id, fb, x, y, gamma_size, mode_valid;
    struct mode mode;
};
struct dumb {
    uint32_t height, width, bpp, flags, handle, pitch;
    uint64_t size;
};
struct mapping {
    uint32_t handle, pad;
    uint64_t offset;
};
struct frame_buffer {
    uint32_t id, width, height, pitch, bpp, depth, handle;
};
struct dirty {
    uint32_t fb, flags, colour, clip_count;
    uint64_t clips;
};
struct cursor {
    uint32_t flags, crtc;
    int32_t x, y;
    uint32_t width, height, handle;
    int32_t hot_x, hot_y;
};
struct page_flip {
    uint32_t crtc, fb, flags, reserved;
    uint64_t user_data;
};
#define GET_RESOURCES _IOWR('d', 0xa0, struct resources)
#define SET_CRTC _IOWR('d', 0xa2, struct crtc)
#define GET_CONNECTOR _IOWR('d', 0xa7, struct connector)
#define ADD_FB _IOWR('d', 0xae, struct frame_buffer)
#define REMOVE_FB _IOWR('d', 0xaf, uint32_t)
#define PAGE_FLIP _IOWR('d', 0xb0, struct page_flip)
#define DIRTY_FB _IOWR('d', 0xb1, struct dirty)
#define CREATE_DUMB _IOWR('d', 0xb2, struct dumb)
#define MAP_DUMB _IOWR('d', 0xb3, struct mapping)
#define DESTROY_DUMB _IOWR('d', 0xb4, uint32_t)
#define SET_CURSOR _IOWR('d', 0xbb, struct cursor)
enum { MODE_PREFERRED = 8, CONNECTED = 1, CURSOR_IMAGE = 1, CURSOR_MOVE = 2, FLIP_EVENT = 1 };

enum { OUTPUTS = 16, MODES = 128 };

struct picture {
    uint32_t fb, handle, width, height, pitch;
    uint64_t size;
    uint32_t *pixels;
};
static int card;
static uint32_t connectors[OUTPUTS], crtcs[OUTPUTS];
static struct picture pictures[OUTPUTS][2];

static void fail(const char *what)
{
    printf("DRM failed: %s\n", what);
    exit(1);
}

static void call(unsigned long request, void *arg, const char *what)
{
    if (ioctl(card, request, arg) < 0)
        fail(what);
}

static void find_outputs(void)
{
    struct resources res = {0};
    uint32_t fbs[64], encoders[64];

    res.fbs = (uintptr_t)fbs;
    res.crtcs = (uintptr_t)crtcs;
    res.connectors = (uintptr_t)connectors;
    res.encoders = (uintptr_t)encoders;
    res.crtc_count = res.connector_count = OUTPUTS;
    res.fb_count = res.encoder_count = 64;
    call(GET_RESOURCES, &res, "resources");
    printf("DRM outputs %u\n", res.connector_count);
}

/* Asks the driver anew; false: nothing is connected. */
static int preferred_mode(unsigned n, struct mode *mode)
{
    static struct mode modes[MODES];
    static uint32_t props[64], encoders[16];
    static uint64_t values[64];
    struct connector c = {.id = connectors[n]};

    /* With no room for modes it looks at what is connected. */
    call(GET_CONNECTOR, &c, "connector");
    c.modes = (uintptr_t)modes;
    c.mode_count = MODES;
    c.props = (uintptr_t)props;
    c.values = (uintptr_t)values;
    c.prop_count = 64;
    c.encoders = (uintptr_t)encoders;
    c.encoder_count = 16;
    call(GET_CONNECTOR, &c, "modes");
    if (c.connection != CONNECTED || !c.mode_count)
        return 0;
    *mode = modes[0];
    for (unsigned i = c.mode_count; i--;) {
        if (modes[i].type & MODE_PREFERRED)
            *mode = modes[i];
    }
    return 1;
}

static void make_picture(struct picture *p, uint32_t width, uint32_t height, int bpp, int depth)
{
    struct dumb dumb = {.width = width, .height = height, .bpp = (uint32_t)bpp};
    struct mapping map = {0};
    struct frame_buffer fb = {.width = width, .height = height, .bpp = (uint32_t)bpp};

    call(CREATE_DUMB, &dumb, "dumb buffer");
    p->handle = fb.handle = map.handle = dumb.handle;
    p->pitch = fb.pitch = dumb.pitch;
    p->size = dumb.size;
    p->width = width;
    p->height = height;
    fb.depth = (uint32_t)depth;
    call(ADD_FB, &fb, "frame buffer");
    p->fb = fb.id;
    call(MAP_DUMB, &map, "mapping");
    p->pixels = mmap(NULL, p->size, PROT_READ | PROT_WRITE, MAP_SHARED, card, (off_t)map.offset);
    if (p->pixels == MAP_FAILED)
        fail("mmap");
}

static void free_picture(struct picture *p)
{
    if (!p->fb)
        return;
    munmap(p->pixels, p->size);
    ioctl(card, REMOVE_FB, &p->fb);
    ioctl(card, DESTROY_DUMB, &p->handle);
    memset(p, 0, sizeof *p);
}

static void draw(struct picture *p, unsigned n, const unsigned *r, uint32_t invert)
{
    for (unsigned y = r[1]; y < r[1] + r[3] && y < p->height; y++)
        for (unsigned x = r[0]; x < r[0] + r[2] && x < p->width; x++)
            p->pixels[y * p->pitch / 4 + x] =
                ((x * 7 + y * 3 * 256 + (x ^ y) * 65536 + n * 1000) & 0xffffff) ^ invert;
}

static void flush(const struct picture *p, const unsigned *r)
{
    const uint16_t clip[] = {(uint16_t)r[0], (uint16_t)r[1], (uint16_t)(r[0] + r[2]),
                             (uint16_t)(r[1] + r[3])};
    struct dirty dirty = {.fb = p->fb, .clips = (uintptr_t)clip, .clip_count = 1};

    call(DIRTY_FB, &dirty, "dirty rectangle");
}

static void show(unsigned n, const struct picture *p, const struct mode *mode)
{
    struct crtc crtc = {.id = crtcs[n],
                        .fb = p->fb,
                        .connectors = (uintptr_t)&connectors[n],
                        .connector_count = 1,
                        .mode = *mode,
                        .mode_valid = 1};

    call(SET_CRTC, &crtc, "mode");
}

static void set_mode(unsigned n)
{
    struct picture old = pictures[n][0];
    struct mode mode;

    if (!preferred_mode(n, &mode)) {
        printf("DRM mode %u off\n", n);
        return;
    }
    make_picture(&pictures[n][0], mode.width, mode.height, 32, 24);
    const unsigned all[] = {0, 0, mode.width, mode.height};
    draw(&pictures[n][0], n, all, 0);
    show(n, &pictures[n][0], &mode);
    free_picture(&old);
    printf("DRM mode %u %ux%u\n", n, mode.width, mode.height);
}

static void set_cursor(unsigned n, int x, int y)
{
    struct cursor c = {.flags = CURSOR_IMAGE | CURSOR_MOVE,
                       .crtc = crtcs[n],
                       .x = x,
                       .y = y,
                       .width = 64,
                       .height = 64,
                       .hot_x = 3,
                       .hot_y = 5};
    struct picture p;

    make_picture(&p, 64, 64, 32, 32);
    for (unsigned i = 0; i < 64 * 64; i++)
        p.pixels[i] = i < 64 * 32 ? 0xff000000 | i * 3 : 0;
    c.handle = p.handle;
    call(SET_CURSOR, &c, "cursor");
    printf("DRM cursor %u\n", n);
}

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void bench(unsigned n, unsigned frames)
{
    const struct picture *p = &pictures[n][0];
    const unsigned all[] = {0, 0, p->width, p->height};
    double start = now();

    for (unsigned i = 0; i < frames; i++)
        flush(p, all);
    printf("DRM bench %u %.1f\n", frames, now() - start);
}

static void flip(unsigned n, unsigned frames)
{
    struct picture *p = pictures[n];
    struct mode mode;
    double start;

    make_picture(&p[1], p->width, p->height, 32, 24);
    if (!preferred_mode(n, &mode))
        fail("no mode");
    start = now();
    for (unsigned i = 0; i < frames; i++) {
        struct page_flip f = {.crtc = crtcs[n], .fb = p[~i & 1].fb};
        f.flags = FLIP_EVENT;
        call(PAGE_FLIP, &f, "page flip");
        char event[256];
        if (read(card, event, sizeof event) <= 0)
            fail("no event");
    }
    printf("DRM flip %u %.1f\n", frames, now() - start);
    show(n, p, &mode);
    free_picture(&p[1]);
}

int main(void)
{
    char line[256], word[16];
    unsigned n, a[4];

    setvbuf(stdout, NULL, _IOLBF, 0);
    card = open("/dev/dri/card0", O_RDWR | O_CLOEXEC);
    if (card < 0)
        fail("/dev/dri/card0");
    find_outputs();
    while (fgets(line, sizeof line, stdin)) {
        a[0] = a[1] = a[2] = a[3] = 0;
        if (sscanf(line, "%15s %u %u %u %u %u", word, &n, &a[0], &a[1], &a[2], &a[3]) < 2)
            n = 0;
        if (n >= OUTPUTS)
            fail("number of the output");
        if (!strcmp(word, "end"))
            break;
        if (!strcmp(word, "mode")) {
            set_mode(n);
        } else if (!strcmp(word, "rect")) {
            draw(&pictures[n][0], n, a, 0xffffff);
            flush(&pictures[n][0], a);
            printf("DRM rect %u\n", n);
        } else if (!strcmp(word, "cursor")) {
            set_cursor(n, (int)a[0], (int)a[1]);
        } else if (!strcmp(word, "bench")) {
            bench(n, a[0]);
        } else if (!strcmp(word, "flip")) {
            flip(n, a[0]);
        }
    }
    printf("DRM end\n");
    return 0;
}
