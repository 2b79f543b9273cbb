/* A viewer that decodes nothing: see rfb.h. */
#include "rfb.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { STALL_MS = 20000 }; /* within a message */
enum {
    RAW = 0,
    COPYRECT = 1,
    HEXTILE = 5,
    ZLIB = 6,
    TIGHT = 7,
    ZRLE = 16,
    DESKTOP_SIZE = -223,
    LAST_RECT = -224,
    QUALITY_0 = -32,
    LEVEL_0 = -256,
    RICH_CURSOR = -239,
    CONTINUOUS = -313,
    FENCE = -312,
};
enum { BYTES = 4, TIGHT_BYTES = 3 }; /* of a pixel */

double rfb_now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

/* ---- bytes ----------------------------------------------------------------------------------- */

/* Something to look at; false: nothing came, or the connection is gone (r->fd is -1). */
static bool fill(struct rfb *r, double timeout_ms)
{
    struct pollfd p = {.fd = r->fd, .events = POLLIN};
    ssize_t n;

    if (r->at < r->len)
        return true;
    if (r->fd < 0 || poll(&p, 1, (int)(timeout_ms + 0.999)) <= 0)
        return false;
    n = read(r->fd, r->buf, sizeof r->buf);
    if (n <= 0) {
        rfb_close(r);
        return false;
    }
    r->at = 0;
    r->len = (size_t)n;
    return true;
}

static bool take(struct rfb *r, void *to, size_t n)
{
    uint8_t *p = to;

    while (n) {
        size_t part;
        if (!fill(r, STALL_MS)) {
            rfb_close(r);
            return false;
        }
        part = r->len - r->at < n ? r->len - r->at : n;
        if (p) {
            memcpy(p, r->buf + r->at, part);
            p += part;
        }
        r->at += part;
        r->bytes += part;
        n -= part;
    }
    return true;
}

static bool skip(struct rfb *r, size_t n)
{
    return take(r, NULL, n);
}

static bool take_number(struct rfb *r, unsigned size, uint32_t *v)
{
    uint8_t b[4];

    if (!take(r, b, size))
        return false;
    *v = 0;
    for (unsigned i = 0; i < size; i++)
        *v = *v << 8 | b[i];
    return true;
}

static bool put(struct rfb *r, const void *data, size_t len)
{
    return r->fd >= 0 && send(r->fd, data, len, MSG_NOSIGNAL) == (ssize_t)len;
}

static void store(uint8_t *p, unsigned size, uint32_t v)
{
    while (size--) {
        p[size] = (uint8_t)v;
        v >>= 8;
    }
}

/* ---- rectangles ------------------------------------------------------------------------------ */

static bool skip_hextile(struct rfb *r, uint32_t w, uint32_t h)
{
    for (uint32_t y = 0; y < h; y += 16) {
        for (uint32_t x = 0; x < w; x += 16) {
            uint32_t tw = w - x < 16 ? w - x : 16, th = h - y < 16 ? h - y : 16, kind, n;
            if (!take_number(r, 1, &kind))
                return false;
            if (kind & 1) {
                if (!skip(r, tw * th * BYTES))
                    return false;
                continue;
            }
            if (!skip(r, (kind & 2 ? BYTES : 0) + (kind & 4 ? BYTES : 0)))
                return false;
            if (kind & 8 &&
                !(take_number(r, 1, &n) && skip(r, n * (2 + (kind & 16 ? (size_t)BYTES : 0)))))
                return false;
        }
    }
    return true;
}

static bool skip_compact(struct rfb *r)
{
    uint32_t length = 0, b = 0x80;

    for (unsigned i = 0; i < 3 && b & 0x80; i++) {
        if (!take_number(r, 1, &b))
            return false;
        length |= (i < 2 ? b & 0x7f : b) << 7 * i;
    }
    return skip(r, length);
}

static bool skip_tight(struct rfb *r, uint32_t w, uint32_t h)
{
    uint32_t control, filter = 0, colours;
    size_t size = (size_t)w * h * TIGHT_BYTES;

    if (!take_number(r, 1, &control))
        return false;
    if (control >> 4 == 8)
        return skip(r, TIGHT_BYTES);
    if (control >> 4 > 8)
        return skip_compact(r);
    if (control & 0x40 && !take_number(r, 1, &filter))
        return false;
    if (filter == 1) {
        if (!take_number(r, 1, &colours) || !skip(r, (colours + 1) * (size_t)TIGHT_BYTES))
            return false;
        size = colours == 1 ? (size_t)(w + 7) / 8 * h : (size_t)w * h;
    }
    return size < 12 ? skip(r, size) : skip_compact(r);
}

/* *last: no rectangle follows. */
static bool skip_rect(struct rfb *r, bool *last)
{
    uint8_t head[12];
    uint32_t w, h, n;
    int32_t encoding;

    if (!take(r, head, sizeof head))
        return false;
    w = (uint32_t)head[4] << 8 | head[5];
    h = (uint32_t)head[6] << 8 | head[7];
    encoding =
        (int32_t)((uint32_t)head[8] << 24 | (uint32_t)head[9] << 16 | head[10] << 8 | head[11]);
    if (encoding >= 0) {
        r->rects++;
        r->pixels += (uint64_t)w * h;
    }
    switch (encoding) {
    case RAW:
        return skip(r, (size_t)w * h * BYTES);
    case COPYRECT:
        return skip(r, 4);
    case HEXTILE:
        return skip_hextile(r, w, h);
    case ZLIB:
    case ZRLE:
        return take_number(r, 4, &n) && skip(r, n);
    case TIGHT:
        return skip_tight(r, w, h);
    case RICH_CURSOR:
        return skip(r, (size_t)w * h * BYTES + (size_t)(w + 7) / 8 * h);
    case DESKTOP_SIZE:
        r->width = w;
        r->height = h;
        return true;
    case LAST_RECT:
        *last = true;
        return true;
    }
    fprintf(stderr, "rectangle of encoding %d\n", encoding);
    rfb_close(r);
    return false;
}

