/* WebSocket over a stream: see websocket.h. */
#include "ui/vnc/transport/websocket.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/util/endian.h"
#include "core/util/error.h"
#include "core/util/range.h"
#include "ui/vnc/transport/stream.h"

/* RFC 6455, section 5.2. */
enum { BIT_FIN = 0x80, BITS_RSV = 0x70, BITS_OPCODE = 0x0f, BIT_MASK = 0x80, BITS_LENGTH = 0x7f };
enum opcode {
    OP_CONTINUATION = 0,
    OP_TEXT = 1,
    OP_BINARY = 2,
    OP_CLOSE = 8,
    OP_PING = 9,
    OP_PONG = 10
};
enum { LENGTH_16 = 126, LENGTH_64 = 127 };
/* Section 7.4.1. */
enum { CLOSE_NORMAL = 1000, CLOSE_PROTOCOL = 1002, CLOSE_DATA = 1003, CLOSE_TOO_BIG = 1009 };
enum {
    HEADER_MAX = 14,
    CONTROL_MAX = 125,
    OUT_HEADER_MAX = 4,
    OUT_FRAME_MAX = 65535,
    /* Frames in a row that carry nothing; a browser sends a ping at most. */
    IDLE_FRAMES_MAX = 1000
};

struct websocket {
    struct vnc_stream s;
    uint16_t close_code; /* what to tell the peer in the end; 0: it knows */

    /* Input. */
    uint8_t input[VNC_WEBSOCKET_INPUT];
    size_t start, end;
    bool starved;    /* what there is makes no whole header */
    bool in_message; /* a message of several frames goes on */
    uint8_t opcode;  /* of the frame that goes on */
    uint64_t left;   /* its bytes to come; of a data frame */
    uint8_t mask[4];
    unsigned mask_at;
    unsigned idle_frames;

    /* Output: the rest of a frame of which the stream below took a part, then the answer to a ping.
     */
    size_t held_start, held_end;
    uint8_t held[OUT_HEADER_MAX + OUT_FRAME_MAX];
    bool pong;
    uint8_t pong_len;
    uint8_t pong_data[CONTROL_MAX];
};

#define WRONG(w, code, ...) ((w)->close_code = (code), vnc_stream_fail(&(w)->s, __VA_ARGS__))

/* ---- output ---------------------------------------------------------------------------------- */

static size_t put_header(uint8_t *out, enum opcode opcode, size_t len)
{
    out[0] = (uint8_t)(BIT_FIN | opcode);
    if (len < LENGTH_16) {
        out[1] = (uint8_t)len;
        return 2;
    }
    out[1] = LENGTH_16;
    store_be16(out + 2, (uint16_t)len);
    return 4;
}

/* True: the next frame may start. */
static bool drain(struct websocket *w)
{
    for (;;) {
        if (w->held_start == w->held_end) {
            w->held_start = w->held_end = 0;
            if (!w->pong)
                return true;
            w->held_end = put_header(w->held, OP_PONG, w->pong_len);
            memcpy(w->held + w->held_end, w->pong_data, w->pong_len);
            w->held_end += w->pong_len;
            w->pong = false;
        }
        struct iovec iov = {w->held + w->held_start, w->held_end - w->held_start};
        ssize_t n = vnc_stream_write(w->s.below, &iov, 1);
        if (n < 0)
            vnc_stream_fail(&w->s, NULL);
        if (n <= 0)
            return false;
        w->held_start += (size_t)n;
    }
}

static bool websocket_flush(struct vnc_stream *s)
{
    return drain((struct websocket *)s) && vnc_stream_flush(s->below);
}

/* The pieces of iov from byte `done` on, up to OUT_FRAME_MAX bytes, as many as fit behind the
 * header's. */
static unsigned slice(struct iovec *out, const struct iovec *iov, unsigned count, size_t done,
                      size_t *len)
{
    unsigned n = 0;

    *len = 0;
    for (; count && done >= iov->iov_len; iov++, count--)
        done -= iov->iov_len;
    for (; count && n < VNC_STREAM_IOV_MAX - 1 && *len < OUT_FRAME_MAX; iov++, count--, done = 0) {
        out[n].iov_base = (uint8_t *)iov->iov_base + done;
        out[n].iov_len = MIN(iov->iov_len - done, OUT_FRAME_MAX - *len);
        *len += out[n++].iov_len;
    }
    return n;
}

