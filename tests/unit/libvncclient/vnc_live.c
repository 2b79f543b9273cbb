/*
 * A live VNC server against an independent client: libvncclient, connected to a machine's server,
 * comes to show exactly what the display does, under random damage, scrolling and resizes from
 * either side, in every lossless encoding that it has, with pixel formats changed on the way, with
 * updates that it asks for and continuous ones. Two clients at a time. Fixed seeds, printed when
 * something fails; TAP.
 */
#include "core/util/range.h"
#include "tests/unit/libvncclient/client.h"
#include "tests/unit/programs/tap.h"
#include "tests/vnc_machine.h"

enum { BURSTS = 8, HEIGHT_MAX = 300, WAIT_US = 10000000 };
enum { CONTINUOUS_UPDATES = -313, FENCE = -312 };
enum { END_OF_CONTINUOUS_UPDATES = 150, ENABLE_CONTINUOUS_UPDATES = 150, MESSAGE_FENCE = 248 };
#define FENCE_REQUEST (UINT32_C(1) << 31)

struct live {
    rfbClient *c;
    struct vnc_converter convert;
    const char *encodings;
    const struct client_format *format;
    bool continuous, enabled; /* is it wanted; is it so */
    unsigned updates, copies, fences;
};
static struct live lives[2];
static uint64_t seed;

static uint32_t rnd(uint32_t n)
{
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(seed >> 32) % n;
}

/* ---- what libvncclient leaves to its user ---------------------------------------------------- */

static struct live *live_of(const rfbClient *c)
{
    return lives[0].c == c ? &lives[0] : &lives[1];
}

static bool say(rfbClient *c, const uint8_t *data, size_t len)
{
    return WriteToRFBServer(c, (const char *)data, (unsigned)len);
}

static bool enable_continuous(struct live *l, bool enable)
{
    uint8_t message[10] = {ENABLE_CONTINUOUS_UPDATES, enable};

    store_be16(message + 6, (uint16_t)l->c->width);
    store_be16(message + 8, (uint16_t)l->c->height);
    return say(l->c, message, sizeof message);
}

static bool take_fence(rfbClient *c)
{
    uint8_t message[9 + 64] = {MESSAGE_FENCE};

    if (!ReadFromRFBServer(c, (char *)message + 1, 8) || message[8] > 64 ||
        !ReadFromRFBServer(c, (char *)message + 9, message[8]))
        return false;
    uint32_t flags = load_be32(message + 4);
    if (!(flags & FENCE_REQUEST)) {
        live_of(c)->fences++;
        return message[8] == 4 && memcmp(message + 9, "live", 4) == 0;
    }
    store_be32(message + 4, flags & ~FENCE_REQUEST);
    return say(c, message, 9u + message[8]);
}

static rfbBool on_message(rfbClient *c, rfbServerToClientMsg *message)
{
    struct live *l = live_of(c);

    if (message->type == MESSAGE_FENCE)
        return take_fence(c);
    if (message->type != END_OF_CONTINUOUS_UPDATES)
        return FALSE;
    l->enabled = false;
    return TRUE;
}

static void on_update(rfbClient *c)
{
    live_of(c)->updates++;
}

static void on_copy(rfbClient *c, int x, int y, int width, int height, int to_x, int to_y)
{
    unsigned bytes = c->format.bitsPerPixel / 8u;
    size_t row = (size_t)width * bytes, stride = (size_t)c->width * bytes;
    uint8_t *copy = malloc(row * (size_t)height);

    for (int j = 0; j < height; j++)
        memcpy(copy + (size_t)j * row,
               c->frameBuffer + (size_t)(y + j) * stride + (size_t)x * bytes, row);
    for (int j = 0; j < height; j++)
        memcpy(c->frameBuffer + (size_t)(to_y + j) * stride + (size_t)to_x * bytes,
               copy + (size_t)j * row, row);
    free(copy);
    live_of(c)->copies++;
}