/* ---- messages -------------------------------------------------------------------------------- */

static bool take_update(struct rfb *r)
{
    uint32_t n;
    bool last = false;

    r->rects = 0;
    r->pixels = 0;
    if (!skip(r, 1) || !take_number(r, 2, &n))
        return false;
    while (n-- && !last)
        if (!skip_rect(r, &last))
            return false;
    return true;
}

static bool take_fence(struct rfb *r)
{
    uint8_t m[9 + 255] = {248};
    uint32_t flags, len;

    if (!skip(r, 3) || !take_number(r, 4, &flags) || !take_number(r, 1, &len) ||
        !take(r, m + 9, len))
        return false;
    store(m + 4, 4, flags & 0x7fffffff);
    m[8] = (uint8_t)len;
    return !(flags >> 31) || put(r, m, 9 + len);
}

enum rfb_result rfb_message(struct rfb *r, double timeout_ms)
{
    uint32_t kind, n;
    bool ok = true;

    if (!fill(r, timeout_ms))
        return r->fd < 0 ? RFB_GONE : RFB_TIMEOUT;
    r->first_ms = rfb_now_ms();
    if (!take_number(r, 1, &kind))
        return RFB_GONE;
    switch (kind) {
    case 0:
        return take_update(r) ? RFB_UPDATE : RFB_GONE;
    case 1:
        ok = skip(r, 3) && take_number(r, 2, &n) && skip(r, 6 * (size_t)n);
        break;
    case 2:
        break;
    case 3:
        ok = skip(r, 3) && take_number(r, 4, &n) && skip(r, n);
        break;
    case 150:
        r->continuous_offered = true;
        break;
    case 248:
        ok = take_fence(r);
        break;
    default:
        fprintf(stderr, "message %u\n", kind);
        rfb_close(r);
        ok = false;
    }
    return ok ? RFB_OTHER : RFB_GONE;
}

/* ---- the client's ---------------------------------------------------------------------------- */

bool rfb_request(struct rfb *r, bool incremental)
{
    uint8_t m[10] = {3, incremental};

    store(m + 6, 2, r->width);
    store(m + 8, 2, r->height);
    return put(r, m, sizeof m);
}

bool rfb_continuous(struct rfb *r, bool on)
{
    uint8_t m[10] = {150, on};

    store(m + 6, 2, r->width);
    store(m + 8, 2, r->height);
    return put(r, m, sizeof m);
}

bool rfb_key(struct rfb *r, uint32_t keysym)
{
    uint8_t m[16] = {4, 1, [8] = 4};

    store(m + 4, 4, keysym);
    store(m + 12, 4, keysym);
    return put(r, m, sizeof m);
}

int rfb_dial(const char *host, unsigned port)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

    inet_pton(AF_INET, host, &to.sin_addr);
    if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to) != 0) {
        if (fd >= 0)
            close(fd);
        return -1;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return fd;
}

void rfb_close(struct rfb *r)
{
    if (r->fd >= 0)
        close(r->fd);
    r->fd = -1;
    r->at = r->len = 0;
}

static bool handshake(struct rfb *r)
{
    uint8_t types[255];
    uint32_t n;
    static const uint8_t none = 1, shared = 1;

    if (!skip(r, 12) || !put(r, "RFB 003.008\n", 12) || !take_number(r, 1, &n) || !n ||
        !take(r, types, n) || !memchr(types, none, n) || !put(r, &none, 1) ||
        !take_number(r, 4, &n) || n || !put(r, &shared, 1) || !take_number(r, 2, &r->width) ||
        !take_number(r, 2, &r->height) || !skip(r, 16) || !take_number(r, 4, &n))
        return false;
    return skip(r, n);
}

bool rfb_open(struct rfb *r, int fd, const char *encoding, int level, int quality)
{
    static const struct {
        const char *name;
        int32_t number;
    } names[] = {
        {"raw", RAW}, {"hextile", HEXTILE}, {"zlib", ZLIB}, {"tight", TIGHT}, {"zrle", ZRLE}};
    static const uint8_t format[20] = {0, [4] = 32, 24, 0, 1, 0, 255, 0, 255, 0, 255, 16, 8, 0};
    int32_t list[] = {RAW,       COPYRECT,   RAW,   DESKTOP_SIZE,    RICH_CURSOR,
                      LAST_RECT, CONTINUOUS, FENCE, LEVEL_0 + level, QUALITY_0 + quality};
    unsigned n = sizeof list / sizeof list[0] - (quality < 0);
    uint8_t m[4 + sizeof list] = {2};

    memset(r, 0, offsetof(struct rfb, buf));
    r->at = r->len = 0;
    r->fd = fd;
    for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(names[i].name, encoding) == 0)
            list[0] = names[i].number;
    store(m + 2, 2, n);
    for (unsigned i = 0; i < n; i++)
        store(m + 4 + 4 * i, 4, (uint32_t)list[i]);
    return fd >= 0 && handshake(r) && put(r, format, sizeof format) && put(r, m, 4 + 4 * n);
}
