/*
 * The encodings against an independent client: libvncclient decodes what the encoder makes of
 * random damage, copies and resizes, in every encoding and pixel format that it has, and its
 * picture is the machine's to the bit after each update. Fixed seeds; prints TAP.
 *
 * A thread plays the server at the other end of a socket pair, one update each time it is told.
 */
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/util/buffer.h"
#include "core/util/range.h"
#include "tests/unit/libvncclient/client.h"
#include "tests/unit/programs/tap.h"
#include "ui/vnc/encode/encode.h"

enum { UPDATES = 40, DESKTOP_SIZE = -223, RECTS_MAX = 6 };

struct server {
    int fd;
    sem_t go;
    bool quit, failed;
    uint64_t seed;
    uint32_t *pixels;
    struct vnc_picture picture;
    struct vnc_converter convert;
    struct vnc_libraries *libs;
    struct vnc_encoder *encoder;
    bool whole; /* all of it is to be sent */
};

static uint32_t rnd(struct server *s, uint32_t n)
{
    s->seed = s->seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(s->seed >> 32) % n;
}

/* ---- the server ------------------------------------------------------------------------------ */

static bool get(struct server *s, void *data, size_t n, int flags)
{
    return recv(s->fd, data, n, flags) == (ssize_t)n;
}

static bool put(struct server *s, const void *data, size_t n)
{
    const uint8_t *p = data;

    while (n) {
        ssize_t sent = send(s->fd, p, n, MSG_NOSIGNAL);

        if (sent <= 0)
            return false;
        p += sent;
        n -= (size_t)sent;
    }
    return true;
}

static void resize(struct server *s)
{
    uint32_t w = 1 + rnd(s, CLIENT_SIDE_MAX), h = 1 + rnd(s, 300);

    s->picture = (struct vnc_picture){s->pixels, w * sizeof *s->pixels, w, h};
    s->whole = true;
}

static bool handshake(struct server *s)
{
    static const uint8_t types[] = {1, 1}, ok[4];
    uint8_t in[12], init[24] = {0};

    if (!put(s, "RFB 003.008\n", 12) || !get(s, in, 12, MSG_WAITALL) || !put(s, types, 2) ||
        !get(s, in, 1, MSG_WAITALL) || !put(s, ok, 4) || !get(s, in, 1, MSG_WAITALL))
        return false;
    store_be16(init, (uint16_t)s->picture.width);
    store_be16(init + 2, (uint16_t)s->picture.height);
    vnc_pixel_format_write(&vnc_pixel_format_native, init + 4);
    return put(s, init, sizeof init);
}

/* Takes what the client has said until now. */
static bool messages(struct server *s)
{
    uint8_t type, in[20];
    int32_t encodings[64];
    struct vnc_pixel_format format;

    while (recv(s->fd, &type, 1, MSG_DONTWAIT) == 1) {
        switch (type) {
        case 0:
            if (!get(s, in, 19, MSG_WAITALL) || !vnc_pixel_format_parse(&format, in + 3))
                return false;
            vnc_encoder_set_format(s->encoder, &format);
            vnc_converter_init(&s->convert, &format);
            break;
        case 2:
            if (!get(s, in, 3, MSG_WAITALL))
                return false;
            for (unsigned i = 0; i < load_be16(in + 1); i++) {
                uint8_t number[4];

                if (i >= ARRAY_SIZE(encodings) || !get(s, number, 4, MSG_WAITALL))
                    return false;
                encodings[i] = (int32_t)load_be32(number);
            }
            vnc_encoder_set_encodings(s->encoder, encodings, load_be16(in + 1));
            break;
        case 3:
            if (!get(s, in, 9, MSG_WAITALL))
                return false;
            break;
        default:
            return false;
        }
    }
    return true;
}

static struct display_rect somewhere(struct server *s)
{
    struct display_rect r = {rnd(s, s->picture.width), rnd(s, s->picture.height), 0, 0};

    r.width = 1 + rnd(s, s->picture.width - r.x);
    r.height = 1 + rnd(s, s->picture.height - r.y);
    return r;
}

static void draw(struct server *s, const struct display_rect *r)
{
    uint32_t kind = rnd(s, 6), base = rnd(s, 1 << 24), colours = 1 + rnd(s, kind == 1 ? 2 : 400);

    for (uint32_t y = r->y; y < r->y + r->height; y++) {
        for (uint32_t x = r->x; x < r->x + r->width; x++) {
            uint32_t v = base;

            if (kind == 1 || kind == 2)
                v += rnd(s, colours) * 0x10305;
            else if (kind == 3)
                v += x / 9 * 0x40201;
            else if (kind == 4)
                v = (x * 7 + y * 13) % 16 < 4 ? base : 0xffffff;
            else if (kind == 5)
                v += (x + y) * 0x010101 + rnd(s, 3);
            s->pixels[y * s->picture.width + x] = v;
        }
    }
}