/* ---- what the machine does ------------------------------------------------------------------- */

static void draw(struct vnc_machine *vm)
{
    display_lock(vm->d);
    uint32_t w = display_width(vm->d), h = display_height(vm->d);
    uint32_t *pixels = display_pixels(vm->d);
    size_t stride = display_stride(vm->d) / 4;
    uint32_t x0 = rnd(w), y0 = rnd(h), width = 1 + rnd(w - x0), height = 1 + rnd(h - y0);
    uint32_t kind = rnd(6), base = rnd(1 << 24), colours = 1 + rnd(kind == 1 ? 2 : 400);

    for (uint32_t y = y0; y < y0 + height; y++) {
        for (uint32_t x = x0; x < x0 + width; x++) {
            uint32_t v = base;

            if (kind == 1 || kind == 2)
                v += rnd(colours) * 0x10305;
            else if (kind == 3)
                v += x / 9 * 0x40201;
            else if (kind == 4)
                v = (x * 7 + y * 13) % 16 < 4 ? base : 0xffffff;
            else if (kind == 5)
                v += (x + y) * 0x010101 + rnd(3);
            pixels[y * stride + x] = v;
        }
    }
    display_damage(vm->d, x0, y0, width, height);
    display_unlock(vm->d);
}

/* As a terminal does: rows go up, new ones come below. */
static void scroll(struct vnc_machine *vm)
{
    display_lock(vm->d);
    uint32_t w = display_width(vm->d), h = display_height(vm->d), by = 1 + rnd(h < 32 ? h : 32);
    uint32_t *pixels = display_pixels(vm->d);
    size_t stride = display_stride(vm->d) / 4;

    memmove(pixels, pixels + by * stride, (h - by) * stride * 4);
    for (uint32_t y = h - by; y < h; y++) {
        for (uint32_t x = 0; x < w; x++)
            pixels[y * stride + x] = rnd(4) ? 0x204060 : rnd(1 << 24);
    }
    display_damage(vm->d, 0, 0, w, h);
    display_unlock(vm->d);
}

/* Once a viewer asked for it, it has happened when this returns: what comes after it is not behind
 * it. */
static bool resize(struct vnc_machine *vm)
{
    uint32_t w = 1 + rnd(CLIENT_SIDE_MAX), h = 1 + rnd(HEIGHT_MAX);
    bool by_viewer = rnd(2), there;

    if (by_viewer && !SendExtDesktopSize(lives[rnd(2)].c, (uint16_t)w, (uint16_t)h))
        return false;
    for (unsigned ms = 0; ms < VM_WAIT_MS; ms++) {
        machine_lock(&vm->m);
        there = by_viewer ? vm->wanted_width == w && vm->wanted_height == h
                          : display_set_size(vm->d, w, h);
        machine_unlock(&vm->m);
        if (there)
            return true;
        usleep(1000);
    }
    return false;
}

static bool act(struct vnc_machine *vm)
{
    uint32_t what = rnd(10);

    if (what == 0)
        return resize(vm);
    if (what < 4)
        scroll(vm);
    else
        draw(vm);
    if (rnd(2))
        usleep(rnd(3000));
    return true;
}

/* ---- what the client does -------------------------------------------------------------------- */

static bool shows(struct live *l, struct vnc_machine *vm, bool tell)
{
    display_lock(vm->d);
    bool same = client_shows(l->c, &l->convert, display_pixels(vm->d), display_stride(vm->d) / 4,
                             display_width(vm->d), display_height(vm->d), tell);
    display_unlock(vm->d);
    return same;
}

static bool take(struct live *l)
{
    int width = l->c->width, height = l->c->height;

    if (!l->c->buffered && WaitForMessage(l->c, WAIT_US) <= 0) {
        fprintf(stderr, "nothing comes\n");
        return false;
    }
    if (!HandleRFBServerMessage(l->c)) {
        fprintf(stderr, "libvncclient ends the connection\n");
        return false;
    }
    return !l->enabled || (width == l->c->width && height == l->c->height) ||
           enable_continuous(l, true);
}