/* Keeps what of the frame's pieces the stream below did not take. */
static void hold(struct websocket *w, const struct iovec *iov, unsigned count, size_t taken)
{
    for (; count; iov++, count--) {
        size_t skip = MIN(taken, iov->iov_len);
        memcpy(w->held + w->held_end, (uint8_t *)iov->iov_base + skip, iov->iov_len - skip);
        w->held_end += iov->iov_len - skip;
        taken -= skip;
    }
}

static ssize_t websocket_write(struct vnc_stream *s, const struct iovec *iov, unsigned count)
{
    struct websocket *w = (struct websocket *)s;
    struct iovec frame[VNC_STREAM_IOV_MAX];
    uint8_t header[OUT_HEADER_MAX];
    size_t done = 0, len;

    while (drain(w)) {
        unsigned pieces = slice(frame + 1, iov, count, done, &len);
        ssize_t n;

        if (!len)
            break;
        frame[0].iov_base = header;
        frame[0].iov_len = put_header(header, OP_BINARY, len);
        n = vnc_stream_write(s->below, frame, pieces + 1);
        if (n < 0)
            return vnc_stream_fail(s, NULL);
        if (n == VNC_STREAM_WAIT)
            break;
        hold(w, frame, pieces + 1, (size_t)n);
        done += len;
    }
    return s->over ? VNC_STREAM_OVER : (ssize_t)done;
}

/* ---- input ----------------------------------------------------------------------------------- */

/* More bytes from below, behind those that are there. */
static ssize_t refill(struct websocket *w)
{
    ssize_t n;

    if (w->start) {
        memmove(w->input, w->input + w->start, w->end - w->start);
        w->end -= w->start;
        w->start = 0;
    }
    n = vnc_stream_read(w->s.below, w->input + w->end, sizeof w->input - w->end);
    if (n < 0)
        return vnc_stream_fail(&w->s, NULL);
    w->end += (size_t)n;
    w->starved = n == VNC_STREAM_WAIT;
    return n;
}

/* A control frame, which is there as a whole. */
static ssize_t control(struct websocket *w, uint8_t opcode, uint8_t *data, size_t len)
{
    for (size_t i = 0; i < len; i++)
        data[i] ^= w->mask[i % 4];
    switch (opcode) {
    case OP_PING:
        /* A newer ping replaces one that is not answered yet (section 5.5.3). */
        w->pong = true;
        w->pong_len = (uint8_t)len;
        memcpy(w->pong_data, data, len);
        drain(w);
        break;
    case OP_CLOSE:
        if (len == 1)
            return WRONG(w, CLOSE_PROTOCOL, "WebSocket: a close frame of one byte");
        w->close_code = CLOSE_NORMAL;
        return vnc_stream_fail(&w->s, NULL);
    default: /* a pong that nobody asked for */
        break;
    }
    return w->s.over ? VNC_STREAM_OVER : 1;
}

static ssize_t check_opcode(struct websocket *w, uint8_t first, uint64_t len)
{
    uint8_t opcode = first & BITS_OPCODE;

    switch (opcode) {
    case OP_CONTINUATION:
        if (!w->in_message)
            return WRONG(w, CLOSE_PROTOCOL, "WebSocket: a message goes on that did not start");
        break;
    case OP_BINARY:
        if (w->in_message)
            return WRONG(w, CLOSE_PROTOCOL, "WebSocket: a message starts within another");
        break;
    case OP_TEXT:
        return WRONG(w, CLOSE_DATA, "WebSocket: text, where RFB is binary");
    case OP_CLOSE:
    case OP_PING:
    case OP_PONG:
        if (len > CONTROL_MAX || !(first & BIT_FIN))
            return WRONG(w, CLOSE_PROTOCOL, "WebSocket: a control frame in pieces");
        return 1;
    default:
        return WRONG(w, CLOSE_PROTOCOL, "WebSocket: unknown opcode %u", opcode);
    }
    if (len > VNC_WEBSOCKET_FRAME_MAX)
        return WRONG(w, CLOSE_TOO_BIG, "WebSocket: a frame of %llu bytes, which is too long",
                     (unsigned long long)len);
    return 1;
}