/* Moves a rectangle in the picture, and tells the client so. */
static bool move(struct server *s, struct buffer *out)
{
    struct display_rect r = somewhere(s);
    uint32_t x = rnd(s, s->picture.width - r.width + 1),
             y = rnd(s, s->picture.height - r.height + 1);
    uint32_t *copy = malloc((size_t)r.width * r.height * sizeof *copy);

    for (uint32_t j = 0; j < r.height; j++)
        memcpy(copy + (size_t)j * r.width, s->pixels + (y + j) * s->picture.width + x,
               r.width * sizeof *copy);
    for (uint32_t j = 0; j < r.height; j++)
        memcpy(s->pixels + (r.y + j) * s->picture.width + r.x, copy + (size_t)j * r.width,
               r.width * sizeof *copy);
    free(copy);
    return vnc_encode_copy(out, &r, x, y);
}

static bool update(struct server *s)
{
    struct buffer out = {.limit = 64 << 20};
    unsigned rects = 0, n = 1 + rnd(s, RECTS_MAX);
    bool sent;

    buffer_put_be32(&out, 0);
    if (!s->whole && rnd(s, 10) == 0) {
        resize(s);
        vnc_put_rect_header(&out, &(struct display_rect){0, 0, s->picture.width, s->picture.height},
                            DESKTOP_SIZE);
        rects = 1;
        n = 0;
    } else if (!s->whole && vnc_encoder_can_copy(s->encoder) && rnd(s, 4) == 0) {
        move(s, &out);
        rects = 1;
    }
    for (unsigned i = 0; i < n; i++) {
        struct display_rect r =
            s->whole ? (struct display_rect){0, 0, s->picture.width, s->picture.height}
                     : somewhere(s);
        struct vnc_encoded done;

        draw(s, &r);
        if (!vnc_encode_rect(s->encoder, &out, &s->picture, &r, &done))
            break;
        rects += done.rects;
        s->whole = false;
    }
    sent = !out.failed;
    if (sent) {
        store_be16(out.data + 2, (uint16_t)rects);
        sent = put(s, out.data, out.len);
    }
    buffer_free(&out);
    return sent;
}

static void *serve(void *opaque)
{
    struct server *s = opaque;

    if (!handshake(s))
        s->failed = true;
    while (!s->failed) {
        sem_wait(&s->go);
        if (s->quit)
            break;
        if (!messages(s) || !update(s))
            s->failed = true;
    }
    shutdown(s->fd, SHUT_RDWR);
    return NULL;
}

/* ---- the client ------------------------------------------------------------------------------ */

static bool finished;

static void on_finished(rfbClient *c)
{
    (void)c;
    finished = true;
}

static bool shows_the_picture(const struct server *s, const rfbClient *c)
{
    return client_shows(c, &s->convert, s->pixels, s->picture.width, s->picture.width,
                        s->picture.height, true);
}

static bool try(const char *encoding, const struct client_format *f, int level, uint64_t seed)
{
    struct server s = {.seed = seed, .fd = -1};
    rfbClient *c;
    pthread_t thread;
    int fds[2];
    bool ok = false;

    socketpair(AF_UNIX, SOCK_STREAM, 0, fds);
    s.fd = fds[1];
    sem_init(&s.go, 0, 0);
    s.pixels = calloc(CLIENT_SIDE_MAX * 300, sizeof *s.pixels);
    s.libs = vnc_libraries_new();
    s.encoder = vnc_encoder_new(s.libs);
    vnc_converter_init(&s.convert, &vnc_pixel_format_native);
    resize(&s);
    pthread_create(&thread, NULL, serve, &s);

    c = client_connect(fds[0], encoding, level, f, on_finished);
    if (c) {
        ok = true;
        for (unsigned i = 0; ok && i < UPDATES; i++) {
            finished = false;
            sem_post(&s.go);
            while (ok && !finished)
                ok = HandleRFBServerMessage(c);
            /* A new size comes by itself, and what it shows is not told yet. */
            ok = ok && !s.failed && (s.whole || shows_the_picture(&s, c));
            if (!ok)
                fprintf(stderr, "%s, %s: update %u is wrong\n", encoding, f->name, i);
        }
    }
    s.quit = true;
    sem_post(&s.go);
    pthread_join(thread, NULL);
    client_free(c);
    close(fds[1]);
    vnc_encoder_free(s.encoder);
    vnc_libraries_free(s.libs);
    free(s.pixels);
    sem_destroy(&s.go);
    return ok;
}

int main(void)
{
    static const char *const encodings[] = {"raw",           "hextile",       "zlib",
                                            "zrle",          "tight",         "copyrect raw",
                                            "copyrect zrle", "copyrect tight"};
    static const struct client_format formats[] = {
        {"32 bits", 8, 4, 255, 255, 255, 16, 8, 0, false},
        {"32 bits, blue first", 8, 4, 255, 255, 255, 0, 8, 16, false},
        {"16 bits", 5, 2, 31, 63, 31, 11, 5, 0, false},
        {"15 bits", 5, 2, 31, 31, 31, 10, 5, 0, false},
        {"8 bits", 2, 1, 7, 7, 3, 0, 3, 6, false},
    };

    rfbEnableClientLogging = FALSE;
    for (unsigned e = 0; e < ARRAY_SIZE(encodings); e++) {
        for (unsigned f = 0; f < ARRAY_SIZE(formats); f++) {
            char name[120];

            snprintf(name, sizeof name, "libvncclient shows the picture: %s, %s", encodings[e],
                     formats[f].name);
            tap(try(encodings[e], &formats[f], (int)((e + f) % 9) + 1, e * 10 + f), name);
        }
    }
    return tap_end();
}