/* It takes what comes until it shows what the display does. */
static bool comes_to_show(struct live *l, struct vnc_machine *vm)
{
    while (!shows(l, vm, false)) {
        if (!take(l)) {
            shows(l, vm, true);
            return false;
        }
    }
    return true;
}

/* Nothing is under way, so that a format may change: what was asked for before is in the second of
 * two updates that are asked for now, and what is sent is behind a fence. */
static bool settle(struct live *l)
{
    static const uint8_t fence[] = {MESSAGE_FENCE, 0, 0, 0, 0x80, 0, 0, 0, 4, 'l', 'i', 'v', 'e'};

    if (l->enabled && !enable_continuous(l, false))
        return false;
    while (l->enabled) {
        if (!take(l))
            return false;
    }
    /* libvncclient asks for the next update by itself; the next of nothing. */
    l->c->updateRect.w = l->c->updateRect.h = 0;
    for (unsigned round = 0; round < 2; round++) {
        unsigned updates = l->updates, fences = l->fences;

        if (!SendFramebufferUpdateRequest(l->c, 0, 0, 1, 1, FALSE))
            return false;
        while (l->updates == updates) {
            if (!take(l))
                return false;
        }
        if (!say(l->c, fence, sizeof fence))
            return false;
        while (l->fences == fences) {
            if (!take(l))
                return false;
        }
    }
    return true;
}

static void find_converter(struct live *l)
{
    const struct client_format *f = l->format;
    struct vnc_pixel_format format = {
        .bits_per_pixel = (uint8_t)(8 * f->bytes),
        .depth = l->c->format.depth,
        .big_endian = f->big_endian,
        .true_colour = true,
        .red_max = (uint16_t)f->red_max,
        .green_max = (uint16_t)f->green_max,
        .blue_max = (uint16_t)f->blue_max,
        .red_shift = (uint8_t)f->red_shift,
        .green_shift = (uint8_t)f->green_shift,
        .blue_shift = (uint8_t)f->blue_shift,
    };

    vnc_converter_init(&l->convert, &format);
}

static bool join(struct live *l, struct vnc_machine *vm)
{
    int pair[2];

    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0 ||
        !vnc_server_add_client(vm->server, pair[0], false, NULL))
        return false;
    l->enabled = false;
    l->updates = l->copies = l->fences = 0;
    l->c = client_connect(pair[1], l->encodings, 1 + (int)rnd(9), l->format, on_update);
    if (!l->c)
        return false;
    l->c->GotCopyRect = on_copy;
    find_converter(l);
    return true;
}

static bool change_format(struct live *l, const struct client_format *f)
{
    rfbClient *c = l->c;

    if (!settle(l))
        return false;
    l->format = f;
    client_set_format(c, f);
    find_converter(l);
    c->updateRect.w = c->width;
    c->updateRect.h = c->height;
    l->enabled = l->continuous;
    return c->MallocFrameBuffer(c) && SetFormatAndEncodings(c) &&
           SendFramebufferUpdateRequest(c, 0, 0, c->width, c->height, FALSE) &&
           (!l->continuous || enable_continuous(l, true));
}

/* ---- what is tried --------------------------------------------------------------------------- */