/* The next frame's header, and all of it if it is a control frame. 1: done; 0: not there yet. */
static ssize_t next_frame(struct websocket *w)
{
    uint8_t *p = w->input + w->start;
    size_t have = w->end - w->start, need = 2 + 4;
    uint64_t len;
    ssize_t ok;

    if (have < 2)
        return VNC_STREAM_WAIT;
    if (p[0] & BITS_RSV)
        return WRONG(w, CLOSE_PROTOCOL, "WebSocket: reserved bits are set");
    if (!(p[1] & BIT_MASK))
        return WRONG(w, CLOSE_PROTOCOL, "WebSocket: a frame is not masked");
    len = p[1] & BITS_LENGTH;
    need += len == LENGTH_16 ? 2 : len == LENGTH_64 ? 8 : 0;
    if (have < need)
        return VNC_STREAM_WAIT;
    if (len == LENGTH_16 && (len = load_be16(p + 2)) < LENGTH_16)
        return WRONG(w, CLOSE_PROTOCOL, "WebSocket: a length is not in its shortest form");
    if (len == LENGTH_64 && (p[1] & BITS_LENGTH) == LENGTH_64 && (len = load_be64(p + 2)) <= 65535)
        return WRONG(w, CLOSE_PROTOCOL, "WebSocket: a length is not in its shortest form");
    if ((ok = check_opcode(w, p[0], len)) < 0)
        return ok;
    if (p[0] & OP_CLOSE && have < need + len) /* control frames are looked at as a whole */
        return VNC_STREAM_WAIT;
    memcpy(w->mask, p + need - 4, 4);
    w->start += need;
    if ((!len || p[0] & OP_CLOSE) && ++w->idle_frames > IDLE_FRAMES_MAX)
        return WRONG(w, CLOSE_PROTOCOL, "WebSocket: %d frames in a row without data",
                     IDLE_FRAMES_MAX);
    if (p[0] & OP_CLOSE) {
        w->start += len;
        return control(w, p[0] & BITS_OPCODE, p + need, len);
    }
    w->in_message = !(p[0] & BIT_FIN);
    w->left = len;
    w->mask_at = 0;
    return 1;
}

/* From the frame that is going on. */
static size_t take(struct websocket *w, uint8_t *data, size_t len)
{
    const uint8_t *p = w->input + w->start;

    len = MIN(len, MIN(w->left, w->end - w->start));
    for (size_t i = 0; i < len; i++)
        data[i] = p[i] ^ w->mask[(w->mask_at + i) % 4];
    w->mask_at = (w->mask_at + len) % 4;
    w->start += len;
    w->left -= len;
    w->idle_frames = 0;
    return len;
}

static ssize_t websocket_read(struct vnc_stream *s, void *data, size_t len)
{
    struct websocket *w = (struct websocket *)s;

    for (;;) {
        ssize_t n;

        if (w->left && w->start < w->end)
            return (ssize_t)take(w, data, len);
        n = w->left ? VNC_STREAM_WAIT : next_frame(w);
        if (n == VNC_STREAM_WAIT)
            n = refill(w);
        if (n <= 0)
            return n;
    }
}

/* ---- a stream -------------------------------------------------------------------------------- */

static unsigned websocket_events(const struct vnc_stream *s, unsigned wanted)
{
    const struct websocket *w = (const struct websocket *)s;

    if (w->held_start < w->held_end || w->pong)
        wanted |= VNC_STREAM_WRITE;
    return vnc_stream_events(s->below, wanted);
}

static bool websocket_pending(const struct vnc_stream *s)
{
    const struct websocket *w = (const struct websocket *)s;

    return (w->start < w->end && !w->starved) || vnc_stream_pending(s->below);
}

static void websocket_close(struct vnc_stream *s)
{
    struct websocket *w = (struct websocket *)s;

    if (w->close_code && !s->below->over && drain(w)) {
        uint8_t frame[4];
        struct iovec iov = {frame, sizeof frame};
        put_header(frame, OP_CLOSE, 2);
        store_be16(frame + 2, w->close_code);
        vnc_stream_write(s->below, &iov, 1);
    }
    free(w);
}

static const struct vnc_stream_ops websocket_ops = {
    .read = websocket_read,
    .write = websocket_write,
    .flush = websocket_flush,
    .events = websocket_events,
    .pending = websocket_pending,
    .close = websocket_close,
};

struct vnc_stream *vnc_websocket_new(struct vnc_stream *below, const void *early, size_t early_len,
                                     struct vemu_error **errp)
{
    struct websocket *w = calloc(1, sizeof *w);

    if (!w || early_len > sizeof w->input) {
        free(w);
        error_set(errp, VEMU_ERROR_NO_MEMORY, "out of memory for a WebSocket connection");
        return NULL;
    }
    w->s.ops = &websocket_ops;
    w->s.below = below;
    w->close_code = CLOSE_NORMAL;
    if (early_len)
        memcpy(w->input, early, early_len);
    w->end = early_len;
    return &w->s;
}