static const struct client_format formats[] = {
    {"32 bits", 8, 4, 255, 255, 255, 16, 8, 0, false},
    {"32 bits, blue first", 8, 4, 255, 255, 255, 0, 8, 16, false},
    {"32 bits, colours on top", 8, 4, 255, 255, 255, 24, 16, 8, false},
    {"32 bits, odd shifts", 8, 4, 127, 63, 31, 21, 11, 3, false},
    {"30 of 32 bits", 10, 4, 1023, 1023, 1023, 20, 10, 0, false},
    {"16 bits", 5, 2, 31, 63, 31, 11, 5, 0, false},
    {"15 bits, blue first", 5, 2, 31, 31, 31, 0, 5, 10, false},
    {"12 of 16 bits", 4, 2, 15, 15, 15, 9, 5, 1, false},
    {"8 bits", 2, 1, 7, 7, 3, 0, 3, 6, false},
    {"6 of 8 bits", 2, 1, 3, 3, 3, 5, 3, 1, false},
    {"32 bits, big-endian", 8, 4, 255, 255, 255, 16, 8, 0, true},
    {"30 of 32 bits, big-endian", 10, 4, 1023, 1023, 1023, 20, 10, 0, true},
    {"16 bits, big-endian", 5, 2, 31, 63, 31, 11, 5, 0, true},
};

static const char *const encodings[] = {"raw",   "hextile",      "zlib",          "zrle",
                                        "tight", "copyrect raw", "copyrect zrle", "copyrect tight"};

/* Of pixels that ZRLE and tight send as three bytes, libvncclient makes its host's order only. */
static bool is_known(const struct live *l, const struct client_format *f)
{
    return !f->big_endian || f->bits != 8 ||
           (!strstr(l->encodings, "zrle") && !strstr(l->encodings, "tight"));
}

static bool try_formats(struct vnc_machine *vm)
{
    for (unsigned f = 0; f < ARRAY_SIZE(formats); f++) {
        for (unsigned i = 0; i < 2; i++) {
            const struct client_format *format = &formats[(f + 5 * i) % ARRAY_SIZE(formats)];

            if (is_known(&lives[i], format) && !change_format(&lives[i], format))
                return false;
        }
        for (unsigned burst = 0; burst < BURSTS; burst++) {
            for (unsigned n = 1 + rnd(4); n--;) {
                if (!act(vm))
                    return false;
            }
            for (unsigned i = 0; i < 2; i++) {
                if (comes_to_show(&lives[i], vm))
                    continue;
                fprintf(stderr, "%s, %s%s: burst %u is wrong\n", lives[i].encodings,
                        lives[i].format->name, lives[i].continuous ? ", continuous" : "", burst);
                return false;
            }
        }
    }
    return true;
}

static bool try(unsigned encoding, bool continuous)
{
    struct vnc_machine *vm = vm_new(NULL);
    bool ok;

    seed = encoding * 2 + continuous;
    for (unsigned i = 0; i < 2; i++) {
        lives[i] = (struct live){.encodings = encodings[(encoding + 3 * i) % ARRAY_SIZE(encodings)],
                                 .format = &formats[0],
                                 .continuous = continuous};
    }
    ok = join(&lives[0], vm) && join(&lives[1], vm) && try_formats(vm);
    ok = ok && (lives[0].copies > 0) == (strncmp(lives[0].encodings, "copyrect", 8) == 0);
    if (!ok)
        fprintf(stderr, "seed %u\n", encoding * 2 + continuous);
    for (unsigned i = 0; i < 2; i++)
        client_free(lives[i].c);
    vm_free(vm);
    return ok;
}

int main(void)
{
    static int pseudo[] = {CONTINUOUS_UPDATES, FENCE, 0};
    static rfbClientProtocolExtension extension = {.encodings = pseudo,
                                                   .handleMessage = on_message};

    rfbEnableClientLogging = FALSE;
    rfbClientRegisterExtension(&extension);
    for (unsigned e = 0; e < ARRAY_SIZE(encodings); e++) {
        for (unsigned continuous = 0; continuous < 2; continuous++) {
            char name[120];

            snprintf(name, sizeof name, "libvncclient shows what a live machine does: %s%s",
                     encodings[e], continuous ? ", continuous updates" : "");
            tap(try(e, continuous), name);
        }
    }
    return tap_end();
}
